"""The yearly panel: joined, balanced, transformed, and every county left out with its reason."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.models.county_years import PLACE, TRANSFORMATIONS, annual_panel

YEARS = (2013, 2014, 2015)


def counties():
    """Five counties in two census years; the third has no baseline."""
    first = pd.DataFrame({
        "code": [f"{i:06d}" for i in range(5)],
        "province": list("aabbb"),
        "prefecture": list("xxyyz"),
        "designated": [True, True, False, False, False],
        "delisted_year": pd.array([2016, 2018, None, None, None], dtype="Int64"),
        "rural_2010": True,
        "x": [1.0, 2.0, np.nan, 4.0, 5.0],
        "light_2013": [0.0, 1.0, 2.0, 3.0, 4.0],
        "year": 2010,
    })  # fmt: skip
    return pd.concat([first, first.assign(year=2020, x=99.0, light_2013=99.0)])


def years():
    """Of the county 3 one value is missing, 4 has no rows, and 9 is not in the panel."""
    frame = pd.DataFrame([
        {"code": f"{i:06d}", "year": year, "light": float(i + year - 2013)}
        for i in (0, 1, 2, 3, 9) for year in YEARS
    ])  # fmt: skip
    frame.loc[(frame["code"] == "000003") & (frame["year"] == 2014), "light"] = np.nan
    return frame.sample(frac=1, random_state=1)


def test_panel_is_balanced_with_the_baseline_of_the_first_year():
    panel, _ = annual_panel(years(), counties(), outcome="light", baseline=["x"])
    assert list(panel) == ["code", "year", "outcome", *PLACE[1:], "x"]
    assert panel["code"].tolist() == ["000000"] * 3 + ["000001"] * 3
    assert panel["year"].tolist() == [*YEARS] * 2
    assert panel["outcome"].tolist() == [0, 1, 2, 1, 2, 3]
    assert panel["x"].tolist() == [1.0] * 3 + [2.0] * 3


def test_every_county_left_out_has_its_first_reason():
    _, left_out = annual_panel(years(), counties(), outcome="light", baseline=["x"])
    assert left_out.set_index("code")["reason"].to_dict() == {
        "000002": "baseline not known",
        "000003": "outcome not known in every year",
        "000004": "no yearly outcome",
        "000009": "not in the county panel",
    }
    _, without = annual_panel(years(), counties(), outcome="light")
    assert "000002" not in set(without["code"])


def test_a_county_without_all_years_is_left_out():
    short = years()
    short = short[~((short["code"] == "000001") & (short["year"] == 2015))]
    panel, left_out = annual_panel(short, counties(), outcome="light")
    assert "000001" not in set(panel["code"])
    reason = left_out.set_index("code").loc["000001", "reason"]
    assert reason == "outcome not known in every year"


def test_outcome_and_its_earlier_level_are_transformed_alike():
    panel, _ = annual_panel(
        years(), counties(), outcome="light", transformation="log_plus_0.01",
        baseline=["light_2013", "x"], alike=["light_2013"],
    )  # fmt: skip
    first = panel[panel["year"] == 2013]
    assert first["outcome"].to_numpy() == pytest.approx(np.log([0.01, 1.01]))
    assert first["light_2013"].to_numpy() == pytest.approx(first["outcome"].to_numpy())
    assert first["x"].tolist() == [1.0, 2.0]


@given(st.floats(0, 1000), st.floats(1e-6, 1000))
def test_transformations_keep_the_order(low, step):
    pair = pd.Series([low, low + step])
    for name, transform in TRANSFORMATIONS.items():
        changed = transform(pair).to_numpy()
        assert np.isfinite(changed).all() and changed[1] >= changed[0], name


def test_callers_data_are_not_changed():
    given_years, given_counties = years(), counties()
    before = given_years.copy(), given_counties.copy()
    annual_panel(given_years, given_counties, outcome="light", baseline=["light_2013"],
                 alike=["light_2013"], transformation="asinh")  # fmt: skip
    pd.testing.assert_frame_equal(given_years, before[0])
    pd.testing.assert_frame_equal(given_counties, before[1])


def test_every_fault_of_the_input_is_listed():
    with pytest.raises(ValueError, match="cannot be built") as caught:
        annual_panel(
            years(), counties().drop(columns="province"), outcome="lights", baseline=["z"],
            transformation="sqrt", alike=["x"],
        )  # fmt: skip
    message = str(caught.value)
    for part in (
        "column lights",
        "column province",
        "column z",
        "'sqrt'",
        "log_plus_0.1",
        "x is to",
    ):
        assert part in message
