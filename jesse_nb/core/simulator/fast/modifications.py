"""Whether a strategy has changed its orders: asked at each candle of an open position, and mostly it has not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.fast.replacing import Replacement

__all__ = ["detected_modifications"]

_FLOAT = np.dtype(float)
_NAME = "_detect_and_handle_entry_and_exit_modifications"

#: What Jesse's function goes through on its way to finding nothing to do; a strategy may have its own.
_ON_THE_WAY = ("_prepare_buy", "_prepare_sell", "_prepare_stop_loss", "_prepare_take_profit", "_validate_stop_loss",
               "_validate_take_profit", "_get_formatted_order")


def detected_modifications() -> Replacement:
    """Return what leaves it to Jesse to handle changed orders, and finds out by itself that none has changed."""
    strategy = jesse_module("jesse.strategies").Strategy
    handle: Callable[[Any], None] = vars(strategy)[_NAME]
    usual: dict[type, bool] = {}

    def detect(self: Any) -> None:
        kind = type(self)
        if kind not in usual:
            usual[kind] = all(getattr(kind, name) is getattr(strategy, name) for name in _ON_THE_WAY)
        if not (usual[kind] and _unchanged(self)):
            handle(self)

    return Replacement(strategy, _NAME, detect)


def _unchanged(strategy: Any) -> bool:
    """Whether every order is an array as it was when it was submitted, and stop and target are not the same."""
    if strategy.is_long:
        entries = _equal(strategy.buy, strategy._buy)
    else:
        entries = strategy.is_short and _equal(strategy.sell, strategy._sell)
    stop, target = strategy.stop_loss, strategy.take_profit
    return (entries and (stop is None or _equal(stop, strategy._stop_loss))
            and (target is None or _equal(target, strategy._take_profit))
            and (stop is None or target is None or not _equal(stop, target)))


def _equal(first: Any, second: Any) -> bool:
    """Whether both are arrays of the same floats; what is undefined equals nothing, as in NumPy."""
    return (type(first) is np.ndarray and type(second) is np.ndarray and first.dtype is second.dtype is _FLOAT
            and first.shape == second.shape and first.tolist() == second.tolist())
