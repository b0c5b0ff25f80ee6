"""Publication table of the main specifications by family of outcomes, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.models.specification_labels import choice_label, outcome_label, outcome_unit
from analysis.tables import Table

FAMILIES: Mapping[str, tuple[str, str]] = {
    "development": ("Development", "发展"),
    "housing": ("Housing", "住房"),
    "education": ("Education", "教育"),
    "work": ("Work", "就业"),
    "linkage": ("Linkage", "衔接"),
}
"""Names of families; another family is shown under the name that it was declared with."""
WORDS: Mapping[str, tuple[str, str]] = {
    "family": ("Family", "检验族"),
    "outcome": ("Outcome", "结果变量"),
    "unit": ("Unit", "单位"),
    "estimate": ("Gap", "差异"),
    "se": ("SE", "标准误"),
    "truth": ("Truth", "真值"),
    "p_value": ("p", "p"),
    "p_bootstrap": ("p, wild bootstrap", "p（野自助法）"),
    "p_holm": ("Holm", "Holm"),
    "p_benjamini_hochberg": ("Benjamini-Hochberg", "BH"),
    "p_romano_wolf": ("Romano-Wolf, by lot", "Romano-Wolf（抽签）"),
    "p_romano_wolf_bootstrap": ("Romano-Wolf, bootstrap", "Romano-Wolf（自助法）"),
    "n": ("N", "样本量"),
    "clusters": ("Clusters", "聚类数"),
    "caption": (
        "Designation and the change of outcomes, tests adjusted by family",
        "贫困县身份与各结果变量的变化：按检验族校正",
    ),
    "notes": (
        "Change ({years}), designated minus other counties; sample: {sample}; controls: "
        "{controls}; {estimator}; weights of counties: {weights}; errors clustered by {cluster}, "
        "t with clusters - 1 degrees of freedom. Wild bootstrap: clusters, null imposed. Adjusted "
        "for the outcomes of the family: Holm and Benjamini-Hochberg from p, Romano-Wolf from "
        "designation drawn by lot within provinces and from the bootstrap. An index has no "
        "components among its controls. Designation was not random, poor counties were catching "
        "up, and all were delisted by 2020: no causal effect is claimed.",
        "变化（{years}），贫困县与其他县之差；样本：{sample}；控制变量：{controls}；{estimator}；"
        "样本加权：{weights}；标准误按{cluster}聚类，t 分布自由度为聚类数减 1。"
        "野自助法：按聚类，施加原假设。族内校正：Holm 与 BH 基于 p，"
        "Romano-Wolf 分别基于省内随机抽签认定与自助法。指数不以其组成指标为控制变量。"
        "贫困县并非随机认定，此前已在追赶，且 2020 年全部摘帽，不能解释为因果效应。",
    ),
}  # fmt: skip


def families_table(tests: pd.DataFrame, lang: str, *, truth: pd.Series | None = None) -> Table:
    """Build the table of the main specification of each outcome.

    Parameters
    ----------
    tests : DataFrame
        From `specification_report.main_tests`.
    lang : str
        `en` or `zh`.
    truth : Series, optional
        True gaps by outcome; adds a column.
    """
    zh = lang == "zh"
    first = tests.iloc[0]
    columns: dict[str, pd.Series | list[str]] = {
        "family": [FAMILIES.get(name, (name, name))[zh] for name in tests["family"]],
        "outcome": [outcome_label(name, lang) for name in tests["outcome"]],
        "unit": [outcome_unit(name, lang) for name in tests["unit"]],
        "estimate": tests["estimate"], "se": tests["se"],
    }  # fmt: skip
    if truth is not None:
        columns["truth"] = tests["outcome"].map(truth).astype(np.float64)
    shown = [*list(WORDS)[6:12], "n", "clusters"]
    columns |= {name: tests[name] for name in shown}
    told = {
        name: choice_label(name, str(first[name]), lang)
        for name in ("years", "sample", "controls", "estimator", "weights", "cluster")
    }
    frame = pd.DataFrame({WORDS[name][zh]: values for name, values in columns.items()})
    digits = 4 if tests["estimate"].abs().max() < 1 else 2
    decimals = {WORDS[name][zh]: digits for name in ("estimate", "se", "truth")}
    return Table(frame, WORDS["caption"][zh], WORDS["notes"][zh].format(**told), decimals)
