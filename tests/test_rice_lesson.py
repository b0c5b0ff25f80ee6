"""The lesson on rice farmers: published numbers, other software, the formula by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from analysis.households.lesson import (
    CONTROLS,
    DEFAULT,
    ERRORS,
    MODELS,
    NATURAL_VILLAGE,
    NEIGHBOURS,
    OUTCOME,
    VILLAGE,
    Lesson,
    anderson_rubin_interval,
    read_rice_insurance,
    rice_insurance_lesson,
)
from analysis.sources import read_card

SOURCE = Path(__file__).parents[1] / "data" / "raw" / "rice_insurance"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return read_rice_insurance(SOURCE)


@pytest.fixture(scope="module")
def lesson(frame) -> Lesson:
    with threadpool_limits(1):
        return rice_insurance_lesson(frame)


def design(used: pd.DataFrame) -> np.ndarray:
    villages = pd.get_dummies(used[VILLAGE], drop_first=True, dtype=float)
    return np.column_stack([np.ones(len(used)), used[list(CONTROLS)], villages])


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.dropna().reset_index(drop=True)


def test_the_file_is_the_one_of_the_card(frame):
    card = read_card(SOURCE)
    content = (SOURCE / card.files[0].name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == card.files[0].sha256
    assert len(frame) == 1410 and "not poverty data" in " ".join(card.faults)


def test_the_default_was_assigned_by_natural_village(frame):
    assert (frame.groupby(NATURAL_VILLAGE)[DEFAULT].nunique() == 1).all()
    assert (frame.groupby(NATURAL_VILLAGE)[VILLAGE].nunique() == 1).all()


def test_published_estimates(lesson):
    """Huntington-Klein (2021), The Effect, chapter 19: 0.118 (0.034), 0.791 (0.273), N 1378."""
    rows = lesson.estimates.set_index(["model", "error_type"])
    first, second = (
        rows.loc[(model, "natural_village")] for model in ("first_stage", "instrument")
    )
    assert [round(v, 3) for v in (first["estimate"], first["se"])] == [0.118, 0.034]
    assert [round(v, 3) for v in (second["estimate"], second["se"])] == [0.791, 0.273]
    assert lesson.counts == {
        "rows": 1410, "used": 1378, "missing": 32, "natural_villages": 166, "villages": 44,
    }  # fmt: skip


# R 4.2.2: lm with factor(village), sandwich::vcovCL(type="HC1"), and two-stage least squares by the
# formula with the same factor; iid and HC1 of the association from vcov and vcovHC.
R_VALUES = [
    ("first_stage", "natural_village", 0.118025743371, 0.0344330710915),
    ("reduced_form", "natural_village", 0.0933698068087, 0.0301155410619),
    ("association", "natural_village", 0.452382333304, 0.0710790183026),
    ("instrument", "natural_village", 0.791096960218, 0.273126967544),
    ("first_stage", "village", 0.118025743371, 0.0383962465476),
    ("reduced_form", "village", 0.0933698068087, 0.0258336479532),
    ("association", "village", 0.452382333304, 0.0515062321682),
    ("instrument", "village", 0.791096960218, 0.258173549664),
    ("association", "iid", 0.452382333304, 0.069207222586),
    ("association", "robust", 0.452382333304, 0.0685909969584),
]


@pytest.mark.parametrize(("model", "error_type", "estimate", "se"), R_VALUES)
def test_equal_to_r(lesson, model, error_type, estimate, se):
    row = lesson.estimates.set_index(["model", "error_type"]).loc[(model, error_type)]
    assert row["estimate"] == pytest.approx(estimate, rel=1e-10)
    assert row["se"] == pytest.approx(se, rel=1e-10)


def test_own_session_equals_statsmodels(lesson, frame):
    sm = pytest.importorskip("statsmodels.api")
    used = complete(frame)
    codes = used.groupby(VILLAGE).ngroup()
    fit = sm.OLS(used[OUTCOME].to_numpy(), design(used)).fit(
        cov_type="cluster", cov_kwds={"groups": codes}
    )
    row = lesson.estimates.set_index(["model", "error_type"]).loc[("session", "village")]
    place = 1 + CONTROLS.index("intensive")
    assert row["estimate"] == pytest.approx(fit.params[place], rel=1e-9)
    assert row["se"] == pytest.approx(fit.bse[place], rel=1e-9)


def test_ratio_of_the_reduced_form_is_the_effect(lesson):
    value = lesson.estimates.drop_duplicates("model").set_index("model")["estimate"]
    ratio = value["reduced_form"] / value["first_stage"]
    assert ratio == pytest.approx(value["instrument"], rel=1e-10)


def test_errors_that_ignore_the_assignment_are_too_small(lesson):
    se = lesson.estimates.set_index(["model", "error_type"])["se"]
    strength = lesson.tests.set_index(["test", "error_type"])["value"]
    assert se["first_stage", "natural_village"] > 3 * se["first_stage", "iid"]
    assert strength["first_stage_F", "iid"] > 100 > 15 > strength["first_stage_F", "village"]
    for kind in ERRORS:
        row = lesson.estimates.set_index(["model", "error_type"]).loc[("first_stage", kind)]
        square = (row["estimate"] / row["se"]) ** 2
        assert strength["first_stage_F", kind] == pytest.approx(square, rel=1e-12)


def t_of_default(used: pd.DataFrame, y: pd.Series) -> float:
    """Clustered t of the default by the formula: B' S B, S the outer products of village scores."""
    x = np.column_stack([used[DEFAULT], design(used)])
    bread = np.linalg.inv(x.T @ x)
    groups = used.groupby(NATURAL_VILLAGE).ngroup().to_numpy()
    n, k, g = len(x), x.shape[1], groups.max() + 1
    slopes = bread @ x.T @ y.to_numpy()
    scores = np.zeros((g, k))
    np.add.at(scores, groups, (y.to_numpy() - x @ slopes)[:, None] * x)
    variance = bread @ scores.T @ scores @ bread * g / (g - 1) * (n - 1) / (n - k)
    return float(slopes[0] / np.sqrt(variance[0, 0]))


def test_the_anderson_rubin_interval_inverts_the_test(lesson, frame):
    """At either end, y - b d depends on the default exactly at the 5 % level."""
    used = complete(frame)
    tests = lesson.tests.set_index(["test", "error_type"])
    for end in ("low", "high"):
        effect = tests.loc[("anderson_rubin", "natural_village"), end]
        found = t_of_default(used, used[OUTCOME] - effect * used[NEIGHBOURS])
        assert abs(found) == pytest.approx(student.ppf(0.975, 165))


def test_the_interval_has_bounds_only_if_the_first_stage_is_significant(frame):
    """Defaults drawn anew tell nothing: most of their intervals hold every effect."""
    used = complete(frame)
    names = used[NATURAL_VILLAGE].unique()
    bounded = []
    for seed in range(6):
        drawn = np.random.default_rng(seed).integers(0, 2, len(names))
        other = used.assign(default=used[NATURAL_VILLAGE].map(dict(zip(names, drawn, strict=True))))
        with threadpool_limits(1):
            interval = anderson_rubin_interval(other, "natural_village")
        strength = abs(t_of_default(other, other[NEIGHBOURS]))
        assert np.isfinite(interval).all() == (strength > student.ppf(0.975, len(names) - 1))
        bounded.append(np.isfinite(interval).all())
    assert not all(bounded)


def test_one_row_per_model_and_error(lesson, frame):
    pairs = list(zip(lesson.estimates["model"], lesson.estimates["error_type"], strict=True))
    assert pairs == [(model, kind) for model in MODELS for kind in ERRORS]
    table = lesson.estimates
    assert (table["ci_low"] < table["estimate"]).all()
    clustered = table[table["error_type"] == "village"]
    assert (clustered["df"] == 43).all() and (clustered["clusters"] == 44).all()


def test_an_altered_file_is_refused_with_all_its_faults(frame, tmp_path):
    wrong = frame.drop(columns="male").astype({DEFAULT: float, "age": object})
    wrong.loc[3, DEFAULT] = 0.5
    wrong.loc[[7, 9], "age"] = "old"
    wrong.to_csv(tmp_path / "social_insure.csv", index=False)
    with pytest.raises(ValueError) as error:
        read_rice_insurance(tmp_path)
    for part in ("'male' is missing", "row 5, column 'default': 0.5 is not 0 or 1",
                 "row 9, column 'age': old is not a number", "(2 rows in all)"):  # fmt: skip
        assert part in str(error.value)
