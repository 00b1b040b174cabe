"""Results beside markets and beside each other: all are taken at midnight, whenever Jesse sampled them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.markets.midnight_returns import valued_at_midnight
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING, HEADER

PERIOD = ("2023-01-15", "2023-04-25")

#: Buys at once, and holds.
HOLDING = HEADER + '''

class Holding(Strategy):
    def should_long(self):
        return True

    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.95, self.price, fee_rate=self.fee_rate), self.price
'''


@pytest.fixture(scope="module")
def folder(markets, tmp_path_factory):
    return {"candles": markets, "store": tmp_path_factory.mktemp("midnight") / "runs.sqlite"}


@pytest.fixture(scope="module")
def holding(folder):
    """By mode: bitcoin held from candles of 4h, which fast mode samples at 04:00."""
    return {mode: jn.backtest(HOLDING, "BTC-USDT", "4h", *PERIOD, mode=mode, warm_up_candles=5, **folder)
            for mode in ("fast", "step")}


@pytest.fixture(scope="module")
def bitcoin(markets):
    """Its returns from midnight to midnight."""
    minutes = markets.read(EXCHANGE, "BTC-USDT")
    closes = pd.Series(minutes[:, 2], index=pd.to_datetime(minutes[:, 0], unit="ms", utc=True)).resample("1D").last()
    return closes.pct_change().dropna().rename("bitcoin")


@pytest.mark.parametrize("mode", ["fast", "step"])
def test_what_holds_a_market_moves_as_the_market(holding, markets, bitcoin, mode):
    apart = jn.correlation_matrix({"held": holding[mode].equity, "bitcoin": (EXCHANGE, "BTC-USDT")}, candles=markets)
    found = jn.correlation_matrix({"held": holding[mode], "bitcoin": (EXCHANGE, "BTC-USDT")}, candles=markets)
    assert (apart.pairs["correlation"].iloc[0] < 0.95) == (mode == "fast")  # as Jesse sampled it
    assert found.pairs["correlation"].iloc[0] > 0.999
    assert any("valued at midnight" in note for note in found.notes) == (mode == "fast")
    explained = jn.factor_analysis(holding[mode], factor_returns=bitcoin.to_frame(), candles=markets)
    assert explained.r_squared > 0.998
    value = holding[mode].trades["qty"].iloc[0] * holding[mode].trades["entry_price"].iloc[0]
    assert explained.table.loc["bitcoin", "value"] == pytest.approx(value / 10_000, abs=0.03)
    assert explained.total == pytest.approx(holding[mode].metrics["net_profit_percentage"], rel=1e-9)
    assert explained.days == len(bitcoin[PERIOD[0]:"2023-04-24"])


def test_modes_and_timeframes_are_of_the_same_moments(holding, folder):
    other = jn.backtest(HOLDING, "BTC-USDT", "1h", *PERIOD, warm_up_candles=20, **folder)
    found = jn.correlation_matrix({**holding, "hours": other}, candles=folder["candles"])
    assert found.matrix.loc["fast", "step"] == pytest.approx(1.0, abs=1e-12)
    assert found.matrix.loc["fast", "hours"] > 0.999
    ether = jn.backtest(HOLDING, "ETH-USDT", "1h", *PERIOD, warm_up_candles=20, **folder)
    fast, step = (jn.portfolio({"bitcoin": run, "ether": ether}, "risk_parity", candles=folder["candles"])
                  for run in holding.values())
    pd.testing.assert_series_equal(fast.equity, step.equity, rtol=1e-12)
    pd.testing.assert_frame_equal(fast.division, step.division, rtol=1e-12)


def test_a_comparison_is_of_the_same_days(holding, folder, markets):
    other = jn.backtest(HOLDING, "BTC-USDT", "1h", *PERIOD, warm_up_candles=20, **folder)
    found = jn.compare(("4h", holding["fast"]), ("step", holding["step"]), ("1h", other), candles=markets)
    assert found.returns.corr().loc["4h", "1h"] > 0.999
    assert (found.returns["4h"] - found.returns["step"]).abs().max() < 1e-12
    assert any("valued at midnight" in note for note in found.notes)
    alike = jn.compare(("4h", holding["fast"]), ("again", holding["fast"]), candles=markets)
    assert alike.metrics.loc["sharpe_ratio", "4h"] == pytest.approx(holding["fast"].metrics["sharpe_ratio"]), \
        "where all were sampled alike, figures are those of the reports"
    assert alike.notes == ()


def test_what_has_no_run_is_no_other_moment(holding, markets):
    """An analysis has no run to ask: it was sampled as what it read, and both stay so."""
    run = holding["fast"]
    read = jn.analyze_results(run, candles=markets)
    found = jn.compare(("run", run), ("read", read), candles=markets)
    assert found.returns["run"].equals(found.returns["read"].rename("run"))
    assert found.notes == ()
    three = jn.compare(("run", run), ("step", holding["step"]), ("table", read), candles=markets)
    assert any(note.endswith("no run of theirs to value at midnight: table.") for note in three.notes)


def test_a_comparison_says_whose_days_begin_later(holding, markets, tmp_path):
    found = jn.compare(holding["fast"], ("step", holding["step"]), candles=CandleStore(tmp_path))
    (note,) = found.notes
    assert note.startswith("backtest is as Jesse sampled it, 4 hours after midnight: the candles are not at hand")


def test_a_walk_forward_and_a_pair_are_read_so_too(folder, bitcoin):
    space = HOLDING.replace("0.95", 'self.hp["part"]')
    walk = jn.walk_forward(space, "BTC-USDT", "4h", *PERIOD, in_sample_period=30, out_sample_period=14,
                           step_forward=14, space={"part": (0.9, 0.95)}, n_trials=2,
                           warm_up_candles=60, **folder)
    found = jn.correlation_matrix([walk, (EXCHANGE, "BTC-USDT")], candles=folder["candles"])
    assert walk.stitched.returns.corr(bitcoin) < 0.95
    assert found.pairs["correlation"].iloc[0] > 0.99
    modes = {mode: jn.pairs_backtest("ETH-USDT", "BTC-USDT", "4h", "2023-01-10", "2023-04-25", 40, 20, alpha=1.0,
                                     mode=mode, **folder) for mode in ("fast", "step")}
    assert modes["fast"].returns.corr(modes["step"].returns) < 0.99
    assert jn.correlation_matrix(modes, candles=folder["candles"]).matrix.iloc[0, 1] == pytest.approx(1.0, abs=1e-9)


def test_the_market_beside_a_pair_is_sampled_as_the_pair_is(folder):
    """What is left of the market is the same in both modes, whose samples are four hours apart."""
    found = {mode: jn.pairs_backtest("ETH-USDT", "BTC-USDT", "4h", "2023-01-10", "2023-04-25", 40, 20, alpha=1.0,
                                     mode=mode, **folder) for mode in ("fast", "step")}
    minutes = {name: folder["candles"].read(EXCHANGE, name) for name in ("ETH-USDT", "BTC-USDT")}
    closes = pd.DataFrame({name: pd.Series(rows[:, 2], index=pd.to_datetime(rows[:, 0] + 60_000, unit="ms", utc=True))
                           for name, rows in minutes.items()})
    run = found["fast"].runs[0]
    moments = pd.DatetimeIndex(run.equity.index)
    steps = closes.reindex(moments, method="ffill").pct_change().iloc[1:].mean(axis=1)
    own = found["fast"].market.loc[moments[0]:].iloc[: len(steps)]
    assert own.to_numpy() == pytest.approx(steps.to_numpy(), abs=1e-12)
    assert found["fast"].market.index.equals(found["fast"].returns.index)


def test_what_is_not_known_stays_as_it_was_sampled_and_says_so(holding, tmp_path, markets):
    elsewhere = CandleStore(tmp_path / "empty")
    found = jn.correlation_matrix({"held": holding["fast"], "other": holding["step"]}, candles=elsewhere)
    assert any("held is as Jesse sampled it, 4 hours after midnight: the candles are not at hand" in note
               for note in found.notes)
    assert not any("other" in note for note in found.notes)  # a minute changes nothing
    moved = replace(holding["fast"], audit=None)
    minutes = {(EXCHANGE, "BTC-USDT"): markets.read(EXCHANGE, "BTC-USDT")}
    assert valued_at_midnight(moved, minutes) is None
    lost = holding["fast"].equity.copy()
    lost.iloc[-1] += 1.0
    assert valued_at_midnight(replace(holding["fast"], equity=lost), minutes) is None


def test_days_that_are_cut_are_left_out(folder, bitcoin):
    result = jn.backtest(CROSSING, "BTC-USDT", "4h", "2023-01-15 12:00", "2023-04-25 08:00",
                         warm_up_candles=60, **folder)
    found = jn.factor_analysis(result, factor_returns=bitcoin.to_frame(), candles=folder["candles"])
    assert [found.returns.index[place].strftime("%m-%d %H:%M") for place in (0, -1)] == ["01-16 00:00", "04-24 00:00"]
