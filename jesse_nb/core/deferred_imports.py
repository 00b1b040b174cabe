"""Imports that wait until somebody uses what they bring.

Jesse imports several packages that few backtests use, and they take most of the
time of its import. Here such an import gives a stand-in, or a package that has
not run its own code yet; the first use of one of its names does the real import.
Once the import that was sped up is over, ``sys.modules`` holds no stand-in, so
everybody else imports the real thing.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

__all__ = ["defer_package", "deferred"]


@contextmanager
def deferred(names: Iterable[str], load: Callable[[str], ModuleType]) -> Iterator[None]:
    """Give those who import one of the modules meanwhile a stand-in for it.

    ``import name as other`` and ``from parent import name`` import nothing then. A name that is taken out of the
    module at once (``from name import something``) makes it the real import.

    Parameters
    ----------
    names
        Modules. Those that are imported already stay as they are.
    load
        Does the real import and returns the module.
    """
    stand_ins = {name: _StandIn(name, load) for name in names if name not in sys.modules}
    for name, stand_in in stand_ins.items():
        parent, _, child = name.rpartition(".")
        if parent in stand_ins:
            vars(stand_ins[parent])[child] = stand_in
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for stand_in in stand_ins.values():
            stand_in.leave()


class _StandIn(ModuleType):
    """Stands where a module was imported; asked for anything, it imports the module and asks that."""

    def __init__(self, name: str, load: Callable[[str], ModuleType]) -> None:
        super().__init__(name)
        vars(self)["_load"] = load

    def __getattr__(self, name: str) -> Any:
        self.leave()
        return getattr(self._load(self.__name__), name)

    def __dir__(self) -> list[str]:
        self.leave()
        return dir(self._load(self.__name__))

    def leave(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def defer_package(name: str, whole: Callable[[], AbstractContextManager[Any]]) -> None:
    """Let a package's submodules be imported without the package's own code.

    That code runs when the package is asked for a name that it has not got, so ``from package import name`` means
    what it always did.

    Parameters
    ----------
    name
        The package. If it is imported already, it stays as it is.
    whole
        Entered while the package's own code runs; it lets in one thread at a time.
    """
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    assert spec is not None
    package = importlib.util.module_from_spec(spec)
    package.__class__ = _DeferredPackage
    vars(package)["_deferred"] = _Deferred(whole)
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)


class _Deferred:
    """What a package must remember until its own code has run."""

    def __init__(self, whole: Callable[[], AbstractContextManager[Any]]) -> None:
        self.whole = whole
        self.running = False
        self.submodules: dict[str, ModuleType] = {}


class _DeferredPackage(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # those who look through sys.modules ask for such
            raise AttributeError(name)
        _finish(self)
        try:
            return vars(self)[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        # The package's own code may give a submodule's name to a function, and nobody must find the submodule there.
        deferred = vars(self).get("_deferred")
        if deferred is not None and not deferred.running and isinstance(value, ModuleType):
            deferred.submodules[name] = value
        else:
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        _finish(self)
        return list(vars(self))


def _finish(package: ModuleType) -> None:
    """Run a package's own code, unless that was done or this thread is doing it."""
    deferred = vars(package).get("_deferred")
    if deferred is None:
        return
    with deferred.whole():
        if deferred.running or "_deferred" not in vars(package):
            return
        deferred.running = True
        vars(package).update(deferred.submodules)
        try:
            package.__spec__.loader.exec_module(package)  # type: ignore[union-attr]
        finally:
            deferred.running = False  # when it failed, the next one tries again
        package.__class__ = ModuleType
        del vars(package)["_deferred"]
