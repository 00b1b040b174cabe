"""What is traded at an exchange: futures, or coins themselves."""

from __future__ import annotations

from typing import Literal

from jesse_nb.core.jesse_runtime import jesse_module

__all__ = ["usual_market"]


def usual_market(exchange: str) -> Literal["futures", "spot"]:
    """Return the kind of account that an exchange has: Jesse's word, where Jesse knows it, else that of its name.

    Parameters
    ----------
    exchange
        As candles are stored under it. A name that Jesse does not know is ``spot`` where one of its words is.

    Examples
    --------
    >>> from jesse_nb.core.candles.exchange_market import usual_market
    >>> usual_market("Binance Spot"), usual_market("Bybit USDT Perpetual"), usual_market("My spot files")
    ('spot', 'futures', 'spot')
    """
    known = jesse_module("jesse.info").exchange_info.get(exchange, {}).get("type")
    if known is None:
        return "spot" if "spot" in exchange.casefold().replace("-", " ").replace("_", " ").split() else "futures"
    return "spot" if known == "spot" else "futures"
