"""What has finished is answered from the run store alone, and never wrongly."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools import description
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.description import described
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.search import Search
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resources import Resources
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING, SPACE

PERIOD = ("2023-03-01", "2023-04-10")


def nobody(*_: Any, **__: Any) -> Any:
    raise AssertionError("nothing has to be worked out")


def test_a_finished_study_needs_neither_its_sampler_nor_workers(
    candle_store: CandleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def study(n_trials: int) -> Any:
        return optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, space=SPACE, n_trials=n_trials, candles=candle_store,
                        parity=False)

    first = study(14)
    with monkeypatch.context() as patch:
        patch.setattr(Search, "_propose", nobody)
        patch.setattr(Resources, "pool", nobody)
        again = study(14)
    assert [(trial.params, trial.values, trial.key) for trial in again.trials] == [
        (trial.params, trial.values, trial.key) for trial in first.trials]
    assert all(trial.reused for trial in again.trials)
    assert again.returns.equals(first.returns)
    assert str(again.plateau.neighbourhoods[0].median) == str(first.plateau.neighbourhoods[0].median)
    longer = study(20)  # the sampler is told of the first fourteen before it goes on
    with monkeypatch.context() as patch:
        patch.setenv("JESSE_NB_STORE", "elsewhere")
        patch.chdir(candle_store.root.parent)
        fresh = study(20)
    assert [trial.params for trial in longer.trials] == [trial.params for trial in fresh.trials]


def test_a_stop_is_heard_while_the_sampler_is_told_of_what_was_known(
    candle_store: CandleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def study(n_trials: int, **options: Any) -> Any:
        return optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, space=SPACE, n_trials=n_trials, candles=candle_store,
                        parity=False, neighbours=0, **options)

    study(40)
    ask = Search._ask_sampler

    def ask_slowly(search: Search) -> Any:
        time.sleep(0.2)
        return ask(search)

    monkeypatch.setattr(Search, "_ask_sampler", ask_slowly)  # as a sampler does that knows of hundreds of trials
    job = study(60, background=True)
    until = time.monotonic() + 30
    while job.progress.done < 30 and time.monotonic() < until:
        job.wait(0.01)
    assert job.progress.done >= 30
    job.cancel()
    assert job.wait(1.5)  # it would go on for some eight seconds
    assert job.state == "cancelled"


WIDE = Space.parse({"fast": (2, 40), "slow": (41, 200), "stop": (0.5, 9.0), "kind": ["a", "b", None]})
SEARCHES: list[dict[str, Any]] = [
    {},
    {"seed": 2},
    {"sampler": "nsga2"},
    {"sampler": "gp"},
    {"sampler": "random"},
    {"workers": 11},
    {"first": [{"fast": 7}]},
    {"constrained": True},
    {"space": Space.parse({"fast": (2, 41), "slow": (41, 200), "stop": (0.5, 9.0), "kind": ["a", "b", None]})},
    {"metrics": "max_drawdown"},
    {"metrics": ["sharpe", "max_drawdown"]},
    {"values": lambda params: params["fast"] * 0.1},
    {"values": lambda params: None if params["fast"] % 3 else params["slow"]},
    {"excess": lambda params: params["fast"] / 10, "constrained": True},
]


def proposals(store: RunStore | None, n_trials: int = 30, **changes: Any) -> list[dict[str, Any]]:
    settings: dict[str, Any] = {"space": WIDE, "metrics": "sharpe", "sampler": "tpe", "seed": 1, "workers": 2} | changes
    values = settings.pop("values", lambda params: -abs(params["fast"] - 17) - params["stop"])
    excess = settings.pop("excess", lambda params: 0.0)
    metrics = resolve_metrics(settings.pop("metrics"))
    search = Search(settings.pop("space"), metrics, n_trials=n_trials, store=store, **settings)
    found = []
    while not search.ended:
        while search.may_ask:
            number, params = search.ask()
            assert number == len(found)
            found.append(params)
            value = values(params)
            search.tell(number, None if value is None else (value,) * len(metrics), (excess(params),))
    return found


def test_proposals_from_the_store_are_those_of_the_sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    expected = [proposals(None, **search) for search in SEARCHES]
    assert len({repr(proposed) for proposed in expected}) >= 9  # some differences show only later in a search
    for search, proposed in zip(SEARCHES, expected, strict=True):
        assert proposals(store, 18, **search) == proposed[:18]
    for search, proposed in zip(SEARCHES, expected, strict=True):
        assert proposals(store, **search) == proposed  # goes on where the store knows no more
    monkeypatch.setattr(Search, "_propose", nobody)
    for search, proposed in zip(SEARCHES, expected, strict=True):
        assert proposals(store, **search) == proposed
        assert [[type(value) for value in params.values()] for params in proposals(store, **search)] == [
            [type(value) for value in params.values()] for params in proposed]


def test_a_description_is_asked_again_when_the_strategy_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    request = Request()
    code = resolve_strategy(CROSSING)
    first = described(store, request.resources.pool, code, lambda: False)
    monkeypatch.setattr(description, "describe_strategy", nobody)
    assert described(store, nobody, code, lambda: False) == first
    with pytest.raises(AssertionError):
        described(store, request.resources.pool, resolve_strategy(CROSSING + "\n    more = 1\n"), lambda: False)
    monkeypatch.setattr(description, "jesse_version", lambda: "9.9.9")
    with pytest.raises(AssertionError):
        described(store, request.resources.pool, code, lambda: False)


def test_trades_are_read_when_they_are_looked_at(candle_store: CandleStore) -> None:
    def run() -> Any:
        return backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-03-10", candles=candle_store)  # without a gap

    first, answered = run(), run()
    assert "trades" not in vars(answered)
    copied = pickle.loads(pickle.dumps(answered))
    assert answered.trades.equals(first.trades)
    assert copied.trades.equals(first.trades)
    assert list(answered.trades.dtypes) == list(first.trades.dtypes)
    assert len(first.trades) == first.metrics["total"] > 0
    assert answered.trades is answered.trades
    assert answered.output == first.output


def test_a_candle_file_that_changed_is_read_again(
    candle_store: CandleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CandleStore(tmp_path / "candles")
    candles = candle_store.read(EXCHANGE, "BTC-USDT", "2023-01-01", "2023-05-01")
    store.write(EXCHANGE, "BTC-USDT", candles)
    monkeypatch.setattr("jesse_nb.core.candles.file_state._SETTLED_NS", 0)  # as after some seconds

    def fingerprints() -> list[str]:
        prepared = prepare(Request(strategy=CROSSING, symbol="BTC-USDT", timeframe="1h", candles=store), *PERIOD)
        return [part.fingerprint for part in prepared.spec.candles]

    first = fingerprints()
    assert fingerprints() == first
    changed = candles.copy()
    changed[90 * 1440, 5] += 1  # a day's volume inside the period
    time.sleep(0.02)
    store.write(EXCHANGE, "BTC-USDT", changed, replace=True)
    second = fingerprints()
    assert second != first
    time.sleep(0.02)
    store.write(EXCHANGE, "BTC-USDT", candles, replace=True)
    assert fingerprints() == first
