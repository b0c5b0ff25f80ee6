"""Embedded official figures: they are those of the press releases, and they add up."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis import facts

FACTS = Path(__file__).parents[1] / "data" / "raw" / "facts"
# National Bureau of Statistics, report no. 15 on the 70th anniversary of the PRC (2019-08-12):
# rural poor in 10,000 persons (1978 and 1985 rounded there) and incidence in percent.
PRINTED = {1978: (77000, 97.5), 1985: (66000, 78.3), 2012: (9899, 10.2), 2018: (1660, 1.7)}


@pytest.fixture
def folder(tmp_path):
    for name in (facts.NATIONAL, facts.REGIONAL):
        shutil.copy(FACTS / name, tmp_path / name)
    return tmp_path


def test_national_series_has_the_printed_values():
    national = facts.load_rural_poverty(FACTS)[0].set_index("year")
    found = national.loc[list(PRINTED), ["rural_poor_10k", "incidence_pct"]]
    assert [tuple(row) for row in found.to_numpy()] == list(PRINTED.values())
    assert national.index.is_unique and national.index.is_monotonic_increasing
    assert (national["rural_poor_10k"].diff().dropna() < 0).all()  # it fell in every interval
    assert national["source"].str.len().min() > 20


def test_regions_sum_to_the_nation():
    national, regional = facts.load_rural_poverty(FACTS)
    parts = regional.pivot(index="year", columns="region3", values="rural_poor_10k")
    assert set(parts) == {"east", "central", "west"} and len(parts) >= 2
    whole = national.set_index("year").loc[parts.index, "rural_poor_10k"]
    assert (parts.sum(axis=1) == whole).all()


def test_every_year_that_does_not_add_up_is_named(folder):
    regional = pd.read_csv(folder / facts.REGIONAL)
    years = sorted(regional["year"].unique())
    first, last = (regional.index[regional["year"] == year][0] for year in (years[0], years[-1]))
    regional.loc[[first, last], "rural_poor_10k"] += 1
    regional.to_csv(folder / facts.REGIONAL, index=False)
    printed = pd.read_csv(FACTS / facts.NATIONAL).set_index("year")["rural_poor_10k"]
    with pytest.raises(ValueError, match="regions do not sum to national_rural_poverty") as caught:
        facts.load_rural_poverty(folder)
    for year in (years[0], years[-1]):
        assert f"{year} ({printed[year] + 1} against {printed[year]})" in str(caught.value)
    assert str(caught.value).count("against") == 2


def test_a_region_year_without_national_figure_is_an_error(folder):
    national = pd.read_csv(folder / facts.NATIONAL)
    national[national["year"] != 2016].to_csv(folder / facts.NATIONAL, index=False)
    with pytest.raises(ValueError, match=r"2016 \(4335 against nan\)"):
        facts.load_rural_poverty(folder)


def test_stack_keeps_every_row_and_names_the_nation():
    national, regional = facts.load_rural_poverty(FACTS)
    before = national.copy()
    both = facts.stack(national, regional)
    assert len(both) == len(national) + len(regional)
    assert (both["region3"] == "national").sum() == len(national)
    assert not both.duplicated(["year", "region3"]).any()
    pd.testing.assert_frame_equal(national, before)
