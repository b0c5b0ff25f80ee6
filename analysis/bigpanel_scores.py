"""Scores of a big panel: their sum, which checks the slopes, and their outer products by cluster.

One scan of the rows gives a score per unit, kept in a temporary table of the database; what follows
reads that table. Sums are those of `analysis.bigpanel_queries`, independent of order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.bigpanel_queries import (
    EFFECTS,
    GROUPED,
    PERIODS,
    SCORES,
    Scaling,
    centred,
    exact_sum,
    number,
    pairs,
    power_above,
    symmetric,
)


def score_sums(
    con: Any,
    data: str,
    scaling: Scaling,
    slopes: np.ndarray,
    effects: np.ndarray,
    *,
    clustered: bool,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the sum of the scores, the sum of their outer products by cluster, and the clusters.

    The score of a unit is w sum_t a_it (r_it - mean r_i) with the regressors and the residual less
    their period effects, a = z - e and r = z0 - z slopes - e0. Only the demeaned r counts, so the
    constant that period effects leave open has no influence.

    Parameters
    ----------
    slopes : ndarray
        (K,) in the scaled variables.
    effects : ndarray
        (T, K + 1): period effects e0 of the outcome given the slopes, then e of each regressor.

    Returns
    -------
    tuple
        (K,) sum, (K, K) sum of outer products, and the number of clusters.
    """
    _create_scores(con, data, scaling, slopes, effects)
    names, table = [f"g{k}" for k in range(1, len(slopes) + 1)], SCORES
    if clustered:
        peaks = _peaks(con, SCORES, names)
        sums = [
            f"{exact_sum(f'{g} / {number(peak)}')} * {number(peak)} AS {g}"
            for g, peak in zip(names, peaks, strict=True)
        ]
        con.execute(_create(GROUPED, f"SELECT c, {', '.join(sums)} FROM {SCORES} GROUP BY c"))
        table = GROUPED
    peaks = _peaks(con, table, names)
    unit = [f"{g} / {number(peak)}" for g, peak in zip(names, peaks, strict=True)]
    parts = [exact_sum(u) for u in unit]
    parts += [exact_sum(f"{unit[j]} * {unit[k]}") for j, k in pairs(len(unit))]
    found = con.execute(f"SELECT count(*), {', '.join(parts)} FROM {table}").fetchone()
    size = np.array(peaks)
    meat = symmetric(found[1 + len(unit) :], len(unit)) * np.outer(size, size)
    return np.array(found[1 : 1 + len(unit)]) * size, meat, int(found[0])


def _create_scores(
    con: Any, data: str, scaling: Scaling, slopes: np.ndarray, effects: np.ndarray
) -> None:
    """Create the table of scores of the units seen more than once: c and g1, g2, ..."""
    count = effects.shape[1]
    values = ", ".join(
        f"({p}, {', '.join(number(e) for e in row)})" for p, row in enumerate(effects)
    )
    names = [f"e{k}" for k in range(count)]
    joined = f"{PERIODS} JOIN (VALUES {values}) AS v(p, {', '.join(names)}) USING (p)"
    con.execute(_create(EFFECTS, f"SELECT * FROM {joined}"))
    largest = np.abs(effects).max(axis=0)
    unit_a = power_above(1 + largest[1:].max(initial=0.0))
    unit_r = power_above(1 + np.abs(slopes).sum() + largest[0])
    fitted = "".join(f" - {number(b)} * z{k + 1}" for k, b in enumerate(slopes))
    parts = [f"(z{k} - e{k}) / {number(unit_a)} AS a{k}" for k in range(1, count)]
    parts.append(f"(z0{fitted} - e0) / {number(unit_r)} AS r")
    rows_ = centred(data, scaling, periods=EFFECTS, kept=names)
    sums = [f"{exact_sum('r')} AS r"]
    for k in range(1, count):
        sums += [f"{exact_sum(f'a{k}')} AS a{k}", f"{exact_sum(f'a{k} * r')} AS ar{k}"]
    sums += ["count(*) AS n", f"min({'w' if scaling.weight else 'NULL'}) AS w", "min(c) AS c"]
    units = (
        f"SELECT {', '.join(sums)} FROM (SELECT u, c, w, {', '.join(parts)} FROM {rows_}) "
        "GROUP BY u HAVING count(*) > 1"
    )
    weight = "w" if scaling.weight else "1"
    scale = number(unit_a * unit_r)
    scores = [f"{weight} * (ar{k} - a{k} * r / n) * {scale} AS g{k}" for k in range(1, count)]
    con.execute(_create(SCORES, f"SELECT c, {', '.join(scores)} FROM ({units})"))


def _create(table: str, query: str) -> str:
    return f"CREATE OR REPLACE TEMP TABLE {table} AS {query}"


def _peaks(con: Any, table: str, names: Sequence[str]) -> list[float]:
    """Return for each column a power of two above its largest absolute value."""
    query = f"SELECT {', '.join(f'max(abs({name}))' for name in names)} FROM {table}"
    return [power_above(value or 0.0) for value in con.execute(query).fetchone()]
