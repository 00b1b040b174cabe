"""What Jesse asked of a strategy once, or asks only now: said in one line before a run goes another way."""

from __future__ import annotations

import inspect
from typing import Any

from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.exceptions import StrategyError

__all__ = ["check_habits"]

#: Methods that Jesse does not call any more, and what it calls in their place.
_RENAMED = {"should_cancel": "should_cancel_entry", "on_take_profit": "on_close_position",
            "on_stop_loss": "on_close_position"}

#: What Jesse calls as methods.
_METHODS = ("hyperparameters", "dna", "should_long", "should_short", "go_long", "go_short", "before", "after",
            "filters", "update_position", "should_cancel_entry")


def check_habits(strategy: type[Any]) -> None:
    """Refuse a strategy that is written for another Jesse: it would crash, or do something else, within a run.

    Parameters
    ----------
    strategy
        A subclass of Jesse's ``Strategy``.

    Raises
    ------
    StrategyError
        Which says what to write.
    """
    base = strategy_class()
    for old, new in _RENAMED.items():
        if hasattr(strategy, old) and not hasattr(base, old) and getattr(strategy, new) is getattr(base, new):
            raise StrategyError(f"{strategy.__name__} defines {old}(), which Jesse does not call any more.",
                                f"Call it {new}{_parameters(getattr(base, new))}.")
    for name in _METHODS:
        found = inspect.getattr_static(strategy, name, None)
        if isinstance(found, property):
            raise StrategyError(f"{name} of {strategy.__name__} is a property, but Jesse calls it.",
                                f"Leave out @property: def {name}{_parameters(getattr(base, name))}.")
    for name, theirs in vars(base).items():
        mine = inspect.getattr_static(strategy, name, theirs)
        if name.startswith("_") or mine is theirs or not inspect.isfunction(theirs) or not inspect.isfunction(mine):
            continue
        if not _can_be_called_as(mine, theirs):
            raise StrategyError(f"{name} of {strategy.__name__} takes {_parameters(mine)}, but Jesse calls it with "
                                f"{_parameters(theirs)}.", f"Write def {name}{_parameters(theirs)}.")


def _can_be_called_as(mine: Any, theirs: Any) -> bool:
    """Whether a function takes what another one must be given."""
    needed = [parameter for parameter in inspect.signature(theirs).parameters.values()
              if parameter.default is parameter.empty and parameter.kind in (parameter.POSITIONAL_ONLY,
                                                                             parameter.POSITIONAL_OR_KEYWORD)]
    try:
        inspect.signature(mine).bind(*needed)
    except TypeError:
        return False
    return True


def _parameters(function: Any) -> str:
    return f"({', '.join(inspect.signature(function).parameters)})"
