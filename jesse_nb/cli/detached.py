"""A job in a process of its own: it survives the terminal, and `%jobs` of any notebook shows it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jesse_nb.core.jobs.job import Job
from jesse_nb.core.jobs.journal import Journal, JournalEntry
from jesse_nb.core.jobs.noting import keep_noted
from jesse_nb.core.jobs.private_files import make_private_folder
from jesse_nb.core.jobs.store import default_store
from jesse_nb.core.jobs.store.address import shown_place, without_passwords
from jesse_nb.core.record.result_store import default_results
from jesse_nb.core.user_path import working_folder
from jesse_nb.exceptions import StorageError

__all__ = ["is_detached", "note_detached", "start_detached"]

_FLAG = "--detach"
#: Tells the process that it is the detached one, by the line that started it.
_LINE = "JESSE_NB_DETACHED"
#: Seconds until it has read its line and begun; nothing is given up when it takes longer.
_PATIENCE = 120.0


def start_detached(words: Sequence[str]) -> int:
    """Run a command in a process of its own, and say how it is found again.

    Parameters
    ----------
    words
        Of the line, with ``--detach``.

    Returns
    -------
    int
        0 when it runs, otherwise what it ended with; then what it said is shown.

    Raises
    ------
    StorageError
        When its output cannot be kept.
    """
    line = [word for word in words if word != _FLAG]
    stamp = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())
    if "--name" not in line:
        line += ["--name", f"{line[0]}-{stamp}"]
    name = line[line.index("--name") + 1]
    folder = default_results().parent / "detached"
    try:
        make_private_folder(folder)
        output = _free(folder, f"{line[0]}-{stamp}")
        with output.open("w", encoding="utf-8") as log:
            started = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "jesse_nb.cli", *line], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, _LINE: shlex.join(["jesse-nb", *words])})
    except OSError as error:
        raise StorageError(f"The output of a detached job cannot be kept in {folder}: {error.strerror}.") from error
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        entry = next((entry for entry in Journal().entries() if entry.detached and entry.process == started.pid), None)
        if entry is not None or started.poll() is not None:
            break
        time.sleep(0.1)
    if started.poll() not in (None, 0):
        sys.stderr.write(output.read_text(encoding="utf-8", errors="replace"))
        return int(started.returncode)
    called = entry.id if entry is not None else f"process {started.pid}"
    print(f"It runs as {called}, without this terminal. `%jobs` in a notebook of this folder shows it, "
          f"`%jobs cancel {called}` stops it.")
    print(f"Its result will be {name!r}: jn.load({name!r}). What it says goes to {output}.")
    return 0


def note_detached(job: Job[Any]) -> None:
    """Note a job in the journal where this process was detached; elsewhere this does nothing."""
    line = os.environ.get(_LINE)
    if line is None:
        return
    # A shell that starts it in the background has it ignore interrupts, and then nothing could stop it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    entry = JournalEntry(job.id, job.kind, job.title, source=without_passwords(f"!{line}"),
                         folder=str(working_folder()), store=shown_place(default_store()), detached=True)
    threading.Thread(target=keep_noted, args=(job, entry), daemon=True, name=f"jesse-nb-journal-{job.id}").start()


def is_detached() -> bool:
    """Tell whether this process runs a detached job."""
    return _LINE in os.environ


def _free(folder: Path, name: str) -> Path:
    """Return a file that is not there yet."""
    for number in range(1_000):
        path = folder / (f"{name}-{number}.txt" if number else f"{name}.txt")
        try:
            path.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(0, "too many jobs in one second", str(folder))
