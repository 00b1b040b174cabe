"""Readers of results: in Python the result itself, on the command line what was stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.tools.declaration.markets import Strategy
from jesse_nb.core.tools.declaration.reader import Desk, Reader

__all__ = ["Result", "Strategies", "Table", "named_or_kept"]


def named_or_kept(name: str, word: str, desk: Desk) -> Any:
    """Return what a word stands for where it is written; the word itself where it names a kept result.

    Where nothing is evaluated that is for the tool to find out.

    Raises
    ------
    InputError
        When it is no expression that has a value there.
    """
    if word in desk.names:
        return desk.names[word]
    from jesse_nb.core.record.result_store import ResultStore

    return word if desk.evaluator is None or ResultStore().find(word) is not None else desk.evaluate(name, word)


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
