"""Designs, pre-trend tests with their power, honest bounds, balance and overlap."""

import dataclasses
import io
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from test_delisting import TRUTH, simulated

from analysis.models.delisting import EventStudy, event_study
from analysis.models.delisting_balance import cohort_balance, overlap_report, propensity
from analysis.models.delisting_design import (
    DESIGNS,
    design_sample,
    design_studies,
    estimate_designs,
    pretrend_designs,
    share_from,
    true_effects,
)
from analysis.models.delisting_sensitivity import honest_bounds, pretrend_test
from analysis.models.delisting_terms import FAST
from analysis.truth import average_effects

COHORTS = {2016: 4, 2017: 6, 2018: 6, 2019: 6, 2020: 4}


@pytest.fixture(scope="module")
def panel():
    return simulated()


def small(seed=0, others=30):
    """26 designated and some other counties, 2013-2022, in three provinces."""
    rng = np.random.default_rng(seed)
    cohort = [*(float(g) for g, n in COHORTS.items() for _ in range(n)), *[np.nan] * others]
    counties = pd.DataFrame({
        "code": [f"{i:06d}" for i in range(len(cohort))],
        "province": np.arange(len(cohort)) % 3,
        "delisted_year": pd.Series(cohort).astype("Int64"),
        "x": rng.normal(size=len(cohort)),
    })  # fmt: skip
    counties["rural_2010"] = np.arange(len(cohort)) % 4 != 0
    frame = counties.merge(pd.DataFrame({"year": range(2013, 2023)}), how="cross")
    return frame.assign(y=rng.normal(size=len(frame)))


def study(pre, post, sd=0.1, df=np.inf):
    times = [*range(-1 - len(pre), -1), *range(len(post))]
    values = np.array([*pre, *post], dtype=float)
    return EventStudy(
        event_times=np.array(times), values=values, covariance=np.eye(len(values)) * sd**2, df=df
    )


# --- designs


def test_designs_take_the_right_rows():
    frame = small()
    before = frame.copy()
    d1, d2 = (design_sample(frame, name) for name in DESIGNS)
    assert d1["delisted_year"].notna().all() and d1["code"].nunique() == 26
    assert (d1["year"].min(), d1["year"].max()) == (2013, 2019)
    assert (d2["year"].min(), d2["year"].max()) == (2013, 2022)
    assert (d2["delisted_year"].notna() | d2["rural_2010"]).all()
    assert d2.loc[d2["delisted_year"].notna(), "code"].nunique() == 26
    early = design_sample(frame, "D2", last_year=2019)
    assert early["year"].max() == 2019 and (early["delisted_year"].fillna(0) <= 2019).all()
    assert design_sample(frame, "D2", sample=None)["code"].nunique() == 56
    assert design_sample(frame, "D1", anticipation=1)["year"].max() == 2018
    pd.testing.assert_frame_equal(frame, before)


def test_designs_are_refused_with_every_fault():
    with pytest.raises(ValueError, match=r"2 violation(.|\n)*'rural_2010'(.|\n)*'D3' is unknown"):
        design_sample(small().drop(columns="rural_2010"), "D3")


def test_estimates_of_both_designs_and_the_common_window():
    frame = small()
    table = estimate_designs(
        frame, outcome="y", baseline=("x",), estimators=("callaway_santanna",), inference=FAST
    )
    assert set(table["design"]) == {"D1", "D2"}
    simple = table[table["term"].isin(["simple", "before:2020"]) & (table["design"] == "D1")]
    assert simple.groupby("cluster_by")["value"].nunique().eq(1).all()
    early = estimate_designs(
        frame, outcome="y", designs=("D2",), baseline=("x",), last_year=2019,
        estimators=("callaway_santanna",), inference=FAST,
    )  # fmt: skip
    d2 = table[(table["design"] == "D2") & (table["term"] == "before:2020")]
    same = early[early["term"] == "simple"]
    assert d2["value"].to_numpy() == pytest.approx(same["value"].to_numpy(), abs=1e-12)


def test_nothing_is_printed():
    out = io.StringIO()
    with redirect_stdout(out):
        estimate_designs(small(), outcome="y", baseline=("x",))
    assert out.getvalue() == ""


def test_true_effects_agree_with_the_stated_averages(panel):
    rows = design_sample(panel, "D2")
    known = true_effects(TRUTH, rows).set_index("term")["truth"]
    stated = average_effects(TRUTH, rows)
    for name in ("simple", "group", "dynamic"):
        assert known[name] == pytest.approx(stated[name], abs=1e-12)
    assert known["calendar:2020"] == pytest.approx(stated["2020"], abs=1e-12)
    assert (known[known.index.str.startswith("event:-")] == 0).all()
    d1 = true_effects(TRUTH, design_sample(panel, "D1")).set_index("term")["truth"]
    assert d1["simple"] == pytest.approx(known["before:2020"], abs=1e-12)


def test_share_of_the_late_years():
    shares = share_from(design_sample(small(), "D2")).set_index("term")["share_from"]
    assert shares["group:2016"] == pytest.approx(3 / 7) and shares["group:2020"] == 1
    assert shares["calendar:2019"] == 0 and shares["calendar:2020"] == 1
    assert shares["event:0"] == pytest.approx(4 / 26)
    assert shares["event:-2"] == 0


# --- pre-trends


def test_joint_test_of_one_lead_is_the_t_test():
    single = study([0.25], [0.3], df=11)
    row = pretrend_test(single, stated=0.2).iloc[0]
    assert row["statistic"] == pytest.approx(2.5**2)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(2.5, 11))
    assert row["slope"] == pytest.approx(-0.25) and row["slope_se"] == pytest.approx(0.1)
    crit = stats.t.ppf(0.975, 11)
    power = stats.nct.sf(crit, 11, 2.0) + stats.nct.cdf(-crit, 11, 2.0)
    assert row["power"] == pytest.approx(power, abs=1e-8)


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=6),
    st.sampled_from([np.inf, 400.0, 30.0]),
    st.floats(0.01, 1),
)
def test_detectable_slope_has_the_target_power(pre, df, sd):
    base = study(pre, [0.1, 0.2], sd=sd, df=df)
    row = pretrend_test(base).iloc[0]
    again = pretrend_test(base, stated=row["detectable_slope"]).iloc[0]
    assert again["power"] == pytest.approx(0.8, abs=1e-6)
    assert again["stated_slope"] == pytest.approx(row["detectable_slope"])
    assert row["detectable_bias"] == pytest.approx(1.5 * row["detectable_slope"])
    assert pretrend_test(base, stated=0.0).iloc[0]["power"] == pytest.approx(0.05, abs=1e-9)


def leads_study(values, covariance, clusters):
    return EventStudy(
        event_times=np.arange(-1 - len(values), -1), values=values, covariance=covariance,
        df=clusters - 1,
    )  # fmt: skip


def test_size_and_power_under_few_clusters():
    """Rejections in draws of 16 clusters are as the test claims; F(q, G-1) rejects too often."""
    rng = np.random.default_rng(1)
    clusters, leads, slope, draws = 16, 5, 0.3, 4000
    root = np.linalg.cholesky(0.5 * np.eye(leads) + 0.5) * 2
    scores = rng.normal(size=(draws, clusters, leads)) @ root.T
    means = scores.mean(axis=1)
    spread = scores - means[:, None]
    covariance = spread.transpose(0, 2, 1) @ spread / (clusters * (clusters - 1))
    departure = slope * np.arange(-leads, 0)

    def rejections(values, factor, df):
        wald = (values * np.linalg.solve(covariance, values[..., None])[..., 0]).sum(axis=1)
        return (stats.f.sf(factor * wald / leads, leads, df) < 0.05).mean()

    factor, df = (clusters - leads) / (clusters - 1), clusters - leads
    first = pretrend_test(leads_study(means[0], covariance[0], clusters)).iloc[0]
    wald = means[0] @ np.linalg.solve(covariance[0], means[0])
    assert first["statistic"] == pytest.approx(factor * wald / leads)
    assert first["p_value"] == pytest.approx(stats.f.sf(first["statistic"], leads, df))
    true = leads_study(departure, root @ root.T / clusters, clusters)
    claimed = pretrend_test(true, stated=slope).iloc[0]["power"]
    error = 3.5 * np.sqrt(0.25 / draws)
    assert 0.2 < claimed < 0.95
    assert rejections(means, factor, df) == pytest.approx(0.05, abs=error * np.sqrt(0.19))
    assert rejections(means + departure, factor, df) == pytest.approx(claimed, abs=error)
    assert rejections(means, 1.0, clusters - 1) > 0.08


def test_default_departure_would_produce_the_estimate():
    found = pretrend_test(study([0, 0, 0], [0.2, 0.4])).iloc[0]
    assert found["stated_slope"] == pytest.approx(0.3 / 1.5)
    mapped = pretrend_test(study([0, 0, 0], [0.2, 0.4]), stated={-2: -0.2, -3: -0.4, -4: -0.6})
    assert mapped.iloc[0]["power"] == pytest.approx(found["power"])


def test_leads_can_be_limited_and_may_be_absent():
    assert pretrend_test(study([9, 0, 0], [1]), leads=2).iloc[0]["statistic"] == 0
    for empty in (study([], [1]), study([0.1] * 5, [1], df=4)):
        row = pretrend_test(empty).iloc[0]
        assert "cannot be tested" in row["note"] and "p_value" not in row.index


def test_catch_up_is_found_by_d2_and_hidden_from_d1(panel):
    table = pretrend_designs(
        panel, outcome="log_income", baseline=("disadvantage",), clusters=("code", "province"),
        drift=("disadvantage", 0.0105),
    ).set_index(["design", "estimator", "cluster_by"])  # fmt: skip
    assert table.xs("D2")["power"].min() > 0.99
    assert table.xs("D1")["power"].max() < 0.3
    assert table.xs(("D2", "callaway_santanna_raw", "code"))["p_value"] < 0.001
    gap = cohort_balance(design_sample(panel, "D2"), ["disadvantage"])
    treated = gap[gap["cohort"] > 0]
    slope = 0.0105 * np.average(treated["difference"], weights=treated["n"])
    stated = table.xs(("D2", "callaway_santanna", "code"))["stated_slope"]
    assert stated == pytest.approx(slope, rel=0.15)


def test_studies_are_those_of_the_estimator(panel):
    studies = design_studies(
        panel, outcome="log_income", designs=("D2",), estimators=("callaway_santanna_raw",),
        clusters=("province",),
    )  # fmt: skip
    found = studies["D2", "callaway_santanna_raw", "province"]
    direct = event_study(
        design_sample(panel, "D2"), outcome="log_income", cluster="province",
        estimator="callaway_santanna_raw",
    )  # fmt: skip
    assert np.array_equal(found.values, direct.values) and found.df == 27


# --- honest bounds


def test_no_departure_is_the_usual_interval():
    row = honest_bounds(study([0.1, 0.1], [0.5, 0.7]), method="relative_magnitude").iloc[0]
    se = 0.1 / np.sqrt(2)
    assert (row["value"], row["se"]) == pytest.approx((0.6, se))
    assert row["ci_low"] == pytest.approx(0.6 - stats.norm.ppf(0.975) * se, abs=1e-6)
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((0.6, 0.6))
    assert row["excludes_zero"]
    few = honest_bounds(study([0.1, 0.1], [0.5, 0.7], df=10), method="relative_magnitude").iloc[0]
    assert few["ci_low"] == pytest.approx(0.6 - stats.t.ppf(0.975, 10) * se, abs=1e-6)


@given(st.floats(-0.3, 0.3), st.floats(0, 2))
@settings(max_examples=20, deadline=None)
def test_relative_magnitude_of_one_period_in_closed_form(pre, size):
    row = honest_bounds(study([pre], [0.5]), method="relative_magnitude", sizes=[size]).iloc[0]
    assert row["bound_low"] == pytest.approx(0.5 - size * abs(pre), abs=1e-7)
    assert row["bound_high"] == pytest.approx(0.5 + size * abs(pre), abs=1e-7)


def test_smoothness_zero_takes_a_straight_line_off():
    """With equal, independent errors the line through the reference is least squares on e + 1."""
    trend = 0.05
    line = study([trend * (e + 1) for e in (-4, -3, -2)], [0.3 + trend], sd=0.02)
    row = honest_bounds(line, sizes=[0.0]).iloc[0]
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((0.3, 0.3), abs=1e-6)
    se = 0.02 * np.sqrt(1 + 1 / (1 + 4 + 9))
    z = stats.norm.ppf(0.975)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.3 - z * se, 0.3 + z * se), abs=1e-5)


def test_wider_departures_give_wider_intervals():
    base = study([0.01, -0.02, 0.01], [0.3, 0.4], sd=0.03, df=25)
    for method, sizes in (("smoothness", (0, 0.01, 0.05)), ("relative_magnitude", (0, 0.5, 2))):
        table = honest_bounds(base, method=method, sizes=sizes)
        width = (table["ci_high"] - table["ci_low"]).to_numpy()
        assert np.isfinite(width).all() and (np.diff(width) > 0).all()


def test_honest_bounds_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match=r"3 violation(.|\n)*method 'flat'(.|\n)*negative"):
        honest_bounds(study([], [0.1]), method="flat", sizes=[-1])
    gap = dataclasses.replace(study([0.1, 0.2], [0.1]), event_times=np.array([-5, -2, 0]))
    with pytest.raises(ValueError, match="not consecutive"):
        honest_bounds(gap)
    with pytest.raises(ValueError, match="1 weights for 2 event times"):
        honest_bounds(study([0.1], [0.1, 0.2]), weights=[1.0])


# --- balance and overlap


def test_balance_in_closed_form():
    frame = small()
    table = cohort_balance(frame, ["x"]).set_index("cohort")
    first = frame[frame["year"] == 2013]
    never = first.loc[first["delisted_year"].isna(), "x"]
    own = first.loc[first["delisted_year"] == 2018, "x"]
    row = table.loc[2018]
    assert row["n"] == 6 and row["reference"] == 0
    assert row["difference"] == pytest.approx(own.mean() - never.mean())
    spread = np.sqrt((own.var() + never.var()) / 2)
    assert row["standardised"] == pytest.approx(row["difference"] / spread)
    assert table.loc[0, "difference"] == 0
    inside = cohort_balance(design_sample(frame, "D1"), ["x"])
    assert (inside["reference"] == 2020).all()


def test_logit_equals_statsmodels():
    from statsmodels.api import Logit, add_constant

    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 3)) * [1, 10, 0.01] + [0, 5, 3]
    treated = rng.random(300) < 1 / (1 + np.exp(1 - x[:, 0]))
    with redirect_stdout(io.StringIO()):
        fitted = Logit(treated.astype(float), add_constant(x)).fit(tol=1e-12)
    assert propensity(x, treated) == pytest.approx(fitted.predict(), abs=1e-7)


def test_overlap_of_equal_and_of_separate_groups():
    frame = small(others=60)
    table = overlap_report(frame, ["x"]).set_index("cohort")
    assert table.loc[2018, "n_treated"] == 6 and table.loc[2018, "n_controls"] == 60
    assert (table["difference_weighted"] < 0.2).all() and (table["note"] == "").all()
    later = overlap_report(frame, ["x"], controls="not_yet").set_index("cohort")
    assert later.loc[2018, "n_controls"] == 70
    apart = frame.assign(x=frame["x"] + 50 * frame["delisted_year"].notna())
    with np.errstate(all="raise"):
        report = overlap_report(apart, ["x"])
    assert (report["note"] == "no overlap: treatment is predicted without error").all()
    assert (report["outside"] == 1).all() and (report["effective_controls"] < 60).all()


def test_exact_balance_after_weighting_by_a_binary_control():
    frame = small().assign(b=lambda f: (f["code"].astype(int) % 3 == 0).astype(float))
    report = overlap_report(frame, ["b"])
    assert np.abs(report["difference_weighted"]).max() < 1e-6


def test_balance_and_overlap_name_what_is_missing():
    with pytest.raises(ValueError, match="column 'z' is missing"):
        cohort_balance(small(), ["z"])
    with pytest.raises(ValueError, match="controls 'all' is unknown"):
        overlap_report(small(), ["x"], controls="all")
    lacking = small()
    lacking.loc[lacking["code"] == "000001", "x"] = np.nan
    assert (overlap_report(lacking, ["x"])["excluded_missing"] == 1).all()
