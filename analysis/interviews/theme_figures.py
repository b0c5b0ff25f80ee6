"""Figures of themes: heat map by case, network of actors, saturation curves.

Each function takes tables of `themes` or `saturation`, the codes for their
labels, and a language, and returns a figure of the width of a page. The texts of all figures of
themes stand here, those of the chains (`analysis.interviews.chain_figures`) too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    INK,
    PALETTE,
    SMALL_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.interviews.saturation import ALL
from analysis.interviews.themes import ActorNetwork
from analysis.labels import Texts, in_language

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

TEXTS: dict[str, Texts] = {
    "theme_heatmap": {
        "problem": {"en": "Problems", "zh": "问题"},
        "cause": {"en": "Causes", "zh": "原因"},
        "countermeasure": {"en": "Countermeasures", "zh": "对策"},
        "actor": {"en": "Actors", "zh": "主体"},
        "": {"en": "Themes", "zh": "主题"},
        "column": {"en": "{case}\n(n = {n})", "zh": "{case}\n(n = {n})"},
        "share": {"en": "Interviews with the theme (%)", "zh": "出现该主题的访谈（%）"},
        "note": {
            "en": "Numbers: interviews with the theme / interviews held; n: interviews. Interviews "
            "were chosen, not drawn at random: shares describe them and estimate no population.",
            "zh": "数字：出现该主题的访谈数／访谈总数；n：访谈数。受访者为有目的选取而非随机抽样，"
            "比例仅描述这些访谈，不推断总体。",
        },
    },
    "actor_network_plot": {
        "node": {"en": "{name} ({n})", "zh": "{name}（{n}）"},
        "together": {"en": "Named together", "zh": "同时提及"},
        "none": {
            "en": "The codebook has no two codes of actors",
            "zh": "编码本中没有两个以上的主体编码",
        },
        "segment": {"en": "paragraphs", "zh": "段落"},
        "turn": {"en": "turns of speech", "zh": "话轮"},
        "interview": {"en": "interviews", "zh": "访谈"},
        "note": {
            "en": "Circles and numbers: {window} that name the actor; lines: {window} that name "
            "both. The network shows who is spoken of together, not who works together.",
            "zh": "圆与数字：提及该主体的{window}数；连线：同时提及两者的{window}数。"
            "网络反映谁被一同谈及，不等于实际合作关系。",
        },
    },
    "chain_alluvial": {
        "problem": {"en": "Problems", "zh": "问题"},
        "cause": {"en": "Causes", "zh": "原因"},
        "countermeasure": {"en": "Countermeasures", "zh": "对策"},
        "none": {"en": "No cause named", "zh": "未述原因"},
        "node": {"en": "{name} ({n})", "zh": "{name}（{n}）"},
        "other": {"en": "other cases", "zh": "其他案例"},
        "coded": {"en": "coded: both ends and the link", "zh": "编码：两端及关系均经人工编码"},
        "explicit": {"en": "stated by the study", "zh": "研究明确指出"},
        "order": {"en": "order of the study's lists", "zh": "按研究中列举的顺序"},
        "analyst": {"en": "reading of the analyst", "zh": "分析者的解读"},
        "note": {
            "en": "Width: number of chains, in brackets. A plain ribbon was coded or stated; a "
            "hatched one with a dashed outline rests on the order of lists or on an analyst's "
            "reading, and is no finding of the study.",
            "zh": "宽度：链条数（见括号）。实色带表示经编码或研究明确指出；"
            "虚线轮廓加填充纹的带仅依据列举顺序或分析者解读，并非研究结论。",
        },
    },
    "saturation_plot": {
        "all": {"en": "a  All interviews", "zh": "a  全部访谈"},
        "groups": {"en": "b  By case", "zh": "b  分案例"},
        "x": {"en": "Interviews", "zh": "访谈数"},
        "y": {"en": "Codes found", "zh": "出现的编码数"},
        "curve": {"en": "expected", "zh": "期望值"},
        "chao2": {"en": "Chao2", "zh": "Chao2"},
        "other": {"en": "other cases", "zh": "其他案例"},
        "note": {
            "en": "Line: expected number of codes over all orders of the interviews, with its 95% "
            "band. Diamond: Chao2, a lower estimate of all codes there are, with its 95% interval "
            "where one exists.",
            "zh": "线：对访谈的所有先后顺序求得的期望编码数，带为 95% 置信带。"
            "菱形：Chao2，即编码总数的下限估计，竖线为其 95% 置信区间（若存在）。",
        },
    },
}
CASE_COLOURS = [
    PALETTE[c] for c in ("blue", "vermillion", "green", "orange", "purple", "sky", "black")
]
RADIUS_MM, LABEL_X_MM = 34.0, 48.0
WIDEST_LINE_PT, LARGEST_NODE_PT2 = 7.0, 320.0


def figure_texts(figure: str, lang: str) -> dict[str, str]:
    """Return the texts of one figure in one language.

    Raises
    ------
    ValueError
        If the language is unknown.
    """
    return in_language(TEXTS[figure], lang)


def code_labels(codes: pd.DataFrame, lang: str) -> dict[str, str]:
    """Return the label of each code, its id where it has none."""
    labels = codes[f"label_{lang}"].where(codes[f"label_{lang}"] != "", codes["code_id"])
    return dict(zip(codes["code_id"], labels, strict=True))


def case_colours(cases: pd.Series) -> dict[str, str]:
    """Return a colour per case, the same in every figure of a study; grey beyond the seventh."""
    names = sorted(set(cases) - {ALL})
    return dict(zip(names, CASE_COLOURS + [GREY] * len(names), strict=False))


def theme_heatmap(
    frequencies: pd.DataFrame,
    codes: pd.DataFrame,
    lang: str,
    *,
    case_names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the share of interviews with each theme, by case.

    Parameters
    ----------
    frequencies : DataFrame
        As `themes.theme_frequencies` by case: code_id, case, interviews, of_interviews, share.
    codes : DataFrame
        Their order, kinds (one panel each) and labels.
    lang : str
        ``"en"`` or ``"zh"``.
    case_names : mapping, optional
        Names of cases in the language; their ids otherwise.

    Returns
    -------
    Figure
        180 mm wide; in each cell the count and its denominator.
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    columns = ["code_id", "case", "interviews", "of_interviews", "share"]
    require_columns(frequencies, columns, "frequencies")
    text, names = figure_texts("theme_heatmap", lang), case_names or {}
    shown = codes[codes["code_id"].isin(frequencies["code_id"])]
    kinds = sorted(set(shown["kind"]), key=lambda kind: [*text, kind].index(kind))
    sizes = [int((shown["kind"] == kind).sum()) for kind in kinds]
    sample = {
        str(c): int(n) for c, n in frequencies.groupby("case")["of_interviews"].first().items()
    }
    with style():
        height = 6.4 * len(shown) + 7 * len(kinds) + 34
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        axes = fig.subplots(len(kinds), 1, height_ratios=sizes, squeeze=False)[:, 0]
        colours = LinearSegmentedColormap.from_list("share", ["#FFFFFF", PALETTE["blue"]])
        for ax, kind in zip(axes, kinds, strict=True):
            rows = shown[shown["kind"] == kind]
            mesh = _cells(ax, frequencies, rows["code_id"], list(sample), colours)
            labels = code_labels(rows, lang).values()
            ax.set_yticks(np.arange(len(rows)) + 0.5, [wrap_text(n, 74) for n in labels])
            ax.set_title(text.get(kind, kind))
        heads = [text["column"].format(case=names.get(c, c), n=n) for c, n in sample.items()]
        axes[0].set_xticks(np.arange(len(sample)) + 0.5, heads)
        axes[0].xaxis.tick_top()
        fig.colorbar(mesh, ax=list(axes), label=text["share"], fraction=0.04, shrink=0.6)
        add_note(fig, text["note"])
    return fig


def _cells(
    ax: Axes, frequencies: pd.DataFrame, codes: pd.Series, cases: list[str], colours: Colormap
) -> QuadMesh:
    """Colour cells by share and write count and denominator into them."""
    part, whole, share = (
        frequencies.pivot(index="code_id", columns="case", values=name)
        .reindex(index=codes, columns=cases)
        .to_numpy(dtype=float)
        for name in ("interviews", "of_interviews", "share")
    )
    mesh = ax.pcolormesh(share, cmap=colours, vmin=0, vmax=100, edgecolor="white", linewidth=1)
    for (row, column), value in np.ndenumerate(share):
        colour = "white" if value > 60 else INK
        count = f"{part[row, column]:.0f}/{whole[row, column]:.0f}"
        ax.text(
            column + 0.5, row + 0.5, count, ha="center", va="center", color=colour,
            fontsize=SMALL_SIZE,
        )  # fmt: skip
    ax.invert_yaxis()
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return mesh


def actor_network_plot(network: ActorNetwork, codes: pd.DataFrame, lang: str) -> Figure:
    """Draw who is spoken of together, actors on a circle.

    Parameters
    ----------
    network : ActorNetwork
        As `themes.actor_network`.
    codes : DataFrame
        Labels of the actors.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; areas and widths are proportional to counts.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    text, labels = figure_texts("actor_network_plot", lang), code_labels(codes, lang)
    nodes = network.nodes.set_index("code_id")
    turn = np.pi / 2 - 2 * np.pi * (np.arange(len(nodes)) + 0.5) / len(nodes)
    circle = RADIUS_MM * np.column_stack([np.cos(turn), np.sin(turn)])
    place = dict(zip(nodes.index, circle, strict=True))
    most = int(network.edges["together"].max()) if len(network.edges) else 0
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 108), layout="constrained")
        ax = fig.subplots()
        for edge in network.edges.to_dict("records"):
            x, y = np.array([place[edge["code_a"]], place[edge["code_b"]]]).T
            ax.plot(x, y, color=GREY, linewidth=WIDEST_LINE_PT * edge["together"] / most, zorder=1)
        xy = circle
        if nodes.empty:
            ax.text(0, 0, text["none"], ha="center", va="center")
        area = LARGEST_NODE_PT2 * nodes["windows"] / max([*nodes["windows"], 1])
        ax.scatter(
            xy[:, 0],
            xy[:, 1],
            s=area,
            color=PALETTE["orange"],
            edgecolor=INK,
            linewidth=0.5,
            zorder=3,
        )
        named = [text["node"].format(name=labels[str(c)], n=n) for c, n in nodes["windows"].items()]
        _side_labels(ax, xy, [wrap_text(name, 38) for name in named])
        ax.set(xlim=(-88, 88), ylim=(-RADIUS_MM - 9, RADIUS_MM + 9))
        ax.set_aspect("equal")
        ax.set_axis_off()
        steps = sorted({most, -(-most // 2), 1}) if most else []
        lines = [Line2D([], [], color=GREY, linewidth=WIDEST_LINE_PT * n / most, label=str(n))
                 for n in steps]  # fmt: skip
        if lines:
            title = f"{text['together']} ({text[network.window]})"
            fig.legend(handles=lines, title=title, loc="outside upper center", ncols=3)
        add_note(fig, text["note"].format(window=text[network.window]))
    return fig


def _side_labels(ax: Axes, xy: np.ndarray, labels: list[str]) -> None:
    """Write labels left and right of a circle, apart from each other, joined to their nodes."""
    for sign, align in ((1, "left"), (-1, "right")):
        chosen = [k for k in range(len(xy)) if (xy[k, 0] >= -1e-9) == (sign > 0)]
        gap = 3.4 * max((labels[k].count("\n") + 1 for k in chosen), default=1) + 0.8
        heights = spread(xy[chosen, 1], gap)
        for k, height in zip(chosen, heights, strict=True):
            end = (sign * LABEL_X_MM, height)
            ax.plot(*zip(xy[k], end, strict=True), color=GREY, linewidth=0.4, zorder=2, ls=":")
            ax.text(end[0] + sign, height, labels[k], ha=align, va="center", fontsize=SMALL_SIZE)


def spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Move values apart to at least `gap`, in their order and about their mean."""
    order = np.argsort(values, kind="stable")
    moved = np.asarray(values, dtype=float)[order]
    for k in range(1, len(moved)):
        moved[k] = max(moved[k], moved[k - 1] + gap)
    moved += np.mean(values) - np.mean(moved) if len(moved) else 0.0
    return moved[np.argsort(order, kind="stable")]


def saturation_plot(
    curves: pd.DataFrame,
    richness: pd.DataFrame,
    lang: str,
    *,
    case_names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the expected number of codes by number of interviews, and Chao2.

    Parameters
    ----------
    curves : DataFrame
        As `saturation.saturation_curves`; groups, if any, have a panel of their own.
    richness : DataFrame
        As `saturation.richness_table`, of the same groups.
    lang, case_names
        As `theme_heatmap`.

    Returns
    -------
    Figure
        180 x 88 mm.
    """
    from matplotlib.figure import Figure

    require_columns(curves, ["group", "n", "expected", "ci_low", "ci_high"], "curves")
    require_columns(richness, ["group", "interviews", "chao2", "ci_low", "ci_high"], "richness")
    text, names = figure_texts("saturation_plot", lang), case_names or {}
    colours = case_colours(curves["group"])
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 88), layout="constrained")
        panels = fig.subplots(1, 2 if colours else 1, squeeze=False)[0]
        _curves(panels[0], curves, richness, {ALL: PALETTE["blue"]})
        if colours:
            panels[0].set_title(text["all"])
            _curves(panels[1], curves, richness, colours)
            panels[1].set_title(text["groups"])
            for name, colour in colours.items():
                shown = names.get(name, name) if colour != GREY else text["other"]
                panels[1].plot([], [], color=colour, label=shown)
            entries = dict(zip(*panels[1].get_legend_handles_labels()[::-1], strict=True))
            panels[1].legend(entries.values(), entries.keys(), loc="lower right", ncols=2)
        for ax in panels:
            ax.set(xlabel=text["x"], ylabel=text["y"], xlim=(0, None), ylim=(0, None))
        add_note(fig, text["note"])
    return fig


def _curves(
    ax: Axes, curves: pd.DataFrame, richness: pd.DataFrame, colours: Mapping[str, str]
) -> None:
    """Draw the curve of each group with a band where it is alone, and Chao2 right of all."""
    estimates = richness.set_index("group")
    right = max(estimates.loc[list(colours), "interviews"])
    step = max(0.04 * right, 0.25)
    for k, (group, colour) in enumerate(colours.items()):
        curve = curves[curves["group"] == group]
        ax.plot(curve["n"], curve["expected"], color=colour)
        if len(colours) == 1:
            ax.fill_between(curve["n"], curve["ci_low"], curve["ci_high"], color=colour, alpha=0.15)
        x, row = right + step * (k + 1.5), estimates.loc[group]
        ax.vlines(x, row["ci_low"], row["ci_high"], color=colour, linewidth=1)
        ax.plot(x, row["chao2"], "D", color=colour)
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    ax.locator_params(axis="both", integer=True, nbins=7)
