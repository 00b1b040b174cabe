"""What an optimization gave."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.metric import Metric
from jesse_nb.core.tools.space import Space

__all__ = ["OptimizeResult", "TopTrial", "Trial"]


@dataclass(frozen=True)
class Trial:
    """One set of parameters that was tried.

    Attributes
    ----------
    number
        Counts from 0 in the order in which parameters were drawn.
    params
        Values by name.
    values
        One value a metric, in the metric's own sign and unit; NaN where the metric is
        undefined for this run (no trades, say) or the trial failed.
    state
        ``finished`` or ``failed``.
    reason
        Why it failed or why its value is undefined; empty otherwise.
    metrics
        Jesse's metrics of the training period; empty when failed.
    seconds
        How long the simulation took, whenever it ran.
    reused
        True when the run store had the answer, so nothing was simulated.
    key
        Key of the run in the run store.
    """

    number: int
    params: dict[str, Any]
    values: tuple[float, ...]
    state: Literal["finished", "failed"]
    reason: str
    metrics: dict[str, Any]
    seconds: float
    reused: bool
    key: str

    @property
    def value(self) -> float:
        """The first metric's value."""
        return self.values[0]

    @property
    def scored(self) -> bool:
        """True when every metric has a value."""
        return self.state == "finished" and not any(math.isnan(value) for value in self.values)


@dataclass(frozen=True)
class TopTrial:
    """One of the best trials, with its run on the held-out period beside it.

    ``test`` is None when no period was held out, when the study was stopped before that run,
    or when it failed (``test_reason`` then says why).
    """

    trial: Trial
    test: BacktestResult | None = None
    test_values: tuple[float, ...] = ()
    test_reason: str = ""


@dataclass(frozen=True, repr=False)
class OptimizeResult(Shown):
    """A finished (or stopped) optimization.

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
    trials
        All trials, by number.
    n_trials
        How many were asked for.
    top
        The best trials, best first (for several metrics: the Pareto front).
    training
        The best trial's whole run on the training period; None when no trial has a value.
    default
        The strategy's own parameter values on the training period, as the baseline to
        beat; None where that run failed.
    elapsed
        Seconds that this call took.
    stopped
        Why it ended before ``n_trials`` (``interrupted``, ``timeout``, ``space exhausted``), or empty.
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

    @property
    def strategy(self) -> str:
        """Name of the optimized strategy."""
        return self.spec.routes[0].strategy.name

    @property
    def best(self) -> Trial | None:
        """The best trial; of several metrics, the best by the first one."""
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
    def pareto_front(self) -> list[Trial]:
        """The trials that no other beats in every metric; with one metric, the best."""
        return [entry.trial for entry in self.top] if len(self.metrics) > 1 else ([self.best] if self.best else [])

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
            row |= {"seconds": trial.seconds, "reused": trial.reused}
            rows.append(row | trial.metrics)
        return pd.DataFrame(rows).set_index("trial") if rows else pd.DataFrame()

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of :attr:`history`."""
        return self.history.copy()
