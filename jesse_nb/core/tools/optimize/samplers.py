"""Who proposes the next parameters: Optuna's samplers, set up to repeat themselves."""

from __future__ import annotations

import itertools
import random
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, NSGAIISampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.optimize.gaussian_process import GaussianProcessSampler
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["SAMPLERS", "make_sampler", "quiet_optuna"]

Violations = Callable[[FrozenTrial], Sequence[float]]

#: The grid is listed in memory.
_LARGEST_GRID = 100_000


def make_sampler(
    name: str, seed: int, space: Space, n_metrics: int = 1, violations: Violations | None = None
) -> BaseSampler:
    """Return a seeded sampler that fits the space.

    Asked and told in the same order, it proposes the same parameters every time.

    Parameters
    ----------
    name
        ``tpe`` (Optuna's default, told about running trials so that parallel ones do not
        repeat each other), ``gp`` (a Gaussian process, for the fewest trials), ``random``, ``qmc`` (spread more
        evenly than at random), ``grid``, ``cmaes`` or ``nsga2``.
    seed
        A whole number from 0 up.
    space
        What is varied.
    n_metrics
        How many metrics are optimized at once.
    violations
        Returns by how much a finished trial breaks each constraint, 0 where it does not. ``tpe`` and
        ``nsga2`` prefer trials that break none; the others do not ask.

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
        raise InputError(f"No sampler is called {shown(name)}.", did_you_mean(str(name), SAMPLERS), argument="sampler")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise InputError(f"The seed is {seed!r}.", "It is a whole number from 0 up to 4294967295.", argument="seed")
    with quiet_optuna():
        return SAMPLERS[wanted](seed, space, n_metrics, violations)


def _tpe(seed: int, space: Space, n_metrics: int, violations: Violations | None) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True, constant_liar=True, warn_independent_sampling=False,
                      constraints_func=violations)


def _random(seed: int, space: Space, n_metrics: int, violations: Violations | None) -> BaseSampler:
    return RandomSampler(seed=seed)


def _qmc(seed: int, space: Space, n_metrics: int, violations: Violations | None) -> BaseSampler:
    return QMCSampler(scramble=True, seed=seed, warn_independent_sampling=False, warn_asynchronous_seeding=False)


def _grid(seed: int, space: Space, n_metrics: int, violations: Violations | None) -> BaseSampler:
    points = space.size
    if points is not None and points > _LARGEST_GRID:
        raise InputError(f"The grid has {points:,} points; {_LARGEST_GRID:,} are the most.",
                         "Widen the steps, or use sampler='tpe'.", argument="sampler")
    return _EveryPoint(space, seed)


def _cmaes(seed: int, space: Space, n_metrics: int, violations: Violations | None) -> BaseSampler:
    if n_metrics > 1:
        raise InputError(f"The sampler 'cmaes' optimizes one metric, not {n_metrics}.",
                         "Use sampler='nsga2' or 'tpe'.", argument="sampler")
    categorical = [dimension.name for dimension in space.dimensions if dimension.kind == "categorical"]
    if categorical:
        raise InputError(f"The sampler 'cmaes' needs numbers, but {shown(categorical[0])} is categorical.",
                         "Use sampler='tpe'.", argument="sampler")
    if len(space) < 2:
        raise InputError(f"The sampler 'cmaes' needs two parameters or more, not only {shown(space.names[0])}.",
                         "Use sampler='tpe'.", argument="sampler")
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


def _gp(seed: int, space: Space, n_metrics: int, violations: Violations | None) -> BaseSampler:
    if n_metrics > 1:
        raise InputError(f"The sampler 'gp' optimizes one metric, not {n_metrics}.",
                         "Use sampler='nsga2' or 'tpe'.", argument="sampler")
    return GaussianProcessSampler(space, seed)


def _nsga2(seed: int, space: Space, n_metrics: int, violations: Violations | None) -> BaseSampler:
    return NSGAIISampler(seed=seed, constraints_func=violations)


class _EveryPoint(BaseSampler):
    """Proposes every point of a discrete space once, in an order that the seed shuffles.

    Optuna's own grid stops the study after the last point, which raises outside of `Study.optimize`,
    and cannot be combined with a warm start. A warm start's points count as proposed.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._points = list(space.grid())
        random.Random(seed).shuffle(self._points)  # noqa: S311 -- nothing secret in it
        self._coming = itertools.cycle(self._points)
        self._proposed: set[tuple[Any, ...]] = set()
        self._point_of: dict[int, dict[str, Any]] = {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        given = trial.system_attrs.get("fixed_params")
        point = {**self._points[0], **given} if given else self._next()
        self._proposed.add(tuple(point.values()))
        self._point_of[trial.number] = point

    def _next(self) -> dict[str, Any]:
        if len(self._proposed) >= len(self._points):
            self._proposed.clear()
        return next(point for point in self._coming if tuple(point.values()) not in self._proposed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, study: Study, trial: FrozenTrial,
                        search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str,
                           param_distribution: BaseDistribution) -> Any:
        return self._point_of[trial.number][param_name]


#: Samplers by name.
SAMPLERS: dict[str, Callable[[int, Space, int, Violations | None], BaseSampler]] = {
    "tpe": _tpe, "gp": _gp, "random": _random, "qmc": _qmc, "grid": _grid, "cmaes": _cmaes, "nsga2": _nsga2,
}


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
