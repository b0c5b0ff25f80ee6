"""Figure of the joint display: themes, studies, interviews, county numbers and judgements in rows.

The figure shows evidence side by side and draws no conclusion: a row that nobody judged says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.cases.sheets import (
    BAND_MM,
    LINE_MM,
    SHEET_MM,
    band,
    blank_sheet,
    cell_height,
    fitted,
    heads,
    put,
    rule,
)
from analysis.exhibits import printed
from analysis.figure_style import GREY, INK, PALETTE, SMALL_SIZE, style
from analysis.geography import require_columns
from analysis.labels import in_language, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS: dict[str, dict[str, str]] = {
    "problem": {"en": "Problems", "zh": "问题"},
    "cause": {"en": "Causes", "zh": "原因"},
    "countermeasure": {"en": "Countermeasures", "zh": "对策"},
    "actor": {"en": "Actors", "zh": "主体"},
    "head_theme": {"en": "Theme", "zh": "主题"},
    "head_cases": {"en": "Named\nby", "zh": "提及的\n研究"},
    "head_share": {"en": "Interviews with\nthe theme (%)", "zh": "出现该主题的\n访谈（%）"},
    "head_share_simulated": {
        "en": "Simulated interviews\nwith the theme (%)",
        "zh": "出现该主题的\n模拟访谈（%）",
    },
    "head_number": {"en": "County number, 95% interval", "zh": "县级数值，95% 置信区间"},
    "head_expected": {"en": "If\nso*", "zh": "预期\n符号*"},
    "head_judgement": {"en": "Judgement", "zh": "判断"},
    "no_interviews": {"en": "no interviews", "zh": "本配置无访谈"},
    "none_declared": {"en": "no county number", "zh": "无县级数值"},
    "not_in_profile": {"en": "not in this profile", "zh": "本配置无此数值"},
    "simulated": {"en": "simulated", "zh": "模拟"},
    "not_judged": {"en": "not judged", "zh": "尚未判断"},
    "confirm": {"en": "confirms", "zh": "印证"},
    "expand": {"en": "expands", "zh": "扩展"},
    "discord": {"en": "contradicts", "zh": "相左"},
    "silence": {"en": "silent", "zh": "沉默"},
    "draft": {"en": "(draft)", "zh": "（草稿）"},
    "final": {"en": "", "zh": ""},
    "outdated": {"en": "(outdated)", "zh": "（已过时）"},
    "number": {"en": "{value} [{low}, {high}] {unit}", "zh": "{value} [{low}, {high}] {unit}"},
    "point": {"en": "{value} {unit}", "zh": "{value} {unit}"},
    "note": {
        "en": "Interviews: share and 95% Wilson interval; numbers: interviews with the theme / "
        "interviews held; participants were chosen, the share estimates no population. County "
        "numbers describe counties of the country, none of them the four towns; gap: poverty "
        "counties less other counties of the same province that started alike. * Sign that "
        "the number would have if what the theme says held there (?: none follows), declared "
        "when the numbers were known. Judgements are written by persons, never computed; a theme "
        "without a county number is silence, not support.",
        "zh": "访谈：比例及 95% Wilson 区间，数字为出现该主题的访谈数／访谈总数；受访者有意选取，"
        "比例不推断总体。县级数值反映全国各县，并非四镇所在地；差距指贫困县与同省起点"
        "相近的其他县之差。* 若该主题所述在贫困县成立，数值应有的符号（?：无从推断）；"
        "声明时数值已知。判断由人撰写，从不自动计算；没有县级数值的主题是沉默，不是支持。",
    },
}
THEME, CASES, SHARE, NUMBER, EXPECTED, JUDGEMENT = 0.8, 46.0, 58.0, 94.0, 152.5, 159.0
AXIS_MM, COUNT = 24.0, 84.0  # length of the scale of shares; where counts stand


def joint_display_plot(
    display: pd.DataFrame, lang: str, *, case_names: Mapping[str, str] | None = None
) -> Figure:
    """Draw the joint display.

    Parameters
    ----------
    display : DataFrame
        From `joint_display.joint_display`, in its order.
    lang : str
        ``"en"`` or ``"zh"``.
    case_names : mapping, optional
        Short names of towns in the language; their ids otherwise.

    Returns
    -------
    Figure
        180 mm wide, as high as the texts need.

    Raises
    ------
    ValueError
        If the language is unknown, a column is missing or the display has no row.
    """
    text = in_language(TEXTS, lang)
    columns = ["theme", "kind", f"label_{lang}", "cases", "interviews", "of_interviews", "share",
               "share_low", "share_high", "prevalence_status", "prevalence_simulated",
               f"indicator_{lang}", "expected", "estimate", "ci_low", "ci_high", "unit",
               "indicator_simulated", "indicator_status", "judgement",
               "judgement_status"]  # fmt: skip
    require_columns(display, columns, "joint display")
    if display.empty:
        raise ValueError("joint display: no row to draw")
    groups = [(str(rows["kind"].iloc[0]), _cells(rows, lang, text, case_names or {}), rows)
              for _, rows in display.groupby("theme", sort=False)]  # fmt: skip
    top = 3 * LINE_MM + 3
    bands = BAND_MM * len({kind for kind, _, _ in groups})
    with style():
        tall = top + bands + sum(_group_height(cells) for _, cells, _ in groups) + 1
        fig, ax = blank_sheet(tall, text["note"])
        share = "share_simulated" if display["prevalence_simulated"].any() else "share"
        names = ("theme", "cases", share, "number", "expected", "judgement")
        places = (THEME, CASES, SHARE, NUMBER, EXPECTED, JUDGEMENT)
        heads(ax, top - 3.6, places, [text[f"head_{name}"] for name in names])
        _scale(ax, top)
        y, last = top, ""
        for kind, cells, rows in groups:
            if kind != last:
                band(ax, y, text[kind])
                y, last = y + BAND_MM, kind
            _group(ax, y, cells, rows.to_dict("records")[0], text)
            y += _group_height(cells)
            rule(ax, y)
    return fig


def _cells(
    rows: pd.DataFrame, lang: str, text: Mapping[str, str], case_names: Mapping[str, str]
) -> dict[str, Any]:
    """Return the wrapped texts of a theme: its own and those of its numbers."""
    first = rows.iloc[0]
    towns = " ".join(case_names.get(case, case) for case in first["cases"].split(";"))
    return {
        "theme": fitted(first[f"label_{lang}"], CASES - THEME - 1),
        "cases": fitted(towns, SHARE - CASES - 2),
        "numbers": [_number(row, lang, text) for row in rows.to_dict("records")],
    }


def _number(row: Mapping[Any, Any], lang: str, text: Mapping[str, str]) -> dict[str, str]:
    """Return what, how much, the expected sign and the judgement of one county number."""
    status, width = row["indicator_status"], EXPECTED - NUMBER - 2
    if status == "none_declared":
        what, value = "", text["none_declared"]
    else:
        what, value = fitted(row[f"indicator_{lang}"], width), text["not_in_profile"]
    if status == "available":
        value = fitted(amount(row, lang), width)
    judged = " ".join(filter(None, (text[row["judgement"]], text.get(row["judgement_status"], ""))))
    sign = row["expected"].replace("-", "−")
    judgement = fitted(judged, SHEET_MM - JUDGEMENT - 1)
    return {"what": what, "amount": value, "expected": sign, "judgement": judgement,
            "status": status, "fit": row["judgement"]}  # fmt: skip


def amount(row: Mapping[Any, Any], lang: str) -> str:
    """Return the estimate of a row with its interval and unit, and whether it is simulated.

    Three digits after the point below 0.1, two otherwise: what a judgement copies as seen.

    Parameters
    ----------
    row : mapping
        Of `joint_display.joint_display`, with a number.
    lang : str
        ``"en"`` or ``"zh"``.
    """
    text = {key: TEXTS[key][lang] for key in ("number", "point", "simulated")}
    digits = 3 if abs(row["estimate"]) < 0.1 else 2
    values = {"value": printed(row["estimate"], digits), "unit": unit_label(row["unit"], lang)}
    if pd.isna(row["ci_low"]):
        told = text["point"].format(**values)
    else:
        low, high = printed(row["ci_low"], digits), printed(row["ci_high"], digits)
        told = text["number"].format(low=low, high=high, **values)
    comma = ", " if lang == "en" else "，"
    return told + (comma + text["simulated"] if row["indicator_simulated"] else "")


def _number_height(number: Mapping[str, str]) -> float:
    content = "\n".join(filter(None, (number["what"], number["amount"])))
    return max(cell_height(content), cell_height(number["judgement"])) + 0.4


def _group_height(cells: Mapping[str, Any]) -> float:
    numbers = sum(_number_height(number) for number in cells["numbers"])
    return max(numbers, cell_height(cells["theme"]), cell_height(cells["cases"])) + 0.4


def _group(
    ax: Axes, y: float, cells: Mapping[str, Any], row: Mapping[Any, Any], text: Mapping[str, str]
) -> None:
    """Draw a theme: its texts, its share, and below each other its numbers."""
    put(ax, THEME, y + 0.2, cells["theme"])
    put(ax, CASES, y + 0.2, cells["cases"])
    _share(ax, y + 0.2, row, text)
    for place, number in enumerate(cells["numbers"]):
        if place:
            rule(ax, y, x=NUMBER)
        grey = {True: GREY, False: INK}
        content = "\n".join(filter(None, (number["what"], number["amount"])))
        put(ax, NUMBER, y + 0.2, content, colour=grey[number["status"] != "available"])
        put(ax, EXPECTED + 2, y + 0.2, number["expected"], align="center")
        colour = grey[number["fit"] == "not_judged"]
        put(ax, JUDGEMENT, y + 0.2, number["judgement"], colour=colour)
        y += _number_height(number)


def _share(ax: Axes, y: float, row: Mapping[Any, Any], text: Mapping[str, str]) -> None:
    if row["prevalence_status"] != "counted":
        put(ax, SHARE, y, fitted(text[row["prevalence_status"]], NUMBER - SHARE - 2), colour=GREY)
        return
    low, share, high = (
        SHARE + AXIS_MM * row[c] / 100 for c in ("share_low", "share", "share_high")
    )
    middle = y + 0.5 * cell_height("0")
    ax.plot([low, high], [middle, middle], color=PALETTE["blue"], linewidth=1.2)
    ax.plot(share, middle, "o", color=PALETTE["blue"])
    put(ax, COUNT, y, f"{row['interviews']:.0f}/{row['of_interviews']:.0f}")


def _scale(ax: Axes, y: float) -> None:
    """Draw the ends and the middle of the scale of shares above the first row."""
    for value in (0, 50, 100):
        x = SHARE + AXIS_MM * value / 100
        ax.plot([x, x], [y - 0.9, y - 0.1], color=INK, linewidth=0.5)
        ax.text(x, y - 1.0, str(value), fontsize=SMALL_SIZE - 1, ha="center", va="bottom")
