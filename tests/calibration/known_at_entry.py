"""Print how often "better trades are told from worse" is said of noise, and of a mean that what was known decides.

``python -m tests.calibration.known_at_entry [STUDIES [TRADES ...]]``: so many studies (100) of each shape and
arrangement, with so many trades each (150 and 500).
"""

from __future__ import annotations

import sys

import numpy as np

from jesse_nb.core.analysis.insight import entry_insight
from jesse_nb.core.analysis.trades.entry_features import entry_features
from tests.calibration.noise import ARRANGEMENTS, FURTHER, HUGE, SHAPES, noise, overlapping, routes

#: Which trades make more, and by how many standard deviations of all results.
PLANTED = (("long", 0.5), ("long", 1.0), ("trend_7d", 0.5), ("trend_7d", 1.0))


def false_alarms(shape: str, arrangement: str, studies: int, count: int) -> int:
    """Return in how many studies of noise skill is claimed."""
    return sum(claimed(*noise(shape, arrangement, seed, count=count), seed) for seed in range(studies))


def false_alarms_of_routes(studies: int, count: int) -> int:
    """Return in how many studies skill is claimed where routes differ in nothing but how often they win."""
    return sum(claimed(*routes(seed, count=count), seed) for seed in range(studies))


def false_alarms_of_overlapping(studies: int, count: int) -> int:
    """Return in how many studies skill is claimed where positions overlap that make what the market does."""
    return sum(claimed(*overlapping(seed, count=count), seed) for seed in range(studies))


def found(shape: str, feature: str, by: float, studies: int, count: int) -> int:
    """Return in how many studies it is found that long trades, or those in a rising market, make more."""
    return sum(claimed(*planted(shape, feature, by, seed, count), seed) for seed in range(studies))


def found_of_routes(by: float, studies: int, count: int) -> int:
    """Return in how many studies it is found that one route makes more."""
    return sum(claimed(*routes(seed, count=count, better=by), seed) for seed in range(studies))


def claimed(trades, candles, seed: int) -> bool:
    """Return whether skill is claimed; trades are long or short by a coin."""
    sided = trades.assign(side=_sides(len(trades), seed))
    return entry_insight(sided, entry_features(sided, candles)).better_than_chance


def planted(shape: str, feature: str, by: float, seed: int, count: int) -> tuple:
    """Return noise in which half of the trades make more, the others as much less."""
    trades, candles = noise(shape, "independent", seed, count=count)
    sided = trades.assign(side=_sides(len(trades), seed))
    known = entry_features(sided, candles)[feature]
    more = np.where(known > known.median() if feature != "long" else known == 1, by / 2, -by / 2)
    trades["pnl_percentage"] += more * trades["pnl_percentage"].std()
    trades["pnl"] = trades["pnl_percentage"] * 10
    return trades, candles


def _sides(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 77]).choice(["long", "short"], count)


def main(studies: int, counts: tuple[int, ...]) -> None:
    """Print both tables."""
    print(f"Studies of {studies} in which skill is claimed, at 5 %")
    for count in counts:
        for shape in (*HUGE, *SHAPES):
            alarms = [f"{arrangement} {false_alarms(shape, arrangement, studies, count)}"
                      for arrangement in (*ARRANGEMENTS, *FURTHER)]
            print(f"  {count} trades, {shape}: {', '.join(alarms)}", flush=True)
        print(f"  {count} trades that overlap: {false_alarms_of_overlapping(studies, count)}", flush=True)
        print(f"  {count} trades, routes that differ in their win rate: {false_alarms_of_routes(studies, count)}",
              flush=True)
    fewer = max(studies // 5, 1)
    print(f"Studies of {fewer} in which what makes more is found")
    for count in counts:
        for shape in SHAPES:
            power = [f"{feature} by {by:g} sd {found(shape, feature, by, fewer, count)}" for feature, by in PLANTED]
            print(f"  {count} trades, {shape}: {', '.join(power)}", flush=True)
        power = [f"by {by:g} sd {found_of_routes(by, fewer, count)}" for by in (0.5, 1.0)]
        print(f"  {count} trades, one route of three: {', '.join(power)}", flush=True)


if __name__ == "__main__":
    numbers = tuple(map(int, sys.argv[1:]))
    main(numbers[0] if numbers else 100, numbers[1:] or (150, 500))
