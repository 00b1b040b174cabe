"""Whether a class that lives in a notebook is plain: its text is read, and must be what its methods were made of."""

from __future__ import annotations

import ast
import sys
from types import CodeType, FunctionType
from typing import Any

from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.core.simulator.strategies.plain.code import why_not_plain
from jesse_nb.core.simulator.strategies.plain.methods import check_class
from jesse_nb.core.simulator.strategies.plain.names import STRATEGY, UNUSED, NotPlainError
from jesse_nb.core.simulator.strategies.plain.words import MODULES

__all__ = ["is_plain_class"]

_MADE_BY_PYTHON = frozenset({"__module__", "__doc__", "__qualname__", "__abstractmethods__", "_abc_impl",
                             "__firstlineno__", "__static_attributes__"})

#: What two pieces of code must have in common to do the same; not the lines that they stand in.
_SAME = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount",
         "co_kwonlyargcount", "co_posonlyargcount", "co_exceptiontable")

#: The decorators that make other than functions.
_MADE_BY: dict[type, str] = {property: "property", staticmethod: "staticmethod"}

_OURS = "jesse_nb.quickstart"


def is_plain_class(strategy: type[Any], source: str) -> bool:
    """Whether a class is proved plain.

    Parameters
    ----------
    strategy
        A subclass of Jesse's ``Strategy``.
    source
        Its text, as far as it is known.
    """
    if strategy.__module__ == _OURS:  # which is imported there, not sent
        loader = getattr(sys.modules[_OURS], "__loader__", None)
        text = loader.get_source(_OURS) if loader is not None else None
        return bool(text) and not why_not_plain(text)
    try:
        _check(strategy, source)
    except (NotPlainError, SyntaxError, ValueError, RecursionError):
        return False
    return True


def _check(strategy: type[Any], source: str) -> None:
    if strategy.__module__ != "__main__":
        raise NotPlainError("a class that is imported")
    tree = ast.parse(source)
    class_ = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(class_, ast.ClassDef) or strategy.__bases__ != (strategy_class(),):
        raise NotPlainError("not one class")
    made = {code.co_name: code for code in _codes(_codes(compile(source, "<class>", "exec", dont_inherit=True))[0])}
    there = {name: value for name, value in vars(strategy).items() if name not in _MADE_BY_PYTHON}
    names: dict[str, Any] = {class_.bases[0].id: STRATEGY} if isinstance(class_.bases[0], ast.Name) else {}
    for name, value in there.items():
        function = _function(value)
        if function is None:
            if not _is_constant(value):
                raise NotPlainError(f"{name} is no constant")
            continue
        if name not in made or not _alike(function.__code__, made.pop(name)) or vars(function):
            raise NotPlainError(f"{name} is not what its text says")
        if not all(_is_constant(default) for default in
                   (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())):
            raise NotPlainError(f"{name} has a default that can change")
        names |= {word: _meaning(function.__globals__[word]) for word in _words(function.__code__)
                  if word in function.__globals__}
    if made:
        raise NotPlainError("methods that are not there")
    check_class(class_, names)
    for part in class_.body:
        if isinstance(part, ast.Assign):
            for target in part.targets:
                if isinstance(target, ast.Name) and (target.id not in there or not _is_constant(there.pop(target.id))):
                    raise NotPlainError(f"{target.id} is another value by now")
        elif isinstance(part, ast.FunctionDef):
            kinds = [decorator.id for decorator in part.decorator_list if isinstance(decorator, ast.Name)]
            if [_MADE_BY.get(type(there.pop(part.name, None)), "")] != (kinds or [""]):
                raise NotPlainError(f"{part.name} is of another kind by now")
    if there:
        raise NotPlainError("more than its text says")


def _function(value: Any) -> FunctionType | None:
    if isinstance(value, property) and value.fset is None and value.fdel is None:
        value = value.fget
    if isinstance(value, staticmethod):
        value = value.__func__
    return value if type(value) is FunctionType else None


def _codes(code: CodeType) -> list[CodeType]:
    return [part for part in code.co_consts if isinstance(part, CodeType)]


def _words(code: CodeType) -> set[str]:
    return {*code.co_names, *(word for part in _codes(code) for word in _words(part))}


def _alike(one: CodeType, other: CodeType) -> bool:
    if any(getattr(one, name, None) != getattr(other, name, None) for name in _SAME):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    for mine, theirs in zip(one.co_consts, other.co_consts, strict=True):
        if isinstance(mine, CodeType) and isinstance(theirs, CodeType):
            if not _alike(mine, theirs):
                return False
        elif type(mine) is not type(theirs) or repr(mine) != repr(theirs):
            return False
    return True


def _is_constant(value: Any) -> bool:
    if type(value) is tuple:
        return all(_is_constant(part) for part in value)
    return value is None or type(value) in (bool, int, float, str)


def _meaning(value: Any) -> Any:
    """Return what a name outside of the class stands for, as ``names_at_the_top`` does."""
    if value is strategy_class():
        return STRATEGY
    for module in MODULES:
        if value is sys.modules.get(module):
            return module
    return (value,) if _is_constant(value) else UNUSED
