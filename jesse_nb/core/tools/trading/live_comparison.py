"""What live trades say of their backtest."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.spec import BacktestSpec

__all__ = ["LiveComparison"]


@dataclass(frozen=True, eq=False, repr=False)
class LiveComparison(Shown):
    """Live or paper trades beside a backtest of the same days.

    Attributes
    ----------
    strategy
        Name of the backtest's strategy.
    origin
        Where the live trades are from, in words.
    spec
        What was simulated; None for tables from elsewhere.
    start, end
        The days that are compared, milliseconds UTC, end excluded.
    tolerance
        How far apart two openings may be, seconds.
    trades
        One row a trade or a pair, columns
        :data:`~jesse_nb.core.analysis.comparison.live_matching.LIVE_MATCH_COLUMNS`.
    fills
        Fills whose slippage is known, columns
        :data:`~jesse_nb.core.analysis.comparison.live_matching.FILL_COLUMNS`.
    slippage
        What a fill costs, with 95 % intervals:
        :func:`~jesse_nb.core.analysis.comparison.live_matching.slippage_table`.
    fee_backtest, fee_live
        Fee of one fill as a fraction: of the backtest's account, and the live trades' median. Where the backtest's
        markets differ in theirs, both are means of all that was traded live. NaN where not known.
    notes
        What makes them hard to compare.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> live = result.trades.iloc[1:].assign(entry_price=result.trades["entry_price"] * 1.0002)
    >>> found = jn.compare_live(result, live, start="2023-02-01", end="2023-05-01")
    >>> found.counts["missed"], round(found.slippage.loc["entry", "worst"], 6)
    (1, 2.0)
    """

    strategy: str
    origin: str
    spec: BacktestSpec | None
    start: int
    end: int
    tolerance: float
    trades: pd.DataFrame
    fills: pd.DataFrame
    slippage: pd.DataFrame
    fee_backtest: float
    fee_live: float
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many trades ``both`` made, were ``missed`` live, and were made live only (``extra``)."""
        return {kind: int((self.trades["found"] == kind).sum()) for kind in ("both", "missed", "extra")}

    @property
    def synthetic(self) -> bool:
        """True when the backtest's candles are made up."""
        return self.spec is not None and self.spec.synthetic

    def to_frame(self) -> pd.DataFrame:
        """Return the trades."""
        return self.trades.copy()
