"""Long difference: known truth, independent fits, and what must not change the estimate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.long_difference import COLUMNS, RUNGS, absorbed_least_squares, ladder
from analysis.panel import estimate_models

EXACT = 1e-10  # two ways to compute the same number
ALGEBRA = 1e-7  # relative; identities after rescaling data, error of double precision solves
LSMR = 1e-8  # linearmodels absorbs by an iterative method with this kind of tolerance
EFFECT, SLOPE, LEVEL = 2.0, 3.0, -0.4
CONTROLS = ("population", "poverty")
OPTIONS: dict[str, Any] = {
    "outcomes": ["water"], "baseline_controls": CONTROLS, "units": {"water": "percentage points"},
}  # fmt: skip


def census(seed: int = 0, *, prefectures: int = 40, size: int = 8) -> pd.DataFrame:
    """Two years; poorer counties are designated and catch up by SLOPE per unit of poverty.

    Raw differences are too large by SLOPE x (gap in poverty) + LEVEL x (gap in baseline water).
    """
    rng = np.random.default_rng(seed)
    n = prefectures * size
    prefecture = np.repeat(np.arange(prefectures), size)
    shared = rng.normal(size=prefectures)[prefecture]
    poverty = 0.5 * shared + rng.normal(size=n)
    water = 60 - 5 * poverty + rng.normal(size=n)
    designated = poverty + rng.normal(size=n) > 0.5
    change = 10 + EFFECT * designated + SLOPE * poverty + LEVEL * (water - 60)
    change += rng.normal(size=n) + rng.normal(size=prefectures)[prefecture]
    first = pd.DataFrame({
        "code": [f"{i:06d}" for i in range(n)], "year": 2010,
        "province": [f"P{p // 5}" for p in prefecture],
        "prefecture": [f"c{p % 5}" for p in prefecture],  # names repeat in every province
        "designated": designated, "rural_2010": rng.random(n) < 0.9, "area_changed": False,
        "population": rng.integers(50_000, 900_000, n), "poverty": poverty, "water": water,
    })  # fmt: skip
    last = first.assign(year=2020, water=water + change, poverty=0.0)
    return pd.concat([first, last], ignore_index=True)


def pick(table: pd.DataFrame, rung: str) -> Any:
    """Return the row of a rung."""
    return table[table["rung"] == rung].iloc[0]


def differences(panel: pd.DataFrame) -> pd.DataFrame:
    """Return one row per rural county with the variables of the regression."""
    panel = panel[panel["rural_2010"]]
    first, last = (panel[panel["year"] == y].set_index("code") for y in (2010, 2020))
    return first.assign(
        change=last["water"] - first["water"], treated=first["designated"].astype(float),
        size=np.log(first["population"]), group=first["province"] + first["prefecture"],
    )  # fmt: skip


def test_table():
    panel = census()
    before = panel.copy(deep=True)
    table = ladder(panel, **OPTIONS)
    assert tuple(table.columns) == COLUMNS
    assert list(table["rung"]) == list(RUNGS)
    assert set(table["clusters"]) == {40}
    assert set(table["n"]) == {panel["rural_2010"].sum() / 2}
    assert list(table["effect_groups"]) == [1, 1, 8, 40]
    assert list(table["controls"]) == ["none", *["water, log population, poverty"] * 3]
    assert table.notna().all(axis=None)
    pd.testing.assert_frame_equal(panel, before)


def test_raw_is_biased_by_a_known_amount_and_controls_recover_the_truth():
    panel = census(prefectures=200)
    table = ladder(panel, **OPTIONS)
    means: Any = differences(panel).groupby("designated")[["poverty", "water"]].mean()
    gap = means.loc[True] - means.loc[False]
    bias = SLOPE * gap["poverty"] + LEVEL * gap["water"]
    raw = pick(table, "raw")
    assert bias > 5
    assert abs(raw["estimate"] - EFFECT - bias) < 4 * raw["se"]
    for rung in RUNGS[1:]:
        got = pick(table, rung)
        assert abs(got["estimate"] - EFFECT) < 4 * got["se"] < 1


def test_intervals_cover_in_repeated_samples():
    draws = 200
    covered = 0
    for seed in range(draws):
        got = ladder(census(seed, prefectures=30, size=5), rungs=["baseline"], **OPTIONS).iloc[0]
        covered += got["ci_low"] <= EFFECT <= got["ci_high"]
    bound = 3 * np.sqrt(0.95 * 0.05 / draws)  # three binomial standard deviations
    assert abs(covered / draws - 0.95) < bound


def test_two_period_equals_fixed_effects():
    """With two years the raw rung is two-way fixed effects on designated x last year."""
    panel = census()
    raw = pick(ladder(panel, cluster="province", **OPTIONS), "raw")
    rural = panel[panel["rural_2010"]]
    rural = rural.assign(post=rural["designated"] & (rural["year"] == 2020))
    fixed = estimate_models(
        rural, outcome="water", regressors=["post"], models=["two_way"], errors=["province"]
    ).iloc[0]
    n = raw["n"]
    assert fixed["estimate"] == pytest.approx(raw["estimate"], abs=EXACT)
    factor = np.sqrt((2 * n - 1) / (2 * n - 3) / ((n - 1) / (n - 2)))  # rows and K of each form
    assert fixed["se"] == pytest.approx(raw["se"] * factor, abs=EXACT)


@pytest.mark.parametrize(
    ("rung", "group", "counted"), [("province", "province", 7), ("prefecture", "group", 0)]
)
def test_effects_equal_dummies_and_linearmodels(rung, group, counted):
    """Province effects are counted in K, prefecture effects are nested in the clusters."""
    from linearmodels.iv import AbsorbingLS
    from statsmodels.api import OLS

    panel = census()
    data = differences(panel)
    x = data[["treated", "water", "size", "poverty"]]
    dummies = pd.get_dummies(data[group], dtype=float)
    clusters = pd.factorize(data["group"])[0]
    n, k = len(data), x.shape[1]
    fit = OLS(data["change"], x.join(dummies)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}
    )
    scale = np.sqrt((n - k - dummies.shape[1]) / (n - k - 1 - counted))
    got = pick(ladder(panel, **OPTIONS), rung)
    assert got["estimate"] == pytest.approx(fit.params["treated"], abs=EXACT)
    assert got["se"] == pytest.approx(fit.bse["treated"] * scale, abs=EXACT)
    absorb = pd.DataFrame({group: data[group].astype("category")})
    absorbed = AbsorbingLS(data["change"], x, absorb=absorb).fit()
    assert got["estimate"] == pytest.approx(absorbed.params["treated"], abs=LSMR)


def test_missing_and_single_counties_are_counted_and_the_sample_is_common():
    panel = census().query("rural_2010")
    codes = panel["code"].unique()
    panel.loc[(panel["code"] == codes[0]) & (panel["year"] == 2010), "poverty"] = np.nan
    panel.loc[(panel["code"] == codes[1]) & (panel["year"] == 2020), "water"] = np.nan
    panel.loc[panel["code"] == codes[2], "prefecture"] = None
    panel.loc[panel["code"] == codes[3], "prefecture"] = "alone"
    panel = panel[~((panel["code"] == codes[4]) & (panel["year"] == 2010))]
    table = ladder(panel, **OPTIONS)
    assert set(table["excluded_missing"]) == {4}
    assert list(table["excluded_singletons"]) == [0, 0, 0, 1]
    assert list(table["n"]) == [len(codes) - 4] * 3 + [len(codes) - 5]


def test_samples():
    panel = census()
    panel.loc[panel["code"] < "000010", "area_changed"] = True
    everyone = ladder(panel, sample=None, **OPTIONS)
    kept = ladder(panel, sample=None, exclude=["area_changed"], **OPTIONS)
    assert set(everyone["n"]) == {320}
    assert kept.loc[0, "n"] == 310
    direct = ladder(panel[panel["code"] >= "000010"], sample=None, **OPTIONS)
    pd.testing.assert_frame_equal(kept, direct)


def test_all_violations_in_one_error():
    panel = census().drop(columns="prefecture").astype({"designated": int, "population": object})
    panel.loc[0, "population"] = "?"
    panel.loc[1, "rural_2010"] = not panel.loc[1, "rural_2010"]
    with pytest.raises(ValueError, match="6 violation") as caught:
        ladder(panel, rungs=["raw", "county"], **(OPTIONS | {"units": {}}))
    message = str(caught.value)
    for part in (
        "rung 'county'", "outcome 'water' has no unit", "'prefecture' is missing",
        "'?' at 000000 2010", "'designated' must be true or false", "'rural_2010' changes between",
    ):  # fmt: skip
        assert part in message, part


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"last_year": 2021}, "no row of 2021"),
        ({"population": 0}, {}, "'population', 2010: not positive in 000000"),
        ({"designated": True}, {}, "both kinds are needed"),
        ({"poverty": 1.0}, {}, "absorbed by the effects or collinear"),
        ({"prefecture": "c0", "province": "P0"}, {}, "1 clusters"),
    ],
)
def test_unusable_panels(change, options, message):
    with pytest.raises(ValueError, match=message):
        ladder(census().assign(**change), **OPTIONS, **options)


@settings(max_examples=15, deadline=None)
@given(
    unit=st.floats(1e-3, 1e3), shift=st.floats(-50, 50), seed=st.integers(0, 2**16),
    people=st.floats(1e-3, 1e3),
)  # fmt: skip
def test_units_common_change_and_row_order_do_not_matter(unit, shift, seed, people):
    panel = census(7, prefectures=12)
    base = ladder(panel, **OPTIONS)
    moved = (panel["water"] + shift * (panel["year"] == 2020)) * unit
    changed = panel.assign(water=moved, population=panel["population"] * people)
    got = ladder(changed.sample(frac=1, random_state=seed), **OPTIONS)
    for column in ("estimate", "se", "ci_low"):
        assert got[column].to_numpy() == pytest.approx(base[column] * unit, rel=ALGEBRA)


def test_absorbed_least_squares_recovers_an_exact_line():
    x = np.array([[0.0], [1.0], [2.0], [4.0]])
    fit = absorbed_least_squares(
        3 * x[:, 0] + [1, 1, 7, 7], x, effects=np.array([0, 0, 1, 1]), clusters=np.arange(4)
    )
    assert fit.slopes == pytest.approx([3.0], abs=EXACT)
    assert fit.covariance == pytest.approx(np.zeros((1, 1)), abs=EXACT)
