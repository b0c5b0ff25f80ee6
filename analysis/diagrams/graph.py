"""Boxes and arrows as layers, lines in channels and an order in each layer, before any size."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.diagrams.channels import Hop, all_hops
from analysis.diagrams.layers import (
    Item,
    Link,
    Pair,
    links_of,
    longest_path_layers,
    ordered,
    way,
)


@dataclass(frozen=True)
class Graph:
    """What follows from the edges alone.

    Attributes
    ----------
    layer : dict
        Layer from 0 by box.
    links : list of Link
        Edges as laid out.
    hops : list of Hop
        Lines, channel by channel.
    rows : list of list
        Boxes and passing lines of each layer in order.
    pairs : list of tuple
        Items of neighbouring layers that a line joins.
    """

    layer: dict[str, int]
    links: list[Link]
    hops: list[Hop]
    rows: list[list[Item]]
    pairs: list[Pair]

    def nets(self) -> list[int]:
        """Return the net of each edge."""
        found = {edge: hop.net for hop in self.hops for edge in hop.edges}
        return [found[edge] for edge in sorted(found)]

    def channels(self) -> int:
        """Return the number of channels: between layers, or beside a single one."""
        return max([len(self.rows) - 1, *(hop.channel + 1 for hop in self.hops)])


def graph_of(nodes: pd.DataFrame, edges: pd.DataFrame) -> Graph:
    """Find layers, lines and the order of the boxes.

    Parameters
    ----------
    nodes, edges : DataFrame
        As `layout.lay_out` takes them. Edges without direction do not shape the layers.
    """
    names = nodes["node"].tolist()
    ends = list(zip(edges["source"], edges["target"], strict=True))
    if "group" in nodes:
        rank = {group: k for k, group in enumerate(dict.fromkeys(nodes["group"]))}
        layer = {n: rank[group] for n, group in zip(names, nodes["group"], strict=True)}
    else:
        directed = zip(ends, edges["directed"], strict=True)
        layer = longest_path_layers(names, [end for end, arrow in directed if arrow])
    links = links_of(ends, layer)
    looks = list(edges[["relation", "basis", "status", "directed"]].itertuples(index=False))
    hops = all_hops(links, looks, layer)
    depths = range(max(layer.values()) + 1)
    rows: list[list[Item]] = [[n for n in names if layer[n] == depth] for depth in depths]
    for link in links:
        for depth, place in enumerate(way(link, layer)[1:-1], start=layer[link.left] + 1):
            rows[depth].append(place)
    pairs = [(a, b) for hop in hops for a in hop.left for b in hop.right]
    return Graph(layer, links, hops, ordered(rows, pairs), pairs)
