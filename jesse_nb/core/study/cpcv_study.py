"""What a combinatorial purged cross-validation gathered: its groups, splits and paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from jesse_nb.core.simulator.account import Ruin
from jesse_nb.core.simulator.result import ResultCard
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.times import DAY_MS

__all__ = ["CpcvPath", "CpcvSplit", "CpcvStudy", "Group"]


@dataclass(frozen=True)
class Group:
    """One part of the period; moments are milliseconds UTC, end excluded; numbers count from 0."""

    number: int
    start: int
    end: int

    @property
    def days(self) -> float:
        """Its length in days."""
        return (self.end - self.start) / DAY_MS


@dataclass(frozen=True)
class CpcvSplit:
    """One split: what was chosen on the training groups, and how it did on the test groups.

    Attributes
    ----------
    number
        Counts from 0.
    test_groups
        Numbers of the groups that it tests on.
    chosen
        Number of the candidate with the best in-sample score; None when none has a score.
    in_sample, out_of_sample
        The chosen candidate's mean of the metric over the training and over the test groups; NaN when
        more than half of them are undefined.
    logit
        See :func:`~jesse_nb.core.analysis.studies.cpcv.rank_logits`: below 0, the chosen one was worse than the
        median candidate out-of-sample.
    """

    number: int
    test_groups: tuple[int, ...]
    chosen: int | None
    in_sample: float
    out_of_sample: float
    logit: float


@dataclass(frozen=True)
class CpcvPath:
    """One complete out-of-sample path through all groups.

    Attributes
    ----------
    number
        Counts from 0.
    splits
        The split that each group is taken from.
    returns
        Daily returns as fractions, index the day's beginning (UTC). Days of a group without a choice or
        whose run failed are absent, and so are those after an account was ruined, which ends with a return of -1.
    missing_groups
        Those groups.
    metrics
        Jesse's return-based metrics of the path, gap days and missing groups left out; see
        :func:`~jesse_nb.core.study.ratios.return_ratios`.
    ruin
        When the account was ruined on the path, which ends there; None when it was not.
    """

    number: int
    splits: tuple[int, ...]
    returns: pd.Series[float]
    missing_groups: tuple[int, ...]
    metrics: Mapping[str, float]
    ruin: Ruin | None = None


@dataclass(frozen=True, repr=False)
class CpcvStudy:
    """A finished (or stopped) combinatorial purged cross-validation, as data.

    Attributes
    ----------
    spec
        What was simulated, over the whole period.
    card
        Provenance of its runs; None when none succeeded.
    groups, test_groups, gap
        The parts of the period, how many of them each split tests on, and the days between them.
    space
        What the candidates were drawn from; None for given ones.
    metric
        What chose among them.
    sampler, seed
        How they were drawn.
    candidates
        The parameter sets, by number.
    values
        (candidates, groups) values of the metric as a frame; NaN where undefined.
    splits, paths
        See :class:`CpcvSplit` and :class:`CpcvPath`.
    baseline
        Daily returns with the strategy's own parameters over all groups; None where a run is missing.
    elapsed
        Seconds that this call took.
    stopped
        ``interrupted``, ``timeout`` or empty.
    notes
        Remarks for the report.
    prior_runs
        How many other backtests of this project had looked at some of these days before.
    """

    spec: BacktestSpec
    card: ResultCard | None
    groups: tuple[Group, ...]
    test_groups: int
    gap: int
    space: Space | None
    metric: Metric
    sampler: str
    seed: int
    candidates: tuple[Mapping[str, Any], ...]
    values: pd.DataFrame
    splits: tuple[CpcvSplit, ...]
    paths: tuple[CpcvPath, ...]
    baseline: pd.Series[float] | None
    elapsed: float
    stopped: str = ""
    notes: tuple[str, ...] = ()
    prior_runs: int = 0

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.spec.routes[0].strategy.name

    @cached_property
    def sharpes(self) -> pd.Series[float]:
        """Annualized Sharpe ratio of each path; NaN without variance."""
        return pd.Series([path.metrics["sharpe_ratio"] for path in self.paths], dtype=float, name="sharpe_ratio")

    @property
    def losing_paths(self) -> float:
        """Share of paths (a fraction) that lost money; NaN without a path that has days."""
        gains = [path.metrics["net_profit_percentage"] for path in self.paths]
        defined = [gain for gain in gains if not math.isnan(gain)]
        return sum(gain < 0 for gain in defined) / len(defined) if defined else math.nan

    @property
    def overfitting(self) -> float:
        """Probability of backtest overfitting (Bailey and others 2017), a fraction.

        The share of splits whose chosen candidate was no better than the median one out-of-sample; NaN when
        no split can tell.
        """
        logits = [split.logit for split in self.splits if not math.isnan(split.logit)]
        return sum(logit <= 0 for logit in logits) / len(logits) if logits else math.nan
