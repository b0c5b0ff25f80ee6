"""From scores of subsystems to coupling, coordination and obstacles, for any number of subsystems.

Coupling C says whether the scores are even, development T how high they are; the coordination
degree D is the root of C times T. Each formula is bounded by construction, which about half of the
published versions are not: they lose the factor n or the n-th root of the product.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from analysis.indicators import IndicatorSystem
from analysis.weights import UNIT_SLACK

Form = Literal["strict", "wang"]
FORMS = ("strict", "wang")
# Ten classes of D, [0, .1) ... [.9, 1]: number, English, Chinese. After Liao (1999),
# Tropical Geography 19(2), 171-177.
COORDINATION_CLASSES = (
    (1, "extreme imbalance", "极度失调"),
    (2, "serious imbalance", "严重失调"),
    (3, "moderate imbalance", "中度失调"),
    (4, "slight imbalance", "轻度失调"),
    (5, "near imbalance", "濒临失调"),
    (6, "bare coordination", "勉强协调"),
    (7, "primary coordination", "初级协调"),
    (8, "intermediate coordination", "中级协调"),
    (9, "good coordination", "良好协调"),
    (10, "excellent coordination", "优质协调"),
)
CLASS_EDGES = np.arange(1, 10) / 10
IN_STEP_DIFFERENCE = 0.1  # |U1 - U2| up to which the type is "in step"
IN_STEP_RATIO = (0.8, 1.2)  # U1 / U2 within which relative development is "in step"
UNSTABLE_BELOW = 0.05  # U2 below which U1 / U2 is not reported: a small error moves it too far


def subsystem_scores(z: pd.DataFrame, weights: pd.Series, system: IndicatorSystem) -> pd.DataFrame:
    """Weighted mean of the normalised indicators of each subsystem, U = sum w z.

    Parameters
    ----------
    z : normalised indicators, one column per variable
    weights : by variable, sum 1 within each subsystem
    system : indicator system

    Returns
    -------
    DataFrame with the index of z and one column in [0, 1] per subsystem
    """
    _check_weights(weights, system)
    scores = {s: z[system.members(s)] @ weights[system.members(s)] for s in system.subsystems}
    return pd.DataFrame(scores, index=z.index).clip(0.0, 1.0)


def coupling(scores: pd.DataFrame, *, form: Form = "strict") -> pd.Series:
    """Coupling degree C of n subsystems, in [0, 1] and 1 where all are equal.

    strict: C = n (prod U)^(1/n) / sum U, which for two is 2 sqrt(U1 U2) / (U1 + U2).
    wang:   C = sqrt([1 - mean |Ui - Uj|] [prod U / max U]^(1/(n-1))), the mean over pairs, the
    product over all n of U / max U; it uses the whole of [0, 1] where the strict form crowds at 1.

    Parameters
    ----------
    scores : one column in [0, 1] per subsystem, at least two
    form : "strict" or "wang"

    Returns
    -------
    Series `coupling` with the index of `scores`. Where all scores are 0 the quotient has no value;
    they are equal, so C = 1 there, and D = 0 as T = 0.

    Source
    ------
    strict: Cong (2019), Economic Geography (Jingji Dili) 39(4), 18-25.
    wang: Wang, Kong, Ren et al. (2021), Journal of Natural Resources (Ziran Ziyuan Xuebao) 36(3),
    793-810, doi 10.31497/zrzyxb.20210319.
    """
    u = _checked_scores(scores, form)
    n = u.shape[1]
    top = u.max(axis=1, keepdims=True)
    ratio = np.divide(u, top, out=np.ones_like(u), where=top > 0)  # no underflow of the product
    if form == "strict":
        value = np.prod(ratio, axis=1) ** (1 / n) / ratio.mean(axis=1)
    else:
        i, j = np.triu_indices(n, 1)
        evenness = 1.0 - np.abs(u[:, i] - u[:, j]).mean(axis=1)
        value = np.sqrt(evenness * np.prod(ratio, axis=1) ** (1 / (n - 1)))
    return pd.Series(np.clip(value, 0.0, 1.0), index=scores.index, name="coupling")


def coordination_index(
    scores: pd.DataFrame, *, alpha: Sequence[float] = (0.5, 0.5), form: Form = "strict"
) -> pd.DataFrame:
    """Coupling, development and coordination, with class and type for two subsystems.

    T = sum alpha U; D = sqrt(C T). Classes of D have width 0.1, closed below, the last one closed.
    linkage_type by U1 - U2: in step up to 0.1 either way, else which subsystem lags.
    relative_development = U1 / U2, missing where U2 < 0.05; relative_position of the first
    subsystem: lagging below 0.8, in step to 1.2, leading above, unstable where missing.

    Parameters
    ----------
    scores : one column in [0, 1] per subsystem
    alpha : weight of each subsystem in T, in the order of the columns, sum 1
    form : form of the coupling degree

    Returns
    -------
    DataFrame with the index of `scores`: coupling, development, coordination, coordination_class
    (1-10), coordination_en, coordination_zh and, for two subsystems, linkage_type,
    relative_development, relative_position

    Source
    ------
    Liao (1999), Tropical Geography (Redai Dili) 19(2), 171-177.
    """
    shares = _checked_alpha(alpha, scores.shape[1])
    result = pd.DataFrame({"coupling": coupling(scores, form=form)})
    result["development"] = np.clip(scores.to_numpy(dtype=float) @ shares, 0.0, 1.0)
    result["coordination"] = np.sqrt(result["coupling"] * result["development"])
    number = np.searchsorted(CLASS_EDGES, result["coordination"], side="right")
    result["coordination_class"] = number + 1
    result["coordination_en"] = [COORDINATION_CLASSES[k][1] for k in number]
    result["coordination_zh"] = [COORDINATION_CLASSES[k][2] for k in number]
    return result.join(_relative_standing(scores)) if scores.shape[1] == 2 else result


def _relative_standing(scores: pd.DataFrame) -> pd.DataFrame:
    """Type by U1 - U2 and relative development U1 / U2 of two subsystems."""
    first, second = scores.columns
    u1, u2 = scores[first], scores[second]
    difference = u1 - u2
    margin = IN_STEP_DIFFERENCE + UNIT_SLACK
    lag = [difference < -margin, difference > margin]
    ratio = (u1 / u2.where(u2 >= UNSTABLE_BELOW)).rename("relative_development")
    low, high = IN_STEP_RATIO
    position = np.select(
        [ratio.isna(), ratio < low - UNIT_SLACK, ratio > high + UNIT_SLACK],
        ["unstable", "lagging", "leading"],
        default="in step",
    )
    return pd.DataFrame(
        {
            "linkage_type": np.select(lag, [f"{first} lags", f"{second} lags"], default="in step"),
            "relative_development": ratio,
            "relative_position": position,
        },
        index=scores.index,
    )


def obstacle_degrees(
    z: pd.DataFrame,
    weights: pd.Series,
    system: IndicatorSystem,
    *,
    alpha: Sequence[float] = (0.5, 0.5),
) -> pd.DataFrame:
    """Share of each indicator in what a unit lacks to the best, in percent.

    O_j = 100 w_j (1 - z_j) / sum_k w_k (1 - z_k), with w_j the weight of the indicator within its
    subsystem times the weight alpha of the subsystem.

    Parameters
    ----------
    z : normalised indicators
    weights : by variable, sum 1 within each subsystem
    system : indicator system
    alpha : weight of each subsystem in the order of the system, sum 1

    Returns
    -------
    DataFrame with the index of z, one column per variable; rows sum to 100. A unit that is best in
    every weighted indicator has no obstacle and its row is missing.

    Source
    ------
    Lei, Qiu & Liu (2016), Transactions of the CSAE 32(13), 243-253.
    """
    _check_weights(weights, system)
    shares = _checked_alpha(alpha, len(system.subsystems))
    share = dict(zip(system.subsystems, shares, strict=True))
    full = weights[system.variables] * [share[i.subsystem] for i in system.indicators]
    deficit = (1.0 - z[system.variables]).clip(lower=0.0) * full
    total = deficit.sum(axis=1, skipna=False)
    return deficit.div(total.where(total > 0), axis=0) * 100.0


def _checked_scores(scores: pd.DataFrame, form: str) -> np.ndarray:
    u = scores.to_numpy(dtype=float)
    faults = [f"form is {form!r}; use one of {FORMS}"] if form not in FORMS else []
    if u.shape[1] < 2:
        faults.append(f"{u.shape[1]} subsystem(s); coupling needs two")
    for name, column in zip(scores.columns, u.T, strict=True):
        bad = int((~((column >= 0) & (column <= 1))).sum())
        faults += [f"{name}: {bad} score(s) missing or outside [0, 1]"] if bad else []
    if faults:
        raise ValueError("coupling: " + "; ".join(faults))
    return u


def _checked_alpha(alpha: Sequence[float], n: int) -> np.ndarray:
    shares = np.asarray(alpha, dtype=float)
    if shares.shape != (n,) or (shares < 0).any() or abs(shares.sum() - 1.0) > UNIT_SLACK:
        raise ValueError(f"alpha must be {n} weights >= 0 that sum to 1, not {tuple(alpha)}")
    return shares


def _check_weights(weights: pd.Series, system: IndicatorSystem) -> None:
    missing = sorted(set(system.variables) - set(weights.index))
    faults = [f"no weight for {v}" for v in missing]
    if not missing:
        sums = {s: float(weights[system.members(s)].sum()) for s in system.subsystems}
        wrong = {s: total for s, total in sums.items() if not abs(total - 1.0) <= UNIT_SLACK}
        faults = [f"weights of {s} sum to {total:g}, not 1" for s, total in wrong.items()]
        faults += [f"weight of {v} is negative" for v in system.variables if weights[v] < 0]
    if faults:
        raise ValueError("weights do not fit the system: " + "; ".join(faults))
