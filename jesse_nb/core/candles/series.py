"""What a stored series is called, and what is known of it without reading it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.exceptions import InputError, InvalidCandlesError, shown

__all__ = ["COLUMNS", "Candles", "Gap", "SeriesInfo", "exchange_name", "fingerprint_candles",
           "refuse_made_minutes", "refuse_other_minutes", "symbol_name"]

#: The columns of a candle array, in Jesse's order: close comes before high.
COLUMNS = ("timestamp", "open", "close", "high", "low", "volume")

Candles = NDArray[np.float64]

#: Exchange names that end so hold generated prices.
SYNTHETIC_MARK = "(synthetic)"

_EXCHANGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _().+&-]{0,62}[A-Za-z0-9)])?")
_SYMBOL = re.compile(r"[^\W_]{1,24}-[^\W_]{1,24}")
# Windows opens a device, not a file, under these names, whatever the extension.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Gap:
    """Minutes missing between two stored candles.

    Attributes
    ----------
    start
        The first missing minute, milliseconds UTC.
    minutes
        How many are missing in a row.
    """

    start: int
    minutes: int

    @property
    def end(self) -> int:
        """The first minute that is there again, milliseconds UTC."""
        return self.start + self.minutes * MINUTE_MS

    def __str__(self) -> str:
        return f"{utc_text(self.start)} ({self.minutes:,} min)"


@dataclass(frozen=True)
class SeriesInfo:
    """What is known of one stored series.

    Attributes
    ----------
    exchange, symbol
        Its name.
    start, end
        First candle's minute, and the minute after the last candle; milliseconds UTC.
    rows
        Stored one-minute candles.
    gaps
        Minutes missing in between, in order of time.
    bytes
        Size of the file.
    fingerprint
        Hash of the candles themselves, see :func:`fingerprint_candles`.
    asked
        Periods (start, end) for which the exchange itself was asked for every minute: what is missing in
        them, it does not have.
    sources
        Where its candles came from, as far as whoever stored them said so, oldest first.
    expanded_from
        The timeframe of the candles of which these minutes were made; empty where the minutes themselves were known.
    flow
        Minutes of which the number of trades, or the volume that takers bought, is known.
    flow_fingerprint
        Hash of these; empty where nothing is known.
    notes
        What the import that returned this left out or changed, a sentence each; the store does not keep them, but in
        ``sources``.
    imported
        Candles that the import that returned this read, their first minute and the minute after their last; zeros of
        any other. What is stored beside them is not among these.
    """

    exchange: str
    symbol: str
    start: int
    end: int
    rows: int
    gaps: tuple[Gap, ...]
    bytes: int
    fingerprint: str
    asked: tuple[tuple[int, int], ...] = ()
    sources: tuple[str, ...] = ()
    expanded_from: str = ""
    flow: int = 0
    flow_fingerprint: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)
    imported: tuple[int, int, int] = field(default=(0, 0, 0), compare=False)

    @property
    def synthetic(self) -> bool:
        """Whether the prices were generated, not traded."""
        return self.exchange.endswith(SYNTHETIC_MARK)

    @property
    def missing(self) -> int:
        """Minutes missing inside the span."""
        return sum(gap.minutes for gap in self.gaps)

    def __str__(self) -> str:
        gaps = {0: "", 1: f", 1 gap of {self.missing:,} minutes"}.get(
            len(self.gaps), f", {len(self.gaps):,} gaps of {self.missing:,} minutes in all")
        return (f"{self.symbol} on {self.exchange}: {utc_text(self.start)} to {utc_text(self.end)}, "
                f"{self.rows:,} candles{gaps}{f', expanded from {self.expanded_from}' if self.expanded_from else ''}"
                f"{f', order flow of {self.flow:,}' if self.flow else ''}")


def refuse_made_minutes(series: SeriesInfo, timeframe: str = "1m") -> None:
    """Refuse to give candles to where nothing says any more that they were made of longer ones.

    Parameters
    ----------
    series
        Whose they are.
    timeframe
        Of what is to be given.

    Raises
    ------
    InputError
        When they are made, unless they are put together to what they were made of, or to multiples of it.
    """
    if series.expanded_from and TIMEFRAME_MINUTES.get(timeframe, 1) % TIMEFRAME_MINUTES[series.expanded_from]:
        raise InputError(f"The minutes of {series.symbol} on {series.exchange} are made of {series.expanded_from} "
                         "candles, which would be told nowhere any more.",
                         f"An export in {series.expanded_from} (-t {series.expanded_from}) gives what was imported.")


def refuse_other_minutes(stored: SeriesInfo, expanded_from: str) -> None:
    """Refuse to join made minutes and known ones.

    Parameters
    ----------
    stored
        What is there.
    expanded_from
        Of what those to be added were made; empty where they were known.

    Raises
    ------
    InvalidCandlesError
        When they are of different kinds.
    """
    kinds = [f"expanded from {timeframe}" if timeframe else "one-minute candles as they were traded"
             for timeframe in (stored.expanded_from, expanded_from)]
    if kinds[0] != kinds[1]:
        raise InvalidCandlesError(
            f"{stored.symbol} of {stored.exchange} is stored as {kinds[0]}; these are {kinds[1]}.",
            "Store them under another exchange's name, or delete that series first.")


def fingerprint_candles(candles: Candles) -> str:
    """Return a hash of the candles' values (32 hexadecimal digits).

    BLAKE2b over the raw little-endian float64 values, row by row: the same candles have the same
    fingerprint whatever file or frame they came from.

    Parameters
    ----------
    candles
        float64 (n, 6).
    """
    return hashlib.blake2b(np.ascontiguousarray(candles, dtype="<f8").data, digest_size=16).hexdigest()


def exchange_name(name: Any) -> str:
    """Return an exchange's name with its spaces tidied.

    Raises
    ------
    InputError
        When it is not a name that can safely be a folder's.
    """
    if not isinstance(name, str):
        raise InputError(f"The exchange is {shown(name)}, which is not a name.", "Write it like 'Binance Spot'.",
                         argument="exchange")
    tidy = " ".join(name.split())
    if not _EXCHANGE.fullmatch(tidy) or ".." in tidy or _DEVICES.fullmatch(tidy):
        raise InputError(
            f"{shown(name)} cannot be an exchange's name.",
            "Allowed are up to 64 English letters, digits, spaces and ()_.+&- that begin with a letter "
            "or digit, like 'Binance Spot'.",
            argument="exchange")
    return tidy


def symbol_name(name: Any) -> str:
    """Return a symbol as Jesse writes it: ``BTC-USDT`` for ``btc/usdt`` or ``BTC_USDT``.

    Raises
    ------
    InputError
        When it does not name a base and a quote currency.
    """
    if not isinstance(name, str):
        raise InputError(f"The symbol is {shown(name)}, which is not a name.", "Write it like 'BTC-USDT'.",
                         argument="symbol")
    tidy = unicodedata.normalize("NFKC", name).strip().upper().replace("/", "-").replace("_", "-")
    if not _SYMBOL.fullmatch(tidy):
        raise InputError(f"{shown(name)} is not a symbol.",
                         "Write base and quote currency with a dash between them, like 'BTC-USDT'.", argument="symbol")
    return tidy
