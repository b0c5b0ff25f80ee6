"""The queries behind `analysis.bigpanel`: five scans of the rows, every sum an exact integer.

Variables are centred by period and scaled by a power of two to [-1, 1]; products are rounded to
multiples of 2^-62 and added as integers. Integers add to the same number in any order, so the
result does not depend on threads, on the order of rows or on how files are split. What leaves the
database has one row per period, per pattern of presence, or none at all.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np

from analysis.panel_input import raise_violations

UNIT = 2.0**62
"""Integer that stands for 1; sums are 128-bit, so 2^64 rows cannot overflow."""
BITS = 62
"""Periods per mask: a positive 64-bit integer marks in which periods a unit is seen."""
PERIODS, EFFECTS = "big_panel_periods", "big_panel_effects"
SCORES, GROUPED = "big_panel_scores", "big_panel_clusters"


@dataclass(frozen=True)
class Columns:
    """Names of the columns; `variables` are outcome and regressors, in this order."""

    variables: tuple[str, ...]
    unit: str
    time: str
    cluster: str | None
    weights: str | None

    @property
    def numeric(self) -> tuple[str, ...]:
        """Columns that must hold finite numbers."""
        return (*self.variables, *([self.weights] if self.weights else []))

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns in which a missing value removes the row."""
        return (*self.numeric, *([self.cluster] if self.cluster else []))

    @property
    def named(self) -> tuple[str, ...]:
        """All columns, each once."""
        return tuple(dict.fromkeys([*self.optional, self.unit, self.time]))


@dataclass(frozen=True)
class Scaling:
    """How variables and weights are brought to at most 1, without rounding.

    Attributes
    ----------
    factors : tuple of float
        A power of two for each variable, by which its centred values are multiplied.
    lows : tuple of float
        Smallest value of each variable.
    weight : float
        The same for the weights; 0 if there are none.
    """

    factors: tuple[float, ...]
    lows: tuple[float, ...]
    weight: float


def quoted(name: str) -> str:
    """Return an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def from_clause(source: str | Path, *, is_table: bool) -> str:
    """Return what stands after FROM: a table of the connection, a file, a folder or a pattern.

    Of a folder, every parquet file below it counts, but none in a hidden folder.
    """
    if is_table:
        return quoted(str(source))
    path = Path(source)
    if not path.is_dir():
        return f"read_parquet({_literal(str(source))})"
    below = sorted(path.rglob("*.parquet"))
    shown = [p for p in below if not any(n.startswith(".") for n in p.relative_to(path).parts)]
    if not shown:
        raise_violations("the panel", [f"{path}: no parquet file below it: mend the path"])
    return f"read_parquet([{', '.join(_literal(glob.escape(str(p))) for p in shown)}])"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def number(value: float) -> str:
    """Return a literal that the database reads as exactly this double."""
    return f"'{float(value)!r}'::DOUBLE"


def power_above(value: float) -> float:
    """Return the smallest power of two that is larger than `value`; 1 for zero."""
    return float(2.0 ** np.frexp(value)[1]) if value > 0 else 1.0


def fetch(con: Any, query: str) -> list[dict[str, Any]]:
    """Return the rows of a small result as dicts."""
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def arrays(con: Any, query: str) -> dict[str, np.ndarray]:
    """Return the columns of a result as arrays."""
    found = con.execute(query).fetchnumpy()
    return {name: np.ma.getdata(values) for name, values in found.items()}


def exact_sum(expression: str) -> str:
    """Return the sum of an expression that lies in (-2, 2), independent of the order of rows."""
    return f"sum(CAST(({expression}) * {number(UNIT)} AS BIGINT))::DOUBLE / {number(UNIT)}"


def exact_columns(expression: str, name: str, *, times: str = "1") -> str:
    """Return an exact sum, times an integer, as two columns: `name` and what its double loses."""
    total = f"(sum(CAST(({expression}) * {number(UNIT)} AS BIGINT)) * {times})"
    lost = f"({total} - {total}::DOUBLE::HUGEINT)::DOUBLE"
    return f"{total}::DOUBLE / {number(UNIT)} AS {name}, {lost} / {number(UNIT)} AS {name}_rest"


def pairs(count: int) -> list[tuple[int, int]]:
    """Return the index pairs of the upper triangle of a symmetric matrix."""
    return list(combinations_with_replacement(range(count), 2))


def profile(con: Any, origin: str, columns: Columns) -> dict[str, Any]:
    """Count rows and missing values, and find the range of each numeric column.

    Returns
    -------
    dict
        `rows`; `missing <column>`; `low <column>` and `high <column>` of numeric columns, which
        are infinite if a value is; `complete`, the rows without a missing value, and their
        `periods`.
    """
    time = quoted(columns.time)
    parts = ["count(*) AS rows", f"count(DISTINCT {time}) AS periods"]
    for name in columns.named:
        value = _known(name, columns)
        parts.append(f"count(*) - count({value}) AS {quoted('missing ' + name)}")
        if name in columns.numeric:
            parts.append(f"min({value}) AS {quoted('low ' + name)}")
            parts.append(f"max({value}) AS {quoted('high ' + name)}")
    found = fetch(con, f"SELECT {', '.join(parts)} FROM {origin}")[0]
    found["complete"] = found["rows"]
    if any(found[f"missing {name}"] for name in columns.named):
        counts = f"count(*) AS complete, count(DISTINCT {time}) AS periods"
        found |= fetch(con, f"SELECT {counts} FROM {origin} WHERE {complete(columns)}")[0]
    return found


def _known(name: str, columns: Columns) -> str:
    """Return a column with its missing values, NaN included, as NULL."""
    if name not in columns.numeric:
        return quoted(name)
    return f"nullif(CAST({quoted(name)} AS DOUBLE), 'nan'::DOUBLE)"


def complete(columns: Columns) -> str:
    """Return the condition that no value of a row is missing."""
    return " AND ".join(f"{_known(name, columns)} IS NOT NULL" for name in columns.named)


def scaling(columns: Columns, found: Mapping[str, Any]) -> Scaling:
    """Return the scaling that suits the ranges `found` by `profile`."""
    lows = tuple(found[f"low {name}"] for name in columns.variables)
    highs = [found[f"high {name}"] for name in columns.variables]
    factors = tuple(1 / power_above(high - low) for low, high in zip(lows, highs, strict=True))
    weight = 1 / power_above(found[f"high {columns.weights}"]) if columns.weights else 0.0
    return Scaling(factors, lows, weight)


def rows(origin: str, columns: Columns, *, filtered: bool) -> str:
    """Return the complete rows as a subquery: u, t, v0 (outcome), v1, ..., w and c."""
    values = [f"CAST({quoted(c)} AS DOUBLE) AS v{k}" for k, c in enumerate(columns.variables)]
    weight = f"CAST({quoted(columns.weights)} AS DOUBLE)" if columns.weights else "NULL"
    cluster = quoted(columns.cluster) if columns.cluster else "NULL"
    keys = f"{quoted(columns.unit)} AS u, {quoted(columns.time)} AS t"
    where = f" WHERE {complete(columns)}" if filtered else ""
    return (
        f"(SELECT {keys}, {', '.join(values)}, {weight} AS w, {cluster} AS c FROM {origin}{where})"
    )


def create_periods(con: Any, data: str, scaling: Scaling) -> dict[str, np.ndarray]:
    """Create the table of periods with the mean of each variable; return its columns.

    Returns
    -------
    dict of ndarray
        `n`, rows per period, and `m0`, `m1`, ...: means in the units of the variables, (T,).
    """
    means = []
    for k, (factor, low) in enumerate(zip(scaling.factors, scaling.lows, strict=True)):
        total = exact_sum(f"(v{k} - {number(low)}) * {number(factor)}")
        means.append(f"{number(low)} + {total} / count(*) / {number(factor)} AS m{k}")
    grouped = f"SELECT t, count(*) AS n, {', '.join(means)} FROM {data} GROUP BY t"
    position = "row_number() OVER (ORDER BY t) - 1 AS p"
    con.execute(f"CREATE TEMP TABLE {PERIODS} AS SELECT {position}, * FROM ({grouped})")
    found = arrays(con, f"SELECT * EXCLUDE (p, t) FROM {PERIODS} ORDER BY p")
    return {name: values.astype(float) for name, values in found.items()}


def centred(
    data: str, scaling: Scaling, *, periods: str = PERIODS, kept: Sequence[str] = ()
) -> str:
    """Return the rows with z0, z1, ...: variables less their period mean, within [-1, 1]."""
    z = [f"(v{k} - m{k}) * {number(f)} AS z{k}" for k, f in enumerate(scaling.factors)]
    weight = f"w * {number(scaling.weight)} AS w"
    listed = ", ".join(["u", "c", "p", weight, *z, *kept])
    return f"(SELECT {listed} FROM {data} JOIN {periods} USING (t))"


def period_sums(con: Any, data: str, scaling: Scaling) -> dict[str, np.ndarray]:
    """Return by period the weighted sums of z_k (`s0`, ...) and of z_j z_k (`s0_0`, ...), (T,).

    The latter come with what is lost in rounding them to doubles (`s0_0_rest`, ...).
    """
    count = len(scaling.factors)
    times = "w * " if scaling.weight else ""
    parts = [f"{exact_sum(f'{times}z{k}')} AS s{k}" for k in range(count)]
    parts += [exact_columns(f"{times}z{j} * z{k}", f"s{j}_{k}") for j, k in pairs(count)]
    query = f"SELECT p, {', '.join(parts)} FROM {centred(data, scaling)} GROUP BY p ORDER BY p"
    return arrays(con, query)


def pattern_sums(
    con: Any, data: str, scaling: Scaling, periods: int, *, clustered: bool
) -> dict[str, np.ndarray]:
    """Return the sums over units, grouped by the set of periods in which a unit is seen.

    Returns
    -------
    dict of ndarray
        For each pattern: `mask_0`, ... (bits of the periods), `units`, `w` (sum of the units'
        weights), `s0`, ... (of their means), `s0_0`, ... (of rows times the products of their
        means) with `s0_0_rest`, ..., and the number of units with `repeated` periods,
        `changing_w` or `changing_c`.
    """
    count, masks = len(scaling.factors), range(-(-periods // BITS))
    inner = ["count(*) AS n", *(f"{_mask(k)} AS mask_{k}" for k in masks)]
    inner += [f"{exact_sum(f'z{k}')} / count(*) AS a{k}" for k in range(count)]
    inner += [f"min({v}) AS low_{v}, max({v}) AS high_{v}" for v in _checked(scaling, clustered)]
    weight, times = ("low_w", "low_w * ") if scaling.weight else ("1", "")
    outer = ["count(*) AS units", f"{exact_sum(weight)} AS w"]
    outer += [f"{exact_sum(f'{times}a{k}')} AS s{k}" for k in range(count)]
    products = {f"s{j}_{k}": f"{times}a{j} * a{k}" for j, k in pairs(count)}
    outer += [exact_columns(value, name, times="max(n)") for name, value in products.items()]
    seen = " + ".join(f"bit_count(mask_{k})::BIGINT" for k in masks)
    outer.append(f"count_if(n <> {seen}) AS repeated")
    for name in _checked(scaling, clustered):
        outer.append(f"count_if(low_{name} <> high_{name}) AS changing_{name}")
    key = ", ".join(f"mask_{k}" for k in masks)
    units = f"SELECT {', '.join(inner)} FROM {centred(data, scaling)} GROUP BY u"
    return arrays(
        con, f"SELECT {key}, {', '.join(outer)} FROM ({units}) GROUP BY {key} ORDER BY {key}"
    )


def _checked(scaling: Scaling, clustered: bool) -> list[str]:
    return [*(["w"] if scaling.weight else []), *(["c"] if clustered else [])]


def _mask(k: int) -> str:
    first = k * BITS
    bit = f"1::BIGINT << (p - {first})"
    return f"bit_or(CASE WHEN p BETWEEN {first} AND {first + BITS - 1} THEN {bit} ELSE 0 END)"


def symmetric(upper: Sequence[float], count: int) -> np.ndarray:
    """Return the symmetric matrix of which `upper` lists the upper triangle by rows."""
    matrix = np.zeros((count, count))
    for value, (j, k) in zip(upper, pairs(count), strict=True):
        matrix[j, k] = matrix[k, j] = value
    return matrix


def drop_tables(con: Any) -> None:
    """Remove what the queries above left in the connection."""
    for table in (PERIODS, EFFECTS, SCORES, GROUPED):
        con.execute(f"DROP TABLE IF EXISTS {table}")
