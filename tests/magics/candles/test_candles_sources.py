"""`%candles fetch`, `import` of folders, `export` and `check`."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from jesse_nb.core.candles import CandleStore, exchanges
from jesse_nb.core.tools.candles import fetch_candles
from jesse_nb.exceptions import CandlesNotFoundError, InputError
from tests.candles.helpers import START, random_candles
from tests.candles.importing.test_importers import archive_csv, zipped
from tests.magics.conftest import run

CANDLES = random_candles(300)


class Answering:
    """An exchange that has candles at hand; the driver and the wire are tested where they live."""

    page_minutes, delay = 100, 0.0

    def __init__(self, name, **_):
        self.name = exchanges._known(name)

    def now(self):
        return START + 300 * 60_000

    def first_candle(self, symbol):
        return START

    def page(self, symbol, start, end):
        return exchanges.Page(CANDLES[(CANDLES[:, 0] >= start) & (CANDLES[:, 0] < end)], None)

    def pause(self, seconds):
        pass


@pytest.fixture
def exchange(monkeypatch):
    monkeypatch.setattr(fetch_candles, "Exchange", Answering)


def test_fetching_and_updating(shell, exchange):
    answer = run(shell, "%candles fetch 'Binance Spot' BTC-USDT 2023-01-01 '2023-01-01 02:00'")
    assert repr(answer).splitlines() == [
        "BTC-USDT on Binance Spot: 2023-01-01 to 2023-01-01 02:00, 120 candles",
        "120 candles fetched.",
    ]
    listing = run(shell, "%candles fetch --update")
    assert list(listing.to_frame().iloc[0]) == ["Binance Spot", "BTC-USDT", "180", "2023-01-01 05:00", ""]
    assert len(CandleStore().read("Binance Spot", "BTC-USDT")) == 300
    for line in ("fetch BTC-USDT --update", "fetch --update BTC-USDT", "--update fetch BTC-USDT"):
        assert list(run(shell, f"%candles {line}").to_frame()["symbol"]) == ["BTC-USDT"]
    with pytest.raises(CandlesNotFoundError, match="ETH-USDT"):
        run(shell, "%candles fetch --update ETH-USDT")


def test_a_folder_needs_no_symbol(shell, tmp_path):
    for symbol in ("BTCUSDT", "ETHUSDT"):
        (tmp_path / f"{symbol}-1m-2023-01.zip").write_bytes(zipped(archive_csv(CANDLES)))
    listing = run(shell, f"%candles import {tmp_path} --exchange 'Binance Spot'")
    assert list(listing.to_frame()["symbol"]) == ["BTC-USDT", "ETH-USDT"]
    listing = run(shell, f"%candles import {tmp_path} --exchange Other -s ETH-USDT")
    assert list(listing.to_frame()["symbol"]) == ["ETH-USDT"]


def test_columns_are_named_on_the_line(shell, tmp_path):
    rows = "".join(f"{int(row[0])},{','.join(map(repr, map(float, row[[1, 3, 4, 2, 5]])))}\n" for row in CANDLES)
    (tmp_path / "bare.csv").write_text(rows)
    columns = "timestamp,open,high,low,close,volume"
    run(shell, f"%candles import {tmp_path}/bare.csv -s A-B --exchange X --columns {columns}")
    assert (CandleStore().read("X", "A-B") == CANDLES).all()


def test_exporting_and_checking(shell, tmp_path):
    CandleStore().write("X", "A-B", CANDLES)
    note = run(shell, f"%candles export A-B {tmp_path}/new.csv")
    assert note.text == f"Wrote {tmp_path}/new.csv."
    check = run(shell, "%candles check A-B --deviations 30 --quiet-minutes 10")
    assert (check.deviations, check.quiet_minutes) == (30.0, 10)
    assert "Nothing suspicious was found." in repr(check)
    assert "Candles" in check._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%candles fetch", "needs an exchange, a symbol and a start"),
        ("%candles fetch Binance Spot BTC-USDT 2023-01-01 2024-01-01", "needs an exchange"),
        ("%candles export BTC-USDT", "needs a symbol and a file"),
        ("%candles check", "needs one symbol"),
        ("%candles ftech", "Did you mean 'fetch'"),
    ],
)
def test_a_wrong_line_gives_one_line(shell, line, expected):
    with pytest.raises(UsageError, match=expected):
        run(shell, line)


def test_a_mistyped_exchange(shell):
    with pytest.raises(InputError, match=r"Did you mean .*'Binance Spot'"):
        run(shell, "%candles fetch 'Binance Spt' BTC-USDT 2023-01-01")


def test_what_an_import_is_told_to_do_with_odd_rows(shell, tmp_path):
    late = random_candles(40)
    late[30:, 0] += 14_799
    (tmp_path / "BTCUSDT-1m-2018-02.csv").write_bytes(archive_csv(late))
    line = f"%candles import {tmp_path} --exchange 'Binance Spot' --off-minute floor"
    preview = run(shell, f"{line} --preview")
    assert "Timestamps set back to the minute: 10 rows" in " ".join(str(preview).split())
    assert CandleStore().list() == []
    (row,) = run(shell, line).to_frame().to_dict("records")
    assert row["remark"].startswith("Timestamps set back to the minute: 10 rows (rows 31, 32, 33, 34, 35, …")
    assert row["candles"] == "40"
    with pytest.raises(InputError, match=r"off_minute is 'flor'\. Did you mean 'floor'|--off-minute is 'flor'"):
        run(shell, f"{line[:-5]}flor")


def test_longer_candles_are_listed_as_expanded(shell, tmp_path):
    hours = random_candles(30)
    hours[:, 0] = START + (hours[:, 0] - START) * 60
    (tmp_path / "BTCUSDT-1h-2023-01.csv").write_bytes(archive_csv(hours))
    run(shell, f"%candles import {tmp_path} --exchange Mine --expand")
    assert run(shell, "%candles").to_frame()["expanded from"].tolist() == ["1h"]
