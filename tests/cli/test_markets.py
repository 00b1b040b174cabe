"""The tools of several markets or results on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import jesse_nb
from jesse_nb.cli import main
from jesse_nb.core.candles import CandleStore, install_demo

QUICKSTART = Path(jesse_nb.__file__).with_name("quickstart.py")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str, str]:
    """Keys of two runs, their store, and the candles."""
    root = tmp_path_factory.mktemp("demo")
    candles = CandleStore(root / "candles")
    install_demo(candles, ["BTC-USDT", "ETH-USDT"], "2024-01-01", "2024-04-15")
    store = str(root / "runs.sqlite")
    keys = [jesse_nb.backtest(QUICKSTART.read_text(), symbol, "1h", "2024-01-25", "2024-04-10", candles=candles,
                              store=store).key for symbol in ("BTC-USDT", "ETH-USDT")]
    return keys, store, str(candles.root)


def test_correlation_of_markets(stored, capsys, tmp_path):
    _, _, candles = stored
    page = tmp_path / "together.html"
    assert main(["correlation", "BTC-USDT", "ETH-USDT", "-t", "4h", "--candles", candles, "-o", str(page)]) == 0
    said = capsys.readouterr().out
    assert "Correlation of BTC-USDT, ETH-USDT" in said
    assert "SYNTHETIC DATA" in said
    assert "<h2>Correlation" in page.read_text()


def test_correlation_of_stored_runs(stored, capsys):
    keys, store, candles = stored
    assert main(["correlation", *(key[:12] for key in keys), "BTC-USDT", "--store", store, "--candles", candles]) == 0
    assert "returns of 1D that all have" in capsys.readouterr().out


def test_what_is_wrong_is_one_line(stored, capsys):
    _, _, candles = stored
    assert main(["correlation", "BTC-USDT", "ETHUSDT", "--candles", candles]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main(["correlation", "BTC-USDT", "--candles", candles]) == 2
    assert "holds one" in capsys.readouterr().err


def test_portfolio_of_stored_runs(stored, capsys, tmp_path):
    keys, store, _ = stored
    page = tmp_path / "held.html"
    line = ["portfolio", *(key[:12] for key in keys), "--store", store, "--weights", "hrp", "-o", str(page)]
    assert main(line) == 0
    assert "hierarchical risk parity" in capsys.readouterr().out
    assert "<h2>Portfolio" in page.read_text()
    assert main(["portfolio", keys[0][:12], "--store", store]) == 2
    assert "results holds one" in capsys.readouterr().err


def test_portfolio_in_one_account(stored, capsys):
    keys, store, candles = stored
    line = ["portfolio", *(key[:12] for key in keys), "--store", store, "--candles", candles, "--mode", "simulated"]
    assert main([*line, "--trust"]) == 0
    assert "In one account it returned" in capsys.readouterr().out
    assert main(line[:2] + line[1:2] + line[3:]) == 2  # the same market twice
    assert capsys.readouterr().err


def test_regimes_of_a_stored_run(stored, capsys):
    keys, store, candles = stored
    assert main(["regimes", keys[0][:12], "--store", store, "--candles", candles]) == 2
    assert "240 are needed" in capsys.readouterr().err  # of its market, three months and a half are stored
    assert main(["regimes", "BTC-USDT", "-t", "4h", "--method", "vol_terciles", "--candles", candles]) == 0
    assert "terciles of volatility, of 4h candles" in capsys.readouterr().out


def test_a_pair(stored, capsys, tmp_path):
    _, store, candles = stored
    page = tmp_path / "pair.html"
    line = ["pairs", "-y", "ETH-USDT", "-x", "BTC-USDT", "-t", "1h", "--start", "2024-01-05", "--end", "2024-02-04",
            "--formation", "20", "--trading", "10", "--candles", candles, "--store", store, "-o", str(page)]
    assert main(line) == 0
    assert "Pairs: ETH-USDT against BTC-USDT" in capsys.readouterr().out
    assert "<h2>Pairs" in page.read_text()
    assert main([*line, "--market", "spot"]) == 2
    assert "--market is 'spot', and a leg of a pair is sold short." in capsys.readouterr().err
