"""Of which market the candles in a file are, as its name and its folders tell it.

A symbol alone is no market: archives and tools keep BTCUSDT of the spot market, of futures, and what is no price of
trades at all (mark, index and premium) under names that differ in their folders only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from jesse_nb.core.candles.importing.file_names import named_file
from jesse_nb.exceptions import InputError

__all__ = ["files_of_one_market", "refuse_mixed", "refuse_untraded"]

#: Folders and endings of series at which nobody trades.
_UNTRADED = {"markpriceklines": "mark prices", "indexpriceklines": "index prices",
             "premiumindexklines": "the premium index", "mark": "mark prices", "index": "index prices",
             "premiumindex": "the premium index", "funding_rate": "funding rates"}
#: ``BTC_USDT_USDT-1m-mark.feather``, ``BTC_USDT_USDT-8h-funding_rate.feather``
_ENDING = re.compile(r"-\d+[smhdwM]-(\w+)\.")

_SPOT = {"spot"}
_FUTURES = {"futures", "future", "um", "cm", "linear", "inverse", "swap", "perpetual", "perp", "delivery"}

#: What they are called in errors.
_KINDS = {"spot": "the spot market", "futures": "futures"}
_MARKETS = {"spot": "a spot market", "futures": "one of futures"}

#: Folders that say when or how often, not which market.
_TIME = re.compile(r"\d{4}(-\d{2}){0,2}|\d{2}|daily|monthly|klines|candles|\d+[smhdw]", re.IGNORECASE)


def refuse_untraded(path: Path) -> None:
    """Refuse a file of prices at which nobody trades, by its name and its folders.

    Raises
    ------
    InputError
        Which says what they are.
    """
    what = _untraded(path)
    if what:
        raise InputError(f"{path.name} holds {what}, at which nobody trades.", "Import the klines of trades.")


def files_of_one_market(symbol: str, files: Sequence[Path], folder: Path, exchange: str) -> list[Path]:
    """Return those of a symbol's files that are of the exchange's market.

    Parameters
    ----------
    symbol
        Whose files they are.
    files
        In the folder or below it.
    folder
        What the user named.
    exchange
        What they are filed under. One that is called spot or futures chooses between these two.

    Raises
    ------
    InputError
        When they are of several markets and the exchange's name does not choose, or of another kind than it.
    """
    _refuse_timeframes(symbol, files, folder)
    markets: dict[tuple[str, str], list[Path]] = {}
    for path in files:
        if not _untraded(path):
            markets.setdefault(_market(path, folder, symbol), []).append(path)
    wanted = _kind_of_exchange(exchange)
    chosen = {market: paths for market, paths in markets.items() if not wanted or market[0] in ("", wanted)}
    told = [market for market in chosen if market[0] == wanted]
    if wanted and told:
        chosen = {market: chosen[market] for market in told}
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    if not markets:
        raise InputError(f"{folder} has files of {symbol} only at whose prices nobody trades.",
                         "Import the klines of trades.")
    found = "; ".join(f"{len(paths)} in {paths[0].parent}" for paths in (chosen or markets).values())
    if not chosen:
        said = _KINDS["futures" if wanted == "spot" else "spot"]
        raise InputError(f"{folder} holds {symbol} of {said} only, and {exchange} is {_MARKETS[wanted]}.",
                         f"Name the exchange as Jesse calls that market. Found: {found}.")
    raise InputError(f"{folder} holds {symbol} of {len(chosen)} markets: {found}.",
                     "Name one of these folders, or a pattern of its files and the symbol.")


def refuse_mixed(files: Sequence[Path], exchange: str = "") -> None:
    """Refuse files that were named one by one, or by a pattern, but are of several symbols or kinds of market.

    Parameters
    ----------
    files
        All of them.
    exchange
        What they are filed under: files of futures are not filed under a spot market, nor the other way round.

    Raises
    ------
    InputError
        Which says which.
    """
    for path in files:
        refuse_untraded(path)
    named = [(path, named_file(path.parts)) for path in files]
    symbols = {name.symbol: path for path, name in named if name is not None}
    if len(symbols) > 1:
        (first, one), (second, other) = list(symbols.items())[:2]
        raise InputError(f"These files are of several symbols: {one.name} is of {first}, {other.name} of {second}.",
                         "Name a folder, or the files of one symbol.")
    above = Path(os.path.commonpath([path.absolute().parent for path in files])) if files else Path()
    markets = {_market(path.absolute(), above, name.symbol if name else ""): path for path, name in named}
    kinds = {kind: path for (kind, _), path in markets.items()}
    if {"spot", "futures"} <= set(kinds):
        raise InputError(f"These files are of the spot market, {kinds['spot']}, and of futures, {kinds['futures']}.",
                         "Name those of one market.")
    wanted = _kind_of_exchange(exchange)
    said = next((kind for kind in kinds if kind and wanted and kind != wanted), "")
    if said:
        raise InputError(f"{kinds[said]} is of {_KINDS[said]}, and {exchange} is {_MARKETS[wanted]}.",
                         "Name the exchange as Jesse calls that market.")
    if len(markets) > 1:
        these, those = list(markets.values())[:2]
        raise InputError(f"These files may be of several markets: {these} and {those} lie in folders of other names.",
                         "Where they are of one market, import them one after the other.")


def _refuse_timeframes(symbol: str, files: Sequence[Path], folder: Path) -> None:
    named = [named_file(path.parts) for path in files]
    timeframes = sorted({name.timeframe for name in named if name is not None and name.timeframe})
    if len(timeframes) > 1:
        raise InputError(f"{folder} holds {symbol} in {' and '.join(timeframes)}.",
                         f"Name a pattern of the files of one timeframe, like '{folder / f'*{timeframes[-1]}*'}'.")


def _market(path: Path, folder: Path, symbol: str) -> tuple[str, str]:
    """Return the kind of a file's market, spot, futures or unknown, and the folders that tell it from others."""
    plain = symbol.replace("-", "").casefold()
    parts = [part.casefold() for part in path.relative_to(folder).parts[:-1]]
    words = [word for part in reversed(parts) for word in re.findall("[a-z]+", part)]
    parts = [part for part in parts if not _TIME.fullmatch(part) and re.sub(r"[^a-z0-9]", "", part) != plain]
    above = [part.casefold() for part in folder.absolute().parts]
    ending = _ENDING.search(path.name)
    kind = _kind([ending[1].casefold()] if ending else []) or _kind(words) or _kind(reversed(above[-6:]))
    return kind, "/".join(parts)


def _kind_of_exchange(exchange: str) -> str:
    return _kind(re.split(r"[^a-z]+", exchange.casefold()))


def _kind(words: Iterable[str]) -> str:
    for word in words:
        if word in _SPOT:
            return "spot"
        if word in _FUTURES:
            return "futures"
    return ""


def _untraded(path: Path) -> str:
    ending = _ENDING.search(path.name)
    folders = [part for part in path.absolute().parts[:-1] if part.casefold().endswith("klines")]
    words = [ending[1], *folders] if ending else folders
    return next((_UNTRADED[word.casefold()] for word in words if word.casefold() in _UNTRADED), "")
