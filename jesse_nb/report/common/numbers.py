"""Numbers as people read them."""

from __future__ import annotations

import math
from typing import Any

from jesse_nb.core.texts import parameter, short_number

__all__ = ["UNDEFINED", "duration", "measure", "parameter", "price", "share", "tick"]

#: What stands in place of a value that does not exist.
UNDEFINED = "–"


def measure(value: Any, unit: str = "") -> str:
    """Write a metric's value with its unit.

    Parameters
    ----------
    value
        A number; None and NaN are undefined.
    unit
        ``percent`` (12.5 is ``+12.5%``), ``share`` (12.5 is ``12.5%``: of all trades, or how far something spreads),
        ``fraction`` (0.125 is ``12.5%``), ``ratio``,
        ``currency``, ``count``, or empty.
    """
    if _undefined(value):
        return UNDEFINED
    number = float(value)
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    if unit in ("percent", "share"):
        return f"{_plain_zero(short_number(number), signed=unit == 'percent')}%"
    if unit == "fraction":
        return f"{number * 100:.1f}%"
    if unit == "count":
        return f"{number:,.0f}"
    if unit == "currency":
        return _plain_zero(f"{number:,.0f}" if abs(number) >= 100_000 else f"{number:,.2f}")
    if number == int(number) and abs(number) < 1e6 and unit == "":
        return f"{number:,.0f}"
    return _plain_zero(short_number(number))


def tick(value: float, unit: str = "") -> str:
    """Write a round value beside an axis: no more digits than it has."""
    if unit in ("percent", "share"):
        return f"{_plain_zero(_round_digits(value), signed=unit == 'percent')}%"
    return f"{_round_digits(value * 100)}%" if unit == "fraction" else _plain_zero(_round_digits(value))


def _round_digits(value: float) -> str:
    return f"{value:,.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:,.5g}"  # %g has an exponent beyond its digits


def share(value: Any) -> str:
    """Write a fraction as whole percent without a sign; a tenth where it is below 10 %."""
    if _undefined(value):
        return UNDEFINED
    percent = float(value) * 100
    return _plain_zero(f"{percent:.1f}" if 0.05 <= abs(percent) < 9.95 else f"{percent:.0f}") + "%"


def price(value: Any) -> str:
    """Write a price or a quantity with six significant digits and no exponent."""
    if _undefined(value):
        return UNDEFINED
    number = float(value)
    if number == 0 or not math.isfinite(number):
        return measure(number, "count")
    decimals = max(0, 5 - math.floor(math.log10(abs(number))))
    text = f"{number:,.{min(decimals, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(seconds: Any) -> str:
    """Write a time span with its two largest units."""
    if _undefined(seconds):
        return UNDEFINED
    left = float(seconds)
    if left < 60:
        return f"{left:.1f} s" if left < 10 else f"{left:.0f} s"
    days, rest = divmod(round(left), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _undefined(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value != value


def _plain_zero(text: str, *, signed: bool = False) -> str:
    """Drop the sign of a rounded zero; add a plus to what is above zero where asked."""
    if not text.strip("-0.,"):
        return text.lstrip("-")
    return f"+{text}" if signed and not text.startswith("-") else text
