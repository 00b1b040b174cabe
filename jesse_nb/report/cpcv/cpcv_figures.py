"""The figures of a combinatorial purged cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from jesse_nb.core.analysis.studies.stitching import compounded
from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    OTHER,
    STEPS,
    ReportFigure,
    axis_in,
    date_axis,
    legend,
    new_figure,
)

if TYPE_CHECKING:
    from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult

__all__ = ["draw_paths", "draw_ranks", "draw_sharpes"]


def draw_paths(result: CpcvResult) -> ReportFigure:
    """Draw every out-of-sample path as an equity curve, and the default parameters."""
    figure, (ax,) = new_figure(3.6)
    balance = result.spec.account.balance
    ax.axhline(balance, color=INK, alpha=0.6, linewidth=0.8)
    told = [path for path in result.paths if len(path.returns)]
    for number, path in enumerate(told):
        equity = compounded(path.returns, balance)
        ax.plot(equity.index, equity, color=OTHER, alpha=max(0.45, 0.9 - 0.05 * len(told)), linewidth=1.2,
                label="out-of-sample path" if number == 0 else None)
    if result.baseline is not None:
        equity = compounded(result.baseline, balance)
        ax.plot(equity.index, equity, color=INK, linewidth=1.5, label="default parameters")
    ax.set_ylabel("equity")
    axis_in(ax.yaxis, "currency")
    ax.margins(x=0.02)
    date_axis(ax)
    legend(ax)
    return figure


def draw_sharpes(result: CpcvResult) -> ReportFigure:
    """Draw how the paths' Sharpe ratios are spread, each path a mark."""
    figure, (ax,) = new_figure(2.4)
    values = result.sharpes.dropna().to_numpy(dtype=float)
    if len(values) > 7:
        ax.hist(values, bins=min(20, max(6, len(values) // 2)), color=OTHER, alpha=0.45)
        ax.set_ylabel("paths")
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    else:
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.grid(visible=False)
    ax.plot(values, np.full(len(values), 0.06), "|", color=OTHER, markersize=16, markeredgewidth=2,
            transform=ax.get_xaxis_transform(), label="path")
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.axvline(float(np.median(values)), color=BEST, linewidth=1.6, linestyle="--",
               label=f"median {np.median(values):.2f}")
    ax.margins(x=0.08)
    ax.set_xlabel("Sharpe ratio of an out-of-sample path")
    axis_in(ax.xaxis, "ratio", ticks=9)
    legend(ax)
    return figure


def draw_ranks(result: CpcvResult) -> ReportFigure:
    """Draw where the candidates chosen in-sample stand among all out-of-sample."""
    figure, (ax,) = new_figure(2.4)
    logits = np.array([split.logit for split in result.splits], dtype=float)
    places = 1.0 / (1.0 + np.exp(-logits[np.isfinite(logits)]))
    edges = np.linspace(0, 1, 11)
    # 0.5 belongs to the worse half: no better than the median candidate
    for name, part, colour in (("no better than the median", places[places <= 0.5], BAD),
                               ("better than the median", places[places > 0.5], GOOD)):
        if len(part):
            ax.hist(np.minimum(part, 0.499) if colour == BAD else part, bins=edges.tolist(), color=colour, alpha=0.75,
                    label=f"{name} ({len(part)})")
    ax.axvline(0.5, color=MAIN, linewidth=1.0)
    ax.set_xlim(0, 1)
    ax.set_xlabel("relative rank out-of-sample of the candidate chosen in-sample (1 is the best)")
    ax.set_ylabel("splits")
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1, steps=STEPS))
    legend(ax)
    return figure
