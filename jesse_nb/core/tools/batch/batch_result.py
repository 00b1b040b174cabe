"""What a batch of backtests gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from jesse_nb.core.analysis.curves.curves import Portfolio, correlation, equal_weight
from jesse_nb.core.analysis.studies.batch import RankStability, compare, overall_statistics, rank_stability
from jesse_nb.core.candles.series import SYNTHETIC_MARK
from jesse_nb.core.rendering import Explorable, Shown
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.study.batch_entry import JOIN, BatchEntry
from jesse_nb.core.study.metric import Metric, resolve_metric
from jesse_nb.exceptions import InputError, MetricError, did_you_mean, shown

__all__ = ["DIMENSIONS", "MARKET", "BatchComparison", "BatchResult"]

#: What combinations differ in, and what of it is the market rather than the configuration.
DIMENSIONS = ("strategy", "symbol", "timeframe", "period", "params")
MARKET = ("symbol", "timeframe", "period")


@dataclass(frozen=True, repr=False)
class BatchResult(Explorable):
    """Many backtests side by side.

    Attributes
    ----------
    entries
        The combinations that finished or failed, by number.
    total
        How many distinct ones there are; more than entries when the batch was stopped.
    metric
        What the report ranks by.
    account, mode, gaps, warm_up_candles
        As in the spec of every run.
    elapsed
        Seconds that this call took.
    stopped
        Why it ended early (``interrupted``), or empty.
    notes
        What else a reader should know.

    Examples
    --------
    >>> batch = jn.backtest_batch(TrendFollower, ["BTC-USDT", "ETH-USDT"], "1h", start="2023-02-01", end="2023-04-01")
    >>> batch.pivot("symbol", "timeframe", "total").shape
    (2, 1)
    >>> len(batch.failures)
    0
    """

    entries: tuple[BatchEntry, ...]
    total: int
    metric: Metric
    account: Account
    mode: str
    gaps: str
    warm_up_candles: int
    elapsed: float
    stopped: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> BatchEntry:
        """Return the combination of that number (the index of :meth:`to_frame`)."""
        for entry in self.entries:
            if entry.number == number:
                return entry
        raise KeyError(number)

    @property
    def finished(self) -> tuple[BatchEntry, ...]:
        """The combinations that have a result."""
        return tuple(entry for entry in self.entries if not entry.failed)

    @property
    def failures(self) -> pd.DataFrame:
        """The combinations without a result: one row each, with its ``reason``."""
        columns = [*DIMENSIONS, "reason"]
        failed = self.to_frame()
        return failed.loc[failed["state"] == "failed", columns] if len(failed) else pd.DataFrame(columns=columns)

    @property
    def quotes(self) -> tuple[str, ...]:
        """The quote currencies that profits are counted in."""
        return tuple(dict.fromkeys(entry.quote for entry in self.finished))

    @property
    def synthetic(self) -> bool:
        """True when any candles are made up (the demo market)."""
        return any(entry.exchange.endswith(SYNTHETIC_MARK) for entry in self.entries)

    @property
    def expanded_from(self) -> str:
        """A timeframe of which any candles were made; empty where all minutes were known."""
        return next((entry.spec.expanded_from for entry in self.finished
                     if entry.spec is not None and entry.spec.expanded_from), "")

    @cached_property
    def labels(self) -> pd.DataFrame:
        """What :meth:`pivot` can lay out: ``strategy``, ``symbol``, ``timeframe``, ``period``, ``params``, ``exchange``
        and each hyperparameter by its name (``param_period`` where it is called like one of these); one row
        a combination.
        """  # noqa: D205
        known = [*DIMENSIONS, "exchange"]
        rows = [{**{f"param_{name}" if name in known else name: value for name, value in entry.params.items()},
                 "strategy": entry.strategy, "symbol": entry.symbol, "timeframe": entry.timeframe,
                 "period": entry.period, "params": entry.label, "exchange": entry.exchange}
                for entry in self.entries]
        index = pd.Index([entry.number for entry in self.entries], name="combination")
        frame = pd.DataFrame(rows, index=index, dtype=object)
        return frame[[*known, *(name for name in frame if name not in known)]] if rows else frame.reindex(columns=known)

    def values(self, metric: Any = None) -> pd.Series[float]:
        """Return a metric of each combination, by number; NaN where it is undefined or the run failed.

        Parameters
        ----------
        metric
            A name, or a function of a result (then whole results are loaded, one after the other);
            by default the batch's own.

        Raises
        ------
        MetricError
            When it is unknown, or counts money in several quote currencies.
        """
        chosen = self.metric if metric is None else resolve_metric(metric)
        if chosen.unit == "currency" and len(self.quotes) > 1:
            raise MetricError(f"{chosen.label} is counted in {' and '.join(self.quotes)}, which do not compare.",
                              "Use a metric in percent, such as 'net_profit_percentage'.")
        values = [entry.score if chosen is self.metric else entry.value(chosen) for entry in self.entries]
        return pd.Series(values, index=self.labels.index,
                         name=chosen.name, dtype=float)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a combination, failed ones included, indexed by number.

        Columns: ``strategy``, ``exchange``, ``symbol``, ``timeframe``, ``start`` and ``end`` (UTC), ``period``,
        ``params`` (label), ``param_…`` for each hyperparameter, ``state`` (``finished`` or ``failed``), ``reason``,
        ``reused``, ``seconds``, then all of Jesse's metrics under its names.
        """
        rows = []
        for entry in self.entries:
            row: dict[str, Any] = {"combination": entry.number}
            row |= {name: getattr(entry, name) for name in ("strategy", "exchange", "symbol", "timeframe")}
            row |= {name: pd.Timestamp(getattr(entry, name), unit="ms", tz="UTC") for name in ("start", "end")}
            row |= {"period": entry.period, "params": entry.label}
            row |= {f"param_{name}": value for name, value in entry.params.items()}
            rows.append(row)
        ends = [{"state": "failed" if entry.failed else "finished", "reason": entry.reason, "reused": entry.reused,
                 "seconds": entry.seconds, **entry.metrics} for entry in self.entries]
        if not rows:
            return pd.DataFrame()
        return pd.concat([pd.DataFrame(rows), pd.DataFrame(ends)], axis=1).set_index("combination")

    def pivot(
        self,
        rows: str | Sequence[str],
        columns: str | Sequence[str],
        metric: Any = None,
        aggregate: str | Callable[[Any], float] = "median",
    ) -> pd.DataFrame:
        """Lay a metric out by two dimensions.

        Parameters
        ----------
        rows, columns
            ``strategy``, ``symbol``, ``timeframe``, ``period``, ``params``, ``exchange`` or a hyperparameter; or
            several, which are joined.
        metric
            As in :meth:`values`.
        aggregate
            What stands for combinations that share a cell; see :func:`~jesse_nb.core.analysis.studies.batch.compare`.
        """
        return compare(self.labels, self.values(metric), rows, columns, aggregate)

    def heatmap(
        self,
        rows: str | Sequence[str],
        columns: str | Sequence[str],
        metric: Any = None,
        aggregate: str | Callable[[Any], float] = "median",
    ) -> Any:
        """Draw :meth:`pivot` (a ``matplotlib.figure.Figure``)."""
        chosen = self.metric if metric is None else resolve_metric(metric)
        return BatchComparison(self.pivot(rows, columns, chosen, aggregate), chosen).plot("heatmap")

    def top(self, n: int = 10, metric: Any = None) -> list[BatchEntry]:
        """Return the best combinations with a value, best first; ties in order of number."""
        chosen = self.metric if metric is None else resolve_metric(metric)
        ranked = self.values(chosen).dropna().sort_values(ascending=chosen.direction == "minimize", kind="stable")
        by_number = {entry.number: entry for entry in self.entries}
        return [by_number[number] for number in ranked.index[:n]]

    def statistics(self) -> pd.DataFrame:
        """Summarise each of Jesse's metrics over all combinations; see
        :func:`~jesse_nb.core.analysis.studies.batch.overall_statistics`. Amounts of money are left out when the
        combinations trade in several quote currencies.
        """  # noqa: D205
        names = list(dict.fromkeys(name for entry in self.finished for name in entry.metrics))
        if len(self.quotes) > 1:
            names = [name for name in names if _unit(name) != "currency"]
        rows = [{name: entry.metrics.get(name) for name in names} for entry in self.finished]
        return overall_statistics(pd.DataFrame(rows, columns=names))

    def rank_stability(self, across: str | Sequence[str] = "symbol", metric: Any = None) -> RankStability:
        """Tell whether configurations keep their order from one symbol (period, …) to the next.

        A configuration is what can be chosen: strategy, symbol, timeframe and parameters, without what
        they are judged across. Nobody can choose a period: over several, the median counts.

        Parameters
        ----------
        across
            Which dimension, or dimensions, judge.
        metric
            What they are ranked by, as in :meth:`values`.
        """
        chosen = self.metric if metric is None else resolve_metric(metric)
        judges = [across] if isinstance(across, str) else list(across)
        for name in judges:
            if name not in DIMENSIONS:
                raise InputError(f"Ranks cannot be compared across {shown(name)}.", did_you_mean(str(name), DIMENSIONS))
        others = [name for name in DIMENSIONS if name not in (*judges, "period")]
        varied = [name for name in others if self.labels[name].nunique() > 1]
        table = self.pivot(varied or others, judges, chosen)
        return rank_stability(table, highest_is_best=chosen.direction == "maximize")

    def correlation(self, entries: Iterable[BatchEntry] | None = None) -> pd.DataFrame:
        """Correlate the daily returns of combinations (the best 10 by default) with each other.

        See :func:`~jesse_nb.core.analysis.curves.curves.correlation`.
        """
        return correlation(self._curves(self.top(10) if entries is None else entries))

    def portfolio(
        self, entries: Iterable[BatchEntry] | None = None, rebalance: Literal["daily", "never"] = "daily"
    ) -> Portfolio:
        """Hold combinations (the best 5 by default) with equal weights.

        See :func:`~jesse_nb.core.analysis.curves.curves.equal_weight`. Picked by their own results, the best
        make a portfolio that looks better than it would have been.

        Raises
        ------
        InputError
            When they trade in several quote currencies, have no days in common, or there are none.
        """
        chosen = list(self.top(5) if entries is None else entries)
        quotes = list(dict.fromkeys(entry.quote for entry in chosen))
        if len(quotes) > 1:
            raise InputError(f"A portfolio of runs in {' and '.join(quotes)} cannot be added up.",
                             "Choose runs of one quote currency.")
        return equal_weight(self._curves(chosen), rebalance)

    def _curves(self, entries: Iterable[BatchEntry]) -> dict[str, pd.Series[float]]:
        chosen = list(entries)
        failed = [entry for entry in chosen if entry.equity is None]
        if failed:
            raise InputError(f"{failed[0].name} failed, so it has no equity: {failed[0].reason}")
        names = self._short_names(chosen)
        return {name: entry.equity for name, entry in zip(names, chosen, strict=True) if entry.equity is not None}

    def short_name(self, entry: BatchEntry) -> str:
        """Name a combination by what differs within this batch."""
        return self._short_names([entry])[0]

    def _short_names(self, entries: Sequence[BatchEntry]) -> list[str]:
        varied = [name for name in DIMENSIONS if len({entry.dimension(name) for entry in self.entries}) > 1]
        return [JOIN.join(entry.dimension(name) for name in varied or ("strategy", "symbol")) for entry in entries]


@dataclass(frozen=True, repr=False)
class BatchComparison(Shown):
    """A metric of a batch laid out by two dimensions, for drawing."""

    table: pd.DataFrame
    metric: Metric


def _unit(name: str) -> str:
    try:
        return resolve_metric(name).unit
    except MetricError:
        return ""
