"""How candle files are read: what their columns are, and what becomes of rows that are no one-minute candles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from jesse_nb.core.candles.importing.time_zones import zone_of
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["Errors", "ImportOptions", "OffMinute"]

OffMinute = Literal["refuse", "floor", "skip"]
Errors = Literal["refuse", "skip"]


@dataclass(frozen=True)
class ImportOptions:
    """How candle files are read.

    Attributes
    ----------
    columns
        What the columns of text files and of JSON lists are called, in the files' order, ``"-"`` for one without
        a use; None where the files say it.
    off_minute
        Timestamps between two minutes: ``"refuse"`` the file, ``"floor"`` them to the minute in which they lie, or
        ``"skip"`` their rows.
    errors
        Rows that are no candles: ``"refuse"`` the file, or ``"skip"`` them.
    expand
        Whether the candles are of a longer timeframe and one-minute candles are to be made of them, see
        :func:`~jesse_nb.core.candles.importing.expansion.expand_candles`.
    time_zone
        Of times that say none, like ``"Europe/Berlin"`` or ``"+02:00"``; None is UTC.

    Examples
    --------
    >>> ImportOptions(off_minute="floor").errors
    'refuse'
    """

    columns: tuple[str, ...] | None = None
    off_minute: OffMinute = "refuse"
    errors: Errors = "refuse"
    expand: bool = False
    time_zone: str | None = None

    def __post_init__(self) -> None:
        for name, choices in (("off_minute", get_args(OffMinute)), ("errors", get_args(Errors))):
            if getattr(self, name) not in choices:
                raise InputError.of(name, f"is {shown(getattr(self, name))}.",
                                    did_you_mean(str(getattr(self, name)), choices))
        if self.time_zone is not None:
            zone_of(self.time_zone)

    @property
    def lenient(self) -> bool:
        """Whether rows that are no candles are left out."""
        return self.errors == "skip"
