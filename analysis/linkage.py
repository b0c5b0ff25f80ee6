"""The linkage index: how well poverty alleviation and rural revitalization go together.

Scores of the two subsystems give the coupling C (are they even?), the development T (how high are
they?) and the coordination degree D, the root of C times T. `build_index` goes from a county panel
to the index, its weights, the obstacles to it and its robustness to other weights.
An index may never be regressed on its own components: `refuse_component_regressors`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.coupling import FORMS, Form, coordination_index, obstacle_degrees, subsystem_scores
from analysis.indicators import SUBSYSTEMS, IndicatorSystem
from analysis.project import bullet_list
from analysis.weights import SCHEMES, in_window, normalisation_bounds, normalise, set_keys

# What each index column is made of; None means all subsystems.
INDEX_COLUMNS: dict[str, tuple[str, ...] | None] = {
    "alleviation": ("alleviation",),
    "revitalization": ("revitalization",),
    "development": None,
    "coupling": None,
    "coupling_wang": None,
    "coordination": None,
    "coordination_wang": None,
    "coordination_class": None,
    "linkage_type": None,
    "relative_development": None,
    "relative_position": None,
}


@dataclass(frozen=True)
class LinkageIndex:
    """Result of `build_index`; every frame has plain columns and a sorted key.

    Attributes
    ----------
    system : the indicator system used
    index : one row per (code, year): alleviation, revitalization, development, coupling,
        coupling_wang, coordination, coordination_wang, relative_development, relative_position,
        linkage_type, coordination_class, coordination_en, coordination_zh
    weights : one row per variable: the system's table, the weight used, those of all four schemes,
        and the bounds of the base window
    obstacles : one row per (year, variable): mean obstacle degree in percent; sums to 100 in a year
    robustness : one row per (alternative, scope): rank correlation of D with the alternative
    excluded : one row per (code, year) left out, with the reason
    """

    system: IndicatorSystem
    index: pd.DataFrame
    weights: pd.DataFrame
    obstacles: pd.DataFrame
    robustness: pd.DataFrame
    excluded: pd.DataFrame


def build_index(
    panel: pd.DataFrame,
    system: IndicatorSystem,
    *,
    base_years: Sequence[int],
    scheme: str = "entropy",
    form: Form = "strict",
    alpha: Sequence[float] = (0.5, 0.5),
) -> LinkageIndex:
    """From a county panel to the linkage index.

    Rows with a missing indicator are left out of bounds, weights and index, and returned with the
    reason. Bounds and weights come from the base window only, so that a later year leaves the
    scores of earlier ones as they are.

    Parameters
    ----------
    panel : one row per county-year with `code`, `year` and the variables of the system
    system : indicator system with subsystems alleviation and revitalization
    base_years : (first, last) year of the base window, both included
    scheme : weights: "entropy", "equal", "cv" or "critic"
    form : form of coupling that decides the class and that robustness starts from
    alpha : weight of (alleviation, revitalization) in the development T, sum 1

    Raises
    ------
    ValueError
        Unknown scheme or form, a system without the two subsystems, or a panel that does not fit
        (every violation listed).
    """
    _check_options(system, scheme=scheme, form=form)
    complete, excluded = _complete_rows(panel, system)
    z = normalise(complete, system, base_years=base_years)
    base = z[in_window(z.index, base_years)]
    schemes = {name: weigh(base, system) for name, weigh in SCHEMES.items()}
    bounds = normalisation_bounds(complete, system, base_years=base_years)
    obstacles = obstacle_degrees(z, schemes[scheme], system, alpha=alpha)
    return LinkageIndex(
        system=system,
        index=_index_frame(subsystem_scores(z, schemes[scheme], system), alpha=alpha, form=form),
        weights=_weights_frame(system, schemes, scheme, bounds),
        obstacles=_mean_obstacles(obstacles, system),
        robustness=robustness(z, schemes, system, scheme=scheme, alpha=alpha, form=form),
        excluded=excluded,
    )


def _check_options(system: IndicatorSystem, *, scheme: str, form: str) -> None:
    faults = []
    if scheme not in SCHEMES:
        faults.append(f"scheme is {scheme!r}; use one of {tuple(SCHEMES)}")
    if form not in FORMS:
        faults.append(f"form is {form!r}; use one of {FORMS}")
    if tuple(system.subsystems) != SUBSYSTEMS:
        faults.append(f"{system.name} has {system.subsystems}; the index needs {SUBSYSTEMS}")
    if faults:
        raise ValueError("cannot build the index: " + "; ".join(faults))


def _complete_rows(
    panel: pd.DataFrame, system: IndicatorSystem
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows with all indicators, and the keys of the others with what they miss."""
    x = set_keys(panel, system)
    holes = x.isna()
    drop = holes.any(axis=1)
    if drop.all():
        raise ValueError(
            f"no row of the panel has all indicators of {system.name}; missing values: "
            f"{holes.sum()[holes.any()].to_dict()}"
        )
    names = np.array(system.variables)
    reasons = ["missing: " + ", ".join(names[row]) for row in holes[drop].to_numpy()]
    excluded = x.index[drop].to_frame(index=False)
    excluded["reason"] = pd.Series(reasons, dtype="str")
    return x[~drop].reset_index(), excluded


def _index_frame(scores: pd.DataFrame, *, alpha: Sequence[float], form: Form) -> pd.DataFrame:
    """Scores and index columns in both forms; class by the chosen form."""
    by_form = {f: coordination_index(scores, alpha=alpha, form=f) for f in ("strict", "wang")}
    strict, wang, chosen = by_form["strict"], by_form["wang"], by_form[form]
    frame = scores.join(strict[["development", "coupling"]])
    frame["coupling_wang"] = wang["coupling"]
    frame["coordination"] = strict["coordination"]
    frame["coordination_wang"] = wang["coordination"]
    standing = ["relative_development", "relative_position", "linkage_type"]
    classes = ["coordination_class", "coordination_en", "coordination_zh"]
    return frame.join(chosen[standing + classes]).reset_index()


def _weights_frame(
    system: IndicatorSystem, schemes: dict[str, pd.Series], scheme: str, bounds: pd.DataFrame
) -> pd.DataFrame:
    frame = system.table()
    frame["weight"] = frame["variable"].map(schemes[scheme])
    for name, weights in schemes.items():
        frame[f"weight_{name}"] = frame["variable"].map(weights)
    return frame.merge(bounds.reset_index(), on="variable", validate="one_to_one")


def _mean_obstacles(obstacles: pd.DataFrame, system: IndicatorSystem) -> pd.DataFrame:
    """Mean over units with an obstacle, by year and indicator, largest first within a year."""
    mean = obstacles.dropna().groupby(level="year").mean()
    long = mean.reset_index().melt("year", var_name="variable", value_name="obstacle")
    described = system.table()[["variable", "subsystem", "dimension", "en", "zh"]]
    merged = long.merge(described, on="variable", validate="many_to_one")
    order = merged.sort_values(["year", "obstacle", "variable"], ascending=[True, False, True])
    return order.reset_index(drop=True)


def robustness(
    z: pd.DataFrame,
    schemes: dict[str, pd.Series],
    system: IndicatorSystem,
    *,
    scheme: str,
    alpha: Sequence[float] = (0.5, 0.5),
    form: Form = "strict",
) -> pd.DataFrame:
    """Spearman rank correlation of D with D under other weights and the other form.

    Parameters
    ----------
    z : normalised indicators indexed by (code, year)
    schemes : weights by scheme
    system : indicator system
    scheme, form : those of the headline D
    alpha : weight of each subsystem in T

    Returns
    -------
    DataFrame with alternative, scope (a year or "all"), rank_correlation (missing where D does not
    vary), unit_years (rows compared)
    """

    def degree(weights: pd.Series, by: Form) -> pd.Series:
        return coordination_index(subsystem_scores(z, weights, system), alpha=alpha, form=by)[
            "coordination"
        ]

    headline = degree(schemes[scheme], form)
    other: Form = "wang" if form == "strict" else "strict"
    alternatives = {f"{s} weights": degree(w, form) for s, w in schemes.items() if s != scheme}
    alternatives[f"{other} form"] = degree(schemes[scheme], other)
    years = z.index.get_level_values("year")
    scopes = {str(year): np.asarray(years == year) for year in sorted(set(years))}
    scopes["all"] = np.ones(len(z), dtype=bool)
    return pd.DataFrame(
        [
            {
                "alternative": name,
                "scope": scope,
                "rank_correlation": _spearman(headline[rows], values[rows]),
                "unit_years": int(rows.sum()),
            }
            for name, values in alternatives.items()
            for scope, rows in scopes.items()
        ]
    )


def refuse_component_regressors(
    outcome: str, regressors: Iterable[str], components: pd.DataFrame
) -> None:
    """Stop when outcome and regressor share an indicator by construction.

    An index regressed on one of its components finds the weights of the index, not an effect. The
    same holds for a component regressed on the index, and for two index columns that share
    indicators; one subsystem on the other is allowed, as they share none.

    Parameters
    ----------
    outcome : column name or expression, such as "coordination" or "log(development)"
    regressors : column names or expressions
    components : one row per indicator of the index: variable, subsystem (`linkage_weights`)

    Raises
    ------
    ValueError
        Listing every regressor refused, with the indicators shared.
    """
    inside = _ingredients(outcome, components)
    faults = []
    for regressor in regressors:
        shared = inside & _ingredients(regressor, components)
        if shared:
            faults.append(f"{regressor}: shares {', '.join(sorted(shared))}")
    if faults:
        headline = (
            f"{outcome} cannot be explained by its own parts; drop these "
            "regressors or the indicators they share:"
        )
        raise ValueError(bullet_list(headline, faults))


def _ingredients(expression: str, components: pd.DataFrame) -> set[str]:
    """Variables of which the names in an expression are made."""
    members = components.groupby("subsystem")["variable"].agg(set).to_dict()
    found: set[str] = set()
    for name in re.findall(r"[^\W\d]\w*", expression):
        if name in INDEX_COLUMNS:
            for subsystem in INDEX_COLUMNS[name] or members:
                found |= members[subsystem]
        elif name in set(components["variable"]):
            found.add(name)
    return found


def _spearman(a: pd.Series, b: pd.Series) -> float:
    """Pearson correlation of average ranks."""
    return float(a.rank().corr(b.rank())) if a.nunique() > 1 and b.nunique() > 1 else float("nan")
