"""Units of agreement: by hand, by brute force over characters, and what must be refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.interviews.agreement_units import AgreementError, unit_table
from analysis.interviews.reliability import krippendorff_alpha, percent_agreement

few = settings(max_examples=60, deadline=None)
ROUNDING = 1e-10


def segments_of(lengths, doc_id="d", turns=None):
    """Segments of given lengths with one character between them; each its own turn by default."""
    ends = np.cumsum(lengths) + np.arange(len(lengths))
    turn = range(1, len(lengths) + 1) if turns is None else turns
    frame = pd.DataFrame({"doc_id": doc_id, "end": ends, "turn": turn})
    frame["start"] = frame["end"] - lengths
    frame["seg_id"] = [f"{doc_id}:{n:03d}" for n in range(1, len(lengths) + 1)]
    return frame


def codings_of(*rows, doc_id="d", origin="human"):
    """Codings from (coder, code, start, end)."""
    frame = pd.DataFrame(rows, columns=["coder_id", "code_id", "start", "end"])
    return frame.assign(doc_id=doc_id, origin=origin)


def given_codes(table):
    """Codes of each coder by unit, None where the coder has no value."""
    return {
        unit: tuple(None if v < 0 else "".join(sorted(table.sets[v])) for v in row)
        for unit, row in zip(table.units["unit_id"], table.values, strict=True)
    }


THREE = segments_of([10, 10, 10])  # 0-10, 11-21, 22-32


def test_segments_by_hand():
    codings = codings_of(
        ("A", "x", 0, 10), ("A", "y", 11, 21), ("A", "x", 12, 15),
        ("B", "x", 2, 5), ("B", "y", 22, 32),
    )  # fmt: skip
    table = unit_table(THREE, codings)
    assert given_codes(table) == {"d:001": ("x", "x"), "d:002": ("xy", ""), "d:003": ("", "y")}
    assert table.coders == ("A", "B")
    assert table.sets == (frozenset(), frozenset("x"), frozenset("y"), frozenset("xy"))
    assert table.units["size"].tolist() == [1, 1, 1]
    assert table.unplaced == 0


def test_turns_join_segments():
    segments = segments_of([10, 10, 10], turns=[1, 1, 2])
    codings = codings_of(("A", "x", 0, 10), ("B", "y", 11, 21), ("B", "x", 22, 32))
    table = unit_table(segments, codings, unit="turn")
    assert given_codes(table) == {"d:t1": ("x", "y"), "d:t2": ("", "x")}
    assert table.units[["start", "end"]].to_numpy().tolist() == [[0, 21], [22, 32]]


def test_characters_are_runs_with_their_length():
    codings = codings_of(("A", "x", 0, 10), ("B", "x", 3, 15))
    table = unit_table(THREE, codings, unit="character")
    assert given_codes(table) == {
        "d:0-3": ("x", ""), "d:3-10": ("x", "x"), "d:11-15": ("", "x"),
    }  # fmt: skip
    assert table.units["size"].tolist() == [3, 7, 4]


def test_a_few_characters_over_the_edge_do_not_reach_the_neighbour():
    codings = codings_of(("A", "x", 0, 10), ("B", "x", 3, 14))
    assert list(given_codes(unit_table(THREE, codings))) == ["d:001"]
    naive = given_codes(unit_table(THREE, codings, min_overlap=0))
    assert naive == {"d:001": ("x", "x"), "d:002": ("", "x")}


def test_a_coding_of_several_segments_reaches_each():
    codings = codings_of(("A", "x", 0, 32), ("B", "x", 5, 27))
    assert set(given_codes(unit_table(THREE, codings)).values()) == {("x", "x")}


@pytest.mark.parametrize(("place", "unit"), [(0, "d:001"), (10, "d:001"), (11, "d:002")])
def test_a_coding_without_length_belongs_to_the_unit_around_it(place, unit):
    codings = codings_of(("A", "x", place, place), ("B", "y", 22, 32))
    table = unit_table(THREE, codings)
    assert given_codes(table) == {unit: ("x", ""), "d:003": ("", "y")}
    assert table.unplaced == 0
    assert unit_table(THREE, codings, unit="character").unplaced == 1


def test_codings_outside_all_units_are_counted():
    codings = pd.concat([
        codings_of(("A", "x", 0, 10), ("B", "x", 40, 50), ("B", "x", 10, 11)),
        codings_of(("B", "x", 0, 5), doc_id="unknown"),
    ])  # fmt: skip
    for unit in ("segment", "turn", "character"):
        assert unit_table(THREE, codings, unit=unit).unplaced == 3


def test_blank_is_no_code_or_no_value_and_unread_documents_have_none():
    segments = pd.concat([THREE, segments_of([10], doc_id="e")])
    codings = pd.concat([
        codings_of(("A", "x", 0, 10), ("B", "y", 11, 21)), codings_of(("A", "x", 0, 5), doc_id="e")
    ])  # fmt: skip
    as_category = given_codes(unit_table(segments, codings))
    assert as_category == {"d:001": ("x", ""), "d:002": ("", "y"), "e:001": ("x", None)}
    missing = given_codes(unit_table(segments, codings, blank="missing"))
    assert missing == {"d:001": ("x", None), "d:002": (None, "y"), "e:001": ("x", None)}
    read = pd.DataFrame({"doc_id": ["d", "e", "e"], "coder_id": ["A", "A", "B"]})
    declared = given_codes(unit_table(segments, codings, read=read))
    assert declared == {"d:001": ("x", None), "e:001": ("x", "")}
    whole = given_codes(unit_table(segments, codings, keep="all"))
    assert whole == as_category | {"d:003": ("", "")}


def test_a_coder_of_other_codes_worked_on_the_document():
    codings = codings_of(("A", "x", 0, 10), ("B", "actor", 0, 10))
    assert given_codes(unit_table(THREE, codings, codes=["x"])) == {"d:001": ("x", "")}


def test_only_human_codings_of_the_chosen_coders_count():
    codings = pd.concat([
        codings_of(("A", "x", 0, 10), ("B", "x", 0, 10), ("C", "y", 0, 10)),
        codings_of(("A", "y", 0, 10), origin="suggested"),
        codings_of(("Z", "y", 0, 10), origin="consensus"),
    ])  # fmt: skip
    table = unit_table(THREE, codings, coders=["B", "A"])
    assert table.coders == ("B", "A")
    assert given_codes(table) == {"d:001": ("x", "x")}


def test_percentage_agreement_of_nvivo():
    # 1000 characters: 50 coded by both coders, 150 by one
    document = segments_of([1000])
    codings = codings_of(("A", "x", 0, 100), ("B", "x", 50, 200))
    table = unit_table(document, codings, unit="character", keep="all")
    assert percent_agreement(table.of_code("x")) == pytest.approx(0.85, abs=ROUNDING)


def test_nothing_coded_leaves_no_units():
    for codings in (codings_of(), codings_of(("A", "x", 0, 9), origin="suggested")):
        for unit in ("segment", "turn", "character"):
            table = unit_table(THREE, codings, unit=unit)
            assert len(table.units) == len(table.values) == 0
            assert table.sets == ()
    empty = unit_table(THREE.iloc[:0], codings_of(("A", "x", 0, 9)))
    assert len(empty.units) == 0
    assert empty.unplaced == 1


# --- by brute force -------------------------------------------------------------------------------

LENGTHS = {"d": [7, 4, 1, 9], "e": [5, 12]}
some_codings = st.lists(
    st.tuples(
        st.sampled_from("de"), st.sampled_from("ABC"), st.sampled_from("xyz"),
        st.integers(0, 24), st.integers(0, 12),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


def two_documents(rows):
    segments = pd.concat([segments_of(n, doc_id=doc) for doc, n in LENGTHS.items()])
    frame = pd.DataFrame(rows, columns=["doc_id", "coder_id", "code_id", "start", "length"])
    frame["end"] = frame["start"] + frame["length"]
    return segments, frame.assign(origin="human")


def held(codings, doc, coder, belongs):
    """The set of codes that a coder gave, None where the coder has no coding in the document."""
    own = codings[(codings["doc_id"] == doc) & (codings["coder_id"] == coder)]
    if own.empty:
        return None
    return frozenset(row.code_id for row in own.itertuples() if belongs(row))


def unit_values(table):
    return [tuple(None if v < 0 else table.sets[v] for v in row) for row in table.values]


@few
@given(some_codings, st.sampled_from([0.0, 0.5, 1.0]))
def test_segments_by_brute_force(rows, min_overlap):
    segments, codings = two_documents(rows)

    def belongs(coding, span):
        if coding.start == coding.end:
            return span.start <= coding.start <= span.end
        shared = min(coding.end, span.end) - max(coding.start, span.start)
        shorter = min(coding.end - coding.start, span.end - span.start)
        return shared > 0 and shared >= min_overlap * shorter

    coders = sorted(codings["coder_id"].unique())
    expected = [
        tuple(held(codings, s.doc_id, c, lambda row, s=s: belongs(row, s)) for c in coders)
        for s in segments.itertuples()
    ]
    table = unit_table(segments, codings, keep="all", min_overlap=min_overlap)
    assert unit_values(table) == expected
    coded = unit_table(segments, codings, min_overlap=min_overlap)
    assert unit_values(coded) == [row for row in expected if any(row)]


@few
@given(some_codings)
def test_characters_by_brute_force(rows):
    segments, codings = two_documents(rows)
    coders = sorted(codings["coder_id"].unique())
    expected = {
        (doc, place): tuple(
            held(codings, doc, c, lambda row, p=place: row.start <= p < row.end) for c in coders
        )
        for doc, start, end in segments[["doc_id", "start", "end"]].to_numpy().tolist()
        for place in range(start, end)
    }
    table = unit_table(segments, codings, unit="character", keep="all")
    runs = table.units[["doc_id", "start", "end"]].to_numpy().tolist()
    found = {
        (doc, place): values
        for (doc, start, end), values in zip(runs, unit_values(table), strict=True)
        for place in range(start, end)
    }
    assert found == expected
    if len(coders) > 1:
        single = [list(values) for values in expected.values()]
        for level in ("nominal", "masi"):
            whole = krippendorff_alpha(single, level=level)
            alpha = krippendorff_alpha(table.ratings(), level=level)
            assert alpha == pytest.approx(whole, abs=ROUNDING, nan_ok=True)


# --- refused --------------------------------------------------------------------------------------


def test_all_unknown_options_come_at_once():
    options: Any = {"unit": "word", "blank": "zero", "keep": "some", "min_overlap": 2}
    with pytest.raises(AgreementError) as caught:
        unit_table(THREE, codings_of(), **options)
    for fault in ("unit is 'word'", "blank is 'zero'", "keep is 'some'", "min_overlap is 2"):
        assert fault in str(caught.value)


def test_missing_columns_are_all_named():
    with pytest.raises(AgreementError, match=r"(?s)segments: no column turn.*codings: no column o"):
        unit_table(THREE.drop(columns="turn"), codings_of().drop(columns="origin"))


def test_unknown_coders_are_named_with_those_there_are():
    with pytest.raises(AgreementError, match=r"(?s)there are A, B.*Q"):
        unit_table(THREE, codings_of(("A", "x", 0, 9), ("B", "x", 0, 9)), coders=["A", "Q"])


@pytest.mark.parametrize(
    ("segments", "unit", "named"),
    [
        (THREE.assign(start=[0, 9, 22]), "segment", "d:002"),
        (THREE.assign(turn=[1, 2, 1]), "turn", "d:t2"),
    ],
)
def test_units_that_overlap_are_named(segments, unit, named):
    with pytest.raises(AgreementError, match=f"{named} in d"):
        unit_table(segments, codings_of(("A", "x", 0, 9)), unit=unit)
