"""A result's trials, read back by Optuna itself."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.exceptions import InputError, StorageError
from tests.jobs.strategies import CROSSING

STRATEGY = CROSSING.replace("        return [\n", """        return [
            {"name": "unused", "type": float, "min": 0, "max": 1, "default": 0},
            {"name": "kind", "type": "categorical", "options": ["a", "b"], "default": "a"},
""")


@pytest.fixture(scope="module")
def result(candle_store: CandleStore) -> OptimizeResult:
    """A study in which some trials break a constraint, and two have been marked as failed and as undefined."""
    found = optimize(STRATEGY, "BTC-USDT", "1h", "2023-03-01", "2023-04-10", n_trials=14, seed=3, neighbours=0,
                     parity=False, candles=candle_store, constraints=["trades >= 8", "max_drawdown < 11"],
                     space={"fast": (3, 12), "slow": (13, 60, 1), "unused": (0.1, 0.9, 0.2), "kind": ["a", "b"]})
    assert isinstance(found, OptimizeResult)
    failed = replace(found.trials[2], state="failed", values=(math.nan,), reason="it broke", excess=())
    undefined = replace(found.trials[5], values=(math.nan,), reason="no trades")
    return replace(found, trials=(*found.trials[:2], failed, *found.trials[3:5], undefined, *found.trials[6:]))


@pytest.mark.parametrize("kind", ["journal", "database"])
def test_optuna_reads_it_back(result: OptimizeResult, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "deep" / "trials.log" if kind == "journal" else f"sqlite:///{tmp_path}/trials.db"
    written = result.to_optuna(place)
    storage = JournalStorage(JournalFileBackend(str(place))) if kind == "journal" else str(place)
    study = optuna.load_study(study_name=written.study_name, storage=storage)
    assert study.direction.name == "MAXIMIZE"
    assert study.metric_names == [result.metrics[0].label]
    assert len(study.trials) == len(result.trials)
    for trial, found in zip(result.trials, study.trials, strict=True):
        assert found.params == trial.params
        assert found.user_attrs["run"] == trial.key
        if trial.scored:
            assert found.state == TrialState.COMPLETE
            assert found.values == list(trial.values)
            assert found.system_attrs["constraints"] == list(trial.excess)
            assert any(by > 0 for by in trial.excess) == ("violated" in found.user_attrs)
        else:
            assert found.state == TrialState.FAIL
            assert found.user_attrs["reason"] == trial.reason
    assert [trial.number for trial in study.trials if trial.state == TrialState.FAIL] == [2, 5]
    assert study.trials[0].distributions == {
        "fast": IntDistribution(3, 12), "slow": IntDistribution(13, 60),
        "unused": FloatDistribution(0.1, 0.9, step=0.2), "kind": CategoricalDistribution(("a", "b"))}
    best = study.best_trial  # Optuna leaves out trials that break a constraint
    assert result.best is not None
    assert (best.number, best.value) == (result.best.number, result.best_value)


def test_a_study_is_never_mixed_with_another(result: OptimizeResult, tmp_path: Path) -> None:
    result.to_optuna(tmp_path / "trials.log", name="mine")
    with pytest.raises(InputError, match="'mine' already"):
        result.to_optuna(tmp_path / "trials.log", name="mine")
    result.to_optuna(tmp_path / "trials.log", name="other")
    result.to_optuna(tmp_path / "missing" / "folders" / "trials.log")
    assert (tmp_path / "missing" / "folders" / "trials.log").is_file()


def test_a_storage_that_cannot_be_used_is_said_without_its_password(result: OptimizeResult) -> None:
    with pytest.raises(StorageError, match="cannot be written") as caught:
        result.to_optuna("postgresql://me:very-secret@127.0.0.1:1/trials")
    assert "very-secret" not in str(caught.value)
