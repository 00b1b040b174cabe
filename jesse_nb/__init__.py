"""jesse_nb: a research bench for the Jesse trading framework, in a Jupyter notebook.

>>> import jesse_nb as jn
>>> jn.install_demo()                                                         # doctest: +SKIP
>>> study = jn.optimize(TrendFollower, "BTC-USDT", "1h",                      # doctest: +SKIP
...                     "2023-06-01", "2024-05-31", space={"fast": (5, 30)})

In a notebook, ``%load_ext jesse_nb`` adds the magics. Public names load when they are first used,
so importing the package is quick and does not import Jesse.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

from jesse_nb import exceptions
from jesse_nb.exceptions import (
    AllTrialsFailedError,
    CallError,
    CandlesError,
    CandlesNotFoundError,
    ClusterError,
    DatabaseError,
    ExchangeError,
    InputError,
    InvalidCandlesError,
    JesseNbError,
    JobCancelledError,
    JobError,
    JobInterruptedError,
    MetricError,
    MissingPartError,
    PeriodError,
    SimulationError,
    SpaceError,
    StorageError,
    StrategyCrashError,
    StrategyError,
    TrialMemoryError,
    TrialTimeoutError,
    WarmUpError,
    WorkerDiedError,
)

if TYPE_CHECKING:
    from jesse.strategies import Strategy

    from jesse_nb.core.candles import (
        CandleStore,
        Fetched,
        FundingSeries,
        candles_from_database,
        candles_to_database,
        export_candles,
        import_candles,
        import_funding,
        install_demo,
        read_candles,
        resample_candles,
    )
    from jesse_nb.core.jobs.job import Job, jobs
    from jesse_nb.core.jobs.ray.ray_pool import RayPool
    from jesse_nb.core.simulator.pipeline import CandlePipeline
    from jesse_nb.core.simulator.result import BacktestResult
    from jesse_nb.core.study.batch_entry import BatchEntry
    from jesse_nb.core.study.metric import Metric
    from jesse_nb.core.study.space import Space
    from jesse_nb.core.study.windows import walk_forward_windows, windows_table
    from jesse_nb.core.tools.analyze.analysis_result import Analysis
    from jesse_nb.core.tools.analyze.analyze import analyze_results
    from jesse_nb.core.tools.backtest.backtest import backtest
    from jesse_nb.core.tools.batch.batch import backtest_batch
    from jesse_nb.core.tools.batch.batch_result import BatchResult
    from jesse_nb.core.tools.candles.check_candles import CandleCheck, check_candles
    from jesse_nb.core.tools.candles.fetch_candles import fetch_candles, update_candles
    from jesse_nb.core.tools.candles.import_files import import_files
    from jesse_nb.core.tools.candles.preview_files import ImportPreview, preview_files
    from jesse_nb.core.tools.check.check_strategy import check_strategy
    from jesse_nb.core.tools.check.strategy_check import StrategyCheck
    from jesse_nb.core.tools.compare.compare import compare
    from jesse_nb.core.tools.compare.comparison import Comparison
    from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult
    from jesse_nb.core.tools.markets.correlation_matrix import CorrelationMatrix, correlation_matrix
    from jesse_nb.core.tools.markets.factor_analysis import FactorAnalysis, factor_analysis
    from jesse_nb.core.tools.markets.portfolio import PortfolioResult, portfolio
    from jesse_nb.core.tools.markets.regime_detector import Regimes, regime_detector
    from jesse_nb.core.tools.optimize.optimize import optimize
    from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
    from jesse_nb.core.tools.pairs.pairs_backtest import pairs_backtest
    from jesse_nb.core.tools.pairs.pairs_result import PairsBacktest
    from jesse_nb.core.tools.project_account import project_account
    from jesse_nb.core.tools.record.finding import forget, keep, load
    from jesse_nb.core.tools.record.listing import results
    from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo, candle_monte_carlo
    from jesse_nb.core.tools.resimulate.fee_stress import FeeStress, fee_stress
    from jesse_nb.core.tools.risk.monte_carlo import RiskMonteCarlo, monte_carlo
    from jesse_nb.core.tools.risk.risk_report import risk_report
    from jesse_nb.core.tools.risk.risk_report_result import RiskReport
    from jesse_nb.core.tools.risk.stress_test import StressTest, stress_test
    from jesse_nb.core.tools.risk.var_calculation import ValueAtRisk, var_calculation
    from jesse_nb.core.tools.trading.compare_live import compare_live
    from jesse_nb.core.tools.trading.live_comparison import LiveComparison
    from jesse_nb.core.tools.trading.to_project import ProjectStrategy, strategy_dna, to_project
    from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
    from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
    from jesse_nb.magics.panel.panel import panel

__all__ = [
    "AllTrialsFailedError",
    "Analysis",
    "BacktestResult",
    "BatchEntry",
    "BatchResult",
    "CallError",
    "CandleCheck",
    "CandleMonteCarlo",
    "CandlePipeline",
    "CandleStore",
    "CandlesError",
    "CandlesNotFoundError",
    "ClusterError",
    "Comparison",
    "CorrelationMatrix",
    "CpcvResult",
    "DatabaseError",
    "ExchangeError",
    "FactorAnalysis",
    "FeeStress",
    "Fetched",
    "FundingSeries",
    "ImportPreview",
    "InputError",
    "InvalidCandlesError",
    "JesseNbError",
    "Job",
    "JobCancelledError",
    "JobError",
    "JobInterruptedError",
    "LiveComparison",
    "Metric",
    "MetricError",
    "MissingPartError",
    "OptimizeResult",
    "PairsBacktest",
    "PeriodError",
    "PortfolioResult",
    "ProjectStrategy",
    "RayPool",
    "Regimes",
    "RiskMonteCarlo",
    "RiskReport",
    "SimulationError",
    "Space",
    "SpaceError",
    "StorageError",
    "Strategy",
    "StrategyCheck",
    "StrategyCrashError",
    "StrategyError",
    "StressTest",
    "TrialMemoryError",
    "TrialTimeoutError",
    "ValueAtRisk",
    "WalkForwardResult",
    "WarmUpError",
    "WorkerDiedError",
    "analyze_results",
    "backtest",
    "backtest_batch",
    "candle_monte_carlo",
    "candles_from_database",
    "candles_to_database",
    "check_candles",
    "check_strategy",
    "compare",
    "compare_live",
    "correlation_matrix",
    "exceptions",
    "export_candles",
    "factor_analysis",
    "fee_stress",
    "fetch_candles",
    "forget",
    "import_candles",
    "import_files",
    "import_funding",
    "install_demo",
    "jobs",
    "keep",
    "load",
    "load_ipython_extension",
    "monte_carlo",
    "optimize",
    "pairs_backtest",
    "panel",
    "portfolio",
    "preview_files",
    "project_account",
    "read_candles",
    "regime_detector",
    "resample_candles",
    "results",
    "risk_report",
    "strategy_dna",
    "stress_test",
    "to_project",
    "unload_ipython_extension",
    "update_candles",
    "var_calculation",
    "walk_forward",
    "walk_forward_windows",
    "windows_table",
]

#: Public names that are neither tools nor their results, which the registry knows.
_HOMES = {
    "BatchEntry": "jesse_nb.core.study.batch_entry",
    "CandlePipeline": "jesse_nb.core.simulator.pipeline",
    "CandleStore": "jesse_nb.core.candles",
    "Fetched": "jesse_nb.core.candles",
    "FundingSeries": "jesse_nb.core.candles",
    "Job": "jesse_nb.core.jobs.job",
    "Metric": "jesse_nb.core.study.metric",
    "ProjectStrategy": "jesse_nb.core.tools.trading.to_project",
    "RayPool": "jesse_nb.core.jobs.ray.ray_pool",
    "Space": "jesse_nb.core.study.space",
    "candles_from_database": "jesse_nb.core.candles",
    "candles_to_database": "jesse_nb.core.candles",
    "export_candles": "jesse_nb.core.candles",
    "fetch_candles": "jesse_nb.core.tools.candles.fetch_candles",
    "forget": "jesse_nb.core.tools.record.finding",
    "import_candles": "jesse_nb.core.candles",
    "import_funding": "jesse_nb.core.candles",
    "install_demo": "jesse_nb.core.candles",
    "jobs": "jesse_nb.core.jobs.job",
    "keep": "jesse_nb.core.tools.record.finding",
    "load": "jesse_nb.core.tools.record.finding",
    "panel": "jesse_nb.magics.panel.panel",
    "project_account": "jesse_nb.core.tools.project_account",
    "read_candles": "jesse_nb.core.candles",
    "resample_candles": "jesse_nb.core.candles",
    "results": "jesse_nb.core.tools.record.listing",
    "strategy_dna": "jesse_nb.core.tools.trading.to_project",
    "to_project": "jesse_nb.core.tools.trading.to_project",
    "update_candles": "jesse_nb.core.tools.candles.fetch_candles",
    "walk_forward_windows": "jesse_nb.core.study.windows",
    "windows_table": "jesse_nb.core.study.windows",
}


def load_ipython_extension(shell: Any) -> None:
    """Add the magics to an IPython shell: what ``%load_ext jesse_nb`` calls."""
    importlib.import_module("jesse_nb.magics").load_ipython_extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again: what ``%unload_ext jesse_nb`` calls."""
    importlib.import_module("jesse_nb.magics").unload_ipython_extension(shell)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("jesse-nb")
    if name == "Strategy":
        from jesse_nb.core.jesse_runtime import strategy_class

        value: Any = strategy_class()
    else:
        home = _HOMES.get(name) or _homes_of_tools().get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        importlib.import_module("jesse_nb.report")  # so that results draw themselves
        importlib.import_module("jesse_nb.widgets.explorer.explorer")  # and can be explored
        importlib.import_module("jesse_nb.widgets.plots.report_view")  # and shown with figures that move
        _show_jobs_of_scripts()
        value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


@functools.cache
def _show_jobs_of_scripts() -> None:
    """Let a script that waits for a job show how far it is; what shows it is loaded with the first job."""
    from jesse_nb.core.jobs.job import add_watcher

    add_watcher(lambda job: importlib.import_module("jesse_nb.cli.terminal").show_in_script(job))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_homes_of_tools(), "__version__"})


def _homes_of_tools() -> dict[str, str]:
    """Return the modules of the tools' functions and results, by their public names."""
    from jesse_nb.core.tools.registry import public_homes

    return {name: home.partition(":")[0] for name, home in public_homes().items()}
