"""Big panels against published values, independent software, least squares by hand, and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.bigpanel import REFINED, BigPanelFit, big_panel_fit
from analysis.bigpanel_input import MAX_PERIODS
from analysis.bigpanel_queries import BITS
from analysis.panel import COLUMNS, estimate_models

duckdb = pytest.importorskip("duckdb")

DIGITS = 1e-8  # relative: eight digits, the accuracy that is promised
EXACT = 1e-10  # relative; two ways to compute the same number from well-scaled data
PRINTED = 1e-8  # published values are printed with ten significant digits
ALGEBRA = 1e-7  # relative; identities after rescaling data, error of double precision solves
KEYS: dict[str, Any] = {"unit": "unit", "time": "year"}
NUMBERS = ["estimate", "se", "statistic", "p_value", "ci_low", "ci_high", "r2", "r2_within"]
COUNTS = ["n", "entities", "periods", "clusters", "df", "dropped_missing"]


def simulated(units: int, periods: int, *, keep: float = 1.0, seed: int = 1) -> pd.DataFrame:
    """Panel with regressors correlated with both effects and errors of unequal variance."""
    rng = np.random.default_rng(seed)
    unit, year = (a.ravel() for a in np.meshgrid(range(units), range(periods), indexing="ij"))
    effect, n = rng.normal(size=units)[unit], len(unit)
    x1 = 0.5 * effect + rng.normal(size=n) + 0.1 * year
    x2, x3 = rng.normal(size=n), rng.normal(size=n) - 0.2 * effect
    y = 0.5 * x1 - 0.25 * x2 + 0.1 * x3 + effect + 0.05 * year**2
    y += rng.normal(size=n) * (1 + 0.5 * np.abs(x1))
    frame = pd.DataFrame({"unit": unit, "year": 2010 + year, "y": y, "x1": x1, "x2": x2, "x3": x3})
    frame["province"] = frame["unit"] % 17
    frame["w"] = 0.5 + (frame["unit"] * 7 % 11) / 4
    return frame[rng.random(n) < keep].reset_index(drop=True)


def saved(frame: pd.DataFrame, folder: Path, name: str = "panel.parquet") -> Path:
    path = folder / name
    frame.to_parquet(path, index=False)
    return path


def fit(path: Path, **options: Any) -> BigPanelFit:
    return big_panel_fit(path, **({"y": "y", "x": ["x1", "x2", "x3"]} | KEYS | options))


def by_dummies(
    frame: pd.DataFrame, x: list[str], *, cluster: str = "unit", weights: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with all dummies; V = G/(G-1) (N-1)/(N-K) sandwich, units not in K."""
    frame = frame[frame.groupby("unit")["unit"].transform("size") > 1]
    w = np.sqrt(frame[weights].to_numpy()) if weights else np.ones(len(frame))
    dummies = [pd.get_dummies(frame[c], dtype=float) for c in ("unit", "year")]
    design = np.column_stack([frame[x], *dummies]) * w[:, None]
    bread = np.linalg.pinv(design.T @ design, rcond=1e-12, hermitian=True)
    slopes = np.linalg.lstsq(design, frame["y"].to_numpy() * w, rcond=1e-12)[0]
    scores = design * (frame["y"].to_numpy() * w - design @ slopes)[:, None]
    sums = pd.DataFrame(scores).groupby(frame[cluster].to_numpy()).sum().to_numpy()
    absorbed = np.linalg.matrix_rank(design) - len(x) - frame["unit"].nunique()
    g, n, k = frame[cluster].nunique(), len(frame), len(x) + 1 + absorbed
    variance = g / (g - 1) * (n - 1) / (n - k) * bread @ sums.T @ sums @ bread
    return slopes[: len(x)], np.sqrt(np.diag(variance))[: len(x)]


def assert_equals_county_models(path: Path, frame: pd.DataFrame, cluster: str | None) -> None:
    got = fit(path, cluster=cluster).estimates
    want = estimate_models(
        frame, outcome="y", regressors=["x1", "x2", "x3"], entity="unit", time="year",
        models=["two_way"], errors=[cluster or "entity"],
    )  # fmt: skip
    assert tuple(got.columns) == COLUMNS
    assert got[["model", "error_type", "term", "note"]].equals(
        want[["model", "error_type", "term", "note"]]
    )
    assert (got[COUNTS] == want[COUNTS]).all(axis=None)
    for column in NUMBERS:
        assert got[column].to_numpy() == pytest.approx(want[column].to_numpy(), rel=DIGITS), column


@pytest.mark.parametrize("keep", [1.0, 0.8])
@pytest.mark.parametrize("cluster", [None, "province"])
def test_equals_the_county_models_at_36_thousand_rows(tmp_path, keep, cluster):
    frame = simulated(2800, 13, keep=keep)
    assert_equals_county_models(saved(frame, tmp_path), frame, cluster)


@pytest.mark.slow
@pytest.mark.parametrize("keep", [1.0, 0.8])
def test_equals_the_county_models_at_a_million_rows(tmp_path, keep):
    frame = simulated(200_000, 5, keep=keep)
    assert_equals_county_models(saved(frame, tmp_path), frame, None)


@pytest.mark.parametrize("cluster", ["unit", "province"])
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("periods", [4, BITS + 5])
def test_least_squares_with_dummies(tmp_path, cluster, weights, periods):
    frame = simulated(60, periods, keep=0.6)
    got = fit(saved(frame, tmp_path), cluster=cluster, weights=weights)
    slopes, errors = by_dummies(frame, ["x1", "x2", "x3"], cluster=cluster, weights=weights)
    assert got.estimates["estimate"].to_numpy() == pytest.approx(slopes, rel=EXACT)
    assert got.estimates["se"].to_numpy() == pytest.approx(errors, rel=EXACT)
    assert np.sqrt(np.diag(got.covariance)) == pytest.approx(errors, rel=EXACT)


@pytest.mark.parametrize("keep", [1.0, 0.8])
def test_equals_pyfixest(tmp_path, keep):
    """Its fixed effects are ordered with the unit first: the other way round it miscounts K."""
    pyfixest = pytest.importorskip("pyfixest")
    frame = simulated(2800, 13, keep=keep, seed=2)
    model = pyfixest.feols("y ~ x1 + x2 + x3 | unit + year", frame, vcov={"CRV1": "unit"})
    got = fit(saved(frame, tmp_path)).estimates
    assert got["estimate"].to_numpy() == pytest.approx(model.coef().to_numpy(), rel=DIGITS)
    assert got["se"].to_numpy() == pytest.approx(model.se().to_numpy(), rel=DIGITS)


# R fixest: file, unit, outcome, regressors, row looked at, estimate, standard error (if given)
PUBLISHED = [
    ("mpdta.csv", "countyreal", "lemp", ["post"], -0.03654893667, 0.01326515543),
    ("castle.csv", "sid", "l_homicide", ["post"], 0.08181161693, None),
    ("base_stagg.csv", "id", "y", ["post", "x1"], -3.683101447, None),
]


@pytest.mark.parametrize(("name", "unit", "y", "x", "estimate", "se"), PUBLISHED)
def test_published_two_way_estimates(oracle, tmp_path, name, unit, y, x, estimate, se):
    frame = pd.read_csv(oracle(name))
    if name == "mpdta.csv":
        frame["post"] = frame["first.treat"].gt(0) & (frame["year"] >= frame["first.treat"])
    if name == "base_stagg.csv":
        frame["post"] = frame["treated"].gt(0) & (frame["year"] >= frame["year_treated"])
    got = fit(saved(frame, tmp_path), y=y, x=x, unit=unit).estimates.iloc[0]
    assert got["estimate"] == pytest.approx(estimate, abs=PRINTED)
    if se is not None:
        assert got["se"] == pytest.approx(se, abs=PRINTED)


def small_exact_panel() -> pd.DataFrame:
    """Unbalanced panel of 40 x 6 made of remainders, the same on every machine."""
    unit, year = (a.ravel() for a in np.meshgrid(range(40), range(6), indexing="ij"))
    frame = pd.DataFrame({"unit": unit, "year": year})
    frame["x1"] = (unit * 37 + year * 101) % 64 / 16
    frame["x2"] = (unit * 53 + year * year * 29) % 128 / 32
    frame["y"] = frame["x1"] / 2 + (unit * 71 + year * 43 + unit * year * 13) % 256 / 64
    return frame[(unit * 5 + year * 3) % 7 > 0].reset_index(drop=True)


def test_typed_values_of_pyfixest(tmp_path):
    """feols("y ~ x1 + x2 | unit + year", vcov={"CRV1": "unit"}) of version 0.60.0."""
    got = fit(saved(small_exact_panel(), tmp_path), x=["x1", "x2"]).estimates
    assert got["estimate"].to_numpy() == pytest.approx(
        [0.531461713575, -0.0551288931632], abs=PRINTED
    )
    assert got["se"].to_numpy() == pytest.approx([0.0789376548118, 0.0832935837888], abs=PRINTED)


def content(result: BigPanelFit) -> bytes:
    numbers = result.estimates[NUMBERS].to_numpy(dtype=float)
    return numbers.tobytes() + result.covariance.to_numpy().tobytes()


@pytest.mark.parametrize("weights", [None, "w"])
def test_same_bytes_for_any_threads_order_and_files(tmp_path, weights):
    frame = simulated(3000, 5, keep=0.8)
    shuffled = frame.sample(frac=1, random_state=4)
    plain, other = (f[["y", "x1", "x2", "x3"]].cumsum().iloc[-1] for f in (frame, shuffled))
    assert (plain != other).any()  # sums of doubles differ
    path = tmp_path / "one.parquet"
    frame.to_parquet(path, index=False, row_group_size=1000)
    parts = tmp_path / "parts"
    parts.mkdir()
    for k in range(5):
        saved(shuffled.iloc[k::5], parts, f"{k}.parquet")
    options: dict[str, Any] = {"cluster": "province", "weights": weights}
    want = content(fit(path, threads=1, **options))
    for threads in (2, 4):
        assert content(fit(path, threads=threads, **options)) == want
        assert content(fit(parts, threads=threads, **options)) == want


def test_hidden_folders_and_an_empty_one_do_not_count(tmp_path):
    frame = simulated(200, 4)
    want = content(fit(saved(frame, tmp_path)))
    folder = tmp_path / "it's [1]" / ".cache"
    for name in (".read", "part=1/.read", "part=1"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        saved(frame, folder / name)
    assert content(fit(folder)) == want
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="no parquet file below it"):
        fit(empty)


@pytest.mark.slow
def test_same_bytes_when_memory_is_short(tmp_path):
    path = saved(simulated(1_000_000, 4, keep=0.9), tmp_path)
    assert content(fit(path, memory_limit="200MB", threads=2)) == content(fit(path, threads=2))


def test_large_effects_do_not_cost_digits(tmp_path):
    """Unit effects 10,000 times and levels a million times the variation that is used."""
    frame = simulated(500, 6, keep=0.9)
    want = fit(saved(frame, tmp_path)).estimates
    shift = np.random.default_rng(5).normal(size=500)[frame["unit"]] * 2.0**13
    moved = frame.assign(y=frame["y"] + shift + 2.0**20, x1=frame["x1"] - shift + 2.0**20)
    got = fit(saved(moved, tmp_path))
    assert got.estimates["estimate"].to_numpy() == pytest.approx(want["estimate"], rel=DIGITS)
    assert got.estimates["se"].to_numpy() == pytest.approx(want["se"], rel=DIGITS)
    assert got.correction <= REFINED


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    scale_y=st.floats(1e-6, 1e6), scale_x=st.floats(1e-6, 1e6), seed=st.integers(0, 2**16),
    keep=st.floats(0.4, 1.0),
)  # fmt: skip
def test_units_of_measurement_and_effects_do_not_matter(tmp_path, scale_y, scale_x, seed, keep):
    frame = simulated(30, 5, keep=keep, seed=seed)
    rng = np.random.default_rng(seed)
    effects = rng.normal(size=30)[frame["unit"]] + rng.normal(size=2020)[frame["year"]]
    changed = frame.assign(y=(frame["y"] + effects) * scale_y, x1=frame["x1"] * scale_x)
    base = fit(saved(frame, tmp_path)).estimates
    got = fit(saved(changed, tmp_path)).estimates
    factor = scale_y / np.array([scale_x, 1, 1])
    assert got["estimate"].to_numpy() == pytest.approx(base["estimate"] * factor, rel=ALGEBRA)
    assert got["statistic"].to_numpy() == pytest.approx(base["statistic"], rel=ALGEBRA)


def test_weight_of_two_counts_a_unit_twice(tmp_path):
    frame = simulated(40, 4, keep=0.8)
    doubled = pd.concat([frame, frame[frame["unit"] < 20].assign(unit=lambda d: d["unit"] + 100)])
    weighted = frame.assign(w=np.where(frame["unit"] < 20, 6.0, 3.0))
    got = fit(saved(weighted, tmp_path), weights="w").estimates
    want = fit(saved(doubled, tmp_path)).estimates
    assert got["estimate"].to_numpy() == pytest.approx(want["estimate"], rel=EXACT)
    assert set(got["n"]) == {(frame.groupby("unit")["unit"].transform("size") > 1).sum()}


def test_missing_values_and_singletons_are_counted_and_left_out(tmp_path):
    frame = simulated(50, 4).astype({"province": "Int64"})
    frame.loc[[0, 1, 2], "x1"] = np.nan  # unit 0 is left with one row
    frame.loc[[2, 9], "y"] = np.nan
    frame.loc[14, "province"] = pd.NA
    frame = frame.drop(index=[5, 6, 7])  # unit 1 is left with one row
    got = fit(saved(frame, tmp_path), cluster="province")
    complete = frame.dropna()
    kept = complete[complete.groupby("unit")["unit"].transform("size") > 1]
    assert got.missing == {"x1": 3, "y": 2, "province": 1}
    assert (got.dropped_missing, got.singletons, got.n) == (5, 2, len(kept))
    assert (got.n_units, got.n_periods, got.n_clusters) == (48, 4, 17)
    assert "2 entities seen in one period left out" in got.estimates["note"][0]
    slopes, errors = by_dummies(kept, ["x1", "x2", "x3"], cluster="province")
    assert got.estimates["estimate"].to_numpy() == pytest.approx(slopes, rel=EXACT)
    assert got.estimates["se"].to_numpy() == pytest.approx(errors, rel=EXACT)


def test_period_seen_by_singletons_only_is_no_period(tmp_path):
    frame = simulated(50, 4)
    alone = frame.head(3).assign(unit=[901, 902, 903], year=1999)
    want, got = fit(saved(frame, tmp_path)), fit(saved(pd.concat([frame, alone]), tmp_path))
    assert (got.n_periods, got.singletons, got.n) == (4, 3, want.n)
    assert got.estimates["se"].to_numpy() == pytest.approx(want.estimates["se"], rel=EXACT)


def test_sets_that_nothing_connects_lose_one_period_each(tmp_path):
    frame = simulated(40, 6)
    early = (frame["unit"] < 20) & (frame["year"] < 2013)
    frame = frame[early | ((frame["unit"] >= 20) & (frame["year"] >= 2013))]
    got = fit(saved(frame, tmp_path))
    slopes, errors = by_dummies(frame, ["x1", "x2", "x3"])
    assert got.components == 2
    assert "2 sets of entities and periods" in got.estimates["note"][0]
    assert got.estimates["estimate"].to_numpy() == pytest.approx(slopes, rel=EXACT)
    assert got.estimates["se"].to_numpy() == pytest.approx(errors, rel=EXACT)


def test_keys_of_any_type_and_tables_of_a_connection(tmp_path):
    frame = simulated(50, 5, keep=0.9)
    want = content(fit(saved(frame, tmp_path)))
    text = frame.assign(
        unit="村" + frame["unit"].astype(str), year=pd.to_datetime(frame["year"].astype(str))
    )
    path = saved(text, tmp_path, "text.parquet")
    assert content(fit(path)) == want
    with duckdb.connect() as con:
        con.execute(f"""CREATE TABLE "my ""panel" AS SELECT * FROM '{path}'""")
        assert content(fit('my "panel', connection=con)) == want  # type: ignore[arg-type]
        assert con.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (1,)
        with pytest.raises(ValueError, match="settings of `connection`"):
            fit('my "panel', connection=con, threads=1)  # type: ignore[arg-type]


def test_boolean_and_decimal_columns_are_numbers(tmp_path):
    frame = simulated(50, 5)
    frame["x1"] = frame["x1"] > 0
    want = content(fit(saved(frame.astype({"x1": float}), tmp_path)))
    assert content(fit(saved(frame, tmp_path))) == want


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"x1": np.inf}, {}, "column 'x1': values are infinite, 200 rows, e.g. 0 2010"),
        ({"y": "many"}, {}, "column 'y': numbers stored as VARCHAR"),
        ({"x1": lambda p: p["unit"].astype(float)}, {}, "'x1' does not vary within units"),
        ({"x1": lambda p: p["year"] * 3}, {}, "'x1' does not vary within units"),
        ({"x1": 4.5}, {}, "'x1' does not vary within units"),
        ({"x3": lambda p: p["x1"] - 2 * p["x2"] + p["year"]}, {}, "'x3' is collinear with"),
        ({"year": lambda p: p["year"].where(p["unit"] > 1, 2010)}, {}, "2 units have rows that"),
        ({"year": 2010}, {}, "fewer than 2 periods"),
        ({"unit": lambda p: p["unit"].where(p["unit"] > 0)}, {}, "4 rows without a key"),
        ({"province": lambda p: p["year"] % 3}, {"cluster": "province"}, "changes within 50 units"),
        ({"province": 1}, {"cluster": "province"}, "at least 2 clusters"),
        ({"w": lambda p: p["year"]}, {"weights": "w"}, "'w' changes within 50 units"),
        ({"w": lambda p: p["unit"] - 1.0}, {"weights": "w"}, "zero or negative, 8 rows, e.g. 0 2"),
        ({"y": np.nan}, {}, "fewer than 2 periods in the complete rows"),
        ({"y": [1e308, -1e308] * 100}, {}, "span too much"),
        ({"unit": 1, "year": range(200)}, {}, "1 units seen more than once are too few"),
    ],
)  # fmt: skip
def test_unusable_panels(tmp_path, change, options, message):
    frame = simulated(50, 4).assign(**change)
    with pytest.raises(ValueError, match=message):
        fit(saved(frame, tmp_path), **options)


def test_all_violations_in_one_error(tmp_path):
    frame = simulated(50, 4).drop(columns="x2").assign(x1="a")
    with pytest.raises(ValueError, match="4 violation") as caught:
        fit(saved(frame, tmp_path), x=["x1", "x2", "unit", "x1"])
    for part in ("'x1': numbers stored", "'x2' is missing", "'unit' is the outcome", "repeat"):
        assert part in str(caught.value), part


def test_too_many_periods_are_refused(tmp_path):
    frame = pd.concat(
        [simulated(2, MAX_PERIODS + 1), simulated(4, 3).assign(unit=lambda d: d["unit"] + 2)]
    )
    with pytest.raises(ValueError, match=f"{MAX_PERIODS + 1} periods, at most {MAX_PERIODS}"):
        fit(saved(frame, tmp_path))
