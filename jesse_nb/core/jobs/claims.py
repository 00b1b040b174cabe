"""Which runs are this job's to simulate, where several kernels share a run store.

A run is simulated by whoever holds its claim; the others wait for its record. A claim ends with
the kernel that holds it, so nobody waits for one that was killed.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable

from jesse_nb.core.jobs.outcome import Outcome, Question, known_outcome
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.exceptions import StorageError

__all__ = ["Claims"]

#: Seconds between two looks at what the others have finished.
_INTERVAL = 0.1


class Claims:
    """One job's claims; every run is its own where the store is not shared, or cannot be reached.

    Parameters
    ----------
    store
        Where finished runs are kept.
    patience
        Seconds after which a run that is still with another kernel, which may be suspended, is simulated here too;
        None for never.
    """

    def __init__(self, store: RunStore, patience: float | None) -> None:
        self._store = store
        self._patience = math.inf if patience is None else patience
        self._held: set[str] = set()
        self._elsewhere: list[tuple[Question, float]] = []
        self._next_look = 0.0

    def take(self, question: Question) -> bool:
        """Claim a run; when it is another kernel's, :meth:`look` tells what becomes of it."""
        if not self._store.shared:
            return True
        try:
            finished, ours = self._sorted([question])
        except StorageError:
            return True
        if not ours:
            # What has finished this very moment is not waited for.
            self._elsewhere.append((question, time.monotonic()))
            self._next_look = 0.0 if finished else self._next_look
        return bool(ours)

    def look(self) -> tuple[list[tuple[Question, Outcome]], list[Question]]:
        """Return what others have finished by now, and what they have given up, so that it is to be simulated here."""
        now = time.monotonic()
        if not self._elsewhere or now < self._next_look:
            return [], []
        self._next_look = now + _INTERVAL
        waiting = [question for question, _ in self._elsewhere]
        try:
            finished, ours = self._sorted(waiting)
        except StorageError:
            finished, ours = [], waiting
        settled = {question.key for question, _ in finished} | {question.key for question in ours}
        ours += [question for question, since in self._elsewhere
                 if question.key not in settled and now - since > self._patience]
        settled |= {question.key for question in ours}
        self._elsewhere = [entry for entry in self._elsewhere if entry[0].key not in settled]
        return finished, ours

    def release(self, keys: Iterable[str]) -> None:
        """Give up what is held of these."""
        held = self._held.intersection(keys)
        self._held -= held
        with contextlib.suppress(StorageError):  # the connection has ended, and all claims with it
            self._store.release(held)

    def release_all(self) -> None:
        """Give up everything, and wait for nothing any more."""
        self._elsewhere.clear()
        self.release(tuple(self._held))

    def _sorted(self, questions: list[Question]) -> tuple[list[tuple[Question, Outcome]], list[Question]]:
        """Return which have an answer, and which of the others are ours now.

        Asked for in this order: a run is kept before its claim is released, so one that can be claimed and is not
        there is with nobody. What is there may also be unreadable, or was stopped where this question lets it go on.
        """
        keys = [question.spec.key for question in questions]
        claimed = self._store.claim(keys)
        self._held |= claimed
        there = self._store.which_finished(keys)
        known = [(question, outcome) for question in questions if question.spec.key in there
                 and (outcome := known_outcome(self._store, question)) is not None]
        answered = {question.key for question, _ in known}
        ours = [question for question in questions if question.key not in answered and question.spec.key in claimed]
        self.release(claimed - {question.spec.key for question in ours})
        return known, ours
