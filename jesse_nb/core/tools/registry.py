"""Which tools there are: the one list that magics, command line, forms, completion and help are made from."""

from __future__ import annotations

from jesse_nb.core.tools.declaration.parameter import Parameter
from jesse_nb.core.tools.declaration.result_tools import ANALYZE_RESULTS, CANDLE_MONTE_CARLO, CHECK_CANDLES, FEE_STRESS
from jesse_nb.core.tools.declaration.run_tools import BACKTEST, BACKTEST_BATCH, CHECK_STRATEGY
from jesse_nb.core.tools.declaration.study_tools import OPTIMIZE, WALK_FORWARD
from jesse_nb.core.tools.declaration.tool import Tool

__all__ = ["ANALYZE_RESULTS", "BACKTEST", "BACKTEST_BATCH", "CANDLE_MONTE_CARLO", "CHECK_CANDLES", "CHECK_STRATEGY",
           "FEE_STRESS", "OPTIMIZE", "TOOLS", "WALK_FORWARD", "settings", "tool_of_magic"]  # fmt: skip

#: By their names in Python.
TOOLS: dict[str, Tool] = {tool.name: tool for tool in (
    BACKTEST, OPTIMIZE, WALK_FORWARD, BACKTEST_BATCH, ANALYZE_RESULTS, CANDLE_MONTE_CARLO, FEE_STRESS, CHECK_CANDLES,
    CHECK_STRATEGY,
)}  # fmt: skip


def tool_of_magic(magic: str) -> Tool | None:
    """Return the tool that a magic runs; None for a magic that runs none."""
    return next((tool for tool in TOOLS.values() if magic in tool.magics), None)


def settings() -> dict[str, Parameter]:
    """Return what ``%config JesseNb`` can set, by the setting's name: the first tool that has it describes it."""
    found: dict[str, Parameter] = {}
    for tool in TOOLS.values():
        for one in tool.parameters:
            if one.setting:
                found.setdefault(one.setting, one)
    return found
