"""Calls that name an argument that there is not: told in one line, with close matches."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from jesse_nb.exceptions import CallError, did_you_mean, shown

__all__ = ["misnamed", "well_named"]

P = ParamSpec("P")
R = TypeVar("R")


def well_named(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function's calls with wrong names meet a `CallError` in place of Python's own words.

    Raises
    ------
    CallError
        When a call names, gives or leaves out what it must not.

    Examples
    --------
    >>> @well_named
    ... def half(number: float) -> float:
    ...     return number / 2
    >>> half(nmber=3)
    Traceback (most recent call last):
        ...
    jesse_nb.exceptions.CallError: half has no argument 'nmber'. Did you mean 'number'?
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            raise misnamed(function.__name__, signature, args, kwargs) from None
        return function(*args, **kwargs)

    return called


def misnamed(function: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallError:
    """Return what to say of a call that names, gives or leaves out what it must not."""
    known = signature.parameters
    for name in kwargs:
        if name not in known:
            return CallError(f"{function} has no argument {shown(name)}.", did_you_mean(name, known))
    by_place = [name for name, one in known.items() if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if len(args) > len(by_place):
        return CallError(f"{function} was given {len(args)} arguments without a name.",
                         f"Write what follows {by_place[-1]} with its name." if by_place else "Write all with names.")
    twice = [name for name in by_place[: len(args)] if name in kwargs]
    if twice:
        return CallError(f"{function} was given {twice[0]} twice.", "Once by its place and once by its name.",
                         argument=twice[0])
    needed = [name for name, one in known.items()
              if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    missing = [name for name in needed if name not in kwargs and name not in by_place[: len(args)]]
    return CallError(f"{function} needs {' and '.join(missing)}.", f"See jn.{function}?", argument=missing[0])
