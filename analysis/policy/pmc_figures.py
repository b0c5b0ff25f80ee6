"""Figure of the scores of policy texts and of how far their ranking is a matter of choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    PALETTE,
    SMALL_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.policy.coding_labels import NAMES, figure_texts, group_label
from analysis.policy.pmc import SOURCES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOURCE_STYLES = dict(
    zip(SOURCES, [(PALETTE[c], m) for c, m in (("blue", "o"), ("green", "s"), ("orange", "^"),
                                               ("black", "D"))], strict=True)
)  # fmt: skip


def ranking_plot(scores: pd.DataFrame, ranking: pd.DataFrame, lang: str) -> Figure:
    """Draw the main scores of each text, and the ranks it takes under other choices.

    Parameters
    ----------
    scores : DataFrame
        `pmc.pmc_scores`: texts in rows, main variables in columns.
    ranking : DataFrame
        `pmc.ranking_uncertainty` of the same texts.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; texts in the order of their base index.
    """
    from matplotlib.figure import Figure

    columns = ["source", "doc_id", "index", "rank", "share_first", "rank_low", "rank_median",
               "rank_high", "rankings"]  # fmt: skip
    require_columns(ranking, columns, "ranking")
    text = figure_texts("ranking_plot", lang)
    base = ranking.drop_duplicates("doc_id").sort_values("rank", kind="stable")
    texts = base["doc_id"].tolist()
    with style():
        fig = Figure(
            figsize=figure_size(DOUBLE_COLUMN_MM, 14 * len(texts) + 42), layout="constrained"
        )
        left, right = fig.subplots(1, 2, width_ratios=[1.15, 1], sharey=True)
        _score_cells(left, scores.loc[texts], lang)
        names = [f"{group_label(t, lang)} ({i:.2f})"
                 for t, i in zip(texts, base["index"], strict=True)]  # fmt: skip
        left.set_yticks(np.arange(len(texts)) + 0.5, [wrap_text(n, 34) for n in names])
        _rank_rows(right, ranking, texts, text)
        fig.legend(loc="outside upper right", ncols=len(SOURCE_STYLES))
        add_note(fig, text["note"])
    return fig


def _score_cells(ax: Axes, scores: pd.DataFrame, lang: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("score", ["#FFFFFF", PALETTE["sky"]])
    values = scores.to_numpy()
    ax.pcolormesh(values, cmap=colours, vmin=0, vmax=1, edgecolor="white", linewidth=1)
    for (row, column), value in np.ndenumerate(values):
        ax.text(
            column + 0.5, row + 0.5, f"{value:.2f}", ha="center", va="center",
            fontsize=SMALL_SIZE,
        )  # fmt: skip
    heads = [NAMES[c][lang] if c in NAMES else c for c in scores.columns.astype(str)]
    ax.set_xticks(np.arange(len(heads)) + 0.5, heads, rotation=90)
    ax.set_ylim(len(values), 0)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _rank_rows(ax: Axes, ranking: pd.DataFrame, texts: list[str], text: dict[str, str]) -> None:
    for place, (source, (colour, mark)) in enumerate(SOURCE_STYLES.items()):
        own = ranking[ranking["source"] == source].set_index("doc_id").loc[texts]
        rows = np.arange(len(texts)) + 0.2 + 0.2 * place
        ax.hlines(rows, own["rank_low"], own["rank_high"], color=colour)
        name = text[source].format(n=int(own["rankings"].iloc[0]))
        ax.plot(own["rank_median"], rows, mark, color=colour, label=name)
        for row, share in zip(rows, own["share_first"], strict=True):
            ax.text(len(texts) + 0.9, row, f"{share:.0f}", ha="right", va="center",
                    fontsize=SMALL_SIZE)  # fmt: skip
    ax.set_xlim(0.6, len(texts) + 1.0)
    ax.set_xticks(range(1, len(texts) + 1))
    ax.set_xlabel(text["rank"])
    ax.set_title(text["first"], loc="right")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
