"""Specification curve: one question under every declared combination of choices.

Each specification regresses a change on designation. The curve says how much of an answer is due
to the choices; the permutation test how often designation drawn by lot, county by county within
provinces, gives a curve as far from zero. Its null is joint: designation had no effect, and within
a province who was designated has nothing to do with the change. Poor counties were designated and
were catching up, so that a rejection is no proof of an effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.linkage import refuse_component_regressors
from analysis.long_difference import BASELINE_CONTROLS, UNITS
from analysis.models.designation_effects import (
    Comparison,
    Effects,
    least_squares_effects,
    regression_adjusted_effects,
)
from analysis.models.specification_choices import (
    GROUP_EFFECTS,
    UNWEIGHTED,
    Choices,
    Design,
    designs,
)
from analysis.models.specification_input import (
    SweepInput,
    comparable_counties,
    group_codes,
    sweep_input,
)
from analysis.panel import t_inference
from analysis.panel_input import raise_violations

COLUMNS = (
    "outcome", "specification", "headline", "sample", "controls", "scheme", "estimator",
    "weights", "cluster", "years", "estimate", "se", "statistic", "df", "p_value", "ci_low",
    "ci_high", "unit", "n", "n_treated", "clusters", "excluded_missing", "excluded_singletons",
)  # fmt: skip
CURVE_UNITS: Mapping[str, str] = {**UNITS, "coordination": "points of D"}
"""Units of the outcomes of a sweep."""


@dataclass(frozen=True)
class Sweep:
    """Result of `sweep`.

    Attributes
    ----------
    estimates : DataFrame
        Columns `COLUMNS`, one row per outcome and specification.
    null_estimates, null_statistics : ndarray, shape (rows, permutations)
        Estimates and t statistics of each row under permuted designation, one permutation of all
        counties in each column; missing where a permutation leaves nothing to compare.
    """

    estimates: pd.DataFrame
    null_estimates: np.ndarray
    null_statistics: np.ndarray


def sweep(
    panel: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    choices: Choices,
    baseline_controls: Sequence[str] = BASELINE_CONTROLS,
    treatment: str = "designated",
    indices: Sequence[str] = (),
    components: pd.DataFrame | None = None,
    units: Mapping[str, str] = CURVE_UNITS,
    permutations: int = 500,
    within: Sequence[str] = ("province",),
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
) -> Sweep:
    """Estimate every declared specification, and again under permuted designation.

    Parameters
    ----------
    panel : DataFrame
        One row per `code` and `year`, with `province`, `prefecture`, `treatment`, outcomes,
        controls, weights, clusters and the flags of the samples. Not changed.
    outcomes : sequence of str
        Numeric columns; of an index, the name before the scheme (`coordination`).
    choices : Choices
        Alternatives; the first of each is the headline choice.
    baseline_controls : sequence of str
        Columns that ``baseline`` stands for, beside the level of the outcome. Those in
        `long_difference.LOG_CONTROLS` enter as logarithms wherever they are controls.
    treatment : str
        Boolean column, the same in all years.
    indices : sequence of str
        Outcomes that come in schemes, as columns `<outcome>_<scheme>`.
    components : DataFrame, optional
        `linkage_weights` (variable, subsystem): needed for `indices`, whose components are refused
        as controls; the starting level of the index itself is allowed.
    units : mapping
        Unit of the change of each outcome.
    permutations : int
        Number of permutations; 0 for none.
    within : sequence of str
        Columns within which designation is permuted. The flags that the samples use are added, so
        that every sample keeps its number of designated counties.
    rng : Generator, optional
        Needed for permutations.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    Sweep
        Counties that lack any of an outcome's controls or a weight are left out of all of its
        specifications (`excluded_missing`), so that the sample changes only where a choice says so.
        `excluded_singletons`: counties alone in their group of effects.

    Raises
    ------
    ValueError
        Lists every violation of the input, and every specification that cannot be estimated.

    Notes
    -----
    Errors are clustered, with t of G - 1 degrees of freedom, as in `long_difference.ladder` and
    `designation_effects`.

    The permutation treats counties of a province as exchangeable. Where neighbours are alike in
    designation and in change they are not, and the test of the median rejects a true null too
    often: 21 % of 300 simulations at 5 %, where half or more of both variances lies between
    prefectures. The mean t statistic with errors clustered by prefecture does not (5 %), nor does
    the median with `within=("province", "prefecture")` (6 %): read them side by side. Permuted
    estimates without province effects keep the differences between provinces, so that their median
    need not centre on zero.

    References
    ----------
    Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4, 1208-1214. Permutation of the
    treatment: Fisher (1935); p = (1 + reached) / (1 + draws), Phipson & Smyth (2010), Stat. Appl.
    Genet. Mol. Biol. 9(1).
    """
    data = sweep_input(
        panel, outcomes=outcomes, choices=choices, baseline=baseline_controls,
        treatment=treatment, indices=indices, units=units, within=within,
    )  # fmt: skip
    if permutations and rng is None:
        raise ValueError("permutations need a generator: give rng=np.random.default_rng(seed)")
    listed = {
        o: list(designs(o, choices, baseline=baseline_controls, index=o in indices))
        for o in outcomes
    }
    _refuse_components(listed, indices, components)
    drawn = permuted_designation(data.designated, data.strata, draws=permutations, rng=rng)
    assignments = np.column_stack([data.designated, drawn])
    frames, faults = [], []
    nulls: list[np.ndarray] = []
    for outcome, combined in listed.items():
        rows, found = _outcome(data, combined, choices, assignments, confidence, nulls)
        faults += [f"{outcome}, {fault}" for fault in found]
        frames.append(pd.DataFrame(rows).assign(outcome=outcome, unit=units[outcome]))
    raise_violations("the declared specifications", faults)
    draws = np.stack(nulls)
    estimates = pd.concat(frames, ignore_index=True)[list(COLUMNS)]
    return Sweep(estimates, draws[:, 0], draws[:, 1])


def permuted_designation(
    designated: np.ndarray,
    strata: np.ndarray,
    *,
    draws: int,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Permute designation within strata.

    Parameters
    ----------
    designated : ndarray of bool, shape (n,)
        True designation.
    strata : ndarray of int, shape (n,)
        Stratum of each county.
    draws : int
        Number of permutations.
    rng : Generator, optional
        Needed if `draws` is positive.

    Returns
    -------
    ndarray of bool, shape (n, draws)
        Every column has as many designated counties in each stratum as there are.
    """
    drawn = np.repeat(designated[:, None].astype(bool), draws, axis=1)
    if rng is None:
        return drawn
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        if 0 < designated[rows].sum() < len(rows):
            drawn[rows] = rng.permuted(drawn[rows], axis=0)
    return drawn


def _refuse_components(
    listed: Mapping[str, Sequence[Design]],
    indices: Sequence[str],
    components: pd.DataFrame | None,
) -> None:
    """Refuse components of an index as its controls."""
    for outcome in (o for o in listed if o in indices):
        if components is None:
            raise ValueError(f"'{outcome}' is an index: give components, its table of weights")
        held = {t for design in listed[outcome] for t in design.terms if t != design.column}
        refuse_component_regressors(outcome, sorted(held), components)


def _outcome(
    data: SweepInput,
    combined: Sequence[Design],
    choices: Choices,
    assignments: np.ndarray,
    confidence: float,
    nulls: list[np.ndarray],
) -> tuple[list[dict[str, object]], list[str]]:
    """Estimate all designs of an outcome; append to `nulls`, return rows and faults."""
    weights = [w for w in choices.weights if w != UNWEIGHTED]
    needed = list(dict.fromkeys([t for design in combined for t in design.terms] + weights))
    rows: list[dict[str, object]] = []
    faults: dict[str, list[str]] = {}
    for design in combined:
        try:
            for row, null in _estimate(data, design, needed, choices, assignments, confidence):
                rows.append(row | {"specification": len(rows) + 1, "headline": not rows})
                nulls.append(null)
        except ValueError as error:
            faults.setdefault(str(error), []).append(_named(design))
    return rows, [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {fault}"
        for fault, names in faults.items()
    ]


def _estimate(
    data: SweepInput,
    design: Design,
    needed: Sequence[str],
    choices: Choices,
    assignments: np.ndarray,
    confidence: float,
) -> list[tuple[dict[str, object], np.ndarray]]:
    """Return one row, and its permuted estimates and t statistics, for each kind of cluster."""
    used, counts = comparable_counties(data, design, needed)
    groups = {cluster: group_codes(used, cluster) for cluster in choices.clusters}
    comparison = Comparison(
        change=used["change"].to_numpy(),
        controls=used[[f"control {t}" for t in design.terms]].to_numpy(),
        effects=group_codes(used, GROUP_EFFECTS.get(design.estimator)),
        weights=used["weight"].to_numpy(),
        clusters=groups,
    )
    fit = _fitted(design, comparison, assignments[used["position"].to_numpy()])
    estimate = float(fit.estimates[0])
    shared = {
        "sample": design.sample, "controls": design.controls, "scheme": design.scheme,
        "estimator": design.estimator, "weights": design.weights, "years": design.years,
        "estimate": estimate, "n": len(used), **counts,
    }  # fmt: skip
    rows = []
    for cluster in choices.clusters:
        g, errors = int(groups[cluster].max()) + 1, fit.errors[cluster]
        inference = t_inference(estimate, float(errors[0]), g - 1, confidence=confidence)
        own = {"cluster": cluster, "clusters": g, "se": float(errors[0])}
        null = np.stack([fit.estimates[1:], fit.estimates[1:] / errors[1:]])
        rows.append((shared | own | inference, null))
    return rows


def _fitted(design: Design, comparison: Comparison, assignments: np.ndarray) -> Effects:
    adjusted = design.estimator == "regression_adjustment"
    fit = (regression_adjusted_effects if adjusted else least_squares_effects)(
        comparison, assignments
    )
    if not np.isfinite(fit.estimates[0]):
        raise ValueError(
            "designation does not vary given the controls and effects, or the other counties do "
            "not identify the controls: use fewer controls or coarser effects"
        )
    return fit


def _named(design: Design) -> str:
    parts = [design.sample, design.controls, design.estimator, design.weights, design.years]
    return " / ".join([*parts, *([design.scheme] if design.scheme != "none" else [])])
