"""Simulated households: the numbers can be redone by hand, the design is what the weights say."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import yaml
from scipy.special import expit
from scipy.stats import norm

from analysis.households.config import read_config
from analysis.households.household_truth import (
    ALL_PARTS,
    ANSWERS,
    CUTOFF_PARTS,
    INCOME_PARTS,
    INDICATORS,
    PARTS,
    load_household_truth,
    return_risk,
)
from analysis.households.simulate_households import (
    allot_villages,
    draw_villages,
    sample_sql,
    write_households,
)
from analysis.households.simulated_answers import uniforms
from analysis.households.simulated_population import (
    Survey,
    build_population,
    census_sql,
    population_cells,
    true_gini,
    true_measures,
)

SOURCE = Path(__file__).parents[1] / "data" / "raw" / "households" / "simulated"
TRUTH = load_household_truth(SOURCE)
COUNTIES = [f"{province}01{n:02d}" for province in (13, 51, 62) for n in range(21, 31)]
SURVEY = Survey(rows=7_200, seed=3)
SIGMAS = 5  # a correct simulation fails one check in two million


@pytest.fixture(scope="module")
def population():
    with duckdb.connect(config={"threads": 2}) as connection:
        build_population(connection, COUNTIES, TRUTH, SURVEY)
        draw_villages(connection, TRUTH, SURVEY)
        yield connection


@pytest.fixture(scope="module")
def census(population):
    """Every household in the first year, with the latent disadvantage of its village."""
    rows = census_sql(TRUTH, SURVEY)
    return population.sql(
        f"SELECT h.*, v.disadvantage FROM ({rows}) h JOIN villages v USING (village) "
        "ORDER BY household, year"
    ).df()


def scores(frame: pd.DataFrame) -> pd.Series:
    """Weighted deprivations in twenty-fourths, from the columns as a reader would."""
    deprived = {name: frame[name] for name in INDICATORS if name not in ANSWERS}
    deprived["low_schooling"] = (frame["schooling_years"] < 6).astype(int)
    deprived["unsafe_water"] = frame["water_source"].isin(["river", "rain"]).astype(int)
    total = sum(PARTS[name] * column.astype(int) for name, column in deprived.items())
    return total + INCOME_PARTS * (frame["income"] < TRUTH.poverty_line)


# --- random numbers and files


def test_random_numbers_are_pieces_of_md5():
    names = [f"u{i}" for i in range(6)]
    query = f"SELECT {uniforms(chr(39) + '3|village|130121-00001' + chr(39), names)}"
    found = duckdb.execute(query).fetchall()[0]
    digest = hashlib.md5(b"3|village|130121-00001").digest()
    lower, upper = (int.from_bytes(digest[i : i + 8], "little") for i in (8, 0))
    pieces = [(half >> shift) % 2**21 for half in (lower, upper) for shift in (43, 22, 1)]
    assert found == pytest.approx([(piece + 0.5) / 2**21 for piece in pieces], abs=0)


def test_an_income_is_redone_by_hand(population):
    row = population.sql(f"SELECT * FROM ({sample_sql(TRUTH, SURVEY)}) ORDER BY ALL LIMIT 1").df()
    village, house = row["household"][0].rsplit("-", 1)
    key = f"3|{village}|{int(house) - 1}|a".encode()
    lower, upper = (int.from_bytes(hashlib.md5(key).digest()[i : i + 8], "little") for i in (8, 0))
    u = [
        ((half >> shift) % 2**21 + 0.5) / 2**21 for half in (lower, upper) for shift in (43, 22, 1)
    ]
    own, rest = (np.sqrt(-2 * np.log(u[i])) * np.cos(2 * np.pi * u[i + 1]) for i in (0, 2))
    place = population.sql(f"SELECT disadvantage FROM villages WHERE village = '{village}'")
    latent = place.fetchall()[0][0] + own
    log_income = np.log(TRUTH.income_level) + TRUTH.income_loading * latent
    log_income += TRUTH.urban_income * row["urban"][0] + TRUTH.income_sd * rest
    assert row["year"][0] == 2021
    assert row["income"][0] == pytest.approx(np.exp(log_income), abs=0.0051)


def test_threads_do_not_change_a_byte(tmp_path):
    survey = replace(SURVEY, rows=60_000)
    files = {}
    for threads in (1, 2):
        paths = write_households(tmp_path / str(threads), COUNTIES, TRUTH, survey, threads=threads)
        assert sorted((tmp_path / str(threads)).iterdir()) == paths
        files[threads] = [path.read_bytes() for path in paths]
    assert files[1] == files[2]


def test_parts_hold_the_sample_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.households.simulate_households.PART_ROWS", 1_000)
    paths = write_households(tmp_path / "it's", COUNTIES, TRUTH, SURVEY)
    assert len(paths) == 8  # 200 villages, 1000 / 36 = 27 in a part
    written = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    keys = ["village", "household", "year"]
    assert written[keys].equals(written[keys].sort_values(keys, ignore_index=True))
    assert len(written) == 7_200 and not written.duplicated(["household", "year"]).any()


def test_more_rows_come_from_a_larger_population():
    with duckdb.connect() as connection:
        survey = Survey(rows=400_000)
        build_population(connection, COUNTIES, TRUTH, survey)
        draw_villages(connection, TRUTH, survey)
        rows, villages = connection.sql(
            "SELECT count(*) * 36, count(DISTINCT village) * 36 FROM drawn"
        ).fetchall()[0]
    assert rows == villages
    assert 0.98 * 400_000 <= rows <= 400_020


# --- the design


def test_villages_are_drawn_in_proportion_to_listed_households(population):
    draws = 400
    hits = pd.Series(0, index=population.sql("SELECT village FROM villages").df()["village"])
    weights = []
    for draw in range(draws):
        draw_villages(population, TRUTH, replace(SURVEY, draw=draw))
        drawn = population.sql("SELECT village, weight FROM drawn").df()
        assert drawn["village"].is_unique and len(drawn) == 200
        hits[drawn["village"]] += 1
        weights.append(TRUTH.take * drawn["weight"].sum())
    draw_villages(population, TRUTH, SURVEY)
    frame = population.sql(
        "SELECT v.village, v.households, v.listed, v.listed / t.listed AS size, drawn "
        "FROM villages v JOIN (SELECT stratum, sum(listed) AS listed FROM villages GROUP BY 1) t "
        "USING (stratum) JOIN (SELECT stratum, count(*) AS drawn FROM drawn GROUP BY 1) "
        "USING (stratum)"
    ).df()
    chance = (frame["size"] * frame["drawn"]).to_numpy()
    distance = (hits[frame["village"]] / draws - chance) / np.sqrt(chance * (1 - chance) / draws)
    assert np.abs(distance).max() < SIGMAS
    assert np.std(distance) == pytest.approx(1, abs=0.1)
    error = np.std(weights, ddof=1) / np.sqrt(draws)
    assert np.mean(weights) == pytest.approx(frame["households"].sum(), abs=SIGMAS * error)


def test_weights_follow_from_the_design(population):
    drawn = population.sql("SELECT * FROM drawn").df()
    listed = population.sql("SELECT stratum, sum(listed) AS n FROM villages GROUP BY 1").df()
    total = drawn["stratum"].map(listed.set_index("stratum")["n"].astype(float))
    count = drawn.groupby("stratum")["village"].transform("size")
    expected = total / (count * drawn["listed"]) * drawn["households"] / TRUTH.take
    np.testing.assert_allclose(drawn["weight"], expected, atol=1e-6)


def test_allotment_keeps_its_bounds_and_its_sum():
    strata = pd.DataFrame(
        {"stratum": list("abcd"), "urban": [0, 1, 0, 1], "listed": [9000, 3000, 900, 60],
         "largest": [60, 60, 60, 60]}
    )  # fmt: skip
    even = allot_villages(strata, villages=40, power=0.0, urban=1.0)["drawn"]
    assert even.tolist() == [10, 10, 10, 1]
    sizes = allot_villages(strata, villages=48, power=1.0, urban=2.0)["drawn"]
    # 2 each, then 40 by 9000, 6000, 900, 120: 22.47, 14.98, 2.25, 0.30; the last has room for 1
    assert sizes.tolist() == [25, 17, 4, 1]


def test_a_panel_asks_the_same_households_each_year(population):
    rows = population.sql(sample_sql(TRUTH, SURVEY)).df()
    years = rows.groupby("household")["year"].agg(tuple).map(sorted)
    assert (years.map(tuple) == (2021, 2022, 2023)).all()
    assert (rows.groupby("household")["weight"].nunique() == 1).all()
    one = population.sql(sample_sql(TRUTH, replace(SURVEY, years=(2021,)))).df()
    first = rows[rows["year"] == 2021].sort_values("household", ignore_index=True)
    pd.testing.assert_frame_equal(one.sort_values("household", ignore_index=True), first)


# --- the truth


def test_the_population_follows_the_process(census):
    """H and the headcount of incomes against integrals over the household part."""
    first = census[census["year"] == 2021]
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    place, urban = first["disadvantage"].to_numpy(), first["urban"].to_numpy()
    spread = np.hypot(TRUTH.income_loading, TRUTH.income_sd)
    median = np.log(TRUTH.income_level) + TRUTH.income_loading * place + TRUTH.urban_income * urban
    chance = norm.cdf((np.log(TRUTH.poverty_line) - median) / spread)
    error = np.sqrt((chance * (1 - chance)).sum()) / len(first)
    low = (first["income"] < TRUTH.poverty_line).mean()
    assert low == pytest.approx(chance.mean(), abs=SIGMAS * error)
    villages = first.groupby(["village", "disadvantage", "urban"], as_index=False).size()
    poor = sum(
        weight * _chance_of_poverty(villages["disadvantage"] + node, villages["urban"])
        for node, weight in zip(nodes, weights / weights.sum(), strict=True)
    )
    expected = np.average(poor, weights=villages["size"])
    error = np.sqrt(np.average(poor * (1 - poor), weights=villages["size"]) / len(first))
    assert (scores(first) >= CUTOFF_PARTS).mean() == pytest.approx(expected, abs=SIGMAS * error)


def _chance_of_poverty(latent: pd.Series, urban: pd.Series) -> np.ndarray:
    """P(score >= cut-off) given latent disadvantage: deprivations are then independent."""
    log_median = np.log(TRUTH.income_level) + TRUTH.income_loading * latent
    log_median += TRUTH.urban_income * urban
    low = norm.cdf((np.log(TRUTH.poverty_line) - log_median) / TRUTH.income_sd)
    chances = [(INCOME_PARTS, low)]
    for name, (intercept, slope) in TRUTH.indicators.items():
        chances.append((PARTS[name], expit(intercept + slope * latent.to_numpy())))
    law = np.zeros((len(latent), ALL_PARTS + 1))
    law[:, 0] = 1
    for part, chance in chances:
        moved = np.pad(law, ((0, 0), (part, 0)))[:, : ALL_PARTS + 1]
        law = law * (1 - chance)[:, None] + moved * np.asarray(chance)[:, None]
    return law[:, CUTOFF_PARTS:].sum(axis=1)


def test_true_measures_are_those_of_all_households(population, census):
    cells = population_cells(population, TRUTH, SURVEY)
    table = true_measures(cells, [(), ("year",), ("code", "year")])
    frame = census.assign(score=scores(census))
    frame["poor"] = frame["score"] >= CUTOFF_PARTS
    for keys in ({}, {"year": 2022}, {"year": 2023, "code": COUNTIES[4]}):
        chosen = frame[(frame[list(keys)] == list(keys.values())).all(axis=1)]
        same = [table[c] == keys[c] if c in keys else table[c].isna() for c in ("code", "year")]
        own = table[np.logical_and.reduce(same)].set_index(["measure", "item"])["truth"]
        w, poor = chosen["persons"], chosen["poor"]
        gap = (1 - chosen["income"] / TRUTH.poverty_line).clip(lower=0)
        expected = {
            ("H", ""): np.average(poor, weights=w),
            ("M0", ""): np.average(poor * chosen["score"] / ALL_PARTS, weights=w),
            ("A", ""): np.average(chosen["score"] / ALL_PARTS, weights=w * poor),
            ("FGT0", ""): np.average(gap > 0, weights=w),
            ("FGT1", ""): np.average(gap, weights=w),
            ("FGT2", ""): np.average(gap**2, weights=w),
            ("mean_income", ""): np.average(chosen["income"], weights=w),
            ("censored", "few_assets"): np.average(chosen["few_assets"] * poor, weights=w),
            ("uncensored", "unsafe_water"): np.average(
                chosen["water_source"].isin(["river", "rain"]), weights=w
            ),
        }
        for name, value in expected.items():
            assert own[name] == pytest.approx(value, rel=1e-12), name


def test_the_true_gini_is_the_mean_difference(population, census):
    chosen = census[census["year"] == 2022].sort_values("income")
    x, w = chosen["income"].to_numpy(), chosen["persons"].to_numpy(float)
    share, rank = np.cumsum(w * x) / (w @ x), np.cumsum(w) / w.sum()
    area = sum((b - a) * (s + t) / 2 for (a, b), (s, t) in zip(
        pairwise([0, *rank]), pairwise([0, *share]), strict=True))  # fmt: skip
    found = true_gini(population, TRUTH, SURVEY)
    assert found.loc[2022] == pytest.approx(1 - 2 * area, rel=1e-9)


def test_next_year_is_next_year_and_its_risk_is_known(census):
    wide = census.pivot(index="household", columns="year", values=["income", "poor_next_year"])
    for year in (2021, 2022):
        below = wide["income"][year + 1] < TRUTH.poverty_line
        assert (below == wide["poor_next_year"][year].astype(bool)).all()
    known = return_risk(TRUTH).set_index("term")["truth"]
    rows = census[census["income"] >= TRUTH.poverty_line]
    design = pd.DataFrame(
        {
            "intercept": 1.0,
            "log_income_ratio": np.log(rows["income"] / TRUTH.poverty_line),
            "serious_illness": rows["serious_illness"].astype(float),
            "low_schooling": (rows["schooling_years"] < 6).astype(float),
            "migrant_worker": rows["migrant_worker"].astype(float),
        }
    )
    fit = sm.Logit(rows["poor_next_year"].to_numpy(float), design).fit(disp=0)
    assert (np.abs(fit.params - known[fit.params.index]) < SIGMAS * fit.bse).all()
    assert fit.bse.max() < 0.1


# --- configuration and faults


def test_the_configuration_is_the_one_of_the_simulation():
    config = read_config(SOURCE / "households.yml")
    parts = {**PARTS, "low_income": INCOME_PARTS}
    assert {i.name: i.weight * ALL_PARTS for i in config.indicators} == parts
    assert config.k * ALL_PARTS == CUTOFF_PARTS
    assert config.poverty_line == TRUTH.poverty_line
    assert config.monitoring_line == TRUTH.monitoring_line
    dimensions = {i.name: i.dimension for i in config.indicators}
    assert dimensions == {**INDICATORS, "low_income": "income"}


def test_all_faults_are_told_at_once(tmp_path):
    content = yaml.safe_load((SOURCE / "truth.yml").read_text())
    content |= {"village_sd": -1, "vilage_sd": 2, "migrant": [1]}
    del content["take"]
    content["indicators"] = dict(content["indicators"]) | {"few_asset": [0, 1], "solid_fuel": 3}
    (tmp_path / "truth.yml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError) as error:
        load_household_truth(tmp_path)
    message = str(error.value)
    for part in (
        "6 problems", "village_sd: expected a number from 0 to 2, got -1", "vilage_sd",
        "take: missing", "migrant: expected a list of 2 numbers", "indicators.few_asset",
        "indicators.solid_fuel",
    ):  # fmt: skip
        assert part in message
    with pytest.raises(ValueError, match=r"rows is 10(.|\n)*seed is -1(.|\n)*years are"):
        Survey(rows=10, seed=-1, years=(2022,))
    with pytest.raises(ValueError, match=r"'13012' has not six digits(.|\n)*510121 stands twice"):
        build_population(duckdb.connect(), ["13012", "510121", "510121"], TRUTH, SURVEY)
