"""Whether what was known at entry tells better trades from worse, judged by what trades not trained on made.

Means are compared and not the share of winners: routes that win often and little, or seldom and much, differ in nothing
that earns. What the two halves made must differ by three kinds of test: of means, which survives skew, spread that
follows the market and trades that go together (:mod:`~jesse_nb.core.analysis.trades.mean_differences`); by the same
with one more trade in either half, a gain among the others as large as the largest of all, or a loss among the
preferred ones, because a half of small results is preferred for lacking what comes seldom; and by circular shifts,
which keep what follows upon what. Measured by ``tests/calibration/known_at_entry.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.purged_splits import Split, purged_splits
from jesse_nb.core.analysis.luck.significance import shortage
from jesse_nb.core.analysis.studies.verdict import LEVEL, counted, probability
from jesse_nb.core.analysis.trades.group_performance import days_together
from jesse_nb.core.analysis.trades.mean_differences import FEWEST, HEAVIEST, MeanDifferences, mean_differences
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.times import DAY_MS

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

__all__ = ["FEWEST_OF_A_KIND", "FEWEST_TRADES", "EntryInsight", "entry_insight"]

#: With fewer trades, or fewer winners or losers, nothing is learnt that could be told from luck.
FEWEST_TRADES, FEWEST_OF_A_KIND = 60, 15
#: More trades than this teach no more; the latest are taken.
_MOST_TRADES = 20_000
_FOLDS, _TREES, _SHIFTS = 5, 100, 999
#: A tree sees at most this many trades, however many there are.
_MOST_A_TREE = 2_000
#: Rows that are predicted anew in one fold to find the importances, and repeats at most.
_MOST_ROWS, _MOST_REPEATS = 150_000, 10

_FOLD_COLUMNS = ["start", "end", "train", "purged", "test", "winners", "difference"]
_IMPORTANCE_COLUMNS = ["importance", "spread", "preferred", "others"]

_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class EntryInsight:
    """What can be learnt from what was known at entry.

    The model prefers, in each fold, that half of the trades of which it expects more.

    Attributes
    ----------
    trades, winners
        How many trades were looked at, and how many of them won.
    preferred, others
        Mean result of the trades that the model preferred, and of the rest (``pnl_percentage``: percent of the margin).
        Of trades that it had not seen, nor anything of their time.
    difference
        How much more the preferred ones made, percentage points a trade, each compared with those of its own fold.
    p
        One-sided, the chance of such a difference when nothing known at entry matters to what a trade is expected to
        make: the largest one of those of means and of that of shifts. NaN with ``reason``.
    better_than_chance
        Whether ``p`` is below 0.05. If not, the importances mean nothing.
    folds
        Rows in the order of time: ``start`` and ``end`` (first and last entry), ``train`` and ``test`` (trades),
        ``purged`` (earlier trades left out because they closed too late), ``winners`` of those tested, ``difference``.
    importances
        Row a feature, the most important first: ``importance``, how much ``difference`` falls when the feature's
        values are mixed up within the held-out folds (features that say nearly the same share theirs; of those that
        say the same, the first stands for all), its ``spread`` (standard deviation over repeats, NaN of one), and the
        median of the feature among the ``preferred`` trades and the ``others`` (of names, the most frequent).
    sentence
        The outcome in plain words.
    seed
        Makes it repeatable.
    reason
        Why nothing was learnt; empty otherwise.
    """

    trades: int
    winners: int
    preferred: float
    others: float
    difference: float
    p: float
    better_than_chance: bool
    folds: pd.DataFrame
    importances: pd.DataFrame
    sentence: str
    seed: int
    reason: str = ""


class _Fold(NamedTuple):
    """A fitted model and the trades that it has not seen; ``results`` are above (or below) their mean."""

    model: RandomForestRegressor
    features: _Floats
    results: _Floats
    preferred: _Flags


def entry_insight(trades: pd.DataFrame, features: pd.DataFrame, *, embargo_days: float = 1.0,
                  seed: int = 0) -> EntryInsight:
    """Learn to tell better trades from worse by what was known at entry, and test it on later trades.

    A random forest of shallow trees is trained on what trades of the past made and tested on the next fifth of the last
    two thirds of the trades, five times (:func:`~jesse_nb.core.analysis.luck.purged_splits.purged_splits`).

    Parameters
    ----------
    trades
        Closed trades: ``exchange``, ``symbol``, ``opened_at``, ``closed_at``, ``pnl`` (above zero is a win) and
        ``pnl_percentage`` are read; those whose result is undefined are left out.
    features
        One row a trade, as :func:`~jesse_nb.core.analysis.trades.entry_features.entry_features` gives: numbers, of
        which NaN is allowed, and categories.
    embargo_days
        Trades that closed within so many days before a fold are not trained on.
    seed
        Makes it repeatable.
    """
    usable = np.flatnonzero(np.isfinite(trades["pnl_percentage"].to_numpy(dtype=float)))
    latest = np.argsort(milliseconds(trades["opened_at"].iloc[usable]), kind="stable")[-_MOST_TRADES:]
    trades, features = trades.iloc[np.sort(usable[latest])], features.iloc[np.sort(usable[latest])]
    opened, results = milliseconds(trades["opened_at"]), trades["pnl_percentage"].to_numpy(dtype=float)
    won = trades["pnl"].to_numpy(dtype=float) > 0
    varied = _different(features)
    reason = _too_little(won, varied)
    if reason:
        return _nothing(won, reason, seed)
    values = _as_numbers(varied).to_numpy()
    splits = purged_splits(opened, milliseconds(trades["closed_at"]), folds=_FOLDS,
                           embargo=round(embargo_days * DAY_MS))
    fitted = [(split, _fit(values, results, split, seed)) for split in splits if len(split.train)]
    judged = [(split, fold) for split, fold in fitted if fold.preferred.any()]
    if not judged:
        return _nothing(won, "no time had trades before it that told those in it apart", seed)
    folds, tested = [fold for _, fold in judged], np.concatenate([split.test for split, _ in judged])
    difference, p, tail = _test(folds, opened[tested] // (days_together(trades) * DAY_MS), seed)
    if tail < HEAVIEST:
        return _nothing(won, f"a few huge results decide every mean (index of their tail {tail:.1f}, where "
                             f"{HEAVIEST:g} is needed)", seed)
    if math.isnan(p):
        return _nothing(won, f"the model's choice was of fewer than {FEWEST} days, or did not vary", seed)
    chosen = np.concatenate([fold.preferred for fold in folds])
    means = float(results[tested][chosen].mean()), float(results[tested][~chosen].mean())
    table = _importances(folds, list(varied.columns), difference, seed)
    for name, members in (("preferred", tested[chosen]), ("others", tested[~chosen])):
        table[name] = [_middle(varied.iloc[members][feature]) for feature in varied]
    return EntryInsight(len(won), int(won.sum()), *means, difference, p, p < LEVEL, _folds(fitted, opened, won),
                        table.sort_values("importance", ascending=False, kind="stable"),
                        _sentence(means, p, str(table["importance"].idxmax()) if p < LEVEL else ""), seed)


def _different(features: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is the same for all trades, and what says the same as another feature."""
    varied = features.loc[:, features.nunique() > 1]
    return varied.loc[:, ~_as_numbers(varied).T.duplicated().to_numpy(dtype=bool)]


def _as_numbers(features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column
                         for name, column in features.items()}, index=features.index, dtype=float)


def _middle(values: pd.Series[float]) -> float | str:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return str(values.value_counts().idxmax())
    return float(values.median())


def _fit(values: _Floats, results: _Floats, split: Split, seed: int) -> _Fold:
    from sklearn.ensemble import RandomForestRegressor

    count = len(split.train)
    model = RandomForestRegressor(
        n_estimators=_TREES, min_samples_leaf=max(5, min(count, _MOST_A_TREE) // 20), max_features=1.0,
        max_samples=min(count, _MOST_A_TREE), random_state=seed)
    model.fit(values[split.train], results[split.train])
    held_out, made = values[split.test], results[split.test]
    return _Fold(model, held_out, made - made.mean(), _upper_half(model.predict(held_out)))


def _upper_half(expected: _Floats) -> _Flags:
    """Return which of the last axis are the higher half, or what of equal ones comes nearest to one; none of one."""
    expected = np.round(expected, 9)  # trees summed in another order differ in the last bits
    middle = np.median(expected, axis=-1, keepdims=True)
    above, as_high = expected > middle, expected >= middle
    off = [np.abs(2 * half.sum(axis=-1, keepdims=True) - expected.shape[-1]) for half in (above, as_high)]
    upper: _Flags = np.where(off[0] <= off[1], above, as_high)
    return upper


def _test(folds: list[_Fold], together: NDArray[np.int64], seed: int) -> tuple[float, float, float]:
    """Return how much more the preferred trades made, the chance of as much, and the index of the results' tail."""
    results, chosen = (np.concatenate([fold[place] for fold in folds]) for place in (2, 3))
    found = mean_differences(results, chosen.astype(np.int64), together, seed=seed)
    if found.tail < HEAVIEST or len(found.p) < 2 or math.isnan(found.p[1]):
        return math.nan, math.nan, found.tail
    by_means = _one_sided(found)
    if by_means < LEVEL:
        apart, new = results - np.median(results), together.max() + 1
        for half, one in ((False, apart.max() + results[~chosen].mean()), (True, apart.min() + results[chosen].mean())):
            again = mean_differences(np.append(results, one), np.append(chosen, half).astype(np.int64),
                                     np.append(together, new), seed=seed)
            by_means = max(by_means, _one_sided(again))
    random = np.random.default_rng(seed)
    shifted = [_sums_by_shift(fold) for fold in folds]
    by_luck = sum(every[random.integers(0, len(every), _SHIFTS)] for every in shifted)
    by_shifts = (1 + (by_luck >= sum(every[0] for every in shifted) - 1e-9).sum()) / (1 + _SHIFTS)
    return float(found.difference[1]), float(max(by_means, by_shifts)), found.tail


def _one_sided(found: MeanDifferences) -> float:
    """Return the chance of the difference, given that it is above zero; 1 where one more trade leaves none to test."""
    p = float(found.p[1])
    return 1.0 if math.isnan(p) else p / 2 if found.difference[1] > 0 else 1 - p / 2


def _sums_by_shift(fold: _Fold) -> _Floats:
    """Return what the preferred trades made together for each circular shift of the results, none first."""
    spectrum = np.fft.rfft(fold.results) * np.conj(np.fft.rfft(fold.preferred.astype(float)))
    return np.fft.irfft(spectrum, len(fold.results))


def _importances(folds: list[_Fold], names: list[str], difference: float, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    largest = max(len(fold.results) for fold in folds)
    repeats = int(np.clip(_MOST_ROWS // (largest * len(names)), 1, _MOST_REPEATS))
    made, counts = np.zeros((2, len(names), repeats))
    for fold in folds:
        mixed = np.tile(fold.features, (len(names), repeats, 1, 1))
        for number in range(len(names)):
            mixed[number, :, :, number] = random.permuted(mixed[number, :, :, number], axis=1)
        expected = fold.model.predict(mixed.reshape(-1, len(names))).reshape(len(names), repeats, -1)
        chosen = _upper_half(expected)
        made += chosen @ fold.results
        counts += chosen.sum(axis=-1)
    total = sum(len(fold.results) for fold in folds)
    # results are above or below the mean of their fold, so that what some made, the others lack
    left = np.where(counts > 0, made / np.maximum(counts, 1) + made / np.maximum(total - counts, 1), 0.0)
    falls = difference - left
    return pd.DataFrame({"importance": falls.mean(axis=1),
                         "spread": falls.std(axis=1, ddof=1) if repeats > 1 else math.nan},
                        index=pd.Index(names, name="feature"))


def _folds(fitted: list[tuple[Split, _Fold]], opened: NDArray[np.int64], won: _Flags) -> pd.DataFrame:
    rows = [{"start": pd.Timestamp(int(opened[split.test[0]]), unit="ms", tz="UTC"),
             "end": pd.Timestamp(int(opened[split.test[-1]]), unit="ms", tz="UTC"),
             "train": len(split.train), "purged": split.purged, "test": len(split.test),
             "winners": int(won[split.test].sum()),
             "difference": fold.results[fold.preferred].mean() - fold.results[~fold.preferred].mean()
             if fold.preferred.any() else math.nan}
            for split, fold in fitted]
    return pd.DataFrame(rows, columns=_FOLD_COLUMNS)


def _sentence(means: tuple[float, float], p: float, most_important: str) -> str:
    made = f"{means[0]:+.2f}% a trade, the others {means[1]:+.2f}%"
    if not most_important:
        return (f"No better than chance: by what was known at entry, later trades that promised more made {made} "
                f"({probability(p)}).")
    return (f"What was known at entry tells better trades from worse: later ones that promised more made {made} "
            f"({probability(p)}); it rests most on {most_important}.")


def _too_little(won: NDArray[np.bool_], features: pd.DataFrame) -> str:
    winners = int(won.sum())
    if len(won) < FEWEST_TRADES:
        return shortage(len(won), "trade", FEWEST_TRADES)
    if min(winners, len(won) - winners) < FEWEST_OF_A_KIND:
        return (f"{counted(winners, 'winner')} and {counted(len(won) - winners, 'loser')}; "
                f"{FEWEST_OF_A_KIND} of each are needed")
    return "" if features.shape[1] else "nothing known at entry differs between trades"


def _nothing(won: NDArray[np.bool_], reason: str, seed: int) -> EntryInsight:
    unknown = (math.nan,) * 4
    return EntryInsight(len(won), int(won.sum()), *unknown, False, pd.DataFrame(columns=_FOLD_COLUMNS),
                        pd.DataFrame(columns=_IMPORTANCE_COLUMNS, dtype=float), f"Not tested: {reason}.", seed, reason)
