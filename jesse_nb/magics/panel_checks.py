"""What is wrong with the words of a field: the magics' own readers and the tools' own checks say it, as one types."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from jesse_nb.exceptions import InputError, PeriodError, did_you_mean
from jesse_nb.magics.values import constraints_of, literal_of, metrics_of, params_of, periods_of, values_by_name

__all__ = ["EVALUATED", "check_words", "field_about", "runs_code", "values_error", "windows_cut"]

#: What IPython itself replaces on a magic's line, so that a cell would not run what the form ran.
_REPLACED = re.compile(r"[{}]|\$\w")

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

#: Whose words a magic may evaluate, and what does no more than name or spell a value.
EVALUATED = ("hyperparameters", "params", "initial_result", "names", "benchmark")
_SPELLED = re.compile(r"[\w.,:=/+-]*")

#: What errors call a field whose name they do not use.
_ABOUT = {"space": "_the_parameter_", "data_routes": "_the_route_"}

#: What a hyperparameter's type wants, in words.
_KINDS = {"int": "a whole number", "float": "a number"}

#: The tool's own days of training, the longest part of a window unless another is given.
_IN_SAMPLE = 365

Reader = Callable[[list[str], Mapping[str, Any]], object]


def check_words(action: argparse.Action, words: list[str], namespace: Mapping[str, Any]) -> None:
    """Raise what is wrong with an argument's words.

    Parameters
    ----------
    action
        The argument, of the magic's parser.
    words
        What is filled in, not empty.
    namespace
        The user's variables.

    Raises
    ------
    JesseNbError, UsageError, argparse.ArgumentTypeError
        As the magic or the tool would.
    """
    for word in words:
        if _REPLACED.search(word):
            raise InputError(f"{word!r} has braces or a dollar sign in it, which IPython replaces on a magic's line.",
                             "Write it in a cell.")  # fmt: skip
        if word.startswith("-") and not re.fullmatch(r"-\d*\.?\d+", word):
            raise InputError(f"{word!r} begins with a dash, as an option does.")
        if callable(action.type):
            action.type(word)
    reader = _READERS.get(action.dest)
    if reader is not None:
        reader(words, namespace)


def runs_code(words: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether the magic would run an expression that somebody may still be typing.

    Parameters
    ----------
    words
        Of the form's fields.
    """
    return not all(_SPELLED.fullmatch(word) for name in EVALUATED for word in words.get(name, ()))


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
            value = literal_of(part)
            right = str(value) in map(str, options) if options else \
                isinstance(value, int if wanted == _KINDS["int"] else int | float) and not isinstance(value, bool)
            if wanted and not right:
                return f"{name} is {wanted}, not {part!r}."
    return ""


def field_about(error: Exception, fields: Collection[str]) -> str:
    """Return which field the first words of an error name; empty where they name none.

    Parameters
    ----------
    error
        Of a tool.
    fields
        By the argument's name in Python.
    """
    begins = "_".join(["", *re.findall("[a-z]+", str(getattr(error, "message", "")).lower())[:6], ""])
    known = {name: f"_{name}_" for name in fields} | {name: text for name, text in _ABOUT.items() if name in fields}
    return max((name for name, text in known.items() if text in begins), key=len, default="")


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
        "in_sample_period", "out_sample_period", "step_forward", "gap")  # fmt: skip
    days = {name: int(words[name][0]) for name in (first, *others) if words.get(name) and words[name][0].isdigit()}
    cut: Callable[..., Sequence[object]] = cpcv_groups if grouped else walk_forward_windows
    try:
        count = len(cut(words["start"][0], words["end"][0], **days))
    except PeriodError as error:
        days.pop("step_forward", None)
        lengths = {} if grouped else {first: _IN_SAMPLE} | days
        return "", {max(lengths, key=lengths.__getitem__, default=first): str(error)}
    except InputError as error:
        about = error.message.partition(" ")[0]
        return "", {about if about in words else first: str(error)}
    return f"The period makes {count:,} {'group' if grouped else 'window'}{'' if count == 1 else 's'}.", {}


def _expression(words: list[str]) -> bool:
    """Tell whether it is an expression that typing must not run: ``f(`` on its way to ``f(1)``, say."""
    if len(words) != 1 or "=" in words[0] or _NAME.fullmatch(words[0]):
        return False
    try:
        ast.parse(words[0], mode="eval")
    except SyntaxError as error:
        raise InputError(f"{words[0]!r} is neither name=value nor an expression: {error.msg}.") from error
    return True


def _hyperparameters(words: list[str], namespace: Mapping[str, Any]) -> None:
    if len(words) == 1 and _NAME.fullmatch(words[0]) and words[0].partition(".")[0] not in namespace:
        raise InputError(f"{words[0]!r} is neither name=value nor a variable.", "Write fast=12 slow=50, for example.")
    if not _expression(words):
        values_by_name(words, namespace, "--hyperparameters")


def _params(words: list[str], namespace: Mapping[str, Any]) -> None:
    if words[0].lower().endswith(".csv") or not _expression(words):
        params_of(words, namespace)


def _metric(words: list[str], namespace: Mapping[str, Any]) -> None:
    from jesse_nb.core.study.metric import resolve_metrics

    resolve_metrics(metrics_of(words, namespace))


def _constraints(words: list[str], namespace: Mapping[str, Any]) -> None:
    from jesse_nb.core.study.constraints import parse_constraints

    parse_constraints(constraints_of(words, namespace))


def _periods(words: list[str], namespace: Mapping[str, Any]) -> None:
    from jesse_nb.core.times import to_ms

    for start, end in periods_of(words):
        if to_ms(start, "start") >= to_ms(end, "end"):
            raise InputError(f"The period {start}..{end} ends before it begins.")


def _symbols(words: list[str], namespace: Mapping[str, Any]) -> None:
    from jesse_nb.core.candles.series import symbol_name

    for word in words:
        symbol_name(word)


_READERS: dict[str, Reader] = {
    "symbols": _symbols,
    "hyperparameters": _hyperparameters,
    "params": _params,
    "metric": _metric,
    "constraints": _constraints,
    "periods": _periods,
}
