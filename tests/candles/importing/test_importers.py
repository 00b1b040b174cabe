from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jesse_nb.core.candles import CandleStore, import_candles, read_source
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.exceptions import InputError, InvalidCandlesError, JesseNbError
from tests.candles.helpers import START, fuzzed, random_candles
from tests.conftest import real_candles, sample_folder

COLUMNS = ["timestamp", "open", "close", "high", "low", "volume"]
CANDLES = random_candles(200)


def frame_of(candles: np.ndarray = CANDLES) -> pd.DataFrame:
    return pd.DataFrame(candles, columns=COLUMNS).astype({"timestamp": np.int64})


def csv_of(candles: np.ndarray = CANDLES, **options: Any) -> bytes:
    return frame_of(candles).to_csv(index=False, **options).encode()


def archive_csv(candles: np.ndarray = CANDLES, factor: int = 1) -> bytes:
    """The exchange archives' format: no header, open high low close, twelve columns."""
    frame = frame_of(candles)
    frame["timestamp"] *= factor
    frame["close_time"] = frame["timestamp"] + 60_000 * factor - 1
    for name in ("quote_volume", "count", "taker_quote"):
        frame[name] = 7
    frame["taker"] = frame["volume"] / 2
    frame["ignore"] = 0
    order = ["timestamp", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
             "taker", "taker_quote", "ignore"]
    return frame[order].to_csv(index=False, header=False).encode()


def zipped(*contents: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"part{number}.csv", content)
    return buffer.getvalue()


def file_of(folder: Path, content: bytes, name: str = "candles.dat") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_the_sample_files_round_trip(tmp_path: Path) -> None:
    folder = sample_folder()
    candles = real_candles("ETH-USDT")
    source: Any = folder / "spot_1m" / "BINANCE" / "ETH-USDT.parquet" if folder else frame_of(candles)
    store = CandleStore(tmp_path)
    info = import_candles(source, "ETH-USDT", "Binance Spot", store=store)
    assert np.array_equal(store.read("Binance Spot", "ETH-USDT"), candles)
    text = file_of(tmp_path, csv_of(candles[:50_000]))
    by_text = import_candles(text, "ETH-USDT", "From Text", store=store)
    assert np.array_equal(store.read("From Text", "ETH-USDT"), candles[:50_000])
    assert by_text.fingerprint != info.fingerprint


def test_the_default_store_is_the_users(isolated_home: Path) -> None:
    import_candles(frame_of(), "btc/usdt", "Binance Spot")
    assert (isolated_home / "candles" / "Binance Spot" / "BTC-USDT.parquet").is_file()


@pytest.mark.parametrize(
    "content",
    [
        csv_of(),
        csv_of(sep=";"),
        csv_of(sep="\t"),
        csv_of(lineterminator="\r\n"),
        csv_of(quoting=csv.QUOTE_ALL),
        b"\xef\xbb\xbf" + csv_of(),
        b"https://example.org/candles\n" + csv_of(),
        archive_csv(),
        archive_csv(factor=1_000),
        zipped(csv_of()),
        zipped(archive_csv(CANDLES[:90]), archive_csv(CANDLES[80:])),
        gzip.compress(csv_of()),
        gzip.compress(archive_csv()),
        frame_of().to_parquet(index=False),
        gzip.compress(frame_of().to_parquet(index=False)),
        csv_of(CANDLES[::-1]),
    ],
    ids=["comma", "semicolon", "tab", "crlf", "quoted", "bom", "address", "archive", "archive-us", "zip",
         "zip-of-parts", "gzip", "gzip-archive", "parquet", "gzip-parquet", "unsorted"],
)
def test_formats_are_told_by_content(tmp_path: Path, content: bytes) -> None:
    assert np.array_equal(read_source(file_of(tmp_path, content)), CANDLES)


@pytest.mark.parametrize("per_second", [1, 1_000, 1_000_000, 1_000_000_000])
@pytest.mark.parametrize("dtype", [np.int64, np.float64, str])
def test_units_of_numbers_are_told_apart(per_second: int, dtype: Any) -> None:
    frame = frame_of()
    frame["timestamp"] = (frame["timestamp"] // 1_000 * per_second).astype(dtype)
    assert np.array_equal(read_source(frame), CANDLES)


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(CANDLES[:, 0], unit="ms"),
        pd.to_datetime(CANDLES[:, 0], unit="ms", utc=True).tz_convert("America/New_York"),
        pd.to_datetime(CANDLES[:, 0], unit="ms").as_unit("s"),
        pd.to_datetime(CANDLES[:, 0], unit="ms").strftime("%Y-%m-%d %H:%M:%S"),
        pd.to_datetime(CANDLES[:, 0], unit="ms").strftime("%Y-%m-%dT%H:%M:%SZ"),
        pd.to_datetime(CANDLES[:, 0] + 3_600_000, unit="ms").strftime("%Y-%m-%d %H:%M+01:00"),
        pd.to_datetime(CANDLES[:, 0], unit="ms").to_period("min"),
    ],
    ids=["naive", "zone", "seconds", "text", "iso", "offset", "period"],
)
def test_times_as_dates(tmp_path: Path, times: Any) -> None:
    frame = frame_of()
    frame["timestamp"] = times
    assert np.array_equal(read_source(frame), CANDLES)
    if not isinstance(times, pd.PeriodIndex):
        assert np.array_equal(read_source(file_of(tmp_path, frame.to_csv(index=False).encode())), CANDLES)
        indexed = frame.set_index("timestamp")
        assert np.array_equal(read_source(indexed), CANDLES)
        assert np.array_equal(read_source(file_of(tmp_path, indexed.to_parquet())), CANDLES)


@pytest.mark.parametrize(
    "names",
    [
        ["Timestamp", "OPEN", "Close", "hIgH", "Low", "VOLUME"],
        ["Open time", "Open", "Close", "High", "Low", "Volume"],
        ["open_time", "o", "c", "h", "l", "v"],
        ["unix", "open", "close", "high", "low", "Volume BTC"],
        ["Date (UTC)", "open price", "close price", "high price", "low price", "base volume"],
    ],
)
def test_column_names(names: list[str]) -> None:
    frame = frame_of().set_axis(names, axis=1)
    frame["quote volume"] = "-"
    frame["close_time"] = 1
    frame["Volume USDT"] = 5.0
    assert np.array_equal(read_source(frame.iloc[:, ::-1], "BTC-USDT"), CANDLES)


def test_a_datetime_index_without_a_name() -> None:
    frame = frame_of()
    frame.index = pd.to_datetime(frame.pop("timestamp"), unit="ms").rename(None)
    assert np.array_equal(read_source(frame), CANDLES)


def test_a_named_index_of_numbers() -> None:
    assert np.array_equal(read_source(frame_of().set_index("timestamp")), CANDLES)


def test_several_files_in_different_units_are_one_series(tmp_path: Path) -> None:
    # The spot archives changed from milliseconds to microseconds with the year 2025.
    file_of(tmp_path, zipped(archive_csv(CANDLES[:60])), "BTC-2024-11.zip")
    file_of(tmp_path, zipped(archive_csv(CANDLES[60:100])), "BTC-2024-12.zip")
    file_of(tmp_path, zipped(archive_csv(CANDLES[95:], factor=1_000)), "BTC-2025-01.zip")
    store = CandleStore(tmp_path / "store")
    info = import_candles(str(tmp_path / "BTC-202*.zip"), "BTC-USDT", "Binance Spot", store=store)
    assert info.rows == 200
    assert np.array_equal(store.read("Binance Spot", "BTC-USDT"), CANDLES)
    parts = [tmp_path / "BTC-2025-01.zip", str(tmp_path / "*2024*"), tmp_path / "BTC-2024-11.zip"]
    assert np.array_equal(read_source(parts), CANDLES)


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    other = CANDLES.copy()
    other[100, 5] = 4.25
    file_of(tmp_path, csv_of(), "a.csv")
    file_of(tmp_path, csv_of(other), "b.csv")
    with pytest.raises(InvalidCandlesError, match=r"different candles for 2023-01-01 01:40.*volume 4\.25"):
        read_source(str(tmp_path / "*.csv"))


def test_names_with_brackets_are_files_first(tmp_path: Path) -> None:
    path = file_of(tmp_path, csv_of(), "candles [2024].csv")
    assert len(read_source(str(path))) == 200


def replaced(old: bytes, new: bytes) -> bytes:
    content = csv_of()
    assert old in content
    return content.replace(old, new, 1)


THIRD = csv_of().splitlines()[3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["candles.dat is empty"]),
        (b"\n\n  \n", ["candles.dat is empty"]),
        (b"timestamp,open,close,high,low,volume\n", ["no candle"]),
        (b"hello world\nhow are you", ["candles.dat", "no column for timestamp, open"]),
        (bytes(range(256)) * 4, ["candles.dat"]),
        (csv_of().decode().encode("utf-16"), ["candles.dat"]),
        (replaced(b"high", b"hihg"), ["no column for high", "Found: timestamp, open, close, hihg"]),
        (replaced(b"low,", b"Open,"), ["2 columns called 'open'"]),
        (replaced(b"1672531320000", b"yesterday"), ["row 3", "'yesterday'", "2024-01-31"]),
        (replaced(b"1672531320000", b"1672531320"), ["milliseconds", "row 3", "seconds"]),
        (replaced(b"1672531320000", b"7"), ["row 3", "7.0", "2009 to 2100"]),
        (replaced(THIRD, THIRD + b"x"), ["volume of row 3", "not a number"]),
        (replaced(THIRD, THIRD[:THIRD.rindex(b",") + 1]), ["volume of row 3 is ''"]),
        (replaced(THIRD, THIRD[:THIRD.rindex(b",")]), ["candles.dat cannot be read"]),
        (replaced(THIRD, THIRD + b",9"), ["candles.dat cannot be read"]),
        (replaced(THIRD, THIRD[:THIRD.rindex(b",") + 1] + b"nan"), ["volume at 2023-01-01 00:02 is nan"]),
        (replaced(THIRD, THIRD[:THIRD.rindex(b",") + 1] + b"true"), ["volume of row 3 is 'true'"]),
        (b"1672531200000,1,1,1,1,1\n", ["no header, and 6 columns"]),
        (csv_of()[:-150] + b"\x00" * 50, ["candles.dat"]),
        (zipped(), ["without a file"]),
        (zipped(zipped(csv_of(), csv_of())), ["another archive"]),
        (zipped(csv_of())[:-30], ["candles.dat cannot be read"]),
        (gzip.compress(csv_of())[:-20], ["candles.dat cannot be read"]),
        (gzip.compress(gzip.compress(csv_of())), ["compressed twice"]),
        (frame_of().to_parquet(index=False)[:500], ["candles.dat cannot be read"]),
        (frame_of().drop(columns="low").to_parquet(index=False), ["candles.dat", "no column for low"]),
        (frame_of().astype({"low": bool}).to_parquet(index=False), ["column low holds bool"]),
        (frame_of().iloc[::5].to_csv(index=False).encode(), ["candles.dat: These are 5m candles"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_files_that_are_refused(tmp_path: Path, content: bytes, words: list[str]) -> None:
    path, store = file_of(tmp_path, content), CandleStore(tmp_path / "store")
    with pytest.raises(InvalidCandlesError) as caught:
        import_candles(path, "BTC-USDT", "Binance Spot", store=store)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert store.list() == []


@pytest.mark.parametrize(
    ("name", "interval"), [("perp_5m/BINANCE_USDM/BTC-USDT", "5m"), ("spot_1h/BINANCE/BTC-USDT", "1h")]
)
def test_sample_files_of_other_intervals_are_refused(tmp_path: Path, name: str, interval: str) -> None:
    folder = sample_folder()
    minutes = {"5m": 5, "1h": 60}[interval]
    source: Any = frame_of(real_candles("BTC-USDT")[:50_000:minutes]) if folder is None \
        else folder / f"{name}.parquet"
    with pytest.raises(InvalidCandlesError, match=f"These are {interval} candles"):
        read_source(source)


def test_missing_times_and_prices_in_a_frame() -> None:
    frame = frame_of().astype({"timestamp": "datetime64[ms]"})
    frame.loc[5, "timestamp"] = pd.NaT
    with pytest.raises(InvalidCandlesError, match="row 6 is nan"):
        read_source(frame)
    frame = frame_of().astype(object)
    frame.loc[5, "close"] = None
    with pytest.raises(InvalidCandlesError, match="close"):
        read_source(frame)
    with pytest.raises(InvalidCandlesError, match="column close holds datetime64"):
        read_source(frame_of().assign(close=pd.Timestamp("2023-01-01")))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere.csv", "no file 'nowhere.csv'"),
        ("no/where.csv", "folder no cannot be read"),
        ("nowhere-*.csv", "No file matches 'nowhere-"),
        ([], "empty list"),
        (7, "int"),
        ([7], "int"),
        (None, "NoneType"),
        (b"x.csv", "bytes|int"),
        (CANDLES, "does not say which column"),
    ],
)
def test_sources_that_do_not_exist(source: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_source(source)


def test_a_mistyped_file_and_a_folder(tmp_path: Path) -> None:
    file_of(tmp_path, csv_of(), "btc-2024.csv")
    with pytest.raises(InputError, match=r"Did you mean 'btc-2024\.csv'"):
        read_source(tmp_path / "btc-2042.csv")
    with pytest.raises(InputError, match=r"is a folder.*\*\.csv"):
        read_source(tmp_path)


def test_names_are_checked_before_the_file_is_read() -> None:
    with pytest.raises(InputError, match="not a symbol"):
        import_candles("nowhere.csv", "BTC", "Binance Spot")
    with pytest.raises(InputError, match="exchange's name"):
        import_candles("nowhere.csv", "BTC-USDT", "../x")


def plainly_read(content: bytes) -> np.ndarray:
    """What Python's own csv module and float make of a file; the oracle of the fuzzing below."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline="")))
    rows = [row for row in rows if row]
    if rows[0][0].startswith("http"):
        rows = rows[1:]
    if rows[0][0].strip().replace(".", "").isdigit():
        columns = [0, 1, 4, 2, 3, 5]
    else:
        names = ["".join(filter(str.isalnum, name)).casefold() for name in rows[0]]
        columns = [names.index(name) for name in COLUMNS]
        rows = rows[1:]
    values = {tuple(float(row[column]) for column in columns) for row in rows}
    return np.array(sorted(values))


@fuzzed(300)
@given(data=st.data())
def test_damaged_text_is_imported_right_or_not_at_all(tmp_path: Path, data: st.DataObject) -> None:
    whole = st.sampled_from([csv_of(CANDLES[:8]), archive_csv(CANDLES[:8])])
    content = bytearray(data.draw(whole))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["change", "insert", "cut", "drop"]))
        if kind == "change":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            content[at:at] = data.draw(st.sampled_from([b",", b"\n", b'"', b"0", b"-", b".", b"e", b" "]))
        elif kind == "cut":
            del content[at + 1:]
        else:
            del content[at:at + data.draw(st.integers(1, 60))]
            content = content or bytearray(b",")
    path, store = file_of(tmp_path, bytes(content)), CandleStore(tmp_path / "store")
    for info in store.list():
        store.delete(info.exchange, info.symbol)
    try:
        import_candles(path, "BTC-USDT", "Binance Spot", store=store)
    except JesseNbError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert "\n" not in message
        assert store.list() == []
    else:
        assert np.array_equal(store.read("Binance Spot", "BTC-USDT"), plainly_read(bytes(content)))


@fuzzed(150)
@given(
    content=st.binary(max_size=300),
    wrap=st.sampled_from(["plain", "gzip", "zip", "zip-like", "gzip-like"]),
)
def test_any_bytes_give_one_clear_error(tmp_path: Path, content: bytes, wrap: str) -> None:
    content = {"plain": content, "gzip": gzip.compress(content), "zip": zipped(content),
               "zip-like": b"PK\x03\x04" + content, "gzip-like": b"\x1f\x8b" + content}[wrap]
    with pytest.raises(InvalidCandlesError) as caught:
        read_source(file_of(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_times_are_exact_in_every_unit() -> None:
    # Every minute of two years, in units where a factor like 0.001 would be off by a fraction.
    minutes = START + np.arange(0, 1_051_200, 1) * MINUTE_MS
    frame = frame_of(np.column_stack([minutes, np.full((len(minutes), 5), 1.0)]))
    for per_second in (1_000_000, 1_000_000_000):
        frame["timestamp"] = minutes // 1_000 * per_second
        assert np.array_equal(read_source(frame)[:, 0], minutes)
