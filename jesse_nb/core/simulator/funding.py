"""Which funding a run pays: the stored rates of its markets, or one rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, Protocol

import numpy as np

from jesse_nb.core.candles.funding.rates import FundingRates, even_instants
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.simulator.data import MappedSlice
from jesse_nb.core.simulator.market_data import Funding
from jesse_nb.exceptions import CandlesNotFoundError, InputError, did_you_mean, shown

__all__ = ["STORED", "checked_funding", "constant_funding", "rates_of", "stored_funding"]

#: In place of a rate: those that are stored.
STORED = "stored"

#: A fraction for each 8 hours: 1,095 % a year.
_HIGHEST = 0.01


class _Market(Protocol):
    @property
    def exchange(self) -> str: ...

    @property
    def symbol(self) -> str: ...


def checked_funding(name: str, value: Any) -> float | str:
    """Return ``stored`` or a rate.

    Raises
    ------
    InputError
        When it is neither.
    """
    if isinstance(value, str) and value == STORED:
        return STORED
    if isinstance(value, bool) or not isinstance(value, Real) or not abs(float(value)) <= _HIGHEST:
        near = did_you_mean(value, [STORED]) if isinstance(value, str) else ""
        raise InputError.of(name, f"is {shown(value)}.", near or "It is a fraction for each 8 hours, from "
                            f"-{_HIGHEST} to {_HIGHEST}: 0.0001 for 0.01 %; or 'stored'.")
    return float(value)


def constant_funding(markets: Sequence[_Market], start: int, end: int, rate: float) -> tuple[Funding, ...]:
    """Return funding at one rate for every market, from ``start`` to ``end``, milliseconds UTC."""
    count = len(even_instants(start, end))
    return tuple(Funding(market.exchange, market.symbol, rate, count) for market in markets)


def stored_funding(
    markets: Sequence[_Market], start: int, end: int, store: CandleStore, mapped: Sequence[MappedSlice]
) -> tuple[tuple[Funding, ...], tuple[MappedSlice, ...]]:
    """Return funding at the stored rates of every market, and the candles' slices with the rates beside them.

    Raises
    ------
    CandlesNotFoundError
        When a market has no rates, or not for all of the period: then it says of which days.
    """
    found, rates = [], {}
    for market in markets:
        series = store.funding(market.exchange, market.symbol)
        if series is None:
            raise CandlesNotFoundError(f"No funding rates of {market.symbol} on {market.exchange} are stored.",
                                       "Import them (jn.import_funding, %candles funding FILE), or give a rate: "
                                       "funding=0.0001.", argument="funding")
        own = series.within(start, end)
        rates[market.exchange, market.symbol] = own.pack()
        found.append(Funding(market.exchange, market.symbol, None, len(own), own.fingerprint))
    return tuple(found), tuple(replace(part, funding=rates.get((part.exchange, part.symbol), b"")) for part in mapped)


def rates_of(
    funding: Sequence[Funding], start: int, end: int, mapped: Sequence[MappedSlice]
) -> dict[str, FundingRates]:
    """Return the rates of a run by symbol, as a worker is given them."""
    stored = {part.symbol: part.funding for part in mapped}
    found = {}
    for rates in funding:
        if rates.rate is not None:
            times = even_instants(start, end)
            found[rates.symbol] = FundingRates(times, np.full(len(times), rates.rate))
        else:
            found[rates.symbol] = FundingRates.unpack(stored[rates.symbol])
    return found
