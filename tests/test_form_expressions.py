"""Expressions of forms against values worked out by hand and against Python."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from analysis.questionnaires.form_expressions import (
    DAY,
    MOMENT,
    ExpressionError,
    evaluate,
    references_of,
    syntax_problem,
    text_of,
    translate,
    truth,
    variable,
)

DAY_OF_2024_03_05 = 19787.0  # days from 1970-01-01: `date -ud 2024-03-05 +%s` / 86400


def value(text, here="", *, date=False, **answers):
    node = etree.Element("here")
    node.text = here or None
    known = {variable(name): answer for name, answer in answers.items()}
    return evaluate(translate(text, date=date), node, known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${a} > 5", True),
        ("${a} = 7 and ${a} = '7'", True),
        ("${a} < ${a}", False),
        ("${blank} > 0", False),
        ("not(${blank} > 0)", True),
        ("${blank} = ''", True),
        ("${blank} != 'x'", True),
        ("${a} div 2", 3.5),
        ("-7 mod 3", -1.0),
        ("selected(${many}, 'farm')", True),
        ("selected(${many}, 'far')", False),
        ("selected(${blank}, 'farm')", False),
        ("count-selected(${many})", 2.0),
        ("count-selected(${blank})", 0.0),
        ("selected-at(${many}, 1)", "wage"),
        ("selected-at(${many}, 2)", ""),
        ("if(${a} > 5, 'old', 'young')", "old"),
        ("if(${blank}, 1, 2)", 2.0),
        ("coalesce(${blank}, ${a})", "7"),
        ("regex(${many}, '[a-z ]+')", True),
        ("regex(${many}, 'farm')", False),
        ("round('2.345', 2)", 2.35),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -2.0),
        ("int(-2.9)", -2.0),
        ("pow(2, 10)", 1024.0),
        ("min(3, ${a}, '5')", 3.0),
        ("max(3, ${a}, ${blank})", 7.0),
        ("concat('a', ${a}, \"b'c\")", "a7b'c"),
        ("join('; ', ${a}, ${many})", "7; farm wage"),
        ("substr('abcdef', 1, 3)", "bc"),
        ("ends-with(${many}, 'wage')", True),
        ("boolean-from-string('1')", True),
        ("count-non-empty(${a}, ${blank})", 1.0),
        ("date('2024-03-05')", DAY_OF_2024_03_05),
        ("date('2024-03-05') - date('2024-02-28')", 6.0),
        ("decimal-date-time('2024-03-05T12:00:00+08:00')", DAY_OF_2024_03_05 + 0.5),
        ("format-date('2024-03-05', '%Y/%n/%d')", "2024/3/05"),
        ("format-date('', '%Y')", ""),
        ("string-length('山东省')", 3.0),
        ("'today() ${a} .'", "today() ${a} ."),
    ],
)
def test_functions_of_odk(text, expected):
    answers = {"a": "7", "blank": "", "many": "farm wage"}
    assert syntax_problem(text) == ""
    assert value(text, **answers) == expected


@pytest.mark.parametrize(
    ("text", "here", "expected"),
    [
        (". >= 18 and . < 120", "40", True),
        (". >= 18 and . < 120", "17", False),
        (".>.5", "0.6", True),
        ("string-length(.) = 11", "13800000000", True),
    ],
)
def test_the_answer_itself(text, here, expected):
    assert truth(value(text, here)) is expected


@pytest.mark.parametrize(
    ("here", "expected"), [("2024-03-05", True), ("2024-03-06", False), ("2023-12-31", True)]
)
def test_dates_compare_as_days(here, expected):
    expression = translate(". <= today()", date=True)
    assert expression.needs_day
    node = etree.Element("here")
    node.text = here
    assert evaluate(expression, node, {DAY: DAY_OF_2024_03_05, MOMENT: 0.0}) is expected


@given(st.dates(), st.dates())
def test_days_count_as_the_calendar_does(first, second):
    between = value("date(${b}) - date(${a})", a=first.isoformat(), b=second.isoformat())
    assert between == (second - first).days


@given(
    st.integers(-(10**9), 10**9),
    st.integers(-(10**9), 10**9),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
)
def test_numbers_compare_as_in_python(first, second, operator):
    python = {"=": "==", "!=": "!="}.get(operator, operator)
    expected = eval(f"{first} {python} {second}")
    assert value(f"${{a}} {operator} {second}", a=str(first)) is expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_and_their_texts(number):
    assert float(text_of(number)) == number
    assert truth(number) is (number != 0.0)


def test_nothing_is_false_and_no_number():
    assert truth(math.nan) is False
    assert math.isnan(value("number('')"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("random() > 0.5", "random()"),
        ("pulldata('a', 'b', 'c', ${a}) = 1", "pulldata()"),
        ("jr:choice-name(${a}, '${a}') = 'x'", "jr:choice-name()"),
        ("${last-saved#a} = 1", "last answer saved"),
    ],
)
def test_what_cannot_be_evaluated_says_so(text, reason):
    assert reason in translate(text).unsupported


@pytest.mark.parametrize("text", ["(1", "${a} >", "'a", "a b", "1 ++ 'x", "\x00"])
def test_malformed_expressions(text):
    assert "is no expression" in syntax_problem(text)


def test_references_are_those_outside_of_texts():
    assert references_of("${ a } > 1 and '${b}' = ${年龄} or ${a}") == ["a", "年龄"]


@pytest.mark.parametrize("text", ["date('never')", "regex('a', '(')", "sqrt(-1)", "pow(-8, 0.5)"])
def test_functions_of_what_they_cannot_use(text):
    with pytest.raises(ExpressionError):
        value(text)


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_is_refused(text):
    if not syntax_problem(text) and not translate(text).unsupported:
        try:
            value(text)
        except ExpressionError:
            return
