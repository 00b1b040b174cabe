"""Replays of another market's path: what a run's markets would have done, had they moved as it did, times a beta."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.candles.series import SYNTHETIC_MARK, Candles
from jesse_nb.core.simulator.funding import STORED
from jesse_nb.core.simulator.stress.stressed_candles import scaled
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.risk.scenarios import Scenario

__all__ = ["prepare_scaled"]


def prepare_scaled(scenario: Scenario, request: Request, own: Prepared) -> Prepared:
    """Return what a worker needs for a replay on made candles, which are kept in a folder as long as this is.

    When the replay begins, each market of the run is at the price that it had at the run's start. The candles are
    marked as made, so that no report takes them for the market's own; rates of funding are not made with them.

    Parameters
    ----------
    scenario
        With a period, a source and a beta.
    request
        What repeats the run.
    own
        The run.

    Raises
    ------
    CandlesError
        When the other market's candles of that time, warm-up included, are not stored.
    """
    assert scenario.period is not None
    store, spec = request.candles or CandleStore(), own.spec
    found = store.resolve(scenario.source, spec.routes[0].exchange if request.candles is not None else None)
    warm_up = spec.warm_up_candles * max(TIMEFRAME_MINUTES[timeframe] for timeframe in spec.timeframes)
    first = scenario.period[0] - warm_up * MINUTE_MS
    longest = max(TIMEFRAME_MINUTES[timeframe] for timeframe in spec.timeframes) * MINUTE_MS
    path = store.read(found.exchange, found.symbol, max(first - longest, min(found.start, first)),
                      scenario.period[1])
    folder = Path(tempfile.mkdtemp(prefix="jesse-nb-replay-"))
    made = CandleStore(folder)
    for part in own.mapped:
        _, within = part.read()
        moved: Candles = scaled(path, scenario.beta, 1.0)
        begin = min(int(np.searchsorted(path[:, 0], scenario.period[0])), len(path) - 1)
        moved[:, 1:5] *= within[0, 1] / moved[begin, 1]
        made.write(_marked(part.exchange), part.symbol, moved, source=f"made: {scenario}")
    again = replace(
        request, candles=made, source="store",
        routes=[(strategy, symbol, timeframe, _marked(exchange))
                for strategy, symbol, timeframe, exchange in request.routes or ()],
        data_routes=[(symbol, timeframe, _marked(exchange)) for symbol, timeframe, exchange in request.data_routes],
        funding=None if request.funding == STORED else request.funding)
    prepared = prepare(again, *scenario.period)
    weakref.finalize(prepared.cache, shutil.rmtree, folder, ignore_errors=True)
    return prepared


def _marked(exchange: str) -> str:
    return exchange if exchange.endswith(SYNTHETIC_MARK) else f"{exchange} {SYNTHETIC_MARK}"
