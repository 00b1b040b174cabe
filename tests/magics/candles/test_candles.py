from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from IPython.core.error import StdinNotImplementedError, UsageError

from jesse_nb.core.candles import CandleStore
from jesse_nb.exceptions import CandlesNotFoundError, InvalidCandlesError
from tests.magics.conftest import run


@pytest.fixture
def csv(tmp_path):
    minutes = 1_700_000_040_000 + 60_000 * np.arange(10)
    frame = pd.DataFrame(
        {
            "timestamp": np.delete(minutes, [4, 5]),
            "open": 10.0,
            "high": 11.0,
            "low": 9.0,
            "close": 10.5,
            "volume": 1.0,
        }
    )
    frame.to_csv(tmp_path / "candles.csv", index=False)
    return tmp_path / "candles.csv"


def test_an_empty_store_says_what_to_do(shell):
    listing = run(shell, "%candles")
    assert "%candles demo" in repr(listing)
    assert "<p>" in listing._repr_html_()


def test_the_list_has_stable_text_and_escaped_html(shell, demo):
    listing = run(shell, "%candles")
    assert repr(listing).splitlines() == [
        "        exchange   symbol       from to (excluded) candles missing  gaps synthetic",
        "Demo (synthetic) BTC-USDT 2023-01-01    2023-03-01  84,960       0     0       yes",
        "Demo (synthetic) ETH-USDT 2023-01-01    2023-03-01  84,960       0     0       yes",
    ]
    assert listing._repr_html_().count("<tr") == 3
    assert list(listing.to_frame()["symbol"]) == ["BTC-USDT", "ETH-USDT"]


def test_the_demo_market(shell):
    listing = run(shell, "%candles demo -s ETH-USDT --start 2023-01-01 --end 2023-01-03 --seed 5")
    assert "ETH-USDT 2023-01-01    2023-01-03" in repr(listing)
    stored = CandleStore().read("Demo (synthetic)", "ETH-USDT")
    assert len(stored) == 2 * 1440


def test_the_demo_market_says_what_it_does_while_it_does(shell, notebook, capsys):
    line = "%candles demo -s ETH-USDT --start 2023-01-01 --end 2023-01-02"
    run(shell, line)
    [said, gone] = notebook.sent
    assert said.text == "Storing the demo market (synthetic prices, not a real market): ETH-USDT ..."
    assert (gone.kind, gone.text, gone.display_id) == ("update_display_data", None, said.display_id)
    notebook.enter_cell("unwatched", allow_stdin=False)  # as nbval runs it
    capsys.readouterr()
    run(shell, line)
    assert len(notebook.sent) == 2
    assert "Storing" not in "".join(capsys.readouterr())


def test_importing_a_file_reports_its_gap(shell, csv):
    listing = run(shell, f"%candles import {csv} -s BTC-USDT --exchange 'Binance Spot'")
    assert list(listing.to_frame().iloc[0])[:2] == ["Binance Spot", "BTC-USDT"]
    assert list(listing.to_frame().iloc[0][["candles", "missing", "gaps"]]) == ["8", "2", 1]
    assert len(CandleStore().read("Binance Spot", "BTC-USDT")) == 8


def test_the_exchange_and_the_folder_can_be_configured(shell, csv, tmp_path):
    run(shell, "%config JesseNb.exchange = 'Kraken'")
    shell.user_ns["folder"] = str(tmp_path / "elsewhere")
    run(shell, "%config JesseNb.candles = folder")
    run(shell, f"%candles import {csv} -s BTC-USDT")
    assert [series.exchange for series in CandleStore(tmp_path / "elsewhere").list()] == ["Kraken"]
    assert CandleStore().list() == []


def test_refused_data_is_not_stored(shell, tmp_path):
    (tmp_path / "bad.csv").write_text("timestamp,open,high,low,close,volume\n1700000040000,10,9,11,10,1\n")
    with pytest.raises(InvalidCandlesError):
        run(shell, f"%candles import {tmp_path / 'bad.csv'} -s BTC-USDT --exchange X")
    assert CandleStore().list() == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%candles dmeo", "no action 'dmeo'. Did you mean 'demo'?"),
        ("%candles list BTC-USDT", "takes no names"),
        ("%candles demo BTC-USDT", "symbols follow -s"),
        ("%candles import", "needs at least one file, one symbol and an exchange"),
        ("%candles import a.csv --exchange X", "needs at least one file"),
        ("%candles import a.csv -s A-B C-D --exchange X", "one symbol"),
        ("%candles delete", "needs a symbol"),
        ("%candles --exhange X", "no option --exhange. Did you mean '--exchange'"),
    ],
)
def test_a_wrong_line_gives_one_line(shell, line, expected):
    with pytest.raises(UsageError) as caught:
        run(shell, line)
    assert expected in str(caught.value)


def test_deleting(shell, csv):
    for symbol in ("BTC-USDT", "ETH-USDT", "SOL-USDT"):
        run(shell, f"%candles import {csv} -s {symbol} --exchange X")
    run(shell, "%candles delete BTC-USDT --yes")
    assert [series.symbol for series in CandleStore().list()] == ["ETH-USDT", "SOL-USDT"]
    with pytest.raises(CandlesNotFoundError, match="ETH-USDT"):
        run(shell, "%candles delete SOL-USDT ETH-USTD --yes")  # nothing is deleted when one is mistyped
    assert [series.symbol for series in CandleStore().list()] == ["ETH-USDT", "SOL-USDT"]


@pytest.mark.parametrize(("answer", "left"), [("y", 0), (" YES ", 0), ("", 1), ("n", 1), ("what", 1)])
def test_deleting_asks_first(shell, csv, monkeypatch, answer, left):
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or answer)
    run(shell, f"%candles import {csv} -s BTC-USDT --exchange X")
    run(shell, "%candles delete BTC-USDT")
    assert asked == ["Delete BTC-USDT on X? [y/N] "]
    assert len(CandleStore().list()) == left


def test_deleting_where_nobody_can_answer(shell, csv, monkeypatch):
    def nobody(question):
        raise StdinNotImplementedError

    monkeypatch.setattr("builtins.input", nobody)
    run(shell, f"%candles import {csv} -s BTC-USDT --exchange X")
    with pytest.raises(UsageError, match="Add --yes"):
        run(shell, "%candles delete BTC-USDT")
    assert len(CandleStore().list()) == 1


def test_a_damaged_series_can_be_deleted(shell, csv):
    run(shell, f"%candles import {csv} -s BTC-USDT --exchange X")
    (CandleStore().root / "X" / "BTC-USDT.parquet").write_bytes(b"broken")
    run(shell, "%candles delete BTC-USDT --exchange X --yes")
    assert CandleStore().list() == []


def test_funding_rates_are_stored_and_listed(shell, demo, tmp_path):
    times = pd.date_range("2023-01-01", "2023-02-01", freq="8h", tz="UTC")
    pd.DataFrame({"time": times, "rate": 0.0001}).to_csv(tmp_path / "rates.csv", index=False)
    said = run(shell, f'%candles funding {tmp_path / "rates.csv"} -s BTC-USDT --exchange "Demo (synthetic)"')
    assert "94 funding rates, 2023-01-01 to 2023-02-01." in said.text
    assert list(run(shell, "%candles").to_frame()["funding rates"]) == ["94, 2023-01-01 to 2023-02-01", "none"]
    with pytest.raises(UsageError, match="one symbol and an exchange"):
        run(shell, f"%candles funding {tmp_path / 'rates.csv'}")
