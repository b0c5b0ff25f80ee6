"""Heights of lines: where they leave and enter the boxes and pass the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.diagrams.channels import Hop, Port, above, heights_between
from analysis.diagrams.layers import Item
from analysis.diagrams.straightening import straightened


def port_heights(
    rows: Sequence[Sequence[Item]],
    hops: Sequence[Hop],
    tops: Mapping[Item, float],
    size: Mapping[Item, float],
    label_heights: Mapping[int, float],
) -> dict[Port, float]:
    """Return the height at which each line leaves or enters, channel by channel from the left.

    Parameters
    ----------
    rows : sequence of sequences
        Items of each layer.
    hops : sequence of Hop
        Lines of all channels.
    tops, size : mapping
        Upper edge and height of each item in mm.
    label_heights : mapping
        Height in mm of the label of each net.

    Returns
    -------
    dict
        Height in mm by place of the hop in `hops`, side and item. A line that passes a layer keeps
        the height at which it enters it.
    """
    found: dict[Port, float] = {}
    bounds = {item: (top, top + size[item]) for item, top in tops.items()}
    for depth, row in enumerate(rows):
        for item in row if depth else ():
            found |= _placed(("right", item), depth - 1, hops, found, bounds, label_heights)
        for item in row:
            if isinstance(item, str):
                found |= _placed(("left", item), depth, hops, found, bounds, label_heights)
            else:
                found |= _passing(item, hops, found)
    return straightened(hops, found, tops, size, label_heights)


def _placed(
    end: tuple[str, Item],
    channel: int,
    hops: Sequence[Hop],
    found: Mapping[Port, float],
    bounds: Mapping[Item, tuple[float, float]],
    label_heights: Mapping[int, float],
) -> dict[Port, float]:
    """Place the ends of lines at one side of one item, near their other ends."""
    side, item = end
    low, high = bounds[item]
    here = [k for k, hop in enumerate(hops) if hop.channel == channel and end in hop.ends()]
    others = {k: _other_heights(k, hops[k], item, found, bounds) for k in here}
    here.sort(key=lambda k: (float(np.mean(others[k])), k))
    wanted = [at if low < (at := _nearest(others[k])) < high else (low + high) / 2 for k in here]
    leaving = [
        (m, y) for (m, s, _), y in found.items() if s == "left" and hops[m].channel == channel
    ]
    barred = [[y for m, y in leaving if side == "right" and m != k] for k in here]
    rooms = [above(hops[k], side, item, label_heights) for k in here]
    heights = heights_between(wanted, rooms, low, high, barred)
    return {(k, side, item): y for k, y in zip(here, heights, strict=True)}


def _passing(item: Item, hops: Sequence[Hop], found: Mapping[Port, float]) -> dict[Port, float]:
    """Let a line leave a layer at the height at which it entered."""
    entered = next(y for (_, side, at), y in found.items() if side == "right" and at == item)
    return {(k, "left", item): entered for k, hop in enumerate(hops) if item in hop.left}


def _nearest(heights: Sequence[float]) -> float:
    """Return the height that is nearest to the mean of all, so that one branch can run straight."""
    return min(heights, key=lambda y: (abs(y - float(np.mean(heights))), y))


def _other_heights(
    k: int,
    hop: Hop,
    item: Item,
    found: Mapping[Port, float],
    bounds: Mapping[Item, tuple[float, float]],
) -> list[float]:
    """Return the heights of the other ends of a line, the middle of their boxes if not yet set."""
    across = [(side, at) for side, at in hop.ends() if at != item]
    return [found.get((k, side, at), sum(bounds[at]) / 2) for side, at in across]
