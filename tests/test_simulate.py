"""The simulated panel has the truth it claims, and naive estimators the bias it states."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from analysis.geography import fix_poverty_codes
from analysis.indicators import load_system
from analysis.simulate import simulate_counties
from analysis.truth import (
    COHORTS,
    YEARS,
    average_effects,
    load_truth,
    naive_bias,
    truth_table,
)

ROOT = Path(__file__).parents[1]
RAW = ROOT / "data" / "raw"
SIZES = dict(zip(COHORTS, (28, 125, 283, 344, 52), strict=True))
ROUNDING = 5e-5  # half a unit of the fourth decimal, to which the panel is rounded
THREE_SE = 3.0  # a correct estimate is further off once in 370 draws
SEEDS = range(8)
# With 31 province clusters the ratio follows t(30): the largest of eight passes this once in 370.
T_BOUND = float(stats.t.ppf(1 - 0.00135 / len(SEEDS), 30))
REPLICATIONS = 100
COVERAGE_BOUND = 3 * np.sqrt(0.95 * 0.05 / REPLICATIONS)  # three binomial standard errors
TRUTH = load_truth(RAW / "simulation")


def quiet(**changes):
    """Return the truth with every random part of the outcomes switched off."""
    zero = {
        f.name: 0.0
        for f in dataclasses.fields(TRUTH)
        if f.name.endswith("_sd") and not f.name.startswith(("disadvantage", "alleviation"))
    }
    return dataclasses.replace(TRUTH, **{**zero, **changes})


@pytest.fixture(scope="module")
def counties():
    columns = ["code", "name", "prefecture", "province", "region"]
    return pd.read_parquet(RAW / "boundaries" / "counties.parquet", columns=columns)


@pytest.fixture(scope="module")
def poverty():
    table = pd.read_csv(RAW / "facts" / "poverty_counties_832.csv", dtype={"code": str})
    return fix_poverty_codes(table).rename(columns={"exit_year": "delisted_year"})


@pytest.fixture(scope="module")
def system():
    return load_system(RAW / "indicators", "link24")


@pytest.fixture(scope="module")
def panel(counties, poverty, system):
    return simulate_counties(counties, poverty, TRUTH, seed=20201123, system=system)


@pytest.fixture(scope="module")
def small():
    """Return 300 counties in 20 provinces, 90 of them designated."""
    codes = [f"{110000 + i:06d}" for i in range(300)]
    places = pd.DataFrame({"code": codes, "name": "甲县", "prefecture": "乙市", "region": "west"})
    places["province"] = [f"省{i % 20}" for i in range(300)]
    years = np.repeat(COHORTS, (4, 14, 30, 36, 6))
    listed = pd.DataFrame({"code": codes[:90], "delisted_year": years})
    return {"counties": places, "poverty": listed}


# --- estimators, written out so that nothing but numpy stands between data and result


def ols(y, x, clusters):
    """Return coefficients and CR1 standard errors of y on the columns of x."""
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ y
    scores = pd.DataFrame(x * (y - x @ beta)[:, None]).groupby(np.asarray(clusters)).sum()
    meat = scores.to_numpy().T @ scores.to_numpy()
    groups = len(scores)
    return beta, np.sqrt(np.diag(bread @ meat @ bread) * groups / (groups - 1))


def long_difference(panel, *, conditional, clusters="code", province_effects=False):
    """Regress log income 2020 less 2010 on designation, given s on the never designated."""
    wide = panel.pivot(index="code", columns="year", values="log_income")
    first = panel.drop_duplicates("code").set_index("code")
    d = first["designated"].to_numpy(float)
    s = first["disadvantage"].to_numpy()
    centred = s - s[d == 1].mean()  # on the designated, so that d is the effect on them
    columns = [wide[2020] - wide[2010], d, np.ones_like(d)]
    if conditional:
        columns += [centred] if province_effects else [centred, d * centred]
    data = pd.DataFrame(np.column_stack(columns))
    if province_effects:
        data = (data - data.groupby(first["province"].to_numpy()).transform("mean")).drop(columns=2)
    groups = first.index if clusters == "code" else first[clusters]
    beta, se = ols(data[0].to_numpy(), data.drop(columns=0).to_numpy(), groups)
    return beta[0], se[0]


def arrays(panel):
    """Return U2 in 2011..2022 and U1 a year earlier, each (counties, 12)."""
    shape = (-1, len(YEARS))
    u1 = panel["alleviation_score"].to_numpy().reshape(shape)
    u2 = panel["revitalization_score"].to_numpy().reshape(shape)
    return u2[:, 1:], u1[:, :-1]


def within(values, *, county=False, year=False):
    values = values - values.mean(axis=1, keepdims=True) if county else values - values.mean()
    return values - values.mean(axis=0) if year else values


def slope(y, x):
    clusters = np.repeat(np.arange(len(y)), y.shape[1])
    beta, se = ols(y.ravel(), x.reshape(-1, 1), clusters)
    return beta[0], se[0]


# --- the panel


def test_panel_has_the_real_map_and_the_real_designation(panel, counties):
    first = panel.drop_duplicates("code")
    assert len(first) == counties["region"].notna().sum() == 2848
    assert len(panel) == 2848 * 13
    one_polygon_less = SIZES | {2019: 343}  # 冷湖行委 and 茫崖行委 are one unit since 2018
    assert first["delisted_year"].value_counts().to_dict() == one_polygon_less
    assert first["rural_2010"].sum() == 1927
    assert first.loc[first["designated"], "rural_2010"].all()
    assert panel[["code", "year"]].equals(panel[["code", "year"]].sort_values(["code", "year"]))


def test_no_default_score_is_cut_and_indicators_stay_possible(panel, system):
    scores = panel[["alleviation_score", "revitalization_score"]]
    assert scores.gt(0).all(axis=None) and scores.lt(1).all(axis=None)
    values = panel[system.variables]
    assert values.ge(0).all(axis=None)
    assert (
        values[[i.variable for i in system.indicators if i.unit == "percent"]]
        .le(100)
        .all(axis=None)
    )


def test_every_column_has_a_contract(panel):
    text = (ROOT / "analysis" / "contracts.yml").read_text(encoding="utf-8")
    contracts = yaml.safe_load(text)
    known = contracts["variables"]
    assert [c for c in [*panel, *truth_table(TRUTH, panel)] if c not in known] == []
    assert "simulation_truth" in contracts["tables"]
    for name in panel:
        low, high = known[name].get("range", (None, None))
        if low is not None:
            assert panel[name].dropna().between(low, high).all(), name


def test_same_seed_same_panel_whatever_the_order_of_rows(counties, poverty, panel, system):
    before = counties.copy(), poverty.copy()
    again = simulate_counties(
        counties.sample(frac=1, random_state=1), poverty[::-1], TRUTH, seed=20201123, system=system
    )
    pd.testing.assert_frame_equal(again, panel)
    pd.testing.assert_frame_equal(counties, before[0])
    pd.testing.assert_frame_equal(poverty, before[1])
    other = simulate_counties(counties, poverty, TRUTH, seed=1)
    assert abs(np.corrcoef(other["disadvantage"], panel["disadvantage"])[0, 1]) < 0.5


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        ({"catch_up": 0.0}, ["log_income"]),
        ({"province_shock_sd": 0.0}, ["log_income"]),
        ({"anticipation": 1.0}, ["log_income"]),
        ({"missing_share": 0.1}, ["log_income"]),
        ({"kappa": 0.0}, ["revitalization_score"]),
        ({"alleviation_error_sd": 0.02}, ["alleviation_score", "revitalization_score"]),
    ],
)
def test_a_knob_leaves_the_other_draws_alone(small, change, touched):
    base = simulate_counties(**small, truth=TRUTH, seed=3)
    varied = simulate_counties(**small, truth=dataclasses.replace(TRUTH, **change), seed=3)
    pd.testing.assert_frame_equal(varied.drop(columns=touched), base.drop(columns=touched))
    for column in touched:
        assert not varied[column].equals(base[column])


def test_catch_up_knob_moves_income_by_its_formula_only(small):
    base = simulate_counties(**small, truth=TRUTH, seed=3)
    varied = simulate_counties(**small, truth=dataclasses.replace(TRUTH, catch_up=0.0105), seed=3)
    moved = 0.0065 * base["disadvantage"] * (base["year"] - 2010)
    assert np.allclose(varied["log_income"] - base["log_income"], moved, rtol=0, atol=2 * ROUNDING)


def test_income_without_noise_is_the_formula(small):
    panel = simulate_counties(**small, truth=quiet(), seed=3)
    row = panel[(panel["delisted_year"] == 2017) & (panel["year"] == 2019)].iloc[0]
    growth = 0.105 + 0.10 + 0.09 + 0.09 + 0.075 + 0.065 + 0.072 + 0.065 + 0.061
    s = row["disadvantage"]
    expected = 9.0 - 0.25 * s + growth + 0.004 * s * 9 + 1.1 * 0.028
    assert row["log_income"] == pytest.approx(expected, abs=ROUNDING)


def test_errors_are_stationary_and_autocorrelated(counties, poverty):
    noisy, silent = quiet(error_sd=0.05), quiet()
    y, base = (
        simulate_counties(counties, poverty, t, seed=5)["log_income"] for t in (noisy, silent)
    )
    errors = (y - base).to_numpy().reshape(-1, len(YEARS))
    sd = 0.05 / np.sqrt(1 - 0.5**2)
    assert errors.std(axis=0) == pytest.approx(np.full(13, sd), rel=4 / np.sqrt(2 * len(errors)))
    lag = np.corrcoef(errors[:, :-1].ravel(), errors[:, 1:].ravel())[0, 1]
    assert lag == pytest.approx(0.5, abs=4 / np.sqrt(errors[:, 1:].size))


def test_missingness_has_its_share_and_only_in_income(counties, poverty):
    truth = dataclasses.replace(TRUTH, missing_share=0.1)
    panel = simulate_counties(counties, poverty, truth, seed=5)
    share = panel["log_income"].isna().mean()
    assert share == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / len(panel)))
    assert panel.drop(columns=["log_income", "delisted_year"]).notna().all(axis=None)


def test_indicators_track_the_scores_with_the_stated_reliability(panel, system):
    """The equal-weight index follows the latent score: overall closely, within counties less."""
    for subsystem, least, least_within in (
        ("alleviation", 0.98, 0.85),
        ("revitalization", 0.98, 0.85),
    ):
        members = [i for i in system.indicators if i.subsystem == subsystem]
        z = [
            (1 if i.direction == "+" else -1) * panel[i.variable] / np.ptp(i.typical)
            for i in members
        ]
        index = np.mean(z, axis=0).reshape(-1, len(YEARS))
        score = panel[f"{subsystem}_score"].to_numpy().reshape(-1, len(YEARS))
        assert least < np.corrcoef(index.ravel(), score.ravel())[0, 1] < 1
        both = [within(v, county=True, year=True).ravel() for v in (index, score)]
        assert least_within < np.corrcoef(*both)[0, 1] < 0.95


# --- bad input


def test_bad_input_is_reported_all_at_once(small):
    places, designated = small["counties"], small["poverty"]
    places = pd.concat([places.iloc[1:], places.iloc[[5]]])
    designated = designated.assign(delisted_year=designated["delisted_year"].replace(2016, 2021))
    designated = pd.concat([designated, designated.iloc[[9]].assign(delisted_year=2018)])
    with pytest.raises(ValueError) as caught:
        simulate_counties(places, designated, TRUTH, seed=1)
    for part in (
        "7 problems",
        "counties: code 110005 stands twice",
        "poverty: code 110009 stands twice",
        "poverty: row 3 has delisted_year 2021, expected 2016..2020",
        "designated county 110000 or its region is missing",
    ):
        assert part in str(caught.value)


def test_missing_columns_and_values_are_reported(small):
    places, designated = small["counties"], small["poverty"]
    places = places.drop(columns="region").assign(name=places["name"].where(places.index != 7))
    with pytest.raises(ValueError) as caught:
        simulate_counties(places, designated.drop(columns="code"), TRUTH, seed=1)
    assert str(caught.value).splitlines()[1:] == [
        "  - counties: column region is missing",
        "  - counties: row 7 has no name",
        "  - poverty: column code is missing",
    ]


def test_indicators_without_a_typical_range_are_refused(small, system):
    bare = [dataclasses.replace(i, typical=None) for i in system.indicators[:2]]
    broken = dataclasses.replace(system, indicators=(*bare, *system.indicators[2:]))
    with pytest.raises(ValueError, match=r"2 problems(.|\n)*poor_income_ratio"):
        simulate_counties(**small, truth=TRUTH, seed=1, system=broken)


# --- what estimators find


def test_raw_long_difference_is_biased_by_catch_up_and_the_conditional_one_is_not(
    counties, poverty
):
    truth = dataclasses.replace(TRUTH, province_shock_sd=0.0)
    raw, conditional, bias = [], [], []
    for seed in SEEDS:
        panel = simulate_counties(counties, poverty, truth, seed=seed)
        effect = average_effects(truth, panel)["2020"]
        stated = naive_bias(truth, panel).set_index("estimator")["bias"]["raw_long_difference"]
        bias.append(stated)
        estimate, se = long_difference(panel, conditional=False)
        raw.append((estimate - effect - stated) / se)
        estimate, se = long_difference(panel, conditional=True)
        conditional.append((estimate - effect) / se)
    assert np.mean(bias) > 0.03  # more than the effect itself
    for z in (raw, conditional):
        assert np.abs(z).max() < THREE_SE
        assert abs(np.mean(z)) < THREE_SE / np.sqrt(len(SEEDS))


@pytest.mark.parametrize("province_effects", [False, True])
def test_default_long_difference_recovers_the_effect_in_spite_of_province_shocks(
    counties, poverty, province_effects
):
    z = []
    for seed in SEEDS:
        panel = simulate_counties(counties, poverty, TRUTH, seed=seed)
        effect = average_effects(TRUTH, panel)["2020"]
        options = {"conditional": True, "province_effects": province_effects}
        estimate, se = long_difference(panel, clusters="province", **options)
        _, county_se = long_difference(panel, **options)
        z.append((estimate - effect) / se)
        if not province_effects:
            assert se > 1.3 * county_se  # shocks are shared by the counties of a province
    assert np.abs(z).max() < T_BOUND
    assert abs(np.mean(z)) < THREE_SE / np.sqrt(len(SEEDS))


def test_regression_control_of_s_matches_statsmodels_and_is_nearly_exact(counties, poverty):
    from statsmodels.api import OLS, add_constant

    truth = quiet()
    panel = simulate_counties(counties, poverty, truth, seed=2)
    wide = panel.pivot(index="code", columns="year", values="log_income")
    first = panel.drop_duplicates("code").set_index("code")
    controls = first[["designated", "disadvantage"]].astype(float)
    fit = OLS(wide[2020] - wide[2010], add_constant(controls)).fit()
    effect = average_effects(truth, panel)["2020"]
    exact, _ = long_difference(panel, conditional=True)
    assert exact == pytest.approx(effect, abs=2 * ROUNDING)
    assert 0 < abs(fit.params["designated"] - effect) < 0.001  # effects differ by cohort


def test_kappa_estimators_show_the_stated_biases(counties, poverty):
    z: dict[str, list[float]] = {"two-way": [], "first difference": []}
    off: dict[str, list[float]] = {"pooled_year_effects": [], "county_effects_only": []}
    for seed in SEEDS:
        panel = simulate_counties(counties, poverty, TRUTH, seed=seed)
        stated = naive_bias(TRUTH, panel).set_index("estimator")["bias"]
        y, x = arrays(panel)
        for name, (dy, dx) in {
            "two-way": [within(v, county=True, year=True) for v in (y, x)],
            "first difference": [within(np.diff(v, axis=1), year=True) for v in (y, x)],
        }.items():
            estimate, se = slope(dy, dx)
            z[name].append((estimate - TRUTH.kappa) / se)
        for name, effects in (
            ("pooled_year_effects", {"year": True}),
            ("county_effects_only", {"county": True}),
        ):
            estimate, _ = slope(within(y, **effects), within(x, **effects))
            off[name].append(estimate - TRUTH.kappa - stated[name])
    for values in z.values():
        assert np.abs(values).max() < THREE_SE
        assert abs(np.mean(values)) < THREE_SE / np.sqrt(len(SEEDS))
    for name, values in off.items():
        assert stated[name] > 0.15
        error = np.std(values, ddof=1) / np.sqrt(len(SEEDS))
        assert abs(np.mean(values)) < 4 * error, name  # t with 7 degrees of freedom


def test_intervals_cover_the_truth(small):
    truth = dataclasses.replace(TRUTH, province_shock_sd=0.0)
    effect = average_effects(truth, simulate_counties(**small, truth=truth, seed=0))["2020"]
    hits = {"kappa": 0, "effect": 0}
    for seed in range(REPLICATIONS):
        panel = simulate_counties(**small, truth=truth, seed=1000 + seed)
        estimate, se = slope(*(within(v, county=True, year=True) for v in arrays(panel)))
        hits["kappa"] += abs(estimate - truth.kappa) < 1.96 * se
        estimate, se = long_difference(panel, conditional=True)
        hits["effect"] += abs(estimate - effect) < 1.96 * se
    for name, count in hits.items():
        assert abs(count / REPLICATIONS - 0.95) < COVERAGE_BOUND, name
