"""The larger collections of values that a strategy's code holds: whether they were known in time, no run can tell."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator, Sized
from typing import Any

from jesse_nb.core.jesse_runtime import strategy_class

__all__ = ["codes_within", "held_by", "held_data"]

#: Fewer values are settings rather than data.
_FEWEST = 100


def held_data(strategy: type[Any]) -> list[str]:
    """Return in words what a strategy's class, its methods' globals and what those enclose hold.

    What it computes on its instance is left out: that comes from what it was shown.

    Parameters
    ----------
    strategy
        The class, after its run: a global that is filled while it runs is seen as well.
    """
    found: dict[str, str] = {}
    for owner in strategy.__mro__:
        if owner is strategy_class():
            break
        for name, value in vars(owner).items():
            for place, content in _reached(owner.__name__, name, value):
                words = _words(content)
                if words:
                    found.setdefault(place, f"{place} ({words})")
    return list(found.values())


def _reached(owner: str, name: str, value: Any) -> Iterator[tuple[str, Any]]:
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    if not isinstance(function, types.FunctionType):
        yield f"{owner}.{name}", value
        return
    for code in codes_within(function.__code__):
        for used in code.co_names:
            if used in function.__globals__:
                yield used, function.__globals__[used]
    for used, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not filled yet
            yield used, cell.cell_contents


def held_by(strategy: Any) -> list[str]:
    """Return in words what an instance holds before its first candle."""
    return [f"self.{name} ({words})" for name, value in vars(strategy).items() if (words := _words(value))]


def codes_within(code: types.CodeType) -> Iterator[types.CodeType]:
    """Return a function's code and that of every function defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_within(constant)


def _words(value: Any) -> str:
    if isinstance(value, str | bytes | types.ModuleType | type) or not isinstance(value, Sized):
        return ""
    shape = getattr(value, "shape", None)
    count = int(getattr(value, "size", len(value))) if shape is not None else len(value)
    return f"{type(value).__name__} of {count:,} values" if count >= _FEWEST else ""
