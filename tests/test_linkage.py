"""Linkage index: given values, closed forms, properties, and input that must be refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis import coupling, linkage, weights
from analysis.indicators import (
    SUBSYSTEMS,
    Indicator,
    IndicatorSystem,
    load_five_revitalizations,
    load_system,
)

ROOT = Path(__file__).parents[1]
INDICATORS = ROOT / "data" / "raw" / "indicators"
G09_TOLERANCE = 6e-4  # printed to three decimals, from scores printed to four
G10_TOLERANCE = 1e-6  # printed to seven or eight digits
ROUNDING = 1e-12  # closed forms, float64
SCALED = 1e-9  # after a change of units, which costs digits where x is large beside its range

few = settings(max_examples=25, deadline=None)  # each example passes through pandas
unit_values = st.floats(0.0, 1.0, allow_subnormal=False)


def system_of(alleviation: str, revitalization: str = "") -> IndicatorSystem:
    """System with variables a0, a1, ... and r0, r1, ..., one per sign."""
    named = {"alleviation": alleviation, "revitalization": revitalization}
    indicators = [
        Indicator(f"{subsystem[0]}{k}", subsystem, "income", sign, "en", "zh", "percent", "test")
        for subsystem, signs in named.items()
        for k, sign in enumerate(signs)
    ]
    return IndicatorSystem("test", "test", tuple(indicators))


def panel_of(values: np.ndarray, system: IndicatorSystem, years: int = 1) -> pd.DataFrame:
    """Panel with one row per row of values; years change fastest."""
    counties = len(values) // years
    keys = {
        "code": np.repeat([f"{110000 + k}" for k in range(counties)], years),
        "year": np.tile(2010 + np.arange(years), counties),
    }
    return pd.DataFrame(keys).join(pd.DataFrame(values, columns=system.variables))


def random_panel(system: IndicatorSystem, counties: int = 40, years: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(20)
    return panel_of(rng.gamma(2.0, 10.0, (counties * years, len(system.variables))), system, years)


TWO_SIDED = system_of("+-+", "++-")


# --- given values ---------------------------------------------------------------------------------

# Oracle G09: scores of three subsystems in six units; the strict form with equal weights, and the
# form of Wang et al. (2021), doi 10.31497/zrzyxb.20210319, with weights .4, .3, .3.
G09_U = [
    [0.0162, 0.2720, 0.2655],
    [0.1782, 0.6824, 0.3721],
    [0.5490, 0.0593, 0.5729],
    [0.6730, 0.4812, 0.9082],
    [0.0207, 0.8891, 0.2017],
    [0.9875, 0.5573, 0.8984],
]
G09 = {
    ("strict", (1 / 3, 1 / 3, 1 / 3)): {
        "coupling": [0.571, 0.867, 0.674, 0.967, 0.418, 0.971],
        "development": [0.185, 0.411, 0.394, 0.687, 0.370, 0.814],
        "coordination": [0.325, 0.597, 0.515, 0.815, 0.393, 0.889],
    },
    ("wang", (0.4, 0.3, 0.3)): {
        "coupling": [0.447, 0.501, 0.455, 0.669, 0.175, 0.715],
        "development": [0.168, 0.388, 0.409, 0.686, 0.336, 0.832],
        "coordination": [0.274, 0.440, 0.432, 0.678, 0.242, 0.771],
    },
}


@pytest.mark.parametrize(("form", "alpha"), G09)
@pytest.mark.parametrize("column", ["coupling", "development", "coordination"])
def test_coupling_agrees_with_given_values(form, alpha, column):
    scores = pd.DataFrame(G09_U, columns=["a", "b", "c"])
    result = coupling.coordination_index(scores, alpha=alpha, form=form)
    np.testing.assert_allclose(result[column], G09[form, alpha][column], atol=G09_TOLERANCE)


# Oracle G10: worked example of entropy weights, a positive and a negative indicator, four units.
G10_X = np.array([[3.0, 10.0], [5.0, 20.0], [2.0, 15.0], [7.0, 25.0]])


@pytest.mark.parametrize(
    ("shift", "expected"), [(0.0, [0.54519975, 0.45480025]), (0.002, [0.5452618, 0.4547382])]
)
def test_entropy_weights_agree_with_worked_example(shift, expected):
    system = system_of("+-")
    z = weights.normalise(panel_of(G10_X, system), system, base_years=(2010, 2010))
    found = weights.entropy_weights(z, system, shift=shift)
    np.testing.assert_allclose(found, expected, atol=G10_TOLERANCE)


def test_scores_of_shifted_indicators_agree_with_worked_example():
    system = system_of("+-")
    z = weights.normalise(panel_of(G10_X, system), system, base_years=(2010, 2010))
    shifted = weights.squeeze(z, shift=0.002)
    scores = coupling.subsystem_scores(
        shifted, weights.entropy_weights(z, system, shift=0.002), system
    )
    expected = [0.5635354, 0.4788215, 0.3039461, 0.5450808]
    np.testing.assert_allclose(scores["alleviation"], expected, atol=G10_TOLERANCE)


# --- closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "columns", "expected"),
    [
        # uncorrelated pair and a copy of the first: conflict 1, 2, 1 at equal contrast
        ("critic", [[0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 0, 1]], [0.25, 0.5, 0.25]),
        # uncorrelated, the first with twice the standard deviation; a constant has neither
        ("critic", [[0, 1, 0, 1], [0, 0, 0.5, 0.5], [1, 1, 1, 1]], [2 / 3, 1 / 3, 0]),
        # standard deviation over mean: (1/sqrt 3) / (1/2), (1/2) / (1/4), (1/2) / (3/4)
        (
            "cv",
            [[0, 1, 0, 1], [0, 0, 0, 1], [0, 1, 1, 1]],
            np.array([2 / 3**0.5, 2, 2 / 3]) / (2 / 3**0.5 + 2 + 2 / 3),
        ),
        # equal shares among m of n units have entropy ln m / ln n
        ("entropy", [[0, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]], [1 / 3, 2 / 3, 0]),
        ("equal", [[0, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]], [1 / 3, 1 / 3, 1 / 3]),
        ("critic", [[0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]], [1, 0, 0]),
        ("critic", [[0, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 1]], [1 / 3, 1 / 3, 1 / 3]),
        ("cv", [[0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]], [1, 0, 0]),
        ("entropy", [[0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]], [1, 0, 0]),
    ],
)
def test_weights_have_their_closed_form(scheme, columns, expected):
    system = system_of("+++")
    z = pd.DataFrame(np.array(columns, dtype=float).T, columns=system.variables)
    np.testing.assert_allclose(weights.SCHEMES[scheme](z, system), expected, atol=ROUNDING)


def test_obstacles_weigh_by_subsystem():
    z = pd.DataFrame([[0.0, 0.5, 0.5], [1.0, 1.0, 1.0]], columns=["a0", "a1", "r0"])
    weight = pd.Series({"a0": 0.25, "a1": 0.75, "r0": 1.0})
    found = coupling.obstacle_degrees(z, weight, system_of("++", "+"), alpha=(0.8, 0.2))
    # deficits .8 * .25 * 1, .8 * .75 * .5, .2 * 1 * .5 of .6 in all
    np.testing.assert_allclose(found.iloc[0], [100 / 3, 50, 50 / 3], atol=1e-10)
    assert found.iloc[1].isna().all()


@pytest.mark.parametrize(
    ("degree", "number", "english"),
    [
        (0.0, 1, "extreme imbalance"),
        (0.1, 2, "serious imbalance"),
        (0.3, 4, "slight imbalance"),
        (0.49, 5, "near imbalance"),
        (0.6, 7, "primary coordination"),
        (0.7, 8, "intermediate coordination"),
        (0.9, 10, "excellent coordination"),
        (1.0, 10, "excellent coordination"),
    ],
)
def test_classes_are_closed_below_and_the_last_above(degree, number, english):
    # U1 = U2 = D^2 has C = 1; the root of the square may lose one bit, so step up by that bit
    score = np.nextafter(degree**2, 1.0)
    row = coupling.coordination_index(pd.DataFrame({"a": [score], "b": [score]})).iloc[0]
    assert (row["coordination_class"], row["coordination_en"]) == (number, english)


@pytest.mark.parametrize(
    ("u1", "u2", "kind", "position"),
    [
        (0.30, 0.50, "alleviation lags", "lagging"),
        (0.40, 0.50, "in step", "in step"),  # difference and ratio on the bound
        (0.60, 0.50, "in step", "in step"),
        (0.75, 0.50, "revitalization lags", "leading"),
        (0.10, 0.15, "in step", "lagging"),
        (0.04, 0.04, "in step", "unstable"),
    ],
)
def test_relative_standing(u1, u2, kind, position):
    scores = pd.DataFrame({"alleviation": [u1], "revitalization": [u2]})
    row = coupling.coordination_index(scores).iloc[0]
    assert (row["linkage_type"], row["relative_position"]) == (kind, position)
    assert pd.isna(row["relative_development"]) == (position == "unstable")


@pytest.mark.parametrize("form", ["strict", "wang"])
def test_scores_of_zero_have_defined_coordination(form):
    scores = pd.DataFrame({"a": [0.0, 0.0], "b": [0.0, 0.7]})
    result = coupling.coordination_index(scores, form=form)
    assert result["coupling"].tolist() == [1.0, 0.0]
    assert result["coordination"].tolist() == [0.0, 0.0]


# --- properties -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["strict", "wang"])
@few
@given(u=arrays(float, st.tuples(st.integers(1, 5), st.integers(2, 4)), elements=unit_values))
def test_coupling_is_bounded_symmetric_and_one_at_equality(form, u):
    found = coupling.coupling(pd.DataFrame(u), form=form)
    assert found.between(0.0, 1.0).all()
    mirrored = coupling.coupling(pd.DataFrame(u[:, ::-1]), form=form)
    np.testing.assert_allclose(found, mirrored, atol=ROUNDING)
    equal = coupling.coupling(pd.DataFrame(np.tile(u[:, :1], u.shape[1])), form=form)
    np.testing.assert_allclose(equal, 1.0, atol=ROUNDING)


@few
@given(u1=unit_values, u2=unit_values)
def test_coupling_of_two_is_the_textbook_form(u1, u2):
    scores = pd.DataFrame({"a": [u1], "b": [u2]})
    if u1 + u2 > 1e-100:  # below, the textbook form itself underflows
        expected = 2 * np.sqrt(u1) * np.sqrt(u2) / (u1 + u2)
        np.testing.assert_allclose(coupling.coupling(scores), expected, atol=ROUNDING)
        wang = np.sqrt((1 - abs(u1 - u2)) * min(u1, u2) / max(u1, u2))
        np.testing.assert_allclose(coupling.coupling(scores, form="wang"), wang, atol=ROUNDING)


@pytest.mark.parametrize("scheme", weights.SCHEMES)
@few
@given(values=arrays(float, (6, 6), elements=unit_values, unique=True))
def test_weights_sum_to_one_and_obstacles_to_hundred(scheme, values):
    z = pd.DataFrame(values, columns=TWO_SIDED.variables)
    weight = weights.SCHEMES[scheme](z, TWO_SIDED)
    assert (weight >= 0).all()
    for subsystem in TWO_SIDED.subsystems:
        assert weight[TWO_SIDED.members(subsystem)].sum() == pytest.approx(1.0, abs=ROUNDING)
    rows = coupling.obstacle_degrees(z, weight, TWO_SIDED).sum(axis=1)
    np.testing.assert_allclose(rows, 100.0, atol=1e-9)


@few
@given(factor=st.floats(0.01, 1000.0), offset=st.floats(-100.0, 100.0))
def test_entropy_weights_do_not_depend_on_units(factor, offset):
    panel = random_panel(TWO_SIDED)
    other = panel.assign(a1=panel["a1"] * factor + offset)
    found, expected = (
        weights.entropy_weights(weights.normalise(p, TWO_SIDED, base_years=(2010, 2012)), TWO_SIDED)
        for p in (other, panel)
    )
    np.testing.assert_allclose(found, expected, atol=SCALED)


# --- pitfalls prevented ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", weights.SCHEMES)
@pytest.mark.parametrize("form", ["strict", "wang"])
def test_best_county_in_everything_has_coordination_one(scheme, form):
    panel = random_panel(TWO_SIDED)
    best = panel[TWO_SIDED.variables].max() * 1.1
    best[["a1", "r2"]] = 0.0
    panel.loc[0, TWO_SIDED.variables] = best
    result = linkage.build_index(
        panel, TWO_SIDED, base_years=(2010, 2012), scheme=scheme, form=form
    )
    first = result.index.iloc[0]
    columns = ["coupling", "coupling_wang", "coordination", "coordination_wang"]
    np.testing.assert_allclose(first[columns].astype(float), 1.0, atol=ROUNDING)
    assert first["coordination_class"] == 10


def test_weights_across_subsystems_are_refused():
    z = pd.DataFrame([[1.0, 1.0, 1.0]], columns=["a0", "a1", "r0"])
    across = pd.Series({"a0": 0.2, "a1": 0.3, "r0": 0.5})
    with pytest.raises(ValueError, match=r"alleviation sum to 0\.5.*revitalization sum to 0\.5"):
        coupling.subsystem_scores(z, across, system_of("++", "+"))


def test_one_pair_of_bounds_serves_all_years():
    system = system_of("+", "-")
    values = np.array([[0, 0], [5, 4], [10, 8], [5, 4], [20, 2], [-5, 4]], dtype=float)
    panel = panel_of(values, system, years=2)  # 2010: 0, 10, 20; 2011: 5, 5, -5
    z = weights.normalise(panel, system, base_years=(2010, 2011))
    assert z["a0"].loc[[("110000", 2011), ("110001", 2011)]].nunique() == 1
    np.testing.assert_allclose(z["a0"], [0.2, 0.4, 0.6, 0.4, 1.0, 0.0])
    np.testing.assert_allclose(z["r0"], [1.0, 0.5, 0.0, 0.5, 0.75, 0.5])
    clipped = weights.normalise(panel, system, base_years=(2010, 2010))
    assert clipped.loc[("110002", 2011), "a0"] == 0.0
    bounds = weights.normalisation_bounds(panel, system, base_years=(2010, 2010))
    assert bounds["clipped"].to_dict() == {"a0": 1, "r0": 0}
    assert bounds["base_rows"].tolist() == [3, 3]


def test_a_later_year_leaves_earlier_scores_alone():
    panel = random_panel(TWO_SIDED, years=3)
    early = panel[panel["year"] < 2012]
    window = (2010, 2011)
    full = linkage.build_index(panel, TWO_SIDED, base_years=window).index
    part = linkage.build_index(early, TWO_SIDED, base_years=window).index
    pd.testing.assert_frame_equal(full[full["year"] < 2012].reset_index(drop=True), part)


@pytest.mark.parametrize(
    ("outcome", "regressor", "refused"),
    [
        ("coordination", "a0", True),
        ("log(development)", "np.log(r1)", True),
        ("coordination", "alleviation", True),
        ("a1", "coupling_wang", True),
        ("alleviation", "a2", True),
        ("alleviation", "r0", False),
        ("revitalization", "alleviation", False),
        ("coordination", "relief", False),
        ("radiance", "a0", False),
    ],
)
def test_components_may_not_explain_their_index(outcome, regressor, refused):
    if refused:
        with pytest.raises(ValueError, match="its own parts"):
            linkage.refuse_component_regressors(outcome, ["lon", regressor], TWO_SIDED.table())
    else:
        linkage.refuse_component_regressors(outcome, ["lon", regressor], TWO_SIDED.table())


def test_all_refused_regressors_are_listed():
    with pytest.raises(ValueError, match=r"(?s)a0: shares a0.*revitalization: shares r0, r1, r2"):
        linkage.refuse_component_regressors(
            "coordination", ["a0", "revitalization"], TWO_SIDED.table()
        )


# --- whole index ----------------------------------------------------------------------------------


def test_index_frames_have_keys_counts_and_reasons():
    panel = random_panel(TWO_SIDED)
    panel.loc[[4, 7], "a1"] = np.nan
    panel.loc[7, "r0"] = np.nan
    before = panel.copy()
    result = linkage.build_index(
        panel.sample(frac=1, random_state=1), TWO_SIDED, base_years=(2010, 2012)
    )
    pd.testing.assert_frame_equal(panel, before)
    assert result.excluded.to_dict("list") == {
        "code": ["110001", "110002"],
        "year": [2011, 2011],
        "reason": ["missing: a1", "missing: a1, r0"],
    }
    assert len(result.index) + len(result.excluded) == len(panel)
    assert result.index.set_index(["code", "year"]).index.is_monotonic_increasing
    np.testing.assert_allclose(result.obstacles.groupby("year")["obstacle"].sum(), 100.0)
    scopes = result.robustness.groupby("alternative")["scope"].agg(list).to_dict()
    assert scopes.keys() == {"equal weights", "cv weights", "critic weights", "wang form"}
    assert all(scope == ["2010", "2011", "2012", "all"] for scope in scopes.values())
    assert result.robustness.loc[0, "unit_years"] == 40


def test_class_follows_the_chosen_form():
    panel = random_panel(TWO_SIDED)
    strict, wang = (
        linkage.build_index(panel, TWO_SIDED, base_years=(2010, 2012), form=f).index
        for f in ("strict", "wang")
    )
    numbers = ["coupling", "coupling_wang", "coordination", "coordination_wang"]
    pd.testing.assert_frame_equal(strict[numbers], wang[numbers])
    assert (strict["coordination_class"] > wang["coordination_class"]).any()
    assert not (strict["coordination_class"] < wang["coordination_class"]).any()


def test_rank_correlation_agrees_with_scipy():
    from scipy.stats import spearmanr

    panel = random_panel(TWO_SIDED)
    entropy, equal = (
        linkage.build_index(panel, TWO_SIDED, base_years=(2010, 2012), scheme=s)
        for s in ("entropy", "equal")
    )
    table = entropy.robustness.set_index(["alternative", "scope"])["rank_correlation"]
    expected = spearmanr(entropy.index["coordination"], equal.index["coordination"]).statistic
    assert table["equal weights", "all"] == pytest.approx(expected, abs=ROUNDING)


def test_every_saved_column_is_in_the_contracts():
    contracts = yaml.safe_load((ROOT / "analysis" / "contracts.yml").read_text(encoding="utf-8"))
    result = linkage.build_index(random_panel(TWO_SIDED), TWO_SIDED, base_years=(2010, 2012))
    for frame in ("index", "weights", "obstacles", "robustness", "excluded"):
        table = contracts["tables"][f"linkage_{frame}"]
        columns = getattr(result, frame).columns
        assert set(columns) <= contracts["variables"].keys()
        assert set(table["required"]) == set(columns)
        assert not getattr(result, frame).duplicated(table["key"]).any()


# --- indicator files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sizes"), [("link24", [10, 14]), ("census", [4, 4]), ("households", [2, 2])]
)
def test_indicator_files_load(name, sizes):
    system = load_system(INDICATORS, name)
    assert [len(system.members(s)) for s in system.subsystems] == sizes
    assert not system.table().isna().to_numpy().any()


@pytest.mark.parametrize("name", ["census", "households"])
def test_variables_are_panel_variables_and_gaps_are_named(name):
    system = load_system(INDICATORS, name)
    contracts = yaml.safe_load((ROOT / "analysis" / "contracts.yml").read_text(encoding="utf-8"))
    assert set(system.variables) <= contracts["variables"].keys()
    full = load_system(INDICATORS, "link24")
    measured = {i.dimension for i in system.indicators}
    absent = {i.dimension for i in full.indicators} - measured
    assert {dimension for _, dimension, _ in system.not_measured} == absent


def test_five_revitalizations_map_to_the_five_phrases():
    table = load_five_revitalizations(INDICATORS)
    phrases = {"产业兴旺", "生态宜居", "乡风文明", "治理有效", "生活富裕"}
    assert set(table["requirement_zh"]) - {""} == phrases
    system = load_system(INDICATORS, "link24")
    dimensions = {i.dimension for i in system.indicators if i.subsystem == "revitalization"}
    assert set(table["dimension"]) - {"all"} == dimensions


# --- bad input ------------------------------------------------------------------------------------


def test_all_faults_of_an_indicator_file_come_at_once(tmp_path):
    content = yaml.safe_load((INDICATORS / "census.yml").read_text(encoding="utf-8"))
    first, second = (content["subsystems"][s]["indicators"] for s in SUBSYSTEMS)
    first[0]["direction"] = "up"
    first[1]["zh"] = ""
    first.append(dict(first[2]))
    second[0]["dimension"] = "roads"
    second.append(dict(first[3]))
    second[1]["typical"] = [5, 1]
    (tmp_path / "census.yml").write_text(yaml.safe_dump(content, allow_unicode=True))
    with pytest.raises(ValueError, match=r"6 fault\(s\)") as caught:
        load_system(tmp_path, "census")
    for fault in (
        "indicator 1 (illiteracy): direction is 'up'",
        "indicator 2 (tap_water): no `zh`",
        "kitchen is listed 2 times in alleviation",
        "dimension 'roads' is not listed",
        "toilet is in both subsystems",
        "typical is [5, 1]",
    ):
        assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "not valid YAML"),
        ("- a\n- b\n", "must be a mapping"),
        ("name: bad\nabout: x\nsubsystems: [a]\n", "must be a mapping of names"),
        ("name: bad\nabout: x\nsubsystems: {alleviation: {indicators: []}}\n", "no indicators"),
        ("name: good\nabout: x\n", "the file name says 'bad'"),
    ],
)
def test_malformed_indicator_files_are_refused(tmp_path, text, message):
    (tmp_path / "bad.yml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_system(tmp_path, "bad")


def test_an_absent_indicator_file_names_those_there_are():
    with pytest.raises(ValueError, match=r"no file link25\.yml.*census.*link24"):
        load_system(INDICATORS, "link25")


def test_all_faults_of_a_panel_come_at_once():
    panel = random_panel(TWO_SIDED).drop(columns="a0")
    panel.loc[1, ["code", "year"]] = panel[["code", "year"]].iloc[0].to_list()
    panel.loc[5, "a1"] = np.inf
    panel["a2"] = panel["a2"].astype(str).where(panel.index != 3, "12,5")
    with pytest.raises(ValueError, match=r"4 fault\(s\)") as caught:
        linkage.build_index(panel, TWO_SIDED, base_years=(2010, 2012))
    for fault in ("no column a0", "code 110000, year 2010", "a1: 1 infinite", "'12,5'"):
        assert fault in str(caught.value)


def test_constant_and_empty_indicators_are_all_listed():
    panel = random_panel(TWO_SIDED).assign(a0=1.0, r1=np.nan)
    with pytest.raises(
        ValueError, match=r"(?s)2 fault\(s\).*r1 has no value.*a0 is constant \(1\)"
    ):
        weights.normalise(panel, TWO_SIDED, base_years=(2010, 2012))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base_years": (2012, 2010)}, "base_years must be"),
        ({"base_years": (1990, 1999)}, "no row in base_years"),
        ({"scheme": "pca"}, "scheme is 'pca'"),
        ({"form": "loose"}, "form is 'loose'"),
        ({"alpha": (0.7, 0.7)}, "alpha must be 2 weights"),
    ],
)
def test_unknown_options_are_refused(change, message):
    options = {"base_years": (2010, 2012), **change}
    with pytest.raises(ValueError, match=message):
        linkage.build_index(random_panel(TWO_SIDED), TWO_SIDED, **options)


def test_a_panel_without_a_complete_row_is_refused():
    with pytest.raises(ValueError, match=r"no row .* has all indicators.*'a0': 120"):
        linkage.build_index(
            random_panel(TWO_SIDED).assign(a0=np.nan), TWO_SIDED, base_years=(2010, 2012)
        )


@pytest.mark.parametrize("scheme", ["entropy", "cv"])
def test_a_subsystem_without_variation_has_no_weights(scheme):
    z = pd.DataFrame({"a0": [0.0, 1.0], "r0": [0.5, 0.5]})
    with pytest.raises(ValueError, match="revitalization: r0"):
        weights.SCHEMES[scheme](z, system_of("+", "+"))


@pytest.mark.parametrize(
    ("z", "message"),
    [
        ({"a0": [0.0, np.nan], "a1": [2.0, 0.5]}, r"(?s)a0: 1 missing.*a1: 1 value\(s\) outside"),
        ({"a0": [0.0, 1.0]}, "a1: no such column"),
    ],
)
def test_weights_refuse_what_is_not_normalised(z, message):
    with pytest.raises(ValueError, match=message):
        weights.entropy_weights(pd.DataFrame(z), system_of("++"))
