"""Figure of the lesson on village data: coefficients with four kinds of errors.

Numbers come from `lesson` only; the texts stand in `risk_labels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    INK,
    PALETTE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.households.lesson import ERRORS, Lesson
from analysis.households.risk_figures import LOOKS
from analysis.households.risk_labels import risk_name, risk_texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OWN, NEIGHBOURS = ("session", "first_stage", "reduced_form"), ("association", "instrument")
STEP = 0.17
"""Distance between the kinds of errors of one model, in rows."""


def lesson_plot(lesson: Lesson, lang: str) -> Figure:
    """Draw the coefficients of the lesson with four kinds of errors.

    Parameters
    ----------
    lesson : Lesson
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 x 92 mm; left: effects of what was assigned; right: effect of take-up before, with the
        Anderson-Rubin interval.
    """
    from matplotlib.figure import Figure

    text = risk_texts("lesson_plot", lang)
    tests = lesson.tests.set_index(["test", "error_type"])
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 92), layout="constrained")
        left, right = fig.subplots(1, 2)
        _coefficients(left, lesson.estimates, OWN, lang)
        _coefficients(right, lesson.estimates, NEIGHBOURS, lang)
        weak = ("anderson_rubin", "natural_village")
        low, high = float(tests["low"][weak]), float(tests["high"][weak])
        place = len(NEIGHBOURS) - 1 + 2.5 * STEP
        if np.isfinite([low, high]).all():
            right.hlines(
                place, low, high, color=INK, linestyle="--", label=risk_name("anderson_rubin", lang)
            )
        left.set_title(text["own"])
        right.set_title(text["neighbours"])
        for ax in (left, right):
            ax.axvline(0, color=GREY, linewidth=0.6, zorder=0)
            ax.set_xlabel(text["x"])
            ax.grid(axis="x")
            ax.set_axisbelow(True)
        fig.legend(*right.get_legend_handles_labels(), loc="outside upper left", ncols=3)
        strength = {kind: float(tests["value"][("first_stage_F", kind)]) for kind in ERRORS}
        add_note(fig, text["note"].format(
            n=lesson.counts["used"], natural=lesson.counts["natural_villages"],
            villages=lesson.counts["villages"], iid=strength["iid"],
            cluster=strength["natural_village"],
        ))  # fmt: skip
    return fig


def _coefficients(ax: Axes, estimates: pd.DataFrame, models: tuple[str, ...], lang: str) -> None:
    row_text = risk_texts("lesson_plot", lang)["row"]
    names = []
    for place, model in enumerate(models):
        rows = estimates[estimates["model"] == model].set_index("error_type")
        for k, (kind, (colour, mark)) in enumerate(zip(ERRORS, LOOKS, strict=True)):
            row, at = rows.loc[kind], place + STEP * (k - 1.5)
            label = risk_name(kind, lang) if place == 0 else None
            ax.hlines(at, row["ci_low"], row["ci_high"], color=PALETTE[colour])
            ax.plot(row["estimate"], at, mark, color=PALETTE[colour], label=label)
        term = risk_name(str(rows["term"].iloc[0]), lang)
        head = row_text.format(model=risk_name(model, lang))
        names.append(f"{head}\n{wrap_text(term, 30)}")
    ax.set_yticks(range(len(models)), names)
    ax.set_ylim(len(models) - 0.35, -0.5)
