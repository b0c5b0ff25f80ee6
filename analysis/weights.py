"""From indicators in their own units to weights: min-max normalisation and four weighting schemes.

Bounds are taken over all unit-years of one declared window, so that a score of one year can be
compared with another. Weights are computed within a subsystem and sum to 1 there: weights computed
across subsystems, as many papers do, give a county that is best in everything a score below 1.
Entropy is the usual scheme; equal, coefficient-of-variation and CRITIC weights are its checks.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from analysis.indicators import IndicatorSystem
from analysis.project import bullet_list

KEYS = ["code", "year"]
UNIT_SLACK = 1e-9  # rounding of values that are in [0, 1] by construction


def set_keys(panel: pd.DataFrame, system: IndicatorSystem) -> pd.DataFrame:
    """Take the indicators of a panel, indexed and sorted by (code, year), as float.

    Parameters
    ----------
    panel : one row per county-year with `code`, `year` and the variables of the system
    system : indicator system

    Raises
    ------
    ValueError
        Listing every missing column, repeated or incomplete key, value that is no number, and
        infinite value.
    """
    missing = [c for c in [*KEYS, *system.variables] if c not in panel.columns]
    faults = [f"no column {c}; {system.name} needs it" for c in missing]
    if not set(KEYS) & set(missing):
        repeated = panel.loc[panel.duplicated(KEYS), KEYS].drop_duplicates()
        keys = repeated.itertuples(index=False)
        faults += [f"code {code}, year {year}: more than one row" for code, year in keys]
        empty = int(panel[KEYS].isna().any(axis=1).sum())
        faults += [f"{empty} row(s) without code or year"] if empty else []
    for column in [c for c in system.variables if c not in missing]:
        faults += _number_faults(panel[column])
    if faults:
        raise ValueError(_listed(f"panel does not fit indicator system {system.name}", faults))
    return panel.set_index(KEYS)[system.variables].astype(float).sort_index()


def normalisation_bounds(
    panel: pd.DataFrame, system: IndicatorSystem, *, base_years: Sequence[int]
) -> pd.DataFrame:
    """Lowest and highest value of each indicator over all unit-years of the base window.

    Parameters
    ----------
    panel : one row per county-year, keys `code` and `year`
    system : indicator system
    base_years : (first, last) year of the window, both included

    Returns
    -------
    DataFrame indexed by variable: base_minimum, base_maximum (units of the indicator), base_rows
    (unit-years in the window with a value), clipped (unit-years outside the window whose value is
    beyond the bounds and counts as the bound)

    Raises
    ------
    ValueError
        Listing every variable that is constant or wholly missing in the window, or if the window
        is not two years in order that cover a row.
    """
    x = set_keys(panel, system)
    base = x[in_window(x.index, base_years)]
    bounds = pd.DataFrame(
        {"base_minimum": base.min(), "base_maximum": base.max(), "base_rows": base.notna().sum()}
    )
    outside = x.lt(bounds["base_minimum"]) | x.gt(bounds["base_maximum"])
    bounds["clipped"] = outside.sum().astype("int64")
    faults = [f"{v} has no value" for v in bounds.index[bounds["base_rows"] == 0]]
    flat = (bounds["base_minimum"] == bounds["base_maximum"]) & (bounds["base_rows"] > 0)
    faults += [f"{v} is constant ({bounds.loc[v, 'base_minimum']:g})" for v in bounds.index[flat]]
    if faults:
        where = f"cannot normalise {system.name} over {base_years[0]}-{base_years[1]}"
        raise ValueError(_listed(f"{where}; drop the indicator or widen the window", faults))
    return bounds.rename_axis("variable")


def normalise(
    panel: pd.DataFrame, system: IndicatorSystem, *, base_years: Sequence[int]
) -> pd.DataFrame:
    """Min-max normalisation with one pair of bounds for all years.

    z = (x - min) / (max - min) for direction "+" and (max - x) / (max - min) for "-"; min and max
    over all unit-years of the base window; values of other years are clipped to [0, 1], and
    `normalisation_bounds` counts them. A missing x stays missing.

    Parameters
    ----------
    panel : one row per county-year, keys `code` and `year`
    system : indicator system
    base_years : (first, last) year of the window, both included

    Returns
    -------
    DataFrame indexed by (code, year), one column in [0, 1] per variable, 1 is best

    Source
    ------
    OECD & JRC (2008), Handbook on Constructing Composite Indicators, step 5 (min-max).
    """
    bounds = normalisation_bounds(panel, system, base_years=base_years)
    low, high = bounds["base_minimum"], bounds["base_maximum"]
    z = ((set_keys(panel, system) - low) / (high - low)).clip(0.0, 1.0)
    negative = [i.variable for i in system.indicators if i.direction == "-"]
    z[negative] = 1.0 - z[negative]
    return z


def in_window(index: pd.Index, base_years: Sequence[int]) -> np.ndarray:
    """Which rows of a (code, year) index lie in the window; both years included."""
    if len(base_years) != 2 or base_years[0] > base_years[1]:
        raise ValueError(f"base_years must be (first, last) in order, not {tuple(base_years)}")
    years = index.get_level_values("year").to_numpy()
    inside = (years >= base_years[0]) & (years <= base_years[1])
    if not inside.any():
        raise ValueError(f"no row in base_years {tuple(base_years)}; years: {sorted(set(years))}")
    return inside


def squeeze(z: pd.DataFrame, *, shift: float) -> pd.DataFrame:
    """Map [0, 1] linearly to [shift, 1 - shift], as papers do that avoid ln 0.

    Parameters
    ----------
    z : normalised indicators
    shift : in [0, 0.5); 0 changes nothing

    Source
    ------
    The variant z' = z (1 - 2 shift) + shift, checked against the oracle with shift = 0.002.
    """
    if not 0.0 <= shift < 0.5:
        raise ValueError(f"shift must be in [0, 0.5), not {shift}")
    return z * (1.0 - 2.0 * shift) + shift


def entropy_weights(z: pd.DataFrame, system: IndicatorSystem, *, shift: float = 0.0) -> pd.Series:
    """Entropy weights within each subsystem.

    p = z / sum z over all N unit-years; e = -sum p ln p / ln N with 0 ln 0 = 0;
    w = (1 - e) / sum (1 - e) over the indicators of the subsystem.

    Parameters
    ----------
    z : normalised indicators without missing values, at least two rows
    system : indicator system
    shift : map z to [shift, 1 - shift] before (see `squeeze`); 0 by default, as none is needed

    Returns
    -------
    Series indexed by variable; sums to 1 within each subsystem. An indicator that is the same in
    all rows carries no information and gets 0; a subsystem of only such indicators is an error.

    Source
    ------
    Shannon (1948); Zou, Yun & Sun (2006), Journal of Environmental Sciences 18(5), 1020-1023.
    Skewed indicators take the weight: compare with the other schemes.
    """
    x = squeeze(_checked(z, system), shift=shift)
    p = (x / x.sum()).fillna(0.0)  # a column of zeros has no shares: no information, see below
    terms = (p * np.log(p.where(p > 0, 1.0))).sum()
    information = (1.0 + terms / np.log(len(x))).clip(lower=0.0)
    return _shares(information.where(_varies(x), 0.0), system, scheme="entropy")


def equal_weights(z: pd.DataFrame, system: IndicatorSystem) -> pd.Series:
    """One over the number of indicators of the subsystem, whatever the data."""
    return _shares(pd.Series(1.0, index=_checked(z, system).columns), system, scheme="equal")


def cv_weights(z: pd.DataFrame, system: IndicatorSystem) -> pd.Series:
    """Weights in proportion to the coefficient of variation within each subsystem.

    w = V / sum V with V = s / mean, s the sample standard deviation (N - 1). Constant indicators
    get 0; a subsystem of only such indicators is an error. Parameters and result as for
    `entropy_weights`.
    """
    x = _checked(z, system)
    variation = (x.std(ddof=1) / x.mean()).where(_varies(x), 0.0)
    return _shares(variation, system, scheme="cv")


def critic_weights(z: pd.DataFrame, system: IndicatorSystem) -> pd.Series:
    """CRITIC weights within each subsystem: contrast times conflict.

    w = I / sum I with I_j = s_j sum_k (1 - r_jk), s the sample standard deviation and r Pearson's
    correlation, both among the indicators of the subsystem. Constant indicators get 0 and enter no
    conflict; the only varying indicator of a subsystem gets 1; indicators that all correlate
    perfectly share equally. Parameters and result as for `entropy_weights`.

    Source
    ------
    Diakoulaki, Mavrotas & Papayannakis (1995), Computers & Operations Research 22(7), 763-770.
    """
    x = _checked(z, system)
    information = pd.Series(0.0, index=x.columns)
    for subsystem in system.subsystems:
        part = x[system.members(subsystem)]
        part = part.loc[:, _varies(part)]
        conflict = (1.0 - part.corr()).sum().clip(lower=0.0)
        none = bool((conflict <= UNIT_SLACK * len(conflict)).all())
        information[part.columns] = 1.0 if none else part.std(ddof=1) * conflict
    return _shares(information, system, scheme="critic")


SCHEMES: dict[str, Callable[[pd.DataFrame, IndicatorSystem], pd.Series]] = {
    "entropy": entropy_weights,
    "equal": equal_weights,
    "cv": cv_weights,
    "critic": critic_weights,
}


def _checked(z: pd.DataFrame, system: IndicatorSystem) -> pd.DataFrame:
    """Columns of the system; an error lists what is missing or outside [0, 1]."""
    absent = [v for v in system.variables if v not in z.columns]
    faults = [f"{v}: no such column" for v in absent]
    for v in [v for v in system.variables if v not in absent]:
        holes = int(z[v].isna().sum())
        outside = int(((z[v] < -UNIT_SLACK) | (z[v] > 1.0 + UNIT_SLACK)).sum())
        faults += [f"{v}: {holes} missing value(s)"] if holes else []
        faults += [f"{v}: {outside} value(s) outside [0, 1]"] if outside else []
    if len(z) < 2:
        faults.append(f"{len(z)} row(s); two are needed")
    if faults:
        raise ValueError(_listed("weights need complete normalised indicators", faults))
    return z[system.variables]


def _varies(x: pd.DataFrame) -> pd.Series:
    return x.max() > x.min()


def _shares(information: pd.Series, system: IndicatorSystem, *, scheme: str) -> pd.Series:
    """Information of each indicator as a share of its subsystem."""
    weights = information.astype(float).copy()
    empty = []
    for subsystem in system.subsystems:
        members = system.members(subsystem)
        total = weights[members].sum()
        if total > 0:
            weights[members] /= total
        else:
            empty.append(f"{subsystem}: {', '.join(members)}")
    if empty:
        headline = f"{scheme} weights: all indicators of a subsystem are constant"
        raise ValueError(_listed(headline, empty))
    return weights.rename("weight").rename_axis("variable")


def _number_faults(column: pd.Series) -> list[str]:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        text = pd.to_numeric(column, errors="coerce").isna() & column.notna()
        example = column[text].iloc[0] if text.any() else column.dtype
        return [f"column {column.name} is not numeric (for example {example!r}); convert it"]
    infinite = int(np.isinf(column.to_numpy(dtype=float, na_value=np.nan)).sum())
    return [f"column {column.name}: {infinite} infinite value(s)"] if infinite else []


def _listed(headline: str, faults: list[str]) -> str:
    return bullet_list(f"{headline}; {len(faults)} fault(s):", faults)
