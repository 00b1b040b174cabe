from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from jesse_nb.core.jobs.journal import Journal, JournalEntry, process_start


def entry(**changes: object) -> JournalEntry:
    made = JournalEntry("optimize-1", "optimize", "Trend BTC-USDT 1h", "optimize", "-t 1h", "class Trend: ...", "%%…",
                        {"fee": 0.002}, "/home/me", "/home/me/.jesse_nb/runs.sqlite", done=3, total=10)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "jobs")


def test_what_is_written_is_read_and_only_by_its_user(journal: Journal, isolated_home: Path) -> None:
    journal.write(entry())
    journal.write(entry(done=7))
    assert journal.entries() == [entry(done=7, started=journal.entries()[0].started,
                                       updated=journal.entries()[0].updated)]
    (file,) = journal.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    assert Journal().folder == isolated_home / "jobs"


def test_a_job_is_interrupted_when_its_process_is_gone_or_another(journal: Journal) -> None:
    assert entry().standing() == "running"
    assert entry(process_started=(process_start(os.getpid()) or 0) - 60).standing() == "interrupted"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    started = process_start(gone.pid) or 0.0
    deadline = time.monotonic() + 30
    while entry(process=gone.pid, process_started=started).standing() != "interrupted":  # nobody asks for its exit code
        assert time.monotonic() < deadline
        time.sleep(0.05)
    gone.wait(5)
    assert entry(process=gone.pid, process_started=started).standing() == "interrupted"
    assert entry(process=gone.pid, state="cancelled").standing() == "cancelled"
    assert entry(host="elsewhere").standing() == "running"
    assert entry(host="elsewhere", updated=time.time() - 600).standing() == "interrupted"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: "no JSON",
        lambda content: json.dumps([content]),
        lambda content: json.dumps({**content, "extra": 1}),
        lambda content: json.dumps({**content, "process": "1"}),
        lambda content: json.dumps({**content, "state": "odd"}),
        lambda content: json.dumps({**content, "tag": "../../x"}),
        lambda content: "[" * 100_000,
    ],
)
def test_a_damaged_file_is_told_and_not_used(journal: Journal, spoil: object) -> None:
    journal.write(entry(tag="aaaa"))
    journal.write(entry(tag="bbbb"))
    file = journal.folder / "optimize-1-aaaa.json"
    file.write_text(spoil(asdict(entry(tag="aaaa"))))  # type: ignore[operator]
    assert [one.tag for one in journal.entries()] == ["bbbb"]
    (spoilt,) = journal.unused()
    assert spoilt[:2] == ("optimize-1-aaaa", True)
    assert str(file) in spoilt.why
    assert "jobs remove optimize-1-aaaa" in spoilt.why
    journal.remove(spoilt)
    assert [file.stem for file in journal.folder.iterdir()] == ["optimize-1-bbbb"]


def test_an_entry_that_lost_its_checksum_is_damaged(journal: Journal) -> None:
    journal.write(entry())
    (file,) = journal.folder.glob("*.json")
    content = json.loads(file.read_text())
    for lost in (("checksum",), ("checksum", "reason"), ("checksum", "just_ended", "reason")):
        file.write_text(json.dumps({name: value for name, value in content.items() if name not in lost}))
        assert journal.entries() == []
        assert [(one.id, one.damaged) for one in journal.unused()] == [(entry().id, True)]
    file.write_bytes(b"\xff" * 100)
    assert [one.damaged for one in journal.unused()] == [True]


def test_a_changed_bit_is_noticed_and_an_entry_of_before_is_read(journal: Journal) -> None:
    journal.write(entry())
    (file,) = journal.folder.glob("*.json")
    written = file.read_bytes()
    place = written.index(b"-t 1h")
    file.write_bytes(written[:place] + b"-t 3h" + written[place + 5 :])
    assert journal.entries() == []
    of_before = asdict(entry(state="failed"))
    del of_before["just_ended"], of_before["reason"], of_before["detached"]
    file.write_text(json.dumps(of_before))
    assert [(one.line, one.standing()) for one in journal.entries()] == [("-t 1h", "failed")]


def test_an_end_counts_when_its_process_has_outlived_it(journal: Journal) -> None:
    for state in ("failed", "cancelled", "finished"):
        ended = entry(state=state, just_ended=True)
        assert ended.standing() == state
        assert replace(ended, process_started=1.0).standing() == "interrupted"
        journal.write(ended)
        journal.settle(ended)
        assert replace(journal.entries()[0], process_started=1.0).standing() == state
    journal.remove(ended)  # gone on with
    journal.settle(ended)
    assert journal.entries() == []


def test_what_others_can_write_is_refused_with_the_remedy(journal: Journal) -> None:
    journal.write(entry())
    (file,) = journal.folder.glob("*.json")
    for mode in (0o620, 0o602, 0o666):
        file.chmod(mode)
        assert journal.entries() == []
        assert journal.unused() == [
            (entry().id, False, f"Others can write {file}. Once you know what is in it: chmod go-w {file}")]
    file.chmod(0o644)
    assert len(journal.entries()) == 1
    assert journal.unused() == []


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_refused(journal: Journal) -> None:
    journal.write(entry())
    (file,) = journal.folder.glob("*.json")
    os.chown(file, 12345, -1)
    assert journal.entries() == []
    assert journal.unused()[0].why.startswith(f"{file} belongs to another user.")


def test_it_is_private_under_any_umask(journal: Journal) -> None:
    before = os.umask(0)
    try:
        journal.write(entry())
    finally:
        os.umask(before)
    assert stat.S_IMODE(next(journal.folder.iterdir()).stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700


def test_a_link_that_leads_out_is_not_written_through(journal: Journal, tmp_path: Path) -> None:
    journal.folder.mkdir()
    other = tmp_path / "other"
    other.write_text("mine")
    (journal.folder / f"{entry().id}.json").symlink_to(other)
    journal.write(entry())
    assert other.read_text() == "mine"


def test_old_ones_and_too_many_are_forgotten(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    old = time.time() - 30 * 86_400
    journal.write(entry(tag="0001", state="finished", updated=old, started=old))
    journal.write(entry(tag="0002", updated=old, started=old, process_started=1.0))  # interrupted: still offered
    journal.write(entry(tag="0003", state="finished"))
    journal.prune()
    assert [one.tag for one in journal.entries()] == ["0002", "0003"]
    monkeypatch.setattr("jesse_nb.core.jobs.journal._MOST", 1)
    journal.prune()
    assert [one.tag for one in journal.entries()] == ["0003"]


def test_one_that_goes_on_takes_the_place_of_the_interrupted_one(journal: Journal) -> None:
    journal.write(entry(tag="dead", process_started=1.0))
    journal.write(entry(tag="lives"))
    journal.write(entry(tag="other", line="-t 4h", process_started=1.0))
    journal.write(entry(tag="fees", settings={}, process_started=1.0))
    journal.replace_earlier(entry(tag="new"))
    assert sorted(one.tag for one in journal.entries()) == ["fees", "lives", "other"]
    python = {"magic": "", "line": "", "cell": None, "source": ""}
    assert not entry(**python).same_work(entry(**python))  # nobody knows what started them


def test_a_folder_that_is_none_has_no_entries(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Journal(tmp_path / "file").entries() == []
    assert Journal(tmp_path / "missing").entries() == Journal(tmp_path / "missing").unused() == []
    with pytest.raises(OSError, match="file"):
        Journal(tmp_path / "file").write(entry())
