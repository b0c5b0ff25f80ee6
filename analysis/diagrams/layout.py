"""Layout of boxes and arrows on a page, computed from the edges and the size of the labels.

Layers stand side by side, lines run in the channels between them. Nothing is placed by hand: where
a label grows, its box, the lines and the page grow with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.diagrams.columns import MARGIN, candidates, columns, item_sizes, too_wide
from analysis.diagrams.graph import Graph, graph_of
from analysis.diagrams.placing import item_tops
from analysis.diagrams.ports import port_heights
from analysis.diagrams.routes import Placed, edge_points, heads, label_boxes, lines, node_boxes
from analysis.figure_style import DOUBLE_COLUMN_MM
from analysis.geography import require_columns
from analysis.project import bullet_list

BASES = ("explicit", "order", "analyst")
MOST_COLUMNS = 5
EDGE_COLUMNS = ["source", "target", "relation", "label", "basis", "directed"]
ACROSS = {
    "x_mm": "y_mm", "y_mm": "x_mm", "width_mm": "height_mm", "height_mm": "width_mm",
    "x0": "y0", "y0": "x0", "x1": "y1", "y1": "x1", "x": "y", "y": "x",
}  # fmt: skip


@dataclass(frozen=True)
class Diagram:
    """Boxes, lines, arrowheads and labels in millimetres from the top left.

    Attributes
    ----------
    nodes : DataFrame
        node, label (with line breaks), layer, x_mm, y_mm (upper left corner), width_mm, height_mm.
    edges : DataFrame
        source, target, relation, label, basis, directed, status, net (edges of one net share
        lines), points (from source to target, tuple of pairs).
    lines : DataFrame
        net, basis, status, x0, y0, x1, y1: straight pieces, each drawn once.
    heads : DataFrame
        net, status, x, y (tip), direction (right, left, down, up).
    labels : DataFrame
        net, status, label, x_mm, y_mm (upper left corner), width_mm, height_mm.
    width_mm, height_mm : float
    """

    nodes: pd.DataFrame
    edges: pd.DataFrame
    lines: pd.DataFrame
    heads: pd.DataFrame
    labels: pd.DataFrame
    width_mm: float
    height_mm: float


def lay_out(
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    *,
    width_mm: float = DOUBLE_COLUMN_MM,
    down: bool | None = None,
) -> Diagram:
    """Compute the places of boxes, lines and labels.

    Parameters
    ----------
    nodes : DataFrame
        node, label; optional group: its groups, in the order in which they first appear, are then
        the layers. Otherwise a layer is the longest path to a box.
    edges : DataFrame
        source, target, relation, label (empty: none), basis (explicit, order, analyst), directed;
        optional status, which the drawing tells apart by colour.
    width_mm : float
        Of the page; the height follows.
    down : bool, optional
        Whether layers are rows from the top, rather than columns from the left; by default where
        there are more than `MOST_COLUMNS` of them; the other way where that cuts fewer words.

    Returns
    -------
    Diagram

    Raises
    ------
    ValueError
        Listing every violation of the tables; or when the layers do not fit the width.
    """
    require_columns(nodes, ["node", "label"], "nodes")
    require_columns(edges, EDGE_COLUMNS, "edges")
    if problems := _violations(nodes, edges):
        raise ValueError(bullet_list("a diagram cannot be laid out:", problems))
    known = edges.assign(status=edges.get("status", "")).reset_index(drop=True)
    graph, page = graph_of(nodes, known), width_mm - 2 * MARGIN
    rows, placed = _placed(nodes, known, graph, page, down)
    diagram = _drawn_from(placed, nodes, known, width_mm)
    return _transposed(diagram, placed.columns.end) if rows else diagram


def _placed(
    nodes: pd.DataFrame, edges: pd.DataFrame, graph: Graph, page_mm: float, down: bool | None
) -> tuple[bool, Placed]:
    """Return whether layers are rows, and all places: the direction that cuts fewer words."""
    first = len(graph.rows) > MOST_COLUMNS if down is None else down
    found, errors = [], []
    for direction in (first,) if down is not None else (first, not first):
        try:
            cut, placed = _fitted(nodes, edges, graph, page_mm, direction)
        except ValueError as error:
            errors.append(error)
            continue
        found.append((cut, direction, placed))
        if not cut:
            break
    if not found:
        raise errors[0]
    _, rows, placed = min(found, key=lambda trial: trial[0])
    return rows, placed


def _fitted(
    nodes: pd.DataFrame, edges: pd.DataFrame, graph: Graph, page_mm: float, down: bool
) -> tuple[int, Placed]:
    """Return the words cut and the places of the first candidate that fits the page."""
    short = []
    for cut, labels in candidates(nodes, edges, graph, page_mm, down=down):
        size, rooms = item_sizes(graph, labels), {n: b.across for n, b in labels.nets.items()}
        found = item_tops(graph.rows, size, graph.pairs, room=page_mm if down else np.inf)
        used = max(found[item] + size[item] for item in found)
        first = MARGIN + ((page_mm - used) / 2 if down else 0.0)
        tops = {item: round(top + first, 4) for item, top in found.items()}
        ports = port_heights(graph.rows, graph.hops, tops, size, rooms)
        places = columns(graph, labels, ports, None if down else page_mm)
        if places.spare >= 0:
            return cut, Placed(graph, labels, size, tops, ports, places)
        short.append(page_mm - places.spare)
    raise too_wide(min(short), page_mm, down=down)


def _drawn_from(
    placed: Placed, nodes: pd.DataFrame, edges: pd.DataFrame, width_mm: float
) -> Diagram:
    """Return the diagram whose layers are columns."""
    columns = [*EDGE_COLUMNS, "status"]
    return Diagram(
        node_boxes(placed, nodes["node"].tolist()),
        edges[columns].assign(
            net=placed.graph.nets(), points=pd.Series(edge_points(placed), dtype=object)
        ),
        lines(placed, edges),
        heads(placed, edges),
        label_boxes(placed, edges),
        float(width_mm),
        max(top + placed.size[item] for item, top in placed.tops.items()) + MARGIN,
    )


def _transposed(diagram: Diagram, height_mm: float) -> Diagram:
    """Return the diagram whose layers are rows: what ran to the right runs down."""
    points = [tuple((y, x) for x, y in way) for way in diagram.edges["points"]]
    turned = [frame.rename(columns=ACROSS) for frame in (diagram.nodes, diagram.lines,
              diagram.heads, diagram.labels)]  # fmt: skip
    nodes, pieces, ends, labels = turned
    ends = ends.assign(direction=ends["direction"].map({"right": "down", "left": "up"}))
    edges = diagram.edges.assign(points=pd.Series(points, dtype=object))
    return Diagram(nodes, edges, pieces, ends, labels, diagram.width_mm, height_mm)


def _violations(nodes: pd.DataFrame, edges: pd.DataFrame) -> list[str]:
    """Return one message for each fault of the tables."""
    known, found = set(nodes["node"]), []
    if nodes.empty:
        found.append("nodes: no row; a diagram needs one box at least")
    for row, (node, text) in enumerate(zip(nodes["node"], nodes["label"], strict=True)):
        if not isinstance(text, str) or not text.strip():
            found.append(f"nodes row {row}, label: {node!r} has none; give it one")
    for node in nodes["node"][nodes["node"].duplicated()]:
        found.append(f"nodes, node: {node!r} stands twice; keep one row")
    for row, edge in enumerate(edges.to_dict("records")):
        for end in ("source", "target"):
            if edge[end] not in known:
                found.append(f"edges row {row}, {end}: {edge[end]!r} is no node; add it to nodes")
        if edge["source"] == edge["target"]:
            found.append(f"edges row {row}: {edge['source']!r} leads to itself; drop the edge")
        if edge["basis"] not in BASES:
            found.append(f"edges row {row}, basis: {edge['basis']!r}; allowed: {', '.join(BASES)}")
    twice = edges[edges.duplicated(["source", "target", "relation"])]
    for row, source, target in zip(twice.index, twice["source"], twice["target"], strict=True):
        found.append(f"edges row {row}: {source!r} to {target!r} stands twice; keep one row")
    return found
