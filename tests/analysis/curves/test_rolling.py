import math

import empyrical
import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.curves.rolling import rolling_figures
from jesse_nb.core.analysis.trades.exposure import exposure
from jesse_nb.core.times import to_ms
from jesse_nb.exceptions import InputError
from tests.analysis.made_trades import no_trades, random_trades

START, END = to_ms("2023-03-10"), to_ms("2023-05-20")


def draw(seed, days=200):
    random = np.random.default_rng(seed)
    return pd.Series(random.normal(0.001, 0.02, days), index=pd.date_range("2023-01-01", periods=days, tz="UTC"))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", [2, 30, 90])
def test_rolling_figures_are_empyricals(seed, window):
    returns = draw(seed)
    ours = rolling_figures(returns, [window]).xs(window, axis=1, level="days")
    assert ours.index.equals(returns.index)
    assert ours.iloc[: window - 1].isna().all(axis=None)
    full = ours.iloc[window - 1 :]
    assert full.notna().all(axis=None)
    oracles = {
        "sharpe_ratio": empyrical.roll_sharpe_ratio(returns, window, annualization=365),
        "volatility": empyrical.roll_annual_volatility(returns, window, annualization=365) * 100,
        "max_drawdown": empyrical.roll_max_drawdown(returns, window) * 100,
        "return": returns.rolling(window).apply(empyrical.cum_returns_final).iloc[window - 1 :] * 100,
    }
    for name, values in oracles.items():
        np.testing.assert_allclose(full[name], values, rtol=1e-9, atol=1e-9, err_msg=name)


def test_short_flat_and_broken_returns():
    short = rolling_figures(draw(0, 50))
    assert short.xs(30, axis=1, level="days").notna().sum().tolist() == [21] * 4
    assert short.xs(90, axis=1, level="days").isna().all(axis=None)
    assert rolling_figures(draw(0, 0)).empty
    idle = draw(0)
    idle.iloc[0] = 1e6  # a carried-along sum would not forget it
    idle.iloc[100:] = 0.0
    after = rolling_figures(idle, [30]).iloc[-1]
    assert math.isnan(after["sharpe_ratio", 30])
    assert after["volatility", 30] == after["return", 30] == after["max_drawdown", 30] == 0
    broken = draw(0)
    broken.iloc[100] = math.nan
    table = rolling_figures(broken, [30])
    assert table.iloc[100:130].isna().all(axis=None)
    assert table.iloc[130:].notna().all(axis=None)
    with pytest.raises(InputError, match="window has 1 days"):
        rolling_figures(draw(0), [1])


def test_a_lost_account():
    returns = draw(0)
    returns.iloc[100] = -1.3
    last = rolling_figures(returns, [30]).iloc[110]
    assert last["return", 30] == last["max_drawdown", 30] == -100


def curve(value=10_000.0):
    return pd.Series(value, index=pd.date_range("2023-03-10", "2023-05-20", tz="UTC"))


@pytest.mark.parametrize("seed", range(4))
def test_exposure_equals_counting_every_minute(seed):
    trades = random_trades(60, seed)
    for column in ("opened_at", "closed_at"):
        trades[column] = trades[column].dt.floor("min")
    minutes = pd.date_range("2023-03-10", "2023-05-20", freq="min", tz="UTC", inclusive="left")
    held = {name: np.zeros(len(minutes), dtype=bool) for name in ("long", "short")}
    for trade in trades.itertuples():
        held[trade.side] |= (minutes >= trade.opened_at) & (minutes < trade.closed_at)
    found = exposure(trades.sample(frac=1, random_state=seed), curve(), start=START, end=END)
    assert found.long == pytest.approx(held["long"].mean(), rel=1e-12)
    assert found.short == pytest.approx(held["short"].mean(), rel=1e-12)
    assert found.in_market == pytest.approx((held["long"] | held["short"]).mean(), rel=1e-12)
    assert 0 < found.in_market < found.long + found.short


def test_turnover_follows_from_the_fees():
    trades = random_trades(50, 3, fee_rate=0.002)
    found = exposure(trades, curve(5_000), start=START, end=END)
    assert found.traded == pytest.approx(trades["fee"].sum() / 0.002, rel=1e-12)
    assert found.turnover == pytest.approx(found.traded / 5_000 / 71 * 365)
    bare = trades.assign(orders=[[]] * 50)
    assert exposure(bare, curve(5_000), start=START, end=END).traded == pytest.approx(found.traded, rel=1e-12)


def test_a_crumb_of_rounding_is_no_position():
    trades = random_trades(1, 1)
    moment = pd.Timestamp("2023-03-12", tz="UTC")
    trades["opened_at"], trades["closed_at"] = moment, moment + pd.Timedelta(days=9)
    side = trades["orders"].iloc[0][1]
    side["executed_at"] = (moment + pd.Timedelta(days=2)).timestamp() * 1000
    crumb = {**side, "filled_qty": 3e-16, "executed_at": (moment + pd.Timedelta(days=9)).timestamp() * 1000}
    trades["orders"] = [[*trades["orders"].iloc[0], crumb]]
    assert exposure(trades, curve(), start=START, end=END).in_market == pytest.approx(2 / 71)


def test_exposure_of_nothing_and_of_everything():
    nothing = exposure(no_trades(), curve(), start=START, end=END)
    assert (nothing.in_market, nothing.long, nothing.short, nothing.traded, nothing.turnover) == (0, 0, 0, 0, 0)
    held = random_trades(1, 0)
    held["opened_at"], held["closed_at"] = pd.Timestamp("2022-01-01", tz="UTC"), pd.Timestamp("2024-01-01", tz="UTC")
    assert exposure(held, curve(), start=START, end=END).in_market == 1
    ruined = exposure(held, curve(-1.0), start=START, end=END)
    assert math.isnan(ruined.turnover)
    assert "mean equity" in ruined.reason
    with pytest.raises(InputError, match="after its start"):
        exposure(held, curve(), start=END, end=START)
