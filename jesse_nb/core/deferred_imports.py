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
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

__all__ = ["defer_package", "deferred"]

Function = Callable[..., Any]


@contextmanager
def deferred(modules: Mapping[str, Mapping[str, Function | None]], load: Callable[[str], ModuleType]) -> Iterator[None]:
    """Give those who import one of the modules meanwhile a stand-in for it.

    ``import name as other`` and ``from parent import name`` import nothing then. What is taken out of the module
    at once (``from name import something``) makes it the real import, unless it is one of the functions named here.
    The first real import ends it all: it must not meet any stand-in.

    Parameters
    ----------
    modules
        Names of modules, each with the functions (or classes that are only called) which are stood in for, too: by
        what is given, as long as the block lasts, or, for None, by a function that calls the real one. Modules that
        are imported already stay as they are.
    load
        Does the real import and returns the module.
    """
    stand_ins: dict[str, _StandIn] = {}
    for name in modules:
        if name not in sys.modules:
            stand_ins[name] = _StandIn(name, modules[name], load, stand_ins)
    for name, stand_in in stand_ins.items():
        parent, _, child = name.rpartition(".")
        if parent in stand_ins:
            vars(stand_ins[parent])[child] = stand_in
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        _end(stand_ins)


def _end(stand_ins: Mapping[str, _StandIn]) -> None:
    for name, stand_in in stand_ins.items():
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        for function in stand_in._given:
            vars(stand_in).pop(function, None)


class _StandIn(ModuleType):
    """Stands where a module was imported; asked for anything, it imports the module and asks that."""

    _real: ModuleType | None
    _given: Mapping[str, Function]

    def __init__(self, name: str, functions: Mapping[str, Function | None], load: Callable[[str], ModuleType],
                 all_of_them: Mapping[str, _StandIn]) -> None:
        super().__init__(name)
        given = {function: stand_in for function, stand_in in functions.items() if stand_in is not None}
        vars(self).update(_load=load, _all_of_them=all_of_them, _given=given, _real=None, __path__=_Path(self))
        for function in functions:
            vars(self)[function] = given.get(function) or _later(self, function)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real(), name)

    def __dir__(self) -> list[str]:
        return dir(self.real())

    def real(self) -> ModuleType:
        if self._real is None:
            _end(self._all_of_them)
            self._real = self._load(self.__name__)
        return self._real


class _Path:
    """The ``__path__`` of a stand-in: every import looks whether there is one, few look into it."""

    def __init__(self, stand_in: _StandIn) -> None:
        self._stand_in = stand_in

    def __iter__(self) -> Iterator[str]:
        return iter(getattr(self._stand_in.real(), "__path__", ()))


def _later(stand_in: _StandIn, name: str) -> Function:
    def function(*arguments: Any, **named: Any) -> Any:
        return getattr(stand_in.real(), name)(*arguments, **named)

    function.__name__ = function.__qualname__ = name
    function.__module__ = stand_in.__name__
    return function


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
