"""What theory says of every estimator in every scenario of the Monte Carlo study, before it is run.

An interval covers as it should if the estimator has no bias and its errors allow for the dependence
in the data. The rules are written down here, so that a table can show expectation beside result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from analysis.models.delisting import ESTIMATORS
from analysis.models.delisting_design import DESIGNS
from analysis.models.montecarlo_replications import LADDER, SPACE

COVERS = "covers"
BIASED = "biased"
UNDERSTATED = "errors too small"
BOTH = "biased, errors too small"
VERDICTS = (COVERS, BIASED, UNDERSTATED, BOTH)
BAND = (0.93, 0.97)
"""Coverage of a 95 % interval that counts as right."""

REASONS: Mapping[str, tuple[str, str]] = {
    "sound": (
        "no bias given disadvantage; errors allow for the dependence",
        "控制劣势程度后无偏；标准误考虑了相关性",
    ),
    "no catch-up": (
        "no bias, because poor counties grow no faster here",
        "无偏：此情景下贫困县并不追赶",
    ),
    "conservative": (
        "no bias; the variance of imputation is conservative by construction",
        "无偏；插补法的方差估计偏保守",
    ),
    "catch-up": (
        "poor counties grow faster in any case, and the estimator leaves disadvantage out",
        "贫困县本就增长较快，而估计未控制劣势程度",
    ),
    "cohorts catch up": (
        "later cohorts are poorer and grow faster in any case: a small bias against the early ones",
        "较晚摘帽的批次更贫困、本就增长较快：对较早批次的估计略偏低",
    ),
    "both drifts": (
        "disadvantage is left out though poor counties grow faster in any case, and counties "
        "already delisted serve as controls",
        "贫困县本就增长较快而未控制劣势程度，且已摘帽县被当作对照",
    ),
    "growing effects": (
        "effects grow over the years, and counties already delisted serve as controls",
        "效应逐年增大，而已摘帽县被当作对照",
    ),
    "province shocks": (
        "counties of a province share shocks, which errors by county or prefecture leave out",
        "同省各县受共同冲击，按县或地市聚类的标准误未予考虑",
    ),
    "few provinces": (
        "the last controls are 52 counties of 7 provinces; other estimators allow for so few by "
        "wider intervals, for imputation the library does not give what that takes",
        "最后的对照为 7 个省的 52 个县；其他估计以更宽的区间考虑聚类数过少，"
        "插补法的程序库未提供所需的影响函数",
    ),
    "province effects": (
        "no bias given disadvantage; province effects absorb the shocks of a province",
        "控制劣势程度后无偏；省固定效应吸收了省级冲击",
    ),
    "true model": (
        "the model that made the data; errors of the effects by simulation",
        "与数据生成过程一致的模型；效应标准误由模拟得出",
    ),
    "no lagged regressors": (
        "neighbours’ regressors matter and are left out",
        "遗漏了邻县的自变量",
    ),
    "county effects": (
        "county effects go with the regressors and are left out",
        "遗漏了与自变量相关的县效应",
    ),
}  # fmt: skip
_SPACE = {
    "durbin": (False, "true model"),
    "lag": (True, "no lagged regressors"),
    "durbin_pooled": (True, "county effects"),
}


class Expectation(NamedTuple):
    """A verdict of `VERDICTS` and its reason in both languages."""

    expected: str
    reason_en: str
    reason_zh: str


def expectation(row: pd.Series) -> Expectation:
    """Return what theory says of one row of the summary.

    Parameters
    ----------
    row : Series
        gamma, sigma_p, design, estimator, cluster_by.

    Returns
    -------
    Expectation

    Raises
    ------
    ValueError
        The design is unknown.
    """
    design = str(row["design"])
    if design in DESIGNS:
        biased, reason = _of_design(design, str(row["estimator"]), row["gamma"] > 0)
    elif design == LADDER:
        biased, reason = _of_long_difference(str(row["estimator"]), row["gamma"] > 0)
    elif design == SPACE:
        biased, reason = _SPACE[str(row["estimator"])]
    else:
        raise ValueError(f"design '{design}' is unknown: use {[*DESIGNS, LADDER, SPACE]}")
    faults = _understatements(row)
    verdict = {
        (False, False): COVERS,
        (True, False): BIASED,
        (False, True): UNDERSTATED,
        (True, True): BOTH,
    }[biased, bool(faults)]
    reasons = [*([reason] if biased or not faults else []), *faults]
    english, chinese = zip(*(REASONS[key] for key in reasons), strict=True)
    return Expectation(verdict, "; ".join(english), "；".join(chinese))


def _of_design(design: str, estimator: str, catch_up: bool) -> tuple[bool, str]:
    """Return whether an estimator is biased, and the key of the reason."""
    drifts = catch_up and not ESTIMATORS[estimator].conditional
    if ESTIMATORS[estimator].runs == "two_way":
        return True, "both drifts" if drifts else "growing effects"
    if drifts:
        return True, "cohorts catch up" if design == "D1" else "catch-up"
    if not ESTIMATORS[estimator].conditional:
        return False, "no catch-up"
    return False, "conservative" if ESTIMATORS[estimator].runs == "imputation" else "sound"


def _of_long_difference(rung: str, catch_up: bool) -> tuple[bool, str]:
    if rung == "raw":
        return (True, "catch-up") if catch_up else (False, "no catch-up")
    return False, "province effects" if rung == "province" else "sound"


def _understatements(row: pd.Series) -> list[str]:
    """Return the keys of what makes the errors too small."""
    design, estimator = row["design"], row["estimator"]
    if row["cluster_by"] == "province":
        return ["few provinces"] if (design, estimator) == ("D1", "imputation") else []
    absorbed = (design, estimator) == (LADDER, "province")
    return ["province shocks"] if row["sigma_p"] > 0 and not absorbed else []
