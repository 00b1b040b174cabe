"""A kernel that campaigns kill: it runs one job a line of its input.

A line is ``TOOL NUMBER STORE``; the answer is one of ``finished DIGEST``, ``interrupted`` and ``failed REASON``. Every
run that a store has kept is noted in the file ``STORE.kept``, after it was, by its key.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import signal
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

import jesse_nb as jn
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.jobs.store import RunStore
from tests.jobs.strategies import CROSSING

__all__ = ["TOOLS", "import_all", "main"]

#: Of a demo market, so small that a run takes a fraction of a second.
MARKET = ("BTC-USDT", "1h")

#: What differs between two runs of the same job.
_VOLATILE = {"seconds", "reused"}


def _optimize(number: int, **common: Any) -> pd.DataFrame:
    return jn.optimize(CROSSING, *MARKET, "2023-03-01", "2023-04-05", n_trials=20, seed=number, neighbours=3,
                       **common).to_frame()


def _walk_forward(number: int, **common: Any) -> pd.DataFrame:
    return jn.walk_forward(CROSSING, *MARKET, "2023-02-01", "2023-03-20", in_sample_period=14, out_sample_period=7,
                           step_forward=7, n_trials=6, seed=number, **common).to_frame()


def _batch(number: int, **common: Any) -> pd.DataFrame:
    grid = {"fast": [2 + number, 5, 8, 11, 14], "slow": [25, 35, 45, 55]}
    return jn.backtest_batch(CROSSING, *MARKET, start="2023-03-01", end="2023-03-21", params=grid, **common).to_frame()


def _candle_monte_carlo(number: int, **common: Any) -> pd.DataFrame:
    result = jn.backtest(CROSSING, *MARKET, "2023-03-01", "2023-03-21", **common)
    return jn.candle_monte_carlo(result, 16, seed=number, strategy=CROSSING, store=common["store"]).scenarios


TOOLS = {"optimize": _optimize, "walk_forward": _walk_forward, "batch": _batch,
         "candle_monte_carlo": _candle_monte_carlo}


def digest(frame: pd.DataFrame) -> str:
    """A short text that is another one whenever any figure is."""
    kept = frame[[name for name in frame.columns
                  if _VOLATILE.isdisjoint([name] if isinstance(name, str) else name)]]
    text = "\n".join(repr(row) for row in [tuple(map(str, kept.columns)), *kept.reset_index().itertuples(index=False)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def note_what_is_kept() -> None:
    """Write the key of every run to a file of the store's name, once the store has it."""
    for name in ("put", "put_stopped"):
        original = getattr(RunStore, name)

        def noting(store: RunStore, spec: Any, *rest: Any, original: Any = original, **options: Any) -> None:
            original(store, spec, *rest, **options)
            file = os.open(f"{current}.kept", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(file, f"{spec.key}\n".encode())
            os.close(file)

        setattr(RunStore, name, noting)


def answer(tool: str, number: int, store: str) -> str:
    """Run one job; only then an interrupt is heard."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return f"finished {digest(TOOLS[tool](number, exchange='Demo (synthetic)', store=Path(store)))}"
    except (jn.JobInterruptedError, KeyboardInterrupt):
        return "interrupted"
    except Exception as error:  # noqa: BLE001 - a campaign counts it
        return f"failed {type(error).__name__}: {' '.join(str(error).split())}"
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


current = ""


def import_all() -> None:
    """Import what the jobs need, and start nothing."""
    jesse_module("jesse.research.backtest")
    for module in ("optuna.samplers", "sklearn.ensemble", "arch.bootstrap", "scipy.stats", "ruptures", "psycopg2"):
        importlib.import_module(module)
    for tool in (jn.optimize, jn.walk_forward, jn.backtest_batch, jn.backtest, jn.candle_monte_carlo):
        assert callable(tool)


def main(orders: TextIO, answers: TextIO) -> None:
    """Take jobs until the input ends."""
    global current
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    note_what_is_kept()
    local_pool().ready(300)
    print("ready", file=answers, flush=True)
    for line in orders:
        tool, number, current = line.split()
        print(answer(tool, int(number), current), file=answers, flush=True)
