"""Find personal data in a text: numbers, contacts, places and names, in Chinese and English.

Rules of both languages look at every text, as transcripts mix them. A name that a cue gave away is
then looked for wherever else it stands. It is an aid and never a promise: what no rule knows stays,
so a person reads every text before it is used, and names.csv of a study takes what they find.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

import pandas as pd

from analysis.confidentiality.personal_contacts import find_contacts
from analysis.confidentiality.personal_finding import Finding, merge
from analysis.confidentiality.personal_lexicon import (
    cuts_word,
    fold,
    in_longer_word,
    is_han,
    is_word,
    squeeze,
    words,
)
from analysis.confidentiality.personal_names import find_chinese_names
from analysis.confidentiality.personal_names_en import find_english_names, name_key
from analysis.confidentiality.personal_numbers import find_numbers
from analysis.confidentiality.personal_places import find_places
from analysis.confidentiality.pseudonyms import ConfidentialityError
from analysis.project import bullet_list

RULES = (find_numbers, find_contacts, find_places, find_chinese_names, find_english_names)
LISTED_KINDS = ("person", "village", "place", "organization")
_LINE = re.compile("[^\n]+")
COLUMNS = {"start": "int64", "end": "int64", "kind": "str", "certain": "bool", "masked": "bool",
           "reason": "str"}  # fmt: skip


def find_personal_data(text: str, names: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return where a text holds personal data.

    Parameters
    ----------
    text : str
        In Chinese, English or both.
    names : DataFrame, optional
        Known names: columns name and kind (`person`, `village`, `place`, `organization`).

    Returns
    -------
    DataFrame
        start, end (code points, end excluded), kind (one of `personal_finding.KINDS`), certain
        (no doubt left by the rule), masked (False: only to be shown to a reviewer), reason (why a
        person should look); sorted, and no two masked ones overlap. No column quotes the text.

    Raises
    ------
    ConfidentialityError
        When `names` lacks a column, has an empty name or a kind that is not known.
    """
    known = listed_names(names)
    found = rule_findings(text)
    spread = spread_names(found)
    merged = merge([*found, *occurrences(text, known), *occurrences(text, spread)])
    rows = [{c: getattr(f, c) for c in COLUMNS} for f in merged]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def rule_findings(text: str) -> list[Finding]:
    """Return what the rules find in a text, overlapping as it may be."""
    folded = fold(text)
    found = [f for rule in RULES for f in rule(folded)]
    taken = [(f.start, f.end) for f in found if f.masked]
    for finding in _in_squeezed(folded):
        if not _inside(finding.start, finding.end, taken):
            found.append(finding)
    return [f for f in found if f.start < f.end and "\n" not in text[f.start : f.end]]


def _in_squeezed(folded: str) -> Iterator[Finding]:
    """Yield what the rules find in lines with gaps inside words, once the gaps are closed."""
    for line in _LINE.finditer(folded):
        squeezed = squeeze(line[0])
        if squeezed:
            for finding in (f for rule in RULES for f in rule(squeezed.text)):
                start, end = squeezed.original(finding.start, finding.end)
                if _is_spaced(line[0][start:end], finding):
                    yield finding.shifted(line.start() + start, line.start() + end)


def _is_spaced(stretch: str, finding: Finding) -> bool:
    """Whether a stretch holds gaps that may lie inside of one name or number.

    Two names side by side have a blank between them too: in one name it follows the surname.
    """
    if len(stretch) == finding.end - finding.start:
        return False
    if finding.kind != "person" or not any(c.isspace() for c in stretch):
        return True
    return stretch[1].isspace() or (
        stretch[2:3].isspace() and stretch[:2] in words("surnames_compound")
    )


def _inside(start: int, end: int, taken: Iterable[tuple[int, int]]) -> bool:
    return any(a <= start and end <= b for a, b in taken)


# --- names that are known ------------------------------------------------------------------------


def listed_names(names: pd.DataFrame | None) -> dict[str, Finding]:
    """Return a model finding for each listed name, by its folded text.

    Raises
    ------
    ConfidentialityError
        Listing every row (counted from 1) without a name or with a kind that is not known.
    """
    if names is None or names.empty:
        return {}
    missing = [c for c in ("name", "kind") if c not in names]
    if missing:
        raise ConfidentialityError(f"names: no column {', '.join(missing)}; it needs name and kind")
    problems = [
        f"row {k}: {'the name is empty' if not str(row.name_).strip() else f'kind {row.kind!r}'}"
        for k, row in enumerate(names.rename(columns={"name": "name_"}).itertuples(), start=1)
        if not str(row.name_).strip() or row.kind not in LISTED_KINDS
    ]
    if problems:
        headline = f"names: each row needs a name and one of the kinds {', '.join(LISTED_KINDS)}:"
        raise ConfidentialityError(bullet_list(headline, problems))
    known: dict[str, Finding] = {}
    for name, kind in zip(names["name"], names["kind"], strict=True):
        surface = fold(str(name)).strip()
        model = Finding(0, 0, kind, _key(surface), spreads=kind == "person")
        known |= {surface: model}
        if kind == "person":
            known = {**_shorter(surface, model), **known}
    return known


def spread_names(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return a model finding for each full name among findings, and for the parts it is known by.

    A name that no rule is certain of stays doubtful wherever it stands. A part that two names
    share, or that is an ordinary word, is left out.
    """
    models: dict[str, Finding] = {}
    for finding in findings:
        if finding.spreads and len(finding.key) > 1:
            known = models.get(finding.key)
            models[finding.key] = known if known and known.certain else finding.shifted(0, 0)
    parts = [part for key, model in models.items() for part in _shorter(key, model).items()]
    often = Counter(name for name, _ in parts)
    return {name: part for name, part in parts if often[name] == 1} | models


def _shorter(name: str, model: Finding) -> dict[str, Finding]:
    """The parts of a full name by which a person may be called alone."""
    reason = "part of a full name found elsewhere"
    part = Finding(0, 0, "person", model.key, certain=False, reason=reason)
    if is_han(name):
        given = name[2:] if name[:2] in words("surnames_compound") else name[1:]
        return {given: part} if len(given) == 2 and not is_word(given) else {}
    common = {w.casefold() for w in words("english_common_names") | words("english_not_names")}
    tokens = [
        t for t in re.findall(r"[^\W\d_]+", name) if len(t) > 2 and t.casefold() not in common
    ]
    return dict.fromkeys(tokens, part) if " " in name else {}


def _is_common(name: str) -> bool:
    """Whether an English name is an ordinary word too."""
    return name.title() in words("english_common_names") | words("english_not_names")


def occurrences(text: str, known: Mapping[str, Finding]) -> Iterator[Finding]:
    """Yield where known names stand in a text.

    Chinese names may have blanks inside and may not cut an ordinary word in two; Latin ones stand
    as whole words and begin with a capital letter unless the listed name does not.
    """
    if not known:
        return
    folded = fold(text)
    han = [name for name in known if is_han(name)]
    latin = {name_key(name): model for name, model in known.items() if not is_han(name)}
    for match in _pattern(han).finditer(folded) if han else ():
        name, span = re.sub(r"\s", "", match[0]), match.span()
        hidden = in_longer_word(folded, *span) if known[name].certain else _cuts(folded, *span)
        if not hidden:
            yield known[name].shifted(*span)
    for match in _latin_pattern(latin).finditer(folded) if latin else ():
        if match[0][0].isupper() or not match[0][0].isalpha():
            yield latin[name_key(match[0])].shifted(*match.span())


def _cuts(text: str, start: int, end: int) -> bool:
    return cuts_word(text, start) or cuts_word(text, end)


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    """A pattern for many Chinese names: they share their first characters."""
    by_first = groupby(sorted(names, key=lambda n: (n[0], -len(n), n)), key=lambda n: n[0])
    tails = [
        rf"{first}\s?(?:" + "|".join(r"\s?".join(n[1:]) for n in group) + ")"
        for first, group in by_first
    ]
    return re.compile("|".join(tails))


def _latin_pattern(keys: Iterable[str]) -> re.Pattern[str]:
    spelled = sorted((r"[\s.'-]+".join(map(re.escape, k.split())) for k in keys if k), key=len)
    return re.compile(rf"(?i)(?<!\w)(?:{'|'.join(reversed(spelled))})(?!\w)")


def _key(name: str) -> str:
    return name if is_han(name) else name_key(name)
