"""Readers of what is traded: symbols, timeframes, routes, periods, strategies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.members import members_of
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.values import Text, number_of
from jesse_nb.exceptions import InputError, PeriodError, shown

__all__ = ["FeeRate", "FundingRate", "Periods", "Routes", "Several", "Strategy", "Symbol", "Timeframe"]


class Symbol(Reader):
    """A market's symbol."""

    field, offers = "choice", "symbols"

    metavar = "SYMBOL"
    python = "str | None"

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.candles.series import symbol_name

        symbol_name(value)
        return str(value)


class Timeframe(Reader):
    """One of Jesse's timeframes."""

    field, offers = "choice", "timeframes"

    metavar = "TIMEFRAME"
    python = "str | None"

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.times import TIMEFRAME_MINUTES, unknown_timeframe

        if not isinstance(value, str) or value not in TIMEFRAME_MINUTES:
            raise unknown_timeframe(value)
        return str(value)


@dataclass(frozen=True)
class Several(Reader):
    """One or several of what ``one`` reads."""

    one: Reader
    many = "+"
    field = "several"

    @property
    def metavar(self) -> str:
        """See :class:`Reader`."""
        return self.one.metavar

    python = "str | Iterable[str] | None"

    @property
    def choices(self) -> tuple[str, ...]:
        """See :class:`Reader`."""
        return self.one.choices

    @property
    def suggested(self) -> tuple[str, ...]:
        """See :class:`Reader`."""
        return self.one.suggested

    @property
    def offers(self) -> str:
        """See :class:`Reader`."""
        return self.one.offers

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return list(words)

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
            raise InputError.of(name, f"is {shown(value)}.", "Give a text, or a list of several.")
        given = [value] if isinstance(value, str) else members_of(name, value)
        if not given:
            raise InputError.of(name, "is empty.", "Give at least one.")
        for one in given:
            if not isinstance(one, str):
                raise InputError.of(name, f"holds {shown(one)}.", "Give texts.")
            if "," in one and one not in self.choices and self.choices:
                raise InputError.of(name, f"is {shown(one)}.", "Separate several by spaces; in Python, give a list.")
            self.one.check(name, one)
        return value if isinstance(value, str) else given


class Strategy(Reader):
    """A strategy: a class, source text, or a name. Its words are what a notebook or a folder makes of them."""

    field, offers = "choice", "strategies"

    metavar = "STRATEGY"

@dataclass(frozen=True)
class Routes(Reader):
    """Markets by their parts, ``ETH-USDT:4h`` or a tuple in Python; a strategy may follow where it is traded."""

    traded: bool = False
    many = "+"
    offers = "routes"

    @property
    def metavar(self) -> str:
        """See :class:`Reader`."""
        return "SYMBOL:TIMEFRAME[:STRATEGY]" if self.traded else "SYMBOL:TIMEFRAME"

    @property
    def python(self) -> str:
        """See :class:`Reader`."""
        return "Sequence[Any] | None" if self.traded else "Sequence[Any]"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        routes = [tuple(word.split(":", 2 if self.traded else -1)) for word in words]
        for word, route in zip(words, routes, strict=True):
            if not all(route) or len(route) not in ((2, 3) if self.traded else (2,)):
                or_more = " or SYMBOL:TIMEFRAME:STRATEGY" if self.traded else ""
                raise InputError.of(name, f"takes SYMBOL:TIMEFRAME{or_more}, ETH-USDT:4h for example, not "
                                          f"{shown(word)}.")
        # A traded route of Python begins with its strategy; without one it is the line's.
        return [(*route, None)[2:3] + route[:2] for route in routes] if self.traded else routes

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise InputError.of(name, f"is {shown(value)}.", "It is a list with one entry a market.")
        return value


class Periods(Reader):
    """Several periods, ``2023-01-01..2023-07-01`` in words, pairs in Python."""

    many = "+"

    metavar = "START..END"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        periods = [word.partition("..") for word in words]
        for word, (start, dots, end) in zip(words, periods, strict=True):
            if not (start and dots and end):
                raise InputError.of(name, f"takes START..END, 2023-01-01..2023-07-01 for example, not {shown(word)}.")
        return [(start, end) for start, _, end in periods]

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.times import to_ms, utc_text

        if not isinstance(value, Sequence) or isinstance(value, str):
            raise PeriodError.of(name, f"is {shown(value)}.", "Give (start, end) or a list of such pairs.")
        one = len(value) == 2 and all(isinstance(part, str) or not isinstance(part, Sequence) for part in value)
        for period in [value] if one else value:
            if isinstance(period, str) or not isinstance(period, Sequence) or len(period) != 2:
                raise PeriodError(f"A period cannot be {shown(period)}.", "It is (start, end), such as "
                                                                          "('2024-01-01', '2024-06-01').")
            start, end = to_ms(period[0], "start"), to_ms(period[1], "end")
            if start >= end:
                raise PeriodError(f"The end ({utc_text(end)}) must come after the start ({utc_text(start)}).")
        return value


class FeeRate(Reader):
    """The fee of a fill: one for all markets, or ``BTC-USDT=0.0004,ETH-USDT=0.001``, a mapping in Python."""

    metavar = "FRACTION|SYMBOL=FRACTION,..."
    python = "float | Mapping[str, float]"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return number_of(words[0])

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.simulator.fees import checked_fee

        return checked_fee(name, value)

    def written(self, value: Any) -> str:
        """See :meth:`Reader.written`."""
        return f"{value:.15g}" if isinstance(value, float) else super().written(value)


class FundingRate(Reader):
    """What holding a future costs: ``stored``, or a rate."""

    metavar = "stored|RATE"
    python = "float | str | None"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return number_of(words[0])

    def check(self, name: str, value: Any) -> float | str | None:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.simulator.funding import checked_funding

        return None if value is None else checked_funding(name, value)


#: A stored exchange's name.
EXCHANGE = Text("NAME", 64, "choice", "exchanges")
