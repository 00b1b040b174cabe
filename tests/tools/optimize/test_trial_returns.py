"""Daily returns of trials, and their market: whether both line up, and what is done with odd equity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.curves.curves import daily_returns
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.optimize.curve_file import CurveFile
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.trial_returns import trial_returns
from tests.jobs.strategies import CROSSING

HOLD = """
from jesse.strategies import Strategy
class Hold(Strategy):
    def should_long(self): return True
    def go_long(self): self.buy = self.hp["share"] * self.balance / self.price, self.price
    def should_cancel_entry(self): return False
    def hyperparameters(self):
        return [{"name": "share", "type": float, "min": 0.0001, "max": 0.98, "default": 0.98}]
"""


@pytest.mark.parametrize("timeframe", ["1h", "4h", "1D"])
def test_who_holds_the_market_gains_what_the_market_gains(candle_store: CandleStore, timeframe: str) -> None:
    result = optimize(HOLD, "BTC-USDT", timeframe, "2023-03-01", "2023-04-10", space={"share": [0.98, 0.5]}, n_trials=2,
                      sampler="grid", test_ratio=0, fee=0.0, candles=candle_store, warm_up_candles=20)
    market = daily_returns(result.market)
    assert market.index.equals(result.returns.index)
    most = next(trial.number for trial in result.trials if trial.params["share"] == 0.98)
    gained = result.returns[most].iloc[1:]  # the first day is bought in
    assert np.corrcoef(gained, market.iloc[1:])[0, 1] > 0.9999
    assert (gained - market.iloc[1:]).abs().max() < 0.003  # 2 % are cash


def test_one_column_a_finished_trial_whoever_answers(candle_store: CandleStore) -> None:
    def run() -> object:
        return optimize(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-04-01",
                        space={"fast": [3, 9], "slow": [30, 40]}, n_trials=4, sampler="grid", candles=candle_store)

    first, second = run(), run()
    assert all(trial.reused for trial in second.trials)
    assert list(first.returns.columns) == [0, 1, 2, 3]
    pd.testing.assert_frame_equal(first.returns, second.returns, check_exact=True)
    pd.testing.assert_series_equal(first.market, second.market, check_exact=True)
    best = first.returns[first.best.number]
    assert np.prod(1 + best) == pytest.approx(first.training.equity.iloc[-1] / first.training.equity.iloc[0], rel=1e-12)
    assert best.index[-1] < pd.Timestamp(first.test_start, unit="ms", tz="UTC") + pd.Timedelta(days=1)


def _samples(values: list[float], minutes: int = 1) -> pd.Series:
    days = pd.date_range("2024-01-01", periods=len(values), tz="UTC")
    return pd.Series(values, index=days[:1].append(days[1:] + pd.Timedelta(minutes=minutes)))


def test_it_is_the_daily_returns_of_each_curve() -> None:
    rng = np.random.default_rng(0)
    market = pd.Series(1.0, index=pd.date_range("2024-01-01", periods=40, tz="UTC"))
    curves = {number: _samples(list(rng.lognormal(0, 0.03, 40).cumprod()), minutes) for number, minutes
              in ((4, 1), (0, 60), (2, 1))}
    frame = trial_returns(curves, market)
    assert list(frame.columns) == [0, 2, 4]
    filed = CurveFile()
    for number, curve in curves.items():
        filed.add(number, curve)
    pd.testing.assert_frame_equal(trial_returns(filed, market), frame, check_exact=True)
    for number, curve in curves.items():
        pd.testing.assert_series_equal(frame[number], daily_returns(curve), check_names=False, check_freq=False,
                                       rtol=1e-14)


def test_what_is_lost_stays_lost_and_days_without_a_sample_are_flat() -> None:
    market = pd.Series(1.0, index=pd.date_range("2024-01-01", periods=5, tz="UTC"))
    curves = {0: _samples([10.0, 5.0, -2.0, 3.0, 4.0]), 1: _samples([10.0, 5.0, 0.0]), 2: _samples([8.0] * 5)}
    frame = trial_returns(curves, market)
    assert frame[0].tolist() == [-0.5, -1.0, 0.0, 0.0]
    assert frame[1].tolist() == [-0.5, -1.0, 0.0, 0.0]
    assert frame[2].tolist() == [0.0] * 4
    assert trial_returns({}, market).shape == (4, 0)
