"""Adjusted p-values: published example, independent software, brute force, orderings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.models.multiple_testing import adjust_families, benjamini_hochberg, holm, romano_wolf

EXACT = 1e-12
# Benjamini & Hochberg (1995), section 4.2: thrombolysis trial, 15 comparisons
TRIAL = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
    0.6528, 0.7590, 1.0000,
]  # fmt: skip
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_published_example():
    """At 5 %, Holm rejects three hypotheses and Benjamini-Hochberg four."""
    assert (holm(TRIAL) <= 0.05).sum() == 3
    assert (benjamini_hochberg(TRIAL) <= 0.05).sum() == 4
    assert holm(TRIAL)[:3] == pytest.approx([0.0015, 0.0056, 0.0247], abs=EXACT)
    assert benjamini_hochberg(TRIAL)[3] == pytest.approx(0.0095 * 15 / 4, abs=EXACT)


@settings(max_examples=60, deadline=None)
@given(P_VALUES)
def test_independent_software_and_orderings(values: list[float]):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for function, name in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        expected = multitest.multipletests(values, method=name)[1]
        np.testing.assert_allclose(function(values), expected, atol=EXACT)
    p = np.array(values)
    assert (benjamini_hochberg(p) >= p).all()
    assert (holm(p) >= benjamini_hochberg(p) - EXACT).all()
    assert (holm(p) <= np.minimum(1, len(p) * p) + EXACT).all()


@settings(max_examples=30, deadline=None)
@given(P_VALUES, st.integers(0, 99))
def test_missing_values_and_order_do_not_matter(values: list[float], seed: int):
    order = np.random.default_rng(seed).permutation(len(values) + 1)
    with_gap = np.array([*values, np.nan])[order]
    for function in (holm, benjamini_hochberg):
        expected = np.array([*function(values), np.nan])[order]
        np.testing.assert_allclose(function(with_gap), expected, atol=EXACT)


def test_families():
    table = pd.DataFrame({
        "family": ["b", "a", "b", "a", "b"], "p_value": [0.01, 0.04, np.nan, 0.03, 0.5],
        "term": list("vwxyz"),
    }, index=[9, 7, 5, 3, 1])  # fmt: skip
    before = table.copy(deep=True)
    adjusted = adjust_families(table)
    assert list(adjusted["family_size"]) == [2, 2, 2, 2, 2]
    assert list(adjusted.index) == [9, 7, 5, 3, 1]
    np.testing.assert_allclose(adjusted["p_holm"], [0.02, 0.06, np.nan, 0.06, 0.5])
    expected = [0.02, 0.04, np.nan, 0.04, 0.5]
    np.testing.assert_allclose(adjusted["p_benjamini_hochberg"], expected)
    pd.testing.assert_frame_equal(table, before)


def brute_romano_wolf(t: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return step-down p-values one step after the other."""
    left, found, running = list(np.argsort(-t)), np.empty(len(t)), 0.0
    while left:
        share = (1 + (null[:, left].max(axis=1) >= t[left[0]]).sum()) / (1 + len(null))
        running = max(running, share)
        found[left.pop(0)] = running
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 999))
def test_romano_wolf(m: int, seed: int):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(200, 1))
    null = 0.7 * shared + rng.normal(size=(200, m))
    t = rng.normal(scale=2, size=m)
    adjusted = romano_wolf(t, null)
    np.testing.assert_allclose(adjusted, brute_romano_wolf(np.abs(t), np.abs(null)), atol=EXACT)
    alone = np.array([romano_wolf(t[[j]], null[:, [j]])[0] for j in range(m)])
    assert (adjusted >= alone).all()


def test_romano_wolf_of_copies_is_unadjusted_and_of_independent_tests_is_sidak():
    draws = np.random.default_rng(0).normal(size=(40_000, 3))
    copies = romano_wolf([2.0] * 3, draws[:, [0, 0, 0]])
    np.testing.assert_allclose(copies, romano_wolf([2.0], draws[:, [0]])[0])
    sidak = 1 - (1 - 0.0455) ** 3
    error = 4 * np.sqrt(sidak / 40_000)
    assert romano_wolf([2.0] * 3, draws)[0] == pytest.approx(sidak, abs=error)


def test_bad_input():
    with pytest.raises(ValueError, match=r"1 outside \[0, 1\]"):
        holm([0.2, 1.2])
    with pytest.raises(ValueError, match="do not agree"):
        romano_wolf([1.0, 2.0], np.zeros((5, 3)))
    with pytest.raises(ValueError, match="1 values are missing"):
        romano_wolf([1.0, np.nan], np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"(?s)'p_value' is missing.*have no family"):
        adjust_families(pd.DataFrame({"family": ["a", None]}))
