"""One cell of a file of answers: whether it is an answer of its kind, in its canonical spelling.

Numbers, dates and codes come in several spellings (full-width digits, 2024年3月5日, labels instead
of names); here each has one, so that conditions compare and frames are typed without guessing.
"""

import datetime as dt
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from analysis.questionnaires.form import Choice, Form, Item

DTYPES = {
    "integer": "Int64",
    "decimal": "Float64",
    "boolean": "boolean",
    "date": "datetime64[s]",
    "datetime": "datetime64[us]",
}  # of all other kinds: str
INTEGER = re.compile(r"[+-]?[0-9]+(?:\.0*)?")
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?:[ T](.*))?")
CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?(?:Z|[+-][0-9:]{2,6})?")
INT64 = 2**63
AFFIRMED = {"ok", "yes", "true", "1", "是"}
TICKED, UNTICKED = AFFIRMED | {"√", "✓", "x"}, {"0", "no", "false", "否", "×", ""}
MOST_WORDS = 200  # of a cell that is tried as labels with blanks between them
SEPARATORS = ("┋", ";", "|", "\n", ",", "、")
BESIDE = re.compile(
    r"(?s)(.*?)[〖［\[](.*)[〗］\]]\s*"
)  # 其他〖打工〗: a choice and the text beside it


class CellError(ValueError):
    """A cell is no answer of its kind; the message says what one is."""


@dataclass(frozen=True)
class Chosen:
    """Choices made in one cell, and the text written beside one of them."""

    names: tuple[str, ...]
    beside: str = ""


def plain(text: str) -> str:
    """Return a text with compatible characters made one and blanks collapsed."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()


def number_text(text: str) -> str:
    """Return a whole number as digits."""
    found = plain(text)
    if not INTEGER.fullmatch(found) or not -INT64 <= int(found.split(".")[0]) < INT64:
        raise CellError("a whole number")
    return str(int(found.split(".")[0]))


def decimal_text(text: str) -> str:
    """Return a number in the shortest digits that give it back."""
    found = plain(text)
    if not DECIMAL.fullmatch(found) or not math.isfinite(float(found)):
        raise CellError("a number with a point for its decimals")
    value = float(found)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def date_text(text: str) -> str:
    """Return a date as YYYY-MM-DD; a time after it is dropped."""
    found = DAY.fullmatch(plain(text))
    try:
        year, month, day = (int(part) for part in found.groups()[:3]) if found else (0, 0, 0)
        return dt.date(year, month, day).isoformat()
    except ValueError:
        raise CellError("a date such as 2024-03-05") from None


def time_text(text: str) -> str:
    """Return a time of day as HH:MM:SS."""
    found = CLOCK.fullmatch(plain(text))
    try:
        hour, minute, second = (int(part or 0) for part in found.groups()) if found else (99, 0, 0)
        return dt.time(hour, minute, second).isoformat()
    except ValueError:
        raise CellError("a time such as 09:30") from None


def datetime_text(text: str) -> str:
    """Return a moment as YYYY-MM-DDTHH:MM:SS by the clock of the place, its offset dropped."""
    found = DAY.fullmatch(plain(text))
    clock = found.group(4) if found else None
    try:
        return f"{date_text(text)}T{time_text(clock or '00:00')}"
    except CellError:
        raise CellError("a moment such as 2024-03-05T09:30:00") from None


def boolean_text(text: str) -> str:
    """Return `OK` for an acknowledgement, as ODK stores it."""
    if plain(text).lower() not in AFFIRMED:
        raise CellError("OK where it was acknowledged, blank elsewhere")
    return "OK"


PARSERS: Mapping[str, Callable[[str], str]] = {
    "integer": number_text,
    "decimal": decimal_text,
    "date": date_text,
    "time": time_text,
    "datetime": datetime_text,
    "boolean": boolean_text,
    "text": str,
}


@dataclass(frozen=True)
class ChoiceIndex:
    """What each spelling of a choice of one list stands for.

    Attributes
    ----------
    names : in the order of the list
    by_spelling : name by name, declared spelling or label; a label of several choices is in none
    """

    names: tuple[str, ...]
    by_spelling: Mapping[str, str]

    @classmethod
    def of(cls, choices: Iterable[Choice]) -> "ChoiceIndex":
        """Return the index of a list of choices."""
        choices = list(choices)
        found: dict[str, str] = {}
        for spellings in (
            lambda choice: choice.labels.values(),
            lambda choice: choice.spellings,
            lambda choice: (choice.name,),
        ):  # a later one takes the place of an earlier
            pairs = {(plain(s), c.name) for c in choices for s in spellings(c)}
            often = Counter(spelling for spelling, _ in pairs)
            found |= {spelling: name for spelling, name in pairs if often[spelling] == 1}
        return cls(tuple(choice.name for choice in choices), found)

    def one(self, text: str) -> Chosen:
        """Return the choice that a text stands for.

        Raises
        ------
        CellError
            When it stands for none.
        """
        found = self._find(text)
        if found is None:
            raise CellError("one of the choices of the form, by name or by label")
        return found

    def several(self, text: str, separators: str = "") -> Chosen:
        """Return the choices that a text stands for.

        Names are separated by blanks as in ODK; labels by one of `separators`, or else by any of
        the usual separators or by blanks where that is possible in one way only.

        Raises
        ------
        CellError
            When any of it stands for no choice.
        """
        if set(text.split()) <= set(self.names):
            return Chosen(self.sort(text.split()))
        for separator in separators or SEPARATORS:
            parts = [part for part in text.split(separator) if part.strip()]
            found = [self._find(part) for part in parts]
            if all(found):
                chosen = [f for f in found if f is not None]
                beside = "; ".join(f.beside for f in chosen if f.beside)
                return Chosen(self.sort(n for f in chosen for n in f.names), beside)
        ways = self._segmented(plain(text))
        if len(ways) != 1:
            raise CellError("choices of the form, by name or by label, separated as usual")
        return Chosen(self.sort(ways[0]))

    def sort(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return names in the order of the list, each once."""
        found = set(names)
        return tuple(name for name in self.names if name in found)

    def _find(self, text: str) -> Chosen | None:
        name = self.by_spelling.get(plain(text))
        if name is not None:
            return Chosen((name,))
        beside = BESIDE.fullmatch(text)
        name = self.by_spelling.get(plain(beside.group(1))) if beside else None
        return Chosen((name,), beside.group(2).strip()) if beside and name else None

    def _segmented(self, text: str) -> list[tuple[str, ...]]:
        """Ways to read a text as spellings with blanks between them, two at the most."""
        words = text.split(" ")
        if len(words) > MOST_WORDS:
            return []
        ways: list[list[tuple[str, ...]]] = [[()]]
        for end in range(1, len(words) + 1):
            found = [
                (*way, self.by_spelling[spelling])
                for start in range(end)
                if (spelling := " ".join(words[start:end])) in self.by_spelling
                for way in ways[start]
            ]
            ways.append(found[:2])
        return ways[-1]


def parse_answer(item: Item, text: str, form: Form, index: Mapping[str, ChoiceIndex]) -> Chosen:
    """Return the answer in a cell in its canonical spelling.

    Raises
    ------
    CellError
        When it is none of the kind of the question.
    """
    if item.kind == "select_one":
        return index[item.list_name].one(text)
    if item.kind == "select_multiple":
        return index[item.list_name].several(text, form.separators)
    if item.kind == "rank":
        parts = [index[item.list_name].one(part).names[0] for part in text.split()]
        return Chosen(tuple(parts))
    return Chosen((PARSERS[item.kind](text),))


def typed(values: list[str | None], kind: str) -> pd.Series:
    """Return canonical answers as a column of their kind, missing where there is none."""
    if kind == "boolean":
        return pd.Series([value == "OK" if value else None for value in values], dtype="boolean")
    dtype = DTYPES.get(kind, "str")
    if dtype in {"Int64", "Float64"}:
        convert = int if kind == "integer" else float
        return pd.Series([None if v is None else convert(v) for v in values], dtype=dtype)
    return pd.Series(values, dtype=dtype)
