"""A small corpus for tests of themes: four cases, the real coding frame, random codings."""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.interviews.corpus import Corpus, check_corpus, table, text_sha256

CASES = Path(__file__).parents[1] / "data" / "raw" / "cases"
PARAGRAPH = "这一段话共有十个字呀。"  # eleven characters
STEP = len(PARAGRAPH) + 1


def frame() -> pd.DataFrame:
    """The themes of the case studies as a table of codes."""
    themes = pd.read_csv(CASES / "themes.csv", dtype="str").drop_duplicates("theme")
    rows = themes.rename(columns={"theme": "code_id"}).assign(is_codable=True)
    return table("codes", [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")])


def documents(sizes: dict[str, int], paragraphs: int = 4) -> pd.DataFrame:
    """Interviews B1, B2, ... of equal paragraphs, one day after the other within a case."""
    text = "\n".join([PARAGRAPH] * paragraphs)
    rows = [
        {
            "doc_id": f"{case}{k}", "text": text, "lang": "zh", "case": case, "role": f"r{k % 2}",
            "date": f"2024-05-{k:02d}", "text_sha256": text_sha256(text),
        }
        for case, size in sizes.items()
        for k in range(1, size + 1)
    ]  # fmt: skip
    return table("documents", rows)


def segments(docs: pd.DataFrame, per_turn: int = 2) -> pd.DataFrame:
    """One segment per paragraph, `per_turn` of them a turn."""
    rows = [
        {
            "seg_id": f"{doc}:{k:03d}", "doc_id": doc, "start": k * STEP,
            "end": k * STEP + len(PARAGRAPH), "turn": k // per_turn + 1, "text": PARAGRAPH,
        }
        for doc, text in zip(docs["doc_id"], docs["text"], strict=True)
        for k in range(text.count("\n") + 1)
    ]  # fmt: skip
    return table("segments", rows)


def codings(rows: list[tuple[str, int, str]], coder: str = "A", origin: str = "human"):
    """Codings of whole paragraphs: (doc_id, paragraph, code_id)."""
    return table(
        "codings",
        [
            {
                "coding_id": f"{coder}{k:04d}", "doc_id": doc, "start": p * STEP,
                "end": p * STEP + len(PARAGRAPH), "code_id": code, "coder_id": coder,
                "origin": origin,
            }
            for k, (doc, p, code) in enumerate(rows)
        ],
    )  # fmt: skip


def random_corpus(seed: int = 7, sizes: dict[str, int] | None = None) -> Corpus:
    """Six interviews per town; every paragraph has a theme and two actors."""
    rng = np.random.default_rng(seed)
    docs = documents(sizes or dict.fromkeys("BPSW", 6), paragraphs=14)
    codes = frame()
    themes = codes.loc[codes["kind"] != "actor", "code_id"].to_numpy(dtype=object)
    actors = codes.loc[codes["kind"] == "actor", "code_id"].to_numpy(dtype=object)
    weights = rng.dirichlet(np.full(len(themes), 0.8))
    rows: list[tuple[str, int, str]] = []
    for doc in docs["doc_id"]:
        for paragraph in range(14):
            rows.append((doc, paragraph, rng.choice(themes, p=weights)))
            rows += [(doc, paragraph, actor) for actor in rng.choice(actors, 2, replace=False)]
    return check_corpus(
        Corpus(
            documents=docs,
            segments=segments(docs),
            codes=codes,
            coders=table("coders", [{"coder_id": "A", "name": "A"}]),
            codings=codings(rows),
        )
    )
