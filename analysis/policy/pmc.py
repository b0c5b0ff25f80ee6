"""Consistency scores of policy texts (PMC), together with how arbitrary their ranking is.

Estrada's index is the sum over main variables of the share of sub-variables that a text shows.
Which variables, what counts as shown, and that all weigh the same are choices. So no ranking is
given without the rankings that other choices give: random weights, all subsets of the main
variables, other thresholds, and all of these at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.geography import require_columns
from analysis.panel_input import raise_violations
from analysis.policy.coding import CODED, DICTIONARY, read_dictionary

VARIABLES = "pmc_variables.csv"
VARIABLE_COLUMNS = ["main", "variable", "kind", "value", "label_en", "label_zh"]
KINDS = ("class", "code", "words")
SOURCES = ("weights", "subsets", "thresholds", "all")


@dataclass(frozen=True)
class Threshold:
    """What counts as shown: at least so many segments, or so many per 100 segments of a text."""

    count: int = 1
    rate: float = 0.0

    def shown(self, hits: pd.DataFrame) -> pd.Series:
        """Return whether each row of `variable_hits` reaches the threshold."""
        enough = (hits["n"] >= self.count) & (100 * hits["n"] >= self.rate * hits["segments"])
        return enough.astype(float)


BASE = Threshold()
THRESHOLDS = (BASE, Threshold(count=2), Threshold(count=5), Threshold(rate=1.0),
              Threshold(rate=3.0))  # fmt: skip


def read_variables(folder: Path) -> pd.DataFrame:
    """Read the variables of the score.

    Returns
    -------
    DataFrame
        main, variable, kind (`KINDS`: a class or a code of the dictionary, or plain words parted
        by ``|``), value, label_en, label_zh.

    Raises
    ------
    ValueError
        Lists missing columns, empty cells, unknown kinds, classes and codes, and variables that
        stand twice under a main variable, with row.
    """
    path, codes = folder / VARIABLES, set(read_dictionary(folder)["code"])
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    absent = [c for c in VARIABLE_COLUMNS if c not in table]
    raise_violations(path.name, [f"column '{c}' is missing: add it" for c in absent])
    faults = [
        f"{path.name} row {row}, column '{column}': {table[column].iloc[row - 2]!r} {rule}"
        for column, wrong, rule in [
            *((c, table[c] == "", "must not be empty: fill it") for c in VARIABLE_COLUMNS),
            ("kind", ~table["kind"].isin(KINDS), f"must be one of {', '.join(KINDS)}: correct it"),
            ("value", (table["kind"] == "class") & ~table["value"].isin(CODED),
             f"must be one of {', '.join(CODED)}: correct it"),
            ("value", (table["kind"] == "code") & ~table["value"].isin(codes),
             f"is no code of {DICTIONARY}: correct it"),
            ("variable", table.duplicated(["main", "variable"]), "stands above: remove one"),
        ]
        for row in np.flatnonzero(wrong) + 2
    ]  # fmt: skip
    raise_violations(path.name, faults)
    return table[VARIABLE_COLUMNS]


def variable_hits(
    segments: pd.DataFrame,
    flags: pd.DataFrame,
    variables: pd.DataFrame,
    *,
    texts: Sequence[str],
) -> pd.DataFrame:
    """Count the segments that show each variable.

    Parameters
    ----------
    segments, flags : DataFrame
        As `corpus.segments` and `coding.flag_segments` of them.
    variables : DataFrame
        As `read_variables`.
    texts : sequence of str
        doc_id of the texts to score, in the order to report.

    Returns
    -------
    DataFrame
        doc_id, main, variable, n (segments that show it), segments (in scope).

    Raises
    ------
    ValueError
        If a column is missing or a text has no segment in scope.
    """
    require_columns(segments, ["doc_id", "segment", "text"], "segments")
    require_columns(flags, ["doc_id", "segment", "scope", "codes", *CODED], "flags")
    inside = flags[flags["scope"] & flags["doc_id"].isin(texts)]
    lost = [t for t in texts if t not in set(inside["doc_id"])]
    raise_violations("the texts", [f"{t}: no segment in scope: leave it out" for t in lost])
    both = inside.merge(segments[["doc_id", "segment", "text"]], on=["doc_id", "segment"])
    codes = both["codes"].str.split()
    size = both.groupby("doc_id").size()
    rows = []
    for entry in variables.to_dict("records"):
        if entry["kind"] == "words":
            words = re.compile("|".join(map(re.escape, entry["value"].split("|"))))
            shows = both["text"].map(lambda t, words=words: words.search(t) is not None)
        elif entry["kind"] == "code":
            shows = codes.map(lambda c, code=entry["value"]: code in c)
        else:
            shows = both[entry["value"]]
        n = shows.groupby(both["doc_id"]).sum()
        rows += [(t, entry["main"], entry["variable"], int(n[t]), int(size[t])) for t in texts]
    return pd.DataFrame(rows, columns=["doc_id", "main", "variable", "n", "segments"])


def pmc_scores(hits: pd.DataFrame, *, threshold: Threshold = BASE) -> pd.DataFrame:
    """Return the share of sub-variables shown, texts in rows and main variables in columns.

    Source
    ------
    Estrada (2011), Policy modeling: definition, classification and evaluation, Journal of Policy
    Modeling 33, 523-536.
    """
    shown = hits.assign(shown=threshold.shown(hits))
    table = shown.pivot_table(index="doc_id", columns="main", values="shown", sort=False)
    return table.loc[list(dict.fromkeys(hits["doc_id"])), list(dict.fromkeys(hits["main"]))]


def pmc_index(scores: pd.DataFrame, weights: np.ndarray | None = None) -> pd.Series:
    """Return the weighted sum of the main scores; all weights 1 give Estrada's index.

    Parameters
    ----------
    scores : DataFrame
        As `pmc_scores`, (texts, main variables).
    weights : array, optional
        One per main variable, not negative.

    Raises
    ------
    ValueError
        If the number of weights is wrong or one is negative.
    """
    if weights is None:
        weights = np.ones(scores.shape[1])
    if np.shape(weights) != (scores.shape[1],) or np.min(weights) < 0:
        raise ValueError(f"weights: {scores.shape[1]} numbers >= 0 are needed, got {weights}")
    return (scores * weights).sum(axis=1).rename("index")


def ranking_uncertainty(
    hits: pd.DataFrame,
    *,
    rng: np.random.Generator,
    draws: int = 1000,
    thresholds: Sequence[Threshold] = THRESHOLDS,
) -> pd.DataFrame:
    """Rank the texts under alternative choices.

    Sources: weights (drawn evenly from all weightings, Dirichlet with parameters 1), subsets
    (every one of at least two main variables, equal weights), thresholds (each of them), all
    (a random one of each at once). Equal indices share the mean of their ranks, and first place.

    Parameters
    ----------
    hits : DataFrame
        As `variable_hits`.
    rng : Generator
        For weights, subsets and thresholds.
    draws : int
        Weightings of the sources weights and all.
    thresholds : sequence of Threshold
        The first is the base.

    Returns
    -------
    DataFrame
        source, doc_id, index, rank (of the base: first threshold, equal weights), rankings
        (number tried), share_first (% of them), rank_low, rank_median, rank_high (2.5, 50 and
        97.5 % quantiles), rank_best, rank_worst. Rank 1 is the highest index.
    """
    scored = [pmc_scores(hits, threshold=t) for t in thresholds]
    base = pmc_index(scored[0])
    rank = base.rank(ascending=False)
    rows = []
    for source in SOURCES:
        ranks = np.array([_ranks(i) for i in _indices(source, scored, rng, draws)])
        first = ranks == ranks.min(axis=1, keepdims=True)
        share = 100 * (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
        low, middle, high = np.quantile(ranks, [0.025, 0.5, 0.975], axis=0, method="inverted_cdf")
        for k, text in enumerate(scored[0].index):
            rows.append(
                {"source": source, "doc_id": text, "index": base[text], "rank": rank[text],
                 "rankings": len(ranks), "share_first": share[k], "rank_low": low[k],
                 "rank_median": middle[k], "rank_high": high[k],
                 "rank_best": ranks[:, k].min(), "rank_worst": ranks[:, k].max()}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _indices(
    source: str, scored: Sequence[pd.DataFrame], rng: np.random.Generator, draws: int
) -> Iterator[np.ndarray]:
    """Yield the indices of all texts under one choice after the other."""
    tables = [table.to_numpy() for table in scored]
    width = tables[0].shape[1]
    if source == "weights":
        yield from (tables[0] @ w for w in rng.dirichlet(np.ones(width), size=draws))
    elif source == "thresholds":
        yield from (table.sum(axis=1) for table in tables)
    elif source == "subsets":
        for size in range(2, width + 1):
            yield from (tables[0][:, list(s)].sum(axis=1) for s in combinations(range(width), size))
    else:
        for weights in rng.dirichlet(np.ones(width), size=draws):
            chosen = rng.permutation(width)[: rng.integers(2, width + 1)]
            yield tables[rng.integers(len(tables))][:, chosen] @ weights[chosen]


def _ranks(index: np.ndarray) -> np.ndarray:
    """Rank from the highest; indices that differ by rounding are equal."""
    return pd.Series(np.round(index, 9)).rank(ascending=False).to_numpy()
