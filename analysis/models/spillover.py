"""Spillovers of designation: counties in rings around the designated ones.

Neighbours of a treated county may gain or lose with it. If they do, they are no clean controls, and
the effect on the treated is off by the effect on the controls. Rings are steps over shared borders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.geography import require_columns
from analysis.long_difference import (
    BASELINE_CONTROLS,
    GROUPS,
    LOG_CONTROLS,
    UNITS,
    absorbed_least_squares,
)
from analysis.models.spatial_weights import SpatialWeights
from analysis.panel import t_inference
from analysis.panel_input import input_violations, raise_violations

RUNGS = ("raw", "baseline", "province")
FAR = 3
"""Counties at least so many steps away are the comparison."""
RING_COLUMNS = ("code", "ring", "designated_share", "first_neighbour_year")
COLUMNS = (
    "outcome", "rung", "ring", "estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high",
    "unit", "n", "n_ring", "n_far", "cluster", "clusters", "controls", "effects",
    "excluded_missing", "excluded_unreachable",
)  # fmt: skip


def rings(
    weights: SpatialWeights,
    counties: pd.DataFrame,
    *,
    unit: str = "code",
    treatment: str = "designated",
    cohort: str = "delisted_year",
) -> pd.DataFrame:
    """Count the steps from each county to the nearest designated one.

    Parameters
    ----------
    weights : SpatialWeights
        The map; give the whole map, so that a county outside a sample still lies between others.
    counties : DataFrame
        One row per unit, or a panel in which the columns do not change. Not changed.
    unit, treatment, cohort : str
        Columns: the unit, a boolean, and the year of delisting (missing where never designated).

    Returns
    -------
    DataFrame
        Columns `RING_COLUMNS`, one row per unit of the weights: ring (0 designated, 1 borders a
        designated county, 2 borders one of ring 1, ...; missing where no way leads there),
        designated_share (of the neighbours), first_neighbour_year (when the first neighbour was
        delisted; missing without designated neighbours). Units without a row count as not
        designated.

    Raises
    ------
    ValueError
        If a column is missing or changes within a unit, or no unit of the weights is designated.
    """
    require_columns(counties, [unit, treatment, cohort], "counties")
    facts = counties[[unit, treatment, cohort]].drop_duplicates()
    found = input_violations(facts, keys=(unit,), numeric=[cohort], present=[treatment])
    raise_violations("the counties (each unit must keep one treatment and cohort)", found)
    known = facts.set_index(facts[unit].astype(str)).reindex(list(weights.ids))
    treated = known[treatment].eq(True).to_numpy(dtype=bool)
    if not treated.any():
        raise ValueError(f"no unit of the weights has a true '{treatment}': there is no ring")
    return pd.DataFrame({
        "code": list(weights.ids),
        "ring": pd.array(_steps(weights, treated), dtype="Float64").astype("Int64"),
        "designated_share": weights.lag(treated.astype(float)),
        "first_neighbour_year": _first_year(weights, known[cohort], treated),
    })  # fmt: skip


def spillover_estimates(
    panel: pd.DataFrame,
    ring_table: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    first_year: int = 2010,
    last_year: int = 2020,
    far: int = FAR,
    baseline_controls: Sequence[str] = BASELINE_CONTROLS,
    sample: str | None = "rural_2010",
    rungs: Sequence[str] = RUNGS,
    cluster: str = "prefecture",
    units: Mapping[str, str] = UNITS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare the change of an outcome in the rings with that of counties farther away.

    raw: a constant. baseline: + first-year level of the outcome and the baseline controls.
    province: + province effects. Designated counties are left out.

    Parameters
    ----------
    panel : DataFrame
        One row per `code` and `year`, with `province`, `prefecture`, outcomes and controls. Not
        changed.
    ring_table : DataFrame
        Result of `rings`.
    outcomes : sequence of str
        Numeric columns; the change is last year minus first year.
    first_year, last_year : int
        The two years.
    far : int
        Rings 1 to far - 1 each get a coefficient; farther counties are the comparison.
    baseline_controls : sequence of str
        Numeric columns; those in `LOG_CONTROLS` enter as logarithms and must be positive.
    sample : str, optional
        Boolean column of the counties to use.
    rungs : sequence of str
        Names from `RUNGS`.
    cluster : str
        Column by which errors are clustered; a ring spans counties that move together.
    units : mapping
        Unit of the change of each outcome; "" where it has none.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, one row per outcome, rung and ring. `excluded_missing` lack a value,
        `excluded_unreachable` a way to a designated county.

    Raises
    ------
    ValueError
        Lists every violation of the input, an empty ring or comparison among them.

    Notes
    -----
    Errors and degrees of freedom as in `analysis.long_difference.ladder`. Nobody drew lots for who
    borders a designated county: the estimate is an effect only if ring and far counties would have
    changed alike given the controls, and it understates spillovers that reach beyond `far`.
    """
    numeric = list(dict.fromkeys([*outcomes, *baseline_controls]))
    present = ["province", "prefecture", *([sample] if sample else []), cluster]
    found = input_violations(panel, keys=("code", "year"), numeric=numeric, present=present)
    found += [f"rung '{r}' is unknown: use {list(RUNGS)}" for r in rungs if r not in RUNGS]
    if far < 2:
        found.append(f"far is {far}: use at least 2, so that there is a ring")
    raise_violations("the county panel", found)
    years = [panel[panel["year"] == y].set_index("code") for y in (first_year, last_year)]
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        controls = [outcome, *(c for c in baseline_controls if c != outcome)]
        data, excluded = _changes(years[0], years[1], ring_table, outcome, controls, sample, far)
        raise_violations("the county panel", _ring_violations(data, outcome, far))
        named = {"outcome": outcome, "unit": units.get(outcome, ""), "cluster": cluster} | excluded
        for rung in rungs:
            rows += [r | named for r in _rung(data, rung, controls, cluster, far, confidence)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def spillover_cohorts(
    panel: pd.DataFrame, ring_table: pd.DataFrame, *, far: int = FAR
) -> pd.DataFrame:
    """Turn the ring around designated counties into a staggered design.

    Parameters
    ----------
    panel : DataFrame
        One row per `code` and `year`. Not changed.
    ring_table : DataFrame
        Result of `rings`.
    far : int
        Counties at least so many steps away are never treated.

    Returns
    -------
    DataFrame
        The rows of ring 1 and of the far counties with the columns of `ring_table` and
        neighbour_delisted_year, the year in which the first neighbour was delisted, missing for far
        counties: the cohort column of a difference-in-differences estimator.
    """
    merged = panel.merge(ring_table, on="code", how="inner", validate="many_to_one")
    near = merged["ring"].eq(1).fillna(False).astype(bool)
    away = merged["ring"].ge(far).fillna(False).astype(bool)
    chosen = merged[near | away]
    year = chosen["first_neighbour_year"].where(near[near | away])
    return chosen.assign(neighbour_delisted_year=year).reset_index(drop=True)


def _steps(weights: SpatialWeights, treated: np.ndarray) -> np.ndarray:
    """Return the number of borders to the nearest treated unit, NaN where there is no way."""
    from scipy.sparse.csgraph import dijkstra

    distance = dijkstra(
        weights.matrix,
        directed=False,
        unweighted=True,
        indices=np.flatnonzero(treated),
        min_only=True,
    )
    return np.where(np.isfinite(distance), distance, np.nan)


def _first_year(weights: SpatialWeights, cohort: pd.Series, treated: np.ndarray) -> Any:
    """Return the earliest year of delisting among the neighbours."""
    years = np.where(treated, cohort.to_numpy(dtype=float, na_value=np.nan), np.nan)
    pairs = weights.matrix.tocoo()
    first = pd.Series(years[pairs.col]).groupby(pairs.row).min()
    return first.reindex(range(len(weights.ids))).astype("Int64").array


def _changes(
    first: pd.DataFrame,
    last: pd.DataFrame,
    ring_table: pd.DataFrame,
    outcome: str,
    controls: Sequence[str],
    sample: str | None,
    far: int,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return change, ring (capped at `far`), controls and groups; and what was left out."""
    data = last[["province", "prefecture"]].copy()
    data["change"] = last[outcome].astype(float) - first[outcome].astype(float)
    for control in controls:
        values = first[control].astype(float)
        logged = np.log(values.where(values > 0)) if control in LOG_CONTROLS else values
        data[f"baseline {control}"] = logged
    data["ring"] = ring_table.set_index("code")["ring"].astype("Float64").astype(float)
    if sample:
        data = data[last[sample].astype(bool)]
    data = data[data["ring"] != 0]
    reachable = data[data["ring"].notna()]
    complete = reachable.dropna().assign(ring=lambda d: d["ring"].clip(upper=far).astype(int))
    counts = {
        "excluded_missing": len(reachable) - len(complete),
        "excluded_unreachable": len(data) - len(reachable),
    }
    return complete, counts


def _ring_violations(data: pd.DataFrame, outcome: str, far: int) -> list[str]:
    return [
        f"outcome '{outcome}': no county with complete data in ring {ring}: use another `far`"
        for ring in range(1, far + 1)
        if not (data["ring"] == ring).any()
    ]


def _rung(
    data: pd.DataFrame,
    rung: str,
    controls: Sequence[str],
    cluster: str,
    far: int,
    confidence: float,
) -> list[dict[str, Any]]:
    """Estimate one rung, one row per ring."""
    names = [] if rung == "raw" else [f"baseline {c}" for c in controls]
    dummies = [(data["ring"] == ring).to_numpy(dtype=float) for ring in range(1, far)]
    x = np.column_stack([*dummies, data[names].to_numpy()])
    effects = np.zeros(len(data), dtype=int)
    if rung == "province":
        effects = data.groupby("province").ngroup().to_numpy()
    clusters = data.groupby(list(GROUPS.get(cluster, (cluster,)))).ngroup().to_numpy()
    fit = absorbed_least_squares(data["change"].to_numpy(), x, effects=effects, clusters=clusters)
    rows = []
    for place, ring in enumerate(range(1, far)):
        estimate, se = float(fit.slopes[place]), float(np.sqrt(fit.covariance[place, place]))
        rows.append({
            "rung": rung,
            "ring": ring,
            "estimate": estimate,
            "se": se,
            **t_inference(estimate, se, fit.clusters - 1, confidence=confidence),
            "n": len(data),
            "n_ring": int((data["ring"] == ring).sum()),
            "n_far": int((data["ring"] == far).sum()),
            "clusters": fit.clusters,
            "controls": ", ".join(controls) if names else "none",
            "effects": "province" if rung == "province" else "none",
        })  # fmt: skip
    return rows
