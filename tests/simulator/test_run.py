"""One run: its hyperparameters, what it prints, what it records."""

from __future__ import annotations

import json
import math
import pickle
import zlib

import msgpack
import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.result import TRADE_COLUMNS
from jesse_nb.core.simulator.run import jesse_config, simulate, versions
from jesse_nb.core.simulator.spec import Account, Route
from jesse_nb.core.simulator.strategies.own_values import default_hyperparameters
from jesse_nb.core.simulator.strategies.strategy import load_strategies, resolve_strategy
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import InputError
from tests.conftest import EXCHANGE
from tests.simulator.helpers import TREND_REF, make_spec
from tests.strategies import CLOCK, IDLE, TREND, WATCHER

PERIOD = {"start": "2023-05-01", "end": "2023-05-04"}
ONE = {"symbol": "BTC-USDT", "timeframe": "1h", "warm_up_candles": 60}

#: Prints its hyperparameters, whose defaults the cases fill in.
SHOWING = """
from jesse.strategies import Strategy

class Showing(Strategy):
    def hyperparameters(self):
        return {declared}

    def dna(self):
        return {dna}

    def should_long(self):
        if self.index == 0:
            print(self.symbol, sorted(self.hp.items()))
        return False

    def go_long(self):
        pass
"""
TWO = [{"name": "fast", "type": "int", "min": 1, "max": 9, "default": 3},
       {"name": "side", "type": "categorical", "options": ["a", "b"], "default": "b"}]


def showing(declared=TWO, dna: str = '""') -> str:
    return SHOWING.format(declared=declared, dna=dna)


def run_here(candle_store: CandleStore, **arguments) -> RunRecord:
    request = Request(candles=candle_store, **arguments)
    prepared = prepare(request, **PERIOD)
    return simulate(prepared.simulation(prepared.spec))


@pytest.mark.parametrize("mode", ["fast", "step"])
def test_without_a_trade(candle_store: CandleStore, mode: str):
    result = backtest(IDLE, **ONE, **PERIOD, mode=mode, balance=7_500, candles=candle_store)
    assert result.metrics == {"total": 0, "win_rate": 0, "net_profit_percentage": 0, "annualization": 365}
    assert result.trades.empty
    assert tuple(result.trades.columns) == TRADE_COLUMNS
    assert result.trades["opened_at"].dtype == "datetime64[ns, UTC]"
    assert list(result.equity) == [7_500.0] * 4
    assert list(result.equity.index) == list(pd.date_range("2023-05-01", "2023-05-04", tz="UTC"))
    assert list(result.daily_returns) == [0.0] * 3


def test_the_flat_curve_ends_with_the_period(candle_store: CandleStore):
    result = backtest(IDLE, **ONE, start="2023-05-01", end="2023-05-02 12:00", candles=candle_store)
    assert [str(moment)[:16] for moment in result.equity.index] == [
        "2023-05-01 00:00", "2023-05-02 00:00", "2023-05-02 12:00"]


def test_what_a_strategy_prints_is_kept(candle_store: CandleStore, capfd: pytest.CaptureFixture):
    text = IDLE.replace("return False", "print('hour', self.index); return False") + "\nprint('defined')\n"
    result = backtest(text, **ONE, **PERIOD, candles=candle_store)
    assert result.output.splitlines() == ["defined", *(f"hour {index}" for index in range(72))]
    assert "hour" not in capfd.readouterr().out


def test_a_chatty_strategy_is_cut(candle_store: CandleStore, as_worker):
    text = IDLE.replace("return False", "print('x' * 999); import sys; print('e', file=sys.stderr); return False")
    record = run_here(candle_store, strategy=text, **ONE)
    assert len(record.output) == 20_000
    assert record.output.startswith("x" * 999 + "\ne\nx")


@pytest.mark.parametrize(("given_values", "shown"), [
    ({}, [("fast", 3), ("side", "b")]),
    ({"fast": 7}, [("fast", 7), ("side", "b")]),
    ({"fast": 7, "side": "a"}, [("fast", 7), ("side", "a")]),
])
def test_hyperparameters_that_are_not_named_keep_their_defaults(candle_store, as_worker, given_values, shown):
    record = run_here(candle_store, strategy=showing(), hyperparameters=given_values, **ONE)
    assert record.output == f"BTC-USDT {shown}\n"


def test_a_mistyped_hyperparameter_is_refused(candle_store: CandleStore, as_worker):
    with pytest.raises(InputError, match=r"declares no hyperparameter 'fasst'. Did you mean 'fast'"):
        run_here(candle_store, strategy=showing(), hyperparameters={"fasst": 7}, **ONE)
    undeclared = run_here(candle_store, strategy=showing([]), hyperparameters={"anything": 7}, **ONE)
    assert undeclared.output == "BTC-USDT [('anything', 7)]\n"


def test_routes_with_different_defaults(candle_store: CandleStore, as_worker):
    other = showing([{**TWO[0], "default": 8}, {"name": "own", "type": "int", "min": 1, "max": 9, "default": 1}])
    other = other.replace("Showing", "Other")
    routes = [(showing(), "BTC-USDT", "1h"), (other, "ETH-USDT", "1h")]
    none = run_here(candle_store, routes=routes, warm_up_candles=10)
    assert sorted(none.output.splitlines()) == ["BTC-USDT [('fast', 3), ('side', 'b')]",
                                                "ETH-USDT [('fast', 8), ('own', 1)]"]
    assert none.defaults == {"fast on BTC-USDT 1h": 3, "fast on ETH-USDT 1h": 8, "side": "b", "own": 1}
    with pytest.raises(InputError, match=r"differ in their default of 'fast'.*Give 'fast' a value"):
        run_here(candle_store, routes=routes, hyperparameters={"own": 2}, warm_up_candles=10)
    both = run_here(candle_store, routes=routes, hyperparameters={"fast": 5}, warm_up_candles=10)
    assert sorted(both.output.splitlines()) == [
        f"{symbol} [('fast', 5), ('own', 1), ('side', 'b')]" for symbol in ("BTC-USDT", "ETH-USDT")]


def test_dna_may_differ_by_symbol(as_worker):
    # Base64 of JSON, as Jesse's optimizer writes it.
    import base64
    import json

    dna = {symbol: base64.b64encode(json.dumps({"fast": value, "side": "a"}).encode()).decode()
           for symbol, value in (("BTC-USDT", 1), ("ETH-USDT", 2))}
    (cls,) = load_strategies([resolve_strategy(showing(dna=f"{dna}[self.symbol]"))]).values()
    for symbol, value in (("BTC-USDT", 1), ("ETH-USDT", 2)):
        own = default_hyperparameters(cls, Route("Binance", symbol, "1h", TREND_REF))
        assert own == {"fast": value, "side": "a"}
    (cls,) = load_strategies([resolve_strategy(showing())]).values()
    assert default_hyperparameters(cls) == {"fast": 3, "side": "b"}


def test_a_dna_is_what_the_run_uses(candle_store: CandleStore, as_worker):
    import base64

    dna = base64.b64encode(b'{"fast": 9, "side": "a"}').decode()
    for given_values, fast in (({}, 9), ({"fast": 2}, 2)):
        record = run_here(candle_store, strategy=showing(dna=repr(dna)), hyperparameters=given_values, **ONE)
        assert record.output == f"BTC-USDT [('fast', {fast}), ('side', 'a')]\n"
        assert record.defaults == {**({} if given_values else {"fast": 9}), "side": "a"}
        assert RunRecord.unpack(*record.pack(), 1.0).to_result(make_spec()).card.defaults == record.defaults


def test_here_and_in_a_worker_are_the_same(candle_store: CandleStore, as_worker):
    record = run_here(candle_store, strategy=TREND, data_routes=[("ETH-USDT", "4h")], **ONE)
    request = Request(strategy=TREND, data_routes=[("ETH-USDT", "4h")], candles=candle_store, **ONE)
    spec = prepare(request, **PERIOD).spec
    here = record.to_result(spec)
    pooled = backtest(TREND, data_routes=[("ETH-USDT", "4h")], **ONE, **PERIOD, candles=candle_store)
    assert here.key == pooled.key
    assert repr(here.metrics) == repr(pooled.metrics)
    pd.testing.assert_frame_equal(here.trades, pooled.trades, check_exact=True)
    pd.testing.assert_series_equal(here.equity, pooled.equity, check_exact=True)
    ways = [result.card.versions.pop("simulator") for result in (here, pooled)]
    assert ways == ["plain (inside a test runner)", "fast path"]
    assert here.card == pooled.card
    assert len(here.trades) > 0


def test_a_record_survives_storage(candle_store: CandleStore, as_worker):
    record = run_here(candle_store, strategy=CLOCK, **ONE)
    record.metrics["odd"] = float("nan")
    again = RunRecord.unpack(*record.pack(), seconds=record.seconds)
    assert math.isnan(again.metrics["odd"])
    for name in ("metrics", "trades", "versions", "output", "seconds"):
        assert repr(getattr(again, name)) == repr(getattr(record, name))
    for ours, theirs in ((again.equity_times, record.equity_times), (again.equity_values, record.equity_values)):
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert again.trades[0]["orders"]
    assert "id" not in again.trades[0]["orders"][0]


def test_a_result_tells_where_it_came_from(candle_store: CandleStore):
    result = backtest(CLOCK, **ONE, **PERIOD, gaps="keep", candles=candle_store)
    ref = resolve_strategy(CLOCK).ref
    assert result.strategy == "Clock"
    assert result.card.strategies == {"Clock": ref.hash}
    assert result.card.candles == {f"{EXCHANGE} BTC-USDT": result.spec.candles[0].fingerprint}
    assert (result.card.mode, result.card.gaps, result.card.missing_minutes) == ("fast", "keep", 0)
    assert result.card.synthetic is False
    assert result.card.versions == {**versions(), "simulator": "fast path"}
    assert result.key == result.spec.key
    assert result.spec.jesse_version == versions()["jesse"]
    assert result.to_frame().loc["total", "value"] == len(result.trades)
    expected = result.equity.to_numpy()[1:] / result.equity.to_numpy()[:-1] - 1
    assert result.daily_returns.to_numpy() == pytest.approx(expected, rel=1e-12)
    assert result.trades["pnl"].sum() == pytest.approx(result.equity.iloc[-1] - result.equity.iloc[0])
    assert result.trades["opened_at"].dt.tz is not None
    assert result.trades["opened_at"].between(*pd.to_datetime([result.spec.start, result.spec.end], unit="ms",
                                                              utc=True)).all()


def test_jesse_gets_the_account_as_it_is():
    spec = make_spec(account=Account(1_234, 0.0004, "futures", 7, "isolated"), warm_up_candles=33)
    assert jesse_config(spec) == {
        "starting_balance": 1_234.0, "fee": 0.0004, "type": "futures", "futures_leverage": 7,
        "futures_leverage_mode": "isolated", "exchange": "Binance", "warm_up_candles": 33,
    }


def test_a_crash_leaves_the_worker_as_good_as_new(candle_store: CandleStore, as_worker):
    good = run_here(candle_store, strategy=CLOCK, **ONE)
    bad = WATCHER + "\n    def before(self):\n        1 / (self.index - 25)\n"
    with pytest.raises(ZeroDivisionError):
        run_here(candle_store, strategy=bad, data_routes=[("BTC-USDT", "1D")], **ONE)
    again = run_here(candle_store, strategy=CLOCK, **ONE)
    assert repr((again.metrics, again.trades)) == repr((good.metrics, good.trades))


@pytest.mark.usefixtures("as_worker")
def test_a_record_of_an_earlier_version_is_read_as_it_was(candle_store: CandleStore):
    record = run_here(candle_store, strategy=TREND, **ONE)
    metrics, _, equity, version = record.pack()
    for output in ("", 'said ", "output": "x"', "\ud800"):
        trades = zlib.compress(json.dumps({"trades": record.trades, "output": output}).encode(), 1)
        again = RunRecord.unpack(metrics, trades, equity, version, seconds=1.0)
        assert again.output == output
        assert again.trades == record.trades
    for nonsense in (b"", b"{", b'{"trades": 1, "output": ""}', b"\xa1a", b"\xa1a\xa1b"):
        with pytest.raises((ValueError, msgpack.OutOfData)):
            RunRecord.unpack(metrics, zlib.compress(nonsense), equity, version, seconds=1.0)


@pytest.mark.parametrize("output", ["", "a \U0001f4c8", 'said ", "output": "x"', "\ud800 is no character"])
def test_a_record_keeps_what_a_strategy_prints_and_what_is_no_number(output: str):
    orders = [{"price": None, "qty": 5e-324, "created_at": 2**53, "reduce_only": True}]
    trade = {"strategy": "S", "pnl": math.nan, "fee": -math.inf, "orders": orders}
    nothing = np.empty(0)
    record = RunRecord({}, [trade] * 3, nothing.astype(np.int64), nothing, 1.0, output=output)
    again = RunRecord.unpack(*record.pack(), seconds=1.0)
    assert again.output == output
    assert repr(again.trades) == repr(record.trades)


def test_curves_sampled_alike_share_their_moments_and_nothing_else():
    def curve(minutes: int, *values: float) -> pd.Series[float]:
        times = np.arange(len(values), dtype=np.int64) * 86_400_000 + minutes * 60_000
        return RunRecord({}, [], times, np.array(values), 1.0).equity()

    first, second, later = curve(0, 10.0, 11.0, 9.0), curve(0, 10.0, 8.0, 7.0), curve(60, 10.0, 8.0, 7.0)
    pd.testing.assert_series_equal(first, pd.Series(
        [10.0, 11.0, 9.0], pd.date_range("1970-01-01", periods=3, freq="D", tz="UTC"), name="equity"), check_freq=False)
    assert later.index[0] == pd.Timestamp("1970-01-01 01:00", tz="UTC")
    assert np.shares_memory(first.index.asi8, second.index.asi8)
    first.index.name = "mine"
    assert second.index.name is None
    assert curve(0, 1.0, 2.0, 3.0).index.name is None


@pytest.mark.usefixtures("as_worker")
def test_a_record_comes_from_a_worker_as_it_was(candle_store: CandleStore):
    record = run_here(candle_store, strategy=TREND, **ONE)
    came = pickle.loads(pickle.dumps(record))
    assert came.pack() == record.pack()
    assert came.pack() == record.pack()  # packed anew the second time
    assert len(came.trades) > 0
    assert came.trades == record.trades
    assert repr(came.metrics) == repr(record.metrics)  # NaN is one, too
    assert np.array_equal(came.equity_values, record.equity_values)
    assert np.array_equal(came.equity_times, record.equity_times)
    assert (came.seconds, came.versions, came.output) == (record.seconds, record.versions, record.output)
