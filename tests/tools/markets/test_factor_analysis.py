"""Factor analysis: what was planted is found, all adds up, and what cannot be known is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.exceptions import CandlesNotFoundError, InputError
from jesse_nb.report.results import plot
from tests.analysis.results import make_backtest, make_spec
from tests.tools.markets.conftest import curve_of

NAMES = [f"{letter * 3}-USDT" for letter in "ABCDEF"]
FIRST = pd.Timestamp("2023-01-01", tz="UTC")


@pytest.fixture(scope="module")
def universe(tmp_path_factory) -> CandleStore:
    """A hundred and fifty days of six markets that share a common move."""
    store = CandleStore(tmp_path_factory.mktemp("universe"))
    random = np.random.default_rng(4)
    days, every = 150, 360  # a price four times a day, held in between
    common = random.standard_t(5, days * 4) * 0.008
    stamps = FIRST.value / 1e6 + 60_000.0 * np.arange(days * 1_440)
    for number, name in enumerate(NAMES):
        steps = common * (0.7 + 0.1 * number) + random.standard_t(5, days * 4) * 0.006
        close = np.repeat(100 * np.exp(np.cumsum(steps)), every)
        store.write("Test Exchange", name, np.column_stack(
            [stamps, close, close, close, close, np.repeat(random.lognormal(3 - number / 2, 0.4, days * 4), every)]))
    return store


@pytest.fixture(scope="module")
def closes(universe) -> pd.DataFrame:
    read = {name: universe.read("Test Exchange", name) for name in NAMES}
    return pd.DataFrame({name: minutes[1_439::1_440, 2] for name, minutes in read.items()},
                        index=pd.date_range(FIRST, periods=150, tz="UTC"))


@pytest.fixture(scope="module")
def planted(closes) -> pd.Series:
    """An account with half of the first market, a tenth of a percent a day, and noise."""
    moves = closes[NAMES[0]].pct_change().dropna().to_numpy()
    noise = np.random.default_rng(5).standard_normal(len(moves)) * 0.004
    return curve_of(0.5 * moves + 0.001 + noise, pd.DatetimeIndex(closes.index[1:]).append(
        pd.DatetimeIndex([closes.index[-1] + pd.Timedelta(days=1)])))


@pytest.fixture(scope="module")
def found(planted, universe):
    return jn.factor_analysis(equity=planted, candles=universe)


def test_days_are_those_of_the_account(planted, universe, closes) -> None:
    # one factor from elsewhere, the market that the account holds: any shift by a day would lose it
    moves = closes[NAMES[0]].pct_change().dropna().rename("own").to_frame()
    alone = jn.factor_analysis(equity=planted, factor_returns=moves)
    assert alone.days == 149
    assert alone.table.loc["own", "low"] < 0.5 < alone.table.loc["own", "high"]
    assert alone.r_squared > 0.8
    assert alone.universe == ()


def test_the_market_is_found(found) -> None:
    assert found.universe == tuple(NAMES)
    assert list(found.factor_returns) == ["market", "momentum", "volatility", "liquidity"]
    assert found.days == 149 - 28 + 1 - 1  # the first return needs a close before it, the factors 28 days
    assert found.table.loc["market", "low"] > 0
    assert found.table.loc["momentum", "p"] > 0.01


def test_all_adds_up(found) -> None:
    assert abs(found.contributions.sum() - found.total) < 1e-9
    returns = found.returns
    months = returns.groupby(returns.index.tz_localize(None).to_period("M"))
    np.testing.assert_allclose(found.monthly.sum(axis=1), (months.apply(lambda part: (1 + part).prod()) - 1) * 100,
                               atol=1e-9)
    growth = (1 + returns).prod() - 1
    assert found.total == pytest.approx(growth * 100, abs=1e-9)


def test_the_report_says_what_it_rests_on(found) -> None:
    text = str(found)
    assert "Factors explain" in text
    assert "coins that died" in text
    assert "together" in text
    html = found._repr_mimebundle_()["text/html"]
    assert html.count("<img src") == 3
    assert "Cariño" in html


def test_the_universe_is_the_results_exchange_where_that_has_enough(universe, closes, tmp_path) -> None:
    run = make_backtest(make_spec(exchange="Test Exchange", symbol=NAMES[0], start="2023-02-20", end="2023-05-20"))
    store = CandleStore(tmp_path)
    for name in NAMES:
        store.write("Test Exchange", name, universe.read("Test Exchange", name))
    store.write("Other Exchange", "XXX-USDT", universe.read("Test Exchange", NAMES[1])[: 20 * 1_440])
    found = jn.factor_analysis(run, candles=store)
    assert set(found.universe) == set(NAMES)
    assert any(f"{NAMES[0]}, which the strategy trades, is among the {len(NAMES)} markets" in note
               for note in found.notes)


def test_the_same_again(planted, universe, found) -> None:
    again = jn.factor_analysis(equity=planted, candles=universe, universe=NAMES)
    pd.testing.assert_frame_equal(again.table, found.table)
    pd.testing.assert_series_equal(again.contributions, found.contributions)


def test_a_window_longer_than_the_days_leaves_no_path(planted, universe) -> None:
    short = jn.factor_analysis(equity=planted, candles=universe, factors="market", rolling=1_000)
    assert short.rolling.empty
    assert "No rolling exposures" in " ".join(short.notes)


@pytest.mark.parametrize(("change", "argument", "said"), [
    ({"universe": NAMES[:4]}, "universe", "has 4 markets"),
    ({"factors": "momentun"}, "factors", "momentum"),
    ({"hac_lags": 100}, "hac_lags", "below half"),
    ({"factor_returns": pd.DataFrame({"market": [0.1]}, [FIRST]), "factors": "market"}, "factor_returns", "taken"),
    ({"factor_returns": pd.DataFrame({"a": [0.1]})}, "factor_returns", "no table of days"),
    *(({"factor_returns": given}, "factor_returns", "no table of days") for given in (
        0.5, iter([1, 2]), int, pd.Series([0.1], [FIRST]), "a", pd.DataFrame(index=pd.DatetimeIndex([FIRST])),
        pd.DataFrame({"a": [0.1, 0.2]}, index=pd.to_datetime(["2023-01-01 00:00", "2023-01-01 12:00"])),
        pd.DataFrame({"a": [0.1, 0.2]}, index=pd.DatetimeIndex(["2023-01-01", "NaT"])))),
    ({"factor_returns": pd.DataFrame([[0.1, 0.2]], index=[FIRST], columns=[1, "1"])}, "factor_returns", "taken"),
    ({"factor_returns": pd.DataFrame({"a": ["x"]}, index=[FIRST])}, "factor_returns", "no number"),
    ({"factor_returns": pd.DataFrame({"a": np.ones(200)}, index=pd.date_range("1990-01-01", periods=200))}, "factors",
     "share 0 days"),
])
def test_what_cannot_be_known_is_refused(planted, universe, change, argument, said) -> None:
    with pytest.raises(InputError, match=said) as refused:
        jn.factor_analysis(equity=planted, candles=universe, **change)
    assert refused.value.argument == argument


@pytest.mark.parametrize(("days", "factors", "said"), [
    (28, None, "equity has 28 days, and a regression on 4 factors needs 50. Give a longer one, or fewer factors."),
    (49, None, "equity has 49 days, and a regression on 4 factors needs 50."),
    (28, "market", "equity has 28 days, and a regression on 1 factor needs 30. Give a longer one."),
])
def test_too_few_days_say_how_many_and_what_to_do(planted, universe, days, factors, said) -> None:
    with pytest.raises(InputError) as refused:
        jn.factor_analysis(equity=planted.iloc[: days + 1], factors=factors, candles=universe)
    assert said in str(refused.value)


def test_a_market_that_is_not_stored_is_told(planted, universe) -> None:
    with pytest.raises(CandlesNotFoundError):
        jn.factor_analysis(equity=planted, candles=universe, universe=[*NAMES, "XYZ-USDT"])


@pytest.mark.parametrize("months", [12, 23, 35])
def test_names_of_months_have_room_for_themselves(found, months) -> None:
    days = pd.date_range("2021-01-01", periods=months, freq="MS", tz="UTC")
    values = np.random.default_rng(0).normal(0, 3, (months, found.monthly.shape[1]))
    figure = plot(replace(found, monthly=pd.DataFrame(values, days, found.monthly.columns)), "attribution")
    figure.draw_without_rendering()
    labels = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(labels) >= 6
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(labels))
