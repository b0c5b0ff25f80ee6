"""Tables of the exhibits: each builder on a small frame, in English and Chinese."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import tables
from analysis.indicators import load_system
from analysis.panel import estimate_models
from analysis.panel_fit import ERRORS, MODELS
from analysis.schemas import label

RAW = Path(__file__).parents[1] / "data" / "raw"
LANGUAGES = ("en", "zh")
HANZI = re.compile("[一-鿿]")
LADDER = pd.DataFrame({
    "outcome": ["schooling"] * 3 + ["tap_water"] * 3,
    "rung": ["province", "raw", "baseline", "province", "baseline", "raw"],
    "estimate": [0.126, -0.25, 0.0, 3.0, 2.0, 1.0],
    "se": [0.1] * 3 + [0.33, 0.22, 0.115],
    "unit": ["years"] * 3 + ["percentage points"] * 3,
    "n": [2748, 2748, 2740, 2748, 2748, 2748],
    "cluster": "prefecture",
    "controls": ["log population, schooling", "none", "log population, schooling"] * 2,
})  # fmt: skip


@pytest.fixture
def weights():
    system = load_system(RAW / "indicators", "census").table()
    weight = np.linspace(0.1, 0.4, len(system))
    schemes = {f"weight_{name}": weight for name in ("entropy", "equal", "cv", "critic")}
    return system.assign(weight=weight, **schemes).sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def estimates():
    rng = np.random.default_rng(5)
    panel = pd.DataFrame({
        "code": np.repeat([f"{i:06d}" for i in range(60)], 30),
        "year": np.tile(range(1990, 2020), 60),
        "province": np.repeat([f"P{i % 12}" for i in range(60)], 30),
        "alleviation": rng.normal(size=1800),
    })  # fmt: skip
    panel["revitalization"] = 0.5 * panel["alleviation"] + rng.normal(size=1800)
    return estimate_models(
        panel,
        outcome="revitalization",
        regressors=["alleviation"],
        models=("pooled", "between", "two_way"),
        errors=("classical", "province", "driscoll_kraay"),
    )


def all_tables(weights, estimates, lang):
    return [
        tables.indicator_system(weights, lang),
        tables.descriptive_statistics(panel(), lang),
        tables.panel_models(estimates, lang),
        tables.ladder(LADDER, lang),
    ]


def panel():
    return pd.DataFrame({
        "code": list("aabbcc"), "year": [2010, 2020] * 3, "designated": True,
        "delisted_year": pd.array([2016] * 6, dtype="Int64"), "lon": 100.0, "lat": 30.0,
        "population": [1, 10, 2, 20, 6, 60],
        "tap_water": [50.0, np.nan, 70.0, np.nan, np.nan, np.nan],
    })  # fmt: skip


def text_of(table, *, without=()):
    parts = [*table.frame.columns, table.caption, table.notes]
    parts += [str(v) for c in table.frame for v in table.frame[c] if isinstance(v, str)]
    return "\n".join(part for part in parts if part not in without)


def test_each_language_is_of_one_piece(weights, estimates):
    for lang in LANGUAGES:
        for table in all_tables(weights, estimates, lang):
            assert table.frame.columns.is_unique and len(table.frame)
            heads = [head for head in table.frame.columns if HANZI.search(head)]
            assert bool(HANZI.search(text_of(table))) is (lang == "zh"), table.caption
            if lang == "zh":
                codes = {"CRITIC"}
                assert set(table.frame.columns) - set(heads) <= codes, table.caption
                assert HANZI.search(table.caption) and HANZI.search(table.notes)


def test_both_languages_have_the_same_numbers(weights, estimates):
    english, chinese = (all_tables(weights, estimates, lang) for lang in LANGUAGES)
    for one, other in zip(english, chinese, strict=True):
        numbers = [re.findall(r"\d[\d.,]*", str(t.frame.to_numpy().tolist())) for t in (one, other)]
        assert numbers[0]
        assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    ("lang", "minus", "first"), [("en", "−", "Education"), ("zh", "−", "教育")]
)
def test_indicator_system_is_grouped_and_sorted_by_weight(weights, lang, minus, first):
    before = weights.copy()
    frame = tables.indicator_system(weights, lang).frame
    pd.testing.assert_frame_equal(weights, before)
    assert len(frame) == len(weights) and frame.shape[1] == 8
    subsystem, dimension = frame.columns[:2]
    assert frame[subsystem].nunique() == 2
    groups = frame[[subsystem, dimension]]
    runs = groups.ne(groups.shift()).any(axis=1).sum()
    assert runs == len(groups.drop_duplicates())  # each group stands together
    weight, direction, indicator = (
        tables.word(key, lang) for key in ("weight", "direction", "indicator")
    )
    for _, group in frame.groupby([subsystem, dimension]):
        assert group[weight].is_monotonic_decreasing
    shown = frame.set_index(indicator)[direction].to_dict()
    assert shown == weights.set_index(lang)["direction"].replace("-", "−").to_dict()
    assert set(shown.values()) == {"+", "−"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_descriptive_statistics(lang):
    table = tables.descriptive_statistics(panel(), lang)
    rows = [tuple(row) for row in table.frame.to_numpy()]
    people, water = label("population", lang), label("tap_water", lang)
    # by hand; the standard deviation of 1, 2, 6 is sqrt(7)
    assert rows[0][0] == people and rows[0][2:] == (2010, 3, 3.0, pytest.approx(7**0.5), 1, 2.0, 6)
    assert rows[1][2:] == (2020, 3, 30.0, pytest.approx(70**0.5 * 10**0.5), 10, 20.0, 60)
    assert [row[0] for row in rows] == [people, people, water]  # no row where nothing is known
    assert rows[2][3] == 2 and rows[2][4] == 60.0


@pytest.mark.parametrize("lang", LANGUAGES)
def test_panel_models_have_a_row_per_slope_and_a_column_per_error(estimates, lang):
    frame = tables.panel_models(estimates, lang).frame
    name = "label_zh" if lang == "zh" else "label_en"
    models = frame[tables.word("model", lang)].tolist()
    assert sorted(models) == sorted(
        getattr(MODELS[m], name) for m in ("pooled", "between", "two_way")
    )
    assert frame[tables.word("term", lang)].unique().tolist() == [label("alleviation", lang)]
    province = {"en": "SE: Clustered by province", "zh": "SE: 省级聚类"}[lang]
    for model in ("pooled", "between", "two_way"):
        row = frame.iloc[models.index(getattr(MODELS[model], name))]
        source = estimates[(estimates["model"] == model) & (estimates["term"] == "alleviation")]
        se = source.set_index("error_type")["se"]
        assert row[tables.word("estimate", lang)] == source["estimate"].iloc[0]
        assert row[province] == se["province"]
        assert row[tables.word("n", lang)] == (60 if model == "between" else 1800)
        refused = row[f"SE: {getattr(ERRORS['driscoll_kraay'], name)}"]
        assert pd.isna(refused) == (model == "between") == pd.isna(se["driscoll_kraay"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ladder_puts_rungs_in_order(lang):
    rungs = ("raw", "baseline", "province")
    frame = tables.ladder(LADDER, lang).frame.set_index(tables.word("outcome", lang))
    assert list(frame)[1:-1] == [tables.word(rung, lang) for rung in rungs]
    water = frame.loc[[label("tap_water", lang)]].to_numpy()[0]
    assert water[1:4].tolist() == ["1.00 (0.12)", "2.00 (0.22)", "3.00 (0.33)"]
    assert frame[tables.word("n", lang)].tolist() == ["2,748", "2,740–2,748"]
    assert frame.index.tolist() == [label(name, lang) for name in ("tap_water", "schooling")]


def test_ladder_prints_true_minus_signs():
    table = LADDER[LADDER["outcome"] == "schooling"]
    cells = tables.ladder(table, "en").frame.iloc[0].astype(str)
    assert "−0.25 (0.10)" in cells.tolist()
