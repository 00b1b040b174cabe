"""What higher fees would have left of a finished backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from jesse_nb.core.analysis.trades.exposure import traded_by_market
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.fees import each_fee, highest_fee, mean_fee
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, plan_of_run, planned
from jesse_nb.core.tools.registry import FEE_STRESS
from jesse_nb.core.tools.resimulate.rerun import prepare_again, request_again
from jesse_nb.core.tools.resimulate.resimulation import FIGURES, Resimulation, check_backtest, figures
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.exceptions import InputError, shown

__all__ = ["FeeStress", "fee_stress"]


@dataclass(frozen=True, eq=False, repr=False)
class FeeStress(Shown):
    """One backtest with several fees: each simulated anew, as fees change what a strategy can buy.

    Attributes
    ----------
    table
        One row a factor, in the order asked for: ``fee`` (fraction of a fill's value; where markets differ in theirs,
        the mean of what was filled), then the figures and the
        ``reason`` of :attr:`CandleMonteCarlo.scenarios`.
    results
        The whole backtests by factor, of those that succeeded.
    elapsed
        Seconds that this call took.
    stopped
        ``interrupted``, or empty.
    notes
        Remarks worth showing.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> stress = jn.fee_stress(result, [1, 3])
    >>> bool(stress.table.loc[3.0, "net_profit_percentage"] < stress.table.loc[1.0, "net_profit_percentage"])
    True
    """

    table: pd.DataFrame
    results: Mapping[float, BacktestResult]
    elapsed: float
    stopped: str = ""
    notes: tuple[str, ...] = ()


@planned
@declared(FEE_STRESS)
def fee_stress(
    result: BacktestResult,
    factors: Sequence[float] = (1, 2, 3),
    *,
    strategy: Any = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    n_jobs: Jobs | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[FeeStress]:
    """Simulate a backtest again with its fee multiplied.

    Parameters
    ----------
    result
        A finished backtest with a fee.
    factors
        What to multiply the fee by; where markets differ in theirs, each one.
    strategy, project, candles, store, n_jobs, trial_timeout, memory_limit
        As in :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    StrategyError, CandlesError
        When the strategy or the candles are not found again as they were.
    AllTrialsFailedError
        When no run succeeds.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has what had finished.
    InputError
        For anything else that is wrong with the arguments, a fee of 10 % or more among it.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> list(jn.fee_stress(result, [1, 2]).table.index)
    [1.0, 2.0]
    """
    check_backtest(result)
    account = result.spec.account
    if not highest_fee(account.fee):
        raise InputError("This backtest paid no fee, so there is nothing to multiply.", "Run it with a fee first.",
                         argument="result")
    chosen = [float(factor) for factor in factors]
    if len(set(chosen)) < len(chosen):
        raise InputError.of("factors", f"is {shown(factors)}.", "Give each once.")
    accounts = [replace(account, fee=each_fee(account.fee, factor.__mul__)) for factor in chosen]
    traded = traded_by_market(result.trades)
    fees = [mean_fee(one.fee, traded) for one in accounts]
    request = request_again(result.spec, strategy=strategy, project=project, candles=candles, store=store,
                            n_jobs=n_jobs, trial_timeout=trial_timeout, memory_limit=memory_limit)
    prepared = prepare_again(request, result.spec)
    specs = [replace(prepared.spec, account=one) for one in accounts]

    def collect(runs: Resimulation) -> FeeStress:
        rows = {chosen[number]: {"fee": fees[number], **figures(outcome)} for number, outcome in runs.outcomes()}
        return FeeStress(
            table=pd.DataFrame.from_dict(rows, orient="index", columns=["fee", *FIGURES, "reason"])
            .rename_axis("factor"),
            results={chosen[number]: outcome.record.to_result(outcome.spec) for number, outcome in runs.outcomes()
                     if outcome.record is not None},
            elapsed=runs.elapsed, stopped=runs.stopped, notes=tuple(runs.notes),
        )

    def work(control: JobControl) -> FeeStress:
        runs = Resimulation(request, prepared, control, checks=True)
        control.partial(lambda: collect(runs))
        runs.simulate(specs, "simulating with higher fees")
        return collect(runs)

    return plan_of_run("fee_stress", result.spec, work, background=background, joins=True)
