import pytest
from toy import MAKE, write_notebook

from analysis.notebook import HeaderError, digest, module_closure, read_notebook, read_notebooks

PARAMETERS = 'profile: str = "demo"'
HEADER = 'from analysis import step\nst = step("01_make", profile, reads=["things"])'


def test_header_parameters_and_imports_are_read(tmp_path):
    path = tmp_path / "01_make.ipynb"
    write_notebook(path, MAKE)
    notebook = read_notebook(path)
    assert notebook.header.reads == ("things",)
    assert notebook.header.writes == ("linkage_excluded",)
    assert list(notebook.parameters) == ["profile", "rows"]
    assert list(notebook.code) == [1, 2, 3, 4, 5]
    assert "step" in notebook.imports


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([PARAMETERS, "x = 1"], "has no header"),
        (
            [PARAMETERS, 'names = ["a"]\nst = step("01_make", profile, reads=names)'],
            "line 2.*literal",
        ),
        ([PARAMETERS, 'st = step("02_other", profile)'], "called '02_other' but the file"),
        ([PARAMETERS, 'st = step("01_make", profile, raeds=["a"])'], "did you mean reads"),
        ([PARAMETERS, 'st = step("01_make", profile, reads="things")'], "must be a list"),
        ([PARAMETERS, 'st = step("01_make", profile, level="person")'], "level must be one of"),
        ([PARAMETERS, 'st = step("01_make")'], "write step"),
        ([PARAMETERS, HEADER, HEADER], "a second step"),
        ([PARAMETERS, HEADER, "%matplotlib inline"], "cell 4, line 1: not plain Python"),
    ],
)
def test_bad_header_names_notebook_cell_and_remedy(tmp_path, cells, words):
    path = tmp_path / "01_make.ipynb"
    write_notebook(path, cells)
    with pytest.raises(HeaderError, match=f"01_make.ipynb(.|\n)*{words}"):
        read_notebook(path)


def test_notebook_without_parameters_cell_is_refused(tmp_path):
    path = tmp_path / "01_make.ipynb"
    write_notebook(path, [PARAMETERS, HEADER])
    path.write_text(path.read_text().replace('"parameters"', '"other"'))
    with pytest.raises(HeaderError, match="no cell tagged `parameters`"):
        read_notebook(path)


def test_every_bad_notebook_is_listed(tmp_path):
    write_notebook(tmp_path / "01_make.ipynb", [PARAMETERS])
    (tmp_path / "02_use.ipynb").write_text("{")
    with pytest.raises(HeaderError, match="01_make.ipynb(.|\n)*02_use.ipynb is not a notebook"):
        read_notebooks(tmp_path)


def test_digest_ignores_comments_layout_and_docstrings_only():
    import ast

    def of(text):
        return digest(ast.parse(text))

    code = 'def f(x):\n    """One."""\n    return x + 1'
    assert of(code) == of('def f(x):  # why\n    """Two."""\n\n    return (x + 1)')
    assert of(code) != of(code.replace("1", "2"))
    assert of("42") != of("43")
    assert of('"shown"') != of('"other"')
    assert digest(ast.parse('"one"'), is_module=True) == digest(ast.parse('"two"'), is_module=True)


def test_closure_follows_imports_wherever_they_stand(tmp_path):
    (tmp_path / "__init__.py").write_text("")
    typing = "if TYPE_CHECKING:\n    from analysis import four\n"
    (tmp_path / "one.py").write_text(typing + "def f():\n    from analysis import two\n")
    (tmp_path / "two.py").write_text("import analysis.three\n")
    (tmp_path / "three.py").write_text("")
    (tmp_path / "four.py").write_text("")
    closure = module_closure(tmp_path, frozenset({"one"}))
    assert list(closure) == ["__init__", "one", "three", "two"]


def test_closure_follows_imports_into_subpackages(tmp_path):
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "__init__.py").write_text("")
    (tmp_path / "sub" / "one.py").write_text("from analysis.sub.two import f\n")
    (tmp_path / "sub" / "two.py").write_text("from analysis.three import g\nf = 1\n")
    (tmp_path / "three.py").write_text("import analysis.sub.one\ng = 1\n")
    closure = module_closure(tmp_path, frozenset({"sub.one"}))
    assert list(closure) == ["__init__", "sub", "sub.one", "sub.two", "three"]
