"""The figures of a backtest of pairs: spread and score with its trades, equity, what each window chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

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
    from jesse_nb.core.tools.pairs.pairs_result import PairsBacktest

__all__ = ["pairs_plots"]

#: Points of a line; more of them are thinned out.
_POINTS = 4_000


def pairs_plots(result: PairsBacktest) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    figures: dict[str, Callable[[], ReportFigure]] = {}
    if len(result.path):
        figures = {"spread": lambda: draw_spread(result), "equity": lambda: draw_equity(result)}
    if result.windows["beta"].notna().any():
        figures["windows"] = lambda: draw_windows(result)
    return figures


def draw_spread(result: PairsBacktest) -> ReportFigure:
    """Draw the spread and its score on the traded days, with the thresholds and the trades."""
    figure, (top, below) = new_figure(4.8, 2, 1, sharex=True, height_ratios=(1, 2))
    for _, part in result.path.groupby("window", sort=True):
        thin: Any = part.iloc[::max(1, -(-len(result.path) // _POINTS))]
        spread = thin["spread"].astype(float)
        top.plot(thin.index, (np.exp(spread - spread.iloc[0]) - 1) * 100, color=OTHER, linewidth=1.0)
        below.plot(thin.index, thin["score"].astype(float), color=MAIN, linewidth=1.0)
    rules = result.rules
    for level, colour, style in ((rules.entry, INK, "--"), (rules.exit, INK, ":"), (rules.stop, BAD, "--")):
        for sign in (-1, 1):
            below.axhline(sign * level, color=colour, linewidth=0.8, linestyle=style)
    trades: Any = result.trades
    for side, marker, title in (("long", "^", "first bought"), ("short", "v", "first sold")):
        own = trades[trades["side"] == side]
        below.plot(own["opened_at"], own["score_in"].astype(float), marker, color=BEST, markersize=6, linestyle="none",
                   label=title if len(own) else None)
    for won, tone, title in ((True, GOOD, "closed with a gain"), (False, BAD, "with a loss")):
        own = trades[(trades["pnl"].astype(float) > 0) == won]
        below.plot(own["closed_at"], own["score_out"].astype(float), "o", color=tone, markersize=5, linestyle="none",
                   label=title if len(own) else None)
    highest = min(rules.stop * 1.5, max(rules.stop * 1.1, float(result.path["score"].astype(float).abs().max())))
    below.set_ylim(-highest, highest)
    top.axhline(0, color=INK, linewidth=0.7)
    axis_in(top.yaxis, "percent", ticks=4)
    top.set_ylabel("spread in a window")
    below.set_ylabel("standard deviations")
    below.margins(x=0.01)
    legend(below)
    date_axis(below)
    return figure


def draw_equity(result: PairsBacktest) -> ReportFigure:
    """Draw what the account gained and how deep it fell, beside all markets alike."""
    figure, (top, below) = new_figure(4.0, 2, 1, sharex=True, height_ratios=(2, 1))
    equity = result.equity / result.balance
    held = (1 + result.market.fillna(0.0).astype(float)).cumprod()
    days = pd.DatetimeIndex(held.index) + pd.Timedelta(days=1)
    top.plot(days, (held.to_numpy() - 1) * 100, color=INK, alpha=0.55, linewidth=1.0, label="markets held, all alike")
    top.plot(equity.index, (equity - 1) * 100, color=MAIN, linewidth=1.8, label="pairs")
    below.plot(equity.index, (equity / equity.cummax() - 1) * 100, color=MAIN, linewidth=1.2)
    top.axhline(0, color=INK, linewidth=0.8)
    axis_in(top.yaxis, "percent")
    axis_in(below.yaxis, "percent", ticks=4)
    below.set_ylabel("drawdown")
    top.margins(x=0.01)
    legend(top)
    date_axis(below)
    return figure


def draw_windows(result: PairsBacktest) -> ReportFigure:
    """Draw the smallest p-value of each window beside its level, and the hedge ratio."""
    figure, (top, below) = new_figure(3.8, 2, 1, sharex=True)
    smallest: Any = result.candidates.groupby("window")["p_adjusted"].min().reindex(result.windows.index).astype(float)
    moments: Any = result.windows["traded_from"]
    traded = result.windows.index.isin(list(result.runs))
    for mask, colour, title in ((traded, GOOD, "traded"), (~traded, INK, "not traded")):
        top.plot(moments[mask], np.maximum(smallest[mask], 1e-6), "o", color=colour, markersize=5, linestyle="none",
                 label=title if mask.any() else None)
    top.set_yscale("log")
    top.set_xlim(moments.min() - pd.Timedelta(days=2), result.windows["traded_to"].max())
    if result.alpha < 1:
        top.axhline(result.alpha, color=BAD, linewidth=0.9, linestyle="--", label=f"{result.alpha:g}")
    top.set_ylim(max(float(smallest.min()), 1e-6) / 2, 2)
    top.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    top.set_ylabel("p, corrected")
    legend(top)
    names: Any = result.windows["y"] + " / " + result.windows["x"]
    colours = (MAIN, OTHER, BEST, GOOD, BAD)
    for place, pair in enumerate(names[result.windows["beta"].notna()].value_counts().index):
        own = (names == pair) & result.windows["beta"].notna()
        shown = place < len(colours) - 1
        below.plot(moments[own], result.windows.loc[own, "beta"].astype(float), "o",
                   color=colours[min(place, len(colours) - 1)], markersize=5, linestyle="none",
                   label=literal(pair, 28) if shown else "others" if place == len(colours) - 1 else None)
    below.set_ylabel("hedge ratio")
    lowest, highest = below.get_ylim()
    below.set_ylim(min(0.0, lowest), highest + 0.1 * abs(highest))
    legend(below, 3)
    date_axis(below)
    return figure
