"""Every finished result of a tool is kept as a whole, under the name that its magic or command gives it."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from jesse_nb.core.record.about import about
from jesse_nb.core.record.classes import home_of
from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.record.labels import Labels
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.exceptions import JesseNbError

__all__ = ["entry_of", "is_result_of", "keep_result", "kept_as", "remember_entry"]

_log = logging.getLogger(__name__)

#: Switches the record off.
_SWITCH = "JESSE_NB_KEEP_RESULTS"
_ENTRY = "_kept_as"


def kept_as(result: Any, kind: str, labels: Labels) -> ResultEntry:
    """Keep a result of a tool.

    Raises
    ------
    StorageError
        When it cannot be kept.
    """
    from importlib.metadata import version

    found = ResultStore().keep(result, about(result, kind, version("jesse-nb")), labels)
    remember_entry(result, found)
    return found


def keep_result(result: Any, tool: Tool, labels: Labels) -> None:
    """Keep the result of a job that has just ended; where that fails, the run is none the worse, and it is said."""
    if os.environ.get(_SWITCH, "").strip() == "0" or not is_result_of(result, tool):
        return
    try:
        kept_as(result, tool.job_kind, labels)
    except JesseNbError as error:
        warnings.warn(f"This result is not in the record. {error}", RuntimeWarning, stacklevel=1)
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost a run of hours
        _log.exception("A result could not be kept")
        warnings.warn(f"This result is not in the record: {type(error).__name__} was raised.", RuntimeWarning,
                      stacklevel=1)


def is_result_of(result: Any, tool: Tool) -> bool:
    """Tell whether a tool gives such results."""
    return any(home_of(base) in tool.results for base in type(result).__mro__)


def remember_entry(result: Any, entry: ResultEntry) -> None:
    """Note with a result what it is kept as; that is no part of it."""
    vars(result)[_ENTRY] = entry


def entry_of(result: Any) -> ResultEntry | None:
    """Return what a result was kept as, or opened from; None when it was neither."""
    found: ResultEntry | None = getattr(result, "__dict__", {}).get(_ENTRY)
    return found
