"""Least squares with any number of absorbed effects, kept in the form that robust errors need.

Robust errors correct for leverage, so they need the hat matrix of all regressors, absorbed
effects included. The set of effects with most groups is removed by demeaning, whose hat matrix is
known; all else goes into one orthonormal basis. Results are those of the regression with dummies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.panel_input import ABSORBED, CONSTANT, raise_violations


@dataclass(frozen=True)
class RegressionData:
    """Complete rows of a regression.

    Attributes
    ----------
    outcome, outcome_name : ndarray, shape (n,), and str
        Outcome.
    x, names : ndarray, shape (n, k), and tuple of str
        Regressors; the last one is the constant if no effects are absorbed.
    absorb : tuple of str
        Names of the absorbed effects.
    groups : mapping
        For each absorbed effect and cluster column: group of each row, numbered from 0.
    numbers : mapping
        Further numeric columns, e.g. coordinates.
    weights : ndarray, shape (n,)
        Regression weights; ones if there are none.
    rows : ndarray of int, shape (n,)
        Positions of the rows in the frame.
    missing, singletons : int
        Rows left out because a value was missing, or because they were alone in their effect.
    """

    outcome: np.ndarray
    outcome_name: str
    x: np.ndarray
    names: tuple[str, ...]
    absorb: tuple[str, ...]
    groups: Mapping[str, np.ndarray]
    numbers: Mapping[str, np.ndarray]
    weights: np.ndarray
    rows: np.ndarray
    missing: int
    singletons: int


@dataclass(frozen=True)
class LinearFit:
    """Weighted least squares after the effects are removed; rows are scaled by sqrt(weight).

    The hat matrix is Z Z' + Q Q', where Z has one column per group of the demeaned effects with
    `demeaned_scale` in the rows of the group, and Q is `basis`.

    Attributes
    ----------
    names, slopes : tuple of str, and ndarray, shape (k,)
        Coefficients.
    x : ndarray, shape (n, k)
        Regressors without what the effects explain.
    bread : ndarray, shape (k, k)
        Inverse of x'x.
    residuals : ndarray, shape (n,)
        Residuals.
    basis : ndarray, shape (n, q)
        Orthonormal basis of the regressors and the effects that are not demeaned.
    demeaned, demeaned_scale : ndarray, shape (n,)
        Group of each row and sqrt(weight / weight of the group); empty if there are no effects.
    """

    names: tuple[str, ...]
    slopes: np.ndarray
    x: np.ndarray
    bread: np.ndarray
    residuals: np.ndarray
    basis: np.ndarray
    demeaned: np.ndarray
    demeaned_scale: np.ndarray


def regression_data(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    absorb: Sequence[str] = (),
    groups: Sequence[str] = (),
    numbers: Sequence[str] = (),
    weights: str | None = None,
) -> RegressionData:
    """Check a table and return the complete rows of a regression.

    Parameters
    ----------
    frame : DataFrame
        One row per observation. Not changed.
    outcome, regressors : str and sequence of str
        Numeric or boolean columns; no constant.
    absorb : sequence of str
        Columns of effects; a constant is added if there are none. Rows alone in an effect are
        left out, repeatedly, for they carry no information on slopes (Correia 2015).
    groups : sequence of str
        Further columns of groups, e.g. clusters.
    numbers : sequence of str
        Further numeric columns that must be complete.
    weights : str, optional
        Column of positive weights.

    Returns
    -------
    RegressionData

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    labelled = list(dict.fromkeys([*absorb, *groups]))
    numeric = [outcome, *regressors, *numbers, *([weights] if weights else [])]
    raise_violations("the table", _violations(frame, outcome, regressors, numeric, labelled))
    data = frame[list(dict.fromkeys([*numeric, *labelled]))].reset_index(drop=True)
    complete = data.dropna()
    used = _without_singletons(complete, absorb)
    _check_rows(used, outcome, weights)
    values = {c: used[c].to_numpy(dtype=float) for c in dict.fromkeys(numeric)}
    constant = [] if absorb else [np.ones(len(used))]
    columns = [*(values[c] for c in regressors), *constant]
    return RegressionData(
        outcome=values[outcome],
        outcome_name=outcome,
        x=np.column_stack(columns) if columns else np.empty((len(used), 0)),
        names=(*regressors, *([] if absorb else [CONSTANT])),
        absorb=tuple(absorb),
        groups={c: pd.factorize(used[c], sort=True)[0] for c in labelled},
        numbers={c: values[c] for c in numbers},
        weights=values[weights] if weights else np.ones(len(used)),
        rows=used.index.to_numpy(),
        missing=len(data) - len(complete),
        singletons=len(complete) - len(used),
    )


def least_squares(data: RegressionData) -> LinearFit:
    """Fit the outcome on the regressors and the absorbed effects.

    Parameters
    ----------
    data : RegressionData
        Complete rows.

    Returns
    -------
    LinearFit

    Raises
    ------
    ValueError
        If a regressor is absorbed or collinear, nothing is left to estimate, or the fit is exact.
    """
    root = np.sqrt(data.weights)
    others, demeaned, scale = _effects_basis([data.groups[c] for c in data.absorb], data.weights)
    y, x = root * data.outcome, root[:, None] * data.x
    norm = np.sqrt((x**2).sum(axis=0))
    y_left = _residualise(y[:, None], others, demeaned, scale)[:, 0]
    x_left = _residualise(x, others, demeaned, scale)
    raise_violations("the regressors", _rank_violations(data.names, x_left, norm))
    orthonormal, triangle = np.linalg.qr(x_left)
    projected = orthonormal.T @ y_left
    inverse = np.linalg.inv(triangle)
    residuals = y_left - orthonormal @ projected
    if np.linalg.norm(residuals) <= ABSORBED * np.linalg.norm(y):
        raise ValueError(
            f"outcome '{data.outcome_name}' has no residual: it is constant or explained exactly "
            f"by {len(data.names)} regressors and effects {list(data.absorb)}: use fewer of them"
        )
    return LinearFit(
        names=data.names,
        slopes=inverse @ projected,
        x=x_left,
        bread=inverse @ inverse.T,
        residuals=residuals,
        basis=np.hstack([others, orthonormal]),
        demeaned=demeaned,
        demeaned_scale=scale,
    )


def counted_coefficients(data: RegressionData, clusters: Sequence[np.ndarray] = ()) -> int:
    """Return K, the coefficients that the small-sample factor (N-1)/(N-K) counts.

    Parameters
    ----------
    data : RegressionData
        Complete rows.
    clusters : sequence of ndarray of int, each of shape (n,)
        Effects nested in every one of them are not counted, but for the constant.

    Returns
    -------
    int
        Slopes + constant + rank of all effects - rank of the nested effects.
    """
    effects = [data.groups[c] for c in data.absorb]
    if not effects:
        return len(data.names)
    inner = [e for e in effects if clusters and all(nested(e, c) for c in clusters)]
    if not inner:
        return len(data.names) + _rank(effects)
    return len(data.names) + 1 + _rank(effects) - _rank(inner)


def group_violations(data: RegressionData, columns: Sequence[str]) -> list[str]:
    """List the cluster columns that have fewer than two groups in the complete rows."""
    return [
        f"column '{c}': {data.groups[c].max() + 1} group in {len(data.rows)} complete rows: "
        f"clustered errors need at least 2"
        for c in columns
        if data.groups[c].max() < 1
    ]


def nested(inner: np.ndarray, outer: np.ndarray) -> bool:
    """Tell whether every group of `inner` lies within one group of `outer`; codes of shape (n,)."""
    pairs = np.unique(np.column_stack([inner, outer]), axis=0)
    return len(pairs) == len(np.unique(inner))


def cluster_rows(codes: np.ndarray) -> list[np.ndarray]:
    """Return the row positions of each group of `codes`, which are numbered from 0."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def group_sums(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return sums of the rows of `values` (n, k) by group, shape (groups, k)."""
    count = int(codes.max()) + 1
    columns = [np.bincount(codes, weights=column, minlength=count) for column in values.T]
    return np.column_stack(columns) if columns else np.empty((count, 0))


def _violations(
    frame: pd.DataFrame,
    outcome: str,
    regressors: Sequence[str],
    numeric: Sequence[str],
    labelled: Sequence[str],
) -> list[str]:
    absent = [c for c in dict.fromkeys([*numeric, *labelled]) if c not in frame]
    found = [f"column '{c}' is missing: add it or name another one" for c in absent]
    for column in dict.fromkeys(c for c in numeric if c in frame):
        kind = frame[column].dtype
        if not pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
            found.append(f"column '{column}': values stored as {kind}: convert to a numeric type")
        elif count := int(np.isinf(frame[column].to_numpy(dtype=float, na_value=np.nan)).sum()):
            found.append(f"column '{column}': {count} infinite values: correct them")
    if len(set(regressors)) < len(regressors):
        found.append(f"regressors repeat: {list(regressors)}: name each once")
    for name in sorted({outcome, CONSTANT} & set(regressors)):
        found.append(f"regressor '{name}' is the outcome or the constant: remove it")
    return found


def _check_rows(used: pd.DataFrame, outcome: str, weights: str | None) -> None:
    found = []
    if used.empty:
        found.append(
            f"no row is complete for outcome '{outcome}': use columns with fewer missing values, "
            f"or coarser effects"
        )
    if weights and (count := int((used[weights] <= 0).sum())):
        found.append(f"column '{weights}': {count} weights are not positive: leave these rows out")
    raise_violations("the table", found)


def _without_singletons(data: pd.DataFrame, absorb: Sequence[str]) -> pd.DataFrame:
    size = -1
    while len(data) != size:
        size = len(data)
        for column in absorb:
            data = data[data.groupby(column)[column].transform("size") > 1]
    return data


def _effects_basis(
    effects: Sequence[np.ndarray], weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the basis of all sets of effects but the largest, and code and scale of that one."""
    if not effects:
        return np.empty((len(weights), 0)), np.empty(0, dtype=int), np.empty(0)
    ordered = sorted(effects, key=lambda codes: -codes.max())
    demeaned = ordered[0]
    scale = np.sqrt(weights / np.bincount(demeaned, weights=weights)[demeaned])
    dummies = [np.eye(codes.max() + 1)[codes][:, 1:] for codes in ordered[1:]]
    if not dummies:
        return np.empty((len(weights), 0)), demeaned, scale
    columns = np.sqrt(weights)[:, None] * np.hstack(dummies)
    return _range(_demean(columns, demeaned, scale), columns), demeaned, scale


def _range(left: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of `left`; what rounding left of `columns` is not counted."""
    from scipy import linalg

    unit = left / np.sqrt((columns**2).sum(axis=0))
    basis, triangle, _ = linalg.qr(unit, mode="economic", pivoting=True)
    return basis[:, np.abs(np.diag(triangle)) > ABSORBED]


def _rank(effects: Sequence[np.ndarray]) -> int:
    others, demeaned, _ = _effects_basis(effects, np.ones(len(effects[0])))
    return int(demeaned.max()) + 1 + others.shape[1]


def _demean(values: np.ndarray, codes: np.ndarray, scale: np.ndarray) -> np.ndarray:
    if not codes.size:
        return values
    return values - scale[:, None] * group_sums(scale[:, None] * values, codes)[codes]


def _residualise(
    values: np.ndarray, others: np.ndarray, codes: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    left = _demean(values, codes, scale)
    return left - others @ (others.T @ left)


def _rank_violations(names: Sequence[str], left: np.ndarray, norm: np.ndarray) -> list[str]:
    n, k = left.shape
    if not k:
        return ["none is given: name at least one"]
    size = np.sqrt((left**2).sum(axis=0))
    flat = [c for c, s, total in zip(names, size, norm, strict=True) if s <= ABSORBED * total]
    if flat:
        return [f"'{c}' does not vary, or only between effects: drop it" for c in flat]
    if n <= k or np.linalg.matrix_rank(left / size, tol=ABSORBED) < k:
        return [f"{list(names)} are collinear in {n} rows, given the effects: drop one"]
    return []
