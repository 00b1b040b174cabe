"""What divisions of money came to: beside an equal one, by part, and in drawdowns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.markets.rebalancing import HeldTogether
from jesse_nb.core.analysis.markets.weights import risk_shares
from jesse_nb.core.study.ratios import PERIODS, equity_ratios

__all__ = ["FEWEST_COMPARED", "allocation_table", "division_table", "figures_of", "joint_drawdowns"]

#: Days below which resampling does not tell how sure a Sharpe ratio is.
FEWEST_COMPARED = 30
_RESAMPLES = 1_000


def allocation_table(held: Mapping[str, HeldTogether], alone: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Compare divisions of the money with each other, and with each part alone.

    Parameters
    ----------
    held
        By the division's name, on the same days.
    alone
        Each part's daily returns on these days.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Index the name; ``kind`` is ``division`` or ``part``. ``annual_return``, ``volatility`` (a year),
        ``max_drawdown``: percent. ``sharpe``: a year. ``turnover``: how often a year the whole account is moved
        (both what is taken out and what is put in count). ``costs``: percent a year. Beside the equal division:
        ``sharpe_gain`` with its 95 % interval ``gain_low``, ``gain_high`` and the p-value of "it is none", ``p``, and
        ``p_adjusted`` for all divisions tried (Holm). By a stationary bootstrap of the days of both together; NaN of
        the equal division, of parts, where there is no equal one, and of fewer than 30 days.
    """
    moments = next(iter(held.values())).equity.index
    rows: dict[str, dict[str, Any]] = {name: {"kind": "division"} | figures_of(allocation.equity) | _moved(allocation)
                                       for name, allocation in held.items()}
    rows |= {str(name): {"kind": "part"} | figures_of(
        pd.Series(np.cumprod(np.r_[1.0, 1.0 + alone[name].to_numpy(dtype=float)]), index=moments))
             for name in alone if str(name) not in rows}
    table = pd.DataFrame.from_dict(rows, orient="index")
    compared = "equal" in held and len(held) > 1 and len(alone) >= FEWEST_COMPARED
    return table.join(_gains(held, seed)) if compared else table.assign(**dict.fromkeys(_GAINS, math.nan))


_GAINS = ("sharpe_gain", "gain_low", "gain_high", "p", "p_adjusted")


def figures_of(equity: pd.Series[float]) -> dict[str, float]:
    """Return ``annual_return``, ``volatility`` and ``max_drawdown`` (percent) and ``sharpe`` of a value by day."""
    ratios = equity_ratios(equity)
    steps = equity.pct_change().iloc[1:]
    below = float((equity / equity.cummax() - 1.0).min())
    return {"annual_return": ratios["annual_return"],
            "volatility": float(steps.std()) * math.sqrt(PERIODS) * 100.0, "sharpe": ratios["sharpe_ratio"],
            "max_drawdown": below * 100.0}


def _moved(one: HeldTogether) -> dict[str, float]:
    years = len(one.weights) / PERIODS
    return {"turnover": float(one.turnover.sum()) / years,
            "costs": -float(one.contributions["costs"].sum()) / years * 100.0}


def _gains(held: Mapping[str, HeldTogether], seed: int) -> pd.DataFrame:
    """Return how much larger each Sharpe ratio is than the equal division's, and how sure that is."""
    from arch.bootstrap import StationaryBootstrap, optimal_block_length
    from scipy.stats import norm
    from statsmodels.stats.multitest import multipletests

    names = [name for name in held if name != "equal"]
    values = np.column_stack([held[name].returns.to_numpy() for name in ("equal", *names)])
    apart = values[:, 1:] - values[:, :1]
    apart = apart[:, np.ptp(apart, axis=0) > 1e-14]  # given weights may be equal ones
    chosen = optimal_block_length(apart)["stationary"].to_numpy(dtype=float) if apart.size else np.array([1.0])
    block = max(1, min(round(float(np.nanmax(np.r_[1.0, chosen[np.isfinite(chosen)]]))), len(values) // 4))
    drawer = StationaryBootstrap(block, np.arange(len(values)), seed=seed)
    drawn = np.array([_gain(values[drawer.update_indices()]) for _ in range(_RESAMPLES)])
    gain, error = _gain(values), np.nanstd(drawn, axis=0, ddof=1)
    known = np.isfinite(gain) & (error > 0)
    p = np.where(known, 2.0 * norm.sf(np.divide(np.abs(gain), error, out=np.zeros_like(gain), where=known)), np.nan)
    adjusted = np.full_like(p, np.nan)
    if known.any():
        adjusted[known] = multipletests(p[known], 0.05, "holm")[1]
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0) if known.any() else (np.full_like(p, np.nan),) * 2
    return pd.DataFrame(dict(zip(_GAINS, (gain, low, high, p, adjusted), strict=True)), index=names)


def _gain(values: NDArray[np.float64]) -> NDArray[np.float64]:
    deviations = values.std(axis=0, ddof=1)
    ratios = np.divide(values.mean(axis=0), deviations, out=np.full(len(deviations), np.nan), where=deviations > 0)
    gains: NDArray[np.float64] = (ratios[1:] - ratios[0]) * math.sqrt(PERIODS)
    return gains


def division_table(held: HeldTogether, alone: pd.DataFrame) -> pd.DataFrame:
    """Return what each part had of the money, of the risk and of the gain.

    Parameters
    ----------
    held
        The chosen division.
    alone
        Each part's daily returns on its days.

    Returns
    -------
    pandas.DataFrame
        Index the parts, and ``costs``. ``money``: mean share of the money. ``risk``: share of the variance; both add
        up to one. ``gain``: sum of what it added to each day's return, percent; these add up to the sum of the
        portfolio's daily returns. ``volatility``: of the part alone, percent a year.
    """
    contributions = held.contributions
    return pd.DataFrame({
        "money": held.weights.mean().reindex(contributions.columns, fill_value=0.0),
        "risk": risk_shares(contributions), "gain": contributions.sum() * 100.0,
        "volatility": (alone.std() * math.sqrt(PERIODS) * 100.0).reindex(contributions.columns, fill_value=0.0),
    })


def joint_drawdowns(worst: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """Return what each part did while the whole fell.

    Parameters
    ----------
    worst
        Drawdowns with ``start``, ``trough``, ``recovery`` and ``depth``.
    parts
        Value by day of each part.

    Returns
    -------
    pandas.DataFrame
        These columns, and for each part its return from start to trough, percent.
    """
    found = worst[["start", "trough", "recovery", "depth"]].reset_index(drop=True)
    for name in parts:
        value = parts[name]
        found[name] = [float(value[row["trough"]] / value[row["start"]] - 1.0) * 100.0 if value[row["start"]] > 0
                       else math.nan for _, row in found.iterrows()]
    return found
