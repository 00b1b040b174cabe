"""Results as bytes and back: MessagePack of plain values, arrays, tables and named fields. No code is in it.

Values of MessagePack's own kinds stand for themselves, a mapping of texts too; everything else is a list that begins
with a tag. What several parts share (a spec, an index, a source text) is written once, into a table before the rest.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from functools import cached_property
from pathlib import PurePath
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
import pandas as pd

from jesse_nb.core.record import tables
from jesse_nb.core.record.classes import home_of, known_class
from jesse_nb.core.record.lost_code import lost, runs_in
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.exceptions import StorageError, shown

__all__ = ["decoded", "encoded"]

#: Texts and bytes that are longer are written once.
_SHORT = 48
#: A strategy may print what is no valid text.
_ANY = "surrogatepass"
_LARGEST = 2**32 - 1


def encoded(value: Any) -> bytes:
    """Return a value as bytes.

    Functions are left out: :class:`~jesse_nb.core.record.lost_code.LostCode` stands for them, with what they say of the
    backtests in the value. What a dataclass works
    out when it is asked is not written: it is worked out again, from the same data.

    Raises
    ------
    StorageError
        When it holds something that is no data: an open file, an object of the user's own class.
    """
    writer = _Writer(value)
    root = writer.node(value)
    return msgpack.packb([writer.table, root], unicode_errors=_ANY)  # type: ignore[no-any-return]


def decoded(content: bytes, modules: Collection[str] = ()) -> Any:
    """Return the value that :func:`encoded` made bytes of, equal to the last bit.

    A field that a class has gained since takes its default, one that it has lost is left out.

    Parameters
    ----------
    content
        The bytes.
    modules
        Modules outside the package whose frozen dataclasses may be made, too.

    Raises
    ------
    StorageError
        When they are no such bytes, or name what no result is made of. Nothing of it is run.
    """
    try:
        table, root = msgpack.unpackb(content, unicode_errors=_ANY, strict_map_key=True, max_str_len=_LARGEST,
                                      max_bin_len=_LARGEST, max_array_len=_LARGEST, max_map_len=_LARGEST)
        return _Reader(table, frozenset(modules)).value(root)
    except StorageError:
        raise
    except Exception as error:  # whatever the bytes are, they are none of ours
        raise StorageError(f"These are no data of a result: {shown(str(error)[:100])}.") from error


class _Writer:
    """Turns values into nodes, and fills the table of what is shared."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        self.table: list[Any] = []
        #: The object is held as well, lest another one gets its id.
        self._places: dict[int, tuple[int, Any]] = {}
        self._contents: dict[str | bytes, int] = {}

    def node(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**64 else ["int", str(value)]
        if kind is str or kind is bytes:
            return value if len(value) <= _SHORT else self._shared_content(value)
        if kind is dict:
            return self._mapping(value)
        if kind is list or kind is tuple or kind is set or kind is frozenset:
            return [kind.__name__, *map(self.node, value)]
        return self._shared(value)

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        if all(type(name) is str for name in value):
            return {name: self.node(each) for name, each in value.items()}
        return ["dict", *([self.node(name), self.node(each)] for name, each in value.items())]

    def _shared_content(self, value: str | bytes) -> Any:
        if value not in self._contents:
            self._contents[value] = len(self.table)
            self.table.append(value)
        return ["at", self._contents[value]]

    def _shared(self, value: Any) -> Any:
        """Return where an object stands in the table, in which it is written when it comes first."""
        place = self._places.get(id(value))
        if place is None:
            node = self._object(value)
            place = self._places[id(value)] = (len(self.table), value)
            self.table.append(node)
        return ["at", place[0]]

    def _object(self, value: Any) -> Any:
        for kinds, write in _WRITERS:
            if isinstance(value, kinds):
                tag, *parts = write(value)
                return [tag, *map(self.node, parts)]
        kind = type(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: self.node(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return ["object", home_of(kind), fields]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return ["object", home_of(kind), {name: self.node(getattr(value, name)) for name in value._fields}]
        if isinstance(value, Enum):
            return ["enum", home_of(kind), value.name]
        if isinstance(value, Mapping):
            return self._mapping(value)
        if callable(value):
            return self._object(lost(value, self._runs.values()))
        raise StorageError(f"{shown(value)} is no data that a record can keep.")

    @cached_property
    def _runs(self) -> dict[str, BacktestResult]:
        return runs_in(self._whole)


class _Reader:
    """Turns nodes into values, each of the table's once."""

    def __init__(self, table: list[Any], modules: frozenset[str]) -> None:
        self._table = table
        self._modules = modules
        self._made: dict[int, Any] = {}

    def value(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {name: self.value(each) for name, each in node.items()}
        if not isinstance(node, list):
            return node
        tag, *parts = node
        if tag == "at":
            return self._at(parts[0])
        if tag == "object":
            return self._object(*parts)
        if tag == "enum":
            return known_class(parts[0], self._modules)[parts[1]]
        if tag == "dict":
            return {self.value(name): self.value(each) for name, each in parts}
        return _READERS[tag](*map(self.value, parts))

    def _at(self, place: int) -> Any:
        if place not in self._made:
            self._made[place] = self.value(self._table[place])
        return self._made[place]

    def _object(self, home: str, fields: dict[str, Any]) -> Any:
        kind = known_class(home, self._modules)
        known = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) \
            else kind._fields
        return kind(**{name: self.value(node) for name, node in fields.items() if name in known})


#: What else can be written: kinds, and what makes a tag and plainer parts of one. The first that fits is taken.
_WRITERS: tuple[tuple[Any, Callable[[Any], tuple[Any, ...]]], ...] = (
    (pd.DataFrame, tables.frame_parts), (pd.Series, tables.series_parts), (pd.Index, tables.index_parts),
    (pd.api.extensions.ExtensionArray, tables.extension_parts), (np.ndarray, tables.array_parts),
    (type(pd.NaT), lambda _: ("nat",)), (type(pd.NA), lambda _: ("na",)),
    (pd.Timestamp, tables.moment_parts), (pd.Timedelta, lambda span: ("timedelta", span.value, span.unit)),
    (np.generic, tables.scalar_parts),
    (datetime.datetime, lambda moment: ("datetime", moment.isoformat())),
    (datetime.date, lambda day: ("date", day.isoformat())),
    (PurePath, lambda path: ("path", str(path))),
)

_READERS: dict[str, Callable[..., Any]] = {
    "int": int, "list": lambda *parts: list(parts), "tuple": lambda *parts: parts, "set": lambda *parts: set(parts),
    "frozenset": lambda *parts: frozenset(parts),
    "datetime": datetime.datetime.fromisoformat, "date": datetime.date.fromisoformat,
    "path": tables.path, "nat": lambda: pd.NaT, "na": lambda: pd.NA, **tables.READERS,
}
