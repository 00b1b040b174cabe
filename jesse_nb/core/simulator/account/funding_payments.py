"""What a run paid and received for holding its positions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["FundingPayments"]


@dataclass(frozen=True)
class FundingPayments:
    """Payments in order of time, n of them.

    Attributes
    ----------
    times
        The instants, milliseconds UTC.
    symbols
        The markets.
    quantities
        What was held, base currency, below zero when short.
    prices
        Close of the minute that ended then, quote currency.
    rates
        Fractions.
    """

    times: tuple[int, ...]
    symbols: tuple[str, ...]
    quantities: tuple[float, ...]
    prices: tuple[float, ...]
    rates: tuple[float, ...]

    @cached_property
    def amounts(self) -> NDArray[np.float64]:
        """What each took from the account, quote currency; below zero where it was received, (n,)."""
        paid: NDArray[np.float64] = np.array(self.quantities) * np.array(self.prices) * np.array(self.rates)
        return paid

    @property
    def total(self) -> float:
        """All of it, quote currency: what was paid less what was received."""
        return float(self.amounts.sum())

    def paid_by(self, moments: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what had been paid by each moment, milliseconds UTC."""
        so_far = np.concatenate([[0.0], np.cumsum(self.amounts)])
        known: NDArray[np.float64] = so_far[np.searchsorted(self.times, moments, side="right")]
        return known

    def to_frame(self) -> pd.DataFrame:
        """Return one row a payment: ``symbol``, ``qty``, ``price``, ``rate``, ``paid``, by time (UTC)."""
        index = pd.to_datetime(np.array(self.times, dtype=np.int64), unit="ms", utc=True).rename("time")
        return pd.DataFrame({"symbol": self.symbols, "qty": self.quantities, "price": self.prices, "rate": self.rates,
                             "paid": self.amounts}, index=index)

    def count_in(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """Return Jesse's metrics with the net profit after funding, and Jesse's own beside it."""
        after = dict(metrics)
        for name, paid in (("net_profit", self.total),
                           ("net_profit_percentage", self.total / metrics["starting_balance"] * 100.0)):
            after[f"{name}_before_funding"] = metrics[name]
            after[name] = metrics[name] - paid
        return {**after, "funding": self.total}
