"""Classes of counties by value: quantiles of each year, quantiles of all years, or given edges.

Quantiles of each year are ranks: a county rises only past another. Quantiles of all years and given
edges are levels: all may rise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.panel_input import input_violations, raise_violations

Floats = NDArray[np.float64]


def quantile_edges(values: ArrayLike, classes: int, *, where: str = "") -> Floats:
    """Return the classes - 1 inner quantiles, by linear interpolation of the order statistics.

    Parameters
    ----------
    values : array
        Missing values are left out.
    classes : int
        Number of classes, at least 2.
    where : str
        Added to error messages.

    Returns
    -------
    ndarray, shape (classes - 1,)

    Raises
    ------
    ValueError
        If two quantiles are equal, so that a class would be empty.
    """
    y = np.asarray(values, dtype=float)
    y = y[~np.isnan(y)]
    if classes < 2 or len(y) < classes:
        raise ValueError(
            f"{len(y)} values{where} for {classes} classes: needs 2 <= classes <= values"
        )
    edges = np.percentile(y, 100 * np.arange(1, classes) / classes)
    if (np.diff([*edges, y.max()]) <= 0).any():
        raise ValueError(
            f"{classes} quantile classes{where} have equal edges {edges.tolist()}: too many values "
            f"are tied, use fewer classes or name edges"
        )
    return edges


def assign_classes(
    panel: pd.DataFrame,
    *,
    value: str,
    time: str = "year",
    classes: int = 5,
    edges: Sequence[float] | None = None,
    by_year: bool = True,
) -> pd.Series:
    """Return the class of every row, 1 the lowest; a value on an edge is in the lower class.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and year. Not changed.
    value, time : str
        Columns: a number, the year.
    classes : int
        Number of quantile classes.
    edges : sequence of float, optional
        Inner edges, ascending, instead of quantiles.
    by_year : bool
        Quantiles of each year; otherwise of all rows together.

    Returns
    -------
    Series of Int64
        Named `class`, indexed as `panel`; missing where the value is.

    Raises
    ------
    ValueError
        If a column is missing or unusable, or edges are equal or not ascending.
    """
    numbered = panel[[c for c in dict.fromkeys([value, time]) if c in panel]]
    numbered = numbered.assign(**{"row number": range(len(panel))})
    keys = ["row number"]
    raise_violations(
        "the panel", input_violations(numbered, keys=keys, numeric=[value, time], present=[])
    )
    y = panel[value].to_numpy(dtype=float, na_value=np.nan)
    found, _ = classify(y, panel[time].to_numpy(), classes=classes, edges=edges, by_year=by_year)
    return pd.Series(found, index=panel.index, dtype="Int64", name="class").mask(found == 0)


def classify(
    values: Floats,
    years: NDArray[np.generic],
    *,
    classes: int,
    edges: Sequence[float] | None,
    by_year: bool,
) -> tuple[NDArray[np.int64], tuple[float, ...]]:
    """Return classes of values (0 where missing) and their edges, as `assign_classes` does.

    Parameters
    ----------
    values, years : array, shape (n,)
        Numbers, NaN where missing, and their years.
    classes, edges, by_year
        As in `assign_classes`.

    Returns
    -------
    tuple of ndarray and tuple
        The classes, shape (n,), and the inner edges; no edges where they differ by year.

    Raises
    ------
    ValueError
        If edges are equal or not ascending.
    """
    if edges is None and by_year:
        found = np.zeros(len(values), dtype=np.int64)
        for year in np.unique(years[~np.isnan(values)]):
            here = years == year
            inner = quantile_edges(values[here], classes, where=f" in {year}")
            found[here] = _binned(values[here], inner)
        return found, ()
    inner = quantile_edges(values, classes) if edges is None else np.asarray(edges, dtype=float)
    if not len(inner) or not (np.diff(inner) > 0).all():
        raise ValueError(f"edges {inner.tolist()}: name one or more in ascending order")
    return _binned(values, inner), tuple(inner.tolist())


def _binned(values: Floats, inner: Floats) -> NDArray[np.int64]:
    return np.where(np.isnan(values), 0, np.searchsorted(inner, values, side="left") + 1)
