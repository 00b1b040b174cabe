"""Which parameters are varied, and how far."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import Trial

from jesse_nb.core.study.dimension import Dimension
from jesse_nb.core.study.literal import literal
from jesse_nb.exceptions import SpaceError, shown

__all__ = ["Dimension", "Space"]

_SHAPES = "Write name=(low, high), name=(low, high, step) or name=['a', 'b']."


@dataclass(frozen=True)
class Space:
    """The parameters of an optimization.

    Attributes
    ----------
    dimensions
        The parameters, in the order in which they were written.

    Raises
    ------
    SpaceError
        When it is empty, or names a parameter twice.

    Examples
    --------
    >>> space = Space.parse({"fast": (5, 30), "stop": (1.0, 5.0, 0.5), "mode": ["a", "b"]})
    >>> space.size
    468
    """

    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimensions", tuple(self.dimensions))
        if not self.dimensions:
            raise SpaceError("The parameter space is empty.", _SHAPES)
        for position, name in enumerate(self.names):
            if name in self.names[:position]:
                raise SpaceError(f"The parameter {shown(name)} is in the space twice.")

    @classmethod
    def parse(cls, space: Any) -> Space:
        """Read what a user writes as a space.

        Parameters
        ----------
        space
            One of:

            - a dict of name to ``(low, high)``, ``(low, high, step)``, a list of options, a
              `Dimension`, or a dict with ``min``, ``max``, ``step``, ``log``, ``type``,
              ``options``, ``default``. Whole bounds and steps give whole numbers;
              one float among them gives floats.
            - the list that Jesse's ``hyperparameters()`` returns;
            - a text, as on a command line: ``"fast=5:30 stop=1.0:5.0:0.5 size=0.01:1:log mode=a,b"``;
            - a `Space`, returned as it is.

        Raises
        ------
        SpaceError
            When it is none of these, is empty or contradicts itself.
        """
        if isinstance(space, Space):
            return space
        if isinstance(space, str):
            return cls(tuple(_from_text(part) for part in space.split()))
        if isinstance(space, Mapping):
            return cls(tuple(_from_entry(name, entry) for name, entry in space.items()))
        if isinstance(space, list | tuple):
            return cls(tuple(_from_declaration(entry) for entry in space))
        raise SpaceError(f"A parameter space cannot be {shown(space)}.",
                         "Give a dict: dict(fast=(5, 30), stop=(1.0, 5.0, 0.5), mode=['a', 'b']).")

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names."""
        return tuple(dimension.name for dimension in self.dimensions)

    @property
    def size(self) -> int | None:
        """How many points it has; None when any parameter is continuous."""
        sizes = [dimension.size for dimension in self.dimensions]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def __len__(self) -> int:
        return len(self.dimensions)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return an Optuna distribution for each parameter."""
        return {dimension.name: dimension.distribution for dimension in self.dimensions}

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Draw one point with an Optuna trial.

        Floats on a step come as they would be typed (0.3, not 0.30000000000000004), so the same
        point is the same run every time.
        """
        return {dimension.name: dimension.suggest(trial) for dimension in self.dimensions}

    def grid(self) -> Iterator[dict[str, Any]]:
        """Return every point, the last parameter changing fastest.

        Raises
        ------
        SpaceError
            When a parameter is continuous.
        """
        values = [dimension.values for dimension in self.dimensions]
        return (dict(zip(self.names, point, strict=True)) for point in itertools.product(*values))

    def contains(self, params: Mapping[str, Any]) -> bool:
        """Return True when ``params`` names every parameter, no other, each with a value it can take."""
        return set(params) == set(self.names) and all(
            dimension.contains(params[dimension.name]) for dimension in self.dimensions
        )

    def clip(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the part of ``params`` that fits here, for a warm start from another space.

        Numbers move to the nearest value of their range; parameters unknown here, and options
        that do not exist here, are left out.
        """
        fitting: dict[str, Any] = {}
        for dimension in self.dimensions:
            if dimension.name in params:
                try:
                    fitting[dimension.name] = dimension.clip(params[dimension.name])
                except SpaceError:
                    continue
        return fitting

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists, strings and numbers."""
        return {"dimensions": [dimension.to_dict() for dimension in self.dimensions]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Space:
        """Build a space from what :meth:`to_dict` returned.

        Raises
        ------
        SpaceError
            When a field is missing, unknown or invalid.
        """
        try:
            return cls(tuple(Dimension(**{**entry, "choices": tuple(entry["choices"])})
                             for entry in content["dimensions"]))
        except (KeyError, TypeError) as error:
            raise SpaceError(f"This is not a stored parameter space: {error}.") from error


def _from_entry(name: Any, entry: Any) -> Dimension:
    if isinstance(entry, Dimension):
        if entry.name != name:
            raise SpaceError(f"The space calls {shown(name)} a dimension whose name is {shown(entry.name)}.",
                             "Use the same name.")
        return entry
    if not isinstance(name, str) or not name.isidentifier():
        raise SpaceError(f"A parameter is called {shown(name)}.", "Names are letters, digits and underscores.")
    if isinstance(entry, Mapping):
        return Dimension.declared(name, entry)
    if isinstance(entry, list):
        return Dimension(name, "categorical", choices=tuple(entry))
    if isinstance(entry, tuple) and len(entry) in (2, 3):
        if any(isinstance(bound, str) for bound in entry):
            raise SpaceError(f"The parameter {shown(name)} is {shown(entry)}.",
                             "Parentheses hold a range of numbers; write options as a list: "
                             f"{name}={list(entry)!r}.")
        return Dimension.declared(name, dict(zip(("min", "max", "step"), entry, strict=False)))
    raise SpaceError(f"The parameter {shown(name)} is {shown(entry)}.", _SHAPES)


def _from_declaration(entry: Any) -> Dimension:
    if isinstance(entry, Dimension):
        return entry
    if not isinstance(entry, Mapping):
        raise SpaceError(f"The parameter list holds {shown(entry)}.",
                         "Each entry is a dict such as {'name': 'fast', 'type': int, 'min': 5, 'max': 30}.")
    if "name" not in entry:
        raise SpaceError(f"The parameter {shown(dict(entry))} has no name.", "Add 'name'.")
    if str(entry.get("type")).strip("'\"") == "categorical":
        # Jesse looks at nothing but the options of a categorical parameter
        entry = {key: entry[key] for key in ("name", "type", "options", "default") if key in entry}
    return Dimension.declared(entry["name"], {key: value for key, value in entry.items() if key != "name"})


def _from_text(text: str) -> Dimension:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or not value:
        raise SpaceError(f"The parameter space holds {shown(text)}.", "Write fast=5:30 stop=1.0:5.0:0.5 mode=a,b.")
    if ":" in value:
        *bounds, last = value.split(":")
        log = last == "log"
        numbers = [literal(bound) for bound in (bounds if log else [*bounds, last])]
        if len(numbers) not in (2, 3):
            raise SpaceError(f"The range of {shown(name)} is {shown(value)}.",
                             "Write low:high, low:high:step or low:high:log.")
        bounded = dict(zip(("min", "max", "step"), numbers, strict=False))
        return Dimension.declared(name, {**bounded, "log": log})
    if "," in value:
        return Dimension(name, "categorical", choices=tuple(literal(option) for option in value.split(",")))
    raise SpaceError(f"The parameter {shown(name)} has the single value {shown(value)}.",
                     f"Give a range ({name}=5:30) or options ({name}=a,b), or fix it as a hyperparameter.")
