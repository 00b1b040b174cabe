"""What to simulate: a complete, validated, hashable and JSON-able description.

A backtest is a pure function of its spec. Two specs with the same
:attr:`BacktestSpec.key` give the same result, so the key is what the run store
files results under, and what makes a run resumable.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from numbers import Integral, Real
from typing import Any, Literal

from jesse_nb.core.candles.series import SYNTHETIC_MARK
from jesse_nb.core.simulator.fees import Fee, checked_fee, fee_of, fee_of_run, mean_fee
from jesse_nb.core.simulator.market_data import CandleSlice, Funding
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.exceptions import InputError, PeriodError, did_you_mean, shown

__all__ = ["MAINTENANCE_MARGIN", "Account", "BacktestSpec", "DataRoute", "Route",
           "StrategyRef", "check_funded"]

#: A fraction of the value of open positions, as Jesse has it on isolated margin.
MAINTENANCE_MARGIN = 0.004

#: Basis points of a fill's value.
_MOST_SLIPPAGE = 1_000

Mode = Literal["fast", "step"]
Gaps = Literal["fill", "keep"]


@dataclass(frozen=True)
class StrategyRef:
    """Which strategy, by content.

    Attributes
    ----------
    name
        The class's name.
    kind
        ``notebook`` (a live class), ``source`` (text) or ``project`` (a folder in a Jesse project).
    hash
        Hash of the source, of what it refers to and of the local modules it imports.
    source
        The text that was hashed, for the record; empty where it could not be found.
    """

    name: str
    kind: Literal["notebook", "source", "project"]
    hash: str
    source: str = ""


@dataclass(frozen=True)
class Route:
    """One market that is traded, and by which strategy."""

    exchange: str
    symbol: str
    timeframe: str
    strategy: StrategyRef


@dataclass(frozen=True)
class DataRoute:
    """One market that is only looked at."""

    exchange: str
    symbol: str
    timeframe: str


@dataclass(frozen=True)
class Account:
    """The account that trades.

    Attributes
    ----------
    balance
        Starting balance in the quote currency.
    fee
        Fee of one fill as a fraction of its value: 0.001 is 0.1 %. One for all markets, or one for each, by symbol.
    market
        ``futures`` or ``spot``. Spot cannot go short.
    leverage
        Futures only; 1 means none.
    leverage_mode
        Futures only: ``cross`` or ``isolated``.
    maintenance_margin
        Futures on cross margin only: the fraction of the value of all open positions that the account's equity must
        stay above, or it is ruined. Exchanges ask for more of larger positions; Jesse knows it for isolated margin
        only, where it is 0.004 (0.4 %).
    slippage_bps
        How much worse than its price each fill is, in basis points (0.01 %) of its value. It is charged as a fee is,
        so that sizes, balance, equity and the trades' profits see it.
    """

    balance: float = 10_000.0
    fee: Fee = 0.001
    market: Literal["futures", "spot"] = "futures"
    leverage: int = 1
    leverage_mode: Literal["cross", "isolated"] = "cross"
    maintenance_margin: float = MAINTENANCE_MARGIN
    slippage_bps: float = 0.0

    def __post_init__(self) -> None:
        for name in ("balance", "maintenance_margin", "slippage_bps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise InputError(f"{name} must be a number, not {shown(value)}.")
            object.__setattr__(self, name, float(value))
        if not (math.isfinite(self.balance) and self.balance > 0):
            raise InputError(f"The starting balance must be above zero, not {shown(self.balance)}.", argument="balance")
        object.__setattr__(self, "fee", checked_fee("fee", self.fee))
        if not 0 <= self.slippage_bps <= _MOST_SLIPPAGE:
            raise InputError.of("slippage_bps", f"is {shown(self.slippage_bps)}.",
                                f"It is in basis points of a fill's value, from 0 to {_MOST_SLIPPAGE:,}: 5 for 0.05 %.")
        if not 0 <= self.maintenance_margin < 1:
            raise InputError("The maintenance margin is a fraction of the value of open positions, from 0 up to 1, "
                             f"not {self.maintenance_margin!r}.", "0.4 % is 0.004.", argument="maintenance_margin")
        if self.market not in ("futures", "spot"):
            raise InputError(f"The market is 'futures' or 'spot', not {shown(self.market)}.", argument="market")
        if self.leverage_mode not in ("cross", "isolated"):
            raise InputError(f"The leverage mode is 'cross' or 'isolated', not {shown(self.leverage_mode)}.",
                             argument="leverage_mode")
        if not _is_whole(self.leverage, 1):
            raise InputError(f"The leverage is a whole number from 1 up, not {self.leverage!r}.", argument="leverage")
        object.__setattr__(self, "leverage", int(self.leverage))
        if self.market == "spot" and self.leverage != 1:
            raise InputError(f"A spot account has no leverage, but leverage is {self.leverage}.",
                             "Leave it out, or use market='futures'.", argument="leverage")

    def fee_of(self, symbol: str) -> float:
        """Return the fee of a market's fills, as a fraction of their value."""
        return fee_of(self.fee, symbol)

    def fill_cost(self, symbol: str) -> float:
        """Return what a fill costs on a market, fee and slippage, as a fraction of its value."""
        return self.fee_of(symbol) + self.slippage_bps / 10_000.0

    def mean_fill_cost(self, traded: Mapping[str, float]) -> float:
        """Return what a fill costs on average, where so much was traded of each market (quote currency)."""
        return mean_fee(self.fee, traded) + self.slippage_bps / 10_000.0


def check_funded(account: Account) -> None:
    """Refuse funding on a spot account."""
    if account.market == "spot":
        raise InputError.of("funding", "is paid on futures, and the account's market is 'spot'.",
                            "Leave it out, or use market='futures'.")


@dataclass(frozen=True)
class BacktestSpec:
    """Everything that one simulation depends on.

    Attributes
    ----------
    routes, data_routes
        Markets traded and markets watched.
    start, end
        The traded period, milliseconds UTC, end excluded.
    account
        Balance, costs of a fill, market and leverage. Fees by market are those of the routes, one fee where all are
        alike.
    hyperparameters
        Values by name; those not named keep the strategy's own defaults.
    warm_up_candles
        Candles of the route's timeframe that the strategy sees before ``start``.
    mode
        ``fast`` or ``step``. Trades and profit are the same; Jesse samples equity one candle
        after each whole day in fast mode and one minute after it in step mode, so ratios of
        the samples differ, often by more than a tenth: compare only within one mode.
    gaps
        ``fill`` (flat, zero-volume candles) or ``keep`` (replayed sparsely).
    candles
        The data, by content: one slice a series.
    jesse_version
        The simulator's version.
    pipeline
        How the candles are rewritten while it runs; None where they are simulated as they are.
    funding
        What holding positions costs, one for each traded market; empty for nothing.
    """

    routes: tuple[Route, ...]
    start: int
    end: int
    account: Account = field(default_factory=Account)
    data_routes: tuple[DataRoute, ...] = ()
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    warm_up_candles: int = 240
    mode: Mode = "fast"
    gaps: Gaps = "fill"
    candles: tuple[CandleSlice, ...] = ()
    jesse_version: str = ""
    pipeline: CandlePipeline | None = None
    funding: tuple[Funding, ...] = ()

    def __post_init__(self) -> None:
        if not self.routes:
            raise InputError("A backtest needs at least one route.")
        markets: tuple[Route | DataRoute, ...] = (*self.routes, *self.data_routes)
        for route in markets:
            if route.timeframe not in TIMEFRAME_MINUTES:
                raise PeriodError(f"Unknown timeframe {shown(route.timeframe)}.",
                                  did_you_mean(route.timeframe, TIMEFRAME_MINUTES), argument="timeframe")
        for name in ("start", "end"):
            moment = getattr(self, name)
            if not _is_whole(moment, 0) or moment % MINUTE_MS:
                raise PeriodError(f"The spec's {name} is {shown(moment)}.",
                                  "It is whole minutes, in milliseconds since 1970.")
            object.__setattr__(self, name, int(moment))
        if self.start >= self.end:
            raise PeriodError(f"The end ({utc_text(self.end)}) must come after "
                              f"the start ({utc_text(self.start)}).", argument="end")
        if not _is_whole(self.warm_up_candles, 0):
            raise InputError.of("warm_up_candles", f"is a whole number from 0 up, not {shown(self.warm_up_candles)}.")
        object.__setattr__(self, "warm_up_candles", int(self.warm_up_candles))
        if self.mode not in ("fast", "step"):
            raise InputError(f"The mode is 'fast' or 'step', not {shown(self.mode)}.", argument="mode")
        if self.gaps not in ("fill", "keep"):
            raise InputError.of("gaps", f"is 'fill' or 'keep', not {shown(self.gaps)}.")
        traded = [(route.exchange, route.symbol) for route in self.routes]
        if len(set(traded)) < len(traded):
            raise InputError("Each symbol can be traded by one route only.",
                             "Jesse allows one strategy a market.", argument="routes")
        exchanges = sorted({route.exchange for route in markets})
        if len(exchanges) > 1:
            raise InputError(f"All routes, those only watched too, must be on one exchange, not {exchanges}.",
                             "Jesse simulates one exchange at a time; import the candles under one name.",
                             argument="data_routes")
        quotes = {symbol.rsplit("-", 1)[-1] for _, symbol in traded}
        if len(quotes) > 1:
            raise InputError(f"All traded symbols must share one quote currency, not {sorted(quotes)}.",
                             argument="routes")
        fee = fee_of_run(self.account.fee, (symbol for _, symbol in traded))
        if fee is not self.account.fee:
            object.__setattr__(self, "account", replace(self.account, fee=fee))
        if not isinstance(self.pipeline, CandlePipeline | None):
            raise InputError(f"The pipeline is {shown(self.pipeline)}.", "It is a CandlePipeline, or None.")
        if self.funding:
            check_funded(self.account)
        object.__setattr__(self, "hyperparameters", {str(name): _plain(name, value) for name, value
                                                     in self.hyperparameters.items()})

    @cached_property
    def key(self) -> str:
        """Hash of all that the result depends on (32 hexadecimal digits)."""
        return hashlib.blake2b(self._filled_in(self._texts[1]).encode(), digest_size=16).hexdigest()

    @property
    def strategy_names(self) -> str:
        """Names of the routes' strategies, each once: ``Trend and Reversal``."""
        return " and ".join(dict.fromkeys(route.strategy.name for route in self.routes))

    @property
    def timeframes(self) -> frozenset[str]:
        """The timeframes of all routes, those only watched too."""
        markets: tuple[Route | DataRoute, ...] = (*self.routes, *self.data_routes)
        return frozenset(route.timeframe for route in markets)

    @property
    def synthetic(self) -> bool:
        """Whether any of its candles were generated, not traded."""
        return self.pipeline is not None or any(part.exchange.endswith(SYNTHETIC_MARK) for part in self.candles)

    @property
    def expanded_from(self) -> str:
        """The longest timeframe of which any of its candles were made; empty where all minutes were known."""
        return max((part.expanded_from for part in self.candles),
                   key=lambda timeframe: TIMEFRAME_MINUTES.get(timeframe, 0), default="")

    def __hash__(self) -> int:
        # Not of the key: equal specs may differ in it, as 10 and 10.0 are equal.
        return hash((self.routes, self.start, self.end, frozenset(self.hyperparameters.items())))

    def __getstate__(self) -> dict[str, Any]:
        # Specs travel to workers, which have no use for the texts.
        return {name: value for name, value in self.__dict__.items() if name != "_texts"}

    def with_hyperparameters(self, values: Mapping[str, Any]) -> BacktestSpec:
        """Return the same spec with other hyperparameters."""
        changed = replace(self, hyperparameters=dict(values))
        changed.__dict__["_texts"] = self._texts  # a study asks for hundreds that differ in nothing else
        return changed

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists, strings and numbers."""
        content = asdict(self)
        content["routes"] = list(content["routes"])
        content["data_routes"] = list(content["data_routes"])
        content["candles"] = list(content["candles"])
        for part in content["candles"]:
            part["sources"] = list(part["sources"])
        content["funding"] = list(content["funding"])
        if not self.funding:
            del content["funding"]
        if self.pipeline is None:
            del content["pipeline"]  # so that the keys are those of specs that knew of none
        if self.account.maintenance_margin == MAINTENANCE_MARGIN:
            del content["account"]["maintenance_margin"]
        if not self.account.slippage_bps:
            del content["account"]["slippage_bps"]
        return content

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no spaces."""
        return self._filled_in(self._texts[0])

    @cached_property
    def _texts(self) -> tuple[str, str]:
        """All but the hyperparameters as JSON: as :meth:`to_json` writes it, and what the key is a hash of."""
        content = {**self.to_dict(), "hyperparameters": {}}
        whole = _canonical(content)
        for route in content["routes"]:
            route["strategy"] = route["strategy"]["hash"]
        for part in content["candles"]:
            part.pop("sources", None)
        return whole, _canonical(content)

    def _filled_in(self, text: str) -> str:
        # Within a string of the JSON, source code for example, the quotes are escaped.
        return text.replace(_NO_HYPERPARAMETERS, f'"hyperparameters":{_canonical(self.hyperparameters)}', 1)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BacktestSpec:
        """Build a spec from what :meth:`to_dict` returned.

        Raises
        ------
        InputError
            When a field is missing, unknown or invalid.
        """
        try:
            return cls(
                **{
                    **content,
                    "routes": tuple(Route(**{**route, "strategy": StrategyRef(**route["strategy"])})
                                    for route in content["routes"]),
                    "data_routes": tuple(DataRoute(**route) for route in content["data_routes"]),
                    "account": Account(**content["account"]),
                    "candles": tuple(CandleSlice(**part) for part in content["candles"]),
                    "pipeline": CandlePipeline(**content["pipeline"]) if content.get("pipeline") else None,
                    "funding": tuple(Funding(**one) for one in content.get("funding", ())),
                }
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"This is not a backtest spec: {error}.") from error

    @classmethod
    def from_json(cls, text: str) -> BacktestSpec:
        """Build a spec from what :meth:`to_json` returned."""
        try:
            content = json.loads(text)
        except ValueError as error:
            raise InputError(f"This is not JSON: {error}.") from error
        if not isinstance(content, dict):
            raise InputError("This is not a backtest spec: a JSON object is expected.")
        return cls.from_dict(content)


_NO_HYPERPARAMETERS = '"hyperparameters":{}'


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _is_whole(value: Any, least: int) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least


def _plain(name: str, value: Any) -> Any:
    """Turn NumPy scalars, enumerations and the like into Python's own; refuse what JSON cannot hold."""
    value = value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    raise InputError(f"The hyperparameter {shown(name)} is {shown(value)}.",
                     "Hyperparameters are finite numbers, strings, booleans or None.", argument="hyperparameters")
