"""The commands that run one of the tools, made from what it declares: `jesse-nb optimize` for example."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jesse_nb.core.record.labels import LABEL_WORDS, labelled, labels_now, labels_of_words
from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.declaration.parameter import COMMAND, PYTHON
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, JesseNbError, JobInterruptedError, StorageError

if TYPE_CHECKING:
    from jesse_nb.core.simulator.spec import StrategyRef

__all__ = ["check_command", "check_output", "run_command", "run_tool", "strategy_of"]

_KEY = re.compile(r"[0-9a-fA-F]{1,64}")
#: What the command line reads itself, and no tool takes so.
_OWN = ("key", "strategy", "strategies", "output", "account", "show_windows", "trust", "detach", *LABEL_WORDS)


def run_command(tool: Tool, options: Namespace) -> int:
    """Run a tool as its line says.

    Parameters
    ----------
    tool
        Which one.
    options
        Its parsed line.

    Raises
    ------
    JesseNbError
        Which calls arguments by their flags.
    """
    try:
        words = given_words(tool, COMMAND, options)
        with labelled(labels_of_words(words)):
            return _run(tool, words)
    except JesseNbError as error:
        raise error.call(tool.flag_of(error.argument)) from None


def check_command(tool: Tool, options: Namespace) -> None:
    """Refuse what is wrong in a line itself, before anything is started.

    Raises
    ------
    JesseNbError
        Which calls arguments by their flags.
    """
    try:
        words = given_words(tool, COMMAND, options)
        labels_of_words(words)
        check_output(_output(words))
        read_line(tool, COMMAND, words, leave=_OWN)
    except JesseNbError as error:
        raise error.call(tool.flag_of(error.argument)) from None


def _run(tool: Tool, words: dict[str, list[str]]) -> int:
    if "key" in words:
        return _run_on_a_result(tool, words)
    if "show_windows" in words:
        from jesse_nb.core.tools.plan_table import plan_table

        print(plan_table(read_line(tool, COMMAND, words, Desk(), _OWN)).to_string(index=False))
        return 0
    read_line(tool, COMMAND, words, leave=_OWN)  # what is wrong in itself is said before the strategy's file runs
    arguments, names = _strategies(tool, words)
    arguments |= read_line(tool, COMMAND, words, Desk(names), _OWN)
    arguments |= _of_the_file(tool, arguments, names)
    if arguments.get("mode") == "simulated":
        arguments |= _stored_strategies(words, arguments)
    arguments.pop("trust", None)
    return run_tool(_loaded(tool), _settled(words, arguments), _output(words))


def _strategies(tool: Tool, words: dict[str, list[str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a tool's strategies as its arguments, and the names that their files define."""
    taken = {parameter.name for parameter in tool.on(COMMAND)}
    if taken.isdisjoint(("strategy", "strategies")):
        return {}, {}
    several = "strategies" in taken
    given = words.get("strategies" if several else "strategy", [])
    routes = [route.split(":", 2) for route in words.get("routes", ())]
    if not given and not (routes and all(len(route) == 3 for route in routes)):
        raise InputError.of("strategies" if several else "strategy", "is missing.",
                            "It is a Python file, or a name in a Jesse project.")
    found = [strategy_of(word) for word in given]
    names = {name: value for _, defined in found for name, value in defined.items()}
    arguments: dict[str, Any] = {}
    if found:
        arguments = {"strategies": [one for one, _ in found]} if several else {"strategy": found[0][0]}
    return arguments, names


def _stored_strategies(words: dict[str, list[str]], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the strategies of the results that a line names, where the user lets them run."""
    from jesse_nb.cli.stored_code import allowed_strategies

    strategies = []
    for word in words.get("results", ()):
        result, place = _stored_result(word, arguments.get("store"))
        allowed = allowed_strategies(_strategies_of(result), place, trusted="trust" in words,
                                     project=arguments.get("project"))
        if allowed is None:
            raise InputError("Nothing can be simulated without the strategies.", "Add --trust after reading them.")
        strategies += allowed
    return {"strategy": strategies}


def _of_the_file(tool: Tool, arguments: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """Return what the strategy's file gives and the line does not; a file's routes name their strategies' files."""
    fixed = "space" not in arguments and "hyperparameters" in arguments and tool.name == "walk_forward"
    found = {argument: names[name] for name, argument in tool.file.items()
             if name in names and argument not in arguments and not fixed}
    if "routes" in arguments:
        found["routes"] = [(strategy and strategy_of(strategy)[0], *market)
                           for strategy, *market in arguments["routes"]]
    return found


def _settled(words: dict[str, list[str]], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with the account of the Jesse project, where the line asks for it."""
    if "account" not in words:
        return arguments
    from jesse_nb.core.tools.project_account import with_project_account

    arguments, sentence = with_project_account(arguments)
    print(sentence)
    return arguments


def _run_on_a_result(tool: Tool, words: dict[str, list[str]]) -> int:
    arguments = read_line(tool, COMMAND, words, Desk(), _OWN)
    result, place = _stored_result(words["key"][0], arguments.get("store"))
    arguments["result"] = result
    python = {parameter.name for parameter in tool.on(PYTHON)}
    simulates = "resimulate" in python or tool.simulates or arguments.get("method") == "candles"
    if not simulates:  # it only reads
        return run_tool(_loaded(tool), {name: argument
                                        for name, argument in arguments.items() if name in python}, _output(words))
    strategies = _strategies_of(result)
    in_a_notebook = [strategy.name for strategy in strategies if strategy.kind == "notebook"]
    if "strategy" in words:
        if in_a_notebook:
            raise InputError(f"The strategy {in_a_notebook[0]} of this result was a class in a notebook.",
                             "Leave out --strategy; where the class is, %analyze simulates again.")
        arguments["strategy"] = [strategy_of(word)[0] for word in words["strategy"]]
    elif "resimulate" not in arguments and arguments.get("analysis_type") != "basic":
        if in_a_notebook:
            print(f"Nothing is simulated again: {in_a_notebook[0]} was a class in a notebook.", file=sys.stderr)
            allowed = None
        else:
            from jesse_nb.cli.stored_code import allowed_strategies

            allowed = allowed_strategies(strategies, place, trusted="trust" in words, project=arguments.get("project"))
        if allowed is None and "resimulate" not in python:
            raise InputError("Nothing can be simulated again without the strategy.", "Give it: --strategy FILE.")
        arguments |= {"resimulate": False} if allowed is None else {"strategy": allowed}
    arguments = {name: argument for name, argument in arguments.items() if name in python}
    return run_tool(_loaded(tool), arguments, _output(words))


def _stored_result(word: str, store: Any) -> tuple[Any, str]:
    """Return a kept result by its name or key, or a stored run by its key; and where it was found."""
    from jesse_nb.core.record.result_store import ResultStore
    from jesse_nb.core.tools.record.finding import load
    from jesse_nb.core.tools.stored_run import stored_run

    record = ResultStore()
    if record.find(word) is None and _KEY.fullmatch(word):
        run, place = stored_run(word.lower(), store)
        return run, f"the run store {place}"
    return load(record.named(word).key), f"the record {record.folder}"


def _strategies_of(result: Any) -> list[StrategyRef]:
    """Return the strategies that a result ran, each once."""
    from jesse_nb.core.record.about import specs_of

    return list({route.strategy.hash: route.strategy for spec in specs_of(result) for route in spec.routes}.values())


def run_tool(tool: Callable[..., Any], arguments: dict[str, Any], output: str | None) -> int:
    """Run a tool with its progress on the terminal; print the result and write the report."""
    from jesse_nb.cli.detached import is_detached, note_detached
    from jesse_nb.cli.terminal import follow
    from jesse_nb.core.tools.record.finding import keep

    check_output(output)
    job = tool(**arguments, background=True)
    note_detached(job)
    try:
        result = follow(job)
    except JobInterruptedError as error:
        partial = error.job.partial_result()
        if partial is not None:
            _show(partial, output)
            if is_detached():  # nobody is here who could keep it
                keep(partial, labels_now().name)
        raise
    _show(result, output)
    return 0


def check_output(output: str | None) -> None:
    """Find out before the run, not after it, that its report could not be written."""
    if output is None:
        return
    target = user_path(output, "output").absolute()
    if target.is_dir():
        raise InputError(f"The report cannot be written to {target}: a folder.", "Name a file in it.",
                         argument="output")
    existing = next(folder for folder in target.parents if folder.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise StorageError(f"The report cannot be written to {target}.", f"{existing} cannot be written to.")


def _loaded(tool: Tool) -> Callable[..., Any]:
    """Return a tool's function, with what draws its results."""
    import jesse_nb

    return getattr(jesse_nb, tool.name)  # type: ignore[no-any-return]


def _output(words: dict[str, list[str]]) -> str | None:
    return words["output"][0] if "output" in words else None


def strategy_of(word: str) -> tuple[Any, dict[str, Any]]:
    """Return a strategy by its file or name, and the names that its file defines."""
    path, _, name = word.partition(".py:")
    if not (name or word.endswith(".py")):
        return word, {}
    from jesse_nb.cli.strategy_file import read_strategy_file

    file = read_strategy_file(f"{path}.py" if name else word, name)
    return file.code, file.names


def _show(result: Any, output: str | None) -> None:
    print(result)
    if output:
        print(f"Report: {result.to_html(output).resolve()}")
