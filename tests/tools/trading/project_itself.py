"""Jesse in a project of its own, which loads strategies by their names; nothing of jesse_nb is imported.

As a script within the project's folder: ``python project_itself.py TASK.json``. The task is as of ``tests/oracle.py``,
but a route's strategy is the name of one of the project's. Prints what Jesse says of each run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # seconds to import, and never used
    import jesse.helpers as helpers

    helpers.is_jesse_project = lambda: False  # else it looks for the project's database; strategies are found without
    import numpy as np
    from jesse.research.backtest import backtest

    sys.path.insert(0, str(Path.cwd()))
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))

    def loaded(series: list[list[str]]) -> dict[str, Any]:
        return {f"{exchange}-{symbol}": {"exchange": exchange, "symbol": symbol, "candles": np.load(path)}
                for exchange, symbol, path in series}

    answers = []
    for run in task["runs"]:
        answer = backtest(
            run["config"], run["routes"], run["data_routes"], loaded(run["candles"]),
            warmup_candles=loaded(run["warm_up"]) if run["warm_up"] else None, generate_equity_curve=True,
            hyperparameters=None, fast_mode=run["fast_mode"])
        curve = answer["equity_curve"]
        answers.append({"metrics": answer["metrics"], "trades": answer.get("trades") or [],
                        "equity": [[point["time"], point["value"]] for point in curve[0]["data"]] if curve else None})
    print("ANSWERS" + json.dumps(answers, default=lambda value: value.item() if hasattr(value, "item") else str(value)))


if __name__ == "__main__":
    main()
