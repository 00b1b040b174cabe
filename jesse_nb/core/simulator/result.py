"""What one simulation gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from jesse_nb.core.rendering import Explorable
from jesse_nb.core.simulator.account.audit import EquityAudit, Ruin
from jesse_nb.core.simulator.account.funding_payments import FundingPayments
from jesse_nb.core.simulator.spec import BacktestSpec

__all__ = ["TRADE_COLUMNS", "BacktestResult", "ResultCard"]

#: Columns of :attr:`BacktestResult.trades`, in order.
TRADE_COLUMNS = (
    "strategy", "exchange", "symbol", "side", "opened_at", "closed_at", "entry_price", "exit_price",
    "qty", "size", "fee", "pnl", "pnl_percentage", "holding_period", "orders",
)


@dataclass(frozen=True)
class ResultCard:
    """What ran, on which data, by which versions.

    Attributes
    ----------
    strategies
        Name and source hash of each route's strategy.
    candles
        One line a series: exchange, symbol, fingerprint.
    missing_minutes
        Minutes without a candle inside the simulated period, warm-up included.
    gaps
        What was done with them: ``fill`` or ``keep``.
    synthetic
        True when any series is made up (the demo market).
    mode
        ``fast`` or ``step``: compare numbers only within one mode.
    versions
        Package name to version.
    notes
        What to know of the run, a sentence each: what it depended on beside its key (a clock, a file that it read),
        how prices jumped across missing minutes and what positions earned there.
    defaults
        The strategy's own values of the hyperparameters that the spec does not give; empty in runs that were stored
        before they were noted.
    """

    strategies: dict[str, str]
    candles: dict[str, str]
    missing_minutes: int
    gaps: str
    synthetic: bool
    mode: str
    versions: dict[str, str]
    notes: tuple[str, ...] = ()
    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class BacktestResult(Explorable):
    """One finished backtest.

    Attributes
    ----------
    spec
        What was simulated.
    metrics
        Jesse's own metrics, untouched but where :attr:`audit` found its equity wrong: then Jesse's formulas of the
        right one, and of an account that was ruined NaN for all but what counts trades. Where funding was paid,
        ``net_profit`` and ``net_profit_percentage`` are after it, with Jesse's own beside them
        (``net_profit_before_funding``, ``net_profit_percentage_before_funding``) and ``funding``, the sum. Of a run
        with slippage, that is apart from ``fee``, and the profits of the same fills without it are named likewise
        (``slippage``, ``net_profit_before_slippage``, ``net_profit_percentage_before_slippage``). Those named
        ``…_percentage``, ``max_drawdown`` and ``annual_return`` are percent; ``win_rate`` is a fraction; ratios are
        annual. Without a single trade Jesse gives only ``total``, ``win_rate``, ``net_profit_percentage`` and
        ``annualization``.
    trades
        One row a closed trade, columns :data:`TRADE_COLUMNS`; times are UTC, ``fee`` (with
        slippage) and ``pnl``, which is net of it, are in the quote currency, ``pnl_percentage`` is percent of the
        margin, and ``holding_period`` is seconds; ``orders`` holds the fills as plain dicts.
    equity
        Portfolio value in the quote currency, as Jesse samples it once a day
        (UTC DatetimeIndex); the right value where Jesse's is wrong, and up to the ruin of an account that was
        ruined. Without a trade: flat at the starting balance.
    card
        Provenance.
    seconds
        How long the simulation took.
    output
        What the strategy printed while it ran.
    audit
        What the fills and the candles say of Jesse's equity; Jesse's own figures where they are not these.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> len(result.trades) == result.metrics["total"]
    True
    >>> result.equity.iloc[0]
    10000.0
    """

    spec: BacktestSpec
    metrics: dict[str, Any]
    trades: pd.DataFrame
    equity: pd.Series[float]
    card: ResultCard
    seconds: float
    output: str = ""
    audit: EquityAudit | None = None

    @property
    def ruin(self) -> Ruin | None:
        """When and at which price the account was ruined; None when it was not, or that was never looked at."""
        return self.audit.ruin if self.audit else None

    @property
    def funding(self) -> pd.DataFrame:
        """What was paid for holding positions: one row a payment, ``symbol``, ``qty``, ``price``, ``rate``, ``paid``.

        ``paid`` is in the quote currency, below zero where it was received. Empty without funding.
        """
        return (self.payments or FundingPayments((), (), (), (), ())).to_frame()

    @property
    def payments(self) -> FundingPayments | None:
        """The payments of :attr:`funding` as arrays; None where no money moved."""
        return self.audit.funding if self.audit else None

    @property
    def key(self) -> str:
        """The spec's key, under which the run store files this result."""
        return self.spec.key

    @property
    def strategy(self) -> str:
        """Name of the strategy; of several routes, all of theirs."""
        return self.spec.strategy_names

    @cached_property
    def daily_returns(self) -> pd.Series[float]:
        """Daily simple returns of :attr:`equity`, as fractions; one shorter than it."""
        return self.equity.pct_change().iloc[1:]

    def to_frame(self) -> pd.DataFrame:
        """Return the metrics as a frame with one row a metric, column ``value``."""
        return pd.DataFrame({"value": pd.Series(self.metrics, dtype=object)}).rename_axis("metric")
