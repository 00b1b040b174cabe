"""Files as people have them: those that were collected, others written alike, and any that can be drawn."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore, ImportOptions, import_candles, read_series, read_source
from jesse_nb.core.tools.candles.import_files import import_files
from jesse_nb.exceptions import InputError, InvalidCandlesError
from tests.candles.helpers import random_candles
from tests.candles.importing.test_damaged_files import NEW, hostile_zip
from tests.candles.importing.test_importers import archive_csv, csv_of, file_of, frame_of, zipped
from tests.conftest import sample_folder
from tests.fuzz.formats import Campaign

COLLECTED = (sample_folder() or Path("nowhere")) / "formats"
OHLCV = ("timestamp", "open", "high", "low", "close", "volume")
METATRADER = ("date", "time", "open", "high", "low", "close", "volume", "-", "-")
CANDLES = random_candles(60)


def written_alike(folder: Path) -> np.ndarray:
    """Write a small file of each collected kind; return what they hold."""
    frame = frame_of()
    moments = pd.to_datetime(frame["timestamp"], unit="ms")
    rows = frame[list(OHLCV)]
    texts = [[str(int(row[0])), *map(repr, row[1:])] for row in rows.to_numpy().tolist()]
    dotted = rows.assign(timestamp=moments.dt.strftime("%Y.%m.%d %H:%M"))
    dotted.to_csv(folder / "02_BTCUSDT_1_2024-03-10_2024-03-10.csv.gz", index=False, header=False)
    bybit = rows.set_axis(["startTime", "openPrice", "highPrice", "lowPrice", "closePrice", "volume"], axis=1)
    bybit[::-1].to_csv(folder / "03_bybit_v5_kline.csv", index=False)
    okx = {"code": "0", "msg": "", "data": [[*row, "1", "1", "1"] for row in texts[::-1]]}
    okx["data"] = [[*row[:6], row[5], "2.5", "1"] for row in okx["data"]]
    (folder / "05_okx_api.json").write_text(json.dumps(okx))
    coinbase = [[int(row[0]) // 1_000, row[3], row[2], row[1], row[4], row[5]] for row in rows.to_numpy().tolist()]
    (folder / "07_coinbase.json").write_text(json.dumps(coinbase))
    bitstamp = rows.set_axis(["Timestamp", "Open", "High", "Low", "Close", "Volume_(BTC)"], axis=1)
    bitstamp["Timestamp"] //= 1_000
    bitstamp.loc[3::7, ["Open", "High", "Low", "Close", "Volume_(BTC)"]] = np.nan
    bitstamp.to_csv(folder / "11_bitstampUSD_1-min_data.csv", index=False, na_rep="NaN")
    metatrader = rows.drop(columns=["timestamp", "volume"]).assign(ticks=7, vol=0, spread=12)
    metatrader.insert(0, "date", moments.dt.strftime("%Y.%m.%d"))
    metatrader.insert(1, "time", moments.dt.strftime("%H:%M:%S"))
    names = ["<DATE>", "<TIME>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>", "<VOL>", "<SPREAD>"]
    metatrader.set_axis(names, axis=1).to_csv(folder / "17_BTCUSDT_M1_mt5.csv", index=False, sep="\t",
                                              lineterminator="\r\n")
    excel = "sep=;\r\n" + rows.to_csv(index=False, sep=";").replace(".", ",")
    (folder / "22_excel_sep.csv").write_text(excel)
    late = frame_of()
    late.loc[150:, "timestamp"] += 14_799
    (folder / "30_BTCUSDT-1m-2018-02.csv").write_bytes(archive_csv(late.to_numpy(np.float64)))
    return frame.to_numpy(np.float64)


@pytest.fixture(params=["written", "collected"])
def formats(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, np.ndarray]:
    if request.param == "written":
        return tmp_path, written_alike(tmp_path)
    if not COLLECTED.is_dir():
        pytest.skip("the collected files are not here")
    return COLLECTED, np.loadtxt(COLLECTED / "expected.csv", delimiter=",", skiprows=1)


def test_each_kind_of_file_gives_its_right_result(formats: tuple[Path, np.ndarray]) -> None:
    folder, truth = formats

    def read(name: str, **options: Any) -> np.ndarray:
        return read_series(folder / name, "BTC-USDT", "Binance Spot", ImportOptions(**options)).candles

    bybit_file = "02_BTCUSDT_1_2024-03-10_2024-03-10.csv.gz"
    with pytest.raises(InvalidCandlesError, match=r"no header, and 6 columns\..*--columns timestamp,open"):
        read(bybit_file)
    assert np.array_equal(read(bybit_file, columns=OHLCV), truth)
    assert np.array_equal(read("03_bybit_v5_kline.csv"), truth)
    assert np.array_equal(read("05_okx_api.json"), truth)
    with pytest.raises(InvalidCandlesError, match=r"Are the columns in order\? .*--columns"):
        read("07_coinbase.json")
    order = ("timestamp", "low", "high", "open", "close", "volume")
    assert np.array_equal(read("07_coinbase.json", columns=order), truth)
    traded = read("11_bitstampUSD_1-min_data.csv")
    assert np.array_equal(traded, truth[np.isin(truth[:, 0], traded[:, 0])])
    assert np.array_equal(read("22_excel_sep.csv"), truth)
    with pytest.raises(InvalidCandlesError, match="two volumes, of ticks"):
        read("17_BTCUSDT_M1_mt5.csv")
    by_ticks = read("17_BTCUSDT_M1_mt5.csv", columns=METATRADER)
    by_trades = read("17_BTCUSDT_M1_mt5.csv", columns=(*METATRADER[:6], "-", "volume", "-"))
    assert np.array_equal(by_ticks[:, :5], truth[:, :5])
    assert np.array_equal(by_trades[:, :5], truth[:, :5])
    assert (by_trades[:, 5] == 0).all()
    assert (by_ticks[:, 5] > 0).all()


def test_stamps_off_the_minute_have_two_ways_on(formats: tuple[Path, np.ndarray]) -> None:
    folder, truth = formats
    path = folder / "30_BTCUSDT-1m-2018-02.csv"
    with pytest.raises(InvalidCandlesError, match=r"row 151 is off the minute: .*--off-minute floor"):
        read_source(path)
    floored = read_series(path, "BTC-USDT", "Binance Spot", ImportOptions(off_minute="floor"))
    assert np.array_equal(floored.candles[:, 1:], truth[:, 1:])
    assert (np.diff(floored.candles[:, 0]) == 60_000).all()
    assert floored.remarks == ("Timestamps set back to the minute: 50 rows (rows 151, 152, 153, 154, 155, … of "
                               "30_BTCUSDT-1m-2018-02.csv).",)
    info = import_candles(path, "BTC-USDT", "Binance Spot", off_minute="skip")
    assert info.rows == 150
    assert info.notes[0].startswith("Left out, timestamp is off the minute: 50 rows")
    assert CandleStore().info("Binance Spot", "BTC-USDT").sources == (f"files ({info.notes[0]})",)


def test_rows_that_are_no_candles_are_skipped_only_when_asked(tmp_path: Path) -> None:
    lines = csv_of().decode().splitlines()
    lines[3] = lines[3].replace(",", ",abc,", 1).rsplit(",", 1)[0]
    high = lines[5].split(",")
    lines[5] = ",".join([*high[:3], "1.0", *high[4:]])
    lines[8] += ",1"
    lines[10] = "yesterday" + lines[10][lines[10].index(","):]
    twice = lines[20].split(",")
    lines.insert(21, ",".join([*twice[:5], "77.5"]))
    path = file_of(tmp_path, "\n".join(lines).encode(), "a.csv")
    with pytest.raises(InvalidCandlesError):
        read_source(path)
    reading = read_series(path, "BTC-USDT", "Binance Spot", ImportOptions(errors="skip"))
    truth = frame_of().to_numpy(np.float64)
    kept = np.delete(truth, [2, 4, 7, 9, 19], axis=0)
    assert np.array_equal(reading.candles, kept)
    told = " ".join(reading.remarks)
    for words in ("Left out, more or fewer cells than the others: 1 row (row 8 of a.csv).",
                  "Left out, open is not finite and above zero: 1 row (row 3 of a.csv).",
                  "high is below the low: 1 row",
                  "timestamp is no time: 1 row", "Left out, minute has another candle, too: 2 rows"):
        assert words in told, told


def test_mistyped_options_are_refused() -> None:
    with pytest.raises(InputError, match="off_minute is 'flor'"):
        read_source(frame_of(), off_minute="flor")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="errors is 'ignore'"):
        import_files(["x.csv"], "Binance Spot", ["BTC-USDT"], errors="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize(("cells", "words"), [("1,234;1,234;1,234;1,234", "part thousands"),
                                              ("68313,28;68313,28;68313,28;68.313", "decimal commas, but row 1")])
def test_numbers_that_can_be_meant_in_two_ways_are_refused(tmp_path: Path, cells: str, words: str) -> None:
    content = f"timestamp;open;high;low;close;volume\n1710028800000;{cells};1\n".encode()
    with pytest.raises(InvalidCandlesError, match=words):
        read_source(file_of(tmp_path, content))


def test_candles_that_were_not_over_are_left_out_and_told(tmp_path: Path) -> None:
    rows = [[str(1_710_028_800_000 + 60_000 * number), "1", "1", "1", "1", "5", "5", "5", str(int(number < 3))]
            for number in range(4)]
    path = file_of(tmp_path, json.dumps({"code": "0", "data": rows}).encode(), "okx.json")
    reading = read_series(path, "BTC-USDT", "OKX", ImportOptions())
    assert len(reading.candles) == 3
    assert reading.remarks == ("Left out, minute was not over yet: 1 row (row 4 of okx.json).",)


def test_names_that_mean_something_else_elsewhere(tmp_path: Path) -> None:
    htx = [{"id": 1_710_028_800 + 60 * number, "open": 2.0, "close": 2.0, "low": 2.0, "high": 2.0, "amount": 3.0,
            "vol": 6.0, "count": 1} for number in range(2)]
    path = file_of(tmp_path, json.dumps({"ch": "market.btcusdt.kline.1min", "status": "ok", "data": htx}).encode())
    assert (read_source(path)[:, 5] == 3.0).all()
    stream = [{"t": 1_710_028_800_000 + 60_000 * number, "T": 1_710_028_859_999 + 60_000 * number, "s": "BTC", "o": "2",
               "c": "2", "h": "2", "l": "2", "v": "4", "n": 9} for number in range(2)]
    assert read_source(file_of(tmp_path, json.dumps(stream).encode()))[0, 0] == 1_710_028_800_000
    inverse = {"retCode": 0, "result": {"category": "inverse", "list": [["1710028800000", *["1"] * 6]]}}
    with pytest.raises(InvalidCandlesError, match="inverse contract: its volume counts dollars"):
        read_source(file_of(tmp_path, json.dumps(inverse).encode()))
    unknown = {"rows": [[1_710_028_800_000, 1, 1, 1, 1, 1, 1]]}
    with pytest.raises(InvalidCandlesError, match=r"its rows have 7 values\. Say what they are"):
        read_source(file_of(tmp_path, json.dumps(unknown).encode()))
    named = [*OHLCV, "-"]
    assert len(read_source(file_of(tmp_path, json.dumps(unknown).encode()), columns=named)) == 1


def rows_of(*names: str) -> list[list[Any]]:
    frame = frame_of(CANDLES).assign(seconds=lambda table: table["timestamp"] // 1_000, one=1, text="BTCUSDT",
                                     day="2023-01-01")
    return [list(row) for row in frame[list(names)].astype(object).itertuples(index=False)]


@pytest.mark.parametrize(("content", "columns"), [
    (json.dumps(rows_of("timestamp", "open", "close", "high", "low", "volume")),
     ("timestamp", "open", "close", "high", "low", "volume")),
    (json.dumps(rows_of("timestamp", "open", "high", "low", "close", "volume", "timestamp", *["one"] * 5)), None),
    (pd.DataFrame(rows_of("seconds", "open", "high", "low", "close", "volume", "one")).to_csv(
        index=False, header=False), (*OHLCV, "-")),
    ("https://www.CryptoDataDownload.com\nUnix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount\n"
     + pd.DataFrame(rows_of("timestamp", "day", "text", "open", "high", "low", "close", "volume", "one", "one")).to_csv(
         index=False, header=False), None),
    (json.dumps({"candles": [dict(zip(("start", *OHLCV[1:]), row, strict=True))
                             for row in rows_of("seconds", "open", "high", "low", "close", "volume")]}), None),
], ids=["Bitfinex", "Binance", "Kraken", "CryptoDataDownload", "Coinbase Advanced"])
def test_what_exchanges_and_archives_give(tmp_path: Path, content: str, columns: tuple[str, ...] | None) -> None:
    assert np.array_equal(read_source(file_of(tmp_path, content.encode()), "BTC-USDT", columns=columns), CANDLES)


def folder_of(tmp_path: Path) -> Path:
    """Files of two symbols by name, by year, in a folder of the symbol, and packed by zstd."""
    import pyarrow as pa

    folder = tmp_path / "data"
    (folder / "ETH-USDT").mkdir(parents=True)
    frame_of(CANDLES[:20]).to_parquet(folder / "BTC-USDT.parquet")
    frame_of(CANDLES[20:40]).to_parquet(folder / "BTC-USDT-2024.parquet")
    (folder / "BTCUSDT_1m.csv.zst").write_bytes(pa.compress(csv_of(CANDLES[40:]), "zstd", asbytes=True))
    frame_of(CANDLES[:30]).to_parquet(folder / "ETH-USDT" / "2023.parquet")
    frame_of(CANDLES[30:]).to_parquet(folder / "ETH-USDT" / "2024.parquet")
    (folder / "notes.csv").write_text("nothing")
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_files_named_after_their_symbols(tmp_path: Path, packed: bool) -> None:
    folder = folder_of(tmp_path)
    if packed:
        with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
            for path in folder.rglob("*"):
                archive.write(path, path.relative_to(tmp_path))
            doubled = zipped(archive_csv(CANDLES * [1, 2, 2, 2, 2, 2]))
            archive.writestr("data/futures/um/ETHUSDT-1m-2024-01.zip", doubled)
        folder = tmp_path / "data.zip"
    found = import_files([folder], "Binance Spot", ["BTC-USDT"]) + import_files([folder], "Binance Spot", "ETH-USDT") \
        if packed else import_files([folder], "Binance Spot")
    assert [info.symbol for info in found] == ["BTC-USDT", "ETH-USDT"]
    for symbol in ("BTC-USDT", "ETH-USDT"):
        assert np.array_equal(CandleStore().read("Binance Spot", symbol), CANDLES)
    if packed:
        import_files([folder], "Binance Perpetual Futures", ["ETH-USDT"])
        assert (CandleStore().read("Binance Perpetual Futures", "ETH-USDT")[:, 1] == CANDLES[:, 1] * 2).all()
        with pytest.raises(InputError, match=r"holds BTC-USDT, ETH-USDT, not SOL-USDT"):
            import_files([folder], "Binance Spot", ["SOL-USDT"])


def test_files_of_several_markets_are_not_one_series(tmp_path: Path) -> None:
    for name, part in (("spot/BTCUSDT-1m-2024-01.csv", CANDLES[:20]), ("um/BTCUSDT-1m-2024-02.csv", CANDLES[20:40]),
                       ("spot/ETHUSDT-1m-2024-01.csv", CANDLES[40:])):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        file_of(tmp_path, csv_of(part), name)
    with pytest.raises(InputError, match=r"of the spot market, .*, and of futures"):
        read_source(str(tmp_path / "*" / "BTC*.csv"), "BTC-USDT")
    with pytest.raises(InputError, match="of several symbols"):
        read_source(str(tmp_path / "spot" / "*.csv"), "BTC-USDT")
    with zipfile.ZipFile(tmp_path / "mixed.zip", "w") as archive:
        archive.write(tmp_path / "spot/BTCUSDT-1m-2024-01.csv", "spot/BTCUSDT-1m-2024-01.csv")
        archive.write(tmp_path / "um/BTCUSDT-1m-2024-02.csv", "futures/BTCUSDT-1m-2024-02.csv")
    with pytest.raises(InputError, match="BTC-USDT of 2 markets"):
        read_source(tmp_path / "mixed.zip", "BTC-USDT", exchange="Binance")
    assert len(read_source(tmp_path / "mixed.zip", "BTC-USDT", exchange="Binance Spot")) == 20


def test_members_without_a_name_and_archives_in_archives(tmp_path: Path) -> None:
    assert np.array_equal(read_source(file_of(tmp_path, hostile_zip(filename=""))), NEW)
    assert np.array_equal(read_source(file_of(tmp_path, zipped(zipped(csv_of(CANDLES))))), CANDLES)
    with pytest.raises(InvalidCandlesError, match="holds another archive of 2 files"):
        read_source(file_of(tmp_path, zipped(zipped(csv_of(CANDLES), csv_of(CANDLES)))))


def test_a_preview_stores_nothing(tmp_path: Path) -> None:
    gapped = np.delete(CANDLES, slice(10, 25), axis=0)
    frame = frame_of(gapped)
    frame["timestamp"] = (pd.to_datetime(frame["timestamp"], unit="ms") + pd.Timedelta(hours=2)).dt.strftime(
        "%Y-%m-%d %H:%M:%S+02:00")
    path = file_of(tmp_path, frame.to_csv(index=False).encode(), "prices.csv")
    preview: Any = jn.preview_files([path], "Binance Spot", "BTC-USDT")
    (one,) = preview.series
    assert (one.rows, one.start, one.end) == (45, int(CANDLES[0, 0]), int(CANDLES[-1, 0]) + 60_000)
    assert one.times == "dates with a zone, turned into UTC"
    assert np.array_equal(one.first.reset_index()[["open", "close", "high", "low", "volume"]], gapped[:5, 1:])
    text = str(preview)
    for words in ("2023-01-01 00:04", "1 gap of 15 minutes in all: 2023-01-01 00:10 (15 min)", "Nothing was stored",
                  "dates with a zone", repr(float(gapped[0, 1]))):
        assert words in " ".join(text.split()), text
    assert "Nothing was stored" in preview._repr_mimebundle_()["text/html"]
    assert CandleStore().list() == []


def test_anything_drawn_is_read_exactly_or_refused_by_name(tmp_path: Path) -> None:
    campaign, outcomes = Campaign(tmp_path), set()
    for number in range(150):
        outcomes.add(campaign.draw(Random(number)))
    assert len(outcomes) > 12


#: Where freqtrade and an archive's mirror keep a symbol: of the spot market, of futures, and what nobody trades at.
_PLACES = {
    "spot": ["spot/monthly/klines/{0}/1m/{0}-1m-2024-01.csv", "spot/daily/klines/{0}/1m/{0}-1m-2024-02-01.csv",
             "binance/BTC_USDT-1m.json"],
    "futures": ["futures/um/monthly/klines/{0}/1m/{0}-1m-2024-03.csv", "binance/futures/BTC_USDT_USDT-1m-futures.json"],
    "untraded": ["futures/um/monthly/markPriceKlines/{0}/1m/{0}-1m-2024-04.csv",
                 "futures/um/daily/premiumIndexKlines/{0}/1m/{0}-1m-2024-05-01.csv",
                 "futures/um/daily/indexPriceKlines/{0}/1m/{0}-1m-2024-06-01.csv",
                 "binance/futures/BTC_USDT_USDT-1m-mark.json"],
}


@pytest.mark.parametrize("number", range(12))
def test_no_draw_of_a_mixed_folder_joins_two_markets(tmp_path: Path, number: int) -> None:
    """Every file has a volume of its own, and a time of its own: nothing contradicts, so only names tell them apart."""
    random = Random(number)
    places = [(kind, name) for kind, names in _PLACES.items() for name in names]
    chosen = random.sample(places, random.randint(2, len(places)))
    volumes: dict[float, tuple[str, str]] = {}
    for volume, (kind, name) in enumerate(chosen, start=1):
        candles = random_candles(5, start=1_672_531_200_000 + volume * 86_400_000)
        candles[:, 5] = volume
        path = tmp_path / name.format("BTCUSDT")
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = frame_of(candles)[list(OHLCV)]
        text = json.dumps(frame.to_numpy().tolist()) if name.endswith("json") else frame.to_csv(index=False)
        path.write_text(text)
        # Two tools' folders are two markets, as two exchanges' are: they may not be joined either.
        volumes[float(volume)] = kind, name.split("/")[0]
    zipped_too = tmp_path / "all.zip"
    with zipfile.ZipFile(zipped_too, "w") as archive:
        for _, name in chosen:
            archive.write(tmp_path / name.format("BTCUSDT"), name.format("BTCUSDT"))
    zipped_too.rename(tmp_path.parent / f"{tmp_path.name}.zip")
    for folder in (tmp_path, tmp_path.parent / f"{tmp_path.name}.zip"):
        for exchange in ("Binance Spot", "Binance Perpetual Futures", "Binance", "Kraken"):
            try:
                got = read_source(folder, "BTC-USDT", exchange=exchange)
            except InputError:
                continue
            markets = {volumes[volume] for volume in got[:, 5]}
            assert len(markets) == 1
            ((kind, _),) = markets
            assert kind != "untraded"
            assert kind == {"Binance Spot": "spot", "Binance Perpetual Futures": "futures"}.get(exchange, kind)


def test_candles_that_are_counted_or_stamped_otherwise_are_refused_by_name(tmp_path: Path) -> None:
    frame = frame_of()
    coins = archive_csv(frame.assign(volume=100.0).to_numpy())
    path = file_of(tmp_path, coins, "BTCUSD_PERP-1m-2024-01.csv")
    with pytest.raises(InvalidCandlesError, match=r"volume counts contracts.*-,-,volume,-,-,-,- takes"):
        read_source(path)
    with pytest.raises(InvalidCandlesError, match="volume counts contracts"):
        read_source(file_of(tmp_path, zipped(coins), "BTCUSD_240329-1m-2024-01.zip"))
    named = read_source(path, columns=[*OHLCV[:5], "-", "-", "volume", "-", "-", "-", "-"])
    assert (named[:, 5] == 7).all()
    bitmex = frame[list(OHLCV)].assign(trades=5, vwap=1, lastSize=1, turnover=1, homeNotional=1.0, foreignNotional=1)
    with pytest.raises(InvalidCandlesError, match="BitMEX's: stamped with the minute after"):
        read_source(bitmex)


def test_a_streams_candles_have_their_order_flow(tmp_path: Path) -> None:
    rows = [{"t": int(row[0]), "T": int(row[0]) + 59_999, "o": repr(row[1]), "c": repr(row[4]), "h": repr(row[2]),
             "l": repr(row[3]), "v": repr(row[5]), "n": 7, "q": "1", "V": repr(row[5] / 4), "Q": "1"}
            for row in frame_of()[list(OHLCV)].to_numpy().tolist()]
    read = read_series(file_of(tmp_path, json.dumps(rows).encode(), "ws.json"), "BTC-USDT", "X", ImportOptions())
    assert np.array_equal(read.candles, frame_of().to_numpy(np.float64))
    flow = read.pieces.piece(read.pieces.numbers()[0])[:, 6:]
    assert np.array_equal(flow, np.column_stack([np.full(len(flow), 7.0), read.candles[:, 5] / 4]))
