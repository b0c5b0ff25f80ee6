"""Mobility between classes: Markov transitions of counties, steady states, tests of homogeneity.

The tests take transitions as independent draws; neighbours and successive years are
not, so their p-values are too small. Transitions given the neighbours: `spatial_markov`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.panel_input import input_violations, raise_violations

Floats = NDArray[np.float64]

SMALL_EXPECTED = 5.0
"""Expected counts below this make the chi-squared approximation poor (Cochran 1954)."""


@dataclass(frozen=True)
class HomogeneityTest:
    """Test that transition probabilities are the same under several conditions.

    Attributes
    ----------
    likelihood_ratio, pearson : float
        LR and Q, both chi-squared with `df` degrees of freedom if homogeneous and independent.
    df : int
        Sum over rows i of (a_i - 1)(b_i - 1): a_i conditions in which i is left at least once,
        b_i classes that are reached from i under any condition.
    p_likelihood_ratio, p_pearson : float
        Upper tails; missing where df is 0.
    small_share : float
        Share of the expected counts that are below 5; the p-values are rough where it is large.
    """

    likelihood_ratio: float
    pearson: float
    df: int
    p_likelihood_ratio: float
    p_pearson: float
    small_share: float


def transition_counts(
    panel: pd.DataFrame,
    *,
    state: str,
    unit: str = "code",
    time: str = "year",
    step: int = 1,
    states: Sequence[object] | None = None,
) -> pd.DataFrame:
    """Count the moves between states from a year to the one `step` years later.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and year. Not changed.
    state : str
        Column of classes or labels; rows where it is missing are left out.
    unit, time : str
        Key columns.
    step : int
        Years between start and end; a unit without a row in both gives no transition.
    states : sequence, optional
        All states in order; those that occur, sorted, by default.

    Returns
    -------
    DataFrame, shape (k, k)
        Whole numbers; rows `from`, columns `to`.

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    found = input_violations(panel, keys=[unit, time], numeric=[time], present=[state])
    raise_violations("the panel", found)
    data = panel[[unit, time, state]].dropna()
    labels = sorted(data[state].unique()) if states is None else list(states)
    if unknown := sorted(set(data[state]) - set(labels)):
        found.append(f"column '{state}': {unknown} are not among the states {labels}: add them")
    end = data.assign(**{time: data[time] - step}).rename(columns={state: "end"})
    moves = data.merge(end, on=[unit, time])
    if moves.empty:
        years = sorted(data[time].unique())
        found.append(f"no unit has two years {step} apart, the years are {years}: change the step")
    raise_violations("the panel", found)
    position = {label: place for place, label in enumerate(labels)}
    return count_moves(
        moves[state].map(position).to_numpy(), moves["end"].map(position).to_numpy(), labels
    )


def transition_counts_by_period(
    panel: pd.DataFrame,
    *,
    periods: Sequence[tuple[int, int]],
    state: str,
    unit: str = "code",
    time: str = "year",
    step: int = 1,
) -> dict[str, pd.DataFrame]:
    """Count the moves within each period, for a test that probabilities did not change.

    Parameters
    ----------
    panel, state, unit, time, step
        As for `transition_counts`.
    periods : sequence of (first, last) year
        A move counts where it starts and ends within the period.

    Returns
    -------
    dict of {str: DataFrame}
        Counts by "first-last", all with the states of the whole panel.
    """
    raise_violations(
        "the panel", input_violations(panel, keys=[unit, time], numeric=[time], present=[state])
    )
    states = sorted(panel[state].dropna().unique())
    return {
        f"{first}-{last}": transition_counts(
            panel[panel[time].between(first, last)], state=state, unit=unit, time=time, step=step,
            states=states,
        )
        for first, last in periods
    }  # fmt: skip


def count_moves(
    start: NDArray[np.integer], end: NDArray[np.integer], labels: Sequence[object]
) -> pd.DataFrame:
    """Tabulate moves between positions in `labels`, rows `from`, columns `to`."""
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts, (start, end), 1)
    table = pd.DataFrame(counts, index=list(labels), columns=list(labels))
    return table.rename_axis(index="from", columns="to")


def transition_probabilities(counts: pd.DataFrame) -> pd.DataFrame:
    """Return n_ij / n_i, the maximum likelihood estimates; rows sum to one.

    Parameters
    ----------
    counts : DataFrame, shape (k, k)
        Rows from, columns to.

    Returns
    -------
    DataFrame, shape (k, k)
        Missing in the row of a class that is never left from, whose probabilities are unknown.
    """
    total = counts.sum(axis=1)
    return counts.div(total.where(total > 0), axis=0)


def steady_state(probabilities: pd.DataFrame) -> pd.Series:
    """Return the distribution that the transitions leave as it is, pi P = pi.

    Parameters
    ----------
    probabilities : DataFrame, shape (k, k)
        Rows sum to one.

    Returns
    -------
    Series, shape (k,)
        Named `share`, sums to one. It is a summary of today's mobility, no forecast: it assumes
        that the probabilities stay, and shares of a chain that alternates do not approach it.

    Raises
    ------
    ValueError
        If rows do not sum to one, or if more than one set of classes is never left, so that the
        long run depends on the start.
    """
    p = probabilities.to_numpy(dtype=float)
    k = len(p)
    if p.shape != (k, k) or not (p >= 0).all() or not np.allclose(p.sum(axis=1), 1, atol=1e-9):
        bad = [str(c) for c, row in probabilities.iterrows() if not np.isclose(row.sum(), 1)]
        raise ValueError(
            f"rows {', '.join(bad)}: probabilities do not sum to one; a class that is never left "
            f"from has none: use fewer classes"
        )
    if len(closed := closed_classes(p)) > 1:
        named = "; ".join(", ".join(str(probabilities.index[i]) for i in group) for group in closed)
        raise ValueError(f"no single steady state: none of these is ever left: {named}")
    system = np.vstack([p.T - np.eye(k), np.ones(k)])
    share = np.linalg.lstsq(system, np.r_[np.zeros(k), 1.0], rcond=None)[0].clip(0)
    return pd.Series(share / share.sum(), index=probabilities.index, name="share")


def closed_classes(probabilities: Floats) -> list[list[int]]:
    """Return the sets of states that, once entered, are never left, as positions."""
    from scipy.sparse.csgraph import connected_components

    linked = probabilities > 0
    count, member = connected_components(linked, directed=True, connection="strong")
    groups = [np.flatnonzero(member == c) for c in range(count)]
    return [g.tolist() for g in groups if not linked[np.ix_(g, ~np.isin(member, member[g]))].any()]


def mobility(probabilities: pd.DataFrame) -> float:
    """Return (k - trace P) / (k - 1): 0 where nobody moves, 1 where all rows are alike.

    Parameters
    ----------
    probabilities : DataFrame, shape (k, k)
        Rows sum to one.

    Returns
    -------
    float
        Missing if a row is.

    References
    ----------
    Shorrocks (1978), Econometrica 46(5), 1013-1024.
    """
    k = len(probabilities)
    return float((k - probabilities.to_numpy(dtype=float).trace()) / (k - 1))


def homogeneity_test(
    counts: Mapping[Any, pd.DataFrame] | Sequence[pd.DataFrame],
) -> HomogeneityTest:
    """Test that several conditions share their transition probabilities.

    LR = 2 sum_h sum_ij n_ij(h) ln(p_ij(h) / p_ij) and Q = sum_h sum_ij n_i(h) (p_ij(h) - p_ij)^2 /
    p_ij over p_ij > 0, where p_ij pools the conditions h.

    Parameters
    ----------
    counts : mapping or sequence of DataFrame, shape (k, k)
        Counts under each condition, e.g. by period or by class of the neighbours.

    Returns
    -------
    HomogeneityTest

    Raises
    ------
    ValueError
        If there are fewer than two tables or their classes differ.

    References
    ----------
    Anderson & Goodman (1957), Annals of Mathematical Statistics 28(1); Bickenbach & Bode (2003),
    International Regional Science Review 26(3), 363-392, for the degrees of freedom.
    """
    from scipy import stats

    tables = list(counts.values()) if isinstance(counts, Mapping) else list(counts)
    if len(tables) < 2 or any(
        not t.axes[i].equals(tables[0].index) for t in tables for i in (0, 1)
    ):
        raise ValueError("homogeneity: needs two or more tables of counts with the same classes")
    n = np.stack([t.to_numpy(dtype=float) for t in tables])
    pooled = n.sum(axis=0)
    share = pooled / np.where(pooled.sum(axis=1) > 0, pooled.sum(axis=1), 1)[:, None]
    expected = n.sum(axis=2)[:, :, None] * share
    used = expected > 0
    ratio = np.divide(n, expected, out=np.ones_like(n), where=n > 0)
    likelihood_ratio = float(2 * (n * np.log(ratio)).sum())
    pearson = float(((n - expected)[used] ** 2 / expected[used]).sum())
    conditions, reached = (n.sum(axis=2) > 0).sum(axis=0), (pooled > 0).sum(axis=1)
    df = int(((conditions - 1).clip(0) * (reached - 1).clip(0)).sum())
    tail = stats.chi2(df).sf if df else lambda statistic: np.nan
    small = float((expected[used] < SMALL_EXPECTED).mean()) if used.any() else np.nan
    return HomogeneityTest(
        likelihood_ratio, pearson, df, float(tail(likelihood_ratio)), float(tail(pearson)), small
    )


def transition_table(counts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Lay out transitions under several conditions as one tidy table.

    Parameters
    ----------
    counts : mapping of {str: DataFrame}
        Counts by condition, e.g. ``{"all": ..., "1": ...}``.

    Returns
    -------
    DataFrame
        condition, from, to, n, n_from, probability (missing where n_from is 0), steady (share of
        the class `to` in the steady state of the condition; missing where there is none).
    """
    tables = []
    for condition, table in counts.items():
        probabilities = transition_probabilities(table)
        long = pd.DataFrame({"n": table.stack()}).reset_index()
        long["n_from"] = long["from"].map(table.sum(axis=1))
        long["probability"] = probabilities.stack(future_stack=True).to_numpy()
        steady = _known_steady_state(probabilities)
        tables.append(long.assign(condition=str(condition), steady=long["to"].map(steady)))
    columns = ["condition", "from", "to", "n", "n_from", "probability", "steady"]
    return pd.concat(tables, ignore_index=True)[columns]


def _known_steady_state(probabilities: pd.DataFrame) -> pd.Series:
    """Return the steady state, missing where a row is unknown or there are several."""
    p = probabilities.to_numpy(dtype=float)
    if np.isnan(p).any() or len(closed_classes(p)) > 1:
        return pd.Series(np.nan, index=probabilities.index)
    return steady_state(probabilities)
