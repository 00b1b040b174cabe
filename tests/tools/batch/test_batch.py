"""Batches, on the real simulator."""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jesse_nb.core.tools.batch.batch as batch_module
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.exceptions import (
    AllTrialsFailedError,
    InputError,
    JobCancelledError,
    MetricError,
    StorageError,
)
from tests.jobs.strategies import CROSSING, HEADER
from tests.strategies import IDLE, TREND
from tests.tools.conftest import PERIOD

#: Fails on two of the markets below.
FRAGILE = TREND.replace("class Trend", "class Fragile").replace(
    "    def should_long(self):\n",
    "    def should_long(self):\n"
    "        if self.symbol == 'LTC-USDT' and self.timeframe in ('1h', '4h'):\n"
    "            raise ValueError('not this one')\n",
    1,
)

SLEEPER = HEADER + """
class Sleeper(Strategy):
    def hyperparameters(self):
        return [{"name": "number", "type": int, "min": 0, "max": 99, "default": 0}]
    def should_long(self):
        if self.index == 0:
            began = time.time()
            time.sleep(1.0)
            print(began, time.time())
        return False
    def go_long(self):
        pass
"""


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of all runs that were simulated and stored."""
    keys: list[str] = []
    put = RunStore.put

    def noted(self: RunStore, spec: Any, record: Any, **kind: bool) -> None:
        keys.append(spec.key)
        put(self, spec, record, **kind)

    monkeypatch.setattr(RunStore, "put", noted)
    return keys


def test_36_runs_of_which_two_fail_in_one_call(run_batch: Any, markets: CandleStore, tmp_path: Path) -> None:
    symbols, timeframes = ["BTC-USDT", "ETH-USDT", "LTC-USDT"], ["30m", "1h", "2h", "4h"]
    result = run_batch([CROSSING, TREND, FRAGILE], symbols, timeframes)
    assert (len(result), result.total, len(result.finished)) == (36, 36, 34)
    assert [(entry.strategy, entry.symbol, entry.timeframe) for entry in result.entries] == [
        (strategy, symbol, timeframe) for strategy in ("Crossing", "Trend", "Fragile")
        for symbol in symbols for timeframe in timeframes]
    failures = result.failures
    assert list(zip(failures["strategy"], failures["symbol"], failures["timeframe"], strict=True)) == [
        ("Fragile", "LTC-USDT", "1h"), ("Fragile", "LTC-USDT", "4h")]
    assert all("ValueError: not this one" in reason for reason in failures["reason"])

    sources = {"Crossing": CROSSING, "Trend": TREND, "Fragile": FRAGILE}
    for entry in result.finished[::5]:
        alone = backtest(sources[entry.strategy], entry.symbol, entry.timeframe, *PERIOD, candles=markets,
                         store=tmp_path / "other.sqlite")
        assert isinstance(alone, BacktestResult)
        assert repr(alone.metrics) == repr(entry.metrics)
        assert entry.equity.equals(alone.equity)
        whole = entry.result()
        assert whole.trades.equals(alone.trades)
        assert whole.spec == alone.spec

    frame = result.to_frame()
    assert frame["state"].value_counts().to_dict() == {"finished": 34, "failed": 2}
    assert frame.loc[0, "sharpe_ratio"] == result[0].metrics["sharpe_ratio"]
    assert set(result[0].metrics) <= set(frame.columns)
    pivot = result.pivot("strategy", ["symbol", "timeframe"], "profit")
    assert pivot.shape == (3, 12)
    assert math.isnan(pivot.loc["Fragile", "LTC-USDT · 1h"])
    assert pivot.loc["Trend", "ETH-USDT · 2h"] == next(
        entry.metrics["net_profit_percentage"] for entry in result.entries
        if (entry.strategy, entry.symbol, entry.timeframe) == ("Trend", "ETH-USDT", "2h"))
    median = result.pivot("strategy", "symbol", "profit")
    assert median.loc["Trend", "ETH-USDT"] == pivot.loc["Trend", [f"ETH-USDT · {t}" for t in timeframes]].median()
    # LTC is a copy of BTC: both judge alike where both have a value
    assert result.rank_stability("symbol").dropped == 2
    again = pickle.loads(pickle.dumps(result))
    assert again.to_frame().equals(frame)
    assert repr(again[7].result().metrics) == repr(result[7].metrics)


def test_what_cannot_be_prepared_is_listed_and_costs_no_other(run_batch: Any) -> None:
    result = run_batch(CROSSING, ["BTC-USDT", "LATE-USDT", "NONE-USDT"], ["1h", "1D"], warm_up_candles=100)
    reasons = {(entry.symbol, entry.timeframe): entry.reason for entry in result.entries}
    assert reasons["BTC-USDT", "1h"] == ""
    assert "needed before 2023-03-01" in reasons["BTC-USDT", "1D"]  # too few days to warm up
    assert "stored from 2023-03-08" in reasons["LATE-USDT", "1h"]
    assert "No candles of NONE-USDT" in reasons["NONE-USDT", "1h"]
    assert len(result.finished) == 1
    with pytest.raises(InputError, match="has no result: No candles"):
        result.entries[-1].result()


def test_when_all_fail_the_error_gives_the_reason_and_the_job_the_list(run_batch: Any) -> None:
    job = run_batch(CROSSING, ["NONE-USDT", "LATE-USDT"], background=True)
    with pytest.raises(AllTrialsFailedError, match="All 2 combinations failed, 1 of them so: No candles of NONE-USDT"):
        job.result(60)
    assert len(job.partial_result().failures) == 2


def test_what_is_given_twice_runs_once(run_batch: Any, puts: list[str]) -> None:
    result = run_batch([CROSSING, CROSSING], ["BTC-USDT", "btc-usdt", "BTC-USDT"], ["1h", "1h"], [PERIOD, PERIOD],
                 params=[{"fast": 5}, {"fast": 5}, {"fast": 9}])
    assert [entry.label for entry in result.entries] == ["fast=5", "fast=9"]
    assert len(puts) == len(set(puts)) == 2
    assert result.total == 2
    # 2 strategies x 3 symbols x 2 timeframes x 2 periods x 3 sets were asked for
    assert "70 of the combinations were given more than once" in result.notes[-1]


def test_more_than_a_thousand_must_be_asked_for(run_batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = {"fast": list(range(2, 102)), "slow": list(range(200, 300))}
    with pytest.raises(InputError) as caught:
        run_batch(params=grid)
    assert "10,000 combinations (1 strategy x 1 symbol x 1 timeframe x 1 period x 10,000 parameter sets)" in str(
        caught.value)
    assert "large=True" in str(caught.value)
    assert "minutes" in str(caught.value) or "seconds" in str(caught.value)
    monkeypatch.setattr(batch_module, "_LARGE", 2)
    with pytest.raises(InputError, match="more than 2"):
        run_batch(params={"fast": [3, 4, 5]})
    assert len(run_batch(params={"fast": [3, 4, 5]}, large=True)) == 3


def test_the_estimate_follows_what_runs_took_here(run_batch: Any) -> None:
    run_batch()
    with pytest.raises(InputError, match="as your last runs took"):
        run_batch(params={"fast": list(range(2, 2_000))})


def test_results_are_readable_while_others_run(run_batch: Any) -> None:
    job = run_batch(SLEEPER, params={"number": [1, 2, 3, 4, 5, 6]}, concurrent_limit=2, background=True)
    seen = set()
    while not job.wait(0.05):
        partial = job.partial_result()
        if partial is not None:
            seen.add(len(partial))
            assert len(partial.to_frame()) == len(partial)
            assert all(entry.result().metrics["total"] == 0 for entry in partial.entries[:1])
    assert len(seen & {1, 2, 3, 4, 5}) >= 2
    assert len(job.result()) == 6


def test_more_run_at_once_than_there_are_cores(run_batch: Any) -> None:
    count = 3 + (os.cpu_count() or 1)
    result = run_batch(SLEEPER, params={"number": list(range(count))}, concurrent_limit=count)
    spans = [tuple(map(float, entry.result().output.split())) for entry in result.entries]
    middle = [(began + ended) / 2 for began, ended in spans]
    assert max(sum(began <= moment <= ended for began, ended in spans) for moment in middle) >= count - 1


def test_no_more_run_at_once_than_allowed(run_batch: Any) -> None:
    result = run_batch(SLEEPER, params={"number": [11, 12, 13]}, concurrent_limit=1)
    spans = sorted(tuple(map(float, entry.result().output.split())) for entry in result.entries)
    assert all(spans[place][1] <= spans[place + 1][0] for place in range(2))


def test_a_cancelled_batch_goes_on_without_repeating_anything(run_batch: Any, puts: list[str]) -> None:
    grid = {"fast": list(range(3, 15)), "slow": [30, 60]}
    job = run_batch(params=grid, background=True)
    while job.progress.done < 4:
        time.sleep(0.01)
    job.cancel()
    assert job.wait(5)
    with pytest.raises(JobCancelledError):
        job.result()
    partial = job.partial_result()
    assert 4 <= len(partial) < 24
    assert partial.stopped == "interrupted"
    before = list(puts)
    result = run_batch(params=grid)
    assert len(result) == 24
    assert sum(entry.reused for entry in result.entries) == len(before)
    assert len(puts) == len(set(puts)) == 24


SCRIPT = """
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.batch.batch import backtest_batch
put = RunStore.put
def noted(self, spec, record, **kind):
    put(self, spec, record, **kind)
    print("simulated", spec.key, flush=True)
RunStore.put = noted
result = backtest_batch({source!r}, ["BTC-USDT", "ETH-USDT"], "1h", ("2023-03-01", "2023-04-01"),
                        params={{"fast": list(range(3, 13))}}, candles=CandleStore({candles!r}), store={store!r})
print("result", len(result.finished), flush=True)
"""


def test_killed_with_9_it_finishes_without_repeating_a_run(markets: CandleStore, tmp_path: Path) -> None:
    store = str(tmp_path / "a.sqlite")
    script = textwrap.dedent(SCRIPT).format(source=CROSSING, candles=str(markets.root), store=store)

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                                cwd=Path(__file__).parents[3])

    first = start()
    assert first.stdout is not None
    before = [first.stdout.readline().split()[1] for _ in range(5)]
    os.kill(first.pid, signal.SIGKILL)
    before += [line.split()[1] for line in first.stdout if line.startswith("simulated")]
    first.wait()
    second = start()
    lines = second.communicate(timeout=120)[0].splitlines()
    after = [line.split()[1] for line in lines if line.startswith("simulated")]
    assert lines[-1] == "result 20"
    assert 5 <= len(before) < 20
    assert not set(before) & set(after)
    assert len(before) + len(after) in (20, 19)  # a run may be stored just before it could be told


def test_the_winners_of_one_market_are_run_on_others(run_batch: Any, markets: CandleStore) -> None:
    study = optimize(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-03-01", space={"fast": (2, 20)}, n_trials=8,
                     hyperparameters={"slow": 50}, candles=markets, test_ratio=0, neighbours=0, parity=False)
    result = run_batch(CROSSING, ["BTC-USDT", "ETH-USDT"], "1h", ("2023-02-01", "2023-03-01"), params=study, top=3)
    best = [entry.trial for entry in study.top[:3]]
    assert [entry.label for entry in result.entries] == [f"trial {trial.number}" for trial in best] * 2
    assert [dict(entry.params) for entry in result.entries[:3]] == [{"slow": 50, **trial.params} for trial in best]
    assert [entry.metrics["sharpe_ratio"] for entry in result.entries[:3]] == [trial.value for trial in best]
    assert all(entry.reused for entry in result.entries[:3])
    assert "with hindsight" in result.notes[0]


def test_old_dna_is_read_with_the_strategys_declaration(run_batch: Any) -> None:
    # the first gene is the least, the last one the greatest: fast 2 to 20, slow 21 to 80
    result = run_batch([CROSSING, IDLE], params=["(w"])
    good, bad = result.entries
    assert dict(good.params) == {"fast": 2, "slow": 80}
    assert "2 genes, but Idle declares 0" in bad.reason


def test_mixed_quote_currencies_run_but_do_not_add_up(run_batch: Any) -> None:
    result = run_batch(CROSSING, ["ETH-USDT", "ETH-BTC"])
    assert len(result.finished) == 2
    assert result.quotes == ("USDT", "BTC")
    with pytest.raises(MetricError, match="counted in USDT and BTC"):
        result.pivot("symbol", "timeframe", "net_profit")
    with pytest.raises(InputError, match="USDT and BTC cannot be added up"):
        result.portfolio(result.entries)
    assert "net_profit" not in result.statistics().index
    assert "net_profit_percentage" in result.statistics().index


def test_hyperparameters_are_shared_by_all(run_batch: Any) -> None:
    result = run_batch(params=[{"fast": 4}, {}], hyperparameters={"slow": 44})
    assert [entry.spec.hyperparameters for entry in result.entries] == [{"slow": 44, "fast": 4}, {"slow": 44}]
    assert [entry.label for entry in result.entries] == ["fast=4", "defaults"]


def test_a_misspelt_parameter_fails_alone(run_batch: Any) -> None:
    result = run_batch(params=[{"fast": 4}, {"fats": 4}])
    assert result.entries[0].reason == ""
    assert "Did you mean 'fast'" in result.entries[1].reason


def test_a_hyperparameter_called_like_a_dimension_is_told_apart(run_batch: Any) -> None:
    source = CROSSING.replace('"fast"', '"period"')
    result = run_batch(source, "BTC-USDT", "1h", [PERIOD, ("2023-03-15", "2023-03-20")], params={"period": [9, 4]})
    table = result.pivot("param_period", "period", "total")
    assert table.index.tolist() == [4, 9]
    assert table.columns.tolist() == ["2023-03-01 to 2023-03-15", "2023-03-15 to 2023-03-20"]
    assert table.loc[9].tolist() == [entry.metrics["total"] for entry in result.entries if entry.params["period"] == 9]
    assert result.to_frame()["param_period"].tolist() == [9, 4, 9, 4]


def test_periods_are_no_part_of_a_configuration(run_batch: Any) -> None:
    spans = [PERIOD, ("2023-03-15", "2023-03-29")]
    result = run_batch(CROSSING, ["BTC-USDT", "ETH-USDT"], "1h", spans, params={"fast": [3, 6, 12]})
    found = result.rank_stability("symbol")
    assert sorted(found.ranks.index) == ["fast=12", "fast=3", "fast=6"]
    assert len(result.rank_stability("period").ranks) == 6  # a symbol can be chosen


def test_any_function_can_be_compared(run_batch: Any) -> None:
    def trades(result: BacktestResult) -> int:
        return len(result.trades)

    result = run_batch([CROSSING, IDLE], metric=trades)
    counts = [len(entry.result().trades) for entry in result.entries]
    assert result.values().tolist() == counts
    assert result.top(1)[0].strategy == "Crossing"
    assert run_batch([CROSSING, IDLE]).values(trades).tolist() == counts  # loads whole results
    assert math.isnan(result.values("sharpe")[1])  # without trades


def test_a_function_that_fails_is_no_value_and_said(run_batch: Any) -> None:
    result = run_batch([CROSSING, IDLE], metric=lambda result: result.metrics["sharpe_ratio"] + 0)
    assert np.isnan(result.values()).tolist() == [False, True]
    assert any("raised" in note for note in result.notes)


def test_a_run_that_left_the_store_is_said(run_batch: Any) -> None:
    result = run_batch()
    RunStore().clear()
    with pytest.raises(StorageError, match="Run the batch again"):
        result[0].result()


def test_a_store_that_fills_up_keeps_the_batch_going(run_batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **kind: Any) -> None:
        raise StorageError("Cannot write the run store: database or disk is full.")

    monkeypatch.setattr(RunStore, "put", full)
    result = run_batch(params={"fast": [3, 4]})
    assert len(result.finished) == 2
    assert any("disk is full" in note for note in result.notes)


def test_a_portfolio_of_one_run_is_that_run(run_batch: Any) -> None:
    result = run_batch(CROSSING, "BTC-USDT", "1h", ("2023-03-01", "2023-04-10"))
    for rebalance in ("daily", "never"):
        found = result.portfolio(rebalance=rebalance).metrics
        for name in ("sharpe_ratio", "max_drawdown", "net_profit_percentage", "omega_ratio"):
            assert found[name] == pytest.approx(result[0].metrics[name], rel=1e-9)
