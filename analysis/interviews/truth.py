"""Known truth of the simulated interviews: who speaks of what, and how well coders see it.

Each estimate on the simulated interviews can be shown beside the number that it should recover.
This module reads and validates the parameters and derives from them the expected shares of themes
by town and role and the expected agreement of coders; `analysis.interviews.simulation` draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.interviews.agreement import expected_agreement
from analysis.interviews.corpus import CorpusError
from analysis.parameters import nearest
from analysis.project import bullet_list

TOWNS = ("B", "S", "W", "P")
ROLES = ("official", "cooperative_head", "farmer", "enterprise", "social_organisation")
KINDS = ("problem", "cause", "countermeasure")
PROBABILITIES = ("second_answer", "omission", "confusion", "drift")


@dataclass(frozen=True, kw_only=True)
class InterviewTruth:
    """Parameters of the simulated interviews, validated on construction.

    Attributes
    ----------
    seed
        Each component draws from a stream of its own, named and seeded by this number.
    theta
        Probability that a coder keeps the true code, by coder.
    coded_answers
        Fewest and most paragraphs with a theme in an interview.
    second_answer
        Probability that a turn has two such paragraphs.
    role_weights
        By role and theme: how much more (above 1) or less a role speaks of it; 1 where not given.
    boundary_jitter
        Largest shift of either end of a coding, in characters.
    omission
        Probability that a coder leaves a coding out.
    confusion, confused_pair
        Probability that a coder takes one code of the pair for the other.
    drift
        What theta has lost at the last interview; the loss grows in a straight line.
    half_missing
        Coder who read only the first half of the interviews; empty for none.

    Raises
    ------
    CorpusError
        Listing every parameter out of range and every role or coder that is not known.
    """

    seed: int
    theta: Mapping[str, float]
    coded_answers: tuple[int, int]
    second_answer: float
    role_weights: Mapping[str, Mapping[str, float]]
    boundary_jitter: int = 0
    omission: float = 0.0
    confusion: float = 0.0
    confused_pair: tuple[str, str] = ("", "")
    drift: float = 0.0
    half_missing: str = ""

    def __post_init__(self) -> None:
        weights = [(r, t, w) for r, row in self.role_weights.items() for t, w in row.items()]
        problems = [
            *(f"theta of {c} is {v}: 0 to 1" for c, v in self.theta.items() if not 0 <= v <= 1),
            *(f"{n} is {getattr(self, n)}: 0 to 1" for n in PROBABILITIES
              if not 0 <= getattr(self, n) <= 1),
            *(f"role_weights: {r} is no role{nearest(r, ROLES)}" for r in self.role_weights
              if r not in ROLES),
            *(f"role_weights: {r}, {t} is {w}: above 0" for r, t, w in weights if w <= 0),
        ]  # fmt: skip
        if not 1 <= self.coded_answers[0] <= self.coded_answers[1]:
            problems.append(f"coded_answers is {self.coded_answers}: least, then most, from 1")
        if self.boundary_jitter < 0:
            problems.append(f"boundary_jitter is {self.boundary_jitter}: 0 or more characters")
        if self.half_missing and self.half_missing not in self.theta:
            problems.append(f"half_missing is {self.half_missing}: one of {', '.join(self.theta)}")
        if self.confusion and len(set(self.confused_pair)) != 2:
            problems.append("confused_pair must name two codes where confusion is above 0")
        if problems:
            raise CorpusError(bullet_list("parameters of the simulated interviews:", problems))


def load_interview_truth(path: Path) -> InterviewTruth:
    """Read the parameters of the simulated interviews.

    Raises
    ------
    CorpusError
        When a name is missing or not known, and as `InterviewTruth`.
    """
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    names = [f.name for f in fields(InterviewTruth)]
    problems = [f"{name} is missing" for name in names if name not in content]
    problems += [f"{n} is not known{nearest(n, names)}" for n in content if n not in names]
    if problems:
        raise CorpusError(bullet_list(f"{path.name}:", problems))
    pairs = {name: tuple(content[name]) for name in ("coded_answers", "confused_pair")}
    return InterviewTruth(**{**content, **pairs})


def code_shares(themes: pd.DataFrame, truth: InterviewTruth) -> pd.DataFrame:
    """Return how often each code should come up, by town and role.

    Parameters
    ----------
    themes : DataFrame
        theme, kind, code (of data/raw/cases/themes.csv); the town is the first part of a code.

    Returns
    -------
    DataFrame
        case, role, code, theme, share: probability that an answer of this role in this town
        paraphrases the code; sums to 1 over the codes of a town and role.

    Raises
    ------
    CorpusError
        When a role weight names a theme that no study has.

    Notes
    -----
    Proportional to the role's weight of the theme. So a theme comes up more in a town whose study
    has more codes of it, and never where its study has none.
    """
    frame = themes.loc[themes["kind"].isin(KINDS), ["code", "theme"]]
    known = set(frame["theme"])
    named = sorted({t for row in truth.role_weights.values() for t in row} - known)
    if named:
        problems = [f"{name}{nearest(name, sorted(known))}" for name in named]
        raise CorpusError(bullet_list("role_weights: themes that no study has:", problems))
    frame = frame.assign(case=frame["code"].str[0]).merge(
        pd.DataFrame({"role": ROLES}), how="cross"
    )
    weight = [
        truth.role_weights.get(role, {}).get(theme, 1.0)
        for role, theme in zip(frame["role"], frame["theme"], strict=True)
    ]
    frame = frame.assign(share=weight)
    frame["share"] /= frame.groupby(["case", "role"])["share"].transform("sum")
    columns = ["case", "role", "code", "theme", "share"]
    return frame[columns].sort_values(["case", "role", "code"], ignore_index=True)


def theme_shares(shares: pd.DataFrame) -> pd.DataFrame:
    """Return the expected shares of themes: case, role, theme, share."""
    return shares.groupby(["case", "role", "theme"])["share"].sum().reset_index()


def role_contrasts(shares: pd.DataFrame) -> pd.DataFrame:
    """Return how much more of a role's answers concern a theme than of the other roles' answers.

    Parameters
    ----------
    shares : DataFrame
        Of `code_shares`.

    Returns
    -------
    DataFrame
        role, theme, share (mean over the towns), others (mean over towns and other roles),
        difference; one row per role and theme, towns and roles weighing the same.

    Notes
    -----
    A coder's wrong codes have the same distribution in every role, so the contrast in the codings
    of a coder is theta times the true one: counts of a poor coder understate how roles differ.
    """
    wide = theme_shares(shares).pivot_table(
        index="role", columns="theme", values="share", aggfunc="sum", fill_value=0.0
    ) / len(TOWNS)  # fmt: skip
    others = (wide.sum() - wide) / (len(wide) - 1)
    table = pd.DataFrame({"share": wide.stack(), "others": others.stack()}).reset_index()
    return table.assign(difference=table["share"] - table["others"])


def expected_kappa(theta: Mapping[str, float]) -> dict[tuple[str, str], float]:
    r"""Return the kappa of each pair of coders that the simulation should show.

    Notes
    -----
    A coder keeps the true code with probability :math:`\theta`, else draws from the distribution p
    of the true codes. Two coders then agree with probability :math:`\theta_i\theta_j +
    (1-\theta_i\theta_j)\sum p^2`; the codes of each have the distribution p, so agreement by chance
    is :math:`\sum p^2` and kappa :math:`(P_o-P_e)/(1-P_e) = \theta_i\theta_j`, whatever p is and
    however the true codes depend on the interview.
    """
    return {(a, b): theta[a] * theta[b] for a, b in combinations(sorted(theta), 2)}


def expected_alpha(theta: Mapping[str, float]) -> float:
    """Return the nominal alpha of Krippendorff that the simulation should show.

    The coders have equal margins, so it is the mean of `expected_kappa` over the pairs, up to terms
    of the order of one over the number of units.
    """
    kappas = expected_kappa(theta)
    return sum(kappas.values()) / len(kappas)


def known_agreement(study: Path) -> dict[str, float]:
    """Return the agreement that the known skill of simulated coders implies.

    Parameters
    ----------
    study : Path
        A study folder; only that of simulated interviews has `truth/truth.yml`.

    Returns
    -------
    dict of {coefficient: value}
        As `agreement.expected_agreement`; empty where no truth is known.
    """
    path = study / "truth" / "truth.yml"
    if not path.is_file():
        return {}
    known = yaml.safe_load(path.read_text(encoding="utf-8"))
    return expected_agreement(list(known["theta"].values()), list(known["theme_marginal"].values()))
