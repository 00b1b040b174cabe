"""Words after `%jobs` and `jesse-nb jobs`, and what the journal may hold."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from jesse_nb.cli.jobs import jobs_command
from jesse_nb.cli.parser import JOB_ACTIONS, parse_command_line
from jesse_nb.core.jobs.journal import Journal, JournalEntry
from jesse_nb.core.jobs.store import default_store
from jesse_nb.core.tools.declaration.parameter import MAGIC
from jesse_nb.exceptions import JesseNbError
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.jobs import JobsMagics

#: Never this process's, nor one that is there.
_GONE = 2**22 + 5

_TITLES = [one.name for one in fields(JournalEntry)
           if one.type in ("str", "str | None") and one.name not in ("job", "tag", "state")]


class JobCalls:
    """`jobs` on both surfaces, with notes of jobs that others left."""

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        shell = InteractiveShell(config=config)
        shell.display_pub = CapturingDisplayPublisher()
        shell.set_next_input = lambda text: None
        self._magics = JobsMagics(shell, JesseNb(parent=shell))
        self._journal = Journal()

    def draw(self, random: Random, surface: str, texts: Sequence[str]) -> None:
        """Make some notes, and ask for them."""
        with contextlib.suppress(OSError):
            for file in self._journal.folder.glob("*.json"):
                file.unlink()
        ids = [self._note(number, random, texts) for number in range(random.randint(0, 3))]
        words = [random.choice([*JOB_ACTIONS, random.choice(texts)])]
        words += [random.choice([*ids, *(name[:-5] for name in ids), random.choice(texts)])
                  for _ in range(random.choice([0, 1, 1, 1, 2]))]
        words += ["--all"] * (random.random() < 0.2)
        with contextlib.redirect_stdout(io.StringIO()):
            if surface == MAGIC:
                found = self._magics.jobs(" ".join(map(shlex.quote, words)))
                assert found is None or (repr(found) and found._repr_html_())
                return
            try:
                options = parse_command_line(["jobs", *words])
            except SystemExit as end:  # --help
                raise JesseNbError("help was asked for") from end
            assert jobs_command(options, lambda words: 0) == 0

    def _note(self, number: int, random: Random, texts: Sequence[str]) -> str:
        state = random.choice(["running", "finished", "failed", "cancelled"])
        values: dict[str, Any] = {
            "magic": random.choice(["", "optimize"]), "line": "-t 1h", "source": "!jesse-nb optimize s.py",
            "folder": str(Path.cwd()), "store": str(default_store()), "detached": random.random() < 0.5,
            **{name: random.choice(texts)[:500] for name in random.sample(_TITLES, random.randint(0, 3))},
        }
        settings = {name: random.choice([1, -1.5, None, "x", [1], {}])
                    for name in random.sample(["fee", "market", "leverage", "odd", ""], random.randint(0, 2))}
        entry = JournalEntry(**{"job": f"optimize-{number}", "kind": "optimize", "title": "Trend", "state": state,
                                "tag": "ab12", "process": _GONE, "settings": settings, **values})
        self._journal.write(entry)
        file = self._journal.folder / f"{entry.id}.json"
        if random.random() < 0.2:
            os.truncate(file, random.randrange(file.stat().st_size))
        return entry.id
