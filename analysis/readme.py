"""The generated parts of the README: which step and function make an exhibit, and its numbers.

A part stands between two comments, `<!-- name -->` and `<!-- /name -->`.
`python -m analysis.readme` writes all of them anew; a test fails when one is stale.
"""

import ast
import json
import re
from pathlib import Path

from analysis.notebook import Notebook, code_trees, read_notebooks
from analysis.project import Project, ProjectError, write_text

CLAIM = re.compile(r"<!-- claim (\w+) (\S+) (\S+) -->(.*?)<!-- /claim -->")
EXHIBITS = re.compile(r"<!-- exhibits -->.*?<!-- /exhibits -->", flags=re.DOTALL)
DRAWERS = ("maps", "figures", "tables", "report")


def exhibit_rows(notebook: Notebook) -> list[tuple[str, str, str]]:
    """Return (exhibit, step, function) of each figure and table that a notebook saves."""
    trees = code_trees(notebook.path)
    modules = {alias: module for tree in trees for alias, module in _imports(tree)}
    named: dict[str, ast.expr] = {}
    rows = []
    for statement in (node for tree in trees for node in tree.body):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            named[statement.targets[0].id] = statement.value
        for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) in ("st.figure", "st.table"):
                drawn = named.get(ast.unparse(call.args[1]), call.args[1])
                exhibit = ast.literal_eval(call.args[0])
                rows.append((exhibit, notebook.name, _drawer(drawn, modules)))
    return rows


def _imports(tree: ast.AST) -> list[tuple[str, str]]:
    """Return (name in the notebook, module) of what is imported from the package."""
    return [
        (alias.asname or alias.name, f"{node.module}.{alias.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "analysis"
        for alias in node.names
    ]


def _drawer(argument: ast.expr, modules: dict[str, str]) -> str:
    """Return the function that an argument names, of a module that draws or tabulates."""
    for node in ast.walk(argument):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id, "")
            if module.endswith(DRAWERS):
                return f"{module}.{node.attr}"
    raise ProjectError(
        f"`{ast.unparse(argument)}` names no function of a module called {', '.join(DRAWERS)}"
    )


def exhibit_table(project: Project) -> str:
    """Return the markdown table of all exhibits."""
    notebooks = read_notebooks(project.notebooks).values()
    rows = sorted(row for notebook in notebooks for row in exhibit_rows(notebook))
    lines = [
        f"| `{exhibit}` | [{step}](notebooks/{step}.ipynb) | `{function}` |"
        for exhibit, step, function in rows
    ]
    return "\n".join(["| exhibit | notebook | function |", "|---|---|---|", *lines])


def fill(text: str, project: Project) -> str:
    """Return the README with its generated parts written anew.

    Raises
    ------
    ProjectError
        When a claim that the text quotes does not exist.
    """

    def claim(match: re.Match[str]) -> str:
        profile, key, form, _ = match.groups()
        claims = json.loads(project.claims(profile).read_text(encoding="utf-8"))
        if key not in claims:
            raise ProjectError(f"README quotes the unknown claim {key} of profile {profile}")
        part, _, form = form.rpartition(":")
        value = format(claims[key][part or "value"], form).replace("-", "−")
        return f"{match.group().split('-->')[0]}-->{value}<!-- /claim -->"

    table = f"<!-- exhibits -->\n{exhibit_table(project)}\n<!-- /exhibits -->"
    return CLAIM.sub(claim, EXHIBITS.sub(lambda _: table, text))


def main() -> None:
    """Write the README's generated parts."""
    project = Project.find()
    readme: Path = project.root / "README.md"
    write_text(readme, fill(readme.read_text(encoding="utf-8"), project))


if __name__ == "__main__":
    main()
