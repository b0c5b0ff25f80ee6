"""Publication tables of the four towns and of what Zhai et al. (2021) list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.cases import display_figures, matrix_figures
from analysis.cases.matrix import NOBODY
from analysis.exhibits import printed
from analysis.interviews.chains import STAGES
from analysis.tables import Table

BASES = {
    "explicit": ("stated", "研究明确指出"),
    "coded": ("coded", "经人工编码"),
    "order": ("order of lists", "按列举顺序"),
    "analyst": ("our reading", "我们的解读"),
    "": ("no link", "无关联"),
}
GROUPINGS = {
    "themes": ("Our themes", "我们的主题"),
    "one_code_apart": ("One code taken out of its theme", "将任一编码移出其主题"),
    "two_themes_merged": ("Two themes merged", "合并任意两个主题"),
    "revitalizations": ("By the five revitalizations", "按五大振兴归并"),
    "dealt_at_random": ("Codes dealt at random (expected)", "编码随机分入（期望值）"),
    "any_grouping": ("Any grouping at all", "任意归并方式"),
}


def path_table(
    paths: pd.DataFrame, codes: pd.DataFrame, lang: str, *, case_names: Mapping[str, str]
) -> Table:
    """Table of problem, cause, countermeasure, actors and revitalizations, a row per path.

    Parameters
    ----------
    paths : DataFrame
        From `matrix.problem_paths`.
    codes : DataFrame
        Labels: id, label_en, label_zh.
    lang : str
        `en` or `zh`.
    case_names : mapping
        Names of towns in the language.
    """
    zh, joint = lang == "zh", "；" if lang == "zh" else "; "
    labels = dict(zip(codes["id"], codes[f"label_{lang}"], strict=True)) | {"": ""}
    words = {name: text[lang] for name, text in matrix_figures.TEXTS.items()}
    heads = ["问题", "原因", "对策"] if zh else ["Problem", "Cause", "Countermeasure"]
    frame = pd.DataFrame(
        {
            "镇" if zh else "Town": paths["case"].map(lambda case: case_names.get(case, case)),
            **{head: paths[stage].map(labels) for head, stage in zip(heads, STAGES, strict=True)},
            "应行动的主体" if zh else "Who must act": [
                joint.join(labels[actor] for actor in actors.split(";"))
                for actors in paths["actors"]
            ],
            "振兴维度" if zh else "Revitalizations": [
                joint.join(words[name] for name in names.split("|") if name)
                for names in paths["dimensions"]
            ],
            "关联依据" if zh else "Link rests on": [BASES[basis][zh] for basis in paths["basis"]],
        }
    )
    notes = (
        "摘要分别列举问题、原因与对策，并未一一对应：关联仅依据列举顺序或我们的解读。"
        "主体与振兴维度多为解读。"
        if zh
        else "The abstracts list problems, causes and countermeasures and pair none: links rest on "
        "the order of the lists or on our reading, as do most actors and revitalizations."
    )
    return Table(frame, "由问题到对策" if zh else "From problem to countermeasure", notes)


def sharing_table(sensitivity: Mapping[str, pd.DataFrame], lang: str) -> Table:
    """Table of how many groups the towns share under each way of grouping.

    Parameters
    ----------
    sensitivity : mapping of {kind: DataFrame}
        From `sharing.grouping_sensitivity`.
    lang : str
        `en` or `zh`.
    """
    zh = lang == "zh"
    columns = {
        matrix_figures.TEXTS[kind][lang]: [
            _span(low, high, 1 if grouping == "dealt_at_random" else 0)
            for grouping, low, high in rows[["grouping", "low", "high"]].to_numpy()
        ]
        for kind, rows in sensitivity.items()
    }
    ways = next(iter(sensitivity.values()))["grouping"]
    head = {"归并方式" if zh else "Grouping": [GROUPINGS[way][zh] for way in ways]}
    notes = (
        "两个及以上乡镇共有的组数。共有数在很大程度上取决于如何归并：按同样大小的组随机分入编码，"
        "也会得到相近的数目，因此不宜视为各镇相似的证据。"
        if zh
        else "Number of groups with codes of two towns or more. It is largely made by the "
        "grouping: compare it with what codes dealt at random to groups of the same sizes give, "
        "before reading it as likeness of the towns."
    )
    caption = "各镇共有之处取决于归并方式" if zh else "What towns share depends on the grouping"
    return Table(pd.DataFrame(head | columns), caption, notes)


def duty_table(
    duties: pd.DataFrame, lang: str, *, case_names: Mapping[str, str] | None = None
) -> Table:
    """Table of who must act: countermeasures by group of actors and town.

    Parameters
    ----------
    duties : DataFrame
        From `matrix.who_must_act`.
    lang : str
        `en` or `zh`.
    case_names : mapping, optional
        Names of towns in the language; their ids otherwise.
    """
    zh, names = lang == "zh", case_names or {}
    cells = duties.assign(
        cell=[
            f"{row['countermeasures']} ({row['explicit']})"
            if row["named"] or row["countermeasures"] else ""
            for row in duties.to_dict("records")
        ]
    )  # fmt: skip
    wide = cells.pivot(index="actor", columns="case", values="cell")
    unused = duties.groupby("actor")["countermeasures"].sum().get(NOBODY, 0) == 0
    order = [a for a in dict.fromkeys(duties["actor"]) if not (a == NOBODY and unused)]
    sizes = duties.groupby("case", sort=False)["of_countermeasures"].first()
    labels = duties.drop_duplicates("actor").set_index("actor")[f"label_{lang}"]
    frame = pd.DataFrame({"主体" if zh else "Actors": labels.loc[order].to_numpy()})
    for case, size in sizes.items():
        name = names.get(str(case), str(case))
        head = f"{name}（{size}）" if zh else f"{name} (of {size})"
        frame[head] = wide[case].reindex(order).to_numpy()
    notes = (
        "落在各类主体上的对策数；括号内为研究明确指出者，其余为我们的解读。一项对策可涉及多个主体。"
        "空格：该研究未提及此类主体。"
        if zh
        else "Countermeasures that fall to each group of actors; in brackets those where the study "
        "says so, the others are our reading. One countermeasure may fall to several. Empty: the "
        "study names no such actor."
    )
    return Table(frame, "应由谁行动" if zh else "Who must act", notes)


def joint_table(display: pd.DataFrame, lang: str) -> Table:
    """Table of the joint display.

    Parameters
    ----------
    display : DataFrame
        From `joint_display.joint_display`.
    lang : str
        `en` or `zh`.
    """
    zh, words = lang == "zh", {k: v[lang] for k, v in display_figures.TEXTS.items()}
    heads = (
        ["类别", "主题", "提及的研究", "访谈数", "访谈总数", "占比（%）", "95% 下限", "95% 上限"]
        if zh
        else ["Kind", "Theme", "Studies", "Interviews", "of", "Share (%)", "95% low", "95% high"]
    )
    if display["prevalence_simulated"].any():
        heads[3] = "模拟访谈数" if zh else "Simulated interviews"
    columns = ["kind", f"label_{lang}", "cases", "interviews", "of_interviews", "share",
               "share_low", "share_high"]  # fmt: skip
    rows = display.to_dict("records")
    frame = display[columns].set_axis(heads, axis=1)
    frame[heads[0]] = display["kind"].map(words)
    frame["县级数值" if zh else "County number"] = [
        row[f"indicator_{lang}"] or words["none_declared"] for row in rows
    ]
    frame["预期符号" if zh else "If so"] = display["expected"].str.replace("-", "−")
    frame["估计值与 95% 区间" if zh else "Estimate, 95% interval"] = [
        _estimate(row, lang) for row in rows
    ]
    frame["样本量" if zh else "N"] = display["n"]
    frame["判断" if zh else "Judgement"] = display["judgement"].map(words)
    frame["理由" if zh else "Reason"] = display["reason"]
    caption = "联合展示：研究、访谈与县级数值" if zh else (
        "Joint display: studies, interviews and county numbers"
    )  # fmt: skip
    return Table(frame, caption, words["note"], decimals=1)


def inventory_table(inventory: pd.DataFrame, lang: str) -> Table:
    """Table of what Zhai et al. (2021) list, empty categories included.

    Parameters
    ----------
    inventory : DataFrame
        From `studies.policy_inventory`.
    lang : str
        `en` or `zh`.
    """
    zh = lang == "zh"
    nothing = "正文未列举" if zh else "named; the text assigns nothing to it"
    frame = pd.DataFrame(
        {
            "部分" if zh else "Section": inventory[f"section_{lang}"],
            "组" if zh else "Group": inventory[f"group_{lang}"],
            "内容" if zh else "Item": inventory[f"label_{lang}"].where(inventory["n"] > 0, nothing),
            "原文行号" if zh else "Line of the text": inventory["line"],
        }
    )
    empty = inventory.loc[inventory["n"] == 0, f"group_{lang}"]
    notes = (
        f"据翟等（2021），doi:10.33788/rcis.73.12；内容为转述。正文提出而未列举内容的组："
        f"{'、'.join(empty) or '无'}。"
        if zh
        else "After Zhai, Yang, Zhang & Guo (2021), doi:10.33788/rcis.73.12, in our words. Groups "
        f"that the text names without assigning anything: {', '.join(empty) or 'none'}."
    )
    caption = "政策转移的构成" if zh else "Policy transfer: what the study lists"
    return Table(frame, caption, notes)


def _span(low: float, high: float, digits: int) -> str:
    one, other = printed(low, digits), printed(high, digits)
    return one if one == other else f"{one}–{other}"


def _estimate(row: Mapping[Any, Any], lang: str) -> str:
    """Return estimate, interval and unit of a row; empty where there is no number."""
    if row["indicator_status"] != "available":
        return display_figures.TEXTS["not_in_profile"][lang] if row["indicator"] else ""
    return display_figures.amount(row, lang)
