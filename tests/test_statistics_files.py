"""SPSS and Stata files: written by pyreadstat, read back as questionnaires."""

import contextlib
import datetime as dt
import math
import sys

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.interviews.corpus import CorpusError
from analysis.questionnaires import statistics_files
from analysis.questionnaires.reading import read_questionnaire, to_attributes
from analysis.questionnaires.statistics_files import Contents, read_statistics


@pytest.fixture
def survey(tmp_path):
    """An SPSS file with labels in two languages and three kinds of user-missing values."""
    frame = pd.DataFrame(
        {
            "id": ["P1", "P2", "P3", "P4"],
            "satisfied": [1.0, 2.0, 9.0, np.nan],
            "income": [1.5, -1.0, 998.0, 3.25],
            "village": ["一村", "XX", "", "二村"],
            "members": [4.0, 5.0, np.nan, 2.0],
            "day": [dt.date(2024, 3, 5), None, dt.date(1999, 1, 1), None],
            "moment": [dt.datetime(2024, 3, 5, 10, 20, 30), pd.NaT, pd.NaT, pd.NaT],
        }
    )
    path = tmp_path / "survey.sav"
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels=["Participant", "满意度", "Income", "村", "Members", None, None],
        variable_value_labels={
            "satisfied": {1: "满意", 2: "不满意", 9: "Refused"},
            "income": {998: "不知道"},
        },
        missing_ranges={"satisfied": [9], "income": [{"lo": -9, "hi": -1}, 998], "village": ["XX"]},
        variable_format={"members": "F8.0"},
    )
    return path


def test_labels_kinds_and_values_of_spss(survey):
    found = read_statistics(survey)
    book = found.questions.set_index("question")
    assert book["kind"].to_dict() == {
        "id": "text", "satisfied": "select_one", "income": "decimal", "village": "text",
        "members": "integer", "day": "date", "moment": "datetime",
    }  # fmt: skip
    assert list(book.loc["satisfied", ["label_en", "label_zh"]]) == ["", "满意度"]
    assert list(book.loc["income", ["label_en", "label_zh"]]) == ["Income", ""]
    assert found.choices.to_numpy().tolist() == [
        ["satisfied", "1", "", "满意"],
        ["satisfied", "2", "", "不满意"],
    ]
    frame = found.respondents
    assert frame["satisfied"].fillna("-").to_list() == ["1", "2", "-", "-"]
    assert frame["members"].to_list() == [4, 5, pd.NA, 2]
    assert frame["day"].to_list()[0] == pd.Timestamp("2024-03-05")
    assert frame["moment"].to_list()[0] == pd.Timestamp("2024-03-05 10:20:30")
    assert len(found.violations) == 0 and found.repeats == {}


def test_user_missing_values_are_kept_apart_from_blanks(survey):
    found = read_statistics(survey)
    assert found.missing.to_numpy().tolist() == [
        ["survey.sav", 3, "satisfied", "9", "Refused"],
        ["survey.sav", 2, "income", "-1", ""],
        ["survey.sav", 3, "income", "998", "不知道"],
        ["survey.sav", 2, "village", "XX", ""],
    ]
    frame = found.respondents
    assert frame["income"].mean() == pytest.approx((1.5 + 3.25) / 2)
    assert frame["village"].isna().to_list() == [False, True, True, False]


def test_a_folder_with_one_file_becomes_attributes(survey):
    found = to_attributes(read_questionnaire(survey.parent), entity_kind="case", key="id")
    rows = {(r.entity, r.name): (r.type, r.value) for r in found.itertuples(index=False)}
    assert rows["P1", "satisfied"] == ("text", "1")
    assert rows["P4", "income"] == ("number", "3.25")
    assert rows["P1", "moment"] == ("date", "2024-03-05T10:20:30")
    assert ("P3", "satisfied") not in rows


def test_a_scale_with_labels_at_its_ends_stays_a_number(tmp_path):
    frame = pd.DataFrame({"scale": [1.0, 3.0, 5.0]})
    pyreadstat.write_sav(frame, str(tmp_path / "a.sav"),
                         variable_value_labels={"scale": {1: "low", 5: "high"}})  # fmt: skip
    found = read_statistics(tmp_path / "a.sav")
    assert found.questions["kind"].to_list() == ["decimal"]
    assert found.choices["value"].to_list() == ["1", "5"]


def test_stata_keeps_extended_missing_values(tmp_path):
    frame = pd.DataFrame({"q": [1, 2, "a", "b"], "r": [1, 2, 3, 4.5], "s": ["x", "", "y", "z"]})
    pyreadstat.write_dta(
        frame, str(tmp_path / "a.dta"), column_labels=["Question", None, None],
        missing_user_values={"q": ["a", "b"]}, variable_value_labels={"q": {1: "yes", 2: "no"}},
    )  # fmt: skip
    found = read_statistics(tmp_path / "a.dta")
    assert found.questions["kind"].to_list() == ["select_one", "decimal", "text"]
    assert found.missing[["row", "question", "value"]].to_numpy().tolist() == [
        [3, "q", "a"], [4, "q", "b"],
    ]  # fmt: skip
    assert found.respondents["q"].fillna("-").to_list() == ["1", "2", "-", "-"]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_text_of_old_stata_files_in_either_encoding(tmp_path, encoding):
    text = "贫困" if encoding == "gb18030" else "贫a"
    placeholder = b"QZQZ"
    path = tmp_path / "old.dta"
    frame = pd.DataFrame({"s": [placeholder.decode()]})
    pyreadstat.write_dta(frame, str(path), version=12)
    data = path.read_bytes()
    assert data.count(placeholder) == 1
    path.write_bytes(data.replace(placeholder, text.encode(encoding)))
    assert read_statistics(path).respondents["s"].to_list() == [text]


def test_the_real_county_lights(raw):
    path = next(raw("county_lights").glob("*.dta"))
    found = read_statistics(path.resolve())
    reference = pd.read_stata(path)
    assert len(found.respondents) == len(reference)
    kinds = found.questions.set_index("question")["kind"]
    assert kinds["year"] == "integer"
    assert found.respondents["year"].to_numpy().tolist() == reference["year"].to_list()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.sav", b"$FL2 garbage" * 20, "is no file of SPSS or Stata"),
        ("a.dta", b"<stata_dta><header><release>118", "is no file of SPSS or Stata"),
        ("a.sav", b"", "empty"),
        ("a.dta", b"<html>login</html>", "web page"),
        ("a.xls", b"x", "must be one of"),
    ],
)
def test_files_that_are_none(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read_statistics(tmp_path / name)


def test_a_variable_with_the_name_of_an_added_column(tmp_path):
    frame = pd.DataFrame({"_row": [1]})
    pyreadstat.write_dta(frame, str(tmp_path / "a.dta"))
    with pytest.raises(CorpusError, match="rename the variable _row"):
        read_statistics(tmp_path / "a.dta")


@pytest.mark.parametrize(
    "code",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import time; time.sleep(60)",
        "print('half a res')",
        "",
        "raise MemoryError",
    ],
)
def test_a_parser_that_crashes_hangs_or_stammers_ends_in_the_documented_error(
    survey, monkeypatch, code
):
    monkeypatch.setattr(statistics_files, "READER", (sys.executable, "-c", code))
    monkeypatch.setattr(statistics_files, "PATIENCE", 2.0)
    with pytest.raises(CorpusError, match=r"survey\.sav: the parser failed over it"):
        read_statistics(survey)


@settings(max_examples=8, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused(survey, position, damage):
    data = survey.read_bytes()
    broken = survey.with_name("broken.sav")
    broken.write_bytes(data[:position] + damage + data[position + len(damage) :])
    with contextlib.suppress(CorpusError):
        assert read_statistics(broken).file == "broken.sav"


@settings(max_examples=8, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    st.dictionaries(
        st.sampled_from([1.0, 2.0, 3.0, -5.0, 0.25, 1e300, "a", ""]), st.sampled_from(["x", "村"])
    ),
    st.lists(st.sampled_from([1.0, 2.0, 3.0, -5.0, 0.25, 1e300, math.nan, None]), min_size=1),
    st.sampled_from(["F8.0", "F8.2", "int8"]),
)
def test_every_value_is_an_answer_or_declared_missing(survey, labels, values, stated):
    contents = Contents(
        {"q": values}, {}, {"q": labels}, {}, {"q": [{"lo": 3.0, "hi": 4.0}]}, {"q": stated},
        {"q": "double"}, 0, 0,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_files, "_contents", lambda path: contents)
        found = read_statistics(survey)
    blank = sum(value is None or math.isnan(value) for value in values)
    assert len(found.missing) == values.count(3.0)
    assert found.respondents["q"].notna().sum() == len(values) - blank - len(found.missing)
