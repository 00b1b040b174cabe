"""What a worker sends back: plain numbers and lists, nothing that needs code to read.

The run store keeps records as JSON and compressed arrays, so that a database
found on disk can be read without trusting it.
"""

from __future__ import annotations

import json
import sys
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.simulator.recording import Recording
from jesse_nb.core.simulator.result import TRADE_COLUMNS, BacktestResult, ResultCard
from jesse_nb.core.simulator.spec import BacktestSpec

__all__ = ["RunRecord"]


@dataclass(frozen=True)
class RunRecord:
    """One finished simulation, as data.

    Attributes
    ----------
    metrics
        Jesse's metrics as they came.
    trades
        One plain dict a closed trade, keys :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`;
        times in milliseconds UTC.
    equity_times, equity_values
        Daily samples: milliseconds UTC (int64), quote currency (float64), both of shape (n,).
    seconds
        How long the simulation took.
    versions
        Package name to version, of the process that ran it.
    output
        What the strategy printed, cut to its first 20,000 characters.
    recording
        What was watched beside, where that was asked for; it is never stored.
    """

    metrics: dict[str, Any]
    trades: list[dict[str, Any]]
    equity_times: NDArray[np.int64]
    equity_values: NDArray[np.float64]
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)
    output: str = ""
    recording: Recording | None = None

    def to_result(self, spec: BacktestSpec) -> BacktestResult:
        """Return the record as users see it."""
        return BacktestResult(
            spec=spec,
            # A study keeps thousands of these; each record that comes in has new strings for the same names.
            metrics={sys.intern(name): value for name, value in self.metrics.items()},
            trades=_trades_frame(self.trades),
            equity=self.equity(),
            card=_card(spec, self.versions),
            seconds=self.seconds,
            output=self.output,
        )

    def equity(self) -> pd.Series[float]:
        """Return the equity curve as users see it."""
        return pd.Series(self.equity_values.copy(), index=pd.to_datetime(self.equity_times, unit="ms", utc=True),
                         name="equity")

    def pack(self) -> tuple[str, bytes, bytes, str]:
        """Return metrics (JSON), trades (compressed JSON), equity (compressed arrays), versions (JSON)."""
        equity = self.equity_times.astype("<i8").tobytes() + self.equity_values.astype("<f8").tobytes()
        return (
            json.dumps(self.metrics),
            zlib.compress(json.dumps({"trades": self.trades, "output": self.output}).encode(), 1),
            zlib.compress(equity, 1),
            json.dumps(self.versions),
        )

    @classmethod
    def unpack(cls, metrics: str, trades: bytes, equity: bytes, versions: str, seconds: float) -> RunRecord:
        """Build a record from what :meth:`pack` returned."""
        content = json.loads(zlib.decompress(trades))
        raw = zlib.decompress(equity)
        half = len(raw) // 2
        return cls(
            metrics=json.loads(metrics),
            trades=content["trades"],
            equity_times=np.frombuffer(raw[:half], dtype="<i8"),
            equity_values=np.frombuffer(raw[half:], dtype="<f8"),
            seconds=seconds,
            versions=json.loads(versions),
            output=content["output"],
        )


def _trades_frame(trades: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(trades, columns=list(TRADE_COLUMNS))
    for column in ("opened_at", "closed_at"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


def _card(spec: BacktestSpec, versions: dict[str, str]) -> ResultCard:
    return ResultCard(
        strategies={route.strategy.name: route.strategy.hash for route in spec.routes},
        candles={f"{part.exchange} {part.symbol}": part.fingerprint for part in spec.candles},
        missing_minutes=sum(part.missing for part in spec.candles),
        gaps=spec.gaps,
        synthetic=spec.synthetic,
        mode=spec.mode,
        versions=dict(versions),
    )
