"""What is said in the simulated interviews, in Chinese and in the English twin at once.

A passage is a chain of phrases with personal data in their slots, each phrase in both languages, so
that the twins say the same; rendering one language yields the text and where the data lie in it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from analysis.interviews.fictional_data import LANGUAGES, Datum, datum, fictional_number
from analysis.project import bullet_list

Twins = Mapping[str, str]
PHRASES = Path(__file__).with_name("phrases.yml")
SLOT = re.compile(r"\{(\w+)\}")
SPACE = {"zh": "", "en": " "}
SECRETARY = {"zh": ("{}支书", "{}党支部书记"), "en": ("Party secretary of {}",) * 2}


@dataclass(frozen=True)
class Passage:
    """One paragraph of an interview.

    Attributes
    ----------
    speaker : str
        `interviewer`, `interviewee`, or empty for the notice above the interview.
    phrases : tuple of (phrase, data by slot)
        Said one after the other.
    code : str
        The code of a case study that it paraphrases; empty for all that is not an answer.
    """

    speaker: str
    phrases: tuple[tuple[Twins, Mapping[str, Datum]], ...]
    code: str = ""

    def render(self, lang: str) -> tuple[str, list[tuple[int, int, str, str]]]:
        """Return the text and its personal data as (start, end, kind, form)."""
        text, planted = "", []
        for phrase, data in self.phrases:
            text += SPACE[lang] if text else ""
            for literal, slot in _pieces(phrase[lang]):
                text += literal
                if slot:
                    filling = data[slot]
                    start, text = len(text), text + filling.texts[lang]
                    if filling.kind:
                        planted.append((start, len(text), filling.kind, filling.forms[lang]))
        return text, planted


def _pieces(phrase: str) -> Iterator[tuple[str, str]]:
    """Yield (text, name of the slot that follows it or nothing)."""
    parts = SLOT.split(phrase)
    yield from zip(parts[::2], [*parts[1::2], ""], strict=True)


def load_phrases(path: Path = PHRASES) -> dict[str, Any]:
    """Read the phrases of the simulated interviews."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def phrase_problems(phrases: Mapping[str, Any], codes: pd.Series) -> list[str]:
    """List what phrases lack to make interviews of the codes of the case studies.

    Parameters
    ----------
    codes : Series
        Codes that answers may paraphrase.

    Returns
    -------
    list of str
        Codes without an answer, answers without a code, and phrases whose twins have different
        slots or, in answers, name different actors.
    """
    answers = phrases["answers"]
    problems = [f"{code}: no answer paraphrases it" for code in sorted(set(codes) - set(answers))]
    problems += [f"{code}: is no code of a study" for code in sorted(set(answers) - set(codes))]
    for place, twins in _all_twins(phrases):
        slots = [sorted(SLOT.findall(twins[lang])) for lang in LANGUAGES]
        if slots[0] != slots[1]:
            problems.append(f"{place}: slots {slots[0]} in Chinese, {slots[1]} in English")
        named = [actors_named(twins[lang], phrases["actors"], lang) for lang in LANGUAGES]
        if place.split("/")[0] in ("answers", "openings", "details") and named[0] != named[1]:
            problems.append(f"{place}: names {named[0]} in Chinese, {named[1]} in English")
    return problems


def _all_twins(node: Any, place: str = "") -> Iterator[tuple[str, Twins]]:
    if isinstance(node, dict) and set(LANGUAGES) <= set(node):
        if isinstance(node["zh"], str) and not place.startswith("actors"):
            yield place, node
        return
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from _all_twins(value, f"{place}/{key}".lstrip("/"))


def actors_named(text: str, actors: Mapping[str, Twins], lang: str) -> list[str]:
    """Return the codes of the actors whose words occur in a text, in alphabetical order."""
    return sorted(a for a, words in actors.items() if re.search(words[lang], text, re.IGNORECASE))


@dataclass
class Speech:
    """The passages of one interview under construction; no phrase is said twice by one person.

    Attributes
    ----------
    phrases : dict
        Of `load_phrases`.
    fixed : mapping of str to Datum
        Data that are the same throughout the interview: `self`, `town`, `organization`.
    villages, persons, named : sequence of Datum
        Of which one is drawn for the slots `village`, `person`, `named_person`.
    rng : Generator
    """

    phrases: Mapping[str, Any]
    fixed: Mapping[str, Datum]
    villages: Sequence[Datum]
    persons: Sequence[Datum]
    named: Sequence[Datum]
    rng: np.random.Generator
    passages: list[Passage] = field(default_factory=list)
    _waiting: dict[str, list[Any]] = field(default_factory=dict)

    def say(self, speaker: str, *phrases: Twins, code: str = "") -> None:
        """Add a passage, its slots filled."""
        said = tuple((phrase, self._fillings(phrase)) for phrase in phrases)
        self.passages.append(Passage(speaker, said, code))

    def draw(self, key: str, among: Sequence[Any], *, first: bool = False) -> Any:
        """Return the next of a list in random order, None when all were drawn.

        Parameters
        ----------
        key : str
            Name under which the order is remembered.
        first : bool
            Whether the first of the list comes first.
        """
        if key not in self._waiting:
            order = self.rng.permutation(len(among) - first) + first
            self._waiting[key] = [among[i] for i in ([0] * first + list(order))]
        return self._waiting[key].pop(0) if self._waiting[key] else None

    def draw_again(self, key: str, among: Sequence[Any]) -> Any:
        """Return the next of a list in random order, which begins anew when all were drawn."""
        found = self.draw(key, among)
        if found is None:
            del self._waiting[key]
            found = self.draw(key, among)
        return found

    def _fillings(self, phrase: Twins) -> dict[str, Datum]:
        return {slot: self._filling(slot, phrase) for slot in SLOT.findall(phrase["zh"])}

    def _filling(self, slot: str, phrase: Twins) -> Datum:
        if slot in self.fixed:
            return self.fixed[slot]
        if slot == "village":
            return self._village()
        if slot == "person":
            return self.draw_again("persons", self.persons)
        if slot == "named_person":
            return datum("person", phrase["form"], self.draw_again("named", self.named).texts)
        if slot in ("village_secretary", "address"):
            return self._of_village(slot)
        return fictional_number(phrase["kind"], phrase["form"], self.rng)

    def _village(self) -> Datum:
        return self.villages[int(self.rng.integers(len(self.villages)))]

    def _of_village(self, slot: str) -> Datum:
        village = self._village().texts
        if slot == "village_secretary":
            form = self.rng.integers(2)
            return datum(
                slot, "plain", {k: SECRETARY[k][form].format(village[k]) for k in SECRETARY}
            )
        group, house = self.rng.integers(1, [7, 60])
        numerals = "一二三四五六"
        texts = {
            "zh": f"{village['zh']}{numerals[group - 1]}组{house}号",
            "en": f"No. {house}, Group {group}, {village['en']}",
        }
        return datum(slot, "plain", texts)


def checked_phrases(codes: pd.Series) -> dict[str, Any]:
    """Return the phrases.

    Raises
    ------
    ValueError
        Listing all of `phrase_problems`.
    """
    phrases = load_phrases()
    problems = phrase_problems(phrases, codes)
    if problems:
        raise ValueError(bullet_list(f"{PHRASES.name}:", problems))
    return phrases
