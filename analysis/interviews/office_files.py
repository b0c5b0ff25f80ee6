"""Word documents and workbooks that are the same bytes for the same content.

The usual writers stamp the hour into what they write and pack it with whatever zlib there is. These
two write the few parts that the formats require (ECMA-376, transitional), unpacked and undated.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OFFICE = "http://schemas.openxmlformats.org"
WORD = f'xmlns:w="{OFFICE}/wordprocessingml/2006/main"'
SHEET = f'xmlns="{OFFICE}/spreadsheetml/2006/main"'
REL = f'xmlns:r="{OFFICE}/officeDocument/2006/relationships"'
RELATIONSHIP = f"{OFFICE}/officeDocument/2006/relationships"
CORE = f"{OFFICE}/package/2006/relationships/metadata/core-properties"
TYPE = "application/vnd.openxmlformats-officedocument"
CORE_TYPE = "application/vnd.openxmlformats-package.core-properties+xml"
NAME_LENGTH = 31  # of a sheet


def zip_bytes(members: Mapping[str, str]) -> bytes:
    """Return a zip archive of texts in UTF-8, unpacked and with one fixed time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, text in members.items():
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, text.encode("utf-8"))
    return buffer.getvalue()


def docx_bytes(paragraphs: Sequence[tuple[str, str]], *, title: str, stamp: str) -> bytes:
    """Return a Word document.

    Parameters
    ----------
    paragraphs : sequence of (style, text)
        An empty style is that of ordinary text.
    title : str
        Of the core properties.
    stamp : str
        Text of header and footer, also the creator and the subject.
    """
    styles = {name: f"S{i}" for i, name in enumerate(dict.fromkeys(s for s, _ in paragraphs if s))}
    body = "".join(_paragraph(text, styles.get(style, "")) for style, text in paragraphs)
    section = (
        '<w:sectPr><w:headerReference w:type="default" r:id="rId2"/>'
        '<w:footerReference w:type="default" r:id="rId3"/>'
        '<w:pgSz w:w="11906" w:h="16838"/>'
        '<w:pgMar w:top="1440" w:right="1440" w:bottom="1440" w:left="1440" w:header="720" '
        'w:footer="720" w:gutter="0"/></w:sectPr>'
    )
    parts = {
        "word/document.xml": (
            f"{HEAD}<w:document {WORD} {REL}><w:body>{body}{section}</w:body></w:document>"
        ),
        "word/styles.xml": _styles(styles),
        "word/header1.xml": f"{HEAD}<w:hdr {WORD}>{_paragraph(stamp, '')}</w:hdr>",
        "word/footer1.xml": f"{HEAD}<w:ftr {WORD}>{_paragraph(stamp, '')}</w:ftr>",
    }
    types = {name: f"{TYPE}.wordprocessingml.{kind}+xml" for name, kind in zip(
        parts, ("document.main", "styles", "header", "footer"), strict=True)}  # fmt: skip
    targets = {"styles.xml": "styles", "header1.xml": "header", "footer1.xml": "footer"}
    parts["word/_rels/document.xml.rels"] = _relations(targets)
    return zip_bytes(_package("word/document.xml", parts, types, title, stamp))


def xlsx_bytes(sheets: Mapping[str, Sequence[Sequence[str]]], *, title: str, stamp: str) -> bytes:
    """Return a workbook of text cells.

    Parameters
    ----------
    sheets : mapping of name to rows
        Empty cells are left out.
    title, stamp : str
        Core properties, as of `docx_bytes`.
    """
    files = {f"worksheets/sheet{i}.xml": name for i, name in enumerate(sheets, start=1)}
    listed = "".join(
        f'<sheet name={quoteattr(name[:NAME_LENGTH])} sheetId="{i}" r:id="rId{i}"/>'
        for i, name in enumerate(sheets, start=1)
    )
    parts = {
        "xl/workbook.xml": f"{HEAD}<workbook {SHEET} {REL}><sheets>{listed}</sheets></workbook>"
    }
    parts |= {f"xl/{file}": _worksheet(sheets[name]) for file, name in files.items()}
    kinds = ["sheet.main", *(["worksheet"] * len(files))]
    types = {name: f"{TYPE}.spreadsheetml.{kind}+xml" for name, kind in zip(
        parts, kinds, strict=True)}  # fmt: skip
    parts["xl/_rels/workbook.xml.rels"] = _relations(dict.fromkeys(files, "worksheet"))
    return zip_bytes(_package("xl/workbook.xml", parts, types, title, stamp))


def _package(
    main: str, parts: Mapping[str, str], types: Mapping[str, str], title: str, stamp: str
) -> dict[str, str]:
    """Add to the parts of a document what every package has."""
    overrides = {**types, "docProps/core.xml": CORE_TYPE}
    listed = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in overrides.items()
    )
    content = (
        f'{HEAD}<Types xmlns="{OFFICE}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{listed}</Types>'
    )
    relations = (
        f'{HEAD}<Relationships xmlns="{OFFICE}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{RELATIONSHIP}/officeDocument" Target="{main}"/>'
        f'<Relationship Id="rId2" Type="{CORE}" Target="docProps/core.xml"/></Relationships>'
    )
    core = (
        f'{HEAD}<cp:coreProperties xmlns:cp="{OFFICE}/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>'
        f"{escape(stamp)}</dc:creator><dc:subject>{escape(stamp)}</dc:subject>"
        f"<dc:title>{escape(title)}</dc:title></cp:coreProperties>"
    )
    head = {"[Content_Types].xml": content, "_rels/.rels": relations}
    return {**head, **parts, "docProps/core.xml": core}


def _relations(targets: Mapping[str, str]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{i}" Type="{RELATIONSHIP}/{kind}" Target="{target}"/>'
        for i, (target, kind) in enumerate(targets.items(), start=1)
    )
    return (
        f'{HEAD}<Relationships xmlns="{OFFICE}/package/2006/relationships">{listed}</Relationships>'
    )


def _paragraph(text: str, style: str) -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    run = f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'
    return f"<w:p>{properties}{run}</w:p>"


def _styles(names: Mapping[str, str]) -> str:
    ordinary = (
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
        '<w:rPr><w:rFonts w:ascii="Times New Roman" w:eastAsia="SimSun"/><w:sz w:val="24"/></w:rPr>'
        "</w:style>"
    )
    listed = "".join(
        f'<w:style w:type="paragraph" w:customStyle="1" w:styleId="{key}">'
        f'<w:name w:val={quoteattr(name)}/><w:basedOn w:val="Normal"/></w:style>'
        for name, key in names.items()
    )
    return f"{HEAD}<w:styles {WORD}>{ordinary}{listed}</w:styles>"


def _worksheet(rows: Sequence[Sequence[str]]) -> str:
    listed = "".join(
        f'<row r="{r}">'
        + "".join(
            f'<c r="{_column(c)}{r}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t>'
            "</is></c>"
            for c, cell in enumerate(row)
            if cell
        )
        + "</row>"
        for r, row in enumerate(rows, start=1)
    )
    return f"{HEAD}<worksheet {SHEET}><sheetData>{listed}</sheetData></worksheet>"


def _column(number: int) -> str:
    name = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
