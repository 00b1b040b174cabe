"""When a run takes the quicker way, and what is put in Jesse's place meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from jesse_nb.core.jesse_runtime import jesse_module, jesse_version, strategy_class
from jesse_nb.core.simulator.fast.indicator_memory import IndicatorMemory
from jesse_nb.core.simulator.fast.lookups import cheaper_lookups
from jesse_nb.core.simulator.fast.loops import Loop
from jesse_nb.core.simulator.fast.replacing import Replacement, is_original, replaced
from jesse_nb.core.simulator.fast.series import Series, known_series
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.times import TIMEFRAME_MINUTES

__all__ = ["FAST_PATH", "PROVEN_ON", "SimulationPath", "fast_path", "prepare_series"]

#: The Jesse whose every number was compared; on any other the plain path is taken.
PROVEN_ON = "3.5.3"

#: How a result's versions name the quicker way.
FAST_PATH = "fast path"

#: What the quicker way passes by, beside what it replaces: where a strategy put its own in place, it is not taken.
_PASSED_BY = {
    "jesse.modes.backtest_mode": (
        "simulator", "_skip_simulator", "_step_simulator", "_simulate_new_candles", "_execute_routes",
        "_simulate_price_change_effect_multiple_candles", "_simulate_price_change_effect", "_check_for_liquidations"),
    "jesse.services.candle_service": ("add_candle", "batch_add_candle", "add_multiple_1m_candles",
                                      "generate_candle_from_one_minutes", "inject_warmup_candles_to_store"),
}


class SimulationPath(NamedTuple):
    """Which way a run takes: what it is called in a result's versions, and the candles that Jesse is to be given.

    ``series`` are the run's, opened before the strategy began; None where Jesse keeps what it saw.
    """

    name: str
    trading: dict[str, Any]
    warm_up: dict[str, Any]
    series: list[Series] | None = None


@contextmanager
def fast_path(
    simulation: Simulation, classes: Mapping[str, type[Any]], trading: dict[str, Any], warm_up: dict[str, Any],
    memory: IndicatorMemory,
) -> Iterator[SimulationPath]:
    """Let ``jesse.research.backtest`` run the quicker way, once, where that is proven to change nothing.

    It is for candles without a gap, the same minutes in every series, no candle pipeline, and the Jesse that it was
    compared with. A strategy that replaced any function concerned keeps Jesse's own path, too.

    Parameters
    ----------
    simulation
        What is to run.
    classes
        The strategies.
    trading, warm_up
        The candles for Jesse.
    memory
        What stands between the strategies and the indicators; it answers on the quicker way only.

    Yields
    ------
    SimulationPath
        On Jesse's own path with the candles as given, and why; on the quicker one with a row of each, as the rest is
        known already.
    """
    reason, series = _proven_series(simulation, classes)
    if reason:
        yield SimulationPath(f"plain ({reason})", trading, warm_up)
        return
    warm = bool(simulation.spec.warm_up_candles)

    def simulator(candles: Any, run_silently: bool, **arguments: Any) -> dict[str, Any]:
        markets = [(one.part.exchange, one.part.symbol) for one in series]
        with replaced(cheaper_lookups(markets)):
            loop = Loop(series, warm=warm, hyperparameters=arguments["hyperparameters"], memory=memory)
            return loop.run(fast_mode=arguments["fast_mode"])

    with replaced([
        Replacement(jesse_module("jesse.research.backtest"), "simulator", simulator),
        Replacement(jesse_module("jesse.services.candle_service"), "inject_warmup_candles_to_store",
                    lambda *arguments, **options: None),
    ]):
        yield SimulationPath(FAST_PATH, _one_row(trading), _one_row(warm_up), series)


def prepare_series(simulation: Simulation) -> None:
    """Work out what the quicker way needs of a run's candles, so that a process forked afterwards has it already.

    It reads the candles and the spec, never the strategy.
    """
    if simulation.plain or jesse_version() != PROVEN_ON or simulation.spec.pipeline is not None:
        return
    spec = simulation.spec
    timeframes = {route.timeframe for route in spec.routes} | {route.timeframe for route in spec.data_routes}
    step = math.gcd(*(TIMEFRAME_MINUTES[timeframe] for timeframe in timeframes))
    for series in known_series(simulation.candles):
        if series.is_dense:
            series.reach(step)
            for timeframe in timeframes - {"1m"}:
                series.candles(timeframe)


def _proven_series(simulation: Simulation, classes: Mapping[str, type[Any]]) -> tuple[str, list[Series]]:
    """Return the run's series; or why it is not of the proven kind."""
    if simulation.plain:
        return "switched off", []
    if jesse_version() != PROVEN_ON:
        return f"proven on Jesse {PROVEN_ON}", []
    none = strategy_class().candles_pipeline
    if simulation.spec.pipeline is not None or any(strategy.candles_pipeline is not none
                                                   for strategy in classes.values()):
        return "candle pipeline", []
    if jesse_module("jesse.helpers").is_unit_testing():
        return "inside a test runner", []
    if not _all_original():
        return "Jesse's functions were replaced", []
    series = known_series(simulation.candles)
    if not all(one.is_dense and len(one.trading) == len(series[0].trading)
               and one.trading[0, 0] == series[0].trading[0, 0] for one in series):
        return "gaps", []
    if simulation.spec.warm_up_candles and not all(len(one.warm_up) for one in series):
        return "no warm-up", []  # which Jesse refuses
    return "", series


def _all_original() -> bool:
    concerned = [(owner, name) for owner, name, _ in cheaper_lookups()]
    concerned += [(jesse_module(module), name) for module, names in _PASSED_BY.items() for name in names]
    return all(is_original(owner, name) for owner, name in concerned)


def _one_row(candles: dict[str, Any]) -> dict[str, Any]:
    return {key: {**series, "candles": series["candles"][:1]} for key, series in candles.items()}
