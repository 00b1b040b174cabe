"""Correlation, beta and alpha against scipy, empyrical and Newey and West's formula written out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jesse_nb.core.analysis.market.benchmark import against, buy_and_hold
from jesse_nb.exceptions import InputError
from tests.analysis.random_trades import BTC, ETH, MINUTE, START, random_candles
from tests.analysis.real_runs import candles_of_run, run
from tests.strategies import CLOCK, TREND


def curve(returns, *, start="2023-01-01", name=None):
    days = pd.date_range(start, periods=len(returns) + 1, freq="D", tz="UTC")
    return pd.Series(1_000 * np.cumprod([1.0, *(1 + np.asarray(returns))]), index=days, name=name)


def pair(seed, days=300):
    random = np.random.default_rng(seed)
    market = random.standard_t(5, days) * 0.02
    own = 0.0004 + 0.4 * market + random.standard_t(5, days) * 0.01 * (1 + 20 * np.abs(market))
    return own, market


def newey_west(x, y):
    """White's sandwich with Bartlett's weights, scaled by n / (n - 2); coefficients and errors."""
    design = np.column_stack([np.ones(len(x)), x])
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    moments = design * (y - design @ coefficients)[:, None]
    lags = math.floor(4 * (len(x) / 100) ** (2 / 9))
    middle = moments.T @ moments
    for lag in range(1, lags + 1):
        product = moments[lag:].T @ moments[:-lag]
        middle += (1 - lag / (lags + 1)) * (product + product.T)
    bread = np.linalg.inv(design.T @ design)
    errors = np.sqrt(np.diag(bread @ middle @ bread) * len(x) / (len(x) - 2))
    return coefficients, errors, lags


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_oracles(seed):
    import empyrical

    y, x = pair(seed)
    found = against(curve(y), curve(x, name="BTC-USDT"))
    assert (found.name, found.days, found.dropped, found.reason, found.note) == ("BTC-USDT", 300, 0, "", "")
    assert found.pearson.value == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-10)
    z, width = math.atanh(found.pearson.value), stats.norm.ppf(0.975) / math.sqrt(len(x) - 3)
    assert (found.pearson.low, found.pearson.high) == pytest.approx((math.tanh(z - width), math.tanh(z + width)))
    ranks = np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]
    assert found.spearman == pytest.approx(ranks, rel=1e-10)
    t = ranks * math.sqrt((len(x) - 2) / (1 - ranks**2))
    assert found.spearman_p == pytest.approx(2 * stats.t.sf(abs(t), len(x) - 2), rel=1e-8)

    line = stats.linregress(x, y)
    assert found.beta.value == pytest.approx(line.slope, rel=1e-10)
    assert found.beta.value == pytest.approx(empyrical.beta(y, x), rel=1e-10)
    assert found.alpha.value == pytest.approx(line.intercept * 365 * 100, rel=1e-9)
    # empyrical compounds the year, we add it up: alike for a period of one day
    assert found.alpha.value == pytest.approx(empyrical.alpha(y, x, annualization=1) * 365 * 100, rel=1e-9)
    assert found.r_squared == pytest.approx(line.rvalue**2, rel=1e-10)

    (_, _), errors, lags = newey_west(x, y)
    assert found.lags == lags
    assert found.alpha_t == pytest.approx(line.intercept / errors[0], rel=1e-9)
    assert found.alpha_p == pytest.approx(2 * stats.t.sf(abs(found.alpha_t), len(x) - 2), rel=1e-9)
    quantile = stats.t.ppf(0.975, len(x) - 2)
    assert found.beta.high - found.beta.value == pytest.approx(quantile * errors[1], rel=1e-9)
    assert found.alpha.value - found.alpha.low == pytest.approx(quantile * errors[0] * 365 * 100, rel=1e-9)
    assert found.up_capture == pytest.approx(y[x > 0].mean() / x[x > 0].mean(), rel=1e-9)
    assert found.down_capture == pytest.approx(y[x < 0].mean() / x[x < 0].mean(), rel=1e-9)


def test_the_market_itself():
    _, x = pair(0)
    found = against(curve(x), curve(x))
    assert (found.beta.value, found.pearson.value, found.up_capture) == pytest.approx((1, 1, 1))
    assert found.alpha.value == pytest.approx(0, abs=1e-9)


def test_undefined_days_are_dropped_and_counted():
    y, x = pair(1, 100)
    benchmark = curve(x)
    benchmark.iloc[[20, 50, 51]] = np.nan
    found = against(curve(y), benchmark)
    kept = np.setdiff1d(np.arange(100), [19, 20, 49, 50, 51])  # from and to an undefined value
    assert (found.days, found.dropped) == (95, 5)
    assert found.beta.value == pytest.approx(stats.linregress(x[kept], y[kept]).slope, rel=1e-10)
    assert against(curve(y), curve(x).drop(curve(x).index[[20, 50, 51]])) == found
    assert against(curve(y), curve(x).iloc[:60]).dropped == 41


def test_what_a_date_means():
    """Providers stamp a close with the day's beginning; a sample here is stamped when it was taken."""
    y, x = pair(2)
    provided = curve(x, start="2022-12-31")
    provided.index = provided.index.tz_localize(None)
    assert against(curve(y), provided, stamped="start") == against(curve(y), curve(x))
    wrong = against(curve(y), provided)
    assert abs(wrong.pearson.value) < 0.2
    assert "Moved by a day it would correlate far more" in wrong.note


def test_samples_a_candle_after_midnight_belong_to_their_day():
    y, x = pair(3)
    late = curve(y)
    late.index += pd.Timedelta(hours=1)
    assert against(late, curve(x)) == against(curve(y), curve(x))


def test_buy_and_hold_is_the_price_at_the_same_moments():
    candles = {BTC: random_candles(1, 5 * 1440), ETH: random_candles(2, 5 * 1440)}
    times = [START, *(START + (day * 1440 + 1) * MINUTE for day in range(1, 5))]
    moments = pd.to_datetime(times, unit="ms", utc=True)
    equity = pd.Series(1.0, index=moments)
    expected = []
    for market, series in candles.items():
        prices = [series[0, 1], *(series[series[:, 0] + MINUTE <= moment][-1, 2] for moment in times[1:])]
        expected.append(np.array(prices) / prices[0])
        np.testing.assert_allclose(buy_and_hold(candles, equity, [market]), expected[-1], rtol=1e-12)
    both = buy_and_hold(candles, equity)
    np.testing.assert_allclose(both, np.mean(expected, axis=0), rtol=1e-12)
    assert buy_and_hold(candles, equity, [ETH]).name == "ETH-USDT"


def test_a_market_listed_later_begins_when_it_has_a_price():
    candles = {BTC: random_candles(1, 3 * 1440), ETH: random_candles(2, 1440, start=START + 1440 * MINUTE)}
    equity = pd.Series(1.0, index=pd.date_range("2023-01-01", periods=4, tz="UTC"))
    held = buy_and_hold(candles, equity)
    assert held.isna().tolist() == [True, False, False, False]
    assert held.iloc[1] == 1


def test_a_real_run_that_mostly_holds_follows_the_market(candle_store):
    result = run(candle_store, CLOCK, end="2023-05-15", fee=0.0)
    found = against(result.equity, buy_and_hold(candles_of_run(result), result.equity))
    assert found.pearson.value > 0.3
    assert found.beta.low > 0
    assert found.days == len(result.equity) - 1 or found.days == len(result.equity) - 2
    short = run(candle_store, TREND, end="2023-05-15", hyperparameters=(("side", "short"),))
    assert against(short.equity, buy_and_hold(candles_of_run(short), short.equity)).beta.high < 0


def test_too_few_days():
    y, x = pair(0, 10)
    found = against(curve(y), curve(x))
    assert found.reason == "10 common days are too few; 20 are needed"
    assert math.isnan(found.beta.value)
    assert math.isnan(found.alpha_p)


def test_nothing_in_common():
    y, x = pair(0, 50)
    found = against(curve(y), curve(x, start="2021-01-01"))
    assert (found.days, found.dropped) == (0, 50)
    assert "too few" in found.reason


def test_flat_curves():
    y, x = pair(0, 50)
    assert against(curve(0 * y), curve(x)).reason == "the equity does not vary"
    assert against(curve(y), curve(0 * x)).reason == "the benchmark does not vary"


def test_what_happens_after_ruin_is_no_return():
    y, x = pair(0, 100)
    ruined = curve(y)
    ruined.iloc[60:] = [-5.0, *([0.0] * 40)]
    found = against(ruined, curve(x))
    assert found.days == 60
    assert math.isfinite(found.beta.value)


def test_refuses_what_has_no_dates():
    y, x = pair(0, 50)
    with pytest.raises(InputError, match="has no dates"):
        against(curve(y), curve(x).reset_index(drop=True))
    with pytest.raises(InputError, match="'end' or 'start'"):
        against(curve(y), curve(x), stamped="middle")
    with pytest.raises(InputError, match="no market to hold"):
        buy_and_hold({}, curve(y))
