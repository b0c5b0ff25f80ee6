"""What an event study can say about parallel trends: tests before treatment, bounds after it.

A pre-trend test that does not reject is weak news where it could hardly have rejected. Each test
is therefore returned with its power against a stated departure and with the slope it would
find four times in five; honest bounds then say what departures of a given size leave of the effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from analysis.models.delisting import EventStudy
from analysis.models.delisting_library import honest_interval
from analysis.panel_input import raise_violations

HONEST_METHODS = ("smoothness", "relative_magnitude")


def pretrend_test(
    study: EventStudy,
    *,
    leads: int | None = None,
    stated: float | Mapping[int, float] | None = None,
    target_power: float = 0.8,
    level: float = 0.05,
) -> pd.DataFrame:
    """Test that all effects before treatment are zero, and say what the test could have found.

    Parameters
    ----------
    study : EventStudy
        Estimates against a universal base (`delisting.event_study`).
    leads : int, optional
        Use the last so many event times before the reference; default: all.
    stated : float or mapping of int to float, optional
        Departure from parallel trends against which power is computed: a slope per period, or
        values by event time (0 where not given). Default: the slope that would by itself
        produce the mean estimated effect.
    target_power, level : float
        Power that defines the detectable slope; size of the test.

    Returns
    -------
    DataFrame
        One row: label, leads, statistic, df, df_denominator (infinite: chi-square / df), p_value;
        slope, slope_se, slope_p: linear departure before treatment by generalised least squares
        through the reference; power: of the joint test against the stated departure, stated_slope
        (its generalised least-squares slope); detectable_slope: what the joint test finds with
        `target_power`; detectable_bias: what that slope adds to the mean effect; note.

    Notes
    -----
    W = b'V^-1 b is referred as Hotelling's T2, (G-q)/((G-1)q) W to F(q, G-q) with G-1 = `df`,
    because V is estimated from G clusters; chi-square as G grows. Under a departure d the
    noncentrality is d'V^-1 d. Roth (2022), Pretest with caution, American Economic Review:
    Insights 4(3). A test that does not reject does not show trends to be parallel.
    """
    pre = np.flatnonzero(study.event_times < study.reference)
    pre = pre[-leads:] if leads else pre
    q, df = len(pre), study.df - len(pre) + 1
    base = {"label": study.label, "leads": q}
    if q == 0 or df < 1:
        why = "no period before the reference" if q == 0 else f"{q} leads for few clusters"
        return pd.DataFrame([base | {"note": f"{why}: earlier trends cannot be tested"}])
    distance = (study.event_times - study.reference).astype(float)
    precision = np.linalg.inv(study.covariance[np.ix_(pre, pre)])
    values, line = study.values[pre], distance[pre]
    scale = df / (study.df * q) if np.isfinite(df) else 1 / q
    statistic = float(values @ precision @ values) * scale
    norm = float(line @ precision @ line)
    departure = _departure(study, stated, distance)[pre]
    threshold = _noncentrality(q, df, level, target_power)
    slope, se = float(line @ precision @ values) / norm, norm**-0.5
    detectable = (threshold / norm) ** 0.5
    return pd.DataFrame([
        base
        | {
            "statistic": statistic, "df": q, "df_denominator": df,
            "p_value": _upper_tail(statistic, q, df), "slope": slope, "slope_se": se,
            "slope_p": float(2 * stats.t.sf(abs(slope / se), study.df)),
            "power": _power(float(departure @ precision @ departure), q, df, level),
            "stated_slope": float(line @ precision @ departure) / norm,
            "detectable_slope": detectable,
            "detectable_bias": detectable * float(distance[distance > 0].mean())
            if (distance > 0).any() else np.nan,
            "note": "",
        }
    ])  # fmt: skip


def honest_bounds(
    study: EventStudy,
    *,
    method: str = "smoothness",
    sizes: Sequence[float] = (0.0,),
    weights: Sequence[float] | None = None,
    leads: int | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Bound an average effect under limited departures from parallel trends.

    Parameters
    ----------
    study : EventStudy
        Consecutive event times around the reference; estimated, or typed in from a publication.
    method : str
        ``"smoothness"``: the slope of the departure changes by at most M from one period to the
        next (0: a linear departure). ``"relative_magnitude"``: after treatment it moves in a period
        by at most M times its largest movement before.
    sizes : sequence of float
        Values of M.
    weights : sequence of float, optional
        Weights of the event times after treatment; default: their mean.
    leads : int, optional
        Use the last so many event times before the reference; default: all.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        One row per M: method, size, value, se (without departure), bound_low, bound_high (the
        identified set at the point estimates; missing where they contradict M), ci_low, ci_high,
        excludes_zero, label.

    Raises
    ------
    ValueError
        Lists every violation of the input.

    Notes
    -----
    Rambachan & Roth (2023), Review of Economic Studies 90(5). Smoothness: the optimal fixed-length
    interval of their section 4.1. Relative magnitude: the identified set widened by critical value
    times standard error; their conditional intervals are not in the library, so that the
    sampling error of the largest movement before treatment is left out. Critical values are normal;
    with few clusters the variance is scaled by (t/z)^2, so that M = 0 keeps the t quantile.
    """
    _check_honest(study, method, sizes, weights)
    times = study.event_times
    pre, post = times[times < study.reference], times[times > study.reference]
    pre = pre[-leads:] if leads else pre
    used = np.isin(times, [*pre, *post])
    share = (1 + confidence) / 2
    inflation = (stats.t.ppf(share, study.df) / stats.norm.ppf(share)) ** 2
    covariance = study.covariance[np.ix_(used, used)]
    weight = np.full(len(post), 1 / len(post)) if weights is None else np.asarray(weights, float)
    rows = []
    for size in sizes:
        low, high, ci_low, ci_high = honest_interval(
            pre.tolist(), post.tolist(), study.values[used], inflation * covariance,
            method=method, size=float(size), weights=weight, confidence=confidence,
        )  # fmt: skip
        rows.append({
            "method": method, "size": float(size),
            "value": float(weight @ study.values[times > study.reference]),
            "se": float(np.sqrt(weight @ covariance[len(pre):, len(pre):] @ weight)),
            "bound_low": low, "bound_high": high, "ci_low": ci_low, "ci_high": ci_high,
            "excludes_zero": ci_low > 0 or ci_high < 0, "label": study.label,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _departure(
    study: EventStudy, stated: float | Mapping[int, float] | None, distance: np.ndarray
) -> np.ndarray:
    if isinstance(stated, Mapping):
        return np.array([float(stated.get(int(t), 0.0)) for t in study.event_times])
    after = distance > 0
    if stated is None:
        stated = float(study.values[after].mean() / distance[after].mean()) if after.any() else 0.0
    return stated * distance


def _upper_tail(statistic: float, q: int, df: float) -> float:
    if np.isfinite(df):
        return float(stats.f.sf(statistic, q, df))
    return float(stats.chi2.sf(statistic * q, q))


def _power(noncentrality: float, q: int, df: float, level: float) -> float:
    if np.isfinite(df):
        return float(1 - special.ncfdtr(q, df, noncentrality, stats.f.isf(level, q, df)))
    return float(1 - special.chndtr(stats.chi2.isf(level, q), q, noncentrality))


def _noncentrality(q: int, df: float, level: float, power: float) -> float:
    """Return the noncentrality at which the joint test has the power."""
    high = 1.0
    while _power(high, q, df, level) < power:
        high *= 2
    return float(
        optimize.brentq(lambda value: _power(value, q, df, level) - power, 0.0, high, xtol=1e-10)
    )


def _check_honest(
    study: EventStudy, method: str, sizes: Sequence[float], weights: Sequence[float] | None
) -> None:
    times, found = study.event_times, []
    if method not in HONEST_METHODS:
        found.append(f"method '{method}' is unknown: use {list(HONEST_METHODS)}")
    if any(size < 0 for size in sizes):
        found.append("sizes: M must not be negative")
    if not ((times < study.reference).any() and (times > study.reference).any()):
        found.append("event times before and after the reference are needed: use more years")
    grid = sorted([*times.tolist(), study.reference])
    if (np.diff(grid) != 1).any():
        found.append(f"event times {grid} are not consecutive: leave out those beyond a gap")
    if weights is not None and len(weights) != (post := int((times > study.reference).sum())):
        found.append(
            f"{len(weights)} weights for {post} event times after treatment: give one each"
        )
    raise_violations("honest bounds", found)
