"""A demo market: generated, never traded, and the same on every machine.

Three correlated symbols with what makes real markets hard and interesting: volatility that clusters
over minutes and over weeks (a Markov-switching multifractal, Calvet & Fisher 2004), fat tails, jumps,
regimes of trend and calm, hours and weekends, volume that follows volatility.

It must be bit-identical everywhere, since a series' fingerprint goes into every result's card. So it is
built only from what is exact by standard: raw 64-bit output of PCG64 and NumPy's SeedSequence (their
streams are promised not to change; those of ``Generator.normal`` are not, and take ``log`` from the
platform), whole-number arithmetic, and single additions, multiplications, divisions and square roots of
doubles, which IEEE 754 rounds one way only. No ``exp``, ``log`` or ``sin``, whose last bit differs between
platforms; no ``sum``, whose order does; ``cumsum`` and ``cumprod`` go strictly from left to right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles.series import COLUMNS, Candles, SeriesInfo, symbol_name
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.times import DAY_MS, MINUTE_MS, to_ms, utc_text
from jesse_nb.exceptions import CandlesNotFoundError, InputError, PeriodError, did_you_mean, shown

__all__ = ["DEMO_EXCHANGE", "DEMO_SYMBOLS", "demo_candles", "install_demo"]

#: The exchange that demo candles are stored under: it says everywhere that they are not real.
DEMO_EXCHANGE = "Demo (synthetic)"

_START = to_ms("2023-01-01")
_LATEST = to_ms("2030-01-01")
_SEED = 362

_MINUTES_A_DAY = 1_440

# Volatility of a minute, by hour UTC: Asia's morning, Europe's, the peak when New York opens.
_HOURS = (1.10, 1.00, 0.95, 0.88, 0.80, 0.78, 0.80, 0.90, 1.00, 1.02, 0.98, 0.98,
          1.08, 1.30, 1.50, 1.45, 1.30, 1.18, 1.08, 1.02, 1.02, 0.98, 0.92, 0.98)
_WEEKEND = 0.68

# Mean minutes until a component of volatility changes: from a quarter of an hour to a month.
_VOLATILITY_LIVES = (15, 60, 240, 1_440, 5_760, 43_200)
_VOLATILITY_STEP = 0.5

_REGIME_MINUTES = 7_200
_JUMP_MINUTES = 3_000


@dataclass(frozen=True)
class _Market:
    """How one symbol behaves; prices in USDT, volume in the base currency."""

    number: int
    price: float
    decimals: int
    volume_decimals: int
    volume: float
    beta: float
    own: float


_MARKETS = {
    "BTC-USDT": _Market(0, 22_500.0, 2, 5, 22.0, 1.00, 0.36),
    "ETH-USDT": _Market(1, 1_550.0, 2, 4, 210.0, 1.04, 0.62),
    "SOL-USDT": _Market(2, 24.0, 3, 2, 2_600.0, 1.30, 1.25),
}

#: The symbols of the demo market.
DEMO_SYMBOLS = tuple(_MARKETS)

# Size of an average minute's common return before all multipliers.
_MINUTE = 0.0006


def demo_candles(
    symbol: str, start: Any = "2023-01-01", end: Any = "2024-07-01", seed: int = _SEED
) -> Candles:
    """Return one-minute candles of the demo market. They are synthetic.

    A seed is one history of all symbols together, which begins on 2023-01-01: any period of it has the
    same candles whatever period was asked for.

    Parameters
    ----------
    symbol
        One of ``DEMO_SYMBOLS``.
    start, end
        The period, end excluded, from 2023-01-01 on and until 2030-01-01 at the latest.
    seed
        Another seed is another history. The default one stays within what these markets cost at the time.

    Returns
    -------
    numpy.ndarray
        float64 (minutes, 6), without gaps.

    Raises
    ------
    CandlesNotFoundError
        When the demo market has no such symbol.
    PeriodError
        When the period lies outside, or is empty.
    InputError
        When the seed is not a whole number from 0 up.
    """
    return _demo_candles([symbol], start, end, seed)[0]


@well_named
def install_demo(
    store: CandleStore | str | Path | None = None,
    symbols: Iterable[str] = DEMO_SYMBOLS,
    start: Any = "2023-01-01",
    end: Any = "2024-07-01",
    seed: int = _SEED,
) -> list[SeriesInfo]:
    """Store the demo market under the exchange "Demo (synthetic)". Doing it again changes nothing.

    Parameters
    ----------
    store
        Where to; a store or its folder, the user's own by default.
    symbols, start, end, seed
        As :func:`demo_candles`. Where another seed is stored, its candles are replaced in this period.

    Returns
    -------
    list of SeriesInfo
        One for each symbol.

    Raises
    ------
    CandlesNotFoundError, PeriodError, InputError
        As :func:`demo_candles`; nothing is stored then.
    StorageError
        When the store cannot be written.

    Examples
    --------
    >>> [series.symbol for series in jn.install_demo(jn.CandleStore("demo"), ["ETH-USDT"], end="2023-02-01")]
    ['ETH-USDT']
    """
    target = CandleStore.of(store)
    wanted = list(dict.fromkeys(symbols))
    return [target.write(DEMO_EXCHANGE, symbol, candles, replace=True)
            for symbol, candles in zip(wanted, _demo_candles(wanted, start, end, seed), strict=True)]


def _demo_candles(symbols: list[str], start: Any, end: Any, seed: int) -> list[Candles]:
    """Return the candles of each symbol; what the symbols share is made once."""
    names = [symbol_name(symbol) for symbol in symbols]
    for name in names:
        if name not in _MARKETS:
            raise CandlesNotFoundError(f"The demo market has no {name}.", did_you_mean(name, DEMO_SYMBOLS))
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"The seed is a whole number from 0 up, not {shown(seed)}.")
    first, last = to_ms(start, "start"), to_ms(end, "end")
    if first >= last:
        raise PeriodError(f"The end ({utc_text(last)}) must come after the start ({utc_text(first)}).")
    if first < _START or last > _LATEST:
        raise PeriodError(f"The demo market exists from {utc_text(_START)} to {utc_text(_LATEST)}, "
                          f"not from {utc_text(first)} to {utc_text(last)}.")
    minutes = (last - _START) // MINUTE_MS
    common = _common(int(seed), minutes)
    return [np.ascontiguousarray(_market_candles(_MARKETS[name], common, int(seed))[(first - _START) // MINUTE_MS:])
            for name in names]


@dataclass(frozen=True)
class _Common:
    """What all symbols share, minute by minute."""

    clock: Candles  # volatility by hour and weekday
    volatility: Candles  # clustering, times the clock
    returns: Candles  # of the whole market


def _common(seed: int, minutes: int) -> _Common:
    clock = _clock(minutes)
    volatility = clock * _clustering(seed, 100, minutes, _VOLATILITY_LIVES)
    drift = _regimes(seed, 200, minutes)
    noise = _normal(_raw(seed, 300), minutes)
    returns = _MINUTE * volatility * (noise + drift) + _jumps(seed, 400, minutes, 0.012)
    return _Common(clock, volatility, returns)


def _market_candles(market: _Market, common: _Common, seed: int) -> Candles:
    minutes = len(common.returns)
    stream = 1_000 * (market.number + 1)
    own_clustering = _clustering(seed, stream, minutes, _VOLATILITY_LIVES[2:5])
    own_volatility = _MINUTE * market.own * common.clock * own_clustering
    own_returns = own_volatility * (_normal(_raw(seed, stream + 50), minutes)
                                    + _regimes(seed, stream + 60, minutes)) \
        + _jumps(seed, stream + 70, minutes, 0.008 * market.own)
    returns = np.clip(market.beta * common.returns + own_returns, -0.2, 0.25)
    spread = np.sqrt((market.beta * _MINUTE * common.volatility) * (market.beta * _MINUTE * common.volatility)
                     + own_volatility * own_volatility)

    close = market.price * np.cumprod(1.0 + returns)
    before = np.concatenate([[market.price], close[:-1]])
    # The farthest a Brownian bridge gets above its ends has this distribution exactly: -2 log U is
    # the sum of two squared normals. Below likewise.
    span = before * spread
    change = close - before
    reach = np.sqrt(change * change + span * span * _two_squares(_raw(seed, stream + 80), minutes))
    high = before + (change + reach) / 2.0
    reach = np.sqrt(change * change + span * span * _two_squares(_raw(seed, stream + 90), minutes))
    low = before + (change - reach) / 2.0

    # Volume: what is usual for the hour, more when prices move, and a good deal of chance.
    surprise = np.abs(returns) / (_MINUTE * (market.beta + market.own))
    chance = 0.25 + 0.5 * _two_squares(_raw(seed, stream + 95), minutes)
    volume = market.volume * common.volatility * chance * (0.35 + surprise)

    candles = np.empty((minutes, len(COLUMNS)), np.float64)
    candles[:, 0] = _START + np.arange(minutes, dtype=np.int64) * MINUTE_MS
    # Rounding to the tick keeps the order of the four prices.
    for column, prices in ((1, before), (2, close), (3, high), (4, low)):
        candles[:, column] = np.round(prices, market.decimals)
    candles[:, 5] = np.round(volume, market.volume_decimals)
    return candles


def _clock(minutes: int) -> Candles:
    hours = np.array(_HOURS)
    minute = np.arange(_MINUTES_A_DAY)
    # From the middle of one hour to the middle of the next in a straight line.
    hour, part = np.divmod(minute + _MINUTES_A_DAY - 30, 60)
    left, right = hours[hour % 24], hours[(hour + 1) % 24]
    day = left + (right - left) * (part / 60.0)
    days = minutes // _MINUTES_A_DAY + 1
    weekday = (np.arange(days) + _START // DAY_MS + 3) % 7  # 1970-01-01 was a Thursday
    factor = np.where(weekday >= 5, _WEEKEND, 1.0)
    clock: Candles = (factor[:, None] * day[None, :]).ravel()[:minutes]
    return clock


def _clustering(seed: int, stream: int, minutes: int, lives: tuple[int, ...]) -> Candles:
    """Return the square root of a product of components that each change at random times."""
    variance = np.ones(minutes)
    for position, life in enumerate(lives):
        number = _changes(_raw(seed, stream + 2 * position), minutes, life)
        heads = _raw(seed, stream + 2 * position + 1).random_raw(int(number[-1]) + 1) >> np.uint64(63)
        levels = np.where(heads == 1, 1.0 + _VOLATILITY_STEP, 1.0 - _VOLATILITY_STEP)
        variance *= levels[number]
    return np.sqrt(variance)


def _regimes(seed: int, stream: int, minutes: int) -> Candles:
    """Return the drift of each minute in units of its volatility: trends up and down, and calm."""
    number = _changes(_raw(seed, stream), minutes, _REGIME_MINUTES)
    drawn = _raw(seed, stream + 1).random_raw(int(number[-1]) + 1) >> np.uint64(32)
    levels = np.array([0.0, 0.0, 0.0085, 0.006, -0.008])
    drift: Candles = levels[(drawn % np.uint64(len(levels))).astype(np.int64)][number]
    return drift


def _jumps(seed: int, stream: int, minutes: int, size: float) -> Candles:
    source = _raw(seed, stream)
    happens = np.diff(_changes(source, minutes, _JUMP_MINUTES), prepend=0) > 0
    jumps = np.zeros(minutes)
    jumps[happens] = size * _normal(_raw(seed, stream + 1), int(happens.sum()))
    return jumps


def _changes(source: np.random.PCG64, minutes: int, life: int) -> NDArray[np.int64]:
    """Return the number of each minute's stretch; stretches change once in ``life`` minutes on average."""
    return np.cumsum(source.random_raw(minutes) < np.uint64(2**64 // life), dtype=np.int64)


def _raw(seed: int, stream: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence([seed, stream]))


def _normal(source: np.random.PCG64, count: int) -> Candles:
    """Return nearly normal numbers of variance 1: each the sum of eight 16-bit whole numbers."""
    raw = source.random_raw(2 * count)
    lanes = np.uint64(0x0000_FFFF_0000_FFFF)
    pairs = (raw & lanes) + ((raw >> np.uint64(16)) & lanes)
    pairs = pairs[0::2] + pairs[1::2]
    total = ((pairs & np.uint64(0xFFFF_FFFF)) + (pairs >> np.uint64(32))).astype(np.int64)
    # Eight uniform numbers of 0 to 65535: mean 8 * 32767.5, variance 8 * (65536² - 1) / 12.
    normal: Candles = (total - 262_140).astype(np.float64) / np.sqrt(8.0 * (65_536.0 * 65_536.0 - 1.0) / 12.0)
    return normal


def _two_squares(source: np.random.PCG64, count: int) -> Candles:
    """Return sums of two squared normals: positive, of mean 2."""
    drawn = _normal(source, 2 * count)
    first, second = drawn[0::2], drawn[1::2]
    squares: Candles = np.add(first * first, second * second)
    return squares
