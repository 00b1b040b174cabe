"""What a user asks a tool for: all of its arguments but the period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleCache, CandleStore
from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.simulator.fees import Fee
from jesse_nb.core.simulator.funding import checked_funding
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, Account, Gaps, Mode
from jesse_nb.core.simulator.strategies.strategy import StrategyCode, resolve_strategy
from jesse_nb.core.tools.candles.project_candles import SOURCES, Source
from jesse_nb.core.tools.resources import Resources
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["DatabaseMarket", "Request", "RequestMemory", "Source"]

DatabaseMarket = tuple[str, str | None]
"""Symbol and exchange as they were asked for; without an exchange, any that has the symbol."""


@dataclass(frozen=True)
class Request:
    """What to trade, where, from which account: all of a tool's arguments but its period.

    The arguments are those of :func:`~jesse_nb.core.tools.backtest.backtest.backtest`, but for ``resources``; and for
    ``memory``, which requests share that are made from each other with ``dataclasses.replace``.
    """

    strategy: Any = None
    symbol: str | None = None
    timeframe: str | None = None
    exchange: str | None = None
    routes: Sequence[Any] | None = None
    data_routes: Sequence[Any] = ()
    hyperparameters: Mapping[str, Any] | None = None
    balance: float = 10_000.0
    fee: Fee = 0.001
    slippage_bps: float = 0.0
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
    memory: RequestMemory = field(default_factory=lambda: RequestMemory(), repr=False, compare=False)

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
        names = [part.name for part in fields(cls) if part.name in given and part.name not in ("resources", "memory")]
        return cls(**{name: given[name] for name in names}, resources=resources).check()

    def account(self, exchange: str) -> Account:
        """Return the account that trades at an exchange; its kind is the exchange's own, where none was asked for."""
        return Account(self.balance, self.fee, self.market or usual_market(exchange), self.leverage,
                       self.leverage_mode, self.maintenance_margin, self.slippage_bps)

    @property
    def cache(self) -> CandleCache:
        """The cache of the store that the candles come from."""
        return self.memory.cache(self.candles or CandleStore())

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


class RequestMemory:
    """What was found for a request and for those made from it, so that nothing is looked up twice."""

    def __init__(self) -> None:
        self._codes: dict[str, StrategyCode] = {}
        self._caches: dict[Path, CandleCache] = {}
        self._asked_for: set[DatabaseMarket] = set()

    def code(self, strategy: Any, project: str | Path | None) -> StrategyCode:
        """Return a strategy's code; the same one for the same text."""
        code = resolve_strategy(strategy, project)
        return self._codes.setdefault(code.ref.hash, code)

    def cache(self, store: CandleStore) -> CandleCache:
        """Return the one cache of a store: it checks each mapped file once."""
        if store.root not in self._caches:
            self._caches[store.root] = CandleCache(store)
        return self._caches[store.root]

    def new(self, markets: Iterable[DatabaseMarket]) -> list[DatabaseMarket]:
        """Return those of some markets that a database was not asked for yet; from now on, it was."""
        new = [market for market in dict.fromkeys(markets) if market not in self._asked_for]
        self._asked_for.update(new)
        return new
