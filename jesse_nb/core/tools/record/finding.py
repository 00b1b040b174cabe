"""Results that were kept: opened, named anew, deleted, listed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from jesse_nb.core.calls import well_named
from jesse_nb.core.jobs.store import RunStore, default_store, is_there
from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.record.files import ENDING, read_entry
from jesse_nb.core.record.labels import labels_of
from jesse_nb.core.record.result_store import ResultStore, open_result
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.record.keeping import entry_of, is_result_of, kept_as, remember_entry
from jesse_nb.core.tools.registry import TOOLS
from jesse_nb.exceptions import InputError, StorageError, shown

__all__ = ["deleted_text", "forget", "keep", "kept_behind", "kind_of", "load"]

#: Digits of a key that are shown.
_SHORT = 8


@well_named
def load(result: str | Path) -> Any:
    """Return a result as it was when it was kept, with nothing run.

    All that it says, shows and computes is what the original did. What takes the strategy's code (simulating again,
    opening sealed days) asks for it, as it does of any result that outlived its kernel: a record keeps no code that
    is run.

    Parameters
    ----------
    result
        The name that it was kept under (the newest of that name), the first digits of its key, or of a simulation's
        key as ``%runs`` shows it; or a record's file.

    Raises
    ------
    InputError
        When nothing is called so, or several keys begin so.
    StorageError
        When the record is damaged, or was written by a newer jesse_nb.

    Examples
    --------
    >>> study = jn.optimize(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", n_trials=4)
    >>> entry = jn.keep(study, "first try", tags=["trend"])
    >>> jn.load("first try").best_params == study.best_params
    True
    """
    if not isinstance(result, str | Path) or not str(result).strip():
        raise InputError.of("result", f"is {shown(result)}.", "It is a name, the first digits of a key, or a file.")
    if str(result).endswith(ENDING):
        path = Path(result).expanduser()
        return _remembered(open_result(path, _modules()), read_entry(path))
    store, word = ResultStore(), str(result).strip()
    entry = store.find(word)
    if entry is None:
        run = _stored_run(word)
        return run if run is not None else store.named(word)
    return _remembered(store.open(entry.key, _modules()), entry)


@well_named
def keep(result: Any, name: str = "", *, tags: str | Iterable[str] = (), note: str = "") -> ResultEntry:
    """Keep a result, or call one anew that is kept.

    Results of tools are kept by themselves as soon as they have finished, under the name of the variable that
    ``-o`` gives them. This gives one a name in plain Python, adds tags, or keeps what a stopped job had.

    Parameters
    ----------
    result
        Of a tool; or the name or key of one that is kept.
    name
        The newest of a name is what :func:`load` opens.
    tags
        Added to those that it has.
    note
        In place of the one that it has.

    Raises
    ------
    InputError
        When it is no result, or nothing is called so.
    StorageError
        When it cannot be kept.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> jn.keep(result, "baseline", tags="trend", note="before the new stop").tags
    ('trend',)
    """
    labels = labels_of(name, tags, note)
    store = ResultStore()
    entry = store.named(result) if isinstance(result, str) else entry_of(result)
    if entry is not None and store.find(entry.key) is not None and entry.name in ("", labels.name):
        return _relabelled(result, store.label(entry.key, labels))
    if isinstance(result, str):
        assert entry is not None
        return store.label(entry.key, labels)
    kind = kind_of(result)
    if not kind:
        raise InputError(f"The result is {type(result).__name__}, which is no tool's.",
                         "Give what backtest, optimize, walk_forward, … returned.", argument="result")
    return kept_as(result, kind, labels)


@well_named
def forget(*results: str) -> tuple[ResultEntry, ...]:
    """Delete results from the record; finished simulations stay in the run store.

    Parameters
    ----------
    *results
        The name or the first digits of the key of each.

    Returns
    -------
    tuple of ResultEntry
        What was known of those that are gone.

    Raises
    ------
    InputError
        When nothing is called so, or several are: then nothing is deleted.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> [gone.name for gone in jn.forget(jn.keep(result, "a slip").key)]
    ['a slip']
    """
    store = ResultStore()
    entries = tuple(_the_only(store, word) for word in results)
    store.forget([entry.key for entry in entries])
    return entries


def deleted_text(entries: Iterable[ResultEntry]) -> str:
    """Return what to say of results that were deleted."""
    return f"Deleted from the record: {', '.join(_called(entry) for entry in entries)}."


def kind_of(result: Any) -> str:
    """Return what jobs that give such a result are called; empty where no tool gives one."""
    return next((tool.job_kind for tool in TOOLS.values() if is_result_of(result, tool)), "")


def _the_only(store: ResultStore, word: str) -> ResultEntry:
    """Return the result that is called so; what cannot be undone asks which of several."""
    entry = store.named(word)
    alike = [other for other in store.entries(metrics=False) if other.name == word]
    if len(alike) > 1:
        raise InputError(f"{len(alike):,} results are called {shown(word)}.", "Give the key of each that is meant: "
                         f"{', '.join(f'{_called(other)} of {utc_text(int(other.when * 1_000))}' for other in alike)}.",
                         argument="results")
    return entry


def _called(entry: ResultEntry) -> str:
    return f"{entry.key[:_SHORT]} ({entry.name})" if entry.name else entry.key[:_SHORT]


def kept_behind(name: str) -> str:
    """Say how to give the kept result whose name a variable has taken; empty where none is called so."""
    entry = ResultStore().find(name)
    if entry is None or entry.name != name:
        return ""
    return (f"Variables come before kept results: that of this name is given by its key, {entry.key[:_SHORT]}, or in "
            f"Python as jn.load({name!r}).")


def _modules() -> frozenset[str]:
    """Return the modules in which the results of tools are defined, those from outside the package, too."""
    return frozenset(home.partition(":")[0] for tool in TOOLS.values() for home in tool.results)


def _relabelled(result: Any, entry: ResultEntry) -> ResultEntry:
    if not isinstance(result, str):
        remember_entry(result, entry)
    return entry


def _remembered(result: Any, entry: ResultEntry) -> Any:
    if hasattr(result, "__dict__"):
        remember_entry(result, entry)
    return result


def _stored_run(word: str) -> BacktestResult | None:
    """Return a simulation of the run store by the first digits of its key; None where there is none."""
    place = default_store()
    if len(word) < 4 or not set(word.lower()) <= set("0123456789abcdef") or not is_there(place):
        return None
    try:
        with closing(RunStore(place)) as store:
            found = store.find(word.lower())
    except StorageError:
        return None
    return None if found is None else found.record.to_result(found.spec)
