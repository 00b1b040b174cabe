"""Which line of a strategy's code a finding comes down to."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Sequence
from typing import NamedTuple

from jesse_nb.core.analysis.check.steps import first_parting
from jesse_nb.core.simulator.observing import Observation
from jesse_nb.core.simulator.simulation import Observe, Simulation
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.check.observed_runs import CHANCE, ObservedRuns, TimeUpError, observation_of
from jesse_nb.core.tools.check.strategy_check import CodeLine

__all__ = ["Place", "code_line", "line_of_number", "line_of_use", "place_between", "place_of_parting"]


class Place(NamedTuple):
    """A line, and in words what it gave in either run."""

    line: CodeLine | None = None
    values: tuple[str, ...] = ()


def place_of_parting(
    runs: ObservedRuns, name: str, first: Simulation, second: Simulation, time: int, *, chance: str = CHANCE
) -> Place:
    """Run both again, look at each step of the strategies' code at ``time``, and say where they part.

    Parameters
    ----------
    runs
        Of the check.
    name
        What the two runs are called.
    first, second
        The runs.
    time
        End of a candle, milliseconds UTC.
    chance
        What unseeded draws of the second run are derived from.
    """
    traced = Observe(trace_at=time)
    runs.start(f"{name}, first", first, traced)
    runs.start(f"{name}, second", second, traced, chance)
    try:
        seen = [observation_of(runs.record(f"{name}, {which}")) for which in ("first", "second")]
    except TimeUpError:  # what was found is worth more than its place
        return Place()
    return place_between(first.spec, *seen)


def place_between(spec: BacktestSpec, first: Observation, second: Observation) -> Place:
    """Say where two traced runs part."""
    parting = first_parting(first.steps, second.steps)
    if parting is None:
        return Place()
    default = _line_of_default(spec, parting.name)
    what = "What it returned" if parting.name == "return" else parting.name
    values = (f"{what} was {parting.first} in one run and {parting.second} in the other.",) if parting.name else ()
    return Place(default or code_line(spec, parting.file, parting.function, parting.line), values)


def _line_of_default(spec: BacktestSpec, name: str) -> CodeLine | None:
    """Return the line of a function with a parameter of this name whose default is made once and kept: ``seen=[]``."""
    for source in dict.fromkeys(route.strategy.source for route in spec.routes if name):
        for function in (node for node in ast.walk(_tree(source)) if isinstance(node, ast.FunctionDef)):
            arguments, defaults = function.args.args, function.args.defaults
            if any(argument.arg == name and isinstance(default, ast.List | ast.Dict | ast.Set | ast.Call)
                   for argument, default in zip(arguments[len(arguments) - len(defaults):], defaults, strict=True)):
                return CodeLine(function.name, function.lineno, source.splitlines()[function.lineno - 1].strip())
    return None


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def code_line(spec: BacktestSpec, file: str, function: str, line: int) -> CodeLine:
    """Return a line with its text, where that is at hand."""
    text = linecache.getline(file, line).strip()
    for source in (route.strategy.source for route in spec.routes if file == f"<strategy {route.strategy.name}>"):
        lines = source.splitlines()
        text = text or (lines[line - 1].strip() if line <= len(lines) else "")
    return CodeLine(function, line, text)


def line_of_number(spec: BacktestSpec, number: int) -> CodeLine | None:
    """Return a line of the first strategy's code with its text, and the function that it is in."""
    source = spec.routes[0].strategy.source
    lines = source.splitlines()
    if number > len(lines):
        return None
    within = [node.name for node in ast.walk(_tree(source)) if isinstance(node, ast.FunctionDef)
              and node.lineno <= number <= (node.end_lineno or node.lineno)]
    return CodeLine(within[-1] if within else "module", number, lines[number - 1].strip())


def line_of_use(spec: BacktestSpec, names: Sequence[str]) -> CodeLine | None:
    """Return the first line of a strategy's methods that reads one of some names (of globals or of attributes)."""
    wanted = {name.rpartition(".")[2] for name in names}
    for source in dict.fromkeys(route.strategy.source for route in spec.routes):
        for function in (node for node in ast.walk(_tree(source)) if isinstance(node, ast.FunctionDef)):
            if function.name == "__init__":
                continue
            for node in ast.walk(function):
                name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
                if name in wanted and isinstance(getattr(node, "ctx", None), ast.Load):
                    assert isinstance(node, ast.Name | ast.Attribute)
                    return CodeLine(function.name, node.lineno, source.splitlines()[node.lineno - 1].strip())
    return None
