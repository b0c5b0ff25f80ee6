"""The joint display: evidence side by side, judgements only where a person wrote one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.cases.joint_display import _still, joint_display
from analysis.cases.joint_inputs import JUDGEMENT_COLUMNS, JointInputs, read_joint_inputs
from analysis.cases.studies import read_studies

RAW = Path(__file__).parents[1] / "data" / "raw"
STUDIES = read_studies(RAW / "cases")
INPUTS = read_joint_inputs(RAW / "judgements", STUDIES)
KINDS = ("problem", "cause", "countermeasure")
THEMES = list(dict.fromkeys(t for t in STUDIES.themes["theme"] if t.split(".")[0] in KINDS))
CLAIMS = {
    "long_difference.tap_water.province": {
        "value": 5.360353195, "se": 0.8461, "ci_low": 3.696, "ci_high": 7.025, "n": 2101,
        "unit": "percentage points", "step": "40_estimate_panel_models", "simulated": False,
    }
}  # fmt: skip
WATER = {
    "theme": "problem.infrastructure", "indicator": "tap_water_change", "profile": "census",
    "seen": "5.36", "judgement": "discord", "judge": "A. Reader", "date": "2026-03-31",
    "reason": "access rose faster where poverty was", "status": "draft",
}  # fmt: skip


def prevalence(counts=None):
    """One row per theme and town, six interviews each; counts overrides (theme, town)."""
    rows = [(theme, town) for theme in THEMES for town in "BSWP"]
    frame = pd.DataFrame(rows, columns=["code_id", "case"])
    number = [(counts or {}).get(row, 0) for row in rows]
    return frame.assign(interviews=number, of_interviews=6)


def judged(*lines, indicators=INPUTS.indicators):
    return JointInputs(indicators, pd.DataFrame(list(lines), columns=JUDGEMENT_COLUMNS))


def shown(inputs=INPUTS, frequencies=None, claims=CLAIMS, profile="census"):
    return joint_display(STUDIES, frequencies, inputs, claims, profile=profile)


def test_one_row_per_theme_and_declared_number():
    table = shown()
    assert list(dict.fromkeys(table["theme"])) == THEMES
    declared = INPUTS.indicators.groupby("theme").size().reindex(THEMES).fillna(1).astype(int)
    assert table.groupby("theme", sort=False).size().tolist() == declared.tolist()
    assert not table.duplicated(["theme", "indicator"]).any()
    silent = table[table["indicator_status"] == "none_declared"]
    assert len(silent) == 12
    assert (silent[["indicator", "claim", "expected"]] == "").all().all()


def test_numbers_come_from_the_claims_and_are_missing_where_a_profile_has_none():
    table = shown().set_index(["theme", "indicator"])
    water = table.loc[("problem.infrastructure", "tap_water_change")]
    numbers = ["estimate", "se", "ci_low", "ci_high", "n"]
    assert water[numbers].tolist() == [5.360353195, 0.8461, 3.696, 7.025, 2101]
    assert (water["indicator_status"], water["step"]) == ("available", "40_estimate_panel_models")
    toilet = table.loc[("problem.infrastructure", "toilet_change")]
    assert toilet["indicator_status"] == "not_in_profile"
    assert toilet[numbers].isna().all()
    simulated = {k: v | {"simulated": True} for k, v in CLAIMS.items()}
    flags = shown(claims=simulated).set_index("claim")["indicator_simulated"]
    assert flags["long_difference.tap_water.province"].all()
    assert not flags[flags.index != "long_difference.tap_water.province"].any()


def test_prevalence_is_pooled_over_towns_and_told_for_the_towns_that_name_the_theme():
    counts = {("problem.market", "B"): 3, ("problem.market", "P"): 2}
    row = shown(frequencies=prevalence(counts)).set_index("theme").loc["problem.market"]
    assert row[["interviews", "of_interviews"]].tolist() == [5, 24]
    assert row[["naming_interviews", "naming_of"]].tolist() == [3, 6]
    # Wilson interval of 5 of 24, from the published formula with z = 1.959964
    p, n, z = 5 / 24, 24, 1.959963984540054
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    bounds = [100 * (middle - half), 100 * (middle + half)]
    assert row[["share_low", "share_high"]].tolist() == pytest.approx(bounds)
    empty = shown(frequencies=prevalence()).set_index("theme").loc["problem.market"]
    assert (empty["share"], empty["share_low"]) == (0, 0)


def test_without_interviews_shares_are_missing_and_not_zero():
    table = shown(frequencies=None)
    assert set(table["prevalence_status"]) == {"no_interviews"}
    assert table[["interviews", "of_interviews", "share", "share_low"]].isna().all().all()


@pytest.mark.parametrize("counted", [True, False])
def test_simulated_interviews_are_marked_where_there_are_any(counted):
    frequencies = prevalence() if counted else None
    inputs = (STUDIES, frequencies, INPUTS, CLAIMS)
    tables = [
        joint_display(*inputs, profile="census", prevalence_simulated=s) for s in (False, True)
    ]
    marks = [table["prevalence_simulated"] for table in tables]
    assert [mark.dtype for mark in marks] == [bool, bool]
    assert [mark.all() for mark in marks] == [mark.any() for mark in marks] == [False, counted]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.concat([prevalence(), prevalence()]), "more than one row"),
        (prevalence()[lambda t: t["code_id"] != "problem.market"], "problem.market"),
        (prevalence().drop(columns="case"), "case"),
    ],
)
def test_prevalence_that_cannot_be_pooled_is_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        shown(frequencies=frame)


def test_nothing_is_judged_unless_a_person_wrote_it():
    assert set(shown()["judgement"]) == {"not_judged"}
    table = shown(judged(WATER)).set_index(["theme", "indicator"])
    water = table.loc[("problem.infrastructure", "tap_water_change")]
    assert tuple(water[["judgement", "judgement_status", "judge"]]) == (
        "discord", "draft", "A. Reader",
    )  # fmt: skip
    assert (table["judgement"] == "not_judged").sum() == len(table) - 1
    # the same number speaks to a countermeasure too: judged for one theme, open for the other
    other = table.loc[("countermeasure.infrastructure", "tap_water_change"), "judgement"]
    assert other == "not_judged"


def test_a_judgement_holds_for_its_profile_and_its_number_only():
    assert set(shown(judged(WATER), profile="demo")["judgement"]) == {"not_judged"}
    moved = {"long_difference.tap_water.province": {"value": 5.37}}
    for claims in (moved, {}):
        table = shown(judged(WATER), claims=claims).set_index(["theme", "indicator"])
        status = table.loc[("problem.infrastructure", "tap_water_change"), "judgement_status"]
        assert status == "outdated"


@given(st.floats(-1e4, 1e4), st.integers(0, 4))
def test_a_number_copied_as_printed_is_the_one_that_was_judged(value, digits):
    printed = f"{value:z.{digits}f}"
    assert _still(printed, value)
    assert not _still(printed, value + 2 * 10.0**-digits)


def test_the_committed_declarations_are_sound_and_judge_nothing():
    assert INPUTS.judgements.empty
    assert set(INPUTS.indicators["theme"]) <= set(THEMES)
    labels = INPUTS.indicators.groupby("indicator")[["claim", "label_en", "label_zh"]].nunique()
    assert (labels == 1).all().all()


FAULTS = {
    "theme": ("nothing", "theme 'nothing'"),
    "indicator": ("lift", "indicator 'lift' is not declared"),
    "judgement": ("agrees", "judgement 'agrees'"),
    "judge": ("", "column judge is empty"),
    "reason": ("", "column reason is empty"),
    "date": ("31.3.2026", "date '31.3.2026'"),
    "status": ("", "neither draft nor final"),
    "seen": ("\N{MINUS SIGN}5.36", "is no number"),
    "profile": ("", "column profile is empty"),
}


def write(folder, judgements, indicators=INPUTS.indicators):
    indicators.to_csv(folder / "indicators.csv", index=False)
    pd.DataFrame(judgements, columns=JUDGEMENT_COLUMNS).to_csv(
        folder / "judgements.csv", index=False
    )


@pytest.mark.parametrize("column", FAULTS)
def test_each_fault_of_a_judgement_is_told_with_its_line(column, tmp_path):
    value, message = FAULTS[column]
    write(tmp_path, [WATER, {**WATER, "theme": "countermeasure.infrastructure", column: value}])
    with pytest.raises(ValueError, match=r"judgements.csv, line 3: ") as error:
        read_joint_inputs(tmp_path, STUDIES)
    assert message in str(error.value)
    assert "line 2" not in str(error.value)


def test_all_faults_of_both_files_come_in_one_error(tmp_path):
    indicators = INPUTS.indicators.copy()
    indicators.loc[0, "expected"] = "up"
    indicators.loc[1, "why_zh"] = ""
    indicators.loc[2] = indicators.loc[3]
    silent = {**WATER, "theme": "problem.market", "indicator": "", "seen": ""}
    write(tmp_path, [WATER, WATER, silent, {**silent, "theme": "problem.policy"}], indicators)
    with pytest.raises(ValueError, match="mend the files") as error:
        read_joint_inputs(tmp_path, STUDIES)
    told = str(error.value)
    for part in ("expected 'up'", "column why_zh is empty", "are there twice", "judged twice",
                 "discord needs a number", "but the theme has indicators"):  # fmt: skip
        assert part in told


def test_silence_of_a_theme_without_numbers_can_be_judged(tmp_path):
    silent = {**WATER, "theme": "problem.market", "indicator": "", "seen": "",
              "judgement": "silence", "status": "final"}  # fmt: skip
    write(tmp_path, [silent])
    row = shown(read_joint_inputs(tmp_path, STUDIES)).set_index("theme").loc["problem.market"]
    assert (row["judgement"], row["judgement_status"]) == ("silence", "final")


@pytest.mark.parametrize(
    ("text", "message"),
    [("theme,indicator\na,b,c\n", "more fields"), ("", "cannot be read"), ("theme\n", "missing")],
)
def test_files_that_are_no_tables_are_refused(text, message, tmp_path):
    write(tmp_path, [])
    (tmp_path / "indicators.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_joint_inputs(tmp_path, STUDIES)
