"""Asks Jesse for the same runs, in processes that know nothing of jesse_nb, and compares exactly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.times import to_ms
from tests.conftest import EXCHANGE, real_candles

ORACLE = Path(__file__).parents[1] / "oracle.py"


@dataclass
class Oracle:
    """Runs to be done by Jesse; ``start()`` does not wait, ``answers()`` does."""

    folder: Path
    sources: dict[str, str]
    runs: list[dict[str, Any]] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None

    def add(self, routes: list[tuple[str, str, str]], start: str, end: str, *, warm_up_minutes: int,
            candles: dict[str, np.ndarray] | None = None, data_routes: list[tuple[str, str]] = (),
            hyperparameters: dict[str, Any] | None = None, fast: bool = True, market: str = "futures",
            leverage: int = 1, leverage_mode: str = "cross", balance: float = 10_000.0, fee: float = 0.001,
            warm_up_candles: int = 240, pipeline: dict[str, Any] | None = None) -> None:
        symbols = sorted({symbol for _, symbol, _ in routes} | {symbol for symbol, _ in data_routes})
        begin, finish = to_ms(start), to_ms(end)
        trading, warm_up = [], []
        for symbol in symbols:
            whole = candles[symbol] if candles else real_candles(symbol)
            bounds = [begin - warm_up_minutes * 60_000, begin, finish]
            first, middle, last = np.searchsorted(whole[:, 0], bounds)
            trading.append([EXCHANGE, symbol, self._saved(symbol, whole[middle:last])])
            if warm_up_minutes:
                warm_up.append([EXCHANGE, symbol, self._saved(symbol, whole[first:middle])])
        self.runs.append({
            "config": {"starting_balance": balance, "fee": fee, "type": market, "futures_leverage": leverage,
                       "futures_leverage_mode": leverage_mode, "exchange": EXCHANGE,
                       "warm_up_candles": warm_up_candles},
            "routes": [{"exchange": EXCHANGE, "symbol": symbol, "timeframe": timeframe, "strategy": strategy}
                       for strategy, symbol, timeframe in routes],
            "data_routes": [{"exchange": EXCHANGE, "symbol": symbol, "timeframe": timeframe}
                            for symbol, timeframe in data_routes],
            "candles": trading, "warm_up": warm_up, "hyperparameters": hyperparameters, "fast_mode": fast,
            "pipeline": pipeline,
        })

    def start(self, hash_seed: str = "0") -> Oracle:
        self.folder.mkdir(exist_ok=True)
        task = self.folder / "task.json"
        task.write_text(json.dumps({"sources": self.sources, "runs": self.runs}))
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("PYTEST", "COV", "JESSE", "PYTHONPATH"))} | {
                           "TZ": "UTC", "PYTHONHASHSEED": hash_seed}
        self._process = subprocess.Popen([sys.executable, str(ORACLE), str(task)], cwd=self.folder, text=True,
                                         env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self

    def answers(self) -> list[dict[str, Any]]:
        if self._process is None:
            self.start()
        out, errors = self._process.communicate(timeout=300)
        assert self._process.returncode == 0, errors
        return json.loads(out)

    def _saved(self, symbol: str, candles: np.ndarray) -> str:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{symbol}-{hash(candles.tobytes()):x}.npy"
        if not path.exists():
            np.save(path, candles)
        return str(path)


#: Jesse's name of each of our trade columns.
COLUMNS = {
    "strategy": "strategy_name", "exchange": "exchange", "symbol": "symbol", "side": "type",
    "opened_at": "opened_at", "closed_at": "closed_at",
    "entry_price": "entry_price", "exit_price": "exit_price",
    "qty": "qty", "size": "size", "fee": "fee", "pnl": "PNL", "pnl_percentage": "PNL_percentage",
    "holding_period": "holding_period",
}


def assert_equal(ours: BacktestResult, jesse: dict[str, Any]) -> None:
    """Every metric, trade, order and equity point is the very same number; NaN equals NaN.

    Where the first day lost money, Jesse's drawdown is kept beside the right one.
    """
    assert ours.audit is not None
    kept = ours.audit.jesse_metrics or ours.metrics
    assert ours.metrics.keys() == kept.keys() == jesse["metrics"].keys()
    for name, value in jesse["metrics"].items():
        assert same(kept[name], value), (name, kept[name], value)
        if kept is not ours.metrics and name == "max_drawdown":
            assert ours.metrics[name] < value
        elif name != "calmar_ratio":
            assert same(ours.metrics[name], value), (name, ours.metrics[name], value)
    assert_trades_equal(ours, jesse)
    if jesse["equity"] is None:
        assert set(ours.equity) == {ours.spec.account.balance}
        return
    assert [moment.value / 1e9 for moment in ours.equity.index] == [time for time, _ in jesse["equity"]]
    assert all(same(one, two) for one, (_, two) in zip(ours.equity, jesse["equity"], strict=True))


def assert_trades_equal(ours: BacktestResult, jesse: dict[str, Any]) -> None:
    """Every trade and every order of it is the very same."""
    assert len(ours.trades) == len(jesse["trades"])
    for (_, row), trade in zip(ours.trades.iterrows(), jesse["trades"], strict=True):
        for column, name in COLUMNS.items():
            value = row[column]
            if isinstance(value, pd.Timestamp):
                value = value.value / 1e6
            assert same(value, trade[name]), (column, value, trade[name])
        assert len(row["orders"]) == len(trade["orders"])
        for order, theirs in zip(row["orders"], trade["orders"], strict=True):
            for name, value in order.items():
                assert same(value, theirs[name]), (name, value, theirs[name])


def same(one: Any, two: Any) -> bool:
    return one == two or (one != one and two != two)
