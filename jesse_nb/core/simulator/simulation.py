"""A simulation that is asked for: what a worker is given, and where it ends."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from jesse_nb.core.simulator.data import MappedSlice
from jesse_nb.core.simulator.early_stop import StopRule
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.simulator.strategies.strategy import StrategyCode

__all__ = ["Observe", "Simulation"]

_SWITCH = "JESSE_NB_PLAIN_SIMULATOR"


def _switched_off() -> bool:
    """Whether the user asked, in this process' environment, for Jesse's own path."""
    return os.environ.get(_SWITCH, "").strip() not in ("", "0")


@dataclass(frozen=True)
class Observe:
    """What to look at in one run.

    Attributes
    ----------
    trace_at
        End of the candle, milliseconds UTC, at which each step of the strategies' own code is noted; 0 for none.
    late
        Whether strategies see their candles without the newest one.
    empty
        Whether data of the strategies' own is made worthless
        (:func:`~jesse_nb.core.simulator.own_data.emptied_data.emptied`).
    other_clock
        Whether clocks that a strategy's code asks go on by hours from one question to the next.
    keep_past
        Whether indicators keep their past (:class:`~jesse_nb.core.simulator.past.kept_past.PastKeeper`).
    """

    trace_at: int = 0
    late: bool = False
    empty: bool = False
    other_clock: bool = False
    keep_past: bool = False


@dataclass(frozen=True)
class Simulation:
    """What a worker needs for one run: the spec, the strategies' code and the rows to read.

    With ``recorded``, the record has a :attr:`~jesse_nb.core.simulator.record.RunRecord.recording`, too; with
    ``observe``, an :attr:`~jesse_nb.core.simulator.record.RunRecord.observation`. With ``stop``, the run ends where
    that rule says so; ``progress`` is the path of a :class:`~jesse_nb.core.simulator.daily_samples.ProgressFile`. With
    ``plain``, Jesse's own loops run: by default when ``JESSE_NB_PLAIN_SIMULATOR=1`` stands in the environment of the
    process that asks. The numbers are the same, so it is no part of the spec. With ``chance``, all that is drawn
    without a seed is derived from that in place of the spec's key.
    """

    spec: BacktestSpec
    codes: tuple[StrategyCode, ...]
    candles: tuple[MappedSlice, ...]
    recorded: bool = False
    stop: StopRule | None = None
    progress: str = ""
    plain: bool = field(default_factory=_switched_off)
    observe: Observe | None = None
    chance: str = ""
