"""The strategies of this process by hash, and what they were made from, so that a finished run can be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["is_registered", "register_strategy", "registered_strategies", "registered_strategy"]

#: More than anybody keeps in use; older ones make room, as a class may hold on to much data.
_MOST = 200

_by_hash: dict[str, tuple[Any, str | Path | None]] = {}

#: Of all of them.
_given: set[str] = set()


def register_strategy(key: str, strategy: Any, project: str | Path | None) -> None:
    """Note what the strategy with the hash ``key`` was made from: a class, source text or a project's name."""
    _by_hash.pop(key, None)
    _by_hash[key] = strategy, project
    _given.add(key)
    while len(_by_hash) > _MOST:
        del _by_hash[next(iter(_by_hash))]


def registered_strategy(key: str) -> tuple[Any, str | Path | None] | None:
    """Return the strategy as it was given, and the project's folder; None when this process never saw it."""
    return _by_hash.get(key)


def registered_strategies() -> list[tuple[Any, str | Path | None]]:
    """Return all that :func:`registered_strategy` knows, what was given last first."""
    return list(_by_hash.values())[::-1]


def is_registered(key: str) -> bool:
    """Tell whether this process was ever given the strategy with the hash ``key``, so that it may run."""
    return key in _given
