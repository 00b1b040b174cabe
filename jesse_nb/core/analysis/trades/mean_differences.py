"""Whether the mean of some observations differs from that of the others, where spread and skew may differ too.

Trading results are skewed, and their size follows the market's volatility, so neither ranks nor a t-test answer this:
with results of zero expectation, ranks call the volatile times different, and a t-test calls a group of small losses
different that merely missed its one large gain. Permutations keep the skew. A mean counts as different only if it
is so against the spread within the groups (studentized permutation: Janssen 1997; Chung & Romano 2013, which holds
where spreads differ) *and* against the spread of all: the first alone is deceived by a group whose few results are
alike, the second alone by a group of wild ones. Measured by ``tests/calibration/mean_differences.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST", "MeanDifferences", "mean_differences"]

#: Fewer observations than this, in a group or outside of it, are not tested.
FEWEST = 5

_FIRST, _ALL = 999, 9_999
#: With a p-value below this after the first permutations, all are drawn.
_CLOSE = 0.01
#: Values that are drawn for one answer, and held in memory at a time.
_MOST_DRAWN, _AT_ONCE = 30_000_000, 1_000_000

_Floats = NDArray[np.float64]
_Integers = NDArray[np.int64]


class MeanDifferences(NamedTuple):
    """By group, in the order of their codes.

    ``codes``, how many ``observations`` each has, their ``difference`` in mean from all others (NaN of a single
    group), and ``p``, two-sided; NaN where there are too few observations, or no variation at all.
    """

    codes: _Integers
    observations: _Integers
    difference: _Floats
    p: _Floats


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
    tested = (groups.sizes >= FEWEST) & (groups.sizes.sum() - groups.sizes >= FEWEST) & groups.vary
    p = np.full(len(tested), np.nan)
    if tested.any():
        p[tested] = _p_values(groups, tested, np.random.default_rng(seed))
    return MeanDifferences(groups.codes, groups.sizes, groups.difference, p)


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


def _p_values(groups: _Groups, tested: NDArray[np.bool_], random: np.random.Generator) -> _Floats:
    """Return the larger p-value of the two ways, of the groups that are tested."""
    count = groups.moments.shape[1]
    observed = np.abs(groups.statistics(np.arange(count)[None]))[..., tested] * (1 - 1e-9)
    as_far, drawn = np.zeros((2, int(tested.sum()))), 0
    p = np.ones(as_far.shape[1])
    for wanted in (_FIRST, max(_FIRST, min(_ALL, _MOST_DRAWN // count))):
        while drawn < wanted:
            rows = min(wanted - drawn, max(1, _AT_ONCE // count))
            orders = random.permuted(np.broadcast_to(np.arange(count), (rows, count)), axis=1)
            as_far += (np.abs(groups.statistics(orders))[..., tested] >= observed).sum(axis=1)
            drawn += rows
        p = ((1 + as_far) / (1 + drawn)).max(axis=0)
        if p.min() >= _CLOSE:
            break
    return p
