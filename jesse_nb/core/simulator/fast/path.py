"""When a run takes the quicker way, and what is put in Jesse's place meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jesse_nb.core.jesse_runtime import jesse_module, jesse_version, strategy_class
from jesse_nb.core.simulator.fast.lookups import cheaper_lookups
from jesse_nb.core.simulator.fast.loops import Loop
from jesse_nb.core.simulator.fast.replacing import Replacement, is_original, replaced
from jesse_nb.core.simulator.fast.series import Series, known_series

if TYPE_CHECKING:
    from jesse_nb.core.simulator.run import Simulation

__all__ = ["PROVEN_ON", "fast_path", "switched_off", "why_plain"]

#: The Jesse whose every number was compared; on any other the plain path is taken.
PROVEN_ON = "3.5.3"

_SWITCH = "JESSE_NB_PLAIN_SIMULATOR"

#: What the quicker way passes by, beside what it replaces: where a strategy put its own in place, it is not taken.
_PASSED_BY = {
    "jesse.modes.backtest_mode": (
        "simulator", "_skip_simulator", "_step_simulator", "_simulate_new_candles", "_execute_routes",
        "_simulate_price_change_effect_multiple_candles", "_simulate_price_change_effect", "_check_for_liquidations"),
    "jesse.services.candle_service": ("add_candle", "batch_add_candle", "add_multiple_1m_candles",
                                      "generate_candle_from_one_minutes", "inject_warmup_candles_to_store"),
}  # fmt: skip


def switched_off() -> bool:
    """Whether the user asked, in this process' environment, for Jesse's own path."""
    return os.environ.get(_SWITCH, "").strip() not in ("", "0")


def why_plain(*, off: bool) -> str:
    """Return why no run can take the quicker way; empty when runs can."""
    if off:
        return "switched off"
    return "" if jesse_version() == PROVEN_ON else f"proven on Jesse {PROVEN_ON}"


@contextmanager
def fast_path(
    simulation: Simulation, classes: Mapping[str, type[Any]], trading: dict[str, Any], warm_up: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
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

    Yields
    ------
    tuple
        The candles to give Jesse: those given; or, on the quicker way, a row of each, the rest being known already.
    """
    series = _proven_series(simulation, classes)
    if not series:
        yield trading, warm_up
        return
    warm = bool(simulation.spec.warm_up_candles)

    def simulator(candles: Any, run_silently: bool, **arguments: Any) -> dict[str, Any]:
        markets = [(one.part.exchange, one.part.symbol) for one in series]
        with replaced(cheaper_lookups(markets)):
            loop = Loop(series, warm=warm, hyperparameters=arguments["hyperparameters"])
            return loop.run(fast_mode=arguments["fast_mode"])

    with replaced([
        Replacement(jesse_module("jesse.research.backtest"), "simulator", simulator),
        Replacement(jesse_module("jesse.services.candle_service"), "inject_warmup_candles_to_store",
                    lambda *arguments, **options: None),
    ]):
        yield _one_row(trading), _one_row(warm_up)


def _proven_series(simulation: Simulation, classes: Mapping[str, type[Any]]) -> list[Series]:
    """Return the run's series; none where it is not of the proven kind."""
    if why_plain(off=simulation.plain) or simulation.spec.pipeline is not None:
        return []
    own = strategy_class().candles_pipeline
    if any(strategy.candles_pipeline is not own for strategy in classes.values()):
        return []
    if jesse_module("jesse.helpers").is_unit_testing() or not _all_original():
        return []
    series = known_series(simulation.candles)
    first = series[0].trading[:1, 0]
    for one in series:
        if not one.is_dense or len(one.trading) != len(series[0].trading) or one.trading[0, 0] != first:
            return []
        if simulation.spec.warm_up_candles and not len(one.warm_up):
            return []  # which Jesse refuses
    return series


def _all_original() -> bool:
    concerned = [(owner, name) for owner, name, _ in cheaper_lookups()]
    concerned += [(jesse_module(module), name) for module, names in _PASSED_BY.items() for name in names]
    return all(is_original(owner, name) for owner, name in concerned)


def _one_row(candles: dict[str, Any]) -> dict[str, Any]:
    return {key: {**series, "candles": series["candles"][:1]} for key, series in candles.items()}
