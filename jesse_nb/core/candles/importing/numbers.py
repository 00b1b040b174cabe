"""Cells of a table as numbers, to the nearest double, or refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.candles.series import Candles
from jesse_nb.exceptions import InvalidCandlesError, shown

__all__ = ["is_number", "numbers_of", "refuse_lists"]


def numbers_of(column: pd.Series[Any], name: str, *, lenient: bool = False) -> Candles:
    """Return a column's numbers; NumPy reads texts as Python does: to the nearest double.

    Parameters
    ----------
    column
        Numbers, or texts of numbers.
    name
        What it is, for the errors.
    lenient
        Whether what is no number becomes NaN.

    Raises
    ------
    InvalidCandlesError
        When the column is of another kind, or a cell is no number.
    """
    kinds = pd.api.types
    if any(is_such(column) for is_such in (kinds.is_bool_dtype, kinds.is_complex_dtype, kinds.is_datetime64_any_dtype,
                                           kinds.is_timedelta64_dtype)):
        raise InvalidCandlesError(f"The column {name} holds {column.dtype}, not numbers.")
    refuse_lists(column, name)
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        bad = ~column.map(is_number).to_numpy(bool)
        if lenient:
            return column.where(~bad).to_numpy(dtype=np.float64, na_value=np.nan)
        if not bad.any():
            raise InvalidCandlesError(f"The column {name} cannot be read as numbers.") from None
        row = int(bad.argmax())
        raise InvalidCandlesError(
            f"The {name} of row {row + 1:,} is {shown(str(column.iloc[row])[:60])}, not a number.",
            "An import with errors='skip' (--errors skip) leaves such rows out, and says which.") from None


def is_number(cell: Any) -> bool:
    """Return whether a cell is a number, or a text of one."""
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def refuse_lists(column: pd.Series[Any], name: str) -> None:
    """Refuse [1.0], which NumPy takes for 1.0."""
    kinds = pd.api.types
    if kinds.infer_dtype(column) == "mixed" and column.map(kinds.is_list_like).any():
        raise InvalidCandlesError(f"The column {name} holds lists, not numbers.")
