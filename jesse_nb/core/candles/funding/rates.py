"""Funding rates of one market: what is right with them, and which of them are missing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.validation import FIRST_MOMENT, LAST_MOMENT
from jesse_nb.core.times import DAY_MS, MINUTE_MS, utc_text
from jesse_nb.exceptions import CandlesNotFoundError, InvalidCandlesError, shown

__all__ = ["FUNDING_MS", "FundingRates", "FundingSeries", "checked_rates", "even_instants", "merge_rates"]

#: The longest time that exchanges leave between two instants, 8 hours; rates without another time are of so long.
FUNDING_MS = 8 * 60 * MINUTE_MS

#: How late an instant may be that is none that is missing.
_LATE_MS = 5 * MINUTE_MS

#: No exchange lets a rate go so far, a fraction; and no market stays at the other one, so it must be percent.
_HIGHEST, _HIGHEST_MEDIAN = 0.1, 0.002


@dataclass(frozen=True, eq=False)
class FundingRates:
    """The instants at which those who hold a position pay or are paid.

    Attributes
    ----------
    times
        Milliseconds UTC, whole minutes, ascending, int64 (n,).
    rates
        Fractions of a position's value then, (n,). Above zero, longs pay and shorts are paid.
    """

    times: NDArray[np.int64]
    rates: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def fingerprint(self) -> str:
        """Hash of the times and rates (32 hexadecimal digits)."""
        return hashlib.blake2b(self.pack(), digest_size=16).hexdigest()

    def pack(self) -> bytes:
        """Return them as little-endian bytes: all times, then all rates."""
        return self.times.astype("<i8").tobytes() + self.rates.astype("<f8").tobytes()

    @classmethod
    def unpack(cls, content: bytes) -> FundingRates:
        """Build them from what :meth:`pack` returned."""
        half = len(content) // 2
        return cls(np.frombuffer(content[:half], dtype="<i8"), np.frombuffer(content[half:], dtype="<f8"))

    def within(self, start: int, end: int) -> FundingRates:
        """Return those of instants after ``start`` and before ``end``, milliseconds UTC."""
        chosen = slice(int(np.searchsorted(self.times, start, side="right")), int(np.searchsorted(self.times, end)))
        return FundingRates(self.times[chosen], self.rates[chosen])

    def missing(self, start: int, end: int) -> NDArray[np.int64]:
        """Return the instants after ``start`` and before ``end`` of which there should be a rate, milliseconds UTC.

        Exchanges change the time between instants, so a gap is one that is longer than those before and after it, or
        longer than 8 hours.
        """
        if not len(self.times):
            return even_instants(start, end)
        steps = np.diff(self.times)
        around = np.maximum(np.concatenate([[0], steps[:-1]]), np.concatenate([steps[1:], [0]]))[:len(steps)]
        usual = np.where(around > 0, np.minimum(around, FUNDING_MS), FUNDING_MS)
        first, last = (int(usual[0]), int(usual[-1])) if len(usual) else (FUNDING_MS, FUNDING_MS)
        lacking = [np.arange(self.times[0] - first, start, -first)[::-1], np.arange(self.times[-1] + last, end, last)]
        lacking += [np.arange(self.times[gap] + usual[gap], self.times[gap + 1] - _LATE_MS, usual[gap])
                    for gap in np.flatnonzero(steps > usual + _LATE_MS)]
        every: NDArray[np.int64] = np.sort(np.concatenate(lacking)).astype(np.int64)
        return every[(every > start) & (every < end)]


@dataclass(frozen=True, eq=False)
class FundingSeries:
    """Stored funding rates of one market.

    Attributes
    ----------
    exchange, symbol
        Its name, that of its candles.
    rates
        All that is stored.
    sources
        Where they came from, oldest first.

    Examples
    --------
    >>> import pandas as pd
    >>> rates = pd.DataFrame({"rate": 0.0001}, index=pd.date_range("2023-02-01", "2023-02-08", freq="8h", tz="UTC"))
    >>> series = jn.import_funding(rates, "ETH-USDT", "My Exchange", store=jn.CandleStore("elsewhere"))
    >>> len(series.within(series.start, series.end))
    20
    """

    exchange: str
    symbol: str
    rates: FundingRates
    sources: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Hash of the times and rates."""
        return self.rates.fingerprint

    @property
    def start(self) -> int:
        """The first instant, milliseconds UTC."""
        return int(self.rates.times[0])

    @property
    def end(self) -> int:
        """The last instant, milliseconds UTC."""
        return int(self.rates.times[-1])

    def __str__(self) -> str:
        lacking = len(self.rates.missing(self.start, self.end))
        return (f"{self.symbol} on {self.exchange}: {len(self.rates):,} funding rates, {utc_text(self.start)} to "
                f"{utc_text(self.end)}{f', {lacking:,} missing' if lacking else ''}")

    def within(self, start: int, end: int) -> FundingRates:
        """Return the rates that a run from ``start`` to ``end`` needs, milliseconds UTC.

        Raises
        ------
        CandlesNotFoundError
            Which says the days without one.
        """
        lacking = self.rates.missing(start, end)
        if len(lacking):
            raise CandlesNotFoundError(f"{self.symbol} on {self.exchange} has no funding rate of {_days(lacking)}.",
                               "Import those days' rates, or choose another period.")
        return self.rates.within(start, end)


def checked_rates(times: Any, rates: Any) -> FundingRates:
    """Return rates in order of time, each instant once; exchanges' milliseconds of delay are rounded away.

    Parameters
    ----------
    times
        Milliseconds UTC, (n,).
    rates
        Fractions, (n,).

    Raises
    ------
    InvalidCandlesError
        When there is none, a value cannot be one, or one instant has two.
    """
    moments, values = np.asarray(times, dtype=np.float64), np.asarray(rates, dtype=np.float64)
    if not len(moments):
        raise InvalidCandlesError("There is no funding rate in it.")
    bad = ~np.isfinite(moments) | (moments < FIRST_MOMENT) | (moments > LAST_MOMENT)
    if bad.any():
        raise InvalidCandlesError(f"The time of row {int(bad.argmax()) + 1:,} is no time from 2009 to 2100.")
    bad = ~np.isfinite(values) | (np.abs(values) > _HIGHEST)
    if bad.any():
        row = int(bad.argmax())
        raise InvalidCandlesError(f"The funding rate of row {row + 1:,} is {shown(float(values[row]))}.",
                           "It is a fraction, 0.0001 for 0.01 %, and at most a tenth.")
    usual = float(np.median(np.abs(values)))
    if usual > _HIGHEST_MEDIAN:
        raise InvalidCandlesError(f"Half of the funding rates are beyond {usual:.4g}: these are percent, no fractions.",
                                  "Divide them by 100: 0.01 % is 0.0001.")
    whole = np.rint(moments / MINUTE_MS).astype(np.int64) * MINUTE_MS
    order = np.argsort(whole, kind="stable")
    return _each_once(whole[order], values[order])


def merge_rates(stored: FundingRates, new: FundingRates, *, replace: bool = False) -> FundingRates:
    """Return both; where they differ at an instant, the new one with ``replace``.

    Raises
    ------
    InvalidCandlesError
        When they differ at an instant.
    """
    if replace:
        kept = ~np.isin(stored.times, new.times)
        stored = FundingRates(stored.times[kept], stored.rates[kept])
    times = np.concatenate([stored.times, new.times])
    order = np.argsort(times, kind="stable")
    return _each_once(times[order], np.concatenate([stored.rates, new.rates])[order],
                      "Give replace=True (--replace) where the new ones are right.")


def even_instants(start: int, end: int) -> NDArray[np.int64]:
    """Return midnight, 08:00 and 16:00 UTC of all days after ``start`` and before ``end``, milliseconds UTC."""
    return np.arange(start // FUNDING_MS * FUNDING_MS + FUNDING_MS, end, FUNDING_MS, dtype=np.int64)


def _each_once(times: NDArray[np.int64], rates: NDArray[np.float64], hint: str = "Keep one of them.") -> FundingRates:
    again = np.flatnonzero(times[1:] == times[:-1])
    differs = again[rates[again] != rates[again + 1]]
    if len(differs):
        row = int(differs[0])
        raise InvalidCandlesError(f"There are two funding rates of {utc_text(int(times[row]))}: {rates[row]:g} and "
                           f"{rates[row + 1]:g}.", hint)
    kept = np.setdiff1d(np.arange(len(times)), again + 1)
    return FundingRates(times[kept], rates[kept])


def _days(instants: NDArray[np.int64]) -> str:
    """Name the days of instants, those that follow each other together."""
    days = np.unique(instants // DAY_MS)
    runs = np.split(days, np.flatnonzero(np.diff(days) > 1) + 1)
    said = [utc_text(int(run[0]) * DAY_MS) if len(run) == 1 else
            f"{utc_text(int(run[0]) * DAY_MS)} to {utc_text(int(run[-1]) * DAY_MS)}" for run in runs]
    return ", ".join(said[:6]) + (f" and {len(said) - 6:,} more times" if len(said) > 6 else "")
