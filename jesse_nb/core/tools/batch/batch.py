"""Many backtests at once, for comparison."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.candles.series import symbol_name
from jesse_nb.core.jobs.pool import available_cores
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.members import members_of
from jesse_nb.core.simulator.fees import fee_of_run, highest_fee
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, BacktestSpec, Gaps, Mode, Route
from jesse_nb.core.simulator.strategies.strategy import StrategyCode, resolve_strategy
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.core.times import DAY_MS, TIMEFRAME_MINUTES, to_ms
from jesse_nb.core.tools.batch.batch_job import Batch, BatchPlan
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.core.tools.batch.parameter_sets import ParameterSet, ParameterSets, parameter_sets
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import BACKTEST_BATCH
from jesse_nb.core.tools.request import Request, Source
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.exceptions import CandlesError, InputError, JesseNbError, PeriodError, did_you_mean, shown

__all__ = ["backtest_batch"]

#: More combinations than this run only when they are asked for as a large batch.
_LARGE = 1_000

#: Seconds to simulate a day in each mode, where this machine has not run anything yet.
_SECONDS_A_DAY = {"fast": 0.7 / 365, "step": 2.4 / 365}


@planned
@declared(BACKTEST_BATCH)
def backtest_batch(
    strategies: Any = None,
    symbols: str | Iterable[str] | None = None,
    timeframes: str | Iterable[str] | None = None,
    periods: Any = None,
    *,
    start: Any = None,
    end: Any = None,
    params: Any = None,
    top: int = 10,
    metric: Any = "sharpe",
    concurrent_limit: Jobs | None = None,
    large: bool = False,
    exchange: str | None = None,
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
) -> Plan[BatchResult]:
    """Run every combination of strategies, symbols, timeframes, periods and parameter sets.

    Each combination is a backtest of its own, with its own account. One that cannot run (a symbol
    that is not stored for its period, too few warm-up candles, a strategy that crashes) is listed
    with its reason and costs no other. Every finished run is kept, so calling again continues
    where the last call stopped, and a combination that was run before is not run again.

    Parameters
    ----------
    strategies
        One or several: classes, source texts, or names in a Jesse project.
    symbols, timeframes
        One or several, such as ``["BTC-USDT", "ETH-USDT"]`` and ``["1h", "4h"]``.
    periods
        One ``(start, end)`` or a list of them, UTC, ends excluded.
    start, end
        In place of ``periods``, for a single one.
    params
        Parameter sets; by default the strategy's own values. A list of dicts, a grid as a dict of name
        to values, an `OptimizeResult` (do its best hold on other markets?), DNA texts of Jesse's
        optimizer, or the path of the CSV it wrote.
    top
        How many of the best trials, or of the CSV's rows, are taken.
    metric
        What the report ranks by: one of Jesse's metrics, or a function of a result.
    concurrent_limit
        Simulations at once; by default 4, or one a core where there are fewer. Two on one core slow each
        other by more than they gain. Or a Ray cluster, as ``n_jobs`` of
        :func:`~jesse_nb.core.tools.optimize.optimize.optimize`.
    large
        Allow more than 1,000 combinations.
    hyperparameters
        Values that all combinations share.
    exchange, data_routes, balance, fee, slippage_bps, market, leverage, leverage_mode, maintenance_margin, funding, \
warm_up_candles, mode, gaps, source, project, candles, store, trial_timeout, memory_limit
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once; its ``partial_result()`` can be read
        while others run.

    Returns
    -------
    BatchResult or Job

    Raises
    ------
    InputError
        When an argument is wrong, nothing is to be combined, or there are too many combinations.
    AllTrialsFailedError
        When no combination could be run; the job's ``partial_result()`` lists why.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has the partial result.

    Examples
    --------
    >>> batch = jn.backtest_batch(TrendFollower, "BTC-USDT", ["1h", "4h"], start="2023-02-01", end="2023-04-01",
    ...                           params={"fast": [10, 20]})
    >>> batch.pivot("fast", "timeframe", "profit").shape
    (2, 2)
    """
    limit = min(4, available_cores()) if concurrent_limit is None else concurrent_limit
    request = Request.of(locals(), n_jobs=limit)
    codes = _strategies(strategies, project)
    names, frames = _texts("symbols", symbols), _timeframes(timeframes)
    request = _with_fees(_of_one_kind(request, names), names)
    spans = _periods(periods, start, end)
    sets = parameter_sets(params, top)
    sizes = {"strategy": len(codes), "symbol": len(names), "timeframe": len(frames), "period": len(spans),
             "parameter set": len(sets)}
    count = len(codes) * len(names) * len(frames) * len(spans) * len(sets)
    if count > _LARGE and not large:
        days = sum(finish - begin for begin, finish in spans) / DAY_MS * count / len(spans)
        raise _too_many(count, sizes, days, request)
    samples = [_sample(request, codes[0], names[0], frames[0], *span) for span in spans]
    plan = BatchPlan(
        request=replace(request, resources=replace(
            request.resources, n_jobs=min(limit, count) if isinstance(limit, int) else limit)),
        codes=codes,
        symbols=names,
        timeframes=frames,
        periods=spans,
        sets=_checked_sets(sets, samples[0]),
        metric=resolve_metric(metric),
        account=request.account(""),
        repeated=sets.repeated * count // len(sets),
        notes=sets.notes,
    )
    return Plan("backtest_batch", _product(sizes), lambda control: Batch(plan, control).run(),
                tuple(code.ref for code in codes), background, details=plan)


def _of_one_kind(request: Request, symbols: Iterable[str]) -> Request:
    """Return the request with the kind of account that all its exchanges have; a batch compares like with like."""
    if request.market is not None:
        return request
    store, exchanges = request.candles or CandleStore(), dict.fromkeys([request.exchange] if request.exchange else [])
    for symbol in symbols:
        with contextlib.suppress(CandlesError, InputError):  # the combination fails for itself, and says why
            exchanges[store.resolve(symbol, request.exchange).exchange] = None
    kinds = {name: usual_market(str(name)) for name in exchanges}
    if len(set(kinds.values())) > 1:
        raise InputError.of("market", f"is not given, and {', '.join(map(str, kinds))} are not all of one kind.",
                            "Say market='futures' or market='spot', for all of them.")
    return replace(request, market=next(iter(kinds.values()), "futures"))


def _with_fees(request: Request, symbols: Iterable[str]) -> Request:
    """Return the request with the fees of its symbols, of which each must have one."""
    named = []
    for symbol in symbols:
        with contextlib.suppress(InputError):  # the combination fails for itself, and says why
            named.append(symbol_name(symbol))
    return replace(request, fee=fee_of_run(request.fee, named)) if named else request


def _strategies(strategies: Any, project: Any) -> tuple[StrategyCode, ...]:
    given = [strategies] if isinstance(strategies, str | type | StrategyCode) else strategies
    if given is None or not isinstance(given, Iterable):
        raise InputError.of("strategies", f"is {shown(strategies)}.", "Give a strategy, or a list of several.")
    codes = tuple(resolve_strategy(value, project) for value in members_of("strategies", given))
    if not codes:
        raise InputError.of("strategies", "is empty.", "Give at least one.")
    return codes


def _texts(name: str, values: Any) -> tuple[str, ...]:
    given = [values] if isinstance(values, str) else values
    if given is None or not isinstance(given, Iterable) or isinstance(given, bytes | Mapping):
        raise InputError(f"{name} is {shown(values)}.", "Give a text, or a list of several.")
    texts = members_of(name, given)
    wrong = [text for text in texts if not isinstance(text, str)]
    if wrong:
        raise InputError(f"{name} holds {shown(wrong[0])}.", "Give texts.")
    if not texts:
        raise InputError(f"{name} is empty.", "Give at least one.")
    return tuple(texts)


def _timeframes(values: Any) -> tuple[str, ...]:
    frames = _texts("timeframes", values)
    for frame in frames:
        if frame not in TIMEFRAME_MINUTES:
            raise PeriodError(f"Unknown timeframe {shown(frame)}.", did_you_mean(frame, TIMEFRAME_MINUTES),
                              argument="timeframes")
    return frames


def _periods(periods: Any, start: Any, end: Any) -> tuple[tuple[int, int], ...]:
    if periods is None:
        if start is None or end is None:
            raise PeriodError.of("periods", "is needed.", "Give ('2024-01-01', '2024-06-01') or a list of such pairs, "
                                                       "or start and end.")
        periods = [(start, end)]
    elif start is not None or end is not None:
        raise InputError("Give periods, or start and end, not both.", argument="periods")
    if not isinstance(periods, Sequence) or isinstance(periods, str):
        raise PeriodError.of("periods", f"is {shown(periods)}.", "Give (start, end) or a list of such pairs.")
    if len(periods) == 2 and all(isinstance(moment, str) or not isinstance(moment, Sequence) for moment in periods):
        periods = [periods]
    spans = []
    for period in periods:
        if isinstance(period, str) or not isinstance(period, Sequence) or len(period) != 2:
            raise PeriodError(f"A period cannot be {shown(period)}.", "It is (start, end), such as "
                                                                 "('2024-01-01', '2024-06-01').", argument="periods")
        spans.append((to_ms(period[0], "start"), to_ms(period[1], "end")))
    if not spans:
        raise PeriodError.of("periods", "is empty.", "Give at least one (start, end).")
    return tuple(spans)


def _sample(request: Request, code: StrategyCode, symbol: str, timeframe: str, start: int, end: int) -> BacktestSpec:
    """Build a spec without candles: it refuses what is wrong for every market."""
    account = replace(request, fee=highest_fee(request.fee)).account("")
    return BacktestSpec((Route("", symbol, timeframe, code.ref),), start, end, account,
                        hyperparameters=dict(request.hyperparameters or {}),
                        warm_up_candles=request.warm_up_candles, mode=request.mode, gaps=request.gaps)


def _checked_sets(sets: ParameterSets, sample: BacktestSpec) -> tuple[ParameterSet, ...]:
    """Return the sets with plain values; refuse those that no spec can hold."""
    checked = []
    for parameter_set in sets:
        both = sorted(set(parameter_set.values) & set(sample.hyperparameters))
        if both:
            raise InputError(f"{shown(both[0])} is in params and in hyperparameters.", "Keep it in one of them.",
                             argument="params")
        checked.append(replace(parameter_set, values=sample.with_hyperparameters(parameter_set.values).hyperparameters))
    return tuple(checked)


def _too_many(count: int, sizes: Mapping[str, int], days: float, request: Request) -> InputError:
    """Say how many combinations there are and about how long they would take."""
    seconds_a_day, basis = _SECONDS_A_DAY[request.mode if request.mode in _SECONDS_A_DAY else "fast"], "as a rule"
    resources = request.resources
    with contextlib.suppress(JesseNbError):
        runs = resources.run_store()
        recent = runs.recent(100)
        if runs is not resources.store:
            runs.close()
        simulated = (recent["end"] - recent["start"]).dt.total_seconds() / 86_400
        if simulated.sum() > 0:
            seconds_a_day, basis = float(recent["seconds"].sum() / simulated.sum()), "as your last runs took"
    at_once = min(resources.workers, available_cores()) if isinstance(resources.n_jobs, int) else resources.workers
    seconds = days * seconds_a_day / at_once
    return InputError(f"This batch has {count:,} combinations ({_product(sizes)}), more than {_LARGE:,}.",
                      f"They would take about {_about(seconds)}, {basis}. "
                      "Pass large=True to run them all, or ask for fewer.")


def _product(sizes: Mapping[str, int]) -> str:
    return " x ".join(f"{size:,} {name}{'s' * (size > 1)}".replace("strategys", "strategies")
                      for name, size in sizes.items())


def _about(seconds: float) -> str:
    for unit, length in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
