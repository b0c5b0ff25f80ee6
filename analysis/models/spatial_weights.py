"""Spatial weights: who is whose neighbour, row-standardised, with islands handled and named.

Contiguity comes from shared vertices of the polygons, so a layer must be an exact coverage. A unit
that touches nobody is joined to the nearest one or left without neighbours; either way it is named.
The eigenvalues, on which every likelihood and effect rests, are computed once per object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from analysis.geography import require_columns, to_albers
from analysis.panel_input import SHOWN, raise_violations

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

ISLANDS = ("nearest", "keep")
"""What happens to a unit that touches no other: joined to the nearest one, or left alone."""
BALANCED = 1e-12
"""Largest difference between d_i w_ij and d_j w_ji that counts as rounding."""
LOWEST = -2.0
"""Lower end of rho where the eigenvalues allow even less, which no outcome comes near."""
UNIT_ROOT = 1 - 1e-12
"""rho stays below this where the largest eigenvalue of W is one."""

Floats = NDArray[np.float64]


class Join(NamedTuple):
    """An island, the unit it was joined to and the distance of their borders in kilometres."""

    island: str
    neighbour: str
    km: float


@dataclass(frozen=True)
class SpatialWeights:
    """Row-standardised spatial weights.

    Attributes
    ----------
    ids : tuple of str, length n
        Units, in the order of rows and columns.
    matrix : csr array, shape (n, n)
        W: rows sum to one; the row and the column of a unit without neighbours are zero.
    islands : tuple of str
        Units without neighbours in `matrix`.
    joined : tuple of Join
        Units that touch no other and were joined to the nearest one.
    """

    ids: tuple[str, ...]
    matrix: Any
    islands: tuple[str, ...] = ()
    joined: tuple[Join, ...] = ()

    @cached_property
    def eigenvalues(self) -> NDArray[Any]:
        """Eigenvalues of W, ascending where real, shape (n,); complex if W is not balanced.

        W = D^-1 B with symmetric B has the real eigenvalues of D^-1/2 B D^-1/2 (Ord 1975, J. Amer.
        Statist. Assoc. 70). Dense: about 4 seconds and 130 MB for 2,848 units.
        """
        scale = balancing_scale(self.matrix)
        if scale is None:
            return np.asarray(np.linalg.eigvals(self.matrix.toarray()))
        root = np.sqrt(scale)
        similar = (sparse.diags_array(root) @ self.matrix @ sparse.diags_array(1 / root)).toarray()
        return np.asarray(np.linalg.eigvalsh((similar + similar.T) / 2))

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Open interval around zero in which I - rho W is invertible (LeSage & Pace 2009, ch. 4).

        One over the lowest and the highest real eigenvalue, the former not below `LOWEST`.
        """
        real = self.eigenvalues.real[np.abs(self.eigenvalues.imag) < BALANCED]
        low = 1 / real.min() if real.min() < 1 / LOWEST else LOWEST
        return float(low), float(min(1 / real.max(), UNIT_ROOT))

    def lag(self, values: NDArray[Any]) -> Floats:
        """Return W times `values`, shape (n,) or (n, k)."""
        return np.asarray(self.matrix @ values)


def weights_from_matrix(matrix: Any, ids: Sequence[str]) -> SpatialWeights:
    """Row-standardise a matrix of weights.

    Parameters
    ----------
    matrix : array or sparse matrix, shape (n, n)
        Weights of any scale; zero where two units are no neighbours.
    ids : sequence of str
        Names of the units, in the order of the rows.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    ValueError
        If the matrix is not square, has a negative or non-finite weight or a unit that neighbours
        itself, if ids repeat, or if a unit without neighbours is a neighbour of another.
    """
    raw = sparse.csr_array(matrix, dtype=float)
    raw.eliminate_zeros()
    raise_violations("the spatial weights", _matrix_violations(raw, ids))
    sums = np.asarray(raw.sum(axis=1)).ravel()
    alone = sums == 0
    scaled = sparse.csr_array(sparse.diags_array(1 / np.where(alone, 1.0, sums)) @ raw)
    islands = tuple(str(name) for name, is_alone in zip(ids, alone, strict=True) if is_alone)
    return SpatialWeights(tuple(str(name) for name in ids), scaled, islands)


def contiguity(
    polygons: GeoDataFrame, *, unit: str = "code", rook: bool = False, islands: str = "nearest"
) -> SpatialWeights:
    """Build contiguity weights from polygons.

    Parameters
    ----------
    polygons : GeoDataFrame
        One polygon per unit; neighbours share vertices exactly. Give only the units of the sample:
        weights of a larger map are not those of a part of it. Not changed.
    unit : str
        Column with the name of the unit.
    rook : bool
        Count a shared edge only; by default a shared point suffices (queen).
    islands : str
        "nearest": join a unit that touches no other to the one whose border is nearest in the
        Albers projection, in both directions; "keep": leave it without neighbours.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    ValueError
        If a column is missing, units repeat, fewer than three remain or `islands` is unknown.
    """
    from libpysal.graph import Graph

    require_columns(polygons, [unit, "geometry"], "polygons")
    found = (
        [f"islands '{islands}' is unknown: use {list(ISLANDS)}"] if islands not in ISLANDS else []
    )
    found += _id_violations(polygons[unit].tolist())
    raise_violations("the polygons", found)
    ids = polygons[unit].astype(str).tolist()
    geometry = polygons.set_index(pd.Index(ids))
    binary = Graph.build_contiguity(geometry, rook=rook).sparse.tolil()
    alone = np.flatnonzero(np.asarray(binary.sum(axis=1)).ravel() == 0)
    joined = _nearest(polygons, ids, alone) if islands == "nearest" and len(alone) else []
    position = {name: row for row, name in enumerate(ids)}
    for join in joined:
        one, other = position[join.island], position[join.neighbour]
        binary[one, other] = binary[other, one] = 1
    weights = weights_from_matrix(binary, ids)
    return SpatialWeights(weights.ids, weights.matrix, weights.islands, tuple(joined))


def nearest_neighbours(
    polygons: GeoDataFrame, *, neighbours: int, unit: str = "code"
) -> SpatialWeights:
    """Build weights from the nearest units, a sensitivity check of contiguity.

    Parameters
    ----------
    polygons : GeoDataFrame
        One polygon per unit. Not changed.
    neighbours : int
        Number of nearest representative points (Albers projection). A pair counts for both if it
        counts for one, so that the weights have real eigenvalues; units then have at least so many.
    unit : str
        Column with the name of the unit.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    ValueError
        If units repeat or `neighbours` is not between 1 and the number of units minus 1.
    """
    from scipy.spatial import cKDTree

    require_columns(polygons, [unit, "geometry"], "polygons")
    found = _id_violations(polygons[unit].tolist())
    if not 1 <= neighbours < len(polygons):
        found.append(f"neighbours is {neighbours}: use 1 to {len(polygons) - 1}")
    raise_violations("the polygons", found)
    points = to_albers(polygons).geometry.representative_point()
    xy = np.column_stack([points.x, points.y])
    near = cKDTree(xy).query(xy, k=neighbours + 1)[1]
    rows, columns = np.repeat(np.arange(len(xy)), neighbours + 1), near.ravel()
    other = rows != columns
    shape = (len(xy), len(xy))
    one_way = sparse.csr_array((np.ones(other.sum()), (rows[other], columns[other])), shape=shape)
    return weights_from_matrix((one_way + one_way.T) > 0, polygons[unit].astype(str).tolist())


def restrict(weights: SpatialWeights, ids: Sequence[str]) -> SpatialWeights:
    """Keep some units, in the given order, and standardise their rows again.

    Parameters
    ----------
    weights : SpatialWeights
        Not changed.
    ids : sequence of str
        Units to keep. A unit whose neighbours are all left out becomes an island.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    ValueError
        If ids repeat or are unknown.
    """
    position = {name: row for row, name in enumerate(weights.ids)}
    unknown = [name for name in ids if name not in position]
    found = _id_violations(list(ids))
    if unknown:
        found.append(f"{len(unknown)} units are not in the weights, e.g. {unknown[:SHOWN]}")
    raise_violations("the spatial weights", found)
    keep = np.array([position[name] for name in ids])
    part = weights_from_matrix(weights.matrix[keep][:, keep], ids)
    joined = tuple(j for j in weights.joined if {j.island, j.neighbour} <= set(ids))
    return SpatialWeights(part.ids, part.matrix, part.islands, joined)


def describe_weights(weights: SpatialWeights) -> pd.DataFrame:
    """Summarise weights in one row.

    Parameters
    ----------
    weights : SpatialWeights
        Any.

    Returns
    -------
    DataFrame
        Columns units, links (pairs counted in both directions), mean_neighbours, min_neighbours,
        max_neighbours, islands (without neighbours), island_units (their names), joined (joined to
        the nearest unit), joined_units ("island-neighbour (km)"), components (parts of the map
        without a common border), largest_component (units).
    """
    degree = np.diff(weights.matrix.indptr)
    count, labels = connected_components(weights.matrix, directed=False)
    joins = [f"{j.island}-{j.neighbour} ({j.km:.0f} km)" for j in weights.joined]
    row = {
        "units": len(weights.ids),
        "links": int(degree.sum()),
        "mean_neighbours": float(degree.mean()),
        "min_neighbours": int(degree.min()),
        "max_neighbours": int(degree.max()),
        "islands": len(weights.islands),
        "island_units": ", ".join(weights.islands),
        "joined": len(weights.joined),
        "joined_units": ", ".join(joins),
        "components": int(count),
        "largest_component": int(np.bincount(labels).max()),
    }
    return pd.DataFrame([row])


def balancing_scale(matrix: Any) -> Floats | None:
    """Return d with d_i w_ij = d_j w_ji, shape (n,), or None if there is none of this form.

    Standardising binary or other symmetric weights gives w_ij = b_ij / d_i with d the row sums.
    They are found again by walking over a tree of neighbours: d_j = d_i w_ij / w_ji.
    """
    from scipy.sparse.csgraph import breadth_first_order

    back = matrix.T.tocsr()
    _, labels = connected_components(matrix, directed=False)
    scale = np.ones(matrix.shape[0])
    for start in np.unique(labels, return_index=True)[1]:
        order, before = breadth_first_order(matrix, start, directed=False)
        for node in order[1:]:
            parent = before[node]
            there, here = matrix[parent, node], back[parent, node]
            if there == 0 or here == 0:
                return None
            scale[node] = scale[parent] * there / here
    balanced = sparse.csr_array(sparse.diags_array(scale) @ matrix)
    gap = abs(balanced - balanced.T)
    return scale if gap.nnz == 0 or gap.max() <= BALANCED * scale.max() else None


def _nearest(polygons: GeoDataFrame, ids: list[str], alone: NDArray[Any]) -> list[Join]:
    """Find the nearest other unit of each island."""
    shapes = to_albers(polygons).geometry.reset_index(drop=True)
    joins = []
    for row in alone:
        distance = shapes.distance(shapes.iloc[row]).to_numpy(copy=True)
        distance[row] = np.inf
        nearest = int(distance.argmin())
        joins.append(Join(ids[row], ids[nearest], float(distance[nearest]) / 1e3))
    return joins


def _id_violations(ids: list[str]) -> list[str]:
    names = pd.Series(ids, dtype=object)
    twice = names[names.duplicated()].unique().tolist()
    found = [f"unit {name} stands twice: keep one" for name in twice[:SHOWN]]
    if names.isna().any():
        found.append(f"{int(names.isna().sum())} units have no name: complete or remove them")
    if len(ids) < 3:
        found.append(f"{len(ids)} units are too few: at least 3 are needed")
    return found


def _matrix_violations(raw: Any, ids: Sequence[str]) -> list[str]:
    if raw.shape != (len(ids), len(ids)):
        return [f"the matrix has shape {raw.shape} for {len(ids)} units: it must be n x n"]
    found = _id_violations(list(ids))
    if not np.isfinite(raw.data).all() or (raw.data < 0).any():
        found.append("weights are negative or not finite: correct them")
    if (raw.diagonal() != 0).any():
        found.append("a unit is its own neighbour: set the diagonal to zero")
    if not raw.nnz:
        found.append("no unit has a neighbour: no spatial model can be fitted")
    out = np.diff(raw.indptr) == 0
    pointed = np.diff(raw.tocsc().indptr) > 0
    found += [
        f"unit {ids[row]} has no neighbours but is the neighbour of another: give it one"
        for row in np.flatnonzero(out & pointed)[:SHOWN]
    ]
    return found
