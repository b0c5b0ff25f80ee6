"""Embedded official figures: reading them and putting two series into one table."""

from pathlib import Path

import pandas as pd

NATIONAL = "national_rural_poverty.csv"
REGIONAL = "regional_rural_poverty.csv"


def load_rural_poverty(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the number and share of the rural poor.

    Parameters
    ----------
    folder : Path
        `data/raw/facts`.

    Returns
    -------
    tuple of DataFrame
        National (year, rural_poor_10k, incidence_pct, source) and regional (the same with
        `region3`: east, central, west). Persons in 10,000, incidence in percent.

    Raises
    ------
    ValueError
        When the regions of a year do not sum to the national figure.
    """
    national = pd.read_csv(folder / NATIONAL)
    regional = pd.read_csv(folder / REGIONAL)
    total = regional.groupby("year")["rural_poor_10k"].sum()
    printed = national.set_index("year")["rural_poor_10k"].reindex(total.index)
    if (wrong := total[total != printed]).size:
        raise ValueError(
            f"{folder.name}/{REGIONAL}: regions do not sum to {NATIONAL} in "
            + ", ".join(
                f"{year} ({value} against {given})"
                for year, value, given in zip(wrong.index, wrong, printed[wrong.index], strict=True)
            )
        )
    return national, regional


def stack(national: pd.DataFrame, regional: pd.DataFrame) -> pd.DataFrame:
    """Return both series in one table, `region3` being `national` for the first."""
    return pd.concat([national.assign(region3="national"), regional], ignore_index=True)
