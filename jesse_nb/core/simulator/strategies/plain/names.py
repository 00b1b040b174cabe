"""What the names at the top of a strategy's source stand for."""

from __future__ import annotations

import ast
import builtins
from typing import Any

from jesse_nb.core.simulator.strategies.plain.words import MODULES, UNUSED_MODULES

__all__ = ["CACHED", "STRATEGY", "UNUSED", "NotPlainError", "constant", "names_at_the_top"]

STRATEGY, CACHED, UNUSED = "jesse.strategies.Strategy", "jesse.strategies.cached", "unused"

#: What a strategy has without importing it.
_OFFERED = {"Strategy": STRATEGY, "ta": "jesse.indicators", "utils": "jesse.utils"}

_FROM = {("jesse.strategies", "Strategy"): STRATEGY, ("jesse_nb", "Strategy"): STRATEGY,
         ("jesse.strategies", "cached"): CACHED, ("jesse", "utils"): "jesse.utils",
         ("jesse", "indicators"): "jesse.indicators"}


class NotPlainError(Exception):
    """It cannot be proved: the text says what, and in which line."""

    def __init__(self, what: str, node: ast.AST | None = None) -> None:
        super().__init__(f"{what} (line {getattr(node, 'lineno', 0)})")


def constant(node: ast.expr | None) -> Any:
    """Return the value of a number, a text, or a tuple of such: what nothing can change.

    Raises
    ------
    NotPlainError
        When it is something else.
    """
    inner: Any = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    if isinstance(node, ast.Tuple):
        return tuple(constant(part) for part in node.elts)
    if isinstance(inner, ast.Constant) and (inner is node or type(inner.value) in (int, float)):
        value: Any = inner.value
        return value if inner is node else -value
    raise NotPlainError("a value that is no constant", node)


def names_at_the_top(tree: ast.Module) -> tuple[dict[str, Any], ast.ClassDef]:
    """Return what each name stands for, and the one class.

    A name stands for a module (by its name), for Jesse's Strategy or its decorator, for something that must not be
    used, or for a constant (as a tuple of one).

    Raises
    ------
    NotPlainError
        When there is anything else.
    """
    names: dict[str, Any] = {}
    classes: list[ast.ClassDef] = []

    def bind(name: str, value: Any, node: ast.AST) -> None:
        if name in names or hasattr(builtins, name):
            raise NotPlainError(f"another meaning of {name}", node)
        names[name] = value

    for node in tree.body:
        if isinstance(node, ast.Import):
            for part in node.names:
                if part.name not in (*MODULES, *UNUSED_MODULES) or ("." in part.name and not part.asname):
                    raise NotPlainError(f"the import of {part.name}", node)
                bind(part.asname or part.name, part.name if part.name in MODULES else UNUSED, node)
        elif isinstance(node, ast.ImportFrom):
            for part in node.names:
                known = _FROM.get((node.module or "", part.name)) if not node.level else None
                if known is None and (node.module not in ("typing", "__future__") or part.name == "*" or node.level):
                    raise NotPlainError(f"the import of {part.name} from {node.module}", node)
                bind(part.asname or part.name, known or UNUSED, node)
        elif isinstance(node, ast.ClassDef):
            bind(node.name, UNUSED, node)
            classes.append(node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            bind(node.targets[0].id, _value_at_the_top(node.value), node)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            raise NotPlainError("a statement outside of the class", node)
    if len(classes) != 1:
        raise NotPlainError("not one class")
    return {**_OFFERED, **names}, classes[0]


def _value_at_the_top(node: ast.expr) -> Any:
    try:
        return (constant(node),)
    except NotPlainError:
        parts: list[Any] = []
        if isinstance(node, ast.Dict):
            parts = [*node.keys, *node.values]
        elif isinstance(node, ast.List | ast.Tuple):
            parts = node.elts
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
            if node.args:
                raise
            parts = [part.value for part in node.keywords]
        else:
            raise
        for part in parts:  # such as a space: made anew in each run, and not to be used by the class
            _value_at_the_top(part)
        return UNUSED
