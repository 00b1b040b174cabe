"""Backtests of pairs: chosen on formation windows, traded by Jesse on the days after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleStore, SeriesInfo
from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.fees import fee_of_run
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, Mode
from jesse_nb.core.study.windows import Window, walk_forward_windows
from jesse_nb.core.times import DAY_MS, MINUTE_MS, TIMEFRAME_MINUTES, to_ms, utc_text
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.pairs.pair_screening import FEWEST, Screening, all_pairs
from jesse_nb.core.tools.pairs.pair_strategies import PairRules
from jesse_nb.core.tools.pairs.pairs_job import PairsJob, PairsRequest
from jesse_nb.core.tools.pairs.pairs_result import PairsBacktest
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import PAIRS_BACKTEST
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.exceptions import CandlesNotFoundError, InputError, PeriodError

__all__ = ["pairs_backtest"]


@planned
@declared(PAIRS_BACKTEST)
def pairs_backtest(
    y: str | None = None,
    x: str | None = None,
    timeframe: str | None = None,
    start: Any = None,
    end: Any = None,
    formation: int = 180,
    trading: int = 30,
    *,
    universe: str | Iterable[str] | None = None,
    exchange: str | None = None,
    test: Literal["engle_granger", "johansen"] = "engle_granger",
    alpha: float = 0.05,
    hedge: str | float = "ols",
    entry: float = 2.0,
    exit: float = 0.5,  # noqa: A002 - as traders call it
    stop: float = 4.0,
    max_holding: float | None = None,
    sizing: Literal["beta", "dollar"] = "beta",
    exposure: float = 0.9,
    balance: float = 10_000.0,
    fee: float | Mapping[str, float] = 0.001,
    slippage_bps: float = 0.0,
    market: Literal["futures", "spot"] | None = None,
    leverage: int = 1,
    leverage_mode: Literal["cross", "isolated"] = "cross",
    maintenance_margin: float = MAINTENANCE_MARGIN,
    funding: float | str | None = None,
    n_jobs: Jobs | None = None,
    mode: Mode = "fast",
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    background: bool = False,
) -> Plan[PairsBacktest]:
    """Trade the spread of two markets, or of the best pair of several, in windows that know the past alone.

    Each window begins with formation days. On them every pair is tested for cointegration (of log prices, Holm's
    correction for the number of pairs), and the one with the smallest p-value is taken, where that is below ``alpha``,
    its hedge ratio is above zero, both markets are random walks and half of a deviation is gone within a trading
    window. Hedge ratio, mean and deviation of the spread are those of the formation days. On the trading days after
    them Jesse trades two legs from one futures account, decided and filled at the same close.

    Parameters
    ----------
    y, x
        Stored symbols: the market that leads, and the one that hedges it.
    timeframe
        Of both legs, such as ``"1h"``.
    start, end
        From the first formation day to the last trading day, UTC, the end excluded.
    formation, trading
        Days of each formation window, and of the trading window after it. The next window comes ``trading`` days later.
    universe
        In place of ``y`` and ``x``: three or more symbols, every pair of which is tested in every window, in the order
        given: the first of a pair leads.
    exchange
        Needed only when several stored exchanges have the symbols.
    test
        ``"engle_granger"`` or ``"johansen"`` (trace statistic).
    alpha
        Level of the test; 1 trades whatever it says.
    hedge
        ``"ols"``, ``"tls"``, or the ratio itself, above zero.
    entry, exit, stop
        Standard deviations of the formation window's spread. A trade is opened from ``entry`` on, closed as won at
        ``exit``, and given up from ``stop`` on; then none is opened before the spread has come back to ``exit``.
    max_holding
        Days that a trade is held at the most.
    sizing
        ``"beta"``: the other leg's value is the hedge ratio times the first's; ``"dollar"``: both alike.
    exposure
        Value of both legs together when they open, as a fraction of the balance.
    balance, fee, slippage_bps, leverage, leverage_mode, maintenance_margin, funding, mode
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`.
    market
        Futures: a leg is sold short.
    n_jobs
        How many windows are simulated at once.
    project, candles, store, trial_timeout, memory_limit
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    InputError
        When a pair has one market only, the account is spot, thresholds contradict each other, or candles are constant
        or look filled.
    CandlesNotFoundError
        When a market is not stored for the whole period.
    PeriodError
        When no window fits.

    Examples
    --------
    >>> result = jn.pairs_backtest("ETH-USDT", "BTC-USDT", "4h", "2023-01-01", "2023-05-01", 60, 30, alpha=1.0)
    >>> len(result.windows), result.tests
    (2, 2)
    """
    request = Request.of({**locals(), "symbol": y}, timeframe=None, symbol=None, warm_up_candles=1)
    folder = candles or CandleStore()
    _check_times(timeframe, start, end)
    names, pairs = _markets(y, x, universe)
    rules = _rules(entry, exit, stop, max_holding, exposure, sizing, str(timeframe), leverage)
    windows = _windows(start, end, formation, trading)
    found = [folder.resolve(name, exchange) for name in names]
    fee_of_run(request.fee, (info.symbol for info in found))  # refuses what lacks a market, chosen or not
    _check_markets(found, market, windows)
    candle = TIMEFRAME_MINUTES[str(timeframe)] * MINUTE_MS / DAY_MS
    if formation / candle < FEWEST:
        raise InputError.of("formation", f"is {formation:,} days, {int(formation / candle):,} candles of {timeframe}.",
                            f"At least {FEWEST:,} are needed: take more days, or a shorter timeframe.")
    asked = PairsRequest(
        replace(request, exchange=found[0].exchange), tuple(found), tuple(pairs), str(timeframe), formation, trading,
        Screening(test, hedge, alpha, float(trading), candle), rules, windows, folder)  # type: ignore[arg-type]
    title = f"{' '.join(names[:4])}{' ...' if len(names) > 4 else ''} {timeframe}"
    return Plan("pairs_backtest", title, lambda control: PairsJob(asked, control).run(), background=background,
                joins=True, details=windows)


def _check_times(timeframe: str | None, start: Any, end: Any) -> None:
    if timeframe is None:
        raise InputError.of("timeframe", "is needed.", "1h for example; both legs trade it.")
    if start is None or end is None:
        raise PeriodError.of("start", "and end are needed.", "Write them as '2024-01-31'; the end is excluded.")


def _markets(y: str | None, x: str | None, universe: str | Iterable[str] | None) -> tuple[list[str],
                                                                                          list[tuple[str, str]]]:
    if universe is None:
        for name, value in (("y", y), ("x", x)):
            if value is None:
                raise InputError.of(name, "is needed.", "A pair has two markets: y and x. Or give universe=[...].")
        if y == x:
            raise InputError.of("x", f"is {y}, as y is.", "A pair has two different markets.")
        return [str(y), str(x)], [(str(y), str(x))]
    if y is not None or x is not None:
        raise InputError("Give y and x, or universe, not both.", argument="universe")
    names = list(dict.fromkeys([universe] if isinstance(universe, str) else universe))
    if len(names) < 2:
        raise InputError.of("universe", "has one market.", "A pair has two different markets.")
    return names, all_pairs(names)


def _rules(
    entry: float, leave: float, stop: float, max_holding: float | None, exposure: float, sizing: str, timeframe: str,
    leverage: int,
) -> PairRules:
    if not leave < entry < stop:
        raise InputError.of("entry", f"is {entry:g}, exit {leave:g} and stop {stop:g}.",
                            "exit lies below entry, and entry below stop.")
    if exposure > 0.95 * leverage:
        raise InputError.of("exposure", f"is {exposure:g} at a leverage of {leverage}.",
                            f"Fees are paid from the balance, too: at most {0.95 * leverage:g}.")
    bars = 10**9 if max_holding is None else max(1, round(max_holding * DAY_MS / (TIMEFRAME_MINUTES[timeframe]
                                                                                 * MINUTE_MS)))
    return PairRules(entry, leave, stop, bars, exposure, sizing)


def _windows(start: Any, end: Any, formation: int, trading: int) -> tuple[Window, ...]:
    try:
        return walk_forward_windows(start, end, in_sample_period=formation, out_sample_period=trading,
                                    step_forward=trading)
    except PeriodError as error:
        if error.argument != "in_sample_period":
            raise
        days = (to_ms(end, "end") - to_ms(start, "start")) / DAY_MS
        raise PeriodError.of("formation", f"and trading are {formation} + {trading} days, the period has {days:g}.",
                             "Choose a longer period, or shorter windows.") from None


def _check_markets(found: list[SeriesInfo], market: str | None, windows: tuple[Window, ...]) -> None:
    places = sorted({info.exchange for info in found})
    if len(places) > 1:
        raise InputError.of("exchange", f"is needed: the markets are stored on {' and '.join(places)}.",
                            "Both legs trade from one account.")
    if "spot" in (market, market or usual_market(places[0])):
        raise InputError.of("market", "is 'spot', and a leg of a pair is sold short.", "Use market='futures'.")
    quotes = sorted({info.symbol.rpartition("-")[2] for info in found})
    if len(quotes) > 1:
        raise InputError.of("x", f"has another quote currency: {' and '.join(quotes)}.",
                            "Both legs trade from one account, in one currency.")
    for info in found:
        if info.start > windows[0].train_start or info.end < windows[-1].test_end:
            raise CandlesNotFoundError(
                f"{info.symbol} on {info.exchange} is stored from {utc_text(info.start)} to {utc_text(info.end)}, not "
                f"for all of {utc_text(windows[0].train_start)} to {utc_text(windows[-1].test_end)}.",
                "Choose a period that all markets have, or leave it out.")
