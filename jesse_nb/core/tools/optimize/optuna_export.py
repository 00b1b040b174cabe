"""A result's trials as an Optuna study, for optuna-dashboard and all else that reads Optuna's storages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.optimize.samplers import quiet_optuna
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, StorageError, shown

if TYPE_CHECKING:
    from jesse_nb.core.study.optimize_study import OptimizeStudy
    from jesse_nb.core.study.trial import Trial

__all__ = ["export_to_optuna"]

#: Where Optuna looks for by how much a trial breaks each constraint.
_CONSTRAINTS = "constraints"

#: Optuna's word for a trial without a value.
_WITHOUT_VALUE = {"finished": TrialState.FAIL, "failed": TrialState.FAIL, "pruned": TrialState.PRUNED}


def export_to_optuna(
    result: OptimizeStudy, storage: str | Path | BaseStorage, name: str | None = None
) -> optuna.Study:
    """Do what :meth:`~jesse_nb.core.tools.optimize.optimize_result.OptimizeResult.to_optuna` says."""
    route = result.spec.routes[0]
    named = name or f"{route.strategy.name} {route.symbol} {route.timeframe} {result.spec.key[:8]}"
    try:
        with quiet_optuna():
            study = optuna.create_study(study_name=named, storage=_opened(storage),
                                        directions=[metric.direction for metric in result.metrics])
            study.set_metric_names(_distinct([metric.label for metric in result.metrics]))
            for key, value in _about(result).items():
                study.set_user_attr(key, value)
            study.add_trials([_frozen(result, trial) for trial in result.trials])
    except optuna.exceptions.DuplicatedStudyError:
        raise InputError(f"The storage has a study called {shown(named)} already.",
                         "Give another one: name='...'.") from None
    except Exception as error:  # noqa: BLE001 - each kind of storage has its own
        reason = re.sub(r"//[^/@\s]*@", "//", str(error).strip().split("\n")[0]).rstrip(".")
        raise StorageError(f"The trials cannot be written to the Optuna storage: {type(error).__name__}: {reason}.",
                           "It is a file, or an address such as sqlite:///trials.db.") from None
    return study


def _opened(storage: str | Path | BaseStorage) -> str | BaseStorage:
    if isinstance(storage, BaseStorage) or "://" in str(storage):
        # SQLAlchemy takes that for another driver than the one that Jesse brings.
        return storage if isinstance(storage, BaseStorage) else re.sub(
            r"^postgres(ql)?://", "postgresql+psycopg2://", str(storage))
    path = user_path(storage, "storage")
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


def _frozen(result: OptimizeStudy, trial: Trial) -> FrozenTrial:
    about: dict[str, Any] = {"trial": trial.number, "run": trial.key, "seconds": trial.seconds}
    if trial.reason:
        about["reason"] = trial.reason
    if trial.violated:
        about["violated"] = list(trial.violated)
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE if trial.scored else _WITHOUT_VALUE[trial.state],
        values=list(trial.values) if trial.scored else None,
        params=trial.params,
        distributions=result.space.distributions(),
        user_attrs=about,
        system_attrs={_CONSTRAINTS: list(trial.excess)} if result.constraints and trial.scored else {},
    )


def _about(result: OptimizeStudy) -> dict[str, Any]:
    route = result.spec.routes[0]
    return {
        "strategy": route.strategy.name, "source": route.strategy.hash, "exchange": route.exchange,
        "symbol": route.symbol, "timeframe": route.timeframe, "start": utc_text(result.spec.start),
        "end": utc_text(result.spec.end), "sampler": result.sampler, "seed": result.seed,
        "pruner": result.pruner,
        "constraints": [constraint.text for constraint in result.constraints], "jesse": result.spec.jesse_version,
    }


def _distinct(labels: list[str]) -> list[str]:
    return [label if labels.count(label) == 1 else f"{label} {place}" for place, label in enumerate(labels, 1)]
