"""Figures of the policy vocabulary: terms over the years, and phrases that set two periods apart.

Numbers come from the tables of `terms`, `change_point` and `keyness` only; the texts stand below
in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    PALE,
    PALETTE,
    SMALL_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.labels import Texts, in_language
from analysis.panel_input import raise_violations

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEADING: Mapping[str, str] = {
    "alleviation": "poverty",
    "revitalization": "rural_revitalization",
    "linkage": "return_to_poverty",
}
"""One panel per family, with one term drawn beside the family."""
HEADROOM = 1.3
"""Height of a panel over its highest interval, for the legend."""

TEXTS: Texts = {
    "alleviation": {"en": "Poverty alleviation", "zh": "脱贫攻坚"},
    "revitalization": {"en": "Rural revitalization", "zh": "乡村振兴"},
    "linkage": {"en": "Linkage of the two", "zh": "有效衔接"},
    "panel": {"en": "{letter}  {family}: {change}", "zh": "{letter}  {family}：{change}"},
    "change": {
        "en": "new rate from {year} (95% set: {years}; p = {p:.3f})",
        "zh": "自 {year} 年起频率改变（95% 置信集：{years}；p = {p:.3f}）",
    },
    "no_change": {"en": "no change found (p = {p:.3f})", "zh": "未发现变点（p = {p:.3f}）"},
    "family": {"en": "all terms of the family", "zh": "该类全部词语"},
    "leading": {"en": "{term}", "zh": "“{term}”"},
    "set": {"en": "years in which the new rate may begin", "zh": "变点年份的 95% 置信集"},
    "missing": {"en": "no report in the file", "zh": "文件中缺该年报告"},
    "rate": {"en": "Per 10,000\ncharacters", "zh": "每万字次数"},
    "series_note": {
        "en": "Government Work Reports. Lines through the points of the family: 95% intervals, "
        "exact for a Poisson count and widened by the measured bursts of words. A gradual rise, or "
        "a rise and a fall, departs from one rate as well as a jump: the year dates it as if it "
        "were sudden.",
        "zh": "国务院政府工作报告。各点竖线为 95% 置信区间：按泊松计数精确计算，并按实测的词语聚集"
        "程度放宽。渐变或先升后降同样会偏离恒定频率，变点年份只是按突变估计。",
    },
    "first": {"en": "a  More frequent {first}", "zh": "a  {first} 年更常用"},
    "second": {"en": "b  More frequent {second}", "zh": "b  {second} 年更常用"},
    "log_ratio": {"en": "Ratio of the rates (times as frequent)", "zh": "频率之比（倍）"},
    "none": {"en": "No key phrase", "zh": "无关键短语"},
    "keyness_note": {
        "en": "Phrases of the Government Work Reports whose difference holds when any one report "
        "is left out (log-likelihood, false discovery rate 5%), the strongest {top} of each "
        "period. Numbers: places in {first} / {second}; the ratio takes half a place for none "
        "(open points).",
        "zh": "政府工作报告中去掉任一年报告后差异仍显著的短语（对数似然检验，错误发现率 5%），"
        "每期列最强的 {top} 个。数字：{first} 年／{second} 年的出现次数；"
        "次数为零时按 0.5 计算比值（空心点）。",
    },
}


def term_series_plot(
    rates: pd.DataFrame,
    changes: pd.DataFrame,
    lexicon: pd.DataFrame,
    lang: str,
    *,
    leading: Mapping[str, str] = LEADING,
) -> Figure:
    """Draw the rate of each family and of one of its terms by year.

    Parameters
    ----------
    rates : DataFrame
        As `terms.term_rates`, of one text per year: term (families and leading terms), year, rate,
        ci_low, ci_high. Years between the first and the last that lack a row are left open.
    changes : DataFrame
        As `change_point.change_point_table`, one row per family.
    lexicon : DataFrame
        term, zh, en.
    lang : str
        ``"en"`` or ``"zh"``.
    leading : mapping of str to str
        Families to draw, with the term that goes with each.

    Returns
    -------
    Figure
        180 mm wide, a panel per family.

    Raises
    ------
    ValueError
        If columns or series are missing, the language is unknown, or a series stands twice in a
        year or among the changes.
    """
    from matplotlib.figure import Figure

    require_columns(rates, ["term", "year", "rate", "ci_low", "ci_high"], "rates")
    require_columns(
        changes, ["series", "found", "year", "previous", "years_confident", "p_value"], "changes"
    )
    text = _texts(lang)
    _refuse_doubles(rates, ["term", "year"], "rates")
    _refuse_doubles(changes, ["series"], "changes")
    needed = {"changes": (changes["series"], leading), "rates": (rates["term"], leading),
              "rates of terms": (rates["term"], leading.values()),
              "lexicon": (lexicon["term"], leading.values())}  # fmt: skip
    absent = [f"{what}: {name!r} is missing: supply it" for what, (have, want) in needed.items()
              for name in want if name not in set(have)]  # fmt: skip
    raise_violations("the figure of terms", absent)
    names = dict(zip(lexicon["term"], lexicon[lang], strict=True))
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 42 * len(leading) + 26),
                     layout="constrained")  # fmt: skip
        axes = fig.subplots(len(leading), 1, sharex=True, squeeze=False)[:, 0]
        for ax, letter, (family, term) in zip(axes, "abcdefgh", leading.items(), strict=False):
            change = changes[changes["series"] == family].iloc[0]
            _change_band(ax, change, text)
            _series(ax, rates[rates["term"] == family], text["family"], family=True)
            own = text["leading"].format(term=names[term])
            _series(ax, rates[rates["term"] == term], own, family=False)
            _missing_years(ax, rates, text)
            shown = text["panel"].format(
                letter=letter, family=text[family], change=_change_text(change, text)
            )
            ax.set_title(wrap_text(shown, DOUBLE_COLUMN_MM - 16))
            ax.set(ylabel=text["rate"])
            ax.set_ylim(0, HEADROOM * rates.loc[rates["term"] == family, "ci_high"].max())
            ax.grid(axis="y")
            ax.set_axisbelow(True)
            ax.legend(loc="upper left", ncols=2)
        add_note(fig, text["series_note"])
    return fig


def keyness_plot(
    table: pd.DataFrame,
    lang: str,
    *,
    first: str,
    second: str,
    glosses: Mapping[str, str] | None = None,
    top: int = 15,
) -> Figure:
    """Draw the key phrases of two periods with the ratio of their rates.

    Parameters
    ----------
    table : DataFrame
        As `keyness.keyness`, strongest first.
    lang : str
        ``"en"`` or ``"zh"``.
    first, second : str
        Names of the periods, e.g. ``"2013–2017"``.
    glosses : mapping of str to str, optional
        English by phrase, set beside it in the English figure.
    top : int
        Most phrases per period.

    Returns
    -------
    Figure
        180 mm wide, a panel per period.

    Raises
    ------
    ValueError
        If columns are missing or the language is unknown.
    """
    from matplotlib.figure import Figure

    columns = ["phrase", "n_first", "n_second", "log_ratio", "group", "key"]
    require_columns(table, columns, "keyness")
    text = _texts(lang)
    keys = table[table["key"].astype(bool)]
    parts = {group: keys[keys["group"] == group].head(top) for group in ("first", "second")}
    known = (glosses or {}) if lang == "en" else {}
    rows = max(1, *(len(part) for part in parts.values()))
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 6.2 * rows + 36), layout="constrained")
        for ax, (group, part) in zip(fig.subplots(1, 2), parts.items(), strict=True):
            ax.set_title(text[group].format(first=first, second=second))
            if part.empty:
                ax.text(0.5, 0.5, text["none"], ha="center", va="center", transform=ax.transAxes)
                ax.set_axis_off()
                continue
            _phrases(ax, part, known)
            ax.set(xlabel=text["log_ratio"])
        add_note(fig, text["keyness_note"].format(top=top, first=first, second=second))
    return fig


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _refuse_doubles(table: pd.DataFrame, keys: list[str], what: str) -> None:
    if table.duplicated(keys).any():
        raise ValueError(f"{what}: some {' and '.join(keys)} stand twice: select one row of each")


def _series(ax: Axes, part: pd.DataFrame, name: str, *, family: bool) -> None:
    """Draw a series; a year without a row breaks the line."""
    years = np.arange(part["year"].min(), part["year"].max() + 1)
    whole = part.set_index("year").reindex(years)
    if family:
        ax.vlines(years, whole["ci_low"], whole["ci_high"], color=PALETTE["sky"], linewidth=0.8)
        ax.plot(years, whole["rate"], "o-", color=PALETTE["blue"], label=name)
    else:
        ax.plot(years, whole["rate"], "s:", color=PALETTE["vermillion"], label=name, markersize=2.5)


def _change_band(ax: Axes, change: pd.Series, text: Mapping[str, str]) -> None:
    if not change["found"]:
        return
    label = text["set"]
    for year in map(int, str(change["years_confident"]).split()):
        ax.axvspan(year - 0.5, year + 0.5, color=PALETTE["yellow"], alpha=0.45, lw=0, label=label)
        label = "_"
    middle = (int(change["previous"]) + int(change["year"])) / 2
    ax.axvline(middle, color=GREY, linewidth=0.8, linestyle="--")


def _missing_years(ax: Axes, rates: pd.DataFrame, text: Mapping[str, str]) -> None:
    label = text["missing"]
    have = set(rates["year"])
    for year in sorted(set(range(min(have), max(have) + 1)) - have):
        ax.axvspan(year - 0.5, year + 0.5, facecolor=PALE, edgecolor=GREY, hatch="////", lw=0,
                   label=label)  # fmt: skip
        label = "_"


def _change_text(change: pd.Series, text: Mapping[str, str]) -> str:
    if not change["found"]:
        return text["no_change"].format(p=change["p_value"])
    years = _ranges([int(year) for year in str(change["years_confident"]).split()])
    return text["change"].format(year=change["year"], years=years, p=change["p_value"])


def _ranges(years: list[int]) -> str:
    """Write years as ranges: 2013, 2014, 2016 as 2013–2014, 2016."""
    runs: list[list[int]] = []
    for year in years:
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs)


def _phrases(ax: Axes, part: pd.DataFrame, glosses: Mapping[str, str]) -> None:
    places = np.arange(len(part))
    ratio = 2.0 ** part["log_ratio"].abs().to_numpy()
    zero = (part[["n_first", "n_second"]].min(axis=1) == 0).to_numpy()
    colour = PALETTE["vermillion"] if (part["group"] == "second").all() else PALETTE["blue"]
    ax.hlines(places, 1, ratio, color=colour, linewidth=0.8)
    for hollow, fill in ((zero, "white"), (~zero, colour)):
        ax.plot(ratio[hollow], places[hollow], "o", color=colour, markerfacecolor=fill)
    counts = zip(places, ratio, part["n_first"], part["n_second"], strict=True)
    for place, x, n_first, n_second in counts:
        ax.annotate(f"{n_first} / {n_second}", (x, place), xytext=(5, 0), fontsize=SMALL_SIZE,
                    textcoords="offset points", va="center")  # fmt: skip
    labels = [f"{p}  {glosses[p]}" if p in glosses else p for p in part["phrase"]]
    ax.set_yticks(places, [wrap_text(label, 46, size=SMALL_SIZE) for label in labels])
    ax.set_xscale("log", base=2)
    ticks = [2**k for k in range(0, int(np.ceil(np.log2(ratio.max()))) + 1, 2)]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlim(1, ratio.max() * 2**1.6)
    ax.set_ylim(len(part) - 0.4, -0.6)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
