"""Whether the mean of some observations differs from that of the others, where spread and skew may differ too.

Trading results are skewed, and their size follows the market's volatility, so neither ranks nor a t-test answer this:
with results of zero expectation, ranks call the volatile times different, and a t-test calls a group of small losses
different that merely missed its one large gain. Permutations keep the skew. A mean counts as different only if it
is so against the spread within the groups (studentized permutation: Janssen 1997; Chung & Romano 2013, which holds
where spreads differ) *and* against the spread of all: the first alone is deceived by a group whose few results are
alike, the second alone by a group of wild ones. Where groups differ in the size of their results by far more than
chance, a large group of a few alike results deceives both: there, the share of its gains in all that it moved counts
as a third, with results permuted whose sizes by group are taken out. Where a few huge results decide every mean, a
group that met none of them so far passes for worse, and no test tells: by the index of their tail (Hill 1975) nothing
is tested then. Measured by
``tests/calibration/mean_differences.py``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST", "HEAVIEST", "MeanDifferences", "mean_differences"]

#: Fewer observations than this, in a group or outside of it, are not tested.
FEWEST = 5

#: Below this index of their tail, means of results are not compared: at 2 and less there is no variance. An estimate
#: from few results varies: of 100, three in four with an index of 1.6 are left out, and one in four with a variance.
HEAVIEST = 1.8
#: What counts as the tail: this share of all observations, and so many at least. Four times as many must there be.
_TAIL, _FEWEST_OF_TAIL = 0.05, 5

_FIRST, _ALL = 999, 9_999
#: With a p-value below this after the first permutations, all are drawn.
_CLOSE = 0.01
#: Values that are drawn for one answer, and held in memory at a time.
_MOST_DRAWN, _AT_ONCE = 30_000_000, 1_000_000

#: Sizes of results differ by group where the standard deviation of their logarithm among so many groups is as large,
#: and beyond what this share of permutations has.
_FEWEST_GROUPS, _UNEQUAL, _BEYOND, _TRIED = 7, 0.6, 0.99, 199

_Floats = NDArray[np.float64]
_Integers = NDArray[np.int64]


class MeanDifferences(NamedTuple):
    """By group, in the order of their codes.

    ``codes``, how many ``observations`` each has, their ``difference`` in mean from all others (NaN of a single
    group), and ``p``, two-sided; NaN where there are too few observations, or no variation at all, or where a few huge
    results decide all means (``tail``, the index of their tail, is below :data:`HEAVIEST`; infinite without a tail).
    """

    codes: _Integers
    observations: _Integers
    difference: _Floats
    p: _Floats
    tail: float


def mean_differences(values: _Floats, codes: _Integers, together: _Integers, *, seed: int = 0) -> MeanDifferences:
    """Test the mean of each group's values against that of all others.

    Values of one group that belong together (such as trades of one day, which meet the same market) are one
    observation: what they have in common is not counted several times.

    Parameters
    ----------
    values
        Shape (n,), finite.
    codes
        The group of each, from 0 to 63.
    together
        What each belongs to, such as the number of its day.
    seed
        Makes the permutations repeatable.

    Examples
    --------
    >>> values = np.r_[np.linspace(-1, 1, 40), np.linspace(2, 4, 20)]
    >>> found = mean_differences(values, np.repeat([0, 1], [40, 20]), np.arange(60))
    >>> found.difference.round(2), found.p.round(4)
    (array([-3.,  3.]), array([0.0001, 0.0001]))
    """
    groups = _Groups.of(np.asarray(values, dtype=float), codes, together)
    tail = _tail_index(groups.moments[0])
    tested = (groups.sizes >= FEWEST) & (groups.sizes.sum() - groups.sizes >= FEWEST) & groups.vary & (tail >= HEAVIEST)
    p = np.full(len(tested), np.nan)
    if tested.any():
        p[tested] = _p_values(groups, tested, np.random.default_rng(seed))
    return MeanDifferences(groups.codes, groups.sizes, groups.difference, p, tail)


def _tail_index(observations: _Floats) -> float:
    """Return Hill's estimate of the exponent by which large deviations from the median become rare."""
    count = max(_FEWEST_OF_TAIL, int(_TAIL * len(observations)))
    if len(observations) < 4 * count:
        return math.inf
    far = np.sort(np.abs(observations - np.median(observations)))[::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(far[:count] / far[count])
    return 0.0 if np.isinf(logs).any() else float(1 / logs.mean()) if logs.sum() > 0 else math.inf


class _Groups(NamedTuple):
    """Observations sorted by group.

    ``moments`` has a row each for an observation's sum of values (less their overall mean), its count, and the
    squares and the product of the two: (5, observations).
    """

    codes: _Integers
    sizes: _Integers
    first: _Integers
    moments: _Floats
    vary: bool

    @classmethod
    def of(cls, values: _Floats, codes: _Integers, together: _Integers) -> _Groups:
        if not len(values):
            nothing = np.empty(0, dtype=np.int64)
            return cls(nothing, nothing, nothing, np.empty((5, 0)), vary=False)
        keys, member = np.unique(np.asarray(codes, dtype=np.int64) * (np.ptp(together) + 1) + together - together.min(),
                                 return_inverse=True)
        # equal results differ by rounding, which is no variation
        vary = bool(np.ptp(values) > 1e-12 * np.abs(values).max())
        sums, counts = np.bincount(member, values - values.mean()), np.bincount(member).astype(float)
        found, first, sizes = np.unique(keys // (np.ptp(together) + 1), return_index=True, return_counts=True)
        return cls(found, sizes, first, np.stack([sums, counts, sums**2, sums * counts, counts**2]), vary)

    @property
    def difference(self) -> _Floats:
        sums, counts = np.add.reduceat(self.moments[:2], self.first, axis=1) if len(self.first) else np.empty((2, 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums / counts - (self.moments[0].sum() - sums) / (self.moments[1].sum() - counts))

    def statistics(self, order: _Integers) -> _Floats:
        """Return the difference over its standard error by (way, permutation, group).

        The first way takes the spread within the group and within the others, the second that of all. Groups are
        made of the observations in this ``order``, of shape (permutations, observations).
        """
        inside = np.stack([np.add.reduceat(row[order], self.first, axis=1) for row in self.moments])
        outside = self.moments.sum(axis=1)[:, None, None] - inside
        every, here = self.moments.shape[1], self.sizes
        difference, own, common = np.zeros((3, *inside.shape[1:]))
        with np.errstate(invalid="ignore", divide="ignore"):
            for sign, (sums, counts, squares, products, squared), size in (
                    (1.0, inside, here), (-1.0, outside, every - here)):
                mean = sums / counts
                # of the mean as a ratio of sums: what each observation is above the mean of its values
                spread = (squares - 2 * mean * products + mean**2 * squared) / counts**2 * size / (size - 1)
                of_all = self.moments[2].sum() / every * size / counts**2
                difference += sign * mean
                own += np.where(spread > 1e-12 * of_all, spread, 0.0)
                common += of_all
            found = np.stack([difference / np.sqrt(own), difference / np.sqrt(common)])
        return np.where(np.isnan(found), 0.0, found)


    def shares(self, order: _Integers, sizes: _Floats) -> _Floats:
        """Return by (permutation, group) how much of what a group's observations moved went one way, from -1 to 1.

        Each is divided by its group's size first, and taken from the mean that all have in common: that in which a
        small group, which varies less, weighs more.
        """
        sums, counts = self.moments[:2]
        mean = (sums / sizes**2).sum() / (counts / sizes**2).sum()
        results = ((sums - mean * counts) / sizes)[order]
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.add.reduceat(results, self.first, axis=1) / np.add.reduceat(np.abs(results), self.first, axis=1)
        return np.where(np.isnan(shares), 0.0, shares)

    def unequal_sizes(self, random: np.random.Generator) -> _Floats | None:
        """Return how large results of each observation's group are; None where groups do not clearly differ in it.

        The spread among groups is that of the median absolute deviation, which one group that is better or worse does
        not change; what chance alone gives is subtracted, and each group's size shrunk by its part of the whole.
        """
        known = self.sizes >= FEWEST
        if known.sum() < _FEWEST_GROUPS:
            return None
        scaled = np.ones(self.moments.shape[1])
        for again in (False, True):
            orders = random.permuted(np.broadcast_to(np.arange(len(scaled)), (_TRIED, len(scaled))), axis=1)
            by_luck = _spread(self._sizes(self.moments[0] / scaled, orders)[:, known]) ** 2
            sizes = self._sizes(self.moments[0], np.arange(len(scaled))[None])[0]
            there = float(_spread(sizes[known])) ** 2
            beyond = there - float(np.median(by_luck))
            if beyond < _UNEQUAL**2 or (not again and there <= np.quantile(by_luck, _BEYOND)):
                return None
            shrunk = np.where(known, beyond / there * (sizes - np.median(sizes[known])), 0.0)
            scaled = np.repeat(np.exp(shrunk), self.sizes)
        return scaled

    def _sizes(self, sums: _Floats, order: _Integers) -> _Floats:
        """Return the logarithm of the mean distance from the overall mean, by (permutation, group)."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.add.reduceat(np.abs(sums)[order], self.first, axis=1)
                                     / np.add.reduceat(self.moments[1][order], self.first, axis=1)))


def _spread(values: _Floats) -> _Floats:
    """Return the median absolute deviation along the last axis, as a standard deviation."""
    away = np.abs(values - np.median(values, axis=-1, keepdims=True))
    return np.asarray(1.4826 * np.median(away, axis=-1))


def _p_values(groups: _Groups, tested: NDArray[np.bool_], random: np.random.Generator) -> _Floats:
    """Return the largest p-value of the two or three ways, of the groups that are tested."""
    count, sizes = groups.moments.shape[1], groups.unequal_sizes(np.random.default_rng(_TRIED))
    in_order = np.arange(count)[None]
    observed = np.abs(groups.statistics(in_order))[..., tested] * (1 - 1e-9)
    # as a sign belongs to a skewed share: that all are gains is no surprise where nine in ten are
    share = np.zeros(int(tested.sum())) if sizes is None else groups.shares(in_order, sizes)[0, tested]
    as_far, as_one_sided, drawn = np.zeros((2, len(share))), np.zeros(len(share)), 0
    p = np.ones(as_far.shape[1])
    for wanted in (_FIRST, max(_FIRST, min(_ALL, _MOST_DRAWN // count))):
        while drawn < wanted:
            rows = min(wanted - drawn, max(1, _AT_ONCE // count))
            orders = random.permuted(np.broadcast_to(np.arange(count), (rows, count)), axis=1)
            as_far += (np.abs(groups.statistics(orders))[..., tested] >= observed).sum(axis=1)
            if sizes is not None:
                same_way = groups.shares(orders, sizes)[:, tested] * np.sign(share)
                as_one_sided += (same_way >= np.abs(share) * (1 - 1e-9)).sum(axis=0)
            drawn += rows
        p = ((1 + as_far) / (1 + drawn)).max(axis=0)
        if sizes is not None:
            p = np.maximum(p, np.minimum(2 * (1 + as_one_sided) / (1 + drawn), 1.0))
        if p.min() >= _CLOSE:
            break
    return p
