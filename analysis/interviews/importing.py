"""A study folder, or one file, to a corpus: finds the files, reads each, joins them.

Transcripts come first, then files that hold texts of their own, last the tables of codings, which
are about texts read before. What is not read is a row of `losses`, never passed over in silence.
"""

from collections import Counter
from pathlib import Path

from analysis.interviews.coding_files import DATABASES, TABLES, is_coding_file, read_coding_file
from analysis.interviews.corpus import Corpus, CorpusError, check_corpus, empty_table, table
from analysis.interviews.joining import join, new_attributes, rename_documents, stack
from analysis.interviews.naming import folded
from analysis.interviews.refi import read_codebook, read_project
from analysis.interviews.refi_schema import distinct, is_date
from analysis.interviews.text import loss_rows, loss_table
from analysis.interviews.text_sheets import read_sheet
from analysis.interviews.transcripts import SUFFIXES, read_transcript, read_transcripts, segments_of
from analysis.project import bullet_list

RESERVED = ("source.yml", "interviews.csv", "consent.csv", "coders.csv", "names.csv", "review.csv",
            "study.yml")  # fmt: skip
OTHER_FOLDERS = ("questionnaire", "truth")
CODINGS = "codings"
REFI = (".qdpx", ".qdc", ".qde")
DOCUMENT_COLUMNS = ("case", "role", "date", "lang")
LANGUAGES = ("", "zh", "en")
RULES = {
    "file": "must name a file, each in one row only",
    "doc_id": "must be another in each row; leave it empty to use the name of the file",
    "date": "must be a date as 2024-05-31, or empty",
    "lang": "must be zh, en or empty",
}
SAME_TEXT = "has the text of another transcript: both are kept"


def import_interviews(path: Path) -> Corpus:
    """Return the corpus in a study folder or in one file.

    Parameters
    ----------
    path : Path
        Folder with transcripts (`.docx`, `.txt`) and coding files (`.qdpx`, `.qdc`, QualCoder,
        Taguette, tables) at any depth, and `interviews.csv` (file, doc_id, participant, case, role,
        date, lang; other columns become attributes) and `coders.csv` (name, coder_id) at the top;
        or one of these files.

    Returns
    -------
    Corpus
        Checked. `segments` of every document; `losses` of every file.

    Raises
    ------
    CorpusError
        When there is nothing to read, a file cannot be used, or as `check_corpus`.
    """
    if not path.exists():
        raise CorpusError(f"{path}: is not there")
    is_folder = path.is_dir() and path.suffix.casefold() != ".qda"
    corpus = _read_folder(path) if is_folder else _read_file(path)
    known = set(corpus.segments["doc_id"])
    bare = corpus.documents[~corpus.documents["doc_id"].isin(known)]
    return check_corpus(stack([corpus, Corpus(segments=segments_of(bare))]))


def _read_file(path: Path) -> Corpus:
    suffix = path.suffix.casefold()
    if suffix in SUFFIXES:
        return read_transcript(path)
    if suffix in REFI:
        return _read_refi(path)
    return read_coding_file(path, empty_table("documents"))


def _read_refi(path: Path) -> Corpus:
    return read_codebook(path) if path.suffix.casefold() == ".qdc" else read_project(path)


def _read_folder(folder: Path) -> Corpus:
    files = study_files(folder)
    rows = _interview_rows(folder)
    coders = _coder_names(folder)
    kinds: dict[str, list[Path]] = {kind: [] for kind in ("text", "project", "table", "other")}
    for file in files:
        kinds[_kind(file, folder)].append(file)
    corpus = _read_transcripts(kinds["text"], folder, rows)
    for file in kinds["project"]:
        part = _read_refi(file) if file.suffix.casefold() in REFI else _read_file(file)
        corpus = join(corpus, _with_coders(part, coders), file.name)
    corpus = _apply_interviews(corpus, rows)
    for file in kinds["table"]:
        part = read_coding_file(file, corpus.documents)
        corpus = join(corpus, _with_coders(part, coders), file.name)
    if corpus.documents.empty and corpus.codes.empty:
        raise CorpusError(f"{folder}: holds no transcript (.docx, .txt) and no coding file")
    return stack([corpus, *(_unread(file, folder) for file in kinds["other"])])


def study_files(folder: Path) -> list[Path]:
    """Return the files of a study that may be transcripts or coding files, in order.

    Hidden files, notes to the reader (README), the tables that describe the study and the folders
    `questionnaire` and `truth` are left out; a QualCoder project is its folder.
    """
    found: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name.startswith((".", "~$")) or path.name.casefold().startswith("readme"):
            continue
        if path.is_dir() and path.suffix.casefold() != ".qda":
            enters = path.name not in OTHER_FOLDERS and not path.is_symlink()
            found += study_files(path) if enters else []
        elif path.name not in RESERVED:
            found.append(path)
    return found


def _kind(file: Path, folder: Path) -> str:
    suffix = file.suffix.casefold()
    if suffix in SUFFIXES:
        return "text"
    if suffix in (*REFI, *DATABASES):
        return "project"
    if suffix in TABLES:
        wanted = CODINGS in file.relative_to(folder).parts
        return "table" if wanted or is_coding_file(file) else "other"
    return "other"


def _unread(file: Path, folder: Path) -> Corpus:
    is_table = file.suffix.casefold() in TABLES
    reason = "a table, but of no codings" if is_table else "of a kind that is not read"
    shown = file.relative_to(folder).as_posix()
    return Corpus(losses=loss_table(shown, {("file", reason): 1}))


def _read_transcripts(files: list[Path], folder: Path, rows: list[dict[str, str]]) -> Corpus:
    stems = Counter(file.stem for file in files)
    given = {row["path"]: row["doc_id"] for row in _found(files, folder, rows)}
    taken: dict[str, int] = {}
    named = []
    for file in sorted(files, key=lambda f: f.relative_to(folder).as_posix() not in given):
        shown = file.relative_to(folder)
        own = file.stem if stems[file.stem] == 1 else "_".join(shown.with_suffix("").parts)
        doc_id = distinct(given.get(shown.as_posix()) or own, taken)
        named.append((file, doc_id, shown.as_posix()))
    corpus = read_transcripts(named)
    repeated = corpus.documents.loc[corpus.documents.duplicated("text_sha256"), "source_file"]
    rows = [row for name in repeated for row in loss_rows(name, {("document", SAME_TEXT): 1})]
    return stack([corpus, Corpus(losses=table("losses", rows))])


def _found(files: list[Path], folder: Path, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows of `interviews.csv` that name a transcript, with its `path`."""
    paths = [file.relative_to(folder).as_posix() for file in files]
    found = []
    for row in rows:
        name = row["file"].replace("\\", "/")
        ways = (
            [p for p in paths if p == name],
            [p for p in paths if p.rpartition("/")[2] == name],
            [p for p in paths if folded(p) == folded(name)],
        )
        best = next((way for way in ways if way), [])
        if len(best) == 1:
            found.append(row | {"path": best[0]})
    return found


def _interview_rows(folder: Path) -> list[dict[str, str]]:
    path = folder / "interviews.csv"
    if not path.is_file():
        return []
    rows = _named_rows(path, ("file",))
    problems = []
    ids = Counter(row.get("doc_id", "") for row in rows)
    files = Counter(row["file"] for row in rows)
    for row in rows:
        checks = {
            "file": bool(row["file"]) and files[row["file"]] == 1,
            "doc_id": not row.get("doc_id") or ids[row["doc_id"]] == 1,
            "date": not row.get("date") or is_date(row["date"]),
            "lang": row.get("lang", "") in LANGUAGES,
        }
        problems += [
            f"row {row['row']}, column {c}: {RULES[c]}" for c, ok in checks.items() if not ok
        ]
    if problems:
        raise CorpusError(bullet_list("interviews.csv cannot be used:", problems))
    return rows


def _named_rows(path: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    sheet = read_sheet(path)
    header = [name.strip() for name in sheet.header]
    missing = [c for c in required if c not in header]
    if missing:
        raise CorpusError(f"{path.name}: no column {', '.join(missing)} in its first row")
    return [
        dict(zip(header, map(str.strip, cells), strict=True)) | {"row": str(number)}
        for number, cells in sheet.rows
    ]


def _apply_interviews(corpus: Corpus, rows: list[dict[str, str]]) -> Corpus:
    """Return the corpus with the names and descriptions that `interviews.csv` gives."""
    target = _targets(corpus, rows)
    missing = [f"row {row['row']}, column file: no transcript and no document of a coding file has "
               "this name: mend the name or delete the row"
               for row in rows if row["row"] not in target]  # fmt: skip
    if missing:
        raise CorpusError(bullet_list("interviews.csv cannot be used:", missing))
    described = {target[row["row"]]: row for row in rows}
    names = {d: row.get("doc_id") or d for d, row in described.items()}
    documents = [
        {**document, **{c: v for c, v in described.get(document["doc_id"], {}).items()
                        if c in DOCUMENT_COLUMNS and v}}
        for document in corpus.documents.to_dict("records")
    ]  # fmt: skip
    attributes = table("attributes", [
        {"entity_kind": "document", "entity": d, "name": name, "type": "text", "value": value}
        for d, row in described.items() for name, value in row.items()
        if name and value and name not in (*DOCUMENT_COLUMNS, "row", "file", "doc_id")
    ])  # fmt: skip
    losses: Counter = Counter()
    others = new_attributes(attributes, corpus.attributes, losses)
    tables = {"documents": table("documents", documents), "attributes": others}
    added = Corpus(attributes=attributes, losses=loss_table("interviews.csv", losses))
    return rename_documents(stack([Corpus(**{**vars(corpus), **tables}), added]), names)


def _targets(corpus: Corpus, rows: list[dict[str, str]]) -> dict[str, str]:
    """Return the doc_id that each row of `interviews.csv` describes, by number of the row."""
    names: dict[str, set[str]] = {}
    for document in corpus.documents.itertuples():
        for name in (document.source_file, document.doc_id, document.name):
            for form in (str(name), folded(str(name))):
                names.setdefault(form, set()).add(str(document.doc_id))
    found = {}
    for row in rows:
        ways = (row["file"].replace("\\", "/"), folded(row["file"]), row.get("doc_id", ""))
        best = next((names[way] for way in ways if way and way in names), set())
        if len(best) == 1:
            found[row["row"]] = next(iter(best))
    return found


def _coder_names(folder: Path) -> dict[str, str]:
    path = folder / "coders.csv"
    if not path.is_file():
        return {}
    rows = _named_rows(path, ("name", "coder_id"))
    return {folded(row["name"]): row["coder_id"] for row in rows if row["coder_id"]}


def _with_coders(corpus: Corpus, names: dict[str, str]) -> Corpus:
    """Return a corpus with the coders named as `coders.csv` says."""
    new = {
        str(row.coder_id): names.get(folded(str(row.name)), names.get(folded(str(row.coder_id))))
        or str(row.coder_id)
        for row in corpus.coders.itertuples()
    }
    frames = {
        name: getattr(corpus, name).assign(
            coder_id=getattr(corpus, name)["coder_id"].map(lambda c: new.get(c, c))
        )
        for name in ("coders", "codings", "notes", "links")
    }
    frames["coders"] = frames["coders"].drop_duplicates("coder_id")
    return Corpus(**{**vars(corpus), **frames})
