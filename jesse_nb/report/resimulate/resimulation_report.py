"""The reports of a backtest that was simulated again: on rewritten candles, and with other fees."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.report.analyze.analysis_risk_figures import draw_scenarios
from jesse_nb.report.analyze.analysis_risk_tables import fees_table, scenarios_table
from jesse_nb.report.analyze.analysis_words import at_other_fees, on_rewritten_candles
from jesse_nb.report.common.heading import candle_mark, dated, mark_lines
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.provenance import account, market
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import as_text

if TYPE_CHECKING:
    import pandas as pd

    from jesse_nb.core.simulator.spec import BacktestSpec
    from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo
    from jesse_nb.core.tools.resimulate.fee_stress import FeeStress

__all__ = ["FEE_STRESS", "SCENARIOS"]


def _fee_stress_title(result: FeeStress) -> str:
    spec = _spec(result)
    return "Fee stress" if spec is None else f"Fee stress of {spec.routes[0].strategy.name} on {market(spec)}"


def _scenarios_content(result: CandleMonteCarlo) -> dict[str, Any]:
    spec = result.original.spec
    # each scenario has a seed of its own, drawn from the result's
    rewritten = f"candles rewritten: {replace(result.pipeline, seed=result.seed)}"
    return {
        "kind": "Scenarios", "name": result.original.strategy,
        "places": f"{market(spec)}, {account(spec)}, {spec.mode} mode, {rewritten}", **_dated(spec),
        "counts": _counts(result.scenarios, f"{counted(result.planned, 'scenario')} finished", result.planned,
                          result.stopped),
        "said": on_rewritten_candles(result), "table": scenarios_table(result),
        "failures": _failures({f"scenario {number}": str(why)
                               for number, why in result.scenarios["reason"].items() if why}),
        "notes": result.notes,
    }


def _fee_stress_content(result: FeeStress) -> dict[str, Any]:
    spec = _spec(result)
    return {
        "kind": "Fee stress", "name": spec.routes[0].strategy.name if spec is not None else "no run succeeded",
        "places": f"{market(spec)}, {spec.mode} mode" if spec is not None else "", **_dated(spec),
        "counts": _counts(result.table, f"{counted(len(result.table), 'fee')} simulated", len(result.table),
                          result.stopped),
        "said": at_other_fees(result),
        "table": fees_table(result, spec.account.balance if spec is not None else math.nan),
        "failures": _failures({f"{factor:g} times the fee": str(why)
                               for factor, why in result.table["reason"].items() if why}),
        "notes": result.notes,
    }


def _scenarios_text(result: CandleMonteCarlo) -> str:
    content = _scenarios_content(result)
    table = content["table"]
    # the last head is too long for a terminal
    return _text({**content, "table": table._replace(head=(*table.head[:-1], "below real")) if table.rows else table})


def _text(content: Mapping[str, Any]) -> str:
    lines = wrapped(f"{content['kind']}: {content['name']}", content["places"], content["period"])
    lines += mark_lines(content)
    lines += wrapped(content["counts"], *content["said"])
    lines += ["", *as_text(content["table"])] if content["table"].rows else []
    rest = wrapped(*content["failures"], *content["notes"])
    return "\n".join([*lines, *(["", *rest] if rest else [])])


def _spec(result: FeeStress) -> BacktestSpec | None:
    return next((run.spec for run in result.results.values()), None)


def _dated(spec: BacktestSpec | None) -> dict[str, Any]:
    return {"period": dated(spec.start, spec.end) if spec is not None else "",
            **candle_mark(spec)}


def _counts(table: pd.DataFrame, asked: str, planned: int, stopped: str) -> str:
    failed = int(table["reason"].ne("").sum())
    done = f"{len(table):,} of {asked}" if planned != len(table) else asked
    return f"{done}{f', {failed:,} failed' if failed else ''}{f'; stopped: {stopped}' if stopped else ''}."


def _failures(reasons: Mapping[str, str]) -> list[str]:
    """Say what failed and why: those with the same reason together."""
    shared: dict[str, list[str]] = {}
    for name, why in reasons.items():
        shared.setdefault(why, []).append(name)
    return [f"{names[0]}{f' and {len(names) - 1:,} more' if len(names) > 1 else ''} failed: {why}"
            for why, names in shared.items()]


SCENARIOS: Report[CandleMonteCarlo] = Report(
    lambda result: f"Scenarios of {result.original.strategy} on {market(result.original.spec)}",
    _scenarios_text, _scenarios_content, "resimulation.html",
    lambda result: {"scenarios": lambda: draw_scenarios(result)} if result.equity.size else {},
    lambda _: {"scenarios": "Equity on rewritten candles and on the real ones"},
)

FEE_STRESS: Report[FeeStress] = Report(
    _fee_stress_title, lambda result: _text(_fee_stress_content(result)), _fee_stress_content, "resimulation.html",
)
