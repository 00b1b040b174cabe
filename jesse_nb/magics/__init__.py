"""The IPython front end: what ``%load_ext jesse_nb`` adds to a shell."""

from __future__ import annotations

import contextlib
import importlib
import threading
import warnings
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

#: What undoes the loading, by shell.
_undo: dict[int, list[Callable[[], Any]]] = {}


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics, their completion, ``%config JesseNb`` and the progress display of jobs.

    Takes no noticeable time: Jesse is not imported, and the worker processes
    start in the background.
    """
    if id(shell) in _undo:
        return
    from jesse_nb.magics.config import JesseNb

    settings = JesseNb(parent=shell)
    if settings.warm_up:
        from jesse_nb.core.jobs.server import start_server

        # First, as it takes longest: it imports Jesse while all else here is imported. Where it cannot be started,
        # the first job tells why.
        with contextlib.suppress(OSError):
            start_server()

    from jesse_nb.core.jesse_runtime import guard_imports
    from jesse_nb.core.jobs.job import add_watcher
    from jesse_nb.core.tools.trading.asking import use_asker
    from jesse_nb.magics.candles.candles import CandlesMagics
    from jesse_nb.magics.completion import make_matcher
    from jesse_nb.magics.explore import ExploreMagics
    from jesse_nb.magics.jobs import JobsMagics
    from jesse_nb.magics.launches import keep_journal
    from jesse_nb.magics.panel.panel import PanelMagics, follow
    from jesse_nb.magics.results import ResultsMagics
    from jesse_nb.magics.running import stop_quietly
    from jesse_nb.magics.runs import RunsMagics
    from jesse_nb.magics.to_project import ToProjectMagics, ask_in_cell
    from jesse_nb.magics.tools import register_tools
    from jesse_nb.widgets.live.display import watch_job

    configurables: list[Any] = shell.configurables
    configurables.append(settings)
    kinds = (CandlesMagics, ExploreMagics, JobsMagics, PanelMagics, ResultsMagics, RunsMagics,
             ToProjectMagics)
    magics = [kind(shell, settings) for kind in kinds]
    shell.register_magics(*magics)
    methods = register_tools(shell, settings)
    methods |= {name: method for owner in magics for name, method in owner.magics["line"].items()}
    matcher = make_matcher(shell, settings, methods)
    shell.Completer.custom_matchers.append(matcher)
    _undo[id(shell)] = [
        guard_imports(),
        use_asker(ask_in_cell),
        add_watcher(lambda job: watch_job(shell, job)),
        add_watcher(keep_journal(shell, settings)),
        lambda: configurables.remove(settings),
        follow(shell),
        stop_quietly(shell),
        lambda: shell.Completer.custom_matchers.remove(matcher),
        lambda: _remove_magics(shell, list(methods)),
    ]
    # Optuna imports tqdm, which warns where it finds a notebook, and hides that in a way that another thread undoes.
    warnings.filterwarnings("ignore", "Using `tqdm.autonotebook.tqdm` in notebook mode")
    if settings.warm_up:
        threading.Thread(target=_warm_up, daemon=True, name="jesse-nb-load").start()


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take away what :func:`load_ipython_extension` added; jobs that run go on."""
    for undo in _undo.pop(id(shell), []):
        undo()


def _remove_magics(shell: InteractiveShell, names: list[str]) -> None:
    for kind in shell.magics_manager.magics.values():
        for name in names:
            kind.pop(name, None)


def _warm_up() -> None:
    """Import what most cells need, while nobody waits for it.

    Where that fails, nothing is said: the interpreter is about to end and imports no more, or the cell that needs it
    will say it.
    """
    with contextlib.suppress(Exception):
        from jesse_nb.core.jobs.pool import warm_up

        warm_up()
        importlib.import_module("jesse_nb.core.tools.optimize.optimize")
