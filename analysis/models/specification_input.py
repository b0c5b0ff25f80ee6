"""The counties, changes and starting levels from which a specification curve is estimated.

All violations of the panel are collected before anything is estimated. What a county is (its
groups, its designation, the flags of the samples) is taken from its last year, what it was like
from the first year of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.long_difference import GROUPS, LOG_CONTROLS
from analysis.models.specification_choices import (
    GROUP_EFFECTS,
    UNWEIGHTED,
    Choices,
    Design,
    choice_violations,
    control_terms,
    sample_flags,
    window,
)
from analysis.panel_input import SHOWN, input_violations, raise_violations


@dataclass(frozen=True)
class SweepInput:
    """Counties in the order of their code.

    Attributes
    ----------
    places : DataFrame
        Indexed by code: groups, clusters and flags of the samples.
    designated : ndarray of bool, shape (counties,)
        Designation.
    strata : ndarray of int, shape (counties,)
        Groups within which designation is permuted.
    wide : mapping of str to DataFrame
        Values of each numeric column, counties x years, as floats.
    """

    places: pd.DataFrame
    designated: np.ndarray
    strata: np.ndarray
    wide: Mapping[str, pd.DataFrame]

    def counties(self, design: Design, terms: Sequence[str]) -> pd.DataFrame:
        """Return the counties of a sample: position, change, weight, `terms` and groups."""
        years = window(design.years)
        values = self.wide[design.column]
        frame = self.places.copy()
        frame["position"] = np.arange(len(frame))
        after, before = (values[y].mean(axis=1, skipna=False) for y in (years.after, years.before))
        frame["change"] = after - before
        weighted = design.weights != UNWEIGHTED
        frame["weight"] = self.wide[design.weights][years.first] if weighted else 1.0
        for term in dict.fromkeys(terms):
            level = self.wide[term][years.first]
            frame[f"control {term}"] = np.log(level) if term in LOG_CONTROLS else level
        inside = np.ones(len(frame), dtype=bool)
        for flag, wanted in sample_flags(design.sample).items():
            inside &= frame[flag].to_numpy(dtype=bool) == wanted
        return frame[inside]


def sweep_input(
    panel: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    choices: Choices,
    baseline: Sequence[str],
    treatment: str,
    indices: Sequence[str],
    units: Mapping[str, str],
    within: Sequence[str],
) -> SweepInput:
    """Check a panel and the declared choices, and return what the specifications need.

    Parameters
    ----------
    panel, outcomes, choices, baseline, treatment, indices, units, within
        As in `specifications.sweep`.

    Returns
    -------
    SweepInput

    Raises
    ------
    ValueError
        Lists every violation.
    """
    found = choice_violations(choices, baseline=baseline)
    found += [f"outcome '{o}' has no unit: add it to units" for o in outcomes if o not in units]
    found += [] if outcomes else ["no outcome is given: name at least one"]
    raise_violations("the declared specifications", found)
    columns = _outcome_columns(outcomes, choices, indices)
    weights = [w for w in choices.weights if w != UNWEIGHTED]
    numeric = list(dict.fromkeys([*columns, *_controls(columns, choices, baseline), *weights]))
    flags = list(dict.fromkeys(f for s in choices.samples for f in sample_flags(s)))
    groups = list(
        dict.fromkeys(
            column
            for name in ("province", "prefecture", *choices.clusters, *within)
            for column in GROUPS.get(name, (name,))
        )
    )
    found = input_violations(
        panel, keys=("code", "year"), numeric=numeric, present=[*groups, *flags, treatment]
    )
    found += _flag_violations(panel, [treatment, *flags])
    raise_violations("the county panel", found)
    raise_violations("the county panel", _value_violations(panel, numeric, weights, choices))
    last = panel.sort_values("year").drop_duplicates("code", keep="last")
    last = last.set_index("code", drop=False).rename_axis(None).sort_index()
    places = last[list(dict.fromkeys([*groups, *flags]))]
    strata = np.zeros(len(places), dtype=int)
    if within or flags:
        strata = places.groupby([*within, *flags], dropna=False).ngroup().to_numpy()
    wide = {
        column: panel.pivot(index="code", columns="year", values=column).sort_index().astype(float)
        for column in numeric
    }
    designated = last[treatment].to_numpy(dtype=bool)
    return SweepInput(places, designated, strata, wide)


def comparable_counties(
    data: SweepInput, design: Design, needed: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the complete counties of a sample that are not alone in their group of effects.

    Parameters
    ----------
    data : SweepInput
        Counties.
    design : Design
        What is compared.
    needed : sequence of str
        Columns that must be complete in the first year.

    Returns
    -------
    DataFrame and dict of int
        As `SweepInput.counties`; n_treated, excluded_missing and excluded_singletons.

    Raises
    ------
    ValueError
        If they are all of one kind, or the change is the same in all.
    """
    frame = data.counties(design, needed)
    complete = frame.dropna()
    used = complete
    if effects := GROUP_EFFECTS.get(design.estimator):
        groups = complete.groupby(list(GROUPS.get(effects, (effects,))))
        used = complete[groups["position"].transform("size") > 1]
    treated = int(data.designated[used["position"].to_numpy(dtype=int)].sum())
    if not 0 < treated < len(used):
        raise ValueError(
            f"{len(used)} complete counties, {treated} of them designated: both kinds are needed, "
            f"use a wider sample or fewer controls"
        )
    if used["change"].max() == used["change"].min():
        raise ValueError("the change is the same in all counties: choose another outcome or years")
    return used, {
        "n_treated": treated,
        "excluded_missing": len(frame) - len(complete),
        "excluded_singletons": len(complete) - len(used),
    }


def group_codes(frame: pd.DataFrame, name: str | None) -> np.ndarray:
    """Return the group of each row, numbered from 0; all zeros without a name."""
    if name is None:
        return np.zeros(len(frame), dtype=int)
    return frame.groupby(list(GROUPS.get(name, (name,)))).ngroup().to_numpy()


def _outcome_columns(
    outcomes: Sequence[str], choices: Choices, indices: Sequence[str]
) -> list[str]:
    return [
        column
        for outcome in outcomes
        for column in (
            [f"{outcome}_{s}" for s in choices.schemes] if outcome in indices else [outcome]
        )
    ]


def _controls(columns: Sequence[str], choices: Choices, baseline: Sequence[str]) -> list[str]:
    return [
        term
        for column in columns
        for expression in choices.controls
        for term in control_terms(expression, outcome=column, baseline=baseline)
    ]


def _flag_violations(panel: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    found = []
    for column in [c for c in dict.fromkeys(columns) if c in panel]:
        flag = panel[column]
        if not pd.api.types.is_bool_dtype(flag) or flag.isna().any():
            found.append(f"column '{column}' must be true or false in every row: is {flag.dtype}")
        elif "code" in panel and (changing := (flag.groupby(panel["code"]).nunique() > 1)).any():
            codes = ", ".join(map(str, changing[changing].index[:SHOWN]))
            found.append(f"column '{column}' changes between years, e.g. in {codes}: fix one value")
    return found


def _value_violations(
    panel: pd.DataFrame, numeric: Sequence[str], weights: Sequence[str], choices: Choices
) -> list[str]:
    found = []
    years = {y for e in choices.years for y in (*window(e).before, *window(e).after)}
    for year in sorted(years - set(panel["year"])):
        found.append(f"column 'year': no row of {year}: choose years that the panel has")
    for column in numeric:
        if panel[column].isna().all():
            found.append(f"column '{column}' is missing in all rows: choose another one")
    firsts = {window(e).first for e in choices.years}
    start = panel[panel["year"].isin(firsts)]
    for column in sorted((LOG_CONTROLS & set(numeric)) | set(weights)):
        bad = start.loc[start[column] <= 0, "code"]
        if len(bad):
            use = "weight" if column in weights else "logarithm"
            codes = ", ".join(map(str, bad[:SHOWN]))
            found.append(f"column '{column}': not positive in {codes}: has no {use}")
    return found
