"""One page on the risk of a result: what happened, what else could have, what could come, and what stress does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from jesse_nb.core.analysis.curves.drawdown_statistics import DrawdownStatistics, drawdown_statistics
from jesse_nb.core.analysis.curves.intraday import DeepestDrawdown, intraday_equity
from jesse_nb.core.analysis.trades.exposure import Exposure, LargestPosition, exposure, largest_position
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.analyze.analyze import analyze_results
from jesse_nb.core.tools.analyze.analyzed_run import candles_of_run
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.parts import Parts, ended
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import RISK_REPORT
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.core.tools.risk.monte_carlo import monte_carlo
from jesse_nb.core.tools.risk.risk_input import RiskInput, risk_input
from jesse_nb.core.tools.risk.risk_report_result import SECTIONS, RiskReport
from jesse_nb.core.tools.risk.stress_test import stress_test
from jesse_nb.core.tools.risk.var_calculation import var_calculation
from jesse_nb.exceptions import InputError, JesseNbError

__all__ = ["risk_report"]


@planned
@declared(RISK_REPORT)
def risk_report(
    result: Any = None,
    sections: str | Iterable[str] | None = None,
    format: Literal["summary", "detailed", "executive"] = "summary",  # noqa: A002 - as everybody calls it
    n_sims: int = 10_000,
    horizon: int | None = None,
    confidence_levels: Sequence[float] = (0.95, 0.975, 0.99),
    ruin: float = 50.0,
    target: float | None = None,
    scenarios: str | Iterable[str] | None = ("crash", "slow_bear", "vol_spike", "gap"),
    at: str | Iterable[str] | None = ("worst_exposure", "random"),
    shocks: Mapping[str, Any] | None = None,
    seed: int = 0,
    *,
    resimulate: bool = True,
    trades: pd.DataFrame | None = None,
    equity: pd.Series[float] | None = None,
    strategy: Any = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    n_jobs: Jobs | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[RiskReport]:
    """Put drawdowns, exposure, Monte Carlo, value at risk and stress tests of a result on one page.

    Two questions are told apart: how else this period could have gone, and what the next one could bring. What cannot
    be known of this result has its reason in its place, and does not end the report. There is no score.

    Parameters
    ----------
    result
        What backtest, optimize, walk_forward or backtest_batch returned, or a portfolio of a batch. A walk-forward is
        the best: its stitched out-of-sample curve is read.
    sections
        Of ``drawdowns``, ``exposure``, ``monte_carlo``, ``var``, ``stress``; all without it.
    format
        What is shown: ``executive`` (one screen in words), ``summary`` (the key figures with their intervals), or
        ``detailed`` (every table). ``replace(report, format="detailed")`` shows another, and computes nothing again.
    n_sims, horizon, ruin, target
        Of the Monte Carlo, see :func:`~jesse_nb.core.tools.risk.monte_carlo.monte_carlo`.
    confidence_levels
        Of Monte Carlo and value at risk.
    scenarios, at, shocks
        Of the stress, see :func:`~jesse_nb.core.tools.risk.stress_test.stress_test`.
    seed
        Of all that is drawn.
    resimulate
        Whether Jesse may run again, for the stress.
    trades, equity
        In place of a result, as in :func:`~jesse_nb.core.tools.analyze.analyze.analyze_results`.
    strategy, project, candles, store, n_jobs, trial_timeout, memory_limit
        Of the stress, as in :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    InputError
        When there is nothing to measure, or an argument is wrong.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has the sections that were ready.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> risk = jn.risk_report(result, ["drawdowns", "var"], format="executive")
    >>> risk.monte_carlo is None
    True
    """
    given = risk_input(result, trades, equity, needed=2)
    asked = tuple(name for name in SECTIONS if name in _several(sections))
    again = {"strategy": strategy, "project": project, "candles": candles, "store": store, "n_jobs": n_jobs,
             "trial_timeout": trial_timeout, "memory_limit": memory_limit}
    drawn: dict[str, Any] = {"n_sims": n_sims, "horizon": horizon, "ruin": ruin, "target": target}
    common: dict[str, Any] = {"confidence_levels": confidence_levels, "trades": trades, "equity": equity, "seed": seed}
    stressed: dict[str, Any] = {"scenarios": scenarios, "at": at, "shocks": shocks, "seed": seed, **again}
    made: dict[str, Callable[[], Plan[Any]]] = {
        "monte_carlo": lambda: monte_carlo.plan(result, **drawn, **common),
        "var": lambda: var_calculation.plan(result, **common),
        "stress": lambda: _stress(result, stressed, resimulate=resimulate),
    }
    judge = _plan(lambda: analyze_results.plan(result, "basic", trades=trades, equity=equity, seed=seed,
                                               candles=candles, store=store), set())
    chosen = {name for name, value in {**drawn, **common, **stressed}.items() if value is not None}
    plans = {name: _plan(make, chosen - {"trades", "equity"}) for name, make in made.items() if name in asked}
    stress = plans.get("stress")
    empty = RiskReport(run=given.run, sample=given.sample, format=format, sections=asked, horizon=horizon,
                       confidence_levels=tuple(dict.fromkeys(confidence_levels)), seed=seed, notes=given.notes)
    work = _Reporting(empty, given, judge, plans, candles).work
    return Plan("risk_report", f"{given.run.strategy} (risk)", work, background=background, joins=True,
                strategies=stress.strategies if isinstance(stress, Plan) else ())


def _several(given: str | Iterable[str] | None) -> tuple[str, ...]:
    return SECTIONS if given is None else (given,) if isinstance(given, str) else tuple(given)


def _plan(make: Callable[[], Plan[Any]], chosen: set[str]) -> Plan[Any] | str:
    """Return a section's plan, or why this result has no such section; raise what a chosen argument is at fault for."""
    try:
        return make()
    except JesseNbError as error:
        if error.argument in chosen:
            raise
        return str(error).rstrip(".")


def _stress(result: Any, asked: dict[str, Any], *, resimulate: bool) -> Plan[Any]:
    """Return the plan of a stress test."""
    if not resimulate:
        raise InputError("Nothing is to be simulated again.")
    if not asked["scenarios"] and not asked["shocks"]:
        raise InputError("No scenario was asked for.")
    if result is None:
        raise InputError("Tables cannot be simulated again.")
    return stress_test.plan(result, **asked)


@dataclass
class _Reporting:
    """A report at work: what needs no simulation first."""

    empty: RiskReport
    given: RiskInput
    judge: Plan[Any] | str
    plans: dict[str, Plan[Any] | str]
    candles: CandleStore | None

    def work(self, control: JobControl) -> RiskReport:
        judged = self.judge.work(control) if isinstance(self.judge, Plan) else None
        parts, so_far = Parts(control), replace(self.empty, judged=judged)
        computed: dict[str, Callable[[], dict[str, Any]]] = {
            "drawdowns": lambda: self._drawdowns(parts), "exposure": self._exposure,
            **{name: lambda name=name: {name: self._run(name)} for name in self.plans},  # type: ignore[misc]
        }
        for name in self.empty.sections:
            control.partial(lambda report=so_far: replace(report, missing=dict(parts.left_out),  # type: ignore[misc]
                                                          stopped="interrupted"))
            control.update(phase=name.replace("_", " "), done=0, total=None)
            plan = self.plans.get(name)
            so_far = replace(so_far, **parts.part(name, plan if isinstance(plan, str) else "", computed[name]) or {})
        return replace(so_far, missing=parts.left_out, stopped="interrupted" if control.cancelled else "")

    def _drawdowns(self, parts: Parts) -> dict[str, Any]:
        return {"drawdowns": self._falls(), "within_days": parts.part("within_days", "", self._within_days)}

    def _falls(self) -> DrawdownStatistics:
        return drawdown_statistics(self.given.run.equity)

    def _within_days(self) -> DeepestDrawdown:
        whole, run = self.given.backtest, self.given.run
        if whole is None or run.trades.empty:
            raise InputError("there is no single backtest with trades whose minutes could be followed")
        beneath = candles_of_run(run, self.candles)
        if beneath.reason:
            raise InputError(beneath.reason)
        return intraday_equity(run.trades, beneath.by_market, whole.spec.account, sampled=run.equity).by_extremes

    def _exposure(self) -> dict[str, Any]:
        run = self.given.run
        if not self.given.trades_known:
            raise InputError("the trades are not known")
        measured: Exposure = exposure(run.trades, run.equity, start=run.start, end=run.end)
        largest: LargestPosition = largest_position(run.trades, run.equity)
        return {"exposure": measured, "largest": largest}

    def _run(self, name: str) -> Any:
        plan = self.plans[name]
        assert isinstance(plan, Plan)
        return ended(plan.run())
