from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from jesse_nb.core.candles import CandleStore, export_candles
from jesse_nb.core.rendering import Shown
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import StorageError
from tests.candles.helpers import random_candles


class Full(Shown):
    """A result whose report does not fit on the disk."""


@pytest.fixture
def full_disk():
    """No file may grow beyond 20 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_is_there_when_it_is_finished(tmp_path: Path) -> None:
    target = tmp_path / "made" / "note.txt"
    with written_whole(target) as beside:
        beside.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [file.name for file in target.parent.iterdir()] == ["note.txt"]


def test_what_stood_there_stands_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "note.txt"
    target.write_text("before")
    with pytest.raises(InterruptedError):
        fail_half_way(target)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def fail_half_way(target: Path) -> None:
    with written_whole(target) as beside:
        beside.write_text("half")
        raise InterruptedError


def test_modes_links_and_what_is_no_file(tmp_path: Path) -> None:
    target, link = tmp_path / "note.txt", tmp_path / "link"
    link.symlink_to(target)
    with written_whole(link, mode=0o600, links=True) as beside:
        beside.write_text("through")
    assert link.is_symlink()
    assert target.read_text() == "through"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with written_whole(link) as beside:
        beside.write_text("in its place")
    assert not link.is_symlink()
    assert target.read_text() == "through"
    with written_whole(tmp_path / f"{'long' * 60}.html") as beside:
        beside.write_text("")
    with written_whole(Path(os.devnull)) as beside:
        beside.write_text("nothing")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.usefixtures("full_disk")
def test_a_report_on_a_full_disk_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jesse_nb.core.rendering._drawing", lambda: Pages)
    target = tmp_path / "report.html"
    target.write_text("before")
    with pytest.raises(StorageError, match="Cannot write the report"):
        Full().to_html(target)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


class Pages:
    @staticmethod
    def page(result: object) -> str:
        return "x" * 50_000


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "feather"])
def test_an_export_on_a_full_disk_leaves_nothing(tmp_path: Path, ending: str) -> None:
    store = CandleStore(tmp_path / "candles")
    store.write("Binance Spot", "BTC-USDT", random_candles(3_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(StorageError, match="Cannot write"):
            export_candles("BTC-USDT", tmp_path / f"out.{ending}", store=store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [file.name for file in tmp_path.iterdir()] == ["candles"]


BACKTEST = """
import sys
import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.quickstart import TrendFollower
if __name__ == "__main__":
    jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-02-05", store=sys.argv[1] + "/runs.sqlite")
"""


def run_backtest(folder: Path, temporary: Path, candle_store: CandleStore) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BACKTEST, str(folder)], capture_output=True, text=True, timeout=200,
                          env={**os.environ, "TMPDIR": str(temporary), "JESSE_NB_CANDLES": str(candle_store.root)})


def test_a_process_that_ends_leaves_no_temporary_folder(tmp_path: Path, candle_store: CandleStore) -> None:
    with tempfile.TemporaryDirectory() as short:  # sockets are in it, whose paths must not be long
        temporary = Path(short)
        assert run_backtest(tmp_path, temporary, candle_store).returncode == 0
        until = 100
        while (left := [file.name for file in temporary.iterdir()]) and until:
            until -= 1  # the server that workers are forked from ends a moment later
            subprocess.run(["sleep", "0.1"], check=True)
        assert left == []


def test_a_temporary_folder_too_deep_for_sockets_is_named(tmp_path: Path, candle_store: CandleStore) -> None:
    temporary = tmp_path / ("deep" * 25)
    temporary.mkdir()
    told = run_backtest(tmp_path, temporary, candle_store).stderr.splitlines()[-1]
    assert told.startswith("jesse_nb.exceptions.WorkerDiedError: The workers cannot be started: ")
    assert f"{temporary} is too long for a socket" in told
    assert "TMPDIR" in told
