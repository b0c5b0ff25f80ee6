"""Household figures: readable in both languages, and they show what was measured."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from analysis import figure_style
from analysis.exhibits import save_figure, save_table
from analysis.geography import (
    fix_poverty_codes,
    load_layers,
)
from analysis.households.config import read_config
from analysis.households.coverage import METHODS, SUMMARY
from analysis.households.coverage_figures import coverage_plot, coverage_table
from analysis.households.household_figures import (
    contribution_bars,
    deprivation_profile,
    robustness_plot,
)
from analysis.households.household_labels import label_groups
from analysis.households.household_maps import class_bounds, poverty_map
from analysis.households.household_truth import load_household_truth
from analysis.households.measures import measure
from analysis.households.simulate_households import draw_villages, sample_sql
from analysis.households.simulated_population import Survey, build_population
from analysis.poverty_list import load_list

RAW = Path(__file__).parents[1] / "data" / "raw"
SOURCE = RAW / "households" / "simulated"
CONFIG = replace(
    read_config(SOURCE / "households.yml"), groups=((), ("year",), ("year", "urban"), ("code",))
)
DIMENSIONS = {indicator.name: indicator.dimension for indicator in CONFIG.indicators}
LANGUAGES = ("en", "zh")
HEADCOUNTS = ("uncensored", "censored")
HANZI = re.compile("[一-鿿]")


@pytest.fixture(scope="module")
def estimates() -> pd.DataFrame:
    codes = fix_poverty_codes(load_list(RAW / "facts"))["code"].unique()
    truth, survey = load_household_truth(SOURCE), Survey(rows=24_000)
    with duckdb.connect() as connection:
        build_population(connection, list(codes), truth, survey)
        draw_villages(connection, truth, survey)
        connection.execute(f"CREATE TABLE survey AS {sample_sql(truth, survey)}")
        chosen = ("H", "M0", "uncensored", "censored", "contribution", "dimension", "k_sweep")
        table = ibis.duckdb.from_connection(connection).table("survey")
        return measure(table, replace(CONFIG, measures=chosen))


@pytest.fixture(scope="module")
def layers():
    return load_layers(RAW / "boundaries")


def of_group(estimates: pd.DataFrame, group: str, *measures: str) -> pd.DataFrame:
    return estimates[(estimates["group"] == group) & estimates["measure"].isin(measures)]


def coverage_rows() -> pd.DataFrame:
    rows = []
    for at, name in enumerate(("H", "A", "M0", "FGT0", "mean_income", "gini")):
        for group in ("everybody", "0", "1"):
            for method, share in zip(METHODS, (0.95, 0.83, 0.1 * at), strict=True):
                error = np.sqrt(share * (1 - share) / 500)
                numbers = (0.2, 0.21, 0.01, 0.001, 0.02, 0.02 * share, share, error, 7200, 500, 0)
                rows.append((name, group, method, *numbers))
    return pd.DataFrame(rows, columns=list(SUMMARY))


@pytest.fixture(scope="module")
def drawings(estimates, layers):
    sweep = label_groups(of_group(estimates, "year", "H_sweep", "M0_sweep"), "en")
    shares = of_group(estimates, "year+urban", "dimension")
    both = pd.concat([of_group(estimates, "all", "contribution"), of_group(
        estimates, "year", "contribution")])  # fmt: skip
    land, parts, sea = layers
    by_county = of_group(estimates, "code", "M0")
    sure = by_county[by_county["ci_low"].notna()]
    nobody = by_county.assign(value=0.0, **dict.fromkeys(["se", "ci_low", "ci_high"], np.nan))
    none = label_groups(shares.assign(value=np.nan), "en")
    return {
        "profile": partial(
            deprivation_profile, of_group(estimates, "all", *HEADCOUNTS), dimensions=DIMENSIONS
        ),
        "dimensions": lambda lang: contribution_bars(label_groups(shares, lang), lang),
        "indicators": lambda lang: contribution_bars(label_groups(both, lang), lang),
        "sweep": partial(robustness_plot, sweep, cutoff=1 / 3),
        "sweep with truth": partial(
            robustness_plot, sweep.assign(truth=sweep["value"] * 1.05), cutoff=1 / 3
        ),
        "map": lambda lang: poverty_map(land, parts, sea, by_county, lang, year=2021),
        "map of all": lambda lang: poverty_map(land, parts, sea, sure, lang, year=2021),
        "map of nobody": lambda lang: poverty_map(land, parts, sea, nobody, lang, year=2021),
        "nobody": lambda lang: contribution_bars(none, lang),
        "coverage": partial(coverage_plot, coverage_rows()),
    }  # fmt: skip


NAMES = (
    "profile", "dimensions", "indicators", "sweep", "sweep with truth", "map", "map of all",
    "map of nobody", "nobody", "coverage",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_figures_pass_the_guards(tmp_path, drawings, name):
    draw = drawings[name]
    save_figure(tmp_path / "figure", lambda lang: draw(lang=lang), coverage_rows(), simulated=True)
    assert len(list(tmp_path.iterdir())) == 7


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["profile", "dimensions", "indicators", "coverage"])
def test_figures_speak_one_language(drawings, name, lang):
    fig = drawings[name](lang=lang)
    assert fig.get_size_inches()[0] * 25.4 == pytest.approx(180)
    with figure_style.style():
        words = "\n".join(text.get_text() for text in figure_style.visible_texts(fig))
    assert bool(HANZI.search(words)) == (lang == "zh")


def test_the_profile_draws_both_headcounts(drawings, estimates):
    ax = drawings["profile"](lang="en").axes[0]
    widths = [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle)]
    rows = of_group(estimates, "all", *HEADCOUNTS).set_index(["measure", "item"])["value"]
    expected = [100 * rows[name, item] for name in HEADCOUNTS for item in DIMENSIONS]
    assert widths == pytest.approx(expected)
    assert (np.array(widths[:11]) >= widths[11:]).all()


def test_contributions_fill_the_bar_and_print_their_percent(drawings, estimates):
    fig = drawings["dimensions"](lang="en")
    bars = [bar for bar in fig.axes[0].patches if isinstance(bar, Rectangle)]
    assert [bar.get_x() + bar.get_width() for bar in bars[-6:]] == pytest.approx([100] * 6)
    shares = of_group(estimates, "year+urban", "dimension")["value"].to_numpy(float)
    printed = sorted(text.get_text() for text in fig.axes[0].texts)
    assert printed == sorted(f"{100 * share:.0f}" for share in shares if share >= 0.06)
    labels = [text.get_text() for text in fig.axes[0].get_yticklabels()]
    assert labels[:2] == ["2021 rural", "2021 urban"]


def test_the_sweep_falls_and_shows_the_truth(drawings):
    fig = drawings["sweep with truth"](lang="en")
    lines = [line for line in fig.axes[1].lines if len(np.asarray(line.get_xdata())) == 8]
    values = [np.asarray(line.get_ydata(), float) for line in lines]
    assert len(values) == 6  # three years, each with its truth
    assert all((np.diff(value) <= 1e-9).all() for value in values)
    np.testing.assert_allclose(values[1], 1.05 * values[0])


def test_classes_are_round_and_hold_all_but_a_few():
    assert class_bounds(pd.Series(np.linspace(0, 24, 101))).tolist() == [0, 5, 10, 15, 20, 25]
    assert class_bounds(pd.Series([0.0, 0.5, 6.0])).tolist() == [0, 1, 2, 3, 4, 5]
    assert class_bounds(pd.Series([14.0] * 9)).tolist() == [0, 2.5, 5, 7.5, 10, 12.5]


def test_map_colours_follow_the_classes(layers, estimates):
    from analysis.households import household_maps

    rows = of_group(estimates, "code", "M0")
    shown = household_maps._shown(rows, 2)
    colours = list("abcdef")
    bounds = np.array([0, 5, 10, 15, 20, 25.0])
    fills = household_maps._fills(shown, "value", bounds, colours)
    unknown = (rows["n_psu"] < 2) | rows["ci_low"].isna()
    assert 0 < unknown.sum() < len(rows)
    for code, value, missing in zip(rows["code"], rows["value"], unknown, strict=True):
        found = fills[code]
        assert pd.isna(found) if missing else found == colours[min(int(value * 20), 5)]


def test_the_table_has_a_row_for_each_method(tmp_path):
    for lang in LANGUAGES:
        table = coverage_table(coverage_rows(), lang)
        assert table.frame.shape == (54, 10)
        assert table.frame.iloc[0, 8] == pytest.approx(95)
    save_table(
        tmp_path / "table", lambda lang: coverage_table(coverage_rows(), lang), simulated=True
    )
    assert list(tmp_path.iterdir())


def test_figures_refuse_what_they_cannot_draw(estimates, layers, drawings):
    with pytest.raises(ValueError, match="lang must be one of"):
        drawings["profile"](lang="fr")
    with pytest.raises(ValueError, match="uncensored few_assets has 3 rows"):
        deprivation_profile(of_group(estimates, "year", *HEADCOUNTS), "en", dimensions=DIMENSIONS)
    some = label_groups(of_group(estimates, "all", "dimension"), "en").iloc[1:]
    with pytest.raises(ValueError, match="shares of All do not sum to 1"):
        contribution_bars(some, "en")
    land, parts, sea = layers
    twice = pd.concat([of_group(estimates, "code", "M0")] * 2)
    with pytest.raises(ValueError, match="code not unique"):
        poverty_map(land, parts, sea, twice, "en", year=2021)
    with pytest.raises(ValueError, match="no county has 900 primary units"):
        poverty_map(land, parts, sea, twice.head(99), "en", year=2021, fewest=900)
    many = of_group(estimates, "code", "H_sweep", "M0_sweep")
    with pytest.raises(ValueError, match="choose 5 at most"):
        robustness_plot(label_groups(many, "en"), "en", cutoff=0.3)
