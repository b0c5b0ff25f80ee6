"""Offsets that a tool stored, checked against the text that it stored beside them.

The selections of a file vote on what its offsets count (`refi_offsets`); one that the vote does not
explain is looked for by its text. What comes of each is said, so no coding is shifted in silence.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from analysis.interviews.refi_offsets import (
    Convention,
    StoredText,
    infer_convention,
    to_code_points,
)
from analysis.interviews.refi_offsets import Selection as Voter
from analysis.interviews.text import find_ink, ink

VERIFIED, MENDED, UNVERIFIED, DIFFERS, OUTSIDE = (
    "verified", "mended", "unverified", "differs", "outside",
)  # fmt: skip
REASONS = {
    MENDED: "offsets did not fit the stored text: moved to the only place that has it",
    UNVERIFIED: "offsets unverified: no stored text to compare with",
    DIFFERS: "offsets unverified: the document has another text there",
    OUTSIDE: "left out: offsets outside the document, and its stored text is not there",
}


@dataclass(frozen=True)
class Selection:
    """A passage as a tool stored it.

    Attributes
    ----------
    document : hashable
        Key of its text.
    start, end : int
        Offsets as they stand in the file.
    quote : str
        The text that the tool stored with it, or nothing.
    """

    document: Hashable
    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class Placed:
    """Offsets of a selection in the text of its document, and how far they are to be trusted.

    Attributes
    ----------
    start, end : int
        In code points, end excluded.
    status : str
        `verified`: the text there is the stored one, white space apart; else a key of `REASONS`.
        `outside`: the offsets mean nothing and must not be used.
    """

    start: int
    end: int
    status: str


def place_selections(
    texts: Mapping[Any, StoredText], selections: Sequence[Selection], default: Convention
) -> list[Placed]:
    """Return where selections lie, by the convention that most of them agree with.

    Parameters
    ----------
    texts : mapping of document to StoredText
    selections : sequence of Selection
        All of one file.
    default : Convention
        What the tool is known to count; taken where no selection has a text.

    Returns
    -------
    list of Placed
        In the order of `selections`.
    """
    number = {key: k for k, key in enumerate(texts)}
    voters = [Voter(number[s.document], s.start, s.end, s.quote) for s in selections]
    vote = infer_convention(list(texts.values()), voters, default)
    members: dict[Hashable, list[int]] = {}
    for k, selection in enumerate(selections):
        members.setdefault(selection.document, []).append(k)
    visible = cache(lambda document: ink(texts[document].text))
    placed: dict[int, Placed] = {}
    for document, own in members.items():
        spans = to_code_points(
            texts[document], vote.of(number[document]),
            [selections[k].start for k in own], [selections[k].end for k in own],
        )  # fmt: skip
        for k, start, end, moved in zip(own, *spans, strict=True):
            quote = _squeezed(selections[k].quote)
            placed[k] = _placed(
                texts[document].text, int(start), int(end), quote, partial(visible, document)
            )
            if moved and placed[k].status in (UNVERIFIED, DIFFERS):
                placed[k] = Placed(0, 0, OUTSIDE)
    return [placed[k] for k in range(len(selections))]


def _placed(
    text: str, start: int, end: int, quote: str, visible: Callable[[], tuple[str, np.ndarray]]
) -> Placed:
    if not quote:
        return Placed(start, end, UNVERIFIED)
    if _squeezed(text[start:end]) == quote:
        return Placed(start, end, VERIFIED)
    found = find_ink(*visible(), ink(quote)[0])
    return Placed(*found[0], MENDED) if len(found) == 1 else Placed(start, end, DIFFERS)


def _squeezed(text: str) -> str:
    return "".join(text.replace("\ufeff", "").split())
