"""Indicators of deprivation: what they are and how a configuration gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from analysis.households.config_values import Problems

RULES = ("below", "above", "equal", "in")
LARGEST_DENOMINATOR = 100_000


@dataclass(frozen=True)
class Indicator:
    """One deprivation.

    Attributes
    ----------
    name, column, dimension : str
    rule : str
        `below`, `above` (both strict), `equal` or `in`.
    value : object
        Cut-off, value, or tuple of values that mean deprived.
    weight : Fraction
        Exact; those of all indicators sum to 1.
    cardinal : bool
        Whether the gap (cut-off - x) / cut-off has a meaning; only with `below` and a cut-off > 0.
    """

    name: str
    column: str
    dimension: str
    rule: str
    value: Any
    weight: Fraction
    cardinal: bool = False


def read_indicators(found: Problems) -> tuple[Indicator, ...]:
    """Read `indicators:`; what is wrong with them goes to `found`."""
    entries = found.sequence("indicators")
    read = [_indicator(found, f"indicators[{i}]", entry) for i, entry in enumerate(entries, 1)]
    indicators = tuple(entry for entry in read if entry is not None)
    names = [indicator.name for indicator in indicators]
    for name in sorted({name for name in names if names.count(name) > 1}):
        found.add("indicators", f"{name!r} stands there {names.count(name)} times", "rename one")
    total = sum((indicator.weight for indicator in indicators), Fraction(0))
    if len(indicators) == len(entries) and indicators and total != 1:
        rule = f"the weights sum to {float(total):.10g} and not to 1"
        found.add("indicators", rule, "mend them; write thirds and sixths as fractions, e.g. 1/6")
    if score_denominator(indicators) > LARGEST_DENOMINATOR:
        rule = f"the weights have no common denominator up to {LARGEST_DENOMINATOR:,}"
        found.add("indicators", rule, "write them as simple fractions, e.g. 1/24")
    return indicators


def score_denominator(indicators: tuple[Indicator, ...]) -> int:
    """Return the least common denominator of the weights: scores are whole multiples of 1 / it."""
    return lcm(*(indicator.weight.denominator for indicator in indicators))


def _indicator(found: Problems, key: str, entry: Any) -> Indicator | None:
    known = ("name", "column", "deprived", "dimension", "weight", "cardinal")
    if not found.is_mapping(key, entry, known):
        return None
    name = found.text(f"{key}.name", entry.get("name"))
    key = f"{key} {name}"
    rule, value = _rule(found, f"{key}.deprived", entry.get("deprived"))
    cardinal = entry.get("cardinal", False)
    if cardinal and not (rule == "below" and isinstance(value, int | float) and value > 0):
        found.add(key, "cardinal needs `below` with a cut-off > 0", "drop `cardinal: true`")
    return Indicator(
        name=name,
        column=found.text(f"{key}.column", entry.get("column", name)),
        dimension=found.text(f"{key}.dimension", entry.get("dimension")),
        rule=rule,
        value=value,
        weight=found.fraction(f"{key}.weight", entry.get("weight")),
        cardinal=bool(cardinal),
    )


def _rule(found: Problems, key: str, deprived: Any) -> tuple[str, Any]:
    if not (isinstance(deprived, Mapping) and len(deprived) == 1 and set(deprived) <= set(RULES)):
        remedy = f"give one of {', '.join(RULES)}, e.g. `deprived: {{below: 6}}`"
        found.add(key, f"{deprived!r} is no rule", remedy)
        return "equal", True
    rule, value = next(iter(deprived.items()))
    if rule in ("below", "above"):
        return rule, found.number(key, value)
    if rule == "in":
        listed = value if isinstance(value, list) and value else None
        if listed is None:
            found.add(key, f"{value!r} is no list of values", "list the values that mean deprived")
        return rule, tuple(listed or ())
    if not isinstance(value, bool | int | float | str):
        found.add(key, f"{value!r} is no value", "give a number, a text, true or false")
    return rule, value
