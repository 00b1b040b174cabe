"""The trial ledger: how often a project has looked at the same data."""

from __future__ import annotations

import pandas as pd

from jesse_nb.core.candles.series import SYNTHETIC_MARK

__all__ = ["LEDGER_COLUMNS", "ledger_table", "readable_ledger"]

#: Columns of :meth:`~jesse_nb.core.jobs.store.RunStore.ledger`, in order.
LEDGER_COLUMNS = ("symbol", "start", "end", "strategy", "kind", "runs", "first", "last")


def ledger_table(groups: pd.DataFrame) -> pd.DataFrame:
    """Sum up runs by the data they share, the strategy and the kind.

    Runs share data when they traded the same symbol and their periods overlap, directly or through others.
    Made-up candles are never the same as real ones; all real exchanges count as one market.

    Parameters
    ----------
    groups
        One row a set of like runs: ``exchange``, ``symbols`` (separated by spaces), ``start`` and ``end``
        (milliseconds, end excluded), ``strategy``, ``kind``, ``runs`` (count), ``first`` and ``last``
        (seconds since 1970, when the first and the last one finished).

    Returns
    -------
    pandas.DataFrame
        Columns :data:`LEDGER_COLUMNS`, most runs first within each symbol and period. A run on two symbols counts
        under both. ``start`` and ``end`` are the whole span of the shared data; all moments are UTC.
    """
    groups = groups.astype({"start": "int64", "end": "int64", "runs": "int64", "first": float, "last": float})
    each = groups.assign(symbol=groups["symbols"].str.split(), made_up=groups["exchange"].str.endswith(SYNTHETIC_MARK))
    each = each.explode("symbol").sort_values(["made_up", "symbol", "start", "end"], ignore_index=True)
    market = each.groupby(["made_up", "symbol"], sort=False)
    until = market["end"].cummax()
    begins = each["start"] >= until.shift().where(market.cumcount() > 0, -1)
    each["period"] = begins.cumsum()
    spans = each.groupby("period").agg(start=("start", "min"), end=("end", "max"))
    summed = each.groupby(["period", "symbol", "made_up", "strategy", "kind"], as_index=False).agg(
        runs=("runs", "sum"), first=("first", "min"), last=("last", "max"))
    table = summed.join(spans, on="period").sort_values(["period", "runs", "strategy", "kind"],
                                                        ascending=[True, False, True, True], ignore_index=True)
    table["symbol"] += table["made_up"].map({True: f" {SYNTHETIC_MARK}", False: ""})
    for name in ("start", "end"):
        table[name] = pd.to_datetime(table[name], unit="ms", utc=True)
    for name in ("first", "last"):
        table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    return table[list(LEDGER_COLUMNS)]


def readable_ledger(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return a ledger as it is shown, with moments as short as they can be."""
    shown = ledger.copy()
    for column in ("start", "end"):
        shown[column] = shown[column].dt.strftime("%Y-%m-%d %H:%M").str.removesuffix(" 00:00")
    for column in ("first", "last"):
        shown[column] = shown[column].dt.strftime("%Y-%m-%d")
    return shown
