"""What every tool does with an account that is ruined."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.analyze.analyze import analyze_results
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.resimulate.candle_monte_carlo import candle_monte_carlo
from jesse_nb.core.tools.resimulate.exploration import explore_backtest
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
from jesse_nb.exceptions import InputError
from jesse_nb.report.html import page
from jesse_nb.report.results import text
from tests.conftest import EXCHANGE

START = 1_700_006_400_000  # 2023-11-15
DAY = 1440

#: Goes short each Thursday noon with ``part`` of its money and closes two and a half days later.
WEEKLY = """
from jesse.strategies import Strategy

class Weekly(Strategy):
    def hyperparameters(self):
        return [{"name": "part", "type": float, "min": 0.05, "max": 0.95, "default": 0.9}]

    def should_long(self):
        return False

    def go_long(self):
        pass

    def should_short(self):
        return self.index % 14 == 1

    def go_short(self):
        self.sell = self.hp["part"] * self.available_margin * self.leverage / self.price, self.price

    def update_position(self):
        if self.index % 14 == 6:
            self.liquidate()
"""


@pytest.fixture(scope="module")
def spiking(tmp_path_factory: pytest.TempPathFactory) -> CandleStore:
    """Ten weeks that fall by 1 % a day, but for 2023-12-21, when the price doubles for some hours."""
    minutes = 70 * DAY
    close = 100.0 * 0.99 ** (np.arange(1, minutes + 1) / DAY)
    close += 0.02 * np.sin(np.arange(minutes) / 300.0)
    close[37 * DAY : 37 * DAY + 300] *= 2.0
    open_ = np.concatenate([[100.0], close[:-1]])
    candles = np.column_stack([START + 60_000 * np.arange(minutes), open_, close, np.maximum(open_, close),
                               np.minimum(open_, close), np.ones(minutes)])
    store = CandleStore(tmp_path_factory.mktemp("spiking"))
    store.write(EXCHANGE, "BTC-USDT", candles)
    return store


WHERE = {"symbol": "BTC-USDT", "timeframe": "12h", "leverage": 5, "warm_up_candles": 0}
RUINED = "ruined on 2023-12-22"


def test_backtest(spiking: CandleStore):
    result = backtest(WEEKLY, start="2023-11-15", end="2024-01-24", candles=spiking, **WHERE)
    assert result.ruin is not None
    assert math.isnan(result.metrics["net_profit_percentage"])
    assert result.audit.jesse_metrics["net_profit_percentage"] > 50
    said = text(result)
    assert RUINED in said.split("Net profit")[0]
    assert "Jesse's own figures, which are wrong" in said
    html = page(result)
    assert html.index(RUINED) < html.index("Net profit</")
    with pytest.raises(InputError, match=RUINED):
        analyze_results(result)
    with pytest.raises(InputError, match=RUINED):
        candle_monte_carlo(result, 2)
    exploration = explore_backtest(result, candles=spiking)
    assert RUINED in text(exploration)
    assert exploration.equity.index[-1].value // 1_000_000 == result.ruin.moment
    # What is stored answers the same question in the same way.
    again = backtest(WEEKLY, start="2023-11-15", end="2024-01-24", candles=spiking, **WHERE)
    assert again.ruin == result.ruin


def test_an_optimization_never_ranks_it(spiking: CandleStore):
    study = optimize(WEEKLY, start="2023-11-15", end="2024-01-24", candles=spiking, space={"part": (0.05, 0.4)},
                     n_trials=12, n_jobs=2, metric="profit", test_ratio=0, **WHERE)
    lost = [trial for trial in study.trials if trial.ruined]
    kept = [trial for trial in study.trials if not trial.ruined]
    assert lost
    assert kept
    assert {trial.params["part"] > 0.19 for trial in lost} == {True}  # a doubled price costs 5 x part x all
    assert study.best in kept
    assert all(math.isnan(trial.value) and RUINED in trial.reason for trial in lost)
    assert f"{len(lost)} trial" in text(study)
    assert study.best.value == max(trial.value for trial in kept)
    all_lost = optimize(WEEKLY, start="2023-11-15", end="2024-01-24", candles=spiking, space={"part": (0.8, 0.95)},
                        n_trials=3, n_jobs=2, metric="total", test_ratio=0, **WHERE)
    assert all_lost.best is None
    assert "3 trials of 3 ruined the account" in " ".join(text(all_lost).split())


def test_a_batch_gives_it_no_value(spiking: CandleStore):
    batch = backtest_batch([WEEKLY], ["BTC-USDT"], ["12h"], start="2023-11-15", end="2024-01-24", candles=spiking,
                           params=[{"part": 0.9}, {"part": 0.1}], leverage=5, warm_up_candles=0, concurrent_limit=2)
    ruined, sound = batch.entries
    assert ruined.ruin is not None
    assert math.isnan(ruined.score)
    assert batch.top(5) == [sound]
    assert RUINED in text(batch)


def test_a_walk_forward_ends_there(spiking: CandleStore):
    walk = walk_forward(WEEKLY, start="2023-11-15", end="2024-01-24", candles=spiking, in_sample_period=14,
                        out_sample_period=14, step_forward=14, hyperparameters={}, n_jobs=2, **WHERE)
    curve = walk.stitched
    assert curve.ruin is not None
    assert str(curve.returns.index[-1].date()) == "2023-12-22"
    assert curve.returns.iloc[-1] == -1.0
    assert walk.verdict.outcome == "ruined"
    assert walk.verdict.sentences[0].startswith("Ruined out-of-sample")
    assert RUINED in text(walk)
    assert "Ruined out-of-sample" in page(walk)
    with pytest.raises(InputError, match=RUINED):
        analyze_results(walk)


def test_the_margin_is_refused_where_it_is_nonsense(spiking: CandleStore):
    for nonsense in (-0.1, 1.0, float("nan"), "much"):
        with pytest.raises(InputError, match="maintenance"):
            backtest(WEEKLY, start="2023-11-15", end="2024-01-24", candles=spiking, **WHERE,
                     maintenance_margin=nonsense)
