"""Coefficients of agreement as functions of how often each document is drawn.

Sums over units are made once per document, so a thousand resamples of documents cost a product of
matrices each. The coefficients for one table, with their formulas and sources, are in
`analysis.interviews.reliability`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array

from analysis.interviews.ratings import Distance, Ratings, distance

Statistic = Callable[[np.ndarray], np.ndarray]  # weights (draws, documents) -> (draws,)
Build = Callable[[Ratings, np.ndarray, Distance], Statistic]
BLOCK = 512  # rows of a matrix of distances that are in memory at once


@dataclass(frozen=True)
class Coefficient:
    """How a coefficient is computed, and what it needs.

    Attributes
    ----------
    build : callable
        From ratings, documents of the units and a distance to a `Statistic`.
    level : str
        Level of `analysis.interviews.ratings.distance`.
    needs_coders : bool
        Whether it matters who gave a value.
    counts_categories : bool
        Whether the number of categories enters.
    """

    build: Build
    level: str
    needs_coders: bool = False
    counts_categories: bool = False


def statistic(coefficient: str, ratings: Ratings, documents: np.ndarray) -> Statistic:
    """Return a coefficient as a function of how often each document is drawn.

    Parameters
    ----------
    coefficient : str
        One of `COEFFICIENTS`.
    ratings : Ratings
        What the coders gave; one unit or more.
    documents : ndarray (units,) of int
        Document of each unit, numbered from 0.

    Returns
    -------
    callable
        From weights (draws, documents) to values (draws,), NaN where undefined.
    """
    chosen = COEFFICIENTS[coefficient]
    evaluate = chosen.build(ratings, documents, distance(ratings, chosen.level))

    def value(draws: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 is what undefined means
            return evaluate(np.asarray(draws, dtype=float))

    return value


def _pairs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit, one value and the other, for every pair of values in a unit."""
    parts = [np.empty((3, 0), dtype=np.int64)]
    for g, h in combinations(range(values.shape[1]), 2):
        unit = np.flatnonzero((values[:, g] >= 0) & (values[:, h] >= 0))
        parts.append(np.stack([unit, values[unit, g], values[unit, h]]))
    unit, one, other = np.concatenate(parts, axis=1)
    return unit, one, other


def _disagreement(ratings: Ratings, between: Distance) -> np.ndarray:
    """Mean distance over the pairs of values of each unit (units,), 0 without a pair."""
    unit, one, other = _pairs(ratings.values)
    count, units = len(ratings.categories), len(ratings.values)
    apart = np.zeros(len(unit))
    for low in range(0, count, BLOCK):
        rows = np.flatnonzero((one >= low) & (one < low + BLOCK))
        block = np.arange(low, min(low + BLOCK, count))
        apart[rows] = between(block, np.arange(count))[one[rows] - low, other[rows]]
    pairs = np.bincount(unit, minlength=units)
    return np.bincount(unit, weights=apart, minlength=units) / np.maximum(pairs, 1)


def _margins(ratings: Ratings, documents: np.ndarray, weight: np.ndarray) -> csr_array:
    """Weighted number of values of each category in each document (documents, categories)."""
    unit, coder = np.nonzero(ratings.values >= 0)
    cells = (documents[unit], ratings.values[unit, coder])
    shape = (int(documents.max()) + 1, len(ratings.categories))
    return csr_array((weight[unit], cells), shape=shape)


def _crossed(left: csr_array, right: csr_array, between: Distance) -> Statistic:
    """Return sum_ck l_c r_k d(c, k) of the margins l and r of a draw.

    By categories or, where these are more (sets of codes), by documents.
    """
    documents, count = left.shape
    every = np.arange(count)
    if count <= documents:
        one, other, apart = left.toarray(), right.toarray(), between(every, every)
        return lambda w: np.einsum("dk,dk->d", (w @ one) @ apart, w @ other)
    table = np.zeros((documents, documents))
    for low in range(0, count, BLOCK):
        block = every[low : low + BLOCK]
        table += left[:, block] @ (between(block, every) @ right.T)
    return lambda w: np.einsum("dk,dk->d", w @ table, w)


def _corrected(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.where(expected > 0, 1 - observed / expected, np.nan)


def _alpha(ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    weight = ratings.frequency * ratings.pairable
    values = weight * ratings.counts
    observed = np.bincount(documents, values * _disagreement(ratings, between))
    total = np.bincount(documents, values)
    margins = _margins(ratings, documents, weight)
    expected = _crossed(margins, margins, between)

    def value(w: np.ndarray) -> np.ndarray:
        n = w @ total
        return _corrected(w @ observed / n, expected(w) / (n * (n - 1)))

    return value


def _ordinal_alpha(ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    """Alpha with squared distances of mid-ranks, which differ from draw to draw."""
    weight = ratings.frequency * ratings.pairable
    margins = _margins(ratings, documents, weight)
    unit, one, other = _pairs(ratings.values)
    pair, which = np.unique(np.stack([one, other]), axis=1, return_inverse=True)
    share = 2 * weight[unit] / (ratings.counts[unit] - 1)
    shape = (margins.shape[0], pair.shape[1])
    coincidences = csr_array((share, (documents[unit], which.ravel())), shape=shape)

    def value(w: np.ndarray) -> np.ndarray:
        n_k = w @ margins
        n = n_k.sum(axis=1, keepdims=True)
        rank = np.cumsum(n_k, axis=1) - n_k / 2
        apart = (rank[:, pair[0]] - rank[:, pair[1]]) ** 2
        observed = ((w @ coincidences) * apart).sum(axis=1) / n[:, 0]
        centred = rank - (n_k * rank).sum(axis=1, keepdims=True) / n
        expected = 2 * (n_k * centred**2).sum(axis=1) / (n[:, 0] - 1)
        return _corrected(observed, np.where((n_k > 0).sum(axis=1) > 1, expected, 0))

    return value


def _observed(ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    """Mean over the units of the disagreement of pairs of coders."""
    weight = ratings.frequency * ratings.pairable
    apart = np.bincount(documents, weight * _disagreement(ratings, between))
    total = np.bincount(documents, weight)
    return lambda w: (w @ apart) / (w @ total)


def _percent(ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    observed = _observed(ratings, documents, between)
    return lambda w: 1 - observed(w)


def _kappa(expect: Build, ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    """Coefficient over the mean disagreement of units; undefined where one category occurs."""
    observed = _observed(ratings, documents, between)
    expected = expect(ratings, documents, between)
    margins = _margins(ratings, documents, ratings.frequency * ratings.pairable)

    def value(w: np.ndarray) -> np.ndarray:
        several = ((w @ margins) > 0).sum(axis=1) > 1
        return _corrected(observed(w), np.where(several, expected(w), 0))

    return value


def _expect_fleiss(ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    """Disagreement of two values drawn from the mean shares of the categories."""
    shares = _margins(ratings, documents, ratings.frequency / np.maximum(ratings.counts, 1))
    units = np.bincount(documents, ratings.frequency * (ratings.counts > 0))
    crossed = _crossed(shares, shares, between)
    return lambda w: crossed(w) / (w @ units) ** 2


def _expect_gwet(ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    spread = _expect_fleiss(ratings, documents, between)  # 1 - sum p_k^2
    others = max(len(ratings.categories) - 1, 1)
    return lambda w: 1 - spread(w) / others


def _expect_uniform(ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    return lambda w: np.full(len(w), 1 - 1 / len(ratings.categories))


def _expect_conger(ratings: Ratings, documents: np.ndarray, between: Distance) -> Statistic:
    present = _present(ratings)
    margins = [_margins(_only(ratings, k), documents, ratings.frequency) for k in present]
    crossed = [
        (_crossed(one, other, between), one.sum(axis=1), other.sum(axis=1))
        for one, other in combinations(margins, 2)
    ]
    return lambda w: np.mean([c(w) / ((w @ n) * (w @ m)) for c, n, m in crossed], axis=0)


def _expect_pair(
    ratings: Ratings, documents: np.ndarray, between: Distance, *, pooled: bool
) -> Statistic:
    """Disagreement of two independent coders, with a margin of their own or a pooled one."""
    one, other = (_margins(_only(ratings, k), documents, ratings.frequency) for k in (0, 1))
    if pooled:
        one = other = (one + other) / 2
    crossed, units = _crossed(one, other, between), one.sum(axis=1)
    return lambda w: crossed(w) / (w @ units) ** 2


def _present(ratings: Ratings) -> list[int]:
    """Columns of the coders who gave a value."""
    return np.flatnonzero((ratings.values >= 0).any(axis=0)).tolist()


def _only(ratings: Ratings, *coders: int) -> Ratings:
    """Ratings of some coders; a unit that one of them left out has no value."""
    values = ratings.values[:, list(coders)]
    shared = (values >= 0).all(axis=1, keepdims=True)
    return Ratings(np.where(shared, values, -1), ratings.categories, ratings.frequency)


def _mean_of_pairs(
    pooled: bool, ratings: Ratings, documents: np.ndarray, between: Distance
) -> Statistic:
    """Mean over pairs of coders of the coefficient in the units that both coded."""
    present = _present(ratings)
    expect = partial(_expect_pair, pooled=pooled)
    kappas = [
        _kappa(expect, _only(ratings, g, h), documents, between)
        for g, h in combinations(present, 2)
    ]
    return lambda w: np.mean([kappa(w) for kappa in kappas], axis=0)


_COHEN = partial(_mean_of_pairs, False)
COEFFICIENTS = {
    "percent": Coefficient(_percent, "nominal"),
    "alpha_nominal": Coefficient(_alpha, "nominal"),
    "alpha_ordinal": Coefficient(_ordinal_alpha, "ordinal"),
    "alpha_interval": Coefficient(_alpha, "interval"),
    "alpha_ratio": Coefficient(_alpha, "ratio"),
    "alpha_jaccard": Coefficient(_alpha, "jaccard"),
    "alpha_masi": Coefficient(_alpha, "masi"),
    "cohen": Coefficient(_COHEN, "nominal", needs_coders=True),
    "cohen_linear": Coefficient(_COHEN, "linear", needs_coders=True),
    "cohen_quadratic": Coefficient(_COHEN, "quadratic", needs_coders=True),
    "scott": Coefficient(partial(_mean_of_pairs, True), "nominal", needs_coders=True),
    "fleiss": Coefficient(partial(_kappa, _expect_fleiss), "nominal"),
    "conger": Coefficient(partial(_kappa, _expect_conger), "nominal", needs_coders=True),
    "gwet_ac1": Coefficient(partial(_kappa, _expect_gwet), "nominal", counts_categories=True),
    "brennan_prediger": Coefficient(
        partial(_kappa, _expect_uniform), "nominal", counts_categories=True
    ),
}
