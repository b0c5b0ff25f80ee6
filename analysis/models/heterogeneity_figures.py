"""Figure of the gap between designated and other counties by kind of county.

Numbers come from the tables of `analysis.models.heterogeneity` only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    PALETTE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.labels import in_language
from analysis.models.specification_labels import outcome_label, outcome_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS: dict[str, dict[str, str]] = {
    "gap": {"en": "Gap ({unit})", "zh": "差异（{unit}）"},
    "true": {"en": "yes", "zh": "是"},
    "false": {"en": "no", "zh": "否"},
    "east": {"en": "east", "zh": "东部"},
    "central": {"en": "central", "zh": "中部"},
    "west": {"en": "west", "zh": "西部"},
    "northeast": {"en": "northeast", "zh": "东北"},
    "p25": {"en": "low (25th percentile)", "zh": "低（第 25 百分位）"},
    "p75": {"en": "high (75th percentile)", "zh": "高（第 75 百分位）"},
    "gap_note": {
        "en": "Change, designated minus other counties, by kind of county; lines: 95% intervals, "
        "errors clustered by {cluster}. Filled: one effect for all kinds is rejected at 5% after "
        "Holm's correction for the moderators of the outcome. Percentiles among the designated. "
        "A point without a line: too few clusters for an error. Moderators were declared before "
        "estimation. No causal effect is claimed.",
        "zh": "按县域类型的变化之差（贫困县减其他县）；线为 95% 置信区间，标准误按{cluster}聚类。"
        "实心：经 Holm 法校正后，在 5% 水平拒绝各类效应相同。百分位按贫困县计算。"
        "无线段的点：聚类过少，不报告标准误。调节变量均在估计前声明，不能解释为因果效应。",
    },
    "province": {"en": "province", "zh": "省份"},
    "prefecture": {"en": "prefecture", "zh": "地市"},
}  # fmt: skip

_NAME_MM = 52
_PANELS_PER_ROW = 3
_EFFECT_COLUMNS = [
    "outcome", "moderator", "level", "estimate", "ci_low", "ci_high", "unit", "cluster",
]  # fmt: skip


def moderated_effects_plot(effects: pd.DataFrame, tests: pd.DataFrame, lang: str) -> Figure:
    """Draw the gap by level of each moderator, one panel per outcome.

    Parameters
    ----------
    effects : DataFrame
        `moderated_effects`.
    tests : DataFrame
        `moderation_tests`.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; each panel has its own scale, named on its axis.
    """
    from matplotlib.figure import Figure

    require_columns(effects, _EFFECT_COLUMNS, "effects")
    require_columns(tests, ["outcome", "moderator", "p_holm"], "tests")
    text = _texts(lang)
    outcomes = list(dict.fromkeys(effects["outcome"]))
    rows = _level_rows(effects, text, lang)
    columns = min(_PANELS_PER_ROW, len(outcomes))
    lines = math.ceil(len(outcomes) / columns)
    with style():
        height = (4.6 * len(rows) + 22) * lines + 22
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        axes = fig.subplots(lines, columns, sharey=True, squeeze=False)
        for ax in axes.flat[len(outcomes) :]:
            ax.set_axis_off()
        for ax, outcome in zip(axes.flat, outcomes, strict=False):
            part = effects[effects["outcome"] == outcome]
            _effect_panel(ax, part, tests[tests["outcome"] == outcome], rows)
            ax.set_title(wrap_text(outcome_label(outcome, lang), 40))
            unit = outcome_unit(str(part["unit"].iloc[0]), lang)
            ax.set_xlabel(wrap_text(text["gap"].format(unit=unit), 40))
        for ax in axes[:, 0]:
            ax.set_yticks(range(len(rows)), [name for name, _, _ in rows])
            ax.set_ylim(len(rows) - 0.4, -0.6)
        cluster = str(effects["cluster"].iloc[0])
        add_note(fig, text["gap_note"].format(cluster=text.get(cluster, cluster)))
    return fig


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _level_rows(
    effects: pd.DataFrame, text: dict[str, str], lang: str
) -> list[tuple[str, str, str]]:
    """Return name, moderator and level of each row; headings have no level."""
    rows = []
    for moderator, part in effects.groupby("moderator", sort=False):
        rows.append((wrap_text(outcome_label(str(moderator), lang), _NAME_MM), str(moderator), ""))
        rows += [(text.get(v, v), str(moderator), v) for v in dict.fromkeys(part["level"])]
    return rows


def _effect_panel(
    ax: Axes, part: pd.DataFrame, tests: pd.DataFrame, rows: list[tuple[str, str, str]]
) -> None:
    adjusted = tests.set_index("moderator")["p_holm"]
    ax.axvline(0, color=GREY, linewidth=0.6)
    colour = PALETTE["blue"]
    for row, (_, moderator, level) in enumerate(rows):
        own = part[(part["moderator"] == moderator) & (part["level"] == level)]
        differs = adjusted.get(moderator, np.nan) < 0.05
        ax.hlines([row] * len(own), own["ci_low"], own["ci_high"], color=colour, linewidth=1.2)
        fill = colour if differs else "white"
        ax.plot(own["estimate"], [row] * len(own), "o", color=colour, mfc=fill)
    ax.locator_params(axis="x", nbins=4)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
