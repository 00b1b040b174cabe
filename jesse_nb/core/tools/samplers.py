"""Who proposes the next parameters: Optuna's samplers, set up to repeat themselves."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GridSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from jesse_nb.core.tools.space import Space
from jesse_nb.exceptions import InputError, did_you_mean

__all__ = ["SAMPLERS", "make_sampler", "quiet_optuna"]

#: Optuna's grid sampler lists every point in memory.
_LARGEST_GRID = 100_000


def make_sampler(name: str, seed: int, space: Space, n_metrics: int = 1) -> BaseSampler:
    """Return a seeded sampler that fits the space.

    Asked and told in the same order, it proposes the same parameters every time.

    Parameters
    ----------
    name
        ``tpe`` (Optuna's default, told about running trials so that parallel ones do not
        repeat each other), ``random``, ``grid``, ``cmaes`` or ``nsga2``.
    seed
        A whole number from 0 up.
    space
        What is varied.
    n_metrics
        How many metrics are optimized at once.

    Raises
    ------
    InputError
        When the name is unknown, or the sampler cannot work on this space or several metrics.
    SpaceError
        When a grid is asked of a continuous parameter.
    """
    wanted = name.strip().casefold().replace("-", "").replace("_", "") if isinstance(name, str) else name
    wanted = "nsga2" if wanted == "nsgaii" else wanted
    if wanted not in SAMPLERS:
        raise InputError(f"No sampler is called {name!r}.", did_you_mean(str(name), SAMPLERS))
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise InputError(f"The seed is {seed!r}.", "It is a whole number from 0 up to 4294967295.")
    with quiet_optuna():
        return SAMPLERS[wanted](seed, space, n_metrics)


def _tpe(seed: int, space: Space, n_metrics: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True, constant_liar=True, warn_independent_sampling=False)


def _random(seed: int, space: Space, n_metrics: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def _grid(seed: int, space: Space, n_metrics: int) -> BaseSampler:
    points = space.size
    if points is not None and points > _LARGEST_GRID:
        raise InputError(f"The grid has {points:,} points; {_LARGEST_GRID:,} are the most.",
                         "Widen the steps, or use sampler='tpe'.")
    space.grid()  # says which parameter is continuous, if any is
    return _AskedGridSampler({dimension.name: dimension.values for dimension in space.dimensions}, seed=seed)


class _AskedGridSampler(GridSampler):
    """Optuna's grid, asked and told from outside.

    Optuna's own stops the study after the last point, which raises outside of `Study.optimize`.
    Who asks knows the number of points from the space.
    """

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState,
                    values: Sequence[float] | None) -> None:
        """Leave it to the asker when to stop."""


def _cmaes(seed: int, space: Space, n_metrics: int) -> BaseSampler:
    if n_metrics > 1:
        raise InputError(f"The sampler 'cmaes' optimizes one metric, not {n_metrics}.",
                         "Use sampler='nsga2' or 'tpe'.")
    categorical = [dimension.name for dimension in space.dimensions if dimension.kind == "categorical"]
    if categorical:
        raise InputError(f"The sampler 'cmaes' needs numbers, but {categorical[0]!r} is categorical.",
                         "Use sampler='tpe'.")
    if len(space) < 2:
        raise InputError(f"The sampler 'cmaes' needs two parameters or more, not only {space.names[0]!r}.",
                         "Use sampler='tpe'.")
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


def _nsga2(seed: int, space: Space, n_metrics: int) -> BaseSampler:
    return NSGAIISampler(seed=seed)


#: Samplers by name.
SAMPLERS: dict[str, Callable[[int, Space, int], BaseSampler]] = {
    "tpe": _tpe, "random": _random, "grid": _grid, "cmaes": _cmaes, "nsga2": _nsga2,
}  # fmt: skip


class _Silence:
    """Counts who wants quiet: the first switches it on, the last puts back what was there.

    Optuna's verbosity and Python's warning filters are global, and several jobs may run in threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted_by = 0
        self._undo = ExitStack()

    def enter(self) -> None:
        with self._lock:
            self._wanted_by += 1
            if self._wanted_by == 1:
                self._undo.callback(optuna.logging.set_verbosity, optuna.logging.get_verbosity())
                optuna.logging.set_verbosity(optuna.logging.ERROR)
                self._undo.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", ExperimentalWarning)

    def leave(self) -> None:
        with self._lock:
            self._wanted_by -= 1
            if self._wanted_by == 0:
                self._undo.close()


_silence = _Silence()


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna's log lines and experimental warnings from the user; safe in threads.

    The user's own verbosity is put back when the last one leaves.
    """
    _silence.enter()
    try:
        yield
    finally:
        _silence.leave()
