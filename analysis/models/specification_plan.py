"""Plan of a specification curve: the declared outcomes and choices, and their sweep.

All outcomes share the same permutations of designation. The index is computed under each scheme
from its saved bounds and weights, and its components are no controls of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.coupling import Form, coordination_index, subsystem_scores
from analysis.indicators import Indicator, IndicatorSystem
from analysis.models.specification_choices import WANG, Choices
from analysis.models.specifications import Sweep, sweep
from analysis.panel_input import raise_violations
from analysis.weights import set_keys

INDEX = "coordination"
"""The outcome that comes in schemes of weights."""
TREATMENT = "designated"
WITHIN = ("province",)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was declared before anything was estimated.

    Attributes
    ----------
    families : mapping of str to sequence of str
        Outcomes by family; the first outcome of all is the main one.
    choices : Choices
        Alternatives of each choice.
    baseline : sequence of str
        Baseline controls; of the index, those that are no components of it.
    components : DataFrame
        `linkage_weights`.
    """

    families: Mapping[str, Sequence[str]]
    choices: Choices
    baseline: Sequence[str]
    components: pd.DataFrame = field(repr=False)

    @property
    def outcomes(self) -> list[str]:
        """All outcomes in the order of the declaration."""
        return [outcome for members in self.families.values() for outcome in members]

    @property
    def columns(self) -> list[str]:
        """The outcomes that are columns of the county panel."""
        return [outcome for outcome in self.outcomes if outcome != INDEX]

    @property
    def index_baseline(self) -> list[str]:
        """The baseline controls that are no components of the index."""
        parts = set(self.components["variable"])
        return [control for control in self.baseline if control not in parts]

    def parts(self) -> Iterator[tuple[list[str], list[str], tuple[str, ...]]]:
        """Yield outcomes, their baseline controls, and which of them come in schemes."""
        if self.columns:
            yield self.columns, list(self.baseline), ()
        if INDEX in self.outcomes:
            yield [INDEX], self.index_baseline, (INDEX,)


def with_coordination(
    panel: pd.DataFrame, components: pd.DataFrame, schemes: Sequence[str]
) -> pd.DataFrame:
    """Add the coordination degree under each scheme, from the bounds and weights of the index.

    Parameters
    ----------
    panel : DataFrame
        One row per `code` and `year` with the variables of the index. Not changed.
    components : DataFrame
        `linkage_weights`.
    schemes : sequence of str
        As in `specification_choices.Choices.schemes`.

    Returns
    -------
    DataFrame
        The rows of `panel` with `coordination_<scheme>`, missing where an indicator is.

    Raises
    ------
    ValueError
        Lists schemes without a column of weights.
    """
    table = components.set_index("variable", drop=False)
    kinds = {scheme: f"weight_{scheme.removesuffix(WANG)}" for scheme in schemes}
    absent = [s for s, column in kinds.items() if column not in table]
    raise_violations("the schemes", [f"'{s}' has no weights in linkage_weights" for s in absent])
    system = _system(table)
    low, high = table["base_minimum"], table["base_maximum"]
    values = set_keys(panel, system).dropna()
    z = ((values - low) / (high - low)).clip(0.0, 1.0)[system.variables]
    negative = [i.variable for i in system.indicators if i.direction == "-"]
    z[negative] = 1.0 - z[negative]
    degrees = {}
    for scheme, column in kinds.items():
        scores = subsystem_scores(z, table[column], system)
        form: Form = "wang" if scheme.endswith(WANG) else "strict"
        degrees[f"{INDEX}_{scheme}"] = coordination_index(scores, form=form)["coordination"]
    added = pd.DataFrame(degrees).reset_index()
    return panel.merge(added, on=["code", "year"], how="left", validate="one_to_one")


def sweep_plan(panel: pd.DataFrame, plan: Plan, *, permutations: int, seed: int) -> Sweep:
    """Estimate every declared specification of every outcome.

    Parameters
    ----------
    panel : DataFrame
        As from `with_coordination`. Not changed.
    plan : Plan
        What is declared.
    permutations : int
        Draws of designation by lot, the same for all outcomes.
    seed : int
        Of the draws.

    Returns
    -------
    Sweep
        In the order of the declaration.
    """
    found = [
        sweep(
            panel, outcomes=outcomes, choices=plan.choices, baseline_controls=baseline,
            treatment=TREATMENT, indices=indices, components=plan.components, within=WITHIN,
            permutations=permutations, rng=np.random.default_rng(seed),
        )
        for outcomes, baseline, indices in plan.parts()
    ]  # fmt: skip
    estimates = pd.concat([part.estimates for part in found], ignore_index=True)
    rank = estimates["outcome"].map(plan.outcomes.index).to_numpy()
    order = np.argsort(rank, kind="stable")
    return Sweep(
        estimates.iloc[order].reset_index(drop=True),
        np.concatenate([part.null_estimates for part in found])[order],
        np.concatenate([part.null_statistics for part in found])[order],
    )


def _system(table: pd.DataFrame) -> IndicatorSystem:
    columns = ["variable", "subsystem", "dimension", "direction", "en", "zh", "unit", "source"]
    rows = table.rename(columns={"data_source": "source"})[columns].to_dict("records")
    indicators = (Indicator(**{str(name): value for name, value in row.items()}) for row in rows)
    return IndicatorSystem("of the linkage index", "as saved", tuple(indicators))
