"""Values of a household configuration: read, and what is wrong with them collected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from analysis.panel_input import raise_violations
from analysis.parameters import nearest

LIKELY_DENOMINATOR = 1000
SAME = Fraction(1, 10**9)


class Problems:
    """A configuration as it stands and the list of what is wrong with it.

    Each reader returns a usable value whatever it finds, so that one pass lists all violations.

    Parameters
    ----------
    content : object
        What the YAML file holds.
    known : sequence of str
        Keys that it may have.
    """

    def __init__(self, content: Any, known: Sequence[str]) -> None:
        self.listed: list[str] = []
        self.content: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
        if not isinstance(content, Mapping):
            self.add("file", "it holds no mapping", "write `key: value` lines, `columns:` first")
        self._unknown("file", self.content, known)

    def add(self, key: str, rule: str, remedy: str) -> None:
        """Note a violation."""
        self.listed.append(f"{key}: {rule}: {remedy}")

    def raise_all(self, where: str) -> None:
        """Raise one ValueError with all that was noted; do nothing if nothing was."""
        raise_violations(where, self.listed)

    def mapping(self, key: str) -> dict[str, Any]:
        """Return the mapping under `key`, empty where there is none."""
        value = self.content.get(key, {})
        if not isinstance(value, Mapping):
            self.add(key, f"{value!r} is no mapping", "write `name: value` lines below it")
            return {}
        return {str(name): entry for name, entry in value.items()}

    def is_mapping(self, key: str, value: Any, known: Sequence[str]) -> bool:
        """Tell whether `value` is a mapping, and note it and unknown keys otherwise."""
        if not isinstance(value, Mapping):
            self.add(key, f"{value!r} is no mapping", f"give {', '.join(known)}")
            return False
        self._unknown(key, value, known)
        return True

    def sequence(self, key: str, default: Sequence[Any] = ()) -> list[Any]:
        """Return the list under `key`."""
        value = self.content.get(key)
        if value is None:
            return list(default)
        if not isinstance(value, list):
            self.add(key, f"{value!r} is no list", "write it in brackets or one entry to a line")
            return list(default)
        return value

    def text(self, key: str, value: Any) -> str:
        """Return a text that is not empty."""
        if not isinstance(value, str) or not value:
            self.add(key, "is missing" if value is None else f"{value!r} is no text", "give a text")
            return str(value)
        return value

    def names(self, key: str, value: Any) -> tuple[str, ...]:
        """Return one column or a list of columns."""
        listed = [] if value is None else value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) and name for name in listed):
            self.add(key, f"{value!r} names no columns", "name a column or a list of columns")
        return tuple(str(name) for name in listed)

    def number(self, key: str, value: Any) -> float | int:
        """Return a finite number."""
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            self.add(key, f"{value!r} is no finite number", "give a number")
            return 0
        return value

    def fraction(self, key: str, value: Any) -> Fraction:
        """Return an exact number in (0, 1]; 0.333333333333 is read as 1/3."""
        try:
            exact = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            exact = Fraction(0)
        if isinstance(value, bool) or not 0 < exact <= 1:
            self.add(key, f"{value!r} lies outside (0, 1]", "give a number or a fraction like 1/3")
            return Fraction(1)
        simple = exact.limit_denominator(LIKELY_DENOMINATOR)
        return simple if abs(simple - exact) <= SAME else exact

    def line(self, key: str) -> float | dict[int, float] | None:
        """Return a poverty line, or one for each year."""
        value = self.content.get(key)
        if not isinstance(value, Mapping):
            return self.single_line(key)
        return {
            int(self.number(f"{key} year", year)): self._positive(f"{key}.{year}", line)
            for year, line in value.items()
        }

    def single_line(self, key: str) -> float | None:
        """Return a line above zero, or None."""
        value = self.content.get(key)
        return None if value is None else self._positive(key, value)

    def shares(self, key: str, default: Sequence[float]) -> tuple[float, ...]:
        """Return shares of the median."""
        return tuple(self._positive(key, value) for value in self.sequence(key, default))

    def level(self, key: str, default: float) -> float:
        """Return a confidence level in (0, 1)."""
        value = self.number(key, self.content.get(key, default))
        if not 0 < value < 1:
            self.add(key, f"{value} lies outside (0, 1)", "give e.g. 0.95")
            return default
        return float(value)

    def concepts(self, key: str, default: Sequence[str], mapped: Sequence[str]) -> tuple[str, ...]:
        """Return concepts that are mapped to columns."""
        return self._mapped(key, self.sequence(key, default), mapped)

    def groups(self, key: str, mapped: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Return sets of concepts; everybody where none is named."""
        sets = [e if isinstance(e, list) else [e] for e in self.sequence(key, [[]])]
        return tuple(dict.fromkeys(self._mapped(key, names, mapped) for names in sets))

    def choice(self, key: str, allowed: Sequence[str], default: str) -> str:
        """Return one of the allowed words under `key`."""
        return self.one_of(key, self.content.get(key, default), allowed)

    def one_of(self, key: str, value: Any, allowed: Sequence[str]) -> str:
        """Return `value`, noted where it is not allowed."""
        if value not in allowed:
            close = nearest(str(value), allowed)
            self.add(key, f"{value!r} is unknown{close}", f"choose of {', '.join(allowed)}")
        return str(value)

    def _positive(self, key: str, value: Any) -> float:
        number = self.number(key, value)
        if number <= 0:
            self.add(key, f"{value!r} is not above zero", "give an amount above zero")
        return float(number)

    def _mapped(self, key: str, names: Sequence[Any], mapped: Sequence[str]) -> tuple[str, ...]:
        for name in names:
            if name not in mapped:
                close = nearest(str(name), mapped)
                remedy = "map it under `columns:` or leave it out"
                self.add(key, f"{name!r} is mapped to no column{close}", remedy)
        return tuple(str(name) for name in names)

    def _unknown(self, key: str, value: Mapping[str, Any], known: Sequence[str]) -> None:
        for name in value:
            if name not in known:
                close = nearest(str(name), known)
                self.add(f"{key}.{name}", f"unknown key{close}", f"known are {', '.join(known)}")
