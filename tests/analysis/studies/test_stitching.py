from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.studies.stitching import compounded, held_returns, returns_by_day, stitched
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.times import DAY_MS, to_ms
from jesse_nb.report.walk_forward.walk_forward_words import seams
from tests.analysis.random_trades import simple_trade
from tests.analysis.results import make_spec
from tests.analysis.walk_forwards import make_run, make_walk_forward

DAY = pd.Timedelta(days=1)


def with_equity(run, stamps, values):
    return replace(run, equity=pd.Series(np.array(values, float), index=pd.DatetimeIndex(stamps, tz="UTC")))


def test_a_runs_returns_are_its_days():
    start = to_ms("2023-03-01")
    run = make_run(start, start + 30 * DAY_MS, seed=4)
    days = returns_by_day(run)
    assert len(days) == len(run.daily_returns) == 30
    np.testing.assert_allclose(days.to_numpy(), run.daily_returns.to_numpy(), rtol=1e-12)
    assert list(days.index) == list(pd.date_range("2023-03-01", periods=30, tz="UTC"))


def test_samples_that_close_several_days_and_a_cut_last_day():
    start = to_ms("2023-03-01")
    daily = with_equity(  # Jesse's fast mode with a timeframe of one day: no sample closes the first day
        make_run(start, start + 4 * DAY_MS), ["2023-03-01", "2023-03-03", "2023-03-04", "2023-03-05"],
        [100, 110, 99, 99])
    assert returns_by_day(daily).to_numpy() == pytest.approx([0, 0.1, -0.1, 0])
    cut = with_equity(make_run(start, start + 5 * DAY_MS // 2),
                      ["2023-03-01", "2023-03-02 01:00", "2023-03-03 01:00", "2023-03-03 12:00"], [100, 110, 99, 198])
    assert returns_by_day(cut).to_numpy() == pytest.approx([0.1, -0.1, 1.0])
    two = with_equity(make_run(start, start + 3 * DAY_MS),
                      ["2023-03-01", "2023-03-02 01:00", "2023-03-04"], [100, 110, 99])
    assert returns_by_day(two).to_numpy() == pytest.approx([0.1, 0, -0.1])
    ruined = with_equity(make_run(start, start + 3 * DAY_MS),
                         ["2023-03-01", "2023-03-02 01:00", "2023-03-03 01:00", "2023-03-04"], [100, 0, 0, 5])
    assert returns_by_day(ruined).to_numpy() == pytest.approx([-1, 0, 0])


@pytest.mark.parametrize("step", [1, 7, 29, 30, 31, 45])
@pytest.mark.parametrize("gap", [0, 5])
def test_each_day_once_from_the_newest_model(step, gap):
    free = replace(make_spec(), account=Account(balance=10_000.0, fee=0.0))  # seams cost nothing
    result = make_walk_forward(230, step_forward=step, gap=gap, trials=0, space=None, spec=free)
    curve = stitched(result)
    assert curve.returns.index.is_unique
    assert curve.returns.index.is_monotonic_increasing
    runs = {one.window.number: one for one in result.windows}
    for day, value in curve.returns.items():
        moment = day.value // 10**6
        covering = [number for number, one in runs.items() if one.window.test_start <= moment < one.window.test_end]
        newest = max(covering)
        assert curve.window[day] == newest
        offset = (moment - runs[newest].window.test_start) // DAY_MS
        assert value == pytest.approx(runs[newest].test.daily_returns.iloc[offset], rel=1e-9)
    simulated = sum(int(one.window.test_days) for one in result.windows)
    assert curve.overlapping == simulated - len(curve.returns)
    first, last = runs[0].window.test_start, max(one.window.test_end for one in result.windows)
    assert len(curve.missing) + len(curve.returns) == (last - first) // DAY_MS
    assert (len(curve.missing) > 0) == (step > 30 and len(result.windows) > 1)


def test_joined_windows_grow_as_their_runs_do():
    result = make_walk_forward(400, seed=5)
    curve = stitched(result)
    growth = np.prod([one.test.equity.iloc[-1] / one.test.equity.iloc[0] for one in result.windows])
    assert curve.equity.iloc[-1] / curve.equity.iloc[0] == pytest.approx(growth)
    assert curve.equity.iloc[0] == result.spec.account.balance
    assert curve.equity.index[0].value // 10**6 == result.windows[0].window.test_start
    assert curve.equity.index[-1].value // 10**6 == result.windows[-1].window.test_end
    own = np.prod([one.baseline.equity.iloc[-1] / one.baseline.equity.iloc[0] for one in result.windows])
    assert curve.baseline_equity.iloc[-1] / curve.balance == pytest.approx(own)
    assert curve.metric("sharpe_ratio") == pytest.approx(
        curve.returns.mean() / curve.returns.std() * np.sqrt(365))


def test_failed_windows_leave_days_to_the_model_before_or_to_nobody():
    alone = stitched(make_walk_forward(400, failed=(2,)))
    assert len(alone.missing) == 30
    assert 2 not in set(alone.window)
    assert (alone.equity.loc[alone.missing + DAY].nunique()) == 1
    overlapped = stitched(make_walk_forward(400, step_forward=15, failed=(2,)))
    assert len(overlapped.missing) == 0
    assert (overlapped.window == 1).sum() == 30


def test_no_window_at_all():
    curve = stitched(make_walk_forward(190, failed=(0, 1)))
    assert curve.returns.empty
    assert curve.equity.empty
    assert curve.metrics["stitched"].isna().all()
    assert curve.baseline is None
    assert curve.market is None
    assert curve.trades.empty
    assert curve.seam_positions == 0


def test_baseline_is_none_when_a_window_lacks_it():
    curve = stitched(make_walk_forward(400, without_baseline=(1, 3)))
    assert curve.baseline is None
    assert curve.baseline_reason.startswith("2 of 9")


def test_holding_the_market_is_the_price_ratio():
    result = make_walk_forward(400, seed=2)
    curve = stitched(result)
    first, last = curve.returns.index[0], curve.returns.index[-1]
    ratio = result.prices[last] / result.prices[first - DAY]
    assert curve.market_equity.iloc[-1] / curve.balance == pytest.approx(ratio)
    nothing, reason = held_returns(result.prices[first:], pd.DatetimeIndex(curve.returns.index))
    assert nothing is None
    assert "before the first" in reason


def test_holding_the_market_on_gapped_days_counts_those_days_alone():
    prices = pd.Series([100, 110, 121, 242, 266.2], index=pd.date_range("2023-01-01", periods=5, tz="UTC"))
    days = pd.DatetimeIndex(["2023-01-02", "2023-01-05"], tz="UTC")
    held, _ = held_returns(prices, days)
    assert held.to_numpy() == pytest.approx([0.1, 0.1])


def test_positions_at_the_seams():
    whole = make_walk_forward(400)
    assert stitched(whole).seam_positions == len(whole.windows)  # every run of results.py ends with one open trade
    result = make_walk_forward(200, step_forward=10)
    window = result.windows[0]
    seam = pd.Timestamp(result.windows[1].window.test_start, unit="ms", tz="UTC")
    trades = window.test.trades.head(3).assign(
        opened_at=[seam - 2 * DAY, seam - 2 * DAY, seam + DAY], closed_at=[seam - DAY, seam + DAY, seam + 2 * DAY])
    first = replace(window, test=replace(window.test, trades=trades))
    others = tuple(replace(one, test=replace(one.test, trades=one.test.trades.head(0),
                                             metrics=one.test.metrics | {"total_open_trades": 0}))
                   for one in result.windows[1:])
    curve = stitched(replace(result, windows=(first, *others)))
    assert curve.seam_positions == 1
    assert len(curve.trades) == 2
    assert set(curve.trades["window"]) == {0}


def bought_and_held(start, days, prices, *, side="long", qty=2.0, fee=0.001):
    """A run on futures that opens a position on its first day and closes it on the last, by its formula."""
    sign = 1 if side == "long" else -1
    spec = replace(make_spec(), account=Account(balance=10_000.0, fee=fee, market="futures"))
    run = make_run(start, start + days * DAY_MS, spec=spec, trades=0)
    entry = prices[0]
    order = {"type": "MARKET", "side": "buy"}
    orders = [order | {"executed_at": float(start + 3_600_000), "price": entry, "filled_qty": sign * qty, "qty": qty},
              order | {"executed_at": float(start + days * DAY_MS - 3_600_000), "price": prices[-1],
                       "filled_qty": -sign * qty, "qty": qty}]
    trade = simple_trade((spec.routes[0].exchange, spec.routes[0].symbol), side, 0, entry, 1, prices[-1], qty, fee)
    trade = trade.assign(opened_at=pd.Timestamp(start + 3_600_000, unit="ms", tz="UTC"), orders=[orders],
                         closed_at=pd.Timestamp(start + days * DAY_MS - 3_600_000, unit="ms", tz="UTC"))
    held = [10_000 - fee * qty * entry + sign * qty * (price - entry) for price in prices]
    held[-1] -= fee * qty * prices[-1]
    equity = pd.Series([10_000.0, *held], index=run.equity.index)
    return replace(run, trades=trade, equity=equity, metrics=run.metrics | {"total_open_trades": 0})


@pytest.mark.parametrize("side", ["long", "short"])
def test_positions_at_the_seams_pay_their_exit(side):
    """What is left at each seam is what selling all that is held there leaves; the next window begins with that."""
    result = make_walk_forward(180, step_forward=10, trials=0, space=None)
    closes = 100 + np.arange(200) % 17
    prices = pd.Series(closes.astype(float), index=pd.date_range("2022-01-01", periods=200, tz="UTC"))
    windows, money, paid, default = [], 1.0, 0.0, 1.0
    for number, one in enumerate(result.windows):
        first, days = one.window.test_start, int(one.window.test_days)
        day = int((pd.Timestamp(first, unit="ms", tz="UTC") - prices.index[0]) / DAY)
        own = prices.to_numpy()[day : day + days]
        windows.append(replace(one, test=bought_and_held(first, days, own, side=side),
                               baseline=bought_and_held(first, days, own, side=side, qty=50.0)))
        last = number == len(result.windows) - 1
        price, sign = own[-1 if last else 9], 1 if side == "long" else -1
        for qty in (2.0, 50.0):
            before = 10_000 - 0.001 * qty * own[0] + sign * qty * (price - own[0])
            after = before - 0.001 * qty * price
            money, default = (money * after / 10_000, default) if qty == 2 else (money, default * after / 10_000)
            paid += 0.001 * qty * price / before if qty == 2 and not last else 0.0
    curve = stitched(replace(result, windows=tuple(windows), prices=prices))
    assert len(windows) >= 3
    assert curve.equity.iloc[-1] / curve.balance == pytest.approx(money, rel=1e-12)
    assert curve.baseline_equity.iloc[-1] / curve.balance == pytest.approx(default, rel=1e-12)
    assert curve.seam_exits.positions == curve.baseline_exits.positions == len(windows) - 1
    assert curve.seam_exits.fee == pytest.approx(paid, rel=1e-12)
    (said,) = [one for one in seams(result, curve) if "position" in one and "open when" in one]
    assert f"The curve pays the fee of {len(windows) - 1} exits of a run that went on: {paid:.2%} of the equity" in said


def test_windows_without_trades_are_flat():
    curve = stitched(make_walk_forward(400, test_trades=0))
    assert (curve.returns == 0).all()
    assert curve.equity.nunique() == 1


def test_nothing_grows_from_a_lost_account():
    days = pd.date_range("2023-01-01", periods=3, tz="UTC")
    assert list(compounded(pd.Series([0.5, -1.2, 0.3], index=days), 100.0)) == [100, 150, 0, 0]


def test_a_start_within_the_day():
    start = to_ms("2023-03-01 06:00")
    run = make_run(start, start + 3 * DAY_MS, spec=make_spec())
    assert list(returns_by_day(run).index) == list(pd.date_range("2023-03-01 06:00", periods=3, tz="UTC"))
