"""Replace personal data in a text by marks, and know where everything else went.

A mark says what stood there and who it was without saying it: 〔人名-a3f2c1〕 in Chinese,
[name-a3f2c1] in English, the same for the same original under the same key. `MaskedText.move` takes
any range of the original to the range of the masked text that covers the same content.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from analysis.confidentiality.personal_data import occurrences, rule_findings
from analysis.confidentiality.personal_finding import Finding, merge
from analysis.confidentiality.personal_lexicon import HAN, fold
from analysis.confidentiality.personal_names import is_full_name
from analysis.confidentiality.pseudonyms import ConfidentialityError, pseudonym

MARKS = {
    "id_card": ("证件号", "id"),
    "bank_card": ("银行卡", "bank-card"),
    "mobile": ("手机", "mobile"),
    "landline": ("电话", "phone"),
    "email": ("邮箱", "email"),
    "wechat": ("网络账号", "account"),
    "qq": ("QQ号", "qq"),
    "plate": ("车牌", "plate"),
    "gps": ("坐标", "position"),
    "ip": ("网络地址", "network-address"),
    "path": ("路径", "path"),
    "address": ("住址", "address"),
    "birth_date": ("出生日期", "birth-date"),
    "village_secretary": ("村干部", "village-official"),
    "person": ("人名", "name"),
    "village": ("村名", "village"),
    "organization": ("机构", "organisation"),
    "place": ("地名", "place"),
    "number": ("号码", "number"),
}
ROLE_LABEL = re.compile(
    r"(?i)(?:interviewer|interviewee|moderator|participant|respondent|researcher|speaker|question|"
    r"answer|[a-z]|访谈者|受访者|采访者|被访者|访谈员|主持人|记录员|村民|农户|社员|问|答)"
    r"\s*[0-9a-z一二三四五六七八九十甲乙丙丁]{0,3}"
)
KEPT_SUFFIX = re.compile(
    r"\.(?:docx|txt|qdpx|qde|qdc|qda|csv|xlsx|sqlite3|db|md|rtf|pdf|sav|dta|json)"
)
_TITLE_PARTS = re.compile(r"([\s.()（）,，、-]+)")
_CHINESE = re.compile(f"[{HAN}]")


@dataclass(frozen=True)
class MaskedText:
    """A masked text and the way to it from the original.

    Attributes
    ----------
    text : str
    starts, ends : ndarray of int64, one length
        Offsets in the original of what was masked, in order; none overlaps another.
    marks : tuple of str
        What stands in their place.
    findings : tuple of Finding
        All findings at their places in `text`, those that are only shown included.
    """

    text: str
    starts: np.ndarray
    ends: np.ndarray
    marks: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def masked_findings(self) -> tuple[Finding, ...]:
        """The findings that became marks, in order."""
        return tuple(f for f in self.findings if f.masked)

    def move(self, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ranges of the original as ranges of the masked text.

        A range covers the same content as before; one that begins or ends inside of what was masked
        covers the whole mark. A range without length keeps none, and lies before such a mark.
        """
        first = self._moved(start, later=False)
        return first, np.where(start == end, first, self._moved(end, later=True))

    def _moved(self, offsets: np.ndarray, *, later: bool) -> np.ndarray:
        if not len(self.starts):
            return offsets
        lengths = np.array([len(mark) for mark in self.marks], dtype=np.int64)
        growth = np.concatenate([[0], np.cumsum(lengths - (self.ends - self.starts))])
        passed = np.searchsorted(self.ends, offsets, side="right")
        at = np.minimum(passed, len(self.starts) - 1)
        inside = (self.starts[at] < offsets) & (offsets < self.ends[at])
        edge = self.starts[at] + growth[at] + (lengths[at] if later else 0)
        return np.where(inside, edge, offsets + growth[passed])


class Masker:
    """Masks texts with one key and one set of known names.

    Attributes
    ----------
    key : bytes
    counted : list of str
        The kind of each thing that was masked outside of the text of a document.
    """

    def __init__(
        self,
        key: bytes,
        known: Mapping[str, Finding],
        found: Mapping[str, Sequence[Finding]] | None = None,
    ) -> None:
        self.key = key
        self.counted: list[str] = []
        self._known = known
        self._found = found or {}
        self._originals: dict[tuple[str, str], str] = {}
        self._labels: dict[str, str] = {}

    def mask(self, text: str, lang: str = "") -> MaskedText:
        """Return a text with marks in place of personal data.

        Parameters
        ----------
        text : str
        lang : str
            `zh` or `en` decides the words of the marks; else the text does.

        Raises
        ------
        ConfidentialityError
            When two originals come to share a pseudonym.
        """
        rules = self._found[text] if text in self._found else rule_findings(text)
        found = merge([*rules, *occurrences(text, self._known)])
        chinese = lang == "zh" or (lang != "en" and _CHINESE.search(text) is not None)
        stretches = [f for f in found if f.masked]
        marks = tuple(self._mark(f.kind, f.key, chinese=chinese) for f in stretches)
        parts, last = [], 0
        for finding, mark in zip(stretches, marks, strict=True):
            parts += [text[last : finding.start], mark]
            last = finding.end
        masked = MaskedText("".join([*parts, text[last:]]), *_spans(stretches), marks)
        places = zip(*masked.move(*_spans(found)), strict=True)
        moved = [f.shifted(int(a), int(b)) for f, (a, b) in zip(found, places, strict=True)]
        return MaskedText(masked.text, masked.starts, masked.ends, marks, tuple(moved))

    def label(self, text: str) -> str:
        """Return a short text of a table with its personal data masked and counted."""
        if text not in self._labels:
            masked = self.mask(text)
            self._labels[text] = masked.text
            self.counted += [f.kind for f in masked.findings if f.masked]
        return self._labels[text]

    def title(self, text: str) -> str:
        """Return the name of a document, where a name of a person may stand without any cue."""
        spaced = text.replace("_", " ")
        masked = self.label(spaced)
        parts = [
            self.hidden(part, "person") if is_full_name(fold(part)) else part
            for part in _TITLE_PARTS.split(masked)
        ]
        hidden = "".join(parts)
        return text if hidden == spaced else hidden

    def speaker(self, label: str) -> str:
        """Return a speaker: a role as it is, anything else as the mark of a person."""
        if not label or ROLE_LABEL.fullmatch(label):
            return label
        masked = self.label(label)
        return masked if masked != label else self.hidden(label, "person")

    def hidden(self, text: str, kind: str) -> str:
        """Return the mark that stands for all of a text, whatever it says."""
        self.counted.append(kind)
        chinese = _CHINESE.search(text) is not None
        return self._mark(kind, fold(text).casefold(), chinese=chinese)

    def file(self, path: str) -> str:
        """Return a pseudonym of a file, without its folder and with its usual ending."""
        return f"file-{pseudonym(self.key, 'file', path)}{usual_suffix(path)}" if path else ""

    def _mark(self, kind: str, original: str, *, chinese: bool) -> str:
        short = pseudonym(self.key, kind, original)
        if self._originals.setdefault((kind, short), original) != original:
            raise ConfidentialityError(
                f"two different originals of kind {kind} got the pseudonym {short}: they would "
                "pass for one; use another key"
            )
        zh, en = MARKS[kind]
        return f"〔{zh}-{short}〕" if chinese else f"[{en}-{short}]"


def usual_suffix(path: str) -> str:
    """Return the ending of a file name if it is one of a known format, else nothing."""
    suffix = PurePosixPath(path.replace("\\", "/")).suffix.lower()
    return suffix if KEPT_SUFFIX.fullmatch(suffix) else ""


def _spans(findings: list[Finding]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.array([f.start for f in findings], dtype=np.int64)
    return starts, np.array([f.end for f in findings], dtype=np.int64)
