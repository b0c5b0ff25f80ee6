"""Indicator systems: what is measured, in which direction, for which subsystem.

A system is a YAML file in the folder of raw indicators, so that another choice of indicators is
another file and never other code. This module reads a file, checks it and lists every fault at
once; `analysis.weights` and `analysis.linkage` compute with the result.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.project import bullet_list

SUBSYSTEMS = ("alleviation", "revitalization")
REQUIRED_FIELDS = ("variable", "direction", "dimension", "en", "zh", "unit", "source")


@dataclass(frozen=True)
class Indicator:
    """One indicator.

    Attributes
    ----------
    variable : column of the county panel
    subsystem, dimension : where it belongs
    direction : "+" if more is better, "-" if less is better
    en, zh : labels
    unit, source : as printed in the table of the indicator system
    typical : (low, high) range of plausible values, for simulation only; None where not given
    """

    variable: str
    subsystem: str
    dimension: str
    direction: str
    en: str
    zh: str
    unit: str
    source: str
    typical: tuple[float, float] | None = None


@dataclass(frozen=True)
class IndicatorSystem:
    """A named set of indicators in subsystems.

    Attributes
    ----------
    name, about : identity
    indicators : in the order of the file, subsystem by subsystem
    labels : (name, en, zh) of every subsystem and dimension
    not_measured : (subsystem, dimension, reason) of dimensions without an indicator
    """

    name: str
    about: str
    indicators: tuple[Indicator, ...]
    labels: tuple[tuple[str, str, str], ...] = ()
    not_measured: tuple[tuple[str, str, str], ...] = ()

    @property
    def subsystems(self) -> list[str]:
        """Names of the subsystems in order of first appearance."""
        return list(dict.fromkeys(i.subsystem for i in self.indicators))

    @property
    def variables(self) -> list[str]:
        """Panel columns in the order of the file."""
        return [i.variable for i in self.indicators]

    def members(self, subsystem: str) -> list[str]:
        """Panel columns of one subsystem."""
        return [i.variable for i in self.indicators if i.subsystem == subsystem]

    def table(self) -> pd.DataFrame:
        """One row per indicator: place in the system, direction, labels, unit, data source."""
        fields = ("variable", "subsystem", "dimension", "direction", "en", "zh", "unit", "source")
        rows = [{f: getattr(i, f) for f in fields} for i in self.indicators]
        frame = pd.DataFrame(rows).rename(columns={"source": "data_source"})
        named = {name: words for name, *words in self.labels}
        for position, lang in enumerate(("en", "zh")):
            labels = frame["dimension"].map(lambda d, at=position: named.get(d, (d, d))[at])
            frame[f"dimension_{lang}"] = labels
        return frame


def load_system(folder: Path, name: str) -> IndicatorSystem:
    """Read and check one indicator system.

    Parameters
    ----------
    folder : folder that holds `<name>.yml`
    name : name of the system, such as "census" or "link24"

    Raises
    ------
    ValueError
        Listing every fault of the file: no such file, not YAML, a missing or empty subsystem, a
        missing field, an unknown direction or dimension, a variable twice or in both subsystems.
    """
    path = Path(folder) / f"{name}.yml"
    content = _read_yaml(path)
    faults = _faults(content, name)
    if faults:
        headline = f"{path.name}: {len(faults)} fault(s); mend the file:"
        raise ValueError(bullet_list(headline, faults))
    return _build(content)


def load_five_revitalizations(folder: Path) -> pd.DataFrame:
    """Table of the five revitalizations beside the twenty-character requirement.

    Parameters
    ----------
    folder : folder that holds `five_revitalizations.yml`

    Returns
    -------
    DataFrame with columns dimension, en, zh, requirement_en, requirement_zh, relation
    """
    return pd.DataFrame(_read_yaml(Path(folder) / "five_revitalizations.yml")["rows"])


def _read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.yml"))
        raise ValueError(f"no file {path.name} in {path.parent.name}/; there are: {known}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} must be a mapping with name, about, subsystems; it is not")
    return content


def _faults(content: dict[str, Any], name: str) -> list[str]:
    """Everything that is wrong with the content of a system file."""
    faults = [f"no `{key}`" for key in ("name", "about") if not content.get(key)]
    if content.get("name") and content["name"] != name:
        faults.append(f"name is {content['name']!r}, the file name says {name!r}")
    for key in ("subsystems", "dimensions"):
        if not isinstance(content.get(key) or {}, dict):
            return [*faults, f"`{key}` must be a mapping of names"]
    subsystems = content.get("subsystems") or {}
    unknown = [s for s in subsystems if s not in SUBSYSTEMS]
    faults += [f"unknown subsystem {s!r}; use {SUBSYSTEMS}" for s in unknown]
    for subsystem in SUBSYSTEMS:
        faults += _subsystem_faults(subsystem, subsystems.get(subsystem), content)
    for scope in ("dimensions", "subsystems"):
        faults += _label_faults(scope, content.get(scope) or {})
    return faults + _repeated(subsystems) + _unmeasured_faults(content)


def _subsystem_faults(subsystem: str, body: Any, content: dict[str, Any]) -> list[str]:
    if not isinstance(body, dict) or not body.get("indicators"):
        return [f"subsystem {subsystem} has no indicators"]
    faults = []
    for number, row in enumerate(body["indicators"], 1):
        faults += _indicator_faults(f"{subsystem} indicator {number}", row, content)
    return faults


def _indicator_faults(place: str, row: Any, content: dict[str, Any]) -> list[str]:
    if not isinstance(row, dict):
        return [f"{place}: not a mapping but {row!r}"]
    place = f"{place} ({row.get('variable', 'no variable')})"
    faults = [f"{place}: no `{f}`" for f in REQUIRED_FIELDS if row.get(f) in (None, "")]
    if row.get("direction") not in (None, "", "+", "-"):
        faults.append(f'{place}: direction is {row["direction"]!r}; use "+" or "-" in quotes')
    if row.get("dimension") and row["dimension"] not in (content.get("dimensions") or {}):
        faults.append(f"{place}: dimension {row['dimension']!r} is not listed in `dimensions`")
    if "typical" in row and not _is_range(row["typical"]):
        faults.append(f"{place}: typical is {row['typical']!r}; use [low, high] with low < high")
    return faults


def _is_range(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2
    return pair and all(isinstance(v, int | float) for v in value) and value[0] < value[1]


def _label_faults(scope: str, entries: dict[str, Any]) -> list[str]:
    return [
        f"{scope}: {name} has no label `{language}`"
        for name, body in entries.items()
        for language in ("en", "zh")
        if not (isinstance(body, dict) and body.get(language))
    ]


def _repeated(subsystems: dict[str, Any]) -> list[str]:
    """Variables that appear twice, in one subsystem or over both."""
    found: dict[str, list[str]] = {}
    for subsystem, body in subsystems.items():
        for row in (body or {}).get("indicators") or [] if isinstance(body, dict) else []:
            if isinstance(row, dict) and row.get("variable"):
                found.setdefault(str(row["variable"]), []).append(subsystem)
    faults = []
    for variable, places in found.items():
        times = Counter(places)
        faults += [f"{variable} is listed {n} times in {s}" for s, n in times.items() if n > 1]
        if len(times) > 1:
            faults.append(f"{variable} is in both subsystems; that correlates them by construction")
    return faults


def _unmeasured_faults(content: dict[str, Any]) -> list[str]:
    return [
        f"not_measured row {number}: no `{key}`"
        for number, row in enumerate(content.get("not_measured") or [], 1)
        for key in ("subsystem", "dimension", "reason")
        if not (isinstance(row, dict) and row.get(key))
    ]


def _build(content: dict[str, Any]) -> IndicatorSystem:
    """Make the system from a file without faults."""
    indicators = tuple(
        Indicator(
            subsystem=subsystem,
            typical=tuple(row["typical"]) if "typical" in row else None,
            **{f: row[f] for f in REQUIRED_FIELDS},
        )
        for subsystem in SUBSYSTEMS
        for row in content["subsystems"][subsystem]["indicators"]
    )
    named = {**content["subsystems"], **(content.get("dimensions") or {})}
    return IndicatorSystem(
        name=content["name"],
        about=content["about"].strip(),
        indicators=indicators,
        labels=tuple((key, body["en"], body["zh"]) for key, body in named.items()),
        not_measured=tuple(
            (row["subsystem"], row["dimension"], row["reason"])
            for row in content.get("not_measured") or []
        ),
    )
