"""What fits on the chart, from any distance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.trades.explorer_trades import explored_trades, fitting, values_of
from jesse_nb.core.analysis.trades.explorer_view import MOST_CANDLES, MOST_TRADES, Curve, MarketChart, thinned
from jesse_nb.core.candles import demo_candles
from jesse_nb.core.simulator.recording import ORDER_COLUMNS
from jesse_nb.core.simulator.result import TRADE_COLUMNS
from jesse_nb.core.times import DAY_MS, MINUTE_MS, to_ms
from jesse_nb.exceptions import InputError

START, DAYS = to_ms("2023-02-01"), 60


def made_trades(count: int) -> pd.DataFrame:
    opened = pd.to_datetime(START + np.linspace(0, (DAYS - 1) * DAY_MS, count).astype(np.int64), unit="ms", utc=True)
    rows = [("S", "E", "BTC-USDT", ("long", "short")[row % 2], moment, moment + pd.Timedelta("30min"), 100.0, 101.0,
             1.0, 100.0, 0.1, float(row % 3 - 1), 1.0, 1800.0, []) for row, moment in enumerate(opened)]
    return pd.DataFrame(rows, columns=list(TRADE_COLUMNS))


@pytest.fixture(scope="module")
def chart() -> MarketChart:
    candles = demo_candles("BTC-USDT", "2023-01-01", "2023-04-02")
    within = candles[candles[:, 0] >= START]
    trades = explored_trades(made_trades(5_000), {("E", "BTC-USDT"): candles}, end=START + DAYS * DAY_MS, open_at_end=0)
    orders = pd.DataFrame([("E", "BTC-USDT", "stop", "sell", 99.0, START + row * DAY_MS, START + (row + 1) * DAY_MS,
                            False) for row in range(DAYS)], columns=list(ORDER_COLUMNS))
    moments = within[:, 0].astype(float)
    equity = Curve(moments, within[:, 2].copy())
    return MarketChart(within, "5m", trades, orders, (), equity, equity, START, START + DAYS * DAY_MS)


@pytest.mark.parametrize("days", [60.0, 20.0, 3.0, 0.5, 0.01])
def test_never_more_than_some_thousand_points(chart: MarketChart, days: float) -> None:
    view = chart.view(START + 5 * DAY_MS, START + (5 + days) * DAY_MS)
    assert 0 < len(view.candles) <= 2 * MOST_CANDLES + 2
    assert len(view.trades) <= MOST_TRADES
    assert len(view.equity.times) <= 1_700
    assert view.candles[0, 0] <= view.start
    assert view.candles[-1, 0] + MINUTE_MS * 1_440 >= view.end


def test_the_route_s_candles_are_the_finest(chart: MarketChart) -> None:
    assert chart.view(START, START + DAY_MS).timeframe == "5m"
    near = chart.view(START, START + 3_600_000)
    assert near.timeframe == "5m"
    first = chart.candles[:5]
    assert near.candles[0].tolist() == [first[0, 0], first[0, 1], first[4, 2], first[:, 3].max(), first[:, 4].min(),
                                        pytest.approx(first[:, 5].sum())]
    assert chart.view().timeframe == "4h"


def test_trades_are_drawn_by_turns_and_all_from_near(chart: MarketChart) -> None:
    far = chart.view()
    assert far.every == 17
    assert far.trades.tolist() == list(range(1, 5_001, 17))
    near = chart.view(START, START + DAY_MS)
    assert near.every == 1
    assert near.trades[0] == 1
    longs = (chart.trades["side"] == "long").to_numpy()
    filtered = chart.view(fitting=longs)
    assert filtered.every == 9
    assert chart.trades.loc[filtered.trades, "side"].value_counts()["long"] == 278


@pytest.mark.parametrize(("start", "end"), [(-1e18, 1e18), (START + DAY_MS, START), (START, START), (1e15, 1e15)])
def test_any_two_moments_become_a_view_within_the_run(chart: MarketChart, start: float, end: float) -> None:
    view = chart.view(start, end)
    assert START <= view.start < view.end <= START + DAYS * DAY_MS


def test_a_trade_is_seen_with_its_surroundings(chart: MarketChart) -> None:
    start, end = chart.around(2_500)
    trade = chart.trades.loc[2_500]
    assert start < trade["opened_at"].value // 1_000_000 < trade["closed_at"].value // 1_000_000 < end
    assert chart.around(1)[0] == START


def test_stops_are_strokes_from_near(chart: MarketChart) -> None:
    view = chart.view(START + DAY_MS, START + 2 * DAY_MS)
    assert view.stops.times[:2].tolist() == [START, START + DAY_MS]
    assert np.isnan(view.stops.values[2])
    assert set(view.stops.values[~np.isnan(view.stops.values)]) == {99.0}


def test_thinning_keeps_the_extremes() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    values[[7, 55_555]] = 50.0, -50.0
    values[123] = np.nan
    thin = thinned(Curve(np.arange(100_000.0), values), 1_000)
    assert len(thin.times) <= 1_000
    assert (np.diff(thin.times) > 0).all()
    assert {50.0, -50.0} <= set(thin.values)
    assert (values[thin.times.astype(int)] == thin.values).all()
    assert thin.times[-1] == 99_999


@pytest.mark.parametrize("size", [1_001, 1_003, 7_919, 43_111])
@pytest.mark.parametrize("most", [100, 1_000])
def test_no_curve_loses_its_extremes_wherever_they_are(size: int, most: int) -> None:
    random = np.random.default_rng(size)
    for place in (0, 1, size // 2, *range(size - 60, size)):
        values = random.normal(size=size)
        values[place] = -99.0
        values[size - 1 - place] = 99.0 if place != size - 1 - place else -99.0
        thin = thinned(Curve(np.arange(float(size)), values), most)
        assert (thin.values.min(), thin.values.max()) == (values.min(), values.max())
        assert len(thin.times) <= most


def test_what_is_known_of_trades(chart: MarketChart) -> None:
    trades = chart.trades
    assert trades.index.tolist() == list(range(1, 5_001))
    assert trades["outcome"].head(3).tolist() == ["lost", "even", "won"]
    assert trades["weekday"].iloc[0] == "Wednesday"
    assert trades["exit"].unique().tolist() == ["unknown"]
    assert values_of(trades, "side") == ("long", "short")
    kept = fitting(trades, {"side": "long", "weekday": "Wednesday", "outcome": ""})
    assert set(trades[kept]["side"]) == {"long"}
    assert set(trades[kept]["weekday"]) == {"Wednesday"}
    with pytest.raises(InputError, match=r"cannot be filtered by 'sid'.*'side'"):
        fitting(trades, {"sid": "long"})
    empty = explored_trades(made_trades(0), {}, end=START, open_at_end=None)
    assert len(empty) == 0
