"""Policy texts: what is read, what is cut off and left out, and how texts part into segments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.policy.corpus import Corpus, n_hanzi, read_corpus, segments
from analysis.policy.text_files import REPORTS, SHORTEST_REPORT, TEXT_FILES

LONG = "发展生产，改善生活。" * (SHORTEST_REPORT // 10)
HEAD = "\u200b\n\n政府工作报\n告\n\n——2021年3月5日在会上\n\n国务院总理\n\u3000某某\n\n"
FOOT = "\n\n\n本作品是中华人民共和国的\n法律\n、\n法规\n。\n\nPublic domain\nfalse"
BODY = "各位代表：\n\n\u3000\u3000通过了《\n建议\n》，工作扎实。\n\n\n一、回顾\n\n\n" + LONG
RESOLUTION = {"title": "第一届会议关于政府工作报告的决议", "content": "（2020年5月28日通过）批准。"}
MARKDOWN = (
    "# 某法\n\n2006年10月31日 通过\n\n2017年12月27日 修订\n\n<!-- INFO END -->\n\n"
    "## 第一章 总则\n\n第一条 为了发展，制定本法。"
)
SENTENCE_END = "。！？!?；"


def record(year: int, content: str = BODY + FOOT) -> dict[str, Any]:
    return {"title": f"{year}年政府工作报告", "content": content, "year": str(year)}


def write_folder(folder: Path, rows: list[Any]) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    (folder / REPORTS).write_bytes(b"\n".join(lines) + b"\n")
    for name in TEXT_FILES:
        text = MARKDOWN if name.endswith(".md") else "意见\n（2018年1月2日）\n实施战略。\n好！\n\n"
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def corpus_of(text: str) -> Corpus:
    empty = pd.DataFrame()
    return Corpus(pd.DataFrame({"doc_id": ["a"]}), {"a": text}, empty, empty, empty)


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    rows = [record(2021, HEAD + BODY + FOOT), RESOLUTION, record(2019), record(2018, "很短。")]
    return read_corpus(write_folder(tmp_path_factory.mktemp("corpus"), rows))


def test_a_report_holds_its_text_only(invented: Corpus) -> None:
    expected = "各位代表：\n通过了《建议》，工作扎实。\n一、回顾\n" + LONG
    assert invented.texts["report_2021"] == invented.texts["report_2019"] == expected


def test_what_is_cut_off_is_counted(invented: Corpus) -> None:
    cuts = invented.cuts.set_index(["doc_id", "part"])["count"]
    assert cuts["report_2021", "header"] == len(HEAD) - 1  # without the invisible character
    assert cuts["report_2021", "invisible"] == 1
    assert cuts["report_2021", "line_break"] == 2
    assert cuts["report_2021", "footer"] >= len(FOOT) - 3
    assert cuts["law_cooperatives_2017", "heading_mark"] == 1


def test_documents_carry_year_date_and_kind(invented: Corpus) -> None:
    table = invented.documents.set_index("doc_id")
    assert table["year"].is_monotonic_increasing
    latest = table[["kind", "year", "date", "row"]].to_dict("index")["report_2021"]
    assert latest == {"kind": "report", "year": 2021, "date": "2021-03-05", "row": 1}
    assert table.loc["report_2019", "date"] == ""
    assert table.loc["law_cooperatives_2017", "date"] == "2017-12-27"
    assert table.loc["no1_2018", "date"] == "2018-01-02"
    assert invented.texts["no1_2018"] == "实施战略。\n好！"
    assert invented.texts["law_cooperatives_2017"] == "第一章 总则\n第一条 为了发展，制定本法。"
    assert table.loc["law_cooperatives_2017", "n_hanzi"] == 5 + 3 + 4 + 4


def test_what_is_no_report_is_left_out_with_its_reason(invented: Corpus) -> None:
    table = invented.exclusions
    assert table["row"].tolist() == [2, 4]
    assert table["year"].tolist() == [2020, 2018]
    assert table["reason"].str.contains("resolution|shorter").all()
    assert invented.missing_years.to_dict("records") == [{"year": 2020, "resolution": True}]


def test_every_bad_record_is_named_at_once(tmp_path: Path) -> None:
    rows = [
        record(2021), b"{broken", b"\xff\xfe", [1], {"title": "2020年报告", "content": 3},
        record(2021), record(2019) | {"year": "2018"}, {"title": "报告", "content": LONG},
        b"[" * 100_000,
    ]  # fmt: skip
    folder = write_folder(tmp_path, rows)
    (folder / "no1_document_2018.txt").write_text("没有日期\n文本", encoding="utf-8")
    (folder / "cooperatives_law_2017.md").write_bytes("法".encode("gb18030"))
    with pytest.raises(ValueError) as caught:
        read_corpus(folder)
    message = str(caught.value)
    assert "10 violation(s)" in message
    assert [int(n) for n in re.findall(r"jsonl row (\d+)", message)] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert "no1_document_2018.txt" in message and "cooperatives_law_2017.md" in message


def test_missing_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        read_corpus(tmp_path)
    assert all(name in str(caught.value) for name in (REPORTS, *TEXT_FILES))


def test_sentences_end_after_their_marks() -> None:
    text = "标题\n他说：“好！”走吧；（行。）　真的？！ 完"
    found = segments(corpus_of(text))
    assert found["text"].tolist() == [
        "标题",
        "他说：“好！”",
        "走吧；",
        "（行。）",
        "真的？！",
        "完",
    ]
    assert found["paragraph"].tolist() == [1, 2, 2, 2, 2, 2]
    assert segments(corpus_of(text), unit="paragraph")["text"].tolist() == text.split("\n")


@given(st.text(alphabet="中文a1 \n\u3000。！？；”’（）", max_size=60))
def test_segments_hold_every_character_once(text: str) -> None:
    for unit in ("sentence", "paragraph"):
        found = segments(corpus_of(text), unit=unit)
        place = list(zip(found["start"], found["end"], strict=True))
        assert [text[a:b] for a, b in place] == found["text"].tolist()
        edges = [edge for pair in place for edge in pair]
        assert edges == sorted(edges) and all(a < b for a, b in place)
        assert "".join("".join(found["text"]).split()) == "".join(text.split())
        assert found["segment"].tolist() == list(range(1, len(found) + 1))
        if unit == "sentence":
            inner = [re.sub(f"[{SENTENCE_END}]+[”’」』）》]*$", "", t) for t in found["text"]]
            assert not any(mark in t for t in inner for mark in SENTENCE_END)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="unit must be"):
        segments(corpus_of("文"), unit="word")


def test_only_chinese_characters_count() -> None:
    assert n_hanzi("农村A1，、〇。２\n鄉㐀") == 4


def test_the_real_corpus(raw: Callable[[str], Path]) -> None:
    corpus = read_corpus(raw("policy_texts/corpus"))
    kinds = corpus.documents["kind"].value_counts()
    assert kinds.to_dict() == {"report": 52, "law": 2, "regulation": 2, "no1": 1}
    # 20 resolutions, counted by hand in the file; rows 1 and 3 are reports
    assert len(corpus.exclusions) == 20
    assert corpus.exclusions["title"].str.endswith("关于政府工作报告的决议").all()
    assert corpus.exclusions["n_characters"].max() == 1033
    missing = corpus.missing_years
    assert missing.loc[missing["year"] >= 1992, "year"].tolist() == [1996, 2020]
    assert missing.loc[missing["year"] == 2020, "resolution"].tolist() == [True]
    for text in corpus.texts.values():
        assert not re.search(r"Public domain|维基|INFO END|\n\n|\u200b|^#", text)
        assert text[-1] in "。！!；”）"
    for doc_id, text in corpus.texts.items():
        if doc_id.startswith("report_") and doc_id != "report_1964":  # an abridgement
            assert text.startswith("各位代表")
