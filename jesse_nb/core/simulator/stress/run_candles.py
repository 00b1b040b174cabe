"""The candles that Jesse is given for a run: those that are stored, under stress where the spec says so."""

from __future__ import annotations

from collections.abc import Sequence

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.simulator.data import MappedSlice
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.simulator.stress.stressed_candles import stressed_markets

__all__ = ["run_candles"]


def run_candles(slices: Sequence[MappedSlice], spec: BacktestSpec) -> dict[tuple[str, str], tuple[Candles, Candles]]:
    """Return the one-minute candles of a run's warm-up and of its period, by exchange and symbol.

    What other candle pipelines than ``stress`` make of them is seen while Jesse runs.
    """
    first = (spec.routes[0].exchange, spec.routes[0].symbol)
    leader_first = sorted(slices, key=lambda part: (part.exchange, part.symbol) != first)
    stored = {(part.exchange, part.symbol): part.read() for part in leader_first}
    if spec.pipeline is None or spec.pipeline.name != "stress":
        return stored
    return stressed_markets(stored, spec.pipeline.settings, spec.start)
