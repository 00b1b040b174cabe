"""Whether a strategy knows what comes later.

Two questions are put. Candles after a moment are turned upside down: whoever had not seen them does the same up to
that moment. And after it, whoever goes on in the very same way does not look at these candles at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jesse_nb.core.analysis.check.orders import decision_text, first_difference, same_moments
from jesse_nb.core.simulator.observing import Observation, OrderEvent
from jesse_nb.core.simulator.simulation import Observe
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.core.tools.check.code_lines import code_line, line_of_use, place_of_parting
from jesse_nb.core.tools.check.observed_runs import ObservedRuns, mirrored, observation_of
from jesse_nb.core.tools.check.strategy_check import Finding
from jesse_nb.core.tools.prepared import Prepared

__all__ = ["LookAhead"]

#: How much of the period is simulated beyond the moment, to see whether the strategy goes on alike.
_TAIL = 0.15
#: Of so many orders after the moments, this part must be alike to say that candles play no part.
_FEWEST_ORDERS, _ALIKE = 8, 0.9


@dataclass
class LookAhead:
    """Compares the plain run with runs whose later candles are others.

    Parameters
    ----------
    prepared
        The plain run.
    folder
        Where changed candles are written.
    moments
        After how many moments candles are changed.
    seed
        Of the choice of moments.
    """

    prepared: Prepared
    folder: Path
    moments: int
    seed: int

    def start(self, runs: ObservedRuns, plain: Observation) -> None:
        """Begin the runs on changed candles, and the one whose indicators keep their past."""
        runs.start("kept past", self.prepared.simulation(self.prepared.spec), Observe(keep_past=True))
        for moment in self._chosen(plain.events):
            runs.start(_name(moment), mirrored(self.prepared, moment, self._end(moment), self.folder))

    def findings(
        self, runs: ObservedRuns, plain: Observation, own_data: Sequence[str], stored: Sequence[str]
    ) -> list[Finding]:
        """Return what the runs tell; waits for them.

        Parameters
        ----------
        runs
            Of the check.
        plain
            The run that all are compared with.
        own_data
            What the strategy has beside the candles, in words.
        stored
            Files of the candle store that it reads: they hold the future, whatever it makes of them.
        """
        if stored:
            return [Finding("look_ahead", "failed", "It reads stored candles by itself, those of later among them.",
                            tuple(f"It reads {path}." for path in stored),
                            line_of_use(self.prepared.spec, [words.partition(" ")[0] for words in plain.held]),
                            "reads stored candles, those of later among them")]
        alike = orders = 0
        moments = self._chosen(plain.events)
        for moment in moments:
            changed = observation_of(runs.record(_name(moment)))
            difference = first_difference(plain.events, changed.events, until=moment)
            if difference is not None:
                return [self._ahead(runs, moment, difference.time,
                                    decision_text(difference.first), decision_text(difference.second))]
            same, most = same_moments(plain.events, changed.events, moment, self._end(moment) - self._step)
            alike, orders = alike + same, orders + most
        if not plain.events:
            return [Finding("look_ahead", "not checked", "The strategy made no order, so nothing could be compared.",
                            ("Choose a period in which it trades.",))]
        if orders >= _FEWEST_ORDERS and alike >= _ALIKE * orders:
            return [_blind(self.prepared.spec, own_data, alike, orders)]
        repainting = self._repainting(runs, plain)
        if repainting:
            return [repainting]
        text = ", ".join(utc_text(moment) for moment in moments)
        return [Finding("look_ahead", "passed", "No order depends on candles that came after it.",
                        (f"After each of {len(moments)} moments all candles were turned upside down; every order "
                         f"before stayed the same, to the last digit ({text}).",))]

    def _ahead(self, runs: ObservedRuns, moment: int, time: int, first: str, second: str) -> Finding:
        as_it_is, changed = (mirrored(self.prepared, after, self._end(moment), self.folder)
                             for after in (self.prepared.spec.end, moment))
        place = place_of_parting(runs, "look-ahead", as_it_is, changed, time)
        seen = (f"Candles from {utc_text(moment)} on were turned upside down. Before, the strategy had: {first}; "
                f"with other candles later: {second}.")
        return Finding("look_ahead", "failed", "Orders depend on candles that came later: its results are not real.",
                       (seen, *place.values), place.line, "reads the future")

    def _repainting(self, runs: ObservedRuns, plain: Observation) -> Finding | None:
        """Compare with the run in which each candle's value stayed what it was when that candle was the newest."""
        kept = observation_of(runs.record("kept past"))
        difference = first_difference(plain.events, kept.events)
        if difference is None or not kept.repainted:
            return None
        return Finding("look_ahead", "failed", "It looks back at values that were others when their candles were new: "
                       "an indicator that repaints.",
                       (f"The past changes of: {', '.join(one.name for one in kept.repainted)}.",
                        f"With the past kept, there is, in place of: {decision_text(difference.first)}, "
                        f"{decision_text(difference.second)}."),
                       code_line(self.prepared.spec, *kept.repainted[0][1:]), "looks back at values that repaint")

    def _chosen(self, events: Sequence[OrderEvent]) -> list[int]:
        """Return the moments: at orders, as that is where knowing better would show, spread over the period."""
        spec, step = self.prepared.spec, self._step
        chance = np.random.default_rng(self.seed)
        decided = sorted({event.time for event in events if event.event == "submitted" and event.time % step == 0
                          and spec.start + step < event.time < spec.end - step})
        groups = [group for group in np.array_split(np.array(decided, dtype=np.int64), self.moments) if len(group)]
        chosen = {int(chance.choice(group)) for group in groups}
        candles = (spec.end - spec.start) // step
        while len(chosen) < min(self.moments, candles - 2):
            chosen.add(spec.start + step * int(chance.integers(1, candles - 1)))
        return sorted(chosen)

    @property
    def _step(self) -> int:
        """Milliseconds between the moments at which every route may decide."""
        minutes = {TIMEFRAME_MINUTES[route.timeframe] for route in self.prepared.spec.routes}
        return int(np.lcm.reduce(np.array(sorted(minutes)))) * MINUTE_MS

    def _end(self, moment: int) -> int:
        spec, step = self.prepared.spec, self._step
        tail = max(int((spec.end - spec.start) * _TAIL) // step, 30) * step
        return min(spec.end, moment + tail)


def _name(moment: int) -> str:
    return f"changed after {moment}"


def _blind(spec: BacktestSpec, held: Sequence[str], alike: int, orders: int) -> Finding:
    went_on = (f"With all candles turned upside down it made {alike} of {orders} orders at the very moments, and on "
               "the very side, as before.")
    if not held:
        return Finding("look_ahead", "passed", "No order depends on candles that came after it, or on candles at all.",
                       (went_on, "It goes by the clock, or by what is not in the candles."))
    return Finding("look_ahead", "failed", "Its orders come from data of its own, not from the candles of the moment: "
                   "such data must not have been made from the whole series.",
                   (went_on, f"It has: {'; '.join(held)}."),
                   line_of_use(spec, [words.partition(" ")[0] for words in held]),
                   "its orders come from data of its own, and not from the candles of the moment")
