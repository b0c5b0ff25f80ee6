"""Change of census outcomes by year of delisting: against means and a regression done by hand."""

import numpy as np
import pandas as pd
import pytest
from test_delisting_design import small

from analysis.models.delisting_cohorts import COLUMNS, NO_PRETREND, cohort_outcomes
from analysis.models.multiple_testing import holm

OUTCOMES = ["tap_water", "schooling"]
EXACT = 1e-10


@pytest.fixture(scope="module")
def panel():
    frame = small(others=60).rename(columns={"y": "outcome"})
    return frame.assign(designated=frame["delisted_year"].notna())


@pytest.fixture(scope="module")
def counties(panel):
    """Two census years; one county lacks an outcome in the second."""
    rng = np.random.default_rng(7)
    first = panel.drop_duplicates("code")[["code", "x"]]
    frame = pd.concat([first.assign(year=year) for year in (2010, 2020)], ignore_index=True)
    frame = frame.assign(**{name: rng.normal(50, 5, len(frame)) for name in OUTCOMES})
    frame.loc[(frame["code"] == "000027") & (frame["year"] == 2020), "tap_water"] = np.nan
    return frame


@pytest.fixture(scope="module")
def table(panel, counties):
    return cohort_outcomes(panel, counties, OUTCOMES, baseline=["x"])


def changes(panel, counties, outcome):
    wide = counties.pivot(index="code", columns="year", values=outcome).dropna()
    known = panel.drop_duplicates("code").set_index("code").loc[wide.index]
    rows = known.assign(level=wide[2010], change=wide[2020] - wide[2010])
    return rows[rows["designated"] | rows["rural_2010"]]


def estimate(table, outcome, controls, term):
    keys = table.set_index(["outcome", "controls", "term"])
    return keys.loc[(outcome, controls, term)]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_without_controls_it_is_a_difference_of_mean_changes(panel, counties, table, outcome):
    rows = changes(panel, counties, outcome)
    never = rows.loc[~rows["designated"], "change"].mean()
    by_cohort = rows[rows["designated"]].groupby("delisted_year")["change"].mean() - never
    for cohort, value in by_cohort.items():
        found = estimate(table, outcome, "none", f"group:{cohort}")
        assert found["estimate"] == pytest.approx(value, abs=EXACT)
    whole = rows.loc[rows["designated"], "change"].mean() - never
    assert estimate(table, outcome, "none", "simple")["estimate"] == pytest.approx(whole, abs=EXACT)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_controls_predict_the_change_from_the_never_designated(panel, counties, table, outcome):
    rows = changes(panel, counties, outcome)
    x = np.column_stack([np.ones(len(rows)), rows[["level", "x"]]])
    never = ~rows["designated"].to_numpy()
    slopes = np.linalg.lstsq(x[never], rows["change"].to_numpy()[never], rcond=None)[0]
    rest = (rows["change"] - x @ slopes)[~never].groupby(rows["delisted_year"]).mean()
    for cohort, value in rest.items():
        found = estimate(table, outcome, "level and baseline", f"group:{cohort}")
        assert found["estimate"] == pytest.approx(value, abs=EXACT)


def test_every_row_says_what_cannot_be_tested_and_counts(panel, counties, table):
    assert tuple(table) == COLUMNS
    assert table["note"].str.startswith(NO_PRETREND).all()
    assert table.groupby(["outcome", "controls"]).size().eq(6).all()
    rows = changes(panel, counties, "tap_water")
    whole = estimate(table, "tap_water", "none", "simple")
    assert whole["n"] == 2 * len(rows) and whole["n_treated"] == 26
    assert estimate(table, "tap_water", "none", "group:2018")["n_treated"] == 6
    assert (table["unit"] == table["outcome"].map(
        {"tap_water": "percentage points", "schooling": "years"})).all()  # fmt: skip


def test_p_values_are_adjusted_over_cohorts_and_outcomes(table):
    for _, part in table.groupby("controls"):
        assert (part["family_size"] == 12).all()
        assert part["p_holm"].to_numpy() == pytest.approx(holm(part["p_value"]))


def test_outcome_in_the_baseline_enters_once_as_its_level(panel, counties):
    known = panel.merge(counties.loc[counties["year"] == 2010, ["code", "schooling"]], on="code")
    both = cohort_outcomes(known, counties, ["schooling"], baseline=["x", "schooling"])
    once = cohort_outcomes(panel, counties, ["schooling"], baseline=["x"])
    assert both["estimate"].to_numpy() == pytest.approx(once["estimate"].to_numpy(), abs=EXACT)


def test_faults_of_the_input_are_listed(panel, counties):
    with pytest.raises(ValueError, match=r"'bath'(.|\n)*year 2022 is missing"):
        cohort_outcomes(panel, counties, ["bath"], baseline=["x"], years=(2010, 2022))
