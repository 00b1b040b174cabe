"""Which trades two runs made alike, which of them otherwise, and which only one of them made."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["MATCH_COLUMNS", "matched_trades"]

#: Columns of :func:`matched_trades`, in order.
MATCH_COLUMNS = ("symbol", "side", "opened_at", "found", "closed_base", "closed_other", "entry_base", "entry_other",
                 "pnl_base", "pnl_other")

_KEYS = ["symbol", "side", "opened_at", "turn"]
_TAKEN = {"closed_at": "closed", "entry_price": "entry", "exit_price": "exit", "qty": "qty", "pnl": "pnl"}
#: Prices and quantities are alike where they differ by a smaller part.
_ALIKE = 1e-9


def matched_trades(base: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Match the trades of two runs: those of the same symbol and side that were opened at the same moment.

    Parameters
    ----------
    base, other
        Closed trades, columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        One row a trade in order of its opening, columns :data:`MATCH_COLUMNS`. ``found`` is ``alike`` (closed at the
        same moment, at the same prices and of the same quantity), ``differs``, ``only base`` or ``only other``.
        Moments are UTC, NaT where there is no such trade; ``pnl`` is net of fees in the quote currency.
    """
    both = _told(base).merge(_told(other), how="outer", on=_KEYS, suffixes=("_base", "_other"), indicator="found")
    alike = both["closed_base"] == both["closed_other"]
    for name in ("entry", "exit", "qty"):
        mine, its = both[f"{name}_base"].to_numpy(dtype=float), both[f"{name}_other"].to_numpy(dtype=float)
        alike &= np.isclose(mine, its, rtol=_ALIKE, atol=0.0)
    found = both["found"].astype(object).map({"left_only": "only base", "right_only": "only other", "both": "differs"})
    both["found"] = found.where(~(alike & (found == "differs")), "alike")
    ordered = both.sort_values(["opened_at", "symbol", "side", "turn"], kind="stable", ignore_index=True)
    return ordered[list(MATCH_COLUMNS)]


def _told(trades: pd.DataFrame) -> pd.DataFrame:
    """Return what is compared of trades; several that open at one moment are told apart by their order."""
    told = trades[["symbol", "side", "opened_at", *_TAKEN]].rename(columns=_TAKEN)
    told["turn"] = told.groupby(["symbol", "side", "opened_at"], sort=False).cumcount()
    for name in ("opened_at", "closed"):
        told[name] = pd.to_datetime(told[name], utc=True)
    return told
