"""The benchmarks that can be small still run, and what they say is whole. Their figures are not judged here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jesse_nb.core.candles import CandleStore
from tests.benchmarks import cold_start, memory, record
from tests.benchmarks.pages import risk_page, study_page


def test_cold_start(candle_store: CandleStore, tmp_path: Path):
    figures = cold_start.start(candle_store, tmp_path / "kernel", 0.0)
    assert all(value >= 0 for value in figures.values())
    assert figures["first trial, s"] > figures["kernel ready, s"] + figures["%load_ext, s"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_idle_workers(tmp_path: Path):
    figures = memory.idle(tmp_path, None)
    fresh, warm = (figures[name] for name in ("a worker that just started, MB", "a worker after a year of 1h, MB"))
    assert len(fresh) == len(warm) >= 2
    assert 0 < min(fresh) <= max(warm)


def test_memory_of_a_long_study(tmp_path: Path):
    figures = memory.growth(tmp_path, 60)
    assert figures["trials"] == 60
    parts = [value for name, value in figures.items() if name.startswith("of that")]
    assert len(parts) == 5
    assert all(value >= 0 for value in parts)
    assert min(parts[:2]) > 0


def test_a_risk_report(tmp_path: Path):
    figures = risk_page.measure(tmp_path, ("2023-02-01", "2023-04-12"), ("gap",))
    assert figures["scenarios"] == 1
    assert figures["simulated, s"] > 0
    assert min(value for name, value in figures.items() if "report, s" in name) > 0


def test_the_research_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("JESSE_NB_STORE", "JESSE_NB_KEEP_RESULTS"):
        monkeypatch.setenv(name, "")  # so that they are as before when it has set them
    found = record.figures(tmp_path, 200)
    assert len(found) == 2 * (len(record.ASKED) + 3)
    assert 0 < found["listed: the newest 20, CPU"] < 500, "0.5 s are promised for fifty times as many"


def test_the_report_of_a_study(tmp_path: Path):
    figures = study_page.measure(tmp_path, ("2023-02-01", "2023-03-15"), trials=24, rounds=1)
    assert all(len(seconds) == 1 and seconds[0] > 0 for seconds in figures.values())
