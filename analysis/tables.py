"""Publication tables: each function returns the frame to print, its caption and its notes.

Labels come from the contracts, so a table, a figure and a data dictionary call a variable by the
same name. Writing csv, html and LaTeX is the business of `analysis.exhibits`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from analysis.exhibits import printed
from analysis.labels import unit_label
from analysis.long_difference import RUNGS, as_shown
from analysis.panel_fit import ERRORS, MODELS
from analysis.schemas import label, unit

WORDS: Mapping[str, tuple[str, str]] = {
    "indicator": ("Indicator", "指标"),
    "subsystem": ("Subsystem", "子系统"),
    "dimension": ("Dimension", "维度"),
    "direction": ("Direction", "方向"),
    "unit": ("Unit", "单位"),
    "weight": ("Weight, entropy", "熵权"),
    "weight_equal": ("equal", "等权"),
    "weight_cv": ("coefficient of variation", "变异系数"),
    "weight_critic": ("CRITIC", "CRITIC"),
    "variable": ("Variable", "变量"),
    "year": ("Year", "年份"),
    "n": ("N", "样本量"),
    "mean": ("Mean", "均值"),
    "sd": ("SD", "标准差"),
    "minimum": ("Min", "最小值"),
    "median": ("Median", "中位数"),
    "maximum": ("Max", "最大值"),
    "model": ("Model", "模型"),
    "term": ("Term", "变量"),
    "estimate": ("Estimate", "估计值"),
    "clusters": ("Clusters", "聚类数"),
    "outcome": ("Outcome", "结果变量"),
    "alleviation": ("Poverty alleviation", "脱贫攻坚"),
    "revitalization": ("Rural revitalization", "乡村振兴"),
    "by_province": ("province", "省份"),
    "by_prefecture": ("prefecture", "地市"),
    "raw": ("Raw", "无控制"),
    "baseline": ("+ baseline", "+ 基期控制"),
    "province": ("+ province effects", "+ 省份效应"),
    "prefecture": ("+ prefecture effects", "+ 地市效应"),
}


@dataclass(frozen=True)
class Table:
    """A table ready to be written.

    Attributes
    ----------
    frame : DataFrame
        Columns named in the language of the table; numbers unrounded.
    caption : str
    notes : str
        Sample, units, errors and sources.
    decimals : int or mapping of {column: int}
        Digits after the point where printed.
    """

    frame: pd.DataFrame
    caption: str
    notes: str
    decimals: int | Mapping[str, int] = 3


def word(key: str, lang: str) -> str:
    """Return a heading in English or Chinese."""
    return WORDS[key][lang == "zh"]


def _choose(lang: str, en: str, zh: str) -> str:
    return zh if lang == "zh" else en


def indicator_system(weights: pd.DataFrame, lang: str) -> Table:
    """Table of indicators, directions and weights.

    Parameters
    ----------
    weights : DataFrame
        `linkage_weights`.
    lang : str
        `en` or `zh`.
    """
    order = weights.sort_values(["subsystem", "dimension", "weight"], ascending=[True, True, False])
    frame = pd.DataFrame(
        {
            word("subsystem", lang): order["subsystem"].map(lambda s: word(s, lang)),
            word("dimension", lang): order[_choose(lang, "dimension_en", "dimension_zh")],
            word("indicator", lang): order[lang],
            word("direction", lang): order["direction"].replace("-", "−"),
            word("weight", lang): order["weight_entropy"],
            word("weight_equal", lang): order["weight_equal"],
            word("weight_cv", lang): order["weight_cv"],
            word("weight_critic", lang): order["weight_critic"],
        }
    )
    return Table(
        frame,
        _choose(lang, "Indicator system and weights", "指标体系与权重"),
        _choose(
            lang,
            "Weights sum to 1 within a subsystem; bounds and weights are taken over all "
            "county-years of the base window.",
            "权重在各子系统内合计为1；极值与权重基于基准窗口内全部县年观测。",
        ),
    )


def descriptive_statistics(panel: pd.DataFrame, lang: str) -> Table:
    """Table of N, mean, standard deviation, minimum, median and maximum by year.

    Parameters
    ----------
    panel : DataFrame
        `county_panel`; every column that counts or measures is described.
    """
    years = (panel["year"].min(), panel["year"].max())
    variables = [
        name
        for name in panel.select_dtypes("number").columns
        if name not in ("year", "delisted_year", "lon", "lat")
    ]
    rows = []
    for variable in variables:
        for year in years:
            x = panel.loc[panel["year"] == year, variable].dropna()
            if x.empty:
                continue
            values = (len(x), x.mean(), x.std(), x.min(), x.median(), x.max())
            rows.append((label(variable, lang), unit(variable), year, *values))
    heads = ("variable", "unit", "year", "n", "mean", "sd", "minimum", "median", "maximum")
    return Table(
        pd.DataFrame(rows, columns=[word(head, lang) for head in heads]),
        _choose(lang, "Descriptive statistics", "描述性统计"),
        _choose(lang, "Counties unweighted, first and last year.", "县级未加权，首末两年。"),
        decimals=2,
    )


def panel_models(estimates: pd.DataFrame, lang: str) -> Table:
    """Table of panel models: one row per model and term, one column per standard error.

    Parameters
    ----------
    estimates : DataFrame
        `panel_estimates` of the revitalization score.
    """
    slopes = estimates[estimates["term"] != "const"]
    heads = {e: (ERRORS[e].label_zh if lang == "zh" else ERRORS[e].label_en) for e in ERRORS}
    heads["province"] = _choose(lang, "Clustered by province", "省级聚类")
    errors = [error for error in dict.fromkeys(slopes["error_type"])]
    rows = []
    for (model, term), group in slopes.groupby(["model", "term"], sort=False):
        se = group.set_index("error_type")["se"]
        first = group.iloc[0]
        name = MODELS[str(model)].label_zh if lang == "zh" else MODELS[str(model)].label_en
        rows.append(
            (name, label(str(term), lang), first["estimate"], *se.reindex(errors), first["n"])
        )
    columns = [word("model", lang), word("term", lang), word("estimate", lang)]
    columns += [f"SE: {heads[error]}" for error in errors] + [word("n", lang)]
    return Table(
        pd.DataFrame(rows, columns=columns),
        _choose(
            lang,
            "Panel models of the revitalization score",
            "乡村振兴得分的面板模型",
        ),
        _choose(
            lang,
            "Clustered errors: V = G/(G-1) (N-1)/(N-K) sandwich, county effects nested in clusters "
            "not counted in K. All county-level units with an index, urban districts included. "
            "A missing error was refused; the table panel_estimates says why. "
            "An association, not an effect: the regressor is not assigned at random.",
            "聚类标准误：V = G/(G-1)·(N-1)/(N-K) 夹心估计，嵌套于聚类的县效应不计入K。"
            "样本为有指数的全部县级单位，含市辖区。缺失的标准误不可计算，原因见 panel_estimates。"
            "结果为相关关系，而非因果效应。",
        ),
    )


def counted(n: pd.Series) -> str:
    """Return the number of observations, or its range over rungs."""
    low, high = int(n.min()), int(n.max())
    return f"{high:,}" if low == high else f"{low:,}–{high:,}"


def control_names(estimates: pd.DataFrame, lang: str) -> str:
    """Return the labels of the baseline controls that all outcomes of a ladder share."""
    used = [set(text.split(", ")) for text in estimates["controls"] if text and text != "none"]
    shared = sorted(set.intersection(*used)) if used else []
    names = [
        label(name.removeprefix("log "), lang) + (" (log)" if name.startswith("log ") else "")
        for name in shared
    ]
    return "、".join(names) if lang == "zh" else ", ".join(names).lower()


def ladder(estimates: pd.DataFrame, lang: str) -> Table:
    """Table of the ladder of controls: estimate and standard error per rung.

    Parameters
    ----------
    estimates : DataFrame
        `ladder_estimates`.
    """
    rungs = [rung for rung in RUNGS if rung in set(estimates["rung"])]
    rows = []
    for outcome, group in as_shown(estimates).groupby("outcome", sort=False):
        by_rung = group.set_index("rung")
        cells = [
            f"{printed(estimate, 2)} ({printed(se, 2)})"
            for estimate, se in by_rung.loc[rungs, ["estimate", "se"]].to_numpy()
        ]
        measured = unit_label(str(group["unit"].iloc[0]), lang)
        rows.append((label(str(outcome), lang), measured, *cells, counted(by_rung["n"])))
    heads = [word(rung, lang) for rung in rungs]
    clusters = word(f"by_{estimates['cluster'].iloc[0]}", lang)
    controls = control_names(estimates, lang)
    columns = [word("outcome", lang), word("unit", lang), *heads, word("n", lang)]
    return Table(
        pd.DataFrame(rows, columns=columns),
        _choose(
            lang,
            "Change of outcomes and designation as a poverty county, ladder of controls",
            "结果变量的变化与贫困县身份：逐级控制",
        ),
        _choose(
            lang,
            "Coefficient of designation on the change between the first and the last year among "
            "counties that were rural in the first; in brackets the standard error clustered by "
            f"{clusters}, G/(G-1) (N-1)/(N-K), t with G - 1 degrees of freedom. Baseline: level of "
            f"the outcome and {controls} in the first year. N falls where a county is alone in its "
            "prefecture. Designation was not random and no earlier trend can be tested.",
            "首末年变化对贫困县身份的回归系数，样本为首年的乡村县；括号内为按"
            f"{clusters}聚类的标准误，G/(G-1)·(N-1)/(N-K)，t 分布自由度 G - 1。"
            f"基期控制：首年的结果变量水平及{controls}。所在地市仅有一县者在地市效应一列剔除。"
            "贫困县并非随机认定，两期数据无法检验事前趋势。",
        ),
    )
