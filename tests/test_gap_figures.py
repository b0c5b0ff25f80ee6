"""Figures of regional gaps: readable in both languages, and they show their tables."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from analysis import figure_style
from analysis.exhibits import save_figure
from analysis.models.convergence import beta_convergence
from analysis.models.distributions import density_by_year, sigma_by_year
from analysis.models.gap_figures import convergence_plot, decomposition_plot
from analysis.models.mobility_figures import density_plot, transition_plot
from analysis.models.quantile_classes import assign_classes
from analysis.models.regional_gaps import decompose_by_year
from analysis.models.transitions import transition_counts, transition_table

LANGUAGES = ("en", "zh")
HANZI = re.compile("[一-鿿]")
GROUPS = ["region", "designated"]


def panel(years: tuple[int, ...] = tuple(range(2010, 2023))) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame([(c, y) for c in range(300) for y in years], columns=["code", "year"])
    frame["region"] = np.array(["east", "central", "west", "northeast"])[frame["code"] % 4]
    frame["designated"] = frame["code"] % 3 == 0
    frame["population"] = 1e5 + 1e3 * frame["code"]
    start = rng.normal(0, 0.7, 300)[frame["code"]]
    gap = start * np.exp(-0.03 * (frame["year"] - 2010)) - 0.4 * frame["designated"]
    for name, level in (("coordination", 0.0), ("development", 0.3)):
        z = level + gap + 0.03 * (frame["year"] - 2010) + rng.normal(0, 0.1, len(frame))
        frame[name] = 1 / (1 + np.exp(-z))
    return frame


PANEL, CENSUS = panel(), panel((2010, 2020))
SCORES = ["coordination", "development"]


def parts(frame: pd.DataFrame, values: list[str], weight: str | None = None) -> pd.DataFrame:
    return decompose_by_year(frame, values=values, groups=GROUPS, weight=weight)


def betas(frame: pd.DataFrame) -> pd.DataFrame:
    options: list[dict[str, Any]] = [{}, {"effects": "region"}]
    options += [{"effects": "code"}] if frame["year"].nunique() > 2 else []
    rows = [beta_convergence(frame, value=v, **o) for v in SCORES for o in options]
    return pd.concat(rows, ignore_index=True)


def transitions(frame: pd.DataFrame, step: int = 1) -> pd.DataFrame:
    data = frame.assign(state=assign_classes(frame, value="coordination", classes=4))
    counts = {"all": transition_counts(data, state="state", step=step)}
    for third in range(3):
        own = data[data["code"] % 3 == third]
        counts[str(third + 1)] = transition_counts(own, state="state", step=step)
    counts["3"] = counts["3"].mul(counts["3"].index > 1, axis=0)  # class 1 is never left
    return transition_table(counts)


DENSITIES = density_by_year(
    PANEL, value="coordination", group="designated", years=(2010, 2016, 2022)
)
DRAWINGS = {
    "Dagum, yearly": (partial(decomposition_plot, parts(PANEL, SCORES)), PANEL),
    "Dagum, weighted": (
        partial(decomposition_plot, parts(CENSUS, SCORES[:1], "population")), CENSUS,
    ),
    "Theil": (partial(decomposition_plot, parts(CENSUS, SCORES), measure="theil_t"), CENSUS),
    "Theil L": (partial(decomposition_plot, parts(CENSUS, SCORES[:1]), measure="theil_l"), CENSUS),
    "convergence": (
        partial(convergence_plot, sigma_by_year(PANEL, values=SCORES), betas(PANEL)), PANEL,
    ),
    "convergence of two years": (
        partial(convergence_plot, sigma_by_year(CENSUS, values=SCORES), betas(CENSUS), spread="sd"),
        CENSUS,
    ),
    "densities": (partial(density_plot, DENSITIES), DENSITIES),
    "densities of regions": (
        partial(density_plot, density_by_year(CENSUS, value="coordination", group="region")),
        DENSITIES,
    ),
    "transitions": (partial(transition_plot, transitions(PANEL), test=(170.7, 200.6, 60)), PANEL),
    "transitions of two years": (partial(transition_plot, transitions(CENSUS, 10)), CENSUS),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_pass_the_guards(tmp_path, name):
    draw, data = DRAWINGS[name]
    save_figure(tmp_path / "figure", lambda lang: draw(lang=lang), data, simulated=True)
    assert len(list(tmp_path.iterdir())) == 7


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_speak_one_language(name, lang):
    fig = DRAWINGS[name][0](lang=lang)
    assert fig.get_size_inches()[0] * 25.4 == pytest.approx(180)
    with figure_style.style():
        words = "\n".join(text.get_text() for text in figure_style.visible_texts(fig))
    assert bool(HANZI.search(words)) == (lang == "zh")


def test_bars_stack_to_the_total_and_name_the_share_between():
    table = parts(CENSUS, ["coordination"])
    ax = decomposition_plot(table, "en").axes[1]  # by designation
    own = table[(table["grouping"] == "designated") & (table["measure"] == "dagum")]
    tops = [bar.get_bbox().y1 for bar in ax.patches[-2:] if isinstance(bar, Rectangle)]
    assert tops == pytest.approx(own[own["component"] == "total"]["value"].to_list())
    share = own[own["component"] == "between"]["share"]
    assert [t.get_text() for t in ax.texts] == [f"{100 * s:.0f}" for s in share]


def test_speeds_are_drawn_with_their_correction():
    table = betas(PANEL)
    ax = convergence_plot(sigma_by_year(PANEL, values=SCORES), table, "en").axes[1]
    within = table[table["model"] == "within"].iloc[0]
    drawn = [float(np.asarray(line.get_xdata())[0]) for line in ax.lines]
    assert any(value == pytest.approx(100 * within["speed"]) for value in drawn)
    corrected = -100 * np.log1p(within["estimate_corrected"])
    assert any(value == pytest.approx(corrected) for value in drawn)
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "absolute", "absolute", "conditional", "conditional", "county effects*", "county effects*",
    ]  # fmt: skip


def test_heat_maps_print_probabilities_and_unknown_rows():
    table = transitions(PANEL)
    axes = transition_plot(table, "en").axes
    texts = [t.get_text() for t in axes[0].texts]
    own = table[table["condition"] == "all"]
    assert texts[:16] == [f"{p:.2f}" for p in own["probability"]]
    assert texts[16:] == [f"{p:.2f}" for p in own["steady"].iloc[:4]]
    third = [t.get_text() for t in axes[3].texts]
    assert third[:4] == ["–"] * 4 and third[16:] == ["–"] * 4


def test_figures_refuse_what_they_cannot_draw():
    for draw in (partial(density_plot, DENSITIES), DRAWINGS["Theil"][0]):
        with pytest.raises(ValueError, match="lang must be one of"):
            draw(lang="fr")
    mixed = parts(CENSUS, SCORES).assign(weight=["", "population"] * 40)
    with pytest.raises(ValueError, match="one is drawn at a time"):
        decomposition_plot(mixed, "en")
    two = pd.concat([DENSITIES, DENSITIES.assign(variable="development")])
    with pytest.raises(ValueError, match="one variable is drawn"):
        density_plot(two, "en")
    with pytest.raises(ValueError, match="missing column"):
        transition_plot(DENSITIES, "en")
