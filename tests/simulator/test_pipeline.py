"""Candle pipelines: Jesse's own, to the last digit, and the same candles for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import InputError, SimulationError
from tests.simulator.jesse_itself import Oracle, assert_equal
from tests.strategies import REVERSION, TREND

START, END = "2023-05-01", "2023-05-11"
WARM_UP = 60
NOISE = {"close_sigma": 4.0, "high_sigma": 1.0, "low_sigma": 1.0}

#: Ours, Jesse's class, and its arguments.
PIPELINES = [
    (CandlePipeline("moving_block_bootstrap", {}, 1_440, 7), "MovingBlockBootstrapCandlesPipeline",
     {"batch_size": 1_440, "seed": 7}),
    (CandlePipeline("gaussian_noise", NOISE, 1_440, 11), "GaussianNoiseCandlesPipeline",
     {"batch_size": 1_440, **NOISE}),
    (CandlePipeline("gaussian_resampler", seed=5), "GaussianResamplerCandlesPipeline", {"batch_size": 10_080}),
    (CandlePipeline("gaussian_resampler", {"mu": 0.5, "sigma": 0.8}, 360, 2**32 - 1),
     "GaussianResamplerCandlesPipeline", {"batch_size": 360, "mu": 0.5, "sigma": 0.8}),
]

#: Says what it sees, and disturbs NumPy's global generator as it goes.
WITNESS = """
import numpy as np
from jesse.strategies import Strategy


class Witness(Strategy):
    def should_long(self):
        np.random.seed(0)
        if self.index == 0:
            print("before", float(self.candles[:-1, 1:5].sum()), "open", float(self.candles[-1, 1]))
        print(float(self.price))
        return False

    def go_long(self):
        pass
"""


def one_market(strategy: str, candle_store: CandleStore) -> Request:
    return Request(strategy=strategy, symbol="BTC-USDT", timeframe="1h", candles=candle_store, warm_up_candles=WARM_UP)


def simulated(
    request: Request, pipelines: list[CandlePipeline | None], mode: str = "fast", period: tuple[str, str] = (START, END)
) -> list[BacktestResult]:
    prepared = prepare(request, *period)
    evaluator = request.resources.evaluator([prepared], RunStore(), local_pool())
    specs = [replace(prepared.spec, pipeline=pipeline, mode=mode) for pipeline in pipelines]
    for number, spec in enumerate(specs):
        evaluator.submit(number, spec)
    found = {}
    while evaluator.pending:
        answer = evaluator.next(timeout=60)
        assert answer is not None, "no worker answered"
        number, outcome = answer
        if outcome.error is not None:
            raise outcome.error
        found[number] = outcome.record.to_result(specs[number])
    return [found[number] for number in range(len(specs))]


def test_it_is_jesses_own_pipeline_in_both_modes_on_one_market_and_on_two(candle_store: CandleStore, tmp_path: Path):
    account: dict[str, Any] = {"leverage": 2, "warm_up_candles": WARM_UP}
    one, two = [(TREND, "BTC-USDT", "1h")], [(TREND, "BTC-USDT", "1h"), (REVERSION, "ETH-USDT", "15m")]
    cases = [(one, "fast", PIPELINES), (one, "step", PIPELINES[:2]), (two, "fast", PIPELINES[1:2])]
    names = {TREND: "Trend", REVERSION: "Reversion"}
    oracle, ours = Oracle(tmp_path / "jesse", {"Trend": TREND, "Reversion": REVERSION}), []
    for routes, mode, pipelines in cases:
        for pipeline, name, arguments in pipelines:
            oracle.add([(names[strategy], *market) for strategy, *market in routes], START, END, **account,
                       warm_up_minutes=WARM_UP * 60, fast=mode == "fast",
                       pipeline={"class": name, "kwargs": arguments, "seed": pipeline.seed})
    oracle.start()
    for routes, mode, pipelines in cases:
        request = Request(routes=routes, candles=candle_store, **account)
        ours += simulated(request, [pipeline for pipeline, _, _ in pipelines], mode)
    for result, answer in zip(ours, oracle.answers(), strict=True):
        assert_equal(result, answer)
        assert len(result.trades) > 5
    assert all(fast.trades.equals(step.trades) for fast, step in zip(ours, ours[4:6], strict=False))


def test_a_seed_is_one_market_and_none_is_the_real_one(candle_store: CandleStore):
    request = one_market(TREND, candle_store)
    pipelines = [one for one, _, _ in PIPELINES]
    first = simulated(request, [None, *pipelines])
    keys = {result.key for result in first}
    RunStore().clear()
    again = simulated(request, [None, *pipelines])
    for one, two in zip(first, again, strict=True):
        assert repr(one.metrics) == repr(two.metrics)
        assert one.trades.equals(two.trades)
        assert one.key == two.key
    others = simulated(request, [replace(one, seed=one.seed - 1) for one in pipelines])
    assert len(keys | {result.key for result in others}) == 9
    assert len({result.metrics["net_profit"] for result in (*first, *others)}) == 9
    assert [result.card.synthetic for result in first] == [False, True, True, True, True]


def test_warm_up_stays_and_the_strategys_own_randomness_changes_nothing(candle_store: CandleStore):
    request = one_market(WITNESS, candle_store)
    calm = one_market(WITNESS.replace("np.random.seed(0)", "pass"), candle_store)
    pipelines = [one for one, _, _ in PIPELINES]
    real, *scenarios = [run.output.splitlines() for run in simulated(request, [None, *pipelines])]
    undisturbed = [run.output.splitlines() for run in simulated(calm, [None, *pipelines])]
    assert [real, *scenarios] == undisturbed
    for lines in scenarios:
        assert lines[0] == real[0]  # all before the start, and the price at which it opens
        assert not set(lines[1:]) & set(real[1:])


def test_candles_kept_sparse_are_rewritten_too(candle_store: CandleStore):
    request = replace(one_market(WITNESS, candle_store), gaps="keep")
    period = ("2023-03-23", "2023-03-26")  # 80 minutes are missing
    pipeline = CandlePipeline("moving_block_bootstrap", {}, 60, 1)
    fast, step = (simulated(request, [pipeline], mode, period)[0].output for mode in ("fast", "step"))
    assert fast == step != simulated(request, [None], "fast", period)[0].output


@pytest.mark.parametrize(("pipeline", "words"), [
    (CandlePipeline("moving_block_bootstrap", {}, 1_441), "Set batch_size to a multiple of 60"),
    (CandlePipeline("gaussian_noise", NOISE, 1_020), r"does not divide the period's 14,400 candles.* 1,440 \(a day\)"),
])
def test_batches_that_jesse_would_cut_wrongly_are_refused(candle_store, pipeline, words):
    request = one_market(TREND, candle_store)
    with pytest.raises(SimulationError, match=words):
        simulated(request, [pipeline])


@pytest.mark.parametrize(("arguments", "words"), [
    ({"name": "noise"}, "no candle pipeline 'noise'.* Did you mean 'gaussian_noise'"),
    ({"name": "gaussian_noise"}, "needs close_sigma"),
    ({"name": "moving_block_bootstrap", "settings": {"close_sigma": 1}}, "no setting 'close_sigma'. It has none"),
    ({"name": "gaussian_resampler", "settings": {"sigma": -1}}, "sigma is -1.* 0 or more"),
    ({"name": "gaussian_resampler", "settings": {"mu": float("nan")}}, "mu is nan"),
    ({"name": "gaussian_resampler", "settings": {"mu": True}}, "mu is True"),
    ({"settings": [1]}, r"settings of the candle pipeline are \[1\]"),
    ({"name": "gaussian_resampler", "batch_size": 1}, "batch_size is 1"),
    ({"name": "gaussian_resampler", "batch_size": 60.0}, "batch_size is 60.0"),
    ({"batch_size": 1_440}, r"takes no batch_size. settings=dict\(block=1_440\)"),
    ({"settings": {"block": 0}}, "block is 0"),
    ({"settings": {"block": 90.5}}, "block is 90.5"),
    ({"settings": {"blocks": 90}}, "Did you mean 'block'"),
    ({"seed": -1}, "seed is -1"),
    ({"seed": 2**32}, "from 0 to 4,294,967,295"),
    ({"seed": True}, "seed is True"),
])
def test_nonsense_is_refused_in_one_line(arguments: dict[str, Any], words: str):
    with pytest.raises(InputError, match=words) as refused:
        CandlePipeline(**arguments)
    assert "\n" not in str(refused.value)


def test_pipelines_are_equal_by_content():
    one = CandlePipeline("gaussian_noise", NOISE, 1_440)
    other = CandlePipeline("gaussian_noise", dict(reversed(NOISE.items())), 1_440)
    assert one == other
    assert len({one, other, CandlePipeline()}) == 2
    assert str(CandlePipeline(seed=4)) == "stationary bootstrap (blocks of 10,080 minutes, seed 4)"
    assert str(CandlePipeline(settings={"block": 60})) == "stationary bootstrap (blocks of 60 minutes, seed 0)"
    assert str(one) == ("gaussian noise (close_sigma 4, high_sigma 1, low_sigma 1, batches of 1,440 minutes, seed 0)")
