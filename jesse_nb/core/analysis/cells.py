"""Whether trades go better or worse in some hour, weekday, month or market regime.

With some fifty cells looked at, two or three differ at 5 % by luck alone; so every test is corrected for all of them.
The test compares ranks: trades with many small losses and few large gains (or the reverse) are so skewed that the
t-test of cells of a few trades sees differences in most strategies that have none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.prices import CandlesByMarket
from jesse_nb.core.analysis.regimes import TREND, VOLATILITY, regimes_at_entry
from jesse_nb.core.analysis.significance import share_of
from jesse_nb.core.analysis.verdict import LEVEL, counted, probability
from jesse_nb.exceptions import InputError

__all__ = ["FEWEST", "Cells", "performance_by_cell"]

#: Fewer trades than this, in the cell or outside of it, are not tested.
FEWEST = 5

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip

_EQUAL = "the results do not vary"

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Trades by when, and in which market, they were entered.

    Attributes
    ----------
    table
        Indexed by ``dimension`` (hour, weekday, month, volatility, trend; all UTC, at the entry) and ``cell``:
        ``trades``; ``mean`` of ``pnl_percentage`` and its ``difference`` from the mean of all other trades (both
        percent of the margin); ``superiority``, the chance that a trade of the cell beats one of the others (a
        fraction, ties half: Mann and Whitney's U over the number of pairs); ``win_rate`` with its 95 % Wilson
        interval ``win_low``, ``win_high`` (fractions; trades without gain or loss do not count); ``total``, the
        sum of ``pnl`` (quote currency); ``p``, two-sided, of the cell against all other trades of that dimension,
        and ``p_adjusted``; ``reason``, why there is no ``p``.
    tested
        How many cells were tested, for all of which ``p_adjusted`` is corrected.
    survivors
        Dimension and cell of those still below 5 % after the correction, the clearest first.
    left_out
        Trades by dimension that belong to no cell: too little history for a regime, or an undefined result.
    test, correction
        How it was done.
    sentence
        The outcome.
    """

    table: pd.DataFrame
    tested: int
    survivors: tuple[tuple[str, str], ...]
    left_out: dict[str, int]
    test: str
    correction: str
    sentence: str


def performance_by_cell(
    trades: pd.DataFrame,
    candles: CandlesByMarket | None = None,
    *,
    test: Literal["mann-whitney", "welch"] = "mann-whitney",
    correction: Literal["holm", "fdr_bh"] = "holm",
) -> Cells:
    """Compare the trades of each hour, weekday, month, volatility and trend with all others.

    Parameters
    ----------
    trades
        Closed trades.
    candles
        Of every traded market, for the regimes (:func:`~jesse_nb.core.analysis.regimes.regimes_at_entry`);
        without them there are none.
    test
        ``mann-whitney`` (ranks) or ``welch`` (t-test of the means, unequal variances). The t-test is for results
        that are not skewed, or cells of hundreds of trades: with many small losses and few large gains, 120 trades
        and no effect at all, it finds some in 9 of 10 studies, even corrected.
    correction
        ``holm`` (chance of any false alarm) or ``fdr_bh`` (Benjamini and Hochberg: share of false alarms).

    Raises
    ------
    InputError
        For an unknown test or correction, or when candles of a traded market are missing.
    """
    if test not in ("welch", "mann-whitney"):
        raise InputError(f"test is {test!r}.", "It is 'mann-whitney' or 'welch'.")
    if correction not in ("holm", "fdr_bh"):
        raise InputError(f"correction is {correction!r}.", "It is 'holm' or 'fdr_bh'.")
    usable = trades[np.isfinite(trades["pnl_percentage"].to_numpy(dtype=float)) & trades["opened_at"].notna()]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    left_out = {}
    for dimension, (names, codes) in _dimensions(usable, candles).items():
        known = usable[codes >= 0]
        left_out[dimension] = len(trades) - len(known)
        rows.update(_dimension(dimension, names, codes[codes >= 0], known, test))
    index = pd.MultiIndex.from_tuples(list(rows), names=["dimension", "cell"])
    table = pd.DataFrame(list(rows.values()), index=index, columns=_COLUMNS)
    tested = table["p"].notna()
    if tested.any():
        from statsmodels.stats.multitest import multipletests

        table.loc[tested, "p_adjusted"] = multipletests(table.loc[tested, "p"], method=correction)[1]
    surviving = table[table["p_adjusted"] < LEVEL].sort_values("p_adjusted", kind="stable")
    return Cells(table, int(tested.sum()), tuple(surviving.index), left_out, test, correction,
                 _sentence(table, surviving, test, len(usable)))


_COLUMNS = ["trades", "mean", "difference", "superiority", "win_rate", "win_low", "win_high", "total", "p",
            "p_adjusted", "reason"]  # fmt: skip


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
    dimension: str, names: tuple[str, ...], codes: NDArray[np.int64], trades: pd.DataFrame, test: str
) -> dict[tuple[str, str], dict[str, Any]]:
    returns, pnl = trades["pnl_percentage"].to_numpy(dtype=float), trades["pnl"].to_numpy(dtype=float)
    rows = {}
    for code, name in enumerate(names):
        member = codes == code
        if not member.any():
            continue
        inside, outside = returns[member], returns[~member]
        won, lost = int((pnl[member] > 0).sum()), int((pnl[member] < 0).sum())
        wins = share_of(won, won + lost)
        superiority, p, reason = _compare(inside, outside, test)
        rows[dimension, name] = {
            "trades": len(inside), "mean": inside.mean(),
            "difference": inside.mean() - outside.mean() if len(outside) else math.nan,
            "superiority": superiority, "win_rate": wins.share, "win_low": wins.low, "win_high": wins.high,
            "total": pnl[member].sum(), "p": p, "p_adjusted": math.nan, "reason": reason,
        }  # fmt: skip
    return rows


def _compare(inside: _Floats, outside: _Floats, test: str) -> tuple[float, float, str]:
    """Return the superiority and the p-value, NaN where there is none, and why."""
    from scipy.stats import mannwhitneyu, ttest_ind

    if not len(outside):
        return math.nan, math.nan, f"fewer than {FEWEST} other trades"
    ranks = mannwhitneyu(inside, outside)
    superiority = float(ranks.statistic) / (len(inside) * len(outside))
    if len(inside) < FEWEST:
        return superiority, math.nan, f"fewer than {FEWEST} trades"
    if len(outside) < FEWEST:
        return superiority, math.nan, f"fewer than {FEWEST} other trades"
    # equal results differ by rounding, which is no variance
    spread = [float(np.ptp(one)) for one in (np.concatenate([inside, outside]), inside, outside)]
    smallest = 1e-12 * max(float(np.abs(inside).max()), float(np.abs(outside).max()))
    if spread[0] <= smallest or (test == "welch" and max(spread[1:]) <= smallest):
        return superiority, math.nan, _EQUAL
    p = ranks.pvalue if test == "mann-whitney" else ttest_ind(inside, outside, equal_var=False).pvalue
    return superiority, float(p), ""


def _sentence(table: pd.DataFrame, surviving: pd.DataFrame, test: str, trades: int) -> str:
    tested = int(table["p"].notna().sum())
    if not trades:
        return "There are no trades to compare."
    if not tested and table["reason"].eq(_EQUAL).any():
        return "All trades have the same result: there is nothing to compare."
    if not tested:
        return (f"Too few trades to compare hours, days or regimes: no cell has {FEWEST} trades "
                f"and {FEWEST} others to compare with.")
    cells = f"{counted(tested, 'cell')} looked at"
    if surviving.empty:
        below = int((table["p"] < LEVEL).sum())
        by_luck = "less than one" if tested * LEVEL < 1 else f"about {tested * LEVEL:.0f}"
        alone = (f"{below} would differ at 5% if looked at alone, where luck gives {by_luck}"
                 if below else "none would even if looked at alone")
        return f"No hour, weekday, month or regime differs from the rest beyond luck ({cells}; {alone})."
    named = [f"{dimension} {cell} is {_effect(row, test)}, {probability(row['p_adjusted'])} corrected)"
             for (dimension, cell), row in zip(surviving.index[:3], surviving.head(3).to_dict("records"), strict=True)]
    more = len(surviving) - len(named)
    others = f"; {more} more differ" if more > 0 else ""
    differ = f"{len(surviving)} differ{'s' if len(surviving) == 1 else ''}"
    return f"Of {cells}, {differ} from the rest beyond luck: {'; '.join(named)}{others}."


def _effect(row: Mapping[Any, Any], test: str) -> str:
    if test == "welch":
        return f"{'better' if row['difference'] > 0 else 'worse'} ({row['difference']:+.2f} percentage points a trade"
    beats = row["superiority"]
    return f"{'better' if beats > 0.5 else 'worse'} (its trades beat the others in {beats * 100:.0f}% of pairs"
