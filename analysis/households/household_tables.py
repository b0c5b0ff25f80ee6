"""Publication tables of the lesson, of vulnerability and of the risk of poverty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.exhibits import printed
from analysis.geography import require_columns
from analysis.households.household_labels import item_label
from analysis.households.lesson import ERRORS, MODELS, Lesson
from analysis.households.risk_labels import risk_name
from analysis.labels import LANGUAGES
from analysis.tables import Table

_HEADS = {
    "model": ("Model", "模型"),
    "outcome": ("Outcome", "结果变量"),
    "term": ("Regressor", "解释变量"),
    "estimate": ("Estimate", "估计值"),
    "se": ("SE", "标准误"),
    "ci_low": ("95% low", "95% 下限"),
    "ci_high": ("95% high", "95% 上限"),
    "truth": ("Truth", "真值"),
    "n": ("N", "样本量"),
    "rule": ("Rule", "规则"),
    "measure": ("Measure", "指标"),
    "value": ("Value", "数值"),
    "equation": ("Equation", "方程"),
    "subgroup": ("Group", "组别"),
    "deff": ("Design effect", "设计效应"),
    "n_psu": ("Primary units", "初级抽样单位"),
}
MAIN_MEASURES = ("H", "A", "M0", "FGT0", "FGT1", "FGT2", "mean_income", "gini")


def _head(key: str, lang: str) -> str:
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    return _HEADS[key][lang == "zh"]


def measures_table(measured: pd.DataFrame, lang: str) -> Table:
    """Build the table of the main measures, a row per group and measure.

    Parameters
    ----------
    measured : DataFrame
        As `household_report.group_table`.
    lang : str
        `en` or `zh`.
    """
    everybody = item_label("all", lang)
    rows = measured[measured["measure"].isin(MAIN_MEASURES) & (measured["item"] == "")]
    kept = [
        "subgroup",
        "measure",
        "value",
        "se",
        "ci_low",
        "ci_high",
        "truth",
        "deff",
        "n",
        "n_psu",
    ]
    frame = rows[[name for name in kept if name in rows]].assign(
        subgroup=rows["subgroup"].replace("", everybody).str.replace("year ", "", regex=False),
        measure=[item_label(name, lang) for name in rows["measure"]],
    )
    notes = (
        "以人口计：权重乘以家庭人口。标准误考虑分层、村与权重（泰勒线性化）；"
        "H、A、M0、FGT 与基尼系数取值 0 到 1，平均收入为元。真值仅见于模拟数据。"
        if lang == "zh"
        else "Persons count: weight times household size. Errors for strata, villages and weights "
        "(Taylor linearisation); H, A, M0, FGT and Gini from 0 to 1, mean income in yuan. Truth: "
        "simulated data only."
    )
    caption = "家庭贫困与不平等" if lang == "zh" else "Poverty and inequality of households"
    return Table(_named(frame, lang), caption, notes)


def lesson_table(lesson: Lesson, lang: str) -> Table:
    """Build the table of the lesson: a row per model, a column per kind of error.

    Parameters
    ----------
    lesson : Lesson
    lang : str
        `en` or `zh`.
    """
    rows = []
    for model, own in lesson.estimates.groupby("model", sort=False):
        errors = own.set_index("error_type")["se"]
        outcome, term = (risk_name(name, lang) for name in MODELS[str(model)])
        first = own.iloc[0]
        rows.append(
            (risk_name(str(model), lang), outcome, term, first["estimate"],
             *errors.reindex(list(ERRORS)), first["n"])
        )  # fmt: skip
    heads = [_head(key, lang) for key in ("model", "outcome", "term", "estimate")]
    heads += [f"{_head('se', lang)}: {risk_name(kind, lang)}" for kind in ERRORS]
    frame = pd.DataFrame(rows, columns=[*heads, _head("n", lang)])
    caption = (
        "水稻种植户的保险决策：村级聚类标准误与工具变量"
        if lang == "zh"
        else "Insurance among rice farmers: village-clustered errors and an instrument"
    )
    return Table(frame, caption, _lesson_notes(lesson, lang))


def _lesson_notes(lesson: Lesson, lang: str) -> str:
    tests, counts = lesson.tests.set_index(["test", "error_type"]), lesson.counts
    values = {kind: float(tests["value"][("first_stage_F", kind)]) for kind in ERRORS}
    strength = ("；" if lang == "zh" else "; ").join(
        f"{risk_name(kind, lang)} {printed(value, 1)}" for kind, value in values.items()
    )
    clustered = "natural_village"
    ends = [float(tests[end][("anderson_rubin", clustered)]) for end in ("low", "high")]
    low, high = (_printed_end(end, lang) for end in ends)
    p_value = printed(float(tests["p_value"][("endogeneity", clustered)]), 2)
    if lang == "zh":
        return (
            f"Cai, de Janvry & Sadoulet（2015）的 {counts['rows']:,} 户，因缺失剔除 "
            f"{counts['missing']} 户。各模型均含户特征与行政村固定效应。首轮默认选项在 "
            f"{counts['natural_villages']} 个自然村间随机分配，{counts['villages']} 个行政村。"
            "聚类标准误：G/(G-1)·(n-1)/(n-k)。工具变量的第一阶段 F 值："
            f"{strength}。按自然村聚类的 Anderson-Rubin 95% 区间 {low} 至 {high}；"
            f"内生性检验 p = {p_value}。本数据为保险数据，并非贫困数据。"
        )
    return (
        f"{counts['rows']:,} households of Cai, de Janvry & Sadoulet (2015), {counts['missing']} "
        "left out for missing values. All models hold characteristics of the household and effects "
        "of administrative villages. The default of the first round was assigned at random among "
        f"{counts['natural_villages']} natural villages, in {counts['villages']} administrative "
        "ones. Clustered errors: G/(G-1) (n-1)/(n-k). F of the instrument in the first stage, by "
        f"kind of error: {strength}. Clustered by natural village, the Anderson-Rubin 95% interval "
        f"runs from {low} to {high}; test of endogeneity p = {p_value}. Insurance data, not "
        "poverty data."
    )


def _printed_end(end: float, lang: str) -> str:
    """Return an end of an interval; a word where it is unbounded."""
    if np.isfinite(end):
        return printed(end, 2)
    return "无界" if lang == "zh" else "no bound"


def risk_table(
    coefficients: pd.DataFrame,
    lang: str,
    *,
    training_years: Sequence[int],
    truth: pd.DataFrame | None = None,
) -> Table:
    """Build the table of the logit of becoming poor.

    Parameters
    ----------
    coefficients : DataFrame
        `logit.LogitFit.coefficients`.
    lang : str
        `en` or `zh`.
    training_years : sequence of int
    truth : DataFrame, optional
        term and truth, where the process is known.
    """
    kept = ["term", "estimate", "se", "ci_low", "ci_high"]
    require_columns(coefficients, kept, "coefficients")
    frame = coefficients[kept]
    if truth is not None:
        frame = frame.merge(truth[["term", "truth"]], on="term", how="left")
    frame = frame.assign(term=[risk_name(term, lang) for term in frame["term"]])
    years = ", ".join(str(year) for year in training_years)
    caption = "一年后陷入贫困的 logit 模型" if lang == "zh" else "Logit of being poor a year later"
    notes = (
        f"样本为 {years} 年未贫困的家庭，抽样权重加权，标准误考虑分层与初级抽样单位。"
        "系数为对数优势比，属于相关关系而非因果效应。"
        if lang == "zh"
        else f"Households not poor in {years}, weighted; errors for strata and primary units. "
        "Coefficients are log odds ratios: associations that forecast, not effects."
    )
    return Table(_named(frame, lang), caption, notes)


def _named(frame: pd.DataFrame, lang: str) -> pd.DataFrame:
    return frame.rename(columns={str(name): _head(str(name), lang) for name in frame})


def risk_scores_table(scores: pd.DataFrame, lang: str, *, year: int) -> Table:
    """Build the table of the scores of a forecast.

    Parameters
    ----------
    scores : DataFrame
        `risk_scores.risk_scores`.
    lang : str
        `en` or `zh`.
    year : int
        Test year.
    """
    kept = ["measure", "rule", "value", "se", "ci_low", "ci_high"]
    require_columns(scores, kept, "scores")
    frame = scores[kept].assign(
        measure=[risk_name(name, lang) for name in scores["measure"]],
        rule=[risk_name(name, lang) for name in scores["rule"]],
    )
    caption = "贫困风险预测的评价" if lang == "zh" else "How good the forecast of poverty was"
    notes = (
        f"{year} 年未贫困的家庭及其一年后的状况。完全校准时截距为 0、斜率为 1；"
        "Brier 技能得分以训练期基准率为参照，0 表示没有改进。两种规则监测的户数大致相同。"
        if lang == "zh"
        else f"Households not poor in {year} and what became of them a year later. A calibrated "
        "forecast has intercept 0 and slope 1; Brier skill compares with the base rate of the "
        "training years, 0 is no gain. Both rules watch about the same number of households."
    )
    return Table(_named(frame, lang), caption, notes)


def vulnerability_table(coefficients: pd.DataFrame, lang: str, *, year: int) -> Table:
    """Build the table of the mean and the variance of log income.

    Parameters
    ----------
    coefficients : DataFrame
        `vulnerability.VulnerabilityFit.coefficients`.
    lang : str
        `en` or `zh`.
    year : int
        Of the cross-section.
    """
    kept = ["equation", "term", "estimate", "se", "ci_low", "ci_high"]
    require_columns(coefficients, kept, "coefficients")
    frame = coefficients[kept].assign(
        equation=[risk_name(name, lang) for name in coefficients["equation"]],
        term=[risk_name(name, lang) for name in coefficients["term"]],
    )
    caption = (
        "对数收入的均值与方差（脆弱性估计）" if lang == "zh"
        else "Mean and variance of log income, from which vulnerability follows"
    )  # fmt: skip
    notes = (
        f"{year} 年截面，三步可行广义最小二乘（Chaudhuri, Jalan & Suryahadi 2002），抽样权重加权。"
        "方法把户间差异当作同一户随时间变化的风险，包含未观测的持久差异与测量误差。"
        if lang == "zh"
        else f"Cross-section of {year}, feasible generalised least squares in three steps "
        "(Chaudhuri, Jalan & Suryahadi 2002), weighted. Differences between households are read as "
        "risk of one household over time; lasting differences and errors of measurement count in."
    )
    return Table(_named(frame, lang), caption, notes)
