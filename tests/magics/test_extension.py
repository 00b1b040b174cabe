from __future__ import annotations

import subprocess
import sys

import pytest
from traitlets import TraitError

from jesse_nb.core.jobs import job
from jesse_nb.magics.config import JesseNb

from .conftest import run


def watchers():
    """Those of the extension: plain Python has one of its own, for scripts."""
    return [watcher for watcher in job._watchers if watcher.__module__ != "jesse_nb"]


def test_loading_is_quick_and_imports_no_jesse():
    code = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.config.JesseNb.warm_up = False
began = time.process_time()
shell.run_line_magic("load_ext", "jesse_nb")
print(time.process_time() - began, sorted({"jesse", "pandas", "optuna", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, imported = done.stdout.split(maxsplit=1)
    assert float(seconds) < 0.3
    assert imported.strip() == "[]"


def test_an_interpreter_that_ends_while_it_loads_prints_nothing():
    """The thread that imports what most cells need is refused then."""
    code = """
import atexit, threading
from IPython.core.interactiveshell import InteractiveShell
def wait():
    print(*[thread.join(60) or thread.name for thread in threading.enumerate() if thread.name == "jesse-nb-load"])
atexit.register(wait)
InteractiveShell.instance().run_line_magic("load_ext", "jesse_nb")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "jesse-nb-load" in done.stdout
    assert done.stderr == ""


def test_unloading_takes_everything_away(shell):
    loaded = len(sys.meta_path)
    run(shell, "%unload_ext jesse_nb")
    assert len(sys.meta_path) == loaded - 1  # which imports Jesse safely
    for name in ("optimize", "backtest", "walk_forward"):
        assert shell.find_cell_magic(name) is None
    for name in ("optimize", "backtest", "candles", "runs", "jobs", "walk_forward", "analyze", "analyze_results"):
        assert shell.find_line_magic(name) is None
    assert not any(isinstance(each, JesseNb) for each in shell.configurables)
    assert shell.Completer.custom_matchers == []
    assert watchers() == []
    run(shell, "%load_ext jesse_nb")
    assert (len(shell.Completer.custom_matchers), len(watchers())) == (1, 2)


def test_loading_twice_adds_once(shell):
    from jesse_nb import load_ipython_extension

    load_ipython_extension(shell)
    assert (len(shell.Completer.custom_matchers), len(watchers())) == (1, 2)


def test_the_workers_are_warmed_up(shell, monkeypatch):
    import threading

    from jesse_nb.core.jobs import pool, server

    warmed = threading.Event()
    started = []
    monkeypatch.setattr(server, "start_server", lambda: started.append(warmed.is_set()))
    monkeypatch.setattr(pool, "warm_up", lambda *a: warmed.set())
    run(shell, "%unload_ext jesse_nb")
    shell.config.JesseNb.warm_up = True
    run(shell, "%load_ext jesse_nb")
    assert started == [False]  # before anything else
    assert warmed.wait(10)


def test_config_lists_and_sets(shell, capsys):
    run(shell, "%config JesseNb")
    assert "JesseNb.jobs=" in capsys.readouterr().out
    run(shell, "%config JesseNb.jobs = 1 + 1")
    run(shell, "%config JesseNb.market = 'spot'")
    assert run(shell, "%config JesseNb.jobs") == 2
    settings = next(each for each in shell.configurables if isinstance(each, JesseNb))
    assert settings.defaults_of_tools() == {"n_jobs": 2, "market": "spot"}
    run(shell, "%config JesseNb.jobs = 'ray'")
    assert settings.defaults_of_tools() == {"n_jobs": "ray", "market": "spot"}


def test_a_configuration_file_sets_defaults(shell):
    run(shell, "%unload_ext jesse_nb")
    shell.config.JesseNb.trials = 7
    run(shell, "%load_ext jesse_nb")
    assert run(shell, "%config JesseNb.trials") == 7


def test_a_wrong_value_is_refused():
    with pytest.raises(TraitError, match="futures, spot"):
        JesseNb(market="margin")
