"""What goes into the reports of an optimization and of its sealed days, as templates take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.report.backtest.backtest_tables import metric_cell
from jesse_nb.report.common import provenance
from jesse_nb.report.common.judgement import judgement_of
from jesse_nb.report.common.labels import days, label, period, write
from jesse_nb.report.common.numbers import duration, measure, share
from jesse_nb.report.common.tables import Cell, cell
from jesse_nb.report.optimize import optimize_tables
from jesse_nb.report.optimize import optimize_words as words
from jesse_nb.report.optimize.optimize_figures import MOST_SLICES

if TYPE_CHECKING:
    from jesse_nb.core.analysis.luck.overfit import OverfitFigures
    from jesse_nb.core.tools.optimize.holdout import OpenedHoldout
    from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

__all__ = ["holdout_content", "optimize_content", "optimize_pictures"]

MOST_TOP_TRIALS = 10

_IMPORTANCE_METHODS = {
    "fANOVA": "Share of the metric's variation over the whole space that each parameter explains (fANOVA).",
    "PED-ANOVA": "How much each parameter sets the best tenth of the trials apart (PED-ANOVA).",
}


def optimize_content(result: OptimizeResult) -> dict[str, Any]:
    """Return what the template of an optimization takes, but for its heading and pictures."""
    frame = optimize_tables.comparison(result)
    comparison = optimize_tables.comparison_table(result, frame)
    measured = result.importances if result.best else None
    hidden = len(result.space.dimensions) - MOST_SLICES
    warnings = words.warnings(result)
    steps = result.plateau.steps if result.plateau else 0
    return {
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
        "top": optimize_tables.top_trials(result, MOST_TOP_TRIALS),
        "failures": optimize_tables.failures(result),
        "notes": [note for note in result.notes if note not in warnings],
        "card": provenance.optimize_card(result),
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
    }
    if result.overfit is not None:
        pictures["overfit"] = _overfit_picture(result.overfit)
    if result.best is not None and result.importances.values:  # a reason in place of numbers is said in words
        pictures["importances"] = f"Importance of each parameter to {metric}"
    return pictures


def holdout_content(result: OpenedHoldout) -> dict[str, Any]:
    """Return what the template of opened sealed days takes, but for its heading and picture."""
    return {
        "looks": words.looks(result.holdout),
        "broken": ", ".join(result.violated),
        "table": optimize_tables.sealed_table(result),
        "card": provenance.backtest_card(result.best),
    }


def _period(result: OptimizeResult) -> str:
    training = f"{period(result.spec.start, result.spec.end)} ({days(result.spec.start, result.spec.end)})"
    if result.test_start is None or result.test_end is None:
        return training
    return (f"Training {training}, held out {period(result.test_start, result.test_end)} "
            f"({days(result.test_start, result.test_end)})")


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
