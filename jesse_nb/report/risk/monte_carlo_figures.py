"""The figures of a Monte Carlo: the range of paths of both questions, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jesse_nb.report.analyze.analysis_risk_figures import PANELS, draw_outcome, draw_range, draw_scenarios
from jesse_nb.report.common.canvas import INK, ReportFigure, axis_in, legend_columns, new_figure

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.monte_carlo import Outcomes, RiskMonteCarlo

__all__ = ["monte_carlo_plots", "questions_of"]


def monte_carlo_plots(result: RiskMonteCarlo) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    figures: dict[str, Callable[[], ReportFigure]] = {}
    if questions_of(result):
        figures["fan"] = lambda: draw_fans(result)
        figures["outcomes"] = lambda: draw_outcomes(result)
    scenarios = result.scenarios
    if scenarios is not None and scenarios.equity.size:
        figures["scenarios"] = lambda: draw_scenarios(scenarios)
    return figures


def questions_of(result: RiskMonteCarlo) -> dict[str, Outcomes]:
    """Return the questions that have an answer, by what they are called."""
    asked = {"this period": result.period, "next period": result.projection}
    return {name: question for name, question in asked.items() if question is not None}


def draw_fans(result: RiskMonteCarlo) -> ReportFigure:
    """Draw the range of paths of each question, and the path that happened."""
    asked = questions_of(result)
    figure, axes = new_figure(3.6, 1, len(asked), sharey=True)
    for ax, (name, one) in zip(axes, asked.items(), strict=True):
        draw_range(ax, one.paths, one.balance)
        ax.set_xlabel(f"{name}: {one.paths.unit} from its start")
        ax.axhline(one.balance * (1.0 - result.ruin / 100.0), color=INK, linewidth=1.0, linestyle=":",
                   label=f"{result.ruin:g}% lost")
        if result.target is not None:
            ax.axhline(one.balance * (1.0 + result.target / 100.0), color=INK, linewidth=1.0, linestyle="--",
                       label=f"{result.target:g}% gained")
        axis_in(ax.xaxis, "", ticks=6)
    axes[0].set_ylabel("equity")
    axis_in(axes[0].yaxis, "currency")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=legend_columns(names, 4), frameon=False,
                  fontsize=9, labelcolor=INK)
    return figure


def draw_outcomes(result: RiskMonteCarlo) -> ReportFigure:
    """Draw final equity and deepest drawdown of each question, and where the run itself stands."""
    asked = questions_of(result)
    figure, axes = new_figure(0.9 + 0.75 * len(asked), 1, 2, sharey=True)
    for ax, (name, title, unit, colour) in zip(axes, PANELS, strict=True):
        for place, question in enumerate(asked.values()):
            draw_outcome(ax, place, question.paths.samples[name].to_numpy(dtype=float),
                         float(question.paths.distributions["actual"][name]), colour)
        ax.set_title(title, fontsize=10)
        ax.set_yticks(range(len(asked)), list(asked))
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False)
        ax.spines["left"].set_visible(False)
        axis_in(ax.xaxis, unit, ticks=6)
    axes[0].set_ylim(len(asked) - 0.75, -0.85)
    axes[1].set_xlim(right=0)
    return figure
