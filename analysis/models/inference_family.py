"""Families of hypotheses tested jointly: Romano-Wolf on a wild cluster bootstrap.

Outcomes of the same counties are correlated, so corrections that ignore it are too strict. The
bootstrap keeps the correlation, for a cluster is flipped in all regressions at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.models.inference_cluster import clustered_variance
from analysis.models.inference_fit import (
    counted_coefficients,
    group_violations,
    least_squares,
    regression_data,
)
from analysis.models.inference_wild import (
    WEBB_BELOW,
    WildKernel,
    draw_violations,
    drawn_squares,
    observed_square,
    wild_draws,
    wild_kernel,
    wild_p_values,
    wild_weights,
)
from analysis.models.multiple_testing import adjust_families, romano_wolf
from analysis.panel_input import raise_violations


@dataclass(frozen=True)
class Hypothesis:
    """One null hypothesis: the slope of `regressor` on `outcome` is zero, given the others."""

    outcome: str
    regressor: str
    controls: tuple[str, ...] = ()
    absorb: tuple[str, ...] = ()


def family_inference(
    frame: pd.DataFrame,
    hypotheses: Sequence[Hypothesis],
    *,
    cluster: str,
    rng: np.random.Generator,
    draws: int = 4999,
    distribution: str | None = None,
) -> pd.DataFrame:
    """Test a family of hypotheses jointly by Romano-Wolf on a wild cluster bootstrap.

    Every hypothesis is drawn under its own null; a cluster has the same bootstrap weight in all of
    them, so that the dependence between outcomes is kept. Samples may differ by missing values.

    Parameters
    ----------
    frame : DataFrame
        One row per observation. Not changed.
    hypotheses : sequence of Hypothesis
        The declared family.
    cluster : str
        Column of groups.
    rng, draws, distribution
        As in `wild_cluster_bootstrap`.

    Returns
    -------
    DataFrame
        One row per hypothesis: outcome, regressor, controls, effects, estimate, se (CR1),
        statistic, n, clusters, p_value (bootstrap, unadjusted), p_holm, p_benjamini_hochberg,
        p_romano_wolf, draws, enumerated, distribution, family_size.

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    raise_violations("the options", _violations(hypotheses, draws, distribution))
    if cluster not in frame:
        raise_violations("the table", [f"column '{cluster}' is missing: add it"])
    codes, labels = pd.factorize(frame[cluster], sort=True)
    chosen = distribution or ("webb" if len(labels) < WEBB_BELOW else "rademacher")
    weights, enumerated = wild_weights(len(labels), draws=draws, distribution=chosen, rng=rng)
    rows, observed, null = [], [], []
    for hypothesis in hypotheses:
        row, kernel, used = _fitted(frame, hypothesis, cluster)
        drawn = wild_draws(kernel, weights[np.unique(codes[used])])
        row["p_value"], _ = wild_p_values(kernel, drawn, 0.0, enumerated=enumerated)
        unscaled = np.sqrt(observed_square(kernel, 0.0))
        observed.append(abs(row["statistic"]))
        null.append(np.sqrt(drawn_squares(kernel, drawn, 0.0)) * observed[-1] / unscaled)
        rows.append(row)
    adjusted = romano_wolf(observed, np.column_stack(null), exact=enumerated)
    table = adjust_families(pd.DataFrame(rows).assign(family="one")).drop(columns="family")
    return table.assign(
        p_romano_wolf=adjusted, draws=weights.shape[1], enumerated=enumerated, distribution=chosen
    )


def _fitted(
    frame: pd.DataFrame, hypothesis: Hypothesis, cluster: str
) -> tuple[dict[str, Any], WildKernel, np.ndarray]:
    """Return the row of a hypothesis, its kernel, and the positions of its rows in the frame."""
    data = regression_data(
        frame, outcome=hypothesis.outcome, absorb=hypothesis.absorb, groups=[cluster],
        regressors=[hypothesis.regressor, *hypothesis.controls],
    )  # fmt: skip
    raise_violations("the clusters", group_violations(data, [cluster]))
    codes, fit = data.groups[cluster], least_squares(data)
    counted = counted_coefficients(data, [codes])
    result = clustered_variance(fit, [codes], variance="CR1", counted=counted)
    se = float(np.sqrt(result.matrix[0, 0]))
    row = {
        "outcome": hypothesis.outcome, "regressor": hypothesis.regressor,
        "controls": ", ".join(hypothesis.controls) or "none",
        "effects": ", ".join(hypothesis.absorb) or "none",
        "estimate": float(fit.slopes[0]), "se": se, "statistic": float(fit.slopes[0]) / se,
        "n": len(data.rows), "cluster": cluster, "clusters": result.clusters,
    }  # fmt: skip
    return row, wild_kernel(fit, codes, 0), data.rows


def _violations(
    hypotheses: Sequence[Hypothesis], draws: int, distribution: str | None
) -> list[str]:
    found = draw_violations(draws, distribution)
    if not hypotheses:
        found.append("no hypothesis is given: name at least one")
    if len(set(hypotheses)) < len(hypotheses):
        found.append("hypotheses repeat: name each once")
    return found
