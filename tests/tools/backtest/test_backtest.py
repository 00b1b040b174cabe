"""One backtest as a job: how far it is, and that it can be stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.progress import Progress
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.exceptions import JobCancelledError
from jesse_nb.report.results import text
from tests.candles.helpers import random_candles
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


HOLD = """
from jesse.strategies import Strategy

class Hold(Strategy):
    def should_long(self):
        return self.index == 0

    def go_long(self):
        self.buy = self.balance * 0.5 / self.price, self.price
"""


@pytest.mark.parametrize("gaps", ["fill", "keep"])
@pytest.mark.parametrize("factor", [2.0, 0.5, 1.003])
def test_a_jump_across_missing_days_is_told_with_what_it_earned(tmp_path: Path, gaps: Any, factor: float) -> None:
    candles = random_candles(20 * 1_440)
    cut = slice(10 * 1_440, 13 * 1_440)
    candles[cut.stop :, 1:5] *= factor * candles[cut.start - 1, 2] / candles[cut.stop, 1]
    store = CandleStore(tmp_path / "candles")
    store.write("Binance Spot", "BTC-USDT", np.delete(candles, np.r_[cut], axis=0))
    result = backtest(HOLD, "BTC-USDT", "1h", "2023-01-05", "2023-01-20", candles=store, gaps=gaps, fee=0.0,
                      warm_up_candles=0, store=tmp_path / "runs.sqlite")
    (trade,) = result.trades.to_dict("records")
    earned = trade["qty"] * (candles[cut.stop, 1] - candles[cut.start - 1, 2])
    jumped = [f"The price of BTC-USDT jumped by {100 * (factor - 1):+.1f} % across 4,320 minutes without a candle from "
              "2023-01-11."]
    expected = [
        *(jumped if abs(factor - 1) >= 0.01 else []),  # less is what a price does anyhow
        "1 trade of BTC-USDT was open across minutes without a candle, where nobody could trade, and earned "
        f"{earned:+,.2f} there."]
    assert list(result.card.notes) == expected
    assert all(note[:40] in " ".join(text(result).split()) for note in expected)
