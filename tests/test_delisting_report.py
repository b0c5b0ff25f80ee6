"""What is reported on delisting: quoted intervals, the headline, the published table."""

import re

import numpy as np
import pandas as pd
import pytest
from test_delisting_design import small

from analysis.models.delisting_design import DESIGNS, estimate_designs, pretrend_designs
from analysis.models.delisting_report import (
    SAVED,
    alternatives,
    as_drawn,
    as_saved,
    effect_unit,
    effects_table,
    headline_pretrends,
    overall,
)
from analysis.models.delisting_terms import FAST

ESTIMATORS = ("callaway_santanna", "imputation", "two_way")
HANZI = re.compile("[一-鿿]")


@pytest.fixture(scope="module")
def effects():
    table = estimate_designs(
        small(), outcome="y", baseline=["x"], estimators=ESTIMATORS, clusters=["code", "province"]
    )
    return as_saved(table).assign(unit="log points")


def test_names_of_the_contracts_and_back(effects):
    assert {"estimate", "cluster", "entities", "note"} <= set(effects)
    assert not set(SAVED) & set(effects)
    assert {"value", "cluster_by", "n_units", "warnings"} <= set(as_drawn(effects))
    assert "label" not in as_saved(pd.DataFrame({"label": ["a"], "size": [1]}))


def test_units_of_effects():
    assert effect_unit("log_income", "none") == "log points"
    assert effect_unit("radiance", "log_plus_0.01") == "log points"
    assert effect_unit("radiance", "none") == "nW/cm2/sr"
    assert effect_unit("radiance", "asinh") == "asinh of nW/cm2/sr"


def test_overall_rows_by_province_in_a_fixed_order(effects):
    rows = overall(effects.sample(frac=1, random_state=2))
    assert rows["claim"].tolist() == [
        "D1.callaway_santanna", "D1.imputation", "D1.two_way", "D2.callaway_santanna",
        "D2.callaway_santanna.before_2020", "D2.callaway_santanna.from_2020", "D2.imputation",
        "D2.two_way",
    ]  # fmt: skip
    assert (rows["cluster"] == "province").all() and (rows["clusters"] == 3).all()
    assert (rows["effective_clusters"] <= rows["clusters"]).all()
    keys = ["design", "estimator", "term", "cluster"]
    given = effects.set_index(keys)[["ci_low", "ci_high", "p_value"]]
    first = given.loc[[("D1", "two_way", "simple", "province")]].iloc[0]
    assert rows[["ci_low", "ci_high", "p_value"]].iloc[2].tolist() == first.tolist()


def test_headline_pretrend_is_one_row_a_design():
    table = as_saved(pretrend_designs(small(), outcome="y", baseline=["x"], leads=2))
    rows = headline_pretrends(table)
    assert rows["design"].tolist() == list(DESIGNS)
    assert set(rows["estimator"]) == {"callaway_santanna"} and set(rows["cluster"]) == {"province"}
    assert {"f_statistic", "p_value", "power"} <= set(rows)


def test_alternatives_are_estimated_on_their_own_scale():
    frame = small().assign(prefecture="p", designated=lambda t: t["delisted_year"].notna())
    frame = frame.assign(radiance=np.exp(frame["y"]))
    years = frame[["code", "year", "radiance"]]
    table = alternatives(
        years, frame, ["log_plus_0.01", "none", "none"], outcome="radiance", baseline=["x"],
        inference=FAST,
    )  # fmt: skip
    assert table.groupby("transformation").size().to_dict() == {"log_plus_0.01": 4, "none": 4}
    assert table.groupby("transformation")["unit"].first().tolist() == ["log points", "nW/cm2/sr"]
    plain = table[(table["transformation"] == "none") & (table["design"] == "D2")]
    direct = estimate_designs(
        frame, outcome="radiance", baseline=["x"], estimators=["callaway_santanna"],
        clusters=["province"], inference=FAST,
    )  # fmt: skip
    direct = direct[(direct["design"] == "D2") & (direct["term"] == "simple")]
    assert plain.set_index("term").loc["simple", "estimate"] == pytest.approx(
        direct["value"].item(), abs=1e-12
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_table_shows_both_errors_interval_and_truth(effects, lang):
    truth = pd.DataFrame({"design": ["D1", "D2"], "term": "simple", "truth": [0.01, 0.02]})
    plain, known = effects_table(effects, lang), effects_table(effects, lang, truth=truth)
    heads = [str(head) for head in known.frame]
    assert len(plain.frame) == 8 and len(heads) == len(list(plain.frame)) + 1
    assert (plain.frame.iloc[:, 4] > 0).all() and (plain.frame.iloc[:, 5] > 0).all()
    estimates = overall(effects)["estimate"].to_numpy()
    assert known.frame.iloc[:, 3].to_numpy() == pytest.approx(estimates)
    assert known.frame["Truth" if lang == "en" else "真值"].dropna().unique().tolist() == [
        0.01,
        0.02,
    ]
    texts = [plain.caption, plain.notes, *heads]
    assert all(HANZI.search(text) or lang == "en" for text in texts)
    assert not any(HANZI.search(text) for text in texts) or lang == "zh"
    assert "{" not in "".join(texts)


def test_table_has_no_wild_interval_for_imputation(effects):
    shown = effects_table(effects, "en").frame
    assert ((shown["Wild bootstrap"] == "") == (shown["Estimator"] == "Imputation")).all()
    assert (shown["95% interval"] != "").all()
