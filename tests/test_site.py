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
from analysis.project import Project, ProjectError
from analysis.site import SiteError, build_site

ROOT = Path(__file__).parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
RUN = [sys.executable, "-m", "analysis", "run"]
WIDTHS = (390, 1280)  # a phone, a laptop


PROFILES = ["demo", "census"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of demo, and of census where its steps have run."""
    subprocess.run(RUN, cwd=ROOT, check=True)
    folder = tmp_path_factory.mktemp("site") / "html"
    build_site(Project(ROOT), PROFILES, folder)
    return folder


@pytest.fixture(scope="module")
def documents(site):
    found = [path for path in site.rglob("*.html") if path.relative_to(site).parts[0][0] != "_"]
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
    links = documents[site / "index.html"].xpath("//a[@class='claim']/@href")
    assert "demo/claims.html#truth.masking.recall" in links
    claims = json.loads(Project(ROOT).claims("demo").read_text(encoding="utf-8"))
    rows = documents[site / "demo" / "claims.html"].xpath("//tbody/tr")
    assert len(rows) == len(claims)


def test_a_readme_that_quotes_no_claim_stops_the_build(tmp_path):
    project = toy_site(tmp_path)
    text = "# Toy\n\n<!-- claim demo toy.columns d -->3<!-- /claim -->\n"
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(ProjectError, match="unknown claim toy.columns of profile demo"):
        build_site(project, ["demo"], project.build("site"))
    (tmp_path / "README.md").unlink()
    assert build_site(project, ["demo", "demo"], project.build("site")).is_file()


def test_every_picture_is_described(documents, site):
    page = documents[site / "demo" / "40_estimate_panel_models.html"]
    described = page.xpath("//div[contains(@class, 'cell_output')]//img/@alt")
    assert any("SIMULATED" in words and "95%" in words for words in described)
    pictures = [alt for page in documents.values() for alt in page.xpath("//article//img/@alt")]
    assert pictures
    assert [alt for alt in pictures if alt.endswith(".png")] == []


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
    page = site_pages.notebook_page(content, {"02_use": "demo"}, {}, "stale: *a* changed")
    assert [c["source"] for c in page["cells"]] == [
        "# 01\nsee [02](../demo/02_use.ipynb)",
        "```{warning}\nThis page shows an earlier run, stale: \\*a\\* changed.\n```",
    ]
    assert json.dumps(content) == before


HOSTILE = [
    "a|b", "two\nlines", "<script>alert(1)</script>", "a < b & c > d", "`x` *y* _z_ [t](u) $m$",
    "{download}`x <y>`", "\\| back", "![p](q.png)", "<!-- c -->", "&amp; &#60;", "n_a_m_e",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_from_a_file_is_shown_as_it_is(text):
    from markdown_it import MarkdownIt

    table = site_pages.rows_table(["x", "y"], [(site_pages.plain(text), 1)])
    rendered = html.fromstring(MarkdownIt().enable("table").render(table))
    assert [cell.text_content() for cell in rendered.xpath("//td")] == [" ".join(text.split()), "1"]
    assert rendered.xpath("//td/*") == []


def toy_site(folder, *steps, prose="# A toy"):
    project = Project(toy.make_project(folder))
    (folder / "README.md").write_text("# Toy\n\n[02](notebooks/02_use.ipynb)\n")
    path = project.notebooks / "02_use.ipynb"
    toy.write_notebook(path, toy.USE, prose=prose)
    for name, cells in {"01_make": toy.MAKE, "03_other": toy.OTHER}.items():
        toy.write_notebook(project.notebooks / f"{name}.ipynb", cells, prose="# Other")
    subprocess.run([*RUN, *steps], cwd=folder, check=True)
    return project


def test_what_came_of_an_earlier_run_is_marked_everywhere_and_personal_data_then_refused(tmp_path):
    project = toy_site(tmp_path)
    toy.write_notebook(project.notebooks / "02_use.ipynb", [*toy.USE, "rows = 1"], prose="# 02")
    folder = project.build("site")
    build_site(project, ["demo"], folder)
    page = html.parse(str(folder / "demo" / "02_use.html")).getroot()
    assert "This page shows an earlier run, stale: number of code cells" in page.text_content()
    rows = html.parse(str(folder / "demo" / "claims.html")).xpath("//tbody/tr")
    assert [row.text_content().split()[-2:] for row in rows] == [["(earlier", "run)"]]
    card = project.source("things") / "source.yml"
    card.write_text(card.read_text().replace("public", "personal"))
    with pytest.raises(SiteError, match=r"run the profile before its pages:\n  - profile demo, 0"):
        build_site(project, ["demo"], folder)


def test_a_step_left_out_after_it_ran_has_no_page(tmp_path):
    project = toy_site(tmp_path)
    text = project.parameters.read_text()
    left_out = "sources: [things]\n    leave_out: {03_other: not now}"
    project.parameters.write_text(text.replace("sources: [things]", left_out))
    folder = project.build("site")
    build_site(project, ["demo"], folder)
    assert not (folder / "demo" / "03_other.html").exists()
    assert "as committed" in (folder / "notebooks" / "03_other.html").read_text()


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


def test_a_step_that_has_not_run_is_named_and_its_page_is_the_committed_one(tmp_path):
    project = toy_site(tmp_path, "01_make")
    folder = project.build("site")
    build_site(project, ["demo"], folder)
    assert (folder / "demo" / "01_make.html").is_file()
    index = (folder / "index.html").read_text()
    assert 'href="notebooks/02_use.html"' in index
    steps = html.parse(str(folder / "demo" / "index.html")).xpath("//td[1]")
    assert [bool(cell.xpath(".//a")) for cell in steps[1:]] == [True, False, False]


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
