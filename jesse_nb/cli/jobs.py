"""`jesse-nb jobs`: what runs anywhere on this account, and how to see it, stop it, go on with it or forget it."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Callable, Sequence

from jesse_nb.cli.parser import tool_of_command
from jesse_nb.core.jobs.job_list import UNDONE, entry_called, entry_row, jobs_table, unused_row, worth_showing
from jesse_nb.core.jobs.journal import Journal, JournalEntry, UnusedEntry
from jesse_nb.core.tools.resuming import refuse_elsewhere, refuse_unknown, refuse_vanished
from jesse_nb.exceptions import InputError, JobError, shown

__all__ = ["jobs_command"]

_COMMAND = "!jesse-nb "


def jobs_command(options: Namespace, run: Callable[[Sequence[str]], int]) -> int:
    """Run one action; ``run`` runs the words of another command.

    Raises
    ------
    InputError
        When the ids do not suit the action.
    JobError
        When no job is called so, or it cannot be stopped, gone on with or removed.
    """
    journal = Journal()
    entries, unused = journal.entries(), journal.unused()
    if options.action == "list":
        if options.ids:
            raise InputError(f"jobs list takes no id, but {shown(options.ids[0])} was given.",
                             "`jobs show ID` shows one.")
        return _list(entries if options.everything else
                     [entry for entry in entries if entry.standing() in ("running", *UNDONE)], unused)
    if not options.ids:
        raise InputError(f"jobs {options.action} needs the id of a job.", "`jesse-nb jobs --all` lists them.")
    if len(options.ids) > 1 and options.action in ("show", "resume"):
        raise InputError(f"jobs {options.action} takes one id, not {len(options.ids)}.")
    if options.action == "remove":
        damaged = {entry.id: entry for entry in unused if entry.damaged}
        for one in [damaged.get(word) or entry_called(word, entries, unused) for word in options.ids]:
            _remove(one, journal)
        return 0
    chosen = [entry_called(word, entries, unused) for word in options.ids]
    if options.action == "show":
        return _show(chosen[0])
    if options.action == "resume":
        return _resume(chosen[0], run)
    for entry in chosen:  # all are found before the first is stopped
        _cancel(entry)
    return 0


def _list(entries: Sequence[JournalEntry], unused: Sequence[UnusedEntry] = ()) -> int:
    if not (entries or unused):
        print("No job runs, and none was interrupted or failed.")
        return 0
    rows = [*map(unused_row, unused), *map(entry_row, entries)]
    print(worth_showing(jobs_table(rows)).to_string(index=False))
    return 0


def _show(entry: JournalEntry) -> int:
    _list([entry])
    print(f"in {entry.folder}, runs kept in {entry.store}")
    print("\n" + entry.source.strip())
    print(f"\n{_what_next(entry)}")
    return 0


def _what_next(entry: JournalEntry) -> str:
    """Say what can be done with a job, and what cannot."""
    standing = entry.standing()
    if standing == "running":
        return f"`jesse-nb jobs cancel {entry.id}` stops it." if entry.can_be_stopped else _where_it_runs(entry)
    try:
        if standing == "finished":
            refuse_elsewhere(entry, in_shell=True)
            return "`jesse-nb results` lists what came of it."
        if entry.detached:
            _resumable(entry)
            return f"`jesse-nb jobs resume {entry.id}` goes on with it."
        refuse_vanished(entry)
        refuse_unknown(entry.id, entry.magic, entry.source)
    except JobError as why:
        return f"{'What came of it is not listed here' if standing == 'finished' else 'It cannot be resumed'}: {why}"
    does = "goes on with it" if entry.magic else "places its cell, to be run again,"
    return f"`%jobs resume {entry.id}` in a notebook of that folder {does}; this command cannot."


def _where_it_runs(entry: JournalEntry) -> str:
    where = f"process {entry.process} on {entry.host}"
    return f"It runs in {where}: stop it there." if entry.detached else \
        f"It runs in the kernel of {where}: `%jobs cancel {entry.job}` in its notebook stops it."


def _cancel(entry: JournalEntry) -> None:
    if entry.standing() != "running":
        raise JobError(f"{entry.id} is not running: it is {entry.standing()}.")
    if not entry.stop():
        raise JobError(f"{entry.id} cannot be stopped from here.", _where_it_runs(entry))
    print(f"{entry.id} was asked to stop; what has finished is kept.")


def _remove(entry: JournalEntry | UnusedEntry, journal: Journal) -> None:
    if isinstance(entry, JournalEntry) and entry.standing() == "running":
        raise JobError(f"{entry.id} is running.", _what_next(entry))
    journal.remove(entry)
    print(f"{entry.id} is not listed any more; its finished simulations and results are kept.")


def _resume(entry: JournalEntry, run: Callable[[Sequence[str]], int]) -> int:
    if entry.standing() in ("running", "finished"):
        raise JobError(f"{entry.id} {'is running' if entry.standing() == 'running' else 'has finished'}.",
                       "There is nothing to resume.")
    words = _resumable(entry)
    print(f"Run again: {entry.source[1:]}", flush=True)
    return run(words)


def _resumable(entry: JournalEntry) -> list[str]:
    """Return the words of the command that goes on with a job; nothing else than a tool's is run for a file's sake."""
    if not entry.detached:
        raise JobError(f"{entry.id} was started in a notebook.", _what_next(entry))
    words = shlex.split(entry.source.removeprefix(_COMMAND)) if entry.source.startswith(_COMMAND) else []
    if not words or tool_of_command(words[0]) is None:
        raise JobError(f"{entry.id} was started by what is no command of a tool.", "Nothing else is run again.")
    refuse_elsewhere(entry, in_shell=True)
    return words
