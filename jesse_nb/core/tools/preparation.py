"""From a request and a period to what can be simulated: its strategies and candles, found and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import jesse_version
from jesse_nb.core.simulator.data import resolve_candles
from jesse_nb.core.simulator.funding import constant_funding, stored_funding
from jesse_nb.core.simulator.spec import BacktestSpec, DataRoute, Route, check_funded
from jesse_nb.core.simulator.strategies.strategy import StrategyCode
from jesse_nb.core.times import TIMEFRAME_MINUTES, to_ms, unknown_timeframe
from jesse_nb.core.tools.candles.project_candles import bring_all, bring_missing
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import DatabaseMarket, Request
from jesse_nb.exceptions import CandlesNotFoundError, InputError, PeriodError, WarmUpError, did_you_mean, shown

__all__ = ["prepare"]


def prepare(request: Request, start: Any, end: Any) -> Prepared:
    """Find the strategies and candles of a request for a period.

    What the store lacks is copied from the project's database first, where the request's ``source`` allows it.

    Parameters
    ----------
    request
        What to trade, where, from which account.
    start, end
        The period, its end excluded: anything that :func:`~jesse_nb.core.times.to_ms` reads.

    Raises
    ------
    JesseNbError
        When the request or the period is wrong, or candles, warm-up candles or funding rates are missing.
    """
    if request.source == "database":
        bring_all(_new_markets(request), request.cache.store, request.project)
    return _funded(request, _with_missing(request, start, end))


def _with_missing(request: Request, start: Any, end: Any) -> Prepared:
    try:
        return _with_candles(request, start, end)
    except (CandlesNotFoundError, WarmUpError) as error:
        if request.source != "auto":
            raise
        if not bring_missing(error, _new_markets(request), request.cache.store, request.project):
            raise
    return _with_candles(request, start, end)


def _with_candles(request: Request, start: Any, end: Any) -> Prepared:
    if start is None or end is None:
        nowhere = not request.symbol and not request.routes
        market = "Name a market, too: its symbol (-s) and timeframe (-t)." if nowhere else ""
        raise PeriodError.of("start", "and end are needed.",
                             f"Write them as '2024-01-31'; the end is excluded. {market}".strip())
    begin, finish = to_ms(start, "start"), to_ms(end, "end")
    cache = request.cache
    codes, routes = zip(*_routes(request, cache.store), strict=True)
    spec = BacktestSpec(
        routes=routes,
        start=begin,
        end=finish,
        account=request.account(routes[0].exchange),
        data_routes=_data_routes(request, cache.store, routes[0].exchange),
        hyperparameters=dict(request.hyperparameters or {}),
        warm_up_candles=request.warm_up_candles,
        mode=request.mode,
        gaps=request.gaps,
        jesse_version=jesse_version(),
    )
    data = resolve_candles(
        [*spec.routes, *spec.data_routes], begin, finish,
        warm_up_candles=request.warm_up_candles, gaps=request.gaps, store=cache.store, cache=cache,
    )
    distinct = {code.ref.hash: code for code in codes}
    return Prepared(replace(spec, candles=data.slices), tuple(distinct.values()), data.mapped, cache)


def _funded(request: Request, prepared: Prepared) -> Prepared:
    """Return the same with the funding that was asked for."""
    spec = prepared.spec
    if request.funding is None:
        return prepared
    check_funded(spec.account)
    if isinstance(request.funding, float):
        return replace(prepared, spec=replace(spec, funding=constant_funding(
            spec.routes, spec.start, spec.end, request.funding)))
    funding, mapped = stored_funding(spec.routes, spec.start, spec.end, request.cache.store, prepared.mapped)
    return replace(prepared, spec=replace(spec, funding=funding), mapped=mapped)


def _new_markets(request: Request) -> list[DatabaseMarket]:
    """Return symbol and exchange of every route that the database was not asked for yet."""
    routes = [(None, request.symbol, request.timeframe)] if request.routes is None else request.routes
    traded = [_fields(route, ("strategy", "symbol", "timeframe"), request.exchange) for route in routes]
    watched = [_fields(route, ("symbol", "timeframe"), traded[0][-1]) for route in request.data_routes]
    return request.memory.new((str(symbol), exchange) for *_, symbol, _, exchange in [*traded, *watched]
                              if symbol is not None)


def _routes(request: Request, store: CandleStore) -> list[tuple[StrategyCode, Route]]:
    if request.routes is None:
        needed = {"strategy": request.strategy, "symbol": request.symbol, "timeframe": request.timeframe}
        for name, value in needed.items():
            if value is None:
                raise InputError.of(name, "is needed.", "Or give routes=[(strategy, symbol, timeframe), ...].")
        return [_route(request, tuple(needed.values()), store)]
    if request.symbol is not None or request.timeframe is not None:
        raise InputError("Give symbol and timeframe, or routes, not both.", argument="symbol")
    if not request.routes:
        raise InputError.of("routes", "is empty.", "It needs at least one (strategy, symbol, timeframe).")
    return [_route(request, route, store) for route in request.routes]


def _route(request: Request, route: Any, store: CandleStore) -> tuple[StrategyCode, Route]:
    strategy, symbol, timeframe, exchange = _fields(route, ("strategy", "symbol", "timeframe"), request.exchange)
    code = request.memory.code(strategy if strategy is not None else request.strategy, request.project)
    info = store.resolve(str(symbol), exchange)
    return code, Route(info.exchange, info.symbol, _timeframe(timeframe), code.ref)


def _data_routes(request: Request, store: CandleStore, exchange: str) -> tuple[DataRoute, ...]:
    watched = []
    for route in request.data_routes:
        symbol, timeframe, where = _fields(route, ("symbol", "timeframe"), exchange)
        info = store.resolve(str(symbol), where)
        watched.append(DataRoute(info.exchange, info.symbol, _timeframe(timeframe)))
    return tuple(watched)


def _timeframe(timeframe: Any) -> str:
    if not isinstance(timeframe, str) or timeframe not in TIMEFRAME_MINUTES:
        raise unknown_timeframe(timeframe)
    return str(timeframe)


def _fields(route: Any, names: tuple[str, ...], exchange: str | None) -> tuple[Any, ...]:
    """Read a route given as a dict, a tuple or a text; the exchange comes last, from the route or the default."""
    about = "routes" if "strategy" in names else "data_routes"
    if isinstance(route, Mapping):
        unknown = [field for field in route if field not in (*names, "exchange")]
        if unknown:
            raise InputError(f"A route has no field {shown(unknown[0])}.",
                             did_you_mean(unknown[0], [*names, "exchange"]), argument=about)
        return (*(route.get(name) for name in names), route.get("exchange") or exchange)
    if not isinstance(route, str | Sequence):
        raise InputError(f"The route is {shown(route)}.", f"Write ({', '.join(names)}).", argument=about)
    parts = tuple(route.replace(":", " ").split()) if isinstance(route, str) else tuple(route)
    if len(parts) not in (len(names), len(names) + 1):
        raise InputError(f"The route {shown(route)} has {len(parts)} parts.", f"Write ({', '.join(names)}).",
                         argument=about)
    return (*parts, exchange) if len(parts) == len(names) else parts
