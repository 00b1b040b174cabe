"""What a worker sends back: plain numbers and lists, nothing that needs code to read.

The run store keeps records as JSON, MessagePack and compressed arrays, so that a database
found on disk can be read without trusting it.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.simulator.account.audit import EquityAudit
from jesse_nb.core.simulator.account.whole_drawdown import whole_drawdown
from jesse_nb.core.simulator.dependencies import NOTHING, Dependencies
from jesse_nb.core.simulator.early_stop import StoppedRun, StopRule, judge_samples
from jesse_nb.core.simulator.lazy_fields import allow_lazy_field, set_lazy_field
from jesse_nb.core.simulator.observing import Observation
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
        Jesse's metrics, of the right equity where the audit found Jesse's wrong; the maximum drawdown and the Calmar
        ratio count from the starting balance on, which Jesse's leave out.
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
    recording, observation
        What was watched beside, where that was asked for; they are never stored.
    depends
        On what beside its key.
    audit
        Whether the equity is right; None in stores of before it was looked at.
    defaults
        As :attr:`ResultCard.defaults`; what JSON keeps.
    """

    metrics: dict[str, Any]
    trades: list[dict[str, Any]]
    equity_times: NDArray[np.int64]
    equity_values: NDArray[np.float64]
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)
    output: str = ""
    recording: Recording | None = None
    observation: Observation | None = None
    depends: Dependencies = NOTHING
    audit: EquityAudit | None = None
    defaults: dict[str, Any] = field(default_factory=dict)

    def answers(self, spec: BacktestSpec) -> bool:
        """Say whether the record is right for a spec: those of before the audit may not be.

        They are where nothing was borrowed and nothing reserved: on futures without leverage, and never short.
        """
        account = spec.account
        return self.audit is not None or not self.trades or (
            account.market == "futures" and account.leverage == 1
            and all(trade["side"] == "long" for trade in self.trades))

    def with_whole_drawdown(self) -> RunRecord:
        """Return the record with a drawdown from the starting balance on, and Jesse's own metrics beside it."""
        right = whole_drawdown(self.metrics, self.equity_values)
        if right is self.metrics:
            return self
        audit = self.audit and replace(self.audit, jesse_metrics=self.audit.jesse_metrics or self.metrics)
        return replace(self, metrics=right, audit=audit)

    def to_result(self, spec: BacktestSpec) -> BacktestResult:
        """Return the record as users see it."""
        result = BacktestResult(
            spec=spec,
            # A study keeps thousands of these; each record that comes in has new strings for the same names.
            metrics={sys.intern(name): value for name, value in self.metrics.items()},
            trades=_NO_TRADES,
            equity=self.equity(),
            card=_card(spec, self),
            seconds=self.seconds,
            output=self.output,
            audit=self.audit,
        )
        set_lazy_field(result, "trades", self.trades_frame)
        return result

    def trades_frame(self) -> pd.DataFrame:
        """Return the trades as users see them."""
        return _trades_frame(self.trades)

    def judge(self, rule: StopRule, end: int) -> tuple[StoppedRun | None, tuple[float, ...]]:
        """Say whether a rule had stopped the run before its ``end`` (milliseconds UTC), and read its checkpoints.

        As :func:`~jesse_nb.core.simulator.early_stop.judge_samples` does. The readings of an account that was
        ruined are no measure for others, so there are none.
        """
        times, values = self._sampled()
        before = times < end
        first_trade = min((trade["closed_at"] for trade in self.trades), default=end)
        stopped, readings = judge_samples(rule, times[before], values[before], int(first_trade), self.seconds)
        return stopped, () if self.audit is not None and self.audit.ruin is not None else readings

    def _sampled(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the samples as the run itself saw them, which did not know of a ruin to come."""
        if self.audit is None or self.audit.ruin is None:
            return self.equity_times, self.equity_values
        return np.array(self.audit.jesse_times, dtype=np.int64), np.array(self.audit.jesse_values)

    def equity(self) -> pd.Series[float]:
        """Return the equity curve as users see it."""
        index = _moments(self.equity_times.astype("<i8").tobytes()).view()
        return pd.Series(self.equity_values.copy(), index=index, name="equity")

    def pack(self) -> tuple[str, bytes, bytes, str]:
        """Return metrics (JSON), output and trades (MessagePack), equity (arrays), versions (JSON).

        Trades and equity are compressed. MessagePack takes a seventh of the time of JSON, and keeps NaN.
        """
        came = self.__dict__.pop("_came_as", None)
        if came is not None:
            return came  # type: ignore[no-any-return]
        equity = self.equity_times.astype("<i8").tobytes() + self.equity_values.astype("<f8").tobytes()
        return (
            json.dumps(self.metrics),
            zlib.compress(b"".join(self._packed()), 1),
            zlib.compress(equity, 1),
            json.dumps(self.versions | self.depends.pack() | ({_DEFAULTS: self.defaults} if self.defaults else {})),
        )

    def _packed(self) -> Iterator[bytes]:
        yield msgpack.packb(self.output, unicode_errors=_ANY)
        if self.audit is not None:
            yield msgpack.packb(self.audit.to_dict())
        yield msgpack.packb(self.trades)

    def __reduce__(self) -> tuple[Any, ...]:
        # Packed in the worker, it is small on its way and ready for the store; few read the trades of a trial.
        return _arrived, (self.pack(), self.seconds, self.recording, self.observation)

    @classmethod
    def unpack(cls, metrics: str, trades: bytes, equity: bytes, versions: str, seconds: float) -> RunRecord:
        """Build a record from what :meth:`pack` returned."""
        output, audit, read_trades = _parted(zlib.decompress(trades))
        raw = zlib.decompress(equity)
        half = len(raw) // 2
        about = json.loads(versions)
        depends, defaults = Dependencies.unpack(about), about.pop(_DEFAULTS, {})
        record = cls(
            metrics=json.loads(metrics),
            trades=[],
            equity_times=np.frombuffer(raw[:half], dtype="<i8"),
            equity_values=np.frombuffer(raw[half:], dtype="<f8"),
            seconds=seconds,
            versions=about,
            output=output,
            depends=depends,
            audit=audit,
            defaults=defaults,
        ).with_whole_drawdown()
        set_lazy_field(record, "trades", read_trades)
        return record


allow_lazy_field(RunRecord, "trades")
allow_lazy_field(BacktestResult, "trades")

_NO_TRADES = pd.DataFrame()
#: Where versions are kept, what the strategies' own values are called.
_DEFAULTS = "hyperparameters"

#: How a mapping begins in MessagePack.
_MAPS = frozenset(bytes([first]) for first in (*range(0x80, 0x90), 0xDE, 0xDF))

#: A strategy may print what is no valid text.
_ANY = "surrogatepass"


def _arrived(
    packed: tuple[str, bytes, bytes, str], seconds: float, recording: Recording | None, observation: Observation | None
) -> RunRecord:
    record = RunRecord.unpack(*packed, seconds)
    record.__dict__.update(_came_as=packed, recording=recording, observation=observation)
    return record


def _parted(content: bytes) -> tuple[str, EquityAudit | None, Callable[[], list[dict[str, Any]]]]:
    """Return the output, the audit, and what reads the trades, of what :meth:`RunRecord.pack` compressed."""
    if content.startswith(b"{"):  # in stores of before November 2026; no text of MessagePack begins so
        listed, mark, printed = content.rpartition(b', "output": ')
        if not (mark and listed.startswith(b'{"trades": [') and listed.endswith(b"]") and printed.endswith(b"}")):
            raise ValueError("these are no trades")
        return json.loads(printed[:-1]), None, partial(json.loads, listed.removeprefix(b'{"trades": '))
    unpacker = msgpack.Unpacker(max_buffer_size=0, unicode_errors=_ANY)
    unpacker.feed(content)
    output, audit = str(unpacker.unpack()), None
    if content[unpacker.tell() : unpacker.tell() + 1] in _MAPS:  # not so in stores of before the audit
        audit = EquityAudit.from_dict(unpacker.unpack())
    trades = content[unpacker.tell() :]
    unpacker.read_array_header()  # raises where these are no trades
    return output, audit, partial(msgpack.unpackb, trades)


@lru_cache(maxsize=256)
def _moments(times: bytes) -> pd.DatetimeIndex:
    """Return milliseconds UTC as an index.

    A study keeps thousands of curves, sampled at few different sets of moments: an index of its own would make each
    several times as large.
    """
    # As pd.to_datetime gives it, which takes ten times as long.
    return pd.DatetimeIndex((np.frombuffer(times, dtype="<i8") * 1_000_000).view("datetime64[ns]"), tz="UTC")


def _trades_frame(trades: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(trades, columns=list(TRADE_COLUMNS))
    for column in ("opened_at", "closed_at"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


def _card(spec: BacktestSpec, record: RunRecord) -> ResultCard:
    return ResultCard(
        strategies={route.strategy.name: route.strategy.hash for route in spec.routes},
        candles={f"{part.exchange} {part.symbol}": part.fingerprint for part in spec.candles},
        missing_minutes=sum(part.missing for part in spec.candles),
        gaps=spec.gaps,
        synthetic=spec.synthetic,
        mode=spec.mode,
        versions=dict(record.versions),
        notes=record.depends.notes(),
        defaults=record.defaults,
    )
