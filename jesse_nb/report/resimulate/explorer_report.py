"""The trade explorer where nothing moves: a picture of all trades, and a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.dates import date2num

from jesse_nb.core.analysis.trades.explorer_view import Curve
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.report.common.audit_words import audit_warnings
from jesse_nb.report.common.canvas import (
    BAD,
    GOOD,
    INK,
    MAIN,
    OTHER,
    ReportFigure,
    axis_in,
    date_axis,
    legend,
    new_figure,
)
from jesse_nb.report.common.labels import period
from jesse_nb.report.common.provenance import account, market
from jesse_nb.report.optimize.optimize_words import SYNTHETIC

if TYPE_CHECKING:
    from jesse_nb.core.tools.resimulate.exploration import Exploration

__all__ = ["draw_exploration", "exploration_content", "exploration_notes", "exploration_text"]

_OUTCOMES = {"won": GOOD, "lost": BAD, "even": OTHER}


def draw_exploration(result: Exploration) -> ReportFigure:
    """Draw the first market's trades on its prices, and the whole run's equity and drawdown beneath."""
    view = result.chart(result.markets[0]).view()
    figure, (upper, middle, lower) = new_figure(5.4, 3, 1, sharex=True, height_ratios=[3, 1.1, 0.8])
    length = TIMEFRAME_MINUTES[view.timeframe] * MINUTE_MS
    moments = _moments(view.candles[:, 0] + length)
    upper.fill_between(moments, view.candles[:, 4], view.candles[:, 3], color=INK, alpha=0.3, linewidth=0, step="pre")
    upper.step(moments, view.candles[:, 2], color=INK, linewidth=0.8, where="pre")
    trades = result.trades.loc[view.trades]
    for outcome, colour in _OUTCOMES.items():
        part = trades[trades["outcome"] == outcome]
        for row, (_, trade) in enumerate(part.iterrows()):
            upper.plot([trade["opened_at"], trade["closed_at"]], [trade["entry_price"], trade["exit_price"]],
                       color=colour, linewidth=1.6, marker=".", markersize=3, label=f"{outcome}" if row == 0 else None)
    upper.set_ylabel(f"price, {view.timeframe}")
    axis_in(upper.yaxis, "currency")
    legend(upper)
    _draw_curve(middle, view.equity, MAIN, "equity", "currency")
    _draw_curve(lower, view.drawdown, BAD, "drawdown", "percent")
    lower.fill_between(_moments(view.drawdown.times), view.drawdown.values, 0, color=BAD, alpha=0.3, linewidth=0)
    lower.set_ylim(top=0)
    lower.margins(x=0.02)
    if result.result.ruin:
        at = float(date2num(_moments([result.result.ruin.moment]).to_numpy())[0])  # type: ignore[no-untyped-call]
        for ax in (upper, middle, lower):
            ax.axvline(at, color=BAD, linewidth=1.6, linestyle="--")
    date_axis(lower)
    return figure


def exploration_content(result: Exploration) -> dict[str, Any]:
    """Return what the page says beside the picture."""
    return {"kind": result.title or "Trades", "counts": _counts(result), "notes": exploration_notes(result)}


def exploration_notes(result: Exploration) -> tuple[str, ...]:
    """Say what a reader must know of the run: ruin, or a wrong equity of Jesse's, before anything else."""
    return (*audit_warnings(result.result.audit, result.spec), *result.notes)


def exploration_text(result: Exploration) -> str:
    """Return the same as plain text."""
    spec = result.spec
    title = " ".join(f"{result.title or 'Trades'} of {result.strategy}: {market(spec)}".split())
    lines = [title, f"{period(spec.start, spec.end)}, {account(spec)}, {spec.mode} mode"]
    lines += [f"SYNTHETIC DATA. {SYNTHETIC}"] if spec.synthetic else []
    return "\n".join([*lines, _counts(result), *exploration_notes(result)])


def _counts(result: Exploration) -> str:
    outcomes = result.trades["outcome"]
    if outcomes.empty:
        return "No trade was closed."
    drawn = result.chart(result.markets[0]).view()
    said = f"{len(outcomes):,} trades: {(outcomes == 'won').sum():,} won, {(outcomes == 'lost').sum():,} lost."
    if len(result.markets) > 1:
        said += f" The picture shows those in {result.markets[0][1]}."
    if drawn.every > 1:
        said += f" The picture shows one in {drawn.every}."
    return said


def _draw_curve(ax: Any, curve: Curve, colour: str, name: str, unit: str) -> None:
    ax.plot(_moments(curve.times), curve.values, color=colour, linewidth=1.2)
    ax.set_ylabel(name)
    axis_in(ax.yaxis, unit, ticks=4)


def _moments(milliseconds: Any) -> pd.DatetimeIndex:
    return pd.to_datetime(np.asarray(milliseconds, dtype=np.int64), unit="ms", utc=True)
