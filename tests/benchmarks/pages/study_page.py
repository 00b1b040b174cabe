"""How long a study's report takes after its last run, and a deep analysis' pictures.

Run it: ``python -m tests.benchmarks.pages.study_page``.

Method. A study of 100 trials of TrendFollower on a year of BTC-USDT 1h, with its held-out test and its checks, by
turns with the analysis of its best run, in this process. Of a study, counted is what is left once its job has ended:
statistics, eight pictures, HTML. Each round asks for a new study, which the run store answers but for the checks'
last run, so that importances are computed while a worker is busy, as in a first study. Given are processor seconds
of this process, round by round: the first imports what draws.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.quickstart import TrendFollower
from tests.conftest import EXCHANGE, real_candles

PERIOD = ("2023-02-01", "2024-02-01")
GOALS = {"report of a study": "goal 1.0, was 1.6", "pictures of a deep analysis": "goal 1.5, was 2 to 3"}


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), rounds=options.rounds)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, seconds in figures.items():
        print(f"{name} ({GOALS[name]}): " + " ".join(f"{taken:.2f}" for taken in seconds))


def measure(folder: Path, period: tuple[str, str] = PERIOD, trials: int = 100, rounds: int = 4
            ) -> dict[str, list[float]]:
    """Return processor seconds, a list of the rounds each."""
    candles = CandleStore(folder / "candles")
    candles.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))

    def study(number: int) -> Any:
        return jn.optimize(
            TrendFollower, "BTC-USDT", "1h", *period, n_trials=trials + number, candles=candles, sampler="random",
            store=folder / "runs.sqlite", space={"fast": (5, 30), "slow": (31, 120), "stop": (1.0, 5.0, 0.5)})

    figures: dict[str, list[float]] = {name: [] for name in GOALS}
    for number in range(rounds):
        result = study(number)
        figures["report of a study"].append(_seconds(result._repr_mimebundle_))
        analysis = jn.analyze_results(result.training, candles=candles)
        figures["pictures of a deep analysis"].append(_seconds(analysis._repr_mimebundle_))
    return figures


def _seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
