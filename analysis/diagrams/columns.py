"""Labels broken to fit a page, and the page shared between layers and the channels between them.

Lengths run along the layers' sequence or across it, so that one layout serves both directions:
`along` is the width of a label where layers are columns, its height where they are rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import pandas as pd

from analysis.diagrams.channels import CLEAR, Port, room_needed, tracks
from analysis.diagrams.graph import Graph
from analysis.diagrams.layers import Item
from analysis.diagrams.placing import stack_height
from analysis.diagrams.text import broken, cut_words, text_size

MARGIN, PAD = 1.0, 1.6  # mm, around the diagram; between a box and its label
ARROW, STUB, TRACK = 2.0, 1.8, 1.8  # mm: length of a head; of a line; between tracks
NARROWEST = 14.0  # mm, of a box
TEXT_ROOMS = (42, 38, 34, 31, 28, 25, 22.5, 20, 18, 16, 14, 12.5, 10.8)  # mm, tried for boxes
LABEL_ROOMS = (24, 20, 17, 14, 12, 10, 8)  # mm, tried for the labels of edges
WIDENED = 9.0  # mm, that a channel may gain from a page with room to spare


@dataclass(frozen=True)
class Block:
    """A text with line breaks and the room it takes, along and across the layers, in mm."""

    text: str
    along: float
    across: float


@dataclass(frozen=True)
class Labels:
    """Blocks of the boxes, padding included, and of the nets; empty ones take no room."""

    boxes: dict[str, Block]
    nets: dict[int, Block]


@dataclass(frozen=True)
class Columns:
    """Along the layers in mm.

    Attributes
    ----------
    start, thick : list of float
        Start and thickness of each layer.
    track : dict
        Track of each hop that is not straight.
    end : float
        End of the page.
    spare : float
        What is left of the page; negative if it is too small.
    """

    start: list[float]
    thick: list[float]
    track: dict[int, float]
    end: float
    spare: float


def candidates(
    nodes: pd.DataFrame, edges: pd.DataFrame, graph: Graph, page_mm: float, *, down: bool
) -> list[tuple[int, Labels]]:
    """Break all labels so that the layers may fit the width of the page.

    Parameters
    ----------
    nodes, edges : DataFrame
        Their labels.
    graph : Graph
        Layers and lines.
    page_mm : float
        Width without margins.
    down : bool
        Whether layers are rows; columns otherwise.

    Returns
    -------
    list of tuple
        Words cut, and the labels: one entry for each pair of widths tried, fewest words cut first,
        then fewest lines of text. Rows fit the page; columns fit it if lines need no more than one
        track in each channel, which the layout finds out.

    Raises
    ------
    ValueError
        When no width fits.
    """
    tried, ties = [], edges["label"].tolist()
    for label_room, room in product(LABEL_ROOMS, TEXT_ROOMS):
        labels = _labels(nodes, ties, graph, (room, label_room), down)
        used = _across_used(graph, labels) if down else _least_along(graph, labels)
        cut = sum(cut_words(text, room) for text in nodes["label"])
        cut += sum(cut_words(ties[net], label_room) for net in labels.nets)
        blocks = [*labels.boxes.values(), *labels.nets.values()]
        lines = sum(block.text.count("\n") + 1 for block in blocks)
        tried.append((cut, lines, used, labels))
    fitting = sorted((t for t in tried if t[2] <= page_mm), key=lambda t: t[:2])
    if not fitting:
        raise too_wide(min(t[2] for t in tried), page_mm, down=down)
    return [(cut, labels) for cut, _, _, labels in fitting]


def too_wide(needed_mm: float, page_mm: float, *, down: bool) -> ValueError:
    """Return the error of layers that need more than the page has."""
    what, groups = ("boxes of one row", "more") if down else ("layers", "fewer")
    return ValueError(
        f"the {what} need {needed_mm:.0f} mm, the page has {page_mm:.0f}: spread the boxes over "
        f"{groups} groups, shorten the labels of edges, change the direction or draw it wider"
    )


def _labels(
    nodes: pd.DataFrame, ties: list[str], graph: Graph, rooms: tuple[float, float], down: bool
) -> Labels:
    def block(text: str, room: float, pad: float, least: float) -> Block:
        lines = broken(text, room) if text.strip() else ""
        width, height = text_size(lines) if lines else (0.0, 0.0)
        width, height = max(width + 2 * pad, least), height + 2 * pad
        return Block(lines, height, width) if down else Block(lines, width, height)

    named = zip(nodes["node"], nodes["label"], strict=True)
    boxes = {name: block(text, rooms[0], PAD, NARROWEST) for name, text in named}
    nets = sorted({hop.net for hop in graph.hops})
    return Labels(boxes, {net: block(ties[net], rooms[1], 0.0, 0.0) for net in nets})


def item_sizes(graph: Graph, labels: Labels) -> dict[Item, float]:
    """Return the room in mm across that boxes and passing lines take: of their text or lines."""
    needed = room_needed(graph.hops, {net: block.across for net, block in labels.nets.items()})
    found: dict[Item, float] = {}
    for item in (item for row in graph.rows for item in row):
        text = labels.boxes[item].across if isinstance(item, str) else 0.0
        found[item] = max(text, *(needed.get((side, item), 0.0) for side in ("left", "right")))
    return found


def _across_used(graph: Graph, labels: Labels) -> float:
    size = item_sizes(graph, labels)
    return max(stack_height(row, size) for row in graph.rows)


def _least_along(graph: Graph, labels: Labels) -> float:
    """Return the room along if no channel needs more than one track."""
    sides = zones(graph, labels)
    return sum(_thickness(graph, labels)) + sum(map(sum, sides)) + TRACK * len(sides)


def _thickness(graph: Graph, labels: Labels) -> list[float]:
    return [
        max([labels.boxes[item].along for item in row if isinstance(item, str)], default=NARROWEST)
        for row in graph.rows
    ]


def zones(graph: Graph, labels: Labels) -> list[tuple[float, float]]:
    """Return the room in mm that heads and labels need on both sides of each channel."""
    found = [[STUB, STUB] for _ in range(graph.channels())]
    for hop in graph.hops:
        heads = {side for side, _ in hop.heads}
        for k, side in enumerate(("left", "right")):
            head = ARROW if side in heads else 0.0
            beside = hop.label is not None and hop.label[0] == side
            text = labels.nets[hop.net].along + 2 * CLEAR if beside else 0.0
            found[hop.channel][k] = max(found[hop.channel][k], head + max(text, STUB / 2))
    return [(left, right) for left, right in found]


def columns(
    graph: Graph,
    labels: Labels,
    ports: Mapping[Port, float],
    page_mm: float | None,
) -> Columns:
    """Set layers as thick as their labels, channels as wide as their lines and labels.

    Parameters
    ----------
    graph, labels
        As `candidates` takes and returns them.
    ports : mapping
        Height of each end of a line in mm.
    page_mm : float or None
        Room to share and to stand in the middle of; None: as much as is needed.
    """
    thick, sides = _thickness(graph, labels), zones(graph, labels)
    lanes = [_lanes(graph, c, ports) for c in range(len(sides))]
    middles = [TRACK * (2 + max(lane.values(), default=-1)) for lane in lanes]
    used = sum(thick) + sum(middles) + sum(map(sum, sides))
    spare = 0.0 if page_mm is None else page_mm - used
    wider = min(spare / max(len(sides), 1), WIDENED)
    at, starts, track = MARGIN + (spare - wider * len(sides)) / 2, [], dict[int, float]()
    for k, layer in enumerate(thick):
        starts.append(at)
        at += layer
        if k < len(sides):
            middle, number = middles[k] + wider, 1 + max(lanes[k].values(), default=-1)
            first = at + sides[k][0]
            track |= {h: first + middle * (t + 1) / (number + 1) for h, t in lanes[k].items()}
            at = first + middle + sides[k][1]
    return Columns(starts, thick, track, at + MARGIN, spare)


def _lanes(graph: Graph, channel: int, ports: Mapping[Port, float]) -> dict[int, int]:
    """Return the track of each hop of a channel, by place of the hop among all."""
    here = [k for k, hop in enumerate(graph.hops) if hop.channel == channel]
    own = {(here.index(k), side, item): y for (k, side, item), y in ports.items() if k in here}
    return {here[k]: lane for k, lane in tracks([graph.hops[k] for k in here], own).items()}
