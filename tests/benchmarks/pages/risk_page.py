"""How long a whole risk report takes, the first time and the second.

Run it: ``python -m tests.benchmarks.pages.risk_page``.

Method. A year of TrendFollower on BTC-USDT 1h, in a folder of its own; then its detailed risk report with six
scenarios (a crash, a slow bear market, threefold volatility, a gap, a melt-up, and a replay of half a month), 10,000
paths and all methods of the value at risk with their tests, and its HTML page with every picture. The second time
nothing is simulated: the scenarios are in the run store. Beside the seconds that passed stand the processor seconds of
this process, which a busy machine does not change, and the seconds that workers simulated.

The aim: at most 60 s the first time and 2 s the second, on two cores with nothing else to do.
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
SCENARIOS = ("crash", "slow_bear", "vol_spike", "gap", "melt_up", "replay:2024-03-01..2024-03-15")


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<56} {value}")


def measure(folder: Path, period: tuple[str, str] = PERIOD, scenarios: tuple[str, ...] = SCENARIOS) -> dict[str, Any]:
    """Return the seconds of the first report and of the second, and those of its page."""
    candles = CandleStore(folder / "candles")
    candles.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
    kept: dict[str, Any] = {"candles": candles, "store": folder / "runs.sqlite"}
    result = jn.backtest(TrendFollower, "BTC-USDT", "1h", *period, **kept)

    def report() -> jn.RiskReport:
        made = jn.risk_report(result, format="detailed", scenarios=scenarios, at="worst_exposure", n_jobs=2, **kept)
        assert isinstance(made, jn.RiskReport)
        assert not made.missing
        return made

    figures: dict[str, Any] = {}
    for name in ("first report", "second report"):
        made = _timed(report, name, figures)
    assert made.stress is not None
    figures["scenarios"] = len(made.stress.results)
    figures["simulated, s"] = round(sum(run.seconds for run in made.stress.results.values()), 2)
    _timed(lambda: made.to_html(folder / "risk.html"), "its page", figures)
    return figures


def _timed(call: Callable[[], Any], name: str, figures: dict[str, Any]) -> Any:
    passed, busy = time.perf_counter(), time.process_time()
    made = call()
    figures[f"{name}, s"] = round(time.perf_counter() - passed, 2)
    figures[f"{name}, processor s of this process"] = round(time.process_time() - busy, 2)
    return made


if __name__ == "__main__":
    main()
