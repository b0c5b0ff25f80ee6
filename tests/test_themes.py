"""Themes: counts against brute force and independent software, and what must not be counted."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import theme_corpus as small
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from analysis.interviews import suggestions as code_suggestions
from analysis.interviews import themes
from analysis.interviews.corpus import table

few = settings(max_examples=40, deadline=None)
ROUNDING = 1e-12


def codes_of(*names: str, kind: str = "problem") -> pd.DataFrame:
    return table("codes", [{"code_id": n, "kind": kind, "is_codable": True} for n in names])


@pytest.fixture
def two_cases():
    """B: three interviews, S: two; x in B1 (two paragraphs), B2 and S1; y in B1; B3 not coded."""
    docs = small.documents({"B": 3, "S": 2})
    rows = [("B1", 0, "x"), ("B1", 1, "x"), ("B1", 1, "y"), ("B2", 3, "x"), ("S1", 0, "x"),
            ("S2", 2, "z")]  # fmt: skip
    return docs, small.segments(docs), small.codings(rows), codes_of("x", "y")


# --- whose codings count


def test_suggested_and_empty_codings_never_count():
    human = small.codings([("B1", 0, "x"), ("B1", 1, "x")])
    human.loc[1, "end"] = human.loc[1, "start"]
    hints = small.codings([("B1", 2, "x")], coder="A", origin="suggested")
    agreed = small.codings([("B1", 3, "x")], coder="B", origin="consensus")
    every = pd.concat([human, hints.assign(coding_id="h"), agreed])
    assert themes.select_codings(every, "A")["start"].tolist() == [0]
    assert themes.select_codings(every, "consensus")["coder_id"].tolist() == ["B"]
    with pytest.raises(themes.ThemeError, match="no codings of 'B': choose one of A, consensus"):
        themes.select_codings(every, "B")


def test_parents_count_their_children():
    rows = [
        {"code_id": "a"},
        {"code_id": "a/b", "parent": "a"},
        {"code_id": "a/b/c", "parent": "a/b"},
    ]
    codes = table("codes", rows)
    raised = themes.with_ancestors(small.codings([("B1", 0, "a/b/c"), ("B1", 1, "a")]), codes)
    assert sorted(zip(raised["start"], raised["code_id"], strict=True)) == [
        (0, "a"), (0, "a/b"), (0, "a/b/c"), (small.STEP, "a"),
    ]  # fmt: skip
    codes.loc[0, "parent"] = "a/b"
    with pytest.raises(themes.ThemeError, match="above itself"):
        themes.with_ancestors(small.codings([("B1", 0, "a")]), codes)


# --- segments

spans = st.lists(
    st.tuples(st.sampled_from("pqr"), st.integers(0, 30), st.integers(1, 9), st.sampled_from("xy")),
    min_size=1,
    max_size=12,
)


@few
@given(spans=spans, cuts=st.sets(st.integers(1, 29), max_size=8))
def test_coded_segments_are_those_that_share_a_character(spans, cuts):
    edges = [0, *sorted(cuts), 30]
    segs = table("segments", [
        {"seg_id": f"{doc}{a}", "doc_id": doc, "start": a, "end": b - 1, "turn": 1}
        for doc in "pq" for a, b in pairwise(edges) if b - 1 > a
    ])  # fmt: skip
    coded = pd.DataFrame(
        [(d, s, s + n, c) for d, s, n, c in spans], columns=["doc_id", "start", "end", "code_id"]
    )
    expected = {
        (seg["seg_id"], row["code_id"])
        for seg in segs.to_dict("records") for row in coded.to_dict("records")
        if seg["doc_id"] == row["doc_id"]
        and set(range(seg["start"], seg["end"])) & set(range(row["start"], row["end"]))
    }  # fmt: skip
    found = themes.coded_segments(segs, coded)
    assert set(zip(found["seg_id"], found["code_id"], strict=True)) == expected
    assert not found.duplicated().any()


# --- frequencies


def test_counts_come_with_their_denominators(two_cases):
    docs, segs, coded, codes = two_cases
    table = themes.theme_frequencies(docs, segs, coded, codes, coder="A", by=["case"])
    counts = table.set_index(["code_id", "case"]).drop(columns=["share", "ci_low", "ci_high"])
    assert counts.T.to_dict("list") == {
        ("x", "B"): [2, 3, 3, 12, 1], ("x", "S"): [1, 2, 1, 8, 0],
        ("y", "B"): [1, 3, 1, 12, 1], ("y", "S"): [0, 2, 0, 8, 0],
    }  # fmt: skip
    assert table["share"].tolist() == pytest.approx([200 / 3, 50, 100 / 3, 0])
    total = themes.theme_frequencies(docs, segs, coded, codes, coder="A")
    counts = total[["interviews", "of_interviews", "segments", "of_segments"]]
    assert counts.to_numpy().tolist() == [[3, 5, 4, 20], [1, 5, 1, 20]]


def test_groups_add_up_and_tables_are_left_alone():
    corpus = small.random_corpus()
    parts = (corpus.documents, corpus.segments, corpus.codings, corpus.codes)
    before = [part.copy() for part in parts]
    whole = themes.theme_frequencies(*parts, coder="A").set_index("code_id")
    by_cell = themes.theme_frequencies(*parts, coder="A", by=["case", "role"])
    assert len(by_cell) == 8 * len(corpus.codes)
    summed = by_cell.groupby("code_id")[["interviews", "segments"]].sum()
    pd.testing.assert_frame_equal(summed, whole[["interviews", "segments"]].sort_index())
    for part, old in zip(parts, before, strict=True):
        pd.testing.assert_frame_equal(part, old)


@few
@given(n=st.integers(1, 60), data=st.data())
def test_wilson_interval_is_that_of_statsmodels(n, data):
    k = data.draw(st.integers(0, n))
    low, high = themes.wilson_interval(pd.Series([k]), pd.Series([n]))
    expected = proportion_confint(k, n, method="wilson")
    assert (low[0], high[0]) == pytest.approx(expected, abs=ROUNDING)
    assert (k == 0) == (low[0] == 0) and (k == n) == (high[0] == 1)


def test_an_absent_column_is_named(two_cases):
    with pytest.raises(themes.ThemeError, match="documents has no column village"):
        themes.theme_frequencies(*two_cases, coder="A", by=["village"])


# --- co-occurrence


@pytest.mark.parametrize(
    ("window", "expected"),
    [("segment", [1, 4, 2, 20]), ("turn", [2, 3, 2, 10]), ("interview", [2, 3, 2, 5])],
)
def test_co_occurrence_depends_on_the_window(two_cases, window, expected):
    _, segs, coded, codes = two_cases
    more = small.codings([("B2", 2, "y")]).assign(coding_id="more")
    found = themes.co_occurrence(
        segs, pd.concat([coded, more]), codes, coder="A", window=window
    ).iloc[0]
    together, a, b, windows = expected
    assert found[["together", "windows_a", "windows_b", "windows"]].tolist() == expected
    assert found["expected"] == pytest.approx(a * b / windows)
    assert found["jaccard"] == pytest.approx(together / (a + b - together))


@pytest.mark.parametrize("window", themes.WINDOWS)
def test_co_occurrence_is_that_of_sets(window):
    corpus = small.random_corpus(seed=3, sizes={"B": 3})
    found = themes.co_occurrence(
        corpus.segments, corpus.codings, corpus.codes, coder="A", window=window
    )
    units = {"segment": lambda doc, p: (doc, p), "turn": lambda doc, p: (doc, p // 2),
             "interview": lambda doc, p: doc}[window]  # fmt: skip
    sets: dict[str, set[object]] = {code: set() for code in corpus.codes["code_id"]}
    for row in corpus.codings.to_dict("records"):
        sets[row["code_id"]].add(units(row["doc_id"], row["start"] // small.STEP))
    assert len(found) == len(sets) * (len(sets) - 1) / 2
    for row in found.to_dict("records"):
        a, b = sets[row["code_a"]], sets[row["code_b"]]
        counts = [row[name] for name in ("together", "windows_a", "windows_b")]
        assert counts == [len(a & b), len(a), len(b)]
        if a | b:
            assert row["jaccard"] == pytest.approx(len(a & b) / len(a | b))
        else:
            assert np.isnan(row["jaccard"])


def test_unknown_window_is_refused(two_cases):
    _, segs, coded, codes = two_cases
    with pytest.raises(themes.ThemeError, match="window is 'page', must be one of segment"):
        themes.co_occurrence(segs, coded, codes, coder="A", window="page")


# --- actors


def test_network_of_a_chain_of_actors():
    docs = small.documents({"B": 2})
    rows = [("B1", 0, "a"), ("B1", 0, "b"), ("B1", 1, "a"), ("B1", 1, "b"), ("B2", 0, "b"),
            ("B2", 0, "c"), ("B2", 3, "d")]  # fmt: skip
    codes = pd.concat([codes_of(*"abcd", kind="actor"), codes_of("t")])
    network = themes.actor_network(
        small.segments(docs), small.codings(rows), codes, coder="A", window="segment"
    )
    nodes = network.nodes.set_index("code_id")
    assert nodes["windows"].to_dict() == {"a": 2, "b": 3, "c": 1, "d": 1}
    assert nodes["degree"].to_dict() == {"a": 1, "b": 2, "c": 1, "d": 0}
    assert nodes["strength"].to_dict() == {"a": 2, "b": 3, "c": 1, "d": 0}
    assert nodes["betweenness"].to_dict() == pytest.approx({"a": 0, "b": 1 / 3, "c": 0, "d": 0})
    edges = network.edges[["code_a", "code_b", "together"]].to_numpy().tolist()
    assert edges == [["a", "b", 2], ["b", "c", 1]]


def test_frequent_company_is_short_distance():
    """a-c is named once, a-b and b-c four times each: the short way from a to c passes b."""
    docs = small.documents({"B": 1}, paragraphs=9)
    rows = [("B1", k, code) for k in range(8) for code in ("b", "a" if k < 4 else "c")]
    rows += [("B1", 8, "a"), ("B1", 8, "c")]
    network = themes.actor_network(
        small.segments(docs), small.codings(rows), codes_of(*"abc", kind="actor"),
        coder="A", window="segment",
    )  # fmt: skip
    assert network.nodes.set_index("code_id")["betweenness"].to_dict() == {"a": 0, "b": 1, "c": 0}


def test_without_two_actors_the_network_is_empty(two_cases):
    _, segs, coded, codes = two_cases
    network = themes.actor_network(segs, coded, codes, coder="A", window="turn")
    assert network.nodes.empty and network.edges.empty
    assert list(network.nodes) == ["code_id", "windows", "degree", "strength", "betweenness"]


# --- suggestions


def suggestions(texts: dict[str, str], lang: str = "zh", **options):
    docs = table("documents", [{"doc_id": d, "text": t, "lang": lang} for d, t in texts.items()])
    segs = table("segments", [
        {"seg_id": f"{d}:001", "doc_id": d, "start": 0, "end": len(t), "turn": 1, "text": t}
        for d, t in texts.items()
    ])  # fmt: skip
    return code_suggestions.suggest_codes(docs, segs, small.frame(), **options)


@pytest.mark.parametrize(
    ("lang", "text", "code"),
    [
        ("zh", "我们的菜只有一个销售渠道，太单一了。", "problem.market"),
        ("zh", "路也不好，基础设施一直不完善。", "problem.infrastructure"),
        ("en", "We have only a few channels for our sales.", "problem.market"),
        ("en", "The infrastructure here is inadequate.", "problem.infrastructure"),
    ],
)
def test_words_of_a_label_suggest_its_code(lang, text, code):
    found = suggestions({"d1": text, "d2": "天气" if lang == "zh" else "sun"}, lang)
    assert found["code_id"].iloc[0] == code
    assert set(found["doc_id"]) == {"d1"}
    labels = small.frame().set_index("code_id")[f"label_{lang}"].str.lower()
    for row in found.itertuples():
        assert all(term in labels[row.code_id] and term in text.lower()
                   for term in row.terms.split("; "))  # fmt: skip
    assert found["rank"].tolist() == list(range(1, len(found) + 1))
    assert found["score"].is_monotonic_decreasing and found["score"].between(0.1, 1).all()


def test_score_is_the_cosine_of_tf_idf():
    """By hand: n-grams ab, bc, abc (label) and ab twice (text); smooth idf, 1 + ln tf."""
    codes = table("codes", [{"code_id": "c", "label_zh": "甲乙丙"}])
    docs = table("documents", [{"doc_id": "d", "text": "甲乙，甲乙", "lang": "zh"}])
    segs = table("segments", [{"seg_id": "s", "doc_id": "d", "start": 0, "end": 5, "turn": 1,
                               "text": "甲乙，甲乙"}])  # fmt: skip
    found = code_suggestions.suggest_codes(docs, segs, codes)
    both, one = np.log(3 / 3) + 1, np.log(3 / 2) + 1
    assert found["score"].item() == pytest.approx(both / np.sqrt(both**2 + 2 * one**2))
    assert found["terms"].item() == "甲乙"


def test_examples_teach_other_words_but_show_no_rare_ones():
    """The label shares no word with the talk; 刘木匠 occurs in one document, 卖不掉 in three."""
    texts = {f"d{k}": "今年的桃子又卖不掉" for k in range(3)} | {"d9": "刘木匠家的桃子也卖不掉"}
    docs = table("documents", [{"doc_id": d, "text": t, "lang": "zh"} for d, t in texts.items()])
    segs = table("segments", [
        {"seg_id": d, "doc_id": d, "start": 0, "end": len(t), "turn": 1, "text": t}
        for d, t in texts.items()
    ])  # fmt: skip
    codes = small.frame().query("code_id in ['problem.market', 'problem.infrastructure']")
    assert code_suggestions.suggest_codes(docs, segs, codes).empty
    shown = table("codings", [
        {"coding_id": "1", "doc_id": "d9", "start": 0, "end": 11, "code_id": "problem.market"}
    ])  # fmt: skip
    found = code_suggestions.suggest_codes(docs, segs, codes, examples=shown)
    assert found["seg_id"].tolist() == ["d0", "d1", "d2"]
    assert set(found["code_id"]) == {"problem.market"}
    assert all("卖不掉" in terms for terms in found["terms"])
    half = shown.assign(end=5)
    again = segs[segs["seg_id"] == "d9"].assign(seg_id="d9b", start=5, text=texts["d9"][:5])
    first = segs.assign(end=segs["end"].where(segs["seg_id"] != "d9", 5))
    rare = code_suggestions.suggest_codes(docs, pd.concat([first, again]), codes, examples=half)
    assert (rare.set_index("seg_id")["score"].loc[["d9b"]] > 0.5).all()
    assert not any(set("刘木匠") & set(terms) for terms in rare["terms"])


def test_fewer_suggestions_on_demand():
    text = {"d1": "销售渠道单一，产业链短，标准缺失，基础设施不完善，内生动力不足。"}
    every, first = suggestions(text, top=9, minimum=0.01), suggestions(text, top=1)
    assert len(every) > 3
    assert len(first) == 1
    assert first["score"].item() == every["score"].max()
    assert suggestions(text, minimum=1.0).empty


def test_all_faults_of_options_come_at_once():
    with pytest.raises(themes.ThemeError, match=r"(?s)top is 0.*minimum is 2.*language 'fr'"):
        suggestions({"d": "x"}, "fr", top=0, minimum=2)
