"""What an account was really worth: against its definitions, on random runs and on the ways to lose everything."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.outcome import RunRequest, known_outcome
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.account import EquityAudit, Ruin
from jesse_nb.core.simulator.early_stop import StopRule
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE, real_candles, sample_folder
from tests.simulator.accounts import equity_at, fills_of, ruined_at
from tests.simulator.drawn_runs import REFUSALS, drawn_run, held_against

START = 1_700_006_400_000  # 2023-11-15
MINUTE, HOUR, DAY = 60_000, 60, 1440

#: Goes in with most of the account at its first candle and holds on; ``side`` is 1 or -1.
ALL_IN = """
from jesse.strategies import Strategy

class AllIn(Strategy):
    def hyperparameters(self):
        return [{"name": "side", "type": int, "min": -1, "max": 1, "default": 1},
                {"name": "part", "type": float, "min": 0, "max": 1, "default": 0.9},
                {"name": "close_at", "type": int, "min": 0, "max": 10_000, "default": 10_000}]

    def quantity(self):
        return self.hp["part"] * self.available_margin * self.leverage / self.price, self.price

    def should_long(self):
        return self.index == 0 and self.hp["side"] > 0

    def should_short(self):
        return self.index == 0 and self.hp["side"] < 0

    def go_long(self):
        self.buy = self.quantity()

    def go_short(self):
        self.sell = self.quantity()

    def update_position(self):
        if self.index == self.hp["close_at"]:
            self.liquidate()
"""

#: The first route trades a little, the others leave buy orders resting half below the price.
RESTING = """
from jesse.strategies import Strategy

class Resting(Strategy):
    def should_long(self):
        return self.index > 10 if self.symbol != "BTC-USDT" else self.index % 12 == 5

    def go_long(self):
        if self.symbol == "BTC-USDT":
            self.buy = 200 / self.price, self.price
        else:
            self.buy = 0.4 * self.available_margin / (self.price * 0.5), self.price * 0.5

    def should_cancel_entry(self):
        return self.index % 50 == 0

    def update_position(self):
        if self.index % 12 == 8:
            self.liquidate()
"""

#: Debits its account for funding, as the fills do not know.
FUNDED = ALL_IN + """
    def before(self):
        if self.index == 30:
            exchange = self.position.exchange
            exchange.assets[exchange.settlement_currency] -= 77.0
"""


def path_of(*steps: tuple[float, int]) -> np.ndarray:
    """One-minute candles that go straight from price to price; each step is where to, and in how many minutes."""
    closes, last = [], 100.0
    for price, minutes in steps:
        closes += list(np.linspace(last, price, minutes + 1)[1:])
        last = price
    close = np.array(closes)
    open_ = np.concatenate([[100.0], close[:-1]])
    times = START + MINUTE * np.arange(len(close))
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    return np.column_stack([times, open_, close, high, low, np.ones(len(close))])


def run_on(folder: Path, strategy: str, candles: dict[str, np.ndarray], **arguments: Any) -> tuple[Any, RunRecord]:
    store = CandleStore(folder / "candles")
    for symbol, rows in candles.items():
        store.write(EXCHANGE, symbol, rows)
    where = {"routes": [(strategy, symbol, "1h") for symbol in candles]} if len(candles) > 1 else {
        "strategy": strategy, "symbol": next(iter(candles)), "timeframe": "1h"}
    rows = next(iter(candles.values()))
    prepared = prepare(Request(candles=store, warm_up_candles=0, **where, **arguments), int(rows[0, 0]),
                       int(rows[-1, 0]) + MINUTE)
    record = simulate(prepared.simulation(prepared.spec))
    assert isinstance(record, RunRecord)
    return prepared.spec, record


@pytest.fixture(scope="module")
def three_markets(tmp_path_factory: pytest.TempPathFactory) -> CandleStore:
    if sample_folder() is None:
        pytest.skip("needs the sample data: the demo market has two of the three")
    store = CandleStore(tmp_path_factory.mktemp("three"))
    for symbol in ("BTC-USDT", "ETH-USDT", "SUI-USDT"):
        store.write(EXCHANGE, symbol, real_candles(symbol))
    return store


@pytest.mark.usefixtures("as_worker")
def test_random_runs_are_worth_what_their_fills_and_candles_say(three_markets: CandleStore):
    counts: Counter[str] = Counter()
    markets = ("BTC-USDT", "ETH-USDT", "SUI-USDT")
    candles = {symbol: real_candles(symbol) for symbol in markets}
    for seed in range(1000, 1014):
        arguments, start, end = drawn_run(Random(seed), markets)
        prepared = prepare(Request(candles=three_markets, **arguments), start, end)
        try:
            record = simulate(prepared.simulation(prepared.spec))
        except Exception as error:  # noqa: BLE001 - what Jesse refuses has no equity
            assert type(error).__name__ in REFUSALS, f"seed {seed}"  # noqa: PT017
            continue
        found = held_against(prepared.spec, record, candles)
        assert found.differences == [], f"seed {seed}"
        counts.update(found.counts)
    assert counts["samples compared"] > 30
    assert counts["trades"] > 50


@pytest.mark.usefixtures("as_worker")
@pytest.mark.parametrize("mode", ["fast", "step"])
def test_money_that_resting_orders_reserve_is_counted(mode: str, tmp_path: Path):
    rise = path_of((110.0, 4 * DAY))
    spec, record = run_on(tmp_path, RESTING, dict.fromkeys(("BTC-USDT", "ETH-USDT", "SUI-USDT"), rise),
                          market="spot", mode=mode)
    audit = record.audit
    assert audit is not None
    assert audit.wrong >= 3
    assert audit.largest > 2_300  # orders of about 4,000 and 2,400 rest, and Jesse counts one of them at most
    markets = dict.fromkeys(("BTC-USDT", "ETH-USDT", "SUI-USDT"), rise)
    expected = equity_at(record.equity_times.tolist(), fills_of(record), markets, spec.account)
    np.testing.assert_allclose(record.equity_values, expected, rtol=1e-10)
    assert min(record.equity_values) > 9_900  # nothing was lost but fees
    assert min(audit.jesse_values) < 7_700
    assert record.metrics["max_drawdown"] > -1.0
    assert audit.jesse_metrics is not None
    assert abs(audit.jesse_metrics["sharpe_ratio"] - record.metrics["sharpe_ratio"]) > 1  # what it is depends on a set
    returns = np.diff(expected) / np.array(expected[:-1])
    assert record.metrics["sharpe_ratio"] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365))
    assert record.metrics["finishing_balance"] == pytest.approx(expected[-1])


@pytest.mark.usefixtures("as_worker")
@pytest.mark.parametrize("mode", ["fast", "step"])
def test_a_short_that_recovers_was_ruined_all_the_same(mode: str, tmp_path: Path):
    """Jesse holds 5x short through a price that triples, to an equity below zero, and reports a gain of 88 %."""
    candles = path_of((100.0, HOUR), (320.0, 2 * DAY), (80.0, 2 * DAY))
    spec, record = run_on(tmp_path, ALL_IN, {"BTC-USDT": candles}, leverage=5, mode=mode, fee=0.0,
                          hyperparameters={"side": -1})
    assert record.audit is not None
    ruin = record.audit.ruin
    assert ruin is not None
    # 10,000 are short 45,000 at 100: 450 coins. 10,000 - 450 (p - 100) = 0.004 * 450 p at p = 55,000 / 451.8
    price = 55_000 / (450 * 1.004)
    assert ruin.symbol == "BTC-USDT"
    assert ruin.price == pytest.approx(price)
    assert ruin.equity == pytest.approx(0.004 * 450 * price)
    assert ruin.margin == pytest.approx(ruin.equity)
    minute = int(np.flatnonzero(candles[:, 3] >= price)[0])
    assert ruin.moment == START + MINUTE * (minute + 1)
    assert ruin.moment == ruined_at(fills_of(record), {"BTC-USDT": candles}, spec.account)
    undefined = ("net_profit", "net_profit_percentage", "annual_return", "win_rate", "sharpe_ratio", "calmar_ratio",
                 "sortino_ratio", "omega_ratio", "serenity_index", "max_drawdown", "finishing_balance")
    assert all(math.isnan(record.metrics[name]) for name in undefined)
    assert record.metrics["total"] == 1
    assert record.equity_times[-1] == ruin.moment
    assert record.equity_values[-1] == ruin.equity
    assert record.audit.jesse_metrics is not None
    assert record.audit.jesse_metrics["net_profit_percentage"] == pytest.approx(90.0)
    assert record.audit.jesse_metrics["win_rate"] == 1
    assert min(record.audit.jesse_values) < -80_000
    assert record.to_result(spec).ruin == ruin


@pytest.mark.usefixtures("as_worker")
def test_the_maintenance_margin_decides_when(tmp_path: Path):
    candles = path_of((100.0, HOUR), (130.0, 1 * DAY))
    prices = []
    for number, rate in enumerate((0.0, 0.004, 0.05)):
        _, record = run_on(tmp_path / str(number), ALL_IN, {"BTC-USDT": candles}, leverage=5, fee=0.0,
                           hyperparameters={"side": -1}, maintenance_margin=rate)
        assert record.audit is not None
        assert record.audit.ruin is not None
        prices.append(record.audit.ruin.price)
    assert prices == pytest.approx([55_000 / (450 * (1 + rate)) for rate in (0.0, 0.004, 0.05)])


@pytest.mark.usefixtures("as_worker")
def test_ruined_in_the_first_minute_after_the_fill(tmp_path: Path):
    candles = path_of((100.0, HOUR), (60.0, 1), (140.0, 2 * HOUR))
    _, record = run_on(tmp_path, ALL_IN, {"BTC-USDT": candles}, leverage=5, fee=0.0)
    assert record.audit is not None
    ruin = record.audit.ruin
    assert ruin is not None
    assert ruin.moment == START + MINUTE * (HOUR + 1)
    assert ruin.price == pytest.approx((45_000 - 10_000) / (450 * 0.996))
    assert len(record.equity_values) == 2


@pytest.mark.usefixtures("as_worker")
def test_a_ruin_between_a_close_and_the_next_open_has_the_price_that_was_there(tmp_path: Path):
    candles = path_of((100.0, HOUR), (100.0, 10), (60.0, 1), (60.0, 2 * HOUR))
    candles[HOUR + 10, 1] = candles[HOUR + 10, 3] = 60.0  # opens at 60 and stays there
    _, record = run_on(tmp_path, ALL_IN, {"BTC-USDT": candles}, leverage=5, fee=0.0)
    assert record.audit is not None
    ruin = record.audit.ruin
    assert ruin is not None
    assert ruin.price == 60.0
    assert ruin.equity == pytest.approx(10_000 - 450 * 40)


@pytest.mark.usefixtures("as_worker")
def test_what_is_never_ruined(tmp_path: Path):
    fall = path_of((100.0, HOUR), (50.0, DAY))
    for number, arguments in enumerate((
            {"leverage": 1}, {"leverage": 1, "market": "spot"}, {"leverage": 5, "hyperparameters": {"part": 0.1}},
            {"leverage": 5, "hyperparameters": {"side": 0}}, {"leverage": 5, "hyperparameters": {"side": -1}})):
        spec, record = run_on(tmp_path / str(number), ALL_IN, {"BTC-USDT": fall}, **arguments)
        assert record.audit is not None
        assert record.audit.ruin is None
        assert record.audit.wrong == 0
        assert not record.audit.jesse_values
        assert len(record.trades) == (0 if spec.hyperparameters.get("side") == 0 else 1)
    assert record.metrics["net_profit"] > 0


@pytest.mark.usefixtures("as_worker")
def test_an_isolated_position_is_liquidated_in_the_minute_that_step_mode_says(tmp_path: Path):
    candles = path_of((100.0, HOUR), (100.0, 72), (70.0, 20), (110.0, 6 * HOUR))
    records = {mode: run_on(tmp_path / mode, ALL_IN, {"BTC-USDT": candles}, leverage=5, leverage_mode="isolated",
                            mode=mode)[1] for mode in ("fast", "step")}
    fast, step = records["fast"], records["step"]
    assert fast.trades == step.trades
    assert fast.metrics == step.metrics
    assert fast.trades[0]["closed_at"] < START + 3 * HOUR * MINUTE
    assert fast.audit is not None
    assert step.audit is not None
    assert (fast.audit.in_step_mode, step.audit.in_step_mode) == (True, False)
    assert fast.audit.ruin is None  # a tenth of the account was no margin


@pytest.mark.usefixtures("as_worker")
def test_an_isolated_position_that_is_not_touched_stays_in_fast_mode(tmp_path: Path):
    candles = path_of((100.0, HOUR), (90.0, 3 * HOUR), (110.0, 3 * HOUR))
    _, record = run_on(tmp_path, ALL_IN, {"BTC-USDT": candles}, leverage=5, leverage_mode="isolated")
    assert record.audit == record.audit
    assert record.audit is not None
    assert not record.audit.in_step_mode


@pytest.mark.usefixtures("as_worker")
def test_money_that_a_strategy_moves_itself_stays_in_the_equity_and_is_told(tmp_path: Path):
    candles = path_of((100.0, HOUR), (110.0, 3 * DAY))
    spec, record = run_on(tmp_path, FUNDED, {"BTC-USDT": candles})
    assert record.audit is not None
    assert record.audit.moved == pytest.approx(-77.0)
    assert record.audit.wrong == 0
    expected = np.array(equity_at(record.equity_times.tolist(), fills_of(record), {"BTC-USDT": candles}, spec.account))
    expected[record.equity_times > START + 31 * HOUR * MINUTE] -= 77.0
    np.testing.assert_allclose(record.equity_values, expected, rtol=1e-10)


@pytest.mark.usefixtures("as_worker")
@pytest.mark.parametrize("mode", ["fast", "step"])
def test_money_that_moves_without_any_trade_stays_in_the_equity(mode: str, tmp_path: Path):
    idle = FUNDED.replace("self.index == 0 ", "False ")
    assert idle != FUNDED
    spec, record = run_on(tmp_path, idle, {"BTC-USDT": path_of((110.0, 3 * DAY))}, mode=mode)
    assert not record.trades
    assert record.audit is not None
    assert record.audit.moved == pytest.approx(-77.0)
    before = record.equity_times <= START + 31 * HOUR * MINUTE
    assert 0 < before.sum() < len(before)
    assert record.equity_values.tolist() == [spec.account.balance - 77.0 * (not first) for first in before]


def test_an_audit_is_read_back_as_it_was():
    metrics = {"sharpe_ratio": math.nan, "total": 3}
    audit = EquityAudit(5, 2, 7.5, 60_000, -1.0, 120_000, metrics, (1, 2), (1.5, 2.5), Ruin(9, "A-B", 1.0, 2.0, 3.0),
                        in_step_mode=True)
    record = RunRecord({"total": 3}, [], np.array([1]), np.array([2.0]), 1.0, output="said", audit=audit)
    again = RunRecord.unpack(*record.pack(), seconds=1.0)
    assert again.audit is not None
    assert repr(again.audit) == repr(audit)
    assert again.output == "said"
    assert list(again.audit.jesse_equity) == [1.5, 2.5]
    assert EquityAudit(4).to_dict() == {"samples": 4}


def test_what_was_stored_without_an_audit_answers_only_where_it_is_right(tmp_path: Path):
    from tests.simulator.helpers import make_spec

    short, long = [{"side": "short"}], [{"side": "long"}]
    store = RunStore(tmp_path / "runs.sqlite")
    for account, trades, right in ((Account(market="spot"), long, False), (Account(leverage=2), long, False),
                                   (Account(), short, False), (Account(), long, True), (Account(leverage=5), [], True)):
        spec = make_spec(account=account)
        times, values = np.array([spec.start, spec.end]), np.array([1.0, 2.0])
        trades = [{**trade, "closed_at": spec.start} for trade in trades]
        store.put(spec, RunRecord({}, trades, times, values, 1.0))
        assert (known_outcome(store, RunRequest(spec)) is not None) == right, account
        store.put(spec, RunRecord({}, trades, times, values, 1.0, audit=EquityAudit(2)))
        assert known_outcome(store, RunRequest(spec)) is not None


@pytest.mark.usefixtures("as_worker")
def test_a_run_is_stopped_by_what_the_account_was_worth(tmp_path: Path):
    """Jesse's samples fall by more than a fifth here; the account loses nothing but fees."""
    rise = path_of((110.0, 4 * DAY))
    store = CandleStore(tmp_path / "candles")
    for symbol in ("BTC-USDT", "ETH-USDT", "SUI-USDT"):
        store.write(EXCHANGE, symbol, rise)
    prepared = prepare(Request(candles=store, warm_up_candles=0, market="spot",
                       routes=[(RESTING, symbol, "1h") for symbol in ("BTC-USDT", "ETH-USDT", "SUI-USDT")],
                       ), START, START + 4 * DAY * MINUTE)
    simulation = prepared.simulation(prepared.spec)
    object.__setattr__(simulation, "stop", StopRule("return", (), (), deepest=0.1))
    assert isinstance(simulate(simulation), RunRecord)
