"""Survey errors against R's survey, closed forms and properties."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.households.influences import sample_units, share_table
from analysis.households.survey_errors import (
    Domains,
    SurveyDesign,
    degrees_of_freedom,
    half_width,
    ratio_influence,
    survey_design,
    total_variance,
)

EXACT = 1e-12
ORACLE = 1e-9
"""R prints 15 digits; relative."""


def whole(psu: np.ndarray) -> Domains:
    return Domains(np.zeros(len(psu), np.int64), psu, 1)


@pytest.fixture(scope="module")
def schools(oracle: Callable[[str], Path]) -> pd.DataFrame:
    return pd.read_csv(oracle("apiclus1.csv"))


def test_total_of_a_cluster_sample_equals_r(schools: pd.DataFrame) -> None:
    """R survey 4.1-1: svytotal(~enroll, svydesign(id = ~dnum, weights = ~pw, fpc = ~fpc))."""
    weighted = (schools["pw"] * schools["enroll"]).groupby(schools["dnum"]).sum().to_numpy()
    units = np.arange(len(weighted))
    design = survey_design(np.zeros(len(units), np.int64), population=np.array([757.0]))
    variance = total_variance(weighted, whole(units), design)
    assert weighted.sum() == pytest.approx(3404940.13452911, rel=ORACLE)
    assert np.sqrt(variance) == pytest.approx(932235.027041214, rel=ORACLE)


def test_mean_of_a_cluster_sample_equals_r(schools: pd.DataFrame) -> None:
    """R survey 4.1-1: svymean(~api00), confint(df = degf(design))."""
    by_unit = schools.assign(y=schools["pw"] * schools["api00"]).groupby("dnum")[["y", "pw"]].sum()
    y, x = by_unit.to_numpy().T
    domains = whole(np.arange(len(y)))
    design = survey_design(np.zeros(len(y), np.int64), population=np.array([757.0]))
    mean, z = ratio_influence(y, x, domains)
    se = np.sqrt(total_variance(z, domains, design))
    units, df = degrees_of_freedom(domains, design, x > 0)
    assert mean[0] == pytest.approx(644.169398907104, rel=ORACLE)
    assert se[0] == pytest.approx(23.542240693781, rel=ORACLE)
    assert (units[0], df[0]) == (15, 14)
    interval = mean - half_width(se, df, 0.95), mean + half_width(se, df, 0.95)
    assert np.ravel(interval) == pytest.approx([593.676314463326, 694.662483350882], rel=ORACLE)


totals = st.lists(st.integers(-1000, 1000), min_size=2, max_size=12)


@given(totals)
def test_one_stratum_is_n_times_the_variance(values: list[int]) -> None:
    z = np.array(values, float)
    design = survey_design(np.zeros(len(z), np.int64))
    found = total_variance(z, whole(np.arange(len(z))), design)
    assert found[0] == pytest.approx(len(z) * z.var(ddof=1), rel=1e-9, abs=1e-9)


@given(totals, totals)
def test_strata_add_and_domains_count_absent_units_as_zero(one: list[int], two: list[int]) -> None:
    z = np.array(one + two, float)
    stratum = np.repeat([0, 1], [len(one), len(two)])
    design = survey_design(stratum)
    apart = sum(len(part) * np.var(part, ddof=1) for part in (one, two))
    units = np.arange(len(z))
    assert total_variance(z, whole(units), design)[0] == pytest.approx(apart, rel=1e-9, abs=1e-9)
    kept = z != 0
    assert total_variance(z[kept], whole(units[kept]), design)[0] == pytest.approx(
        apart, rel=1e-9, abs=1e-9
    )


def test_a_full_sample_has_no_error_and_no_lonely_unit() -> None:
    z, units = np.array([3.0, 5.0, 7.0]), np.arange(3)
    design = survey_design(np.array([0, 0, 1]), population=np.array([2.0, 1.0]), lonely="fail")
    assert total_variance(z, whole(units), design)[0] == 0


def test_a_correction_may_be_a_share() -> None:
    z, units = np.array([3.0, 5.0, 8.0]), np.arange(3)
    by_share = survey_design(np.zeros(3, np.int64), population=np.array([0.25]))
    by_number = survey_design(np.zeros(3, np.int64), population=np.array([12.0]))
    assert by_share.fraction == by_number.fraction == 0.25
    assert total_variance(z, whole(units), by_share)[0] == pytest.approx(0.75 * 3 * z.var(ddof=1))


LONELY = {"centre": 3.0 + (10 - 4.0) ** 2, "remove": 3.0, "average": 6.0}
"""Two units with n s^2 = 3 and a lonely one of 10; the mean of the three is 4."""


@pytest.mark.parametrize(("rule", "expected"), LONELY.items())
def test_lonely_units_by_each_rule(rule: str, expected: float) -> None:
    z = np.array([1 - np.sqrt(0.75), 1 + np.sqrt(0.75), 10.0])
    design = SurveyDesign(np.array([0, 0, 1]), np.array([2, 1]), np.zeros(2), rule)
    found = total_variance(z, whole(np.arange(3)), design)
    assert found[0] == pytest.approx(expected, rel=EXACT)


def test_lonely_units_can_be_refused() -> None:
    design = survey_design(np.array([0, 0, 1]), lonely="fail")
    with pytest.raises(ValueError, match="1 strata have one primary unit, first number 1"):
        total_variance(np.ones(3), whole(np.arange(3)), design)


def test_no_degree_of_freedom_no_interval() -> None:
    width = half_width(np.array([2.0, 2.0]), np.array([0, 10]), 0.95)
    assert np.isnan(width[0]) and width[1] == pytest.approx(2 * 2.228138851986274, rel=EXACT)


def test_influences_of_a_ratio_sum_to_zero_and_empty_domains_are_missing() -> None:
    domains = Domains(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    ratio, z = ratio_influence(np.array([1.0, 5.0, 0.0]), np.array([2.0, 4.0, 0.0]), domains)
    assert ratio[0] == 1 and np.isnan(ratio[1])
    assert z[:2].sum() == pytest.approx(0, abs=EXACT)


@pytest.mark.parametrize("poor", [[2, 2, 2, 2], [2, 2, 2, 1]])
def test_shares_count_at_most_the_rows_there_are(poor: list[int]) -> None:
    """Units that are more alike than chance has them: exact binomial interval of the rows."""
    from scipy.stats import binomtest

    frame = pd.DataFrame({"psu": np.repeat(np.arange(4), 4)})
    values = np.concatenate([np.arange(4) < n for n in poor]).astype(float)
    found = share_table(values, np.ones(16), sample_units(frame, psu=["psu"])).iloc[0]
    exact = binomtest(sum(poor), 16).proportion_ci(method="exact")
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((exact.low, exact.high), rel=1e-9)
