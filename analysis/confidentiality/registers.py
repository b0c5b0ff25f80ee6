"""Registers of a study: who was interviewed, who consented, who read which text.

Each is a small csv that people keep by hand. A cell that could be understood in two ways stops
everything, since a guess about consent cannot be taken back.
"""

from collections.abc import Sequence
from datetime import date as day
from pathlib import Path

import pandas as pd

from analysis.confidentiality.pseudonyms import ConfidentialityError
from analysis.project import bullet_list

CONSENT = ("participant", "quote", "share", "withdrawn")
INTERVIEWS = ("doc_id", "participant")
REVIEW = ("doc_id", "text_sha256", "reviewer", "date", "decision")
REVIEW_FILE = "review.csv"
DECISIONS = ("pass", "hold")
ANSWERS = {"yes": True, "no": False, "是": True, "否": False}
ENCODINGS = ("utf-8-sig", "gb18030")


def read_register(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read consent.csv, interviews.csv or review.csv as text; an absent file has no rows.

    Parameters
    ----------
    path : Path
        UTF-8 with or without byte order mark, or GB18030.
    columns : iterable of str
        Columns that must be there; others are kept.

    Raises
    ------
    ConfidentialityError
        When the file is no table in a known encoding, or lacks a column.
    """
    needed = list(columns)
    if not path.is_file():
        return pd.DataFrame({c: pd.Series(dtype="str") for c in needed})
    for encoding in ENCODINGS:
        try:
            frame = pd.read_csv(path, dtype="str", keep_default_na=False, encoding=encoding)
            break
        except UnicodeDecodeError:
            continue
        except pd.errors.ParserError as error:
            raise ConfidentialityError(f"{path.name} is not a table: save it as csv") from error
    else:
        raise ConfidentialityError(f"{path.name} is neither UTF-8 nor GB18030: save it as UTF-8")
    return as_register(frame.rename(columns=str.strip), needed, path.name)


def as_register(frame: pd.DataFrame, needed: Sequence[str], shown: str) -> pd.DataFrame:
    """A register with all cells as text without blanks around, missing ones empty."""
    missing = [c for c in needed if c not in frame]
    if missing:
        raise ConfidentialityError(
            f"{shown}: no column {', '.join(missing)}; it needs {', '.join(needed)}"
        )
    return frame.astype("object").fillna("").astype("str").apply(lambda column: column.str.strip())


def check_consent(consent: pd.DataFrame) -> None:
    """Refuse a register of consent of which any row can be misunderstood, listing all such rows."""
    problems = [
        f"row {row}: {column} is {value!r}: write yes or no"
        for column in ("quote", "share")
        for row, value in enumerate(consent[column], start=1)
        if value.lower() not in ANSWERS
    ]
    problems += [
        f"row {row}: withdrawn is not empty and no day: write YYYY-MM-DD, or nothing"
        for row, value in enumerate(consent["withdrawn"], start=1)
        if value and not is_day(value)
    ]
    twice = consent["participant"].duplicated(keep=False)
    problems += [
        f"row {row}: participant {name} has more than one row"
        for row, (name, more) in enumerate(zip(consent["participant"], twice, strict=True), start=1)
        if more
    ]
    if problems:
        raise ConfidentialityError(bullet_list("consent.csv cannot be read:", problems))


def check_review(review: pd.DataFrame) -> None:
    """Refuse a register of reviews with a decision that is none, listing all such rows."""
    problems = [
        f"row {row}: decision is {value!r}: write {' or '.join(DECISIONS)}"
        for row, value in enumerate(review["decision"], start=1)
        if value not in DECISIONS
    ]
    if problems:
        raise ConfidentialityError(bullet_list(f"{REVIEW_FILE} cannot be read:", problems))


def is_day(text: str) -> bool:
    """Return whether a text is a day, YYYY-MM-DD."""
    try:
        day.fromisoformat(text)
    except ValueError:
        return False
    return True
