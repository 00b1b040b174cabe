"""A surrogate of the metric: a Gaussian process over all trials, asked where the most is to be gained.

Optuna has a sampler of this kind, which needs torch; this one takes scikit-learn's process.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import norm, qmc

from jesse_nb.core.study.space import Space

__all__ = ["GaussianProcessSampler"]

Floats = NDArray[np.float64]

#: Trials that are spread evenly over the space before any is chosen.
STARTUP_TRIALS = 10

#: Points that are compared for each proposal: anywhere, and near each of the best.
_ANYWHERE, _NEAR, _BEST = 500, 50, 5

#: The process is fitted to so many trials at the most, the best and the newest: its time grows with their cube.
_LARGEST_FIT = 200


class GaussianProcessSampler(BaseSampler):
    """Proposes the point with the largest expected improvement (Jones, Schonlau and Welch 1998).

    The process has a Matern kernel with a length for each parameter, and noise. A running trial counts as having
    the value that is expected of it (the "kriging believer" of Ginsbourger, Le Riche and Carraro 2010), so that
    parallel ones do not repeat each other; a failed one as the worst.

    Parameters
    ----------
    space
        What is varied.
    seed
        Of the first points and of those that are compared.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._distributions = space.distributions()
        # Steps and logarithms count as the user sees them; each option has a number of its own.
        self._cube = _SearchSpaceTransform(self._distributions, transform_0_1=True)
        self._seed = seed
        self._independent = RandomSampler(seed=seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is proposed together: the whole space."""
        return self._distributions

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str,
                           param_distribution: BaseDistribution) -> Any:
        """Draw what is not of the space."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(self, study: Study, trial: FrozenTrial,
                        search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """Return the next point, from what the study knows of the others."""
        others = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        told = [other for other in others if other.state.is_finished()]
        values = _values(told, study.direction)
        if trial.number < STARTUP_TRIALS or len(np.unique(values)) < 2:
            return self._spread(trial.number)
        learnt = _learnt(values)
        values, told = values[learnt], [told[place] for place in learnt]
        running = [other for other in others if other.state == TrialState.RUNNING]
        rows = np.array([self._cube.transform(other.params) for other in [*told, *running]])
        best = rows[np.argsort(-values, kind="stable")[:_BEST]]
        candidates = self._candidates(np.random.default_rng([self._seed, trial.number]), best)
        gain = _expected_improvement(rows, values, candidates)
        seen = {_name(other.params) for other in others}
        ranked = (self._cube.untransform(candidates[place]) for place in np.argsort(-gain, kind="stable"))
        return next((point for point in ranked if _name(point) not in seen), self._spread(trial.number))

    def _spread(self, number: int) -> dict[str, Any]:
        """Return a point of Sobol's sequence."""
        columns = len(self._cube.bounds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # its balance, which we do not need
            return self._cube.untransform(qmc.Sobol(columns, scramble=True, seed=self._seed).random(number + 1)[-1])

    def _candidates(self, draw: np.random.Generator, best: Floats) -> Floats:
        """Return points of the space as rows: some anywhere, some with a part of a good point's parameters changed."""
        columns = best.shape[1]
        near = np.repeat(best, _NEAR, axis=0)
        fresh = draw.random((len(near), columns))
        moved = np.clip(near + draw.normal(0, 0.1, near.shape), 0, 1)
        which = draw.random(near.shape)
        near = np.where(which < 0.2, fresh, np.where(which < 0.7, moved, near))
        return self._snapped(np.vstack([draw.random((_ANYWHERE, columns)), near]))

    def _snapped(self, rows: Floats) -> Floats:
        return np.array([self._cube.transform(self._cube.untransform(row)) for row in rows])


def _values(trials: Sequence[FrozenTrial], direction: StudyDirection) -> Floats:
    """Return the trials' values, the larger the better; of one without, the worst."""
    sign = 1.0 if direction == StudyDirection.MAXIMIZE else -1.0
    values = np.array([sign * trial.value if trial.state == TrialState.COMPLETE and trial.value is not None
                       else np.nan for trial in trials])
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(trials))
    return np.where(np.isfinite(values), values, known.min())


def _learnt(values: Floats) -> NDArray[np.int64]:
    """Return the places of the trials that the process learns from: half of them the best, half the newest."""
    best = np.argsort(-values, kind="stable")[:_LARGEST_FIT // 2]
    newest = np.setdiff1d(np.arange(len(values)), best)[-(_LARGEST_FIT // 2):]
    places: NDArray[np.int64] = np.sort(np.concatenate([best, newest]))
    return places


def _expected_improvement(rows: Floats, values: Floats, candidates: Floats) -> Floats:
    """Return what each candidate is expected to gain over the best; ``rows`` beyond the values' are running."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has no stubs

    centre, spread = np.median(values), values.std()
    target = (values - centre) / spread
    known, running = rows[:len(values)], rows[len(values):]
    kernel = (ConstantKernel(1.0, (1e-2, 1e2)) * Matern(np.full(rows.shape[1], 0.5), (5e-2, 1e1), nu=2.5)
              + WhiteKernel(1e-2, (1e-4, 1.0)))
    process = GaussianProcessRegressor(kernel, alpha=1e-8)
    # On one core: the others simulate, and sums are the same on any machine's number of them.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(known, target)
        if len(running):
            believed = np.concatenate([target, process.predict(running)])
            process = GaussianProcessRegressor(process.kernel_, alpha=1e-8, optimizer=None).fit(rows, believed)
        mean, deviation = process.predict(candidates, return_std=True)
    above = mean - target.max()
    score = above / deviation
    gain: Floats = above * norm.cdf(score) + deviation * norm.pdf(score)
    return gain


def _name(params: dict[str, Any]) -> str:
    return json.dumps(params, sort_keys=True)
