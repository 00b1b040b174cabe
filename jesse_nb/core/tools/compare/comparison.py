"""What a comparison of results found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun

__all__ = ["CodeDifference", "ComparedResult", "Comparison"]


@dataclass(frozen=True)
class ComparedResult:
    """One of the results that are compared.

    Attributes
    ----------
    name
        What it is called here; each has another.
    kind
        The tool that made it, as jobs are called.
    run
        The run of it that is read: of a study the held-out one, of a walk-forward the stitched curve, of a batch the
        best combination.
    verdict
        What it is worth in a few words; empty where nothing judges it.
    search
        How its values were searched for, names and texts; empty where they were not.
    """

    name: str
    kind: str
    run: AnalyzedRun
    verdict: str = ""
    search: tuple[tuple[str, str], ...] = ()

    @property
    def spec(self) -> BacktestSpec | None:
        """What was simulated; None for tables from elsewhere."""
        return self.run.spec


@dataclass(frozen=True)
class CodeDifference:
    """How a strategy's source differs from that of the first result.

    Attributes
    ----------
    name
        Of the other result.
    strategies
        Names of the first one's strategy and of the other one's.
    lines
        The difference as ``diff -u`` writes it, without the head; empty where there is no text of one of them.
    """

    name: str
    strategies: tuple[str, str]
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown):
    """Results side by side; differences are from the first one.

    Attributes
    ----------
    sides
        The results.
    settings
        What differs in what was simulated, and in how values were searched for: one row a setting, one column a result,
        all texts.
    code
        How sources differ from the first one's, where they do.
    start, end
        The days that all have in common, milliseconds UTC, end excluded; equal where there are none.
    returns
        Daily returns (fractions) on those days, one column a result.
    metrics
        One row a metric, one column a result, of the days in common:
        :func:`~jesse_nb.core.study.ratios.return_ratios`, ``volatility`` (percent a year), and of the trades opened on
        these days ``trades`` (count), ``win_rate`` (fraction), ``fees`` and ``profit_of_trades`` (quote currency).
    tests
        One row a figure of each other result: ``result``, ``figure``, ``base``, ``value``, ``difference``, its 95 %
        interval ``low`` and ``high``, ``p``, ``p_holm`` (of all tests of this comparison, Holm's correction),
        ``beyond_noise`` (``p_holm`` below 0.05) and ``reason`` why it was not tested.
    trades
        By the other result's name, those opened on the days in common, where it has a market in common with the first:
        :func:`~jesse_nb.core.analysis.comparison.trade_matching.matched_trades`.
    seed
        Of the bootstrap.
    notes
        What makes them hard to compare.

    Examples
    --------
    >>> slow = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> fast = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01", hyperparameters={"fast": 5})
    >>> found = jn.compare(("slow", slow), ("fast", fast))
    >>> list(found.metrics.columns), list(found.settings.index)
    (['slow', 'fast'], ['fast'])
    """

    sides: tuple[ComparedResult, ...]
    settings: pd.DataFrame
    code: tuple[CodeDifference, ...]
    start: int
    end: int
    returns: pd.DataFrame
    metrics: pd.DataFrame
    tests: pd.DataFrame
    trades: Mapping[str, pd.DataFrame]
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def strategy(self) -> str:
        """Names of the strategies."""
        return ", ".join(dict.fromkeys(side.run.strategy for side in self.sides))

    @property
    def names(self) -> tuple[str, ...]:
        """What the results are called."""
        return tuple(side.name for side in self.sides)

    @property
    def synthetic(self) -> bool:
        """True when any candles are made up."""
        return any(side.spec is not None and side.spec.synthetic for side in self.sides)

    def to_frame(self) -> pd.DataFrame:
        """Return the metrics."""
        return self.metrics.copy()

    def trade_counts(self) -> pd.DataFrame:
        """Return how many trades were made alike, otherwise, and by one of them only: one row an other result."""
        kinds = ("alike", "differs", "only base", "only other")
        counts: dict[str, Any] = {name: [int((found["found"] == kind).sum()) for kind in kinds]
                                  for name, found in self.trades.items()}
        return pd.DataFrame.from_dict(counts, orient="index", columns=list(kinds))
