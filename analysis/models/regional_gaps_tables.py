"""Publication table of convergence, in English and Chinese."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from analysis.schemas import label
from analysis.tables import Table

MODELS = {
    "absolute": ("Absolute", "绝对收敛"),
    "conditional": ("Conditional", "条件收敛"),
    "within": ("County effects", "县固定效应"),
}


def convergence_table(rows: pd.DataFrame, found: pd.DataFrame, lang: str) -> Table:
    """Build the table of convergence.

    Parameters
    ----------
    rows : DataFrame
        From `convergence`.
    found : DataFrame
        From `gap_tests.gap_tests`; the change of the variance is told in the notes.
    lang : str
        `en` or `zh`.
    """
    zh = lang == "zh"
    shown = {
        ("变量" if zh else "Variable"): [label(v, lang) for v in rows["variable"]],
        ("模型" if zh else "Model"): [MODELS[m][zh] for m in rows["model"]],
        ("b（每年）" if zh else "b per year"): rows["estimate"],
        ("标准误" if zh else "SE"): rows["se"],
        ("速度（%/年）" if zh else "Speed, % a year"): 100 * rows["speed"],
        ("95% 下限" if zh else "95% low"): 100 * rows["speed_low"],
        ("95% 上限" if zh else "95% high"): 100 * rows["speed_high"],
        ("半衰期（年）" if zh else "Half life, years"): rows["half_life"].replace(np.inf, np.nan),
        ("校正的 b" if zh else "b, corrected"): rows["estimate_corrected"],
        ("间隔数" if zh else "Intervals"): rows["intervals"],
        ("聚类数" if zh else "Clusters"): rows["clusters"],
        ("样本量" if zh else "N"): rows["n"],
    }
    notes = _convergence_notes(rows, found, lang)
    caption = "衔接指数的收敛" if zh else "Convergence of the linkage index"
    return Table(pd.DataFrame(shown), caption, notes, decimals=_decimals(list(shown)))


def _decimals(columns: list[str]) -> dict[str, int]:
    """Return two digits for the rates and years, four for slopes per year."""
    return {name: 2 if 4 <= place <= 7 else 4 for place, name in enumerate(columns)}


def _convergence_notes(rows: pd.DataFrame, found: pd.DataFrame, lang: str) -> str:
    zh = lang == "zh"
    span, held = int(rows["span"].iloc[0]), rows.loc[rows["model"] == "conditional", "controls"]
    names = [label(c, lang) for c in str(held.iloc[0]).split(", ") if c]
    tests = {str(row["test"]): row for row in found.to_dict("records")}
    spreads = [_spread(v, tests[f"same variance of {v}"], lang) for v in rows["variable"].unique()]
    if zh:
        return (
            f"对数值年均增长对期初对数水平的回归，每段 {span} 年，标准误按省聚类。条件收敛控制："
            f"{'、'.join([*names, '省固定效应'])}。校正：Nickell（1981）。速度为空：一段之内差距"
            "已反转。期初水平的测量误差、指数的上限以及均值的上升都会高估速度。首末年标准差"
            f"（方差相等的检验）：{'；'.join(spreads)}。"
        )
    return (
        f"Growth of the logarithm per year on its initial level over intervals of {span} years; "
        f"errors clustered by province. Conditional: {', '.join([*names, 'province effects'])}. "
        "Corrected: Nickell (1981). No speed: a gap is more than closed within one interval. Error "
        "in the initial level, the upper bound of the index and the rise of its mean all raise the "
        f"speed. Standard deviation, first and last year (test of equal variances): "
        f"{'; '.join(spreads)}."
    )


def _spread(variable: str, test: dict[Hashable, Any], lang: str) -> str:
    p_value = float(test["p_value"])
    shown = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    deviations = str(test["note"]).removeprefix("standard deviation ")
    return f"{label(variable, lang)} {deviations} ({shown})"
