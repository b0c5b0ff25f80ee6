"""The five frameworks of Zhai et al. (2021) and the networks of governance as diagrams.

Boxes, arrows and labels come from the tables of the source studies; their places are computed.
Source of the frameworks: Zhai, Yang, Zhang & Guo (2021), doi:10.33788/rcis.73.12.
"""

from __future__ import annotations

from itertools import product
from string import ascii_lowercase
from typing import TYPE_CHECKING

import pandas as pd

from analysis.diagrams.drawing import Panel, draw
from analysis.diagrams.layout import Diagram, lay_out
from analysis.figure_style import DOUBLE_COLUMN_MM
from analysis.labels import LANGUAGES, Texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.cases.studies import Studies

PHASES = ("before", "after", "")
TEXTS: Texts = {
    "framework": {
        "en": "After Zhai et al. (2021), their figure {number}, drawn anew from what the text "
        "says. {note}",
        "zh": "据 Zhai 等（2021）图 {number}，依其正文重新绘制。{note}",
    },
    "before": {"en": "{case}, before", "zh": "{case}（此前）"},
    "after": {"en": "{case}, after", "zh": "{case}（此后）"},
    "": {"en": "{case}", "zh": "{case}"},
    "governance": {
        "en": "Who deals with whom according to each study; lines without arrowhead go both ways. "
        "A town is known by one abstract: a missing line means that the abstract is silent. Boxes "
        "without line are actors that it names without saying with whom they work in that phase.",
        "zh": "各研究所述的主体关系；无箭头的线表示双向关系。每个镇仅依据一篇摘要："
        "没有连线表示摘要未提及；没有连线的方框表示摘要提到该主体，但未说明其在该阶段与谁合作。",
    },
}


def framework_diagram(studies: Studies, figure: str, lang: str) -> Diagram:
    """Lay out one of the five frameworks; its groups are the layers.

    Parameters
    ----------
    studies : Studies
        The tables diagrams, diagram_edges and relations.
    figure : str
        ``"fig1"`` to ``"fig5"``.
    lang : str
        ``"en"`` or ``"zh"``.

    Raises
    ------
    ValueError
        When the figure or the language is unknown, or the diagram cannot be laid out.
    """
    _check_choice("figure", figure, tuple(dict.fromkeys(studies.diagrams["figure"])))
    _check_choice("lang", lang, LANGUAGES)
    nodes = studies.diagrams[studies.diagrams["figure"] == figure]
    edges = studies.diagram_edges[studies.diagram_edges["figure"] == figure]
    boxes = nodes.assign(label=nodes[f"label_{lang}"])[["node", "label", "group"]]
    return lay_out(boxes, _with_relations(edges, studies, lang))


def framework_figure(studies: Studies, figure: str, lang: str) -> Figure:
    """Draw one of the five frameworks with its title and what the text leaves open.

    Parameters
    ----------
    studies, figure, lang
        As `framework_diagram`; also the table diagram_titles.
    """
    diagram = framework_diagram(studies, figure, lang)
    titles = studies.diagram_titles.set_index("figure")
    title, left_open = (str(titles.at[figure, f"{name}_{lang}"]) for name in ("title", "note"))
    note = TEXTS["framework"][lang].format(number=figure.removeprefix("fig"), note=left_open)
    return draw([Panel(title, diagram)], lang, note=note)


def governance_network(
    studies: Studies, case: str, phase: str, lang: str, *, width_mm: float = DOUBLE_COLUMN_MM
) -> Diagram:
    """Lay out who deals with whom in one case, all of its actors shown.

    Parameters
    ----------
    studies : Studies
        The tables codes, ties and relations.
    case : str
        Town.
    phase : str
        ``"before"``, ``"after"`` or empty where a study knows but one.
    lang : str
        ``"en"`` or ``"zh"``.
    width_mm : float
        Of the diagram; layers are rows where it is less than that of the page.

    Raises
    ------
    ValueError
        When the case has no tie in that phase, the language is unknown, or the diagram cannot be
        laid out.
    """
    _check_choice("lang", lang, LANGUAGES)
    known = list(studies.ties[["case", "phase"]].itertuples(index=False, name=None))
    _check_choice("case and phase", (case, phase), tuple(dict.fromkeys(known)))
    ties = studies.ties[(studies.ties["case"] == case) & (studies.ties["phase"] == phase)]
    codes, tied = studies.codes, {*ties["source"], *ties["target"]}
    actors = (codes["case"] == case) & (codes["kind"] == "actor")
    shown = codes[actors | codes["id"].isin(tied)]
    boxes = pd.DataFrame({"node": shown["id"], "label": shown[f"label_{lang}"]})
    down = True if width_mm < DOUBLE_COLUMN_MM else None
    return lay_out(boxes, _with_relations(ties, studies, lang), width_mm=width_mm, down=down)


def networks(studies: Studies) -> list[tuple[str, str]]:
    """Return case and phase of each network: cases in their order, before ahead of after."""
    known = set(studies.ties[["case", "phase"]].itertuples(index=False, name=None))
    return [pair for pair in product(studies.cases["case"], PHASES) if pair in known]


def governance_figure(studies: Studies, lang: str) -> Figure:
    """Draw the network of each town and phase that has ties as a panel of its own.

    Parameters
    ----------
    studies, lang
        As `governance_network`; also the table cases.
    """
    names = studies.cases.set_index("case")[f"name_{lang}"]
    panels, found = [], networks(studies)
    for letter, (case, phase) in zip(ascii_lowercase[: len(found)], found, strict=True):
        title = TEXTS[phase][lang].format(case=names[case])
        panels.append(Panel(f"{letter}  {title}", _narrowest(studies, case, phase, lang)))
    return draw(panels, lang, note=TEXTS["governance"][lang])


def _narrowest(studies: Studies, case: str, phase: str, lang: str) -> Diagram:
    """Lay out a network on half of the page, on all of it where its labels need that."""
    try:
        return governance_network(studies, case, phase, lang, width_mm=DOUBLE_COLUMN_MM / 2)
    except ValueError:
        return governance_network(studies, case, phase, lang)


def _with_relations(edges: pd.DataFrame, studies: Studies, lang: str) -> pd.DataFrame:
    """Give edges the label of their relation and whether it has a direction."""
    relations = studies.relations.set_index("relation")
    if unknown := sorted(set(edges["relation"]) - set(relations.index)):
        raise ValueError(f"relations without a row in relations.csv: {', '.join(unknown)}; add it")
    return edges.assign(
        label=edges["relation"].map(relations[f"label_{lang}"]),
        directed=edges["relation"].map(relations["directed"]) == "yes",
    )


def _check_choice(name: str, given: object, allowed: tuple[object, ...]) -> None:
    if given not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {given!r}")
