"""Figures of themes: readable in both languages, and what they draw is what the tables say."""

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
import theme_corpus as small
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from analysis import exhibits, figure_style
from analysis.interviews import chain_figures, chains, saturation, theme_figures, themes
from analysis.labels import LANGUAGES

HANZI = re.compile("[一-鿿]")
TOWNS = {"en": {c: f"{c} Town" for c in "BPSW"}, "zh": {c: f"{c} 镇" for c in "BPSW"}}
CORPUS = small.random_corpus()
CODES = CORPUS.codes
THEMES = CODES[CODES["kind"] != "actor"]
PATHS = chains.chain_paths(chains.study_edges(small.CASES))
FREQUENCIES = themes.theme_frequencies(
    CORPUS.documents, CORPUS.segments, CORPUS.codings, THEMES, coder="A", by=["case"]
)
CURVES, RICHNESS = (
    build(CORPUS.documents, CORPUS.codings, THEMES, coder="A", by="case")
    for build in (saturation.saturation_curves, saturation.richness_table)
)
NETWORK = themes.actor_network(CORPUS.segments, CORPUS.codings, CODES, coder="A", window="segment")
DRAWINGS: dict[str, Callable[[str], Figure]] = {
    "heat map": lambda lang: theme_figures.theme_heatmap(
        FREQUENCIES, CODES, lang, case_names=TOWNS[lang]
    ),
    "network": partial(theme_figures.actor_network_plot, NETWORK, CODES),
    "chains": lambda lang: chain_figures.chain_alluvial(
        PATHS, CODES, lang, case_names=TOWNS[lang]
    ),
    "saturation": lambda lang: theme_figures.saturation_plot(
        CURVES, RICHNESS, lang, case_names=TOWNS[lang]
    ),
}  # fmt: skip


def words(fig):
    with figure_style.style():
        return [text.get_text() for text in figure_style.visible_texts(fig)]


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_can_be_saved_and_speak_one_language(name, tmp_path):
    """`save_figure` refuses missing glyphs, overlaps and clipped texts of both languages."""
    exhibits.save_figure(tmp_path / "f", DRAWINGS[name], pd.DataFrame({"a": [1]}), simulated=True)
    assert len(list(tmp_path.glob("f*.svg"))) == 2
    for lang in LANGUAGES:
        fig = DRAWINGS[name](lang)
        assert fig.get_size_inches()[0] * figure_style.MM_PER_INCH == pytest.approx(180)
        joined = "\n".join(words(fig))
        assert bool(HANZI.search(joined)) == (lang == "zh")
        assert lang == "en" or not re.search(r"\b(?:the|of|and|[Tt]own|interviews)\b", joined)


# --- heat map


def test_heat_map_shows_each_count_and_its_share():
    fig = theme_figures.theme_heatmap(FREQUENCIES, CODES, "en")
    panels = [ax for ax in fig.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in panels] == ["Problems", "Causes", "Countermeasures"]
    table = FREQUENCIES.set_index(["code_id", "case"])
    for ax, kind in zip(panels, ("problem", "cause", "countermeasure"), strict=True):
        rows = CODES.loc[CODES["kind"] == kind, "code_id"]
        expected = [table.loc[(code, case)] for code in rows for case in "BPSW"]
        assert [t.get_text() for t in ax.texts] == [
            f"{e['interviews']:.0f}/{e['of_interviews']:.0f}" for e in expected
        ]
        mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
        assert np.allclose(np.ravel(np.asarray(mesh.get_array())), [e["share"] for e in expected])
        assert mesh.get_clim() == (0, 100)
        tops = [t.get_window_extent().y0 for t in ax.texts[:: len("BPSW")]]
        assert tops == sorted(tops, reverse=True)  # the first row is the uppermost
    assert [t.get_text() for t in panels[0].get_xticklabels()] == [f"{c}\n(n = 6)" for c in "BPSW"]


def test_a_frame_without_kinds_has_one_panel(tmp_path):
    plain = CODES.assign(kind="", label_zh="")
    draw = partial(theme_figures.theme_heatmap, FREQUENCIES, plain)
    assert [ax.get_title(loc="left") for ax in draw("en").axes[:1]] == ["Themes"]
    exhibits.save_figure(tmp_path / "f", draw, FREQUENCIES, simulated=False)
    assert "problem.market" in words(draw("zh"))


# --- network


def test_network_is_to_scale():
    ax = theme_figures.actor_network_plot(NETWORK, CODES, "en").axes[0]
    nodes = next(c for c in ax.collections if isinstance(c, PathCollection))
    ratio = nodes.get_sizes() / NETWORK.nodes["windows"]
    assert np.allclose(ratio, ratio.iloc[0])
    lines = [line for line in ax.lines if line.get_linestyle() == "-"]
    widths = np.array([line.get_linewidth() for line in lines])
    together = NETWORK.edges["together"].to_numpy()
    assert np.allclose(widths / together, theme_figures.WIDEST_LINE_PT / together.max())
    places = dict(zip(NETWORK.nodes["code_id"], np.asarray(nodes.get_offsets()), strict=True))
    for line, (_, edge) in zip(lines, NETWORK.edges.iterrows(), strict=True):
        assert np.allclose(line.get_xydata(), [places[edge["code_a"]], places[edge["code_b"]]])
    labels = " ".join(words(ax.figure)).replace("\n", " ")
    names = CODES.set_index("code_id")["label_en"]
    for _, node in NETWORK.nodes.iterrows():
        assert f"{names[node['code_id']]} ({node['windows']})" in labels


@pytest.mark.parametrize("count", [2, 3, 9, 20])
def test_networks_of_any_size_are_readable(count, tmp_path):
    names = [f"a{k:02d}" for k in range(count)]
    codes = small.table("codes", [
        {"code_id": n, "kind": "actor", "label_en": f"An actor with a rather long name {n}",
         "label_zh": f"名称相当长的治理主体及其代表 {n}"} for n in names
    ])  # fmt: skip
    docs = small.documents({"B": 1}, paragraphs=count)
    rows = [("B1", k, n) for k in range(count) for n in {names[k], names[k - 1]}]
    network = themes.actor_network(
        small.segments(docs), small.codings(rows), codes, coder="A", window="segment"
    )
    draw = partial(theme_figures.actor_network_plot, network, codes)
    exhibits.save_figure(tmp_path / "f", draw, network.edges, simulated=True)


def test_actors_never_named_together_have_no_lines():
    codes = CODES[CODES["kind"] == "actor"].head(2)
    docs = small.documents({"B": 1})
    rows = small.codings([("B1", 0, codes["code_id"].iloc[0])])
    network = themes.actor_network(small.segments(docs), rows, codes, coder="A", window="turn")
    fig = theme_figures.actor_network_plot(network, codes, "en")
    assert fig.legends == []
    assert [line for line in fig.axes[0].lines if line.get_linestyle() == "-"] == []


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=12), st.floats(0.5, 9))
def test_spread_keeps_order_mean_and_distance(values, gap):
    array = np.array(values)
    moved = theme_figures.spread(array, gap)
    assert moved.mean() == pytest.approx(array.mean(), abs=1e-9)
    order = np.argsort(array, kind="stable")
    assert (np.diff(moved[order]) >= gap - 1e-9).all()
    apart = np.diff(array[order])
    if (apart >= gap).all():
        assert moved == pytest.approx(array)


# --- chains


def layout(paths=PATHS):
    return chain_figures.alluvial_layout(paths, {"": "No cause named"}, "{name} ({n})")


def test_every_chain_is_drawn_once_on_each_side_of_its_cause():
    found = layout()
    for stage, ends in (("problem", ["problem", "cause"]), ("cause", ["cause", "countermeasure"])):
        drawn = found.ribbons[found.ribbons["stage"] == stage]
        counts = drawn.groupby(["case", "source", "target"])["paths"].sum()
        expected = PATHS.groupby(["case", *ends])["paths"].sum()
        assert counts.to_dict() == expected.to_dict()
    widths = found.ribbons["height_mm"] / found.ribbons["paths"]
    assert np.allclose(widths, widths[0])


def test_boxes_are_apart_and_hold_their_ribbons_without_overlap():
    found = layout()
    for _, column in found.nodes.groupby("stage"):
        column = column.sort_values("y_mm")
        below = column["y_mm"] + column["height_mm"]
        assert (column["y_mm"].to_numpy()[1:] - below.to_numpy()[:-1] > 1.9).all()
        assert column["y_mm"].min() >= 0 and below.max() <= found.height_mm + 1e-9
    boxes = found.nodes.set_index(["stage", "name"])
    for end, stage in (("source", "stage"), ("target", "target_stage")):
        for key, part in found.ribbons.groupby([stage, end]):
            part = part.sort_values(f"y_{end}")
            top, bottom = part[f"y_{end}"], part[f"y_{end}"] + part["height_mm"]
            assert (top.to_numpy()[1:] >= bottom.to_numpy()[:-1] - 1e-9).all()
            box = boxes.loc[key]
            assert top.min() >= box["y_mm"] - 1e-9
            assert bottom.max() <= box["y_mm"] + box["height_mm"] + 1e-9


@pytest.mark.parametrize("lang", LANGUAGES)
def test_labels_stay_in_their_boxes(lang):
    with figure_style.style():
        fig = chain_figures.chain_alluvial(PATHS, CODES, lang)
        fig.draw_without_rendering()
        ax = fig.axes[0]
        boxes = [p.get_window_extent() for p in ax.patches if isinstance(p, Rectangle)]
        for text, box in zip(ax.texts, boxes, strict=False):  # the heads of the columns come last
            extent = text.get_window_extent()
            assert box.x0 < extent.x0 and extent.x1 < box.x1, text.get_text()
            assert box.y0 < extent.y0 and extent.y1 < box.y1, text.get_text()
    assert len(ax.texts) == len(boxes) + 3


def test_only_coded_and_explicit_ribbons_are_plain():
    bases = ["coded", "explicit", "order", "analyst"]
    paths = pd.DataFrame({
        "case": "B", "problem": "problem.market", "cause": "cause.chain",
        "countermeasure": "countermeasure.industry", "basis_first": bases, "basis_second": bases,
        "paths": 1, "interviews": 0,
    })  # fmt: skip
    fig = chain_figures.chain_alluvial(paths, CODES, "en")
    ribbons = [p for p in fig.axes[0].patches if isinstance(p, PathPatch)]
    drawn = dict(zip(layout(paths).ribbons["basis"].head(4), ribbons, strict=False))
    for basis in bases:
        plain = basis in chains.SOLID
        assert (drawn[basis].get_hatch() is None) == plain
        assert (drawn[basis].get_linestyle() in ("-", "solid")) == plain
        assert (drawn[basis].get_facecolor()[3] > 0.5) == plain
    assert drawn["order"].get_hatch() != drawn["analyst"].get_hatch()
    entries = [t.get_text() for t in fig.legends[0].get_texts()]
    assert entries == ["B", *(theme_figures.TEXTS["chain_alluvial"][b]["en"] for b in bases)]


def test_ribbons_have_the_colour_of_their_case():
    fig = chain_figures.chain_alluvial(PATHS, CODES, "en")
    ribbons = [p for p in fig.axes[0].patches if isinstance(p, PathPatch)]
    colours = theme_figures.case_colours(PATHS["case"])
    assert len(set(colours.values())) == 4
    for patch, case in zip(ribbons, layout().ribbons["case"], strict=True):
        assert to_hex(patch.get_facecolor()).upper() == colours[case].upper()


def test_a_chain_that_ends_at_its_cause_has_one_ribbon():
    half = PATHS[PATHS["case"] == "S"].assign(countermeasure="", basis_second="")
    found = layout(half)
    assert set(found.ribbons["stage"]) == {"problem"}
    assert set(found.nodes["stage"]) == {"problem", "cause"}
    assert "" not in set(found.nodes["name"])


def test_chains_of_many_cases_can_be_saved(tmp_path):
    many = pd.concat([PATHS.assign(case=PATHS["case"] + str(k)) for k in range(6)])
    draw = partial(chain_figures.chain_alluvial, many, CODES)
    exhibits.save_figure(tmp_path / "f", draw, many, simulated=True)
    entries = [t.get_text() for t in draw("en").legends[0].get_texts()]
    assert entries.count("other cases") == 1 and len(entries) == 7 + 1 + 2


def test_no_chain_is_refused():
    with pytest.raises(ValueError, match="no chain to draw"):
        chain_figures.chain_alluvial(PATHS.head(0), CODES, "en")


# --- saturation


def test_saturation_draws_each_curve_and_estimate():
    fig = theme_figures.saturation_plot(CURVES, RICHNESS, "en", case_names=TOWNS["en"])
    whole, groups = fig.axes
    for ax, names in ((whole, [""]), (groups, list("BPSW"))):
        drawn = [line for line in ax.lines if np.size(line.get_xdata()) > 1]
        for line, name in zip(drawn, names, strict=True):
            curve = CURVES[CURVES["group"] == name]
            assert np.allclose(line.get_xydata(), curve[["n", "expected"]])
        points = [line for line in ax.lines if line.get_marker() == "D"]
        estimates = RICHNESS.set_index("group").loc[names]
        x, y = np.concatenate([line.get_xydata() for line in points]).T
        assert y.tolist() == estimates["chao2"].tolist()
        assert (x > estimates["interviews"].max()).all()
        spans = [np.asarray(c.get_segments()[0])[:, 1] for c in ax.collections
                 if isinstance(c, LineCollection)]  # fmt: skip
        assert np.allclose(spans, estimates[["ci_low", "ci_high"]])
    band = next(c for c in whole.collections if isinstance(c, PolyCollection))
    low, high = CURVES.loc[CURVES["group"] == "", ["ci_low", "ci_high"]].to_numpy().T
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert heights.min() == pytest.approx(low.min()) and heights.max() == pytest.approx(high.max())
    assert not any(isinstance(c, PolyCollection) for c in groups.collections)
    legend = groups.get_legend()
    assert legend and [t.get_text() for t in legend.get_texts()] == list(TOWNS["en"].values())


def test_without_groups_there_is_one_panel_and_without_error_no_interval(tmp_path):
    alone = CURVES[CURVES["group"] == ""]
    estimate = RICHNESS[RICHNESS["group"] == ""].assign(ci_low=np.nan, ci_high=np.nan)
    draw = partial(theme_figures.saturation_plot, alone, estimate)
    assert len(draw("en").axes) == 1
    exhibits.save_figure(tmp_path / "f", draw, alone, simulated=False)


# --- bad input


@pytest.mark.parametrize("name", DRAWINGS)
def test_unknown_language_is_refused(name):
    draws: dict[str, Callable[[str], Figure]] = {
        "heat map": partial(theme_figures.theme_heatmap, FREQUENCIES, CODES),
        "chains": partial(chain_figures.chain_alluvial, PATHS, CODES),
        "saturation": partial(theme_figures.saturation_plot, CURVES, RICHNESS),
        "network": DRAWINGS["network"],
    }
    with pytest.raises(ValueError, match="lang must be one of en, zh, got 'fr'"):
        draws[name]("fr")


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match="frequencies: missing column.*of_interviews"):
        theme_figures.theme_heatmap(FREQUENCIES.drop(columns="of_interviews"), CODES, "en")
    with pytest.raises(ValueError, match="paths: missing column.*basis_first"):
        chain_figures.chain_alluvial(PATHS.drop(columns="basis_first"), CODES, "en")


def test_texts_have_the_same_fields_in_both_languages():
    for figure, entries in theme_figures.TEXTS.items():
        for key, both in entries.items():
            fields = [set(re.findall(r"\{(\w+)", both[lang])) for lang in LANGUAGES]
            assert fields[0] == fields[1], (figure, key)
