"""`%%backtest_batch` with the real engine."""

from __future__ import annotations

import inspect

import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.core.record.labels import LABEL_WORDS
from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.core.tools.registry import BACKTEST_BATCH
from jesse_nb.exceptions import InputError, StrategyError
from jesse_nb.magics.options import desk_of

from .conftest import STRATEGY, run

PERIOD = "--start 2023-01-25 --end 2023-02-03"
OTHER = STRATEGY.replace("class Crossing", "class Other").replace("ta.ema", "ta.sma")


@pytest.fixture(autouse=True)
def _demo(demo):
    """Candles of the demo market."""


def test_all_strategies_of_the_cell_on_all_markets(shell):
    run(shell, f"%%backtest_batch -s BTC-USDT ETH-USDT -t 1h 2h {PERIOD} -j 2 -o batch\n{STRATEGY}\n{OTHER}\n"
               "params = dict(fast=[5, 9])")
    batch = shell.user_ns["batch"]
    assert [entry.strategy for entry in batch.entries] == ["Crossing"] * 8 + ["Other"] * 8
    assert {(entry.symbol, entry.timeframe, entry.label) for entry in batch.entries} == {
        (symbol, timeframe, f"fast={fast}")
        for symbol in ("BTC-USDT", "ETH-USDT") for timeframe in ("1h", "2h") for fast in (5, 9)}
    same = jn.backtest_batch([shell.user_ns["Crossing"]], "BTC-USDT", "1h", ("2023-01-25", "2023-02-03"),
                             params=[{"fast": 9}])
    assert same.entries[0].reused
    assert repr(same.entries[0].metrics) == repr(batch.entries[1].metrics)


def test_strategies_by_name_the_winners_of_a_study_and_several_periods(shell):
    run(shell, "from jesse_nb import Strategy\nfrom jesse import indicators as ta, utils\n" + STRATEGY + OTHER)
    run(shell, "import jesse_nb as jn\nstudy = jn.optimize(Crossing, 'BTC-USDT', '1h', '2023-01-20', '2023-02-10', "
               "space=dict(fast=(5, 20)), n_trials=4, test_ratio=0)")
    run(shell, "%backtest_batch Crossing Other -s ETH-USDT -t 1h --periods 2023-01-20..2023-01-27 "
               "2023-01-27..2023-02-03 --params study --top 2 --hyperparameters slow=40 --metric profit -o batch")
    batch = shell.user_ns["batch"]
    assert len(batch.entries) == 2 * 2 * 2
    assert {entry.params["slow"] for entry in batch.entries} == {40}
    assert batch.entries[0].params["fast"] == shell.user_ns["study"].best_params["fast"]
    assert batch.metric.name == "profit"


def test_a_base_that_can_trade_takes_part_and_one_that_cannot_does_not(shell):
    derived = "class Derived(Crossing):\n    pass\nclass Helper(Strategy):\n    x = 1\n"
    run(shell, f"%%backtest_batch -s BTC-USDT -t 1h {PERIOD} -o batch\n{STRATEGY}\n{derived}")
    assert [entry.strategy for entry in shell.user_ns["batch"].entries] == ["Crossing", "Derived"]


def test_configured_defaults_hold(shell):
    run(shell, "%config JesseNb.symbol = 'ETH-USDT'\n%config JesseNb.timeframe = '2h'\n%config JesseNb.fee = 0.002")
    run(shell, f"%%backtest_batch {PERIOD} -o batch\n{STRATEGY}")
    (entry,) = shell.user_ns["batch"].entries
    assert (entry.symbol, entry.timeframe, entry.spec.account.fee) == ("ETH-USDT", "2h", 0.002)


def test_its_flags_are_the_tools_parameters(shell):
    parser = shell.find_line_magic("backtest_batch").parser
    own = {"output", "account", *LABEL_WORDS}  # the tool takes what the account gives
    assert {action.dest for action in parser._actions} - own == set(inspect.signature(backtest_batch).parameters)


@pytest.mark.parametrize(("words", "expected"), [
    (["fast=5,10", "slow=30"], {"fast": [5, 10], "slow": [30]}), (["mode=a,b"], {"mode": ["a", "b"]}),
    (["grid"], {"x": [1]}), (["grid['x']"], [1]), (["results/study.CSV"], "results/study.CSV"),
    (["eyJhIjogMX0="], "eyJhIjogMX0="), (["t4)kY"], "t4)kY"),
])
def test_what_params_may_be(words, expected):
    params = BACKTEST_BATCH.parameter("params")
    assert params.read_words(words, desk_of({"grid": {"x": [1]}})) == expected


@pytest.mark.parametrize("words", [["fast="], ["=5"], ["fast=5,,6"], ["fast=5", "slow"], ["xyz"]])
def test_params_that_cannot_be_read(words):
    with pytest.raises((UsageError, InputError), match="params"):
        BACKTEST_BATCH.parameter("params").read_words(words, desk_of({}))


def test_periods():
    periods = BACKTEST_BATCH.parameter("periods")
    assert periods.read_words(["2023-01-01..2023-02-01"], desk_of({})) == [("2023-01-01", "2023-02-01")]
    for wrong in ("2023-01-01", "..2023-02-01", "2023-01-01.."):
        with pytest.raises(InputError, match=r"START\.\.END"):
            periods.read_words([wrong], desk_of({}))


@pytest.mark.parametrize(("line", "error", "words"), [
    (f"-s BTC-USDT -t 1h {PERIOD}", StrategyError, "No strategy"),
    (f"Nothing -s BTC-USDT -t 1h {PERIOD}", StrategyError, "Nothing"),
    (f"-s BTC-USDT -t 1h {PERIOD} --lrage", UsageError, "Did you mean '--large'"),
])
def test_bad_lines(shell, line, error, words):
    with pytest.raises(error) as caught:
        run(shell, f"%backtest_batch {line}")
    assert words in str(caught.value)


def test_a_thousand_and_more_need_the_flag(shell):
    with pytest.raises(InputError, match="10,000 combinations"):
        run(shell, f"%%backtest_batch -s BTC-USDT -t 1h {PERIOD}\n{STRATEGY}\nparams = dict(fast=range(10_000))")
