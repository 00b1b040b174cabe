"""Results of a portfolio as one run: their routes in one account, each with its share of the money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.simulator.fees import MarketFees
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import Account, BacktestSpec, Route
from jesse_nb.core.simulator.strategies.own_values import default_hyperparameters
from jesse_nb.core.simulator.strategies.standalone import own_text
from jesse_nb.core.simulator.strategies.strategy import StrategyCode, code_of_source, resolve_strategy
from jesse_nb.core.simulator.strategies.strategy_registry import registered_strategy
from jesse_nb.core.tools.analyze.analyzed_run import analyzed_run
from jesse_nb.core.tools.markets.return_series import Named
from jesse_nb.core.tools.markets.share_strategy import share_text
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resimulate.rerun import request_again
from jesse_nb.core.tools.trials import describe_strategy
from jesse_nb.exceptions import InputError

__all__ = ["SharedAccount", "backtests_of", "shared_account"]

_ADVICE = "mode='accounts' holds them together all the same."

#: What one account has once: an argument of a backtest, and what it is called.
_OF_ACCOUNT = {"market": "kind of account", "slippage_bps": "slippage", "leverage": "leverage",
               "leverage_mode": "leverage mode", "maintenance_margin": "maintenance margin"}


@dataclass(frozen=True)
class SharedAccount:
    """What a simulation of several results in one account starts from.

    Attributes
    ----------
    request
        All but its routes and its period.
    parts
        By the result's name: its spec.
    codes
        The strategies as they were, by hash.
    """

    request: Request
    parts: dict[str, BacktestSpec]
    codes: dict[str, StrategyCode]

    def prepare(self, weights: pd.DataFrame, start: int, end: int) -> Prepared:
        """Return the one run.

        Parameters
        ----------
        weights
            Columns the parts; index the moments from which they hold, the first at the start.
        start, end
            Milliseconds UTC, end excluded.
        """
        moments = [0, *(int(moment.value // 1_000_000) for moment in weights.index[1:])]
        shares = {name: [float(share) for share in weights[name]] for name in self.parts}
        symbols = {route.symbol: name for name, spec in self.parts.items() for route in spec.routes}
        routes = [(self._with_share(spec, route, moments, shares, symbols), route.symbol, route.timeframe,
                   route.exchange) for spec in self.parts.values() for route in spec.routes]
        return prepare(replace(self.request, routes=routes), start, end)

    def _with_share(
        self, spec: BacktestSpec, route: Route, moments: list[int], shares: dict[str, list[float]],
        symbols: dict[str, str],
    ) -> StrategyCode:
        code = self.codes[route.strategy.hash]
        given, _ = registered_strategy(code.ref.hash) or (None, None)
        values = dict(spec.hyperparameters)
        if values:  # a worker is asked: to load code here would put its modules in place of the user's
            own = default_hyperparameters(given, route) if isinstance(given, type) else \
                describe_strategy(local_pool(), code, lambda: False, route).defaults
            values = {**own, **values}
        alone = f"{code.ref.name}Alone"
        text = share_text(own_text(code.ref, given, alone), alone, code.ref.name, moments, shares, symbols, values)
        made = code_of_source(code.ref.name, text, search=code.search)
        return resolve_strategy(replace(made, search=(*([code.project] if code.project else []), *code.search)))


def backtests_of(named: Sequence[Named]) -> list[BacktestResult]:
    """Return the backtest that each of several results is.

    Raises
    ------
    InputError
        When one is none: a walk-forward, whose values change from window to window, a portfolio, or a curve.
    """
    found = []
    for pair in named:
        read = None if isinstance(pair.value, pd.Series) else analyzed_run(pair.value)
        if read is None or read.backtest is None:
            kind = "a series of equity" if read is None else f"a {type(pair.value).__name__}"
            raise InputError.of("results", f"holds {pair.name + ', ' if pair.name else ''}{kind}, and one run is "
                                "simulated of backtests.", f"Give backtests, or the tests of studies. {_ADVICE}")
        found.append(read.backtest)
    return found


def shared_account(names: Sequence[str], runs: Sequence[BacktestResult], balance: float, **given: Any) -> SharedAccount:
    """Return what one run of several results starts from.

    Parameters
    ----------
    names, runs
        The results, and what each is called.
    balance
        What the account begins with.
    **given
        ``strategy``, ``project``, ``candles``, ``store``, ``n_jobs``, ``trial_timeout`` and ``memory_limit``, as in
        :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.

    Raises
    ------
    InputError
        When a market is traded by two of them, or they differ in what one account has once.
    StrategyError
        When a strategy was not given to this process, or has changed.
    """
    specs = [run.spec for run in runs]
    _check_markets(names, specs)
    _check_alike(names, specs)
    strategies = given.pop("strategy", None)
    several = strategies if isinstance(strategies, list | tuple) else [] if strategies is None else [strategies]
    known = [resolve_strategy(one, given.get("project")) for one in several]
    codes: dict[str, StrategyCode] = {}
    for spec in specs:
        wanted = {route.strategy.hash for route in spec.routes}
        request = request_again(spec, strategy=[code for code in known if code.ref.hash in wanted] or None, **given)
        codes |= {code.ref.hash: code for code, *_ in request.routes or ()}
    traded = {(route.symbol, route.timeframe) for spec in specs for route in spec.routes}
    watched = dict.fromkeys((route.symbol, route.timeframe, route.exchange) for spec in specs
                            for route in spec.data_routes if (route.symbol, route.timeframe) not in traded)
    fees = MarketFees({route.symbol: spec.account.fee_of(route.symbol) for spec in specs for route in spec.routes})
    request = replace(request, data_routes=list(watched), hyperparameters=None, balance=balance, fee=fees,
                      warm_up_candles=max(spec.warm_up_candles for spec in specs))
    return SharedAccount(request, dict(zip(names, specs, strict=True)), codes)


def _check_markets(names: Sequence[str], specs: Sequence[BacktestSpec]) -> None:
    traders: dict[str, str] = {}
    for name, spec in zip(names, specs, strict=True):
        for route in spec.routes:
            other = traders.setdefault(route.symbol, name)
            if other != name:
                raise InputError.of("results", f"trade {route.symbol} twice: {other} and {name}. Jesse has one "
                                    "strategy a market.", f"Leave one out. {_ADVICE}")


def _check_alike(names: Sequence[str], specs: Sequence[BacktestSpec]) -> None:
    first = specs[0]
    for name, spec in zip(names, specs, strict=True):
        differs = next((said for field, said in _OF_ACCOUNT.items()
                        if _of(spec.account, field) != _of(first.account, field)), "")
        if spec.routes[0].exchange != first.routes[0].exchange:
            differs = "exchange"
        elif spec.mode != first.mode or spec.gaps != first.gaps:
            differs = "mode" if spec.mode != first.mode else "way with gaps"
        elif _funding(spec) != _funding(first):
            differs = "funding"
        elif spec.pipeline is not None:
            raise InputError.of("results", f"holds {name}, which ran on drawn candles.", _ADVICE)
        if differs:
            raise InputError.of("results", f"holds {names[0]} and {name}, which differ in their {differs}; one account "
                                "has one.", f"Run them alike. {_ADVICE}")


def _of(account: Account, field: str) -> Any:
    return getattr(account, field)


def _funding(spec: BacktestSpec) -> Any:
    """Return what tells two kinds of funding apart: none, a rate, or stored ones."""
    return (spec.funding[0].rate,) if spec.funding else None
