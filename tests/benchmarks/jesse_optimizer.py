"""Jesse's own optimizer, for ``tests.benchmarks.against_jesse``: a process that lives in a Jesse project.

It knows nothing of jesse_nb. The command line has the task as JSON; each line of the standard input
(``{"trials": 14, "keep": false}``) is answered by one of the standard output. ``keep`` starts Ray before the clock
and leaves it running.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ray
from jesse import research
from jesse.services.ray_runtime import initialize_ray


def main() -> None:
    """Answer until the input ends."""
    task = json.loads(sys.argv[1])
    training, testing = (candles_of(task, *period) for period in (task["training"], task["testing"]))
    print(json.dumps({"rows": len(training[1]), "first": training[1][0].tolist()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(in_spite_of_ray(lambda line=line: optimized(task, training, testing, **json.loads(line))),
                         default=float), flush=True)
    ray.shutdown()


def in_spite_of_ray(run: Callable[[], dict[str, Any]], attempts: int = 5) -> dict[str, Any]:
    """Run again from the start when Ray does not come up within its own 30 seconds, as on a busy machine."""
    for attempt in range(1, attempts + 1):
        try:
            return run()
        except Exception as error:  # noqa: PERF203
            if "during startup" not in str(error) or attempt == attempts:
                raise
            print(f"Ray did not start; attempt {attempt + 1}.", file=sys.stderr)
            ray.shutdown()
    raise AssertionError


def candles_of(task: dict[str, Any], start: int, finish: int) -> tuple[np.ndarray, np.ndarray]:
    """Read one-minute candles from the project's database: for warming up, and of the period."""
    return research.get_candles(task["exchange"], task["symbol"], task["timeframe"], start, finish,
                                warmup_candles_num=task["warm_up_candles"], is_for_jesse=True)


def optimized(task: dict[str, Any], training: Any, testing: Any, *, trials: int, keep: bool) -> dict[str, Any]:
    """Run ``trials`` evaluations for each hyperparameter and say how long it took."""
    exchange, symbol = task["exchange"], task["symbol"]

    def series(candles: np.ndarray) -> dict[str, Any]:
        return {f"{exchange}-{symbol}": {"exchange": exchange, "symbol": symbol, "candles": candles}}

    if keep and not ray.is_initialized():
        initialize_ray(task["cores"])
    if not keep and ray.is_initialized():
        ray.shutdown()
    np.random.seed(trials)
    began = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        result = research.optimize(
            {"exchange": {"name": exchange, "balance": 10_000, "fee": 0.001, "type": "futures", "futures_leverage": 1,
                          "futures_leverage_mode": "cross"}, "warm_up_candles": task["warm_up_candles"]},
            [{"symbol": symbol, "timeframe": task["timeframe"], "strategy": task["strategy"]}], [],
            series(training[1]), series(training[0]), series(testing[1]), series(testing[0]),
            cpu_cores=task["cores"], trials=trials, best_candidates_count=10_000, progress_bar=False,
        )
    seconds = time.perf_counter() - began
    best = result["best_trials"]
    return {
        "seconds": seconds,
        "evaluations": result["completed_trials"],
        "tested": len(best),  # each of these ran on the testing period, too
        "best": [best[0]["params"], best[0]["training_metrics"]] if best else None,
    }


if __name__ == "__main__":
    main()
