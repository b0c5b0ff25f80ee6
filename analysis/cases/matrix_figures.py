"""Figure of the four towns: themes by town, each code with the revitalization it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analysis.cases.matrix import KINDS
from analysis.cases.sheets import (
    BAND_MM,
    LINE_MM,
    PAD_MM,
    SHEET_MM,
    band,
    blank_sheet,
    cell_height,
    fitted,
    heads,
    put,
    rule,
)
from analysis.cases.study_tables import DIMENSIONS
from analysis.figure_style import GREY, INK, PALETTE, SMALL_SIZE, style
from analysis.geography import require_columns
from analysis.labels import in_language

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS: dict[str, dict[str, str]] = {
    "problem": {"en": "Problems", "zh": "问题"},
    "cause": {"en": "Causes", "zh": "原因"},
    "countermeasure": {"en": "Countermeasures", "zh": "对策"},
    "actor": {"en": "Actors", "zh": "主体"},
    "theme": {"en": "Theme", "zh": "主题"},
    "no_theme": {"en": "(no theme)", "zh": "（未归入主题）"},
    "industry": {"en": "industry", "zh": "产业"},
    "talent": {"en": "talent", "zh": "人才"},
    "culture": {"en": "culture", "zh": "文化"},
    "ecology": {"en": "ecology", "zh": "生态"},
    "organization": {"en": "organization", "zh": "组织"},
    "none": {"en": "none of the five", "zh": "不属于五者"},
    "industry_mark": {"en": "I", "zh": "产"},
    "talent_mark": {"en": "T", "zh": "才"},
    "culture_mark": {"en": "C", "zh": "文"},
    "ecology_mark": {"en": "E", "zh": "态"},
    "organization_mark": {"en": "O", "zh": "组"},
    "none_mark": {"en": "–", "zh": "–"},
    "labels_note": {
        "en": "What the abstracts of the four town studies name; themes that gather codes of "
        "several towns, and nearly all revitalizations of codes, are our reading. An empty cell: "
        "the study is silent, which does not say that the town lacks the matter. Chinese and "
        "English labels paraphrase.",
        "zh": "内容取自四篇乡镇研究的摘要；归并各镇编码的主题以及绝大多数振兴维度为我们的解读。"
        "空格表示该研究未提及，并不说明该镇不存在此事。中英文标签均为转述。",
    },
    "marks_note": {
        "en": "One mark per code that the abstract of a town study names; themes and nearly all "
        "revitalizations are our reading. An empty cell: the study is silent, which does not say "
        "that the town lacks the matter.",
        "zh": "每个标记为研究摘要提及的一个编码；主题与绝大多数振兴维度为我们的解读。"
        "空格表示该研究未提及，并不说明该镇不存在此事。",
    },
}
COLOURS = {
    "industry": PALETTE["blue"], "talent": PALETTE["orange"], "culture": PALETTE["purple"],
    "ecology": PALETTE["green"], "organization": PALETTE["vermillion"], "none": "#FFFFFF",
}  # fmt: skip
MARK_MM, MARK_HIGH_MM, THEME_MM = 3.4, 3.0, 39.0


@dataclass(frozen=True)
class _Page:
    """Texts, towns and widths that all cells share."""

    text: dict[str, str]
    towns: list[str]
    theme_mm: float
    labels: bool
    lang: str

    @property
    def town_mm(self) -> float:
        return (SHEET_MM - self.theme_mm) / len(self.towns)


def matrix_plot(
    matrix: pd.DataFrame,
    lang: str,
    *,
    case_names: Mapping[str, str] | None = None,
    kinds: Sequence[str] = KINDS,
    labels: bool = True,
) -> Figure:
    """Draw themes by town; in each cell the codes, marked by their revitalizations.

    Parameters
    ----------
    matrix : DataFrame
        From `matrix.matrix_codes`.
    lang : str
        ``"en"`` or ``"zh"``.
    case_names : mapping, optional
        Names of towns in the language; their ids otherwise.
    kinds : sequence of str
        Kinds to show; all four with labels are more than a page.
    labels : bool
        Whether to write the codes out beside their marks.

    Returns
    -------
    Figure
        180 mm wide, as high as the texts need.

    Raises
    ------
    ValueError
        If the language is unknown, a column is missing or nothing is of these kinds.
    """
    text = in_language(TEXTS, lang)
    columns = ["theme", "kind", f"theme_label_{lang}", "case", f"label_{lang}", "dimension"]
    require_columns(matrix, columns, "matrix")
    shown = matrix[matrix["kind"].isin(kinds)]
    if shown.empty:
        raise ValueError(f"matrix: no code of the kinds {', '.join(kinds)}")
    towns = list(dict.fromkeys(matrix["case"]))
    page = _Page(text, towns, THEME_MM if labels else 2 * THEME_MM, labels, lang)
    top = 2 * LINE_MM + 8
    rows = [(kind, theme, part) for kind in kinds for theme, part in
            shown[shown["kind"] == kind].groupby("theme", sort=False)]  # fmt: skip
    tall = sum(_row_height(part, page) for _, _, part in rows)
    bands = BAND_MM * len({kind for kind, _, _ in rows})
    with style():
        fig, ax = blank_sheet(
            top + tall + bands + 1, text["labels_note" if labels else "marks_note"]
        )
        _legend(ax, page)
        names = [(case_names or {}).get(town, town) for town in towns]
        places = [page.theme_mm + k * page.town_mm + 1 for k in range(len(towns))]
        heads(ax, top - 0.8, [0.8, *places], [text["theme"], *names])
        y, last = top, ""
        for kind, _, part in rows:
            if kind != last:
                band(ax, y, text[kind])
                y, last = y + BAND_MM, kind
            _row(ax, y, part, page)
            y += _row_height(part, page)
            rule(ax, y)
    return fig


def _theme_label(part: pd.DataFrame, page: _Page) -> str:
    label = part[f"theme_label_{page.lang}"].iloc[0] or page.text["no_theme"]
    return fitted(label, page.theme_mm - 2)


def _blocks(codes: pd.DataFrame, page: _Page) -> list[tuple[list[str], str]]:
    """Return the marks and the wrapped label of each code of a cell."""
    marked = [(dimension or "none").split("|") for dimension in codes["dimension"]]
    room = [page.town_mm - 2 - (MARK_MM + 0.4) * len(marks) for marks in marked]
    labels = codes[f"label_{page.lang}"]
    return [
        (marks, fitted(label, width - 0.6) if page.labels else "")
        for marks, label, width in zip(marked, labels, room, strict=True)
    ]


def _cell_height(codes: pd.DataFrame, page: _Page) -> float:
    if not page.labels:
        return MARK_HIGH_MM + 2 * PAD_MM
    return sum(cell_height(label) for _, label in _blocks(codes, page))


def _row_height(part: pd.DataFrame, page: _Page) -> float:
    cells = [_cell_height(codes, page) for _, codes in part.groupby("case")]
    return max([*cells, cell_height(_theme_label(part, page))]) + 0.6


def _row(ax: Axes, y: float, part: pd.DataFrame, page: _Page) -> None:
    put(ax, 0.8, y + 0.3, _theme_label(part, page))
    for place, town in enumerate(page.towns):
        x, level = page.theme_mm + place * page.town_mm + 1, y + 0.3
        for marks, label in _blocks(part[part["case"] == town], page):
            for mark in marks:
                _mark(ax, x, level + PAD_MM / 2, mark, page.text)
                x += MARK_MM + 0.4
            if page.labels:
                put(ax, x + 0.4, level, label)
                x = page.theme_mm + place * page.town_mm + 1
                level += cell_height(label)


def _mark(ax: Axes, x: float, y: float, dimension: str, text: Mapping[str, str]) -> None:
    """Draw the coloured letter of a revitalization with its upper left corner at a point."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    box = Rectangle((x, y), MARK_MM, MARK_HIGH_MM, facecolor=to_rgba(COLOURS[dimension], 0.45))
    box.set(edgecolor=GREY if dimension == "none" else COLOURS[dimension], linewidth=0.4)
    ax.add_patch(box)
    ax.text(
        x + MARK_MM / 2, y + MARK_HIGH_MM / 2, text[f"{dimension}_mark"], ha="center", va="center",
        fontsize=SMALL_SIZE - 1, color=INK,
    )  # fmt: skip


def _legend(ax: Axes, page: _Page) -> None:
    """Draw what the letters stand for, in a row above the heads."""
    names = [*DIMENSIONS, "none"]
    for place, dimension in enumerate(names):
        x = 0.8 + place * SHEET_MM / len(names)
        _mark(ax, x, 1.2, dimension, page.text)
        ax.text(x + MARK_MM + 1, 1.2 + MARK_HIGH_MM / 2, page.text[dimension], va="center",
                fontsize=SMALL_SIZE)  # fmt: skip
