"""Which runs are this job's to simulate, where several kernels share a run store.

A run is simulated by whoever holds its claim; the others wait for its record. A claim ends with
the kernel that holds it, so nobody waits for one that was killed.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec
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
        self._elsewhere: dict[str, tuple[BacktestSpec, float]] = {}
        self._next_look = 0.0

    def take(self, spec: BacktestSpec) -> bool:
        """Claim a run; when it is another kernel's, :meth:`look` tells what becomes of it."""
        if not self._store.shared:
            return True
        try:
            ours, _ = self._sorted([spec.key])
        except StorageError:
            return True
        if not ours:
            self._elsewhere[spec.key] = spec, time.monotonic()
        return bool(ours)

    def look(self) -> tuple[list[tuple[BacktestSpec, RunRecord]], list[BacktestSpec]]:
        """Return what others have finished by now, and what they have given up, so that it is to be simulated here."""
        now = time.monotonic()
        if not self._elsewhere or now < self._next_look:
            return [], []
        self._next_look = now + _INTERVAL
        try:
            ours, finished = self._sorted(self._elsewhere)
            records = {key: self._store.get(key) for key in finished}
        except StorageError:
            ours, records = set(self._elsewhere), {}
        ours |= {key for key, record in records.items() if record is None}  # it is there, and cannot be read
        ours |= {key for key, (_, since) in self._elsewhere.items()
                 if key not in records and now - since > self._patience}
        return ([(self._elsewhere.pop(key)[0], record) for key, record in records.items() if record is not None],
                [self._elsewhere.pop(key)[0] for key in sorted(ours)])

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

    def _sorted(self, keys: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return which are ours now, and which have finished.

        Asked for in this order: a run is kept before its claim is released, so one that can be claimed and is not
        there is with nobody.
        """
        keys = list(keys)
        claimed = self._store.claim(keys)
        self._held |= claimed
        finished = set(self._store.which_finished(keys))
        self.release(claimed & finished)
        return claimed - finished, finished
