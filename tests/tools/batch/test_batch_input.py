"""What a batch refuses, and how it says so."""

from __future__ import annotations

import math
from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.exceptions import InputError, MetricError, PeriodError, StrategyError
from tests.jobs.strategies import CROSSING
from tests.tools.conftest import PERIOD


class Raising:
    """Says that it has members, and raises where they are read."""

    def __iter__(self) -> Any:
        raise RuntimeError("not now")


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no strategy": ({"strategies": None}, InputError, "strategies is None"),
    "strategies that raise": ({"strategies": Raising()}, InputError, "members that can be read: RuntimeError"),
    "empty strategies": ({"strategies": []}, InputError, "strategies is empty"),
    "unknown strategy": ({"strategies": ["Nowhere"]}, StrategyError, "Nowhere"),
    "no symbol": ({"symbols": None}, InputError, "symbols is None"),
    "empty symbols": ({"symbols": []}, InputError, "symbols is empty"),
    "symbol no text": ({"symbols": [5]}, InputError, "symbols holds 5"),
    "empty timeframes": ({"timeframes": ()}, InputError, "timeframes is empty"),
    "unknown timeframe": ({"timeframes": ["1h", "5h"]}, PeriodError, "'5h'"),
    "no period": ({"periods": None}, PeriodError, "periods is needed"),
    "empty periods": ({"periods": []}, PeriodError, "periods is empty"),
    "half a period": ({"periods": [("2023-03-01",)]}, PeriodError, "A period cannot be"),
    "end before start": ({"periods": [PERIOD, PERIOD[::-1]]}, PeriodError, "must come after"),
    "no date": ({"periods": ("soon", "2023-03-01")}, PeriodError, "start is 'soon'"),
    "periods and start": ({"start": "2023-03-01", "end": "2023-04-01"}, InputError, "not both"),
    "empty grid": ({"params": {}}, InputError, "empty grid"),
    "grid without values": ({"params": {"fast": []}}, InputError, "no values for 'fast'"),
    "empty list": ({"params": []}, InputError, "params is empty"),
    "sets that raise": ({"params": Raising()}, InputError, "members that can be read: RuntimeError"),
    "values that raise": ({"params": {"fast": Raising()}}, InputError, "members that can be read: RuntimeError"),
    "symbols that raise": ({"symbols": Raising()}, InputError, "members that can be read: RuntimeError"),
    "no parameters": ({"params": 5}, InputError, "params is 5"),
    "a set that is none": ({"params": [5]}, InputError, "cannot be 5"),
    "no dna": ({"params": ["{}~"]}, InputError, "no DNA"),
    "infinite value": ({"params": [{"fast": math.inf}]}, InputError, "'fast' is inf"),
    "fixed and varied": ({"params": [{"fast": 5}], "hyperparameters": {"fast": 6}}, InputError, "in params and in"),
    "no csv": ({"params": "nowhere.csv"}, InputError, "cannot be read"),
    "unknown metric": ({"metric": "sharp"}, MetricError, "sharpe"),
    "no concurrency": ({"concurrent_limit": 0}, InputError, "concurrent_limit is 0"),
    "top of none": ({"top": 0}, InputError, "top is 0"),
    "negative balance": ({"balance": -1}, InputError, "above zero"),
    "unknown mode": ({"mode": "quick"}, InputError, "'quick'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line_before_anything_runs(markets: CandleStore, name: str) -> None:
    changes, error, words = BAD[name]
    arguments: dict[str, Any] = {"strategies": CROSSING, "symbols": "BTC-USDT", "timeframes": "1h", "periods": PERIOD}
    with pytest.raises(error) as caught:
        backtest_batch(**(arguments | {"candles": markets} | changes))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call", [
    lambda result: result.pivot("strategy", "symbl"),
    lambda result: result.pivot("strategy", "strategy"),
    lambda result: result.pivot("strategy", []),
    lambda result: result.pivot("strategy", "symbol", aggregate="medium"),
    lambda result: result.pivot("strategy", "symbol", "sharp"),
    lambda result: result.rank_stability("fast"),
    lambda result: result.portfolio([]),
    lambda result: result.portfolio(rebalance="weekly"),
])
def test_questions_that_cannot_be_answered_are_one_clear_line(run_batch: Any, call: Any) -> None:
    with pytest.raises(InputError) as caught:
        call(run_batch(params={"fast": [3, 4]}))
    assert "\n" not in str(caught.value)
