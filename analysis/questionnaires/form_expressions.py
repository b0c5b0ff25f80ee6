"""Expressions of XLSForm, such as `selected(${income}, 'farm') and . > 3`, as XPath 1.0.

`${name}` becomes a variable, the functions that ODK adds to XPath become Python functions, and the
rest is XPath 1.0 as libxml2 evaluates it. What depends on chance, on files or on the moment of
filling in cannot be evaluated afterwards: such an expression says so and is not checked.

Sources: W3C, XML Path Language 1.0 (1999); ODK, Form operators and functions
(docs.getodk.org/form-operators-functions).
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from lxml import etree

TOKEN = re.compile(
    r"""(?P<literal>'[^']*'|"[^"]*")
    |(?P<reference>\$\{\s*[^}]*?\s*\})
    |(?P<number>\d+(?:\.\d*)?|\.\d+)
    |(?P<parent>\.\.)
    |(?P<self>\.)
    |(?P<clock>(?:today|now)\(\s*\))
    |(?P<place>position\(\s*\))
    |(?P<name>[^\W\d][\w.\-]*(?::[^\W\d][\w.\-]*)?)
    |(?P<rest>\s+|.)""",
    re.VERBOSE | re.DOTALL,
)
XPATH_FUNCTIONS = {
    "boolean", "ceiling", "concat", "contains", "count", "false", "floor", "last", "name", "node",
    "normalize-space", "not", "number", "starts-with", "string", "string-length",
    "substring", "substring-after", "substring-before", "sum", "text", "translate", "true",
}  # fmt: skip
EPOCH = dt.datetime(1970, 1, 1)
DAY, MOMENT = "day_of_answer", "moment_of_answer"
CLOCKS = {"today": DAY, "now": MOMENT}

Value = Any  # str, float, bool or a list of elements, as XPath 1.0 has it


class ExpressionError(ValueError):
    """An expression has no value for the answers given."""


@dataclass(frozen=True)
class Expression:
    """An expression ready to be evaluated.

    Attributes
    ----------
    text : as the form has it
    xpath : as XPath 1.0, with the variable `v_<name>` for `${name}`
    references : names referred to by `${name}`
    unsupported : why it cannot be evaluated, empty where it can
    needs_day : whether it asks for the day or the moment at which the form was filled in
    uses_paths : whether it refers to nodes by a path, beyond `.` and `${name}`
    """

    text: str
    xpath: str
    references: tuple[str, ...]
    unsupported: str
    needs_day: bool
    uses_paths: bool


def tokens(text: str) -> list[tuple[str, str]]:
    """Return (kind, text) of the tokens of an expression; blanks are of the kind `rest`."""
    return [(str(m.lastgroup), m.group()) for m in TOKEN.finditer(text)]


def is_xml_name(name: str) -> bool:
    """Return whether a name can be that of a node, as every name of a form must."""
    try:
        etree.Element(name)
    except ValueError:
        return False
    return ":" not in name and "{" not in name


def references_of(text: str) -> list[str]:
    """Return the names that `${name}` refers to, each once."""
    found = (token[2:-1].strip() for kind, token in tokens(text) if kind == "reference")
    return list(dict.fromkeys(name for name in found if "#" not in name))


def syntax_problem(text: str) -> str:
    """Return what is wrong with an expression, empty where nothing is."""
    if not text:
        return ""
    try:
        etree.XPath(translate(text).xpath, extensions=EXTENSIONS)
    except (etree.XPathError, ValueError) as error:
        return f"is no expression: {error}"
    return ""


@lru_cache(maxsize=4096)
def translate(text: str, *, date: bool = False) -> Expression:
    """Return an expression of a form as XPath 1.0.

    Parameters
    ----------
    text : the expression
    date : whether `.` is a date or a moment, which is compared as a number of days
    """
    found = tokens(text)
    solid = [token for _, token in found if not token.isspace()] + [""]
    after = iter(solid[1:])
    parts: list[str] = []
    unsupported: list[str] = []
    for kind, token in found:
        following = "" if token.isspace() else next(after)
        if kind == "name" and following == "(":
            parts.append(RENAMED.get(token, token))
            unsupported += [] if token in KNOWN_FUNCTIONS else [f"the function {token}()"]
        elif kind == "self" and date and following != "/":
            parts.append("date(.)")
        elif kind == "reference":
            unsupported += ["the last answer saved"] if "#" in token else []
            parts.append(f"${variable(token[2:-1].strip())}")
        else:
            parts.append(f"${CLOCKS[token[:-2]]}" if kind == "clock" else token)
    return Expression(
        text=text,
        xpath="".join(parts),
        references=tuple(references_of(text)),
        unsupported=", ".join(dict.fromkeys(unsupported)),
        needs_day=any(kind == "clock" for kind, _ in found),
        uses_paths=any(kind == "parent" or token == "/" for kind, token in found),
    )


def variable(name: str) -> str:
    """Return the name of the variable for `${name}`."""
    return "v_" + re.sub(r"[^\w.-]", "_", name)


def evaluate(expression: Expression, node: etree._Element, variables: Mapping[str, Value]) -> Value:
    """Return the value of an expression at a node.

    Parameters
    ----------
    variables : values by `variable(name)`, and by `DAY` and `MOMENT` where it needs them

    Raises
    ------
    ExpressionError
        When a function gets what it cannot use, such as a date that is none.
    """
    try:
        return _compiled(expression.xpath)(node, **variables)
    except (etree.XPathError, ValueError, TypeError, ArithmeticError, re.error) as error:
        raise ExpressionError(f"{type(error).__name__} in a function") from error


@lru_cache(maxsize=4096)
def _compiled(xpath: str) -> etree.XPath:
    return etree.XPath(xpath, extensions=EXTENSIONS, smart_strings=False)


def truth(value: Value) -> bool:
    """Boolean of a value as XPath 1.0 has it."""
    if isinstance(value, float):
        return not (math.isnan(value) or value == 0.0)
    return bool(value)


def text_of(value: Value) -> str:
    """String of a value as XPath 1.0 has it."""
    if isinstance(value, list):
        return "".join(value[0].itertext()) if value else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value).replace("nan", "NaN")
    return str(value)


def number_of(value: Value) -> float:
    """Number of a value as XPath 1.0 has it; NaN where the text is none."""
    if isinstance(value, bool | float):
        return float(value)
    text = text_of(value).strip()
    return float(text) if re.fullmatch(r"-?(\d+\.?\d*|\.\d+)", text) else math.nan


def days_of(value: Value) -> float | str:
    """Days from 1970-01-01 to a date or a moment; empty where there is none.

    The clock is that of the place where the form was filled in: an offset from UTC is dropped.
    """
    if isinstance(value, float):
        return value
    text = text_of(value).strip()
    if not text:
        return ""
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=None)
    return (moment - EPOCH) / dt.timedelta(days=1)


def _spread(values: tuple[Value, ...]) -> list[Value]:
    """Values, each node of a list of nodes on its own."""
    return [
        part
        for value in values
        for part in ([[node] for node in value] if isinstance(value, list) else [value])
    ]


def _extreme(choose: Callable[[list[float]], float]) -> Callable[..., float]:
    def of(_: object, *values: Value) -> float:
        found = [v for v in map(number_of, _spread(values)) if not math.isnan(v)]
        return choose(found) if found else math.nan

    return of


def _selected_at(_: object, value: Value, index: Value) -> str:
    chosen = text_of(value).split()
    place = number_of(index)
    return chosen[int(place)] if 0 <= place < len(chosen) else ""


def _substring(_: object, value: Value, start: Value, end: Value = math.inf) -> str:
    first, last = number_of(start), number_of(end)
    return text_of(value)[int(first) : None if math.isinf(last) else int(last)]


def _round(_: object, value: Value, digits: Value = 0.0) -> float:
    """Round as XPath does, half towards plus infinity, in decimals: 2.345 to two is 2.35."""
    number = number_of(value)
    if not math.isfinite(number):
        return number
    scaled = Decimal(repr(number)).scaleb(int(number_of(digits)))
    return float(math.floor(scaled + Decimal("0.5")) * Decimal(1).scaleb(-int(number_of(digits))))


def _whole(_: object, value: Value) -> float:
    number = number_of(value)
    return float(math.trunc(number)) if math.isfinite(number) else number


def _position_of(_: object, nodes: Value) -> float:
    return 1.0 + len(list(nodes[0].itersiblings(nodes[0].tag, preceding=True))) if nodes else 0.0


def _format_date(_: object, value: Value, pattern: Value) -> str:
    days = days_of(value)
    if days == "":
        return ""
    moment = EPOCH + dt.timedelta(days=float(days))
    return moment.strftime(text_of(pattern).replace("%n", str(moment.month)))


def _regex(_: object, value: Value, pattern: Value) -> bool:
    return re.fullmatch(text_of(pattern), text_of(value)) is not None


EXTENSIONS: dict[tuple[str | None, str], Callable[..., Value]] = {
    (None, "selected"): lambda _, value, choice: text_of(choice).strip() in text_of(value).split(),
    (None, "count-selected"): lambda _, value: float(len(text_of(value).split())),
    (None, "selected-at"): _selected_at,
    (None, "if"): lambda _, test, yes, no: yes if truth(test) else no,
    (None, "coalesce"): lambda _, *v: next((t for t in map(text_of, v) if t), ""),
    (None, "once"): lambda _, value: value,
    (None, "regex"): _regex,
    (None, "int"): _whole,
    (None, "round-to"): _round,
    (None, "abs"): lambda _, value: abs(number_of(value)),
    (None, "sqrt"): lambda _, value: math.sqrt(number_of(value)),
    (None, "pow"): lambda _, base, power: number_of(base) ** number_of(power),
    (None, "min"): _extreme(min),
    (None, "max"): _extreme(max),
    (None, "count-non-empty"): lambda _, *v: float(sum(map(bool, map(text_of, _spread(v))))),
    (None, "join"): lambda _, glue, *v: text_of(glue).join(map(text_of, _spread(v))),
    (None, "substr"): _substring,
    (None, "ends-with"): lambda _, value, end: text_of(value).endswith(text_of(end)),
    (None, "boolean-from-string"): lambda _, value: text_of(value) in {"1", "true"},
    (None, "position-of"): _position_of,
    (None, "date"): lambda _, value: days_of(value),
    (None, "date-time"): lambda _, value: days_of(value),
    (None, "decimal-date-time"): lambda _, value: days_of(value),
    (None, "format-date"): _format_date,
    (None, "format-date-time"): _format_date,
}
RENAMED = {"round": "round-to", "position": "position-of"}
KNOWN_FUNCTIONS = XPATH_FUNCTIONS | RENAMED.keys() | {name for _, name in EXTENSIONS}
KNOWN_FUNCTIONS |= {"and", "or", "div", "mod"}  # operators before a bracket
