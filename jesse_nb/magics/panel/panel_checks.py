"""What is wrong with the words of a field: the magics' own readers and the tools' own checks say it, as one types."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jesse_nb.core.study.literal import literal
from jesse_nb.core.times import DAY_MS, to_ms
from jesse_nb.core.tools.declaration.parameter import MAGIC, Parameter
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.registry import WALK_FORWARD
from jesse_nb.exceptions import InputError, JesseNbError, PeriodError, did_you_mean, shown

__all__ = ["check_spelling", "check_words", "evaluated", "runs_code", "values_error", "windows_cut",
           "windows_fitting"]

#: What IPython itself replaces on a magic's line, so that a cell would not run what the form ran.
_REPLACED = re.compile(r"[{}]|\$\w")

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

#: What does no more than name or spell a value.
_SPELLED = re.compile(r"[\w.,:=/+-]*")

#: What a hyperparameter's type wants, in words.
_KINDS = {"int": "a whole number", "float": "a number"}


def check_words(one: Parameter, words: list[str], namespace: Mapping[str, Any]) -> None:
    """Raise what is wrong with an argument's words.

    Parameters
    ----------
    one
        The argument.
    words
        What is filled in, not empty.
    namespace
        The user's variables. Expressions over them are not evaluated while somebody types.

    Raises
    ------
    JesseNbError
        As the magic or the tool would.
    """
    check_spelling(words)
    try:
        if not (one.reader.evaluates and _expression(one, words, namespace)):
            one.read_words(words, Desk(namespace))
    except JesseNbError as error:
        raise error.call(one.title) from error.__cause__


def check_spelling(words: list[str]) -> None:
    """Refuse words that a magic's line would not take as they are.

    Raises
    ------
    InputError
        When one has what IPython replaces, or begins as an option does.
    """
    for word in words:
        if _REPLACED.search(word):
            raise InputError(f"{word!r} has braces or a dollar sign in it, which IPython replaces on a magic's line.",
                             "Write it in a cell.")
        if word.startswith("-") and not re.fullmatch(r"-\d*\.?\d+", word):
            raise InputError(f"{shown(word)} begins with a dash, as an option does.")


def evaluated(tool: Tool | None) -> list[str]:
    """Return the arguments whose words a tool's magic may evaluate."""
    return [parameter.name for parameter in tool.on(MAGIC) if parameter.reader.evaluates] if tool else []


def runs_code(tool: Tool | None, words: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether the magic would run an expression that somebody may still be typing.

    Parameters
    ----------
    tool
        Of the magic.
    words
        Of the form's fields.
    """
    return not all(_SPELLED.fullmatch(word) for name in evaluated(tool) for word in words.get(name, ()))


def values_error(words: Iterable[str], declared: Sequence[Mapping[str, Any]], *, several: bool) -> str:
    """Say which value the strategy does not declare so; empty when none, and of an expression.

    Parameters
    ----------
    words
        ``name=value`` each.
    declared
        The strategy's hyperparameters, as Jesse has them.
    several
        Whether a value may be a list, ``a,b,c``.
    """
    known = {parameter["name"]: parameter for parameter in declared}
    for name, _, text in [word.partition("=") for word in words if known and "=" in word]:
        if name not in known:
            return f"The strategy declares no hyperparameter {name!r}. {did_you_mean(name, known)}"
        kind, options = known[name].get("type"), known[name].get("options")
        wanted = f"one of {', '.join(map(str, options))}" if options else \
            _KINDS.get(getattr(kind, "__name__", str(kind)), "")
        for part in text.split(",") if several else [text]:
            value = literal(part)
            right = str(value) in map(str, options) if options else \
                isinstance(value, int if wanted == _KINDS["int"] else int | float) and not isinstance(value, bool) \
                and math.isfinite(value)
            if wanted and not right:
                return f"{name} is {wanted}, not {part!r}."
    return ""


def windows_cut(words: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, str]]:
    """Say into how many windows, or groups, a walk-forward cuts its period; or what is wrong with them, by field.

    Parameters
    ----------
    words
        Of the form's fields; what is left out has the tool's default.
    """
    from jesse_nb.core.study.windows import walk_forward_windows
    from jesse_nb.core.tools.cpcv.cpcv_groups import cpcv_groups

    if not (words["start"] and words["end"]):
        return "", {}
    grouped = list(words.get("split", ())) == ["cpcv"]
    first, *others = ("groups", "test_groups", "gap") if grouped else (
        "in_sample_period", "out_sample_period", "step_forward", "gap")
    days = {name: int(words[name][0]) for name in (first, *others) if words.get(name) and words[name][0].isdigit()}
    cut: Callable[..., Sequence[object]] = cpcv_groups if grouped else walk_forward_windows
    try:
        count = len(cut(words["start"][0], words["end"][0], **days))
    except PeriodError as error:
        days.pop("step_forward", None)
        lengths = {} if grouped else {first: WALK_FORWARD.parameter(first).default} | days
        return "", {max(lengths, key=lengths.__getitem__, default=first): str(error)}
    except InputError as error:
        about = error.argument if error.argument in words else first
        return "", {about: str(error.call(WALK_FORWARD.parameter(about).title))}
    return f"The period makes {count:,} {'group' if grouped else 'window'}{'' if count == 1 else 's'}.", {}


def windows_fitting(start: str, end: str) -> dict[str, str]:
    """Return lengths of windows for a period that those by default do not fit into; none where they do.

    Half of the period trains the first window, and each test is a tenth of it: five windows or six.

    Parameters
    ----------
    start, end
        Dates.
    """
    days = (to_ms(end) - to_ms(start)) // DAY_MS
    training, test = (WALK_FORWARD.parameter(name).default for name in ("in_sample_period", "out_sample_period"))
    if days >= training + test or days < 10:
        return {}
    tenth = str(days // 10)
    return {"in_sample_period": str(days // 2), "out_sample_period": tenth, "step_forward": tenth}


def _expression(one: Parameter, words: list[str], namespace: Mapping[str, Any]) -> bool:
    """Tell whether it is an expression that typing must not run: ``f(`` on its way to ``f(1)``, say.

    Raises
    ------
    InputError
        When it can be none.
    """
    alone = words[0]
    if len(words) > 1 or "=" in alone or alone.lower().endswith(".csv") or alone in namespace:
        return any("[" in word or "." in word for word in words) and "=" not in alone and len(words) > 1
    if _NAME.fullmatch(alone):
        if alone.partition(".")[0] not in namespace and one.name == "hyperparameters":
            raise InputError.of(one.name, f"is {shown(alone)}, which is neither name=value nor a variable.",
                                "Write fast=12 slow=50, for example.")
        return "." in alone
    try:
        ast.parse(alone, mode="eval")
    except SyntaxError as error:
        raise InputError.of(one.name, f"is {shown(alone)}, neither name=value nor an expression: {error.msg}."
                            ) from error
    return True
