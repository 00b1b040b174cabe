"""How far a job is and how it ended, noted in the journal while it runs."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jesse_nb.core.jobs.journal import Journal, JournalEntry

if TYPE_CHECKING:
    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.jobs.progress import Progress

__all__ = ["keep_noted"]

_log = logging.getLogger(__name__)

#: A job that is shorter leaves nothing to go on with.
FIRST_ENTRY = 1.0

#: Seconds between two entries: at least, and at most while nothing changes.
_OFTEN, _SELDOM = 5.0, 30.0

#: Seconds that a process must outlive the end of a job that did not succeed for it to be the job's own: longer than a
#: kernel that is told to leave is given.
OUTLIVED = 15.0

_pruned = threading.Event()


def keep_noted(job: Job[Any], entry: JournalEntry) -> None:
    """Write how far the job is, seldom, and how it ended."""
    journal = Journal()
    try:
        if not entry.detached and job.wait(FIRST_ENTRY):
            if job.state == "finished":
                journal.replace_earlier(entry)
            return
        if not _pruned.is_set():
            _pruned.set()
            journal.prune()
        written = -1
        while True:
            progress = job.progress
            as_it_is = _noted(entry, progress)
            journal.write(as_it_is)
            if written < 0:
                journal.replace_earlier(entry)
            if progress.state != "running":
                if as_it_is.just_ended:
                    time.sleep(OUTLIVED)
                    journal.settle(as_it_is)
                return
            written = progress.done
            until = time.monotonic() + _SELDOM
            while not job.wait(_OFTEN) and time.monotonic() < until and job.progress.done == written:
                pass
    except OSError as error:
        _log.warning("Job %s is not in the journal, so it cannot be resumed by %%jobs: %s", job.id, error)


def _noted(entry: JournalEntry, progress: Progress) -> JournalEntry:
    """Return the entry with how far its job is. One that finished, but not whole, can have lost its workers."""
    doubtful = progress.state in ("failed", "cancelled") or (progress.state == "finished" and progress.failed > 0)
    return replace(entry, state=progress.state, done=progress.done, total=progress.total, best=progress.best_label,
                   updated=time.time(), just_ended=doubtful,
                   reason=progress.message if progress.state == "failed" else "")
