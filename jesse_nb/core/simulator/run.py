"""One simulation, in the worker process that does nothing else meanwhile.

Jesse's state is global and its import takes seconds; both are the worker's
business. Everything here runs Jesse's own simulator through
``jesse.research.backtest`` and passes on what it says, untouched.
"""

from __future__ import annotations

import contextlib
import io
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module, jesse_version
from jesse_nb.core.simulator.account import AccountWatch
from jesse_nb.core.simulator.account.audit import undefined_after_ruin, until_ruin
from jesse_nb.core.simulator.account.fee_booking import market_fees
from jesse_nb.core.simulator.account.funding_booking import FundingBooking
from jesse_nb.core.simulator.account.slippage import slippage_apart
from jesse_nb.core.simulator.daily_samples import RunStopped, followed
from jesse_nb.core.simulator.data import MappedSlice
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.fast import SimulationPath, fast_path, indicator_memory
from jesse_nb.core.simulator.funding import rates_of
from jesse_nb.core.simulator.observing import observed
from jesse_nb.core.simulator.pipeline import check_pipeline, pipeline_arguments
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.recording import watched
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.sparse_candles import sparse_candles
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.simulator.strategies.own_values import values_for_jesse, values_not_given
from jesse_nb.core.simulator.strategies.strategy import load_strategies
from jesse_nb.core.simulator.stress.outage import away
from jesse_nb.core.simulator.stress.run_candles import run_candles
from jesse_nb.core.simulator.warm_up import watched_indicators
from jesse_nb.core.times import DAY_MS, MINUTE_MS

__all__ = ["StepsNeeded", "simulate", "simulate_once"]

_MOST_OUTPUT = 20_000

#: Jesse's names of a trade's fields, and ours.
_TRADE_FIELDS = {
    "strategy_name": "strategy", "exchange": "exchange", "symbol": "symbol", "type": "side",
    "opened_at": "opened_at", "closed_at": "closed_at",
    "entry_price": "entry_price", "exit_price": "exit_price",
    "qty": "qty", "size": "size", "fee": "fee", "PNL": "pnl", "PNL_percentage": "pnl_percentage",
    "holding_period": "holding_period",
}

#: What is kept of each order; Jesse's random ids are not, so that equal runs are equal.
_ORDER_FIELDS = {name: name for name in (
    "symbol", "exchange", "side", "type", "reduce_only", "qty", "filled_qty", "price", "status", "created_at",
    "executed_at", "canceled_at",
)}

_OWN = frozenset({float, int, str, bool, type(None)})


@dataclass(frozen=True)
class StepsNeeded:
    """A run in fast mode that only step mode does rightly, and what is to run in its place."""

    simulation: Simulation

    def finish(self, record: RunRecord | StoppedRun) -> RunRecord | StoppedRun:
        """Return the record of that simulation as the answer to what was asked for."""
        if isinstance(record, StoppedRun) or record.audit is None:
            return record
        return replace(record, audit=replace(record.audit, in_step_mode=True))


def simulate(simulation: Simulation) -> RunRecord | StoppedRun:
    """Run :func:`simulate_once`, and again in step mode where that is needed."""
    found = simulate_once(simulation)
    if not isinstance(found, StepsNeeded):
        return found
    again = simulate_once(found.simulation)
    assert not isinstance(again, StepsNeeded)
    return found.finish(again)


def simulate_once(simulation: Simulation) -> RunRecord | StoppedRun | StepsNeeded:
    """Run Jesse's simulator once; to the end, or to where the simulation's rule stops it.

    Raises
    ------
    Exception
        Whatever the strategy or Jesse raises.
    """
    spec = simulation.spec
    research = jesse_module("jesse.research.backtest")
    trading, warm_up = _candles(simulation.candles, spec)
    minutes = (spec.end - spec.start) // MINUTE_MS
    check_pipeline(spec.pipeline, spec.timeframes, minutes, [len(series["candles"]) for series in trading.values()])
    printed = _Output()
    funding = FundingBooking(spec, rates_of(spec.funding, spec.start, spec.end, simulation.candles))
    account = AccountWatch(spec, funding)
    way: SimulationPath | None = None
    began = time.perf_counter()
    try:
        with (contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed),
              indicator_memory() as memory, watched_indicators(spec), account.watching(), funding.booking(),
              market_fees(spec), away(spec), sparse_candles(spec),
              followed(spec.start, spec.end, simulation.stop, simulation.progress, account),
              watched(spec.end) if simulation.recorded else contextlib.nullcontext() as recorder,
              observed(simulation.observe, spec) if simulation.observe
              else contextlib.nullcontext() as observer,
              contextlib.ExitStack() as quicker):
            classes = load_strategies(simulation.codes)
            way = quicker.enter_context(fast_path(simulation, classes, trading, warm_up, memory))
            answer = research.backtest(
                jesse_config(spec),
                [
                    {"exchange": route.exchange, "symbol": route.symbol, "timeframe": route.timeframe,
                     "strategy": classes[route.strategy.hash]}
                    for route in spec.routes
                ],
                [{"exchange": route.exchange, "symbol": route.symbol, "timeframe": route.timeframe}
                 for route in spec.data_routes],
                way.trading,
                warmup_candles=way.warm_up if spec.warm_up_candles else None,
                generate_equity_curve=True,
                hyperparameters=values_for_jesse(classes, spec),
                fast_mode=spec.mode == "fast",
                **pipeline_arguments(spec.pipeline, spec.start, minutes),
            )
    except RunStopped as stopped:
        assert way is not None
        if account.needs_steps(account.books(way.series)):
            return _in_steps(simulation)
        return stopped.run
    except Exception:
        ruined = account.ruined_so_far(account.books(way.series)) if way is not None else None
        if ruined is None:
            raise
        answer = ruined
    assert way is not None
    books = account.books(way.series)
    if account.needs_steps(books):
        return _in_steps(simulation)
    audit = account.audit(books)
    metrics = slippage_apart({name: _plain(value) for name, value in answer["metrics"].items()}, spec.account,
                             answer.get("trades") or ())
    record = RunRecord(
        metrics=audit.funding.count_in(metrics) if audit.funding else metrics,
        trades=[_trade(trade) for trade in answer.get("trades") or ()],
        equity_times=np.array(account.times, dtype=np.int64),
        equity_values=np.array(account.values, dtype=np.float64),
        seconds=time.perf_counter() - began,
        versions=versions() | {"simulator": way.name},
        output=printed.getvalue(),
        recording=recorder.recording() if recorder else None,
        observation=observer.observation() if observer else None,
        audit=audit,
        defaults=values_not_given(classes, spec),
    )
    if not answer.get("equity_curve") and not audit.moved:
        record = _flat(record, spec)
    return _until_ruin(record.with_whole_drawdown())


def _in_steps(simulation: Simulation) -> StepsNeeded:
    return StepsNeeded(replace(simulation, spec=replace(simulation.spec, mode="step")))


def _flat(record: RunRecord, spec: BacktestSpec) -> RunRecord:
    """Return the record of a run that has no closed trade, of which Jesse draws no curve, and no moved balance."""
    times = np.append(np.arange(spec.start, spec.end, DAY_MS, dtype=np.int64), spec.end)
    return replace(record, equity_times=times, equity_values=np.full(len(times), spec.account.balance))


def _until_ruin(record: RunRecord) -> RunRecord:
    """Leave out what an account that was ruined had no money for any more."""
    audit = record.audit
    if audit is None or audit.ruin is None:
        return record
    times, values = until_ruin(record.equity_times, record.equity_values, audit.ruin)
    return replace(record, metrics=undefined_after_ruin(record.metrics), equity_times=times, equity_values=values,
                   audit=replace(audit, jesse_metrics=audit.jesse_metrics or record.metrics))


def jesse_config(spec: BacktestSpec) -> dict[str, Any]:
    """Return the ``config`` argument of ``jesse.research.backtest`` for a spec."""
    account = spec.account
    return {
        "starting_balance": account.balance,
        "fee": max(account.fill_cost(route.symbol) for route in spec.routes),  # market_fees books others
        "type": account.market,
        "futures_leverage": account.leverage,
        "futures_leverage_mode": account.leverage_mode,
        "exchange": spec.routes[0].exchange,
        "warm_up_candles": spec.warm_up_candles,
    }


@cache
def _own_version() -> str:
    return version("jesse-nb")


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"jesse": jesse_version(), "jesse_nb": _own_version(), "numpy": np.__version__,
            "python": platform.python_version()}


def _candles(slices: tuple[MappedSlice, ...], spec: BacktestSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    trading, warm_up = {}, {}
    for (exchange, symbol), (before, within) in run_candles(slices, spec).items():
        key = f"{exchange}-{symbol}"
        trading[key] = {"exchange": exchange, "symbol": symbol, "candles": within}
        warm_up[key] = {"exchange": exchange, "symbol": symbol, "candles": before}
    return trading, warm_up


def _trade(trade: dict[str, Any]) -> dict[str, Any]:
    row = _row(_TRADE_FIELDS, trade)
    row["orders"] = [_row(_ORDER_FIELDS, order) for order in trade["orders"]]
    return row


def _row(fields: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return Jesse's fields under our names, as Python's own values."""
    # A run of a thousand trades has fifty thousand values, so those that are common are told from others first.
    return {ours: value if (kind := type(value := values[theirs])) in _OWN
            else float(value) if kind is np.float64 else _plain(value)
            for theirs, ours in fields.items()}


def _plain(value: Any) -> Any:
    """Turn NumPy scalars and enumerations into Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    return getattr(value, "value", value)


class _Output(io.StringIO):
    """Keeps the first characters of what a strategy prints, so that a chatty one costs no memory."""

    def write(self, text: str) -> int:
        room = _MOST_OUTPUT - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)
