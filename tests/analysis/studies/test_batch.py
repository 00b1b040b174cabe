import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jesse_nb.core.analysis.studies.batch import compare, overall_statistics, rank_stability
from jesse_nb.exceptions import InputError


def random_table(seed: int, ties: bool) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    n, m = int(random.integers(3, 12)), int(random.integers(2, 7))
    values = random.normal(size=(n, m)) + random.normal(size=(n, 1)) * random.uniform(0, 3)
    return pd.DataFrame(np.round(values) if ties else values)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_rank_agreement_is_that_of_scipy(seed: int, ties: bool) -> None:
    table = random_table(seed, ties)
    n, m = table.shape
    found = rank_stability(table)
    if m > 2:  # scipy's Friedman test wants three or more judges
        friedman = stats.friedmanchisquare(*table.T.to_numpy().T)
        assert found.kendall_w == pytest.approx(friedman.statistic / (m * (n - 1))) or ties
        by_judge = stats.friedmanchisquare(*(table.iloc[row] for row in range(n)))
        assert found.kendall_w == pytest.approx(by_judge.statistic / (m * (n - 1)))
        assert found.p_value == pytest.approx(by_judge.pvalue)
    pairs = [stats.spearmanr(table[one], table[other]).statistic for one, other in itertools.combinations(table, 2)
             if table[one].nunique() > 1 and table[other].nunique() > 1]
    assert found.mean_spearman == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("seed", range(5))
def test_without_ties_kendalls_w_and_mean_spearman_are_one_number(seed: int) -> None:
    table = random_table(seed, ties=False)
    m = table.shape[1]
    found = rank_stability(table)
    assert found.mean_spearman == pytest.approx((m * found.kendall_w - 1) / (m - 1))


def test_ranks_begin_with_the_best_and_follow_the_direction() -> None:
    table = pd.DataFrame({"BTC": [1.0, 3.0, 2.0], "ETH": [10.0, 30.0, 20.0]}, index=["low", "high", "middle"])
    best = rank_stability(table)
    assert best.ranks.index.tolist() == ["high", "middle", "low"]
    assert best.ranks.loc["high"].tolist() == [1, 1, 1]
    assert (best.kendall_w, best.mean_spearman) == (1.0, pytest.approx(1.0))
    assert rank_stability(table, highest_is_best=False).ranks.index.tolist() == ["low", "middle", "high"]


@pytest.mark.parametrize(("table", "words", "dropped"), [
    (pd.DataFrame({"BTC": [1.0, 2.0, 3.0]}), "only one to rank by", 0),
    (pd.DataFrame({"BTC": [1.0, 2.0, 3.0], "ETH": [1.0, math.nan, 2.0]}), "only 2 configurations have", 1),
    (pd.DataFrame({"BTC": [1.0, math.inf], "ETH": [1.0, 2.0]}), "only 1 configuration has", 1),
    (pd.DataFrame({"BTC": [1.0, 1.0, 1.0], "ETH": [2.0, 2.0, 2.0]}), "all configurations are tied", 0),
    (pd.DataFrame({"BTC": [1.0, 2.0, 3.0], "GONE": [math.nan] * 3}), "only one to rank by", 0),
    (pd.DataFrame(), "nothing to rank by", 0),
])
def test_what_cannot_be_ranked_says_why(table: pd.DataFrame, words: str, dropped: int) -> None:
    found = rank_stability(table)
    assert words in found.reason
    assert found.dropped == dropped
    assert math.isnan(found.kendall_w)
    assert math.isnan(found.mean_spearman)


def labels(rows: int, seed: int = 0) -> tuple[pd.DataFrame, "pd.Series[float]"]:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "strategy": random.choice(["Trend", "Band", "Idle"], rows),
        "symbol": random.choice(["SOL-USDT", "BTC-USDT"], rows),
        "fast": random.choice([30, 5, 10], rows),
    }).astype(object)
    values = pd.Series(random.normal(size=rows))
    values[random.random(rows) < 0.2] = math.nan
    return frame, values


@pytest.mark.parametrize("aggregate", ["median", "mean", "min", "max", "std", "sum"])
def test_cells_are_what_pandas_pivots(aggregate: str) -> None:
    frame, values = labels(200)
    found = compare(frame, values, "strategy", "fast", aggregate)
    expected = frame.assign(value=values).pivot_table(index="strategy", columns="fast", values="value",
                                                      aggfunc=aggregate)
    for row, column in itertools.product(expected.index, expected.columns):
        assert found.loc[row, column] == pytest.approx(expected.loc[row, column])


def test_numbers_are_sorted_and_words_keep_their_order() -> None:
    frame, values = labels(50)
    found = compare(frame, values, "strategy", "fast")
    assert found.columns.tolist() == [5, 10, 30]
    assert found.index.tolist() == list(dict.fromkeys(frame["strategy"]))
    joined = compare(frame, values, ["strategy", "fast"], "symbol")
    assert joined.index.name == "strategy · fast"
    assert joined.index[0] == f"{frame['strategy'][0]} · {frame['fast'][0]}"


def test_a_cell_without_a_value_is_empty() -> None:
    frame = pd.DataFrame({"strategy": ["a", "a", "b"], "symbol": ["x", "y", "y"]})
    found = compare(frame, pd.Series([math.nan, 2.0, 3.0]), "strategy", "symbol", "sum")
    assert found.isna().to_numpy().tolist() == [[True, False], [True, False]]


def test_an_own_function_aggregates_what_has_a_value() -> None:
    frame, values = labels(60)
    found = compare(frame, values, "strategy", "symbol", lambda cell: float(np.percentile(cell, 90)))
    part = values[(frame["strategy"] == "Trend") & (frame["symbol"] == "BTC-USDT")].dropna()
    assert found.loc["Trend", "BTC-USDT"] == pytest.approx(np.percentile(part, 90))


@pytest.mark.parametrize(("rows", "columns", "aggregate", "words"), [
    ("stratgy", "symbol", "median", "Did you mean 'strategy'"), ("strategy", "strategy", "median", "in rows and in"),
    ("strategy", [], "median", "names no dimension"), ("strategy", "symbol", "medain", "Did you mean 'median'"),
])
def test_wrong_dimensions_are_one_clear_line(rows: str, columns: str, aggregate: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        compare(*labels(9), rows, columns, aggregate)
    assert words in str(caught.value)


def test_statistics_are_those_of_numpy_without_what_is_undefined() -> None:
    random = np.random.default_rng(4)
    values = random.normal(size=100)
    frame = pd.DataFrame({"profit": values, "sortino": [math.inf, *values[1:]], "nothing": [None] * 100,
                          "few": [1.5, *[None] * 99]})
    found = overall_statistics(frame)
    assert found.index.tolist() == ["profit", "sortino", "few"]
    row = found.loc["profit"]
    assert (row["mean"], row["std"]) == (pytest.approx(values.mean()), pytest.approx(values.std(ddof=1)))
    assert row[["min", "25%", "median", "75%", "max"]].tolist() == pytest.approx(
        np.percentile(values, [0, 25, 50, 75, 100]))
    assert row["above_zero"] == np.mean(values > 0)
    assert found.loc["sortino", "count"] == 99
    assert found.loc["sortino", "mean"] == pytest.approx(values[1:].mean())
    assert math.isnan(found.loc["few", "std"])
    assert overall_statistics(pd.DataFrame()).empty
