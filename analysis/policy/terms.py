"""How often policy texts use the terms of a lexicon, per 10,000 Chinese characters.

Terms are matched as they are written, without cutting the text into words: the terms are long
enough not to arise across word boundaries, and the segmenter jieba with its own dictionary splits
most of them (`term_checks.segmenter_check`). Intervals are exact for a Poisson count; words come in
bursts (`term_checks.term_dispersion`), and a dispersion above 1 widens them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.geography import require_columns
from analysis.panel_input import raise_violations
from analysis.policy.corpus import Corpus

LEXICON = "terms.csv"
COUNTS = "term_counts.csv"
DISPERSION = "term_dispersion.csv"
LEXICON_COLUMNS = ["term", "zh", "en", "family", "note"]
FAMILIES = ("alleviation", "revitalization", "linkage", "other")
COUNT_COLUMNS = ["doc_id", "kind", "year", "n_hanzi", "term", "n", "n_longest"]
RATE_PER = 10_000
_TERM_ID = re.compile(r"[a-z][a-z0-9_]*")
_HANZI_TERM = re.compile(r"[一-鿿]{2,}")


def read_lexicon(folder: Path) -> pd.DataFrame:
    """Read the terms to count.

    Parameters
    ----------
    folder : Path
        `data/raw/policy`.

    Returns
    -------
    DataFrame
        term (id), zh, en, family (one of `FAMILIES`), note; in the order of the file.

    Raises
    ------
    ValueError
        Lists every missing column, wrong id, term that is not two or more Chinese characters,
        unknown family, missing translation and repeated id or term, with row.
    """
    path = folder / LEXICON
    lexicon = pd.read_csv(path, dtype="str", keep_default_na=False)
    absent = [c for c in LEXICON_COLUMNS if c not in lexicon]
    raise_violations(path.name, [f"column '{c}' is missing: add it" for c in absent])
    rules: Mapping[str, tuple[Callable[[str], bool], str]] = {
        "term": (lambda v: bool(_TERM_ID.fullmatch(v)), "must be lower-case letters, digits and _"),
        "zh": (lambda v: bool(_HANZI_TERM.fullmatch(v)), "must be two or more Chinese characters"),
        "en": (lambda v: bool(v.strip()), "must not be empty"),
        "family": (lambda v: v in FAMILIES, f"must be one of {', '.join(FAMILIES)}"),
    }
    faults = [
        f"{path.name} row {row}, column '{column}': {value!r} {rule}: correct it"
        for column, (valid, rule) in rules.items()
        for row, value in enumerate(lexicon[column], start=2)
        if not valid(value)
    ]
    faults += [
        f"{path.name} row {row}, column '{column}': {lexicon[column].iloc[row - 2]!r} stands "
        "above already: remove one"
        for column in ("term", "zh")
        for row in np.flatnonzero(lexicon[column].duplicated()) + 2
    ]
    raise_violations(path.name, faults)
    return lexicon[LEXICON_COLUMNS]


def read_glosses(folder: Path) -> dict[str, str]:
    """Return the English beside the Chinese of `glosses.csv` in `data/raw/policy`."""
    glosses = pd.read_csv(folder / "glosses.csv", dtype="str")
    return dict(zip(glosses["zh"], glosses["en"], strict=True))


def count_terms(corpus: Corpus, lexicon: pd.DataFrame) -> pd.DataFrame:
    """Count every term in every text.

    Two counts, because terms nest. `n` is the number of places where the characters of the term
    stand, inside a longer term too (贫困 counts in 贫困县). `n_longest` leaves out the places that
    a longer term takes: reading from the left, the longest term that begins at a place has it, so
    the counts of a family can be added without counting a passage twice.

    Parameters
    ----------
    corpus : Corpus
    lexicon : DataFrame
        As `read_lexicon`.

    Returns
    -------
    DataFrame
        doc_id, kind, year, n_hanzi, term, n, n_longest; one row per text and term, also where the
        count is zero, in the order of the documents and the lexicon.
    """
    documents = corpus.documents[["doc_id", "kind", "year", "n_hanzi"]]
    table = documents.merge(lexicon[["term", "zh"]], how="cross")
    longest = {doc_id: longest_matches(text, lexicon) for doc_id, text in corpus.texts.items()}
    pairs = list(zip(table["doc_id"], table["zh"], strict=True))
    table["n"] = [corpus.texts[doc_id].count(zh) for doc_id, zh in pairs]
    table["n_longest"] = [longest[doc_id].get(zh, 0) for doc_id, zh in pairs]
    return table[COUNT_COLUMNS]


def longest_matches(text: str, lexicon: pd.DataFrame) -> dict[str, int]:
    """Return how often each term is the longest one at its place, reading from the left."""
    pattern = "|".join(sorted(lexicon["zh"], key=len, reverse=True))
    found: dict[str, int] = {}
    for term in re.findall(pattern, text):
        found[term] = found.get(term, 0) + 1
    return found


def embedded_counts(corpus: Corpus, lexicon: pd.DataFrame) -> pd.DataFrame:
    """Return the counts that a profile without the texts uses: `count_terms`, ready to be saved."""
    return count_terms(corpus, lexicon).sort_values(
        ["year", "doc_id", "term"], kind="stable", ignore_index=True
    )


def read_counts(folder: Path) -> pd.DataFrame:
    """Read the embedded counts.

    Parameters
    ----------
    folder : Path
        `data/raw/policy_texts/counts`.

    Returns
    -------
    DataFrame
        As `embedded_counts`.

    Raises
    ------
    ValueError
        Lists missing columns, values that are no whole numbers, a text without characters, more
        longest matches than matches, and pairs of text and term that are missing or repeated.
    """
    path = folder / COUNTS
    counts = pd.read_csv(path, dtype={"doc_id": "str", "kind": "str", "term": "str"})
    absent = [c for c in COUNT_COLUMNS if c not in counts]
    raise_violations(path.name, [f"column '{c}' is missing: add it" for c in absent])
    numbers = ["year", "n_hanzi", "n", "n_longest"]
    whole = {c: pd.api.types.is_integer_dtype(counts[c]) for c in numbers}
    faults = [f"{path.name}, column '{c}': must be whole numbers" for c in numbers if not whole[c]]
    raise_violations(path.name, faults)
    wrong = (counts["n_longest"] < 0) | (counts["n_longest"] > counts["n"])
    faults += _rows(path, wrong, "n_longest must be from 0 to n")
    faults += _rows(path, counts["n_hanzi"] <= 0, "n_hanzi must be above 0")
    faults += _rows(path, counts.duplicated(["doc_id", "term"]), "this text and term stand above")
    if len(counts) != counts["doc_id"].nunique() * counts["term"].nunique():
        faults.append(f"{path.name}: some text lacks a term: make the file again from the texts")
    raise_violations(path.name, faults)
    return counts[COUNT_COLUMNS]


def read_dispersion(folder: Path) -> pd.Series:
    """Read the embedded dispersion of terms and families, measured by `term_checks`.

    Parameters
    ----------
    folder : Path
        `data/raw/policy_texts/counts`.

    Returns
    -------
    Series of float
        By term or family; missing where no text had a match.

    Raises
    ------
    ValueError
        Lists missing columns, repeated terms and values that are not positive.
    """
    path = folder / DISPERSION
    table = pd.read_csv(path)
    absent = [c for c in ("term", "dispersion") if c not in table]
    raise_violations(path.name, [f"column '{c}' is missing: add it" for c in absent])
    faults = _rows(path, table["term"].duplicated(), "this term stands above already")
    faults += _rows(path, table["dispersion"] <= 0, "dispersion must be above 0")
    raise_violations(path.name, faults)
    return table.set_index("term")["dispersion"]


def family_counts(counts: pd.DataFrame, lexicon: pd.DataFrame) -> pd.DataFrame:
    """Add the longest matches of the terms of each family.

    Parameters
    ----------
    counts : DataFrame
        As `count_terms`.
    lexicon : DataFrame
        As `read_lexicon`; every term of `counts` must be in it.

    Returns
    -------
    DataFrame
        doc_id, kind, year, n_hanzi, term (the family) and n.

    Raises
    ------
    ValueError
        Names the terms of the counts that the lexicon lacks.
    """
    family = counts["term"].map(dict(zip(lexicon["term"], lexicon["family"], strict=True)))
    unknown = sorted(set(counts.loc[family.isna(), "term"]))
    raise_violations("the counts", [f"term {t!r} is not in the lexicon: add it" for t in unknown])
    keys = ["doc_id", "kind", "year", "n_hanzi", "term"]
    grouped = counts.assign(term=family, n=counts["n_longest"]).groupby(keys, sort=False)
    return grouped["n"].sum().reset_index()


def term_rates(
    counts: pd.DataFrame,
    *,
    level: float = 0.95,
    dispersion: Mapping[str, float] | pd.Series | None = None,
) -> pd.DataFrame:
    """Turn counts into rates per 10,000 Chinese characters with intervals.

    Parameters
    ----------
    counts : DataFrame
        With n, n_hanzi, and term where `dispersion` is given.
    level : float
        Confidence, in (0, 1).
    dispersion : mapping of str to float or Series, optional
        Variance over mean by term (`term_checks.term_dispersion`); 1, a Poisson count, for a term
        that it lacks or gives below 1. Count and exposure are divided by it before the interval
        is made, as if one in so many matches were independent.

    Returns
    -------
    DataFrame
        `counts` with rate, ci_low, ci_high and dispersion.
    """
    require_columns(counts, ["n", "n_hanzi"], "counts")
    phi: np.ndarray = np.ones(len(counts))
    if dispersion is not None:
        known = {str(term): float(phi) for term, phi in dispersion.items()}
        phi = np.array([max(1.0, known.get(term, 1.0)) for term in counts["term"]])
    exposure = counts["n_hanzi"].to_numpy(dtype=float) / RATE_PER
    low, high = garwood_interval(counts["n"].to_numpy(dtype=float) / phi, level=level)
    return counts.assign(
        rate=counts["n"] / exposure,
        ci_low=low * phi / exposure,
        ci_high=high * phi / exposure,
        dispersion=phi,
    )


def garwood_interval(count: np.ndarray, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact interval of the mean of a Poisson count.

    Lower end: quantile (1 - level)/2 of a chi-squared with 2n degrees of freedom, halved, 0 for no
    event; upper end: quantile (1 + level)/2 with 2n + 2, halved. It holds the mean in at least
    `level` of all samples.

    Raises
    ------
    ValueError
        If the level is not in (0, 1) or a count is negative or missing.

    Source
    ------
    Garwood (1936), Biometrika 28(3/4), 437-442.
    """
    from scipy.stats import chi2

    counts = np.asarray(count, dtype=float)
    faults = [] if 0 < level < 1 else [f"level is {level}, must be in (0, 1)"]
    if not (counts >= 0).all():
        faults.append("counts must be 0 or more: remove the others")
    raise_violations("the counts", faults)
    low = np.where(counts > 0, chi2.ppf((1 - level) / 2, 2 * np.maximum(counts, 1e-300)) / 2, 0.0)
    return low, chi2.ppf((1 + level) / 2, 2 * counts + 2) / 2


def _rows(path: Path, wrong: pd.Series, rule: str) -> list[str]:
    return [f"{path.name} row {row}: {rule}: correct it" for row in np.flatnonzero(wrong) + 2]
