"""Yearly outcomes of counties beside what is known of each county before delisting."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from analysis.project import bullet_list

TRANSFORMATIONS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "none": lambda x: x,
    "log_plus_0.01": lambda x: np.log(x + 0.01),
    "log_plus_0.1": lambda x: np.log(x + 0.1),
    "log_plus_1": np.log1p,
    "asinh": np.arcsinh,
}
PLACE = ["code", "province", "prefecture", "designated", "delisted_year", "rural_2010"]


def annual_panel(
    years: pd.DataFrame,
    counties: pd.DataFrame,
    *,
    outcome: str,
    transformation: str = "none",
    baseline: Sequence[str] = (),
    alike: Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join yearly outcomes with the baseline of each county.

    Parameters
    ----------
    years : DataFrame
        `county_years`: code, year and the outcome.
    counties : DataFrame
        `county_panel`; the baseline is its first year, so it lies before any delisting.
    outcome : str
        Column of `years`.
    transformation : str
        One of `TRANSFORMATIONS`. A logarithm needs a constant where values are near zero; which one
        weighs the dark counties, so the result is shown under several.
    baseline : sequence of str
        Columns of `counties`.
    alike : sequence of str
        Those of the baseline that measure the outcome in an earlier year; they are transformed as
        the outcome is, so that a level is held fixed on the scale on which its change is compared.

    Returns
    -------
    tuple of DataFrame
        The balanced panel: code, year, province, prefecture, designated, delisted_year,
        rural_2010, the baseline and `outcome`; and the counties left out: code, reason.

    Raises
    ------
    ValueError
        Listing every missing column, an unknown transformation and what is in `alike` alone.
    """
    needed = {
        "years": (years, ["code", "year", outcome]),
        "counties": (counties, [*PLACE, *baseline]),
    }
    problems = [
        f"{name} has no column {column}"
        for name, (frame, columns) in needed.items()
        for column in columns
        if column not in frame
    ]
    if transformation not in TRANSFORMATIONS:
        problems.append(
            f"transformation {transformation!r}: use one of {', '.join(TRANSFORMATIONS)}"
        )
    problems += [
        f"{c} is to be transformed but not in the baseline" for c in {*alike} - {*baseline}
    ]
    if problems:
        raise ValueError(bullet_list("the yearly panel cannot be built:", problems))
    transform = TRANSFORMATIONS[transformation]
    first = counties[counties["year"] == counties["year"].min()]
    known = first[list(dict.fromkeys([*PLACE, *baseline]))]
    known = known.assign(**{column: transform(known[column]) for column in alike})
    series = years[["code", "year"]].assign(outcome=transform(years[outcome]))
    reasons = _reasons(series, known, list(baseline))
    kept = series[~series["code"].isin(reasons["code"])]
    panel = kept.merge(known, on="code").sort_values(["code", "year"], ignore_index=True)
    return panel, reasons


def _reasons(series: pd.DataFrame, known: pd.DataFrame, baseline: list[str]) -> pd.DataFrame:
    """Return the counties that cannot be used, each with the first reason that applies."""
    span = series["year"].nunique()
    complete = series.dropna(subset="outcome").groupby("code")["year"].nunique() == span
    every = pd.Index(sorted({*series["code"], *known["code"]}), name="code")
    missing = known.set_index("code")[baseline].isna().any(axis=1)
    rules = {
        "no yearly outcome": ~every.isin(series["code"]),
        "not in the county panel": ~every.isin(known["code"]),
        "outcome not known in every year": ~every.isin(complete.index[complete]),
        "baseline not known": every.isin(missing.index[missing]),
    }
    reason = pd.Series("", index=every)
    for text, applies in rules.items():
        reason[(reason == "") & applies] = text
    return reason[reason != ""].rename("reason").reset_index()
