"""What else could have happened: the same trades in another order, other trades and days like them.

Everything is compounded: what is drawn again are returns on equity, not amounts of money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.analysis.luck.significance import FEWEST, shortage
from jesse_nb.core.analysis.resampling.resampled_paths import (
    Draw,
    PathFigures,
    circular_blocks,
    path_figures,
    predictive,
    resampled,
    shuffled,
    stationary_blocks,
    walk,
)
from jesse_nb.core.analysis.trades.trade_returns import account_lost, trade_returns
from jesse_nb.exceptions import InputError, shown

__all__ = ["RUIN", "MonteCarlo", "bootstrap_days", "project_ahead", "resample_trades", "shuffle_trades",
           "simulated_paths"]

#: Drawdowns that count as ruin unless the user says others, percent.
RUIN = (20.0, 30.0, 50.0)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FIGURES = ("final_equity", "max_drawdown", "longest_underwater")
#: Multiples of the starting equity that no path gets to.
_NO_BARRIERS = (-1.0, math.inf)
_COLUMNS = ["5%", "25%", "50%", "75%", "95%"]
#: Very long histories get fewer paths, so that no more returns than this are drawn, but not fewer than _LEAST.
_MOST_DRAWN, _LEAST = 10_000_000, 100

Method = Literal["trade shuffle", "trade resample", "stationary bootstrap", "block bootstrap", "projection",
                 "rewritten candles"]


@dataclass(frozen=True)
class MonteCarlo:
    """Paths drawn from what happened, and where they lead.

    The spread is that of luck in drawing from this history. A history too short to hold a crash gives paths
    without one, and an overfit strategy gives paths as overfit as itself.

    Attributes
    ----------
    method
        ``trade shuffle`` (the same trades in another order), ``trade resample`` (trades drawn with replacement),
        ``stationary bootstrap`` or ``block bootstrap`` (days drawn in blocks, of random or of fixed length),
        ``projection`` (what could come next: days or trades of histories that could have been), ``rewritten candles``
        (days that were simulated).
    unit
        What a step is: ``trades`` or ``days``.
    paths, steps
        How many paths, and how many steps each. Fewer paths than asked for where the history is very long.
    block
        (Mean) length of the blocks in days; 1 for trades.
    seed
        Makes the paths repeatable.
    distributions
        Rows ``final_equity`` (quote currency), ``max_drawdown`` (percent, 0 or below, at the steps, the start
        included) and ``longest_underwater`` (steps from a peak to the last one still below it). Columns: quantiles
        ``5%`` to ``95%`` over the paths; ``actual``, of the path that happened; ``rank``, the share of paths with
        a lower value, ties counted half. ``actual`` and ``rank`` are NaN where paths have another length than the
        history.
    probability_of_loss
        Share of paths that end below the starting equity; NaN for a shuffle, which always ends where it did.
    probability_of_ruin
        Share of paths with a drawdown at least as deep as each level; index ``drawdown``, percent.
    fan
        Equity in the quote currency: index ``step`` (0 is the start; at most 121 steps), columns the quantiles of
        each step and ``actual`` (NaN where lengths differ).
    samples
        One row a path with the three figures of ``distributions``, in the same units.
    passages
        One row a path: ``fell_at`` and ``rose_at``, the first step at or beyond the lower and the upper barrier; one
        more than there are steps where there is none.
    reason
        Why there is nothing; empty otherwise.
    """

    method: Method
    unit: Literal["trades", "days"]
    paths: int
    steps: int
    block: int
    seed: int
    distributions: pd.DataFrame
    probability_of_loss: float
    probability_of_ruin: pd.Series[float]
    fan: pd.DataFrame = field(repr=False)
    samples: pd.DataFrame = field(repr=False)
    passages: pd.DataFrame = field(repr=False)
    reason: str = ""


def shuffle_trades(trades: pd.DataFrame, balance: float, *, paths: int = 10_000, ruin: Sequence[float] = RUIN,
                   seed: int = 0, barriers: tuple[float, float] = _NO_BARRIERS) -> MonteCarlo:
    """Put the trades in another order, many times.

    Says how much of the drawdown was the order's doing. Returns are on equity, so every order ends with the
    same equity; it takes the trades to be independent of each other.

    Parameters
    ----------
    trades
        Closed trades (``closed_at`` and ``pnl`` are read).
    balance
        Starting balance in the quote currency.
    paths
        How many orders.
    ruin
        Drawdowns that count as ruin, percent.
    seed
        Makes the paths repeatable.
    barriers
        Equities, as multiples of the starting one, whose first passages are asked for.

    Raises
    ------
    InputError
        When ``paths``, ``ruin`` or ``balance`` cannot be used.
    """
    sample = trade_returns(trades, balance).to_numpy(dtype=float)
    return _monte_carlo("trade shuffle", "trades", sample, len(sample), shuffled(sample), balance, paths, ruin, seed,
                        barriers=barriers)


def resample_trades(trades: pd.DataFrame, balance: float, *, paths: int = 10_000, ruin: Sequence[float] = RUIN,
                    seed: int = 0, barriers: tuple[float, float] = _NO_BARRIERS) -> MonteCarlo:
    """Draw as many trades as there were, with replacement, many times.

    Says what as many trades of the same kind could have come to. Parameters and errors are those of
    :func:`shuffle_trades`.
    """
    sample = trade_returns(trades, balance).to_numpy(dtype=float)
    return _monte_carlo("trade resample", "trades", sample, len(sample), resampled(sample, len(sample)), balance, paths,
                        ruin, seed, barriers=barriers)


def bootstrap_days(
    returns: ArrayLike,
    balance: float,
    *,
    method: Literal["stationary", "block"] = "stationary",
    days: int | None = None,
    block: int | None = None,
    paths: int = 10_000,
    ruin: Sequence[float] = RUIN,
    seed: int = 0,
    barriers: tuple[float, float] = _NO_BARRIERS,
) -> MonteCarlo:
    """Draw daily returns again in blocks, so that quiet and wild times stay together, many times.

    Parameters
    ----------
    returns
        Daily returns, fractions, in the order of time.
    balance
        Starting equity in the quote currency.
    method
        ``stationary`` (blocks of random length) or ``block`` (of fixed length), both on a circle.
    days
        Length of each path; as many as there are returns when not given.
    block
        (Mean) length of a block in days; the automatic choice of Politis and White (2004, corrected 2009) when
        not given.
    paths, ruin, seed, barriers
        As in :func:`shuffle_trades`.

    Raises
    ------
    InputError
        When an argument cannot be used.
    """
    if method not in ("stationary", "block"):
        raise InputError(f"method is {shown(method)}.", "It is 'stationary' or 'block'.")
    sample = np.asarray(returns, dtype=float)
    steps = len(sample) if days is None else _whole("days", days)
    name: Method = "stationary bootstrap" if method == "stationary" else "block bootstrap"
    length = _block_length(sample, name) if block is None else _whole("block", block)
    blocks = stationary_blocks if method == "stationary" else circular_blocks
    return _monte_carlo(name, "days", sample, steps, blocks(sample, steps, length), balance, paths, ruin, seed, length,
                        barriers)


def project_ahead(
    returns: ArrayLike,
    balance: float,
    *,
    method: Literal["stationary", "block"] = "stationary",
    unit: Literal["days", "trades"] = "days",
    steps: int | None = None,
    block: int | None = None,
    paths: int = 10_000,
    ruin: Sequence[float] = RUIN,
    seed: int = 0,
    barriers: tuple[float, float] = _NO_BARRIERS,
) -> MonteCarlo:
    """Draw what the next period could bring, many times: the mean itself is uncertain.

    See :func:`~jesse_nb.core.analysis.resampling.resampled_paths.predictive`. It takes the next period to be of the
    same kind as the history: an edge that decays, or was chosen with hindsight, brings less.

    Parameters
    ----------
    returns
        Returns (fractions) of days or trades, in the order of time.
    balance
        Equity at the period's beginning, in the quote currency.
    method
        Blocks of random (``stationary``) or of fixed length.
    unit
        What a return is of.
    steps
        Length of the period; as many as there are returns when not given.
    block, paths, ruin, seed, barriers
        As in :func:`bootstrap_days`; the block is 1 for trades.

    Raises
    ------
    InputError
        When an argument cannot be used.
    """
    sample = np.asarray(returns, dtype=float)
    count = len(sample) if steps is None else _whole("steps", steps)
    name: Method = "stationary bootstrap" if method == "stationary" else "block bootstrap"
    length = _whole("block", block) if block is not None else _block_length(sample, name) if unit == "days" else 1
    draw = predictive(sample, count, length, fixed=method == "block")
    return _monte_carlo("projection", unit, sample, count, draw, balance, paths, ruin, seed, length, barriers)


def simulated_paths(
    paths: NDArray[np.float64], returns: ArrayLike, balance: float, *, ruin: Sequence[float] = RUIN,
    barriers: tuple[float, float] = _NO_BARRIERS,
) -> MonteCarlo:
    """Return paths that were simulated, not drawn, with their figures.

    Parameters
    ----------
    paths
        Daily returns of each, (paths, days), fractions.
    returns
        Those of the path that happened, (days,).
    balance, ruin, barriers
        As in :func:`shuffle_trades`.
    """
    sample, waiting = np.asarray(returns, dtype=float), iter(paths)

    def draw(_: np.random.Generator, count: int) -> NDArray[np.float64]:
        return np.array([next(waiting) for _ in range(count)])

    return _monte_carlo("rewritten candles", "days", sample, paths.shape[1], draw, balance, len(paths), ruin, 0, 1,
                        barriers)


def _monte_carlo(method: Method, unit: Literal["trades", "days"], sample: NDArray[np.float64], steps: int, draw: Draw,
                 balance: float, paths: int, ruin: Sequence[float], seed: int, block: int = 1,
                 barriers: tuple[float, float] = _NO_BARRIERS) -> MonteCarlo:
    levels = _levels(ruin)
    if not (math.isfinite(balance) and balance > 0):
        raise InputError(f"The starting balance must be above zero, not {shown(balance)}.")
    count = min(_whole("paths", paths), max(_MOST_DRAWN // max(steps, 1), _LEAST))
    reason = _unusable(sample, unit)
    if not reason:
        with np.errstate(over="ignore"):
            walked = _in_money(walk(draw, steps, count, seed, _logarithms(barriers)), balance)
        if not np.isfinite(walked.growth).all():
            reason = "compounded, the returns exceed every amount of money"
    if reason:
        return _nothing(method, unit, seed, levels, reason)
    if method == "trade shuffle":  # any order comes to the same, but for rounding
        walked.growth[:] = walked.growth[0]
    samples = pd.DataFrame({"final_equity": walked.growth, "max_drawdown": walked.drawdown * 100.0,
                            "longest_underwater": walked.underwater})
    passages = pd.DataFrame({"fell_at": walked.fell_at, "rose_at": walked.rose_at})
    fan = pd.DataFrame(np.quantile(walked.cuts, _QUANTILES, axis=0).T, columns=_COLUMNS,
                       index=pd.Index(walked.moments, name="step"))
    distributions = samples.quantile(list(_QUANTILES)).T.set_axis(_COLUMNS, axis=1)
    alike = steps == len(sample) and method != "projection"  # what comes next has not happened
    actual = _in_money(path_figures(sample[None, :]), balance) if alike else None
    fan["actual"] = actual.cuts[0] if actual else math.nan
    happened = [actual.growth[0], actual.drawdown[0] * 100.0, actual.underwater[0]] if actual else [math.nan] * 3
    distributions["actual"] = happened
    distributions["rank"] = [_rank(samples[name].to_numpy(dtype=float), value)
                             for name, value in zip(_FIGURES, happened, strict=True)]
    loss = float((samples["final_equity"] < balance).mean())
    if method == "trade shuffle":
        loss = distributions.loc["final_equity", "rank"] = math.nan
    # a fall to exactly the level must count whatever the last bit says
    ruined = [float((samples["max_drawdown"] <= -level + 1e-9).mean()) for level in levels]
    return MonteCarlo(method, unit, count, steps, block, seed, distributions, loss, _by_level(ruined, levels), fan,
                      samples, passages)


def _logarithms(barriers: tuple[float, float]) -> tuple[float, float]:
    """Return barriers as logarithms; a lower one of zero is a total loss."""
    low, high = barriers
    return (math.log(low) if low > 0 else -math.inf), math.log(high)


def _in_money(figures: PathFigures, balance: float) -> PathFigures:
    return figures._replace(growth=balance * np.exp(figures.growth), cuts=balance * np.exp(figures.cuts))


def _rank(values: NDArray[np.float64], actual: float) -> float:
    if math.isnan(actual):
        return math.nan
    # the same returns in another order differ in the last bits
    level = np.isclose(values, actual, rtol=1e-9, atol=0.0)
    return float((((values < actual) & ~level).sum() + 0.5 * level.sum()) / len(values))


def _block_length(sample: NDArray[np.float64], method: Method) -> int:
    from arch.bootstrap import optimal_block_length

    if _unusable(sample, "days"):
        return 1
    column = "stationary" if method == "stationary bootstrap" else "circular"
    length = float(optimal_block_length(sample)[column].iloc[0])
    return min(max(round(length), 1), len(sample)) if math.isfinite(length) else 1


def _unusable(sample: NDArray[np.float64], unit: str) -> str:
    if account_lost(sample):
        return "the account was lost, and there is nothing after a total loss to draw from"
    if len(sample) < FEWEST:
        return shortage(len(sample), unit.removesuffix("s"), FEWEST)
    if not np.isfinite(sample).all():
        return "some returns are undefined"
    if float(np.ptp(sample)) < 1e-14:
        return "the returns do not vary"
    return ""


def _nothing(method: Method, unit: Literal["trades", "days"], seed: int, levels: list[float],
             reason: str) -> MonteCarlo:
    rows = list(_FIGURES)
    return MonteCarlo(
        method, unit, 0, 0, 0, seed,
        pd.DataFrame(math.nan, index=rows, columns=[*_COLUMNS, "actual", "rank"]), math.nan,
        _by_level([math.nan] * len(levels), levels),
        pd.DataFrame(columns=[*_COLUMNS, "actual"], index=pd.Index([], name="step"), dtype=float),
        pd.DataFrame(columns=rows, dtype=float), pd.DataFrame(columns=["fell_at", "rose_at"]), reason)


def _by_level(values: list[float], levels: list[float]) -> pd.Series[float]:
    return pd.Series(values, index=pd.Index(levels, name="drawdown"), name="probability", dtype=float)


def _levels(ruin: Sequence[float]) -> list[float]:
    levels = sorted({float(level) for level in ruin})
    if not all(0 < level <= 100 for level in levels):
        raise InputError(f"ruin is {shown(list(ruin))}.", "Levels are drawdowns in percent, above 0 and up to 100.")
    return levels


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InputError(f"{name} is {shown(value)}.", "It is a whole number from 1 up.")
    return int(value)
