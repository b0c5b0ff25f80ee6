"""Frameworks and networks as diagrams: complete and readable, whatever the labels."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from analysis import exhibits, figure_style
from analysis.cases.studies import read_studies
from analysis.diagrams import framework_figures
from analysis.diagrams.checks import geometry_faults
from analysis.diagrams.drawing import Panel, draw
from analysis.labels import LANGUAGES

STUDIES = read_studies(Path(__file__).parents[1] / "data" / "raw" / "cases")
FRAMEWORKS = list(dict.fromkeys(STUDIES.diagrams["figure"]))
HANZI = re.compile("[一-鿿]")
WORDS = {
    "en": ["poverty", "of", "revitalization", "government", "and", "institutionalization", "a"],
    "zh": ["脱贫", "攻坚", "，", "与", "乡村振兴", "（镇）", "协同治理机制"],
}
DRAWINGS: dict[str, Callable[[str], Figure]] = {
    **{name: partial(framework_figures.framework_figure, STUDIES, name) for name in FRAMEWORKS},
    "governance": partial(framework_figures.governance_figure, STUDIES),
}


def words(fig):
    with figure_style.style():
        return [text.get_text() for text in figure_style.visible_texts(fig)]


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_can_be_saved_and_speak_one_language(name, tmp_path):
    """`save_figure` refuses missing glyphs, overlaps and clipped texts of both languages."""
    exhibits.save_figure(tmp_path / "f", DRAWINGS[name], pd.DataFrame({"a": [1]}), simulated=False)
    assert len(list(tmp_path.glob("f*.svg"))) == 2
    for lang in LANGUAGES:
        fig = DRAWINGS[name](lang)
        assert fig.get_size_inches()[0] * figure_style.MM_PER_INCH == pytest.approx(180)
        assert fig.get_size_inches()[1] * figure_style.MM_PER_INCH < 240  # a page
        joined = "\n".join(words(fig))
        assert bool(HANZI.search(joined)) == (lang == "zh")
        assert lang == "en" or not re.search(r"\b(?:the|of|and|[Tt]own|policies)\b", joined)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("figure", FRAMEWORKS)
def test_a_framework_shows_each_box_and_each_arrow_of_the_tables(figure, lang):
    diagram = framework_figures.framework_diagram(STUDIES, figure, lang)
    nodes = STUDIES.diagrams[STUDIES.diagrams["figure"] == figure]
    edges = STUDIES.diagram_edges[STUDIES.diagram_edges["figure"] == figure]
    assert diagram.nodes["node"].tolist() == nodes["node"].tolist()
    shown = diagram.nodes["label"].str.replace(r"\s", "", regex=True)
    assert shown.tolist() == nodes[f"label_{lang}"].str.replace(r"\s", "", regex=True).tolist()
    ends = ["source", "target", "relation", "basis"]
    assert diagram.edges[ends].values.tolist() == edges[ends].values.tolist()
    if lang == "en":  # no word is cut: a break stands for a blank
        whole = diagram.nodes["label"].str.replace("-\n", "-").str.replace("\n", " ")
        assert whole.tolist() == nodes["label_en"].tolist()
    labels = STUDIES.relations.set_index("relation")[f"label_{lang}"]
    assert set(diagram.labels["label"].str.replace(r"\s", "", regex=True)) == {
        labels[relation].replace(" ", "") for relation in edges["relation"]
    }


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_drawn_texts_lie_within_their_boxes(name, lang):
    fig = DRAWINGS[name](lang)
    with figure_style.style():
        fig.draw_without_rendering()
        boxes = [
            p.get_window_extent() for p in fig.axes[0].patches if isinstance(p, FancyBboxPatch)
        ]
        texts = [t.get_window_extent() for t in fig.axes[0].texts]
    held = [
        sum(box.x0 <= t.x0 and t.x1 <= box.x1 and box.y0 <= t.y0 and t.y1 <= box.y1 for t in texts)
        for box in boxes
    ]
    assert held == [1] * len(boxes)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes and tells nothing more
)
@given(st.data(), st.sampled_from(LANGUAGES), st.sampled_from([4, 40]))
def test_other_labels_give_no_fault(data, lang, longest):
    """Labels shorter and longer than those of the tables, in every framework and network."""
    label = st.lists(st.sampled_from(WORDS[lang]), min_size=1, max_size=9).map(
        lambda parts: (" " if lang == "en" else "").join(parts)[:longest].strip()
    )

    def relabelled(frame):
        drawn = data.draw(st.lists(label, min_size=len(frame), max_size=len(frame)))
        return frame.assign(**{f"label_{lang}": drawn})

    studies = replace(
        STUDIES,
        codes=relabelled(STUDIES.codes),
        diagrams=relabelled(STUDIES.diagrams),
        relations=STUDIES.relations.assign(**{f"label_{lang}": data.draw(label)}),
    )
    for figure in FRAMEWORKS:
        assert geometry_faults(framework_figures.framework_diagram(studies, figure, lang)) == []
    for case, phase in framework_figures.networks(studies):
        diagram = framework_figures.governance_network(studies, case, phase, lang)
        assert geometry_faults(diagram) == []


def test_networks_show_all_actors_and_ties_without_direction_have_no_head():
    after = framework_figures.governance_network(STUDIES, "B", "after", "en")
    actors = STUDIES.codes.query("case == 'B' and kind == 'actor'")["id"]
    assert set(actors) <= set(after.nodes["node"])
    mutual = after.edges[after.edges["relation"] == "cooperates"]
    assert len(mutual) == 1 and not mutual["directed"].any()
    assert not set(mutual["net"]) & set(after.heads["net"])
    assert set(after.edges.loc[after.edges["directed"], "net"]) == set(after.heads["net"])
    before = framework_figures.governance_network(STUDIES, "B", "before", "en")
    assert ["B.act.towngov", "B.obj.projects"] in before.edges[["source", "target"]].values.tolist()
    assert "manages" in before.edges["relation"].tolist()
    assert "manages" not in after.edges["relation"].tolist()


def test_a_network_per_town_and_phase_is_drawn_in_the_order_of_the_studies():
    assert framework_figures.networks(STUDIES) == [
        ("B", "before"), ("B", "after"), ("S", ""), ("W", ""),
    ]  # fmt: skip
    added = pd.concat(
        [
            STUDIES.ties.iloc[::-1],
            STUDIES.ties.query("case == 'W'").assign(phase="after"),
            STUDIES.ties.query("case == 'W'").assign(phase="before"),
        ]
    )
    more = replace(STUDIES, ties=added.query("case != 'S'"))
    joined = "\n".join(words(framework_figures.governance_figure(more, "en")))
    for title in ("a  B Town, before", "b  B Town, after", "c  W Town, before", "d  W Town, after",
                  "e  W Town"):  # fmt: skip
        assert f"\n{title}\n" in f"\n{joined}\n"
    assert "S Town" not in joined


def test_the_legend_names_what_the_lines_rest_on_and_no_more():
    legends = {
        name: [t.get_text() for t in DRAWINGS[name]("en").legends[0].get_texts()]
        for name in ("fig4", "governance")
    }
    assert legends["fig4"] == ["stated by the study", "reading of the analyst"]
    assert legends["governance"][2:] == ["observed", "expected", "proposed"]


def test_a_reading_of_the_analyst_is_dashed_and_a_statement_is_not():
    diagram = framework_figures.framework_diagram(STUDIES, "fig4", "en")
    lines = diagram.lines.set_index("net")["basis"].groupby(level=0).unique()
    for edge in diagram.edges.to_dict("records"):
        assert lines[edge["net"]].tolist() == [edge["basis"]]
    ax = DRAWINGS["fig4"]("en").axes[0]
    dashed = [line for line in ax.lines if line.get_linestyle() != "-"]
    assert len(dashed) == (diagram.lines["basis"] == "analyst").sum() > 0


def test_the_note_names_the_source_and_what_the_text_leaves_open():
    fig = framework_figures.framework_figure(STUDIES, "fig5", "en")
    note = " ".join(fig.get_supxlabel().split())
    assert note.startswith("After Zhai et al. (2021), their figure 5")
    assert str(STUDIES.diagram_titles.set_index("figure").at["fig5", "note_en"]) in note


def test_unknown_choices_and_faulty_diagrams_are_refused():
    with pytest.raises(ValueError, match="figure must be one of"):
        framework_figures.framework_diagram(STUDIES, "fig9", "en")
    with pytest.raises(ValueError, match="lang must be one of"):
        framework_figures.framework_diagram(STUDIES, "fig1", "fr")
    with pytest.raises(ValueError, match="case and phase must be one of"):
        framework_figures.governance_network(STUDIES, "P", "", "en")
    lacking = replace(STUDIES, relations=STUDIES.relations.query("relation != 'deepens'"))
    with pytest.raises(ValueError, match=r"deepens; add it"):
        framework_figures.framework_diagram(lacking, "fig2", "en")
    diagram = framework_figures.framework_diagram(STUDIES, "fig1", "en")
    with pytest.raises(ValueError, match="leaves the page"):
        draw([Panel("a", replace(diagram, height_mm=20.0))], "en", note="none")
    with pytest.raises(ValueError, match="no panel"):
        draw([], "en", note="none")
    with pytest.raises(ValueError, match="lang must be one of"):
        draw([Panel("a", diagram)], "fr", note="none")
