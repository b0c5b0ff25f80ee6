"""Publication exhibits on disk: figures and tables in English and Chinese, beside their data.

What derives from simulated data is stamped here, so no drawing function can forget it. A figure
with a missing glyph, with texts that overlap or that leave the canvas is refused.
"""

import html
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analysis import figure_style
from analysis.project import ProjectError, atomic_file, bullet_list, write_text
from analysis.step import STAMP
from analysis.storage import write_csv

if TYPE_CHECKING:
    from IPython.display import HTML, Image
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox
    from pandas.io.formats.style import Styler
    from pandas.io.formats.style_render import CSSDict

    from analysis.tables import Table

LANGUAGES = {"en": "", "zh": "_zh"}
STAMP_HEIGHT_MM = 5.0
PNG_DPI = 200
SCREEN_DPI = 100
METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
NUMBER_COLUMNS = "iufc"
HTML_STYLES: "list[CSSDict]" = [
    {"selector": "", "props": "border-collapse:collapse;font-variant-numeric:tabular-nums"},
    {"selector": "caption", "props": "text-align:left;font-weight:bold;margin-bottom:.5em"},
    {"selector": "thead", "props": "border-top:1.5px solid;border-bottom:1px solid"},
    {"selector": "tbody", "props": "border-bottom:1.5px solid"},
    {"selector": "th, td", "props": "padding:.2em .8em;text-align:left"},
]
LATEX_ESCAPES = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)


class ExhibitError(ProjectError):
    """A figure that a reader could not read."""


def save_figure(
    stem: Path,
    draw: "Callable[[str], Figure]",
    data: pd.DataFrame,
    *,
    simulated: bool,
) -> "Image":
    """Write `stem` as svg, pdf and png in two languages and its data as csv.

    Parameters
    ----------
    stem : Path
        Path without suffix; the Chinese version gets `_zh`.
    draw : callable
        Takes `en` or `zh`, returns a Figure sized in inches.
    data : DataFrame
        What the figure draws; a geometry column is left out.
    simulated : bool
        Whether to stamp it.

    Returns
    -------
    Image
        The English figure at screen resolution.

    Raises
    ------
    ExhibitError
        Listing missing glyphs, overlapping and clipped texts of both languages; no file of the
        figure is then written.
    """
    drawn = {lang: _draw(draw, lang) for lang in LANGUAGES}
    if problems := [fault for lang, fig in drawn.items() for fault in _faults(fig, lang)]:
        raise ExhibitError(bullet_list(f"figure {stem.name} cannot be read:", problems))
    boxes = {lang: _stamp(fig, lang) if simulated else None for lang, fig in drawn.items()}
    for lang, fig in drawn.items():
        for kind in METADATA:
            with atomic_file(stem.with_name(f"{stem.name}{LANGUAGES[lang]}.{kind}")) as temporary:
                temporary.write_bytes(_render(fig, kind, boxes[lang]))
    write_csv(stem.with_name(f"{stem.name}.csv"), data.drop(columns="geometry", errors="ignore"))
    return _image(drawn["en"], boxes["en"], stem.name)


def show_figure(draw: "Callable[[str], Figure]", *, simulated: bool) -> "Image":
    """Return the English figure for the notebook, stamped where it is simulated."""
    fig = _draw(draw, "en")
    return _image(fig, _stamp(fig, "en") if simulated else None, "Figure")


def _draw(draw: "Callable[[str], Figure]", lang: str) -> "Figure":
    """Draw a figure and fix its layout, so that a stamp above it moves nothing."""
    with figure_style.style():
        fig = draw(lang)
        fig.draw_without_rendering()
    fig.set_layout_engine("none")
    for legend in fig.legends:
        legend.set_bbox_to_anchor((0, 0, 1, 1), transform=fig.transFigure)
    return fig


def _faults(fig: "Figure", lang: str) -> list[str]:
    with figure_style.style():
        return [
            *(f"{lang}: the font lacks {glyph!r}" for glyph in figure_style.missing_glyphs(fig)),
            *(
                f"{lang}: texts overlap: {a!r} and {b!r}"
                for a, b in figure_style.overlapping_texts(fig)
            ),
            *(f"{lang}: text leaves the canvas: {t!r}" for t in figure_style.clipped_texts(fig)),
        ]


def _stamp(fig: "Figure", lang: str) -> "Bbox":
    """Write the stamp into a band above the figure, which stays as it is; return the new box."""
    from matplotlib.transforms import Bbox

    width, height = fig.get_size_inches()
    band = STAMP_HEIGHT_MM / figure_style.MM_PER_INCH
    with figure_style.style():
        fig.text(
            0.5, 1 + band / height / 2, STAMP[lang], ha="center", va="center",
            color=figure_style.PALETTE["vermillion"], fontsize=figure_style.TEXT_SIZE,
        ).set_in_layout(False)  # fmt: skip
    return Bbox([[0, 0], [width, height + band]])


def _render(fig: "Figure", kind: str, box: "Bbox | None", dpi: int = PNG_DPI) -> bytes:
    buffer = io.BytesIO()
    with figure_style.style():
        fig.savefig(buffer, format=kind, dpi=dpi, bbox_inches=box, metadata=METADATA[kind])
    return _shorten_paths(buffer.getvalue()) if kind == "svg" else buffer.getvalue()


def _shorten_paths(svg: bytes) -> bytes:
    """Round the coordinates of paths to 0.01 pt: half the size, no visible difference."""

    def shorten(path: re.Match[bytes]) -> bytes:
        return re.sub(rb"(\.\d\d)\d+", rb"\1", path.group())

    return re.sub(rb' d="[^"]*"', shorten, svg)


def _image(fig: "Figure", box: "Bbox | None", name: str) -> "Image":
    """Return a figure for the notebook; its name and note are read where it cannot be seen."""
    from IPython.display import Image

    stamp = [] if box is None else ["SIMULATED."]
    words = [f"{name.replace('_', ' ')}.", *stamp, *fig.get_supxlabel().split()]
    return Image(_render(fig, "png", box, SCREEN_DPI), format="png", alt=" ".join(words))


def save_table(stem: Path, build: "Callable[[str], Table]", *, simulated: bool) -> "HTML":
    """Write a table as html and LaTeX in two languages, and once as csv in English.

    Returns
    -------
    HTML
        The English table for the notebook.
    """
    from IPython.display import HTML

    built = {lang: build(lang) for lang in LANGUAGES}
    for lang, table in built.items():
        stamp = STAMP[lang] if simulated else ""
        path = stem.with_name(f"{stem.name}{LANGUAGES[lang]}")
        write_text(path.with_name(f"{path.name}.html"), _html(table, stamp, page=True))
        write_text(path.with_name(f"{path.name}.tex"), _latex(table, stamp))
    plain = built["en"].frame.replace("−", "-", regex=True)
    write_csv(stem.with_name(f"{stem.name}.csv"), plain)
    return HTML(_html(built["en"], STAMP["en"] if simulated else "", page=False))


def printed(value: float, digits: int) -> str:
    """Return a number as printed: rounded, a true minus sign, no negative zero, – if missing."""
    return "–" if pd.isna(value) else f"{value:z.{digits}f}".replace("-", "−")


def _formatted(table: "Table") -> pd.DataFrame:
    """Return the frame as text; columns of whole numbers without decimals."""
    frame = table.frame.copy()
    for position in _numeric(table):
        name = frame.columns[position]
        column = frame[name].astype("float64")
        whole = (column.dropna() % 1 == 0).all()
        decimals = table.decimals
        digits = decimals if isinstance(decimals, int) else decimals.get(name, 3)
        frame[name] = [printed(value, 0 if whole else digits) for value in column]
    return frame.fillna("–").astype("str")


def _numeric(table: "Table") -> list[int]:
    dtypes = enumerate(table.frame.dtypes)
    return [position for position, dtype in dtypes if dtype.kind in NUMBER_COLUMNS]


def _styled(table: "Table", escape: str) -> "Styler":
    frame = _formatted(table)
    caption = html.escape(table.caption)
    if escape == "latex":
        caption = table.caption.translate(LATEX_ESCAPES)
    right: list[CSSDict] = [
        {"selector": f".col{i}", "props": "text-align:right"} for i in _numeric(table)
    ]
    return (
        frame.style.hide(axis="index")
        .format(escape=escape)
        .format_index(escape=escape, axis=1)
        .set_caption(caption)
        .set_table_styles([*HTML_STYLES, *right] if escape == "html" else [])
    )


def _html(table: "Table", stamp: str, *, page: bool) -> str:
    """Return the table with stamp and notes, as a page of its own or as a fragment."""
    styler = _styled(table, "html").set_uuid("exhibit")
    stamped = (
        f'<p style="color:#D55E00"><strong>{html.escape(stamp)}</strong></p>\n' if stamp else ""
    )
    notes = f"<p><small>{html.escape(table.notes)}</small></p>\n"
    text = styler.to_html(doctype_html=page, encoding="utf-8")
    if not page:
        return stamped + text + notes
    return text.replace("<body>", f"<body>\n{stamped}", 1).replace("</body>", f"{notes}</body>", 1)


def _latex(table: "Table", stamp: str) -> str:
    """Return a floating booktabs table; needs booktabs, and xeCJK for the Chinese version."""
    numeric = _numeric(table)
    columns = "".join("r" if i in numeric else "l" for i in range(table.frame.shape[1]))
    text = _styled(table, "latex").to_latex(
        hrules=True, column_format=columns, position="htbp", position_float="centering"
    )
    notes = f"{stamp} {table.notes}".strip().translate(LATEX_ESCAPES)
    return text.replace("\\end{table}", f"\\par\\footnotesize {notes}\n\\end{{table}}")
