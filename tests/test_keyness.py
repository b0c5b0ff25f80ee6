"""Key phrases: what is a phrase, the statistic, and that no single text makes a phrase key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import power_divergence

from analysis.models.multiple_testing import benjamini_hochberg
from analysis.policy.corpus import read_corpus
from analysis.policy.keyness import (
    FUNCTION_CHARACTERS,
    PART_OF_LONGER,
    compare_periods,
    keyness,
    log_likelihood_g2,
    recurring_phrases,
)

FIRST, SECOND = ["a", "b", "c"], ["d", "e", "f", "g"]
SIZE = pd.Series(10_000, index=FIRST + SECOND)


def table(**rows: list[int]) -> pd.DataFrame:
    counts = pd.DataFrame.from_dict(rows, orient="index", columns=FIRST + SECOND)
    return keyness(counts, SIZE, first=FIRST, second=SECOND).set_index("phrase")


def counted(texts: dict[str, str], minimum: int, documents: int) -> dict[str, list[int]]:
    """Count phrases by brute force, straight from their definition."""
    places: dict[str, Counter] = {}
    for doc, text in texts.items():
        for run in re.findall("[一-鿿]+", text):
            for i in range(len(run)):
                for j in range(i + 2, len(run) + 1):
                    places.setdefault(run[i:j], Counter())[doc] += 1
    total = {phrase: sum(seen.values()) for phrase, seen in places.items()}
    kept = {}
    for phrase, seen in places.items():
        longer = [n for p, n in total.items() if len(p) == len(phrase) + 1 and phrase in p
                  and n >= minimum]  # fmt: skip
        if (
            total[phrase] >= minimum
            and len(seen) >= documents
            and max(longer, default=0) < PART_OF_LONGER * total[phrase]
            and not {phrase[0], phrase[-1]} & FUNCTION_CHARACTERS
        ):
            kept[phrase] = [seen[doc] for doc in texts]
    return kept


@given(
    st.lists(st.text(alphabet="甲乙丙的，", max_size=30), min_size=1, max_size=4),
    st.integers(2, 4),
    st.integers(1, 2),
)
def test_phrases_are_those_of_the_definition(texts: list[str], least: int, documents: int) -> None:
    named = {f"d{k}": text for k, text in enumerate(texts)}
    found = recurring_phrases(named, minimum=least, documents=documents)
    expected = counted(named, least, documents)
    assert found.index.tolist() == sorted(expected)
    assert {p: row.tolist() for p, row in found.iterrows()} == expected


def test_a_part_of_a_phrase_is_no_phrase() -> None:
    texts = {doc: "推进乡村振兴，乡村振兴好，乡村振兴的路。" for doc in "abc"}
    assert recurring_phrases(texts, minimum=9).index.tolist() == ["乡村振兴"]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 9), st.integers(1, 9))
def test_g2_is_the_likelihood_ratio(n: int, m: int, size_n: int, size_m: int) -> None:
    found = log_likelihood_g2(np.array([n]), np.array([m]), size_n, size_m)[0]
    if n + m == 0:
        assert found == 0
        return
    expected = (n + m) * np.array([size_n, size_m]) / (size_n + size_m)
    observed = np.array([n, m])
    reference = power_divergence(observed, expected, lambda_="log-likelihood").statistic
    assert found == pytest.approx(reference, abs=1e-9)


def test_a_difference_in_every_text_is_key() -> None:
    found = table(often=[0, 0, 0, 9, 8, 9, 9], even=[5] * 7, seldom=[12, 12, 13, 1, 0, 1, 1])
    assert found["key"].to_dict() == {"often": True, "even": False, "seldom": True}
    assert found.loc["often", "group"] == "second" and found.loc["seldom", "group"] == "first"
    # 35 places in 40,000 characters against half a place in 30,000
    assert found.loc["often", "log_ratio"] == pytest.approx(np.log2((35 / 4) / (0.5 / 3)))
    assert found.loc["even", "g2"] == pytest.approx(0) and found.loc["even", "dispersion"] == 0


def test_one_text_makes_no_phrase_key() -> None:
    found = table(
        once=[0, 0, 0, 60, 0, 0, 0], mostly=[2, 2, 2, 60, 2, 2, 2], wide=[0, 0, 0, *[15] * 4]
    )
    assert (found["p_adjusted"] < 1e-4).all()
    assert found["key"].to_dict() == {"once": False, "mostly": False, "wide": True}
    assert found.loc["once", "g2_without_one"] == 0
    # all in one of four texts of one length: half of (1 - 1/4) + 3 * 1/4
    assert found.loc["once", "dispersion"] == pytest.approx(0.75)


def test_the_weakest_text_decides() -> None:
    found = table(x=[1, 0, 2, 6, 8, 30, 5])
    rest = [(3, 43), (3, 41), (3, 19), (3, 44)]
    g2 = [log_likelihood_g2(np.array([n]), np.array([m]), 3, 3)[0] for n, m in rest]
    g2 += [log_likelihood_g2(np.array([n]), np.array([49]), 2, 4)[0] for n in (2, 3, 1)]
    assert found.loc["x", "g2_without_one"] == pytest.approx(min(g2))


def test_p_values_are_adjusted_over_all_phrases() -> None:
    rng = np.random.default_rng(2)
    rows = {f"p{k}": rng.poisson(4, 7).tolist() for k in range(40)}
    found = table(**rows)
    assert found["p_adjusted"].to_numpy() == pytest.approx(benjamini_hochberg(found["p_value"]))
    assert not found["key"].any()


def test_groups_with_faults_are_refused_at_once() -> None:
    counts = pd.DataFrame({"a": [1], "b": [1]}, index=["x"])
    with pytest.raises(ValueError) as caught:
        keyness(counts, SIZE.drop("b"), first=["a"], second=["a", "b", "z"], level=0)
    assert "6 violation(s)" in str(caught.value)


def test_the_real_periods(raw: Callable[[str], Path]) -> None:
    found = compare_periods(read_corpus(raw("policy_texts/corpus"))).set_index("phrase")
    key = found[found["key"]]
    for phrase in ("高质量发展", "乡村振兴", "帮扶", "脱贫攻坚成果"):
        assert key.loc[phrase, "group"] == "second"
    for phrase in ("保障性安居工程", "行政审批", "试点"):
        assert key.loc[phrase, "group"] == "first"
    turn = found.loc["乡村振兴"].to_dict()
    assert (turn["n_first"], turn["n_second"], turn["documents_second"]) == (0, 24, 7)
    assert (key[["documents_first", "documents_second"]].max(axis=1) >= 3).all()
    assert "新质生产力" not in key.index
