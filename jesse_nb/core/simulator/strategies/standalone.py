"""A strategy as a file of its own: the text of a notebook's class, with all that it takes from the notebook."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import re
import symtable
import sys
import textwrap
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.core.simulator.spec import StrategyRef
from jesse_nb.core.simulator.strategies.strategy import class_text
from jesse_nb.core.simulator.strategies.text_edits import renamed_class
from jesse_nb.exceptions import StrategyError, shown

__all__ = ["ORIGIN", "free_names", "own_text", "standalone_class", "with_offered_imports"]

#: First and last line of the comment above a strategy's text that says where its values are from.
ORIGIN = ("# --- jesse_nb: where these values are from", "# --- jesse_nb: end")
_BLOCK = re.compile(rf"{re.escape(ORIGIN[0])}.*?{re.escape(ORIGIN[1])}[^\n]*\n+", re.DOTALL)

#: What a strategy has without importing it in a cell, and the line that a file needs in its place.
_OFFERED = {"Strategy": "from jesse.strategies import Strategy", "ta": "import jesse.indicators as ta",
            "utils": "from jesse import utils"}

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def free_names(text: str) -> set[str]:
    r"""Return the names that a source text uses and does not define, built-in ones left out.

    Examples
    --------
    >>> sorted(free_names("class A(Strategy):\n    def f(self): return np.mean(LEVELS) + len(self.x)"))
    ['LEVELS', 'Strategy', 'np']
    """
    table = symtable.symtable(text, "<strategy>", "exec")
    defined = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()
               or symbol.is_namespace()}
    return {name for name in _global_uses(table) if name not in defined and not hasattr(builtins, name)
            and name not in ("__name__", "__file__", "__doc__", "__class__")}


def with_offered_imports(text: str) -> str:
    """Return a source text with the imports that jesse_nb had spared it: ``Strategy``, ``ta``, ``utils``."""
    missing = free_names(text)
    return _with_imports(text, [line for name, line in _OFFERED.items() if name in missing])


def standalone_class(strategy: type[Any]) -> str:
    """Return the text of a file that defines a live class, with the imports and helpers that it uses.

    Parameters
    ----------
    strategy
        A class of a notebook or of a module.

    Raises
    ------
    StrategyError
        When its text is not known any more, or it uses what cannot be written as text.
    """
    parts = _Parts(strategy.__name__)
    parts.add_definition(strategy.__name__, strategy)
    return "\n".join([*sorted(parts.imports, key=_import_order), "", ""]) + "\n\n".join(parts.definitions)


def own_text(ref: StrategyRef, given: Any, name: str) -> str:
    """Return the text of a file of its own for a strategy, its class called ``name``.

    Parameters
    ----------
    ref
        Of the strategy.
    given
        The class, where this process has it; its text is in ``ref`` otherwise.
    name
        Of the class in the file.

    Raises
    ------
    StrategyError
        When the text is not known, or takes something from a notebook that is not here.
    """
    if ref.kind == "notebook" and isinstance(given, type):
        text = standalone_class(given)
    else:
        if not ref.source.strip():
            raise StrategyError(f"The text of {ref.name} was not kept.", "Give its class: strategy=...")
        text = with_offered_imports(ref.source)
        lost = sorted(free_names(text)) if ref.kind == "notebook" else []
        if lost:
            raise StrategyError(f"{ref.name} takes {', '.join(lost)} from its notebook, which the record does not "
                                "hold.", f"Run the cells that define it, then give it: strategy={ref.name}.")
    text = text if text.endswith("\n") else f"{text}\n"
    return renamed_class(_BLOCK.sub("", text, count=1), ref.name, name)


class _Parts:
    """What a file needs, collected from a class downwards."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._seen: set[str] = set()
        self.imports: set[str] = set()
        self.definitions: list[str] = []

    def add_definition(self, name: str, value: Any) -> None:
        """Add a class or function of the notebook, after all that it uses."""
        text = textwrap.dedent(class_text(value) if isinstance(value, type) else _function_text(value))
        if not text.strip():
            raise StrategyError(f"The text of {name} is not known any more.", "Run the cell that defines it again.")
        if getattr(value, "__name__", name) != name:
            raise StrategyError(f"{self._owner} uses {value.__name__} under the name {name}.",
                                "Use it under its own name.")
        namespace = _namespace_of(value)
        for used in sorted(free_names(text)):
            self._add(used, namespace)
        self.definitions.append(text if text.endswith("\n") else f"{text}\n")

    def _add(self, name: str, namespace: Mapping[str, Any]) -> None:
        if name in self._seen:
            return
        self._seen.add(name)
        if name not in namespace:
            if name in _OFFERED:
                self.imports.add(_OFFERED[name])
            return  # it would have failed where it ran, had it been looked up
        value = namespace[name]
        line = _import_line(name, value)
        if line:
            self.imports.add(line)
        elif isinstance(value, type | FunctionType):
            self.add_definition(name, value)
        elif _as_literal(value) is not None:
            self.definitions.append(f"{name} = {_as_literal(value)}\n")
        else:
            raise StrategyError(f"{self._owner} uses {shown(name)}, a {type(value).__name__} of the notebook, which "
                                "cannot be written into a file.", "Make it within the class, or in a module.")


def _import_line(name: str, value: Any) -> str:
    """Return what imports a value; empty where nothing does."""
    if isinstance(value, ModuleType):
        if value.__name__ in ("__main__", "builtins"):
            return ""
        package, _, last = value.__name__.rpartition(".")
        if package and last == name:
            return f"from {package} import {name}"
        return f"import {value.__name__}" + (f" as {name}" if value.__name__ != name else "")
    if value is strategy_class():
        return "from jesse.strategies import Strategy" + (f" as {name}" if name != "Strategy" else "")
    module = getattr(value, "__module__", None)
    own = getattr(value, "__qualname__", getattr(value, "__name__", ""))
    found = sys.modules.get(module) if isinstance(module, str) else None
    if found is None or module in ("__main__", "__mp_main__") or not own or "." in own:
        return ""
    if getattr(found, own, None) is not value:
        return ""
    return f"from {module} import {own}" + (f" as {name}" if own != name else "")


def _as_literal(value: Any) -> str | None:
    """Return the text of a value that reads back as the same one; None where there is none."""
    if not isinstance(value, (*_PLAIN, tuple, list, dict, set)):
        return None
    if isinstance(value, float) and value != value:
        return None
    written = repr(value)
    try:
        same = ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return written if type(same) is type(value) and repr(same) == written else None


def _function_text(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError, SyntaxError):
        pass
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    return "".join(inspect.getblock(linecache.getlines(code.co_filename)[code.co_firstlineno - 1:]))


def _namespace_of(value: Any) -> Mapping[str, Any]:
    """Return the names around a class or function."""
    if isinstance(value, FunctionType):
        closure = inspect.getclosurevars(value).nonlocals
        return {**value.__globals__, **closure}
    for member in vars(value).values():
        inner = getattr(member, "fget", None) or getattr(member, "__func__", None) or member
        if isinstance(inner, FunctionType):
            return _namespace_of(inner)
    return vars(sys.modules.get(value.__module__, builtins))


def _global_uses(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        outside = symbol.is_global() or (table.get_type() == "module" and symbol.is_referenced())
        if outside and symbol.is_referenced():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _global_uses(child)


def _with_imports(text: str, lines: list[str]) -> str:
    """Put imports below a module's docstring and its imports from the future."""
    if not lines:
        return text
    after = 0
    for number, node in enumerate(ast.parse(text).body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")):
            break
        after = node.end_lineno or 0
    kept = text.splitlines(keepends=True)
    head, rest = kept[:after], kept[after:]
    if head and not head[-1].endswith("\n"):
        head[-1] += "\n"
    return "".join([*head, *(f"{line}\n" for line in lines), *rest])


def _import_order(line: str) -> tuple[bool, str]:
    return "jesse" in line, line
