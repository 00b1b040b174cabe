"""Which line of the strategy's own code is at work."""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from types import FrameType

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.strategies.local_modules import is_local_file, is_local_module

__all__ = ["own_line"]

#: Parts of Jesse that strategies call as a library: what these do, the strategy does.
_LIBRARY = ("helpers.py", "utils.py", "indicators")

_READING = ("os", "_collections_abc")

#: What these ask is for their own books: the time of a line of a log, the number of processors, how long a fit took.
_BOOKKEEPING = ("logging", "joblib", "sklearn", "threadpoolctl", "statsmodels", "numba", "tqdm", "lightgbm", "xgboost")

_frame = sys._getframe
_OURS = str(Path(__file__).parents[3])
_PATCHES = (str(Path(__file__).parent), str(Path(_OURS) / "core" / "simulator" / "fast" / "lookups.py"),
            str(Path(_OURS) / "core" / "deferred_imports.py"))
_CANDLES = str(Path(_OURS) / "core" / "candles")
_TO_PLAY_WITH = str(Path(_OURS) / "quickstart.py")


def own_line(through: Collection[str] = ("library",)) -> int | None:
    """Return the line of the strategy's code that has led to this call; None where it has not.

    Parameters
    ----------
    through
        Whose code may be between: ``reading`` are the modules that stand before the environment, ``library`` is all
        that is installed, ``jesse`` what Jesse does of itself, such as taking the time that a run needs, and
        ``bookkeeping`` packages that ask for their own books, too. What is asked while a package is imported never
        counts: no decision of a strategy's can be in it.
    """
    frame: FrameType | None = _frame(2)
    while frame is not None:
        whose = _whose(frame)
        if whose == "own":
            return frame.f_lineno
        if whose != "patch" and whose not in through:
            return None
        frame = frame.f_back
    return None


def _whose(frame: FrameType) -> str:
    file = frame.f_code.co_filename
    if file.startswith("<") and not file.startswith(("<strategy ", "<frozen ")):
        module = sys.modules.get(frame.f_globals.get("__name__", ""))  # made by exec(): dataclasses, or a cell
        installed = module is not None and module.__name__ != "__main__" and not is_local_module(module)
        return "library" if installed else "own"
    return _whose_file(file)


@lru_cache(maxsize=4096)
def _whose_file(file: str) -> str:
    if file.startswith("<strategy ") or file == _TO_PLAY_WITH:
        return "own"
    if Path(file).name in (*(f"{name}.py" for name in _READING), *(f"<frozen {name}>" for name in _READING)):
        return "reading"
    if file.startswith("<"):
        return "import" if file.startswith("<frozen importlib") else "library"
    jesse = Path(str(jesse_module("jesse").__file__)).parent
    if Path(file).is_relative_to(jesse):
        return "library" if Path(file).relative_to(jesse).parts[0] in _LIBRARY else "jesse"
    if file.startswith(_CANDLES):
        return "library"  # a strategy that reads stored candles by itself reads those of later, too
    if file.startswith(_OURS):
        return "patch" if file.startswith(_PATCHES) else "ours"  # which is how a run is made
    if is_local_file(file):
        return "own"
    return "bookkeeping" if any(part in _BOOKKEEPING for part in Path(file).parts[-4:-1]) else "library"
