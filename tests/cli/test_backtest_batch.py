"""`jesse-nb backtest-batch` on the demo market and Jesse's real simulator."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jesse_nb.cli import main
from jesse_nb.core.candles import CandleStore, install_demo
from tests.jobs.strategies import CROSSING
from tests.strategies import TREND

PERIOD = ["--start", "2023-01-25", "--end", "2023-02-03"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    install_demo(CandleStore(root), ["BTC-USDT", "ETH-USDT"], "2023-01-01", "2023-02-05")
    return root


@pytest.fixture(autouse=True)
def strategies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "crossing.py").write_text(CROSSING + "\nparams = dict(fast=[4, 9])\n")
    (tmp_path / "trend.py").write_text(TREND)


def test_two_files_on_two_markets_with_a_failing_third(folder, capsys, tmp_path):
    words = ["backtest-batch", "crossing.py", "trend.py:Trend", "-s", "BTC-USDT", "ETH-USDT", "SOL-USDT", "-t", "1h",
             *PERIOD, "--candles", str(folder), "--metric", "profit", "-o", "report.html"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "2 strategies x 3 symbols x 1 timeframe x 1 period x 2 parameter sets" in said
    assert "8 of 12 combinations finished, 4 failed" in said
    assert "No candles of SOL-USDT" in said
    assert "SYNTHETIC" in said
    assert "<html" in (tmp_path / "report.html").read_text()


def test_a_grid_on_the_line_wins_over_the_file_and_periods_are_several(folder, capsys):
    words = ["backtest-batch", "crossing.py", "-s", "BTC-USDT", "-t", "1h", "2h", "--candles", str(folder), "--periods",
             "2023-01-25..2023-01-29", "2023-01-29..2023-02-03", "--params", "fast=5,6,7", "slow=40"]
    assert main(words) == 0
    assert "2 timeframes x 2 periods x 3 parameter sets: 12 of 12" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "expected"), [
    (["--params", "fast="], "NAME=VALUE,VALUE"), (["--params", "nowhere.csv"], "nowhere.csv cannot be read"),
    (["--periods", "2023-01-20"], "START..END"), (["--params", "fast=1,2,3", "--top", "0"], "top is 0"),
])
def test_bad_words_are_one_line(folder, capsys, words, expected):
    line = ["backtest-batch", "crossing.py", "-s", "BTC-USDT", "-t", "1h", "--candles", str(folder), *words]
    assert main(line + ([] if "--periods" in words else PERIOD)) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1
