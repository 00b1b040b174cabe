"""The parts of an analysis, each computed where its data is at hand, and otherwise left out with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from jesse_nb.core.analysis.curves.drawdown_statistics import drawdown_statistics
from jesse_nb.core.analysis.curves.intraday import intraday_equity
from jesse_nb.core.analysis.curves.return_distribution import return_distribution
from jesse_nb.core.analysis.curves.rolling import rolling_figures
from jesse_nb.core.analysis.insight import entry_insight
from jesse_nb.core.analysis.market.benchmark import Benchmark, against, buy_and_hold
from jesse_nb.core.analysis.resampling.monte_carlo import MonteCarlo, bootstrap_days, resample_trades, shuffle_trades
from jesse_nb.core.analysis.risk.risk_ratios import risk_ratios
from jesse_nb.core.analysis.trades.costs import cost_fragility
from jesse_nb.core.analysis.trades.entry_features import entry_features
from jesse_nb.core.analysis.trades.excursions import excursions
from jesse_nb.core.analysis.trades.exposure import exposure
from jesse_nb.core.analysis.trades.group_performance import performance_by_group
from jesse_nb.core.analysis.trades.patterns import find_patterns
from jesse_nb.core.analysis.trades.trade_statistics import trade_statistics
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.tools.analyze.analysis_result import AdvancedAnalysis, AnalyzedRun, BasicAnalysis, DeepAnalysis
from jesse_nb.core.tools.analyze.analyzed_run import AnalysisInput, candles_of_run
from jesse_nb.core.tools.parts import Parts, ended
from jesse_nb.core.tools.resimulate.candle_monte_carlo import candle_monte_carlo
from jesse_nb.core.tools.resimulate.fee_stress import fee_stress
from jesse_nb.exceptions import InputError

__all__ = ["Options", "advanced_parts", "basic_parts", "deep_parts"]

_NO_TRADES = "there are no closed trades"
_UNKNOWN = "the trades are not known"
_NOT_ASKED = "not asked for"


@dataclass(frozen=True)
class Options:
    """What to compute; the fields are those of :func:`~jesse_nb.core.tools.analyze.analyze.analyze_results`.

    ``trades_known`` is false for an equity curve alone: that there are no trades is not known either.
    ``again`` holds the arguments of :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.
    """

    include_trade_analysis: bool
    trades_known: bool
    include_correlation: bool
    include_monte_carlo: bool
    benchmark: Any
    scenarios: int
    fee_factors: tuple[float, ...]
    paths: int
    ruin: tuple[float, ...]
    seed: int
    candles: CandleStore | None
    again: dict[str, Any]


def basic_parts(run: AnalyzedRun, options: Options) -> BasicAnalysis:
    """Compute trades, drawdowns and returns."""
    trades = trade_statistics(run.trades, starting_balance=run.balance, end=run.end, open_at_end=run.open_at_end) \
        if options.include_trade_analysis else None
    return BasicAnalysis(trades, drawdown_statistics(run.equity), return_distribution(run.returns))


def advanced_parts(chosen: AnalysisInput, options: Options, control: JobControl) -> AdvancedAnalysis:
    """Compute ratios, market, excursions, regimes and costs."""
    run, parts = chosen.run, Parts(control)
    control.update(phase="ratios and the market", done=0, total=None)
    beneath = candles_of_run(run, options.candles)
    market = beneath.by_market
    account = run.spec.account if run.spec else Account(balance=run.balance)
    trading = _why_no_trades(run, options)
    whole = "" if chosen.backtest else "the curve is pieced together from several runs"
    per_trade = trading or ("" if options.include_trade_analysis else _NOT_ASKED)
    on_candles = per_trade or beneath.reason
    held = parts.part("held", beneath.reason, lambda: buy_and_hold(market, run.equity))
    return AdvancedAnalysis(
        ratios=risk_ratios(run.returns, seed=options.seed),
        rolling=rolling_figures(run.returns),
        exposure=parts.part("exposure", "" if options.trades_known else _UNKNOWN,
                            lambda: exposure(run.trades, run.equity, start=run.start, end=run.end)),
        intraday=parts.part(
            "intraday", trading or beneath.reason or whole,
            lambda: intraday_equity(run.trades, market, account, sampled=run.equity,
                                    payments=chosen.backtest.payments if chosen.backtest else None)),
        excursions=parts.part("excursions", on_candles, lambda: excursions(run.trades, market, account)),
        cells=parts.part("cells", per_trade,
                         lambda: performance_by_group(run.trades, market or None, seed=options.seed)),
        benchmarks=_benchmarks(run, held, options, parts),
        held=held,
        costs=parts.part("costs", per_trade or ("" if run.spec else "the fee of these trades is unknown"),
                         lambda: cost_fragility(run.trades, account)),
        fee_stress=parts.part("fee_stress", trading or _why_not_again(chosen, bool(options.fee_factors)),
                              lambda: ended(fee_stress(_whole(chosen), options.fee_factors, **options.again))),
        left_out=parts.left_out,
    )


def deep_parts(chosen: AnalysisInput, options: Options, control: JobControl) -> DeepAnalysis:
    """Compute Monte Carlo, patterns and what is known at entry."""
    run, parts = chosen.run, Parts(control)
    trading = _why_no_trades(run, options)
    control.update(phase="Monte Carlo", done=0, total=None)
    drawn = _monte_carlo(run, options) if options.include_monte_carlo else ()
    control.update(phase="patterns")
    found = find_patterns(run.trades, run.equity, run.balance, seed=options.seed)
    control.update(phase="what is known at entry")
    beneath = candles_of_run(run, options.candles)
    insight = parts.part(
        "insight", trading or ("" if options.include_trade_analysis else _NOT_ASKED) or beneath.reason,
        lambda: entry_insight(run.trades, entry_features(run.trades, beneath.by_market), seed=options.seed))
    asked = options.include_monte_carlo and options.scenarios > 0
    scenarios = parts.part("scenarios", trading or _why_not_again(chosen, asked),
                           lambda: ended(candle_monte_carlo(_whole(chosen), options.scenarios, seed=options.seed,
                                                             **options.again)))
    return DeepAnalysis(drawn, scenarios, found, insight, parts.left_out)


def _monte_carlo(run: AnalyzedRun, options: Options) -> tuple[MonteCarlo, ...]:
    common: dict[str, Any] = {"paths": options.paths, "ruin": options.ruin, "seed": options.seed}
    return (
        shuffle_trades(run.trades, run.balance, **common),
        resample_trades(run.trades, run.balance, **common),
        bootstrap_days(run.returns, run.balance, method="stationary", **common),
        bootstrap_days(run.returns, run.balance, method="block", **common),
    )


def _benchmarks(
    run: AnalyzedRun, held: pd.Series[float] | None, options: Options, parts: Parts
) -> tuple[Benchmark, ...]:
    if not options.include_correlation:
        parts.left_out["benchmarks"] = _NOT_ASKED
        return ()
    found = []
    if held is not None and run.spec is not None:
        symbols = ", ".join(dict.fromkeys(route.symbol for route in run.spec.routes))
        found.append(against(run.equity, held, name=f"Holding {symbols}"))
    for name, given in _others(run, options):
        series = _series(run, given, options.candles)
        found.append(against(run.equity, series, name=name, stamped="start" if series is given else "end"))
    if not found:
        parts.left_out["benchmarks"] = parts.left_out.get("held", "there is nothing to compare with")
    return tuple(found)


def _others(run: AnalyzedRun, options: Options) -> list[tuple[str, Any]]:
    """Return what else to compare with: BTC where it is stored and not traded alone, and what the user gave."""
    given = options.benchmark
    asked = [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
    others = [(f"Holding {market}" if isinstance(market, str) else str(getattr(market, "name", None) or "benchmark"),
               market) for market in asked]
    if run.spec is not None:
        traded = {route.symbol for route in run.spec.routes}
        bitcoin = f"BTC-{run.spec.routes[0].symbol.rsplit('-', 1)[-1]}"
        if traded != {bitcoin} and bitcoin not in asked and _is_stored(run, bitcoin, options.candles):
            others.append((f"Holding {bitcoin}", bitcoin))
    return others


def _is_stored(run: AnalyzedRun, symbol: str, candles: CandleStore | None) -> bool:
    assert run.spec is not None
    exchange = run.spec.routes[0].exchange
    return any((info.exchange, info.symbol) == (exchange, symbol) and info.start <= run.start and info.end >= run.end
               for info in (candles or CandleStore()).list())


def _series(run: AnalyzedRun, given: Any, candles: CandleStore | None) -> pd.Series[float]:
    """Return the prices of a benchmark at the moments of the curve.

    Raises
    ------
    InputError
        When it is neither a symbol nor a Series of prices.
    CandlesError
        When the symbol's candles are not stored for the period.
    """
    if isinstance(given, pd.Series):
        if not isinstance(given.index, pd.DatetimeIndex):
            raise InputError("The benchmark has no dates.", "Give a Series of prices with a DatetimeIndex.",
                             argument="benchmark")
        return given
    if not isinstance(given, str):
        raise InputError.of("benchmark", f"is {type(given).__name__}.", "It is a symbol, or a Series of daily prices.")
    store = candles or CandleStore()
    info = store.resolve(given, run.spec.routes[0].exchange if run.spec else None)
    rows = store.read(info.exchange, info.symbol, run.start, run.end)
    return buy_and_hold({(info.exchange, info.symbol): rows}, run.equity)


def _why_no_trades(run: AnalyzedRun, options: Options) -> str:
    return _UNKNOWN if not options.trades_known else "" if len(run.trades) else _NO_TRADES


def _why_not_again(chosen: AnalysisInput, asked: bool) -> str:
    if not asked:
        return _NOT_ASKED
    return "" if chosen.backtest else "it is no single backtest that could be simulated again"


def _whole(chosen: AnalysisInput) -> BacktestResult:
    assert chosen.backtest is not None
    return chosen.backtest
