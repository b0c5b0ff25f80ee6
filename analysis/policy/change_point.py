"""Test for one change in the rate of a term, and date it with a confidence set of years.

Counts by year with an exposure (Chinese characters). A scan over all years compares two rates
with one; given their total, Poisson counts with one rate are multinomial, so the test and the
confidence set of the year are exact up to simulation. Words come in bursts: the other model
lets the variance be a multiple of the mean. A gradual rise contradicts one rate as well as a jump
does, so a change found is a departure from a constant rate, dated as if it were sudden.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.geography import require_columns
from analysis.panel_input import raise_violations
from analysis.policy.terms import RATE_PER

MODELS = ("poisson", "overdispersed")
TIE = 1e-9
"""Statistics closer than this, relatively, are ties."""


@dataclass(frozen=True)
class ChangePoint:
    """Result of the scan of one series.

    Attributes
    ----------
    found : bool
        Whether one rate is rejected at `alpha`.
    year : int or None
        First year of the new rate; None if no change was found.
    years_confident : tuple of int
        First years of the new rate that are not rejected at `alpha`; empty without a change.
    previous : int or None
        Last observed year before `year`: with a gap in the series the change lies between both.
    rate_before, rate_after : float
        Per 10,000 characters; the common rate in both without a change.
    statistic : float
        Largest gain in twice the log-likelihood, over the dispersion.
    p_value : float
        (1 + simulated series that reach it) / (1 + simulations).
    dispersion : float
        Variance over mean around the two rates, at least 1; 1 in the Poisson model.
    model : str
    alpha : float
    n_years : int
    simulations : int
    """

    found: bool
    year: int | None
    years_confident: tuple[int, ...]
    previous: int | None
    rate_before: float
    rate_after: float
    statistic: float
    p_value: float
    dispersion: float
    model: str
    alpha: float
    n_years: int
    simulations: int


def change_point(
    series: pd.DataFrame,
    *,
    rng: np.random.Generator,
    model: str = "poisson",
    alpha: float = 0.05,
    simulations: int = 1999,
) -> ChangePoint:
    """Scan a series for one change of its rate.

    Parameters
    ----------
    series : DataFrame
        One row per observed year: year, n (count), n_hanzi (exposure). Order is free.
    rng : Generator
    model : str
        ``"poisson"``: counts are simulated given their total (test) or the totals on both sides of
        a year (confidence set), which is exact. ``"overdispersed"``: the statistic is divided by
        the Pearson dispersion around the best two rates, anew in each series simulated from
        negative binomial counts of the same variance over mean; approximate.
    alpha : float
        Level of the test; the set of years has confidence 1 - alpha.
    simulations : int
        Series per test, at least 99.

    Returns
    -------
    ChangePoint

    Raises
    ------
    ValueError
        Lists missing columns, repeated years, counts that are no whole numbers from 0, exposures
        not above 0, fewer than four years, and settings out of range.

    Source
    ------
    Worsley (1986), Biometrika 73(1), 91-104: likelihood-ratio test and confidence region for a
    change in a series from an exponential family, conditional on totals. Dispersion: McCullagh &
    Nelder (1989), Generalized Linear Models, section 6.2.3.
    """
    require_columns(series, ["year", "n", "n_hanzi"], "series")
    raise_violations("the series", _faults(series, model, alpha, simulations))
    ordered = series.sort_values("year")
    years = ordered["year"].to_numpy()
    counts = ordered["n"].to_numpy(dtype=float)
    exposure = ordered["n_hanzi"].to_numpy(dtype=float) / RATE_PER
    scan = _Scan(counts, exposure, model == "overdispersed", simulations, rng)
    gains, phi = scan.gains(counts[None])
    best = int(np.argmax(gains[0]))
    p_value = scan.p_value(float(gains[0, best]))
    found = p_value <= alpha
    splits = scan.confident_splits(gains[0], float(phi[0]), alpha) if found else []
    parts = (slice(best + 1), slice(best + 1, None)) if found else (slice(None), slice(None))
    before, after = (float(counts[s].sum() / exposure[s].sum()) for s in parts)
    return ChangePoint(
        found=found,
        year=int(years[best + 1]) if found else None,
        years_confident=tuple(int(years[split + 1]) for split in splits),
        previous=int(years[best]) if found else None,
        rate_before=before,
        rate_after=after,
        statistic=float(gains[0, best]),
        p_value=p_value,
        dispersion=float(phi[0]),
        model=model,
        alpha=alpha,
        n_years=len(years),
        simulations=simulations,
    )


def change_point_table(
    counts: pd.DataFrame,
    *,
    seed: int,
    models: tuple[str, ...] = MODELS,
    alpha: float = 0.05,
    simulations: int = 1999,
) -> pd.DataFrame:
    """Scan many series.

    Parameters
    ----------
    counts : DataFrame
        term, year, n, n_hanzi; one row per term and observed year.
    seed : int
        Each series and model has random numbers of its own, so adding one changes no other.
    models, alpha, simulations
        As `change_point`.

    Returns
    -------
    DataFrame
        By series and model: series, model, found, year, previous, year_low, year_high (ends of the
        confidence set, Int64, missing without a change), years_confident (its years, joined by
        blanks), rate_before, rate_after, statistic, p_value, dispersion, n_years, matches.
    """
    rows = []
    for series, part in counts.groupby("term", sort=True):
        for model in models:
            # words of the name, not its place: the seed of a series must not depend on others
            rng = np.random.default_rng([seed, MODELS.index(model), *str(series).encode()])
            point = change_point(part, rng=rng, model=model, alpha=alpha, simulations=simulations)
            kept = ("found", "year", "previous", "rate_before", "rate_after", "statistic",
                    "p_value", "dispersion", "n_years")  # fmt: skip
            years = point.years_confident
            rows.append(
                {"series": series, "model": model}
                | {name: getattr(point, name) for name in kept}
                | {
                    "year_low": min(years, default=None),
                    "year_high": max(years, default=None),
                    "years_confident": " ".join(map(str, years)),
                    "matches": int(part["n"].sum()),
                }
            )
    whole = {c: "Int64" for c in ("year", "previous", "year_low", "year_high")}
    return pd.DataFrame(rows).astype(whole)


def is_contiguous(years_confident: str, observed: Iterable[int]) -> bool:
    """Return whether a set of years, joined by blanks, has no observed year missing inside."""
    years = {int(year) for year in years_confident.split()}
    return all(y in years for y in observed if min(years) <= y <= max(years)) if years else False


def _faults(series: pd.DataFrame, model: str, alpha: float, simulations: int) -> list[str]:
    n = series["n"].to_numpy(dtype=float)
    rules = {
        "a year stands twice: add its rows up first": series["year"].duplicated().any(),
        "n must be whole numbers from 0": not ((n >= 0) & (n == np.floor(n))).all(),
        "n_hanzi must be above 0": not (series["n_hanzi"].to_numpy(dtype=float) > 0).all(),
        f"{len(series)} years, at least 4 are needed": len(series) < 4,
        f"model must be one of {', '.join(MODELS)}, got {model!r}": model not in MODELS,
        f"alpha is {alpha}, must be in (0, 1)": not 0 < alpha < 1,
        f"simulations is {simulations}, must be at least 99": simulations < 99,
    }
    return [rule for rule, broken in rules.items() if broken]


@dataclass(frozen=True)
class _Scan:
    """A series with its rules of simulation; split k puts the first k + 1 years before a change."""

    counts: np.ndarray
    exposure: np.ndarray
    overdispersed: bool
    simulations: int
    rng: np.random.Generator

    def gains(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return twice the gain in log-likelihood by split over the dispersion, and that.

        Counts have shape (series, years), gains (series, years - 1), dispersions (series,).
        """
        before, total = np.cumsum(counts, axis=1)[:, :-1], counts.sum(axis=1, keepdims=True)
        early = np.cumsum(self.exposure)[:-1]
        gains = 2 * (
            _x_log_rate(before, early)
            + _x_log_rate(total - before, self.exposure.sum() - early)
            - _x_log_rate(total, self.exposure.sum())
        )
        phi = np.ones(len(counts))
        if self.overdispersed:
            late = np.arange(counts.shape[1]) > np.argmax(gains, axis=1)[:, None]
            phi = _dispersion(counts, self.exposure, late, free=3)
        return np.maximum(gains, 0.0) / phi[:, None], phi

    def p_value(self, observed: float) -> float:
        """Return the share of series with one rate whose largest gain reaches the observed one."""
        phi = 1.0
        if self.overdispersed:
            never = np.zeros((1, len(self.counts)), dtype=bool)
            phi = float(_dispersion(self.counts[None], self.exposure, never, free=1)[0])
        return _reached(self.gains(self.draw(phi))[0].max(axis=1), observed)

    def confident_splits(self, gains: np.ndarray, phi: float, alpha: float) -> list[int]:
        """Return the splits whose distance to the best one is not rejected."""
        kept = []
        for split, gain in enumerate(gains):
            drawn = self.gains(self.draw(phi, split + 1))[0]
            distance = drawn.max(axis=1) - drawn[:, split]
            if _reached(distance, float(gains.max() - gain)) > alpha:
                kept.append(split)
        return kept

    def draw(self, phi: float, *first_late: int) -> np.ndarray:
        """Return series with the totals of the counts before and from `first_late` on."""
        pieces = zip(np.split(self.counts, first_late), np.split(self.exposure, first_late),
                     strict=True)  # fmt: skip
        return np.hstack([self._piece(n.sum(), e / e.sum(), phi) for n, e in pieces]).astype(float)

    def _piece(self, total: float, share: np.ndarray, phi: float) -> np.ndarray:
        # a negative binomial has more variance than a Poisson count, so it needs phi above 1
        if phi <= 1:
            return self.rng.multinomial(int(total), share, size=self.simulations)
        size = np.maximum(total * share, 1e-12) / (phi - 1)
        return self.rng.negative_binomial(size, 1 / phi, size=(self.simulations, len(share)))


def _x_log_rate(count: np.ndarray, exposure: np.ndarray | float) -> np.ndarray:
    rate = np.where(count > 0, count, 1.0) / exposure
    return np.where(count > 0, count * np.log(rate), 0.0)


def _dispersion(
    counts: np.ndarray, exposure: np.ndarray, late: np.ndarray, *, free: int
) -> np.ndarray:
    """Return Pearson's statistic around the rates of both sides over years minus `free`, or 1."""
    expected = np.zeros(counts.shape)
    for side in (late, ~late):
        covered = np.maximum((exposure * side).sum(axis=1), np.finfo(float).tiny)
        expected += side * ((counts * side).sum(axis=1) / covered)[:, None] * exposure
    squares = (counts - expected) ** 2
    gap = np.divide(squares, expected, where=expected > 0, out=np.zeros(counts.shape))
    return np.maximum(gap.sum(axis=1) / (counts.shape[1] - free), 1.0)


def _reached(simulated: np.ndarray, observed: float) -> float:
    reached = int((simulated >= observed * (1 - TIE) - TIE).sum())
    return (1 + reached) / (1 + len(simulated))
