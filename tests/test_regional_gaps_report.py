"""Report of the regional gaps: parts add up, moves do not overlap, artefacts are told apart."""

import re

import numpy as np
import pandas as pd
import pytest

from analysis.models import regional_gaps_report as report
from analysis.models.convergence import beta_convergence
from analysis.models.gap_tests import gap_tests
from analysis.models.inequality import gini
from analysis.models.regional_gaps_tables import convergence_table
from analysis.models.spatial_weights import weights_from_matrix

HANZI = re.compile("[一-鿿]")
YEARS = tuple(range(2010, 2019))


def tables(years=YEARS, counties=200):
    rng = np.random.default_rng(3)
    code = [f"{100000 + i}" for i in range(counties)]
    facts = pd.DataFrame({
        "code": code, "region": np.array(["east", "west"])[np.arange(counties) % 2],
        "province": [f"P{i % 8}" for i in range(counties)],
        "designated": np.arange(counties) % 5 == 0,
        "population": rng.integers(10, 90, counties), "relief": rng.normal(size=counties),
    })  # fmt: skip
    level = 0.3 + 0.05 * rng.normal(size=counties) - 0.05 * facts["designated"]
    panels = [
        facts.assign(year=y, alleviation=level + 0.06 * k + 0.01 * rng.normal(size=counties))
        for k, y in enumerate(years)
    ]
    both = pd.concat(panels, ignore_index=True)
    index = both[["code", "year", "alleviation"]].assign(coordination=np.sqrt(both["alleviation"]))
    return index, both.drop(columns="alleviation")


@pytest.fixture(scope="module")
def panel():
    index, counties = tables()
    return report.index_panel(index, counties, ["none", "population", "relief"])


@pytest.fixture(scope="module")
def circle(panel):
    ids = sorted(panel["code"].unique())[:-1]
    ring = np.roll(np.eye(len(ids)), 1, axis=1)
    return weights_from_matrix(ring + ring.T, ids)


def test_index_panel_keeps_the_rows_of_the_index(panel):
    index, counties = tables()
    assert len(panel) == len(index)
    assert {"region", "designated", "province", "population", "relief"} <= set(panel)
    assert report.index_panel(index, counties).columns.tolist() == [
        *index.columns, "province", "region", "designated",
    ]  # fmt: skip


def test_decompositions_add_up_under_each_weight(panel):
    raw = report.decompositions(
        panel, variable="coordination", groupings=["region", "designated"],
        weights=["none", "population"],
    )  # fmt: skip
    saved = report.saved_decompositions(raw)
    assert set(saved["weighted_by"]) == {"none", "population"}
    assert set(raw["weight"]) == {"", "population"}
    wide = saved.pivot(
        index=["grouping", "year", "measure", "weighted_by"], columns="component", values="estimate"
    )
    parts = wide[["within", "between", "overlap"]].sum(axis=1)
    np.testing.assert_allclose(parts, wide["total"], rtol=1e-10)
    first = panel[panel["year"] == 2010]
    total = wide.loc[("region", 2010, "dagum", "population"), "total"]
    assert total == pytest.approx(gini(first["coordination"], first["population"]), rel=1e-10)
    shares = saved[saved["component"] != "total"].groupby(
        ["grouping", "year", "measure", "weighted_by"]
    )
    np.testing.assert_allclose(shares["share_of_total"].sum(), 100)


@pytest.mark.parametrize(
    ("interval", "years"), [(4, [2010, 2014, 2018]), (3, [2010, 2013, 2016]), (9, [2010])]
)
def test_years_apart_stay_in_the_panel(panel, interval, years):
    assert report.years_apart(panel, interval) == years


def test_convergence_has_county_effects_only_with_several_intervals(panel):
    options = {"variables": ["coordination", "alleviation"], "controls": ["relief"]}
    long = report.convergence(panel, years=[2010, 2014, 2018], **options)
    short = report.convergence(panel, years=[2010, 2018], **options)
    assert (
        long.groupby("variable")["model"].apply(list).tolist()
        == [["absolute", "conditional", "within"]] * 2
    )
    assert short["model"].tolist() == ["absolute", "conditional"] * 2
    alone = beta_convergence(panel, value="coordination", years=[2010, 2018], cluster="province")
    pd.testing.assert_frame_equal(short.iloc[:1], alone)
    saved = report.saved_convergence(long)
    assert saved["absorbed"].tolist() == ["none", "province", "county"] * 2
    assert saved["controls"].tolist() == ["none", "relief", "none"] * 2


def test_mobility_counts_moves_that_do_not_overlap(panel, circle):
    markov, moves = report.mobility(
        panel, circle, variable="coordination", years=[2010, 2014, 2018], classes=4
    )
    assert markov.counts.to_numpy().sum() == 2 * len(circle.ids)
    assert len(markov.without_neighbours) == 1
    assert moves["condition"].unique().tolist() == ["all", "1", "2", "3", "4"]
    by_class = moves[moves["condition"] != "all"]["n"].sum()
    assert by_class == moves.loc[moves["condition"] == "all", "n"].sum()


def test_spread_of_a_root_falls_where_that_of_the_score_does_not(panel, circle):
    years = [2010, 2014, 2018]
    markov, _ = report.mobility(panel, circle, variable="coordination", years=years, classes=4)
    found = gap_tests(
        panel, markov, variables=["coordination", "alleviation"], years=years,
        groupings=["region", "designated"],
    ).set_index("test")  # fmt: skip
    assert found["p_value"]["same variance of coordination"] < 1e-6
    assert found["p_value"]["same variance of alleviation"] > 0.01
    moves = [name for name in found.index if name.startswith("same mobility")]
    assert [m.split(" by ")[1] for m in moves] == [
        f"{name}, {kind}"
        for name in ("neighbours", "region", "designated", "period")
        for kind in ("LR", "Q")
    ]
    assert found.loc[moves, "p_value"].between(0, 1).all()
    n = found["n"]
    assert n["same mobility by neighbours, LR"] == 2 * len(circle.ids)
    assert n["same mobility by region, LR"] == n["same mobility by period, LR"] == 400


def test_two_years_give_no_test_over_periods(panel, circle):
    years = [2010, 2018]
    markov, _ = report.mobility(panel, circle, variable="coordination", years=years, classes=4)
    found = gap_tests(panel, markov, variables=["coordination"], years=years, groupings=["region"])
    assert not found["test"].str.contains("period").any()


def test_densities_name_their_grouping(panel):
    table = report.densities(panel, variable="coordination", grouping="region", years=[2010, 2018])
    assert set(table["grouping"]) == {"region"}
    assert set(table["group"]) == {"east", "west"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_table_of_convergence_tells_the_change_of_the_spread(panel, circle, lang):
    years = [2010, 2014, 2018]
    rows = report.convergence(
        panel, variables=["coordination", "alleviation"], years=years, controls=["relief"]
    )
    markov, _ = report.mobility(panel, circle, variable="coordination", years=years, classes=4)
    found = gap_tests(
        panel, markov, variables=["coordination", "alleviation"], years=years, groupings=["region"]
    )
    table = convergence_table(rows, found, lang)
    assert len(table.frame) == 6
    assert table.frame.iloc[:, 2].tolist() == rows["estimate"].tolist()
    assert table.notes.count("→") == 2
    assert bool(HANZI.search(table.notes + "".join(table.frame.columns))) == (lang == "zh")
    assert isinstance(table.decimals, dict)
    assert set(table.decimals) == set(table.frame.columns)
