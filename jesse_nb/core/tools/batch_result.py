"""What a batch of backtests gave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd

from jesse_nb.core.analysis.batch import JOIN, RankStability, compare, overall_statistics, rank_stability
from jesse_nb.core.analysis.curves import Portfolio, correlation, equal_weight
from jesse_nb.core.candles.series import SYNTHETIC_MARK
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import Account, BacktestSpec
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.metric import Metric, resolve_metric
from jesse_nb.exceptions import InputError, MetricError, StorageError, did_you_mean

__all__ = ["BatchComparison", "BatchEntry", "BatchResult"]

#: What combinations differ in.
_DIMENSIONS = ("strategy", "symbol", "timeframe", "period", "params")


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
        The parameter set: what tells it from others, and its values (empty for the strategy's own).
    spec
        What was simulated; None when it could not be prepared.
    metrics
        Jesse's metrics; empty when it failed.
    equity
        As in :class:`~jesse_nb.core.simulator.result.BacktestResult`; None when it failed.
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
    reason: str = ""
    seconds: float = math.nan
    reused: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)

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

    def value(self, metric: Metric) -> float:
        """Return a metric's value; NaN where it is undefined or this combination failed."""
        if self.failed:
            return math.nan
        if metric.name in _USER_FREE and metric.read is _USER_FREE[metric.name].read:
            return float(metric.read(cast("BacktestResult", _MetricsOnly(self.metrics))))
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
