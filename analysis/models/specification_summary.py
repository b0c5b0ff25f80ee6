"""What a specification curve says: its summary, its permutation test, and families of outcomes.

A curve is read as a whole: how many of the declared specifications agree in sign, how many are
significant, and whether designation drawn by lot gives curves as far from zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from analysis.models.multiple_testing import TIE, adjust_families, romano_wolf
from analysis.models.specifications import Sweep
from analysis.panel_input import raise_violations

P_COLUMNS: Mapping[str, str] = {
    "median": "permutation_p",
    "same_sign": "permutation_p_same_sign",
    "significant": "permutation_p_significant",
    "mean_statistic": "permutation_p_mean_statistic",
}
"""Column of the permutation test of each statistic of a curve."""
TWO_SIDED = frozenset({"median", "mean_statistic"})


def curve_summary(
    estimates: pd.DataFrame,
    *,
    null_estimates: np.ndarray | None = None,
    null_statistics: np.ndarray | None = None,
    significance: float = 0.05,
) -> pd.DataFrame:
    """Summarise the curve of each outcome.

    Parameters
    ----------
    estimates : DataFrame
        One row per specification with outcome, unit, estimate, statistic, df and headline.
    null_estimates, null_statistics : ndarray, shape (rows, permutations), optional
        As in `Sweep`.
    significance : float
        Level of the two-sided tests.

    Returns
    -------
    DataFrame
        Per outcome: number of specifications, median, lowest, highest and headline estimate;
        shares (0 to 1) of all specifications: significant, positive, of the dominant sign, and both
        significant and of one sign; mean t statistic. Then the permutation test of each of four
        statistics: `permutation_p` of the median, `_same_sign`, `_significant` (largest share that
        is significant in one direction) and `_mean_statistic`, with the central 95 % of the
        permuted medians. Missing without permutations.

    Notes
    -----
    p = (1 + number of permutations that reach the statistic) / (1 + permutations). Median and mean
    t statistic are two-sided: what counts is the distance from the mean over all draws and the
    sample, which is not zero where specifications keep differences between provinces. A permutation
    with a missing estimate counts as reaching every statistic.
    """
    none = np.empty((len(estimates), 0))
    drawn = none if null_estimates is None else null_estimates
    drawn_t = none if null_statistics is None else null_statistics
    raise_violations("the curve", _curve_violations(estimates, drawn, drawn_t))
    rows = []
    for outcome, part in estimates.reset_index(drop=True).groupby("outcome", sort=False):
        at = part.index.to_numpy()
        critical = stats.t.ppf(1 - significance / 2, part["df"].to_numpy(dtype=float))
        values = part["estimate"].to_numpy(dtype=float)
        t = part["statistic"].to_numpy(dtype=float)
        observed = _curve_statistics(values[:, None], t[:, None], critical)
        row = {
            "outcome": outcome,
            "unit": part["unit"].iloc[0],
            "specifications": len(part),
            "median": np.median(values),
            "lowest": values.min(),
            "highest": values.max(),
            "headline_estimate": values[part["headline"].to_numpy(dtype=bool)][0],
            "share_significant": (np.abs(t) > critical).mean(),
            "share_positive": (values > 0).mean(),
            "share_same_sign": observed["same_sign"][0],
            "share_significant_same_sign": observed["significant"][0],
            "mean_statistic": t.mean(),
        }
        null = _curve_statistics(drawn[at], drawn_t[at], critical)
        rows.append(row | _permutation_test(observed, null))
    return pd.DataFrame(rows)


def family_tests(result: Sweep, families: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Adjust the headline tests for the number of outcomes in a declared family.

    Parameters
    ----------
    result : Sweep
        Estimates, with permutations for Romano-Wolf.
    families : mapping of str to sequence of str
        Outcomes of each family; each outcome in one family.

    Returns
    -------
    DataFrame
        Headline rows with family, family_size, p_holm, p_benjamini_hochberg and p_romano_wolf; the
        last from the permuted t statistics, missing without permutations.

    Raises
    ------
    ValueError
        Outcomes that are in no family, in several, or not estimated.
    """
    table = result.estimates[result.estimates["headline"].astype(bool)]
    raise_violations("the families", _family_violations(families, list(table["outcome"])))
    member = {outcome: family for family, listed in families.items() for outcome in listed}
    table = table.assign(family=table["outcome"].map(member), p_romano_wolf=np.nan)
    if result.null_statistics.shape[1]:
        for _, part in table.groupby("family", sort=False):
            table.loc[part.index, "p_romano_wolf"] = romano_wolf(
                part["statistic"].to_numpy(), result.null_statistics[part.index].T
            )
    return adjust_families(table).reset_index(drop=True)


def read_families(lines: Sequence[str]) -> dict[str, list[str]]:
    """Read families declared as ``"living: tap_water, toilet"``.

    Parameters
    ----------
    lines : sequence of str
        One family in each.

    Returns
    -------
    dict of str to list of str
        Outcomes by family.

    Raises
    ------
    ValueError
        Lists lines of another form and families that are declared twice.
    """
    families: dict[str, list[str]] = {}
    faults = []
    for line in lines:
        name, colon, rest = line.partition(":")
        listed = [outcome.strip() for outcome in rest.split(",") if outcome.strip()]
        if not (name.strip() and colon and listed):
            faults.append(f"'{line}': write family: outcome, outcome")
        elif name.strip() in families:
            faults.append(f"family '{name.strip()}' is declared twice: join the lines")
        else:
            families[name.strip()] = listed
    raise_violations("the families", faults)
    return families


def _curve_statistics(
    values: np.ndarray, t: np.ndarray, critical: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the statistics of a curve for each column; missing where an estimate is."""
    up, down = (t > critical[:, None]).mean(axis=0), (t < -critical[:, None]).mean(axis=0)
    positive, negative = (values > 0).mean(axis=0), (values < 0).mean(axis=0)
    missing = np.isnan(values).any(axis=0) | np.isnan(t).any(axis=0)
    found = {
        "median": np.median(values, axis=0),
        "same_sign": np.maximum(positive, negative),
        "significant": np.maximum(up, down),
        "mean_statistic": t.mean(axis=0),
    }
    return {name: np.where(missing, np.nan, value) for name, value in found.items()}


def _curve_violations(estimates: pd.DataFrame, drawn: np.ndarray, drawn_t: np.ndarray) -> list[str]:
    wanted = ("outcome", "unit", "estimate", "statistic", "df", "headline")
    found = [f"column '{c}' is missing: add it" for c in wanted if c not in estimates]
    if drawn.shape != drawn_t.shape or len(drawn) != len(estimates):
        found.append(
            f"permuted estimates {drawn.shape} and statistics {drawn_t.shape} do not fit "
            f"{len(estimates)} specifications: give both, one row for each"
        )
    return found


def _permutation_test(
    observed: Mapping[str, np.ndarray], null: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return the p-value of each statistic, and the central 95 % of the permuted medians."""
    medians = null["median"][~np.isnan(null["median"])]
    low, high = np.quantile(medians, [0.025, 0.975]) if medians.size else (np.nan, np.nan)
    tests = {
        P_COLUMNS[name]: _p_value(value[0], null[name], two_sided=name in TWO_SIDED)
        for name, value in observed.items()
    }
    draws = len(null["median"])
    return tests | {"null_median_low": low, "null_median_high": high, "permutations": draws}


def _p_value(observed: float, drawn: np.ndarray, *, two_sided: bool) -> float:
    if not drawn.size:
        return np.nan
    values = np.append(observed, drawn)
    if two_sided:
        values = np.abs(values - np.nanmean(values))
    reached = np.isnan(values[1:]) | (values[1:] >= values[0] * (1 - TIE))
    return float((1 + reached.sum()) / (1 + len(drawn)))


def _family_violations(families: Mapping[str, Sequence[str]], estimated: list[str]) -> list[str]:
    listed = [outcome for members in families.values() for outcome in members]
    found = [f"'{o}' is in no family: add it to one" for o in estimated if o not in listed]
    found += [f"'{o}' was not estimated: remove it" for o in set(listed) - set(estimated)]
    repeated = sorted({o for o in listed if listed.count(o) > 1})
    return [*found, *(f"'{o}' is in several families: keep one" for o in repeated)]
