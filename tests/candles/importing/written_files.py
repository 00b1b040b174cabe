"""Candles written in every known format, with drawn order, header, delimiter, time unit and zone."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from dataclasses import replace as changed
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from jesse_nb.core.candles.importing.import_options import ImportOptions
from jesse_nb.core.times import MINUTE_MS

__all__ = ["Written", "drawn_candles", "drawn_file"]

_NAMES = [
    {"timestamp": "timestamp", "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume"},
    {"timestamp": "Open time", "open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"},
    {"timestamp": "startTime", "open": "openPrice", "high": "highPrice", "low": "lowPrice", "close": "closePrice",
     "volume": "volume"},
    {"timestamp": "unix", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"},
    {"timestamp": "Timestamp", "open": "OPEN", "high": "HIGH", "low": "LOW", "close": "CLOSE",
     "volume": "Volume_(BTC)"},
]
_ORDER = ["timestamp", "open", "high", "low", "close", "volume"]
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe")
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass
class Written:
    """A file, and how it is to be read.

    ``must`` says whether it must be read: where a number can be meant in two ways, or nothing says which column is
    which, it must be refused, or read right. ``refused`` says that it must not be read.
    """

    content: bytes
    what: str
    options: ImportOptions = field(default_factory=ImportOptions)
    must: bool = True
    refused: bool = False


def drawn_candles(random: Random) -> np.ndarray:
    """Valid candles of some minutes, of any year and size, with a gap at times."""
    count = random.randint(3, 30)
    start = random.randrange(1_262_304_000_000, 4_102_444_800_000 - 10**9, MINUTE_MS)
    start -= start % MINUTE_MS
    minutes = np.arange(count)
    if count > 8 and random.random() < 0.3:
        minutes[random.randint(1, count - 1):] += random.randint(1, 500)
    scale, digits = 10 ** random.uniform(-6, 6), random.choice([2, 5, 8, 17])

    def price() -> float:
        return max(float(f"{scale * random.uniform(0.9, 1.1):.{digits}g}"), 1e-12)

    rows = []
    for minute in minutes:
        opened, closed, *others = price(), price(), price(), price()
        volume = random.choice([0.0, float(random.randint(1, 9)), round(random.expovariate(0.1), random.randint(0, 8))])
        rows.append([start + int(minute) * MINUTE_MS, opened, closed, max(opened, closed, *others),
                     min(opened, closed, *others), volume])
    return np.array(rows, np.float64)


def drawn_file(random: Random, candles: np.ndarray) -> Written:
    """These candles as a file of a drawn format."""
    rows = candles.copy()
    if random.random() < 0.5:
        rows = rows[::-1] if random.random() < 0.5 else rows[random.sample(range(len(rows)), len(rows))]
    table = pd.DataFrame(rows, columns=["timestamp", "open", "close", "high", "low", "volume"])
    table["timestamp"] = table["timestamp"].astype(np.int64)
    written = random.choice(_FORMATS)(random, table)
    packed = random.choice(list(_PACKERS))
    written.content = _PACKERS[packed](written.content)
    written.what += packed
    return written


def _texts(random: Random, table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Every cell as a text, times in a drawn form; what that form is."""
    kind = random.choice([*_PER_SECOND, "iso", "offset", "dots", "two columns", *_ZONES])
    moments = pd.to_datetime(table["timestamp"], unit="ms")
    texts = pd.DataFrame({name: [repr(float(value)) for value in table[name]] for name in _ORDER[1:]})
    if kind in _PER_SECOND:
        texts.insert(0, "timestamp", (table["timestamp"] // 1_000 * _PER_SECOND[kind]).astype(str))
    elif kind == "iso":
        texts.insert(0, "timestamp", moments.dt.strftime(random.choice(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ",
                                                                       "%Y-%m-%d %H:%M"])))
    elif kind == "offset":
        hours = random.randint(-11, 12)
        texts.insert(0, "timestamp", (moments + pd.Timedelta(hours=hours)).dt.strftime("%Y-%m-%d %H:%M:%S")
                     + f"{'-' if hours < 0 else '+'}{abs(hours):02}:00")
    elif kind in _ZONES:
        texts.insert(0, "timestamp", [f"{local:%Y-%m-%d %H:%M}" for local in _local(table, kind)])
    elif kind == "dots":
        mark = random.choice("./")
        texts.insert(0, "timestamp", moments.dt.strftime(f"%Y{mark}%m{mark}%d %H:%M"))
    else:
        mark = random.choice(".-/")
        texts.insert(0, "date", moments.dt.strftime(f"%Y{mark}%m{mark}%d"))
        texts.insert(1, "time", moments.dt.strftime(random.choice(["%H:%M", "%H:%M:%S"])))
    return texts, kind


def _in_zone(written: Written, kind: str, table: pd.DataFrame) -> Written:
    """Say in which zone its times are; one that is there twice must be refused, even without its twin."""
    if kind in _ZONES:
        twice = any(local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
                    for local in _local(table, kind))
        written.options = changed(written.options, time_zone=kind)
        written.must, written.refused = written.must and not twice, twice
    return written


def _local(table: pd.DataFrame, zone: str) -> list[datetime]:
    return [datetime.fromtimestamp(stamp / 1_000, ZoneInfo(zone)) for stamp in table["timestamp"]]


def _text_with_header(random: Random, table: pd.DataFrame) -> Written:
    texts, kind = _texts(random, table)
    names = random.choice(_NAMES)
    if random.random() < 0.3:
        texts["unneeded"] = "7"
        texts["quote volume"] = "1"
    texts = texts[random.sample(list(texts.columns), len(texts.columns))]
    texts = texts.rename(columns=names if kind != "two columns" else names | {"date": "<DATE>", "time": "<TIME>"})
    written = _as_text(random, texts, f"text with a header, times {kind}, ", header=True)
    return _in_zone(written, kind, table)


def _text_without_header(random: Random, table: pd.DataFrame) -> Written:
    texts, kind = _texts(random, table)
    if random.random() < 0.3:
        texts["-"] = "7"
    texts = texts[random.sample(list(texts.columns), len(texts.columns))]
    written = _as_text(random, texts, f"text without a header, times {kind}, ", header=False)
    if random.random() < 0.8:
        written.options = ImportOptions(columns=tuple(texts.columns))
        return _in_zone(written, kind, table)
    written.what, written.must = f"unnamed {written.what}", False
    return _in_zone(written, kind, table)


def _as_text(random: Random, texts: pd.DataFrame, what: str, *, header: bool) -> Written:
    delimiter = random.choice(",;\t")
    comma = delimiter != "," and random.random() < 0.4
    if comma:
        numbers = [name for name in texts.columns if name not in ("timestamp", "date", "time", "<DATE>", "<TIME>")
                   and not texts[name].str.contains("[-:]").any() and not texts[name].str.contains(r"\d\.\d+\.").any()]
        texts = texts.assign(**{name: texts[name].str.replace(".", ",", regex=False) for name in numbers})
    quoting = random.choice([0, 1])
    text = texts.to_csv(index=False, header=header, sep=delimiter, quoting=quoting,
                        lineterminator=random.choice(["\n", "\r\n"]))
    if random.random() < 0.15:
        text = f"sep={delimiter}\r\n{text}"
    content = text.encode("utf-8-sig" if random.random() < 0.2 else "utf-8")
    return Written(content, f"{what}{'decimal commas, ' if comma else ''}", must=not comma)


def _archive(random: Random, table: pd.DataFrame) -> Written:
    factor = random.choice([1, 1_000])
    rows = table[_ORDER].assign(timestamp=table["timestamp"] * factor, closing=1, quote=2.5, count=3,
                                taker=table["volume"] / 4, takerq=5, ignore=0)
    header = random.random() < 0.3
    names = ["open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
             "taker_buy_volume", "taker_buy_quote_volume", "ignore"]
    return Written(rows.set_axis(names, axis=1).to_csv(index=False, header=header).encode(), "an archive's klines, ")


def _json_rows(random: Random, table: pd.DataFrame) -> Written:
    unit = random.choice(list(_PER_SECOND))
    rows = table[_ORDER].assign(timestamp=table["timestamp"] // 1_000 * _PER_SECOND[unit])
    if random.random() < 0.4:
        names = random.choice(_NAMES)
        rows = rows.rename(columns=names)[random.sample(list(names.values()), len(names))]
        return Written(json.dumps(rows.to_dict("records")).encode(), "JSON objects, ")
    if random.random() < 0.4:
        order = random.sample(_ORDER, len(_ORDER))
        return Written(json.dumps(_plain(rows[order])).encode(), "JSON lists with columns, ",
                       ImportOptions(columns=tuple(order)))
    return Written(json.dumps(_plain(rows)).encode(), "JSON lists, ")


def _answer(random: Random, table: pd.DataFrame) -> Written:
    exchange = random.choice(["OKX", "OKX swap", "Bybit", "Bitget", "KuCoin", "Kraken"])
    times = table["timestamp"] // (1_000 if exchange in ("KuCoin", "Kraken") else 1)
    text = {name: [repr(float(value)) for value in table[name]] for name in _ORDER[1:]}
    stamps = [str(int(value)) for value in times]
    plain = [text[name] for name in _ORDER[1:]]
    ones, twos = ["1"] * len(table), ["2.5"] * len(table)
    if exchange == "OKX":
        rows = list(zip(stamps, *plain, twos, twos, ones, strict=True))
        answer: Any = {"code": "0", "msg": "", "data": [*rows, (str(int(times.max()) + 60_000), *["9"] * 7, "0")]}
    elif exchange == "OKX swap":
        answer = {"code": "0", "data": list(zip(stamps, *plain[:4], ones, plain[4], twos, ones, strict=True))}
    elif exchange == "Bybit":
        answer = {"retCode": 0, "result": {"category": "linear", "list": list(zip(stamps, *plain, twos, strict=True))}}
    elif exchange == "Bitget":
        answer = {"code": "00000", "data": list(zip(stamps, *plain, twos, twos, strict=True))}
    elif exchange == "KuCoin":
        opened, high, low, closed, volume = plain
        answer = {"code": "200000", "data": list(zip(stamps, opened, closed, high, low, volume, twos, strict=True))}
    else:
        rows = [(int(stamp), *row) for stamp, *row in zip(stamps, *plain[:4], twos, plain[4], ones, strict=True)]
        rows.append((int(times.max()) + 60, "9", "9", "9", "9", "9", "9", 1))  # of the minute that is not over
        answer = {"error": [], "result": {"XXBTZUSD": rows, "last": int(times.max())}}
    return Written(json.dumps(answer).encode(), f"answer of {exchange}, ")


def _binary(random: Random, table: pd.DataFrame) -> Written:
    names = random.choice(_NAMES)
    frame = table.rename(columns=names)[random.sample(list(names.values()), len(names))]
    stamp = names["timestamp"]
    kind = random.choice(["numbers", "moments", "zone"])
    if kind != "numbers":
        moments = pd.to_datetime(frame[stamp], unit="ms", utc=True)
        zone = random.choice(["UTC", "America/New_York", "Asia/Kathmandu"])
        frame = frame.assign(**{stamp: moments.dt.tz_convert(zone if kind == "zone" else None)})
    buffer = io.BytesIO()
    if random.random() < 0.5:
        frame.to_parquet(buffer, index=False)
        return Written(buffer.getvalue(), f"Parquet of {kind}, ")
    frame.reset_index(drop=True).to_feather(buffer)
    return Written(buffer.getvalue(), f"Feather of {kind}, ")


def _plain(rows: pd.DataFrame) -> list[list[Any]]:
    return [[value.item() if hasattr(value, "item") else value for value in row]
            for row in rows.astype(object).itertuples(index=False)]


def _zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("candles", content)
    return buffer.getvalue()


_FORMATS: list[Callable[[Random, pd.DataFrame], Written]] = [
    _text_with_header, _text_with_header, _text_without_header, _archive, _json_rows, _answer, _binary]
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content, "zip": _zip, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress,
    "zstd": lambda content: pa.compress(content, "zstd", asbytes=True)}
