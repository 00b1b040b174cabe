"""A walk-forward under stress: every window on the market that the stress makes, joined as the windows were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.record.codec import decoded, encoded
from jesse_nb.core.simulator.stress.stressed_candles import stressed
from jesse_nb.core.times import to_ms
from jesse_nb.report.risk.stress_report import stress_table
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING
from tests.tools.risk.test_stress_test import HOLDING, kept_before_losses

PERIOD = ("2023-02-01", "2023-03-05")
AT = "2023-02-18 07:30"

#: Days of a window's out-of-sample run, and from one window to the next.
APART, OVERLAPPING = (8, 8), (8, 4)


@pytest.fixture(scope="module")
def kept(candle_store, tmp_path_factory) -> dict[str, Any]:
    return {"candles": candle_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}


def walked(kept: dict[str, Any], days: tuple[int, int], strategy: str = CROSSING, **account: Any) -> Any:
    return jn.walk_forward(strategy, "BTC-USDT", "1h", *PERIOD, in_sample_period=8, out_sample_period=days[0],
                           step_forward=days[1], hyperparameters={}, n_jobs=2, **account, **kept)


@pytest.fixture(scope="module", params=[APART, OVERLAPPING], ids=["apart", "overlapping"])
def walk(request, kept) -> Any:
    return walked(kept, request.param)


def test_no_stress_is_the_curve_to_the_last_bit(walk, kept):
    found = jn.stress_test(walk, None, custom_scenarios={"nothing": {"change": 0.0, "minutes": 3_000}}, at=AT, **kept)
    again = found.results[0]
    assert np.array_equal(again.returns.to_numpy(), walk.stitched.returns.to_numpy())
    assert again.equity.equals(walk.stitched.equity)
    assert again.seam_exits == walk.stitched.seam_exits
    row = found.table.loc[0]
    assert (row["against"], row["same_trades"]) == (0, len(walk.stitched.trades))


def test_dear_trading_is_a_walk_forward_that_pays_as_much(walk, kept):
    dear = walked(kept, (walk.out_sample_period, walk.step_forward), fee=0.003, slippage_bps=4)
    found = jn.stress_test(walk, None, shocks={"fee": 0.003, "slippage_bps": 4}, **kept)
    assert found.results[0].equity.equals(dear.stitched.equity)
    assert found.results[0].seam_exits == dear.stitched.seam_exits


def test_it_is_a_walk_forward_on_the_market_that_fell(walk, kept, tmp_path):
    """Candles that fell over twelve days, for all windows and their warm-up, give the same curve."""
    change, minutes = -0.5, 12 * 1_440
    fallen = jn.CandleStore(tmp_path / "fallen")
    candles = np.asarray(kept["candles"].read(EXCHANGE, "BTC-USDT", "2023-01-10", PERIOD[1]))
    start = int(candles[0, 0])
    fallen.write(EXCHANGE, "BTC-USDT", stressed(candles, start, (to_ms(AT, "at") - start) // 60_000, minutes, change,
                                                1.0))
    expected = walked({**kept, "candles": fallen}, (walk.out_sample_period, walk.step_forward)).stitched
    found = jn.stress_test(walk, None, custom_scenarios={"fall": {"change": change, "minutes": minutes}}, at=AT, **kept)
    curve = found.results[0]
    assert curve.equity.to_numpy() == pytest.approx(expected.equity.to_numpy(), rel=1e-9)
    assert curve.trades["opened_at"].tolist() == expected.trades["opened_at"].tolist()
    before = curve.equity.index <= pd.Timestamp("2023-02-18", tz="UTC")
    assert np.array_equal(curve.equity[before], walk.stitched.equity[before])
    assert not np.allclose(curve.equity, walk.stitched.equity)


@pytest.mark.parametrize("days", [APART, OVERLAPPING], ids=["apart", "overlapping"])
def test_losses_are_by_the_minute_and_in_the_curves_money(kept, days):
    """The window of the fall loses what it loses alone, from what the curve had when it began."""
    walk = walked(kept, days, HOLDING, leverage=3)
    found = jn.stress_test(walk, "gap", at="2023-02-20 03:00", **kept)
    row = found.table.loc[0]
    assert row["by_minute"]
    began = row["began"].value // 10**6
    window = [one.test for one in walk.windows if one.test.spec.start <= began < one.test.spec.end][-1]  # the newest
    alone = jn.stress_test(window, "gap", at="2023-02-20 03:00", **kept).table.loc[0]
    assert row["loss"] == pytest.approx(alone["loss"])
    assert row["loss"] > 25  # twice the balance, and a gap of 15 %
    started = walk.stitched.equity[pd.Timestamp(window.spec.start, unit="ms", tz="UTC")]
    assert row["equity_before"] == pytest.approx(alone["equity_before"] * started / 10_000)
    assert row["final_equity"] == found.results[0].equity.iloc[-1]


def test_a_low_on_days_that_a_newer_model_has_is_not_taken_for_the_curves(kept):
    """Where a run falls deepest after its own days, the curve's samples tell, and the report says of which rows."""
    walk = walked(kept, OVERLAPPING, HOLDING, leverage=2)
    falls = {"long": {"change": -0.3, "minutes": 6 * 1_440}, "short": {"change": -0.1, "minutes": 60}}
    found = jn.stress_test(walk, None, at="2023-02-18 07:30", custom_scenarios=falls, **kept)
    assert dict(zip(found.table["scenario"], found.table["by_minute"], strict=True)) == {"long": False, "short": True}
    curve = found.results[0].equity
    assert found.table.loc[0, "lowest"] == curve["2023-02-19":"2023-02-25"].min()
    assert found.table.loc[1, "lowest"] < found.results[1].equity["2023-02-19"].min()
    said = " ".join(str(found).split())
    assert "at the worst price within each minute (of a replay the whole run; long, by daily samples)" in said


def test_a_scenario_that_the_end_cuts_says_so(kept):
    walk = walked(kept, APART)
    found = jn.stress_test(walk, ["slow_bear", "crash"], at=["2023-02-18 07:30", "2023-03-04 21:00"], **kept)
    cut = found.table["what"].str.partition(", ")[2].tolist()
    assert cut == ["cut by the end after 14 days", "cut by the end after 3 hours", "", "cut by the end after 3 hours"]


def test_a_curve_is_back_with_a_daily_sample_after_its_lowest_minute(kept):
    walk = walked(kept, APART, HOLDING, leverage=3)
    rises = {"rise": {"change": 0.1, "minutes": 1_440}, "wild": {"change": 0.2, "minutes": 1_440, "volatility": 3}}
    found = jn.stress_test(walk, None, at=AT, custom_scenarios=rises, **kept)
    for number, row in found.table.iterrows():
        assert row["loss"] > 0
        later = found.results[number].equity.loc["2023-02-19":]
        assert later.iloc[0] > row["equity_before"]  # no daily sample saw it
        assert row["recovered_after"] == pytest.approx(16.5 / 24)
    again = kept_before_losses(found)  # which does not say in which minute it was lowest
    pd.testing.assert_frame_equal(again.table, found.table.drop(columns="recovered_after"))
    assert {row[4].text for row in stress_table(again).rows} == {"–"}
    assert "not get back" not in str(again)


def test_a_ruined_window_ruins_the_curve(kept):
    walk = walked(kept, APART, HOLDING, leverage=3)
    found = jn.stress_test(walk, None, at="2023-02-20 03:00", custom_scenarios={"hole": {"change": -0.6}}, **kept)
    row = found.table.loc[0]
    assert row["ruined_at"] >= row["began"]
    assert (row["loss"], row["final_equity"], row["against"]) == (100.0, 0.0, -100.0)
    assert found.results[0].equity.iloc[-1] == 0.0


def test_a_replay_takes_the_last_windows_parameters_and_all_is_kept(kept):
    walk = walked(kept, APART)
    last = walk.windows[-1].test
    dates = [pd.Timestamp(moment, unit="ms").strftime("%Y-%m-%d") for moment in (last.spec.start, last.spec.end)]
    found = jn.stress_test(walk, [f"replay:{'..'.join(dates)}", "gap"], shocks={"outage": "10d"}, at=AT, **kept)
    replayed = found.table["scenario"].str.startswith("replay").idxmax()
    assert found.results[replayed].equity.equals(last.equity)
    assert "with the last window's parameters" in " ".join(str(found).split())
    assert (found.table["reason"] == "").all()
    again = decoded(encoded(found))
    assert again.table.equals(found.table)
    assert again.results[1].equity.equals(found.results[1].equity)
    assert str(again) == str(found)
