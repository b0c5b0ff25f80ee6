"""The command line of the interviews: `python -m analysis interviews VERB`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from analysis.project import Project, ProjectError

if TYPE_CHECKING:
    from analysis.interviews.corpus import Corpus

app = typer.Typer(
    no_args_is_help=True,
    help="Bring transcripts and coder files in, review what was masked, take a project out.",
)
console = Console(highlight=False, soft_wrap=True)
RESULTS = ("data/processed", "figures", "notebooks", "build")

FolderArgument = Annotated[Path, typer.Argument(help="A study in data/raw/interviews.")]


@app.command("import")
def import_command(
    path: Annotated[Path, typer.Argument(help="A file of any supported tool, or a folder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the tables.")],
) -> None:
    """Convert transcripts and coder files to tables and say what was not carried over.

    The texts stay as they are, so OUT is as confidential as PATH.
    Example: python -m analysis interviews import project.qdpx --out ~/study
    """
    from analysis.interviews.corpus import write_corpus
    from analysis.interviews.importing import import_interviews

    _refuse_result_folder(out)
    corpus = import_interviews(path)
    write_corpus(corpus, out)
    _print_counts(corpus)
    _print_losses(corpus)
    console.print(
        f"written to {out}; texts are not masked there: keep it where {path.name} is kept"
    )


@app.command("export")
def export_command(
    folder: Annotated[Path, typer.Argument(help="Folder that holds the tables.")],
    file: Annotated[Path, typer.Argument(help="REFI-QDA project to write, .qdpx.")],
) -> None:
    """Write a REFI-QDA project that NVivo, ATLAS.ti, MAXQDA or QualCoder open.

    Example: python -m analysis interviews export data/processed/demo interviews.qdpx
    """
    from analysis.interviews.corpus import read_corpus
    from analysis.interviews.refi_export import write_project

    if file.suffix.lower() != ".qdpx":
        raise ProjectError(f"{file.name}: a REFI-QDA project is a file ending in .qdpx")
    corpus = read_corpus(folder)
    write_project(corpus, file)
    _print_counts(corpus)
    console.print(f"written to {file}")


@app.command("start")
def start_command(folder: FolderArgument) -> None:
    """Write what a study folder lacks: provenance card, list of interviews, consent, names.

    Consent starts at no: nothing passes before a person has filled it in.
    Example: python -m analysis interviews start data/raw/interviews/own
    """
    from analysis.interviews.study import start_study

    for path in start_study(folder):
        console.print(f"  wrote  {path}")
    console.print("fill them in, then: python -m analysis interviews review " + str(folder))


@app.command("review")
def review_command(folder: FolderArgument) -> None:
    """Mask the texts and write them, with the doubtful places, into FOLDER/.review to be read.

    Example: python -m analysis interviews review data/raw/interviews/own
    """
    from analysis.interviews.study import review_study

    study, written = review_study(folder)
    counts = study.masked.report.groupby("kind")["count"].sum()
    for kind, count in counts.items():
        console.print(f"  {count:6,}  {kind} masked")
    console.print(f"  {len(study.masked.queue):6,}  doubtful places, listed in queue.csv")
    if len(study.violations):
        console.print(f"  {len(study.violations):6,}  answers that break the questionnaire's form")
    console.print(
        f"read the texts in {written}, then: python -m analysis interviews approve {folder}"
    )


@app.command("approve")
def approve_command(
    folder: FolderArgument,
    documents: Annotated[list[str] | None, typer.Argument(help="doc_id; all unless given.")] = None,
    reviewer: Annotated[str, typer.Option(help="Who has read the masked texts.")] = ...,  # type: ignore[assignment]
) -> None:
    """Record that the masked texts were read and may pass; a text that changes must be read again.

    Example: python -m analysis interviews approve data/raw/interviews/own D01 D02 --reviewer XW
    """
    from analysis.interviews.study import approve_study

    for doc_id in approve_study(folder, documents or [], reviewer):
        console.print(f"  approved  {doc_id}")


def _refuse_result_folder(out: Path) -> None:
    """Keep unmasked texts out of the folders whose content may be published."""
    root = Project.find().root
    inside = [name for name in RESULTS if out.resolve().is_relative_to(root / name)]
    if inside:
        raise ProjectError(
            f"{out} lies in {inside[0]}, whose content may be published, and the texts are not "
            "masked: choose a folder outside; the pipeline itself writes masked tables there"
        )


def _print_counts(corpus: "Corpus") -> None:
    for name in ("documents", "codes", "coders", "codings", "attributes", "notes", "links"):
        console.print(f"  {len(getattr(corpus, name)):6,}  {name}")


def _print_losses(corpus: "Corpus") -> None:
    if corpus.losses.empty:
        console.print("nothing was left behind")
        return
    console.print("not carried over:")
    for file, rows in corpus.losses.groupby("file"):
        console.print(f"  {escape(str(file))}")
        for row in rows.itertuples():
            console.print(
                f"  {row.count:6,}  {escape(str(row.element))}: {escape(str(row.reason))}"
            )
