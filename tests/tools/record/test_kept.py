"""A result of each kind is kept by its tool, and opened after its kernel was killed: equal to the last bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.record.about import about
from jesse_nb.core.record.codec import encoded
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.simulator.strategies import strategy_registry
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.core.times import DAY_MS, to_ms
from jesse_nb.core.tools.record import keeping
from jesse_nb.exceptions import InputError, MetricError, StorageError, StrategyError
from jesse_nb.report.html import page
from tests.jobs.strategies import CROSSING
from tests.tools.conftest import PERIOD

KINDS = {
    "backtest": "BacktestResult", "study": "OptimizeResult", "walk": "WalkForwardResult", "paths": "CpcvResult",
    "batch": "BatchResult", "analysis": "Analysis", "check": "StrategyCheck", "fees": "FeeStress",
    "markets": "CandleMonteCarlo", "chances": "RiskMonteCarlo", "risk": "ValueAtRisk", "stress": "StressTest",
}


@pytest.fixture(scope="module")
def killed(markets: CandleStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a kernel said of its results before it was killed; their records are in ``store/results``."""
    folder = tmp_path_factory.mktemp("killed")
    environment = {**os.environ, "JESSE_NB_STORE": str(folder / "store")}
    environment.pop("JESSE_NB_KEEP_RESULTS", None)
    environment.pop("PYTEST_CURRENT_TEST", None)
    done = subprocess.run([sys.executable, "-m", "tests.tools.record.kill_after", str(markets.root), str(folder)],
                          env=environment, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "not in the record" not in done.stderr
    return folder


@pytest.fixture
def opened(killed: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JESSE_NB_STORE", str(killed / "store"))
    return lambda name: (jn.load(name), json.loads((killed / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", KINDS)
def test_it_is_what_it_was_to_the_last_bit(name: str, opened, killed: Path) -> None:
    result, was = opened(name)
    assert type(result).__name__ == was["kind"] == KINDS[name]
    assert encoded(result) == (killed / f"{name}.bytes").read_bytes()
    assert str(result) == was["text"]
    if was["page"]:
        assert page(result) == was["page"]


def test_all_are_listed_with_what_they_are(opened) -> None:
    found = jn.results(tags="each", limit=100).set_index("name")
    assert set(found.index) == set(KINDS)
    assert found.loc["backtest", "what"] == "Crossing BTC-USDT 1h, 2023-02-01 to 2023-03-15"
    assert found.loc["study", ["kind", "metric"]].tolist() == ["optimize", "Sharpe ratio"]
    study, walk = jn.load("study"), jn.load("walk")
    assert found.loc["study", ["value", "run"]].tolist() == [study.test.metrics["sharpe_ratio"], "held-out"]
    assert study.test.metrics["sharpe_ratio"] != study.best_value, "that is of training"
    own = jn.results(tags="each", metric="total >= 0", sort="serenity", limit=100).set_index("name")
    assert own.loc["study", "trades"] == study.test.metrics["total"] != study.training.metrics["total"]
    assert own.loc["study", "serenity"] == resolve_metric("serenity").read(study.test)
    assert own.loc["study", "days"] == (study.test.spec.end - study.test.spec.start) / 86_400_000
    assert own.loc["walk", ["days", "trades"]].tolist() == [len(walk.stitched.returns), len(walk.stitched.trades)]
    assert own.loc["backtest", "days"] == 42
    assert own["serenity"].dropna().is_monotonic_decreasing
    assert own.loc[["walk", "batch", "backtest"], "run"].tolist() == ["stitched out-of-sample", "best combination", ""]
    assert found.loc["walk", "verdict"] == walk.verdict.outcome
    assert found.loc["walk", "value"] == walk.stitched.metric("sharpe_ratio")
    assert found.loc["check", "verdict"] == "passed"
    assert found.loc["batch", "what"].startswith("Crossing BTC-USDT, ETH-USDT 1h")
    assert (found["note"] == [f"<b>{name}</b>" for name in found.index]).all()


def test_what_reads_a_walk_forward_is_of_all_its_days(opened, markets: CandleStore) -> None:
    walk = jn.load("walk")
    entry = about(jn.analyze_results(walk, candles=markets), "analyze")
    days = walk.stitched.returns.index
    assert (entry.start, entry.end) == (to_ms(days[0]), to_ms(days[-1]) + DAY_MS), "not of its first window"
    assert entry.days == len(days)


def test_what_takes_code_says_what_to_do(opened, markets: CandleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    study, _ = opened("study")
    for name, nothing in (("_given", set()), ("_by_hash", {})):  # other tests of this process give the same strategy
        monkeypatch.setattr(strategy_registry, name, nothing)
    with pytest.raises(StrategyError, match=r"was not given in this session.*strategy=\.\.\.$"):
        study.open_holdout(candles=markets)
    assert study.metrics[1].read(study.training) == study.training.metrics["total"], "it was asked when it was kept"
    with pytest.raises(MetricError, match="keeps no code"):
        study.metrics[1].read(jn.load("backtest"))
    assert jn.fee_stress(study.training, (2,), strategy=CROSSING, candles=markets).results[2.0].metrics["total"] > 0


@pytest.fixture
def run(kept: Path, markets: CandleStore):
    return jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets)


def test_it_is_named_found_and_forgotten(run, kept: Path) -> None:
    assert jn.results()["name"].tolist() == [""]
    entry = jn.keep(run, "first", tags=["a", "b"], note="why")
    assert jn.keep("first", tags="c").tags == ("a", "b", "c")
    assert str(jn.load(entry.key[:8])) == str(jn.load("first")) == str(run)
    assert jn.load(run.key[:8]).equity.equals(run.equity), "a simulation's key does as well"
    assert jn.load(kept / f"{entry.key}.result").key == run.key
    assert jn.keep(jn.load("first"), note="another").key == entry.key
    assert jn.keep(run, "second").key != entry.key
    assert set(jn.results()["name"]) == {"first", "second"}
    with pytest.raises(InputError, match=r"No result is called 'frist'.*'first'"):
        jn.load("frist")
    with pytest.raises(InputError, match="third"):
        jn.forget("second", "third")
    jn.forget("second", entry.key[:8])
    assert jn.results().empty
    for note in ("older", "newer"):
        jn.keep(replace(run, output=note), "twin", note=note)
    older = jn.results(sort="when")["key"].tolist()[-1]
    with pytest.raises(InputError, match=rf"2 results are called 'twin'. Give the key .*{older[:8]} \(twin\) of 20"):
        jn.forget("twin")
    assert [gone.note for gone in jn.forget(older[:8])] == ["older"]
    assert len(jn.forget("twin")) == 1, "no other is called so any more"
    with pytest.raises(InputError, match=r"No result is called 'abc'\. A key is given by four of its digits"):
        jn.load("abc")
    for wrong in (None, "", 3):
        with pytest.raises(InputError, match="result is"):
            jn.load(wrong)
    with pytest.raises(InputError, match="no tool's"):
        jn.keep({"a": 1}, "mine")


def test_a_list_of_what_is_mistyped_is_refused(run, kept: Path) -> None:
    jn.keep(run, "first", tags="Trend")
    with pytest.raises(InputError, match=r"tags is 'trend', which no kept result has. Did you mean 'Trend'"):
        jn.results(tags=["trend"])
    with pytest.raises(InputError, match=r"strategy is .* which no kept result has"):
        jn.results(strategy=f"{run.strategy}s")
    assert jn.results(tags="xyzw").empty, "like nothing that is kept"
    for until in ("2023-02-01", "2023-01-31"):
        with pytest.raises(InputError, match=f"until is {until}, which does not come after since"):
            jn.results(since="2023-02-01", until=until)


def test_keeping_never_makes_a_run_fail(kept: Path, markets: CandleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.parent.mkdir()
    kept.write_text("where the folder should be")
    with pytest.warns(RuntimeWarning, match=r"not in the record\. The result cannot be kept in .*") as told:
        run = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets)
    assert run.metrics["total"] > 0
    assert len(told) == 1
    assert "\n" not in str(told[0].message)
    with pytest.raises(StorageError, match="cannot be kept"):
        jn.keep(run, "mine")
    kept.unlink()

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(keeping, "about", broken)
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError was raised"):
        assert jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets).key == run.key


def test_a_part_of_another_tool_is_not_kept_by_itself(kept: Path, markets: CandleStore, run) -> None:
    jn.analyze_results(run, "advanced", resimulate=True, strategy=CROSSING, candles=markets)
    assert sorted(jn.results()["kind"]) == ["analyze", "backtest"]
    assert [entry.kind for entry in ResultStore().entries()] == ["analyze", "backtest"]
