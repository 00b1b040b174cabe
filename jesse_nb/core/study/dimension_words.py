"""How a parameter's range is written."""

from __future__ import annotations

from jesse_nb.core.study.dimension import Dimension
from jesse_nb.core.texts import parameter

__all__ = ["range_of"]


def range_of(dimension: Dimension) -> str:
    """Say what a parameter is drawn from.

    Examples
    --------
    >>> range_of(Dimension("stop", "float", 1.0, 5.0, 0.5)), range_of(Dimension("fast", "int", 5, 30))
    ('1 to 5 by 0.5', '5 to 30')
    """
    if dimension.kind == "categorical":
        return ", ".join(parameter(choice) for choice in dimension.choices)
    text = f"{parameter(dimension.low)} to {parameter(dimension.high)}"
    if dimension.step is not None and (dimension.kind == "float" or dimension.step != 1):
        text += f" by {parameter(dimension.step)}"
    return f"{text}, log" if dimension.log else text
