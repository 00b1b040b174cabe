"""Results as plain text: the same every time, without times, ids or how long anything took."""

from __future__ import annotations

import textwrap
from functools import singledispatch
from typing import Any

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.analyze.analysis_result import Analysis
from jesse_nb.core.tools.batch.batch_result import BatchComparison, BatchResult
from jesse_nb.core.tools.candles.check_candles import CandleCheck
from jesse_nb.core.tools.check.strategy_check import StrategyCheck
from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult
from jesse_nb.core.tools.optimize.holdout import OpenedHoldout
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo
from jesse_nb.core.tools.resimulate.exploration import Exploration
from jesse_nb.core.tools.resimulate.fee_stress import FeeStress
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.report.analyze.analysis_report import analysis_text
from jesse_nb.report.backtest.backtest_tables import MAIN
from jesse_nb.report.batch import batch_tables
from jesse_nb.report.candles.candle_check import check_text
from jesse_nb.report.check.check_report import strategy_check_text
from jesse_nb.report.common.audit_words import audit_remarks, audit_warnings
from jesse_nb.report.common.labels import label, period, write
from jesse_nb.report.common.numbers import UNDEFINED
from jesse_nb.report.common.provenance import account, given_hyperparameters, market
from jesse_nb.report.common.tables import Table, as_text, cell
from jesse_nb.report.optimize import optimize_tables
from jesse_nb.report.optimize import optimize_words as words
from jesse_nb.report.optimize.optimize_tables import best_parameters, comparison, comparison_table, failures
from jesse_nb.report.optimize.optimize_words import SYNTHETIC
from jesse_nb.report.resimulate.explorer_report import exploration_text
from jesse_nb.report.resimulate.resimulation_report import fee_stress_text, scenarios_text
from jesse_nb.report.walk_forward.walk_forward_report import cpcv_text, walk_forward_text

__all__ = ["text"]


@singledispatch
def text(result: Any) -> str:
    """Return a stable plain-text summary of a result."""
    raise TypeError(f"No report is known for a {type(result).__name__}.")


def _missing(spec: BacktestSpec) -> list[str]:
    """Say how many minutes have no candle, and what was done about it."""
    missing = sum(part.missing for part in spec.candles)
    done = "filled with flat candles of zero volume" if spec.gaps == "fill" else "left out"
    return [f"{missing:,} minutes without a candle, {done}."] if missing else []


@text.register
def _(result: BacktestResult) -> str:
    spec = result.spec
    lines = [f"Backtest of {_line(result.strategy)}: {_line(market(spec))}",
             f"{period(spec.start, spec.end)}, {account(spec)}, {spec.mode} mode"]
    lines += _wrapped(f"Hyperparameters: {_line(given_hyperparameters(spec))}") if spec.hyperparameters else []
    lines += [f"SYNTHETIC DATA. {SYNTHETIC}"] if spec.synthetic else []
    lines += _missing(spec) + _wrapped(*audit_warnings(result.audit, spec), *audit_remarks(result.audit))
    lines += _wrapped(*result.card.notes)
    if not result.metrics.get("total"):
        return "\n".join([*lines, "No trade was closed, so Jesse gives no ratios."])
    rows = tuple((cell(label(name)), cell(write(name, result.metrics[name])))
                 for name in MAIN if name in result.metrics)
    return "\n".join([*lines, *as_text(Table(("", ""), rows))[1:]])


@text.register
def _(result: OptimizeResult) -> str:
    spec = result.spec
    lines = [f"Optimization of {_line(result.strategy)}: {_line(market(spec))}",
             f"{period(spec.start, spec.end)}, {account(spec)}, {spec.mode} mode"]
    if result.test_start is not None and result.test_end is not None:
        lines.append(f"Held out: {period(result.test_start, result.test_end)}")
    lines += [f"SYNTHETIC DATA. {SYNTHETIC}"] if spec.synthetic else []
    lines += _missing(spec)
    if result.verdict is not None:
        lines += ["", *_wrapped(f"{result.verdict.line[0].upper()}{result.verdict.line[1:]}."),
                  *_wrapped(result.verdict.note), ""]
    lines += _wrapped(*words.warnings(result))
    failed = sum(trial.state == "failed" for trial in result.trials)
    lines.append(f"{len(result.trials)} of {result.n_trials} trials"
                 f"{f', {failed} failed' if failed else ''}"
                 f"{f', {words.pruned(result)}' if result.pruned else ''}"
                 f"{f', stopped: {_line(result.stopped)}' if result.stopped else ''}"
                 f"; sampler {result.sampler}, seed {result.seed}")
    if result.best is None:
        lost = failures(result)
        return "\n".join([*lines, *(as_text(lost, widest=72) if lost.rows else [])])

    scores = ", ".join(f"{_line(metric.label)} {write(metric.name, value, result.metrics)}"
                       for metric, value in zip(result.metrics, result.best.values, strict=True))
    frame = comparison(result)
    lines += [f"Best trial {result.best.number}: {scores}", "", *as_text(best_parameters(result)), "",
              *as_text(comparison_table(result, frame)), ""]
    lines += _wrapped(*words.held_out(result, frame), *words.plateau(result),
                      words.constraints(result), words.front(result), words.at_the_edge(result), words.sealed(result),
                      words.earlier_runs(result), words.parity(result), *result.notes)
    return "\n".join(lines)


@text.register
def _(result: OpenedHoldout) -> str:
    spec, table = result.spec, optimize_tables.sealed_table(result)
    return "\n".join([f"Sealed days of {_line(result.strategy)}: {_line(market(spec))}",
                      f"{period(spec.start, spec.end)}, {account(spec)}, {spec.mode} mode",
                      *([f"SYNTHETIC DATA. {SYNTHETIC}"] if spec.synthetic else []), "", *as_text(table), "",
                      *_wrapped(words.looks(result.holdout))])


@text.register
def _(result: BatchResult) -> str:
    lines = [f"Batch: {_line(batch_tables.subject(result))}",
             f"{batch_tables.periods(result)}, {account(result)}, {result.mode} mode"]
    lines += [f"SYNTHETIC DATA. {SYNTHETIC}"] if result.synthetic else []
    lines.append(batch_tables.counts(result) + (f"; stopped: {result.stopped}" if result.stopped else ""))
    top, stability = batch_tables.top_table(result, 5), batch_tables.stability_table(result)
    lines += ["", *as_text(top)] if top.rows else ["No combination has a value."]
    lines += ["", *as_text(batch_tables.statistics_table(result))] if result.finished else []
    lines += ["", *as_text(stability)] if stability.rows else []
    failed = batch_tables.failures_table(result)
    lines += ["", "Failed:", *as_text(failed, widest=96)[1:]] if failed.rows else []
    for sentence in (*batch_tables.caveats(result), *result.notes):
        lines += ["", *textwrap.wrap(sentence, width=96)]
    return "\n".join(lines)


@text.register
def _(result: BatchComparison) -> str:
    return f"{result.metric.label}\n{result.table.to_string(na_rep=UNDEFINED)}"


text.register(WalkForwardResult, walk_forward_text)
text.register(CpcvResult, cpcv_text)
text.register(Analysis, analysis_text)
text.register(CandleCheck, check_text)
text.register(StrategyCheck, strategy_check_text)
text.register(CandleMonteCarlo, scenarios_text)
text.register(FeeStress, fee_stress_text)
text.register(Exploration, exploration_text)


def _wrapped(*sentences: str) -> list[str]:
    return [line for sentence in sentences for line in textwrap.wrap(sentence, width=96)]


def _line(name: str) -> str:
    """Keep a name on one line."""
    return " ".join(name.split())
