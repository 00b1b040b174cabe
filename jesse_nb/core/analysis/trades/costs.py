"""How much of the profit do costs leave: the same trades, re-priced at other fees and with slippage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.trades.fills import fills_of
from jesse_nb.core.simulator.spec import Account
from jesse_nb.exceptions import InputError, shown

__all__ = ["COST_ASSUMPTION", "CostFragility", "cost_fragility"]

COST_ASSUMPTION = ("The same fills in the same quantities (on spot, the same purchases, and all coins sold that were "
                   "left after fees). A strategy that sizes by its balance, or sees its fees, would have traded "
                   "other quantities.")

#: Multiples of the account's fee, and slippage in basis points of the price, that are tried.
FEE_MULTIPLES, SLIPPAGE_POINTS = (0.0, 1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class CostFragility:
    """What the same trades would have earned at other costs; see :data:`COST_ASSUMPTION`.

    Attributes
    ----------
    net_profit
        What the account gained as it was, quote currency. On spot it can differ slightly from the sum of the
        trades' ``pnl``: Jesse's trades leave out that coins paid as a fee gain and lose with the price.
    turnover
        Value of all fills, quote currency.
    fills
        How many.
    fee
        What the account was charged, a fraction of a fill's value; with its slippage. Where markets differ in their
        fees, the mean of all that was filled.
    break_even_fee
        The fee at which nothing is left, the same on all markets and without slippage: a fraction of a fill's value.
        Below zero when the trades lose even without a fee.
    break_even_slippage
        The slippage of every fill, a fraction of its price, at which nothing is left at the account's fees. Below
        zero when the trades lose without any.
    table
        Net profit (quote currency) by ``fee`` (fraction, as ``fee`` above; rows) and ``slippage`` (basis points;
        columns). Each row multiplies every market's own.
    reason
        Why there is nothing; empty otherwise.
    """

    net_profit: float
    turnover: float
    fills: int
    fee: float
    break_even_fee: float
    break_even_slippage: float
    table: pd.DataFrame
    reason: str = ""


def cost_fragility(
    trades: pd.DataFrame,
    account: Account,
    *,
    fee_multiples: Sequence[float] = FEE_MULTIPLES,
    slippage_points: Sequence[float] = SLIPPAGE_POINTS,
) -> CostFragility:
    """Re-price every fill at other fees, and at prices worse by a slippage.

    Parameters
    ----------
    trades
        Closed trades, with their ``orders``.
    account
        Its fees and market.
    fee_multiples
        Multiples of the account's fees, 0 or above. With a fee of zero all rows are alike.
    slippage_points
        Basis points (1 is 0.01 %) that every buy is dearer and every sale is cheaper, 0 or above.

    Raises
    ------
    InputError
        For a multiple or slippage below zero.
    """
    for cost in (*fee_multiples, *slippage_points):
        if not (math.isfinite(cost) and cost >= 0):
            raise InputError(f"A cost of {shown(cost)} cannot be tried.", "Fee multiples and slippage are 0 or above.")
    fills = fills_of(trades, account)
    value = np.abs(fills.quantity) * fills.price
    book = _Book([_MarketBook(
        float(value[(fills.market == number) & (fills.quantity > 0)].sum()),
        float(value[(fills.market == number) & (fills.quantity < 0)].sum()), account.fill_cost(symbol),
    ) for number, (_, symbol) in enumerate(fills.markets)], account.market == "spot")
    paid = account.mean_fill_cost({symbol: one.bought + one.sold
                                   for (_, symbol), one in zip(fills.markets, book.markets, strict=True)})
    table = pd.DataFrame(
        [[book.net_profit(multiple, points / 10_000) for points in slippage_points] for multiple in fee_multiples],
        index=pd.Index([multiple * paid for multiple in fee_multiples], name="fee"),
        columns=pd.Index(slippage_points, name="slippage"),
    )
    known = book.bought > 0 and book.sold > 0
    return CostFragility(
        net_profit=book.net_profit(1.0, 0.0),
        turnover=book.bought + book.sold,
        fills=len(fills),
        fee=paid,
        break_even_fee=book.break_even_fee() if known else math.nan,
        break_even_slippage=book.break_even_slippage() if known else math.nan,
        table=table,
        reason="" if known else "no trades",
    )


class _MarketBook(NamedTuple):
    """All purchases and sales of a market, in the quote currency, as they were filled at the fee ``fee``."""

    bought: float
    sold: float
    fee: float


@dataclass(frozen=True)
class _Book:
    """The books of all markets."""

    markets: list[_MarketBook]
    spot: bool

    @property
    def bought(self) -> float:
        return sum(one.bought for one in self.markets)

    @property
    def sold(self) -> float:
        return sum(one.sold for one in self.markets)

    def net_profit(self, multiple: float, slippage: float) -> float:
        """Return what is left at a multiple of each market's fee."""
        left = 0.0
        for one in self.markets:
            bought, sold, fee = one.bought * (1 + slippage), one.sold * (1 - slippage), multiple * one.fee
            # on spot the fee of a purchase is taken in coins, which are then missing in the sale; that of a sale in
            # money
            left += sold * (1 - fee) / (1 - one.fee) * (1 - fee) - bought if self.spot else \
                sold - bought - fee * (bought + sold)
        return left

    def break_even_fee(self) -> float:
        if not self.spot:
            return (self.sold - self.bought) / (self.sold + self.bought)
        return 1 - math.sqrt(self.bought / sum(one.sold / (1 - one.fee) for one in self.markets))

    def break_even_slippage(self) -> float:
        kept = sum(one.sold * (1 - one.fee) for one in self.markets)
        paid = self.bought if self.spot else sum(one.bought * (1 + one.fee) for one in self.markets)
        return (kept - paid) / (kept + paid)
