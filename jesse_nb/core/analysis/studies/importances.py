"""Which parameters mattered: functional ANOVA over the trials, by Optuna."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import optuna

    from jesse_nb.core.study.optimize_study import OptimizeStudy

__all__ = ["Importances", "importances", "rebuilt_study"]

#: Below this many scored trials an importance is noise.
MIN_TRIALS = 20
#: The forest of fANOVA takes a second at 100 trials and half a minute at 1000; PED-ANOVA takes milliseconds.
MAX_FANOVA_TRIALS = 200


class Importances(NamedTuple):
    """How much of the first metric's variation each parameter explains.

    Attributes
    ----------
    values
        Fractions by parameter that sum to 1, largest first; empty when ``reason`` says why.
    method
        ``fANOVA`` or ``PED-ANOVA``; empty without values.
    reason
        Why there are no numbers; empty when there are.
    """

    values: dict[str, float]
    method: str = ""
    reason: str = ""


def importances(result: OptimizeStudy) -> Importances:
    """Measure how much each parameter mattered to the first metric.

    fANOVA (Hutter, Hoos, Leyton-Brown 2014) fits a random forest to the trials and splits
    the variance it sees; above 200 trials PED-ANOVA (Watanabe, Bansal, Hutter 2023) is used,
    which asks which parameters set the best trials apart. The forest has a fixed seed.

    Parameters
    ----------
    result
        An optimization.
    """
    import optuna

    study = rebuilt_study(result)
    values = [trial.value for trial in study.trials]
    needed = max(MIN_TRIALS, 2 * len(result.space.dimensions))
    if len(values) < needed:
        return Importances({}, reason=f"Importances need at least {needed} trials with a value; "
                                      f"there are {len(values)}.")
    if len(set(values)) == 1:
        return Importances({}, reason="Every trial has the same value, so no parameter made a difference.")
    varied = {name for name in study.trials[0].params
              if len({str(trial.params[name]) for trial in study.trials}) > 1}
    if not varied:
        return Importances({}, reason="No parameter was varied.")

    small = len(values) <= MAX_FANOVA_TRIALS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = (optuna.importance.FanovaImportanceEvaluator(seed=0) if small
                     else optuna.importance.PedAnovaImportanceEvaluator())
    raw = evaluator.evaluate(study)
    _let_trees_go()
    total = sum(raw.values())
    if not (math.isfinite(total) and total > 0):
        return Importances({}, reason="The trials do not tell the parameters apart.")
    shares = {name: float(share / total) for name, share in raw.items()}
    return Importances(dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))),
                       method="fANOVA" if small else "PED-ANOVA")


def _let_trees_go() -> None:
    """Empty the caches in which Optuna keeps every tree of a process: some 3 MB for each study."""
    try:
        from optuna.importance._fanova._tree import _FanovaTree
    except ImportError:  # an Optuna that has it elsewhere
        return
    for member in vars(_FanovaTree).values():
        if hasattr(member, "cache_clear"):
            member.cache_clear()


def rebuilt_study(result: OptimizeStudy) -> optuna.Study:
    """Return an in-memory Optuna study of the first metric, holding the scored trials.

    Trials with an infinite value, and those outside of the space (taken over from an
    earlier result with another space, say), are left out.
    """
    import optuna

    distributions = result.space.distributions()
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # creating a study is announced on stderr otherwise
    try:
        study = optuna.create_study(direction=result.metrics[0].direction, study_name="rebuilt")
    finally:
        optuna.logging.set_verbosity(verbosity)
    for trial in result.trials:
        if trial.scored and math.isfinite(trial.value) and result.space.contains(trial.params):
            study.add_trial(optuna.trial.create_trial(
                params=trial.params, distributions=distributions, value=trial.value))
    return study
