"""What a magic that reads results is given: variables or kept results on its line, or the last one that was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError

from jesse_nb.core.tools.registry import ANALYZE_RESULTS, TOOLS
from jesse_nb.exceptions import InputError, did_you_mean, shown
from jesse_nb.magics.values import evaluate

__all__ = ["result_arguments", "result_named", "results_and_runs_in", "results_in"]

_MAKE_ONE = "None is here yet: `%%backtest ... -o result` makes one."


def results_in(namespace: Mapping[str, Any]) -> list[str]:
    """Return the names of the user's variables that hold a result, or a job that gives one."""
    return [name for name, value in list(namespace.items()) if not name.startswith("_") and _is_result(value)]


def results_and_runs_in(namespace: Mapping[str, Any]) -> list[str]:
    """Return the names of :func:`results_in`, each study's followed by its whole backtests: ``study.test``."""
    return [expression for name in results_in(namespace)
            for expression in (name, *(f"{name}.{part}" for part in ("training", "test")
                                       if _is_result(getattr(namespace[name], part, None))))]


def result_named(names: list[str], namespace: Mapping[str, Any], magic: str) -> Any:
    """Return the one result that a magic's line names, or without a name the last one that was shown."""
    import pandas as pd

    if not names:
        return _whole(_last_result(namespace, magic))
    value = _value(names[0], namespace)
    if isinstance(value, pd.DataFrame | pd.Series):
        raise UsageError(f"{names[0]} is a table. {magic} needs the result that it came from: a table does not say "
                         "which candles its trades were made on.")
    if not _is_result(value):
        raise _no_result(names[0], value, namespace)
    return _whole(value)


def _is_result(value: Any) -> bool:
    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.tools.analyze.analyzed_run import analyzed_run

    if isinstance(value, Job):
        return any(tool.job_kind == value.kind for tool in TOOLS.values() if ANALYZE_RESULTS.panel in tool.then)
    return analyzed_run.dispatch(type(value)) is not analyzed_run.dispatch(object)


def result_arguments(names: list[str], namespace: Mapping[str, Any], magic: str) -> dict[str, Any]:
    """Return the arguments of a tool that reads a result for the names on its magic's line.

    Raises
    ------
    UsageError, JesseNbError
        When they name no result, or several.
    """
    import pandas as pd

    if not names:
        return {"result": _whole(_last_result(namespace, magic))}
    values = [_value(name, namespace) for name in names]
    if len(names) == 1 and isinstance(values[0], tuple | list) and len(values[0]) == 2:
        values = list(values[0])
    if len(values) > 2 or (len(values) == 2 and any(map(_is_result, values))):
        raise UsageError(f"{magic} reads one result at a time, or a table of trades and a series of equity.")
    if len(values) == 2:
        return dict(zip(("trades", "equity"), values, strict=True))
    if isinstance(values[0], pd.Series):
        return {"equity": values[0]}
    if isinstance(values[0], pd.DataFrame):
        raise UsageError(f"{names[0]} is a table. Give the equity, too: {magic} {names[0]} equity")
    if not _is_result(values[0]):
        raise _no_result(names[0], values[0], namespace)
    return {"result": _whole(values[0])}


def _value(name: str, namespace: Mapping[str, Any]) -> Any:
    if name in namespace:
        return namespace[name]
    from jesse_nb.core.record.result_store import ResultStore
    from jesse_nb.core.tools.record.finding import load

    if ResultStore().find(name) is not None:
        return load(name)
    if not name.isidentifier():
        return evaluate(name, namespace, "RESULT")
    raise UsageError(f"No variable is called {shown(name)}, and no kept result. {_known(name, namespace)}")


def _no_result(name: str, value: Any, namespace: Mapping[str, Any]) -> UsageError:
    """Return the error of a name that stands for something else; of a variable, that it may hide a kept result."""
    from jesse_nb.core.tools.record.finding import kept_behind

    hint = (kept_behind(name) if name in namespace else "") or _known(name, namespace)
    return UsageError(f"{name} is {type(value).__name__}, which is no result. {hint}")


def _known(name: str, namespace: Mapping[str, Any]) -> str:
    """Name the results that could have been meant."""
    from jesse_nb.core.record.result_store import ResultStore

    return did_you_mean(name, [*results_in(namespace), *ResultStore().names()]) or _MAKE_ONE


def _last_result(namespace: Mapping[str, Any], magic: str) -> Any:
    """Return the newest of IPython's last three outputs that can be analyzed (an analysis is none)."""
    for name in ("_", "__", "___"):
        if _is_result(namespace.get(name)):
            return namespace[name]
    here = results_in(namespace)
    raise UsageError("No result was shown lately. "
                     + (f"Name one of {', '.join(here)}: {magic} {here[-1]}" if here else _MAKE_ONE))


def _whole(result: Any) -> Any:
    """Return a result, or of a job what it has."""
    from jesse_nb.core.jobs.job import Job

    if not isinstance(result, Job):
        return result
    partial = result.result() if result.state in ("finished", "failed") else result.partial_result()
    if partial is None:
        hint = "Wait for it: its result() does." if result.state == "running" else "It ended before it had anything."
        raise InputError(f"The job {result.id} has nothing to analyze.", hint)
    return partial
