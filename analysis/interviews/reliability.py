"""Agreement between coders: coefficients, their formulas and sources.

All have the form 1 - observed / expected disagreement and differ in what they expect by chance.
They take units x coders (any array or data frame, None or NaN where a coder has no value), or what
`table_ratings` makes of a contingency table and `count_ratings` of counts of coders per category.
What cannot be computed is NaN, never 0 or 1; `why_undefined` says why.
"""

from typing import Any, Literal

import numpy as np

from analysis.interviews.coefficients import COEFFICIENTS, statistic
from analysis.interviews.ratings import (
    SET_LEVELS,
    Ratings,
    ReliabilityError,
    as_ratings,
    count_ratings,
    table_ratings,
)

__all__ = [
    "COEFFICIENTS", "Ratings", "ReliabilityError", "as_ratings", "brennan_prediger", "cohen_kappa",
    "conger_kappa", "count_ratings", "fleiss_kappa", "gwet_ac1", "krippendorff_alpha", "misfit",
    "percent_agreement", "scott_pi", "table_ratings", "why_undefined",
]  # fmt: skip


def percent_agreement(data: Any) -> float:
    """Share of agreeing pairs of coders, the mean over units, from 0 to 1.

    With characters as units and one code, it is the percentage agreement of NVivo's coding
    comparison: (both + neither) / all characters. Sets agree where they are equal.
    """
    return _value(data, "percent")


def krippendorff_alpha(
    data: Any,
    *,
    level: Literal["nominal", "ordinal", "interval", "ratio", "jaccard", "masi"] = "nominal",
) -> float:
    """Krippendorff's alpha = 1 - D_o / D_e over all pairable values.

    D_o = (1/n) sum_u sum_(i != j in u) d(i, j) / (m_u - 1), D_e = sum_ck n_c n_k d(c, k) / n(n-1).
    Distances d are those of `ratings.distance`, for ordinal (c - k)^2 of the mid-ranks of
    the pairable values. A unit with one value does not count.

    Source
    ------
    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability. For sets: Passonneau (2006),
    Measuring Agreement on Set-valued Items (MASI), LREC.
    """
    return _value(data, f"alpha_{level}")


def cohen_kappa(
    data: Any, *, weights: Literal["identity", "linear", "quadratic"] = "identity"
) -> float:
    """Cohen's kappa of two coders; of more, the mean over pairs (Light).

    Expected is the disagreement of independent coders with the margins that each has in the units
    that both coded. Weights are those of disagreement: |c - k| (linear) or its square (quadratic).
    Numbers are compared by value, other ordered categories by position.

    Source
    ------
    Cohen (1960), Educ. Psychol. Meas. 20, 37-46; weighted: Cohen (1968), Psychol. Bull. 70,
    213-220; several coders: Light (1971), Psychol. Bull. 76, 365-377.
    """
    return _value(data, "cohen" if weights == "identity" else f"cohen_{weights}")


def scott_pi(data: Any) -> float:
    """Scott's pi: as Cohen's kappa, with the mean of both margins; of several coders, over pairs.

    Source
    ------
    Scott (1955), Public Opin. Q. 19, 321-325.
    """
    return _value(data, "scott")


def fleiss_kappa(data: Any) -> float:
    """Fleiss' kappa: expected from the mean shares of the categories, whoever gave them.

    Units may have different numbers of values: observed is the mean over units with two or more,
    and every unit counts once in the shares.

    Source
    ------
    Fleiss (1971), Psychol. Bull. 76, 378-382; missing values as Gwet (2014), Handbook of
    Inter-Rater Reliability, ch. 2.
    """
    return _value(data, "fleiss")


def conger_kappa(data: Any) -> float:
    """Conger's kappa: observed as Fleiss, expected the mean over pairs of coders.

    The margin of a coder is over all units with a value of the coder.

    Source
    ------
    Conger (1980), Psychol. Bull. 88, 322-328; missing values as Gwet (2014), ch. 2.
    """
    return _value(data, "conger")


def gwet_ac1(data: Any) -> float:
    """Gwet's AC1: agreement by chance is sum_k p_k (1 - p_k) / (q - 1), q categories.

    Source
    ------
    Gwet (2008), Br. J. Math. Stat. Psychol. 61, 29-48.
    """
    return _value(data, "gwet_ac1")


def brennan_prediger(data: Any) -> float:
    """Coefficient of Brennan and Prediger: agreement by chance is 1 / q, q categories.

    Source
    ------
    Brennan & Prediger (1981), Educ. Psychol. Meas. 41, 687-699.
    """
    return _value(data, "brennan_prediger")


def _value(data: Any, coefficient: str) -> float:
    ratings = as_ratings(data)
    if fault := misfit(ratings, coefficient):
        raise ReliabilityError(f"{coefficient}: {fault}")
    if not ratings.pairable.any():
        return float("nan")
    one_document = np.zeros(len(ratings.values), dtype=np.int64)
    return float(statistic(coefficient, ratings, one_document)(np.ones((1, 1)))[0])


def why_undefined(data: Any, coefficient: str) -> str:
    """Return why a coefficient has no value for these ratings; empty where it has one.

    Parameters
    ----------
    data : Ratings or units x coders
        As for the coefficients.
    coefficient : str
        One of `COEFFICIENTS`.
    """
    ratings = as_ratings(data)
    fault = misfit(ratings, coefficient)
    used = ratings.values[ratings.pairable]
    if not used.size:
        return "no unit has the values of two coders"
    if fault:
        return fault
    if len(np.unique(used[used >= 0])) == 1 and coefficient != "percent":
        return "only one category occurs: undefined"
    if np.isnan(_value(ratings, coefficient)):
        return "two coders share no unit, or only one category in the units that they share"
    return ""


def misfit(ratings: Ratings, coefficient: str) -> str:
    """Return why a coefficient does not take ratings of this kind; empty where it does.

    Parameters
    ----------
    ratings : Ratings
        What the coders gave.
    coefficient : str
        One of `COEFFICIENTS`.

    Raises
    ------
    ReliabilityError
        When there is no such coefficient.
    """
    if coefficient not in COEFFICIENTS:
        known = ", ".join(COEFFICIENTS)
        raise ReliabilityError(f"no coefficient {coefficient!r}; there are {known}")
    chosen = COEFFICIENTS[coefficient]
    level = chosen.level
    if chosen.needs_coders and not ratings.named:
        return "a table of counts does not say which coder gave which value"
    if level in SET_LEVELS and not ratings.has_sets:
        return "needs sets of codes"
    if level in ("interval", "ratio") and not ratings.has_numbers:
        return "needs numbers"
    if level == "ratio" and min(ratings.categories, default=0) < 0:
        return "needs numbers from 0"
    if level in ("ordinal", "linear", "quadratic") and not ratings.ordered:
        return "needs numbers or categories in a declared order"
    if chosen.counts_categories and ratings.has_several_codes:
        return "needs one code per unit: sets are too many categories to count"
    return ""
