"""Errors of estimates from samples drawn by strata and primary units.

Variances are linearised (Taylor): an estimate is replaced by the sum of its influences z over the
sample, and the variance is that of the totals of z over primary units within strata. Only the first
stage counts, which is exact for units drawn with replacement and safe otherwise. A domain keeps
all primary units of its strata, those outside with total zero.

Sources: Woodruff (1971), JASA 66, 411-414; Binder (1983), Int. Stat. Review 51, 279-292; Wolter
(2007), Introduction to Variance Estimation, chapter 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SurveyDesign:
    """Strata and primary units of a sample.

    Attributes
    ----------
    stratum : array of int, shape (n_psu,)
        Stratum of each primary unit, from 0.
    sampled : array of int, shape (n_strata,)
        Primary units in the sample.
    fraction : array of float, shape (n_strata,)
        Share of the stratum's primary units that are in the sample; 0 without correction.
    lonely : str
        What a stratum with one primary unit adds: `centre`, its squared deviation from the mean of
        all primary units; `remove`, nothing; `average`, the mean of what the
        other strata of the domain add; `fail`, an error. A stratum sampled in full adds nothing and
        is not lonely.
    """

    stratum: Integers
    sampled: Integers
    fraction: Floats
    lonely: str = "centre"


@dataclass(frozen=True)
class Domains:
    """Which primary units have members in which domain.

    Attributes
    ----------
    domain, psu : array of int, shape (n_entries,)
        Each pair once.
    n : int
        Number of domains.
    """

    domain: Integers
    psu: Integers
    n: int


@dataclass(frozen=True)
class Cells:
    """Pairs of domain and stratum with entries.

    Attributes
    ----------
    domain, stratum : array of int, shape (n_cells,)
        Each pair once.
    cell : array of int, shape (n_entries,)
        The pair that an entry belongs to.
    """

    domain: Integers
    stratum: Integers
    cell: Integers


def design_cells(domains: Domains, design: SurveyDesign) -> Cells:
    """Return the pairs of domain and stratum with entries; once for many variances."""
    strata = len(design.sampled)
    place = domains.domain * strata + design.stratum[domains.psu]
    keys, cell = np.unique(place, return_inverse=True)
    return Cells(keys // strata, keys % strata, cell)


def sums_by(place: Integers, values: ArrayLike, n: int) -> Floats:
    """Return the sum of `values` at each place from 0 to n - 1, in the order of the values."""
    return np.bincount(place, np.asarray(values, dtype=float), n).astype(float, copy=False)


def survey_design(
    stratum: Integers, *, population: Floats | None = None, lonely: str = "centre"
) -> SurveyDesign:
    """Describe a sample by the strata of its primary units.

    Parameters
    ----------
    stratum : array of int, shape (n_psu,)
        From 0, none skipped.
    population : array of float, shape (n_strata,), optional
        Primary units that each stratum has in the population, or, if at most 1, the share of them
        in the sample. Without it, no finite-population correction.
    lonely : str
        See `SurveyDesign`.
    """
    sampled = np.bincount(stratum)
    if population is None:
        return SurveyDesign(stratum, sampled, np.zeros(len(sampled)), lonely)
    fraction = np.where(population <= 1, population, sampled / np.maximum(population, 1))
    return SurveyDesign(stratum, sampled, fraction, lonely)


def total_variance(
    z: Floats, domains: Domains, design: SurveyDesign, *, cells: Cells | None = None
) -> Floats:
    """Return the variance of the sum of z in each domain.

    V = sum_h (1 - f_h) n_h / (n_h - 1) sum_i (z_hi - mean_h)^2 over all n_h primary units of
    stratum h, zeros included.

    Parameters
    ----------
    z : array, shape (n_entries,)
        Totals of the weighted variable, or of the influences, in the entries of `domains`.
    domains : Domains
    design : SurveyDesign
    cells : Cells, optional
        Those of `design_cells`, if they are known already.

    Returns
    -------
    array, shape (domains.n,)

    Raises
    ------
    ValueError
        Where `lonely` is `fail` and there is a stratum with one primary unit.
    """
    _refuse_lonely(design)
    cells = cells or design_cells(domains, design)
    domain, stratum, cell, n = cells.domain, cells.stratum, cells.cell, len(cells.domain)
    sampled = design.sampled[stratum]
    mean = sums_by(cell, z, n) / sampled
    absent = sampled - np.bincount(cell, minlength=n)
    squares = sums_by(cell, (z - mean[cell]) ** 2, n) + absent * mean**2
    parts = (1 - design.fraction[stratum]) * squares * sampled / np.maximum(sampled - 1, 1)
    alone = (sampled == 1) & (design.fraction[stratum] < 1)
    if design.lonely == "centre" and alone.any():
        centre = sums_by(domains.domain, z, domains.n) / len(design.stratum)
        parts[alone] = (1 - design.fraction[stratum][alone]) * (mean - centre[domain])[alone] ** 2
    variance = sums_by(domain, parts, domains.n)
    if design.lonely == "average":
        usual = sums_by(domain, ~alone, domains.n)
        every = np.bincount(domain, minlength=domains.n)
        return np.where(usual > 0, variance * every / np.maximum(usual, 1), np.nan)
    return variance


def degrees_of_freedom(
    domains: Domains,
    design: SurveyDesign,
    present: NDArray[np.bool_],
    *,
    cells: Cells | None = None,
) -> tuple[Integers, Integers]:
    """Return primary units, and primary units minus strata, with members in each domain.

    Parameters
    ----------
    domains : Domains
    design : SurveyDesign
    present : array of bool, shape (n_entries,)
        Entries that count.
    cells : Cells, optional
        Those of `design_cells`, if they are known already.
    """
    cells = cells or design_cells(domains, design)
    units = np.bincount(domains.domain[present], minlength=domains.n)
    counts = np.bincount(cells.cell[present], minlength=len(cells.domain)) > 0
    return units, units - np.bincount(cells.domain[counts], minlength=domains.n)


def half_width(se: Floats, df: Integers, level: float) -> Floats:
    """Return half the width of the t interval, missing without a degree of freedom."""
    from scipy.special import stdtrit

    values, place = np.unique(np.maximum(df, 1), return_inverse=True)
    quantile = stdtrit(values, (1 + level) / 2)[place]
    return np.where(df > 0, quantile * se, np.nan)


def ratio_influence(
    numerator: Floats, denominator: Floats, domains: Domains
) -> tuple[Floats, Floats]:
    """Return ratios of sums and what each entry contributes to their linearised error.

    R = Y / X, z = (y - R x) / X.

    Parameters
    ----------
    numerator, denominator : array, shape (n_entries,)
        Weighted totals of the entries.
    domains : Domains

    Returns
    -------
    ratio : array, shape (domains.n,)
        Missing where the denominator is zero.
    z : array, shape (n_entries,)
    """
    top = sums_by(domains.domain, numerator, domains.n)
    bottom = sums_by(domains.domain, denominator, domains.n)
    bottom = np.where(bottom == 0, np.nan, bottom)
    ratio = top / bottom
    z = (numerator - ratio[domains.domain] * denominator) / bottom[domains.domain]
    return ratio, z


def _refuse_lonely(design: SurveyDesign) -> None:
    alone = np.flatnonzero((design.sampled == 1) & (design.fraction < 1))
    if design.lonely == "fail" and len(alone):
        raise ValueError(
            f"{len(alone)} strata have one primary unit, first number {alone[0]} in sorted order: "
            "merge strata, or choose another rule than `lonely: fail`"
        )
