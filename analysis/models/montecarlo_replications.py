"""One replication of the Monte Carlo study: draw a panel, estimate, put the truth beside it.

The map, the designated counties and the years of delisting are the real ones and the same in every
replication; disadvantage, shocks and errors are drawn anew. What is repeated is what the notebooks
run: `simulate_counties` and `estimate_designs`, `ladder`, `simulate_spatial_panel` and
`durbin_effects`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.geography import fix_poverty_codes, load_counties
from analysis.long_difference import ladder
from analysis.models.delisting_design import DESIGNS, design_sample, estimate_designs, true_effects
from analysis.models.delisting_terms import FAST
from analysis.models.simulate_space import (
    REGRESSORS,
    SpatialTruth,
    simulate_spatial_panel,
    spatial_truth,
)
from analysis.models.spatial_effects import durbin_effects
from analysis.models.spatial_weights import SpatialWeights, contiguity
from analysis.poverty_list import load_list
from analysis.simulate import simulate_counties
from analysis.truth import Truth, average_effects, load_truth

CORE = ("callaway_santanna", "callaway_santanna_raw", "two_way", "two_way_raw")
"""Estimators of the delisting designs in every scenario, names of `delisting.ESTIMATORS`."""
ESTIMATORS = (*CORE, "sun_abraham", "imputation")
"""Those and slower ones."""
CLUSTERS = ("code", "province")
LADDER = "long_difference"
"""Design of the long difference 2010-2020."""
LADDER_RUNGS = ("raw", "baseline", "province")
LADDER_CLUSTERS = ("prefecture", "province")
SPACE = "space"
"""Design of the spatial panel."""
SPACE_MODELS: Mapping[str, Mapping[str, Any]] = {
    "durbin": {"model": "durbin", "effects": "two_way"},
    "lag": {"model": "lag", "effects": "two_way"},
    "durbin_pooled": {"model": "durbin", "effects": "none"},
}
KEYS = ("design", "estimator", "cluster_by", "term")
COLUMNS = ("gamma", "sigma_p", *KEYS, "truth", "value", "se", "ci_low", "ci_high", "failure")


class Scenario(NamedTuple):
    """What is simulated: its name, "delisting" or "space", and parameters other than the default.

    `changes` are attributes of `truth.Truth` or of `simulate_space.SpatialTruth`;
    `estimators` are those of the designs D1 and D2.
    """

    name: str
    study: str
    changes: tuple[tuple[str, float], ...] = ()
    estimators: tuple[str, ...] = CORE


def delisting_scenario(
    gamma: float, sigma_p: float, *, estimators: tuple[str, ...] = CORE
) -> Scenario:
    """Return the scenario with this catch-up and this spread of province shocks.

    Parameters
    ----------
    gamma : float
        `catch_up` of `Truth`: extra growth per year and unit of disadvantage.
    sigma_p : float
        `province_shock_sd` of `Truth`.
    estimators : tuple of str
        Of the designs D1 and D2.

    Returns
    -------
    Scenario
    """
    changes = (("catch_up", gamma), ("province_shock_sd", sigma_p))
    return Scenario(f"gamma {gamma:g}, sigma_p {sigma_p:g}", "delisting", changes, estimators)


SCENARIOS = (
    delisting_scenario(0.0, 0.0),
    delisting_scenario(0.0, 0.02),
    delisting_scenario(0.004, 0.0, estimators=ESTIMATORS),
    delisting_scenario(0.004, 0.02, estimators=ESTIMATORS),
    delisting_scenario(0.0105, 0.0),
    Scenario("space", "space"),
)
"""Scenarios of the committed table; .0105 is the national catch-up of poor counties. Sun-Abraham
and imputation are given disadvantage and do not depend on the catch-up: one value is enough."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What every replication shares.

    Attributes
    ----------
    counties, poverty : DataFrame
        The map without shapes and the list of designated counties, as `simulate_counties` takes
        them.
    truth : Truth
        Parameters of the county panel.
    weights : SpatialWeights, optional
        Contiguity of the mainland counties; only the study "space" needs it.
    space : SpatialTruth
        Parameters of the spatial panel.
    """

    counties: pd.DataFrame
    poverty: pd.DataFrame
    truth: Truth
    weights: SpatialWeights | None = None
    space: SpatialTruth = field(default_factory=SpatialTruth)


def load_world(raw: Path, *, space: bool = True) -> World:
    """Read map, list and parameters.

    Parameters
    ----------
    raw : Path
        Folder with the sources boundaries, facts and simulation.
    space : bool
        Whether to build the spatial weights and their eigenvalues (some seconds).

    Returns
    -------
    World
    """
    counties = load_counties(raw / "boundaries")
    weights = None
    if space:
        weights = contiguity(counties[counties["region"].notna()])
        weights.eigenvalues  # noqa: B018 (computed here once, and handed on with the weights)
    return World(
        counties=pd.DataFrame(counties.drop(columns="geometry")),
        poverty=fix_poverty_codes(load_list(raw / "facts")),
        truth=load_truth(raw / "simulation"),
        weights=weights,
    )


def replication_seed(seed: int, number: int) -> int:
    """Return the seed of a replication: the same in every scenario and on any number of workers.

    Scenarios thus differ by their parameters only, not by their draws.

    Parameters
    ----------
    seed : int
        Of the study.
    number : int
        Of the replication, from 0.

    Returns
    -------
    int
        64 bits.
    """
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])


def replicate(world: World, scenario: Scenario, *, seed: int) -> pd.DataFrame:
    """Draw one panel of a scenario and run its estimators.

    Parameters
    ----------
    world : World
        What every replication shares.
    scenario : Scenario
        What is drawn.
    seed : int
        See `replication_seed`.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. Where an estimator refuses the data or cannot be computed its rows have
        no numbers and say so in `failure`.

    Raises
    ------
    ValueError
        The scenario is of no known study, or the world lacks what it needs.
    """
    changes: dict[str, Any] = dict(scenario.changes)
    if scenario.study == "delisting":
        truth = replace(world.truth, **changes)
        return delisting_replication(
            world.counties, world.poverty, truth, seed=seed, estimators=scenario.estimators
        )
    if scenario.study == "space" and world.weights is not None:
        return space_replication(world.weights, replace(world.space, **changes), seed=seed)
    raise ValueError(
        f"scenario '{scenario.name}': study '{scenario.study}' is not 'delisting' or 'space', or "
        f"the world has no weights: use load_world(raw, space=True)"
    )


def delisting_replication(
    counties: pd.DataFrame,
    poverty: pd.DataFrame,
    truth: Truth,
    *,
    seed: int,
    estimators: Sequence[str] = CORE,
) -> pd.DataFrame:
    """Estimate the effect of delisting on one simulated panel by all designs.

    Parameters
    ----------
    counties, poverty, truth, seed
        As for `simulate.simulate_counties`.
    estimators : sequence of str
        Names of `delisting.ESTIMATORS`; conditional ones are given disadvantage.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. D1, D2: term ``simple``, errors by county and by province. Long
        difference of 2010-2020: term ``2020``, errors by prefecture and by province.
    """
    panel = simulate_counties(counties, poverty, truth, seed=seed)
    tables = []
    for design in DESIGNS:
        effects = true_effects(truth, design_sample(panel, design)).set_index("term")["truth"]
        table = _designs(panel, design, tuple(estimators))
        tables.append(table.assign(truth=effects["simple"]))
    effect = average_effects(truth, panel)["2020"]
    tables.append(_long_differences(panel).assign(truth=effect))
    return _tidy(tables).assign(gamma=truth.catch_up, sigma_p=truth.province_shock_sd)


def space_replication(
    weights: SpatialWeights, truth: SpatialTruth, *, seed: int, draws: int = 2000
) -> pd.DataFrame:
    """Estimate direct, indirect and total effects on one simulated spatial panel.

    Parameters
    ----------
    weights : SpatialWeights
        The map.
    truth : SpatialTruth
        Parameters of the process.
    seed : int
        Of the panel and of the draws behind the errors of the effects.
    draws : int
        As for `spatial_effects.durbin_effects`.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; terms ``<regressor> <effect>``, the models of `SPACE_MODELS`.
    """
    panel = simulate_spatial_panel(weights, truth, seed=seed)
    known = spatial_truth(weights, truth)
    known = known.assign(term=known["variable"] + " " + known["effect"])
    tables = []
    for name, options in SPACE_MODELS.items():
        fit = partial(
            durbin_effects, panel, outcome="y", regressors=REGRESSORS, weights=weights,
            rng=np.random.default_rng([seed, 1]), draws=draws, information="observed", **options,
        )  # fmt: skip
        table = _attempt(fit, {"variable": known["variable"], "effect": known["effect"]})
        terms = table["variable"] + " " + table["effect"]
        tables.append(table.assign(term=terms, design=SPACE, estimator=name, cluster_by="none"))
    values = known.set_index("term")["truth"]
    return _tidy([table.assign(truth=table["term"].map(values)) for table in tables])


def _designs(panel: pd.DataFrame, design: str, estimators: tuple[str, ...]) -> pd.DataFrame:
    """Run the estimators of a design; one by one where one of them fails."""
    fit = partial(
        estimate_designs, panel, outcome="log_income", designs=(design,), estimators=estimators,
        baseline=("disadvantage",), clusters=CLUSTERS, events=False, inference=FAST,
    )  # fmt: skip
    failed = {"estimator": estimators[0], "cluster_by": CLUSTERS, "term": "simple"}
    table = _attempt(fit, failed)
    if len(estimators) > 1 and table["failure"].ne("").any():
        return pd.concat([_designs(panel, design, (name,)) for name in estimators])
    return table[table["term"] == "simple"].assign(design=design)


def _long_differences(panel: pd.DataFrame) -> pd.DataFrame:
    tables = []
    for cluster in LADDER_CLUSTERS:
        fit = partial(
            ladder, panel, outcomes=("log_income",), baseline_controls=("disadvantage",),
            cluster=cluster, rungs=LADDER_RUNGS,
        )  # fmt: skip
        table = _attempt(fit, {"rung": LADDER_RUNGS})
        tables.append(table.assign(cluster_by=cluster, estimator=table["rung"]))
    table = pd.concat(tables, ignore_index=True).rename(columns={"estimate": "value"})
    return table.assign(design=LADDER, term="2020")


def _attempt(fit: partial[pd.DataFrame], rows: Mapping[str, Any]) -> pd.DataFrame:
    """Return the estimates, or rows without numbers that say why there are none."""
    try:
        return fit().assign(failure="")
    except (ValueError, np.linalg.LinAlgError) as error:
        return pd.DataFrame(dict(rows)).assign(failure=f"{type(error).__name__}: {error}")


def _tidy(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True).reindex(columns=list(COLUMNS))
