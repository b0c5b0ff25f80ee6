"""The source studies: what the texts say stands in the tables, and each rule finds its fault."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.cases.studies import case_chains, case_codes, policy_inventory, read_studies
from analysis.cases.study_rules import faults
from analysis.cases.study_tables import TABLES
from analysis.interviews.chains import study_edges
from analysis.sources import read_card

ROOT = Path(__file__).parents[1]
CASES = ROOT / "data" / "raw" / "cases"


@pytest.fixture(scope="module")
def studies():
    return read_studies(CASES)


def frames(studies) -> dict[str, pd.DataFrame]:
    return {name: getattr(studies, name).copy() for name in TABLES}


# --- what the texts say, read independently of the tables


@pytest.mark.parametrize(
    ("case", "kind", "count"),
    [
        *[("B", "problem", 4), ("B", "cause", 4), ("B", "countermeasure", 5)],
        *[("S", "problem", 3), ("S", "cause", 3), ("S", "countermeasure", 3)],
        # W lists six measures: one code joins motivation and willingness; it names four groups.
        *[("W", "problem", 5), ("W", "cause", 5), ("W", "countermeasure", 5), ("W", "actor", 4)],
        # P names no cause, and one actor.
        *[("P", "problem", 4), ("P", "cause", 0), ("P", "countermeasure", 12), ("P", "actor", 1)],
    ],
)
def test_each_abstract_has_as_many_codes_as_it_lists(studies, case, kind, count):
    codes = studies.codes
    assert ((codes["case"] == case) & (codes["kind"] == kind)).sum() == count


def test_inventory_holds_what_the_paper_assigns(studies):
    """Zhai et al., lines 67-69, 101-109, 113-123, 140, 149, 162-168 of the text."""
    table = policy_inventory(studies)
    groups = table.groupby(["section", "group_id"], sort=False)["n"].first()
    assert groups.to_dict() == {
        ("policy_change", "Z.chg.adjust"): 3,
        ("policy_change", "Z.chg.strengthen"): 3,
        ("policy_change", "Z.chg.transform"): 0,
        ("policy_change", "Z.chg.establish"): 0,
        ("shortfall", "Z.short.ideology"): 2,
        ("shortfall", "Z.short.policy"): 1,
        ("shortfall", "Z.short.planning"): 1,
        ("obstacle", "Z.obs.mech"): 3,
        ("obstacle", "Z.obs.ind"): 4,
        ("obstacle", "Z.obs.endog"): 3,
        ("local_measure", ""): 8,
        ("talent_path", ""): 4,
        ("risk", ""): 5,
        ("transition", ""): 3,
    }
    empty = table[table["n"] == 0]
    assert (empty[["code_id", "label_en", "label_zh"]] == "").all(axis=None)
    assert empty["line"].tolist() == [101, 101]
    assert empty["note"].str.len().gt(0).all()
    shown = table[table["n"] > 0]
    assert shown.groupby(["section", "group_id"]).size().to_dict() == {
        key: n for key, n in groups.items() if n
    }


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("Z.short.ideology", 67), ("Z.chg.strengthen.infra", 107), ("Z.obs.mech.project", 117),
        ("Z.lvl.gov", 127), ("Z.up.ideas", 136), ("Z.up.small", 138), ("Z.local.relief", 140),
        ("Z.talent.send", 149), ("Z.trans.five", 162), ("Z.pilot", 164), ("Z.risk.market", 166),
        ("Z.risk.finance", 168), ("Z.lag", 174), ("Z.lag.fiscal", 176), ("Z.rec.ind", 180),
    ],
)  # fmt: skip
def test_codes_of_the_paper_name_their_line(studies, code, line):
    table = case_codes(studies).set_index("code_id")
    assert table.at[code, "line"] == line
    assert table.loc[table["case"] != "Z", "line"].isna().all()


def test_direct_management_gives_way_to_cooperation(studies):
    ties = studies.ties[studies.ties["case"] == "B"]
    stated = ties[(ties["basis"] == "explicit") & (ties["status"] == "observed")]
    acting = stated[stated["source"] == "B.act.towngov"]
    assert acting.groupby("phase")["relation"].agg(list).to_dict() == {
        "before": ["manages"], "after": ["cooperates", "co_manages"],
    }  # fmt: skip
    assert "B.act.coop" not in set(
        ties.loc[ties["phase"] == "before", ["source", "target"]].stack()
    )
    assert studies.ties["case"].value_counts().drop(["B", "S", "W"]).empty  # P names one actor


def test_places_are_those_the_texts_name(studies):
    places = studies.cases.set_index("case")[["place_known", "county_code", "prefecture_code"]]
    assert places.to_numpy().tolist() == [
        ["", "", ""], ["county", "371082", ""], ["", "", ""], ["prefecture", "", "1306"],
        ["national", "", ""],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("figure", "line", "group", "boxes"),
    [
        ("fig1", "88", "linked", 2), ("fig2", "99", "problem", 2), ("fig3", "134", "level", 2),
        ("fig4", "145", "factor", 4), ("fig4", "145", "measure", 8), ("fig5", "154", "path", 4),
    ],
)  # fmt: skip
def test_diagrams_hold_what_the_text_lists(studies, figure, line, group, boxes):
    titles = studies.diagram_titles.set_index("figure")
    assert titles.at[figure, "line"] == line
    inside = studies.diagrams[studies.diagrams["figure"] == figure]
    assert (inside["group"] == group).sum() == boxes


def test_no_factor_is_paired_with_a_measure(studies):
    """Line 140 lists four factors and eight measures and pairs none."""
    group = studies.diagrams.set_index(["figure", "node"])["group"]
    edges = studies.diagram_edges[studies.diagram_edges["figure"] == "fig4"]
    pairs = {(group["fig4", e.source], group["fig4", e.target]) for e in edges.itertuples()}
    assert ("factor", "measure") not in pairs
    assert ("measure", "ability") in pairs


def test_labels_of_figures_can_be_set(studies):
    cmap = TTFont(ROOT / "analysis" / "fonts" / "NotoSansSC-subset.ttf").getBestCmap()
    for frame in (studies.codes, studies.relations, studies.diagrams, studies.diagram_titles):
        for column in frame.columns[frame.columns.str.endswith(("_en", "_zh"))]:
            text = "".join(frame[column])
            assert {c for c in text if ord(c) not in cmap} == set()
            assert column.endswith("_zh") or not set("’·") & set(text)


# --- tables to save


def test_codes_keep_their_order_and_gain_names(studies):
    before = studies.codes.copy()
    table = case_codes(studies)
    assert table["code_id"].tolist() == studies.codes["id"].tolist()
    assert table.drop(columns="line").notna().all(axis=None)
    row = table[table["code_id"] == "B.prob.channel"].to_dict("records")[0]
    assert {k: row[k] for k in ("case_en", "theme", "study", "dimension")} == {
        "case_en": "B Town", "theme": "problem.market", "study": "S0", "dimension": "industry",
    }  # fmt: skip
    pd.testing.assert_frame_equal(studies.codes, before)


def test_chains_agree_with_those_of_the_interviews(studies):
    table, edges = case_chains(studies), study_edges(CASES)
    shared = ["case", "source", "target", "source_kind", "target_kind", "relation", "basis"]
    pd.testing.assert_frame_equal(table[shared], edges[shared], check_dtype=False)
    assert table.notna().all(axis=None)
    assert set(table["basis"]) == {"order", "analyst"}  # the towns' abstracts pair nothing


# --- rules


def test_files_of_the_card_are_those_that_are_read():
    assert {file.name for file in read_card(CASES).files} == {t.file for t in TABLES.values()}


BREACHES = [
    ("codes", "B.prob.infra", "kind", "trouble", "kind 'trouble' is none of"),
    ("codes", "B.prob.infra", "case", "Q", "case 'Q' is not in cases.csv"),
    ("codes", "B.prob.infra", "label_zh", "", "label_zh is empty"),
    ("codes", "B.prob.infra", "label_en", "x ", "label_en has blanks"),
    ("codes", "B.prob.infra", "dim", "talent|industry", "in this order"),
    ("codes", "B.prob.infra", "dim", "sport", "in this order"),
    ("codes", "B.prob.infra", "dim", "", "dim and dim_basis are given together"),
    ("codes", "B.prob.infra", "src", "S0:L4", "src 'S0:L4' must be"),
    ("codes", "Z.lag", "src", "S3", "src 'S3' must be"),
    ("codes", "Z.lag.fiscal", "parent", "Z.plan4", "must begin with its parent"),
    ("chains", "P.prob.policy", "basis", "guess", "basis 'guess' is none of"),
    ("chains", "P.prob.policy", "relation", "has_cause", "are not joined by 'has_cause'"),
    ("chains", "P.prob.policy", "target", "B.cm.market", "are not of one case"),
    ("chains", "P.prob.policy", "target", "P.cm.none", "target 'P.cm.none' is not in codes.csv"),
    ("themes", "problem.market", "kind", "cause", "its theme of kind cause"),
    ("cases", "S", "county_code", "3710", "county asks for"),
    ("cases", "W", "prefecture_code", "1306", "anonymous asks for"),
    ("cases", "S", "county_code", "37108x", "county asks for"),
    ("cases", "S", "place_en", "Rongcheng City", "place_en must begin with 'S Town, '"),
    ("cases", "P", "place_zh", "河北省保定市", "place_zh end with 'P镇'"),
    ("ties", "B", "phase", "during", "phase 'during' is none of"),
    ("ties", "B", "target", "B.prob.infra", "is of kind problem"),
    ("ties", "B", "case", "S", "are not of one case"),
    ("who_must_act", "B.cm.market", "countermeasure", "B.prob.infra", "of kind countermeasure"),
    ("who_must_act", "B.cm.market", "actor", "B.prob.infra", "give one of kind actor"),
    ("who_must_act", "B.cm.market", "countermeasure", "B.cm.inputs", "stands there twice"),
    ("who_must_act", "B.cm.market", "countermeasure", "B.cm.inputs", "B.cm.market falls to nobody"),
    ("relations", "cooperates", "directed", "maybe", "directed 'maybe' is none of"),
    ("diagrams", "fig1", "label_zh", "很" * 17, "label_zh has more than 16"),
    ("diagrams", "fig1", "line", "0", "line '0' must be"),
    ("diagrams", "fig1", "code_id", "Z.none", "code_id 'Z.none' is not in codes.csv"),
    ("diagram_edges", "fig1", "target", "nowhere", "'fig1 nowhere' is not in diagrams.csv"),
    ("diagram_edges", "fig5", "source", "retain", "no arrow touches ability"),
    ("diagram_titles", "fig1", "figure", "fig9", "'fig9' is not in diagrams.csv"),
    ("facts", "Z.fact.pilots", "case", "Q", "case 'Q' is not in cases.csv"),
    ("review", "codes.csv", "now", "else", "codes.csv does not hold dim_basis 'else'"),
    ("review", "codes.csv", "file", "x.csv", "file 'x.csv' is no table"),
]


@pytest.mark.parametrize(("table", "key", "column", "value", "fault"), BREACHES)
def test_each_rule_finds_its_fault(studies, table, key, column, value, fault):
    tables = frames(studies)
    frame = tables[table]
    row = frame.index[frame[TABLES[table].columns[0]] == key][0]
    frame.at[row, column] = value
    found = [f for f in faults(tables) if fault in f]
    assert len(found) == 1
    places = (f"{TABLES[table].file}, line {row + 2}:", "falls to nobody", "no arrow touches")
    assert any(place in found[0] for place in places)


def test_a_review_that_no_longer_stands_is_found(studies):
    tables = frames(studies)
    chains = tables["chains"]
    chains.loc[chains["source"] == "P.prob.ideology", "basis"] = "order"
    assert [f for f in faults(tables) if "of P.prob.ideology>P.cm.training" in f]


def test_all_faults_and_files_come_in_one_error(tmp_path):
    for spec in TABLES.values():
        shutil.copy(CASES / spec.file, tmp_path)
    codes = (tmp_path / "codes.csv").read_text(encoding="utf-8")
    wrong = codes.replace("B.prob.infra,B,problem", "B.prob.infra,B,bad", 1)
    (tmp_path / "codes.csv").write_text(wrong.replace("S0,industry", "S0,sport", 1), "utf-8")
    with pytest.raises(ValueError) as caught:
        read_studies(tmp_path)
    message = str(caught.value)
    assert "line 12: kind 'bad'" in message and "line 2: dim 'sport'" in message
    assert "no sound source studies" in message.splitlines()[0]
    (tmp_path / "themes.csv").unlink()
    (tmp_path / "cases.csv").write_text("case\nB\n", encoding="utf-8")
    (tmp_path / "review.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "relations.csv").write_text("")
    with pytest.raises(ValueError) as caught:
        read_studies(tmp_path)
    for part in ("themes.csv cannot be read", "cases.csv, line 1: no column name_en",
                 "review.csv cannot be read", "relations.csv cannot be read"):  # fmt: skip
        assert part in str(caught.value)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), pick=st.integers(0))
def test_order_of_rows_is_no_fault_and_a_lost_code_is_one(studies, seed, pick):
    tables = frames(studies)
    for name, frame in tables.items():
        tables[name] = frame.sample(frac=1, random_state=seed, ignore_index=True)
    assert faults(tables) == []
    ends = studies.chains["source"], studies.who_must_act["actor"], studies.ties["target"]
    used = sorted(set().union(*ends))
    lost = used[pick % len(used)]
    codes = tables["codes"]
    tables["codes"] = codes[codes["id"] != lost].reset_index(drop=True)
    assert any(f"'{lost}' is not in codes.csv" in fault for fault in faults(tables))
