"""Where some of Jesse's drivers say less than their interface asks for, or something else."""

from __future__ import annotations

import time
from typing import Any

from jesse_nb.core.jesse_runtime import jesse_module

__all__ = ["daily_candles", "ignores_quote", "repeated_minutes", "says_empty", "set_clock", "volume_note"]

_DRIVERS = "jesse.modes.import_candles_mode.drivers"

#: Volumes that are not in the base currency, as these exchanges' documentations have it.
_VOLUMES = {
    "Gate Spot": "in the quote currency",
    "Gate USDT Perpetual": "a number of contracts",
    "KuCoin USDT Perpetual": "a number of contracts",
}


def repeated_minutes(driver: Any) -> int:
    """Return how many minutes before a page have to be asked for with it.

    Kraken's spot candles are those *after* the moment that Jesse's driver asks for: without the minute
    before, the first minute of every page would be missing.
    """
    return int(_is(driver, "Kraken.KrakenSpotMain"))


def says_empty(driver: Any, error: BaseException | None) -> bool:
    """Tell whether a driver that calls a listed symbol unknown means a page without candles: Gate's do."""
    errors, known = jesse_module("jesse.services.historical_data.errors"), jesse_module("jesse.exceptions")
    return isinstance(error, errors.ProviderSymbolNotFoundError | known.InvalidSymbol) and _is_gate(driver)


def set_clock() -> None:
    """Tell Jesse what time it is.

    Outside of a session its clock stands still at 1970, and up to then some drivers look for a first candle.
    """
    jesse_module("jesse.store").store.app.time = int(time.time() * 1000)


def ignores_quote(driver: Any) -> bool:
    """Tell whether a driver looks at the base currency only: BTC-USDT would be stored with the prices of BTC-USD."""
    return _is(driver, "Lighter.LighterMain") or _is(driver, "Hyperliquid.HyperliquidPerpetualMain")


def daily_candles(driver: Any) -> int | None:
    """Return how many daily candles one request gives, of exchanges whose pages do not say what comes after them."""
    if _is(driver, "Binance.BinanceMain"):
        return int(driver.count)
    return int(driver.limit) - 1 if _is_gate(driver) else None


def volume_note(exchange: str) -> str:
    """Return a sentence where Jesse's driver takes a volume that is not in the base currency; else nothing."""
    unit = _VOLUMES.get(exchange)
    return f"The volume that Jesse takes from {exchange} is {unit}." if unit else ""


def _is_gate(driver: Any) -> bool:
    return _is(driver, "Gate.GateSpotMain") or _is(driver, "Gate.GateUSDTMain")


def _is(driver: Any, module: str) -> bool:
    return isinstance(driver, getattr(jesse_module(f"{_DRIVERS}.{module}"), module.partition(".")[2]))
