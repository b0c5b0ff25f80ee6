"""Figures of the specification curve: readable in both languages, and they show their tables."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from analysis import figure_style
from analysis.exhibits import save_figure
from analysis.models import heterogeneity_figures, specification_figures
from analysis.models.heterogeneity_figures import moderated_effects_plot
from analysis.models.specification_choices import Choices, designs
from analysis.models.specification_figures import curve_overview_plot, specification_curve_plot
from analysis.models.specification_labels import NAMES, choice_label
from analysis.models.specification_summary import curve_summary

LANGUAGES = ("en", "zh")
HANZI = re.compile("[一-鿿]")
CHOICES = Choices(
    samples=["rural_2010", "all", "rural_2010 & not area_changed"],
    controls=["baseline", "none", "level", "baseline without relief"],
    schemes=["entropy", "equal", "critic_wang"],
    estimators=[
        "province_effects", "least_squares", "prefecture_effects", "regression_adjustment",
    ],
    clusters=["province", "prefecture"],
    years=["2010-2020", "2010:2015-2016:2020"],
)  # fmt: skip
OUTCOMES = {
    "tap_water": "percentage points", "toilet": "percentage points", "schooling": "years",
    "log_income": "log points", "coordination": "points of D",
}  # fmt: skip


def estimates():
    rng = np.random.default_rng(6)
    frames = []
    for outcome, unit in OUTCOMES.items():
        listed = designs(outcome, CHOICES, baseline=["relief"], index=outcome == "coordination")
        rows = [
            {
                "sample": d.sample, "controls": d.controls, "scheme": d.scheme,
                "estimator": d.estimator, "weights": d.weights, "years": d.years, "cluster": c,
            }
            for d in listed for c in CHOICES.clusters
        ]  # fmt: skip
        table = pd.DataFrame(rows)
        table["estimate"] = rng.normal(2 if outcome == "tap_water" else 0.2, 1, len(table))
        table["se"] = rng.uniform(0.3, 1, len(table))
        frames.append(table.assign(outcome=outcome, unit=unit, headline=table.index == 0))
    table = pd.concat(frames, ignore_index=True)
    t = table["estimate"] / table["se"]
    return table.assign(
        statistic=t, df=30, p_value=np.where(t.abs() > 2.042, 0.01, 0.4),
        ci_low=table["estimate"] - 2.042 * table["se"],
        ci_high=table["estimate"] + 2.042 * table["se"],
        specification=table.groupby("outcome").cumcount() + 1,
    )  # fmt: skip


def summary(draws=40):
    table = estimates()
    null = np.random.default_rng(7).normal(0, 0.3, (1, draws)) + np.zeros((len(table), 1))
    return curve_summary(table, null_estimates=null, null_statistics=2 * null)


def effects():
    levels = {
        "deep_poverty_area": ["false", "true"], "relief": ["p25", "p75"],
        "region": ["central", "east", "northeast", "west"], "minority_share": ["p25", "p75"],
    }  # fmt: skip
    rows = [
        (outcome, moderator, level, unit)
        for outcome, unit in OUTCOMES.items() for moderator, own in levels.items() for level in own
        if not (outcome == "schooling" and level == "true")
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["outcome", "moderator", "level", "unit"])
    value = pd.Series(np.random.default_rng(8).normal(0, 3, len(table)))
    return table.assign(estimate=value, ci_low=value - 2, ci_high=value + 2, cluster="province")


def equality_tests():
    table = effects()[["outcome", "moderator"]].drop_duplicates()
    return table.assign(p_holm=np.where(table["moderator"] == "region", 0.01, 0.6))


DRAWINGS = {
    "curve": (
        partial(specification_curve_plot, estimates(), summary(), outcome="tap_water"), estimates(),
    ),
    "curve of an index": (
        partial(specification_curve_plot, estimates(), summary(), outcome="coordination"),
        estimates(),
    ),
    "curve of few": (
        partial(
            specification_curve_plot, estimates().query("specification < 4"), summary(0),
            outcome="log_income",
        ),
        estimates(),
    ),
    "overview": (partial(curve_overview_plot, summary()), summary()),
    "moderators": (partial(moderated_effects_plot, effects(), equality_tests()), effects()),
}  # fmt: skip


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_pass_the_guards(tmp_path, name, simulated):
    draw, data = DRAWINGS[name]
    save_figure(tmp_path / "figure", draw, data, simulated=simulated)
    assert len(list(tmp_path.iterdir())) == 7


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_speak_one_language(name, lang):
    fig = DRAWINGS[name][0](lang)
    assert fig.get_size_inches()[0] * 25.4 == pytest.approx(180)
    with figure_style.style():
        words = "\n".join(text.get_text() for text in figure_style.visible_texts(fig))
    assert bool(HANZI.search(words)) == (lang == "zh")
    if lang == "zh":
        assert re.findall(r"\b(?:the|of|and|less|without|counties)\b", words) == []


def test_the_curve_is_sorted_and_marks_what_each_estimate_takes():
    table = estimates()
    fig = specification_curve_plot(table, summary(), "en", outcome="tap_water")
    top, bottom = fig.axes
    own = table[table["outcome"] == "tap_water"].sort_values("estimate")
    points, head = (c for c in top.collections if isinstance(c, PathCollection))
    assert np.asarray(points.get_offsets())[:, 1] == pytest.approx(own["estimate"].to_numpy())
    place = np.flatnonzero(own["headline"])[0]
    assert np.asarray(head.get_offsets()).tolist() == [[place, own["estimate"].iloc[place]]]
    bars = next(c for c in top.collections if isinstance(c, LineCollection))
    assert np.array([s[:, 1] for s in bars.get_segments()]) == pytest.approx(
        own[["ci_low", "ci_high"]].to_numpy()
    )
    blue = figure_style.PALETTE["blue"].lower()
    colours = [to_hex(tuple(c)) for c in np.asarray(points.get_facecolor())]
    assert [c == blue for c in colours] == (own["p_value"] < 0.05).tolist()
    names = [tick.get_text() for tick in bottom.get_yticklabels()]
    assert "Weights of the index" not in names and "Weights of counties" not in names
    row = names.index("regression adjustment")
    middle = bottom.get_yticks()[row]
    marked = {
        round(float(s[0, 0]))
        for c in bottom.collections if isinstance(c, LineCollection) for s in c.get_segments()
        if len(s) and s[:, 1].min() < middle < s[:, 1].max()
    }  # fmt: skip
    expected = np.flatnonzero(own["estimator"] == "regression_adjustment")
    assert marked == set(expected.tolist())
    note = " ".join(fig.get_supxlabel().split())
    assert "(40 draws of designation by lot): p = 0.024 for the median" in note
    assert f"{len(own):,} declared" in note


def test_the_overview_measures_from_the_permuted_medians():
    table = summary()
    ax = curve_overview_plot(table, "en").axes[0]
    drawn = [line for line in ax.lines if line.get_marker() in {"o", ">"}]
    line = table.set_index("outcome").loc["toilet"]
    half = (line["null_median_high"] - line["null_median_low"]) / 2
    middle = (line["null_median_high"] + line["null_median_low"]) / 2
    at = [d for d in drawn if np.asarray(d.get_ydata())[0] == 1]
    assert float(np.asarray(at[0].get_xdata())[0]) == pytest.approx(
        (line["median"] - middle) / half
    )
    with pytest.raises(ValueError, match="no permutations"):
        curve_overview_plot(summary(0), "en")


def test_filled_points_are_moderators_whose_levels_differ():
    fig = moderated_effects_plot(effects(), equality_tests(), "en")
    assert len([ax for ax in fig.axes if ax.axison]) == len(OUTCOMES)
    points = [line for line in fig.axes[0].lines if line.get_marker() == "o"]
    filled = [
        to_hex(p.get_markerfacecolor()) != "#ffffff" for p in points if np.size(p.get_xdata())
    ]
    shown = effects().query("outcome == 'tap_water'")
    assert filled == (shown["moderator"] == "region").tolist()
    names = [tick.get_text() for tick in fig.axes[0].get_yticklabels()]
    assert names[:3] == ["Deep-poverty areas", "no", "yes"]


@pytest.mark.parametrize(
    ("choice", "alternative", "en", "zh"),
    [
        ("sample", "rural_2010 & not area_changed", "rural counties, unchanged area",
         "乡村县，辖区未变"),
        ("sample", "designated", "National poverty county", "国家级贫困县"),
        ("sample", "not designated", "not: National poverty county", "不含：国家级贫困县"),
        ("controls", "level + schooling", "starting level + mean years of schooling",
         "基期水平 + 平均受教育年限"),
        ("scheme", "critic_wang", "CRITIC, corrected coupling", "CRITIC 权重，修正耦合度"),
        ("years", "2010:2015-2016:2020", "2016–2020 less 2010–2015", "2016–2020 减 2010–2015"),
        ("years", "2010-2020", "2020 less 2010", "2020 减 2010"),
        ("weights", "population", "Population", "常住人口"),
        ("cluster", "prefecture", "prefecture", "地市"),
    ],
)  # fmt: skip
def test_alternatives_have_names(choice, alternative, en, zh):
    assert choice_label(choice, alternative, "en") == en
    assert choice_label(choice, alternative, "zh") == zh


def test_figures_refuse_what_they_cannot_draw():
    with pytest.raises(ValueError, match="outcome 'bath' is not in the estimates"):
        specification_curve_plot(estimates(), summary(), "en", outcome="bath")
    with pytest.raises(ValueError, match="ci_low"):
        specification_curve_plot(
            estimates().drop(columns="ci_low"), summary(), "en", outcome="tap_water"
        )
    with pytest.raises(ValueError, match="p_holm"):
        moderated_effects_plot(effects(), equality_tests().drop(columns="p_holm"), "en")
    for draw, _ in DRAWINGS.values():
        with pytest.raises(ValueError, match="lang must be one of en, zh, got 'fr'"):
            draw("fr")
    with pytest.raises(ValueError, match="choice must be one of"):
        choice_label("colour", "red", "en")
    with pytest.raises(ValueError, match="lang must be one of"):
        choice_label("sample", "all", "fr")


def test_texts_have_the_same_fields_in_both_languages():
    entries = [
        *specification_figures.TEXTS.values(), *heterogeneity_figures.TEXTS.values(),
        *(both for names in NAMES.values() for both in names.values()),
    ]  # fmt: skip
    for both in entries:
        assert set(both) == set(LANGUAGES)
        fields = [sorted(re.findall(r"\{(\w+)", both[lang])) for lang in LANGUAGES]
        assert fields[0] == fields[1], both
