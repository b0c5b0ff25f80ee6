"""The site: executed notebooks, exhibits, claims, data dictionaries and source studies, linked.

Nothing is run: pages come from `build/<profile>/` as the last run left it, and what comes from a
step that is no longer fresh is marked. The site needs nothing from elsewhere and opens from the
file system.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from analysis import site_pages as pages
from analysis.cases.studies import read_studies
from analysis.figure_style import FONT_FILE
from analysis.pipeline import status
from analysis.plan import Plan, make_plan
from analysis.project import Project, ProjectError, bullet_list, write_text
from analysis.site_pages import FRESH, ShownProfile
from analysis.site_studies import studies_page
from analysis.storage import read_table

TITLE = "From poverty alleviation to rural revitalization"
COMMITTED = "notebooks"
STUDY_STEPS = ("15_read_source_studies", "60_join_cases_and_numbers")
CONFIG: dict[str, Any] = {
    "project": TITLE,
    "html_title": TITLE,
    "extensions": ["myst_nb"],
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {"show_navbar_depth": 1, "navbar_persistent": []},
    "html_css_files": ["site.css"],
    "html_static_path": ["_static"],
    "nb_execution_mode": "off",
    "myst_heading_anchors": 3,
    "myst_heading_slug_func": "analysis.site.heading_anchor",
    "exclude_patterns": ["figures"],
    "smartquotes": False,
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
        When none of the profiles has run, when one with personal data is not up to date, or with
        every warning of the build: a link that leads nowhere, a picture that is not there. An
        earlier site is then left as it was.
    """
    plans = [make_plan(project, name) for name in dict.fromkeys(profiles)]
    shown = [_shown(plan) for plan in plans if plan.executed]
    if not shown:
        raise SiteError(
            f"no profile of {', '.join(profiles)} has run: "
            f"python -m analysis run --profile {profiles[-1]}"
        )
    _refuse_outdated(shown)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=target.parent) as temporary:
        source, built = Path(temporary) / "source", Path(temporary) / "html"
        write_sources(project, shown, source)
        _sphinx(source, built, Path(temporary) / "doctrees")
        (built / ".buildinfo").unlink()
        if target.exists():
            target.rename(Path(temporary) / "earlier")
        built.rename(target)
    return target / "index.html"


def _shown(plan: Plan) -> ShownProfile:
    states = {
        outcome.step: FRESH if outcome.state == FRESH else f"{outcome.state}: {outcome.why}"
        for outcome in status(plan)
    }
    path = plan.project.claims(plan.profile.name)
    claims = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return ShownProfile(plan, states, claims)


def _refuse_outdated(shown: Sequence[ShownProfile]) -> None:
    """Refuse pages of personal data from an earlier run: consent may have been withdrawn since."""
    problems = [
        f"profile {profile.name}, {step}: {profile.states[step]}"
        for profile in shown
        if profile.plan.confidential
        for step in profile.plan.executed
        if profile.states[step] != FRESH
    ]
    if problems:
        raise SiteError(bullet_list("personal data: run the profile before its pages:", problems))


def write_sources(project: Project, shown: Sequence[ShownProfile], folder: Path) -> None:
    """Write the sources of all pages.

    Parameters
    ----------
    shown : sequence of ShownProfile
        Those that have run; a step of none is shown as its notebook is committed.
    folder : Path
        Does not exist yet.
    """
    homes = {step: COMMITTED for step in shown[0].plan.notebooks}
    homes |= {step: profile.name for profile in reversed(shown) for step in profile.plan.executed}
    folder.mkdir(parents=True)
    (folder / "figures").symlink_to(project.root / "figures")
    write_text(folder / "_static" / "site.css", CSS)
    shutil.copy(FONT_FILE, folder / "_static" / "font.ttf")
    for profile in shown:
        _write_profile(profile, homes, folder / profile.name)
    below = [f"{profile.name}/index" for profile in shown]
    for step in (step for step, home in homes.items() if home == COMMITTED):
        path = project.notebooks / f"{step}.ipynb"
        _write_notebook(path, homes, {}, "as committed", folder / COMMITTED)
        below.append(f"{COMMITTED}/{step}")
    if studies := _studies(shown):
        write_text(folder / "studies.md", studies)
        below.insert(0, "studies")
    path = project.root / "README.md"
    readme = path.read_text(encoding="utf-8") if path.is_file() else f"# {TITLE}\n"
    write_text(folder / "index.md", pages.index_page(readme, homes, shown, below))


def _write_profile(shown: ShownProfile, homes: Mapping[str, str], folder: Path) -> None:
    """Write the pages of one profile."""
    steps, project = shown.plan.executed, shown.plan.project
    below = [*steps, "exhibits", "claims", "tables"]
    write_text(folder / "index.md", pages.profile_page(shown, below))
    write_text(folder / "exhibits.md", pages.exhibits_page(shown))
    write_text(folder / "claims.md", pages.claims_page(shown))
    write_text(folder / "tables.md", pages.tables_page(shown))
    own = {**homes, **dict.fromkeys(steps, shown.name)}
    for step in steps:
        path = project.record(shown.name, step)
        record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        executed = project.executed(shown.name, step)
        _write_notebook(executed, own, record, shown.states[step], folder)


def _write_notebook(
    path: Path, homes: Mapping[str, str], record: Mapping[str, Any], state: str, folder: Path
) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    page = pages.notebook_page(content, homes, record, state)
    write_text(folder / path.name, json.dumps(page, ensure_ascii=False, indent=1) + "\n")


def _studies(shown: Sequence[ShownProfile]) -> str:
    """Return the page of the source studies, empty where no profile has their tables."""
    for profile in shown:
        if set(STUDY_STEPS) <= set(profile.plan.executed):
            project = profile.plan.project
            tables = (project.table(profile.name, name) for name in ("case_codes", "joint_display"))
            cases = read_studies(project.source("cases")).cases
            return studies_page(profile, cases, *map(read_table, tables))
    return ""


def _sphinx(source: Path, built: Path, doctrees: Path) -> None:
    """Build the pages.

    Raises
    ------
    SiteError
        Listing every warning.
    """
    from sphinx.application import Sphinx
    from sphinx.util.console import nocolor
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    nocolor()
    warnings = io.StringIO()
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            source, None, built, doctrees, "html", confoverrides=deepcopy(CONFIG), status=None,
            warning=warnings,
        )  # fmt: skip
        app.build()
    problems = [line for line in warnings.getvalue().splitlines() if line.strip()]
    if problems or app.statuscode:
        told = [line.replace(f"{source}/", "") for line in problems]
        raise SiteError(bullet_list("the site was not built, an earlier one is kept:", told))
