"""Names that tools give to codes and documents: paths in a tree, and names to compare.

A code is named by the path of names from the root, as in REFI-QDA projects; a document is
recognised in another file by its name without suffix, case, width and blanks.
"""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from analysis.interviews.refi_schema import coding_guid, distinct, is_date, is_date_time, path_of

SUFFIXES = (".docx", ".doc", ".txt", ".rtf", ".odt", ".pdf", ".md", ".html")


def path_names(nodes: Mapping[Any, tuple[str, Hashable]]) -> dict[Any, tuple[str, str]]:
    """Return the path of each node of a tree, names from the root joined by `/`, and its parent's.

    Parameters
    ----------
    nodes : mapping of key to (name, key of the parent)
        A parent that is no node makes a root; so does one that lies below its own child.

    Returns
    -------
    dict of key to (path, path of the parent or empty)
    """
    paths: dict[Any, tuple[str, str]] = {}
    taken: dict[str, int] = {}
    for key in nodes:
        chain = [] if key in paths else [key]
        while chain and (above := nodes[chain[-1]][1]) in nodes:
            if above in paths or above in chain:
                break
            chain.append(above)
        for node in reversed(chain):
            name, above = nodes[node]
            parent = paths[above][0] if above in paths else ""
            paths[node] = distinct(path_of(parent, name), taken), parent
    return paths


def with_coding_ids(codings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return codings with a coding_id made from document, offsets, code and coder."""
    seen: Counter = Counter()
    named = []
    for row in codings:
        place = (row["doc_id"], row["start"], row["end"], row["code_id"], row["coder_id"])
        seen[place] += 1
        named.append({**row, "coding_id": coding_guid(dict(row), seen[place])})
    return named


def folded(name: str) -> str:
    """Return a name of a document or coder for comparison: no suffix, case, width or blanks."""
    plain = unicodedata.normalize("NFKC", name).casefold().replace("\\", "/").rpartition("/")[2]
    suffix = next((s for s in SUFFIXES if plain.endswith(s) and plain != s), "")
    return "".join(plain.removesuffix(suffix).split())


def moment(text: str) -> str:
    """Return a date or date and time in ISO 8601 form, or nothing when a text is neither."""
    iso = text.strip().replace("/", "-").replace(" ", "T", 1)
    return iso if is_date(iso) or is_date_time(iso) else ""
