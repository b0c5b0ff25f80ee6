"""Policy instruments and the five revitalizations, coded by a documented dictionary.

Two axes: what the state uses (supply, environment, demand: Rothwell and Zegveld 1985) and what it
is for (industry, talent, culture, ecology, organization). A segment may have several classes of an
axis, or none, which is a class of its own. Words are matched as they are written. How often the
dictionary is right is measured by `analysis.policy.coding_quality`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.geography import require_columns
from analysis.panel_input import raise_violations
from analysis.policy.corpus import n_hanzi

DICTIONARY = "instruments.csv"
DICTIONARY_COLUMNS = ["code", "axis", "class", "pattern", "exclude", "rationale"]
AXES: Mapping[str, tuple[str, ...]] = {
    "scope": ("rural",),
    "instrument": ("supply", "environment", "demand"),
    "revitalization": ("industry", "talent", "culture", "ecology", "organization"),
}
CODED = (*AXES["instrument"], *AXES["revitalization"])
NONE = "none"
SHORTEST = 8
"""Hanzi: what is shorter is a heading or the mark of a list, and is not coded."""
PERIODS = {"report_to_2012": 2012, "report_2013_2017": 2017, "report_from_2018": 9999}
_CODE = re.compile(r"[a-z_]+\.[a-z_]+")
_BLANK = "\0"


def read_dictionary(folder: Path) -> pd.DataFrame:
    """Read the words that stand for each class.

    Parameters
    ----------
    folder : Path
        `data/raw/policy`.

    Returns
    -------
    DataFrame
        code (class, full stop, name), axis, class, pattern (words parted by ``|``), exclude
        (longer expressions in which the words do not count), rationale.

    Raises
    ------
    ValueError
        Lists every missing column, code that is malformed, repeated or of another class, unknown
        axis or class, class without a code, empty or repeated word, character that has a meaning
        in a pattern, and exclusion that holds none of the words, with row.
    """
    path = folder / DICTIONARY
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    absent = [c for c in DICTIONARY_COLUMNS if c not in table]
    raise_violations(path.name, [f"column '{c}' is missing: add it" for c in absent])
    faults = [
        f"{path.name} row {row}, column '{column}': {fault}"
        for row, entry in enumerate(table.to_dict("records"), start=2)
        for column, fault in _entry_faults({str(k): str(v) for k, v in entry.items()})
    ]
    faults += [
        f"{path.name} row {row}, column 'code': {table['code'].iloc[row - 2]!r} stands above: "
        "rename one"
        for row in (table["code"].duplicated().to_numpy().nonzero()[0] + 2)
    ]
    known = [c for classes in AXES.values() for c in classes]
    faults += [
        f"{path.name}, column 'class': {c!r} has no code: add one"
        for c in known
        if c not in set(table["class"])
    ]
    raise_violations(path.name, faults)
    return table[DICTIONARY_COLUMNS]


def _entry_faults(entry: Mapping[str, str]) -> list[tuple[str, str]]:
    code, axis, name = entry["code"], entry["axis"], entry["class"]
    words, longer = entry["pattern"].split("|"), _words(entry["exclude"])
    faults = []
    if not _CODE.fullmatch(code):
        faults.append(("code", f"{code!r} must be class.name in lower-case letters: rename it"))
    elif code.split(".")[0] != name:
        faults.append(("code", f"{code!r} must begin with its class {name!r}: rename it"))
    if axis not in AXES:
        faults.append(("axis", f"{axis!r} must be one of {', '.join(AXES)}: correct it"))
    elif name not in AXES[axis]:
        faults.append(("class", f"{name!r} must be one of {', '.join(AXES[axis])}: correct it"))
    if "" in words:
        faults.append(("pattern", "a word is empty: remove the superfluous |"))
    elif len(set(words)) < len(words):
        faults.append(("pattern", "a word stands twice: remove one"))
    for column, values in (("pattern", words), ("exclude", longer)):
        magic = [v for v in values if re.escape(v) != v]
        if magic:
            faults.append((column, f"{magic} must be plain words: take out the other characters"))
    idle = [v for v in longer if not any(w and w in v for w in words)]
    if idle:
        faults.append(("exclude", f"{idle} holds none of the words: remove it"))
    return faults


def _words(cell: str) -> list[str]:
    return cell.split("|") if cell else []


def flag_segments(
    segments: pd.DataFrame, documents: pd.DataFrame, dictionary: pd.DataFrame
) -> pd.DataFrame:
    """Code every segment.

    A segment of fewer than `SHORTEST` hanzi is not coded. A segment of a Government Work Report is
    in scope if it names countryside, farming or poverty; all segments of the other texts are.
    Classes are given in scope only. An expression of `exclude` is blanked before words are sought.

    Parameters
    ----------
    segments : DataFrame
        As `corpus.segments`: doc_id, segment, start, end, text.
    documents : DataFrame
        doc_id and kind of every text.
    dictionary : DataFrame
        As `read_dictionary`.

    Returns
    -------
    DataFrame
        In the order of `segments`: doc_id, segment, start, end, scope and one column per class of
        `CODED` (bool), codes (those found, parted by blanks, sorted; empty out of scope).

    Raises
    ------
    ValueError
        If a column is missing or a document is unknown.
    """
    require_columns(segments, ["doc_id", "segment", "start", "end", "text"], "segments")
    require_columns(documents, ["doc_id", "kind"], "documents")
    unknown = sorted(set(segments["doc_id"]) - set(documents["doc_id"]))
    raise_violations("the segments", [f"{d}: not among the documents: add it" for d in unknown])
    texts = segments["text"].tolist()
    columns = (dictionary[c] for c in ("code", "pattern", "exclude"))
    found = {str(c): _code_hits(texts, p, e) for c, p, e in zip(*columns, strict=True)}
    hits = pd.DataFrame(found, index=segments.index)
    kinds = segments["doc_id"].map(documents.set_index("doc_id")["kind"])
    in_class = {
        name: hits[list(codes)].any(axis=1) for name, codes in dictionary.groupby("class")["code"]
    }
    long_enough = segments["text"].map(n_hanzi) >= SHORTEST
    scope = long_enough & (in_class["rural"] | (kinds != "report"))
    flags = segments[["doc_id", "segment", "start", "end"]].assign(scope=scope)
    for name in CODED:
        flags[name] = in_class[name] & scope
    named = hits[sorted(c for c in found if not c.startswith("rural."))]
    flags["codes"] = [
        " ".join(named.columns[row]) if inside else ""
        for row, inside in zip(named.to_numpy(), scope, strict=True)
    ]
    return flags.reset_index(drop=True)


def _code_hits(texts: list[str], pattern: str, exclude: str) -> list[bool]:
    words = re.compile(pattern)
    if not exclude:
        return [words.search(text) is not None for text in texts]
    longest_first = sorted(_words(exclude), key=len, reverse=True)
    longer = re.compile("|".join(longest_first))
    return [words.search(longer.sub(_BLANK, text)) is not None for text in texts]


def document_groups(documents: pd.DataFrame) -> pd.Series:
    """Return the group of each document, indexed by doc_id: reports by period, others alone."""
    require_columns(documents, ["doc_id", "kind", "year"], "documents")
    rows = documents[["doc_id", "kind", "year"]].itertuples(index=False)
    return pd.Series(
        {
            str(d): next(p for p, last in PERIODS.items() if year <= last) if k == "report" else d
            for d, k, year in rows
        },
        name="group",
    )


def coding_table(flags: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Count segments by instrument and revitalization.

    Parameters
    ----------
    flags : DataFrame
        As `flag_segments`.
    groups : Series
        Group by doc_id, as `document_groups`.

    Returns
    -------
    DataFrame
        group, documents, segments (in scope), instrument, revitalization (each also ``"none"``),
        n, share (% of the segments in scope). A segment with several classes counts in several
        cells: shares do not add up to 100.

    Raises
    ------
    ValueError
        If a column is missing or a document has no group.
    """
    require_columns(flags, ["doc_id", "scope", *CODED], "flags")
    lost = sorted(set(flags["doc_id"]) - set(groups.index))
    raise_violations("the flags", [f"{d}: in no group: add it to the groups" for d in lost])
    inside = flags[flags["scope"]]
    member = inside["doc_id"].map(groups)
    rows = []
    for group in dict.fromkeys(groups):
        own = inside[member == group]
        marks = {axis: _with_none(own, axis) for axis in ("instrument", "revitalization")}
        size = {"group": group, "documents": int((groups == group).sum()), "segments": len(own)}
        for instrument, uses in marks["instrument"].items():
            for purpose, serves in marks["revitalization"].items():
                n = int((uses & serves).sum())
                rows.append(
                    size
                    | {"instrument": instrument, "revitalization": purpose, "n": n}
                    | {"share": 100 * n / len(own) if len(own) else float("nan")}
                )
    return pd.DataFrame(rows)


def _with_none(flags: pd.DataFrame, axis: str) -> dict[str, pd.Series]:
    marks = {name: flags[name] for name in AXES[axis]}
    return marks | {NONE: ~flags[list(AXES[axis])].any(axis=1)}
