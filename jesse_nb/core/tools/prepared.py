"""A period of a request, resolved: all that a worker needs to simulate it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from jesse_nb.core.candles import CandleCache
from jesse_nb.core.simulator.data import MappedSlice
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.simulator.strategies.strategy import StrategyCode

__all__ = ["Prepared"]


@dataclass(frozen=True)
class Prepared:
    """A spec with all that a worker needs to run it, under any hyperparameters, account, mode or pipeline."""

    spec: BacktestSpec
    codes: tuple[StrategyCode, ...]
    mapped: tuple[MappedSlice, ...]
    cache: CandleCache | None = field(default=None, repr=False, compare=False)

    @property
    def first_code(self) -> StrategyCode:
        """The strategy of the first route."""
        return next(code for code in self.codes if code.ref.hash == self.spec.routes[0].strategy.hash)

    def simulation(self, spec: BacktestSpec) -> Simulation:
        """Return what a worker needs for ``spec``, which is of the same strategies and candles as mine."""
        for part in self.mapped:  # somebody may have emptied the cache since this job began
            if self.cache is not None and not os.path.exists(part.path):  # noqa: PTH110 - for each of many runs
                self.cache.path(part.exchange, part.symbol, spec.gaps)
        return Simulation(spec, self.codes, self.mapped)
