"""Whether a strategy's orders settle with a longer warm-up, and its profit survives small changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from jesse_nb.core.analysis.check.orders import decision_text, first_difference, same_decisions
from jesse_nb.core.simulator.fees import Fee, each_fee, fee_words, highest_fee
from jesse_nb.core.simulator.observing import Observation
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.simulation import Observe, Simulation
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.core.tools.check.code_lines import place_of_parting
from jesse_nb.core.tools.check.observed_runs import ObservedRuns, observation_of
from jesse_nb.core.tools.check.strategy_check import Finding
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import CandlesError, SimulationError, WarmUpError

__all__ = ["Fragility", "WarmUp"]

#: So many orders in a hundred may differ with a longer warm-up: indicators without an end to their memory
#: (an exponential average) change their last digits, and now and then a decision with them.
_SETTLED = 0.98


@dataclass
class WarmUp:
    """Compares the plain run with runs that have seen more candles before their start."""

    request: Request
    prepared: Prepared
    reason: str = ""
    longer: dict[int, Simulation] = field(default_factory=dict)

    def start(self, runs: ObservedRuns) -> None:
        """Begin the runs with two and four times the warm-up, as far as such candles are stored."""
        spec = self.prepared.spec
        if not spec.warm_up_candles:
            self.reason = "This run has no warm-up."
            return
        for factor in (2, 4):
            request = replace(self.request, warm_up_candles=factor * spec.warm_up_candles)
            try:
                longer = prepare(request, spec.start, spec.end)
            except (WarmUpError, CandlesError) as error:
                self.reason = f"{factor} times the warm-up is not stored: {error}"
                return
            self.longer[factor] = longer.simulation(longer.spec)
            runs.start(f"warm-up {factor}", self.longer[factor])

    def findings(self, runs: ObservedRuns, plain: Observation) -> list[Finding]:
        """Return what the runs tell; waits for them."""
        count = self.prepared.spec.warm_up_candles
        if not runs.has("warm-up 2"):
            return [Finding("warm_up", "not checked", "Nothing could be compared.", (self.reason,))]
        double = observation_of(runs.record("warm-up 2"))
        shared = same_decisions(plain.events, double.events)
        more = (self.reason,) if self.reason else ()
        if shared >= _SETTLED:
            return [Finding("warm_up", "passed", f"{count:,} candles of warm-up are enough.",
                            (f"{shared:.1%} of the orders are the same with {2 * count:,}.", *more))]
        parted = first_difference(plain.events, double.events)
        assert parted is not None
        evidence = [f"With {2 * count:,} candles of warm-up {1 - shared:.0%} of the orders are others; the first: "
                    f"{decision_text(parted.first)}, in place of it {decision_text(parted.second)}."]
        if runs.has("warm-up 4"):
            settled = same_decisions(double.events, observation_of(runs.record("warm-up 4")).events)
            evidence.append(f"Run it with warm_up_candles={2 * count}: from there on they stay." if settled >= _SETTLED
                            else f"They still change beyond {2 * count:,}: something in it never forgets, or reads "
                                 "how many candles there are.")
        place = place_of_parting(runs, "warm-up", self.prepared.simulation(self.prepared.spec), self.longer[2],
                                 parted.time)
        return [Finding("warm_up", "failed", "Orders depend on how many candles came before the start.",
                        (*evidence, *place.values, *more), place.line,
                        "its orders depend on how many candles came before the start")]


@dataclass
class Fragility:
    """Compares the plain run's profit with what small changes leave of it."""

    request: Request
    prepared: Prepared

    def start(self, runs: ObservedRuns) -> None:
        """Begin the changed runs."""
        spec = self.prepared.spec
        runs.start("late", self.prepared.simulation(spec), Observe(late=True))
        if 0 < highest_fee(spec.account.fee) < 0.05:
            dearer = replace(spec, account=replace(spec.account, fee=_doubled(spec)))
            runs.start("fees", self.prepared.simulation(dearer))
        moved = spec.start + self._moved()
        if moved < spec.end:
            later = prepare(self.request, moved, spec.end)
            runs.start("moved", later.simulation(later.spec))

    def findings(self, runs: ObservedRuns, plain: RunRecord) -> list[Finding]:
        """Return what the runs tell; waits for them."""
        spec = self.prepared.spec
        changes = {"late": "seeing each candle one later", "fees": f"paying {fee_words(_doubled(spec), '.3f')} a fill",
                   "moved": f"starting at {utc_text(spec.start + self._moved())}"}
        before = _profit(plain)
        after: dict[str, float] = {}
        failures = []
        for name, words in changes.items():
            if not runs.has(name):
                continue
            try:
                after[name] = _profit(runs.record(name))
            except SimulationError as error:
                failures.append(f"{words[0].upper()}{words[1:]}, it failed: {error}")
        evidence = tuple(f"{words}: {after[name]:+.2f} %" for name, words in changes.items() if name in after)
        told = (f"Net profit as it is: {before:+.2f} %", *evidence)
        if failures:
            return [Finding("fragility", "warning", "A small change makes it fail.", (*failures, *told))]
        broken = [changes[name] for name, value in after.items() if before > 0 and value < before / 2]
        if broken:
            return [Finding("fragility", "warning", f"Half of its profit or more is gone by {' or by '.join(broken)}.",
                            told)]
        if not before > 0:
            return [Finding("fragility", "not checked", "It earned nothing that small changes could take.", told)]
        return [Finding("fragility", "passed", "Small changes leave most of what it earned.", told)]

    def _moved(self) -> int:
        """Return by how much the start is moved: at least three hours, so that candles of each timeframe stay whole."""
        spec = self.prepared.spec
        minutes = max(TIMEFRAME_MINUTES[timeframe] for timeframe in
                      (*(route.timeframe for route in spec.routes), *(route.timeframe for route in spec.data_routes)))
        return max(-(-180 // minutes), 1) * minutes * MINUTE_MS


def _doubled(spec: BacktestSpec) -> Fee:
    return each_fee(spec.account.fee, lambda fee: 2 * fee)


def _profit(record: RunRecord) -> float:
    return float(record.metrics["net_profit_percentage"])

