"""Which code of a result's strategy is meant: what had run, what the user gives for it, or the record's text alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.core.simulator.spec import StrategyRef
from jesse_nb.core.simulator.strategies.strategy import read_strategy, resolve_strategy
from jesse_nb.core.simulator.strategies.strategy_registry import registered_strategy
from jesse_nb.exceptions import JesseNbError

__all__ = ["GivenStrategy", "Namesakes", "given_strategy"]


@dataclass(frozen=True)
class Namesakes:
    """A notebook's variables: its class of the strategy's name is tried where what had run is not known any more."""

    names: Mapping[str, Any]


@dataclass(frozen=True)
class GivenStrategy:
    """The code that is meant.

    Attributes
    ----------
    ref
        Of it.
    code
        The class, its text or its name, which may be run; None where only a record holds it.
    other
        Whether it is not what had run, letter for letter: only its result can tell whether it does the same.
    tried
        Whether nobody gave it: a notebook has a class of that name.
    """

    ref: StrategyRef
    code: Any
    other: bool = False
    tried: bool = False


def given_strategy(ref: StrategyRef, strategy: Any, project: Path | None) -> GivenStrategy:
    """Return the code that is meant by what a user gave, or by nothing.

    Parameters
    ----------
    ref
        Of the strategy that had run.
    strategy
        A class, source text or the name of one in the project; :class:`Namesakes`; or None.
    project
        The Jesse project's folder.

    Raises
    ------
    StrategyError
        When what was given is no strategy.
    """
    known = registered_strategy(ref.hash)
    tried = isinstance(strategy, Namesakes)
    if isinstance(strategy, Namesakes):
        strategy = _namesake(ref, strategy, known is not None)
    if strategy is not None:
        code = resolve_strategy(strategy, project)
        if code.ref.hash == ref.hash:
            return GivenStrategy(ref, strategy)
        return GivenStrategy(code.ref, strategy if isinstance(strategy, type) else code, other=True, tried=tried)
    if known is None:
        return GivenStrategy(ref, None)
    return GivenStrategy(ref, ref.name if known[0] is None else known[0])


def _namesake(ref: StrategyRef, namesakes: Namesakes, known: bool) -> type[Any] | None:
    """Return the notebook's class of that name; none where it is another one, and what had run is known."""
    found = namesakes.names.get(ref.name)
    if not isinstance(found, type) or not issubclass(found, strategy_class()):
        return None
    try:
        same = read_strategy(found).ref.hash == ref.hash
    except JesseNbError:
        return None
    return found if same or not known else None
