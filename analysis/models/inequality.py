"""Inequality between counties and its parts: Gini and Dagum, Theil and generalised entropy.

Weighted throughout: a weight says how many like units a row stands for, so a row of weight 2 counts
as two rows of weight 1, and weights of 1 give the unweighted formulas. All indices describe the
units at hand (divisor n squared, no small-sample factor), for they are a census and no sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.panel_input import input_violations, raise_violations

Floats = NDArray[np.float64]

THEIL_T, THEIL_L = 1.0, 0.0
"""Alpha of generalised entropy that is Theil's T, and that is Theil's L (mean log deviation)."""


@dataclass(frozen=True)
class DagumDecomposition:
    """Gini = within + between + overlap.

    Attributes
    ----------
    total : float
        Gini coefficient G of all units.
    within : float
        Gw, sum over groups of G_jj p_j s_j.
    between : float
        Gnb, net differences between groups; equals the Gini of the group means.
    overlap : float
        Gt, intensity of transvariation: units of a poorer group above those of a richer one.
    n, left_out : int
        Rows used; rows left out for a missing value, group or weight or for a weight of zero.
    groups : DataFrame
        group, n, population_share p, value_share s, mean, gini, contribution (sums to `within`).
    pairs : DataFrame
        richer, poorer (by mean), gini G_jh, affluence D_jh, between, overlap: the last two sum to
        `between` and `overlap`. Gini and affluence are missing where they have no value.
    """

    total: float
    within: float
    between: float
    overlap: float
    n: int
    left_out: int
    groups: pd.DataFrame
    pairs: pd.DataFrame


@dataclass(frozen=True)
class EntropyDecomposition:
    """Generalised entropy = within + between.

    Attributes
    ----------
    alpha : float
        1 is Theil's T, 0 Theil's L, 2 half the squared coefficient of variation.
    total, within, between : float
        Index of all units, and its parts.
    n, left_out : int
        As in `DagumDecomposition`.
    groups : DataFrame
        group, n, population_share p, value_share s, mean, index, contribution (sums to `within`).
    """

    alpha: float
    total: float
    within: float
    between: float
    n: int
    left_out: int
    groups: pd.DataFrame


def gini(values: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the Gini coefficient, sum_ij w_i w_j |y_i - y_j| / (2 W^2 mean).

    Parameters
    ----------
    values : array, shape (n,)
        Not negative, not all zero.
    weights : array, shape (n,), optional
        Not negative; equal by default.

    Returns
    -------
    float
        In [0, 1 - 1/n] without weights: no factor n/(n-1).

    Raises
    ------
    ValueError
        Lists every violation.
    """
    y, w = _checked_arrays(values, weights)
    return _excess(y, w, y, w) / _mean(y, w)


def generalized_entropy(
    values: ArrayLike, weights: ArrayLike | None = None, *, alpha: float = THEIL_T
) -> float:
    """Return the generalised entropy index GE(alpha).

    With shares f of the weights and r = y / mean: alpha = 1, Theil's T, sum f r ln r; alpha = 0,
    Theil's L, -sum f ln r; otherwise sum f (r^alpha - 1) / (alpha (alpha - 1)). 0 ln 0 = 0.

    Parameters
    ----------
    values : array, shape (n,)
        Not negative; above zero for alpha <= 0.
    weights : array, shape (n,), optional
        Not negative; equal by default.
    alpha : float
        Sensitivity: the larger, the more weight at the top.

    Returns
    -------
    float
        Zero where all are equal.

    Raises
    ------
    ValueError
        Lists every violation.

    References
    ----------
    Shorrocks (1980), Econometrica 48(3), 613-625.
    """
    y, w = _checked_arrays(values, weights, positive=alpha <= 0)
    return _entropy(y, w, alpha)


def dagum_decomposition(
    frame: pd.DataFrame, *, value: str, group: str, weight: str | None = None
) -> DagumDecomposition:
    """Decompose the Gini coefficient by groups.

    For groups j and h with the mean of j the larger one: d_jh = E(y_j - y_h)+ and p_jh =
    E(y_h - y_j)+, G_jh = (d + p) / (mean_j + mean_h), D_jh = (d - p) / (d + p);
    Gw = sum G_jj p_j s_j, Gnb = sum G_jh (p_j s_h + p_h s_j) D_jh, Gt the same with 1 - D_jh.

    Parameters
    ----------
    frame : DataFrame
        One row per unit. Not changed.
    value, group, weight : str
        Columns: a number >= 0, any label, a number >= 0.

    Returns
    -------
    DagumDecomposition

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Dagum (1997), Empirical Economics 22(4), 515-531.
    """
    data, left_out = _complete_rows(frame, value, group, weight)
    y, w = data["y"].to_numpy(), data["w"].to_numpy()
    groups = _group_table(data)
    parts = [(part["y"].to_numpy(), part["w"].to_numpy()) for _, part in data.groupby("g")]
    mean = _mean(y, w)
    inner = np.array([_excess(*part, *part) for part in parts])
    groups["gini"] = _ratio(inner, groups["mean"])
    groups["contribution"] = groups["population_share"] ** 2 * inner / mean
    pairs = _pair_table(parts, groups, mean)
    return DagumDecomposition(
        total=_excess(y, w, y, w) / mean,
        within=float(groups["contribution"].sum()),
        between=float(pairs["between"].sum()),
        overlap=float(pairs["overlap"].sum()),
        n=len(data),
        left_out=left_out,
        groups=groups,
        pairs=pairs,
    )


def entropy_decomposition(
    frame: pd.DataFrame,
    *,
    value: str,
    group: str,
    weight: str | None = None,
    alpha: float = THEIL_T,
) -> EntropyDecomposition:
    """Decompose a generalised entropy index by groups.

    Within = sum_g p_g^(1 - alpha) s_g^alpha GE_g: value shares for Theil's T, population shares for
    Theil's L. Between = the index of the group means with weights p_g.

    Parameters
    ----------
    frame : DataFrame
        One row per unit. Not changed.
    value, group, weight : str
        Columns: a number >= 0 (> 0 for alpha <= 0), any label, a number >= 0.
    alpha : float
        1 for Theil's T, 0 for Theil's L.

    Returns
    -------
    EntropyDecomposition

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Shorrocks (1980), Econometrica 48(3), 613-625.
    """
    data, left_out = _complete_rows(frame, value, group, weight, positive=alpha <= 0)
    groups = _group_table(data)
    groups["index"] = [
        _entropy(part["y"].to_numpy(), part["w"].to_numpy(), alpha)
        for _, part in data.groupby("g")
    ]  # fmt: skip
    p, s = groups["population_share"].to_numpy(), groups["value_share"].to_numpy()
    share = np.where(s > 0, p ** (1 - alpha) * s**alpha, 0.0)
    groups["contribution"] = np.where(s > 0, share * groups["index"], 0.0)
    return EntropyDecomposition(
        alpha=alpha,
        total=_entropy(data["y"].to_numpy(), data["w"].to_numpy(), alpha),
        within=float(groups["contribution"].sum()),
        between=_entropy(groups["mean"].to_numpy(), p, alpha),
        n=len(data),
        left_out=left_out,
        groups=groups,
    )


def _excess(y: Floats, w: Floats, other: Floats, other_w: Floats) -> float:
    """Return E(y - other)+ for independent draws with the given weights; n log n."""
    centre = float(np.average(other, weights=other_w))  # keeps the cumulated sums small
    y, other = y - centre, other - centre
    order = np.argsort(other, kind="stable")
    below = np.searchsorted(other[order], y, side="right")
    weights = np.concatenate([[0.0], np.cumsum(other_w[order])])
    sums = np.concatenate([[0.0], np.cumsum((other_w * other)[order])])
    total = float(np.sum(w * (y * weights[below] - sums[below])))
    return max(total / (float(w.sum()) * weights[-1]), 0.0)


def _entropy(y: Floats, w: Floats, alpha: float) -> float:
    share = w / w.sum()
    mean = float(share @ y)
    if mean == 0:
        return np.nan
    ratio = y / mean
    positive = ratio > 0
    if alpha == THEIL_T:
        return float(share[positive] @ (ratio[positive] * np.log(ratio[positive])))
    if alpha == THEIL_L:
        return float(-share @ np.log(ratio))
    return float(share @ (ratio**alpha - 1.0)) / (alpha * (alpha - 1.0))


def _mean(y: Floats, w: Floats) -> float:
    return float(np.average(y, weights=w))


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Return the quotient, missing where the denominator is zero."""
    top, bottom = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _group_table(data: pd.DataFrame) -> pd.DataFrame:
    by_group = data.assign(wy=data["w"] * data["y"]).groupby("g")
    weight, total = by_group["w"].sum(), by_group["wy"].sum()
    table = pd.DataFrame({"n": by_group.size()})
    table["population_share"] = weight / weight.sum()
    table["value_share"] = total / total.sum()
    table["mean"] = total / weight
    return table.rename_axis("group").reset_index()


def _pair_table(
    parts: Sequence[tuple[Floats, Floats]], groups: pd.DataFrame, mean: float
) -> pd.DataFrame:
    """Return a row for each two groups; `parts` are values and weights, ordered as `groups`."""
    means, share = groups["mean"].to_numpy(), groups["population_share"].to_numpy()
    every = combinations(range(len(parts)), 2)
    pairs = [(i, j) if means[i] >= means[j] else (j, i) for i, j in every]
    rich, poor = np.array(pairs, dtype=int).reshape(-1, 2).T
    above = np.array([_excess(*parts[i], *parts[j]) for i, j in pairs])
    below = np.array([_excess(*parts[j], *parts[i]) for i, j in pairs])
    scale = share[rich] * share[poor] / mean
    return pd.DataFrame(
        {
            "richer": groups["group"].to_numpy()[rich],
            "poorer": groups["group"].to_numpy()[poor],
            "gini": _ratio(above + below, means[rich] + means[poor]),
            "affluence": _ratio(above - below, above + below),
            "between": scale * (above - below),
            "overlap": scale * 2 * below,
        }
    )


def _checked_arrays(
    values: ArrayLike, weights: ArrayLike | None, *, positive: bool = False
) -> tuple[Floats, Floats]:
    y = np.asarray(values, dtype=float)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=float)
    alike = y.ndim == 1 and y.shape == w.shape
    found = [] if alike else ["values and weights differ in length: give one weight per value"]
    if not found and not (np.isfinite(y).all() and np.isfinite(w).all()):
        found.append("values or weights are missing or infinite: leave those units out")
    raise_violations("the values", found or _level_violations(y, w, "values", positive))
    return y, w


def _complete_rows(
    frame: pd.DataFrame, value: str, group: str, weight: str | None, *, positive: bool = False
) -> tuple[pd.DataFrame, int]:
    """Return columns y, g, w of the complete rows with weight, and how many were left out."""
    numeric = [value, *([weight] if weight else [])]
    present = [c for c in dict.fromkeys([*numeric, group]) if c in frame]
    numbered = frame[present].assign(**{"row number": range(len(frame))})
    found = input_violations(numbered, keys=["row number"], numeric=numeric, present=[group])
    raise_violations("the table", found)
    w = frame[weight].to_numpy(dtype=float, na_value=np.nan) if weight else np.ones(len(frame))
    y = frame[value].to_numpy(dtype=float, na_value=np.nan)
    data = pd.DataFrame({"y": y, "g": frame[group].to_numpy(), "w": w})
    data = data[data.notna().all(axis=1) & (data["w"] != 0)]
    what = f"column '{value}'"
    violations = _level_violations(data["y"].to_numpy(), data["w"].to_numpy(), what, positive)
    raise_violations("the table", violations)
    return data, len(frame) - len(data)


def _level_violations(y: Floats, w: Floats, what: str, positive: bool) -> list[str]:
    if not len(y) or w.sum() == 0:
        return [f"{what}: no row with a value and a weight: choose other rows or another column"]
    found = []
    if (w < 0).any():
        found.append(f"{int((w < 0).sum())} weights are negative: they count units, correct them")
    if (y < 0).any():
        rule = "shares of a total need values >= 0, shift or transform them"
        found.append(f"{what}: {int((y < 0).sum())} values are negative: {rule}")
    elif positive and (y == 0).any():
        rule = "the index needs logarithms, use alpha > 0 (Theil's T) or leave those units out"
        found.append(f"{what}: {int((y == 0).sum())} values are zero: {rule}")
    elif not (y > 0).any():
        found.append(f"{what}: all values are zero: inequality has no meaning there")
    return found
