"""Shocks of a stress test: what trading and holding cost, and a strategy that cannot act."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jesse_nb.core.simulator.fees import MarketFees, checked_fee, fee_of_run, fee_words
from jesse_nb.core.simulator.funding import checked_funding, constant_funding
from jesse_nb.core.simulator.spec import Account, BacktestSpec, check_funded
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["SHOCKS", "Shocks", "duration_words", "shocks_of"]

SHOCKS = ("fee", "slippage_bps", "funding_rate", "outage")

#: Of the account.
_COSTS = ("fee", "slippage_bps")

_MINUTES = {"m": 1, "h": 60, "d": 1_440}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?) ?([mhd])")


@dataclass(frozen=True)
class Shocks:
    """What holds in all runs of a stress test.

    Attributes
    ----------
    account
        With another fee, slippage or leverage where that was asked for.
    funding
        In place of the run's own, a fraction for each 8 hours; None to leave it.
    outage
        Minutes in which the strategy decides nothing, from the beginning of each scenario on; 0 for none.
    """

    account: Account
    funding: float | None = None
    outage: int = 0

    def on(self, spec: BacktestSpec) -> BacktestSpec:
        """Return a spec at these costs."""
        changed = replace(spec, account=self.account)
        if self.funding is None:
            return changed
        return replace(changed, funding=constant_funding(spec.routes, spec.start, spec.end, self.funding))

    def cost_words(self, was: Account) -> str:
        """Say what differs from the original's costs; empty where nothing does."""
        account = self.account
        parts = [f"fee {fee_words(account.fee)} in place of {fee_words(was.fee)}"] if account.fee != was.fee else []
        parts += [f"slippage {account.slippage_bps:g} basis points in place of {was.slippage_bps:g}"] \
            if account.slippage_bps != was.slippage_bps else []
        parts += [f"leverage {account.leverage} in place of {was.leverage}"] if account.leverage != was.leverage else []
        parts += [f"funding {self.funding * 100:.4g}% every 8 hours"] if self.funding is not None else []
        return ", ".join(parts)


def shocks_of(given: Mapping[str, Any] | None, leverage: int | None, spec: BacktestSpec) -> Shocks:
    """Return what was asked for.

    Raises
    ------
    InputError
        When there is no such shock, or its value cannot be one.
    """
    asked, account = dict(given or {}), spec.account
    asked |= _fees_by_market(asked.get("fee"), spec)
    for name, value in asked.items():
        if name not in SHOCKS:
            raise InputError.of("shocks", f"has {shown(name)}.", did_you_mean(str(name), SHOCKS))
        number = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
        if name in _COSTS and not (number and value >= 0) and not isinstance(value, MarketFees):
            raise InputError.of("shocks", f"has {shown(value)} for {name}.", "It is a number from 0 up.")
        if name == "funding_rate" and not number:
            raise InputError.of("shocks", f"has {shown(value)} for funding_rate.", "It is a fraction for each 8 hours, "
                                "0.0001 for 0.01 %.")
    rate = asked.get("funding_rate")
    if rate is not None:
        check_funded(account)
        checked_funding("funding_rate", rate)
    costs = {name: asked[name] for name in _COSTS if name in asked}
    return Shocks(replace(account, **costs, leverage=account.leverage if leverage is None else leverage),
                  None if rate is None else float(rate), _minutes_of(asked.get("outage", 0)))


def _fees_by_market(fee: Any, spec: BacktestSpec) -> dict[str, Any]:
    """Return the fees of a run's markets, where they were asked for one by one."""
    if not (isinstance(fee, Mapping) or (isinstance(fee, str) and "=" in fee)):
        return {}
    try:
        return {"fee": fee_of_run(checked_fee("fee", fee), (route.symbol for route in spec.routes))}
    except InputError as error:
        raise InputError(f"shocks: {error.message}", error.hint, argument="shocks") from None


def duration_words(minutes: int) -> str:
    """Write a length: ``4 hours``."""
    for unit, size in (("day", 1_440), ("hour", 60), ("minute", 1)):
        if minutes >= size * (2 if unit == "day" else 1):
            return f"{minutes / size:g} {unit}{'' if minutes == size else 's'}"
    return "no time"


def _minutes_of(outage: Any) -> int:
    if outage == 0:
        return 0
    written = _LENGTH.fullmatch(outage.strip()) if isinstance(outage, str) else None
    minutes = float(written[1]) * _MINUTES[written[2]] if written else 0.0
    if minutes < 1 or minutes % 1:
        raise InputError.of("shocks", f"has {shown(outage)} for outage.", "Write it as '4h', '30m' or '2d'.")
    return int(minutes)
