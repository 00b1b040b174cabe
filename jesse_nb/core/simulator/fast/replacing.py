"""Functions of Jesse replaced for a while."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jesse_nb.core.jesse_runtime import jesse_module

__all__ = ["Replacement", "is_original", "replaced"]


class Replacement(NamedTuple):
    """An attribute of a module or a class, and what is to stand in its place."""

    owner: Any
    name: str
    value: Any


@contextmanager
def replaced(replacements: Iterable[Replacement]) -> Iterator[None]:
    """Put replacements in place, and Jesse's own back afterwards, whatever happens."""
    originals = []
    try:
        for owner, name, value in replacements:
            originals.append((owner, name, vars(owner)[name]))  # not getattr: properties are to come back as such
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(originals):
            setattr(owner, name, value)


def is_original(owner: Any, name: str) -> bool:
    """Whether an attribute is one of Jesse's own functions: a strategy may have put its own there."""
    found = vars(owner).get(name)
    function = found.fget if isinstance(found, property) else inspect.unwrap(getattr(found, "__func__", found))
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename.startswith(_jesse_folder())


@cache
def _jesse_folder() -> str:
    return str(Path(str(jesse_module("jesse").__file__)).parent)
