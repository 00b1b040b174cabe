"""What a walk-forward gathered: its windows, and what was chosen and tested in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import Trial
from jesse_nb.core.study.windows import Window

__all__ = ["WalkForwardStudy", "WindowResult"]


@dataclass(frozen=True)
class WindowResult:
    """One window: what was chosen in-sample, and how that did out-of-sample.

    Attributes
    ----------
    window
        Where it trains and where it is tested.
    params
        The parameters chosen in-sample (or the fixed ones); empty when nothing could be chosen.
    trials
        All in-sample trials; empty with fixed parameters.
    test_values
        Trial number to its value of the first metric out-of-sample, for every trial that has
        both; NaN where it is undefined.
    train, test
        The chosen parameters' runs in-sample and out-of-sample; None when they failed or did not run.
    baseline
        The strategy's own parameters out-of-sample; None where it declares none, or that run failed.
    reason
        Why there is no ``test``; empty when there is.
    test_days, baseline_days
        What those runs' accounts were at the end of each whole day, by their fills and candles: columns as of
        :func:`~jesse_nb.core.analysis.curves.midnights.account_at`. None where windows do not overlap, and where
        fills do not tell.
    """

    window: Window
    params: Mapping[str, Any]
    trials: tuple[Trial, ...]
    test_values: Mapping[int, float]
    train: BacktestResult | None
    test: BacktestResult | None
    baseline: BacktestResult | None
    reason: str = ""
    test_days: pd.DataFrame | None = None
    baseline_days: pd.DataFrame | None = None


@dataclass(frozen=True, repr=False)
class WalkForwardStudy:
    """A finished (or stopped) walk-forward, as data.

    Attributes
    ----------
    spec
        What was simulated, with the first window's in-sample period.
    start, end
        The whole period, milliseconds UTC, end excluded.
    windows
        By number; of a stopped job those that have an out-of-sample run.
    in_sample_period, out_sample_period, step_forward, gap
        Days.
    anchored
        Whether every window trained from the start on.
    space
        What was optimized in each window; None with fixed parameters.
    metrics, sampler, seed, n_trials
        As in :class:`~jesse_nb.core.study.optimize_study.OptimizeStudy`; ``n_trials`` is per window.
    prices
        Daily closing price of the first traded symbol from ``start`` to ``end`` (UTC DatetimeIndex: the day's
        beginning), for the chart and for buy-and-hold.
    planned
        How many windows there would be had it not been stopped.
    elapsed
        Seconds that this call took.
    stopped
        ``interrupted``, ``timeout`` or empty.
    notes
        Remarks for the report.
    prior_runs
        How many other backtests of this project had looked at some of the out-of-sample days before: to whoever
        chose the strategy, these were not unseen.
    """

    spec: BacktestSpec
    start: int
    end: int
    windows: tuple[WindowResult, ...]
    in_sample_period: int
    out_sample_period: int
    step_forward: int
    gap: int
    anchored: bool
    space: Space | None
    metrics: tuple[Metric, ...]
    sampler: str
    seed: int
    n_trials: int
    prices: pd.Series[float]
    planned: int
    elapsed: float
    stopped: str = ""
    notes: tuple[str, ...] = ()
    prior_runs: int = 0

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.spec.routes[0].strategy.name
