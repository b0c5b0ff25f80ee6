"""Small bends taken out of lines that could as well run straight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.diagrams.channels import BARRED, BELOW, STEP, Hop, Port, above
from analysis.diagrams.layers import Item

Range = tuple[float, float]


def straightened(
    hops: Sequence[Hop],
    ports: Mapping[Port, float],
    tops: Mapping[Item, float],
    size: Mapping[Item, float],
    label_heights: Mapping[int, float],
) -> dict[Port, float]:
    """Move both ends of a line to one height where order, distances and boxes allow it.

    Parameters
    ----------
    hops : sequence of Hop
        Lines of all channels.
    ports : mapping
        Height in mm of each end.
    tops, size : mapping
        Upper edge and height of each item in mm.
    label_heights : mapping
        Height in mm of the label of each net.

    Returns
    -------
    dict
        Heights in mm; a line that only passes a layer keeps its height there.
    """
    found = dict(ports)
    for run in _runs(hops):
        for part in [run, *([k] for k in run)]:
            ends = [(k, side, item) for k in part for side, item in hops[k].ends()]
            if len({found[end] for end in ends}) == 1:
                continue
            ranges = [_free(port, part, hops, found, tops, size, label_heights) for port in ends]
            low, high = max(r[0] for r in ranges), min(r[1] for r in ranges)
            grid = np.arange(np.ceil(low / STEP - 1e-6), np.floor(high / STEP + 1e-6) + 1) * STEP
            channels = {hops[k].channel for k in part}
            others = [y for (m, *_), y in found.items()
                      if m not in part and hops[m].channel in channels]  # fmt: skip
            far = np.abs(grid[:, None] - np.array(others)[None, :]) > BARRED
            if len(free := grid[far.all(axis=1)]):
                middle = np.mean([found[end] for end in ends])
                straight = float(np.round(free[np.argmin(np.abs(free - middle))], 6))
                found |= dict.fromkeys(ends, straight)
    return found


def _runs(hops: Sequence[Hop]) -> list[list[int]]:
    """Return the lines with one end on either side, those of one edge through layers together."""
    plain = {k: hop for k, hop in enumerate(hops) if len(hop.left) == len(hop.right) == 1}
    after = {hop.left[0]: k for k, hop in plain.items() if isinstance(hop.left[0], tuple)}
    fed = {hop.right[0] for hop in plain.values()}
    runs = []
    for k, hop in plain.items():
        if hop.left[0] in after and hop.left[0] in fed:
            continue
        run = [k]
        while (place := hops[run[-1]].right[0]) in after:
            run.append(after[place])
        runs.append(run)
    return runs


def _free(
    port: Port,
    part: Sequence[int],
    hops: Sequence[Hop],
    ports: Mapping[Port, float],
    tops: Mapping[Item, float],
    size: Mapping[Item, float],
    label_heights: Mapping[int, float],
) -> Range:
    """Return the heights that one end may take between its neighbours at the same box."""
    k, side, item = port
    if not isinstance(item, str):
        moves = all(m in part for m, _, at in ports if at == item)
        low, high = tops[item] + BELOW, tops[item] + size[item] - BELOW
        return (low, high) if moves else (ports[port], ports[port])
    room = above(hops[k], side, item, label_heights)
    low, high = tops[item] + room, tops[item] + size[item] - BELOW
    for m, other_side, at in ports:
        if m == k or (other_side, at) != (side, item):
            continue
        y = ports[m, other_side, at]
        if y < ports[port]:
            low = max(low, y + BELOW + room)
        else:
            high = min(high, y - BELOW - above(hops[m], side, item, label_heights))
    return low, high
