"""One argument of a tool: its names, its default, its help, and the reader of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.values import FlagEach
from jesse_nb.exceptions import InputError, JesseNbError, shown

__all__ = ["COMMAND", "MAGIC", "PYTHON", "Parameter"]

#: Where an argument can be given.
PYTHON, MAGIC, COMMAND = "python", "magic", "command"


@dataclass(frozen=True)
class Parameter:
    """One argument of a tool.

    Attributes
    ----------
    name
        In Python.
    reader
        Turns words of a line into a value, and checks values.
    help
        One sentence or more, without the default.
    default
        As in the function's signature.
    unset
        What is taken without it, in words, where the default itself does not say so.
    flags
        Short one first; without any it is ``--`` and the name with dashes. A word of the line by its place has none.
    metavar
        What stands for its value in help; the reader's own where it is empty.
    group
        Under which heading of the help it stands.
    setting
        Its name in ``%config JesseNb``; empty where it cannot be set there.
    label
        What it is called in a form, where that is not its flag.
    positional
        ``?`` or ``*`` where it has no flag but its place on the line, ``1`` where it must be there.
    surfaces
        Where it can be given.
    in_form
        Whether a form asks for it, too.
    needed
        What a form says where it is left out and must not be.
    also
        What errors call it that are about the same thing, and other forms where they ask for one of several.
    """

    name: str
    reader: Reader
    help: str = ""
    default: Any = None
    unset: str = ""
    flags: tuple[str, ...] = ()
    metavar: str = ""
    group: str = ""
    setting: str = ""
    label: str = ""
    positional: str = ""
    surfaces: tuple[str, ...] = (PYTHON, MAGIC, COMMAND)
    in_form: bool = True
    needed: str = ""
    also: tuple[str, ...] = ()

    def but(self, **changes: Any) -> Parameter:
        """Return the same argument as another tool takes it: with another default, for example."""
        return replace(self, **changes)

    def read(self, value: Any) -> Any:
        """Return a checked value of one that was given in Python.

        Raises
        ------
        JesseNbError
            Which names this argument.
        """
        if value is None and self.default is None:
            return None
        try:
            return self.reader.check(self.name, value)
        except JesseNbError as error:
            error.argument = self.name
            raise
        except Exception as error:  # what a value's own code raises when it is looked at
            raise InputError.of(self.name, f"is {shown(value)}, which cannot be looked at.",
                                f"{type(error).__name__} was raised.") from error

    def read_words(self, words: Sequence[str], desk: Desk) -> Any:
        """Return the checked value of what was written on a line, in a form or in ``%config``.

        Parameters
        ----------
        words
            What follows the flag; empty for one that takes no value.
        desk
            Where they were written.

        Raises
        ------
        JesseNbError
            Which names this argument.
        """
        try:
            return self.reader.check(self.name, self.reader.words(self.name, words, desk))
        except JesseNbError as error:
            error.argument = self.name
            raise

    @property
    def all_flags(self) -> tuple[str, ...]:
        """All flags; none for a word by its place."""
        return () if self.positional else self.flags or self.reader.flags(self.name)

    @property
    def flag(self) -> str:
        """The flag that errors and the documentation use; what stands for it in help where it has none."""
        return next((flag for flag in self.all_flags if flag.startswith("--")), self.metavar or self.name)

    @property
    def title(self) -> str:
        """What it is called in a form."""
        if self.positional and not self.label:
            return self.metavar.split("|")[0].capitalize()
        return self.label or self.flag.removeprefix("--").replace("-", " ").capitalize()

    @property
    def value_name(self) -> str:
        """What stands for its value in help."""
        return self.metavar or self.reader.metavar

    @property
    def default_text(self) -> str:
        """What is taken without it, as one would write it; empty where nothing is."""
        return self.unset or self.reader.written(self.default)

    @property
    def full_help(self) -> str:
        """The help with the default."""
        if isinstance(self.reader, FlagEach):  # which says it of each of its values
            return self.help
        number = not self.unset and isinstance(self.default, int | float) and not isinstance(self.default, bool)
        told = f"{self.default:,}".removesuffix(".0") if number else self.default_text
        return f"{self.help.rstrip('.')} ({told})." if told else self.help
