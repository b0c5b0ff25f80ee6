"""Figures of coded policy texts: readable in both languages, numbers as in the tables."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from analysis import exhibits, figure_style
from analysis.labels import LANGUAGES
from analysis.policy import coding, coding_figures, coding_quality, pmc, pmc_figures
from analysis.policy.coding_labels import GROUP_LABELS, group_label

HANZI = re.compile("[一-鿿]")
RAW = Path(__file__).resolve().parents[1] / "data" / "raw" / "policy"
GROUPS = ["law_cooperatives_2017", "report_to_2012", "report_2013_2017", "report_from_2018",
          "no1_2018", "law_revitalization_2021", "regulation_henan_2017",
          "regulation_guangdong_2022"]  # fmt: skip
TEXTS = ["no1_2018", "law_cooperatives_2017", "law_revitalization_2021", "regulation_henan_2017",
         "regulation_guangdong_2022", "report_2021"]  # fmt: skip


def random_coding(seed=1):
    rng = np.random.default_rng(seed)
    rows = [
        (group, 1, 2489 if group == "report_to_2012" else 150, instrument, purpose,
         int(rng.integers(0, 90)), float(rng.uniform(0, 30)))
        for group in GROUPS
        for instrument in [*coding.AXES["instrument"], coding.NONE]
        for purpose in [*coding.AXES["revitalization"], coding.NONE]
    ]  # fmt: skip
    columns = ["group", "documents", "segments", "instrument", "revitalization", "n", "share"]
    return pd.DataFrame(rows, columns=columns)


def random_quality(seed=2):
    rng = np.random.default_rng(seed)
    rows = []
    for split in coding_quality.SPLITS:
        for name in coding_quality.MEASURED:
            low, middle, high = np.sort(rng.uniform(size=3))
            own = {"class": name, "split": split, "labelled": 21, "flagged": 187}
            for measure in ("precision", "recall"):
                own |= {measure: middle, f"{measure}_low": low, f"{measure}_high": high}
            rows.append(own)
    return pd.DataFrame(rows)


def linkage_table():
    rows = []
    for group in ("all", "report", "law", "regulation", "no1", "to_2012", "from_2021"):
        for window in ("sentence", "paragraph", "document"):
            for terms, lift in (("all", 9.2), ("without_linkage_terms", 0.0)):
                rows.append(
                    {"terms": terms, "window": window, "group": group, "alleviation": 45,
                     "revitalization": 3 if group == "to_2012" else 44, "both": 7,
                     "expected_within": 0.8, "lift": lift, "lift_within": lift / 2,
                     "lift_low": np.nan if group == "law" else lift / 2,
                     "lift_high": np.nan if group == "law" else 3 * lift}
                )  # fmt: skip
    return pd.DataFrame(rows)


def random_hits(seed=3):
    rng = np.random.default_rng(seed)
    variables = pmc.read_variables(RAW)[["main", "variable"]]
    table = pd.DataFrame({"doc_id": TEXTS}).merge(variables, how="cross")
    return table.assign(n=rng.integers(0, 3, len(table)), segments=150)


CODING, QUALITY, LINKAGE, HITS = random_coding(), random_quality(), linkage_table(), random_hits()
SCORES = pmc.pmc_scores(HITS)
RANKING = pmc.ranking_uncertainty(HITS, rng=np.random.default_rng(4), draws=100)
DRAWINGS: dict[str, Callable[[str], Figure]] = {
    "instruments": partial(coding_figures.instrument_heatmap, CODING),
    "quality": partial(coding_figures.quality_plot, QUALITY),
    "linkage": partial(coding_figures.linkage_plot, LINKAGE),
    "ranking": partial(pmc_figures.ranking_plot, SCORES, RANKING),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_can_be_saved_and_speak_one_language(name, tmp_path):
    exhibits.save_figure(tmp_path / "f", DRAWINGS[name], pd.DataFrame({"a": [1]}), simulated=False)
    assert len(list(tmp_path.glob("f*.svg"))) == 2
    for lang in LANGUAGES:
        fig = DRAWINGS[name](lang)
        assert fig.get_size_inches()[0] * figure_style.MM_PER_INCH == pytest.approx(180)
        with figure_style.style():
            joined = "\n".join(t.get_text() for t in figure_style.visible_texts(fig))
        assert bool(HANZI.search(joined)) == (lang == "zh")
        assert lang == "en" or not re.search(r"\b(?:the|of|and|report|none|[Ss]upply)\b", joined)


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_refuse_other_languages(name):
    with pytest.raises(ValueError, match="lang must be one of"):
        DRAWINGS[name]("fr")


def test_heat_map_writes_each_count_in_its_cell():
    axes = coding_figures.instrument_heatmap(CODING, "en").axes
    first = axes[0]
    assert first.get_title(loc="left") == "Work reports to 2012\n(n = 2,489)"
    own = CODING[CODING["group"] == "report_to_2012"]
    # rows of a panel are revitalizations, columns instruments
    expected = own.pivot(index="revitalization", columns="instrument", values="n").loc[
        [*coding.AXES["revitalization"], "none"], [*coding.AXES["instrument"], "none"]
    ]
    written = [t.get_text() for t in first.texts]
    assert written == [str(n) for n in expected.to_numpy().ravel()]
    mesh = next(c for c in first.collections if isinstance(c, QuadMesh))
    both_none = (CODING["instrument"] == "none") & (CODING["revitalization"] == "none")
    assert mesh.get_clim() == (0, pytest.approx(CODING.loc[~both_none, "share"].max()))


def test_few_groups_leave_no_empty_frame():
    two = CODING[CODING["group"].isin(GROUPS[:2])]
    axes = coding_figures.instrument_heatmap(two, "en").axes
    assert [ax.axison for ax in axes[:4]] == [True, True, False, False]


def test_quality_marks_stand_at_their_values():
    panels = coding_figures.quality_plot(QUALITY, "en").axes
    for ax, measure in zip(panels, ("precision", "recall"), strict=True):
        for line, split in zip(ax.lines, ("test", "development"), strict=True):
            own = QUALITY[QUALITY["split"] == split]
            assert np.asarray(line.get_xdata()) == pytest.approx(own[measure])
    assert [t.get_text() for t in panels[0].texts] == ["187"] * 9
    assert [t.get_text() for t in panels[1].texts] == ["21"] * 9


def test_linkage_leaves_out_groups_without_a_vocabulary():
    fig = coding_figures.linkage_plot(LINKAGE, "en")
    labels = [t.get_text().replace("\n", " ") for t in fig.axes[0].get_yticklabels()]
    assert "Work reports to 2012" not in labels and "Work reports from 2021" in labels
    assert len(labels) == 6
    lines = [np.asarray(line.get_xdata()) for line in fig.axes[0].lines[1:]]
    assert [line[0] for line in lines] == pytest.approx([9.2, 4.6, 0, 0])
    assert [t.get_text() for t in fig.axes[1].texts] == ["7 / 0.8"] * 12


def test_texts_are_ranked_from_the_top_and_scored_as_in_the_table():
    fig = pmc_figures.ranking_plot(SCORES, RANKING, "en")
    order = pmc.pmc_index(SCORES).sort_values(ascending=False, kind="stable").index
    left, right = fig.axes
    names = [t.get_text().replace("\n", " ") for t in left.get_yticklabels()]
    assert [n.split(" (")[0] for n in names] == [group_label(t, "en") for t in order]
    written = [t.get_text() for t in left.texts]
    assert written == [f"{v:.2f}" for v in SCORES.loc[order].to_numpy().ravel()]
    for line, source in zip(right.lines, pmc.SOURCES, strict=True):
        own = RANKING[RANKING["source"] == source].set_index("doc_id").loc[order]
        assert np.asarray(line.get_xdata()) == pytest.approx(own["rank_median"])


def test_single_reports_are_named_by_year():
    assert group_label("report_2021", "en") == "Work report 2021"
    assert group_label("report_2021", "zh") == "2021 年政府工作报告"
    assert group_label("something", "en") == "something"


def test_missing_columns_are_named():
    for draw, table in (
        (coding_figures.instrument_heatmap, CODING.drop(columns="share")),
        (coding_figures.quality_plot, QUALITY.drop(columns="recall_low")),
        (coding_figures.linkage_plot, LINKAGE.drop(columns="lift")),
    ):
        with pytest.raises(ValueError, match=r"missing column\(s\)"):
            draw(table, "en")


def test_every_group_has_a_name_without_open_fields():
    names = [group_label(g, lang) for g in GROUP_LABELS for lang in LANGUAGES]
    assert not any("{" in name for name in names)
    assert group_label("report_2021", "en") == "Work report 2021"
