"""What an overfit verdict and a plateau look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

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
    legend,
    literal,
    new_figure,
)
from jesse_nb.report.common.numbers import measure, share, tick

if TYPE_CHECKING:
    from jesse_nb.core.analysis.luck.overfit import OverfitFigures
    from jesse_nb.core.analysis.luck.overfitting_probability import OverfittingProbability
    from jesse_nb.core.tools.optimize.neighbourhood import Plateau

__all__ = ["draw_overfit", "draw_plateau"]

_MOST_BARS = 30


def draw_overfit(figures: OverfitFigures) -> ReportFigure:
    """Draw the chosen trial against the best of as many lucky ones, and what becomes of each split's best.

    The latter is left out where the probability of overfitting is undefined.
    """
    known = not figures.overfitting.reason
    figure, (luck, trials, *splits) = new_figure(3.4, 1, 3 if known else 2,
                                                 width_ratios=[2.3, 0.8, 2.3] if known else [4.6, 0.8])
    _draw_luck(luck, figures)
    trials.sharey(luck)
    _draw_sharpes(trials, figures)
    luck.margins(y=0.08)
    axis_in(luck.yaxis, "ratio")
    if known:
        _draw_logits(splits[0], figures.overfitting)
    return figure


def _draw_luck(ax: Axes, figures: OverfitFigures) -> None:
    """Draw the Sharpe ratio that luck is expected to reach, by how many trials it had."""
    curve, here = figures.lucky_curve(), max(figures.independent_trials, 1.0)
    ax.set_xscale("log")
    ax.plot(curve.index, curve, color=OTHER, linewidth=2, label=f"luck's best ({_ratio(figures.lucky_sharpe)})")
    ax.plot([here, here], [figures.lucky_sharpe, figures.chosen_sharpe], color=INK, linewidth=1, linestyle=":")
    ax.scatter([here], [figures.lucky_sharpe], s=34, color=OTHER, linewidths=0, zorder=3)
    ax.scatter([here], [figures.chosen_sharpe], marker="*", s=160, color=BEST, linewidths=0, zorder=4,
               label=f"trial {figures.chosen} ({_ratio(figures.chosen_sharpe)})")
    ax.axhline(figures.chosen_sharpe, color=BEST, linewidth=0.8, alpha=0.7)
    ax.set_xlabel(f"independent trials (here {round(here):,})")
    ax.set_ylabel("Sharpe ratio, annual")
    ax.xaxis.set_major_locator(LogLocator())
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    legend(ax)


def _draw_sharpes(ax: Axes, figures: OverfitFigures) -> None:
    """Draw how the trials' Sharpe ratios are spread, on the same axis."""
    ratios = figures.sharpe.dropna().to_numpy()
    edges = np.histogram_bin_edges(ratios, min(_MOST_BARS, max(5, len(ratios) // 4)))
    counts, _ = np.histogram(ratios, edges)
    ax.barh(edges[:-1], counts, height=np.diff(edges), align="edge", color=MAIN, alpha=0.8, linewidth=0)
    ax.axhline(figures.chosen_sharpe, color=BEST, linewidth=0.8, alpha=0.7)
    ax.tick_params(labelleft=False)
    ax.set_xlabel("trials")
    ax.xaxis.set_major_locator(MaxNLocator(3, integer=True, steps=STEPS, min_n_ticks=1))


def _draw_logits(ax: Axes, found: OverfittingProbability) -> None:
    """Draw the logits of the out-of-sample ranks; a logit of zero is the median, and counts as overfit."""
    logits = found.logits
    width = max(float(np.abs(logits).max()), 1.0) / (_MOST_BARS / 2)
    shown = ((logits[logits <= 0.0], -1, BAD, "worse half"), (logits[logits > 0.0], 1, GOOD, "better half"))
    for part, side, colour, name in shown:
        edges = np.arange(_MOST_BARS // 2 + 2) * width
        # mirrored, so that the median falls into the half that it counts for
        counts, _ = np.histogram(side * part, edges)
        left = edges[:-1] if side > 0 else -edges[1:]
        ax.bar(left, counts / len(logits), width=width * 0.94, align="edge", color=colour, alpha=0.85, linewidth=0,
               label=f"{name} {share(len(part) / len(logits))}")
    ax.axvspan(-width * (_MOST_BARS // 2 + 1), 0, color=BAD, alpha=0.10, linewidth=0)
    ax.axvline(0, color=INK, linewidth=1)
    ax.margins(x=0)
    ax.set_xlabel("out-of-sample rank of the best (logit)")
    ax.set_ylabel("splits")
    axis_in(ax.yaxis, "fraction", ticks=5)
    axis_in(ax.xaxis, "ratio", ticks=7)
    legend(ax)


def draw_plateau(plateau: Plateau) -> ReportFigure:
    """Draw each looked-at trial above its neighbours' values, the most robust on top."""
    ranked = plateau.ranked
    figure, (ax,) = new_figure(0.95 + 0.34 * len(ranked))
    for row, neighbourhood in enumerate(ranked):
        values = [near.value for near in neighbourhood.neighbours if np.isfinite(near.value)]
        ax.scatter(values, [row] * len(values), s=26, color=MAIN, alpha=0.7, linewidths=0,
                   label="neighbour" if not row else None)
        if np.isfinite(neighbourhood.median):
            ax.scatter([neighbourhood.median], [row], marker="|", s=240, color=INK, linewidths=2.4,
                       label="median neighbour" if not row else None)
        ax.scatter([neighbourhood.trial.value], [row], marker="*", s=120, color=BEST, linewidths=0, zorder=3,
                   label="the trial itself" if not row else None)
    ax.set_yticks(range(len(ranked)), [f"trial {neighbourhood.trial.number}" for neighbourhood in ranked])
    ax.set_ylim(len(ranked) - 0.5, -0.5)
    ax.set_xlabel(literal(plateau.metric.label))
    axis_in(ax.xaxis, plateau.metric.unit, ticks=8)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x", color=INK, alpha=0.2, linewidth=0.7)
    legend(ax)
    return figure


def _ratio(value: float) -> str:
    return measure(value, "ratio")
