"""Stress tests: markets that fall, jump or go wild, and dearer trading, each simulated by Jesse again."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.evaluation import RunOutcome
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.pipeline import check_pipeline
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import Account, BacktestSpec
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, plan_of_run, planned
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.registry import STRESS_TEST
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resimulate.rerun import prepare_again, request_again
from jesse_nb.core.tools.resimulate.resimulation import FIGURES, Resimulation, check_backtest, figures
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.core.tools.risk.risk_input import Sample, risk_input
from jesse_nb.core.tools.risk.scenarios import OUTAGE, Moment, Scenario, moments_of, scenarios_of
from jesse_nb.core.tools.risk.shocks import Shocks, duration_words, shocks_of
from jesse_nb.exceptions import AllTrialsFailedError, CandlesError, InputError, WarmUpError

__all__ = ["StressTest", "stress_test"]

#: What the table says of each run, beside the figures.
_OWN = ("scenario", "what", "began", "why", "equity_before", "lowest", "loss", "recovered_after", "ruined_at",
        "against", "same_trades", "drawdown")


@dataclass(frozen=True, eq=False, repr=False)
class StressTest(Shown):
    """One backtest under stress.

    Attributes
    ----------
    run, original
        What was stressed.
    sample
        Whether its parameters had seen its days.
    shocks
        What holds in all runs: costs, and how long the strategy could not act.
    table
        One row a run. ``scenario``, ``what`` it is, when it ``began`` and ``why`` then; ``equity_before``, the lowest
        equity until a day after the stress was over (``lowest``; of costs and replays, of the whole run) and the
        ``loss`` between in percent, positive (NaN of costs): by the minute, at the worst price within each, where
        candles were changed on futures, otherwise by daily samples; days until the equity was what it had been
        (``recovered_after``, NaN where it never was, or never fell); when the account was ruined (``ruined_at``); the
        final equity against that of a run with the same costs and no stress, percent (``against``; NaN of a replay);
        how many of the original's trades it made alike (``same_trades``); the deepest fall from a peak by the minute,
        percent, below zero (``drawdown``, NaN where there are daily samples only); the figures of
        :data:`~jesse_nb.core.tools.resimulate.resimulation.FIGURES`, and ``reason`` why a run failed.
    results
        The whole backtests, by the table's rows.
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
    original: BacktestResult
    sample: Sample
    shocks: Shocks
    table: pd.DataFrame
    results: Mapping[int, BacktestResult]
    elapsed: float
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""

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
        """What was simulated without stress."""
        return self.original.spec

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
    """Simulate a backtest again under stress.

    A scenario changes the candles of all markets of the run alike, from a moment on, and Jesse runs the strategy on
    them: what it does then is its own doing. No scenario has a probability. The runs are filed as scenarios and
    checks; none counts as a trial.

    Parameters
    ----------
    result
        A finished backtest, or a result of which a single backtest is read: of an optimization the held-out run, of a
        batch the best combination. Of a walk-forward give ``walk.windows[-1].test``.
    scenarios
        ``crash`` (-35 % in 4 hours), ``slow_bear`` (-50 % in 60 days), ``vol_spike`` (7 days of threefold moves),
        ``gap`` (-15 % between two minutes), ``melt_up`` (+35 % in 4 hours), ``correlation_to_one`` (for 7 days every
        market moves as the first one, by as much as it does itself), ``replay:NAME`` (``covid``, ``may_2021``,
        ``luna``, ``ftx``, ``svb``) or ``replay:START..END``: the strategy on that time's stored candles. None for none.
    shocks
        ``fee`` in place of the run's (a fraction), and ``slippage_bps``, hundredths of a percent of each fill, which
        are booked as so much more fee: sizing, balance and equity see them. ``funding_rate``, a fraction for each 8
        hours that longs pay to shorts, in place of the run's funding. They hold in all runs, and once with the candles
        as they were. ``outage``, such as ``"4h"``: from the beginning of each scenario on the strategy decides nothing
        for so long, while orders that rest in the market live; at each moment once with the candles as they were.
        Replays have none.
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
    if given.backtest is None:
        raise InputError("This is no single backtest that could be simulated again.",
                         "Of a walk-forward give walk.windows[-1].test.", argument="result")
    original = given.backtest
    check_backtest(original)
    if original.spec.pipeline is not None:
        raise InputError("This result is itself a scenario of a candle pipeline.", "Give the one on real candles.",
                         argument="result")
    asked = scenarios_of(_several(scenarios), custom_scenarios)
    moments = {one.name: moments_of(_several(at), given.run, seed, one.change) for one in asked if one.period is None}
    asked_shocks = shocks_of(shocks, leverage, original.spec.account)
    quiet = [Scenario(OUTAGE, minutes=asked_shocks.outage)] if asked_shocks.outage else []
    moments |= {one.name: moments_of(_several(at), given.run, seed, 0.0) for one in quiet}
    request = request_again(original.spec, strategy=strategy, project=project, candles=candles, store=store,
                            n_jobs=n_jobs, trial_timeout=trial_timeout, memory_limit=memory_limit)
    prepared = prepare_again(request, original.spec)
    stresses = _stresses([*quiet, *asked], moments, request, prepared, original, asked_shocks)
    if not stresses:
        raise InputError("There is no stress to simulate.", "Give scenarios, custom_scenarios, shocks or leverage.",
                         argument="scenarios")
    stressing = _Stressing(given.run, original, given.sample, asked_shocks, stresses, request, given.notes)
    return plan_of_run("stress_test", original.spec, stressing.work, background=background, joins=True,
                       details=stresses)


def _several(given: str | Iterable[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


@dataclass(frozen=True)
class _Stress:
    """One run: a scenario (None for the costs alone), when it begins, and what is simulated."""

    scenario: Scenario | None
    moment: Moment | None
    spec: BacktestSpec
    prepared: Prepared


def _stresses(asked: list[Scenario], moments: Mapping[str, list[Moment]], request: Request, prepared: Prepared,
              original: BacktestResult, shocks: Shocks) -> list[_Stress]:
    plain = shocks.on(prepared.spec)
    found = [] if plain == prepared.spec else [_Stress(None, None, plain, prepared)]
    minutes = (plain.end - plain.start) // MINUTE_MS
    for scenario in asked:
        if scenario.period is not None:
            again = _replayed(scenario, request, original.spec, shocks)
            found.append(_Stress(scenario, None, shocks.on(again.spec), again))
            continue
        if scenario.together and len(plain.candles) < 2:
            raise InputError.of("scenarios", f"holds {scenario.name}, and this run has one market.",
                                "It is for several that may move together.")
        for moment in moments[scenario.name]:
            pipeline = scenario.pipeline(moment.at, plain.start, shocks.outage)
            check_pipeline(pipeline, plain.timeframes, minutes, ())
            found.append(_Stress(scenario, moment, replace(plain, pipeline=pipeline), prepared))
    return found


def _replayed(scenario: Scenario, request: Request, spec: BacktestSpec, shocks: Shocks) -> Prepared:
    assert scenario.period is not None
    if shocks.funding is not None:  # of which nothing has to be stored
        request, spec = replace(request, funding=None), replace(spec, funding=())
    try:
        return prepare_again(request, spec, *scenario.period)
    except (CandlesError, WarmUpError) as error:
        raise type(error)(f"{scenario.name} cannot be replayed: {error.message}",
                          error.hint or "Fetch or import that time's candles first, warm-up included.",
                          argument="scenarios") from None


@dataclass
class _Stressing:
    """A stress test at work."""

    run: AnalyzedRun
    original: BacktestResult
    sample: Sample
    shocks: Shocks
    stresses: list[_Stress]
    request: Request
    notes: tuple[str, ...]

    def work(self, control: JobControl) -> StressTest:
        parts: list[tuple[list[int], Resimulation]] = []
        control.partial(lambda: self._collect(parts))
        by_prepared: dict[int, list[int]] = {}
        for number, one in enumerate(self.stresses):
            by_prepared.setdefault(id(one.prepared), []).append(number)
        for numbers in by_prepared.values():
            if control.cancelled:
                break
            runs = Resimulation(self.request, self.stresses[numbers[0]].prepared, control, checks=True)
            parts.append((numbers, runs))
            with contextlib.suppress(AllTrialsFailedError):  # each row says why
                runs.simulate([self.stresses[number].spec for number in numbers], "simulating scenarios")
        return self._collect(parts)

    def _collect(self, parts: list[tuple[list[int], Resimulation]]) -> StressTest:
        outcomes = {numbers[place]: outcome for numbers, runs in parts for place, outcome in runs.outcomes()}
        rows = {number: self._row(self.stresses[number], outcome) for number, outcome in sorted(outcomes.items())}
        unstressed = next((row["final_equity"] for row in rows.values() if row["scenario"] == "costs"), None)
        if all(stress.scenario is not None for stress in self.stresses):
            unstressed = float(self.original.equity.iloc[-1])
        for number, row in rows.items():
            if unstressed and self.stresses[number].moment is not None:
                row["against"] = (row["final_equity"] / unstressed - 1.0) * 100.0
            elif row["scenario"] == "costs":
                row["against"] = (row["final_equity"] / float(self.original.equity.iloc[-1]) - 1.0) * 100.0
        results = {number: outcome.record.to_result(outcome.spec) for number, outcome in sorted(outcomes.items())
                   if outcome.record is not None}
        stopped = next((runs.stopped for _, runs in parts if runs.stopped), "")
        return StressTest(
            run=self.run, original=self.original, sample=self.sample, shocks=self.shocks,
            table=pd.DataFrame.from_dict(rows, orient="index", columns=[*_OWN, *FIGURES, "reason"]).rename_axis("run"),
            results=results, elapsed=sum(runs.elapsed for _, runs in parts), stopped=stopped,
            notes=(*self.notes, *(note for _, runs in parts for note in runs.notes)),
        )

    def _row(self, stress: _Stress, outcome: RunOutcome) -> dict[str, Any]:
        at = stress.moment.at if stress.moment is not None else stress.spec.start
        row = {
            "scenario": stress.scenario.name if stress.scenario is not None else "costs",
            "what": self._what(stress),
            "began": pd.Timestamp(at, unit="ms", tz="UTC"),
            "why": stress.moment.why if stress.moment is not None else "",
            **dict.fromkeys(_OWN[4:], math.nan), **figures(outcome),
        }
        if outcome.record is None:
            return row
        own_time = stress.moment is not None and stress.scenario is not None
        found = outcome.record.to_result(outcome.spec)
        ruin = found.ruin
        equity = found.equity
        begin = pd.Timestamp(at, unit="ms", tz="UTC")
        before, after = equity.loc[:begin], equity.loc[begin + pd.Timedelta(milliseconds=1):]
        level = float(before.iloc[-1]) if len(before) else stress.spec.account.balance
        over = pd.Timedelta(minutes=max(stress.scenario.minutes if stress.scenario is not None else 0,
                                        self.shocks.outage))
        meanwhile = after.loc[:begin + over + pd.Timedelta(days=1)] if own_time else after
        path = outcome.record.audit.stress if outcome.record.audit is not None else None
        lowest = min(float(meanwhile.min()) if len(meanwhile) else level, level)
        if path is not None:
            level, lowest = path.level, min(path.lowest, path.level)
        lowest = 0.0 if ruin is not None else lowest
        below = (after < level).to_numpy(dtype=bool)
        below &= not meanwhile.empty and lowest < level
        recovered = after.index[~below & np.logical_or.accumulate(below)]
        row |= {
            "equity_before": level, "lowest": lowest,
            "loss": math.nan if stress.scenario is None else (1.0 - lowest / level) * 100.0,
            "recovered_after": math.nan if ruin is not None or not len(recovered) or stress.scenario is None else
            (recovered[0] - begin) / pd.Timedelta(days=1),
            "ruined_at": pd.NaT if ruin is None else pd.Timestamp(ruin.moment, unit="ms", tz="UTC"),
            "same_trades": _alike(found.trades, self.original.trades),
            "drawdown": math.nan if path is None else -100.0 if ruin is not None else path.drawdown,
        }
        return row

    def _what(self, stress: _Stress) -> str:
        if stress.scenario is None:
            return self.shocks.cost_words(self.original.spec.account)
        outage = self.shocks.outage if stress.moment is not None else 0
        return f"{stress.scenario}{f', no decisions for {duration_words(outage)}' if outage else ''}"


def _alike(trades: pd.DataFrame, others: pd.DataFrame) -> int:
    """Count trades that both made: of the same market and side, opened and closed at the same times."""
    keys = ["symbol", "side", "opened_at", "closed_at"]
    if trades.empty or others.empty:
        return 0
    return len(trades[keys].merge(others[keys], on=keys))
