"""Channels between layers: which edges share a line, where lines leave and enter, which track.

A line leaves its box to the right, turns into a vertical track of the channel and enters the next
box from the left. Edges of one relation with a common end share a line. No two other lines lie upon
each other: a line enters only at a height at which none of the others leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from analysis.diagrams.layers import Item, Link, way

STEP = 0.1  # mm, grid of the heights
BELOW = 1.2  # mm, room below a line; above it too unless a label stands there
BARRED = 0.6  # mm, least distance between a line that enters and another that leaves
SLACK = 2 * (BARRED + STEP)  # mm, what a line may have to move to keep that distance
CLEAR = 0.5  # mm, between a line and the label above it
TRACK_CLEAR = 1.0  # mm, between the ends of two lines in one track

Look = tuple[str, str, str, bool]  # relation, basis, status, whether it has an arrowhead
Port = tuple[int, str, Item]  # hop, side of the channel, box or place


@dataclass(frozen=True)
class Hop:
    """A line within one channel.

    Attributes
    ----------
    net : int
        Number of the first edge of its bundle.
    channel : int
        From 0; right of the layer of that number.
    edges : tuple of int
        Edges that run in it.
    left, right : tuple
        Boxes and places that it joins on either side of the channel.
    label : tuple or None
        Side and box at which the label stands.
    heads : tuple
        Side and box of each arrowhead.
    """

    net: int
    channel: int
    edges: tuple[int, ...]
    left: tuple[Item, ...]
    right: tuple[Item, ...]
    label: tuple[str, Item] | None
    heads: tuple[tuple[str, Item], ...] = ()

    def ends(self) -> list[tuple[str, Item]]:
        """Return side and item of each end."""
        return [*(("left", item) for item in self.left), *(("right", item) for item in self.right)]


def bundles(links: Sequence[Link], looks: Sequence[Look]) -> list[tuple[str, list[Link]]]:
    """Gather the links that share a line: same look and same right end, else same left end.

    Returns
    -------
    list of tuple
        `in`, `out` or `single`, and the links; by first edge.
    """
    found: list[tuple[str, list[Link]]] = []
    left_over = list(links)
    for kind in ("in", "out"):
        groups: dict[tuple[str, bool, Look], list[Link]] = {}
        for link in left_over:
            end = link.right if kind == "in" else link.left
            groups.setdefault((end, link.turned, looks[link.edge]), []).append(link)
        shared = [group for group in groups.values() if len(group) > 1]
        found += [(kind, group) for group in shared]
        left_over = [link for link in left_over if not any(link in group for group in shared)]
    found += [("single", [link]) for link in left_over]
    return sorted(found, key=lambda bundle: bundle[1][0].edge)


def all_hops(links: Sequence[Link], looks: Sequence[Look], layer: Mapping[str, int]) -> list[Hop]:
    """Return the lines of all channels."""
    last = max(layer.values())
    circles = circles_of(links, looks, layer)
    gathered = {link.edge for circle in circles for link in circle}
    alone = [link for link in links if link.edge not in gathered]
    apart = [link for link in alone if layer[link.left] != layer[link.right]]
    hops = [
        hop for kind, bundle in bundles(apart, looks) for hop in _bundle_hops(kind, bundle, layer)
    ]
    within = [[link] for link in alone if layer[link.left] == layer[link.right]]
    hops += [_joint_hop(group, layer, last) for group in [*within, *circles]]
    into = {link.edge: link.left if link.turned else link.right for link in links}
    return [
        replace(
            hop, heads=tuple(end for end in hop.ends() if end[1] in {into[e] for e in hop.edges})
        )
        if looks[hop.net][-1]
        else hop
        for hop in hops
    ]


def circles_of(
    links: Sequence[Link], looks: Sequence[Look], layer: Mapping[str, int]
) -> list[list[Link]]:
    """Gather links without direction that join each of three or more boxes with each other.

    Only boxes of one layer or of two neighbouring ones can share such a line.
    """
    import networkx as nx

    found = []
    for look in dict.fromkeys(look for look in looks if not look[-1]):
        same = [link for link in links if looks[link.edge] == look]
        graph = nx.Graph([(link.left, link.right) for link in same])
        for members in nx.connected_components(graph):
            own = [link for link in same if link.left in members]
            depths = {layer[member] for member in members}
            complete = len(own) == len(members) * (len(members) - 1) // 2
            if len(members) > 2 and complete and max(depths) - min(depths) < 2:
                found.append(own)
    return found


def _joint_hop(group: list[Link], layer: Mapping[str, int], last: int) -> Hop:
    """Join boxes of one layer, on the left if it is the last of several, or of two layers."""
    members = list(dict.fromkeys(end for link in group for end in (link.left, link.right)))
    first = min(layer[member] for member in members)
    edges = tuple(link.edge for link in group)
    channel = first - 1 if first == last and last > 0 else first
    left = tuple(member for member in members if layer[member] == channel)
    right = tuple(member for member in members if layer[member] > channel)
    label = ("right", right[-1]) if right else ("left", left[-1])
    return Hop(edges[0], channel, edges, left, right, label)


def _bundle_hops(kind: str, bundle: list[Link], layer: Mapping[str, int]) -> list[Hop]:
    """Cut a bundle into the lines of its channels; the label stands where its edges are one."""
    net = min(link.edge for link in bundle)
    parts: dict[tuple[int, Item], list[tuple[int, Item, Item]]] = {}
    for link in bundle:
        path = way(link, dict(layer))
        for k, (a, b) in enumerate(pairwise(path)):
            channel = layer[link.left] + k
            parts.setdefault((channel, a if kind == "out" else b), []).append((link.edge, a, b))
    labelled = min(parts, key=lambda p: p[0]) if kind == "out" else max(parts, key=lambda p: p[0])
    return [
        Hop(
            net,
            channel,
            tuple(edge for edge, _, _ in part),
            tuple(dict.fromkeys(a for _, a, _ in part)),
            tuple(dict.fromkeys(b for _, _, b in part)),
            (("left" if kind == "out" else "right"), shared) if (channel, shared) == labelled
            else None,
        )
        for (channel, shared), part in parts.items()
    ]  # fmt: skip


def above(hop: Hop, side: str, item: Item, label_heights: Mapping[int, float]) -> float:
    """Return the room in mm that a line needs above its end: that of the label, if it is there."""
    height = label_heights[hop.net] if hop.label == (side, item) else 0.0
    return height + CLEAR + STEP if height else BELOW


def room_needed(
    hops: Sequence[Hop], label_heights: Mapping[int, float]
) -> dict[tuple[str, Item], float]:
    """Return the height in mm that the ends of lines need at each side of a channel and item."""
    needed: dict[tuple[str, Item], float] = {}
    for hop in hops:
        for side, item in hop.ends():
            slot = above(hop, side, item, label_heights) + BELOW + STEP
            slot += SLACK if side == "right" else 0.0
            needed[side, item] = needed.get((side, item), STEP) + slot
    return needed


def heights_between(
    wanted: Sequence[float],
    rooms: Sequence[float],
    low: float,
    high: float,
    barred: Sequence[Sequence[float]],
) -> list[float]:
    """Place the ends of lines along one side of a box: in order, apart, none where it is barred.

    The sum of squared distances from the wanted heights is least (exact, by dynamic programming
    over a grid of `STEP`).

    Parameters
    ----------
    wanted : sequence of float
        Height in mm that suits each line best, from the top.
    rooms : sequence of float
        Room in mm that each needs above it; below it each needs `BELOW`.
    low, high : float
        Upper and lower edge of the box in mm.
    barred : sequence of sequences
        Heights that each line must keep `BARRED` away from.

    Returns
    -------
    list of float

    Raises
    ------
    ValueError
        When the box is too low for its lines.
    """
    grid = np.arange(np.ceil(low / STEP - 1e-9), np.floor((high - BELOW) / STEP + 1e-9) + 1)
    total, choices = np.zeros(len(grid)), []
    for k, (want, room) in enumerate(zip(wanted, rooms, strict=True)):
        shift = int(np.ceil((room + (BELOW if k else 0.0)) / STEP - 1e-9))
        far = np.abs(grid[:, None] * STEP - np.asarray(barred[k], dtype=float)[None, :])
        cost = np.where((far > BARRED - 1e-9).all(axis=1), (grid * STEP - want) ** 2, np.inf)
        best = np.minimum.accumulate(total) if len(total) else total
        which = np.array([int(np.argmin(total[: i + 1])) for i in range(len(total))], dtype=int)
        choices.append((which, shift))
        moved = np.full(len(grid), np.inf)
        moved[shift:] = best[: max(len(grid) - shift, 0)]
        total = cost + moved
    if not len(grid) or not np.isfinite(total).any():
        raise ValueError(f"{len(wanted)} lines find no room between {low:.1f} and {high:.1f} mm")
    at = int(np.argmin(total))
    places = []
    for which, shift in reversed(choices):
        places.append(at)
        at = int(which[at - shift])
    return [float(np.round(grid[p] * STEP, 6)) for p in reversed(places)]


def tracks(hops: Sequence[Hop], height: Mapping[Port, float]) -> dict[int, int]:
    """Return the track, from 0 at the left, of each hop of one channel that is not straight.

    Lines that run down lie the further right the higher they start, lines that run up the further
    left: then those of one direction do not cross without need. Lines that share no height share a
    track.

    Parameters
    ----------
    hops : sequence of Hop
        Of one channel; numbered as in `height`.
    height : mapping
        Height in mm of each port, whose first part is the place of the hop in `hops`.

    Returns
    -------
    dict
        Track by place of the hop.
    """
    spans = {}
    for k, hop in enumerate(hops):
        ends = {side: [height[k, side, item] for s, item in hop.ends() if s == side]
                for side in ("left", "right")}  # fmt: skip
        every = ends["left"] + ends["right"]
        if max(every) > min(every):
            start, stop = (np.mean(ends[side] or every) for side in ("left", "right"))
            spans[k] = (min(every), max(every), float(start), float(stop))
    order = sorted(spans, key=lambda k: _track_rank(*spans[k][2:]))
    found: dict[int, int] = {}
    for k in order:
        low, high = spans[k][0] - TRACK_CLEAR, spans[k][1] + TRACK_CLEAR
        met = [found[m] for m in found if spans[m][0] < high and spans[m][1] > low]
        found[k] = 1 + max(met, default=-1)
    return found


def _track_rank(start: float, stop: float) -> tuple[float, ...]:
    return (0.0, start) if stop < start else (1.0, -start)
