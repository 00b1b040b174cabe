"""Stress tests: markets that fall, jump or go wild, and dearer trading, each simulated by Jesse again."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from jesse_nb.core.analysis.studies.stitching import StitchedReturns
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import Account, BacktestSpec
from jesse_nb.core.times import DAY_MS, MINUTE_MS
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, plan_of_run, planned
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.registry import STRESS_TEST
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resimulate.rerun import request_again
from jesse_nb.core.tools.resimulate.resimulation import FIGURES, Resimulation, check_backtest
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.core.tools.risk.risk_input import RiskInput, Sample, risk_input
from jesse_nb.core.tools.risk.scenarios import OUTAGE, Scenario, moments_of, scenarios_of
from jesse_nb.core.tools.risk.shocks import Shocks, duration_words, shocks_of
from jesse_nb.core.tools.risk.stress_losses import losses_of, with_losses
from jesse_nb.core.tools.risk.stressed_paths import StressedPath, path_of
from jesse_nb.core.tools.risk.stressed_runs import Stress, Stressed, stresses_of
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import AllTrialsFailedError, InputError

__all__ = ["StressTest", "stress_test"]

#: What the table says of each run, beside the figures.
_OWN = ("scenario", "what", "began", "why", "equity_before", "lowest", "loss", "deepest_loss", "end_loss",
        "recovered_after", "ruined_at", "against", "same_trades", "drawdown", "by_minute")


@dataclass(frozen=True, eq=False, repr=False)
class StressTest(Shown):
    """A backtest, or the out-of-sample curve of a walk-forward, under stress.

    Attributes
    ----------
    run, original
        What was stressed; of a walk-forward its stitched curve.
    sample
        Whether its parameters had seen its days.
    shocks
        What holds in all runs: costs, and how long the strategy could not act.
    table
        One row a run. ``scenario``, ``what`` it is, when it ``began`` and ``why`` then; ``equity_before``, the lowest
        equity until a day after the stress was over (``lowest``; of costs and replays, of the whole run) and the
        ``loss`` between in percent, positive (NaN of costs): by the minute, at the worst price within each, where
        candles were changed on futures (``by_minute``), otherwise by daily samples, and so where a window's run falls
        deepest on days that a newer window's model takes over; the loss to the lowest until the run's end
        (``deepest_loss``) and to that end (``end_loss``, below zero a gain); days until a daily sample after that
        lowest equity was what it had been again (``recovered_after``, NaN where none was, or it never fell; no such
        column in a walk-forward's test that was kept before December 2026, where a low's moment is not known); when the
        account was ruined (``ruined_at``); the final equity against that of a run with the same costs and no stress,
        percent (``against``; NaN of a replay); how many of the original's trades it made alike (``same_trades``); the
        deepest fall from a peak by the minute, percent, below zero (``drawdown``, NaN where there are daily samples
        only, and of a walk-forward); the figures of :data:`~jesse_nb.core.tools.resimulate.resimulation.FIGURES`, and
        ``reason`` why a run failed.
    results
        The whole backtests, by the table's rows; of a walk-forward the curves, replays apart.
    elapsed
        Seconds that this call took.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> stress = jn.stress_test(result, "crash", at="2023-03-01")
    >>> list(stress.table["scenario"])
    ['crash']
    """

    run: AnalyzedRun
    original: BacktestResult | StitchedReturns
    sample: Sample
    shocks: Shocks
    table: pd.DataFrame
    results: Mapping[int, BacktestResult | StitchedReturns]
    elapsed: float
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", with_losses(self.table, self.results))

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.run.strategy

    @property
    def account(self) -> Account:
        """Of the stressed runs."""
        return self.shocks.account

    @property
    def spec(self) -> BacktestSpec:
        """What was simulated without stress; of a walk-forward the first window's out-of-sample run."""
        assert self.run.spec is not None
        return self.run.spec

    @property
    def max_drawdown(self) -> float:
        """The deepest fall without stress, of one sample a day, percent (0 or below)."""
        if isinstance(self.original, StitchedReturns):
            return self.original.metric("max_drawdown")
        return float(self.original.metrics.get("max_drawdown", math.nan))

    @property
    def losses(self) -> pd.DataFrame:
        """The rows of the table that have a loss, the worst first: that of the largest ``deepest_loss``."""
        return self.table[self.table["loss"].notna()].sort_values(
            ["deepest_loss", "end_loss"], ascending=False, kind="stable")

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()


@planned
@declared(STRESS_TEST)
def stress_test(
    result: Any,
    scenarios: str | Iterable[str] | None = ("crash", "slow_bear", "vol_spike", "gap"),
    shocks: Mapping[str, Any] | None = None,
    at: str | Iterable[str] | None = ("worst_exposure", "random"),
    leverage: int | None = None,
    custom_scenarios: Mapping[str, Any] | None = None,
    seed: int = 0,
    *,
    strategy: Any = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    n_jobs: Jobs | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[StressTest]:
    """Simulate a backtest, or the out-of-sample runs of a walk-forward, again under stress.

    A scenario changes the candles of all markets of the run alike, from a moment on, and Jesse runs the strategy on
    them: what it does then is its own doing. No scenario has a probability. The runs are filed as scenarios and
    checks; none counts as a trial. Of a walk-forward each window runs again, with the parameters chosen for it and on
    its own out-of-sample days, in one market that goes on from window to window, and the runs are joined as before.

    Parameters
    ----------
    result
        A finished backtest; an optimization, of which the held-out run is taken, a batch, of which the best combination
        is; or a walk-forward, the whole stitched curve. ``walk.windows[-1].test`` is its last window alone.
    scenarios
        ``crash`` (-35 % in 4 hours), ``slow_bear`` (-50 % in 60 days), ``vol_spike`` (7 days of threefold moves),
        ``gap`` (-15 % between two minutes), ``melt_up`` (+35 % in 4 hours), ``correlation_to_one`` (for 7 days every
        market moves as the first one, by as much as it does itself), ``replay:NAME`` (``covid``, ``may_2021``,
        ``luna``, ``ftx``, ``svb``) or ``replay:START..END``: the strategy on that time's stored candles, of a
        walk-forward with the last window's parameters; ``replay:NAME@SYMBOL:BETA``: on candles that are made of
        another market's path then, each move times a beta that you state. None for none.
    shocks
        ``fee`` (a fraction, or one for each market), ``slippage_bps`` (basis points of each fill) and ``funding_rate``
        (a fraction for each 8 hours that longs pay to shorts), as
        :func:`~jesse_nb.core.tools.backtest.backtest.backtest` takes them, in place of the run's: one ``fee`` is then
        that of all markets. They hold in all runs, and once with the candles as they were. ``outage``, such as
        ``"4h"``: from the beginning of each scenario on the strategy decides nothing for so long, while orders that
        rest in the market live; at each moment once with the candles as they were. Replays have none.
    at
        When scenarios begin: ``worst_exposure`` (in the largest trade that it goes against), ``random``, or dates.
    leverage
        In place of the run's, in all runs.
    custom_scenarios
        By name: ``dict(change=-0.3, minutes=240, volatility=1.0, together=False)``.
    seed
        Of the random moment.
    strategy, project, candles, store, n_jobs, trial_timeout, memory_limit
        As in :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    StrategyError, CandlesError
        When the strategy or the candles are not found again as they were.
    InputError
        When an argument is wrong.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has what had finished.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> dear = jn.stress_test(result, None, shocks={"fee": 0.002})
    >>> bool(dear.table["final_equity"].iloc[0] < result.equity.iloc[-1])
    True
    """
    given = risk_input(result, needed=2)
    stressed = _what_is_stressed(result, given)
    first = stressed.parts[-1].spec
    asked = scenarios_of(_several(scenarios), custom_scenarios)
    moments = {scenario.name: moments_of(_several(at), given.run, seed, scenario.change)
               for scenario in asked if scenario.period is None}
    asked_shocks = shocks_of(shocks, leverage, first)
    quiet = [Scenario(OUTAGE, minutes=asked_shocks.outage)] if asked_shocks.outage else []
    moments |= {scenario.name: moments_of(_several(at), given.run, seed, 0.0) for scenario in quiet}
    request = request_again(first, strategy=strategy, project=project, candles=candles, store=store,
                            n_jobs=n_jobs, trial_timeout=trial_timeout, memory_limit=memory_limit)
    stresses, prepared = stresses_of([*quiet, *asked], moments, request, stressed, asked_shocks)
    if not stresses:
        raise InputError("There is no stress to simulate.", "Give scenarios, custom_scenarios, shocks or leverage.",
                         argument="scenarios")
    stressing = _Stressing(stressed, given.sample, asked_shocks, stresses, prepared, request, given.notes)
    return plan_of_run("stress_test", first, stressing.work, background=background, joins=True, details=stresses)


def _several(given: str | Iterable[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _what_is_stressed(result: Any, given: RiskInput) -> Stressed:
    if isinstance(result, WalkForwardResult):
        runs = tuple(window.test for window in result.windows if window.test is not None)
        return Stressed(given.run, result.stitched, runs, result)
    if given.backtest is None:
        raise InputError("This is no result that could be simulated again.", "Give one of backtest, optimize, "
                         "walk_forward or backtest_batch.", argument="result")
    check_backtest(given.backtest)
    if given.backtest.spec.pipeline is not None:
        raise InputError("This result is itself a scenario of a candle pipeline.", "Give the one on real candles.",
                         argument="result")
    return Stressed(given.run, given.backtest, (given.backtest,))


@dataclass
class _Stressing:
    """A stress test at work."""

    stressed: Stressed
    sample: Sample
    shocks: Shocks
    stresses: list[Stress]
    prepared: list[Prepared]
    request: Request
    notes: tuple[str, ...]

    def work(self, control: JobControl) -> StressTest:
        # a window that a stress does not reach is the same run in several rows
        specs = {spec.key: spec for stress in self.stresses for spec in stress.specs}
        runs = Resimulation(self.request, self.prepared, control, checks=True)
        control.partial(lambda: self._collect(list(specs), runs))
        with contextlib.suppress(AllTrialsFailedError):  # each row says why
            runs.simulate(list(specs.values()), "simulating scenarios")
        return self._collect(list(specs), runs)

    def _collect(self, keys: list[str], runs: Resimulation) -> StressTest:
        finished = {keys[number]: outcome for number, outcome in runs.outcomes()}
        paths: dict[int, StressedPath] = {}
        for number, stress in enumerate(self.stresses):
            outcomes = [finished[spec.key] for spec in stress.specs if spec.key in finished]
            if len(outcomes) == len(stress.specs):
                paths[number] = path_of(stress, outcomes, self.stressed, self.prepared)
        rows = {number: self._row(self.stresses[number], path) for number, path in paths.items()}
        was = float(self.stressed.original.equity.iloc[-1])
        dear = next((row["final_equity"] for row in rows.values() if row["scenario"] == "costs"), None)
        unstressed = was if all(stress.scenario is not None for stress in self.stresses) else dear
        for number, row in rows.items():
            if unstressed and self.stresses[number].moment is not None:
                row["against"] = (row["final_equity"] / unstressed - 1.0) * 100.0
            elif row["scenario"] == "costs":
                row["against"] = (row["final_equity"] / was - 1.0) * 100.0
        return StressTest(
            run=self.stressed.run, original=self.stressed.original, sample=self.sample, shocks=self.shocks,
            table=pd.DataFrame.from_dict(rows, orient="index", columns=[*_OWN, *FIGURES, "reason"]).rename_axis("run"),
            results={number: path.result for number, path in paths.items() if path.result is not None},
            elapsed=runs.elapsed, stopped=runs.stopped, notes=(*self.notes, *runs.notes),
        )

    def _row(self, stress: Stress, path: StressedPath) -> dict[str, Any]:
        at = stress.moment.at if stress.moment is not None else stress.specs[0].start
        begin = pd.Timestamp(at, unit="ms", tz="UTC")
        row = {
            "scenario": stress.scenario.name if stress.scenario is not None else "costs",
            "what": self._what(stress),
            "began": begin,
            "why": stress.moment.why if stress.moment is not None else "",
            **dict.fromkeys(_OWN[4:], math.nan), **path.figures,
        }
        if path.result is None:
            return row
        own_time = stress.moment is not None and stress.scenario is not None
        ruin, equity = path.result.ruin, path.result.equity
        before, after = equity.loc[:begin], equity.loc[begin + pd.Timedelta(milliseconds=1):]
        level = float(before.iloc[-1]) if len(before) else stress.specs[0].account.balance
        over = pd.Timedelta(minutes=max(stress.scenario.minutes if stress.scenario is not None else 0,
                                        self.shocks.outage))
        meanwhile = after.loc[:begin + over + pd.Timedelta(days=1)] if own_time else after
        lowest = min(float(meanwhile.min()) if len(meanwhile) else level, level)
        lowest_at = pd.Timestamp(meanwhile.idxmin()) if len(meanwhile) else begin
        if not math.isnan(path.level):
            level, lowest, lowest_at = path.level, path.lowest, pd.Timestamp(path.lowest_at, unit="ms", tz="UTC")
        losses = losses_of(equity, begin, level, lowest, lowest_at, ruined=ruin is not None)
        if stress.scenario is None:
            losses = {"lowest": losses["lowest"]}
        return row | losses | {
            "equity_before": level,
            "ruined_at": pd.NaT if ruin is None else pd.Timestamp(ruin.moment, unit="ms", tz="UTC"),
            "same_trades": _alike(path.result.trades, self.stressed.original.trades),
            "drawdown": path.drawdown,
            "by_minute": not math.isnan(path.level),
        }

    def _what(self, stress: Stress) -> str:
        if stress.scenario is None:
            return self.shocks.cost_words(self.stressed.parts[-1].spec.account)
        if stress.moment is None:  # a replay
            return str(stress.scenario)
        outage = self.shocks.outage
        cut = _cut_words(stress.scenario, self.stressed.run.end - stress.moment.at)
        return f"{stress.scenario}{cut}{f', no decisions for {duration_words(outage)}' if outage else ''}"


def _cut_words(scenario: Scenario, left: int) -> str:
    """Say how much of a scenario the run has, when it ends ``left`` milliseconds after the beginning."""
    if left >= scenario.minutes * MINUTE_MS:
        return ""
    whole_days = left - left % DAY_MS
    return f", cut by the end after {duration_words((whole_days if left > 2 * DAY_MS else left) // MINUTE_MS)}"


def _alike(trades: pd.DataFrame, others: pd.DataFrame) -> int:
    """Count trades that both made: of the same market and side, opened and closed at the same times."""
    keys = ["symbol", "side", "opened_at", "closed_at"]
    if trades.empty or others.empty:
        return 0
    return len(trades[keys].merge(others[keys], on=keys))
