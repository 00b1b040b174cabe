"""Which classes a record may name: frozen dataclasses and named tuples of the rooms that results are made of."""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Collection
from enum import Enum
from functools import lru_cache
from typing import Any

from jesse_nb.core.record.lost_code import LostCode
from jesse_nb.exceptions import StorageError, shown

__all__ = ["MOVED", "home_of", "known_class"]

#: Where results and their parts are defined. Strategies' code, workers and stores are elsewhere.
_ROOMS = re.compile(
    r"jesse_nb\.core\.(analysis|study|tools|simulator\.(spec|market_data|result|pipeline|account)"
    r"|candles\.(quality|series))(\.\w+)*"
)

#: Old homes of classes that have another one now, so that older records can be read.
MOVED: dict[str, str] = {}


def home_of(kind: type) -> str:
    """Return where a class is, ``module:name``."""
    return f"{kind.__module__}:{kind.__qualname__}"


@lru_cache(maxsize=1024)
def known_class(home: str, others: Collection[str] = ()) -> type[Any]:
    """Return the class that a record names.

    Parameters
    ----------
    home
        ``module:name``.
    others
        Modules that may be named, too: those of tools from outside the package.

    Raises
    ------
    StorageError
        When no result is made of such a thing. Nothing is imported then.
    """
    module, _, name = MOVED.get(home, home).partition(":")
    if module == LostCode.__module__:
        return LostCode
    if not (_ROOMS.fullmatch(module) or module in others) or not name.isidentifier():
        raise StorageError(f"{shown(home)} is nothing that results are made of.")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise StorageError(f"{shown(home)} is not in this version of jesse_nb.") from None
    if not isinstance(found, type) or not (_is_frozen(found) or issubclass(found, Enum) or _is_named_tuple(found)):
        raise StorageError(f"{shown(home)} is nothing that results are made of.")
    return found


def _is_frozen(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")
