"""Made-up tables of trades, for statistics that need no candles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.simulator.result import TRADE_COLUMNS

_START = pd.Timestamp("2023-03-10", tz="UTC")


def order(side: str, price: float, qty: float = 2.0, kind: str = "MARKET", status: str = "EXECUTED") -> dict[str, Any]:
    """One order whose moment is not recorded."""
    return {"symbol": "BTC-USDT", "exchange": "Binance Spot", "side": side, "type": kind, "reduce_only": False,
            "qty": qty, "filled_qty": qty, "price": price, "status": status, "created_at": None, "executed_at": None,
            "canceled_at": None}


def random_trades(count: int, seed: int = 0, *, leverage: float = 1.0, fee_rate: float = 0.001) -> pd.DataFrame:
    """Trades of both sides in seventy days, many at the same time, in random order of closing."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        side = "long" if number % 2 else "short"
        opened = _START + pd.Timedelta(seconds=int(random.integers(0, 60 * 86_400)))
        held = int(random.integers(60, 9 * 86_400))
        entry, qty = float(random.uniform(50, 150)), float(random.uniform(0.1, 3))
        leave = entry * float(np.exp(random.normal(0.0, 0.05)))
        into, out = ("buy", "sell") if side == "long" else ("sell", "buy")
        fee = fee_rate * qty * (entry + leave)
        pnl = (leave - entry) * qty * (1 if side == "long" else -1) - fee
        kind = str(random.choice(["MARKET", "LIMIT", "STOP"]))
        rows.append(_row(side, opened, held, entry, leave, qty, fee, pnl, leverage,
                         [order(into, entry, qty), order(out, leave, qty, kind)]))
    return pd.DataFrame(rows, columns=list(TRADE_COLUMNS))


def with_profits(*profits: float) -> pd.DataFrame:
    """Trades one after the other, without fees, that gain as much as is said."""
    rows = [_row("long", _START + pd.Timedelta(hours=2 * number), 3_600, 100.0, 100.0 + profit, 1.0, 0.0, profit, 1.0,
                 [order("buy", 100.0, 1.0), order("sell", 100.0 + profit, 1.0)])
            for number, profit in enumerate(profits)]
    return pd.DataFrame(rows, columns=list(TRADE_COLUMNS))


def no_trades() -> pd.DataFrame:
    """A table without a row, its columns of the right kind."""
    return with_profits(1.0).iloc[:0]


def _row(
    side: str, opened: pd.Timestamp, held: int, entry: float, leave: float, qty: float, fee: float, pnl: float,
    leverage: float, orders: list[dict[str, Any]],
) -> dict[str, Any]:
    return {"strategy": "Made", "exchange": "Binance Spot", "symbol": "BTC-USDT", "side": side, "opened_at": opened,
            "closed_at": opened + pd.Timedelta(seconds=held), "entry_price": entry, "exit_price": leave, "qty": qty,
            "size": qty * entry, "fee": fee, "pnl": pnl, "pnl_percentage": pnl / (qty * entry / leverage) * 100.0,
            "holding_period": float(held), "orders": orders}
