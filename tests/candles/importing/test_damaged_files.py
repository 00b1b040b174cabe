"""Damaged Parquet, Feather, JSON and gzip files: a clear error or a right import, never half of one.

``JESSE_NB_FUZZ=20`` makes twenty times as many, here and in the like tests on text and zip files.
"""

from __future__ import annotations

import datetime
import gzip
import io
import json
import zipfile
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
from tests.candles.importing.test_importers import COLUMNS, csv_of, frame_of

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


def hostile_zip(**changed: object) -> bytes:
    """An archive of one CSV whose member says something of itself that no writer would."""
    buffer, member = io.BytesIO(), zipfile.ZipInfo("candles.csv")
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in changed.items():
            setattr(member, name, value)
        archive.writestr(member, csv_of(NEW))
    return buffer.getvalue()


def with_bytes(content: bytes, signature: bytes, at: int, new: bytes) -> bytes:
    """The same file with some bytes changed, counted from the last place where a signature stands."""
    begin = content.rindex(signature) + at
    return content[:begin] + new + content[begin + len(new):]


# Offsets in the central directory's header: flags 8, method 10, sizes 20 and 24, length of the name 28, extra 30.
HOSTILE = {
    "encrypted": with_bytes(hostile_zip(), b"PK\1\2", 8, b"\1\0"),
    "a method that nobody knows": with_bytes(hostile_zip(), b"PK\1\2", 10, b"\x63\0"),
    "an extra field that ends too soon":
        with_bytes(hostile_zip(extra=b"\1\0\x10\0" + bytes(16)), b"PK\1\2", 30, b"\6\0"),
    "another name in front of the member": with_bytes(hostile_zip(), b"PK\1\2", 46, b"sandles"),
    "a place before the file": with_bytes(hostile_zip(), b"PK\5\6", 16, b"\xff\xff\xff\x7f"),
    "a number that no float holds": b"[[" + b"9" * 400 + b",1,1,1,1,1]]",
    "deeply nested": b"[" * 100_000,
    "no text": b"[[1,2,3,4,5,\xff]]",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_library_raises_at_hostile_bytes_is_an_error_of_ours(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "candles.dat").write_bytes(content)
    with pytest.raises(InvalidCandlesError, match=r"^candles\.dat cannot be read, it may be damaged: .+\.$"):
        read_source(tmp_path / "candles.dat")


def test_names_of_a_file_s_parts_do_not_break_the_line(tmp_path: Path) -> None:
    (tmp_path / "candles.zip").write_bytes(hostile_zip(filename="can\ndles.csv"))
    store = CandleStore(tmp_path / "store")
    import_candles(tmp_path / "candles.zip", SERIES[1], SERIES[0], store=store)
    assert np.array_equal(store.read(*SERIES), NEW)
    (tmp_path / "candles.json").write_text('[{"time\\nstamp": 1}]')
    for content in (hostile_zip(filename="can\ndles.csv").replace(b",", b";"), b'[{"time\\nstamp": 1}]'):
        (tmp_path / "candles.dat").write_bytes(content)
        with pytest.raises(InvalidCandlesError) as refused:
            read_source(tmp_path / "candles.dat")
        assert "\n" not in str(refused.value)


ODD = {
    "bytes": pa.array([b"1", b"\xff"]),
    "lists": pa.array([[1.0], [2.0]]),
    "objects": pa.array([{"a": 1}, {"a": 2}]),
    "pairs": pa.array([[("a", 1)]] * 2, pa.map_(pa.string(), pa.int64())),
    "durations": pa.array([1, 2]).cast(pa.duration("ns")),
    "far days": pa.array([datetime.date(9999, 1, 1)] * 2),
    "far moments": pa.array([2**50] * 2).cast(pa.timestamp("s")),
    "a zone that is none": pa.array([1, 2]).cast(pa.timestamp("ns", tz="No/Where")),
    "nothing": pa.nulls(2),
    "huge texts": pa.array(["9" * 400, "1"]),
}


@pytest.mark.parametrize("column", [*COLUMNS, "symbol", "timeframe"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_columns_of_odd_kinds_are_refused_with_the_file_s_name(odd: pa.Array, column: str, tmp_path: Path) -> None:
    table = {name: pa.array(NEW[:2, number]) for number, name in enumerate(COLUMNS)}
    pq.write_table(pa.table({**table, column: odd}), tmp_path / "candles.parquet")
    with pytest.raises(InvalidCandlesError, match=r"^candles\.parquet") as refused:
        read_source(tmp_path / "candles.parquet", SERIES[1])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", WHOLE)
def test_the_undamaged_files_are_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "candles.dat").write_bytes(WHOLE[kind])
    store = CandleStore(tmp_path / "store")
    import_candles(tmp_path / "candles.dat", SERIES[1], SERIES[0], store=store)
    assert np.array_equal(store.read(*SERIES), NEW)
