"""A tool: what a user asks for, under its names, with what it takes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jesse_nb.core.tools.declaration.parameter import COMMAND, PYTHON, Parameter

__all__ = ["Form", "Tool"]


@dataclass(frozen=True)
class Form:
    """How ``%panel`` asks for a tool: its title and its arguments are those of the tool.

    Attributes
    ----------
    remark
        What stands beside the title.
    main
        The arguments that are always seen, in order; the others unfold.
    output
        The suggested name of the result.
    """

    remark: str
    main: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class Tool:
    """Something that a user can ask for.

    Attributes
    ----------
    name
        In Python.
    title
        Above its form.
    summary
        What it does, on one line.
    home
        Where its function is, ``module:name``; it is imported when it is called.
    parameters
        All that it takes, in the order in which help lists it.
    results
        Where the classes of its results are, ``module:name`` each, and where the report of each is.
    magics
        Names of its magic, the one that is written down first; empty where it has none.
    command
        Its name on the command line; empty where it has none.
    cell
        Which argument a variable that the cell assigns gives: ``space`` the space. None where its magic takes no
        cell.
    file
        The same for a strategy's file on the command line.
    kind
        What its jobs are called in lists; its own name by default.
    running
        What stands above a job of it; its title by default.
    form
        How ``%panel`` asks for it, under the last of its magics' names; None where it has no form.
    then
        Forms that can go on with its result, and what they are given of it; ``{}`` is its name.
    simulates
        Whether it always simulates the result that it is given again: it needs the strategy then.
    details
        What follows the summary in the magic's help.
    note
        What follows the help of the command.
    """

    name: str
    title: str
    summary: str
    home: str
    parameters: tuple[Parameter, ...]
    results: Mapping[str, str] = field(default_factory=dict)
    magics: tuple[str, ...] = ()
    command: str = ""
    cell: Mapping[str, str] | None = None
    file: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    running: str = ""
    form: Form | None = None
    then: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    simulates: bool = False
    details: str = ""
    note: str = ""

    @property
    def panel(self) -> str:
        """The name of its form; empty where it has none."""
        return self.magics[-1] if self.form is not None else ""

    @property
    def job_kind(self) -> str:
        """What its jobs are called in lists."""
        return self.kind or self.name

    def load(self) -> Callable[..., Any]:
        """Return its function, which is imported now."""
        module, _, name = self.home.partition(":")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]

    def on(self, surface: str) -> tuple[Parameter, ...]:
        """Return what it takes on a surface: ``python``, ``magic`` or ``command``."""
        return tuple(parameter for parameter in self.parameters if surface in parameter.surfaces)

    def groups(self, surface: str) -> Iterator[tuple[str, list[Parameter]]]:
        """Yield the headings of its help on a surface, each with what stands under it."""
        groups: dict[str, list[Parameter]] = {}
        for parameter in self.on(surface):
            groups.setdefault(parameter.group, []).append(parameter)
        yield from groups.items()

    def parameter(self, name: str, surface: str = PYTHON) -> Parameter:
        """Return one of its arguments by its name in Python.

        Raises
        ------
        KeyError
            When it has none of that name there.
        """
        for parameter in self.on(surface):
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def flag_of(self, argument: str, surface: str = COMMAND) -> str:
        """Return what an argument is called on a line; its own name where it is not on it."""
        return next((parameter.flag for parameter in self.on(surface) if parameter.name == argument), argument)
