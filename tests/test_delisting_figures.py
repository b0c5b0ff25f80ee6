"""Figures of the effect of delisting: readable in both languages, and they show their tables."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from analysis import figure_style
from analysis.exhibits import save_figure
from analysis.models.delisting_design import DESIGNS
from analysis.models.delisting_figures import TEXTS, balance_plot, event_study_plot, honest_plot

LANGUAGES = ("en", "zh")
HANZI = re.compile("[一-鿿]")
ESTIMATORS = ("callaway_santanna", "sun_abraham", "imputation")


def estimates():
    rng = np.random.default_rng(3)
    rows = [
        (design, estimator, f"event:{e}", 0.0 if e == -1 else 0.004 * max(e + 1, 0), e)
        for design in DESIGNS
        for estimator in ESTIMATORS
        for e in range(0 if estimator == "imputation" else -9, 7 if design == "D2" else 4)
    ]
    table = pd.DataFrame(rows, columns=["design", "estimator", "term", "value", "event"])
    se = pd.Series(rng.uniform(0.001, 0.004, len(table))).where(table["event"] != -1)
    return table.assign(
        ci_low=table["value"] - 2 * se, ci_high=table["value"] + 2 * se,
        band_low=table["value"] - 3 * se, band_high=table["value"] + 3 * se,
        clusters=table["design"].map({"D1": 22, "D2": 28}), cluster_by="province",
    ).drop(columns="event")  # fmt: skip


def truth():
    table = estimates()[["design", "term", "value"]].drop_duplicates(["design", "term"])
    return table.rename(columns={"value": "truth"})


def shares():
    table = truth()[["design", "term"]]
    event = table["term"].str.removeprefix("event:").astype(int)
    return table.assign(share_from=((event >= 2) & (table["design"] == "D2")).astype(float))


def balance():
    cohorts = pd.DataFrame({"cohort": range(2016, 2021), "n": [28, 125, 283, 344, 52]})
    variables = ["disadvantage", "log_income", "schooling", "agriculture_employment", "relief"]
    tables = []
    for design, reference in (("D1", 2020), ("D2", 0)):
        table = cohorts.merge(pd.DataFrame({"variable": variables}), how="cross")
        standardised = np.linspace(-1.2, 2.8, len(table))
        tables.append(table.assign(design=design, reference=reference, standardised=standardised))
    return pd.concat(tables, ignore_index=True)


def bounds():
    rows = [
        (design, method, size, 0.03 - size, 0.03 + size, 0.02 - size, 0.04 + size)
        for design in DESIGNS
        for method, sizes in (("smoothness", (0, 0.001, 0.03)), ("relative_magnitude", (0, 1)))
        for size in sizes
    ]
    columns = ["design", "method", "size", "bound_low", "bound_high", "ci_low", "ci_high"]
    table = pd.DataFrame(rows, columns=columns)
    table.loc[0, ["bound_low", "bound_high"]] = np.nan
    return table


DRAWINGS = {
    "events": (
        partial(event_study_plot, estimates(), unit="log points", truth=truth(), shares=shares()),
        estimates(),
    ),
    "events of one design": (
        partial(event_study_plot, estimates().query("design == 'D1'"), unit="log points"),
        estimates(),
    ),
    "balance": (partial(balance_plot, balance()), balance()),
    "bounds": (partial(honest_plot, bounds(), unit="log points"), bounds()),
}


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


def test_event_panels_show_their_rows():
    table = estimates()
    fig = event_study_plot(table, "en", unit="log points", truth=truth(), shares=shares())
    assert len(fig.axes) == 6
    ax = fig.axes[3]  # second design, first estimator
    own = table[(table["design"] == "D2") & (table["estimator"] == "callaway_santanna")]
    filled, hollow, line = ax.lines[-3:]
    assert np.asarray(filled.get_ydata(), float) == pytest.approx(own["value"].iloc[:11])
    assert np.asarray(hollow.get_ydata(), float) == pytest.approx(own["value"].iloc[11:])
    assert to_hex(hollow.get_markerfacecolor()) == "#ffffff"
    assert np.asarray(line.get_xdata(), int).tolist() == list(range(-9, 7))
    bars = next(c for c in ax.collections if isinstance(c, LineCollection))
    spans = np.array([span[:, 1] for span in bars.get_segments() if len(span)])
    known = own.dropna(subset="ci_low")
    assert spans == pytest.approx(known[["ci_low", "ci_high"]].to_numpy())
    labels = [text.get_text() for text in fig.legends[0].get_texts()]
    assert labels[-2:] == ["More than half from 2020 on", "Truth"]
    assert "22–28" in fig.get_supxlabel()


def test_balance_leaves_the_reference_out():
    fig = balance_plot(balance(), "en")
    lines = [line for line in fig.axes[0].lines if line.get_marker() not in {"None", None, ""}]
    shown = [np.asarray(line.get_xdata()).size for line in lines]
    assert shown == [5, 5, 5, 5, 0]
    assert fig.legends[0].get_texts()[0].get_text() == "Delisted in 2016 (n = 28)"


def test_bounds_are_coloured_by_whether_zero_is_inside():
    ax = honest_plot(bounds(), "en", unit="log points").axes[0]
    drawn = [c for c in ax.collections if isinstance(c, LineCollection)]
    colours = [to_hex(tuple(np.asarray(c.get_color())[0])).upper() for c in drawn]
    blue, red = figure_style.PALETTE["blue"], figure_style.PALETTE["vermillion"]
    assert colours == [blue, blue, blue, red, red]  # the first size has no set


def test_figures_refuse_what_they_cannot_draw():
    mixed = pd.concat([estimates(), estimates().assign(cluster_by="code")])
    with pytest.raises(ValueError, match="one cluster level is drawn, got province, code"):
        event_study_plot(mixed, "en", unit="log points")
    with pytest.raises(ValueError, match="band_low"):
        event_study_plot(estimates().drop(columns="band_low"), "en", unit="log points")
    with pytest.raises(ValueError, match="share_from"):
        event_study_plot(estimates(), "en", unit="log points", shares=truth())
    with pytest.raises(ValueError, match="standardised"):
        balance_plot(balance().drop(columns="standardised"), "en")
    with pytest.raises(ValueError, match="bound_low"):
        honest_plot(bounds().drop(columns="bound_low"), "en", unit="log points")
    with pytest.raises(ValueError, match="lang must be one of en, zh, got 'fr'"):
        balance_plot(balance(), "fr")


def test_texts_have_the_same_fields_in_both_languages():
    for key, both in TEXTS.items():
        fields = [sorted(re.findall(r"\{(\w+)", both[lang])) for lang in LANGUAGES]
        assert fields[0] == fields[1], key
