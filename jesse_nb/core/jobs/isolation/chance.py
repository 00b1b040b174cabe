"""Chance, such that a run has the same each time: every source of it is derived from the run's key.

A strategy that draws without a seed would have another result at each run, filed under the same key. Seeded by the key
it has one, which differs from that of any other parameters as much as a draw of its own would. What is seeded: the
module ``random`` and unseeded ``random.Random()``; ``numpy.random`` and unseeded ``default_rng()``, ``RandomState()``,
``SeedSequence()``; ``os.urandom``, ``os.getrandom``, and what rests on them: ``secrets``, ``uuid.uuid4()``,
``random.SystemRandom``, Numba's generators.

For a process whose every run is seeded so: nothing is put back.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import uuid
from typing import Any

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module

__all__ = ["seed_chance"]

_SEED_BYTES = 16
_seed = random.Random.seed


class _Entropy:
    """Bytes without end, derived from a key."""

    def __init__(self, key: str) -> None:
        self._blocks = (hashlib.blake2b(f"{key} {number}".encode()).digest() for number in itertools.count())
        self._left = b""

    def read(self, count: int, flags: int = 0) -> bytes:
        """Return the next bytes; ``flags`` are those of ``os.getrandom``, and change nothing."""
        while len(self._left) < count:
            self._left += next(self._blocks)
        answer, self._left = self._left[:count], self._left[count:]
        return answer

    def bits(self, count: int) -> int:
        """Return a number of ``count`` random bits, as ``secrets.randbits``."""
        return int.from_bytes(self.read(-(-count // 8)), "little") >> (-count % 8)


def seed_chance(key: str) -> None:
    """Derive all chance of this process from a key, from now on."""
    entropy = _Entropy(key)
    for owner, name in ((os, "urandom"), (os, "getrandom"), (random, "_urandom")):
        if hasattr(owner, name):
            setattr(owner, name, entropy.read)
    _seed_random(entropy)
    np.random.bit_generator.randbits = entropy.bits  # type: ignore[attr-defined]  # what unseeded generators ask
    np.random.seed(entropy.bits(32))
    # Jesse numbers orders and lines of its log by uuid4(): how many of them there are must not matter to a strategy.
    numbers = itertools.count()
    helpers: Any = jesse_module("jesse.helpers")
    helpers.generate_unique_id = lambda: str(uuid.UUID(int=next(numbers), version=4))


def _seed_random(entropy: _Entropy) -> None:
    def seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
        _seed(self, entropy.bits(8 * _SEED_BYTES) if a is None else a, version)

    random.Random.seed = seeded  # type: ignore[method-assign]
    random.seed = random._inst.seed  # the module's functions belong to one instance
    random.seed()
