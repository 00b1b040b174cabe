"""Folders of freqtrade and of archives' mirrors that hold a symbol of several markets: no draw joins two of them."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.core.tools.candles.import_files import import_files
from jesse_nb.exceptions import JesseNbError

_DAY = 1_440 * MINUTE_MS
_START = 1_704_067_200_000

#: Where each market's files lie, by whose layout it is, with a place for symbol and month. What nobody trades at is
#: marked; it must never be imported.
_ARCHIVE = {
    "spot": "data/spot/{often}/klines/{plain}/1m/{plain}-1m-{month}.zip",
    "um": "data/futures/um/{often}/klines/{plain}/1m/{plain}-1m-{month}.zip",
    "cm": "data/futures/cm/{often}/klines/{plain}/1m/{plain}-1m-{month}.zip",
    "mark!": "data/futures/um/{often}/markPriceKlines/{plain}/1m/{plain}-1m-{month}.zip",
    "index!": "data/futures/um/{often}/indexPriceKlines/{plain}/1m/{plain}-1m-{month}.zip",
    "premium!": "data/futures/um/{often}/premiumIndexKlines/{plain}/1m/{plain}-1m-{month}.zip",
}
_FREQTRADE = {
    "unsaid": "{exchange}/{under}-1m.feather",
    "futures": "{exchange}/futures/{under}_{quote}-1m-futures.feather",
    "mark!": "{exchange}/futures/{under}_{quote}-1m-mark.feather",
    "index!": "{exchange}/futures/{under}_{quote}-1m-index.feather",
    "premium!": "{exchange}/futures/{under}_{quote}-1m-premiumIndex.feather",
    "funding!": "{exchange}/futures/{under}_{quote}-8h-funding_rate.feather",
}
_PLAIN = {
    "spot": "spot/{dash}.parquet", "futures": "futures/{dash}.parquet", "swap": "swap/{dash}-{month}.csv",
    "one": "binance/{plain}_1m.csv", "two": "kraken/{plain}_1m.csv", "linear": "bybit/linear/{dash}/{month}.parquet",
    "inverse": "bybit/inverse/{dash}/{month}.parquet", "mark!": "linear/mark/{dash}-1m-mark.csv",
}
_EXCHANGES = ("Binance Spot", "Binance Perpetual Futures", "Binance", "Mine", "Bybit USDT Perpetual")


class Campaign:
    """A folder of a drawn layout, plain or zipped; the whole of it, a part, a pattern or all files are imported."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "mixed"

    def draw(self, random: Random) -> str:
        """Write markets that differ in their prices, import them as somebody might, look what came together."""
        shutil.rmtree(self._folder, ignore_errors=True)
        root = self._folder / random.choice(["mirror", "user_data", "my files", "spot", "futures"])
        markets = _written(random, root)
        source, exchange = _asked(random, root), random.choice(_EXCHANGES)
        symbols = random.choice([None, ["BTC-USDT"]])
        store = CandleStore(self._folder / "store")
        try:
            found = import_files(source, exchange, symbols or (None if len(source) == 1 else ["BTC-USDT"]), store=store)
        except JesseNbError as error:
            refused = error
        else:
            refused = None
        if refused is not None:
            assert "\n" not in str(refused)
            assert not store.list(), "a part was stored"
            return f"refused: {type(refused).__name__}"
        for info in found:
            candles = store.read(info.exchange, info.symbol)
            came = {name for name, price in markets.items() if (np.rint(candles[:, 1]) == price).any()}
            assert len(came) == 1, f"{came} joined, of {sorted(markets)}, {[str(part) for part in source]}, {exchange}"
            (name,) = came
            assert not name.endswith("!"), f"{name} was imported from {source}"
            assert exchange != "Binance Spot" or name not in ("um", "cm", "futures", "swap", "linear", "inverse"), name
            assert exchange != "Binance Perpetual Futures" or name != "spot", name
        return f"imported: {len(found)} of {len(markets)} markets"


def _written(random: Random, root: Path) -> dict[str, int]:
    """Write some markets of a layout, months of the same or of other times; return the price of each."""
    layout = random.choice([_ARCHIVE, _FREQTRADE, _PLAIN])
    chosen = random.sample(sorted(layout), random.randint(1, min(4, len(layout))))
    markets: dict[str, int] = {}
    apart = random.random() < 0.7  # or they contradict each other, which is refused whatever the names say
    for number, name in enumerate(chosen):
        markets[name] = 100 * (number + 1)
        for month in range(random.randint(1, 3) if "{month}" in layout[name] else 1):
            begin = _START + (month + (10 * number if apart else 0)) * _DAY
            path = root / layout[name].format(
                plain="BTCUSDT", dash="BTC-USDT", under="BTC_USDT", quote="USDT", exchange="binance",
                often=random.choice(["monthly", "daily"]) if month else "monthly",
                month=f"2024-{month + 1:02}" if "parquet" in layout[name] or random.random() < 0.5 else
                f"2024-{month + 1:02}-01")
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, begin, float(markets[name]))
    return markets


def _write(path: Path, begin: int, price: float) -> None:
    rows = 40
    frame = pd.DataFrame({"timestamp": begin + np.arange(rows) * MINUTE_MS, "open": price, "high": price + 0.2,
                          "low": price - 0.2, "close": price + 0.1, "volume": 1.0})
    if path.suffix == ".feather":
        frame.rename(columns={"timestamp": "date"}).assign(
            date=pd.to_datetime(frame["timestamp"], unit="ms", utc=True)).to_feather(path)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".zip":
        whole = frame.assign(closing=1, quote=2, count=3, taker=0.5, takerq=1, ignore=0)
        text = whole.to_csv(index=False, header=False)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{path.stem}.csv", text)
    else:
        frame.to_csv(path, index=False)


def _asked(random: Random, root: Path) -> list[Path]:
    """Return what somebody may name: the folder, one below it, it zipped, a pattern, or all files."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    kind = random.choice(["folder", "folder", "below", "zipped", "pattern", "files", "some"])
    if kind == "below":
        below = sorted(path for path in root.rglob("*") if path.is_dir())
        return [random.choice(below)] if below else [root]
    if kind == "zipped":
        return [_zipped(root, files)]
    if kind == "pattern":
        return [root / "**" / random.choice(["*.zip", "*.feather", "*.parquet", "*.csv", "*BTC*", "*"])]
    if kind == "files":
        return files
    if kind == "some":
        return random.sample(files, random.randint(1, len(files)))
    return [root]


def _zipped(root: Path, files: list[Path]) -> Path:
    path = root.parent / f"{root.name}.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            archive.write(file, str(file.relative_to(root)))
    path.write_bytes(buffer.getvalue())
    return path
