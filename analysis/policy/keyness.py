"""Phrases that set one group of policy texts apart from another.

The units are runs of Chinese characters that recur as a whole, of any length, and not the words
of a segmenter: what is new in a period are phrases of several words (乡村振兴, 高质量发展), which a
dictionary older than they are cuts to pieces. A phrase counts as key only if its difference holds
without any one text and it stands in several, so that no single report makes a key phrase.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.models.multiple_testing import benjamini_hochberg
from analysis.panel_input import raise_violations
from analysis.policy.corpus import Corpus
from analysis.policy.terms import RATE_PER

FUNCTION_CHARACTERS = frozenset("的了和与及是在将把被使让以于从向对由并而且或也都就更最很各")
"""A phrase that begins or ends with one is the edge of a longer construction."""
RUN = re.compile(r"[一-鿿]+")
PART_OF_LONGER = 0.8


def recurring_phrases(
    texts: Mapping[str, str], *, minimum: int = 10, documents: int = 3
) -> pd.DataFrame:
    """Count the phrases that recur in texts.

    A phrase is a run of two or more Chinese characters, of any length, that stands in the texts
    at least `minimum` times and in at least `documents` of them; that is not, in
    `PART_OF_LONGER` or more of its places, part of one and the same phrase that is one character
    longer; and that neither begins nor ends with one of `FUNCTION_CHARACTERS`.

    Parameters
    ----------
    texts : mapping of str to str
        Text by document.
    minimum : int
        Least number of places, at least 2.
    documents : int
        Least number of documents.

    Returns
    -------
    DataFrame of int64
        Count of each phrase (index, sorted) in each document (columns, in their order).
    """
    runs = [(doc, run) for doc, text in texts.items() for run in RUN.findall(text)]
    at = [(k, i) for k, (_, run) in enumerate(runs) for i in range(len(run) - 1)]
    kept: dict[str, Counter] = {}
    length, frequent = 2, _frequent(runs, at, 2, minimum)
    while frequent:
        longer_at = _extensible(frequent, length, runs)
        longer = _frequent(runs, longer_at, length + 1, minimum)
        part = _parts({phrase: len(where) for phrase, where in longer.items()})
        for phrase, where in frequent.items():
            seen = Counter(runs[k][0] for k, _ in where)
            if (
                len(seen) >= documents
                and part.get(phrase, 0) < PART_OF_LONGER * len(where)
                and not {phrase[0], phrase[-1]} & FUNCTION_CHARACTERS
            ):
                kept[phrase] = seen
        length, frequent = length + 1, longer
    names = sorted(kept)
    rows = [[kept[name][doc] for doc in texts] for name in names]
    return pd.DataFrame(
        np.array(rows, dtype="int64").reshape(len(names), len(texts)), index=names, columns=[*texts]
    )


def keyness(
    counts: pd.DataFrame,
    n_hanzi: pd.Series,
    *,
    first: Sequence[str],
    second: Sequence[str],
    documents: int = 3,
    level: float = 0.05,
) -> pd.DataFrame:
    """Compare how often phrases stand in two groups of documents.

    Parameters
    ----------
    counts : DataFrame
        Count by phrase (index) and document (columns), as `recurring_phrases`.
    n_hanzi : Series
        Chinese characters by document.
    first, second : sequence of str
        Documents of the groups, at least two each, none in both.
    documents : int
        Least number of documents of its own group in which a key phrase stands.
    level : float
        False discovery rate of key phrases.

    Returns
    -------
    DataFrame
        By phrase, strongest first (by `g2_without_one`, then phrase): phrase, n_first, n_second,
        documents_first, documents_second, rate_first, rate_second (per 10,000 characters),
        log_ratio (log2 of second over first, half a count for none), g2, p_value, p_adjusted
        (Benjamini-Hochberg over all phrases), g2_without_one and p_without_one (smallest g2 when
        any one document is left out, its sign of difference kept, and its adjusted p-value),
        dispersion (of the phrase over the documents of its group, 0 even, 1 all in one), group
        (first or second: where it is more frequent), key (whether both adjusted p-values are at
        most `level` and it stands in `documents` of its group). g2 takes words as independent;
        they come in bursts, so the p-values rank and the condition without one text decides.

    Raises
    ------
    ValueError
        Lists documents that are unknown or in both groups, groups of fewer than two, missing
        character counts and a level out of range.

    Source
    ------
    Dunning (1993), Computational Linguistics 19(1); Rayson & Garside (2000), Workshop on
    Comparing Corpora, for g2 = 2 sum O ln(O / E); Hardie (2014) for the log ratio; Gries (2008),
    International Journal of Corpus Linguistics 13(4), for the deviation of proportions.
    """
    raise_violations("the groups", _faults(counts, n_hanzi, first, second, level))
    early, late = (counts[list(group)].to_numpy(dtype=float) for group in (first, second))
    size = [n_hanzi[list(group)].to_numpy(dtype=float) for group in (first, second)]
    n_first, n_second = early.sum(axis=1), late.sum(axis=1)
    g2 = log_likelihood_g2(n_first, n_second, size[0].sum(), size[1].sum())
    without = _smallest_without_one(early, late, *size)
    rate = [n * RATE_PER / s.sum() for n, s in zip((n_first, n_second), size, strict=True)]
    is_second = rate[1] > rate[0]
    in_first, in_second = (early > 0).sum(axis=1), (late > 0).sum(axis=1)
    spread = np.where(is_second, _uneven(late, size[1]), _uneven(early, size[0]))
    adjusted = benjamini_hochberg(_p_value(g2))
    adjusted_without = benjamini_hochberg(_p_value(without))
    in_group = np.where(is_second, in_second, in_first)
    floor = [np.maximum(n, 0.5) / s.sum() for n, s in zip((n_first, n_second), size, strict=True)]
    table = pd.DataFrame(
        {
            "phrase": counts.index.astype("str"),
            "n_first": n_first.astype("int64"),
            "n_second": n_second.astype("int64"),
            "documents_first": in_first,
            "documents_second": in_second,
            "rate_first": rate[0],
            "rate_second": rate[1],
            "log_ratio": np.log2(floor[1] / floor[0]),
            "g2": g2,
            "p_value": _p_value(g2),
            "p_adjusted": adjusted,
            "g2_without_one": without,
            "p_without_one": adjusted_without,
            "dispersion": spread,
            "group": np.where(is_second, "second", "first"),
            "key": (np.maximum(adjusted, adjusted_without) <= level) & (in_group >= documents),
        }
    )
    return table.sort_values(
        ["g2_without_one", "phrase"], ascending=[False, True], kind="stable", ignore_index=True
    )


def compare_periods(
    corpus: Corpus,
    *,
    first: tuple[int, int] = (2013, 2017),
    second: tuple[int, int] = (2018, 2025),
    minimum: int = 10,
    level: float = 0.05,
) -> pd.DataFrame:
    """Compare the Government Work Reports of two periods, both ends included.

    Returns
    -------
    DataFrame
        As `keyness`.
    """
    reports = corpus.documents[corpus.documents["kind"] == "report"]
    groups = [
        reports.loc[reports["year"].between(*period), "doc_id"].tolist()
        for period in (first, second)
    ]
    texts = {doc_id: corpus.texts[doc_id] for group in groups for doc_id in group}
    counts = recurring_phrases(texts, minimum=minimum)
    n_hanzi = reports.set_index("doc_id")["n_hanzi"]
    return keyness(counts, n_hanzi, first=groups[0], second=groups[1], level=level)


def log_likelihood_g2(
    n_first: np.ndarray, n_second: np.ndarray, size_first: float, size_second: float
) -> np.ndarray:
    """Return 2 sum O ln(O / E) for counts in two corpora, E in proportion to their sizes."""
    total = n_first + n_second
    whole = size_first + size_second
    parts = ((n_first, total * size_first / whole), (n_second, total * size_second / whole))
    terms = [n * np.log(np.where(n > 0, n, 1) / np.where(n > 0, e, 1)) for n, e in parts]
    return np.maximum(2 * (terms[0] + terms[1]), 0.0)


def _frequent(
    runs: list[tuple[str, str]], at: list[tuple[int, int]], length: int, minimum: int
) -> dict[str, list[tuple[int, int]]]:
    """Return the places of each phrase of a length that stands at `minimum` or more of them."""
    places: dict[str, list[tuple[int, int]]] = {}
    for k, i in at:
        places.setdefault(runs[k][1][i : i + length], []).append((k, i))
    return {phrase: where for phrase, where in places.items() if len(where) >= minimum}


def _extensible(
    frequent: Mapping[str, list[tuple[int, int]]], length: int, runs: list[tuple[str, str]]
) -> list[tuple[int, int]]:
    """Return the places where a phrase one longer could be frequent: both its parts are."""
    places = {place for where in frequent.values() for place in where}
    return sorted((k, i) for k, i in places if (k, i + 1) in places)


def _parts(longer: Mapping[str, int]) -> dict[str, int]:
    """Return for each phrase how often the most frequent phrase one longer holds it."""
    most: dict[str, int] = {}
    for phrase, count in longer.items():
        for part in (phrase[:-1], phrase[1:]):
            most[part] = max(most.get(part, 0), count)
    return most


def _smallest_without_one(
    early: np.ndarray, late: np.ndarray, size_first: np.ndarray, size_second: np.ndarray
) -> np.ndarray:
    """Return the smallest g2 when one document is left out, 0 where the difference turns round."""
    n = [early.sum(axis=1), late.sum(axis=1)]
    size = [size_first.sum(), size_second.sum()]
    sign = np.sign(n[1] / size[1] - n[0] / size[0])
    smallest = np.full(len(early), np.inf)
    for side, (group, sizes) in enumerate(((early, size_first), (late, size_second))):
        for k in range(group.shape[1]):
            m, s = n.copy(), size.copy()
            m[side], s[side] = m[side] - group[:, k], s[side] - sizes[k]
            same = np.sign(m[1] / s[1] - m[0] / s[0]) == sign
            smallest = np.minimum(smallest, np.where(same, log_likelihood_g2(*m, *s), 0.0))
    return smallest


def _uneven(group: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return half the sum of absolute differences between shares of a phrase and of the text."""
    total = group.sum(axis=1, keepdims=True)
    share = np.divide(group, total, where=total > 0, out=np.zeros(group.shape))
    return np.abs(share - size / size.sum()).sum(axis=1) / 2


def _p_value(g2: np.ndarray) -> np.ndarray:
    from scipy.stats import chi2

    return chi2.sf(g2, 1)


def _faults(
    counts: pd.DataFrame, n_hanzi: pd.Series, first: Sequence[str], second: Sequence[str],
    level: float,
) -> list[str]:  # fmt: skip
    faults = [] if 0 < level < 1 else [f"level is {level}, must be in (0, 1)"]
    for name, group in (("first", first), ("second", second)):
        if len(set(group)) < 2:
            faults.append(f"{name} has {len(set(group))} documents, needs 2 or more")
        faults += [
            f"{name}: document {doc!r} has no {what}: supply it"
            for doc in group
            for what, known in (("counts", counts.columns), ("character count", n_hanzi.index))
            if doc not in known
        ]
    both = sorted(set(first) & set(second))
    return faults + [f"document {doc!r} is in both groups: take it out of one" for doc in both]
