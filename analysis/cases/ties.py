"""Collaborative governance as a network: who deals with whom, as each study tells it.

A handful of actors and ties read from one abstract carries few measures: how many, how dense, how
mutual, who has most partners, and what changed between two phases. What a study observes is kept
apart from what it proposes and from what it, a rule or a general definition expects. Nothing is
tested and towns are not ranked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from analysis.cases.studies import Studies

SCOPES = {"observed": ("observed",), "all": ("observed", "expected", "proposed")}
NODE_KINDS = ("actor", "object")
CAVEAT = {
    "en": "Ties are read from abstracts: an actor or a tie that a study leaves out is missing, "
    "and its absence is no finding. With a handful of actors one tie more moves every measure; "
    "towns are not compared. What is governed (industry projects) is a node, though no actor.",
    "zh": "关系取自论文摘要：研究未提及的主体或关系在此缺失，缺失不构成发现。主体寥寥，"
    "多一条关系即改变各项指标；各镇之间不作比较。治理对象（产业项目）虽非主体，也作为节点。",
}


def tie_measures(studies: Studies) -> pd.DataFrame:
    """Measure the network of each case and phase.

    Parameters
    ----------
    studies : Studies
        ties: case, phase (empty: the study tells of one state), source, target, relation, basis,
        status (observed, expected, proposed); relations: relation, directed (``no``: a tie holds
        both ways).

    Returns
    -------
    DataFrame
        case, phase, scope (``observed`` ties only, or ``all`` with those expected and proposed),
        nodes (actors that the study names and objects that a tie of the case joins: the same in
        all phases, so that these compare), tied (nodes with a tie), ties (ordered pairs of nodes
        that a tie joins), explicit (of these, stated by the study), density
        (ties / nodes (nodes - 1)), reciprocity (share of ties whose reverse is a tie; missing
        without ties).
    """
    rows = []
    for (case, phase), ties in _phases(studies):
        nodes = len(_nodes(studies, case))
        for scope, statuses in SCOPES.items():
            pairs = _ordered_pairs(ties[ties["status"].isin(statuses)], studies.relations)
            forth = list(zip(pairs["source"], pairs["target"], strict=True))
            returned = sum((target, source) in set(forth) for source, target in forth)
            shares = [len(forth) / (nodes * (nodes - 1)), returned / len(forth) if forth else None]
            tied = len({node for pair in forth for node in pair})
            explicit = int(pairs["explicit"].sum())
            rows.append([case, phase, scope, nodes, tied, len(forth), explicit, *shares])
    columns = ["case", "phase", "scope", "nodes", "tied", "ties", "explicit", "density"]
    return pd.DataFrame(rows, columns=[*columns, "reciprocity"]).astype({"reciprocity": "float64"})


def tie_degrees(studies: Studies) -> pd.DataFrame:
    """Count the partners of each node of `tie_measures`.

    Returns
    -------
    DataFrame
        case, phase, scope, node, kind, label_en, label_zh, ties_in, ties_out, partners (distinct,
        either way); nodes without a tie are in with zeros.
    """
    rows = []
    for (case, phase), ties in _phases(studies):
        for scope, statuses in SCOPES.items():
            pairs = _ordered_pairs(ties[ties["status"].isin(statuses)], studies.relations)
            for node in _nodes(studies, case).to_dict("records"):
                into = set(pairs.loc[pairs["target"] == node["id"], "source"])
                out = set(pairs.loc[pairs["source"] == node["id"], "target"])
                named = [node[c] for c in ("id", "kind", "label_en", "label_zh")]
                rows.append([case, phase, scope, *named, len(into), len(out), len(into | out)])
    columns = ["case", "phase", "scope", "node", "kind", "label_en", "label_zh", "ties_in"]
    return pd.DataFrame(rows, columns=[*columns, "ties_out", "partners"])


def tie_changes(studies: Studies, case: str) -> pd.DataFrame:
    """Compare the ties of a case before and after.

    Returns
    -------
    DataFrame
        source, target, relation, basis, status (both of the later phase where a tie is in both),
        change (``kept``, ``ended``, ``new``).

    Raises
    ------
    ValueError
        If the study tells of no such phases.
    """
    ties = studies.ties[studies.ties["case"] == case]
    found = sorted(set(ties["phase"]))
    if not {"before", "after"} <= set(found):
        raise ValueError(f"actor_ties.csv: {case} needs phases before and after, it has {found}")
    key = ["source", "target", "relation"]
    before, after = (
        ties[ties["phase"] == phase].drop_duplicates(key).set_index(key)[["basis", "status"]]
        for phase in ("before", "after")
    )
    later = after.combine_first(before)
    later["change"] = "kept"
    later.loc[~later.index.isin(before.index), "change"] = "new"
    later.loc[~later.index.isin(after.index), "change"] = "ended"
    return later.sort_index().reset_index()


def _phases(studies: Studies) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    groups = studies.ties.groupby(["case", "phase"], sort=False)
    return [((str(case), str(phase)), ties) for (case, phase), ties in groups]


def _nodes(studies: Studies, case: str) -> pd.DataFrame:
    """Return the codes that are nodes: all actors of the case, objects where a tie joins them."""
    ends = {*studies.ties["source"], *studies.ties["target"]}
    own = studies.codes[studies.codes["case"] == case]
    return own[(own["kind"] == "actor") | (own["id"].isin(ends) & own["kind"].isin(NODE_KINDS))]


def _ordered_pairs(ties: pd.DataFrame, relations: pd.DataFrame) -> pd.DataFrame:
    """Return the distinct ordered pairs that ties join: source, target, explicit."""
    mutual = relations.loc[relations["directed"] == "no", "relation"]
    back = ties[ties["relation"].isin(mutual)].rename(
        columns={"source": "target", "target": "source"}
    )
    both = pd.concat([ties, back]).assign(explicit=lambda t: t["basis"] == "explicit")
    return both.groupby(["source", "target"])["explicit"].any().reset_index()
