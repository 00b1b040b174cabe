"""Makes a result of each kind, writes down what it is and says, and is killed: a kernel that never came to its end."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.record.codec import encoded
from jesse_nb.core.record.labels import labelled, labels_of
from jesse_nb.report.html import page
from tests.jobs.strategies import CROSSING

#: Those whose pages, pictures and all, are compared too; of the others the text.
DRAWN = ("backtest", "study", "walk")


def main(candles: str, folder: str) -> None:
    where = {"candles": CandleStore(candles)}
    results = {}
    market = ("BTC-USDT", "1h", "2023-02-01", "2023-03-15")

    def kept(name, tool, *arguments, **more):
        with labelled(labels_of(name, "each", f"<b>{name}</b>")):
            result = tool(*arguments, **more)
        results[name] = result
        return result

    run = kept("backtest", jn.backtest, CROSSING, *market, **where)
    own = jn.Metric("own", "maximize", "Own", "", lambda result: result.metrics["total"])
    kept("study", jn.optimize, CROSSING, *market, space={"fast": (2, 20), "slow": (21, 80)}, n_trials=6,
         test_ratio=0.3, metric=["sharpe", own], constraints="trades >= 1", holdout="5d", **where)
    walking = dict(in_sample_period=14, out_sample_period=7, step_forward=7, n_trials=2, sampler="random", **where)
    kept("walk", jn.walk_forward, CROSSING, *market, **walking)
    kept("paths", jn.walk_forward, CROSSING, *market, split="cpcv", groups=3, n_trials=2, sampler="random", **where)
    kept("batch", jn.backtest_batch, CROSSING, ["BTC-USDT", "ETH-USDT"], "1h", start=market[2], end=market[3], **where)
    kept("analysis", jn.analyze_results, run, "deep", paths=100, scenarios=2, **where)
    kept("check", jn.check_strategy, CROSSING, *market, checks="reads", **where)
    kept("fees", jn.fee_stress, run, (1, 2), **where)
    kept("markets", jn.candle_monte_carlo, run, 2, **where)
    kept("chances", jn.monte_carlo, run, n_sims=200)
    kept("risk", jn.var_calculation, run, 0.95, 1, window=60)
    kept("stress", jn.stress_test, run, "crash", at="2023-02-15", **where)
    for name, result in results.items():  # at the end: sealed days tell how often they were looked at by now
        said = {"text": str(result), "page": page(result) if name in DRAWN else "", "kind": type(result).__name__}
        Path(folder, f"{name}.bytes").write_bytes(encoded(result))
        Path(folder, f"{name}.json").write_text(json.dumps(said))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
