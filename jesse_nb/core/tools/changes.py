"""Whether a finished run's strategy, candles and funding rates are still what they were."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from jesse_nb.core.candles import CandleCache, CandleStore
from jesse_nb.core.simulator.data import resolve_candles
from jesse_nb.core.simulator.spec import BacktestSpec, StrategyRef
from jesse_nb.core.simulator.strategies.strategy import project_strategies, read_strategy
from jesse_nb.core.simulator.strategies.strategy_hash import hash_class, hash_source
from jesse_nb.core.simulator.strategies.strategy_registry import registered_strategy
from jesse_nb.exceptions import JesseNbError

__all__ = ["changed_strategies", "changes_since"]


def changes_since(spec: BacktestSpec, candles: CandleStore | None = None) -> tuple[str, ...]:
    """Name what differs now from what ran: the strategies' code, the stored candles and funding rates.

    What cannot be looked up here (a class that this kernel never saw, candles that are not stored) is not
    said to have changed.

    Parameters
    ----------
    spec
        Of the finished run.
    candles
        Where its candles are stored; by default the usual place.

    Returns
    -------
    tuple of str
        One sentence a change; empty when none is known.
    """
    changed = [f"The strategy {name}, or something it uses, has changed since this run."
               for name in changed_strategies(route.strategy for route in spec.routes)]
    store = candles or CandleStore()
    return (*changed, *_changed_candles(spec, store), *_changed_funding(spec, store))


def changed_strategies(refs: Iterable[StrategyRef]) -> tuple[str, ...]:
    """Return the names of those strategies whose code is another by now."""
    distinct = {ref.hash: ref for ref in refs}.values()
    return tuple(ref.name for ref in distinct if _hash_now(ref) not in ("", ref.hash))


def _hash_now(ref: StrategyRef) -> str:
    """Hash the strategy as it is now; empty where it cannot be found."""
    try:
        if ref.kind == "notebook":
            return _hash_of_class(ref)
        known = registered_strategy(ref.hash)
        if ref.kind == "project":
            name, folder = known if known is not None and isinstance(known[0], str) else (ref.name, None)
            return read_strategy(name, folder).ref.hash if name in project_strategies(folder) else ""
        # where else it ran, its local modules may lie in other folders
        return hash_source(ref.source) if known is not None and isinstance(known[0], str) else ""
    except Exception:  # noqa: BLE001 - the user's own code is looked at: a report must not fail because of it
        return ""


def _hash_of_class(ref: StrategyRef) -> str:
    """Hash the class that has the strategy's name by now, where that was defined."""
    known = registered_strategy(ref.hash)
    given: Any = known[0] if known is not None else None
    module = sys.modules.get(given.__module__ if isinstance(given, type) else "__main__")
    newest = getattr(module, ref.name, None)
    return hash_class(newest) if isinstance(newest, type) else ""


def _changed_candles(spec: BacktestSpec, store: CandleStore) -> list[str]:
    try:
        found = resolve_candles([*spec.routes, *spec.data_routes], spec.start, spec.end,
                                warm_up_candles=spec.warm_up_candles, gaps=spec.gaps, store=store,
                                cache=CandleCache(store))
    except (JesseNbError, OSError):
        return []
    then = {(part.exchange, part.symbol): part.fingerprint for part in spec.candles}
    return [f"The stored candles of {now.symbol} on {now.exchange} are not those of this run." for now in found.slices
            if then.get((now.exchange, now.symbol), now.fingerprint) != now.fingerprint]


def _changed_funding(spec: BacktestSpec, store: CandleStore) -> list[str]:
    changed = []
    for then in spec.funding:
        try:
            now = store.funding(then.exchange, then.symbol) if then.fingerprint else None
        except (JesseNbError, OSError):
            continue
        if now is not None and now.rates.within(spec.start, spec.end).fingerprint != then.fingerprint:
            changed.append(f"The stored funding rates of {then.symbol} on {then.exchange} are not those of this run.")
    return changed
