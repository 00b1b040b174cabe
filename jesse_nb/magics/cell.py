"""The body of a cell magic: ordinary Python, run in the user's namespace.

A strategy and a parameter space are taken from a cell only when this very cell
defines them. A variable left over from another cell must never slip into a run.
"""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.core.jesse_runtime import unimported
from jesse_nb.core.tools.declaration.markets import Routes
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.exceptions import InputError, StrategyError, did_you_mean, shown

__all__ = [
    "CellBody",
    "CellSyntaxError",
    "choose_routes",
    "choose_strategies",
    "choose_strategy",
    "is_strategy",
    "run_cell_body",
    "strategies_in",
]


class CellSyntaxError(InputError):
    """The body of the cell is not Python; shown as IPython shows any syntax error."""

    def __init__(self, message: str, traceback_lines: list[str]) -> None:
        super().__init__(message)
        self._traceback_lines = traceback_lines

    def _render_traceback_(self) -> list[str]:
        return self._traceback_lines


@dataclass(frozen=True)
class CellBody:
    """What one run of a cell's body left in the user's namespace.

    Attributes
    ----------
    strategies
        Strategy classes that this cell defined, by variable name.
    assigned
        Values of those asked-for names that this cell assigned.
    """

    strategies: dict[str, type[Any]] = field(default_factory=dict)
    assigned: dict[str, Any] = field(default_factory=dict)


def run_cell_body(shell: InteractiveShell, body: str, *, wanted: Iterable[str] = ()) -> CellBody:
    """Run the body of a cell magic and return what it defined.

    Names that it defines stay in the user's namespace. ``Strategy``, ``ta``
    (Jesse's indicators) and ``utils`` (Jesse's helpers) need no import.

    Parameters
    ----------
    shell
        Where it runs.
    body
        The cell without its magic line.
    wanted
        Names whose values are returned when this cell assigns them.

    Raises
    ------
    CellSyntaxError
        When it is not Python.
    Exception
        Whatever the user's code raises, shown with the user's own lines only.
    """
    source = _transformed(shell, body)
    filename = shell.compile.cache(source, shell.displayhook.prompt_count, raw_code=source)
    code, mentioned, bound = _compiled(shell, source, filename)
    namespace: dict[str, Any] = shell.user_ns
    shell.push(unimported(mentioned - set(namespace)), interactive=False)
    before = strategies_in(namespace)
    _execute(shell, code)
    # Held in `before`, an older class stays alive, so a new one cannot get its identity.
    strategies = {
        name: found
        for name, found in strategies_in(namespace).items()
        if found.__module__ == "__main__" and found is not before.get(name) and name in bound
    }
    return CellBody(
        strategies=strategies,
        assigned={name: namespace[name] for name in wanted if name in bound and name in namespace},
    )


def choose_strategy(shell: InteractiveShell, body: CellBody, name: str | None, project: Any = None) -> Any:
    """Return the strategy of a magic: a class, its source text, or the name of one in a Jesse project.

    Parameters
    ----------
    shell
        Whose namespace is searched.
    body
        What the cell defined.
    name
        The strategy named on the line, if one is: a variable, a class's own name, or one of the project's.
    project
        The Jesse project's folder; without it, the working directory when it is one.

    Raises
    ------
    StrategyError
        When none or several could be meant, or none has that name.
    UsageError
        When the name on the line cannot be a name.
    """
    if name is None:
        return _only_strategy(shell, body)
    if not name.isidentifier():
        raise UsageError(
            f"{shown(name)} cannot be the name of a strategy. Options with several values are not meant "
            "here: one symbol and one timeframe are taken."
        )
    value = shell.user_ns.get(name)
    if is_strategy(value) or (isinstance(value, str) and "class " in value):
        return value
    from jesse_nb.core.simulator.strategies.strategy import project_strategies  # late, so that %load_ext stays quick

    here = strategies_in(shell.user_ns)
    for found in here.values():
        if found.__name__ == name:
            return found
    in_project = project_strategies(project)
    if name not in in_project:
        _refuse_result(name, value, here)
        raise StrategyError(
            f"No strategy is called {shown(name)}.",
            did_you_mean(name, [*here, *in_project]) or "None is defined in this notebook.",
        )
    return name


def _refuse_result(name: str, value: Any, here: Mapping[str, type[Any]]) -> None:
    """Say of a result what is to be written in its place: its strategy, on its market and days, with its values."""
    from jesse_nb.core.simulator.spec import BacktestSpec
    from jesse_nb.core.times import utc_text

    spec = getattr(value, "spec", None)
    if not isinstance(spec, BacktestSpec):
        return
    ran = spec.routes[0]
    values = f"{name}.best_params" if getattr(value, "best_params", None) else \
        f"{name}.spec.hyperparameters" if spec.hyperparameters else ""
    days = " ".join(f'{flag} "{utc_text(moment)}"' if " " in utc_text(moment) else f"{flag} {utc_text(moment)}"
                    for flag, moment in (("--start", spec.start), ("--end", spec.end)))
    first = "" if ran.strategy.name in here else f"Run the cell that defines {ran.strategy.name}. "
    raise StrategyError(
        f"{name} is a result of {spec.strategy_names}, and no strategy.",
        f"{first}Write {ran.strategy.name} -s {ran.symbol} -t {ran.timeframe} {days}"
        f"{f' --param {values}' if values else ''}.")


def choose_routes(
    shell: InteractiveShell, body: CellBody, words: Mapping[str, list[str]], arguments: dict[str, Any]
) -> None:
    """Put into a tool's arguments what it trades: one strategy on one market, or several routes.

    Parameters
    ----------
    shell, body
        As in :func:`choose_strategy`.
    words
        Of the line, by argument.
    arguments
        Of the tool.

    Raises
    ------
    StrategyError, UsageError
        As :func:`choose_strategy`; and when a market is given in both ways.
    """
    project = arguments.get("project")
    named = words.get("strategy", [None])[0]
    if "routes" not in words:
        arguments["strategy"] = choose_strategy(shell, body, named, project)
        return
    if "symbol" in words or "timeframe" in words:
        raise UsageError("Give -s and -t, or --routes, not both.")
    arguments.pop("symbol", None)  # these came from %config JesseNb
    arguments.pop("timeframe", None)
    arguments["routes"] = [
        (choose_strategy(shell, body, strategy or named, project), symbol, timeframe)
        for strategy, symbol, timeframe in Routes(traded=True).words("routes", words["routes"], Desk())
    ]


def strategies_in(namespace: Mapping[str, Any]) -> dict[str, type[Any]]:
    """Return the strategy classes of a namespace, by variable name; never Jesse's own base class."""
    return {
        name: value
        for name, value in list(namespace.items())
        if not name.startswith("_") and is_strategy(value)
    }


def is_strategy(value: Any) -> bool:
    """Tell whether ``value`` is a class derived from Jesse's ``Strategy``, without importing Jesse."""
    return isinstance(value, type) and any(
        base.__name__ == "Strategy" and base.__module__.startswith("jesse.strategies")
        for base in value.__mro__[1:]
    )


def choose_strategies(shell: InteractiveShell, body: CellBody, names: list[str], project: Any = None) -> list[Any]:
    """Return the strategies of a batch: those named on the line, else all that the cell defines.

    Raises
    ------
    StrategyError, UsageError
        As :func:`choose_strategy`.
    """
    if names:
        return [choose_strategy(shell, body, name, project) for name in names]
    # One that others of the cell are derived from takes part, too, if it can trade.
    whole = {id(found): found for found in body.strategies.values() if not getattr(found, "__abstractmethods__", ())}
    return list(whole.values()) or [_only_strategy(shell, body)]


def _only_strategy(shell: InteractiveShell, body: CellBody) -> type[Any]:
    bases = {base for found in body.strategies.values() for base in found.__mro__[1:]}
    distinct = {id(found): (name, found) for name, found in body.strategies.items() if found not in bases}
    if len(distinct) == 1:
        return next(iter(distinct.values()))[1]
    if distinct:
        names = [name for name, _ in distinct.values()]
        raise StrategyError(
            f"This cell defines {len(names)} strategies: {', '.join(names)}.",
            f"Name the one to run at the start of the line, {names[-1]} for example.",
        )
    defined = list(strategies_in(shell.user_ns))
    known = (
        f"Defined in this notebook: {', '.join(defined)}."
        if defined
        else "Define a class derived from Strategy in the cell."
    )
    raise StrategyError("No strategy: this cell defines none and the line names none.", known)


def _transformed(shell: InteractiveShell, body: str) -> str:
    """Return the body with IPython's own syntax replaced, its lines numbered as in the notebook's cell."""
    blank = len(body) - len(body.lstrip("\n"))
    try:
        return "\n" * (1 + blank) + str(shell.transform_cell(body.lstrip("\n")))
    except SyntaxError as error:
        raise _syntax_error(shell, error) from None


def _compiled(shell: InteractiveShell, source: str, filename: str) -> tuple[CodeType, set[str], set[str]]:
    """Return the code, the names it mentions, and those it binds at its top level."""
    try:
        tree = shell.transform_ast(shell.compile.ast_parse(source, filename=filename))
        code = shell.compile(tree, filename, "exec")
        table = symtable.symtable(source, filename, "exec")
    except (SyntaxError, ValueError, OverflowError) as error:
        raise _syntax_error(shell, error) from None
    mentioned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    bound = {
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()
    }
    return code, mentioned, bound


def _syntax_error(shell: InteractiveShell, error: Exception) -> CellSyntaxError:
    lines = shell.SyntaxTB.structured_traceback(type(error), error, [])  # type: ignore[arg-type]  # as IPython calls it
    return CellSyntaxError(f"The cell is not Python: {error}.", lines)


def _execute(shell: InteractiveShell, code: CodeType) -> None:
    try:
        exec(code, shell.user_global_ns, shell.user_ns)  # noqa: S102 - running the user's cell is the purpose
    except Exception as error:
        if not hasattr(error, "_render_traceback_"):
            own = error.__traceback__.tb_next if error.__traceback__ else None  # without this very frame
            lines = shell.InteractiveTB.structured_traceback(type(error), error, own, tb_offset=0)
            error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
        raise
