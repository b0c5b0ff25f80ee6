"""Files of policy texts: where the text begins and ends, and which record is none.

A record whose title names a resolution (决议), or that is shorter than `SHORTEST_REPORT`, is no
report. A report begins at its salutation (各位代表, if within `HEADER_WITHIN` code points) and ends
before the note on its licence; its paragraphs part at blank lines, and single line breaks within
them, traces of links and bold type, go. The other texts begin after title and date; marks of
headings go, their words stay. Invisible and control characters go everywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.interviews.text import plain_text

REPORTS = "government_work_reports.jsonl"
TEXT_FILES: Mapping[str, tuple[str, str]] = {
    "no1_document_2018.txt": ("no1", "no1"),
    "cooperatives_law_2017.md": ("law_cooperatives", "law"),
    "henan_poverty_alleviation_regulation_2017.md": ("regulation_henan", "regulation"),
    "rural_revitalization_promotion_law_2021.md": ("law_revitalization", "law"),
    "guangdong_revitalization_regulation_2022.md": ("regulation_guangdong", "regulation"),
}
SHORTEST_REPORT = 2000
"""Code points; the longest resolution has half as many, the shortest report more than twice."""
HEADER_WITHIN = 300

INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")
REPORT_YEAR = re.compile(r"^((?:19|20)\d\d)年")
DATE = re.compile(r"((?:19|20)\d\d)年(\d{1,2})月(\d{1,2})日")
SALUTATION = "各位代表"
REPORT_FOOTER = re.compile(r"^[\s]*(?:字库未存字注释|本作品是中华人民共和国的)", re.MULTILINE)
HEADER_END = "<!-- INFO END -->"
HEADING_MARK = re.compile(r"^#+[ \t]*", re.MULTILINE)


@dataclass(frozen=True)
class PolicyText:
    """One text with what its file says about it.

    Attributes
    ----------
    doc_id, kind : str
    year : int
    date : str
        ISO, of delivery or of the last passage; empty where the file gives none.
    title, file : str
    row : int
        Line of the file.
    body : str
        One paragraph per line.
    cuts : mapping of str to int
        What was cut off, by part.
    """

    doc_id: str
    kind: str
    year: int
    date: str
    title: str
    file: str
    row: int
    body: str
    cuts: Mapping[str, int]


def read_reports(path: Path, faults: list[str]) -> tuple[list[PolicyText], list[dict[str, Any]]]:
    """Read the Government Work Reports, one JSON object (title, content, year) per line.

    Parameters
    ----------
    path : Path
    faults : list of str
        Receives what is wrong, with row; such a record is left out.

    Returns
    -------
    texts : list of PolicyText
    excluded : list of dict
        Records that are no report: file, row, title, year, n_characters, reason.
    """
    texts: dict[int, PolicyText] = {}
    excluded = []
    for row, title, content, given in _records(path, faults):
        reason = _no_report(title, content)
        found = REPORT_YEAR.search(title) or (DATE.search(content) if reason else None)
        year = int(found[1]) if found else None
        if reason:
            excluded.append(
                {"file": path.name, "row": row, "title": title, "year": year,
                 "n_characters": len(content), "reason": reason}
            )  # fmt: skip
        elif year is None:
            faults.append(f"{path.name} row {row}: title {title!r} begins with no year: add it")
        elif given is not None and str(given) != str(year):
            faults.append(
                f"{path.name} row {row}: year is {given!r}, the title says {year}: correct one"
            )
        elif year in texts:
            faults.append(
                f"{path.name} row {row}: a report of {year} stands in row {texts[year].row} too: "
                "remove one"
            )
        else:
            texts[year] = _report(year, title, content, path.name, row)
    return list(texts.values()), excluded


def _records(path: Path, faults: list[str]) -> Iterator[tuple[int, str, str, Any]]:
    """Yield row, title, content and year of each line; note what is no record."""
    for row, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            faults.append(f"{path.name} row {row}: no JSON in UTF-8 ({error}): restore the file")
            continue
        if not isinstance(record, dict):
            faults.append(f"{path.name} row {row}: no JSON object: restore the file")
            continue
        wrong = [key for key in ("title", "content") if not isinstance(record.get(key), str)]
        if wrong:
            faults.append(f"{path.name} row {row}: {' and '.join(wrong)} must be text: supply it")
            continue
        yield row, record["title"].strip(), record["content"], record.get("year")


def _no_report(title: str, content: str) -> str:
    if "决议" in title:
        return "resolution of the congress on the report, not the report"
    if len(content) < SHORTEST_REPORT:
        return f"shorter than {SHORTEST_REPORT} characters: no full report"
    return ""


def _report(year: int, title: str, content: str, file: str, row: int) -> PolicyText:
    text, cuts = _visible(content)
    start = max(text.find(SALUTATION, 0, HEADER_WITHIN), 0)
    footer = REPORT_FOOTER.search(text, start)
    end = footer.start() if footer else len(text)
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text[start:end])]
    cuts |= {
        "header": start,
        "footer": len(text) - end,
        "line_break": sum(block.count("\n") for block in blocks),
    }
    paragraphs = ["".join(line.strip() for line in block.split("\n")) for block in blocks]
    return PolicyText(
        f"report_{year}", "report", year, _date(text[:start]), title, file, row,
        "\n".join(filter(None, paragraphs)), cuts,
    )  # fmt: skip


def read_single_text(path: Path, stem: str, kind: str, faults: list[str]) -> list[PolicyText]:
    """Read a file that is one text; return it in a list, an empty one if a fault was noted."""
    try:
        text, cuts = _visible(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        faults.append(f"{path.name}: byte {error.start} is not UTF-8: restore the file")
        return []
    title = HEADING_MARK.sub("", text.lstrip().split("\n", 1)[0]).strip()
    if path.suffix == ".md":
        head, mark, body = text.partition(HEADER_END)
        start = len(head) + len(mark)
    else:
        found = DATE.search(text, 0, HEADER_WITHIN)
        mark = found[0] if found else ""
        start = text.find("\n", found.end()) if found else 0
        head, body = text[:start], text[start:]
    date = _date(head)
    if not (mark and date):
        faults.append(f"{path.name}: no date in the head before the text: restore the file")
        return []
    cuts |= {"header": start, "heading_mark": len(HEADING_MARK.findall(body))}
    lines = [line.strip() for line in HEADING_MARK.sub("", body).split("\n")]
    year = int(date[:4])
    body = "\n".join(filter(None, lines))
    return [PolicyText(f"{stem}_{year}", kind, year, date, title, path.name, 1, body, cuts)]


def _visible(raw: str) -> tuple[str, dict[str, int]]:
    """Return a text with one form of line end and without invisible characters."""
    plain = plain_text(raw)
    text, gone = INVISIBLE.subn("", plain.text)
    return text, {"invisible": gone + sum(plain.dropped.values())}


def _date(head: str) -> str:
    """Return the last date in a head as ISO text; a law names its passage, then its revision."""
    found = DATE.findall(head)
    return "{}-{:02d}-{:02d}".format(*map(int, found[-1])) if found else ""
