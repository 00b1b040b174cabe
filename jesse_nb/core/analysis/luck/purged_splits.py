"""Training on the past and testing on what came after, with a clean gap between the two."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Split", "purged_splits"]


class Split(NamedTuple):
    """Row numbers of one fold.

    Attributes
    ----------
    train
        Entered before the fold, and closed before it too, by the embargo at least.
    test
        The fold: neighbours in the order of entry.
    purged
        How many earlier trades were left out because they closed too late.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    purged: int


def purged_splits(opened: NDArray[np.int64], closed: NDArray[np.int64], *, folds: int, embargo: int) -> list[Split]:
    """Split trades into folds by time; each is tested on what was known before it began.

    The first third of the trades is for training alone; the others make up the folds. A trade still open when a fold
    begins would tell the model about the fold's own time, so it is purged (López de Prado 2018, chapter 7), and so
    is one that closed within the embargo before. Nothing later than a fold is trained on: that would be worth
    nothing to a trader, and the folds' results would depend on each other.

    Parameters
    ----------
    opened, closed
        When each trade was entered and closed, milliseconds UTC, (n,), in any order.
    folds
        How many.
    embargo
        Milliseconds.
    """
    order = np.argsort(opened, kind="stable")
    borders = np.linspace(len(order) // 3, len(order), folds + 1).round().astype(np.int64)
    splits = []
    for first, last in pairwise(borders):
        if first == last:
            continue
        earlier, test = order[:first], order[first:last]
        train = earlier[closed[earlier] < opened[test[0]] - embargo]
        splits.append(Split(train, test, len(earlier) - len(train)))
    return splits
