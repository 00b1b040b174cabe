"""Which runs are this job's to simulate, where several kernels share a run store.

A run is simulated by whoever holds its claim; the others wait for its record. A claim ends with
the kernel that holds it, so nobody waits for one that was killed.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable

from jesse_nb.core.jobs.outcome import RunOutcome, RunRequest, known_outcome
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
        self._elsewhere: list[tuple[RunRequest, float]] = []
        self._next_look = 0.0

    def take(self, request: RunRequest) -> bool:
        """Claim a run; when it is another kernel's, :meth:`look` tells what becomes of it."""
        if not self._store.shared:
            return True
        try:
            finished, ours = self._sorted([request])
        except StorageError:
            return True
        if not ours:
            # What has finished this very moment is not waited for.
            self._elsewhere.append((request, time.monotonic()))
            self._next_look = 0.0 if finished else self._next_look
        return bool(ours)

    def look(self) -> tuple[list[tuple[RunRequest, RunOutcome]], list[RunRequest]]:
        """Return what others have finished by now, and what they have given up, so that it is to be simulated here."""
        now = time.monotonic()
        if not self._elsewhere or now < self._next_look:
            return [], []
        self._next_look = now + _INTERVAL
        waiting = [request for request, _ in self._elsewhere]
        try:
            finished, ours = self._sorted(waiting)
        except StorageError:
            finished, ours = [], waiting
        settled = {request.key for request, _ in finished} | {request.key for request in ours}
        ours += [request for request, since in self._elsewhere
                 if request.key not in settled and now - since > self._patience]
        settled |= {request.key for request in ours}
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

    def _sorted(self, requests: list[RunRequest]) -> tuple[list[tuple[RunRequest, RunOutcome]], list[RunRequest]]:
        """Return which have an answer, and which of the others are ours now.

        Asked for in this order: a run is kept before its claim is released, so one that can be claimed and is not
        there is with nobody. What is there may also be unreadable, or was stopped where this question lets it go on.
        """
        keys = [request.spec.key for request in requests]
        claimed = self._store.claim(keys)
        self._held |= claimed
        there = self._store.which_finished(keys)
        known = [(request, outcome) for request in requests if request.spec.key in there
                 and (outcome := known_outcome(self._store, request)) is not None]
        answered = {request.key for request, _ in known}
        ours = [request for request in requests if request.key not in answered and request.spec.key in claimed]
        self.release(claimed - {request.spec.key for request in ours})
        return known, ours
