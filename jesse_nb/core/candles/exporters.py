"""Stored candles as files that other programs read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles.importing.frames import read_candles
from jesse_nb.core.candles.series import refuse_made_minutes
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.user_path import user_path
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import InputError, StorageError, shown

__all__ = ["export_candles"]

_WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False, compression="zstd"),
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".csv.gz": lambda frame, path: frame.to_csv(path, index=False, compression="gzip"),
    ".feather": lambda frame, path: frame.to_feather(path),
}


@well_named
def export_candles(
    symbol: str,
    path: str | Path,
    *,
    timeframe: str = "1m",
    exchange: str | None = None,
    start: Any = None,
    end: Any = None,
    store: CandleStore | str | Path | None = None,
    replace: bool = False,
) -> Path:
    """Write a stored series to a file: timestamp (ms UTC), open, high, low, close, volume.

    Where the number of trades and what takers bought is known, ``trades`` and ``taker_buy_volume`` follow. Every value
    is written exactly: importing the file gives the same candles. Candles of a longer timeframe
    have another column, ``minutes``, as :func:`~jesse_nb.core.candles.importing.frames.read_candles` gives it, and
    cannot be imported again.

    Parameters
    ----------
    symbol
        Which series.
    path
        Ends in ``.parquet``, ``.csv``, ``.csv.gz`` or ``.feather``; missing folders are made.
    timeframe
        What the one-minute candles are put together to. The last candle is left out when it is not over.
    exchange
        Needed only when several stored exchanges have the symbol.
    start, end
        A part of it, end excluded; None is the first and the last stored.
    store
        Where it is; a store or its folder, the user's own by default.
    replace
        Whether an existing file may be replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        When the ending or the timeframe is unknown, the file exists, or minutes were made of longer candles: a file
        would not say so.
    CandlesNotFoundError
        When the series is not stored.
    StorageError
        When the file cannot be written.

    Examples
    --------
    >>> jn.export_candles("BTC-USDT", "day.csv", start="2023-02-01", end="2023-02-02").name
    'day.csv'
    """
    target = user_path(path)
    ending = next((known for known in _WRITERS if target.name.casefold().endswith(known)), None)
    if ending is None:
        raise InputError(f"{shown(target.name)} does not say in which format.", f"End it in {' or '.join(_WRITERS)}.")
    if target.exists() and not replace:
        raise InputError(f"{target} is there already.", "Pass replace=True (--replace) to replace it.")
    source = CandleStore.of(store)
    series = source.resolve(symbol, exchange)
    refuse_made_minutes(series, timeframe)
    frame = read_candles(symbol, timeframe, exchange=exchange, start=start, end=end, store=source, flow=series.flow > 0)
    if timeframe == "1m":
        del frame["minutes"]
    frame.index = frame.index.as_unit("ms").asi8  # type: ignore[attr-defined]
    frame = frame.rename_axis("timestamp").reset_index()
    try:
        with written_whole(target) as file:
            _WRITERS[ending](frame, file)
    except OSError as error:
        raise StorageError(f"Cannot write {target}: {error.strerror or error}.") from error
    return target

