"""COREQ: 32 items, filled where data or study.yml answer them, NOT REPORTED elsewhere."""

import re

import pytest
import theme_corpus as small

from analysis.interviews import coreq
from analysis.interviews.corpus import empty_table, table

COMPUTED = {
    "sample_size", "sample", "saturation", "coders", "coding_tree", "major_themes", "minor_themes",
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus():
    return small.random_corpus()


def filled(corpus, attributes=None, answers=None, lang="en"):
    attributes = empty_table("attributes") if attributes is None else attributes
    found = coreq.coreq_table(
        corpus.documents, corpus.codings, corpus.codes, attributes, answers or {}, coder="A",
        lang=lang,
    )  # fmt: skip
    return found.assign(key=coreq.load_items()["key"]).set_index("key")


def test_there_are_32_items_in_three_domains():
    items = coreq.load_items()
    assert items["item"].tolist() == list(range(1, 33))
    assert items.groupby("domain").size().to_dict() == {"team": 8, "design": 15, "findings": 9}
    assert items["key"].is_unique
    assert list(items) == [
        "item", "domain", "key", "en", "zh", "data", "domain_en", "domain_zh",
    ]  # fmt: skip
    assert (items[["en", "zh", "domain_en", "domain_zh"]] != "").all(axis=None)
    assert (
        items["zh"].str.contains("[一-鿿]").all() and not items["en"].str.contains("[一-鿿]").any()
    )


def test_without_answers_the_data_speak_and_the_rest_is_not_reported(corpus):
    found = filled(corpus)
    assert set(found.index[found["filled_from"] == "data"]) == COMPUTED
    rest = found[found["filled_from"] != "data"]
    assert (rest[["answer", "filled_from"]] == "NOT REPORTED").all(axis=None)
    assert found.loc["sample_size", "answer"] == "24 interviews"
    assert found.loc["sample", "answer"] == (
        "cases: B 6, P 6, S 6, W 6; roles: r0 12, r1 12; held 2024-05-01 to 2024-05-06"
    )
    assert found.loc["coders", "answer"] == "coders: 1; interviews coded by more than one: 0 of 24"
    assert found.loc["coding_tree", "answer"] == (
        f"{len(corpus.codes)} codes, levels: 1; actor 6, cause 6, countermeasure 7, problem 7"
    )
    assert re.fullmatch(
        r"\d+ themes in 24 interviews, [\d.]+ estimated \(Chao2\)(; 95% interval .*)?; "
        r"the last two interviews added [\d.]+% to the themes of the first four",
        found.loc["saturation", "answer"],
    )


def test_each_theme_found_is_major_or_minor(corpus):
    found = filled(corpus)
    named = [found.loc[key, "answer"].split(": ")[1] for key in ("major_themes", "minor_themes")]
    heard = corpus.codings.groupby("code_id")["doc_id"].nunique()
    heard = heard[~heard.index.str.startswith("actor.")]
    labels = corpus.codes.set_index("code_id")["label_en"]
    for names, chosen in zip(named, (heard >= 12, heard < 12), strict=True):
        assert sum(len(labels[c]) for c in heard.index[chosen]) == len(names) - 2 * (
            chosen.sum() - 1
        )
        assert all(labels[code] in names for code in heard.index[chosen])


def test_attributes_answer_more(corpus):
    docs = corpus.documents["doc_id"]
    rows = [("participant", doc, doc[:2].replace("2", "1")) for doc in docs]
    rows += [("duration_minutes", doc, str(30 + k)) for k, doc in enumerate(docs[:5])]
    rows += [("duration_minutes", docs[5], "long"), ("duration_minutes", "elsewhere", "900")]
    rows += [("may_quote", doc, "true" if k else "false") for k, doc in enumerate(docs)]
    attributes = table("attributes", [
        {"entity_kind": "document", "entity": e, "name": n, "value": v, "type": "text"}
        for n, e, v in rows
    ])  # fmt: skip
    found = filled(corpus, attributes)["answer"]
    assert found["sample_size"] == "24 interviews with 20 participants"
    assert found["repeats"] == "4 of 20 participants were interviewed more than once"
    assert found["duration"] == "median 32 minutes, 30 to 34 (known for 5 of 24)"
    assert found["quotations"] == "23 of 24 interviews may be quoted"


def test_study_file_answers_and_adds(corpus, tmp_path):
    path = tmp_path / "study.yml"
    path.write_text(
        "title: other entries are free\ncoreq:\n  sampling: purposive, by role\n"
        "  coders: {en: both trained, zh: 均受过培训}\n",
        encoding="utf-8",
    )
    answers = coreq.load_answers(path)
    found = filled(corpus, answers=answers)
    assert found.loc["sampling", ["answer", "filled_from"]].tolist() == [
        "purposive, by role", "study.yml",
    ]  # fmt: skip
    assert found.loc["coders", "filled_from"] == "data, study.yml"
    assert found.loc["coders", "answer"].endswith("0 of 24. both trained")
    assert (
        filled(corpus, answers=answers, lang="zh").loc["coders", "answer"].endswith("。均受过培训")
    )


def test_chinese_table_is_chinese(corpus):
    found = filled(corpus, lang="zh")
    computed = found.loc[sorted(COMPUTED), "answer"]
    assert computed.str.contains("[一-鿿]").all()
    assert not computed.str.contains("interview|codes|held").any()
    assert (found.loc[~found.index.isin(COMPUTED), "answer"] == coreq.NOT_REPORTED).all()


@pytest.mark.parametrize("text", [None, "", "title: x\n", "coreq:\n"])
def test_a_study_without_answers_has_none(tmp_path, text):
    path = tmp_path / "study.yml"
    if text is not None:
        path.write_text(text)
    assert coreq.load_answers(path) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("coreq: [a]", "must be a mapping"),
        ("- a", "must be a mapping"),
        ("coreq: {", "not valid YAML"),
        (
            "coreq: {colour: red, gender: yes, setting: {en: here}, coders: 3}",
            r"(?s)colour: no item.*gender: must be a.*setting: must be.*coders: must be.*keys",
        ),
    ],
)
def test_faults_of_the_study_file_are_named(tmp_path, text, message):
    path = tmp_path / "study.yml"
    path.write_text(text)
    with pytest.raises(coreq.CoreqError, match=message):
        coreq.load_answers(path)


def test_phrases_have_the_same_fields_in_both_languages():
    for key, both in coreq.PHRASES.items():
        fields = [sorted(re.findall(r"\{(\w+)", both[lang])) for lang in ("en", "zh")]
        assert fields[0] == fields[1], key
