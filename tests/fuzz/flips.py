"""Turned bits in what lies on disk: a run store, candles, candles for workers, jobs, kept results, their index."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

from jesse_nb.core.candles import CandleCache, CandleStore, mapped, parquet
from jesse_nb.core.candles.funding.rates import FundingRates
from jesse_nb.core.jobs.journal import Journal, JournalEntry
from jesse_nb.core.jobs.store import RunStore, sqlite
from jesse_nb.core.record import index
from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.record.files import ENDING
from jesse_nb.core.record.labels import labels_of
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.spec import Account
from jesse_nb.exceptions import StorageError
from tests.candles.helpers import random_candles
from tests.jobs.store.test_store import make_record, make_spec, same
from tests.record.test_result_store import ABOUT

MARKET = ("Binance Spot", "BTC-USDT")


class Campaign:
    """Bits are turned in a file of ours, of seven kinds: what is read is right, or the damage is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kinds = [Runs(folder / "runs"), Candles(folder / "candles"), Mapped(folder / "mapped"),
                       Funding(folder / "funding"), Jobs(folder / "journal"), Kept(folder / "kept"),
                       Index(folder / "index")]

    def draw(self, random: Random) -> str:
        kind = random.choice(self._kinds)
        content = bytearray(kind.content)
        for _ in range(random.choice([1, 1, 1, 2, 8])):
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        kind.file.write_bytes(content)
        kind.file.chmod(0o600)
        return f"{type(kind).__name__.lower()} {kind.read()}"


class Runs:
    """A run store's file; all that is asked of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.file = folder / "runs.sqlite"
        self._specs = [make_spec(hyperparameters={"fast": number}) for number in range(12)]
        self._specs += [replace(self._specs[0], pipeline=CandlePipeline(seed=number)) for number in range(3)]
        self._records = [make_record(number, trades=number * 3) for number in range(len(self._specs))]
        store = RunStore(self.file)
        for spec, record in zip(self._specs, self._records, strict=True):
            store.put(spec, record)
        self._stopped = make_spec(hyperparameters={"fast": 99})
        store.put_stopped(self._stopped, StoppedRun("ruined", 10**12, (1.0, math.nan), np.arange(5, dtype=np.int64),
                                                    np.arange(5.0), 3, 0.5))
        store.note("a", {"b": [1, 2.5]})
        store.log_opening("study", self._specs[0], {"fast": 3}, ["ab"])
        self._rows = {row["key"]: row for row in store.recent(50).to_dict("records")}
        store._storage.read("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        self.content = self.file.read_bytes()

    def read(self) -> str:
        for beside in ("-wal", "-shm"):
            Path(f"{self.file}{beside}").unlink(missing_ok=True)
        sqlite._checked.clear()
        try:
            store = RunStore(self.file)
        except StorageError:
            return "refused"
        told = [ask(store) for ask in (self._ledger, self._recent, self._get, self._rest)]
        store.close()
        return "told" if any(told) or store.damaged else "right"

    def _ledger(self, store: RunStore) -> bool:
        try:
            ledger, others = store.ledger(), store.count_same_data(self._specs[0], math.inf)
            there = {spec.key for spec in [*self._specs, self._stopped]} & set(store.which_finished(
                [spec.key for spec in [*self._specs, self._stopped]]))
        except StorageError:
            return True
        counted, lost = int(ledger["runs"].sum()), len(store.damaged)
        assert max(len(there), 16 - lost) <= counted <= 16, (counted, lost, len(there))
        assert set(ledger["strategy"]) <= {"Trend"}
        assert 13 - lost <= others <= 13, (others, lost)
        return False

    def _recent(self, store: RunStore) -> bool:
        try:
            rows = {row["key"]: row for row in store.recent(50).to_dict("records")}
        except StorageError:
            return True
        assert all(repr(row) == repr(self._rows[key]) for key, row in rows.items()), rows
        return False

    def _get(self, store: RunStore) -> bool:
        told = False
        for spec, record in zip(self._specs, self._records, strict=True):
            try:
                found, whole = store.get(spec.key), store.find(spec.key[:12])
            except StorageError:
                told = True
                continue
            assert found is None or same(found, record)
            assert whole is None or (whole.spec.to_json() == spec.to_json() and same(whole.record, record))
        return told

    def _rest(self, store: RunStore) -> bool:
        try:
            assert store.noted("a") in (None, {"b": [1, 2.5]})
            stopped = store.stopped(self._stopped.key)
            assert stopped is None or (stopped.reason, stopped.moment, stopped.values.tolist()) == (
                "ruined", 10**12, [0.0, 1.0, 2.0, 3.0, 4.0])
            assert [opening.study for opening in store.openings(self._specs[0])] == ["study"]
            keys = {spec.key for spec in self._specs}
            assert store.claim(keys) == keys
            store.release(keys)
            store.put(self._specs[0], self._records[0])
            assert same(store.get(self._specs[0].key), self._records[0])
        except StorageError:
            return True
        return False


class Candles:
    """The file of a stored series."""

    def __init__(self, folder: Path) -> None:
        self._store = CandleStore(folder)
        self._candles = random_candles(3_000)
        self._info = self._store.write(*MARKET, self._candles)
        (self.file,) = folder.rglob("*.parquet")
        self.content = self.file.read_bytes()

    def read(self) -> str:
        parquet._infos.clear()
        try:
            info = self._store.info(*MARKET)
            candles = self._store.read(*MARKET)
            listed = self._store.list()
        except StorageError:
            return "told"
        assert np.array_equal(candles, self._candles)
        assert info == self._info
        assert listed == [self._info]
        return "right"


class Funding:
    """The file of a market's funding rates."""

    def __init__(self, folder: Path) -> None:
        self._store = CandleStore(folder)
        times = np.arange(500, dtype=np.int64) * 28_800_000 + 1_675_209_600_000
        rates = FundingRates(times, np.linspace(-1e-4, 2e-4, 500))
        self._series = self._store.write_funding(*MARKET, rates, source="x")
        (self.file,) = folder.rglob("*.parquet")
        self.content = self.file.read_bytes()

    def read(self) -> str:
        try:
            found = self._store.funding(*MARKET)
        except StorageError:
            return "told"
        assert found is not None
        assert (found.fingerprint, found.sources) == (self._series.fingerprint, self._series.sources)
        return "right"


class Mapped:
    """The file of a series that workers map."""

    def __init__(self, folder: Path) -> None:
        self._store = CandleStore(folder)
        self._store.write(*MARKET, random_candles(3_000))
        self.file = CandleCache(self._store).path(*MARKET)
        self._candles = np.load(self.file)
        self.content = self.file.read_bytes()

    def read(self) -> str:
        mapped._verified.clear()
        again = CandleCache(self._store).path(*MARKET)
        found = np.load(again)
        assert np.array_equal(found, self._candles)
        assert found.dtype == self._candles.dtype
        return "right" if again.read_bytes() != self.content else "made anew"


class Jobs:
    """A job's entry in the journal."""

    def __init__(self, folder: Path) -> None:
        os.environ["JESSE_NB_JOBS"] = str(folder)
        self._journal = Journal(folder)
        self._entry = JournalEntry("optimize-1", "optimize", "Trend BTC-USDT 1h", "optimize", "-t 1h --trials 100",
                                   "class Trend: ...", "%%optimize", {"fee": 0.002}, "/home/me", "/home/me/runs")
        self._journal.write(self._entry)
        (self.file,) = folder.glob("*.json")
        self.content = self.file.read_bytes()

    def read(self) -> str:
        if self._journal.entries():
            assert self._journal.entries() == [self._entry]
            return "right"
        assert [spoilt.damaged for spoilt in self._journal.unused()] == [True]
        return "told"


class Results:
    """Some kept results."""

    def __init__(self, folder: Path) -> None:
        self._store = ResultStore(folder)
        for number in range(1, 9):
            about = replace(ABOUT, value=number + 0.125)
            self._store.keep(Account(leverage=number), about, labels_of(f"n{number}", "t"))
        self._entries = self._store.entries()

    def read(self) -> str:
        index._checked.clear()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            listed = self._store.entries()
            lost = sum(map(self._is_lost, self._entries))
        assert listed == [entry for entry in self._entries if entry in listed]
        assert len(listed) + lost >= len(self._entries)
        assert len(listed) == len(self._entries) or told
        return "told" if lost else "right"

    def _is_lost(self, entry: ResultEntry) -> bool:
        try:
            found = self._store.named(entry.key[:12])
            result = self._store.open(entry.key)
        except StorageError:
            return True
        assert result.leverage == round(entry.value - 0.125)
        assert found == entry == self._store.find(entry.name)
        return False


class Kept(Results):
    """The file of a kept result."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = folder / f"{self._entries[3].key}{ENDING}"
        self.content = self.file.read_bytes()


class Index(Results):
    """The index of kept results."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = folder / "index.sqlite"
        self.content = self.file.read_bytes()

    def read(self) -> str:
        self.file.with_name("index.sqlite-journal").unlink(missing_ok=True)
        assert super().read() == "right", "the files are sound"
        return "right"
