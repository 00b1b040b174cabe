"""Our own candle pipeline: the real minutes' moves in another order, which trend no more than the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import StationaryBootstrap
from numpy.typing import NDArray

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.stationary_bootstrap import drawn_minutes, rewritten, stationary_bootstrap
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import SimulationError
from tests.conftest import EXCHANGE, real_candles
from tests.simulator.test_pipeline import END, START, WARM_UP, one_market, simulated
from tests.strategies import REVERSION, TREND

DAY, WEEK = 1_440, 10_080
OURS = CandlePipeline(settings={"block": 400}, seed=3)


def within(symbol: str, start: str = START, end: str = END) -> NDArray[np.float64]:
    candles = real_candles(symbol)
    first, last = np.searchsorted(candles[:, 0], [to_ms(start), to_ms(end)])
    return candles[first:last]


def random_walk(minutes: int, seed: int) -> NDArray[np.float64]:
    close = 20_000 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 5e-4, minutes)))
    opened = np.concatenate([[20_000.0], close[:-1]])
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return np.column_stack([np.arange(minutes) * 60_000.0, opened, close, high, low, np.ones(minutes)])


def test_each_candle_is_a_real_minute_that_begins_where_the_last_one_ended():
    real = within("BTC-USDT")
    minutes = drawn_minutes(len(real), 300, 1)
    new = rewritten(real, minutes)
    assert np.array_equal(new[:, 0], real[:, 0])
    assert new[0, 1] == real[0, 1]
    assert np.array_equal(new[1:, 1], new[:-1, 2])
    before = np.concatenate([real[:1, 1], real[:-1, 2]])
    np.testing.assert_allclose(new[:, 2] / new[:, 1], (real[:, 2] / before)[minutes], rtol=1e-12)
    np.testing.assert_allclose(new[:, 3] / new[:, 2], np.maximum((real[:, 3] / real[:, 2])[minutes],
                                                                 np.maximum(new[:, 1] / new[:, 2], 1)), rtol=1e-12)
    np.testing.assert_allclose(new[:, 4] / new[:, 2], np.minimum((real[:, 4] / real[:, 2])[minutes],
                                                                 np.minimum(new[:, 1] / new[:, 2], 1)), rtol=1e-12)
    assert np.array_equal(new[:, 5], real[minutes, 5])
    assert (new[:, 3] >= new[:, [1, 2, 4]].max(axis=1)).all()
    assert (new[:, 4] <= new[:, [1, 2, 3]].min(axis=1)).all()


def test_undisturbed_minutes_are_the_real_candles():
    real = random_walk(3 * DAY, 0)
    np.testing.assert_allclose(rewritten(real, np.arange(len(real))), real, rtol=1e-9)


LENGTHS = [2 * DAY, 10 * DAY, 365 * DAY, 30 * DAY + 720,
           *np.random.default_rng(0).integers(2 * DAY, 60 * DAY, 40).tolist()]


@pytest.mark.parametrize("block", [400, WEEK, 60 * DAY])
def test_each_minute_is_from_its_time_of_day_whatever_the_length(block: int):
    for seed, minutes in enumerate(LENGTHS):
        drawn = drawn_minutes(minutes, block, seed)
        assert drawn.shape == (minutes,)
        assert drawn.min() >= 0
        assert drawn.max() < minutes
        assert np.array_equal(drawn % DAY, np.arange(minutes) % DAY)
        assert np.array_equal(drawn, drawn_minutes(minutes, block, seed))
    assert not np.array_equal(drawn_minutes(365 * DAY, block, 5), drawn_minutes(365 * DAY, block, 6))


@pytest.mark.parametrize("minutes", [2 * DAY, 3 * DAY + 1, 5 * DAY + 300, 6 * DAY - 1])
def test_of_minutes_of_one_time_of_day_each_is_as_likely(minutes: int):
    draws = 1_000
    counts = sum(np.bincount(drawn_minutes(minutes, 1_000, seed), minlength=minutes) for seed in range(draws))
    of_its_time = np.bincount(np.arange(minutes) % DAY)
    assert np.array_equal(np.bincount(np.arange(minutes) % DAY, counts), draws * of_its_time)
    assert np.abs(counts - draws).max() < 4.5 * np.sqrt(draws)


def test_blocks_are_as_long_as_asked_for_and_each_minute_is_as_likely():
    days, block = 20, 500
    counts, breaks = np.zeros(days * DAY), []
    for seed in range(300):
        drawn = drawn_minutes(days * DAY, block, seed)
        counts += np.bincount(drawn, minlength=len(counts))
        breaks.append(int((np.diff(drawn) % len(drawn) != 1).sum()))
    # a block that goes on from where the last one ended cannot be seen: one day in so many
    expected = (days * DAY - 1) / block * (1 - 1 / days)
    assert abs(np.mean(breaks) - expected) < 4 * np.sqrt(expected / len(breaks))
    by_day = counts.reshape(days, DAY).sum(axis=1) / counts.sum()
    assert np.allclose(by_day, 1 / days, rtol=0.2)  # some 800 blocks begin in each, of random lengths


def test_means_vary_as_under_archs_stationary_bootstrap():
    noise = np.random.default_rng(2).normal(size=10 * DAY)
    series = pd.Series(noise).ewm(span=30).mean().to_numpy()  # its neighbours are alike; its hours are not
    ours = [series[drawn_minutes(len(series), 240, seed)].mean() for seed in range(600)]
    theirs = StationaryBootstrap(240, series, seed=1).apply(np.mean, 600)
    assert 0.8 < np.std(ours) / np.std(theirs) < 1.25  # each is known to 3 %


def test_it_does_not_trend_where_jesses_block_bootstrap_does():
    ratios: dict[str, list[float]] = {"ours": [], "jesse": []}
    pipeline = jesse_module("jesse.candle_pipelines").MovingBlockBootstrapCandlesPipeline
    for seed in range(12):
        real = random_walk(26 * WEEK, seed)
        jesse = pipeline(WEEK, seed=seed)
        parts = [np.array(jesse.get_candles(real[at : at + WEEK], at, WEEK)) for at in range(0, len(real), WEEK)]
        for name, market in (("ours", rewritten(real, drawn_minutes(len(real), WEEK, seed))),
                             ("jesse", np.concatenate(parts))):
            close = np.log(market[:, 2])
            ratios[name].append(np.diff(close[::WEEK]).var() / np.diff(close[::60]).var() / (WEEK / 60))
    assert np.mean(ratios["ours"]) == pytest.approx(1, abs=0.2)
    assert np.mean(ratios["jesse"]) > 1.5


@pytest.mark.parametrize("mode", ["fast", "step"])
def test_a_run_is_the_run_on_a_store_with_these_candles(candle_store: CandleStore, tmp_path: Path, mode: str):
    other = CandleStore(tmp_path / "candles")
    for symbol in ("BTC-USDT", "ETH-USDT"):
        real = real_candles(symbol)
        first, last = np.searchsorted(real[:, 0], [to_ms(START), to_ms(END)])
        new = rewritten(real[first:last], drawn_minutes(last - first, 400, OURS.seed))
        other.write(EXCHANGE, symbol, np.concatenate([real[first - 10 * DAY : first], new]))
    routes = [(TREND, "BTC-USDT", "1h"), (REVERSION, "ETH-USDT", "15m")]

    def request(store: CandleStore) -> Request:
        return Request(routes=routes, candles=store, leverage=2, warm_up_candles=WARM_UP)

    piped, = simulated(request(candle_store), [OURS], mode)
    plain, = simulated(request(other), [None], mode)
    assert len(piped.trades) > 5
    assert repr(piped.metrics) == repr(plain.metrics)
    assert piped.trades.equals(plain.trades)
    assert piped.equity.equals(plain.equity)
    assert piped.card.synthetic
    real, = simulated(request(candle_store), [None], mode)
    assert real.metrics["net_profit"] != piped.metrics["net_profit"]


def test_markets_that_lack_minutes_stay_together():
    """As if all minutes were there, each market's own missing ones flat, whatever rows it has."""
    whole, start = random_walk(3 * DAY + 500, 4), 5 * DAY * 60_000
    whole[:, 0] += start
    drawn = drawn_minutes(len(whole), 300, 8)
    for lacking in (np.r_[0:7, 1_000:1_090], np.r_[2_000:2_060, 4_000:4_005, len(whole) - 3 : len(whole)]):
        left = np.delete(np.arange(len(whole)), lacking)
        flat, frame = whole.copy(), pd.DataFrame(whole[:, 2])
        frame.iloc[lacking] = np.nan
        flat[lacking, 1:5] = frame.ffill().fillna(whole[left[0], 1]).to_numpy()[lacking]
        flat[lacking, 5] = 0
        out = np.zeros((len(left), 6))
        stationary_bootstrap(object, start, len(whole), 300, 8)().process(whole[left], out)
        np.testing.assert_allclose(out, rewritten(flat, drawn)[left], rtol=1e-12)


def test_sparse_markets_of_unequal_length_are_rewritten(candle_store: CandleStore, tmp_path: Path):
    store = CandleStore(tmp_path / "candles")
    whole = within("BTC-USDT", "2023-04-20")
    store.write(EXCHANGE, "BTC-USDT", whole)
    store.write(EXCHANGE, "ETH-USDT", np.delete(whole, slice(-2_000, -1_900), axis=0))
    sparse = Request(routes=[(TREND, "BTC-USDT", "1h"), (TREND, "ETH-USDT", "1h")], candles=store,
                     leverage=5, warm_up_candles=WARM_UP, gaps="keep")
    piped, = simulated(sparse, [OURS])
    entered = piped.trades.groupby("symbol")["entry_price"].first()
    assert entered["BTC-USDT"] == pytest.approx(entered["ETH-USDT"])  # one market, of which one copy lacks minutes


@pytest.mark.parametrize(("timeframe", "end", "words"), [
    ("3D", "2023-05-09", "14,400 minutes do not consist of whole steps of 4,320 minutes"),
    ("1h", "2023-04-30", "period has 1,440 minutes.* It needs two days or more"),
])
def test_periods_that_cannot_be_rewritten_are_refused(candle_store: CandleStore, timeframe: str, end: str, words: str):
    with pytest.raises(SimulationError, match=words):
        simulated(Request(strategy=TREND, symbol="BTC-USDT", timeframe=timeframe, candles=candle_store,
                          warm_up_candles=20), [OURS], period=("2023-04-29", end))


def test_nothing_else_changes_with_it(candle_store: CandleStore):
    one, two, other = simulated(one_market(TREND, candle_store), [OURS, OURS, CandlePipeline(settings=OURS.settings)])
    assert repr(one.metrics) == repr(two.metrics)
    assert one.key == two.key != other.key
    assert one.metrics["net_profit"] != other.metrics["net_profit"]
