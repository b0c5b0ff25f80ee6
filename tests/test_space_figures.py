"""Figures of spatial dependence: readable in both languages, and they show their tables."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from analysis import exhibits
from analysis.geography import load_layers
from analysis.labels import LANGUAGES
from analysis.models.space_figures import TEXTS, effects_plot, moran_plot, ring_plot
from analysis.models.space_maps import TEXTS as MAP_TEXTS
from analysis.models.space_maps import lisa_maps
from analysis.models.spatial_local import CLUSTERS

RAW = Path(__file__).parents[1] / "data" / "raw"
OUTCOMES = ("tap_water", "toilet", "bath", "illiteracy", "agriculture_employment")


def moran_table():
    rows = [
        {"variable": v, "year": y, "moran": 0.7 - 0.1 * i + 0.002 * (y - 2010), "expected": -0.0004,
         "p_simulated": 0.001 if i else 0.2, "n": 2788 + i, "permutations": 999}
        for i, v in enumerate(OUTCOMES)
        for y in (2010, 2020)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def effects_table(variables=("x1", "x2")):
    rows = [
        {"variable": v, "effect": e, "value": x, "ci_low": x - 0.03, "ci_high": x + 0.03,
         "n": 37024, "draws": 2000}
        for v in variables
        for e, x in (("direct", 0.31), ("indirect", 0.30), ("total", 0.61))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def ring_table(outcomes=OUTCOMES):
    rng = np.random.default_rng(1)
    rows = [
        {"outcome": o, "rung": r, "ring": k, "estimate": (x := rng.normal()), "ci_low": x - 0.4,
         "ci_high": x + 0.4, "unit": "percentage points", "n_ring": 568 - 240 * (k - 1),
         "n_far": 397, "cluster": "prefecture"}
        for o in outcomes
        for r in ("raw", "baseline", "province")
        for k in (1, 2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def truth_table():
    return effects_table()[["variable", "effect", "value"]].rename(columns={"value": "truth"})


@pytest.fixture(scope="module")
def layers():
    return load_layers(RAW / "boundaries")


@pytest.fixture(scope="module")
def clusters(layers):
    """Every class in both years; every tenth county has none."""
    counties = layers[0]
    known = counties.loc[np.arange(len(counties)) % 10 != 0, ["code"]].reset_index(drop=True)
    names = np.array(CLUSTERS, dtype=object)
    return pd.concat([
        known.assign(year=year, cluster=names[(np.arange(len(known)) // 40 + shift) % 5])
        for shift, year in enumerate((2010, 2020))
    ])  # fmt: skip


DRAWINGS = {
    "moran": partial(moran_plot, moran_table()),
    "effects and truth": partial(effects_plot, effects_table(), truth=truth_table()),
    "effects of the census": partial(effects_plot, effects_table(OUTCOMES)),
    "rings": partial(ring_plot, ring_table()),
    "rings of one outcome": partial(
        ring_plot, ring_table(["log_income"]).assign(unit="log points", cluster="province")
    ),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_charts_are_readable_in_both_languages(name, tmp_path):
    exhibits.save_figure(tmp_path / "f", DRAWINGS[name], pd.DataFrame({"a": [1]}), simulated=True)


def test_lisa_maps_count_every_county_of_each_class(layers, clusters, tmp_path):
    draw = partial(_lisa, layers, clusters)
    exhibits.save_figure(tmp_path / "lisa", draw, clusters, simulated=False)
    legend = [text.get_text() for text in draw("en").legends[0].get_texts()]
    counts = clusters.groupby(["cluster", "year"]).size()
    for name, entry in zip(CLUSTERS, legend, strict=False):
        both = " / ".join(f"{counts[name, year]:,}" for year in (2010, 2020))
        assert entry == f"{MAP_TEXTS[name]['en']} ({both})"


def _lisa(layers, clusters, lang):
    counties, provinces, maritime = layers
    return lisa_maps(
        counties, provinces, maritime, clusters, lang,
        variable="agriculture_employment", years=[2010, 2020], level=0.05, joined=6,
    )  # fmt: skip


def test_effects_are_drawn_in_their_place():
    ax = effects_plot(effects_table(["x1"]), "en", truth=truth_table()).axes[0]
    spans = [c.get_segments()[0] for c in ax.collections if isinstance(c, LineCollection)]
    assert [s[0, 1] for s in spans] == [0, 1, 2]
    assert [s[0, 0] for s in spans] == pytest.approx([0.28, 0.27, 0.58])
    marks = [line for line in ax.lines if line.get_marker() == "d"]
    assert [float(np.asarray(line.get_xdata())[0]) for line in marks] == [0.31, 0.30, 0.61]


def test_hollow_points_are_not_significant():
    ax = moran_plot(moran_table(), "en").axes[0]
    hollow = [
        line for line in ax.lines
        if line.get_markerfacecolor() == "white" and len(np.asarray(line.get_xdata()))
    ]  # fmt: skip
    assert len(hollow) == 1
    assert np.asarray(hollow[0].get_ydata()).tolist() == pytest.approx([0.7, 0.72])


def test_texts_have_the_same_fields_in_both_languages():
    import re

    for entries in (TEXTS, MAP_TEXTS):
        for key, both in entries.items():
            fields = [sorted(re.findall(r"\{(\w+)", both[lang])) for lang in LANGUAGES]
            assert fields[0] == fields[1], key


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (partial(moran_plot, pd.DataFrame({"year": []})), "variable, moran"),
        (partial(effects_plot, pd.DataFrame()), "variable, effect"),
        (partial(ring_plot, pd.DataFrame()), "outcome, rung"),
        (
            partial(
                moran_plot, pd.concat([moran_table().assign(variable=str(i)) for i in range(7)])
            ),
            "at most 6 variables, got 7",
        ),
    ],
)
def test_faulty_tables_are_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw("en")


def test_faulty_clusters_and_languages_are_named(layers, clusters):
    faulty = pd.concat([clusters, clusters.iloc[:1].assign(cluster="high")])
    with pytest.raises(ValueError, match="unknown class high; code and year not unique"):
        _lisa(layers, faulty, "en")
    with pytest.raises(ValueError, match="no class in 2020"):
        _lisa(layers, clusters[clusters["year"] == 2010], "en")
    with pytest.raises(ValueError, match="lang must be one of en, zh, got 'fr'"):
        _lisa(layers, clusters, "fr")
    with pytest.raises(ValueError, match="lang must be one of en, zh, got 'fr'"):
        ring_plot(ring_table(), "fr")
