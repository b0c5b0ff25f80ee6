"""Figure of agreement: readable in both languages, and it shows its table."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from analysis import exhibits, figure_style
from analysis.interviews.agreement import RELIABLE, TENTATIVE, not_applicable
from analysis.interviews.agreement_figures import MARKS, TEXTS, agreement_plot
from analysis.interviews.coefficients import COEFFICIENTS
from analysis.labels import LANGUAGES

HANZI = re.compile("[一-鿿]")
TRUTH = {"alpha_nominal": 0.655, "cohen": 0.655, "gwet_ac1": 0.6743}


def table_of(units, coefficients=tuple(COEFFICIENTS)):
    """Coefficients from below zero to one; some undefined, some without interval."""
    rng = np.random.default_rng(3)
    rows = [(c, u) for u in units for c in coefficients]
    value = rng.uniform(-0.1, 0.95, len(rows))
    table = pd.DataFrame(rows, columns=["coefficient", "unit"]).assign(
        estimate=value, ci_low=value - 0.08, ci_high=np.minimum(value + 0.05, 1), jackknife_se=0.03,
        n_units=[12_345] * len(rows), n_documents=24, n_coders=3, why="",
    )  # fmt: skip
    table.loc[table["coefficient"] == "alpha_ratio", ["estimate", "ci_low", "ci_high"]] = np.nan
    table.loc[table["coefficient"] == "scott", ["ci_low", "ci_high"]] = np.nan
    return table


TABLES = {
    "three units, all coefficients": lambda: table_of(MARKS),
    "one unit": lambda: table_of(["segment"], ["percent", "alpha_nominal", "cohen", "gwet_ac1"]),
    "one coefficient": lambda: table_of(["turn"], ["alpha_masi"]),
    "nothing defined": lambda: table_of(["segment"], ["alpha_ratio"]),
    "not applicable": lambda: not_applicable("segment", "coded by one person"),
}


def words(fig):
    with figure_style.style():
        return [text.get_text() for text in figure_style.visible_texts(fig)]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", TABLES)
def test_agreement_is_readable_in_both_languages(name, lang):
    fig = agreement_plot(TABLES[name](), lang, truth=TRUTH)
    with figure_style.style():
        assert figure_style.missing_glyphs(fig) == []
        assert figure_style.overlapping_texts(fig) == []
        assert figure_style.clipped_texts(fig) == []
    width = fig.get_size_inches()[0] * figure_style.MM_PER_INCH
    assert width == pytest.approx(figure_style.DOUBLE_COLUMN_MM)
    joined = "\n".join(words(fig))
    if lang == "en":
        assert HANZI.findall(joined) == []
    else:
        assert re.findall(r"\b(?:the|of|and|weights|coders|intervals)\b", joined) == []


def test_the_figure_can_be_saved(tmp_path):
    table = table_of(["segment", "turn"])
    draw = partial(agreement_plot, table, truth=TRUTH)
    exhibits.save_figure(tmp_path / "agreement", draw, table, simulated=True)
    assert {path.name for path in tmp_path.iterdir()} >= {"agreement.svg", "agreement_zh.pdf"}


def test_points_and_lines_are_those_of_the_table():
    table = table_of(MARKS)
    ax = agreement_plot(table.sample(frac=1, random_state=1), "en").axes[0]
    for unit, (_, mark) in MARKS.items():
        part = table[(table["unit"] == unit) & table["estimate"].notna()]
        points = [np.asarray(line.get_xdata(), float) for line in ax.lines
                  if line.get_marker() == mark]  # fmt: skip
        assert len(points) == 1
        assert sorted(points[0]) == pytest.approx(sorted(part["estimate"]))
    spans = [s[:, 0] for c in ax.collections if isinstance(c, LineCollection)
             for s in c.get_segments() if len(s)]  # fmt: skip
    drawn = sorted(tuple(span) for span in spans if np.isfinite(span).all())
    known = table.dropna(subset="ci_low")
    expected = sorted(zip(known["ci_low"], known["ci_high"], strict=True))
    assert np.allclose(drawn, expected)


def test_rows_follow_the_table_and_say_what_is_undefined():
    table = table_of(["segment"])
    fig = agreement_plot(table, "en")
    ax = fig.axes[0]
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == [TEXTS[c]["en"] for c in COEFFICIENTS]
    shown = [tick.get_text() for tick in ax.child_axes[0].get_yticklabels()]
    assert shown[list(COEFFICIENTS).index("alpha_ratio")] == "undefined"
    first = table.iloc[0]
    interval = "{estimate:.3f} [{ci_low:.3f}, {ci_high:.3f}]".format(**first)
    assert shown[0] == interval.replace("-", "−")
    scott = table.set_index("coefficient").loc["scott", "estimate"]
    assert shown[list(COEFFICIENTS).index("scott")] == f"{scott:.3f}"


def test_thresholds_and_truth_are_marked():
    ax = agreement_plot(table_of(["segment"]), "en", truth=TRUTH).axes[0]
    dashed = [float(np.asarray(line.get_xdata())[0]) for line in ax.lines
              if line.get_linestyle() == "--"]  # fmt: skip
    assert dashed == [TENTATIVE, RELIABLE] == [0.667, 0.8]
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(crosses) == 1
    assert sorted(np.asarray(crosses[0].get_xdata(), float)) == [0.655, 0.655, 0.6743]
    rows = dict(zip([t.get_text() for t in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    expected = sorted(rows[TEXTS[name]["en"]] for name in TRUTH)
    assert sorted(np.asarray(crosses[0].get_ydata(), float)) == pytest.approx(expected)
    without = agreement_plot(table_of(["segment"]), "en").axes[0]
    assert [line for line in without.lines if line.get_marker() == "x"] == []


def test_every_coefficient_and_unit_has_a_name_in_both_languages():
    assert set(COEFFICIENTS) | set(MARKS) <= set(TEXTS)
    assert all(set(text) == set(LANGUAGES) for text in TEXTS.values())


def test_unknown_language_and_missing_columns_are_refused():
    with pytest.raises(ValueError, match="lang must be one of en, zh, got 'fr'"):
        agreement_plot(table_of(["segment"]), "fr")
    with pytest.raises(ValueError, match="agreement.*ci_low"):
        agreement_plot(table_of(["segment"]).drop(columns="ci_low"), "en")
