"""One parameter that is varied: its kind, its range or its options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from jesse_nb.exceptions import SpaceError, did_you_mean, shown

__all__ = ["Dimension", "DimensionKind", "Option"]

DimensionKind = Literal["int", "float", "categorical"]
Option = None | bool | int | float | str

#: What a declaration may say of a parameter beside its name.
DECLARED_KEYS = ("type", "min", "max", "step", "log", "options", "default")


@dataclass(frozen=True)
class Dimension:
    """One parameter of a space.

    Attributes
    ----------
    name
        The hyperparameter's name.
    kind
        ``int``, ``float`` or ``categorical``.
    low, high
        The bounds, both included; None for a categorical one. Where the range is no
        multiple of ``step``, ``high`` is lowered to the last value that can be reached.
    step
        Distance of neighbouring values. Always set for ``int`` (1 by default); a ``float``
        without one is continuous.
    log
        Draw on a logarithmic scale: as often between 1 and 10 as between 10 and 100.
    choices
        The options of a categorical parameter.
    default
        The strategy's own value, which may lie outside the range; None when unknown.

    Raises
    ------
    SpaceError
        When the bounds, the step and the options contradict each other.
    """

    name: str
    kind: DimensionKind
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    choices: tuple[Option, ...] = ()
    default: Option = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise SpaceError(f"A parameter is called {shown(self.name)}.", "Names are non-empty strings.")
        if self.kind not in ("int", "float", "categorical"):
            raise SpaceError(f"The type of {shown(self.name)} is {shown(self.kind)}.",
                             "It is 'int', 'float' or 'categorical'.")
        object.__setattr__(self, "default", _option(self.name, "default", self.default))
        if self.kind == "categorical":
            self._check_choices()
        else:
            self._check_range()

    @classmethod
    def declared(cls, name: str, declaration: Mapping[str, Any]) -> Dimension:
        """Build a dimension from a dict with the keys that Jesse's ``hyperparameters()`` uses.

        Parameters
        ----------
        name
            The parameter's name.
        declaration
            ``min``, ``max``, ``step``, ``log``, ``type``, ``options``, ``default``. Without a
            ``type`` it is categorical when it has options, ``int`` when all its numbers are whole
            numbers, ``float`` otherwise.
        """
        unknown = [key for key in declaration if key not in DECLARED_KEYS]
        if unknown:
            raise SpaceError(f"The parameter {shown(name)} has the key {shown(unknown[0])}.",
                             did_you_mean(str(unknown[0]), DECLARED_KEYS))
        kind: Any = declaration.get("type")
        # Jesse takes the types themselves and their names, even in quotes within the text
        kind = kind.__name__ if isinstance(kind, type) else kind
        kind = kind.strip("'\"") if isinstance(kind, str) else kind
        options, step = declaration.get("options"), declaration.get("step")
        if kind is None:
            numbers = [declaration.get("min"), declaration.get("max"), step]
            kind = ("categorical" if options is not None
                    else "float" if any(isinstance(_scalar(number), float) for number in numbers) else "int")
        if kind == "categorical":
            if options is not None and not isinstance(options, list | tuple):
                raise SpaceError(f"The options of {shown(name)} are {shown(options)}.", "Write them as a list.")
            return cls(name, kind, choices=tuple(options or ()), default=declaration.get("default"))
        if options is not None:
            raise SpaceError(f"The parameter {shown(name)} is of type {shown(kind)} but has options.",
                             "Give it type 'categorical', or min and max in place of options.")
        missing = [key for key in ("min", "max") if declaration.get(key) is None]
        if missing:
            raise SpaceError(f"The parameter {shown(name)} has no {' and no '.join(missing)}.",
                             "Write {'min': 5, 'max': 30}, or give 'options'.")
        return cls(name, kind, declaration["min"], declaration["max"], step, declaration.get("log", False),
                   default=declaration.get("default"))

    @property
    def distribution(self) -> BaseDistribution:
        """The same as an Optuna distribution."""
        if self.kind == "categorical":
            return CategoricalDistribution(self.choices)
        low, high = self._bounds
        if self.kind == "int":
            return IntDistribution(int(low), int(high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(low, high, log=self.log, step=self.step)

    @property
    def size(self) -> int | None:
        """How many values it can take; None when continuous."""
        if self.kind == "categorical":
            return len(self.choices)
        return None if self.step is None else self._index(self._bounds[1]) + 1

    @property
    def values(self) -> list[Option]:
        """Every value it can take, in order.

        Raises
        ------
        SpaceError
            When it is continuous.
        """
        if self.kind == "categorical":
            return list(self.choices)
        if self.size is None:
            raise SpaceError(f"The parameter {shown(self.name)} is continuous, so its values cannot be listed.",
                             "Give it a step: (low, high, step).")
        return [self._at(index) for index in range(self.size)]

    def suggest(self, trial: Trial) -> Option:
        """Draw a value with an Optuna trial; a float on a step comes as it would be typed (0.3)."""
        if self.kind == "categorical":
            return trial.suggest_categorical(self.name, self.choices)
        low, high = self._bounds
        if self.kind == "int":
            return trial.suggest_int(self.name, int(low), int(high), step=int(self.step or 1), log=self.log)
        value = trial.suggest_float(self.name, low, high, step=self.step, log=self.log)
        return self._at(self._index(value)) if self.step is not None else value

    def contains(self, value: Any) -> bool:
        """Return True when ``value`` is one that could be drawn."""
        value = _scalar(value)
        if self.kind == "categorical":
            return any(_same(value, choice) for choice in self.choices)
        low, high = self._bounds
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            return False
        if self.kind == "int" and value != int(value):
            return False
        return self.step is None or math.isclose(float(self._at(self._index(value))), value, rel_tol=1e-12)

    def clip(self, value: Any) -> Option:
        """Return the nearest value that could be drawn.

        Raises
        ------
        SpaceError
            When there is none: an unknown option, or no number for a range.
        """
        value = _scalar(value)
        if self.kind == "categorical":
            for choice in self.choices:
                if _same(value, choice):
                    return choice
            raise SpaceError(f"{shown(value)} is not an option of the parameter {shown(self.name)}.",
                             f"Options: {', '.join(map(repr, self.choices))}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise SpaceError(f"{shown(value)} is no value of the parameter {shown(self.name)}.", "It must be a number.")
        low, high = self._bounds
        inside = min(max(value, low), high)
        return self._at(self._index(inside)) if self.step is not None else float(inside)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, strings and numbers."""
        return asdict(self) | {"choices": list(self.choices)}

    @property
    def _bounds(self) -> tuple[float, float]:
        assert self.low is not None  # a range has both; __post_init__ saw to it
        assert self.high is not None
        return self.low, self.high

    def _index(self, value: float) -> int:
        """Return which step a value is nearest to, counted from ``low``."""
        assert self.step is not None
        return round((_decimal(value) - _decimal(self._bounds[0])) / _decimal(self.step))

    def _at(self, index: int) -> int | float:
        """Return the value after so many steps, in decimal so that it is 0.3 and not 0.30000000000000004."""
        assert self.step is not None
        exact = _decimal(self._bounds[0]) + index * _decimal(self.step)
        return int(exact) if self.kind == "int" else float(exact)

    def _check_range(self) -> None:
        if self.choices:
            raise SpaceError(f"The parameter {shown(self.name)} is of type {shown(self.kind)} but has options.")
        low, high = self._number("min", self.low), self._number("max", self.high)
        if low == high:
            raise SpaceError(f"The parameter {shown(self.name)} goes from {shown(low)} to {shown(high)}: one value.",
                             self._fix_it(low))
        if low > high:
            raise SpaceError(f"The parameter {shown(self.name)} goes from {shown(low)} down to {shown(high)}.",
                             "Write the lower bound first.")
        if not math.isfinite(high - low):
            raise SpaceError(f"The range of {self.name!r}, {low!r} to {high!r}, is too wide for a number.")
        if not isinstance(self.log, bool):
            raise SpaceError(f"log of {shown(self.name)} is {shown(self.log)}.", "It is True or False.")
        step = None if self.step is None else self._number("step", self.step)
        if step is not None and step <= 0:
            raise SpaceError(f"The step of {shown(self.name)} is {shown(step)}.", "It must be above zero.")
        span = _decimal(high) - _decimal(low)
        if step is not None and _decimal(step) > span:
            raise SpaceError(
                f"The step of {self.name!r} is {step!r}, larger than its range {low!r} to {high!r}.",
                f"Take a step of {span} at the most.",
            )
        if self.log and low <= 0:
            raise SpaceError(f"The parameter {shown(self.name)} is logarithmic but starts at {shown(low)}.",
                             "A logarithmic range starts above zero.")
        if self.log and step is not None and not (self.kind == "int" and step == 1):
            raise SpaceError(f"The parameter {shown(self.name)} is logarithmic and has the step {shown(step)}.",
                             "A logarithmic range has no step: leave one of the two out.")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "step", 1 if step is None and self.kind == "int" else step)
        if self.step is not None:
            object.__setattr__(self, "high", self._at(int(span // _decimal(self.step))))

    def _check_choices(self) -> None:
        if (self.low, self.high, self.step) != (None, None, None) or self.log:
            raise SpaceError(f"The parameter {shown(self.name)} is categorical but has min, max, step or log.",
                             "A categorical parameter has options only.")
        choices = tuple(_option(self.name, "option", choice) for choice in self.choices)
        if not choices:
            raise SpaceError(f"The parameter {shown(self.name)} is categorical but has no options.",
                             "Write them as a list: ['a', 'b'].")
        if len(choices) == 1:
            raise SpaceError(f"The parameter {shown(self.name)} has the one option {shown(choices[0])}.",
                             self._fix_it(choices[0]))
        for position, choice in enumerate(choices):
            if choice in choices[:position]:  # Optuna tells options apart by ==, so 1, 1.0 and True are one
                raise SpaceError(f"The parameter {shown(self.name)} has the option {shown(choice)} twice.",
                                 "1, 1.0 and True count as the same.")
        object.__setattr__(self, "choices", choices)

    def _fix_it(self, value: Option) -> str:
        return f"Take it out of the space and fix it with hyperparameters={{{self.name!r}: {value!r}}}."

    def _number(self, what: str, value: Any) -> int | float:
        value = _scalar(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SpaceError(f"The {what} of {shown(self.name)} is {shown(value)}.", "It must be a number.")
        if not math.isfinite(value):
            raise SpaceError(f"The {what} of {shown(self.name)} is {shown(value)}.", "It must be finite.")
        if self.kind == "float":
            return float(value)
        if value != int(value):
            raise SpaceError(f"The {what} of {shown(self.name)} is {shown(value)}, but its type is 'int'.",
                             "Give it type 'float', or a whole number.")
        return int(value)


def _decimal(value: float) -> Decimal:
    """Read a number as it is written, so that steps add up exactly."""
    return Decimal(str(value))


def _scalar(value: Any) -> Any:
    """Turn a NumPy scalar into Python's own number."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def _same(value: Any, choice: Option) -> bool:
    return isinstance(value, None | bool | int | float | str) and bool(value == choice)


def _option(name: str, what: str, value: Any) -> Option:
    value = _scalar(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise SpaceError(f"The {what} of {shown(name)} is {shown(value)}.", "It must be finite.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise SpaceError(f"The {what} of {shown(name)} is {shown(value)}.",
                     "Options and defaults are numbers, strings, booleans or None.")
