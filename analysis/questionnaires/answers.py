"""Answers to a questionnaire as frames, and what is wrong with them, whatever the file was."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

SHOWN = re.compile(r"[+-]?[0-9]{0,4}(\.[0-9]{0,2})?")  # too short for a telephone or an identity


@dataclass(frozen=True)
class Breach:
    """A condition that an answer does not keep to; `found` is the answer."""

    file: str
    row: int
    question: str
    rule: str
    found: str
    remedy: str


@dataclass(frozen=True)
class Questionnaire:
    """Answers to a questionnaire.

    Attributes
    ----------
    file : name of the file of answers
    questions : as `Form.codebook`
    choices : as `Form.choice_table`
    respondents : `_key` (names the respondent, unique), `_row` (of the file), then one column per
        question outside of repeats: Int64, Float64, datetime64, boolean or str, missing where there
        is no answer. Choices are stored by name. A question with several choices has its names
        separated by blanks and, for each, a boolean column `<question>/<choice>`, missing where the
        question is blank.
    repeats : by id of each repeat that the file has, one row per instance: `_key`, `_respondent`
        and `_parent` (the `_key` of the respondent and of the record around it), `_row`, then its
        questions
    missing : why an answer is missing where the file says so: file, row, question, value, reason
    violations : file, row, column, rule, found, remedy; `row` is missing where a whole column is
        meant, `found` never quotes a text
    losses : file, element, count, reason, as in a corpus
    """

    file: str
    questions: pd.DataFrame
    choices: pd.DataFrame
    respondents: pd.DataFrame
    repeats: Mapping[str, pd.DataFrame]
    missing: pd.DataFrame
    violations: pd.DataFrame
    losses: pd.DataFrame


def missing_frame(rows: Iterable[tuple[str, int, str, str, str]]) -> pd.DataFrame:
    """Return (file, row, question, value, reason) as the frame `missing` of a questionnaire."""
    columns = ["file", "row", "question", "value", "reason"]
    frame = pd.DataFrame(list(rows), columns=columns)
    return frame.astype(dict.fromkeys(columns, "str") | {"row": "int64"})


def violations_frame(breaches: Iterable[Breach]) -> pd.DataFrame:
    """Return breaches as the frame `violations` of a questionnaire, by file, row and column.

    A number of up to four digits is shown; of any other answer only the length, for it may be
    personal.
    """
    columns = ["file", "row", "column", "rule", "found", "remedy"]
    rows = [
        (b.file, b.row or None, b.question, b.rule, _shown(b.found, b.rule), b.remedy)
        for b in breaches
    ]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.astype(dict.fromkeys(columns, "str") | {"row": "Int64"})
    order = ["file", "row", "column", "rule"]
    return frame.sort_values(order, kind="stable", na_position="first", ignore_index=True)


def _shown(found: str, rule: str) -> str:
    if SHOWN.fullmatch(found) or rule.endswith("column"):
        return found
    return f"not shown, length {len(found)}"
