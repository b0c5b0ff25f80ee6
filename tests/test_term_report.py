"""The vocabulary of policy: counted in the texts and read from the embedded counts alike."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.policy import term_report, terms

RAW = Path(__file__).parents[1] / "data" / "raw"
LEXICON = terms.read_lexicon(RAW / "policy")


@pytest.fixture(scope="module")
def embedded():
    return term_report.read_vocabulary(RAW / "policy_texts" / "counts", LEXICON)


def test_texts_and_embedded_counts_give_one_table(raw, embedded):
    counted = term_report.read_vocabulary(raw("policy_texts/corpus"), LEXICON)
    tables = [term_report.term_table(v, LEXICON) for v in (counted, embedded)]
    first, second = (t.sort_values(["doc_id", "term"], ignore_index=True) for t in tables)
    pd.testing.assert_frame_equal(first, second, rtol=1e-12)
    assert first["n"].equals(second["n"])


def test_without_texts_it_says_what_is_not_run(embedded):
    parts = embedded.parts().set_index("part")
    assert parts["run"].tolist() == [True, False, False]
    assert parts.loc[~parts["run"], "on"].str.startswith("needs the texts").all()
    assert embedded.left_out().empty


def test_with_texts_the_excluded_and_the_missing_are_listed(raw):
    counted = term_report.read_vocabulary(raw("policy_texts/corpus"), LEXICON)
    left_out = counted.left_out()
    assert left_out.loc[left_out["what"].str.startswith("excluded"), "count"].tolist() == [20]
    missing = left_out.loc[left_out["what"] == "years without a report", "which"].item()
    assert "2020" in missing.split(", ")


def test_reports_of_the_series_are_one_a_year_and_families_keep_their_name(embedded):
    table = term_report.term_table(embedded, LEXICON)
    reports = term_report.yearly_reports(table, since=2018)
    poverty = reports[reports["term"] == "poverty"].set_index("year")["n"]
    assert poverty.to_dict() == {2018: 12, 2019: 15, 2021: 10, 2022: 0, 2023: 7, 2024: 0, 2025: 0}
    families = table[table["term"].isin(terms.FAMILIES)]
    assert (families["term"] == families["family"]).all()
    assert families["zh"].isna().all()
