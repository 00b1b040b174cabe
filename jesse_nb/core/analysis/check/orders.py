"""The orders of two runs compared: to the letter up to a moment, or by what they meant over a whole period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from jesse_nb.core.simulator.observing import OrderEvent
from jesse_nb.core.times import utc_text

__all__ = ["OrderDifference", "decision_text", "first_difference", "same_decisions", "same_moments"]

#: Events whose quantities and prices differ by no more than this part are the same decision.
TOLERANCE = 1e-3


class OrderDifference(NamedTuple):
    """The first event that two runs do not share; one of the two is None where it has no further event."""

    time: int
    first: OrderEvent | None
    second: OrderEvent | None


def first_difference(
    first: Sequence[OrderEvent], second: Sequence[OrderEvent], until: int | None = None
) -> OrderDifference | None:
    """Return where two runs part: the first event that is not the same in both, to the last bit.

    Parameters
    ----------
    first, second
        Events in the order of time.
    until
        Milliseconds UTC; later events are not looked at. None looks at all.

    Examples
    --------
    >>> buy = OrderEvent(60_000, "submitted", "Demo", "BTC-USDT", "buy", "MARKET", 1.0, 100.0)
    >>> first_difference([buy], [buy]) is None
    True
    >>> first_difference([buy], []).time
    60000
    """
    one = [event for event in first if until is None or event.time <= until]
    other = [event for event in second if until is None or event.time <= until]
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            return OrderDifference(min(mine.time, theirs.time), mine, theirs)
    if len(one) == len(other):
        return None
    longer, place = (one, len(other)) if len(one) > len(other) else (other, len(one))
    event = longer[place]
    return OrderDifference(event.time, event if longer is one else None, event if longer is other else None)


def same_decisions(first: Sequence[OrderEvent], second: Sequence[OrderEvent]) -> float:
    """Return the fraction of submitted orders that two runs share, 0 to 1; 1 where neither has any.

    Two orders are the same when moment, market, side and type are, and quantity and price differ by at most a
    thousandth: indicators that remember for ever give other last digits after a longer warm-up.

    Examples
    --------
    >>> buy = OrderEvent(60_000, "submitted", "Demo", "BTC-USDT", "buy", "MARKET", 1.0, 100.0)
    >>> same_decisions([buy], [buy._replace(qty=1.0001)])
    1.0
    >>> same_decisions([buy], [buy._replace(side="sell")])
    0.0
    """
    one, other = _submitted(first), _submitted(second)
    most = max(len(one), len(other))
    if not most:
        return 1.0
    waiting: dict[tuple[object, ...], list[OrderEvent]] = {}
    for event in other:
        waiting.setdefault(_place(event), []).append(event)
    shared = 0
    for event in one:
        alike = waiting.get(_place(event), [])
        match = next((candidate for candidate in alike if _close(event, candidate)), None)
        if match is not None:
            alike.remove(match)
            shared += 1
    return shared / most


def same_moments(first: Sequence[OrderEvent], second: Sequence[OrderEvent], after: int, until: int) -> tuple[int, int]:
    """Return how many orders submitted in ``(after, until]`` two runs share by moment, market and side; of how many.

    Whatever a strategy that looks at candles does, it does not go on alike in a market turned upside down.
    """
    counts = [Counter((event.time, event.symbol, event.side) for event in _submitted(events)
                      if after < event.time <= until) for events in (first, second)]
    return sum((counts[0] & counts[1]).values()), max(sum(count.values()) for count in counts)


def decision_text(event: OrderEvent | None) -> str:
    """Return an event in words.

    Examples
    --------
    >>> decision_text(OrderEvent(60_000, "submitted", "Demo", "BTC-USDT", "buy", "LIMIT", 0.5, 100.0))
    'buy 0.5 BTC-USDT (limit, at 100) submitted at 1970-01-01 00:01'
    >>> decision_text(None)
    'no further order'
    """
    if event is None:
        return "no further order"
    price = "" if event.price is None else f", at {event.price:,.8g}"
    return (f"{event.side} {abs(event.qty):,.6g} {event.symbol} ({event.type.lower()}{price}) {event.event} at "
            f"{utc_text(event.time)}")


def _submitted(events: Sequence[OrderEvent]) -> list[OrderEvent]:
    return [event for event in events if event.event == "submitted"]


def _place(event: OrderEvent) -> tuple[object, ...]:
    return event.time, event.exchange, event.symbol, event.side, event.type


def _close(one: OrderEvent, other: OrderEvent) -> bool:
    return _near(one.qty, other.qty) and _near(one.price or 0.0, other.price or 0.0)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other))
