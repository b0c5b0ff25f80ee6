"""What coders gave to units, from any of the forms in which it is published.

Units x coders, a contingency table of two coders, or counts of coders per unit and category become
one form, `Ratings`, from which `reliability` computes every coefficient. Here too are the
distances between two categories, by level of measurement.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.project import ProjectError, bullet_list

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (m,), (n,) categories -> (m, n)
SET_LEVELS = ("jaccard", "masi")
MASI_SUBSET, MASI_OVERLAP = 2 / 3, 1 / 3


class ReliabilityError(ProjectError):
    """Ratings that are no table of units and coders, or that a coefficient cannot take."""


@dataclass(frozen=True)
class Ratings:
    """What each coder gave to each unit.

    Attributes
    ----------
    values : ndarray (units, coders) of int
        Position in `categories`, -1 where the coder has no value.
    categories : tuple
        Numbers, texts, or frozensets of codes; also those that nobody used, if declared.
    frequency : ndarray (units,)
        How often each row occurs: 1, a cell of a contingency table, or a length in characters.
    named : bool
        Whether a column is one coder throughout; not so for a table of counts.
    ordered : bool
        Whether the order of the categories means something: they are numbers or were declared.
    """

    values: np.ndarray
    categories: tuple[Any, ...]
    frequency: np.ndarray
    named: bool = True
    ordered: bool = False

    @property
    def counts(self) -> np.ndarray:
        """Number of values of each unit (units,)."""
        return (self.values >= 0).sum(axis=1)

    @property
    def pairable(self) -> np.ndarray:
        """Which units have the values of two coders or more (units,)."""
        return self.counts >= 2

    @property
    def has_numbers(self) -> bool:
        """Whether every category is a finite number."""
        kinds = (int, float, np.integer, np.floating)
        return all(isinstance(c, kinds) and np.isfinite(c) for c in self.categories)

    @property
    def has_sets(self) -> bool:
        """Whether values are sets of codes."""
        return any(isinstance(c, frozenset) for c in self.categories)

    @property
    def has_several_codes(self) -> bool:
        """Whether a value is a set of two codes or more."""
        return any(isinstance(c, frozenset) and len(c) > 1 for c in self.categories)


def as_ratings(data: Any, *, categories: Iterable[Hashable] | None = None) -> Ratings:
    """Return units x coders as `Ratings`.

    Parameters
    ----------
    data : array, nested list, DataFrame or Ratings
        One row per unit, one column per coder. None and NaN mean no value; the empty text and the
        empty set are values. A cell that is a set, list or tuple is a set of codes.
    categories : iterable, optional
        All categories in their order, used or not; else those that occur, sorted. The coefficients
        of Gwet and of Brennan and Prediger depend on their number; ordinal alpha and weighted kappa
        need numbers or this order.

    Raises
    ------
    ReliabilityError
        When the table has fewer than two coders, mixes kinds of values, or has undeclared ones.
    """
    if isinstance(data, Ratings):
        return data
    frame = pd.DataFrame(data)
    if frame.shape[1] < 2:
        raise ReliabilityError(f"units x coders needs two columns or more, not {frame.shape[1]}")
    flat = [_cell(c) for c in frame.to_numpy(dtype=object).ravel()]
    found = {c for c in flat if c is not None}
    known = _sorted(found) if categories is None else tuple(categories)
    if unknown := sorted(map(str, found - set(known))):
        raise ReliabilityError(bullet_list("values that are no declared category:", unknown))
    position: dict[Any, int] = {None: -1} | {category: k for k, category in enumerate(known)}
    values = np.array([position[c] for c in flat], dtype=np.int64).reshape(frame.shape)
    result = Ratings(values, known, np.ones(len(values)))
    return replace(result, ordered=categories is not None or result.has_numbers)


def _cell(cell: Any) -> Any:
    """A cell as a category, None where it is missing."""
    if isinstance(cell, set | frozenset | list | tuple):
        return frozenset(cell)
    return None if pd.isna(cell) else cell


def _sorted(found: set[Any]) -> tuple[Any, ...]:
    if all(isinstance(c, frozenset) for c in found):
        return tuple(sorted(found, key=lambda c: (len(c), sorted(map(str, c)))))
    try:
        return tuple(sorted(found))
    except TypeError as error:
        kinds = sorted({type(c).__name__ for c in found})
        raise ReliabilityError(f"ratings mix {', '.join(kinds)}: use one kind of value") from error


def table_ratings(table: Any) -> Ratings:
    """Return a contingency table of two coders as `Ratings`.

    Parameters
    ----------
    table : array, nested list or DataFrame
        Square, rows the first coder, columns the second, categories in the same order (names from
        a DataFrame, else 0, 1, ...). Counts; proportions do for all but alpha, whose correction for
        small samples needs counts.

    Raises
    ------
    ReliabilityError
        When it is not square, has a negative or missing cell, or two orders of categories.
    """
    frame = pd.DataFrame(table)
    cells = frame.to_numpy(dtype=float)
    faults = []
    if cells.shape[0] != cells.shape[1]:
        faults.append(f"shape is {cells.shape}, not square")
    elif list(frame.index) != list(frame.columns):
        faults.append(f"rows are {list(frame.index)}, columns {list(frame.columns)}")
    if not (cells >= 0).all():
        faults.append("a cell is negative or missing")
    if faults:
        raise ReliabilityError(bullet_list("no contingency table of two coders:", faults))
    values = np.argwhere(cells > 0)
    return Ratings(values, tuple(frame.columns), cells[tuple(values.T)], ordered=True)


def count_ratings(counts: Any) -> Ratings:
    """Return counts of coders per unit and category as `Ratings`, in which no coder has a name.

    Parameters
    ----------
    counts : array, nested list or DataFrame
        One row per unit, one column per category, whole numbers. Units may have different numbers
        of coders.

    Raises
    ------
    ReliabilityError
        When a cell is not a whole number from 0.
    """
    frame = pd.DataFrame(counts)
    cells = frame.to_numpy(dtype=float)
    if not ((cells >= 0) & (cells % 1 == 0)).all():
        raise ReliabilityError("counts of coders must be whole numbers from 0, none missing")
    units, categories = np.indices(cells.shape)
    times = cells.astype(np.int64).ravel()
    unit, category = np.repeat(units.ravel(), times), np.repeat(categories.ravel(), times)
    place = np.arange(len(unit)) - np.searchsorted(unit, unit)
    values = np.full((len(cells), int(cells.sum(axis=1).max(initial=0))), -1)
    values[unit, place] = category
    return Ratings(values, tuple(frame.columns), np.ones(len(cells)), named=False, ordered=True)


def distance(ratings: Ratings, level: str) -> Distance:
    """Return the distance between categories as a function of two arrays of their positions.

    nominal: 1 unless equal. interval, quadratic: (a - b)^2. linear: |a - b|. ratio: ((a - b) / (a +
    b))^2. jaccard: 1 - J with J = |A & B| / |A + B|. masi: 1 - J M with M = 1 for equal sets, 2/3
    where one holds the other, 1/3 where they overlap. Two empty sets are equal. Categories that are
    no numbers are compared by position.

    Source
    ------
    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability. Passonneau (2006), Measuring
    Agreement on Set-valued Items (MASI), LREC.
    """
    if level in SET_LEVELS:
        return _set_distance(ratings.categories, masi=level == "masi")
    if level == "nominal":
        return lambda i, j: (i[:, None] != j[None, :]).astype(float)
    numbers = ratings.categories if ratings.has_numbers else range(len(ratings.categories))
    x = np.array(numbers, dtype=float)
    if level == "ratio":
        return lambda i, j: _ratio_distance(x[i][:, None], x[j][None, :])
    power = 1 if level == "linear" else 2
    return lambda i, j: np.abs(x[i][:, None] - x[j][None, :]) ** power


def _ratio_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    total = a + b
    return np.divide(a - b, total, out=np.zeros_like(total), where=total > 0) ** 2


def _set_distance(categories: Sequence[Any], *, masi: bool) -> Distance:
    codes = {code: k for k, code in enumerate(dict.fromkeys(c for s in categories for c in s))}
    member = np.zeros((len(categories), max(len(codes), 1)), dtype=np.float32)
    for row, held in enumerate(categories):
        member[row, [codes[c] for c in held]] = 1
    size = member.sum(axis=1).astype(float)

    def between(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        shared = (member[i] @ member[j].T).astype(float)
        smaller = np.minimum(size[i][:, None], size[j][None, :])
        either = size[i][:, None] + size[j][None, :] - shared
        jaccard = np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
        if not masi:
            return 1 - jaccard
        part = np.where(shared == smaller, MASI_SUBSET, MASI_OVERLAP)
        return 1 - jaccard * np.where(jaccard == 1, 1, part)

    return between
