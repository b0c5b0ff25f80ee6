"""Panel models against published values, closed forms, and their own conventions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.panel import (
    COLUMNS,
    ERRORS,
    MODELS,
    estimate_models,
    hausman,
    lag,
    mundlak,
)

ORACLE = 1e-8  # published values are printed with 10 to 12 significant digits
PETERSEN = 1e-9  # printed with 10 decimals
HAUSMAN = 5e-7  # plm's chi2 and p are printed with 7 decimals
EXACT = 1e-10  # two ways to compute the same number
ALGEBRA = 1e-7  # relative; identities after rescaling data, error of double precision solves


def small_panel(seed: int = 3, *, counties: int = 24, years: int = 12) -> pd.DataFrame:
    """Unbalanced panel: x correlated with the county effect, errors correlated in provinces."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        [(f"{c:06d}", f"p{c % 8}", 2000 + t) for c in range(counties) for t in range(years)],
        columns=["code", "province", "year"],
    )
    effect = rng.normal(size=counties)[frame["code"].astype(int)]
    shock = rng.normal(size=(8, years))[frame["province"].str[1:].astype(int), frame["year"] - 2000]
    frame["x"] = effect + rng.normal(size=len(frame)) + 0.3 * shock
    frame["z"] = rng.normal(size=len(frame)) + 0.1 * (frame["year"] - 2000)
    frame["y"] = 1 + 0.5 * frame["x"] - 0.2 * frame["z"] + effect + 0.5 * shock
    frame["y"] += rng.normal(size=len(frame)) + 0.2 * (frame["year"] - 2000)
    return frame[rng.random(len(frame)) > 0.1].reset_index(drop=True)


def row(table: pd.DataFrame, model: str, error: str, term: str) -> Any:
    """Return the one row of a model, error and term."""
    keys = (table["model"] == model) & (table["error_type"] == error) & (table["term"] == term)
    return table[keys].iloc[0]


# R plm 2.6 on its Grunfeld data: estimate, classical standard error
GRUNFELD = [
    ("entity", "value", 0.1101238041, 0.0118566942),
    ("entity", "capital", 0.3100653413, 0.0173545028),
    ("two_way", "value", 0.1177158551, 0.0137512830),
    ("two_way", "capital", 0.3579162731, 0.0227190109),
    ("random", "const", -57.834414905, 28.8989352603),
    ("random", "value", 0.1097811522, 0.0104926636),
    ("random", "capital", 0.3081129828, 0.0171804691),
    ("between", "value", 0.1346460870, 0.0287454591),
    ("between", "capital", 0.0320314743, 0.1909377992),
]


@pytest.fixture(scope="module")
def grunfeld(oracle: Callable[[str], Path]) -> pd.DataFrame:
    return pd.read_csv(oracle("grunfeld_plm.csv"))


@pytest.fixture(scope="module")
def grunfeld_table(grunfeld: pd.DataFrame) -> pd.DataFrame:
    return estimate_models(
        grunfeld, outcome="inv", regressors=["value", "capital"], entity="firm",
        errors=["classical", "entity"], cluster_columns=[],
    )  # fmt: skip


@pytest.mark.parametrize(("model", "term", "estimate", "se"), GRUNFELD)
def test_grunfeld_equals_plm(grunfeld_table, model, term, estimate, se):
    got = row(grunfeld_table, model, "classical", term)
    assert got["estimate"] == pytest.approx(estimate, abs=ORACLE)
    assert got["se"] == pytest.approx(se, abs=ORACLE)


@pytest.mark.parametrize(
    ("term", "fixest", "cr0"),  # R fixest feols(cluster = ~firm); the same without any factor
    [("value", 0.01519449394, 0.01434214371), ("capital", 0.05275177176, 0.04979260872)],
)
def test_grunfeld_clustered_errors(grunfeld_table, term, fixest, cr0):
    se = row(grunfeld_table, "entity", "entity", term)["se"]
    assert se == pytest.approx(fixest, abs=ORACLE)
    assert se == pytest.approx(cr0 * np.sqrt(10 / 9 * 199 / 197), abs=ORACLE)


def test_grunfeld_hausman(grunfeld):
    got = hausman(grunfeld, outcome="inv", regressors=["value", "capital"], entity="firm")
    assert (got.df, got.n, got.entities, got.note) == (2, 200, 10, "")
    assert got.chi2 == pytest.approx(2.3303669, abs=HAUSMAN)
    assert got.p_value == pytest.approx(0.3118654, abs=HAUSMAN)


def test_munnell_within(oracle):
    """Munnell (1990) production function, entity effects, as printed by R splm and plm."""
    data = pd.read_csv(oracle("produc.csv"))
    logs = ["gsp", "pcap", "pc", "emp"]
    data[logs] = np.log(data[logs])
    table = estimate_models(
        data, outcome="gsp", regressors=["pcap", "pc", "emp", "unemp"], entity="state",
        models=["entity"], errors=["classical"], cluster_columns=[],
    )  # fmt: skip
    expected = [-0.02614965359, 0.29200692508, 0.7681594726, -0.00529774126]
    assert table["estimate"].to_numpy() == pytest.approx(expected, abs=ORACLE)


@pytest.mark.parametrize(
    ("error", "const", "slope"),
    [
        ("entity", 0.0670127037, 0.0505957259),
        ("time", 0.0233867211, 0.0333889134),
        ("entity_time", 0.0650639182, 0.0535580229),
    ],
)
def test_petersen_clustered_errors(oracle, error, const, slope):
    """Petersen (2009), Review of Financial Studies 22(1), his test data."""
    table = estimate_models(
        pd.read_csv(oracle("petersen.csv")), outcome="y", regressors=["x"], entity="firm",
        models=["pooled"], errors=[error], cluster_columns=[],
    )  # fmt: skip
    assert row(table, "pooled", error, "const")["se"] == pytest.approx(const, abs=PETERSEN)
    assert row(table, "pooled", error, "x")["se"] == pytest.approx(slope, abs=PETERSEN)


def dummies(frame: pd.DataFrame, *columns: str) -> np.ndarray:
    """Return a constant and dummies of the columns but their first level."""
    parts = [pd.get_dummies(frame[c], drop_first=True, dtype=float) for c in columns]
    return np.column_stack([np.ones(len(frame)), *parts])


def sandwich(x: np.ndarray, u: np.ndarray, groups: pd.Series) -> np.ndarray:
    """Return (X'X)^{-1} sum_g X_g' u_g u_g' X_g (X'X)^{-1}."""
    sums = pd.DataFrame(x * u[:, None]).groupby(groups.to_numpy()).sum().to_numpy()
    bread = np.linalg.inv(x.T @ x)
    return bread @ sums.T @ sums @ bread


@pytest.mark.parametrize("model", ["pooled", "entity", "two_way"])
@pytest.mark.parametrize("cluster", ["code", "province"])
def test_clustered_errors_by_hand(model, cluster):
    """Least squares with all dummies; county effects are not counted in K, period effects are."""
    panel = small_panel()
    effects = {"pooled": [], "entity": ["code"], "two_way": ["code", "year"]}[model]
    x = np.column_stack([panel[["x", "z"]], dummies(panel, *effects)])
    b = np.linalg.lstsq(x, panel["y"].to_numpy(), rcond=None)[0]
    g, n = panel[cluster].nunique(), len(panel)
    k = 3 + (panel["year"].nunique() - 1 if model == "two_way" else 0)
    factor = g / (g - 1) * (n - 1) / (n - k)
    se = np.sqrt(factor * np.diag(sandwich(x, panel["y"].to_numpy() - x @ b, panel[cluster])))
    error = "entity" if cluster == "code" else cluster
    table = estimate_models(
        panel, outcome="y", regressors=["x", "z"], models=[model], errors=[error]
    )
    got = table[table["term"] != "const"]
    assert got["estimate"].to_numpy() == pytest.approx(b[:2], abs=EXACT)
    assert got["se"].to_numpy() == pytest.approx(se[:2], abs=EXACT)
    assert set(got["clusters"]) == {g}
    assert set(got["df"]) == {g - 1}


def test_driscoll_kraay_by_hand():
    panel = small_panel()
    x = np.column_stack([panel[["x", "z"]], dummies(panel, "code")])
    y = panel["y"].to_numpy()
    u = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    h = pd.DataFrame(x * u[:, None]).groupby(panel["year"].to_numpy()).sum().to_numpy()
    t, (n, k) = len(h), x.shape
    lags = int(np.floor(4 * (t / 100) ** (2 / 9)))
    meat = h.T @ h
    for j in range(1, lags + 1):
        cross = h[j:].T @ h[:-j]
        meat += (1 - j / (lags + 1)) * (cross + cross.T)
    bread = np.linalg.inv(x.T @ x)
    se = np.sqrt(np.diag(bread @ meat @ bread) * n / (n - k))[:2]
    table = estimate_models(
        panel, outcome="y", regressors=["x", "z"], models=["entity"], errors=["driscoll_kraay"]
    )
    assert lags == 2
    assert table["se"].to_numpy() == pytest.approx(se, abs=EXACT)
    assert set(table["df"]) == {t - 1}


def test_two_periods_fixed_effects_equal_first_differences():
    panel = small_panel(counties=60).query("year in (2001, 2011)")
    table = estimate_models(
        panel, outcome="y", regressors=["x", "z"], models=["two_way", "first_difference"],
        errors=["classical", "province"], time_effects=True,
    )  # fmt: skip
    fixed, difference = (table[table["model"] == m] for m in ("two_way", "first_difference"))
    assert fixed["estimate"].to_numpy() == pytest.approx(difference["estimate"], abs=EXACT)
    n = difference["n"].iloc[0]  # clustered: N and K are of 2n rows and of n differences
    factor = np.sqrt((2 * n - 1) / (2 * n - 4) / ((n - 1) / (n - 3)))
    ratio = np.where(fixed["error_type"] == "province", factor, 1.0)
    assert fixed["se"].to_numpy() == pytest.approx(difference["se"] * ratio, abs=EXACT)
    alone = (panel.groupby("code").size() == 1).sum()
    note = f"{alone} entities seen in one period left out"
    assert alone > 0
    assert fixed["note"].str.startswith(note).all()


def test_intervals_are_of_t():
    got = estimate_models(
        small_panel(), outcome="y", regressors=["x"], models=["entity"], errors=["province"]
    ).iloc[0]
    half = 2.364624 * got["se"]  # t table, 7 df, 97.5 %
    assert got["ci_high"] - got["estimate"] == pytest.approx(half, rel=1e-6)
    assert got["estimate"] - got["ci_low"] == pytest.approx(half, rel=1e-6)
    assert "8 clusters" in got["note"]


def test_table_is_complete_and_says_what_it_cannot_compute():
    panel = small_panel().query("year < 2004")
    before = panel.copy(deep=True)
    table = estimate_models(panel, outcome="y", regressors=["x", "z"])
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 4 * (2 + 3 + 2 + 3 + 2 + 3)
    refused = table["error_type"] == "driscoll_kraay"
    assert table.loc[refused, ["se", "df", "p_value", "ci_low"]].isna().all(axis=None)
    assert table.loc[refused, "note"].str.startswith("not computed: ").all()
    assert table.loc[~refused, ["estimate", "se", "p_value", "r2"]].notna().all(axis=None)
    assert table["estimate"].notna().all()
    pd.testing.assert_frame_equal(panel, before)


def test_missing_values_are_dropped_and_counted():
    panel = small_panel()
    holed = panel.copy()
    holed.loc[[3, 40], "x"] = np.nan
    holed.loc[[40, 77], "y"] = np.nan
    holed.loc[100, "province"] = None
    options: dict[str, Any] = {"outcome": "y", "regressors": ["x"], "models": ["pooled", "random"]}
    got = estimate_models(holed, **options)
    assert set(got["dropped_missing"]) == {4}
    assert set(got["n"]) == {len(panel) - 4}
    complete = estimate_models(panel.drop(index=[3, 40, 77, 100]), **options)
    assert got["se"].to_numpy() == pytest.approx(complete["se"], nan_ok=True, abs=EXACT)


def test_all_violations_in_one_error():
    panel = small_panel().astype({"z": object})
    panel.loc[5, "z"] = "n/a"
    panel = pd.concat([panel, panel.iloc[[0]]])
    with pytest.raises(ValueError, match="7 violation") as caught:
        estimate_models(
            panel, outcome="y", regressors=["z", "absent", "const"], models=["entity", "ols"],
            errors=["conley"],
        )  # fmt: skip
    message = str(caught.value)
    for part in (
        "model 'ols'", "error 'conley'", "regressor 'const'",
        "column 'absent' is missing", "column 'const' is missing", "'n/a' at 000000 2006",
        "2 rows share a key",
    ):  # fmt: skip
        assert part in message, part


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"x": lambda p: p["code"].astype(float)}, {"models": ["entity"]}, "within entities: drop"),
        ({"x": lambda p: p["year"]}, {"models": ["two_way"]}, "within entities and periods: drop"),
        ({"x": lambda p: 2 * p["z"] + 1}, {"models": ["pooled"]}, "collinear overall"),
        ({"year": lambda p: p["year"].where(p["code"] < "0", 2000)}, {}, "share a key"),
        ({"province": "one"}, {}, "at least 2 groups"),
        ({"province": lambda p: p["year"] % 3}, {}, "changes within 24 entities"),
        ({"x": lambda p: p["x"].where(p.index > 0, np.inf)}, {}, "'inf' at 000000 2000"),
        ({"z": lambda p: p["z"].astype(str)}, {}, "numbers stored as"),
    ],
)
def test_unusable_panels(change, options, message):
    with pytest.raises(ValueError, match=message):
        estimate_models(
            small_panel().assign(**change), outcome="y", regressors=["x", "z"], **options
        )


def test_one_period_is_refused():
    with pytest.raises(ValueError, match="fewer than 2 periods"):
        estimate_models(small_panel().query("year == 2003"), outcome="y", regressors=["x"])


def balanced_panel() -> pd.DataFrame:
    """Return eight periods of each county of `small_panel`."""
    panel = small_panel().groupby("code").filter(lambda g: len(g) >= 8)
    return panel.assign(year=panel.groupby("code").cumcount()).query("year < 8")


def test_hausman_with_common_variance_by_hand():
    """Balanced: it is the distance of between and within slopes (Hausman & Taylor 1981)."""
    panel, names = balanced_panel(), ["x", "z"]
    groups = panel.groupby("code")[["y", *names]]
    within = panel[["y", *names]] - groups.transform("mean")
    between = groups.mean() - groups.mean().mean()
    slopes, variance = [], np.zeros((2, 2))
    for data, df in ((within, len(panel) - len(between) - 2), (between, len(between) - 3)):
        x, y = data[names].to_numpy(), data["y"].to_numpy()
        slopes.append(np.linalg.lstsq(x, y, rcond=None)[0])
        variance += np.linalg.inv(x.T @ x) * ((y - x @ slopes[-1]) ** 2).sum() / df
    gap = slopes[0] - slopes[1]
    got = hausman(panel, outcome="y", regressors=names, common_variance=True)
    assert got.chi2 == pytest.approx(gap @ np.linalg.solve(variance, gap), rel=ALGEBRA)


def test_mundlak_by_hand():
    """Balanced: the means' coefficients are between minus within; influence functions by county."""
    panel = balanced_panel()
    names = ["x", "z"]
    groups = panel.groupby("code")[["y", *names]]
    mean, within = groups.mean(), panel[["y", *names]] - groups.transform("mean")
    xb = np.column_stack([np.ones(len(mean)), mean[names]])
    xw, yw = within[names].to_numpy(), within["y"].to_numpy()
    bb = np.linalg.lstsq(xb, mean["y"].to_numpy(), rcond=None)[0]
    bw = np.linalg.lstsq(xw, yw, rcond=None)[0]
    between = (xb * (mean["y"].to_numpy() - xb @ bb)[:, None]) @ np.linalg.inv(xb.T @ xb)
    scores = pd.DataFrame(xw * (yw - xw @ bw)[:, None]).groupby(panel["code"].to_numpy()).sum()
    influence = between[:, 1:] - scores.to_numpy() @ np.linalg.inv(xw.T @ xw)
    g, n, gap = len(mean), len(panel), bb[1:] - bw
    variance = g / (g - 1) * (n - 1) / (n - 5) * influence.T @ influence
    got = mundlak(panel, outcome="y", regressors=names)
    assert got.chi2 == pytest.approx(gap @ np.linalg.solve(variance, gap), rel=ALGEBRA)
    assert (got.df, got.df_denominator, got.clusters) == (2, g - 1, g)


def test_specification_tests_find_correlated_effects():
    panel = small_panel(counties=80)
    correlated = panel.assign(y=panel["y"] - 5 * panel.groupby("code")["x"].transform("mean"))
    classic = hausman(panel, outcome="y", regressors=["x", "z"])
    assert np.isnan(classic.chi2)
    assert "not positive definite" in classic.note
    common = hausman(panel, outcome="y", regressors=["x", "z"], common_variance=True)
    assert common.p_value < 1e-4
    assert common.note == ""
    strong = mundlak(correlated, outcome="y", regressors=["x", "z"], cluster="province")
    assert strong.p_value < 1e-4
    assert strong.clusters == 8
    assert "8 clusters" in strong.note


@settings(max_examples=10, deadline=None)
@given(
    unit_y=st.floats(1e-3, 1e3), unit_x=st.floats(1e-3, 1e3), seed=st.integers(0, 2**16),
    model=st.sampled_from(sorted(MODELS)),
)  # fmt: skip
def test_units_and_row_order_do_not_matter(unit_y, unit_x, seed, model):
    panel = small_panel(1)
    options: dict[str, Any] = {"outcome": "y", "regressors": ["x", "z"], "models": [model]}
    options["errors"] = ["entity", "driscoll_kraay"]
    base = estimate_models(panel, **options).query("term == 'x'")
    changed = panel.assign(y=panel["y"] * unit_y, x=panel["x"] * unit_x)
    changed = changed.sample(frac=1, random_state=seed)
    got = estimate_models(changed, **options).query("term == 'x'")
    scaled = base["estimate"] * unit_y / unit_x
    assert got["estimate"].to_numpy() == pytest.approx(scaled, rel=ALGEBRA)
    assert got["statistic"].to_numpy() == pytest.approx(base["statistic"], rel=ALGEBRA, nan_ok=True)


def test_every_model_and_error_is_explained():
    assert all(m.assumption and m.label_en and m.label_zh for m in MODELS.values())
    assert all(e.convention.rstrip().endswith(".") for e in ERRORS.values())


def test_lag_counts_years_and_not_rows():
    frame = pd.DataFrame(
        {"code": ["a", "a", "a", "b"], "year": [2010, 2011, 2013, 2011], "x": [1.0, 2.0, 3.0, 4.0]}
    )
    lagged = lag(frame, ["x"], years=1)
    assert lagged["x_before"].fillna(-1).tolist() == [-1, 1, -1, -1]
    assert lag(frame, ["x"], years=2)["x_before"].fillna(-1).tolist() == [-1, -1, 2, -1]
    assert lag(frame, ["x"], years=0)["x_before"].tolist() == frame["x"].tolist()
