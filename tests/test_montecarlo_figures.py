"""Figures of the Monte Carlo study: readable in both languages, and they show their table."""

import json
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from analysis import figure_style
from analysis.exhibits import save_figure
from analysis.models.montecarlo import MonteCarlo
from analysis.models.montecarlo_figures import (
    LOWEST_COVERAGE,
    TEXTS,
    coverage_plot,
    error_plot,
    space_coverage_plot,
    write_study,
)
from analysis.models.montecarlo_replications import (
    CLUSTERS,
    ESTIMATORS,
    LADDER,
    LADDER_CLUSTERS,
    LADDER_RUNGS,
    SPACE,
    SPACE_MODELS,
)
from analysis.models.montecarlo_theory import BIASED, COVERS

LANGUAGES = ("en", "zh")
HANZI = re.compile("[一-鿿]")
GRID = [(0.0, 0.0), (0.0, 0.02), (0.004, 0.0), (0.004, 0.02), (0.0105, 0.0)]


def summary():
    """A table of the size of the committed one, every third row uncovered."""
    rows = [
        (f"gamma {g}, sigma_p {s}", g, s, d, e, c, "simple")
        for g, s in GRID
        for d in ("D1", "D2")
        for e in ESTIMATORS
        for c in CLUSTERS
    ]
    rows += [
        (f"gamma {g}, sigma_p {s}", g, s, LADDER, e, c, "2020")
        for g, s in GRID
        for e in LADDER_RUNGS
        for c in LADDER_CLUSTERS
    ]
    rows += [
        ("space", np.nan, np.nan, SPACE, e, "none", f"{x} {effect}")
        for e in SPACE_MODELS
        for x in ("x1", "x2")
        for effect in ("direct", "indirect", "total")
    ]
    columns = ["scenario", "gamma", "sigma_p", "design", "estimator", "cluster_by", "term"]
    table = pd.DataFrame(rows, columns=columns)
    failing = np.arange(len(table)) % 3 == 0
    return table.assign(
        bias=np.where(failing, 0.05, 0.001), sd=0.005, mean_se=0.004,
        coverage=np.where(failing, 0.4, 0.95), coverage_mc_error=0.007, replications=1000,
        expected=np.where(failing, BIASED, COVERS),
    )  # fmt: skip


DRAWINGS = {
    "coverage": partial(coverage_plot, summary()),
    "errors": partial(error_plot, summary()),
    "space": partial(space_coverage_plot, summary()),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_pass_the_guards(tmp_path, name):
    save_figure(tmp_path / "figure", DRAWINGS[name], summary(), simulated=True)
    assert len(list(tmp_path.iterdir())) == 7


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_speak_one_language(name, lang):
    fig = DRAWINGS[name](lang)
    assert fig.get_size_inches()[0] * 25.4 == pytest.approx(180)
    with figure_style.style():
        words = "\n".join(text.get_text() for text in figure_style.visible_texts(fig))
    assert bool(HANZI.search(words)) == (lang == "zh")


def points(ax):
    """Place, value and colour of every mark of a panel."""
    return [
        (float(line.get_ydata()[0]), float(line.get_xdata()[0]), to_hex(line.get_color()).upper())
        for line in ax.lines
        if line.get_marker() not in ("None", None, "")
    ]


def test_coverage_panels_show_their_rows():
    table = summary()
    fig = coverage_plot(table, "en")
    assert len(fig.axes) == 5
    own = table[(table["gamma"] == 0.004) & (table["sigma_p"] == 0)]
    marks = points(fig.axes[2])
    assert len(marks) == len(own) == 30
    held = own["expected"] == COVERS
    shown = {colour: [x for _, x, c in marks if c == colour] for _, _, colour in marks}
    blue, red = figure_style.PALETTE["blue"], figure_style.PALETTE["vermillion"]
    assert shown[blue] == own.loc[held, "coverage"].tolist()
    assert all(x < LOWEST_COVERAGE for x in shown[red]) and len(shown[red]) == (~held).sum()
    labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert labels[0].startswith("D1") and labels[7].startswith("D2") and len(labels) == 18
    heights = sorted(y for y, _, _ in marks)
    assert heights[:2] == pytest.approx([0.83, 1.17])
    assert fig.axes[2].get_title(loc="left") == "Catch-up 0.004\nProvince shocks 0"


def test_errors_beyond_the_axis_are_arrows():
    ax = error_plot(summary(), "en").axes[0]
    kinds = {str(line.get_marker()) for line in ax.lines}
    assert ">" in kinds and "<" not in kinds
    low, high = ax.get_xlim()
    assert all(low < x < high for _, x, _ in points(ax))


def test_spatial_panels_show_six_effects_of_each_model():
    fig = space_coverage_plot(summary(), "en")
    assert len(fig.axes) == 3
    assert [len(points(ax)) for ax in fig.axes] == [6, 6, 6]
    labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert labels[0] == "x1, direct effect" and labels[-1] == "x2, total effect"


def test_figures_refuse_what_they_cannot_draw():
    table = summary()
    with pytest.raises(ValueError, match="coverage"):
        coverage_plot(table.drop(columns="coverage"), "en")
    with pytest.raises(ValueError, match="no row of the designs"):
        space_coverage_plot(table[table["design"] != SPACE], "en")
    with pytest.raises(ValueError, match="lang must be one of en, zh, got 'fr'"):
        error_plot(table, "fr")


def test_a_study_is_written_with_its_record(tmp_path):
    keys = ["scenario", "gamma", "sigma_p", "design", "estimator", "cluster_by", "term"]
    table = summary()[keys].query("gamma == 0.004")
    draws = pd.concat([
        table.assign(replication=r, truth=0.02, value=0.02 + r / 100, se=0.004, failure="")
        for r in range(3)
    ])  # fmt: skip
    draws = draws.assign(ci_low=draws["value"] - 0.008, ci_high=draws["value"] + 0.008)
    told = write_study(tmp_path, MonteCarlo(draws, 1.26), command="python -m x", minutes=2.04)
    assert json.loads((tmp_path / "montecarlo.json").read_text(encoding="utf-8")) == {
        "command": "python -m x", "replications": 3, "minutes": 2.0, "processor_minutes": 1.3,
    }  # fmt: skip
    written = pd.read_csv(tmp_path / "montecarlo.csv")
    assert written["coverage"].to_numpy() == pytest.approx(told["coverage"].to_numpy(), rel=1e-5)
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == [
        "montecarlo_coverage.svg", "montecarlo_coverage_zh.svg", "montecarlo_errors.svg",
        "montecarlo_errors_zh.svg",
    ]  # fmt: skip


def test_texts_have_the_same_fields_in_both_languages():
    for key, both in TEXTS.items():
        fields = [sorted(re.findall(r"\{(\w+)", both[lang])) for lang in LANGUAGES]
        assert fields[0] == fields[1], key
