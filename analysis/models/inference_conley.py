"""Spatial variance of least squares (Conley 1999): rows within a distance may be correlated.

Clusters stop at borders; neighbours across a border are as correlated as any. Distances are great
circles; coordinates are taken as given, so a shift of some hundred metres does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.models.inference_fit import LinearFit, group_sums

EARTH_RADIUS_KM = 6371.0
"""Radius of the sphere of equal volume, rounded, as in most software."""
KERNELS = ("bartlett", "uniform")
BLOCK = 512
"""Locations whose distances to all others are held at once: 12 MB for 2,843 counties."""


@dataclass(frozen=True)
class SpatialVariance:
    """Conley's variance of the slopes.

    Attributes
    ----------
    matrix : ndarray, shape (k, k)
        Variance; its diagonal may be negative with the uniform kernel.
    locations : int
        Number of different coordinates.
    neighbours : float
        Mean number of other locations that count.
    """

    matrix: np.ndarray
    locations: int
    neighbours: float


def spatial_variance(
    fit: LinearFit,
    *,
    latitude: np.ndarray,
    longitude: np.ndarray,
    cutoff_km: float,
    kernel: str,
    periods: np.ndarray | None,
) -> SpatialVariance:
    """Return B [sum over pairs of K(d_ij) e_i e_j x_i x_j'] B, without small-sample factor.

    Parameters
    ----------
    fit : LinearFit
        Fitted regression.
    latitude, longitude : ndarray, shape (n,)
        Degrees.
    cutoff_km : float
        Distance h from which on pairs do not count.
    kernel : str
        bartlett: max(0, 1 - d/h); uniform: 1 if d <= h.
    periods : ndarray of int, shape (n,), optional
        Only pairs of the same period count. Without it all pairs do, so that all rows of one
        location may be correlated in any way over time.
    """
    points, location = np.unique(
        np.column_stack([latitude, longitude]), axis=0, return_inverse=True
    )
    location = location.reshape(-1)
    scores = fit.x * fit.residuals[:, None]
    count, k = len(points), scores.shape[1]
    spans = np.zeros(len(scores), dtype=int) if periods is None else periods
    total = int(spans.max()) + 1
    cells = np.zeros((count * total, k))
    cells[: (location * total + spans).max() + 1] = group_sums(scores, location * total + spans)
    by_location = cells.reshape(count, total, k)
    meat, pairs = np.zeros((k, k)), 0
    for start in range(0, count, BLOCK):
        distance = great_circle_km(points[start : start + BLOCK], points)
        weights = np.clip(1 - distance / cutoff_km, 0, None)
        if kernel == "uniform":
            weights = (distance <= cutoff_km).astype(float)
        near = (weights @ by_location.reshape(count, -1)).reshape(-1, total, k)
        meat += np.einsum("ltj,ltk->jk", by_location[start : start + BLOCK], near)
        pairs += int((weights > 0).sum())
    matrix = fit.bread @ meat @ fit.bread
    return SpatialVariance(matrix, count, (pairs - count) / count)


def great_circle_km(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return distances on the sphere between points in degrees.

    Parameters
    ----------
    first, second : ndarray, shapes (a, 2) and (b, 2)
        Latitude and longitude.

    Returns
    -------
    ndarray, shape (a, b)
        Kilometres, by the haversine formula, exact also for near points.
    """
    a, b = np.radians(first), np.radians(second)
    half = np.sin((a[:, None] - b[None]) / 2) ** 2
    chord = half[..., 0] + np.cos(a[:, None, 0]) * np.cos(b[None, :, 0]) * half[..., 1]
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))
