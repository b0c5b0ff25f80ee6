"""What a detector of personal data reports, and how overlapping reports become one.

The same characters may be read in several ways: the digits of an identity number hold a date, a
village and its secretary hold a village. The reading that says more wins, and takes the whole
stretch that any of them covers, so nothing of it stays behind.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

KINDS = (
    "id_card", "bank_card", "mobile", "email", "wechat", "qq", "plate", "gps", "ip", "landline",
    "path", "address", "birth_date", "village_secretary", "village", "person", "organization",
    "place", "number",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch of text that names or describes a person.

    Attributes
    ----------
    start, end : int
        Code points, the end excluded.
    kind : str
        One of `KINDS`.
    key : str
        What decides the pseudonym: the same for every way to write the same thing.
    certain : bool
        Whether the rule that found it leaves no doubt; else a person should look.
    reason : str
        Why a person should look; empty where certain.
    masked : bool
        Whether it is to be masked; else it is only shown to the person who reviews.
    spreads : bool
        Whether the name should be looked for in the rest of the texts.
    """

    start: int
    end: int
    kind: str
    key: str
    certain: bool = True
    reason: str = ""
    masked: bool = True
    spreads: bool = False

    def shifted(self, start: int, end: int) -> "Finding":
        """Return the finding at other offsets."""
        return replace(self, start=start, end=end)


def doubtful(start: int, end: int, kind: str, key: str, reason: str) -> Finding:
    """Return a finding that is masked and that a person should look at."""
    return Finding(start, end, kind, key, certain=False, reason=reason)


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in order of which none overlaps another, for those that are masked.

    Of several that overlap the first of `KINDS` wins, then the longest, then the certain one; it
    covers all of them. What is only shown is kept where nothing masked covers it.
    """
    found = set(findings)
    masks: list[Finding] = []
    for group in _overlapping(sorted((f for f in found if f.masked), key=_place)):
        best = min(group, key=_rank)
        masks.append(best.shifted(min(f.start for f in group), max(f.end for f in group)))
    shown = [
        f for f in found
        if not f.masked and not any(m.start < f.end and f.start < m.end for m in masks)
    ]  # fmt: skip
    return sorted(masks + shown, key=_place)


def _overlapping(ordered: list[Finding]) -> list[list[Finding]]:
    groups: list[list[Finding]] = []
    end = -1
    for finding in ordered:
        if finding.start >= end:
            groups.append([])
        groups[-1].append(finding)
        end = max(end, finding.end)
    return groups


def _place(finding: Finding) -> tuple[int, int, str, str]:
    return finding.start, finding.end, finding.kind, finding.key


def _rank(finding: Finding) -> tuple[int, int, bool, int, str]:
    length = finding.end - finding.start
    return KINDS.index(finding.kind), -length, not finding.certain, finding.start, finding.key
