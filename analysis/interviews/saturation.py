"""Whether more interviews would bring new codes: curve, estimate of the unseen, new information.

Interviews are sampling units and codes what they hold, so the methods of species richness apply:
the expected curve over all orders is exact, and Chao2 says, from the codes that occur in one or two
interviews, how many codes at the least were never heard. Saturation is judged, never proved.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.interviews.themes import ThemeError, incidence

ALL = ""  # group of all interviews
Z95 = 1.959963984540054
NO_ONCE = "no code occurs in one interview only: nothing says how many are unseen"


@dataclass(frozen=True)
class Richness:
    """Codes seen and an estimate of all codes there are.

    Attributes
    ----------
    interviews, observed, once, twice : int
        Interviews; codes in any, in exactly one, in exactly two of them.
    chao2 : float
        A lower bound for the number of codes; missing without interviews.
    se, ci_low, ci_high : float
        Of `chao2`, at 95 %; missing where `why` says so.
    why : str
        Why there is no error, else empty.
    """

    interviews: int
    observed: int
    once: int
    twice: int
    chao2: float
    se: float
    ci_low: float
    ci_high: float
    why: str


def expected_curve(occurrences: np.ndarray, interviews: int) -> np.ndarray:
    """Return the expected number of codes in n interviews drawn at random without return.

    E(n) = sum over k of 1 - C(N - m_k, n) / C(N, n), exact for all orders of the interviews.

    Parameters
    ----------
    occurrences : array of int, shape (codes,)
        m_k, interviews with code k.
    interviews : int
        N.

    Returns
    -------
    array of float, shape (N,)
        E(1) to E(N).

    Source
    ------
    Colwell, Chao, Gotelli et al. (2012), Journal of Plant Ecology 5(1), 3-21, sample-based
    rarefaction (Bernoulli product model).
    """
    return (1 - _absence(occurrences, interviews)).sum(axis=1)


def _absence(occurrences: np.ndarray, interviews: int) -> np.ndarray:
    """Return C(N - m_k, n) / C(N, n), shape (N, codes), as the product of (N - m_k - i) / (N - i).

    The product stays in [0, 1] where the binomial coefficients themselves overflow.
    """
    drawn = np.arange(interviews)[:, None]
    factors = (interviews - np.asarray(occurrences)[None, :] - drawn) / (interviews - drawn)
    return np.cumprod(np.clip(factors, 0.0, 1.0), axis=0)


def curve_error(occurrences: np.ndarray, interviews: int) -> np.ndarray:
    """Return the standard error of `expected_curve` for a population of interviews.

    var E(n) = sum over k of [1 - C(N - m_k, n) / C(N, n)]² - E(n)² / S, with S the Chao2 estimate.
    It is the error of the curve, not the spread of studies of n interviews, and does not vanish at
    n = N: other N interviews would have given other codes.

    Parameters
    ----------
    occurrences, interviews
        As `expected_curve`.

    Returns
    -------
    array of float, shape (N,)
        Missing where no code occurs.

    Source
    ------
    Colwell, Chao, Gotelli et al. (2012), Journal of Plant Ecology 5(1), 3-21.
    """
    present = 1 - _absence(occurrences, interviews)
    total = chao2(occurrences, interviews).chao2
    if not total > 0:
        return np.full(interviews, math.nan)
    variance = (present**2).sum(axis=1) - present.sum(axis=1) ** 2 / total
    return np.sqrt(np.clip(variance, 0.0, None))


def chao2(occurrences: np.ndarray, interviews: int) -> Richness:
    """Estimate the number of codes from those in one (Q1) and in two (Q2) interviews.

    With A = (N - 1) / N: S + A Q1² / (2 Q2), or S + A Q1 (Q1 - 1) / 2 where Q2 = 0. The interval is
    that of a log-normal number of unseen codes, [S + D / C, S + D C] with D the estimated unseen
    and C = exp(1.96 sqrt(ln(1 + var / D²))). It assumes that interviews are exchangeable.

    Parameters
    ----------
    occurrences, interviews
        As `expected_curve`.

    Source
    ------
    Chao (1987), Biometrics 43(4), 783-791; with the factor A, Colwell, EstimateS 9.1 user's guide,
    appendix B (variance with Q2 > 0 and with Q2 = 0).
    """
    m = np.asarray(occurrences)
    observed, once, twice = int((m > 0).sum()), int((m == 1).sum()), int((m == 2).sum())
    counts = (interviews, observed, once, twice)
    if not interviews:
        return Richness(*counts, math.nan, math.nan, math.nan, math.nan, "no interview")
    a = (interviews - 1) / interviews
    unseen = a * once**2 / (2 * twice) if twice else a * once * (once - 1) / 2
    total = observed + unseen
    if not unseen:
        why = NO_ONCE if not once else "one code occurs once, none twice: the estimate has no error"
        why = "one interview" if interviews == 1 else why
        return Richness(*counts, total, math.nan, math.nan, math.nan, why)
    variance = _chao2_variance(once, twice, a, total)
    spread = math.exp(Z95 * math.sqrt(math.log1p(variance / unseen**2)))
    low, high = observed + unseen / spread, observed + unseen * spread
    return Richness(*counts, total, math.sqrt(variance), low, high, "")


def _chao2_variance(once: int, twice: int, a: float, total: float) -> float:
    if twice:
        ratio = once / twice
        return twice * (a / 2 * ratio**2 + a**2 * ratio**3 + a**2 / 4 * ratio**4)
    return (
        a * once * (once - 1) / 2
        + a**2 * once * (2 * once - 1) ** 2 / 4
        - a**2 * once**4 / (4 * total)
    )


def _groups(present: pd.DataFrame, documents: pd.DataFrame, by: str) -> dict[str, pd.DataFrame]:
    """Return the rows of `present` for all interviews and for each group of the column `by`."""
    if by and by not in documents:
        raise ThemeError(f"documents has no column {by}; it has {list(documents)}")
    groups = {ALL: present}
    if by:
        column = documents.set_index("doc_id")[by]
        groups |= {str(g): present[column.eq(g).to_numpy()] for g in sorted(column.unique())}
    return groups


def saturation_curves(
    documents: pd.DataFrame,
    codings: pd.DataFrame,
    codes: pd.DataFrame,
    *,
    coder: str,
    by: str = "",
) -> pd.DataFrame:
    """Return the expected number of codes by number of interviews, over all and by group.

    Parameters
    ----------
    documents, codings, codes : DataFrame
        Tables of a corpus: the interviews, and the codes that are counted.
    coder : str
        A coder_id or "consensus".
    by : str
        Column of `documents` whose values form the groups; none if empty.

    Returns
    -------
    DataFrame
        group (empty for all interviews), n, expected, se, ci_low, ci_high (expected ± 1.96 se,
        not below 0).

    Raises
    ------
    ThemeError
        When documents lacks the column, or the coder coded nothing.
    """
    present = incidence(documents, codings, codes, coder=coder)
    parts = []
    for group, rows in _groups(present, documents, by).items():
        occurrences, size = rows.to_numpy().sum(axis=0), len(rows)
        expected, se = expected_curve(occurrences, size), curve_error(occurrences, size)
        part = pd.DataFrame({"n": np.arange(1, size + 1), "expected": expected, "se": se})
        parts.append(part.assign(group=group))
    table = pd.concat(parts, ignore_index=True)
    table["ci_low"] = (table["expected"] - Z95 * table["se"]).clip(lower=0.0)
    table["ci_high"] = table["expected"] + Z95 * table["se"]
    return table[["group", "n", "expected", "se", "ci_low", "ci_high"]].astype({"group": "str"})


def richness_table(
    documents: pd.DataFrame,
    codings: pd.DataFrame,
    codes: pd.DataFrame,
    *,
    coder: str,
    by: str = "",
) -> pd.DataFrame:
    """Return Chao2 for all interviews and by group.

    Parameters
    ----------
    documents, codings, codes, coder, by
        As `saturation_curves`.

    Returns
    -------
    DataFrame
        group, interviews, observed, once, twice, chao2, se, ci_low, ci_high, why, completeness
        (observed / chao2, %; missing where no code occurs).

    Raises
    ------
    ThemeError
        As `saturation_curves`.
    """
    present = incidence(documents, codings, codes, coder=coder)
    rows = [
        {"group": group, **vars(chao2(part.to_numpy().sum(axis=0), len(part)))}
        for group, part in _groups(present, documents, by).items()
    ]
    table = pd.DataFrame(rows).astype({"group": "str", "why": "str"})
    return table.assign(
        completeness=100 * table["observed"] / table["chao2"].where(table["chao2"] > 0)
    )


def new_information(
    documents: pd.DataFrame,
    codings: pd.DataFrame,
    codes: pd.DataFrame,
    *,
    coder: str,
    by: str = "",
    base: int = 4,
    run: int = 2,
) -> pd.DataFrame:
    """Return what each interview added, in the order in which they were held.

    The new information of a run is the number of codes that its interviews are the first to hold,
    in % of the codes of the first `base` interviews; at or below 5 % some call a study saturated.

    Parameters
    ----------
    documents, codings, codes, coder, by
        As `saturation_curves`. Order: date, then doc_id.
    base, run : int
        Interviews of the base and of a run.

    Returns
    -------
    DataFrame
        group, n, doc_id, codes (in the interview), new, cumulative, new_in_run, base_codes,
        new_information (%; missing until a whole run follows the base, or where the base holds no
        code), dated (False where an interview of the group has no date, so that the order is that
        of names).

    Raises
    ------
    ThemeError
        When `base` or `run` is below 1, or as `saturation_curves`.

    Source
    ------
    Guest, Namey & Chen (2020), PLOS ONE 15(5), e0232076.
    """
    if base < 1 or run < 1:
        raise ThemeError(f"base and run must be at least 1, got {base} and {run}")
    ordered = documents.sort_values(["date", "doc_id"], ignore_index=True)
    present = incidence(ordered, codings, codes, coder=coder)
    dated = set(ordered.loc[ordered["date"] != "", "doc_id"])
    parts = []
    for group, rows in _groups(present, ordered, by).items():
        if not set(rows.index) <= dated:
            rows = rows.sort_index()
        table = _information(rows, base, run)
        parts.append(table.assign(group=group, dated=set(rows.index) <= dated))
    found = pd.concat(parts, ignore_index=True).astype({"group": "str"})
    return found[
        ["group", "n", "doc_id", "codes", "new", "cumulative", "new_in_run", "base_codes",
         "new_information", "dated"]
    ]  # fmt: skip


def _information(present: pd.DataFrame, base: int, run: int) -> pd.DataFrame:
    seen = np.maximum.accumulate(present.to_numpy(), axis=0).sum(axis=1)
    new = np.diff(seen, prepend=0)
    n = np.arange(1, len(present) + 1)
    in_base = int(seen[min(base, len(seen)) - 1]) if len(seen) else 0
    complete = n >= base + run
    in_run = pd.Series(new).rolling(run).sum().where(complete)
    return pd.DataFrame(
        {
            "n": n,
            "doc_id": present.index.to_numpy(dtype=object),
            "codes": present.to_numpy().sum(axis=1),
            "new": new,
            "cumulative": seen,
            "new_in_run": in_run,
            "base_codes": in_base,
            "new_information": 100 * in_run / in_base if in_base else math.nan,
        }
    ).astype({"doc_id": "str"})
