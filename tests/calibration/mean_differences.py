"""Print how often "better or worse beyond luck" is said of noise, and of a mean that differs.

``python -m tests.calibration.mean_differences [STUDIES [TRADES ...]]``: so many studies (100) of each shape and
arrangement, with so many trades each (150 and 500).
"""

from __future__ import annotations

import gc
import sys

from jesse_nb.core.analysis.market.regimes import regimes_at_entry
from jesse_nb.core.analysis.trades.group_performance import performance_by_group
from tests.calibration.noise import ARRANGEMENTS, FURTHER, HUGE, SHAPES, noise, overlapping

#: What is moved by how many standard deviations of all results.
PLANTED = (("hour", "09", 2.0), ("weekday", "Friday", 1.0), ("month", "June", 1.5), ("volatility", "high", 1.0),
           ("volatility", "low", 1.0), ("trend", "rising", 0.7))


def false_alarms(shape: str, arrangement: str, studies: int, count: int) -> int:
    """Return in how many studies of noise any cell is called different."""
    return sum(bool(performance_by_group(*noise(shape, arrangement, seed, count=count)).survivors)
               for seed in range(studies))


def false_alarms_of_overlapping(studies: int, count: int, held_days: float = 10.0, markets: int = 1) -> int:
    """Return in how many studies a cell is called different where positions overlap that make what the market does."""
    return sum(bool(performance_by_group(*overlapping(seed, count=count, held_days=held_days,
                                                      markets=markets)).survivors) for seed in range(studies))


def found_of_overlapping(by: float, studies: int, count: int) -> int:
    """Return in how many studies it is found that overlapping trades of a rising market make more."""
    called = 0
    for seed in range(studies):
        trades, candles = overlapping(seed, count=count)
        rising = [label == "rising" for label in regimes_at_entry(trades, candles).trend]
        trades.loc[rising, "pnl_percentage"] += by * trades["pnl_percentage"].std()
        called += ("trend", "rising") in performance_by_group(trades, candles).survivors
    return called


def found(shape: str, dimension: str, cell: str, by: float, studies: int, count: int) -> int:
    """Return in how many studies a cell is found whose mean was moved."""
    return sum((dimension, cell) in performance_by_group(*planted(shape, dimension, cell, by, seed, count)).survivors
               for seed in range(studies))


def planted(shape: str, dimension: str, cell: str, by: float, seed: int, count: int) -> tuple:
    """Return noise in which the mean of one cell is moved."""
    trades, candles = noise(shape, "independent", seed, count=count)
    opened = trades["opened_at"].dt
    if dimension in ("volatility", "trend"):
        labels = getattr(regimes_at_entry(trades, candles), dimension)
    else:
        labels = {"hour": opened.strftime("%H"), "weekday": opened.day_name(), "month": opened.month_name()}[dimension]
    inside = [label == cell for label in labels]
    trades.loc[inside, "pnl_percentage"] += by * trades["pnl_percentage"].std()
    return trades, candles


def main(studies: int, counts: tuple[int, ...]) -> None:
    """Print both tables."""
    print(f"Studies of {studies} with any false alarm, at 5 % after Holm's correction")
    for count in counts:
        for shape in (*SHAPES, *HUGE):
            alarms = [f"{arrangement} {false_alarms(shape, arrangement, studies, count)}"
                      for arrangement in (*ARRANGEMENTS, *FURTHER)]
            print(f"  {count} trades, {shape}: {', '.join(alarms)}", flush=True)
        alarms = [f"{markets} of {held:g} days {false_alarms_of_overlapping(studies, count, held, markets)}"
                  for markets, held in ((1, 2.0), (1, 10.0), (3, 10.0))]
        print(f"  {count} trades that overlap, by markets: {', '.join(alarms)}", flush=True)
    fewer = max(studies // 5, 1)
    print(f"Studies of {fewer} in which a mean that was moved is found")
    for count in counts:
        for shape in SHAPES:
            power = [f"{dimension} {cell} by {by:g} sd {found(shape, dimension, cell, by, fewer, count)}"
                     for dimension, cell, by in PLANTED]
            print(f"  {count} trades, {shape}: {', '.join(power)}", flush=True)
        power = [f"by {by:g} sd {found_of_overlapping(by, fewer, count)}" for by in (0.7, 1.5)]
        print(f"  {count} trades of 10 days that overlap, trend rising: {', '.join(power)}", flush=True)


if __name__ == "__main__":
    gc.collect = lambda *_: 0  # statsmodels collects garbage with every correction
    numbers = tuple(map(int, sys.argv[1:]))
    main(numbers[0] if numbers else 100, numbers[1:] or (150, 500))
