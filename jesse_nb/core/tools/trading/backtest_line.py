"""A backtest of a run's market and days, as one writes it on a line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.simulator.funding import STORED
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.declaration.run_tools import BACKTEST

__all__ = ["backtest_line"]


def backtest_line(
    spec: BacktestSpec, strategy: str, *, project: str = "", values: Mapping[str, Any] | None = None
) -> str:
    """Return what follows ``jesse-nb backtest`` or ``%backtest``, for a strategy as a run had it.

    Parameters
    ----------
    spec
        Of the run: its markets, days and account. What is as it is without being said is left out.
    strategy
        Its name, or its file.
    project
        The Jesse project's folder, where the strategy is one of it.
    values
        Of hyperparameters, where they are not in the strategy itself.
    """
    return " ".join([strategy, *(["--project", shlex.quote(project)] if project else []), *_market(spec),
                     *_account(spec), *(["--param", *(shlex.quote(f"{name}={value}") for name, value in values.items())]
                                        if values else [])])


def _market(spec: BacktestSpec) -> Iterator[str]:
    first = spec.routes[0]
    if len(spec.routes) == 1:
        yield f"-s {first.symbol} -t {first.timeframe}"
    else:
        yield " ".join(["--routes", *(f"{route.symbol}:{route.timeframe}" for route in spec.routes)])
    for flag, moment in (("--start", spec.start), ("--end", spec.end)):
        yield f"{flag} {shlex.quote(utc_text(moment))}"
    yield f"--exchange {shlex.quote(first.exchange)}"
    if spec.data_routes:
        yield " ".join(["--data-routes", *(f"{route.symbol}:{route.timeframe}" for route in spec.data_routes)])


def _account(spec: BacktestSpec) -> Iterator[str]:
    """Yield the flags of what is otherwise than without them."""
    account = spec.account
    funding = spec.funding[0].rate if spec.funding else None
    given = {
        "balance": account.balance, "fee": account.fee, "slippage_bps": account.slippage_bps,
        "leverage": account.leverage, "leverage_mode": account.leverage_mode,
        "maintenance_margin": account.maintenance_margin, "warm_up_candles": spec.warm_up_candles,
        "mode": spec.mode, "gaps": spec.gaps,
    }
    if account.market != usual_market(spec.routes[0].exchange):
        yield f"--market {account.market}"
    for name, value in given.items():
        parameter = BACKTEST.parameter(name)
        if value != parameter.default:
            yield f"{parameter.flag} {value}"  # of a float all digits
    if spec.funding:
        yield f"--funding {STORED if funding is None else repr(funding)}"
