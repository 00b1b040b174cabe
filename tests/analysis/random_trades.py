"""Random candles, and trades on them whose fills are as Jesse writes them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.simulator.result import TRADE_COLUMNS

START = 1_672_531_200_000  # 2023-01-01
MINUTE = 60_000
BTC, ETH = ("Binance Spot", "BTC-USDT"), ("Binance Spot", "ETH-USDT")


def random_candles(
    seed: int, minutes: int = 600, *, missing: float = 0.02, spread: float = 0.002, start: int = START
) -> np.ndarray:
    random = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(random.normal(0, spread, minutes)))
    opens = np.concatenate([[100.0], closes[:-1]])
    high = np.maximum(opens, closes) * (1 + random.exponential(spread / 2, minutes))
    low = np.minimum(opens, closes) * (1 - random.exponential(spread / 2, minutes))
    candles = np.column_stack(
        [start + MINUTE * np.arange(minutes), opens, closes, high, low, random.uniform(1, 9, minutes)]
    )
    kept = random.random(minutes) >= missing
    kept[[0, -1]] = True
    return candles[kept]


def random_trades(
    candles: dict[tuple[str, str], np.ndarray], seed: int, *, spot: bool = False, fee: float = 0.001
) -> pd.DataFrame:
    """Trades that scale in and out, at closes (market orders) and within minutes (limit orders)."""
    random = np.random.default_rng(seed)
    rows = []
    for market, series in candles.items():
        row = int(random.integers(0, 10))
        while True:
            count = int(random.integers(2, 6))
            steps = np.cumsum(random.integers(0, 12, count))
            if row + steps[-1] >= len(series):
                break
            sign = 1.0 if spot or random.random() < 0.5 else -1.0
            orders, held = [], 0.0
            for number, step in enumerate(steps):
                candle = series[row + step]
                if number == count - 1:
                    quantity = -held
                elif number == 0 or random.random() < 0.5:
                    quantity = sign * float(random.uniform(0.5, 2))
                else:
                    quantity = -held * float(random.uniform(0.2, 0.8))
                at_market = random.random() < 0.5
                price = candle[2] if at_market else float(random.uniform(candle[4], candle[3]))
                orders.append(_order(market, candle[0] + MINUTE, price, quantity, "MARKET" if at_market else "LIMIT"))
                held += quantity * (1 - fee) if spot and quantity > 0 else quantity
            rows.append(trade_of(market, "long" if sign > 0 else "short", orders, fee))
            row += int(steps[-1]) + int(random.integers(0, 8))
    frame = pd.DataFrame(sorted(rows, key=lambda row: row["closed_at"]), columns=list(TRADE_COLUMNS))
    for column in ("opened_at", "closed_at"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


def _order(market: tuple[str, str], moment: float, price: float, quantity: float, kind: str) -> dict[str, Any]:
    return {"exchange": market[0], "symbol": market[1], "side": "buy" if quantity > 0 else "sell", "type": kind,
            "reduce_only": False, "qty": quantity, "filled_qty": quantity, "price": price, "status": "EXECUTED",
            "created_at": moment, "executed_at": moment, "canceled_at": None}


def trade_of(market: tuple[str, str], side: str, orders: list[dict[str, Any]], fee: float) -> dict[str, Any]:
    buys = [order for order in orders if order["qty"] > 0]
    sells = [order for order in orders if order["qty"] < 0]
    entries, exits = (buys, sells) if side == "long" else (sells, buys)
    qty = sum(abs(order["qty"]) for order in entries)
    entry = sum(abs(order["qty"]) * order["price"] for order in entries) / qty
    sold = sum(abs(order["qty"]) for order in exits)
    leave = sum(abs(order["qty"]) * order["price"] for order in exits) / sold
    paid = fee * sum(abs(order["qty"]) * order["price"] for order in orders)
    pnl = (leave - entry) * qty * (1 if side == "long" else -1) - paid
    return {"strategy": "Random", "exchange": market[0], "symbol": market[1], "side": side,
            "opened_at": orders[0]["executed_at"], "closed_at": orders[-1]["executed_at"], "entry_price": entry,
            "exit_price": leave, "qty": qty, "size": qty * entry, "fee": paid, "pnl": pnl,
            "pnl_percentage": pnl / (qty * entry) * 100,
            "holding_period": (orders[-1]["executed_at"] - orders[0]["executed_at"]) / 1000, "orders": orders}


def simple_trade(
    market: tuple[str, str], side: str, opened: int, entry: float, closed: int, leave: float, qty: float = 1.0,
    fee: float = 0.0,
) -> pd.DataFrame:
    """One trade of two market orders, at minutes counted from the start."""
    sign = 1.0 if side == "long" else -1.0
    orders = [_order(market, START + opened * MINUTE, entry, sign * qty, "MARKET"),
              _order(market, START + closed * MINUTE, leave, -sign * qty, "MARKET")]
    frame = pd.DataFrame([trade_of(market, side, orders, fee)], columns=list(TRADE_COLUMNS))
    for column in ("opened_at", "closed_at"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


@lru_cache(maxsize=1)
def many_trades(count: int, *, minutes_each: int = 4) -> tuple[pd.DataFrame, dict[tuple[str, str], np.ndarray]]:
    """``count`` trades of two market orders, one after the other, and their candles."""
    series = random_candles(1, count * minutes_each + 2, missing=0.0, spread=0.0003)
    opened, closed = np.arange(count) * minutes_each, np.arange(count) * minutes_each + minutes_each - 1
    sides = np.where(np.arange(count) % 2, "short", "long")
    signs = np.where(sides == "long", 1.0, -1.0)
    entry, leave = series[opened, 2], series[closed, 2]
    orders = [
        [_order(BTC, series[a, 0] + MINUTE, series[a, 2], s, "MARKET"),
         _order(BTC, series[b, 0] + MINUTE, series[b, 2], -s, "MARKET")]
        for a, b, s in zip(opened, closed, signs, strict=True)
    ]
    pnl = (leave - entry) * signs
    frame = pd.DataFrame({
        "strategy": "Many", "exchange": BTC[0], "symbol": BTC[1], "side": sides,
        "opened_at": pd.to_datetime(series[opened, 0] + MINUTE, unit="ms", utc=True),
        "closed_at": pd.to_datetime(series[closed, 0] + MINUTE, unit="ms", utc=True),
        "entry_price": entry, "exit_price": leave, "qty": 1.0, "size": entry, "fee": 0.0, "pnl": pnl,
        "pnl_percentage": pnl / entry * 100, "holding_period": 60.0 * (minutes_each - 1), "orders": orders,
    })[list(TRADE_COLUMNS)]
    return frame, {BTC: series}


NO_TRADES = pd.DataFrame(columns=list(TRADE_COLUMNS))
