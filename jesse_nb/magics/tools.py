"""The magics of the tools: each is made from what its tool declares."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic_arguments import magic_arguments

from jesse_nb.core.record.labels import LABEL_WORDS, labels_of_words
from jesse_nb.core.tools.declaration.line import given_words
from jesse_nb.core.tools.declaration.parameter import MAGIC, PYTHON
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.registry import TOOLS
from jesse_nb.magics.analyze import result_arguments
from jesse_nb.magics.cell import CellBody, choose_routes, choose_strategies, choose_strategy, run_cell_body
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.launches import MagicCall
from jesse_nb.magics.options import declared_options, desk_of, parse_line, tool_arguments
from jesse_nb.magics.running import run_tool
from jesse_nb.widgets.live.display import Listing, Note

if TYPE_CHECKING:
    from jesse_nb.core.tools.plan import Plan

__all__ = ["plan_of_line", "register_tools"]

#: What a magic reads itself.
_OWN = ("strategy", "strategies", "routes", "names", "output", "background", "show_windows", "account", *LABEL_WORDS)


def register_tools(shell: InteractiveShell, settings: JesseNb) -> dict[str, Callable[..., Any]]:
    """Add the magic of each tool that has one to a shell; return them by name."""
    added: dict[str, Callable[..., Any]] = {}
    for tool in TOOLS.values():
        if not tool.magics:
            continue
        magic = _magic(shell, settings, tool)
        for name in tool.magics:
            register: Any = shell.register_magic_function
            register(magic, "line" if tool.cell is None else "line_cell", name)
            added[name] = magic
    return added


def plan_of_line(shell: InteractiveShell, settings: JesseNb, tool: Tool, line: str) -> Plan[Any]:
    """Return what a tool's magic would start for a line without a cell: nothing is started.

    Raises
    ------
    UsageError, JesseNbError
        What the magic would raise.
    """
    words = _words(tool, shell.find_line_magic(tool.magics[0]), settings, line)
    arguments, _ = _arguments(shell, settings, tool, words, CellBody())
    plan: Plan[Any] = tool.load().plan(**arguments)  # type: ignore[attr-defined]  # of a magic each is planned
    return plan


def _magic(shell: InteractiveShell, settings: JesseNb, tool: Tool) -> Callable[..., Any]:
    def magic(line: str, cell: str | None = None) -> Listing | None:
        words = _words(tool, magic, settings, line)
        if "show_windows" in words:
            from jesse_nb.core.tools.plan_table import plan_table

            return Listing(plan_table(tool_arguments(tool, words, settings.chosen(), None, _OWN)), "")
        body = CellBody() if cell is None else run_cell_body(shell, cell, wanted=tool.cell or ())
        arguments, remark = _arguments(shell, settings, tool, words, body)
        if remark:
            from IPython.display import display

            display(Note(remark))
        output = words.get("output", [None])[0]
        run_tool(shell, tool, arguments, output=output, background="background" in words,
                 call=MagicCall(tool.magics[0], line, cell), labels=labels_of_words(words, output))
        return None

    magic.__name__ = magic.__qualname__ = tool.magics[-1]
    magic.__doc__ = f"{tool.summary}\n\n{textwrap.dedent(tool.details)}"
    return magic_arguments(tool.magics[-1])(declared_options(tool)(magic))  # type: ignore[no-any-return]


def _words(tool: Tool, magic: Any, settings: JesseNb, line: str) -> dict[str, list[str]]:
    """Return the words of a line by argument. What is wrong in itself is said before the cell's code runs."""
    words = given_words(tool, MAGIC, parse_line(magic, line))
    tool_arguments(tool, words, settings.chosen(), None, _OWN)
    labels_of_words(words)
    for own in ("output", "routes", *LABEL_WORDS):
        if own in words:
            tool_arguments(tool, {own: words[own]}, {}, Desk())
    return words


def _arguments(
    shell: InteractiveShell, settings: JesseNb, tool: Tool, words: dict[str, list[str]], body: CellBody
) -> tuple[dict[str, Any], str]:
    """Return a tool's keyword arguments, and what is worth saying of them."""
    arguments, remark = tool_arguments(tool, words, settings.chosen(), desk_of(shell.user_ns), _OWN), ""
    if "account" in words or arguments.pop("account", None):
        from jesse_nb.core.tools.project_account import with_project_account

        arguments, remark = with_project_account(arguments)
    _choose(shell, tool, body, words, arguments)
    for variable, argument in (tool.cell or {}).items():
        if variable in body.assigned and argument not in words:
            arguments[argument] = body.assigned[variable]
    return arguments, remark


def _choose(
    shell: InteractiveShell, tool: Tool, body: CellBody, words: dict[str, list[str]], arguments: dict[str, Any]
) -> None:
    """Put into a tool's arguments what names of the notebook give: strategies, or results."""
    taken = {parameter.name for parameter in tool.on(MAGIC)}
    project = arguments.get("project")
    if "names" in taken:
        arguments |= result_arguments(words.get("names", []), shell.user_ns, f"%{tool.magics[-1]}")
        if "equity" in arguments and "equity" not in {parameter.name for parameter in tool.on(PYTHON)}:
            raise UsageError(f"%{tool.magics[-1]} takes a result, not tables.")
        if "strategy" in words:
            arguments["strategy"] = [choose_strategy(shell, CellBody(), name, project) for name in words["strategy"]]
    elif "strategies" in taken:
        arguments["strategies"] = choose_strategies(shell, body, words.get("strategies", []), project)
    elif "strategy" in taken:
        choose_routes(shell, body, words, arguments)
