"""Every tool that simulates takes a fee of each market, and says what its runs paid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.cli import main
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.resimulate.rerun import prepare_again, request_again
from jesse_nb.exceptions import InputError
from jesse_nb.report.html import fragment
from jesse_nb.report.results import text
from tests.jobs.strategies import CROSSING
from tests.report.test_html import words

PERIOD = ("2023-02-01", "2023-03-01")
SYMBOLS = ("BTC-USDT", "ETH-USDT")
FEES = {"BTC-USDT": 0.0004, "ETH-USDT": 0.003}
#: Leaves room for two of it in one account.
SHARING = CROSSING.replace("* 0.9", "* 0.4")
ROUTES = [(SHARING, symbol, "1h") for symbol in SYMBOLS]
SPAN = {"start": PERIOD[0], "end": PERIOD[1]}


@pytest.fixture(scope="module")
def kept(candle_store, tmp_path_factory):
    return {"candles": candle_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}


@pytest.fixture(scope="module")
def mixed(kept):
    return jn.backtest(routes=ROUTES, fee=FEES, **SPAN, **kept)


def equal(one, other):
    return (one.key == other.key and np.array_equal(one.equity.to_numpy(), other.equity.to_numpy())
            and one.trades.to_dict("records") == other.trades.to_dict("records"))


def told(result):
    return " ".join(text(result).split())


def test_a_study_pays_it_and_goes_on_where_it_was(kept, tmp_path):
    store = tmp_path / "runs.sqlite"
    given = {"routes": ROUTES, "space": {"fast": (5, 12)}, "sampler": "grid", "min_trades": 0, "neighbours": 0,
             "test_ratio": 0, "parity": False, "n_jobs": 1, "fee": FEES, **SPAN, **kept, "store": store}
    first = jn.optimize(n_trials=3, **given)
    before = RunStore(store).recent(100)["key"].tolist()
    again = jn.optimize(n_trials=5, **given)
    after = RunStore(store).recent(100)["key"].tolist()
    assert len(after) == len(before) + 2
    assert set(before) < set(after)
    assert first.training.spec.account.fee == again.training.spec.account.fee == FEES
    single = jn.backtest(routes=ROUTES, hyperparameters=again.best_params, fee=FEES, **SPAN, **kept)
    assert equal(single, again.training)


def test_the_windows_of_a_walk_forward_pay_it(kept):
    walk = jn.walk_forward(routes=ROUTES, **SPAN, in_sample_period=10, out_sample_period=9, step_forward=9,
                           hyperparameters={"fast": 9}, n_jobs=1, fee=FEES, **kept)
    assert len(walk.windows) == 2
    for one in walk.windows:
        assert one.test.spec.account.fee == FEES
        value = {symbol: sum(abs(order["filled_qty"]) * order["price"] for orders in part["orders"] for order in orders)
                 for symbol, part in one.test.trades.groupby("symbol")}
        assert one.test.metrics["fee"] == pytest.approx(sum(FEES[symbol] * traded for symbol, traded in value.items()))


def test_each_run_of_a_batch_pays_that_of_its_market(kept):
    batch = jn.backtest_batch(CROSSING, list(SYMBOLS), "1h", PERIOD, concurrent_limit=1, fee=FEES, **kept)
    for symbol, fee in FEES.items():
        single = jn.backtest(CROSSING, symbol, "1h", *PERIOD, fee=fee, **kept)
        row = batch.to_frame().set_index("symbol").loc[symbol]
        assert row["net_profit_percentage"] == single.metrics["net_profit_percentage"]
    assert "fee 0.04% (BTC-USDT) and 0.3% (ETH-USDT)" in told(batch)
    with pytest.raises(InputError, match=r"fee has none for BTC-USDT, .* Was BTC-UDST to be BTC-USDT"):
        jn.backtest_batch(CROSSING, list(SYMBOLS), "1h", PERIOD, fee={"ETH-USDT": 0.003, "BTC-UDST": 0.1 / 2}, **kept)


def test_a_stored_run_is_simulated_again_at_its_own(kept, mixed):
    request = request_again(mixed.spec, candles=kept["candles"])
    assert prepare_again(request, mixed.spec).spec.key == mixed.key


def test_fee_stress_multiplies_each(kept, mixed):
    found = jn.fee_stress(mixed, [1, 2], **kept)
    double = jn.backtest(routes=ROUTES, fee={symbol: 2 * fee for symbol, fee in FEES.items()}, **SPAN, **kept)
    assert equal(found.results[1.0], mixed)
    assert equal(found.results[2.0], double)
    value = {symbol: sum(abs(order["filled_qty"]) * order["price"] for orders in part["orders"] for order in orders)
             for symbol, part in mixed.trades.groupby("symbol")}
    mean = sum(FEES[symbol] * traded for symbol, traded in value.items()) / sum(value.values())
    assert found.table["fee"].tolist() == pytest.approx([mean, 2 * mean])
    with pytest.raises(InputError, match=r"fee is 0\.12 for ETH-USDT"):
        jn.fee_stress(mixed, [40], **kept)


def test_a_shock_sets_one_for_all_or_each(kept, mixed):
    one = jn.stress_test(mixed, None, shocks={"fee": 0.002}, **kept)
    assert equal(one.results[0], jn.backtest(routes=ROUTES, fee=0.002, **SPAN, **kept))
    assert "fee 0.2% in place of 0.04% (BTC-USDT) and 0.3% (ETH-USDT)" in told(one)
    dear = {"BTC-USDT": 0.001, "ETH-USDT": 0.004}
    for given in (dear, "BTC-USDT=0.001,ETH-USDT=0.004"):
        each = jn.stress_test(mixed, None, shocks={"fee": given}, **kept)
        assert equal(each.results[0], jn.backtest(routes=ROUTES, fee=dear, **SPAN, **kept))
    for wrong, said in (({"BTC-USDT": 0.001}, "shocks: fee has none for ETH-USDT"), ({}, "shocks: fee is empty"),
                        ({"BTC-USDT": -1.0}, "shocks: fee is -1.0 for BTC-USDT"),
                        ("dear", "shocks has 'dear' for fee. It is a number from 0 up.")):
        with pytest.raises(InputError) as error:
            jn.stress_test(mixed, None, shocks={"fee": wrong}, **kept)
        assert str(error.value).startswith(said)
        assert error.value.argument == "shocks"


def test_the_check_doubles_each(kept):
    found = jn.check_strategy(routes=ROUTES, **SPAN, fee=FEES, checks=["fragility"], candles=kept["candles"])
    assert "Paying 0.080% (BTC-USDT) and 0.600% (ETH-USDT) a fill".casefold() in told(found).casefold()


def test_an_analysis_says_the_mean(kept, mixed):
    found = jn.analyze_results(mixed, candles=kept["candles"], analysis_type="advanced", n_jobs=1)
    assert found.advanced.costs.net_profit == pytest.approx(mixed.equity.iloc[-1] - 10_000)
    assert f"{found.advanced.costs.fee * 100:.3g}% was paid on average" in told(found)
    assert 0.0004 < found.advanced.costs.fee < 0.003


def test_results_with_different_fees_share_one_account(kept):
    span = ("2023-01-25", "2023-04-20")
    runs = {symbol[:3]: jn.backtest(CROSSING, symbol, "1h", *span, fee=fee, **kept) for symbol, fee in FEES.items()}
    held = jn.portfolio(runs, "equal", mode="simulated", **kept)
    one = held.simulated.run
    assert one.spec.account.fee == FEES
    for symbol, part in one.trades.groupby("symbol"):
        value = sum(abs(order["filled_qty"]) * order["price"] for orders in part["orders"] for order in orders)
        assert part["fee"].sum() == pytest.approx(FEES[symbol] * value)


def test_each_leg_of_a_pair_pays_its_own(kept):
    given = {"y": "ETH-USDT", "x": "BTC-USDT", "timeframe": "4h", "start": "2023-01-01", "end": "2023-05-01",
             "formation": 60, "trading": 30, "alpha": 1.0, **kept}
    found = jn.pairs_backtest(**given, fee=FEES)
    assert len(found.trades) > 0
    for number, run in found.runs.items():
        assert run.spec.account.fee == FEES
        value = {symbol: sum(abs(order["filled_qty"]) * order["price"] for orders in part["orders"] for order in orders)
                 for symbol, part in run.trades.groupby("symbol")}
        mine = found.trades[found.trades["window"] == number]["fee"].sum()
        scale = mine / sum(FEES[symbol] * traded for symbol, traded in value.items()) if value else 1.0
        assert scale == pytest.approx(1.0, abs=0.1)  # of the money that the windows before left
    assert "fee 0.3% (ETH-USDT) and 0.04% (BTC-USDT) of a fill" in words(fragment(found))
    with pytest.raises(InputError, match="fee has none for BTC-USDT"):
        jn.pairs_backtest(**given, fee={"ETH-USDT": 0.001})


def test_live_fees_are_held_against_those_of_their_markets(mixed):
    live = mixed.trades.copy()
    live.loc[live["symbol"] == "ETH-USDT", "fee"] *= 2
    found = jn.compare_live(mixed, live, start=PERIOD[0], end=PERIOD[1])
    value = live["qty"] * (live["entry_price"] + live["exit_price"])
    asked = value * live["symbol"].map(pd.Series(FEES))
    assert found.fee_backtest == pytest.approx(asked.sum() / value.sum())
    assert found.fee_live == pytest.approx(live["fee"].sum() / value.sum())
    assert found.fee_live > 1.5 * found.fee_backtest


def test_a_shell_takes_it(kept, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sharing.py").write_text(SHARING)
    line = ["backtest", "sharing.py", "--routes", "BTC-USDT:1h", "ETH-USDT:1h", "--start", PERIOD[0], "--end",
            PERIOD[1], "--candles", str(kept["candles"].root), "--store", str(tmp_path / "runs.sqlite"), "--fee"]
    assert main([*line, "BTC-USDT=0.0004,ETH-USDT=0.003"]) == 0
    assert "fee 0.04% (BTC-USDT) and 0.3% (ETH-USDT)" in " ".join(capsys.readouterr().out.split())
    run, = RunStore(tmp_path / "runs.sqlite").recent(10)["net_profit_percentage"]
    assert run == jn.backtest(routes=ROUTES, fee=FEES, **SPAN, **kept).metrics["net_profit_percentage"]
    assert main([*line, "BTC-USDT=0.0004,ETH-UDST=0.003"]) == 2
    said = capsys.readouterr().err
    assert "--fee has none for ETH-USDT" in " ".join(said.split())
    assert "Was ETH-UDST to be ETH-USDT?" in " ".join(said.split())
