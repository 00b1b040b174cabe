"""Whether a run's strategy and candles are still what they were."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.spec import BacktestSpec, StrategyRef
from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
from jesse_nb.core.simulator.strategies.strategy_registry import register_strategy
from jesse_nb.core.tools.changes import changes_since
from tests.analysis.results import make_spec
from tests.strategies import TREND


def ran(ref: StrategyRef) -> BacktestSpec:
    spec = make_spec()
    return replace(spec, routes=(replace(spec.routes[0], strategy=ref),), candles=())


def test_source_that_is_still_the_same_has_not_changed() -> None:
    assert changes_since(ran(resolve_strategy(TREND).ref)) == ()


def test_a_local_module_that_changed_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "my_rules_of_changes.py"
    module.write_text("LIMIT = 1\n")
    spec = ran(resolve_strategy(f"import my_rules_of_changes\n{TREND}").ref)
    assert changes_since(spec) == ()
    module.write_text("LIMIT = 2\n")
    assert changes_since(spec) == ("The strategy Trend, or something it uses, has changed since this run.",)


def test_a_class_that_was_defined_again_is_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rule:
        def go(self) -> int:
            return 1

    old = Rule
    from jesse_nb.core.simulator.strategies.strategy_hash import hash_class

    ref = StrategyRef("Rule", "notebook", hash_class(old))
    register_strategy(ref.hash, old, None)
    monkeypatch.setattr(sys.modules[__name__], "Rule", old, raising=False)
    assert changes_since(ran(ref)) == ()

    class Rule:  # type: ignore[no-redef]
        def go(self) -> int:
            return 2

    monkeypatch.setattr(sys.modules[__name__], "Rule", Rule)
    assert len(changes_since(ran(ref))) == 1


def test_what_nobody_here_knows_is_not_said_to_have_changed(candle_store: CandleStore) -> None:
    spec = make_spec(exchange="Nowhere")
    assert changes_since(spec) == ()
    assert changes_since(spec, candle_store) == ()
    assert changes_since(ran(StrategyRef("Gone", "project", "0" * 32))) == ()


def test_other_candles_are_a_change(candle_store: CandleStore) -> None:
    info = candle_store.list()[0]
    spec = make_spec("2023-01-02", "2023-01-03", exchange=info.exchange, symbol=info.symbol)
    start, end = info.start + 86_400_000, info.start + 2 * 86_400_000
    part = replace(spec.candles[0], fingerprint="not these")
    changed = changes_since(replace(spec, start=start, end=end, candles=(part,), warm_up_candles=0), candle_store)
    assert changed == (f"The stored candles of {info.symbol} on {info.exchange} are not those of this run.",)
