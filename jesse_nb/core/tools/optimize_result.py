"""What an optimization gave."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from jesse_nb.core.analysis.curves import daily_returns
from jesse_nb.core.analysis.importances import Importances, importances
from jesse_nb.core.analysis.overfit import OverfitFigures, overfit_figures
from jesse_nb.core.analysis.overfit_verdict import OverfitVerdict, overfit_verdict
from jesse_nb.core.analysis.ranking import best_trials, knee
from jesse_nb.core.rendering import Explorable
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.constraints import Constraint, broken
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import TopTrial, Trial
from jesse_nb.exceptions import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from optuna import Study
    from optuna.storages import BaseStorage

    from jesse_nb.core.analysis.parity import Parity
    from jesse_nb.core.tools.holdout import Holdout, OpenedHoldout
    from jesse_nb.core.tools.neighbourhood import Plateau

__all__ = ["OptimizeResult"]


@dataclass(frozen=True, repr=False)
class OptimizeResult(Explorable):
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
        ``daily_returns(market)`` (:mod:`~jesse_nb.core.analysis.curves`) has the days of ``returns``.
    constraints
        What the best trials must keep.
    holdout
        The sealed days, which no trial and no test saw; None without any.
    prior_runs
        How many other backtests this project had finished before, on some of the training period of the same
        symbols: trials that nobody counts. Scenarios on rewritten candles are left out.
    plateau
        The surroundings of the best trials; None when they were not looked at, or not to the end.
    parity
        The best trial in step mode beside fast mode; None when that was not wanted, or has not finished.

    Examples
    --------
    >>> study = jn.optimize(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", n_trials=4)
    >>> sorted(study.best_params)
    ['fast', 'slow', 'stop']
    >>> len(study.history)
    4
    >>> study.verdict.outcome
    'too little data'
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
    holdout: Holdout | None = None
    prior_runs: int = 0
    plateau: Plateau | None = None
    parity: Parity | None = None
    pruner: str = "none"

    @property
    def strategy(self) -> str:
        """Name of the optimized strategy."""
        return self.spec.routes[0].strategy.name

    @property
    def best(self) -> Trial | None:
        """The best trial that breaks no constraint; of several metrics, the best by the first one."""
        return self.top[0].trial if self.top else None

    @property
    def centre(self) -> Trial | None:
        """The robust one among the best trials, whose neighbours do best; None without a :attr:`plateau`."""
        return self.plateau.centre if self.plateau else None

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

    @cached_property
    def pareto_front(self) -> list[Trial]:
        """The trials that no other beats in every metric, all of them; with one metric, the best."""
        return best_trials(self.trials, self.metrics, None if len(self.metrics) > 1 else 1)

    @cached_property
    def knee(self) -> Trial | None:
        """The Pareto front's knee, see :func:`~jesse_nb.core.analysis.ranking.knee`; None where it has none."""
        return knee(self.pareto_front, self.metrics)

    @cached_property
    def overfit(self) -> OverfitFigures | None:
        """What tells skill from luck in the best trial; None when no trial has a value.

        Its bootstraps are drawn with the study's seed.
        """
        if self.best is None or self.best.number not in self.returns.columns:
            return None
        return overfit_figures(
            self.returns, self.best.number, daily_returns(self.market) if len(self.market) else None,
            prior_trials=self.prior_runs, unfinished=len(self.pruned) + len(self.ruined),
            seed=self.seed,
            trades=int(self.best.metrics.get("total", 0)),
            held_out=[(entry.trial.value, entry.test_values[0]) for entry in self.top if entry.test_values],
        )

    @cached_property
    def verdict(self) -> OverfitVerdict | None:
        """Whether the best trial is skill or luck: ``.outcome``, ``.line``, ``.note`` and ``.evidence``."""
        if self.overfit is None:
            return None
        return overfit_verdict(self.overfit, self.test.ruin if self.test else None)

    @cached_property
    def importances(self) -> Importances:
        """How much each parameter mattered to the first metric, or why that cannot be said."""
        return importances(self)

    @property
    def broken(self) -> dict[str, int]:
        """How many finished trials break each constraint."""
        return broken(self.trials, self.constraints)

    def open_holdout(self, **where: Any) -> OpenedHoldout:
        """Run the best parameters, and the strategy's own, on the sealed days.

        That they were opened is logged for good, counted, and shown in every later report of studies on
        these days. Do it once, when the search is over.

        Parameters
        ----------
        **where
            Only for a result that outlived its kernel: ``strategy``, ``project``, ``candles``, ``store``,
            ``trial_timeout``, ``memory_limit`` as in :meth:`~jesse_nb.core.tools.holdout.Holdout.open`.

        Raises
        ------
        InputError
            When the study sealed no days, or has no best trial.
        JesseNbError
            As in :meth:`~jesse_nb.core.tools.holdout.Holdout.open`.
        """
        if self.holdout is None:
            raise InputError("This study has no sealed days.", "Seal some with holdout='90d' when you optimize.")
        return self.holdout.open(**where)

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
            rows.append(row | trial.metrics)
        return pd.DataFrame(rows).set_index("trial") if rows else pd.DataFrame()

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of :attr:`history`."""
        return self.history.copy()

    def to_optuna(self, storage: str | Path | BaseStorage, name: str | None = None) -> Study:
        """Write the trials into an Optuna storage, where optuna-dashboard shows them.

        Trials that failed, or for which a metric is undefined, are failed ones there; those that break a
        constraint say by how much.

        Parameters
        ----------
        storage
            A journal file, made when it is missing; the address of a database; or an Optuna storage.
        name
            Of the new study; by default made of strategy, market and the spec's key.

        Raises
        ------
        InputError
            When the storage has a study of that name.
        StorageError
            When it cannot be written.
        """
        from jesse_nb.core.tools.optuna_export import export_to_optuna

        return export_to_optuna(self, storage, name)
