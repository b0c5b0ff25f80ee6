"""Chains: the studies' edges are dashed, coded ones oriented, paths join only what meets."""

import shutil

import pandas as pd
import pytest
import theme_corpus as small

from analysis.interviews import chains
from analysis.interviews.corpus import table
from analysis.interviews.themes import ThemeError

# --- source studies


def test_no_edge_of_the_town_studies_is_solid():
    edges = chains.study_edges(small.CASES)
    towns = edges[edges["case"].isin(list("BSWP"))]
    assert len(edges) == 40 and len(towns) == 37
    assert set(edges["basis"]) == set(chains.DASHED)
    assert not chains.edge_table(edges)["solid"].any()
    assert (towns[["source_theme", "target_theme"]] != "").all(axis=None)
    assert (edges.loc[edges["case"] == "Z", ["source_theme", "target_theme"]] == "").all(axis=None)
    assert (edges["doc_id"] == "").all()


def test_paths_of_the_studies():
    """B: five causes' measures; S: three; W: five; P names no causes and joins twelve directly."""
    paths = chains.chain_paths(chains.study_edges(small.CASES))
    assert paths.groupby("case")["paths"].sum().to_dict() == {"B": 5, "P": 12, "S": 3, "W": 5}
    assert (paths.loc[paths["case"] == "P", "cause"] == "").all()
    direct = paths[paths["cause"] == ""]
    assert (direct["basis_first"] == direct["basis_second"]).all()
    in_b = paths[(paths["case"] == "B") & (paths["problem"] == "problem.organization")]
    assert in_b[["cause", "countermeasure", "basis_first", "basis_second"]].to_numpy().tolist() == [
        ["cause.ideas", "countermeasure.organization", "order", "analyst"],
        ["cause.ideas", "countermeasure.talent", "order", "analyst"],
    ]
    assert (paths["interviews"] == 0).all()


def test_themes_do_not_join_what_codes_keep_apart():
    """W: frag-admin-goveff and coord-paths-collab share themes, not codes: two paths, not four."""
    paths = chains.chain_paths(chains.study_edges(small.CASES))
    in_w = paths[(paths["case"] == "W") & (paths["cause"] == "cause.governance")]
    assert in_w["countermeasure"].tolist() == [
        "countermeasure.government", "countermeasure.organization"
    ]  # fmt: skip
    assert in_w["paths"].tolist() == [1, 1]


def test_all_faults_of_the_files_come_at_once(tmp_path):
    for name in ("codes.csv", "chains.csv", "themes.csv"):
        shutil.copy(small.CASES / name, tmp_path)
    with (tmp_path / "chains.csv").open("a") as file:
        file.write("B.prob.infra,S.cause.policy,has_cause,order,S0\n")
        file.write("B.prob.infra,B.cause.nowhere,has_cause,order,S0\n")
        file.write("B.cause.chain,B.prob.infra,has_cause,order,S0\n")
        file.write("B.prob.infra,B.cause.chain,has_cause,guess,S0\n")
    with (tmp_path / "themes.csv").open("a") as file:
        file.write("cause.chain,cause,x,x,B.cause.support,analyst\n")
        file.write("cause.chain,cause,x,x,B.cause.absent,analyst\n")
    with pytest.raises(chains.ChainError) as caught:
        chains.study_edges(tmp_path)
    for fault in (
        "chains.csv, line 42: joins case B to case S",
        "chains.csv, line 43: B.cause.nowhere is not in codes.csv",
        "chains.csv, line 44: a cause is not joined to a problem by 'has_cause'",
        "chains.csv, line 45: basis 'guess' is none of",
        "themes.csv: B.cause.support has more than one theme",
        "themes.csv: B.cause.absent is not in codes.csv",
    ):
        assert fault in str(caught.value)
    assert str(caught.value).count("\n") == 6


def test_missing_file_and_column_are_named(tmp_path):
    with pytest.raises(chains.ChainError, match=r"codes\.csv is missing"):
        chains.study_edges(tmp_path)
    (tmp_path / "codes.csv").write_text("id,case\n")
    with pytest.raises(chains.ChainError, match=r"codes\.csv: no column kind"):
        chains.study_edges(tmp_path)


# --- coded links

KINDS = {"p1": "problem", "p2": "problem", "c1": "cause", "m1": "countermeasure", "act": "actor"}


def link(k: int, source: str, target: str, coder: str = "A", **fields: str) -> dict[str, object]:
    kinds = {"source_kind": "coding", "target_kind": "coding", **fields}
    ends = {"source": source, "target": target, "coder_id": coder}
    return {"link_id": str(k), "name": "leads to", "directed": True, **ends, **kinds}


@pytest.fixture
def coded():
    """A codes p1, c1, m1, p2, act in B1 (A0000 to A0004) and p1, c1 in S1 (A0005, A0006)."""
    docs = small.documents({"B": 1, "S": 1}, paragraphs=6)
    rows = [("B1", k, code) for k, code in enumerate(("p1", "c1", "m1", "p2", "act"))]
    codings = small.codings([*rows, ("S1", 0, "p1"), ("S1", 1, "c1")])
    codes = table("codes", [{"code_id": c, "kind": k} for c, k in KINDS.items()])
    return docs, codings, codes


def chains_of(coded, *links, coder="A"):
    docs, codings, codes = coded
    return chains.coded_edges(docs, codings, codes, table("links", links), coder=coder)


def test_edges_run_from_problem_to_countermeasure_however_drawn(coded):
    found = chains_of(
        coded, link(1, "A0000", "A0001"), link(2, "A0001", "A0003"), link(3, "A0002", "A0001"),
        link(4, "A0005", "A0006"), link(5, "A0006", "A0005"),
    )  # fmt: skip
    columns = ["case", "source", "target", "source_theme", "target_theme", "relation", "basis"]
    assert found.edges[columns].to_numpy().tolist() == [
        ["B", "A0000", "A0001", "p1", "c1", "has_cause", "coded"],
        ["B", "A0001", "A0002", "c1", "m1", "addressed_by", "coded"],
        ["B", "A0003", "A0001", "p2", "c1", "has_cause", "coded"],
        ["S", "A0005", "A0006", "p1", "c1", "has_cause", "coded"],
    ]
    assert found.left_out.empty
    counts = chains.edge_table(found.edges)
    assert counts["solid"].all()
    assert counts["edges"].tolist() == counts["interviews"].tolist() == [1, 1, 1, 1]


def test_paths_join_within_an_interview(coded):
    found = chains_of(
        coded, link(1, "A0000", "A0001"), link(2, "A0003", "A0001"), link(3, "A0001", "A0002"),
        link(4, "A0005", "A0006"),
    )  # fmt: skip
    paths = chains.chain_paths(found.edges)
    columns = ["case", "problem", "cause", "countermeasure", "basis_second", "paths", "interviews"]
    assert paths[columns].to_numpy().tolist() == [
        ["B", "p1", "c1", "m1", "coded", 1, 1],
        ["B", "p2", "c1", "m1", "coded", 1, 1],
        ["S", "p1", "c1", "", "", 1, 1],
    ]


@pytest.mark.parametrize(
    ("ends", "path"),
    [
        (("A0000", "A0001"), ["p1", "c1", "", "coded", ""]),
        (("A0001", "A0002"), ["", "c1", "m1", "", "coded"]),
        (("A0000", "A0002"), ["p1", "", "m1", "coded", "coded"]),
    ],
)
def test_an_edge_alone_is_a_path(coded, ends, path):
    paths = chains.chain_paths(chains_of(coded, link(1, *ends)).edges)
    columns = [*chains.STAGES, "basis_first", "basis_second"]
    assert paths[columns].to_numpy().tolist() == [path]
    assert paths["paths"].tolist() == [1]


def test_every_link_is_an_edge_or_counted_with_its_reason(coded):
    links = [
        link(1, "A0000", "A0001"), link(2, "A0000", "A0004"), link(3, "A0000", "A0003"),
        link(4, "A0000", "A0006"), link(5, "B1", "A0000", source_kind="document"),
        link(6, "A0000", "gone"), link(7, "A0000", "A0002", coder="B"),
    ]  # fmt: skip
    found = chains_of(coded, *links)
    assert len(found.edges) == 1
    assert found.left_out.to_dict("list") == {
        "reason": [
            "between two interviews",
            "not between a problem, a cause and a countermeasure",
            "not between two codings",
        ],
        "links": [1, 2, 2],
    }


def test_a_suggested_end_makes_an_edge_dashed(coded):
    docs, codings, codes = coded
    codings.loc[codings["coding_id"] == "A0001", "origin"] = "suggested"
    found = chains_of((docs, codings, codes), link(1, "A0000", "A0001"), link(2, "A0000", "A0002"))
    assert found.edges["basis"].tolist() == ["analyst", "coded"]
    assert chains.edge_table(found.edges).set_index("target")["solid"].to_dict() == {
        "c1": False, "m1": True
    }  # fmt: skip


def test_consensus_takes_only_agreed_codings(coded):
    docs, codings, codes = coded
    codings.loc[codings["doc_id"] == "S1", "origin"] = "consensus"
    links = link(1, "A0005", "A0006", coder="B"), link(2, "A0000", "A0001")
    found = chains_of((docs, codings, codes), *links, coder="consensus")
    assert found.edges["case"].tolist() == ["S"]
    assert found.left_out["reason"].tolist() == ["an end is not a consensus coding"]


def test_no_links_give_empty_tables(coded):
    found = chains_of(coded)
    assert list(found.edges) == chains.EDGE_COLUMNS and found.edges.empty
    assert chains.chain_paths(found.edges).empty and chains.edge_table(found.edges).empty
    with pytest.raises(ThemeError, match="no codings of 'Q'"):
        chains_of(coded, coder="Q")


def test_both_kinds_of_edges_are_one_table(coded):
    both = pd.concat([
        chains.study_edges(small.CASES), chains_of(coded, link(1, "A0000", "A0001")).edges
    ])  # fmt: skip
    solid = chains.edge_table(both).groupby("basis")["solid"].all()
    assert solid.to_dict() == {"analyst": False, "coded": True, "order": False}
