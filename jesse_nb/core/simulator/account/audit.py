"""What a look at a run's account found: whether Jesse's equity is right, and whether the money was gone."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.simulator.account.funding_payments import FundingPayments
from jesse_nb.core.times import utc_text

__all__ = ["EquityAudit", "Ruin", "StressPath", "undefined_after_ruin", "until_ruin"]

#: Jesse's metrics that say what was simulated, not how it went; all others are undefined for a ruined account.
_FACTS = frozenset({
    "total", "longs_count", "shorts_count", "starting_balance", "annualization", "total_open_trades",
    "avg_trades_per_day", "avg_trades_per_week", "avg_trades_per_month",
})


@dataclass(frozen=True)
class Ruin:
    """When an account could not keep its positions any more: its equity had reached the maintenance margin.

    Attributes
    ----------
    moment
        End of the minute in which it happened, milliseconds UTC.
    symbol, price
        The market that brought it about, and its price then.
    equity, margin
        The equity left then and the maintenance margin of all open positions, in the quote currency.
    """

    moment: int
    symbol: str
    price: float
    equity: float
    margin: float

    def __str__(self) -> str:
        return f"ruined on {utc_text(self.moment)} at {self.price:,.10g} ({self.symbol})"


@dataclass(frozen=True)
class StressPath:
    """The equity by the minute, at the worst price within each, quote currency.

    Attributes
    ----------
    level
        When the stress began.
    lowest, lowest_at
        The lowest from then until a day after it was over, and the end of that minute, milliseconds UTC.
    drawdown
        The deepest fall from a peak at a minute's end, of the whole run, percent, below zero or zero.
    """

    level: float
    lowest: float
    lowest_at: int
    drawdown: float


#: Parts that are dataclasses of their own.
_PARTS: dict[str, Any] = {"ruin": Ruin, "funding": FundingPayments, "stress": StressPath}


@dataclass(frozen=True, eq=False)
class EquityAudit:
    """What a run's equity is by its fills and candles, beside what Jesse sampled.

    Attributes
    ----------
    samples
        How many daily samples were compared.
    wrong, largest, largest_at
        How many of Jesse's samples leave money out, or count some that is not there; by how much at the most (quote
        currency), and when (milliseconds UTC). The run's equity and metrics are then the right ones. Known causes, on
        spot accounts only: of the money that resting buy orders reserve, Jesse counts that of one symbol; and a buy
        order that the market opened beyond is filled at the open, while the account pays the order's own price.
    moved, moved_at
        Largest difference between the equity and what the fills and the candles explain, quote currency, and when:
        what a strategy did to its account itself, by debiting it for funding, for example. It stays in the equity.
    jesse_metrics, jesse_times, jesse_values
        Jesse's own metrics and samples (milliseconds UTC; quote currency), where those of the run are not Jesse's.
    ruin
        When the account was ruined; None when it was not.
    in_step_mode
        Whether the run was asked for in fast mode and simulated in step mode: a position came to its liquidation
        price on an isolated margin, which fast mode notices only when its step is over.
    funding
        What was paid for holding positions; None where none was asked for, or no money moved.
    stress
        The equity by the minute while the market was under stress; None of other runs.
    """

    samples: int
    wrong: int = 0
    largest: float = 0.0
    largest_at: int = 0
    moved: float = 0.0
    moved_at: int = 0
    jesse_metrics: dict[str, Any] | None = None
    jesse_times: tuple[int, ...] = ()
    jesse_values: tuple[float, ...] = ()
    ruin: Ruin | None = None
    in_step_mode: bool = False
    funding: FundingPayments | None = None
    stress: StressPath | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the usual, as plain dicts, lists and numbers."""
        content = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _PARTS}
        usual = EquityAudit(self.samples)
        content = {name: value for name, value in content.items()
                   if name == "samples" or value != getattr(usual, name)}
        return content | {name: asdict(part) for name in _PARTS if (part := getattr(self, name)) is not None}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> EquityAudit:
        """Build one from what :meth:`to_dict` returned."""
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                                  for name, value in content.items()}
        for name, kind in _PARTS.items():
            if name in values:
                values[name] = kind(**{field: tuple(value) if isinstance(value, list) else value
                                       for field, value in values[name].items()})
        return cls(**values)

    @property
    def jesse_equity(self) -> pd.Series[float]:
        """Jesse's own samples where the run's equity is another; empty otherwise."""
        index = pd.to_datetime(np.array(self.jesse_times, dtype=np.int64), unit="ms", utc=True)
        return pd.Series(self.jesse_values, index=index, dtype=float, name="equity as sampled by Jesse")


def undefined_after_ruin(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return Jesse's metrics with NaN for all that an account without money has not: profit, rates and ratios."""
    return {name: value if name in _FACTS else float("nan") for name, value in metrics.items()}


def until_ruin(
    times: NDArray[np.int64], values: NDArray[np.float64], ruin: Ruin
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return daily samples up to a ruin, and what was left then as the last of them."""
    before = times < ruin.moment
    return np.append(times[before], ruin.moment), np.append(values[before], ruin.equity)
