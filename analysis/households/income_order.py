"""What needs incomes in order: medians, and the sums behind the Gini coefficient.

The database sorts, out of core if need be; the sorted rows come in batches and are never all in
memory. Rows are sorted by everything that is used, so that ties cannot change a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.households.survey_errors import Floats, Integers
from analysis.households.weighted_sums import GroupSums

BATCH = 1 << 17
"""Rows at a time; arrays of as many stay in the cache of a processor."""
INCOME_BITS = 39
"""Of a 64-bit integer with the domain; enough for `row_values.LARGEST_INCOME` in hundredths."""
WEIGHT_BITS = 27
"""Of a 64-bit integer with the entry; enough for the largest weight, 1e8."""


def excess_sums(rows: Any, sums: GroupSums, keys: Sequence[str]) -> Floats:
    """Return, for each entry, the sum of v E with E_i = sum over y_j <= y_i of v_j (y_i - y_j).

    Parameters
    ----------
    rows : ibis table
        As `row_values` makes it.
    sums : GroupSums
        Of the groups within which incomes are compared.
    keys : sequence of str
        Columns of `rows` and of the sample's sums that say which row belongs to which entry.

    Returns
    -------
    array, shape (n_entries,)
    """
    places = sums.sample.sums[list(keys)].assign(
        first=sums.domains.domain[sums.entry] << INCOME_BITS, then=sums.entry << WEIGHT_BITS
    )
    packed = _packed(rows, places)
    ordered = packed.filter(packed["first"].notnull()).order_by(["first", "then"])
    excess = np.zeros(len(sums.domains.psu))
    carried = (-1, 0.0, 0.0)
    for batch in record_batches(ordered):
        carried = _add_batch(excess, batch, carried)
    return excess


def record_batches(expression: Any) -> Iterator[Any]:
    """Yield the rows of an Ibis table in order, as Arrow tables of `BATCH` rows, the last shorter.

    Their sizes must not depend on the threads of the database, for each is summed by itself.
    """
    import pyarrow as pa

    held, rows = [], 0
    for batch in _streamed(expression):
        held.append(pa.Table.from_batches([batch]))
        rows += batch.num_rows
        while rows >= BATCH:
            joined = pa.concat_tables(held)
            yield joined.slice(0, BATCH)
            held, rows = [joined.slice(BATCH)], rows - BATCH
    if rows:
        yield pa.concat_tables(held)


def _streamed(expression: Any) -> Iterator[Any]:
    """Yield record batches as the database makes them.

    DuckDB 2 has lost the call by which Ibis 12 does that, so its connection is asked directly, once
    an empty query has registered the tables in memory that the expression uses.
    """
    backend = expression.get_backend()
    if backend.name != "duckdb":
        return expression.to_pyarrow_batches(chunk_size=BATCH)
    expression.limit(0).to_pyarrow()
    return backend.con.sql(str(backend.compile(expression))).to_arrow_reader(BATCH)


def weighted_medians(rows: Any, keys: Sequence[str]) -> pd.DataFrame:
    """Return the weighted median of `cents` by `keys`.

    The least income that half of the weight does not exceed; the middle of it and the next one
    where exactly half lies at or below it.
    """
    known = rows.filter(rows["cents"].notnull())
    values = known.group_by([*keys, "cents"]).agg(v=known["v"].sum().cast("float64"))
    table = values.order_by([*keys, "cents"]).to_pandas()
    if not keys:
        return pd.DataFrame({"median": [_median(table)]})
    groups = table.groupby(list(keys), dropna=False)
    medians = [(*names, _median(part)) for names, part in groups]
    return pd.DataFrame(medians, columns=[*keys, "median"])


def _median(sorted_values: pd.DataFrame) -> float:
    cents, weight = sorted_values["cents"].to_numpy(), sorted_values["v"].to_numpy()
    below = np.cumsum(weight)
    at = int(np.searchsorted(below, below[-1] / 2))
    tied = below[at] == below[-1] / 2 and at + 1 < len(cents)
    return float(cents[at] + cents[at + 1]) / 2 if tied else float(cents[at])


def _packed(rows: Any, places: pd.DataFrame) -> Any:
    """Return rows as two integers: domain and income, entry and weight; sorting is faster so."""
    import ibis

    keys = [name for name in places.columns if name not in ("first", "then")]
    table = ibis.memtable(places)
    missing = places.isna().any()
    same = [
        rows[key].identical_to(table[key]) if missing[key] else rows[key] == table[key]
        for key in keys
    ]
    joined = rows.inner_join(table, same, rname="{name}_place")
    return joined.select(first=joined["first"] + rows["cents"], then=joined["then"] + rows["v"])


def _add_batch(
    excess: Floats, batch: Any, carried: tuple[int, float, float]
) -> tuple[int, float, float]:
    """Add a sorted batch to `excess`; return its last domain with its running sums."""
    first, then = batch["first"].to_numpy(), batch["then"].to_numpy()
    domain, cents = first >> INCOME_BITS, (first & ((1 << INCOME_BITS) - 1)).astype(float)
    entry, v = then >> WEIGHT_BITS, then & ((1 << WEIGHT_BITS) - 1)
    starts = np.flatnonzero(np.diff(domain, prepend=domain[0] - 1))
    before = carried if carried[0] == domain[0] else (domain[0], 0.0, 0.0)
    weight, income = v.astype(float), v * cents
    running_weight = _running(weight, starts, before[1])
    running_income = _running(income, starts, before[2])
    parts = weight * (cents * running_weight - running_income)
    least = int(entry.min())
    sums = np.bincount(entry - least, parts)
    excess[least : least + len(sums)] += sums
    return int(domain[-1]), float(running_weight[-1]), float(running_income[-1])


def _running(values: Floats, starts: Integers, before: float) -> Floats:
    """Return running sums that begin anew at `starts`, the first of them with `before`.

    The sum of the stretch before is taken off at each start, so that rounding stays that of one
    stretch and does not grow with the batch.
    """
    steps = values.copy()
    steps[starts[1:]] -= np.add.reduceat(values, starts)[:-1]
    steps[starts[1:2]] -= before
    steps[0] += before
    return np.cumsum(steps)
