"""The pages: every link leads somewhere, nothing comes from elsewhere, numbers lead to claims."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import toy
from lxml import html

from analysis import site_pages
from analysis.project import Project
from analysis.site import SiteError, build_site

ROOT = Path(__file__).parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
RUN = [sys.executable, "-m", "analysis", "run"]
WIDTHS = (390, 1280)  # a phone, a laptop


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    subprocess.run(RUN, cwd=ROOT, check=True)
    folder = tmp_path_factory.mktemp("site") / "html"
    build_site(Project(ROOT), ["demo"], folder)
    return folder


@pytest.fixture(scope="module")
def documents(site):
    found = [path for path in site.rglob("*.html") if "_" not in path.relative_to(site).parts[0]]
    return {path: html.parse(str(path)).getroot() for path in found}


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(documents):
    anchors = {path: set(page.xpath("//@id")) for path, page in documents.items()}
    problems, seen = [], 0
    for path, page in documents.items():
        loaded = page.xpath("//link/@href | //script/@src | //img/@src | //iframe/@src")
        problems += [f"{path.name} loads {link}" for link in loaded if "//" in link]
        for link in page.xpath("//@href | //@src"):
            if link.startswith(("https://doi.org/", "data:")):
                continue
            seen += 1
            file, place = urldefrag(link)
            target = (path.parent / unquote(file.split("?")[0])).resolve() if file else path
            if not target.is_file():
                problems.append(f"{path.name}: {link} is no file")
            elif place and target in anchors and unquote(place) not in anchors[target]:
                problems.append(f"{path.name}: {link} is no place")
    assert problems == []
    assert seen > 1000


def test_each_source_study_is_reached_as_data_figure_and_section(site, documents):
    index, studies = documents[site / "index.html"], documents[site / "studies.html"]
    assert index.xpath("//a[contains(@href, 'studies.html')]")
    sections = index.xpath("//a/@href[contains(., '15_read_source_studies.html#')]")
    assert len(set(sections)) == 5
    codes = studies.xpath("//section/section/h2/text()")
    assert len(codes) == 6  # the five studies, and before them the themes
    linked = set(index.xpath("//table//a/@href"))
    for name in ("exhibits.html#fig32_policy_framework", "tables.html#case_codes"):
        assert f"demo/{name}" in linked


def test_a_code_leads_to_its_theme_and_its_number_and_back(documents, site):
    page = documents[site / "studies.html"]
    to_theme = page.xpath("//tr[.//a[@id='B.cm.support']]//a/@href")
    assert "#countermeasure.government" in to_theme
    back = page.xpath("//tr[.//a[@id='countermeasure.government']]//a/@href")
    assert "#B.cm.support" in back
    assert "demo/claims.html#curve.coordination.main" in back


def test_numbers_of_the_readme_lead_to_their_claims(documents, site):
    claims = json.loads(Project(ROOT).claims("demo").read_text(encoding="utf-8"))
    links = documents[site / "index.html"].xpath("//a[@class='claim']")
    assert links
    for link in links:
        assert link.get("href").partition("#")[2] in claims
    rows = documents[site / "demo" / "claims.html"].xpath("//tbody/tr")
    assert len(rows) == len(claims)


def test_a_page_says_what_made_it(documents, site):
    text = documents[site / "demo" / "30_build_linkage_index.html"].text_content()
    made = Project(ROOT).table("demo", "linkage_index")
    assert hashlib.sha256(made.read_bytes()).hexdigest()[:16] in text
    assert "SIMULATED" in text
    assert "earlier run" not in text


def test_an_earlier_run_is_marked_on_its_page_and_the_notebook_is_left_as_it_is():
    cell = {"cell_type": "markdown", "source": ["# 01\n", "see [02](02_use.ipynb)"]}
    content = {"cells": [cell], "metadata": {}}
    before = json.dumps(content)
    page = site_pages.notebook_page(content, {"02_use": "demo"}, {}, "stale: alpha changed")
    assert [c["source"] for c in page["cells"]] == [
        "# 01\nsee [02](../demo/02_use.ipynb)",
        "```{warning}\nThis page shows an earlier run, stale: alpha changed.\n```",
    ]
    assert json.dumps(content) == before


@pytest.mark.parametrize("cell", ["a|b", "two\nlines", "  "])
def test_a_cell_cannot_break_its_table(cell):
    table = site_pages.rows_table(["x", "y"], [(cell, 1)])
    assert table.count("\n") == 2
    assert table.splitlines()[-1].replace("\\|", "").count("|") == 3


def toy_site(folder, *, prose="# A toy"):
    project = Project(toy.make_project(folder))
    (folder / "README.md").write_text("# Toy\n\n[02](notebooks/02_use.ipynb)\n")
    path = project.notebooks / "02_use.ipynb"
    toy.write_notebook(path, toy.USE, prose=prose)
    for name, cells in {"01_make": toy.MAKE, "03_other": toy.OTHER}.items():
        toy.write_notebook(project.notebooks / f"{name}.ipynb", cells, prose="# Other")
    subprocess.run(RUN, cwd=folder, check=True)
    return project


def test_two_builds_in_two_folders_give_the_same_bytes(tmp_path):
    built = []
    for name in ("one", "two/deeper"):
        project = toy_site(tmp_path / name)
        folder = project.build("site")
        build_site(project, ["demo"], folder)
        files = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        built.append(files)
    one, two = built
    assert [str(path) for path in one if one[path] != two.get(path)] == []
    assert one.keys() == two.keys()


def test_a_link_to_nowhere_stops_the_build_and_keeps_the_earlier_site(tmp_path):
    project = toy_site(tmp_path, prose="# A toy\n\n[gone](missing.md)")
    folder = project.build("site")
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("earlier")
    with pytest.raises(SiteError, match=r"demo/02_use\.ipynb.*missing\.md"):
        build_site(project, ["demo"], folder)
    assert [path.read_text() for path in folder.iterdir()] == ["earlier"]
    assert list(project.root.glob("build/.site-*")) == []


def test_without_a_run_there_is_no_site(tmp_path):
    project = Project(toy.make_project(tmp_path))
    with pytest.raises(SiteError, match="no profile of demo has run: python -m analysis run"):
        build_site(project, ["demo"], project.build("site"))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_pages_fit_a_phone_and_a_laptop_with_all_pictures_and_chinese_glyphs(site, documents):
    from playwright.sync_api import sync_playwright

    problems = []
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        for path in sorted(documents):
            page.goto(path.as_uri())
            page.evaluate("document.fonts.ready")
            blank = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
            if page.evaluate(blank):
                problems.append(f"{path.name}: a picture is missing")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                wide = page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    problems.append(f"{path.name}: {wide} pixels on {width}")
        page.goto((site / "demo" / "tables.html").as_uri())
        page.evaluate("document.fonts.ready")
        assert _fonts(page, "td:nth-child(5)") == {"Linkage Sans SC"}
        browser.close()
    assert problems == []


def _fonts(page, selector):
    """Fonts with which Chromium draws the first Chinese cell."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    asked = {"nodeId": root, "selector": selector}
    node = session.send("DOM.querySelector", asked)["nodeId"]
    fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    return {font["familyName"] for font in fonts}
