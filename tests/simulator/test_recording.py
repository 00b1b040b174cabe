"""What is watched beside a run, and that watching changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE
from tests.strategies import REVERSION, TREND
from tests.strategies_drawing import DRAWER

PERIOD = ("2023-05-01", "2023-05-08")

pytestmark = pytest.mark.usefixtures("as_worker")


def both(store: CandleStore, strategy: str, **changes: Any) -> tuple[RunRecord, RunRecord]:
    """A run as ever, and the same one watched."""
    arguments: dict[str, Any] = {"symbol": "BTC-USDT", "timeframe": "1h", "warm_up_candles": 60} | changes
    prepared = prepare(Request(strategy=strategy, candles=store, **arguments), *PERIOD)
    simulation = prepared.simulation(prepared.spec)
    return simulate(simulation), simulate(replace(simulation, recorded=True))


@pytest.mark.parametrize("strategy", [DRAWER, REVERSION, TREND], ids=["drawer", "reversion", "trend"])
@pytest.mark.parametrize("mode", ["fast", "step"])
def test_watching_changes_nothing(candle_store: CandleStore, strategy: str, mode: str) -> None:
    plain, recorded = both(candle_store, strategy, mode=mode)
    assert plain.recording is None
    assert recorded.recording is not None
    assert plain.metrics["total"] > 0
    assert repr(recorded.metrics) == repr(plain.metrics)
    assert recorded.trades == plain.trades
    assert recorded.equity_values.tolist() == plain.equity_values.tolist()
    assert recorded.pack() == plain.pack()


def test_a_failing_run_leaves_jesse_as_it_was(candle_store: CandleStore) -> None:
    state, strategy = jesse_module("jesse.store.state_orders").OrdersState, jesse_module("jesse.strategies").Strategy
    before = state.add_order, strategy._init_objects
    with pytest.raises(ZeroDivisionError):
        both(candle_store, DRAWER.replace("return self.price > self.mean()", "1 / 0"))
    assert (state.add_order, strategy._init_objects) == before


def test_stops_as_they_moved(candle_store: CandleStore) -> None:
    record, watched = both(candle_store, DRAWER)
    assert watched.recording is not None
    orders = watched.recording.orders
    first = record.trades[0]
    own = orders[(orders["begin"] >= first["opened_at"]) & (orders["end"] <= first["closed_at"])]
    stops = own[own["kind"] == "stop"]
    assert stops["begin"].iloc[0] == first["opened_at"]
    assert (stops["begin"].to_numpy()[1:] == stops["end"].to_numpy()[:-1]).all()
    assert stops["end"].iloc[-1] == first["closed_at"]
    closer = np.diff(stops["price"].to_numpy()) * (1 if first["side"] == "long" else -1)
    assert (closer > 0).all()
    targets = own[own["kind"] == "target"]
    assert len(targets) == 1
    assert bool(targets["filled"].iloc[0]) != bool(stops["filled"].iloc[-1])
    filled = orders[orders["filled"]]
    executed = {order["executed_at"] for trade in record.trades for order in trade["orders"]}
    assert set(filled["end"]) <= executed


def test_lines_are_dated_by_the_end_of_their_candle(candle_store: CandleStore) -> None:
    _, watched = both(candle_store, DRAWER)
    assert watched.recording is not None
    mean, nothing, gap, zero = watched.recording.lines
    assert [line.title for line in (mean, nothing, gap, zero)] == ["<b>mean</b>", "nothing", "gap", "zero"]
    assert [line.chart for line in (mean, gap, zero)] == ["", "<i>gap</i>", "<i>gap</i>"]
    assert zero.horizontal
    assert zero.values.tolist() == [0.0]
    assert np.isnan(nothing.values).all()
    assert (np.diff(mean.times) == 60 * MINUTE_MS).all()
    # the value is the mean of the closes of the eight hours that are over by then
    candles = candle_store.read(EXCHANGE, "BTC-USDT")
    ends = candles[:, 0].astype(np.int64) + MINUTE_MS
    hours = [candles[np.searchsorted(ends, mean.times[30] - back * 60 * MINUTE_MS), 2] for back in range(8)]
    assert mean.values[30] == pytest.approx(np.mean(hours))
