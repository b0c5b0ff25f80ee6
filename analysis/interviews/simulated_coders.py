"""Coders of known accuracy: what each makes of paragraphs whose true codes are known.

A coder keeps the true code with probability theta, else draws one from all true codes of the
corpus; agreement between two coders is then a known number (`interview_truth.expected_kappa`).
Further ways to err are parameters that are off by default.
"""

import numpy as np
import pandas as pd

from analysis.interviews.truth import InterviewTruth


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of a named component."""
    return np.random.default_rng([seed, *name.encode()])


def simulate_codings(
    spans: pd.DataFrame, lengths: pd.Series, truth: InterviewTruth
) -> pd.DataFrame:
    """Return the codings of all coders.

    Parameters
    ----------
    spans : DataFrame
        doc_id, start, end, code_id, family. A wrong code is drawn from the codes of the family
        (themes, actors) as often as they are true, over all documents. Documents are read in the
        order in which they occur.
    lengths : Series
        Number of characters by doc_id.
    truth : InterviewTruth

    Returns
    -------
    DataFrame
        The columns of `spans`, with `code_id` as the coder sees it, `true_code`, `coder` and
        `order` (of reading); by coder and order. One who draws a code that the paragraph has from
        the same coder already, as may happen with several actors, has it once.
    """
    parts = [
        _read(family, str(name), coder, lengths, truth)
        for coder in truth.theta
        for name, family in spans.assign(order=np.arange(len(spans))).groupby("family", sort=False)
    ]
    return pd.concat(parts).sort_values(["coder", "order"], kind="stable", ignore_index=True)


def _read(
    spans: pd.DataFrame, family: str, coder: str, lengths: pd.Series, truth: InterviewTruth
) -> pd.DataFrame:
    rng = stream(truth.seed, f"coder {coder} {family}")
    true = spans["code_id"].to_numpy()
    place = pd.factorize(spans["doc_id"])[0] / max(spans["doc_id"].nunique() - 1, 1)
    theta = np.clip(truth.theta[coder] - truth.drift * place, 0, 1)
    kept = rng.random(len(spans)) < theta
    seen = np.where(kept, true, true[rng.integers(len(spans), size=len(spans))])
    mixed_up = rng.random(len(spans)) < truth.confusion
    first, second = truth.confused_pair
    other = {first: second, second: first}
    codes = [other.get(c, c) if mixed else c for c, mixed in zip(seen, mixed_up, strict=True)]
    there = rng.random(len(spans)) >= truth.omission
    if coder == truth.half_missing:
        there &= place < 0.5
    codings = spans.assign(coder=coder, true_code=true, code_id=codes)[there]
    codings = codings.drop_duplicates(["doc_id", "start", "end", "code_id"])
    return _shifted(codings, lengths, truth.boundary_jitter, rng)


def _shifted(
    codings: pd.DataFrame, lengths: pd.Series, most: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Move both ends of codings by up to `most` characters; each keeps at least one."""
    start, end = rng.integers(-most, most + 1, (2, len(codings)))
    length = codings["doc_id"].map(lengths).to_numpy()
    start = np.clip(codings["start"] + start, 0, length - 1)
    end = np.minimum(np.maximum(codings["end"] + end, start + 1), length)
    return codings.assign(start=start, end=end)
