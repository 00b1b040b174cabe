"""The candles of one run: which rows of which memory-mapped series.

The kernel decides once which rows a request needs, proves that they are there
and fingerprints them. Workers map the same files and copy nothing but what
Jesse itself copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from jesse_nb.core.candles import CandleCache, CandleStore, SeriesInfo, fingerprint_candles
from jesse_nb.core.simulator.spec import CandleSlice, DataRoute, Gaps, Route
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.exceptions import CandlesNotFoundError, PeriodError, WarmUpError

__all__ = ["MappedSlice", "RunCandles", "resolve_candles"]

_DAY_MINUTES = 1_440


@dataclass(frozen=True)
class MappedSlice:
    """Rows of a memory-mapped series: warm-up ``[first, start)``, trading ``[start, last)``."""

    exchange: str
    symbol: str
    path: str
    first: int
    start: int
    last: int

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the warm-up and the trading candles, each of shape (n, 6), as views of the file."""
        mapped = np.asarray(np.load(self.path, mmap_mode="r"))
        return mapped[self.first : self.start], mapped[self.start : self.last]


@dataclass(frozen=True)
class RunCandles:
    """The data of a run: by content for the spec, by place for the worker."""

    slices: tuple[CandleSlice, ...]
    mapped: tuple[MappedSlice, ...]


def resolve_candles(
    routes: Sequence[Route | DataRoute],
    start: int,
    end: int,
    *,
    warm_up_candles: int,
    gaps: Gaps,
    store: CandleStore,
    cache: CandleCache,
) -> RunCandles:
    """Find the candles of a run, warm-up included.

    Parameters
    ----------
    routes
        All routes, traded and watched.
    start, end
        The traded period, milliseconds UTC, end excluded.
    warm_up_candles
        How many completed candles of each timeframe must lie before ``start``.
    gaps
        ``fill`` or ``keep``.

    Raises
    ------
    CandlesNotFoundError
        When a series is not stored, or not for the whole period.
    WarmUpError
        When there are too few candles before the start; says how many are missing
        and from when the run could start.
    PeriodError
        When the start is not on a boundary of a timeframe.
    """
    for timeframe in {route.timeframe for route in routes}:
        minutes = TIMEFRAME_MINUTES[timeframe]
        if minutes <= _DAY_MINUTES and start % (minutes * MINUTE_MS):
            raise PeriodError(f"The start {utc_text(start)} is not the beginning of a {timeframe} candle.")
    warm_up_start = _warm_up_start((route.timeframe for route in routes), start, warm_up_candles)
    series = sorted({(route.exchange, route.symbol) for route in routes})
    infos = [store.info(exchange, symbol) for exchange, symbol in series]
    for info in infos:
        _check_period(info, start, end)
        _check_warm_up(info, routes, start, warm_up_start, warm_up_candles)
    parts = [_slice(info, warm_up_start, start, end, gaps, cache) for info in infos]
    return RunCandles(tuple(part for part, _ in parts), tuple(rows for _, rows in parts))


def _warm_up_start(timeframes: Iterable[str], start: int, count: int) -> int:
    """Return where ``count`` whole candles of every timeframe begin, if they end at ``start`` or before."""
    lengths = [TIMEFRAME_MINUTES[timeframe] * MINUTE_MS for timeframe in timeframes]
    return min(start // length * length - count * length for length in lengths)


def _check_period(info: SeriesInfo, start: int, end: int) -> None:
    if info.start <= start and end <= info.end:
        return
    raise CandlesNotFoundError(
        f"{info.symbol} on {info.exchange} is stored from {utc_text(info.start)} to {utc_text(info.end)}, "
        f"not for all of {utc_text(start)} to {utc_text(end)}.",
        "Choose a period inside, or import the missing candles.",
    )


def _check_warm_up(
    info: SeriesInfo, routes: Sequence[Route | DataRoute], start: int, warm_up_start: int, count: int
) -> None:
    if info.start <= warm_up_start:
        return
    longest = max((route.timeframe for route in routes), key=TIMEFRAME_MINUTES.__getitem__)
    length = TIMEFRAME_MINUTES[longest] * MINUTE_MS
    missing = -(-(info.start - warm_up_start) // length)
    day = _DAY_MINUTES * MINUTE_MS
    possible = -(-(start + info.start - warm_up_start) // day) * day
    raise WarmUpError(
        f"{info.symbol} on {info.exchange} begins at {utc_text(info.start)}: of the {count} {longest} candles "
        f"needed before {utc_text(start)}, {missing} are missing.",
        f"Start on {utc_text(possible)} or later, import earlier candles, or lower warm_up_candles.",
    )


def _slice(
    info: SeriesInfo, warm_up_start: int, start: int, end: int, gaps: Gaps, cache: CandleCache
) -> tuple[CandleSlice, MappedSlice]:
    path = cache.path(info.exchange, info.symbol, gaps)
    mapped = np.load(path, mmap_mode="r")
    first, begin, last = (int(row) for row in np.searchsorted(mapped[:, 0], [warm_up_start, start, end]))
    if begin == last:
        raise CandlesNotFoundError(f"{info.symbol} on {info.exchange} has no candle from {utc_text(start)} "
                                   f"to {utc_text(end)}: all of it is a gap.")
    part = CandleSlice(
        exchange=info.exchange,
        symbol=info.symbol,
        start=warm_up_start,
        end=end,
        fingerprint=fingerprint_candles(mapped[first:last]),
        missing=_missing_minutes(info, warm_up_start, end),
    )
    return part, MappedSlice(info.exchange, info.symbol, str(path), first, begin, last)


def _missing_minutes(info: SeriesInfo, start: int, end: int) -> int:
    missing = 0
    for gap in info.gaps:
        overlap = min(end, gap.start + gap.minutes * MINUTE_MS) - max(start, gap.start)
        missing += max(0, overlap // MINUTE_MS)
    return missing
