"""Coding of policy texts: words and exceptions, measured quality, linkage against chance."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_texts import DOCUMENTS, SEGMENTS, split

from analysis.policy import co_occurrence, coding
from analysis.policy.coding import AXES, CODED, coding_table, document_groups, flag_segments
from analysis.policy.coding_quality import changed_passages, measured_quality, read_labels
from analysis.policy.corpus import read_corpus
from analysis.policy.corpus import segments as split_corpus
from analysis.policy.terms import read_lexicon

RAW = Path(__file__).resolve().parents[1] / "data" / "raw" / "policy"
DICTIONARY = coding.read_dictionary(RAW)
LABELS = read_labels(RAW)
FLAGS = flag_segments(SEGMENTS, DOCUMENTS, DICTIONARY)
# Counts of a separate script that blanks exceptions by str.replace and seeks words by `in`.
COUNTED = {
    "test": {
        "scope": (183, 4, 4), "supply": (57, 9, 21), "environment": (70, 12, 14),
        "demand": (8, 4, 2), "industry": (44, 14, 9), "talent": (17, 1, 3),
        "culture": (16, 6, 2), "ecology": (13, 6, 3), "organization": (12, 8, 2),
    },
    "development": {"scope": (296, 6, 0), "supply": (91, 24, 6), "demand": (25, 1, 0)},
}  # fmt: skip


@pytest.fixture(scope="module")
def real():
    folder = os.environ.get("COMPENDIUM_MIRROR")
    if not folder:
        pytest.skip("the policy texts: COMPENDIUM_MIRROR names no folder with them")
    texts = read_corpus(Path(folder))
    segments = split_corpus(texts)
    return texts.documents, segments, flag_segments(segments, texts.documents, DICTIONARY)


def entry(code, pattern, exclude=""):
    axis = next(a for a, classes in AXES.items() if code.split(".")[0] in classes)
    return (code, axis, code.split(".")[0], pattern, exclude, "test")


def dictionary(*entries):
    return pd.DataFrame(entries, columns=coding.DICTIONARY_COLUMNS)


def classes(position, flags=FLAGS):
    return {c for c in ("scope", *CODED) if flags[c].iloc[position]}


# --- dictionary and flags


def test_committed_dictionary_has_a_code_for_every_class():
    assert set(DICTIONARY["class"]) == {c for names in AXES.values() for c in names}
    rules = pd.read_csv(RAW / "coding_rules.csv")
    assert list(rules["class"]) == [c for names in AXES.values() for c in names]
    assert (DICTIONARY["rationale"] != "").all() and rules["definition"].notna().all()


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (0, {"scope", "supply"}),
        (1, set()),  # a report, and nothing rural in it: 出口 does not count
        (2, {"scope", "environment"}),
        (3, set()),  # seven hanzi
        (5, {"scope", "demand", "industry"}),
        (7, set()),  # a heading, though of a law
        (8, {"scope", "environment", "ecology"}),
        (9, {"scope", "supply", "talent", "culture"}),
        (10, {"scope", "environment"}),
    ],
)
def test_sentences_get_the_classes_a_reader_gives(position, expected):
    assert classes(position) == expected


def test_codes_name_what_was_found_and_only_in_scope():
    assert FLAGS["codes"].iloc[0] == "supply.infrastructure supply.money"
    assert (FLAGS.loc[~FLAGS["scope"], "codes"] == "").all()
    found = FLAGS["codes"].str.split().map(lambda codes: {c.split(".")[0] for c in codes})
    assert [classes(i) - {"scope"} for i in range(len(FLAGS))] == found.tolist()


def test_an_exception_blanks_its_own_place_only():
    entries = [entry(f"{c}.a", "无此词") for names in AXES.values() for c in names]
    entries += [entry("culture.b", "文明", "生态文明|物质文明")]
    texts = ["推进生态文明和物质文明建设工作。", "推进生态文明和精神文明建设工作。"]
    flags = flag_segments(split({"x": [texts]}), pd.DataFrame(
        {"doc_id": ["x"], "kind": ["law"]}), dictionary(*entries))  # fmt: skip
    assert flags["culture"].tolist() == [False, True]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("农村文明生态业", min_size=8, max_size=14), min_size=1, max_size=6))
def test_words_add_and_exceptions_take_away(texts):
    segments = split({"x": [texts]})
    documents = pd.DataFrame({"doc_id": ["x"], "kind": ["report"]})
    rest = [
        entry(f"{c}.a", "无") for names in AXES.values() for c in names
        if c not in ("rural", "culture")
    ]  # fmt: skip

    def run(words, longer):
        table = dictionary(entry("rural.a", "农"), entry("culture.a", words, longer), *rest)
        return flag_segments(segments, documents, table)

    plain, more, fewer = run("文明", ""), run("文明|生态", ""), run("文明", "生态文明")
    assert (plain["culture"] <= more["culture"]).all()
    assert (fewer["culture"] <= plain["culture"]).all()
    assert (plain["culture"] <= plain["scope"]).all()
    bare = ["文明" in t.replace("生态文明", "#") and "农" in t for t in texts]
    assert fewer["culture"].tolist() == bare


def test_a_faulty_dictionary_is_refused_with_all_its_faults(tmp_path):
    rows = DICTIONARY.to_dict("records")
    rows[0] |= {"code": "Rural.one", "pattern": "农||村"}
    rows[1] |= {"exclude": "城市"}
    rows[2] |= {"axis": "colour", "pattern": "粮.食"}
    rows[4] |= {"code": rows[5]["code"]}
    rows = [r for r in rows if r["class"] != "demand"]
    pd.DataFrame(rows).to_csv(tmp_path / "instruments.csv", index=False)
    with pytest.raises(ValueError) as caught:
        coding.read_dictionary(tmp_path)
    message = str(caught.value)
    for part in (
        "row 2, column 'code': 'Rural.one' must be class.name",
        "row 2, column 'pattern': a word is empty",
        "row 3, column 'exclude': ['城市'] holds none of the words",
        "row 4, column 'axis': 'colour'",
        "row 4, column 'pattern': ['粮.食'] must be plain words",
        "row 7, column 'code': 'supply.infrastructure' stands above",
        "'demand' has no code",
    ):
        assert part in message
    pd.DataFrame(rows).drop(columns="exclude").to_csv(tmp_path / "instruments.csv", index=False)
    with pytest.raises(ValueError, match="column 'exclude' is missing"):
        coding.read_dictionary(tmp_path)


def test_unknown_documents_are_refused():
    with pytest.raises(ValueError, match="law_revitalization_2021: not among the documents"):
        flag_segments(SEGMENTS, DOCUMENTS.iloc[:2], DICTIONARY)
    with pytest.raises(ValueError, match="report_2021: in no group"):
        coding_table(FLAGS, document_groups(DOCUMENTS).drop("report_2021"))


# --- table of instruments


def test_table_counts_pairs_and_none():
    table = coding_table(FLAGS, document_groups(DOCUMENTS))
    assert set(table["group"]) == {
        "report_2013_2017",
        "report_from_2018",
        "law_revitalization_2021",
    }
    cells = table.set_index(["group", "instrument", "revitalization"])
    assert len(table) == 3 * 4 * 6
    law = "law_revitalization_2021"
    assert cells.loc[(law, "supply", "talent"), "n"] == 1
    assert cells.loc[(law, "supply", "culture"), "n"] == 1
    assert cells.loc[(law, "environment", "none"), "n"] == 1
    assert cells.loc[("report_2013_2017", "supply", "none"), "share"] == pytest.approx(50)
    assert set(table.loc[table["group"] == law, "segments"]) == {3}


def test_every_segment_in_scope_is_in_some_cell():
    table = coding_table(FLAGS, document_groups(DOCUMENTS))
    for group, own in table.groupby("group"):
        assert own["n"].sum() >= own["segments"].iloc[0], group


# --- labels and measured quality


def sample(truth, guess, weight=1.0, stratum="a"):
    """Labels and flags of one class, culture; the others are empty."""
    n = len(truth)
    place = pd.DataFrame({"doc_id": "x", "start": range(n), "end": range(1, n + 1)})
    empty = dict.fromkeys(CODED, False) | {"scope": True}
    labels = place.assign(**empty, sha256="", split="test", stratum=stratum, weight=weight)
    flags = place.assign(**empty)
    return labels.assign(culture=truth), flags.assign(culture=guess)


def quality(labels, flags, **options):
    table = measured_quality(flags, labels, rng=np.random.default_rng(1), **options)
    return table.set_index("class")


def test_quality_of_a_small_sample_is_the_textbook_one():
    truth = np.repeat([True, True, False, False], [8, 2, 2, 8])
    guess = np.repeat([True, False, True, False], [8, 2, 2, 8])
    row = quality(*sample(truth, guess)).loc["culture"]
    assert (row["tp"], row["fp"], row["fn"]) == (8, 2, 2)
    assert row["precision"] == pytest.approx(0.8) and row["f1"] == pytest.approx(0.8)
    # Wilson interval of 8 of 10, by the formula of 1927 with z = 1.96: 0.4902 to 0.9433
    assert row["precision_low"] == pytest.approx(0.4902, abs=5e-5)
    assert row["recall_high"] == pytest.approx(0.9433, abs=5e-5)
    assert row["f1_low"] < 0.8 < row["f1_high"]


def test_weights_undo_unequal_sampling():
    # 1 passage of 4 taken in stratum a (precision 1), all of b (precision 0): 4 / (4 + 2)
    labels, flags = sample([True, False, False], [True, True, True], weight=[4, 1, 1],
                           stratum=["a", "b", "b"])  # fmt: skip
    row = quality(labels, flags).loc["culture"]
    assert row["precision"] == pytest.approx(4 / 6)
    effective = 36 / 18
    z = 1.959963984540054
    middle = (4 / 6 + z**2 / (2 * effective)) / (1 + z**2 / effective)
    assert (row["precision_low"] + row["precision_high"]) / 2 == pytest.approx(middle)
    assert row["share_labelled"] == pytest.approx(4 / 6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30),
    st.floats(1, 50),
)
def test_quality_ignores_the_scale_of_weights_and_stays_in_bounds(pairs, scale):
    truth, guess = (list(column) for column in zip(*pairs, strict=True))
    one = quality(*sample(truth, guess), draws=50).loc["culture"]
    many = quality(*sample(truth, guess, weight=scale), draws=50).loc["culture"]
    numbers = [c for c in one.index if c != "split"]
    pd.testing.assert_series_equal(
        one[numbers].astype(float), many[numbers].astype(float), check_names=False
    )
    for name in ("precision", "recall"):
        if one[name] == one[name]:
            assert 0 <= one[f"{name}_low"] <= one[name] + 1e-12
            assert one[name] <= one[f"{name}_high"] + 1e-12 <= 1 + 2e-12
    assert np.isnan(one["precision"]) == (not any(guess))
    assert np.isnan(one["f1"]) == (not any(guess) and not any(truth))


def test_perfect_flags_leave_no_doubt_about_f1():
    truth = [True, False, True, False]
    row = quality(*sample(truth, truth)).loc["culture"]
    assert (row["f1"], row["f1_low"], row["f1_high"]) == (1, 1, 1)


def test_quality_refuses_what_it_cannot_measure():
    labels, flags = sample([True], [True])
    with pytest.raises(ValueError, match="split must be one of"):
        quality(labels, flags, split="all")
    with pytest.raises(ValueError, match="no passage of the split development"):
        quality(labels, flags, split="development")
    with pytest.raises(ValueError, match="1 labelled place"):
        quality(labels, flags.assign(start=7))


def test_committed_labels_are_a_sample_of_two_parts():
    counts = LABELS["split"].value_counts()
    assert counts["development"] == 330 and counts["test"] == 213
    assert LABELS["stratum"].nunique() == 9
    assert LABELS.groupby("split")[list(CODED)].sum().min().min() >= 10
    assert "text" not in LABELS


def test_faulty_labels_are_refused_with_all_their_faults(tmp_path):
    table = pd.read_csv(RAW / "labelled_segments.csv").head(4).astype({"weight": "float"})
    table.loc[0, "split"] = "holdout"
    table.loc[1, "weight"] = 0.5
    table.loc[2, ["scope", "supply"]] = [0, 1]
    table.loc[3, "culture"] = 2
    table.to_csv(tmp_path / "labelled_segments.csv", index=False)
    with pytest.raises(ValueError) as caught:
        read_labels(tmp_path)
    message = str(caught.value)
    for part in ("row 2, column 'split': 'holdout'", "row 3, column 'weight'",
                 "row 4, column 'supply'", "row 5, column 'culture'"):  # fmt: skip
        assert part in message


def test_changed_passages_are_named():
    digest = [hashlib.sha256(t.encode()).hexdigest() for t in SEGMENTS["text"]]
    labels = SEGMENTS[["doc_id", "start", "end"]].assign(sha256=digest)
    assert changed_passages(labels, SEGMENTS).empty
    edited = SEGMENTS.assign(text=SEGMENTS["text"].replace(SEGMENTS["text"].iloc[2], "新句。"))
    gone = edited[edited["segment"] != 1]
    table = changed_passages(labels, gone)
    assert (table["reason"] == "another passage").sum() == 1
    assert (table["reason"] == "no segment there").sum() == DOCUMENTS.shape[0]


def test_labelled_passages_stand_in_the_real_texts(real):
    _, segments, _ = real
    assert changed_passages(LABELS, segments).empty


@pytest.mark.parametrize("part", COUNTED)
def test_real_agreement_is_what_a_separate_count_gives(real, part):
    table = quality(LABELS, real[2], split=part, draws=20)
    counts = {c: tuple(table.loc[c, ["tp", "fp", "fn"]]) for c in COUNTED[part]}
    assert counts == COUNTED[part]


# --- linkage

LEXICON = pd.DataFrame(
    [("扶贫", "alleviation"), ("脱贫", "alleviation"), ("乡村振兴", "revitalization"),
     ("脱贫攻坚成果同乡村振兴有效衔接", "linkage"), ("产业", "other")],
    columns=["zh", "family"],
)  # fmt: skip
A, R, AR, NO = "坚持扶贫。", "推进乡村振兴。", "扶贫和乡村振兴。", "其他工作。"
SET_PHRASE = "巩固脱贫攻坚成果同乡村振兴有效衔接。"


def measured(texts, draws=500, seed=1, kind="law", year=2020):
    documents = pd.DataFrame({"doc_id": list(texts), "kind": kind, "year": year})
    table = co_occurrence.linkage(
        split(texts), documents, LEXICON, rng=np.random.default_rng(seed), draws=draws
    )
    return table.set_index(["terms", "window", "grouping", "group"])


def test_linkage_of_one_text_by_hand():
    table = measured({"x": [[A, R, AR], [A, NO], [R, NO, NO]]})
    sentence = table.loc[("all", "sentence", "all", "all")]
    assert sentence[["windows", "alleviation", "revitalization", "both"]].tolist() == [8, 3, 3, 1]
    assert sentence["expected"] == pytest.approx(9 / 8)
    assert sentence["lift"] == pytest.approx(8 / 9) == sentence["lift_within"]
    paragraph = table.loc[("all", "paragraph", "all", "all")]
    assert paragraph[["windows", "alleviation", "revitalization", "both"]].tolist() == [3, 2, 2, 1]
    document = table.loc[("all", "document", "all", "all")]
    assert document["lift"] == 1 and np.isnan(document["lift_within"])
    assert np.isnan(sentence["lift_low"])  # one text


def test_texts_that_speak_of_neither_are_no_linkage_within():
    """Pooled lift doubles although every sentence of either text is alike."""
    row = measured({"x": [[AR] * 10], "y": [[NO] * 10]}).loc[("all", "sentence", "all", "all")]
    assert row["lift"] == pytest.approx(2)
    assert row["lift_within"] == pytest.approx(1) and row["p_within"] == 1


def test_set_phrases_do_not_count_when_taken_out():
    table = measured({"x": [[SET_PHRASE, A, NO, R]]})
    for terms, both in (("all", 1), ("without_linkage_terms", 0)):
        row = table.loc[(terms, "sentence", "all", "all")]
        assert (row["both"], row["linkage"]) == (both, 1)


def test_p_value_is_the_hypergeometric_one():
    # 10 sentences, 5 and 5, all 5 together: twice 1 / C(10, 5) = 2 / 252
    draws = 20_000
    row = measured({"x": [[AR] * 5 + [NO] * 5]}, draws=draws).loc[("all", "sentence", "all", "all")]
    exact = 2 / 252
    assert row["p_within"] == pytest.approx(exact, abs=5 * 2 * np.sqrt(exact / draws))


def test_independent_vocabularies_are_rarely_called_linked():
    rng = np.random.default_rng(5)
    texts = {}
    for k in range(150):
        marks = (rng.random((2, 60)) < 0.4).astype(int)
        texts[f"x{k}"] = [[[NO, A, R, AR][a + 2 * b] for a, b in marks.T]]
    table = measured(texts, draws=200, kind=list(texts))  # every text is a kind of its own
    rows = table.reset_index()
    chosen = (rows["terms"] == "all") & (rows["window"] == "sentence")
    values = rows.loc[chosen & (rows["grouping"] == "kind"), "p_within"]
    assert len(values) == 150
    assert (values < 0.05).sum() <= 15  # binomial: more than 15 of 150 in 0.3 % of cases
    assert (values < 0.5).sum() > 30  # and the values are spread, not all 1


def test_interval_over_texts_needs_five_of_them_and_a_meeting():
    texts = {f"x{k}": [[A, R, NO, NO] + [AR] * (k % 3)] for k in range(6)}
    row = measured(texts).loc[("all", "sentence", "all", "all")]
    assert row["lift_low"] < row["lift"] < row["lift_high"]
    few = measured(dict(list(texts.items())[:4])).loc[("all", "sentence", "all", "all")]
    assert np.isnan(few["lift_low"])
    never = measured({f"x{k}": [[A, R, NO]] for k in range(6)})
    row = never.loc[("all", "sentence", "all", "all")]
    assert np.isnan(row["lift_low"]) and np.isnan(row["lift_high"])


def test_periods_make_up_the_reports():
    texts = {f"report_{y}": [[A, AR, NO], [R] * (y % 4)] for y in (1990, 2014, 2018, 2021, 2025)}
    documents = pd.DataFrame(
        {"doc_id": list(texts), "kind": "report", "year": [int(t[-4:]) for t in texts]}
    )
    table = co_occurrence.linkage(
        split(texts), documents, LEXICON, rng=np.random.default_rng(0), draws=20
    )
    counts = ["documents", "windows", "alleviation", "revitalization", "both"]
    for _, own in table.groupby(["terms", "window"]):
        parts = own.loc[own["grouping"] == "period", counts].sum()
        assert parts.tolist() == own.loc[own["group"] == "report", counts].iloc[0].tolist()


def test_a_lexicon_without_a_family_is_refused():
    with pytest.raises(ValueError, match="no term of the family linkage"):
        co_occurrence.linkage(
            SEGMENTS, DOCUMENTS, LEXICON[LEXICON["family"] != "linkage"],
            rng=np.random.default_rng(0),
        )  # fmt: skip


def test_real_counts_of_joint_use(real):
    documents, segments, _ = real
    lexicon = read_lexicon(RAW)
    words = {f: list(own["zh"]) for f, own in lexicon.groupby("family")}
    table = co_occurrence.linkage(
        segments, documents, lexicon, rng=np.random.default_rng(0), draws=20
    )
    late = [f"report_{y}" for y in range(2021, 2026)]
    texts = segments.loc[segments["doc_id"].isin(late), "text"]
    both = sum(
        any(w in t for w in words["alleviation"]) and any(w in t for w in words["revitalization"])
        for t in texts
    )
    chosen = (table["terms"] == "all") & (table["window"] == "sentence")
    row = table[chosen & (table["group"] == "from_2021")].iloc[0]
    assert (row["windows"], row["both"]) == (len(texts), both) and both > 0
