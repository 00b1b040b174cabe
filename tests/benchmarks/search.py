"""How few simulations find a good set of parameters. Run it: ``python -m tests.benchmarks.search``.

Method. Three strategies on 12 months of real hourly candles, each with a discrete space of some ten
thousand points, and five seeds. All simulations are real and are kept in a run store, so that what several studies
ask for runs once; ``--store FOLDER`` keeps it for the next time.

Sampler: 200 random trials set the target, their best Sharpe ratio. Counted is how many trials each other sampler
needs to reach it, with the same seed; 999 where 150 do not. ``--quick`` does this alone, on 120 days: real runs all the
same, each a third of the time.

Pruner: the same study (100 trials, default sampler) without a pruner and with each. Of every trial the share of the
candles that were simulated is known, and the study's best is compared with that of the study without. A stored whole
run is judged by the same rule as one that runs, so the shares do not depend on the store.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from tests.benchmarks.searched import CASES
from tests.conftest import EXCHANGE, real_candles

PERIOD, QUICK = ("2023-06-01", "2024-05-31"), ("2023-12-01", "2024-03-30")
SAMPLERS = ("tpe", "gp", "qmc")
RANDOM, MOST, TRIALS = 200, 150, 100


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--store", type=Path, help="folder in which simulations are kept")
    parser.add_argument("--quick", action="store_true", help="samplers only, on 120 days")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(options.store or Path(temporary), range(options.seeds), quick=options.quick)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<64} {value}")


def measure(folder: Path, seeds: range, *, quick: bool) -> dict[str, Any]:
    """Return the figures of all strategies and seeds."""
    candles = CandleStore(folder / "candles")
    for symbol in {symbol for _, symbol, _ in CASES.values()}:
        candles.write(EXCHANGE, symbol, real_candles(symbol))

    def study(name: str, seed: int, **changes: Any) -> OptimizeResult:
        source, symbol, space = CASES[name]
        arguments: dict[str, Any] = {"space": space, "seed": seed, "pruner": "none", "n_trials": TRIALS} | changes
        return optimize(source, symbol, "1h", *(QUICK if quick else PERIOD), top=1, test_ratio=0,  # type: ignore[return-value]
                        neighbours=0, parity=False, candles=candles, store=folder / f"{name}.sqlite", **arguments)

    needed: dict[str, dict[str, list[int]]] = {sampler: {} for sampler in SAMPLERS}
    pruners = () if quick else ("median", "quartile")
    shares: dict[str, list[float]] = {pruner: [] for pruner in pruners}
    kept: dict[str, list[float]] = {pruner: [] for pruner in pruners}
    for name in CASES:
        for seed in seeds:
            target = study(name, seed, sampler="random", n_trials=RANDOM).best_value
            studies = {sampler: study(name, seed, n_trials=MOST, sampler=sampler) for sampler in SAMPLERS}
            for sampler, guided in studies.items():
                needed[sampler].setdefault(name, []).append(trials_until(guided, target))
            guided = studies["tpe"]
            best = np.nanmax([trial.value for trial in guided.trials[:TRIALS]])
            for pruner in shares:
                pruned = study(name, seed, pruner=pruner)
                shares[pruner].append(pruned.simulated)
                kept[pruner].append(pruned.best_value / best)
            told = [f"{sampler} {needed[sampler][name][-1]} trials" for sampler in SAMPLERS]
            told += [f"{pruner} {shares[pruner][-1]:.2f} of the candles, best {kept[pruner][-1]:.3f}"
                     for pruner in pruners]
            print(f"{name} seed {seed}: {', '.join(told)}", flush=True)
    figures: dict[str, Any] = {}
    for sampler, cases in needed.items():
        figures |= {f"{sampler}: trials to the best of {RANDOM} random ones, {name}": counts
                    for name, counts in cases.items()}
        all_counts = sorted(count for counts in cases.values() for count in counts)
        figures[f"{sampler}: the same, median (goal: 30, was 41)"] = statistics.median(all_counts)
        figures[f"{sampler}: the same, quartiles; and never"] = (
            *statistics.quantiles(all_counts, n=4)[::2], all_counts.count(999)) if len(all_counts) > 1 else all_counts
    for pruner in pruners:
        figures[f"{pruner}: share of the candles simulated, mean (goal: at most 0.5)"] = round(
            statistics.mean(shares[pruner]), 3)
        figures[f"{pruner}: best / best without, median and least (goal: 0.98)"] = (
            round(statistics.median(kept[pruner]), 3), round(min(kept[pruner]), 3))
        figures[f"{pruner}: studies within 2 % of the best without"] = (
            f"{sum(ratio >= 0.98 for ratio in kept[pruner])} of {len(kept[pruner])}")
    return figures


def trials_until(result: OptimizeResult, target: float) -> int:
    """Return how many trials it took to reach a value."""
    return next((trial.number + 1 for trial in result.trials if trial.value >= target - 1e-12), 999)


if __name__ == "__main__":
    main()
