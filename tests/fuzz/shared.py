"""Plain strategies whose runs share a process, against the same runs in processes of their own."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.jobs.pool import LocalPool
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.strategies.plain.code import why_not_plain
from jesse_nb.core.simulator.strategies.plain.words import functions_of
from jesse_nb.exceptions import WorkerDiedError
from tests.simulator.both_paths import Case, bundled_cases, ramp_store

#: Of indicators that give a number or a line: the strategy trades on whether it has risen.
_INDICATOR = """
import jesse.indicators as ta
from jesse import utils
from jesse.strategies import Strategy

class Drawn(Strategy):
    def line(self, back):
        return ta.{name}({candles})
    def should_long(self):
        return self.line(1) < self.line(0)
    def should_short(self):
        return False
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.5, self.price, fee_rate=self.fee_rate), self.price
    def update_position(self):
        if not self.line(1) < self.line(0):
            self.liquidate()
    def should_cancel_entry(self):
        return True
"""
_WHOLE = "self.candles[:len(self.candles) - back]"


class Campaign:
    """Jesse's own strategies, and one of every indicator: all numbers and texts are the same to the last bit."""

    def __init__(self, folder: Path) -> None:
        self._store = ramp_store(folder / "candles")
        cases = itertools.chain(bundled_cases(market="futures", leverage=2, mode="fast"),
                                bundled_cases(market="spot", mode="step"))
        self._cases = [case for case in cases if not why_not_plain(case.arguments["strategy"])]
        self._indicators = [name for name in dir(jesse_module("jesse.indicators"))
                            if functions_of("jesse.indicators", name)]
        self._pool = LocalPool(1)

    def draw(self, random: Random) -> str:
        """Run one case alone, and some times in a shared process."""
        which = random.randrange(len(self._cases) + len(self._indicators))
        case = self._cases[which] if which < len(self._cases) else self._drawn(which - len(self._cases))
        simulation = case.simulation(self._store)
        spec = simulation.spec
        names = {"odd": 1, **spec.hyperparameters}
        trials = [replace(simulation, spec=replace(spec, hyperparameters=chosen))
                  for chosen in (spec.hyperparameters, spec.hyperparameters | names, spec.hyperparameters)]
        alone = [self._contents(replace(trial, recorded=True)) for trial in trials]
        shared = [self._contents(trial) for trial in trials * random.randint(1, 2)]
        wrong = [place for place, (one, other) in enumerate(zip(alone * 2, shared, strict=False)) if one != other]
        assert not wrong, (case.name, wrong, alone[wrong[0] % 3], shared[wrong[0]])
        return ("failing " if alone[0][0] else "") + ("indicators" if which >= len(self._cases) else "strategies")

    def close(self) -> None:
        """End the worker."""
        self._pool.stop()

    def _drawn(self, which: int) -> Case:
        name = self._indicators[which]
        return Case(name, {"strategy": _INDICATOR.format(name=name, candles=_WHOLE), "symbol": "BTC-USDT",
                           "timeframe": "5m", "warm_up_candles": 0}, "2021-01-01", "2021-01-01 20:00")

    def _contents(self, simulation: Simulation) -> tuple[Any, ...]:
        try:
            answer = self._pool.submit(simulation, 120, None).result(300)
        except WorkerDiedError as error:  # some of Jesse's indicators abort on short lines
            return type(error).__name__, str(error)
        if answer.value is None:
            return answer.failure, answer.message, answer.details
        return ("", *answer.value.pack()[:3], answer.value.output, answer.value.depends, repr(answer.value.audit))
