"""Chains of problem, cause and countermeasure, and what each of their edges rests on.

An edge is solid where a human coded both ends and the relation (`coded`) or a study states it
(`explicit`). It is dashed where it rests on the order of two lists (`order`) or on the reading of
an analyst (`analyst`): the four town studies pair nothing, so all of their edges are dashed.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.interviews.themes import CONSENSUS, select_codings
from analysis.project import ProjectError, bullet_list

STAGES = ("problem", "cause", "countermeasure")
SOLID = ("coded", "explicit")
DASHED = ("order", "analyst")
RELATIONS = {
    ("problem", "cause"): "has_cause",
    ("cause", "countermeasure"): "addressed_by",
    ("problem", "countermeasure"): "addressed_by",
}
EDGE_COLUMNS = [
    "case", "doc_id", "source", "target", "source_theme", "target_theme", "source_kind",
    "target_kind", "relation", "basis",
]  # fmt: skip


class ChainError(ProjectError):
    """Chains that do not fit the codes they join."""


@dataclass(frozen=True)
class CodedChains:
    """Edges that coders drew, and the links that are none.

    Attributes
    ----------
    edges : DataFrame
        case, doc_id, source, target (coding_id), source_theme, target_theme (code_id), source_kind,
        target_kind, relation, basis (`coded`; `analyst` where an end is only suggested).
    left_out : DataFrame
        reason, links: why a link is no edge of a chain.
    """

    edges: pd.DataFrame
    left_out: pd.DataFrame


def study_edges(folder: Path) -> pd.DataFrame:
    """Read the chains that the source studies suggest.

    Parameters
    ----------
    folder : Path
        Holds codes.csv (id, case, kind), chains.csv (source, target, relation, basis) and
        themes.csv (theme, kind, code).

    Returns
    -------
    DataFrame
        case, doc_id (empty), source, target (code), source_theme, target_theme (empty where no
        theme gathers the code), source_kind, target_kind, relation, basis.

    Raises
    ------
    ChainError
        Listing each missing file or column, each end that is no code, edge between two cases,
        unknown basis, edge whose relation is not that of its kinds and code with two themes. Ends
        of other kinds (the framework's obstacles and mechanisms) may have any relation.
    """
    codes = _read(folder / "codes.csv", ["id", "case", "kind"]).set_index("id")
    chains = _read(folder / "chains.csv", ["source", "target", "relation", "basis"])
    themes = _read(folder / "themes.csv", ["theme", "kind", "code"])
    problems = _study_problems(chains, codes, themes)
    if problems:
        raise ChainError(bullet_list(f"the chains in {folder} cannot be used:", problems))
    theme = dict(zip(themes["code"], themes["theme"], strict=True))
    edges = chains.assign(case=chains["source"].map(codes["case"]), doc_id="")
    for end in ("source", "target"):
        edges[f"{end}_kind"] = edges[end].map(codes["kind"])
        edges[f"{end}_theme"] = [theme.get(code, "") for code in edges[end]]
    return edges[EDGE_COLUMNS].astype("str")


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    if not path.is_file():
        raise ChainError(f"{path} is missing; restore it from version control")
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    if missing := [c for c in columns if c not in frame]:
        raise ChainError(f"{path}: no column {', '.join(missing)}; it has {list(frame)}")
    return frame


def _study_problems(chains: pd.DataFrame, codes: pd.DataFrame, themes: pd.DataFrame) -> list[str]:
    problems = [
        f"themes.csv: {code} has more than one theme"
        for code in themes.loc[themes["code"].duplicated(), "code"].unique()
    ]
    problems += [
        f"themes.csv: {code} is not in codes.csv"
        for code in themes.loc[~themes["code"].isin(codes.index), "code"]
    ]
    for line, edge in enumerate(chains.to_dict("records"), start=2):
        place = f"chains.csv, line {line}"
        unknown = [edge[end] for end in ("source", "target") if edge[end] not in codes.index]
        problems += [f"{place}: {code} is not in codes.csv" for code in unknown]
        if edge["basis"] not in (*SOLID, *DASHED):
            problems.append(f"{place}: basis {edge['basis']!r} is none of {(*SOLID, *DASHED)}")
        if unknown:
            continue
        (case, kind), (other, other_kind) = codes.loc[
            [edge["source"], edge["target"]], ["case", "kind"]
        ].to_numpy()
        if case != other:
            problems.append(f"{place}: joins case {case} to case {other}")
        pair = (kind, other_kind)
        if set(pair) <= set(STAGES) and RELATIONS.get(pair) != edge["relation"]:
            problems.append(f"{place}: a {kind} is not joined to a {other_kind} "
                            f"by {edge['relation']!r}")  # fmt: skip
    return problems


def coded_edges(
    documents: pd.DataFrame,
    codings: pd.DataFrame,
    codes: pd.DataFrame,
    links: pd.DataFrame,
    *,
    coder: str,
) -> CodedChains:
    """Return the edges of chains among the links that a coder drew between codings.

    The kinds of the two codes give the direction, whatever way a link was drawn ("leads to" and
    "is caused by" are the same edge).

    Parameters
    ----------
    documents, codings, codes, links : DataFrame
        Tables of a corpus.
    coder : str
        A coder_id, or "consensus": then all links between consensus codings.

    Returns
    -------
    CodedChains

    Raises
    ------
    ThemeError
        When the coder coded nothing.
    """
    select_codings(codings, coder)
    consensus = coder == CONSENSUS
    drawn = links if consensus else links[links["coder_id"] == coder]
    kinds = codes.set_index("code_id")["kind"]
    ends = codings.assign(kind=codings["code_id"].map(kinds))
    joined = drawn.merge(
        ends.add_prefix("a_"), how="left", left_on="source", right_on="a_coding_id"
    ).merge(ends.add_prefix("b_"), how="left", left_on="target", right_on="b_coding_id")
    reason = _reasons(joined, consensus=consensus)
    counts = reason[reason != ""].value_counts().rename_axis("reason").rename("links")
    left_out = counts.sort_index().reset_index().astype({"reason": "str", "links": "int64"})
    case = documents.set_index("doc_id")["case"]
    return CodedChains(_oriented(joined[reason == ""], case), left_out)


def _reasons(joined: pd.DataFrame, *, consensus: bool) -> pd.Series:
    """Say why a link is no edge; empty where it is one. What is set last is the plainest."""
    reason = pd.Series("", index=joined.index, dtype="str")
    a, b = _ranks(joined)
    reason[a.isna() | b.isna() | (a == b)] = "not between a problem, a cause and a countermeasure"
    reason[joined["a_doc_id"] != joined["b_doc_id"]] = "between two interviews"
    if consensus:
        agreed = (joined[["a_origin", "b_origin"]] == CONSENSUS).all(axis=1)
        reason[~agreed] = "an end is not a consensus coding"
    is_coding = (joined[["source_kind", "target_kind"]] == "coding").all(axis=1)
    found = joined["a_doc_id"].notna() & joined["b_doc_id"].notna()
    reason[~is_coding | ~found] = "not between two codings"
    return reason


def _ranks(joined: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    rank = {stage: float(k) for k, stage in enumerate(STAGES)}
    return joined["a_kind"].map(rank), joined["b_kind"].map(rank)


def _oriented(joined: pd.DataFrame, case: pd.Series) -> pd.DataFrame:
    """Return edges from the earlier stage to the later."""
    a, b = _ranks(joined)
    parts = []
    for first, second, rows in (("a", "b", joined[a < b]), ("b", "a", joined[a > b])):
        names = {"doc_id": f"{first}_doc_id"}
        for end, side in (("source", first), ("target", second)):
            names |= {end: f"{side}_coding_id", f"{end}_theme": f"{side}_code_id"}
            names |= {f"{end}_kind": f"{side}_kind", f"{end}_origin": f"{side}_origin"}
        parts.append(rows[list(names.values())].set_axis(list(names), axis=1))
    edges = pd.concat(parts, ignore_index=True)
    suggested = (edges[["source_origin", "target_origin"]] == "suggested").any(axis=1)
    edges["basis"] = suggested.map({True: "analyst", False: "coded"})
    edges["case"] = edges["doc_id"].map(case)
    pairs = zip(edges["source_kind"], edges["target_kind"], strict=True)
    edges["relation"] = [RELATIONS[pair] for pair in pairs]
    table = edges[EDGE_COLUMNS].astype("str").drop_duplicates()
    return table.sort_values(["doc_id", "source", "target"], ignore_index=True)


def edge_table(edges: pd.DataFrame) -> pd.DataFrame:
    """Count the edges between themes.

    Parameters
    ----------
    edges : DataFrame
        As `study_edges` or the edges of `coded_edges`; an end without a theme stands for itself.

    Returns
    -------
    DataFrame
        case, source, target, source_kind, target_kind, relation, basis, solid, edges (pairs of
        codes or of codings), interviews (0 for a study).
    """
    named = edges.assign(
        source=edges["source_theme"].where(edges["source_theme"] != "", edges["source"]),
        target=edges["target_theme"].where(edges["target_theme"] != "", edges["target"]),
    )
    key = ["case", "source", "target", "source_kind", "target_kind", "relation", "basis"]
    grouped = named.groupby(key)["doc_id"]
    counts = grouped.agg(edges="size", interviews=lambda ids: ids[ids != ""].nunique())
    table = counts.reset_index().astype({"edges": "int64", "interviews": "int64"})
    return table.assign(solid=table["basis"].isin(SOLID))[[*key, "solid", "edges", "interviews"]]


def chain_paths(edges: pd.DataFrame) -> pd.DataFrame:
    """Join edges into paths from problem to countermeasure.

    An edge that nothing continues is a path of its own, its missing stage empty: nothing is added.

    Parameters
    ----------
    edges : DataFrame
        As `study_edges` or the edges of `coded_edges`; other kinds than the three stages and ends
        without a theme form no path.

    Returns
    -------
    DataFrame
        case, problem, cause, countermeasure (themes, or empty), basis_first (of the edge that
        leaves the problem), basis_second (of the edge that reaches the countermeasure; for a direct
        edge the same as the first; empty where there is none), paths, interviews.
    """
    stage = {
        pair: edges[(edges["source_kind"] == pair[0]) & (edges["target_kind"] == pair[1])
                    & (edges["source_theme"] != "") & (edges["target_theme"] != "")]
        for pair in RELATIONS
    }  # fmt: skip
    first = _stage(stage["problem", "cause"], "problem", "cause", "basis_first")
    second = _stage(stage["cause", "countermeasure"], "cause", "countermeasure", "basis_second")
    direct = _stage(stage["problem", "countermeasure"], "problem", "countermeasure", "basis_first")
    through = first.merge(second, on=["case", "doc_id", "cause_node", "cause"], how="outer")
    paths = pd.concat([through, direct.assign(basis_second=direct["basis_first"], cause="")])
    key = ["case", *STAGES, "basis_first", "basis_second"]
    paths[key] = paths.reindex(columns=key).fillna("").astype("str")
    counts = paths.groupby(key)["doc_id"].agg(
        paths="size", interviews=lambda ids: ids[ids != ""].nunique()
    )
    return counts.reset_index().astype({"paths": "int64", "interviews": "int64"})


def _stage(edges: pd.DataFrame, start: str, end: str, basis: str) -> pd.DataFrame:
    """Rename one stage of edges so that stages join on the node that they share."""
    names = {
        "source": f"{start}_node", "source_theme": start,
        "target": f"{end}_node", "target_theme": end, "basis": basis,
    }  # fmt: skip
    return edges[["case", "doc_id", *names]].rename(columns=names)
