"""How the distribution over counties changes: spread by year (sigma) and shape (kernel density).

Densities of bounded variables are reflected at the bounds, because an ordinary kernel puts mass
where no value can be, and they keep one bandwidth over all years and groups, because otherwise a
change of the bandwidth looks like a change of the distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.panel_input import input_violations, raise_violations

Floats = NDArray[np.float64]

UNIT_INTERVAL = (0.0, 1.0)
TAIL = 8.5
"""Images of the kernel further away than this many bandwidths add nothing in double precision."""


@dataclass(frozen=True)
class VarianceTest:
    """Test that the variance of one variable is the same in two years, on the same units.

    Attributes
    ----------
    first, last : int
        Years.
    sd_first, sd_last : float
        Standard deviations (n - 1) over the units seen in both years.
    statistic, p_value : float
        Carree & Klomp's T2 and its chi-squared (1) p-value, two-sided.
    n, left_out : int
        Units used; units that lack one of the years.
    """

    first: int
    last: int
    sd_first: float
    sd_last: float
    statistic: float
    p_value: float
    n: int
    left_out: int


def sigma_by_year(
    panel: pd.DataFrame,
    *,
    values: Sequence[str],
    time: str = "year",
    weight: str | None = None,
    ddof: int = 1,
) -> pd.DataFrame:
    """Tabulate mean, standard deviation and coefficient of variation in every year.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and year. Not changed.
    values : sequence of str
        Numeric columns.
    time : str
        Column of the year.
    weight : str, optional
        Column of weights >= 0.
    ddof : int
        The variance divides by n - ddof; with weights sum w (y - m)^2 / sum w x n / (n - ddof),
        which weights that are equal leave as it is.

    Returns
    -------
    DataFrame
        variable, year, n, left_out, mean, sd, variation (sd / mean, missing where the mean is not
        positive), sd_log (of logarithms, missing where a value is not positive).

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    numeric = [*values, *([weight] if weight else [])]
    raise_violations("the panel", _plain_violations(panel, numeric, time, weight))
    rows = []
    for variable in values:
        for year in sorted(panel[time].dropna().unique()):
            part = panel[panel[time] == year]
            w = part[weight] if weight else pd.Series(1.0, index=part.index)
            known = part[variable].notna() & (w.fillna(0) > 0)
            y = part.loc[known, variable].to_numpy(dtype=float)
            mass = w[known].to_numpy(dtype=float)
            if len(y) > ddof:
                row = (variable, int(year), len(y), len(part) - len(y))
                rows.append((*row, *_spread(y, mass, ddof)))
    columns = ["variable", "year", "n", "left_out", "mean", "sd", "variation", "sd_log"]
    return pd.DataFrame(rows, columns=columns)


def variance_test(
    panel: pd.DataFrame,
    *,
    value: str,
    first: int,
    last: int,
    unit: str = "code",
    time: str = "year",
) -> VarianceTest:
    """Test sigma-convergence between two years on the same units.

    T2 = (n - 2.5) ln[1 + (v0 - v1)^2 / (4 (v0 v1 - c^2))], with the variances v and the covariance
    c of the two years: the likelihood ratio of equal variances of two correlated normal variables.
    The F ratio v0 / v1, often used, ignores the correlation and rejects far too seldom. Units are
    taken as independent: neighbours that move together make the p-value too small.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and year. Not changed.
    value : str
        Numeric column; logarithms if relative gaps are meant.
    first, last : int
        Years.
    unit, time : str
        Key columns.

    Returns
    -------
    VarianceTest

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Carree & Klomp (1997), Review of Economics and Statistics 79(4), 683-686.
    """
    from scipy import stats

    found = input_violations(panel, keys=[unit, time], numeric=[value, time], present=[])
    raise_violations("the panel", found)
    wide = panel[panel[time].isin([first, last])].pivot(index=unit, columns=time, values=value)
    wide = wide.reindex(columns=[first, last]).astype(float)
    both = wide.dropna()
    n = len(both)
    if n < 4:
        raise_violations("the panel", [f"{n} units have '{value}' in {first} and {last}: need 4"])
    covariance = np.cov(both.to_numpy().T)
    v0, v1 = np.diag(covariance)
    left = v0 * v1 - covariance[0, 1] ** 2
    if not left > 1e-12 * v0 * v1:
        problem = f"'{value}' of {first} and {last}: constant or one a multiple of the other"
        raise_violations("the panel", [f"{problem}, so the variances cannot be compared"])
    statistic = (n - 2.5) * np.log1p((v0 - v1) ** 2 / (4 * left))
    p_value = float(stats.chi2.sf(statistic, 1))
    deviations = (float(np.sqrt(v0)), float(np.sqrt(v1)))
    return VarianceTest(first, last, *deviations, float(statistic), p_value, n, len(wide) - n)


def bounded_density(
    values: ArrayLike,
    grid: ArrayLike,
    *,
    bandwidth: float,
    weights: ArrayLike | None = None,
    bounds: tuple[float, float] = UNIT_INTERVAL,
) -> Floats:
    """Estimate a density with a Gaussian kernel that is reflected at the bounds.

    f(x) = 1/(W h) sum_i w_i sum_m phi((x - m(y_i)) / h), over y_i and its mirror images m(y_i) at
    the bounds. All images are used, so that f integrates to one over the bounds at any bandwidth;
    its slope at a bound is zero by construction.

    Parameters
    ----------
    values : array, shape (n,)
        Within the bounds.
    grid : array, shape (m,)
        Where the density is wanted; zero outside the bounds.
    bandwidth : float
        Standard deviation of the kernel, in the units of the values.
    weights : array, shape (n,), optional
        Not negative; equal by default.
    bounds : tuple of float
        Lowest and highest possible value; infinite where there is none.

    Returns
    -------
    ndarray, shape (m,)

    Raises
    ------
    ValueError
        Lists every violation.

    References
    ----------
    Silverman (1986), Density Estimation for Statistics and Data Analysis, section 2.10.
    """
    y, x = np.asarray(values, dtype=float), np.asarray(grid, dtype=float)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=float)
    raise_violations("the values", _density_violations(y, w, bandwidth, bounds))
    inside = (x >= bounds[0]) & (x <= bounds[1])
    total = np.zeros(len(x))
    for image in _images(y, bandwidth, bounds):
        z = (x[inside, None] - image) / bandwidth
        total[inside] += np.exp(-0.5 * z**2) @ w
    return total / (w.sum() * bandwidth * np.sqrt(2 * np.pi))


def silverman_bandwidth(values: ArrayLike) -> float:
    """Return 0.9 min(sd, IQR / 1.34) n^(-1/5), with sd alone where the IQR is zero.

    Parameters
    ----------
    values : array, shape (n,)
        No missing values.

    Returns
    -------
    float
        Zero where all are equal.

    References
    ----------
    Silverman (1986), equation 3.31.
    """
    y = np.asarray(values, dtype=float)
    sd = float(np.std(y, ddof=1)) if len(y) > 1 else 0.0
    low, high = np.percentile(y, [25, 75])
    robust = float(high - low) / 1.34
    return 0.9 * (min(sd, robust) if robust > 0 else sd) * len(y) ** -0.2


def density_by_year(
    panel: pd.DataFrame,
    *,
    value: str,
    time: str = "year",
    years: Sequence[int] | None = None,
    group: str | None = None,
    weight: str | None = None,
    bounds: tuple[float, float] = UNIT_INTERVAL,
    bandwidth: float | None = None,
    points: int = 201,
) -> pd.DataFrame:
    """Estimate the density of one variable by year and group with one bandwidth for all.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and year. Not changed.
    value, time, group, weight : str
        Columns: a number within the bounds, the year, any label, a number >= 0.
    years : sequence of int, optional
        Years to use; all by default.
    bounds : tuple of float
        As in `bounded_density`.
    bandwidth : float, optional
        The median of `silverman_bandwidth` over years and groups by default.
    points : int
        Size of the grid, from bound to bound or, where a bound is infinite, from three bandwidths
        below the lowest to three above the highest value.

    Returns
    -------
    DataFrame
        variable, group (empty without groups), year, x, density, bandwidth, n. Rows without a
        value, group or weight are left out; a year of a group needs two different values.

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    found = _plain_violations(panel, [value, *([weight] if weight else [])], time, weight)
    if group and group not in panel:
        found.append(f"column '{group}' is missing: add it or name another one")
    raise_violations("the panel", found)
    data = pd.DataFrame({"year": panel[time], "y": panel[value].astype(float)})
    data["group"] = panel[group] if group else ""
    data["w"] = panel[weight].astype(float) if weight else 1.0
    data = data[data["year"].isin(years)] if years is not None else data
    data = data.dropna()
    data = data[data["w"] > 0]
    parts = [part for _, part in data.groupby(["group", "year"]) if part["y"].nunique() > 1]
    if not parts:
        raise_violations("the panel", [f"column '{value}': no year has two different values"])
    widths = [silverman_bandwidth(part["y"]) for part in parts]
    h = float(np.median(widths)) if bandwidth is None else bandwidth
    x = _grid(data["y"].to_numpy(), h, bounds, points)
    tables = []
    for part in parts:
        y, w = part["y"].to_numpy(), part["w"].to_numpy()
        density = bounded_density(y, x, bandwidth=h, weights=w, bounds=bounds)
        table = pd.DataFrame({"x": x, "density": density})
        group_label, year = str(part["group"].iloc[0]), int(part["year"].iloc[0])
        table = table.assign(variable=value, group=group_label, year=year, n=len(y), bandwidth=h)
        tables.append(table)
    columns = ["variable", "group", "year", "x", "density", "bandwidth", "n"]
    return pd.concat(tables, ignore_index=True)[columns]


def _images(y: Floats, h: float, bounds: tuple[float, float]) -> list[Floats]:
    """Return the values and their mirror images within reach of the bounds."""
    low, high = bounds
    if not np.isfinite(high - low):
        mirror = [2 * bound - y for bound in bounds if np.isfinite(bound)]
        return [y, *mirror]
    length = high - low
    rounds = int(np.ceil(TAIL * h / (2 * length))) if h > 0 else 0
    shifts = 2 * length * np.arange(-rounds, rounds + 1)
    return [image + shift for image in (y, 2 * low - y) for shift in shifts]


def _grid(y: Floats, h: float, bounds: tuple[float, float], points: int) -> Floats:
    low = bounds[0] if np.isfinite(bounds[0]) else y.min() - 3 * h
    high = bounds[1] if np.isfinite(bounds[1]) else y.max() + 3 * h
    return np.linspace(low, high, points)


def _density_violations(
    y: Floats, w: Floats, bandwidth: float, bounds: tuple[float, float]
) -> list[str]:
    found = []
    if not (bandwidth > 0 and np.isfinite(bandwidth)):
        found.append(f"bandwidth is {bandwidth}: give a positive number")
    if not bounds[0] < bounds[1]:
        found.append(f"bounds are {bounds}: name the lower one first")
    if y.shape != w.shape or not (w >= 0).all() or not w.sum() > 0:
        found.append("weights: give one per value, none negative, not all zero")
    outside = int((~((y >= bounds[0]) & (y <= bounds[1]))).sum())
    if outside:
        found.append(f"{outside} values are missing or outside {bounds}: give wider bounds")
    return found


def _spread(y: Floats, w: Floats, ddof: int) -> tuple[float, float, float, float]:
    def deviation(values: Floats) -> tuple[float, float]:
        mean = float(np.average(values, weights=w))
        variance = np.average((values - mean) ** 2, weights=w) * len(values) / (len(values) - ddof)
        return mean, float(np.sqrt(variance))

    mean, sd = deviation(y)
    sd_log = deviation(np.log(y))[1] if (y > 0).all() else np.nan
    return mean, sd, sd / mean if mean > 0 else np.nan, sd_log


def _plain_violations(
    panel: pd.DataFrame, numeric: Sequence[str], time: str, weight: str | None
) -> list[str]:
    columns = [c for c in dict.fromkeys([time, *numeric]) if c in panel]
    numbered = panel[columns].assign(**{"row number": range(len(panel))})
    found = input_violations(numbered, keys=["row number"], numeric=[*numeric, time], present=[])
    if weight and not found and (panel[weight] < 0).any():
        found.append(f"column '{weight}': negative weights: they count units, correct them")
    for variable in numeric:
        if variable in panel and panel[variable].isna().all():
            found.append(f"column '{variable}': no value in any year: choose another variable")
    return found
