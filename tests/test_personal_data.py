"""Detectors of personal data: what they must find, to the character, and what they must leave."""

import csv
import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.confidentiality.personal_data import find_personal_data
from analysis.confidentiality.personal_finding import KINDS, Finding, merge
from analysis.confidentiality.personal_lexicon import fold, squeeze
from analysis.confidentiality.personal_numbers import valid_card, valid_id
from analysis.confidentiality.pseudonyms import ConfidentialityError

ROOT = Path(__file__).resolve().parents[1]
# Kinds by the bracket that marks what is to be found: every other character must stay.
MARKED = re.compile(r"⟦(?:(\w+):)?(.*?)⟧")

PERSONS = [
    "⟦王书记⟧前几天提过，⟦李大姐⟧在地头，⟦老张⟧那边动了，⟦小李⟧和⟦张主任⟧也来了。",
    "⟦欧阳主任⟧说了算，⟦欧阳建国⟧管账，⟦司马老师⟧教书，⟦小欧阳⟧种菜。",
    "找⟦于书记⟧批的，⟦高主任⟧管着，⟦常大姐⟧帮忙，⟦白老师⟧教书，⟦金大爷⟧种地。",
    "⟦任主任⟧说不行，可他担任主任、任书记期间都行。",
    "⟦王二婶⟧、⟦刘三哥⟧、⟦赵四叔⟧、⟦陈老汉⟧、⟦吴老太⟧、⟦周工⟧、⟦郑师傅⟧都来。",
    "⟦王副主任⟧、⟦李副镇长⟧和⟦孙总经理⟧在场。",
    "我叫⟦周慕禾⟧，他叫⟦武来福⟧，孩子小名叫⟦铁蛋⟧，我姓⟦马⟧，免贵姓⟦孙⟧。",
    "我姓⟦张⟧，名叫⟦建国⟧。姓名：⟦周杰⟧。户主：⟦冯大有⟧。",
    "村民⟦张三⟧说收入高了，老伴⟦刘桂花⟧身体不好，儿子⟦王强⟧在外打工。",
    "理事长⟦陈志强⟧带头，会计⟦赵小兰⟧记账，第一书记⟦陈默⟧驻村。",
    "村民⟦张有田⟧、⟦李得水⟧和⟦王满仓⟧都入了社。",
    "⟦王 建 国⟧来过，⟦王　书　记⟧也来了，⟦王\u200b书\u200b记⟧又来了。",
    "⟦賀主任⟧和⟦張書記⟧都在，⟦劉大姐⟧也在。",
    "⟦买买提·艾力⟧是社员，⟦建国叔⟧是邻居。",
    "⟦王建国书记⟧管得好。后来⟦王建国⟧调走了。",
]
PLACES = [
    "包联⟦village:云禾村⟧，住在⟦village:石笋庄⟧，去⟦village:王家疃⟧和⟦village:靠山屯⟧。",
    "我们⟦village:石笋庄⟧家家都这么讲，⟦village:和平村⟧也是。",
    "⟦village_secretary:王家村党支部书记⟧、⟦village_secretary:望汐村支书⟧都清楚。",
    "⟦village_secretary:柿岭村的妇女主任⟧和⟦village_secretary:槐影屯支书⟧说的。",
    "家住⟦address:三组12号⟧，他住⟦address:王家村3组十二号⟧。",
    "寄到⟦address:山东省荣成市大柳镇王家村3组12号⟧，或者⟦address:幸福路12号⟧。",
    "在⟦address:和平小区12号楼3单元502⟧，⟦address:门牌号是15号⟧，⟦address:王家庄78号⟧。",
    "⟦address:村东头第三家⟧就是。",
]
NUMBERS = [
    "号码⟦id_card:11010519491231002X⟧，念作⟦id_card:一一零一零五一九四九一二三一零零二X⟧。",
    "⟦id_card:１１０１０５１９４９１２３１００２Ｘ⟧，⟦id_card:110105 19491231 002X⟧。",
    "记不准：⟦id_card:110105194912310021⟧。老的：⟦id_card:110105491231002⟧。",
    "手机⟦mobile:13812345678⟧、⟦mobile:138 1234 5678⟧、⟦mobile:138-1234-5678⟧。",
    "⟦mobile:１３８１２３４５６７８⟧，⟦mobile:一三八零零一二三四五六⟧。",
    "⟦mobile:幺三八零零幺二三四五六⟧，⟦mobile:一三八 零零一二 三四五六⟧。",
    "⟦mobile:1 3 8 1 2 3 4 5 6 7 8⟧，⟦mobile:幺三九，零零零零，幺幺幺幺⟧。",
    "打⟦mobile:+8613812345678⟧，⟦mobile:0086 138 1234 5678⟧。",
    "⟦landline:0631-7551234转801⟧、⟦landline:010-62345678⟧、⟦landline:（0631）7551234⟧。",
    "打⟦landline:零六三一七五五一二三四⟧，家里电话⟦landline:7551234⟧。",
    "卡号⟦bank_card:6222 0212 3456 7890 128⟧，⟦bank_card:4111111111111111⟧。",
    "车牌⟦plate:鲁K12345⟧，新能源⟦plate:鲁KD12345⟧、⟦plate:粤B12345F⟧。",
    "⟦plate:鲁Ｋ·１２３４５⟧。",
    "⟦plate:京A 1 2 3 4 5⟧，⟦plate:鲁K一二三四五⟧，⟦plate:鲁KB1234警⟧。",
    "微信号⟦wechat:lantian_88⟧，加我vx:⟦wechat:zs12345⟧，微信：⟦wechat:wxid_abc123⟧。",
    "QQ号⟦qq:123456789⟧，qq：⟦qq:七六五四三二一零⟧，抖音号⟦wechat:dy_99887⟧。",
    "发到⟦email:zhang.san@163.com⟧，⟦email:zhangsan＠qq．com⟧，⟦email:lisi艾特qq点com⟧。",
    "坐标⟦gps:37.1652, 122.4867⟧，⟦gps:东经122.41度，北纬37.16度⟧。",
    "⟦gps:37°09′55″N, 122°29′12″E⟧；⟦gps:北纬三十七度十分，东经一百二十二度⟧。",
    "地址是⟦ip:192.168.1.25⟧，⟦ip:2001:db8::1⟧。",
    "⟦birth_date:1965年3月12日⟧出生，护照⟦id_card:E12345678⟧。",
    r"存在⟦path:C:\Users\zhangsan\Desktop\a.docx⟧。",
]
ENGLISH = [
    "My name is ⟦Zhou Muhe⟧ and I look after ⟦village:Yunhe Village⟧.",
    "⟦Secretary Wang⟧ said so, ⟦Ms Li⟧ and ⟦Mr. O'Brien⟧ agreed with ⟦Uncle Chen⟧.",
    "⟦Old Zhang⟧ and ⟦Xiao Li⟧ came; a man named ⟦Gao Yantian⟧ left.",
    "My husband, ⟦John⟧, works here. I'm ⟦Mary Smith⟧. ⟦Mark Staut⟧'s daughter called.",
    "Ask the ⟦village_secretary:Party secretary of Shiling Village⟧.",
    "I live at ⟦address:No. 12, Group 3, Shisun Village⟧ or ⟦address:12 Maple Street⟧.",
    "Ring ⟦mobile:one three eight, zero zero one two, three four five six⟧, please.",
    "Ring ⟦landline:(555) 123-4567 ext. 12⟧ or ⟦mobile:+86 138 1234 5678⟧.",
    "My WeChat ID is ⟦wechat:lantian⟧, mail ⟦email:zhang at example dot com⟧.",
    "Born on ⟦birth_date:12 March 1965⟧, number ⟦id_card:123-45-6789⟧.",
]
LEFT_ALONE = [
    "王国、黄河、高原、老百姓、小康、老书记、全村、本村、农村、行政村、贫困村、自然村、驻村、城中村。",
    "小麦，小米，小组长，小伙子，小时候，老党员，老师傅，老板，老年人，老乡，老家，老房子，老黄牛。",
    "党支部书记要会经营，村书记换了，县委书记来过，第一书记驻村三年，时任县长，现任书记，副主任。",
    "提高老师待遇，担任书记，项目经理，施工队长，常务副主任，林业局长，文化站长，财政所长，总的来看。",
    "和书记商量，于是主任说，由于书记不在，对于老师来说，任何人都行，许多老师，谢谢书记，一万书记。",
    "叫高标准农田，叫黄河大集，村民马上就来，农户高兴，社员金额，村民李子卖了，农户种大棚。",
    "张家口，石家庄，唐山海边，黄金海岸，韩国，郑州，桥梁建设，一张建设图，主张建设，江苏建华。",
    "2018 2019 2020 2021，投资13500000元，收入1200000000元，0.12345678901，一二三四五六七。",
    "中央1号文件，5月12号下午，三组5户，北纬38度线，气温25度，地铁3号线，二〇一九年二〇二〇年。",
    "微信群，微信支付，WeChat is popular，电话打不通，身份证丢了，银行卡号是多少。",
    "我们村、邻村、这个村、十个村、撤并村、新农村、村庄、山庄、庄稼、运营、屯田、移民新村、小山村。",
    "带动村民增收，壮大村集体，盘活村集体资产，老村支书，当选村主任，乡村振兴示范村。",
    "党支部领办合作社，蔬菜专业合作社，龙头企业，有限公司，从小王国到大世界，养老金发了。",
    "张某说，某村，高兴地说，张口说，何况说，许多人说，大家说，他妈妈说，哥哥打工，阿姨，墨西哥。",
    "同姓不婚，姓名，百姓高兴，问：您好。答：还行。时间：上午。",
    "The General Secretary, Director General, Party Secretary, Rural Revitalization, Long March,",
    "Han Dynasty, Yellow River, our village, every village, Global Village, Group 1 and Group 2.",
    "I am Chinese. A program called Targeted Poverty Alleviation. In 2019 2020 2021, 12,000 yuan.",
    "shares of .075 .065 .072 .065 and 3.14159, 0.57722",
]


def expected_of(marked: str, kind: str) -> tuple[str, list[tuple[int, int, str]]]:
    """The text without brackets, and the spans and kinds inside of them."""
    text, spans, last = "", [], 0
    for match in MARKED.finditer(marked):
        text += marked[last : match.start()]
        spans.append((len(text), len(text) + len(match[2]), match[1] or kind))
        text, last = text + match[2], match.end()
    return text + marked[last:], spans


def found_in(text: str, names: pd.DataFrame | None = None) -> list[tuple[int, int, str]]:
    frame = find_personal_data(text, names)
    masked = frame[frame["masked"]]
    return [tuple(row) for row in masked[["start", "end", "kind"]].itertuples(index=False)]


@pytest.mark.parametrize("marked", [*PERSONS, *PLACES, *NUMBERS, *ENGLISH])
def test_exactly_what_is_marked_is_found(marked):
    text, spans = expected_of(marked, "person")
    shown = [(text[a:b], kind) for a, b, kind in found_in(text)]
    assert shown == [(text[a:b], kind) for a, b, kind in spans]
    assert found_in(text) == spans


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_ordinary_words_and_numbers_stay(text):
    assert [text[a:b] for a, b, _ in found_in(text)] == []


def test_labels_of_the_codebook_hold_no_personal_data():
    with (ROOT / "data" / "raw" / "cases" / "codes.csv").open(encoding="utf-8") as file:
        labels = [row[c] for row in csv.DictReader(file) for c in ("label_en", "label_zh")]
    assert [label for label in labels if found_in(label)] == []


# --- doubt ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("身份证110105194912310021", "checksum of the identity number is wrong"),
        ("卡号6222021234567890123", "checksum of the card number is wrong"),
        ("望汐村支书最清楚", "village and an office that one person holds"),
        ("编号是987654321098", "number of unknown form"),
        ("跟王芳说一声", "name without a cue"),
    ],
)
def test_doubtful_places_are_masked_and_say_why(text, reason):
    row = find_personal_data(text).iloc[0]
    assert not row["certain"]
    assert row["masked"]
    assert row["reason"] == reason


@pytest.mark.parametrize("text", ["向书记说过", "S村书记在", "去禾满仓蔬菜专业合作社问问"])
def test_some_places_are_only_shown(text):
    frame = find_personal_data(text)
    assert frame["masked"].tolist() == [False]
    assert frame["reason"].ne("").all()


def test_certain_places_need_no_reason():
    frame = find_personal_data("王书记的电话是13812345678，邮箱a.bc@example.com")
    assert frame["certain"].tolist() == [True, True, True]
    assert frame["reason"].tolist() == ["", "", ""]


# --- names found elsewhere ------------------------------------------------------------------------


def test_a_name_that_a_cue_gives_away_is_found_without_the_cue():
    text = "我叫高砚田。\n账目上的事去问高砚田就行，砚田人不错。高 砚 田在家。"
    found = [text[a:b] for a, b, _ in found_in(text)]
    assert found == ["高砚田", "高砚田", "砚田", "高 砚 田"]
    assert not found_in("账目上的事去问高砚田就行，砚田人不错。")


def test_a_name_that_is_a_word_does_not_cut_other_words():
    text = "我叫高原。高原来了，青藏高原很美。"
    assert [(a, b) for a, b, _ in found_in(text)] == [(2, 4), (5, 7)]


def test_parts_of_an_english_name_are_found_but_not_ordinary_words():
    text = "My name is Grace Fielding. Fielding said that by the grace of God, Grace Fielding left."
    assert [text[a:b] for a, b, _ in found_in(text)] == [
        "Grace Fielding", "Fielding", "Grace Fielding"]  # fmt: skip


def test_listed_names_are_found_in_both_scripts():
    names = pd.DataFrame(
        {
            "name": ["禾满仓合作社", "Hemancang Cooperative", "邢望禾", "望潮镇"],
            "kind": ["organization", "organization", "person", "place"],
        }
    )
    text = "邢望禾在望潮镇办了禾满仓合作社。The Hemancang  Cooperative is small."
    assert [(text[a:b], k) for a, b, k in found_in(text, names)] == [
        ("邢望禾", "person"),
        ("望潮镇", "place"),
        ("禾满仓合作社", "organization"),
        ("Hemancang  Cooperative", "organization"),
    ]


def test_bad_lists_of_names_are_refused_row_by_row_and_not_quoted():
    names = pd.DataFrame({"name": ["邢望禾", " "], "kind": ["human", "person"]})
    with pytest.raises(ConfidentialityError, match=r"(?s)row 1: kind 'human'.*row 2: .*empty") as e:
        find_personal_data("", names)
    assert "邢望禾" not in str(e.value)
    with pytest.raises(ConfidentialityError, match="no column kind"):
        find_personal_data("", pd.DataFrame({"name": ["邢望禾"]}))


# --- numbers --------------------------------------------------------------------------------------


def test_checksums_agree_with_published_examples():
    # GB 11643-1999, example 2; ISO/IEC 7812-1 after Luhn, the usual example and a test card.
    assert valid_id("11010519491231002X")
    assert valid_card("79927398713")
    assert valid_card("4111111111111111")


@given(st.text("0123456789", min_size=17, max_size=17))
def test_one_of_eleven_last_characters_checks(digits):
    assert sum(valid_id(digits + last) for last in "0123456789X") == 1


@given(st.text("0123456789", min_size=1, max_size=18))
def test_one_of_ten_last_digits_of_a_card_checks(digits):
    assert sum(valid_card(digits + last) for last in "0123456789") == 1


@given(
    st.integers(0, 10**9 - 1), st.sampled_from("3456789"), st.sampled_from(["", " ", "-", "\u200b"])
)
def test_any_mobile_number_in_any_usual_form_is_found(rest, second, gap):
    number = f"1{second}{rest:09d}"
    written = gap.join((number[:3], number[3:7], number[7:]))
    spoken = number.translate(str.maketrans("0123456789", "零幺二三四五六七八九"))
    for form in (written, spoken):
        assert (3, 3 + len(form), "mobile") in found_in(f"我的是{form}。")


# --- merging and folding --------------------------------------------------------------------------


ranges = st.tuples(st.integers(0, 30), st.integers(1, 6), st.sampled_from(KINDS), st.booleans())


@given(st.lists(ranges, max_size=12))
def test_merged_findings_cover_the_same_characters_once(drawn):
    findings = [Finding(a, a + n, kind, "k", masked=masked) for a, n, kind, masked in drawn]
    merged = [f for f in merge(findings) if f.masked]
    covered = {k for f in findings if f.masked for k in range(f.start, f.end)}
    assert {k for f in merged for k in range(f.start, f.end)} == covered
    assert all(a.end <= b.start for a, b in pairwise(merged))


@given(st.text(max_size=60))
def test_folding_keeps_the_length(text):
    assert len(fold(text)) == len(text)


@given(st.text("王书记说 　\u200b\n你a", max_size=30))
def test_squeezing_maps_back(text):
    squeezed = squeeze(text)
    if squeezed:
        assert "".join(text[k] for k in squeezed.offsets) == squeezed.text
        assert len(squeezed.text) < len(text)


@given(st.text(max_size=80))
def test_any_text_is_read_and_found_places_lie_inside(text):
    frame = find_personal_data(text)
    assert ((frame["start"] >= 0) & (frame["start"] < frame["end"])).all()
    assert (frame["end"] <= len(text)).all()
    assert all("\n" not in text[a:b] for a, b in zip(frame["start"], frame["end"], strict=True))
