"""Archives, freqtrade's folders, Jesse's table, other formats, and files that are written."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jesse_nb.core.candles import CandleStore, export_candles, import_candles, named_series, read_source
from jesse_nb.core.candles.importing import files
from jesse_nb.core.tools.candles.import_files import import_files
from jesse_nb.exceptions import InputError, InvalidCandlesError, JesseNbError, JobCancelledError
from tests.candles.helpers import damaged, fuzzed, random_candles
from tests.candles.importing.test_importers import archive_csv, csv_of, file_of, frame_of, zipped

CANDLES = random_candles(200)
HEADER = (b"open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
          b"taker_buy_quote_volume,ignore\n")


def stored(symbol: str = "BTC-USDT", exchange: str = "Binance Spot") -> np.ndarray:
    return CandleStore().read(exchange, symbol)


def checked(folder: Path, content: bytes, name: str) -> Path:
    """A file as the archive publishes it: with its checksum beside it."""
    path = file_of(folder, content, name)
    file_of(folder, f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode(), f"{name}.CHECKSUM")
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Months and a day of two symbols, the last in microseconds, one with a header, as Binance has them."""
    folder = tmp_path / "spot"
    for symbol, candles in (("BTCUSDT", CANDLES), ("ETHFDUSD", CANDLES * [1, 2, 2, 2, 2, 1])):
        months = folder / "monthly" / "klines" / symbol / "1m"
        days = folder / "daily" / "klines" / symbol / "1m"
        months.mkdir(parents=True)
        days.mkdir(parents=True)
        checked(months, zipped(archive_csv(candles[:80])), f"{symbol}-1m-2024-11.zip")
        checked(months, zipped(HEADER + archive_csv(candles[80:150])), f"{symbol}-1m-2024-12.zip")
        checked(days, zipped(archive_csv(candles[140:], factor=1_000)), f"{symbol}-1m-2025-01-01.zip")
        file_of(days, b"not one-minute", f"{symbol}-5m-2025-01-01.zip")
    return folder


def test_a_whole_archive(archive: Path) -> None:
    found = import_files([archive], "Binance Spot")
    assert [info.symbol for info in found] == ["BTC-USDT", "ETH-FDUSD"]
    assert np.array_equal(stored(), CANDLES)
    assert np.array_equal(stored("ETH-FDUSD")[:, 1], CANDLES[:, 1] * 2)
    with pytest.raises(InputError, match=r"no one-minute file of ETH-USDT\. Did you mean 'ETH-FDUSD'"):
        import_files([archive], "Binance Spot", ["BTC-USDT", "ETH-USDT"])
    with pytest.raises(InputError, match="which is not said"):
        import_files([archive / "a.zip"], "Binance Spot")


def test_one_symbol_of_an_archive(archive: Path) -> None:
    info = import_candles(archive, "BTC-USDT", "Binance Spot")
    assert info.rows == 200
    assert len(CandleStore().list()) == 1
    pattern = archive / "monthly" / "klines" / "BTCUSDT" / "1m" / "*"  # the checksum files match it too
    assert np.array_equal(read_source(pattern), CANDLES[:150])


def test_a_file_that_is_not_what_its_checksum_says(archive: Path) -> None:
    path = archive / "monthly" / "klines" / "BTCUSDT" / "1m" / "BTCUSDT-1m-2024-12.zip"
    content = path.read_bytes()
    path.write_bytes(zipped(archive_csv(CANDLES[80:149])))
    with pytest.raises(InvalidCandlesError, match=r"BTCUSDT-1m-2024-12\.zip is not what .*CHECKSUM says"):
        import_candles(archive, "BTC-USDT", "Binance Spot")
    assert CandleStore().list() == []
    path.write_bytes(content)
    path.with_name(path.name + ".CHECKSUM").write_bytes(b"<html>404</html>")
    with pytest.raises(InvalidCandlesError, match="holds no SHA-256"):
        import_candles(archive, "BTC-USDT", "Binance Spot")


def test_archives_that_contradict_each_other(archive: Path) -> None:
    other = CANDLES[140:].copy()
    other[5, 5] = 4.25
    days = archive / "daily" / "klines" / "BTCUSDT" / "1m"
    checked(days, zipped(archive_csv(other, factor=1_000)), "BTCUSDT-1m-2025-01-01.zip")
    with pytest.raises(InvalidCandlesError, match=r"two different candles for 2023-01-01 02:25.*volume 4\.25.*"
                                                  r"2024-12\.zip.*contradict each other"):
        import_candles(archive, "BTC-USDT", "Binance Spot")
    assert CandleStore().list() == []


def test_freqtrades_folder(tmp_path: Path) -> None:
    folder = tmp_path / "binance"
    (folder / "futures").mkdir(parents=True)
    frame = frame_of().rename(columns={"timestamp": "date"})[["date", "open", "high", "low", "close", "volume"]]
    dated = frame.assign(date=pd.to_datetime(frame["date"], unit="ms", utc=True))
    dated.to_feather(folder / "BTC_USDT-1m.feather", compression="lz4")
    rows = json.dumps(frame.to_numpy().tolist()).encode()
    file_of(folder, rows, "ETH_USDT-1m.json")
    dated.iloc[::5].to_feather(folder / "BTC_USDT-5m.feather")
    dated.to_feather(folder / "futures" / "SOL_USDT_USDT-1m-futures.feather")
    dated.to_feather(folder / "futures" / "SOL_USDT_USDT-1m-mark.feather")
    assert list(named_series(folder)) == ["BTC-USDT", "ETH-USDT", "SOL-USDT"]
    with pytest.raises(InputError, match="SOL-USDT of futures only, and Binance Spot is a spot market"):
        import_files([folder], "Binance Spot")
    import_files([folder], "Binance Spot", ["BTC-USDT", "ETH-USDT"])
    for symbol in ("BTC-USDT", "ETH-USDT"):
        assert np.array_equal(stored(symbol), CANDLES)
    import_files([folder], "Binance Perpetual Futures", ["SOL-USDT"])
    assert [info.symbol for info in CandleStore().list() if info.exchange.endswith("Futures")] == ["SOL-USDT"]


#: Where an archive's mirror and freqtrade keep a symbol of several markets.
MIRROR = "data/{}/monthly/{}/BTCUSDT/1m/BTCUSDT-1m-2024-{}.csv"
MARKETS = {
    "spot": MIRROR.format("spot", "klines", "01"), "futures": MIRROR.format("futures/um", "klines", "02"),
    "mark": MIRROR.format("futures/um", "markPriceKlines", "03"),
    "index": MIRROR.format("futures/um", "indexPriceKlines", "04"),
    "premium": MIRROR.format("futures/um", "premiumIndexKlines", "05"),
}


def mixed_folder(tmp_path: Path) -> dict[str, Path]:
    """One symbol of five markets, each of another period, so that nothing contradicts."""
    frame, paths = frame_of(), {}
    for number, (market, name) in enumerate(MARKETS.items()):
        paths[market] = tmp_path / name
        paths[market].parent.mkdir(parents=True)
        later = frame.assign(timestamp=frame["timestamp"] + number * 10 * 86_400_000)
        later.to_csv(paths[market], index=False)
    return paths


@pytest.mark.parametrize("symbols", [None, ["BTC-USDT"]])
def test_a_mixed_folder_never_joins_two_markets(tmp_path: Path, symbols: list[str] | None) -> None:
    paths = mixed_folder(tmp_path)
    with pytest.raises(InputError, match=r"BTC-USDT of 2 markets: 1 in .*futures.*; 1 in .*spot.*Name one of these"):
        import_files([tmp_path], "Binance", symbols)
    for market, exchange in (("spot", "Binance Spot"), ("futures", "Binance Perpetual Futures")):
        (info,) = import_files([tmp_path], exchange, symbols)
        assert info.rows == len(CANDLES)
        assert np.array_equal(CandleStore().read(exchange, "BTC-USDT"), read_source(paths[market], "BTC-USDT"))
    for folder, exchange in (("data/spot", "Binance Perpetual Futures"), ("data/futures", "Binance Spot")):
        with pytest.raises(InputError, match="only, and Binance"):
            import_files([tmp_path / folder], exchange, symbols)


@pytest.mark.parametrize("market", ["mark", "index", "premium"])
def test_what_nobody_trades_at_is_no_series(tmp_path: Path, market: str) -> None:
    path = mixed_folder(tmp_path)[market]
    with pytest.raises(InputError, match="at which nobody trades"):
        import_candles(path, "BTC-USDT", "Binance Perpetual Futures")
    with pytest.raises(InputError, match="at whose prices nobody trades"):
        import_files([path.parent], "Binance Perpetual Futures")
    assert CandleStore().list() == []


def test_months_and_days_of_one_market_are_one_series(tmp_path: Path) -> None:
    for number, name in enumerate(("monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.csv",
                                   "daily/klines/BTCUSDT/1m/2024/02/BTCUSDT-1m-2024-02-01.csv")):
        path = tmp_path / "spot" / name
        path.parent.mkdir(parents=True)
        frame_of().assign(timestamp=frame_of()["timestamp"] + number * 10 * 86_400_000).to_csv(path, index=False)
    (info,) = import_files([tmp_path], "Binance Spot")
    assert info.rows == 2 * len(CANDLES)


def test_two_exchanges_in_one_folder_are_two_markets(tmp_path: Path) -> None:
    for number, exchange in enumerate(("binance", "kraken")):
        (tmp_path / exchange).mkdir()
        frame = frame_of().assign(timestamp=frame_of()["timestamp"] + number * 10 * 86_400_000)
        frame.rename(columns={"timestamp": "date"}).assign(
            date=pd.to_datetime(frame["timestamp"], unit="ms", utc=True)).to_feather(
            tmp_path / exchange / "BTC_USDT-1m.feather")
    with pytest.raises(InputError, match="BTC-USDT of 2 markets"):
        import_files([tmp_path], "Binance Spot")
    (info,) = import_files([tmp_path / "binance"], "Binance Spot")
    assert info.rows == len(CANDLES)


def jesse_table() -> pd.DataFrame:
    """Jesse's candle table, with rows that are not meant."""
    frame = frame_of().assign(exchange="Binance Spot", symbol="BTC-USDT", timeframe="1m")
    others = [frame.assign(symbol="ETH-USDT", close=1.0, open=1.0, low=1.0, high=1.0),
              frame.iloc[::5].assign(timeframe="5m", volume=9.0), frame.assign(exchange="Bybit Spot", volume=3.0)]
    table = pd.concat([frame, *others]).sample(frac=1.0, random_state=0)
    table.insert(0, "id", [f"{number:032x}" for number in range(len(table))])
    return table


def test_a_table_of_jesse_itself(tmp_path: Path) -> None:
    path = file_of(tmp_path, jesse_table().to_csv(index=False).encode(), "candle.csv")
    import_candles(path, "BTC-USDT", "Binance Spot")
    assert np.array_equal(stored(), CANDLES)
    with pytest.raises(InvalidCandlesError, match=r"column symbol names 'BTC-USDT', 'ETH-USDT', not SOL-USDT"):
        import_candles(path, "SOL-USDT", "Binance Spot")
    with pytest.raises(InvalidCandlesError, match="column exchange names 'Binance Spot', 'Bybit Spot', not Gate"):
        import_candles(path, "BTC-USDT", "Gate")
    with pytest.raises(InvalidCandlesError, match="column symbol names"):
        read_source(path)
    hourly = frame_of().assign(timeframe="1h")
    with pytest.raises(InvalidCandlesError, match="column timeframe names '1h', not 1m"):
        read_source(hourly)
    assert np.array_equal(read_source(frame_of().assign(Symbol="BTC/USDT"), "BTC-USDT"), CANDLES)


@pytest.mark.parametrize("header", [b"", b"zeit;auf;hoch;tief;zu;x;menge\n"])
def test_columns_that_are_named(tmp_path: Path, header: bytes) -> None:
    frame = frame_of().assign(x=1)[["timestamp", "open", "high", "low", "close", "x", "volume"]]
    path = file_of(tmp_path, header + frame.to_csv(index=False, header=False, sep=";").encode())
    names = ["timestamp", "open", "high", "low", "close", "-", "volume"]
    assert np.array_equal(read_source(path, columns=names), CANDLES)
    with pytest.raises(InvalidCandlesError, match="has 7 columns, but 6 names"):
        read_source(path, columns=names[:-1])
    with pytest.raises(InvalidCandlesError):
        read_source(path)


@pytest.mark.parametrize("content", [b"{}", b"[1, 2]", b"[[1, 2]]", b'[["a"', b"[" * 100_000, b"[]", b"[{}]"])
def test_json_that_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidCandlesError) as caught:
        read_source(file_of(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_folders_without_names(tmp_path: Path) -> None:
    file_of(tmp_path, csv_of(), "candles.csv")
    with pytest.raises(InputError, match=r"is a folder without files like BTCUSDT-1m.*\*\.csv"):
        import_candles(tmp_path, "BTC-USDT", "Binance Spot")
    with pytest.raises(InputError, match="has no files like"):
        import_files([tmp_path], "Binance Spot")


def test_an_import_can_be_watched_and_stopped(archive: Path) -> None:
    seen: list[tuple[int, int]] = []
    import_candles(archive, "BTC-USDT", "Binance Spot", progress=lambda *done: seen.append(done))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    job: Any = import_files([archive], "Other", background=True)
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(20)
    assert len(CandleStore().list()) < 3


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "feather"])
def test_exports_come_back_exactly(tmp_path: Path, ending: str) -> None:
    CandleStore().write("Binance Spot", "BTC-USDT", CANDLES)
    path = export_candles("BTC-USDT", tmp_path / "new" / f"btc.{ending}")
    assert np.array_equal(read_source(path), CANDLES)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    with pytest.raises(InputError, match=r"is there already.*--replace"):
        export_candles("BTC-USDT", path)
    part = export_candles("BTC-USDT", path, start=int(CANDLES[50, 0]), end=int(CANDLES[60, 0]), replace=True)
    assert np.array_equal(read_source(part), CANDLES[50:60])
    with pytest.raises(InputError, match="does not say in which format"):
        export_candles("BTC-USDT", tmp_path / "btc.xlsx")


@fuzzed(150)
@given(data=st.data())
def test_a_damaged_zip_is_imported_right_or_not_at_all(tmp_path: Path, data: st.DataObject) -> None:
    # Two members, one of them plainly stored: a changed byte can reach text, headers, checksums, directory.
    kinds = [csv_of(CANDLES[:8]), archive_csv(CANDLES[:8]), HEADER + archive_csv(CANDLES[:8], factor=1_000)]
    text = data.draw(st.sampled_from(kinds))
    whole = zipped(text, archive_csv(CANDLES[6:12]))
    content = damaged(data, whole)
    store = CandleStore(tmp_path / "store")
    for info in store.list():
        store.delete(info.exchange, info.symbol)
    try:
        import_candles(file_of(tmp_path, content), "BTC-USDT", "Binance Spot", store=store)
    except JesseNbError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert "\n" not in message
        assert store.list() == []
        return
    imported = store.read("Binance Spot", "BTC-USDT")
    # Every member carries a CRC: what is read at all is a whole member, or both.
    possible = [CANDLES[:8], CANDLES[6:12], CANDLES[:12]]
    assert any(np.array_equal(imported, rows) for rows in possible)


def packed(kind: str, part: bytes, count: int) -> bytes:
    """``part``, a megabyte, so many times."""
    target = io.BytesIO()
    if kind == "gz":
        with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1) as file:
            for _ in range(count):
                file.write(part)
    else:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, \
                archive.open("candles.csv", "w", force_zip64=True) as file:
            for _ in range(count):
                file.write(part)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["zip", "gz"])
@pytest.mark.parametrize("line", [b"\0", b"1,1,1,1,1,1\n"])
def test_what_unpacks_to_no_candles_is_refused_before_it_is_unpacked(
    tmp_path: Path, kind: str, line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(tmp_path, packed(kind, line * (2**20 // len(line)), 100), f"BTCUSDT-1m-2024-01.{kind}")
    monkeypatch.setattr(files, "_SMALL_BYTES", 2**20)
    monkeypatch.setattr(files, "_PART_BYTES", 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidCandlesError, match=r"neither Parquet nor text|more than 100 times its "):
            import_candles(path, "BTC-USDT", "Binance Spot")
        assert tracemalloc.get_traced_memory()[1] < (20 << 20 if kind == "zip" or line == b"\0" else 64 << 20)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("write", [
    pd.DataFrame.to_parquet, pd.DataFrame.to_feather, lambda frame, path: frame.to_json(path, orient="records"),
    lambda frame, path: frame.to_csv(path, index=False)])
def test_more_rows_than_any_market_has_minutes_are_refused(
    tmp_path: Path, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(frame_of(), tmp_path / "candles")
    monkeypatch.setattr(files, "_MOST_ROWS", len(CANDLES))
    assert len(read_source(tmp_path / "candles")) == len(CANDLES)
    monkeypatch.setattr(files, "_MOST_ROWS", len(CANDLES) - 1)
    with pytest.raises(InvalidCandlesError, match=rf"has {len(CANDLES)} rows.*; {len(CANDLES) - 1} rows and"):
        read_source(tmp_path / "candles")
