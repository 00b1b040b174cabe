"""What slippage cost a run: its part of what Jesse charged for each fill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jesse_nb.core.simulator.spec import Account

__all__ = ["slippage_apart"]


def slippage_apart(
    metrics: Mapping[str, Any], account: Account, trades: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return a run's metrics with slippage named beside the fees, and the net profit before it.

    Jesse was given both as one fee of each fill, so sizes, balance, equity and the trades' profits count both.

    Parameters
    ----------
    metrics
        Jesse's; those of a run without a closed trade have no fees.
    account
        Its fee and slippage.
    trades
        Jesse's, each with its ``symbol`` and ``fee``; needed where markets differ in their fees.

    Returns
    -------
    dict
        ``fee`` without slippage, ``slippage`` (both quote currency), and ``net_profit_before_slippage`` and
        ``net_profit_percentage_before_slippage`` of the very same fills. Without slippage the metrics as they were.

    Examples
    --------
    >>> apart = slippage_apart({"fee": 15.0, "net_profit": 100.0, "starting_balance": 10_000.0,
    ...                         "net_profit_percentage": 1.0}, Account(fee=0.001, slippage_bps=5))
    >>> apart["fee"], apart["slippage"], apart["net_profit_before_slippage"]
    (10.0, 5.0, 105.0)
    """
    if not account.slippage_bps or "fee" not in metrics:
        return dict(metrics)
    charged: dict[str, float] = {}
    if isinstance(account.fee, Mapping):
        for trade in trades:
            charged[trade["symbol"]] = charged.get(trade["symbol"], 0.0) + float(trade["fee"])
    else:
        charged[""] = metrics["fee"]
    slipped = sum(fee * (account.fill_cost(symbol) - account.fee_of(symbol)) / account.fill_cost(symbol)
                  for symbol, fee in charged.items())
    apart = {**metrics, "fee": metrics["fee"] - slipped, "slippage": slipped}
    for name, cost in (("net_profit", slipped),
                       ("net_profit_percentage", slipped / metrics["starting_balance"] * 100.0)):
        apart[f"{name}_before_slippage"] = metrics[name] + cost
    return apart
