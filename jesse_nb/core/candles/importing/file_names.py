"""What the name of a candle file says: symbol and timeframe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["NamedFile", "named_file"]

# Where the archives write BTCUSDT; longer ones first, so that FDUSD is not read as USD.
_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "USD1", "DAI", "USD", "BTC", "ETH", "BNB", "EUR", "GBP",
           "TRY", "BRL", "JPY", "AUD", "RUB", "UAH", "IDRT", "BIDR", "NGN", "ZAR", "PLN", "RON", "ARS", "MXN", "CZK",
           "COP", "TRX", "XRP", "DOGE", "VAI", "PAX", "USDS", "UST", "EURI", "AEUR", "BVND", "BKRW")

_DATE = r"\d{4}(?:[-_]?\d{2}){0,2}"
_TIMEFRAME = r"\d+[smhdwM]"
_ENDING = r"\.(?:zip|(?:csv|json|parquet|feather)(?:\.(?:gz|zst|bz2|xz))?)"
#: ``BTC_USDT-1m.feather``; of a future, ``BTC_USDT_USDT-1m-futures.feather``
_FREQTRADE = re.compile(rf"(?P<base>[^\W_]+)_(?P<quote>[^\W_]+?)(?:_[^\W_]+)?-(?P<timeframe>{_TIMEFRAME})(?:-futures)?"
                        r"\.(?:feather|parquet|json(?:\.gz)?)", re.IGNORECASE)
#: ``BTCUSDT_1_2024-03-10_2024-03-10.csv.gz``
_BYBIT = re.compile(rf"(?P<base>[^\W_]+)_(?P<minutes>\d+)_{_DATE}_{_DATE}{_ENDING}", re.IGNORECASE)
#: ``BTCUSDT-1m-2024-01.zip``, ``BTC-USDT.parquet``, ``BTC-USDT-2023.csv.zst``, ``BTCUSDT_1m.csv``
_PLAIN = re.compile(rf"(?P<base>[^\W_]+)(?:[-_](?P<quote>[^\W_\d]+1?))?(?:[-_](?P<timeframe>{_TIMEFRAME}))?"
                    rf"(?:[-_]{_DATE})?{_ENDING}", re.IGNORECASE)
#: ``2023.parquet`` in a folder BTC-USDT
_TIME_ONLY = re.compile(rf"{_DATE}{_ENDING}", re.IGNORECASE)
_FOLDERS = 3


@dataclass(frozen=True)
class NamedFile:
    """A file whose name says what is in it.

    Attributes
    ----------
    symbol
        Like ``BTC-USDT``.
    timeframe
        Like ``1m``; empty where the name has none.
    """

    symbol: str
    timeframe: str


def named_file(parts: Sequence[str]) -> NamedFile | None:
    """Return what a file's name says, or that of its folder where its own is a time; None when they say no symbol.

    Parameters
    ----------
    parts
        Of its path, its own name last.

    Examples
    --------
    >>> named_file(["BTCUSDT-1m-2024-01.zip"])
    NamedFile(symbol='BTC-USDT', timeframe='1m')
    >>> named_file(["BTC-USDT", "2023.parquet"])
    NamedFile(symbol='BTC-USDT', timeframe='')
    """
    name = parts[-1]
    if freqtrade := _FREQTRADE.fullmatch(name):
        return NamedFile(f"{freqtrade['base']}-{freqtrade['quote']}".upper(), _timeframe(freqtrade["timeframe"]))
    if bybit := _BYBIT.fullmatch(name):
        symbol = _symbol(bybit["base"], "")
        minutes = int(bybit["minutes"])
        timeframe = f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
        return NamedFile(symbol, timeframe) if symbol else None
    if _TIME_ONLY.fullmatch(name):
        above = (folder.replace("_", "-").partition("-") for folder in reversed(parts[-1 - _FOLDERS:-1]))
        symbols = (_symbol(base, quote) for base, _, quote in above)
        symbol = next(filter(None, symbols), "")
        return NamedFile(symbol, "") if symbol else None
    if plain := _PLAIN.fullmatch(name):
        symbol = _symbol(plain["base"], plain["quote"] or "")
        return NamedFile(symbol, _timeframe(plain["timeframe"] or "")) if symbol else None
    return None


def _symbol(base: str, quote: str) -> str:
    """Return base and quote currency with a dash; empty where they are none."""
    base, quote = base.upper(), quote.upper()
    if quote:
        return f"{base}-{quote}" if base.isalnum() and quote in _QUOTES else ""
    known = next((known for known in _QUOTES if base.endswith(known) and len(base) > len(known)), "")
    return f"{base.removesuffix(known)}-{known}" if known and base.isalnum() else ""


def _timeframe(written: str) -> str:
    return written if written.endswith("M") else written.lower()
