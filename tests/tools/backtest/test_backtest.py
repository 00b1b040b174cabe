"""One backtest as a job: how far it is, and that it can be stopped."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.progress import Progress
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.exceptions import JobCancelledError
from tests.strategies import TREND

#: Long enough to be seen on its way.
SLOW = TREND.replace("    @property\n    def rising", """
    def before(self):
        import time
        time.sleep(0.01)

    @property
    def rising""")


@pytest.fixture
def start(candle_store: CandleStore) -> Any:
    def begin(strategy: str = SLOW) -> Any:
        return backtest(strategy, "BTC-USDT", "1h", "2023-03-01", "2023-03-21", candles=candle_store, background=True)

    return begin


def test_it_tells_how_many_days_it_has_simulated(start: Any) -> None:
    job, seen = start(), []

    def watch(progress: Progress) -> None:
        seen.append((progress.phase, progress.done, progress.total, progress.eta))

    job.subscribe(watch)
    job.result(60)
    done = [count for _, count, _, _ in seen]
    assert done == sorted(done)
    assert len({count for count in done if 0 < count < 20}) > 3
    assert done[-1] == 20
    assert {total for phase, _, total, _ in seen if phase == "simulating days"} == {20}
    assert any(eta is not None and eta > 0 for *_, eta in seen)


def test_one_that_is_stored_is_there_at_once(start: Any) -> None:
    first = start(TREND).result(60)
    job = start(TREND)
    assert job.result(60).metrics == first.metrics
    assert (job.progress.done, job.progress.total) == (20, 20)


def test_it_stops_on_its_way(start: Any) -> None:
    job = start()
    until = time.monotonic() + 60
    while not job.progress.done and time.monotonic() < until:
        job.wait(0.02)
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(30)
    assert 0 < job.progress.done < 20
