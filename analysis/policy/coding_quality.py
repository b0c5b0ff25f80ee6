"""How often the dictionary agrees with a reader, on passages that were read for the purpose.

The sample is stratified, so every passage has a weight (the inverse of its chance to be drawn).
The half called development served to write the dictionary; the half called test was drawn and
labelled after the dictionary had been fixed. Passages are stored by place and hash, not by words.
The reader of the labels that are there is one language model; no person has checked them yet.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.geography import require_columns
from analysis.interviews.themes import wilson_interval
from analysis.panel_input import raise_violations
from analysis.policy.coding import CODED

LABELS = "labelled_segments.csv"
SPLITS = ("development", "test")
MEASURED = ("scope", *CODED)
PLACE = ["doc_id", "start", "end"]
LABEL_COLUMNS = [*PLACE, "sha256", "split", "stratum", "weight", *MEASURED]
LEVEL = 0.95


def read_labels(folder: Path) -> pd.DataFrame:
    """Read the labels that a reader gave.

    Parameters
    ----------
    folder : Path
        `data/raw/policy`.

    Returns
    -------
    DataFrame
        doc_id, start, end (code points), sha256 (of the passage), split, stratum, weight (>= 1),
        and one column of truth values per class of `MEASURED`.

    Raises
    ------
    ValueError
        Lists missing columns, unknown splits, labels other than 0 and 1, classes given out of
        scope, weights below 1 and places that stand twice, with row.
    """
    path = folder / LABELS
    table = pd.read_csv(path, dtype={"doc_id": "str", "sha256": "str"})
    absent = [c for c in LABEL_COLUMNS if c not in table]
    raise_violations(path.name, [f"column '{c}' is missing: add it" for c in absent])
    rules = {
        "split": (~table["split"].isin(SPLITS), f"must be one of {', '.join(SPLITS)}"),
        "weight": (~(pd.to_numeric(table["weight"], errors="coerce") >= 1), "must be at least 1"),
        "start": (table.duplicated(PLACE), "repeats the place of a row above"),
    }
    for name in MEASURED:
        rules[name] = (~table[name].isin([0, 1]), "must be 0 or 1")
    for name in CODED:
        inside = rules[name][0] | ((table[name] == 1) & (table["scope"] == 0))
        rules[name] = (inside, "must be 0 or 1, and 0 out of scope")
    raise_violations(
        path.name,
        [
            f"{path.name} row {row}, column '{column}': {table[column].iloc[row - 2]!r} {rule}: "
            "correct it"
            for column, (wrong, rule) in rules.items()
            for row in np.flatnonzero(wrong) + 2
        ],
    )
    return table[LABEL_COLUMNS].astype(dict.fromkeys(MEASURED, "bool"))


def changed_passages(labels: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """Return the labelled places where the segments hold another passage, or none.

    Returns
    -------
    DataFrame
        doc_id, start, end, reason ("no segment there", "another passage"); empty if all is well.
    """
    here = labels[[*PLACE, "sha256"]].merge(segments[[*PLACE, "text"]], on=PLACE, how="left")
    digest = here["text"].map(_sha256, na_action="ignore")
    gone = here["text"].isna()
    here["reason"] = np.where(gone, "no segment there", "another passage")
    wrong = gone | (digest != here["sha256"])
    return here.loc[wrong, [*PLACE, "reason"]].reset_index(drop=True)


def measured_quality(
    flags: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    rng: np.random.Generator,
    split: str = "test",
    draws: int = 2000,
) -> pd.DataFrame:
    """Measure precision, recall and F1 of each class against the labels.

    Estimates are weighted. Wilson intervals take the effective number of passages
    (sum of weights)^2 / (sum of squared weights) for the sample size; the interval of F1 is the
    percentile interval of a bootstrap of passages within strata. Intervals express the sampling
    of passages, not the doubts of the reader.

    Parameters
    ----------
    flags : DataFrame
        As `coding.flag_segments`.
    labels : DataFrame
        As `read_labels`.
    rng : Generator
        For the bootstrap.
    split : str
        One of `SPLITS`.
    draws : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        class, split, passages, labelled, flagged, tp, fp, fn (counts), precision, precision_low,
        precision_high, recall, recall_low, recall_high, f1, f1_low, f1_high, share_labelled,
        share_flagged (weighted, of all passages). Missing where nothing was flagged or labelled.

    Raises
    ------
    ValueError
        If a column is missing, the split is unknown or empty, or a labelled place has no flags.

    Source
    ------
    Kish (1965), Survey Sampling, section 11.7, for the effective number.
    """
    require_columns(flags, [*PLACE, *MEASURED], "flags")
    require_columns(labels, LABEL_COLUMNS, "labels")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    chosen = labels[labels["split"] == split]
    both = chosen.merge(flags[[*PLACE, *MEASURED]], on=PLACE, suffixes=("", "_flag"), how="inner")
    faults = []
    if chosen.empty:
        faults.append(f"no passage of the split {split}: label some")
    if len(both) < len(chosen):
        lost = len(chosen) - len(both)
        faults.append(f"{lost} labelled place(s) have no segment: see changed_passages")
    raise_violations("the labels", faults)
    samples = _resampled(both["stratum"], rng, draws)
    rows = [_class_quality(both, name, samples) for name in MEASURED]
    return pd.DataFrame(rows).assign(split=split).pipe(_ordered)


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    first = ["class", "split", "passages"]
    return table[[*first, *(c for c in table if c not in first)]]


def _class_quality(both: pd.DataFrame, name: str, samples: np.ndarray) -> dict[str, object]:
    truth, guess = both[name].to_numpy(), both[f"{name}_flag"].to_numpy()
    weight = both["weight"].to_numpy(dtype=float)
    hit = truth & guess
    row: dict[str, object] = {
        "class": name, "passages": len(both), "labelled": int(truth.sum()),
        "flagged": int(guess.sum()), "tp": int(hit.sum()), "fp": int((guess & ~truth).sum()),
        "fn": int((truth & ~guess).sum()),
    }  # fmt: skip
    for measure, base in (("precision", guess), ("recall", truth)):
        row |= _weighted_share(measure, hit[base], weight[base])
    twice, total = 2 * weight * hit, weight * guess + weight * truth
    with np.errstate(invalid="ignore"):
        f1 = twice[samples].sum(axis=1) / total[samples].sum(axis=1)
    known = f1[np.isfinite(f1)]
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(known, tails) if len(known) else (np.nan, np.nan)
    row |= {"f1": twice.sum() / total.sum() if total.any() else np.nan}
    row |= {"f1_low": low, "f1_high": high}
    row |= {"share_labelled": np.average(truth, weights=weight)}
    return row | {"share_flagged": np.average(guess, weights=weight)}


def _weighted_share(measure: str, right: np.ndarray, weight: np.ndarray) -> dict[str, object]:
    keys = [measure, f"{measure}_low", f"{measure}_high"]
    if not len(right):
        return dict.fromkeys(keys, np.nan)
    share = float(np.average(right, weights=weight))
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    low, high = wilson_interval(pd.Series([share * effective]), pd.Series([effective]))
    return dict(zip(keys, (share, low.iloc[0], high.iloc[0]), strict=True))


def _resampled(strata: pd.Series, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Return positions of passages, drawn with replacement within strata, (draws, passages)."""
    parts = [np.flatnonzero(strata == s) for s in sorted(strata.unique())]
    return np.hstack([rng.choice(part, size=(draws, len(part))) for part in parts])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
