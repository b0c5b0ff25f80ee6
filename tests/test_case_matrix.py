"""The four towns side by side: every code once, paths complete, sharing and what it hangs on."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.cases import matrix, sharing, ties
from analysis.cases.studies import read_studies

STUDIES = read_studies(Path(__file__).parents[1] / "data" / "raw" / "cases")
MATRIX = matrix.matrix_codes(STUDIES)


def by(frame, *key):
    """A table by its key."""
    return frame.set_index(list(key) if len(key) > 1 else key[0])


def small_matrix(groups):
    """A matrix of problems: {theme: towns of its codes}."""
    rows = [
        {"theme": theme, "kind": "problem", "theme_label_en": theme, "theme_label_zh": theme,
         "case": town, "code": f"{theme}{k}", "dimension": "industry", "dim_basis": "analyst"}
        for theme, towns in groups.items() for k, town in enumerate(towns)
    ]  # fmt: skip
    return pd.DataFrame(rows)


# --- matrix


def test_every_code_of_the_four_kinds_is_in_the_matrix_once_and_the_framework_is_not():
    assert matrix.towns(STUDIES) == ["B", "S", "W", "P"]
    codes = STUDIES.codes[STUDIES.codes["case"].isin(list("BSWP"))]
    expected = codes.loc[codes["kind"].isin(matrix.KINDS), "id"]
    assert sorted(MATRIX["code"]) == sorted(expected)
    # the abstracts name 4 + 3 + 5 + 4 problems and 4 + 3 + 5 + 0 causes, read by eye
    counts = by(MATRIX.groupby(["kind", "case"]).size().reset_index(name="n"), "kind", "case")["n"]
    assert counts["problem"].to_dict() == {"B": 4, "S": 3, "W": 5, "P": 4}
    assert counts["cause"].to_dict() == {"B": 4, "S": 3, "W": 5}


def test_a_code_without_a_theme_is_kept_last_and_under_no_theme():
    themes = STUDIES.themes[STUDIES.themes["code"] != "B.prob.infra"]
    table = matrix.matrix_codes(replace(STUDIES, themes=themes))
    problems = table[table["kind"] == "problem"]
    assert len(problems) == 16
    assert tuple(problems[["code", "theme"]].iloc[-1]) == ("B.prob.infra", "")


def test_no_town_at_all_is_an_error():
    codes = STUDIES.codes[STUDIES.codes["kind"] != "problem"]
    with pytest.raises(ValueError, match="no case"):
        matrix.towns(replace(STUDIES, codes=codes))


def test_paths_hold_each_code_with_its_weakest_basis_and_all_dimensions():
    paths = matrix.problem_paths(STUDIES)
    for kind in matrix.STAGES:
        own = MATRIX.loc[MATRIX["kind"] == kind, "code"]
        assert set(paths[kind]) - {""} == set(own)
    cohesion = paths.set_index("countermeasure").loc["B.cm.cohesion"]
    assert tuple(cohesion[["problem", "cause"]]) == ("B.prob.coopfrag", "B.cause.collective")
    assert cohesion["basis"] == "analyst"  # the second edge is a reading, the first an order
    assert set(cohesion["actors"].split(";")) == {"B.act.coop", "B.act.member"}
    fragmented = paths.set_index("problem").loc["W.prob.frag"]
    assert (fragmented["basis"], fragmented["dimensions"]) == ("order", "organization")
    motive = paths.set_index("problem").loc["W.prob.motive"]
    assert motive["dimensions"] == "talent|culture"  # in the order of the five


def test_codes_that_no_edge_joins_are_rows_of_their_own():
    paths = matrix.problem_paths(replace(STUDIES, chains=STUDIES.chains.iloc[:1]))
    alone = paths[paths["problem"] == "P.prob.policy"]
    assert alone[["cause", "countermeasure", "basis", "actors"]].to_numpy().tolist() == [[""] * 4]
    assert len(paths) == 16 + 12 + 25 - 1  # one problem and one cause share a row


def test_duties_count_countermeasures_and_say_who_names_nobody():
    duties = by(matrix.who_must_act(STUDIES), "actor", "case")
    assert duties.loc[("actor.branch", "S"), ["countermeasures", "explicit"]].tolist() == [1, 1]
    assert duties.loc[("actor.government", "P"), "countermeasures"] == 12
    assert duties.xs("none_named")["countermeasures"].sum() == 0
    assert not duties.loc[("actor.branch", "B"), "named"]
    assert duties.groupby("case")["of_countermeasures"].first().to_dict() == {
        "B": 5, "P": 12, "S": 3, "W": 5,
    }  # fmt: skip
    open_ = STUDIES.who_must_act[STUDIES.who_must_act["countermeasure"] != "S.cm.third"]
    found = by(matrix.who_must_act(replace(STUDIES, who_must_act=open_)), "actor", "case")
    assert found.loc[("none_named", "S"), "countermeasures"] == 1
    wrong = STUDIES.who_must_act.assign(actor="Z.act.firm")
    with pytest.raises(ValueError, match="Z.act.firm"):
        matrix.who_must_act(replace(STUDIES, who_must_act=wrong))


def test_a_code_of_two_revitalizations_counts_in_both():
    cover = matrix.revitalization_cover(MATRIX)
    training = MATRIX.set_index("code").loc["P.cm.training", "dimension"]
    assert training == "talent|culture"
    row = cover[(cover["case"] == "P") & (cover["kind"] == "countermeasure")]
    row = row.set_index("dimension")
    assert row["of_codes"].unique().tolist() == [12]
    assert row["codes"].sum() == 13
    assert row.loc["culture", "codes"] == 1
    assert (cover["explicit"] <= cover["codes"]).all()


# --- sharing


def test_shared_problems_are_themes_of_two_towns_or_more():
    table = by(sharing.theme_sharing(MATRIX), "theme")
    problems = table[table["kind"] == "problem"]
    # themes.csv: organisation B S W, participation S W, motivation W P, industry B P
    assert problems.loc[problems["standing"] == "shared", "cases"].to_dict() == {
        "problem.organization": "B;S;W", "problem.participation": "S;W",
        "problem.motivation": "W;P", "problem.industry": "B;P",
    }  # fmt: skip
    assert table.loc["countermeasure.government", "n_cases"] == 4


def test_dependence_of_the_shared_problems_on_the_grouping():
    table = by(sharing.grouping_sensitivity(MATRIX), "grouping")
    assert table.loc["themes"].tolist() == [4, 4]
    # taking S out of participation, or either code out of the pairs, leaves 3
    assert table.loc["one_code_apart"].tolist() == [3, 4]
    assert table.loc["two_themes_merged"].tolist() == [3, 5]
    assert table.loc["any_grouping"].tolist() == [0, 8]  # 16 codes, at most 5 of one town


def test_expectation_under_random_dealing_against_simulation():
    """Codes shuffled 2,000 times; the mean must agree within four standard errors."""
    rng = np.random.default_rng(5)
    own = MATRIX[MATRIX["kind"] == "problem"]
    towns, theme = own["case"].to_numpy(), own["theme"].to_numpy()
    draws = [
        pd.Series(rng.permutation(towns)).groupby(theme).nunique().gt(1).sum() for _ in range(2000)
    ]
    table = by(sharing.grouping_sensitivity(MATRIX), "grouping")
    error = np.std(draws) / np.sqrt(len(draws))
    assert table.loc["dealt_at_random", "low"] == pytest.approx(np.mean(draws), abs=4 * error)


def partitions(items):
    """All partitions of a list."""
    if not items:
        yield []
        return
    head, *rest = items
    for part in partitions(rest):
        yield [[head], *part]
        for k in range(len(part)):
            yield [*part[:k], [head, *part[k]], *part[k + 1 :]]


@given(st.lists(st.sampled_from("BSWP"), min_size=1, max_size=7))
def test_bounds_of_any_grouping_are_reached(towns):
    found = [sum(len(set(g)) > 1 for g in part) for part in partitions(list(towns))]
    table = by(sharing.grouping_sensitivity(small_matrix({"a": towns})), "grouping")
    assert table.loc["any_grouping"].tolist() == [min(found), max(found)]


@given(
    st.dictionaries(
        st.sampled_from("abcde"), st.lists(st.sampled_from("BSW"), min_size=1, max_size=4),
        min_size=1,
    )
)  # fmt: skip
def test_ranges_hold_what_was_declared(groups):
    table = by(sharing.grouping_sensitivity(small_matrix(groups)), "grouping")
    shared = sum(len(set(towns)) > 1 for towns in groups.values())
    assert table.loc["themes"].tolist() == [shared, shared]
    assert shared - 1 <= table.loc["one_code_apart", "low"] <= shared
    assert table.loc["any_grouping", "high"] >= table["high"].max() - 1e-9
    merged = [
        sum(len(set(t)) > 1 for name, t in groups.items() if name not in pair)
        + (len(set(groups[pair[0]] + groups[pair[1]])) > 1)
        for pair in combinations(groups, 2)
    ] or [shared]
    assert table.loc["two_themes_merged"].tolist() == [min(merged), max(merged)]


def test_nothing_to_group_is_an_error():
    with pytest.raises(ValueError, match="ecology"):
        sharing.grouping_sensitivity(MATRIX, kind="ecology")


# --- ties


def test_measures_of_a_network_worked_by_hand():
    """a and b cooperate, a leads c, d is named and tied to nobody: 3 of 12 ordered pairs."""
    codes = pd.DataFrame(
        {"id": list("abcd"), "case": "X", "kind": "actor", "label_en": "", "label_zh": ""}
    )
    rows = [("a", "b", "cooperates", "observed"), ("a", "c", "leads", "observed"),
            ("c", "b", "supports", "proposed")]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["source", "target", "relation", "status"])
    toy = replace(STUDIES, codes=codes, ties=frame.assign(case="X", phase="", basis="explicit"))
    table = by(ties.tie_measures(toy), "scope")
    numbers = ["nodes", "tied", "ties", "explicit", "density", "reciprocity"]
    assert table.loc["observed", numbers].tolist() == pytest.approx([4, 3, 3, 3, 3 / 12, 2 / 3])
    assert table.loc["all", numbers].tolist() == pytest.approx([4, 3, 4, 4, 4 / 12, 2 / 4])
    degrees = ties.tie_degrees(toy).set_index(["scope", "node"])["partners"]
    assert degrees["observed"].to_dict() == {"a": 2, "b": 1, "c": 1, "d": 0}
    assert degrees["all"].to_dict() == {"a": 2, "b": 2, "c": 2, "d": 0}


def test_b_town_moves_from_direct_management_to_governing_together():
    changes = ties.tie_changes(STUDIES, "B").set_index(["source", "target", "relation"])["change"]
    assert changes["B.act.towngov", "B.obj.projects", "manages"] == "ended"
    assert changes["B.act.towngov", "B.act.coop", "cooperates"] == "new"
    assert changes["B.obj.projects", "B.act.people", "benefits"] == "kept"
    measures = by(ties.tie_measures(STUDIES), "case", "phase", "scope")
    nodes = {phase: measures.loc[("B", phase, "all"), "nodes"] for phase in ("before", "after")}
    assert nodes == {"before": 6, "after": 6}  # five actors and the projects they govern
    assert measures["density"].between(0, 1).all()
    with pytest.raises(ValueError, match="before and after"):
        ties.tie_changes(STUDIES, "S")


def test_rules_and_definitions_are_expected_and_not_observed():
    """S Town: Art. 10 has branches lead villagers, the text defines the cooperative by founding."""
    own = STUDIES.ties[(STUDIES.ties["case"] == "S") & (STUDIES.ties["source"] == "S.act.branch")]
    status = own.set_index(["target", "relation"])["status"]
    assert status["S.act.villager", "leads"] == status["S.act.coop", "founds"] == "expected"
    assert status["S.act.coop", "leads"] == "observed"
    degrees = by(ties.tie_degrees(STUDIES), "case", "scope", "node")["partners"]
    assert degrees["S", "observed", "S.act.branch"] == 1  # the cooperative


def test_what_is_proposed_is_not_measured_as_observed():
    measures = by(ties.tie_measures(STUDIES), "case", "phase", "scope")
    status = STUDIES.ties[(STUDIES.ties["case"] == "W")]["status"]
    assert "proposed" in set(status)
    assert measures.loc[("W", "", "observed"), "ties"] < measures.loc[("W", "", "all"), "ties"]
