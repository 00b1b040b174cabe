"""The figures of a stress test: equity under each scenario beside what it was, and the losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    OTHER,
    ReportFigure,
    axis_in,
    date_axis,
    legend,
    literal,
    new_figure,
)

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.stress_test import StressTest

__all__ = ["run_name", "stress_plots"]

_COLOURS = (MAIN, BAD, OTHER, GOOD, "#7a8b00", "#c2549d", "#8a6d3b", INK)
_MOST_DRAWN = len(_COLOURS)


def stress_plots(result: StressTest) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    figures: dict[str, Callable[[], ReportFigure]] = {}
    if len(result.table) and result.table["loss"].notna().any():
        figures["losses"] = lambda: draw_losses(result)
    if _over_the_same_days(result):
        figures["equity"] = lambda: draw_equity(result)
    return figures


def run_name(row: Any) -> str:
    """Return what a run is called: its scenario, and when it began where there are several."""
    name = str(row["scenario"])
    return name if not row["why"] or row["why"] == "as asked for" else f"{name}, {row['why']}"


def draw_losses(result: StressTest) -> ReportFigure:
    """Draw what each run lost from where the stress began to its lowest point, in percent."""
    known = result.table[result.table["loss"].notna()]
    figure, (ax,) = new_figure(0.7 + 0.3 * len(known))
    for place, (_, row) in enumerate(known.iterrows()):
        ruined = row["ruined_at"] == row["ruined_at"]
        loss = float(row["loss"])
        ax.barh(place, loss, height=0.6, color=BAD, alpha=0.9 if ruined else 0.55, linewidth=0)
        ax.text(loss, place, f" {loss:.1f}%{', ruined' if ruined else ''}", va="center", color=INK, fontsize=9)
    ax.set_yticks(range(len(known)), [literal(run_name(row), 48) for _, row in known.iterrows()])
    ax.set_ylim(len(known) - 0.4, -0.6)
    ax.set_xlim(0, max(float(known["loss"].max()) * 1.18, 1.0))
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("loss from where the stress began to the lowest equity until a day after it")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    return figure


def draw_equity(result: StressTest) -> ReportFigure:
    """Draw the equity of the runs over the original's days, a mark where each stress began."""
    figure, (ax,) = new_figure(3.8)
    for number, colour in zip(_over_the_same_days(result)[:_MOST_DRAWN], _COLOURS, strict=False):
        row, equity = result.table.loc[number], result.results[number].equity
        ax.plot(equity.index, equity, color=colour, linewidth=1.3, alpha=0.9, label=literal(run_name(row), 40))
        if row["why"]:
            began: Any = row["began"]
            ax.plot(began, row["equity_before"], marker="v", color=colour, markersize=7, linestyle="none")
    real = result.original.equity
    ax.plot(real.index, real, color=BEST, linewidth=1.9, label="as it was")
    ax.axhline(result.spec.account.balance, color=INK, alpha=0.6, linewidth=0.8)
    ax.set_ylabel("equity")
    ax.margins(x=0.02)
    ax.set_ylim(bottom=min(0.0, float(np.nanmin(ax.get_ylim()))) if result.table["ruined_at"].notna().any() else None)
    axis_in(ax.yaxis, "currency")
    date_axis(ax)
    legend(ax, 3)
    return figure


def _over_the_same_days(result: StressTest) -> list[int]:
    return [number for number, run in result.results.items() if run.spec.start == result.spec.start]
