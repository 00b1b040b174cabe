"""The reports of an optimization and of its sealed days."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from jesse_nb.report.backtest.backtest_figures import draw_equity
from jesse_nb.report.backtest.backtest_tables import metric_cell
from jesse_nb.report.common import provenance
from jesse_nb.report.common.canvas import ReportFigure
from jesse_nb.report.common.heading import dated, heading_content, heading_lines
from jesse_nb.report.common.judgement import judgement_of
from jesse_nb.report.common.labels import label, period, write
from jesse_nb.report.common.numbers import duration, measure, share
from jesse_nb.report.common.plain_text import one_line, wrapped
from jesse_nb.report.common.report import Drawings, Report
from jesse_nb.report.common.tables import Cell, as_text, cell
from jesse_nb.report.optimize import optimize_figures, optimize_tables, overfit_figures, pair_figures
from jesse_nb.report.optimize import optimize_words as words
from jesse_nb.report.optimize.optimize_card import optimize_card
from jesse_nb.report.optimize.optimize_figures import MOST_SLICES

if TYPE_CHECKING:
    from jesse_nb.core.analysis.luck.overfit import OverfitFigures
    from jesse_nb.core.tools.optimize.holdout import OpenedHoldout
    from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

__all__ = ["HOLDOUT", "OPTIMIZE", "optimize_content", "optimize_pictures"]

MOST_TOP_TRIALS = 10
#: Pairs of parameters that are figures; the first of them stands in the report.
_MOST_PAIRS = 10

_IMPORTANCE_METHODS = {
    "fANOVA": "Share of the metric's variation over the whole space that each parameter explains (fANOVA).",
    "PED-ANOVA": "How much each parameter sets the best tenth of the trials apart (PED-ANOVA).",
}


def optimize_content(result: OptimizeResult) -> dict[str, Any]:
    """Return what the template of an optimization takes."""
    frame = optimize_tables.comparison(result)
    comparison = optimize_tables.comparison_table(result, frame)
    measured = result.importances if result.best else None
    hidden = len(result.space.dimensions) - MOST_SLICES
    warnings = words.warnings(result)
    steps = result.plateau.steps if result.plateau else 0
    return {
        **heading_content(result.strategy, result.spec),
        "period": _period(result),
        "run": _run(result),
        "stopped": result.stopped,
        "verdict": judgement_of(result.verdict) if result.verdict else None,
        "earlier": words.earlier_runs(result),
        "tiles": _tiles(result),
        "warnings": warnings,
        "remarks": [said for said in (words.constraints(result), words.front(result), words.sealed(result)) if said],
        "best": result.best is not None,
        "parameters": optimize_tables.best_parameters(result),
        "edge": words.at_the_edge(result),
        "robustness": words.plateau(result),
        "plateau": optimize_tables.plateau_table(result),
        "steps": f"{steps} {'step' if steps == 1 else 'steps'}",
        "compared": _listed(comparison.head[1:]),
        "held_out": words.held_out(result, frame),
        "comparison": comparison,
        "lost": result.test is not None,
        "parity": words.parity(result),
        "apart": words.modes_apart(result),
        "modes": optimize_tables.parity_table(result),
        "importance_reason": measured.reason if measured else "",
        "importance_method": _IMPORTANCE_METHODS[measured.method] if measured and measured.values else "",
        "more_parameters": (f"The first {MOST_SLICES} parameters; {hidden} more are in the history."
                            if hidden > 0 else ""),
        "pair_said": _pair_said(result),
        "top": optimize_tables.top_trials(result, MOST_TOP_TRIALS),
        "failures": optimize_tables.failures(result),
        "notes": [note for note in result.notes if note not in warnings],
    }


def optimize_pictures(result: OptimizeResult) -> dict[str, str]:
    """Return what each figure of an optimization's page shows, for those who cannot see it."""
    metric = result.metrics[0].label
    pictures = {
        "plateau": f"{metric} of the best trials, and of their neighbours",
        "equity": "Growth of the best trial, of its held-out run and of the default parameters",
        "convergence": f"{metric} of each trial, and the best so far",
        "pareto": "Two metrics of each trial, and the Pareto front",
        "slices": f"{metric} against each parameter",
        "pair": f"{metric} over two parameters, and the trials",
        "parallel": f"Parameters and {metric} of each trial as a line",
    }
    if result.overfit is not None:
        pictures["overfit"] = _overfit_picture(result.overfit)
    if result.best is not None and result.importances.values:  # a reason in place of numbers is said in words
        pictures["importances"] = f"Importance of each parameter to {metric}"
    return pictures


def _figures(result: OptimizeResult) -> Drawings:
    figures: dict[str, Callable[[], ReportFigure]] = {}
    known, found, plateau = result.overfit, result.verdict, result.plateau
    if known is not None and found is not None and found.outcome not in ("nothing to judge", "too little data"):
        figures["overfit"] = lambda: overfit_figures.draw_overfit(known)
    if sum(trial.scored for trial in result.trials) > 1:
        figures["convergence"] = lambda: optimize_figures.draw_convergence(result)
        figures["importances"] = lambda: optimize_figures.draw_importances(result)
        figures["slices"] = lambda: optimize_figures.draw_slices(result)
        pairs = pair_figures.pairs_of(result)
        for number, pair in enumerate(pairs[:_MOST_PAIRS]):
            figures["pair" if not number else f"pair {pair[0]} {pair[1]}"] = partial(pair_figures.draw_pair, result,
                                                                                     *pair)
        if len(pairs) > 1:
            figures["parallel"] = lambda: pair_figures.draw_parallel(result)
        if len(result.metrics) == 2:
            figures["pareto"] = lambda: optimize_figures.draw_pareto(result)
    if plateau is not None:
        figures["plateau"] = lambda: overfit_figures.draw_plateau(plateau)
    if result.training is not None or result.default is not None:
        figures["equity"] = lambda: optimize_figures.draw_equity(result)
    return figures


def _text(result: OptimizeResult) -> str:
    spec = result.spec
    held_out = [] if result.test_start is None or result.test_end is None else [
        f"Held out: {period(result.test_start, result.test_end)}"]
    lines = heading_lines(f"Optimization of {result.strategy}: {provenance.market(spec)}", spec, "", *held_out)
    lines += provenance.missing_minutes(spec)
    if result.verdict is not None:
        lines += ["", *wrapped(f"{result.verdict.line[0].upper()}{result.verdict.line[1:]}.", result.verdict.note), ""]
    lines += wrapped(*words.warnings(result))
    failed = sum(trial.state == "failed" for trial in result.trials)
    lines.append(f"{len(result.trials)} of {result.n_trials} trials"
                 f"{f', {failed} failed' if failed else ''}"
                 f"{f', {words.pruned(result)}' if result.pruned else ''}"
                 f"{f', stopped: {one_line(result.stopped)}' if result.stopped else ''}"
                 f"; sampler {result.sampler}, seed {result.seed}")
    if result.best is None:
        lost = optimize_tables.failures(result)
        return "\n".join([*lines, *(as_text(lost, widest=72) if lost.rows else [])])

    scores = ", ".join(f"{one_line(metric.label)} {write(metric.name, value, result.metrics)}"
                       for metric, value in zip(result.metrics, result.best.values, strict=True))
    frame = optimize_tables.comparison(result)
    lines += [f"Best trial {result.best.number}: {scores}", "", *as_text(optimize_tables.best_parameters(result)), "",
              *as_text(optimize_tables.comparison_table(result, frame)), ""]
    lines += wrapped(*words.held_out(result, frame), *words.plateau(result),
                     words.constraints(result), words.front(result), words.at_the_edge(result), words.sealed(result),
                     words.earlier_runs(result), words.parity(result), words.modes_apart(result), *result.notes)
    return "\n".join(lines)


def _holdout_text(result: OpenedHoldout) -> str:
    heading = heading_lines(f"Sealed days of {result.strategy}: {provenance.market(result.spec)}", result.spec)
    return "\n".join([*heading, "", *as_text(optimize_tables.sealed_table(result)), "",
                      *wrapped(words.looks(result.holdout))])


def _holdout_content(result: OpenedHoldout) -> dict[str, Any]:
    return {
        **heading_content(result.strategy, result.spec),
        "looks": words.looks(result.holdout),
        "broken": ", ".join(result.violated),
        "table": optimize_tables.sealed_table(result),
    }


def _period(result: OptimizeResult) -> str:
    training = dated(result.spec.start, result.spec.end)
    if result.test_start is None or result.test_end is None:
        return training
    return f"Training {training}, held out {dated(result.test_start, result.test_end)}"


def _run(result: OptimizeResult) -> str:
    failed = sum(trial.state == "failed" for trial in result.trials)
    reused = sum(trial.reused for trial in result.trials)
    parts = [f"{len(result.trials):,} of {result.n_trials:,} trials"]
    parts += [f"{failed:,} failed"] if failed else []
    parts += [words.pruned(result)] if result.pruned else []
    parts += [f"{reused:,} known already"] if reused else []
    parts += [f"sampler {result.sampler}, seed {result.seed}", f"took {duration(result.elapsed)}"]
    return "; ".join(parts)


def _tiles(result: OptimizeResult) -> list[tuple[str, Cell, str]]:
    if result.best is None:
        return []
    tiles = []
    for position, metric in enumerate(result.metrics[:2]):
        tiles.append((metric.label, cell(write(metric.name, result.best.values[position], result.metrics)), "training"))
        if result.test is not None:
            values = result.top[0].test_values
            value = values[position] if values else None
            tiles.append((metric.label, cell(write(metric.name, value, result.metrics)), "held out"))
    for name in ("net_profit_percentage", "total"):
        if label(name) not in [metric.label for metric in result.metrics[:2]]:
            tiles.append((label(name), metric_cell(name, result.best.metrics.get(name)), "training"))
            if result.test is not None:
                tiles.append((label(name), metric_cell(name, result.test.metrics.get(name)), "held out"))
    return tiles


def _pair_said(result: OptimizeResult) -> str:
    pairs = pair_figures.pairs_of(result)[:_MOST_PAIRS]
    if not pairs:
        return ""
    said = (f"The median {result.metrics[0].label} of the trials in each cell; dots are trials, the star is the best. "
            "Cells without a trial stay empty: nothing is filled in between.")
    others = ", ".join(repr(f"pair {first} {second}") for first, second in pairs[1:4])
    return f"{said} Other pairs: .plot(name) with {others}{' …' if len(pairs) > 4 else ''}." if others else said


def _listed(columns: tuple[str, ...]) -> str:
    """Return a heading that names the columns that are there."""
    names = [name for name in columns if name != "edge lost"]
    joined = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
    return f"{joined[0].upper()}{joined[1:]}"


def _overfit_picture(figures: OverfitFigures) -> str:
    said = (f"The best of {max(round(figures.independent_trials), 1):,} independent trials without skill is expected "
            f"to show a Sharpe ratio of {measure(figures.lucky_sharpe, 'ratio')}; trial {figures.chosen} shows "
            f"{measure(figures.chosen_sharpe, 'ratio')}, beside a histogram of all trials' Sharpe ratios.")
    if figures.overfitting.reason:
        return said
    return (f"{said} Histogram of the logits of the rank out-of-sample of each split's best trial: "
            f"{share(figures.overfitting.probability)} are at or below the median.")


OPTIMIZE: Report[OptimizeResult] = Report(
    lambda result: f"{result.strategy} on {provenance.market(result.spec)}", _text, optimize_content, "optimize.html",
    _figures, optimize_pictures, optimize_card,
)

HOLDOUT: Report[OpenedHoldout] = Report(
    lambda result: f"{result.strategy} on {provenance.market(result.spec)}", _holdout_text, _holdout_content,
    "holdout.html", lambda result: {"equity": lambda: draw_equity(result.best)} if len(result.best.equity) else {},
    lambda _: {"equity": "Equity curve on the sealed days, and the drawdown beneath it"},
    lambda result: provenance.spec_card(result.best.spec, result.best.card),
)
