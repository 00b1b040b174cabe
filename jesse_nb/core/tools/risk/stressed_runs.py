"""What a stress test simulates for each row of its table: one run, or one of each window of a walk-forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jesse_nb.core.analysis.studies.stitching import StitchedReturns
from jesse_nb.core.simulator.pipeline import check_pipeline
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resimulate.rerun import prepare_again
from jesse_nb.core.tools.risk.scaled_replays import prepare_scaled
from jesse_nb.core.tools.risk.scenarios import Moment, Scenario
from jesse_nb.core.tools.risk.shocks import Shocks
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import CandlesError, InputError, WarmUpError

__all__ = ["Stress", "Stressed", "stresses_of"]


@dataclass(frozen=True)
class Stressed:
    """What is stressed: a backtest, or the out-of-sample curve of a walk-forward.

    Attributes
    ----------
    run
        As an analysis reads it.
    original
        The backtest, or the curve.
    parts
        What is simulated again: the backtest, or the window's out-of-sample runs, in their order, each with the
        parameters chosen for it.
    walk
        The walk-forward; None of a backtest.
    """

    run: AnalyzedRun
    original: BacktestResult | StitchedReturns
    parts: tuple[BacktestResult, ...]
    walk: WalkForwardResult | None = None

    @property
    def minutes(self) -> int:
        """From beginning to end."""
        return (self.run.end - self.run.start) // MINUTE_MS


@dataclass(frozen=True)
class Stress:
    """One row: a scenario (None for the costs alone), when it begins, and what is simulated for it, part by part.

    A replay is one run on that time's own candles.
    """

    scenario: Scenario | None
    moment: Moment | None
    specs: tuple[BacktestSpec, ...]


def stresses_of(
    asked: list[Scenario], moments: Mapping[str, list[Moment]], request: Request, stressed: Stressed, shocks: Shocks
) -> tuple[list[Stress], list[Prepared]]:
    """Return what is to be simulated, and all periods of it that workers need.

    Parameters
    ----------
    asked
        The scenarios.
    moments
        When those that are no replays begin, by name.
    request
        What repeats a part.
    stressed, shocks
        What is stressed, and what holds in all runs.

    Raises
    ------
    CandlesError
        When candles are not what they were, or those of a replay are not stored.
    InputError
        When a scenario cannot be one of these runs.
    """
    prepared = [prepare_again(request, part.spec) for part in stressed.parts]
    own = [ready.spec.with_hyperparameters(part.spec.hyperparameters)
           for ready, part in zip(prepared, stressed.parts, strict=True)]
    plain = tuple(shocks.on(spec) for spec in own)
    found = [] if plain == tuple(own) else [Stress(None, None, plain)]
    for scenario in asked:
        if scenario.period is not None:
            again = _replayed(scenario, request, prepared[len(stressed.parts) - 1], shocks)
            prepared.append(again)
            values = stressed.parts[-1].spec.hyperparameters
            found.append(Stress(scenario, None, (shocks.on(again.spec.with_hyperparameters(values)),)))
            continue
        if scenario.together and len(plain[0].candles) < 2:
            raise InputError.of("scenarios", f"holds {scenario.name}, and this run has one market.",
                                "It is for several that may move together.")
        for moment in moments[scenario.name]:
            whole = scenario.pipeline(moment.at, stressed.run.start, shocks.outage)
            check_pipeline(whole, plain[0].timeframes, stressed.minutes, ())
            found.append(Stress(scenario, moment, tuple(_under(scenario, moment.at, spec, shocks.outage)
                                                        for spec in plain)))
    return found, prepared


def _under(scenario: Scenario, at: int, spec: BacktestSpec, outage: int) -> BacktestSpec:
    """Return a part as it is when a scenario begins ``at``; as it was where it ends before, or knows nothing of it."""
    warm_up = spec.warm_up_candles * max(TIMEFRAME_MINUTES[timeframe] for timeframe in spec.timeframes)
    over = at + max(scenario.minutes, outage) * MINUTE_MS
    if at >= spec.end or (scenario.change == 0.0 and over <= spec.start - warm_up * MINUTE_MS):
        return spec
    left = min(outage, max(spec.end - at, 0) // MINUTE_MS)  # of the outage, by the end of this part
    return replace(spec, pipeline=scenario.pipeline(at, spec.start, left))


def _replayed(scenario: Scenario, request: Request, own: Prepared, shocks: Shocks) -> Prepared:
    assert scenario.period is not None
    spec = own.spec
    if shocks.funding is not None:  # of which nothing has to be stored
        request, spec = replace(request, funding=None), replace(spec, funding=())
    try:
        return prepare_scaled(scenario, request, own) if scenario.source else \
            prepare_again(request, spec, *scenario.period)
    except (CandlesError, WarmUpError) as error:
        raise type(error)(f"{scenario.name} cannot be replayed: {error.message}",
                          error.hint or "Fetch or import that time's candles first, warm-up included.",
                          argument="scenarios") from None
