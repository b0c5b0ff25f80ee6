"""Counts of policy terms: nesting, rates, exact intervals, bursts, and the embedded file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from analysis.policy.corpus import Corpus, n_hanzi, read_corpus
from analysis.policy.term_checks import segmenter_check, term_dispersion
from analysis.policy.terms import (
    COUNTS,
    DISPERSION,
    FAMILIES,
    LEXICON,
    count_terms,
    embedded_counts,
    family_counts,
    garwood_interval,
    read_counts,
    read_dispersion,
    read_lexicon,
    term_rates,
)

DATA = Path(__file__).resolve().parents[1] / "data" / "raw"
LEXICON_TABLE = pd.DataFrame(
    [
        ("poverty", "贫困", "alleviation"),
        ("poor_counties", "贫困县", "alleviation"),
        ("leaving", "脱贫", "alleviation"),
        ("consolidation", "巩固脱贫成果", "linkage"),
    ],
    columns=["term", "zh", "family"],
).assign(en="x", note="")
# counted independently in the file of reports
POVERTY = {2018: 12, 2019: 15, 2021: 10, 2022: 0, 2023: 7, 2024: 0, 2025: 0}
REVITALIZATION = {2018: 4, 2019: 3, 2021: 5, 2022: 3, 2023: 5, 2024: 2, 2025: 2}


def corpus_of(**texts: str) -> Corpus:
    documents = pd.DataFrame(
        {"doc_id": list(texts), "kind": "report", "year": range(2000, 2000 + len(texts)),
         "n_hanzi": [n_hanzi(text) for text in texts.values()]}
    )  # fmt: skip
    empty = pd.DataFrame()
    return Corpus(documents, texts, empty, empty, empty)


def test_terms_count_inside_longer_ones_and_once_as_longest() -> None:
    counts = count_terms(corpus_of(a="贫困县贫困贫困县，巩固脱贫成果，脱贫"), LEXICON_TABLE)
    assert counts["n"].tolist() == [3, 2, 2, 1]
    assert counts["n_longest"].tolist() == [1, 2, 1, 1]
    families = family_counts(counts, LEXICON_TABLE).set_index("term")["n"]
    assert families.to_dict() == {"alleviation": 4, "linkage": 1}


@given(st.text(alphabet="贫困县脱巩固成果，", max_size=40))
def test_longest_matches_are_a_part_of_all(text: str) -> None:
    counts = count_terms(corpus_of(a=text + "中"), LEXICON_TABLE)
    assert counts["n"].tolist() == [text.count(zh) for zh in LEXICON_TABLE["zh"]]
    assert (counts["n_longest"] <= counts["n"]).all()
    length = LEXICON_TABLE["zh"].str.len()
    assert (counts["n_longest"] * length).sum() <= len(text)
    assert (counts["n_longest"].sum() > 0) == (counts["n"].sum() > 0)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood (1936), table of 95 % limits, as printed to more digits in Ulm (1990)
    [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (10, 4.7954, 18.3904)],
)
def test_the_interval_is_the_exact_one(count: int, low: float, high: float) -> None:
    found = garwood_interval(np.array([count]))
    assert np.round([found[0][0], found[1][0]], 4).tolist() == [low, high]


@given(st.floats(0.01, 40), st.sampled_from([0.8, 0.95]))
def test_the_interval_holds_the_mean_often_enough(mean: float, level: float) -> None:
    n = np.arange(200)
    low, high = garwood_interval(n, level=level)
    inside = (low <= mean) & (mean <= high)
    assert poisson.pmf(n, mean)[inside].sum() >= level - 1e-9


def test_rates_have_the_characters_as_denominator() -> None:
    counts = pd.DataFrame({"term": ["a", "a", "b"], "n": [40, 0, 40], "n_hanzi": [20_000] * 3})
    plain = term_rates(counts)
    assert plain["rate"].tolist() == [20.0, 0.0, 20.0]
    assert plain["ci_high"].round(4).tolist()[1] == round(3.68888 / 2, 4)
    wide = term_rates(counts, dispersion={"a": 4.0, "b": float("nan")})
    # 40 matches that come in fours tell as much as 10 that do not: limits of 10, times 4 / 2
    assert (round(wide["ci_low"][0], 3), round(wide["ci_high"][0], 3)) == (9.591, 36.781)
    assert wide["ci_high"][2] == plain["ci_high"][2]
    assert list(counts.columns) == ["term", "n", "n_hanzi"]


def test_impossible_intervals_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 violation"):
        garwood_interval(np.array([1, -1]), level=1.0)


def test_bursts_are_measured() -> None:
    # four matches in one of two paragraphs of one length: (4 - 2)^2 / 2 + (0 - 2)^2 / 2 over 1
    burst = corpus_of(a="贫困" * 4 + "\n" + "发展" * 4)
    even = corpus_of(a="贫困发展\n贫困发展")
    assert term_dispersion(burst, LEXICON_TABLE, doc_ids=["a"])["poverty"] == pytest.approx(4)
    found = term_dispersion(even, LEXICON_TABLE, doc_ids=["a"])
    assert found["poverty"] == found["alleviation"] == 0
    assert np.isnan(found["leaving"])
    assert list(found.index) == [*LEXICON_TABLE["term"], *FAMILIES]


def test_a_segmenter_is_compared_with_plain_matches() -> None:
    corpus = corpus_of(a="清贫困难，贫困县，贫困")
    words = ["清贫", "困难", "，", "贫困县", "，", "贫困"]
    found = segmenter_check(corpus, LEXICON_TABLE, lambda _: words).set_index("term")
    rows = dict(zip(found.index, found[["matches", "as_word", "across"]].to_numpy(), strict=True))
    assert rows["poverty"].tolist() == [3, 1, 1]
    assert rows["poor_counties"].tolist() == [1, 1, 0]


def test_a_lexicon_with_faults_is_refused_at_once(tmp_path: Path) -> None:
    rows = "term,zh,en,family,note\nPoor,贫困,poor,alleviation,\na,a贫,,nothing,\na,贫困,x,other,\n"
    (tmp_path / LEXICON).write_text(rows, encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        read_lexicon(tmp_path)
    message = str(caught.value)
    assert "6 violation(s)" in message
    places = ["row 2, column 'term'", "row 4, column 'term'"]
    places += [f"row 3, column '{column}'" for column in ("zh", "en", "family")]
    for place in [*places, "row 4, column 'zh'"]:
        assert place in message


def test_a_term_without_family_is_refused() -> None:
    counts = count_terms(corpus_of(a="贫困"), LEXICON_TABLE)
    with pytest.raises(ValueError, match="'leaving'.*add it"):
        family_counts(counts, LEXICON_TABLE[LEXICON_TABLE["term"] != "leaving"])


def test_the_embedded_counts_have_the_independent_numbers() -> None:
    counts = read_counts(DATA / "policy_texts" / "counts")
    reports = counts[counts["kind"] == "report"].pivot(index="year", columns="term", values="n")
    assert reports.loc[2018:, "poverty"].to_dict() == POVERTY
    assert reports.loc[2018:, "rural_revitalization"].to_dict() == REVITALIZATION
    assert (reports.loc[:2017, "rural_revitalization"] == 0).all()
    assert 2020 not in reports.index
    lexicon = read_lexicon(DATA / "policy")
    assert set(counts["term"]) == set(lexicon["term"])
    assert set(lexicon["family"]) == set(FAMILIES)
    assert set(read_dispersion(DATA / "policy_texts" / "counts").index) == {
        *lexicon["term"],
        *FAMILIES,
    }


def test_the_embedded_counts_are_those_of_the_texts(raw: Callable[[str], Path]) -> None:
    corpus, lexicon = read_corpus(raw("policy_texts/corpus")), read_lexicon(DATA / "policy")
    folder = DATA / "policy_texts" / "counts"
    pd.testing.assert_frame_equal(read_counts(folder), embedded_counts(corpus, lexicon))
    recent = [doc_id for doc_id in corpus.documents["doc_id"] if doc_id.startswith("report_2")]
    measured = term_dispersion(corpus, lexicon, doc_ids=recent)
    # the file has six significant digits
    pd.testing.assert_series_equal(
        read_dispersion(folder), measured.rename_axis("term"), rtol=1e-5, check_index_type=False
    )


def test_a_segmenter_would_lose_half_of_the_matches(raw: Callable[[str], Path]) -> None:
    jieba = pytest.importorskip("jieba", reason="jieba is not installed: measured once, see here")
    corpus, lexicon = read_corpus(raw("policy_texts/corpus")), read_lexicon(DATA / "policy")
    found = segmenter_check(corpus, lexicon, jieba.cut)
    # jieba 0.42.1 with its own dictionary; the numbers stand in the docstring of term_checks
    assert found[["matches", "as_word", "across"]].sum().tolist() == [3727, 1925, 6]
    assert (found["as_word"] == 0).sum() == 47


def test_embedded_counts_with_faults_are_refused(tmp_path: Path) -> None:
    good = read_counts(DATA / "policy_texts" / "counts").head(130)
    bad = good.copy()
    bad.loc[0, "n_longest"] = 99
    bad.loc[1, "n_hanzi"] = 0
    bad.loc[129] = bad.loc[128]
    bad.to_csv(tmp_path / COUNTS, index=False)
    with pytest.raises(ValueError) as caught:
        read_counts(tmp_path)
    message = str(caught.value)
    assert all(f"row {row}" in message for row in (2, 3, 131))
    good.assign(n=good["n"] + 0.5).to_csv(tmp_path / COUNTS, index=False)
    with pytest.raises(ValueError, match="column 'n': must be whole numbers"):
        read_counts(tmp_path)
    good.head(129).to_csv(tmp_path / COUNTS, index=False)
    with pytest.raises(ValueError, match="lacks a term"):
        read_counts(tmp_path)
    (tmp_path / DISPERSION).write_text("term,dispersion\na,1\na,-1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"2 violation"):
        read_dispersion(tmp_path)
