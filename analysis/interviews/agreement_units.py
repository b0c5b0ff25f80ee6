"""From codings to units: what each coder gave to each segment, turn or character.

The unit changes the number, so a table of units carries its name. A value is always a set of codes:
empty where a coder who worked on the document gave none, absent where a coder did not.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.interviews.ratings import Ratings
from analysis.project import ProjectError, bullet_list

Unit = Literal["segment", "turn", "character"]
UNITS = ("segment", "turn", "character")
SPANS_NEEDED = {"seg_id", "doc_id", "start", "end", "turn"}
CODINGS_NEEDED = {"doc_id", "start", "end", "code_id", "coder_id", "origin"}


class AgreementError(ProjectError):
    """Segments or codings from which no units can be made."""


@dataclass(frozen=True)
class UnitTable:
    """What each coder gave to each unit.

    Attributes
    ----------
    unit : str
        `segment`, `turn` or `character`.
    units : DataFrame
        doc_id, unit_id, start, end, size: one row per unit, sorted by place. Neighbouring
        characters with the same codes are one row of `size` characters; else size is 1.
    coders : tuple of str
        Columns of `values`.
    values : ndarray (rows, coders) of int
        Position in `sets`, -1 where the coder has no value.
    sets : tuple of frozenset of str
        Sets of code_id that occur, smallest first.
    unplaced : int
        Number of codings that reach no unit.
    """

    unit: str
    units: pd.DataFrame
    coders: tuple[str, ...]
    values: np.ndarray
    sets: tuple[frozenset[str], ...]
    unplaced: int

    def ratings(self) -> Ratings:
        """Return the units as ratings whose categories are sets of codes."""
        return Ratings(self.values, self.sets, self.units["size"].to_numpy(dtype=float))

    def of_code(self, code_id: str) -> Ratings:
        """Return whether each coder gave one code to each unit."""
        given = np.array([code_id in held for held in self.sets] + [False], dtype=np.int64)
        values = np.where(self.values >= 0, given[self.values], -1)
        return Ratings(values, (False, True), self.units["size"].to_numpy(dtype=float))


def unit_table(
    segments: pd.DataFrame,
    codings: pd.DataFrame,
    *,
    unit: Unit = "segment",
    coders: Collection[str] | None = None,
    codes: Collection[str] | None = None,
    read: pd.DataFrame | None = None,
    blank: Literal["category", "missing"] = "category",
    keep: Literal["coded", "all"] = "coded",
    min_overlap: float = 0.5,
) -> UnitTable:
    """Return what each coder gave to each unit of the documents.

    Only codings of origin `human` count. A coding belongs to a segment or turn when it covers at
    least `min_overlap` of the shorter of both, so that it does not reach a neighbour by a few
    characters; one without length belongs to the unit around it. Characters are those of segments.

    Parameters
    ----------
    segments : DataFrame
        seg_id, doc_id, start, end, turn, as in a corpus; none may overlap.
    codings : DataFrame
        doc_id, start, end, code_id, coder_id, origin, as in a corpus.
    unit : {"segment", "turn", "character"}
        What is counted.
    coders, codes : collection of str, optional
        Those to compare; all that have codings by default.
    read : DataFrame, optional
        doc_id, coder_id: who worked on which document. By default who has a coding there.
    blank : {"category", "missing"}
        A unit that a coder of the document left without code: the empty set, or no value.
    keep : {"coded", "all"}
        Units to which a coder gave a code, or all. NVivo compares all characters.
    min_overlap : float
        From 0 (any common character) to 1.

    Raises
    ------
    AgreementError
        Listing missing columns, unknown options and coders, and segments that overlap.
    """
    _check_options(unit=unit, blank=blank, keep=keep, min_overlap=min_overlap)
    _check_columns(segments, codings)
    human = codings[codings["origin"] == "human"]
    names = _coders(human, coders)
    human = human[human["coder_id"].isin(names)]
    chosen = human if codes is None else human[human["code_id"].isin(set(codes))]
    spans = _spans(segments, unit)
    if unit == "character":
        spans = _runs(spans, chosen)
    placed = [_placed(spans, chosen, min_overlap)]
    if unit != "character":
        placed.append(_around(spans, chosen))
    row, coding = np.concatenate(placed, axis=1)
    cell = row * len(names) + pd.Index(names).get_indexer(chosen["coder_id"].iloc[coding])
    values, sets = _sets(cell, chosen["code_id"].iloc[coding], len(spans) * len(names))
    values = values.reshape(len(spans), len(names))
    values[~_worked(spans, names, human if read is None else read)] = -1
    spans, values, held = _assembled(spans, values, sets, blank=blank, keep=keep)
    size = spans["end"] - spans["start"] if unit == "character" else 1
    unplaced = len(chosen) - len(np.unique(coding))
    return UnitTable(unit, spans.assign(size=size), names, values, held, unplaced)


def _check_options(*, unit: str, blank: str, keep: str, min_overlap: float) -> None:
    faults = []
    if unit not in UNITS:
        faults.append(f"unit is {unit!r}; use one of {', '.join(UNITS)}")
    if blank not in ("category", "missing"):
        faults.append(f"blank is {blank!r}; use category or missing")
    if keep not in ("coded", "all"):
        faults.append(f"keep is {keep!r}; use coded or all")
    if not 0 <= min_overlap <= 1:
        faults.append(f"min_overlap is {min_overlap}; use a share from 0 to 1")
    if faults:
        raise AgreementError(bullet_list("cannot make units:", faults))


def _check_columns(segments: pd.DataFrame, codings: pd.DataFrame) -> None:
    faults = [f"segments: no column {c}" for c in sorted(SPANS_NEEDED - set(segments.columns))]
    faults += [f"codings: no column {c}" for c in sorted(CODINGS_NEEDED - set(codings.columns))]
    if faults:
        raise AgreementError(bullet_list("cannot make units:", faults))


def _coders(codings: pd.DataFrame, coders: Collection[str] | None) -> tuple[str, ...]:
    known = sorted(set(codings["coder_id"]))
    if unknown := sorted(set(coders or ()) - set(known)):
        raise AgreementError(
            bullet_list(f"no codings of these coders (there are {', '.join(known)}):", unknown)
        )
    return tuple(known if coders is None else dict.fromkeys(coders))


def _spans(segments: pd.DataFrame, unit: str) -> pd.DataFrame:
    """doc_id, unit_id, start, end of segments or turns, sorted by place."""
    spans = segments.assign(unit_id=segments["seg_id"])
    if unit == "turn":
        grouped = segments.groupby(["doc_id", "turn"], as_index=False, sort=True)
        spans = grouped.agg(start=("start", "min"), end=("end", "max"))
        spans["unit_id"] = spans["doc_id"] + ":t" + spans["turn"].astype("str")
    spans = spans.sort_values(["doc_id", "start"], kind="stable", ignore_index=True)
    before = spans["end"].shift(fill_value=0)
    overlaps = (spans["doc_id"] == spans["doc_id"].shift()) & (spans["start"] < before)
    if overlaps.any():
        raise AgreementError(
            bullet_list(
                "each unit must begin after the one before; number turns and segments anew:",
                [f"{row.unit_id} in {row.doc_id}" for row in spans[overlaps].itertuples()],
            )
        )
    return spans[["doc_id", "unit_id", "start", "end"]]


def _offsets(spans: pd.DataFrame, codings: pd.DataFrame) -> dict[str, int]:
    """First place of each document when all documents are laid behind each other."""
    ends = pd.concat([spans[["doc_id", "end"]], codings[["doc_id", "end"]]])
    length = ends.groupby("doc_id")["end"].max() + 2
    return dict(zip(length.index, length.cumsum() - length, strict=True))


def _laid_out(frame: pd.DataFrame, offsets: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    base = frame["doc_id"].map(offsets).to_numpy(dtype=np.int64)
    return base + frame["start"].to_numpy(), base + frame["end"].to_numpy()


def _runs(spans: pd.DataFrame, codings: pd.DataFrame) -> pd.DataFrame:
    """Spans cut wherever a coding begins or ends."""
    if spans.empty:
        return spans
    offsets = _offsets(spans, codings)
    start, end = _laid_out(spans, offsets)
    edges = np.unique(np.concatenate([start, end, *_laid_out(codings, offsets)]))
    span = np.searchsorted(start, edges[:-1], side="right") - 1
    inside = (span >= 0) & (edges[1:] <= end[span])
    low, high, span = edges[:-1][inside], edges[1:][inside], span[inside]
    doc = spans["doc_id"].iloc[span].reset_index(drop=True)
    base = doc.map(offsets).to_numpy(dtype=np.int64)
    runs = pd.DataFrame({"doc_id": doc, "start": low - base, "end": high - base})
    places = runs["start"].astype("str") + "-" + runs["end"].astype("str")
    return runs.assign(unit_id=runs["doc_id"] + ":" + places)


def _placed(
    spans: pd.DataFrame, codings: pd.DataFrame, min_overlap: float
) -> tuple[np.ndarray, np.ndarray]:
    """Row of `spans` and of `codings` for every coding with a length that belongs to a span."""
    offsets = _offsets(spans, codings)
    start, end = _laid_out(spans, offsets)
    low, high = _laid_out(codings, offsets)
    first = np.searchsorted(end, low, side="right")
    count = np.maximum(np.searchsorted(start, high, side="left") - first, 0)
    coding = np.repeat(np.arange(len(codings)), count)
    row = np.repeat(first - (count.cumsum() - count), count) + np.arange(len(coding))
    shared = np.minimum(high[coding], end[row]) - np.maximum(low[coding], start[row])
    shorter = np.minimum((high - low)[coding], (end - start)[row])
    enough = (shared > 0) & (shared >= min_overlap * shorter)
    return row[enough], coding[enough]


def _around(spans: pd.DataFrame, codings: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row of `spans` and of `codings` for every coding without length."""
    offsets = _offsets(spans, codings)
    start, end = _laid_out(spans, offsets)
    low, high = _laid_out(codings, offsets)
    point = np.flatnonzero(low == high)
    row = np.searchsorted(start, low[point], side="right") - 1
    inside = row >= 0
    inside[inside] = low[point[inside]] <= end[row[inside]]
    return row[inside], point[inside]


def _sets(cell: np.ndarray, code: pd.Series, cells: int) -> tuple[np.ndarray, list[frozenset[str]]]:
    """Position of the set of codes of each cell, and the sets, of which the first is empty."""
    number, names = pd.factorize(code, sort=True)
    base = max(len(names), 1)
    where, number = np.divmod(np.unique(cell * base + number), base)
    rank = np.arange(len(where)) - np.searchsorted(where, where)
    values, sets = np.zeros(cells, dtype=np.int64), [frozenset[str]()]
    for step in range(int(rank.max(initial=-1)) + 1):  # one code more per step
        now = rank == step
        grown, which = np.unique(values[where[now]] * base + number[now], return_inverse=True)
        values[where[now]] = len(sets) + which
        sets += [
            sets[old] | {str(names[k])} for old, k in zip(*np.divmod(grown, base), strict=True)
        ]
    return values, sets


def _worked(spans: pd.DataFrame, coders: tuple[str, ...], present: pd.DataFrame) -> np.ndarray:
    """Whether each coder worked on the document of each span (spans, coders)."""
    pairs = present[["doc_id", "coder_id"]].drop_duplicates().assign(there=True)
    table = pairs.pivot(index="doc_id", columns="coder_id", values="there")
    table = table.reindex(index=spans["doc_id"].unique(), columns=list(coders))
    return table.notna().loc[spans["doc_id"]].to_numpy(dtype=bool)


def _assembled(
    spans: pd.DataFrame, values: np.ndarray, sets: list[frozenset[str]], *, blank: str, keep: str
) -> tuple[pd.DataFrame, np.ndarray, tuple[frozenset[str], ...]]:
    """Units to keep with their values, and the sets that occur there in their order."""
    kept = np.flatnonzero((values > 0).any(axis=1) | (keep == "all"))
    values = np.where(values == 0, -1, values)[kept] if blank == "missing" else values[kept]
    used = [k for k in np.unique(values) if k >= 0]
    used.sort(key=lambda k: (len(sets[k]), sorted(sets[k])))
    renumbered = np.full(len(sets) + 1, -1)  # the last place is that of -1
    renumbered[used] = np.arange(len(used))
    return spans.iloc[kept].reset_index(drop=True), renumbered[values], tuple(sets[k] for k in used)
