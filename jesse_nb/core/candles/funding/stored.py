"""Funding rates of one market as one Parquet file beside its candles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jesse_nb.core.candles.funding.rates import FundingRates, FundingSeries
from jesse_nb.core.candles.parquet_integrity import read_all, sealed
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import StorageError

__all__ = ["SUFFIX", "read_rates", "write_rates"]

#: Ends the name of a file, ``BTC-USDT.funding.parquet``, which is no symbol's.
SUFFIX = ".funding.parquet"

_SUMMARY = b"jesse_nb.funding"
_SCHEMA = pa.schema([("timestamp", pa.int64()), ("rate", pa.float64())])


def read_rates(path: Path, exchange: str, symbol: str) -> FundingSeries | None:
    """Return what a file holds; None where there is none.

    Raises
    ------
    StorageError
        When it is damaged, or no file of ours.
    """
    try:
        content = read_all(path, _SUMMARY)
        table = pq.read_table(pa.BufferReader(content))
        about = json.loads((table.schema.metadata or {})[_SUMMARY])
        rates = FundingRates(table.column("timestamp").to_numpy().astype(np.int64), table.column("rate").to_numpy())
        if rates.fingerprint != about["fingerprint"]:
            raise ValueError("its rates are not what was written")
    except FileNotFoundError:
        return None
    except Exception as error:
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise StorageError(f"The file of funding rates {path} cannot be read, it may be damaged: {reason}.",
                           "Delete it and import the rates again.") from error
    return FundingSeries(exchange, symbol, rates, tuple(about["sources"]))


def write_rates(path: Path, series: FundingSeries) -> None:
    """Write a series, whole or not at all.

    Raises
    ------
    StorageError
        When the folder cannot be written or the disk is full; what stood there before still stands.
    """
    about = json.dumps({"fingerprint": series.fingerprint, "sources": list(series.sources)}).encode()
    table = pa.Table.from_arrays([pa.array(series.rates.times), pa.array(series.rates.rates)],
                                 schema=_SCHEMA.with_metadata({_SUMMARY: about}))
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    try:
        with written_whole(path, lasting=True) as beside, beside.open("wb") as file:
            file.writelines(sealed(buffer.getvalue().to_pybytes()))
    except OSError as error:
        raise StorageError(f"Cannot write funding rates of {series.symbol} to {path}: {error.strerror or error}.",
                           "Nothing was changed. Free some space, or set JESSE_NB_CANDLES to another "
                           "folder.") from error
