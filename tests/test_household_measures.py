"""Household measures against worked examples, R's survey, closed forms and properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.households.config import parse_config
from analysis.households.measures import measure, subgroup_shares
from analysis.models.inequality import generalized_entropy, gini

ibis = pytest.importorskip("ibis")

EXACT = 1e-9
"""Worked examples are printed with ten digits; weights and gaps are kept to nine."""
ORACLE = 1e-8
"""Relative, against R's survey: weights are kept to eight digits of the largest."""


def run(frame: pd.DataFrame, **study: Any) -> pd.DataFrame:
    return measure(ibis.memtable(frame), parse_config(study))


def values(result: pd.DataFrame, column: str = "value") -> dict[str, float]:
    """Values by measure and item, of a result for everybody."""
    return {
        f"{m}:{item}" if item else m: value
        for m, item, value in zip(result["measure"], result["item"], result[column], strict=True)
    }


ACHIEVEMENTS = pd.DataFrame(
    [[13.1, 14, 4, 1], [15.2, 7, 5, 0], [12.5, 10, 1, 0], [20, 11, 3, 1]], columns=list("abcd")
)
"""Alkire and Foster (2011), section 7: income, schooling, health, insurance; cut-offs below."""
CARDINAL = [
    {
        "name": name,
        "deprived": {"below": cut},
        "dimension": name,
        "weight": "1/4",
        "cardinal": True,
    }
    for name, cut in zip("abcd", [13, 12, 3, 1], strict=True)
]


def test_alkire_foster_worked_example() -> None:
    found = values(run(ACHIEVEMENTS, columns={"code": "a"}, indicators=CARDINAL, k=0.5))
    expected = {"H": 0.5, "A": 0.75, "M0": 0.375, "M1": 0.2055288462, "M2": 0.165457039}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=EXACT)
    assert found["uncensored:b"] == 0.75 and found["censored:b"] == 0.5
    assert found["uncensored:a"] == 0.25 and found["left_out_indicators"] == 0


def binary(weights: Sequence[str], **more: Any) -> dict[str, Any]:
    entries = [
        {"name": f"d{i}", "deprived": {"equal": 1}, "dimension": f"D{i % 2}", "weight": weight}
        for i, weight in enumerate(weights)
    ]
    return {"indicators": entries, **more}


def test_a_tie_at_a_third_is_poor() -> None:
    """Sums of floating-point 1/6 + 1/12 + 1/12 fall below 1/3; here they are integers."""
    frame = pd.DataFrame([[1, 1, 1, 0, 0], [0, 1, 1, 0, 0]], columns=[f"d{i}" for i in range(5)])
    study = binary(["1/6", "1/12", "1/12", "1/3", "1/3"], columns={"code": "d0"})
    for k in ("1/3", 1 / 3, 0.333333333):
        assert values(run(frame, **study, k=k))["H"] == 0.5
    assert values(run(frame, **study, k=0.34))["H"] == 0


def test_missing_indicators_leave_the_household_out_and_are_counted() -> None:
    frame = pd.DataFrame({"d0": [1, 1, None, 0], "d1": [1, 0, 1, None], "income": [1, 2, 3, None]})
    result = run(frame, **binary(["1/2", "1/2"], columns={"income": "income"}), k=1)
    found = values(result)
    assert (found["H"], found["uncensored:d0"], found["population"]) == (0.5, 1, 4)
    assert (found["left_out_indicators"], found["left_out_income"]) == (2, 1)
    assert values(result, "n")["H"] == 2 and values(result, "n")["mean_income"] == 3


@st.composite
def surveys(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(8, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    frame = pd.DataFrame(rng.integers(0, 2, (n, 4)), columns=[f"d{i}" for i in range(4)])
    return frame.assign(
        code=rng.choice(["a", "b", "c"], n),
        weight=rng.uniform(0.5, 90, n).round(3),
        persons=rng.integers(1, 7, n),
        psu=rng.integers(0, 6, n),
        income=rng.choice([0.0, 100.0, 250.5, 999.99, 5000.0], n),
    )


SURVEY = binary(
    ["1/2", "1/4", "1/6", "1/12"],
    columns={
        "code": "code",
        "weight": "weight",
        "persons": "persons",
        "psu": "psu",
        "income": "income",
    },
    k_sweep=["1/4", "1/2", 1],
    poverty_line=500,
    groups=[["code"], []],
)
few = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@few
@given(surveys())
def test_identities_of_the_measures(frame: pd.DataFrame) -> None:
    frame.loc[0, "income"] = 100.0  # not all incomes zero
    result = run(frame, **{**SURVEY, "measures": None})
    for _, part in result.groupby(["group", "code"], dropna=False):
        found = values(part)
        if found["H"] > 0:
            assert found["M0"] == pytest.approx(found["H"] * found["A"], rel=EXACT)
            shares = [found[f"contribution:d{i}"] for i in range(4)]
            assert sum(shares) == pytest.approx(1, rel=EXACT)
            assert found["dimension:D0"] == pytest.approx(shares[0] + shares[2], rel=EXACT)
        swept = [found[f"H_sweep:{k}"] for k in ("1/4", "1/2", "1")]
        assert swept == sorted(swept, reverse=True)
        assert found["FGT0"] >= found["FGT1"] >= found["FGT2"] >= 0
    total = values(result[result["group"] == "all"])
    for name in ("H", "M0", "FGT1", "uncensored:d1"):
        by_code = result[result["group"] == "code"]
        at = by_code.set_index(["measure", "item", "code"])["value"]
        what, _, item = name.partition(":")
        people = at["population", ""]
        mean = (at[what, item] * people).sum() / people.sum()
        assert mean == pytest.approx(total[name], rel=EXACT, abs=EXACT)
    parts = subgroup_shares(result, by=["code"])
    if total["M0"] > 0:
        assert parts["share"].sum() == pytest.approx(1, rel=EXACT)
    assert parts["population_share"].sum() == pytest.approx(1, rel=EXACT)


@few
@given(surveys(), st.integers(0, 2**32))
def test_the_order_of_rows_does_not_show(frame: pd.DataFrame, seed: int) -> None:
    shuffled = frame.sample(frac=1, random_state=np.random.default_rng(seed))
    one, other = (run(part.reset_index(drop=True), **SURVEY) for part in (frame, shuffled))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_subgroups_must_have_been_measured() -> None:
    result = run(ACHIEVEMENTS, columns={"code": "a"}, indicators=CARDINAL)
    with pytest.raises(ValueError, match="add this set to `groups:`"):
        subgroup_shares(result, by=["year"])


def incomes(frame: pd.DataFrame, **study: Any) -> pd.DataFrame:
    return run(frame, columns={c: c for c in frame.columns}, **study)


@pytest.mark.parametrize(
    ("income", "expected"),
    [
        ([100, 110, 150, 160], [0.5, 0.08, 0.0136]),
        ([100, 100, 150, 150], [0.5, 0.1, 0.02]),
        ([124, 124, 150, 150], [0.5, 0.004, 3.2e-5]),
    ],
)
def test_fgt_worked_examples(income: list[float], expected: list[float]) -> None:
    """Haughton and Khandker (2009), Handbook on Poverty and Inequality, line 125."""
    found = values(incomes(pd.DataFrame({"income": income}), poverty_line=125))
    assert [found[f"FGT{a}"] for a in range(3)] == pytest.approx(expected, abs=EXACT)


def test_fgt_of_a_lognormal_has_its_closed_form() -> None:
    """Income at the mid-quantiles of LN(9.2, 0.55^2), line 4000."""
    from scipy.stats import norm

    n = 200_000
    income = np.exp(9.2 + 0.55 * norm.ppf((np.arange(n) + 0.5) / n))
    found = values(incomes(pd.DataFrame({"income": income}), poverty_line=4000, measures=None))
    closed = [0.04976027267969857, 0.009453377816637437, 0.0028411428981618136]
    steps = 1 / n  # a step of the empirical distribution
    assert [found[f"FGT{a}"] for a in range(3)] == pytest.approx(closed, abs=steps)
    assert found["gini"] == pytest.approx(2 * norm.cdf(0.55 / np.sqrt(2)) - 1, abs=20 * steps)
    assert found["theil"] == pytest.approx(0.55**2 / 2, abs=20 * steps)
    median = np.exp(9.2)
    for share in (0.4, 0.5, 0.6):
        rate = norm.cdf((np.log(share * median) - 9.2) / 0.55)
        assert found[f"relative:{share}"] == pytest.approx(rate, abs=2 * steps)


THEIL = pd.DataFrame(
    {
        "income": [10] * 2 + [8] * 4 + [6] * 6 + [4] * 4 + [2] * 2,
        "code": list("AA" + "B" * 10 + "A" * 6),
    }
)


def test_theil_worked_example_and_its_decomposition() -> None:
    result = incomes(THEIL, groups=[["code"], []])
    at = result.set_index(["measure", "code"])["value"]
    people, mean, theil = (at[name] for name in ("population", "mean_income", "theil"))
    total = values(result[result["group"] == "all"])
    share = people[["A", "B"]] * mean[["A", "B"]] / (18 * total["mean_income"])
    within = (share * theil[["A", "B"]]).sum()
    between = (share * np.log(mean[["A", "B"]] / total["mean_income"])).sum()
    assert (theil["A"], theil["B"]) == pytest.approx((0.1656871, 0.01021666), abs=1e-7)
    assert (total["theil"], within, between) == pytest.approx(
        (0.07907822, 0.0677983, 0.01127992), abs=1e-7
    )
    assert within + between == pytest.approx(total["theil"], rel=EXACT)


@pytest.mark.parametrize(
    ("income", "expected"),
    [
        ([10, 20, 30, 40, 100], {"gini": 0.4}),
        (
            [541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261],
            {"gini": 0.4620911303, "theil": 0.3623412423},
        ),
    ],
)
def test_inequality_worked_examples(income: list[float], expected: dict[str, float]) -> None:
    found = values(incomes(pd.DataFrame({"income": income})))
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=EXACT)


@few
@given(surveys())
def test_inequality_equals_the_county_functions_with_ties_and_zeros(frame: pd.DataFrame) -> None:
    frame.loc[0, "income"] = 100.0
    found = values(run(frame, **{**SURVEY, "groups": [[]]}))
    weights = frame["weight"] * frame["persons"]
    assert found["gini"] == pytest.approx(gini(frame["income"], weights), rel=1e-7, abs=EXACT)
    assert found["theil"] == pytest.approx(
        generalized_entropy(frame["income"], weights), rel=1e-7, abs=EXACT
    )


@pytest.mark.parametrize(("name", "index"), [("gini", gini), ("theil", generalized_entropy)])
def test_errors_of_inequality_are_those_of_its_derivatives(name: str, index: Any) -> None:
    """z_i = d index / d w_i by central differences, then n / (n - 1) sum (w z)^2 over units."""
    rng = np.random.default_rng(3)
    n = 60
    income = np.round(np.exp(9 + rng.normal(size=n)), 2)
    income[3:6] = income[2]
    weight = rng.uniform(1, 9, n).round(3)
    frame = pd.DataFrame({"income": income, "weight": weight, "household": np.arange(n)})
    result = incomes(frame)
    z = np.empty(n)
    for i in range(n):
        step = np.zeros(n)
        step[i] = 1e-4
        up, down = (index(income, weight + s) for s in (step, -step))
        z[i] = weight[i] * (up - down) / 2e-4
    se = np.sqrt(n * z.var(ddof=1))
    assert values(result, "se")[name] == pytest.approx(se, rel=1e-6)


@pytest.mark.parametrize("income", [[-20_000, 0, 3000, 9000], [1.2e9, 2e9, 4.9e9, 1e9]])
def test_products_with_extreme_incomes_do_not_overflow(income: list[float]) -> None:
    """Of a simple random sample the design effect is 1, which tells the squares."""
    lines = {"poverty_line": 4000, "measures": ["FGT0", "FGT1", "FGT2", "mean_income"]}
    result = incomes(pd.DataFrame({"income": income}), **lines)
    gaps = np.maximum(0, (4000 - np.array(income)) / 4000)
    expected = {"FGT1": gaps.mean(), "FGT2": (gaps**2).mean(), "mean_income": np.mean(income)}
    found, effects = values(result), values(result, "deff")
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=ORACLE)
    varying = [name for name in expected if found[name] > 0]
    assert [effects[name] for name in varying] == pytest.approx([1] * len(varying), rel=1e-6)


def test_inequality_of_very_large_incomes_is_that_of_small_ones() -> None:
    small = np.array([1.2, 2, 4.9, 1])
    one, other = (values(incomes(pd.DataFrame({"income": small * unit}))) for unit in (1e3, 1e9))
    for name in ("gini", "theil"):
        assert one[name] == pytest.approx(other[name], rel=ORACLE)


def test_cardinal_gaps_far_below_the_cut_off_do_not_overflow() -> None:
    frame = ACHIEVEMENTS.assign(b=[-9999, 7, 10, 11])
    found = values(run(frame, columns={"code": "a"}, indicators=CARDINAL, k=0.25))
    gap = (12 + 9999) / 12
    others = [5 / 12, 1, 0.5 / 13, 2 / 12, 2 / 3, 1, 1 / 12]
    m2 = (gap**2 + sum(other**2 for other in others)) / 16
    assert found["M2"] == pytest.approx(m2, rel=ORACLE)


def test_relative_lines_are_by_year_and_urban() -> None:
    frame = pd.DataFrame({
        "year": [2019] * 4 + [2020] * 4, "urban": [1, 1, 0, 0] * 2,
        "income": [100, 300, 10, 18, 40, 60, 1, 100], "weight": [1, 1, 1, 3, 1, 1, 1, 1],
    })  # fmt: skip
    result = incomes(frame, groups=[["year", "urban"]], relative_lines=[0.6])
    rates = result[result["measure"] == "relative"].set_index(["year", "urban"])["value"]
    assert rates.to_dict() == {
        (2019, 0): 0.25, (2019, 1): 0.5, (2020, 0): 0.5, (2020, 1): 0.0,
    }  # fmt: skip


def test_lines_by_year() -> None:
    frame = pd.DataFrame({"year": [2019, 2019, 2020], "income": [3500.0, 3000.0, 3500.0]})
    result = incomes(frame, poverty_line={2019: 3218, 2020: 4000}, groups=[["year"]])
    poor = result[result["measure"] == "FGT0"].set_index("year")["value"]
    assert poor.to_dict() == {2019: 0.5, 2020: 1.0}
    with pytest.raises(ValueError, match="1 rows of a year without `poverty_line`; first: 2020"):
        incomes(frame, poverty_line={2019: 3218})


TOY = pd.DataFrame({
    "stratum": [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4],
    "psu": [11, 11, 12, 12, 13, 13, 21, 21, 22, 22, 22, 31, 31, 31, 41, 41],
    "weight": [10, 12.5, 8, 8, 20, 15, 30, 22, 18, 25, 40, 12, 9, 14, 33, 21],
    "code": [1, 2, 1, 1, 2, 1, 1, 1, 2, 2, 2, 1, 2, 2, 1, 1],
    "income": [5200, 3100, 4800, 7400, 2600, 9900, 3900, 4100, 2200, 8600, 5100, 6100, 2700, 3600,
               4300, 1500],
    "fpc": [40] * 6 + [25] * 5 + [10] * 3 + [9] * 2,
})  # fmt: skip
R_LONELY = {
    "centre": [473.4247564084047895, 0.0961934957125535, 0.710318801246050, 0.0909199888246163,
               0.2120349362481712, 0.303535192540421, 1.083091005954963],
    "remove": [395.0399860456636247, 0.0918477030455257, 0.494576521558663, 0.0845279035331495,
               0.1971920263362065, 0.262355697127683, 0.936760999020938],
    "average": [558.670905945455729, 0.129892267319799, 0.989153043117326, 0.119540507575545,
                0.241509922934584, 0.524711394255367, 1.405141498531407],
}  # fmt: skip
"""R survey 4.1-1, svydesign(id = ~psu, strata = ~stratum, weights = ~w), survey.lonely.psu =
adjust, remove, average: SE of svymean(~income), of the share below 4000, deff =
"replace" of the mean; svyby(share, ~code): both SEs and both design effects."""


@pytest.mark.parametrize(("rule", "expected"), R_LONELY.items())
def test_errors_of_domains_and_lonely_units_equal_r(rule: str, expected: list[float]) -> None:
    result = incomes(TOY.drop(columns="fpc"), poverty_line=4000, groups=[[], ["code"]], lonely=rule)
    mean = result[result["measure"] == "mean_income"].iloc[0]
    share = result[result["measure"] == "FGT0"]
    found = [mean["se"], share["se"].iloc[0], mean["deff"], *share["se"][1:], *share["deff"][1:]]
    assert found == pytest.approx(expected, rel=ORACLE)
    assert share["n_psu"].tolist() == [7, 6, 4] and share["n"].tolist() == [16, 9, 7]


def test_finite_population_correction_equals_r() -> None:
    """As above with fpc = ~fpc, adjust, deff = TRUE; confint(df = degf(design))."""
    result = incomes(TOY, poverty_line=4000)
    found = result[result["measure"].isin(["FGT0", "mean_income"])]
    expected = {
        "value": [0.418487394957983, 4625.042016806723],
        "se": [0.092212888124842, 451.916175838655192],
        "deff": [0.553913008223721, 0.684030907609839],
        "ci_low": [0.12502482984554, 3186.84305271105],
        "ci_high": [0.711949960070426, 6063.240980902393],
    }
    for column, numbers in expected.items():
        assert found[column].tolist() == pytest.approx(numbers, rel=ORACLE), column


@pytest.mark.parametrize("poor", [0, 1])
def test_shares_without_spread_have_no_error(poor: int) -> None:
    frame = TOY.assign(d0=poor, d1=poor, income=1000 if poor else 9000).drop(columns="fpc")
    study = binary(["1/2", "1/2"], columns={c: c for c in frame.columns if c[0] != "d"}, k=1)
    result = run(frame, **study, poverty_line=4000, groups=[[], ["code"]])
    names = ["H", "M0", "uncensored", "censored", "FGT0", *(["A"] if poor else ["FGT1", "FGT2"])]
    silent = result[result["measure"].isin(names)]
    assert set(silent["value"]) == {poor}
    assert silent[["se", "ci_low", "ci_high"]].isna().all(axis=None)
    mixed = values(incomes(TOY.drop(columns="fpc"), poverty_line=4000), "se")
    assert mixed["FGT0"] > 0


def test_a_share_of_zero_is_known_where_all_were_sampled() -> None:
    result = incomes(TOY.assign(fpc=1), poverty_line=100)
    row = result[result["measure"] == "FGT0"].iloc[0]
    assert (row["value"], row["se"], row["ci_low"], row["ci_high"]) == (0, 0, 0, 0)


def test_the_share_left_unsampled_is_of_households_where_persons_count() -> None:
    """n households of sum(w) were asked, however many persons they have."""
    frame = TOY.assign(persons=[1, 2, 3, 4] * 4)
    here, bare = (
        incomes(frame, poverty_line=4000),
        incomes(frame.drop(columns="fpc"), poverty_line=4000),
    )
    for name in ("FGT0", "mean_income"):
        one, other = (r[r["measure"] == name].iloc[0] for r in (here, bare))
        simple = other["se"] ** 2 / other["deff"]
        left = 1 - len(frame) / frame["weight"].sum()
        assert one["deff"] == pytest.approx(one["se"] ** 2 / (simple * left), rel=ORACLE)


def test_cluster_sample_of_schools_equals_r(oracle: Any) -> None:
    """R survey 4.1-1: svymean(~api00, deff = TRUE) and svyby(~api00, ~stype) of apiclus1."""
    schools = pd.read_csv(oracle("apiclus1.csv"))
    columns = {
        "income": "api00", "weight": "pw", "psu": "dnum", "fpc": "fpc", "stype": "stype",
    }  # fmt: skip
    study: dict[str, Any] = {"measures": ["mean_income"], "groups": [[], ["stype"]]}
    result = run(schools, columns=columns, **study)
    mean = result[result["measure"] == "mean_income"]
    expected = {
        "value": [644.169398907104, 648.868055555556, 618.571428571429, 631.440000000000],
        "se": [23.542240693781, 22.3624088938319, 38.0202493594075, 31.6094652272455],
        "deff": [9.34586945059095, 6.58367352502780, 2.22825931686862, 2.16389972008046],
    }
    for column, numbers in expected.items():
        assert mean[column].tolist() == pytest.approx(numbers, rel=1e-6), column
    assert mean["stype"].tolist()[1:] == ["E", "H", "M"]


def test_without_units_each_row_is_one() -> None:
    """svydesign(id = ~1, weights = ~w): n / (n - 1) sum (w (y - mean) / W)^2."""
    frame = TOY[["income", "weight"]]
    found = incomes(frame)
    row = found[found["measure"] == "mean_income"].iloc[0]
    w, y = frame["weight"].to_numpy(float), frame["income"].to_numpy(float)
    z = w * (y - np.average(y, weights=w)) / w.sum()
    assert row["se"] == pytest.approx(np.sqrt(16 / 15 * (z**2).sum()), rel=ORACLE)
    assert row["n_psu"] == 16


def test_persons_and_households_count_differently() -> None:
    frame = pd.DataFrame({"income": [100.0, 400.0], "persons": [3, 1], "weight": [2.0, 2.0]})
    assert values(incomes(frame))["mean_income"] == 175
    assert values(incomes(frame, count="households"))["mean_income"] == 250
