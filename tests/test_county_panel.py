"""The county panel: joins on the real sources, faults of the joined sources, and the audit."""

from collections import Counter

import pandas as pd
import pytest
from conftest import RAW

from analysis.county_panel import (
    build_census_panel,
    lights_by_county,
    match_lights,
    match_relief,
    read_lights,
    read_relief,
    region_of,
)
from analysis.crosswalk import link_counties, read_manual
from analysis.geography import REGIONS
from analysis.long_difference import sensitivity
from analysis.match_audit import audit_boundaries
from analysis.poverty_list import load_list
from analysis.schemas import validate

# An earlier, independent run of the same census printed the rows of CENSUS_RUN to one decimal. Its
# sample of the prefecture rung differs by an unknown handful of counties: one standard error there.
PRINTED = 0.1
CENSUS_RUN = {  # rung: estimate, tolerance, standard error
    "raw": (16.6, PRINTED, None),
    "province": (5.5, PRINTED, 0.9),
    "prefecture": (4.4, 0.9, 0.9),
}
NEAR_ZERO = 0.05  # years of schooling: that run found none on the rungs with controls

LINKS = pd.DataFrame(
    {
        "code_2020": ["990101", "990102", "990171"],
        "code_2010": ["990101", "990121", None],
        "name_2020": ["东区", "平安区", "高新区"],
        "name_2010": ["东区", "平安县", None],
        "province": "甲省",
    }
)


def relief_table(*rows):
    return pd.DataFrame(rows, columns=["code", "name", "province"]).assign(
        lon=100.0, lat=30.0, relief=1.0
    )


def test_regions_are_the_31_provinces():
    assert len(REGIONS) == 31
    # a province named under two regions would be counted in the later one only
    assert Counter(REGIONS.values()) == {"east": 10, "central": 6, "west": 12, "northeast": 3}
    with pytest.raises(ValueError, match="甲省"):
        region_of(pd.Series(["河北省", "甲省"]))


def test_lights_are_repaired_through_the_crosswalk():
    lights = pd.DataFrame(
        {"code": ["990101", "990121", "990171", "710000"], "year": 2013, "radiance": 1.0}
    )
    found = match_lights(lights, LINKS).set_index("source_code")
    assert found["code"].tolist()[:2] == ["990101", "990102"]
    assert found["code"].isna().tolist() == [False, False, True, True]
    assert found.loc["990171", "rule"] == "county of 2020 that is not linked to 2010"
    assert lights_by_county(lights, LINKS)["code"].tolist() == ["990101", "990102"]


def test_an_earlier_code_does_not_displace_the_present_one():
    lights = pd.DataFrame({"code": ["990102", "990121"], "year": 2013, "radiance": [1.0, 2.0]})
    assert lights_by_county(lights, LINKS)["radiance"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("row", "code", "rule"),
    [
        (("990102", "平安区", "甲省"), "990102", "code of 2020 and name"),
        (("990121", "平安县", "甲省"), "990102", "code of 2010 and name"),
        (("990199", "平安县", "甲省"), "990102", "name of 2020 in the province"),
        (("990101", "西区", "甲省"), None, "no linked county of that name"),
        (("990101", None, None), None, "no name and no position in the source"),
    ],
)
def test_relief_needs_the_name(row, code, rule):
    found = match_relief(relief_table(row), LINKS).iloc[0]
    assert (found["code"] == code) if code else pd.isna(found["code"])
    assert found["rule"] == rule


def test_bad_lights_and_relief(tmp_path):
    table = pd.DataFrame(
        {
            "county_id": [110101, 110101, 110102],
            "year": [2013, 2013, 2014],
            "viirs_mean_masked": [1.0, -1.0, 2.0],
        }
    )
    table.to_stata(tmp_path / "county_lights_2013_2020.dta", write_index=False)
    with pytest.raises(ValueError, match="violation") as error:
        read_lights(tmp_path)
    assert all(w in str(error.value) for w in ("occurs once", "not negative", "has 2 years"))
    head = "行政区划代码,县域名称,所属省份,经度,纬度,地形起伏度\n"
    (tmp_path / "county_relief.csv").write_text(
        head + "110101,东城区,北京市,16.4,39.9,-1\n", "utf-8"
    )
    with pytest.raises(ValueError, match="violation") as error:
        read_relief(tmp_path)
    assert "not negative" in str(error.value) and "lies in China" in str(error.value)
    (tmp_path / "county_relief.csv").write_text("行政区划代码\n110101\n", "utf-8")
    with pytest.raises(ValueError, match="地形起伏度"):
        read_relief(tmp_path)


# --- the real sources
@pytest.fixture(scope="module")
def built(real_census, raw):
    links = link_counties(
        real_census[2010].counties, real_census[2020].counties, read_manual(RAW / "crosswalk")
    )
    lights, relief = read_lights(raw("county_lights")), read_relief(raw("county_relief"))
    counties = pd.concat([real_census[year].counties for year in (2010, 2020)])
    quarantine = pd.concat([real_census[year].quarantine for year in (2010, 2020)])
    return links, lights, relief, build_census_panel(
        counties, quarantine, links, load_list(RAW / "facts"), lights, relief
    )  # fmt: skip


def test_panel_is_balanced_and_keeps_its_contract(built, real_census):
    panel = validate("county_panel", built[3][0])
    assert panel.groupby("code")["year"].apply(list).map(tuple).unique().tolist() == [(2010, 2020)]
    now = panel[panel["year"] == 2020].set_index("code")
    assert len(now) == 2798 and now["designated"].sum() == 828
    assert now["delisted_year"].notna().eq(now["designated"]).all()
    source = real_census[2020].counties.set_index("code")
    pd.testing.assert_series_equal(now["tap_water"], source.loc[now.index, "tap_water"])
    old = panel[panel["year"] == 2010].set_index("code")
    assert old.loc["540627", "population"] == 36842  # 班戈县, 班嘎县 in the source of 2010
    assert old["rural_2010"].eq(old["rural_share"] > 40).all()


def test_joined_sources_reach_nearly_all_counties(built):
    panel = built[3][0]
    once = panel[panel["year"] == 2010]
    assert once["relief"].isna().sum() == 1 and once["radiance_2013"].isna().sum() == 8
    assert not once[once["designated"]]["relief"].isna().any()
    validate("county_years", lights_by_county(built[1], built[0]))


def test_audit_accounts_for_every_unit(built, real_census):
    _, lights, relief, (panel, audit) = built
    validate("match_audit", audit)
    of_source = (
        audit[audit["fate"].isin(["matched", "not matched"])].groupby("source")["count"].sum()
    )
    assert of_source.to_dict() == {
        "census_county_2010": 2857, "census_county_2020": 2943, "poverty_county_notice": 832,
        "county_lights": lights["code"].nunique(), "county_relief": len(relief),
    }  # fmt: skip
    lost = audit[(audit["fate"] == "not matched") | (audit["fate"] == "county without a value")]
    assert (lost["codes"].str.split().str.len() == lost["count"]).all()
    layer = audit_boundaries(panel, pd.Series(["110101", "710000"])).set_index("fate")["count"]
    assert layer.to_dict() == {"matched": 1, "not matched": 1, "county without a value": 2797}


def test_long_difference_agrees_with_an_earlier_run_of_the_census(built):
    table = sensitivity(built[3][0], outcomes=["tap_water", "schooling"])
    shown = table[table["variant"] == "relief by code of 2020"].set_index("rung")
    water = shown[shown["outcome"] == "tap_water"]
    for rung, (estimate, tolerance, se) in CENSUS_RUN.items():
        assert water["estimate"][rung] == pytest.approx(estimate, abs=tolerance), rung
        assert se is None or water["se"][rung] == pytest.approx(se, abs=PRINTED), rung
    schooling = shown[shown["outcome"] == "schooling"].drop(index="raw")
    assert len(schooling) == 3 and (schooling["estimate"].abs() < NEAR_ZERO).all()
