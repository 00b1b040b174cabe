"""Number of trades and takers' volume, kept beside the candles where a file has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore, export_candles, import_candles, read_candles
from jesse_nb.exceptions import InvalidCandlesError, StorageError
from tests.candles.helpers import random_candles
from tests.candles.importing.test_archives import HEADER
from tests.candles.importing.test_importers import archive_csv, file_of, frame_of

CANDLES = random_candles(300)
TRADES = np.random.default_rng(1).integers(0, 500, len(CANDLES)).astype(float)
TAKERS = np.round(CANDLES[:, 5] * np.random.default_rng(2).random(len(CANDLES)), 8)
FLOW = np.column_stack([TRADES, TAKERS])
NAMES = ["trades", "taker_buy_volume"]


def table(first: int = 0, last: int | None = None, **changed: Any) -> pd.DataFrame:
    frame = frame_of(CANDLES).assign(trades=TRADES, taker_buy_volume=TAKERS)
    return frame.iloc[first:last].assign(**changed).reset_index(drop=True)


def stored(**where: Any) -> np.ndarray:
    return read_candles("BTC-USDT", exchange="Binance Spot", flow=True, **where)[NAMES].to_numpy()


def imported(source: Any, **how: Any) -> Any:
    return import_candles(source, "BTC-USDT", "Binance Spot", **how)


@pytest.mark.parametrize("names", [
    ("trades", "taker_base_volume"), ("count", "taker_buy_volume"), ("Number of trades", "Taker buy base asset volume"),
    ("tradecount", "TakerBuyBase"), ("num_trades", "taker_buy_base_volume")])
def test_it_is_found_by_the_names_that_are_in_use(names: tuple[str, str]) -> None:
    info = imported(table().rename(columns=dict(zip(NAMES, names, strict=True))))
    assert info.flow == len(CANDLES)
    assert str(info).endswith(", 300 candles, order flow of 300")
    assert np.array_equal(stored(), FLOW)
    assert np.array_equal(CandleStore().read("Binance Spot", "BTC-USDT"), CANDLES)
    assert np.array_equal(CandleStore().read("Binance Spot", "BTC-USDT", flow=True), np.column_stack([CANDLES, FLOW]))


@pytest.mark.parametrize("header", [b"", HEADER])
def test_an_archives_klines_and_saved_answers_have_it(tmp_path: Path, header: bytes) -> None:
    imported(file_of(tmp_path, header + archive_csv(CANDLES), "BTCUSDT-1m-2023-01.csv"))
    assert np.array_equal(stored(), np.column_stack([np.full(300, 7.0), CANDLES[:, 5] / 2]))
    rows = [[int(row[0]), *map(repr, row[[1, 3, 4, 2, 5]].tolist()), 1, "1", int(trades), repr(float(taker)), "1", "0"]
            for row, (trades, taker) in zip(CANDLES, FLOW, strict=True)]
    import_candles(file_of(tmp_path, json.dumps(rows).encode(), "klines.json"), "ETH-USDT", "Binance Spot")
    assert np.array_equal(read_candles("ETH-USDT", flow=True)[NAMES].to_numpy(), FLOW)


def test_a_file_without_it_is_stored_as_ever_and_what_is_not_known_is_nan() -> None:
    info = imported(frame_of(CANDLES))
    assert (info.flow, info.flow_fingerprint) == (0, "")
    assert np.isnan(stored()).all()
    path = CandleStore().root / "Binance Spot" / "BTC-USDT.parquet"
    assert list(pd.read_parquet(path)) == ["timestamp", "open", "close", "high", "low", "volume"]
    later = imported(table(100, 200))
    assert (later.flow, later.fingerprint) == (100, info.fingerprint)  # the candles are the same
    assert np.array_equal(stored()[100:200], FLOW[100:200])
    assert np.isnan(np.delete(stored(), slice(100, 200), axis=0)).all()
    assert list(pd.read_parquet(path))[6:] == NAMES
    assert imported(frame_of(CANDLES[:150])).flow == 100  # what is known stays known
    assert jn.CandleStore().info("Binance Spot", "BTC-USDT") == later


def test_a_contradiction_is_refused_unless_the_new_ones_win(tmp_path: Path) -> None:
    imported(table())
    for name in NAMES:
        other = table(50, 60, **{name: 0.0})
        count = int((FLOW[50:60, NAMES.index(name)] != 0).sum())
        with pytest.raises(InvalidCandlesError, match=rf"{count} new candles contradict stored ones.*new.*{name} 0\.0"):
            imported(other)
        assert np.array_equal(stored(), FLOW)
        with pytest.raises(InvalidCandlesError, match=rf"two different candles for 2023-01-01 00:50: {name} 0\.0 and"):
            import_candles(pd.concat([table(), other]), "ETH-USDT", "Binance Spot")
    table(0, 60).to_csv(tmp_path / "a.csv", index=False)
    table(50, 70, trades=1.0).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(InvalidCandlesError, match=r"a\.csv and b\.csv contradict each other"):
        import_candles([tmp_path / "a.csv", tmp_path / "b.csv"], "ETH-USDT", "Binance Spot")
    imported(table(50, 60, trades=1.0), replace=True)
    assert (stored()[50:60, 0] == 1).all()
    assert np.array_equal(stored()[:, 1], TAKERS)
    candle_changed = frame_of(CANDLES).iloc[70:80].assign(volume=1e9)
    imported(candle_changed, replace=True)
    assert np.isnan(stored()[70:80]).all()  # it was of another candle


def test_what_cannot_be_is_not_kept_and_told() -> None:
    wrong = table()
    wrong.loc[3, "trades"], wrong.loc[4, "trades"] = -1.0, 2.5
    wrong.loc[5:6, "taker_buy_volume"] = wrong.loc[5:6, "volume"] * 2
    info = imported(wrong)
    assert info.notes == ("Number of trades not kept, as it cannot be: 2 rows (rows 4, 5).",
                          "Volume that takers bought not kept, as it cannot be: 2 rows (rows 6, 7).")
    assert np.array_equal(np.isnan(stored()).nonzero()[0], [3, 4, 5, 6])
    assert np.array_equal(CandleStore().read("Binance Spot", "BTC-USDT"), CANDLES)


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather", "csv.gz"])
def test_it_survives_an_export(tmp_path: Path, ending: str) -> None:
    imported(table(0, 200))
    imported(frame_of(CANDLES))  # of 100 more nothing is known
    path = export_candles("BTC-USDT", tmp_path / f"out.{ending}")
    again = import_candles(path, "ETH-USDT", "Binance Spot")
    before = CandleStore().info("Binance Spot", "BTC-USDT")
    assert (again.flow, again.flow_fingerprint) == (200, before.flow_fingerprint)
    assert np.array_equal(read_candles("ETH-USDT", flow=True)[NAMES].to_numpy(), stored(), equal_nan=True)


def test_longer_candles_have_the_sums_and_nothing_where_a_minute_is_not_known() -> None:
    imported(table(0, 250))
    imported(frame_of(CANDLES))
    hours = read_candles("BTC-USDT", "1h", flow=True)
    assert hours["trades"].tolist()[:4] == [TRADES[60 * hour:60 * hour + 60].sum() for hour in range(4)]
    assert hours["taker_buy_volume"].iloc[0] == pytest.approx(TAKERS[:60].sum(), rel=1e-12)
    assert hours[NAMES].iloc[4].isna().all()
    assert "trades" not in read_candles("BTC-USDT", "1h")


def test_expanded_candles_have_it_in_sum(tmp_path: Path) -> None:
    hours = table(0, 10, timestamp=CANDLES[0, 0] + np.arange(10) * 3_600_000)
    info = imported(hours, expand=True)
    assert (info.flow, info.expanded_from) == (600, "1h")
    back = read_candles("BTC-USDT", "1h", flow=True)
    assert np.array_equal(back[NAMES].to_numpy(), FLOW[:10])
    assert (stored()[:, 0] % 1 == 0).all()
    export_candles("BTC-USDT", tmp_path / "hours.csv", timeframe="1h")
    assert pd.read_csv(tmp_path / "hours.csv")["trades"].tolist() == TRADES[:10].tolist()


def test_damage_deletion_and_the_check() -> None:
    imported(table())
    assert "the order flow of 300 is known" in str(jn.check_candles("BTC-USDT"))
    path = CandleStore().root / "Binance Spot" / "BTC-USDT.parquet"
    whole = path.read_bytes()
    for place in range(100, len(whole) - 1_000, 997):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
        with pytest.raises(StorageError, match="damaged"):
            stored()
        with pytest.raises(StorageError, match="damaged"):
            imported(table(0, 10))
    CandleStore().delete("Binance Spot", "BTC-USDT")
    imported(frame_of(CANDLES))
    assert np.isnan(stored()).all()


def test_a_run_is_the_same_with_it_and_without() -> None:
    without = imported(frame_of(CANDLES)).fingerprint
    CandleStore().delete("Binance Spot", "BTC-USDT")
    assert imported(table()).fingerprint == without


def test_the_preview_shows_it(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "BTC-USDT.csv", index=False)
    preview = jn.preview_files([tmp_path / "BTC-USDT.csv"], "Binance Spot", "BTC-USDT")
    assert list(preview.to_frame())[5:] == [*NAMES, "symbol"]
    assert preview.series[0].columns["trades"] == "trades"
