"""What an analysis found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from jesse_nb.core.analysis.curves.drawdown_statistics import DrawdownStatistics
from jesse_nb.core.analysis.curves.intraday import IntradayEquity
from jesse_nb.core.analysis.curves.return_distribution import ReturnDistribution
from jesse_nb.core.analysis.insight import EntryInsight
from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict
from jesse_nb.core.analysis.market.benchmark import Benchmark
from jesse_nb.core.analysis.resampling.monte_carlo import MonteCarlo
from jesse_nb.core.analysis.studies.verdict import Verdict
from jesse_nb.core.analysis.trades.costs import CostFragility
from jesse_nb.core.analysis.trades.excursions import Excursions
from jesse_nb.core.analysis.trades.exposure import Exposure
from jesse_nb.core.analysis.trades.group_performance import GroupPerformance
from jesse_nb.core.analysis.trades.patterns import Pattern
from jesse_nb.core.analysis.trades.trade_statistics import TradeStatistics
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.result import ResultCard
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo
from jesse_nb.core.tools.resimulate.fee_stress import FeeStress

__all__ = ["AdvancedAnalysis", "Analysis", "AnalysisType", "AnalyzedRun", "BasicAnalysis", "DeepAnalysis", "OfOneRun"]

AnalysisType = Literal["basic", "advanced", "deep"]


@dataclass(frozen=True)
class AnalyzedRun:
    """The one run that an analysis reads.

    Attributes
    ----------
    strategy
        Its name, or what the user calls the table of trades.
    origin
        Which run of a larger result it is: ``best trial, held-out period``; empty for a backtest.
    spec
        What was simulated; None for tables from elsewhere. Of a stitched walk-forward, the first window's.
    trades
        Columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`.
    equity
        Portfolio value in the quote currency, by day.
    returns
        Daily simple returns (fractions), every day once, index the day's beginning.
    start, end
        The period, milliseconds UTC, end excluded.
    balance
        At the start, in the quote currency.
    open_at_end
        Positions closed by the run's end; None where nobody knows.
    card
        Provenance; None for tables from elsewhere.
    """

    strategy: str
    origin: str
    spec: BacktestSpec | None
    trades: pd.DataFrame
    equity: pd.Series[float]
    returns: pd.Series[float]
    start: int
    end: int
    balance: float
    open_at_end: int | None
    card: ResultCard | None


class OfOneRun(Shown):
    """A result that was read from one run, its ``run``."""

    run: AnalyzedRun

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.run.strategy

    @property
    def spec(self) -> BacktestSpec | None:
        """What was simulated; None for tables from elsewhere."""
        return self.run.spec


@dataclass(frozen=True)
class BasicAnalysis:
    """Trades (None when they were not asked for), drawdowns and returns."""

    trades: TradeStatistics | None
    drawdowns: DrawdownStatistics
    returns: ReturnDistribution


@dataclass(frozen=True)
class AdvancedAnalysis:
    """Risk, the market, and what happened between the daily samples. None where there is nothing; see ``left_out``.

    Attributes
    ----------
    ratios
        See :func:`~jesse_nb.core.analysis.risk.risk_ratios.risk_ratios`.
    rolling
        See :func:`~jesse_nb.core.analysis.curves.rolling.rolling_figures`.
    exposure, intraday, excursions, cells, costs, fee_stress
        See the functions of these names.
    benchmarks
        Compared with buy-and-hold of the traded symbols first.
    held
        Value of buying and holding the traded symbols, beginning with 1, at the moments of the equity curve.
    left_out
        Why a part is missing, by its name.
    """

    ratios: pd.DataFrame
    rolling: pd.DataFrame
    exposure: Exposure | None
    intraday: IntradayEquity | None
    excursions: Excursions | None
    cells: GroupPerformance | None
    benchmarks: tuple[Benchmark, ...]
    held: pd.Series[float] | None
    costs: CostFragility | None
    fee_stress: FeeStress | None
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class DeepAnalysis:
    """Monte Carlo, patterns and what is known at entry. None or empty where there is nothing; see ``left_out``."""

    monte_carlo: tuple[MonteCarlo, ...]
    scenarios: CandleMonteCarlo | None
    patterns: tuple[Pattern, ...]
    insight: EntryInsight | None
    left_out: Mapping[str, str]


@dataclass(frozen=True, repr=False)
class Analysis(Shown):
    """What a result really says.

    Attributes
    ----------
    analysis_type
        ``basic``, ``advanced`` (basic, too) or ``deep`` (all of it).
    run
        What was read.
    basic, advanced, deep
        The figures; None where they were not asked for, or not reached before an interrupt.
    verdict
        Skill or luck, of the whole result that the run was chosen from, overruled where the run is too good to be true
        or its scenarios deny it. Without such a doubt None for a single backtest, which nobody can judge without
        knowing what else was tried.
    prior_runs
        Other finished backtests of this project on overlapping data of the same symbols; None where unknown.
    seed
        Of all that is resampled.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> analysis = jn.analyze_results(result, "basic")
    >>> analysis.analysis_type
    'basic'
    """

    analysis_type: AnalysisType
    run: AnalyzedRun
    basic: BasicAnalysis
    advanced: AdvancedAnalysis | None = None
    deep: DeepAnalysis | None = None
    verdict: OverfitVerdict | Verdict | None = None
    prior_runs: int | None = None
    seed: int = 0
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.run.strategy

    @property
    def spec(self) -> BacktestSpec | None:
        """What was simulated; None for tables from elsewhere."""
        return self.run.spec

    def to_frame(self) -> pd.DataFrame:
        """Return the ratios with their intervals, one row each; of a basic analysis the trade statistics."""
        if self.advanced is not None:
            return self.advanced.ratios.copy()
        if self.basic.trades is None:
            return self.basic.returns.periods.copy()
        values = {name: value for name, value in vars(self.basic.trades).items() if isinstance(value, int | float)}
        return pd.DataFrame({"value": pd.Series(values, dtype=object)}).rename_axis("figure")
