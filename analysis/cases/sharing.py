"""What the towns share, and how much of that is the work of whoever grouped their codes.

Themes gather codes of several towns and are our reading, not the studies'. So the number of themes
that two towns share stands beside what other groupings give, and beside its expectation where the
codes are dealt to groups of the same sizes at random.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from math import comb

import pandas as pd

from analysis.cases.matrix import KINDS

Grouping = list[list[str]]  # the cases of the codes of each group


def theme_sharing(matrix: pd.DataFrame) -> pd.DataFrame:
    """Count the towns that name each theme.

    Parameters
    ----------
    matrix : DataFrame
        From `matrix.matrix_codes`.

    Returns
    -------
    DataFrame
        theme, kind, label_en, label_zh, codes (number), n_cases, cases (parted by ``;``), standing
        (``shared``: two towns or more; ``unique``). Codes without a theme are left out.
    """
    key = ["theme", "kind", "theme_label_en", "theme_label_zh"]
    groups = matrix[matrix["theme"] != ""].groupby(key, sort=False)
    table = groups.agg(
        codes=("code", "size"),
        n_cases=("case", "nunique"),
        cases=("case", lambda cases: ";".join(dict.fromkeys(cases))),
    ).reset_index()
    table["standing"] = ["shared" if n > 1 else "unique" for n in table["n_cases"]]
    return table.rename(columns={f"theme_label_{x}": f"label_{x}" for x in ("en", "zh")})


def grouping_sensitivity(matrix: pd.DataFrame, *, kind: str = "problem") -> pd.DataFrame:
    """Tell how the number of shared groups depends on how the codes are grouped.

    Parameters
    ----------
    matrix : DataFrame
        From `matrix.matrix_codes`.
    kind : str
        The codes to group.

    Returns
    -------
    DataFrame
        grouping, low, high (fewest and most groups that hold codes of two towns or more; equal
        where one grouping is meant): ``themes`` as declared (a code without theme is its own);
        ``one_code_apart``, any one code taken out of its theme; ``two_themes_merged``, any two;
        ``revitalizations``, one group per dimension; ``dealt_at_random``, the expectation where
        codes are dealt to groups of the sizes of the themes; ``any_grouping``.

    Raises
    ------
    ValueError
        If the towns name nothing of that kind.

    Notes
    -----
    A group of s of the N codes is of town t alone with probability C(n_t, s) / C(N, s), so the
    expectation is the sum over groups of 1 - sum_t C(n_t, s) / C(N, s) (hypergeometric). No
    grouping shares more than there are disjoint pairs of codes of different towns,
    min(floor(N / 2), N - max n_t), and one group per code shares nothing.
    """
    own = matrix[matrix["kind"] == kind]
    if own.empty:
        raise ValueError(f"matrix: no code of kind {kind!r}; known kinds: {', '.join(KINDS)}")
    groups = _grouped(own, own["theme"].where(own["theme"] != "", own["code"]))
    by_dimension = own.assign(name=own["dimension"].str.split("|")).explode("name")
    by_dimension = by_dimension[by_dimension["name"] != ""]
    sizes = own["case"].value_counts()
    expected = _expected_shared([len(group) for group in groups], list(sizes))
    rows = [
        ("themes", *_range([groups])),
        ("one_code_apart", *_range(_one_apart(groups))),
        ("two_themes_merged", *_range(_two_merged(groups))),
        ("revitalizations", *_range([_grouped(by_dimension, by_dimension["name"])])),
        ("dealt_at_random", expected, expected),
        ("any_grouping", 0.0, float(min(len(own) // 2, len(own) - sizes.max()))),
    ]
    return pd.DataFrame(rows, columns=["grouping", "low", "high"])


def _grouped(codes: pd.DataFrame, names: pd.Series) -> Grouping:
    return [list(cases) for _, cases in codes["case"].groupby(names, sort=False)]


def _range(groupings: Iterable[Grouping]) -> tuple[float, float]:
    """Return the fewest and the most groups with two towns or more."""
    shared = [sum(len(set(group)) > 1 for group in groups) for groups in groupings]
    return float(min(shared)), float(max(shared))


def _one_apart(groups: Grouping) -> list[Grouping]:
    return [
        [*groups[:g], group[:k] + group[k + 1 :], [group[k]], *groups[g + 1 :]]
        for g, group in enumerate(groups)
        for k in range(len(group))
    ]


def _two_merged(groups: Grouping) -> list[Grouping]:
    """Return all ways to merge two groups; the groups themselves where there is only one."""
    pairs = combinations(range(len(groups)), 2)
    merged = [
        [groups[a] + groups[b], *(g for k, g in enumerate(groups) if k not in (a, b))]
        for a, b in pairs
    ]
    return merged or [groups]


def _expected_shared(groups: list[int], towns: list[int]) -> float:
    """Return the expected number of mixed groups of given sizes under random dealing."""
    total = sum(towns)
    return sum(1 - sum(comb(n, size) for n in towns) / comb(total, size) for size in groups)
