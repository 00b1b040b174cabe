"""Whether what was known at entry tells winning trades from losing ones, judged on trades not trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.purged_splits import Split, purged_splits
from jesse_nb.core.analysis.luck.significance import shortage
from jesse_nb.core.analysis.studies.verdict import LEVEL, counted, probability
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.times import DAY_MS

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

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

_FOLD_COLUMNS = ["start", "end", "train", "purged", "test", "winners", "auc"]
_IMPORTANCE_COLUMNS = ["importance", "spread", "winners", "losers"]


@dataclass(frozen=True)
class EntryInsight:
    """What can be learnt from what was known at entry.

    Attributes
    ----------
    trades, winners
        How many trades were looked at, and how many of them won.
    auc
        Share of pairs of a winner and a loser, of the same fold, in which the winner was given the higher chance;
        0.5 is what guessing gives. Of trades that the model had not seen, nor anything of their time.
    p
        Share of circular shifts of the outcomes, within each fold, that give as high an ``auc``: the chance of it
        when nothing known at entry matters. Shifts keep clusters of wins and losses together, which a free
        shuffle would not. NaN with ``reason``.
    better_than_chance
        Whether ``p`` is below 0.05. If not, the importances mean nothing.
    folds
        Rows in the order of time: ``start`` and ``end`` (first and last entry), ``train`` and ``test`` (trades),
        ``purged`` (earlier trades left out because they closed too late), ``winners`` of those tested, ``auc``.
    importances
        Row a feature, the most important first: ``importance``, how much ``auc`` falls when the feature's values
        are mixed up within the held-out folds (features that say the same share theirs), its ``spread`` (standard
        deviation over repeats, NaN of one), and the median of the feature among ``winners`` and ``losers``.
    sentence
        The outcome in plain words.
    seed
        Makes it repeatable.
    reason
        Why nothing was learnt; empty otherwise.
    """

    trades: int
    winners: int
    auc: float
    p: float
    better_than_chance: bool
    folds: pd.DataFrame
    importances: pd.DataFrame
    sentence: str
    seed: int
    reason: str = ""


@dataclass(frozen=True)
class _Fold:
    """A fitted model and the trades that it has not seen."""

    model: RandomForestClassifier
    features: NDArray[np.float64]
    won: NDArray[np.bool_]
    ranks: NDArray[np.float64]

    @property
    def pairs(self) -> int:
        return int(self.won.sum() * (~self.won).sum())


def entry_insight(trades: pd.DataFrame, features: pd.DataFrame, *, embargo_days: float = 1.0,
                  seed: int = 0) -> EntryInsight:
    """Learn to tell winners from losers by what was known at entry, and test it on later trades.

    A random forest of shallow trees is trained on the past and tested on the next fifth of the last two thirds
    of the trades, five times (:func:`~jesse_nb.core.analysis.luck.purged_splits.purged_splits`).

    Parameters
    ----------
    trades
        Closed trades: ``opened_at``, ``closed_at`` and ``pnl`` (above zero is a win) are read.
    features
        One row a trade, as :func:`~jesse_nb.core.analysis.trades.entry_features.entry_features` gives; NaN is allowed.
    embargo_days
        Trades that closed within so many days before a fold are not trained on.
    seed
        Makes it repeatable.
    """
    latest = np.sort(np.argsort(milliseconds(trades["opened_at"]), kind="stable")[-_MOST_TRADES:])
    trades, features = trades.iloc[latest], features.iloc[latest]
    opened, closed = milliseconds(trades["opened_at"]), milliseconds(trades["closed_at"])
    won = trades["pnl"].to_numpy(dtype=float) > 0
    varied = features.loc[:, features.nunique() > 1].astype(float)
    reason = _too_little(won, varied)
    if reason:
        return _nothing(won, reason, seed)
    splits = purged_splits(opened, closed, folds=_FOLDS, embargo=round(embargo_days * DAY_MS))
    values = varied.to_numpy(dtype=float)
    fitted = [(split, _fit(values, won, split, seed)) for split in splits if len(np.unique(won[split.train])) == 2]
    folds = [fold for _, fold in fitted if fold.pairs]
    if not folds:
        return _nothing(won, "no time had both winners and losers before it and in it", seed)
    auc, p = _test(folds, seed)
    table = _importances(folds, list(varied.columns), seed)
    table["winners"], table["losers"] = varied[won].median(), varied[~won].median()
    better = p < LEVEL
    return EntryInsight(len(won), int(won.sum()), auc, p, better, _folds(fitted, opened),
                        table.sort_values("importance", ascending=False, kind="stable"),
                        _sentence(auc, p, str(table["importance"].idxmax()) if better else ""), seed)


def _fit(values: NDArray[np.float64], won: NDArray[np.bool_], split: Split, seed: int) -> _Fold:
    from sklearn.ensemble import RandomForestClassifier

    count = len(split.train)
    model = RandomForestClassifier(
        n_estimators=_TREES, min_samples_leaf=max(5, min(count, _MOST_A_TREE) // 20), max_features="sqrt",
        max_samples=min(count, _MOST_A_TREE), random_state=seed)
    model.fit(values[split.train], won[split.train])
    held_out = values[split.test]
    return _Fold(model, held_out, won[split.test], _ranks(model, held_out))


def _ranks(model: RandomForestClassifier, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank trades by their chance to win."""
    from scipy.stats import rankdata

    # rounded, because trees summed in another order differ in the last bits
    ranks: NDArray[np.float64] = rankdata(np.round(model.predict_proba(values)[:, 1], 12))
    return ranks


def _test(folds: list[_Fold], seed: int) -> tuple[float, float]:
    """Return the AUC within folds, and the chance of one as high."""
    random = np.random.default_rng(seed)
    shifted = [_right_by_shift(fold) for fold in folds]
    right = sum(every[0] for every in shifted)
    by_luck = sum(every[random.integers(0, len(every), _SHIFTS)] for every in shifted)
    return float(right) / sum(fold.pairs for fold in folds), float((1 + (by_luck >= right).sum()) / (1 + _SHIFTS))


def _right_by_shift(fold: _Fold) -> NDArray[np.float64]:
    """Return how many pairs are ranked right for each circular shift of the outcomes, none first; ties count half."""
    spectrum = np.fft.rfft(fold.ranks) * np.conj(np.fft.rfft(fold.won.astype(float)))
    sums = np.round(np.fft.irfft(spectrum, len(fold.won)) * 2.0) / 2.0  # ranks are whole or half numbers
    return _right(sums, fold)


def _right(sum_of_ranks: NDArray[np.float64], fold: _Fold) -> NDArray[np.float64]:
    """Mann and Whitney's count from the winners' ranks."""
    winners = int(fold.won.sum())
    return sum_of_ranks - winners * (winners + 1) / 2


def _importances(folds: list[_Fold], names: list[str], seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    largest = max(len(fold.won) for fold in folds)
    repeats = int(np.clip(_MOST_ROWS // (largest * len(names)), 1, _MOST_REPEATS))
    right = np.zeros((len(names), repeats))
    for fold in folds:
        mixed = np.tile(fold.features, (len(names), repeats, 1, 1))
        for number in range(len(names)):
            mixed[number, :, :, number] = random.permuted(mixed[number, :, :, number], axis=1)
        chances = fold.model.predict_proba(mixed.reshape(-1, len(names)))[:, 1]
        right += _right_of_chances(chances.reshape(len(names), repeats, -1), fold)
    as_it_is = sum(float(_right(fold.ranks[fold.won].sum(), fold)) for fold in folds)
    falls = (as_it_is - right) / sum(fold.pairs for fold in folds)
    return pd.DataFrame({"importance": falls.mean(axis=1),
                         "spread": falls.std(axis=1, ddof=1) if repeats > 1 else math.nan},
                        index=pd.Index(names, name="feature"))


def _right_of_chances(chances: NDArray[np.float64], fold: _Fold) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    return _right(rankdata(np.round(chances, 12), axis=-1)[..., fold.won].sum(axis=-1), fold)


def _folds(fitted: list[tuple[Split, _Fold]], opened: NDArray[np.int64]) -> pd.DataFrame:
    rows = [{"start": pd.Timestamp(int(opened[split.test[0]]), unit="ms", tz="UTC"),
             "end": pd.Timestamp(int(opened[split.test[-1]]), unit="ms", tz="UTC"),
             "train": len(split.train), "purged": split.purged, "test": len(split.test),
             "winners": int(fold.won.sum()),
             "auc": float(_right(fold.ranks[fold.won].sum(), fold)) / fold.pairs if fold.pairs else math.nan}
            for split, fold in fitted]
    return pd.DataFrame(rows, columns=_FOLD_COLUMNS)


def _sentence(auc: float, p: float, most_important: str) -> str:
    if not most_important:
        return (f"No better than chance: nothing known at entry tells winners from losers among later trades "
                f"(AUC {auc:.2f}, {probability(p)}).")
    return (f"What was known at entry tells winners from losers better than chance (AUC {auc:.2f} on later trades, "
            f"{probability(p)}); it rests most on {most_important}.")


def _too_little(won: NDArray[np.bool_], features: pd.DataFrame) -> str:
    winners = int(won.sum())
    if len(won) < FEWEST_TRADES:
        return shortage(len(won), "trade", FEWEST_TRADES)
    if min(winners, len(won) - winners) < FEWEST_OF_A_KIND:
        return (f"{counted(winners, 'winner')} and {counted(len(won) - winners, 'loser')}; "
                f"{FEWEST_OF_A_KIND} of each are needed")
    return "" if features.shape[1] else "nothing known at entry differs between trades"


def _nothing(won: NDArray[np.bool_], reason: str, seed: int) -> EntryInsight:
    return EntryInsight(len(won), int(won.sum()), math.nan, math.nan, False, pd.DataFrame(columns=_FOLD_COLUMNS),
                        pd.DataFrame(columns=_IMPORTANCE_COLUMNS, dtype=float), f"Not tested: {reason}.", seed, reason)
