"""What stands beside the estimates: the index of the baseline, balance, overlap, bounds, truth."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_delisting import TRUTH, simulated
from test_delisting_design import small

from analysis.models.delisting_checks import (
    MULTIPLES,
    balance,
    bounds,
    design_rows,
    late_shares,
    overlap,
    truth_lines,
    truth_of,
    weights,
    with_index,
)
from analysis.models.delisting_design import DESIGNS
from analysis.project import Project
from analysis.truth import average_effects

ROOT = Path(__file__).parents[1]


def panel():
    frame = small().rename(columns={"y": "outcome"})
    return frame.assign(designated=frame["delisted_year"].notna())


@pytest.fixture(scope="module")
def rows():
    return design_rows(panel())


def step(profile, simulated):
    return SimpleNamespace(project=Project(ROOT), profile=profile, simulated=lambda uses: simulated)


# --- index of the baseline


def means(frame):
    counties = frame.drop_duplicates("code")
    rural = ~counties["designated"] & counties["rural_2010"]
    index = counties["baseline_index"]
    return index[rural].mean(), index[counties["designated"]].mean()


def test_index_has_mean_zero_among_the_others_and_one_among_the_designated():
    rng = np.random.default_rng(1)
    frame = panel().assign(z=lambda t: t["code"].map(dict(zip(
        t["code"].unique(), rng.normal(size=t["code"].nunique()), strict=True))))  # fmt: skip
    found = with_index(frame, ["x", "z"])
    assert means(found) == pytest.approx((0, 1), abs=1e-12)
    assert "baseline_index" not in frame
    rescaled = with_index(frame.assign(x=5 - 100 * frame["x"]), ["x", "z"])
    assert rescaled["baseline_index"].to_numpy() == pytest.approx(
        found["baseline_index"].to_numpy()
    )


def test_index_of_one_column_is_that_column():
    found = with_index(panel(), ["x"])
    assert abs(np.corrcoef(found["x"], found["baseline_index"])[0, 1]) == pytest.approx(1)


@pytest.mark.parametrize("fault", ["nobody else", "nothing to do with it"])
def test_index_that_cannot_be_made_is_refused(fault):
    frame = panel()
    if fault == "nobody else":
        frame = frame[frame["designated"]]
    else:
        parity = frame["code"].astype(int) % 2
        frame = frame.assign(x=parity)[frame["rural_2010"] | frame["designated"]]
        keep = frame.drop_duplicates("code").groupby(["designated", "x"]).head(5)["code"]
        frame = frame[frame["code"].isin(keep)]
    with pytest.raises(ValueError, match="does not tell designated"):
        with_index(frame, ["x"])


# --- by design


def test_tables_of_both_designs_carry_the_design(rows):
    for table in (balance(rows, ["x"]), overlap(rows, ["x"]), weights(rows), late_shares(rows)):
        assert table.columns[0] == "design" and set(table["design"]) == set(DESIGNS)


def test_balance_compares_with_the_last_cohort_or_the_never_designated(rows):
    table = balance(rows, ["x"]).groupby("design")["reference"].first()
    assert table.to_dict() == {"D1": 2020, "D2": 0}


def test_overlap_names_its_largest_differences(rows):
    table = overlap(rows, ["x"])
    assert {"largest_difference", "largest_difference_weighted"} <= set(table)
    assert not {"difference", "difference_weighted"} & set(table)
    assert (table["effective_controls"] <= table["n_controls"] + 1e-9).all()


def test_weights_sum_to_one_and_reproduce_two_way(rows):
    for _, part in weights(rows).groupby("design"):
        kinds = part[part["comparison"] != "two_way"]
        whole = part.loc[part["comparison"] == "two_way", "estimate"].item()
        assert kinds["comparison_weight"].sum() == pytest.approx(1)
        assert kinds["comparison_weight"] @ kinds["estimate"] == pytest.approx(whole)


def test_anticipation_shortens_the_first_design():
    assert design_rows(panel())["D1"]["year"].max() == 2019
    assert design_rows(panel(), anticipation=1)["D1"]["year"].max() == 2018


def test_bounds_of_both_kinds_hold_the_estimate_and_widen():
    frame = panel()
    frame = frame[frame["year"] >= 2014].assign(province=lambda t: t["code"].astype(int) % 14)
    table = bounds(frame, ["x"], [0.0, 0.5])
    assert len(table) == len(DESIGNS) * (2 + len(MULTIPLES))
    assert {"restriction", "departure", "estimate", "cluster"} <= set(table)
    widths = table.assign(width=table["ci_high"] - table["ci_low"])
    for _, part in widths.groupby(["design", "restriction"]):
        assert part.sort_values("departure")["width"].is_monotonic_increasing
    moved = table[(table["restriction"] == "relative_magnitude") & (table["departure"] > 0)]
    assert moved["estimate"].between(moved["bound_low"], moved["bound_high"]).all()


# --- truth


def test_truth_is_known_only_where_the_panel_is_simulated():
    known = {"outcome": "log_income", "transformation": "none"}
    assert truth_of(step("demo", True), **known) == TRUTH
    assert truth_of(step("census", False), **known) is None
    assert truth_of(step("demo", False), **known) is None
    other = {"outcome": "log_income", "transformation": "asinh"}
    assert truth_of(step("demo", True), **other) is None
    assert truth_of(step("demo", True), **{**known, "outcome": "radiance"}) is None


def test_truth_lines_are_the_stated_averages():
    demo = simulated()
    rows = design_rows(demo)
    table = truth_lines(rows, TRUTH)
    assert table is not None
    lines = table.set_index(["design", "term"])["truth"]
    assert lines["D2", "simple"] == pytest.approx(average_effects(TRUTH, rows["D2"])["simple"])
    assert lines["D1", "simple"] == pytest.approx(lines["D2", "before:2020"])
    assert truth_lines(rows, None) is None


def test_shares_of_the_late_years(rows):
    shares = late_shares(rows).set_index(["design", "term"])["share_from"]
    assert shares["D2", "calendar:2020"] == 1 and shares["D1", "simple"] == 0
    assert isinstance(shares, pd.Series)
