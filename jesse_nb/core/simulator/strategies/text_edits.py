"""Changes to the text of a strategy that leave all else as its author wrote it: defaults, DNA, the class's name."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Mapping, Sequence
from typing import Any

from jesse_nb.exceptions import StrategyError

__all__ = ["declares_nothing", "renamed_class", "with_declaration", "with_defaults", "with_dna", "written_defaults"]

_DECLARING = "hyperparameters"


def with_defaults(text: str, name: str, values: Mapping[str, Any]) -> str | None:
    r"""Return a strategy's text with other defaults in its ``hyperparameters()``.

    Parameters
    ----------
    text
        That defines the class.
    name
        Of the class.
    values
        New defaults, by name.

    Returns
    -------
    str or None
        None where the class writes no list of dicts there, or one of the values is not in it.

    Examples
    --------
    >>> text = "class A(Strategy):\n    def hyperparameters(self):\n        return [{'name': 'n', 'default': 3}]\n"
    >>> print(with_defaults(text, "A", {"n": 5}).splitlines()[-1].strip())
    return [{'name': 'n', 'default': 5}]
    """
    places = _default_places(text, name)
    if places is None or not set(values) <= set(places):
        return None
    return _replaced(text, [(places[key], repr(value)) for key, value in values.items()])


def written_defaults(text: str, name: str) -> dict[str, Any] | None:
    """Return the defaults as the text of a class writes them, with nothing run; None where it does not."""
    places = _default_places(text, name)
    owner = _class(text, name)
    if places is None or _method(owner, "dna") is not None or not _is_plain(owner):
        return None
    try:
        return {key: ast.literal_eval(text[begin:end]) for key, (begin, end) in places.items()}
    except (ValueError, SyntaxError):
        return None


def declares_nothing(text: str, name: str) -> bool:
    """Tell whether a class inherits from ``Strategy`` alone and has neither hyperparameters nor DNA, by its text."""
    owner = _class(text, name)
    return _is_plain(owner) and _method(owner, _DECLARING) is None and _method(owner, "dna") is None


def with_declaration(text: str, name: str, declared: Sequence[Mapping[str, Any]]) -> str:
    """Return a strategy's text with a ``hyperparameters()`` of its own, for a class that has none.

    Parameters
    ----------
    text, name
        As in :func:`with_defaults`.
    declared
        One dict a hyperparameter, as Jesse wants them; types as classes.
    """
    rows = [", ".join(f'"{key}": {_written(value)}' for key, value in row.items()) for row in declared]
    return _with_method(text, name, _DECLARING, ["return [", *(f"    {{{row}}}," for row in rows), "]"])


def with_dna(text: str, name: str, dna: str) -> str:
    """Return a strategy's text with a ``dna()`` of this value, in place of the class's own."""
    return _with_method(text, name, "dna", [f"return {dna!r}"])


def renamed_class(text: str, old: str, new: str) -> str:
    """Return a strategy's text with its class under another name, wherever the text says the old one.

    Raises
    ------
    StrategyError
        When the text uses the new name for something else.
    """
    if old == new:
        return text
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    names = [token for token in tokens if token.type == tokenize.NAME]
    if any(token.string == new for token in names):
        raise StrategyError(f"The strategy {old} uses the name {new} for something else.", "Choose another name.")
    return _replaced(text, [(_span(text, token.start, token.end), new) for token in names if token.string == old])


def _default_places(text: str, name: str) -> dict[str, tuple[int, int]] | None:
    """Return where each default stands, by the hyperparameter's name."""
    method = _method(_class(text, name), _DECLARING)
    returned = [node.value for node in ast.walk(method) if isinstance(node, ast.Return)] if method is not None else []
    if len(returned) != 1 or not isinstance(returned[0], ast.List):
        return None
    places: dict[str, tuple[int, int]] = {}
    for row in returned[0].elts:
        if not isinstance(row, ast.Dict):
            return None
        pairs = {key.value: value for key, value in zip(row.keys, row.values, strict=True)
                 if isinstance(key, ast.Constant)}
        called, default = pairs.get("name"), pairs.get("default")
        if not (isinstance(called, ast.Constant) and isinstance(called.value, str)) or default is None \
                or called.value in places:
            return None
        places[called.value] = _span(text, (default.lineno, default.col_offset),
                                     (default.end_lineno or 0, default.end_col_offset or 0), octets=True)
    return places


def _with_method(text: str, name: str, method: str, body: list[str]) -> str:
    """Return the text with a method at the end of the class, in place of one of that name."""
    there = _method(_class(text, name), method)
    lines = text.splitlines(keepends=True)
    if there is not None:
        first = min([there.lineno, *(decorator.lineno for decorator in there.decorator_list)])
        end = there.end_lineno or there.lineno
        lines[first - 1: end] = [f"{_indent(lines[first - 1])}pass\n"] if len(_class(text, name).body) == 1 else []
        lines = "".join(lines).splitlines(keepends=True)
    owner = _class("".join(lines), name)
    indent = _indent(lines[owner.body[0].lineno - 1]) if owner.body[0].lineno != owner.lineno else "    "
    at = owner.end_lineno or len(lines)
    if not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    added = ["\n", f"{indent}def {method}(self):\n", *(f"{indent}    {line}\n" for line in body)]
    return "".join([*lines[:at], *added, *lines[at:]])


def _class(text: str, name: str) -> ast.ClassDef:
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef) and node.name == name]
    if not found:
        raise StrategyError(f"The text of the strategy defines no class {name}.")
    return found[-1]


def _is_plain(owner: ast.ClassDef) -> bool:
    return [ast.unparse(base).rpartition(".")[2] for base in owner.bases] == ["Strategy"] and not owner.decorator_list


def _method(owner: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    found = [node for node in owner.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _written(value: Any) -> str:
    if isinstance(value, str) and '"' not in value and "\\" not in value:
        return repr(value + "'")[:-2] + '"' if "'" not in value else repr(value)
    return value.__name__ if isinstance(value, type) else repr(value)


def _span(text: str, start: tuple[int, int], end: tuple[int, int], *, octets: bool = False) -> tuple[int, int]:
    """Return places of a text from lines and columns; the parser counts columns in UTF-8."""
    lines = text.splitlines(keepends=True)
    before = [0]
    for line in lines:
        before.append(before[-1] + len(line))

    def place(line: int, column: int) -> int:
        row = lines[line - 1] if line <= len(lines) else ""
        return before[line - 1] + (len(row.encode()[:column].decode()) if octets else column)

    return place(*start), place(*end)


def _replaced(text: str, changes: Sequence[tuple[tuple[int, int], str]]) -> str:
    for (begin, end), new in sorted(changes, reverse=True):
        text = text[:begin] + new + text[end:]
    return text
