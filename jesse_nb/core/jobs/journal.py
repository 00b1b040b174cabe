"""Which jobs were started, on disk, so that a new kernel can go on with what an earlier one left.

One small JSON file a job, in the user's own data folder and readable by that user only: to go on with a
job means to run code, so nothing of this may come with a project that somebody else shares.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import time
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from platformdirs import user_data_path

from jesse_nb.core.jobs.private_files import make_private_folder, why_not_private
from jesse_nb.core.whole_files import written_whole

__all__ = ["Journal", "JournalEntry", "Standing", "UnusedEntry", "process_start"]

Standing = Literal["running", "interrupted", "finished", "failed", "cancelled"]

#: Entries of jobs that have ended are kept this long, and no more than so many of all.
_KEPT_SECONDS = 21 * 86_400
_MOST = 300

#: Another machine's processes cannot be looked at: one that has not written for so long is taken for gone.
_SILENT_SECONDS = 120

#: What is larger is none of ours.
_LARGEST = 4 * 2**20

_SUM = "checksum"

_SAFE = re.compile(r"[\w.-]{1,100}")


@cache
def _tag() -> str:
    """Tell this process from all others, in four digits."""
    me = f"{socket.gethostname()} {os.getpid()} {process_start(os.getpid())}"
    return hashlib.blake2b(me.encode(), digest_size=2).hexdigest()


def process_start(process: int) -> float | None:
    """Return when a process started (seconds since 1970); None when it is gone."""
    import psutil  # type: ignore[import-untyped]

    try:
        found = psutil.Process(process)
        return None if found.status() == psutil.STATUS_ZOMBIE else float(found.create_time())
    except (psutil.Error, OverflowError, ValueError):
        return None


@dataclass(frozen=True)
class JournalEntry:
    """One job that was started.

    Attributes
    ----------
    job, kind, title
        As of the :class:`~jesse_nb.core.jobs.job.Job`.
    magic, line, cell
        What started it, as it was given to the magic; ``cell`` is None for a line magic. Empty when plain
        Python did.
    source
        The whole cell that started it.
    settings
        The defaults that were set for the magics.
    folder, store
        The working directory, and the file of the run store.
    state, done, total, best
        As last noted.
    just_ended
        True in the first seconds after it failed or was stopped. What ends a kernel ends its workers, or interrupts
        its cell, a moment before: such an end counts once the process has outlived it.
    reason
        Why it failed.
    host, process, process_started
        Where it runs, and since when that process does (seconds since 1970).
    started, updated
        Seconds since 1970.
    detached
        True of a job that has a process of its own, which nobody waits for: any kernel of this machine may stop it.
    """

    job: str
    kind: str
    title: str
    magic: str = ""
    line: str = ""
    cell: str | None = None
    source: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    folder: str = ""
    store: str = ""
    state: str = "running"
    done: int = 0
    total: int | None = None
    best: str = ""
    host: str = field(default_factory=socket.gethostname)
    process: int = field(default_factory=os.getpid)
    process_started: float = field(default_factory=lambda: process_start(os.getpid()) or 0.0)
    started: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    tag: str = field(default_factory=_tag)
    just_ended: bool = False
    reason: str = ""
    detached: bool = False

    @property
    def id(self) -> str:
        """What it is called in other kernels than its own."""
        return f"{self.job}-{self.tag}"

    @property
    def of_this_process(self) -> bool:
        """True when this very process started it."""
        return self.tag == _tag() and self.process == os.getpid()

    def standing(self) -> Standing:
        """Return its state; ``interrupted`` when it was running, or had just ended, in a process that is gone."""
        if (self.state == "running" or self.just_ended) and not self._process_lives():
            return "interrupted"
        return self.state  # type: ignore[return-value]  # checked when it was read

    @property
    def can_be_stopped(self) -> bool:
        """True of a detached job that runs on this machine."""
        return self.detached and self.host == socket.gethostname() and self.standing() == "running"

    def stop(self) -> bool:
        """Ask the process of a detached job to stop, as Ctrl-C does; False when it is not this machine's, or gone."""
        if not self.can_be_stopped:
            return False
        with contextlib.suppress(OSError):
            os.kill(self.process, signal.SIGINT)
            return True
        return False

    def _process_lives(self) -> bool:
        if self.host != socket.gethostname():
            return time.time() - self.updated < _SILENT_SECONDS
        since = process_start(self.process)
        return since is not None and abs(since - self.process_started) < 2  # another process can have got its number

    def same_work(self, other: JournalEntry) -> bool:
        """Tell whether the same cell in the same place started both."""
        mine, theirs = ((one.kind, one.magic, one.line, one.cell, one.settings, one.folder, one.store,
                         "" if one.magic else one.source) for one in (self, other))
        return mine == theirs and bool(self.magic or self.source)


class UnusedEntry(NamedTuple):
    """A file of the journal that is not used: what its job was called, whether it is damaged or not, and why."""

    id: str
    damaged: bool
    why: str


class Journal:
    """The jobs that were started, by this process and others.

    Parameters
    ----------
    folder
        By default the one that the environment variable ``JESSE_NB_JOBS`` names, else ``jobs`` in the user's
        data folder.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        named = folder or os.environ.get("JESSE_NB_JOBS") or user_data_path("jesse_nb") / "jobs"
        self.folder = Path(named).expanduser()

    def entries(self) -> list[JournalEntry]:
        """Return all entries, oldest first; those that cannot be used are among :meth:`unused`."""
        found = [entry for entry in self._files() if isinstance(entry, JournalEntry)]
        return sorted(found, key=lambda entry: (entry.started, entry.id))

    def unused(self) -> list[UnusedEntry]:
        """Return what is damaged, or could have been written by somebody else, with why and what to do."""
        return sorted(entry for entry in self._files() if isinstance(entry, UnusedEntry))

    def _files(self) -> list[JournalEntry | UnusedEntry]:
        with contextlib.suppress(OSError):
            return [entry for file in self.folder.glob("*.json") if (entry := _read(file)) is not None]
        return []

    def write(self, entry: JournalEntry) -> None:
        """Keep an entry in place of an older one of the same job.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        make_private_folder(self.folder)
        content = asdict(entry)
        with written_whole(self._file(entry), mode=0o600) as file:
            file.write_text(json.dumps({**content, _SUM: _checksum(content)}, ensure_ascii=False), encoding="utf-8")

    def settle(self, entry: JournalEntry) -> None:
        """Let the end of a job count for good, unless it was gone on with meanwhile.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        if self._file(entry).exists():
            self.write(replace(entry, just_ended=False))

    def remove(self, entry: JournalEntry | UnusedEntry) -> None:
        """Forget an entry."""
        with contextlib.suppress(OSError):
            self._file(entry).unlink(missing_ok=True)

    def replace_earlier(self, entry: JournalEntry) -> None:
        """Forget what the same cell started earlier and is no longer running: ``entry`` goes on with it."""
        for other in self.entries():
            if other.id != entry.id and other.same_work(entry) and other.standing() != "running":
                self.remove(other)

    def prune(self) -> None:
        """Forget jobs that ended weeks ago, and the oldest when there are too many."""
        standings = [(entry, entry.standing()) for entry in self.entries()]
        ended = [(entry, standing) for entry, standing in standings if standing != "running"]
        for number, (entry, standing) in enumerate(reversed(ended)):
            old = time.time() - entry.updated > _KEPT_SECONDS
            if number >= _MOST or (old and standing != "interrupted"):
                self.remove(entry)

    def _file(self, entry: JournalEntry | UnusedEntry) -> Path:
        return self.folder / f"{entry.id}.json"


_KINDS: dict[str, tuple[type, ...]] = {
    "cell": (str, type(None)), "settings": (dict,), "done": (int,), "total": (int, type(None)), "process": (int,),
    "process_started": (int, float), "started": (int, float), "updated": (int, float), "just_ended": (bool,),
    "detached": (bool,),
}

#: Came after the checksum: entries of before December 2026 may lack them, and those without a checksum must.
_NEW = {"just_ended", "reason", "detached"}


def _checksum(content: dict[str, Any]) -> str:
    """Hash an entry: a single bit that the disk lost would be another number on the line that is run again."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def _read(file: Path) -> JournalEntry | UnusedEntry | None:
    """Return what a file holds, or why it is not used; None when it has just been removed."""
    try:
        with file.open(encoding="utf-8") as opened:
            state = os.fstat(opened.fileno())
            if why := why_not_private(file, state):
                return UnusedEntry(file.stem, False, why)
            entry = _entry(json.load(opened)) if state.st_size <= _LARGEST else None
    except FileNotFoundError:
        return None
    except OSError as error:
        return UnusedEntry(file.stem, False, f"{file} cannot be read: {error.strerror}.")
    except (ValueError, RecursionError):
        entry = None
    if entry is None or entry.id != file.stem:
        return UnusedEntry(file.stem, True, f"{file} is damaged, or of a newer version. Run again what started it, as "
                                            "nothing that finished is simulated twice; then `jesse-nb jobs remove "
                                            f"{file.stem}` forgets it.")
    return entry


def _entry(content: Any) -> JournalEntry | None:
    """Return an entry as it was written; None when it is not what was written."""
    names = {one.name for one in fields(JournalEntry)}
    if not isinstance(content, dict):
        return None
    noted = content.pop(_SUM, None)
    sealed = noted == _checksum(content) if noted is not None else _NEW.isdisjoint(content)
    if not sealed or not names - _NEW <= set(content) <= names:
        return None
    if not all(isinstance(value, _KINDS.get(name, (str,))) for name, value in content.items()):
        return None
    entry = JournalEntry(**content)
    known = entry.state in ("running", "finished", "failed", "cancelled") and _SAFE.fullmatch(entry.id)
    return entry if known else None
