"""What is often written wrongly, or left out, and what is said of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.jobs.failures import failure_of
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.strategies.crash_advice import place_in_jesse
from jesse_nb.core.times import TIMEFRAME_MINUTES, unknown_timeframe
from jesse_nb.exceptions import StrategyCrashError, StrategyError

STRATEGY = """
class {name}(Strategy):
    def should_long(self):
        return self.index % 20 == 0 and ta.rsi(self.candles) > 0
    def go_long(self):
        self.buy = {buy}
    def update_position(self):
        {then}
"""
BUY = "utils.size_to_qty(self.balance * 0.3, self.price), self.price"


def source(name: str = "Plain", buy: str = BUY, then: str = "self.liquidate()") -> str:
    return STRATEGY.format(name=name, buy=buy, then=then)


@pytest.fixture
def run(candle_store: CandleStore) -> Any:
    def backtest(strategy: Any, *market: str, **changes: Any) -> Any:
        market = market or ("BTC-USDT", "1h")
        return jn.backtest(strategy, *(market if "routes" not in changes else (None, None)), "2023-01-20", "2023-01-26",
                           candles=candle_store, **changes)

    return backtest


def test_a_source_text_has_the_names_that_a_cell_has(run: Any) -> None:
    imports = "from jesse import indicators as ta, utils\nfrom jesse.strategies import Strategy\n"
    plain = run(source())
    assert len(plain.trades) > 3
    assert plain.metrics == run(imports + source()).metrics


def test_what_it_prints_is_mentioned(run: Any) -> None:
    printing = run(source(then="print('a', self.index); self.liquidate()"))
    lines = len(printing.output.splitlines())
    assert lines > 1
    assert f"The strategy printed {lines} lines: .output has them." in str(printing)
    assert "printed" not in str(run(source()))


def test_a_report_of_two_strategies_names_both(run: Any) -> None:
    both = run(None, routes=[(source("One"), "BTC-USDT", "1h"), (source("Two"), "ETH-USDT", "1h")], market="futures")
    assert str(both).startswith("Backtest of One and Two: BTC-USDT 1h, ETH-USDT 1h on")


@pytest.mark.parametrize(("changes", "said"), [
    ({"buy": "self.price,"}, "self.buy is (quantity, price), or a list of such pairs."),
    ({"then": "self.take_profit = [(1,), (2,)]"}, "self.take_profit is (quantity, price)"),
    ({"then": "self.get_candles(self.exchange, 'ETH-USDT', '4h')"},
     "Add data_routes=[('ETH-USDT', '4h')], on a line --data-routes ETH-USDT:4h."),
    ({"then": "ta.rsii(self.candles)"}, "Did you mean 'rsi'"),
])
def test_a_crash_says_what_to_write(run: Any, changes: dict[str, str], said: str) -> None:
    with pytest.raises(StrategyCrashError) as caught:
        run(source(**changes))
    assert said in str(caught.value)


def test_what_jesse_itself_fails_of_is_not_told_as_the_strategys() -> None:
    with pytest.raises(ValueError, match="No candles") as caught:
        jesse_module("jesse.services.candle_service").generate_candle_from_observed_minutes("1h", np.empty((0, 6)))
    place = place_in_jesse(caught.value)
    assert re.fullmatch(r"generate_\w+ of jesse\.services\.candle_service, line \d+", place)
    told = failure_of(Answer(failure="jesse", message=f"IndexError: empty (in {place})"))
    assert str(told) == f"Jesse itself failed, while no line of the strategy ran: IndexError: empty (in {place})."


def test_a_fill_after_missing_minutes_with_few_candles_is_no_crash(tmp_path: Path) -> None:
    """Jesse looks there for a candle among the last 20, of which it has 7."""
    store = CandleStore(tmp_path)
    count, random = 20 * 1440, np.random.default_rng(1)
    closes = 100 * np.exp(np.cumsum(random.normal(0, 0.0005, count)))
    opens = np.r_[100, closes[:-1]]
    rows = np.column_stack([1_672_531_200_000 + np.arange(count) * 60_000.0, opens, closes, np.maximum(opens, closes),
                            np.minimum(opens, closes), np.ones(count)])
    store.write("Binance Spot", "A-USDT", np.delete(rows, slice(12 * 1440 + 300, 12 * 1440 + 400), axis=0))
    bids = source(buy="[(0.1, self.price * (1 - step / 1000)) for step in range(1, 25)]").replace(
        "self.index % 20 == 0 and ta.rsi(self.candles) > 0", "True")

    def run(**changes: Any) -> Any:
        return jn.backtest(bids, "A-USDT", "1D", "2023-01-11", "2023-01-16", candles=store, warm_up_candles=5,
                           **changes)

    assert not run(gaps="keep").trades.empty
    assert not run(gaps="fill").trades.empty
    with pytest.raises(StrategyCrashError, match="The strategy raised InsufficientBalance"):
        run(balance=1.0)


def test_a_list_of_strategies_is_refused_without_its_source(run: Any) -> None:
    with pytest.raises(StrategyError, match=r"is a list of 2. Give one; backtest_batch compares several"):
        run([source(), source()])


def test_a_timeframe_of_the_same_length_is_meant() -> None:
    meant = {"60m": "1h", "240min": "4h", "1d": "1D", "24h": "1D", "7d": "1W", "120M": "2h", "3 hours": "3h"}
    for written, name in meant.items():
        assert f"Did you mean {name!r}?" in str(unknown_timeframe(written))
    for written in ("", "h", "0m", "59m", None, "1" * 400):
        assert str(unknown_timeframe(written)).startswith("Unknown timeframe")
    assert len(TIMEFRAME_MINUTES) == 17
