"""Checks of a keyed panel, and the rows that a panel model uses.

Every violation of the input is collected before anything is estimated and reported in one error.
Rows are left out only because a value is missing, and are counted. Whether a regressor varies
where a model needs it is checked here, so that no estimator has to fail half-way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.project import bullet_list

CONSTANT = "const"
ABSORBED = 1e-9
"""A regressor is absorbed when less than this share of its norm is left; rounding is 1e-15."""
SHOWN = 5
"""Number of offending keys printed in an error message."""
WITHIN_MODELS = frozenset({"entity", "two_way", "first_difference"})
"""Models that need regressors to vary within entities."""


@dataclass(frozen=True)
class Specification:
    """What is estimated: columns of the panel, models, and whether period dummies are added."""

    outcome: str
    regressors: tuple[str, ...]
    entity: str
    time: str
    clusters: tuple[str, ...]
    models: tuple[str, ...]
    time_effects: bool


@dataclass(frozen=True)
class Sample:
    """Complete rows of a panel.

    Attributes
    ----------
    frame : DataFrame
        Sorted and indexed by (entity, time); outcome and regressors as floats, and for each
        cluster column `c` integer codes in a column `cluster c`.
    dropped : int
        Rows left out because a value was missing.
    """

    frame: pd.DataFrame
    dropped: int


def input_violations(
    frame: pd.DataFrame, *, keys: Sequence[str], numeric: Sequence[str], present: Sequence[str]
) -> list[str]:
    """List what is wrong with a keyed table.

    Parameters
    ----------
    frame : DataFrame
        Table to check.
    keys : sequence of str
        Columns that must exist, be complete and jointly unique.
    numeric : sequence of str
        Columns that must exist and hold finite numbers, booleans or missing values.
    present : sequence of str
        Further columns that must exist.

    Returns
    -------
    list of str
        One line per violation with column, rows and remedy; empty if there is none.
    """
    wanted = list(dict.fromkeys([*keys, *numeric, *present]))
    absent = [column for column in wanted if column not in frame.columns]
    found = [f"column '{c}' is missing: add it or name another one" for c in absent]
    for column in set(numeric) - set(absent):
        found += _numeric_violations(frame, column, keys)
    if set(keys) & set(absent):
        return sorted(found)
    for key in keys:
        if count := int(frame[key].isna().sum()):
            found.append(f"column '{key}': {count} rows without a key: complete or remove them")
    duplicated = frame.duplicated(list(keys), keep=False)
    if duplicated.any():
        found.append(
            f"{int(duplicated.sum())} rows share a key {tuple(keys)}, e.g. "
            f"{_examples(frame, duplicated, keys)}: keep one row per key"
        )
    return sorted(found)


def raise_violations(what: str, violations: Sequence[str]) -> None:
    """Raise one ValueError that lists all `violations`; do nothing if there is none."""
    if violations:
        headline = f"{what} cannot be used, {len(violations)} violation(s):"
        raise ValueError(bullet_list(headline, list(violations)))


def _numeric_violations(frame: pd.DataFrame, column: str, keys: Sequence[str]) -> list[str]:
    values = frame[column]
    keys = [key for key in keys if key in frame.columns]
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    bad = values.notna() & (numbers.isna() | np.isinf(numbers))
    if bad.any():
        rule = f"{int(bad.sum())} values are not finite numbers, e.g. '{values[bad].iloc[0]}'"
        return [f"column '{column}': {rule} at {_examples(frame, bad, keys)}: correct them"]
    if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return [f"column '{column}': numbers stored as {values.dtype}: convert to a numeric type"]
    return []


def _examples(frame: pd.DataFrame, mask: pd.Series, keys: Sequence[str]) -> str:
    shown = frame.loc[mask, list(keys)].drop_duplicates().head(SHOWN)
    return "; ".join(" ".join(map(str, row)) for row in shown.itertuples(index=False))


def complete_sample(
    panel: pd.DataFrame, spec: Specification, *, violations: Sequence[str] = ()
) -> Sample:
    """Return the complete rows of a panel, or raise with every violation.

    Parameters
    ----------
    panel : DataFrame
        One row per entity and time. Not changed.
    spec : Specification
        Columns and models.
    violations : sequence of str
        Violations already found, reported together with those of the panel.

    Returns
    -------
    Sample

    Raises
    ------
    ValueError
        Lists every violation.
    """
    keys = [spec.entity, spec.time]
    used = [spec.outcome, *spec.regressors]
    found = input_violations(panel, keys=keys, numeric=[*used, spec.time], present=spec.clusters)
    raise_violations("the panel", [*violations, *found])
    data = pd.DataFrame(
        {c: panel[c].to_numpy(dtype=float, na_value=np.nan) for c in used}
        | {f"cluster {c}": panel[c].to_numpy() for c in spec.clusters}
    )
    data.index = pd.MultiIndex.from_frame(panel[keys].astype({spec.time: int}))
    complete = data.dropna().sort_index()
    for column in spec.clusters:
        complete[f"cluster {column}"] = pd.factorize(complete[f"cluster {column}"], sort=True)[0]
    raise_violations("the panel", _variation_violations(complete, spec))
    return Sample(complete, len(data) - len(complete))


def _variation_violations(frame: pd.DataFrame, spec: Specification) -> list[str]:
    entities = frame.index.get_level_values(0)
    found = []
    if frame.index.get_level_values(1).nunique() < 2:
        found.append(f"column '{spec.time}': fewer than 2 periods in the complete rows")
    if entities.nunique() < len(spec.regressors) + 2:
        found.append(f"column '{spec.entity}': {entities.nunique()} entities are too few")
    for column in spec.clusters:
        groups = frame[f"cluster {column}"]
        if groups.nunique() < 2:
            found.append(f"column '{column}': clustered errors need at least 2 groups")
        if (changing := int((groups.groupby(level=0).nunique() > 1).sum())) > 0:
            found.append(f"column '{column}' changes within {changing} entities: fix one value")
    return found or _absorbed_violations(frame, spec)


def _absorbed_violations(frame: pd.DataFrame, spec: Specification) -> list[str]:
    x = frame[list(spec.regressors)]
    means = x.groupby(level=0).transform("mean")
    periods = bool({"two_way"} & set(spec.models)) or spec.time_effects
    left = {"overall": x - x.mean()}
    if WITHIN_MODELS & set(spec.models):
        left["within entities"] = x - means
    if WITHIN_MODELS & set(spec.models) and periods:
        dummies = period_dummies(frame)
        dummies = dummies - dummies.groupby(level=0).transform("mean")
        slopes = np.linalg.lstsq(dummies.to_numpy(), (x - means).to_numpy(), rcond=None)[0]
        left["within entities and periods"] = (x - means) - dummies.to_numpy() @ slopes
    if "between" in spec.models:
        left["between entities"] = (means - means.mean()).groupby(level=0).first()
    found = []
    size = np.sqrt((x**2).mean()).replace(0.0, 1.0)
    for where, values in left.items():
        flat = [c for c in x if np.sqrt((values[c] ** 2).mean()) <= ABSORBED * size[c]]
        found += [f"regressor '{c}' does not vary {where}: drop it or the model" for c in flat]
        unit = values.drop(columns=flat)
        unit = unit / np.sqrt((unit**2).mean())
        tolerance = ABSORBED * np.sqrt(len(unit))
        if np.linalg.matrix_rank(unit.to_numpy(), tol=tolerance) < unit.shape[1]:
            found.append(f"regressors {list(unit)} are collinear {where}: drop one")
    return found


def period_dummies(frame: pd.DataFrame) -> pd.DataFrame:
    """Return 0/1 columns for every period but the first, indexed as `frame`."""
    periods = pd.Series(frame.index.get_level_values(1), index=frame.index)
    return pd.get_dummies(periods, prefix="period", drop_first=True, dtype=float)
