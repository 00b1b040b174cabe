"""Which tools and results there are: the one list that all surfaces and reports are made from."""

from __future__ import annotations

from collections.abc import Iterator

from jesse_nb.core.tools.declaration.candle_tools import IMPORT_FILES, PREVIEW_FILES
from jesse_nb.core.tools.declaration.market_tools import (
    CORRELATION_MATRIX,
    FACTOR_ANALYSIS,
    PORTFOLIO,
    REGIME_DETECTOR,
)
from jesse_nb.core.tools.declaration.parameter import Parameter
from jesse_nb.core.tools.declaration.record_tools import COMPARE
from jesse_nb.core.tools.declaration.result_tools import ANALYZE_RESULTS, CANDLE_MONTE_CARLO, CHECK_CANDLES, FEE_STRESS
from jesse_nb.core.tools.declaration.risk_report_tool import RISK_REPORT
from jesse_nb.core.tools.declaration.risk_tools import MONTE_CARLO, STRESS_TEST, VAR_CALCULATION
from jesse_nb.core.tools.declaration.run_tools import BACKTEST, BACKTEST_BATCH, CHECK_STRATEGY
from jesse_nb.core.tools.declaration.study_tools import OPTIMIZE, PAIRS_BACKTEST, WALK_FORWARD
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.declaration.trading.trading_tools import COMPARE_LIVE

__all__ = ["ANALYZE_RESULTS", "BACKTEST", "BACKTEST_BATCH", "CANDLE_MONTE_CARLO", "CHECK_CANDLES", "CHECK_STRATEGY",
           "COMPARE", "COMPARE_LIVE", "CORRELATION_MATRIX", "FACTOR_ANALYSIS", "FEE_STRESS", "IMPORT_FILES",
           "MONTE_CARLO", "OPTIMIZE", "PAIRS_BACKTEST", "PORTFOLIO", "PREVIEW_FILES", "REGIME_DETECTOR", "RISK_REPORT",
           "STRESS_TEST", "TOOLS", "VAR_CALCULATION", "WALK_FORWARD", "parameters_named", "public_homes",
           "report_of_class", "settings", "title_of_job", "tool_of_magic"]

#: By their names in Python. Surfaces read it when they are asked, so what is added here is there at once.
TOOLS: dict[str, Tool] = {tool.name: tool for tool in (
    BACKTEST, OPTIMIZE, WALK_FORWARD, BACKTEST_BATCH, ANALYZE_RESULTS, CANDLE_MONTE_CARLO, FEE_STRESS, CHECK_CANDLES,
    CHECK_STRATEGY, MONTE_CARLO, STRESS_TEST, VAR_CALCULATION, CORRELATION_MATRIX, IMPORT_FILES, PREVIEW_FILES,
    PORTFOLIO, REGIME_DETECTOR, FACTOR_ANALYSIS, PAIRS_BACKTEST, RISK_REPORT, COMPARE, COMPARE_LIVE,
)}

#: Results that no tool gives, and where their reports are.
_OTHER_RESULTS = {
    "jesse_nb.core.tools.resimulate.exploration:Exploration":
        "jesse_nb.report.resimulate.explorer_report:EXPLORATION",
    "jesse_nb.core.tools.trading.to_project:ProjectStrategy":
        "jesse_nb.report.trading.project_report:PROJECT_STRATEGY",
}

#: What stands above jobs that are no tool's.
_OTHER_JOBS = {"fetch": "Download"}


def tool_of_magic(magic: str) -> Tool | None:
    """Return the tool that a magic runs; None for a magic that runs none."""
    return next((tool for tool in TOOLS.values() if magic in tool.magics), None)


def title_of_job(kind: str) -> str:
    """Return what stands above a job of this kind."""
    titles = {tool.job_kind: tool.running or tool.title for tool in TOOLS.values()}
    return titles.get(kind) or _OTHER_JOBS.get(kind) or kind.replace("_", " ").capitalize()


def public_homes() -> dict[str, str]:
    """Return where each tool's function and the classes of its results are, ``module:name``, by their public names."""
    homes = {tool.name: tool.home for tool in TOOLS.values()}
    return homes | {home.partition(":")[2]: home for tool in TOOLS.values() for home in tool.results}


def report_of_class(kind: type) -> str | None:
    """Return where the report of a class of results is, ``module:name``; None where it has none."""
    reports = dict(_OTHER_RESULTS)
    for tool in TOOLS.values():
        reports |= tool.results
    return next((reports[home] for home in (f"{base.__module__}:{base.__qualname__}" for base in kind.__mro__)
                 if home in reports), None)


def parameters_named(name: str) -> Iterator[Parameter]:
    """Yield what the tools declare under a name."""
    return (parameter for tool in TOOLS.values() for parameter in tool.parameters if parameter.name == name)


def settings() -> dict[str, Parameter]:
    """Return what ``%config JesseNb`` can set, by the setting's name: the first tool that has it describes it."""
    found: dict[str, Parameter] = {}
    for tool in TOOLS.values():
        for parameter in tool.parameters:
            if parameter.setting:
                found.setdefault(parameter.setting, parameter)
    return found
