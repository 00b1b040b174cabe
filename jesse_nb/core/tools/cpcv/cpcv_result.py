"""What a combinatorial purged cross-validation gave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from jesse_nb.core.analysis.studies.cpcv import choices, cpcv_paths, cpcv_splits, group_scores, rank_logits
from jesse_nb.core.analysis.studies.cpcv_verdict import cpcv_verdict
from jesse_nb.core.analysis.studies.verdict import Verdict
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.account import Ruin
from jesse_nb.core.simulator.result import ResultCard
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.cpcv_study import CpcvPath, CpcvSplit, CpcvStudy, Group
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.ratios import return_ratios
from jesse_nb.core.study.space import Space
from jesse_nb.exceptions import InputError

if TYPE_CHECKING:
    from jesse_nb.core.tools.check.first_check import FirstCheck

__all__ = ["CpcvResult", "assemble_cpcv"]


@dataclass(frozen=True, repr=False)
class CpcvResult(CpcvStudy, Shown):
    """A finished (or stopped) combinatorial purged cross-validation: its study, and what it is worth.

    Attributes
    ----------
    first_check
        What a check of the strategy found before the first trial; None when that was not wanted.

    Examples
    --------
    >>> paths = jn.walk_forward(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01", split="cpcv", groups=3,
    ...                         n_trials=2, sampler="random")
    >>> len(paths.splits), len(paths.paths)
    (3, 2)
    """

    first_check: FirstCheck | None = None

    @property
    def verdict(self) -> Verdict:
        """What the result is worth: ``.outcome``, two ``.sentences`` and their ``.evidence``."""
        found = cpcv_verdict(self)
        return found if self.first_check is None else self.first_check.over(found)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a path: Jesse's return-based metrics, the days, the missing groups, and when it was ruined."""
        rows: list[dict[str, Any]] = [
            {**path.metrics, "days": len(path.returns), "missing_groups": len(path.missing_groups),
             "ruin": str(path.ruin or "")} for path in self.paths]
        return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="path"))

def assemble_cpcv(
    *,
    spec: BacktestSpec,
    card: ResultCard | None,
    groups: Sequence[Group],
    test_groups: int,
    gap: int,
    space: Space | None,
    metric: Metric,
    sampler: str,
    seed: int,
    candidates: Sequence[Mapping[str, Any]],
    values: ArrayLike,
    returns: Sequence[Sequence[pd.Series[float] | None]],
    ruins: Mapping[tuple[int, int], Ruin] | None = None,
    baseline: Sequence[pd.Series[float] | None] = (),
    elapsed: float = 0.0,
    stopped: str = "",
    notes: Sequence[str] = (),
    prior_runs: int = 0,
) -> CpcvResult:
    """Make the splits, choices and paths out of one run for each candidate and group.

    Parameters
    ----------
    spec, card, space, metric, sampler, seed, elapsed, stopped, notes, prior_runs
        As in :class:`~jesse_nb.core.study.cpcv_study.CpcvStudy`.
    groups
        From :func:`~jesse_nb.core.tools.cpcv.cpcv_groups.cpcv_groups`.
    test_groups, gap
        As they were given there.
    candidates
        The parameter sets.
    values
        (candidates, groups): the metric of each run; NaN where undefined or failed.
    returns
        ``returns[candidate][group]``: the run's daily returns by day, as
        :func:`~jesse_nb.core.analysis.studies.stitching.returns_by_day` gives them; None where it failed or did not
        run.
    ruins
        When accounts were ruined, by candidate and group.
    baseline
        The same of the strategy's own parameters, one a group; empty without.

    Raises
    ------
    InputError
        When the shapes do not belong together.
    """
    matrix = np.asarray(values, dtype=float)
    shape = (len(candidates), len(groups))
    if matrix.shape != shape or len(returns) != shape[0] or any(len(row) != shape[1] for row in returns):
        raise InputError(f"values and returns must be {shape[0]} candidates by {shape[1]} groups.",
                         f"The values are {matrix.shape}.")
    tested = cpcv_splits(len(groups), test_groups)
    chosen = choices(matrix, tested, metric.direction)
    logits = rank_logits(matrix, tested, chosen, metric.direction)
    everywhere = range(len(groups))
    splits = tuple(
        CpcvSplit(number, parts, candidate,
                  _score(matrix, candidate, tuple(group for group in everywhere if group not in parts)),
                  _score(matrix, candidate, parts), float(logits[number]))
        for number, (parts, candidate) in enumerate(zip(tested, chosen, strict=True))
    )
    paths = tuple(
        _path(number, through, [None if (candidate := chosen[split]) is None else returns[candidate][group]
                                for group, split in enumerate(through)],
              [(ruins or {}).get((-1 if (candidate := chosen[split]) is None else candidate, group))
               for group, split in enumerate(through)])
        for number, through in enumerate(cpcv_paths(len(groups), test_groups))
    )
    own = [part for part in baseline if part is not None]
    return CpcvResult(
        spec=spec, card=card, groups=tuple(groups), test_groups=test_groups, gap=gap, space=space, metric=metric,
        sampler=sampler, seed=seed, candidates=tuple(candidates),
        values=pd.DataFrame(matrix, pd.RangeIndex(shape[0], name="candidate"), pd.RangeIndex(shape[1], name="group")),
        splits=splits, paths=paths, baseline=pd.concat(own) if own and len(own) == len(groups) else None,
        elapsed=elapsed, stopped=stopped, notes=tuple(notes), prior_runs=prior_runs,
    )


def _score(matrix: Any, candidate: int | None, groups: tuple[int, ...]) -> float:
    return math.nan if candidate is None else float(group_scores(matrix[[candidate]], groups)[0])


def _path(
    number: int, splits: tuple[int, ...], parts: list[pd.Series[float] | None], ruins: list[Ruin | None]
) -> CpcvPath:
    there = [part for part in parts if part is not None]
    returns = pd.concat(there) if there else pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC"))
    lost = np.flatnonzero(returns.to_numpy() <= -1.0)
    if len(lost):
        returns = returns.iloc[: lost[0] + 1]  # there is no money for what comes later
    missing = tuple(group for group, part in enumerate(parts) if part is None)
    return CpcvPath(number, splits, returns, missing, return_ratios(returns),
                    next((ruin for ruin in ruins if ruin is not None), None))
