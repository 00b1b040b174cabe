"""Readers of results: in Python the result itself, on the command line a stored run's key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.tools.declaration.markets import Strategy
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.exceptions import InputError, shown

__all__ = ["Key", "Result", "Strategies", "Table"]


class Key(Reader):
    """The first digits of a stored run's key."""

    metavar = "KEY"

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{1,64}", value):
            raise InputError.of(name, f"is {shown(value)}.", "It is the first digits of a run's key.")
        return value.lower()


@dataclass(frozen=True)
class Result(Reader):
    """A result of a tool; a finished backtest where it is ``required``."""

    required: bool = False
    evaluates, field = True, "choice"
    offers = "results"

    @property
    def python(self) -> str:
        """See :class:`Reader`."""
        return "BacktestResult" if self.required else "Any"


class Strategies(Strategy):
    """One strategy or several, of the routes of a result."""

    many, field = "+", "several"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return list(words)


@dataclass(frozen=True)
class Table(Reader):
    """A table of trades, or a ``series`` of the portfolio's value."""

    series: bool = False

    @property
    def python(self) -> str:
        """See :class:`Reader`."""
        return "pd.Series[float] | None" if self.series else "pd.DataFrame | None"
