from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.candles import CandleCache, CandleStore, fill_gaps
from jesse_nb.exceptions import CandlesNotFoundError, InputError, StorageError
from tests.candles.helpers import random_candles
from tests.conftest import EXCHANGE, real_candles

CANDLES = random_candles(500)
HOLED = np.delete(CANDLES, np.r_[100:120, 300], axis=0)


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    store = CandleStore(tmp_path / "candles")
    store.write("Binance Spot", "BTC-USDT", HOLED)
    return store


def mapped(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def test_real_candles_are_mapped_filled_or_as_stored(candle_store: CandleStore) -> None:
    cache, candles = CandleCache(candle_store), real_candles("BTC-USDT")
    assert np.array_equal(mapped(cache.path(EXCHANGE, "BTC-USDT", "fill")), fill_gaps(candles))
    assert np.array_equal(mapped(cache.path(EXCHANGE, "BTC-USDT", "keep")), candles)


def test_the_same_file_serves_until_the_series_changes(store: CandleStore) -> None:
    cache = CandleCache(store)
    first = cache.path("Binance Spot", "BTC-USDT")
    state = first.stat().st_mtime_ns, first.stat().st_ino
    assert CandleCache(store).path("binance spot", "btc/usdt") == first
    assert (first.stat().st_mtime_ns, first.stat().st_ino) == state
    store.write("Binance Spot", "BTC-USDT", CANDLES[90:110])
    second = cache.path("Binance Spot", "BTC-USDT")
    assert second != first
    assert np.array_equal(mapped(second), fill_gaps(store.read("Binance Spot", "BTC-USDT")))


def test_without_gaps_one_file_serves_both(store: CandleStore) -> None:
    store.write("Binance Spot", "BTC-USDT", CANDLES)
    cache = CandleCache(store)
    assert cache.path("Binance Spot", "BTC-USDT", "fill") == cache.path("Binance Spot", "BTC-USDT", "keep")
    assert np.array_equal(mapped(cache.path("Binance Spot", "BTC-USDT")), CANDLES)


def test_older_states_go_once_unused_for_a_day(store: CandleStore) -> None:
    cache = CandleCache(store)
    used, unused = cache.path("Binance Spot", "BTC-USDT"), cache.path("Binance Spot", "BTC-USDT", "keep")
    leftover = unused.with_name(".killed.tmp")
    leftover.write_bytes(b"half")
    long_ago = time.time() - 2 * 86_400
    for path in (used, unused, leftover):
        os.utime(path, (long_ago, path.stat().st_mtime))
    assert CandleCache(store).path("Binance Spot", "BTC-USDT") == used
    store.write("Binance Spot", "BTC-USDT", CANDLES)
    newest = cache.path("Binance Spot", "BTC-USDT")
    assert sorted(used.parent.iterdir()) == sorted([used, newest])


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "header", "pickle"])
def test_a_damaged_file_is_made_anew(store: CandleStore, damage: str) -> None:
    path = CandleCache(store).path("Binance Spot", "BTC-USDT")
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    path.write_bytes({"empty": b"", "cut": content[:-100], "flipped": bytes(flipped),
                      "header": b"x" * len(content), "pickle": b"\x80\x04N."}[damage])
    again = CandleCache(store).path("Binance Spot", "BTC-USDT")
    assert np.array_equal(mapped(again), fill_gaps(HOLED))
    assert list(path.parent.iterdir()) == [again]


def test_damage_after_the_first_use_is_noticed(store: CandleStore) -> None:
    cache = CandleCache(store)
    path = cache.path("Binance Spot", "BTC-USDT")
    path.write_bytes(path.read_bytes()[:-8])
    assert np.array_equal(mapped(cache.path("Binance Spot", "BTC-USDT")), fill_gaps(HOLED))


def test_deleting_the_series_leaves_a_running_job_its_file_for_a_day(store: CandleStore) -> None:
    cache = CandleCache(store)
    path = cache.path("Binance Spot", "BTC-USDT")
    store.delete("Binance Spot", "BTC-USDT")
    assert np.array_equal(mapped(path), fill_gaps(HOLED))
    with pytest.raises(CandlesNotFoundError):
        cache.path("Binance Spot", "BTC-USDT")
    os.utime(path, (time.time() - 2 * 86_400, path.stat().st_mtime))
    store.remove_unused_maps()
    assert not path.parent.exists()


def test_another_folder_for_stores_that_cannot_be_written(
    store: CandleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JESSE_NB_CACHE", str(tmp_path / "cache"))
    other = CandleStore(tmp_path / "other")
    other.write("Binance Spot", "BTC-USDT", CANDLES[:50])
    paths = [CandleCache(each).path("Binance Spot", "BTC-USDT") for each in (store, other)]
    assert all(tmp_path / "cache" in path.parents for path in paths)
    assert paths[0].parent != paths[1].parent
    assert len(mapped(paths[1])) == 50
    assert CandleCache(store, tmp_path / "named").root == tmp_path / "named"


def test_a_folder_that_cannot_be_written(store: CandleStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="JESSE_NB_CACHE"):
        CandleCache(store, tmp_path / "file").path("Binance Spot", "BTC-USDT")


def test_a_full_disk_leaves_nothing(store: CandleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(file: Any, array: np.ndarray, **_: Any) -> None:
        file.write(array.tobytes()[:1_000])
        raise OSError("6000 requested and 1000 written")

    cache = CandleCache(store)
    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full_disk)
        with pytest.raises(StorageError, match="1000 written"):
            cache.path("Binance Spot", "BTC-USDT")
    assert [path for path in cache.root.rglob("*") if path.is_file()] == []
    assert len(mapped(cache.path("Binance Spot", "BTC-USDT"))) == 500


def test_an_unknown_way_with_gaps(store: CandleStore) -> None:
    with pytest.raises(InputError, match="'drop'"):
        CandleCache(store).path("Binance Spot", "BTC-USDT", "drop")  # type: ignore[arg-type]


def _make_and_open(root: str, number: int, start: Any) -> None:
    start.wait()
    store = CandleStore(root)
    for step in range(15):
        # Each process goes on changing its own series and opens one that all of them make.
        store.write("Binance Spot", f"OWN{number}-USDT", CANDLES[:10 + step])
        own = mapped(CandleCache(store).path("Binance Spot", f"OWN{number}-USDT"))
        assert np.array_equal(own, CANDLES[:10 + step])
        shared = mapped(CandleCache(store, store.root / str(step)).path("Binance Spot", "BTC-USDT"))
        assert np.array_equal(shared, fill_gaps(HOLED))


def test_creators_at_the_same_time_never_show_half_a_file(store: CandleStore) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    processes = [context.Process(target=_make_and_open, args=(str(store.root), number, start))
                 for number in range(3)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    for step in range(15):
        assert len(list((store.root / str(step) / "Binance Spot" / "BTC-USDT").iterdir())) == 1
