"""When a run is hopeless, judged on the way from the daily samples of its equity.

A :class:`StopRule` is plain numbers that travel with a simulation: the worker stops by itself, at once, and
nobody has to ask the kernel. :class:`EquityWatch` applies it sample by sample, in the worker while Jesse runs and
in the kernel over the samples of a run that is stored already. So a trial is stopped or not whatever the
store happened to hold, and whichever worker was quicker.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.simulator.dependencies import NOTHING, Dependencies

__all__ = ["EquityWatch", "Measure", "StopRule", "StoppedRun", "judge_samples"]

Measure = Literal["return", "sharpe"]

#: Below this part of the starting balance an account is ruined.
RUINED = 0.01

#: A Sharpe ratio of fewer daily returns says nothing.
_FEWEST_RETURNS = 10

#: Jesse computes a drawdown by another way round; last digits must not decide.
_ROUNDING = 1e-9

_NAMES = {"return": "profit", "sharpe": "Sharpe ratio"}


@dataclass(frozen=True)
class StopRule:
    """When a run is stopped before its end.

    Nothing is judged before the first trade has closed. An account that is ruined (at most 1 % of its start is
    left) is stopped at once.

    Attributes
    ----------
    measure
        What is read at the checkpoints: ``return`` since the start (a fraction), or ``sharpe``, the Sharpe ratio
        of the daily returns so far (per day).
    moments
        Milliseconds UTC, ascending; a checkpoint is the first daily sample at or after its moment.
    floors
        One for each moment: a run that never read as much up to then is stopped. ``-inf`` stops none.
    deepest
        A drawdown, as a fraction of the peak and between daily samples, beyond which a run is stopped; None for any.
    """

    measure: Measure
    moments: tuple[int, ...]
    floors: tuple[float, ...]
    deepest: float | None = None


@dataclass(frozen=True, eq=False)
class StoppedRun:
    """What is known of a run that was stopped: never a result, only why there is none.

    Attributes
    ----------
    reason
        In words.
    moment
        Of the daily sample at which it was stopped, milliseconds UTC.
    readings
        At the checkpoints up to then, as the rule measures; NaN where undefined.
    times, values
        Daily samples up to then: milliseconds UTC (int64), quote currency (float64), both of shape (n,).
    first_trade
        When the first trade had closed, milliseconds UTC.
    seconds
        How long it took.
    depends
        On what beside its key.
    audited
        Whether the samples are what the account was worth; not known in stores of before that was looked at, and
        there wrong for some spot accounts.
    """

    reason: str
    moment: int
    readings: tuple[float, ...]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    first_trade: int
    seconds: float
    depends: Dependencies = NOTHING
    audited: bool = True

    @property
    def drawdown(self) -> float:
        """The deepest one between the daily samples, the starting balance among them, as a fraction of the peak."""
        peaks = np.maximum.accumulate(self.values)
        return float((1.0 - self.values[peaks > 0] / peaks[peaks > 0]).max(initial=0.0))

    def again(self, rule: StopRule) -> StoppedRun | None:
        """Return where another rule stops it; None when that one lets it go on beyond what is known."""
        return judge_samples(rule, self.times, self.values, self.first_trade, self.seconds)[0]

    def pack(self) -> tuple[str, bytes]:
        """Return the facts (JSON) and the samples (compressed arrays)."""
        facts = {"reason": self.reason, "moment": self.moment, "first_trade": self.first_trade,
                 "seconds": self.seconds, "audited": self.audited,
                 "readings": [None if math.isnan(value) else value for value in self.readings]} | self.depends.pack()
        samples = self.times.astype("<i8").tobytes() + self.values.astype("<f8").tobytes()
        return json.dumps(facts), zlib.compress(samples, 1)

    @classmethod
    def unpack(cls, facts: str, samples: bytes) -> StoppedRun:
        """Build one from what :meth:`pack` returned."""
        known, raw = json.loads(facts), zlib.decompress(samples)
        half = len(raw) // 2
        return cls(
            reason=known["reason"],
            moment=known["moment"],
            readings=tuple(math.nan if value is None else value for value in known["readings"]),
            times=np.frombuffer(raw[:half], dtype="<i8"),
            values=np.frombuffer(raw[half:], dtype="<f8"),
            first_trade=known["first_trade"],
            seconds=known["seconds"],
            depends=Dependencies.unpack(known),
            audited=known.get("audited", False),
        )


class EquityWatch:
    """Applies a rule to one run, sample by sample.

    Attributes
    ----------
    readings
        At the checkpoints that have been passed; NaN where undefined.
    """

    def __init__(self, rule: StopRule) -> None:
        self._rule = rule
        self._values: list[float] = []
        self._peak = -math.inf
        self._best = math.nan
        self.readings: list[float] = []

    def sample(self, moment: int, value: float, *, traded: bool) -> str:
        """Take in the next daily sample; return why to stop now, or nothing.

        Parameters
        ----------
        moment, value
            Milliseconds UTC, and the portfolio's value then.
        traded
            Whether a trade has closed up to then.
        """
        rule = self._rule
        self._values.append(value)
        self._peak = max(self._peak, value)
        floor = self._pass_checkpoints(moment, traded=traded)
        if not traded:
            return ""
        if value <= RUINED * self._values[0]:
            return "the account was ruined"
        if rule.deepest is not None and self._peak - value > (rule.deepest + _ROUNDING) * self._peak:
            return f"the drawdown exceeded {rule.deepest * 100:.4g} %"
        # As in Optuna's median pruner, the best reading so far counts, and an undefined one stops nothing.
        return f"the {_NAMES[rule.measure]} was too low" if self._best < floor else ""

    def _pass_checkpoints(self, moment: int, *, traded: bool) -> float:
        """Read what is due; return the floor that holds at this sample, -inf between checkpoints."""
        rule, floor = self._rule, -math.inf
        while len(self.readings) < len(rule.moments) and rule.moments[len(self.readings)] <= moment:
            floor = rule.floors[len(self.readings)]
            reading = _reading(rule.measure, self._values) if traded else math.nan
            self._best = reading if math.isnan(self._best) else max(self._best, reading)
            self.readings.append(reading)
        return floor


def judge_samples(
    rule: StopRule, times: NDArray[np.int64], values: NDArray[np.float64], first_trade: int, seconds: float
) -> tuple[StoppedRun | None, tuple[float, ...]]:
    """Apply a rule to daily samples that were taken earlier.

    Returns
    -------
    stopped, readings
        What the rule leaves of the run, or None when it does not stop it; and the readings up to there.
    """
    watch = EquityWatch(rule)
    for count, (moment, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True), 1):
        reason = watch.sample(moment, value, traded=first_trade <= moment)
        if reason:
            stopped = StoppedRun(reason, moment, tuple(watch.readings), times[:count], values[:count], first_trade,
                                 seconds)
            return stopped, stopped.readings
    return None, tuple(watch.readings)


def _reading(measure: Measure, values: list[float]) -> float:
    if measure == "return":
        return values[-1] / values[0] - 1.0
    if len(values) <= _FEWEST_RETURNS:
        return math.nan
    samples = np.array(values)
    if (samples <= 0).any():
        return math.nan
    returns = samples[1:] / samples[:-1] - 1.0
    spread = float(returns.std(ddof=1))
    return float(returns.mean()) / spread if spread > 0 else math.nan
