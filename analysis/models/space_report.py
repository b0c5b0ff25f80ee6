"""Report of the spatial dependence: what is on the map, local clusters, and known truth.

Composes `spatial`, `spatial_local`, `spatial_effects` and `simulate_space` into tables to
be saved and the publication table; no formula stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.models.inference import cluster_inference
from analysis.models.simulate_space import (
    REGRESSORS,
    SpatialTruth,
    simulate_spatial_panel,
    spatial_truth,
)
from analysis.models.spatial_durbin import SpatialFit, fit_spatial, nesting_tests
from analysis.models.spatial_effects import effect_table
from analysis.models.spatial_input import complete_units
from analysis.models.spatial_local import local_moran
from analysis.models.spatial_weights import SpatialWeights, describe_weights

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

TWO_WAY = "county and year"
RENAMED = {"model": "spatial_model", "units": "entities", "value": "estimate"}
COMPARISON: dict[str, str] = {
    "spatial_model": "str", "variable": "str", "effect": "str", "truth": "float64",
    "estimate": "float64", "se": "float64", "ci_low": "float64", "ci_high": "float64",
    "covers": "bool", "n": "int64",
}  # fmt: skip


def units_on_map(
    frame: pd.DataFrame, columns: Sequence[str], polygons: GeoDataFrame
) -> tuple[GeoDataFrame, pd.DataFrame]:
    """Choose the polygons of the counties that have all columns in every year.

    Parameters
    ----------
    frame : DataFrame
        One row per code and year. Not changed.
    columns : sequence of str
        Columns that must be known.
    polygons : GeoDataFrame
        Layer of counties.

    Returns
    -------
    tuple of GeoDataFrame and DataFrame
        The polygons; and the counties of the frame left out: code, reason.
    """
    complete = set(complete_units(frame, columns))
    every = pd.Series(sorted(set(frame["code"])), name="code", dtype=str)
    drawn = every.isin(polygons["code"])
    reason = np.where(~drawn, "no polygon of this code", "not known in every year")
    left_out = pd.DataFrame({"code": every, "reason": reason})[~(drawn & every.isin(complete))]
    kept = polygons[polygons["code"].isin(complete)].reset_index(drop=True)
    return kept, left_out.reset_index(drop=True)


def describe(samples: Mapping[str, SpatialWeights]) -> pd.DataFrame:
    """Summarise several weights, one row each: sample and `spatial_weights.describe_weights`."""
    tables = [describe_weights(weights).assign(sample=name) for name, weights in samples.items()]
    return pd.concat(tables, ignore_index=True).rename(columns={"units": "entities"})


def local_clusters(
    frame: pd.DataFrame,
    weights: SpatialWeights,
    *,
    variable: str,
    years: Sequence[int],
    rng: np.random.Generator,
    permutations: int,
    level: float,
) -> pd.DataFrame:
    """Compute local Moran's I of one variable in several years.

    Parameters
    ----------
    frame : DataFrame
        One row per code and year, with a value for every unit of the weights. Not changed.
    weights, variable, years
        Where, what and when.
    rng, permutations, level
        As for `spatial_local.local_moran`; the false discovery rate is kept within each year.

    Returns
    -------
    DataFrame
        The columns of `local_moran` and year.
    """
    wide = frame.pivot(index="code", columns="year", values=variable).loc[list(weights.ids)]
    tables = [
        local_moran(
            wide[year].to_numpy(float), weights, rng=rng, permutations=permutations, level=level
        ).assign(year=year)
        for year in years
    ]
    return pd.concat(tables, ignore_index=True)


def saved_clusters(clusters: pd.DataFrame, variable: str) -> pd.DataFrame:
    """Return local clusters with the column names of their contract."""
    names = {"z": "own_score", "lag": "neighbour_score", "cluster": "local_cluster"}
    renamed = clusters.rename(columns=names).drop(columns="value").assign(variable=variable)
    return renamed.assign(quadrant=renamed["quadrant"].fillna("no neighbour"))


def saved_fit(table: pd.DataFrame) -> pd.DataFrame:
    """Return coefficients or effects of a spatial model with the column names of their contract."""
    return table.rename(columns=RENAMED).drop(columns="effects").assign(absorbed=TWO_WAY)


def saved_tests(lagrange: pd.DataFrame, nesting: pd.DataFrame) -> pd.DataFrame:
    """Return Lagrange multiplier and likelihood ratio tests as one table."""
    ratios = nesting.assign(test="durbin against " + nesting["test"], n=int(lagrange["n"].iloc[0]))
    multipliers = lagrange.assign(test="least squares against " + lagrange["test"])
    both = pd.concat([multipliers, ratios], ignore_index=True)
    names = {"statistic": "test_statistic", "df": "test_df"}
    return both.rename(columns=names).astype({"test_df": float})


def durbin(
    frame: pd.DataFrame,
    weights: SpatialWeights,
    *,
    outcome: str,
    regressors: Sequence[str],
    rng: np.random.Generator,
    draws: int,
) -> tuple[SpatialFit, pd.DataFrame]:
    """Fit a two-way spatial Durbin panel with errors by unit, and its effects.

    Returns
    -------
    tuple of SpatialFit and DataFrame
        The fit, and `spatial_effects.effect_table`.
    """
    fit = fit_spatial(frame, outcome=outcome, regressors=regressors, weights=weights, errors="unit")
    return fit, effect_table(fit, weights, rng=rng, draws=draws)


def simplifications(
    frame: pd.DataFrame, weights: SpatialWeights, *, outcome: str, regressors: Sequence[str]
) -> pd.DataFrame:
    """Test by likelihood ratios whether the two-way Durbin model may be simplified."""
    return nesting_tests(
        frame, outcome=outcome, regressors=regressors, weights=weights, information="observed"
    )


def recovery(
    weights: SpatialWeights,
    *,
    simulate: bool,
    first_year: int,
    years: int,
    seed: int,
    draws: int,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Simulate a spatial panel with known effects on the map and estimate them.

    Parameters
    ----------
    weights : SpatialWeights
        The map.
    simulate : bool
        False: nothing is simulated and the tables are empty.
    first_year, years : int
        Years of the simulated panel.
    seed : int
        Of the panel and of the draws of the effects.
    draws : int
        Draws for the errors of the effects.

    Returns
    -------
    tuple of DataFrame
        `spatial_effects.effect_table` of the Durbin model; `simulate_space.spatial_truth`; and both
        beside two-way fixed effects without neighbours, whose slope would be read as direct and as
        total effect: spatial_model (durbin, none), variable, effect, truth, estimate, se, ci_low,
        ci_high, covers, n.
    """
    process = SpatialTruth(first_year=first_year, years=years)
    known = spatial_truth(weights, process)
    if not simulate:
        empty = pd.DataFrame({c: pd.Series(dtype=kind) for c, kind in COMPARISON.items()})
        return pd.DataFrame(columns=["variable", "effect", "value"]), known.iloc[:0], empty
    frame = simulate_spatial_panel(weights, process, seed=seed)
    effects = durbin(
        frame, weights, outcome="y", regressors=REGRESSORS, rng=np.random.default_rng(seed),
        draws=draws,
    )[1]  # fmt: skip
    aspatial = cluster_inference(
        frame, outcome="y", regressors=REGRESSORS, cluster="code", absorb=["code", "year"],
        variances=["CR1"],
    )  # fmt: skip
    aspatial = aspatial.rename(columns={"term": "variable", "estimate": "value"})
    naive = [aspatial.assign(effect=effect, model="none") for effect in ("direct", "total")]
    both = pd.concat([effects, *naive]).merge(known, on=["variable", "effect"])
    both["covers"] = both["truth"].between(both["ci_low"], both["ci_high"])
    return effects, known, both.rename(columns=RENAMED)[list(COMPARISON)]
