"""What stands in a loaded result where a function of the user's stood: a record keeps data, and no code."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.exceptions import MetricError

__all__ = ["LostCode", "lost", "runs_in"]


@dataclass(frozen=True)
class LostCode:
    """A function of a run that was not kept, but for what it had said of the runs that were.

    Attributes
    ----------
    name
        What it was called.
    answers
        Keys of runs, and what it returns for each.

    Examples
    --------
    >>> LostCode("steady")(None)
    Traceback (most recent call last):
        ...
    jesse_nb.exceptions.MetricError: The function 'steady' is not in the record, which keeps no code. Run the cell \
that made this result again, or read the values that are in it.
    """

    name: str
    answers: tuple[tuple[str, Any], ...] = ()

    def __call__(self, run: Any) -> Any:
        """Return what the function said of a run.

        Raises
        ------
        MetricError
            When it was never asked about that run.
        """
        known = dict(self.answers)
        key = getattr(run, "key", None)
        if key in known:
            return known[key]
        raise MetricError(f"The function {self.name!r} is not in the record, which keeps no code.",
                          "Run the cell that made this result again, or read the values that are in it.")


def lost(function: Callable[[Any], Any], runs: Iterable[BacktestResult]) -> LostCode:
    """Return what stands for a function: it is asked about each run now, as a report would ask it later."""
    if isinstance(function, LostCode):
        return function
    return LostCode(str(getattr(function, "__name__", type(function).__name__)), tuple(_answers(function, runs)))


def runs_in(value: Any) -> dict[str, BacktestResult]:
    """Return all backtests that a result is made of, by their keys."""
    found: dict[str, BacktestResult] = {}
    waiting, seen = [value], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, BacktestResult):
            found[part.key] = part
        elif dataclasses.is_dataclass(part):
            waiting += [getattr(part, field.name) for field in dataclasses.fields(part)]
        elif isinstance(part, Mapping):
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part
    return found


def _answers(function: Callable[[Any], Any], runs: Iterable[BacktestResult]) -> Iterator[tuple[str, Any]]:
    for run in runs:
        try:
            said = function(run)
        except Exception:  # noqa: BLE001, S112 - the user's own code; a report that asks is told that it is gone
            continue
        plain = said.item() if hasattr(said, "item") and getattr(said, "shape", None) == () else said
        if plain is None or isinstance(plain, bool | int | float):
            yield run.key, plain
