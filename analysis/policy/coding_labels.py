"""Texts of the figures of coded policy texts, in English and Chinese."""

from __future__ import annotations

import re

from analysis.labels import Texts, in_language

NAMES: Texts = {
    "scope": {"en": "In scope", "zh": "相关段落"},
    "supply": {"en": "Supply", "zh": "供给型"},
    "environment": {"en": "Environment", "zh": "环境型"},
    "demand": {"en": "Demand", "zh": "需求型"},
    "industry": {"en": "Industry", "zh": "产业"},
    "talent": {"en": "Talent", "zh": "人才"},
    "culture": {"en": "Culture", "zh": "文化"},
    "ecology": {"en": "Ecology", "zh": "生态"},
    "organization": {"en": "Organization", "zh": "组织"},
    "none": {"en": "none", "zh": "无"},
    "nature": {"en": "Nature", "zh": "政策性质"},
    "horizon": {"en": "Horizon", "zh": "政策时效"},
    "fields": {"en": "Fields", "zh": "政策领域"},
    "instruments": {"en": "Instruments", "zh": "政策工具"},
    "levels": {"en": "Levels", "zh": "政策层级"},
    "addressees": {"en": "Addressees", "zh": "政策对象"},
    "guarantees": {"en": "Guarantees", "zh": "政策保障"},
    "evaluation": {"en": "Evaluation", "zh": "政策评价"},
    "linkage": {"en": "Linkage", "zh": "政策衔接"},
}
REPORT = {"en": "Work report {year}", "zh": "{year} 年政府工作报告"}
GROUP_LABELS: Texts = {
    "report": {"en": "All work reports", "zh": "全部政府工作报告"},
    "report_to_2012": {"en": "Work reports to 2012", "zh": "政府工作报告（至 2012 年）"},
    "report_2013_2017": {"en": "Work reports 2013–2017", "zh": "政府工作报告（2013–2017 年）"},
    "report_from_2018": {"en": "Work reports from 2018", "zh": "政府工作报告（2018 年起）"},
    "no1_2018": {"en": "No. 1 document 2018", "zh": "2018 年中央一号文件"},
    "law_revitalization_2021": {"en": "Promotion Law 2021", "zh": "乡村振兴促进法（2021）"},
    "law_cooperatives_2017": {"en": "Cooperatives Law 2017", "zh": "农民专业合作社法（2017）"},
    "regulation_henan_2017": {"en": "Henan regulation 2017", "zh": "河南省扶贫开发条例（2017）"},
    "regulation_guangdong_2022": {
        "en": "Guangdong regulation 2022",
        "zh": "广东省乡村振兴促进条例（2022）",
    },
    "all": {"en": "All texts", "zh": "全部文本"},
    "no1": {"en": "No. 1 document 2018", "zh": "2018 年中央一号文件"},
    "law": {"en": "Two laws", "zh": "两部法律"},
    "regulation": {"en": "Two provincial regulations", "zh": "两部省级条例"},
    "to_2012": {"en": "Work reports to 2012", "zh": "政府工作报告（至 2012 年）"},
    "2013_2017": {"en": "Work reports 2013–2017", "zh": "政府工作报告（2013–2017 年）"},
    "2018_2020": {"en": "Work reports 2018–2019", "zh": "政府工作报告（2018–2019 年）"},
    "from_2021": {"en": "Work reports from 2021", "zh": "政府工作报告（2021 年起）"},
}
TEXTS: dict[str, Texts] = {
    "instrument_heatmap": {
        "panel": {"en": "{group}\n(n = {n:,})", "zh": "{group}\n(n = {n:,})"},
        "share": {"en": "Sentences in scope (%)", "zh": "占相关句子的比例（%）"},
        "note": {
            "en": "n: sentences in scope; numbers: sentences with both classes. A sentence may "
            "have several classes, so shares do not add up. Coded by a dictionary of words, whose "
            "errors are measured on a labelled sample.",
            "zh": "n：相关句子数；数字：同时属于两类的句子数。一句可属多类，故比例之和不为 100%。"
            "由词典编码，其误差以标注样本测得。",
        },
    },
    "quality_plot": {
        "precision": {"en": "Precision", "zh": "精确率"},
        "recall": {"en": "Recall", "zh": "召回率"},
        "test": {"en": "test, drawn after the dictionary was fixed",
                 "zh": "测试样本（词典确定之后抽取）"},
        "development": {"en": "development", "zh": "开发样本"},
        "note": {
            "en": "Weighted by the inverse of the chance to be drawn, 95% Wilson intervals. "
            "Numbers at the right: passages of the test sample, flagged (precision) or labelled "
            "(recall). One reader, a language model, labelled all passages; no person has checked "
            "the labels yet. The development sample shaped the dictionary, so its values flatter.",
            "zh": "按抽样概率的倒数加权，95% Wilson 置信区间。"
            "右侧数字：测试样本中被词典标记（精确率）或标注（召回率）的句子数。"
            "全部句子由同一语言模型阅读标注，尚未经人核对。开发样本用于编制词典，其数值偏高。",
        },
    },
    "linkage_plot": {
        "sentence": {"en": "a  In one sentence", "zh": "a  同一句子"},
        "paragraph": {"en": "b  In one paragraph", "zh": "b  同一段落"},
        "lift": {"en": "Observed / expected by chance", "zh": "观测数／随机期望数"},
        "all": {"en": "all terms", "zh": "全部词语"},
        "without_linkage_terms": {
            "en": "without the terms of linkage",
            "zh": "剔除衔接类词语",
        },
        "within": {"en": "{terms}, chance within texts", "zh": "{terms}，按文本内随机"},
        "note": {
            "en": "Windows that use words of alleviation and of revitalization, against chance: "
            "filled marks over all windows of the group, with 95% intervals over texts where there "
            "are five or more; open marks within each text. Numbers: windows observed / expected "
            "within texts. Groups in which either vocabulary is all but absent are left out.",
            "zh": "同时使用扶贫与振兴两类词语的窗口数与随机期望之比：实心标记以组内全部窗口为基准，"
            "文本不少于五篇时附按文本重抽样的 95% 区间；空心标记以各文本内部为基准。"
            "数字：观测窗口数／文本内期望数。任一类词语几乎不出现的组未列出。",
        },
    },
    "ranking_plot": {
        "rank": {"en": "Rank (1 = highest score)", "zh": "名次（1 为最高分）"},
        "first": {"en": "first (%)", "zh": "居首（%）"},
        "weights": {"en": "weights ({n:,})", "zh": "权重（{n:,}）"},
        "subsets": {"en": "variables ({n:,})", "zh": "变量（{n:,}）"},
        "thresholds": {"en": "thresholds ({n:,})", "zh": "阈值（{n:,}）"},
        "all": {"en": "all ({n:,})", "zh": "全部（{n:,}）"},
        "note": {
            "en": "Left: share of sub-variables that a text shows at least once, and the sum (in "
            "brackets). Right: median and 95% range of ranks under other choices; in brackets the "
            "number of rankings. Longer texts show more. The score says how much a text mentions, "
            "not how good a policy is.",
            "zh": "左：文本至少出现一次的二级变量比例，括号内为总分。右：其他选择下名次的中位数与 "
            "95% 范围；括号内为排序次数。文本越长，涉及越多。得分只反映文本提及的多少，"
            "不反映政策的优劣。",
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


def group_label(name: str, lang: str) -> str:
    """Return how a document or a group of documents is called; reports by their year."""
    if name in GROUP_LABELS:
        return GROUP_LABELS[name][lang]
    year = re.fullmatch(r"report_(\d{4})", name)
    return REPORT[lang].format(year=year[1]) if year else name
