"""What an optimization gave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.curves.curves import daily_returns
from jesse_nb.core.analysis.luck.overfit import OverfitFigures, overfit_figures
from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict, overfit_verdict
from jesse_nb.core.analysis.studies.importances import Importances, importances
from jesse_nb.core.analysis.studies.ranking import best_trials, knee
from jesse_nb.core.rendering import Explorable
from jesse_nb.core.study.optimize_study import OptimizeStudy
from jesse_nb.core.study.trial import Trial
from jesse_nb.exceptions import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from optuna import Study
    from optuna.storages import BaseStorage

    from jesse_nb.core.analysis.studies.parity import Parity
    from jesse_nb.core.tools.check.first_check import FirstCheck
    from jesse_nb.core.tools.optimize.holdout import Holdout, OpenedHoldout
    from jesse_nb.core.tools.optimize.neighbourhood import Plateau

__all__ = ["OptimizeResult"]


@dataclass(frozen=True, repr=False)
class OptimizeResult(OptimizeStudy, Explorable):
    """A finished (or stopped) optimization: its study, and what it is worth.

    Attributes
    ----------
    holdout
        The sealed days, which no trial and no test saw; None without any.
    plateau
        The surroundings of the best trials; None when they were not looked at, or not to the end.
    parity
        The best trial in step mode beside fast mode; None when that was not wanted, or has not finished.
    first_check
        What a check of the strategy found before the first trial; None when that was not wanted.

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

    holdout: Holdout | None = None
    plateau: Plateau | None = None
    parity: Parity | None = None
    first_check: FirstCheck | None = None

    @property
    def centre(self) -> Trial | None:
        """The robust one among the best trials, whose neighbours do best; None without a :attr:`plateau`."""
        return self.plateau.centre if self.plateau else None

    @cached_property
    def pareto_front(self) -> list[Trial]:
        """The trials that no other beats in every metric, all of them; with one metric, the best."""
        return best_trials(self.trials, self.metrics, None if len(self.metrics) > 1 else 1)

    @cached_property
    def knee(self) -> Trial | None:
        """The Pareto front's knee, see :func:`~jesse_nb.core.analysis.studies.ranking.knee`; None where it has none."""
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
        found = None if self.overfit is None else overfit_verdict(self.overfit, self.test.ruin if self.test else None)
        return found if self.first_check is None else self.first_check.over(found)

    @cached_property
    def importances(self) -> Importances:
        """How much each parameter mattered to the first metric, or why that cannot be said."""
        return importances(self)

    def open_holdout(self, **where: Any) -> OpenedHoldout:
        """Run the best parameters, and the strategy's own, on the sealed days.

        That they were opened is logged for good, counted, and shown in every later report of studies on
        these days. Do it once, when the search is over.

        Parameters
        ----------
        **where
            Only for a result that outlived its kernel: ``strategy``, ``project``, ``candles``, ``store``,
            ``trial_timeout``, ``memory_limit`` as in :meth:`~jesse_nb.core.tools.optimize.holdout.Holdout.open`.

        Raises
        ------
        InputError
            When the study sealed no days, or has no best trial.
        JesseNbError
            As in :meth:`~jesse_nb.core.tools.optimize.holdout.Holdout.open`.
        """
        if self.holdout is None:
            raise InputError("This study has no sealed days.", "Seal some with holdout='90d' when you optimize.")
        return self.holdout.open(**where)

    def to_optuna(self, storage: str | Path | BaseStorage, name: str | None = None) -> Study:
        """Write the trials into an Optuna storage, where optuna-dashboard shows them.

        Trials that failed, or for which a metric is undefined, are failed ones there; those that break a
        constraint say by how much.

        Parameters
        ----------
        storage
            A journal file, made with its folders when it is missing; the address of a database; or an Optuna storage.
        name
            Of the new study; by default made of strategy, market and the spec's key.

        Raises
        ------
        InputError
            When the storage has a study of that name.
        StorageError
            When it cannot be written.
        """
        from jesse_nb.core.tools.optimize.optuna_export import export_to_optuna

        return export_to_optuna(self, storage, name)
