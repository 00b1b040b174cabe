"""Damaged Parquet, Feather, JSON and gzip files: a clear error or a right import, never half of one.

``JESSE_NB_FUZZ=20`` makes twenty times as many, here and in the like tests on text and zip files.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jesse_nb.core.candles import CandleStore, import_candles, read_source
from jesse_nb.exceptions import InvalidCandlesError, JesseNbError
from tests.candles.helpers import damaged, fuzzed, random_candles
from tests.candles.test_importers import COLUMNS, csv_of, frame_of

CANDLES = random_candles(60)
STORED, NEW = CANDLES[:40], CANDLES[30:]
SERIES = ("Binance Spot", "BTC-USDT")


def table(write: Callable[[pd.DataFrame, io.BytesIO], None], **changed: object) -> bytes:
    buffer = io.BytesIO()
    write(frame_of(NEW).assign(**changed), buffer)
    return buffer.getvalue()


def freqtrade_json() -> bytes:
    rows = [[int(row[0]), *(float(row[column]) for column in (1, 3, 4, 2, 5))] for row in NEW]
    return json.dumps(rows).encode()


def freqtrade_feather() -> bytes:
    frame = frame_of(NEW).rename(columns={"timestamp": "date"})
    frame["date"] = pd.to_datetime(frame["date"], unit="ms", utc=True)
    buffer = io.BytesIO()
    frame[["date", "open", "high", "low", "close", "volume"]].to_feather(buffer, compression="lz4")
    return buffer.getvalue()


WHOLE = {
    "parquet": table(lambda frame, buffer: frame.to_parquet(buffer, index=False)),
    "zstd.parquet": table(lambda frame, buffer: frame.to_parquet(buffer, index=False, compression="zstd")),
    "feather": table(lambda frame, buffer: frame.to_feather(buffer, compression="uncompressed")),
    "freqtrade.feather": freqtrade_feather(),
    "json": freqtrade_json(),
    "json.gz": gzip.compress(freqtrade_json(), mtime=0),
    "csv.gz": gzip.compress(csv_of(NEW), mtime=0),
}


def plainly_read(kind: str, content: bytes) -> np.ndarray:
    """What pandas and json make of the same bytes: the formats without a checksum can say something else."""
    if kind.endswith(".gz"):
        return NEW  # gzip has a checksum
    if kind == "json":
        rows = np.array(json.loads(content), np.float64)[:, [0, 1, 4, 2, 3, 5]]
    else:
        frame = (pd.read_parquet if "parquet" in kind else pd.read_feather)(io.BytesIO(content))
        frame.columns = [str(name).strip().casefold() for name in frame.columns]
        if "date" in frame:
            moments = frame.pop("date")
            frame["timestamp"] = moments.astype("int64") // {"s": 1, "ms": 1, "us": 1_000, "ns": 10**6}[moments.dt.unit]
        rows = frame[COLUMNS].to_numpy(np.float64)
    return np.unique(rows, axis=0)


@pytest.mark.parametrize("kind", WHOLE)
@fuzzed(25)
@given(data=st.data())
def test_a_damaged_file_is_imported_right_or_not_at_all(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    content = damaged(data, WHOLE[kind])
    path, store = tmp_path / "candles.dat", CandleStore(tmp_path / "store")
    path.write_bytes(content)
    for info in store.list():
        store.delete(info.exchange, info.symbol)
    before = store.write(*SERIES, STORED).fingerprint
    try:
        import_candles(path, SERIES[1], SERIES[0], store=store)
    except JesseNbError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert "\n" not in said
        assert store.info(*SERIES).fingerprint == before
        assert np.array_equal(store.read(*SERIES), STORED)
        return
    came = plainly_read(kind, content)
    known = np.isin(came[:, 0], STORED[:, 0])
    assert np.array_equal(store.read(*SERIES), np.unique(np.concatenate([STORED, came[~known]]), axis=0))
    assert np.array_equal(came[known], STORED[np.isin(STORED[:, 0], came[:, 0])])
    assert [file.name for file in store.root.rglob("*.tmp")] == []


@pytest.mark.parametrize("description", [b"{}", b'{"index_columns": [], "columns": [{}]}', b"[]", b"no JSON"])
def test_what_pandas_noted_in_a_file_may_be_damaged(description: bytes, tmp_path: Path) -> None:
    arrow = pa.Table.from_pandas(frame_of(NEW)).replace_schema_metadata({b"pandas": description})
    pq.write_table(arrow, tmp_path / "candles.parquet")
    with pytest.raises(InvalidCandlesError, match="may be damaged: its description of columns is wrong"):
        read_source(tmp_path / "candles.parquet")


@pytest.mark.parametrize("kind", WHOLE)
def test_the_undamaged_files_are_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "candles.dat").write_bytes(WHOLE[kind])
    store = CandleStore(tmp_path / "store")
    import_candles(tmp_path / "candles.dat", SERIES[1], SERIES[0], store=store)
    assert np.array_equal(store.read(*SERIES), NEW)
