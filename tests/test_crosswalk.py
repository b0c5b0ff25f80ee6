"""The crosswalk of county units: rules on small tables, counts and known cases on the real ones."""

import pandas as pd
import pytest
from conftest import RAW
from hypothesis import given
from hypothesis import strategies as st

from analysis.crosswalk import link_counties, name_stem, read_manual
from analysis.poverty_list import load_list
from analysis.schemas import validate

MANUAL = ["code_2010", "name_2010", "code_2020", "name_2020", "action", "area_changed", "reason"]


def counties(*rows):
    return pd.DataFrame(rows, columns=["code", "name", "province", "population"])


def manual(*rows):
    return pd.DataFrame(rows, columns=MANUAL).astype({"area_changed": bool})


OLD = counties(
    ("990101", "东区", "甲省", 100), ("990121", "平安县", "甲省", 100),
    ("990122", "旧县", "甲省", 100), ("990123", "撤县", "甲省", 100),
    ("990124", "长山县", "甲省", 100), ("980124", "长山县", "甲省", 100),
    ("990125", "大江县", "甲省", 100),
)  # fmt: skip
NEW = counties(
    ("990101", "东区", "甲省", 150), ("990102", "平安区", "甲省", 110),
    ("990103", "新名区", "甲省", 90), ("990171", "高新区", "甲省", 50),
    ("990126", "长山县", "甲省", 100), ("990125", "大江县", "甲省", 170),
)  # fmt: skip
REVIEWED = manual(
    ("990122", "旧县", "990103", "新名区", "link", False, "renamed"),
    ("990123", "撤县", "990101", "东区", "area", True, "撤县 joined 东区"),
)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("玉屏侗族自治县", "玉屏"), ("双江拉祜族佤族布朗族傣族自治县", "双江"), ("平安区", "平安"),
        ("滦县", "滦县"), ("和田巿", "和田"), ("万山特区", "万山"), ("井陉矿区", "井陉矿"),
        ("清新区", "清新"), ("清新县", "清新"), ("大柴旦行政委员会", "大柴旦"),
        ("大柴旦行委", "大柴旦"),
        ("鄂温克族自治旗", "鄂温克族"), ("龙胜各族自治县", "龙胜"), (" 梅县 区", "梅县"),
        ("达尔罕茂明安联合旗", "达尔罕茂明安"), ("回民区", "回民"),
    ],
)  # fmt: skip
def test_name_stem(name, stem):
    assert name_stem(name) == stem


@given(
    st.text(alphabet="东西南北山河", min_size=2, max_size=4),
    st.sampled_from(["县", "市", "区", "自治县"]),
)
def test_the_stem_does_not_depend_on_the_kind_of_unit(stem, unit):
    assert name_stem(stem + unit) == stem


def test_each_rule_and_nothing_lost():
    links = link_counties(OLD, NEW, REVIEWED)
    method = links.set_index("code_2020")["method"]
    assert method[["990101", "990102", "990103", "990171"]].tolist() == [
        "code_and_stem", "province_and_stem", "manual", "unmatched_2020",
    ]  # fmt: skip
    assert method["990126"] == "unmatched_2020"  # two 长山县 in 2010: the stem is not unique
    assert sorted(links["code_2020"].dropna()) == sorted(NEW["code"])
    assert sorted(links["code_2010"].dropna()) == sorted(OLD["code"])
    validate("county_links", links)


def test_area_flag_follows_reviewed_rows_and_population():
    links = link_counties(OLD, NEW, REVIEWED)
    flag = links.dropna(subset="code_2020").set_index("code_2020")["area_changed"]
    assert flag[["990101", "990102", "990125"]].tolist() == [True, False, True]
    reason = links.set_index("code_2010")["reason"]
    assert reason["990123"] == "撤县 joined 东区"


def test_a_reviewed_row_overrules_a_coincidence_of_names():
    row = manual(("990121", "平安县", "990103", "新名区", "link", False, "renamed"))
    links = link_counties(OLD, NEW, row).set_index("code_2020")
    assert links.loc["990103", "code_2010"] == "990121"
    assert links.loc["990102", "method"] == "unmatched_2020"


def test_stale_and_malformed_reviewed_rows(tmp_path):
    stale = manual(("990122", "旧市", "990109", "新名区", "link", False, "renamed"))
    with pytest.raises(ValueError, match="stale rows") as error:
        link_counties(OLD, NEW, stale)
    assert "990122 旧市" in str(error.value) and "990109 新名区" in str(error.value)
    text = ",".join(MANUAL) + "\n1,a,2,b,join,0,\n1,a,2,b,link,0,x\n1,a,3,c,link,0,x\n"
    (tmp_path / "manual_2010_2020.csv").write_text(text, "utf-8")
    with pytest.raises(ValueError, match="mend the reviewed") as error:
        read_manual(tmp_path)
    for words in (
        "row 2: broken rule: the action",
        "row 2: broken rule: a row has a reason",
        "row 4: broken rule: a unit of 2010",
    ):
        assert words in str(error.value)


# --- the real censuses
@pytest.fixture(scope="module")
def links(real_census):
    return link_counties(
        real_census[2010].counties, real_census[2020].counties, read_manual(RAW / "crosswalk")
    )


def test_real_counts(links):
    found = links["method"].value_counts()
    assert found["code_and_stem"] + found["province_and_stem"] > 2700
    linked = links.dropna(subset=["code_2010", "code_2020"])
    assert len(linked) == 2798 and linked["code_2010"].is_unique and linked["code_2020"].is_unique
    assert links["code_2020"].notna().sum() == 2943 and links["code_2010"].notna().sum() == 2857
    validate("county_links", links)


def test_poverty_counties_linked(links):
    listed = load_list(RAW / "facts")
    linked = links.dropna(subset=["code_2010", "code_2020"]).set_index("code_2020")
    missing = listed[~listed["code"].isin(linked.index)]
    assert sorted(missing["name"]) == ["冷湖行委", "双湖县", "大柴旦行委", "茫崖行委"]
    found = listed[listed["code"].isin(linked.index)].set_index("code")
    assert (
        linked.loc[found.index, "code_2010"] == found["code10"]
    ).all()  # two independent linkages


@pytest.mark.parametrize(
    ("new", "old"),
    [("340422", "341521"), ("360402", "360402"), ("360483", "360427"), ("540627", "542428"),
     ("520602", "522201"), ("500110", "500222"), ("441803", "441827"), ("632701", "632721")],
)  # fmt: skip
def test_known_cases(links, new, old):
    assert links.set_index("code_2020").loc[new, "code_2010"] == old


def test_every_unmatched_unit_has_a_reason(links):
    left = links[links["method"].str.startswith("unmatched")]
    assert not left["reason"].str.startswith("no unit of that code").any()
    zones = left["reason"].str.startswith("development zone")
    assert left[zones]["code_2020"].str[4].eq("7").all()
