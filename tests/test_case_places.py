"""Places of the studies: known ones ranked among rural counties, anonymous ones never guessed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.cases import places
from analysis.cases.studies import read_studies

STUDIES = read_studies(Path(__file__).parents[1] / "data" / "raw" / "cases")


def panel(values, codes, rural=True):
    """A panel of one year and one variable."""
    return pd.DataFrame(
        {"code": codes, "name": codes, "year": 2020, "rural_2010": rural, "tap_water": values}
    )


def status(frame):
    table = places.place_status(STUDIES, frame, variables=["tap_water"])
    return table.set_index("case")


def ranks(frame, **options):
    return places.place_ranks(STUDIES, frame, variables=["tap_water"], **options)


def test_status_of_the_four_towns():
    frame = panel([1.0, 2, 3, 4], ["371082", "130602", "130607", "110101"])
    frame["rural_2010"] = [True, False, True, True]
    table = status(frame)
    assert list(table.index) == ["B", "S", "W", "P"]
    assert table["level"].to_dict() == {
        "B": "anonymous", "S": "county", "W": "anonymous", "P": "prefecture",
    }  # fmt: skip
    assert table.loc["P", ["counties", "left_out", "status"]].tolist() == [1, 1, "shown"]
    assert table.loc["B", ["code", "counties", "status"]].tolist() == ["", 0, "anonymous"]
    units = table.loc["P", ["unit_en", "unit_zh"]].tolist()
    assert units == ["Baoding City (Hebei)", "河北省保定市"]


def test_rank_is_the_share_below_with_ties_by_half():
    """Rongcheng 5 among 1, 5, 5, 9: one below, two ties with itself: (1 + 2 / 2) / 4."""
    frame = panel([1.0, 5, 5, 9], ["110101", "371082", "130602", "110105"])
    found = ranks(frame).set_index("case")
    assert found.loc["S", ["percentile", "national_median"]].tolist() == [50.0, 5.0]
    assert found.loc["S", "of_counties"] == 4


def test_urban_units_and_missing_values_are_no_reference():
    frame = panel([1.0, 5, np.nan, 9], ["110101", "371082", "130602", "110105"])
    frame["rural_2010"] = [True, True, True, False]
    found = ranks(frame)
    assert found[["case", "of_counties", "percentile"]].to_numpy().tolist() == [["S", 2, 75.0]]


def test_a_simulated_panel_says_nothing_of_real_counties():
    frame = panel([1.0, 2], ["371082", "130602"]).rename(columns={"tap_water": "safe_water"})
    assert places.place_ranks(STUDIES, frame).empty
    table = places.place_status(STUDIES, frame).set_index("case")["status"]
    assert table.to_dict() == {
        "B": "anonymous", "S": "not_available", "W": "anonymous", "P": "not_available",
    }  # fmt: skip


def test_half_a_census_is_an_error():
    frame = panel([1.0], ["371082"])
    with pytest.raises(ValueError, match="illiteracy"):
        places.place_ranks(STUDIES, frame)
    bare = replace(STUDIES, cases=STUDIES.cases.drop(columns="county_code"))
    with pytest.raises(ValueError, match="county_code"):
        places.place_status(bare, frame, variables=["tap_water"])


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.permutations(range(30)))
def test_ranks_average_fifty_and_follow_the_values(values, order):
    codes = [f"1306{k:02d}" for k in range(len(values))]
    found = ranks(panel(values, codes))
    assert found["percentile"].mean() == pytest.approx(50)
    assert found["percentile"].between(0, 100, inclusive="neither").all()
    by_value = found.sort_values("value")["percentile"].to_numpy()
    assert (np.diff(by_value) >= -1e-9).all()
    shuffled = [k for k in order if k < len(values)]
    again = ranks(panel([values[k] for k in shuffled], [codes[k] for k in shuffled]))
    pd.testing.assert_frame_equal(again, found)
