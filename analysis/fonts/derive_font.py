"""Derive the figure font from Noto Sans SC (SIL Open Font License 1.1).

    python analysis/fonts/derive_font.py FONT [TEXT ...]

FONT is NotoSansSC_400Regular.ttf of the npm package @expo-google-fonts/noto-sans-sc
0.4.3. Each TEXT is a UTF-8 file, an xlsx workbook or a parquet table whose characters must
be in the font: data/raw/facts/*.csv, data/raw/boundaries/counties.parquet, the two census
workbooks. GB 2312, Latin, Greek and the signs below are always included. Writes
NotoSansSC-subset.ttf beside this script;
same input and same fontTools: same bytes.

The licence reserves the font name 'Source' (not used here). The family is renamed all the
same, so that a full Noto Sans SC installed on a machine cannot take the place of this one.
"""

import hashlib
import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from fontTools import subset
from fontTools.ttLib import TTFont
from pyarrow import parquet

FONT_SHA256 = "d45f67f0a7c0ca3f256950777ce6a61cc7ce5f9696d02900cbbaac25f8aa7d16"
FAMILY = "Linkage Sans SC"
TARGET = Path(__file__).parent / "NotoSansSC-subset.ttf"
RANGES = [(0x20, 0x7E), (0xA0, 0x17F), (0x391, 0x3A9), (0x3B1, 0x3C9)]
SIGNS = (
    "‐‑–—‘’“”†‡•…‰′″€№←↑→↓−√∞∑∏∂∫≈≠≤≥×÷±·°¹²³⁴⁻₀₁₂₃½¼¾△▲▼◆●○■□㎡℃"
    "　、。《》〈〉「」『』【】（）：；，！？％＋－～"
)
NAME_RECORDS = {
    1: FAMILY,
    3: f"{FAMILY} subset",
    4: f"{FAMILY} Regular",
    6: "LinkageSansSC-Regular",
}
KEPT_NAMES = [0, 1, 2, 3, 4, 5, 6, 7, 13, 14]  # copyright, names, version, trademark, licence
DROPPED_TABLES = ["BASE", "GDEF", "GPOS", "GSUB", "STAT", "vhea", "vmtx", "gasp", "prep"]


def gb2312() -> set[str]:
    """Return the 6763 hanzi and the signs of GB 2312."""
    pairs = (bytes((row, cell)) for row in range(0xA1, 0xF8) for cell in range(0xA1, 0xFF))
    return {char for pair in pairs for char in pair.decode("gb2312", errors="ignore")}


def characters_of(path: Path) -> set[str]:
    """Return the characters of a text file, of a workbook's strings, of a table's texts."""
    if path.suffix == ".parquet":
        columns = [f.name for f in parquet.read_schema(path) if "string" in str(f.type)]
        table = parquet.read_table(path, columns=columns).to_pydict()
        return {char for values in table.values() for text in values for char in text or ""}
    if path.suffix != ".xlsx":
        return set(path.read_text(encoding="utf-8"))
    with zipfile.ZipFile(path) as book:
        parts = [n for n in book.namelist() if re.search(r"sharedStrings|sheet\d+\.xml$", n)]
        roots = [ElementTree.fromstring(book.read(name)) for name in parts]
    return {char for root in roots for text in root.itertext() for char in text}


def derive(font: TTFont, characters: set[str]) -> TTFont:
    """Cut the font down to the characters and rename its family."""
    options = subset.Options(
        hinting=False,
        layout_features=[],
        name_IDs=KEPT_NAMES,
        notdef_outline=True,
        drop_tables=DROPPED_TABLES,
        recalc_timestamp=False,
    )
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes={ord(char) for char in characters})
    cutter.subset(font)
    for record in font["name"].names:
        if record.nameID in NAME_RECORDS:
            record.string = NAME_RECORDS[record.nameID]
    return font


def main() -> None:
    """Write the subset and report its size and what the source font lacks."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    source = Path(sys.argv[1])
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != FONT_SHA256:
        raise SystemExit(f"{source}: sha256 {found}, expected {FONT_SHA256}")
    wanted = gb2312() | set(SIGNS) | {chr(c) for a, b in RANGES for c in range(a, b + 1)}
    texts = [characters_of(Path(name)) for name in sys.argv[2:]]
    needed = {char for text in texts for char in text if char.isprintable()}
    font = TTFont(source, recalcTimestamp=False)
    lacking = sorted(needed - {chr(c) for c in font.getBestCmap()})
    derive(font, wanted | needed).save(TARGET)
    content = TARGET.read_bytes()
    print(f"{TARGET.name}: {len(content)} bytes, {len(TTFont(TARGET).getBestCmap())} characters")
    print(f"sha256 {hashlib.sha256(content).hexdigest()}")
    print(f"not in the source font: {lacking or 'nothing'}")


if __name__ == "__main__":
    main()
