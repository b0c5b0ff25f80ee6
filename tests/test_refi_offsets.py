"""Offsets: every convention is recovered from the names of selections, and converted exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.interviews.refi_offsets import (
    CONVENTIONS,
    UNITS,
    Convention,
    Selection,
    StoredText,
    infer_convention,
    to_code_points,
)

# Chinese, a character outside the basic plane, line ends, an accent, ASCII
TEXT = (
    "访谈者：今年收入怎么样？\n受访者：比去年好，𠮷家也分红了。\n"
    "Café 合作社 took part.\n\n村里人都知道。\n"
)
PASSAGES = [(0, 4), (4, 12), (13, 21), (22, 30), (17, 33), (31, 47), (49, 55), (20, 56)]
CODECS = {"code points": "utf-32-le", "UTF-16 units": "utf-16-le", "UTF-8 bytes": "utf-8"}
WIDTHS = {"code points": 4, "UTF-16 units": 2, "UTF-8 bytes": 1}


def offset(raw: str, position: int, unit: str) -> int:
    """Units before a position of a string, counted by encoding it, not by this project's code."""
    return len(raw[:position].encode(CODECS[unit])) // WIDTHS[unit]


def as_tool(text, passages, *, unit, inclusive, break_is_two, mark_counts):
    """Selections as a tool with this convention writes them."""
    counted = text.replace("\n", "\r\n") if break_is_two else text
    if mark_counts:
        counted = "\ufeff" + counted
    found = []
    for start, end in passages:
        extra = [text[:p].count("\n") * break_is_two + mark_counts for p in (start, end)]
        first, last = (
            offset(counted, p + e, unit) for p, e in zip((start, end), extra, strict=True)
        )
        found.append(Selection(0, first, last - inclusive, text[start:end]))
    return found


def stored(text, *, crlf, mark):
    return StoredText.of(
        ("\ufeff" if mark else "") + (text.replace("\n", "\r\n") if crlf else text)
    )


@pytest.mark.parametrize("unit", CODECS)
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("break_is_two", [False, True])
@pytest.mark.parametrize("mark_counts", [False, True])
@pytest.mark.parametrize("crlf", [False, True])
def test_each_of_48_variants_is_recovered(unit, inclusive, break_is_two, mark_counts, crlf):
    selections = as_tool(TEXT, PASSAGES, unit=unit, inclusive=inclusive,
                         break_is_two=break_is_two, mark_counts=mark_counts)  # fmt: skip
    text = stored(TEXT, crlf=crlf, mark=mark_counts)
    vote = infer_convention([text], selections, Convention())
    starts, ends, moved = to_code_points(
        text, vote.convention, [s.start for s in selections], [s.end for s in selections]
    )
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == PASSAGES
    assert not moved.any()
    assert (vote.voters, vote.agreeing) == (len(PASSAGES), len(PASSAGES))
    assert (vote.convention.unit, vote.convention.inclusive) == (unit, inclusive)


def test_mark_that_the_file_lost_is_counted_all_the_same():
    selections = as_tool(TEXT, PASSAGES, unit="UTF-8 bytes", inclusive=False, break_is_two=False,
                         mark_counts=True)  # fmt: skip
    vote = infer_convention([StoredText.of(TEXT)], selections, Convention())
    assert vote.convention == Convention("UTF-8 bytes", mark="always")


def test_names_cut_off_or_respaced_or_made_up_do_not_mislead():
    tool = as_tool(TEXT, PASSAGES, unit="UTF-16 units", inclusive=False, break_is_two=True,
                   mark_counts=False)  # fmt: skip
    begun, spaced = f"{tool[2].name[:4]}…", " ".join(tool[7].name.split())
    names = ["访谈者：", "Quotation 12:3", begun, "a title", "好", "took part", "x", spaced]
    selections = [Selection(0, s.start, s.end, n) for s, n in zip(tool, names, strict=True)]
    vote = infer_convention([StoredText.of(TEXT)], selections, Convention())
    assert (vote.convention.unit, vote.convention.line_end) == ("UTF-16 units", "two")
    assert (vote.voters, vote.agreeing) == (8, 3)


def test_without_names_the_default_of_the_tool_stands():
    default = Convention("UTF-16 units", line_end="one")
    vote = infer_convention([StoredText.of(TEXT)], [Selection(0, 0, 4)], default)
    assert (vote.convention, vote.voters, vote.agreeing) == (default, 0, 0)


def test_without_names_a_default_that_does_not_fit_the_text_gives_way():
    tool = as_tool(TEXT, PASSAGES, unit="UTF-8 bytes", inclusive=False, break_is_two=False,
                   mark_counts=False)  # fmt: skip
    nameless = [Selection(0, s.start, s.end) for s in tool]
    vote = infer_convention([StoredText.of(TEXT)], nameless, Convention())
    assert (vote.convention, vote.voters) == (Convention("UTF-8 bytes"), 0)


def test_document_that_differs_gets_its_own_convention():
    plain = {"unit": "code points", "inclusive": False, "mark_counts": False}
    one = as_tool(TEXT, PASSAGES, break_is_two=False, **plain)
    two = as_tool(TEXT, PASSAGES[2:6], break_is_two=True, **plain)
    two = [Selection(1, s.start, s.end, s.name) for s in two]
    texts = [stored(TEXT, crlf=True, mark=False), StoredText.of(TEXT)]
    vote = infer_convention(texts, [*one, *two], Convention())
    assert (vote.of(0).line_end, vote.of(1).line_end) == ("one", "two")
    assert vote.agreeing == len(one) + len(two)


def test_tie_goes_to_the_default():
    text, default = StoredText.of("plain ascii"), Convention("UTF-8 bytes", line_end="two")
    vote = infer_convention([text], [Selection(0, 0, 5, "plain")], default)
    assert vote.convention == default


@pytest.mark.parametrize(
    ("convention", "start", "end", "expected"),
    [
        (Convention("UTF-8 bytes"), 1, 5, (0, 2)),  # cuts 中 and 文: both are kept whole
        (Convention(), -3, 99, (0, 2)),  # outside
        (Convention(), 2, 1, (1, 2)),  # reversed
        (Convention(), 10**30, 10**31, (2, 2)),
        (Convention(inclusive=True), 1, 1, (1, 2)),
    ],
)
def test_offsets_that_fit_nothing_are_moved_to_an_edge(convention, start, end, expected):
    first, last, moved = to_code_points(StoredText("中文"), convention, [start], [end])
    assert (int(first[0]), int(last[0])) == expected
    assert bool(moved[0]) == (not convention.inclusive)


def test_lone_carriage_returns_are_line_ends_of_one_character():
    text = StoredText.of("\ufeffa\rb\r\nc\n")
    assert (text.text, text.doubled, text.has_mark) == ("a\nb\nc\n", (3,), True)


texts = st.text(st.sampled_from("a é中𠮷\n\u3000"), min_size=1, max_size=40)


@settings(max_examples=200, deadline=None)
@given(text=texts, convention=st.sampled_from(CONVENTIONS), data=st.data())
def test_conversion_inverts_the_edges(text, convention, data):
    crlf = data.draw(st.booleans())
    stored_text = stored(text, crlf=crlf, mark=data.draw(st.booleans()))
    edges = stored_text.edges(convention)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    last = edges[end] - convention.inclusive
    first, stop, moved = to_code_points(stored_text, convention, [int(edges[start])], [int(last)])
    assert (first[0], stop[0], bool(moved[0])) == (start, end, False)


@settings(max_examples=100, deadline=None)
@given(text=texts)
def test_edges_count_what_the_encoders_count(text):
    for unit in UNITS:
        edges = StoredText.of(text).edges(Convention(unit, line_end="one"))
        expected = [offset(text, p, unit) for p in range(len(text) + 1)]
        np.testing.assert_array_equal(edges, expected)
