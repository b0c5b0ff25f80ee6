"""One change of a rate: closed forms, exact p-values, coverage of the years, the real series."""

from __future__ import annotations

from itertools import product
from math import factorial, log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.policy.change_point import (
    ChangePoint,
    change_point,
    change_point_table,
    is_contiguous,
)
from analysis.policy.terms import family_counts, read_counts, read_lexicon

DATA = Path(__file__).resolve().parents[1] / "data" / "raw"


def series(counts: Any, exposure: Any = 10_000, start: int = 2000) -> pd.DataFrame:
    years = range(start, start + len(counts))
    return pd.DataFrame({"year": years, "n": counts, "n_hanzi": exposure})


def scan(counts: Any, exposure: Any = 10_000, *, seed: int = 1, **options: Any) -> ChangePoint:
    return change_point(series(counts, exposure), rng=np.random.default_rng(seed), **options)


def drawn(rng: np.random.Generator, mean: np.ndarray, dispersion: float) -> np.ndarray:
    if dispersion == 1:
        return rng.poisson(mean)
    return rng.negative_binomial(mean / (dispersion - 1), 1 / dispersion)


def test_the_statistic_has_its_closed_form() -> None:
    point = scan([0, 0, 0, 5, 5, 5])
    # 15 places at 5 a year after, at 15 / 6 in all years: 2 * 15 * ln(5 / 2.5)
    assert point.statistic == pytest.approx(30 * log(2))
    assert (point.found, point.year, point.previous) == (True, 2003, 2002)
    assert (point.rate_before, point.rate_after) == (0.0, 5.0)


@given(st.lists(st.integers(0, 9), min_size=5, max_size=9), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_statistic_is_a_deviance(counts: list[int], seed: int) -> None:
    exposure = np.random.default_rng(seed).integers(5_000, 30_000, len(counts))
    if sum(counts) == 0:
        return
    gains = []
    for split in range(1, len(counts)):
        late = (np.arange(len(counts)) >= split).astype(float)
        means = [np.sum(counts) / exposure.sum() * exposure]
        rate = [np.sum(np.array(counts)[late == k]) / exposure[late == k].sum() for k in (0, 1)]
        two = np.where(late == 1, rate[1], rate[0]) * exposure
        means.append(np.maximum(two, 1e-300))  # statsmodels divides by it
        family = sm.families.Poisson()
        gains.append(family.deviance(counts, means[0]) - family.deviance(counts, means[1]))
    found = scan(counts, exposure, simulations=99).statistic
    assert found == pytest.approx(max(gains), abs=1e-8)


def test_the_p_value_is_the_exact_one() -> None:
    counts, exposure = np.array([0, 1, 0, 4]), np.array([1, 2, 1, 2]) * 10_000

    def statistic(values: np.ndarray) -> float:
        return scan(values, exposure, simulations=99).statistic

    share, total = exposure / exposure.sum(), counts.sum()
    exact = 0.0
    for values in map(np.array, product(range(total + 1), repeat=4)):
        if values.sum() == total and statistic(values) >= statistic(counts) - 1e-9:
            ways = factorial(total) / np.prod([factorial(v) for v in values])
            exact += ways * np.prod(share**values)
    simulated = scan(counts, exposure, simulations=20_000).p_value
    assert simulated == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


@given(st.lists(st.integers(0, 6), min_size=4, max_size=12))
@settings(max_examples=30, deadline=None)
def test_nothing_depends_on_units_or_order(counts: list[int]) -> None:
    point = scan(counts, simulations=99)
    shuffled = series(counts).sample(frac=1, random_state=0)
    assert change_point(shuffled, rng=np.random.default_rng(1), simulations=99) == point
    wide = scan(counts, 20_000, simulations=99)
    assert (wide.found, wide.year) == (point.found, point.year)
    assert wide.p_value == pytest.approx(point.p_value)
    assert 2 * wide.rate_after == pytest.approx(point.rate_after)
    assert scan(counts[::-1], simulations=99).statistic == pytest.approx(point.statistic)


@pytest.mark.parametrize("model", ["poisson", "overdispersed"])
@pytest.mark.parametrize("counts", [[3] * 12, [0] * 12, [2, 3, 2, 4, 3, 2, 3, 3]])
def test_a_constant_rate_has_no_change(model: str, counts: list[int]) -> None:
    point = scan(counts, model=model)
    assert not point.found
    assert (point.year, point.previous, point.years_confident) == (None, None, ())
    assert point.rate_before == point.rate_after == pytest.approx(np.mean(counts))


@pytest.mark.parametrize(
    ("model", "dispersion", "mean"),
    [("poisson", 1.0, 2.0), ("poisson", 1.0, 0.2), ("overdispersed", 2.5, 3.0),
     ("overdispersed", 2.5, 0.6), ("overdispersed", 1.0, 2.0)],
)  # fmt: skip
def test_a_change_is_rarely_found_where_none_is(model: str, dispersion: float, mean: float) -> None:
    reps = 300
    rejected = 0
    for seed in range(reps):
        rng = np.random.default_rng([seed, 7])
        counts = drawn(rng, np.full(25, mean), dispersion)
        rejected += scan(counts, seed=seed, model=model, simulations=199).found
    # level 5 %; 0.1 % of a binomial with 300 trials exceed 28
    assert rejected <= 28


def test_bursts_deceive_the_poisson_model_only() -> None:
    found = {"poisson": 0, "overdispersed": 0}
    for seed in range(100):
        counts = drawn(np.random.default_rng([seed, 3]), np.full(25, 3.0), 2.5)
        for model in found:
            found[model] += scan(counts, seed=seed, model=model, simulations=199).found
    assert found["poisson"] > 30 > 15 > found["overdispersed"]


@pytest.mark.parametrize(
    ("model", "dispersion", "mean", "ratio"),
    [("poisson", 1.0, 2.0, 3.0), ("poisson", 1.0, 2.0, 2.0), ("overdispersed", 2.5, 3.0, 4.0)],
)
def test_the_year_is_covered(model: str, dispersion: float, mean: float, ratio: float) -> None:
    covered = total = 0
    for seed in range(300):
        rng = np.random.default_rng([seed, 11])
        level = np.full(25, mean)
        level[15:] *= ratio
        point = scan(drawn(rng, level, dispersion), seed=seed, model=model, simulations=199)
        total += point.found
        covered += 2015 in point.years_confident
    assert total > 100
    # confidence 95 % among the changes found; a share below 90 % is 4 standard errors off
    assert covered / total > 0.95 - 4 * np.sqrt(0.95 * 0.05 / total)


def test_a_clear_change_is_dated_to_the_year() -> None:
    point = scan([0] * 18 + [4] * 7, model="overdispersed")
    assert point.year == 2018 and point.years_confident == (2018,)


def test_a_table_row_does_not_depend_on_its_neighbours() -> None:
    jump, flat = series([1] * 8 + [6] * 8), series([2] * 16)
    both = pd.concat([jump.assign(term="jump"), flat.assign(term="flat")])
    table = change_point_table(both, seed=4, simulations=299)
    alone = change_point_table(jump.assign(term="jump"), seed=4, simulations=299)
    pd.testing.assert_frame_equal(table[table["series"] == "jump"].reset_index(drop=True), alone)
    assert table.groupby("series")["found"].all().to_dict() == {"flat": False, "jump": True}
    assert table.loc[table["series"] == "flat", ["year", "year_low"]].isna().all(axis=None)
    assert alone["years_confident"].str.contains("2008").all()
    assert alone["matches"].tolist() == [56, 56]


def test_faults_are_listed_at_once() -> None:
    bad = pd.DataFrame({"year": [2000, 2000, 2001], "n": [1, -1, 0.5], "n_hanzi": [1, 0, 1]})
    with pytest.raises(ValueError, match=r"7 violation"):
        change_point(bad, rng=np.random.default_rng(0), model="x", alpha=0, simulations=9)


def test_the_real_series_change_when_policy_did() -> None:
    counts = read_counts(DATA / "policy_texts" / "counts")
    reports = counts[(counts["kind"] == "report") & (counts["year"] >= 2000)]
    families = family_counts(reports, read_lexicon(DATA / "policy"))
    chosen = reports[reports["term"].isin(["rural_revitalization", "link"])]
    table = change_point_table(pd.concat([families, chosen]), seed=1)
    rows = {(row["series"], row["model"]): row for row in table.to_dict("records")}
    for model in ("poisson", "overdispersed"):
        for name in ("rural_revitalization", "revitalization"):
            row = rows[name, model]
            assert (row["found"], row["year"], row["years_confident"]) == (True, 2018, "2018")
        row = rows["linkage", model]
        # no report of 2020: the change lies after that of 2019
        assert (row["year"], row["previous"], row["years_confident"]) == (2021, 2019, "2021")
        assert not rows["link", model]["found"]


def test_a_set_of_years_with_gaps_is_no_interval():
    assert is_contiguous("2019 2021", [2018, 2019, 2021, 2022])  # no report of 2020
    assert not is_contiguous("2009 2011", range(2000, 2025))
    assert not is_contiguous("", range(2000, 2025))
