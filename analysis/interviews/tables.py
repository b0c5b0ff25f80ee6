"""Publication tables of the interviews: agreement of coders, themes, the reporting checklist."""

from pathlib import Path

import pandas as pd

from analysis.interviews.agreement_figures import TEXTS
from analysis.interviews.theme_figures import code_labels
from analysis.tables import Table


def coder_agreement(table: pd.DataFrame, lang: str) -> Table:
    """Table of agreement coefficients by unit.

    Parameters
    ----------
    table : DataFrame
        `coder_agreement`.
    lang : str
        `en` or `zh`.
    """
    zh = lang == "zh"
    units = {
        "segment": ("segments", "段落"),
        "turn": ("turns", "话轮"),
        "character": ("characters", "字符"),
    }
    frame = pd.DataFrame(
        {
            "单位" if zh else "Unit": table["unit"].map(lambda unit: units[unit][zh]),
            "系数" if zh else "Coefficient": table["coefficient"].map(lambda c: TEXTS[c][lang]),
            "估计值" if zh else "Estimate": table["estimate"],
            "95% 下限" if zh else "95 % low": table["ci_low"],
            "95% 上限" if zh else "95 % high": table["ci_high"],
            "刀切法标准误" if zh else "Jackknife SE": table["jackknife_se"],
            "单位数" if zh else "Units": table["n_units"],
            "访谈数" if zh else "Interviews": table["n_documents"],
            "说明" if zh else "Why undefined": table["why"],
        }
    )
    notes = (
        "区间为以访谈为单位重抽样的百分位区间，标准误为以访谈为单位的刀切法；单位不同，数值不同。"
        "某系数在某单位上无定义时留空并说明原因，不记为 1。"
        if zh
        else "Intervals: percentiles of a bootstrap over interviews; standard errors: jackknife "
        "over interviews. The unit changes the number. Where a coefficient is undefined it is left "
        "empty with the reason, never set to 1."
    )
    return Table(frame, "编码员一致性" if zh else "Agreement of coders", notes)


def theme_frequencies(frequencies: pd.DataFrame, codes: pd.DataFrame, lang: str) -> Table:
    """Table of themes by the share of interviews that name them, with denominators.

    Parameters
    ----------
    frequencies : DataFrame
        As `themes.theme_frequencies` returns without groups.
    codes : DataFrame
        Labels: code_id, kind, label_en, label_zh.
    lang : str
        `en` or `zh`.
    """
    zh = lang == "zh"
    order = frequencies.sort_values(["interviews", "segments"], ascending=False, kind="stable")
    frame = pd.DataFrame(
        {
            "主题" if zh else "Theme": order["code_id"].map(code_labels(codes, lang)),
            "访谈数" if zh else "Interviews": order["interviews"],
            "访谈总数" if zh else "of": order["of_interviews"],
            "占比（%）" if zh else "Share (%)": order["share"],
            "95% 下限" if zh else "95 % low": order["ci_low"],
            "95% 上限" if zh else "95 % high": order["ci_high"],
            "段落数" if zh else "Segments": order["segments"],
            "段落总数" if zh else "of segments": order["of_segments"],
        }
    )
    notes = (
        "区间为 Wilson 区间；受访者为有意选取，区间只反映访谈数量，不能推断总体。"
        if zh
        else "Wilson intervals; participants were chosen on purpose, so an interval says how many "
        "interviews there are, not what a population thinks."
    )
    return Table(
        frame, "主题频次" if zh else "Themes and how often they are named", notes, decimals=1
    )


def coreq_checklist(checklist: pd.DataFrame, lang: str) -> Table:
    """Table of the 32 items of COREQ, already filled in the language of the table.

    Parameters
    ----------
    checklist : DataFrame
        As `coreq.coreq_table` returns.
    lang : str
        `en` or `zh`.
    """
    zh = lang == "zh"
    heads = (
        ["条目", "领域", "内容", "回答", "依据"]
        if zh
        else ["Item", "Domain", "Topic", "Answer", "From"]
    )
    frame = checklist[["item", "domain", "topic", "answer", "filled_from"]].set_axis(heads, axis=1)
    notes = (
        "COREQ（Tong, Sainsbury 与 Craig 2007）条目以我们自己的文字表述；data 由数据自动填写，"
        "study.yml 由研究者填写，其余为 NOT REPORTED。"
        if zh
        else "Items of COREQ (Tong, Sainsbury & Craig 2007) in our words; data: filled from the "
        "tables, study.yml: answered by the researchers, else NOT REPORTED."
    )
    return Table(frame, "访谈研究报告清单" if zh else "Checklist of the interview study", notes)


def frame_labels(cases: Path) -> pd.DataFrame:
    """Return the themes that are common to the towns: code_id, kind, label_en, label_zh.

    Parameters
    ----------
    cases : Path
        `data/raw/cases`.
    """
    themes = pd.read_csv(cases / "themes.csv", dtype=str).rename(columns={"theme": "code_id"})
    return themes[["code_id", "kind", "label_en", "label_zh"]].drop_duplicates(ignore_index=True)


def case_names(cases: Path) -> dict[str, dict[str, str]]:
    """Return the names of the cases by language.

    Parameters
    ----------
    cases : Path
        `data/raw/cases`.
    """
    known = pd.read_csv(cases / "cases.csv", dtype=str).set_index("case")
    return {
        lang: dict(zip(known.index, known[f"name_{lang}"], strict=True)) for lang in ("en", "zh")
    }
