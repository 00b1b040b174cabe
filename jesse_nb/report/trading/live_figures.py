"""The figures of live trades beside their backtest: what both earned, and what each fill cost by slippage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    INK,
    MAIN,
    OTHER,
    ReportFigure,
    axis_in,
    date_axis,
    legend,
    new_figure,
)

if TYPE_CHECKING:
    from jesse_nb.core.tools.trading.live_comparison import LiveComparison

__all__ = ["draw_paths", "draw_slippage"]


def draw_paths(found: LiveComparison) -> ReportFigure:
    """Draw what the trades of both sides gained, one after the other, in percent of each position before fees."""
    figure, (ax,) = new_figure(3.0)
    ax.axhline(0.0, color=INK, alpha=0.6, linewidth=0.8)
    for whose, colour, name in (("backtest", MAIN, "backtest"), ("live", BEST, "live")):
        rows = found.trades[found.trades[f"closed_{whose}"].notna()].sort_values(f"closed_{whose}")
        sign = np.where(rows["side"] == "long", 1.0, -1.0)
        prices: Any = rows[f"exit_{whose}"].astype(float) / rows[f"entry_{whose}"].astype(float) - 1
        gained = np.cumsum(sign * prices.to_numpy() * 100)
        ax.step(rows[f"closed_{whose}"], gained, where="post", color=colour, linewidth=1.6, marker=".", label=name)
    ax.set_ylabel("sum of price moves")
    axis_in(ax.yaxis, "percent")
    date_axis(ax)
    legend(ax)
    return figure


def draw_slippage(found: LiveComparison) -> ReportFigure:
    """Draw the slippage of each fill over time, and the mean with its interval."""
    figure, (ax,) = new_figure(3.0)
    ax.axhline(0.0, color=INK, alpha=0.6, linewidth=0.8)
    mean: Any = found.slippage.loc["all"]
    if not pd.isna(mean["low"]):
        ax.axhspan(mean["low"], mean["high"], color=BAD, alpha=0.15, linewidth=0)
    ax.axhline(mean["mean"], color=BAD, linewidth=1.2, label="mean, 95 % interval")
    for fill, colour, marker in (("entry", MAIN, "o"), ("exit", OTHER, "s")):
        part = found.fills[found.fills["fill"] == fill]
        ax.scatter(part["moment"], part["slippage"], s=16, color=colour, marker=marker, label=fill, zorder=3)
    ax.set_ylabel("slippage, basis points")
    date_axis(ax)
    legend(ax)
    return figure
