"""Backtests by Jesse itself, called as its documentation says; nothing of jesse_nb is imported.

Run as a script, in a process and a working directory of its own: ``python oracle.py TASK.json``. The task is
``{"sources": {name: text}, "runs": [{"config", "routes", "data_routes", "candles", "warm_up",
"hyperparameters", "fast_mode"}, ...]}``, a route's strategy a name in ``sources``, candles
``[[exchange, symbol, path of a .npy], ...]``. A run may have a ``pipeline``: ``{"class", "kwargs", "seed"}`` of Jesse's
candle pipelines, the seed being NumPy's. Prints ``[{"metrics", "trades", "equity"}, ...]``,
every number as Python writes it. Each run has a process of its own, so none sees what the others left.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def one(run: dict[str, Any], sources: dict[str, str]) -> dict[str, Any]:
    import numpy as np
    from jesse.research.backtest import backtest

    classes = {}
    for name, text in sources.items():
        space: dict[str, Any] = {"__name__": name}
        exec(text, space)
        classes[name] = space[name]

    def loaded(series: list[list[str]]) -> dict[str, Any]:
        return {f"{exchange}-{symbol}": {"exchange": exchange, "symbol": symbol, "candles": np.load(path)}
                for exchange, symbol, path in series}

    pipeline = {}
    if run.get("pipeline"):
        import jesse.candle_pipelines

        np.random.seed(run["pipeline"]["seed"])
        pipeline = {"candles_pipeline_class": getattr(jesse.candle_pipelines, run["pipeline"]["class"]),
                    "candles_pipeline_kwargs": run["pipeline"]["kwargs"]}
    answer = backtest(
        run["config"],
        [{**route, "strategy": classes[route["strategy"]]} for route in run["routes"]],
        run["data_routes"],
        loaded(run["candles"]),
        warmup_candles=loaded(run["warm_up"]) if run["warm_up"] else None,
        generate_equity_curve=True,
        hyperparameters=run["hyperparameters"],
        fast_mode=run["fast_mode"],
        **pipeline,
    )
    curve = answer["equity_curve"]
    return {
        "metrics": answer["metrics"],
        "trades": answer.get("trades") or [],
        "equity": [[point["time"], point["value"]] for point in curve[0]["data"]] if curve else None,
    }


def plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def main() -> None:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # seconds to import, and never used
    import jesse.research.backtest  # noqa: F401 - once, before forking

    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    one(task["runs"][0], task["sources"])  # compiles indicators, so that not every process has to
    answers = []
    for run in task["runs"]:
        out, into = os.pipe()
        child = os.fork()
        if not child:
            with os.fdopen(into, "w") as pipe:
                pipe.write(json.dumps(one(run, task["sources"]), default=plain))
            os._exit(0)
        os.close(into)
        with os.fdopen(out) as pipe:
            answers.append(json.load(pipe))
        os.waitpid(child, 0)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
