"""What is reported on the specification curve: what moves it, its truth, and its main tests.

Nothing is estimated here that `specifications` and `inference_family` do not
estimate. Column names of saved tables are those of the contracts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.models.inference_family import Hypothesis, family_inference
from analysis.models.specification_choices import (
    GROUP_EFFECTS,
    UNWEIGHTED,
    Choices,
    Design,
    designs,
    sample_flags,
    window,
)
from analysis.models.specification_input import (
    SweepInput,
    comparable_counties,
    group_codes,
    sweep_input,
)
from analysis.models.specification_labels import DIMENSIONS
from analysis.models.specification_plan import TREATMENT, WITHIN, Plan
from analysis.models.specification_summary import family_tests
from analysis.models.specifications import CURVE_UNITS, Sweep
from analysis.truth import Truth, delisting_effect

ADJUSTMENT = "regression_adjustment"
SIGNIFICANT = 0.05
SAVED: Mapping[str, str] = {
    "sample": "declared_sample", "estimator": "fitted_by", "weights": "weighted_by",
    "years": "window", "headline": "main_specification", "permutation_p": "permutation_p_median",
    "permutation_p_mean_statistic": "permutation_p",
}  # fmt: skip
"""Names of columns in the results of the sweep, and in the tables that are saved."""
FEWEST = 10
"""With fewer clusters of a kind a level of a moderator gets no error: clustered errors rest on many
clusters, and with two they may be a tenth of what they should be; our choice."""
TESTED = ["se", "statistic", "p_value", "ci_low", "ci_high"]
EQUALITY = ["equality_statistic", "equality_p_value"]


def by_option(estimates: pd.DataFrame) -> pd.DataFrame:
    """Summarise the curve of each outcome by the options of each choice.

    Parameters
    ----------
    estimates : DataFrame
        `Sweep.estimates`.

    Returns
    -------
    DataFrame
        outcome, choice, option, specifications, median, lowest, highest, share_significant and
        share_positive, of choices with several options, in the order of the declaration.
    """
    rows = []
    for outcome, part in estimates.groupby("outcome", sort=False):
        for choice in [c for c in DIMENSIONS if part[c].nunique() > 1]:
            for option, own in part.groupby(choice, sort=False):
                rows.append({
                    "outcome": outcome, "choice": choice, "option": option,
                    "specifications": len(own), "median": own["estimate"].median(),
                    "lowest": own["estimate"].min(), "highest": own["estimate"].max(),
                    "share_significant": (own["p_value"] < SIGNIFICANT).mean(),
                    "share_positive": (own["estimate"] > 0).mean(), "unit": own["unit"].iloc[0],
                })  # fmt: skip
    return pd.DataFrame(rows)


def true_gaps(panel: pd.DataFrame, truth: Truth | None, years: Sequence[str]) -> pd.Series | None:
    """Return the true effect on the designated between the years compared, by window.

    Parameters
    ----------
    panel : DataFrame
        With code, designated and delisted_year. Not changed.
    truth : Truth or None
        Parameters of the simulation.
    years : sequence of str
        As in `specification_choices.Choices.years`.

    Returns
    -------
    Series of float, or None
        Log points, indexed by window; None where the truth is not known.
    """
    if truth is None:
        return None
    counties = panel.drop_duplicates("code")
    delisted = counties.loc[counties[TREATMENT], "delisted_year"].to_numpy(dtype=float)[:, None]
    gaps = {}
    for expression in years:
        span = window(expression)
        after, before = (delisting_effect(truth, delisted, y) for y in (span.after, span.before))
        gaps[expression] = float(after.mean() - before.mean())
    return pd.Series(gaps, name="truth")


def main_tests(
    panel: pd.DataFrame, result: Sweep, plan: Plan, *, draws: int, seed: int
) -> pd.DataFrame:
    """Return the main specifications with p-values adjusted for the outcomes of their family.

    Parameters
    ----------
    panel, plan
        As in `sweep_plan`.
    result : Sweep
        From `sweep_plan`.
    draws : int
        Draws of the wild cluster bootstrap-t.
    seed : int
        Of these draws.

    Returns
    -------
    DataFrame
        As `family_tests`, with p_bootstrap and p_romano_wolf_bootstrap of the wild cluster
        bootstrap with the null imposed; missing if the main specification is weighted or a
        regression adjustment, which it does not cover.
    """
    tests = family_tests(result, plan.families)
    first = plan.choices
    if first.weights[0] != UNWEIGHTED or first.estimators[0] == ADJUSTMENT:
        return tests.assign(p_bootstrap=np.nan, p_romano_wolf_bootstrap=np.nan)
    frame, hypotheses = _main_frame(panel, plan)
    tables = [
        family_inference(
            frame, [hypotheses[o] for o in members], cluster="cluster", draws=draws,
            rng=np.random.default_rng(seed),
        ).assign(outcome=list(members))
        for members in plan.families.values()
    ]  # fmt: skip
    names = {"p_value": "p_bootstrap", "p_romano_wolf": "p_romano_wolf_bootstrap"}
    found = pd.concat(tables).rename(columns=names)[["outcome", *names.values()]]
    return tests.merge(found, on="outcome", how="left", validate="one_to_one")


def withhold_errors(effects: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """Take the error from levels of a moderator that rest on few clusters.

    Parameters
    ----------
    effects : DataFrame
        From `heterogeneity.moderated_effects`. Not changed.
    panel : DataFrame
        The county panel that it was estimated from.

    Returns
    -------
    DataFrame
        With `level_clusters`: clusters that hold a county of the kind, designated or other, that
        fewer clusters hold; missing for numbers. Where that is below `FEWEST`, the level has no
        error and interval and the moderator no test of equality, and `note` says so.
    """
    first = effects.iloc[0]
    last = panel.sort_values("year").drop_duplicates("code", keep="last")
    for flag, wanted in sample_flags(str(first["sample"])).items():
        last = last[last[flag].to_numpy(dtype=bool) == wanted]
    last = last.assign(held=group_codes(last, str(first["cluster"])))
    table = effects.assign(level_clusters=[
        _fewest_clusters(last, moderator, level) if np.isnan(value) else np.nan
        for moderator, level, value in effects[["moderator", "level", "level_value"]].to_numpy()
    ])  # fmt: skip
    thin = table["level_clusters"] < FEWEST
    table.loc[thin, TESTED] = np.nan
    for (_, moderator), part in table[thin].groupby(["outcome", "moderator"]):
        own = (table["outcome"] == part["outcome"].iloc[0]) & (table["moderator"] == moderator)
        told = "; ".join(
            f"{level}: {count:.0f} clusters of a kind, no error given"
            for level, count in part[["level", "level_clusters"]].to_numpy()
        )
        table.loc[own, EQUALITY] = np.nan
        table.loc[own, "note"] = (table.loc[own, "note"] + "; " + told).str.removeprefix("; ")
    return table


def as_saved(table: pd.DataFrame) -> pd.DataFrame:
    """Return a result under the column names of the contracts, the choices too where rows."""
    renamed = table.rename(columns=SAVED)
    return renamed.replace({"choice": SAVED}) if "choice" in renamed else renamed


def _main_frame(panel: pd.DataFrame, plan: Plan) -> tuple[pd.DataFrame, dict[str, Hypothesis]]:
    """Return one row per county with the columns of all main regressions, and the regressions."""
    hypotheses: dict[str, Hypothesis] = {}
    columns: list[pd.DataFrame | pd.Series] = []
    for outcomes, baseline, indices in plan.parts():
        data = sweep_input(
            panel, outcomes=outcomes, choices=plan.choices, baseline=baseline, units=CURVE_UNITS,
            treatment=TREATMENT, indices=indices, within=WITHIN,
        )  # fmt: skip
        places = data.places.assign(designated=data.designated.astype(float))
        for outcome in outcomes:
            listed = list(designs(outcome, plan.choices, baseline=baseline, index=bool(indices)))
            own, hypotheses[outcome] = _main_columns(data, listed, plan.choices)
            columns.append(own)
    shared = places[["designated"]].assign(cluster=group_codes(places, plan.choices.clusters[0]))
    effects = GROUP_EFFECTS.get(plan.choices.estimators[0])
    if effects:
        shared["effects"] = group_codes(places, effects)
    return pd.concat([shared, *columns], axis=1), hypotheses


def _main_columns(
    data: SweepInput, listed: Sequence[Design], choices: Choices
) -> tuple[pd.DataFrame, Hypothesis]:
    main = listed[0]
    weights = [w for w in choices.weights if w != UNWEIGHTED]
    needed = list(dict.fromkeys([t for design in listed for t in design.terms] + weights))
    used, _ = comparable_counties(data, main, needed)
    kept = ["change", *(f"control {term}" for term in main.terms)]
    frame = used[kept].add_prefix(f"{main.column} ")
    absorb = ("effects",) if main.estimator in GROUP_EFFECTS else ()
    outcome, *controls = frame.columns
    return frame, Hypothesis(outcome, "designated", tuple(controls), absorb)


def _fewest_clusters(counties: pd.DataFrame, moderator: str, level: str) -> int:
    values = counties[moderator]
    text = values.astype(str).str.lower() if values.dtype == bool else values.astype(str)
    kinds = counties[text == level].groupby(TREATMENT)["held"].nunique()
    return int(kinds.reindex([True, False], fill_value=0).min())
