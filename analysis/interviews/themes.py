"""From codings to counts: which theme in how many interviews, what goes with what, who with whom.

Every count has its denominator, every co-occurrence its window, and whose codings are counted is
said by the caller. Suggested codes never count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pandas as pd

from analysis.project import ProjectError

CONSENSUS = "consensus"
WINDOWS = ("segment", "turn", "interview")
NODES = {"code_id": "str", "windows": "int64", "degree": "int64", "strength": "int64",
         "betweenness": "float64"}  # fmt: skip
EDGES = {"code_a": "str", "code_b": "str", "together": "int64"}


class ThemeError(ProjectError):
    """A question about themes that the tables of a corpus cannot answer."""


def select_codings(codings: pd.DataFrame, coder: str) -> pd.DataFrame:
    """Return the codings that count: those of one person, or those agreed upon.

    Suggested codes never count, and codings without length cover nothing.

    Parameters
    ----------
    codings : DataFrame
        Table of a corpus.
    coder : str
        A coder_id, or "consensus" for codings of that origin.

    Raises
    ------
    ThemeError
        When there is none; the message names the coders there are.
    """
    if coder == CONSENSUS:
        chosen = codings["origin"] == CONSENSUS
    else:
        chosen = (codings["coder_id"] == coder) & (codings["origin"] == "human")
    found = codings[chosen & (codings["start"] < codings["end"])]
    if found.empty:
        people = sorted(codings.loc[codings["origin"] == "human", "coder_id"].unique())
        known = [*people, *([CONSENSUS] if (codings["origin"] == CONSENSUS).any() else [])]
        raise ThemeError(
            f"no codings of {coder!r}: "
            + (f"choose one of {', '.join(known)}" if known else "none of the documents is coded")
            + "; coder and language are parameters of 12_map_themes_and_chains"
        )
    return found


def with_ancestors(codings: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """Repeat each coding for every code above its own, so that a parent counts its children.

    Parameters
    ----------
    codings, codes : DataFrame
        Tables of a corpus; the coding_id of a repeated row is that of its origin.

    Raises
    ------
    ThemeError
        When a code is above itself.
    """
    parents = codes.loc[codes["parent"] != "", ["code_id", "parent"]]
    parts, level = [codings], codings
    for _ in range(len(codes) + 1):
        level = level.merge(parents, on="code_id").drop(columns="code_id")
        if level.empty:
            return pd.concat(parts, ignore_index=True)[list(codings.columns)]
        level = level.rename(columns={"parent": "code_id"})
        parts.append(level)
    raise ThemeError("codes: a code is above itself; mend the column parent")


def coded_segments(segments: pd.DataFrame, codings: pd.DataFrame) -> pd.DataFrame:
    """Return every pair of a segment and a code whose coding shares a character with it.

    Parameters
    ----------
    segments : DataFrame
        Table of a corpus; segments of one document do not overlap.
    codings : DataFrame
        As `select_codings` returns.

    Returns
    -------
    DataFrame
        seg_id, doc_id, turn, code_id; no row twice.
    """
    ordered = segments.sort_values(["doc_id", "start"], kind="stable", ignore_index=True)
    known = codings[codings["doc_id"].isin(ordered["doc_id"])]
    names = np.sort(ordered["doc_id"].unique())
    width = int(max(ordered["end"].max(), known["end"].max())) + 1 if len(known) else 1
    base, coded_base = (np.searchsorted(names, t["doc_id"]) * width for t in (ordered, known))
    first = np.searchsorted(base + ordered["end"], coded_base + known["start"], side="right")
    last = np.searchsorted(base + ordered["start"], coded_base + known["end"], side="left")
    counts = np.maximum(last - first, 0)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = ordered.iloc[np.repeat(first, counts) + within][["seg_id", "doc_id", "turn"]]
    pairs = rows.assign(code_id=np.repeat(known["code_id"].to_numpy(dtype=object), counts))
    return pairs.astype({"code_id": "str"}).drop_duplicates(ignore_index=True)


def incidence(
    documents: pd.DataFrame, codings: pd.DataFrame, codes: pd.DataFrame, *, coder: str
) -> pd.DataFrame:
    """Return which code occurs in which interview.

    Parameters
    ----------
    documents, codings, codes : DataFrame
        Tables of a corpus; every document is a row of the result, every code a column.
    coder : str
        As `select_codings`.

    Returns
    -------
    DataFrame of bool
        doc_id by code_id.
    """
    chosen = select_codings(codings, coder)
    table = pd.crosstab(chosen["doc_id"], chosen["code_id"]) > 0
    return table.reindex(index=documents["doc_id"], columns=codes["code_id"], fill_value=False)


def theme_frequencies(
    documents: pd.DataFrame,
    segments: pd.DataFrame,
    codings: pd.DataFrame,
    codes: pd.DataFrame,
    *,
    coder: str,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """Count the interviews and the segments with each code, beside how many there are.

    Parameters
    ----------
    documents : DataFrame
        The interviews that were to be coded: the denominator.
    segments : DataFrame
        The paragraphs that were to be coded; without the interviewer's, if those are not.
    codings, codes : DataFrame
        Tables of a corpus; each row of `codes` is counted, other codes are not.
    coder : str
        As `select_codings`.
    by : sequence of str
        Columns of `documents` that form the groups; all interviews if empty.

    Returns
    -------
    DataFrame
        code_id, the columns of `by`, interviews, of_interviews, segments, of_segments, share (% of
        interviews), ci_low, ci_high (95 % Wilson interval of the share, in %) and without_coding,
        the interviews of the group in which the coder coded nothing at all: unread, or empty.
        Interviews are chosen, not drawn: the interval shows how little a small number says, not
        what holds for a population.

    Raises
    ------
    ThemeError
        When documents lacks a column of `by`, or as `select_codings`.
    """
    by = list(by)
    if missing := [c for c in by if c not in documents]:
        raise ThemeError(f"documents has no column {', '.join(missing)}; it has {list(documents)}")
    chosen = select_codings(codings, coder)
    groups = documents[by].drop_duplicates().sort_values(by, ignore_index=True) if by else None
    group_of = documents[["doc_id"]].assign(
        group=documents.groupby(by).ngroup().to_numpy() if by else 0
    )
    table = _counts(group_of, segments, chosen, codes)
    low, high = wilson_interval(table["interviews"], table["of_interviews"])
    table = table.assign(
        share=100 * table["interviews"] / table["of_interviews"],
        ci_low=100 * low,
        ci_high=100 * high,
    )
    if groups is not None:
        table = table.join(groups, on="group")
    counts = ["interviews", "of_interviews", "segments", "of_segments"]
    return table[["code_id", *by, *counts, "share", "ci_low", "ci_high", "without_coding"]]


def _counts(
    group_of: pd.DataFrame, segments: pd.DataFrame, chosen: pd.DataFrame, codes: pd.DataFrame
) -> pd.DataFrame:
    """Count interviews and segments per code and group, zeros included, and their denominators."""
    cell = ["code_id", "group"]
    coded = {
        "interviews": chosen[["doc_id", "code_id"]].drop_duplicates().merge(group_of),
        "segments": coded_segments(segments, chosen).merge(group_of, on="doc_id"),
    }
    totals = {
        "of_interviews": group_of,
        "of_segments": segments.merge(group_of, on="doc_id"),
        "without_coding": group_of[~group_of["doc_id"].isin(chosen["doc_id"])],
    }
    cells = pd.MultiIndex.from_product([codes["code_id"], np.unique(group_of["group"])], names=cell)
    table = cells.to_frame(index=False)
    for name, rows in coded.items():
        table[name] = rows.groupby(cell).size().reindex(cells).array
    for name, rows in totals.items():
        table[name] = table["group"].map(rows.groupby("group").size())
    return table.fillna(0).astype({name: "int64" for name in [*coded, *totals]})


def wilson_interval(successes: pd.Series, trials: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the 95 % score interval of a proportion, in [0, 1].

    Centre (p + z²/2n) / (1 + z²/n), half width z sqrt(p(1-p)/n + z²/4n²) / (1 + z²/n).

    Source
    ------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    """
    z = 1.959963984540054
    p = successes / trials
    scale = 1 + z**2 / trials
    centre = (p + z**2 / (2 * trials)) / scale
    half = z * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2)) / scale
    low, high = (centre - half).clip(lower=0.0), (centre + half).clip(upper=1.0)
    return low.where(successes > 0, 0.0), high.where(successes < trials, 1.0)


def co_occurrence(
    segments: pd.DataFrame,
    codings: pd.DataFrame,
    codes: pd.DataFrame,
    *,
    coder: str,
    window: str,
) -> pd.DataFrame:
    """Count the windows in which two codes occur together, for all pairs of codes.

    Parameters
    ----------
    segments, codings, codes : DataFrame
        Tables of a corpus; pairs are formed among the rows of `codes`.
    coder : str
        As `select_codings`.
    window : str
        "segment" (a paragraph), "turn" (all that one speaker says at a time) or "interview". The
        wider the window, the more goes together.

    Returns
    -------
    DataFrame
        code_a, code_b, together, windows_a, windows_b (with the one code), windows (all of them),
        expected (together, were the codes independent: windows_a windows_b / windows), jaccard
        (together / either; missing where neither occurs), window.

    Raises
    ------
    ThemeError
        When the window is unknown, or as `select_codings`.
    """
    if window not in WINDOWS:
        raise ThemeError(f"window is {window!r}, must be one of {', '.join(WINDOWS)}")
    keys = {"segment": ["seg_id"], "turn": ["doc_id", "turn"], "interview": ["doc_id"]}[window]
    names = codes["code_id"].to_numpy(dtype=object)
    pairs = coded_segments(segments, select_codings(codings, coder))
    pairs = pairs[pairs["code_id"].isin(names)]
    present = np.zeros((pairs.groupby(keys).ngroups, len(names)))
    present[pairs.groupby(keys).ngroup(), pd.Index(names).get_indexer(pairs["code_id"])] = 1
    together = present.T @ present
    a, b = np.triu_indices(len(names), 1)
    table = pd.DataFrame(
        {
            "code_a": pd.Series(names[a], dtype="str"),
            "code_b": pd.Series(names[b], dtype="str"),
            "together": together[a, b].astype("int64"),
            "windows_a": together[a, a].astype("int64"),
            "windows_b": together[b, b].astype("int64"),
            "windows": segments.groupby(keys).ngroups,
        }
    )
    either = table["windows_a"] + table["windows_b"] - table["together"]
    return table.assign(
        expected=table["windows_a"] * table["windows_b"] / table["windows"],
        jaccard=table["together"] / either.where(either > 0),
        window=window,
    )


@dataclass(frozen=True)
class ActorNetwork:
    """Who is spoken of together.

    Attributes
    ----------
    nodes : DataFrame
        code_id, windows (that name the actor), degree (actors named with it), strength (sum of
        `together` over them), betweenness (share of the shortest paths between others that pass;
        each edge as long as 1 / together; Brandes 2001, J. Math. Sociology 25(2), 163-177).
    edges : DataFrame
        Rows of `co_occurrence` with at least one window together.
    window : str
        What is counted.
    """

    nodes: pd.DataFrame
    edges: pd.DataFrame
    window: str


def _empty(columns: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def actor_network(
    segments: pd.DataFrame,
    codings: pd.DataFrame,
    codes: pd.DataFrame,
    *,
    coder: str,
    window: str,
    kind: str = "actor",
) -> ActorNetwork:
    """Return the network of the codes of one kind; an edge is a window that names both.

    Without two such codes there is no network: it comes back empty.

    Naming two actors in one breath is not a tie between them: the network shows how people speak.

    Parameters
    ----------
    segments, codings, codes, coder, window
        As `co_occurrence`.
    kind : str
        Kind of the codes that are nodes.

    Raises
    ------
    ThemeError
        As `co_occurrence`.
    """
    actors = codes[codes["kind"] == kind]
    if len(actors) < 2:
        return ActorNetwork(_empty(NODES), _empty(EDGES), window)
    pairs = co_occurrence(segments, codings, actors, coder=coder, window=window)
    edges = pairs[pairs["together"] > 0].reset_index(drop=True)
    graph = nx.Graph()
    graph.add_nodes_from(actors["code_id"])
    graph.add_weighted_edges_from(edges[["code_a", "code_b", "together"]].to_numpy().tolist())
    length = {(a, b): 1 / w for a, b, w in graph.edges(data="weight")}
    nx.set_edge_attributes(graph, length, "length")
    between = nx.betweenness_centrality(graph, weight="length")
    sizes = pd.concat(
        [pairs.set_index(f"code_{end}")[f"windows_{end}"] for end in ("a", "b")]
    ).groupby(level=0).first()  # fmt: skip
    nodes = pd.DataFrame({"code_id": actors["code_id"].reset_index(drop=True)})
    nodes["windows"] = nodes["code_id"].map(sizes)
    nodes["degree"] = nodes["code_id"].map(dict(graph.degree())).astype("int64")
    nodes["strength"] = nodes["code_id"].map(dict(graph.degree(weight="weight"))).astype("int64")
    nodes["betweenness"] = nodes["code_id"].map(between).astype("float64")
    return ActorNetwork(nodes, edges, window)
