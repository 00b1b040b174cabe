"""The progress of a real job in a terminal and in a log."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from types import SimpleNamespace

import pytest

from jesse_nb.cli import terminal
from jesse_nb.cli.terminal import follow, remarks
from jesse_nb.core.jobs.job import Job, JobControl, add_watcher, run_blocking
from jesse_nb.core.jobs.progress import Progress
from jesse_nb.exceptions import JobCancelledError, SpaceError


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def counting(control: JobControl) -> str:
    control.update(phase="optimizing", total=4)
    for done in range(1, 5):
        time.sleep(0.12)
        control.update(done=done, best_label=f"sharpe 1.{done} at trial {done}", rate=2.0, eta=4.0 - done)
    control.update(phase="testing the best 2", done=0, total=2)
    control.update(done=2, failed=1)
    return "result"


def test_a_terminal_gets_a_bar_for_each_phase():
    screen = Screen()
    assert follow(Job("optimize", "counting", counting).start(), screen) == "result"
    lines = [re.split("\r", line)[-1] for line in screen.getvalue().splitlines() if line.strip()]
    assert re.search(r"optimizing: 100%\|.*\| 4/4.*best sharpe 1\.4 at trial 4", screen.getvalue())
    assert re.search(r"testing the best 2: 100%\|.*\| 2/2.*1 failed", lines[-1])
    assert "2.0 runs/s" in screen.getvalue()


def test_anything_else_gets_lines(monkeypatch):
    monkeypatch.setattr(terminal, "_LINE_INTERVAL", 0.2)
    log = io.StringIO()
    follow(Job("optimize", "counting", counting).start(), log)
    lines = log.getvalue().splitlines()
    assert "\r" not in log.getvalue()
    assert lines[-1].startswith("testing the best 2: 2/2, best sharpe 1.4 at trial 4")
    assert 3 <= len(lines) <= 8


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")
def test_a_script_that_waits_shows_a_bar_in_a_terminal_and_nothing_elsewhere():
    script = ("import time, jesse_nb as jn\n"
              "from jesse_nb.core.jobs.job import run_blocking\n"
              "def work(control):\n"
              "    control.update(phase='counting', total=3); time.sleep(0.3)\n"
              "    control.update(done=3); return 'done'\n"
              "print(run_blocking(jn.Job('count', 'counting', work).start()))")
    words = [sys.executable, "-W", "ignore", "-c", script]
    silent = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (silent.stdout, silent.stderr) == ("done\n", "")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))  # without a width there is no bar
    environment = {name: value for name, value in os.environ.items() if name != "JESSE_NB_NONINTERACTIVE"}
    subprocess.run(words, stderr=theirs, stdout=subprocess.DEVNULL, check=True, env=environment)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # its other end is closed: that was all
        while chunk := os.read(ours, 100_000):
            seen += chunk
    os.close(ours)
    assert re.search(r"counting: 100%\|.*\| 3/3", seen.decode())


def test_marimo_gets_lines_and_a_command_shows_its_job_once(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.delenv("JESSE_NB_NONINTERACTIVE", raising=False)
    monkeypatch.setattr(terminal, "_in_ipython", lambda: False)
    monkeypatch.setitem(sys.modules, "marimo", SimpleNamespace(running_in_notebook=lambda: True))
    remove = add_watcher(terminal.show_in_script)
    try:
        run_blocking(Job("optimize", "counting", counting).start())
        lines = log.getvalue().splitlines()
        assert lines[-1].startswith("testing the best 2: 2/2")
        Job("optimize", "counting", counting).start().wait()
        assert log.getvalue().splitlines() == lines, "nobody waits for it"
        follow(Job("optimize", "counting", counting).start(), io.StringIO())
        assert log.getvalue().splitlines() == lines, "the command shows it itself"
    finally:
        remove()


def test_lines_are_few(monkeypatch):
    log = io.StringIO()
    follow(Job("optimize", "counting", counting).start(), log)
    assert len(log.getvalue().splitlines()) <= 4


def test_a_job_of_unknown_length_is_shown():
    def work(control: JobControl) -> int:
        control.update(phase="starting workers")
        time.sleep(0.15)
        control.update(message="one moment")
        return 1

    screen = Screen()
    assert follow(Job("backtest", "unknown", work).start(), screen) == 1
    assert "starting workers" in screen.getvalue()


@pytest.mark.parametrize("stream", [Screen, io.StringIO])
def test_what_a_job_raises_is_raised(stream):
    def work(control: JobControl) -> None:
        raise SpaceError("The space is empty.")

    with pytest.raises(SpaceError, match="empty"):
        follow(Job("optimize", "failing", work).start(), stream())


def test_a_cancelled_job_ends_the_waiting():
    def work(control: JobControl) -> None:
        while not control.cancelled:
            time.sleep(0.01)

    job = Job("optimize", "endless", work).start()
    threading.Timer(0.2, job.cancel).start()
    with pytest.raises(JobCancelledError):
        follow(job, io.StringIO())


@pytest.mark.parametrize(("progress", "said"), [
    (Progress("a", "b"), []),
    (Progress("a", "b", rate=0.25, eta=3725), ["4.0 s/run", "1:02:05 left"]),
    (Progress("a", "b", rate=3.0, eta=59.6, reused=3, failed=2, message="hm"),
     ["3.0 runs/s", "1:00 left", "3 from the store", "2 failed", "hm"]),
    (Progress("a", "b", state="finished", eta=3.0, best_label="sharpe 1"), ["best sharpe 1"]),
])
def test_remarks(progress, said):
    assert remarks(progress) == said
