"""Proposals of earlier searches, kept so that a study that has finished is repeated without its sampler.

A proposal is decided by the sampler's settings and by all it was told before. It is kept under a hash of
exactly these, of the packages that compute it and of our own code around them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.exceptions import StorageError

__all__ = ["ProposalCache"]

_PACKAGES = ("optuna", "numpy", "scipy", "cmaes", "scikit-learn")

#: Our modules that have a part in a proposal, with this one.
_OUR_CODE = ("jesse_nb.core.study.dimension", "jesse_nb.core.study.metric", "jesse_nb.core.study.space",
             "jesse_nb.core.tools.optimize.gaussian_process", "jesse_nb.core.tools.optimize.samplers",
             "jesse_nb.core.tools.optimize.search", __name__)


class ProposalCache:
    """The proposals of one search, in order.

    Parameters
    ----------
    store
        Where they are kept; None keeps none.
    settings
        All that decides the proposals but what is told on the way; plain values. What is missing here
        and in :meth:`told` would give one search the proposals of another.
    """

    def __init__(self, store: RunStore | None, settings: Any) -> None:
        self._state = b""
        surroundings = _surroundings()
        self._store = None if surroundings is None else store
        self._go_on("settings", surroundings, settings)

    def told(self, *facts: Any) -> None:
        """Note what the sampler is told before the next proposal."""
        self._go_on("told", facts)

    def recall(self) -> dict[str, Any] | None:
        """Return the next proposal, or None when nobody had it yet."""
        if self._store is None:
            return None
        with contextlib.suppress(StorageError):
            found = self._store.noted(self._key)
            if isinstance(found, dict):
                self._go_on("asked")
                return found
        return None

    def keep(self, params: dict[str, Any]) -> None:
        """Keep the proposal that :meth:`recall` did not have."""
        if self._store is not None and repr(json.loads(json.dumps(params))) == repr(params):
            with contextlib.suppress(StorageError):
                self._store.note(self._key, params)
        self._go_on("asked")

    @property
    def _key(self) -> str:
        return f"proposal {self._state.hex()}"

    def _go_on(self, *facts: Any) -> None:
        self._state = hashlib.blake2b(self._state + json.dumps(facts, default=repr).encode(), digest_size=16).digest()


@cache
def _surroundings() -> list[str] | None:
    """Return versions of all code that has a part in a proposal; None when our own cannot be read."""
    found = [platform.python_version()]
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    files = [getattr(find_spec(name), "origin", None) or "" for name in _OUR_CODE]
    try:
        return found + [hashlib.blake2b(Path(file).read_bytes(), digest_size=16).hexdigest() for file in files]
    except OSError:
        return None
