"""Declared alternatives of a specification curve, as they stand in the parameters of a notebook.

Every alternative is one line of text, so that the list of what was tried can be read before the
estimates: samples and sets of controls are written from columns, windows of years from years.
The first alternative of each list is the headline choice.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import pandas as pd

from analysis.coupling import Form, coordination_index, subsystem_scores
from analysis.indicators import IndicatorSystem
from analysis.panel_input import raise_violations
from analysis.weights import SCHEMES, in_window, normalise, set_keys

LEVEL = "level"
"""Stands for the outcome's own level in the first year."""
BASELINE = "baseline"
"""Stands for the level and the baseline controls."""
ESTIMATORS = (
    "least_squares",
    "province_effects",
    "prefecture_effects",
    "regression_adjustment",
)
"""Least squares without and with group effects; regression adjustment has none."""
GROUP_EFFECTS = {"province_effects": "province", "prefecture_effects": "prefecture"}
UNWEIGHTED = "none"
NO_SCHEME = "none"
WANG = "_wang"
"""Ending of an index scheme that uses the coupling form of Wang et al. (2021)."""
_YEARS = re.compile(r"(\d{4})(?::(\d{4}))?-(\d{4})(?::(\d{4}))?")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Alternatives of each choice; a specification takes one of each.

    Attributes
    ----------
    samples : sequence of str
        ``"all"``, or boolean columns of which all must hold: ``"rural_2010 & not area_changed"``.
    controls : sequence of str
        ``"none"``, or columns in the first year: ``"level + relief"``, ``"baseline"``,
        ``"baseline without relief"``. ``level`` is the outcome itself, ``baseline`` the level and
        all baseline controls.
    schemes : sequence of str
        Weights of an index (`analysis.weights.SCHEMES`), with ``_wang`` for the other form of
        coupling. They apply to index outcomes only.
    estimators : sequence of str
        Names from `ESTIMATORS`.
    weights : sequence of str
        ``"none"``, or a column of positive weights, taken in the first year.
    clusters : sequence of str
        Columns by which errors are clustered.
    years : sequence of str
        ``"2010-2020"``: last minus first year. ``"2010:2015-2016:2020"``: mean of the years after
        minus mean of the years before, which in a balanced panel is two-way fixed effects of
        designated x after.
    """

    samples: Sequence[str] = ("rural_2010",)
    controls: Sequence[str] = (BASELINE,)
    schemes: Sequence[str] = ("entropy",)
    estimators: Sequence[str] = ("province_effects",)
    weights: Sequence[str] = (UNWEIGHTED,)
    clusters: Sequence[str] = ("province",)
    years: Sequence[str] = ("2010-2020",)


@dataclass(frozen=True, order=True)
class Window:
    """Years of which the means are compared, both ends included."""

    first: int
    first_end: int
    last: int
    last_end: int

    @property
    def before(self) -> list[int]:
        """Years before."""
        return list(range(self.first, self.first_end + 1))

    @property
    def after(self) -> list[int]:
        """Years after."""
        return list(range(self.last, self.last_end + 1))


@dataclass(frozen=True)
class Design:
    """One combination of choices but for the clusters, for one column of the outcome."""

    column: str
    scheme: str
    years: str
    sample: str
    controls: str
    terms: tuple[str, ...]
    estimator: str
    weights: str


def designs(
    outcome: str, choices: Choices, *, baseline: Sequence[str], index: bool
) -> Iterator[Design]:
    """Combine the choices, those that differ only in name once.

    Parameters
    ----------
    outcome : str
        Column; of an index, the part of the name before the scheme.
    choices : Choices
        Alternatives without violations.
    baseline : sequence of str
        Baseline controls.
    index : bool
        Whether the outcome comes in schemes.

    Yields
    ------
    Design
        In the order of the declaration, the headline first. Two sets of controls that name the same
        columns are one, and so are regression adjustment and least squares without controls.
    """
    seen: set[tuple[object, ...]] = set()
    for scheme, years, sample, controls, estimator, weights in itertools.product(
        choices.schemes if index else (NO_SCHEME,), choices.years, choices.samples,
        choices.controls, choices.estimators, choices.weights,
    ):  # fmt: skip
        column = f"{outcome}_{scheme}" if index else outcome
        terms = control_terms(controls, outcome=column, baseline=baseline)
        same = "least_squares" if not terms and estimator not in GROUP_EFFECTS else estimator
        key = (column, years, sample, frozenset(terms), same, weights)
        if key not in seen:
            seen.add(key)
            yield Design(column, scheme, years, sample, controls, terms, estimator, weights)


def control_terms(expression: str, *, outcome: str, baseline: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a set of controls stands for.

    Parameters
    ----------
    expression : str
        As in `Choices.controls`.
    outcome : str
        Column that ``level`` stands for.
    baseline : sequence of str
        Columns that ``baseline`` stands for, beside the level.

    Returns
    -------
    tuple of str
        Columns, each once.
    """
    included, _, excluded = expression.partition(" without ")
    dropped = {term.strip() for term in excluded.split("+")}
    terms: list[str] = []
    for term in (t.strip() for t in included.split("+")):
        if term == BASELINE:
            terms += [outcome, *baseline]
        elif term != "none":
            terms.append(outcome if term == LEVEL else term)
    drop = dropped | ({outcome} if LEVEL in dropped else set())
    return tuple(dict.fromkeys(term for term in terms if term not in drop))


def sample_flags(expression: str) -> dict[str, bool]:
    """Return the boolean columns of a sample, with the value they must have."""
    conditions = [c.strip() for c in expression.split("&")] if expression != "all" else []
    return {c.removeprefix("not ").strip(): not c.startswith("not ") for c in conditions}


def window(expression: str) -> Window:
    """Return the years of ``"2010-2020"`` or ``"2010:2015-2016:2020"``.

    Raises
    ------
    ValueError
        If it is written otherwise or the years are not in order.
    """
    match = _YEARS.fullmatch(expression.strip())
    if match:
        first, first_end, last, last_end = match.groups()
        years = [int(y) for y in (first, first_end or first, last, last_end or last)]
        if years == sorted(years) and years[1] < years[2]:
            return Window(*years)
    raise ValueError(f"years '{expression}': write 2010-2020 or 2010:2015-2016:2020, in order")


def choice_violations(choices: Choices, *, baseline: Sequence[str]) -> list[str]:
    """List what is wrong with the declared alternatives, whatever the data.

    Parameters
    ----------
    choices : Choices
        Alternatives.
    baseline : sequence of str
        Baseline controls.

    Returns
    -------
    list of str
        One line per violation, with the remedy.
    """
    found = []
    for name in (field.name for field in fields(choices)):
        listed = getattr(choices, name)
        if isinstance(listed, str):
            return [f"{name}: '{listed}' is one text: give a list of alternatives"]
        listed = list(listed)
        found += [f"{name}: no alternative: declare at least one"] if not listed else []
        repeated = sorted({c for c in listed if listed.count(c) > 1})
        found += [f"{name}: '{c}' is listed twice: list it once" for c in repeated]
    known = [*SCHEMES, *(f"{s}{WANG}" for s in SCHEMES)]
    found += [f"schemes: '{s}' is unknown: use {known}" for s in choices.schemes if s not in known]
    unknown = [e for e in choices.estimators if e not in ESTIMATORS]
    found += [f"estimators: '{e}' is unknown: use {list(ESTIMATORS)}" for e in unknown]
    for expression in choices.controls:
        without = expression.partition(" without ")[2]
        held = {LEVEL, *control_terms(expression.partition(" without ")[0], outcome=LEVEL,
                                      baseline=baseline)}  # fmt: skip
        dropped = [t.strip() for t in without.split("+") if without]
        found += [f"controls: '{expression}' has no {t} to drop" for t in dropped if t not in held]
    for expression in choices.years:
        try:
            window(expression)
        except ValueError as error:
            found.append(str(error))
    return found


def coordination_by_scheme(
    panel: pd.DataFrame,
    system: IndicatorSystem,
    *,
    base_years: Sequence[int],
    schemes: Sequence[str],
) -> pd.DataFrame:
    """Add the coordination degree under each scheme, as `coordination_<scheme>`.

    Parameters
    ----------
    panel : DataFrame
        One row per `code` and `year` with the variables of the system. Not changed.
    system : IndicatorSystem
        Indicators of the index.
    base_years : sequence of int
        First and last year of the base window of bounds and weights.
    schemes : sequence of str
        As in `Choices.schemes`.

    Returns
    -------
    DataFrame
        The rows of `panel` in their order with the new columns, missing where an indicator is.

    Raises
    ------
    ValueError
        Unknown schemes, or a panel that does not fit the system.
    """
    unknown = [s for s in schemes if s.removesuffix(WANG) not in SCHEMES]
    raise_violations("the schemes", [f"'{s}' is unknown: use {list(SCHEMES)}" for s in unknown])
    complete = set_keys(panel, system).dropna().reset_index()
    z = normalise(complete, system, base_years=base_years)
    base = z[in_window(z.index, base_years)]
    degrees = {}
    for scheme in schemes:
        weigh: Callable[..., pd.Series] = SCHEMES[scheme.removesuffix(WANG)]
        form: Form = "wang" if scheme.endswith(WANG) else "strict"
        scores = subsystem_scores(z, weigh(base, system), system)
        degrees[f"coordination_{scheme}"] = coordination_index(scores, form=form)["coordination"]
    return panel.merge(
        pd.DataFrame(degrees).reset_index(), on=["code", "year"], how="left", validate="one_to_one"
    )
