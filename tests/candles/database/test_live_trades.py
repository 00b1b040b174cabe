"""Live trades that Jesse itself kept in a real PostgreSQL and exported: read as Jesse reads them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.tools.trading.live_database import live_trades_of_project
from jesse_nb.core.tools.trading.live_trades import LIVE_COLUMNS, read_live_trades
from jesse_nb.exceptions import InputError
from tests.candles.database import live_itself
from tests.candles.jesse_database import PASSWORD

MINUTE, START = 60_000, 1_676_000_000_000
LIVE, PAPER = str(UUID(int=1)), str(UUID(int=0xFF << 120))


def sessions(seed: int = 0) -> list[dict[str, Any]]:
    """Sessions with trades of one to three orders a side, some open, thrown away, or with orders without a fee."""
    random = np.random.default_rng(seed)
    made = []
    for number, (name, mode) in enumerate(((LIVE, "livetrade"), (PAPER, "papertrade"))):
        trades = []
        for place in range(12):
            opened = START + (number * 1_000 + place * 60) * MINUTE + int(random.integers(900))
            identity, side = str(UUID(int=int(random.integers(2**62)))), ("long", "short")[place % 2]
            trade = {"id": identity, "session_id": name, "strategy_name": "Trend",
                     "symbol": "BTC-USDT",
                     "exchange": "Binance Perpetual Futures", "type": side, "timeframe": "1h", "opened_at": opened,
                     "closed_at": None if place == 3 else opened + 30 * MINUTE, "leverage": 2, "created_at": opened,
                     "updated_at": opened, "session_mode": mode, "soft_deleted_at": opened if place == 5 else None}
            opening = "buy" if side == "long" else "sell"
            parts = [round(float(part), 6) for part in random.uniform(0.001, 2, int(random.integers(1, 4)))]
            trade["orders"] = [_order(trade, way, part, 20_000 + float(random.normal()) * 50, random)
                               for way in (opening, "sell" if side == "long" else "buy") for part in parts]
            trade["orders"].append(_order(trade, opening, 5.0, 1.0, random) | {"status": "CANCELED"})
            trades.append(trade)
        made.append({"session": {"id": name, "status": "stopped", "session_mode": mode, "exchange": "Binance",
                                 "created_at": START + number * 1_000 * MINUTE, "updated_at": START,
                                 "finished_at": START + (number * 1_000 + 720) * MINUTE}, "trades": trades})
    return made


def _order(trade: dict[str, Any], side: str, qty: float, price: float, random: np.random.Generator) -> dict[str, Any]:
    signed = qty if side == "buy" else -qty
    return {"id": str(UUID(int=int(random.integers(2**62)))), "trade_id": trade["id"],
            "session_id": trade["session_id"],
            "symbol": trade["symbol"], "exchange": trade["exchange"], "side": side, "type": "MARKET",
            "reduce_only": False, "qty": signed, "filled_qty": signed, "price": price, "status": "EXECUTED",
            "created_at": trade["opened_at"], "updated_at": trade["opened_at"], "executed_at": trade["opened_at"],
            "session_mode": trade["session_mode"], "fee": None if qty < 0.2 else abs(qty) * price * 0.0004}


@pytest.fixture(scope="module")
def traded(jesse_database, tmp_path_factory):
    with jesse_database.copy(tmp_path_factory.mktemp("live") / "project") as database:
        (database.folder / "sessions.json").write_text(json.dumps(sessions()))
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("PYTEST", "POSTGRES_", "JESSE_"))}
        done = subprocess.run([sys.executable, live_itself.__file__, "sessions.json"], cwd=database.folder,
                              env=environment, check=False, timeout=120, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        yield database, json.loads(done.stdout.partition("ANSWERS")[2])


def as_jesse_says(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame({
        "symbol": [row["symbol"] for row in rows], "side": [row["type"] for row in rows],
        "opened_at": pd.to_datetime([row["opened_at"] for row in rows], unit="ms", utc=True),
        "closed_at": pd.to_datetime([row["closed_at"] for row in rows], unit="ms", utc=True),
        **{ours: [row[theirs] for row in rows] for ours, theirs in (
            ("entry_price", "entry_price"), ("exit_price", "exit_price"), ("qty", "qty"), ("fee", "fee"),
            ("pnl", "PNL"))},
    }).sort_values("opened_at", ignore_index=True)


def check(found: pd.DataFrame, rows: list[dict[str, Any]]) -> None:
    assert list(found.columns) == list(LIVE_COLUMNS)
    expected = as_jesse_says(rows)
    assert (expected["fee"] == 0).sum() == found["fee"].isna().sum() < len(found), "what is not known is no zero"
    found = found.fillna({"fee": 0.0})
    pd.testing.assert_frame_equal(found[list(expected.columns)], expected, rtol=1e-12, check_dtype=False)


def test_the_database_says_what_jesse_says(traded):
    database, said = traded
    rows = list(said["trades"].values())
    assert len(rows) == 20, "of 24 two were open and two thrown away"
    found = live_trades_of_project(database.folder, trading="all")
    check(found.trades, rows)
    assert set(found.trades["strategy"]) == {rows[0]["strategy_name"]} == {"Trend"}
    assert found.spans == ((START, START + 720 * MINUTE), (START + 1_000 * MINUTE, START + 1_720 * MINUTE))
    first = live_trades_of_project(database.folder)
    assert len(first.trades) == len(live_trades_of_project(database.folder, "ff00", "paper").trades) == 10
    assert first.trades["opened_at"].max() < pd.Timestamp(START + 1_000 * MINUTE, unit="ms", tz="UTC")
    with pytest.raises(InputError, match="no live session's id begins so"):
        live_trades_of_project(database.folder, "ff00")
    with pytest.raises(InputError, match="first digits of a session's id"):
        live_trades_of_project(database.folder, "'; DROP TABLE closedtrade; --")
    assert PASSWORD not in repr(found)


def test_exports_say_the_same(traded):
    database, said = traded
    first = live_trades_of_project(database.folder).trades
    files = [database.folder / path for path in said["files"].values()]
    assert sorted(path.suffix for path in files) == [".csv", ".json"]
    for path in files:
        found = read_live_trades(path)
        pd.testing.assert_frame_equal(found.trades.drop(columns=["strategy", "fee"]),
                                      first.drop(columns=["strategy", "fee"]), rtol=1e-12)
        assert found.spans == ()
        known = first["fee"].notna()
        np.testing.assert_allclose(found.trades["fee"][known], first["fee"][known], rtol=1e-12)


def test_a_project_that_never_traded_says_so(own_database):
    assert live_trades_of_project(own_database.folder).trades.empty
    own_database.run("DROP TABLE closedtrade")
    with pytest.raises(InputError, match=r"has no trades\. Jesse makes the tables when it first trades"):
        live_trades_of_project(own_database.folder)


@pytest.mark.parametrize(("content", "wrong"), [
    ("", "cannot be read as CSV"), ("a,b\n1,2\n", "has no column symbol"),
    ("symbol,type,opened_at,closed_at,entry_price,exit_price,qty\nBTC-USDT,up,1,2,3,4,5\n", "'up' as a side"),
    ("symbol,type,opened_at,closed_at,entry_price,exit_price,qty\nBTC-USDT,long,soon,2,3,4,5\n", "are no times"),
    ("symbol,type,opened_at,closed_at,entry_price,exit_price,qty\nBTC-USDT,long,1,2,a lot,4,5\n", "as entry price"),
])
def test_what_is_no_trades_is_refused_in_one_line(tmp_path, content, wrong):
    path = tmp_path / "live.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=wrong) as refused:
        read_live_trades(path)
    assert "\n" not in str(refused.value)
    for text, why in (("[1, 2]", "no list of trades"), ("{", "cannot be read as JSON"), ("{}", "no list of trades")):
        path.with_suffix(".json").write_text(text)
        with pytest.raises(InputError, match=why):
            read_live_trades(path.with_suffix(".json"))


def test_answers_of_the_dashboard_are_read():
    row = {"symbol": "BTC-USDT", "type": "long", "opened_at": START, "closed_at": START + 1, "entry_price": 1.0,
           "exit_price": 2.0, "qty": 3.0}
    for answer in ({"data": {"items": [row]}}, {"trades": [row], "considering_timeframes": ["1h"]}, [row]):
        found = read_live_trades(answer)
        assert len(found.trades) == 1
        assert math.isnan(found.trades["fee"].iloc[0])
    assert read_live_trades([row, {**row, "closed_at": None}]).left_out == 1
