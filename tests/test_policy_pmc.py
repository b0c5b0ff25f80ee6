"""Scores of policy texts: counting by hand, and how rankings answer to other choices."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_texts import DOCUMENTS, SEGMENTS

from analysis.policy import coding, pmc
from analysis.policy.pmc import Threshold, pmc_index, pmc_scores, ranking_uncertainty

RAW = Path(__file__).resolve().parents[1] / "data" / "raw" / "policy"
VARIABLES = pmc.read_variables(RAW)
FLAGS = coding.flag_segments(SEGMENTS, DOCUMENTS, coding.read_dictionary(RAW))
DRAWS = 4000


def hits(scores):
    """Hits that give these main scores, in tenths, at the base threshold."""
    rows = [
        (text, main, f"v{k}", int(k < round(10 * value)), 10)
        for text, own in scores.items()
        for main, value in own.items()
        for k in range(10)
    ]
    return pd.DataFrame(rows, columns=["doc_id", "main", "variable", "n", "segments"])


def ranked(scores, source="weights", **options):
    table = ranking_uncertainty(hits(scores), rng=np.random.default_rng(3), **options)
    return table[table["source"] == source].set_index("doc_id")


def test_variables_of_the_project_can_be_measured():
    codes = set(coding.read_dictionary(RAW)["code"])
    assert set(VARIABLES.loc[VARIABLES["kind"] == "code", "value"]) <= codes
    assert VARIABLES["main"].nunique() == 9 and len(VARIABLES) == 39


def test_hits_count_segments_in_scope():
    variables = pd.DataFrame(
        [("a", "supply", "class", "supply"), ("a", "money", "code", "supply.money"),
         ("b", "farmers", "words", "农民|乡村"), ("b", "industry", "words", "工业")],
        columns=["main", "variable", "kind", "value"],
    )  # fmt: skip
    texts = ["law_revitalization_2021", "report_2016"]
    table = pmc.variable_hits(SEGMENTS, FLAGS, variables, texts=texts)
    counts = table.pivot(index="doc_id", columns="variable", values="n").loc[texts]
    assert counts[["supply", "money", "farmers", "industry"]].to_numpy().tolist() == [
        [1, 0, 1, 0],
        [1, 1, 1, 0],  # 工业 stands in a sentence out of scope
    ]
    assert set(table.loc[table["doc_id"] == "report_2016", "segments"]) == {2}
    with pytest.raises(ValueError, match="nowhere: no segment in scope"):
        pmc.variable_hits(SEGMENTS, FLAGS, variables, texts=["nowhere"])


def test_scores_are_shares_and_the_index_their_sum():
    scores = pmc_scores(hits({"x": {"a": 0.5, "b": 1.0}, "y": {"a": 0.2, "b": 0.0}}))
    assert scores.to_numpy().tolist() == [[0.5, 1.0], [0.2, 0.0]]
    assert pmc_index(scores).tolist() == [1.5, 0.2]
    assert pmc_index(scores, np.array([2.0, 0.0])).tolist() == [1.0, 0.4]
    for wrong in ([1.0], [1.0, -1.0]):
        with pytest.raises(ValueError, match="2 numbers >= 0"):
            pmc_index(scores, np.array(wrong))


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (Threshold(), [1, 1, 0]),
        (Threshold(count=2), [0, 1, 0]),
        (Threshold(rate=3.0), [1, 0, 0]),  # 1 of 20 is 5 %, 2 of 100 are 2 %, none is none
    ],
)
def test_thresholds_by_count_and_by_rate(threshold, expected):
    table = pd.DataFrame({"n": [1, 2, 0], "segments": [20, 100, 5]})
    assert threshold.shown(table).tolist() == expected


# --- rankings


def test_share_of_first_places_is_the_share_of_weightings():
    """With w uniform, w > 0.5 (1 - w) holds for w > 1/3."""
    table = ranked({"x": {"a": 1.0, "b": 0.0}, "y": {"a": 0.0, "b": 0.5}}, draws=DRAWS)
    error = 100 * np.sqrt(2 / 9 / DRAWS)
    assert table.loc["x", "share_first"] == pytest.approx(100 * 2 / 3, abs=4 * error)
    assert table.loc["x", ["rank_best", "rank_worst"]].tolist() == [1, 2]


def test_a_text_that_leads_everywhere_is_always_first():
    scores = {"x": {"a": 0.5, "b": 0.4, "c": 0.9}, "y": {"a": 0.4, "b": 0.3, "c": 0.1}}
    for source in ("weights", "subsets", "thresholds"):
        row = ranked(scores, source, thresholds=[pmc.BASE]).loc["x"]
        assert (row["share_first"], row["rank_low"], row["rank_high"]) == (100, 1, 1)


def test_equal_texts_share_ranks_and_first_place():
    own = {"a": 0.3, "b": 0.7, "c": 0.1}
    table = ranking_uncertainty(hits({"x": own, "y": own}), rng=np.random.default_rng(0), draws=50)
    assert (table["share_first"] == 50).all() and (table["rank_median"] == 1.5).all()


def test_number_of_rankings():
    scores = {t: {m: 0.1 * k for k, m in enumerate("abcd")} for t in "xy"}
    table = ranking_uncertainty(hits(scores), rng=np.random.default_rng(0), draws=7)
    tried = table.groupby("source")["rankings"].first()
    # subsets of at least two of four: 2^4 - 4 - 1
    assert tried.to_dict() == {"weights": 7, "subsets": 11, "thresholds": 5, "all": 7}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 10), min_size=3, max_size=3), min_size=2, max_size=5))
def test_shares_and_ranks_add_up(values):
    scores = {
        f"t{k}": {m: v / 10 for m, v in zip("abc", own, strict=True)}
        for k, own in enumerate(values)
    }
    table = ranking_uncertainty(hits(scores), rng=np.random.default_rng(1), draws=40)
    n = len(values)
    for _, own in table.groupby("source"):
        assert own["share_first"].sum() == pytest.approx(100)
        assert own["rank"].sum() == pytest.approx(n * (n + 1) / 2)
        assert (own["rank_best"] <= own["rank_low"]).all()
        assert (own["rank_low"] <= own["rank_median"]).all()
        assert (own["rank_median"] <= own["rank_high"]).all()
        assert (own["rank_high"] <= own["rank_worst"]).all()
    again = ranking_uncertainty(hits(scores), rng=np.random.default_rng(1), draws=40)
    pd.testing.assert_frame_equal(table, again)


def test_faulty_variables_are_refused_with_all_their_faults(tmp_path):
    shutil.copy(RAW / "instruments.csv", tmp_path)
    table = VARIABLES.copy()
    misspelt = table.index[table["kind"] == "code"][-1]
    table.loc[misspelt, "value"] = "supply.monney"
    table.loc[0, "kind"] = "regex"
    table.loc[1, "label_zh"] = ""
    table.loc[8, "value"] = "industries"
    table.loc[3, "variable"] = "encouragement"
    table.to_csv(tmp_path / "pmc_variables.csv", index=False)
    with pytest.raises(ValueError) as caught:
        pmc.read_variables(tmp_path)
    message = str(caught.value)
    assert f"row {misspelt + 2}, column 'value': 'supply.monney' is no code of" in message
    for part in ("row 2, column 'kind': 'regex'", "row 3, column 'label_zh'",
                 "row 10, column 'value': 'industries'",
                 "row 5, column 'variable': 'encouragement' stands above"):  # fmt: skip
        assert part in message
    table.drop(columns="main").to_csv(tmp_path / "pmc_variables.csv", index=False)
    with pytest.raises(ValueError, match="column 'main' is missing"):
        pmc.read_variables(tmp_path)
