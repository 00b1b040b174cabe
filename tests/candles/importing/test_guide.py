"""The guide's table of files: each is written as it says, and read by the very line that it says."""

from __future__ import annotations

import json
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jesse_nb.cli import main
from jesse_nb.core.candles import CandleStore
from tests.candles.helpers import random_candles
from tests.candles.importing.test_formats import written_alike
from tests.candles.importing.test_importers import archive_csv, frame_of, zipped

GUIDE = Path(__file__).parents[3] / "notebooks" / "guide" / "candles.md"
CANDLES = random_candles(200)
OHLCV = ["timestamp", "open", "high", "low", "close", "volume"]


def lines() -> dict[str, str]:
    """Each row of the table: what the file is, and its line."""
    rows = [line.split(" | ") for line in GUIDE.read_text().splitlines() if line.startswith("| ") and " | `" in line]
    first = next(number for number, row in enumerate(rows) if row[0].startswith("| Binance's archive, months"))
    return {row[0].removeprefix("| "): row[1].split("`")[1] for row in rows[first:]}


def table() -> pd.DataFrame:
    return frame_of(CANDLES)[OHLCV]


def rows_of(names: list[str], unit: int = 1) -> list[list[float]]:
    return table().assign(timestamp=table()["timestamp"] // unit)[names].to_numpy().tolist()


def write_files(folder: Path) -> None:
    """Write every file that the table names, as it is in the wild."""
    written_alike(folder)
    spot = folder / "data/spot/monthly/klines/BTCUSDT/1m"
    spot.mkdir(parents=True)
    (spot / "BTCUSDT-1m-2024-01.zip").write_bytes(zipped(archive_csv(CANDLES)))
    (folder / "BTCUSDT-1m-2024-01.zip").write_bytes(zipped(archive_csv(CANDLES)))
    (folder / "30_BTCUSDT-1m-2018-02.csv").rename(folder / "BTCUSDT-1m-2018-02.zip")
    freqtrade = folder / "user_data/data/binance"
    freqtrade.mkdir(parents=True)
    moments = pd.to_datetime(table()["timestamp"], unit="ms", utc=True)
    table().rename(columns={"timestamp": "date"}).assign(date=moments).to_feather(freqtrade / "BTC_USDT-1m.feather")
    (folder / "folder/BTC-USDT").mkdir(parents=True)
    table().to_parquet(folder / "folder/BTC-USDT/2023.parquet", index=False)
    (folder / "02_BTCUSDT_1_2024-03-10_2024-03-10.csv.gz").rename(folder / "BTCUSDT_1_2024-03-10_2024-03-10.csv.gz")
    texts = [[str(int(row[0])), *map(repr, row[1:])] for row in rows_of(OHLCV)]
    (folder / "bybit.json").write_text(json.dumps({"retCode": 0, "result": {"category": "linear", "list": [
        [*row, "1"] for row in texts[::-1]]}}))
    (folder / "05_okx_api.json").rename(folder / "okx.json")
    (folder / "07_coinbase.json").rename(folder / "coinbase.json")
    (folder / "bitfinex.json").write_text(json.dumps(rows_of(["timestamp", "open", "close", "high", "low", "volume"])))
    (folder / "11_bitstampUSD_1-min_data.csv").rename(folder / "bitstamp.csv")
    table().assign(timestamp=table()["timestamp"] // 1_000, trades=3).to_csv(
        folder / "XBTUSD_1.csv", index=False, header=False)
    decorated = table().rename(columns={"timestamp": "unix", "volume": "Volume BTC"}).assign(
        date="2023-01-01", symbol="BTC/USDT", **{"Volume USDT": 5, "tradecount": 7})
    (folder / "Binance_BTCUSDT_minute.csv").write_text(
        "https://www.CryptoDataDownload.com\n" + decorated.to_csv(index=False))
    (folder / "17_BTCUSDT_M1_mt5.csv").rename(folder / "BTCUSD_M1.csv")
    (folder / "22_excel_sep.csv").rename(folder / "prices.csv")
    local = moments.dt.tz_convert("Europe/Berlin").dt.strftime("%Y-%m-%d %H:%M")
    (folder / "local").mkdir()
    table().assign(timestamp=local).to_csv(folder / "local/prices.csv", index=False)
    table().to_parquet(folder / "btc.parquet", index=False)
    jesse = frame_of(CANDLES).assign(exchange="Binance Spot", symbol="BTC-USDT", timeframe="1m")
    jesse.to_csv(folder / "candle.csv", index=False)
    table().assign(timestamp=table()["timestamp"].iloc[0] + np.arange(200) * 3_600_000).to_csv(
        folder / "hours.csv", index=False)


@pytest.mark.filterwarnings("error")
def test_every_file_of_the_table_is_read_by_its_line(tmp_path, monkeypatch):
    write_files(tmp_path)
    found = lines()
    assert len(found) >= 19
    for number, (what, line) in enumerate(found.items()):
        monkeypatch.setenv("JESSE_NB_CANDLES", str(tmp_path / f"store {number}"))
        monkeypatch.chdir(tmp_path / "local" if "local time" in what else tmp_path)
        words = shlex.split(line.replace("…", "-s BTC-USDT --exchange Mine"))
        assert main(["candles", "import", *words]) == 0
        (series,) = CandleStore().list()
        candles = CandleStore().read(series.exchange, series.symbol)
        if "expand" in line:
            assert (series.expanded_from, series.rows) == ("1h", 12_000), what
        elif "NaN" in what:
            assert np.array_equal(candles, np.delete(CANDLES, slice(3, None, 7), axis=0)), what
        elif "MetaTrader" in what:
            assert np.array_equal(candles[:, :5], CANDLES[:, :5]), what
        else:
            assert np.array_equal(candles, CANDLES), what


def test_a_zipped_folder_is_read_as_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(tmp_path / "spot.zip", "w") as archive:
        for name in ("BTC-USDT", "ETH-USDT"):
            archive.writestr(f"{name}.csv", table().to_csv(index=False))
    assert main(["candles", "import", "spot.zip", "--exchange", "Binance Spot"]) == 0
    assert [series.symbol for series in CandleStore().list()] == ["BTC-USDT", "ETH-USDT"]
