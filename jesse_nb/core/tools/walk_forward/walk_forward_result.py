"""What a walk-forward gave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from jesse_nb.core.analysis.studies.stability import parameter_drift, parameter_stability
from jesse_nb.core.analysis.studies.stitching import StitchedReturns
from jesse_nb.core.analysis.studies.verdict import Verdict, WalkForwardFigures, figures_of, verdict
from jesse_nb.core.analysis.studies.walk_forward import degradation, window_metrics
from jesse_nb.core.rendering import Explorable
from jesse_nb.core.study.walk_forward_study import WalkForwardStudy

if TYPE_CHECKING:
    from jesse_nb.core.tools.check.first_check import FirstCheck

__all__ = ["WalkForwardResult"]


@dataclass(frozen=True, repr=False)
class WalkForwardResult(WalkForwardStudy, Explorable):
    """A finished (or stopped) walk-forward: its study, and what it is worth.

    Attributes
    ----------
    first_check
        What a check of the strategy found before the first trial; None when that was not wanted.

    Examples
    --------
    >>> walk = jn.walk_forward(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-02", in_sample_period=30,
    ...                        out_sample_period=15, step_forward=15, hyperparameters={})
    >>> len(walk.windows), len(walk.stitched.returns)
    (4, 60)
    >>> walk.verdict.outcome in ("nothing", "too little", "fails", "no evidence", "mixed", "holds up")
    True
    """

    first_check: FirstCheck | None = None

    @cached_property
    def figures(self) -> WalkForwardFigures:
        """What the verdict rests on: tests of the returns, bootstrap, efficiency, profitable windows, ranks."""
        return figures_of(self)

    @property
    def stitched(self) -> StitchedReturns:
        """The out-of-sample runs as one curve: ``.returns``, ``.equity``, ``.metrics`` and what was left out."""
        return self.figures.curve

    @cached_property
    def verdict(self) -> Verdict:
        """What the result is worth: ``.outcome``, two ``.sentences`` and their ``.evidence``."""
        found = verdict(self, self.figures)
        return found if self.first_check is None else self.first_check.over(found)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a window; see :func:`~jesse_nb.core.analysis.studies.walk_forward.window_metrics`."""
        return window_metrics(self)

    def degradation(self) -> pd.DataFrame:
        """Return one row a metric; see :func:`~jesse_nb.core.analysis.studies.walk_forward.degradation`."""
        return degradation(self, self.stitched)

    def parameters(self) -> pd.DataFrame:
        """Return the chosen parameters, one row a window, one column a searched parameter."""
        return parameter_drift(self)

    def stability(self) -> pd.DataFrame:
        """Return one row a parameter; see :func:`~jesse_nb.core.analysis.studies.stability.parameter_stability`."""
        return parameter_stability(self)
