"""Contracts: every violation is listed at once, and a sound table comes back in order."""

import pandas as pd
import pytest

from analysis import schemas
from analysis.schemas import ContractError, dictionary, label, validate


def lights(**changes):
    table = {"code": ["110102", "110101"], "year": [2013, 2013], "radiance": [2.0, 1.0]}
    return pd.DataFrame(table | changes)


def test_a_sound_table_is_sorted_typed_and_left_unmutated():
    given = lights()
    before = given.copy()
    checked = validate("county_years", given)
    assert checked["code"].tolist() == ["110101", "110102"]
    assert checked.dtypes.astype(str).tolist() == ["str", "int64", "float64"]
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"radiance": [-1.0, 1.0]}, "code 110102, year 2013, column radiance: -1.0 breaks"),
        ({"code": ["110102", "11"]}, "column code: 11 breaks: has the form"),
        ({"code": ["110101", "110101"]}, "the key occurs more than once"),
        ({"code": ["110102", None]}, "is never missing"),
        ({"radiance": ["high", "low"]}, "expected float"),
        ({"year": [2013.5, 2013.0]}, "expected int"),
        ({"brightness": [1, 2]}, "column brightness: not defined in contracts.yml"),
    ],
)
def test_each_violation_is_named(changes, words):
    with pytest.raises(ContractError, match="violation") as error:
        validate("county_years", lights(**changes))
    assert words in str(error.value)


def test_all_violations_come_in_one_error():
    bad = lights(code=["110101", "110101"], radiance=[-1.0, 5000.0], brightness=[1, 2])
    with pytest.raises(ContractError) as error:
        validate("county_years", bad.drop(columns="year"))
    text = str(error.value)
    for words in (
        "brightness",
        "year: required",
        "-1.0",
        "5000.0",
        "more than once",
        "contracts.yml",
    ):
        assert words in text


def test_unknown_table_and_column():
    with pytest.raises(ContractError, match="no contract"):
        validate("no_such_table", lights())
    with pytest.raises(ContractError, match="not defined"):
        dictionary(pd.DataFrame({"nothing": [1]}), "county_years")
    with pytest.raises(ContractError, match="en and zh"):
        label("population", "fr")


def test_missing_integers_stay_integers():
    table = pd.DataFrame(
        {
            "code": ["110101"],
            "code10": ["110101"],
            "name": ["东城区"],
            "province": ["北京市"],
            "prefecture": ["北京市"],
            "delisted_year": pd.array([None], dtype="Int64"),
        }
    )
    assert str(validate("poverty_counties", table)["delisted_year"].dtype) == "Int64"


def test_dictionary_follows_the_table():
    words = dictionary(lights(), "county_years").set_index("name")
    assert words.index.tolist() == ["code", "year", "radiance"]
    assert (words["unit"]["radiance"], words["minimum"]["radiance"]) == ("nW/cm2/sr", 0)
    assert label("radiance", "zh") == words.loc["radiance", "label_zh"]


def test_every_contract_is_complete():
    contracts = schemas._contracts()
    for name, line in contracts["variables"].items():
        assert line["en"] and line["zh"] and line["source"], name
    shares = [n for n, line in contracts["variables"].items() if n.endswith("_share")]
    assert shares and all(contracts["variables"][n].get("range") == [0, 100] for n in shares)
