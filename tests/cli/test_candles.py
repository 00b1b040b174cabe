"""`jesse-nb candles fetch`, `import` of folders, `export` and `check`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jesse_nb.cli import main
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.candles import fetch_candles
from tests.candles.helpers import random_candles
from tests.candles.importing.test_importers import archive_csv, zipped
from tests.magics.candles.test_candles_sources import Answering

CANDLES = random_candles(300)


def test_fetching_and_updating(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(fetch_candles, "Exchange", Answering)
    assert main(["candles", "fetch", "Binance Spot", "BTC-USDT", "2023-01-01", "2023-01-01 02:00"]) == 0
    assert "120 candles fetched." in capsys.readouterr().out
    assert main(["candles", "fetch", "--update", "BTC-USDT"]) == 0
    assert "180 candles fetched." in capsys.readouterr().out
    assert np.array_equal(CandleStore().read("Binance Spot", "BTC-USDT"), CANDLES)
    assert main(["candles", "fetch", "Binance Spot"]) != 0
    assert "an exchange, a symbol and a start" in capsys.readouterr().err.casefold()


def test_funding_rates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rates.csv").write_text("time,rate\n2023-01-01,0.0001\n2023-01-01 08:00,-0.0002\n")
    CandleStore().write("X", "BTC-USDT", CANDLES)
    assert main(["candles", "funding", str(tmp_path / "rates.csv"), "-s", "BTC-USDT", "--exchange", "X"]) == 0
    assert capsys.readouterr().out == "BTC-USDT on X: 2 funding rates, 2023-01-01 to 2023-01-01 08:00\n"
    assert main(["candles"]) == 0
    assert "2 funding rates" in capsys.readouterr().out


def test_files_in_and_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "BTCUSDT-1m-2023-01.zip").write_bytes(zipped(archive_csv(CANDLES)))
    assert main(["candles", "import", str(tmp_path), "--exchange", "X"]) == 0
    assert "BTC-USDT on X: 2023-01-01 to 2023-01-01 05:00, 300 candles" in capsys.readouterr().out
    assert main(["candles", "export", "BTC-USDT", str(tmp_path / "out.csv")]) == 0
    assert main(["candles", "export", "BTC-USDT", str(tmp_path / "hours.csv"), "-t", "1h"]) == 0
    assert len((tmp_path / "hours.csv").read_text().splitlines()) == 6
    assert (tmp_path / "out.csv").read_text().startswith("timestamp,open,high,low,close,volume")
    assert main(["candles", "check", "BTC-USDT", "-o", str(tmp_path / "check.html")]) == 0
    assert "Nothing suspicious was found." in " ".join(capsys.readouterr().out.split())
    assert "Candles" in (tmp_path / "check.html").read_text()


def test_a_file_is_looked_at_and_its_odd_rows_are_told(tmp_path, capsys):
    late = random_candles(40)
    late[30:, 0] += 14_799
    (tmp_path / "late.csv").write_bytes(archive_csv(late))
    line = ["candles", "import", str(tmp_path / "late.csv"), "-s", "BTC-USDT", "--exchange", "X"]
    assert main(line) == 2
    assert "--off-minute floor" in capsys.readouterr().err
    assert main([*line, "--errors", "skip", "--preview"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Left out, timestamp is off the minute: 10 rows" in shown
    assert "Nothing was stored." in shown
    assert CandleStore().list() == []
    assert main([*line, "--off-minute", "floor"]) == 0
    assert "Timestamps set back to the minute: 10 rows" in capsys.readouterr().out
