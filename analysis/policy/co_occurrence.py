"""Linkage as a measurement: how often texts speak of alleviation and revitalization together.

Counted are windows (sentences, paragraphs, whole texts) that use words of both families. Two
yardsticks: what independence over all windows of a group of texts lets expect, and what it lets
expect within each text. The first also rises because some texts speak of neither, the second does
not. All is counted without the terms of the linkage family too: many of them hold a word of one
family (脱贫地区, 乡村振兴重点帮扶县), so part of what then goes missing goes by construction.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from analysis.geography import require_columns

WINDOWS = ("sentence", "paragraph", "document")
TERMS = ("all", "without_linkage_terms")
REPORT_PERIODS = {"to_2012": 2012, "2013_2017": 2017, "2018_2020": 2020, "from_2021": 9999}
FEWEST_DOCUMENTS = 5
"""A bootstrap over fewer texts says nothing."""
COUNTS = ["windows", "alleviation", "revitalization", "both"]


def linkage(
    segments: pd.DataFrame,
    documents: pd.DataFrame,
    lexicon: pd.DataFrame,
    *,
    rng: np.random.Generator,
    draws: int = 2000,
) -> pd.DataFrame:
    """Count joint use of the two vocabularies against independence.

    Parameters
    ----------
    segments : DataFrame
        Sentences, as `corpus.segments`: doc_id, paragraph, segment, text.
    documents : DataFrame
        doc_id, kind, year.
    lexicon : DataFrame
        As `terms.read_lexicon`; its families alleviation, revitalization and linkage are used.
    rng : Generator
        For the bootstrap and the permutations.
    draws : int
        Of each.

    Returns
    -------
    DataFrame
        terms (`TERMS`), window (`WINDOWS`), grouping (all, kind, period: of the reports), group,
        documents, windows, alleviation, revitalization, both, linkage (windows with a linkage
        term); expected = alleviation x revitalization / windows, lift = both / expected, lift_low,
        lift_high (95 % percentile interval, texts drawn with replacement; missing below
        `FEWEST_DOCUMENTS` texts and where the two never meet), undefined (draws in which a
        vocabulary was absent); expected_within (the same by text, summed), lift_within, p_within
        (two-sided, windows of each text permuted: sums of hypergeometric draws). Missing where
        nothing is expected; a text as window has nothing within it.

    Raises
    ------
    ValueError
        If a column is missing, or a family has no term.
    """
    require_columns(segments, ["doc_id", "paragraph", "segment", "text"], "segments")
    require_columns(documents, ["doc_id", "kind", "year"], "documents")
    require_columns(lexicon, ["zh", "family"], "lexicon")
    families = {f: sorted(lexicon.loc[lexicon["family"] == f, "zh"], key=len, reverse=True)
                for f in ("alleviation", "revitalization", "linkage")}  # fmt: skip
    empty = [f for f, words in families.items() if not words]
    if empty:
        raise ValueError(f"lexicon: no term of the family {', '.join(empty)}: add some")
    rows: list[dict[str, object]] = []
    for terms in TERMS:
        used = _uses(segments, families, masked=terms != "all")
        for window in WINDOWS:
            counts = _by_document(used, window)
            for grouping, group, members in _groups(documents):
                own = counts.loc[counts.index.intersection(members)]
                head = {"terms": terms, "window": window, "grouping": grouping, "group": group}
                rows.append(head | _measures(own, window, rng, draws))
    return pd.DataFrame(rows)


def _uses(segments: pd.DataFrame, families: dict[str, list[str]], *, masked: bool) -> pd.DataFrame:
    """Mark the sentences that use each family."""
    search = {name: re.compile("|".join(words)) for name, words in families.items()}
    texts = segments["text"]
    bare = texts.map(lambda t: search["linkage"].sub("\0", t)) if masked else texts
    used = segments[["doc_id", "paragraph", "segment"]].copy()
    for name in ("alleviation", "revitalization"):
        used[name] = [search[name].search(t) is not None for t in bare]
    used["linkage"] = [search["linkage"].search(t) is not None for t in texts]
    return used


def _by_document(used: pd.DataFrame, window: str) -> pd.DataFrame:
    """Count windows by document."""
    inner = {"sentence": ["segment"], "paragraph": ["paragraph"], "document": []}[window]
    marks = ["alleviation", "revitalization", "linkage"]
    windows = used.groupby(["doc_id", *inner])[marks].any().assign(windows=1)
    windows["both"] = windows["alleviation"] & windows["revitalization"]
    return windows.groupby("doc_id").sum().astype(int)


def _groups(documents: pd.DataFrame) -> list[tuple[str, str, pd.Index]]:
    names = documents.set_index("doc_id")
    groups = [("all", "all", names.index)]
    for kind in dict.fromkeys(documents["kind"]):
        groups.append(("kind", str(kind), names.index[names["kind"] == kind]))
    first = 0
    for period, last in REPORT_PERIODS.items():
        inside = (names["kind"] == "report") & names["year"].between(first, last)
        groups.append(("period", period, names.index[inside]))
        first = last + 1
    return groups


def _measures(
    counts: pd.DataFrame, window: str, rng: np.random.Generator, draws: int
) -> dict[str, object]:
    total = counts[[*COUNTS, "linkage"]].sum()
    expected, lift = _lift(*(float(total[c]) for c in COUNTS))
    row: dict[str, object] = {"documents": len(counts)}
    row |= {str(name): int(n) for name, n in total.items()}
    row |= {"expected": expected, "lift": lift}
    row |= _bootstrap(counts, rng, draws)
    if window == "document":
        return row | dict.fromkeys(["expected_within", "lift_within", "p_within"], np.nan)
    return row | _within(counts, rng, draws)


def _lift(windows: float, first: float, second: float, both: float) -> tuple[float, float]:
    expected = first * second / windows if windows else np.nan
    return expected, both / expected if expected > 0 else np.nan


def _bootstrap(counts: pd.DataFrame, rng: np.random.Generator, draws: int) -> dict[str, object]:
    row: dict[str, object] = {"lift_low": np.nan, "lift_high": np.nan, "undefined": 0}
    if len(counts) < FEWEST_DOCUMENTS or not counts["both"].any():
        return row
    times = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
    windows, first, second, both = (times @ counts[COUNTS].to_numpy(dtype=float)).T
    known = first * second > 0
    row["undefined"] = int((~known).sum())
    if known.any():
        lifts = (both * windows)[known] / (first * second)[known]
        row["lift_low"], row["lift_high"] = (float(q) for q in np.quantile(lifts, [0.025, 0.975]))
    return row


def _within(counts: pd.DataFrame, rng: np.random.Generator, draws: int) -> dict[str, object]:
    windows, first, second, both = counts[COUNTS].to_numpy().T
    expected = float((first * second / windows).sum()) if len(counts) else 0.0
    if expected == 0:
        return dict.fromkeys(["expected_within", "lift_within", "p_within"], np.nan)
    chance = rng.hypergeometric(first, windows - first, second, size=(draws, len(counts)))
    joint = chance.sum(axis=1)
    tails = [(1 + (joint >= both.sum()).sum()), (1 + (joint <= both.sum()).sum())]
    return {
        "expected_within": expected,
        "lift_within": both.sum() / expected,
        "p_within": min(1.0, 2 * float(min(tails)) / (draws + 1)),
    }
