"""Sealed days: which they are, that nothing sees them, and that every look at them counts."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.strategies import strategy_registry
from jesse_nb.core.times import DAY_MS, to_ms
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.optimize.holdout import Holdout, Looks
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.optimize.study_periods import study_periods
from jesse_nb.exceptions import CandlesError, InputError, PeriodError, StorageError, StrategyError
from tests.jobs.strategies import CROSSING, SPACE

STRANGER = CROSSING.replace("class Crossing", "class Stranger")


def days(period: Any) -> tuple[int, int]:
    return tuple((moment - to_ms("2024-01-01")) // DAY_MS for moment in period)  # type: ignore[return-value]


@pytest.mark.parametrize("holdout", ["20d", 20, " 20 Days", "20"])
def test_the_last_days_are_cut_off_first(holdout: Any) -> None:
    found = study_periods("2024-01-01", "2024-04-10", None, None, 0.25, holdout)  # 100 days
    assert [days(part) for part in found] == [(0, 60), (60, 80), (80, 100)]


def test_with_a_test_period_of_one_s_own() -> None:
    found = study_periods("2024-01-01", "2024-04-10", "2024-03-01", None, None, 20)
    assert [days(part) for part in found] == [(0, 60), (60, 80), (80, 100)]
    found = study_periods("2024-01-01", "2024-03-01", "2024-03-11", "2024-04-10", None, 20)  # behind the end
    assert [days(part) for part in found] == [(0, 60), (70, 80), (80, 100)]
    found = study_periods("2024-01-01", "2024-04-10", "2024-02-01", "2024-02-11", None, 20)  # in the midst
    assert [days(part) for part in found] == [(0, 31), (31, 41), (80, 100)]
    first = study_periods("2024-01-01", "2024-04-10 12:00", None, None, 0, 20)
    assert first.sealed is not None
    assert (first.sealed.start, first.training.end) == (to_ms("2024-03-21"),) * 2
    assert study_periods("2024-01-01", "2024-04-10", None, None, 0, None).sealed is None


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"holdout": 0}, InputError, "'90d'"),
    ({"holdout": True}, InputError, "'90d'"),
    ({"holdout": "3 months"}, InputError, "'90d'"),
    ({"holdout": -3}, InputError, "'90d'"),
    ({"holdout": 2.5}, InputError, "'90d'"),
    ({"holdout": 100}, PeriodError, "leaves nothing"),
    ({"holdout": 20, "test_start": "2024-03-25"}, PeriodError, "sealed days from 2024-03-21"),
])
def test_what_cannot_be_sealed(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    arguments = {"test_start": None, "test_end": None, "test_ratio": None, "holdout": None, **changes}
    with pytest.raises(error, match=words):
        study_periods("2024-01-01", "2024-04-10", **arguments)


def run(candles: CandleStore, store: Path, **changes: Any) -> OptimizeResult:
    arguments: dict[str, Any] = {"strategy": CROSSING, "symbol": "BTC-USDT", "end": "2023-04-10", "holdout": "10d",
                                 "n_trials": 3, "seed": 3, "constraints": ["trades >= 1"]} | changes
    result = optimize(arguments.pop("strategy"), arguments.pop("symbol"), "1h", "2023-03-01", arguments.pop("end"),
                      space=SPACE, candles=candles, store=store, **arguments)
    assert isinstance(result, OptimizeResult)
    return result


@pytest.fixture(scope="module")
def sealed(candle_store: CandleStore, tmp_path_factory: pytest.TempPathFactory) -> OptimizeResult:
    return run(candle_store, tmp_path_factory.mktemp("sealed") / "runs.sqlite")


@pytest.fixture
def study(sealed: OptimizeResult, tmp_path: Path) -> OptimizeResult:
    """The study with a run store of its own: a copy, so that tests do not count each other's looks."""
    assert sealed.holdout is not None
    copy = tmp_path / "runs.sqlite"
    source = RunStore(sealed.holdout.store)
    source._storage._connection.execute("VACUUM INTO ?", (str(copy),))
    source.close()
    return replace(sealed, holdout=replace(sealed.holdout, store=str(copy)))


def holdout_of(study: OptimizeResult) -> Holdout:
    assert study.holdout is not None
    return study.holdout


def test_no_run_of_the_study_touches_the_sealed_days(study: OptimizeResult) -> None:
    holdout = holdout_of(study)
    assert (holdout.start, holdout.end, holdout.days) == (to_ms("2023-03-31"), to_ms("2023-04-10"), 10)
    assert study.test_end == holdout.start
    runs = RunStore(holdout.store).recent(100)
    assert len(runs) > len(study.trials)
    assert runs["end"].max().value // 1_000_000 <= holdout.start
    assert all(part.end <= holdout.start for part in study.spec.candles)
    assert study.training is not None
    assert study.test is not None
    assert study.test.equity.index[-1].value // 1_000_000 <= holdout.start
    assert study.returns.index[-1].value // 1_000_000 <= holdout.start
    assert holdout.looks() == Looks(0, 0)
    assert holdout.opened is None


def test_opening_runs_the_best_and_the_default_as_plain_backtests(study: OptimizeResult, candle_store: CandleStore,
                                                                 tmp_path: Path) -> None:
    opened = study.open_holdout()
    assert opened.params == study.best_params
    for params, found in ((study.best_params, opened.best), ({}, opened.default)):
        alone = backtest(CROSSING, "BTC-USDT", "1h", "2023-03-31", "2023-04-10", hyperparameters=params,
                         candles=candle_store, store=tmp_path / "other.sqlite")
        assert repr(alone.metrics) == repr(found.metrics)
        assert alone.equity.equals(found.equity)
    assert opened.values == (opened.best.metrics["sharpe_ratio"],)
    assert opened.violated == ()
    assert holdout_of(study).looks() == Looks(1, 0)
    known = holdout_of(study).opened
    assert known is not None
    assert repr(known.best.metrics) == repr(opened.best.metrics)
    assert repr(known.default.metrics) == repr(opened.default.metrics)


def test_every_look_counts_once(study: OptimizeResult, candle_store: CandleStore) -> None:
    holdout = holdout_of(study)
    store = Path(holdout.store)

    def look(symbol: str = "BTC-USDT", start: str = "2023-04-09", end: str = "2023-04-12") -> Any:
        backtest(STRANGER, symbol, "1h", start, end, candles=candle_store, store=store)
        return holdout.looks()

    assert look() == Looks(0, 1)
    assert look() == Looks(0, 1)  # the same run tells nothing new
    assert look(end="2023-04-11") == Looks(0, 2)
    assert look(start="2023-04-10") == Looks(0, 2)  # just behind
    assert look(symbol="ETH-USDT") == Looks(0, 2)  # another market
    study.open_holdout()
    study.open_holdout()
    assert holdout.looks() == Looks(1, 2)
    other = run(candle_store, store, seed=4, end="2023-04-05", holdout=3, n_trials=2)  # overlaps two of the days
    other.open_holdout()
    assert holdout.looks() == Looks(2, 2 + 2)  # its held-out runs saw some of them, too
    with RunStore(store)._storage._connection as connection:
        assert connection.execute("SELECT COUNT(*) FROM openings").fetchone()[0] == 3  # each is logged
    RunStore(store).clear()
    assert holdout.looks() == Looks(2, 0)


def test_a_study_that_goes_on_is_the_same_study(study: OptimizeResult, candle_store: CandleStore) -> None:
    store = Path(holdout_of(study).store)
    study.open_holdout()
    same = run(candle_store, store)
    assert holdout_of(same).study == holdout_of(study).study
    assert holdout_of(same).opened is not None
    longer = run(candle_store, store, n_trials=4)
    assert holdout_of(longer).study == holdout_of(study).study
    other = run(candle_store, store, seed=5)
    assert holdout_of(other).study != holdout_of(study).study
    assert holdout_of(other).opened is None
    assert holdout_of(other).looks() == Looks(1, 0)


def test_a_result_that_was_kept_opens_where_its_strategy_is_known(study: OptimizeResult,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    kept = pickle.loads(pickle.dumps(study))
    monkeypatch.setattr(strategy_registry, "_by_hash", {})  # as after the kernel's restart
    opened = kept.open_holdout()  # its source text is in the result
    assert opened.default is not None
    assert holdout_of(study).looks() == Looks(1, 0)
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    spec = holdout_of(study).spec
    route = replace(spec.routes[0], strategy=replace(spec.routes[0].strategy, kind="notebook"))
    unknown = replace(holdout_of(study), spec=replace(spec, routes=(route,)))
    with pytest.raises(StrategyError, match="Crossing"):
        unknown.open()
    changed = replace(route, strategy=replace(route.strategy, kind="source", source=STRANGER))
    with pytest.raises(StrategyError, match="changed"):
        replace(unknown, spec=replace(spec, routes=(changed,))).open()
    assert holdout_of(study).looks() == Looks(1, 0)


def test_what_keeps_sealed_days_sealed(study: OptimizeResult, sealed: OptimizeResult, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    holdout = holdout_of(study)
    with pytest.raises(InputError, match="holdout='90d'"):
        replace(study, holdout=None).open_holdout()
    with pytest.raises(InputError, match="no best trial"):
        replace(study, holdout=replace(holdout, params=None)).open_holdout()
    part = replace(holdout.spec.candles[0], fingerprint="other")
    with pytest.raises(CandlesError, match="BTC-USDT"):
        replace(holdout, spec=replace(holdout.spec, candles=(part,))).open()

    def full(*arguments: Any) -> None:
        raise StorageError("Cannot write the run store: database or disk is full.")

    monkeypatch.setattr(RunStore, "log_opening", full)  # what cannot be logged is not opened
    with pytest.raises(StorageError):
        study.open_holdout()
    assert holdout.looks() == Looks(0, 0)
    gone = replace(holdout, store=str(tmp_path / "gone.sqlite"))
    assert gone.looks() is None
    assert gone.opened is None
    assert not (tmp_path / "gone.sqlite").exists()


def test_reports_say_what_is_sealed_and_how_often_it_was_looked_at(study: OptimizeResult) -> None:
    import jesse_nb.report  # noqa: F401 - gives results their text

    def said() -> str:
        return " ".join(str(study).split())

    assert "Sealed: 2023-03-31 to 2023-04-10 (10 days); neither the search nor the held-out test saw them." in said()
    assert "No run of this project has touched these days." in said()
    opened = study.open_holdout()
    assert f"opened: Sharpe ratio {opened.values[0]:.2f} with the best parameters" in said()
    assert "These days were opened once; no other run" in said()
    assert "These days were opened once; no other run" in study._repr_mimebundle_()["text/html"]
    assert "These days were opened once; no other run" in " ".join(str(opened).split())
    html = opened._repr_mimebundle_()["text/html"]
    assert "Sealed days: Crossing" in html
    assert html.count("<img src") == 1


def test_without_a_best_trial_the_days_stay_sealed(candle_store: CandleStore, tmp_path: Path) -> None:
    result = run(candle_store, tmp_path / "runs.sqlite", constraints=["trades >= 1000"], n_trials=1, test_ratio=0)
    with pytest.raises(InputError, match="no best trial"):
        result.open_holdout()
    assert holdout_of(result).looks() == Looks(0, 0)
