"""Whether a job of the journal can be gone on with: asked before that is offered, and again before it is done."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from jesse_nb.core.jobs.journal import JournalEntry
from jesse_nb.core.jobs.store import default_store
from jesse_nb.core.jobs.store.address import shown_place
from jesse_nb.core.tools.registry import tool_of_magic
from jesse_nb.core.user_path import working_folder
from jesse_nb.exceptions import JobError

__all__ = ["refuse_elsewhere", "refuse_unknown", "refuse_vanished"]


def refuse_elsewhere(entry: JournalEntry, *, in_shell: bool = False) -> None:
    """Refuse where what has finished would not be found, and the same names may mean something else.

    Parameters
    ----------
    entry
        Of the journal.
    in_shell
        Whether this is asked in a shell, and not in a notebook, which have their own ways into another folder.

    Raises
    ------
    JobError
        When it was started in another folder, which may be gone, or kept its runs in another store.
    """
    refuse_vanished(entry)
    if os.path.realpath(entry.folder) != os.path.realpath(working_folder()):
        raise JobError(f"{entry.id} was started in {entry.folder}, and this is {working_folder()}.",
                       f"`cd {shlex.quote(entry.folder)}` first." if in_shell else
                       f"%cd {entry.folder} first, or open its notebook.")
    here = shown_place(default_store())
    if entry.store != here and os.path.realpath(entry.store) != os.path.realpath(here):
        raise JobError(f"{entry.id} kept its runs in {entry.store}, not in {here}.",
                       "Set JESSE_NB_STORE as it was.")


def refuse_vanished(entry: JournalEntry) -> None:
    """Refuse where the folder in which a job was started is gone.

    Raises
    ------
    JobError
        When it is.
    """
    if not Path(entry.folder).is_dir():
        raise JobError(f"{entry.id} was started in {entry.folder}, which is not there any more.",
                       f"Put it back as it was; its runs were kept in {entry.store}.")


def refuse_unknown(name: str, magic: str, source: str) -> None:
    """Refuse what nobody noted the start of, and what is no tool's: nothing else is run because a file says so.

    Raises
    ------
    JobError
        Which of the two it is.
    """
    if magic and tool_of_magic(magic) is None:
        raise JobError(f"{name} was started by %{magic}, which is no magic that runs jobs.")
    if not magic and not source.strip():
        raise JobError(f"Nobody noted the cell that started {name}.", "Run it again.")
