"""What a household study measures and how, as a short YAML file says it.

The file maps columns to concepts and gives indicators, cut-offs, weights, lines and groups; here it
becomes a frozen `HouseholdConfig`. Everything wrong with it is reported in one message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from analysis.households.config_values import Problems
from analysis.households.deprivations import Indicator, read_indicators
from analysis.project import bullet_list

CONCEPTS = ("code", "year", "household", "weight", "persons", "fpc", "income", "urban")
DESIGN = ("stratum", "psu")
BACKENDS = ("duckdb", "spark")
LONELY = ("centre", "remove", "average", "fail")
COUNTS = ("persons", "households")
CARRIED = ("title", "files", "labels")
INDICATOR_MEASURES = (
    "H", "A", "M0", "M1", "M2", "uncensored", "censored", "contribution", "dimension", "k_sweep",
)  # fmt: skip
INCOME_MEASURES = (
    "FGT0", "FGT1", "FGT2", "monitoring", "relative", "mean_income", "gini", "theil",
)  # fmt: skip
MEASURES = INDICATOR_MEASURES + INCOME_MEASURES


@dataclass(frozen=True)
class HouseholdConfig:
    """A household study.

    Attributes
    ----------
    columns : mapping of str to str
        Concept -> column. Known concepts are `CONCEPTS`; others may serve as groups.
    stratum, psu : tuple of str
        Columns that together name a stratum and a primary unit; empty: no strata, each row a unit.
    indicators : tuple of Indicator
    k : Fraction
        Poverty cut-off in (0, 1]: poor if the weighted deprivations reach it.
    k_sweep : tuple of Fraction
    poverty_line : float, mapping of int to float, or None
        Income below it is poor; a mapping gives one line for each year.
    monitoring_line : float or None
        Income below it is watched for a return to poverty.
    relative_lines : tuple of float
        Shares of the median income among `relative_by`.
    relative_by : tuple of str
        Concepts.
    groups : tuple of tuple of str
        Each is a set of concepts to measure by; the empty one is everybody.
    measures : tuple of str
        Of `MEASURES`; those for which nothing is mapped are left out when the file names none.
    count : str
        `persons`: weight times persons; `households`: weight alone.
    lonely : str
        What a stratum with one primary unit adds to the variance, see `survey_errors`.
    level : float
        Of the confidence intervals.
    missing : str
        `exclude`: a household without a value is left out of what needs it, and counted.
    backend : str
        `duckdb` or `spark`.
    connection : mapping
        Options of the backend's connection.
    carried : mapping
        `title`, `files` and `labels` as they stand, for the readers of files.
    """

    columns: Mapping[str, str]
    stratum: tuple[str, ...] = ()
    psu: tuple[str, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    k: Fraction = Fraction(1, 3)
    k_sweep: tuple[Fraction, ...] = ()
    poverty_line: float | Mapping[int, float] | None = None
    monitoring_line: float | None = None
    relative_lines: tuple[float, ...] = (0.4, 0.5, 0.6)
    relative_by: tuple[str, ...] = ("year", "urban")
    groups: tuple[tuple[str, ...], ...] = ((),)
    measures: tuple[str, ...] = MEASURES
    count: str = "persons"
    lonely: str = "centre"
    level: float = 0.95
    missing: str = "exclude"
    backend: str = "duckdb"
    connection: Mapping[str, Any] = field(default_factory=dict)
    carried: Mapping[str, Any] = field(default_factory=dict)

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Every column that the study reads, each once, in the order of the file."""
        named = [*self.columns.values(), *self.stratum, *self.psu]
        return tuple(dict.fromkeys([*named, *(i.column for i in self.indicators)]))


def read_config(path: Path) -> HouseholdConfig:
    """Read a household study from a YAML file.

    Parameters
    ----------
    path : Path
        See `parse_config` for its keys.

    Raises
    ------
    ValueError
        One message with every violation: file, key, rule and remedy.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(bullet_list(f"{path} cannot be read:", [str(error)])) from error
    return parse_config(content, str(path))


def parse_config(content: Any, where: str = "the configuration") -> HouseholdConfig:
    """Make a household study of what a YAML file holds.

    Parameters
    ----------
    content : mapping
        Keys as the attributes of `HouseholdConfig`, all optional but `columns`, which also holds
        `stratum` and `psu` (a column or a list of columns each). An indicator is a mapping with
        `name`, `column` (default: the name), `deprived` (one of `below`, `above`, `equal`, `in`
        with its value), `dimension` and `weight` (`1/8` or a number), and may be `cardinal`.
        `backend` is a name, or a mapping of `name` and the options of its connection.
    where : str
        File, for messages.

    Raises
    ------
    ValueError
        One message with every violation.
    """
    found = Problems(content, (*_KEYS, *CARRIED))
    columns = _columns(found)
    concepts = tuple(name for name in columns if name not in DESIGN)
    indicators = read_indicators(found)
    settings = _settings(found, concepts)
    config = HouseholdConfig(
        columns={name: str(columns[name]) for name in concepts},
        stratum=found.names("columns.stratum", columns.get("stratum")),
        psu=found.names("columns.psu", columns.get("psu")),
        indicators=indicators,
        measures=_measures(found, concepts, indicators),
        carried={key: found.content[key] for key in CARRIED if key in found.content},
        **settings,
    )
    _check_years(found, config)
    _check_labels(found)
    found.raise_all(where)
    return config


_KEYS = (
    "columns", "indicators", "k", "k_sweep", "poverty_line", "monitoring_line", "relative_lines",
    "relative_by", "groups", "measures", "count", "lonely", "level", "missing", "backend",
)  # fmt: skip


def _columns(found: Problems) -> dict[str, Any]:
    columns = found.mapping("columns")
    if not columns:
        found.add(
            "columns", "no concept is mapped", "add `columns:` with at least one `concept: column`"
        )
    for concept, column in columns.items():
        if concept not in DESIGN and not (isinstance(column, str) and column):
            found.add(f"columns.{concept}", f"{column!r} is no column name", "name one column")
    return columns


def _settings(found: Problems, concepts: tuple[str, ...]) -> dict[str, Any]:
    by_default = [c for c in ("year", "urban") if c in concepts]
    backend = found.content.get("backend", "duckdb")
    options = dict(backend) if isinstance(backend, Mapping) else {"name": backend}
    return {
        "k": found.fraction("k", found.content.get("k", "1/3")),
        "k_sweep": tuple(found.fraction("k_sweep", k) for k in found.sequence("k_sweep")),
        "poverty_line": found.line("poverty_line"),
        "monitoring_line": found.single_line("monitoring_line"),
        "relative_lines": found.shares("relative_lines", [0.4, 0.5, 0.6]),
        "relative_by": found.concepts("relative_by", by_default, concepts),
        "groups": found.groups("groups", concepts),
        "count": found.choice("count", COUNTS, "persons"),
        "lonely": found.choice("lonely", LONELY, "centre"),
        "level": found.level("level", 0.95),
        "missing": found.choice("missing", ("exclude",), "exclude"),
        "backend": found.one_of("backend", options.pop("name", None), BACKENDS),
        "connection": options,
    }


def _measures(
    found: Problems, concepts: tuple[str, ...], indicators: tuple[Indicator, ...]
) -> tuple[str, ...]:
    possible = _possible_measures(found, concepts, indicators)
    chosen = found.sequence("measures")
    for name in chosen:
        if found.one_of("measures", name, MEASURES) in MEASURES and name not in possible:
            rule = f"{name} needs columns or lines that are not given"
            found.add("measures", rule, "map `income`, give its line, indicators or `cardinal`")
    return tuple(name for name in possible if not chosen or name in chosen)


def _possible_measures(
    found: Problems, concepts: tuple[str, ...], indicators: tuple[Indicator, ...]
) -> list[str]:
    given, income = found.content, "income" in concepts
    needs = {name: bool(indicators) for name in INDICATOR_MEASURES}
    cardinal = bool(indicators) and all(indicator.cardinal for indicator in indicators)
    needs |= {"M1": cardinal, "M2": cardinal, "k_sweep": bool(indicators and given.get("k_sweep"))}
    needs |= {name: income for name in INCOME_MEASURES}
    fgt = income and given.get("poverty_line") is not None
    needs |= {name: fgt for name in ("FGT0", "FGT1", "FGT2")}
    needs["monitoring"] = income and given.get("monitoring_line") is not None
    return [name for name in MEASURES if needs[name]]


def _check_years(found: Problems, config: HouseholdConfig) -> None:
    if isinstance(config.poverty_line, Mapping) and "year" not in config.columns:
        found.add("poverty_line", "lines by year need a year", "map `year` under `columns:`")


def _check_labels(found: Problems) -> None:
    labels = found.content.get("labels")
    if labels is None:
        return
    for column, given in found.mapping("labels").items():
        if given != "file" and not (isinstance(given, Mapping) and given):
            remedy = "write `value: label` lines below it, or `file`"
            found.add(f"labels.{column}", f"{given!r} gives no labels", remedy)
