"""Texts of the figures and tables on risk, vulnerability and the lesson, in English and Chinese."""

from __future__ import annotations

from analysis.households.household_labels import NAMES as HOUSEHOLD_NAMES
from analysis.labels import Texts, in_language

NAMES: Texts = {
    "intercept": {"en": "Intercept", "zh": "截距"},
    "const": {"en": "Constant", "zh": "常数项"},
    "log_income_ratio": {"en": "ln(income / poverty line)", "zh": "ln（收入／贫困线）"},
    "migrant_worker": {"en": "Has a migrant worker", "zh": "有外出务工人员"},
    "urban": {"en": "Urban", "zh": "城镇"},
    "persons": {"en": "Household size", "zh": "家庭人口"},
    "all": {"en": "All at risk", "zh": "全部"},
    "low_schooling 0": {"en": "schooling of six years", "zh": "有成人读满六年书"},
    "low_schooling 1": {"en": "no adult with six years", "zh": "成人均未读满六年书"},
    "serious_illness 0": {"en": "no serious illness", "zh": "无大病患者"},
    "serious_illness 1": {"en": "serious illness", "zh": "有大病患者"},
    "migrant_worker 0": {"en": "no migrant worker", "zh": "无外出务工人员"},
    "migrant_worker 1": {"en": "migrant worker", "zh": "有外出务工人员"},
    "poor_before 0": {"en": "never seen poor before", "zh": "此前各期均未贫困"},
    "poor_before 1": {"en": "poor in an earlier wave", "zh": "此前某期曾贫困"},
    "logit": {"en": "Logit of the panel", "zh": "面板 logit 模型"},
    "vulnerability": {"en": "Vulnerability, one cross-section", "zh": "脆弱性（单期截面）"},
    "model": {"en": "Highest risks", "zh": "风险最高者"},
    "monitoring": {"en": "Income below monitoring line", "zh": "收入低于监测线"},
    "prevalence": {"en": "Poor a year later", "zh": "一年后贫困"},
    "watched": {"en": "Households watched", "zh": "被监测户占比"},
    "recall": {"en": "Recall", "zh": "召回率"},
    "precision": {"en": "Precision", "zh": "精确率"},
    "brier": {"en": "Brier score", "zh": "Brier 得分"},
    "brier_skill": {"en": "Brier skill", "zh": "Brier 技能得分"},
    "average_precision": {"en": "Average precision (PR-AUC)", "zh": "平均精确率（PR-AUC）"},
    "calibration_intercept": {"en": "Calibration intercept", "zh": "校准截距"},
    "calibration_slope": {"en": "Calibration slope", "zh": "校准斜率"},
    "mean": {"en": "Mean of ln(income)", "zh": "对数收入均值"},
    "variance": {"en": "Variance of ln(income)", "zh": "对数收入方差"},
    "takeup_survey": {"en": "Bought insurance", "zh": "购买保险"},
    "pre_takeup_rate": {"en": "Take-up in first-round sessions", "zh": "首轮培训会参保率"},
    "default": {"en": "Default was to buy (first round)", "zh": "首轮默认选项为购买"},
    "intensive": {"en": "Intensive session (own)", "zh": "本户参加深入讲解的培训会"},
    "session": {"en": "Own session", "zh": "本户培训会"},
    "association": {"en": "Least squares", "zh": "最小二乘"},
    "first_stage": {"en": "First stage", "zh": "第一阶段"},
    "reduced_form": {"en": "Reduced form", "zh": "简化式"},
    "instrument": {"en": "Two-stage least squares", "zh": "两阶段最小二乘"},
    "iid": {"en": "Independent, equal variance", "zh": "独立同方差"},
    "robust": {"en": "Robust to unequal variance", "zh": "异方差稳健"},
    "natural_village": {"en": "Natural village", "zh": "自然村聚类"},
    "village": {"en": "Administrative village", "zh": "行政村聚类"},
    "anderson_rubin": {"en": "Anderson-Rubin, natural village", "zh": "Anderson-Rubin，自然村"},
}

TEXTS: dict[str, Texts] = {
    "calibration_plot": {
        "plain": {"en": "a  All risks", "zh": "a  全部风险"},
        "log": {"en": "b  The same, logarithmic", "zh": "b  同左，对数坐标"},
        "x": {"en": "Forecast risk (%)", "zh": "预测风险（%）"},
        "y": {"en": "Poor a year later (%)", "zh": "一年后贫困比例（%）"},
        "note": {
            "en": "Classes of equal weight by forecast risk. Logit: households not poor in {year}. "
            "On the diagonal, as many became poor as forecast. Lines: 95% intervals for the survey "
            "design; triangle: nobody in the class became poor.",
            "zh": "按预测风险分为等权重各组；logit 模型的样本为 {year} 年未贫困的家庭。"
            "位于对角线上表示预测与实际一致。"
            "竖线：考虑抽样设计的 95% 置信区间；三角：组内无家庭陷入贫困。",
        },
        "vulnerability": {
            "en": "Vulnerability is shown for all households of {year} with an income above zero, "
            "poor in it or not, since it is their probability. It reads differences between "
            "households of one year as risk over time.",
            "zh": "脆弱性是全体家庭的贫困概率，因此以 {year} 年收入大于零的全部家庭为样本，"
            "不论当年是否贫困；它把同一年份的户间差异当作时间上的风险。",
        },
    },
    "precision_recall_plot": {
        "precision": {"en": "a  Precision and recall", "zh": "a  精确率与召回率"},
        "watched": {"en": "b  Found by share watched", "zh": "b  监测比例与召回率"},
        "x_recall": {"en": "Recall (%)", "zh": "召回率（%）"},
        "y_precision": {"en": "Precision (%)", "zh": "精确率（%）"},
        "x_watched": {"en": "Households watched (%)", "zh": "被监测户占比（%）"},
        "curve": {"en": "{name}, area {area:.2f}", "zh": "{name}，曲线下面积 {area:.2f}"},
        "lines": {"en": "Monitoring lines (yuan)", "zh": "监测线（元）"},
        "base": {"en": "Watching at random", "zh": "随机监测"},
        "note": {
            "en": "Households not poor in {year}; poor a year later: {prevalence:.1f}%. Recall: "
            "share of those who became poor that was watched; precision: share of the watched that "
            "became poor. Fitted to {training}; nothing later than {year} was used.",
            "zh": "样本为 {year} 年未贫困的家庭，一年后贫困的占 {prevalence:.1f}%。"
            "召回率：陷入贫困者中已被监测的比例；精确率：被监测户中陷入贫困的比例。"
            "模型仅用 {training} 年数据拟合，"
            "未使用 {year} 年之后的信息。",
        },
    },
    "recall_plot": {
        "recall": {"en": "a  Recall (%)", "zh": "a  召回率（%）"},
        "precision": {"en": "b  Precision (%)", "zh": "b  精确率（%）"},
        "note": {
            "en": "One threshold for all groups, set in the training years so that both rules "
            "watch about the same number of households. A rule that finds fewer in one group "
            "leaves more of its poor unseen. Lines: 95% intervals for the survey design.",
            "zh": "各组使用同一阈值，按训练年份设定，使两种规则监测的户数大致相同。"
            "某组召回率偏低，意味着该组有更多陷入贫困者未被发现。"
            "横线：考虑抽样设计的 95% 置信区间。",
        },
    },
    "lesson_plot": {
        "own": {"en": "a  Effects of what was assigned", "zh": "a  随机分配的影响"},
        "neighbours": {"en": "b  Effect of take-up before", "zh": "b  先前参保率的影响"},
        "x": {"en": "Coefficient", "zh": "系数"},
        "row": {"en": "{model}:", "zh": "{model}："},
        "note": {
            "en": "{n:,} households in {natural} natural and {villages} administrative villages; "
            "95% intervals. The default was assigned by natural village: errors that ignore it are "
            "too small in the first stage (F {iid:.0f} against {cluster:.1f}). Insurance data, not "
            "poverty data: Cai, de Janvry & Sadoulet (2015).",
            "zh": "{n:,} 户，{natural} 个自然村，{villages} 个行政村；线为 95% 置信区间。"
            "默认选项按自然村分配，忽略这一点会低估第一阶段的标准误"
            "（F 值 {iid:.0f} 与 {cluster:.1f}）。"
            "本数据为保险数据，并非贫困数据：Cai, de Janvry & Sadoulet (2015)。",
        },
    },
}  # fmt: skip


def risk_texts(figure: str, lang: str) -> dict[str, str]:
    """Return the texts of one figure in one language.

    Raises
    ------
    ValueError
        If the language is unknown.
    """
    return in_language(TEXTS[figure], lang)


def risk_name(key: str, lang: str) -> str:
    """Return the name of a term, rule, measure or group as it is printed; unknown ones as is."""
    return {**HOUSEHOLD_NAMES, **NAMES}.get(key, {}).get(lang) or key
