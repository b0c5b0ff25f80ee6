"""The county panel of a survey of one's own: places, units, gaps and sampling error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import geography, indicators, linkage, poverty_list
from analysis.households.own_panel import own_county_panel, sampling_share, year_patterns
from analysis.schemas import validate

RAW = Path(__file__).resolve().parents[1] / "data" / "raw"
COUNTIES = pd.DataFrame(
    {
        "code": ["990121", "990102", "990103", "980101"],
        "name": ["甲县", "乙区", "丙区", "岛区"],
        "prefecture": ["某市", "某市", None, None],
        "province": ["某省", "某省", "某省", "海外"],
        "region": ["west", "west", "west", None],
    }
)
POVERTY = pd.DataFrame(
    {"code": ["990103", "990103", "990121"], "delisted_year": [2018, 2018, 2020]}
)
MEASURED = pd.DataFrame(
    {
        "code": ["990102", "990121", "990121", "990103"],
        "year": [2021, 2023, 2021, 2021],
        "H": [0.1, 0.25, 0.5, 1.0],
        "H_se": [0.01, 0.02, 0.03, 0.0],
        "M0": [0.05, 0.1, 0.2, 0.5],
        "A": [0.5, 0.4, 0.4, 0.5],
        "FGT0": [0.0, 0.2, 0.3, 0.4],
        "relative_50": [0.1, 0.2, None, 0.4],
        "mean_income": [20000.0, 12000.0, 11000.0, 9000.0],
        "gini": [0.3, 0.4, 0.35, 0.5],
        "n": [30, 40, 40, 20],
    }
)


def test_measures_get_place_designation_and_units() -> None:
    before = MEASURED.copy()
    panel = own_county_panel(MEASURED, COUNTIES, POVERTY)
    pd.testing.assert_frame_equal(MEASURED, before)
    assert panel[["code", "year"]].to_numpy().tolist() == [
        ["990102", 2021], ["990103", 2021], ["990121", 2021], ["990121", 2023],
    ]  # fmt: skip
    assert panel["designated"].tolist() == [False, True, True, True]
    assert panel["delisted_year"].fillna(0).tolist() == [0, 2018, 2020, 2020]
    assert panel["rural_2010"].tolist() == [False, True, True, True]  # 丙区 is designated
    assert panel["multidimensional_headcount"].tolist() == [10, 100, 50, 25]
    assert panel["multidimensional_poverty"].tolist() == [5, 50, 20, 10]
    assert panel["relative_poverty"].isna().tolist() == [False, False, True, False]
    assert panel["mean_income"].tolist() == [20000, 9000, 11000, 12000]
    assert panel["income_gini"].tolist() == [0.3, 0.5, 0.35, 0.4]
    assert not {"H", "A", "n", "H_se"} & set(panel)


def test_panel_keeps_its_contract_and_holds_only_what_is_measured() -> None:
    panel = validate("county_panel", own_county_panel(MEASURED, COUNTIES, POVERTY))
    system = indicators.load_system(RAW / "indicators", "households")
    assert set(system.variables) <= set(panel)
    poor = own_county_panel(MEASURED[["code", "year", "FGT0"]], COUNTIES, POVERTY)
    assert list(poor)[-2:] == ["rural_2010", "income_poverty"]


def test_panel_of_the_real_map_and_list_feeds_the_linkage_index() -> None:
    counties = geography.load_counties(RAW / "boundaries").drop(columns="geometry")
    poverty = geography.fix_poverty_codes(poverty_list.load_list(RAW / "facts"))
    codes = counties.dropna(subset="region")["code"].to_numpy()
    rng = np.random.default_rng(1)
    names = ["H", "FGT0", "relative_50"]
    measured = pd.DataFrame(
        {"code": np.tile(codes, 2), "year": np.repeat([2021, 2023], len(codes))}
    )
    measured = measured.assign(mean_income=rng.uniform(5e3, 5e4, len(measured)))
    measured = measured.assign(**{name: rng.random(len(measured)) for name in names})
    panel = validate("county_panel", own_county_panel(measured, counties, poverty))
    assert panel.groupby("year")["designated"].sum().tolist() == [831, 831]  # two share a polygon
    system = indicators.load_system(RAW / "indicators", "households")
    index = linkage.build_index(panel, system, base_years=(2021, 2023))
    assert len(index.index) == len(panel) and index.excluded.empty
    worst = panel.set_index(["code", "year"])[["multidimensional_headcount", "income_poverty"]]
    score = index.index.set_index(["code", "year"])["alleviation"]
    assert score.corr(worst.sum(axis=1)) < -0.9  # more poverty is a lower score


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code": ["990102", "990121", "999999", "888888"]}, "county 888888: the map has no such"),
        ({"code": ["990102", "990121", "990121", "980101"]}, "county 980101: lies outside"),
        ({"H": [0.1, 0.2, 50.0, 1.0]}, "county 990121, year 2021: H is 50.0: give a share"),
        ({"mean_income": [-1.0, 1.0, 1.0, 1.0]}, "year 2021: mean_income is -1.0: it cannot be"),
        ({"year": [2021, 2021, 2021, 2021]}, "2 rows share a key"),
        ({"code": ["990102", "990121", None, "990103"]}, "1 rows without a key"),
        ({"FGT0": ["much"] * 4}, "values are not finite numbers"),
    ],
)
def test_each_violation_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match="violation") as error:
        own_county_panel(MEASURED.assign(**changes), COUNTIES, POVERTY)
    assert words in str(error.value)


def test_all_violations_come_in_one_error() -> None:
    counties = pd.concat([COUNTIES, COUNTIES.head(1)])
    poverty = POVERTY.assign(delisted_year=[2018, 2019, 2020])
    with pytest.raises(ValueError, match="violation") as error:
        own_county_panel(MEASURED[["code", "year", "n"]], counties, poverty)
    for words in ("none of H, M0", "counties: 2 rows share", "poverty counties: 2 rows share"):
        assert words in str(error.value)
    unknown = MEASURED.assign(code=["1", "2", "3", "4"])
    with pytest.raises(ValueError, match=r"4 violation\(s\)"):
        own_county_panel(unknown, COUNTIES, POVERTY)


def test_years_are_counted_by_pattern() -> None:
    table = year_patterns(own_county_panel(MEASURED, COUNTIES, POVERTY))
    assert table.to_numpy().tolist() == [["2021", 2, 1], ["2021, 2023", 1, 1]]
    once = MEASURED.drop(index=1)
    assert len(year_patterns(own_county_panel(once, COUNTIES, POVERTY))) == 1


def test_sampling_share_by_hand() -> None:
    # two counties at 10 and 30 %: variance 200; errors of 6 and 8 points: mean square 50
    measured = pd.DataFrame(
        {"code": ["a", "b", "c"], "year": 2021, "H": [0.1, 0.3, 0.9], "H_se": [0.06, 0.08, None],
         "mean_income": [1.0, 2.0, 3.0]}
    )  # fmt: skip
    row = sampling_share(measured).iloc[0]
    assert (row["variable"], row["year"], row["counties"]) == (
        "multidimensional_headcount", 2021, 2,
    )  # fmt: skip
    assert row[["mean", "sd", "typical_se", "sampling_share"]].tolist() == pytest.approx(
        [20, 200**0.5, 50**0.5, 25]
    )
    assert len(sampling_share(measured)) == 1  # mean income has no error
    alike = measured.assign(H=0.5)
    assert sampling_share(alike)["sampling_share"].isna().all()


@given(truth=st.floats(0.02, 0.2), error=st.floats(0.02, 0.2), seed=st.integers(0, 2**32 - 1))
def test_sampling_share_is_one_minus_reliability(truth: float, error: float, seed: int) -> None:
    rng, n = np.random.default_rng(seed), 20_000
    estimates = 5 + truth * rng.standard_normal(n) + error * rng.standard_normal(n)
    measured = pd.DataFrame({"year": 2021, "mean_income": estimates, "mean_income_se": error})
    share = sampling_share(measured)["sampling_share"].item()
    known = 100 * error**2 / (truth**2 + error**2)
    # the variance of n normal draws has a relative standard error of (2 / n)^.5, here 1 %
    assert share == pytest.approx(known, rel=0.06)
