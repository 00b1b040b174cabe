"""Whether the same run is the same again: with other draws, in another interpreter, and after itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jesse_nb.core.analysis.check.orders import OrderDifference, decision_text, first_difference
from jesse_nb.core.jobs.isolation.hash_seeds import hash_seeds
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.simulation import Observe
from jesse_nb.core.tools.check.code_lines import Place, line_of_number, place_between, place_of_parting
from jesse_nb.core.tools.check.observed_runs import ObservedRuns, TimeUpError, observation_of
from jesse_nb.core.tools.check.strategy_check import CodeLine, Finding
from jesse_nb.core.tools.prepared import Prepared

__all__ = ["Determinism"]

_OTHER_DRAWS = "check again"
_BRIEF = "its orders are not the same when it is run again"


@dataclass
class Determinism:
    """Compares the plain run with the same in processes that differ in all that a spec does not say."""

    prepared: Prepared
    seeds: tuple[str, ...] = ()

    def start(self, runs: ObservedRuns) -> None:
        """Begin the other runs."""
        same = self.prepared.simulation(self.prepared.spec)
        runs.start("other draws", same, Observe(other_clock=True), chance=_OTHER_DRAWS)
        routes = self.prepared.spec.routes
        self.seeds = hash_seeds((route.strategy.source for route in routes), (route.symbol for route in routes))
        for seed in self.seeds:
            runs.start_apart(f"apart {seed}", same, seed)

    def findings(self, runs: ObservedRuns, record: RunRecord) -> list[Finding]:
        """Return what the runs tell, and what the plain one was seen to read; waits for them."""
        differing = self._differing(runs, record)
        impure = tuple(f"It {words}." for words in record.depends.impure)
        if not impure:
            return [differing or Finding(
                "determinism", "passed", "The same run again gives the same orders, to the last digit.",
                ("With other draws of unseeded chance, in an interpreter of its own, and there a second time.",))]
        line = self._line_of(record.depends.impure[0])
        if differing is None:
            return [Finding("determinism", "warning", "The same run again gave the same orders, though it reads what "
                            "no run can repeat: make sure that no order depends on it.", impure, line)]
        return [Finding("determinism", "failed", "It reads what no run can repeat, and its orders differ.",
                        (*impure, *differing.evidence[:1]), line or differing.line, _BRIEF)]

    def _differing(self, runs: ObservedRuns, record: RunRecord) -> Finding | None:
        """Return the first way in which the same run was another, or None."""
        plain = observation_of(record)
        same = self.prepared.simulation(self.prepared.spec)
        drawn = first_difference(plain.events, observation_of(runs.record("other draws")).events)
        if drawn is not None:
            place = place_of_parting(runs, "draws", same, same, drawn.time, chance=_OTHER_DRAWS)
            return _failed("Orders depend on chance that nobody seeded.", drawn, place,
                           "Draw from random.Random(7) or numpy.random.default_rng(7), made in the strategy.")
        for seed in self.seeds:
            ordered = first_difference(plain.events, observation_of(runs.record(f"apart {seed}, first")).events)
            if ordered is not None:
                place = self._traced(runs, ordered.time, seed, in_first=True)
                return _failed("Orders differ in another interpreter.", ordered, place,
                               "Sort sets before going through them, and read no environment or clock.")
        kept = first_difference(plain.events, observation_of(runs.record(f"apart {self.seeds[0]}, second")).events)
        if kept is not None:
            place = self._traced(runs, kept.time, self.seeds[0], in_first=False)
            return _failed("Orders depend on what an earlier run of it left behind.", kept, place,
                           "Keep state on self, set in __init__, and not on the class or in the module.")
        return None

    def _line_of(self, words: str) -> CodeLine | None:
        """Return the line that ``reads the clock (line 12)`` names; None where it may be another file's."""
        simulation = self.prepared.simulation(self.prepared.spec)
        number = re.search(r"\(line (\d+)\)$", words)
        if number is None or any(code.modules for code in simulation.codes):
            return None
        return line_of_number(self.prepared.spec, int(number[1]))

    def _traced(self, runs: ObservedRuns, time: int, seed: str, *, in_first: bool) -> Place:
        """Look at each step of the strategy's code where the runs part."""
        spec, traced = self.prepared.spec, Observe(trace_at=time)
        runs.start_apart("traced apart", self.prepared.simulation(spec), seed, traced)
        try:
            first = observation_of(runs.record("traced apart, first"))
            if not in_first:
                return place_between(spec, first, observation_of(runs.record("traced apart, second")))
            runs.start("traced here", self.prepared.simulation(spec), traced)
            return place_between(spec, observation_of(runs.record("traced here")), first)
        except TimeUpError:  # what was found is worth more than its place
            return Place()


def _failed(summary: str, parted: OrderDifference, place: Place, advice: str) -> Finding:
    return Finding("determinism", "failed", summary,
                   (f"First: {decision_text(parted.first)}; again: {decision_text(parted.second)}.", *place.values,
                    advice), place.line, _BRIEF)
