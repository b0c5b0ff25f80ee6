"""Adjusted p-values for families of tests: Holm, Benjamini-Hochberg and Romano-Wolf.

Holm and Romano-Wolf control the chance of any false rejection in the family, Benjamini-Hochberg
the expected share of false ones among the rejections. Families are declared before estimation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.panel_input import raise_violations

TIE = 1e-9
"""Statistics closer than this, relatively, are ties."""


def holm(p_values: Sequence[float] | np.ndarray | pd.Series) -> np.ndarray:
    """Return Holm's step-down adjusted p-values.

    Parameters
    ----------
    p_values : array-like, shape (m,)
        p-values of one family. Missing ones stay missing and do not count as tests.

    Returns
    -------
    ndarray, shape (m,)
        With p sorted upwards: running maximum of min(1, (m - i + 1) p_(i)).

    Raises
    ------
    ValueError
        If a value lies outside [0, 1].

    References
    ----------
    Holm (1979), Scandinavian J. Statistics 6(2).
    """

    def adjust(ordered: np.ndarray) -> np.ndarray:
        m = len(ordered)
        return np.maximum.accumulate(np.minimum(1, (m - np.arange(m)) * ordered))

    return _adjusted(p_values, adjust)


def benjamini_hochberg(p_values: Sequence[float] | np.ndarray | pd.Series) -> np.ndarray:
    """Return Benjamini and Hochberg's step-up adjusted p-values (false discovery rate).

    Parameters
    ----------
    p_values : array-like, shape (m,)
        p-values of one family. Missing ones stay missing and do not count as tests.

    Returns
    -------
    ndarray, shape (m,)
        With p sorted upwards: running minimum from above of m p_(i) / i. Valid for independent or
        positively dependent tests.

    Raises
    ------
    ValueError
        If a value lies outside [0, 1].

    References
    ----------
    Benjamini & Hochberg (1995), J. Royal Statistical Society B 57(1).
    """

    def adjust(ordered: np.ndarray) -> np.ndarray:
        m = len(ordered)
        scaled = ordered * (m / np.arange(1, m + 1))
        return np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1])

    return _adjusted(p_values, adjust)


def romano_wolf(
    statistics: Sequence[float] | np.ndarray, null_statistics: np.ndarray, *, exact: bool = False
) -> np.ndarray:
    """Return Romano and Wolf's step-down adjusted p-values.

    Parameters
    ----------
    statistics : array-like, shape (m,)
        t statistics; their absolute values are used (two-sided tests).
    null_statistics : ndarray, shape (B, m)
        Draws of the same statistics under their nulls, all columns from the same draw, so that
        the dependence between tests is kept.
    exact : bool
        The draws are all possible ones, the sample among them; p is then the share of draws that
        reach the statistic instead of (1 + number) / (1 + B).

    Returns
    -------
    ndarray, shape (m,)
        With |t| sorted downwards: running maximum of the chance that the largest of |t*_i|, ...,
        |t*_m| reaches |t_i|.

    Raises
    ------
    ValueError
        If shapes do not agree or a value is missing.

    References
    ----------
    Romano & Wolf (2005), Econometrica 73(4); (2016), Statistics and Probability Letters 113,
    section 3.
    """
    observed = np.abs(np.asarray(statistics, dtype=float))
    drawn = np.abs(np.asarray(null_statistics, dtype=float))
    raise_violations("the statistics", _statistics_violations(observed, drawn))
    order = np.argsort(-observed, kind="stable")
    largest = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    reached = (largest >= observed[order] * (1 - TIE)).sum(axis=0)
    extra = 0 if exact else 1
    adjusted = np.empty(len(observed))
    adjusted[order] = np.maximum.accumulate((reached + extra) / (len(drawn) + extra))
    return adjusted


def adjust_families(
    table: pd.DataFrame, *, p_value: str = "p_value", family: str | Sequence[str] = "family"
) -> pd.DataFrame:
    """Return a table of tests with p-values adjusted within its families.

    Parameters
    ----------
    table : DataFrame
        One row per test. Not changed.
    p_value : str
        Column of p-values; missing ones are left out of their family.
    family : str or sequence of str
        Columns that together name the family of a row.

    Returns
    -------
    DataFrame
        The table with columns `family_size`, `p_holm` and `p_benjamini_hochberg`.

    Raises
    ------
    ValueError
        Lists missing columns, rows without a family, and values outside [0, 1].
    """
    names = [family] if isinstance(family, str) else list(family)
    absent = [c for c in (p_value, *names) if c not in table]
    found = [f"column '{c}' is missing: add it or name another one" for c in absent]
    found += [
        f"column '{c}': {int(table[c].isna().sum())} rows have no family: name one for each"
        for c in names
        if c in table and table[c].isna().any()
    ]
    raise_violations("the table of tests", found)
    columns: Mapping[str, Callable[[pd.Series], np.ndarray]] = {
        "family_size": lambda p: np.full(len(p), p.notna().sum()),
        "p_holm": holm,
        "p_benjamini_hochberg": benjamini_hochberg,
    }
    groups = table[p_value].astype(float).groupby([table[c] for c in names])
    added = {
        name: groups.transform(lambda p, f=function: pd.Series(f(p), index=p.index))
        for name, function in columns.items()
    }
    return table.assign(**added).astype({"family_size": int})


def _adjusted(
    p_values: Sequence[float] | np.ndarray | pd.Series, adjust: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    values = pd.Series(p_values, dtype=float).to_numpy(copy=True)
    given = ~np.isnan(values)
    wrong = values[given & ((values < 0) | (values > 1))]
    if wrong.size:
        raise_violations("the p-values", [f"{len(wrong)} outside [0, 1], e.g. {wrong[0]:g}"])
    used = values[given]
    order = np.argsort(used, kind="stable")
    adjusted = np.empty(len(used))
    adjusted[order] = adjust(used[order])
    values[given] = adjusted
    return values


def _statistics_violations(observed: np.ndarray, drawn: np.ndarray) -> list[str]:
    if observed.ndim != 1 or drawn.ndim != 2 or drawn.shape[1] != len(observed) or not len(drawn):
        return [f"shapes {observed.shape} and {drawn.shape} do not agree: give (m,) and (draws, m)"]
    missing = int(np.isnan(observed).sum() + np.isnan(drawn).sum())
    return [f"{missing} values are missing: remove these tests or draws"] if missing else []
