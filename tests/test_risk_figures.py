"""Figures and tables of risk and of the lesson: readable in both languages, true to the numbers."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from analysis.exhibits import save_figure, save_table
from analysis.households.household_tables import (
    lesson_table,
    risk_scores_table,
    risk_table,
    vulnerability_table,
)
from analysis.households.lesson import ERRORS, Lesson, read_rice_insurance, rice_insurance_lesson
from analysis.households.lesson_figures import NEIGHBOURS, OWN, lesson_plot
from analysis.households.return_risk import RiskStudy, study_risk
from analysis.households.risk_design import RiskDesign
from analysis.households.risk_figures import calibration_plot, precision_recall_plot, recall_plot
from analysis.households.risk_labels import NAMES, TEXTS, risk_texts
from analysis.households.risk_scores import (
    calibration_table,
    monitoring_sweep,
    precision_recall,
    recall_by_group,
    risk_scores,
)
from analysis.households.vulnerability import fit_vulnerability

RICE = Path(__file__).parents[1] / "data" / "raw" / "rice_insurance"
LANGUAGES = ("en", "zh")
HANZI = re.compile("[一-鿿]")
LINES = (6000, 7500, 9000, 12000)


def panel(n: int = 4000) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    income, rows = 9000 * np.exp(0.5 * rng.standard_normal(n)), []
    for year in (2021, 2022, 2023):
        ill, urban = rng.integers(0, 2, n), np.arange(n) % 2
        shock = 0.3 * rng.standard_normal(n) - 0.3 * ill + 0.1 * urban
        after = 9000 * (income / 9000) ** 0.7 * np.exp(shock)
        rows.append(pd.DataFrame({
            "household": np.arange(n), "year": year, "income": income, "urban": urban,
            "serious_illness": ill, "poor_next_year": (after < 5000).astype(float),
            "log_income_ratio": np.log(income / 5000),
        }))  # fmt: skip
        income = after
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def study() -> RiskStudy:
    design = RiskDesign(
        predictors=("log_income_ratio", "serious_illness"), poverty_line=5000,
        monitoring_line=7500, groups=("urban", "serious_illness"),
    )  # fmt: skip
    return study_risk(panel(), design)


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    with threadpool_limits(1):
        return rice_insurance_lesson(read_rice_insurance(RICE))


@pytest.fixture(scope="module")
def calibration(study) -> pd.DataFrame:
    table = calibration_table(study.forecast)
    low = table.assign(model="vulnerability", predicted=table["predicted"] * 0.7)
    return pd.concat([table.assign(model="logit"), low], ignore_index=True)


@pytest.fixture(scope="module")
def groups(study) -> pd.DataFrame:
    everybody = risk_scores(study.forecast).assign(group="", item="")
    everybody = everybody[everybody["measure"].isin(["recall", "precision"])]
    return pd.concat([everybody, recall_by_group(study.forecast, ["urban", "serious_illness"])])


def precision_plot(study: RiskStudy, lang: str):
    curve = precision_recall(study.forecast).assign(model="logit")
    return precision_recall_plot(
        curve, monitoring_sweep(study.forecast, LINES), lang,
        prevalence=study.forecast.frame["outcome"].mean(), year=study.test_year,
        training_years=study.training_years,
    )  # fmt: skip


def texts_of(fig) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in fig.findobj(Text))


def test_figures_are_readable_in_both_languages(study, lesson, calibration, groups, tmp_path):
    drawn = {
        "calibration": (partial(calibration_plot, calibration, year=2023), calibration, True),
        "precision": (partial(precision_plot, study), groups, True),
        "recall": (partial(recall_plot, groups), groups, True),
        "lesson": (partial(lesson_plot, lesson), lesson.estimates, False),
    }
    for name, (draw, data, simulated) in drawn.items():
        save_figure(tmp_path / name, draw, data, simulated=simulated)
        assert HANZI.search(texts_of(draw("zh"))) and not HANZI.search(texts_of(draw("en")))
        assert (tmp_path / f"{name}_zh.svg").stat().st_size > 0


def test_a_class_in_which_nobody_became_poor_is_drawn(calibration, tmp_path):
    changed = calibration.assign(value=calibration["value"].clip(lower=0.001))
    changed.loc[0, ["value", "ci_low", "ci_high"]] = [0, 0, 0.004]
    changed.loc[0, "predicted"] = 0.0008
    save_figure(
        tmp_path / "zero", partial(calibration_plot, changed, year=2023), changed, simulated=True
    )
    fig = calibration_plot(changed, "en", year=2023)
    triangles = [line for ax in fig.axes for line in ax.lines if line.get_marker() == "v"]
    assert [np.asarray(line.get_xdata()).tolist() for line in triangles] == [[0.08], [0.08]]


def test_calibration_shows_the_table(calibration):
    fig = calibration_plot(calibration, "en", year=2023)
    own = calibration[calibration["model"] == "logit"]
    seen = own[own["value"] > 0]
    assert len(seen) < len(own)
    points = fig.axes[0].lines[1]
    np.testing.assert_allclose(np.asarray(points.get_xdata()), 100 * seen["predicted"])
    np.testing.assert_allclose(np.asarray(points.get_ydata()), 100 * seen["value"])
    assert "all households of 2023" in texts_of(fig).replace("\n", " ")
    alone = calibration_plot(own, "en", year=2023)
    assert "Vulnerability" not in texts_of(alone)
    many = pd.concat([own.assign(model=str(k)) for k in range(5)])
    with pytest.raises(ValueError, match="5 of them"):
        calibration_plot(many, "en", year=2023)


def test_monitoring_lines_stand_where_the_table_says(study):
    fig = precision_plot(study, "en")
    sweep = monitoring_sweep(study.forecast, LINES)
    lines = sweep[sweep["rule"] == "monitoring"]
    for ax, columns in zip(fig.axes, (("recall", "precision"), ("watched", "recall")), strict=True):
        squares = next(line for line in ax.lines if line.get_marker() == "s")
        np.testing.assert_allclose(squares.get_xydata(), 100 * lines[list(columns)])
    assert "7,500" in texts_of(fig) and "2021–2022" in texts_of(fig)


def test_both_rules_are_drawn_for_each_group(groups):
    fig = recall_plot(groups, "en")
    for ax, measure in zip(fig.axes, ("recall", "precision"), strict=True):
        for line, rule in zip(ax.lines, ("model", "monitoring"), strict=True):
            rows = groups[(groups["measure"] == measure) & (groups["rule"] == rule)]
            np.testing.assert_allclose(np.asarray(line.get_xdata()), 100 * rows["value"])
    names = [text.get_text() for text in fig.axes[0].get_yticklabels()]
    assert names == ["All at risk", "rural", "urban", "no serious illness", "serious illness"]


def test_lesson_plot_shows_every_model_with_every_error(lesson):
    fig = lesson_plot(lesson, "en")
    for ax, models in zip(fig.axes, (OWN, NEIGHBOURS), strict=True):
        drawn = [np.asarray(line.get_xdata()) for line in ax.lines]
        points = [x[0] for x in drawn if len(x) == 1]
        table = lesson.estimates.set_index(["model", "error_type"])["estimate"]
        assert points == [table[model, kind] for model in models for kind in ERRORS]
    note = texts_of(fig).replace("\n", " ")
    assert "(F 116 against 11.7)" in note and "not poverty data" in note


def test_an_unbounded_interval_is_not_drawn(lesson):
    tests = lesson.tests.assign(low=-np.inf, high=np.inf)
    weak = Lesson(lesson.estimates, tests, lesson.counts)
    assert "Anderson" not in texts_of(lesson_plot(weak, "en"))
    assert "from no bound to no bound" in lesson_table(weak, "en").notes
    assert "Anderson" in texts_of(lesson_plot(lesson, "en"))


def test_tables_hold_the_estimates_and_say_what_they_are(study, lesson, tmp_path):
    truth = pd.DataFrame({"term": ["serious_illness"], "truth": [1.0]})
    fit = fit_vulnerability(
        panel().query("year == 2023"), predictors=["urban"], poverty_line=5000.0
    )
    builders = {
        "lesson": partial(lesson_table, lesson),
        "risk": partial(risk_table, study.model.coefficients, truth=truth,
                        training_years=study.training_years),
        "scores": partial(risk_scores_table, risk_scores(study.forecast), year=2023),
        "vulnerability": partial(vulnerability_table, fit.coefficients, year=2023),
    }  # fmt: skip
    for name, build in builders.items():
        save_table(tmp_path / name, build, simulated=name != "lesson")
        english, chinese = build("en"), build("zh")
        assert english.frame.shape == chinese.frame.shape
        assert HANZI.search(chinese.caption + chinese.notes)
        shown = " ".join(map(str, [*english.frame, *english.frame.to_numpy().ravel()]))
        assert not HANZI.search(shown + english.caption + english.notes)
    table = builders["lesson"]("en")
    np.testing.assert_allclose(
        table.frame["SE: Natural village"],
        lesson.estimates.query("error_type == 'natural_village'")["se"],
    )
    assert "32 left out" in table.notes and "Natural village 11.7" in table.notes
    known = builders["risk"]("en").frame.set_index("Regressor")["Truth"]
    assert known["Serious illness"] == 1.0 and known.drop("Serious illness").isna().all()


def test_texts_exist_in_both_languages():
    for texts in (NAMES, *TEXTS.values()):
        assert all(set(both) == set(LANGUAGES) and all(both.values()) for both in texts.values())
    with pytest.raises(ValueError, match="lang must be one of"):
        risk_texts("recall_plot", "fr")
    with pytest.raises(ValueError, match="curves: missing column"):
        precision_recall_plot(
            pd.DataFrame(), pd.DataFrame(), "en", prevalence=0.1, training_years=(1,), year=2
        )
