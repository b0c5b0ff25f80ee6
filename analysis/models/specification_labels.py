"""Names of the declared alternatives in English and Chinese, for figures and tables.

Columns are called as in the contracts, unless a shorter name stands here.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.labels import LANGUAGES, unit_label
from analysis.models.specification_choices import WANG, sample_flags, window
from analysis.schemas import label

Names = Mapping[str, Mapping[str, str]]

DIMENSIONS: Names = {
    "scheme": {"en": "Weights of the index", "zh": "指标权重"},
    "years": {"en": "Years", "zh": "年份"},
    "sample": {"en": "Sample", "zh": "样本"},
    "controls": {"en": "Controls", "zh": "控制变量"},
    "estimator": {"en": "Estimator", "zh": "估计方法"},
    "weights": {"en": "Weights of counties", "zh": "样本加权"},
    "cluster": {"en": "Errors clustered by", "zh": "标准误聚类"},
}
"""Choices in the order in which they are shown: columns of the estimates."""
NAMES: Mapping[str, Names] = {
    "sample": {
        "all": {"en": "all counties", "zh": "全部县级单位"},
        "rural_2010": {"en": "rural counties", "zh": "乡村县"},
        "not area_changed": {"en": "unchanged area", "zh": "辖区未变"},
        "not relief_repaired": {"en": "relief by code of 2020", "zh": "地形按 2020 年代码匹配"},
        "not": {"en": "not: {name}", "zh": "不含：{name}"},
    },
    "controls": {
        "none": {"en": "none", "zh": "无"},
        "level": {"en": "starting level", "zh": "基期水平"},
        "baseline": {"en": "baseline", "zh": "基期特征"},
        "without": {"en": "{kept} without {dropped}", "zh": "{kept}，不含{dropped}"},
    },
    "scheme": {
        "entropy": {"en": "entropy", "zh": "熵权"},
        "equal": {"en": "equal", "zh": "等权"},
        "cv": {"en": "coefficient of variation", "zh": "变异系数权重"},
        "critic": {"en": "CRITIC", "zh": "CRITIC 权重"},
        "wang": {"en": "{name}, corrected coupling", "zh": "{name}，修正耦合度"},
    },
    "estimator": {
        "least_squares": {"en": "least squares", "zh": "最小二乘"},
        "province_effects": {"en": "province effects", "zh": "省固定效应"},
        "prefecture_effects": {"en": "prefecture effects", "zh": "地市固定效应"},
        "regression_adjustment": {"en": "regression adjustment", "zh": "回归调整"},
    },
    "weights": {
        "none": {"en": "none", "zh": "不加权"},
    },
    "cluster": {
        "province": {"en": "province", "zh": "省份"},
        "prefecture": {"en": "prefecture", "zh": "地市"},
        "code": {"en": "county", "zh": "县"},
    },
    "years": {
        "ends": {"en": "{after} less {before}", "zh": "{after} 减 {before}"},
    },
}
OUTCOMES: Names = {
    "coordination": {"en": "Coordination degree D", "zh": "耦合协调度 D"},
    "deep_poverty_area": {"en": "Deep-poverty areas", "zh": "“三区三州”"},
}
"""Outcomes and moderators that are no column of a contract, or that have a shorter name."""
UNITS: Names = {"points of D": {"en": "points of D", "zh": "D 值"}}
_AND = {"en": ", ", "zh": "，"}
_PLUS = {"en": " + ", "zh": " + "}


def choice_label(choice: str, alternative: str, lang: str) -> str:
    """Return the name of an alternative.

    Parameters
    ----------
    choice : str
        Column of the estimates: a key of `DIMENSIONS`.
    alternative : str
        As declared, e.g. ``"baseline without relief"``.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    str
        The name.

    Raises
    ------
    ValueError
        If the choice or the language is unknown, or a column has no contract.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    if choice not in DIMENSIONS:
        raise ValueError(f"choice must be one of {', '.join(DIMENSIONS)}, got {choice!r}")
    if alternative in NAMES[choice]:
        return NAMES[choice][alternative][lang]
    build = {"sample": _sample, "controls": _controls, "scheme": _scheme, "years": _years}
    return build[choice](alternative, lang) if choice in build else label(alternative, lang)


def outcome_label(name: str, lang: str) -> str:
    """Return the name of an outcome or a moderator, from the contracts if none stands here."""
    return OUTCOMES[name][lang] if name in OUTCOMES else label(name, lang)


def outcome_unit(unit: str, lang: str) -> str:
    """Return the name of the unit of an outcome."""
    return UNITS[unit][lang] if unit in UNITS else unit_label(unit, lang)


def _sample(expression: str, lang: str) -> str:
    names = NAMES["sample"]
    shown = []
    for flag, wanted in sample_flags(expression).items():
        key = flag if wanted else f"not {flag}"
        if key in names:
            shown.append(names[key][lang])
        else:
            name = label(flag, lang)
            shown.append(name if wanted else names["not"][lang].format(name=name))
    return _AND[lang].join(shown)


def _controls(expression: str, lang: str) -> str:
    names = NAMES["controls"]

    def joined(text: str) -> str:
        terms = [term.strip() for term in text.split("+")]
        return _PLUS[lang].join(
            names[t][lang] if t in names else _lowered(label(t, lang)) for t in terms
        )

    kept, _, dropped = expression.partition(" without ")
    if not dropped:
        return joined(kept)
    return names["without"][lang].format(kept=joined(kept), dropped=joined(dropped))


def _scheme(name: str, lang: str) -> str:
    if not name.endswith(WANG):
        return name
    inner = choice_label("scheme", name.removesuffix(WANG), lang)
    return NAMES["scheme"]["wang"][lang].format(name=inner)


def _years(expression: str, lang: str) -> str:
    years = window(expression)
    before, after = (
        f"{span[0]}–{span[-1]}" if len(span) > 1 else str(span[0])
        for span in (years.before, years.after)
    )
    return NAMES["years"]["ends"][lang].format(before=before, after=after)


def _lowered(text: str) -> str:
    """Return a label as it stands within a line: a first capital alone is made small."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
