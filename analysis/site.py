"""The site: executed notebooks, exhibits, claims, data dictionaries and source studies, linked.

Nothing is run: pages come from `build/<profile>/` as the last run left it, and a page whose step is
no longer fresh says so. The site needs nothing from elsewhere and opens from the file system.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis import site_pages as pages
from analysis.figure_style import FONT_FILE
from analysis.pipeline import status
from analysis.plan import Plan, make_plan
from analysis.project import Project, ProjectError, bullet_list, write_text

TITLE = "From poverty alleviation to rural revitalization"
COMMITTED = "notebooks"
CONFIG: dict[str, Any] = {
    "project": TITLE,
    "html_title": TITLE,
    "language": "en",
    "extensions": ["myst_nb"],
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {"show_navbar_depth": 1, "navbar_persistent": []},
    "html_css_files": ["site.css"],
    "html_static_path": ["_static"],
    "html_copy_source": True,
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "myst_heading_anchors": 3,
    "myst_heading_slug_func": "analysis.site.heading_anchor",
    "exclude_patterns": ["figures"],
    "suppress_warnings": ["myst.header"],
}
CSS = """\
@font-face {
  font-family: "Linkage Sans SC"; src: url("font.ttf"); font-display: block;
  unicode-range: U+2E80-9FFF, U+F900-FAFF, U+FE30-FE4F, U+FF00-FFEF;
}
html {
  --pst-font-family-base: "Linkage Sans SC", var(--pst-font-family-base-system);
  --pst-font-family-heading: var(--pst-font-family-base);
  --pst-font-family-monospace: "Linkage Sans SC", var(--pst-font-family-monospace-system);
}
.bd-main .bd-content .bd-article-container { max-width: 75em; }
.bd-article h2 { overflow-wrap: anywhere; }
.bd-article table { font-size: .85em; font-variant-numeric: tabular-nums; }
.bd-article table.docutils { display: block; overflow-x: auto; }
.bd-article table.docutils td:first-child { max-width: 20em; }
.bd-article code, .bd-article code .pre { overflow-wrap: anywhere; white-space: normal; }
.cell_input pre { font-size: .78em; }
.cell_output table { display: block; overflow-x: auto; }
"""


class SiteError(ProjectError):
    """The site cannot be built."""


def heading_anchor(heading: str) -> str:
    """Return the anchor that Jupyter gives to a heading, so that links work in both."""
    return heading.replace(" ", "-")


def build_site(project: Project, profiles: Sequence[str], target: Path) -> Path:
    """Build the site of the profiles that have run; return its first page.

    Parameters
    ----------
    profiles : sequence of str
        In this order; links of the README lead to the first that ran the step.
    target : Path
        Folder of the site; what it held is replaced once the new site stands.

    Raises
    ------
    SiteError
        When none of the profiles has run, or with every warning of the build: a link that leads
        nowhere, a picture that is not there. An earlier site is then left as it was.
    """
    plans = [make_plan(project, name) for name in profiles]
    plans = [plan for plan in plans if _executed(plan)]
    if not plans:
        raise SiteError(
            f"no profile of {', '.join(profiles)} has run: python -m analysis run --profile demo"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=target.parent) as temporary:
        source, built = Path(temporary) / "source", Path(temporary) / "html"
        write_sources(project, plans, source)
        _sphinx(source, built, Path(temporary) / "doctrees")
        (built / ".buildinfo").unlink()
        shutil.rmtree(target, ignore_errors=True)
        built.rename(target)
    return target / "index.html"


def _executed(plan: Plan) -> list[str]:
    """Return the steps of a plan that have an executed notebook."""
    name = plan.profile.name
    return [step for step in plan.runnable if plan.project.executed(name, step).is_file()]


def write_sources(project: Project, plans: Sequence[Plan], folder: Path) -> None:
    """Write the sources of all pages into `folder`, which need not exist."""
    names = [plan.profile.name for plan in plans]
    homes = {step: COMMITTED for step in plans[0].notebooks}
    homes |= {step: plan.profile.name for plan in reversed(plans) for step in _executed(plan)}
    folder.mkdir(parents=True)
    (folder / "figures").symlink_to(project.root / "figures")
    write_text(folder / "_static" / "site.css", CSS)
    shutil.copy(FONT_FILE, folder / "_static" / "font.ttf")
    for plan in plans:
        _write_profile(plan, homes, folder)
    below = [f"{name}/index" for name in names]
    for step in (step for step, home in homes.items() if home == COMMITTED):
        _write_notebook(project.notebooks / f"{step}.ipynb", homes, {}, "fresh", folder / COMMITTED)
        below.append(f"{COMMITTED}/{step}")
    if studies := _studies(plans):
        write_text(folder / "studies.md", studies)
        below.insert(0, "studies")
    named = {name: link for plan in reversed(plans) for name, link in pages.places(plan).items()}
    readme = (project.root / "README.md").read_text(encoding="utf-8")
    write_text(folder / "index.md", pages.index_page(readme, homes, named, names, below))


def _write_profile(plan: Plan, homes: Mapping[str, str], folder: Path) -> None:
    """Write the pages of one profile."""
    project, name = plan.project, plan.profile.name
    states = {o.step: o.state if o.state == "fresh" else f"stale: {o.why}" for o in status(plan)}
    home = folder / name
    below = [*_executed(plan), "exhibits", "claims", "tables"]
    write_text(home / "index.md", pages.profile_page(plan, states, below))
    write_text(home / "exhibits.md", pages.exhibits_page(plan))
    claims = project.claims(name)
    known = json.loads(claims.read_text(encoding="utf-8")) if claims.is_file() else {}
    write_text(home / "claims.md", pages.claims_page(name, known))
    write_text(home / "tables.md", pages.tables_page(plan))
    own = {**homes, **dict.fromkeys(_executed(plan), name)}
    for step in _executed(plan):
        path = project.record(name, step)
        record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        _write_notebook(project.executed(name, step), own, record, states.get(step, ""), home)


def _write_notebook(
    path: Path, homes: Mapping[str, str], record: Mapping[str, Any], state: str, folder: Path
) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    page = pages.notebook_page(content, homes, record, state)
    write_text(folder / path.name, json.dumps(page, ensure_ascii=False, indent=1) + "\n")


def _studies(plans: Sequence[Plan]) -> str:
    """Return the page of the source studies, empty where no profile has their tables."""
    import pandas as pd

    from analysis.cases.studies import read_studies

    for plan in plans:
        name = plan.profile.name
        paths = [plan.project.table(name, table) for table in ("case_codes", "joint_display")]
        if all(path.is_file() for path in paths):
            codes, display = (pd.read_parquet(path) for path in paths)
            cases = read_studies(plan.project.source("cases")).cases
            return pages.studies_page(cases, codes, display, name)
    return ""


def _sphinx(source: Path, built: Path, doctrees: Path) -> None:
    """Build the pages.

    Raises
    ------
    SiteError
        Listing every warning.
    """
    import io

    from sphinx.application import Sphinx
    from sphinx.util.console import nocolor
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    nocolor()
    warnings = io.StringIO()
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            source, None, built, doctrees, "html", confoverrides=CONFIG, status=None,
            warning=warnings,
        )  # fmt: skip
        app.build()
    problems = [line for line in warnings.getvalue().splitlines() if line.strip()]
    if problems or app.statuscode:
        told = [line.replace(f"{source}/", "") for line in problems]
        raise SiteError(bullet_list("the site was not built, an earlier one is kept:", told))
