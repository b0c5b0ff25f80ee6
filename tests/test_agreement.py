"""Tables of agreement: a known truth, closed forms of intervals, and what coders differ on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.interviews.agreement import (
    COLUMNS,
    SINGLE_CODE,
    agreement_table,
    code_confusion,
    code_table,
    disagreements,
    expected_agreement,
    not_applicable,
    pair_table,
)
from analysis.interviews.agreement_units import AgreementError, UnitTable
from analysis.interviews.coefficients import COEFFICIENTS
from analysis.interviews.reliability import fleiss_kappa, krippendorff_alpha, percent_agreement

ROUNDING = 1e-10
THETA = (0.95, 0.90, 0.60)
SHARES = (0.28, 0.22, 0.16, 0.12, 0.10, 0.07, 0.05)
THREE_ERRORS = 3


def table_of(values, documents=None, *, coders="ABC", unit="segment", size=1):
    """Units from rows of texts: each letter a code, "" no code, None no value."""
    sets = sorted({frozenset(v) for row in values for v in row if v is not None},
                  key=lambda s: (len(s), sorted(s)))  # fmt: skip
    place = {held: k for k, held in enumerate(sets)}
    codes = [[-1 if v is None else place[frozenset(v)] for v in row] for row in values]
    units = pd.DataFrame({"doc_id": documents or ["d"] * len(values), "size": size})
    units["start"] = np.arange(len(values)) * 10
    units = units.assign(end=units["start"] + 9, unit_id=[f"u{k}" for k in range(len(values))])
    shape = (len(values), len(values[0]))
    return UnitTable(
        unit, units, tuple(coders[: shape[1]]), np.array(codes).reshape(shape), tuple(sets), 0
    )


def simulated(rng, units=400, documents=20, theta=THETA):
    """Coders who keep the truth with probability theta, else draw from the shares."""
    truth = rng.choice(len(SHARES), units, p=SHARES)
    coders = [
        np.where(rng.random(units) < t, truth, rng.choice(len(SHARES), units, p=SHARES))
        for t in theta
    ]
    frame = pd.DataFrame({"doc_id": np.arange(units) % documents, "unit_id": "u"})
    frame = frame.assign(start=0, end=1, size=1)
    sets = tuple(frozenset(c) for c in "abcdefg")
    return UnitTable("segment", frame, ("A", "B", "C"), np.array(coders).T, sets, 0)


def value_of(table, coefficient):
    return table.set_index("coefficient").loc[coefficient, "estimate"]


# --- known truth ----------------------------------------------------------------------------------


def test_expected_agreement_of_the_oracle():
    expected = expected_agreement(THETA, SHARES)
    assert expected["alpha_nominal"] == pytest.approx(0.655, abs=ROUNDING)
    assert expected["gwet_ac1"] == pytest.approx(0.6743, abs=5e-5)


def test_coders_of_known_reliability_agree_as_expected():
    rng, studies = np.random.default_rng(655), 200
    tables = [agreement_table(simulated(rng), coefficients=SINGLE_CODE, replications=1)
              for _ in range(studies)]  # fmt: skip
    found = pd.concat(tables).groupby("coefficient")["estimate"].agg(["mean", "std"])
    error = found["std"] / np.sqrt(studies)
    expected = pd.Series(expected_agreement(THETA, SHARES))
    assert set(found.index) == set(expected.index)
    assert ((found["mean"] - expected).abs() < THREE_ERRORS * error).all()
    assert (error < 0.003).all()  # so that .655 and .674 are told apart


def test_each_pair_agrees_as_the_product_of_its_reliabilities():
    rng, studies = np.random.default_rng(9), 80
    tables = [pair_table(simulated(rng), replications=1) for _ in range(studies)]
    found = pd.concat(tables).groupby(["coder_a", "coder_b"])["estimate"].agg(["mean", "std"])
    expected = {("A", "B"): 0.95 * 0.90, ("A", "C"): 0.95 * 0.60, ("B", "C"): 0.90 * 0.60}
    error = found["std"] / np.sqrt(studies)
    assert ((found["mean"] - pd.Series(expected)).abs() < THREE_ERRORS * error).all()


# --- intervals ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    return simulated(np.random.default_rng(4), units=240, documents=12)


def test_table_has_the_coefficients_of_the_units(study):
    table = agreement_table(study)
    assert list(table.columns) == COLUMNS
    assert set(table["unit"]) == {"segment"}
    assert value_of(table, "alpha_nominal") == pytest.approx(krippendorff_alpha(study.ratings()))
    assert value_of(table, "fleiss") == pytest.approx(fleiss_kappa(study.ratings()))
    assert (table[["n_units", "n_documents", "n_coders"]].to_numpy() == [240, 12, 3]).all()
    assert (table["ci_low"] < table["estimate"]).all()
    assert (table["estimate"] < table["ci_high"]).all()
    assert (table["why"] == "").all()
    assert value_of(table, "alpha_masi") == pytest.approx(value_of(table, "alpha_nominal"))


def test_jackknife_leaves_out_one_document_at_a_time(study):
    table = agreement_table(study, coefficients=["alpha_nominal", "percent"]).set_index(
        "coefficient"
    )
    for name, coefficient in (("alpha_nominal", krippendorff_alpha),
                              ("percent", percent_agreement)):  # fmt: skip
        left_out = []
        for doc in range(12):
            kept = (study.units["doc_id"] != doc).to_numpy()
            part = replace(study, units=study.units[kept], values=study.values[kept])
            left_out.append(coefficient(part.ratings()))
        spread = ((np.array(left_out) - np.mean(left_out)) ** 2).sum()
        expected = np.sqrt(11 / 12 * spread)
        assert table.loc[name, "jackknife_se"] == pytest.approx(expected, abs=ROUNDING)


def test_bootstrap_error_of_percent_is_that_of_a_mean_over_documents(study):
    agreeing = (study.values[:, :1] == study.values[:, 1:2]).ravel()
    by_document = pd.Series(agreeing).groupby(study.units["doc_id"]).mean()
    error = by_document.std(ddof=0) / np.sqrt(len(by_document))
    table = agreement_table(
        replace(study, values=study.values[:, :2], coders=("A", "B")),
        coefficients=["percent"], replications=20_000,
    )  # fmt: skip
    width = (table["ci_high"] - table["ci_low"]).iloc[0]
    assert width == pytest.approx(2 * 1.96 * error, rel=0.06)  # near normal with 12 documents


@pytest.mark.parametrize("name", ["percent", "cohen", "fleiss", "gwet_ac1"])
def test_repeating_every_unit_within_documents_adds_no_information(study, name):
    again = np.repeat(np.arange(240), 5)
    longer = replace(
        study, units=study.units.iloc[again].reset_index(drop=True), values=study.values[again]
    )
    weighted = replace(study, units=study.units.assign(size=5))
    tables = [agreement_table(t, coefficients=[name]) for t in (study, longer, weighted)]
    numbers = [t[["estimate", "ci_low", "ci_high", "jackknife_se"]].to_numpy() for t in tables]
    assert numbers[1] == pytest.approx(numbers[0], abs=ROUNDING)
    assert numbers[2] == pytest.approx(numbers[0], abs=ROUNDING)
    assert [t["n_units"].iloc[0] for t in tables] == [240, 1200, 1200]


def test_draws_are_repeatable_and_confidence_widens(study):
    def interval(**options):
        table = agreement_table(study, coefficients=["alpha_nominal"], **options)
        return table[["ci_low", "ci_high"]].iloc[0].tolist()

    assert interval(seed=7) == interval(seed=7) != interval(seed=8)
    low, high = interval(confidence=0.99)
    assert low < interval()[0] < interval()[1] < high


def test_documents_that_one_coder_coded_are_left_out(study):
    single = study.values.copy()
    single[(study.units["doc_id"] >= 8).to_numpy(), 1:] = -1
    kept = (study.units["doc_id"] < 8).to_numpy()
    part = replace(study, units=study.units[kept], values=study.values[kept])
    table = agreement_table(replace(study, values=single))
    pd.testing.assert_frame_equal(table, agreement_table(part))
    assert set(table["n_documents"]) == {8}


# --- undefined, not applicable --------------------------------------------------------------------


def test_one_category_has_no_value_but_a_reason():
    table = agreement_table(table_of([["a"] * 3] * 4, list("ddee")))
    chance_corrected = table[table["coefficient"] != "percent"]
    assert chance_corrected[["estimate", "ci_low", "ci_high", "jackknife_se"]].isna().all().all()
    assert chance_corrected["why"].str.contains("one category").all()
    assert value_of(table, "percent") == 1


@pytest.mark.parametrize(
    "units",
    [
        table_of([["a"], ["b"]], coders="A"),
        table_of([["a", None], [None, "b"]]),
        replace(table_of([["a", "b"]]), units=table_of([["a", "b"]]).units.iloc[:0],
                values=np.empty((0, 2), dtype=int), sets=()),
        replace(table_of([["a"]]), units=table_of([["a"]]).units.iloc[:0], coders=(),
                values=np.empty((0, 0), dtype=int), sets=()),
    ],
    ids=["one coder", "no unit of two", "no unit", "no coder"],
)  # fmt: skip
def test_nothing_to_compare_has_a_reason(units):
    table = agreement_table(units)
    assert table["estimate"].isna().all()
    assert (table["why"] == "no unit has the values of two coders").all()
    assert (table[["n_units", "n_documents", "n_coders"]] == 0).all().all()
    assert code_confusion(units).empty
    assert disagreements(units).empty
    assert code_table(units)["estimate"].isna().all()
    assert pair_table(units)["estimate"].isna().all()


def test_one_document_has_a_value_but_no_interval():
    row = agreement_table(table_of([["a", "a"], ["b", "a"], ["b", "b"]]),
                          coefficients=["cohen"]).iloc[0]  # fmt: skip
    assert row["estimate"] == pytest.approx(0.4, abs=ROUNDING)
    assert np.isnan(row["ci_low"])
    assert np.isnan(row["jackknife_se"])
    assert row["why"] == "interval: needs two documents or more"


def test_an_interval_needs_resamples_that_have_a_value():
    # the code occurs in one of two documents, so every fourth resample has one category only
    units = table_of([["a", "b"], ["a", "a"], ["a", "a"]], list("dde"))
    row = agreement_table(units, coefficients=["cohen"]).iloc[0]
    assert row["estimate"] == 0
    assert np.isnan(row["ci_low"])
    assert row["why"].startswith("interval: undefined in 2")
    assert row["why"].endswith("of 1000 resamples")


def test_several_codes_leave_out_what_counts_categories():
    units = table_of([["ab", "a"], ["b", "b"], ["a", "b"], ["ab", "ab"]], list("ddee"))
    table = agreement_table(units).set_index("coefficient")
    assert table["estimate"].isna()[["gwet_ac1", "brennan_prediger"]].all()
    assert table["why"][["gwet_ac1", "brennan_prediger"]].str.contains("one code per unit").all()
    for level in ("nominal", "jaccard", "masi"):
        expected = krippendorff_alpha(units.ratings(), level=level)
        assert table["estimate"][f"alpha_{level}"] == pytest.approx(expected, abs=ROUNDING)
    assert table["estimate"].nunique() > 3


def test_every_coefficient_fits_or_says_why():
    units = table_of([["a", "b"], ["b", "b"], ["a", "a"]], list("dee"))
    table = agreement_table(units, coefficients=list(COEFFICIENTS), replications=50)
    needs_order = table["coefficient"].str.contains("ordinal|interval|ratio|linear|quadratic")
    assert table["estimate"].isna().tolist() == needs_order.tolist()
    assert (table.loc[needs_order, "why"].str.startswith("needs")).all()


def test_not_applicable_is_an_answer_that_needs_a_reason():
    table = not_applicable("segment", " reflexive thematic analysis ")
    assert list(table.columns) == COLUMNS
    assert table["coefficient"].tolist() == ["not_applicable"]
    assert table["why"].tolist() == ["reflexive thematic analysis"]
    assert table["estimate"].isna().all()
    with pytest.raises(AgreementError, match="reason"):
        not_applicable("segment", " ")


# --- codes, confusion, adjudication ---------------------------------------------------------------

BY_HAND = [["a", "a", "a"], ["a", "b", "a"], ["ab", "a", None], ["", "", "b"], ["b", "a", "c"]]


def test_agreement_of_each_code_is_that_of_given_or_not():
    units = table_of(BY_HAND, list("ddeee"))
    table = code_table(units).set_index(["code_id", "coefficient"])
    given_a = [[1, 1, 1], [1, 0, 1], [1, 1, None], [0, 0, 0], [0, 1, 0]]
    alpha = table.loc[("a", "alpha_nominal"), "estimate"]
    assert alpha == pytest.approx(krippendorff_alpha(given_a))
    assert table.loc[("a", "percent"), "estimate"] == pytest.approx(percent_agreement(given_a))
    assert table["n_given"].groupby("code_id").first().to_dict() == {"a": 4, "b": 4, "c": 1}
    assert table.index.get_level_values("code_id").unique().tolist() == ["a", "b", "c"]
    assert (table["n_units"] == 5).all()


def test_confusion_by_hand():
    found = code_confusion(table_of(BY_HAND))
    pair = found[(found["coder_a"] == "A") & (found["coder_b"] == "B")]
    assert pair[["code_a", "code_b", "n_units"]].to_numpy().tolist() == [
        ["a", "a", 2], ["a", "b", 1], ["b", "", 1], ["b", "a", 1],
    ]  # fmt: skip
    with_c = found[(found["coder_a"] == "B") & (found["coder_b"] == "C")]
    assert with_c[["code_a", "code_b", "n_units"]].to_numpy().tolist() == [
        ["", "b", 1], ["a", "a", 1], ["a", "c", 1], ["b", "a", 1],
    ]  # fmt: skip


def test_confusion_counts_characters():
    units = table_of([["a", "a"], ["a", "b"]], unit="character", size=[30, 4])
    assert code_confusion(units)["n_units"].tolist() == [30, 4]


def test_confusion_of_single_codes_sums_to_the_units(study):
    found = code_confusion(study).groupby(["coder_a", "coder_b"])["n_units"].sum()
    assert found.tolist() == [240, 240, 240]


def test_disagreements_are_listed_for_a_person_to_decide():
    found = disagreements(table_of(BY_HAND))
    assert found["unit_id"].tolist() == ["u1", "u2", "u3", "u4"]
    assert found["by_coder"].tolist() == [
        "A: a; B: b; C: a", "A: a + b; B: a", "A: none; B: none; C: b", "A: b; B: a; C: c",
    ]  # fmt: skip
    assert found["majority"].tolist() == ["a", "", "none", ""]
    assert (found["decision"] == "").all()
