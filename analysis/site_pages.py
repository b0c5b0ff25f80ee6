"""The site's pages as MyST markdown, written from what ran: no result is typed here.

Every function returns text; `analysis.site` puts it beside the executed notebooks and builds the
pages. Numbers lead to their row among the claims, exhibits and tables to the notebook that makes
them, and whatever comes from a step that is no longer fresh is marked.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.notebook import Notebook
from analysis.plan import Plan
from analysis.project import ProjectError
from analysis.readme import CLAIM, exhibit_rows
from analysis.sources import read_card

NOTEBOOK_LINK = re.compile(r"\]\((?:notebooks/)?(\d\d_\w+)\.ipynb")
CODE_NAME = re.compile(r"(?<!`)`(\w+)`(?!`)")
MARKUP = re.compile(r"([\\`*_{}\[\]<>$&|])")
FRESH = "fresh"


@dataclass(frozen=True)
class ShownProfile:
    """A profile as the site shows it.

    Attributes
    ----------
    plan : Plan
    states : dict of {step: state}
        `FRESH`, or why what is shown comes from an earlier run.
    claims : dict of {key: claim}
    """

    plan: Plan
    states: dict[str, str]
    claims: dict[str, dict[str, Any]]

    @property
    def name(self) -> str:
        """Name of the profile, and of its folder in the site."""
        return self.plan.profile.name

    def link(self, step: str, label: str = "") -> str:
        """Return a link to a step from a page of this profile, its name where it has no page."""
        if step not in self.plan.executed:
            return label or f"`{step}`"
        earlier = "" if self.states[step] == FRESH else " (earlier run)"
        return f"[{label or step}]({step}.ipynb){earlier}"


def plain(text: object) -> str:
    """Return a text on one line that markdown shows as it is."""
    return MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def number(value: float | None) -> str:
    """Return a number to four significant digits, whole numbers whole; nothing for none."""
    if value is None or pd.isna(value):
        return ""
    whole = isinstance(value, int) or abs(value) >= 1000
    return (f"{value:.0f}" if whole else f"{value:.4g}").replace("-", "−")


def rows_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a markdown table; texts from files must be `plain`."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _frame(frame: pd.DataFrame) -> str:
    return rows_table([plain(name) for name in frame], frame.map(plain).itertuples(index=False))


def stamp(simulated: bool) -> str:
    """Return the mark of what is simulated, to be set behind a name or number."""
    return " **SIMULATED**" if simulated else ""


def anchor(name: str) -> str:
    """Return an invisible place that links may lead to."""
    return f'<a id="{html.escape(name)}"></a>'


def _toctree(pages: Sequence[str]) -> str:
    """Return a list of pages for the side bar."""
    return "\n".join(["", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def _link_notebooks(text: str, homes: Mapping[str, str], base: str) -> str:
    """Return `text` with each link to a notebook leading to its page, `base` before the folder."""

    def page(match: re.Match[str]) -> str:
        step = match.group(1)
        return f"]({base}{homes[step]}/{step}.ipynb" if step in homes else match.group()

    return NOTEBOOK_LINK.sub(page, text)


def _places(shown: ShownProfile) -> dict[str, str]:
    """Return {name: link} of a profile's exhibits, under their numbers too, and of its tables."""
    name, project = shown.name, shown.plan.project
    found: dict[str, str] = {}
    for header in (shown.plan.notebooks[step].header for step in shown.plan.runnable):
        for exhibit in (*header.figures, *header.tables):
            link = f"{name}/exhibits.html#{exhibit}"
            found |= {exhibit: link, exhibit.split("_")[0]: link}
        tables = [table for table in header.writes if project.dictionary(name, table).is_file()]
        found |= {table: f"{name}/tables.html#{table}" for table in tables}
    return found


def index_page(
    readme: str, homes: Mapping[str, str], profiles: Sequence[ShownProfile], below: Sequence[str]
) -> str:
    """Return the first page: the README, its numbers, notebooks, exhibits and tables linked.

    Parameters
    ----------
    readme : str
        Text of the README.
    homes : mapping of {step: folder}
        Folder of the site that holds the page of a step.
    profiles : sequence of ShownProfile
        An exhibit leads to the first that has it; a claim of another profile stays plain text.
    below : sequence of str
        Pages that follow in the side bar.

    Raises
    ------
    ProjectError
        When the README quotes a claim that a shown profile does not have.
    """
    claims = {shown.name: shown.claims for shown in profiles}
    named = {name: link for shown in reversed(profiles) for name, link in _places(shown).items()}

    def claim(match: re.Match[str]) -> str:
        profile, key, _, value = match.groups()
        if profile not in claims:
            return value
        if key not in claims[profile]:
            raise ProjectError(f"README quotes the unknown claim {key} of profile {profile}")
        return f'<a class="claim" href="{profile}/claims.html#{html.escape(key)}">{value}</a>'

    def name(match: re.Match[str]) -> str:
        link = named.get(match.group(1))
        return f'<a href="{link}">{match.group(1)}</a>' if link else match.group()

    text = CODE_NAME.sub(name, CLAIM.sub(claim, readme))
    return _link_notebooks(text, homes, "") + _toctree(below)


def profile_page(shown: ShownProfile, below: Sequence[str]) -> str:
    """Return the page of a profile: its data, the state of each step, what it cannot run."""
    plan = shown.plan
    cards = [(name, read_card(plan.project.source(name))) for name in plan.profile.sources]
    sources = rows_table(
        ["source", "title", "producer", "licence"],
        [
            (f"`{n}`{stamp(c.simulated)}", *map(plain, (c.title, c.producer, c.licence)))
            for n, c in cards
        ],
    )
    steps = [(shown.link(step), plain(shown.states[step])) for step in plan.runnable]
    absent = [(step, plain(why)) for step, why in plan.not_run.items()]
    return (
        f"# Profile {shown.name}\n\n[Exhibits](exhibits.md), [claims](claims.md), "
        f"[tables](tables.md).\n\n## Data\n\n{sources}\n\n"
        f"## Steps\n\n{rows_table(['step', 'state'], steps)}\n\n"
        f"## Not run in this profile\n\n{rows_table(['step', 'why not'], absent)}\n"
        + _toctree(below)
    )


def notebook_page(
    content: dict[str, Any], homes: Mapping[str, str], record: Mapping[str, Any], state: str
) -> dict[str, Any]:
    """Return an executed notebook with linked notebooks, its state on top and its record below.

    Parameters
    ----------
    content : dict
        The notebook as JSON; left as it is.
    homes : mapping of {step: folder}
    record : mapping
        Parameters, inputs, outputs and versions of the run; empty where none is known.
    state : str
        `FRESH`, or why the page shows an earlier run.
    """
    cells = [_cell(cell, homes) for cell in content["cells"]]
    if state != FRESH:
        warning = f"```{{warning}}\nThis page shows an earlier run, {plain(state)}.\n```"
        cells.insert(1, _markdown("site-state", warning))
    if record:
        cells.append(_markdown("site-record", _record(record)))
    return {**content, "cells": cells}


def _cell(cell: dict[str, Any], homes: Mapping[str, str]) -> dict[str, Any]:
    """Return a cell with linked notebooks, its pictures described where the pages look for that."""
    if cell["cell_type"] == "markdown":
        return {**cell, "source": _link_notebooks("".join(cell["source"]), homes, "../")}
    pictures = [output.get("metadata", {}).get("image/png") for output in cell.get("outputs", [])]
    described = [picture["alt"] for picture in pictures if picture and "alt" in picture]
    if not described:
        return cell
    image = {"mystnb": {"image": {"alt": described[0]}}}
    return {**cell, "metadata": {**cell["metadata"], **image}}


def _markdown(identity: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": identity, "metadata": {}, "source": source}


def _record(record: Mapping[str, Any]) -> str:
    """Return what made a page: parameters, hashes and versions."""
    values = [
        (f"`{name}`", plain(json.dumps(value, ensure_ascii=False)))
        for name, value in record["parameters"].items()
    ]
    files = [
        (kind, plain(name), f"`{digest[:16]}`")
        for kind, key in (("input", "inputs"), ("output", "outputs"))
        for name, digest in record[key].items()
    ]
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return (
        f"## What made this page\n\n{rows_table(['parameter', 'value'], values)}\n\n"
        "<details><summary>Files and versions</summary>\n\n"
        f"{rows_table(['', 'file', 'sha256 begins'], files)}\n\n{plain(versions)}\n\n</details>\n"
    )


def exhibits_page(shown: ShownProfile) -> str:
    """Return the page of a profile's figures and tables, each with its notebook and function."""
    folder = shown.plan.project.figures(shown.name)
    parts = [f"# Exhibits of profile {shown.name}\n"]
    for name, step, function in sorted(_exhibits(shown.plan)):
        at = f"../figures/{shown.name}/{name}"
        made = f"{shown.link(step)}{function and f', `{function}`'}"
        if (folder / f"{name}.png").is_file():
            kinds = ("svg", "pdf", "csv")
            files = [f"{{download}}`{kind} <{at}.{kind}>`" for kind in kinds]
            files.append(f"{{download}}`中文 svg <{at}_zh.svg>`")
            content = f"![{name}]({at}.png)"
        elif (folder / f"{name}.csv").is_file():
            files = [f"{{download}}`{kind} <{at}.{kind}>`" for kind in ("html", "tex", "csv")]
            content = _frame(pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False))
        else:
            continue
        parts.append(f"## {name}\n\n{content}\n\n{made}: {', '.join(files)}\n")
    return "\n".join(parts)


def _exhibits(plan: Plan) -> Iterable[tuple[str, str, str]]:
    """Yield (exhibit, step, function) of what the steps declare."""
    for step in plan.runnable:
        notebook = plan.notebooks[step]
        functions = _functions(notebook)
        for name in (*notebook.header.figures, *notebook.header.tables):
            yield name, step, functions.get(name, "")


def _functions(notebook: Notebook) -> dict[str, str]:
    """Return {exhibit: function}; empty where a notebook draws in another way than ours do."""
    try:
        return {name: function for name, _, function in exhibit_rows(notebook)}
    except (ProjectError, ValueError, IndexError):
        return {}


def claims_page(shown: ShownProfile) -> str:
    """Return the page of every number that a text may quote, with error, interval and step."""
    rows = [
        (
            f"{anchor(key)}`{key}`{stamp(c['simulated'])}",
            *(number(c.get(part)) for part in ("value", "se", "ci_low", "ci_high", "n")),
            plain(c["unit"]), shown.link(c["step"], c["step"][:2]),
        )
        for key, c in sorted(shown.claims.items())
    ]  # fmt: skip
    head = ["claim", "value", "s.e.", "95 % from", "to", "n", "unit", "step"]
    return (
        f"# Claims of profile {shown.name}\n\nEvery number that a text of this compendium may "
        f"quote, from `figures/{shown.name}/claims.json`.\n\n{rows_table(head, rows)}\n"
    )


def tables_page(shown: ShownProfile) -> str:
    """Return the data dictionaries of the tables that the steps of a profile write."""
    plan, name = shown.plan, shown.name
    parts = [f"# Tables of profile {name}\n\nIn `data/processed/{name}/`, as parquet.\n"]
    for step in plan.runnable:
        for table in plan.notebooks[step].header.writes:
            path = plan.project.dictionary(name, table)
            if path.is_file():
                columns = pd.read_csv(path, dtype=str, keep_default_na=False)
                rows = _frame(columns[["name", "type", "unit", "label_en", "label_zh", "source"]])
                parts.append(f"## {table}\n\nWritten by {shown.link(step)}.\n\n{rows}\n")
    return "\n".join(parts)
