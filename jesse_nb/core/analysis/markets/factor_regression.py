"""How much of a return series factors explain: regression with errors that allow for clusters, and its attribution."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.exceptions import InputError

__all__ = ["ALPHA", "FactorRegression", "factor_regression", "fewest_days", "linked_contributions",
           "newey_west_lags", "rolling_betas"]

#: What the part of a return is called that does not come with any factor.
ALPHA = "alpha"

_DAYS_A_YEAR = 365
#: Days for each coefficient, and days in all, at the least.
_DAYS_A_COEFFICIENT, _FEWEST = 10, 30
#: Of a factor's variance, what the other factors must leave.
_LEAST_OWN = 1e-8


class FactorRegression(NamedTuple):
    """What a regression on factors gave.

    Attributes
    ----------
    table
        One row for alpha (a day, fraction) and for each factor. Columns ``value``, ``error`` (standard error), ``t``,
        ``p`` (two-sided, of no effect), ``low``, ``high`` (95 %), ``inflation`` (variance inflation factor; NaN for
        alpha).
    residuals
        A day's return less what alpha and factors say of it.
    r_squared, adjusted
        Share of the variance that factors explain, and the same adjusted for their number.
    lags
        Days over which errors may depend on each other.
    days
        Observations.
    """

    table: pd.DataFrame
    residuals: pd.Series[float]
    r_squared: float
    adjusted: float
    lags: int
    days: int

    @property
    def alpha_a_year(self) -> float:
        """Alpha times 365, a fraction: not compounded."""
        return float(self.table["value"].to_numpy(dtype=float)[0]) * _DAYS_A_YEAR


def newey_west_lags(days: int) -> int:
    """Return the lags of Newey and West's rule, the whole part of 4 (T/100)^(2/9).

    Newey and West, Review of Economic Studies 61 (1994), 631-653, as commonly applied with Bartlett weights.

    Examples
    --------
    >>> newey_west_lags(365)
    5
    """
    return int(4.0 * (days / 100.0) ** (2.0 / 9.0))


def fewest_days(factors: int) -> int:
    """Return how many days a regression on so many factors needs: ten for alpha and each of them, and thirty in all.

    Examples
    --------
    >>> fewest_days(1), fewest_days(4)
    (30, 50)
    """
    return max(_FEWEST, _DAYS_A_COEFFICIENT * (factors + 1))


def factor_regression(returns: pd.Series[float], factors: pd.DataFrame, lags: int | None = None) -> FactorRegression:
    """Regress returns on factors by least squares, with errors robust to changing variance and to clusters.

    Errors are those of Newey and West (Econometrica 55, 1987, 703-708) with Bartlett weights and the correction for few
    observations, T / (T - k); tests and intervals take Student's t with T - k degrees of freedom.

    Parameters
    ----------
    returns
        Daily, fractions.
    factors
        Daily, fractions: the same days, one column a factor.
    lags
        Of the errors; :func:`newey_west_lags` without it.

    Raises
    ------
    InputError
        With too few days, a constant series, a factor that others make up exactly, or unfit ``lags``.

    Examples
    --------
    >>> days = pd.date_range("2024-01-01", periods=100, tz="UTC")
    >>> market = pd.DataFrame({"market": np.sin(np.arange(100.0))}, index=days)
    >>> found = factor_regression(0.5 * market["market"] + 0.001, market)
    >>> found.table["value"].round(6).to_dict()
    {'alpha': 0.001, 'market': 0.5}
    """
    _check(returns, factors)
    days, count = len(returns), factors.shape[1] + 1
    lags = newey_west_lags(days) if lags is None else lags
    if lags >= days // 2:
        raise InputError.of("hac_lags", f"is {lags:,}, of {days:,} days.", f"It is below half of them, {days // 2:,}.")
    from statsmodels.regression.linear_model import OLS

    design = np.column_stack([np.ones(days), factors.to_numpy(dtype=float)])
    fit = OLS(returns.to_numpy(dtype=float), design).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    limits = fit.conf_int(0.05)
    table = pd.DataFrame({
        "value": fit.params, "error": fit.bse, "t": fit.tvalues, "p": fit.pvalues, "low": limits[:, 0],
        "high": limits[:, 1], "inflation": [math.nan, *_inflation(factors)],
    }, index=pd.Index([ALPHA, *map(str, factors.columns)], name="factor"))
    spread = float(np.square(returns - returns.mean()).sum())
    explained = 1.0 - float(np.square(fit.resid).sum()) / spread
    return FactorRegression(table, pd.Series(fit.resid, index=returns.index, name="residual"), explained,
                            1.0 - (1.0 - explained) * (days - 1) / (days - count), lags, days)


def rolling_betas(returns: pd.Series[float], factors: pd.DataFrame, window: int) -> pd.DataFrame:
    """Return alpha and betas of each stretch of ``window`` days, at its last day.

    Parameters
    ----------
    returns, factors
        As in :func:`factor_regression`.
    window
        Days.

    Returns
    -------
    pandas.DataFrame
        One row a day from the first whole window on; columns as the rows of the regression's table. Rows of windows in
        which a factor does not move are NaN.
    """
    from statsmodels.regression.rolling import RollingOLS

    design = np.column_stack([np.ones(len(returns)), factors.to_numpy(dtype=float)])
    with np.errstate(all="ignore"):
        fit = RollingOLS(returns.to_numpy(dtype=float), design, window=window).fit(params_only=True)
    frame = pd.DataFrame(np.asarray(fit.params), index=returns.index, columns=[ALPHA, *map(str, factors.columns)])
    moved = factors.rolling(window).std().gt(0).all(axis=1)
    return frame.where(moved)[window - 1:]


def linked_contributions(returns: pd.Series[float], parts: pd.DataFrame) -> pd.Series[float]:
    """Return what each part contributed to the compounded return; they add up to it.

    A day's parts add up to its return, but returns compound. Each day's parts are weighted so that their sums over the
    days add up to the whole: David Cariño, Combining Attribution Effects Over Time, Journal of Performance Measurement
    3 (4), 1999, 5-14.

    Parameters
    ----------
    returns
        Daily, fractions.
    parts
        The same days, one column a part; each row adds up to the day's return.

    Raises
    ------
    InputError
        When the account was lost, so that nothing compounds.

    Examples
    --------
    >>> returns = pd.Series([0.10, -0.05])
    >>> parts = pd.DataFrame({"market": [0.08, -0.05], "rest": [0.02, 0.0]})
    >>> found = linked_contributions(returns, parts)
    >>> round(found.sum(), 12) == round(1.10 * 0.95 - 1.0, 12)
    True
    """
    values = returns.to_numpy(dtype=float)
    if (values <= -1.0).any():
        raise InputError("The account was lost, so that returns after it do not compound.", "", argument="result")
    whole = math.expm1(float(np.log1p(values).sum()))
    weights = _log_over_return(values) / _log_over_return(np.array([whole]))[0]
    return pd.Series(weights @ parts.to_numpy(dtype=float), index=parts.columns)


def _log_over_return(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(1 + r) / r, and 1 for no return."""
    small = np.abs(values) < 1e-12
    return np.where(small, 1.0, np.log1p(values) / np.where(small, 1.0, values))


def _check(returns: pd.Series[float], factors: pd.DataFrame) -> None:
    needed = fewest_days(factors.shape[1])
    if len(returns) < needed:
        raise InputError(f"Result and factors share {len(returns):,} days.",
                         f"A regression on {counted(factors.shape[1], 'factor')} needs {needed}: more days "
                         "of both, or fewer factors.", argument="factors")
    if not np.isfinite(returns.to_numpy(dtype=float)).all() or not np.isfinite(factors.to_numpy(dtype=float)).all():
        raise InputError.of("factor_returns", "has days without a number.", "Leave those days out.")
    if np.ptp(returns.to_numpy(dtype=float)) == 0:
        raise InputError("The result's equity never moves.", "There is nothing to explain.", argument="result")
    still = [str(name) for name in factors if np.ptp(factors[name].to_numpy(dtype=float)) == 0]
    if still:
        raise InputError.of("factors", f"holds {still[0]}, which never moves.", "Leave it out.")
    made_up = [str(name) for name, factor in zip(factors, _inflation(factors), strict=True)
               if factor > 1.0 / _LEAST_OWN]
    if made_up:
        raise InputError.of("factors", f"holds {made_up[0]}, which the others make up.", "Leave one of them out.")


def _inflation(factors: pd.DataFrame) -> list[float]:
    """Return the variance inflation factors: of each factor, 1 / (1 - R²) of its regression on the others."""
    values = factors.to_numpy(dtype=float)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    found = []
    for column in range(values.shape[1]):
        own, others = values[:, column], np.delete(values, column, axis=1)
        rest = own - others @ np.linalg.lstsq(others, own, rcond=None)[0] if others.shape[1] else own
        left = float(rest @ rest) / float(own @ own)
        found.append(1.0 / left if left > 0 else math.inf)
    return found
