"""How well orders foretold a market: against the definition written out, and over many that know nothing."""

from __future__ import annotations

import numpy as np

from jesse_nb.core.analysis.check.foresight import foresight
from jesse_nb.core.simulator.observing import OrderEvent
from tests.conftest import real_candles

HOUR = 3_600_000
CANDLES = real_candles("BTC-USDT")[: 60 * 24 * 40]
START, END = int(CANDLES[0, 0]) + 24 * HOUR, int(CANDLES[0, 0]) + 39 * 24 * HOUR
HOURS = np.arange(START, END + 1, HOUR)
CLOSES = CANDLES[np.searchsorted(CANDLES[:, 0], HOURS - 60_000), 2]


def orders(places: np.ndarray, sides: np.ndarray) -> list[OrderEvent]:
    return [OrderEvent(int(HOURS[place]), "submitted", "Demo", "BTC-USDT", "buy" if side > 0 else "sell", "MARKET",
                       float(side), 1.0) for place, side in sorted(zip(places.tolist(), sides.tolist(), strict=True))]


def found_of(events: list[OrderEvent]):
    return foresight(events, {"BTC-USDT": CANDLES}, START, END, HOUR)


def test_what_is_captured_and_how_many_shifts_do_as_well_is_as_defined() -> None:
    chance = np.random.default_rng(3)
    places = chance.choice(len(HOURS) - 60, 30, replace=False)
    change = np.log(CLOSES[places + 6] / CLOSES[places])
    sides = np.where(chance.random(30) < 0.8, np.sign(change), -np.sign(change))
    found = found_of(orders(places, sides))
    assert found is not None
    moved = np.log(CLOSES[places + found.ahead] / CLOSES[places])
    assert np.isclose(found.captured, (sides * moved).sum() / np.abs(moved).sum())
    scores = []
    for ahead in (1, 2, 3, 4, 6, 8, 12, 24, 48):
        moves = np.r_[np.log(CLOSES[ahead:] / CLOSES[:-ahead]), np.zeros(ahead)]
        signs = np.zeros(len(HOURS))
        signs[places] = sides
        by_shift = np.array([(signs * np.roll(moves, -shift)).sum() for shift in range(len(HOURS))])
        others = by_shift[49:-48]
        scores.append((by_shift - others.mean()) / others.std())
    scores = np.array(scores)
    assert found.shifts == len(HOURS) - 97
    assert found.better == (scores[:, 49:-48].max(axis=0) >= scores[:, 0].max()).sum()


def test_who_knows_nothing_is_never_certain() -> None:
    certain = 0
    for seed in range(300):
        chance = np.random.default_rng(seed)
        places = chance.choice(len(HOURS), int(chance.integers(8, 120)), replace=False)
        found = found_of(orders(places, chance.choice([-1.0, 1.0], len(places))))
        assert found is not None
        certain += found.certain
    assert certain == 0


def test_who_goes_by_the_past_is_never_certain() -> None:
    for back in (1, 3, 6, 12, 24):
        change = np.log(CLOSES[back:] / CLOSES[:-back])
        for least in (0.0, 0.01, 0.03):
            places = np.flatnonzero(np.abs(change) > least) + back
            for way in (1, -1):
                found = found_of(orders(places, way * np.sign(change[places - back])))
                assert found is None or not found.certain


def test_too_few_orders_say_nothing() -> None:
    assert found_of(orders(np.arange(7) * 20, np.ones(7))) is None
    assert foresight(orders(np.arange(20), np.ones(20)), {"BTC-USDT": CANDLES}, START, START + 60 * HOUR, HOUR) is None
