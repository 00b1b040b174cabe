"""The explorer of one backtest: chart, filters and table, tied together."""

# ipywidgets is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from jesse_nb.core.analysis.trades.explorer_trades import FILTERS, fitting, values_of
from jesse_nb.core.analysis.trades.explorer_view import ChartView
from jesse_nb.core.tools.resimulate.exploration import Exploration
from jesse_nb.report.common.heading import candle_mark
from jesse_nb.report.common.labels import period
from jesse_nb.report.resimulate.explorer_report import exploration_notes
from jesse_nb.widgets.explorer.explorer_chart import ChartWidget
from jesse_nb.widgets.explorer.explorer_table import TradesTable

__all__ = ["BacktestExplorer"]

#: Filters' names above their lists.
_LABELS = {"side": "Side", "outcome": "Outcome", "weekday": "Weekday of entry", "volatility": "Volatility at entry",
           "trend": "Trend at entry", "exit": "Exit", "symbol": "Market"}

_SPANS = (("All", None), ("90 d", 90.0), ("30 d", 30.0), ("7 d", 7.0), ("1 d", 1.0))


class BacktestExplorer:
    """Chart, filters and table of one backtest.

    Parameters
    ----------
    exploration
        What is explored.

    Attributes
    ----------
    widget
        To be displayed.
    chart, table
        Its two parts.
    filters
        The drop-down list of each filter that can tell trades apart, by column.
    """

    def __init__(self, exploration: Exploration) -> None:
        self.exploration = exploration
        self._market = exploration.markets[0]
        self._status = widgets.HTML()
        self.table = TradesTable(exploration.trades, self.jump)
        self.chart = self._chart_of(self._market)
        self._place = widgets.VBox([self.chart.figure], layout=widgets.Layout(flex="5 1 340px", min_width="0"))
        self.filters = {name: _choice(_LABELS[name], values) for name in FILTERS
                        if len(values := values_of(exploration.trades, name)) > 1}
        for choice in self.filters.values():
            choice.observe(self._filter, "value")
        self._markets = widgets.Dropdown(
            options=[(f"{symbol} on {exchange}", (exchange, symbol)) for exchange, symbol in exploration.markets],
            description="Market", style={"description_width": "initial"}, layout=widgets.Layout(width="max-content"))
        self._markets.observe(lambda change: self._show_market(change["new"]), "value")
        wrap = widgets.Layout(flex_flow="row wrap", align_items="flex-end", width="100%", overflow="visible",
                              grid_gap="0 6px")
        beside = widgets.Box([self.table], layout=widgets.Layout(flex="4 1 280px", min_width="0", display="block"))
        several = [self._markets] if len(exploration.markets) > 1 else []
        self.widget = widgets.VBox([
            widgets.HTML(_heading(exploration)),
            widgets.HBox([*several, *self._buttons()], layout=wrap),
            widgets.HBox(list(self.filters.values()), layout=wrap),
            self._status,
            widgets.HBox([self._place, beside], layout=widgets.Layout(
                flex_flow="row wrap", width="100%", overflow="visible", align_items="flex-start")),
        ], layout=widgets.Layout(width="100%", overflow="visible")).add_class("jesse-nb-explorer")

    def jump(self, trade: int) -> None:
        """Show a trade on the chart, on that of its market, and mark its row."""
        row = self.exploration.trades.loc[trade]
        self._markets.value = (row["exchange"], row["symbol"])
        self.table.selected = trade
        self.chart.jump(trade)

    def _choose(self, trade: int) -> None:
        self.table.selected = trade

    def _show_market(self, market: tuple[str, str]) -> None:
        if market == self._market:
            return
        old, self._market = self.chart.figure, market
        self.chart = self._chart_of(market)
        self._place.children = (self.chart.figure,)
        old.close()
        self._filter()

    def _chart_of(self, market: tuple[str, str]) -> ChartWidget:
        ruin = self.exploration.result.ruin
        return ChartWidget(self.exploration.chart(market), self._choose, self._looked, ruin.moment if ruin else None)

    def _filter(self, _: Any = None) -> None:
        trades = self.exploration.trades
        fits = fitting(trades, {name: choice.value for name, choice in self.filters.items()})
        self.table.keep(trades, fits)
        self.chart.keep(fits[trades.index.isin(self.chart.chart.trades.index)])

    def _step(self, by: int) -> None:
        """Jump to the next or the previous of the trades that fit."""
        kept = list(self.table.kept)
        if not kept:
            return
        now = self.table.selected
        if now not in kept:
            self.jump(kept[0 if by > 0 else -1])
            return
        self.jump(kept[min(max(kept.index(now) + by, 0), len(kept) - 1)])

    def _buttons(self) -> list[Any]:
        made = []
        for name, days in _SPANS:
            button = widgets.Button(description=name, layout=widgets.Layout(width="auto"), tooltip=(
                "Show the whole run" if days is None else f"Show {days:g} days about the middle of what is seen"))
            button.on_click(lambda _, days=days: self.chart.last(days))
            made.append(button)
        for name, by in (("◀ trade", -1), ("trade ▶", 1)):
            button = widgets.Button(description=name, layout=widgets.Layout(width="auto"),
                                    tooltip="Jump to the next or the previous trade that fits the filters")
            button.on_click(lambda _, by=by: self._step(by))
            made.append(button)
        return made

    def _looked(self, view: ChartView) -> None:
        said = [f"{period(view.start, view.end)}, {view.timeframe} candles."]
        if view.every > 1:
            said.append(f"One in {view.every} trades is drawn; zoom in for all.")
        if view.orders_here and not len(view.stops.times) + len(view.targets.times):
            said.append("Zoom in for stops and targets.")
        self._status.value = f'<span style="opacity: 0.8">{escape(" ".join(said))}</span>'


def _heading(exploration: Exploration) -> str:
    spec = exploration.spec
    title = f"{exploration.title}: " if exploration.title else ""
    mark = candle_mark(spec)
    badge = (f' <span title="{escape(mark["explanation"])}"><b>{mark["synthetic"]}</b></span>' if mark["synthetic"]
             else "")
    notes = "".join(f"<br>{escape(note)}" for note in exploration_notes(exploration))
    return (f"<b>{escape(title)}{escape(exploration.strategy)}</b>, {escape(period(spec.start, spec.end))}, "
            f"{escape(spec.mode)} mode{badge}{notes}")


def _choice(label: str, values: tuple[str, ...]) -> Any:
    return widgets.Dropdown(options=[("all", ""), *((value, value) for value in values)], description=label,
                            style={"description_width": "initial"}, layout=widgets.Layout(width="max-content"))
