"""The one door to Jesse: importing it without a database, a project or a side effect.

Left to itself, ``import jesse`` inside a folder that has ``strategies/`` and
``storage/`` opens a PostgreSQL connection and ends the whole process when
``.env`` is missing; elsewhere it puts the working directory on ``sys.path``,
switches matplotlib to Agg, silences every warning of the process and, beside
JupyterLab, spends seconds compiling a grammar that nothing here uses. All of
that is kept out here, so a kernel can import Jesse anywhere.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from jesse_nb.core.deferred_imports import defer_package, deferred
from jesse_nb.exceptions import MissingPartError

__all__ = ["CACHE_PREFIX", "guard_imports", "jesse_module", "jesse_version", "nothing_slow", "ray_module",
           "remove_cache_folder", "strategy_class", "unimported"]

_import_lock = threading.RLock()
_careful = False  # who holds the lock is importing Jesse already

#: Imported by Jesse through ray and jsonschema once JupyterLab is installed; costs 4 to 7 seconds.
_SLOW_AND_UNUSED = "rfc3987_syntax"

#: Imported by Jesse for a function or two of its own each, at three quarters of the time that all of it takes: modules,
#: with what Jesse takes out of them while it is imported. Agg is not chosen, as that would be undone afterwards.
_SELDOM_USED: dict[str, dict[str, Any]] = {
    "statsmodels": {}, "statsmodels.api": {},  # of utils.calculate_alpha_beta
    "scipy.stats": {"gaussian_kde": None}, "scipy.signal": {"argrelextrema": None},  # of five indicators
    "jesse.research.ml": {"load_ml_model": None},  # of Strategy.load_ml_model; brings scikit-learn
    "matplotlib": {"use": lambda backend: None}, "matplotlib.pyplot": {}, "matplotlib.dates": {},
    "matplotlib.ticker": {}, "matplotlib.colors": {"TwoSlopeNorm": None},  # of the pictures of a backtest
}

#: Holds ``backtest``, and imports ray, Optuna and matplotlib for what else is in it.
_RESEARCH = "jesse.research"

#: Where Jesse keeps its cache; without it, ``storage/temp`` appears in the working directory.
#: Of the temporary folders, before the number of the process that made each: one that is killed leaves it behind.
CACHE_PREFIX = "jesse-nb-cache-"

_CACHE_SETTING = "JESSE_CACHE_DIR"

#: The one that this process, or the one that it was forked from, made, and the number of that process.
_cache_folders: dict[str, int] = {}


@cache
def jesse_version() -> str:
    """Return the installed Jesse's version, without importing it.

    Raises
    ------
    MissingPartError
        When Jesse is not installed.
    """
    try:
        return version("jesse")
    except PackageNotFoundError:
        raise MissingPartError("Jesse is not installed.",
                               "Run `python -m pip install 'jesse>=3.5,<3.6'`.") from None


def jesse_module(name: str) -> ModuleType:
    """Import ``name`` (``"jesse"`` or a module below it) safely and return it.

    The first call takes one to three seconds. It writes nothing, connects to
    nothing and leaves the interpreter's settings as they were.
    """
    with _import_lock:
        if name not in sys.modules:
            jesse_version()
            with _without_side_effects(), deferred(_SELDOM_USED, _whole_module):
                defer_package(_RESEARCH, _without_side_effects)
                importlib.import_module(name)
        return sys.modules[name]


def strategy_class() -> type[Any]:
    """Return ``jesse.strategies.Strategy``, the base class of every strategy."""
    return jesse_module("jesse.strategies").Strategy  # type: ignore[no-any-return]


#: Names that every strategy uses and nobody wants to import, and what they stand for.
_OFFERED: dict[str, Callable[[], Any]] = {
    "Strategy": lambda: strategy_class(), "ta": lambda: jesse_module("jesse.indicators"),
    "utils": lambda: jesse_module("jesse.utils"),
}


def unimported(names: Container[str]) -> dict[str, Any]:
    """Return those of ``names`` that a strategy has without importing them: ``Strategy``, ``ta`` and ``utils``."""
    return {name: load() for name, load in _OFFERED.items() if name in names}


def _whole_module(name: str) -> ModuleType:
    with _without_side_effects():
        return importlib.import_module(name)


@contextmanager
def _without_side_effects() -> Iterator[None]:
    """Keep out of an import all that Jesse's would do besides."""
    global _careful
    with _import_lock:
        before, _careful = _careful, True
        try:
            with _unchanged_interpreter(), nothing_slow(), _no_project(), _own_cache_folder():
                yield
        finally:
            _careful = before


def guard_imports() -> Callable[[], None]:
    """Import Jesse safely from now on, whoever asks for it first; what is returned ends that.

    For a kernel: ``from jesse.strategies import Strategy`` is the first line of most strategies. Where a ``.env`` is,
    Jesse is left to itself, since ``research.get_candles`` and the like need what it reads then.
    """
    finder = _CarefulFinder()
    sys.meta_path.insert(0, finder)

    def end() -> None:
        with suppress(ValueError):
            sys.meta_path.remove(finder)

    return end


class _CarefulFinder(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "jesse" or Path(".env").exists() or "JESSE_ENV_FILE" in os.environ:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _CarefulLoader(spec.loader)
        return spec


class _CarefulLoader(Loader):
    """Imports the harmless top of Jesse, and then, safely, what is beneath it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        spec.loader = module.__loader__ = self._loader  # as if nobody had been here
        self._loader.exec_module(module)
        # Another thread that imports Jesse safely may be waiting for this very module: waiting for it would never end.
        if not _import_lock.acquire(blocking=False):
            return
        try:
            if not _careful:
                jesse_module("jesse.research.backtest")
                strategy_class()
        finally:
            _import_lock.release()


def ray_module() -> ModuleType:
    """Import Ray, which Jesse brings, and return it; for what connects to a cluster.

    It takes half a second, and leaves the interpreter's settings as they were.
    """
    jesse_version()
    return _whole_module("ray")


@contextmanager
def _no_project() -> Iterator[None]:
    """Make Jesse believe that the working directory is no Jesse project while it is imported."""
    helpers: Any = importlib.import_module("jesse.helpers")  # itself free of side effects
    asked = helpers.is_jesse_project
    helpers.is_jesse_project = lambda: False
    try:
        yield
    finally:
        helpers.is_jesse_project = asked


def remove_cache_folder() -> None:
    """Remove this process's folder for Jesse's cache, if it made one; what forked from it uses the same."""
    for folder, maker in _cache_folders.items():
        if maker == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _own_cache_folder() -> Iterator[None]:
    """Keep Jesse's pickle cache, made at import, out of the user's folder; nobody else writes to ours."""
    if _CACHE_SETTING in os.environ:
        yield
        return
    if not _cache_folders:
        _cache_folders[tempfile.mkdtemp(prefix=f"{CACHE_PREFIX}{os.getpid()}-")] = os.getpid()
        atexit.register(remove_cache_folder)
    os.environ[_CACHE_SETTING] = next(iter(_cache_folders))
    try:
        yield
    finally:
        del os.environ[_CACHE_SETTING]


@contextmanager
def nothing_slow() -> Iterator[None]:
    """Leave out, while something is imported, what takes seconds and is not used."""
    blocked = _SLOW_AND_UNUSED not in sys.modules
    if blocked:
        sys.modules[_SLOW_AND_UNUSED] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if blocked:
            sys.modules.pop(_SLOW_AND_UNUSED, None)


@contextmanager
def _unchanged_interpreter() -> Iterator[None]:
    path, directory, hook = list(sys.path), Path.cwd(), sys.excepthook
    try:
        with warnings.catch_warnings(), _unchanged_matplotlib_backend():
            yield
    finally:
        sys.path[:] = path
        sys.excepthook = hook  # ray, which Jesse imports, puts its own in place
        if Path.cwd() != directory:
            os.chdir(directory)


@contextmanager
def _unchanged_matplotlib_backend() -> Iterator[None]:
    """Restore the backend that Jesse's import replaces by Agg.

    ``rcParams["backend"]`` would resolve an automatic backend by importing
    pyplot; the underlying mapping tells without resolving.
    """
    before = os.environ.get("MPLBACKEND")
    matplotlib = sys.modules.get("matplotlib")
    chosen = dict.get(matplotlib.rcParams, "backend") if matplotlib else None
    drawing = getattr(sys.modules.get("matplotlib.pyplot"), "_backend_mod", None)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("MPLBACKEND", None)
        else:
            os.environ["MPLBACKEND"] = before
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None:
        return
    if chosen is None:
        chosen = before or matplotlib.rcsetup._auto_backend_sentinel
    dict.__setitem__(matplotlib.rcParams, "backend", chosen)
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot._backend_mod = drawing  # None: decided at the first figure, from the restored setting
