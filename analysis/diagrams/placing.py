"""Heights of boxes: where they and passing lines stand in their layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from analysis.diagrams.layers import Item, Pair

BOX_GAP = 4.0  # mm, between boxes of one layer
LINE_GAP = 1.0  # mm, between a box and a line that passes it
SWEEPS = 12  # of the heights; even, so that the last goes to the right


def settled(
    wanted: Sequence[float],
    sizes: Sequence[float],
    gaps: Sequence[float],
    *,
    limit: float = np.inf,
) -> np.ndarray:
    """Return the centres nearest to the wanted ones at which items in order keep their gaps.

    Parameters
    ----------
    wanted, sizes : sequence of float
        Centre and height of each item in mm.
    gaps : sequence of float
        Least distance between neighbours in mm, one fewer than items.
    limit : float
        Half the room in mm; items stay between minus and plus the limit.

    Returns
    -------
    ndarray
        Centres in mm, least sum of squared moves: an isotonic regression after the least distances
        are taken off.
    """
    from scipy.optimize import isotonic_regression

    size = np.asarray(sizes, dtype=float)
    apart = (size[1:] + size[:-1]) / 2 + np.asarray(gaps, dtype=float)
    offset = np.concatenate([[0.0], np.cumsum(apart)])
    first = isotonic_regression(np.asarray(wanted, dtype=float) - offset).x
    return np.clip(first, size[0] / 2 - limit, limit - size[-1] / 2 - offset[-1]) + offset


def item_tops(
    rows: Sequence[Sequence[Item]],
    size: Mapping[Item, float],
    pairs: Sequence[Pair],
    *,
    room: float = np.inf,
) -> dict[Item, float]:
    """Return the upper edge of each box and place in mm from the uppermost.

    Parameters
    ----------
    rows : sequence of sequences
        Items of each layer from the top.
    size : mapping
        Height of each item in mm.
    pairs : sequence of pairs
        Lines between neighbouring layers, left item first.
    room : float
        Height in mm that no layer may exceed; each must fit (`stack_height`).
    """
    gaps = [_gaps(row) for row in rows]
    centre: dict[Item, float] = {}
    for row, gap in zip(rows, gaps, strict=True):
        stacked = settled([0.0] * len(row), [size[i] for i in row], gap, limit=room / 2)
        centre |= dict(zip(row, stacked, strict=True))
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 1
        for k in range(len(rows)) if forward else range(len(rows) - 1, -1, -1):
            wanted = [_pulled(item, centre, pairs, forward) for item in rows[k]]
            sizes = [size[i] for i in rows[k]]
            moved = settled(wanted, sizes, gaps[k], limit=room / 2)
            centre |= dict(zip(rows[k], moved, strict=True))
    tops = {item: float(at) - size[item] / 2 for item, at in centre.items()}
    highest = min(tops.values())
    return {item: round(top - highest, 4) for item, top in tops.items()}


def stack_height(row: Sequence[Item], size: Mapping[Item, float]) -> float:
    """Return the least height in mm of a layer."""
    return sum(size[item] for item in row) + sum(_gaps(row))


def _gaps(row: Sequence[Item]) -> list[float]:
    return [
        BOX_GAP if isinstance(a, str) and isinstance(b, str) else LINE_GAP for a, b in pairwise(row)
    ]


def _pulled(
    item: Item, centre: Mapping[Item, float], pairs: Sequence[Pair], forward: bool
) -> float:
    """Return the mean centre of the neighbours on the left, or of those on the right."""
    if forward:
        others = [centre[a] for a, b in pairs if b == item]
    else:
        others = [centre[b] for a, b in pairs if a == item]
    return float(np.mean(others)) if others else centre[item]
