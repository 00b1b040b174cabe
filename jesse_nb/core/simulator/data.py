"""The candles of one run: which rows of which memory-mapped series.

The kernel decides once which rows a request needs, proves that they are there
and fingerprints them. Workers map the same files and copy nothing but what
Jesse itself copies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles import CandleCache, CandleStore, SeriesInfo
from jesse_nb.core.candles.mapped import part_fingerprint
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.simulator.market_data import EXPANDED, CandleSlice
from jesse_nb.core.simulator.spec import DataRoute, Gaps, Route
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.exceptions import CandlesError, CandlesNotFoundError, PeriodError, WarmUpError

__all__ = ["MappedSlice", "RunCandles", "resolve_candles"]

Moments = NDArray[np.float64]


@dataclass(frozen=True)
class MappedSlice:
    """Rows of a memory-mapped series: warm-up ``[first, start)``, trading ``[start, last)``.

    ``funding`` are the market's rates within the period
    (:meth:`~jesse_nb.core.candles.funding.rates.FundingRates.pack`), where the run pays any.
    """

    exchange: str
    symbol: str
    path: str
    first: int
    start: int
    last: int
    funding: bytes = field(default=b"", repr=False, compare=False)

    def read(self) -> tuple[Candles, Candles]:
        """Return the warm-up and the trading candles, each of shape (n, 6), as views of the file."""
        mapped = np.asarray(_mapped(self.path))
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
        How many completed candles of each timeframe must lie before ``start``, in every series.
    gaps
        ``fill`` or ``keep``. When kept, a candle whose every minute is missing does not count as one.

    Raises
    ------
    CandlesNotFoundError
        When a series is not stored, or not for the whole period.
    WarmUpError
        When there are too few candles before the start; says how many are missing
        and from when the run could start.
    PeriodError
        When the start is not the beginning of a candle of every timeframe. Jesse counts them
        from 1970: its weeks begin on Thursday, and its months are 30 days.
    """
    timeframes = sorted({route.timeframe for route in routes}, key=TIMEFRAME_MINUTES.__getitem__)
    _check_start(timeframes, start)
    infos = [store.info(exchange, symbol) for exchange, symbol in
             sorted({(route.exchange, route.symbol) for route in routes})]
    for info in infos:
        _check_period(info, start, end)
    paths = [cache.path(info.exchange, info.symbol, gaps) for info in infos]
    files = [_mapped(path) for path in paths]
    moments = [mapped[:, 0] for mapped in files]
    warm_up_start = _warm_up_start(infos, moments, timeframes, start, end, warm_up_candles)
    parts = [_slice(info, str(path), mapped, warm_up_start, start, end)
             for info, path, mapped in zip(infos, paths, files, strict=True)]
    return RunCandles(tuple(part for part, _ in parts), tuple(rows for _, rows in parts))


def _mapped(path: str | Path) -> Candles:
    try:
        return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise CandlesError(f"The candles that workers share were removed meanwhile: {path}.",
                           "Run it again: they are made anew.") from None


def _warm_up_start(
    infos: Sequence[SeriesInfo], timestamps: Sequence[Moments], timeframes: Sequence[str],
    start: int, end: int, count: int,
) -> int:
    """Return from when on every series has ``count`` whole candles of every timeframe before ``start``."""
    if count == 0:
        return start
    first = start
    for info, moments in zip(infos, timestamps, strict=True):
        before = moments[: np.searchsorted(moments, start)]
        for timeframe in reversed(timeframes):  # the longest lacks the most
            minutes = TIMEFRAME_MINUTES[timeframe]
            length = minutes * MINUTE_MS
            # So many rows make one candle more than are needed, which is the one that may be cut.
            opens = _whole_candles(before[-(count + 1) * minutes :], length)
            opens = opens[opens + length <= start]
            if len(opens) < count:
                raise _too_few(info, timestamps, timeframes, timeframe, start, end, count, len(opens))
            first = min(first, int(opens[-count]))
    return first


def _whole_candles(timestamps: Moments, length: int) -> NDArray[np.int64]:
    """Return when the candles of ``length`` milliseconds begin that these minutes make, in order of time.

    The first is left out when the series begins in its midst.
    """
    opens = timestamps.astype(np.int64) // length * length
    opens = opens[np.flatnonzero(np.diff(opens, prepend=-1))]
    return opens[1:] if len(opens) and opens[0] < timestamps[0] else opens


def _too_few(
    info: SeriesInfo, timestamps: Sequence[Moments], timeframes: Sequence[str], timeframe: str,
    start: int, end: int, count: int, found: int,
) -> WarmUpError:
    message = (f"{info.symbol} on {info.exchange} begins at {utc_text(info.start)}: "
               f"of the {count:,} {timeframe} candles "
               f"needed before {utc_text(start)}, {count - found:,} are missing.")
    possible = _earliest_start(timestamps, timeframes, count)
    others = f"import earlier candles, or lower warm_up_candles{f' to {found:,}' if found else ''}."
    if possible is None or possible >= end:
        return WarmUpError(message, others[0].upper() + others[1:])
    return WarmUpError(message, f"Start at {utc_text(possible)} or later, {others}")


def _earliest_start(timestamps: Sequence[Moments], timeframes: Sequence[str], count: int) -> int | None:
    """Return the first possible start at which all series are warm; None when there is none."""
    latest = 0
    for moments in timestamps:
        for timeframe in timeframes:
            length = TIMEFRAME_MINUTES[timeframe] * MINUTE_MS
            opens = _whole_candles(moments, length)
            if len(opens) < count:
                return None
            latest = max(latest, int(opens[count - 1]) + length)
    step = _common_step(timeframes)
    return -(-latest // step) * step


def _check_start(timeframes: Sequence[str], start: int) -> None:
    """Refuse what Jesse would simulate with candles cut at the wrong place, or not at all."""
    for timeframe in timeframes:
        if start % (TIMEFRAME_MINUTES[timeframe] * MINUTE_MS):
            step = _common_step(timeframes)
            before = start // step * step
            raise PeriodError(f"The start {utc_text(start)} is not the beginning of a {timeframe} candle.",
                              f"Try {utc_text(before)} or {utc_text(before + step)}.", argument="start")


def _common_step(timeframes: Sequence[str]) -> int:
    """Return how far apart the moments are at which candles of all timeframes begin, milliseconds."""
    return math.lcm(*(TIMEFRAME_MINUTES[timeframe] for timeframe in timeframes)) * MINUTE_MS


def _check_period(info: SeriesInfo, start: int, end: int) -> None:
    if info.start <= start and end <= info.end:
        return
    raise CandlesNotFoundError(
        f"{info.symbol} on {info.exchange} is stored from {utc_text(info.start)} to {utc_text(info.end)}, "
        f"not for all of {utc_text(start)} to {utc_text(end)}.",
        "Choose a period inside, or import the missing candles.",
    )


def _slice(
    info: SeriesInfo, path: str, mapped: Candles, warm_up_start: int, start: int, end: int
) -> tuple[CandleSlice, MappedSlice]:
    first, begin, last = (int(row) for row in np.searchsorted(mapped[:, 0], [warm_up_start, start, end]))
    if begin == last:
        raise CandlesNotFoundError(f"{info.symbol} on {info.exchange} has no candle from {utc_text(start)} "
                                   f"to {utc_text(end)}: all of it is a gap.")
    part = CandleSlice(
        exchange=info.exchange,
        symbol=info.symbol,
        start=warm_up_start,
        end=end,
        fingerprint=part_fingerprint(path, first, last) + (EXPANDED + info.expanded_from if info.expanded_from
                                                           else ""),
        missing=_missing_minutes(info, warm_up_start, end),
        sources=info.sources,
    )
    return part, MappedSlice(info.exchange, info.symbol, path, first, begin, last)


def _missing_minutes(info: SeriesInfo, start: int, end: int) -> int:
    missing = 0
    for gap in info.gaps:
        overlap = min(end, gap.start + gap.minutes * MINUTE_MS) - max(start, gap.start)
        missing += max(0, overlap // MINUTE_MS)
    return missing
