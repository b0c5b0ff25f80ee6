"""The gap by kind of county: equal to a saturated regression, with what is not identified said."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from specification_panel import county_panel

from analysis.long_difference import ladder
from analysis.models.heterogeneity import (
    COLUMNS,
    DEEP_POVERTY_PREFECTURES,
    deep_poverty_area,
    moderated_effects,
    moderation_tests,
)

EXACT = 1e-8  # rounding of two routes to one number
OPTIONS: dict[str, Any] = {"outcomes": ["tap_water"], "baseline_controls": ["relief"]}


def differences(panel):
    """One row per rural county: change, first-year level and groups."""
    wide = panel.pivot(index="code", columns="year", values="tap_water")
    last = panel[panel["year"] == 2020].set_index("code")
    first = panel[panel["year"] == 2010].set_index("code")
    frame = last[["designated", "province", "region", "rural_2010", "area_changed"]].assign(
        change=wide[2020] - wide[2010], level=wide[2010], relief=first["relief"],
        schooling=first["schooling"],
    )  # fmt: skip
    return frame[frame["rural_2010"]].assign(
        d=lambda f: f["designated"].astype(float), g=lambda f: f["province"].factorize()[0]
    )


def regression(formula, frame):
    return smf.ols(formula, frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["g"]}, use_t=True
    )


def test_categories_equal_a_saturated_regression():
    panel = county_panel()
    found = moderated_effects(panel, moderators=["region"], estimator="least_squares", **OPTIONS)
    frame = differences(panel).assign(
        east=lambda f: (f["region"] == "east") * 1.0, west=lambda f: 1 - f["east"]
    )
    fit = regression("change ~ d:east + d:west + west + level + relief", frame)
    assert found["level"].tolist() == ["east", "west"]
    assert found["estimate"].to_numpy() == pytest.approx(
        fit.params[["d:east", "d:west"]].to_numpy(), rel=EXACT
    )
    assert found["se"].to_numpy() == pytest.approx(
        fit.bse[["d:east", "d:west"]].to_numpy(), rel=EXACT
    )
    test = fit.f_test("d:east = d:west")
    assert found["equality_statistic"].iloc[0] == pytest.approx(float(test.fvalue), rel=EXACT)
    assert found["equality_p_value"].iloc[0] == pytest.approx(float(test.pvalue), rel=1e-6)
    assert found["n_treated"].tolist() == frame.groupby("region")["d"].sum().astype(int).tolist()
    assert (found["n_treated"] + found["n_other"]).sum() == found["n"].iloc[0] == len(frame)


def test_numbers_equal_an_interaction_at_two_quantiles():
    panel = county_panel()
    found = moderated_effects(
        panel, moderators=["schooling"], estimator="least_squares", cluster="province", **OPTIONS
    ).set_index("level")
    frame = differences(panel)
    low, high = frame.loc[frame["designated"], "schooling"].quantile([0.25, 0.75])
    assert found["level_value"].to_numpy() == pytest.approx([low, high])
    for level, at in (("p25", low), ("p75", high)):
        shifted = frame.assign(m=frame["schooling"] - at)
        fit = regression("change ~ d + d:m + m + level + relief", shifted)
        assert found.loc[level, "estimate"] == pytest.approx(fit.params["d"], rel=EXACT)
        assert found.loc[level, "se"] == pytest.approx(fit.bse["d"], rel=EXACT)
        assert found.loc[level, "equality_p_value"] == pytest.approx(fit.pvalues["d:m"], rel=1e-6)


def test_a_moderator_among_the_controls_enters_once():
    found = moderated_effects(county_panel(), moderators=["relief"], **OPTIONS)
    assert found["estimate"].notna().all()
    assert found["equality_df"].eq(1).all()


def test_differing_effects_are_found():
    panel = county_panel(effect=0.0, counties=48)
    gain = 3.0 * (panel["designated"] & (panel["region"] == "west") & (panel["year"] == 2020))
    panel["tap_water"] += gain
    found = moderated_effects(panel, moderators=["region", "area_changed"], **OPTIONS)
    regions = found[found["moderator"] == "region"].set_index("level")["estimate"]
    assert regions[["east", "west"]].to_numpy() == pytest.approx([0, 3], abs=0.5)
    tests = moderation_tests(found).set_index("moderator")
    assert tests["family_size"].eq(2).all()
    p = tests["equality_p_value"]
    assert p["region"] < 0.005
    assert tests["p_holm"]["region"] == pytest.approx(2 * p["region"])
    assert tests["p_holm"]["area_changed"] == pytest.approx(p["area_changed"])


def test_effects_of_provinces_absorb_the_level_of_a_region():
    panel = county_panel()
    found = moderated_effects(panel, moderators=["region"], **OPTIONS)
    both = [
        ladder(
            panel.assign(rural_2010=panel["rural_2010"] & (panel["region"] == region)),
            outcomes=["tap_water"], baseline_controls=["relief"], rungs=["province"],
            cluster="province",
        )["estimate"].iloc[0]
        for region in ("east", "west")
    ]  # fmt: skip
    # one slope of the controls over both regions: near the separate estimates, not equal to them
    assert found["estimate"].to_numpy() == pytest.approx(both, abs=0.3)


def test_a_level_without_other_counties_is_named():
    panel = county_panel()
    panel["designated"] |= panel["region"] == "west"
    found = moderated_effects(panel, moderators=["region"], **OPTIONS)
    assert found["level"].tolist() == ["east"]
    assert "west: not estimated" in found["note"].iloc[0]
    assert np.isnan(found["equality_p_value"].iloc[0])
    rare = county_panel().assign(rare=lambda f: f["code"] < "000012")
    note = moderated_effects(rare, moderators=["rare"], **OPTIONS)["note"].iloc[0]
    assert note.startswith("true: only ")


def test_the_table_is_tidy_and_the_panel_is_left_alone():
    panel = county_panel()
    panel.loc[panel["code"] == "000001", "schooling"] = np.nan
    before = panel.copy(deep=True)
    found = moderated_effects(
        panel, outcomes=["tap_water", "toilet"], moderators=["schooling", "area_changed"],
        baseline_controls=["relief"], cluster="prefecture",
    )  # fmt: skip
    assert tuple(found.columns) == COLUMNS
    sizes = found.groupby("moderator")["n"].first()
    assert sizes["schooling"] == sizes["area_changed"] - 1
    pd.testing.assert_frame_equal(panel, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"moderators": []}, "no moderator is given"),
        ({"moderators": ["height"]}, "column 'height' is missing"),
        ({"moderators": ["flat"]}, "'flat' has one value"),
        (
            {"moderators": ["region"], "estimator": "regression_adjustment"},
            "regression adjustment has no interactions",
        ),
        ({"moderators": ["provincial"]}, "tap_water by provincial: the moderator does not vary"),
        ({"moderators": ["region"], "outcomes": ["bath"]}, "column 'bath' is missing"),
    ],
)
def test_bad_input_is_named(options, message):
    panel = county_panel().assign(
        flat=1.0, provincial=lambda f: f["province"].str[1:].astype(float)
    )
    with pytest.raises(ValueError, match=message):
        moderated_effects(panel, **(OPTIONS | options))


def test_deep_poverty_areas_are_found_by_name():
    places = pd.DataFrame(
        [
            ("西藏自治区", "拉萨市", "城关区", True),
            ("青海省", "西宁市", "大通回族土族自治县", False),
            ("青海省", "玉树藏族自治州", "玉树市", True),
            ("四川省", "凉山彝族自治州", "木里藏族自治县", True),
            ("甘肃省", "武威市", "天祝藏族自治县", True),
            ("甘肃省", "武威市", "古浪县", False),
            ("新疆维吾尔自治区", "阿克苏地区", "乌什县", True),
            ("新疆维吾尔自治区", "阿勒泰地区", "吉木乃县", False),
            ("海南省", "三亚市", "吉阳区", False),
            ("重庆市", None, "城口县", False),
        ],
        columns=["province", "prefecture", "name", "inside"],
    )
    found = deep_poverty_area(places)
    assert found.tolist() == places["inside"].tolist()
    assert found.dtype == bool
    assert sum(map(len, DEEP_POVERTY_PREFECTURES.values())) == 17
