"""Readers of plain values: numbers, choices, texts, moments, switches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["Choice", "FlagEach", "Moment", "Name", "Number", "Numbers", "Switch", "Text", "Whole", "number_of",
           "whole_of"]


def number_of(text: str) -> Any:
    """Return the finite number that a text spells (``1_000`` and ``1e3`` too), or the text."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def whole_of(text: str) -> Any:
    """Return the whole number that a text spells (``1_000`` and ``1e3`` too), or the text."""
    try:
        return int(text)
    except ValueError:
        value = number_of(text)
    return int(value) if isinstance(value, float) and value == int(value) else text


@dataclass(frozen=True)
class Whole(Reader):
    """A whole number from ``low`` to ``high``; ``unit`` says of what."""

    low: int
    high: int = 10**12
    unit: str = ""
    metavar: str = "N"

    python = "int"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return whole_of(words[0])

    def check(self, name: str, value: Any) -> int:
        """See :meth:`Reader.check`."""
        if isinstance(value, bool) or not isinstance(value, Integral) or not self.low <= int(value) <= self.high:
            of = f" of {self.unit}" if self.unit else ""
            raise InputError.of(name, f"is {shown(value)}.",
                                f"It is a whole number{of} from {self.low:,} to {self.high:,}.")
        return int(value)


@dataclass(frozen=True)
class Number(Reader):
    """A finite number between bounds, which are excluded where they say so.

    ``unit`` says of what, ``hint`` what else there is to say of a wrong one. With ``limitless``, None stands for no
    limit; an ``optional`` one is None where it is left out.
    """

    low: float = 0.0
    high: float = 1e15
    above: bool = False
    below: bool = False
    unit: str = ""
    metavar: str = "NUMBER"
    hint: str = ""
    limitless: bool = False
    optional: bool = False

    @property
    def python(self) -> str:
        """See :class:`Reader`."""
        return "float | None" if self.limitless or self.optional else "float"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return None if self.limitless and words[0].casefold() == "none" else number_of(words[0])

    def check(self, name: str, value: Any) -> float | None:
        """See :meth:`Reader.check`."""
        if value is None and self.limitless:
            return None
        if isinstance(value, bool) or not isinstance(value, Real) or not self._within(float(value)):
            of = f" of {self.unit}" if self.unit else ""
            lowest = f"above {f'{self.low:,g}' if self.low else 'zero'}" if self.above else f"from {self.low:,g}"
            highest = f" to below {self.high:,g}" if self.below else f" to {self.high:,g}" if self.high < 1e9 else ""
            unless = ", or None for no limit" if self.limitless else ""
            raise InputError.of(name, f"is {shown(value)}.",
                                f"It is a number{of} {lowest}{highest}{unless}. {self.hint}".strip())
        return float(value)

    def _within(self, value: float) -> bool:
        low = value > self.low if self.above else value >= self.low
        return low and (value < self.high if self.below else value <= self.high)

    def written(self, value: Any) -> str:
        """See :meth:`Reader.written`."""
        return f"{value:.15g}" if isinstance(value, float) else super().written(value)


@dataclass(frozen=True)
class Numbers(Reader):
    """Several numbers, each within the bounds of ``one``; a single one will do."""

    one: Number
    many = "+"

    @property
    def metavar(self) -> str:
        """See :class:`Reader`."""
        return self.one.metavar

    python = "Sequence[float]"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return tuple(number_of(word) for word in words)

    def check(self, name: str, value: Any) -> tuple[float, ...]:
        """See :meth:`Reader.check`."""
        several = [value] if isinstance(value, Real) else value
        no_list = isinstance(several, str | bytes | Mapping) or not hasattr(several, "__iter__")
        given = [] if no_list else list(several)
        if not given:
            raise InputError.of(name, f"is {shown(value)}.", "It lists numbers, at least one.")
        return tuple(self._number(name, one) for one in given)

    def _number(self, name: str, one: Any) -> float:
        try:
            return float(self.one.check(name, one) or 0.0)
        except InputError as error:
            raise InputError.of(name, f"holds {shown(one)}.", error.hint.replace("It is", "Each is")) from None

    def written(self, value: Any) -> str:
        """See :meth:`Reader.written`."""
        return " ".join(f"{one:g}" for one in value) if value else ""


@dataclass(frozen=True)
class Choice(Reader):
    """One of several words.

    ``alias`` is what its type is called in signatures. A ``folded`` one is read whatever its capitals and dashes,
    ``synonyms`` are pairs of another spelling and the value. With ``nothing``, that value is what None stands for.
    """

    values: tuple[str, ...]
    alias: str = ""
    folded: bool = False
    synonyms: tuple[tuple[str, str], ...] = ()
    nothing: str = ""
    metavar: str = ""
    field = "choice"

    def __post_init__(self) -> None:
        object.__setattr__(self, "metavar", self.metavar or "|".join(self.values))

    @property
    def python(self) -> str:
        """See :class:`Reader`."""
        return self.alias or f"Literal[{', '.join(map(repr, self.values))}]"

    @property
    def choices(self) -> tuple[str, ...]:
        """See :class:`Reader`."""
        return self.values

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        if value is None and self.nothing:
            return self.nothing
        if isinstance(value, str) and self.folded:
            tidy = value.strip().casefold().replace("-", "").replace("_", "")
            value = dict(self.synonyms).get(tidy, tidy if tidy in self.values else value)
        if not isinstance(value, str) or value not in self.values:
            hint = did_you_mean(str(value), self.values) if isinstance(value, str) else \
                f"It is {' or '.join(map(repr, self.values))}."
            raise InputError.of(name, f"is {shown(value)}.", hint)
        return str(value)


@dataclass(frozen=True)
class FlagEach(Choice):
    """One of several words, each of which is a flag by itself, with a help of its own."""

    helps: tuple[str, ...] = ()

    def flags(self, name: str) -> tuple[str, ...]:
        """See :meth:`Reader.flags`."""
        return tuple(f"--{value}" for value in self.values)

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        if len(set(words)) > 1:
            *others, last = self.flags(name)
            raise InputError(f"Give one of {', '.join(others)} and {last}.")
        return words[0]


@dataclass(frozen=True)
class Text(Reader):
    """A text of at most ``longest`` letters."""

    metavar: str = "TEXT"
    longest: int = 200
    field: str = "text"
    offers: str = ""

    python = "str | None"

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        if not isinstance(value, str) or not value.strip():
            raise InputError.of(name, f"is {shown(value)}.", "It is a text.")
        if len(value) > self.longest:
            raise InputError.of(name, f"is {shown(value)}, {len(value):,} letters long.",
                                f"It has at most {self.longest:,}.")
        return value


class Name(Reader):
    """The name of a variable."""

    metavar = "NAME"

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        import keyword

        if not isinstance(value, str) or not value.isidentifier() or keyword.iskeyword(value):
            raise InputError.of(name, f"is {shown(value)}.", "It is a variable's name.")
        return value


class Moment(Reader):
    """A date, or a date and a time, UTC."""

    field = "date"

    metavar = "DATE"

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.times import to_ms

        to_ms(value, name)
        return value


@dataclass(frozen=True)
class Switch(Reader):
    """True or False; its flag gives ``on`` and takes no value, so that it is ``--no-...`` where that is False."""

    on: bool = True
    flag: str = ""
    many = 0
    field = "flag"

    python = "bool"

    def flags(self, name: str) -> tuple[str, ...]:
        """See :meth:`Reader.flags`."""
        return (self.flag,) if self.flag else (f"--{'' if self.on else 'no-'}{name.replace('_', '-')}",)

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return self.on

    def check(self, name: str, value: Any) -> bool:
        """See :meth:`Reader.check`."""
        if type(value).__name__ in ("bool", "bool_") and getattr(value, "shape", ()) == ():
            return bool(value)
        raise InputError.of(name, f"is {shown(value)}.", "It is True or False.")
