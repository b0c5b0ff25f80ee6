"""Boundary layers, projection and the codes of the 832."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import geography

ROOT = Path(__file__).parents[1]
BOUNDARIES = ROOT / "data/raw/boundaries"

PROJECTION_TOLERANCE = 1e-5  # chords of 0.1 degree in place of curved edges
AXIS, FLATTENING = 6378137.0, 1 / 298.257223563  # WGS 84
# Land area of a province in km2 as its government states it (rounded); the layer is
# simplified, so one percent. Inland provinces only: at a coast the sources differ.
OFFICIAL_AREA = {"河南省": 167_000, "湖北省": 185_900, "贵州省": 176_167, "四川省": 486_000}
AREA_TOLERANCE = 0.01


@pytest.fixture(scope="module")
def counties():
    return geography.load_counties(BOUNDARIES)


@pytest.fixture(scope="module")
def provinces():
    return geography.load_provinces(BOUNDARIES)


@pytest.fixture(scope="module")
def poverty():
    return pd.read_csv(ROOT / "data/raw/facts/poverty_counties_832.csv", dtype=str)


def test_files_are_those_of_the_card():
    card = yaml.safe_load((BOUNDARIES / "source.yml").read_text(encoding="utf-8"))
    for entry in card["files"]:
        content = (BOUNDARIES / entry["name"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (
            entry["sha256"],
            entry["bytes"],
        )
        assert len(content) < 3_000_000


def test_county_layer_is_an_exact_coverage(counties):
    shapes = counties.geometry.to_numpy()
    assert len(counties) == 2875
    assert shapely.is_valid(shapes).all() and not shapely.is_empty(shapes).any()
    assert shapely.coverage_is_valid(shapes)
    moved = shapes.copy()
    moved[0] = shapely.transform(moved[0], lambda xy: xy + 0.01)
    assert not shapely.coverage_is_valid(moved)  # the check sees an overlap of a kilometre


def test_provinces_are_their_counties(counties, provinces):
    assert len(provinces) == 34 and provinces.is_valid.all()
    whole = geography.to_albers(provinces).set_index("province").area
    parts = geography.to_albers(counties).area.groupby(counties["province"]).sum()
    pd.testing.assert_series_equal(
        whole.sort_index(), parts.sort_index(), rtol=1e-9, check_names=False
    )
    for province, official in OFFICIAL_AREA.items():
        assert whole[province] / 1e6 == pytest.approx(official, rel=AREA_TOLERANCE)


def test_keys_and_regions(counties, provinces):
    assert counties["code"].is_unique and counties["code"].is_monotonic_increasing
    assert counties["code"].str.fullmatch(r"\d{6}").all()
    assert (counties["prefecture_code"] == counties["code"].str[:4]).all()
    assert set(geography.REGIONS) == set(provinces["province"]) - {
        "台湾省",
        "香港特别行政区",
        "澳门特别行政区",
    }
    assert provinces["region"].value_counts().to_dict() == {
        "east": 10,
        "central": 6,
        "west": 12,
        "northeast": 3,
    }


def test_maritime_line_has_ten_parts():
    line = geography.load_maritime_line(BOUNDARIES)
    assert line["part"].tolist() == list(range(1, 11))
    assert set(line.geom_type) == {"LineString"}
    west, south, east, north = line.total_bounds
    assert 105 < west < east < 123 and 3 < south < north < 25


def test_all_832_lie_in_831_polygons(counties, poverty):
    joined = geography.fix_poverty_codes(poverty)
    assert (len(joined), joined["code"].isin(counties["code"]).sum()) == (832, 832)
    assert joined["code"].nunique() == 831  # 冷湖行委 and 茫崖行委 share 茫崖市
    names = counties.set_index("code")["name"].reindex(joined["code"]).to_numpy()
    same_start = np.array([a[0] == b[0] for a, b in zip(joined["name"], names, strict=True)])
    assert joined.loc[~same_start, "name"].tolist() == [
        # renamed when they became districts, or merged
        *("大同县", "上饶县", "那曲县", "冷湖行委"),
    ]


def test_fix_needs_code_and_name(poverty):
    fixed = geography.fix_poverty_codes(poverty)
    assert (fixed["code"] != poverty["code"]).sum() == 1
    other = pd.DataFrame({"code": ["630104"], "name": ["城西区"]})
    assert geography.fix_poverty_codes(other)["code"].tolist() == ["630104"]


def test_bad_input_is_named(tmp_path, counties):
    with pytest.raises(ValueError, match=r"counties\.parquet: file missing; restore"):
        geography.load_counties(tmp_path)
    (tmp_path / "counties.parquet").write_bytes(b"not parquet")
    with pytest.raises(ValueError, match="not a readable GeoParquet"):
        geography.load_counties(tmp_path)
    faulty = counties.head(2).drop(columns="name").assign(code="110101")
    faulty.to_crs(3857).to_parquet(tmp_path / "counties.parquet")
    with pytest.raises(ValueError, match="column name missing; code not unique; coordinate"):
        geography.load_counties(tmp_path)
    with pytest.raises(ValueError, match=r"missing column\(s\) code"):
        geography.fix_poverty_codes(pd.DataFrame({"x": [1]}))


def band(latitude: float) -> float:
    """Area between equator and latitude per radian of longitude on WGS 84 (Snyder 1987, 3-12)."""
    e = math.sqrt(FLATTENING * (2 - FLATTENING))
    sine = math.sin(math.radians(latitude))
    log_term = math.log((1 - e * sine) / (1 + e * sine)) / (2 * e)
    return AXIS**2 * (1 - e**2) / 2 * (sine / (1 - e**2 * sine**2) - log_term)


@settings(max_examples=40, deadline=None)
@given(west=st.floats(75, 130), south=st.floats(18, 50), size=st.floats(0.2, 4))
def test_projection_keeps_areas(west, south, size):
    import geopandas

    box = shapely.segmentize(shapely.box(west, south, west + size, south + size), 0.1)
    frame = geopandas.GeoDataFrame(geometry=[box], crs="EPSG:4326")
    expected = (band(south + size) - band(south)) * math.radians(size)
    assert geography.to_albers(frame).area[0] == pytest.approx(expected, rel=PROJECTION_TOLERANCE)
