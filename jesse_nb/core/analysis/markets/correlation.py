"""How several return series move together: correlations with their errors, shrunk matrices, eigenvalues, clusters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.exceptions import InputError

__all__ = ["CorrelationMethod", "Draw", "Shrinkage", "cluster_order", "correlate", "correlation_draws",
           "correlation_intervals", "eigenvalues",
           "in_lower_tail", "joint_block_length", "marchenko_pastur_edges", "shrink", "zero_tests"]

CorrelationMethod = Literal["pearson", "spearman", "kendall"]
Shrinkage = Literal["ledoit_wolf", "rmt"]

Matrix = NDArray[np.float64]

#: Kendall's errors compare every observation with every other.
KENDALL_MOST = 5_000


class Draw(NamedTuple):
    """One resample: its correlations, and how many observations are in both tails, each (N, N)."""

    correlation: Matrix
    joint_tail: Matrix


def correlate(returns: pd.DataFrame, method: CorrelationMethod = "pearson") -> pd.DataFrame:
    """Return the correlations of the columns.

    Parameters
    ----------
    returns
        One row an observation, without gaps.
    method
        ``pearson``, ``spearman`` or ``kendall`` (tau-b).

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1.0, 3.0, 2.0, 4.0]})
    >>> round(correlate(frame, "kendall").loc["a", "b"], 4)
    0.6667
    """
    return returns.corr(method=method)


def joint_block_length(values: Matrix) -> int:
    """Return the mean length of blocks that keep what correlations depend on.

    Politis and White's choice for the products of each pair's standardized returns, whose mean a correlation is:
    the mean over the pairs, at least the cube root of the observations, at most a tenth of them.

    Parameters
    ----------
    values
        Returns, (observations, columns).
    """
    from arch.bootstrap import optimal_block_length

    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    first, second = np.triu_indices(values.shape[1], 1)
    chosen = optimal_block_length(standard[:, first] * standard[:, second])["stationary"].to_numpy(dtype=float)
    mean = float(np.nanmean(chosen)) if np.isfinite(chosen).any() else 1.0
    return max(1, min(max(round(mean), round(float(len(values) ** (1 / 3)))), len(values) // 10))


def correlation_draws(
    values: Matrix, method: CorrelationMethod, tail: float, *, block: int, resamples: int, seed: int
) -> Iterator[Draw]:
    """Yield the correlations of resamples in blocks: all columns at the same moments, so that they stay together.

    Politis and Romano's stationary bootstrap. Kendall's are resampled by their first-order term (Hoeffding's
    projection), as the whole would compare all pairs of observations anew each time.

    Parameters
    ----------
    values
        Returns, (observations, columns).
    method
        As in :func:`correlate`.
    tail
        Which share of the observations is each column's lower tail.
    block
        Mean length of the blocks.
    resamples
        How many.
    seed
        Makes them repeatable.

    Raises
    ------
    InputError
        When Kendall's would compare more than 5,000 observations with each other.
    """
    from arch.bootstrap import StationaryBootstrap
    from scipy.stats import rankdata

    drawer = StationaryBootstrap(block, np.arange(len(values)), seed=seed)
    lower = in_lower_tail(values, tail).astype(float)
    projected = _kendall_projection(values) if method == "kendall" else None
    for _ in range(resamples):
        rows = drawer.update_indices()
        if projected is not None:
            drawn = projected.mean(axis=0) + 2.0 * (projected[rows].mean(axis=0) - projected.mean(axis=0))
        else:
            drawn = np.corrcoef(rankdata(values[rows], axis=0) if method == "spearman" else values[rows],
                                rowvar=False)
        both = lower[rows]
        yield Draw(drawn, both.T @ both)


def in_lower_tail(values: Matrix, tail: float) -> NDArray[np.bool_]:
    """Tell of each observation whether it is among its column's lowest: the share ``tail``, rounded down."""
    from scipy.stats import rankdata

    lowest: NDArray[np.bool_] = rankdata(values, method="ordinal", axis=0) <= math.floor(tail * len(values))
    return lowest


def _kendall_projection(values: Matrix) -> Matrix:
    """Return, for each observation, its mean concordance with all others: (observations, N, N)."""
    count, columns = values.shape
    if count > KENDALL_MOST:
        raise InputError.of("method", f"is 'kendall', and there are {count:,} observations.",
                            f"It takes at most {KENDALL_MOST:,}: take 'spearman', a longer timeframe or a shorter "
                            "period.")
    found = np.empty((count, columns, columns))
    for row in range(count):
        signs = np.sign(values[row] - values)
        found[row] = signs.T @ signs / (count - 1)
    return found


def correlation_intervals(draws: Matrix) -> tuple[Matrix, Matrix]:
    """Return the 95 % interval of each correlation: the middle of its resamples.

    Parameters
    ----------
    draws
        Correlations of the resamples, (resamples, ...).
    """
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return low, high


def zero_tests(values: Matrix, method: CorrelationMethod) -> Matrix:
    """Return the p-value of "it is zero" for each pair, (N, N).

    A correlation is a mean of products of standardized returns (of ranks for ``spearman`` and ``kendall``). Sums of
    them over blocks of as many observations as the cube root of all are taken for independent, and Student's t-test
    asks whether their mean is zero: so neither wild times that both share, nor fat tails, nor short memory pass for a
    correlation. It has its stated rate of errors where the standard error of a bootstrap has twice that
    (``tests.calibration.correlations``).
    """
    from scipy.stats import rankdata, ttest_1samp

    taken = values if method == "pearson" else rankdata(values, axis=0)
    standard = (taken - taken.mean(axis=0)) / taken.std(axis=0)
    length = max(1, round(float(len(values) ** (1 / 3))))
    blocks = len(values) // length
    parts = standard[: blocks * length].reshape(blocks, length, -1)
    found: Matrix = ttest_1samp(np.einsum("bti,btj->bij", parts, parts), 0.0, axis=0).pvalue
    return found


def shrink(returns: pd.DataFrame, method: Shrinkage, raw: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return a matrix with less noise in it, and how much was taken out.

    Parameters
    ----------
    returns
        One row an observation.
    method
        ``ledoit_wolf``: a weighted mean with the unit matrix (Ledoit and Wolf 2004, of standardized returns); only of
        Pearson's. ``rmt``: eigenvalues that noise alone could have (below Marchenko and Pastur's upper edge) are
        replaced by their mean, and the diagonal is made one again (Laloux et al. 1999).
    raw
        The matrix of :func:`correlate`.

    Returns
    -------
    matrix, intensity
        Ledoit and Wolf's weight of the unit matrix, or the share of eigenvalues that were replaced.
    """
    if method == "ledoit_wolf":
        from sklearn.covariance import ledoit_wolf

        values = returns.to_numpy(dtype=float)
        covariance, weight = ledoit_wolf((values - values.mean(axis=0)) / values.std(axis=0))
        return _framed(_unit_diagonal(covariance), raw), float(weight)
    roots, vectors = np.linalg.eigh(raw.to_numpy(dtype=float))
    noise = roots <= marchenko_pastur_edges(*returns.shape)[1]
    if noise.any():
        roots[noise] = roots[noise].mean()
    return _framed(_unit_diagonal(vectors * roots @ vectors.T), raw), float(noise.mean())


def _unit_diagonal(matrix: Matrix) -> Matrix:
    scale = 1.0 / np.sqrt(np.diag(matrix))
    scaled: Matrix = matrix * np.outer(scale, scale)
    np.fill_diagonal(scaled, 1.0)
    return scaled


def _framed(matrix: Matrix, like: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(matrix, index=like.index, columns=like.columns)


def marchenko_pastur_edges(observations: int, columns: int) -> tuple[float, float]:
    """Return between which values all eigenvalues of a correlation matrix of pure noise lie.

    ``(1 ± sqrt(N / T))²`` (Marchenko and Pastur 1967), for many columns; of few, the largest goes beyond by chance.

    Examples
    --------
    >>> [round(edge, 4) for edge in marchenko_pastur_edges(365, 10)]
    [0.6964, 1.3584]
    """
    ratio = math.sqrt(columns / observations)
    return (1.0 - ratio) ** 2, (1.0 + ratio) ** 2


def eigenvalues(matrix: pd.DataFrame) -> NDArray[np.float64]:
    """Return a correlation matrix's eigenvalues, the largest first."""
    return np.linalg.eigvalsh(matrix.to_numpy(dtype=float))[::-1]


def cluster_order(matrix: pd.DataFrame) -> list[str]:
    """Return the names so that those that move together stand together.

    Average linkage of the distances ``sqrt((1 - r) / 2)``, with neighbours as close as the tree allows.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(matrix) < 3:
        return [str(name) for name in matrix.columns]
    distance = np.sqrt(np.clip((1.0 - matrix.to_numpy(dtype=float)) / 2.0, 0.0, 1.0))
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform((distance + distance.T) / 2.0, checks=False), "average", optimal_ordering=True)
    return [str(matrix.columns[place]) for place in leaves_list(tree)]
