"""The questionnaire of the simulated interviews: its form, and answers that break no rule of it.

The form is an XLSForm; the answers lie in files as ODK Central exports them, one row per respondent
and one row per member of a household that points to its respondent.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from analysis.interviews.simulated_coders import stream
from analysis.interviews.simulation import Interview

FORM = Path(__file__).with_name("simulated_questionnaire.yml")
LABELS = {"en": "label::English (en)", "zh": "label::中文 (zh)"}
AGES = {"under_40": (24, 40), "from_40_to_59": (40, 60), "from_60": (60, 79)}
MEMBER_AGES = {"spouse": (-4, 5), "child": (-30, -22), "parent": (22, 30), "grandchild": (-60, -45)}
WORKING_AGE = 16
EXTRA_SOURCES = 0.35  # probability of each further source of income
AWAY = 0.4


def load_questionnaire(path: Path = FORM) -> dict[str, Any]:
    """Read the form of the simulated questionnaire."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def form_sheets(content: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    """Return the sheets of the XLSForm: survey, choices, settings."""
    survey = ["type", "name", "en", "zh", "required", "relevant", "constraint"]
    choices = [
        {"list_name": name, **choice} for name, listed in content["choices"].items()
        for choice in listed
    ]  # fmt: skip
    settings = {
        "form_title": content["title"], "form_id": "simulated", "default_language": "English (en)"
    }  # fmt: skip
    return {
        "survey": _sheet(content["survey"], survey),
        "choices": _sheet(choices, ["list_name", "name", "en", "zh"]),
        "settings": [list(settings), list(settings.values())],
    }


def _sheet(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[list[str]]:
    head = [LABELS.get(column, column) for column in columns]
    return [head, *([row.get(column, "") for column in columns] for row in rows)]


def simulate_answers(
    interviews: Sequence[Interview], content: Mapping[str, Any], *, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the answers and the members of the households.

    Parameters
    ----------
    interviews : sequence of Interview
        One respondent each.
    content : mapping
        Of `load_questionnaire`.
    seed : int

    Returns
    -------
    tuple of DataFrame
        Answers: start, participant, town, role, age_group, years, income-sources (names separated
        by blanks), income-other_source, income-satisfaction, KEY. Members: relation, age, away
        (empty below 16 years), PARENT_KEY, KEY.
    """
    rng = stream(seed, "questionnaire")
    answers, members = [], []
    for interview in interviews:
        key = f"uuid:simulated-{interview.participant}"
        group = list(AGES)[rng.integers(len(AGES))]
        age = int(rng.integers(*AGES[group]))
        answers.append(_answers(interview, content, group, age, rng) | {"KEY": key})
        members += [row | {"PARENT_KEY": key} for row in _members(age, rng)]
    member_table = pd.DataFrame(members)
    number = member_table.groupby("PARENT_KEY").cumcount() + 1
    member_table["KEY"] = member_table["PARENT_KEY"] + "/member[" + number.astype(str) + "]"
    return pd.DataFrame(answers), member_table


def _answers(
    interview: Interview, content: Mapping[str, Any], group: str, age: int,
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    main = {"farmer": "crops", "enterprise": "business", "cooperative_head": "business"}
    first = main.get(interview.role, "wages")
    names = [choice["name"] for choice in content["choices"]["source"]]
    chosen = [n for n in names if n == first or rng.random() < EXTRA_SOURCES]
    others = content["other_sources"]
    local = interview.role in ("farmer", "cooperative_head")
    return {
        "start": f"{interview.date}T{rng.integers(9, 18):02d}:{rng.integers(60):02d}:00.000+08:00",
        "participant": interview.participant,
        "town": interview.case,
        "role": interview.role,
        "age_group": group,
        "years": age - int(rng.integers(0, 8)) if local else int(rng.integers(0, 13)),
        "income-sources": " ".join(chosen),
        "income-other_source": others[rng.integers(len(others))] if "other" in chosen else "",
        "income-satisfaction": int(rng.integers(1, 6)),
    }


def _members(age: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    relations = ["spouse", *["child"] * int(rng.integers(0, 3))]
    relations += ["parent"] * (age < 55 and rng.random() < 0.5)
    relations += ["grandchild"] * (age >= 55 and rng.random() < 0.6)
    ages = [max(1, age + int(rng.integers(*MEMBER_AGES[relation]))) for relation in relations]
    return [
        {"relation": relation, "age": years, "away": _away(years, rng)}
        for relation, years in zip(relations, ages, strict=True)
    ]


def _away(age: int, rng: np.random.Generator) -> str:
    away = rng.random() < AWAY
    return "" if age < WORKING_AGE else "yes" if away else "no"
