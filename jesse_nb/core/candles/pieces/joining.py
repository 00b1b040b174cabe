"""Two series as one, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from jesse_nb.core.candles.pieces.pieces import Pieces
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.candles.validation import (
    Contradiction,
    find_contradiction,
    merge_candles,
    refuse_contradiction,
)

__all__ = ["joined"]


def joined(stored: Pieces | None, new: Pieces, *, replace: bool = False) -> Iterator[Candles]:
    """Yield the pieces of both series, float64 (n, 8), in order of time.

    Parameters
    ----------
    stored, new
        The series.
    replace
        Whether a new candle wins over a stored one of the same minute.

    Raises
    ------
    InvalidCandlesError
        At the end, when both have a minute with different values and ``replace`` is false; all are counted.
    """
    in_stored, in_new = set(stored.numbers() if stored else ()), set(new.numbers())
    first: Contradiction | None = None
    minutes = 0
    for number in sorted(in_stored | in_new):
        parts = [source.piece(number) for source, there in ((stored, in_stored), (new, in_new))
                 if source is not None and number in there]
        if len(parts) == 2 and not replace and (found := find_contradiction(*parts)):
            first, minutes = first or found, minutes + found.minutes
        if first is None:
            yield parts[0] if len(parts) == 1 else merge_candles(*parts)
    if first is not None:
        refuse_contradiction(first._replace(minutes=minutes))
