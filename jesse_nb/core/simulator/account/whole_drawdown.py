"""The maximum drawdown from the starting balance on; Jesse's begins with what the first day left."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["whole_drawdown"]

#: Percent by which two drawdowns differ for more reasons than rounding.
_ROUNDING = 1e-7


def whole_drawdown(metrics: dict[str, Any], values: NDArray[np.float64]) -> dict[str, Any]:
    """Return the metrics with a maximum drawdown that counts what was lost from the starting balance on.

    Jesse compounds the returns of its daily samples and looks for peaks among the products, of which the first is
    already the first day's: an account that fell from 10,000 to 8,000 on its first day and stood still is called one
    without any drawdown. The Calmar ratio divides by it.

    Parameters
    ----------
    metrics
        Jesse's; percent.
    values
        The account by day, the starting balance first.

    Returns
    -------
    dict
        The same object where Jesse's drawdown is right, or there is none.

    Examples
    --------
    >>> found = whole_drawdown({"max_drawdown": 0.0, "annual_return": -5.0}, np.array([10_000.0, 8_000.0, 8_100.0]))
    >>> round(found["max_drawdown"], 6)
    -20.0
    """
    said = metrics.get("max_drawdown")
    if said is None or math.isnan(said) or not len(values) or not (values > 0).all():
        return metrics
    deepest = float((values / np.maximum.accumulate(values) - 1.0).min()) * 100.0
    if deepest > said - _ROUNDING:
        return metrics
    right = {**metrics, "max_drawdown": deepest}
    if "calmar_ratio" in metrics and not math.isnan(metrics["calmar_ratio"]):
        right["calmar_ratio"] = metrics["annual_return"] / -deepest
    return right
