"""Small invented policy texts, as `analysis.policy.corpus` would split them."""

from __future__ import annotations

import pandas as pd

DOCUMENTS = pd.DataFrame(
    [
        ("report_2016", "report", 2016),
        ("report_2021", "report", 2021),
        ("law_revitalization_2021", "law", 2021),
    ],
    columns=["doc_id", "kind", "year"],
)
SENTENCES = {
    "report_2016": [
        ["各级政府对农民发放补贴并修建道路。", "工业生产稳步增长，出口保持增长。"],
        ["对贫困地区的贷款给予支持和担保。", "农业农村工作。"],
    ],
    "report_2021": [
        ["巩固脱贫攻坚成果同乡村振兴有效衔接。", "支持农产品品牌和农村电商发展。"],
        ["扶贫与乡村振兴要统一安排、同时推进。"],
    ],
    "law_revitalization_2021": [
        ["第一章 总则", "保护乡村生态环境，完善补偿制度。"],
        ["培训人才，并弘扬优秀传统文化。", "违反规定的，依法追究责任。"],
    ],
}


def split(sentences: dict[str, list[list[str]]]) -> pd.DataFrame:
    """Return doc_id, paragraph, segment, start, end, text of sentences by paragraph."""
    rows = []
    for doc_id, paragraphs in sentences.items():
        start, number = 0, 0
        for paragraph, texts in enumerate(paragraphs, start=1):
            for text in texts:
                number += 1
                rows.append((doc_id, paragraph, number, start, start + len(text), text))
                start += len(text)
            start += 1
    return pd.DataFrame(rows, columns=["doc_id", "paragraph", "segment", "start", "end", "text"])


SEGMENTS = split(SENTENCES)
