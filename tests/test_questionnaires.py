"""Questionnaires: forms of XLSForm and declared ones, exports of Kobo, ODK and Wenjuanxing."""

import contextlib
import datetime as dt
import zipfile

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.interviews.corpus import COLUMNS, CorpusError
from analysis.questionnaires.reading import (
    read_answers,
    read_form,
    read_questionnaire,
    to_attributes,
)

HEADINGS = [
    "type", "name", "label::English (en)", "label::中文 (zh)", "relevant", "required",
    "constraint", "constraint_message::English (en)", "calculation", "choice_filter",
]  # fmt: skip
SURVEY = [
    ["today", "today"],
    ["text", "participant", "Participant", "受访者", "", "yes"],
    ["select_one role", "role", "Role", "身份", "", "true()"],
    ["begin_group", "work", "Work", "工作", "${role} = 'farmer'"],
    ["integer", "years", "Years", "年数", "", "yes", ". >= 0 and . <= 90", "0 to 90 years"],
    ["select_multiple income or_other", "income", "Income", "收入来源"],
    ["end_group", ""],
    ["begin repeat", "member", "Member", "家庭成员"],
    ["integer", "age", "Age", "年龄", "", "", ". < 120"],
    ["text", "job", "Job", "工作内容", "${age} >= 16"],
    ["end repeat", ""],
    ["calculate", "members", "", "", "", "", "", "", "count(${member})"],
    ["date", "visit", "Visit", "走访日期", "", "", ". <= today()"],
]
CHOICES = [
    ["list_name", "name", "label::English (en)", "label::中文 (zh)"],
    ["role", "farmer", "Farmer", "农户"],
    ["role", "official", "Official", "干部"],
    ["income", "farm", "Farming", "种植"],
    ["income", "wage", "Wage labour", "务工"],
]
MAIN = "KEY,today,participant,role,work-years,work-income,work-income_other,members,visit\n"
MEMBERS = "age,job,PARENT_KEY,KEY\n"


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([None if cell == "" else cell for cell in row])
    book.save(path)
    return path


def form_of(folder, survey=SURVEY, choices=CHOICES, headings=HEADINGS, settings=()):
    sheets = {"survey": [headings, *survey], "choices": choices}
    return workbook(folder / "form.xlsx", **sheets, **({"settings": settings} if settings else {}))


def one_question(folder, row, **more):
    return read_form(form_of(folder, [row], **more))


def answers_of(folder, main, **repeats):
    (folder / "answers.csv").write_text(main, encoding="utf-8")
    for name, text in repeats.items():
        (folder / f"answers-{name}.csv").write_text(text, encoding="utf-8")
    return folder / "answers.csv"


def broken(questionnaire):
    found = questionnaire.violations
    return list(zip(found["row"].fillna(0), found["column"], found["rule"], strict=True))


@pytest.fixture
def form(tmp_path):
    return read_form(form_of(tmp_path))


# --- forms ----------------------------------------------------------------------------------------


def test_a_form_has_its_questions_labels_and_choices(form):
    book = form.codebook().set_index("question")
    assert book.index.to_list() == [
        "today", "participant", "role", "years", "income", "income_other", "age", "job", "members",
        "visit",
    ]  # fmt: skip
    assert book.loc["age"].to_list() == ["member", "integer", "Age", "年龄", ""]
    assert book.loc["income"].to_list() == ["", "select_multiple", "Income", "收入来源", "income"]
    choices = form.choice_table().set_index(["list_name", "value"])
    assert choices.loc["income"].index.to_list() == ["farm", "wage", "other"]
    assert choices.loc[("role", "official")].to_list() == ["Official", "干部"]


@pytest.mark.parametrize(
    ("headings", "cell", "expected"),
    [
        (["type", "name", "label"], "您的年龄", {"zh": "您的年龄"}),
        (["type", "name", "label"], "Your age", {"en": "Your age"}),
        (["type", "name", "Label:: Chinese"], "年龄", {"zh": "年龄"}),
        (["type", "name", "label:zh-CN"], "年龄", {"zh": "年龄"}),
        (["TYPE", "Name", "label::Français (fr)"], "Âge", {"Français (fr)": "Âge"}),
    ],
)
def test_labels_in_any_language(tmp_path, headings, cell, expected):
    form = one_question(tmp_path, ["integer", "age", cell], headings=headings)
    assert form.items[0].labels == expected


def test_the_default_language_decides_over_the_script(tmp_path):
    form = one_question(
        tmp_path,
        ["text", "a", "GDP"],
        headings=["type", "name", "label"],
        settings=[["form_title", "default_language"], ["Survey", "中文 (zh)"]],
    )
    assert form.items[0].labels == {"zh": "GDP"}
    assert form.title == "Survey"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("select one role", "select_one"),
        ("Select_One from role", "select_one"),
        ("select all that apply role", "select_multiple"),
        ("add select multiple role or specify other", "select_multiple"),
        ("rank role", "rank"),
        ("date time", "datetime"),
        ("dateTime", "datetime"),
        ("acknowledge", "boolean"),
        ("phone number", "identity"),
        ("note", "note"),
    ],
)
def test_types_in_the_spellings_that_tools_accept(tmp_path, written, kind):
    form = read_form(form_of(tmp_path, [[written, "q"], ["text", "t"]]))
    assert form.items[0].kind == kind
    assert form.remarks == ()


@pytest.mark.parametrize(
    "written", ["select_one_from_file villages.csv", "select_one ${member}", "hologram"]
)
def test_types_that_are_not_read_are_text_with_a_remark(tmp_path, written):
    form = one_question(tmp_path, [written, "q"])
    assert form.items[0].kind == "text"
    assert [element for element, _ in form.remarks] == [f"type {written.split()[0]}"]


def test_curly_quotation_marks_are_straightened(tmp_path):
    form = read_form(
        form_of(
            tmp_path, [["select_one role", "role"], ["text", "a", "", "", "${role} = ‘farmer’"]]
        )
    )
    assert form.items[1].relevant == "${role} = 'farmer'"


def test_every_fault_of_a_form_comes_at_once(tmp_path):
    survey = [
        ["select_one nothing", "a"],
        ["text", "two words"],
        ["text", "b", "", "", "${absent} = 1"],
        ["text", "b"],
        ["text", "c", "", "", "(${a}"],
        ["end group", ""],
        ["begin repeat", "r"],
        ["", "typeless"],
        ["text", "_row"],
        ["text", "²"],
    ]
    choices = [["list name", "name"], ["role", "x"], ["role", "x"], ["role", ""], ["", "z"]]
    with pytest.raises(CorpusError) as caught:
        read_form(form_of(tmp_path, survey, choices))
    for fault in (
        "row 2 (a): there are no choices in list 'nothing'",
        "row 3: needs a name of letters",
        "row 4 (b), relevant: ${absent} is the name of no question",
        "survey, row 5: 'b' is in the same group already",
        "row 6 (c), relevant: is no expression",
        "survey, row 7: `end group` closes nothing",
        "survey: the repeat 'r' is not closed",
        "survey, row 9: a name and no type",
        "row 10: '_row' is the name of a column",
        "row 11: needs a name of letters",
        "choices, row 3: 'x' is in list 'role' already",
        "choices, row 4: needs a list_name and a name",
        "choices, row 5: needs a list_name and a name",
    ):
        assert fault in str(caught.value)


def test_conditions_in_a_circle_are_refused(tmp_path):
    survey = [["text", "a", "", "", "${b} = 1"], ["text", "b", "", "", "${a} = 1"]]
    with pytest.raises(CorpusError, match=r"in a circle: (a -> b -> a|b -> a -> b)"):
        read_form(form_of(tmp_path, survey))


def test_a_name_in_two_groups_gets_its_path(tmp_path):
    survey = [["begin group", "g"], ["text", "q"], ["end group", ""], ["text", "q"]]
    form = read_form(form_of(tmp_path, survey))
    assert form.codebook()["question"].to_list() == ["g/q", "q"]
    answers = answers_of(tmp_path, "g/q,q\nx,y\n")
    assert read_answers(form, answers).respondents[["g/q", "q"]].to_numpy().tolist() == [["x", "y"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("form.xlsx", b"<!DOCTYPE html><html>", "this is a web page"),
        ("form.xlsx", b"PK\x03\x04 cut off", "damaged"),
        ("form.xlsx", b"", "empty"),
        ("form.docx", b"PK", "a form is an XLSForm"),
        ("form.yml", b"questions: [", "cannot be read as YAML"),
    ],
)
def test_files_that_are_no_form(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read_form(tmp_path / name)


def test_a_workbook_without_a_survey(tmp_path):
    with pytest.raises(CorpusError, match="no sheet `survey`"):
        read_form(workbook(tmp_path / "form.xlsx", Sheet1=[["a"], ["b"]]))


# --- answers: types -------------------------------------------------------------------------------


def test_odk_central_answers_with_a_repeat(tmp_path, form):
    main = answers_of(
        tmp_path,
        MAIN
        + "k1,2024-03-05,P1,farmer,10,farm other,herbs,2,2024-03-05\n"
        + "k2,2024-03-05,P2,official,,,,1,\n",
        member=MEMBERS + "40,baker,k1,k1/member[1]\n10,,k1,k1/member[2]\n15,,k2,k2/member[1]\n",
    )
    found = read_answers(form, main)
    assert broken(found) == []
    assert len(found.losses) == 0
    frame = found.respondents
    assert frame.dtypes.astype(str).to_dict() == {
        "_key": "str", "_row": "int64", "today": "datetime64[s]", "participant": "str",
        "role": "str", "years": "Int64", "income": "str", "income/farm": "boolean",
        "income/wage": "boolean", "income/other": "boolean", "income_other": "str",
        "members": "str", "visit": "datetime64[s]",
    }  # fmt: skip
    assert frame["_key"].to_list() == ["k1", "k2"]
    assert frame["years"].to_list() == [10, pd.NA]
    assert frame["income/wage"].to_list() == [False, pd.NA]
    member = found.repeats["member"]
    assert member[["_key", "_respondent", "_row"]].to_numpy().tolist() == [
        ["k1/member[1]", "k1", 2], ["k1/member[2]", "k1", 3], ["k2/member[1]", "k2", 4],
    ]  # fmt: skip
    assert member["age"].to_list() == [40, 10, 15]


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("integer", "１２", 12),
        ("integer", "12.0", 12),
        ("integer", "-3", -3),
        ("decimal", "1.50", 1.5),
        ("decimal", "２．５", 2.5),
        ("date", "2024/3/5", pd.Timestamp("2024-03-05")),
        ("date", "2024年3月5日", pd.Timestamp("2024-03-05")),
        ("date", "2024-03-05T23:00:00.000+08:00", pd.Timestamp("2024-03-05")),
        ("date", "1604-03-05", dt.datetime(1604, 3, 5)),
        ("dateTime", "2024-03-05T23:00:01.123+08:00", pd.Timestamp("2024-03-05 23:00:01")),
        ("dateTime", "2024/3/5 9:05:00", pd.Timestamp("2024-03-05 09:05")),
        ("time", "9:05", "09:05:00"),
        ("acknowledge", "OK", True),
        ("text", "=1+1", "=1+1"),
        ("select_one role", "farmer", "farmer"),
        ("select_one role", "农户", "farmer"),
        ("select_one role", "Official", "official"),
        ("select_multiple income", "wage farm", "farm wage"),
        ("select_multiple income", "Wage labour Farming", "farm wage"),
        ("select_multiple income", "务工┋种植", "farm wage"),
        ("select_multiple income", "种植、务工", "farm wage"),
        ("rank income", "wage farm", "wage farm"),
    ],
)
def test_answers_in_several_spellings(tmp_path, kind, cell, expected):
    form = one_question(tmp_path, [kind, "q"])
    found = read_answers(form, answers_of(tmp_path, f"KEY,q\n1,{cell}\n2,\n"))
    assert broken(found) == []
    assert found.respondents["q"].to_list()[0] == expected
    assert found.respondents["q"].isna().to_list() == [False, True]


@pytest.mark.parametrize(
    ("kind", "cell", "rule"),
    [
        ("integer", "12.5", "type"),
        ("integer", "1_000", "type"),
        ("integer", "9223372036854775808", "type"),
        ("decimal", "nan", "type"),
        ("decimal", "1e999", "type"),
        ("date", "2024-02-30", "type"),
        ("date", "05.03.2024", "type"),
        ("dateTime", "2024-03-05T25:00", "type"),
        ("time", "24:61", "type"),
        ("acknowledge", "perhaps", "type"),
        ("select_one role", "mayor", "choice"),
        ("select_multiple income", "farm mining", "choice"),
        ("rank income", "farm mining", "choice"),
    ],
)
def test_an_answer_of_another_kind_is_missing_and_listed(tmp_path, kind, cell, rule):
    form = one_question(tmp_path, [kind, "q", "", "", "", "yes"])
    found = read_answers(form, answers_of(tmp_path, f"KEY,q\n1,{cell}\n"))
    assert broken(found) == [(2, "q", rule)]
    assert found.respondents["q"].isna().all()


def test_labels_that_can_be_read_in_two_ways_are_not_guessed(tmp_path):
    labels = [("x", "Farm work"), ("y", "Farm"), ("z", "work"), ("w", "Other")]
    choices = [["list_name", "name", "label"], *(["income", *pair] for pair in labels)]
    form = one_question(tmp_path, ["select_multiple income", "q"], choices=choices)
    found = read_answers(form, answers_of(tmp_path, "q\nFarm work Other\nFarm Other\nn/a\n"))
    assert broken(found) == [(2, "q", "choice")]
    assert found.respondents["q"].fillna("").to_list() == ["", "y w", ""]


def test_a_label_of_two_choices_stands_for_neither(tmp_path):
    choices = [["list_name", "name", "label"], ["role", "a", "Same"], ["role", "b", "Same"]]
    form = one_question(tmp_path, ["select_one role", "q"], choices=choices)
    assert broken(read_answers(form, answers_of(tmp_path, "q\nSame\n"))) == [(2, "q", "choice")]


@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.dates(),
            st.sets(st.sampled_from(["farm", "wage"])),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_typed_answers_survive_the_way_through_a_file(tmp_path, rows):
    kinds = ["integer", "decimal", "date", "select_multiple income"]
    form = read_form(form_of(tmp_path, [[kind, f"q{k}"] for k, kind in enumerate(kinds)]))
    cells = [
        [*("" if v is None else str(v) for v in row[:3]), " ".join(sorted(row[3]))] for row in rows
    ]
    sheet = [["KEY", *(f"q{k}" for k in range(4))], *([f"k{n}", *c] for n, c in enumerate(cells))]
    found = read_answers(form, workbook(tmp_path / "answers.xlsx", main=sheet))
    assert broken(found) == []
    frame = found.respondents
    for k, name in enumerate(["q0", "q1", "q2"]):
        expected = [row[k] for row in rows]
        got = [None if pd.isna(v) else v.date() if k == 2 else v for v in frame[name]]
        assert got == expected
    for name in ("farm", "wage"):
        expected = [name in row[3] if row[3] else pd.NA for row in rows]
        assert frame[f"q3/{name}"].to_list() == expected


# --- answers: conditions --------------------------------------------------------------------------


def test_every_broken_condition_is_listed_with_its_row(tmp_path, form):
    main = answers_of(
        tmp_path,
        MAIN
        + "k1,2024-03-05,P1,farmer,95,farm,,3,2024-03-06\n"  # years, members and visit are wrong
        + "k2,2024-03-05,P2,official,4,wage,,0,2024-03-05\n"  # the group is not asked
        + "k3,2024-03-05,,farmer,,,,0,\n"  # participant and years are required
        + "k4,,P4,farmer,1,wage,herbs,0,\n",  # income_other is not asked
        member=MEMBERS + "15,baker,k1,\n40,miller,k1,\n",  # job is asked from 16
    )
    found = read_answers(form, main)
    assert broken(found) == [
        (2, "job", "relevant"),
        (2, "members", "calculation"),
        (2, "visit", "constraint"),
        (2, "years", "constraint"),
        (3, "income", "relevant"),
        (3, "years", "relevant"),
        (4, "participant", "required"),
        (4, "years", "required"),
        (5, "income_other", "relevant"),
    ]
    years = found.violations.query("column == 'years' and rule == 'constraint'").iloc[0]
    assert years[["file", "found", "remedy"]].to_list() == ["answers.csv", "95", "0 to 90 years"]
    assert found.respondents.loc[1, "years"] == 4


def test_what_is_not_asked_counts_as_blank_for_later_questions(tmp_path):
    survey = [
        ["integer", "c", "", "", "${b} = 1"],  # before what it depends on
        ["integer", "a"],
        ["integer", "b", "", "", "${a} = 1"],
    ]
    form = read_form(form_of(tmp_path, survey))
    found = read_answers(form, answers_of(tmp_path, "a,b,c\n1,1,1\n0,1,1\n"))
    assert broken(found) == [(3, "b", "relevant"), (3, "c", "relevant")]


def test_references_see_their_own_instance_inside_and_all_from_outside(tmp_path):
    survey = [
        ["integer", "limit"],
        ["begin repeat", "plot"],
        ["integer", "area", "", "", "", "", ". <= ${limit}"],
        ["begin repeat", "crop"],
        ["integer", "share", "", "", "", "", ". <= ${area}"],
        ["end repeat", ""],
        ["calculate", "shares", "", "", "", "", "", "", "sum(${share})"],
        ["calculate", "place", "", "", "", "", "", "", "position(..)"],
        ["end repeat", ""],
        ["calculate", "total", "", "", "", "", "", "", "sum(${share}) + count(${plot})"],
    ]
    form = read_form(form_of(tmp_path, survey))
    main = answers_of(
        tmp_path,
        "KEY,limit,total\nk,9,17\n",
        plot="KEY,PARENT_KEY,area,shares,place\np1,k,5,9,1\np2,k,6,6,2\n",
        **{"plot-crop": "PARENT_KEY,share\np1,4\np1,5\np2,6\n"},
    )
    found = read_answers(form, main)
    assert broken(found) == []
    assert found.repeats["crop"][["_respondent", "_parent"]].to_numpy().tolist() == [
        ["k", "k/plot[1]"], ["k", "k/plot[1]"], ["k", "k/plot[2]"],
    ]  # fmt: skip
    worse = answers_of(
        tmp_path,
        "KEY,limit,total\nk,5,17\n",
        plot="KEY,PARENT_KEY,area,shares,place\np1,k,5,10,1\np2,k,6,7,1\n",
        **{"plot-crop": "PARENT_KEY,share\np1,4\np1,6\np2,7\n"},
    )
    assert broken(read_answers(form, worse)) == [
        (3, "share", "constraint"), (4, "share", "constraint"), (3, "area", "constraint"),
        (3, "place", "calculation"), (2, "total", "calculation"),
    ]  # fmt: skip


def test_references_are_texts_dates_and_whole_lists_where_they_are(tmp_path):
    survey = [
        ["text", "consent"],
        ["integer", "asked", "", "", "${consent}"],
        ["date", "first"],
        ["date", "last", "", "", "", "", ". >= ${first}"],
        ["integer", "start", "", "", "", "", "", "", "1"],  # a default, which an answer may change
    ]
    form = read_form(form_of(tmp_path, survey))
    header = "consent,asked,first,last,start\n"
    main = header + "yes,1,2024-03-05,2024-03-05,2\n,1,2024-03-05,2024-01-01,1\n"
    found = read_answers(form, answers_of(tmp_path, main))
    assert broken(found) == [(3, "asked", "relevant"), (3, "last", "constraint")]


def test_nothing_is_owed_where_it_is_not_known_whether_it_was_asked(tmp_path):
    survey = [
        ["text", "a"],
        ["begin group", "g", "", "", "random() > 0.5"],
        ["text", "b", "", "", "${a} = 1", "yes"],
        ["end group", ""],
    ]
    form = read_form(form_of(tmp_path, survey))
    found = read_answers(form, answers_of(tmp_path, "a,b\n1,\n2,x\n"))
    assert broken(found) == [(3, "b", "relevant")]


def test_a_choice_must_fit_the_earlier_answers(tmp_path):
    choices = [
        ["list_name", "name", "county"],
        ["county", "c1", ""], ["county", "c2", ""],
        ["town", "t1", "c1"], ["town", "t2", "c2"],
    ]  # fmt: skip
    survey = [
        ["select_one county", "county"],
        ["select_one town", "town", "", "", "", "", "", "", "", "county = ${county}"],
    ]
    form = read_form(form_of(tmp_path, survey, choices))
    found = read_answers(form, answers_of(tmp_path, "county,town\nc1,t1\nc1,t2\n"))
    assert broken(found) == [(3, "town", "choice_filter")]


@pytest.mark.parametrize(
    ("row", "main", "reason"),
    [
        (["integer", "a", "", "", "random() > 2"], "a\n1\n2\n", "random()"),
        (
            ["date", "a", "", "", "", "", ". < today()"],
            "a\n2024-01-01\n2024-01-01\n",
            "day of fill",
        ),
        (["integer", "a", "", "", "${b} = 1"], "a\n1\n2\n", "no column b"),
        (["calculate", "a", "", "", "", "", "", "", "count(${r})"], "a\n1\n2\n", "no column r"),
        (["integer", "a", "", "", "regex(${a2}, '(')"], "a,a2\n1,1\n2,2\n", "error"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_a_loss_and_no_violation(
    tmp_path, row, main, reason
):
    repeat = [["begin repeat", "r"], ["text", "name"], ["end repeat", ""]]
    form = read_form(form_of(tmp_path, [["integer", "b"], ["text", "a2"], *repeat, row]))
    found = read_answers(form, answers_of(tmp_path, main))
    assert not (set(found.violations["rule"]) - {"missing column"})
    (loss,) = found.losses.to_dict("records")
    assert loss["count"] == 2
    assert loss["element"] in {"relevant of a", "constraint of a", "calculation of a"}
    assert "not checked" in loss["reason"] and reason in loss["reason"]


def test_the_day_of_filling_in_may_come_from_the_tool(tmp_path):
    form = one_question(tmp_path, ["date", "a", "", "", "", "", ". <= today()"])
    main = "a,_submission_time\n2024-03-05,2024-03-05T10:00:00\n2024-03-06,2024-03-05T23:59:59\n"
    assert broken(read_answers(form, answers_of(tmp_path, main))) == [(3, "a", "constraint")]


# --- answers: headings and files ------------------------------------------------------------------


def test_kobo_workbook_with_labels_split_choices_and_a_sheet_per_repeat(tmp_path, form):
    main = [
        ["Participant", "Role", "Years", "Income", "Income/Farming", "Income/Wage labour", "_id",
         "_uuid", "_submission_time", "_index", "members", "today", "visit", "Income/Other"],
        ["P1", "Farmer", 10, "Farming Wage labour", 1, 1, 77, "u1", "2024-03-05T10:00:00", 1, 1,
         dt.date(2024, 3, 5), dt.datetime(2024, 3, 5), 0],
        ["P2", "Official", None, None, None, None, 78, "u2", "2024-03-05T10:00:00", 2, 0,
         dt.date(2024, 3, 5), None, None],
    ]  # fmt: skip
    member = [
        ["Age", "Job", "_index", "_parent_table_name", "_parent_index"],
        [40, "baker", 1, "main", 1],
    ]
    found = read_answers(form, workbook(tmp_path / "answers.xlsx", main=main, member=member))
    assert broken(found) == []
    frame = found.respondents.set_index("_key")
    assert list(frame.loc["u1", ["role", "income", "years"]]) == ["farmer", "farm wage", 10]
    assert frame.loc["u1", "visit"] == pd.Timestamp("2024-03-05")
    assert found.repeats["member"]["_respondent"].to_list() == ["u1"]
    assert "column _submission_time" in found.losses["element"].to_list()


@pytest.mark.parametrize("heading", ["work/years", "work-years", "work:years", "years", "年数"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_headings_encodings_and_separators(tmp_path, form, heading, encoding, delimiter):
    path = tmp_path / "answers.csv"
    lines = [["KEY", heading, "participant"], ["1", "7", "王,五;六"]]
    quoted = [[f'"{cell}"' for cell in line] for line in lines]
    path.write_bytes("\r\n".join(delimiter.join(line) for line in quoted).encode(encoding))
    frame = read_answers(form, path).respondents
    assert frame[["years", "participant"]].to_numpy().tolist() == [[7, "王,五;六"]]


def test_headings_of_a_repeat_may_leave_out_what_is_around_it(tmp_path):
    name = "people_who_live_in_this_household"  # longer than the name of a sheet may be
    survey = [
        ["begin group", "home"],
        ["begin repeat", name],
        ["text", "q"],
        ["begin group", "g"],
        ["text", "q"],
        ["end group", ""],
        ["end repeat", ""],
        ["end group", ""],
        ["text", "x"],
    ]
    form = read_form(form_of(tmp_path, survey))
    for headings in (["q", "g-q"], [f"home/{name}/q", f"home/{name}/g/q"]):
        sheets = {"main": [["_index", "x"], [1, "y"]],
                  name[:31]: [[*headings, "_parent_index"], ["outer", "inner", 1]]}  # fmt: skip
        found = read_answers(form, workbook(tmp_path / "answers.xlsx", **sheets))
        assert broken(found) == []
        frame = next(iter(found.repeats.values()))
        assert list(frame.iloc[0, -2:]) == ["outer", "inner"]


def test_repeats_in_numbered_columns(tmp_path, form):
    main = "KEY,role,member[1]/age,member[1]/job,member[2]/age,member[2]/job\nk1,official,40,x,50,\nk2,official,,,,\n"  # noqa: E501
    found = read_answers(form, answers_of(tmp_path, main))
    assert found.repeats["member"][["_key", "age"]].to_numpy().tolist() == [
        ["k1/member[1]", 40], ["k1/member[2]", 50],
    ]  # fmt: skip
    assert set(found.violations["rule"]) == {"missing column"}


def test_the_same_label_twice_is_given_in_turn_or_is_ambiguous(tmp_path):
    form = read_form(form_of(tmp_path, [["integer", "a", "Age"], ["integer", "b", "Age"]]))
    found = read_answers(form, answers_of(tmp_path, "Age,Age\n1,2\n"))
    assert found.respondents[["a", "b"]].to_numpy().tolist() == [[1, 2]]
    found = read_answers(form, answers_of(tmp_path, "a,Age\n1,2\n"))
    assert (0, "Age", "ambiguous column") in broken(found)
    assert found.respondents["b"].isna().all()


def test_columns_that_fit_nothing_are_listed(tmp_path):
    form = read_form(form_of(tmp_path, [["integer", "a"], ["deviceid", "device"], ["text", "t"]]))
    main = "KEY,a,a,mystery,device,SubmitterName\n1,1,1,x,d1,n1\n1,2,2,,d2,n2\n"
    found = read_answers(form, answers_of(tmp_path, main))
    assert set(broken(found)) == {
        (0, "a", "repeated column"), (0, "mystery", "unknown column"), (0, "t", "missing column"),
        (2, "", "repeated key"), (3, "", "repeated key"),
    }  # fmt: skip
    assert found.losses[["element", "count"]].to_numpy().tolist() == [
        ["column SubmitterName", 2], ["column device", 2],
    ]  # fmt: skip
    assert found.respondents["_key"].is_unique
    mystery = found.violations.set_index("column").loc["mystery"]
    assert mystery["found"] == "1 filled cells"


def test_rows_without_their_respondent_and_tables_of_no_repeat(tmp_path, form):
    main = answers_of(
        tmp_path, MAIN + "k1,,P1,official,,,,0,\n", member=MEMBERS + "3,,zz,\n", old="a\n1\n"
    )
    found = read_answers(form, main)
    assert broken(found) == [(2, "", "no parent")]
    assert found.losses[["file", "element", "count"]].to_numpy().tolist() == [
        ["answers-old.csv", "table", 1]
    ]


def test_joint_and_single_columns_of_choices_that_disagree(tmp_path):
    form = one_question(tmp_path, ["select_multiple income", "q"])
    main = "q,q/farm,q/wage\nfarm,1,0\nfarm,0,1\nfarm,1,maybe\n,0,0\n,TRUE,\n"
    found = read_answers(form, answers_of(tmp_path, main))
    assert broken(found) == [(3, "q", "disagreement"), (4, "q", "choice")]
    assert found.respondents["q"].to_list()[:3] == ["farm", "farm", "farm"]
    assert found.respondents["q/farm"].to_list() == [True, True, True, pd.NA, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html><body>login</body></html>", "this is a web page"),
        (b"", "empty"),
        (b"\n\n", "no header"),
        (b"a,b\n1,2,3\n", "row 2 has 3 cells, the header 2"),
        (b'a\n"open\n', "no csv"),
        (b"a\n\xff\xff\n", "byte 2 fits neither"),
        (b"x,y\n1,2\n", "no column is a question"),
    ],
)
def test_files_that_are_no_answers(tmp_path, content, message):
    form = one_question(tmp_path, ["integer", "a"])
    (tmp_path / "answers.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read_answers(form, tmp_path / "answers.csv")


def test_violations_quote_no_text(tmp_path, form):
    secret = "张三13800000000"
    main = answers_of(
        tmp_path,
        MAIN + f"{secret},{secret},{secret},{secret},{secret},{secret},{secret},9,{secret}\n",
        member=MEMBERS + f"{secret},{secret},{secret},\n",
    )
    found = read_answers(form, main)
    assert len(found.violations) >= 6
    for frame in (found.violations, found.losses):
        assert not frame.astype(str).apply(lambda c: c.str.contains("张三|138")).to_numpy().any()


def test_a_formula_is_text_and_never_computed(tmp_path):
    form = read_form(form_of(tmp_path, [["text", "a"], ["integer", "b"]]))
    path = workbook(tmp_path / "answers.xlsx", main=[["a", "b"], ["=1+1", "=SUM(1;2)"]])
    found = read_answers(form, path)
    assert found.respondents["a"].to_list() == ["=1+1"]
    assert broken(found) == [(2, "b", "type")]


# --- declared profiles ----------------------------------------------------------------------------

PROFILE = """
tool: wenjuanxing
title: 调查
questions:
  - {name: role, column: "1、您的身份是？", type: select_one, required: true, other: role_other,
     label: {zh: 身份, en: Role},
     choices: [{name: official, label: 干部, code: 1}, {name: farmer, label: 农户, code: 2},
               {name: other, label: 其他, code: 3}]}
  - {name: income, column: "2、收入来源", type: select_multiple, relevant: "${role} = 'farmer'",
     choices: [{name: farm, label: 种植, code: 1}, {name: wage, label: 外出 务工, code: 2}]}
  - {name: years, column: ["3、年数", "3、居住年数"], type: integer, constraint: ". <= 90"}
"""
WJX = "序号,提交答卷时间,所用时间,来源,来源详情,来自IP,1、您的身份是？,2、收入来源,3、居住年数\n"


def declared(folder, text=PROFILE):
    (folder / "form.yml").write_text(text, encoding="utf-8")
    return folder / "form.yml"


@pytest.mark.parametrize(
    ("role", "income", "encoding"),
    [("农户", "种植┋外出 务工", "gb18030"), ("2", "1┋2", "utf-8-sig")],
)
def test_wenjuanxing_by_text_and_by_number(tmp_path, role, income, encoding):
    rows = [
        f"1,2024/3/5 10:00:00,120秒,微信,N/A,10.0.0.1(北京),{role},{income},10",
        "2,2024/3/5 10:00:00,90秒,微信,N/A,10.0.0.1(北京),其他〖村医〗,(跳过),(空)",
    ]
    path = tmp_path / "answers.csv"
    path.write_bytes((WJX + "\n".join(rows)).encode(encoding))
    found = read_answers(read_form(declared(tmp_path)), path)
    assert broken(found) == []
    frame = found.respondents.set_index("_key")
    assert list(frame.loc["1", ["role", "income", "years"]]) == ["farmer", "farm wage", 10]
    assert list(frame.loc["2", ["role", "role_other"]]) == ["other", "村医"]
    assert found.missing.to_numpy().tolist() == [
        ["answers.csv", 3, "income", "(跳过)", "not asked"],
        ["answers.csv", 3, "years", "(空)", "no answer"],
    ]
    assert found.losses["element"].to_list() == [
        f"column {name}" for name in ("所用时间", "提交答卷时间", "来源", "来源详情", "来自IP")
    ]


def test_wenjuanxing_with_a_column_per_choice(tmp_path):
    header = "序号,1、您的身份是？,2、收入来源(种植),2、收入来源(外出 务工),3、年数\n"
    main = header + "1,2,0,1,95\n2,1,-3,-3,-2\n"
    found = read_answers(read_form(declared(tmp_path)), answers_of(tmp_path, main))
    assert broken(found) == [(2, "years", "constraint")]
    assert found.respondents["income"].fillna("").to_list() == ["wage", ""]
    assert found.missing[["question", "reason"]].to_numpy().tolist() == [
        ["income", "not asked"], ["years", "no answer"],
    ]  # fmt: skip


def test_every_fault_of_a_profile_comes_at_once(tmp_path):
    text = """
tool: fax
colour: red
clock: [a]
blanks: [x]
left_out: x
questions:
  - {name: a b, type: integer}
  - {name: c, type: hologram, size: 3}
  - {name: c, type: integer, choices: [{name: x}]}
  - {name: d, type: select_one, choices: [{name: x y}, {code: 1}, {name: z, price: 2}]}
  - {name: e, type: select_one, choices: x, label: 3}
  - f
"""
    with pytest.raises(CorpusError) as caught:
        read_form(declared(tmp_path, text))
    for fault in (
        "the key 'colour' is not known", "tool must be one of wenjuanxing, other",
        "clock must be the name", "blanks must be a mapping", "left_out must be a list",
        "question 1: needs a name that starts", "question 2: the key 'size'",
        "question 2: type must be one of integer", "question 2: the name 'c' occurs more than once",
        "question 3: choices need a type of", "question 4: choice 1: needs a name of its own",
        "question 4: choice 2: needs a name", "question 4: choice 3: the key 'price'",
        "question 5: choices must be a list", "question 5: label must be", "question 6: must be a",
    ):  # fmt: skip
        assert fault in str(caught.value)


def test_a_profile_is_checked_as_a_form_is(tmp_path):
    text = 'questions: [{name: a, type: select_one, relevant: "${b} = 1"}]'
    with pytest.raises(CorpusError, match=r"(?s)no choices in list 'a'.*\$\{b\} is the name of no"):
        read_form(declared(tmp_path, text))


# --- attributes and folders -----------------------------------------------------------------------


def test_answers_as_attributes_of_participants(tmp_path, form):
    form_of(tmp_path)
    answers_of(
        tmp_path,
        MAIN + "k1,2024-03-05,P1,farmer,10,farm,,2,\nk2,2024-03-05,P2,official,,,,0,2024-03-01\n",
        member=MEMBERS + "40,baker,k1,\n10,,k1,\n",
    )
    found = to_attributes(
        read_questionnaire(tmp_path), entity_kind="participant", key="participant"
    )
    assert found.dtypes.astype(str).to_dict() == COLUMNS["attributes"]
    rows = {(r.entity, r.name): (r.type, r.value) for r in found.itertuples(index=False)}
    assert rows == {
        ("P1", "today"): ("date", "2024-03-05"), ("P2", "today"): ("date", "2024-03-05"),
        ("P1", "role"): ("text", "farmer"), ("P2", "role"): ("text", "official"),
        ("P1", "years"): ("number", "10"),
        ("P1", "income/farm"): ("boolean", "true"), ("P1", "income/wage"): ("boolean", "false"),
        ("P1", "income/other"): ("boolean", "false"),
        ("P1", "member"): ("number", "2"), ("P2", "member"): ("number", "0"),
        ("P1", "members"): ("text", "2"), ("P2", "members"): ("text", "0"),
        ("P2", "visit"): ("date", "2024-03-01"),
    }  # fmt: skip
    assert set(found["entity_kind"]) == {"participant"}


def test_a_repeat_that_the_file_does_not_have_is_not_counted(tmp_path, form):
    found = read_answers(form, answers_of(tmp_path, "participant,role\nP1,official\n"))
    assert found.repeats == {}
    attributes = to_attributes(found, entity_kind="participant", key="participant")
    assert attributes["name"].to_list() == ["role"]


@pytest.mark.parametrize(
    ("main", "key", "message"),
    [
        ("participant\nP1\nP1\n", "participant", r"(?s)row 2: blank or repeated.*row 3"),
        ("participant,role\nP1,official\n,official\n", "participant", "row 3: blank"),
        ("participant\nP1\n", "name", "not 'participant' and 'name'"),
    ],
)
def test_keys_that_name_no_participant(tmp_path, form, main, key, message):
    found = read_answers(form, answers_of(tmp_path, main))
    with pytest.raises(CorpusError, match=message):
        to_attributes(found, entity_kind="participant", key=key)


def test_a_folder_without_a_questionnaire(tmp_path):
    with pytest.raises(CorpusError, match=r"must hold one of form\.xlsx"):
        read_questionnaire(tmp_path)


# --- no file crashes the reader -------------------------------------------------------------------

CELLS = st.text(max_size=12) | st.sampled_from(
    ["select_one role", "begin repeat", "end repeat", "integer", "${a} > 1", "a", "yes", "role"]
)
SLOW = settings(max_examples=60, deadline=None,
                suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip


@SLOW
@given(st.binary(max_size=300))
def test_bytes_are_answers_or_the_documented_error(tmp_path, data):
    form = one_question(tmp_path, ["integer", "a"])
    for name in ("answers.csv", "answers.xlsx"):
        (tmp_path / name).write_bytes(data)
        with contextlib.suppress(CorpusError):
            read_answers(form, tmp_path / name)


@SLOW
@given(st.lists(st.lists(CELLS, min_size=3, max_size=8), max_size=8))
def test_cells_are_a_form_or_the_documented_error(tmp_path, rows):
    clean = [[openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", c) for c in row] for row in rows]
    with contextlib.suppress(CorpusError):
        read_form(form_of(tmp_path, clean, [["list_name", "name"], *(row[:2] for row in clean)]))


@SLOW
@given(st.lists(st.lists(CELLS, min_size=9, max_size=9), max_size=6))
def test_cells_are_answers_or_the_documented_error(tmp_path, form, rows):
    header = MAIN.strip().split(",")
    clean = [[openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", c) for c in row] for row in rows]
    path = workbook(tmp_path / "answers.xlsx", main=[header, *clean], member=[["age"], *clean])
    with contextlib.suppress(CorpusError):
        found = read_answers(form, path)
        assert len(found.respondents) == sum(1 for row in clean if any(c.strip() for c in row))


def rezipped(path, member, change):
    """The workbook beside `path` in which one member is changed."""
    bad = path.with_name("bad.xlsx")
    assert member in zipfile.ZipFile(path).namelist()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, change(data) if name == member else data)
    return bad


MEMBERS_OF_A_WORKBOOK = [
    "xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml",
    "[Content_Types].xml", "xl/_rels/workbook.xml.rels",
]  # fmt: skip


@SLOW
@given(
    st.sampled_from(MEMBERS_OF_A_WORKBOOK),
    st.integers(0, 3000),
    st.integers(0, 12),
    st.sampled_from([b"", b"<", b">", b'"', b"0", b"-1", b"99999999999", b't="e"', b'r="A0"']),
)
def test_a_damaged_workbook_is_a_form_or_the_documented_error(tmp_path, member, at, length, new):
    good = form_of(tmp_path)
    bad = rezipped(good, member, lambda data: data[:at] + new + data[at + length :])
    with contextlib.suppress(CorpusError):
        read_form(bad)


@pytest.mark.parametrize("member", MEMBERS_OF_A_WORKBOOK)
def test_a_workbook_with_a_document_type_is_refused(tmp_path, member):
    bad = rezipped(form_of(tmp_path), member, lambda data: b'<!DOCTYPE x [<!ENTITY a "b">]>' + data)
    with pytest.raises(CorpusError, match="DOCTYPE"):
        read_form(bad)
