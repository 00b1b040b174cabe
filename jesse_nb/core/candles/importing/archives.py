"""Folders of candle files that say by their names what is in them: exchange archives, freqtrade's data."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from jesse_nb.exceptions import InvalidCandlesError, StorageError

__all__ = ["is_checksum", "named_series", "verify_checksum"]

#: ``BTCUSDT-1m-2024-01.zip``, ``BTCUSDT-1m-2024-01-31.csv``
_ARCHIVE = re.compile(r"(?P<base>[^\W_]+?)-1m-\d{4}-\d{2}(-\d{2})?\.(zip|csv|csv\.gz)", re.IGNORECASE)
#: ``BTC_USDT-1m.feather``; of a future, ``BTC_USDT_USDT-1m-futures.feather``
_FREQTRADE = re.compile(r"(?P<base>[^\W_]+)_(?P<quote>[^\W_]+?)(_[^\W_]+-1m-futures|-1m)"
                        r"\.(feather|json|json\.gz|parquet)", re.IGNORECASE)

# Where the archives write BTCUSDT; longer ones first, so that FDUSD is not read as USD.
_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "USD1", "DAI", "USD", "BTC", "ETH", "BNB", "EUR", "GBP",
           "TRY", "BRL", "JPY", "AUD", "RUB", "UAH", "IDRT", "BIDR", "NGN", "ZAR", "PLN", "RON", "ARS", "MXN", "CZK",
           "COP", "TRX", "XRP", "DOGE", "VAI", "PAX", "USDS", "UST", "EURI", "AEUR", "BVND", "BKRW")

_CHECKSUM = ".CHECKSUM"
_SHA256 = re.compile(r"\b[0-9a-fA-F]{64}\b")


def named_series(folder: Path) -> dict[str, list[Path]]:
    """Return the one-minute files in a folder and below it, by the symbol that their names tell.

    Parameters
    ----------
    folder
        An exchange archive's, however deep, or freqtrade's ``user_data/data/EXCHANGE``.

    Returns
    -------
    dict
        Like ``{"BTC-USDT": [Path("BTCUSDT-1m-2024-01.zip"), …]}``; symbols and files in order.

    Raises
    ------
    StorageError
        When the folder cannot be read.
    """
    found: dict[str, list[Path]] = {}
    try:
        for path in sorted(folder.rglob("*")):
            symbol = _symbol_of(path.name)
            if symbol and path.is_file():
                found.setdefault(symbol, []).append(path)
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
    return dict(sorted(found.items()))


def _symbol_of(name: str) -> str | None:
    if freqtrade := _FREQTRADE.fullmatch(name):
        return f"{freqtrade['base']}-{freqtrade['quote']}".upper()
    if archive := _ARCHIVE.fullmatch(name):
        together = archive["base"].upper()
        quote = next((quote for quote in _QUOTES if together.endswith(quote) and len(together) > len(quote)), None)
        return f"{together.removesuffix(quote)}-{quote}" if quote else None
    return None


def is_checksum(path: Path) -> bool:
    """Return whether a file holds another one's checksum."""
    return path.name.upper().endswith(_CHECKSUM)


def verify_checksum(path: Path, content: bytes) -> None:
    """Compare a file with the SHA-256 in ``NAME.CHECKSUM`` beside it, if there is one.

    Raises
    ------
    InvalidCandlesError
        When they differ, or the checksum file holds none.
    """
    beside = path.with_name(path.name + _CHECKSUM)
    try:
        said = beside.read_text("utf-8", "replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"Cannot read {beside}: {error.strerror or error}.") from error
    expected = _SHA256.search(said)
    if expected is None:
        raise InvalidCandlesError(f"{beside.name} holds no SHA-256.", "Download both files again, or delete it.")
    if hashlib.sha256(content).hexdigest() != expected[0].lower():
        raise InvalidCandlesError(f"{path.name} is not what {beside.name} says: its SHA-256 differs.",
                                  "Download it again.")
