"""From what a user asks for to specs that can be simulated: shared by all tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleCache, CandleStore
from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.jesse_runtime import jesse_version
from jesse_nb.core.simulator.data import resolve_candles
from jesse_nb.core.simulator.funding import checked_funding, constant_funding, stored_funding
from jesse_nb.core.simulator.spec import (
    MAINTENANCE_MARGIN,
    Account,
    BacktestSpec,
    DataRoute,
    Gaps,
    Mode,
    Route,
    check_funded,
)
from jesse_nb.core.simulator.strategies.strategy import StrategyCode, resolve_strategy
from jesse_nb.core.times import TIMEFRAME_MINUTES, to_ms, unknown_timeframe
from jesse_nb.core.tools.candles.project_candles import SOURCES, Source, bring_all, bring_missing
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.resources import Resources
from jesse_nb.exceptions import CandlesNotFoundError, InputError, PeriodError, WarmUpError, did_you_mean, shown

__all__ = ["Request", "Source"]


@dataclass(frozen=True)
class Request:
    """What to trade, where, from which account: all of a tool's arguments but its period.

    The arguments are those of :func:`~jesse_nb.core.tools.backtest.backtest.backtest`, but for ``resources``.
    """

    strategy: Any = None
    symbol: str | None = None
    timeframe: str | None = None
    exchange: str | None = None
    routes: Sequence[Any] | None = None
    data_routes: Sequence[Any] = ()
    hyperparameters: Mapping[str, Any] | None = None
    balance: float = 10_000.0
    fee: float = 0.001
    market: Literal["futures", "spot"] | None = None
    leverage: int = 1
    leverage_mode: Literal["cross", "isolated"] = "cross"
    maintenance_margin: float = MAINTENANCE_MARGIN
    funding: float | str | None = None
    warm_up_candles: int = 240
    mode: Mode = "fast"
    gaps: Gaps = "fill"
    source: Source = "auto"
    project: str | Path | None = None
    candles: CandleStore | None = None
    resources: Resources = field(default_factory=Resources)
    _codes: dict[str, StrategyCode] = field(default_factory=dict, repr=False, compare=False)
    _caches: list[CandleCache] = field(default_factory=list, repr=False, compare=False)
    _brought: set[Any] = field(default_factory=set, repr=False, compare=False)

    @classmethod
    def of(cls, arguments: Mapping[str, Any], **changed: Any) -> Request:
        """Return the checked request of a tool's arguments, its ``locals()``; what is no part of a request is ignored.

        Parameters
        ----------
        arguments
            By name.
        **changed
            In place of some of them.
        """
        given = {**arguments, **changed}
        resources = Resources(**{part.name: given[part.name] for part in fields(Resources) if part.name in given})
        names = [part.name for part in fields(cls) if part.name in given and not part.name.startswith("_")]
        return cls(**{name: given[name] for name in names}, resources=resources).check()

    def prepare(self, start: Any, end: Any) -> Prepared:
        """Resolve strategies and candles for a period (anything :func:`~jesse_nb.core.times.to_ms` reads).

        What the store lacks is copied from the project's database first, where :attr:`source` allows it.
        """
        if self.source == "database":
            bring_all(self._new_markets(), self._cache().store, self.project)
        return self._funded(self._prepared(start, end))

    def _prepared(self, start: Any, end: Any) -> Prepared:
        try:
            return self._prepare(start, end)
        except (CandlesNotFoundError, WarmUpError) as error:
            if self.source != "auto":
                raise
            if not bring_missing(error, self._new_markets(), self._cache().store, self.project):
                raise
        return self._prepare(start, end)

    def _prepare(self, start: Any, end: Any) -> Prepared:
        if start is None or end is None:
            market = "Name a market, too: its symbol (-s) and timeframe (-t)." if not self.symbol and not self.routes \
                else ""
            raise PeriodError.of("start", "and end are needed.",
                                 f"Write them as '2024-01-31'; the end is excluded. {market}".strip())
        begin, finish = to_ms(start, "start"), to_ms(end, "end")
        cache = self._cache()
        series = cache.store
        routes = self._routes(series)
        spec = BacktestSpec(
            routes=routes,
            start=begin,
            end=finish,
            account=self.account(routes[0].exchange),
            data_routes=self._data_routes(series, routes[0].exchange),
            hyperparameters=dict(self.hyperparameters or {}),
            warm_up_candles=self.warm_up_candles,
            mode=self.mode,
            gaps=self.gaps,
            jesse_version=jesse_version(),
        )
        data = resolve_candles(
            [*spec.routes, *spec.data_routes], begin, finish,
            warm_up_candles=self.warm_up_candles, gaps=self.gaps, store=series, cache=cache,
        )
        used = {route.strategy.hash for route in routes}
        codes = tuple(code for code in self._codes.values() if code.ref.hash in used)
        return Prepared(replace(spec, candles=data.slices), codes, data.mapped, cache)

    def _funded(self, prepared: Prepared) -> Prepared:
        """Return the same with the funding that was asked for."""
        spec = prepared.spec
        if self.funding is None:
            return prepared
        check_funded(spec.account)
        if isinstance(self.funding, float):
            return replace(prepared, spec=replace(spec, funding=constant_funding(
                spec.routes, spec.start, spec.end, self.funding)))
        funding, mapped = stored_funding(spec.routes, spec.start, spec.end, self._cache().store, prepared.mapped)
        return replace(prepared, spec=replace(spec, funding=funding), mapped=mapped)

    def account(self, exchange: str) -> Account:
        """Return the account that trades at an exchange; its kind is the exchange's own, where none was asked for."""
        return Account(self.balance, self.fee, self.market or usual_market(exchange), self.leverage,
                       self.leverage_mode, self.maintenance_margin)

    def _cache(self) -> CandleCache:
        """Return the one cache of this request: it checks each mapped file once."""
        if not self._caches:
            self._caches.append(CandleCache(self.candles or CandleStore()))
        return self._caches[0]

    def _new_markets(self) -> list[tuple[str, str | None]]:
        """Return symbol and exchange of every route that the database was not asked for yet."""
        routes = [(None, self.symbol, self.timeframe)] if self.routes is None else self.routes
        traded = [_fields(route, ("strategy", "symbol", "timeframe"), self.exchange) for route in routes]
        watched = [_fields(route, ("symbol", "timeframe"), traded[0][-1]) for route in self.data_routes]
        markets = [(str(symbol), exchange) for *_, symbol, _, exchange in [*traded, *watched] if symbol is not None]
        new = [market for market in dict.fromkeys(markets) if market not in self._brought]
        self._brought.update(new)
        return new

    def check(self) -> Request:
        """Refuse what no period could mend, before anything starts."""
        self.resources.check()
        if self.funding is not None:
            object.__setattr__(self, "funding", checked_funding("funding", self.funding))
        if self.source not in SOURCES:
            raise InputError(f"source is {shown(self.source)}.", did_you_mean(str(self.source), SOURCES))
        if self.hyperparameters is not None and not isinstance(self.hyperparameters, Mapping):
            raise InputError(f"hyperparameters is {shown(self.hyperparameters)}.", "Write dict(name=value, ...).")
        for name in ("routes", "data_routes"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, str) or not isinstance(value, Sequence)):
                raise InputError.of(name, f"is {shown(value)}.", "It is a list with one entry a market.")
        return self

    def _routes(self, series: CandleStore) -> tuple[Route, ...]:
        if self.routes is None:
            for name, value in (("strategy", self.strategy), ("symbol", self.symbol), ("timeframe", self.timeframe)):
                if value is None:
                    raise InputError.of(name, "is needed.", "Or give routes=[(strategy, symbol, timeframe), ...].")
            return (self._route((self.strategy, self.symbol, self.timeframe), series),)
        if self.symbol is not None or self.timeframe is not None:
            raise InputError("Give symbol and timeframe, or routes, not both.", argument="symbol")
        if not self.routes:
            raise InputError.of("routes", "is empty.", "It needs at least one (strategy, symbol, timeframe).")
        return tuple(self._route(route, series) for route in self.routes)

    def _route(self, route: Any, series: CandleStore) -> Route:
        strategy, symbol, timeframe, exchange = _fields(route, ("strategy", "symbol", "timeframe"), self.exchange)
        code = self._code(strategy if strategy is not None else self.strategy)
        info = series.resolve(str(symbol), exchange)
        return Route(info.exchange, info.symbol, _timeframe(timeframe), code.ref)

    def _data_routes(self, series: CandleStore, exchange: str) -> tuple[DataRoute, ...]:
        found = []
        for route in self.data_routes:
            symbol, timeframe, where = _fields(route, ("symbol", "timeframe"), exchange)
            info = series.resolve(str(symbol), where)
            found.append(DataRoute(info.exchange, info.symbol, _timeframe(timeframe)))
        return tuple(found)

    def _code(self, strategy: Any) -> StrategyCode:
        code = resolve_strategy(strategy, self.project)
        return self._codes.setdefault(code.ref.hash, code)

    def code_of(self, prepared: Prepared) -> StrategyCode:
        """Return the first route's strategy."""
        return self._codes[prepared.spec.routes[0].strategy.hash]


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
