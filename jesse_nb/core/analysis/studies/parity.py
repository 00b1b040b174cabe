"""One backtest in both of Jesse's modes: trades and profit must be the same."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["SAMPLED", "Parity", "compare_modes"]

#: Jesse's metrics that are read off the daily samples of equity, which the two modes take at different moments.
SAMPLED = ("annual_return", "max_drawdown", "max_underwater_period", "sharpe_ratio", "smart_sharpe", "sortino_ratio",
           "smart_sortino", "calmar_ratio", "omega_ratio", "serenity_index")  # fmt: skip

#: So many differences are named; a run that differs in one trade mostly differs in all that follow.
_MOST_NAMED = 10


@dataclass(frozen=True, eq=False)
class Parity:
    """A backtest in fast mode beside the same in step mode.

    Attributes
    ----------
    trades
        How many closed trades each mode has: fast, step.
    net_profit
        Of each mode, in the quote currency: fast, step.
    differences
        What is not exactly the same, in sentences, the first of it; empty when all trades (their orders included),
        the final equity and every metric that does not come from samples of equity are.
    ratios
        One row a metric of :data:`SAMPLED`, in Jesse's units: columns ``fast`` and ``step``. These may differ.
    reason
        Why there is no comparison; empty otherwise.
    """

    trades: tuple[int, int] = (0, 0)
    net_profit: tuple[float, float] = (math.nan, math.nan)
    differences: tuple[str, ...] = ()
    ratios: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["fast", "step"], dtype=float))
    reason: str = ""

    @property
    def identical(self) -> bool:
        """True when the two modes were compared and nothing that must be the same differs."""
        return not self.differences and not self.reason

    @property
    def farthest(self) -> tuple[str, float]:
        """The metric of :attr:`ratios` that differs most between the modes, and by what part of its step value.

        A fraction; empty and 0 where none differs. Those that are undefined, infinite or 0 in a mode do not count.
        """
        fast, step = (self.ratios[mode].to_numpy(dtype=float) for mode in ("fast", "step"))
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.abs(fast / step - 1.0)
        apart[~np.isfinite(apart)] = 0.0
        if not apart.any():
            return "", 0.0
        return str(self.ratios.index[apart.argmax()]), float(apart.max())


def compare_modes(fast: BacktestResult, step: BacktestResult) -> Parity:
    """Compare a backtest in fast mode with the same one in step mode, exactly."""
    differences = [] if len(fast.trades) == len(step.trades) else [
        f"{len(fast.trades):,} trades in fast mode, {len(step.trades):,} in step mode"]
    differences += _first_trades(fast.trades, step.trades)
    names = [name for name in dict.fromkeys([*fast.metrics, *step.metrics]) if name not in SAMPLED]
    differences += [f"{name} is {_shown(fast.metrics.get(name))} in fast mode, {_shown(step.metrics.get(name))} "
                    "in step mode" for name in names if not _same(fast.metrics.get(name), step.metrics.get(name))]
    ends = float(fast.equity.iloc[-1]), float(step.equity.iloc[-1])
    if not _same(*ends):
        differences.append(f"the final equity is {_shown(ends[0])} in fast mode, {_shown(ends[1])} in step mode")
    more = len(differences) - _MOST_NAMED
    return Parity(
        trades=(len(fast.trades), len(step.trades)),
        net_profit=(_net_profit(fast), _net_profit(step)),
        differences=(*differences[:_MOST_NAMED], *([f"and {more:,} more"] if more > 0 else [])),
        ratios=pd.DataFrame({"fast": _sampled(fast), "step": _sampled(step)}, index=pd.Index(SAMPLED, name="metric")),
    )


def _sampled(run: BacktestResult) -> list[float]:
    return [float(run.metrics.get(name, math.nan)) for name in SAMPLED]


def _first_trades(fast: pd.DataFrame, step: pd.DataFrame) -> list[str]:
    """Name all that is different in the first trade that is."""
    for number, (one, other) in enumerate(zip(fast.to_dict("records"), step.to_dict("records"), strict=False), 1):
        if one == other:
            continue
        found = [name for name in one if not _same(one[name], other[name])]
        if found:
            return [f"trade {number:,} differs: its {name} {_pair(one[name], other[name])}" for name in found]
    return []


def _pair(fast: Any, step: Any) -> str:
    if isinstance(fast, list):
        return "are not the same"
    return f"is {_shown(fast)} in fast mode, {_shown(step)} in step mode"


def _net_profit(run: BacktestResult) -> float:
    return float(run.metrics.get("net_profit", 0.0 if not len(run.trades) else math.nan))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return repr(one) == repr(other)  # plain numbers and texts; NaN is NaN
    return bool(one == other) or (one != one and other != other)


def _shown(value: Any) -> str:
    return "missing" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
