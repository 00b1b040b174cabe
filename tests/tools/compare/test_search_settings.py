"""What differs in how the values of compared results were searched for."""

from __future__ import annotations

from dataclasses import replace

import pytest

import jesse_nb as jn
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.report.html import page
from tests.jobs.strategies import CROSSING, SPACE

PERIOD = ("2023-01-15", "2023-04-15")


@pytest.fixture(scope="module")
def study(markets):
    def searched(**changes):
        return jn.optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets, **{
            "space": SPACE, "n_trials": 4, "seed": 3, "neighbours": 0, "parity": False, "min_trades": 0,
            "sampler": "random"} | changes)
    return searched


@pytest.mark.usefixtures("blank_pictures")
def test_searches_that_differ_are_told(study, kept):
    base = study()
    other = study(metric="calmar", n_trials=5, seed=4, sampler="qmc", test_ratio=0.4, constraints=["trades >= 1"],
                  space=dict(SPACE, fast=(3, 9)))
    found = jn.compare(("base", base), ("other", other))
    told = found.settings.T.to_dict("list")
    assert told["searched metric"] == ["Sharpe ratio", "Calmar ratio"]
    assert told["trials"] == ["4", "5"]
    assert told["seed"] == ["3", "4"]
    assert told["sampler"] == ["random", "qmc"]
    assert told["held-out share"] == ["24.4%", "40.0%"], "22 and 36 of 90 days"
    assert told["constraints"] == ["none", "trades >= 1"]
    assert told["range of fast"][1] == "3 to 9"
    assert "pruner" not in told, "is the same"
    jn.keep(found, "both")
    again = jn.load("both")
    assert again.sides[0].search == found.sides[0].search
    text = str(again)
    for each in ("searched metric", "Sharpe ratio", "Calmar ratio", "held-out share"):
        assert each in text
        assert each in page(found)


def test_what_is_not_searched_has_the_mark_of_the_unknown(study, markets):
    run = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets)
    walk = jn.walk_forward(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets, in_sample_period=20,
                           out_sample_period=10, step_forward=10, hyperparameters={"fast": 8, "slow": 30})
    stopped = replace(study(), n_trials=9, stopped="timeout")
    found = jn.compare(("run", run), ("walk", walk), ("study", stopped)).settings.T.to_dict("list")
    assert found["searched metric"] == ["–", "–", "Sharpe ratio"], "fixed parameters are not searched"
    assert found["trials"] == ["–", "–", "4 of 9"]
    assert found["windows"] == ["–", "7, rolling", "–"]
    assert found["in-sample days"] == ["–", "20", "–"]
    assert found["walked over"] == ["–", "2023-01-15 to 2023-04-15, 90 days", "–"]


def test_walk_forwards_differ_in_their_windows(markets):
    def walked(**changes):
        return jn.walk_forward(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets, **{
            "in_sample_period": 20, "out_sample_period": 10, "step_forward": 10, "n_trials": 2, "space": SPACE,
            "sampler": "random"} | changes)
    found = jn.compare(("base", walked()), ("other", walked(in_sample_period=30, gap=2, n_trials=3, anchored=True)))
    told = found.settings.T.to_dict("list")
    assert told["trials"] == ["2 a window", "3 a window"]
    assert told["windows"] == ["7, rolling", "6, anchored"], "the last one is cut"
    assert told["in-sample days"] == ["20", "30"]
    assert told["gap days"] == ["0", "2"]
    assert "out-of-sample days" not in told


def test_a_parameter_called_like_a_setting_is_told_beside_it(markets):
    source = CROSSING.replace('"slow"', '"leverage"')

    def run(value: int) -> BacktestResult:
        return jn.backtest(source, "BTC-USDT", "1h", *PERIOD, candles=markets, hyperparameters={"leverage": value})
    assert jn.compare(("base", run(30)), ("other", run(40))).settings.loc["parameter leverage"].tolist() == ["30", "40"]
