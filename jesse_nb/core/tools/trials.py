"""What every search over hyperparameters needs: the strategy's own word, and a judgement of each run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from jesse_nb.core.jobs.evaluation import RunOutcome
from jesse_nb.core.jobs.failures import failure_of
from jesse_nb.core.jobs.pool import Pool
from jesse_nb.core.jobs.worker import Description
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import Route
from jesse_nb.core.simulator.strategies.strategy import StrategyCode
from jesse_nb.core.study.constraints import Constraint, broken_by_drawdown
from jesse_nb.core.study.dimension import DECLARED_KEYS
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import Trial
from jesse_nb.core.times import DAY_MS, utc_text
from jesse_nb.core.tools.job_loop import PATIENCE
from jesse_nb.exceptions import JobCancelledError, MetricError, SpaceError, StrategyError, did_you_mean, shown

__all__ = ["describe_strategy", "space_of", "trial_from_outcome"]

_DESCRIBE_TIMEOUT = 60.0


def describe_strategy(pool: Pool, code: StrategyCode, cancelled: Callable[[], bool],
                      route: Route | None = None) -> Description:
    """Ask a strategy, in a worker, what it declares on that route.

    Raises
    ------
    SimulationError
        When its code raises or ends the worker.
    StrategyError
        When it does not answer within a minute.
    JobCancelledError
        When ``cancelled()`` turned true meanwhile.
    """
    future = pool.describe(code, _DESCRIBE_TIMEOUT, route)
    while not cancelled():
        try:
            answer = future.result(timeout=PATIENCE)
        except FutureTimeoutError:
            if not future.done():
                continue
            raise StrategyError(f"The strategy {code.ref.name} could not be built within {_DESCRIBE_TIMEOUT:g} s."
                                ) from None
        except Exception as error:  # noqa: BLE001 - futures raise whatever ended their task
            raise failure_of(error, _DESCRIBE_TIMEOUT) from None
        if answer.failure:
            raise failure_of(answer)
        return answer.value  # type: ignore[no-any-return]
    future.cancel()
    raise JobCancelledError("The job was cancelled before its first trial.")


def space_of(given: Space | None, described: Description, fixed: Mapping[str, Any], strategy: str) -> Space:
    """Return the space to search: the given one, or what the strategy declares and nobody fixed.

    Raises
    ------
    SpaceError
        When there is nothing to vary, or a name that the strategy does not know: it would be
        varied without any effect.
    """
    known = [parameter["name"] for parameter in described.hyperparameters]
    for name in (*(given.names if given else ()), *fixed):
        if known and name not in known:
            raise SpaceError(f"The strategy declares no hyperparameter {shown(name)}.", did_you_mean(name, known))
    if given is not None:
        both = sorted(set(given.names) & set(fixed))
        if both:
            raise SpaceError(f"{shown(both[0])} is both fixed and varied.", "Keep it in space or in hyperparameters.")
        return given
    varied = [parameter for parameter in described.hyperparameters if parameter["name"] not in fixed]
    if not varied:
        raise SpaceError(f"There is nothing to optimize: {strategy} declares no hyperparameters.",
                         "Give space=dict(name=(low, high), ...), or let it declare some.")
    # Jesse overlooks what else a strategy says of a parameter, a title for example; in a space it may be a mistake.
    return Space.parse([{key: value for key, value in parameter.items() if key in ("name", *DECLARED_KEYS)}
                        for parameter in varied])


def trial_from_outcome(
    number: int,
    params: dict[str, Any],
    outcome: RunOutcome,
    metrics: tuple[Metric, ...],
    constraints: tuple[Constraint, ...] = (),
    min_trades: int = 0,
) -> tuple[Trial, BacktestResult | None]:
    """Return the trial that an outcome makes, and its whole result where it has one.

    A run that was stopped early is a pruned trial. One that failed, or for which a metric or a constraint raised,
    is a failed trial; one that ruined its account, or for which a metric is undefined, is finished, with NaN and the
    reason. One with fewer than ``min_trades`` trades is marked.
    """
    nothing = (math.nan,) * len(metrics)
    key = outcome.spec.key
    if outcome.stopped is not None:
        return _pruned(number, params, outcome, outcome.stopped, nothing, constraints), None
    if outcome.record is None:
        return Trial(number, params, nothing, "failed", str(outcome.error), {}, 0.0, outcome.reused, key), None
    result = outcome.record.to_result(outcome.spec)
    try:
        values = tuple(float(metric.read(result)) for metric in metrics)
        excess = tuple(constraint.measure(result) for constraint in constraints)
    except MetricError as error:
        return Trial(number, params, nothing, "failed", str(error), result.metrics, result.seconds,
                     outcome.reused, key), None
    reason = f"the account was {result.ruin}" if result.ruin else ""
    if not reason and any(math.isnan(value) for value in values):
        undefined = next(metric for metric, value in zip(metrics, values, strict=True) if math.isnan(value))
        reason = f"{undefined.label} is undefined" + (": no trades" if result.metrics.get("total") == 0 else "")
    violated = tuple(constraint.text for constraint, by in zip(constraints, excess, strict=True) if by)
    return Trial(number, params, values, "finished", reason, result.metrics, result.seconds,
                 outcome.reused, key, violated, excess, ruined=bool(result.ruin),
                 few_trades=float(result.metrics.get("total", 0)) < min_trades), result


def _pruned(
    number: int,
    params: dict[str, Any],
    outcome: RunOutcome,
    stopped: StoppedRun,
    nothing: tuple[float, ...],
    constraints: tuple[Constraint, ...],
) -> Trial:
    spec = outcome.spec
    reason = f"stopped on {utc_text(stopped.moment // DAY_MS * DAY_MS)}: {stopped.reason}"
    excess = broken_by_drawdown(constraints, stopped.drawdown)
    violated = tuple(constraint.text for constraint, by in zip(constraints, excess, strict=True) if by)
    return Trial(number, params, nothing, "pruned", reason, {}, stopped.seconds, outcome.reused, spec.key,
                 violated, excess, simulated=(stopped.moment - spec.start) / (spec.end - spec.start))
