"""The project's earlier runs on the days of a search: each look at them makes luck likelier to be found."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable
from typing import Any

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.exceptions import StorageError

__all__ = ["PriorRuns"]


class PriorRuns:
    """The runs on a search's days that were there when it began.

    Parameters
    ----------
    store
        Where the project's runs are.
    spec
        Whose symbols and period they share.
    """

    def __init__(self, store: RunStore, spec: BacktestSpec) -> None:
        self._store = store
        self._spec = spec
        self._before = time.time()

    def pin_first_run(self, kind: str, decides: Any) -> None:
        """Count what was there when this very search was called for the first time that it was finished.

        So it says the same whenever it is called again. One that the run store answers although it never was made,
        as a shorter study after a longer one, is new: whoever asks for it has seen the other.

        Parameters
        ----------
        kind
            Of search.
        decides
            All that decides its result, as JSON or as text.
        """
        key = f"{kind} {hashlib.blake2b(json.dumps(decides, default=str).encode(), digest_size=16).hexdigest()}"
        with contextlib.suppress(StorageError):
            found = self._store.noted(key)
            if isinstance(found, float):
                self._before = min(found, self._before)
            else:
                self._store.note(key, self._before)

    def count(self, own: Iterable[str]) -> tuple[int, list[str]]:
        """Return how many there are, and a remark where they cannot be counted.

        Parameters
        ----------
        own
            Keys of the search's own runs, which do not count.
        """
        try:
            return self._store.count_same_data(self._spec, self._before, own), []
        except StorageError as error:
            return 0, [f"How often this project had looked at the same data could not be counted: {error}"]
