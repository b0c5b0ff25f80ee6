import pytest

from analysis.parameters import ParameterError, Profile, read_parameters, read_profiles, resolve

CELL = """\
profile: str = "demo"
first_year: int = 2013  # [2010, 2020] first panel year
alpha: float = 0.5  # [0, 1] weight
scheme: str = "entropy"  # {entropy, equal} weights
years: list[int] = [2010, 2020]  # [1990, 2030] window
strict: bool = True
"""
STEP = "40_estimate"


@pytest.fixture
def declared():
    return {STEP: read_parameters(CELL, "x.ipynb, cell 2")}


def values(declared, *settings, overrides=None):
    profile = Profile("demo", "", (), {STEP: overrides or {}})
    return resolve(declared, profile, settings)[STEP]


def test_declaration_is_read_with_type_range_and_choices(declared):
    first_year = declared[STEP]["first_year"]
    assert (first_year.type, first_year.low, first_year.high) == ("int", 2010, 2020)
    assert first_year.about == "first panel year"
    assert declared[STEP]["scheme"].choices == ("entropy", "equal")


def test_command_line_comes_after_profile_after_default(declared):
    assert values(declared)["first_year"] == 2013
    assert values(declared, overrides={"first_year": 2015})["first_year"] == 2015
    chosen = values(declared, f"{STEP}.first_year=2016", overrides={"first_year": 2015})
    assert chosen["first_year"] == 2016


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("alpha=1", 1),
        ("years=2011,2012", [2011, 2012]),
        ("years=[2011]", [2011]),
        ("strict=false", False),
        ("scheme=equal", "equal"),
    ],
)
def test_command_line_text_is_parsed_by_declared_type(declared, text, value):
    assert values(declared, f"{STEP}.{text}")[text.split("=")[0]] == value


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (f"{STEP}.first_yaer=2014", "did you mean first_year"),
        ("40_estimat.first_year=2014", f"did you mean {STEP}"),
        (f"{STEP}.first_year=2031", r"must lie in \[2010, 2020\], got 2031"),
        (f"{STEP}.first_year=soon", "must be int, got str 'soon'"),
        (f"{STEP}.first_year=2014.5", "must be int, got float"),
        (f"{STEP}.first_year=true", "must be int, got bool"),
        (f"{STEP}.scheme=entropi", "did you mean entropy"),
        (f"{STEP}.years=2010,1066", "got 1066"),
        (f"{STEP}.strict=1", "must be bool"),
        (f"{STEP}.profile=census", "with --profile"),
        ("first_year=2014", "STEP.PARAM=VALUE"),
    ],
)
def test_wrong_setting_is_refused_by_name(declared, setting, words):
    with pytest.raises(ParameterError, match=words):
        values(declared, setting)


def test_all_problems_are_listed_at_once(declared):
    with pytest.raises(ParameterError) as error:
        values(declared, f"{STEP}.alpha=2", f"{STEP}.nothing=1", overrides={"first_year": "x"})
    assert len(str(error.value).splitlines()) == 4


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("rows: int = ", "line 1: not plain Python"),
        ("first_year = 2013", "is not `name: type = value"),
        ("first_year: int = current()", "default must be a literal"),
        ("first_year: date = 2013", "type must be one of"),
        ("first_year: int = 2013  # [2014, 2020] year", "must lie in"),
        ("first_year: int = 2013", "first parameter must be `profile"),
    ],
)
def test_bad_parameters_cell_names_the_line(cell, words):
    with pytest.raises(ParameterError, match=words):
        read_parameters(cell, "x.ipynb, cell 2")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profiles: {demo: {sorces: [a]}}", "did you mean sources"),
        ("profiles: {demo: {sources: a}}", "sources must be a list"),
        ("profiles: {site: {sources: []}}", "is none of figures"),
        ("profiles: {my study: {sources: []}}", "a name has letters, digits, _"),
        ("profiles: {2020: {sources: []}}", "a name has letters, digits, _"),
        ("profiles: {demo: {parameters: {a: 1}}}", "must map steps to mappings"),
        ("profile: {}", "must hold a mapping"),
        ("profiles: [", "not valid YAML"),
    ],
)
def test_bad_profiles_file_is_refused(tmp_path, text, words):
    path = tmp_path / "parameters.yml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=words):
        read_profiles(path)
