"""Trades whose results are zero on average and scale with the market's volatility, as stops of some ATR make them."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAY, START = 86_400_000, 1_672_531_200_000  # 2023-01-01
DAYS = 540
MARKETS = tuple(("Binance Spot", symbol) for symbol in ("BTC-USDT", "ETH-USDT", "SOL-USDT"))

#: What results look like, in units of the volatility: all have mean zero.
SHAPES = ("many small losses", "many small gains", "stop or target", "fat tails")
#: Nearly all of what these make comes of a few trades: a Pareto distribution of exponent 1.6, which has no variance,
#: and a lognormal one, whose logarithm has a standard deviation of 1.5.
HUGE = ("few huge gains", "few huge losses", "lognormal gains")
#: When trades are entered, and what they have in common.
ARRANGEMENTS = ("independent", "in wild times", "alike within a day", "alike across markets")
#: Sizes that go by the hour: the standard deviation of their logarithm.
FURTHER = {"sizes by hour": 0.5, "very unequal sizes by hour": 1.0}


def noise(shape: str, arrangement: str, seed: int, *, count: int = 150, wildness: float = 3.0) -> tuple:
    """Return trades and the hourly candles beneath; ``wildness`` is e to the standard deviation, twice, of volatility.

    One year and a half; volatility moves over some weeks.
    """
    numbers = (*SHAPES, *HUGE).index(shape), (*ARRANGEMENTS, *FURTHER).index(arrangement)
    random = np.random.default_rng([seed, *numbers, count])
    volatility = volatility_of(random, wildness)
    if arrangement == "in wild times":
        chance = volatility**1.5 / (volatility**1.5).sum()
        days = np.sort(random.choice(DAYS, count, p=chance))
        moments, results, market = days + random.random(count), results_of(random, shape, count), np.zeros(count, int)
    elif arrangement == "alike within a day":
        days = np.repeat(random.integers(0, DAYS, count // 5), 5)
        moments, market = days + random.random(len(days)), np.zeros(len(days), int)
        results = _mixed(random, shape, len(days), 5, 0.6)
    elif arrangement == "alike across markets":
        days = np.repeat(random.integers(0, DAYS, count // 3) + random.random(count // 3) * 0.7, 3)
        moments, market = days + random.random(len(days)) * 0.3, np.tile([0, 1, 2], len(days) // 3)
        results = _mixed(random, shape, len(days), 3, 0.7)
    else:
        moments, results, market = random.random(count) * DAYS, results_of(random, shape, count), np.zeros(count, int)
    moments = np.minimum(moments, DAYS - 0.2)
    results = results * volatility[moments.astype(int)]
    if arrangement in FURTHER:
        results *= np.exp(random.normal(0, FURTHER[arrangement], 24))[(moments % 1 * 24).astype(int)]
    opened = pd.to_datetime(START + (moments * DAY).astype(np.int64), unit="ms", utc=True)
    trades = pd.DataFrame({
        "exchange": MARKETS[0][0], "symbol": [MARKETS[number][1] for number in market], "opened_at": opened,
        "closed_at": opened + pd.Timedelta(hours=4), "pnl": results * 10, "pnl_percentage": results,
    }).sort_values("opened_at", ignore_index=True)
    return trades, {MARKETS[number]: _candles(random, volatility) for number in np.unique(market)}


def overlapping(seed: int, *, count: int = 150, held_days: float = 10.0, markets: int = 1) -> tuple:
    """Return trades that are held for so long while others are opened, and make what the market does; and candles.

    The market has no drift. Half of the trades are held half as long.
    """
    random = np.random.default_rng([seed, 11, count, markets])
    candles = {MARKETS[number]: _candles(random, volatility_of(random, 3.0)) for number in range(markets)}
    market, first = random.integers(0, markets, count), np.sort(random.integers(0, int((DAYS - held_days) * 24), count))
    last = first + (held_days * 24 * random.choice([0.5, 1.0], count)).astype(int)
    logs = np.log(np.stack([rows[:, 2] for rows in candles.values()]))
    results = 100 * (logs[market, last] - logs[market, first])
    opened, closed = (pd.to_datetime(START + (hours + 1) * 3_600_000, unit="ms", utc=True) for hours in (first, last))
    return pd.DataFrame({
        "exchange": MARKETS[0][0], "symbol": [MARKETS[number][1] for number in market], "opened_at": opened,
        "closed_at": closed, "pnl": results * 10, "pnl_percentage": results}), candles


def routes(seed: int, *, count: int = 150, better: float = 0.0, win_rates: tuple = (0.8, 0.5, 0.2)) -> tuple:
    """Return trades of several routes, and candles: each wins as often as is said, and makes nothing on average.

    Gains are one to losses as losing is to winning. The first route makes ``better`` standard deviations more a trade.
    """
    random = np.random.default_rng([seed, 9, count])
    volatility = volatility_of(random, 3.0)
    market, moments = random.integers(0, len(win_rates), count), random.random(count) * (DAYS - 0.2)
    wins = np.array(win_rates)[market]
    # of spread one, whatever the win rate
    results = np.where(random.random(count) < wins, np.sqrt((1 - wins) / wins), -np.sqrt(wins / (1 - wins)))
    results = (results * random.uniform(0.5, 1.5, count) + better * (market == 0)) * volatility[moments.astype(int)]
    opened = pd.to_datetime(START + (moments * DAY).astype(np.int64), unit="ms", utc=True)
    trades = pd.DataFrame({
        "exchange": MARKETS[0][0], "symbol": [MARKETS[number][1] for number in market], "opened_at": opened,
        "closed_at": opened + pd.Timedelta(hours=4), "pnl": results * 10, "pnl_percentage": results,
    }).sort_values("opened_at", ignore_index=True)
    return trades, {MARKETS[number]: _candles(random, volatility) for number in range(len(win_rates))}


def volatility_of(random: np.random.Generator, wildness: float, days: int = DAYS) -> np.ndarray:
    """Return each day's volatility, 1 in the middle; its logarithm moves over weeks."""
    keeps, levels = np.exp(-1 / 25), np.zeros(days)
    for day in range(1, days):
        levels[day] = keeps * levels[day - 1] + np.sqrt(1 - keeps**2) * random.normal()
    return np.exp(levels * np.log(wildness) / 2)


def results_of(random: np.random.Generator, shape: str, count: int) -> np.ndarray:
    """Return results of mean zero."""
    if shape in HUGE:
        gains = random.lognormal(0, 1.5, count) - np.exp(1.5**2 / 2) if shape == "lognormal gains" \
            else random.pareto(1.6, count) - 1 / 0.6
        return -gains if shape == "few huge losses" else gains
    if shape == "fat tails":
        return random.standard_t(3, count)
    if shape == "stop or target":
        return np.where(random.random(count) < 0.75, -1.0, 3.0)
    small = np.where(random.random(count) < 0.7, -1 + 0.1 * random.normal(size=count), random.exponential(7 / 3, count))
    return small if shape == "many small losses" else -small


def _mixed(random: np.random.Generator, shape: str, count: int, group: int, alike: float) -> np.ndarray:
    """Return results of which a share is that of their whole group."""
    common = np.repeat(results_of(random, shape, count // group), group)
    return np.where(random.random(count) < alike, common, results_of(random, shape, count))


def _candles(random: np.random.Generator, volatility: np.ndarray) -> np.ndarray:
    steps = random.normal(0, 0.004, DAYS * 24) * np.repeat(volatility, 24)
    closes = 100 * np.exp(np.cumsum(steps))
    return np.column_stack([START + np.arange(len(closes)) * 3_600_000.0, *[closes] * 5])
