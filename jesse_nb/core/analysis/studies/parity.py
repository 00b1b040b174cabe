"""One backtest in both of Jesse's modes: trades and profit must be the same."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.midnights import midnight_equity, why_unknown
from jesse_nb.core.study.ratios import equity_ratios

if TYPE_CHECKING:
    from jesse_nb.core.analysis.market.prices import CandlesByMarket
    from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["SAMPLED", "Parity", "compare_modes"]

#: Jesse's metrics that are read off the daily samples of equity, which the two modes take at different moments.
SAMPLED = ("annual_return", "max_drawdown", "max_underwater_period", "sharpe_ratio", "smart_sharpe", "sortino_ratio",
           "smart_sortino", "calmar_ratio", "omega_ratio", "serenity_index")

#: So many differences are named; a run that differs in one trade mostly differs in all that follow.
_MOST_NAMED = 10

#: Jesse's metrics that follow the order of trades.
_OF_ORDER = ("current_streak", "winning_streak", "losing_streak")
#: What sums in another order may differ by, as a fraction.
_ROUNDING = 1e-9

_COLUMNS = ["fast", "step", "fast_midnight", "step_midnight"]


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
        the final equity and every metric that does not come from samples of equity are. With several routes rounding
        does not count, nor does the order of trades.
    reordered
        Whether the same trades come in another order: within a candle, fast mode takes one market after the other, so
        that Jesse's streaks are others, and what it adds up is rounded otherwise.
    ratios
        One row a metric of :data:`SAMPLED`, in Jesse's units: columns ``fast`` and ``step`` as Jesse samples them,
        which may differ, and ``fast_midnight`` and ``step_midnight`` of both sampled at each midnight (UTC) from fills
        and candles, which are the same where the trades are. The serenity index is that of
        :func:`~jesse_nb.core.study.ratios.equity_ratios`, as Jesse's own is infinite.
    midnight_reason
        Why the columns of midnight are NaN; empty where they are known.
    reason
        Why there is no comparison; empty otherwise.
    """

    trades: tuple[int, int] = (0, 0)
    net_profit: tuple[float, float] = (math.nan, math.nan)
    differences: tuple[str, ...] = ()
    reordered: bool = False
    ratios: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_COLUMNS, dtype=float))
    midnight_reason: str = ""
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


def compare_modes(fast: BacktestResult, step: BacktestResult, candles: CandlesByMarket) -> Parity:
    """Compare a backtest in fast mode with the same one in step mode, exactly.

    Parameters
    ----------
    fast, step
        The two.
    candles
        Those of every traded market that both ran on.
    """
    rounding = _ROUNDING if len(fast.spec.routes) > 1 else 0.0
    one, other = (_in_order(run.trades) if rounding else run.trades for run in (fast, step))
    reordered = len(one) == len(other) and not one.index.equals(other.index)
    differences = [] if len(fast.trades) == len(step.trades) else [
        f"{len(fast.trades):,} trades in fast mode, {len(step.trades):,} in step mode"]
    differences += _first_trades(one, other, rounding)
    skipped = (*SAMPLED, *(_OF_ORDER if reordered else ()))
    names = [name for name in dict.fromkeys([*fast.metrics, *step.metrics]) if name not in skipped]
    differences += [f"{name} is {_shown(fast.metrics.get(name))} in fast mode, {_shown(step.metrics.get(name))} "
                    "in step mode" for name in names
                    if not _same(fast.metrics.get(name), step.metrics.get(name), rounding)]
    ends = float(fast.equity.iloc[-1]), float(step.equity.iloc[-1])
    if not _same(*ends, rounding):
        differences.append(f"the final equity is {_shown(ends[0])} in fast mode, {_shown(ends[1])} in step mode")
    more = len(differences) - _MOST_NAMED
    unknown = _why_unknown(fast) or _why_unknown(step)
    columns = [_sampled(fast), _sampled(step), *(
        _at_midnight(run, candles) if not unknown else [math.nan] * len(SAMPLED) for run in (fast, step))]
    return Parity(
        trades=(len(fast.trades), len(step.trades)),
        net_profit=(_net_profit(fast), _net_profit(step)),
        differences=(*differences[:_MOST_NAMED], *([f"and {more:,} more"] if more > 0 else [])),
        reordered=reordered,
        ratios=pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)), index=pd.Index(SAMPLED, name="metric")),
        midnight_reason=unknown,
    )


def _sampled(run: BacktestResult) -> list[float]:
    values = [float(run.metrics.get(name, math.nan)) for name in SAMPLED]
    serenity = SAMPLED.index("serenity_index")
    if math.isinf(values[serenity]):
        values[serenity] = equity_ratios(run.equity)["serenity_index"]
    return values


def _at_midnight(run: BacktestResult, candles: CandlesByMarket) -> list[float]:
    equity = midnight_equity(run.trades, candles, run.spec.account, run.spec.start, run.spec.end, run.payments)
    found = equity_ratios(equity)
    return [found[name] for name in SAMPLED]


def _why_unknown(run: BacktestResult) -> str:
    """Return why a run has no ratios of midnight samples; empty where it has."""
    if run.ruin:
        return "the account was ruined"
    return why_unknown(run) or ("" if len(run.trades) else "there is no trade")


def _in_order(trades: pd.DataFrame) -> pd.DataFrame:
    """Return trades in the order in which they ended."""
    return trades.sort_values(["closed_at", "opened_at", "exchange", "symbol"], kind="stable")


def _first_trades(fast: pd.DataFrame, step: pd.DataFrame, rounding: float) -> list[str]:
    """Name all that is different in the first trade that is."""
    for number, (one, other) in enumerate(zip(fast.to_dict("records"), step.to_dict("records"), strict=False), 1):
        if one == other:
            continue
        found = [name for name in one if not _same(one[name], other[name], rounding)]
        if found:
            return [f"trade {number:,} differs: its {name} {_pair(one[name], other[name])}" for name in found]
    return []


def _pair(fast: Any, step: Any) -> str:
    if isinstance(fast, list):
        return "are not the same"
    return f"is {_shown(fast)} in fast mode, {_shown(step)} in step mode"


def _net_profit(run: BacktestResult) -> float:
    return float(run.metrics.get("net_profit", 0.0 if not len(run.trades) else math.nan))


def _same(one: Any, other: Any, rounding: float) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name], rounding) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(*pair, rounding) for pair in zip(one, other, strict=True))
    if bool(one == other) or (one != one and other != other):
        return True
    return isinstance(one, float) and isinstance(other, float) and math.isclose(one, other, rel_tol=rounding)


def _shown(value: Any) -> str:
    return "missing" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
