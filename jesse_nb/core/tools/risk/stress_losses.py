"""What a stress took from an account: until it was over, at most and at the end, and when the account was back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from jesse_nb.core.analysis.studies.stitching import StitchedReturns
from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["losses_of", "with_losses"]

#: A fraction: windows of a walk-forward are scaled, and what they had is known no better.
_ROUNDING = 1e-9


def losses_of(
    equity: pd.Series[float], began: pd.Timestamp, level: float, lowest: float, lowest_at: pd.Timestamp | None, *,
    ruined: bool,
) -> dict[str, float]:
    """Return a row's ``lowest``, its three losses and ``recovered_after``.

    Parameters
    ----------
    equity
        Daily samples of the run, quote currency.
    began
        When the stress did.
    level, lowest, lowest_at
        Equity at that moment, the lowest until a day after the stress was over, and when that was; None where that is
        not known, ``recovered_after`` is left out then.
    ruined
        Whether the account was.
    """
    after = equity.loc[began + pd.Timedelta(milliseconds=1):]
    lowest = 0.0 if ruined else level if lowest >= level * (1.0 - _ROUNDING) else lowest
    end = 0.0 if ruined else float(equity.iloc[-1])
    reached = {"loss": lowest, "deepest_loss": min([lowest, *after]), "end_loss": end}
    found = {"lowest": lowest, **{name: (1.0 - left / level) * 100.0 for name, left in reached.items()}}
    if ruined or lowest >= level:
        return found | {"recovered_after": math.nan}
    if lowest_at is None:
        return found
    since: pd.Series[float] = equity.loc[lowest_at:]
    back = since[since >= level].index
    return found | {"recovered_after": (back[0] - began) / pd.Timedelta(days=1) if len(back) else math.nan}


def with_losses(table: pd.DataFrame, results: Mapping[int, BacktestResult | StitchedReturns]) -> pd.DataFrame:
    """Return the table of a stress test with the losses that one kept before December 2026 does not have.

    Such a one called an account back before it fell deepest: ``recovered_after`` is told again, or left out where one
    run does not say when it fell.
    """
    if "deepest_loss" in table:
        return table
    table = table.copy()
    place = list(table.columns).index("loss") + 1
    for name in ("end_loss", "deepest_loss"):
        table.insert(place, name, math.nan)
    known = True
    for number in table.index[table["loss"].notna()]:
        row, run = table.loc[number], results[number]
        found = losses_of(run.equity, row["began"], row["equity_before"], row["lowest"], _lowest_at(row, run),
                          ruined=bool(run.ruin))
        known &= "recovered_after" in found
        table.loc[number, list(found)] = list(found.values())
    return table if known else table.drop(columns="recovered_after")


def _lowest_at(row: Any, run: BacktestResult | StitchedReturns) -> pd.Timestamp | None:
    """Return when the lowest equity of a kept run was: as its audit knows, or where a daily sample is as low."""
    if isinstance(run, BacktestResult) and run.audit is not None and run.audit.stress is not None:
        return pd.Timestamp(run.audit.stress.lowest_at, unit="ms", tz="UTC")
    after = run.equity.loc[row["began"]:]
    least = after.index[after <= row["lowest"] * (1.0 + _ROUNDING)]
    return least[0] if len(least) else None
