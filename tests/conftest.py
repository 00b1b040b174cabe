"""Fixtures that every room's tests share: isolated folders, and candles to simulate on."""

from __future__ import annotations

import compileall
import gc
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import numpy as np

    from jesse_nb.core.candles import CandleStore

# A shell that starts the tests in the background has them ignore interrupts, and so would all they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests draw the same examples every time; `python -m tests.fuzz properties` draws others, as long as one likes.
settings.register_profile("tests", derandomize=True, database=None, deadline=None)
settings.register_profile("fuzz", max_examples=500, database=None, deadline=None, print_blob=True)
settings.load_profile("tests")

# Before any part of the package is imported, where pytest-cov measures: here, or in what started this worker.
_probes = None
if "COV_CORE_SOURCE" in os.environ and find_spec("slipcover"):
    from tests.probes import Probes

    _probes = Probes()

#: The exchange that the shared test series are filed under, whether real or generated.
EXCHANGE = "Binance Perpetual Futures"

_homes = itertools.count()

_COLUMNS = ["timestamp", "open", "close", "high", "low", "volume"]


def sample_folder() -> Path | None:
    """The folder of real sample candles, or None where there is none.

    ``JESSE_NB_SAMPLE_DATA`` names it; otherwise it lies in ``shared/data`` beside the checkout.
    """
    named = os.environ.get("JESSE_NB_SAMPLE_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if (folder / "spot_1m" / "BINANCE" / "BTC-USDT.parquet").is_file() else None


#: Files that take longest, begun first so that all workers end at the same time. The browser's comes before all,
#: beside those that need one core alone: it measures what must happen within a second. What starts many processes
#: and what waits for a page take turns.
_LONGEST = (
    "browser/test_live_notebook.py", "report/test_walk_forward.py", "report/test_figures.py", "report/test_html.py",
    "report/test_batch.py", "luck/test_overfit_calibration.py", "analysis/test_insight.py",
    "studies/test_walk_forward.py", "risk/test_var_tests.py", "studies/test_importances.py",
    "studies/test_stitching.py", "test_ray_pool.py", "browser/test_explorer.py", "test_shared_store.py",
    "browser/test_accessibility.py", "test_fast_path.py", "browser/test_panels.py", "test_equality.py",
    "browser/test_notebook7.py", "test_check_strategy.py", "01_quickstart.ipynb", "test_benchmarks.py",
    "04_analysis.ipynb", "tools/optimize/test_optimize.py", "02_walk_forward.ipynb",
    "tools/walk_forward/test_walk_forward.py", "08_risk.ipynb", "tools/analyze/test_analyze.py", "03_batch.ipynb",
    "test_too_good.py", "test_jesse_runtime.py", "06_panels.ipynb", "09_markets_and_portfolio.ipynb",
    "10_pairs.ipynb", "05_jobs.ipynb", "12_to_trading.ipynb", "11_research_record.ipynb", "test_strategy_hash.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Measure coverage by the probes, where they were set, and compile the package before workers start.

    Where Python is told to write no bytecode, each kernel, worker and script would compile the package anew.
    """
    if _probes is not None:
        config.pluginmanager.register(_probes)
    if sys.dont_write_bytecode and config.getoption("numprocesses", None):  # which workers of xdist do not have
        compileall.compile_dir(Path(__file__).resolve().parents[1] / "jesse_nb", quiet=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first."""

    def place(item: pytest.Item) -> int:
        path = str(item.fspath)
        return next((number for number, name in enumerate(_LONGEST) if path.endswith(name)), len(_LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Measure coverage in this process only, and let its garbage collector look at what the tests make only.

    Workers, kernels and scripts would be traced as well, which makes a simulation take twice the time, and
    most of them are killed before they could tell what they ran.
    """
    for name in [name for name in os.environ if name.startswith("COV_CORE_")]:
        del os.environ[name]
    # What was imported stays. Without it a collection is quick; statsmodels asks for one at each correction.
    gc.collect()
    gc.freeze()


@lru_cache(maxsize=4)
def real_candles(symbol: str) -> np.ndarray:
    """One-minute candles 2023-01-01 to 2024-06-30: the real sample, or the demo market where it is absent.

    float64 (n, 6) in Jesse's column order; read-only, because every test gets the same array.
    """
    folder = sample_folder()
    if folder is None:
        from jesse_nb.core.candles import demo_candles

        candles = demo_candles(symbol)
    else:
        import numpy as np
        import pandas as pd

        frame = pd.read_parquet(folder / "spot_1m" / "BINANCE" / f"{symbol}.parquet")
        candles = np.ascontiguousarray(frame[_COLUMNS].to_numpy(np.float64))
    candles.flags.writeable = False
    return candles


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Keep no results: judging each walk-forward would take minutes. Notebooks do; `kept` switches it on for a test."""
    with pytest.MonkeyPatch.context() as patch:
        if item.fspath.ext == ".py":
            patch.setenv("JESSE_NB_KEEP_RESULTS", "0")
        yield


@pytest.fixture(autouse=True, scope="session")
def _isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep session fixtures away from the user's own folders; `isolated_home` does so for each test."""
    with pytest.MonkeyPatch.context() as patch:
        _point_home_to(tmp_path_factory.mktemp("session_home"), patch)
        yield


@pytest.fixture(autouse=True)
def isolated_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, in which the package finds its candles and its run store."""
    # A number of our own: pytest looks through the folders of all tests before for the next free one.
    home = tmp_path_factory.mktemp(f"home-{next(_homes)}", numbered=False)
    _point_home_to(home, monkeypatch)
    return home


@pytest.fixture(scope="session")
def candle_store(tmp_path_factory: pytest.TempPathFactory) -> CandleStore:
    """A store with BTC-USDT and ETH-USDT under "Binance Spot". Do not write to it."""
    from jesse_nb.core.candles import CandleStore

    store = CandleStore(tmp_path_factory.mktemp("candles"))
    for symbol in ("BTC-USDT", "ETH-USDT"):
        store.write(EXCHANGE, symbol, real_candles(symbol))
    return store


def _point_home_to(home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("JESSE_NB_CANDLES", str(home / "candles"))
    patch.setenv("JESSE_NB_STORE", str(home / "store"))
    patch.setenv("JESSE_NB_JOBS", str(home / "jobs"))
    patch.delenv("JESSE_NB_CACHE", raising=False)


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the pictures of pages blank where only the words matter: drawing takes nearly all of the time."""
    from jesse_nb.report.common.canvas import new_figure

    blank, _ = new_figure(1.0)
    monkeypatch.setattr("jesse_nb.report.html.plot", lambda result, name: blank)
    monkeypatch.setattr("jesse_nb.report.html.png", lambda figure: b"\x89PNG")


@pytest.fixture
def kept(isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have results kept, in the folder that this gives."""
    monkeypatch.delenv("JESSE_NB_KEEP_RESULTS")
    return isolated_home / "store" / "results"
