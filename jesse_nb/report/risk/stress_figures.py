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

__all__ = ["run_name", "stress_plots", "undrawn"]

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
    """Draw what each run lost from where the stress began to its lowest point and to its end, in percent."""
    known = result.table[result.table["loss"].notna()]
    figure, (ax,) = new_figure(0.9 + 0.3 * len(known))
    for place, (_, row) in enumerate(known.iterrows()):
        first, deepest, end = (float(row[name]) for name in ("loss", "deepest_loss", "end_loss"))
        named = [None] * 3 if place else ["until a day after it", "until the run's end", "at the run's end"]
        ax.barh(place, deepest, height=0.6, color=BAD, alpha=0.3, linewidth=0, label=named[1])
        ax.barh(place, first, height=0.6, color=BAD, alpha=0.7, linewidth=0, label=named[0])
        ax.plot([end], [place], marker="|", color=INK, markersize=11, markeredgewidth=1.6, linestyle="none",
                label=named[2])
        ruined = ", ruined" if row["ruined_at"] == row["ruined_at"] else ""
        ax.text(max(deepest, first), place, f" {deepest:.1f}%{ruined}", va="center", color=INK, fontsize=9)
    ax.set_yticks(range(len(known)), [literal(run_name(row), 48) for _, row in known.iterrows()])
    ax.set_ylim(len(known) - 0.4, -0.6)
    ax.axvline(0.0, color=INK, alpha=0.6, linewidth=0.8)  # a run that ended higher than it began has its mark before it
    ax.set_xlim(min(float(known["end_loss"].min()) * 1.1, 0.0), max(float(known["deepest_loss"].max()) * 1.18, 1.0))
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("loss from where the stress began to the lowest equity")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    legend(ax, 3)
    return figure


def draw_equity(result: StressTest) -> ReportFigure:
    """Draw the equity of the runs over the original's days, a mark where each stress began."""
    figure, (ax,) = new_figure(3.8)
    for number, colour in zip(_drawn(result), _COLOURS, strict=False):
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


def _drawn(result: StressTest) -> list[int]:
    """Return the runs whose equity is drawn, in the table's order: where they are many, those that fell deepest."""
    own = _over_the_same_days(result)
    if len(own) <= _MOST_DRAWN:
        return own
    worst = result.table.loc[own, "deepest_loss"].astype(float).nlargest(_MOST_DRAWN).index
    return [number for number in own if number in worst]


def undrawn(result: StressTest) -> int:
    """Count the runs over the original's days that are not drawn."""
    return len(_over_the_same_days(result)) - len(_drawn(result))


def _over_the_same_days(result: StressTest) -> list[int]:
    began = result.original.equity.index[0]
    return [number for number, run in result.results.items() if run.equity.index[0] == began]
