"""The data that a strategy's code holds beside the candles: whether it was known in time, no run can tell."""

from __future__ import annotations

import contextlib
import math
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.core.simulator.strategies.local_modules import is_local_module

__all__ = ["Held", "codes_within", "held_by_class", "held_by_instance", "readers_unseen", "words_of",
           "written_data"]

#: Fewer values are settings rather than data, unless so many of them are moments of the period.
_FEWEST, _FEWEST_MOMENTS = 100, 3
#: Into so many containers within containers it is looked, and at so many values of each.
_DEEPEST, _MOST_LOOKED_AT = 4, 100_000
#: Packages whose C code opens files by itself, which nothing in Python is told.
_READING_UNSEEN = frozenset({"pyarrow", "polars", "duckdb", "fastparquet", "h5py", "tables", "netCDF4", "lmdb",
                             "connectorx"})
#: Ways to whatever this process has in its memory.
_REACHING = frozenset({"ctypes", "mmap", "get_objects", "get_referrers"})
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d*\.?\d+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Held(NamedTuple):
    """Something that a strategy's code holds: where, what, and what puts another value in its place (if anything)."""

    place: str
    content: Any
    put: Callable[[Any], None] | None


def held_by_class(strategy: type[Any]) -> Iterator[Held]:
    """Return what a strategy's class, its methods' globals, defaults and what those enclose hold.

    What it computes on its instance is left out: that comes from what it was shown.
    """
    seen: set[int] = set()
    for owner in _own_classes(strategy):
        yield from _of_class(owner, seen)


def held_by_instance(strategy: Any) -> Iterator[Held]:
    """Return what an instance holds before its first candle."""
    for name, value in list(vars(strategy).items()):
        yield Held(f"self.{name}", value, lambda other, name=name: setattr(strategy, name, other))  # type: ignore[misc]


def words_of(held: Held, start: int, end: int) -> str:
    """Return a holding in words: ``TABLE (dict of 720 values)``; empty for what is no data.

    Parameters
    ----------
    held
        What is held.
    start, end
        The simulated period, milliseconds UTC: a few values are data, too, where they are moments of it.
    """
    if held.content is None or isinstance(held.content, types.ModuleType | type | types.FunctionType):
        return ""
    count, moments = 0, 0
    for value, many in _values(held.content):
        count += many
        moments += many <= 1 and _is_moment(value, start, end)
    kind = type(held.content).__name__
    if count >= _FEWEST:
        return f"{held.place} ({kind} of {count:,} values)"
    return f"{held.place} ({kind} with {moments} moments of the period)" if moments >= _FEWEST_MOMENTS else ""


def written_data(strategy: type[Any], start: int, end: int) -> list[str]:
    """Return in words where data, or moments of the period, are written out in a strategy's methods and functions."""
    found: dict[str, None] = {}
    for owner in _own_classes(strategy):
        for function in _functions(_function_of(value) for value in vars(owner).values()):
            parts = [part for code in codes_within(function.__code__) for part in code.co_consts
                     if not isinstance(part, types.CodeType)]
            values = [pair for part in parts for pair in _values(part)]
            count = sum(many for value, many in values if many > 1 or isinstance(value, int | float))
            moments = sum(many <= 1 and _is_moment(value, start, end) for value, many in values)
            if count >= _FEWEST:
                found[f"{function.__name__}() ({count:,} values, written out in it)"] = None
            elif moments >= _FEWEST_MOMENTS:
                found[f"{function.__name__}() ({moments} moments of the period, written out in it)"] = None
    return list(found)


def readers_unseen(strategy: type[Any]) -> list[str]:
    """Return in words what the code of a strategy uses that reads files or memory without being seen."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    for owner in _own_classes(strategy):
        for function in _functions(_function_of(value) for value in vars(owner).values()):
            if id(function) in seen:
                continue
            seen.add(id(function))
            for code in codes_within(function.__code__):
                for name in code.co_names:
                    value = function.__globals__.get(name)
                    module = value.__name__ if isinstance(value, types.ModuleType) else getattr(
                        value, "__module__", None) or name
                    package = str(module).partition(".")[0]
                    if package in _READING_UNSEEN:
                        found[f"{package} (reads files without being seen)"] = None
                    if name in _REACHING or package in _REACHING:
                        found[f"{name} (reads memory without being seen)"] = None
    return list(found)


def codes_within(code: types.CodeType) -> Iterator[types.CodeType]:
    """Return a function's code and that of every function defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_within(constant)


def _own_classes(strategy: type[Any]) -> Iterator[type[Any]]:
    for owner in strategy.__mro__:
        if owner is strategy_class():
            return
        yield owner


def _function_of(value: Any) -> types.FunctionType | None:
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    function = getattr(function, "__wrapped__", function)
    return function if isinstance(function, types.FunctionType) else None


def _functions(begin: Iterable[types.FunctionType | None]) -> Iterator[types.FunctionType]:
    """Return functions, and those of the user's own that they use."""
    waiting = [function for function in begin if function is not None]
    seen: set[int] = set()
    while waiting:
        function = waiting.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        yield function
        for code in codes_within(function.__code__):
            used = [function.__globals__.get(name) for name in code.co_names]
            used += [vars(module).get(name) for module in used if isinstance(module, types.ModuleType)
                     for name in code.co_names if is_local_module(module)]
            others = [other for value in used if (other := _function_of(value)) is not None]
            waiting += [other for other in others if other.__globals__ is function.__globals__ or _is_own(other)]


def _of_class(owner: type[Any], seen: set[int]) -> Iterator[Held]:
    for name, value in list(vars(owner).items()):
        if _function_of(value) is None:
            yield Held(f"{owner.__name__}.{name}", value,
                       lambda other, name=name: setattr(owner, name, other))  # type: ignore[misc]
    for function in _functions(_function_of(value) for value in list(vars(owner).values())):
        if id(function) not in seen:
            seen.add(id(function))
            yield from _of_function(function, seen)


def _of_function(function: types.FunctionType, seen: set[int]) -> Iterator[Held]:
    around = function.__globals__
    for used in dict.fromkeys(name for code in codes_within(function.__code__) for name in code.co_names):
        value = around.get(used)
        if isinstance(value, types.ModuleType):
            if id(value) not in seen and is_local_module(value):
                seen.add(id(value))
                yield from (Held(f"{used}.{name}", part, None) for name, part in list(vars(value).items())
                            if not name.startswith("__"))
        elif isinstance(value, type):
            own = value.__module__ == around.get("__name__") or _is_own(value)
            if own and id(value) not in seen and strategy_class() not in value.__mro__:
                seen.add(id(value))
                yield from _of_class(value, seen)
        elif used in around:
            yield Held(used, value, lambda other, used=used: around.__setitem__(used, other))  # type: ignore[misc]
    for used, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not filled yet
            yield Held(used, cell.cell_contents,
                       lambda other, cell=cell: setattr(cell, "cell_contents", other))  # type: ignore[misc]
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield Held(f"a default of {function.__name__}()", value, None)


def _values(content: Any, depth: int = 0) -> Iterator[tuple[Any, int]]:
    """Return the values in a container, however deep, each with how many it stands for; 0 for a key."""
    if isinstance(content, np.ndarray) or hasattr(content, "to_numpy"):
        size = int(np.prod(content.shape)) if hasattr(content, "shape") else len(content)
        if isinstance(content, np.ndarray) and 0 < size < _FEWEST:
            yield from ((value, 1) for value in content.reshape(-1).tolist())
        else:
            yield None, size
    elif isinstance(content, Mapping):
        if len(content) <= _MOST_LOOKED_AT:
            yield from ((key, 0) for key in content)
        yield from _parts(content.values(), len(content), depth)
    elif isinstance(content, str | bytes | int):
        carried = _carried(content)
        yield content, carried if carried >= _FEWEST else 1
    elif not isinstance(content, Sized):
        inside = list(vars(content).values()) if hasattr(content, "__dict__") else []
        if not _is_own(type(content)):  # of a library's, only tables of numbers can be the strategy's
            inside = [part for part in inside if _is_table(part)]
        yield from _parts(inside, 0, depth) if inside else [(content, 1)]
    elif isinstance(content, Iterable):
        yield from _parts(content, len(content), depth)
    else:
        yield None, len(content)


def _parts(content: Iterable[Any], count: int, depth: int) -> Iterator[tuple[Any, int]]:
    """Return the values within the parts; where there are too many to look at, their number."""
    if count > _MOST_LOOKED_AT or depth >= _DEEPEST:
        yield None, count
        return
    for part in content:
        yield from _values(part, depth + 1)


def _carried(content: str | bytes | int) -> int:
    """Return how many values are written within one: bits of a number, bytes, and of a text numbers or letters."""
    if isinstance(content, int):
        return content.bit_length()
    if isinstance(content, str):
        return max(len(_NUMBER.findall(content)), max(map(len, content.split()), default=0))
    return len(content)


def _is_table(content: Any) -> bool:
    if isinstance(content, np.ndarray):
        return content.dtype.kind in "biufcMm"
    return isinstance(content, list | tuple) and len(content) >= _FEWEST and isinstance(content[0], int | float)


def _is_own(kind: Any) -> bool:
    """Whether a class or function is the user's."""
    module = sys.modules.get(kind.__module__)
    return module is None or kind.__module__.startswith("jesse_nb_strategy_") or is_local_module(module)


def _is_moment(value: Any, start: int, end: int) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int | float):
        return math.isfinite(value) and (start <= value <= end or start <= value * 1000 <= end)
    if isinstance(value, str) and not _DATE.match(value):
        return False
    if not isinstance(value, str | date | datetime | pd.Timestamp):
        return False
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        moment = pd.Timestamp(value)
        moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment
        return start <= moment.value // 1_000_000 <= end
    return False
