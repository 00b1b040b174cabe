"""How numbers are written by all that say them: progress, live view and reports."""

from __future__ import annotations

from typing import Any

__all__ = ["parameter", "short_number"]


def short_number(number: float) -> str:
    """Write with three to four significant digits, thousands grouped.

    Parameters
    ----------
    number
        Finite.

    Examples
    --------
    >>> short_number(1.0944), short_number(-0.4052), short_number(12_345.6)
    ('1.09', '-0.41', '12,346')
    """
    size = abs(number)
    if size >= 1000:
        return f"{number:,.0f}"
    if size >= 100:
        return f"{number:.1f}"
    if size >= 0.1 or size == 0:
        return f"{number:.2f}"
    return f"{number:.3f}" if size >= 0.0005 else f"{number:.1e}" if size >= 1e-12 else "0.00"


def parameter(value: Any) -> str:
    """Write a parameter's value: as typed, floats without the noise of binary fractions."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
