"""Figures: every drawing in both languages is readable and shows its table; each guard can fail."""

import re
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis import facts, figure_style, figures, geography, maps, poverty_list
from analysis.indicators import load_system
from analysis.labels import FIGURE_TEXTS, LANGUAGES, texts, unit_label
from analysis.long_difference import RUNGS

RAW = Path(__file__).parents[1] / "data" / "raw"
HANZI = re.compile("[一-鿿]")
CENSUS_OUTCOMES = (
    "tap_water", "toilet", "bath", "kitchen", "illiteracy", "schooling", "agriculture_employment",
    "manufacturing_employment", "services_employment", "floor_space",
)  # fmt: skip


def ladder_table(outcomes=CENSUS_OUTCOMES):
    """Estimates of the size that the census gives, some negative."""
    rng = np.random.default_rng(7)
    rows = [(outcome, rung) for outcome in outcomes for rung in RUNGS]
    table = pd.DataFrame(rows, columns=["outcome", "rung"])
    estimate, se = rng.normal(0, 6, len(rows)), rng.uniform(0.2, 1.5, len(rows))
    return table.assign(
        estimate=estimate, se=se, ci_low=estimate - 2 * se, ci_high=estimate + 2 * se,
        unit=table["outcome"].map({"floor_space": "square metres per person"}).fillna(
            "percentage points"),
        n=2748, cluster="province",
    )  # fmt: skip


def obstacle_table(name):
    """Obstacle degrees of an embedded indicator system in 2010, 2015 and 2020."""
    system = load_system(RAW / "indicators", name).table()
    rng = np.random.default_rng(7)
    years = [
        system.assign(year=year, obstacle=rng.dirichlet(np.ones(len(system))) * 100)
        for year in (2010, 2015, 2020)
    ]
    return pd.concat(years, ignore_index=True)


def truth_comparison():
    """Near, far (beyond the axis on either side) and headline estimates."""
    estimators = [
        ("catch_up", 0.0041, True), ("delisting_effect_2020", 0.065, False),
        ("delisting_effect_2020", 0.0292, True), ("kappa", -0.3, False), ("kappa", 0.3504, True),
    ]  # fmt: skip
    table = pd.DataFrame(estimators, columns=["parameter", "estimate", "headline"])
    truth = table["parameter"].map({"catch_up": 0.004, "delisting_effect_2020": 0.0246})
    return table.assign(
        truth=truth.fillna(0.35), ci_low=table["estimate"] - 0.01, ci_high=table["estimate"] + 0.01,
        label_en="Slope of revitalization on alleviation a year earlier",
        label_zh="上年脱贫攻坚得分的系数",
        estimator_en="never designated, two-way effects", estimator_zh="非贫困县，双向固定效应",
    )  # fmt: skip


@pytest.fixture(scope="module")
def layers():
    names = ("counties", "provinces", "maritime")
    return dict(zip(names, geography.load_layers(RAW / "boundaries"), strict=True))


@pytest.fixture(scope="module")
def coordination(layers):
    """Degrees of 0.35 to 0.75 in 2010 and 2020; every tenth county has none."""
    counties = layers["counties"]
    known = counties.loc[np.arange(len(counties)) % 10 != 0, ["code"]]
    spread = np.linspace(0.35, 0.65, len(known))
    return pd.concat([
        known.assign(year=2010, coordination=spread),
        known.assign(year=2020, coordination=spread + 0.1),
    ])  # fmt: skip


def assert_readable(fig, width_mm=figure_style.DOUBLE_COLUMN_MM):
    with figure_style.style():
        assert figure_style.missing_glyphs(fig) == []
        assert figure_style.overlapping_texts(fig) == []
        assert figure_style.clipped_texts(fig) == []
    assert fig.get_size_inches()[0] * figure_style.MM_PER_INCH == pytest.approx(width_mm)


def words(fig):
    with figure_style.style():
        return [text.get_text() for text in figure_style.visible_texts(fig)]


def assert_language(fig, lang, *, names=()):
    """No hanzi in English (but for given names); in Chinese no English label of the contracts."""
    joined = "\n".join(words(fig))
    if lang == "en":
        for name in names:
            joined = joined.replace(name, "")
        assert HANZI.findall(joined) == []
    else:
        assert HANZI.search(joined)
        assert re.findall(r"\b(?:the|of|and|year|income|counties)\b", joined) == []


# --- drawings


DRAWINGS = {
    "ladder of the census": lambda: partial(figures.ladder_plot, ladder_table()),
    "ladder of the demo": lambda: partial(
        figures.ladder_plot, ladder_table(["log_income"]).assign(unit="log points")
    ),
    "obstacles of 24": lambda: partial(figures.obstacle_chart, obstacle_table("link24")),
    "truth": lambda: partial(figures.truth_plot, truth_comparison()),
    "rural poverty": lambda: partial(
        figures.rural_poverty, *facts.load_rural_poverty(RAW / "facts")
    ),
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", DRAWINGS)
def test_charts_are_readable_in_both_languages(name, lang):
    fig = DRAWINGS[name]()(lang)
    assert_readable(fig)
    assert_language(fig, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_delisting_map_counts_every_county_once(layers, lang):
    poverty = poverty_list.load_list(RAW / "facts")
    fig = maps.delisting_map(**layers, poverty=poverty, lang=lang)
    assert_readable(fig)
    assert_language(fig, lang, names=("冷湖", "茫崖"))
    legend = fig.axes[0].get_legend()
    assert legend
    entries = [text.get_text() for text in legend.get_texts()]
    # official numbers by year; they sum to 832
    counted = dict(zip(range(2016, 2021), (28, 125, 283, 344, 52), strict=True))
    assert entries[:5] == [f"{year} ({count})" for year, count in counted.items()]
    assert "832" in fig.get_supxlabel()
    assert not any(texts("delisting_map", lang)["unplaced"] in entry for entry in entries)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_coordination_maps_share_classes(layers, coordination, lang):
    fig = maps.coordination_maps(**layers, index=coordination, years=[2010, 2020], lang=lang)
    assert_readable(fig)
    assert_language(fig, lang)
    entries = [text.get_text() for text in fig.legends[0].get_texts()]
    bounds = ["0.3–0.4", "0.4–0.5", "0.5–0.6", "0.6–0.7", "0.7–0.8"]
    assert entries == [*bounds, texts("coordination_maps", lang)["missing"]]
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert all(f"{coordination['code'].nunique():,}" in title for title in titles)


def test_coordination_class_is_closed_below():
    index = pd.DataFrame({"code": list("abcde"), "year": 2020})
    index["coordination"] = [0.3, 0.29999, 0.7, 1.0, 0.0]
    assert maps._coordination(index, [2020])["class"].tolist() == [3, 2, 7, 9, 0]


def test_maps_name_every_fault(layers):
    index = pd.DataFrame({"code": ["1", "1"], "year": 2010, "coordination": [0.5, 1.2]})
    with pytest.raises(
        ValueError, match=r"no value in 2020; coordination outside \[0, 1\]; code and year not uni"
    ):
        maps.coordination_maps(**layers, index=index, years=[2010, 2020], lang="en")
    poverty = pd.DataFrame({"code": ["1"], "name": ["甲县"], "delisted_year": [2021]})
    with pytest.raises(ValueError, match="must be 2016 to 2020, found 2021"):
        maps.delisting_map(**layers, poverty=poverty, lang="en")


def test_lines_join_consecutive_years_only():
    national = pd.DataFrame({
        "year": [2010, 2011, 2015, 2016], "rural_poor_10k": [4.0, 3.0, 2.0, 1.0],
        "incidence_pct": [17.2, np.nan, 5.7, 4.5],
    })  # fmt: skip
    regional = pd.DataFrame(
        {"year": 2016, "region3": ["east", "central", "west"], "rural_poor_10k": [5.0, 16.0, 23.0]}
    )
    fig = figures.rural_poverty(national, regional, "en")
    poor, bars, incidence = fig.axes
    for ax, joined in ((poor, [[2010, 2011], [2015, 2016]]), (incidence, [[2010], [2015, 2016]])):
        lines = [line for line in ax.lines if line.get_linestyle() != "None"]
        assert [np.asarray(line.get_xdata()).tolist() for line in lines] == joined
    shown = [bar for bar in bars.patches if isinstance(bar, Rectangle)]
    assert [bar.get_height() for bar in shown] == [5.0, 16.0, 23.0]
    assert [bar.get_y() for bar in shown] == [0.0, 5.0, 21.0]


def test_obstacles_show_first_and_last_year_sorted_by_the_last():
    table = obstacle_table("census")
    opened = plt.get_fignums()
    fig = figures.obstacle_chart(table, "en")
    for ax, subsystem in zip(fig.axes, ("alleviation", "revitalization"), strict=True):
        points = [c for c in ax.collections if isinstance(c, PathCollection)]
        assert len(points) == 1
        x, row = np.asarray(points[0].get_offsets()).T
        colours = [to_hex(tuple(rgba)).upper() for rgba in np.asarray(points[0].get_facecolor())]
        part = table[table["subsystem"] == subsystem]
        last = part[part["year"] == 2020].set_index("variable")
        rank = last["obstacle"].rank().astype(int) - 1
        for year, name in ((2010, "sky"), (2020, "blue")):
            drawn = [colour == figure_style.PALETTE[name].upper() for colour in colours]
            shown = part[part["year"] == year]
            assert np.array_equal(x[drawn], shown["obstacle"])
            assert np.array_equal(row[drawn], rank[shown["variable"]])
        assert sum(
            len(c.get_segments()) for c in ax.collections if isinstance(c, LineCollection)
        ) == (len(last))
        names = [tick.get_text().replace("\n", " ") for tick in ax.get_yticklabels()]
        assert names == last.sort_values("obstacle")["en"].tolist()
        assert ax.get_legend() is None
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["2010", "2020"]
    assert [line.get_marker() for line in fig.legends[0].get_lines()] == ["o", "D"]
    assert len(fig.legends) == 1
    assert plt.get_fignums() == opened


def test_ladder_draws_each_interval_in_the_order_of_rungs():
    table = ladder_table(["bath"]).sample(frac=1, random_state=1)
    ax = figures.ladder_plot(table, "en").axes[0]
    rungs = table.set_index("rung").loc[list(RUNGS)]
    spans = [c.get_segments()[0][:, 0] for c in ax.collections if isinstance(c, LineCollection)]
    assert np.allclose(spans, rungs[["ci_low", "ci_high"]])
    points = [
        float(np.asarray(line.get_xdata())[0]) for line in ax.lines if line.get_marker() == "o"
    ]
    assert np.allclose(points, rungs["estimate"])
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels == [texts("ladder_plot", "en")[rung] for rung in RUNGS]


def test_truth_plot_marks_distance_cover_and_what_is_beyond_the_axis():
    ax = figures.truth_plot(truth_comparison(), "en").axes[0]
    drawn = [(line, np.asarray(line.get_xdata(), float)) for line in ax.lines]
    shown = [
        (line.get_marker(), round(float(x[0]), 6), line.get_color())
        for line, x in drawn
        if len(x) == 1
    ]
    blue, red = figure_style.PALETTE["blue"], figure_style.PALETTE["vermillion"]
    assert shown == [
        ("o", 0.01, blue), ("o", 0.46, blue), ("s", 4.04, red), ("o", 0.04, blue), ("<", -6.0, red),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (partial(figures.ladder_plot, pd.DataFrame({"outcome": []})), "rung.*ci_low"),
        (partial(figures.obstacle_chart, pd.DataFrame({"year": []})), "variable.*subsystem"),
        (partial(figures.rural_poverty, pd.DataFrame(), pd.DataFrame()), "rural_poor_10k"),
    ],
)
def test_missing_columns_are_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw("en")


def test_unknown_language_is_refused():
    with pytest.raises(ValueError, match="lang must be one of en, zh, got 'fr'"):
        figures.ladder_plot(ladder_table(), "fr")


def test_labels_have_the_same_fields_in_both_languages():
    for figure, entries in FIGURE_TEXTS.items():
        for key, both in entries.items():
            fields = [sorted(re.findall(r"\{(\w+)", both[lang])) for lang in LANGUAGES]
            assert fields[0] == fields[1], (figure, key)
    assert unit_label("rooms", "zh") == "间"
    assert unit_label("parsec", "zh") == "parsec"


# --- guards


def page(*entries, **options):
    """A figure with texts at (x, y) of a 90 x 40 mm canvas."""
    with figure_style.style():
        fig = Figure(figsize=figure_style.figure_size(90, 40))
        for x, y, text in entries:
            fig.text(x, y, text, **options)
    return fig


@pytest.mark.parametrize(
    ("y", "found"), [(0.51, [("first", "second")]), (0.9, [])], ids=["overlap", "apart"]
)
def test_overlap_is_found(y, found):
    with figure_style.style():
        assert (
            figure_style.overlapping_texts(page((0.1, 0.5, "first"), (0.1, y, "second"))) == found
        )


@pytest.mark.parametrize("place", [(-0.02, 0.5), (0.95, 0.5), (0.5, -0.05), (0.5, 0.97)])
def test_clipped_text_is_found_at_each_edge(place):
    with figure_style.style():
        assert figure_style.clipped_texts(page((*place, "a long word"))) == ["a long word"]
        assert figure_style.clipped_texts(page((0.4, 0.5, "a long word"))) == []


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("龘 县", ["龘"]),
        ("ok \N{GRINNING FACE}", ["\N{GRINNING FACE}"]),
        ("县域 county −3 · “好”\nm² 95%", []),
    ],
)
def test_missing_glyph_is_found(text, lacking):
    with figure_style.style():
        assert figure_style.missing_glyphs(page((0.1, 0.5, text))) == lacking


def test_text_in_another_font_is_found():
    with figure_style.style():
        fig = page((0.1, 0.5, "ab"), family="DejaVu Sans")
        assert figure_style.missing_glyphs(fig) == ["a", "b"]


def test_texts_that_are_not_drawn_do_not_count():
    with figure_style.style():
        fig = page((0.1, 0.5, "seen"), (0.1, 0.5, "hidden"), (0.1, 0.5, " "))
        fig.texts[1].set_visible(False)
        ax = fig.add_axes((0.5, 0.4, 0.4, 0.4))
        ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[0.0, 1.0, 9.0], yticks=[])
        ax.set_xlim(0, 1)
        assert [t.get_text() for t in figure_style.visible_texts(fig)] == ["0", "1", "seen"]
        ax.set_axis_off()
        assert [t.get_text() for t in figure_style.visible_texts(fig)] == ["seen"]


def test_style_is_left_behind_as_it_was(monkeypatch):
    before = dict(mpl.rcParams)
    with figure_style.style():
        assert mpl.rcParams["pdf.fonttype"] == 42
    assert dict(mpl.rcParams) == before
    monkeypatch.setattr(figure_style, "FONT_FILE", Path("absent.ttf"))
    with (
        pytest.raises(ValueError, match=r"absent\.ttf: font missing; restore"),
        figure_style.style(),
    ):
        pass


@pytest.mark.parametrize("size", [(0, 10), (10, -1)])
def test_figure_size_must_be_positive(size):
    assert figure_style.figure_size(25.4, 50.8) == (1.0, 2.0)
    with pytest.raises(ValueError, match="must be positive"):
        figure_style.figure_size(*size)


@given(st.text("ab 中文，。（）%", min_size=1, max_size=80), st.integers(5, 60))
def test_wrapped_text_keeps_its_characters_and_fits(text, width_mm):
    wrapped = figure_style.wrap_text(text, width_mm)
    assert "".join(wrapped.split()) == "".join(text.split())
    room = width_mm / figure_style.MM_PER_INCH * figure_style.POINTS_PER_INCH
    for line in wrapped.split("\n"):
        ems = sum(1.0 if HANZI.match(c) or c in "，。（）" else 0.56 for c in line)
        alone = len(re.findall(r"（*[一-鿿][，。）%]*|（*[^\s一-鿿（]+|（+", line)) <= 1
        assert ems * figure_style.TEXT_SIZE <= room + 1e-9 or alone


@given(st.text("ab中文，。", min_size=1, max_size=60))
def test_no_line_begins_with_a_closing_mark(text):
    lines = figure_style.wrap_text(text, 10).split("\n")
    assert not any(line.startswith(("，", "。")) for line in lines[1:])


def test_add_note_wraps_to_the_width():
    with figure_style.style():
        fig = Figure(figsize=figure_style.figure_size(90, 60), layout="constrained")
        fig.subplots()
        figure_style.add_note(fig, "Source: the notices of the provinces. " * 6)
    assert fig.get_supxlabel().count("\n") >= 2
    assert_readable(fig, 90)


def test_legend_wider_than_the_canvas_is_found():
    with figure_style.style():
        fig = Figure(figsize=figure_style.figure_size(60, 40))
        ax = fig.subplots()
        for number in range(9):
            ax.plot([0, 1], label=f"a long entry {number}")
        fig.legend(ncols=9, loc="upper center")
        assert "legend" in figure_style.clipped_texts(fig)


@pytest.mark.parametrize(
    "text", ["参与路径缺失（12）", "据“中国”（2020）数据，见表", "见《公报》（2020）"]
)
def test_no_line_ends_with_an_opening_or_starts_with_a_closing_mark(text):
    for width in range(8, 40):
        lines = figure_style.wrap_text(text, width).split("\n")
        assert "".join(lines) == text
        assert not any(line[-1] in "（《“" or line[0] in "）》”，。" for line in lines)
