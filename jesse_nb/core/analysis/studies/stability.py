"""Whether the chosen parameters stay where they are from window to window."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from jesse_nb.core.study.dimension import Dimension
    from jesse_nb.core.study.walk_forward_study import WalkForwardStudy

__all__ = ["parameter_drift", "parameter_stability"]


def parameter_drift(result: WalkForwardStudy) -> pd.DataFrame:
    """Return the chosen parameters, one row a window, one column a parameter of the space.

    Windows in which nothing could be chosen are left out. Without a space there are no columns.
    """
    names = list(result.space.names) if result.space else []
    chosen = [window for window in result.windows if window.params]
    return pd.DataFrame(
        {name: pd.Series([window.params.get(name) for window in chosen], dtype=object) for name in names},
    ).set_axis(pd.Index([window.window.number for window in chosen] if names else [], name="window"), axis=0)


def parameter_stability(result: WalkForwardStudy) -> pd.DataFrame:
    """Return how steady each parameter is over the windows.

    Parameters
    ----------
    result
        A walk-forward.

    Returns
    -------
    pandas.DataFrame
        One row a parameter. ``stability``, from 0 to 1: for a number, 1 minus its mean absolute change from one
        window to the next, as a part of the searched range (of the logarithmic range where it was drawn on
        a logarithmic scale); for options, the share of windows that keep the one before. ``chance``: what
        choosing at random would give on average (about 0.67 for numbers), so a stability near it means
        that nothing was found. ``changes``: how many windows chose another value than the one before;
        ``pairs``: of how many. NaN with fewer than two windows.
    """
    drift = parameter_drift(result)
    rows = {}
    for dimension in result.space.dimensions if result.space else ():
        values = list(drift[dimension.name])
        pairs = list(itertools.pairwise(values))
        rows[dimension.name] = {
            "stability": _stability(dimension, pairs),
            "chance": _chance(dimension),
            "changes": sum(before != after for before, after in pairs),
            "pairs": len(pairs),
        }
    columns = ["stability", "chance", "changes", "pairs"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("parameter")


def _stability(dimension: Dimension, pairs: list[tuple[Any, Any]]) -> float:
    if not pairs:
        return math.nan
    if dimension.kind == "categorical":
        return float(np.mean([before == after for before, after in pairs]))
    low, high = (_place(dimension, value) for value in (dimension.low, dimension.high))
    moved = [abs(_place(dimension, after) - _place(dimension, before)) for before, after in pairs]
    return 1.0 - float(np.mean(moved)) / (high - low)


def _chance(dimension: Dimension) -> float:
    """Return the expected stability of independent draws from the range."""
    if dimension.kind == "categorical":
        return 1.0 / len(dimension.choices)
    if dimension.size is None or dimension.log:
        return 2.0 / 3.0
    return 1.0 - (dimension.size + 1) / (3.0 * dimension.size)


def _place(dimension: Dimension, value: Any) -> float:
    return math.log(float(value)) if dimension.log else float(value)
