"""Analyses of known content for the tests of their report: what needs candles is put in by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.intraday import DeepestDrawdown, IntradayEquity
from jesse_nb.core.analysis.insight import EntryInsight
from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict
from jesse_nb.core.analysis.market.benchmark import Benchmark, against
from jesse_nb.core.analysis.trades.costs import CostFragility
from jesse_nb.core.analysis.trades.excursions import STOPS, Excursions
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.analyze.analysis_result import Analysis
from jesse_nb.core.tools.analyze.analyze import analyze_results
from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo
from jesse_nb.core.tools.resimulate.fee_stress import FeeStress
from tests.analysis.results import make_backtest, make_spec

LUCK = OverfitVerdict(
    "likely luck",
    "likely luck: deflated Sharpe 0.41, PBO 0.62 over 100 trials (effective 23)",
    "The best of 23 trials without skill would show as much.",
    ("Trials that traded: 100.", "Probability of backtest overfitting 0.62."),
)


def plain(kind: str, result: BacktestResult | None = None, **options: Any) -> Analysis:
    """Analyze a run whose candles are nowhere."""
    run = result if result is not None else make_backtest(make_spec("2023-01-01", "2023-05-01"), trades=40)
    found = analyze_results(run, kind, paths=100, resimulate=False, **options)
    assert isinstance(found, Analysis)
    return found


def full() -> Analysis:
    """Return a deep analysis with all its parts."""
    result = make_backtest(make_spec("2023-01-01", "2023-05-01"), trades=40)
    found = plain("deep", result)
    assert found.advanced is not None
    assert found.deep is not None
    held = pd.Series(np.linspace(1.0, 1.3, len(result.equity)), index=result.equity.index, name="BTC-USDT")
    held *= 1 + 0.02 * np.sin(np.arange(len(held)))
    advanced = replace(
        found.advanced, held=held, benchmarks=(against(result.equity, held, name="Holding BTC-USDT"),),
        intraday=_intraday(result), excursions=_excursions(result), costs=_costs(), fee_stress=_stress(), left_out={})
    deep = replace(found.deep, scenarios=_scenarios(result), insight=_insight(), left_out={})
    return replace(found, advanced=advanced, deep=deep, verdict=LUCK, prior_runs=7,
                   run=replace(found.run, origin="best trial, held-out period"))


def without_benchmark() -> Benchmark:
    return Benchmark("<b>gold</b> $x_1$", 3, 0, reason="3 common days are too few; 20 are needed")


def _intraday(result: BacktestResult) -> IntradayEquity:
    hours = pd.date_range(result.equity.index[0] - pd.Timedelta(days=9), result.equity.index[-1], freq="1h")
    equity = result.equity.reindex(hours).interpolate().bfill()
    return IntradayEquity(equity, equity * 0.99, DeepestDrawdown(-20.0), DeepestDrawdown(-23.4), 0.0)


def _excursions(result: BacktestResult) -> Excursions:
    random = np.random.default_rng(1)
    count = len(result.trades)
    trades = pd.DataFrame({
        "side": result.trades["side"], "opened_at": result.trades["opened_at"], "pnl": result.trades["pnl"],
        "mae": -random.exponential(1.0, count), "mfe": random.exponential(2.0, count)})
    trades.loc[0, ["mae", "mfe"]] = math.nan
    stops = pd.DataFrame({"stopped": 5, "winners_stopped": 1, "win_rate": 0.4,
                          "total_pnl": np.linspace(-50, 80, len(STOPS)),
                          "change": np.linspace(-60, 70, len(STOPS))}, index=pd.Index(STOPS, name="stop"))
    return Excursions(trades, stops, 10.0, 1)


def _costs() -> CostFragility:
    fees, points = pd.Index([0.0, 0.001, 0.002], name="fee"), pd.Index([0.0, 2.0, 10.0], name="slippage")
    table = pd.DataFrame([[900.0, 800.0, 300.0], [400.0, 300.0, -200.0], [-100.0, -200.0, -700.0]], fees, points)
    return CostFragility(400.0, 500_000.0, 80, 0.001, 0.0018, 0.0008, table)


def _stress() -> FeeStress:
    table = pd.DataFrame({"fee": [0.001, 0.002, 0.003], "final_equity": [10_400.0, 9_950.0, math.nan],
                          "net_profit_percentage": [4.0, -0.5, math.nan], "max_drawdown": [-5.0, -8.0, math.nan],
                          "trades": [40.0, 40.0, math.nan], "sharpe_ratio": [1.0, -0.1, math.nan],
                          "reason": ["", "", "<i>crashed</i>"]}, index=pd.Index([1.0, 2.0, 3.0], name="factor"))
    return FeeStress(table, {}, 1.0)


def _scenarios(result: BacktestResult) -> CandleMonteCarlo:
    random = np.random.default_rng(2)
    ends = random.normal(10_200, 700, 6)
    table = pd.DataFrame({"seed": range(6), "final_equity": ends, "net_profit_percentage": ends / 100 - 100,
                          "max_drawdown": -random.exponential(9, 6), "trades": 41.0, "sharpe_ratio": 0.4,
                          "reason": ""}).rename_axis("scenario")
    curves = pd.DataFrame({number: np.linspace(10_000, end, len(result.equity)) for number, end in enumerate(ends)},
                          index=result.equity.index)
    return CandleMonteCarlo(result, CandlePipeline(), 0, 6, table, curves, 1.0)


def _insight() -> EntryInsight:
    table = pd.DataFrame({"importance": [0.08, 0.01, -0.02], "spread": [0.02, math.nan, 0.01],
                          "preferred": [2.5, "ETH-USDT", 0.1], "others": [1.0, "BTC-USDT", 0.2]},
                         index=pd.Index(["volatility_7d", "market", "streak"], name="feature"))
    return EntryInsight(70, 30, 0.3, -0.1, 0.4, 0.004, True, pd.DataFrame(), table,
                        "Better trades are told from worse (+0.30% a trade).", 0)
