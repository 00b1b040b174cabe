"""Whether trades go better or worse in some hour, weekday, month or market regime.

With some fifty cells looked at, two or three differ at 5 % by luck alone; so every test is corrected for all of them.
Means are compared, in a way that unequal spread and skew do not deceive
(:mod:`~jesse_nb.core.analysis.trades.mean_differences`): results whose size follows the market's volatility differ in
nothing else between quiet and wild times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.significance import proportion_of
from jesse_nb.core.analysis.market.prices import CandlesByMarket
from jesse_nb.core.analysis.market.regimes import TREND, VOLATILITY, regimes_at_entry
from jesse_nb.core.analysis.studies.verdict import LEVEL, counted, probability
from jesse_nb.core.analysis.trades.mean_differences import FEWEST, HEAVIEST, mean_differences
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.times import DAY_MS
from jesse_nb.exceptions import InputError, shown

__all__ = ["GroupPerformance", "days_together", "performance_by_group"]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")

#: Share of trades that may overlap without being told.
_FEW_SHARED = 0.05

_EQUAL = "the results do not vary"
_HUGE = "a few huge results decide the means: the index of their tail is"


@dataclass(frozen=True)
class GroupPerformance:
    """Trades by when, and in which market, they were entered.

    Attributes
    ----------
    table
        Indexed by ``dimension`` (hour, weekday, month, volatility, trend; all UTC, at the entry) and ``cell``:
        ``trades``; ``mean`` of ``pnl_percentage`` and its ``difference`` from the mean of all other trades (both
        percent of the margin); ``win_rate`` with its 95 % Wilson interval ``win_low``, ``win_high`` (fractions;
        trades without gain or loss do not count); ``total``, the sum of ``pnl`` (quote currency); ``p``,
        two-sided, that the mean of the cell equals that of all other trades of that dimension, and ``p_adjusted``;
        ``reason``, why there is no ``p``.
    together
        Days within which the trades of a cell count as one observation.
    tested
        How many cells were tested, for all of which ``p_adjusted`` is corrected.
    survivors
        Dimension and cell of those still below 5 % after the correction, the clearest first.
    left_out
        Trades by dimension that belong to no cell: too little history for a regime, or an undefined result.
    correction
        How it was done.
    sentence
        The outcome.
    """

    table: pd.DataFrame
    tested: int
    survivors: tuple[tuple[str, str], ...]
    left_out: dict[str, int]
    together: int
    correction: str
    sentence: str


def performance_by_group(
    trades: pd.DataFrame,
    candles: CandlesByMarket | None = None,
    *,
    correction: Literal["holm", "fdr_bh"] = "holm",
    seed: int = 0,
) -> GroupPerformance:
    """Compare the mean result of each hour, weekday, month, volatility and trend with that of all other trades.

    Trades of a cell that were entered on the same day (UTC) count as one observation, because they meet the same
    market. Where positions overlap, of one market or of several, so do those entered within twice their holding time
    of each other.

    Parameters
    ----------
    trades
        Closed trades.
    candles
        Of every traded market, for the regimes (:func:`~jesse_nb.core.analysis.market.regimes.regimes_at_entry`);
        without them there are none.
    correction
        ``holm`` (chance of any false alarm) or ``fdr_bh`` (Benjamini and Hochberg: share of false alarms).
    seed
        Makes the permutations repeatable.

    Raises
    ------
    InputError
        For an unknown correction, or when candles of a traded market are missing.
    """
    if correction not in ("holm", "fdr_bh"):
        raise InputError(f"correction is {shown(correction)}.", "It is 'holm' or 'fdr_bh'.")
    usable = trades[np.isfinite(trades["pnl_percentage"].to_numpy(dtype=float)) & trades["opened_at"].notna()]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    left_out, together = {}, days_together(usable)
    for dimension, (names, codes) in _dimensions(usable, candles).items():
        known = usable[codes >= 0]
        left_out[dimension] = len(trades) - len(known)
        rows.update(_dimension(dimension, names, codes[codes >= 0], known, together, seed))
    index = pd.MultiIndex.from_tuples(list(rows), names=["dimension", "cell"])
    table = pd.DataFrame(list(rows.values()), index=index, columns=_COLUMNS)
    tested = table["p"].notna()
    if tested.any():
        from statsmodels.stats.multitest import multipletests

        table.loc[tested, "p_adjusted"] = multipletests(table.loc[tested, "p"], method=correction)[1]
    surviving = table[table["p_adjusted"] < LEVEL].sort_values("p_adjusted", kind="stable")
    return GroupPerformance(table, int(tested.sum()), tuple(surviving.index), left_out, together, correction,
                 _sentence(table, surviving, len(usable)))


def days_together(trades: pd.DataFrame) -> int:
    """Return within how many days of entry trades that are compared count as one observation.

    Positions that overlap share what the market did meanwhile. Where more than one in twenty was opened while another
    that is held about as long was open, this is twice the time that such a one is held (its mean, weighted by itself).
    """
    opened = milliseconds(trades["opened_at"])
    held = milliseconds(trades["closed_at"]) - opened
    frame = pd.DataFrame({"opened": opened, "closed": opened + held, "held": held / DAY_MS}).sort_values("opened")
    as_long = np.floor(np.log2(np.maximum(held, 1)) / 2)[frame.index]
    until = frame.groupby(as_long)["closed"].cummax().groupby(as_long).shift()
    shared = frame["held"][frame["opened"] < until].to_numpy()
    if not shared.sum() or len(shared) <= _FEW_SHARED * len(frame):
        return 1
    return max(1, math.ceil(2 * float((shared**2).sum() / shared.sum())))


_COLUMNS = ["trades", "mean", "difference", "win_rate", "win_low", "win_high", "total", "p", "p_adjusted", "reason"]


def _dimensions(
    trades: pd.DataFrame, candles: CandlesByMarket | None
) -> dict[str, tuple[tuple[str, ...], NDArray[np.int64]]]:
    """Return the cells' names of each dimension, and each trade's number among them (-1: in none)."""
    opened = pd.DatetimeIndex(trades["opened_at"])
    known: dict[str, tuple[tuple[str, ...], NDArray[np.int64]]] = {
        "hour": (tuple(f"{hour:02}" for hour in range(24)), opened.hour.to_numpy(dtype=np.int64)),
        "weekday": (WEEKDAYS, opened.dayofweek.to_numpy(dtype=np.int64)),
        "month": (MONTHS, opened.month.to_numpy(dtype=np.int64) - 1),
    }
    if candles is not None:
        regimes = regimes_at_entry(trades, candles)
        known["volatility"] = (VOLATILITY, pd.Categorical(regimes.volatility, VOLATILITY).codes.astype(np.int64))
        known["trend"] = (TREND, pd.Categorical(regimes.trend, TREND).codes.astype(np.int64))
    return known


def _dimension(
    dimension: str, names: tuple[str, ...], codes: NDArray[np.int64], trades: pd.DataFrame, together: int, seed: int
) -> dict[tuple[str, str], dict[str, Any]]:
    returns, pnl = trades["pnl_percentage"].to_numpy(dtype=float), trades["pnl"].to_numpy(dtype=float)
    found = mean_differences(returns, codes, milliseconds(trades["opened_at"]) // (together * DAY_MS), seed=seed)
    observations = int(found.observations.sum())
    rows = {}
    for code, days, difference, p in zip(found.codes, found.observations, found.difference, found.p, strict=True):
        member = codes == code
        won, lost = int((pnl[member] > 0).sum()), int((pnl[member] < 0).sum())
        wins = proportion_of(won, won + lost)
        rows[dimension, names[code]] = {
            "trades": int(member.sum()), "mean": returns[member].mean(), "difference": difference,
            "win_rate": wins.share, "win_low": wins.low, "win_high": wins.high, "total": pnl[member].sum(), "p": p,
            "p_adjusted": math.nan,
            "reason": _untested(days, observations - days, together, found.tail) if np.isnan(p) else "",
        }
    return rows


def _untested(inside: int, outside: int, together: int, tail: float) -> str:
    fewer = f"on fewer than {FEWEST} days" if together == 1 else f"in fewer than {FEWEST} periods of {together} days"
    if outside < FEWEST:
        return f"other trades were entered {fewer}"
    if inside < FEWEST:
        return f"entered {fewer}"
    return f"{_HUGE} ({tail:.1f}, where {HEAVIEST:g} is needed)" if tail < HEAVIEST else _EQUAL


def _sentence(table: pd.DataFrame, surviving: pd.DataFrame, trades: int) -> str:
    tested = int(table["p"].notna().sum())
    if not trades:
        return "There are no trades to compare."
    if not tested and table["reason"].eq(_EQUAL).any():
        return "All trades have the same result: there is nothing to compare."
    huge = table["reason"].str.startswith(_HUGE)
    if not tested and huge.any():
        return ("Hours, days and regimes are not compared: a few huge results decide every mean, and where none of "
                "them fell so far proves nothing.")
    if not tested:
        return (f"Too few trades to compare hours, days or regimes: no cell has trades of {FEWEST} days "
                f"and of {FEWEST} others to compare with.")
    names = table.index.get_level_values("dimension")[huge].unique()
    cells = f"{counted(tested, 'cell')} looked at" + (
        f", none by {' or '.join(names)}, where a few huge results decide" if len(names) else "")
    if surviving.empty:
        below = int((table["p"] < LEVEL).sum())
        by_luck = "less than one" if tested * LEVEL < 1 else f"about {tested * LEVEL:.0f}"
        alone = (f"{below} would differ at 5% if looked at alone, where luck gives {by_luck}"
                 if below else "none would even if looked at alone")
        return f"No hour, weekday, month or regime differs from the rest beyond luck ({cells}; {alone})."
    named = [f"{dimension} {cell} is {'better' if row['difference'] > 0 else 'worse'} "
             f"({row['difference']:+.2f} percentage points a trade, {probability(row['p_adjusted'])} corrected)"
             for (dimension, cell), row in zip(surviving.index[:3], surviving.head(3).to_dict("records"), strict=True)]
    more = len(surviving) - len(named)
    others = f"; {more} more differ" if more > 0 else ""
    differ = f"{len(surviving)} differ{'s' if len(surviving) == 1 else ''}"
    return f"Of {cells}, {differ} from the rest beyond luck: {'; '.join(named)}{others}."

