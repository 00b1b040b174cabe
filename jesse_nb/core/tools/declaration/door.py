"""The door of a tool's function: every argument goes through its reader, whoever calls."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from jesse_nb.core.calls import misnamed
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.plan import Plan

__all__ = ["declared"]

P = ParamSpec("P")
R = TypeVar("R")


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
                raise misnamed(tool.name, signature, args, kwargs) from None
            for name, value in given.arguments.items():
                given.arguments[name] = readers[name].read(value)
            answer: Any = function(*given.args, **given.kwargs)
            return replace(answer, tool=tool) if isinstance(answer, Plan) else answer  # type: ignore[return-value]

        return checked

    return decorate
