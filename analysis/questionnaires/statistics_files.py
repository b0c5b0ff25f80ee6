"""SPSS and Stata files as questionnaires: labels kept, user-missing values kept apart.

A value that the file declares missing (SPSS: 9 "refused"; Stata: .a) is missing in the frame and a
row of `missing` with its label, so that "refused" is never averaged and never lost. A variable
whose every value has a label is a choice and is stored as the code that the file has.
"""

import datetime as dt
import os
import pickle
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.interviews.archives import file_head, refuse_web_page
from analysis.interviews.corpus import CorpusError, table
from analysis.questionnaires.answer_cells import typed
from analysis.questionnaires.answer_tables import cell_text
from analysis.questionnaires.answers import Questionnaire, missing_frame, violations_frame
from analysis.questionnaires.xlsform import text_language

STATISTICS_SUFFIXES = (".sav", ".zsav", ".dta")
READER = (sys.executable, "-m", "analysis.questionnaires.statistics_reader")
PATIENCE = 600.0  # seconds; a file of a million cases takes one
ENCODINGS = ("own", "GB18030")
LEGACY_ENCODINGS = ("UTF-8", "GB18030", "own")
UNICODE_RELEASE = 118  # of the format: Stata 14
WHOLE = re.compile(r"F\d+(\.0)?|int(8|16|32)")  # SPSS format or Stata type without decimals
EXACT_INTEGER = 2**53  # up to here a double holds every whole number


@dataclass(frozen=True)
class Contents:
    """What a file holds, by variable; as `statistics_reader.parse` returns it.

    Attributes
    ----------
    columns : values
    labels : label of the variable, None where it has none
    value_labels : label by value
    missing_values : letters declared missing (Stata)
    missing_ranges : `lo` and `hi` of what is declared missing (SPSS)
    formats, types : format that the file states, type of the parser
    sets, notes : numbers of multiple response sets and of notes
    """

    columns: dict[str, list[Any]]
    labels: dict[str, str | None]
    value_labels: dict[str, dict[Any, str]]
    missing_values: dict[str, list[Any]]
    missing_ranges: dict[str, list[dict[str, Any]]]
    formats: dict[str, str | None]
    types: dict[str, str]
    sets: int
    notes: int

    def is_missing(self, name: str, value: Any) -> bool:
        """Return whether a value is declared missing."""
        if value in self.missing_values.get(name, ()):
            return True
        ranges = self.missing_ranges.get(name, ())
        if isinstance(value, str):
            return any(str(r["lo"]).rstrip() == value.rstrip() for r in ranges)
        numeric = [r for r in ranges if not isinstance(r["lo"], str)]
        return isinstance(value, int | float) and any(r["lo"] <= value <= r["hi"] for r in numeric)


def read_statistics(path: Path) -> Questionnaire:
    """Read a file of SPSS or Stata.

    Parameters
    ----------
    path : `.sav`, `.zsav` or `.dta`; text in the encoding that the file names. Stata up to 13
        names none: its text is read as UTF-8 where it can be, else as GB18030.

    Returns
    -------
    Questionnaire with one row of `respondents` per case; `_row` counts cases from 1 and `_key` is
    `row <n>`. `choices` has the value labels by variable, `missing` every user-missing value with
    its label as reason. There are no conditions, hence no violations.

    Raises
    ------
    CorpusError
        When the file is damaged or of another kind, or has a variable named as one of the columns
        added.
    """
    contents = _contents(path)
    for name in contents.columns:
        if name in {"_key", "_row"}:
            raise CorpusError(f"{path.name}: rename the variable {name}, reading adds a column")
    cases = max((len(values) for values in contents.columns.values()), default=0)
    columns = {
        "_key": pd.Series([f"row {n}" for n in range(1, cases + 1)], dtype="str"),
        "_row": pd.Series(range(1, cases + 1), dtype="int64"),
    }
    questions, choices, missing = [], [], []
    for name, found in contents.columns.items():
        values, apart = _kept_apart(contents, name, found)
        kind = _kind(contents, name, values)
        columns[name] = typed([_text(value, kind) for value in values], kind)
        questions.append((name, "", kind, *_both(contents.labels.get(name)), name))
        choices += _answers(contents, name)
        missing += [(path.name, *entry) for entry in apart]
    question_columns = ["question", "repeat", "kind", "label_en", "label_zh", "list_name"]
    choice_columns = ["list_name", "value", "label_en", "label_zh"]
    return Questionnaire(
        file=path.name,
        questions=pd.DataFrame(questions, columns=question_columns, dtype="str"),
        choices=pd.DataFrame(choices, columns=choice_columns, dtype="str"),
        respondents=pd.DataFrame(columns),
        repeats={},
        missing=missing_frame(missing),
        violations=violations_frame([]),
        losses=table("losses", _losses(path.name, contents)),
    )


def _contents(path: Path) -> Contents:
    """Contents of a file, parsed in a process of its own that may crash."""
    if path.suffix.lower() not in STATISTICS_SUFFIXES:
        raise CorpusError(f"{path.name}: must be one of {', '.join(STATISTICS_SUFFIXES)}")
    refuse_web_page(path, file_head(path))
    encodings = LEGACY_ENCODINGS if _is_old_stata(path) else ENCODINGS
    package = str(Path(__file__).resolve().parents[1])
    searched = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [*READER, str(path.resolve()), *encodings], check=True, capture_output=True,
            timeout=PATIENCE, env={**os.environ, "PYTHONPATH": searched},
        )  # fmt: skip
        found = pickle.loads(done.stdout)
    except (subprocess.SubprocessError, pickle.UnpicklingError, EOFError) as error:
        raise CorpusError(
            f"{path.name}: the parser failed over it ({type(error).__name__}): the file is "
            "damaged or hostile; save it again in SPSS or Stata"
        ) from None
    if found is None:
        raise CorpusError(f"{path.name}: is no file of SPSS or Stata, or is damaged: save it again")
    return Contents(**found)


def _is_old_stata(path: Path) -> bool:
    """Whether a file is of Stata up to 13, which names no encoding."""
    release = re.match(rb"<stata_dta><header><release>(\d+)", file_head(path, 64))
    return path.suffix.lower() == ".dta" and not (release and int(release[1]) >= UNICODE_RELEASE)


def _kept_apart(
    contents: Contents, name: str, found: list[Any]
) -> tuple[list[Any], list[tuple[int, str, str, str]]]:
    """Values without those declared missing, and these as (row, variable, value, label)."""
    values: list[Any] = [None if pd.isna(value) or value == "" else value for value in found]
    labels = contents.value_labels.get(name, {})
    apart = []
    for place, value in enumerate(values):
        if value is not None and contents.is_missing(name, value):
            apart.append((place + 1, name, cell_text(value), str(labels.get(value, ""))))
            values[place] = None
    return values, apart


def _kind(contents: Contents, name: str, values: list[Any]) -> str:
    """Kind of a variable, by its labels, its values and the type or format that the file states."""
    present = [value for value in values if value is not None]
    labels = contents.value_labels.get(name, {})
    if _answers(contents, name) and all(value in labels for value in present):
        return "select_one"
    if contents.types[name] == "string":
        return "text"
    for kind, python in (("datetime", dt.datetime), ("date", dt.date), ("time", dt.time)):
        if present and all(isinstance(value, python) for value in present):
            return kind
    stated = (contents.formats[name] or "", contents.types[name])
    whole = all(float(v).is_integer() and abs(v) <= EXACT_INTEGER for v in present)
    return "integer" if whole and any(map(WHOLE.fullmatch, stated)) else "decimal"


def _answers(contents: Contents, name: str) -> list[tuple[str, str, str, str]]:
    """Labelled values of a variable that are answers: variable, value, English, Chinese label."""
    return [
        (name, cell_text(value), *_both(text))
        for value, text in contents.value_labels.get(name, {}).items()
        if not contents.is_missing(name, value)
    ]


def _text(value: Any, kind: str) -> str | None:
    if value is None:
        return None
    return repr(float(value)) if kind == "decimal" else cell_text(value)


def _both(text: str | None) -> tuple[str, str]:
    """English and Chinese label; a file has one, its script says which."""
    if not text:
        return "", ""
    return ("", text) if text_language(text) == "zh" else (text, "")


def _losses(file: str, contents: Contents) -> list[dict[str, Any]]:
    """What the file holds beside variables, values and labels."""
    found = [
        ("multiple response set", contents.sets, "its variables are kept one by one"),
        ("note", contents.notes, "notes about the file are not read"),
    ]
    return [
        {"file": file, "element": element, "count": count, "reason": reason}
        for element, count, reason in found
        if count
    ]
