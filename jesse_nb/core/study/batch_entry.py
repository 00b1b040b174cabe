"""One combination of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, cast

import pandas as pd

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.account import EquityAudit, Ruin
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.times import utc_text
from jesse_nb.exceptions import InputError, StorageError

__all__ = ["JOIN", "BatchEntry"]

#: Between the parts of a joined label.
JOIN = " · "


@dataclass(frozen=True)
class BatchEntry:
    """One combination of a batch, and what came of it.

    Attributes
    ----------
    number
        Its place in the batch, from 0.
    strategy, exchange, symbol, timeframe
        What ran where; the exchange is empty when none could be found.
    start, end
        The traded period, milliseconds UTC, end excluded.
    label, params
        The parameter set: what tells it from others, and all its values, those that the combinations share
        included (empty for the strategy's own).
    spec
        What was simulated; None when it could not be prepared.
    metrics
        Jesse's metrics; empty when it failed.
    equity
        As in :class:`~jesse_nb.core.simulator.result.BacktestResult`; None when it failed.
    score
        Value of the batch's own metric; NaN where it is undefined.
    reason
        Why it failed; empty when it did not.
    seconds
        How long the simulation took, whenever it ran.
    reused
        True when an earlier run answered.
    store
        The run store's file, which has the whole result.
    versions
        Package name to version, of the process that ran it.
    audit
        As in :class:`~jesse_nb.core.simulator.result.BacktestResult`.

    Examples
    --------
    >>> batch = jn.backtest_batch(TrendFollower, ["BTC-USDT", "ETH-USDT"], "1h", start="2023-02-01", end="2023-04-01")
    >>> [entry.symbol for entry in batch.entries]
    ['BTC-USDT', 'ETH-USDT']
    >>> batch.entries[0].result().strategy
    'TrendFollower'
    """

    number: int
    strategy: str
    exchange: str
    symbol: str
    timeframe: str
    start: int
    end: int
    label: str
    params: Mapping[str, Any]
    store: str
    spec: BacktestSpec | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    equity: pd.Series[float] | None = None
    score: float = math.nan
    reason: str = ""
    seconds: float = math.nan
    reused: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    audit: EquityAudit | None = None

    @property
    def ruin(self) -> Ruin | None:
        """When and at which price its account was ruined; None when it was not."""
        return self.audit.ruin if self.audit else None

    @property
    def failed(self) -> bool:
        """True when there is no result."""
        return self.equity is None

    @property
    def period(self) -> str:
        """The traded period in words."""
        return f"{utc_text(self.start)} to {utc_text(self.end)}"

    @property
    def quote(self) -> str:
        """The quote currency, in which profit is counted."""
        return self.symbol.rpartition("-")[2].upper()

    @property
    def name(self) -> str:
        """All that tells it from the others, in one line."""
        return JOIN.join((self.strategy, self.symbol, self.timeframe, self.period, self.label))

    def dimension(self, name: str) -> str:
        """Return its label in a dimension: ``strategy``, ``symbol``, ``timeframe``, ``period`` or ``params``."""
        return self.label if name == "params" else str(getattr(self, name))

    def value(self, metric: Metric) -> float:
        """Return a metric's value; NaN where it is undefined or this combination failed."""
        if self.failed:
            return math.nan
        if metric.of_jesse:
            return float(metric.read(cast("BacktestResult", _MetricsOnly(self.metrics, self.ruin))))
        return float(metric.read(self.result()))

    def result(self) -> BacktestResult:
        """Load the whole result, trades included, from the run store.

        Raises
        ------
        InputError
            When this combination failed.
        StorageError
            When the store does not have it any more.
        """
        if self.failed or self.spec is None:
            raise InputError(f"{self.name} has no result: {self.reason}")
        with closing(RunStore(self.store)) as store:
            record = store.get(self.spec.key)
        if record is None:
            raise StorageError(f"The run of {self.name} is not in {self.store} any more.",
                               "Run the batch again: what is missing is simulated anew.")
        return record.to_result(self.spec)

    def __repr__(self) -> str:
        return f"<{self.name}{': ' + self.reason if self.failed else ''}>"


@dataclass(frozen=True)
class _MetricsOnly:
    """All that Jesse's metrics need of a result."""

    metrics: dict[str, Any]
    ruin: Ruin | None
