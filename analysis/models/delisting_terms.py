"""From effects by cohort and year to the averages that are reported, and their inference.

Every estimator here is asymptotically linear: an estimate is a mean of one influence value per
county. Averages are weighted sums of cells, clustered variances are sums over clusters, and
simultaneous bands and the wild bootstrap follow from the same sums, without fitting again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from analysis.panel import FEW_CLUSTERS

OVERALL = ("simple", "dynamic", "group", "calendar")
SHARES = ("did", "exact")
FAMILIES = ("event", "group", "calendar")
"""Kinds of terms `<kind>:<number>` over which a band is simultaneous."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Effects by cohort g and period t.

    Attributes
    ----------
    cohort, time : ndarray of int, shape (k,)
        Cell labels.
    mass : ndarray, shape (k,)
        Weight of each cell in averages over cohorts.
    value : ndarray, shape (k,)
        Estimates; zero in the reference cells of a universal base.
    influence : ndarray, shape (n, k)
        Influence of each unit, scaled so that the variance is its sum of squares.
    unit_cohort : ndarray of int, shape (n,), optional
        Cohort of each unit where `mass` is the estimated share of a cohort, whose sampling
        error then counts (Callaway & Sant'Anna 2021, section 4.2); None where weights are fixed.
    """

    cohort: np.ndarray
    time: np.ndarray
    mass: np.ndarray
    value: np.ndarray
    influence: np.ndarray
    unit_cohort: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Estimates of one estimator.

    Attributes
    ----------
    names : tuple of str
        Terms.
    values : ndarray, shape (k,)
        Estimates.
    influence : ndarray, shape (n, k), optional
        As in `Cells`; None where an estimator gives standard errors only.
    errors : mapping of str to ndarray, shape (k,)
        Standard errors by cluster, where there is no `influence`.
    parameters : int, optional
        Coefficients K of a regression, for the factor (N-1)/(N-K); None for other estimators.
    n, n_units : int
        Observations and units.
    warnings : str
        What was left out, and what the library warned of.
    """

    names: tuple[str, ...]
    values: np.ndarray
    influence: np.ndarray | None
    errors: Mapping[str, np.ndarray]
    parameters: int | None
    n: int
    n_units: int
    warnings: str


@dataclass(frozen=True, kw_only=True)
class Inference:
    """How uncertainty is computed.

    Attributes
    ----------
    confidence : float
        Coverage of intervals and bands.
    draws : int
        Normal draws for the simultaneous bands; 0: no bands.
    wild : int
        Draws of the wild cluster bootstrap; 0: none.
    few : int
        The bootstrap is run where there are fewer clusters than this.
    seed : int
        Of both.
    """

    confidence: float = 0.95
    draws: int = 20_000
    wild: int = 9_999
    few: int = FEW_CLUSTERS
    seed: int = 20_201_123


FAST = Inference(draws=0, wild=0)
"""Intervals only: for repeated estimation."""


def term_weights(
    cohort: np.ndarray, time: np.ndarray, mass: np.ndarray, *, split: int | None = None
) -> dict[str, np.ndarray]:
    """Return the weight of every cell in every reported average.

    Parameters
    ----------
    cohort, time, mass : ndarray, shape (k,)
        Cells of the treated, before and after treatment, with their weights.
    split : int, optional
        Also average the periods before and from this one: terms ``before:<split>`` and
        ``from:<split>``.

    Returns
    -------
    dict of str to ndarray, shape (k,)
        ``event:e`` for every distance from treatment, ``group:g`` and ``calendar:t``; ``simple``:
        all treated cells by mass; ``dynamic`` and ``calendar``: mean of the event and the calendar
        terms; ``group``: group terms by the mass of the cohort. Weights sum to 1. A cell is
        treated if t >= g, whatever the anticipation.

    Notes
    -----
    Callaway & Sant'Anna (2021), Journal of Econometrics 225(2), table 1. Cohort terms average a
    cohort's periods by mass, which is equal where the mass is the cohort's size.
    """
    event = time - cohort
    after = event >= 0
    weights = {f"event:{e}": _share(mass, event == e) for e in np.unique(event)}
    if not after.any():
        return weights
    groups = {g: _share(mass, after & (cohort == g)) for g in np.unique(cohort[after])}
    years = {t: _share(mass, after & (time == t)) for t in np.unique(time[after])}
    sizes = np.array([mass[after & (cohort == g)].mean() for g in groups])
    weights |= {f"group:{g}": weight for g, weight in groups.items()}
    weights |= {f"calendar:{t}": weight for t, weight in years.items()}
    weights["simple"] = _share(mass, after)
    weights["dynamic"] = np.mean([weights[f"event:{e}"] for e in np.unique(event[after])], axis=0)
    weights["group"] = np.average(list(groups.values()), axis=0, weights=sizes)
    weights["calendar"] = np.mean(list(years.values()), axis=0)
    if split is not None:
        for name, part in {"before": time < split, "from": time >= split}.items():
            if (after & part).any():
                weights[f"{name}:{split}"] = _share(mass, after & part)
    return weights


def average(
    cells: Cells, *, split: int | None = None, shares: str = "exact"
) -> tuple[tuple[str, ...], np.ndarray]:
    """Average cells; return the names and, stacked, values and influence of the terms.

    Parameters
    ----------
    cells : Cells
        Estimates by cohort and period.
    split : int, optional
        As in `term_weights`.
    shares : str
        As in `delisting.att_estimates`.

    Returns
    -------
    tuple
        Names, length m, and an array of shape (1 + n, m): values in the first row, influence
        of the units below.
    """
    weights = term_weights(cells.cohort, cells.time, cells.mass, split=split)
    matrix = np.array(list(weights.values()))
    stacked = np.vstack([cells.value, cells.influence]) @ matrix.T
    if cells.unit_cohort is not None:
        stacked[1:] += _weight_influence(cells, weights, shares)
    return tuple(weights), stacked


def _share(mass: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    part = np.where(chosen, mass, 0.0)
    return part / part.sum()


def _weight_influence(cells: Cells, weights: Mapping[str, np.ndarray], shares: str) -> np.ndarray:
    """Return the influence of estimated cohort shares, shape (n, m).

    With theta = sum w_k a_k and w_k = p_{g(k)} / S, a unit of cohort h moves theta by
    sum_{k: g(k)=h} w_k (a_k - theta) / p_h / n; means of terms move by the mean.
    """
    assert cells.unit_cohort is not None
    cohorts, of_unit, sizes = np.unique(cells.unit_cohort, return_inverse=True, return_counts=True)
    member = cells.cohort[:, None] == cohorts  # (k, cohorts)
    moved = {
        name: (weight * (cells.value - weight @ cells.value)) @ member / sizes
        for name, weight in weights.items()
    }
    for name, kind in {"dynamic": "event", "calendar": "calendar"}.items():
        if name in moved:
            parts = [m for n, m in moved.items() if n.startswith(f"{kind}:") and "-" not in n]
            moved[name] = np.mean(parts, axis=0)
    if shares == "did" and "group" in moved:
        moved["group"] = _group_shares_of_did(cells, weights, cohorts)
    return np.array(list(moved.values())).T[of_unit]


def without_events(fit: Fit) -> Fit:
    """Return a fit without its event, group, calendar and cell terms."""
    dropped = tuple(f"{family}:" for family in (*FAMILIES, "cell"))
    keep = [i for i, name in enumerate(fit.names) if not name.startswith(dropped)]
    return replace(
        fit,
        names=tuple(fit.names[i] for i in keep),
        values=fit.values[keep],
        influence=None if fit.influence is None else fit.influence[:, keep],
        errors={name: se[keep] for name, se in fit.errors.items()},
    )


def _group_shares_of_did(
    cells: Cells, weights: Mapping[str, np.ndarray], cohorts: np.ndarray
) -> np.ndarray:
    """Return what each cohort's units move the term ``group``, shape (cohorts,), as R's did does.

    Its `aggte` looks the cohort of the k-th group effect up in the k-th cell, so that the
    shares of later cohorts count at the units of the first.
    """
    groups = [name for name in weights if name.startswith("group:")]
    effects = np.array([weights[name] @ cells.value for name in groups])
    label = np.sort(cells.cohort)[: len(groups)]
    sizes = [cells.mass[cells.cohort == int(name.removeprefix("group:"))][0] for name in groups]
    gaps = (effects - weights["group"] @ cells.value) / np.sum(sizes)
    return (label[:, None] == cohorts).T @ gaps


def clustered(fit: Fit, groups: np.ndarray) -> tuple[np.ndarray, float]:
    """Return sums of influence by cluster, shape (G, k), and the small-sample factor.

    Parameters
    ----------
    fit : Fit
        With influence.
    groups : ndarray of int, shape (n,)
        Cluster of each unit, numbered from 0.

    Returns
    -------
    tuple
        The variance is factor x sums' sums: G/(G-1) x (N-1)/(N-K) for regressions; for other
        estimators G/(G-1), or 1 if every unit is its own cluster (as in R's did).
    """
    assert fit.influence is not None
    g = int(groups.max()) + 1
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sums = np.add.reduceat(fit.influence[order], starts, axis=0)
    factor = g / (g - 1) if g > 1 else np.nan
    if fit.parameters is not None:
        return sums, factor * (fit.n - 1) / (fit.n - fit.parameters)
    return sums, 1.0 if g == fit.n_units else factor


def effective_clusters(influence: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return how many equal clusters would estimate the variance as precisely, by term.

    Parameters
    ----------
    influence : ndarray, shape (n, k)
        As in `Cells`.
    groups : ndarray of int, shape (n,)
        Cluster of each unit, numbered from 0.

    Returns
    -------
    ndarray, shape (k,)
        (sum v_c)^2 / sum v_c^2, v_c the sum of the squared influence of the units of a cluster: the
        number of clusters where all weigh the same, fewer where a few carry the comparison. NaN
        where the influence is zero.

    Notes
    -----
    Satterthwaite's degrees of freedom of a sum of squares of cluster sums with variances v_c, plus
    one (Bell & McCaffrey 2002, Survey Methodology 28(2); Carter, Schnepel & Steigerwald 2017,
    Review of Economics and Statistics 99(4)), under independent units as the working model.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    weights = np.add.reduceat(influence[order] ** 2, starts, axis=0)
    with np.errstate(invalid="ignore"):
        return weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)


def term_table(
    fit: Fit, clusters: Mapping[str, np.ndarray], *, inference: Inference
) -> pd.DataFrame:
    """Return one row per cluster and term, with intervals, bands and bootstrap.

    Parameters
    ----------
    fit : Fit
        Estimates.
    clusters : mapping of str to ndarray, shape (n,)
        Cluster of each unit by name.
    inference : Inference
        Options.

    Returns
    -------
    DataFrame
        term, value, se, ci_low, ci_high, p_value, band_low, band_high, wild_low, wild_high,
        wild_p, n, n_units, clusters, effective_clusters, cluster_by, warnings.

    Notes
    -----
    A band leaves each term the tail that sup-t with G - 1 degrees of freedom leaves it, under the
    term's own degrees of freedom, so that no band is narrower than the interval.
    """
    return pd.concat(
        [_cluster_rows(fit, name, groups, inference) for name, groups in clusters.items()],
        ignore_index=True,
    )


def _cluster_rows(fit: Fit, name: str, groups: np.ndarray, how: Inference) -> pd.DataFrame:
    g = int(groups.max()) + 1
    if fit.influence is None:
        se, sums, factor = fit.errors[name], None, np.nan
    else:
        sums, factor = clustered(fit, groups)
        se = np.sqrt(factor * (sums**2).sum(axis=0))
    se = np.where(se > 0, se, np.nan)
    table = pd.DataFrame({"term": fit.names, "value": fit.values, "se": se})
    df = np.full(len(se), g - 1.0)
    if fit.influence is not None and g < fit.n_units:
        df = np.fmax(effective_clusters(fit.influence, groups) - 1, 1.0)
    half = se * (stats.t.ppf((1 + how.confidence) / 2, df) if g > 1 else np.nan)
    table = table.assign(
        ci_low=fit.values - half,
        ci_high=fit.values + half,
        p_value=2 * stats.t.sf(np.abs(fit.values / se), np.fmax(df, 1.0)),
    )
    tail = stats.t.sf(_bands(fit.names, se, sums, g, how), max(g - 1, 1))
    margin = se * stats.t.isf(tail, np.fmax(df, 1.0))
    table = table.assign(band_low=fit.values - margin, band_high=fit.values + margin)
    table = table.join(_wild(fit.values, se, sums, factor, how))
    notes = [fit.warnings, f"{g} clusters: too few for these errors" if g < how.few else ""]
    return table.assign(
        n=fit.n, n_units=fit.n_units, clusters=g, effective_clusters=df + 1, cluster_by=name,
        warnings="; ".join(filter(None, notes)),
    )  # fmt: skip


def _bands(
    names: Sequence[str], se: np.ndarray, sums: np.ndarray | None, g: int, how: Inference
) -> np.ndarray:
    """Return the critical value of each term's family; NaN for terms of none."""
    critical = np.full(len(names), np.nan)
    if not how.draws or g < 2:
        return critical
    for family in FAMILIES:
        member = np.array([n.startswith(f"{family}:") for n in names]) & np.isfinite(se)
        if not member.any():
            continue
        if sums is None:
            share = how.confidence ** (1 / member.sum())
            critical[member] = stats.t.ppf((1 + share) / 2, g - 1)
        else:
            critical[member] = sup_t(sums[:, member].T @ sums[:, member], df=g - 1, how=how)
    return critical


def sup_t(covariance: np.ndarray, *, df: float, how: Inference) -> float:
    """Return the critical value of a band that holds all estimates at once.

    Parameters
    ----------
    covariance : ndarray, shape (k, k)
        Of the estimates, up to a factor; may be singular.
    df : float
        Degrees of freedom of the common t distribution.
    how : Inference
        Coverage, draws and seed.

    Returns
    -------
    float
        Quantile of max |t_j| of a multivariate t with the estimates' correlations.

    References
    ----------
    Montiel Olea & Plagborg-Moller (2019), Journal of Applied Econometrics 34(1); Callaway &
    Sant'Anna (2021), section 4.1, draw the same maximum by a multiplier bootstrap.
    """
    rng = np.random.default_rng(how.seed)
    sd = np.sqrt(np.diag(covariance))
    eigenvalues, vectors = np.linalg.eigh(covariance / np.outer(sd, sd))
    root = vectors * np.sqrt(np.clip(eigenvalues, 0, None))
    normal = rng.standard_normal((how.draws, len(sd))) @ root.T
    scale = np.sqrt(rng.chisquare(df, how.draws) / df)
    return float(np.quantile(np.abs(normal).max(axis=1) / scale, how.confidence))


def _wild(
    values: np.ndarray, se: np.ndarray, sums: np.ndarray | None, factor: float, how: Inference
) -> pd.DataFrame:
    """Bootstrap the t statistic with Rademacher weights on the clusters' influence sums.

    The score bootstrap of Kline & Santos (2012, Journal of Econometric Methods 1(1)): under the
    null the estimate is the sum of the clusters' influence, so each draw turns signs; the draw's
    own variance is centred. Symmetric interval: value -/+ quantile of |t*| x se.
    """
    columns = ["wild_low", "wild_high", "wild_p"]
    empty = pd.DataFrame(np.nan, index=range(len(values)), columns=columns)
    if sums is None or not how.wild or not 1 < len(sums) < how.few:
        return empty
    rng = np.random.default_rng(how.seed)
    signs = rng.choice([-1.0, 1.0], size=(how.wild, len(sums)))
    drawn = signs @ sums
    spread = factor * ((sums**2).sum(axis=0) - drawn**2 / len(sums))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(drawn) / np.sqrt(spread)
        p = (t >= np.abs(values / se)).mean(axis=0)
    margin = np.quantile(t, how.confidence, axis=0) * se
    known = np.isfinite(se)
    rows = np.column_stack([values - margin, values + margin, np.where(known, p, np.nan)])
    return pd.DataFrame(np.where(known[:, None], rows, np.nan), columns=columns)
