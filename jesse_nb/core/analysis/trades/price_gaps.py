"""Minutes without a candle that a price jumped across, and what positions earned there.

A backtest fills missing minutes with the last price, or leaves them out: either way no order is filled within, and a
trade that spans them gets the price after them in one step, as nobody could have traded it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.market.prices import Market
from jesse_nb.core.analysis.trades.fills import fills_of
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.times import MINUTE_MS, utc_text

__all__ = ["PriceGap", "gap_notes"]

#: Less is what a price does in some minutes anyhow, percent.
_LEAST = 1.0


class PriceGap(NamedTuple):
    """Missing minutes of a market.

    Attributes
    ----------
    exchange, symbol
        Of which market.
    start, end
        The first missing minute and the first that is there again, milliseconds UTC.
    before, after
        The last price before and the first after them, quote currency.
    """

    exchange: str
    symbol: str
    start: int
    end: int
    before: float
    after: float

    @property
    def jump(self) -> float:
        """How far the price was away afterwards, percent."""
        return 100.0 * (self.after / self.before - 1.0)


def gap_notes(trades: pd.DataFrame, gaps: Iterable[PriceGap], account: Account) -> tuple[str, ...]:
    """Say how far prices jumped across missing minutes, and what the positions earned that were open meanwhile.

    Parameters
    ----------
    trades
        Closed trades, columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`.
    gaps
        Missing minutes of the traded markets.
    account
        What they were traded with.

    Returns
    -------
    tuple of str
        At most two sentences per market: the widest jump, from 1 % on; and, where any trade was open meanwhile, the
        position times the jump, summed over all gaps.

    Examples
    --------
    >>> trades = pd.DataFrame({"exchange": ["E"], "symbol": ["BTC-USDT"], "side": ["long"], "qty": [7.3],
    ...                        "opened_at": pd.to_datetime(["2024-01-01"], utc=True), "entry_price": [100.0],
    ...                        "closed_at": pd.to_datetime(["2024-01-09"], utc=True), "exit_price": [200.0]})
    >>> first, last = (int(day) for day in pd.to_datetime(["2024-01-03", "2024-01-06"], utc=True).as_unit("ms").asi8)
    >>> jump, earned = gap_notes(trades, [PriceGap("E", "BTC-USDT", first, last, 100.0, 200.0)], Account(1000.0))
    >>> jump
    'The price of BTC-USDT jumped by +100.0 % across 4,320 minutes without a candle from 2024-01-03.'
    >>> earned
    '1 trade of BTC-USDT was open across minutes without a candle, where nobody could trade, and earned +730.00 there.'
    """
    fills = fills_of(trades, account)
    numbers = {market: number for number, market in enumerate(fills.markets)}
    markets: dict[Market, list[PriceGap]] = {}
    for gap in gaps:
        markets.setdefault((gap.exchange, gap.symbol), []).append(gap)
    notes: list[str] = []
    for market, found in markets.items():
        notes += _jumped(found)
        own = fills.market == numbers.get(market, -1)
        notes += _earned(market[1], found, fills.time[own], fills.held[own], fills.trade[own])
    return tuple(notes)


def _jumped(gaps: list[PriceGap]) -> list[str]:
    widest = max(gaps, key=lambda gap: abs(gap.jump))
    if abs(widest.jump) < _LEAST:
        return []
    more = sum(abs(gap.jump) >= _LEAST for gap in gaps) - 1
    others = f"; across {more:,} more by {_LEAST:g} % and more" if more else ""
    return [f"The price of {widest.symbol} jumped by {widest.jump:+,.1f} % across "
            f"{(widest.end - widest.start) // MINUTE_MS:,} minutes without a candle from "
            f"{utc_text(widest.start)}{others}."]


def _earned(
    symbol: str, gaps: list[PriceGap], times: NDArray[np.int64], held: NDArray[np.float64], trade: NDArray[np.int64],
) -> list[str]:
    earned, spanning = 0.0, set[int]()
    for gap in gaps:
        before = times <= gap.start  # Jesse stamps a fill with the end of its minute
        earned += float(held[before].sum()) * (gap.after - gap.before)
        spanning |= set(trade[before]) & set(trade[times > gap.start])
    if not spanning:
        return []
    trades = "1 trade of {} was" if len(spanning) == 1 else f"{len(spanning):,} trades of {{}} were"
    return [f"{trades.format(symbol)} open across minutes without a candle, where nobody could trade, and earned "
            f"{earned:+,.2f} there."]
