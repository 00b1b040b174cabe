"""A plan: what a tool was asked for, checked and ready, with nothing started yet."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from jesse_nb.core.jobs.job import Job, JobControl, current_job, run_blocking
from jesse_nb.core.record.labels import labels_now
from jesse_nb.core.simulator.spec import BacktestSpec, StrategyRef
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.record.keeping import keep_result

__all__ = ["Plan", "ToolFunction", "plan_of_run", "planned"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Plan(Generic[T]):
    """A job that could be started.

    Attributes
    ----------
    kind, title, work, strategies
        As in :class:`~jesse_nb.core.jobs.job.Job`.
    background
        Whether whoever asked goes on without waiting for the end.
    joins
        Whether it is a part of the job in which it is asked for, where there is one.
    details
        What the tool has worked out, for those who only want to look: windows, combinations, periods.
    tool
        Whose it is: its results are kept in the research record. None for what is no tool's.
    """

    kind: str
    title: str
    work: Callable[[JobControl], T]
    strategies: tuple[StrategyRef, ...] = ()
    background: bool = False
    joins: bool = False
    details: Any = None
    tool: Tool | None = None

    def start(self) -> Job[T]:
        """Start the job; its result is kept in the research record, under the labels of whoever asks.

        That of a job that was stopped is not: ``jn.keep`` keeps it.
        """
        tool, labels = self.tool, labels_now()

        def work(control: JobControl) -> T:
            result = self.work(control)
            if tool is not None and not control.cancelled:  # who stops waits for nothing: its verdict can take seconds
                keep_result(result, tool, labels)
            return result

        job = Job(self.kind, self.title, work, strategies=self.strategies).start()
        if labels.notify:
            from jesse_nb.core.jobs.notices import notify_at_end

            notify_at_end(job, labels.notify)
        return job

    def run(self) -> T | Job[T]:
        """Start the job, and wait for its result unless it is to run in the background.

        Raises
        ------
        JobInterruptedError
            When the user interrupts: the job is cancelled, and the error holds it with what had finished.
        """
        around = current_job() if self.joins else None
        if around is not None:
            return self.work(around.part())
        job = self.start()
        return job if self.background else run_blocking(job)


def plan_of_run(
    kind: str, spec: BacktestSpec, work: Callable[[JobControl], T], *, background: bool = False, joins: bool = False,
    details: Any = None,
) -> Plan[T]:
    """Return a plan that is named after what a spec runs."""
    route = spec.routes[0]
    return Plan(kind, f"{route.strategy.name} {route.symbol} {route.timeframe}", work,
                tuple(one.strategy for one in spec.routes), background, joins, details)


class ToolFunction(Protocol[P, T]):
    """A tool as users call it; its ``plan`` takes the same arguments, and starts nothing."""

    plan: Callable[P, Plan[T]]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T | Job[T]:
        """Make the plan and run it."""


def planned(make: Callable[P, Plan[T]]) -> ToolFunction[P, T]:
    """Turn a function that returns a plan into a tool that runs it.

    Examples
    --------
    >>> @planned
    ... def count(to: int, background: bool = False) -> Plan[int]:
    ...     return Plan("count", f"to {to}", lambda control: sum(1 for _ in range(to)), background=background)
    >>> count.plan(3).title
    'to 3'
    >>> count(3)
    3
    """

    @functools.wraps(make)
    def tool(*args: P.args, **kwargs: P.kwargs) -> T | Job[T]:
        return make(*args, **kwargs).run()

    tool.plan = make  # type: ignore[attr-defined]  # functions take attributes
    return tool  # type: ignore[return-value]
