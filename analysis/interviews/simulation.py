"""Draw the simulated interviews: who says what, what it truly means, and what coders make of it.

Twenty-four people of four towns are interviewed in Chinese, with English twins; answers paraphrase
codes of the case studies, which is their truth; personal data of nobody are planted. Texts and
offsets end here; `analysis.interviews.simulate` writes them as the files that a study has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analysis.interviews.corpus import CorpusError
from analysis.interviews.fictional_data import LANGUAGES, datum
from analysis.interviews.simulated_coders import simulate_codings, stream
from analysis.interviews.speech import Passage, Speech, actors_named, checked_phrases
from analysis.interviews.truth import KINDS, ROLES, TOWNS, InterviewTruth, code_shares

PER_TOWN = (*ROLES, "farmer")
FIRST_DAY = date(2023, 9, 4)
FILE = {"zh": "transcripts/zh/{}.docx", "en": "transcripts/en/{}_en.txt"}
SUFFIX = {"zh": "", "en": "_en"}
OPENING, DETAIL, ASIDE = 0.5, 0.45, 0.22  # probabilities
BREAK = (0.12, 0.24)  # probability of a filler, of a filler or a silence
SPAN_COLUMNS = ["doc_id", "start", "end", "code_id", "family", "case_code", "lang"]
PLANTED_COLUMNS = ["file", "start", "end", "kind", "form"]


@dataclass(frozen=True)
class Interview:
    """Who is interviewed where and when.

    Attributes
    ----------
    number : int
        From 0, in the order in which coders read.
    participant, doc_id, case, role, date : str
    person : int
        Place of the person in the list of the town.
    """

    number: int
    participant: str
    doc_id: str
    case: str
    role: str
    date: str
    person: int


@dataclass(frozen=True)
class Simulation:
    """All that the files of the study are made from.

    Attributes
    ----------
    phrases : dict
    interviews : list of Interview
    passages : dict of doc_id to list of Passage
    texts : dict of (doc_id, lang) to str
        The text that importing a transcript yields; paragraphs are its lines.
    spans : DataFrame
        The truth: doc_id, start, end, code_id, family (`theme`, `actor`), case_code (the code that
        the answer paraphrases; empty for actors), lang.
    planted : DataFrame
        Personal data: file, start, end, kind, form.
    codings : DataFrame
        Of `interview_coders.simulate_codings`, on the Chinese texts.
    """

    phrases: Mapping[str, Any]
    interviews: Sequence[Interview]
    passages: Mapping[str, Sequence[Passage]]
    texts: Mapping[tuple[str, str], str]
    spans: pd.DataFrame
    planted: pd.DataFrame
    codings: pd.DataFrame


def simulate_interviews(themes: pd.DataFrame, truth: InterviewTruth) -> Simulation:
    """Simulate the interviews and their coders.

    Parameters
    ----------
    themes : DataFrame
        theme, kind, code: data/raw/cases/themes.csv.
    truth : InterviewTruth

    Raises
    ------
    CorpusError
        When a parameter does not fit the themes, or a code comes up more often in an interview
        than there are ways to say it.
    """
    shares = code_shares(themes, truth)
    phrases = checked_phrases(shares["code"])
    theme_of = dict(zip(shares["code"], shares["theme"], strict=True))
    interviews = plan_interviews()
    passages = {i.doc_id: _interview(i, shares, phrases, truth) for i in interviews}
    texts, spans, planted = {}, [], []
    for interview in interviews:
        for lang in LANGUAGES:
            doc_id = interview.doc_id + SUFFIX[lang]
            text, coded, data = _render(passages[interview.doc_id], lang, phrases, theme_of)
            texts[interview.doc_id, lang] = text
            spans += [(doc_id, *row, lang) for row in coded]
            planted += [(FILE[lang].format(interview.doc_id), *row) for row in data]
    spans_table = pd.DataFrame(spans, columns=SPAN_COLUMNS)
    chinese = spans_table[spans_table["lang"] == "zh"]
    lengths = pd.Series({d: len(text) for (d, lang), text in texts.items() if lang == "zh"})
    codings = simulate_codings(chinese, lengths, truth)
    planted_table = pd.DataFrame(planted, columns=PLANTED_COLUMNS)
    return Simulation(phrases, interviews, passages, texts, spans_table, planted_table, codings)


def plan_interviews() -> list[Interview]:
    """Return the interviews: in each town one person of each role and one more farmer."""
    plan: list[Interview] = []
    for case in TOWNS:
        for person, role in enumerate(PER_TOWN):
            number, participant = len(plan), f"{case}{person + 1}"
            day = (FIRST_DAY + timedelta(days=number // 2)).isoformat()
            doc_id = f"{participant}_{role}"
            plan.append(Interview(number, participant, doc_id, case, role, day, person))
    return plan


def draw_counts(share: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each of several things comes up among n draws.

    Systematic sampling (Madow 1949): a thing of share p comes up n p times on average and never
    more than one away from it, so shares are met more closely than by independent draws.
    """
    order = rng.permutation(len(share))
    edges = n * np.cumsum(share[order])
    edges[-1] = n
    steps = np.floor(np.concatenate([[0.0], edges]) + rng.random())
    counts = np.empty(len(share), dtype=int)
    counts[order] = np.diff(steps)
    return counts


def _interview(
    interview: Interview, shares: pd.DataFrame, phrases: Mapping[str, Any], truth: InterviewTruth
) -> list[Passage]:
    """Compose one interview."""
    rng = stream(truth.seed, interview.doc_id)
    answers = _drawn_answers(interview, shares, phrases, truth, rng)
    speech = _speech(interview, phrases, rng)
    speech.say("", phrases["notice"])
    speech.say("interviewer", speech.draw("greeting", phrases["greeting"]["question"]))
    speech.say("interviewee", phrases["greeting"]["answer"][interview.role])
    for pace, (kind, group) in enumerate(zip(KINDS, phrases["personal"], strict=True), start=1):
        _topic(speech, kind, answers[kind], interview.role, truth)
        _personal(speech, group, interview.number * pace)
    speech.say("interviewer", phrases["closing"]["question"])
    speech.say("interviewee", speech.draw("closing", phrases["closing"]["answer"]))
    return speech.passages


def _speech(interview: Interview, phrases: Mapping[str, Any], rng: np.random.Generator) -> Speech:
    town = phrases["towns"][interview.case]
    named = {"zh": town["zh"], "en": town["en"]}
    fixed = {
        "self": datum("person", "cue", phrases["people"][interview.case][interview.person]),
        "town": datum("", "", named),
        "organization": datum("organization", "listed", town["organization"]),
    }
    return Speech(
        phrases, fixed,
        villages=[datum("village", "plain", v) for v in town["villages"]],
        persons=[datum("person", "title", p) for p in phrases["third_persons"]],
        named=[datum("person", "listed", p) for p in phrases["named_persons"]],
        rng=rng,
    )  # fmt: skip


def _drawn_answers(
    interview: Interview, shares: pd.DataFrame, phrases: Mapping[str, Any],
    truth: InterviewTruth, rng: np.random.Generator,
) -> dict[str, list[tuple[str, Any]]]:  # fmt: skip
    """Return by kind the (code, phrase) of the answers, in random order."""
    own = shares[(shares["case"] == interview.case) & (shares["role"] == interview.role)]
    fewest, most = truth.coded_answers
    n = int(rng.integers(fewest, most + 1))
    answers: dict[str, list[tuple[str, Any]]] = {kind: [] for kind in KINDS}
    counts = draw_counts(own["share"].to_numpy(), n, rng)
    for code, theme, count in zip(own["code"], own["theme"], counts, strict=True):
        ways = phrases["answers"][code]
        if count > len(ways):
            raise CorpusError(
                f"{interview.doc_id}: {code} comes up {count} times and there are {len(ways)} ways "
                "to say it: lower role_weights or coded_answers, or add phrases"
            )
        kind = theme.partition(".")[0]
        answers[kind] += [(code, ways[i]) for i in rng.permutation(len(ways))[:count]]
    return {kind: [rows[i] for i in rng.permutation(len(rows))] for kind, rows in answers.items()}


def _topic(
    speech: Speech, kind: str, answers: list[tuple[str, Any]], role: str, truth: InterviewTruth
) -> None:
    """Say the questions and answers of one kind, with what comes between them."""
    waiting = list(answers)
    questions = speech.phrases["questions"][kind]
    while waiting:
        question = speech.draw(kind, questions, first=True)
        speech.say("interviewer", question or speech.draw_again("again", questions[1:]))
        _answer(speech, kind, *waiting.pop(0), role=role, first=True)
        if waiting and speech.rng.random() < truth.second_answer:
            _answer(speech, kind, *waiting.pop(0), role=role, first=False)
        _aside(speech)


def _answer(speech: Speech, kind: str, code: str, phrase: Any, *, role: str, first: bool) -> None:
    parts = [phrase]
    if first and speech.rng.random() < OPENING:
        parts.insert(0, speech.draw("opening", speech.phrases["openings"][role]))
    if speech.rng.random() < DETAIL:
        parts.append(speech.draw(f"detail {kind}", speech.phrases["details"][kind]))
    speech.say("interviewee", *(part for part in parts if part), code=code)


def _aside(speech: Speech) -> None:
    """Add what has no code: a contradiction, something off topic, a filler, a silence."""
    phrases, chance = speech.phrases, speech.rng.random()
    if speech.rng.random() < ASIDE:
        among = "contradictions" if speech.rng.random() < 0.5 else "off_topic"
        said = speech.draw(among, phrases[among])
        if said:
            speech.say("interviewee", said)
    if chance < BREAK[0]:
        speech.say("interviewer", speech.draw_again("filler", phrases["fillers"]["question"]))
        speech.say("interviewee", speech.draw_again("filling", phrases["fillers"]["answer"]))
    elif chance < BREAK[1]:
        speech.say("interviewer", speech.draw_again("probe", phrases["probes"]))
        speech.say("interviewee", speech.draw_again("silence", phrases["silences"]))


def _personal(speech: Speech, group: str, number: int) -> None:
    """Let one piece of personal data come up; all of a group come up in turn."""
    found = speech.phrases["personal"][group]
    speech.say("interviewer", speech.draw(f"ask {group}", found["questions"]))
    speech.say("interviewee", found["answers"][number % len(found["answers"])])


def _render(
    passages: Sequence[Passage], lang: str, phrases: Mapping[str, Any], theme_of: Mapping[str, str]
) -> tuple[str, list[tuple], list[tuple]]:
    """Return the text, the true codings (start, end, code, family, case code) and the data."""
    lines, spans, planted, start, last = [], [], [], 0, ""
    for passage in passages:
        line, data = passage.render(lang)
        cue = ""
        if lang == "en" and passage.speaker and passage.speaker != last:
            cue = f"{phrases['cues'][lang][passage.speaker]}: "
        first, end = start + len(cue), start + len(cue) + len(line)
        planted += [(first + a, first + b, kind, form) for a, b, kind, form in data]
        if passage.code:
            spans.append((first, end, theme_of[passage.code], "theme", passage.code))
            actors = actors_named(line, phrases["actors"], lang)
            spans += [(first, end, actor, "actor", "") for actor in actors]
        lines.append(cue + line)
        start, last = end + 1, passage.speaker
    return "\n".join(lines), spans, planted
