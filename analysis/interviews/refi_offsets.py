"""Which characters a tool's offsets mean, found by asking the selections that carry their text.

The standard leaves it open and the tools differ: code points, UTF-16 units or UTF-8 bytes; the end
excluded or included; a line end of two characters counted as one or two; a byte order mark counted
or not. A wrong guess shifts every coding of Chinese text, and nothing looks broken. So every
combination is tried on the selections whose name quotes the passage, and the one that reproduces
most of them is taken.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np

Unit = Literal["code points", "UTF-16 units", "UTF-8 bytes"]
LineEnd = Literal["one", "stored", "two"]
Mark = Literal["never", "where stored", "always"]
UNITS: tuple[Unit, ...] = ("code points", "UTF-16 units", "UTF-8 bytes")
LINE_ENDS: tuple[LineEnd, ...] = ("stored", "one", "two")
MARKS: tuple[Mark, ...] = ("never", "where stored", "always")
VOTERS = 400  # selections that vote; more do not change the outcome
OWN_VOTE = 2  # selections of one document that outvote the rest of the file for that document
MOST_ALIKE = 4  # score of a selection that is named exactly after its passage
CUT_LENGTH = 20  # characters from which a name may be cut off without an ellipsis

_MARK_WIDTH: dict[Unit, int] = {"code points": 1, "UTF-16 units": 1, "UTF-8 bytes": 3}
_ELLIPSIS = re.compile(r"(…|\.\.\.)\s*\Z")
_SPACE = re.compile(r"\s+")
_ANY_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class Convention:
    """What an offset counts.

    Attributes
    ----------
    unit : str
        `code points`, `UTF-16 units` or `UTF-8 bytes`.
    inclusive : bool
        Whether the end is the last unit of the passage, not the one after it.
    line_end : str
        What a line end counts: `one`, `two`, or as many characters as are `stored` in the file.
    mark : str
        Whether a byte order mark before the text counts: `never`, `where stored`, `always`.
    """

    unit: Unit = "code points"
    inclusive: bool = False
    line_end: LineEnd = "stored"
    mark: Mark = "never"

    def __str__(self) -> str:
        end = "last" if self.inclusive else "excluded"
        mark = {"never": "not counted"}.get(self.mark, f"counted {self.mark}")
        return f"{self.unit}, end {end}, line ends as {self.line_end}, byte order mark {mark}"


CONVENTIONS = tuple(
    Convention(unit, inclusive, line_end, mark)
    for mark, inclusive, line_end, unit in product(MARKS, (False, True), LINE_ENDS, UNITS)
)


@dataclass(frozen=True)
class StoredText:
    r"""A text and what its file held beside it.

    Attributes
    ----------
    text : str
        With `\n` as line ends and without byte order mark.
    doubled : tuple of int
        Positions in `text` of the line ends that are two characters in the file.
    has_mark : bool
        Whether the file begins with a byte order mark.
    """

    text: str
    doubled: tuple[int, ...] = ()
    has_mark: bool = False

    @classmethod
    def of(cls, raw: str) -> "StoredText":
        r"""Return the text of a decoded file: `\r\n` and `\r` become `\n`, the mark goes."""
        body = raw.removeprefix("\ufeff")
        if "\r" not in body:
            return cls(body, (), len(body) < len(raw))
        doubled: list[int] = []
        for match in _ANY_LINE_END.finditer(body):
            if match.end() - match.start() == 2:
                doubled.append(match.start() - len(doubled))
        return cls(_ANY_LINE_END.sub("\n", body), tuple(doubled), len(body) < len(raw))

    @cached_property
    def _code_points(self) -> np.ndarray:
        return np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)

    def edges(self, convention: Convention) -> np.ndarray:
        """Return the offset of each of the ``len(text) + 1`` edges between characters."""
        points = self._code_points
        width = np.ones(len(points), dtype=np.int64)
        if convention.unit == "UTF-16 units":
            width += points > 0xFFFF
        elif convention.unit == "UTF-8 bytes":
            width += (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
        if convention.line_end == "two":
            width[points == 0x0A] = 2
        elif convention.line_end == "stored":
            width[list(self.doubled)] = 2
        counted = convention.mark == "always" or (
            convention.mark == "where stored" and self.has_mark
        )
        first = _MARK_WIDTH[convention.unit] if counted else 0
        return first + np.concatenate([[0], np.cumsum(width)])


@dataclass(frozen=True)
class Selection:
    """A passage as a tool gives it.

    Attributes
    ----------
    document : int
        Position of its text in the list of texts.
    start, end : int
        Offsets as they stand in the file.
    name : str
        Text of the passage, its beginning, a title, or empty.
    """

    document: int
    start: int
    end: int
    name: str = ""


@dataclass(frozen=True)
class Vote:
    """The outcome of a vote.

    Attributes
    ----------
    convention : Convention
        Of the file.
    exceptions : dict of int to Convention
        Of the documents that differ from the file.
    voters : int
        Selections with a name that were asked.
    agreeing : int
        Those of them that carry the passage at their offsets.
    """

    convention: Convention
    exceptions: dict[int, Convention]
    voters: int
    agreeing: int

    def of(self, document: int) -> Convention:
        """Return the convention of a document."""
        return self.exceptions.get(document, self.convention)


def infer_convention(
    texts: Sequence[StoredText], selections: Sequence[Selection], default: Convention
) -> Vote:
    """Return the convention under which most selections carry the text that they are named after.

    A selection gives 4 where its name is the passage, 3 where the two differ in the length of
    white space, 2 where the name is the beginning of the passage, cut off, 1 where they agree
    without white space. Ties go to `default`, then to the simplest convention. Where no selection
    agrees, that convention stands under which most offsets lie in the text between characters.

    Parameters
    ----------
    texts : sequence of StoredText
        Texts of the documents.
    selections : sequence of Selection
        All of the file; a document whose text is empty has no vote.
    default : Convention
        What the tool is known to do.
    """
    candidates = [default, *(c for c in CONVENTIONS if c != default)]
    able = [s for s in selections if texts[s.document].text]
    voters = _spread([s for s in able if s.name.strip()])
    scores = _scores(texts, voters, candidates[:1], _likeness)
    if (scores < MOST_ALIKE).any():
        scores = _scores(texts, voters, candidates, _likeness)
    vote = _counted(candidates, voters, scores)
    if vote.agreeing:
        return vote
    fits = _scores(texts, _spread(able), candidates, lambda passage, name: 1)
    return replace(vote, convention=candidates[int(fits.sum(axis=1).argmax())])


def _spread(selections: Sequence[Selection]) -> list[Selection]:
    """At most `VOTERS` of the selections, evenly from first to last."""
    kept = np.linspace(0, len(selections) - 1, min(len(selections), VOTERS)).astype(int)
    return [selections[i] for i in kept]


def _counted(
    candidates: Sequence[Convention], voters: Sequence[Selection], scores: np.ndarray
) -> Vote:
    """Count the votes of a file, and of each document that votes otherwise."""
    best = int(scores.sum(axis=1).argmax())
    documents = np.array([s.document for s in voters], dtype=int)
    exceptions: dict[int, Convention] = {}
    for document in np.unique(documents):
        own = scores[:, documents == document]
        totals = own.sum(axis=1)
        winner = int(totals.argmax())
        if totals[winner] > totals[best] and (own[winner] >= MOST_ALIKE - 1).sum() >= OWN_VOTE:
            exceptions[int(document)] = candidates[winner]
    chosen = [candidates.index(exceptions.get(d, candidates[best])) for d in documents.tolist()]
    agreeing = int((scores[chosen, np.arange(len(voters))] > 0).sum())
    return Vote(candidates[best], exceptions, len(voters), agreeing)


def _scores(
    texts: Sequence[StoredText],
    voters: Sequence[Selection],
    candidates: Sequence[Convention],
    score: Callable[[str, str], int],
) -> np.ndarray:
    """Score of each candidate (rows) by each voter (columns); 0 where the offsets fit nothing."""
    scores = np.zeros((len(candidates), len(voters)), dtype=int)
    order = sorted(range(len(voters)), key=lambda i: voters[i].document)
    for row, convention in enumerate(candidates):
        edges, document = np.zeros(0), -1
        for i in order:
            voter = voters[i]
            if voter.document != document:
                document, stored = voter.document, texts[voter.document]
                edges = stored.edges(convention)
            start, end = _located(edges, convention, voter.start, voter.end)
            if 0 <= start <= end < len(edges):
                scores[row, i] = score(stored.text[start:end], voter.name)
    return scores


def _likeness(passage: str, name: str) -> int:
    """0 to 4: how well a passage agrees with the name of its selection."""
    if passage == name:
        return MOST_ALIKE
    if _SPACE.sub(" ", passage.strip()) == _SPACE.sub(" ", name.strip()):
        return 3
    packed, short = _SPACE.sub("", passage), _SPACE.sub("", _ELLIPSIS.sub("", name))
    if not short:
        return 0
    is_cut = _ELLIPSIS.search(name) is not None or len(short) >= CUT_LENGTH
    if is_cut and len(packed) > len(short) and packed.startswith(short):
        return 2
    return int(packed == short)


def _located(edges: np.ndarray, convention: Convention, start: int, end: int) -> tuple[int, int]:
    """Return both edges in code points; -1 for one that cuts a character or lies outside."""
    stop = end + 1 if convention.inclusive else end
    low, high = np.searchsorted(edges, [start, stop])
    found = [int(i) if i < len(edges) and edges[i] == o else -1
             for i, o in ((low, start), (high, stop))]  # fmt: skip
    return found[0], found[1]


def to_code_points(
    text: StoredText, convention: Convention, starts: Sequence[int], ends: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return offsets in code points of `text.text`, the end excluded.

    Parameters
    ----------
    text : StoredText
        The text.
    convention : Convention
        What the offsets count.
    starts, ends : sequence of int
        Offsets as they stand in the file.

    Returns
    -------
    tuple of arrays
        Starts, ends, and whether the passage had to be moved: an offset that cuts a character goes
        to the edge that keeps it, one outside to the nearest end, reversed ones are swapped.
    """
    edges = text.edges(convention)
    first = np.asarray(starts, dtype=np.float64)
    last = np.asarray(ends, dtype=np.float64) + (1 if convention.inclusive else 0)
    low, high = np.minimum(first, last), np.maximum(first, last)
    start = np.clip(np.searchsorted(edges, low, side="right") - 1, 0, len(edges) - 1)
    end = np.clip(np.searchsorted(edges, high, side="left"), 0, len(edges) - 1)
    moved = (first > last) | (edges[start] != low) | (edges[end] != high)
    return start, np.maximum(start, end), moved
