"""Staggered estimators: published values, other software, closed forms, the simulated truth."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.geography import fix_poverty_codes
from analysis.models.delisting import (
    ESTIMATORS,
    att_estimates,
    bacon_decomposition,
    event_study,
)
from analysis.models.delisting_design import DESIGNS, design_sample, true_effects
from analysis.models.delisting_input import cohort_from_treatment, staggered_sample
from analysis.models.delisting_terms import (
    FAST,
    Cells,
    Fit,
    Inference,
    average,
    effective_clusters,
    sup_t,
    term_table,
    term_weights,
)
from analysis.simulate import simulate_counties
from analysis.truth import load_truth

RAW = Path(__file__).parents[1] / "data" / "raw"
PUBLISHED = 1e-8  # digits of the published value
PUBLISHED_SUNAB = 1e-7
SAME = 1e-10  # other software on the same formula
ROUNDING = 1e-4  # the panel is rounded to four decimals, an effect is a difference of means of them
TRUTH = load_truth(RAW / "simulation")
MPDTA: dict[str, Any] = {
    "outcome": "lemp", "unit": "countyreal", "cohort": "first.treat", "clusters": ("countyreal",),
}  # fmt: skip
# R did on mpdta, never-treated controls, no covariates, varying base: (estimate, standard error)
ATT_GT = {
    "2004,2004": (-0.010503246221, 0.02325103637), "2004,2005": (-0.070423158103, 0.03098476676),
    "2004,2006": (-0.137258738889, 0.03643566429), "2004,2007": (-0.100811363085, 0.03435922583),
    "2006,2004": (0.006520112424, 0.02332680514), "2006,2005": (-0.002750818751, 0.01955856104),
    "2006,2006": (-0.004594606953, 0.01775519666), "2006,2007": (-0.041224471546, 0.0202291807),
    "2007,2004": (0.030506655583, 0.01503356028), "2007,2005": (-0.002725892886, 0.0163958329),
    "2007,2006": (-0.03108711939, 0.01787751131), "2007,2007": (-0.026054410719, 0.01665543535),
}  # fmt: skip
AVERAGES = {
    "simple": (-0.03995127516, 0.01203401277), "dynamic": (-0.07723982146, 0.01996498906),
    "group": (-0.03101828223, 0.01241527358), "calendar": (-0.04170043213, 0.01597185188),
}  # fmt: skip
# Vignette of did, the same with the covariate lpop, doubly robust: printed to four digits
VIGNETTE = {
    "2004,2004": -0.0145, "2004,2005": -0.0764, "2004,2006": -0.1404, "2004,2007": -0.1069,
    "2006,2004": -0.0005, "2006,2005": -0.0062, "2006,2006": 0.0010, "2006,2007": -0.0413,
    "2007,2004": 0.0267, "2007,2005": -0.0046, "2007,2006": -0.0284, "2007,2007": -0.0288,
}  # fmt: skip


@pytest.fixture(scope="module")
def mpdta(oracle):
    return pd.read_csv(oracle("mpdta.csv"))


@pytest.fixture(scope="module")
def castle(oracle):
    return pd.read_csv(oracle("castle.csv"))[["sid", "year", "effyear", "post", "l_homicide"]]


@pytest.fixture(scope="module")
def stagg(oracle):
    return pd.read_csv(oracle("base_stagg.csv"))


def simulated(**changes):
    """The demo panel with some parameters changed."""
    columns = ["code", "name", "prefecture", "province", "region"]
    counties = pd.read_parquet(RAW / "boundaries" / "counties.parquet", columns=columns)
    poverty = pd.read_csv(RAW / "facts" / "poverty_counties_832.csv", dtype={"code": str})
    poverty = fix_poverty_codes(poverty).rename(columns={"exit_year": "delisted_year"})
    return simulate_counties(counties, poverty, dataclasses.replace(TRUTH, **changes), seed=4)


@pytest.fixture(scope="module")
def quiet_panel():
    return simulated(income_county_sd=0.0, error_sd=0.0, province_shock_sd=0.0)


def toy(seed=0, units=60, years=range(2010, 2018), cohorts=(0, 2013, 2015)):
    """A balanced panel with provinces, a baseline and effects that grow."""
    rng = np.random.default_rng(seed)
    code = np.arange(units)
    frame = pd.DataFrame({
        "code": np.repeat(code, len(years)),
        "year": np.tile(list(years), units),
        "province": np.repeat(code % 9, len(years)),
        "cohort": np.repeat(np.array(cohorts)[code % len(cohorts)], len(years)),
        "x": np.repeat(rng.normal(size=units), len(years)),
    })  # fmt: skip
    event = frame["year"] - frame["cohort"]
    effect = np.where((frame["cohort"] > 0) & (event >= 0), 0.1 * (event + 1), 0.0)
    shock = rng.normal(size=(9, len(years)))[frame["province"], frame["year"] - min(years)]
    noise = rng.normal(size=len(frame))
    return frame.assign(y=frame["x"] * (frame["year"] - 2010) / 5 + effect + shock / 3 + noise / 5)


TOY: dict[str, Any] = {"outcome": "y", "cohort": "cohort", "clusters": ("code", "province")}


def one(table, term, cluster="code"):
    row = table[(table["term"] == term) & (table["cluster_by"] == cluster)]
    assert len(row) == 1
    return row.iloc[0]


# --- published values


def test_group_time_effects_of_mpdta(mpdta):
    table = att_estimates(
        mpdta, base_period="varying", cells=True, estimators=("callaway_santanna",), **MPDTA
    ).set_index("term")
    for cell, published in ATT_GT.items():
        found = table.loc[f"cell:{cell}", ["value", "se"]].to_numpy(float)
        assert found == pytest.approx(published, abs=PUBLISHED)
    for term, published in AVERAGES.items():
        found = table.loc[term, ["value", "se"]].to_numpy(float)
        assert found == pytest.approx(published, abs=PUBLISHED)
    assert (table["n"] == 2500).all() and (table["n_units"] == 500).all()


def test_two_way_of_mpdta(mpdta):
    row = one(att_estimates(mpdta, estimators=("two_way",), **MPDTA), "simple", "countyreal")
    assert (row["value"], row["se"]) == pytest.approx(
        (-0.03654893667, 0.01326515543), abs=PUBLISHED
    )


def test_doubly_robust_effects_of_the_vignette(mpdta):
    table = att_estimates(
        mpdta, base_period="varying", cells=True, baseline=("lpop",),
        estimators=("callaway_santanna_dr",), **MPDTA,
    ).set_index("term")  # fmt: skip
    for cell, published in VIGNETTE.items():
        assert table.loc[f"cell:{cell}", "value"] == pytest.approx(published, abs=1e-4)


def test_exact_shares_change_the_group_average_only(mpdta):
    both = [
        att_estimates(mpdta, shares=shares, estimators=("callaway_santanna",), **MPDTA)
        for shares in ("did", "exact")
    ]
    differs = both[0]["se"].fillna(0) != both[1]["se"].fillna(0)
    assert both[0].loc[differs, "term"].tolist() == ["group"]
    ratio = one(both[1], "group", "countyreal")["se"] / one(both[0], "group", "countyreal")["se"]
    assert 1.002 < ratio < 1.003


def test_sun_abraham_with_a_regressor(stagg):
    table = att_estimates(
        stagg, outcome="y", unit="id", cohort="year_treated", regressors=("x1",), clusters=("id",),
        estimators=("sun_abraham", "two_way"),
    )  # fmt: skip
    sunab = table[table["estimator"] == "sun_abraham"].set_index("term")
    published = {
        "x1": (0.9946783109, 0.018378132), "simple": (-1.1337494488, 0.2050704938),
        "event:0": (-5.18820685, 0.2210680197), "event:8": (6.2436260544, 0.2975572049),
    }  # fmt: skip
    for term, values in published.items():
        found = sunab.loc[term, ["value", "se"]].to_numpy(float)
        assert found == pytest.approx(values, abs=PUBLISHED_SUNAB)
    static = att_estimates(
        stagg, outcome="y", unit="id", cohort="year_treated", regressors=("x1",), clusters=("id",),
        estimators=("two_way_raw",),
    )  # fmt: skip
    assert one(static, "simple", "id")["value"] == pytest.approx(-3.683101447, abs=PUBLISHED_SUNAB)


def test_bacon_decomposition_of_castle(castle):
    cohort = cohort_from_treatment(castle, treatment="post", unit="sid")
    first = castle["effyear"].astype("Int64")
    pd.testing.assert_series_equal(cohort, first, check_names=False)
    table = bacon_decomposition(castle, outcome="l_homicide", unit="sid", cohort="effyear")
    found = table.set_index("comparison")
    published = {
        "earlier_vs_later": (0.05976325162, -0.005541978752),
        "later_vs_earlier": (0.03189817725, 0.070320634419),
        "treated_vs_never": (0.90833857113, 0.087962491168),
        "two_way": (1.0, 0.08181161693),
    }  # fmt: skip
    for kind, values in published.items():
        assert found.loc[kind].to_numpy(float) == pytest.approx(values, abs=PUBLISHED)
    pairs = bacon_decomposition(
        castle, outcome="l_homicide", unit="sid", cohort="effyear", pairs=True
    )
    whole = (pairs["weight"] * pairs["estimate"]).sum()
    options: dict[str, Any] = {
        "outcome": "l_homicide",
        "unit": "sid",
        "cohort": "effyear",
        "clusters": ("sid",),
    }
    fitted = att_estimates(castle, estimators=("two_way",), smallest_cohort=1, **options)
    assert whole == pytest.approx(one(fitted, "simple", "sid")["value"], abs=SAME)


# --- other software


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["reg", "dr"])
@pytest.mark.parametrize("controls", ["never", "not_yet"])
def test_clustered_averages_equal_the_library(method, controls):
    from diff_diff import CallawaySantAnna

    frame = toy()
    name = {"reg": "callaway_santanna", "dr": "callaway_santanna_dr"}[method]
    table = att_estimates(
        frame, baseline=("x",), controls=controls, estimators=(name,), inference=FAST, **TOY
    )
    for cluster in ("code", "province"):
        result = CallawaySantAnna(
            control_group={"never": "never_treated", "not_yet": "not_yet_treated"}[controls],
            estimation_method=method, base_period="universal",
            cluster=None if cluster == "code" else cluster,
        ).fit(frame, "y", "code", "year", "cohort", covariates=["x"])  # fmt: skip
        row = one(table, "simple", cluster)
        expected = (result.overall_att, result.overall_se)
        assert (row["value"], row["se"]) == pytest.approx(expected, abs=SAME)
        events = result.aggregate("event_study").to_dataframe()
        for line in events[~events["is_reference"]].itertuples():
            row = one(table, f"event:{line.event_time}", cluster)
            assert (row["value"], row["se"]) == pytest.approx((line.att, line.se), abs=SAME)
        groups = result.aggregate("group").to_dataframe()
        for line in groups.itertuples():
            row = one(table, f"group:{line.label}", cluster)
            assert (row["value"], row["se"]) == pytest.approx((line.att, line.se), abs=SAME)


@pytest.mark.filterwarnings("ignore")
def test_sun_abraham_equals_the_library_with_interacted_baseline():
    from diff_diff import SunAbraham

    frame = toy()
    table = att_estimates(
        frame, baseline=("x",), estimators=("sun_abraham",), inference=FAST, **TOY
    )
    wide = frame.assign(**{f"x{t}": frame["x"] * (frame["year"] == t) for t in range(2011, 2018)})
    for cluster in ("code", "province"):
        result = SunAbraham(cluster=cluster).fit(
            wide, "y", "code", "year", "cohort", covariates=[f"x{t}" for t in range(2011, 2018)]
        )
        row = one(table, "simple", cluster)
        expected = (result.overall_att, result.overall_se)
        assert (row["value"], row["se"]) == pytest.approx(expected, abs=SAME)
        for e, effect in result.event_study_effects.items():
            row = one(table, f"event:{e}", cluster)
            if e != -1:
                expected = (effect["effect"], effect["se"])
                assert (row["value"], row["se"]) == pytest.approx(expected, abs=SAME)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cluster", ["code", "province"])
def test_two_way_equals_linearmodels_and_pyfixest_on_an_unbalanced_panel(cluster):
    import pyfixest
    from linearmodels import PanelOLS

    frame = toy().sample(frac=0.8, random_state=1)
    frame["post"] = ((frame["cohort"] > 0) & (frame["year"] >= frame["cohort"])).astype(float)
    table = att_estimates(
        frame, estimators=("two_way_raw",), unbalanced="keep", inference=FAST, **TOY
    )
    row = one(table, "simple", cluster)
    other = pyfixest.feols("y ~ post | year + code", frame, vcov={"CRV1": cluster})
    panel = frame.set_index(["code", "year"])
    linear = PanelOLS(panel["y"], panel[["post"]], entity_effects=True, time_effects=True).fit()
    assert row["value"] == pytest.approx(float(other.coef()["post"]), abs=SAME)
    assert row["value"] == pytest.approx(float(linear.params["post"]), abs=SAME)
    assert row["se"] == pytest.approx(float(other.se()["post"]), abs=1e-8)
    assert "units lack a period" in row["warnings"]


def test_imputation_is_the_mean_gap_to_the_untreated_regression():
    frame = toy()
    table = att_estimates(frame, baseline=("x",), estimators=("imputation",), inference=FAST, **TOY)
    treated = ((frame["cohort"] > 0) & (frame["year"] >= frame["cohort"])).to_numpy()
    years = pd.get_dummies(frame["year"], dtype=float).iloc[:, 1:]
    design = np.hstack([
        pd.get_dummies(frame["code"], dtype=float), years, years.mul(frame["x"], axis=0),
    ])  # fmt: skip
    coefficients = np.linalg.lstsq(design[~treated], frame["y"][~treated], rcond=None)[0]
    gap = frame["y"][treated] - design[treated] @ coefficients
    assert one(table, "simple")["value"] == pytest.approx(gap.mean(), abs=1e-8)
    event = frame["year"][treated] - frame["cohort"][treated]
    for e, mean in gap.groupby(event).mean().items():
        assert one(table, f"event:{e}")["value"] == pytest.approx(mean, abs=1e-8)


# --- closed forms


def test_regression_adjustment_of_two_periods_in_closed_form():
    frame = toy(cohorts=(0, 2014), years=range(2013, 2015))
    wide = frame.pivot(index="code", columns="year", values="y")
    change = (wide[2014] - wide[2013]).to_numpy()
    first = frame.drop_duplicates("code")
    treated = first["cohort"].to_numpy() > 0
    design = np.column_stack([np.ones(len(first)), first["x"]])
    coefficients = np.linalg.lstsq(design[~treated], change[~treated], rcond=None)[0]
    expected = change[treated].mean() - (design[treated] @ coefficients).mean()
    table = att_estimates(frame, baseline=("x",), estimators=("callaway_santanna",), **TOY)
    for term in ("simple", "event:0", "group:2014", "calendar:2014", "dynamic", "group"):
        assert one(table, term)["value"] == pytest.approx(expected, abs=SAME)


def test_one_clean_comparison_makes_all_estimators_agree():
    frame = toy(cohorts=(0, 2014), years=range(2013, 2015))
    table = att_estimates(frame, estimators=tuple(ESTIMATORS), inference=FAST, **TOY)
    values = table[table["term"] == "simple"]["value"]
    assert np.ptp(values) < 1e-8


cells_strategy = st.lists(
    st.tuples(st.integers(2014, 2018), st.integers(2012, 2020), st.integers(1, 400)),
    min_size=1, max_size=25, unique_by=lambda cell: cell[:2],
)  # fmt: skip


@given(cells_strategy)
def test_weights_are_averages(cells):
    cohort, time, mass = (np.array(column) for column in zip(*cells, strict=True))
    weights = term_weights(cohort, time, mass.astype(float), split=2017)
    for name, weight in weights.items():
        assert weight.sum() == pytest.approx(1)
        assert (weight >= 0).all()
        if not name.startswith("event:-"):
            assert (weight[time < cohort] == 0).all()
    if "before:2017" in weights and "from:2017" in weights:
        share = weights["simple"][time < 2017].sum()
        mixed = share * weights["before:2017"] + (1 - share) * weights["from:2017"]
        assert mixed == pytest.approx(weights["simple"])


@given(cells_strategy, st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_influence_of_shares_is_the_derivative_by_cohort_size(cells, seed):
    rng = np.random.default_rng(seed)
    cohort, time, _ = (np.array(column) for column in zip(*cells, strict=True))
    sizes = {g: int(rng.integers(2, 9)) for g in np.unique(cohort)}
    of_unit = np.concatenate([np.repeat(g, n) for g, n in sizes.items()])
    value = rng.normal(size=len(cells))

    def averages(extra, at):
        mass = np.array([sizes[g] + (extra if g == at else 0.0) for g in cohort])
        none = np.zeros((len(of_unit), len(cells)))
        return average(Cells(
            cohort=cohort, time=time, mass=mass, value=value, influence=none, unit_cohort=of_unit,
        ))  # fmt: skip

    names, stacked = averages(0.0, None)
    for g in sizes:
        step = 1e-6
        derivative = (averages(step, g)[1][0] - averages(-step, g)[1][0]) / (2 * step)
        found = stacked[1:][of_unit == g][0]
        assert found == pytest.approx(derivative, abs=1e-7), names


def test_critical_value_of_the_band_in_closed_form():
    how = Inference(draws=400_000)
    independent = sup_t(np.diag([1.0, 4.0, 0.25]), df=1e7, how=how)
    sidak = stats.norm.ppf((1 + 0.95 ** (1 / 3)) / 2)
    assert independent == pytest.approx(sidak, abs=0.01)
    assert sup_t(np.ones((3, 3)), df=12, how=how) == pytest.approx(stats.t.ppf(0.975, 12), abs=0.01)


def test_bands_hold_the_intervals_and_leave_each_term_the_same_tail():
    table = att_estimates(toy(), estimators=("callaway_santanna",), **TOY)
    events = table[table["term"].str.startswith("event:")].dropna(subset="se")
    for _, part in events.groupby("cluster_by"):
        df = part["effective_clusters"] - 1
        tail = stats.t.sf((part["band_high"] - part["value"]) / part["se"], df)
        assert np.ptp(tail) < 1e-12
        assert (part["band_low"] < part["ci_low"]).all()
    reference = table[table["term"] == "event:-1"]
    assert (reference["value"] == 0).all() and reference["se"].isna().all()
    assert table[table["term"] == "simple"]["band_low"].isna().all()


def influence_fit(values):
    """A mean with one influence value per unit."""
    n = len(values)
    return Fit(
        names=("simple",), values=np.array([values.mean()]),
        influence=((values - values.mean()) / n)[:, None], errors={}, parameters=None, n=n,
        n_units=n, warnings="",
    )  # fmt: skip


def test_clustered_error_of_a_mean_in_closed_form():
    values = np.repeat([1.0, -1.0], 12)  # alike in size, so that all clusters weigh the same
    groups = np.random.default_rng(3).permutation(24) % 6
    table = term_table(influence_fit(values), {"g": groups}, inference=FAST)
    sums = np.array([values[groups == g].sum() for g in range(6)]) / 24
    se = np.sqrt(6 / 5 * (sums**2).sum())
    assert table.loc[0, "se"] == pytest.approx(se)
    assert table.loc[0, "effective_clusters"] == pytest.approx(6)
    assert table.loc[0, "ci_high"] == pytest.approx(stats.t.ppf(0.975, 5) * se)
    assert table.loc[0, "p_value"] == 1
    assert "6 clusters: too few" in str(table.loc[0, "warnings"])


def test_effective_clusters_are_fewer_where_one_carries_the_comparison():
    influence = np.sqrt(np.array([4.0, 1.0, 0.5, 0.5]))[:, None]
    groups = np.array([0, 1, 2, 2])
    assert effective_clusters(influence, groups) == pytest.approx([6**2 / 18])
    assert effective_clusters(np.ones((12, 1)), np.arange(12) % 4) == pytest.approx([4])


def test_wild_bootstrap_equals_its_enumeration():
    values = np.random.default_rng(5).normal(0.3, 1, size=30)
    groups = np.arange(30) % 10
    fit = influence_fit(values)
    table = term_table(fit, {"g": groups}, inference=Inference(draws=0, wild=60_000))
    sums = np.array([fit.influence[groups == g].sum() for g in range(10)])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1)
    drawn = sums @ signs
    spread = 10 / 9 * ((sums**2).sum() - drawn**2 / 10)
    t = np.abs(drawn) / np.sqrt(spread)
    row = table.iloc[0]
    assert row["wild_p"] == pytest.approx((t >= abs(row["value"] / row["se"])).mean(), abs=0.006)
    critical = (row["wild_high"] - row["value"]) / row["se"]
    assert critical == pytest.approx(np.quantile(t, 0.95), abs=0.05)
    many = term_table(fit, {"g": np.arange(30)}, inference=Inference(few=20))
    assert many[["wild_low", "wild_high", "wild_p"]].isna().all(axis=None)


# --- the simulated truth


@pytest.mark.parametrize("design", DESIGNS)
def test_conditional_estimators_find_the_truth_without_noise(quiet_panel, design):
    rows = design_sample(quiet_panel, design)
    table = att_estimates(
        rows, outcome="log_income", baseline=("disadvantage",), clusters=("code",), split=2020,
        controls=DESIGNS[design].controls, inference=FAST,
        estimators=("callaway_santanna", "callaway_santanna_dr", "sun_abraham", "imputation"),
    )  # fmt: skip
    truth = true_effects(TRUTH, rows)
    both = table.merge(truth, on="term", how="left")
    assert both["truth"].notna().all()
    assert np.abs(both["value"] - both["truth"]).max() < ROUNDING


def test_unconditional_estimators_are_off_by_the_catch_up(quiet_panel):
    rows = design_sample(quiet_panel, "D2")
    options: dict[str, Any] = {"outcome": "log_income", "clusters": ("code",), "inference": FAST}
    raw = att_estimates(rows, estimators=("callaway_santanna_raw",), **options)
    drift = rows.assign(drift=TRUTH.catch_up * rows["disadvantage"] * (rows["year"] - 2010))
    moved = att_estimates(
        drift, **(options | {"outcome": "drift"}), estimators=("callaway_santanna_raw",)
    )
    expected = true_effects(TRUTH, rows).set_index("term")["truth"]
    bias = one(moved, "simple")["value"]
    assert bias > 0.005
    assert one(raw, "simple")["value"] == pytest.approx(expected["simple"] + bias, abs=ROUNDING)


def test_anticipation_moves_the_base_and_ends_d1_earlier():
    panel = simulated(income_county_sd=0.0, error_sd=0.0, province_shock_sd=0.0, anticipation=1.0)
    truth = dataclasses.replace(TRUTH, anticipation=1.0)
    for design in DESIGNS:
        rows = design_sample(panel, design, anticipation=1)
        assert rows["year"].max() == {"D1": 2018, "D2": 2022}[design]
        options: dict[str, Any] = {
            "outcome": "log_income", "baseline": ("disadvantage",), "clusters": ("code",),
            "controls": DESIGNS[design].controls, "inference": FAST,
            "estimators": ("callaway_santanna", "sun_abraham", "imputation"),
        }  # fmt: skip
        right = att_estimates(rows, anticipation=1, **options)
        known = true_effects(truth, rows).set_index("term")["truth"]
        gap = right["value"] - right["term"].map(known)
        assert np.abs(gap).max() < ROUNDING
        wrong = att_estimates(rows, **options)
        found = one(wrong[wrong["estimator"] == "callaway_santanna"], "simple")["value"]
        assert found < known["simple"] - 0.005


# --- the sample


def test_data_are_not_changed_and_order_does_not_matter():
    frame = toy()
    before = frame.copy()
    table = att_estimates(frame, baseline=("x",), **TOY)
    pd.testing.assert_frame_equal(frame, before)
    shuffled = att_estimates(frame.sample(frac=1, random_state=3), baseline=("x",), **TOY)
    pd.testing.assert_frame_equal(table, shuffled)


@pytest.mark.parametrize("never", [0, np.nan, np.inf, 9999])
def test_ways_of_writing_never_treated(never):
    frame = toy()
    written = frame.assign(cohort=frame["cohort"].astype(float).replace(0.0, never))
    expected = att_estimates(frame, inference=FAST, **TOY)
    pd.testing.assert_frame_equal(att_estimates(written, inference=FAST, **TOY), expected)


def test_overall_averages_alone_are_the_same_numbers():
    every = att_estimates(toy(), split=2014, inference=FAST, estimators=tuple(ESTIMATORS), **TOY)
    few = att_estimates(
        toy(), split=2014, events=False, inference=FAST, estimators=tuple(ESTIMATORS), **TOY
    )
    overall = every[~every["term"].str.contains(r"^(?:event|group|calendar):")]
    pd.testing.assert_frame_equal(few, overall.reset_index(drop=True))


def test_what_is_left_out_is_counted():
    frame = toy(cohorts=(0, 2010, 2013, 2015))
    frame.loc[frame["code"] == 4, "x"] = np.nan
    sample = staggered_sample(
        frame, outcome="y", cohort="cohort", baseline=("x",), clusters=("code",)
    )
    assert sample.notes == (
        "1 units left out: lack a baseline control", "15 units left out: have no untreated period",
    )  # fmt: skip
    frame["x"] = frame["x"].fillna(0) + frame["year"]
    sample = staggered_sample(
        frame, outcome="y", cohort="cohort", baseline=("x",), clusters=("code",)
    )
    assert "baseline x: the first value of each unit is used" in sample.notes
    values = sample.frame.groupby("unit")["x"]
    assert (values.nunique() == 1).all()


def test_unbalanced_panels_are_refused_dropped_or_kept():
    frame = toy().drop(index=[3, 50])
    with pytest.raises(ValueError, match=r"unbalanced: 2 of 60 units lack a period.*unbalanced="):
        att_estimates(frame, **TOY)
    dropped = att_estimates(frame, unbalanced="drop", **TOY)
    assert (dropped["n_units"] == 58).all()
    assert dropped["warnings"].str.contains("2 units left out: lack a period").all()
    kept = att_estimates(frame, unbalanced="keep", inference=FAST, **TOY)
    assert (kept["n_units"] == 60).all() and (kept["n"] == 478).all()
    assert kept["warnings"].str.contains("2 of 60 units lack a period").all()


def test_without_never_treated_the_window_ends_before_the_last_cohort():
    frame = toy(cohorts=(2012, 2013, 2015))
    with pytest.raises(ValueError, match="no never-treated unit within the window: use controls="):
        att_estimates(frame, **TOY)
    table = att_estimates(frame, controls="not_yet", **TOY)
    assert table["warnings"].str.contains("periods from 2015 on are left out").all()
    same = att_estimates(frame[frame["year"] < 2015], controls="not_yet", **TOY)
    pd.testing.assert_series_equal(table["value"], same["value"])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f.assign(cohort=f["cohort"].where(f.index != 15, 2016)), {},
         "'cohort' differs within 1 units, e.g. 1: treated more than once"),
        (lambda f: f.assign(cohort=f["cohort"].where(f["code"] != 1, 2014)), {},
         r"cohort 2014 has 1 unit\(s\).*smallest_cohort=1"),
        (lambda f: f.assign(y=np.nan), {}, "'y' is missing in every row: choose another outcome"),
        (lambda f: f.assign(z=2 * f["x"]), {"baseline": ("x", "z")}, "collinear among the control"),
        (lambda f: f.assign(z=1.0), {"baseline": ("z",)}, "'z' does not vary among the controls"),
        (lambda f: f.assign(cohort=0), {}, "no unit is treated within the window"),
        (lambda f: f.assign(cohort=f["cohort"].replace(0, 2016)), {}, "no never-treated unit"),
        (lambda f: f[f["year"] == 2012], {}, "fewer than 2 periods|no unit is treated"),
        (lambda f: pd.concat([f, f.iloc[[5]]]), {}, "2 rows share a key"),
        (lambda f: f.assign(y="high"), {}, "'y': 480 values are not finite numbers"),
        (lambda f: f, {"baseline": ("y",)}, "'y' is outcome and control at once"),
        (lambda f: f, {"baseline": ("absent",)}, "column 'absent' is missing"),
        (lambda f: f.assign(province=f["province"].where(f.index > 3)), {}, "4 rows without a"),
        (lambda f: f.assign(province=f["province"].where(f.index != 1, 77)), {}, "fix one value"),
        (lambda f: f, {"controls": "all"}, "controls 'all' is unknown"),
        (lambda f: f, {"anticipation": -1}, "anticipation -1 is negative"),
        (lambda f: f, {"estimators": ("ols",)}, "estimator 'ols' is unknown"),
        (lambda f: f, {"base_period": "first"}, "base_period 'first' is unknown"),
        (lambda f: f, {"shares": "no"}, "shares 'no' is unknown"),
        (lambda f: f, {"regressors": ("x",)}, "callaway_santanna takes no regressors"),
        (lambda f: f, {"regressors": ("x",), "estimators": ("two_way",)}, "no variation within"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_remedy(change, options, message):
    with pytest.raises(ValueError, match=message):
        att_estimates(change(toy()), **(TOY | options))


def test_treatment_that_ends_is_refused():
    frame = toy()
    frame["treated"] = (frame["cohort"] > 0) & (frame["year"] >= frame["cohort"])
    first = cohort_from_treatment(frame, treatment="treated")
    assert (first.fillna(0) == frame["cohort"]).all()
    frame.loc[15, "treated"] = False
    with pytest.raises(ValueError, match="treatment ends in 1 units, e.g. 1"):
        cohort_from_treatment(frame, treatment="treated")


def test_library_warnings_are_counted():
    frame = toy(units=30)
    frame["x"] += 4 * (frame["cohort"] > 0)
    table = att_estimates(
        frame, baseline=("x",), estimators=("callaway_santanna_dr",), inference=FAST, **TOY
    )
    assert table["warnings"].str.contains(r"diff-diff \(\d+x\)").all()


def test_event_study_matches_the_table():
    frame = toy()
    table = att_estimates(frame, baseline=("x",), estimators=("sun_abraham",), **TOY)
    study = event_study(
        frame, outcome="y", cohort="cohort", baseline=("x",), estimator="sun_abraham",
        cluster="province",
    )  # fmt: skip
    assert -1 not in study.event_times and study.df == 8
    for e, value, variance in zip(
        study.event_times, study.values, np.diag(study.covariance), strict=True
    ):
        row = one(table, f"event:{e}", "province")
        assert (row["value"], row["se"]) == pytest.approx((value, np.sqrt(variance)), abs=SAME)
    with pytest.raises(ValueError, match="has no event study"):
        event_study(frame, outcome="y", cohort="cohort", estimator="imputation")


def test_default_clusters_are_unit_and_province():
    frame = toy()
    plain = att_estimates(frame.drop(columns="province"), outcome="y", cohort="cohort")
    assert set(plain["cluster_by"]) == {"code"}
    assert set(att_estimates(frame, outcome="y", cohort="cohort")["cluster_by"]) == {
        "code", "province",
    }  # fmt: skip
    by_unit = event_study(frame, outcome="y", cohort="cohort")
    assert by_unit.df == 59 and by_unit.label == "callaway_santanna, clustered by code"
