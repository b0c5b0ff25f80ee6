"""The text of a transcript: bytes to characters, one form of line ends, and offsets that survive.

Files of one interview differ in encoding, line ends and white space. Each is brought to one form
with a map from every old offset to the new one; two texts that are the same but for white space
are aligned character by character, so a coding made on one lies exactly on the other.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.interviews.corpus import CorpusError, table

LINE_ENDS = "\x0b\x0c\r\x85\u2028\u2029"
DIRECTION_CONTROLS = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
DROPPED = re.compile(
    f"(?P<line>\r(?=\n))|(?P<bom>\ufeff)|(?P<direction>[{DIRECTION_CONTROLS}])"
    "|(?P<control>[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff])"
)
TO_NEWLINE = str.maketrans(dict.fromkeys(LINE_ENDS, "\n"))
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class PlainText:
    r"""A text in the one form: ``\n`` line ends, no byte order mark, no control characters.

    Attributes
    ----------
    text : str
    offsets : ndarray of int64, shape (length of the raw text + 1,)
        The offset in `text` of each offset in the raw text.
    dropped : Counter
        Number of `control` and `direction` characters that were left out.
    """

    text: str
    offsets: np.ndarray
    dropped: Counter


def plain_text(raw: str) -> PlainText:
    """Return a raw text in the one form, with the map of offsets."""
    kept = np.ones(len(raw), dtype=bool)
    dropped: Counter = Counter()
    for match in DROPPED.finditer(raw):
        kept[match.start()] = False
        dropped[match.lastgroup] += 1
    text = DROPPED.sub("", raw).translate(TO_NEWLINE)
    offsets = np.concatenate([[0], np.cumsum(kept)])
    return PlainText(text, offsets, Counter({k: dropped[k] for k in ("control", "direction")}))


def dropped_losses(text: PlainText) -> dict[tuple[str, str], int]:
    """Return the losses, by element and reason, of bringing a text to the one form."""
    reasons = {
        "control": ("control character", "left out of the text"),
        "direction": ("writing direction control", "left out: it can hide what a text says"),
    }
    return {reasons[kind]: count for kind, count in text.dropped.items() if count}


def decode_text(data: bytes, shown: str) -> tuple[str, str]:
    """Return the text in `data` and the name of its encoding.

    UTF-8, UTF-8 and UTF-16 with a byte order mark, else GB18030. The byte order mark goes.

    Parameters
    ----------
    data : bytes
    shown : str
        File name for the message.

    Raises
    ------
    CorpusError
        Naming the file and the byte that fits no encoding.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode(data, len(mark), encoding, shown), encoding
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = _decode(data, 0, "gb18030", shown), "gb18030"
    if "\x00" in text:
        raise CorpusError(
            f"{shown}: byte {data.index(0)} is zero, so this is no text in UTF-8 or GB18030 (or "
            "it is UTF-16 without a byte order mark): save it as UTF-8"
        )
    return text, encoding


def _decode(data: bytes, skip: int, encoding: str, shown: str) -> str:
    try:
        return data[skip:].decode(encoding)
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{shown}: byte {skip + error.start} fits no text in UTF-8, UTF-16 or GB18030: "
            "save the file as UTF-8"
        ) from None


def ink(text: str) -> tuple[str, np.ndarray]:
    """Return the characters of a text that are not white space or invisible, and their offsets."""
    seen = {c: _is_ink(c) for c in set(text)}
    positions = np.array([k for k, c in enumerate(text) if seen[c]], dtype=np.int64)
    return "".join(c for c in text if seen[c]), positions


def _is_ink(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in {"Cc", "Cf", "Cs"}


@dataclass(frozen=True)
class Alignment:
    """Where the offsets of one text lie in another that differs by white space only.

    Attributes
    ----------
    source, target : ndarray of int64, one length
        Offsets of the visible characters in both texts, in order; empty for equal texts.
    length : int
        Length of the target.
    identical : bool
        Whether the texts are equal, so that offsets stay as they are.
    """

    source: np.ndarray
    target: np.ndarray
    length: int
    identical: bool

    def move(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the offsets in the target that cover the same visible characters."""
        if self.identical:
            return starts, ends
        first, after = np.searchsorted(self.source, starts), np.searchsorted(self.source, ends)
        edges = np.append(self.target, self.length)
        moved = edges[first]
        last = edges[np.maximum(after, 1) - 1] + 1
        return moved, np.where(after > first, last, moved)


def align(source: str, target: str) -> Alignment | None:
    """Return the alignment of two texts, or None when they differ by more than white space."""
    if source == target:
        nothing = np.zeros(0, dtype=np.int64)
        return Alignment(nothing, nothing, len(target), True)
    left, here = ink(source)
    right, there = ink(target)
    return Alignment(here, there, len(target), False) if left == right else None


def find_ink(haystack: str, positions: np.ndarray, needle: str) -> list[tuple[int, int]]:
    """Return the offsets of each occurrence of visible characters; `ink` makes the arguments."""
    found: list[tuple[int, int]] = []
    at = haystack.find(needle) if needle else -1
    while at >= 0:
        found.append((int(positions[at]), int(positions[at + len(needle) - 1]) + 1))
        at = haystack.find(needle, at + 1)
    return found


def loss_rows(file: str, losses: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """Return the losses of one file as rows, from counts by (element, reason)."""
    return [
        {"file": file, "element": element, "count": count, "reason": reason}
        for (element, reason), count in losses.items() if count
    ]  # fmt: skip


def loss_table(file: str, losses: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """Return `Corpus.losses` for one file from counts by (element, reason)."""
    return table("losses", loss_rows(file, losses))
