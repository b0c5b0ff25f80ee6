"""Texts of the household figures, and names of the indicators of the simulated survey."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.labels import Texts, in_language, texts

NAMES: Texts = {
    "education": {"en": "Education", "zh": "教育"},
    "health": {"en": "Health", "zh": "健康"},
    "living": {"en": "Living conditions", "zh": "生活条件"},
    "income": {"en": "Income", "zh": "收入"},
    "school_dropout": {"en": "Child out of school", "zh": "子女失学辍学"},
    "low_schooling": {"en": "No adult with six years of school", "zh": "成人均未读满六年书"},
    "no_insurance": {"en": "Without medical insurance", "zh": "未参加基本医疗保险"},
    "serious_illness": {"en": "Serious illness", "zh": "有大病患者"},
    "unsafe_housing": {"en": "Unsafe housing", "zh": "住房不安全"},
    "unsafe_water": {"en": "Unsafe drinking water", "zh": "饮水不安全"},
    "no_sanitary_toilet": {"en": "No sanitary toilet", "zh": "无卫生厕所"},
    "solid_fuel": {"en": "Cooks with solid fuel", "zh": "使用固体燃料做饭"},
    "overcrowded": {"en": "Overcrowded", "zh": "住房拥挤"},
    "few_assets": {"en": "Few assets", "zh": "缺少耐用品"},
    "low_income": {"en": "Income below the line", "zh": "收入低于贫困线"},
    "all": {"en": "All", "zh": "全部"},
    "urban 0": {"en": "rural", "zh": "乡村"},
    "urban 1": {"en": "urban", "zh": "城镇"},
    "H": {"en": "Headcount H", "zh": "贫困发生率 H"},
    "A": {"en": "Intensity A", "zh": "贫困强度 A"},
    "M0": {"en": "Adjusted headcount M0", "zh": "多维贫困指数 M0"},
    "FGT0": {"en": "Income poverty", "zh": "收入贫困发生率"},
    "FGT1": {"en": "Poverty gap", "zh": "贫困差距"},
    "FGT2": {"en": "Squared poverty gap", "zh": "贫困差距平方"},
    "mean_income": {"en": "Mean income", "zh": "平均收入"},
    "gini": {"en": "Gini coefficient", "zh": "基尼系数"},
}

TEXTS: dict[str, Texts] = {
    "deprivation_profile": {
        "axis": {"en": "Share of people (%)", "zh": "人口占比（%）"},
        "uncensored": {"en": "deprived", "zh": "被剥夺"},
        "censored": {"en": "poor and deprived", "zh": "贫困且被剥夺"},
        "note": {
            "en": "Wide light bar: people deprived in the indicator; narrow dark bar: people who "
            "are multidimensionally poor and deprived in it. Lines: 95% intervals for the survey "
            "design.",
            "zh": "浅色宽条：在该指标上被剥夺的人口；深色窄条：多维贫困且在该指标上被剥夺的人口。"
            "横线：考虑抽样设计的 95% 置信区间。",
        },
    },
    "contribution_bars": {
        "axis": {"en": "Share of M0 (%)", "zh": "对 M0 的贡献率（%）"},
        "none": {"en": "Nobody is poor", "zh": "无贫困人口"},
        "note": {
            "en": "Contribution of each part to the adjusted headcount M0 (Alkire & Foster 2011): "
            "its weight times the share of people who are poor and deprived in it, over M0. "
            "Numbers below 6 are not printed. A share says nothing about the level of M0.",
            "zh": "各部分对多维贫困指数 M0 的贡献率（Alkire & Foster 2011）：权重乘以贫困且被剥夺"
            "人口占比，再除以 M0。小于 6 的数字未标。贡献率不反映 M0 的高低。",
        },
    },
    "robustness_plot": {
        "all": {"en": "All", "zh": "全部"},
    "urban 0": {"en": "rural", "zh": "乡村"},
    "urban 1": {"en": "urban", "zh": "城镇"},
    "H": {"en": "a  Headcount H (%)", "zh": "a  贫困发生率 H（%）"},
        "M0": {"en": "b  Adjusted headcount M0 (%)", "zh": "b  多维贫困指数 M0（%）"},
        "k": {"en": "Poverty cut-off k", "zh": "贫困临界值 k"},
        "note": {
            "en": "A household is poor if its weighted deprivations reach k; dashed: k = {cutoff} "
            "of this study. Bands: 95% intervals for the survey design.",
            "zh": "加权剥夺得分达到 k 的家庭为贫困户；虚线：本研究的 k = {cutoff}。"
            "阴影：考虑抽样设计的 95% 置信区间。",
        },
        "truth": {
            "en": "Crosses: the value in the simulated population.",
            "zh": "叉号：模拟总体中的真值。",
        },
    },
    "poverty_map": {
        "value": {"en": "a  M0 (%), {year}", "zh": "a  M0（%），{year} 年"},
        "error": {
            "en": "b  Half width of the 95% interval (points)",
            "zh": "b  95% 置信区间半宽（百分点）",
        },
        "over": {"en": "over {low:g}", "zh": "超过 {low:g}"},
        "outside": {"en": "Not surveyed", "zh": "不在调查范围"},
        "missing": {"en": "No interval, or too few villages", "zh": "无置信区间或样本村过少"},
        "note": {
            "en": "{count:,} counties, M0 as measured in each by the households of its own sampled "
            "villages (median {median:.0f}). Both maps have one scale; classes hold their lower "
            "bound. Where the half width is as large as M0, a county cannot be ranked.",
            "zh": "{count:,} 个县，M0 仅据各县样本村（中位数 {median:.0f} 个）的家庭估计。"
            "两图同一分级，各级含下限。半宽与 M0 相当的县不宜排名。",
        },
    },
    "coverage_plot": {
        "design": {"en": "Survey design", "zh": "考虑抽样设计"},
        "weights": {"en": "Weights, design ignored", "zh": "加权，忽略分层与聚类"},
        "unweighted": {"en": "Unweighted, design ignored", "zh": "不加权，忽略抽样设计"},
        "coverage": {
            "en": "a  Coverage of 95% intervals (%)",
            "zh": "a  95% 置信区间的覆盖率（%）",
        },
        "ratio": {
            "en": "b  Mean standard error / standard deviation",
            "zh": "b  平均标准误与标准差之比",
        },
        "row": {"en": "{measure}, {group}", "zh": "{measure}，{group}"},
        "note": {
            "en": "{count:,} samples of about {households:,.0f} households from one simulated "
            "population whose values are known. Grey band: {low:.0%} to {high:.0%}; lines: Monte "
            "Carlo error (95%). Ratio 1: the standard error is right.",
            "zh": "从真值已知的同一模拟总体中抽取 {count:,} 个样本，每个约 {households:,.0f} 户。"
            "灰带：{low:.0%} 至 {high:.0%}；线：蒙特卡洛误差（95%）。比值为 1 表示标准误正确。",
        },
    },
}  # fmt: skip


def figure_texts(figure: str, lang: str) -> dict[str, str]:
    """Return the texts of one figure in one language.

    Raises
    ------
    ValueError
        If the language is unknown.
    """
    return in_language(TEXTS[figure], lang)


def item_label(name: str, lang: str, labels: Mapping[str, str] | None = None) -> str:
    """Return the name of an indicator, dimension or measure as it is printed.

    Parameters
    ----------
    name : str
    lang : str
        ``"en"`` or ``"zh"``.
    labels : mapping, optional
        Names of a study's own; they come first. What nobody names is printed as it stands.

    Returns
    -------
    str
    """
    return (labels or {}).get(name) or NAMES.get(name, {}).get(lang) or name


def label_groups(
    estimates: pd.DataFrame, lang: str, *, labels: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Add a column label that names the group of each row.

    Parameters
    ----------
    estimates : DataFrame
        Rows of `measures.measure`; its columns before `group` are the concepts.
    lang : str
        ``"en"`` or ``"zh"``.
    labels : mapping, optional
        Names of values, such as ``"urban 1"``, and of everybody (``"all"``).

    Returns
    -------
    DataFrame
        A copy.
    """
    concepts = list(estimates.columns[: list(estimates.columns).index("group")])
    printed = []
    for row in estimates[concepts].itertuples(index=False):
        known = [(c, v) for c, v in zip(concepts, row, strict=True) if not pd.isna(v)]
        words = [_value_label(c, v, lang, labels) for c, v in known]
        printed.append(" ".join(words) or item_label("all", lang, labels))
    return estimates.assign(label=printed)


def _value_label(concept: str, value: object, lang: str, labels: Mapping[str, str] | None) -> str:
    key = f"{concept} {value}"
    named = item_label(key, lang, labels)
    return str(value) if named == key else named


def boundary_note(lang: str) -> str:
    """Return the source of the boundaries, as the other maps of counties print it."""
    note = texts("coordination_maps", lang)["note"]
    return note[note.index("Boundaries" if lang == "en" else "行政区划") :]
