"""Candles from an exchange into the store, as a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles import CandleStore, Exchange, Fetched, SeriesInfo, exchange_names, fetch_series, symbol_name
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.exceptions import CandlesNotFoundError, ExchangeError, InputError, PeriodError, did_you_mean, shown

__all__ = ["fetch_candles", "update_candles"]

_MINUTES_A_DAY = 1_440


@planned
@well_named
def fetch_candles(
    exchange: str,
    symbol: str,
    start: Any,
    end: Any = None,
    *,
    store: CandleStore | str | Path | None = None,
    replace: bool = False,
    background: bool = False,
) -> Plan[Fetched]:
    """Fetch one-minute candles from an exchange into the store, without a database.

    The exchange is asked through Jesse's own driver, at the pace that the driver keeps. Only what is
    not stored yet is asked for, so running the same again goes on where the last run was stopped.
    The minute that is still open is left out.

    Parameters
    ----------
    exchange, symbol
        As Jesse calls them: ``"Binance Spot"``, ``"BTC-USDT"``.
    start, end
        The period in UTC, such as ``"2023-01-01"``; the end is excluded, None is now.
    store
        Where to; a store or its folder, the user's own by default.
    replace
        Ask for the whole period again, and let what comes win over stored candles that differ.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    Fetched or Job
        What was fetched, and the series as it is now stored.

    Raises
    ------
    InputError
        When Jesse has no driver for the exchange, or the exchange does not list the symbol.
    PeriodError
        When the end does not come after the start, or the start lies in the future.
    CandlesNotFoundError
        When the exchange has no candle in the period.
    ExchangeError
        When the exchange cannot be reached or refuses; what had come by then is stored.
    InvalidCandlesError
        When fetched candles contradict stored ones.
    JobInterruptedError
        When the user interrupts; what had come by then is stored.

    Examples
    --------
    >>> jn.fetch_candles("Binance Spot", "BTC-USDT", "2023-01-01")  # doctest: +SKIP
    """
    symbol, first = symbol_name(symbol), to_ms(start, "start")
    last = None if end is None else to_ms(end, "end")
    if last is not None and last <= first:
        raise PeriodError(f"The end {shown(end)} does not come after the start {shown(start)}.", "The end is excluded.")
    if first >= time.time() * 1000:
        raise PeriodError(f"The start {shown(start)} lies in the future.")
    target = CandleStore.of(store)

    def work(control: JobControl) -> Fetched:
        control.update(phase=f"connecting to {exchange}")
        source = _source(exchange, control)
        control.update(phase=f"fetching {symbol}, days")
        return fetch_series(source, symbol, first, last, target, replace=replace, progress=_progress_of(control))

    return Plan("fetch", f"{symbol} from {exchange}", work, background=background)


@planned
@well_named
def update_candles(
    symbols: Sequence[str] | None = None,
    exchange: str | None = None,
    *,
    store: CandleStore | str | Path | None = None,
    background: bool = False,
) -> Plan[list[Fetched]]:
    """Bring stored series up to now, from the exchanges they are stored under.

    A series that an exchange does not give is left as it is, and its notes say why; the others go on.

    Parameters
    ----------
    symbols
        Which; all by default that an exchange of Jesse's can continue.
    exchange
        Only those of this exchange.
    store
        Where they are; a store or its folder, the user's own by default.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    list of Fetched, or Job

    Raises
    ------
    CandlesNotFoundError
        When a named series is not stored, or there is none to update.
    InputError
        When Jesse has no driver for a named series' exchange.
    JobInterruptedError
        When the user interrupts; what had come by then is stored.

    Examples
    --------
    >>> jn.update_candles()  # doctest: +SKIP
    """
    target = CandleStore.of(store)
    named = None if symbols is None else [target.resolve(symbol, exchange) for symbol in symbols]

    def work(control: JobControl) -> list[Fetched]:
        control.update(phase="connecting")
        found: list[Fetched] = []
        control.partial(lambda: list(found))
        for series in _to_update(target, named, exchange):
            control.update(phase=f"fetching {series.symbol} from {series.exchange}, days")
            try:
                found.append(fetch_series(_source(series.exchange, control), series.symbol, series.end, None, target,
                                          only_newer=True, progress=_progress_of(control)))
            except (ExchangeError, InputError, CandlesNotFoundError) as error:
                left = target.info(series.exchange, series.symbol)
                found.append(Fetched(left, series.end, left.end, 0, (str(error),)))
        return found

    return Plan("fetch", "stored candles up to now", work, background=background)


def _source(exchange: str, control: JobControl) -> Exchange:
    return Exchange(exchange, stopped=lambda: control.cancelled, tell=lambda said: control.update(message=said))


def _to_update(store: CandleStore, named: list[SeriesInfo] | None, exchange: str | None) -> list[SeriesInfo]:
    known = exchange_names()
    if named is not None:
        for series in named:
            if series.exchange not in known:
                raise InputError(f"{series.symbol} is stored under {series.exchange!r}, for which Jesse has no driver.",
                                 did_you_mean(series.exchange, known))
        return named
    found = [series for series in store.list() if series.exchange in known
             and (exchange is None or series.exchange.casefold() == exchange.casefold())]
    if not found:
        raise CandlesNotFoundError("No stored series belongs to an exchange that Jesse can ask.",
                                   '`%candles fetch "Binance Spot" BTC-USDT 2023-01-01` begins one.')
    return found


def _progress_of(control: JobControl) -> Callable[[int, int], None]:
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        spent = time.monotonic() - began
        control.update(done=done // _MINUTES_A_DAY, total=-(-total // _MINUTES_A_DAY) or None,
                       eta=spent / done * (total - done) if done else None)

    return tell
