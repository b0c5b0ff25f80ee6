"""Codes suggested for a passage because it uses the words of a code.

A hint for a human reader, kept in a table of its own with its score and the words that matched:
nothing here becomes a coding, and no count of themes reads it.
"""

import re
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from analysis.interviews.themes import ThemeError, coded_segments
from analysis.project import bullet_list

NGRAMS = {"zh": (2, 3), "en": (4, 6)}  # characters: most Chinese words have two, English roots more
TERMS_SHOWN = 5
COMMON = 3  # documents in which an n-gram must occur before it is shown
PLACE = ["seg_id", "doc_id", "start", "end"]


def suggest_codes(
    documents: pd.DataFrame,
    segments: pd.DataFrame,
    codes: pd.DataFrame,
    *,
    examples: pd.DataFrame | None = None,
    top: int = 3,
    minimum: float = 0.05,
) -> pd.DataFrame:
    """Suggest codes for segments by the words that they share with a code.

    Cosine similarity of TF-IDF vectors of character n-grams within words (2-3 in Chinese, 4-6 in
    English): label, description and example passages of the code against the segment. By labels
    alone it finds little, and it knows neither negation nor irony.

    Parameters
    ----------
    documents, segments, codes : DataFrame
        Tables of a corpus; the language of a document decides the label of the code.
    examples : DataFrame, optional
        Codings whose passages show how people speak of a code, as `themes.select_codings` returns.
        Segments that they touch get no suggestion.
    top : int
        Most suggestions per segment.
    minimum : float
        Least similarity, in (0, 1].

    Returns
    -------
    DataFrame
        seg_id, doc_id, start, end, code_id, rank (1 is the best), score, terms (the n-grams that
        weigh most, joined by "; "; only those of the code's own text or common to three documents,
        so that no one is known by a word).

    Raises
    ------
    ThemeError
        When `top` or `minimum` is out of range, or a document is in another language.

    Source
    ------
    Salton & Buckley (1988), Information Processing & Management 24(5), 513-523.
    """
    faults = [] if top >= 1 else [f"top is {top}, must be at least 1"]
    faults += [] if 0 < minimum <= 1 else [f"minimum is {minimum}, must be in (0, 1]"]
    if other := sorted(set(documents["lang"]) - set(NGRAMS)):
        faults.append(f"documents: no rule for language {', '.join(map(repr, other))}")
    if faults:
        raise ThemeError(bullet_list("cannot suggest codes:", faults))
    parts = []
    for lang in NGRAMS:
        here = documents[documents["lang"] == lang]
        rows = segments[segments["doc_id"].isin(here["doc_id"])]
        own = (codes[f"label_{lang}"] + " " + codes["description"]).str.strip()
        passages = _passages(here, examples, codes)
        if examples is not None:
            rows = rows[~rows["seg_id"].isin(coded_segments(segments, examples)["seg_id"])]
        parts.append(
            _suggestions(rows, codes["code_id"], own, passages, NGRAMS[lang], top, minimum)
        )
    found = pd.concat(parts, ignore_index=True)
    return found.sort_values(["seg_id", "rank"], kind="stable", ignore_index=True)


def _passages(
    documents: pd.DataFrame, examples: pd.DataFrame | None, codes: pd.DataFrame
) -> pd.Series:
    """Return for each code its example passages, joined."""
    if examples is None:
        return pd.Series("", index=codes.index, dtype="str")
    texts = dict(zip(documents["doc_id"], documents["text"], strict=True))
    known = examples[examples["doc_id"].isin(texts)]
    place = zip(known["doc_id"], known["start"], known["end"], strict=True)
    cut = pd.Series([texts[doc][a:b] for doc, a, b in place], index=known.index, dtype="str")
    joined = [" ".join(cut[known["code_id"] == code]) for code in codes["code_id"]]
    return pd.Series(joined, index=codes.index, dtype="str")


def _suggestions(
    segments: pd.DataFrame,
    code_ids: pd.Series,
    own: pd.Series,
    passages: pd.Series,
    lengths: tuple[int, int],
    top: int,
    minimum: float,
) -> pd.DataFrame:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if segments.empty or not (own + passages).any():
        return segments[PLACE].head(0).assign(code_id="", rank=0, score=0.0, terms="")
    analyzer = partial(_ngrams, lengths=lengths)
    vectorizer = TfidfVectorizer(analyzer=analyzer, sublinear_tf=True)
    matrix = vectorizer.fit_transform([*(own + " " + passages), *segments["text"]]).tocsr()
    code_rows, text_rows = matrix[: len(own)], matrix[len(own) :]
    scores = (text_rows @ code_rows.T).toarray()
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    row, rank = np.nonzero(np.take_along_axis(scores, best, axis=1) >= minimum)
    code = best[row, rank]
    ngrams = vectorizer.get_feature_names_out()
    shown = _common(text_rows, segments["doc_id"]) | np.isin(ngrams, analyzer(" ".join(own)))
    shared = text_rows[row].multiply(code_rows[code]).multiply(shown).tocsr()
    shared.eliminate_zeros()
    return segments.iloc[row][PLACE].assign(
        code_id=code_ids.to_numpy(dtype=object)[code],
        rank=rank + 1,
        score=scores[row, code],
        terms=_weightiest(shared, ngrams),
    )


def _common(text_rows: Any, doc_ids: pd.Series) -> np.ndarray:
    """Whether each n-gram occurs in at least `COMMON` documents."""
    from scipy.sparse import csr_array

    number = pd.factorize(doc_ids)[0]
    member = csr_array((np.ones(len(number)), (number, np.arange(len(number)))))
    return ((member @ text_rows) > 0).sum(axis=0) >= COMMON


def _ngrams(text: str, lengths: tuple[int, int]) -> list[str]:
    """Return the n-grams of each run of letters or digits; none crosses a space or a mark."""
    runs = re.findall(r"\w+", text.lower())
    sizes = range(lengths[0], lengths[1] + 1)
    return [run[i : i + n] for run in runs for n in sizes for i in range(len(run) - n + 1)]


def _weightiest(shared: Any, ngrams: np.ndarray) -> list[str]:
    """Return for each row of weights its first n-grams, none of them part of another."""
    rows = []
    for start, end in pairwise(shared.indptr):
        order = np.lexsort((shared.indices[start:end], -shared.data[start:end]))
        terms = ngrams[shared.indices[start:end][order]].tolist()
        whole = [t for t in terms if not any(t in other and t != other for other in terms)]
        rows.append("; ".join(whole[:TERMS_SHOWN]))
    return rows
