"""Who speaks: from the style of a paragraph or from the cue that opens it.

Cues are written in many ways: 问：, A1:, 受访者2：, a name with a colon, a time stamp in front.
A few colons prove nothing, and would give the paragraphs between them to the wrong speaker. So cues
count only where two speakers use them throughout, a label that is no role only where repeated.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

INTERVIEWER, INTERVIEWEE = "interviewer", "interviewee"
ROLES = {
    INTERVIEWER: (
        "访谈者", "访谈人", "访谈员", "访问者", "访问员", "采访者", "采访人", "采访员", "调查者",
        "调查员", "主持人", "提问者", "提问", "问", "interviewer", "moderator", "question", "q",
        "i",
    ),
    INTERVIEWEE: (
        "受访者", "受访人", "被访者", "被访人", "被访谈者", "被采访者", "访谈对象", "回答者",
        "回答", "答", "interviewee", "respondent", "participant", "answer", "a", "r",
    ),
}  # fmt: skip
ROLE_OF = {word: role for role, words in ROLES.items() for word in words}
NUMBERED_QUESTIONS = {"q", "a", "question", "answer", "问", "答", "提问", "回答"}
STYLES = (
    (INTERVIEWEE, re.compile("受访|被访|被采访|回答|interviewee|respondent|answer")),
    (INTERVIEWER, re.compile("访谈者|访谈员|访谈人|采访|提问|interviewer|question")),
)
TIME = r"\d{1,2}[:：]\d{2}(?:[:：]\d{2})?"
CUE = re.compile(
    rf"\s*(?:[\[(（【]?{TIME}[\])）】]?\s*)?"
    r"[\[【(（<]?(?P<label>[^\s:：](?:[^:：\t\n]{0,28}?\S)?)[\]】)）>]?"
    rf"(?:\s*[\[(（【]{TIME}[\])）】])?\s*(?:[:：\t]|\s{TIME}\s*$)"
)
NUMBERED_ROLE = re.compile(r"(?P<word>\D+?)\s*(?P<number>\d{1,2}|[一二三四五六七八九十])?")
NOT_A_NAME = re.compile(r"[，。！？,.!?;；、“”\"/]|^\d+$|^https?$", re.IGNORECASE)
NAME_WORDS = 3
REPEATED = 2
SPEAKERS = 2


def speaker_of_style(style: str) -> str:
    """Return the role that the name of a paragraph style names, or nothing."""
    folded = style.casefold()
    return next((role for role, pattern in STYLES if pattern.search(folded)), "")


def cues_of_lines(lines: Sequence[str]) -> list[str]:
    """Return the speaker whose cue opens each line.

    Returns
    -------
    list of str
        `interviewer` or `interviewee`, numbered where the cue is (受访者2), else the repeated label
        itself; empty without a cue, and everywhere when cues are too few to be those of a dialogue.
    """
    labels = [_label(line) for line in lines]
    roles = {label: _role(label) for label in set(labels) if label}
    often = {label for label, n in Counter(labels).items() if n >= REPEATED and _is_name(label)}
    speaker_of = {label: role or label for label, role in roles.items() if role or label in often}
    cues = [speaker_of.get(label, "") for label in labels]
    return cues if _is_dialogue(cues, lines) else [""] * len(lines)


def _is_dialogue(cues: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether two speakers have two cues each, or cues of two open half of the paragraphs."""
    counts = Counter(cue for cue in cues if cue)
    paragraphs = sum(bool(line.strip()) for line in lines)
    dense = 2 * counts.total() >= paragraphs
    return sum(n >= REPEATED or dense for n in counts.values()) >= SPEAKERS


def speakers_of_lines(lines: Sequence[str]) -> list[str]:
    """Return the speaker of each line: that of its cue, else of the line before."""
    speakers, current = [], ""
    for cue in cues_of_lines(lines):
        current = cue or current
        speakers.append(current)
    return speakers


def _label(line: str) -> str:
    match = CUE.match(line)
    return unicodedata.normalize("NFKC", match["label"]).strip() if match else ""


def _role(label: str) -> str:
    match = NUMBERED_ROLE.fullmatch(label.casefold())
    role = ROLE_OF.get(match["word"], "") if match else ""
    if not match or not role or not match["number"] or match["word"] in NUMBERED_QUESTIONS:
        return role
    return f"{role} {match['number']}"


def _is_name(label: str) -> bool:
    return bool(label) and len(label.split()) <= NAME_WORDS and not NOT_A_NAME.search(label)
