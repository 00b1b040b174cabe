"""An exchange's candles into the store, piece by piece, so that a stop loses next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.driver_quirks import volume_note
from jesse_nb.core.candles.exchanges import Exchange
from jesse_nb.core.candles.gaps import join_periods, missing_periods
from jesse_nb.core.candles.series import Candles, SeriesInfo
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.times import DAY_MS, MINUTE_MS, utc_text
from jesse_nb.exceptions import CandlesNotFoundError, InvalidCandlesError

__all__ = ["Fetched", "fetch_series"]

#: Seconds of fetching that a killed process may lose.
_STORE_EVERY = 15.0


@dataclass(frozen=True)
class Fetched:
    """What one fetch brought.

    Attributes
    ----------
    series
        The whole series as it is now stored.
    start, end
        The period that was asked for, milliseconds UTC, end excluded; clipped to the listing of the symbol
        and to the last minute that is over.
    candles
        One-minute candles that were fetched.
    notes
        Sentences on what was found: a later listing, an end of trading, that nothing was missing.

    Examples
    --------
    >>> fetched = jn.fetch_candles("Binance Spot", "BTC-USDT", "2024-01-01")  # doctest: +SKIP
    >>> fetched.candles, fetched.notes                                         # doctest: +SKIP
    """

    series: SeriesInfo
    start: int
    end: int
    candles: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([str(self.series), f"{self.candles:,} candles fetched.", *self.notes])

    __repr__ = __str__


def fetch_series(
    exchange: Exchange,
    symbol: str,
    start: int,
    end: int | None,
    store: CandleStore,
    *,
    replace: bool = False,
    only_newer: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Fetched:
    """Fetch what is missing of a period into the store.

    Minutes that are stored are not asked for again, nor those that the exchange was asked for
    before and does not have. Whatever ends it early, what had come by then is stored.

    Parameters
    ----------
    exchange, symbol
        What to fetch.
    start, end
        Milliseconds UTC, end excluded; None is now. The minute that is still open is never stored.
    store
        Where to.
    replace
        Ask for the whole period again, and let what comes win over stored candles that differ.
    only_newer
        Ask only for what follows the stored candles.
    progress
        Called with minutes done and minutes wanted.

    Raises
    ------
    CandlesNotFoundError
        When the exchange has no candle in the period.
    ExchangeError, InputError, JobCancelledError
        As :class:`Exchange`.
    InvalidCandlesError
        When candles contradict stored ones; see ``replace``.
    """
    stored = _stored(store, exchange.name, symbol)
    begin, notes = start, []
    if stored is None or start < stored.start:
        listed = exchange.first_candle(symbol)
        if listed is not None and listed > start:
            begin = listed
            notes.append(f"{exchange.name} lists {symbol} from {utc_text(listed)} on; nothing is older.")
    last = exchange.now() if end is None else min(end, exchange.now())
    if begin >= last:
        if stored is not None and not notes:
            return Fetched(stored, start, last, 0, ("Nothing newer is there yet.",))
        raise CandlesNotFoundError(f"{exchange.name} has no candles of {symbol} from {utc_text(start)} "
                                   f"to {utc_text(max(last, start))}.", " ".join(notes))
    wanted = [(begin, last)] if replace else missing_periods(stored, begin, last)
    if only_newer and stored is not None:
        wanted = [(first, past) for first, past in wanted if first >= stored.end]
    page = exchange.page_minutes * MINUTE_MS
    # Gaps that one request covers are asked for at once; what lies between them is stored already.
    missing = np.array(wanted, np.float64).ravel()
    wanted = list(join_periods(wanted, within=page))
    total, done = sum(past - first for first, past in wanted), 0
    progress(0, total // MINUTE_MS)
    pieces = _Pieces(store, exchange.name, symbol, replace)
    try:
        for first, past in wanted:
            cursor = first
            while cursor < past:
                if done or cursor > first:
                    exchange.pause(exchange.delay)
                answer = exchange.page(symbol, cursor, min(past, cursor + page))
                reached = min(past, max(cursor + page, answer.next_available or 0))
                if len(answer.candles) == 0 and answer.next_available is None and reached < past:
                    exchange.pause(exchange.delay)
                    reached = exchange.silent_until(symbol, reached, past)
                pieces.add(_wanted_of(answer.candles, missing, exchange.now()), cursor, min(reached, exchange.now()))
                done += reached - cursor
                cursor = reached
                progress(done // MINUTE_MS, total // MINUTE_MS)
            pieces.store()
    finally:
        # Also when it is stopped or fails: what has come is kept.
        pieces.store()
    return _told(store, exchange.name, symbol, begin, last, pieces.count, notes)


def _stored(store: CandleStore, exchange: str, symbol: str) -> SeriesInfo | None:
    try:
        return store.info(exchange, symbol)
    except CandlesNotFoundError:
        return None


def _wanted_of(candles: Candles, missing: NDArray[np.float64], now: int) -> Candles:
    """Return the candles inside the periods with these edges whose minute is over."""
    times = candles[:, 0]
    inside = np.searchsorted(missing, times, side="right") % 2 == 1
    wanted: Candles = candles[inside & (times < now)]
    return wanted


class _Pieces:
    """Candles on their way to the store."""

    def __init__(self, store: CandleStore, exchange: str, symbol: str, replace: bool) -> None:
        self._store = store
        self._series = exchange, symbol
        self._replace = replace
        self._rows: list[Candles] = []
        self._asked: tuple[int, int] | None = None
        self._stored_at = time.monotonic()
        self.count = 0

    def add(self, candles: Candles, start: int, end: int) -> None:
        if self._asked is not None and self._asked[1] != start:
            self.store()
        self._asked = (start if self._asked is None else self._asked[0], max(start, end))
        self._rows.append(candles)
        if time.monotonic() - self._stored_at > _STORE_EVERY:
            self.store()

    def store(self) -> None:
        if self._asked is None:
            return
        rows, asked = np.concatenate(self._rows), self._asked
        self._rows, self._asked, self._stored_at = [], None, time.monotonic()
        if len(rows) == 0:
            return
        try:
            self._store.write(*self._series, rows, replace=self._replace, asked=asked)
        except InvalidCandlesError as error:
            hint = error.hint.replace("Pass replace=True", "Pass replace=True (--replace)")
            raise InvalidCandlesError(f"{' '.join(self._series)}: {error.message}", hint) from error
        self.count += len(rows)


def _told(store: CandleStore, exchange: str, symbol: str, start: int, end: int, count: int,
          notes: list[str]) -> Fetched:
    try:
        series = store.info(exchange, symbol)
    except CandlesNotFoundError:
        raise CandlesNotFoundError(f"{exchange} has no candles of {symbol} from {utc_text(start)} to {utc_text(end)}.",
                                   " ".join(notes)) from None
    if unit := volume_note(exchange):
        notes.append(unit)
    if count == 0:
        notes.append("Nothing was missing." if series.end >= end else "The exchange has nothing more.")
    if series.start - start > DAY_MS:
        notes.append(f"The first candle is of {utc_text(series.start)}; before it the exchange has none.")
    if end - series.end > DAY_MS:
        notes.append(f"The last candle is of {utc_text(series.end - MINUTE_MS)}: nothing was traded after it. "
                     "Was the symbol delisted?")
    return Fetched(series, start, end, count, tuple(notes))
