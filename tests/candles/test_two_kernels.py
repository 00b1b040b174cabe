"""Several processes that import, read and map one series at the same time."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np

from jesse_nb.core.candles import CandleCache, CandleStore, import_candles
from tests.candles.helpers import START, random_candles
from tests.candles.importing.test_importers import csv_of, file_of

SERIES = ("Binance Spot", "BTC-USDT")
MINUTE = 60_000
LONG = random_candles(3_000)
PARTS = 20
#: The parts overlap, so every write merges with what another process may just have written.
SLICES = [slice(max(0, part * 150 - 30), part * 150 + 150) for part in range(PARTS)]


def imports(root: str, folder: str, number: int, answers: Any) -> None:
    try:
        store = CandleStore(root)
        for part in np.random.default_rng(number).permutation(range(number, PARTS, 2)):
            import_candles(f"{folder}/{part}.csv", SERIES[1], SERIES[0], store=store)
            rows = SLICES[part]
            mine = store.read(*SERIES)
            if not np.isin(LONG[rows, 0], mine[:, 0]).all():
                raise AssertionError(f"part {part} was lost right after it was imported")
        answers.put((number, "", 0))
    except BaseException as error:  # noqa: BLE001 - told to the test
        answers.put((number, repr(error), 0))


def reads(root: str, number: int, began: Any, stop: Any, answers: Any) -> None:
    try:
        store, seen, count = CandleStore(root), 0, 0
        while not stop.is_set():
            # Both ways that runs take: the file itself, and the mapped copy that workers share.
            candles = store.read(*SERIES) if count % 2 else np.load(CandleCache(store).path(*SERIES, "keep"))
            rows = (candles[:, 0] - START).astype(np.int64) // MINUTE
            if not np.array_equal(candles, LONG[rows]) or len(candles) < seen:
                raise AssertionError(f"{len(candles)} candles after {seen}, or other values")
            seen, count = len(candles), count + 1
            began.set()
        answers.put((number, "", count))
    except BaseException as error:  # noqa: BLE001 - told to the test
        answers.put((number, repr(error), 0))


def test_importing_and_reading_at_once_loses_nothing(tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    for part, rows in enumerate(SLICES):
        file_of(tmp_path, csv_of(LONG[rows]), f"{part}.csv")
    context = multiprocessing.get_context("spawn")  # as separate as two kernels are
    answers, began, stop = context.Queue(), context.Event(), context.Event()
    CandleStore(root).write(*SERIES, LONG[:30])
    writers = [context.Process(target=imports, args=(root, str(tmp_path), number, answers)) for number in range(2)]
    readers = [context.Process(target=reads, args=(root, number, began, stop, answers)) for number in (2,)]
    for process in readers:
        process.start()
    try:
        assert began.wait(50)
        for process in writers:
            process.start()
        told = [answers.get(timeout=50) for _ in writers]
        stop.set()
        told += [answers.get(timeout=50) for _ in readers]
    finally:
        stop.set()
        for process in [*writers, *readers]:
            if process.pid is not None:
                process.join(10)
                process.kill()
    assert [error for _, error, _ in told] == [""] * 3
    assert all(count > 0 for number, _, count in told if number >= 2)
    store = CandleStore(root)
    assert np.array_equal(store.read(*SERIES), LONG)
    assert store.info(*SERIES).gaps == ()
    assert list(store.root.rglob("*.tmp")) == []
