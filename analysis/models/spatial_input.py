"""Arrays of a spatial regression: checked, in the order of the weights, effects taken out.

Effects are taken out by the orthogonal transformations of Lee & Yu (2010, J. Econometrics 154):
T - 1 (instead of T) independent cross-sections remain after unit effects, n - 1 (instead of n) rows
after time effects. Sums of squares of the transformed data equal those of demeaned data, so the
data are demeaned and the transformation enters through the counts and the determinant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.models.spatial_weights import SpatialWeights
from analysis.panel_input import ABSORBED, CONSTANT, SHOWN, input_violations, raise_violations

EFFECTS = ("none", "entity", "time", "two_way")
CORRECTIONS = ("lee_yu", "none")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpatialData:
    """A balanced panel (or one cross-section, T = 1) without its effects.

    Attributes
    ----------
    y, wy : ndarray, shape (n, T)
        Outcome and its spatial lag, demeaned as the effects ask.
    x : ndarray, shape (n, T, k)
        Regressors, then their spatial lags, then the constant, demeaned alike.
    terms : tuple of str
        Names of the k columns; a lag is named "W <column>".
    variables, lagged : tuple of str
        Regressors, and those of them that have a lag.
    cross_sections : int
        Independent cross-sections m: T, or T - 1 after unit effects.
    rows : int
        Rows of each: n, or n - 1 after time effects.
    eigenvalues : ndarray, shape (rows,)
        Eigenvalues of W that the transformation leaves.
    effects : str
        Effects taken out.
    """

    y: Floats
    wy: Floats
    x: Floats
    terms: tuple[str, ...]
    variables: tuple[str, ...]
    lagged: tuple[str, ...]
    cross_sections: int
    rows: int
    eigenvalues: NDArray[Any]
    effects: str

    @property
    def observations(self) -> int:
        """Independent observations N = rows x cross-sections, on which the variance is based."""
        return self.rows * self.cross_sections

    def within(self, values: Floats) -> Floats:
        """Demean an array of shape (n, T); lags of demeaned data are not demeaned over units."""
        return _demean(values, self.effects)

    @property
    def flat_x(self) -> Floats:
        """Regressors, shape (n T, k)."""
        return self.x.reshape(-1, self.x.shape[2])


def complete_units(
    frame: pd.DataFrame, columns: Sequence[str], *, unit: str = "code", time: str | None = "year"
) -> list[str]:
    """Return the units that have all columns in every period of the frame, sorted.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period. Not changed.
    columns : sequence of str
        Columns that must not be missing.
    unit, time : str
        Key columns; `time` is None for a cross-section.

    Returns
    -------
    list of str
        Build the weights from these: they must hold exactly the units of the sample.
    """
    complete = frame.dropna(subset=[unit, *columns])
    periods = 1 if time is None else frame[time].nunique()
    counts = complete[unit].astype(str).value_counts()
    return sorted(counts.index[counts == periods])


def spatial_data(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    weights: SpatialWeights,
    lagged: Sequence[str],
    unit: str,
    time: str | None,
    effects: str,
    correction: str,
) -> SpatialData:
    """Check a frame and turn it into the arrays of a spatial regression.

    Parameters
    ----------
    frame : DataFrame
        One row per unit (and period). Not changed.
    outcome, regressors : str, sequence of str
        Numeric columns without missing values.
    weights : SpatialWeights
        Exactly the units of the frame.
    lagged : sequence of str
        Regressors whose spatial lag is added.
    unit, time : str
        Key columns; `time` is None for a cross-section.
    effects : str
        One of `EFFECTS`. Without unit or time effects a constant is added.
    correction : str
        "lee_yu", or "none": T cross-sections of n rows even after demeaning (the direct approach:
        same slopes and rho with unit effects, but a variance too small by (T - 1) / T).

    Returns
    -------
    SpatialData

    Raises
    ------
    ValueError
        Lists every violation.
    """
    keys = [unit] if time is None else [unit, time]
    found = _option_violations(weights, regressors, lagged, time, effects, correction)
    found += input_violations(frame, keys=keys, numeric=[outcome, *regressors], present=[])
    raise_violations("the spatial sample", found)
    used = [outcome, *regressors]
    raise_violations("the spatial sample", _sample_violations(frame, used, weights, unit, time))
    values = _cube(frame, used, weights, unit, time)
    y, x = values[:, :, 0], values[:, :, 1:]
    lags = [weights.lag(x[:, :, list(regressors).index(name)]) for name in lagged]
    columns = [*np.moveaxis(x, 2, 0), *lags]
    if effects == "none":
        columns.append(np.ones_like(y))
    terms = (*regressors, *(f"W {name}" for name in lagged), *([CONSTANT] * (effects == "none")))
    x_within = np.stack([_demean(column, effects) for column in columns], axis=2)
    raise_violations(
        "the spatial sample", _collinearity(np.stack(columns, axis=2), x_within, terms)
    )
    exact = correction == "lee_yu"
    by_unit, by_time = effects in {"entity", "two_way"}, effects in {"time", "two_way"}
    return SpatialData(
        y=_demean(y, effects),
        wy=_demean(weights.lag(y), effects),
        x=x_within,
        terms=terms,
        variables=tuple(regressors),
        lagged=tuple(lagged),
        cross_sections=y.shape[1] - (exact and by_unit),
        rows=y.shape[0] - (exact and by_time),
        eigenvalues=_remaining(weights.eigenvalues, exact and by_time),
        effects=effects,
    )


def _option_violations(
    weights: SpatialWeights,
    regressors: Sequence[str],
    lagged: Sequence[str],
    time: str | None,
    effects: str,
    correction: str,
) -> list[str]:
    found = []
    if effects not in EFFECTS:
        found.append(f"effects '{effects}' is unknown: use one of {list(EFFECTS)}")
    if correction not in CORRECTIONS:
        found.append(f"correction '{correction}' is unknown: use one of {list(CORRECTIONS)}")
    if time is None and effects != "none":
        found.append(f"effects '{effects}' need periods: name the time column or use 'none'")
    if effects in {"time", "two_way"} and weights.islands:
        found.append(
            f"{len(weights.islands)} units without neighbours, e.g. {weights.islands[:SHOWN]}: "
            "time effects can only be taken out if all rows of W sum to one; join or drop them"
        )
    found += [f"lagged '{c}' is no regressor: add it" for c in lagged if c not in regressors]
    if not regressors:
        found.append("no regressor: name at least one")
    found += [f"'{c}' stands twice: keep one" for c, k in Counter(regressors).items() if k > 1]
    return found


def _sample_violations(
    frame: pd.DataFrame, used: Sequence[str], weights: SpatialWeights, unit: str, time: str | None
) -> list[str]:
    """Compare the units of frame and weights; look for gaps."""
    found = []
    remedy = "restrict frame and weights to complete_units()"
    for column in used:
        if count := int(frame[column].isna().sum()):
            found.append(f"column '{column}': {count} missing values: {remedy}")
    here, there = set(frame[unit].astype(str).unique()), set(weights.ids)
    if more := sorted(here - there):
        found.append(f"{len(more)} units have no weights, e.g. {more[:SHOWN]}: {remedy}")
    if more := sorted(there - here):
        found.append(
            f"{len(more)} units of the weights have no rows, e.g. {more[:SHOWN]}: {remedy}"
        )
    if time is not None:
        periods = frame[time].nunique()
        counts = frame[unit].astype(str).value_counts()
        if len(short := sorted(counts.index[counts < periods])):
            found.append(
                f"{len(short)} units lack a period of {periods}, e.g. {short[:SHOWN]}: {remedy}"
            )
    return found


def _cube(
    frame: pd.DataFrame,
    columns: Sequence[str],
    weights: SpatialWeights,
    unit: str,
    time: str | None,
) -> Floats:
    """Return the columns as an array of shape (n, T, columns) in the order of the weights."""
    position = {name: row for row, name in enumerate(weights.ids)}
    row = frame[unit].astype(str).map(position).to_numpy()
    period = np.zeros(len(frame)) if time is None else frame[time].to_numpy()
    order = np.lexsort((period, row))
    values = np.column_stack([frame[c].to_numpy(dtype=float)[order] for c in columns])
    return values.reshape(len(weights.ids), -1, len(columns))


def _demean(values: Floats, effects: str) -> Floats:
    if effects in {"entity", "two_way"}:
        values = values - values.mean(axis=1, keepdims=True)
    if effects in {"time", "two_way"}:
        values = values - values.mean(axis=0, keepdims=True)
    return values


def _remaining(eigenvalues: NDArray[Any], drop_unit: bool) -> NDArray[Any]:
    """Drop one eigenvalue of one, that of the constant vector, which time effects take out."""
    if not drop_unit:
        return eigenvalues
    return np.delete(eigenvalues, int(np.abs(eigenvalues - 1).argmin()))


def _collinearity(raw: Floats, within: Floats, terms: Sequence[str]) -> list[str]:
    before = np.sqrt((raw**2).mean(axis=(0, 1)))
    after = np.sqrt((within**2).mean(axis=(0, 1)))
    flat = after <= ABSORBED * np.where(before > 0, before, 1.0)
    found = [
        f"'{name}' does not vary once the effects are taken out: drop it"
        for name, is_flat in zip(terms, flat, strict=True)
        if is_flat
    ]
    unit = within.reshape(-1, len(terms))[:, ~flat] / after[~flat]
    tolerance = ABSORBED * np.sqrt(len(unit))
    if np.linalg.matrix_rank(unit, tol=tolerance) < unit.shape[1]:
        found.append(f"terms {list(terms)} are collinear: drop one")
    return found
