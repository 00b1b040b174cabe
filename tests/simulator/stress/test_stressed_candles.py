"""Candles under stress stay candles, and nothing before the stress moves."""

from __future__ import annotations

import numpy as np
import pytest

from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.stress.stressed_candles import follow, stressed, stressed_markets
from jesse_nb.exceptions import InputError
from tests.conftest import real_candles

START = 1_672_531_200_000


@pytest.fixture(scope="module")
def candles() -> np.ndarray:
    rows = real_candles("BTC-USDT")[:6_000].copy()
    rows[:, 0] = START + np.arange(len(rows)) * 60_000
    return rows


@pytest.mark.parametrize(("at", "minutes", "change", "volatility"), [
    (1_000, 240, -0.35, 1.0), (0, 1, -0.15, 1.0), (2_500, 1, 0.4, 1.0), (100, 3_000, -0.99, 1.0),
    (500, 2_000, 0.0, 3.0), (500, 2_000, -0.2, 0.0), (5_999, 500, -0.5, 2.0),
])
def test_they_stay_candles(candles, at, minutes, change, volatility):
    new = stressed(candles, START, at, minutes, change, volatility)
    _, opened, closed, high, low, _ = new.T
    assert (low > 0).all()
    assert (high >= np.maximum(opened, closed)).all()
    assert (low <= np.minimum(opened, closed)).all()
    assert np.array_equal(new[:at], candles[:at])  # to the last bit
    assert np.array_equal(new[:, [0, 5]], candles[:, [0, 5]])
    joined = np.abs(opened[1:] / closed[:-1] / (candles[1:, 1] / candles[:-1, 2]) - 1)
    gap = at - 1 if minutes == 1 and at else None
    assert np.delete(joined, gap).max() < 1e-9 if gap is not None else joined.max() < 1e-9


def test_prices_end_changed_by_as_much_as_was_asked(candles):
    new = stressed(candles, START, 1_000, 240, -0.35, 1.0)
    assert new[1_239:, 2] / candles[1_239:, 2] == pytest.approx(0.65)
    assert new[1_119, 2] / candles[1_119, 2] == pytest.approx(np.sqrt(0.65))
    gap = stressed(candles, START, 1_000, 1, -0.15, 1.0)
    assert gap[1_000, 1] / candles[1_000, 1] == pytest.approx(0.85)


def test_moves_are_so_many_times_as_large_while_it_lasts(candles):
    new = stressed(candles, START, 1_000, 2_000, 0.0, 3.0)
    moves, was = np.diff(np.log(new[:, 2])), np.diff(np.log(candles[:, 2]))
    assert moves[999:2_999] == pytest.approx(3 * was[999:2_999])
    assert moves[2_999:] == pytest.approx(was[2_999:])


def test_markets_change_alike_whatever_minutes_they_lack(candles):
    sparse = np.delete(candles, np.arange(1_100, 1_180), axis=0)
    whole, lacking = (stressed(rows, START, 1_000, 240, -0.35, 1.0) for rows in (candles, sparse))
    kept = np.isin(candles[:, 0], sparse[:, 0])
    assert lacking[:, 2] == pytest.approx(whole[kept][:, 2])


@pytest.mark.parametrize(("minutes", "change"), [(1, -0.15), (900, -0.35), (3_000, 0.4)])
def test_a_later_run_goes_on_in_the_same_market(candles, minutes, change):
    """What a run sees that begins amid a stress, or after it, are the rows that one from the beginning sees."""
    settings = {"at": 1_000.0, "minutes": float(minutes), "change": change, "volatility": 1.0}
    whole = stressed_markets({"BTC": (candles[:0], candles)}, settings, START)["BTC"][1]
    for begin, warm_up in ((1_500, 200), (1_100, 1_000), (2_400, 0)):
        later = {**settings, "at": 1_000.0 - begin}
        parts = {"BTC": (candles[begin - warm_up:begin], candles[begin:])}
        before, within = stressed_markets(parts, later, START + begin * 60_000)["BTC"]
        assert before == pytest.approx(whole[begin - warm_up:begin], rel=1e-12)
        assert within == pytest.approx(whole[begin:], rel=1e-12)


@pytest.mark.parametrize(("settings", "said"), [
    ({"change": -1.0}, "no price would be above zero"), ({"change": -1.5}, "no price would be above zero"),
    ({"volatility": -1.0}, "volatility is -1.0"), ({"minutes": 0}, "minutes is 0"),
])
def test_what_cannot_be_a_market_is_refused(settings, said):
    with pytest.raises(InputError, match=said):
        CandlePipeline("stress", {"at": 0, "minutes": 1, "change": 0.0, "volatility": 1.0, **settings})


def test_markets_that_follow_have_a_correlation_of_one_and_their_own_size(candles):
    other = candles.copy()
    other[:, 1:5] = real_candles("ETH-USDT")[:6_000, 1:5]
    new = follow(other, candles, START, 1_000, 2_000)
    moves = [np.diff(np.log(rows[:, 2]))[999:2_999] for rows in (new, other, candles)]
    assert np.corrcoef(moves[0], moves[2])[0, 1] == pytest.approx(1.0)
    assert np.corrcoef(moves[1], moves[2])[0, 1] < 0.99
    assert np.sqrt((moves[0] ** 2).mean()) == pytest.approx(np.sqrt((moves[1] ** 2).mean()))
    assert np.array_equal(new[:1_000], other[:1_000])
    assert np.diff(np.log(new[2_999:, 2])) == pytest.approx(np.diff(np.log(other[2_999:, 2])))
    assert (new[:, 3] >= new[:, 1:3].max(axis=1)).all()
    assert (new[:, 4] <= new[:, 1:3].min(axis=1)).all()
    assert (new[:, 4] > 0).all()
    assert follow(candles, candles, START, 1_000, 2_000) is candles
    lacking = follow(other, np.delete(candles, np.arange(1_500, 1_580), axis=0), START, 1_000, 2_000)
    assert (np.diff(lacking[1_500:1_580, 2]) == pytest.approx(0))
