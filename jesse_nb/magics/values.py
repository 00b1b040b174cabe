"""What the words after a flag stand for: names and values, or what an expression of the user's own gives."""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping, Sequence
from typing import Any

from IPython.core.error import UsageError

from jesse_nb.exceptions import did_you_mean

__all__ = [
    "constraints_of",
    "evaluate",
    "literal_of",
    "metrics_of",
    "params_of",
    "periods_of",
    "space_of",
    "values_by_name",
]


def evaluate(expression: str, namespace: Mapping[str, Any], flag: str) -> Any:
    """Return the value of an expression over the user's variables, ``study.best_params`` for example.

    Raises
    ------
    UsageError
        When it cannot be evaluated.
    """
    try:
        return eval(expression, dict(namespace))  # noqa: S307 - the user's own words, in the user's own kernel
    except Exception as error:
        hint = did_you_mean(expression, namespace) if isinstance(error, NameError) and namespace else ""
        raise UsageError(
            f"{flag} is {expression!r}, which cannot be evaluated: {error}. {hint}".strip()
        ) from error


def values_by_name(words: list[str], namespace: Mapping[str, Any], flag: str) -> dict[str, Any]:
    """Return ``fast=10 slow=50``, or one expression that gives a dict, as a dict."""
    if words[0].startswith("{"):
        raise UsageError(
            f"{flag} takes name=value pairs, or an expression without braces: {flag} study.best_params."
        )
    if len(words) == 1 and "=" not in words[0]:
        value = evaluate(words[0], namespace, flag)
        if not isinstance(value, Mapping):
            raise UsageError(f"{flag} takes name=value pairs or a dict, but {words[0]!r} is {value!r}.")
        return dict(value)
    values = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (equals and name.isidentifier() and text):
            raise UsageError(f"{flag} takes name=value pairs, not {word!r}.")
        if name in values:
            raise UsageError(f"{flag} gives {name!r} twice.")
        values[name] = literal_of(text)
    return values


def literal_of(text: str) -> Any:
    """Return the Python literal that a text is, or else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def space_of(words: list[str], namespace: Mapping[str, Any]) -> Any:
    """Return what ``--space`` says: ``fast=5:30 mode=a,b``, or an expression that gives a space."""
    if len(words) == 1 and "=" not in words[0]:
        return evaluate(words[0], namespace, "--space")
    return " ".join(words)


def periods_of(words: list[str]) -> list[tuple[str, str]]:
    """Return ``2023-01-01..2023-07-01`` and the like as pairs of start and end."""
    periods = [word.partition("..") for word in words]
    for word, (start, dots, end) in zip(words, periods, strict=True):
        if not (start and dots and end):
            raise UsageError(f"--periods takes START..END, 2023-01-01..2023-07-01 for example, not {word!r}.")
    return [(start, end) for start, _, end in periods]


def params_of(words: list[str], namespace: Mapping[str, Any]) -> Any:
    """Return what ``--params`` says: ``fast=5,10 slow=30,60`` as a grid, a CSV, DNA, or what an expression gives."""
    from jesse_nb.core.tools.batch.parameter_sets import is_dna, params_from_words

    word = words[0]
    if len(words) > 1 or "=" in word or word.lower().endswith(".csv") or is_dna(word):
        return params_from_words(words)
    return evaluate(word, namespace, "--params")


def constraints_of(words: list[str], namespace: Mapping[str, Any]) -> Any:
    """Return what ``--constraint`` says: comparisons such as ``trades >= 30``, and functions by their name."""
    from jesse_nb.core.study.constraints import constraints_from_words

    return constraints_from_words(words, namespace)


def _joined(words: Sequence[str], known: Container[str]) -> list[str]:
    """Put neighbouring words together where that makes a known name, the longest first."""

    def name(size: int) -> str:
        return "_".join(words[:size]).casefold().replace("-", "_")

    if not words:
        return []
    size = next((size for size in (3, 2) if len(words) >= size and name(size) in known), 1)
    return [name(size) if size > 1 else words[0], *_joined(words[size:], known)]


def metrics_of(words: list[str], namespace: Mapping[str, Any]) -> Any:
    """Return what ``--metric`` names: metric names, or functions and metrics by their variable.

    One name gives one metric, several a list. A name may be of several words: ``max drawdown``. A known metric wins
    over a variable of the same name.
    """
    from jesse_nb.core.study.metric import Metric, metric_names

    known = set(metric_names())
    words = _joined(words, known)

    def chosen(word: str) -> Any:
        value = None if word in known else namespace.get(word)
        return value if callable(value) or isinstance(value, Metric) else word

    return chosen(words[0]) if len(words) == 1 else [chosen(word) for word in words]
