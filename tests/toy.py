"""A small project in a temporary folder, on which the engine is tried."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CARD = """\
title: Things
producer: us
citation: none
licence: MIT
accessed: 2026-01-01
sensitivity: public
use: tests
files: [{name: things.txt}]
"""
PROFILES = """\
profiles:
  demo:
    about: a toy
    sources: [things]
  empty:
    about: nothing
    sources: []
"""
MAKE = [
    'profile: str = "demo"\nrows: int = 3  # [1, 10] rows to make',
    "from analysis import step\n"
    'st = step("01_make", profile, reads=["things"], writes=["linkage_excluded"])',
    "import pandas as pd",
    'codes = [f"{i:06d}" for i in range(rows)]',
    'table = pd.DataFrame({"code": codes, "year": 2010, "reason": "none"})',
    'table = st.save("linkage_excluded", table)',
]
USE = [
    'profile: str = "demo"',
    "from analysis import step\n"
    'st = step("02_use", profile, reads=["linkage_excluded"], writes=[])',
    'table = st.load("linkage_excluded")',
    'st.claim("toy.rows", len(table), unit="rows")',
    'print(len(table), "rows")',
]
OTHER = [
    'profile: str = "demo"',
    'from analysis import step\nst = step("03_other", profile, reads=["things"])',
    'print(st.raw("things").name)',
]


def write_notebook(path: Path, cells: list[str], *, prose: str = "A toy") -> None:
    """Write a notebook whose first code cell is the parameters cell."""
    notebook = new_notebook(cells=[new_markdown_cell(prose, id="prose")])
    for number, cell in enumerate(cells):
        tags = {"tags": ["parameters"]} if number == 0 else {}
        notebook.cells.append(new_code_cell(cell, id=f"cell-{number}", metadata=tags))
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def make_project(root: Path) -> Path:
    """Write the toy project: 01_make -> 02_use, and 03_other beside them."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "parameters.yml").write_text(PROFILES)
    things = root / "data" / "raw" / "things"
    things.mkdir(parents=True)
    (things / "source.yml").write_text(CARD)
    (things / "things.txt").write_text("one\n")
    for name, cells in {"01_make": MAKE, "02_use": USE, "03_other": OTHER}.items():
        write_notebook(root / "notebooks" / f"{name}.ipynb", cells)
    return root
