"""Exhibits on disk: all formats in both languages, stamped, readable, reproducible."""

import re
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import exhibits, figure_style
from analysis.exhibits import STAMP, STAMP_HEIGHT_MM, ExhibitError, save_figure, save_table
from analysis.tables import Table

WIDTH_MM, HEIGHT_MM = 90, 40
POINTS_PER_MM = 72 / 25.4
TITLES = {"en": "Poor & rich (%)", "zh": "贫困县（%）"}
DATA = pd.DataFrame({"code": ["110101"], "value": [1.5], "geometry": ["POINT (1 1)"]})
ROUNDED = 0.01  # points; the writers print rounded lengths
FIGURE_FILES = [
    f"f{lang}.{kind}" for lang in ("", "_zh") for kind in ("svg", "pdf", "png")
] + ["f.csv"]  # fmt: skip


def draw(lang):
    with figure_style.style():
        size = figure_style.figure_size(WIDTH_MM, HEIGHT_MM)
        fig = Figure(figsize=size, layout="constrained")
        ax = fig.subplots()
        ax.plot([1, 2], [3, -4], label="a")
        ax.set_title(TITLES[lang])
        fig.legend(loc="outside lower center")
    return fig


def pdf_objects(content):
    """Objects of a pdf by number, streams inflated."""
    found = {}
    for number, body in re.findall(rb"(\d+) 0 obj\n(.*?)\nendobj", content, re.DOTALL):
        head, _, stream = body.partition(b"stream\n")
        found[int(number)] = head + (zlib.decompressobj().decompress(stream) if stream else b"")
    return found


def pdf_text(content):
    """Text that a reader can select, by the ToUnicode maps (PDF 32000-1, 9.10)."""
    objects = pdf_objects(content)
    named = re.findall(rb"/(F\d+) (\d+) 0 R", b"".join(v for v in objects.values() if b"/F1 " in v))
    unicode_of = {}
    for font, number in named:
        to_unicode = re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)])
        assert to_unicode
        ranges = re.findall(
            rb"<(\w{4})> <\w{4}> \[(.*?)\]", objects[int(to_unicode[1])], re.DOTALL
        )  # fmt: skip
        unicode_of[font] = {
            int(start, 16) + step: bytes.fromhex(target.decode()).decode("utf-16-be")
            for start, targets in ranges
            for step, target in enumerate(re.findall(rb"<(\w+)>", targets))
        }
    page = next(v for v in objects.values() if b" Tf" in v and b"TJ" in v)
    text, font = "", b""
    token = rb"/(F\d+) [\d.]+ Tf|\(((?:\\.|[^\\)])*)\)|(ET)"
    for chosen, codes, end in re.findall(token, page, re.DOTALL):
        font = chosen or font
        codes = re.sub(rb"\\([nrtbf()\\])", unescape, codes)
        for (code,) in struct.iter_unpack(">H", codes):
            text += unicode_of[font][code]
        text += "\n" if end else ""
    return text


def unescape(match):
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}.get(match[1], match[1])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same figure saved as simulated and as real."""
    found = {}
    for simulated in (True, False):
        found[simulated] = tmp_path_factory.mktemp("figures")
        save_figure(found[simulated] / "f", draw, DATA, simulated=simulated)
    return found


# --- figures


def test_every_format_in_both_languages_and_the_data(folders):
    for folder in folders.values():
        assert sorted(path.name for path in folder.iterdir()) == sorted(FIGURE_FILES)
        assert (folder / "f.csv").read_text(encoding="utf-8-sig") == "code,value\n110101,1.5\n"


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize(("lang", "suffix"), exhibits.LANGUAGES.items())
def test_stamp_stands_on_simulated_figures_only(folders, simulated, lang, suffix):
    svg = (folders[simulated] / f"f{suffix}.svg").read_text(encoding="utf-8")
    pdf = pdf_text((folders[simulated] / f"f{suffix}.pdf").read_bytes())
    assert TITLES[lang] in pdf
    for text in (svg, pdf):
        assert (STAMP[lang] in text) is simulated
        assert ("SIMULATED" in text) is simulated


def test_png_carries_the_stamp_in_a_band_above_an_unchanged_figure(folders):
    from matplotlib.image import imread

    for suffix in ("", "_zh"):
        stamped, plain = (imread(folders[s] / f"f{suffix}.png") for s in (True, False))
        band = len(stamped) - len(plain)
        assert band == pytest.approx(STAMP_HEIGHT_MM / 25.4 * exhibits.PNG_DPI, abs=1)
        vermillion = (stamped[..., 0] > 0.7) & (stamped[..., 2] < 0.2)
        assert vermillion[:band].any() and not vermillion[band:].any()
        # half a pixel of band shifts the raster: compare the ink of both halves, not its pixels
        assert (stamped[band:] < 0.5).mean() == pytest.approx((plain < 0.5).mean(), rel=0.02)


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize("suffix", ["", "_zh"])
def test_size_on_paper(folders, simulated, suffix):
    height_mm = HEIGHT_MM + simulated * STAMP_HEIGHT_MM
    expected = (WIDTH_MM * POINTS_PER_MM, height_mm * POINTS_PER_MM)
    folder = folders[simulated]
    box = re.search(
        rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", (folder / f"f{suffix}.pdf").read_bytes()
    )  # fmt: skip
    assert box and [float(x) for x in box.groups()] == pytest.approx(expected, abs=ROUNDED)
    svg = (folder / f"f{suffix}.svg").read_text(encoding="utf-8")
    size = re.search(r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    assert size and [float(x) for x in size.groups()] == pytest.approx(expected, abs=ROUNDED)
    width, _ = struct.unpack(">II", (folder / f"f{suffix}.png").read_bytes()[16:24])
    assert width == pytest.approx(WIDTH_MM / 25.4 * exhibits.PNG_DPI, abs=1)


@pytest.mark.parametrize("suffix", ["", "_zh"])
def test_pdf_embeds_the_figure_font_as_truetype(folders, suffix):
    objects = b"\n".join(pdf_objects((folders[True] / f"f{suffix}.pdf").read_bytes()).values())
    descriptors = re.findall(rb"<< /Type /FontDescriptor.*?>>", objects, re.DOTALL)
    assert descriptors and all(b"/FontFile2 " in d for d in descriptors)
    assert set(re.findall(rb"/Subtype /(\w*Type\w*)", objects)) == {b"CIDFontType2", b"Type0"}
    assert set(re.findall(rb"/BaseFont /\w+\+([\w-]+)", objects)) == {b"LinkageSansSC-Regular"}


def test_svg_holds_outlines_so_that_no_font_is_needed(folders):
    for suffix in ("", "_zh"):
        svg = (folders[True] / f"f{suffix}.svg").read_text(encoding="utf-8")
        assert "<text" not in svg and "font-family" not in svg
        assert not re.search(r' d="[^"]*\.\d{3}', svg)


def test_two_saves_give_the_same_bytes(folders, tmp_path):
    save_figure(tmp_path / "f", draw, DATA, simulated=True)
    assert contents(tmp_path) == contents(folders[True])
    assert contents(tmp_path) != contents(folders[False])


UNREADABLE = {
    "glyph": ((0.1, 0.4, "龘"), r"zh: the font lacks '龘'"),
    "clip": ((0.97, 0.4, "outside"), r"zh: text leaves the canvas: 'outside'"),
    "overlap": ((0.12, 0.88, "over it"), r"zh: texts overlap: .*'over it'"),
}


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
@pytest.mark.parametrize("fault", UNREADABLE)
def test_unreadable_figure_is_refused_and_earlier_files_stay(fault, tmp_path):
    entry, message = UNREADABLE[fault]

    def spoilt(lang):
        fig = draw(lang)
        if lang == "zh":  # the last one drawn
            with figure_style.style():
                fig.text(*entry).set_in_layout(False)
        return fig

    save_figure(tmp_path / "f", draw, DATA, simulated=False)
    before = contents(tmp_path)
    with pytest.raises(ExhibitError, match=message) as caught:
        save_figure(tmp_path / "f", spoilt, DATA.assign(value=9), simulated=False)
    assert "figure f cannot be read" in str(caught.value) and "en:" not in str(caught.value)
    assert contents(tmp_path) == before


def test_every_fault_of_both_languages_is_named(tmp_path):
    def spoilt(lang):
        fig = draw(lang)
        with figure_style.style():
            fig.text(0.97, 0.3, "outside").set_in_layout(False)
            fig.text(0.97, 0.3, "twice").set_in_layout(False)
        return fig

    with pytest.raises(ExhibitError) as caught:
        save_figure(tmp_path / "f", spoilt, DATA, simulated=True)
    for lang in ("en", "zh"):
        assert f"{lang}: text leaves the canvas: 'outside'" in str(caught.value)
        assert f"{lang}: texts overlap: 'outside' and 'twice'" in str(caught.value)
    assert contents(tmp_path) == {}


def test_image_of_the_notebook_is_the_english_figure(folders, tmp_path):
    saved = save_figure(tmp_path / "f", draw, DATA, simulated=True)
    assert saved.data == exhibits.show_figure(draw, simulated=True).data
    assert saved.data != exhibits.show_figure(draw, simulated=False).data
    width, height = struct.unpack(">II", saved.data[16:24])
    assert width == pytest.approx(WIDTH_MM / 25.4 * exhibits.SCREEN_DPI, abs=1)
    assert height > HEIGHT_MM / 25.4 * exhibits.SCREEN_DPI


def test_a_figure_in_a_notebook_can_be_read_without_being_seen(tmp_path):
    def with_note(lang):
        fig = Figure(figsize=(5, 2), layout="constrained")
        fig.subplots()
        figure_style.add_note(fig, "What it draws, wrapped to the width of the figure")
        return fig

    saved = save_figure(tmp_path / "fig01_map", with_note, DATA, simulated=True)
    words = "fig01 map. SIMULATED. What it draws, wrapped to the width of the figure"
    assert saved._repr_mimebundle_()[1] == {"image/png": {"alt": words}}


# --- tables

HOSTILE = "R&D 50%_of <5, $x #1"


def table(lang="en", *, caption="A caption"):
    head = {"en": "Share_%", "zh": "占比_%"}[lang]
    frame = pd.DataFrame(
        {"name": [HOSTILE, "贫困县", "plain"], head: [-1.23456, np.nan, 2.0], "n": [3, 4, 5]}
    )
    return Table(frame, caption, "Notes: 100% & <all>, a_b.", decimals={head: 2})


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    found = {}
    for simulated in (True, False):
        found[simulated] = tmp_path_factory.mktemp("tables")
        save_table(found[simulated] / "t", table, simulated=simulated)
    return found


def read(folder, name):
    return (folder / name).read_text(encoding="utf-8-sig")


def unescaped(latex):
    """Special characters of LaTeX that no backslash protects."""
    return re.findall(r"(?<!\\)[%$#_]", re.sub(r"\\\\", "", latex))


def rows(latex):
    body = latex.split("\\midrule\n")[1].split("\\bottomrule")[0]
    return [re.split(r"(?<!\\)&", line.removesuffix("\\\\")) for line in body.strip().split("\n")]


def test_table_files(tables):
    names = ["t.csv", "t.html", "t.tex", "t_zh.html", "t_zh.tex"]
    for folder in tables.values():
        assert sorted(path.name for path in folder.iterdir()) == names


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize(("lang", "suffix"), exhibits.LANGUAGES.items())
@pytest.mark.parametrize("kind", ["html", "tex"])
def test_stamp_stands_on_simulated_tables_only(tables, simulated, lang, suffix, kind):
    text = read(tables[simulated], f"t{suffix}.{kind}")
    assert (STAMP[lang] in text) is simulated
    assert ("SIMULATED" in text) is simulated


def test_csv_is_exact_and_unrounded(tables):
    back = pd.read_csv(tables[True] / "t.csv")
    pd.testing.assert_frame_equal(back, table().frame, check_dtype=False, check_exact=True)
    assert f'"{HOSTILE}"' in read(tables[True], "t.csv")


def test_html_escapes_and_prints_true_signs(tables):
    page = read(tables[False], "t.html")
    assert "R&amp;D 50%_of &lt;5, $x #1" in page and "<5" not in page
    assert "100% &amp; &lt;all&gt;, a_b." in page
    cells = re.findall(r"<td [^>]*>(.*?)</td>", page)
    assert cells[1::3] == ["−1.23", "–", "2.00"]
    assert page.startswith("<!DOCTYPE html>") and 'charset="utf-8"' in page
    assert "占比_%" in read(tables[False], "t_zh.html")
    assert ".col1 {\n  text-align: right" in page and ".col0 {\n  text-align: right" not in page


@pytest.mark.parametrize("suffix", ["", "_zh"])
@pytest.mark.parametrize("simulated", [True, False])
def test_latex_is_balanced_and_escaped(tables, suffix, simulated):
    latex = read(tables[simulated], f"t{suffix}.tex")
    plain = re.sub(r"\\[{}]", "", latex)
    depth = np.cumsum([(c == "{") - (c == "}") for c in plain])
    assert depth[-1] == 0 and depth.min() == 0
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", latex) for word in ("begin", "end"))
    assert begun == ended[::-1] == ["table", "tabular"]
    assert unescaped(latex) == []
    assert [len(row) for row in rows(latex)] == [3, 3, 3]
    assert r"\begin{tabular}{lrr}" in latex
    assert rows(latex)[0][0].strip() == r"R\&D 50\%\_of <5, \$x \#1"
    assert [row[1].strip() for row in rows(latex)] == ["−1.23", "–", "2.00"]
    assert r"Notes: 100\% \& <all>, a\_b." in latex


def test_fragment_of_the_notebook_is_stamped_and_no_page(tmp_path):
    shown = save_table(tmp_path / "t", table, simulated=True).data
    assert STAMP["en"] in shown and "<html" not in shown
    assert STAMP["en"] not in save_table(tmp_path / "t", table, simulated=False).data


def test_two_saves_of_a_table_give_the_same_bytes(tables, tmp_path):
    save_table(tmp_path / "t", table, simulated=True)
    assert contents(tmp_path) == contents(tables[True])


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.5, 2, "−0.50"), (-0.001, 2, "0.00"), (np.nan, 2, "–"), (pd.NA, 0, "–"), (-3, 0, "−3")],
)
def test_number_is_printed_with_true_minus_and_no_negative_zero(value, digits, text):
    assert exhibits.printed(value, digits) == text


def test_whole_numbers_have_no_decimals_unless_their_column_has(tmp_path):
    frame = pd.DataFrame({"whole": [1.0, -2.0], "mixed": [1.0, 2.5], "word": ["a-b", None]})
    save_table(tmp_path / "t", lambda _: Table(frame, "c", "n", decimals=1), simulated=False)
    cells = re.findall(r"<td [^>]*>(.*?)</td>", read(tmp_path, "t.html"))
    assert cells == ["1", "1.0", "a-b", "−2", "2.5", "–"]


def test_caption_is_escaped(tmp_path):
    save_table(tmp_path / "t", lambda lang: table(lang, caption="5% & <b>"), simulated=False)
    assert unescaped(read(tmp_path, "t.tex")) == []
    assert r"\caption{5\% \& <b>}" in read(tmp_path, "t.tex")
    assert "<caption>5% &amp; &lt;b&gt;</caption>" in read(tmp_path, "t.html")
