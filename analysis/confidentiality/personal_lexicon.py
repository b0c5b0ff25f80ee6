"""Text as the detectors of personal data see it, and the words that keep them from guessing.

Digits and letters come full-width, names with blanks or invisible characters inside, surnames in
traditional characters. Detectors look at a folded text of the same length, so that offsets stay.
Chinese has no blanks between words: a name is refused where it would cut an ordinary word in two.
"""

import functools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import yaml

LEXICON = Path(__file__).with_name("personal_names.yml")
HAN = "\u3400-\u9fff\uf900-\ufaff"
INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufe0f"
BLANK = " \t\u00a0\u2000-\u200a\u202f\u205f\u3000"
TRADITIONAL = dict(
    zip(
        "張劉陳楊趙黃吳孫馬許鄧馮韓葉蔣蘇呂魏盧鐘鍾陸譚鄒羅賀賴龔龍嚴錢湯萬鄭謝閻顧韋賈蕭畢齊關莊倪聶喬龐欒閆車單歐陽諸馬書記師醫長會計經理"
        "隊鎮鄉縣區號組棟樓電話機證銀戶門國榮華東衛強偉麗蘭鳳雲紅媽爺嬸總務員團闆婦兒個邊裡開",
        "张刘陈杨赵黄吴孙马许邓冯韩叶蒋苏吕魏卢钟钟陆谭邹罗贺赖龚龙严钱汤万郑谢阎顾韦贾萧毕齐关庄倪聂乔庞栾闫车单欧阳诸马书记师医长会计经理"
        "队镇乡县区号组栋楼电话机证银户门国荣华东卫强伟丽兰凤云红妈爷婶总务员团板妇儿个边里开",
        strict=True,
    )
)
LONGEST_WORD = 6
_GAP = re.compile(f"[{INVISIBLE}]+|(?<=[{HAN}])[{BLANK}]{{1,3}}(?=[{HAN}])")


class _Fold(dict[int, str]):
    """Translation of one character to one character, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = unicodedata.normalize("NFKC", character)
        digit = unicodedata.decimal(character, None)
        folded = str(digit) if digit is not None else plain if len(plain) == 1 else character
        self[code] = TRADITIONAL.get(folded, folded)
        return self[code]


_FOLD = _Fold({ord(c): "'" for c in "’‘＇ʼ"} | {ord(c): "-" for c in "‐‑‒–−－"})


def fold(text: str) -> str:
    """Return a text of the same length with narrow digits, letters and signs.

    Surnames and titles in traditional characters become simplified ones.
    """
    return text.translate(_FOLD)


@dataclass(frozen=True)
class Squeezed:
    """A text without invisible characters and without blanks between Chinese characters.

    Attributes
    ----------
    text : str
    offsets : tuple of int
        Where each character of `text` stands in the text it came from.
    """

    text: str
    offsets: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the text it came from."""
        return self.offsets[start], self.offsets[end - 1] + 1


def squeeze(folded: str) -> Squeezed | None:
    """Return the text without gaps inside words, or None where it has none."""
    gaps = [match.span() for match in _GAP.finditer(folded)]
    if not gaps:
        return None
    kept: list[int] = []
    last = 0
    for start, end in gaps:
        kept += range(last, start)
        last = end
    kept += range(last, len(folded))
    return Squeezed("".join(folded[k] for k in kept), tuple(kept))


@functools.cache
def _lists() -> dict[str, frozenset[str]]:
    content: dict[str, str] = yaml.safe_load(LEXICON.read_text(encoding="utf-8"))
    return {name: frozenset(text.split()) for name, text in content.items()}


def words(name: str) -> frozenset[str]:
    """Return a list of words of the lexicon by its name."""
    return _lists()[name]


def alternatives(found: frozenset[str]) -> str:
    """Return a pattern that matches any of the words, longer ones first."""
    return "|".join(re.escape(w) for w in sorted(found, key=lambda w: (-len(w), w)))


def characters(found: frozenset[str]) -> str:
    """Return the inside of a character class for words of one character."""
    return "".join(sorted(w for w in found if len(w) == 1))


def cuts_word(text: str, position: int) -> bool:
    """Return whether an ordinary Chinese word lies on both sides of a position."""
    known = words("words")
    for before in range(1, min(LONGEST_WORD, position + 1)):
        for after in range(1, min(LONGEST_WORD - before, len(text) - position) + 1):
            if text[position - before : position + after] in known:
                return True
    return False


def in_longer_word(text: str, start: int, end: int) -> bool:
    """Return whether an ordinary Chinese word holds a stretch and more: 青藏高原 holds 高原."""
    known = words("words")
    return any(
        text[first:last] in known and last - first > end - start
        for first in range(max(0, end - LONGEST_WORD), start + 1)
        for last in range(end, min(len(text), first + LONGEST_WORD) + 1)
    )


def is_word(text: str) -> bool:
    """Return whether a text is an ordinary Chinese word."""
    return text in words("words")


def is_han(text: str) -> bool:
    """Return whether all characters of a text that is not empty are Chinese."""
    return bool(text) and all("\u3400" <= c <= "\u9fff" or "\uf900" <= c <= "\ufaff" for c in text)
