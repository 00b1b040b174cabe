"""The commands that run one of the tools, `jesse-nb optimize` for example."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jesse_nb.exceptions import InputError, JobInterruptedError, StorageError

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["analyze", "backtest", "backtest_batch", "check_output", "optimize", "run_tool", "walk_forward"]

#: Options that the command line itself uses, and no tool takes.
_OWN = ("command", "version", "key", "strategy", "strategies", "output", "space", "params", "metric", "hyperparameters",
        "candles", "show_windows", "constraints", "account", "trust")


def backtest(options: Namespace) -> int:
    """`jesse-nb backtest`."""
    import jesse_nb

    arguments, _ = _tool_arguments(options)
    return run_tool(jesse_nb.backtest, arguments, options.output)


def backtest_batch(options: Namespace) -> int:
    """`jesse-nb backtest-batch`."""
    import jesse_nb
    from jesse_nb.core.tools.batch.parameter_sets import params_from_words

    arguments = _shared_arguments(options)
    found = [_strategy_of(word) for word in options.strategies]
    arguments["strategies"] = [strategy for strategy, _ in found]
    names = {name: value for _, defined in found for name, value in defined.items()}
    params = params_from_words(options.params) if options.params else names.get("params")
    if params is not None:
        arguments["params"] = params
    if options.metric:
        arguments["metric"] = _metric(options.metric, names)
    return run_tool(jesse_nb.backtest_batch, arguments, options.output)


def optimize(options: Namespace) -> int:
    """`jesse-nb optimize`."""
    import jesse_nb

    arguments, names = _tool_arguments(options)
    _add_search(arguments, options, names)
    return run_tool(jesse_nb.optimize, arguments, options.output)


def walk_forward(options: Namespace) -> int:
    """`jesse-nb walk-forward`."""
    if options.show_windows:
        from jesse_nb.core.tools.plan_table import plan_table

        print(plan_table(vars(options)).to_string(index=False))
        return 0
    if options.strategy is None:
        raise InputError("The strategy is missing.", "It is a Python file, or a name in a Jesse project.")
    import jesse_nb

    arguments, names = _tool_arguments(options)
    if options.hyperparameters and not options.space:
        names = {**names, "space": None}  # as in Python, hyperparameters alone are those of every window
    _add_search(arguments, options, names)
    return run_tool(jesse_nb.walk_forward, arguments, options.output)


def analyze(options: Namespace) -> int:
    """`jesse-nb analyze`."""
    import jesse_nb

    run, place = _stored_run(options.key, options.store)
    arguments = {**_shared_arguments(options), "result": run}
    in_a_notebook = [route.strategy.name for route in run.spec.routes if route.strategy.kind == "notebook"]
    if options.strategy is not None:
        if in_a_notebook:
            raise InputError(f"The strategy {in_a_notebook[0]} of this run was a class in a notebook.",
                             "Leave out --strategy; where the class is, %analyze simulates again.")
        arguments["strategy"], _ = _strategy_of(options.strategy)
    elif options.resimulate is None and options.analysis_type != "basic":
        if in_a_notebook:
            print(f"Nothing is simulated again: {in_a_notebook[0]} was a class in a notebook.", file=sys.stderr)
            allowed = None
        else:
            from jesse_nb.cli_stored_code import allowed_strategies

            allowed = allowed_strategies(run.spec, place, trusted=options.trust, project=options.project)
        arguments |= {"resimulate": False} if allowed is None else {"strategy": allowed}
    return run_tool(jesse_nb.analyze_results, arguments, options.output)


def _stored_run(key: str, path: str | None) -> tuple[BacktestResult, str]:
    """Return a run, and where it was found."""
    from jesse_nb.core.jobs.store import RunStore

    store = RunStore(path)
    try:
        found = store.find(key)
    finally:
        store.close()
    if store.damaged:
        raise InputError(f"The stored run {key} was damaged, and is dropped.", "Run it again.")
    if found is None:
        raise InputError(f"No single run of {store.place} has a key that begins with {key}.",
                         "`jesse-nb runs` shows the keys; where several begin alike, give more digits.")
    return found.record.to_result(found.spec), store.place


def run_tool(tool: Callable[..., Any], arguments: dict[str, Any], output: str | None) -> int:
    """Run a tool with its progress on the terminal; print the result and write the report."""
    from jesse_nb.terminal import follow

    check_output(output)
    try:
        result = follow(tool(**arguments, background=True))
    except JobInterruptedError as error:
        partial = error.job.partial_result()
        if partial is not None:
            _show(partial, output)
        raise
    _show(result, output)
    return 0


def check_output(output: str | None) -> None:
    """Find out before the run, not after it, that its report could not be written."""
    if output is None:
        return
    target = Path(output).expanduser().absolute()
    if target.is_dir():
        raise InputError(f"The report cannot be written to {target}: a folder.", "Name a file in it.")
    existing = next(folder for folder in target.parents if folder.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise StorageError(f"The report cannot be written to {target}.", f"{existing} cannot be written to.")


def _tool_arguments(options: Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a tool's keyword arguments, and the names that a strategy file defines."""
    strategy, names = _strategy_of(options.strategy)
    return {**_shared_arguments(options), "strategy": strategy}, names


def _shared_arguments(options: Namespace) -> dict[str, Any]:
    given = {name: value for name, value in vars(options).items() if value is not None}
    arguments = {name: value for name, value in given.items() if name not in _OWN}
    if "hyperparameters" in given:
        arguments["hyperparameters"] = dict(options.hyperparameters)
    if options.candles:
        from jesse_nb.core.candles import CandleStore

        arguments["candles"] = CandleStore(options.candles)
    if given.get("account"):
        from jesse_nb.core.tools.project_account import with_project_account

        arguments, sentence = with_project_account(arguments)
        print(sentence)
    return arguments


def _strategy_of(word: str) -> tuple[Any, dict[str, Any]]:
    """Return a strategy by its file or name, and the names that its file defines."""
    path, _, name = word.partition(".py:")
    if not (name or word.endswith(".py")):
        return word, {}
    from jesse_nb.strategy_file import read_strategy_file

    file = read_strategy_file(f"{path}.py" if name else word, name)
    return file.code, file.names


def _add_search(arguments: dict[str, Any], options: Namespace, names: dict[str, Any]) -> None:
    """Add what is searched and by which metric: from the line, else from the strategy file."""
    space = " ".join(options.space) if options.space else names.get("space")
    if space is not None:
        arguments["space"] = space
    if options.metric:
        metrics = [_metric(word, names) for word in options.metric]
        arguments["metric"] = metrics[0] if len(metrics) == 1 else metrics
    if options.constraints:
        from jesse_nb.core.study.constraints import constraints_from_words

        arguments["constraints"] = constraints_from_words(options.constraints, names)


def _metric(word: str, names: dict[str, Any]) -> Any:
    """Return a metric's name, or the strategy file's function of that name."""
    from jesse_nb.core.study.metric import metric_names

    return names[word] if word not in metric_names() and callable(names.get(word)) else word


def _show(result: Any, output: str | None) -> None:
    print(result)
    if output:
        print(f"Report: {result.to_html(output).resolve()}")
