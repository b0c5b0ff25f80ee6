"""The official notice and the embedded list of the 832 are the same counties and years."""

import shutil

import pytest
from conftest import RAW
from openpyxl import load_workbook

from analysis.corrections import CorrectionError
from analysis.poverty_list import (
    BLOCK_COUNTS,
    PovertyListError,
    load_list,
    parse_notice,
    rederive_list,
)

FACTS = RAW / "facts"


def edited_notice(raw, tmp_path, cell, value):
    source = raw("poverty_county_notice")
    shutil.copy(source / "aliases.csv", tmp_path)
    book = load_workbook(source / "poverty_county_notice.xlsx")
    book.worksheets[0][cell] = value
    book.save(tmp_path / "poverty_county_notice.xlsx")
    return tmp_path


def test_notice_counts(raw):
    notice = parse_notice(raw("poverty_county_notice"))
    assert notice.groupby("delisted_year").size().to_dict() == BLOCK_COUNTS
    assert sum(BLOCK_COUNTS.values()) == len(notice) == 832
    assert notice[notice["planned"]]["delisted_year"].unique().tolist() == [2020]


def test_rederived_list_equals_the_embedded_one(raw):
    derived = rederive_list(raw("poverty_county_notice"), FACTS)
    assert derived.drop(columns="name_in_notice").equals(load_list(FACTS))
    shuangbai = derived.set_index("name_in_notice").loc["双柏县"]
    assert shuangbai["delisted_year"] == 2018


def test_embedded_list_is_repaired():
    listed = load_list(FACTS)
    assert len(listed) == 832 and listed["code"].is_unique
    assert "630104" not in set(listed["code"])  # 城西区 of 西宁, never designated
    assert listed["code10"].isna().sum() == 4
    assert not listed["prefecture"].eq("[]").any()


@pytest.mark.parametrize(
    ("cell", "value", "words"),
    [
        ("C7", "海兴县、南皮县", "declares 3, lists 2"),
        ("B6", 29, "block of 2016: 28 counties, declared 29"),
        ("C7", "海兴县、南皮县、南皮县", "occurs twice"),
    ],
)
def test_a_notice_that_contradicts_itself(raw, tmp_path, cell, value, words):
    with pytest.raises(PovertyListError) as error:
        parse_notice(edited_notice(raw, tmp_path, cell, value))
    assert words in str(error.value)


def test_every_difference_is_listed(raw, tmp_path):
    folder = edited_notice(raw, tmp_path, "C7", "海兴县、南皮县、无名县")
    with pytest.raises(PovertyListError) as error:
        rederive_list(folder, FACTS)
    assert "only in the notice: 河北省 无名县" in str(error.value)
    assert "only in the list: 河北省 望都县" in str(error.value)


def test_another_year_is_a_difference(raw, tmp_path):
    shutil.copytree(FACTS, tmp_path / "facts")
    table = tmp_path / "facts" / "poverty_counties_832.csv"
    table.chmod(0o644)
    lines = table.read_text(encoding="utf-8").replace(
        "双柏县,云南省,楚雄彝族自治州,西部,2018", "双柏县,云南省,楚雄彝族自治州,西部,2019"
    )
    table.write_text(lines, encoding="utf-8")
    with pytest.raises(PovertyListError, match="双柏县: 2018 in the notice, 2019 in the list"):
        rederive_list(raw("poverty_county_notice"), tmp_path / "facts")


def test_a_stale_correction_fails_loudly(tmp_path):
    shutil.copytree(FACTS, tmp_path / "facts")
    table = tmp_path / "facts" / "poverty_counties_832.csv"
    table.chmod(0o644)
    repaired = table.read_text(encoding="utf-8").replace("630104,630104,冷湖", "632858,,冷湖")
    table.write_text(repaired, encoding="utf-8")
    with pytest.raises(CorrectionError) as error:
        load_list(tmp_path / "facts")
    assert "冷湖行委 青海省 code" in str(error.value) and "code10" in str(error.value)
