"""A finished run is run again with the very code and candles that it had, or not at all."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import jesse_nb.core.simulator.strategies.strategy_registry as strategy_registry
from jesse_nb.cli.strategy_file import read_strategy_file
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
from jesse_nb.core.tools.changes import changed_strategies
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resimulate.rerun import prepare_again, request_again
from jesse_nb.exceptions import CandlesError, StrategyError
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING
from tests.simulator.conftest import as_worker  # noqa: F401

PERIOD = ("2023-03-01", "2023-03-03")
LIMIT = 5


def live_class() -> type[Any]:
    class Live(strategy_class()):  # type: ignore[misc]
        def should_long(self) -> bool:
            return self.index > LIMIT

        def go_long(self) -> None:
            self.buy = 1, self.price

    return Live


@pytest.fixture
def spec_of(markets: CandleStore) -> Any:
    def spec(strategy: Any, **changes: Any) -> BacktestSpec:
        arguments: dict[str, Any] = {"symbol": "BTC-USDT", "timeframe": "1h", "candles": markets, "fee": 0.0005,
                                     "leverage": 3, "warm_up_candles": 30, "data_routes": [("ETH-USDT", "4h")],
                                     "hyperparameters": {"fast": 5}} | changes
        return prepare(Request(strategy=strategy, **arguments), *PERIOD).spec

    return spec


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a kernel knows of strategies after a restart: nothing."""
    def restart() -> None:
        monkeypatch.setattr(strategy_registry, "_by_hash", {})
        monkeypatch.setattr(strategy_registry, "_given", set())

    return restart


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "storage").mkdir(parents=True)
    (folder / "strategies" / "Crossing").mkdir(parents=True)
    (folder / "strategies" / "Crossing" / "__init__.py").write_text(CROSSING)
    return folder


@pytest.mark.parametrize("kind", ["source", "notebook", "project"])
@pytest.mark.usefixtures("as_worker")
def test_it_is_the_same_spec_again(spec_of: Any, markets: CandleStore, project: Path, kind: str) -> None:
    strategy = {"source": CROSSING, "notebook": live_class(), "project": "Crossing"}[kind]
    spec = spec_of(strategy, project=project)
    assert spec.routes[0].strategy.kind == kind
    prepared = prepare_again(request_again(spec, candles=markets), spec)
    assert prepared.spec == spec
    assert prepared.spec.key == spec.key
    assert [code.ref.hash for code in prepared.codes] == [spec.routes[0].strategy.hash]
    assert prepared.codes[0].load().__name__ == spec.routes[0].strategy.name


def test_another_period_account_and_hyperparameters(spec_of: Any, markets: CandleStore) -> None:
    spec = replace(spec_of(CROSSING), pipeline=CandlePipeline(seed=3))
    request = replace(request_again(spec, candles=markets), fee=0.002, hyperparameters={"fast": 7})
    prepared = prepare_again(request, spec, "2023-03-05", "2023-03-09")
    assert prepared.spec.account == replace(spec.account, fee=0.002)
    assert prepared.spec.hyperparameters == {"fast": 7}
    assert prepared.spec.end - prepared.spec.start == 4 * 86_400_000
    assert prepared.spec.pipeline == CandlePipeline(seed=3)
    assert (prepared.spec.routes, prepared.spec.data_routes) == (spec.routes, spec.data_routes)


def test_after_a_restart_nothing_runs_that_was_not_given(
    spec_of: Any, markets: CandleStore, project: Path, restarted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_source, of_class, of_project = spec_of(CROSSING), spec_of(live_class()), spec_of("Crossing", project=project)
    restarted()
    for _ in range(2):  # what was refused was not given by that
        with pytest.raises(StrategyError, match=r"Crossing was not given in this session.* strategy=\.\.\."):
            request_again(of_source, candles=markets)
    stored = of_source.routes[0].strategy.source
    assert prepare_again(request_again(of_source, candles=markets, strategy=stored), of_source).spec == of_source
    with pytest.raises(StrategyError, match=r"Live of this run is not known .* strategy=Live"):
        request_again(of_class, candles=markets)
    for given in (live_class(), [live_class()]):
        assert prepare_again(request_again(of_class, candles=markets, strategy=given), of_class).spec == of_class
        restarted()
    assert prepare_again(request_again(of_project, candles=markets, project=project), of_project).spec == of_project
    restarted()
    monkeypatch.chdir(project)
    changed_strategies([of_project.routes[0].strategy])  # to look is not to give
    with pytest.raises(StrategyError, match="strategy='Crossing', or project=FOLDER"):
        request_again(of_project, candles=markets)
    monkeypatch.chdir("/")
    with pytest.raises(StrategyError, match="no Jesse project"):
        request_again(of_project, candles=markets, strategy="Crossing")


@pytest.mark.usefixtures("as_worker")
def test_a_text_in_place_of_the_one_that_a_hash_names_does_not_run(
    spec_of: Any, markets: CandleStore, restarted: Any
) -> None:
    """A stored spec may claim the hash of a strategy that the user gave: his own is what runs then."""
    own = spec_of(CROSSING)
    route = own.routes[0]
    forged = replace(own, routes=(replace(route, strategy=replace(route.strategy, source="raise SystemExit")),))
    assert prepare_again(request_again(forged, candles=markets), own).codes[0].ref.source == CROSSING
    restarted()
    with pytest.raises(StrategyError, match="was not given"):
        request_again(forged, candles=markets)
    with pytest.raises(StrategyError, match="has changed"):
        request_again(forged, candles=markets, strategy="class Crossing(Strategy):\n    raise SystemExit")


def test_one_of_many_strategies_is_still_known_as_given(spec_of: Any, markets: CandleStore) -> None:
    spec = spec_of(CROSSING + "\nMANY = True\n")
    for number in range(strategy_registry._MOST):
        resolve_strategy(CROSSING + f"\nX = {number}\n")
    assert strategy_registry.registered_strategy(spec.routes[0].strategy.hash) is None
    assert request_again(spec, candles=markets).routes


def test_what_has_changed_since_is_refused(
    spec_of: Any, markets: CandleStore, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_class, of_project = spec_of(live_class()), spec_of("Crossing", project=project)
    monkeypatch.setitem(globals(), "LIMIT", 6)
    with pytest.raises(StrategyError, match="Live, or something it uses, has changed"):
        request_again(of_class, candles=markets)
    (project / "strategies" / "Crossing" / "__init__.py").write_text(CROSSING + "\nX = 1\n")
    with pytest.raises(StrategyError, match="Crossing, or something it uses, has changed"):
        request_again(of_project, candles=markets)
    with pytest.raises(StrategyError, match="has changed"):
        request_again(spec_of(CROSSING), candles=markets, strategy=CROSSING.replace("0.9", "0.8"))


def test_a_strategy_file_is_looked_at_again_with_the_modules_beside_it(
    spec_of: Any, markets: CandleStore, tmp_path: Path, restarted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "my_sizes.py").write_text("SIZE = 0.9")
    (tmp_path / "crossing.py").write_text("from my_sizes import SIZE\n" + CROSSING.replace("0.9", "SIZE"))
    spec = spec_of(read_strategy_file(tmp_path / "crossing.py").code)
    assert prepare_again(request_again(spec, candles=markets), spec).spec == spec
    (tmp_path / "my_sizes.py").write_text("SIZE = 0.1")
    with pytest.raises(StrategyError, match="has changed since"):
        request_again(spec, candles=markets)
    restarted()
    with pytest.raises(StrategyError, match="has changed since"):
        request_again(spec, candles=markets, strategy=spec.routes[0].strategy.source)


def test_other_candles_are_refused(spec_of: Any, markets: CandleStore, tmp_path: Path) -> None:
    spec = spec_of(CROSSING)
    other = CandleStore(tmp_path / "other")
    for symbol in ("BTC-USDT", "ETH-USDT"):
        other.write(EXCHANGE, symbol, markets.read(EXCHANGE, "LTC-USDT"))  # bitcoin's, so that ether's differ
    with pytest.raises(CandlesError, match=f"stored candles of ETH-USDT on {EXCHANGE} are not those"):
        prepare_again(request_again(spec, candles=other), spec)


def test_only_the_latest_strategies_are_remembered(restarted: Any) -> None:
    restarted()
    first = resolve_strategy(CROSSING)
    for number in range(strategy_registry._MOST):
        resolve_strategy(CROSSING + f"\nX = {number}\n")
    assert strategy_registry.registered_strategy(first.ref.hash) is None
    assert len(strategy_registry._by_hash) == strategy_registry._MOST


def test_candles_that_were_removed_meanwhile_are_made_anew(spec_of: Any, markets: CandleStore) -> None:
    spec = spec_of(CROSSING)
    prepared = prepare_again(request_again(spec, candles=markets), spec)
    for part in prepared.mapped:
        Path(part.path).unlink()
    with pytest.raises(CandlesError, match="were removed meanwhile"):
        prepared.mapped[0].read()
    again = prepared.simulation(prepared.spec)
    assert [part.read()[1].shape for part in again.candles]
