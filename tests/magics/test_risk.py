"""The magics of the risk tools, with a small backtest on the demo market."""

from __future__ import annotations

import pandas as pd
import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.exceptions import JesseNbError

from .conftest import STRATEGY, run
from .test_options import arguments_of

SOURCE = "from jesse.strategies import Strategy\nfrom jesse import utils, indicators as ta\n" + STRATEGY


@pytest.fixture(scope="module")
def result(demo_store, tmp_path_factory):
    return jn.backtest(SOURCE, "BTC-USDT", "1h", "2023-01-15", "2023-02-28", candles=demo_store,
                       store=tmp_path_factory.mktemp("runs") / "runs.sqlite")


@pytest.fixture
def here(shell, demo, result, monkeypatch):
    monkeypatch.setattr("jesse_nb.report.html.fragment", lambda result: "")
    shell.push({"result": result}, interactive=True)
    return shell


def test_var_gives_what_python_gives(here, result):
    run(here, "%var result --method normal t --confidence 0.9 --horizons 1 5 --seed 3 -o risk")
    found = here.user_ns["risk"]
    assert here.user_ns["_"] is found
    same = jn.var_calculation(result, 0.9, (1, 5), ["normal", "t"], seed=3)
    pd.testing.assert_frame_equal(found.table, same.table)
    run(here, "%var_calculation result --method normal")
    assert here.user_ns["_"].methods == ("normal",)


def test_var_reads_tables_and_the_last_result(here, result):
    here.push({"curve": result.equity, "_": result})
    run(here, "%var curve --method normal --no-backtest -o one")
    run(here, "%var --method normal --no-backtest -o two")
    assert here.user_ns["one"].run.spec is None
    assert here.user_ns["two"].run.spec == result.spec


def test_the_words_of_a_line(shell):
    line = "result --confidence-levels 0.95 0.99 --vol-model gjr --window 1e3 --basis open_position --no-backtest"
    assert arguments_of(shell.find_line_magic("var"), line, {}) == {
        "confidence_levels": (0.95, 0.99), "vol_model": "gjr", "window": 1000, "basis": "open_position",
        "backtest": False}


@pytest.mark.parametrize(("line", "said"), [
    ("%var result --confidence 95", "--confidence-levels holds 95."),
    ("%var result --method histrical", "--method is 'histrical'. Did you mean 'historical'?"),
    ("%var result --horizons 1 many", "--time-horizons holds 'many'."),
    ("%var nothing", "No variable is called 'nothing', and no kept result."),
])
def test_wrong_words_are_called_as_they_were_written(here, line, said):
    with pytest.raises((UsageError, JesseNbError)) as refused:
        run(here, line)
    assert said in str(refused.value)


def test_monte_carlo_gives_what_python_gives(here, result):
    run(here, "%monte_carlo result --sims 300 --ruin 20 --target 10 --horizon 20 --seed 4 -o chances")
    same = jn.monte_carlo(result, n_sims=300, ruin=20, target=10, horizon=20, seed=4)
    pd.testing.assert_frame_equal(here.user_ns["chances"].to_frame(), same.to_frame())


def test_monte_carlo_simulates_markets(here):
    run(here, "%monte_carlo result --method candles --sims 2 -j 2 -o chances")
    assert len(here.user_ns["chances"].scenarios.scenarios) == 2


def test_stress_gives_what_python_gives(here, result):
    run(here, "%stress result --scenarios gap --at 2023-02-05 --shocks slippage_bps=5 -j 2 -o stress")
    found = here.user_ns["stress"]
    assert list(found.table["scenario"]) == ["costs", "gap"]
    here.push({"curve": result.equity})
    with pytest.raises(UsageError, match="%stress takes a result, not tables"):
        run(here, "%stress curve")
    with pytest.raises(JesseNbError, match="--scenarios is 'crush'"):
        run(here, "%stress result --scenarios crush")


def test_risk_gives_what_python_gives_in_each_length(here, result):
    here.push({"curve": result.equity})
    run(here, "%risk result --executive --sections drawdowns monte_carlo --sims 300 --ruin 20 --seed 4 -o risk")
    found = here.user_ns["risk"]
    assert found.format == "executive"
    same = jn.risk_report(result, ["drawdowns", "monte_carlo"], n_sims=300, ruin=20, seed=4)
    pd.testing.assert_frame_equal(found.to_frame(), same.to_frame())
    run(here, "%risk_report curve --sections stress drawdowns -o other")
    assert here.user_ns["other"].missing["stress"] == "Tables cannot be simulated again"
    with pytest.raises(JesseNbError, match="--sections is 'stres'"):
        run(here, "%risk result --sections stres")
