"""How far coders agree: coefficients with intervals, per code, per pair, and where they differ.

What varies from study to study is which interviews are made, so documents are drawn, not segments:
resampling segments pretends that those of one interview are independent and gives intervals that
are too short.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.interviews.agreement_units import AgreementError, UnitTable
from analysis.interviews.coefficients import statistic
from analysis.interviews.ratings import Ratings
from analysis.interviews.reliability import misfit, why_undefined

TENTATIVE, RELIABLE = 0.667, 0.800  # Krippendorff (2004), Content Analysis, 2nd ed., p. 241
SINGLE_CODE = ("percent", "alpha_nominal", "cohen", "fleiss", "conger", "scott", "gwet_ac1",
               "brennan_prediger")  # fmt: skip
SEVERAL_CODES = ("alpha_masi", "alpha_jaccard")
OF_ONE_CODE = ("percent", "alpha_nominal", "cohen", "gwet_ac1")
COLUMNS = ["coefficient", "unit", "estimate", "ci_low", "ci_high", "jackknife_se", "n_units",
           "n_documents", "n_coders", "why"]  # fmt: skip
DEFINED_SHARE = 0.95  # of the resamples must have a value, or there is no interval


def agreement_table(
    units: UnitTable,
    *,
    coefficients: Sequence[str] = SINGLE_CODE + SEVERAL_CODES,
    replications: int = 1000,
    seed: int = 1,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return coefficients of agreement with intervals over documents.

    The interval is that of percentiles of the coefficient over `replications` resamples of the
    documents; the standard error that of the jackknife, which leaves out one document at a time.
    Documents in which no unit has the values of two coders are left out beforehand.

    Parameters
    ----------
    units : UnitTable
        What each coder gave.
    coefficients : sequence of str
        Of `reliability.COEFFICIENTS`. `cohen` of more than two coders is the mean over
        pairs.
    replications, seed : int
        Number of resamples, and seed of the draws.
    confidence : float
        Level of the interval.

    Returns
    -------
    DataFrame
        coefficient, unit, estimate, ci_low, ci_high, jackknife_se, n_units (with the values of two
        coders or more), n_documents, n_coders, why: the reason where the value is missing or, after
        "interval:", where the interval is.

    Source
    ------
    Field & Welsh (2007), Bootstrapping clustered data, J. R. Stat. Soc. B 69, 369-390. Jackknife:
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 11.
    """
    sample = _sample(units.ratings(), pd.factorize(units.units["doc_id"])[0])
    draws = _draws(sample, replications, seed)
    rows = [_estimate(name, sample, draws, confidence) for name in coefficients]
    return _tidy(rows, units.unit)


def not_applicable(unit: str, reason: str) -> pd.DataFrame:
    """Return the table of a study that reports no agreement, with its reason.

    Coding by one person, and reflexive thematic analysis in which codes are not meant to be
    reproducible (Braun & Clarke 2021, Qual. Res. Psychol. 18, 328-352), are such studies.

    Raises
    ------
    AgreementError
        When no reason is given.
    """
    if not reason.strip():
        raise AgreementError("agreement can be not applicable only for a reason: give one")
    row = {"coefficient": "not_applicable", "why": reason.strip(), "n_units": 0, "n_documents": 0,
           "n_coders": 0}  # fmt: skip
    return _tidy([row], unit)


def pair_table(
    units: UnitTable,
    *,
    coefficient: str = "cohen",
    replications: int = 1000,
    seed: int = 1,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return one coefficient for each pair of coders.

    Parameters
    ----------
    units, replications, seed, confidence
        As of `agreement_table`.
    coefficient : str
        Of `analysis.interviews.reliability.COEFFICIENTS`.

    Returns
    -------
    DataFrame
        coder_a, coder_b and the columns of `agreement_table`.
    """
    parts = []
    for a, b in combinations(range(len(units.coders)), 2):
        pair = replace(units, values=units.values[:, [a, b]])
        table = agreement_table(
            pair, coefficients=[coefficient], replications=replications, seed=seed,
            confidence=confidence,
        )  # fmt: skip
        parts.append(table.assign(coder_a=units.coders[a], coder_b=units.coders[b]))
    empty = _tidy([], units.unit).assign(coder_a="", coder_b="")
    return pd.concat(parts or [empty], ignore_index=True)[["coder_a", "coder_b", *COLUMNS]]


def code_table(
    units: UnitTable,
    *,
    coefficients: Sequence[str] = OF_ONE_CODE,
    replications: int = 1000,
    seed: int = 1,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return agreement on each code: given or not given to a unit.

    Parameters
    ----------
    units, coefficients, replications, seed, confidence
        As of `agreement_table`.

    Returns
    -------
    DataFrame
        code_id, n_given (units to which a coder gave it) and the columns of `agreement_table`.
    """
    sizes = units.units["size"].to_numpy()
    documents, _ = pd.factorize(units.units["doc_id"])
    parts = [_tidy([], units.unit).assign(code_id="", n_given=0)]
    for code in sorted(frozenset().union(*units.sets)):
        ratings = units.of_code(code)
        sample = _sample(ratings, documents)
        draws = _draws(sample, replications, seed)
        rows = [_estimate(name, sample, draws, confidence) for name in coefficients]
        given = int(sizes[(ratings.values == 1).any(axis=1)].sum())
        parts.append(_tidy(rows, units.unit).assign(code_id=code, n_given=given))
    return pd.concat(parts, ignore_index=True)[["code_id", "n_given", *COLUMNS]]


def expected_agreement(theta: Sequence[float], shares: Sequence[float]) -> dict[str, float]:
    """Return what coders agree who keep the truth with probability theta, else draw from shares.

    Two coders agree for sure where both keep the truth, t_i t_j, else with S = sum_k p_k^2; so all
    kappas that take chance from the margins expect t_i t_j, and of several coders the mean c over
    pairs. percent = c + (1 - c) S; AC1 and Brennan-Prediger correct it by (1 - S) / (q - 1) and
    1 / q. Values are those of many units; Cohen's kappa of several coders is the mean over pairs.

    Parameters
    ----------
    theta : sequence of float
        One per coder.
    shares : sequence of float
        Share of each category in the truth, sum 1.

    Returns
    -------
    dict
        From coefficient to expected value.
    """
    kept = float(np.mean([a * b for a, b in combinations(theta, 2)]))
    same = float(np.square(shares).sum())
    percent = kept + (1 - kept) * same
    chance = {"gwet_ac1": (1 - same) / (len(shares) - 1), "brennan_prediger": 1 / len(shares)}
    corrected = {name: (percent - e) / (1 - e) for name, e in chance.items()}
    from_margins = ("alpha_nominal", "cohen", "scott", "fleiss", "conger")
    return {"percent": percent} | dict.fromkeys(from_margins, kept) | corrected


def code_confusion(units: UnitTable) -> pd.DataFrame:
    """Return which code one coder gave where the other gave another.

    Codes that both gave to a unit are matched. Each that only the first gave is set against each
    that only the second gave, or against none.

    Parameters
    ----------
    units : UnitTable
        What each coder gave.

    Returns
    -------
    DataFrame
        coder_a, coder_b, code_a, code_b (empty: none), n_units; without units to which neither gave
        a code. n_units of a pair of coders exceed the units where a unit has several codes.
    """
    keys = ["coder_a", "coder_b", "code_a", "code_b"]
    rows = []
    for a, b in combinations(range(len(units.coders)), 2):
        pair = units.values[:, [a, b]]
        both = (pair >= 0).all(axis=1)
        found, which = np.unique(pair[both], axis=0, return_inverse=True)
        totals = np.bincount(which.ravel(), weights=units.units["size"].to_numpy()[both])
        for (i, j), n in zip(found.tolist(), totals, strict=True):
            against = _set_against(units.sets[i], units.sets[j])
            rows += [(units.coders[a], units.coders[b], *codes, int(n)) for codes in against]
    frame = pd.DataFrame(rows, columns=[*keys, "n_units"])
    frame = frame.astype(dict.fromkeys(keys, "str") | {"n_units": "int64"})
    return frame.groupby(keys)["n_units"].sum().reset_index()


def _set_against(a: frozenset[str], b: frozenset[str]) -> list[tuple[str, str]]:
    matched = [(code, code) for code in sorted(a & b)]
    if a == b:
        return matched
    return matched + [(x, y) for x in sorted(a - b) or [""] for y in sorted(b - a) or [""]]


def disagreements(units: UnitTable) -> pd.DataFrame:
    """Return the units on which coders differ, for a person to decide.

    Parameters
    ----------
    units : UnitTable
        What each coder gave.

    Returns
    -------
    DataFrame
        doc_id, unit_id, start, end, by_coder (who gave what), majority (what more than half of the
        coders gave, if so; `none` for no code), decision (empty, to fill in); by place.
    """
    columns = ["doc_id", "unit_id", "start", "end"]
    present = np.where(
        units.values >= 0, units.values, units.values.max(axis=1, keepdims=True, initial=-1)
    )
    differ = np.flatnonzero((present != present[:, :1]).any(axis=1))
    frame = units.units.loc[differ, columns].reset_index(drop=True)
    values = units.values[differ]
    text = ["none" if not held else " + ".join(sorted(held)) for held in units.sets]
    frame["by_coder"] = [
        "; ".join(f"{c}: {text[v]}" for c, v in zip(units.coders, row, strict=True) if v >= 0)
        for row in values
    ]
    frame["majority"] = [_majority(row[row >= 0], text) for row in values]
    frame["decision"] = ""
    return frame.astype(dict.fromkeys(("by_coder", "majority", "decision"), "str"))


def _majority(values: np.ndarray, text: list[str]) -> str:
    counts = np.bincount(values)
    return text[counts.argmax()] if counts.max() * 2 > len(values) else ""


@dataclass(frozen=True)
class _Sample:
    """Ratings of the documents that can be compared, each unit with the number of its document."""

    ratings: Ratings
    documents: np.ndarray

    @property
    def n_documents(self) -> int:
        return int(self.documents.max(initial=-1)) + 1


def _sample(ratings: Ratings, documents: np.ndarray) -> _Sample:
    """Units of documents that two coders coded; equal ones of a document are one row."""
    compared = np.bincount(documents, weights=ratings.pairable, minlength=1) > 0
    kept = np.flatnonzero(compared[documents])
    alike, values, first = documents[kept], ratings.values[kept], np.arange(len(kept))
    for column in values.T:
        key = alike * (len(ratings.categories) + 1) + column + 1
        _, first, alike = np.unique(key, return_index=True, return_inverse=True)
    frequency = np.bincount(alike, weights=ratings.frequency[kept])
    rows = replace(ratings, values=values[first], frequency=frequency)
    return _Sample(rows, (np.cumsum(compared) - 1)[documents[kept][first]])


def _draws(sample: _Sample, replications: int, seed: int) -> np.ndarray:
    """How often each resample draws each document (replications, documents)."""
    n = max(sample.n_documents, 1)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=replications)
    return counts.astype(float)


def _estimate(
    coefficient: str, sample: _Sample, draws: np.ndarray, confidence: float
) -> dict[str, Any]:
    """One row of the table of agreement."""
    ratings, n = sample.ratings, sample.n_documents
    pairable = ratings.pairable
    row: dict[str, Any] = {
        "coefficient": coefficient,
        "n_units": int(ratings.frequency[pairable].sum()),
        "n_documents": n,
        "n_coders": int((ratings.values[pairable] >= 0).any(axis=0).sum()),
    }
    if not n or misfit(ratings, coefficient):
        return row | {"why": why_undefined(ratings, coefficient)}
    value = statistic(coefficient, ratings, sample.documents)
    row["estimate"] = float(value(np.ones((1, n)))[0])
    if np.isnan(row["estimate"]):
        return row | {"why": why_undefined(ratings, coefficient)}
    if n < 2:
        return row | {"why": "interval: needs two documents or more"}
    row["jackknife_se"] = _jackknife_se(value(np.ones((n, n)) - np.eye(n)))
    return row | _percentiles(value(draws), confidence)


def _jackknife_se(left_out: np.ndarray) -> float:
    n = len(left_out)
    return float(np.sqrt((n - 1) * np.var(left_out)))


def _percentiles(drawn: np.ndarray, confidence: float) -> dict[str, Any]:
    defined = drawn[~np.isnan(drawn)]
    missing = len(drawn) - len(defined)
    why = f"interval: undefined in {missing} of {len(drawn)} resamples" if missing else ""
    if len(defined) < DEFINED_SHARE * len(drawn) or not len(defined):
        return {"why": why}
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return {"ci_low": float(low), "ci_high": float(high), "why": why}


def _tidy(rows: list[dict[str, Any]], unit: str) -> pd.DataFrame:
    kinds = dict.fromkeys(("coefficient", "unit", "why"), "str")
    kinds |= dict.fromkeys(("n_units", "n_documents", "n_coders"), "int64")
    numbers = dict.fromkeys(("estimate", "ci_low", "ci_high", "jackknife_se"), "float64")
    return pd.DataFrame([row | {"unit": unit} for row in rows], columns=COLUMNS).astype(
        kinds | numbers
    )
