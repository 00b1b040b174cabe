"""Equity at midnight is what fills and candles say, and the same in both of Jesse's modes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from jesse_nb.core.analysis.curves.midnights import midnight_equity
from jesse_nb.core.analysis.studies.parity import SAMPLED, compare_modes
from jesse_nb.core.study.ratios import equity_ratios
from jesse_nb.core.times import DAY_MS
from tests.analysis.real_runs import FIXED, FLIP, PYRAMID, candles_of_run, run
from tests.simulator.accounts import equity_at, fills_of
from tests.strategies import CLOCK, REVERSION, TREND

TWO = ((REVERSION, "BTC-USDT", "1h"), (FIXED, "ETH-USDT", "15m"))

PAIRS = {
    "trend": (TREND, {}),
    "trend 15m": (TREND, {"timeframe": "15m"}),
    "trend 4h": (TREND, {"timeframe": "4h"}),
    "reversion": (REVERSION, {"leverage": 3}),
    "short": (REVERSION, {"hyperparameters": (("side", "short"),)}),
    "scaled": (PYRAMID, {}),
    "flipped": (FLIP, {"timeframe": "30m"}),
    "stopped": (FIXED, {"hyperparameters": (("stop", 1.0),)}),
    "spot": (REVERSION, {"market": "spot"}),
    "spot scaled": (PYRAMID, {"market": "spot"}),
    "spot, two markets": (TWO, {"market": "spot"}),
    "two markets": (TWO, {}),
    "gap kept": (CLOCK, {"gaps": "keep"}),
    "1D": (CLOCK, {"timeframe": "1D", "warm_up_candles": 0}),
    "from noon": (TREND, {"start": "2023-03-13 12:00", "end": "2023-04-02 18:00"}),
}


def both(name, candle_store):
    strategy, options = PAIRS[name]
    return tuple(run(candle_store, strategy, mode=mode, **options) for mode in ("fast", "step"))


@pytest.mark.parametrize("name", PAIRS)
def test_the_ratios_of_midnight_are_the_same_in_both_modes(name, candle_store):
    fast, step = both(name, candle_store)
    found = compare_modes(fast, step, candles_of_run(fast))
    assert (found.identical, found.midnight_reason) == (True, ""), found.differences
    ratios = found.ratios
    np.testing.assert_allclose(ratios["fast_midnight"], ratios["step_midnight"], rtol=1e-9)
    assert ratios.loc["sharpe_ratio", "fast_midnight"] == ratios.loc["sharpe_ratio", "fast_midnight"]
    flat = "scaled" in name  # no position over midnight
    assert np.allclose(ratios["fast"], ratios["step"], rtol=1e-9, equal_nan=True) == flat
    assert list(ratios.index) == list(SAMPLED)


@pytest.mark.parametrize("name", PAIRS)
def test_each_midnight_is_worth_what_the_definitions_say(name, candle_store):
    result, _ = both(name, candle_store)
    spec = result.spec
    found = midnight_equity(result.trades, candles_of_run(result), spec.account, spec.start, spec.end)
    moments = (found.index.view("int64") // 1_000_000).tolist()
    assert (moments[0], moments[-1]) == (spec.start, spec.end)
    assert all(moment % DAY_MS == 0 for moment in moments[1:-1])
    assert len(moments) == len({spec.start, spec.end, *range(-(-spec.start // DAY_MS) * DAY_MS, spec.end, DAY_MS)})
    candles = {symbol: rows for (_, symbol), rows in candles_of_run(result).items()}
    fills = fills_of(SimpleNamespace(trades=result.trades.to_dict("records")))
    np.testing.assert_allclose(found, equity_at(moments, fills, candles, spec.account), rtol=1e-11)
    assert found.iloc[0] == spec.account.balance
    assert found.iloc[-1] == pytest.approx(result.equity.iloc[-1], rel=1e-11)


def test_ratios_of_jesses_own_samples_are_those_that_it_reports(candle_store):
    """So that what is told apart is the moment of the sample, not the formula."""
    for mode in (0, 1):
        result = both("trend", candle_store)[mode]
        ratios = equity_ratios(result.equity)
        for name in SAMPLED[:-1]:
            assert ratios[name] == pytest.approx(result.metrics[name], rel=1e-9), name


def test_without_a_trade_nothing_moves(candle_store):
    result = run(candle_store, TREND)
    flat = midnight_equity(result.trades.iloc[:0], {}, result.spec.account, result.spec.start, result.spec.end)
    assert set(flat) == {result.spec.account.balance}
    assert len(flat) == 22
