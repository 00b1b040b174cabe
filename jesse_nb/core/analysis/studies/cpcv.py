"""Combinatorial purged cross-validation over arrays: splits, paths, and how the chosen rank (López de Prado 2018).

The period is cut into groups; every choice of ``test_groups`` of them is one split, which chooses parameters on
the other groups. Put together, the splits' test groups make several complete out-of-sample paths,
where a walk-forward has one.
"""

from __future__ import annotations

import itertools
import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jesse_nb.exceptions import InputError, shown

__all__ = ["choices", "cpcv_paths", "cpcv_splits", "group_scores", "rank_logits"]


def cpcv_splits(groups: int, test_groups: int) -> tuple[tuple[int, ...], ...]:
    """Return the test groups of every split: all choices of ``test_groups`` out of ``groups``.

    Parameters
    ----------
    groups
        Into how many groups the period is cut, numbered from 0.
    test_groups
        How many of them each split tests on; the others train.

    Raises
    ------
    InputError
        When they are no whole numbers, or leave nothing to train or to test on.
    """
    for name, value, least, most in (("groups", groups, 2, 20), ("test_groups", test_groups, 1, groups)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError.of(name, f"is {shown(value)}.", f"It is a whole number from {least} up.")
        if name == "groups" and value > most:
            raise InputError.of("groups", f"is {value}.", f"It is {most} at the most: splits grow beyond all bounds.")
    if test_groups >= groups:
        raise InputError.of("test_groups", f"is {test_groups} of {groups} groups, which leaves none to train on.",
                            f"It is from 1 to {groups - 1}.")
    return tuple(itertools.combinations(range(groups), test_groups))


def cpcv_paths(groups: int, test_groups: int) -> tuple[tuple[int, ...], ...]:
    """Return for every path the split that each group is taken from.

    A group is tested in as many splits as there are paths; path *j* takes it from the *j*-th of them. So
    every split's every test group is in exactly one path.
    """
    splits = cpcv_splits(groups, test_groups)
    tested_in = [[number for number, tested in enumerate(splits) if group in tested] for group in range(groups)]
    return tuple(zip(*tested_in, strict=True))


def group_scores(values: NDArray[np.float64], groups: tuple[int, ...]) -> NDArray[np.float64]:
    """Return each candidate's mean value over some groups, NaN when more than half of them are undefined.

    Parameters
    ----------
    values
        (candidates, groups) values of the metric; NaN where undefined.
    groups
        Which columns.
    """
    part = values[:, list(groups)]
    defined = np.isfinite(part)
    counts = defined.sum(axis=1)
    sums = np.where(defined, part, 0.0).sum(axis=1)
    enough = (counts > 0) & (counts * 2 >= len(groups))
    return np.where(enough, sums / np.maximum(counts, 1), math.nan)


def choices(values: NDArray[np.float64], splits: tuple[tuple[int, ...], ...],
            direction: Literal["maximize", "minimize"]) -> list[int | None]:
    """Return for every split the candidate with the best training score, the earlier of equals; None without one."""
    chosen: list[int | None] = []
    for tested in splits:
        training = tuple(group for group in range(values.shape[1]) if group not in tested)
        gains = group_scores(values, training) * (1.0 if direction == "maximize" else -1.0)
        chosen.append(int(np.nanargmax(gains)) if np.isfinite(gains).any() else None)
    return chosen


def rank_logits(values: NDArray[np.float64], splits: tuple[tuple[int, ...], ...], chosen: list[int | None],
                direction: Literal["maximize", "minimize"]) -> NDArray[np.float64]:
    """Return for every split the logit of the chosen candidate's relative rank on the test groups.

    ``ln(w / (1 - w))`` with ``w = rank / (n + 1)``, rank 1 the worst of the n candidates with a test score (Bailey,
    Borwein, López de Prado and Zhu 2017). Below 0 the chosen one did worse than the median candidate. NaN
    where the chosen one has no test score, or is the only one that has.
    """
    from scipy.stats import rankdata

    logits = np.full(len(splits), math.nan)
    for number, (tested, candidate) in enumerate(zip(splits, chosen, strict=True)):
        gains = group_scores(values, tested) * (1.0 if direction == "maximize" else -1.0)
        defined = np.isfinite(gains)
        if candidate is None or not defined[candidate] or defined.sum() < 2:
            continue
        rank = rankdata(gains[defined])[int(defined[:candidate].sum())] / (defined.sum() + 1)
        logits[number] = math.log(rank / (1.0 - rank))
    return logits
