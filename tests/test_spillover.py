"""Rings around designated counties: steps, years, and what a planted spillover gives back."""

import numpy as np
import pandas as pd
import pytest
from test_spatial import lattice_weights

from analysis.long_difference import ladder
from analysis.models.delisting import att_estimates
from analysis.models.spatial_weights import weights_from_matrix
from analysis.models.spillover import COLUMNS, rings, spillover_cohorts, spillover_estimates

SIDE = 24
CONTROLS = ("size", "terrain")


def chain(years):
    """A row of counties, each bordering the next; None where never designated."""
    ids = [f"{i}" for i in range(len(years))]
    matrix = np.eye(len(years), k=1) + np.eye(len(years), k=-1)
    delisted = pd.array(years, dtype="Int64")
    facts = pd.DataFrame({"code": ids, "delisted_year": delisted})
    return weights_from_matrix(matrix, ids), facts.assign(designated=facts["delisted_year"].notna())


@pytest.fixture(scope="module")
def world():
    """A lattice with designated blocks and a spillover of 2 on ring 1, 1 on ring 2."""
    weights, rng = lattice_weights(SIDE), np.random.default_rng(6)
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    block = ((row // 4) % 3 == 0) & ((column // 4) % 3 == 0)
    facts = pd.DataFrame({
        "code": weights.ids, "designated": block,
        "delisted_year": pd.array(np.where(block, 2016 + row // 12, 0), dtype="Int64"),
        "province": (row // 4).astype(str), "prefecture": (column // 4).astype(str),
        "rural_2010": True, "size": rng.normal(size=SIDE**2), "terrain": rng.normal(size=SIDE**2),
    })  # fmt: skip
    facts.loc[~block, "delisted_year"] = pd.NA
    table = rings(weights, facts)
    step = table["ring"].astype(float).to_numpy()
    level = rng.normal(size=SIDE**2)
    gain = 2.0 * (step == 1) + 1.0 * (step == 2) + 0.7 * facts["terrain"] - 0.2 * level
    frames = [
        facts.assign(year=2010, y=level),
        facts.assign(year=2020, y=level + 3 + gain + 0.3 * rng.normal(size=SIDE**2)),
    ]
    return pd.concat(frames, ignore_index=True), table, weights


def test_rings_count_borders_and_find_the_first_year():
    weights, facts = chain([2018, None, 2016, None, None, None])
    before = facts.copy()
    table = rings(weights, facts)
    pd.testing.assert_frame_equal(facts, before)
    assert table["ring"].tolist() == [0, 1, 0, 1, 2, 3]
    assert table["designated_share"].tolist() == [0, 1, 0, 0.5, 0, 0]
    years = table["first_neighbour_year"]
    assert years.iloc[[1, 3]].tolist() == [2016, 2016] and years.isna().sum() == 4


def test_a_panel_gives_the_same_rings_and_far_islands_have_none():
    matrix = np.zeros((5, 5))
    matrix[0, 1] = matrix[1, 0] = matrix[2, 3] = matrix[3, 2] = 1
    weights = weights_from_matrix(matrix, list("abcde"))
    facts = pd.DataFrame({"code": list("abcd"), "designated": [True, False, False, False]})
    facts["delisted_year"] = pd.array([2017, None, None, None], dtype="Int64")
    table = rings(weights, facts)
    assert table["ring"].tolist()[:2] == [0, 1] and table["ring"].iloc[2:].isna().all()
    panel = pd.concat([facts.assign(year=y) for y in (2010, 2020)])
    pd.testing.assert_frame_equal(rings(weights, panel), table)


def test_planted_spillovers_are_found_given_the_controls(world):
    panel, table, _ = world
    before = panel.copy()
    found = spillover_estimates(
        panel, table, outcomes=["y"], baseline_controls=CONTROLS, cluster="prefecture"
    )
    pd.testing.assert_frame_equal(panel, before)
    assert tuple(found) == COLUMNS and len(found) == 6
    for rung in ("baseline", "province"):
        rows = found[found["rung"] == rung].sort_values("ring")
        distance = (rows["estimate"] - [2.0, 1.0]).abs()
        assert (distance < 4 * rows["se"]).all() and (rows["se"] < 0.1).all()
    counts = table["ring"].value_counts()
    assert (found["n_far"] == counts[counts.index >= 3].sum()).all()
    assert (found["n"] == SIDE**2 - counts[0]).all()
    assert set(found.loc[found["ring"] == 1, "n_ring"]) == {counts[1]}


def test_two_rings_equal_the_ladder_of_the_long_difference(world):
    """With far = 2 the ring is one dummy, so that the raw rung is that of `ladder`."""
    panel, table, _ = world
    mine = spillover_estimates(
        panel, table, outcomes=["y"], far=2, baseline_controls=CONTROLS, cluster="province"
    ).set_index("rung")
    near = panel.merge(table, on="code")
    near = near[near["ring"] > 0].assign(near=lambda d: d["ring"].eq(1).astype(bool))
    theirs = ladder(
        near.drop(columns="ring"), outcomes=["y"], treatment="near", baseline_controls=CONTROLS,
        rungs=("raw", "baseline", "province"), cluster="province", units={"y": "units"},
    ).set_index("rung")  # fmt: skip
    for column in ("estimate", "se", "df", "ci_low"):
        assert mine[column].to_numpy() == pytest.approx(theirs[column].to_numpy(), rel=1e-9)


def test_missing_values_and_unreachable_counties_are_counted(world):
    panel, table, _ = world
    panel, table = panel.copy(), table.copy()
    free = table.loc[table["ring"] > 0, "code"].tolist()
    panel.loc[panel["code"].eq(free[0]) & panel["year"].eq(2020), "y"] = np.nan
    table.loc[table["code"] == free[1], "ring"] = pd.NA
    row = spillover_estimates(panel, table, outcomes=["y"], baseline_controls=CONTROLS).iloc[0]
    assert (row["excluded_missing"], row["excluded_unreachable"]) == (1, 1)


def test_ring_one_becomes_a_staggered_design():
    weights, facts = chain([2017, None, None, None, None, None, None, 2018, None])
    panel = pd.concat([facts.assign(year=y) for y in range(2014, 2020)], ignore_index=True)
    design = spillover_cohorts(panel, rings(weights, facts))
    cohorts = design.drop_duplicates("code").set_index("code")["neighbour_delisted_year"]
    assert cohorts.dropna().to_dict() == {"1": 2017, "6": 2018, "8": 2018}
    assert cohorts.index[cohorts.isna()].tolist() == ["3", "4"]


def test_a_staggered_spillover_is_recovered_by_the_estimators_of_delisting(world):
    panel, table, _ = world
    facts, rng = panel[panel["year"] == 2010].drop(columns=["y", "year"]), np.random.default_rng(3)
    long = pd.concat([facts.assign(year=y) for y in range(2012, 2020)], ignore_index=True)
    design = spillover_cohorts(long, table)
    since = design["year"] >= design["neighbour_delisted_year"].astype(float).fillna(9999)
    design["y"] = 0.5 * since + design["terrain"] + 0.1 * rng.normal(size=len(design))
    found = att_estimates(
        design, outcome="y", cohort="neighbour_delisted_year",
        estimators=("callaway_santanna",), clusters=("code",),
    )  # fmt: skip
    simple = found[found["term"] == "simple"].iloc[0]
    assert simple["value"] == pytest.approx(0.5, abs=4 * simple["se"])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"rungs": ("county",)}, "rung 'county' is unknown"),
        ({}, {"far": 1}, "far is 1: use at least 2"),
        ({}, {"far": 30}, "no county with complete data in ring"),
        ({"y": np.nan}, {}, "no county with complete data in ring 1"),
        ({"size": "a"}, {}, "'size'"),
    ],
)
def test_faulty_input_is_refused(world, change, options, message):
    panel, table, _ = world
    with pytest.raises(ValueError, match=message):
        spillover_estimates(
            panel.assign(**change), table, outcomes=["y"], baseline_controls=CONTROLS, **options
        )


def test_rings_need_one_designated_unit_and_one_status_per_unit():
    weights, facts = chain([None, None, None])
    with pytest.raises(ValueError, match="no unit of the weights has a true 'designated'"):
        rings(weights, facts)
    twice = pd.concat([facts, facts.assign(designated=True)])
    with pytest.raises(ValueError, match="must keep one treatment"):
        rings(weights, twice)
    with pytest.raises(ValueError, match="missing column"):
        rings(weights, facts.drop(columns="designated"))
