"""The account that a Jesse project's dashboard backtests with, for those who ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles import CandleStore, exchange_name
from jesse_nb.core.candles.database.postgres import session
from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.candles.project import DatabaseSettings, database_settings
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.spec import Account
from jesse_nb.exceptions import InputError, JesseNbError, did_you_mean, shown

__all__ = ["project_account", "with_project_account"]

# Nothing else of the dashboard's settings leaves the database. Some were stored one level too deep by Jesse.
_SETTINGS = """
SELECT coalesce(json::json #> '{{backtest,exchanges}}', json::json #> '{{data,backtest,exchanges}}')
FROM {table} WHERE type = 'config'
"""


@well_named
def project_account(exchange: str, project: str | Path | None = None) -> dict[str, Any]:
    """Return the account that a Jesse project backtests an exchange with, as the tools' arguments.

    Jesse has no account settings in ``.env``: what is set in its dashboard under Settings, Backtest is stored
    in the table ``option`` of its database. It is only read, and only this part of it.

    Parameters
    ----------
    exchange
        As Jesse spells it; capitals do not matter.
    project
        The Jesse project's folder; by default the working directory.

    Returns
    -------
    dict
        ``balance``, ``fee`` (a fraction of each fill), ``market``, ``leverage`` and ``leverage_mode``.

    Raises
    ------
    InputError
        When there is no project, it has stored no settings, none of that exchange, or none that can be used.
    DatabaseError
        When the database cannot be used.

    Examples
    --------
    >>> jn.backtest(TrendFollower, "BTC-USDT", "1h", "2024-01-01", "2024-06-01",  # doctest: +SKIP
    ...             **jn.project_account("Binance Perpetual Futures", "my-project"))
    """
    settings, wanted = database_settings(project), exchange_name(exchange)
    stored = _stored(settings)
    found = {name.casefold(): name for name in stored}.get(wanted.casefold())
    if found is None:
        raise InputError(f"The settings of the project's dashboard have no exchange {shown(wanted)}.",
                         did_you_mean(wanted, stored))
    try:
        return _arguments(found, stored[found])
    except (KeyError, TypeError, ValueError, JesseNbError, jesse_module("jesse.exceptions").InvalidConfig) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else getattr(error, "message", error)
        raise InputError(f"The project's settings for {found} cannot be used: {str(reason).rstrip('.')}.",
                         "Look at them in Jesse's dashboard: Settings, Backtest.") from error


def with_project_account(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a tool's arguments with the project's account where they say nothing, and a sentence on it.

    Parameters
    ----------
    arguments
        Of a tool, as far as the user gave them. What is given wins; of an account of the other market
        (futures or spot) than the project's, leverage is not taken.

    Raises
    ------
    JesseNbError
        As :func:`project_account`; also when the exchange is neither named nor the only one of the symbol.
    """
    exchange = arguments.get("exchange") or _only_exchange(arguments)
    its = project_account(exchange, arguments.get("project"))
    if arguments.get("market", its["market"]) != its["market"]:
        its = {name: value for name, value in its.items() if not name.startswith("leverage")}
    taken = {name: value for name, value in its.items() if name not in arguments}
    said = ", ".join(f"{name.replace('_', ' ')} {_words(name, value)}" for name, value in taken.items())
    kept = [name.replace("_", " ") for name in its if name in arguments]
    sentence = f"From the Jesse project's settings for {exchange}: {said or 'nothing'}."
    return {**arguments, **taken}, sentence + (f" As given, not the project's: {', '.join(kept)}." if kept else "")


def _stored(settings: DatabaseSettings) -> dict[str, Any]:
    from psycopg2.sql import SQL, Identifier

    with session(settings) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", (f'{settings.schema}."option"',))
        there = cursor.fetchone()[0] is not None
        if there:
            cursor.execute(SQL(_SETTINGS).format(table=Identifier(settings.schema, "option")))
        row = cursor.fetchone() if there else None
    if row is None or not isinstance(row[0], dict) or not row[0]:
        raise InputError(f"The project's database {settings} has no settings for backtests.",
                         "Jesse stores them when its dashboard is first opened.")
    return row[0]


def _arguments(exchange: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Read what Jesse stored for one exchange, by Jesse's own rules for old and new settings."""
    assumptions = jesse_module("jesse.services.simulation_assumptions")
    model = assumptions.resolve_simulation_model(entry, usual_market(exchange))
    market = assumptions.legacy_type_from_simulation_model(model)
    futures = market == "futures"
    account = Account(
        float(entry["balance"]), float(entry["fee"]), market,
        int(entry.get("futures_leverage", 1)) if futures else 1,
        entry.get("futures_leverage_mode", "cross") if futures else "cross",
    )
    return {"balance": account.balance, "fee": account.fee, "market": account.market, "leverage": account.leverage,
            "leverage_mode": account.leverage_mode}


def _only_exchange(arguments: Mapping[str, Any]) -> str:
    symbols = [arguments["symbol"]] if "symbol" in arguments else arguments.get("symbols") or ()
    found = {(arguments.get("candles") or CandleStore()).resolve(symbol).exchange for symbol in symbols}
    if len(found) != 1:
        raise InputError("Which exchange's account of the project is meant is not said.", "Name it: --exchange.")
    return found.pop()


def _words(name: str, value: Any) -> str:
    if name == "fee":
        return f"{value * 100:.4g} %"
    return f"{value:,g}" if isinstance(value, float) else str(value)
