"""The simulated interviews are the committed ones, and have the truth that they claim."""

import dataclasses
import io
import re
import zipfile
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import docx
import krippendorff
import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from analysis.interviews import fictional_data as fiction
from analysis.interviews.corpus import CorpusError, check_corpus
from analysis.interviews.importing import import_interviews
from analysis.interviews.office_files import docx_bytes, xlsx_bytes
from analysis.interviews.simulate import (
    PARAMETERS,
    STAMP,
    coder_corpus,
    people_tables,
    truth_summary,
    write_study,
)
from analysis.interviews.simulated_answers import form_sheets, load_questionnaire
from analysis.interviews.simulated_coders import simulate_codings
from analysis.interviews.simulation import FILE, draw_counts, plan_interviews, simulate_interviews
from analysis.interviews.speech import actors_named, load_phrases, phrase_problems
from analysis.interviews.transcripts import read_transcript
from analysis.interviews.truth import (
    KINDS,
    TOWNS,
    code_shares,
    expected_alpha,
    expected_kappa,
    load_interview_truth,
    role_contrasts,
    theme_shares,
)
from analysis.questionnaires.reading import read_answers, read_form

RAW = Path(__file__).parents[1] / "data" / "raw"
STUDY = RAW / "interviews" / "simulated"
CASES = RAW / "cases"
BY_HAND = {"source.yml", "study.yml", "review.csv", PARAMETERS}
TRUTH = load_interview_truth(STUDY / PARAMETERS)
THEMES = pd.read_csv(CASES / "themes.csv")
CHAINS = pd.read_csv(CASES / "chains.csv")
SHARES = code_shares(THEMES, TRUTH)
REPLICATIONS = 200
THREE_SE = 3.0  # a correct mean is further off once in 370 draws
FAR = 4.5  # the largest of 400 cells passes this once in 370 draws
MEAN_SQUARE_BOUND = 0.4  # 265 cells with variances in the ratio 1 to 10
CHANCE = 0.01  # how far terms of order 1 / units may move an expected coefficient
ROUNDING = 1e-9


@pytest.fixture(scope="module")
def simulation():
    return simulate_interviews(THEMES, TRUTH)


@pytest.fixture(scope="module")
def spans(simulation):
    return simulation.spans[simulation.spans["lang"] == "zh"]


@pytest.fixture(scope="module")
def lengths(simulation):
    return pd.Series({d: len(t) for (d, lang), t in simulation.texts.items() if lang == "zh"})


def of_paragraph(simulation, doc_id, start, end, lang="zh"):
    text = simulation.texts[doc_id.removesuffix("_en"), lang]
    return text[start:end]


# --- committed files ------------------------------------------------------------------------------


def contents(path):
    """Return what a file holds; of a packed project its members, as packing differs by zlib."""
    if path.suffix != ".qdpx":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return {i.filename: (archive.read(i), i.date_time) for i in archive.infolist()}


def test_committed_study_is_what_the_generator_writes(tmp_path):
    write_study(tmp_path, CASES, TRUTH)
    written = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    visible = {p.relative_to(STUDY).as_posix() for p in STUDY.rglob("*") if p.is_file()}
    assert {name for name in visible if not name.startswith(".")} - BY_HAND == written
    changed = [
        name for name in sorted(written) if contents(STUDY / name) != contents(tmp_path / name)
    ]
    assert not changed, "run python -m analysis.interviews.simulate"


def test_another_seed_makes_another_study(simulation):
    other = simulate_interviews(THEMES, dataclasses.replace(TRUTH, seed=TRUTH.seed + 1))
    assert all(other.texts[key] != simulation.texts[key] for key in simulation.texts)


def test_every_transcript_is_stamped_and_reads_as_its_text(simulation):
    styles = {"", "interviewer", "interviewee"}
    for (doc_id, lang), text in simulation.texts.items():
        found = read_transcript(STUDY / FILE[lang].format(doc_id))
        assert found.documents.loc[0, "text"] == text
        assert found.documents.loc[0, "lang"] == lang
        assert "SIMULATED" in found.segments["text"].iloc[0]
        assert set(found.segments["speaker"]) == styles
        spoken = [p.speaker for p in simulation.passages[doc_id]]
        assert found.segments["speaker"].tolist() == spoken


def test_word_files_carry_the_stamp_outside_the_text_too():
    for path in sorted((STUDY / "transcripts" / "zh").iterdir()):
        document = docx.Document(str(path))
        section = document.sections[0]
        assert document.core_properties.title == f"SIMULATED interview {path.stem}"
        assert document.core_properties.author == STAMP
        assert [p.text for p in section.header.paragraphs] == [STAMP]
        assert [p.text for p in section.footer.paragraphs] == [STAMP]
        assert set(styles_of(document)) == {"Normal", "访谈者", "受访者"}


def styles_of(document):
    return [str(p.style and p.style.name) for p in document.paragraphs]


# --- who is interviewed, and what is said ---------------------------------------------------------


def test_interviews_are_four_towns_by_five_roles_and_one_more_farmer():
    plan = plan_interviews()
    assert len(plan) == len({i.doc_id for i in plan}) == len({i.participant for i in plan}) == 24
    roles = Counter((i.case, i.role) for i in plan)
    assert {
        case: sum(n for (c, _), n in roles.items() if c == case) for case in TOWNS
    } == dict.fromkeys(TOWNS, 6)
    assert {n for (_, role), n in roles.items() if role == "farmer"} == {2}
    assert {n for (_, role), n in roles.items() if role != "farmer"} == {1}


def test_each_interview_has_twelve_to_sixteen_coded_answers(spans):
    per_interview = spans[spans["family"] == "theme"].groupby("doc_id").size()
    assert len(per_interview) == 24
    assert per_interview.between(*TRUTH.coded_answers).all()


def test_true_codings_are_whole_answers_that_paraphrase_their_code(simulation):
    phrases = simulation.phrases
    theme_of = dict(zip(THEMES["code"], THEMES["theme"], strict=True))
    for row in simulation.spans.itertuples():
        line = of_paragraph(simulation, row.doc_id, row.start, row.end, row.lang)
        assert "\n" not in line
        if row.family == "actor":
            assert re.search(phrases["actors"][row.code_id][row.lang], line, re.IGNORECASE)
            continue
        assert row.case_code[0] == row.doc_id[0]
        assert theme_of[row.case_code] == row.code_id
        assert any(twins[row.lang] in line for twins in phrases["answers"][row.case_code])


def test_all_actors_that_a_coded_answer_names_are_coded(simulation):
    rows = simulation.spans.groupby(["doc_id", "start", "end", "lang"])
    for (doc_id, start, end, lang), group in rows:
        line = of_paragraph(simulation, doc_id, start, end, lang)
        actors = group.loc[group["family"] == "actor", "code_id"].tolist()
        assert actors == actors_named(line, simulation.phrases["actors"], lang)


def test_no_answer_is_said_twice_in_an_interview(simulation, spans):
    themes = spans[spans["family"] == "theme"]
    cores = [
        (row.doc_id, next(t["zh"] for t in simulation.phrases["answers"][row.case_code]
                          if t["zh"] in of_paragraph(simulation, row.doc_id, row.start, row.end)))
        for row in themes.itertuples()
    ]  # fmt: skip
    assert len(cores) == len(set(cores))


def test_twins_say_the_same_in_the_same_order(simulation):
    columns = ["code_id", "family", "case_code"]
    for interview in simulation.interviews:
        chinese, english = (simulation.texts[interview.doc_id, lang] for lang in ("zh", "en"))
        assert chinese.count("\n") == english.count("\n")
        pair = [
            simulation.spans[simulation.spans["doc_id"] == interview.doc_id + s]
            for s in ("", "_en")
        ]
        assert pair[0][columns].to_numpy().tolist() == pair[1][columns].to_numpy().tolist()
    assert not re.search(r"[\u3400-\u9fff]", re.sub(r"冀Y", "", "".join(
        t for (_, lang), t in simulation.texts.items() if lang == "en")))  # fmt: skip


def test_some_turns_have_two_coded_answers_and_some_paragraphs_none(simulation):
    coded_pairs = uncoded = 0
    for passages in simulation.passages.values():
        coded_pairs += sum(bool(a.code and b.code) for a, b in pairwise(passages))
        uncoded += sum(p.speaker == "interviewee" and not p.code for p in passages)
    assert coded_pairs > 20 and uncoded > 100


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda p: p["answers"].pop("S.cm.third"), "S.cm.third: no answer paraphrases it"),
        (lambda p: p["answers"].update({"S.cm.x": []}), "S.cm.x: is no code of a study"),
        (
            lambda p: p["openings"]["farmer"].append({"zh": "我们{village}", "en": "here"}),
            "openings/farmer/6: slots ['village'] in Chinese, [] in English",
        ),
        (
            lambda p: p["answers"]["P.cm.infra"].append({"zh": "政府修路", "en": "build a road"}),
            "answers/P.cm.infra/2: names ['actor.government'] in Chinese, [] in English",
        ),
    ],
)
def test_faults_of_phrases_are_listed(change, problem):
    phrases = load_phrases()
    assert phrase_problems(phrases, SHARES["code"]) == []
    change(phrases)
    assert phrase_problems(phrases, SHARES["code"]) == [problem]


# --- planted personal data ------------------------------------------------------------------------

DIGITS = str.maketrans("零幺二三四五六七八九０１２３４５６７８９", "01234567890123456789")
PATTERNS = {
    "mobile": r"154\d{8}",
    "landline": r"0339-1\d{6}",
    "wechat": r"wx_moni\d{5}",
    "qq": r"99\d{8}",
    "plate": r"冀Y·[A-HJ-NP-Z]\d{3}[A-HJ-NP-Z]",
    "email": r"moni\d{4}@example\.com",
}


@pytest.fixture(scope="module")
def planted(simulation):
    names = {FILE[lang].format(d): t for (d, lang), t in simulation.texts.items()}
    frame = simulation.planted
    places = zip(frame["file"], frame["start"], frame["end"], strict=True)
    return frame.assign(
        text=[names[file][start:end] for file, start, end in places],
        lang=["en" if "/en/" in file else "zh" for file in frame["file"]],
    )


def test_every_kind_of_personal_data_is_planted_in_both_languages(planted):
    kinds = {
        "address", "bank_card", "email", "id_card", "landline", "mobile", "organization", "person",
        "plate", "qq", "village", "village_secretary", "wechat",
    }  # fmt: skip
    assert set(planted["kind"]) == kinds
    forms = planted[planted["lang"] == "zh"].groupby(["kind", "form"]).size()
    assert (forms >= 3).all()
    assert {"plain", "spaced", "spelled_out", "full_width"} == set(forms["mobile"].index)
    assert {"plain", "bad_checksum", "fifteen_digits"} == set(forms["id_card"].index)
    counts = planted.groupby(["lang", "kind"]).size().unstack("lang")
    assert (counts["zh"] == counts["en"]).all()


def test_planted_numbers_are_well_formed_and_nobodys(planted):
    for row in planted.itertuples():
        plain = row.text.translate(DIGITS).replace(" ", "")
        if row.kind in PATTERNS:
            assert re.fullmatch(PATTERNS[row.kind], plain), (row.kind, row.form)
        elif row.kind == "bank_card":
            assert re.fullmatch(r"629999\d{13}", plain)
            assert luhn_sum(plain) % 10 == 0
        elif row.kind == "id_card":
            assert plain.startswith(fiction.REGION)
            assert len(plain) == (15 if row.form == "fifteen_digits" else 18)
            if row.form != "fifteen_digits":
                assert (mod_11_2(plain) == 1) == (row.form == "plain")


def luhn_sum(number):
    doubled = {int(d): sum(map(int, str(2 * int(d)))) for d in "0123456789"}
    return sum(int(d) if i % 2 == 0 else doubled[int(d)] for i, d in enumerate(reversed(number)))


def mod_11_2(number):
    """Weights 2 ** (17 - i) mod 11, X for 10; a right number leaves 1."""
    values = [10 if sign == "X" else int(sign) for sign in number]
    return sum(v * 2 ** (17 - i) for i, v in enumerate(values)) % 11


def test_published_examples_of_checksums():
    assert fiction.id_checksum("11010519491231002") == "X"  # example of GB 11643-1999
    assert fiction.luhn_digit("7992739871") == "3"  # example of ISO/IEC 7812-1


def test_nothing_personal_is_left_out_of_the_planted_list(simulation, planted):
    phrases = simulation.phrases
    known = {
        twins[lang]
        for lang in ("zh", "en")
        for twins in [
            *(p for town in phrases["people"].values() for p in town),
            *phrases["third_persons"],
            *phrases["named_persons"],
            *(v for town in phrases["towns"].values() for v in town["villages"]),
            *(town["organization"] for town in phrases["towns"].values()),
        ]
    }
    pattern = re.compile(
        "|".join(map(re.escape, known)) + r"|[\d０-９][\d０-９ -]{5,}|[零幺二三四五六七八九]{7,}"
    )
    by_file = {
        file: list(zip(g["start"], g["end"], strict=True)) for file, g in planted.groupby("file")
    }
    for (doc_id, lang), text in simulation.texts.items():
        spans = by_file[FILE[lang].format(doc_id)]
        for match in pattern.finditer(text):
            first, last = match.start(), match.start() + len(match.group().rstrip())
            assert any(a <= first and last <= b for a, b in spans), (doc_id, lang, first)


def test_some_personal_data_stand_within_coded_answers(simulation, spans):
    coded = {(row.doc_id, row.start, row.end) for row in spans.itertuples()}
    zh = simulation.planted[simulation.planted["file"].str.endswith(".docx")]
    inside = [
        any(Path(row.file).stem == d and a <= row.start and row.end <= b for d, a, b in coded)
        for row in zh.itertuples()
    ]
    assert 40 < sum(inside) < len(inside)


# --- shares by design -----------------------------------------------------------------------------


@given(
    share=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=20),
    n=st.integers(1, 40),
    seed=st.integers(0, 10_000),
)
def test_counts_add_up_and_are_within_one_of_their_expectation(share, n, seed):
    p = np.array(share) / sum(share)
    counts = draw_counts(p, n, np.random.default_rng(seed))
    assert counts.sum() == n
    assert (np.abs(counts - n * p) < 1 + ROUNDING).all()


def test_counts_have_the_expected_mean():
    p = np.array([0.5, 0.27, 0.13, 0.07, 0.03])
    rng = np.random.default_rng(5)
    counts = np.array([draw_counts(p, 13, rng) for _ in range(4000)])
    error = counts.std(axis=0, ddof=1) / np.sqrt(len(counts))
    assert (np.abs(counts.mean(axis=0) - 13 * p) < FAR * error).all()


def test_shares_sum_to_one_and_follow_the_studies_and_the_weights():
    sums = SHARES.groupby(["case", "role"])["share"].sum()
    np.testing.assert_allclose(sums, 1.0, atol=ROUNDING)
    assert (SHARES["case"] == SHARES["code"].str[0]).all()
    assert len(sums) == 20
    # The 9 codes of S Town weigh 9.5 for farmers: cause.benefit 2, countermeasure.partners .5
    farmer = theme_shares(SHARES).set_index(["case", "role", "theme"])["share"]
    assert farmer["S", "farmer", "cause.benefit"] == pytest.approx(2 / 9.5)
    assert farmer["S", "farmer", "problem.organization"] == pytest.approx(2 / 9.5)
    assert ("P", "farmer", "cause.policy") not in farmer.index


def test_interviews_have_the_expected_shares_on_average():
    found: list[pd.Series] = []
    for seed in range(12):
        drawn = simulate_interviews(THEMES, dataclasses.replace(TRUTH, seed=seed)).spans
        answers = drawn[(drawn["lang"] == "zh") & (drawn["family"] == "theme")]
        found.append(answers.groupby("doc_id")["case_code"].value_counts(normalize=True))
    shares = pd.concat([s.unstack() for s in found]).fillna(0.0)
    plan = pd.DataFrame(plan_interviews()).set_index("doc_id")
    groups = [plan.loc[shares.index, c].to_numpy() for c in ("case", "role")]
    mean, size = (shares.groupby(groups).agg(how).stack() for how in ("mean", "count"))
    cells = SHARES.set_index(["case", "role", "code"])["share"]
    assert (mean.drop(cells.index) == 0).all()  # no code of another town
    z = (mean[cells.index] - cells) / np.sqrt(variance(cells) / size.reindex(cells.index))
    assert np.mean(z**2) == pytest.approx(1.0, abs=MEAN_SQUARE_BOUND)
    assert np.abs(z).max() < FAR


def variance(share):
    """Variance of the share of a thing in systematic samples of 12 to 16, each size alike."""
    sizes = np.arange(TRUTH.coded_answers[0], TRUTH.coded_answers[1] + 1)
    part = np.outer(share, sizes) % 1
    return pd.Series((part * (1 - part) / sizes**2).mean(axis=1), index=share.index)


def test_there_are_ways_enough_to_say_what_may_come_up():
    most = np.ceil(TRUTH.coded_answers[1] * SHARES["share"] - ROUNDING)
    answers = load_phrases()["answers"]
    ways = SHARES["code"].map(lambda code: len(answers[code]))
    assert (most <= ways).all()


def test_role_contrasts_are_differences_of_mean_shares():
    table = role_contrasts(SHARES).set_index(["role", "theme"])
    np.testing.assert_allclose(table.groupby("role")["difference"].sum(), 0.0, atol=ROUNDING)
    # cause.benefit is a code of S Town only; its 9 codes weigh 9.5 for farmers, 10.8 for officials,
    # 10.2 for heads of cooperatives, 9.6 for enterprises and 11 for social organisations
    assert table["share"]["farmer", "cause.benefit"] == pytest.approx(2 / 9.5 / 4)
    assert table["others"]["farmer", "cause.benefit"] == pytest.approx(
        (0.5 / 10.8 + 1 / 10.2 + 1 / 9.6 + 1 / 11) / 4 / 4
    )


# --- coders ---------------------------------------------------------------------------------------


def kappa(first, second):
    observed = np.mean(first == second)
    p, q = (pd.Series(c).value_counts(normalize=True) for c in (first, second))
    chance = p.mul(q, fill_value=0.0).sum()
    return (observed - chance) / (1 - chance)


def readings(spans, lengths, truth, family="theme"):
    """Return the code that each coder gives each paragraph."""
    codings = simulate_codings(spans, lengths, truth)
    own = codings[codings["family"] == family]
    return own.pivot(index="order", columns="coder", values="code_id")


@pytest.fixture(scope="module")
def replications(spans, lengths):
    seeds = range(REPLICATIONS)
    return [readings(spans, lengths, dataclasses.replace(TRUTH, seed=s)) for s in seeds]


def alpha(table):
    numbers = table.apply(lambda c: c.astype("category").cat.set_categories(
        sorted(set(table.to_numpy().ravel()))).cat.codes)  # fmt: skip
    return krippendorff.alpha(numbers.to_numpy(float).T, level_of_measurement="nominal")


def test_expected_agreement_is_the_product_of_the_thetas():
    assert expected_kappa({"A": 0.95, "B": 0.9, "C": 0.6}) == pytest.approx(
        {("A", "B"): 0.855, ("A", "C"): 0.57, ("B", "C"): 0.54}
    )
    assert expected_alpha(TRUTH.theta) == pytest.approx(0.655)


def test_kappa_of_each_pair_is_recovered(replications):
    for a, b in combinations("ABC", 2):
        found = [kappa(t[a].to_numpy(), t[b].to_numpy()) for t in replications]
        error = np.std(found, ddof=1) / np.sqrt(REPLICATIONS)
        expected = expected_kappa(TRUTH.theta)[a, b]
        assert abs(np.mean(found) - expected) < THREE_SE * error
        assert error < CHANCE


def test_alpha_is_recovered_and_the_committed_coders_are_ordinary(replications, spans, lengths):
    found = [alpha(t) for t in replications]
    error = np.std(found, ddof=1) / np.sqrt(REPLICATIONS)
    assert abs(np.mean(found) - 0.655) < THREE_SE * error
    committed = alpha(readings(spans, lengths, TRUTH))
    assert abs(committed - 0.655) < THREE_SE * np.std(found, ddof=1)


def test_wrong_codes_shrink_contrasts_of_roles_by_theta(replications, spans):
    themes = spans.assign(order=np.arange(len(spans))).query("family == 'theme'")
    role = themes["doc_id"].str.partition("_")[2].to_numpy()
    farmer = role == "farmer"
    for coder, theta in TRUTH.theta.items():
        code = "problem.infrastructure"
        true = themes["code_id"].to_numpy() == code
        contrast = true[farmer].mean() - true[~farmer].mean()
        found = [
            (t[coder].to_numpy()[farmer] == code).mean()
            - (t[coder].to_numpy()[~farmer] == code).mean()
            for t in replications
        ]
        error = np.std(found, ddof=1) / np.sqrt(REPLICATIONS)
        assert abs(np.mean(found) - theta * contrast) < THREE_SE * error


def test_a_perfect_coder_has_the_truth(spans, lengths):
    truth = dataclasses.replace(TRUTH, theta={"A": 1.0})
    codings = simulate_codings(spans, lengths, truth)
    columns = ["doc_id", "start", "end", "code_id"]
    pd.testing.assert_frame_equal(
        codings[columns], spans[columns].reset_index(drop=True), check_dtype=False
    )


def test_a_blind_coder_agrees_by_chance_only(spans, lengths):
    truth = dataclasses.replace(TRUTH, theta={"A": 1.0, "B": 0.0})
    found = [
        kappa(*readings(spans, lengths, dataclasses.replace(truth, seed=s)).to_numpy().T)
        for s in range(REPLICATIONS)
    ]
    assert abs(np.mean(found)) < THREE_SE * np.std(found, ddof=1) / np.sqrt(REPLICATIONS)


def test_wrong_codes_are_of_the_same_family(simulation):
    families = simulation.codings["code_id"].str.startswith("actor.")
    assert (families == (simulation.codings["family"] == "actor")).all()


def knob(spans, lengths, **changes):
    return simulate_codings(spans, lengths, dataclasses.replace(TRUTH, theta={"A": 1.0}, **changes))


def test_omission_leaves_out_its_share(spans, lengths):
    left = len(knob(spans, lengths, omission=0.3)) / len(spans)
    assert abs(left - 0.7) < THREE_SE * np.sqrt(0.21 / len(spans))


def test_jitter_moves_ends_within_its_bound(spans, lengths):
    shifted = knob(spans, lengths, boundary_jitter=3)
    true = spans.reset_index(drop=True)
    for end in ("start", "end"):
        moves = shifted[end] - true[end]
        assert set(moves) == {-3, -2, -1, 0, 1, 2, 3}
    assert (shifted["start"] < shifted["end"]).all()
    assert (shifted["end"] <= shifted["doc_id"].map(lengths)).all()


def test_confusion_swaps_the_pair_and_nothing_else(spans, lengths):
    pair = ("problem.organization", "countermeasure.industry")
    swapped = knob(spans, lengths, confusion=1.0, confused_pair=pair)
    crossed = swapped[swapped["code_id"] != swapped["true_code"]]
    assert set(zip(crossed["true_code"], crossed["code_id"], strict=True)) == {pair, pair[::-1]}
    assert len(crossed) == spans["code_id"].isin(pair).sum()


def test_drift_spoils_late_interviews_only(spans, lengths):
    drifting = knob(spans, lengths, drift=1.0)
    first, last = spans["doc_id"].iloc[0], spans["doc_id"].iloc[-1]
    right = drifting.assign(right=drifting["code_id"] == drifting["true_code"])
    right = right.groupby("doc_id", sort=False)["right"].mean()
    assert right[first] == 1.0
    assert right[last] < 0.5
    assert right.iloc[:8].mean() > right.iloc[8:16].mean() > right.iloc[16:].mean()


def test_a_coder_who_missed_half_read_the_first_twelve_interviews(spans, lengths):
    half = knob(spans, lengths, half_missing="A")
    order = list(dict.fromkeys(spans["doc_id"]))
    assert list(dict.fromkeys(half["doc_id"])) == order[:12]


# --- what coders hand in --------------------------------------------------------------------------


@pytest.mark.parametrize("coder", ["A", "B", "C"])
def test_what_a_coder_hands_in_holds_together(simulation, coder):
    corpus = check_corpus(coder_corpus(simulation, coder, THEMES, CHAINS))
    assert len(corpus.documents) == 24
    assert set(corpus.codes["code_id"]) == set(THEMES["theme"])
    assert set(corpus.codes["kind"]) == {*KINDS, "actor"}
    assert corpus.coders["coder_id"].tolist() == [simulation.phrases["coders"][coder]]
    assert len(corpus.codings) == (simulation.codings["coder"] == coder).sum()


def test_links_join_the_ends_of_a_chain_that_the_coder_got_right(simulation):
    links = coder_corpus(simulation, "A", THEMES, CHAINS).links
    own = simulation.codings[simulation.codings["coder"] == "A"]
    names = [f"A{n:04d}" for n in range(1, len(own) + 1)]
    rows: dict[Any, Any] = dict(zip(names, own.itertuples(), strict=True))
    chains = set(zip(CHAINS["source"], CHAINS["target"], CHAINS["relation"], strict=True))
    joined = set()
    for link in links.itertuples():
        first, second = rows[link.source], rows[link.target]
        assert first.doc_id == second.doc_id
        assert (first.case_code, second.case_code, link.name) in chains
        assert first.code_id == first.true_code and second.code_id == second.true_code
        joined.add((first.doc_id, first.case_code, second.case_code))
    assert len(joined) == len(links) > 100
    right = own[(own["code_id"] == own["true_code"]) & (own["case_code"] != "")]
    possible = {
        (doc_id, a, b)
        for doc_id, group in right.groupby("doc_id")
        for a, b, _ in chains
        if {a, b} <= set(group["case_code"])
    }
    assert joined == possible


def test_the_table_of_a_coder_quotes_what_it_codes(simulation):
    table = pd.read_csv(STUDY / "codings" / "coder_C.csv")
    for row in table.itertuples():
        assert of_paragraph(simulation, row.document, row.start, row.end) == row.quote
    assert set(table["coder"]) == {simulation.phrases["coders"]["C"]}


def test_importing_the_study_yields_what_the_coders_did(simulation):
    corpus = import_interviews(STUDY)
    columns = ["doc_id", "start", "end", "code_id"]
    for coder, expected in simulation.codings.groupby("coder"):
        found = corpus.codings[corpus.codings["coder_id"] == coder]
        assert sorted(map(tuple, found[columns].to_numpy())) == sorted(
            map(tuple, expected[columns].to_numpy())
        )
    assert len(corpus.documents) == 48
    assert len(corpus.links) == len(coder_corpus(simulation, "A", THEMES, CHAINS).links)


def test_people_tables_name_every_interview_and_participant(simulation):
    tables = people_tables(simulation)
    interviews, consent = tables["interviews"], tables["consent"]
    assert all((STUDY / name).is_file() for name in interviews["file"])
    assert interviews["doc_id"].is_unique and len(interviews) == 48
    assert set(interviews["participant"]) == set(consent["participant"])
    assert (consent["quote"] == "no").sum() == 1
    assert set(tables["coders"]["coder_id"]) == set(TRUTH.theta)
    assert tables["names"]["name"].is_unique


def test_truth_file_states_what_the_parameters_imply(simulation, spans):
    stored = yaml.safe_load((STUDY / "truth" / "truth.yml").read_text(encoding="utf-8"))
    assert stored == truth_summary(simulation, TRUTH, SHARES)
    assert stored["expected_alpha"] == 0.655
    counts = spans.loc[spans["family"] == "theme", "code_id"].value_counts()
    assert stored["theme_marginal"] == pytest.approx((counts / counts.sum()).to_dict(), abs=1e-6)
    signs = {(c["role"], c["theme"]): np.sign(c["difference"]) for c in stored["role_contrasts"]}
    for role, weights in TRUTH.role_weights.items():
        assert all(
            signs[role, t] == np.sign(w - 1) for t, w in weights.items() if abs(w - 1) >= 0.5
        )


# --- questionnaire and office files ---------------------------------------------------------------


def test_questionnaire_reads_without_a_violation():
    form = read_form(STUDY / "questionnaire" / "form.xlsx")
    answers = read_answers(form, STUDY / "questionnaire" / "answers.csv")
    assert answers.violations.empty
    assert len(form.repeats) == 1


def test_answers_are_consistent_with_the_interviews_and_themselves(simulation):
    folder = STUDY / "questionnaire"
    answers, members = (pd.read_csv(folder / f"{n}.csv") for n in ("answers", "answers-member"))
    expected = [(i.participant, i.case, i.role) for i in simulation.interviews]
    found = answers[["participant", "town", "role"]].itertuples(index=False, name=None)
    assert list(found) == expected
    other = answers["income-sources"].str.split().map(lambda s: "other" in s)
    assert (answers["income-other_source"].notna() == other).all()
    assert (members["away"].notna() == (members["age"] >= 16)).all()
    assert set(members["PARENT_KEY"]) <= set(answers["KEY"])


def test_workbook_reads_as_its_sheets():
    sheets = form_sheets(load_questionnaire())
    book = openpyxl.load_workbook(STUDY / "questionnaire" / "form.xlsx")
    assert book.sheetnames == list(sheets)
    for name, rows in sheets.items():
        found = [[cell or "" for cell in row] for row in book[name].iter_rows(values_only=True)]
        assert found == rows
    assert book.properties.creator == STAMP


@given(
    texts=st.lists(
        st.tuples(
            st.sampled_from(["", "访谈者", "受访者"]),
            st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc", "Cn"])),
        ),
        min_size=1,
    )
)
def test_word_file_holds_any_text_and_is_the_same_each_time(texts):
    data = docx_bytes(texts, title="<T> & t", stamp=STAMP)
    assert data == docx_bytes(texts, title="<T> & t", stamp=STAMP)
    document = docx.Document(io.BytesIO(data))
    assert [p.text for p in document.paragraphs] == [text for _, text in texts]
    assert styles_of(document) == [s or "Normal" for s, _ in texts]
    assert document.core_properties.title == "<T> & t"


def test_workbook_with_many_columns_keeps_their_order():
    wide = [[f"c{i}" for i in range(60)]]
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes({"a&b": wide}, title="t", stamp=STAMP)))
    assert [cell.value for cell in book["a&b"][1]] == wide[0]


# --- bad input ------------------------------------------------------------------------------------


def test_all_faults_of_parameters_come_at_once():
    with pytest.raises(CorpusError) as caught:
        dataclasses.replace(
            TRUTH, theta={"A": 1.2}, coded_answers=(9, 3), omission=-0.1, boundary_jitter=-1,
            role_weights={"farmr": {"cause.benefit": 0.0}}, half_missing="D", confusion=0.5,
            confused_pair=("a", "a"),
        )  # fmt: skip
    for fault in (
        "theta of A is 1.2", "coded_answers is (9, 3)", "omission is -0.1", "half_missing is D",
        "boundary_jitter is -1", "farmr is no role (did you mean farmer?)", "is 0.0: above 0",
        "confused_pair must name two codes",
    ):  # fmt: skip
        assert fault in str(caught.value)


def test_unknown_and_missing_names_of_parameters_are_listed(tmp_path):
    content = yaml.safe_load((STUDY / PARAMETERS).read_text(encoding="utf-8"))
    content["omision"] = content.pop("omission")
    path = tmp_path / "parameters.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(CorpusError, match=r"(?s)omission is missing.*did you mean omission"):
        load_interview_truth(path)


def test_a_weight_of_a_theme_that_no_study_has_is_refused():
    weights = {"farmer": {"cause.benfit": 2.0}}
    with pytest.raises(CorpusError, match=r"cause\.benfit \(did you mean cause\.benefit\?\)"):
        code_shares(THEMES, dataclasses.replace(TRUTH, role_weights=weights))


def test_more_answers_than_ways_to_say_them_are_refused():
    with pytest.raises(
        CorpusError, match=r"B1_official: B\.\S+ comes up \d+ times and there are 2"
    ):
        simulate_interviews(THEMES, dataclasses.replace(TRUTH, coded_answers=(40, 40)))
