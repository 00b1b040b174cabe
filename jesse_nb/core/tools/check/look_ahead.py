"""Whether a strategy knows what comes later.

Candles after a moment are turned upside down: whoever had not seen them does the same up to that moment. That tells
all of a strategy that goes by candles alone. One with data of its own would do the same, too, were the data made from
later candles: of it only how well it foretells the market can tell something, and where that does not, nothing can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jesse_nb.core.analysis.check.foresight import Foresight, foresight
from jesse_nb.core.analysis.check.orders import decision_text, first_difference, same_decisions, same_moments
from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.core.simulator.observing import Observation, OrderEvent
from jesse_nb.core.simulator.simulation import Observe
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.core.tools.check.code_lines import code_line, line_of_use, place_of_parting
from jesse_nb.core.tools.check.observed_runs import ObservedRuns, mirrored, observation_of
from jesse_nb.core.tools.check.strategy_check import CodeLine, Finding
from jesse_nb.core.tools.prepared import Prepared

__all__ = ["LookAhead"]

#: How much of the period is simulated beyond the moment, to see whether the strategy goes on alike.
_TAIL = 0.15
#: Of so many orders after the moments, this part must be alike to say that candles play no part.
_FEWEST_ORDERS, _ALIKE = 8, 0.9
#: So many orders must be the same where looking back at values that change makes no difference that counts.
_SAME = 0.95


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
        self, runs: ObservedRuns, plain: Observation, own_data: Sequence[str], stored: Sequence[str],
        reading: CodeLine | None,
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
        reading
            The line that reads a file first.
        """
        if stored:
            return [Finding("look_ahead", "failed", "It reads stored candles by itself, those of later among them.",
                            tuple(f"It reads {path}." for path in stored),
                            line_of_use(self.prepared.spec, [words.partition(" ")[0] for words in plain.held])
                            or reading, "reads stored candles, those of later among them")]
        moments = self._chosen(plain.events)
        for moment in moments:
            changed = observation_of(runs.record(_name(moment)))
            difference = first_difference(plain.events, changed.events, until=moment)
            if difference is not None:
                return [self._ahead(runs, moment, difference.time,
                                    decision_text(difference.first), decision_text(difference.second))]
        if not plain.events:
            return [Finding("look_ahead", "not checked", "The strategy made no order, so nothing could be compared.",
                            ("Choose a period in which it trades.",))]
        repainting = self._repainting(runs, plain)
        if repainting:
            return [repainting]
        seen = self._foresight(plain)
        if own_data or (seen is not None and seen.certain):
            return [_untold(self.prepared.spec, own_data, seen, reading)]
        text = ", ".join(utc_text(moment) for moment in moments)
        by_clock = "" if self._goes_by_candles(runs, plain) else ", or on candles at all"
        return [Finding("look_ahead", "passed", f"No order depends on candles that came after it{by_clock}.",
                        (f"After each of {len(moments)} moments all candles were turned upside down; every order "
                         f"before stayed the same, to the last digit ({text}).",))]

    def _goes_by_candles(self, runs: ObservedRuns, plain: Observation) -> bool:
        """Whether a market turned upside down makes it trade otherwise."""
        counts = [same_moments(plain.events, observation_of(runs.record(_name(moment))).events, moment,
                               self._end(moment) - self._step) for moment in self._chosen(plain.events)]
        alike, orders = sum(count[0] for count in counts), sum(count[1] for count in counts)
        return orders < _FEWEST_ORDERS or alike < _ALIKE * orders

    def _foresight(self, plain: Observation) -> Foresight | None:
        spec = self.prepared.spec
        traded = {route.symbol for route in spec.routes}
        candles = {part.symbol: np.concatenate(rows.read())
                   for part, rows in zip(spec.candles, self.prepared.mapped, strict=True) if part.symbol in traded}
        return foresight(plain.events, candles, spec.start, spec.end, self._step)

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
        if difference is None or not kept.repainted or same_decisions(plain.events, kept.events) >= _SAME:
            return None
        names = ", ".join(dict.fromkeys(indicator.name for indicator in kept.repainted))
        return Finding("look_ahead", "failed", "It looks back at values that were others when their candles were new: "
                       "an indicator that repaints.",
                       (f"The past changes of: {names}.",
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


def _untold(
    spec: BacktestSpec, own_data: Sequence[str], seen: Foresight | None, reading: CodeLine | None
) -> Finding:
    """Say what the market that followed says of one whose knowledge comes from elsewhere than the candles."""
    has = (f"It has: {'; '.join(own_data)}.",) if own_data else ()
    line = line_of_use(spec, [words.partition(" ")[0] for words in own_data]) or reading
    told = () if seen is None else (
        f"Of the moves within {counted(seen.ahead, 'candle')} after the {counted(seen.orders, 'order')} that "
        f"{'closed' if seen.closing else 'opened'} positions, {seen.captured:.0%} went their way (net, by size); of "
        f"{seen.shifts:,} other placings of the same orders in the period, {seen.better:,} did as well.",)
    if seen is not None and seen.certain and own_data:
        return Finding("look_ahead", "failed", "It has data of its own, and foretells the market better than its past "
                       "allows: the data was made from later candles.", (*told, *has), line,
                       "its data of its own tells the future")
    if seen is not None and seen.certain:
        return Finding("look_ahead", "cannot be told", "It foretells the market better than its past allows, though "
                       "none of its data but candles was seen.",
                       (*told, "Either the market can be foretold, as one that was made can be, or it reads what comes "
                        "later in a way that is not seen."), line)
    return Finding("look_ahead", "cannot be told", "Whether it knows what comes later depends on data of its own, of "
                   "which no run can tell when it was known.",
                   (*has, *told, "Its candles are not the way: with all candles after a moment turned upside down, "
                    "every order before stayed the same. Make sure that each value was known when it is used."), line)
