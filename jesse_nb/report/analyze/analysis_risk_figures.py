"""The figures of an analysis that say what else could have happened."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    ReportFigure,
    axis_in,
    date_axis,
    legend,
    new_figure,
)

if TYPE_CHECKING:
    from jesse_nb.core.analysis.resampling.monte_carlo import MonteCarlo
    from jesse_nb.core.tools.analyze.analysis_result import Analysis
    from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo

__all__ = ["PANELS", "draw_fan", "draw_outcome", "draw_outcomes", "draw_range", "draw_scenarios", "drawn", "fan_of"]

PANELS = (("final_equity", "equity at the end", "currency", MAIN),
           ("max_drawdown", "deepest drawdown", "percent", BAD))
#: Fewer values than this are drawn one by one.
_FEWEST_FOR_A_SHAPE = 30
#: More curves than this hide each other.
_MOST_CURVES = 100


def drawn(analysis: Analysis) -> list[MonteCarlo]:
    """Return the Monte Carlo methods that gave paths."""
    return [resampled
            for resampled in analysis.deep.monte_carlo if not resampled.reason] if analysis.deep is not None else []


def fan_of(analysis: Analysis) -> MonteCarlo | None:
    """Return the method whose paths are shown: of days in blocks where there is one, else of trades."""
    spread = {one.method: one for one in drawn(analysis) if one.method != "trade shuffle"}
    return spread.get("stationary bootstrap") or next(iter(spread.values()), None)


def draw_fan(analysis: Analysis) -> ReportFigure:
    """Draw the range of the resampled equity curves, and the one that happened."""
    shown = fan_of(analysis)
    assert shown is not None
    figure, (ax,) = new_figure(3.6)
    draw_range(ax, shown, analysis.run.balance)
    ax.set_ylabel("equity")
    axis_in(ax.yaxis, "currency")
    legend(ax)
    return figure


def draw_range(ax: Axes, shown: MonteCarlo, balance: float) -> None:
    """Draw the range of paths, and the one that happened, from their beginning at ``balance``."""
    fan = shown.fan
    for low, high, strength in (("5%", "95%", 0.18), ("25%", "75%", 0.3)):
        ax.fill_between(fan.index, fan[low], fan[high], color=MAIN, alpha=strength, linewidth=0,
                        label=f"{low} to {high} of the paths")
    ax.plot(fan.index, fan["50%"], color=MAIN, linewidth=1.4, label="median")
    if fan["actual"].notna().any():
        ax.plot(fan.index, fan["actual"], color=BEST, linewidth=1.8, label="what happened")
    ax.axhline(balance, color=INK, alpha=0.6, linewidth=0.8)
    ax.set_xlabel(f"{shown.unit} from the start")
    ax.margins(x=0)
    axis_in(ax.xaxis, "", ticks=8)


class _Row(NamedTuple):
    """One method's outcomes: values by figure, and what happened."""

    name: str
    values: dict[str, NDArray[np.float64]]
    actual: dict[str, float]


def draw_outcomes(analysis: Analysis) -> ReportFigure:
    """Draw the distributions of final equity and deepest drawdown by method, and where the run itself stands."""
    rows = _rows(analysis)
    figure, axes = new_figure(0.9 + 0.62 * len(rows), 1, 2, sharey=True)
    for ax, (name, title, unit, colour) in zip(axes, PANELS, strict=True):
        for place, row in enumerate(rows):
            draw_outcome(ax, place, row.values[name], row.actual[name], colour)
        ax.set_title(title, fontsize=10)
        ax.set_yticks(range(len(rows)), [row.name for row in rows])
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False)
        ax.spines["left"].set_visible(False)
        axis_in(ax.xaxis, unit, ticks=6)
    axes[0].axvline(analysis.run.balance, color=INK, linewidth=0.9, alpha=0.7)
    axes[0].set_ylim(len(rows) - 0.75, -0.85)
    axes[1].set_xlim(right=0)
    return figure


def _rows(analysis: Analysis) -> list[_Row]:
    assert analysis.deep is not None
    rows = []
    for one in drawn(analysis):
        values = {name: one.samples[name].to_numpy(dtype=float) for name, *_ in PANELS}
        actual = {name: float(one.distributions["actual"][name]) for name, *_ in PANELS}
        rows.append(_Row(one.method.replace(" ", "\n", 1), values, actual))
    if analysis.deep.scenarios is not None:
        table, original = analysis.deep.scenarios.scenarios, analysis.deep.scenarios.original.metrics
        known = table.dropna(subset=["final_equity"])
        if len(known):
            rows.append(_Row("rewritten\ncandles", {name: known[name].to_numpy(dtype=float) for name, *_ in PANELS}, {
                "final_equity": float(original.get("finishing_balance") or math.nan),
                "max_drawdown": float(original.get("max_drawdown", math.nan))}))
    return rows


def draw_outcome(ax: Axes, place: int, values: NDArray[np.float64], actual: float, colour: str) -> None:
    """Draw one distribution standing on its row, with its quartiles, and what happened as a line."""
    finite = values[np.isfinite(values)]
    if len(finite) < _FEWEST_FOR_A_SHAPE:
        ax.scatter(finite, np.full(len(finite), place), s=22, color=colour, alpha=0.7, linewidths=0)
    elif np.ptp(finite) > 1e-9 * max(abs(float(finite[0])), 1.0):
        low, high = np.quantile(finite, [0.002, 0.998])
        counts, edges = np.histogram(np.clip(finite, low, high), bins=50)
        heights = place - 0.68 * counts / counts.max()
        ax.fill_between(edges, np.append(heights, heights[-1]), place, step="post", color=colour, alpha=0.35,
                        linewidth=0)
        ax.plot(np.quantile(finite, [0.25, 0.75]), [place, place], color=colour, linewidth=3.0, solid_capstyle="butt")
        ax.plot(float(np.median(finite)), place, marker="o", color=colour, markersize=5)
    else:
        ax.text(float(finite[0]), place - 0.12, " the same in every order", color=INK, fontsize=8, va="bottom")
    if math.isfinite(actual):
        ax.plot([actual, actual], [place + 0.06, place - 0.72], color=BEST, linewidth=2.0)


def draw_scenarios(scenarios: CandleMonteCarlo) -> ReportFigure:
    """Draw the equity on each rewritten market, and on the real one."""
    figure, (ax,) = new_figure(3.4)
    curves: pd.DataFrame = scenarios.equity.iloc[:, :_MOST_CURVES]
    balance = scenarios.original.spec.account.balance
    strength = float(np.clip(12 / max(curves.shape[1], 1), 0.12, 0.6))
    ends = scenarios.equity.iloc[-1]
    for name, colour, own in (("ends with a gain", GOOD, ends > balance), ("ends with a loss", BAD, ends <= balance)):
        chosen = curves.loc[:, own[curves.columns]]
        for place, column in enumerate(chosen.columns):
            ax.plot(chosen.index, chosen[column], color=colour, alpha=strength, linewidth=1.0,
                    label=f"{name} ({int(own.sum()):,})" if place == 0 else None)
    real = scenarios.original.equity
    ax.plot(real.index, real, color=BEST, linewidth=1.9, label="on the real candles")
    ax.axhline(balance, color=INK, alpha=0.6, linewidth=0.8)
    ax.set_ylabel("equity")
    ax.margins(x=0.02)
    axis_in(ax.yaxis, "currency")
    date_axis(ax)
    legend(ax)
    return figure
