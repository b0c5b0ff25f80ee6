"""Layers of a directed graph: which box stands in which column, and in which order from the top.

After Sugiyama, Tagawa & Toda (1981), IEEE Trans. Systems, Man, and Cybernetics 11(2), 109-125:
edges that close a cycle are turned around for the layout, a layer is the longest path to a box, an
edge over several layers passes a place of its own in each, and the order follows the neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Item = str | tuple[int, int]  # a box, or the place where an edge (number) passes a layer
Pair = tuple[Item, Item]
SWEEPS = 12  # of the ordering; small graphs settle after three or four


@dataclass(frozen=True)
class Link:
    """An edge as laid out, from the left to the right or within one layer.

    Attributes
    ----------
    edge : int
        Its number.
    left, right : str
        Boxes; `left` is the target where the edge is turned around.
    turned : bool
        Whether the arrow points to the left.
    """

    edge: int
    left: str
    right: str
    turned: bool


def closing_edges(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> set[int]:
    """Return the numbers of the edges that close a cycle in a depth-first walk.

    The walk starts at boxes that no edge enters, then at the others, in their order.
    """
    leaving: dict[str, list[tuple[int, str]]] = {node: [] for node in nodes}
    for number, (source, target) in enumerate(edges):
        leaving[source].append((number, target))
    open_nodes, done, closing = set[str](), set[str](), set[int]()

    def walk(node: str) -> None:
        open_nodes.add(node)
        for number, target in leaving[node]:
            if target in open_nodes:
                closing.add(number)
            elif target not in done:
                walk(target)
        open_nodes.discard(node)
        done.add(node)

    entered = {target for _, target in edges}
    for node in sorted(nodes, key=lambda node: node in entered):
        if node not in done:
            walk(node)
    return closing


def longest_path_layers(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of each box: the length of the longest path to it.

    A box that no edge enters moves right, next to the first box that it leads to. Edges that close
    a cycle count as turned around.

    Parameters
    ----------
    nodes : sequence of str
        In the order in which ties are settled.
    edges : sequence of pairs
        Source and target.

    Returns
    -------
    dict
        Layer from 0 by box.
    """
    import networkx as nx

    turned = closing_edges(nodes, edges)
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((t, s) if k in turned else (s, t) for k, (s, t) in enumerate(edges))
    generations = enumerate(nx.topological_generations(graph))
    layer = {node: depth for depth, members in generations for node in members}
    for node in nodes:
        if not graph.in_degree(node) and graph.out_degree(node):
            layer[node] = min(layer[other] for other in graph.successors(node)) - 1
    return {node: layer[node] for node in nodes}


def links_of(edges: Sequence[tuple[str, str]], layer: dict[str, int]) -> list[Link]:
    """Return the edges from left to right; those within a layer as they are."""
    return [
        Link(k, t, s, True) if layer[s] > layer[t] else Link(k, s, t, False)
        for k, (s, t) in enumerate(edges)
    ]


def way(link: Link, layer: dict[str, int]) -> list[Item]:
    """Return what a link passes, layer by layer: its left box, places between, its right box."""
    between = range(layer[link.left] + 1, layer[link.right])
    return [link.left, *((link.edge, depth) for depth in between), link.right]


def crossings(layers: Sequence[Sequence[Item]], pairs: Sequence[Pair]) -> int:
    """Count the pairs of lines between neighbouring layers that cross."""
    place = {item: (k, r) for k, row in enumerate(layers) for r, item in enumerate(row)}
    ends = [(*place[a], place[b][1]) for a, b in pairs]
    return sum(
        k == other and (a - c) * (b - d) < 0 for (k, a, b), (other, c, d) in combinations(ends, 2)
    )


def ordered(layers: Sequence[Sequence[Item]], pairs: Sequence[Pair]) -> list[list[Item]]:
    """Order each layer by the mean place of the neighbours; keep the order with fewest crossings.

    Parameters
    ----------
    layers : sequence of sequences
        Items of each layer in their first order, which settles ties.
    pairs : sequence of pairs
        Lines between neighbouring layers, left item first.

    Returns
    -------
    list of list
        The items of each layer from the top.
    """
    rows = [list(row) for row in layers]
    best, fewest = rows, crossings(rows, pairs)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        steps = range(1, len(rows)) if forward else range(len(rows) - 2, -1, -1)
        rows = [list(row) for row in rows]
        for k in steps:
            beside = {item: r for r, item in enumerate(rows[k - 1 if forward else k + 1])}
            rows[k] = _by_neighbours(rows[k], beside, pairs)
        if (found := crossings(rows, pairs)) < fewest:
            best, fewest = rows, found
    return best


def _by_neighbours(row: list[Item], beside: dict[Item, int], pairs: Sequence[Pair]) -> list[Item]:
    """Sort a layer by relative place of the neighbours beside it; the lonely keep their place."""
    place = {}
    for r, item in enumerate(row):
        others = [beside[b if a == item else a] for a, b in pairs
                  if (a == item and b in beside) or (b == item and a in beside)]  # fmt: skip
        scale = max(len(beside) - 1, 1)
        place[item] = float(np.mean(others)) / scale if others else r / max(len(row) - 1, 1)
    return sorted(row, key=lambda item: place[item])
