"""How values are read: from words of a line, from what %config holds, from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["Desk", "Reader"]

@dataclass
class Desk:
    """Where words are written: what names stand for there.

    Attributes
    ----------
    names
        Functions, spaces and results by name: the notebook's variables, what a strategy file defines, or nothing.
    evaluator
        Returns the value of an expression, given the argument's name and the expression; None where words are not
        evaluated.
    """

    names: Mapping[str, Any] = field(default_factory=dict)
    evaluator: Callable[[str, str], Any] | None = None

    def evaluate(self, name: str, expression: str) -> Any:
        """Return what an expression stands for; where nothing is evaluated, what a name stands for.

        Raises
        ------
        InputError
            When it stands for nothing here.
        """
        if expression in self.names:
            return self.names[expression]
        if self.evaluator is not None:
            return self.evaluator(name, expression)
        raise InputError.of(name, f"is {shown(expression)}, which stands for nothing here.",
                            did_you_mean(expression, self.names))


class Reader:
    """Reads the values of an argument.

    ``many`` is as :mod:`argparse` has it: None for one word, ``+`` for several, 0 for none.
    """

    @property
    def many(self) -> str | int | None:
        """How many words follow its flag."""
        return None

    @property
    def repeats(self) -> bool:
        """Whether the flag may be written several times."""
        return False

    @property
    def metavar(self) -> str:
        """What stands for a value in help."""
        return "VALUE"

    @property
    def python(self) -> str:
        """Its type in a signature."""
        return "Any"

    @property
    def field(self) -> str:
        """How a form asks for it."""
        return "text"

    @property
    def offers(self) -> str:
        """What completion and forms offer for it."""
        return ""

    @property
    def choices(self) -> tuple[str, ...]:
        """All values that there are; empty where there are more."""
        return ()

    @property
    def suggested(self) -> tuple[str, ...]:
        """Values that completion and forms offer: all that there are, or some of them."""
        return self.choices

    @property
    def names(self) -> bool:
        """Whether its words may name what stands on their desk."""
        return self.evaluates

    @property
    def evaluates(self) -> bool:
        """Whether its words may be code of the user's."""
        return False

    def flags(self, name: str) -> tuple[str, ...]:
        """Return the flags of an argument that declares none."""
        return (f"--{name.replace('_', '-')}",)

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """Return what words stand for; those that stand for nothing are left to :meth:`check`.

        Parameters
        ----------
        name
            The argument's, for errors.
        words
            What follows the flag.
        desk
            Where they were written.
        """
        return words[0]

    def check(self, name: str, value: Any) -> Any:
        """Return a value as the tool wants it.

        Raises
        ------
        JesseNbError
            When it cannot be one of this argument's.
        """
        return value

    def written(self, value: Any) -> str:
        """Return a value as one would write it in words; empty for None and what cannot be written."""
        if value is None or isinstance(value, bool | tuple):
            return ""
        return str(value)
