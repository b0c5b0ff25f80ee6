"""The COREQ checklist of an interview study, filled from the data and from study.yml.

What the tables say is computed, what only the researcher knows comes from `coreq:` in study.yml,
and what nobody said stands there as NOT REPORTED. Items are in `coreq.yml`, in our own words.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.interviews.saturation import new_information, richness_table
from analysis.interviews.themes import incidence
from analysis.project import ProjectError, bullet_list

ITEMS_FILE = Path(__file__).parent / "coreq.yml"
NOT_REPORTED = "NOT REPORTED"
MAJOR_SHARE = 50.0  # % of interviews from which a theme counts as major
Answer = str | dict[str, str]

PHRASES = {
    "interviews": {"en": "{n} interviews", "zh": "{n} 次访谈"},
    "participants": {
        "en": "{n} interviews with {p} participants",
        "zh": "{p} 名受访者，{n} 次访谈",
    },
    "case": {"en": "cases: {counts}", "zh": "案例：{counts}"},
    "role": {"en": "roles: {counts}", "zh": "角色：{counts}"},
    "date": {"en": "held {first} to {last}", "zh": "访谈时间 {first} 至 {last}"},
    "repeats": {
        "en": "{k} of {p} participants were interviewed more than once",
        "zh": "{p} 名受访者中有 {k} 名接受过一次以上访谈",
    },
    "duration": {
        "en": "median {median:.0f} minutes, {low:.0f} to {high:.0f} (known for {k} of {n})",
        "zh": "中位数 {median:.0f} 分钟，{low:.0f} 至 {high:.0f} 分钟（{n} 次中 {k} 次有记录）",
    },
    "richness": {
        "en": "{observed} themes in {interviews} interviews, {chao2:.1f} estimated (Chao2)",
        "zh": "{interviews} 次访谈出现 {observed} 个主题，估计共 {chao2:.1f} 个（Chao2）",
    },
    "interval": {
        "en": "95% interval {ci_low:.1f} to {ci_high:.1f}",
        "zh": "95% 置信区间 {ci_low:.1f} 至 {ci_high:.1f}",
    },
    "last_run": {
        "en": "the last two interviews added {share:.1f}% to the themes of the first four",
        "zh": "最后两次访谈的新主题为前四次的 {share:.1f}%",
    },
    "coders": {
        "en": "coders: {k}; interviews coded by more than one: {both} of {n}",
        "zh": "{k} 名编码者；{n} 次访谈中 {both} 次由一人以上编码",
    },
    "coding_tree": {
        "en": "{n} codes, levels: {depth}; {counts}",
        "zh": "{n} 个编码，共 {depth} 级；{counts}",
    },
    "quotations": {
        "en": "{k} of {n} interviews may be quoted",
        "zh": "{n} 次访谈中 {k} 次允许引用",
    },
    "major": {
        "en": "in at least half of the interviews: {names}",
        "zh": "见于半数及以上访谈：{names}",
    },
    "minor": {"en": "in fewer: {names}", "zh": "见于不足半数访谈：{names}"},
    "stop": {"en": ". ", "zh": "。"},
    "join": {"en": "; ", "zh": "；"},
    "comma": {"en": ", ", "zh": "、"},
}
NO_KIND = {"en": "no kind", "zh": "未分类"}


class CoreqError(ProjectError):
    """Answers of study.yml that no item of the checklist asks for, or that are not text."""


def load_items() -> pd.DataFrame:
    """Return the 32 items: item, domain, key, data (also answered by the tables), en, zh."""
    content = yaml.safe_load(ITEMS_FILE.read_text(encoding="utf-8"))
    items = pd.DataFrame(content["items"])
    items["data"] = items["data"].eq(True)
    for lang in ("en", "zh"):
        names = {name: both[lang] for name, both in content["domains"].items()}
        items[f"domain_{lang}"] = items["domain"].map(names)
    return items


def load_answers(path: Path) -> dict[str, Answer]:
    """Return the entry `coreq:` of a study.yml; empty where the file or the entry is missing.

    Parameters
    ----------
    path : Path
        Under `coreq:` a text per key of `coreq.yml`, or one per language: ``{en: ..., zh: ...}``.

    Raises
    ------
    CoreqError
        Listing each key that is no item's and each answer that is no text.
    """
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise CoreqError(f"{path}: not valid YAML; {error}") from error
    answers = (content.get("coreq") or {}) if isinstance(content, dict) else content
    if not isinstance(answers, dict):
        raise CoreqError(f"{path}: `coreq:` must be a mapping of keys to texts")
    keys = set(load_items()["key"])
    problems = [f"{key}: no item has this key" for key in answers if key not in keys]
    problems += [
        f"{key}: must be a text, or a text under each of en and zh; quote yes, no and numbers"
        for key, answer in answers.items()
        if key in keys and not _is_text(answer)
    ]
    if problems:
        known = f"keys: {', '.join(sorted(keys))}"
        raise CoreqError(bullet_list(f"{path}, `coreq:`", [*problems, known]))
    return answers


def _is_text(answer: Any) -> bool:
    if isinstance(answer, dict):
        return set(answer) == {"en", "zh"} and all(isinstance(v, str) for v in answer.values())
    return isinstance(answer, str)


def coreq_table(
    documents: pd.DataFrame,
    codings: pd.DataFrame,
    codes: pd.DataFrame,
    attributes: pd.DataFrame,
    answers: Mapping[str, Answer],
    *,
    coder: str,
    lang: str,
) -> pd.DataFrame:
    """Fill the checklist.

    Parameters
    ----------
    documents, codings, codes, attributes : DataFrame
        Tables of a corpus; of the attributes of documents `participant`, `duration_minutes` and
        `may_quote` are read where they are there.
    answers : mapping
        As `load_answers` returns.
    coder : str
        Whose codings themes and saturation rest on: a coder_id or "consensus". Every code but those
        of kind `actor` is a theme.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    DataFrame
        item, domain, topic, answer (what the data say, then what study.yml says, or NOT REPORTED),
        filled_from ("data", "study.yml", "data, study.yml" or "NOT REPORTED").

    Raises
    ------
    ThemeError
        When the coder coded nothing.

    Source
    ------
    Tong, Sainsbury & Craig (2007), Int. J. for Quality in Health Care 19(6), 349-357.
    """
    items = load_items()
    found = {
        **_from_documents(documents, attributes, lang),
        **_from_codings(documents, codings, codes, coder, lang),
    }
    rows = []
    for item in items.to_dict("records"):
        given = answers.get(item["key"], "")
        given = given[lang] if isinstance(given, dict) else given
        parts = {"data": found.get(item["key"], ""), "study.yml": given.strip()}
        parts = {source: text for source, text in parts.items() if text}
        rows.append(
            {
                "item": item["item"],
                "domain": item[f"domain_{lang}"],
                "topic": item[lang],
                "answer": PHRASES["stop"][lang].join(parts.values()) or NOT_REPORTED,
                "filled_from": ", ".join(parts) or NOT_REPORTED,
            }
        )
    return pd.DataFrame(rows)


def _from_documents(documents: pd.DataFrame, attributes: pd.DataFrame, lang: str) -> dict[str, str]:
    """Answer what documents and their attributes say."""
    n, join = len(documents), PHRASES["join"][lang]
    known = attributes[
        (attributes["entity_kind"] == "document")
        & attributes["entity"].isin(documents["doc_id"])
        & (attributes["value"] != "")
    ]
    values = {name: rows.set_index("entity")["value"] for name, rows in known.groupby("name")}
    found = {"sample_size": PHRASES["interviews"][lang].format(n=n)}
    people = values.get("participant", pd.Series(dtype="str"))
    if len(people) == n:
        p, repeated = people.nunique(), int((people.value_counts() > 1).sum())
        found["sample_size"] = PHRASES["participants"][lang].format(n=n, p=p)
        found["repeats"] = PHRASES["repeats"][lang].format(k=repeated, p=p)
    lengths = values.get("duration_minutes", pd.Series(dtype="str"))
    minutes = pd.to_numeric(lengths, errors="coerce").dropna()
    if len(minutes):
        found["duration"] = PHRASES["duration"][lang].format(
            median=minutes.median(), low=minutes.min(), high=minutes.max(), k=len(minutes), n=n
        )
    if "may_quote" in values:
        allowed = int(values["may_quote"].str.lower().isin(["true", "yes", "1"]).sum())
        found["quotations"] = PHRASES["quotations"][lang].format(k=allowed, n=n)
    parts = [
        PHRASES[column][lang].format(counts=_counts(documents[column], lang))
        for column in ("case", "role")
        if documents[column].ne("").any()
    ]
    dates = documents.loc[documents["date"] != "", "date"]
    if len(dates):
        parts.append(PHRASES["date"][lang].format(first=dates.min(), last=dates.max()))
    return {**found, "sample": join.join(parts)}


def _counts(column: pd.Series, lang: str) -> str:
    counts = column.value_counts().sort_index()
    return PHRASES["comma"][lang].join(f"{name or '–'} {count}" for name, count in counts.items())


def _from_codings(
    documents: pd.DataFrame, codings: pd.DataFrame, codes: pd.DataFrame, coder: str, lang: str
) -> dict[str, str]:
    """Answer what codes and codings say."""
    human = codings[(codings["origin"] == "human") & codings["doc_id"].isin(documents["doc_id"])]
    per_interview = human.groupby("doc_id")["coder_id"].nunique()
    themes = codes[codes["kind"] != "actor"]
    kinds = codes["kind"].where(codes["kind"] != "", NO_KIND[lang])
    found = {
        "coders": PHRASES["coders"][lang].format(
            k=human["coder_id"].nunique(), both=int((per_interview > 1).sum()), n=len(documents)
        ),
        "coding_tree": PHRASES["coding_tree"][lang].format(
            n=len(codes), depth=_depth(codes), counts=_counts(kinds, lang)
        ),
        "saturation": _saturation(documents, codings, themes, coder, lang),
    }
    heard = incidence(documents, codings, themes, coder=coder)
    share = 100 * heard.mean()[lambda values: values > 0].sort_values(
        ascending=False, kind="stable"
    )
    labels = codes.set_index("code_id")[f"label_{lang}"].reindex(share.index)
    labels = labels.where(labels != "", labels.index)
    for key, chosen in (
        ("major", share >= MAJOR_SHARE),
        ("minor", share < MAJOR_SHARE),
    ):
        if chosen.any():
            names = PHRASES["join"][lang].join(labels[chosen])  # labels hold commas
            found[f"{key}_themes"] = PHRASES[key][lang].format(names=names)
    return found


def _depth(codes: pd.DataFrame) -> int:
    """Levels of the coding frame."""
    parents = dict(zip(codes["code_id"], codes["parent"], strict=True))
    level, depth = set(parents), 0
    while level and depth <= len(parents):
        level, depth = {parents[code] for code in level if parents.get(code)}, depth + 1
    return depth


def _saturation(
    documents: pd.DataFrame, codings: pd.DataFrame, codes: pd.DataFrame, coder: str, lang: str
) -> str:
    table = richness_table(documents, codings, codes, coder=coder)
    richness: dict[str, Any] = {str(name): value for name, value in table.iloc[0].items()}
    parts = [PHRASES["richness"][lang].format(**richness)]
    if not richness["why"]:
        parts.append(PHRASES["interval"][lang].format(**richness))
    information = new_information(documents, codings, codes, coder=coder)["new_information"]
    for share in information.tail(1).dropna():
        parts.append(PHRASES["last_run"][lang].format(share=share))
    return PHRASES["join"][lang].join(parts)
