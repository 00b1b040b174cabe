"""`%analyze` with the real engine: a small backtest and a small study on the demo market, made once."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import pandas as pd
import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import Job
from jesse_nb.core.record.labels import LABEL_WORDS
from jesse_nb.core.simulator.strategies import strategy_registry
from jesse_nb.exceptions import CandlesNotFoundError, InputError, JesseNbError
from jesse_nb.magics.analyze import results_and_runs_in, results_in
from jesse_nb.magics.options import flags_of

from .conftest import MARKET, STRATEGY, run
from .test_completion import complete
from .test_options import arguments_of

SOURCE = "from jesse.strategies import Strategy\nfrom jesse import utils, indicators as ta\n" + STRATEGY
PERIOD = ("BTC-USDT", "1h", "2023-01-20", "2023-02-20")


@pytest.fixture(scope="module")
def made(demo_store: CandleStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A backtest and a study, by the names of the variables that hold them."""
    where: dict[str, Any] = {"candles": demo_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}
    study = jn.optimize(SOURCE, *PERIOD, space={"fast": (5, 30)}, n_trials=4, n_jobs=2, neighbours=0, parity=False,
                        **where)
    return {"result": jn.backtest(SOURCE, *PERIOD, **where), "study": study}


@pytest.fixture
def here(shell, demo, made, monkeypatch):
    """The shell, with both results in the user's namespace. It draws no pictures, which are tested elsewhere."""
    monkeypatch.setattr("jesse_nb.report.html.fragment", lambda result: "")
    shell.push(dict(made), interactive=True)
    return shell


def analysis_in(shell, name="_"):
    found = shell.user_ns[name]
    assert isinstance(found, jn.Analysis)
    return found


def pause(stop: threading.Event, error: Exception | None = None, partial: Any = None) -> Job[Any]:
    """A job of a backtest that ends when it is told to."""

    def work(control):
        control.partial(lambda: partial)
        while not (stop.wait(0.01) or control.cancelled):
            pass
        if error:
            raise error
        return partial

    return Job("backtest", "nothing", work).start()


# ------------------------------------------------------------------ the line


def test_flags_are_the_tools_parameters(shell):
    magic = shell.find_line_magic("analyze")
    ours = {action.dest for action in magic.parser._actions} - {"output", "names", *LABEL_WORDS}
    assert ours == set(inspect.signature(jn.analyze_results).parameters) - {"result", "trades", "equity"}
    for name in ("benchmark", "scenarios", "paths", "ruin", "seed", "strategy", "project", "trial_timeout"):
        assert "--" + name.replace("_", "-") in flags_of(magic)
    for flag in flags_of(magic):
        assert flag in magic.__doc__
    assert shell.find_line_magic("analyze_results").__doc__ == magic.__doc__
    assert magic.__doc__.startswith("::\n\n  %analyze ")


def test_flags_give_the_tools_parameters_by_name(shell):
    line = ("study --deep --ruin 20 40.5 --scenarios 3 --paths 1_000 --seed 7 --no-resimulation --no-monte-carlo "
            "--no-correlation --no-trade-analysis -j 2 --memory-limit 1024")
    assert arguments_of(shell.find_line_magic("analyze"), line, {"jobs": 4, "fee": 0.1}) == {
        "analysis_type": "deep", "ruin": (20.0, 40.5), "scenarios": 3, "paths": 1000, "seed": 7, "resimulate": False,
        "include_monte_carlo": False, "include_correlation": False, "include_trade_analysis": False, "n_jobs": 2,
        "memory_limit": 1024**3,
    }
    assert arguments_of(shell.find_line_magic("analyze"), "", {"jobs": 4}) == {"n_jobs": 4}


# ------------------------------------------------------------------ what it gives


def test_it_gives_what_python_gives(here, made):
    run(here, "%analyze result --no-resimulation --seed 3 -o analysis")
    found = analysis_in(here, "analysis")
    assert here.user_ns["_"] is found
    same = jn.analyze_results(made["result"], resimulate=False, seed=3)
    pd.testing.assert_frame_equal(found.to_frame(), same.to_frame())
    assert (found.analysis_type, found.seed, found.deep) == ("advanced", 3, None)
    assert found.advanced is not None
    assert found.advanced.fee_stress is None


def test_both_names_and_every_kind_of_result(here, made):
    run(here, "%analyze_results study --basic")
    found = analysis_in(here)
    assert (found.analysis_type, found.run.origin) == ("basic", "best trial, held-out period")
    assert found.verdict == made["study"].verdict
    run(here, "%analyze study.training --basic")
    assert analysis_in(here).run.end == made["study"].training.spec.end
    run(here, "trades, equity = result.trades, result.equity\npair = trades, equity")
    for line in ("trades equity", "pair"):
        run(here, f"%analyze {line} --basic")
        pd.testing.assert_series_equal(analysis_in(here).run.equity, made["result"].equity, check_names=False)
        assert len(analysis_in(here).run.trades) == len(made["result"].trades)
    run(here, "%analyze equity --basic")
    assert analysis_in(here).run.trades.empty


def test_a_deep_one_with_all_its_numbers(here):
    run(here, "prices = result.equity.rename('mine')")
    run(here, "%analyze result --deep --benchmark ETH-USDT prices --paths 200 --scenarios 2 --ruin 5 50 --seed 3 -j 2")
    found = analysis_in(here)
    assert [one.name for one in found.advanced.benchmarks] == ["Holding BTC-USDT", "Holding ETH-USDT", "mine"]
    assert len(found.advanced.fee_stress.table) == 3
    assert (found.deep.scenarios.planned, found.deep.scenarios.seed) == (2, 3)
    assert found.deep.scenarios.scenarios["reason"].eq("").all()
    assert {one.paths for one in found.deep.monte_carlo if not one.reason} == {200}


def test_a_class_that_the_kernel_forgot_is_given(here, monkeypatch):
    run(here, f"%%backtest {MARKET} -o result\n{STRATEGY}")
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    run(here, "%analyze result")
    assert "strategy=Crossing" in analysis_in(here).advanced.left_out["fee_stress"]
    run(here, "%analyze result --strategy Crossing")
    assert analysis_in(here).advanced.fee_stress is not None


def test_in_the_background_the_name_is_the_job(here):
    run(here, "%analyze result --basic --background -o analysis")
    job = here.user_ns["analysis"]
    assert isinstance(job, jn.Job)
    assert isinstance(job.result(30), jn.Analysis)


# ------------------------------------------------------------------ which result


def test_without_a_name_it_is_the_last_result(here, made):
    with pytest.raises(UsageError, match=r"No result was shown lately\. Name one of result, study: %analyze study"):
        run(here, "%analyze --basic")
    run(here, "study")
    run(here, "%analyze --basic")
    assert analysis_in(here).run.origin == "best trial, held-out period"
    run(here, "%analyze --basic")  # not of the analysis, which is `_` by now
    assert analysis_in(here).run.origin == "best trial, held-out period"
    run(here, "result")
    run(here, "1 + 1")
    run(here, "%analyze --basic")
    assert analysis_in(here).run.spec == made["result"].spec


def test_of_a_job_it_is_what_there_is(here, made):
    stop = threading.Event()
    here.push({"job": pause(stop, partial=made["study"]), "empty": pause(stop)}, interactive=True)
    assert results_in(here.user_ns) == ["result", "study", "job", "empty"]
    assert results_and_runs_in(here.user_ns) == ["result", "study", "study.training", "study.test", "job", "empty"]
    run(here, "%analyze job --basic")
    assert analysis_in(here).run.origin == "best trial, held-out period"
    with pytest.raises(InputError, match=r"has nothing to analyze\. Wait for it"):
        run(here, "%analyze empty --basic")
    stop.set()
    here.user_ns["job"].result(10)
    run(here, "%analyze job --basic")
    failed = pause(stop, error=InputError("The strategy is wrong."))
    failed.wait(10)
    here.push({"failed": failed}, interactive=True)
    with pytest.raises(InputError, match="The strategy is wrong"):
        run(here, "%analyze failed --basic")


@pytest.mark.parametrize(
    ("line", "error", "expected"),
    [
        ("stduy", UsageError, "No variable is called 'stduy', and no kept result. Did you mean 'study'?"),
        ("number", UsageError, "number is int, which is no result. Known: result, study."),
        ("study.tst", InputError, "RESULT is 'study.tst', which cannot be evaluated"),
        ("study result", UsageError, "one result at a time"),
        ("trades", UsageError, "trades is a table. Give the equity, too: %analyze trades equity"),
        ("equity trades", InputError, "equity is DataFrame"),
        ("study --basic --deep", UsageError, "one of --basic, --advanced and --deep"),
        ("--benchmark ETH-USDT study", UsageError, "comes first on the line"),
        ("result --benchmark ZZZ-USDT --no-resimulation", CandlesNotFoundError, "ZZZ-USDT"),
        ("result --ruin 20 0", InputError, "ruin holds 0.0"),
        ("result --paths 5", InputError, "paths is 5"),
        ("result --ruin many", UsageError, "--ruin holds 'many'. Each is a number above zero"),
        ("result --depe", UsageError, "Did you mean '--deep'"),
        ("result --strategy Crosing", JesseNbError, "No strategy is called 'Crosing'"),
    ],
)
def test_bad_input_gives_one_line(here, line, error, expected):
    run(here, "number = 3; trades, equity = result.trades, result.equity")
    with pytest.raises(error) as caught:
        run(here, f"%analyze {line}")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_any_result_it_says_how_to_make_one(shell):
    for line in ("%analyze", "%analyze study"):
        with pytest.raises(UsageError, match=r"None is here yet: `%%backtest \.\.\. -o result` makes one"):
            run(shell, line)


# ------------------------------------------------------------------ completion


def test_completion(here):
    def offered(line):
        start = line[: len(line) - len(line.split(" ")[-1])]
        return [whole[len(start) :] for whole in complete(here, line)]

    assert offered("%analyze stu") == ["study"]
    assert offered("%analyze_results --deep re") == ["result"]
    assert offered("%analyze study --d") == ["--deep"]
    assert offered("%analyze study --benchmark ETH") == ["ETH-USDT"]
    assert "study" not in offered("%analyze study ")
    run(here, "from jesse_nb import Strategy\n" + STRATEGY)
    assert offered("%analyze study --strategy Cro") == ["Crossing"]
