"""A finished backtest simulated again with something changed: what its tools share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.job_loop import JobLoop
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import AllTrialsFailedError, InputError

__all__ = ["FIGURES", "Resimulation", "check_backtest", "figures"]

#: What a table says of each run. ``final_equity`` is in the quote currency; ``net_profit_percentage`` and
#: ``max_drawdown`` are Jesse's, in percent (a drawdown is negative, and 0 without a trade); ``trades`` is a count;
#: ``sharpe_ratio`` is Jesse's, annual, NaN without a trade.
FIGURES = ("final_equity", "net_profit_percentage", "max_drawdown", "trades", "sharpe_ratio")


class Resimulation:
    """Like simulations of one job, by number.

    Parameters
    ----------
    request, prepared
        Of the run that is repeated; of several runs, each period that one of them needs.
    control
        The job's.
    with_trades
        Whether to keep the trades of each run: of thousands they take gigabytes.
    checks
        Whether they only see what something changes, and so are no trials of the project's ledger.

    Attributes
    ----------
    notes
        Remarks worth showing.
    """

    def __init__(
        self, request: Request, prepared: Prepared | Sequence[Prepared], control: JobControl, *,
        with_trades: bool = True, checks: bool = False,
    ) -> None:
        self._request = request
        self._prepared = [prepared] if isinstance(prepared, Prepared) else list(prepared)
        self._control = control
        self._with_trades = with_trades
        self._checks = checks
        self._loop = JobLoop(control)
        self._outcomes: dict[int, RunOutcome] = {}
        self.notes: list[str] = []

    def simulate(self, specs: Sequence[BacktestSpec], phase: str) -> None:
        """Run all of them; when the job is cancelled, keep what has finished."""
        control, request = self._control, self._request
        control.update(phase="starting workers", total=len(specs), workers=request.resources.workers)
        evaluator = request.resources.evaluator(self._prepared, request.resources.run_store())
        try:
            control.update(phase=phase)
            for number, spec in enumerate(specs):
                if control.cancelled:  # thousands take a while to be asked for
                    break
                evaluator.submit(number, spec, check=self._checks)
            self._loop.run(evaluator, self._receive, lambda evaluator: self._report(evaluator, len(specs)))
        finally:
            evaluator.cancel()
        self._loop.drain(evaluator, self._receive)
        self.notes.extend(evaluator.remarks)
        self._check_success()

    def outcomes(self) -> Iterator[tuple[int, RunOutcome]]:
        """Return what has finished, by number; any thread may ask."""
        return iter(sorted(self._outcomes.copy().items()))

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self._loop.elapsed

    @property
    def stopped(self) -> str:
        """``interrupted``, or empty."""
        return self._loop.stopped

    def _receive(self, number: int, outcome: RunOutcome) -> None:
        self._loop.count(outcome)
        if outcome.record is not None and not self._with_trades:
            outcome = replace(outcome, record=replace(outcome.record, trades=[]))
        self._outcomes[number] = outcome

    def _report(self, evaluator: Evaluator, total: int) -> None:
        outcomes = self._outcomes.values()
        self._loop.tell(evaluator, len(outcomes), total, failed=sum(outcome.record is None for outcome in outcomes))

    def _check_success(self) -> None:
        outcomes = self._outcomes.values()
        if outcomes and all(outcome.record is None for outcome in outcomes) and not self._control.cancelled:
            reason, count = Counter(str(outcome.error) for outcome in outcomes).most_common(1)[0]
            raise AllTrialsFailedError(f"All {len(outcomes):,} simulations failed, {count:,} of them so: {reason}")


def figures(outcome: RunOutcome) -> dict[str, Any]:
    """Return an outcome's row of a table: :data:`FIGURES` and the reason why there are none."""
    if outcome.record is None:
        return {**dict.fromkeys(FIGURES, math.nan), "reason": str(outcome.error)}
    metrics = outcome.record.metrics
    if outcome.record.audit is not None and outcome.record.audit.ruin is not None:
        return _of_ruined(outcome.record)
    return {
        "final_equity": float(outcome.record.equity_values[-1]),
        "net_profit_percentage": float(metrics["net_profit_percentage"]),
        "max_drawdown": float(metrics.get("max_drawdown", math.nan if metrics["total"] else 0.0)),
        "trades": float(metrics["total"]),
        "sharpe_ratio": float(metrics.get("sharpe_ratio", math.nan)),
        "reason": "",
    }


def _of_ruined(record: RunRecord) -> dict[str, Any]:
    """Return the row of an account that was ruined: it has lost all, and has no ratios."""
    return {"final_equity": 0.0, "net_profit_percentage": -100.0, "max_drawdown": -100.0,
            "trades": float(record.metrics["total"]), "sharpe_ratio": math.nan, "reason": ""}


def check_backtest(result: Any) -> None:
    """Refuse what is not the result of one backtest."""
    if not isinstance(result, BacktestResult):
        raise InputError(f"The result is {type(result).__name__}, not that of one backtest.",
                         "Of a study give study.training or study.test, of a batch an entry's result().",
                         argument="result")
    if result.ruin:
        raise InputError(f"The account was {result.ruin}: there is no result to repeat under other conditions.",
                         "Lower the leverage or the sizes, or use stops.", argument="result")
