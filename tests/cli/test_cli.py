"""The command line, on the demo market and Jesse's real simulator."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import jesse_nb
from jesse_nb.cli import commands as cli
from jesse_nb.cli import main
from jesse_nb.core.candles import DEMO_EXCHANGE, CandleStore, install_demo
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.backtest.backtest import backtest
from tests.strategies import STUBBORN

QUICKSTART = Path(jesse_nb.__file__).with_name("quickstart.py")
PERIOD = ["-s", "BTC-USDT", "-t", "1h", "--start", "2024-02-01", "--end", "2024-03-02"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    install_demo(CandleStore(root), ["BTC-USDT"], "2024-01-01", "2024-03-15")
    return root


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


# ------------------------------------------------------------------ runs of the real thing


@pytest.mark.parametrize("mode", ["fast", "step"])
def test_a_ruined_account_is_told_first(mode, folder, capsys, tmp_path):
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    assert main(["backtest", "stubborn.py", *PERIOD, "--candles", str(folder), "--leverage", "50", "--warm-up-candles",
                 "10", "--mode", mode]) == 0
    said = " ".join(capsys.readouterr().out.split())
    ruin = backtest(STUBBORN, "BTC-USDT", "1h", PERIOD[-3], PERIOD[-1], exchange=DEMO_EXCHANGE, candles=folder,
                    leverage=50, warm_up_candles=10, mode=mode).ruin
    assert ruin is not None
    sentence = f"The account was ruined on {utc_text(ruin.moment)} at {ruin.price:,.10g} (BTC-USDT): of its equity"
    first, _, figures = said.partition("Net profit –")  # those of its own come before none at all
    assert sentence in first
    assert "Jesse's own figures, which are wrong: Net profit +" in first
    assert figures.startswith(" Annual return – Sharpe ratio – Max drawdown – Win rate – Trades 1")


def test_optimize_a_file_and_run_it_again(folder, capsys, tmp_path):
    words = ["optimize", str(QUICKSTART), *PERIOD, "--candles", str(folder), "-n", "6", "-j", "2",
             "--neighbours", "0", "--no-parity", "--test-ratio", "0.3", "--top", "2", "--seed", "3",
             "-o", "out/report.html"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "6 of 6 trials" in said.out
    assert "Held out: 2024-02-22 to 2024-03-02" in said.out
    assert "SYNTHETIC" in said.out
    assert f"Report: {tmp_path / 'out/report.html'}" in said.out
    assert "<html" in (tmp_path / "out/report.html").read_text()
    assert "optimizing: " in said.err
    assert main(words) == 0
    again = capsys.readouterr()
    assert [line for line in again.out.splitlines() if "reused" not in line.casefold()] \
        == [line for line in said.out.splitlines() if "reused" not in line.casefold()]
    assert "from the store" in again.err

    assert main(["runs", "-n", "2"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 4  # the header, two runs and how to analyze one
    assert "TrendFollower" in listed[1]
    assert main(["runs", "--ledger"]) == 0
    ledger = capsys.readouterr().out.splitlines()
    assert ledger[0].split() == ["symbol", "start", "end", "strategy", "kind", "runs", "first", "last"]
    assert "TrendFollower backtest" in " ".join(ledger[1].split())


def test_check_first(folder, capsys):
    words = ["optimize", str(QUICKSTART), *PERIOD, "--candles", str(folder), "-n", "1", "--neighbours", "0",
             "--no-parity", "--test-ratio", "0", "--check-first"]
    assert main(words) == 0
    assert "The strategy was checked before the first trial: " in capsys.readouterr().out


def test_a_space_metrics_and_fixed_values_on_the_line(folder, capsys, tmp_path):
    own_metric = "\n\ndef losses(run):\n    return -run.metrics['total']\n"
    (tmp_path / "mine.py").write_text(QUICKSTART.read_text() + own_metric)
    searched = ["--space", "fast=5:7", "stop=2.0:3.0:0.5", "--param", "slow=40", "--sampler", "grid"]
    how = ["--metric", "profit", "losses", "--test-ratio", "0", "-n", "50", "-j", "2"]
    words = ["optimize", "mine.py:TrendFollower", *PERIOD, "--candles", str(folder), *searched, *how]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "9 of" in said
    assert "losses" in said


def test_a_backtest_in_each_account(folder, capsys):
    for extra in (["--market", "spot"], ["--leverage", "2", "--mode", "step"]):
        words = ["backtest", str(QUICKSTART), *PERIOD, "--candles", str(folder), "--param", "fast=9", *extra]
        assert main(words) == 0
        assert "TrendFollower" in capsys.readouterr().out


def test_a_strategy_of_a_jesse_project(folder, capsys, tmp_path):
    project = tmp_path / "project"
    (project / "storage").mkdir(parents=True)
    (project / "strategies" / "TrendFollower").mkdir(parents=True)
    shutil.copyfile(QUICKSTART, project / "strategies" / "TrendFollower" / "__init__.py")
    words = [*PERIOD, "--candles", str(folder), "--project", str(project)]
    assert main(["backtest", "TrendFollower", *words]) == 0
    capsys.readouterr()
    assert main(["backtest", "TrendFolower", *words]) == 2
    assert "Did you mean 'TrendFollower'" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="process groups and signals of POSIX")
def test_an_interrupt_keeps_what_finished(folder, tmp_path):
    words = [sys.executable, "-m", "jesse_nb.cli", "optimize", str(QUICKSTART), *PERIOD, "--test-ratio", "0",
             "--candles", str(folder), "-n", "5000", "-j", "2", "-o", "partial.html"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                          start_new_session=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if re.search(r"optimizing: [1-9]\d*/5000", line):
                break
        os.killpg(run.pid, signal.SIGINT)  # a terminal interrupts the whole group
        out, err = run.communicate(timeout=60)  # 5,000 trials take minutes
    assert run.returncode == 130, err
    assert re.search(r"jesse-nb: Interrupted while optimizing, after [\d,]+ of 5,000; what finished is kept", err)
    assert "Traceback" not in err
    assert "of 5,000 trials" in out or "of 5000 trials" in out
    assert "<html" in (tmp_path / "partial.html").read_text()


# ------------------------------------------------------------------ candles


def test_candles(capsys, folder, tmp_path):
    store = ["--candles", str(tmp_path / "store")]
    assert main(["candles", *store]) == 0
    assert "No candles are stored" in capsys.readouterr().out
    days = ["--start", "2024-01-01", "--end", "2024-01-03"]
    assert main(["candles", "demo", "-s", "ETH-USDT", *days, *store]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Storing the demo market (synthetic prices, not a real market) ...\n")
    assert "ETH-USDT on Demo (synthetic)" in said
    stored = CandleStore(folder).read(DEMO_EXCHANGE, "BTC-USDT")
    rows = "\n".join(",".join(map(repr, row)) for row in stored[:100].tolist())
    Path("minutes.csv").write_text("timestamp,open,close,high,low,volume\n" + rows)
    assert main(["candles", "import", "minutes.csv", "-s", "btc/usdt", "--exchange", "Mine", *store]) == 0
    capsys.readouterr()
    assert main(["candles", "list", *store]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 2
    assert any("BTC-USDT on Mine" in line and "100 candles" in line for line in listed)
    assert main(["candles", "delete", "BTC-USDT", *store]) == 2  # nobody to ask
    assert "--yes" in capsys.readouterr().err
    assert main(["candles", "delete", "BTC-USDT", "--yes", *store]) == 0
    assert "Deleted BTC-USDT on Mine" in capsys.readouterr().out
    assert len(CandleStore(tmp_path / "store").list()) == 1


def test_deleting_asks_first(capsys, monkeypatch, tmp_path):
    store = CandleStore(tmp_path / "store")
    install_demo(store, ["BTC-USDT"], "2024-01-01", "2024-01-02")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    words = ["candles", "delete", "BTC-USDT", "--candles", str(tmp_path / "store")]
    for answer, left in (("", 1), ("n", 1), ("y", 0)):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        assert main(words) == 0
        assert len(store.list()) == left


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(("words", "said"), [
    (["optimise"], "does not know 'optimise'. Did you mean 'optimize'?"),
    (["jobs", "lits"], "jesse-nb jobs does not know 'lits'. Did you mean 'list'?"),
    (["jobs", "a" * 10_000], "aaa...."),
    (["jobs", "list", "a" * 10_000], "takes no id, but 'aaa"),
    (["runs", "--limit", "a" * 10_000], "a whole number is expected, not 'aaa"),
    (["optimize"], "STRATEGY"),
    (["optimize", "x.py", "--trails", "5"], "no option --trails. Did you mean '--trials'"),
    (["optimize", "x.py", "--trials", "many"], "--trials is 'many'. It is a whole number from 1 to 1,000,000."),
    (["optimize", "x.py", "surplus"], "'surplus'"),
    (["optimize", "x.py", "--memory-limit", "1.5"], "--memory-limit is '1.5'. It is whole megabytes from 256 up."),
    (["optimize", str(QUICKSTART), "--param", "fast"], "--hyperparameters takes NAME=VALUE pairs, not 'fast'"),
    (["optimize", "x.py", "--trial-timeout", "0"], "--trial-timeout is 0"),
    (["backtest", "x.py", "--data-routes", "ETH-USDT"], "SYMBOL:TIMEFRAME"),
    (["backtest", "x.py"], "Cannot read the strategy file x.py"),
    (["backtest", "Nobody", *PERIOD], "is no Jesse project"),
    (["candles", "import", "x.csv"], "--exchange"),
        (["candles", "import", "x.csv", "--exchange", "Mine"], "Name one symbol, like -s BTC-USDT"),
    (["candles", "import", "x.csv", "-s", "BTC-USDT", "--exchange", "Mine"], "no file 'x.csv'"),
    (["candles", "delete", "BTC-USDT"], "BTC-USDT"),
    (["runs", "--limit", "0"], "--limit is 0"),
    (["runs", "--ledger", "-n", "2"], "--ledger counts all"),
    (["demo", "--trials", "0"], "--trials is 0"),
    (["demo", "-o", "."], "a folder"),
])
def test_wrong_words_give_one_line_and_exit_code_2(words, said, capsys, monkeypatch):
    monkeypatch.setattr("jesse_nb.core.candles.install_demo", list)  # seconds, and not what is tested
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("jesse-nb: ")
    assert error.count("\n") == 1
    assert len(error) < 600


@pytest.mark.parametrize(("words", "said"), [
    (["-n", "0"], "--trials is 0"),
    (["--metric", "sharp"], "Did you mean 'sharpe'"),
    (["--sampler", "tpee"], "Did you mean 'tpe'"),
    (["--space", "fast=30:5"], "from 30 down to 5"),
    (["--space", "fats=5:30"], "Did you mean 'fast'"),
    (["-s", "BCT-USDT"], "BTC-USDT"),
    (["-t", "1hour"], "'1hour'"),
    (["--end", "2023-01-01"], "must come after the start"),
    (["--end", "2025-01-01"], "2024-03-15"),
    (["--start", "soon"], "'soon'"),
    (["--balance", "-5"], "balance"),
    (["--market", "margin"], "--market is 'margin'"),
    (["--jobs", "0"], "--jobs is 0"),
    (["--jobs", "rya"], "Did you mean 'ray'"),
    (["--jobs", "ray://127.0.0.1:1"], "No Ray cluster answers at ray://127.0.0.1:1"),
])
def test_what_cannot_be_optimized_gives_one_line(words, said, folder, capsys):
    assert main(["optimize", str(QUICKSTART), *PERIOD, "--candles", str(folder), "-n", "3", *words]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("jesse-nb: ")]
    assert len(errors) == 1
    assert said in errors[0]


def test_help_and_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"jesse-nb {jesse_nb.__version__}\n"
    for words in ([], ["optimize", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    said = capsys.readouterr().out
    for word in ("demo", "lab", "candles", "backtest", "optimize", "runs", "--test-ratio"):
        assert word in said


def test_a_reader_that_has_read_enough_ends_it_quietly(monkeypatch, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:  # as of `jesse-nb runs | head`
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["runs"]) == 0
        print("more", flush=True)  # nor does what Python writes at its exit fail
    assert capsys.readouterr().err == ""


def test_an_interrupt_before_a_job_is_one_line(monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli._OWN_COMMANDS, "runs", interrupted)
    assert main(["runs"]) == 130
    assert capsys.readouterr().err == "jesse-nb: Interrupted.\n"


# ------------------------------------------------------------------ JupyterLab


def test_lab_starts_jupyterlab_on_the_notebooks(monkeypatch, capfd):
    assert main(["lab", "--version"]) == 0
    assert re.match(r"4\.\d+", capfd.readouterr().out)


def test_lab_without_jupyterlab_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["lab"]) == 2
    assert 'pip install "jesse-nb[lab]"' in capsys.readouterr().err


def test_packaged_notebooks_are_copied_and_never_overwritten(monkeypatch, tmp_path):
    package = tmp_path / "site-packages" / "jesse_nb"
    (package / "_notebooks").mkdir(parents=True)
    for name in ("01_a.ipynb", "02_b.ipynb"):
        (package / "_notebooks" / name).write_text("{}")
    monkeypatch.setattr(cli, "__file__", str(package / "cli" / "commands.py"))
    copied = cli._notebooks()
    assert copied == tmp_path / "jesse_nb_notebooks"
    (copied / "01_a.ipynb").write_text("mine")
    (copied / "02_b.ipynb").unlink()
    cli._notebooks()
    assert (copied / "01_a.ipynb").read_text() == "mine"
    assert (copied / "02_b.ipynb").read_text() == "{}"


def test_in_a_checkout_the_notebooks_are_its_own():
    assert cli._notebooks() == Path(jesse_nb.__file__).parents[1] / "notebooks"
