"""The vocabulary of policy, counted in the texts or, without them, read from embedded counts."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.policy.corpus import Corpus, read_corpus
from analysis.policy.term_checks import term_dispersion
from analysis.policy.terms import (
    COUNTS,
    count_terms,
    family_counts,
    read_counts,
    read_dispersion,
    term_rates,
)

DISPERSION_SINCE = 2000
"""First report that tells how much the words come in bursts; earlier ones use few of them."""


@dataclass(frozen=True)
class Vocabulary:
    """Counts of terms and of families by text.

    Attributes
    ----------
    counts : DataFrame
        As `terms.count_terms`, with the families beside the terms.
    dispersion : Series of float
        By term and family, as `term_checks.term_dispersion`.
    corpus : Corpus or None
        The texts; None where the embedded counts were taken.
    """

    counts: pd.DataFrame
    dispersion: pd.Series
    corpus: Corpus | None

    def parts(self) -> pd.DataFrame:
        """Say which parts of the analysis these data allow: part, run, on what."""
        texts = self.corpus is not None
        taken = "the texts" if texts else "embedded counts"
        needs = "the texts" if texts else "needs the texts, which this profile does not have"
        return pd.DataFrame(
            [
                ("terms by text, change points", True, taken),
                ("excluded records and missing years", texts, needs),
                ("key phrases, coding of passages, joint naming", texts, needs),
            ],
            columns=["part", "run", "on"],
        )

    def left_out(self) -> pd.DataFrame:
        """List what the file of reports holds or lacks and no count shows: what, which, count."""
        columns = ["what", "which", "count"]
        if self.corpus is None:
            return pd.DataFrame(columns=columns)
        rows = [
            (f"excluded: {reason}", f"rows {', '.join(map(str, part['row']))}", len(part))
            for reason, part in self.corpus.exclusions.groupby("reason")
        ]
        years = self.corpus.missing_years["year"]
        rows.append(("years without a report", ", ".join(map(str, years)), len(years)))
        return pd.DataFrame(rows, columns=columns)


def read_vocabulary(folder: Path, lexicon: pd.DataFrame) -> Vocabulary:
    """Count the terms in a folder of texts, or read the counts that it holds instead.

    Parameters
    ----------
    folder : Path
        `data/raw/policy_texts/corpus` or `data/raw/policy_texts/counts`.
    lexicon : DataFrame
        As `terms.read_lexicon`.

    Returns
    -------
    Vocabulary

    Raises
    ------
    ValueError
        As `corpus.read_corpus` and `terms.read_counts`.
    """
    corpus = None
    if (folder / COUNTS).is_file():
        counts, dispersion = read_counts(folder), read_dispersion(folder)
    else:
        corpus = read_corpus(folder)
        counts = count_terms(corpus, lexicon)
        documents = corpus.documents
        recent = (documents["kind"] == "report") & (documents["year"] >= DISPERSION_SINCE)
        doc_ids = documents.loc[recent, "doc_id"]
        dispersion = term_dispersion(corpus, lexicon, doc_ids=doc_ids)
    both = pd.concat([counts, family_counts(counts, lexicon)], ignore_index=True)
    return Vocabulary(both, dispersion, corpus)


def term_table(vocabulary: Vocabulary, lexicon: pd.DataFrame) -> pd.DataFrame:
    """Put rates and labels beside the counts.

    Returns
    -------
    DataFrame
        By doc_id and term: kind, year, n_hanzi, n, n_longest (missing for families), rate per
        10,000 Chinese characters with ci_low and ci_high, dispersion, zh, en, family.
    """
    rates = term_rates(vocabulary.counts, dispersion=vocabulary.dispersion)
    labels = lexicon.set_index("term")[["zh", "en", "family"]]
    table = rates.join(labels, on="term")
    return table.assign(family=table["family"].fillna(table["term"]))


def yearly_reports(table: pd.DataFrame, *, since: int) -> pd.DataFrame:
    """Return the rows of the Government Work Reports from a year on, one text a year."""
    return table[(table["kind"] == "report") & (table["year"] >= since)].reset_index(drop=True)
