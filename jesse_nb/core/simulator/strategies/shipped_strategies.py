"""Strategies shipped to a machine that does not have the user's files.

A worker on this machine imports a strategy's local modules from where they are. For one
elsewhere their source travels along, and is laid out there in a folder of its own. The
digests of a :class:`~jesse_nb.core.simulator.strategies.strategy.StrategyCode` hold there as here:
a module that was edited since is refused.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from jesse_nb.core.simulator.strategies.local_modules import module_files
from jesse_nb.core.simulator.strategies.strategy import StrategyCode

__all__ = ["ShippedStrategy", "ship_strategy"]


@dataclass(frozen=True)
class ShippedStrategy:
    """A strategy together with its local modules.

    Attributes
    ----------
    code
        The strategy; its folders are those of the machine that it comes from.
    files
        Content of each file, by its path below the folder that is to be searched.
    """

    code: StrategyCode
    files: tuple[tuple[str, bytes], ...]

    def unpack(self, root: Path) -> StrategyCode:
        """Lay the files out in a folder below ``root``, once, and return the strategy that imports them from there."""
        if not self.files:
            return replace(self.code, search=())
        folder = root / self._digest()
        if not folder.exists():
            made = root / f".{uuid4().hex}"
            for name, content in self.files:
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                (made / name).write_bytes(content)
            made.rename(folder)
        return replace(self.code, search=(str(folder),), project=str(folder) if self.code.project else "")

    def _digest(self) -> str:
        content = hashlib.blake2b(digest_size=16)
        for name, data in self.files:
            for part in (name.encode(), data):
                content.update(len(part).to_bytes(8, "little") + part)
        return content.hexdigest()


def ship_strategy(code: StrategyCode) -> ShippedStrategy:
    """Read the local modules of a strategy."""
    return ShippedStrategy(code, tuple(sorted(dict(_files(code)).items())))


def _files(code: StrategyCode) -> Iterator[tuple[str, bytes]]:
    roots = [*([code.project] if code.project else []), *code.search, *sys.path]
    for name, _ in code.modules:
        for path, file in module_files(name, roots):
            yield path, file.read_bytes()
