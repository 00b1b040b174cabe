from __future__ import annotations

import errno
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore, Gap, exchange_name, fingerprint_candles, symbol_name
from jesse_nb.core.candles import parquet as parquet_module
from jesse_nb.core.candles import store as store_module
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.exceptions import (
    CandlesNotFoundError,
    InputError,
    InvalidCandlesError,
    PeriodError,
    StorageError,
)
from tests.candles.helpers import START, random_candles
from tests.conftest import EXCHANGE, real_candles


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    return CandleStore(tmp_path / "candles")


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts)


def test_real_candles_come_back_as_they_went_in(candle_store: CandleStore) -> None:
    for symbol in ("BTC-USDT", "ETH-USDT"):
        assert np.array_equal(candle_store.read(EXCHANGE, symbol), real_candles(symbol))


def test_info_tells_what_the_candles_say(candle_store: CandleStore) -> None:
    candles = real_candles("BTC-USDT")
    info = candle_store.info(EXCHANGE, "BTC-USDT")
    steps = np.diff(candles[:, 0])
    assert (info.exchange, info.symbol, info.synthetic) == (EXCHANGE, "BTC-USDT", False)
    assert (info.start, info.end, info.rows) == (candles[0, 0], candles[-1, 0] + MINUTE_MS, len(candles))
    assert len(info.gaps) == (steps > MINUTE_MS).sum()
    assert info.missing == (steps / MINUTE_MS - 1).sum()
    assert info.fingerprint == fingerprint_candles(candles)
    assert info.bytes == (candle_store.root / EXCHANGE / "BTC-USDT.parquet").stat().st_size
    assert f"BTC-USDT on {EXCHANGE}: 2023-01-01 to 2024-07-01" in str(info)


def test_listing_reads_no_candles(candle_store: CandleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_module, "read_candles", lambda *_: pytest.fail("it read candles"))
    assert [info.symbol for info in candle_store.list()] == ["BTC-USDT", "ETH-USDT"]


def test_any_tool_opens_the_files(store: CandleStore) -> None:
    candles = random_candles(100)
    store.write("Binance Spot", "BTC-USDT", candles)
    path = store.root / "Binance Spot" / "BTC-USDT.parquet"
    frame = pd.read_parquet(path)
    assert list(frame.columns) == ["timestamp", "open", "close", "high", "low", "volume"]
    assert frame["timestamp"].dtype == np.int64
    assert np.array_equal(frame.to_numpy(), candles)
    assert pq.read_metadata(path).row_group(0).column(1).compression == "ZSTD"


@pytest.mark.parametrize("tool", ["pandas", "pyarrow"])
def test_a_file_that_another_tool_wrote_is_read(store: CandleStore, tool: str) -> None:
    info = store.write("Binance Spot", "BTC-USDT", random_candles(100))
    path = store.root / "Binance Spot" / "BTC-USDT.parquet"
    frame = pd.read_parquet(path).iloc[::-1, ::-1]
    if tool == "pandas":
        frame.to_parquet(path, index=False)
    else:
        pq.write_table(pq.read_table(path).select(frame.columns).replace_schema_metadata({}), path)
    again = store.info("Binance Spot", "BTC-USDT")
    assert (again.rows, again.start, again.end, again.fingerprint) == \
        (info.rows, info.start, info.end, info.fingerprint)
    part = store.read("Binance Spot", "BTC-USDT", START + 5 * MINUTE_MS)
    assert np.array_equal(part, random_candles(100)[5:])


def test_a_foreign_file_that_holds_no_candles_is_named(store: CandleStore) -> None:
    store.write("Binance Spot", "BTC-USDT", random_candles(10))
    path = store.root / "Binance Spot" / "BTC-USDT.parquet"
    for frame in (pd.DataFrame({"x": [1]}), pd.read_parquet(path).assign(high=0.5),
                  pd.read_parquet(path).assign(timestamp=pd.Timestamp("2023-01-01"))):
        frame.to_parquet(path, index=False)
        with pytest.raises(StorageError, match=r"BTC-USDT\.parquet cannot be read"):
            store.info("Binance Spot", "BTC-USDT")


def test_the_fingerprint_is_of_the_content_whatever_the_route(store: CandleStore) -> None:
    candles = random_candles(200)
    whole = store.write("A", "BTC-USDT", candles)
    for part in (candles[150:], candles[:70], candles[50:160][::-1]):
        pieces = store.write("B", "BTC-USDT", part)
    assert pieces.fingerprint == whole.fingerprint
    assert fingerprint_candles(candles[:, ::-1][:, ::-1]) == fingerprint_candles(candles.astype(">f8"))
    assert fingerprint_candles(candles[1:]) != whole.fingerprint


def test_periods_equal_slices(candle_store: CandleStore) -> None:
    candles = real_candles("ETH-USDT")
    rng = np.random.default_rng(8)
    info = candle_store.info(EXCHANGE, "ETH-USDT")
    minutes = (info.end - info.start) // MINUTE_MS
    for _ in range(15):
        first, last = sorted(rng.choice(minutes, 2, replace=False))
        start, end = info.start + int(first) * MINUTE_MS, info.start + int(last) * MINUTE_MS
        inside = (candles[:, 0] >= start) & (candles[:, 0] < end)
        assert np.array_equal(candle_store.read(EXCHANGE, "ETH-USDT", start, end), candles[inside])
    assert np.array_equal(candle_store.read(EXCHANGE, "ETH-USDT", end="2023-01-02"), candles[:1_440])
    assert len(candle_store.read(EXCHANGE, "ETH-USDT", start="2024-06-30")) == 1_440


def test_periods_not_covered_or_empty_are_refused(candle_store: CandleStore) -> None:
    with pytest.raises(CandlesNotFoundError, match=r"to 2024-07-01.*2022-12-31 to 2023-02-01"):
        candle_store.read(EXCHANGE, "BTC-USDT", "2022-12-31", "2023-02-01")
    with pytest.raises(CandlesNotFoundError, match="2024-07-02"):
        candle_store.read(EXCHANGE, "BTC-USDT", end="2024-07-02")
    with pytest.raises(PeriodError, match="must come after"):
        candle_store.read(EXCHANGE, "BTC-USDT", "2023-02-01", "2023-02-01")
    with pytest.raises(PeriodError, match="start is 'soon'"):
        candle_store.read(EXCHANGE, "BTC-USDT", "soon")


def test_writing_merges_and_keeps_gaps(store: CandleStore) -> None:
    candles = random_candles(100)
    store.write("Binance Spot", "BTC-USDT", candles[:30])
    info = store.write("Binance Spot", "BTC-USDT", candles[50:])
    assert info.gaps == (Gap(START + 30 * MINUTE_MS, 20),)
    assert info == store.info("Binance Spot", "BTC-USDT")
    assert ", 1 gap of 20 minutes" in str(info)
    info = store.write("Binance Spot", "BTC-USDT", candles[20:60])
    assert info.gaps == ()
    assert np.array_equal(store.read("Binance Spot", "BTC-USDT"), candles)


def test_writing_the_same_again_changes_nothing(store: CandleStore) -> None:
    candles = random_candles(100)
    first = store.write("Binance Spot", "BTC-USDT", candles)
    path = store.root / "Binance Spot" / "BTC-USDT.parquet"
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert store.write("Binance Spot", "BTC-USDT", candles[10:20]) == first
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_contradictions_are_refused_unless_replacing(store: CandleStore) -> None:
    candles = random_candles(50)
    before = store.write("Binance Spot", "BTC-USDT", candles)
    corrected = candles[40:].copy()
    corrected[:, 5] += 1
    with pytest.raises(InvalidCandlesError, match=r"10 new candles contradict.*2023-01-01 00:40"):
        store.write("Binance Spot", "BTC-USDT", corrected)
    assert store.info("Binance Spot", "BTC-USDT") == before
    store.write("Binance Spot", "BTC-USDT", corrected, replace=True)
    assert np.array_equal(store.read("Binance Spot", "BTC-USDT"), np.vstack([candles[:40], corrected]))


def test_refused_candles_leave_no_trace(store: CandleStore) -> None:
    bad = random_candles(50)
    bad[10, 3] = 0.1
    with pytest.raises(InvalidCandlesError):
        store.write("Binance Spot", "BTC-USDT", bad)
    assert store.list() == []
    assert files_below(store.root) == []


def test_delete(store: CandleStore) -> None:
    store.write("Binance Spot", "BTC-USDT", random_candles(5))
    store.delete("Binance Spot", "BTC-USDT")
    assert store.list() == []
    with pytest.raises(CandlesNotFoundError):
        store.delete("Binance Spot", "BTC-USDT")
    store.write("Binance Spot", "BTC-USDT", random_candles(5, seed=3))


def test_resolve_finds_the_one_exchange(store: CandleStore) -> None:
    with pytest.raises(CandlesNotFoundError, match=r"store .* is empty.*demo"):
        store.resolve("BTC-USDT")
    info = store.write("Binance Spot", "BTC-USDT", random_candles(5))
    assert store.resolve("btc/usdt") == store.resolve("BTC-USDT", "binance  spot") == info
    store.write("Bybit Spot", "BTC-USDT", random_candles(5))
    with pytest.raises(InputError, match="several exchanges: Binance Spot, Bybit Spot"):
        store.resolve("BTC-USDT")


def test_mistyped_names_get_close_matches(store: CandleStore) -> None:
    store.write("Binance Spot", "BTC-USDT", random_candles(5))
    store.write("Bybit Spot", "ETH-USDT", random_candles(5))
    for call, words in (
        (lambda: store.resolve("BTC-USTD"), "Did you mean 'BTC-USDT'"),
        (lambda: store.info("Binance Spott", "XRP-USDT"), "Did you mean 'Binance Spot'"),
        (lambda: store.info("Bybit Spot", "BTC-USDT"), "No candles of BTC-USDT of Bybit Spot.*ETH-USDT"),
        (lambda: store.info("Kraken", "ETH-USDT"), "ETH-USDT is stored for 'Bybit Spot'"),
    ):
        with pytest.raises(CandlesNotFoundError, match=words):
            call()


def test_spelling_of_an_exchange_is_the_stored_one(store: CandleStore) -> None:
    store.write("Binance Spot", "BTC-USDT", random_candles(5))
    info = store.write("BINANCE spot", "ETH-USDT", random_candles(5))
    assert info.exchange == "Binance Spot"
    assert len(list(store.root.glob("[!.]*"))) == 1


@pytest.mark.parametrize(
    "name", ["Binance Spot", "Demo (synthetic)", "Binance Perpetual Futures", "Gate.io", "B+1"]
)
def test_exchange_names(name: str, store: CandleStore) -> None:
    assert exchange_name(f"  {name.replace(' ', '   ')} ") == name
    assert store.write(name, "BTC-USDT", random_candles(2)).exchange == name
    assert [info.exchange for info in store.list()] == [name]


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "../x", "a/b", "a\\b", "/etc", "C:\\x", "x\0y", "a..b", ".hidden", "end.", "con",
     "NUL", "com1.x", "x" * 65, "a:b", "a*b", "Börse", None, 7, b"x", Path("x")],
)
def test_exchange_names_that_could_leave_the_folder(name: Any, store: CandleStore) -> None:
    for call in (store.info, store.delete, lambda *names: store.write(*names, random_candles(2))):
        with pytest.raises(InputError) as caught:
            call(name, "BTC-USDT")
        assert "\n" not in str(caught.value)
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("written", "name"),
    [("BTC-USDT", "BTC-USDT"), ("btc-usdt", "BTC-USDT"), (" eth/usdt ", "ETH-USDT"), ("SOL_USDC", "SOL-USDC"),
     ("1000PEPE-USDT", "1000PEPE-USDT"), ("ＢＴＣ-USDT", "BTC-USDT")],
)
def test_symbol_names(written: str, name: str) -> None:
    assert symbol_name(written) == name


@pytest.mark.parametrize(
    "name", ["", "BTC", "BTCUSDT", "-USDT", "BTC-", "../-x", "../../etc/passwd", "A-B-C", "A-B.C", "A -B",
             "A-B\0", "A-" + "B" * 25, None, 1, "A-B\n"[:-1] + "\n\n-"],
)
def test_symbol_names_that_could_leave_the_folder(name: Any, store: CandleStore) -> None:
    with pytest.raises(InputError):
        store.write("Binance Spot", name, random_candles(2))
    assert not store.root.exists()


def test_foreign_things_in_the_folder_are_left_alone(store: CandleStore) -> None:
    store.write("Binance Spot", "BTC-USDT", random_candles(2))
    (store.root / "notes.txt").write_text("mine")
    (store.root / "Binance Spot" / "my notes.parquet").write_text("mine")
    (store.root / ".hidden").mkdir()
    (store.root / "Ex:change").mkdir()
    (store.root / "Ex:change" / "BTC-USDT.parquet").write_text("mine")
    assert len(store.list()) == 1


def test_default_root(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    assert CandleStore().root == isolated_home / "candles"
    monkeypatch.delenv("JESSE_NB_CANDLES")
    monkeypatch.setattr(store_module, "user_data_path", lambda name: Path("/data") / name)
    assert CandleStore().root == Path("/data/jesse_nb/candles")
    assert repr(CandleStore("/x")) == "CandleStore('/x')"


def test_candle_functions_take_a_folder_for_a_store(tmp_path: Path) -> None:
    frame = pd.DataFrame(random_candles(120), columns=["timestamp", "open", "close", "high", "low", "volume"])
    folder = tmp_path / "folder"
    for place in (folder, str(folder), CandleStore(folder)):
        assert jn.import_candles(frame, "BTC-USDT", "X", store=place).rows == 120
        assert len(jn.read_candles("BTC-USDT", "1h", store=place)) == 2
        assert jn.check_candles("BTC-USDT", store=place).rows == 120
        jn.export_candles("BTC-USDT", tmp_path / "out.csv", store=place, replace=True)
        assert jn.import_files([tmp_path / "out.csv"], "X", "BTC-USDT", store=place)[0].rows == 120
    assert CandleStore().list() == []
    for wrong in (5, "", "a\0b"):
        with pytest.raises(InputError, match=r"store is .*folder"):
            jn.read_candles("BTC-USDT", store=wrong)


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("seam", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there(
    store: CandleStore, monkeypatch: pytest.MonkeyPatch, seam: str
) -> None:
    candles = random_candles(100)
    before = store.write("Binance Spot", "BTC-USDT", candles[:50])
    with monkeypatch.context() as patch:
        patch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[seam], full_disk)
        for symbol in ("BTC-USDT", "ETH-USDT"):
            with pytest.raises(StorageError, match="No space left on device"):
                store.write("Binance Spot", symbol, candles)
    assert files_below(store.root) == ["BTC-USDT.parquet"]
    assert store.list() == [before]
    assert np.array_equal(store.read("Binance Spot", "BTC-USDT"), candles[:50])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_write_that_really_stops_half_way(store: CandleStore) -> None:
    import resource

    candles = random_candles(5_000)
    before = store.write("Binance Spot", "BTC-USDT", candles[:50])
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, unlimited[1]))
    try:
        with pytest.raises(StorageError, match="File too large"):
            store.write("Binance Spot", "BTC-USDT", candles)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert files_below(store.root) == ["BTC-USDT.parquet"]
    assert store.list() == [before]
    assert store.write("Binance Spot", "BTC-USDT", candles).rows == 5_000


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    # Root may write anywhere, so a file stands where the folder should be.
    (tmp_path / "file").write_text("in the way")
    store = CandleStore(tmp_path / "file")
    for call in (lambda: store.write("Binance Spot", "BTC-USDT", random_candles(5)), store.list):
        with pytest.raises(StorageError, match="JESSE_NB_CANDLES"):
            call()
    store = CandleStore(tmp_path / "candles")
    store.root.mkdir()
    (store.root / "Binance Spot").write_text("in the way")
    with pytest.raises(StorageError, match="BTC-USDT"):
        store.write("Binance Spot", "BTC-USDT", random_candles(5))
    assert (store.root / "Binance Spot").read_text() == "in the way"


def test_damaged_files_are_named_and_can_be_deleted(store: CandleStore) -> None:
    candles = random_candles(3_000)
    store.write("Binance Spot", "BTC-USDT", candles)
    path = store.root / "Binance Spot" / "BTC-USDT.parquet"
    content = path.read_bytes()
    for damaged in (b"", content[:1_000], content[:-10], b"x" * 5_000):
        path.write_bytes(damaged)
        for call in (store.list, lambda: store.read("Binance Spot", "BTC-USDT"),
                     lambda: store.write("Binance Spot", "BTC-USDT", candles)):
            with pytest.raises(StorageError, match=r"BTC-USDT\.parquet cannot be read"):
                call()
        assert path.read_bytes() == damaged
    store.delete("Binance Spot", "BTC-USDT")
    assert store.list() == []


def test_no_flipped_bit_is_ever_read(store: CandleStore) -> None:
    """Not as a price, nor by PyArrow, which some flipped bits of a footer make end the process."""
    candles = random_candles(30)
    before = store.write("Binance Spot", "BTC-USDT", candles)
    path = store.root / "Binance Spot" / "BTC-USDT.parquet"
    content = path.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(StorageError):
            store.read("Binance Spot", "BTC-USDT")
        try:
            assert store.info("Binance Spot", "BTC-USDT") == before
        except StorageError:
            continue


def test_leftovers_of_a_killed_writer_are_removed(store: CandleStore) -> None:
    store.write("Binance Spot", "BTC-USDT", random_candles(50)[:20])
    (store.root / "Binance Spot" / ".BTC-USDT.0123.tmp").write_bytes(b"half")
    store.write("Binance Spot", "BTC-USDT", random_candles(50))
    assert files_below(store.root) == ["BTC-USDT.parquet"]


def test_a_writer_that_never_ends_is_reported(store: CandleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_LOCK_SECONDS", 0.2)
    with store._locked("Binance Spot", "BTC-USDT", store.root / "Binance Spot" / "BTC-USDT.parquet"):
        with pytest.raises(StorageError, match="Another process has been writing BTC-USDT"):
            store.write("Binance Spot", "BTC-USDT", random_candles(5))
        store.write("Binance Spot", "ETH-USDT", random_candles(5))


def _write_parts(root: str, parity: int, parts: int, start: Any) -> None:
    candles = random_candles(parts * 20)
    start.wait()
    for part in range(parity, parts, 2):
        CandleStore(root).write("Binance Spot", "BTC-USDT", candles[part * 20:part * 20 + 22])


def test_two_processes_that_merge_lose_nothing(store: CandleStore) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    parts = 40
    writers = [context.Process(target=_write_parts, args=(str(store.root), parity, parts, start))
               for parity in (0, 1)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert np.array_equal(store.read("Binance Spot", "BTC-USDT"), random_candles(parts * 20))
    assert files_below(store.root) == ["BTC-USDT.parquet"]


def test_a_series_of_many_gaps_that_lost_its_seal_is_damaged(store: CandleStore) -> None:
    """What says that a file is ours then lies further from its end than the footers of others are long."""
    candles = random_candles(24_000)[::3]
    info = store.write("Binance Spot", "BTC-USDT", candles, asked=(int(candles[0, 0]), int(candles[-1, 0]) + 60_000))
    assert len(info.gaps) == 7_999
    (file,) = store.root.rglob("*.parquet")
    content = file.read_bytes()
    length = int.from_bytes(content[-8:-4], "little") + 8
    assert length > 2**17
    for spoilt in (content[:-length - 48] + content[-length:],  # taken away
                   content[:-length - 48] + bytes(48) + content[-length:]):
        file.write_bytes(spoilt)
        for ask in (store.info, store.read):
            with pytest.raises(StorageError, match="seal is broken"):
                ask("Binance Spot", "BTC-USDT")
    file.write_bytes(content)
    assert np.array_equal(store.read("Binance Spot", "BTC-USDT"), candles)
