"""Specs and subprocesses that several of the simulator's tests need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from jesse_nb.core.simulator.market_data import CandleSlice
from jesse_nb.core.simulator.spec import Account, BacktestSpec, DataRoute, Route, StrategyRef

REPOSITORY = Path(__file__).parents[2]

TREND_REF = StrategyRef("Trend", "notebook", "0123456789abcdef", "class Trend(Strategy): ...")


def make_spec(**changes: Any) -> BacktestSpec:
    fields: dict[str, Any] = {
        "routes": (Route("Binance", "BTC-USDT", "1h", TREND_REF),),
        "start": 1_700_000_040_000,
        "end": 1_700_086_440_000,
        "account": Account(leverage=2),
        "data_routes": (DataRoute("Binance", "ETH-USDT", "4h"),),
        "hyperparameters": {"fast": 5, "stop": 1.5, "side": "long"},
        "candles": (CandleSlice("Binance", "BTC-USDT", 0, 60_000, "aa", 1),),
        "jesse_version": "3.5.3",
    }
    return BacktestSpec(**{**fields, **changes})


def run_python(code: str, *, cwd: Path | None = None, **environment: str) -> str:
    """Run code in a process of its own, as a script's ``__main__`` is not the test's; return what it prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=cwd,
                          env={**inherited, "PYTHONPATH": str(REPOSITORY), **environment}, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
