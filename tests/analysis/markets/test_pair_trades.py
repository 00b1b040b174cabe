"""Pair trades from the fills of their legs, recomputed by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from jesse_nb.core.analysis.markets.pair_trades import PAIR_TRADE_COLUMNS, pair_trades
from jesse_nb.core.simulator.spec import Account

HOUR = 3_600_000
ACCOUNT = Account(10_000.0, fee=0.001)


def leg(symbol, side, *fills):
    """Return a leg's trade; fills are (minute, quantity, price)."""
    orders = [{"executed_at": minute * 60_000, "filled_qty": qty, "qty": qty, "price": price, "type": "MARKET"}
              for minute, qty, price in fills]
    moments = pd.to_datetime([fills[0][0] * 60_000, fills[-1][0] * 60_000], unit="ms", utc=True)
    return {"exchange": "E", "symbol": symbol, "side": side, "opened_at": moments[0], "closed_at": moments[1],
            "entry_price": fills[0][2], "exit_price": fills[-1][2], "qty": abs(fills[0][1]), "orders": orders}


def together(*legs):
    return pair_trades(pd.DataFrame(legs), "Y-USDT", "X-USDT", ACCOUNT, HOUR)


def test_two_legs_are_one_trade():
    made = together(leg("X-USDT", "short", (60, -3.0, 50.0), (180, 3.0, 48.0)),
                    leg("Y-USDT", "long", (60, 2.0, 100.0), (180, -2.0, 103.0))).iloc[0]
    assert (made["side"], made["legs"], made["slip"], made["alone"]) == ("long", 2, 0.0, 0.0)
    assert (made["y_qty"], made["x_qty"], made["y_exit"], made["x_entry"]) == (2.0, -3.0, 103.0, 50.0)
    fees = 0.001 * (200 + 206 + 150 + 144)
    assert made["fee"] == pytest.approx(fees)
    assert made["pnl"] == pytest.approx(2 * 3 + 3 * 2 - fees)


def test_each_leg_pays_its_own_fee():
    legs = pd.DataFrame([leg("X-USDT", "short", (60, -3.0, 50.0), (180, 3.0, 48.0)),
                         leg("Y-USDT", "long", (60, 2.0, 100.0), (180, -2.0, 103.0))])
    account = Account(10_000.0, fee={"Y-USDT": 0.002, "X-USDT": 0.0005})
    made = pair_trades(legs, "Y-USDT", "X-USDT", account, HOUR).iloc[0]
    fees = 0.002 * (200 + 206) + 0.0005 * (150 + 144)
    assert made["fee"] == pytest.approx(fees)
    assert made["pnl"] == pytest.approx(2 * 3 + 3 * 2 - fees)


def test_a_leg_that_is_filled_in_parts_counts_by_what_was_filled():
    made = together(leg("Y-USDT", "short", (60, -1.0, 100.0), (61, -3.0, 102.0), (180, 4.0, 101.0)),
                    leg("X-USDT", "long", (60, 2.0, 50.0), (180, -2.0, 50.0))).iloc[0]
    assert (made["side"], made["y_qty"]) == ("short", -4.0)
    assert made["y_entry"] == pytest.approx(101.5)
    assert made["pnl"] == pytest.approx(4 * 0.5 - 0.001 * (100 + 306 + 404 + 200))


def test_a_leg_that_was_liquidated_leaves_the_other_alone():
    made = together(leg("Y-USDT", "short", (60, -2.0, 100.0), (90, 2.0, 190.0)),
                    leg("X-USDT", "long", (60, 4.0, 50.0), (120, -4.0, 60.0))).iloc[0]
    assert (made["legs"], made["alone"]) == (2, 30.0)
    assert made["pnl"] == pytest.approx(-180 + 40 - 0.001 * (200 + 380 + 200 + 240))
    assert made["closed_at"] == pd.Timestamp(120 * 60_000, unit="ms", tz="UTC")


def test_a_leg_whose_other_never_opened_is_a_trade_of_one():
    made = together(leg("Y-USDT", "long", (60, 2.0, 100.0), (120, -2.0, 101.0)),
                    leg("X-USDT", "long", (500, 1.0, 50.0), (560, -1.0, 50.0)))
    assert made["legs"].tolist() == [1, 1]
    assert made["side"].tolist() == ["long", "short"]
    assert math.isnan(made.loc[0, "x_qty"])
    assert math.isnan(made.loc[1, "y_entry"])
    assert made["alone"].tolist() == [60.0, 60.0]


def test_each_leg_belongs_to_the_nearest():
    made = together(leg("Y-USDT", "long", (60, 1.0, 100.0), (90, -1.0, 100.0)),
                    leg("Y-USDT", "long", (100, 1.0, 100.0), (200, -1.0, 100.0)),
                    leg("X-USDT", "short", (60, -1.0, 50.0), (90, 1.0, 50.0)),
                    leg("X-USDT", "short", (100, -1.0, 50.0), (200, 1.0, 50.0)))
    assert made["slip"].tolist() == [0.0, 0.0]


def test_without_trades_there_are_none():
    assert list(pair_trades(pd.DataFrame(), "Y-USDT", "X-USDT", ACCOUNT, HOUR)) == list(PAIR_TRADE_COLUMNS)
