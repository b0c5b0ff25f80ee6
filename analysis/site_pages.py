"""The site's pages as MyST markdown, written from what ran: no number is typed here.

Every function returns text; `analysis.site` puts it beside the executed notebooks and builds the
pages. Numbers lead to their row among the claims, exhibits to the notebook that makes them, codes
of the source studies to their theme, and themes back to the codes.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.plan import Plan
from analysis.readme import exhibit_rows
from analysis.sources import read_card

README_CLAIM = re.compile(r"<!-- claim (\w+) (\S+) \S+ -->(.*?)<!-- /claim -->")
NOTEBOOK_LINK = re.compile(r"\]\((?:notebooks/)?(\d\d_\w+)\.ipynb")
CODE_NAME = re.compile(r"(?<!`)`(\w+)`(?!`)")
DIGITS = 4
KINDS = ("problem", "cause", "countermeasure")


def rows_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a markdown table; a `|` within a cell is escaped, a line break becomes a space."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [re.sub(r"\s+", " ", str(cell)).replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def toctree(pages: Sequence[str]) -> str:
    """Return a list of pages for the side bar."""
    return "\n".join(["", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def stamp(simulated: bool) -> str:
    """Return the mark of what is simulated, to be set behind a name or number."""
    return " **SIMULATED**" if simulated else ""


def anchor(name: str) -> str:
    """Return an invisible place that links may lead to."""
    return f'<a id="{html.escape(name)}"></a>'


def link_notebooks(text: str, homes: Mapping[str, str], base: str) -> str:
    """Return `text` with each link to a notebook leading to its page.

    Parameters
    ----------
    homes : mapping of {step: folder}
        Folder of the site that holds the page of a step.
    base : str
        Path from the page to the site's root, `` or `../`.
    """

    def page(match: re.Match[str]) -> str:
        step = match.group(1)
        return f"]({base}{homes[step]}/{step}.ipynb" if step in homes else match.group()

    return NOTEBOOK_LINK.sub(page, text)


def places(plan: Plan) -> dict[str, str]:
    """Return {name: link} of a profile's exhibits, under their numbers too, and of its tables."""
    name, project = plan.profile.name, plan.project
    found: dict[str, str] = {}
    for header in (plan.notebooks[step].header for step in plan.runnable):
        for exhibit in (*header.figures, *header.tables):
            link = f"{name}/exhibits.html#{exhibit}"
            found |= {exhibit: link, exhibit.split("_")[0]: link}
        tables = [table for table in header.writes if project.dictionary(name, table).is_file()]
        found |= {table: f"{name}/tables.html#{table}" for table in tables}
    return found


def index_page(
    readme: str,
    homes: Mapping[str, str],
    named: Mapping[str, str],
    profiles: Sequence[str],
    below: Sequence[str],
) -> str:
    """Return the first page: the README, its numbers, notebooks, exhibits and tables linked.

    Parameters
    ----------
    readme : str
        Text of the README.
    named : mapping of {name: link}
        Exhibits and tables, as `places` gives them.
    profiles : sequence of str
        Profiles that the site shows; a claim of another stays plain text.
    below : sequence of str
        Pages that follow in the side bar.
    """

    def claim(match: re.Match[str]) -> str:
        profile, key, value = match.groups()
        if profile not in profiles:
            return value
        return f'<a class="claim" href="{profile}/claims.html#{key}">{value}</a>'

    def name(match: re.Match[str]) -> str:
        link = named.get(match.group(1))
        return f'<a href="{link}">{match.group(1)}</a>' if link else match.group()

    text = CODE_NAME.sub(name, README_CLAIM.sub(claim, readme))
    return link_notebooks(text, homes, "") + toctree(below)


def profile_page(plan: Plan, states: Mapping[str, str], below: Sequence[str]) -> str:
    """Return the page of a profile: its data, the state of each step, what it cannot run.

    Parameters
    ----------
    states : mapping of {step: state}
    below : sequence of str
        Pages of the profile, for the side bar.
    """
    cards = [(name, read_card(plan.project.source(name))) for name in plan.profile.sources]
    sources = rows_table(
        ["source", "title", "producer", "licence"],
        [(f"`{n}`{stamp(c.simulated)}", c.title, c.producer, c.licence) for n, c in cards],
    )
    steps = rows_table(
        ["step", "state"], [(f"[{s}]({s}.ipynb)", states.get(s, "")) for s in plan.runnable]
    )
    absent = rows_table(["step", "why not"], sorted(plan.not_run.items()))
    return (
        f"# Profile {plan.profile.name}\n\n[Exhibits](exhibits.md), [claims](claims.md), "
        f"[tables](tables.md).\n\n## Data\n\n{sources}\n\n## Steps\n\n{steps}\n\n"
        f"## Not run in this profile\n\n{absent}\n" + toctree(below)
    )


def notebook_page(
    content: dict[str, Any], homes: Mapping[str, str], record: Mapping[str, Any], state: str
) -> dict[str, Any]:
    """Return an executed notebook with linked notebooks, its state on top and its record below.

    Parameters
    ----------
    content : dict
        The notebook as JSON; left as it is.
    record : mapping
        Parameters, inputs, outputs and versions of the run; empty where none is known.
    state : str
        `fresh`, or why the page shows an earlier run.
    """
    cells = [
        {**cell, "source": link_notebooks("".join(cell["source"]), homes, "../")}
        if cell["cell_type"] == "markdown"
        else cell
        for cell in content["cells"]
    ]
    if state != "fresh":
        warning = f"```{{warning}}\nThis page shows an earlier run, {state}.\n```"
        cells.insert(1, _markdown("site-state", warning))
    if record:
        cells.append(_markdown("site-record", _record(record)))
    return {**content, "cells": cells}


def _markdown(identity: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": identity, "metadata": {}, "source": source}


def _record(record: Mapping[str, Any]) -> str:
    """Return what made a page: parameters, hashes and versions."""
    values = ((f"`{k}`", f"`{json.dumps(v)}`") for k, v in record["parameters"].items())
    files = [
        (kind, f"`{name}`", f"`{digest[:16]}`")
        for kind in ("inputs", "outputs")
        for name, digest in record[kind].items()
    ]
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return (
        "## What made this page\n\n" + rows_table(["parameter", "value"], values) + "\n\n"
        "<details><summary>Files and versions</summary>\n\n"
        + rows_table(["", "file", "sha256 begins"], [(k[:-1], n, d) for k, n, d in files])
        + f"\n\n{versions}\n\n</details>\n"
    )


def exhibits_page(plan: Plan) -> str:
    """Return the page of a profile's figures and tables, each with its notebook and function."""
    folder = plan.project.figures(plan.profile.name)
    found = sorted(row for step in plan.runnable for row in exhibit_rows(plan.notebooks[step]))
    parts = [f"# Exhibits of profile {plan.profile.name}\n"]
    for name, step, function in found:
        at = f"../figures/{plan.profile.name}/{name}"
        made = f"[{step}]({step}.ipynb), `{function}`"
        parts.append(f"{anchor(name)}\n\n## {name}\n")
        if name.startswith("fig") and (folder / f"{name}.png").is_file():
            kinds = ("svg", "pdf", "csv")
            files = [f"{{download}}`{kind} <{at}.{kind}>`" for kind in kinds]
            files.append(f"{{download}}`中文 svg <{at}_zh.svg>`")
            parts.append(f"![{name}]({at}.png)\n\n{made}: {', '.join(files)}\n")
        elif (folder / f"{name}.csv").is_file():
            rows = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
            files = [f"{{download}}`{kind} <{at}.{kind}>`" for kind in ("html", "tex", "csv")]
            parts.append(f"{_frame(rows)}\n\n{made}: {', '.join(files)}\n")
    return "\n".join(parts)


def _frame(frame: pd.DataFrame) -> str:
    return rows_table([str(c) for c in frame], frame.itertuples(index=False))


def claims_page(profile: str, claims: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page of every number that a text may quote, with error, interval and step."""
    rows = [
        (
            f"{anchor(key)}`{key}`{stamp(c['simulated'])}",
            *(_number(c.get(part)) for part in ("value", "se", "ci_low", "ci_high", "n")),
            c.get("unit", ""), f"[{c['step'][:2]}]({c['step']}.ipynb)",
        )
        for key, c in sorted(claims.items())
    ]  # fmt: skip
    head = ["claim", "value", "s.e.", "95 % from", "to", "n", "unit", "step"]
    return (
        f"# Claims of profile {profile}\n\nEvery number that a text of this compendium may quote, "
        f"from `figures/{profile}/claims.json`.\n\n{rows_table(head, rows)}\n"
    )


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    return f"{value:.{DIGITS}g}".replace("-", "−") if isinstance(value, float) else str(value)


def tables_page(plan: Plan) -> str:
    """Return the data dictionaries of the tables that the steps of a profile write."""
    profile, project = plan.profile.name, plan.project
    parts = [f"# Tables of profile {profile}\n\nIn `data/processed/{profile}/`, as parquet.\n"]
    for step in plan.runnable:
        for name in plan.notebooks[step].header.writes:
            path = project.dictionary(profile, name)
            if path.is_file():
                columns = pd.read_csv(path, dtype=str, keep_default_na=False)
                shown = columns[["name", "type", "unit", "label_en", "label_zh", "source"]]
                parts.append(
                    f"## {name}\n\nWritten by [{step}]({step}.ipynb).\n\n{_frame(shown)}\n"
                )
    return "\n".join(parts)


def studies_page(cases: pd.DataFrame, codes: pd.DataFrame, display: pd.DataFrame, home: str) -> str:
    """Return the page that leads from each code of the source studies to its data, and back.

    Parameters
    ----------
    cases : DataFrame
        Columns case and study, in the order of the page.
    codes : DataFrame
        Table `case_codes`.
    display : DataFrame
        Table `joint_display`: one row per theme.
    home : str
        Folder of the profile that the tables come from.
    """
    head = [
        "# The five source studies and the data that speak to them\n",
        f"From the tables `case_codes` and `joint_display` of profile {home}. Labels are in our "
        "own words; *read* marks a revitalization that we assigned and the study does not name. "
        f"The numbers are explained in [60]({home}/60_join_cases_and_numbers.ipynb), the studies "
        f"in [15]({home}/15_read_source_studies.ipynb). Where no county number stands, the county "
        "tables measure nothing of the theme.\n",
        "## From themes to data and codes\n",
        _theme_table(display, home),
    ]
    titles = cases[["case", "study"]].itertuples(index=False)
    parts = [_study(codes[codes["case"] == case], study) for case, study in titles]
    return "\n".join([*head, *parts])


def _theme_table(display: pd.DataFrame, home: str) -> str:
    rows = []
    for row in display.sort_values(["kind", "theme"]).to_dict("records"):
        named = f"{row['interviews']} of {row['of_interviews']}{stamp(row['prevalence_simulated'])}"
        low, high = _number(row["ci_low"]), _number(row["ci_high"])
        number = ""
        if row["claim"] and row["estimate"] == row["estimate"]:
            number = (
                f'{row["indicator_en"]}: <a href="{home}/claims.html#{row["claim"]}">'
                f"{_number(row['estimate'])}</a> [{low}, {high}] {row['unit']}"
                f"{stamp(row['indicator_simulated'])}"
            )
        codes = ", ".join(f"[{c}](#{c})" for c in row["codes"].split(";") if c)
        label = f"{anchor(row['theme'])}{row['label_en']} {row['label_zh']}"
        judged = row["judgement"].replace("_", " ")
        rows.append((row["kind"], label, codes, named, number, judged))
    head = ["kind", "theme", "codes", "named in interviews", "county number", "fit"]
    return _raw_links(rows_table(head, rows))


def _study(codes: pd.DataFrame, title: str) -> str:
    rows = []
    for row in codes.to_dict("records"):
        code = f"{anchor(row['code_id'])}`{row['code_id']}`"
        kind = row["kind"].replace("_", " ")
        theme = f"[{row['theme']}](#{row['theme']})" if row["theme"].startswith(KINDS) else ""
        read = " (read)" if row["dimension_basis"] == "analyst" else ""
        line = "" if pd.isna(row["line"]) else row["line"]
        dimension = row["dimension"] and f"{row['dimension']}{read}"
        rows.append((code, kind, row["label_en"], row["label_zh"], dimension, theme, line))
    head = ["code", "kind", "label", "", "revitalization", "theme", "line"]
    return f"\n## {title}\n\n{_raw_links(rows_table(head, rows))}\n"


def _raw_links(table: str) -> str:
    """Return `table` with links inside the page as plain HTML: markdown knows headings only."""
    return re.sub(r"\[([^\]]+)\]\(#([^)]+)\)", r'<a href="#\2">\1</a>', table)
