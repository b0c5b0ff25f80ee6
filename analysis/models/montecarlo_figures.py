"""Figures of the Monte Carlo study: coverage of the intervals, errors of the estimates.

Numbers come from `montecarlo.summarise` only; the texts stand below in both languages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.exhibits import save_figure
from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    INK,
    PALE,
    PALETTE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.labels import in_language
from analysis.models.delisting import ESTIMATORS
from analysis.models.delisting_design import DESIGNS
from analysis.models.montecarlo import MonteCarlo, summarise
from analysis.models.montecarlo_replications import LADDER, SPACE
from analysis.models.montecarlo_theory import BAND, COVERS
from analysis.project import write_text
from analysis.storage import write_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TEXTS: dict[str, dict[str, str]] = {
    "scenario": {
        "en": "Catch-up {gamma:g}\nProvince shocks {sigma_p:g}",
        "zh": "追赶 {gamma:g}\n省级冲击 {sigma_p:g}",
    },
    "coverage": {"en": "Coverage of 95% intervals", "zh": "95% 置信区间的覆盖率"},
    "error": {"en": "Estimate less truth", "zh": "估计值减真值"},
    LADDER: {"en": "Long difference 2010–2020", "zh": "2010–2020 年长差分"},
    "raw": {"en": "Raw gap", "zh": "原始差异"},
    "baseline": {"en": "Given disadvantage", "zh": "控制劣势程度"},
    "province": {"en": "Within provinces", "zh": "省内比较"},
    "durbin": {"en": "Durbin, two-way effects", "zh": "空间杜宾，双向固定效应"},
    "lag": {"en": "Spatial lag, two-way effects", "zh": "空间滞后，双向固定效应"},
    "durbin_pooled": {"en": "Durbin, no county effects", "zh": "空间杜宾，无县效应"},
    "direct": {"en": "direct", "zh": "直接"},
    "indirect": {"en": "indirect", "zh": "间接"},
    "total": {"en": "total", "zh": "总"},
    "term": {"en": "{variable}, {effect} effect", "zh": "{variable}，{effect}效应"},
    "fine": {
        "en": "Errors by county (long difference: prefecture)", "zh": "按县聚类（长差分：按地市）"
    },
    "coarse": {"en": "Errors by province", "zh": "按省聚类"},
    "sd": {"en": "Standard deviation", "zh": "标准差"},
    "se": {"en": "Mean standard error", "zh": "平均标准误"},
    "coverage_note": {
        "en": "{count:,} replications per panel. Grey band: {low:.0%} to {high:.0%}; lines: Monte "
        "Carlo error (95%). Blue: theory expects coverage; vermilion: a bias or errors that are "
        "too small. Arrows: below {limit:.0%}. Catch-up: extra growth per year and unit of "
        "disadvantage. Province shocks: standard deviation of the yearly shock that counties of a "
        "province share. Estimators given disadvantage do not depend on the catch-up; the slower "
        "ones are run at one value. Map, designation and years of delisting are real, outcomes "
        "simulated.",
        "zh": "每幅图 {count:,} 次重复。灰带：{low:.0%} 至 {high:.0%}；线：蒙特卡洛误差（95%）。"
        "蓝色：理论上应覆盖；朱红：理论上有偏或标准误偏小。箭头：低于 {limit:.0%}。"
        "追赶：每年每单位劣势程度的额外增长。省级冲击：同省各县共同年度冲击的标准差。"
        "控制劣势程度的估计不受追赶影响，其中较慢者只在一种取值下运行。"
        "地图、贫困县名单与摘帽年份均为真实，结果变量为模拟。",
    },
    "error_note": {
        "en": "{count:,} replications per panel; log points. Point: mean error, that is bias; grey "
        "bar: standard deviation of the estimates; line: mean standard error, which should be as "
        "long. Colours as for coverage. Arrows: beyond the axis.",
        "zh": "每幅图 {count:,} 次重复；单位为对数点。点：平均误差，即偏误；灰条：估计值的标准差；"
        "线：平均标准误，应与灰条等长。颜色含义同覆盖率图。箭头：超出坐标范围。",
    },
    "space_note": {
        "en": "{count:,} replications of a spatial panel on the real map of counties, 13 years. "
        "Grey band: {low:.0%} to {high:.0%}; lines: Monte Carlo error (95%). Blue: theory expects "
        "coverage; vermilion: a bias. Arrows: below {limit:.0%}.",
        "zh": "真实县域地图上 13 年空间面板的 {count:,} 次重复。灰带：{low:.0%} 至 {high:.0%}；"
        "线：蒙特卡洛误差（95%）。蓝色：理论上应覆盖；朱红：理论上有偏。箭头：低于 {limit:.0%}。",
    },
}  # fmt: skip

LOWEST_COVERAGE = 0.7
LARGEST_ERROR = 0.03
_COLUMNS = [
    "scenario", "design", "estimator", "cluster_by", "term", "bias", "sd", "mean_se", "coverage",
    "coverage_mc_error", "replications", "expected",
]  # fmt: skip
_COARSE = "province"
_OFFSET = 0.17


class _Row(NamedTuple):
    """A line of a panel: what it is called and which rows of the table it shows, if any."""

    label: str
    shown: dict[str, str]


_Drawing = Callable[["Axes", pd.DataFrame, list[_Row]], None]


def coverage_plot(summary: pd.DataFrame, lang: str) -> Figure:
    """Draw how often the intervals of each estimator hold the truth, a panel for each scenario.

    Parameters
    ----------
    summary : DataFrame
        `montecarlo.summarise`; the effects of delisting are drawn.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide.
    """
    return _delisting_figure(summary, lang, "coverage", _coverage_panel)


def error_plot(summary: pd.DataFrame, lang: str) -> Figure:
    """Draw bias, standard deviation and mean standard error, a panel for each scenario.

    Parameters
    ----------
    summary : DataFrame
        `montecarlo.summarise`; the effects of delisting are drawn.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide.
    """
    return _delisting_figure(summary, lang, "error", _error_panel)


def space_coverage_plot(summary: pd.DataFrame, lang: str) -> Figure:
    """Draw how often the intervals of spatial effects hold the truth, a panel for each model.

    Parameters
    ----------
    summary : DataFrame
        `montecarlo.summarise`; the spatial effects are drawn.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide.
    """
    text = _texts(lang)
    table = _part(summary, [SPACE])
    rows = []
    for term in dict.fromkeys(table["term"]):
        variable, effect = term.split(" ")
        name = text["term"].format(variable=variable, effect=text[effect])
        rows.append(_Row(name, {"term": term}))
    panels = {
        text[model]: table[table["estimator"] == model]
        for model in dict.fromkeys(table["estimator"])
    }
    note = _note(text["space_note"], table)
    return _figure(panels, rows, _coverage_panel, text["coverage"], note, [])


def write_study(folder: Path, study: MonteCarlo, *, command: str, minutes: float) -> pd.DataFrame:
    """Write table, figures and record of a study.

    Parameters
    ----------
    folder : Path
        Gets montecarlo.csv, montecarlo.json and the figures of the designs that were run.
    study : MonteCarlo
        Result of `montecarlo.run_montecarlo`.
    command : str
        What was typed.
    minutes : float
        How long it took, by the clock.

    Returns
    -------
    DataFrame
        `montecarlo.summarise`.
    """
    summary = summarise(study.estimates)
    write_csv(folder / "montecarlo.csv", summary)
    for name, (draw, designs) in FIGURES.items():
        part = summary[summary["design"].isin(designs)]
        if not part.empty:
            save_figure(folder / name, partial(draw, part), part[_COLUMNS], simulated=True)
    record = {
        "command": command,
        "replications": int(summary["replications"].max()),
        "minutes": round(minutes, 1),
        "processor_minutes": round(study.minutes, 1),
    }
    write_text(folder / "montecarlo.json", json.dumps(record, indent=1) + "\n")
    return summary


FIGURES = {
    "montecarlo_coverage": (coverage_plot, (*DESIGNS, LADDER)),
    "montecarlo_errors": (error_plot, (*DESIGNS, LADDER)),
    "montecarlo_space": (space_coverage_plot, (SPACE,)),
}
"""Figures of a study and the designs that they draw."""


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _part(summary: pd.DataFrame, designs: list[str]) -> pd.DataFrame:
    require_columns(summary, _COLUMNS, "summary")
    part = summary[summary["design"].isin(designs)]
    if part.empty:
        raise ValueError(f"summary: no row of the designs {designs}: run their scenarios first")
    return part


def _delisting_figure(summary: pd.DataFrame, lang: str, axis: str, draw: _Drawing) -> Figure:
    text = _texts(lang)
    table = _part(summary, [*DESIGNS, LADDER])
    require_columns(table, ["gamma", "sigma_p"], "summary")
    panels = {
        text["scenario"].format(gamma=gamma, sigma_p=sigma_p): part
        for (gamma, sigma_p), part in table.groupby(["gamma", "sigma_p"], sort=False)
    }
    note = _note(text[f"{axis}_note"], table)
    handles = _handles(text, with_errors=axis == "error")
    return _figure(panels, _delisting_rows(table, text, lang), draw, text[axis], note, handles)


def _delisting_rows(table: pd.DataFrame, text: dict[str, str], lang: str) -> list[_Row]:
    """Return a headline for each design, then its estimators."""
    rows = []
    for design in dict.fromkeys(table["design"]):
        known = DESIGNS.get(design)
        name = text[LADDER] if known is None else known.label_en if lang == "en" else known.label_zh
        rows.append(_Row(name, {}))
        present = dict.fromkeys(table.loc[table["design"] == design, "estimator"])
        labels = {name: text[name] for name in present} if known is None else {
            name: both.label_en if lang == "en" else both.label_zh
            for name, both in ESTIMATORS.items() if name in present
        }  # fmt: skip
        rows += [_Row(labels[e], {"design": design, "estimator": e}) for e in labels]
    return rows


def _note(text: str, table: pd.DataFrame) -> str:
    low, high = BAND
    count = int(table["replications"].min())
    return text.format(count=count, low=low, high=high, limit=LOWEST_COVERAGE)


def _figure(
    panels: dict[str, pd.DataFrame],
    rows: list[_Row],
    draw: _Drawing,
    axis: str,
    note: str,
    handles: list[Line2D],
) -> Figure:
    from matplotlib.figure import Figure

    with style():
        height = 5.4 * len(rows) + 44
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        axes = fig.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for ax, (title, part) in zip(axes, panels.items(), strict=True):
            draw(ax, part, rows)
            ax.set_title(title)
            ax.locator_params(axis="x", nbins=4)
            ax.tick_params(axis="y", length=0)
            ax.grid(axis="x")
            ax.set_axisbelow(True)
        axes[0].set_yticks(range(len(rows)), [wrap_text(row.label, 58) for row in rows])
        for label, row in zip(axes[0].get_yticklabels(), rows, strict=True):
            label.set_color(INK if row.shown else GREY)
        axes[0].set_ylim(len(rows) - 0.4, -0.6)
        axes[len(axes) // 2].set_xlabel(axis)
        if handles:
            fig.legend(handles=handles, loc="outside upper right", ncols=len(handles))
        add_note(fig, note)
    return fig


def _coverage_panel(ax: Axes, part: pd.DataFrame, rows: list[_Row]) -> None:
    ax.axvspan(*BAND, color=PALE)
    for place, line in _placed(part, rows):
        _draw_coverage(ax, place, line)
    ax.set_xlim(LOWEST_COVERAGE - 0.02, 1.005)


def _error_panel(ax: Axes, part: pd.DataFrame, rows: list[_Row]) -> None:
    ax.axvline(0, color=INK, linewidth=0.6)
    for place, line in _placed(part, rows):
        _draw_error(ax, place, line)
    ax.set_xlim(-LARGEST_ERROR * 1.08, LARGEST_ERROR * 1.08)


def _placed(part: pd.DataFrame, rows: list[_Row]) -> Iterator[tuple[float, pd.Series]]:
    """Yield the rows of a panel with their height: errors by province below the others."""
    for place, row in enumerate(rows):
        if row.shown:
            chosen = part[np.logical_and.reduce([part[c] == v for c, v in row.shown.items()])]
            for _, line in chosen.iterrows():
                shift = _OFFSET if _is_coarse(line) else -_OFFSET
                yield place + (shift if len(chosen) > 1 else 0.0), line


def _is_coarse(line: pd.Series) -> bool:
    return bool(line["cluster_by"] == _COARSE)


def _colour(line: pd.Series) -> str:
    return PALETTE["blue"] if line["expected"] == COVERS else PALETTE["vermillion"]


def _draw_coverage(ax: Axes, place: float, line: pd.Series) -> None:
    colour, value = _colour(line), float(line["coverage"])
    if value < LOWEST_COVERAGE:
        ax.plot(LOWEST_COVERAGE - 0.01, place, "<", color=colour, markersize=3)
        return
    margin = 1.96 * float(line["coverage_mc_error"])
    ax.hlines(
        place, max(value - margin, LOWEST_COVERAGE), min(value + margin, 1), color=colour,
        linewidth=0.8,
    )  # fmt: skip
    ax.plot(value, place, "s" if _is_coarse(line) else "o", color=colour, markersize=3)


def _draw_error(ax: Axes, place: float, line: pd.Series) -> None:
    colour, value = _colour(line), float(line["bias"])
    if abs(value) > LARGEST_ERROR:
        edge = float(np.copysign(LARGEST_ERROR * 1.03, value))
        ax.plot(edge, place, ">" if value > 0 else "<", color=colour, markersize=3)
        return
    for width, spread, tint in ((2.6, "sd", PALE), (0.8, "mean_se", colour)):
        size = float(line[spread])
        low, high = np.clip([value - size, value + size], -LARGEST_ERROR, LARGEST_ERROR)
        ax.hlines(place, low, high, color=tint, linewidth=width)
    ax.plot(value, place, "s" if _is_coarse(line) else "o", color=colour, markersize=3)


def _handles(text: dict[str, str], *, with_errors: bool) -> list[Line2D]:
    from matplotlib.lines import Line2D

    marks = {"fine": "o", "coarse": "s"}
    handles = [
        Line2D([], [], linewidth=0, marker=mark, color=INK, markersize=3, label=text[name])
        for name, mark in marks.items()
    ]
    if with_errors:
        handles.append(Line2D([], [], color=PALE, linewidth=2.6, label=text["sd"]))
        handles.append(Line2D([], [], color=INK, linewidth=0.8, label=text["se"]))
    return handles
