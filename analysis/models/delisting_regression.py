"""Two-way fixed effects and Sun-Abraham: one least-squares fit that serves every cluster level.

County effects are removed by demeaning, periods and the conditional baseline (its interactions
with the periods) enter as dummies, so that unbalanced panels are exact and K counts what fixest
counts. Kept apart from the library because one fit must give the influence of every county, which
all clusters, bands and tests share, and because interacted baselines take it seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.models.delisting_input import COLLINEAR, NEVER, StaggeredSample
from analysis.models.delisting_terms import Cells, Fit, average


def two_way(sample: StaggeredSample, *, conditional: bool = True) -> Fit:
    """Regress the outcome on treatment with unit and period effects.

    Parameters
    ----------
    sample : StaggeredSample
        Rows to use.
    conditional : bool
        Add the baseline controls interacted with the periods.

    Returns
    -------
    Fit
        Term ``simple`` is the coefficient of treatment, a variance-weighted mean of effects in
        which effects of early cohorts may enter negatively (Goodman-Bacon 2021); then one term
        per regressor.
    """
    data = sample.frame
    treated = (data["cohort"] != NEVER) & (data["time"] >= data["cohort"])
    columns = treated.to_numpy(dtype=float)[:, None]
    values, influence, parameters = _absorbed_fit(sample, columns, ["treatment"], conditional)
    names = ("simple", *sample.regressors)
    return _as_fit(sample, names, np.vstack([values, influence]), parameters)


def sun_abraham(
    sample: StaggeredSample,
    *,
    conditional: bool = True,
    anticipation: int = 0,
    split: int | None = None,
) -> Fit:
    """Estimate effects by cohort and period in one regression and average them.

    Parameters
    ----------
    sample : StaggeredSample
        Rows to use; the never treated are the reference cohort.
    conditional : bool
        Add the baseline controls interacted with the periods.
    anticipation : int
        The reference period of a cohort is its last observed one before g - anticipation.
    split : int, optional
        As in `delisting_terms.term_weights`.

    Returns
    -------
    Fit
        Terms of `term_weights` with cells weighted by their observations, then one per regressor.
        ``event:-1`` (without anticipation) is the reference, zero without an error.

    References
    ----------
    Sun & Abraham (2021), Journal of Econometrics 225(2); weights are taken as fixed and
    the overall effect is ``simple``, both as in fixest's `sunab` (there named ATT).
    """
    cells, reference, columns = _cell_columns(sample.frame, anticipation)
    labels = [f"cohort {g} in {t}" for g, t, _ in cells]
    values, influence, parameters = _absorbed_fit(sample, columns, labels, conditional)
    k, zero = len(cells), np.zeros(len(reference))
    label = np.array([*cells, *reference])
    every = Cells(
        cohort=label[:, 0],
        time=label[:, 1],
        mass=label[:, 2].astype(float),
        value=np.concatenate([values[:k], zero]),
        influence=np.hstack([influence[:, :k], np.zeros((len(influence), len(reference)))]),
    )
    names, stacked = average(every, split=split)
    extra = np.vstack([values[k:], influence[:, k:]])
    return _as_fit(sample, (*names, *sample.regressors), np.hstack([stacked, extra]), parameters)


def baseline_by_period(sample: StaggeredSample) -> np.ndarray:
    """Return the baseline controls times a dummy of each period but the first.

    Parameters
    ----------
    sample : StaggeredSample
        Rows to use.

    Returns
    -------
    ndarray, shape (N, len(baseline) x (T - 1))
        Controls are centred, which only moves the period effects.
    """
    dummies = _period_dummies(sample.frame)
    baseline = sample.frame[list(sample.baseline)].to_numpy()
    baseline = baseline - baseline.mean(axis=0) if baseline.size else baseline
    return np.hstack([dummies * column[:, None] for column in baseline.T] or [dummies[:, :0]])


def _as_fit(
    sample: StaggeredSample, names: tuple[str, ...], stacked: np.ndarray, parameters: int
) -> Fit:
    return Fit(
        names=names,
        values=stacked[0],
        influence=stacked[1:],
        errors={},
        parameters=parameters,
        n=len(sample.frame),
        n_units=len(sample.labels),
        warnings="; ".join(sample.notes),
    )


def _period_dummies(data: pd.DataFrame) -> np.ndarray:
    periods = np.unique(data["time"])[1:]
    return (data["time"].to_numpy()[:, None] == periods).astype(float)


def _cell_columns(
    data: pd.DataFrame, anticipation: int
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]], np.ndarray]:
    """Return estimated and reference cells as (cohort, period, rows), and their dummies."""
    cohort, time = data["cohort"].to_numpy(), data["time"].to_numpy()
    counts = data[cohort != NEVER].groupby(["cohort", "time"]).size()
    base = {
        g: max(t for h, t in counts.index if h == g and t < g - anticipation)
        for g in np.unique(cohort[cohort != NEVER])
    }
    every = [(int(g), int(t), int(size)) for (g, t), size in counts.items()]
    cells = [cell for cell in every if cell[1] != base[cell[0]]]
    reference = [cell for cell in every if cell[1] == base[cell[0]]]
    columns = np.column_stack([(cohort == g) & (time == t) for g, t, _ in cells]).astype(float)
    return cells, reference, columns


def _absorbed_fit(
    sample: StaggeredSample, columns: np.ndarray, labels: Sequence[str], conditional: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return slopes of `columns` and of the regressors, their influence (n, k), and K.

    Unit effects are removed by demeaning (Frisch-Waugh-Lovell); they are nested in any cluster
    of units and do not count in K.
    """
    data = sample.frame
    wanted = np.hstack([columns, data[list(sample.regressors)].to_numpy()])
    parts = [wanted, _period_dummies(data)]
    if conditional and sample.baseline:
        parts.append(baseline_by_period(sample))
    x = _demeaned(np.hstack(parts), sample)
    y = _demeaned(data["outcome"].to_numpy()[:, None], sample)[:, 0]
    scale = np.sqrt((x**2).sum(axis=0))
    names = [*labels, *sample.regressors]
    _refuse_collinear(x, scale, names)
    x /= scale
    inverse = np.linalg.inv(x.T @ x)
    slopes = inverse @ (x.T @ y)
    residuals = y - x @ slopes
    scores = np.add.reduceat(x * residuals[:, None], sample.starts, axis=0)
    k = len(names)
    return slopes[:k] / scale[:k], scores @ inverse[:, :k] / scale[:k], x.shape[1] + 1


def _demeaned(values: np.ndarray, sample: StaggeredSample) -> np.ndarray:
    starts = sample.starts
    sizes = np.diff(starts, append=len(values))
    means = np.add.reduceat(values, starts, axis=0) / sizes[:, None]
    return values - np.repeat(means, sizes, axis=0)


def _refuse_collinear(x: np.ndarray, scale: np.ndarray, names: Sequence[str]) -> None:
    flat = [n for n, s in zip(names, scale, strict=False) if s <= COLLINEAR]
    if flat:
        raise ValueError(
            f"no variation within units in {', '.join(flat)}: drop it or use more periods"
        )
    unit = x / np.where(scale > 0, scale, 1.0)
    if np.linalg.eigvalsh(unit.T @ unit)[0] < COLLINEAR:
        raise ValueError(
            f"treatment, periods and controls are collinear ({x.shape[1]} columns): use fewer "
            f"controls, or a window in which every cohort has untreated periods"
        )
