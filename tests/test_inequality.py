"""Inequality against published values, brute force over all pairs, and its algebra."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.models.inequality import (
    THEIL_L,
    THEIL_T,
    dagum_decomposition,
    entropy_decomposition,
    generalized_entropy,
    gini,
)
from analysis.models.regional_gaps import decompose_by_year, group_gaps_by_year

PUBLISHED = 1e-7  # printed with seven significant digits
EXACT = 1e-12  # two ways to compute the same number
VALUES = st.lists(st.floats(0.01, 100), min_size=4, max_size=25)


def theil_example() -> pd.DataFrame:
    """Return the grouped example of the manual of the R package mathmodels (theil0_g)."""
    values = [10, 10, *[8] * 4, *[6] * 6, *[4] * 4, *[2] * 2]
    return pd.DataFrame({"y": values, "g": [*"AA", *"B" * 10, *"A" * 6]}).astype({"y": float})


def drawn(values: list[float], *, groups: int = 3, weighted: bool = True) -> pd.DataFrame:
    """Return `values` with groups and weights that follow from their positions."""
    place = np.arange(len(values))
    weight = 1.0 + (place * 7 % 5) if weighted else 1.0
    return pd.DataFrame({"y": values, "g": place % groups, "w": weight})


def brute_dagum(frame: pd.DataFrame) -> dict[str, float]:
    """Sum Dagum's definitions over all pairs of units, with G_jh and D_jh as he writes them."""
    w = frame["w"] / frame["w"].sum()
    mean = (w * frame["y"]).sum()
    parts = {"within": 0.0, "between": 0.0, "overlap": 0.0}
    keys = sorted(frame["g"].unique())
    share = {g: w[frame["g"] == g] for g in keys}
    level = {g: np.average(frame.loc[frame["g"] == g, "y"], weights=share[g]) for g in keys}
    for j in keys:
        for h in keys:
            y_j, y_h = (frame.loc[frame["g"] == g, "y"].to_numpy() for g in (j, h))
            mass = np.outer(share[j] / share[j].sum(), share[h] / share[h].sum())
            gap = y_j[:, None] - y_h
            p_j, p_h = share[j].sum(), share[h].sum()
            s_j, s_h = p_j * level[j] / mean, p_h * level[h] / mean
            g_jh = (mass * np.abs(gap)).sum() / (level[j] + level[h])
            if j == h:
                parts["within"] += g_jh * p_j * s_j
            elif level[j] > level[h] or (level[j] == level[h] and j < h):
                d, p = (mass * gap.clip(min=0)).sum(), (mass * (-gap).clip(min=0)).sum()
                affluence = (d - p) / (d + p) if d + p else 0.0
                parts["between"] += g_jh * (p_j * s_h + p_h * s_j) * affluence
                parts["overlap"] += g_jh * (p_j * s_h + p_h * s_j) * (1 - affluence)
    return parts


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10, 20, 30, 40, 100], 0.4),
        ([541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261], 0.4620911303),  # R ineq
        ([3, 3, 3], 0.0),
        ([0, 0, 0, 1], 0.75),  # 1 - 1/n
    ],
)
def test_gini_of_published_and_closed_values(values, expected):
    assert gini(values) == pytest.approx(expected, abs=1e-10)


def test_theil_of_published_values():
    values = [541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261]
    assert generalized_entropy(values) == pytest.approx(0.3623412423, abs=1e-10)  # R ineq, Theil
    cv = np.std(values) / np.mean(values)
    assert generalized_entropy(values, alpha=2) == pytest.approx(cv**2 / 2, rel=EXACT)
    assert generalized_entropy([1, 1, 4], alpha=THEIL_L) == pytest.approx(np.log(2 / 4 ** (1 / 3)))


def test_theil_decomposition_of_published_values():
    result = entropy_decomposition(theil_example(), value="y", group="g")
    assert result.total == pytest.approx(0.07907822, abs=PUBLISHED)
    assert result.between == pytest.approx(0.01127992, abs=PUBLISHED)
    assert result.within == pytest.approx(0.0677983, abs=PUBLISHED)
    index = result.groups.set_index("group")["index"]
    assert index["A"] == pytest.approx(0.1656871, abs=PUBLISHED)
    assert index["B"] == pytest.approx(0.01021666, abs=PUBLISHED)


@pytest.mark.parametrize("alpha", [THEIL_L, THEIL_T])
def test_theil_of_a_lognormal_is_half_its_variance(alpha):
    levels = np.exp(0.6 * np.linspace(-5, 5, 4001))
    density = np.exp(-(np.linspace(-5, 5, 4001) ** 2) / 2)
    assert generalized_entropy(levels, density, alpha=alpha) == pytest.approx(0.18, abs=1e-4)


def test_gini_of_a_lognormal_and_of_a_uniform():
    from scipy.stats import norm

    grid = np.linspace(-6, 6, 6001)
    closed = 2 * norm.cdf(0.6 / np.sqrt(2)) - 1
    assert gini(np.exp(0.6 * grid), norm.pdf(grid)) == pytest.approx(closed, abs=1e-5)
    assert gini(np.linspace(0, 1, 2001)) == pytest.approx(1 / 3, abs=1e-3)


@given(VALUES, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_dagum_equals_the_sums_over_all_pairs(values, groups):
    frame = drawn(values, groups=groups)
    result = dagum_decomposition(frame, value="y", group="g", weight="w")
    for component, expected in brute_dagum(frame).items():
        assert getattr(result, component) == pytest.approx(expected, abs=EXACT)
    assert result.total == pytest.approx(
        result.within + result.between + result.overlap, abs=EXACT
    )  # fmt: skip
    assert result.total == pytest.approx(gini(frame["y"], frame["w"]), abs=EXACT)


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_net_between_is_the_gini_of_group_means(values):
    result = dagum_decomposition(drawn(values), value="y", group="g", weight="w")
    groups = result.groups
    assert result.between == pytest.approx(
        gini(groups["mean"], groups["population_share"]), abs=EXACT
    )
    assert groups["contribution"].sum() == pytest.approx(result.within)
    assert result.pairs[["between", "overlap"]].sum().tolist() == pytest.approx(
        [result.between, result.overlap]
    )
    assert result.pairs["affluence"].dropna().between(0 - EXACT, 1 + EXACT).all()


@given(VALUES, st.sampled_from([-1.0, THEIL_L, 0.5, THEIL_T, 2.0]))
@settings(max_examples=80, deadline=None)
def test_entropy_is_within_plus_between(values, alpha):
    result = entropy_decomposition(drawn(values), value="y", group="g", weight="w", alpha=alpha)
    assert result.within + result.between == pytest.approx(result.total, rel=1e-9, abs=EXACT)
    assert min(result.total, result.between) > -EXACT


@given(VALUES, st.floats(0.1, 50))
@settings(max_examples=40, deadline=None)
def test_indices_ignore_units_and_replication_and_read_weights_as_counts(values, factor):
    frame = drawn(values)
    repeated = frame.loc[frame.index.repeat(frame["w"].astype(int)), "y"]
    indices: tuple[Callable[..., float], ...] = (gini, generalized_entropy)
    for index in indices:
        assert index(frame["y"], frame["w"]) == pytest.approx(index(repeated), abs=1e-10)
        assert index(frame["y"] * factor, frame["w"] * factor) == pytest.approx(
            index(frame["y"], frame["w"]), abs=1e-10
        )


def test_separate_groups_do_not_overlap_and_equal_groups_have_no_net_gap():
    apart = pd.DataFrame({"y": [1.0, 2, 3, 10, 11, 12], "g": [*"aaabbb"]})
    result = dagum_decomposition(apart, value="y", group="g")
    assert result.overlap == 0
    assert result.pairs[["richer", "poorer", "affluence"]].to_numpy().tolist() == [["b", "a", 1]]
    alike = pd.DataFrame({"y": [1.0, 2, 3, 1, 2, 3], "g": [*"aaabbb"]})
    assert dagum_decomposition(alike, value="y", group="g").between == pytest.approx(0, abs=EXACT)
    poor = pd.DataFrame({"y": [0.0, 0, 0, 4], "g": [*"aabc"]})  # two groups own nothing
    result = dagum_decomposition(poor, value="y", group="g")
    assert result.between + result.within == pytest.approx(0.75)
    assert result.groups["gini"].isna().tolist() == [True, True, False]


def test_rows_without_value_group_or_weight_are_left_out_and_counted():
    frame = theil_example().assign(w=1.0)
    extra = pd.DataFrame(
        {"y": [np.nan, 5, 5, 5], "g": ["A", None, "A", "B"], "w": [1, 1, np.nan, 0]}
    )
    both = pd.concat([frame, extra], ignore_index=True)
    before = both.copy()
    result = dagum_decomposition(both, value="y", group="g", weight="w")
    assert (result.n, result.left_out) == (18, 4)
    assert result.total == pytest.approx(gini(frame["y"]))
    pd.testing.assert_frame_equal(both, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [-1.0, 2, 3]}, "1 values are negative"),
        ({"y": [0.0, 0, 0]}, "all values are zero"),
        ({"y": [np.nan] * 3}, "no row with a value"),
        ({"y": ["a", "b", "c"]}, "not finite numbers"),
        ({"w": [1.0, -1, 1]}, "1 weights are negative"),
        ({"w": [0.0, 0, 0]}, "no row with a value and a weight"),
    ],
)
def test_bad_columns_are_named(change, message):
    frame = pd.DataFrame({"y": [1.0, 2, 3], "g": [*"aab"], "w": [1.0, 1, 1]}).assign(**change)
    with pytest.raises(ValueError, match=message):
        dagum_decomposition(frame, value="y", group="g", weight="w")


def test_all_violations_come_at_once():
    with pytest.raises(ValueError, match="3 violation"):
        dagum_decomposition(pd.DataFrame({"x": [1.0]}), value="y", group="g", weight="w")
    with pytest.raises(ValueError, match="alpha > 0"):
        generalized_entropy([0, 1, 2], alpha=THEIL_L)
    with pytest.raises(ValueError, match="one weight per value"):
        gini([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="missing or infinite"):
        gini([1, np.nan])


def county_panel() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        [(c, 2010 + t) for c in range(60) for t in range(3)], columns=["code", "year"]
    )
    frame["region"] = np.array(["east", "west", None])[frame["code"] % 3]
    frame["designated"] = frame["code"] % 2 == 0
    frame["score"] = rng.uniform(0.1, 0.9, len(frame))
    frame["people"] = rng.integers(1, 9, len(frame))
    frame["late"] = frame["score"].where(frame["year"] > 2010)
    return frame


def test_tables_by_year_hold_every_part():
    panel = county_panel()
    table = decompose_by_year(
        panel, values=["score", "late"], groups=["region", "designated"], weight="people"
    )
    assert len(table) == 2 * (3 + 2) * (4 + 3 + 3)
    keys = ["grouping", "variable", "year", "measure"]
    parts = table[table["component"] != "total"].groupby(keys)["value"].sum()
    totals = table[table["component"] == "total"].set_index(keys)["value"]
    assert parts.to_numpy() == pytest.approx(totals.loc[parts.index].to_numpy())
    assert table.groupby("grouping")["left_out"].max().to_dict() == {"designated": 0, "region": 20}
    row = table.query(
        "grouping == 'designated' and variable == 'score' and year == 2011 and measure == 'dagum'"
    ).set_index("component")
    year = panel[panel["year"] == 2011]
    expected = dagum_decomposition(year, value="score", group="designated", weight="people")
    assert row.at["overlap", "value"] == expected.overlap
    assert row.at["overlap", "share"] == pytest.approx(expected.overlap / expected.total)


def test_table_of_group_gaps():
    table = group_gaps_by_year(county_panel(), values=["score"], groups=["region"])
    assert table.groupby("kind").size().to_dict() == {"between": 3, "within": 6}
    within = table[(table["kind"] == "within") & (table["year"] == 2010)].set_index("group")
    panel = county_panel().query("region == 'east' and year == 2010")
    assert within.at["east", "gini"] == pytest.approx(gini(panel["score"]))
    assert within.at["east", "n"] == 20


def test_tables_by_year_name_what_is_wrong():
    panel = county_panel().assign(score=np.nan)
    with pytest.raises(ValueError, match="no value in any year") as error:
        decompose_by_year(panel, values=["score"], groups=["climate"], measures=["theil"])
    assert "column 'climate' is missing" in str(error.value)
    assert "measure 'theil' is unknown" in str(error.value)
