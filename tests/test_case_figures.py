"""Figures and tables of the four towns: readable, in one language, and true to their tables."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis import exhibits, figure_style
from analysis.cases import (
    case_tables,
    display_figures,
    joint_display,
    joint_inputs,
    matrix,
    matrix_figures,
    place_figures,
    places,
    sharing,
    sheets,
)
from analysis.cases.studies import policy_inventory, read_studies
from analysis.labels import LANGUAGES
from analysis.tables import Table

RAW = Path(__file__).parents[1] / "data" / "raw"
HANZI = re.compile("[一-鿿]")
STUDIES = read_studies(RAW / "cases")
MATRIX = matrix.matrix_codes(STUDIES)
NAMES = {
    lang: dict(zip(STUDIES.cases["case"], STUDIES.cases[f"name_{lang}"], strict=True))
    for lang in LANGUAGES
}
INPUTS = joint_inputs.read_joint_inputs(RAW / "judgements", STUDIES)
CLAIMS = {
    claim: {"value": value, "se": 0.3, "ci_low": value - 0.6, "ci_high": value + 0.6, "n": 2101,
            "unit": "percentage points", "step": "40", "simulated": k % 2 == 0}
    for k, (claim, value) in enumerate(zip(dict.fromkeys(INPUTS.indicators["claim"]),
                                           np.linspace(-4, 4, 20)[:9], strict=False))
}  # fmt: skip


def prevalence():
    themes = dict.fromkeys(STUDIES.themes["theme"])
    rows = [(t, c, (k * 5 + len(t)) % 7, 6) for t in themes for k, c in enumerate("BSWP")]
    return pd.DataFrame(rows, columns=["code_id", "case", "interviews", "of_interviews"])


def display(frequencies, judgements=INPUTS.judgements, *, simulated=False):
    inputs = joint_inputs.JointInputs(INPUTS.indicators, judgements)
    return joint_display.joint_display(
        STUDIES, frequencies, inputs, CLAIMS, profile="demo", prevalence_simulated=simulated
    )


def county_panel(seed=3):
    rng = np.random.default_rng(seed)
    codes = ["371082", *(f"1306{k:02d}" for k in range(1, 9)), *(f"51{k:04d}" for k in range(40))]
    frame = pd.DataFrame({"code": codes, "name": codes, "year": 2020, "rural_2010": True})
    values = rng.uniform(5, 95, (len(codes), len(places.VARIABLES)))
    return frame.join(pd.DataFrame(values, columns=list(places.VARIABLES)))


def place_plot(frame, lang):
    ranks, status = places.place_ranks(STUDIES, frame), places.place_status(STUDIES, frame)
    return place_figures.places_plot(ranks, status, lang)


JUDGED = pd.DataFrame(
    [["cause.policy", "delisting_lights", "demo", "0.001", "discord", "J", "2026-01-02", "r",
      "final"]],
    columns=joint_inputs.JUDGEMENT_COLUMNS,
)  # fmt: skip
DRAWINGS: dict[str, Callable[[str], Figure]] = {
    "marks": lambda lang: matrix_figures.matrix_plot(
        MATRIX, lang, case_names=NAMES[lang], labels=False
    ),
    "problems": lambda lang: matrix_figures.matrix_plot(
        MATRIX, lang, case_names=NAMES[lang], kinds=("problem", "cause")
    ),
    "measures": lambda lang: matrix_figures.matrix_plot(
        MATRIX, lang, case_names=NAMES[lang], kinds=("countermeasure", "actor")
    ),
    "display": partial(display_figures.joint_display_plot, display(prevalence())),
    "display simulated": partial(
        display_figures.joint_display_plot, display(prevalence(), simulated=True)
    ),
    "display without interviews": partial(display_figures.joint_display_plot, display(None)),
    "display judged": partial(display_figures.joint_display_plot, display(None, JUDGED)),
    "places": partial(place_plot, county_panel()),
    "no places": partial(place_plot, county_panel().drop(columns=list(places.VARIABLES))),
}


def words(fig):
    with figure_style.style():
        return [text.get_text() for text in figure_style.visible_texts(fig)]


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_can_be_saved_and_speak_one_language(name, tmp_path):
    exhibits.save_figure(tmp_path / "f", DRAWINGS[name], pd.DataFrame({"a": [1]}), simulated=True)
    for lang in LANGUAGES:
        fig = DRAWINGS[name](lang)
        width, height = fig.get_size_inches() * figure_style.MM_PER_INCH
        assert width == pytest.approx(180)
        assert height < 250  # a page
        joined = "\n".join(words(fig))
        assert bool(HANZI.search(joined)) == (lang == "zh")
        assert lang == "zh" or not set("’·") & set(joined)
        assert lang == "en" or not re.search(r"\b(?:the|of|and|Town|interviews)\b", joined)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_matrix_shows_each_code_once_with_a_mark_per_revitalization(lang):
    fig = matrix_figures.matrix_plot(MATRIX, lang, kinds=("problem", "cause"))
    shown = MATRIX[MATRIX["kind"].isin(["problem", "cause"])]
    texts = [re.sub(r"\s", "", text) for text in words(fig)]
    for label, count in shown[f"label_{lang}"].value_counts().items():
        assert texts.count(re.sub(r"\s", "", str(label))) >= count
    marks = [p for p in fig.axes[0].patches if isinstance(p, Rectangle)
             and p.get_width() == matrix_figures.MARK_MM]  # fmt: skip
    expected = sum(len((d or "none").split("|")) for d in shown["dimension"])
    assert len(marks) == expected + 6  # and the legend


@pytest.mark.parametrize("name", ["marks", "problems", "measures", "display"])
def test_texts_stay_between_the_rules_of_their_row(name):
    with figure_style.style():
        fig = DRAWINGS[name]("en")
        fig.draw_without_rendering()
        ax = fig.axes[0]
        back = ax.transData.inverted()
        ends = [(np.ravel(line.get_xdata()), np.ravel(line.get_ydata())) for line in ax.lines]
        rules = [y[0] for x, y in ends if len(y) == 2 and y[0] == y[1] and x[1] == sheets.SHEET_MM]
        assert len(rules) > 10
        for text in ax.texts:
            box = text.get_window_extent().transformed(back)
            top, bottom = sorted((box.y0, box.y1))
            assert not [y for y in rules if top + 0.2 < y < bottom - 0.2], text.get_text()


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**20), st.sampled_from(LANGUAGES))
def test_other_labels_move_what_is_below_and_overlap_nothing(seed, lang):
    rng = np.random.default_rng(seed)
    word = "organisation " if lang == "en" else "组织治理"
    length = rng.integers(1, 9 if lang == "en" else 8, len(MATRIX))
    changed = MATRIX.assign(**{f"label_{lang}": [(word * n).strip() for n in length]})
    fig = matrix_figures.matrix_plot(changed, lang, kinds=("problem",))
    with figure_style.style():
        assert figure_style.overlapping_texts(fig) == []
        assert figure_style.clipped_texts(fig) == []


def test_joint_display_draws_each_share_and_says_what_is_missing():
    table = display(prevalence())
    fig = display_figures.joint_display_plot(table, "en")
    themes = table.drop_duplicates("theme")
    dots = [np.ravel(line.get_xdata())[0] for line in fig.axes[0].lines
            if line.get_marker() == "o"]  # fmt: skip
    scale = display_figures.SHARE + display_figures.AXIS_MM * themes["share"] / 100
    assert dots == pytest.approx(scale.tolist())
    texts = words(fig)
    assert texts.count("not judged") == len(table)
    assert texts.count("no county number") == (table["indicator_status"] == "none_declared").sum()
    counts = [f"{r.interviews}/{r.of_interviews}" for r in themes.itertuples()]
    assert sorted(t for t in texts if "/" in t and t[0].isdigit()) == sorted(counts)


@pytest.mark.parametrize(("lang", "word"), [("en", "Simulated"), ("zh", "模拟")])
def test_heads_say_where_the_interviews_are_simulated(lang, word):
    for simulated in (False, True):
        table = display(prevalence(), simulated=simulated)
        heads = case_tables.joint_table(table, lang).frame.columns
        assert any(head.startswith(word) for head in heads) == simulated
        fig = display_figures.joint_display_plot(table, lang)
        told = [t.replace("\n", " ") for t in words(fig) if "(%)" in t or "（%）" in t]
        assert [word in head for head in told] == [simulated]


def test_a_judgement_on_another_number_is_marked_as_outdated():
    joined = " ".join(words(display_figures.joint_display_plot(display(None, JUDGED), "en")))
    assert "contradicts" in joined
    assert "(outdated)" in joined


@pytest.mark.parametrize(
    ("value", "printed"), [(5.3604, "5.36"), (-0.0276, "−0.028"), (0.0996, "0.100")]
)
def test_a_number_is_printed_with_its_interval_and_unit(value, printed):
    row = {"estimate": value, "ci_low": value - 1, "ci_high": value + 1, "unit": "years",
           "indicator_simulated": True}  # fmt: skip
    told = display_figures.amount(row, "en")
    assert told.startswith(printed + " [")
    assert told.endswith("] years, simulated")
    assert display_figures.amount({**row, "ci_low": np.nan}, "zh") == f"{printed} 年，模拟"


def test_places_are_drawn_at_their_ranks_and_the_anonymous_are_named():
    frame = county_panel()
    ranks = places.place_ranks(STUDIES, frame)
    fig = place_plot(frame, "en")
    drawn = np.concatenate([c.get_offsets()[:, 0] for c in fig.axes[0].collections])
    assert sorted(drawn) == pytest.approx(sorted(ranks["percentile"]))
    joined = " ".join(words(fig)).replace("\n", " ")
    assert "Anonymous, not guessed: B Town, P County; W Town." in joined


def test_places_tell_the_county_of_the_values_and_the_units_left_out():
    frame = county_panel()
    frame.loc[frame["code"].isin(["130601", "130602", "130603"]), "rural_2010"] = False
    joined = " ".join(words(place_plot(frame, "en"))).replace("\n", " ")
    assert "Rongcheng City (Shandong) (median of counties rural in 2010)" in joined
    told = "Baoding City (Hebei): 5 units are shown, 3 left out as urban in 2010; units missing"
    assert told in joined
    told = "".join(words(place_plot(frame, "zh"))).replace("\n", "")
    assert "山东省荣成市（2010年乡村县的中位数）" in told.replace(" ", "")
    assert "河北省保定市：显示5个单位，3个因2010年" in told.replace(" ", "")


def test_two_places_of_a_level_are_refused():
    frame = county_panel()
    two = STUDIES.cases.copy()
    two.loc[two["case"] == "W", "county_code"] = "510001"
    studies = replace(STUDIES, cases=two)
    ranks, status = places.place_ranks(studies, frame), places.place_status(studies, frame)
    with pytest.raises(ValueError, match="S, W are all known by their county"):
        place_figures.places_plot(ranks, status, "en")
    place_figures.places_plot(ranks[ranks["case"] != "S"], status, "en")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matrix_figures.matrix_plot(MATRIX, "fr"), "lang"),
        (lambda: matrix_figures.matrix_plot(MATRIX, "en", kinds=("x",)), "kinds"),
        (lambda: matrix_figures.matrix_plot(MATRIX.drop(columns="theme"), "en"), "theme"),
        (lambda: display_figures.joint_display_plot(display(None), "fr"), "lang"),
        (lambda: display_figures.joint_display_plot(display(None).iloc[:0], "en"), "no row"),
        (lambda: place_plot(county_panel(), "fr"), "lang"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- tables

TABLES: dict[str, Callable[[str], Table]] = {
    "paths": lambda lang: case_tables.path_table(
        matrix.problem_paths(STUDIES), STUDIES.codes, lang, case_names=NAMES[lang]
    ),
    "sharing": lambda lang: case_tables.sharing_table(
        {kind: sharing.grouping_sensitivity(MATRIX, kind=kind) for kind in matrix.KINDS}, lang
    ),
    "duties": lambda lang: case_tables.duty_table(
        matrix.who_must_act(STUDIES), lang, case_names=NAMES[lang]
    ),
    "joint": lambda lang: case_tables.joint_table(display(prevalence()), lang),
    "inventory": lambda lang: case_tables.inventory_table(policy_inventory(STUDIES), lang),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_can_be_saved_and_have_the_same_rows_in_both_languages(name, tmp_path):
    exhibits.save_table(tmp_path / "t", TABLES[name], simulated=False)
    en, zh = (TABLES[name](lang) for lang in LANGUAGES)
    assert en.frame.shape == zh.frame.shape
    assert not HANZI.search(en.frame.to_csv() + en.caption + en.notes)
    assert HANZI.search(zh.caption)


def test_tables_say_what_their_frames_hold():
    shared = TABLES["sharing"]("en").frame.set_index("Grouping")["Problems"]
    assert shared.tolist()[:2] == ["4", "3–4"]
    duties = TABLES["duties"]("en").frame.set_index("Actors")
    assert list(duties.T["Village Party branch"]) == ["", "1 (1)", "", ""]
    inventory = TABLES["inventory"]("en")
    empty = inventory.frame[inventory.frame["Item"].str.startswith("named;")]
    assert empty["Group"].tolist() == ["Policy transformation", "Policy establishment"]
    assert "Policy transformation, Policy establishment" in inventory.notes
