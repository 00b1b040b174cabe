"""The trial ledger counts what was looked at before, and is quick about it."""

from __future__ import annotations

import math
import random
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from jesse_nb.core.jobs.ledger import LEDGER_COLUMNS, readable_ledger
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.store.rows import with_checksum
from jesse_nb.core.jobs.store.tables import COLUMNS, inserting
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.spec import BacktestSpec, Route, StrategyRef
from tests.jobs.store.test_store import DAY, make_record, make_spec

RECORD = make_record(trades=0)


def a_spec(number: int, symbols: str, start: int, end: int, *, strategy: str = "Trend", exchange: str = "Binance Spot",
           pipeline: CandlePipeline | None = None) -> BacktestSpec:
    ref = StrategyRef(strategy, "source", "ab" * 16, "")
    return make_spec(routes=tuple(Route(exchange, symbol, "1h", ref) for symbol in symbols.split()), start=start * DAY,
                     end=end * DAY, hyperparameters={"number": number}, pipeline=pipeline)


def random_specs(seed: int, count: int) -> list[BacktestSpec]:
    choose = random.Random(seed)
    specs = []
    for number in range(count):
        start = choose.randrange(100, 200)
        specs.append(a_spec(
            number, choose.choice(["BTC-USDT", "ETH-USDT", "BTC-USDT ETH-USDT", "BTC-USDT-PERP"]), start,
            start + choose.randrange(1, 6), strategy=choose.choice("AB"),
            exchange=choose.choice(["Binance Spot", "Bybit", "Demo (synthetic)"]),
            pipeline=CandlePipeline(seed=number) if choose.random() < 0.2 else None,
        ))
    return specs


def symbols_of(spec: BacktestSpec) -> set[str]:
    return {route.symbol for route in spec.routes}


def made_up(spec: BacktestSpec) -> bool:
    return "synthetic" in spec.routes[0].exchange


@pytest.mark.parametrize("seed", range(2))
def test_it_counts_what_a_plain_loop_counts(tmp_path: Path, seed: int) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    specs = random_specs(seed, 200)
    for spec in specs:
        store.put(spec, RECORD)
    store.put(specs[0], RECORD)  # again, which counts once
    for asked in specs[:40]:
        expected = {spec.key for spec in specs if spec.pipeline is None and made_up(spec) == made_up(asked)
                    and symbols_of(spec) & symbols_of(asked) and spec.start < asked.end and asked.start < spec.end}
        assert store.same_data(asked) == expected
        inside = store.ledger(symbols_of(asked), asked.start, asked.end, excluding=list(expected)[::2])
        counted = Counter()
        for spec in specs:
            if spec.start < asked.end and asked.start < spec.end and spec.key not in list(expected)[::2]:
                for symbol in symbols_of(spec) & symbols_of(asked):
                    kind = "scenario" if spec.pipeline else "backtest"
                    name = f"{symbol} (synthetic)" if made_up(spec) else symbol
                    counted[name, spec.routes[0].strategy.name, kind] += 1
        assert inside.groupby(["symbol", "strategy", "kind"])["runs"].sum().to_dict() == counted
    assert store.ledger()["runs"].sum() == sum(len(spec.routes) for spec in specs)


def test_periods_that_overlap_through_others_are_the_same_data(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    for number, (start, end) in enumerate([(0, 10), (9, 20), (5, 6), (20, 30), (25, 40), (19, 20)]):
        store.put(a_spec(number, "BTC-USDT", start, end, strategy="B" if number == 5 else "A"), RECORD)
    store.put(a_spec(9, "ETH-USDT", 0, 50), RECORD)
    ledger = store.ledger()
    assert tuple(ledger.columns) == LEDGER_COLUMNS
    days = [(row.start.value // 10**6 // DAY, row.end.value // 10**6 // DAY) for row in ledger.itertuples()]
    assert list(zip(ledger["symbol"], days, ledger["strategy"], ledger["runs"], strict=True)) == [
        ("BTC-USDT", (0, 20), "A", 3), ("BTC-USDT", (0, 20), "B", 1), ("BTC-USDT", (20, 40), "A", 2),
        ("ETH-USDT", (0, 50), "Trend", 1)]
    assert (ledger["first"] <= ledger["last"]).all()
    assert abs(ledger["last"].max() - pd.Timestamp.now("UTC")) < pd.Timedelta(minutes=1)
    shown = readable_ledger(ledger)
    assert (shown["start"][0], shown["end"][0]) == ("1970-01-01", "1970-01-21")


def test_an_empty_store_has_an_empty_ledger(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    assert tuple(readable_ledger(store.ledger()).columns) == LEDGER_COLUMNS
    assert store.ledger(["BTC-USDT"], 0, 5).empty
    assert store.same_data(make_spec()) == frozenset()


def test_a_store_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    store = RunStore(path)
    store.put(make_spec(), RECORD)
    store.close()
    old = sqlite3.connect(path)
    old.executescript("DROP INDEX runs_by_data; ALTER TABLE runs DROP COLUMN kind; PRAGMA user_version=1")
    old.close()
    one, other = RunStore(path), RunStore(path)
    assert one.same_data(make_spec()) == other.same_data(make_spec()) == {make_spec().key}
    other.put(make_spec(pipeline=CandlePipeline()), RECORD)
    assert sorted(one.ledger()["kind"]) == ["backtest", "scenario"]
    assert one.find(make_spec(pipeline=CandlePipeline()).key).spec == make_spec(pipeline=CandlePipeline())


def test_tens_of_thousands_of_runs_are_counted_at_once(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.put(make_spec(), RECORD)
    ((_, finished, _, exchange, _, timeframe, start, end, *rest),) = store._storage.read(
        f"SELECT {', '.join(COLUMNS['runs'][:-2])} FROM runs")
    month = 2_592_000_000
    store._storage._connection.executemany(inserting("runs"), (
        with_checksum("runs", (f"{n:032x}", finished + n, f"S{n % 5}", exchange, "ETH-USDT" if n % 3 else "BTC-USDT",
                               timeframe, start + n % 40 * month, end + n % 40 * month, *rest))
        for n in range(1, 30_001)))
    began = time.process_time()
    keys, ledger = store.same_data(make_spec()), store.ledger()
    assert time.process_time() - began < 1  # of 100,000 it takes 0.1 s on an idle machine
    assert len(keys) == 1 + sum(n % 3 == 0 and n % 40 == 0 for n in range(1, 30_001))
    assert ledger["runs"].sum() == 30_001
    moments = store.which_finished(keys)
    middle = sorted(moments.values())[len(moments) // 3]
    some = sorted(keys)[::3]
    for before, excluded in ((math.inf, []), (middle, []), (math.inf, some), (middle, [*some, "no such key"])):
        expected = sum(moment < before and key not in excluded for key, moment in moments.items())
        assert store.count_same_data(make_spec(), before, excluded) == expected
