"""An indicator with too few candles is refused, never quietly NaN."""

from __future__ import annotations

from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.exceptions import StrategyCrashError
from tests.jobs.strategies import CROSSING

PERIOD = ("2023-03-01", "2023-03-15")
SPACE = {"fast": [5, 8], "slow": [30, 200, 240, 300]}


def run(candle_store: CandleStore, slow: int, **options: Any) -> Any:
    return backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, hyperparameters={"slow": slow}, candles=candle_store,
                    **options)


def test_an_indicator_longer_than_the_warm_up_is_refused(candle_store: CandleStore) -> None:
    with pytest.raises(StrategyCrashError, match=r"sma\(candles, 300\) needs more candles than the 240 .*warm_up"):
        run(candle_store, 300)
    assert run(candle_store, 300, warm_up_candles=300).metrics["total"] > 0


def test_the_border_is_exact(candle_store: CandleStore) -> None:
    assert run(candle_store, 240).spec.warm_up_candles == 240
    with pytest.raises(StrategyCrashError, match="241"):
        run(candle_store, 241)


def test_who_asks_for_no_warm_up_gets_none(candle_store: CandleStore) -> None:
    assert run(candle_store, 300, warm_up_candles=0).spec.warm_up_candles == 0


def test_in_a_study_only_the_trials_that_need_more_fail(candle_store: CandleStore) -> None:
    result = optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, space=SPACE, sampler="grid", n_trials=8, test_ratio=0,
                      candles=candle_store, metric="profit", neighbours=0, parity=False)
    failed = {trial.params["slow"] for trial in result.trials if trial.state == "failed"}
    assert failed == {300}
    assert all("warm_up_candles" in reason for reason in result.failures)


def test_an_indicator_that_is_nan_by_design_is_not_refused(candle_store: CandleStore) -> None:
    pivots = CROSSING.replace("def should_long(self):", "def should_long(self):\n        ta.minmax(self.candles)")
    assert backtest(pivots, "BTC-USDT", "1h", *PERIOD, candles=candle_store).metrics["total"] > 0
