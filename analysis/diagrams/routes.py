"""Lines, arrowheads and labels of a diagram whose heights and columns are settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.diagrams.channels import CLEAR, Hop, Port
from analysis.diagrams.columns import ARROW, Columns, Labels
from analysis.diagrams.graph import Graph
from analysis.diagrams.layers import Item

Point = tuple[float, float]
LINE_COLUMNS = ["net", "basis", "status", "x0", "y0", "x1", "y1"]
HEAD_COLUMNS = ["net", "status", "x", "y", "direction"]
LABEL_COLUMNS = ["net", "status", "label", "x_mm", "y_mm", "width_mm", "height_mm"]


@dataclass(frozen=True)
class Placed:
    """All that the layout has settled, for layers that are columns.

    Attributes
    ----------
    graph : Graph
    labels : Labels
    size, tops : mapping
        Height and upper edge of each box and passing line in mm.
    ports : mapping
        Height of each end of a line in mm.
    columns : Columns
    """

    graph: Graph
    labels: Labels
    size: Mapping[Item, float]
    tops: Mapping[Item, float]
    ports: Mapping[Port, float]
    columns: Columns

    def edge_of(self, side: str, channel: int) -> float:
        """Return x in mm of one side of a channel; that beside a single layer has only a left."""
        if side == "left":
            return self.columns.start[channel] + self.columns.thick[channel]
        return self.columns.start[channel + 1]


def node_boxes(placed: Placed, names: Sequence[str]) -> pd.DataFrame:
    """Return the boxes in the order of their names; columns as `layout.Diagram.nodes`."""
    layer = placed.graph.layer
    return pd.DataFrame(
        {
            "node": list(names),
            "label": [placed.labels.boxes[n].text for n in names],
            "layer": [layer[n] for n in names],
            "x_mm": [placed.columns.start[layer[n]] for n in names],
            "y_mm": [placed.tops[n] for n in names],
            "width_mm": [placed.columns.thick[layer[n]] for n in names],
            "height_mm": [placed.size[n] for n in names],
        }
    ).round(4)


def edge_points(placed: Placed) -> list[tuple[Point, ...]]:
    """Return the corners of each edge from its source to its target, in mm."""
    found = []
    for link in sorted(placed.graph.links, key=lambda link: link.edge):
        corners: list[Point] = []
        hops = [k for k, hop in enumerate(placed.graph.hops) if link.edge in hop.edges]
        for k in sorted(hops, key=lambda k: placed.graph.hops[k].channel):
            hop = placed.graph.hops[k]
            own = {link.left, link.right, *_places(hop, link.edge)}
            ends = [(placed.edge_of(side, hop.channel), placed.ports[k, side, item])
                    for side, item in hop.ends() if item in own]  # fmt: skip
            track = placed.columns.track.get(k)
            turns = [] if track is None else [(track, y) for _, y in ends]
            corners += [ends[0], *turns, ends[1]]
        if placed.graph.layer[link.left] == placed.graph.layer[link.right]:
            corners = corners if corners[0] == _start(placed, hops[0], link.left) else corners[::-1]
        found.append(tuple(corners[::-1] if link.turned else corners))
    return found


def _places(hop: Hop, edge: int) -> list[Item]:
    """Return the places between layers through which an edge enters or leaves a channel."""
    return [item for _, item in hop.ends() if isinstance(item, tuple) and item[0] == edge]


def _start(placed: Placed, k: int, item: Item) -> Point:
    """Return the end of a line within a layer at one of its boxes."""
    hop = placed.graph.hops[k]
    side = next(side for side, at in hop.ends() if at == item)
    return placed.edge_of(side, hop.channel), placed.ports[k, side, item]


def lines(placed: Placed, edges: pd.DataFrame) -> pd.DataFrame:
    """Return the straight pieces of all nets, each once; columns as `layout.Diagram.lines`."""
    rows: list[tuple[object, ...]] = []
    for k, hop in enumerate(placed.graph.hops):
        look = (hop.net, edges["basis"].iloc[hop.net], edges["status"].iloc[hop.net])
        ends = [(placed.edge_of(side, hop.channel), placed.ports[k, side, item])
                for side, item in hop.ends()]  # fmt: skip
        rows += _passages(placed, k, look)
        track = placed.columns.track.get(k)
        if track is None:
            rows.append((*look, *ends[0], *ends[-1]))
            continue
        heights = [y for _, y in ends]
        rows += [(*look, x, y, track, y) for x, y in ends]
        rows.append((*look, track, min(heights), track, max(heights)))
    found = pd.DataFrame(rows, columns=LINE_COLUMNS).round(4)
    return found.sort_values(LINE_COLUMNS, ignore_index=True)


def _passages(placed: Placed, k: int, look: tuple[object, ...]) -> list[tuple[object, ...]]:
    """Return the pieces in which a line passes the layer on its right."""
    hop = placed.graph.hops[k]
    passing = [item for item in hop.right if isinstance(item, tuple)]
    return [
        (*look, placed.edge_of("right", hop.channel), y, placed.edge_of("left", hop.channel + 1), y)
        for y in (placed.ports[k, "right", item] for item in passing)
    ]


def heads(placed: Placed, edges: pd.DataFrame) -> pd.DataFrame:
    """Return the arrowheads; columns as `layout.Diagram.heads`."""
    rows = [
        (
            hop.net,
            edges["status"].iloc[hop.net],
            placed.edge_of(side, hop.channel),
            placed.ports[k, side, item],
            side,  # a head points to the side of its box,
        )
        for k, hop in enumerate(placed.graph.hops)
        for side, item in hop.heads
    ]
    found = pd.DataFrame(rows, columns=HEAD_COLUMNS).round(4)
    return found.drop_duplicates().sort_values(HEAD_COLUMNS, ignore_index=True)


def label_boxes(placed: Placed, edges: pd.DataFrame) -> pd.DataFrame:
    """Return the labels of the nets, above their lines; columns as `layout.Diagram.labels`."""
    rows = []
    for k, hop in enumerate(placed.graph.hops):
        block = placed.labels.nets[hop.net]
        if hop.label is None or not block.text:
            continue
        side, item = hop.label
        head = ARROW if hop.label in hop.heads else 0.0
        edge = placed.edge_of(side, hop.channel)
        x = edge + head + CLEAR if side == "left" else edge - head - CLEAR - block.along
        y = placed.ports[k, side, item] - CLEAR - block.across
        status = edges["status"].iloc[hop.net]
        rows.append((hop.net, status, block.text, x, y, block.along, block.across))
    return pd.DataFrame(rows, columns=LABEL_COLUMNS).round(4)
