"""Figures of the policy vocabulary: readable in both languages, and they show their tables."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.exhibits import save_figure
from analysis.policy.change_point import change_point_table
from analysis.policy.term_figures import LEADING, keyness_plot, term_series_plot
from analysis.policy.terms import (
    family_counts,
    read_counts,
    read_dispersion,
    read_lexicon,
    term_rates,
)

DATA = Path(__file__).resolve().parents[1] / "data" / "raw"
LEXICON = read_lexicon(DATA / "policy")


def series() -> pd.DataFrame:
    folder = DATA / "policy_texts" / "counts"
    counts = read_counts(folder)
    reports = counts[(counts["kind"] == "report") & (counts["year"] >= 2000)]
    both = pd.concat([family_counts(reports, LEXICON), reports])
    return term_rates(both, dispersion=read_dispersion(folder))


RATES = series()
CHANGES = change_point_table(
    RATES[RATES["term"].isin(LEADING)], seed=1, models=("overdispersed",), simulations=299
)
keys = partial(keyness_plot, first="2013–2017", second="2018–2025")


def phrases(first: int, second: int) -> pd.DataFrame:
    names = [
        "保障性安居工程",
        "试点",
        "行政审批",
        "高质量发展",
        "乡村振兴",
        "习近平新时代中国特色社会主义思想",
    ]
    rows = [(names[k % 3], 12 + k, 2 * k, -2.5 + 0.1 * k, "first", True) for k in range(first)]
    rows += [
        (names[3 + k % 3], k % 2, 70 - k, 6.6 - 0.2 * k, "second", True) for k in range(second)
    ]
    rows += [("发展", 5, 5, 0.0, "second", False)]
    columns = ["phrase", "n_first", "n_second", "log_ratio", "group", "key"]
    return pd.DataFrame(rows, columns=columns)


def line(fig: Figure, panel: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = [part for part in fig.axes[panel].lines if len(np.asarray(part.get_xdata())) > 2]
    return np.asarray(drawn[number].get_xdata()), np.asarray(drawn[number].get_ydata())


def test_the_series_can_be_read_in_both_languages(tmp_path: Path) -> None:
    draw = partial(term_series_plot, RATES, CHANGES, LEXICON)
    save_figure(tmp_path / "series", draw, RATES, simulated=True)
    assert {p.suffix for p in tmp_path.iterdir()} == {".svg", ".pdf", ".png", ".csv"}


def test_the_series_show_their_rates_and_the_gap() -> None:
    fig = term_series_plot(RATES, CHANGES, LEXICON, "en")
    for panel, (family, term) in enumerate(LEADING.items()):
        for number, name in enumerate((family, term)):
            years, rates = line(fig, panel, number)
            shown = dict(zip(years.tolist(), rates.tolist(), strict=True))
            assert np.isnan(shown.pop(2020))
            own = RATES[RATES["term"] == name].set_index("year")["rate"]
            assert shown == pytest.approx(own.to_dict())


def test_the_titles_tell_the_change() -> None:
    none = CHANGES.assign(found=CHANGES["found"] & (CHANGES["series"] != "linkage"), p_value=0.25)
    titles = [ax.get_title(loc="left") for ax in term_series_plot(RATES, none, LEXICON, "en").axes]
    flat = [title.replace("\n", " ") for title in titles]
    assert "new rate from 2018 (95% set: 2018; p = 0.250)" in flat[1]
    assert "no change found (p = 0.250)" in flat[2]


def test_years_of_the_set_are_joined_to_ranges() -> None:
    odd = CHANGES.assign(years_confident="2013 2014 2016")
    title = term_series_plot(RATES, odd, LEXICON, "en").axes[0].get_title(loc="left")
    assert "2013–2014, 2016" in title.replace("\n", " ")


def test_missing_and_double_series_are_refused() -> None:
    with pytest.raises(ValueError) as caught:
        term_series_plot(
            RATES[RATES["term"] != "poverty"],
            CHANGES[CHANGES["series"] != "linkage"],
            LEXICON,
            "en",
        )
    assert "'poverty'" in str(caught.value) and "'linkage'" in str(caught.value)
    with pytest.raises(ValueError, match="changes: some series stand twice"):
        term_series_plot(RATES, pd.concat([CHANGES, CHANGES]), LEXICON, "en")


@pytest.mark.parametrize(("first", "second"), [(3, 3), (15, 15), (0, 2), (1, 0), (0, 0)])
def test_key_phrases_can_be_read_in_both_languages(first: int, second: int, tmp_path: Path) -> None:
    table = phrases(first, second)
    glosses = {"高质量发展": "high-quality development", "试点": "pilots"}
    save_figure(
        tmp_path / "keyness",
        partial(keys, table, glosses=glosses),
        table,
        simulated=False,
    )


def test_phrases_stand_with_their_ratio_counts_and_gloss() -> None:
    fig = keys(phrases(2, 3), "en", glosses={"乡村振兴": "rural revitalization"})
    right = fig.axes[1]
    labels = [text.get_text().replace("\n", " ") for text in right.get_yticklabels()]
    assert labels[1] == "乡村振兴  rural revitalization" and len(labels) == 3
    points = {(round(float(x), 6), int(y)) for part in right.lines
              for x, y in zip(*map(np.atleast_1d, part.get_data()), strict=True)}  # fmt: skip
    assert points == {(round(2 ** (6.6 - 0.2 * k), 6), k) for k in range(3)}
    assert [t.get_text() for t in right.texts] == ["0 / 70", "1 / 69", "0 / 68"]
    zh = keys(phrases(2, 3), "zh", glosses={"乡村振兴": "rural revitalization"})
    assert zh.axes[1].get_yticklabels()[1].get_text() == "乡村振兴"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="lang must be"):
        keys(phrases(1, 1), "fr")
