"""Series from a Jesse project's database into the store and back; runs that bring what they need."""

from __future__ import annotations

import sys
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.cli import main
from jesse_nb.core.candles.database.database_copy import candles_from_database, candles_to_database
from jesse_nb.core.candles.series import fingerprint_candles
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.times import DAY_MS, MINUTE_MS
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import CandlesNotFoundError, DatabaseError, InputError, InvalidCandlesError, WarmUpError
from jesse_nb.report.common.provenance import spec_card
from tests.candles.helpers import START, random_candles
from tests.candles.jesse_database import JESSE_WROTE, PASSWORD, as_jesse_keeps, jesse_days
from tests.conftest import real_candles
from tests.magics.conftest import notebook, run, shell  # noqa: F401 - fixtures
from tests.strategies import TREND

BTC = ("Binance Spot", "BTC-USDT")
#: With the sample's gap of 80 minutes on 2023-03-24.
DAYS = slice(81 * 1440, 86 * 1440)


@pytest.fixture
def store(tmp_path):
    return CandleStore(tmp_path / "store")


@pytest.fixture(scope="module")
def with_btc(jesse_database, tmp_path_factory):
    """A database to which the first 20 days of BTC-USDT were written. Do not write to it."""
    folder = tmp_path_factory.mktemp("with_btc")
    store = CandleStore(folder / "store")
    store.write(*BTC, real_candles("BTC-USDT")[: 20 * 1440])
    with jesse_database.copy(folder / "project") as database:
        candles_to_database("BTC-USDT", project=database.folder, store=store)
        yield database


def test_a_sample_goes_there_and_back(own_database, store, tmp_path):
    """Jesse keeps single precision: prices come back as they were, long volumes as Jesse sees them."""
    candles = real_candles("BTC-USDT")[DAYS]
    store.write(*BTC, candles)
    written = candles_to_database("BTC-USDT", project=own_database.folder, store=store)[0]
    kept = as_jesse_keeps(candles)
    assert (written.added, written.different) == (len(candles), 0)
    assert written.rounded == (kept != candles).any(axis=1).sum()
    back = CandleStore(tmp_path / "back")
    info = candles_from_database("BTC-USDT", project=own_database.folder, store=back)[0]
    assert info.fingerprint == fingerprint_candles(kept)
    assert info.sources == (f"Jesse's database {own_database.name}",)
    np.testing.assert_array_equal(kept[:, :5], candles[:, :5])
    np.testing.assert_array_equal(own_database.jesse_reads(*BTC), kept)
    again = candles_to_database("BTC-USDT", project=own_database.folder, store=back)[0]
    assert (again.added, again.different, again.rounded) == (0, 0, 0)


def test_bit_for_bit_where_the_columns_are_doubles(own_database, store, tmp_path):
    for column in ("open", "close", "high", "low", "volume"):
        own_database.run(f"ALTER TABLE candle ALTER {column} TYPE double precision")
    candles = real_candles("BTC-USDT")[DAYS]
    stored = store.write(*BTC, candles)
    assert candles_to_database("BTC-USDT", project=own_database.folder, store=store)[0].rounded == 0
    back = candles_from_database("BTC-USDT", project=own_database.folder, store=CandleStore(tmp_path / "back"))[0]
    assert back.fingerprint == stored.fingerprint == fingerprint_candles(candles)
    assert back.gaps == stored.gaps


def test_rows_are_like_jesses(own_database, store):
    store.write("X", "A-B", random_candles(100))
    candles_to_database("A-B", project=own_database.folder, store=store)
    rows = own_database.run("SELECT id, timeframe, exchange, symbol FROM candle WHERE exchange = 'X' "
                            "ORDER BY timestamp")
    assert {row[1:] for row in rows} == {("1m", "X", "A-B")}
    ids = [UUID(str(row[0])) for row in rows]
    assert len(set(ids)) == 100
    assert ids == sorted(ids)


def test_what_the_database_has_stays_as_it_is(own_database, store):
    candles = as_jesse_keeps(jesse_days()[:60])
    candles[5, 5] += 1
    own_database.multiply("X", "A-B", 30)
    own_database.run("ALTER TABLE candle ALTER timeframe DROP NOT NULL")
    own_database.run("UPDATE candle SET timeframe = NULL WHERE exchange = 'X' AND timestamp < %s",
                     START + 10 * MINUTE_MS)
    store.write("X", "A-B", candles)
    written = candles_to_database("A-B", project=own_database.folder, store=store)[0]
    assert (written.candles, written.added, written.different) == (60, 30, 1)
    assert str(written) == ("A-B on X: 30 candles added to the database; 30 were there already and were left as they "
                            "are; 1 of those have other values there.")
    assert own_database.run("SELECT count(*), count(DISTINCT timestamp) FROM candle WHERE exchange = 'X'") == [(60, 60)]


def test_a_series_is_written_whole_or_not_at_all(own_database, store):
    candles = random_candles(50)
    candles[40, 5] = 1e39  # more than a single can be
    store.write("X", "A-B", candles)
    with pytest.raises(DatabaseError, match=r"out of range.* Nothing was changed") as raised:
        candles_to_database("A-B", project=own_database.folder, store=store)
    assert PASSWORD not in str(raised.value)
    assert own_database.run("SELECT count(*) FROM candle WHERE exchange = 'X'") == [(0,)]


def test_without_a_symbol_everything_comes(with_btc, store):
    found = candles_from_database(project=with_btc.folder, store=store)
    assert [(info.exchange, info.symbol) for info in found] == [JESSE_WROTE, BTC]
    only = candles_from_database(exchange="binance spot", project=with_btc.folder, store=store)
    assert [info.symbol for info in only] == ["BTC-USDT"]


def test_no_hole_opens_between_a_period_and_what_is_stored(with_btc, store):
    candles_from_database("BTC-USDT", start="2023-01-03", end="2023-01-05", project=with_btc.folder, store=store)
    assert store.info(*BTC).rows == 2 * 1440
    candles_from_database("BTC-USDT", start="2023-01-10", end="2023-01-12", project=with_btc.folder, store=store)
    info = store.info(*BTC)
    assert (info.start, info.end, info.gaps) == (START + 2 * DAY_MS, START + 11 * DAY_MS, ())


def test_stored_digits_that_the_database_cannot_keep_stay(own_database, store):
    own_database.run("UPDATE candle SET exchange = 'X', symbol = 'A-B'")
    candles = jesse_days()
    assert (as_jesse_keeps(candles) != candles).any()
    stored = store.write("X", "A-B", candles[:2000])
    info = candles_from_database("A-B", project=own_database.folder, store=store)[0]
    assert info.rows == 2880
    assert fingerprint_candles(store.read("X", "A-B", end=stored.end)) == stored.fingerprint


def test_contradictions_are_refused_unless_replaced(with_btc, store):
    wrong = random_candles(10)
    before = store.write(*BTC, wrong)
    with pytest.raises(InvalidCandlesError, match="The database's BTC-USDT of Binance Spot: 10 new candles contradict"):
        candles_from_database("BTC-USDT", project=with_btc.folder, store=store)
    assert store.list() == [before]
    candles_from_database("BTC-USDT", project=with_btc.folder, store=store, replace=True)
    np.testing.assert_array_equal(store.read(*BTC), as_jesse_keeps(real_candles("BTC-USDT")[: 20 * 1440]))


def test_impossible_prices_are_refused(own_database, store):
    own_database.run("UPDATE candle SET low = 0 WHERE timestamp = %s", START + 7 * MINUTE_MS)
    with pytest.raises(InvalidCandlesError, match=r"The database's ETH-USDT .* The low at 2023-01-01 00:07 is 0.0"):
        candles_from_database("ETH-USDT", project=own_database.folder, store=store)
    assert store.list() == []


def test_a_symbol_of_two_exchanges_needs_a_name(own_database, store):
    own_database.multiply("X", "ETH-USDT", 20)
    with pytest.raises(InputError, match="several exchanges: Binance Perpetual Futures, X"):
        candles_from_database("ETH-USDT", project=own_database.folder, store=store)


def request(store, project, **changed):
    return Request(strategy=TREND, symbol="BTC-USDT", timeframe="1h", candles=store, project=project,
                   warm_up_candles=24, **changed)


def test_a_run_brings_what_the_store_lacks(with_btc, store, isolated_home):
    """The same result from the store and from the database, whose candles say on the card where they are from."""
    local = CandleStore(isolated_home / "local")
    local.write(*BTC, as_jesse_keeps(real_candles("BTC-USDT")[: 20 * 1440]))
    runs = {}
    for name, where, project in (("local", local, None), ("database", store, with_btc.folder)):
        runs[name] = jn.backtest(TREND, "BTC-USDT", "1h", "2023-01-03", "2023-01-20", warm_up_candles=48,
                                 candles=where, project=project, store=isolated_home / f"{name}.sqlite")
    ours, theirs = runs["local"], runs["database"]
    assert len(ours.trades) > 3
    assert pd.Series(ours.metrics).equals(pd.Series(theirs.metrics))
    assert ours.trades.equals(theirs.trades)
    assert ours.key == theirs.key
    cards = {name: str(spec_card(result.spec, result.card)) for name, result in runs.items()}
    assert f"from Jesse's database {with_btc.name}" in cards["database"]
    assert "from Jesse" not in cards["local"]


def test_only_what_is_missing_is_brought(with_btc, store):
    before = store.write(*BTC, real_candles("BTC-USDT")[2 * 1440 : 10 * 1440])
    prepare(request(store, with_btc.folder), "2023-01-05", "2023-01-09")
    assert store.info(*BTC) == before
    prepare(request(store, with_btc.folder), "2023-01-12", "2023-01-18")
    after = store.info(*BTC)
    assert (after.start, after.rows) == (START, 20 * 1440)
    assert fingerprint_candles(store.read(*BTC, before.start, before.end)) == before.fingerprint


def test_warm_up_candles_are_brought_too(with_btc, store):
    store.write(*BTC, real_candles("BTC-USDT")[2 * 1440 : 10 * 1440])
    with pytest.raises(WarmUpError):
        prepare(request(store, with_btc.folder, source="store"), "2023-01-03", "2023-01-09")
    assert prepare(request(store, with_btc.folder), "2023-01-03", "2023-01-09").spec.candles[0].start == START + DAY_MS


def test_the_database_is_not_asked_unless_it_may_be(with_btc, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "psycopg2", None)  # importing it would fail
    for project, source in ((None, "auto"), (with_btc.folder, "store")):
        with pytest.raises(CandlesNotFoundError, match="No candles of BTC-USDT are stored"):
            prepare(request(store, project, source=source), "2023-01-03", "2023-01-09")
    store.write(*BTC, real_candles("BTC-USDT")[: 10 * 1440])
    prepare(request(store, with_btc.folder), "2023-01-03", "2023-01-09")


def test_stored_series_are_usable_while_the_database_is_down(own_database, store):
    own_database.write_env(HOST="/nowhere")
    store.write(*BTC, real_candles("BTC-USDT")[: 10 * 1440])
    prepare(request(store, own_database.folder), "2023-01-03", "2023-01-09")
    with pytest.raises(CandlesNotFoundError, match=r"The project's database was no help: The database .* cannot "
                                                   r"be opened: No such file") as raised:
        prepare(request(store, own_database.folder), "2023-01-03", "2023-01-12")
    assert PASSWORD not in str(raised.value)
    with pytest.raises(DatabaseError):
        prepare(request(store, own_database.folder, source="database"), "2023-01-03", "2023-01-09")


def test_what_neither_has_is_said_as_ever(with_btc, store):
    store.write(*BTC, real_candles("BTC-USDT")[: 10 * 1440])
    with pytest.raises(CandlesNotFoundError, match="is stored from 2023-01-01 to 2023-01-21, not for all of"):
        prepare(request(store, with_btc.folder), "2023-01-03", "2023-02-12")


def test_the_database_as_the_source_wins(with_btc, store):
    store.write(*BTC, random_candles(5 * 1440))
    prepared = prepare(request(store, with_btc.folder, source="database"), "2023-01-03", "2023-01-05")
    np.testing.assert_array_equal(np.concatenate(prepared.mapped[0].read()),
                                  as_jesse_keeps(real_candles("BTC-USDT")[1440 : 4 * 1440]))
    with pytest.raises(InputError, match="Did you mean 'database'"):
        request(store, with_btc.folder, source="databse").check()


def test_the_magic(with_btc, shell, monkeypatch):  # noqa: F811 - the fixture
    monkeypatch.chdir(with_btc.folder)
    assert repr(run(shell, "%candles database")).splitlines()[1:] == [
        "Binance Perpetual Futures ETH-USDT 2023-01-01    2023-01-03   2,880",
        "             Binance Spot BTC-USDT 2023-01-01    2023-01-21  28,800",
    ]
    listing = run(shell, "%candles from-database BTC-USDT --start 2023-01-02 --end 2023-01-04")
    assert "Binance Spot BTC-USDT 2023-01-02    2023-01-04   2,880" in repr(listing)


def test_the_magic_writes_when_it_is_asked_to(own_database, shell, isolated_home):  # noqa: F811 - the fixture
    CandleStore().write("X", "A-B", random_candles(60))
    run(shell, f"%config JesseNb.project = {str(own_database.folder)!r}")
    assert repr(run(shell, "%candles to-database A-B")).split()[-6:] == ["X", "A-B", "60", "0", "0", "60"]
    assert own_database.run("SELECT count(*) FROM candle WHERE exchange = 'X'") == [(60,)]


def test_long_copies_say_how_far_they_are(with_btc, shell, notebook, monkeypatch):  # noqa: F811 - the fixtures
    monkeypatch.setattr("jesse_nb.magics.candles.candles_database._QUIET_SECONDS", 0.0)
    notebook.enter_cell("copying")
    run(shell, f"%candles from-database BTC-USDT --project {with_btc.folder}")
    shown = [sent.text for sent in notebook.displays if sent.text]
    assert any("BTC-USDT on Binance Spot: 28,800 candles so far" in text for text in shown)


def test_the_command_line(with_btc, own_database, isolated_home, capsys):
    project = ["--project", str(with_btc.folder)]
    assert main(["candles", "database", *project]) == 0
    assert "BTC-USDT on Binance Spot: 2023-01-01 to 2023-01-21, 28,800 candles" in capsys.readouterr().out
    assert main(["candles", "from-database", "BTC-USDT", "--end", "2023-01-03", *project]) == 0
    assert "BTC-USDT on Binance Spot: 2023-01-01 to 2023-01-03, 2,880 candles" in capsys.readouterr().out
    added = ["candles", "to-database", "BTC-USDT", "--project", str(own_database.folder)]
    assert main([*added, "--start", "2023-01-02"]) == 0
    assert "1,440 candles added to the database" in capsys.readouterr().out
    assert main(added) == 0
    assert "1,440 candles added to the database; 1,440 were there already" in capsys.readouterr().out
    assert main(["candles", "from-database", "BTX-USDT", *project]) == 2
    assert "Did you mean 'BTC-USDT'" in capsys.readouterr().err
