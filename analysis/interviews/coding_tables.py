"""Codings in a table: one row each, in a csv or xlsx file of any tool or of the coder's own.

A row names document, code and either offsets (Unicode code points, end excluded) or a quote. The
texts are those of transcripts read before; a quote without offsets counts only where it stands
once in its document. Cells are text, also those that hold a formula.
"""

import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.interviews.corpus import Corpus, CorpusError, table
from analysis.interviews.naming import folded, moment, with_coding_ids
from analysis.interviews.quoted_offsets import OUTSIDE, REASONS, Selection, place_selections
from analysis.interviews.refi_offsets import Convention, StoredText
from analysis.interviews.refi_schema import labels_of
from analysis.interviews.text import find_ink, ink, loss_table
from analysis.interviews.text_sheets import Sheet, read_sheet
from analysis.project import bullet_list

HEADERS = {
    "document": (
        "document",
        "doc",
        "doc_id",
        "file",
        "source",
        "transcript",
        "文档",
        "文件",
        "访谈",
    ),
    "start": ("start", "begin", "起", "起点", "开始", "起始"),
    "end": ("end", "止", "终", "终点", "结束"),
    "code": ("code", "code_id", "tag", "theme", "编码", "代码", "主题", "标签", "节点"),
    "coder": ("coder", "coder_id", "user", "编码员", "编码者"),
    "quote": ("quote", "content", "text", "segment", "引文", "原文", "内容"),
    "created": ("created", "date", "创建时间", "日期", "时间"),
    "parent": ("parent", "上级", "父编码"),
    "description": ("description", "definition", "说明", "定义"),
    "number": ("id", "number of highlights", "序号", "编号"),
}
FIELD_OF = {header: field for field, headers in HEADERS.items() for header in headers}
MISSING = "left out: its quote is not in the document"
AMBIGUOUS = "left out: its quote is in the document more than once and it has no offsets"
OF_CODING = ("document", "start", "end", "quote", "coder")
CODEBOOK_FIELDS = ("label_en", "label_zh", "kind", "case", "dimension", "color")


def _fields(sheet: Sheet) -> list[str]:
    """Return what each column is, or empty; the first of several columns of one field counts."""
    found: list[str] = []
    for name in sheet.header:
        plain = unicodedata.normalize("NFKC", name).strip().casefold()
        field = FIELD_OF.get(plain, plain if plain in CODEBOOK_FIELDS else "")
        found.append("" if field in found else field)
    return found


def _records(sheet: Sheet) -> list[dict[str, str]]:
    """Return the rows by field, with `row`, the number of the row in the file."""
    fields = _fields(sheet)
    return [
        {"row": str(number)} | {f: c.strip() for f, c in zip(fields, cells, strict=True) if f}
        for number, cells in sheet.rows
    ]


def is_coding_table(sheet: Sheet) -> bool:
    """Whether a table says which code stands where."""
    fields = set(_fields(sheet))
    return {"document", "code"} <= fields and ("quote" in fields or {"start", "end"} <= fields)


def is_codebook_table(sheet: Sheet) -> bool:
    """Whether a table lists codes and says nothing of where they stand."""
    fields = set(_fields(sheet)) - {"", "number"}
    return "code" in fields and len(fields) > 1 and not fields & set(OF_CODING)


def read_codebook_table(path: Path) -> Corpus:
    """Return the codes of a table with columns code (or tag), parent, description, label_en, ...

    Raises
    ------
    CorpusError
        As `read_sheet`.
    """
    sheet = read_sheet(path)
    rows: dict[str, dict[str, Any]] = {}
    for record in _records(sheet):
        if record["code"] and record["code"] not in rows:
            given = {k: record.get(k, "") for k in (*CODEBOOK_FIELDS, "parent", "description")}
            labels = {} if given["label_en"] or given["label_zh"] else labels_of(record["code"])
            rows[record["code"]] = given | labels | {"code_id": record["code"], "is_codable": True}
    orphans = [row for row in rows.values() if row["parent"] and row["parent"] not in rows]
    for row in orphans:
        row["parent"] = ""
    losses = Counter({("parent of a code", "is no code of the table"): len(orphans)})
    losses["row of a codebook", "has no code, or one of an earlier row"] = len(sheet.rows) - len(
        rows
    )
    return Corpus(codes=table("codes", rows.values()), losses=loss_table(path.name, losses))


def read_coding_table(path: Path, documents: pd.DataFrame) -> Corpus:
    """Return codes, coders and codings of a table.

    Parameters
    ----------
    path : Path
        `.csv` (UTF-8, GB18030) or `.xlsx` with columns document, code and start, end or quote, in
        English or Chinese; coder (else the name of the file) and created.
    documents : DataFrame
        doc_id, name, text, source_file of the transcripts that the table is about.

    Returns
    -------
    Corpus
        `codes` flat, `coders`, `codings`, `losses`; no documents.

    Raises
    ------
    CorpusError
        As `read_sheet`, or listing every row with an offset that is no number or outside its
        document, an end before the start, or a document that is not one of `documents`.
    """
    sheet = read_sheet(path)
    if not is_coding_table(sheet):
        raise CorpusError(
            f"{path.name}: is no table of codings: it needs columns document, code and either "
            f"start and end or quote, and has {len(sheet.header)} others"
        )
    found = _records(sheet)
    records = [record for record in found if record["code"]]
    losses: Counter = Counter(_ignored(sheet))
    losses["row of the table", "has no code"] = len(found) - len(records)
    wanted = _matched(records, documents, path.name)
    rows = _placed(records, wanted, documents, path, losses)
    codings = with_coding_ids(rows)
    codes = sorted({row["code_id"] for row in codings})
    coders = sorted({row["coder_id"] for row in codings})
    return Corpus(
        codes=table("codes", [{"code_id": c, "is_codable": True, **labels_of(c)} for c in codes]),
        coders=table("coders", [{"coder_id": c, "name": c} for c in coders]),
        codings=table("codings", codings),
        losses=loss_table(path.name, losses),
    )


def _ignored(sheet: Sheet) -> dict[tuple[str, str], int]:
    unknown = [
        k for k, field in enumerate(_fields(sheet)) if field in ("", "parent", "description")
    ]
    return {
        (f"column {k + 1} of the table", "is none that a coding has"): sum(
            bool(cells[k].strip()) for _, cells in sheet.rows
        )
        for k in unknown
    }


def _matched(records: list[dict[str, str]], documents: pd.DataFrame, shown: str) -> list[str]:
    """Return the doc_id of each row after checking every row."""
    known: dict[str, set[str]] = {}
    for row in documents.itertuples():
        for name in (row.doc_id, row.name, row.source_file):
            known.setdefault(folded(str(name)), set()).add(str(row.doc_id))
    problems: list[str] = []
    wanted: list[str] = []
    exact = set(documents["doc_id"])
    for record in records:
        name = record["document"]
        found = {name} if name in exact else known.get(folded(name), set())
        wanted.append(next(iter(found)) if len(found) == 1 else "")
        problems += [f"row {record['row']}, {p}" for p in _row_problems(record, len(found))]
    if problems:
        raise CorpusError(bullet_list(f"{shown} cannot be used:", problems))
    return wanted


def _row_problems(record: dict[str, str], documents: int) -> list[str]:
    problems = []
    if documents != 1:
        what = "is the name of no transcript" if not documents else "names several transcripts"
        problems.append(f"column document: {what}: write the name of one file or its doc_id")
    numbers = [record.get(c, "") for c in ("start", "end")]
    if any(numbers) and not all(_is_number(n) for n in numbers):
        problems.append("columns start, end: expected two whole numbers from 0, or none")
    elif all(numbers) and int(numbers[0]) > int(numbers[1]):
        problems.append("columns start, end: the end lies before the start")
    elif not any(numbers) and not record.get("quote"):
        problems.append("columns start, end, quote: all empty: give offsets or a quote")
    return problems


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _placed(
    records: list[dict[str, str]],
    wanted: list[str],
    documents: pd.DataFrame,
    path: Path,
    losses: Counter,
) -> list[dict[str, Any]]:
    texts = dict(zip(documents["doc_id"], documents["text"], strict=True))
    at = [k for k, record in enumerate(records) if record.get("start")]
    selections = [
        Selection(wanted[k], int(records[k]["start"]), int(records[k]["end"]),
                  records[k].get("quote", ""))
        for k in at
    ]  # fmt: skip
    used = {doc_id: StoredText(texts[doc_id]) for doc_id in sorted({wanted[k] for k in at})}
    found = place_selections(used, selections, Convention())
    places = dict(zip(at, found, strict=True))
    outside = [records[k]["row"] for k, place in places.items() if place.status == OUTSIDE]
    if outside:
        raise CorpusError(bullet_list(
            f"{path.name}: offsets outside the document; is the transcript the one that was coded?",
            [f"row {number}, columns start, end" for number in outside],
        ))  # fmt: skip
    visible = {doc_id: ink(texts[doc_id]) for doc_id in set(wanted)}
    rows = []
    for k, (record, doc_id) in enumerate(zip(records, wanted, strict=True)):
        if place := places.get(k):
            losses["coding", REASONS.get(place.status, "")] += place.status in REASONS
            spans = [(place.start, place.end)]
        else:
            spans = find_ink(*visible[doc_id], ink(record["quote"])[0])
        if len(spans) == 1:
            rows.append(_coding(record, doc_id, spans[0], path, losses))
        else:
            losses["coding", MISSING if not spans else AMBIGUOUS] += 1
    return rows


def _coding(
    record: dict[str, str], doc_id: str, span: tuple[int, int], path: Path, losses: Counter
) -> dict[str, Any]:
    created = moment(record.get("created", ""))
    losses["time of a coding", "is no date of the form 2024-05-31"] += not created and bool(
        record.get("created")
    )
    return {
        "doc_id": doc_id, "start": span[0], "end": span[1], "code_id": record["code"],
        "coder_id": record.get("coder") or path.stem, "origin": "human", "created": created,
        "source_file": path.name,
    }  # fmt: skip
