"""The tables of a backtest's report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from jesse_nb.core.analysis.trades.drawdown_trades import worst_drawdowns
from jesse_nb.core.analysis.trades.exit_kinds import exit_kinds
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.report.common.labels import label, write
from jesse_nb.report.common.numbers import UNDEFINED, duration, measure, price
from jesse_nb.report.common.tables import Cell, Table, cell, toned

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["MAIN", "MOST_TRADES", "drawdowns_table", "metric_cell", "metric_groups", "trades_table"]

#: Jesse's metrics that lead a report.
MAIN = ("net_profit_percentage", "annual_return", "sharpe_ratio", "max_drawdown", "win_rate", "total")

#: Rows of the table of trades.
MOST_TRADES = 20

_GROUPS = {
    "Returns": ("starting_balance", "finishing_balance", "net_profit_before_slippage", "slippage",
                "net_profit_before_funding", "funding", "net_profit", "net_profit_percentage_before_slippage",
                "net_profit_percentage_before_funding", "net_profit_percentage", "annual_return", "fee", "open_pl"),
    "Risk": ("max_drawdown", "max_underwater_period", "sharpe_ratio", "smart_sharpe", "sortino_ratio",
             "smart_sortino", "calmar_ratio", "omega_ratio", "serenity_index"),
    "Trades": ("total", "total_winning_trades", "total_losing_trades", "win_rate", "longs_count",
               "shorts_count", "win_rate_longs", "win_rate_shorts", "avg_trades_per_month",
               "total_open_trades"),
    "A trade": ("expectancy", "expectancy_percentage", "average_win", "average_loss", "ratio_avg_win_loss",
                "largest_winning_trade", "largest_losing_trade", "winning_streak", "losing_streak",
                "average_holding_period"),
}

#: Metrics where the sign is the message.
_GAINS = ("net_profit", "net_profit_before_slippage", "net_profit_percentage_before_slippage",
          "net_profit_before_funding", "net_profit_percentage_before_funding",
          "net_profit_percentage", "annual_return", "expectancy", "expectancy_percentage")


def metric_groups(result: BacktestResult) -> dict[str, Table]:
    """Jesse's metrics by theme; those that the run does not have are left out."""
    groups = {}
    for theme, names in _GROUPS.items():
        rows = tuple((cell(label(name)), metric_cell(name, _value(result, name)))
                     for name in names if name in result.metrics)
        if rows:
            groups[theme] = Table(("", ""), rows)
    return groups


def _value(result: BacktestResult, name: str) -> Any:
    # Jesse's serenity index is infinite or undefined in every run, and its win rate of no trades is 0.
    ours = ("serenity_index", "win_rate_longs", "win_rate_shorts")
    return resolve_metric(name).read(result) if name in ours else result.metrics[name]


def trades_table(result: BacktestResult, most: int) -> Table:
    """Lay closed trades out, oldest first; of more than ``most``, only the first and the last."""
    trades = result.trades
    several = len(result.spec.routes) > 1
    head = ("opened (UTC)", *(["market"] if several else []), "side", "entry", "exit", "quantity",
            "profit", "on margin", "fee", "held", "closed by")
    words = 3 if several else 2
    open_at_end = result.metrics.get("total_open_trades")
    trades = trades.assign(exit=exit_kinds(trades, end=result.spec.end,
                                           open_at_end=None if open_at_end is None else int(open_at_end)))
    if len(trades) <= most:
        return Table(head, tuple(_trade_rows(trades, several)), words)
    half = most // 2
    left_out = (cell(f"… {len(trades) - 2 * half:,} more …", "quiet"), *(Cell("") for _ in head[1:]))
    return Table(head, (*_trade_rows(trades.head(half), several), left_out,
                        *_trade_rows(trades.tail(half), several)), words)


def _trade_rows(trades: pd.DataFrame, several: bool) -> list[tuple[Cell, ...]]:
    return [
        (
            cell(_moment(trade.opened_at)),
            *([cell(str(trade.symbol))] if several else []),
            cell(str(trade.side)),
            cell(price(trade.entry_price)),
            cell(price(trade.exit_price)),
            cell(price(trade.qty)),
            toned(measure(trade.pnl, "currency"), trade.pnl),
            toned(measure(trade.pnl_percentage, "percent"), trade.pnl_percentage),
            cell(measure(trade.fee, "currency")),
            cell(duration(trade.holding_period)),
            cell(str(trade.exit)),
        )
        for trade in trades.itertuples(index=False)
    ]


def drawdowns_table(result: BacktestResult) -> Table:
    """Return the deepest drawdowns, and the trades that were open on the way down, by their places in the list."""
    head = ("peak", "trough", "recovered", "depth", "days below", "trades in it", "losing", "lost by them")
    rows = []
    for row in worst_drawdowns(result.equity, result.trades).to_dict("records"):
        numbers = row["numbers"]
        which = "–" if not numbers else f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"
        rows.append((cell(f"{row['start']:%Y-%m-%d}"), cell(f"{row['trough']:%Y-%m-%d}"),
                     cell("not yet" if pd.isna(row["recovery"]) else f"{row['recovery']:%Y-%m-%d}"),
                     toned(measure(row["depth"], "percent"), row["depth"]), cell(f"{row['days_below']:,.0f}"),
                     cell(which), cell(f"{row['losing']:,} of {row['trades']:,}"),
                     toned(measure(row["lost"], "currency"), row["lost"])))
    return Table(head, tuple(rows), words=3)


def _moment(stamp: Any) -> str:
    return UNDEFINED if pd.isna(stamp) else f"{stamp:%Y-%m-%d %H:%M}"


def metric_cell(name: str, value: Any) -> Cell:
    """Write one of Jesse's metrics; where the sign is the message, it is coloured."""
    text = write(name, value)
    return toned(text, value) if name in _GAINS else cell(text)
