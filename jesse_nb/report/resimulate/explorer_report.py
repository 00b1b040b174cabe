"""The trade explorer where nothing moves: a picture of all trades, and a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.dates import date2num

from jesse_nb.core.analysis.trades.explorer_view import Curve
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.report.backtest.backtest_tables import MOST_TRADES, trades_table
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
from jesse_nb.report.common.heading import heading_content, heading_lines
from jesse_nb.report.common.provenance import market
from jesse_nb.report.common.report import Report

if TYPE_CHECKING:
    from jesse_nb.core.tools.resimulate.exploration import Exploration

__all__ = ["EXPLORATION", "exploration_notes"]

_OUTCOMES = {"won": GOOD, "lost": BAD, "even": OTHER}


def _draw(result: Exploration) -> ReportFigure:
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


def _content(result: Exploration) -> dict[str, Any]:
    return {**heading_content(result.strategy, result.spec), "kind": result.title or "Trades",
            "counts": _counts(result), "notes": exploration_notes(result),
            "trades": trades_table(result.result, MOST_TRADES)}


def exploration_notes(result: Exploration) -> tuple[str, ...]:
    """Say what a reader must know of the run: ruin, or a wrong equity of Jesse's, before anything else."""
    return (*audit_warnings(result.result.audit, result.spec), *result.notes)


def _text(result: Exploration) -> str:
    lines = heading_lines(f"{result.title or 'Trades'} of {result.strategy}: {market(result.spec)}", result.spec)
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


EXPLORATION: Report[Exploration] = Report(
    lambda result: f"{result.strategy} on {market(result.spec)}", _text, _content, "exploration.html",
    lambda result: {"trades": lambda: _draw(result)},
    lambda _: {"trades": "The trades on their candles, equity and drawdown beneath"},
)
