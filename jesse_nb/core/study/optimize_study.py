"""What an optimization gathered: its trials, the best ones, and what they were drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.constraints import Constraint, broken
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import TopTrial, Trial

__all__ = ["OptimizeStudy"]


@dataclass(frozen=True, repr=False)
class OptimizeStudy:
    """A finished (or stopped) optimization, as data.

    Attributes
    ----------
    spec
        What was simulated, with the strategy's own parameter values.
    test_start, test_end
        The held-out period in milliseconds UTC, end excluded; None without one.
    space
        The parameters that were varied.
    metrics
        What was optimized: one metric, or several.
    sampler, seed
        How parameters were drawn.
    pruner
        How trials were stopped early: ``median``, ``quartile`` or ``none``.
    trials
        All trials, by number.
    n_trials
        How many were asked for.
    top
        The best trials, best first (for several metrics: of the Pareto front, its knee always among them).
    training
        The best trial's whole run on the training period; None when no trial has a value.
    default
        The strategy's own parameter values on the training period, as the baseline to
        beat; None where that run failed.
    elapsed
        Seconds that this call took.
    stopped
        Why it ended before ``n_trials`` (``interrupted``, ``timeout``, ``space exhausted``), or empty.
    returns
        Daily simple returns on the training period, as fractions: one column a finished trial, by number,
        one row a day (UTC). Equity is sampled just after midnight, so a row is mostly about the day before.
        Trials that never traded are 0 throughout.
    market
        The first route's price at the moments at which equity was sampled, by day, in the quote currency;
        ``daily_returns(market)`` has the days of ``returns``.
    constraints
        What the best trials must keep.
    min_trades
        Trades that a trial must have made to rank before those with fewer; 0, as in studies of before there was such
        a rule, where all rank alike.
    prior_runs
        How many other backtests this project had finished before, on some of the training period of the same
        symbols: trials that nobody counts. Scenarios on rewritten candles are left out.
    """

    spec: BacktestSpec
    test_start: int | None
    test_end: int | None
    space: Space
    metrics: tuple[Metric, ...]
    sampler: str
    seed: int
    trials: tuple[Trial, ...]
    n_trials: int
    top: tuple[TopTrial, ...]
    training: BacktestResult | None
    default: BacktestResult | None
    elapsed: float
    stopped: str = ""
    notes: tuple[str, ...] = field(default=())
    returns: pd.DataFrame = field(default_factory=pd.DataFrame)
    market: pd.Series[float] = field(default_factory=lambda: pd.Series(dtype=float))
    constraints: tuple[Constraint, ...] = ()
    prior_runs: int = 0
    pruner: str = "none"
    min_trades: int = 0

    @property
    def strategy(self) -> str:
        """Name of the optimized strategy; of several routes, all of theirs."""
        return self.spec.strategy_names

    @property
    def best(self) -> Trial | None:
        """The best trial that breaks no constraint; of several metrics, the best by the first one."""
        return self.top[0].trial if self.top else None

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the best trial; empty when no trial has a value."""
        return dict(self.best.params) if self.best else {}

    @property
    def best_value(self) -> float:
        """Value of the best trial in the first metric; NaN when there is none."""
        return self.best.value if self.best else math.nan

    @property
    def test(self) -> BacktestResult | None:
        """The best trial's run on the held-out period."""
        return self.top[0].test if self.top else None

    @property
    def broken(self) -> dict[str, int]:
        """How many finished trials break each constraint."""
        return broken(self.trials, self.constraints)

    @cached_property
    def pruned(self) -> list[Trial]:
        """The trials that were stopped early: they have no value, and no part in any statistic but their number."""
        return [trial for trial in self.trials if trial.state == "pruned"]

    @cached_property
    def ruined(self) -> list[Trial]:
        """The trials that ruined their account: they have no value, and count as tries without one."""
        return [trial for trial in self.trials if trial.ruined]

    @property
    def simulated(self) -> float:
        """Fraction of the candles that all trials together would have taken without pruning."""
        return sum(trial.simulated for trial in self.trials) / len(self.trials) if self.trials else 1.0

    @property
    def failures(self) -> dict[str, int]:
        """How many trials failed, by reason, commonest first."""
        reasons = pd.Series([trial.reason for trial in self.trials if trial.state == "failed"], dtype=object)
        return {str(reason): int(count) for reason, count in reasons.value_counts().items()}

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row a trial: its state, parameters (``param_…``), values and Jesse's metrics."""
        rows = []
        for trial in self.trials:
            row: dict[str, Any] = {"trial": trial.number, "state": trial.state, "reason": trial.reason}
            row |= {f"param_{name}": value for name, value in trial.params.items()}
            row |= {f"value_{metric.name}": value
                    for metric, value in zip(self.metrics, trial.values, strict=True)}
            row |= {"violated": ", ".join(trial.violated)} if self.constraints else {}
            row |= {"simulated": trial.simulated} if self.pruner != "none" else {}
            row |= {"seconds": trial.seconds, "reused": trial.reused}
            rows.append({**row, **trial.metrics})
        return pd.DataFrame(rows).set_index("trial") if rows else pd.DataFrame()

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of :attr:`history`."""
        return self.history.copy()
