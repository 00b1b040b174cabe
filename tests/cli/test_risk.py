"""The risk tools on the command line: a run of the run store, by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

import jesse_nb
from jesse_nb.cli import main
from jesse_nb.core.candles import CandleStore, install_demo

QUICKSTART = Path(jesse_nb.__file__).with_name("quickstart.py")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A run's key, and its store."""
    root = tmp_path_factory.mktemp("demo")
    candles = CandleStore(root / "candles")
    install_demo(candles, ["BTC-USDT"], "2024-01-01", "2024-03-15")
    store = str(root / "runs.sqlite")
    run = jesse_nb.backtest(QUICKSTART.read_text(), "BTC-USDT", "1h", "2024-01-25", "2024-03-10", candles=candles,
                            store=store)
    return run.key, store


def test_var_of_a_stored_run(stored, capsys, tmp_path):
    key, store = stored
    page = tmp_path / "var.html"
    assert main(["var", key[:12], "--store", store, "--method", "normal", "--confidence", "0.95", "--html",
                 str(page)]) == 0
    said = capsys.readouterr().out
    assert "Value at risk of TrendFollower on BTC-USDT 1h" in said
    assert "SYNTHETIC DATA" in said
    assert "<h2>Value at risk" in page.read_text()


def test_what_is_wrong_is_one_line(stored, capsys):
    key, store = stored
    assert main(["var", key[:12], "--store", store, "--confidence", "95"]) == 2
    assert capsys.readouterr().err.startswith("jesse-nb: --confidence-levels holds 95")


def test_monte_carlo_of_a_stored_run(stored, capsys):
    key, store = stored
    assert main(["monte-carlo", key[:12], "--store", store, "--sims", "200", "--ruin", "30"]) == 0
    assert "Monte Carlo of TrendFollower on BTC-USDT 1h" in capsys.readouterr().out


def test_stress_of_a_stored_run(stored, capsys):
    key, store = stored
    line = ["stress", key[:12], "--store", store, "--candles", str(Path(store).with_name("candles")),
            "--scenarios", "gap", "--at", "2024-02-10", "-j", "1"]
    assert main([*line, "--trust"]) == 0
    assert "Stress test of TrendFollower on BTC-USDT 1h" in capsys.readouterr().out


def test_risk_of_a_stored_run(stored, capsys):
    key, store = stored
    line = ["risk", key[:12], "--store", store, "--candles", str(Path(store).with_name("candles")), "--sims", "200",
            "--scenarios", "gap", "--at", "2024-02-10", "-j", "1", "--executive"]
    assert main([*line, "--trust"]) == 0
    said = capsys.readouterr().out
    assert "Risk of TrendFollower on BTC-USDT 1h" in said
    assert "The one run, gap" in said
    assert main([*line, "--no-resimulation"]) == 0
    assert "Stress: Nothing is to be simulated again." in capsys.readouterr().out
