"""Fields of a frozen dataclass that are worked out when they are first read.

Of the hundreds of runs that a study takes from the run store, nobody looks at the trades of more than a few.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

__all__ = ["allow_lazy_field", "set_lazy_field"]


def allow_lazy_field(owner: type, name: str) -> None:
    """Let objects of a dataclass have a field that :func:`set_lazy_field` set."""

    def read(instance: Any) -> Any:
        pending = instance.__dict__.get(_pending(name))
        value = instance.__dict__[name] if pending is None else pending()  # another thread was quicker
        instance.__dict__[name] = value
        instance.__dict__.pop(_pending(name), None)
        return value

    field = cached_property(read)
    field.__set_name__(owner, name)
    setattr(owner, name, field)


def set_lazy_field(instance: Any, name: str, read: Callable[[], Any]) -> None:
    """Have ``read`` called, once, when a field is first looked at; it must be one that pickles."""
    instance.__dict__[_pending(name)] = read
    del instance.__dict__[name]


def _pending(name: str) -> str:
    return f"_{name}_to_read"
