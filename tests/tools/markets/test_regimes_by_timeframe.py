"""Regimes of other candles than daily ones: all that is counted in days is counted in candles, and said so."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import num2date

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.exceptions import InputError, PeriodError
from jesse_nb.report.html import page
from jesse_nb.report.results import plots, report_of, text
from tests.analysis.markets.test_hidden_states import planted
from tests.report.test_html import words

FIRST = pd.Timestamp("2023-01-01", tz="UTC")
PLANTED = 0.1 * planted(450)[0]
STATES = {"markov": 2, "jump": 2, "changepoint": 2, "vol_terciles": 3}
METHODS = tuple(STATES)


def closes_of(steps: np.ndarray) -> np.ndarray:
    return 100 * np.cumprod(np.r_[1.0, 1.0 + steps])


def market(folder: Path, steps: np.ndarray, *, hours: int = 1, expanded_from: str = "") -> CandleStore:
    """A store with one market whose candles of so many hours make these returns."""
    store = CandleStore(folder)
    close = np.repeat(closes_of(steps), 60 * hours)
    stamps = FIRST.value // 10**6 + 60_000.0 * np.arange(len(close))
    store.write("Test Exchange", "AAA-USDT", np.column_stack([stamps, close, close, close, close, np.ones(len(close))]),
                expanded_from=expanded_from)
    return store


@pytest.fixture(scope="module")
def hourly(tmp_path_factory) -> CandleStore:
    return market(tmp_path_factory.mktemp("hourly"), PLANTED)


def regimes(store: CandleStore, method: str = "markov", timeframe: str = "1h"):
    return jn.regime_detector("AAA-USDT", method, STATES[method], timeframe=timeframe, candles=store, refit=90)


@pytest.mark.parametrize("method", METHODS)
def test_hours_are_told_as_days_with_these_returns_are(hourly, method):
    """To the last bit; only what is of a year knows how long a candle is."""
    days = pd.date_range(FIRST, periods=451, tz="UTC")
    curve = pd.Series(closes_of(PLANTED), index=days)
    daily = jn.regime_detector({"same": curve}, method, STATES[method], refit=90)
    found = regimes(hourly, method)
    assert (daily.timeframe, daily.unit, found.timeframe, found.unit) == ("1D", "day", "1h", "candle")
    assert np.array_equal(found.days.to_numpy(), daily.days.to_numpy())
    assert found.days.index[0] == FIRST + pd.Timedelta(hours=181)  # a return has its candle's beginning
    assert (found.late, found.missed, found.record) == (daily.late, daily.missed, daily.record)
    pd.testing.assert_frame_equal(found.transitions, daily.transitions, check_exact=True)
    pd.testing.assert_series_equal(found.durations, daily.durations, check_exact=True)
    assert np.array_equal(found.fits.iloc[:, 1:].to_numpy(dtype=float), daily.fits.iloc[:, 1:].to_numpy(dtype=float),
                          equal_nan=True)
    own, same = found.performance, daily.performance
    assert list(own) == ["candles", *list(same)[1:]]
    alike = ["mean", "low", "high", "p", "p_adjusted"]
    pd.testing.assert_frame_equal(own[alike], same[alike], check_exact=True)
    assert own["candles"].tolist() == same["days"].tolist()
    assert own[["volatility", "sharpe"]].to_numpy() == pytest.approx(
        same[["volatility", "sharpe"]].to_numpy() * math.sqrt(24), rel=1e-12)


def test_a_year_has_its_days_in_daily_figures_and_its_hours_in_hourly_ones(hourly, tmp_path):
    """Daily ones as ever, to the last bit: by the root of 365."""
    for found, periods in ((regimes(market(tmp_path, PLANTED, hours=24), timeframe="1D"), 365),
                           (regimes(hourly), 365 * 24)):
        state, step = found.days["state"].to_numpy()[:-1], found.days["return"].to_numpy()[1:]
        for place, name in enumerate(found.states):
            part = step[state == place]
            assert found.performance.loc[name, "volatility"] == part.std(ddof=1) * math.sqrt(periods) * 100.0
            assert found.performance.loc[name, "sharpe"] == pytest.approx(
                part.mean() / part.std(ddof=1) * math.sqrt(periods), rel=1e-12)


def test_the_default_is_a_day(tmp_path):
    store = market(tmp_path, PLANTED[:260], hours=24)
    plain = jn.regime_detector("AAA-USDT", "vol_terciles", candles=store)
    for name in ("1D", "1d"):
        other = jn.regime_detector("AAA-USDT", "vol_terciles", timeframe=name, candles=store)
        pd.testing.assert_frame_equal(plain.days, other.days, check_exact=True)
        pd.testing.assert_frame_equal(plain.performance, other.performance, check_exact=True)
        assert text(plain) == text(other)


@pytest.mark.parametrize("method", METHODS)
def test_a_later_poison_changes_no_earlier_hour(hourly, tmp_path, method):
    poisoned = PLANTED.copy()
    poisoned[400:] = 0.05 * np.random.default_rng(0).standard_normal(50)
    found, other = regimes(hourly, method), regimes(market(tmp_path, poisoned), method)
    told = ["state", "told"] if method == "markov" else ["state"]
    pd.testing.assert_frame_equal(found.days[told].iloc[:220], other.days[told].iloc[:220], check_exact=True)
    assert not np.array_equal(found.days["return"].iloc[220:], other.days["return"].iloc[220:])


@pytest.mark.parametrize("method", METHODS)
def test_the_report_speaks_of_candles(hourly, method):
    found = regimes(hourly, method)
    plain, said = text(found), words(page(found))
    assert "of 1h candles" in plain
    period = "2023-01-08 13:00 to 2023-01-19 19:00 (11 days)"
    assert period in plain
    for written in (plain, said, *report_of(found).pictures(found).values()):
        left = written.replace(period, "")
        assert not re.search(r"\b(daily|evening|day|days)\b", left), left
    assert "450 returns of 1h" in said
    assert all(len(line) <= 100 for line in plain.splitlines())
    assert set(plots(found)) <= set(report_of(found).pictures(found))


def test_the_last_state_is_drawn_for_a_candle(hourly):
    from jesse_nb.report.markets.regime_figures import draw_course

    found = regimes(hourly, "vol_terciles")
    edges = draw_course(found).axes[1].collections[0].get_coordinates()[0, :, 0]
    assert num2date(edges[-1]) == FIRST + pd.Timedelta(hours=451)
    assert num2date(edges[0]) == found.days.index[0]


def test_what_has_days_only_is_refused(hourly):
    curve = pd.Series(closes_of(PLANTED), index=pd.date_range(FIRST, periods=451, tz="UTC"))
    with pytest.raises(InputError, match=r"timeframe is '4h', and a result has days only. Take timeframe='1D'."):
        jn.regime_detector(curve, timeframe="4h")
    with pytest.raises(PeriodError, match=r"Unknown timeframe '60m'. Did you mean '1h'?"):
        jn.regime_detector("AAA-USDT", timeframe="60m", candles=hourly)


def test_candles_shorter_than_those_that_minutes_were_made_of_are_refused(tmp_path):
    store = market(tmp_path, PLANTED, expanded_from="1h")
    with pytest.raises(InputError, match=r"expanded from 1h: its 30m candles are made up. Take timeframe='1h'"):
        regimes(store, timeframe="30m")
    assert "expanded from 1h" in text(regimes(store, "vol_terciles"))


def test_too_few_candles_say_how_many_there_are_and_what_to_do(tmp_path):
    store = market(tmp_path, PLANTED[:238], expanded_from="1h")
    for timeframe, said in (
            ("1h", "inputs has 238 returns of 1h, and 240 are needed: 180 are learned from. Give a longer period."),
            ("1D", "inputs has 8 daily returns, and 240 are needed: 180 are learned from. Give a longer period, or a "
                   "shorter timeframe.")):
        with pytest.raises(InputError) as refused:
            regimes(store, timeframe=timeframe)
        assert str(refused.value) == said
