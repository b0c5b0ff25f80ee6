"""Which header of which census workbook holds which count.

The two workbooks word their headers differently. Headers are compared after NFKC normalisation and
without white space (the workbook of 2010 breaks headers over lines and mixes full-width and plain
brackets). Each entry gives the header of 2010 and that of 2020; None where a census did not ask.
"""

from __future__ import annotations

import unicodedata
from typing import Any

SHEETS = {2010: "Sheet1", 2020: "七普(年鉴)"}
CODE_HEADER = "区划代码"
PLACE_HEADERS = {2010: ("地区",), 2020: ("省", "市", "区县")}

_AGES = ("0岁", "1-4岁", *(f"{low}-{low + 4}岁" for low in range(5, 85, 5)))
_CHILD_GROUPS, _OLD_GROUPS = 4, 5  # 0, 1-4, 5-9, 10-14; and 65-69 ... 85 and over


def _age_columns(year: int) -> list[list[str]]:
    if year == 2010:
        return [[f"{age}({sex})" for sex in "男女"] for age in (*_AGES, "85岁及以上")]
    labels = [age.replace("-", "到") for age in _AGES]
    return [[f"{sex}_{age}" for sex in "男女"] for age in (*labels, "85岁以上")]


def _both(stem_2010: str, stem_2020: str) -> dict[int, list[str]]:
    return {2010: [f"{stem_2010}-{s}" for s in "男女"], 2020: [f"{stem_2020}_{s}" for s in "男女"]}


_ATTAINMENT = {
    "never_schooled": _both("未上过学", "未上过学"),
    "primary": _both("小学", "小学"),
    "junior_secondary": _both("初中", "初中"),
    "senior_secondary": _both("高中", "高中"),
    "junior_college": _both("大学专科", "大学专科"),
    "bachelor": _both("大学本科及以上", "本科及以上"),
}
_TERTIARY = {
    2010: ["仓储和邮政业", "交通运输、计算机服务和软件业", "信息传输、批发和零售业", "住宿和餐饮业",
           "金融业", "房地产业", "租赁和商务服务业", "科学研究、技术服务和地质勘察业",
           "水利、环境和公共设施管理业", "居民服务和其他服务业", "教育",
           "卫生、社会保障和社会福利业", "文化、体育和娱乐业", "公共管理和社会组织", "国际组织"],
    2020: ["批发和零售业", "交通运输仓储和邮政业", "住宿和餐饮业", "信息传输软件和信息技术服务业",
           "金融业", "房地产业", "租赁和商务服务业", "科学研究和技术服务业",
           "水利环境和公共设施管理业", "居民服务修理和其服务业", "教育", "卫生和社会工作",
           "文化体育和娱乐业", "公共管理社会保障和社会组织", "国际组织"],
}  # fmt: skip

# count -> headers whose sum it is, per year: single headers as (2010, 2020)
_SINGLE: dict[str, tuple[str | None, str | None]] = {
    "population": ("合计", "人口数_合计"),
    "men": ("男", "人口数_男"),
    "women": ("女", "人口数_女"),
    "urban": ("城镇人口", "城镇人口"),
    "rural": ("乡村人口", "乡村人口"),
    "households": ("户数", "家庭户数"),
    "household_persons": ("人口数", "家庭户人口数"),
    "one_person": ("一人户", "一人户数"),
    "elderly_households": ("有65岁及以上老年人口的户数(户)-合计", "有65岁及以上老年人口的户数"),
    "illiterate": ("15岁及以上文盲人口-合计", "15岁及以上文盲人口"),
    "employed": ("各种行业人口总计", "各种行业人口总计"),
    "agriculture": ("农林牧渔业", "农林牧渔业"),
    "mining": ("采矿业", "采矿业"),
    "manufacturing": ("制造业", "制造业"),
    "utilities": ("电力、燃气及水的生产和供应业", "电力热力燃气及水生产和供应业"),
    "construction": ("建筑业", "建筑业"),
    "occupied": ("各种职业人口总计", "各种职业人口总计"),
    "professional": ("专业技术人员", "专业技术人员"),
    "long_form": ("长表数据-家庭户", "家庭户户数_长表"),
    "with_water": ("住房内有无管道自来水-有", "住房內有管道自来水"),
    "with_kitchen": ("住房内有无厨房-有", "住房內有厨房"),
    "with_toilet": ("住房内有无厕所-有", "住房內有厕所"),
    "with_bath": ("住房内有无洗澡设施-有", "住房内有洗澡设施"),
    "with_car": (None, "拥有家用汽车"),
    "with_lift": (None, "住房所在建筑有电梯"),
    "rented": ("住房来源-租赁", "住房来源_租赁"),
    "self_built": ("住房来源-自建", "住房来源_自建"),
    "purchased": ("住房来源-购买", "住房来源_购买"),
}
PRINTED: dict[str, tuple[str | None, str | None]] = {
    "printed_sex_ratio": ("性别比(女=100)", "性别比(女=100)"),
    "printed_household_size": ("户规模(人/户)", "户规模"),
    "printed_age0_14": ("0-14岁(%)", "人口比重_0-14岁"),
    "printed_age65": ("65岁及以上(%)", "人口比重_65岁及以上"),
    "printed_illiteracy": ("文盲人口占15岁及以上人口比重(%)-合计", "文盲占15岁及以上人口比重"),
    "printed_primary": ("第一产业(%)", None),
    "printed_secondary": ("第二产业(%)", None),
    "minority_share": ("少数民族人口比重(%)", "少数民族人口比重(%)"),
    "floor_space": ("人均住房建筑面积(平方米/人)", "人均住房建筑面积"),
    "rooms": ("平均每户住房间数(间/户)", "平均每户住房间数"),
}


def layout(year: int) -> dict[str, list[str]]:
    """Headers of the workbook of one census.

    Parameters
    ----------
    year
        2010 or 2020.

    Returns
    -------
    Name of a count or printed figure -> the normalised headers whose sum it is. A census that did
    not ask has no entry.
    """
    at = 0 if year == 2010 else 1
    singles = {name: pair[at] for name, pair in (_SINGLE | PRINTED).items()}
    found = {name: [header] for name, header in singles.items() if header is not None}
    ages = _age_columns(year)
    found["children"] = [header for pair in ages[:_CHILD_GROUPS] for header in pair]
    found["aged65"] = [header for pair in ages[-_OLD_GROUPS:] for header in pair]
    found["middle"] = [header for pair in ages[_CHILD_GROUPS:-_OLD_GROUPS] for header in pair]
    found |= {level: headers[year] for level, headers in _ATTAINMENT.items()}
    found["tertiary"] = _TERTIARY[year]
    found["moved_in"] = (
        ["迁入人口(人)-本县(市)/本市市区", "迁入人口(人)-本省其他县(市)、市区", "迁入人口(人)-外省"]
        if year == 2010
        else [f"户口登记地在外乡镇街道人口_{origin}" for origin in ("本县", "本省其他县", "省外")]
    )
    found["other_tenure"] = (
        ["住房来源-其他"] if year == 2010 else ["住房来源_继承或赠予", "住房来源_其他"]
    )
    return found


def normalise_header(header: Any) -> str:
    """A header without white space and with plain brackets (NFKC)."""
    return "".join(unicodedata.normalize("NFKC", str(header)).split())
