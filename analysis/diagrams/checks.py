"""Faults of geometry that a reader would stumble over; the drawing refuses a diagram with one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import combinations
from typing import Any

import pandas as pd

from analysis.diagrams.layout import Diagram
from analysis.diagrams.text import text_size

TOUCHING_MM = 0.01  # rounding of places
APART_MM = 0.3  # between lines of different nets that run side by side

Rectangle = tuple[str, float, float, float, float]  # name, x0, y0, x1, y1


def geometry_faults(diagram: Diagram) -> list[str]:
    """List every fault of the places of boxes, lines and labels.

    Parameters
    ----------
    diagram : Diagram
        As `layout.lay_out` returns it.

    Returns
    -------
    list of str
        Boxes that overlap, texts that leave their box, edges that enter a box or miss an end,
        labels that overlap a box, a label or a line, lines of different nets upon each other, and
        whatever leaves the page. Empty if all is well.
    """
    boxes, labels = _rectangles(diagram.nodes, "node"), _rectangles(diagram.labels, "label")
    pieces = diagram.lines.to_dict("records")
    found = [f"{a[0]!r} and {b[0]!r} overlap" for a, b in combinations(boxes + labels, 2)
             if _overlap(a[1:], b[1:])]  # fmt: skip
    found += [
        f"a line of net {piece['net']} runs through {name!r}"
        for piece in pieces
        for name, *corners in boxes + labels
        if _overlap(_span(piece), tuple(corners))
    ]
    found += [
        f"lines of nets {a['net']} and {b['net']} lie upon each other"
        for a, b in combinations(pieces, 2)
        if a["net"] != b["net"] and _side_by_side(_span(a), _span(b))
    ]
    return found + list(_texts_outside(diagram)) + list(_loose_ends(diagram)) + _off_page(diagram)


def _rectangles(frame: pd.DataFrame, name: str) -> list[Rectangle]:
    right, low = frame["x_mm"] + frame["width_mm"], frame["y_mm"] + frame["height_mm"]
    columns = (frame[name], frame["x_mm"], frame["y_mm"], right, low)
    return list(zip(*columns, strict=True))


def _span(piece: dict[Hashable, Any]) -> tuple[float, ...]:
    """Return the bounds of a straight piece."""
    (x0, x1), (y0, y1) = (sorted((piece[f"{c}0"], piece[f"{c}1"])) for c in "xy")
    return x0, y0, x1, y1


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Tell whether the insides of two rectangles meet; a line has no inside, but may cut one."""
    shared = [min(one[k + 2], other[k + 2]) - max(one[k], other[k]) for k in (0, 1)]
    thin = [min(one[k + 2] - one[k], other[k + 2] - other[k]) for k in (0, 1)]
    inside = [
        one[k] > other[k] + TOUCHING_MM and one[k] < other[k + 2] - TOUCHING_MM for k in (0, 1)
    ]
    return all(shared[k] > TOUCHING_MM if thin[k] > 0 else inside[k] for k in (0, 1))


def _side_by_side(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Tell whether two pieces of one direction share a stretch nearer than `APART_MM`."""
    for along, across in ((0, 1), (1, 0)):
        if one[across] == one[across + 2] and other[across] == other[across + 2]:
            shared = min(one[along + 2], other[along + 2]) - max(one[along], other[along])
            return abs(one[across] - other[across]) < APART_MM and shared > TOUCHING_MM
    return False


def _texts_outside(diagram: Diagram) -> Iterator[str]:
    """Yield the labels that are larger than the rectangle that was set aside for them."""
    for frame, name in ((diagram.nodes, "node"), (diagram.labels, "label")):
        columns = (frame[name], frame["label"], frame["width_mm"], frame["height_mm"])
        for key, text, width, height in zip(*columns, strict=True):
            wide, high = text_size(text)
            if wide > width + TOUCHING_MM or high > height + TOUCHING_MM:
                yield f"the text of {key!r} leaves its box: {wide:.1f} x {high:.1f} mm"


def _loose_ends(diagram: Diagram) -> Iterator[str]:
    """Yield the edges that do not begin and end at a side of their boxes, or are not drawn."""
    bounds = {name: tuple(corners) for name, *corners in _rectangles(diagram.nodes, "node")}
    for edge in diagram.edges.to_dict("records"):
        own = diagram.lines[diagram.lines["net"] == edge["net"]]
        spans = [_span(piece) for piece in own.to_dict("records")]
        for end, (x, y) in (("source", edge["points"][0]), ("target", edge["points"][-1])):
            if not _holds(bounds[edge[end]], x, y) or _inside(bounds[edge[end]], x, y):
                yield f"the edge {edge['source']!r} to {edge['target']!r} misses its {end}"
        for (x, y), (to_x, to_y) in zip(edge["points"], edge["points"][1:], strict=False):
            middle = (x + to_x) / 2, (y + to_y) / 2
            if not any(_holds(span, *middle) for span in spans):
                yield f"the edge {edge['source']!r} to {edge['target']!r} is not drawn throughout"


def _holds(span: tuple[float, ...], x: float, y: float) -> bool:
    near = TOUCHING_MM
    return span[0] - near <= x <= span[2] + near and span[1] - near <= y <= span[3] + near


def _inside(span: tuple[float, ...], x: float, y: float) -> bool:
    near = TOUCHING_MM
    return span[0] + near < x < span[2] - near and span[1] + near < y < span[3] - near


def _off_page(diagram: Diagram) -> list[str]:
    """List boxes, labels and nets beyond the page."""
    pieces: list[Rectangle] = []
    for piece in diagram.lines.to_dict("records"):
        x0, y0, x1, y1 = _span(piece)
        pieces.append((f"net {piece['net']}", x0, y0, x1, y1))
    boxes = _rectangles(diagram.nodes, "node") + _rectangles(diagram.labels, "label")
    return [
        f"{name!r} leaves the page"
        for name, x0, y0, x1, y1 in boxes + pieces
        if min(x0, y0) < 0 or x1 > diagram.width_mm or y1 > diagram.height_mm
    ]
