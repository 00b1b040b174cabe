"""A trial: one set of parameters that was tried, and the best ones' runs on the held-out period."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.figures import Figures

__all__ = ["TopTrial", "Trial"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of parameters that was tried.

    Attributes
    ----------
    number
        Counts from 0 in the order in which parameters were drawn.
    params
        Values by name.
    values
        One value a metric, in the metric's own sign and unit; NaN where the metric is
        undefined for this run (no trades, say) or the trial failed.
    state
        ``finished``, ``failed``, or ``pruned`` when it was stopped early.
    reason
        Why it failed, was stopped, or has no value; empty otherwise.
    metrics
        Jesse's metrics of the training period, as a mapping that cannot be changed; empty when failed or pruned.
    seconds
        How long the simulation took, whenever it ran.
    reused
        True when the run store had the answer, so nothing was simulated.
    key
        Key of the run in the run store.
    violated
        The constraints that it breaks, as the study names them; such a trial is never the best.
    excess
        For each of the study's constraints, the fraction of the bound by which it is missed; 0 where it is kept.
    simulated
        Fraction of the training period that was simulated: below 1 for a pruned trial.
    few_trades
        True when it made fewer trades than its study ranks by: it then comes after all trials with enough.
    ruined
        True when its account was ruined: then it has no value, and ``reason`` says when and at which price.
    """

    number: int
    params: dict[str, Any]
    values: tuple[float, ...]
    state: Literal["finished", "failed", "pruned"]
    reason: str
    metrics: Mapping[str, Any]
    seconds: float
    reused: bool
    key: str
    violated: tuple[str, ...] = ()
    excess: tuple[float, ...] = ()
    simulated: float = 1.0
    ruined: bool = False
    few_trades: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", Figures(self.metrics))

    @property
    def value(self) -> float:
        """The first metric's value."""
        return self.values[0]

    @property
    def scored(self) -> bool:
        """True when every metric has a value."""
        return self.state == "finished" and not any(math.isnan(value) for value in self.values)

    @property
    def eligible(self) -> bool:
        """True when it may be the best: every metric has a value, and no constraint is broken."""
        return self.scored and not self.violated


@dataclass(frozen=True)
class TopTrial:
    """One of the best trials, with its run on the held-out period beside it.

    ``test`` is None when no period was held out, when the study was stopped before that run,
    or when it failed (``test_reason`` then says why). ``test_violated`` names the constraints
    that it breaks there; a count is compared as it is, though the period is another.
    """

    trial: Trial
    test: BacktestResult | None = None
    test_values: tuple[float, ...] = ()
    test_reason: str = ""
    test_violated: tuple[str, ...] = ()
