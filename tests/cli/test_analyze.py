"""`jesse-nb analyze`: a run of the run store, or a kept result, read again."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import jesse_nb
import jesse_nb.core.simulator.strategies.strategy_registry as strategy_registry
from jesse_nb.cli import main
from jesse_nb.cli import stored_code as cli_stored_code
from jesse_nb.cli import tools as cli_tools
from jesse_nb.cli.parser import parse_command_line
from jesse_nb.cli.strategy_file import read_strategy_file
from jesse_nb.core.candles import CandleStore, install_demo
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.record.labels import LABEL_WORDS
from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.registry import ANALYZE_RESULTS

QUICKSTART = Path(jesse_nb.__file__).with_name("quickstart.py")
PERIOD = ("BTC-USDT", "1h", "2024-02-01", "2024-03-02")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candles, and a run store with two runs of the quickstart: of its file, and of a class as in a notebook."""
    root = tmp_path_factory.mktemp("demo")
    candles = CandleStore(root / "candles")
    install_demo(candles, ["BTC-USDT"], "2024-01-01", "2024-03-15")
    cell: dict[str, Any] = {"__name__": "__main__"}
    exec(QUICKSTART.read_text(), cell)
    for strategy in (cell["TrendFollower"], read_strategy_file(QUICKSTART).code):
        jesse_nb.backtest(strategy, *PERIOD, candles=candles, store=root / "runs.sqlite")
    return root


@pytest.fixture
def where(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return ["--candles", str(folder / "candles"), "--store", str(folder / "runs.sqlite")]


@pytest.fixture
def shown(monkeypatch):
    """What the command gives to be printed."""
    found: list[jesse_nb.Analysis] = []
    show = cli_tools._show
    monkeypatch.setattr(cli_tools, "_show", lambda result, output: (found.append(result), show(result, output)))
    return found


def keys(store: str) -> dict[str, str]:
    """Return the keys of the two runs by the kind of their strategy."""
    runs = RunStore(store)
    found = {key: runs.find(key) for key in runs.recent()["key"]}
    runs.close()
    return {run.spec.routes[0].strategy.kind: key for key, run in found.items() if run}


def test_the_options_are_the_tools_parameters():
    options = vars(parse_command_line(["analyze", "12ab"]))
    parameters = set(inspect.signature(jesse_nb.analyze_results).parameters)
    ours = set(options) - {"command", "version", "output", "detach", "key", "trust", *LABEL_WORDS}
    assert ours == parameters - {"result", "trades", "equity", "background"}
    assert all(options[name] is None for name in ours)
    line = parse_command_line(["analyze", "12AB", "--deep", "--ruin", "20", "40", "--no-resimulation",
                               "--memory-limit", "1024", "--html", "x.html"])
    given = read_line(ANALYZE_RESULTS, "command", given_words(ANALYZE_RESULTS, "command", line))
    assert (given["key"], given["analysis_type"], given["ruin"]) == ("12AB", "deep", (20.0, 40.0))
    assert (given["resimulate"], given["memory_limit"], given["output"]) == (False, 1024**3, "x.html")


def test_a_listed_run_is_analyzed_by_its_key(where, shown, capsys):
    assert main(["runs", *where[2:]]) == 0
    printed = capsys.readouterr().out
    command = re.search(r"`jesse-nb (analyze [0-9a-f]{8})` reads the first", printed)
    assert command is not None
    assert command[1].split()[1] in printed.splitlines()[1]
    assert main([*command[1].split(), *where, "--seed", "5", "-j", "2"]) == 0
    said = capsys.readouterr()
    [found] = shown
    run = RunStore(where[3]).find(command[1].split()[1])
    assert run is not None
    assert found.run.spec == run.spec
    assert found.run.spec.routes[0].strategy.kind == "source"
    assert (found.analysis_type, found.seed) == ("advanced", 5)
    assert len(found.advanced.fee_stress.table) == 3  # simulated again from what the store knows
    assert "TrendFollower" in said.out
    assert said.err


def test_a_notebooks_class_is_not_simulated_again(where, shown, capsys):
    key = keys(where[3])["notebook"]
    assert main(["analyze", key, *where]) == 0
    assert "Nothing is simulated again: TrendFollower was a class in a notebook." in capsys.readouterr().err
    assert shown[0].advanced.fee_stress is None
    assert main(["analyze", key, *where, "--strategy", str(QUICKSTART)]) == 2
    assert "was a class in a notebook" in capsys.readouterr().err
    assert main(["analyze", key, *where, "--basic"]) == 0
    assert "Nothing is simulated" not in capsys.readouterr().err


@pytest.fixture
def stranger(monkeypatch):
    """This process as a new one: nobody gave it a strategy yet."""
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    monkeypatch.setattr(strategy_registry, "_given", set())


@pytest.mark.usefixtures("stranger")
def test_nothing_of_a_store_runs_without_the_users_word(where, shown, capsys):
    key = keys(where[3])["source"]
    assert main(["analyze", key, *where, "--basic"]) == 0
    assert capsys.readouterr().err.count("that it may run") == 0
    assert main(["analyze", key, *where]) == 0
    said = capsys.readouterr().err
    assert f"the code of TrendFollower is from the run store {where[3]}, and nobody said that it may run" in said
    assert "--strategy FILE" in said
    assert shown.pop().advanced.fee_stress is None
    assert main(["analyze", key, *where, "--trust", "-j", "2"]) == 0
    assert len(shown.pop().advanced.fee_stress.table) == 3


@pytest.mark.usefixtures("stranger")
def test_a_terminal_is_asked_and_shown_what_would_run(where, shown, capsys, monkeypatch):
    key = keys(where[3])["source"]
    answers = ["n", "", "y"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda self: True)
    monkeypatch.setattr("builtins.input", lambda question: print(question) or answers.pop(0))
    for expected in (False, False, True):
        assert main(["analyze", key, *where, "-j", "2"]) == 0
        said = capsys.readouterr()
        assert "Run TrendFollower? [y/N]" in said.out
        assert f"TrendFollower from the run store {where[3]}, " in said.err
        assert re.search(r"lines, hash [0-9a-f]{32}\n", said.err)
        assert "  | " + QUICKSTART.read_text().splitlines()[0] in said.err
        assert (shown.pop().advanced.fee_stress is not None) == expected
    assert not answers


@pytest.mark.usefixtures("stranger")
def test_what_was_kept_is_read_by_its_name(where, shown, capsys, monkeypatch):
    """A walk-forward has no run of its own in the run store: by its name every tool reads its whole curve."""
    monkeypatch.delenv("JESSE_NB_KEEP_RESULTS")
    line = ["walk-forward", str(QUICKSTART), "-s", "BTC-USDT", "-t", "1h", "--start", "2024-02-01", "--end",
            "2024-03-12", "--in-sample-period", "10", "--out-sample-period", "5", "--step-forward", "5", "--trials",
            "2", "-j", "2", *where]
    assert main([*line, "--name", "by window"]) == 0
    walk = shown.pop()
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    monkeypatch.setattr(strategy_registry, "_given", set())
    assert main(["analyze", "by window", "--basic", *where]) == 0
    assert shown.pop().run.equity.equals(walk.stitched.equity)
    capsys.readouterr()
    assert main(["risk", "by window", "--sims", "100", "--sections", "stress", "--scenarios", "gap", *where]) == 0
    said = capsys.readouterr()
    assert "the code of TrendFollower is from the record " in said.err
    assert "Nothing is to be simulated again." in said.out
    assert main(["stress", "by window", "--scenarios", "gap", "--trust", "-j", "2", *where]) == 0
    assert "Out-of-sample: the parameters had not seen these days." in capsys.readouterr().out
    assert main(["risk", "by windwo", *where]) == 2
    assert "No result is called 'by windwo'" in (error := capsys.readouterr().err)
    assert "Did you mean 'by window'?" in error


def test_a_search_begins_with_the_best_of_a_kept_study(where, shown, capsys, monkeypatch):
    monkeypatch.delenv("JESSE_NB_KEEP_RESULTS")
    line = ["optimize", str(QUICKSTART), "-s", "BTC-USDT", "-t", "1h", "--start", "2024-02-01", "--end", "2024-02-20",
            "--trials", "3", "--test-ratio", "0", "-j", "1", *where]
    assert main([*line, "--name", "first", "--seed", "1"]) == 0
    first = shown.pop()
    assert main([*line, "--seed", "2", "--initial-result", "first"]) == 0
    assert [trial.params for trial in shown.pop().trials] == [entry.trial.params for entry in first.top[:3]]
    assert main([*line, "--initial-result", "frist"]) == 2
    assert "No result is called 'frist', and no key begins so. Did you mean 'first'?" in capsys.readouterr().err


def test_stored_text_cannot_steer_a_terminal():
    assert cli_stored_code._plain("a\x1b[2J\rb\u202e\tc") == "a\ufffd[2J\ufffdb\ufffd  c"
    assert len(cli_stored_code._plain("x" * 10_000)) == 110


def test_a_strategy_that_has_changed_is_not_taken_for_it(where, shown, tmp_path):
    key = keys(where[3])["source"]
    (tmp_path / "changed.py").write_text(QUICKSTART.read_text().replace("self.price", "self.price * 1"))
    for name, expected in ((str(tmp_path / "changed.py"), "has changed since this run"), (str(QUICKSTART), None)):
        assert main(["analyze", key, *where, "--strategy", name, "-j", "2"]) == 0
        reason = shown.pop().advanced.left_out.get("fee_stress")
        assert (expected in reason) if expected else reason is None


@pytest.mark.parametrize(("words", "said"), [
    ([], "RESULT"),
    (["xyz"], "No result is called 'xyz', and no key begins so"),
    (["0123456789abcdef"], "`jesse-nb runs` shows the keys"),
    (["{key}", "--basic", "--deep"], "Give one of --basic, --advanced and --deep."),
    (["{key}", "--ruin", "0"], "--ruin holds 0"),
    (["{key}", "--scenarios", "-1"], "--scenarios is -1"),
    (["{key}", "--memory-limit", "100"], "megabytes from 256 up"),
    (["{key}", "--depe"], "Did you mean '--deep'"),
    (["{key}", "--strategy", "nothing.py"], "nothing.py"),
    (["{key}", "-o", "."], "a folder"),
])
def test_bad_input_gives_one_line(where, words, said, capsys):
    key = keys(where[3])["source"]
    assert main(["analyze", *(word.format(key=key) for word in words), *where]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("jesse-nb: ")
    assert error.count("\n") == 1
