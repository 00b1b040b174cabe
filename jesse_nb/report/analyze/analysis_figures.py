"""The figures of an analysis that follow the account: equity, returns, ratios, and how they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jesse_nb.core.analysis.curves.equity import drawdown
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
from jesse_nb.report.common.labels import label
from jesse_nb.report.common.numbers import measure

if TYPE_CHECKING:
    from jesse_nb.core.tools.analyze.analysis_result import Analysis

__all__ = ["FOREST", "FOREST_LABELS", "MOST_MARKED", "draw_equity", "draw_ratios", "draw_returns", "draw_rolling",
           "moving_days", "rolling_windows"]

#: Ratios that are zero without skill, so that one axis holds them all.
FOREST = ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "serenity_index", "ulcer_performance_index")
#: What the ratios that Jesse does not have are called.
FOREST_LABELS = {"ulcer_performance_index": "Ulcer performance index"}

#: More trades than this cover each other; those that moved the account most are marked.
MOST_MARKED = 150
#: A drawdown to draw in, percent, where there was hardly any.
_LEAST_DEPTH = 1.0


def draw_equity(analysis: Analysis) -> ReportFigure:
    """Draw equity against buy-and-hold with the trades on it, and beneath it the drawdown by day and within days."""
    run, advanced = analysis.run, analysis.advanced
    figure, (upper, lower) = new_figure(5.2, 2, 1, sharex=True, height_ratios=[2.5, 1])
    held = advanced.held.dropna() if advanced is not None and advanced.held is not None else pd.Series(dtype=float)
    if len(held):
        upper.plot(held.index, held * run.balance, color=INK, linewidth=1.2, linestyle="--",
                   label=literal(f"holding {held.name}", 28))
    upper.axhline(run.balance, color=INK, alpha=0.6, linewidth=0.8)
    within = _within_days(analysis)
    if within is not None:
        upper.plot(within.index, within["equity"], color=MAIN, alpha=0.45, linewidth=0.8)
    upper.plot(run.equity.index, run.equity, color=MAIN, linewidth=1.8, label="equity")
    _mark_trades(upper, run.trades, within["equity"] if within is not None else run.equity)
    upper.set_ylabel("equity")
    axis_in(upper.yaxis, "currency")
    legend(upper, 5)

    below = drawdown(run.equity)
    deepest = float(below.min())
    lower.fill_between(below.index, below, 0, color=BAD, alpha=0.35, linewidth=0)
    lower.plot(below.index, below, color=BAD, linewidth=1.0, label=f"one sample a day ({measure(deepest, 'percent')})")
    if within is not None and advanced is not None and advanced.intraday is not None:
        fall, deepest_within = within["drawdown"], advanced.intraday.by_extremes.percent
        trough = advanced.intraday.by_extremes.trough
        if trough is not None:  # the peak it fell from may lie within an interval, which the samples miss
            fall = pd.concat([fall, pd.Series([deepest_within], index=[trough])]).sort_index()
        lower.plot(fall.index, fall, color=OTHER, linewidth=0.8, alpha=0.9,
                   label=f"within the days ({measure(deepest_within, 'percent')})")
        deepest = min(deepest, deepest_within)
        legend(lower)
    lower.set_ylabel("drawdown")
    lower.margins(x=0.02)
    lower.set_ylim(min(deepest * 1.08, -_LEAST_DEPTH), 0)
    axis_in(lower.yaxis, "percent", ticks=4)
    date_axis(lower)
    return figure


def _within_days(analysis: Analysis) -> pd.DataFrame | None:
    """Return equity and drawdown by the interval of the intraday curve, from the run's start on."""
    intraday = analysis.advanced.intraday if analysis.advanced is not None else None
    if intraday is None:
        return None
    equity = intraday.equity
    lowest = intraday.lowest.reindex(equity.index)
    # an interval's low is held against the peaks before it: what came first within it is not known here
    peaks = equity.cummax().shift(fill_value=float(equity.iloc[0]))
    frame = pd.DataFrame({"equity": equity, "drawdown": np.minimum(lowest / peaks - 1.0, 0.0) * 100.0})
    return frame[frame.index >= pd.Timestamp(analysis.run.start, unit="ms", tz="UTC")]


def _mark_trades(ax: Axes, trades: pd.DataFrame, curve: pd.Series[float]) -> None:
    if trades.empty or curve.empty:
        return
    shown = trades
    if len(trades) > MOST_MARKED:
        shown = trades.iloc[trades["pnl"].abs().to_numpy(dtype=float).argsort(kind="stable")[-MOST_MARKED:]]
    size = 26
    gained = shown["pnl"].to_numpy(dtype=float) > 0
    _scatter(ax, curve, shown["opened_at"], "entry", marker="o", s=size * 0.7, facecolors="none", edgecolors=INK,
             linewidths=0.9)
    for name, own, marker, colour in (("exit with a gain", gained, "^", GOOD), ("exit with a loss", ~gained, "v", BAD)):
        if own.any():
            _scatter(ax, curve, shown["closed_at"][own], name, marker=marker, s=size, color=colour, linewidths=0)


def _scatter(ax: Axes, curve: pd.Series[float], moments: pd.Series[Any], name: str, **look: Any) -> None:
    """Put marks on the curve, where it stood at these moments."""
    index = pd.DatetimeIndex(curve.index)
    at = np.clip(index.searchsorted(pd.DatetimeIndex(moments), side="right") - 1, 0, len(curve) - 1)
    ax.scatter(pd.DatetimeIndex(moments), curve.to_numpy(dtype=float)[at], label=name, zorder=3, **look)


def moving_days(analysis: Analysis) -> NDArray[np.float64]:
    """Return the daily returns (percent) that are defined and not zero."""
    percent = analysis.run.returns.to_numpy(dtype=float) * 100.0
    moved: NDArray[np.float64] = percent[np.isfinite(percent) & (percent != 0.0)]
    return moved


def draw_returns(analysis: Analysis) -> ReportFigure:
    """Draw how daily returns are spread, and their quantiles against those of a normal distribution."""
    from scipy.stats import norm

    moved = moving_days(analysis)
    tails = analysis.basic.returns.tails
    figure, (left, right) = new_figure(3.2, 1, 2, width_ratios=[1.7, 1])
    edges = np.histogram_bin_edges(moved, bins=int(np.clip(len(moved) // 4, 12, 60)))
    counts, _, bars = left.hist(moved, bins=edges.tolist(), color=GOOD, alpha=0.6)
    for bar in bars.patches:  # type: ignore[union-attr]  # one set of data gives one container
        if bar.get_x() + bar.get_width() / 2 < 0:
            bar.set_facecolor(BAD)
    centre, spread = float(moved.mean()), float(moved.std(ddof=1))
    steps = np.linspace(edges[0], edges[-1], 200)
    left.plot(steps, norm.pdf(steps, centre, spread) * len(moved) * (edges[1] - edges[0]), color=INK, linewidth=1.4,
              label="normal")
    for level, style in ((0.05, "--"), (0.01, ":")):
        quantile = float(tails["quantile"].get(level, np.nan))
        if np.isfinite(quantile):
            left.axvline(quantile, color=BEST, linewidth=1.4, linestyle=style,
                         label=f"worst {level * 100:.0f}% of days")
    left.set_xlabel("return of a day")
    left.set_ylabel("days")
    left.set_ylim(0, float(counts.max()) * 1.1)  # type: ignore[union-attr]
    axis_in(left.xaxis, "percent", ticks=7)
    legend(left)

    ordered = np.sort(moved)
    expected = norm.ppf((np.arange(len(moved)) + 0.5) / len(moved)) * spread + centre
    right.plot(expected[[0, -1]], expected[[0, -1]], color=INK, linewidth=1.2)
    right.scatter(expected, ordered, s=9, color=MAIN, alpha=0.7, linewidths=0)
    right.set_xlabel("if returns were normal")
    right.set_ylabel("as they were")
    axis_in(right.xaxis, "percent", ticks=4)
    axis_in(right.yaxis, "percent", ticks=5)
    return figure


def draw_ratios(analysis: Analysis) -> ReportFigure:
    """Draw the ratios that are zero without skill, each with its 95 % interval."""
    assert analysis.advanced is not None
    table = analysis.advanced.ratios.loc[list(FOREST)]
    known = table[np.isfinite(table["value"])]
    figure, (ax,) = new_figure(0.75 + 0.34 * len(known))
    reach = known.loc[known.index.isin(FOREST[:2]), ["value", "low", "high"]].abs().to_numpy()
    edge = max(3.0, float(np.nanmax(reach, initial=0.0)) * 1.08)
    for row, (value, low, high) in enumerate(known[["value", "low", "high"]].to_numpy(dtype=float)):
        colour = GOOD if low > 0 else BAD if high < 0 else INK
        ax.plot(np.clip([low, high], -edge, edge), [row, row], color=colour, linewidth=2.2, alpha=0.8)
        for limit, marker in ((low, "<"), (high, ">")):
            if abs(limit) > edge:
                ax.plot(np.sign(limit) * edge, row, marker=marker, color=colour, markersize=6, clip_on=False)
        if abs(value) <= edge:
            ax.plot(value, row, marker="o", color=colour, markersize=7)
    ax.axvline(0, color=INK, linewidth=0.9)
    ax.set_yticks(range(len(known)), [FOREST_LABELS.get(name, label(name)) for name in map(str, known.index)])
    ax.set_ylim(len(known) - 0.5, -0.5)
    ax.set_xlim(-edge, edge)
    ax.grid(visible=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    axis_in(ax.xaxis, "", ticks=9)
    return figure


def rolling_windows(analysis: Analysis) -> list[int]:
    """Return the lengths of the rolling windows that are ever full and vary."""
    if analysis.advanced is None:
        return []
    ratios = analysis.advanced.rolling["sharpe_ratio"]
    return [int(window) for window in ratios.columns if ratios[window].notna().sum() > 1]


def draw_rolling(analysis: Analysis) -> ReportFigure:
    """Draw Sharpe ratio and volatility over the last days."""
    assert analysis.advanced is not None
    rolling = analysis.advanced.rolling
    figure, axes = new_figure(3.8, 2, 1, sharex=True)
    for ax, name, unit in zip(axes, ("sharpe_ratio", "volatility"), ("", "percent"), strict=True):
        for window, colour in zip(rolling_windows(analysis), (MAIN, OTHER, BEST), strict=False):
            values = rolling[name][window].dropna()
            ax.plot(values.index, values, color=colour, linewidth=1.5, label=f"last {window} days")
        ax.set_ylabel(label(name) if name == "sharpe_ratio" else "Volatility")
        if unit:
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
        else:
            axis_in(ax.yaxis, unit, ticks=5)
            ax.axhline(0, color=INK, linewidth=0.9)
    legend(axes[0])
    axes[1].set_ylim(bottom=0)
    date_axis(axes[1])
    return figure
