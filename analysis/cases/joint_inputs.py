"""What people declare for the joint display: which number speaks to which theme, and does it fit.

A judgement repeats the number that it judges (`seen`), so that it cannot outlive it unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.geography import require_columns
from analysis.project import bullet_list

if TYPE_CHECKING:
    from analysis.cases.studies import Studies

FITS = ("confirm", "expand", "discord", "silence")
NOT_JUDGED, OUTDATED = "not_judged", "outdated"
SIGNS = ("+", "-", "0", "?")
INDICATOR_COLUMNS = [
    "theme", "indicator", "claim", "label_en", "label_zh", "expected", "why_en", "why_zh",
]  # fmt: skip
JUDGEMENT_COLUMNS = [
    "theme", "indicator", "profile", "seen", "judgement", "judge", "date", "reason", "status",
]  # fmt: skip


@dataclass(frozen=True)
class JointInputs:
    """What people declare for the joint display.

    Attributes
    ----------
    indicators : DataFrame
        theme, indicator (id), claim (key of the number), label_en, label_zh, expected (``+``,
        ``-``, ``0`` or ``?``: the sign the number would have if what the theme says held in
        poverty counties), why_en, why_zh.
    judgements : DataFrame
        theme, indicator (empty: the theme as a whole), profile (of the numbers judged), seen (the
        estimate judged, as printed; empty where there was none), judgement, judge, date, reason,
        status (draft or final).
    """

    indicators: pd.DataFrame
    judgements: pd.DataFrame


def read_joint_inputs(folder: Path, studies: Studies) -> JointInputs:
    """Read and check which county numbers speak to which theme, and what people judged.

    Parameters
    ----------
    folder : Path
        Holds indicators.csv and judgements.csv.
    studies : Studies
        Its themes must be the themes of both files.

    Raises
    ------
    ValueError
        Where a file cannot be read or lacks columns; else listing each violation of both files:
        file, line, column, rule.
    """
    files = {"indicators.csv": INDICATOR_COLUMNS, "judgements.csv": JUDGEMENT_COLUMNS}
    frames = {}
    for name, columns in files.items():
        frames[name] = _read(folder / name)
        require_columns(frames[name], columns, str(folder / name))
    indicators, judgements = (frames[name][columns] for name, columns in files.items())
    themes = set(studies.themes["theme"])
    problems = [*_indicator_problems(indicators, themes)]
    problems += _judgement_problems(judgements, themes, indicators)
    if problems:
        raise ValueError(bullet_list(f"{folder}: mend the files:", problems))
    return JointInputs(indicators, judgements)


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} cannot be read: {error}; mend or restore it") from None
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError(f"{path}: lines have more fields than the head; quote texts with commas")
    return frame


def _indicator_problems(indicators: pd.DataFrame, themes: set[str]) -> list[str]:
    problems = []
    repeated = indicators.duplicated(["theme", "indicator"])
    for line, row in enumerate(indicators.to_dict("records"), start=2):
        place = f"indicators.csv, line {line}"
        problems += [f"{place}: column {c} is empty" for c in INDICATOR_COLUMNS if not row[c]]
        if row["theme"] not in themes:
            problems.append(f"{place}: theme {row['theme']!r} is not in themes.csv")
        if row["expected"] and row["expected"] not in SIGNS:
            problems.append(f"{place}: expected {row['expected']!r} is none of {SIGNS}")
        if repeated[line - 2]:
            problems.append(f"{place}: theme and indicator are there twice; keep one line")
    return problems


def _judgement_problems(
    judgements: pd.DataFrame, themes: set[str], indicators: pd.DataFrame
) -> list[str]:
    declared = set(zip(indicators["theme"], indicators["indicator"], strict=True))
    repeated = judgements.duplicated(["theme", "indicator", "profile"])
    problems = []
    for line, row in enumerate(judgements.to_dict("records"), start=2):
        place = f"judgements.csv, line {line}"
        needed = ["profile", "judge", "reason"]
        problems += [f"{place}: column {c} is empty; a judgement names it" for c in needed
                     if not row[c]]  # fmt: skip
        problems += [f"{place}: {fault}" for fault in _line_faults(row, themes, declared)]
        if repeated[line - 2]:
            problems.append(f"{place}: judged twice for {row['profile']}; agree on one line")
    return problems


def _line_faults(
    row: Mapping[Any, str], themes: set[str], declared: set[tuple[str, str]]
) -> list[str]:
    faults = []
    if row["theme"] not in themes:
        faults.append(f"theme {row['theme']!r} is not in themes.csv")
    if row["indicator"] and (row["theme"], row["indicator"]) not in declared:
        faults.append(f"indicator {row['indicator']!r} is not declared for the theme")
    if not row["indicator"] and row["theme"] in {theme for theme, _ in declared}:
        faults.append("column indicator is empty, but the theme has indicators; judge each of them")
    if row["judgement"] not in FITS:
        faults.append(f"judgement {row['judgement']!r} is none of {FITS}; omit the line if open")
    elif row["judgement"] != "silence" and not row["seen"]:
        faults.append(f"{row['judgement']} needs a number: write the estimate judged as seen")
    if row["seen"] and not _is_number(row["seen"]):
        faults.append(f"seen {row['seen']!r} is no number; copy the estimate as printed, with -")
    if row["status"] not in ("draft", "final"):
        faults.append(f"status {row['status']!r} is neither draft nor final")
    if not _is_date(row["date"]):
        faults.append(f"date {row['date']!r} is no date like 2026-03-31")
    return faults


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
