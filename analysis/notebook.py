"""What a notebook declares, read from its syntax tree without running it.

A notebook is one pipeline step. Its cell tagged `parameters` declares the parameters, its call
`step("NN_verb_noun", profile, reads=[...], writes=[...], ...)` declares what goes in and out.
"""

import ast
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.parameters import Parameter, ParameterError, nearest, read_parameters
from analysis.project import ProjectError, bullet_list
from analysis.step import Header

LEVELS = ("household", "village", "county", "aggregate")
LISTS = ("reads", "claims", "writes", "figures", "tables")


class HeaderError(ProjectError):
    """A notebook lacks its header, or its header is not literal."""


@dataclass(frozen=True)
class Notebook:
    """A notebook as the engine sees it.

    Attributes
    ----------
    path : Path
    parameters : dict of {name: Parameter}
    header : Header
    code : dict of {number: digest}
        Digest of the syntax tree of each code cell but the parameters, counted from 1 over these
        cells; comments and prose do not enter, nor how many cells of prose there are.
    imports : frozenset of str
        Modules of `analysis` that the cells import.
    """

    path: Path
    parameters: dict[str, Parameter]
    header: Header
    code: dict[int, str]
    imports: frozenset[str]

    @property
    def name(self) -> str:
        """Name of the step."""
        return self.header.step


def read_notebook(path: Path) -> Notebook:
    """Read the header, parameters and code of a notebook.

    Raises
    ------
    HeaderError, ParameterError
        Naming the notebook, the cell and the line.
    """
    parameters: dict[str, Parameter] | None = None
    header: Header | None = None
    code: dict[int, str] = {}
    imports: set[str] = set()
    for number, (kind, source, tags) in enumerate(_cells(path), start=1):
        if kind != "code":
            continue
        where = f"{path.name}, cell {number}"
        tree = _parse(source, where)
        if "parameters" in tags:
            parameters = read_parameters(source, where)
            continue
        code[len(code) + 1] = digest(tree)
        imports |= imported_modules(tree)
        for call in _header_calls(tree):
            if header is not None:
                raise HeaderError(f"{where}, line {call.lineno}: a second step(...) call")
            header = _read_header(call, path, where)
    if parameters is None:
        raise HeaderError(
            f"{path.name} has no cell tagged `parameters`: tag the one that sets profile"
        )
    if header is None:
        raise HeaderError(
            f"{path.name} has no header: "
            f'add st = step("{path.stem}", profile, reads=[...], writes=[...])'
        )
    return Notebook(path, parameters, header, code, frozenset(imports))


def declared_parameters(path: Path) -> dict[str, Parameter]:
    """Return the parameters of a notebook that a person works on.

    Empty where the file is not there or its cell of parameters cannot be read at the moment; other
    cells may hold anything.
    """
    try:
        for number, (kind, source, tags) in enumerate(_cells(path), start=1):
            if kind == "code" and "parameters" in tags:
                return read_parameters(source, f"{path.name}, cell {number}")
    except (OSError, HeaderError, ParameterError):
        pass
    return {}


def read_notebooks(folder: Path) -> dict[str, Notebook]:
    """Read every notebook of a folder, in the order of their names.

    Raises
    ------
    HeaderError
        Listing every notebook that cannot be read.
    """
    notebooks: dict[str, Notebook] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        try:
            notebooks[path.stem] = read_notebook(path)
        except (HeaderError, ParameterError) as error:
            problems.append(str(error))
    if problems:
        raise HeaderError(bullet_list("notebooks that cannot be read:", problems))
    return notebooks


def code_trees(path: Path) -> list[ast.Module]:
    """Return the syntax trees of a notebook's code cells."""
    cells = enumerate(_cells(path), start=1)
    return [
        _parse(source, f"{path.name}, cell {number}")
        for number, (kind, source, _) in cells
        if kind == "code"
    ]


def _cells(path: Path) -> list[tuple[str, str, list[str]]]:
    """Return (type, source, tags) of each cell; read as JSON, since nbformat imports slowly."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [
            (cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", []))
            for cell in cells
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HeaderError(f"{path.name} is not a notebook of format 4: {error!r}") from None


def _parse(source: str, where: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise HeaderError(f"{where}, line {error.lineno}: not plain Python: {error.msg}") from None


def _header_calls(tree: ast.Module) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "step"
    ]


def _read_header(call: ast.Call, path: Path, where: str) -> Header:
    at = f"{where}, line {call.lineno}"
    if len(call.args) != 2:
        raise HeaderError(f'{at}: write step("{path.stem}", profile, reads=[...], writes=[...])')
    values: dict[str, Any] = {"step": _literal(call.args[0], at, "the step's name")}
    for keyword in call.keywords:
        values[str(keyword.arg)] = _literal(keyword.value, at, str(keyword.arg))
    allowed = ("step", *LISTS, "level")
    problems = [f"unknown argument `{k}`{nearest(k, allowed)}" for k in values if k not in allowed]
    problems += [
        f"{key} must be a list of names"
        for key in LISTS
        if key in values
        and not (isinstance(values[key], list) and all(isinstance(v, str) for v in values[key]))
    ]
    if values["step"] != path.stem:
        problems.append(f"the step is called {values['step']!r} but the file {path.stem!r}")
    if values.get("level", "county") not in LEVELS:
        problems.append(f"level must be one of {', '.join(LEVELS)}")
    if problems:
        raise HeaderError(bullet_list(f"{at}:", problems))
    fields: dict[str, Any] = {k: tuple(v) if k in LISTS else v for k, v in values.items()}
    return Header(**fields)


def _literal(node: ast.expr, where: str, what: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise HeaderError(
            f"{where}: {what} must be a literal, got `{ast.unparse(node)}`: "
            "the engine reads the header without running it"
        ) from None


def digest(tree: ast.AST, *, is_module: bool = False) -> str:
    """Return a digest of a syntax tree that ignores comments, layout and docstrings.

    Parameters
    ----------
    is_module : bool
        Whether a leading text is a docstring; in a notebook cell it is shown, so it counts.
    """
    holders = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, holders) or (is_module and isinstance(node, ast.Module)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def imported_modules(tree: ast.AST) -> set[str]:
    """Return the modules of `analysis` that a syntax tree imports, anywhere but for typing."""
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        else:
            continue
        found |= {name.split(".", 1)[1] for name in names if name.startswith("analysis.")}
        if "analysis" in names:
            found.add("__init__")
    return found


def module_closure(package: Path, imports: frozenset[str]) -> dict[str, str]:
    """Return {module: digest} of the modules of `analysis` that `imports` lead to.

    Parameters
    ----------
    package : Path
        Folder of the package.
    imports : frozenset of str
        Dotted names imported from `analysis`; the last part may be a name within a module.
    """
    digests: dict[str, str] = {}
    waiting = {"__init__", *imports}
    while waiting:
        name = waiting.pop()
        if "." in name:
            waiting.add(name.rpartition(".")[0])
        path = _module_file(package, name)
        if name in digests or path is None:
            continue
        digests[name], imported = _read_module(path, path.stat().st_mtime_ns)
        waiting |= imported - set(digests)
    return dict(sorted(digests.items()))


def _module_file(package: Path, name: str) -> Path | None:
    """Return the file of a module or subpackage, None where the name is neither."""
    path = package.joinpath(*name.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@functools.cache
def _read_module(path: Path, modified: int) -> tuple[str, frozenset[str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = frozenset(imported_modules(tree))
    return digest(tree, is_module=True), imported
