"""Data of a strategy's own made worthless, so that a run shows whether its orders go by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.simulator.own_data.held_data import Held

__all__ = ["emptied"]

_PLAIN = (bool, int, float, str, type(None))
#: A collection in which fewer are others than the first would hardly be another.
_OTHERS = 0.1


def emptied(held: Held) -> bool:
    """Put in place of a collection one of the same size that holds its first value alone.

    Whoever goes by what stands in it, or by whether something is in it, decides otherwise then. What cannot be replaced
    so, or would be nearly the same, is left alone.

    Parameters
    ----------
    held
        What is held.

    Returns
    -------
    bool
        Whether it was replaced.
    """
    other = _emptied(held.content)
    if other is None or held.put is None:
        return False
    try:
        held.put(other)
    except (AttributeError, TypeError):
        return False
    return True


def _emptied(content: Any) -> Any:
    """Return the replacement, or None."""
    if type(content) in (list, tuple) and len(content) > 1:
        if not all(isinstance(part, _PLAIN) for part in content):
            return None
        return type(content)([content[0]] * len(content)) if _differ([part != content[0] for part in content]) else None
    if type(content) is np.ndarray and content.size > 1 and content.dtype.kind in "fiubU":
        first = content.reshape(-1)[0]
        return np.full_like(content, first) if _differ(content != first) else None
    if type(content) in (pd.Series, pd.DataFrame) and len(content) > 1:
        first = content.iloc[[0] * len(content)].set_axis(content.index)
        return first if _differ(first.to_numpy() != content.to_numpy()) else None
    if type(content) is dict and len(content) > 1:
        key, value = next(iter(content.items()))
        return {key: value}
    return None


def _differ(others: Any) -> bool:
    return bool(np.mean(others) >= _OTHERS)
