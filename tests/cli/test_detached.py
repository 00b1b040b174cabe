"""Jobs that survive their terminal: found in the journal, stopped by `%jobs`, opened from the record."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import jesse_nb as jn
from jesse_nb.cli import main
from jesse_nb.core.jobs.journal import Journal
from tests.jobs.strategies import CROSSING
from tests.magics.conftest import demo, demo_store, notebook, run, shell  # noqa: F401 - fixtures

PERIOD = ("-s", "BTC-USDT", "-t", "1h", "--start", "2023-01-20", "--end", "2023-02-20")


def eventually(find, seconds: float = 60.0):
    until = time.monotonic() + seconds
    while not (found := find()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


@pytest.fixture
def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crossing.py").write_text(CROSSING)
    yield "crossing.py"
    for entry in Journal().entries():
        entry.stop()


@pytest.mark.skipif(os.name == "nt", reason="sessions and signals of POSIX")
def test_it_is_listed_stopped_and_opened(strategy, demo, kept, capsys, shell, notebook):  # noqa: F811
    told = shlex.join([sys.executable, "-c", "import sys; open('told.txt', 'w').write(sys.stdin.read())"])
    assert main(["optimize", strategy, *PERIOD, "-n", "3000", "-j", "1", "--test-ratio", "0", "--name", "long search",
                 "--notify", told, "--detach"]) == 0
    said = capsys.readouterr().out
    assert "jn.load('long search')" in said
    (entry,) = [entry for entry in Journal().entries() if entry.detached]
    assert entry.id in said
    assert os.getsid(entry.process) == entry.process, "the end of the terminal does not reach it"
    assert entry.standing() == "running"
    assert eventually(lambda: Journal().entries()[0].done > 0), "it works"
    assert shell.run_line_magic("jobs", "").to_frame().set_index("job").loc[entry.id, "state"] == "running detached"
    shell.run_line_magic("jobs", f"cancel {entry.id}")
    assert eventually(lambda: Journal().entries()[0].standing() != "running")
    assert eventually(lambda: not jn.results(text="long search").empty), "what had finished is kept"
    study = jn.load("long search")
    assert study.stopped == "interrupted"
    assert 0 < len(study.trials) < 3_000
    assert eventually(lambda: Path("told.txt").exists() and Path("told.txt").read_text())
    assert "cancelled" in Path("told.txt").read_text()
    capsys.readouterr()
    assert main(["jobs"]) == 0
    assert "No job runs" in capsys.readouterr().out, "it was cancelled, as asked"
    assert main(["jobs", "--all"]) == 0
    assert f"{entry.id} Crossing BTC-USDT 1h cancelled" in " ".join(capsys.readouterr().out.split())
    placed: list[str] = []
    shell.set_next_input = placed.append
    shell.run_line_magic("jobs", f"resume {entry.id}")
    assert placed[0].startswith("!jesse-nb optimize crossing.py -s BTC-USDT")
    assert "--detach" in placed[0]


@pytest.mark.skipif(os.name == "nt", reason="sessions and signals of POSIX")
def test_what_fails_at_once_is_said_in_the_terminal(strategy, demo, kept, capsys):  # noqa: F811
    assert main(["optimize", strategy, *PERIOD, "--trials", "0", "--detach"]) == 2
    assert "--trials is 0" in capsys.readouterr().err
    assert main(["optimize", "none.py", *PERIOD, "--detach"]) == 2
    assert "none.py" in capsys.readouterr().err
    assert not [entry for entry in Journal().entries() if entry.detached]


def test_only_a_detached_job_of_this_machine_is_stopped(monkeypatch):
    from jesse_nb.core.jobs.journal import JournalEntry

    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append(number))
    assert not JournalEntry("optimize-1", "optimize", "x").stop()
    assert not JournalEntry("optimize-1", "optimize", "x", detached=True, host="elsewhere").stop()
    assert not JournalEntry("optimize-1", "optimize", "x", detached=True, process_started=1.0).stop()
    assert sent == []
    assert JournalEntry("optimize-1", "optimize", "x", detached=True).stop()
    assert sent == [signal.SIGINT]


def _entry(**changes):
    from jesse_nb.core.jobs.journal import JournalEntry
    from jesse_nb.core.jobs.store import default_store

    return JournalEntry(**{"job": "optimize-1", "kind": "optimize", "title": "Optimization", "process": 2**22 + 5,
                           "source": "!jesse-nb optimize s.py --detach", "folder": str(Path.cwd()), "detached": True,
                           "store": str(default_store()),
                           "tag": "ab12", **changes})


def test_the_command_lists_shows_and_forgets_what_a_dead_process_left(capsys, isolated_home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    journal = Journal()
    journal.write(_entry())
    journal.write(_entry(job="optimize-2", detached=False, source="%%optimize\nclass A: ..."))
    journal.write(_entry(job="optimize-3", source="!jesse-nb lab"))
    assert main(["jobs"]) == 0
    assert capsys.readouterr().out.count("interrupted") == 3
    assert main(["jobs", "show", "optimize-1"]) == 0
    assert "jobs resume optimize-1-ab12" in capsys.readouterr().out
    for words, reason in ((["resume", "optimize-2"], "%jobs resume"),
                          (["resume", "optimize-3"], "no command of a tool"),
                          (["cancel", "optimize-1"], "interrupted"), (["show"], "needs the id"),
                          (["show", "optimise-1"], "optimize-1"), (["list", "optimize-1"], "no id")):
        assert main(["jobs", *words]) == 2
        assert reason in capsys.readouterr().err
    assert main(["jobs", "resume", "optimize-1"]) == 2, "the very line is run, and its file is not there"
    assert "s.py" in capsys.readouterr().err
    monkeypatch.chdir("/")
    assert main(["jobs", "resume", "optimize-1"]) == 2
    assert f"cd {tmp_path}" in capsys.readouterr().err
    assert main(["jobs", "remove", "optimize-1", "optimize-2"]) == 0
    assert [entry.job for entry in journal.entries()] == ["optimize-3"]


def test_a_damaged_note_is_listed_and_can_be_removed(capsys, isolated_home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    journal = Journal()
    journal.write(_entry())
    (file,) = journal.folder.glob("*.json")
    file.write_text("torn")
    assert main(["jobs"]) == 0
    said = capsys.readouterr().out
    assert f"{file} is damaged" in said
    assert "jesse-nb jobs remove optimize-1-ab12" in said
    for action in ("show", "cancel", "resume"):
        assert main(["jobs", action, "optimize-1"]) == 2
        assert str(file) in capsys.readouterr().err
    assert main(["jobs", "remove", "optimize-1-ab12"]) == 0
    capsys.readouterr()
    assert main(["jobs"]) == 0
    assert "No job runs" in capsys.readouterr().out


@pytest.mark.parametrize(("changes", "reason"), [
    ({"folder": "/vanished"}, "not there any more"),
    ({"folder": "/usr"}, "`cd /usr` first"),
    ({"store": "/elsewhere/runs.sqlite"}, "JESSE_NB_STORE"),
    ({"source": "!jesse-nb lab"}, "no command of a tool"),
    ({"detached": False, "magic": "optimize", "folder": "/vanished"}, "not there any more"),
    ({"detached": False, "magic": "system"}, "no magic that runs jobs"),
    ({"detached": False, "source": ""}, "Nobody noted the cell"),
])
def test_show_offers_only_what_resume_does(changes, reason, capsys, isolated_home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Journal().write(_entry(**changes))
    assert main(["jobs", "show", "optimize-1"]) == 0
    said = capsys.readouterr().out
    assert reason in said
    assert "jobs resume" not in said
    assert main(["jobs", "resume", "optimize-1"]) == 2
    assert reason in capsys.readouterr().err


def test_show_of_what_is_resumed_elsewhere_says_where(capsys, isolated_home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    journal = Journal()
    for changes, expected in (
        ({"detached": False, "magic": "optimize"}, "`%jobs resume optimize-1-ab12` in a notebook of that folder"),
        ({"detached": False, "source": "jn.optimize(A)"}, "places its cell"),
        ({"state": "finished"}, "`jesse-nb results` lists"),
        ({"state": "finished", "folder": "/vanished"}, "not listed here: optimize-1-ab12 was started in /vanished"),
        ({"host": "elsewhere"}, "on elsewhere: stop it there"),
    ):
        journal.write(_entry(**changes))
        assert main(["jobs", "show", "optimize-1"]) == 0
        assert expected in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="a folder that is worked in cannot be removed there")
def test_a_working_directory_that_is_gone_is_said_in_a_line(capsys, isolated_home, monkeypatch, tmp_path):
    Journal().write(_entry(folder="/usr"))
    (tmp_path / "gone").mkdir()
    monkeypatch.delenv("JESSE_NB_STORE", raising=False)
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for words in (["jobs", "resume", "optimize-1"], ["results"], ["runs"], ["compare", "a", "b"]):
        assert main(words) == 2, words
        assert capsys.readouterr().err.splitlines() == [
            "jesse-nb: The working directory is not there any more. Change into another one first."], words
    assert main(["jobs"]) == 0, "for this none is needed"
