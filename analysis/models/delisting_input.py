"""Checks of a panel with staggered treatment, and the sample that all its estimators share.

A county is treated once, in the year of its cohort, and stays treated. Whatever would make an
estimator fail half-way or answer another question is refused here, in one error that lists all
violations; what is left out or reinterpreted is counted in `notes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.long_difference import GROUPS
from analysis.panel_input import SHOWN, input_violations, raise_violations

NEVER = 0
"""Cohort of the never treated in `StaggeredSample`."""
CONTROLS = ("never", "not_yet")
UNBALANCED = ("refuse", "drop", "keep")
SMALL_COHORT = 5
"""Below this many units asymptotic errors of a cohort's effect are not trusted (did's warning)."""
COLLINEAR = 1e-9
"""Smallest eigenvalue of a correlation matrix that is told from rounding."""


@dataclass(frozen=True, kw_only=True)
class StaggeredSample:
    """Rows that the estimators use.

    Attributes
    ----------
    frame : DataFrame
        Sorted by unit and time: `unit` (0..n-1), `time`, `outcome`, `cohort` (0: never treated
        within the window), and the columns `baseline` (constant per unit) and `regressors`.
    labels : Index
        Label of each unit.
    clusters : mapping of str to ndarray, shape (n,)
        Cluster of each unit, numbered from 0, by name.
    baseline, regressors : tuple of str
        Columns of `frame` that a conditional estimator uses.
    unit_column : str
        Name of the unit in the data; clusters of this name are the units themselves.
    notes : tuple of str
        What was left out or reinterpreted.
    """

    frame: pd.DataFrame
    labels: pd.Index
    clusters: Mapping[str, np.ndarray]
    baseline: tuple[str, ...]
    regressors: tuple[str, ...]
    unit_column: str
    notes: tuple[str, ...]

    @property
    def cohorts(self) -> np.ndarray:
        """Cohort of each unit, shape (n,)."""
        return self.frame["cohort"].to_numpy()[self.starts]

    @property
    def starts(self) -> np.ndarray:
        """Position of the first row of each unit, shape (n,)."""
        return np.flatnonzero(np.diff(self.frame["unit"].to_numpy(), prepend=-1))


def staggered_sample(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str = "code",
    time: str = "year",
    cohort: str = "delisted_year",
    baseline: Sequence[str] = (),
    regressors: Sequence[str] = (),
    clusters: Sequence[str] = (),
    controls: str = "never",
    anticipation: int = 0,
    unbalanced: str = "refuse",
    smallest_cohort: int = 2,
) -> StaggeredSample:
    """Check a staggered panel and return the rows to use.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and time. Not changed.
    outcome, unit, time, cohort : str
        Columns. `cohort` is the first treated period; missing, 0 or infinite: never treated. A
        cohort after the last period is untreated throughout and counts as never treated; units
        treated in the first period or before have no untreated period and are left out.
    baseline : sequence of str
        Numeric columns, fixed before treatment. Of one that varies, the unit's first value is used.
    regressors : sequence of str
        Numeric columns that vary over time.
    clusters : sequence of str
        Columns constant within units; prefectures are told apart by province if that is there.
    controls : str
        ``"never"`` or ``"not_yet"``. Without any never-treated unit the latter ends the window
        before the last cohort is treated.
    anticipation : int
        Periods before treatment in which an effect may already show.
    unbalanced : str
        If units lack a period: ``"refuse"``, ``"drop"`` them or ``"keep"`` them.
    smallest_cohort : int
        Cohorts of fewer units are refused; the error of an effect estimated on one unit has no
        part from that unit.

    Returns
    -------
    StaggeredSample

    Raises
    ------
    ValueError
        Lists every violation.
    """
    _check_options(controls, anticipation, unbalanced)
    groups = {name: _columns_of(name, frame) for name in clusters}
    _check_columns(frame, [unit, time], outcome, cohort, baseline, regressors, groups)
    data = pd.DataFrame({
        "label": frame[unit].to_numpy(),
        "time": frame[time].to_numpy(dtype=int),
        "outcome": frame[outcome].to_numpy(dtype=float, na_value=np.nan),
        "cohort": _cohort_numbers(frame[cohort]),
    } | {c: frame[c].to_numpy(dtype=float, na_value=np.nan) for c in [*baseline, *regressors]} | {
        f"cluster {name}": frame.groupby(columns).ngroup().to_numpy()
        for name, columns in groups.items()
    })  # fmt: skip
    data = data.sort_values(["label", "time"], ignore_index=True)
    raise_violations("the staggered panel", _unit_violations(data, cohort, clusters))
    data, notes = _restricted(data, controls, anticipation, baseline, regressors, unbalanced)
    raise_violations(
        "the staggered panel", _comparison_violations(data, controls, baseline, smallest_cohort)
    )
    return _as_sample(data, notes, baseline, regressors, clusters, unit)


def cohort_from_treatment(
    frame: pd.DataFrame, *, treatment: str, unit: str = "code", time: str = "year"
) -> pd.Series:
    """Return the first treated period of each row's unit, missing if never treated.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and time. Not changed.
    treatment : str
        Column of 0 and 1 (or booleans).
    unit, time : str
        Key columns.

    Returns
    -------
    Series of Int64
        Aligned with `frame`.

    Raises
    ------
    ValueError
        If a unit's treatment ends, as it does where a unit is treated twice.
    """
    raise_violations(
        "the treatment", input_violations(frame, keys=(unit, time), numeric=[treatment], present=[])
    )
    treated = frame[treatment].astype(bool)
    first = frame[time].where(treated).groupby(frame[unit]).transform("min")
    ended = frame.loc[(frame[time] > first) & ~treated, unit].unique()
    if len(ended):
        raise ValueError(
            f"treatment ends in {len(ended)} units, e.g. {', '.join(map(str, ended[:SHOWN]))}: "
            f"these estimators need treatment that lasts; keep the first spell or drop the units"
        )
    return first.astype("Int64")


def _columns_of(name: str, frame: pd.DataFrame) -> list[str]:
    return [c for c in GROUPS.get(name, (name,)) if c in frame or c == name]


def _check_options(controls: str, anticipation: int, unbalanced: str) -> None:
    found = []
    if controls not in CONTROLS:
        found.append(f"controls '{controls}' is unknown: use {list(CONTROLS)}")
    if unbalanced not in UNBALANCED:
        found.append(f"unbalanced '{unbalanced}' is unknown: use {list(UNBALANCED)}")
    if anticipation < 0:
        found.append(f"anticipation {anticipation} is negative: give a number of periods")
    raise_violations("the options", found)


def _check_columns(
    frame: pd.DataFrame,
    keys: list[str],
    outcome: str,
    cohort: str,
    baseline: Sequence[str],
    regressors: Sequence[str],
    groups: Mapping[str, list[str]],
) -> None:
    numeric = [outcome, keys[1], *baseline, *regressors]
    present = [cohort, *(c for columns in groups.values() for c in columns)]
    found = input_violations(frame, keys=keys, numeric=numeric, present=present)
    for column in {c for columns in groups.values() for c in columns} & set(frame.columns):
        if missing := int(frame[column].isna().sum()):
            found.append(f"column '{column}': {missing} rows without a cluster: complete them")
    if outcome in frame and frame[outcome].isna().all():
        found.append(f"column '{outcome}' is missing in every row: choose another outcome")
    if outcome in {*baseline, *regressors}:
        found.append(f"column '{outcome}' is outcome and control at once: drop the control")
    raise_violations("the staggered panel", found)


def _cohort_numbers(values: pd.Series) -> np.ndarray:
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, NEVER).astype(int)


def _unit_violations(data: pd.DataFrame, cohort: str, clusters: Sequence[str]) -> list[str]:
    """List units whose cohort or cluster changes over time."""
    found = []
    rules = {"cohort": (cohort, "treated more than once: keep the first year of treatment")}
    rules |= {f"cluster {c}": (c, "clusters must not change: fix one value") for c in clusters}
    for column, (name, remedy) in rules.items():
        changing = data.groupby("label")[column].nunique()
        if len(bad := changing[changing > 1].index):
            shown = ", ".join(map(str, bad[:SHOWN]))
            found.append(f"column '{name}' differs within {len(bad)} units, e.g. {shown}: {remedy}")
    return found


def _restricted(
    data: pd.DataFrame,
    controls: str,
    anticipation: int,
    baseline: Sequence[str],
    regressors: Sequence[str],
    unbalanced: str,
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out what cannot be used; return the rows and what was done."""
    notes: list[str] = []
    data = _with_first_values(data, baseline, notes)
    data = data.dropna(subset=["outcome", *regressors]).copy()
    data = _without(data, data[list(baseline)].isna().any(axis=1), "lack a baseline control", notes)
    if controls == "not_yet" and not (data["cohort"] == NEVER).any():
        last = data["cohort"].max() - anticipation
        if (data["time"] >= last).any():
            notes.append(f"no never-treated unit: periods from {last} on are left out")
            data = data[data["time"] < last]
    late = data["cohort"] > data["time"].max()
    soon = late & (data["cohort"] - anticipation <= data["time"].max())
    data["cohort"] = data["cohort"].mask(late, NEVER)
    data = _without(data, soon, "may anticipate treatment after the last period", notes)
    early = (data["cohort"] != NEVER) & (data["cohort"] - anticipation <= data["time"].min())
    data = _without(data, early, "have no untreated period", notes)
    periods = data.groupby("label")["time"].transform("size")
    short = periods < data["time"].nunique()
    units, lacking = data["label"].nunique(), data.loc[short, "label"].nunique()
    if unbalanced == "refuse" and lacking:
        raise_violations("the staggered panel", [
            f"unbalanced: {lacking} of {units} units lack a period, e.g. "
            f"{', '.join(map(str, data.loc[short, 'label'].unique()[:SHOWN]))}: "
            f"choose unbalanced='drop' or 'keep'"
        ])  # fmt: skip
    if unbalanced == "drop":
        data = _without(data, short, "lack a period", notes)
    elif lacking:
        notes.append(f"unbalanced: {lacking} of {units} units lack a period")
    return data, notes


def _with_first_values(
    data: pd.DataFrame, columns: Sequence[str], notes: list[str]
) -> pd.DataFrame:
    """Replace each column by the value in the first row of its unit; `data` sorted by unit."""
    starts = ~data["label"].duplicated().to_numpy()
    rows = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    varying = []
    for column in columns:
        values = data[column].to_numpy()
        if not np.array_equal(values[rows], values, equal_nan=True):
            varying.append(column)
    if varying:
        notes.append(f"baseline {', '.join(varying)}: the first value of each unit is used")
    return data.assign(**{c: data[c].to_numpy()[rows] for c in columns})


def _without(data: pd.DataFrame, out: pd.Series, why: str, notes: list[str]) -> pd.DataFrame:
    if out.any():
        notes.append(f"{data.loc[out, 'label'].nunique()} units left out: {why}")
    return data[~out]


def _comparison_violations(
    data: pd.DataFrame, controls: str, baseline: Sequence[str], smallest: int
) -> list[str]:
    units = data.drop_duplicates("label")
    sizes = units["cohort"].value_counts().sort_index()
    if data["time"].nunique() < 2:
        return ["fewer than 2 periods are left: use more years"]
    found = []
    if not (sizes.index != NEVER).any():
        found.append("no unit is treated within the window: use more years or another sample")
    if NEVER not in sizes.index:
        remedy = "use controls='not_yet'" if controls == "never" else "use more years"
        found.append(f"no never-treated unit within the window: {remedy}")
    elif sizes[NEVER] < 2:
        found.append("a single never-treated unit within the window: use a wider sample")
    for cohort, size in sizes.items():
        if cohort != NEVER and size < smallest:
            found.append(
                f"cohort {cohort} has {size} unit(s), so that its error cannot be estimated: leave "
                f"it out, merge it with a neighbouring one or set smallest_cohort={size}"
            )
    return found + _collinear(units, sizes, baseline)


def _collinear(units: pd.DataFrame, sizes: pd.Series, baseline: Sequence[str]) -> list[str]:
    """List what keeps the outcome from being regressed on the baseline among the controls."""
    if not baseline or NEVER not in sizes.index:
        return []
    x = units.loc[units["cohort"] == NEVER, list(baseline)]
    if len(x) < len(baseline) + 2:
        return [f"{len(x)} controls for {len(baseline)} baseline controls: use fewer of them"]
    spread = x.std(ddof=0)
    flat = spread[spread <= COLLINEAR * x.abs().max()].index.tolist()
    if flat:
        return [f"baseline control '{c}' does not vary among the controls: drop it" for c in flat]
    if np.linalg.eigvalsh(np.corrcoef(x.to_numpy(), rowvar=False).reshape(len(x.columns), -1))[0] \
            < COLLINEAR:  # fmt: skip
        return [f"baseline controls {list(baseline)} are collinear among the controls: drop one"]
    return []


def _as_sample(
    data: pd.DataFrame,
    notes: list[str],
    baseline: Sequence[str],
    regressors: Sequence[str],
    clusters: Sequence[str],
    unit: str,
) -> StaggeredSample:
    codes, labels = pd.factorize(data["label"], sort=True)
    data = data.assign(unit=codes).reset_index(drop=True)
    units = data.drop_duplicates("unit")
    sizes = units["cohort"].value_counts()
    for cohort, size in sizes[sizes < SMALL_COHORT].sort_index().items():
        notes.append(f"cohort {cohort} has {size} units: its errors are not reliable")
    columns = ["unit", "time", "outcome", "cohort", *baseline, *regressors]
    return StaggeredSample(
        frame=data[columns],
        labels=pd.Index(labels),
        clusters={c: pd.factorize(units[f"cluster {c}"], sort=True)[0] for c in clusters},
        baseline=tuple(baseline),
        regressors=tuple(regressors),
        unit_column=unit,
        notes=tuple(notes),
    )
