"""Trades that Jesse's live plugin wrote into its project's database: read only, and nothing but trades."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from jesse_nb.core.candles.database.postgres import session as open_session
from jesse_nb.core.candles.project import DatabaseSettings, database_settings
from jesse_nb.core.tools.trading.live_trades import LIVE_COLUMNS, LiveTrades, live_frame
from jesse_nb.exceptions import InputError, shown

__all__ = ["TradingKind", "live_trades_of_project"]

TradingKind = Literal["live", "paper", "all"]

_MODES = {"live": ["livetrade"], "paper": ["papertrade"], "all": ["livetrade", "papertrade"]}
_TABLES = ("closedtrade", "order", "livesession")
_UUID = re.compile(r"[0-9a-fA-F-]{4,36}")

# Trades that were thrown away or put into others have a soft_deleted_at; open ones no closed_at.
_TRADES = """
SELECT id::text, session_id::text, strategy_name, exchange, symbol, type, opened_at, closed_at
FROM {table} WHERE soft_deleted_at IS NULL AND closed_at IS NOT NULL AND session_mode = ANY(%s)
  AND session_id::text LIKE %s ORDER BY opened_at, id
"""
_ORDERS = """
SELECT trade_id::text, side, abs(filled_qty), price, fee FROM {table}
WHERE status = 'EXECUTED' AND trade_id::text = ANY(%s) ORDER BY executed_at, id
"""
_SESSIONS = """
SELECT id::text, created_at, finished_at FROM {table} WHERE session_mode = ANY(%s) AND id::text LIKE %s
ORDER BY created_at
"""


def live_trades_of_project(
    project: str | Path | None = None, session: str | None = None, trading: TradingKind = "live"
) -> LiveTrades:
    """Return the trades that Jesse made live or on paper, with prices and fees of their executed orders.

    Parameters
    ----------
    project
        The Jesse project's folder; by default the working directory.
    session
        The first digits of a session's id; all of them by default.
    trading
        ``live``, ``paper`` or ``all``.

    Raises
    ------
    InputError
        When there is no project, or no such session.
    DatabaseError
        When the database cannot be used.
    """
    if session is not None and not _UUID.fullmatch(session):
        raise InputError.of("session", f"is {shown(session)}.",
                            "It is four or more of the first digits of a session's id.")
    settings, wanted = database_settings(project), f"{(session or '').lower()}%"
    with open_session(settings) as connection, connection.cursor() as cursor:
        missing = [name for name in _TABLES if not _is_there(cursor, settings, name)]
        if "closedtrade" in missing or "order" in missing:
            raise InputError(f"The project's database {settings} has no trades.",
                             "Jesse makes the tables when it first trades.", argument="project")
        trades = _asked(cursor, settings, "closedtrade", _TRADES, _MODES[trading], wanted)
        orders = _asked(cursor, settings, "order", _ORDERS, [row[0] for row in trades])
        sessions = [] if "livesession" in missing else _asked(cursor, settings, "livesession", _SESSIONS,
                                                              _MODES[trading], wanted)
    if session is not None and not trades and not sessions:
        raise InputError.of("session", f"is {shown(session)}, and no {trading} session's id begins so.")
    used = {row[1] for row in trades}
    now = int(time.time() * 1_000)
    # A session that crashed has no end: then its last trade's.
    spans = tuple((int(begin), int(end) if end is not None else max(
        (row[7] for row in trades if row[1] == name), default=now)) for name, begin, end in sessions
        if name in used or session is not None)
    kind = {"live": "live trades", "paper": "paper trades", "all": "live and paper trades"}[trading]
    return live_frame(_frame(trades, orders), f"{kind} of the project's database", spans)


def _frame(trades: list[Any], orders: list[Any]) -> pd.DataFrame:
    """Return one row a trade, by Jesse's own rules: what opens a long is bought, what opens a short is sold."""
    by_trade: dict[str, list[Any]] = defaultdict(list)
    for trade, *order in orders:
        by_trade[trade].append(order)
    rows = []
    for number, _, strategy, exchange, symbol, side, opened, closed in trades:
        opening = "buy" if side == "long" else "sell"
        entry = _mean([order for order in by_trade[number] if order[0] == opening])
        leave = _mean([order for order in by_trade[number] if order[0] != opening])
        fee = sum(order[3] or 0.0 for order in by_trade[number])
        known = any(order[3] is not None for order in by_trade[number])
        gain = entry[0] * (leave[1] - entry[1]) * (1 if side == "long" else -1) - fee
        rows.append((strategy, exchange, symbol, side, opened, closed, entry[1], leave[1],
                     entry[0], fee if known else float("nan"), gain))
    return pd.DataFrame(rows, columns=list(LIVE_COLUMNS))


def _mean(orders: list[Any]) -> tuple[float, float]:
    """Return the quantity of orders and their mean price."""
    quantity = sum(order[1] for order in orders)
    if not quantity:
        return 0.0, float("nan")
    return quantity, sum(order[1] * (order[2] or 0.0) for order in orders) / quantity


def _is_there(cursor: Any, settings: DatabaseSettings, table: str) -> bool:
    cursor.execute("SELECT to_regclass(%s)", (f'{settings.schema}."{table}"',))
    return cursor.fetchone()[0] is not None


def _asked(cursor: Any, settings: DatabaseSettings, table: str, statement: str, *values: Any) -> list[Any]:
    from psycopg2.sql import SQL, Identifier

    cursor.execute(SQL(statement).format(table=Identifier(settings.schema, table)), values)
    return list(cursor.fetchall())
