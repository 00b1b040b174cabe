"""The chart of one market: redrawn by Python whenever it is zoomed, so that it never holds more than it shows."""

# plotly is not typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from jesse_nb.core.analysis.trades.explorer_view import ChartView, Curve, MarketChart
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.report.common.numbers import duration, measure, price
from jesse_nb.report.common.palette import BAD, BEST, GOOD, INK, MAIN, OTHER
from jesse_nb.report.interactive.look import GRID, look
from jesse_nb.widgets.explorer.explorer_look import ExplorerFigure

__all__ = ["ChartWidget"]

_OUTCOMES = {"won": GOOD, "lost": BAD, "even": OTHER}
_PALETTE = (MAIN, OTHER, BEST, "#0e9aa7", "#d6559b", "#8a9a2b")
#: Marks, by what they mean.
_SHAPES = {"long entry": "triangle-up", "short entry": "triangle-down", "exit": "x"}
#: Heights of the parts, in pixels: candles, each extra chart, equity, drawdown.
_CANDLES, _EXTRA, _EQUITY, _DRAWDOWN, _GAP = 380, 100, 110, 80, 14
_SPIKE = {"spikethickness": 1, "spikedash": "dot", "spikecolor": INK}
#: Pixels of a mark where so many trades are seen at most.
_MARKS = ((25, 11), (100, 8), (400, 6))
_NO_TIMES: NDArray[np.float64] = np.empty(0)


class ChartWidget:
    """A plotly figure over one :class:`~jesse_nb.core.analysis.trades.explorer_view.MarketChart`.

    Parameters
    ----------
    chart
        What is shown.
    choose
        Called with a trade's number when its mark is clicked.
    looked
        Called with each view that was drawn.
    ruined
        When the account was ruined, milliseconds UTC: a line is drawn there. None when it was not.

    Attributes
    ----------
    figure
        The widget.
    """

    def __init__(
        self, chart: MarketChart, choose: Callable[[int], None], looked: Callable[[ChartView], None],
        ruined: int | None = None,
    ) -> None:
        self.chart = chart
        self._ruined = ruined
        self._looked = looked
        self._fitting = np.ones(len(chart.trades), dtype=bool)
        self._drawing = False
        self._range = (chart.start, chart.end)
        self._extra = list(dict.fromkeys(line.chart for line in chart.lines if line.chart))
        self.figure = go.Figure(data=self._traces(), layout=self._layout())
        self.show()
        self.figure = ExplorerFigure(self.figure)
        self.figure.layout.on_change(self._zoomed, "xaxis.range", "xaxis.autorange")

        def clicked(trace: Any, points: Any, _: Any) -> None:
            for row in points.point_inds[:1]:
                choose(int(trace.customdata[row]))

        for mark in self._marks:
            mark.on_click(clicked)

    def show(self, start: float | None = None, end: float | None = None, trade: int = 0) -> None:
        """Draw what lies between two moments (milliseconds UTC; all of it without them), and mark a trade."""
        view = self.chart.view(start, end, self._fitting)
        self._range = (view.start, view.end)
        self._drawing = True
        try:
            with self.figure.batch_update():
                self._draw(view)
                self.figure.layout.shapes = self._shapes(trade)
        finally:
            self._drawing = False
        self._looked(view)

    def jump(self, trade: int) -> None:
        """Draw the surroundings of a trade."""
        self.show(*self.chart.around(trade), trade=trade)

    def last(self, days: float | None) -> None:
        """Draw so many days about the middle of what is seen; all of the run without a number."""
        if days is None:
            self.show()
            return
        middle, half = sum(self._range) / 2, days * 43_200_000
        self.show(middle - half, middle + half)

    def keep(self, fitting: NDArray[np.bool_]) -> None:
        """Dim the trades that do not fit; one entry a trade of the chart."""
        self._fitting = fitting
        self.show(*self._range)

    def _zoomed(self, layout: Any, new: Any, autorange: Any) -> None:
        if self._drawing:
            return
        if autorange or new is None:
            self.show()
        else:
            self.show(_milliseconds(new[0]), _milliseconds(new[1]))

    @property
    def _marks(self) -> tuple[Any, Any]:
        return self.figure.data[_INDEX["entries"]], self.figure.data[_INDEX["exits"]]

    def _traces(self) -> list[Any]:
        line = {"mode": "lines", "hoverinfo": "skip"}
        traces = [
            go.Candlestick(name="price", yaxis="y", showlegend=False, hoverinfo="text", line={"width": 1.5},
                           increasing={"line": {"color": "#1f7f72"}, "fillcolor": "rgba(31, 127, 114, 0.3)"},
                           decreasing={"line": {"color": "#9a3346"}, "fillcolor": "#9a3346"}),
            go.Scatter(name="stops", line={"color": BAD, "width": 1.3, "dash": "dot"}, **line),
            go.Scatter(name="targets", line={"color": GOOD, "width": 1.3, "dash": "dot"}, **line),
            go.Scatter(name="filtered out", line={"color": INK, "width": 1}, opacity=0.25, showlegend=False, **line),
            *(go.Scatter(name=name, line={"color": colour, "width": 2}, **line)
              for name, colour in _OUTCOMES.items()),
            go.Scatter(name="entries", mode="markers", hoverinfo="text", showlegend=False),
            go.Scatter(name="exits", mode="markers", hoverinfo="text", showlegend=False),
            *(go.Scatter(name=name, x=[None], y=[None], mode="markers", hoverinfo="skip",  # in the legend alone
                         marker={"symbol": symbol, "size": 9, "color": INK}) for name, symbol in _SHAPES.items()),
            go.Scatter(name="equity", yaxis="y2", line={"color": MAIN, "width": 1.5}, mode="lines", showlegend=False,
                       hovertemplate="equity %{y:,.2f}<br>%{x|%Y-%m-%d %H:%M}<extra></extra>"),
            go.Scatter(name="drawdown", yaxis="y3", line={"color": BAD, "width": 1}, mode="lines", fill="tozeroy",
                       fillcolor="rgba(197, 33, 57, 0.25)", showlegend=False,
                       hovertemplate="drawdown %{y:.2f}%<br>%{x|%Y-%m-%d %H:%M}<extra></extra>"),
        ]
        for number, drawn in enumerate(self.chart.lines):
            axis = f"y{4 + self._extra.index(drawn.chart)}" if drawn.chart else "y"
            stroke = {"color": _colour(drawn.color, number), "width": 1.3,
                      "dash": "dash" if drawn.horizontal else "solid"}
            traces.append(go.Scatter(name=escape(drawn.title), yaxis=axis, mode="lines", line=stroke,
                                     hovertemplate="%{fullData.name} %{y:,.8~r}<extra></extra>"))
        return traces

    def _layout(self) -> dict[str, Any]:
        heights = [_CANDLES, *[_EXTRA] * len(self._extra), _EQUITY, _DRAWDOWN]
        plotted = sum(heights) + _GAP * (len(heights) - 1)
        names = ["price", *self._extra, "equity", "drawdown"]
        axes = ["yaxis", *(f"yaxis{4 + number}" for number in range(len(self._extra))), "yaxis2", "yaxis3"]
        layout: dict[str, Any] = {}
        top = float(plotted)
        for axis, name, height in zip(axes, names, heights, strict=True):
            # only time is zoomed: the vertical axes follow what is seen
            layout[axis] = {"domain": [max(0.0, (top - height) / plotted), top / plotted], "fixedrange": True,
                            "title": {"text": escape(name[:24]), "standoff": 6}, "gridcolor": GRID, "zeroline": False,
                            "nticks": 8 if axis == "yaxis" else 4, "automargin": True,
                            "tickformat": ",.8~r", "ticksuffix": "%" if axis == "yaxis3" else ""}
            if axis == "yaxis":  # with that of time a cross, whose column says the candle's prices
                layout[axis] |= {"showspikes": True, "spikemode": "across", "spikesnap": "cursor", **_SPIKE}
            top -= height + _GAP
        return look(plotted + 108) | layout | {
            "xaxis": {"type": "date", "anchor": "y3", "rangeslider": {"visible": False}, "gridcolor": GRID,
                      "showspikes": True, "spikemode": "across", **_SPIKE,
                      "range": [self.chart.start, self.chart.end]},
            "hovermode": "x",
            "margin": {"l": 66, "r": 12, "t": 64, "b": 44}, "dragmode": "zoom",
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 11}},
            "uirevision": "stays",
        }

    def _draw(self, view: ChartView) -> None:
        data, chart = self.figure.data, self.chart
        _put_candles(data[_INDEX["price"]], view)
        for name, curve in (("stops", view.stops), ("targets", view.targets), ("equity", view.equity),
                            ("drawdown", view.drawdown)):
            data[_INDEX[name]].update(x=curve.times, y=curve.values)
        for trace, curve in zip(data[len(_INDEX):], view.lines, strict=True):
            trace.update(x=curve.times, y=curve.values)
        rows = chart.trades.index.get_indexer(pd.Index(view.trades)).tolist()
        self._put_trades(chart.trades.iloc[rows], self._fitting[rows])
        layout = self.figure.layout
        layout.xaxis.update(range=[_iso(view.start), _iso(view.end)], autorange=False)
        layout.yaxis.range = _price_range(view)
        layout.yaxis.title.text = f"price, {view.timeframe} candles"
        layout.yaxis2.range = _range_of([view.equity], view)
        low = _range_of([view.drawdown], view)[0]
        layout.yaxis3.range = [min(low, -0.1), 0]
        for number, name in enumerate(self._extra):
            curves = [curve for drawn, curve in zip(chart.lines, view.lines, strict=True) if drawn.chart == name]
            layout[f"yaxis{4 + number}"].range = _range_of(curves, view)

    def _put_trades(self, trades: pd.DataFrame, fitting: NDArray[np.bool_]) -> None:
        data = self.figure.data
        outcomes = trades["outcome"].to_numpy()
        strokes = _strokes(trades)
        for name in _OUTCOMES:
            here = fitting & (outcomes == name)
            data[_INDEX[name]].update(x=strokes.times[here].ravel(), y=strokes.values[here].ravel())
        data[_INDEX["filtered out"]].update(x=strokes.times[~fitting].ravel(), y=strokes.values[~fitting].ravel())
        facts = [_facts(number, trade) for number, trade in zip(trades.index, trades.itertuples(), strict=True)]
        colours = [_OUTCOMES[outcome] for outcome in outcomes]
        entries = [_SHAPES[f"{side} entry"] for side in trades["side"]]
        size = next((size for most, size in _MARKS if len(trades) <= most), 4)
        for mark, column, symbols in ((self._marks[0], 0, entries), (self._marks[1], 1, _SHAPES["exit"])):
            mark.update(
                x=strokes.times[:, column], y=strokes.values[:, column], hovertext=facts,
                customdata=trades.index.to_numpy(),
                marker={"symbol": symbols, "size": max(size - 2 * column, 4), "color": colours,
                        "opacity": np.where(fitting, 1.0, 0.15), "line": {"width": 0}},
            )

    def _shapes(self, trade: int) -> list[dict[str, Any]]:
        shapes = [] if self._ruined is None else [{
            "type": "line", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "x0": _iso(self._ruined),
            "x1": _iso(self._ruined), "line": {"color": BAD, "width": 2, "dash": "dash"},
            "label": {"text": "ruined", "textposition": "end", "font": {"color": BAD}}}]
        if trade not in self.chart.trades.index:
            return shapes
        row = self.chart.trades.loc[trade]
        return [*shapes, {"type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below",
                 "x0": row["opened_at"].isoformat(), "x1": row["closed_at"].isoformat(), "line": {"width": 0},
                 "fillcolor": _OUTCOMES[str(row["outcome"])], "opacity": 0.12}]


#: Places of the traces that every chart has; the strategy's lines come after them.
_INDEX = {name: place for place, name in enumerate(
    ("price", "stops", "targets", "filtered out", *_OUTCOMES, "entries", "exits", *_SHAPES, "equity", "drawdown"))}


def _put_candles(trace: Any, view: ChartView) -> None:
    candles = view.candles
    length = TIMEFRAME_MINUTES[view.timeframe] * MINUTE_MS
    texts = [f"{_moment(row[0])} + {view.timeframe}<br>open {price(row[1])} · high {price(row[3])}<br>"
             f"low {price(row[4])} · close {price(row[2])}" for row in candles.tolist()]
    # Drawn over its own time, so that fills lie where they happened. Written out as dates, because plotly forgets the
    # axis' type whenever data changes, and takes it from the first trace.
    middles = pd.to_datetime((candles[:, 0] + length / 2).astype(np.int64), unit="ms")
    trace.update(x=middles.strftime("%Y-%m-%d %H:%M:%S").to_numpy(dtype=object), open=candles[:, 1],
                 close=candles[:, 2], high=candles[:, 3], low=candles[:, 4], hovertext=texts)


def _strokes(trades: pd.DataFrame) -> Curve:
    """Return from where to where each trade went, float64 (n, 3), the last column lifting the pen."""
    times, values = np.full((len(trades), 3), np.nan), np.full((len(trades), 3), np.nan)
    for column, moment, paid in ((0, "opened_at", "entry_price"), (1, "closed_at", "exit_price")):
        times[:, column] = pd.DatetimeIndex(trades[moment]).as_unit("ms").astype(np.int64)
        values[:, column] = trades[paid]
    times[:, 2] = times[:, 1]
    return Curve(times, values)


def _facts(number: Any, trade: Any) -> str:
    market = " · ".join(escape(str(one)) for one in (trade.volatility, trade.trend) if isinstance(one, str))
    return (f"<b>Trade {number}: {escape(str(trade.side))} {escape(str(trade.symbol))}, {trade.outcome}</b><br>"
            f"in {trade.opened_at:%a %Y-%m-%d %H:%M} at {price(trade.entry_price)}<br>"
            f"out {trade.closed_at:%a %Y-%m-%d %H:%M} at {price(trade.exit_price)} ({escape(str(trade.exit))})<br>"
            f"profit {measure(trade.pnl, 'currency')} ({measure(trade.pnl_percentage, 'percent')} on margin), "
            f"fee {measure(trade.fee, 'currency')}<br>held {duration(trade.holding_period)}, "
            f"quantity {price(trade.qty)}" + (f"<br>market at entry: {market}" if market else ""))


def _price_range(view: ChartView) -> list[float]:
    seen = view.candles[(view.candles[:, 0] >= view.start - TIMEFRAME_MINUTES[view.timeframe] * MINUTE_MS)
                        & (view.candles[:, 0] <= view.end)]
    return _padded(float(seen[:, 4].min()), float(seen[:, 3].max())) if len(seen) else [0.0, 1.0]


def _range_of(curves: list[Curve], view: ChartView) -> list[float]:
    seen = [curve.values[(curve.times >= view.start) & (curve.times <= view.end)] for curve in curves]
    values = np.concatenate([*seen, _NO_TIMES])
    return _padded(float(values.min()), float(values.max())) if len(values) else [0.0, 1.0]


def _padded(low: float, high: float) -> list[float]:
    margin = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    return [low - margin, high + margin]


def _colour(wanted: str, number: int) -> str:
    """Return a strategy's colour where plotly knows it, else one of ours."""
    try:
        return str(go.scatter.Line(color=wanted).color)
    except ValueError:
        return _PALETTE[number % len(_PALETTE)]


def _milliseconds(moment: Any) -> float:
    if isinstance(moment, int | float):
        return float(moment)
    stamp = pd.Timestamp(moment)
    return float((stamp.tz_localize("UTC") if stamp.tz is None else stamp).value // 1_000_000)


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _moment(milliseconds: float) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc):%a %Y-%m-%d %H:%M}"
