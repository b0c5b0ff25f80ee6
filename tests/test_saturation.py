"""Saturation: the exact curve against all subsets, Chao2 against published values and chance."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import theme_corpus as small
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.interviews import saturation
from analysis.interviews.corpus import table
from analysis.interviews.saturation import chao2, curve_error, expected_curve
from analysis.interviews.themes import ThemeError

few = settings(max_examples=40, deadline=None)
ROUNDING = 1e-10


@st.composite
def incidences(draw):
    interviews = draw(st.integers(1, 7))
    cells = st.lists(st.booleans(), min_size=interviews, max_size=interviews)
    return np.array(draw(st.lists(cells, min_size=1, max_size=6))).T


# --- curve


@few
@given(present=incidences())
def test_curve_is_the_mean_over_all_subsets(present):
    size = len(present)
    found = expected_curve(present.sum(axis=0), size)
    for n in range(1, size + 1):
        subsets = [
            present[list(chosen)].any(axis=0).sum() for chosen in combinations(range(size), n)
        ]
        assert found[n - 1] == pytest.approx(np.mean(subsets), abs=ROUNDING)


@few
@given(occurrences=st.lists(st.integers(0, 300), min_size=1), extra=st.integers(0, 50))
def test_curve_rises_ever_less_to_what_was_observed(occurrences, extra):
    size = max(occurrences) + extra
    steps = np.diff(expected_curve(np.array(occurrences), size), prepend=0.0)
    assert (steps >= -ROUNDING).all()
    assert (np.diff(steps) <= ROUNDING).all()
    assert steps.sum() == pytest.approx(np.count_nonzero(occurrences) if size else 0)


# --- Chao2


def test_published_estimate_of_barro_colorado():
    """vegan::specpool(BCI): 225 species on 50 plots, chao 236.3732, se 6.54361, jack1 245.58.

    jack1 - 225 = Q1 49/50 gives Q1 = 21, then chao gives Q2 = 19.
    """
    occurrences = np.repeat([1, 2, 3], [21, 19, 185])
    found = chao2(occurrences, 50)
    assert (found.observed, found.once, found.twice) == (225, 21, 19)
    assert found.chao2 == pytest.approx(236.3732, abs=5e-5)
    assert found.se == pytest.approx(6.54361, abs=5e-6)
    low, high = found.ci_low - 225, found.ci_high - 225
    assert np.sqrt(low * high) == pytest.approx(found.chao2 - 225)  # symmetric in logarithms


def test_without_a_code_in_two_interviews():
    found = chao2(np.array([1, 1, 1, 4, 5, 5, 6, 9]), 10)
    assert found.chao2 == pytest.approx(8 + 0.9 * 3)
    variance = 0.9 * 3 + 0.81 * 3 * 25 / 4 - 0.81 * 81 / (4 * 10.7)
    assert found.se == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize(
    ("occurrences", "size", "total", "why"),
    [
        ([3, 4, 2], 6, 3, "no code occurs in one interview only"),
        ([1, 4, 5], 6, 3, "no error"),
        ([1, 1], 1, 2, "one interview"),
        ([0, 0], 4, 0, "no code occurs in one interview only"),
    ],
)
def test_where_nothing_is_estimated_there_is_a_reason_and_no_error(occurrences, size, total, why):
    found = chao2(np.array(occurrences), size)
    assert found.chao2 == total
    assert np.isnan([found.se, found.ci_low, found.ci_high]).all()
    assert why in found.why


def test_no_interview_has_no_estimate():
    found = chao2(np.array([0, 0]), 0)
    assert np.isnan(found.chao2) and found.why == "no interview"


@few
@given(occurrences=st.lists(st.integers(0, 9), min_size=1, max_size=40), extra=st.integers(0, 5))
def test_estimate_is_not_below_what_was_observed(occurrences, extra):
    found = chao2(np.array(occurrences), max(occurrences) + extra + 1)
    assert found.chao2 >= found.observed
    if not found.why:
        assert found.observed <= found.ci_low <= found.chao2 <= found.ci_high


def test_errors_are_those_of_repeated_studies():
    """200 codes, each in an interview with probability .08, 24 interviews, 600 studies.

    Where all codes are as likely Chao2 is nearly unbiased; its error and that of the curve must be
    the spread between studies to three Monte Carlo errors of a standard deviation.
    """
    rng = np.random.default_rng(11)
    studies = rng.binomial(24, 0.08, size=(600, 200))
    found = [chao2(m, 24) for m in studies]
    totals = np.array([f.chao2 for f in found])
    tolerance = 3 / np.sqrt(2 * len(studies))
    assert totals.mean() == pytest.approx(200, rel=0.01)
    assert np.sqrt(np.mean([f.se**2 for f in found])) == pytest.approx(totals.std(), rel=tolerance)
    covered = np.mean([f.ci_low <= 200 <= f.ci_high for f in found])
    assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / len(studies))
    curves = np.array([expected_curve(m, 24) for m in studies])
    errors = np.sqrt(np.mean([curve_error(m, 24) ** 2 for m in studies], axis=0))
    np.testing.assert_allclose(errors, curves.std(axis=0), rtol=tolerance)


# --- tables


@pytest.fixture
def study():
    """B1 {x, y}, B2 {x}, S1 {x, z}, S2 {w}: by date B1, S1, B2, S2."""
    docs = small.documents({"B": 2, "S": 2})
    rows = [("B1", 0, "x"), ("B1", 1, "y"), ("B2", 0, "x"), ("S1", 0, "x"), ("S1", 1, "z"),
            ("S2", 0, "w")]  # fmt: skip
    codes = table("codes", [{"code_id": c, "is_codable": True} for c in "wxyz"])
    return docs, small.codings(rows), codes


def test_tables_by_group(study):
    curves = saturation.saturation_curves(*study, coder="A", by="case").set_index(["group", "n"])
    assert curves["expected"].to_dict() == pytest.approx(
        {("", 1): 1.5, ("", 2): 2.5 + 1 / 6 - 1 / 6, ("", 3): 3.25, ("", 4): 4, ("B", 1): 1.5,
         ("B", 2): 2, ("S", 1): 1.5, ("S", 2): 3}
    )  # fmt: skip
    assert (curves["ci_low"] >= 0).all()
    richness = saturation.richness_table(*study, coder="A", by="case").set_index("group")
    assert richness["observed"].to_dict() == {"": 4, "B": 2, "S": 3}
    assert richness["chao2"].to_dict() == pytest.approx({"": 4 + 0.75 * 3, "B": 2.25, "S": 4.5})
    assert richness.loc["", "completeness"] == pytest.approx(400 / 6.25)


def test_new_information_in_the_order_of_dates(study):
    found = saturation.new_information(*study, coder="A", base=2, run=1)
    assert found["doc_id"].tolist() == ["B1", "S1", "B2", "S2"]
    assert found["new"].tolist() == [2, 1, 0, 1]
    assert found["cumulative"].tolist() == [2, 3, 3, 4]
    assert found["base_codes"].unique().tolist() == [3]
    np.testing.assert_allclose(found["new_information"], [np.nan, np.nan, 0, 100 / 3])
    assert found["dated"].all()
    longer = saturation.new_information(*study, coder="A", base=2, run=2)
    np.testing.assert_allclose(longer["new_in_run"], [np.nan, np.nan, np.nan, 1])


def test_without_dates_the_order_is_that_of_names(study):
    docs, coded, codes = study
    docs.loc[docs["doc_id"] == "B2", "date"] = ""
    found = saturation.new_information(docs, coded, codes, coder="A", by="case")
    whole = found[found["group"] == ""]
    assert whole["doc_id"].tolist() == ["B1", "B2", "S1", "S2"]
    assert found.groupby("group")["dated"].first().to_dict() == {"": False, "B": False, "S": True}
    assert whole["new_information"].isna().all()


def test_bad_options_are_refused(study):
    with pytest.raises(ThemeError, match="base and run must be at least 1, got 4 and 0"):
        saturation.new_information(*study, coder="A", run=0)
    with pytest.raises(ThemeError, match="documents has no column village"):
        saturation.saturation_curves(*study, coder="A", by="village")
    with pytest.raises(ThemeError, match="no codings of 'Z'"):
        saturation.richness_table(*study, coder="Z")


def test_rows_follow_documents_that_are_not_sorted(study):
    docs, coded, codes = study
    mixed = pd.concat([docs.iloc[[3, 0]], docs.iloc[[2, 1]]], ignore_index=True)
    found = saturation.richness_table(mixed, coded, codes, coder="A", by="case")
    expected = saturation.richness_table(docs, coded, codes, coder="A", by="case")
    pd.testing.assert_frame_equal(found, expected)
