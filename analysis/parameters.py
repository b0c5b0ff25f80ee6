"""Parameters: read from the notebooks, overridden in one file, checked before anything runs.

A notebook's `parameters` cell is the single declaration: name, type, default, allowed range or
choices and unit. `parameters.yml` and `--set` may only override what a notebook declares;
everything else is an error that names the nearest valid name.
"""

import ast
import difflib
import io
import re
import tokenize
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from analysis.project import Project, ProjectError, bullet_list

TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list[str]": (list,),
    "list[int]": (list,),
    "list[float]": (list,),
}
RANGE = re.compile(r"^\[\s*(-?[\d.eE+-]+)\s*,\s*(-?[\d.eE+-]+)\s*\]\s*(.*)$")
CHOICES = re.compile(r"^\{([^}]*)\}\s*(.*)$")


class ParameterError(ProjectError):
    """A parameter is unknown, of the wrong type or outside its range."""


@dataclass(frozen=True)
class Parameter:
    """One line of a `parameters` cell.

    Attributes
    ----------
    name, type : str
        `type` is one of the keys of `TYPES`.
    default : object
    low, high : float or None
        Inclusive bounds of a number, or of each number of a list.
    choices : tuple of str
        Allowed words, empty when free.
    about : str
        Unit and meaning, from the trailing comment.
    """

    name: str
    type: str
    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    about: str = ""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with `value`, or None."""
        elements = value if isinstance(value, list) else [value]
        if not self._has_type(value):
            return f"{self.name} must be {self.type}, got {type(value).__name__} {value!r}"
        if self.low is not None and self.high is not None:
            outside = [v for v in elements if not self.low <= v <= self.high]
            if outside:
                return f"{self.name} must lie in [{self.low:g}, {self.high:g}], got {outside[0]!r}"
        if self.choices:
            unknown = [v for v in elements if str(v) not in self.choices]
            if unknown:
                return (
                    f"{self.name} must be one of {', '.join(self.choices)}, "
                    f"got {unknown[0]!r}{nearest(str(unknown[0]), self.choices)}"
                )
        return None

    def _has_type(self, value: Any) -> bool:
        if not isinstance(value, TYPES[self.type]):
            return False
        if isinstance(value, list):
            element = TYPES[self.type[5:-1]]
            return all(isinstance(v, element) and not isinstance(v, bool) for v in value)
        return self.type == "bool" or not isinstance(value, bool)

    def parse(self, text: str) -> Any:
        """Return the value that `--set` text stands for.

        Numbers, booleans and lists follow YAML; a `str` is taken as it is.
        """
        if self.type == "str":
            return text
        if self.type.startswith("list") and not text.strip().startswith("["):
            text = f"[{text}]"
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return text


def nearest(word: str, words: Any) -> str:
    """Return ` (did you mean X?)` for the closest of `words`, or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def read_parameters(source: str, where: str) -> dict[str, Parameter]:
    """Read a `parameters` cell from its syntax tree, without running it.

    Parameters
    ----------
    source : str
        Text of the cell: lines `name: type = literal  # [low, high] unit and meaning`.
    where : str
        Notebook and cell, for messages.

    Raises
    ------
    ParameterError
        Listing every line that is not such a declaration.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        at = f"{where}, line {error.lineno}"
        raise ParameterError(f"{at}: not plain Python: {error.msg}") from None
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, Parameter] = {}
    problems: list[str] = []
    for node in body:
        line = f"{where}, line {node.lineno}: `{ast.unparse(node)}`"
        if not (
            isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
        ):
            problems.append(f"{line} is not `name: type = value  # [low, high] meaning`")
            continue
        try:
            default = ast.literal_eval(node.value)
        except ValueError:
            problems.append(f"{line}: the default must be a literal")
            continue
        kind = ast.unparse(node.annotation)
        if kind not in TYPES:
            problems.append(f"{line}: type must be one of {', '.join(TYPES)}")
            continue
        parameter = _declare(node.target.id, kind, default, comments.get(node.end_lineno or 0, ""))
        if problem := parameter.problem(default):
            problems.append(f"{line}: {problem}")
        found[parameter.name] = parameter
    if "profile" not in found:
        problems.append(f"{where}: the first parameter must be `profile: str = ...`")
    if problems:
        raise ParameterError(bullet_list("bad parameters cell:", problems))
    return found


def _declare(name: str, kind: str, default: Any, comment: str) -> Parameter:
    if match := RANGE.match(comment):
        low, high, about = match.groups()
        return Parameter(name, kind, default, float(low), float(high), about=about)
    if match := CHOICES.match(comment):
        words, about = match.groups()
        choices = tuple(word.strip() for word in words.split(","))
        return Parameter(name, kind, default, choices=choices, about=about)
    return Parameter(name, kind, default, about=comment)


@dataclass(frozen=True)
class Profile:
    """One entry of `parameters.yml`.

    Attributes
    ----------
    name, about : str
    sources : tuple of str
        Raw sources that the profile has; a step that reads another is not run. A source
        `interviews/simulated` is what a step gets that reads `interviews`.
    overrides : dict of {step: {parameter: value}}
    leave_out : dict of {step: reason}
        Steps that its data cannot answer.
    absent : tuple of str
        Places for a user's own files that are still empty.
    """

    name: str
    about: str
    sources: tuple[str, ...]
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)
    leave_out: dict[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def source(self, name: str) -> str | None:
        """Return the source that serves a step which reads `name`, None without one."""
        return next((s for s in self.sources if name in (s, s.split("/")[0])), None)


PROFILE_NAME = re.compile(r"[A-Za-z]\w*")
RESERVED = ("figures", "households", "households_coverage", "montecarlo", "notebooks", "site")
"""Folders of other things beside those of profiles."""


def read_profiles(path: Path) -> dict[str, Profile]:
    """Read `parameters.yml`.

    Raises
    ------
    ParameterError
        Listing every entry that is not a profile.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ParameterError(f"{path.name} is not valid YAML: {error}") from None
    entries = content.get("profiles") if isinstance(content, dict) else None
    if not isinstance(entries, dict) or not entries:
        raise ParameterError(f"{path.name} must hold a mapping `profiles:`")
    problems = [f"unknown key `{key}`" for key in content if key != "profiles"]
    profiles: dict[str, Profile] = {}
    for name, entry in entries.items():
        profile, faults = _read_profile(name, entry)
        problems += faults
        profiles[name] = profile
    if problems:
        raise ParameterError(bullet_list(f"{path.name}:", problems))
    return profiles


def _read_profile(name: str, entry: Any) -> tuple[Profile, list[str]]:
    known = ("about", "sources", "parameters", "leave_out")
    if not isinstance(entry, dict):
        return Profile(name, "", ()), [f"profile {name} must be a mapping of {', '.join(known)}"]
    faults = []
    if not isinstance(name, str) or not PROFILE_NAME.fullmatch(name) or name in RESERVED:
        faults.append(
            f"profile {name}: a name has letters, digits, _, and is none of {', '.join(RESERVED)}"
        )
    faults += [
        f"profile {name}: unknown key `{k}`{nearest(k, known)}" for k in entry if k not in known
    ]
    sources, overrides = entry.get("sources", []), entry.get("parameters") or {}
    if not isinstance(sources, list):
        faults.append(f"profile {name}: sources must be a list")
        sources = []
    kinds = [str(source).split("/")[0] for source in sources]
    faults += [
        f"profile {name}: two sources serve {kind}; list one of them"
        for kind in sorted({kind for kind in kinds if kinds.count(kind) > 1})
    ]
    if not isinstance(overrides, dict) or any(not isinstance(v, dict) for v in overrides.values()):
        faults.append(f"profile {name}: parameters must map steps to mappings")
        overrides = {}
    leave_out = entry.get("leave_out") or {}
    if not isinstance(leave_out, dict) or not all(leave_out.values()):
        faults.append(f"profile {name}: leave_out must map steps to reasons")
        leave_out = {}
    about = str(entry.get("about", ""))
    return Profile(name, about, tuple(sources), overrides, leave_out), faults


def choose_profile(project: Project, name: str) -> Profile:
    """Return the profile called `name`, or say which exist.

    Of its sources of the form `kind/name` only those whose folder is there count: the place where
    a user's own files go is empty at first, and the steps that need them are then not run.
    """
    profiles = read_profiles(project.parameters)
    if name not in profiles:
        raise ParameterError(
            f"unknown profile {name!r}{nearest(name, profiles)}; "
            f"{project.parameters.name} has {', '.join(profiles)}"
        )
    profile = profiles[name]
    absent = [s for s in profile.sources if "/" in s and not project.source(s).is_dir()]
    there = tuple(s for s in profile.sources if s not in absent)
    return replace(profile, sources=there, absent=tuple(absent))


def resolve(
    declared: dict[str, dict[str, Parameter]],
    profile: Profile,
    settings: tuple[str, ...] = (),
) -> dict[str, dict[str, Any]]:
    """Return the value of every parameter of every step.

    Parameters
    ----------
    declared : dict of {step: {name: Parameter}}
    profile : Profile
        Its overrides come after the defaults.
    settings : tuple of str
        `STEP.PARAM=VALUE` from the command line; they come last.

    Raises
    ------
    ParameterError
        Listing every unknown name, wrong type and value out of range, wherever it stands.
    """
    values = {s: {n: p.default for n, p in ps.items()} for s, ps in declared.items()}
    problems: list[str] = []
    for step, overrides in profile.overrides.items():
        where = f"parameters.yml, profile {profile.name}"
        for name, value in overrides.items():
            problems += _override(declared, values, step, name, value, where)
    for setting in settings:
        step, _, rest = setting.partition(".")
        name, equals, text = rest.partition("=")
        if not (name and equals):
            problems.append(f"--set {setting}: write STEP.PARAM=VALUE")
            continue
        parameter = declared.get(step, {}).get(name)
        value = parameter.parse(text) if parameter else text
        problems += _override(declared, values, step, name, value, f"--set {setting}")
    if problems:
        raise ParameterError(bullet_list("parameters refused, nothing was run:", problems))
    for step_values in values.values():
        step_values["profile"] = profile.name
    return values


def _override(
    declared: dict[str, dict[str, Parameter]],
    values: dict[str, dict[str, Any]],
    step: str,
    name: str,
    value: Any,
    where: str,
) -> list[str]:
    if step not in declared:
        return [f"{where}: unknown step {step!r}{nearest(step, declared)}"]
    if name == "profile":
        return [f"{where}: choose the profile with --profile"]
    if name not in declared[step]:
        return [f"{where}: {step} has no parameter {name!r}{nearest(name, declared[step])}"]
    if problem := declared[step][name].problem(value):
        return [f"{where}: {step}.{problem}"]
    values[step][name] = value
    return []
