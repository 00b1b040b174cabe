"""Readers of what a run may take and where it finds and keeps things: workers, memory, days, folders, stores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Integral
from typing import Any

from jesse_nb.core.jobs.ray.address import RAY_ADDRESSES, check_address
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.values import Whole, whole_of
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["Candles", "Days", "Folder", "Jobs", "Megabytes", "Store", "a_path"]

_MEGABYTE = 1024**2


class Jobs(Reader):
    """How many simulations run at once, or a Ray cluster."""

    offers = "clusters"

    metavar = "N|ray"
    python = "Jobs | None"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return whole_of(words[0])

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        if isinstance(value, str):
            try:
                check_address(value)
            except InputError:
                raise InputError.of(name, f"is {shown(value)}.", "It is a whole number from 1 to 1,024, or ray. "
                                    f"{did_you_mean(value, RAY_ADDRESSES)}") from None
            return value
        if isinstance(value, Integral):
            return Whole(1, 1024).check(name, value)
        from jesse_nb.core.jobs.ray.ray_pool import RayPool

        if not isinstance(value, RayPool):
            raise InputError.of(name, f"is {shown(value)}.", "It is a whole number from 1 to 1,024, a Ray cluster's "
                                                             "address, or a RayPool.")
        return value


class Megabytes(Reader):
    """Bytes in Python, whole megabytes in words."""

    low, high = 256, 2**30

    metavar = "MEGABYTES"
    python = "int | None"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        size = whole_of(words[0])
        if isinstance(size, str) or not self.low <= size <= self.high:
            raise InputError.of(name, f"is {shown(words[0])}.", f"It is whole megabytes from {self.low} up.")
        return size * _MEGABYTE

    def check(self, name: str, value: Any) -> int:
        """See :meth:`Reader.check`."""
        return Whole(self.low * _MEGABYTE, self.high * _MEGABYTE, "bytes").check(name, value)


class Days(Reader):
    """A number of days: ``90`` or ``"90d"``."""

    metavar = "DAYS"
    python = "str | int | None"

    def check(self, name: str, value: Any) -> str | int:
        """See :meth:`Reader.check`."""
        days: Any = value
        if isinstance(value, str) and (found := re.fullmatch(r"\s*(\d{1,5})\s*(?:d|days?)?\s*", value.lower())):
            days = int(found[1])
        if isinstance(days, bool) or not isinstance(days, Integral) or not 1 <= int(days) <= 36_500:
            raise InputError.of(name, f"is {shown(value)}.", "It is a number of days, at the data's end: '90d' or 90.")
        return value if isinstance(value, str) else int(days)


class Folder(Reader):
    """A folder's path."""

    metavar = "FOLDER"
    python = "str | Path | None"

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        return a_path(name, value)


class Candles(Folder):
    """Where candles are kept: a store, or its folder."""

    python = "CandleStore | None"

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.candles import CandleStore

        return value if isinstance(value, CandleStore) else CandleStore(a_path(name, value, "a CandleStore"))


class Store(Reader):
    """Where finished runs are kept: a file, a folder, a PostgreSQL's address, or an open store."""

    metavar = "PLACE"
    python = "str | Path | RunStore | None"

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.jobs.store import RunStore
        from jesse_nb.core.jobs.store.address import is_address

        if isinstance(value, RunStore) or is_address(value):
            return value
        return a_path(name, value, "a postgresql:// address, or a RunStore", "a file's or a folder's path")


def a_path(name: str, value: Any, others: str = "", what: str = "a folder's path") -> Any:
    """Return a path that can be one; its user's folder is found."""
    user_path(value, name, f"{what}{', or ' if others else ''}{others}")
    return value
