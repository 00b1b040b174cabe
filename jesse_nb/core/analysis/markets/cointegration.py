"""Whether two series of prices hold together: Engle and Granger, Johansen, hedge ratios, half-lives.

All of it is of log prices. Returns of any two markets pass a test for cointegration, as each is stationary by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["CointegrationMethod", "CointegrationTest", "HalfLife", "HedgeMethod", "Johansen", "engle_granger",
           "half_life", "hedge_ratio", "johansen", "johansen_pair", "unit_root_p"]

CointegrationMethod = Literal["engle_granger", "johansen"]
HedgeMethod = Literal["ols", "tls"]

#: Mean and variance of Johansen's trace statistic of two unrelated random walks without drift, constant unrestricted,
#: from 50,000 simulated ones (``python -m tests.calibration.cointegration trace``).
_TRACE_MEAN, _TRACE_VARIANCE = 9.9535, 18.3824

#: Of a normal distribution, both sides of 95 %.
_NORMAL_95 = 1.959963984540054

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CointegrationTest:
    """Whether two series hold together.

    Attributes
    ----------
    statistic
        Of the test.
    p
        How often two unrelated random walks give one that says so as clearly.
    lags
        Differences of the past that the test takes into account.
    """

    statistic: float
    p: float
    lags: int


@dataclass(frozen=True)
class Johansen:
    """Johansen's statistics; the first of each is of "nothing holds them together".

    Attributes
    ----------
    eigenvalues
        Largest first.
    trace, maximum
        Trace and maximum-eigenvalue statistics.
    """

    eigenvalues: Floats
    trace: Floats
    maximum: Floats


@dataclass(frozen=True)
class HalfLife:
    """In how many steps half of a deviation is gone, and its 95 % interval; infinite where it does not shrink."""

    value: float
    low: float
    high: float


def engle_granger(y: Floats, x: Floats) -> CointegrationTest:
    """Test whether ``y`` less a multiple of ``x`` comes back (Engle and Granger 1987), constant included.

    The p-value is MacKinnon's, as ``statsmodels.tsa.stattools.coint`` has it; lags are chosen by Akaike's criterion.
    Which series is the first matters: taking the better of both orders finds too much.

    Parameters
    ----------
    y, x
        Logs of prices at the same moments, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from jesse_nb.core.analysis.markets.cointegration import engle_granger
    >>> random = np.random.default_rng(0)
    >>> x = np.cumsum(random.normal(size=500))
    >>> engle_granger(2.0 * x + random.normal(size=500), x).p < 0.001
    True
    """
    from statsmodels.tsa.stattools import coint

    _, _, rest = _regressed(y, x)
    lags = _best_lags(rest, constant=False)
    statistic, p, _ = coint(y, x, trend="c", maxlag=lags, autolag=None)
    return CointegrationTest(float(statistic), float(p), lags)


def unit_root_p(series: Floats) -> float:
    """Return the p-value of Dickey and Fuller's test against a random walk, constant included, lags by Akaike's."""
    from statsmodels.tsa.stattools import adfuller

    return float(adfuller(series, maxlag=_best_lags(series, constant=True), autolag=None, regression="c")[1])


def johansen(
    levels: Floats, lags: int = 1, *, constant: Literal["restricted", "unrestricted"] = "unrestricted",
    beside: Floats | None = None,
) -> Johansen:
    """Return Johansen's trace and maximum-eigenvalue statistics (Johansen 1991).

    Parameters
    ----------
    levels
        Logs of prices, shape (n, series).
    lags
        Differences of the past that are taken into account.
    constant
        ``restricted`` to what holds the series together, or ``unrestricted``, where they may drift.
    beside
        What else explains the differences, shape (n, columns), such as seasons.
    """
    steps = np.diff(levels, axis=0)
    now, before = steps[lags:], levels[lags:-1]
    known = [steps[lags - back:len(steps) - back] for back in range(1, lags + 1)]
    if beside is not None:
        known.append(beside[lags + 1:])
    if constant == "restricted":
        before = np.column_stack([before, np.ones(len(before))])
    else:
        known.append(np.ones((len(now), 1)))
    if known:
        explained = np.column_stack(known)
        now, before = (part - explained @ np.linalg.lstsq(explained, part, rcond=None)[0] for part in (now, before))
    count, series = len(now), levels.shape[1]
    cross = before.T @ now / count
    matrix = np.linalg.solve(before.T @ before / count, cross @ np.linalg.solve(now.T @ now / count, cross.T))
    found = np.clip(np.sort(np.linalg.eigvals(matrix).real)[::-1][:series], 0.0, 1.0 - 1e-15)
    maximum = -count * np.log1p(-found)
    return Johansen(found, np.cumsum(maximum[::-1])[::-1], maximum)


def johansen_pair(y: Floats, x: Floats) -> CointegrationTest:
    """Test by Johansen's trace statistic whether anything holds two series together; their order does not matter.

    The p-value is of random walks without drift: a gamma distribution with the mean and the variance of simulated
    statistics (Doornik 1998 shows how well it fits). With drift the statistic is smaller, so the test is careful.

    Parameters
    ----------
    y, x
        Logs of prices at the same moments, shape (n,).
    """
    from scipy.stats import gamma

    statistic = float(johansen(np.column_stack([y, x])).trace[0])
    shape, scale = _TRACE_MEAN**2 / _TRACE_VARIANCE, _TRACE_VARIANCE / _TRACE_MEAN
    return CointegrationTest(statistic, float(gamma.sf(statistic, shape, scale=scale)), 1)


def hedge_ratio(y: Floats, x: Floats, method: HedgeMethod = "ols") -> tuple[float, float]:
    """Return constant and slope of ``y`` on ``x``: by least squares, or by total least squares, where neither leads.

    Parameters
    ----------
    y, x
        Logs of prices at the same moments, shape (n,).
    method
        ``ols`` or ``tls``.
    """
    if method == "ols":
        constant, slope, _ = _regressed(y, x)
        return constant, slope
    _, directions = np.linalg.eigh(np.cov(x, y))
    along_x, along_y = (float(part) for part in directions[:, -1])
    slope = along_y / along_x if along_x else math.inf
    return float(np.mean(y)) - slope * float(np.mean(x)), slope


def half_life(spread: Floats) -> HalfLife:
    """Return in how many steps half of a deviation from the mean is gone.

    It is -ln 2 / ln b of the regression of each value on the one before, b its slope; the interval is that of
    b plus and minus 1.96 standard errors. Slopes are estimated too low on short series, so it is rather too short.

    Examples
    --------
    >>> import numpy as np
    >>> from jesse_nb.core.analysis.markets.cointegration import half_life
    >>> spread = 0.95 ** np.arange(50.0)
    >>> round(half_life(spread).value, 3)
    13.513
    """
    before, now = spread[:-1], spread[1:]
    _, slope, rest = _regressed(now, before)
    error = math.sqrt(float(rest @ rest) / max(len(now) - 2, 1) / float(np.sum((before - before.mean()) ** 2)))
    low, value, high = (_steps(slope + side * _NORMAL_95 * error) for side in (-1, 0, 1))
    return HalfLife(value, low, high)


def _steps(slope: float) -> float:
    if slope >= 1:
        return math.inf
    return 0.0 if slope <= 0 else -math.log(2) / math.log(slope)


def _regressed(y: Floats, x: Floats) -> tuple[float, float, Floats]:
    """Return constant, slope and rest of a regression by least squares."""
    centre = x - x.mean()
    slope = float(centre @ y / (centre @ centre))
    constant = float(y.mean()) - slope * float(x.mean())
    return constant, slope, y - constant - slope * x


def _best_lags(series: Floats, *, constant: bool) -> int:
    """Return the lags that Akaike's criterion chooses for a test of a unit root, as ``adfuller(autolag="AIC")`` does.

    The regressions are nested, so that one decomposition gives the squares left by each of them.
    """
    steps = np.diff(series)
    most = min(math.ceil(12 * (len(series) / 100) ** 0.25), len(series) // 2 - (2 if constant else 1))
    rows = len(steps) - most
    columns = [*([np.ones(rows)] if constant else []), series[most:-1],
               *(steps[most - back:len(steps) - back] for back in range(1, most + 1))]
    turned = np.linalg.qr(np.column_stack(columns))[0].T @ steps[most:]
    fewest = len(columns) - most
    left = float(steps[most:] @ steps[most:]) - np.cumsum(turned**2)[fewest - 1:]
    return int(np.argmin(rows * np.log(np.maximum(left, 1e-300)) + 2 * np.arange(len(left))))
