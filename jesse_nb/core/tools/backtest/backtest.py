"""One backtest."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.daily_samples import ProgressFile
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, BacktestSpec, Gaps, Mode
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.backtest.missing_minutes import with_gap_notes
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, plan_of_run, planned
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.registry import BACKTEST
from jesse_nb.core.tools.request import Request, Source
from jesse_nb.exceptions import JobCancelledError

__all__ = ["backtest"]


@planned
@declared(BACKTEST)
def backtest(
    strategy: Any = None,
    symbol: str | None = None,
    timeframe: str | None = None,
    start: Any = None,
    end: Any = None,
    *,
    exchange: str | None = None,
    routes: Sequence[Any] | None = None,
    data_routes: Sequence[Any] = (),
    hyperparameters: Mapping[str, Any] | None = None,
    balance: float = 10_000.0,
    fee: float | Mapping[str, float] = 0.001,
    slippage_bps: float = 0.0,
    market: Literal["futures", "spot"] | None = None,
    leverage: int = 1,
    leverage_mode: Literal["cross", "isolated"] = "cross",
    maintenance_margin: float = MAINTENANCE_MARGIN,
    funding: float | str | None = None,
    warm_up_candles: int = 240,
    mode: Mode = "fast",
    gaps: Gaps = "fill",
    source: Source = "auto",
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[BacktestResult]:
    """Run one backtest in a worker process, or return it from the run store if it ran before.

    Parameters
    ----------
    strategy
        A class, source text that defines one, or the name of one in a Jesse project.
    symbol, timeframe
        The market, such as ``"BTC-USDT"`` and ``"1h"``.
    start, end
        The traded period in UTC, such as ``"2024-01-31"``; the end is excluded. Warm-up candles are
        taken from before the start.
    exchange
        Needed only when several stored exchanges have the symbol.
    routes
        In place of symbol and timeframe: several ``(strategy, symbol, timeframe)``.
    data_routes
        Markets only looked at: ``("ETH-USDT", "4h")``, …
    hyperparameters
        Values by name; those not named keep the strategy's defaults.
    balance
        Starting balance in the quote currency.
    fee
        Of each fill, as a fraction: 0.001 is 0.1 %. Or one for each market, ``{"BTC-USDT": 0.0004, "ETH-USDT":
        0.001}``: every market that is traded must have one, and others may. ``self.fee_rate`` of a route is its
        market's, and sizes, balance, equity and the trades' profits see it.
    slippage_bps
        How much worse than its price each fill is, limit orders included, in basis points: 5 is 0.05 % of its value.
        Sizes, balance, equity and the trades' profits see it; the net profit before it stands beside the one after.
    market
        ``"futures"`` or ``"spot"`` (which cannot go short); by default what the exchange trades, futures where it says
        nothing.
    leverage, leverage_mode
        Futures only.
    maintenance_margin
        Futures on cross margin: the fraction of the value of all open positions (0.004 is 0.4 %) that the account's
        equity must stay above. Where it does not, it is ruined, which Jesse does not notice.
    funding
        Futures only: what holding a position costs. ``"stored"`` takes the rates stored of each traded market
        (:func:`~jesse_nb.core.candles.funding.files.import_funding`); a number is paid at midnight, 08:00 and 16:00
        UTC, 0.0001 for 0.01 % of the position's value, by longs to shorts. Sizes, balance and equity see it at once.
        None for nothing.
    warm_up_candles
        Candles of each timeframe that the strategy sees before the start.
    mode
        ``"fast"`` or ``"step"``: Jesse's two ways; compare numbers only within one.
    gaps
        ``"fill"`` missing minutes with flat candles, or ``"keep"`` them out (slow).
    source
        Where candles come from that the store lacks: ``"auto"``, from the database of the Jesse project in
        use, if there is one; ``"store"``, from nowhere. With ``"database"``, its candles are copied in any case.
    project
        A Jesse project's folder, for strategies by name and its database; by default the working directory.
    candles
        Where candles are; by default the user's store.
    store
        Where finished runs are kept; by default ``.jesse_nb`` here.
    trial_timeout
        Seconds the simulation may take; None for no limit.
    memory_limit
        Bytes the simulation may allocate; by default a share of the machine's memory. Linux only.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    BacktestResult or Job

    Raises
    ------
    JesseNbError
        For anything wrong with the arguments or the run; see :mod:`jesse_nb.exceptions`.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> result.metrics["total"] == len(result.trades)
    True
    """
    request = Request.of(locals(), n_jobs=1)
    prepared = prepare(request, start, end)

    def work(control: JobControl) -> BacktestResult:
        control.update(phase="starting workers", workers=1)
        runs = request.resources.run_store()
        with contextlib.closing(ProgressFile()) as progress:
            evaluator = request.resources.evaluator([prepared], runs, progress=progress.path)
            evaluator.submit("run", prepared.spec)
            while not control.cancelled:
                _tell(control, prepared.spec, progress.read(), evaluator.running)
                answer = evaluator.next(timeout=0.1)
                if answer is None:
                    continue
                outcome = answer[1]
                if outcome.record is None:
                    raise outcome.error or JobCancelledError("The backtest was cancelled.")
                _tell(control, prepared.spec, 1.0, 0)
                for remark in evaluator.remarks:
                    warnings.warn(remark, RuntimeWarning, stacklevel=1)
                return with_gap_notes(outcome.record.to_result(prepared.spec), prepared)
            evaluator.cancel()
        raise JobCancelledError("The backtest was cancelled.")

    return plan_of_run("backtest", prepared.spec, work, background=background, details=prepared.spec)


def _tell(control: JobControl, spec: BacktestSpec, fraction: float, running: int) -> None:
    """Tell how many days have been simulated, and when the others will have been at this rate."""
    days = max(round((spec.end - spec.start) / DAY_MS), 1)
    done = min(int(fraction * days), days)
    rate = done / control.elapsed if 0 < done < days else None
    control.update(phase="simulating days" if running or fraction else "starting workers", total=days, done=done,
                   running=running, rate=rate, eta=(days - done) / rate if rate else None)
