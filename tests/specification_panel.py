"""A small county panel with a known effect of designation, for tests of the specification curve."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.models.specification_choices import Choices
from analysis.models.specifications import sweep

BASELINE = ("relief", "schooling")
CHOICES = Choices(
    samples=["rural_2010", "all", "rural_2010 & not area_changed"],
    controls=["baseline", "none", "level", "baseline without relief"],
    estimators=[
        "province_effects", "least_squares", "prefecture_effects", "regression_adjustment",
    ],
    clusters=["province", "prefecture"],
    weights=["none", "population"],
)  # fmt: skip


def county_panel(*, effect=1.0, provinces=8, counties=24, years=(2010, 2020), seed=5):
    """Changes depend on province, prefecture, relief and the level; half are rural."""
    rng = np.random.default_rng(seed)
    n = provinces * counties
    province = np.repeat(np.arange(provinces), counties)
    prefecture = np.tile(np.repeat(np.arange(counties // 6), 6), provinces)
    relief = rng.gamma(2.0, 1.0, n) + province / 4
    designated = rng.random(n) < 1 / (1 + np.exp(1.5 - 0.4 * relief))
    level = 40 + 2 * relief + rng.normal(0, 5, n)
    trend = 0.5 * province + rng.normal(0, 1, provinces * (counties // 6)).repeat(6)
    frames = []
    for year in years:
        passed = (year - years[0]) / (years[-1] - years[0])
        change = passed * (10 - 0.2 * (level - 40) + trend + 0.3 * relief) + (
            effect * designated * (year > years[0])
        )
        frames.append(
            pd.DataFrame({
                "code": [f"{i:06d}" for i in range(n)], "year": year,
                "province": [f"P{p}" for p in province],
                "prefecture": [f"F{f}" for f in prefecture],
                "region": np.where(province < provinces // 2, "east", "west"),
                "designated": designated, "rural_2010": np.arange(n) % 4 > 0,
                "area_changed": np.arange(n) % 10 == 0,
                "tap_water": level + change + rng.normal(0, 1, n),
                "toilet": 50 + passed * rng.normal(0, 3, n) + rng.normal(0, 1, n),
                "schooling": 8 + rng.normal(0, 0.4, n), "relief": relief,
                "population": rng.integers(20_000, 900_000, n),
            })
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def run(panel=None, choices=CHOICES, *, permutations=0, outcomes=("tap_water",), **options):
    """Sweep the small panel."""
    panel = county_panel() if panel is None else panel
    defaults: dict[str, Any] = {"baseline_controls": BASELINE, "rng": np.random.default_rng(1)}
    given = defaults | options
    return sweep(panel, outcomes=outcomes, choices=choices, permutations=permutations, **given)
