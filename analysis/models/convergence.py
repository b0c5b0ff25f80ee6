"""Do poor counties grow faster? Beta-convergence: growth on the initial level.

Beta-convergence does not imply that the spread falls: shocks can keep it open while poor counties
grow faster (Galton's fallacy), so read it beside sigma of `distributions`. Errors of
measurement in the initial level bias the estimate towards convergence; with unit effects so does
the number of years, which is reported.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.long_difference import absorbed_least_squares
from analysis.panel import t_inference
from analysis.panel_input import input_violations, raise_violations

Floats = NDArray[np.float64]

BETA_COLUMNS = (
    "variable", "model", "estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high",
    "speed", "speed_low", "speed_high", "half_life", "half_life_low", "half_life_high",
    "nickell_bias", "estimate_corrected", "n", "units", "intervals", "span", "cluster", "clusters",
    "controls", "effects", "left_out", "note",
)  # fmt: skip
NICKELL = (
    "unit effects with {periods} intervals: the estimate is biased towards convergence (Nickell "
    "1981), by {bias:.4f} here; read estimate_corrected"
)
NICKELL_UNKNOWN = (
    "unit effects with at most {periods} intervals: the estimate is biased towards convergence "
    "(Nickell 1981), and {why}; no correction"
)


def beta_convergence(
    panel: pd.DataFrame,
    *,
    value: str,
    years: Sequence[int] | None = None,
    controls: Sequence[str] = (),
    effects: str | None = None,
    log: bool = True,
    unit: str = "code",
    time: str = "year",
    cluster: str | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Regress growth per year on the initial level.

    (x_t - x_{t-s}) / s = b x_{t-s} + controls_{t-s} + effects + effects of the intervals, over all
    intervals of s years. Absolute convergence: neither controls nor effects. Conditional: controls
    at the start of the interval, effects of a group (e.g. ``province``) or of the units. b < 0 is
    convergence; its speed is lambda = -ln(1 + b s) / s and half of a gap is left after ln 2 /
    lambda years. Intervals of both follow from those of b, as they are monotone in it.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and year. Not changed.
    value : str
        The variable x, or with `log` that whose logarithm x is.
    years : sequence of int, optional
        Ends of the intervals, equally spaced; all years of the panel by default. Two years give
        the cross-section of growth on the initial level.
    controls : sequence of str
        Numeric columns, read at the start of each interval.
    effects : str, optional
        Column of group effects, or `unit` for unit effects (then the Nickell bias is reported).
    log : bool
        Take the logarithm of `value`; set False where it is one already.
    unit, time : str
        Key columns.
    cluster : str, optional
        Column by which errors are clustered; units by default. With one interval, clusters of one
        unit give the heteroskedasticity-robust HC1 error.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        One row with columns `BETA_COLUMNS`. model: absolute, conditional (controls or group
        effects), within (unit effects). estimate: b per year. Speed and half life are missing where
        1 + b s <= 0, and half_life, as half_life_high, is infinite where b >= 0. nickell_bias and
        estimate_corrected in the units of b; missing without unit effects, with controls, or where
        units differ in the number of intervals. left_out: unit-intervals with a missing value.

    Raises
    ------
    ValueError
        Lists every violation of the input.

    Notes
    -----
    V = G/(G-1) x (N-1)/(N-K) x sandwich; t with G - 1 df; effects nested in the clusters are not
    counted in K. Speed: Barro & Sala-i-Martin (1992), Journal of Political Economy 100(2).
    """
    names = [value, *controls]
    groups = [c for c in dict.fromkeys([effects, cluster or unit]) if c and c != unit]
    found = input_violations(panel, keys=[unit, time], numeric=[*names, time], present=groups)
    found += _level_violations(panel, value, time, years, log)
    if value in controls:
        found.append(f"control '{value}' is the initial level itself: remove it")
    raise_violations("the panel", found)
    data, span, left_out = _intervals(panel, names, groups, unit, time, years, log)
    if effects == unit:
        data = data[data.groupby(unit)[value].transform("size") > 1]
    raise_violations("the panel", _sample_violations(data, value, cluster or unit))
    x = np.column_stack([data[names].to_numpy(), _interval_dummies(data)])
    groups_of = {c: data.groupby(c).ngroup().to_numpy() for c in (effects, cluster or unit) if c}
    no_effects = np.zeros(len(data), dtype=int)
    fit = absorbed_least_squares(
        data["growth"].to_numpy(), x,
        effects=groups_of[effects] if effects else no_effects,
        clusters=groups_of[cluster or unit],
    )  # fmt: skip
    b, se = float(fit.slopes[0]), float(np.sqrt(fit.covariance[0, 0]))
    inference = t_inference(b, se, fit.clusters - 1, confidence=confidence)
    model = "within" if effects == unit else "conditional" if effects or controls else "absolute"
    row = {
        "variable": value, "model": model, "estimate": b, "se": se, **inference,
        **_speeds(b, inference["ci_low"], inference["ci_high"], span),
        **_nickell(data, b, span, unit, bool(controls), effects == unit),
        "n": len(data), "units": data[unit].nunique(), "intervals": data["start"].nunique(),
        "span": span, "cluster": cluster or unit, "clusters": fit.clusters,
        "controls": ", ".join(controls), "effects": effects or "", "left_out": left_out,
    }  # fmt: skip
    return pd.DataFrame([row])[list(BETA_COLUMNS)]


def nickell_bias(rho: float, periods: int) -> float:
    """Return the large-n bias of the within estimate of an autoregressive coefficient.

    -(1 + rho)/(T - 1) [1 - (1 - rho^T)/(T (1 - rho))] / {1 - 2 rho/((1 - rho)(T - 1))
    [1 - (1 - rho^T)/(T (1 - rho))]}, for T equations per unit and a stationary start.

    Parameters
    ----------
    rho : float
        True coefficient of the lagged level, -1 < rho < 1.
    periods : int
        Equations per unit, T >= 2: years minus one.

    Returns
    -------
    float
        plim of the estimate minus rho; negative for rho >= 0.

    References
    ----------
    Nickell (1981), Econometrica 49(6), 1417-1426, equation 18.
    """
    if periods < 2 or not -1 < rho < 1:
        raise ValueError(f"needs periods >= 2 and -1 < rho < 1, got {periods} and {rho}")
    powers = rho ** np.arange(periods)  # sums of powers: no quotient of small numbers near one
    part = np.cumsum(powers)[:-1].sum() / periods  # the bracket over 1 - rho
    denominator = 1 - 2 * rho * part / (periods - 1)
    return float(-(1 - rho**2) / (periods - 1) * part / denominator)


def _nickell(
    data: pd.DataFrame, b: float, span: int, unit: str, controls: bool, within: bool
) -> dict[str, object]:
    """Return the bias at the corrected value: the rho whose biased estimate is 1 + b s."""
    from scipy.optimize import brentq

    nothing = {"nickell_bias": np.nan, "estimate_corrected": np.nan, "note": ""}
    if not within:
        return nothing
    lengths = data.groupby(unit).size()
    periods, estimate = int(lengths.max()), 1 + b * span
    edge = 1 - 1e-6
    limits = [r + nickell_bias(r, periods) - estimate for r in (-edge, edge)]
    why = ""
    if controls:
        why = "its size depends on the controls"
    elif lengths.nunique() > 1:
        why = "units differ in the number of intervals"
    elif limits[0] * limits[1] > 0:
        why = "no stationary coefficient gives this estimate"
    if why:
        return nothing | {"note": NICKELL_UNKNOWN.format(periods=periods, why=why)}
    rho = brentq(lambda r: r + nickell_bias(r, periods) - estimate, -edge, edge)
    bias = (estimate - rho) / span
    note = NICKELL.format(periods=periods, bias=bias)
    return {"nickell_bias": bias, "estimate_corrected": b - bias, "note": note}


def _speeds(b: float, low: float, high: float, span: int) -> dict[str, float]:
    def speed(slope: float) -> float:
        return -np.log1p(slope * span) / span if 1 + slope * span > 0 else np.nan

    def half(rate: float) -> float:
        return np.log(2) / rate if rate > 0 else np.nan if np.isnan(rate) else np.inf

    rates = {"speed": speed(b), "speed_low": speed(high), "speed_high": speed(low)}
    ends = {"": "", "_low": "_high", "_high": "_low"}
    return rates | {f"half_life{e}": half(rates[f"speed{other}"]) for e, other in ends.items()}


def _level_violations(
    panel: pd.DataFrame, value: str, time: str, years: Sequence[int] | None, log: bool
) -> list[str]:
    if value not in panel or time not in panel:
        return []
    found = []
    known = sorted(panel.dropna(subset=[value])[time].unique())
    used = sorted(set(years)) if years is not None else known
    if absent := sorted(set(used) - set(known)):
        found.append(f"column '{value}': no value in {absent}: choose years that the panel has")
    if len(used) < 2:
        found.append(f"{len(used)} year(s) with '{value}': growth needs two or more")
    elif len(set(np.diff(used))) > 1:
        found.append(f"years {list(map(int, used))} are not equally spaced: name years that are")
    if log and not (panel[value].dropna() > 0).all():
        found.append(f"column '{value}': values <= 0 have no logarithm: set log=False or leave out")
    return found


def _intervals(
    panel: pd.DataFrame,
    names: Sequence[str],
    groups: Sequence[str],
    unit: str,
    time: str,
    years: Sequence[int] | None,
    log: bool,
) -> tuple[pd.DataFrame, int, int]:
    """Return unit-intervals with growth per year and the levels at the start, span, left out."""
    value = names[0]
    used = sorted(set(years)) if years is not None else sorted(
        panel.dropna(subset=[value])[time].unique()
    )  # fmt: skip
    span = int(used[1] - used[0])
    data = panel.loc[panel[time].isin(used), [unit, time, *dict.fromkeys([*names, *groups])]]
    data = data.astype({name: float for name in names})
    if log:
        data[value] = np.log(data[value])
    end = data[[unit, time, value]].rename(columns={value: "end"})
    end[time] = end[time] - span
    start = data[data[time] < used[-1]]
    both = start.merge(end, on=[unit, time], how="left").rename(columns={time: "start"})
    both["growth"] = (both["end"] - both[value]) / span
    complete = both.dropna(subset=["growth", *names, *groups])
    return complete.reset_index(drop=True), span, len(both) - len(complete)


def _interval_dummies(data: pd.DataFrame) -> Floats:
    starts = np.unique(data["start"])[1:]
    return (data["start"].to_numpy()[:, None] == starts).astype(float)


def _sample_violations(data: pd.DataFrame, value: str, cluster: str) -> list[str]:
    if data.empty:
        return [f"column '{value}': no unit has two ends of an interval: choose other years"]
    if data[cluster].nunique() < 2:
        return [f"column '{cluster}': clustered errors need at least 2 groups"]
    return []
