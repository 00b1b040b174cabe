"""Reading the candle table of a real PostgreSQL, and all that can go wrong with it."""

from __future__ import annotations

import re
import socket
import threading
import time
import traceback
from contextlib import closing

import numpy as np
import pytest

from jesse_nb.core.candles.database import database as reading
from jesse_nb.core.candles.database.database import CandleDatabase, DatabaseSeries
from jesse_nb.core.candles.database.database_copy import candles_from_database
from jesse_nb.core.candles.database.postgres import session
from jesse_nb.core.candles.project import database_settings
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.exceptions import CandlesNotFoundError, DatabaseError, InputError
from tests.candles.helpers import START, random_candles
from tests.candles.jesse_database import JESSE_WROTE, PASSWORD, as_jesse_keeps, jesse_days


def database_of(project, **changed):
    project.write_env(**changed)
    return CandleDatabase(database_settings(project.folder))


def refused(call, *arguments):
    """Call what must fail, and return its message: one line, and nowhere in the traceback a password."""
    with pytest.raises(DatabaseError) as raised:
        call(*arguments)
    told = "".join(traceback.format_exception(type(raised.value), raised.value, raised.value.__traceback__))
    assert PASSWORD not in told
    assert "wrong-one" not in told
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_what_jesse_wrote_is_read_as_jesse_reads_it(jesse_database):
    database = database_of(jesse_database)
    candles = database.read(*JESSE_WROTE)
    candles = candles[candles[:, 0].argsort()]
    np.testing.assert_array_equal(candles, jesse_database.jesse_reads(*JESSE_WROTE))
    np.testing.assert_array_equal(candles, as_jesse_keeps(jesse_days()))
    assert database.single_precision


def test_what_is_there(jesse_database):
    database = database_of(jesse_database)
    end = START + 2880 * MINUTE_MS
    assert database.series() == [DatabaseSeries(*JESSE_WROTE, START, end, 2880)]
    assert database.names() == [JESSE_WROTE]
    assert database.resolve("eth/usdt") == JESSE_WROTE
    assert database.resolve("ETH-USDT", "binance perpetual futures") == JESSE_WROTE
    assert PASSWORD not in repr(database)


def test_a_period_excludes_its_end(jesse_database):
    candles = database_of(jesse_database).read(*JESSE_WROTE, START + 10 * MINUTE_MS, START + 20 * MINUTE_MS)
    assert sorted(candles[:, 0]) == [START + minute * MINUTE_MS for minute in range(10, 20)]


def test_nothing_in_the_period_is_an_empty_array(jesse_database):
    assert database_of(jesse_database).read(*JESSE_WROTE, 0, START).shape == (0, 6)


@pytest.mark.parametrize(("symbol", "exchange", "said"), [
    ("ETH-USD", None, "Did you mean 'ETH-USDT'"),
    ("ETH-USDT", "Binance Spot", "Did you mean 'Binance Perpetual Futures'"),
])
def test_what_is_not_there(jesse_database, symbol, exchange, said):
    with pytest.raises(CandlesNotFoundError, match=said):
        database_of(jesse_database).resolve(symbol, exchange)


def test_chunks_may_end_anywhere(jesse_database, monkeypatch):
    database = database_of(jesse_database)
    whole, seen = database.read(*JESSE_WROTE), []
    monkeypatch.setattr(reading, "_CHUNK_BYTES", 1_021)
    np.testing.assert_array_equal(database.read(*JESSE_WROTE, progress=seen.append), whole)
    assert seen == sorted(seen)
    assert len(seen) > 100
    assert seen[-1] == len(whole)


def test_digits_of_any_size_are_those_that_jesse_gets(own_database):
    values = np.exp(np.random.default_rng(3).uniform(-25, 25, (400, 5)))
    own_database.jesse_writes("Random", "A-B", np.column_stack([START + MINUTE_MS * np.arange(400.0), values]))
    read = database_of(own_database).read("Random", "A-B")
    read = read[read[:, 0].argsort()]
    np.testing.assert_array_equal(read, own_database.jesse_reads("Random", "A-B"))
    np.testing.assert_array_equal(read[:, 1:].astype(np.float32), values.astype(np.float32))


def test_old_rows_without_a_timeframe_count_and_other_timeframes_do_not(own_database):
    own_database.multiply("X", "A-B", 20, "5m")
    assert database_of(own_database).names() == [JESSE_WROTE, ("X", "A-B")]
    assert len(database_of(own_database).series()) == 1
    with pytest.raises(CandlesNotFoundError, match="no one-minute candles of A-B on X"):
        candles_from_database("A-B", project=own_database.folder)
    own_database.run("ALTER TABLE candle ALTER timeframe DROP NOT NULL")
    own_database.run("UPDATE candle SET timeframe = NULL WHERE exchange = 'X'")
    assert candles_from_database("A-B", project=own_database.folder)[0].rows == 20


def test_names_are_values_never_sql(own_database):
    hostile = "x'; DROP TABLE candle; --"
    own_database.run("UPDATE candle SET exchange = %s", hostile)
    database = database_of(own_database)
    assert len(database.read(hostile, "ETH-USDT")) == 2880
    assert database.names() == [(hostile, "ETH-USDT")]
    with pytest.raises(InputError, match="cannot be an exchange's name"):
        candles_from_database("ETH-USDT", project=own_database.folder)


def test_reading_cannot_change_anything(own_database):
    def delete():
        with session(database_of(own_database).settings) as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM candle")

    assert "takes no changes" in refused(delete)
    assert own_database.run("SELECT count(*) FROM candle") == [(2880,)]


def free_port():
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def test_the_database_is_down(jesse_database):
    port = free_port()
    said = refused(database_of(jesse_database, HOST="127.0.0.1", PORT=port).names)
    assert f"PostgreSQL jesse_db at 127.0.0.1:{port} cannot be opened: Connection refused. Is it running?" in said
    assert "No such file" in refused(database_of(jesse_database, HOST="/nowhere").names)


@pytest.mark.parametrize(("changed", "said"), [
    ({"PASSWORD": "wrong-one"}, "password authentication failed for user \"jesse_user\". Check POSTGRES_USERNAME"),
    ({"USERNAME": "nobody_known"}, "Check POSTGRES_USERNAME (nobody_known) and POSTGRES_PASSWORD"),
    ({"NAME": "no_such_db"}, "database \"no_such_db\" does not exist. Check POSTGRES_NAME"),
])
def test_the_door_stays_shut(jesse_database, changed, said):
    message = refused(database_of(jesse_database, **changed).names)
    assert said in message
    assert str(jesse_database.folder / ".env") in message


def test_a_server_without_ssl_is_refused_when_it_is_required(jesse_database):
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        def answer():
            connection, _ = listening.accept()
            with connection:
                connection.recv(8)  # the request for SSL
                connection.sendall(b"N")

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        port = listening.getsockname()[1]
        said = refused(database_of(jesse_database, HOST="127.0.0.1", PORT=port, SSLMODE="require").names)
        answering.join(10)
    assert "server does not support SSL, but SSL was required" in said
    assert "POSTGRES_SSLMODE is 'require'" in said


def test_another_schema(own_database):
    own_database.run("CREATE SCHEMA team AUTHORIZATION jesse_user")
    own_database.run("ALTER TABLE candle SET SCHEMA team")
    said = refused(database_of(own_database).names)
    assert "no table candle in the schema 'public'. It is in 'team': set POSTGRES_SCHEMA to it." in said
    assert database_of(own_database, SCHEMA="team").names() == [JESSE_WROTE]


def test_no_table(own_database):
    own_database.run("DROP TABLE candle")
    assert "no table candle in the schema 'public'. Jesse makes it" in refused(database_of(own_database).read, "X", "Y")
    own_database.run("CREATE TABLE candle (exchange text, symbol text)")
    assert "is not Jesse's: column \"timestamp\" does not exist" in refused(database_of(own_database).read, "X", "Y")


def test_no_right_to_read(own_database):
    own_database.run("REVOKE ALL ON candle FROM jesse_user")
    assert "'jesse_user' is not allowed" in refused(database_of(own_database).names)


@pytest.fixture
def long_series(own_database, monkeypatch):
    """More than fits into what the system holds between server and reader, read in small pieces."""
    monkeypatch.setattr(reading, "_CHUNK_BYTES", 2**18)
    own_database.run("DROP TABLE candle")
    own_database.run("CREATE TABLE candle AS SELECT %s + 60000::bigint * n AS timestamp, 10::real AS open, "
                     "10::real AS close, 11::real AS high, 9::real AS low, n::real AS volume, "
                     "'Long'::text AS exchange, 'A-B'::text AS symbol, '1m'::text AS timeframe "
                     "FROM generate_series(0, 199999) AS n", START)
    own_database.run("ALTER TABLE candle OWNER TO jesse_user")
    return own_database


def test_the_connection_is_cut_in_the_midst(long_series, tmp_path):
    store, counts = CandleStore(tmp_path / "store"), []
    before = store.write("Long", "A-B", random_candles(10, start=START - 10 * MINUTE_MS))

    def cut(_series, rows):
        counts.append(rows)
        if len(counts) == 1:
            long_series.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE datname = %s AND application_name = 'jesse_nb'", long_series.name)

    said = refused(lambda: candles_from_database("A-B", project=long_series.folder, store=store, progress=cut))
    assert re.match("The connection to PostgreSQL .* broke: (terminating connection|the server closed it)", said)
    assert "Nothing was changed. Try again." in said
    assert 0 < counts[-1] < 200_000
    assert store.list() == [before]
    assert candles_from_database("A-B", project=long_series.folder, store=store)[0].rows == 200_010


def test_an_interrupt_leaves_nothing_behind(long_series, tmp_path):
    def interrupt(_series, _rows):
        raise KeyboardInterrupt

    store = CandleStore(tmp_path / "store")
    with pytest.raises(KeyboardInterrupt):
        candles_from_database("A-B", project=long_series.folder, store=store, progress=interrupt)
    assert store.list() == []
    active = ("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'jesse_nb' "
              "AND state = 'active'")
    deadline = time.monotonic() + 20  # the server takes note of the end a moment later
    while long_series.run(active, long_series.name) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_columns_that_hold_no_numbers(own_database):
    own_database.run("ALTER TABLE candle ALTER volume TYPE text USING 'much'")
    assert "holds what is no number" in refused(database_of(own_database).read, *JESSE_WROTE)
