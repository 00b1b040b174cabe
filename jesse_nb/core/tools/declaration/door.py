"""The door of a tool's function: every argument goes through its reader, whoever calls."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.plan import Plan
from jesse_nb.exceptions import CallError, did_you_mean, shown

__all__ = ["declared"]

P = ParamSpec("P")
R = TypeVar("R")


def _misnamed(tool: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallError:
    """Return what to say of a call that names, gives or leaves out what it must not."""
    known = signature.parameters
    for name in kwargs:
        if name not in known:
            return CallError(f"{tool} has no argument {shown(name)}.", did_you_mean(name, known))
    by_place = [name for name, one in known.items() if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if len(args) > len(by_place):
        return CallError(f"{tool} was given {len(args)} arguments without a name.",
                         f"Write what follows {by_place[-1]} with its name." if by_place else "Write all with names.")
    twice = [name for name in by_place[: len(args)] if name in kwargs]
    if twice:
        return CallError(f"{tool} was given {twice[0]} twice.", "Once by its place and once by its name.",
                         argument=twice[0])
    needed = [name for name, one in known.items()
              if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    missing = [name for name in needed if name not in kwargs and name not in by_place[: len(args)]]
    return CallError(f"{tool} needs {' and '.join(missing)}.", f"See jn.{tool}?", argument=missing[0])


def declared(tool: Tool) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that lets a tool's function see checked values only.

    Parameters
    ----------
    tool
        Its declaration. The function's own signature stays written out, and a test holds both equal.

    Examples
    --------
    >>> from jesse_nb.core.tools.registry import BACKTEST
    >>> @declared(BACKTEST)
    ... def backtest(leverage: int = 1) -> int:
    ...     return leverage
    >>> backtest(leverage=0)
    Traceback (most recent call last):
        ...
    jesse_nb.exceptions.InputError: leverage is 0. It is a whole number from 1 to 1,000.
    """
    readers = {parameter.name: parameter for parameter in tool.on("python")}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        starred = [parameter.name
                   for parameter in signature.parameters.values() if parameter.kind is inspect.Parameter.VAR_POSITIONAL]

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in starred:  # lines give it by its name, as all else
                values = kwargs.pop(name, ())
                args = (*args, *(values if isinstance(values, list | tuple) else (values,)))  # type: ignore[assignment]
            try:
                given = signature.bind(*args, **kwargs)
            except TypeError:
                raise _misnamed(tool.name, signature, args, kwargs) from None
            for name, value in given.arguments.items():
                given.arguments[name] = readers[name].read(value)
            answer: Any = function(*given.args, **given.kwargs)
            return replace(answer, tool=tool) if isinstance(answer, Plan) else answer  # type: ignore[return-value]

        return checked

    return decorate
