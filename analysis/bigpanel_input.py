"""Checks of a big panel before and after its moments are known; every violation in one error.

The rules are those of `analysis.panel_input`; here the database counts, so that a file of any
size can be checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.bigpanel_moments import Moments
from analysis.bigpanel_queries import Columns, complete, fetch, quoted
from analysis.panel_input import SHOWN, raise_violations

MAX_PERIODS = 4000
"""Period dummies are solved as a dense T x T matrix."""
ABSORBED = 1e-12
"""A regressor is absorbed when less than this share of its sum of squares is left. Moments of
doubles cannot tell less from rounding, so this is coarser than the rule of `panel_input`."""
NUMERIC = ("INT", "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN")
"""Parts of the names of the types that are numbers."""


def check_columns(con: Any, origin: str, columns: Columns) -> None:
    """Raise if a column is absent, named twice, or not numeric where it must be."""
    types = {
        row["column_name"]: row["column_type"] for row in fetch(con, f"DESCRIBE FROM {origin}")
    }
    absent = [name for name in columns.named if name not in types]
    found = [f"column '{name}' is missing: add it or name another one" for name in absent]
    regressors = columns.variables[1:]
    if not regressors:
        found.append("no regressor is given: name at least one")
    if len(set(regressors)) < len(regressors):
        found.append(f"regressors repeat: {list(regressors)}: name each once")
    for name in sorted({columns.variables[0], columns.unit} & set(regressors)):
        found.append(f"regressor '{name}' is the outcome or a key: remove it")
    for name in sorted(set(columns.numeric) - set(absent)):
        if not any(part in types[name] for part in NUMERIC):
            rule = f"numbers stored as {types[name]}: convert to a numeric type"
            found.append(f"column '{name}': {rule}")
    raise_violations("the panel", found)


def check_profile(con: Any, origin: str, columns: Columns, profile: dict[str, Any]) -> None:
    """Raise if keys are missing, values infinite, weights not positive, or periods too few."""
    found = []
    for name in (columns.unit, columns.time):
        if count := profile[f"missing {name}"]:
            found.append(f"column '{name}': {count} rows without a key: complete or remove them")
    for name in dict.fromkeys(columns.numeric):
        low, high = profile[f"low {name}"], profile[f"high {name}"]
        if low is None:
            continue
        if np.isinf([low, high]).any():
            where = _examples(con, origin, columns, f"isinf(CAST({quoted(name)} AS DOUBLE))")
            found.append(f"column '{name}': values are infinite, {where}: correct them")
        elif not np.isfinite(high - low):
            found.append(f"column '{name}': values from {low} to {high} span too much: rescale it")
        if name == columns.weights and low <= 0:
            where = _examples(con, origin, columns, f"{quoted(name)} <= 0")
            rule = "weights are zero or negative"
            found.append(f"column '{name}': {rule}, {where}: correct or remove the rows")
    if (count := profile["periods"]) < 2:
        found.append(f"column '{columns.time}': fewer than 2 periods in the complete rows")
    if count > MAX_PERIODS:
        remedy = "use coarser periods, or exchange unit and time and cluster by what was the unit"
        found.append(f"column '{columns.time}': {count} periods, at most {MAX_PERIODS}: {remedy}")
    raise_violations("the panel", found)


def check_moments(con: Any, origin: str, columns: Columns, moments: Moments) -> None:
    """Raise if keys repeat, units are too few or change, or regressors are absorbed."""
    found = []
    if moments.repeated:
        keys = f"{quoted(columns.unit)}, {quoted(columns.time)}"
        query = f"SELECT {keys} FROM {origin} WHERE {complete(columns)} GROUP BY {keys}"
        where = _listed(con, f"{query} HAVING count(*) > 1 ORDER BY {keys} LIMIT {SHOWN}")
        rule = f"{moments.repeated} units have rows that share a period, e.g. {where}"
        found.append(f"{rule}: keep one row per unit and period")
    for count, name in (
        (moments.changing_w, columns.weights),
        (moments.changing_c, columns.cluster),
    ):
        if count:
            found.append(f"column '{name}' changes within {count} units: fix one value")
    slopes = len(columns.variables) - 1
    if moments.units < slopes + 2:
        rule = f"{moments.units} units seen more than once are too few for {slopes} regressors"
        found.append(f"column '{columns.unit}': {rule}")
    raise_violations("the panel", found or _absorbed(columns, moments))


def _absorbed(columns: Columns, moments: Moments) -> list[str]:
    """List regressors without variation of their own, each judged given those before it."""
    found: list[str] = []
    free: list[int] = []
    for k, name in enumerate(columns.variables[1:], start=1):
        left = own = moments.within[k, k]
        if free:
            crossed = moments.within[free, k]
            left = own - crossed @ np.linalg.solve(moments.within[np.ix_(free, free)], crossed)
        least = ABSORBED * moments.total[k]
        if own <= least:
            found.append(f"regressor '{name}' does not vary within units and periods: drop it")
        elif left <= least:
            others = [columns.variables[j] for j in free]
            found.append(f"regressor '{name}' is collinear with {others} and the effects: drop one")
        else:
            free.append(k)
    return found


def _examples(con: Any, origin: str, columns: Columns, condition: str) -> str:
    """Count the rows that meet a condition and name the keys of the first."""
    keys = f"{quoted(columns.unit)}, {quoted(columns.time)}"
    where = f"FROM {origin} WHERE {condition}"
    count = fetch(con, f"SELECT count(*) AS n {where}")[0]["n"]
    first = _listed(con, f"SELECT DISTINCT {keys} {where} ORDER BY {keys} LIMIT {SHOWN}")
    return f"{count} rows, e.g. {first}"


def _listed(con: Any, query: str) -> str:
    return "; ".join(" ".join(map(str, row)) for row in con.execute(query).fetchall())
