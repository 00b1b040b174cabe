"""Monte Carlo as a tool: two questions, every method, and what cannot be drawn."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.analysis.resampling.monte_carlo import bootstrap_days, resample_trades, shuffle_trades
from jesse_nb.exceptions import InputError
from tests.analysis.results import make_backtest
from tests.analysis.walk_forwards import make_walk_forward
from tests.jobs.strategies import CROSSING


@pytest.fixture(scope="module")
def trades() -> pd.DataFrame:
    """Sixty trades, one after the other."""
    opened = pd.date_range("2022-01-02", periods=60, freq="10D", tz="UTC")
    pnl = np.random.default_rng(1).normal(20.0, 150.0, 60)
    return pd.DataFrame({"opened_at": opened, "closed_at": opened + pd.Timedelta(days=3), "side": "long",
                         "entry_price": 100.0, "exit_price": 100.0 + pnl / 10, "qty": 10.0, "pnl": pnl})


@pytest.mark.parametrize(("method", "kind", "block"), [("stationary", "stationary", None), ("block", "block", 7),
                                                       ("iid", "stationary", 1)])
def test_days_are_drawn_as_the_analysis_draws_them(equity, method, kind, block):
    found = jn.monte_carlo(equity=equity, method=method, n_sims=500, seed=3,
                           block_length=None if method == "iid" else block)
    same = bootstrap_days(equity.pct_change().dropna(), 10_000.0, method=kind, block=block, paths=500, seed=3)
    pd.testing.assert_frame_equal(found.period.paths.samples, same.samples)
    assert found.period.paths.distributions.loc["final_equity", "actual"] == pytest.approx(equity.iloc[-1])
    ahead = found.projection
    assert (ahead.paths.steps, ahead.balance) == (365, pytest.approx(equity.iloc[-1]))
    assert ahead.paths.fan.iloc[0]["50%"] == pytest.approx(equity.iloc[-1])


def test_trades_are_drawn_as_the_analysis_draws_them(equity, trades):
    order = jn.monte_carlo(trades=trades, equity=equity, method="trade_shuffle", n_sims=500)
    pd.testing.assert_frame_equal(order.period.paths.samples, shuffle_trades(trades, 10_000.0, paths=500).samples)
    assert order.projection is None
    assert "another order" in order.no_projection
    again = jn.monte_carlo(trades=trades, equity=equity, method="trade_resample", n_sims=500, horizon=40)
    pd.testing.assert_frame_equal(again.period.paths.samples, resample_trades(trades, 10_000.0, paths=500).samples)
    assert (again.projection.paths.unit, again.projection.paths.steps) == ("trades", 40)


def test_closed_trades_are_told_from_the_account(equity, trades):
    path = 10_000.0 + np.concatenate([[0.0], trades["pnl"].cumsum()])
    closed = (path / np.maximum.accumulate(path) - 1.0).min() * 100.0
    account = (equity / equity.cummax() - 1.0).min() * 100.0
    assert abs(closed - account) > 0.1
    said = (f"Trades count when they are closed: as they were, they fell {-closed:.2f}% at worst and end at "
            f"{path[-1]:,.2f}. The account, with open positions and one sample a day, fell {-account:.2f}% and ends at "
            f"{equity.iloc[-1]:,.2f}.")
    for method in ("trade_shuffle", "trade_resample"):
        found = jn.monte_carlo(trades=trades, equity=equity, method=method, n_sims=100)
        assert said in found.notes
        assert said in " ".join(str(found).split())
    assert not any("closed" in note for note in jn.monte_carlo(equity=equity, n_sims=100).notes)


def test_ruin_and_target_are_of_the_equity_at_the_beginning(equity):
    found = jn.monte_carlo(equity=equity, n_sims=2_000, ruin=10, target=15, horizon=200)
    assert list(found.to_frame().index.get_level_values("event")[:4]) == ["loss", "ruin", "target", "undecided"]
    table = found.projection.chances["probability"]
    assert 0 < table["ruin"] < 1
    low = found.projection.paths.fan.min(axis=None)
    assert low > 0
    never = jn.monte_carlo(equity=equity, n_sims=500, ruin=100).projection.chances
    assert never.loc["ruin", "probability"] == 0.0
    assert never.loc["ruin", "high"] > 0.0  # 500 paths do not make it impossible


def test_a_walk_forward_is_drawn_from_its_stitched_days():
    walk = make_walk_forward()
    found = jn.monte_carlo(walk, n_sims=200)
    assert found.sample == "out-of-sample"
    assert found.period.paths.steps == len(walk.stitched.returns)


def test_it_pickles_and_reads_the_same(equity):
    found = jn.monte_carlo(equity=equity, n_sims=200, target=20)
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found) == str(jn.monte_carlo(equity=equity, n_sims=200, target=20))


def test_overlapping_trades_are_not_put_in_another_order(equity, trades):
    overlapping = trades.copy()
    overlapping.loc[5, "closed_at"] = overlapping.loc[6, "opened_at"] + pd.Timedelta(minutes=1)
    for method in ("trade_shuffle", "trade_resample"):
        with pytest.raises(InputError, match="1 of 60 trades were opened while another was open") as refused:
            jn.monte_carlo(trades=overlapping, equity=equity, method=method)
        assert refused.value.argument == "method"
    touching = trades.copy()
    touching.loc[5, "closed_at"] = touching.loc[6, "opened_at"]
    assert jn.monte_carlo(trades=touching, equity=equity, method="trade_shuffle", n_sims=100).period is not None


@pytest.mark.parametrize(("given", "said"), [
    ({"method": "shuffle"}, "method is 'shuffle'."),
    ({"method": "trade_shuffle"}, "no trades were given"),
    ({"method": "candles"}, "this is no single backtest"),
    ({"horizon": 731}, "horizon is 731 days, and the history has 730."),
    ({"block_length": 900}, "block_length is 900 days, and the history has 730."),
    ({"method": "iid", "block_length": 5}, "block_length does not go with method 'iid'."),
    ({"ruin": 0}, "ruin is 0."), ({"ruin": 120}, "ruin is 120."), ({"target": -5}, "target is -5."),
    ({"n_sims": 0}, "n_sims is 0."), ({"confidence_levels": 95}, "confidence_levels holds 95"),
])
def test_wrong_arguments(equity, given, said):
    with pytest.raises(InputError) as refused:
        jn.monte_carlo(equity=equity, **given)
    assert said in str(refused.value)


def test_too_few_steps(equity, trades):
    with pytest.raises(InputError, match="there are 29 days, and 30 are needed"):
        jn.monte_carlo(equity=equity.iloc[:30])
    assert jn.monte_carlo(equity=equity.iloc[:31], n_sims=100).horizon == 30
    with pytest.raises(InputError, match="there are 29 trades: 30 are needed"):
        jn.monte_carlo(trades=trades.iloc[:29], equity=equity, method="trade_resample")
    with pytest.raises(InputError, match="the equity never changes"):
        jn.monte_carlo(equity=equity * 0 + 1)


def test_candles_are_simulated_again_and_are_the_paths(candle_store, tmp_path):
    result = jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-03-15", candles=candle_store,
                         store=tmp_path / "runs.sqlite")
    again = {"candles": candle_store, "store": tmp_path / "runs.sqlite", "n_jobs": 2}
    found = jn.monte_carlo(result, "candles", 4, **again)
    scenarios = jn.candle_monte_carlo(result, 4, **again)
    pd.testing.assert_frame_equal(found.scenarios.scenarios, scenarios.scenarios)
    ends = found.period.paths.samples["final_equity"].to_numpy()
    assert ends == pytest.approx(scenarios.scenarios["final_equity"].to_numpy(), rel=1e-9)
    assert found.projection is None
    assert found.period.paths.method == "rewritten candles"


def test_a_backtest_draws_its_own_days():
    result = make_backtest()
    found = jn.monte_carlo(result, n_sims=100)
    assert found.sample == "unknown"
    assert found.period.balance == result.spec.account.balance
