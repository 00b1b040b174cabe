"""Running a finished result's spec again: the same strategy on the same candles, or with something changed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.funding import STORED
from jesse_nb.core.simulator.spec import BacktestSpec, StrategyRef
from jesse_nb.core.simulator.strategies.standalone import own_text
from jesse_nb.core.simulator.strategies.strategy import StrategyCode, code_of_source, read_strategy, resolve_strategy
from jesse_nb.core.simulator.strategies.strategy_hash import hash_source
from jesse_nb.core.simulator.strategies.strategy_registry import (
    is_registered,
    registered_strategies,
    registered_strategy,
)
from jesse_nb.core.tools.markets.share_strategy import text_within
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resources import Jobs, Resources
from jesse_nb.exceptions import CandlesError, StrategyError

__all__ = ["prepare_again", "request_again"]


def request_again(
    spec: BacktestSpec,
    *,
    strategy: Any = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    n_jobs: Jobs | None = None,
    code: StrategyCode | None = None,
) -> Request:
    """Return the request that a finished run's spec came from, all but its period.

    ``replace(request, fee=..., hyperparameters=...)`` changes parts of it. The strategy is one that this process
    was given before, or is given now; it is taken only when it is still, with its local modules, what had run.
    What a run store holds is not run because it lies there: somebody else may have written it.

    Parameters
    ----------
    spec
        Of the finished run.
    strategy
        The strategy, or a list of several, where this process was not given it yet: a class after the kernel's
        restart, ``spec.routes[0].strategy.source`` of a run from the run store, once you have read it.
    project, candles, store, trial_timeout, memory_limit, n_jobs
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`; a result does not know where they were. A
        ``project`` that is named may run its own strategies.
    code
        In place of the strategy that had run, on each of its routes: then what had run is not looked for.

    Raises
    ------
    StrategyError
        When the strategy was not given to this process, cannot be found again, or has changed since.
    """
    for given in strategy if isinstance(strategy, Sequence) and not isinstance(strategy, str) else [strategy]:
        if given is not None:
            _check_asked_for(resolve_strategy(given, project), given, spec)
    account = spec.account
    return Request(
        routes=[(code or _found_again(route.strategy, project), route.symbol, route.timeframe, route.exchange)
                for route in spec.routes],
        data_routes=[(route.symbol, route.timeframe, route.exchange) for route in spec.data_routes],
        hyperparameters=dict(spec.hyperparameters), balance=account.balance, fee=account.fee,
        slippage_bps=account.slippage_bps, market=account.market, leverage=account.leverage,
        leverage_mode=account.leverage_mode, maintenance_margin=account.maintenance_margin,
        warm_up_candles=spec.warm_up_candles, funding=_funding_of(spec), mode=spec.mode, gaps=spec.gaps,
        project=project, candles=candles,
        resources=Resources(store, trial_timeout, memory_limit, n_jobs),
    ).check()


def prepare_again(request: Request, spec: BacktestSpec, start: Any = None, end: Any = None) -> Prepared:
    """Return what a worker needs to run a spec again, over its own period or another.

    Parameters
    ----------
    request
        What :func:`request_again` gave for the spec, changed or not.
    spec
        Of the finished run; the candle pipeline is its.
    start, end
        In place of its period: anything that :func:`~jesse_nb.core.times.to_ms` reads.

    Raises
    ------
    CandlesError
        When the stored candles of its own period are not those it ran on.
    """
    begin, finish = (spec.start if start is None else start), (spec.end if end is None else end)
    prepared = prepare(request, begin, finish)
    found = prepared.spec
    if (found.start, found.end, found.warm_up_candles) == (spec.start, spec.end, spec.warm_up_candles):
        for now, then in zip(found.candles, spec.candles, strict=True):
            if now.fingerprint != then.fingerprint:
                raise CandlesError(f"The stored candles of {now.symbol} on {now.exchange} are not those of this run.",
                                   "Give candles=CandleStore(folder) where they are elsewhere, "
                                   "or repeat the run on these.")
        for rates, before in zip(found.funding, spec.funding, strict=True):
            if rates != before:
                raise CandlesError(f"The stored funding rates of {rates.symbol} on {rates.exchange} are not those of "
                                   "this run.", "Repeat the run on these.")
    return replace(prepared, spec=replace(found, pipeline=spec.pipeline))


def _funding_of(spec: BacktestSpec) -> float | str | None:
    """Return the funding that was asked for."""
    if not spec.funding:
        return None
    return STORED if spec.funding[0].rate is None else spec.funding[0].rate


def _found_again(ref: StrategyRef, project: str | Path | None) -> StrategyCode:
    """Return a strategy that still is what its reference says, and that the user wants to be run."""
    known = registered_strategy(ref.hash) or _share_of_known(ref)
    if known is None:
        _check_word(ref, project)
    given, folder = known or (code_of_source(ref.name, ref.source) if ref.kind == "source" else ref.name, project)
    code = read_strategy(given, folder if project is None else project)
    if (_hash_now(code) if code is given else code.ref.hash) != ref.hash:
        raise _changed(ref)
    return code


def _check_word(ref: StrategyRef, project: str | Path | None) -> None:
    """Refuse what only a store, or a result from elsewhere, says: text that anybody can have written there."""
    if ref.kind == "notebook":
        raise StrategyError(f"The class {ref.name} of this run is not known to this kernel.",
                            f"Run the cell that defines it, then give it: strategy={ref.name}.")
    if is_registered(ref.hash) or (ref.kind == "project" and project is not None):
        return
    advice = (f"Read it (spec.routes[0].strategy.source of the result), then give that text, or your own {ref.name}: "
              "strategy=..." if ref.kind == "source" else f"Give it, strategy={ref.name!r}, or project=FOLDER.")
    raise StrategyError(f"The strategy {ref.name} was not given in this session, so the stored run's code is not run.",
                        advice)


def _share_of_known(ref: StrategyRef) -> tuple[Any, str | Path | None] | None:
    """Return a portfolio's class around a strategy that this process was given, now given, too; None if it is none."""
    for given, project in registered_strategies() if _own_within(ref) is not None else ():
        if isinstance(given, type) and given.__name__ != ref.name:
            continue
        with contextlib.suppress(StrategyError):  # its text, or its file, is gone
            if _is_share_of(ref, read_strategy(given, project), given):
                return registered_strategy(ref.hash)
    return None


def _is_share_of(ref: StrategyRef, code: StrategyCode, given: Any) -> bool:
    """Tell whether a portfolio made ``ref`` of just this strategy; then this process may run it."""
    own = _own_within(ref)
    if own is None or code.ref.name != ref.name or _own_within(code.ref) is not None:
        return False
    if own_text(code.ref, given, f"{ref.name}Alone") != own:
        return False
    made = code_of_source(ref.name, ref.source, search=code.search)
    if made.ref.hash != ref.hash:
        return False
    resolve_strategy(replace(made, search=(*([code.project] if code.project else []), *code.search)))
    return True


def _own_within(ref: StrategyRef) -> str | None:
    return text_within(ref.source, f"{ref.name}Alone", ref.name)


def _hash_now(code: StrategyCode) -> str:
    """Hash a strategy that was given ready-made: its text is what it was, its local modules may not be."""
    if code.ref.kind == "source":
        return hash_source(code.ref.source, search=code.search)
    return read_strategy(code.ref.name, code.project).ref.hash if code.ref.kind == "project" else code.ref.hash


def _check_asked_for(code: StrategyCode, given: Any, spec: BacktestSpec) -> None:
    refs = [route.strategy for route in spec.routes]
    if code.ref.hash not in {ref.hash for ref in refs} and not sum(_is_share_of(ref, code, given) for ref in refs):
        raise _changed(next((ref for ref in refs if ref.name == code.ref.name), refs[0]))


def _changed(ref: StrategyRef) -> StrategyError:
    return StrategyError(f"The strategy {ref.name}, or something it uses, has changed since this run.",
                         "Undo the change, or run it as it is now and go on from that result.")
