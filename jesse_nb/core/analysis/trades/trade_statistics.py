"""What the closed trades say: how often they win, how much, how long, and at what cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.significance import Proportion, proportion_of
from jesse_nb.core.analysis.trades.exit_kinds import exit_kinds
from jesse_nb.core.simulator.result import TRADE_COLUMNS
from jesse_nb.exceptions import InputError, shown

__all__ = ["TradeStatistics", "trade_statistics"]

_GROUP_COLUMNS = ("trades", "wins", "losses", "win_rate", "win_rate_low", "win_rate_high", "net_profit", "average_win",
                  "average_loss", "payoff", "expectancy", "profit_factor", "fees", "average_holding")

#: What is undefined without a trade.
_OF_TRADES = ("win_rate", "average_win", "average_loss", "payoff", "expectancy", "expectancy_percentage",
              "average_return", "profit_factor", "largest_win", "largest_loss", "fees_percentage", "holding")


@dataclass(frozen=True)
class TradeStatistics:
    """What the closed trades say. Money is net of fees, in the quote currency; NaN where undefined.

    Attributes
    ----------
    trades, wins, losses, break_even
        How many closed, above, below and at zero.
    win_rate
        Wins of the wins and losses, as in Jesse, with the Wilson interval.
    net_profit, gross_profit, gross_loss
        Sums over all trades, the winners and the losers (the last is 0 or below).
    average_win, average_loss
        Mean of the winners and, as a positive number, of the losers.
    payoff
        ``average_win / average_loss``.
    expectancy
        Mean profit of a trade. Jesse's leaves break-even trades out; without any, they are the same.
    expectancy_percentage
        The same in percent of the starting balance; NaN when that was not given.
    average_return
        Mean profit of a trade in percent of its margin.
    profit_factor
        ``gross_profit / -gross_loss``.
    largest_win, largest_loss
        The best and the worst trade (the last is below 0).
    winning_streak, losing_streak
        Most wins and most losses in a row, in the order of closing; a break-even trade ends both.
    current_streak
        The last trades in a row: above 0 wins, below 0 losses.
    fees
        Fees of all fills.
    fees_percentage
        Fees in percent of what the trades that gained before fees had gained.
    holding
        Rows ``all``, ``winners``, ``losers``; columns ``mean``, ``median``, ``max``: Timedelta.
    by_side
        Rows ``long`` and ``short``, the columns the same figures; ``win_rate`` and its 95 % limits are
        fractions, ``average_holding`` a Timedelta.
    by_exit
        The same by :func:`~jesse_nb.core.analysis.trades.exit_kinds.exit_kinds`, the commonest first.
    reasons
        Why a figure is NaN, by its name.
    """

    trades: int
    wins: int
    losses: int
    break_even: int
    win_rate: Proportion
    net_profit: float
    gross_profit: float
    gross_loss: float
    average_win: float
    average_loss: float
    payoff: float
    expectancy: float
    expectancy_percentage: float
    average_return: float
    profit_factor: float
    largest_win: float
    largest_loss: float
    winning_streak: int
    losing_streak: int
    current_streak: int
    fees: float
    fees_percentage: float
    holding: pd.DataFrame
    by_side: pd.DataFrame
    by_exit: pd.DataFrame
    reasons: dict[str, str]


def trade_statistics(
    trades: pd.DataFrame,
    *,
    starting_balance: float = math.nan,
    end: int | None = None,
    open_at_end: int | None = None,
) -> TradeStatistics:
    """Describe closed trades.

    Parameters
    ----------
    trades
        Columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`, in any order of rows.
    starting_balance
        In the quote currency; for ``expectancy_percentage`` alone.
    end, open_at_end
        When the run ended (milliseconds UTC) and Jesse's ``total_open_trades``, to tell trades that
        only the run's end closed; see :func:`~jesse_nb.core.analysis.trades.exit_kinds.exit_kinds`.

    Raises
    ------
    InputError
        When a column is missing, or a trade has no profit.
    """
    _check(trades)
    closed = trades.sort_values("closed_at", kind="stable", ignore_index=True)
    pnl, fee = (closed[name].to_numpy(dtype=float) for name in ("pnl", "fee"))
    won, lost = pnl > 0, pnl < 0
    gross = _Gross.of(pnl)
    before_fees = pnl + fee
    gained = float(before_fees[before_fees > 0].sum())
    longest_win, longest_loss, current = _streaks(pnl)
    expectancy = _mean(pnl)
    return TradeStatistics(
        trades=len(closed),
        wins=gross.wins,
        losses=gross.losses,
        break_even=len(closed) - gross.wins - gross.losses,
        win_rate=proportion_of(gross.wins, gross.wins + gross.losses),
        net_profit=float(pnl.sum()),
        gross_profit=gross.profit,
        gross_loss=gross.loss,
        average_win=gross.average_win,
        average_loss=gross.average_loss,
        payoff=gross.payoff,
        expectancy=expectancy,
        expectancy_percentage=expectancy / starting_balance * 100.0 if starting_balance > 0 else math.nan,
        average_return=_mean(closed["pnl_percentage"].to_numpy(dtype=float)),
        profit_factor=gross.factor,
        largest_win=float(pnl.max()) if gross.wins else math.nan,
        largest_loss=float(pnl.min()) if gross.losses else math.nan,
        winning_streak=longest_win,
        losing_streak=longest_loss,
        current_streak=current,
        fees=float(fee.sum()),
        fees_percentage=float(fee.sum()) / gained * 100.0 if gained > 0 else math.nan,
        holding=_holding(closed["holding_period"], won, lost),
        by_side=_table(closed, closed["side"], ["long", "short"], "side"),
        by_exit=_by_exit(closed, end, open_at_end),
        reasons=_reasons(len(closed), gross, gained, starting_balance),
    )


@dataclass(frozen=True)
class _Gross:
    """Winners against losers."""

    wins: int
    losses: int
    profit: float
    loss: float

    @classmethod
    def of(cls, pnl: NDArray[np.float64]) -> _Gross:
        won, lost = pnl > 0, pnl < 0
        return cls(int(won.sum()), int(lost.sum()), float(pnl[won].sum()), float(pnl[lost].sum()))

    @property
    def average_win(self) -> float:
        return self.profit / self.wins if self.wins else math.nan

    @property
    def average_loss(self) -> float:
        return -self.loss / self.losses if self.losses else math.nan

    @property
    def payoff(self) -> float:
        return self.average_win / self.average_loss

    @property
    def factor(self) -> float:
        return self.profit / -self.loss if self.losses else math.nan


def _check(trades: pd.DataFrame) -> None:
    missing = [name for name in TRADE_COLUMNS if name not in trades.columns]
    if missing:
        raise InputError(f"The trades have no column {shown(missing[0])}.",
                         f"They need those of BacktestResult.trades: {', '.join(TRADE_COLUMNS)}.")
    unknown = ~np.isfinite(trades["pnl"].to_numpy(dtype=float))
    if unknown.any():
        raise InputError(f"{int(unknown.sum())} of {len(trades)} trades have no profit (pnl).",
                         "Leave out trades that are still open.")


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _streaks(pnl: NDArray[np.float64]) -> tuple[int, int, int]:
    """Return the longest winning and losing streak, and the last one with its sign."""
    if not len(pnl):
        return 0, 0, 0
    signs = np.sign(pnl)
    begins = np.flatnonzero(np.diff(signs, prepend=np.nan) != 0)
    lengths = np.diff(begins, append=len(signs))
    sign = signs[begins]
    longest = [int(lengths[sign == side].max(initial=0)) for side in (1, -1)]
    return longest[0], longest[1], int(sign[-1] * lengths[-1])


def _holding(seconds: pd.Series[float], won: NDArray[np.bool_], lost: NDArray[np.bool_]) -> pd.DataFrame:
    groups = {"all": seconds, "winners": seconds[won], "losers": seconds[lost]}
    rows = {name: [held.mean(), held.median(), held.max()] for name, held in groups.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "median", "max"]).astype(float)
    return pd.DataFrame({name: pd.to_timedelta(table[name], unit="s") for name in table}).rename_axis("trades")


def _by_exit(closed: pd.DataFrame, end: int | None, open_at_end: int | None) -> pd.DataFrame:
    kinds = exit_kinds(closed, end=end, open_at_end=open_at_end)
    counts = kinds.value_counts()
    return _table(closed, kinds, sorted(counts.index, key=lambda kind: (-counts[kind], kind)), "exit")


def _table(closed: pd.DataFrame, keys: pd.Series[str], groups: list[str], name: str) -> pd.DataFrame:
    rows = {group: _group(closed[(keys == group).to_numpy()]) for group in groups}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(_GROUP_COLUMNS)).rename_axis(name)
    table["average_holding"] = pd.to_timedelta(table["average_holding"].astype(float), unit="s")
    return table


def _group(part: pd.DataFrame) -> dict[str, float]:
    pnl = part["pnl"].to_numpy(dtype=float)
    gross = _Gross.of(pnl)
    rate = proportion_of(gross.wins, gross.wins + gross.losses)
    return {
        "trades": len(part), "wins": gross.wins, "losses": gross.losses,
        "win_rate": rate.share, "win_rate_low": rate.low, "win_rate_high": rate.high,
        "net_profit": float(pnl.sum()), "average_win": gross.average_win, "average_loss": gross.average_loss,
        "payoff": gross.payoff, "expectancy": _mean(pnl), "profit_factor": gross.factor,
        "fees": float(part["fee"].sum()), "average_holding": float(part["holding_period"].astype(float).mean()),
    }


def _reasons(trades: int, gross: _Gross, gained: float, starting_balance: float) -> dict[str, str]:
    if not trades:
        return dict.fromkeys(_OF_TRADES, "no trade was closed")
    reasons = {}
    if not gross.wins + gross.losses:
        reasons["win_rate"] = "no trade won or lost"
    if not gross.wins:
        reasons |= dict.fromkeys(("average_win", "largest_win", "payoff"), "no trade won")
    if not gross.losses:
        reasons |= dict.fromkeys(("average_loss", "largest_loss", "payoff", "profit_factor"), "no trade lost")
    if not gained > 0:
        reasons["fees_percentage"] = "no trade gained even before fees"
    if not starting_balance > 0:
        reasons["expectancy_percentage"] = "the starting balance is not known"
    return reasons
