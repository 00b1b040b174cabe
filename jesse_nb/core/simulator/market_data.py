"""Which data of its markets a run reads, by content: slices of candles, and what funding costs."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["EXPANDED", "CandleSlice", "Funding"]

#: What stands in a fingerprint between the hash and the timeframe of which the minutes were made.
EXPANDED = " expanded from "


@dataclass(frozen=True)
class CandleSlice:
    """The stored one-minute candles that one series contributes, by content.

    Of candles that were made of longer ones, the fingerprint says so, and with it all that depends on it.

    ``start`` (warm-up included) and ``end`` are milliseconds UTC, end excluded.
    ``missing`` counts the minutes inside that nobody traded or recorded. ``sources`` say where the
    candles came from, where that is known; they count neither for equality nor for the key.
    """

    exchange: str
    symbol: str
    start: int
    end: int
    fingerprint: str
    missing: int = 0
    sources: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))  # JSON knows only lists

    @property
    def expanded_from(self) -> str:
        """The timeframe of the candles of which these were made; empty where the minutes themselves were known."""
        return self.fingerprint.partition(EXPANDED)[2]


@dataclass(frozen=True)
class Funding:
    """What holding one traded market costs, by content.

    Attributes
    ----------
    exchange, symbol
        The market.
    rate
        What longs pay to shorts every 8 hours, a fraction of the position's value; None for stored rates.
    instants, fingerprint
        How often within the period; hash of the stored rates in it, empty with ``rate``.
    """

    exchange: str
    symbol: str
    rate: float | None = None
    instants: int = 0
    fingerprint: str = ""

    def __str__(self) -> str:
        return f"{self.rate * 100:.4g}% every 8 hours" if self.rate is not None else \
            f"{self.instants:,} stored rates, {self.fingerprint}"
