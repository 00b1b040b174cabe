"""The magics with the real engine."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.exceptions import (
    CandlesNotFoundError,
    InputError,
    MetricError,
    PeriodError,
    SpaceError,
    StrategyError,
)

from .conftest import MARKET, STRATEGY, run

SPACE = "space = dict(fast=(5, 30), slow=(31, 60))\n"


@pytest.fixture(autouse=True)
def _two_workers(shell, demo):
    run(shell, "%config JesseNb.jobs = 2")


def test_backtest_gives_what_python_gives(shell):
    run(shell, f"%%backtest {MARKET} -o result --fee 0.0005 --balance 5_000\n{STRATEGY}")
    result = shell.user_ns["result"]
    same = jn.backtest(
        shell.user_ns["Crossing"], "BTC-USDT", "1h", "2023-01-20", "2023-02-20", fee=0.0005, balance=5_000
    )
    assert result.key == same.key
    assert result.metrics == same.metrics
    assert result.metrics["total"] > 0
    assert shell.user_ns["_"] is result


def test_backtest_with_a_fee_of_each_market(shell):
    line = "--routes BTC-USDT:1h ETH-USDT:1h --start 2023-01-20 --end 2023-02-20"
    sharing = STRATEGY.replace("0.9", "0.4")
    fees = {"BTC-USDT": 0.0004, "ETH-USDT": 0.003}
    run(shell, f"%%backtest {line} -o result --fee BTC-USDT=0.0004,ETH-USDT=0.003\n{sharing}")
    result, strategy = shell.user_ns["result"], shell.user_ns["Crossing"]
    same = jn.backtest(routes=[(strategy, symbol, "1h") for symbol in fees], start="2023-01-20", end="2023-02-20",
                       fee=fees)
    assert (result.key, result.metrics) == (same.key, same.metrics)
    assert result.spec.account.fee == fees
    run(shell, "%config JesseNb.fee = 'ETH-USDT=0.003,BTC-USDT=0.0004'")
    run(shell, f"%%backtest {line} -o configured\n{sharing}")
    assert shell.user_ns["configured"].key == result.key
    run(shell, f"%%backtest {MARKET} -o single\n{sharing}")
    assert shell.user_ns["single"].spec.account.fee == 0.0004
    with pytest.raises(InputError, match=r"--fee has none for ETH-USDT, .* Was ETH-UDST to be ETH-USDT\?"):
        run(shell, f"%%backtest {line} --fee BTC-USDT=0.0004,ETH-UDST=0.003\n{sharing}")


def test_backtest_of_a_named_strategy_with_hyperparameters(shell):
    run(shell, "from jesse_nb import Strategy\nfrom jesse import indicators as ta, utils\n" + STRATEGY)
    run(shell, "best = dict(fast=7, slow=40)")
    run(shell, f"%backtest Crossing {MARKET} --hyperparameters best -o named")
    run(shell, f"%backtest Crossing {MARKET} --hyperparameters fast=7 slow=40 -o listed")
    run(shell, f"%%backtest Crossing {MARKET} -o given\nparams = best")
    keys = {shell.user_ns[name].key for name in ("named", "listed", "given")}
    assert len(keys) == 1
    assert shell.user_ns["named"].spec.hyperparameters == {"fast": 7, "slow": 40}


def test_backtest_of_several_routes(shell):
    half = STRATEGY.replace("self.balance * 0.9", "self.balance * 0.3")
    run(shell, "%config JesseNb.symbol = 'BTC-USDT'")  # which --routes takes the place of
    run(
        shell,
        "%%backtest --routes BTC-USDT:1h ETH-USDT:2h --start 2023-01-25 --end 2023-02-05 -o both\n" + half,
    )
    assert [(route.symbol, route.timeframe) for route in shell.user_ns["both"].spec.routes] == [
        ("BTC-USDT", "1h"),
        ("ETH-USDT", "2h"),
    ]
    with pytest.raises(UsageError, match="SYMBOL:TIMEFRAME"):
        run(shell, "%backtest Crossing --routes BTC-USDT --start 2023-01-25 --end 2023-02-05")
    with pytest.raises(UsageError, match="not both"):
        run(shell, "%backtest Crossing -s BTC-USDT --routes BTC-USDT:1h")


def test_optimize_gives_what_python_gives_and_continues(shell):
    cell = f"%%optimize {MARKET} --trials 6 --seed 3 --test-ratio 0 -o study\n{STRATEGY}{SPACE}"
    run(shell, cell)
    study = shell.user_ns["study"]
    assert len(study.trials) == 6
    same = jn.optimize(
        shell.user_ns["Crossing"],
        "BTC-USDT",
        "1h",
        "2023-01-20",
        "2023-02-20",
        n_trials=6,
        seed=3,
        n_jobs=2,
        test_ratio=0,
        space=shell.user_ns["space"],
    )
    assert [trial.params for trial in study.trials] == [trial.params for trial in same.trials]
    run(shell, cell)
    assert all(trial.reused for trial in shell.user_ns["study"].trials)
    assert shell.user_ns["study"].best_params == study.best_params


def test_the_cells_space_the_lines_space_and_the_strategys_own(shell):
    run(shell, f"%%optimize {MARKET} -n 2 --test-ratio 0 -o own\n{STRATEGY}")
    assert shell.user_ns["own"].space.names == ("fast", "slow")
    run(shell, f"%optimize Crossing {MARKET} -n 2 --test-ratio 0 --space fast=5:9 -o line --neighbours 0")
    line = shell.user_ns["line"]
    assert (line.space.names, line.plateau) == (("fast",), None)
    assert line.parity.identical
    run(shell, f"%%optimize Crossing {MARKET} -n 2 --test-ratio 0 --no-parity -o cell\nspace = dict(slow=(31, 35))")
    cell = shell.user_ns["cell"]
    assert (cell.space.names, cell.parity) == (("slow",), None)
    assert cell.plateau.steps == 1
    run(
        shell, f"%optimize Crossing {MARKET} -n 2 --test-ratio 0 -o later"
    )  # not the space of the cell before
    assert shell.user_ns["later"].space.names == ("fast", "slow")


def test_check_first_on_the_line(shell):
    run(shell, f"%%optimize {MARKET} -n 1 --test-ratio 0 --neighbours 0 --no-parity --check-first -o study\n{STRATEGY}")
    found = shell.user_ns["study"].first_check
    assert [one.check for one in found.findings] == ["look_ahead", "warm_up", "determinism", "reads"]
    assert not found.failed
    run(shell, f"%walk_forward Crossing {MARKET} -n 1 --in-sample-period 10 --out-sample-period 5 --step-forward 5 "
               "--check-first -o walk")
    assert shell.user_ns["walk"].first_check == found  # of the same code


def test_optimize_by_a_function_of_the_cell_from_an_earlier_study(shell):
    run(
        shell,
        f"%%optimize {MARKET} -n 3 --test-ratio 0 -o first --metric trades calmar\n{STRATEGY}"
        "def trades(result):\n    return result.metrics['total']\n",
    )
    first = shell.user_ns["first"]
    assert [metric.name for metric in first.metrics] == ["trades", "calmar"]
    assert all(trial.values[0] == trial.metrics["total"] for trial in first.trials if trial.scored)
    run(shell, f"%optimize Crossing {MARKET} -n 3 --test-ratio 0 --seed 9 --initial-result first -o second")
    assert first.best_params in [trial.params for trial in shell.user_ns["second"].trials]


def test_runs_and_jobs(shell, tmp_path):
    assert "No finished runs" in repr(run(shell, f"%runs --store {tmp_path / 'none.sqlite'}"))
    assert not (tmp_path / "none.sqlite").exists()
    run(shell, f"%%backtest {MARKET}\n{STRATEGY}")
    listing = run(shell, "%runs -n 5")
    assert repr(listing).split()[0] == "key"
    assert listing.to_frame()["key"].iloc[0][:8] in repr(listing)
    assert "Crossing" in repr(listing)
    assert "<table" in listing._repr_html_()
    assert listing.to_frame().iloc[0]["strategy"] == "Crossing"
    ledger = run(shell, "%runs --ledger")
    assert ledger.to_frame()["runs"].tolist() == [1]
    assert "2023-01-20" in repr(ledger)
    running = jn.optimize(
        shell.user_ns["Crossing"],
        "BTC-USDT",
        "1h",
        "2023-01-20",
        "2023-02-20",
        n_trials=5_000,
        background=True,
    )
    assert running.id in repr(run(shell, "%jobs"))
    cancelled = run(shell, f"%jobs cancel {running.id}").to_frame().set_index("job")
    assert running.wait(10)
    assert cancelled.loc[running.id, "state"] in ("cancelled", "running")
    assert running.state == "cancelled"


@pytest.mark.parametrize(
    ("line", "error", "expected"),
    [
        ("%optimize Crossing {m} --trials 0", InputError, "--trials is 0"),
        ("%optimize Crossing {m} --jobs -1", InputError, "--jobs is -1"),
        ("%optimize Crossing {m} --sampler tpo", InputError, "tpe"),
        ("%optimize Crossing {m} --metric sharp", MetricError, "'sharpe'"),
        ("%optimize Crossing {m} --space fast=30:5", SpaceError, "fast"),
        ("%optimize Crossin {m}", StrategyError, "Did you mean 'Crossing'"),
        (
            "%backtest Crossing -s BTC-USD -t 1h --start 2023-01-20 --end 2023-02-20",
            CandlesNotFoundError,
            "BTC-USDT",
        ),
        ("%backtest Crossing -s BTC-USDT -t 1x --start 2023-01-20 --end 2023-02-20", PeriodError, "1x"),
        (
            "%backtest Crossing -s BTC-USDT -t 1h --start 2023-02-31 --end 2023-03-20",
            PeriodError,
            "2023-02-31",
        ),
        (
            "%backtest Crossing -s BTC-USDT -t 1h --start 2023-02-20 --end 2023-01-20",
            PeriodError,
            "must come after",
        ),
        ("%backtest Crossing -s BTC-USDT -t 1h --start 2023-01-20", PeriodError, "start and end"),
        ("%backtest Crossing {m} --market spot --leverage 3", InputError, "no leverage"),
        ("%backtest {m}", StrategyError, "Defined in this notebook: Crossing"),
        ("%jobs cancel", UsageError, "needs the id"),
        ("%jobs list x", UsageError, "takes no id"),
        ("%jobs stop", UsageError, "no action 'stop'"),
        ("%runs -n 0", UsageError, "from 1 up"),
        ("%runs --ledger -n 2", UsageError, "--ledger counts all"),
    ],
)
def test_bad_input_gives_one_line(shell, line, error, expected):
    run(shell, "from jesse_nb import Strategy\nfrom jesse import indicators as ta, utils\n" + STRATEGY)
    with pytest.raises(error) as caught:
        run(shell, line.format(m=MARKET))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_strategies_in_one_cell(shell):
    two = STRATEGY + STRATEGY.replace("Crossing", "Other")
    with pytest.raises(StrategyError, match="Crossing, Other"):
        run(shell, f"%%backtest {MARKET}\n{two}")
    run(shell, f"%%backtest Other {MARKET} -o result\n{two}")
    assert shell.user_ns["result"].strategy == "Other"
