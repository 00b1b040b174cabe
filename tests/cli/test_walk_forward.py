"""`jesse-nb walk-forward`, on the demo market and Jesse's real simulator."""

from __future__ import annotations

import inspect
import shutil
import sys
from pathlib import Path

import pytest

import jesse_nb
from jesse_nb.cli import main
from jesse_nb.cli.parser import parse_command_line
from jesse_nb.core.candles import CandleStore, install_demo
from jesse_nb.core.record.labels import LABEL_WORDS

QUICKSTART = Path(jesse_nb.__file__).with_name("quickstart.py")
MARKET = ["-s", "BTC-USDT", "-t", "1h"]
PERIOD = ["--start", "2024-02-01", "--end", "2024-03-10"]
DAYS = ["--in-sample-period", "14", "--out-sample-period", "8", "--step-forward", "8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    install_demo(CandleStore(root), ["BTC-USDT"], "2024-01-01", "2024-03-15")
    return root


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_the_options_are_the_tools_parameters():
    options = vars(parse_command_line(["walk-forward", "x.py"]))
    parameters = set(inspect.signature(jesse_nb.walk_forward).parameters)
    own = {"command", "version", "output", "show_windows", "detach", "account", *LABEL_WORDS}
    assert set(options) - own == parameters - {"background"}  # nothing is left to run there in the background
    assert all(options[name] is None for name in parameters & set(options) - {"strategy"})


def test_walk_a_file_forward_and_again(folder, capsys, tmp_path):
    words = ["walk-forward", str(QUICKSTART), *MARKET, *PERIOD, *DAYS, "--candles", str(folder), "-n", "3", "-j", "2",
             "-o", "out/walk.html"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "Walk-forward of TrendFollower" in said.out
    assert "3 of 3 rolling windows" in said.out
    assert "3 trials a window" in " ".join(said.out.split())
    assert "SYNTHETIC" in said.out
    assert f"Report: {tmp_path / 'out/walk.html'}" in said.out
    assert "<html" in (tmp_path / "out/walk.html").read_text()
    assert main(words) == 0
    again = capsys.readouterr()
    assert again.out == said.out
    assert "from the store" in again.err


def test_parameters_alone_are_fixed_though_the_file_has_a_space(folder, capsys):
    words = ["walk-forward", str(QUICKSTART), *MARKET, *PERIOD, *DAYS, "--candles", str(folder), "-j", "2"]
    assert main([*words, "--param", "fast=9", "slow=40"]) == 0
    assert "fixed parameters" in " ".join(capsys.readouterr().out.split())
    assert main([*words, "--param", "fast=9", "slow=40", "--space", "stop=2:3:0.5", "-n", "2"]) == 0
    assert "2 trials a window" in " ".join(capsys.readouterr().out.split())


def test_cross_validation(folder, capsys, tmp_path):
    own_metric = "\n\ndef losses(run):\n    return -run.metrics['total']\n"
    (tmp_path / "mine.py").write_text(QUICKSTART.read_text() + own_metric)
    words = ["walk-forward", "mine.py", *MARKET, *PERIOD, "--candles", str(folder), "-n", "3", "-j", "2"]
    assert main([*words, "--split", "cpcv", "--groups", "4", "--test-groups", "2", "--gap", "1",
                 "--metric", "losses"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "4 groups" in said
    assert "6 splits" in said
    assert "3 paths" in said


def test_showing_the_windows_needs_no_strategy_and_no_candles(capsys):
    assert main(["walk-forward", "--show-windows", *PERIOD, *DAYS, "--candles", "nowhere"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["window", "train", "from", "train", "to", "test", "from", "test", "to", "train", "days",
                                "test", "days", "partial"]
    assert [line.split() for line in lines[1:]] == [
        ["0", "2024-02-01", "2024-02-15", "2024-02-15", "2024-02-23", "14", "8", "no"],
        ["1", "2024-02-09", "2024-02-23", "2024-02-23", "2024-03-02", "14", "8", "no"],
        ["2", "2024-02-17", "2024-03-02", "2024-03-02", "2024-03-10", "14", "8", "no"],
    ]
    assert not Path("nowhere").exists()
    assert main(["walk-forward", "x.py", "--show-windows", *PERIOD, "--split", "cpcv", "--groups", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.parametrize(("words", "said"), [
    ([], "STRATEGY is missing"),
    (["x.py"], "Cannot read the strategy file x.py"),
    (["quick.py", *PERIOD], "365 + 0 + 30 days"),
    (["quick.py", *PERIOD, *DAYS, "--step-forward", "0"], "--step-forward is 0"),
    (["quick.py", *PERIOD, *DAYS, "--gap", "-1"], "--gap is -1"),
    (["quick.py", *PERIOD, *DAYS, "--trials", "0"], "--trials is 0"),
    (["quick.py", *PERIOD, *DAYS, "--split", "cpvc"], "Did you mean 'cpcv'"),
    (["quick.py", *PERIOD, *DAYS, "-o", "."], "a folder"),
    (["quick.py", "--setp-forward", "7"], "Did you mean '--step-forward'"),
    (["quick.py", "--step-forward", "week"], "--step-forward is 'week'. It is a whole number of days"),
    (["--show-windows"], "start"),
    (["--show-windows", *PERIOD], "365 + 0 + 30 days"),
])
def test_wrong_words_give_one_line_and_exit_code_2(words, said, folder, capsys):
    shutil.copyfile(QUICKSTART, "quick.py")
    assert main(["walk-forward", *words, *MARKET, "--candles", str(folder)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("jesse-nb: ")
    assert error.count("\n") == 1
