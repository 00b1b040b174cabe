"""Lines of indicators that are computed once a run: to the last bit what Jesse gives, and nothing beyond a candle."""

from __future__ import annotations

import inspect
import zlib
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import jesse_module, jesse_version
from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.simulator.fast import PROVEN_ON
from jesse_nb.core.simulator.fast.causal import CAUSAL, CAUSAL_AVERAGES
from jesse_nb.core.simulator.fast.indicator_memory import indicator_memory
from tests.simulator.both_paths import Case, compared
from tests.strategies_of_lines import LINES

DRAWS, CANDLES = 6, 400


def drawn_candles(seed: int) -> np.ndarray:
    """Hours with jumps, hours that do not move and hours without volume."""
    rng = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(0.005 * rng.standard_t(3, CANDLES)))
    closes[200:220] = closes[200]
    opens = np.concatenate([closes[:1], closes[:-1]])
    highs = np.maximum(opens, closes) * (1 + np.abs(rng.normal(0, 0.002, CANDLES)))
    lows = np.minimum(opens, closes) * (1 - np.abs(rng.normal(0, 0.002, CANDLES)))
    for prices in (opens, highs, lows):
        prices[201:220] = closes[200]
    volumes = rng.lognormal(3, 1, CANDLES) * (rng.random(CANDLES) > 0.05)
    return np.column_stack([1.6e12 + 3.6e6 * np.arange(CANDLES), opens, closes, highs, lows, volumes])


def drawn_settings(function: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Draw values for about half of an indicator's settings, around their defaults."""
    drawn: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        default = parameter.default
        if name == "sequential" or rng.random() < 0.5:
            continue
        if name == "source_type":
            drawn[name] = str(rng.choice(["close", "high", "open", "volume", "hl2", "hlc3", "ohlc4"]))
        elif name.endswith(("matype", "devtype")):
            drawn[name] = int(rng.choice(sorted(CAUSAL_AVERAGES)))
        elif name == "direction":
            drawn[name] = str(rng.choice(["long", "short"]))
        elif type(default) is int:
            drawn[name] = int(rng.integers(2, 2 * default + 6))
        elif type(default) is float:
            drawn[name] = float(default * rng.uniform(0.3, 2.5))
    return drawn


def parts(answer: Any) -> list[np.ndarray]:
    return list(answer) if isinstance(answer, tuple) else [answer]


@pytest.mark.skipif(jesse_version() != PROVEN_ON, reason="compared on another Jesse")
@pytest.mark.parametrize("name", sorted(CAUSAL))
def test_a_line_up_to_a_candle_is_the_beginning_of_the_whole(name: str):
    function = getattr(jesse_module("jesse.indicators"), name)
    for draw in range(DRAWS):
        rng = np.random.default_rng([draw, zlib.crc32(name.encode())])
        candles, settings = drawn_candles(draw), drawn_settings(function, rng)
        whole = function(candles, sequential=True, **settings)
        for count in (*rng.integers(100, CANDLES, 6), CANDLES - 1):
            until = function(candles[:count].copy(), sequential=True, **settings)
            assert type(until) is type(whole)
            for short, long in zip(parts(until), parts(whole), strict=True):
                assert short.tobytes() == long[:count].tobytes(), (settings, count)


@pytest.mark.parametrize("harm", ["", "line", "candles"])
def test_runs_are_the_same_to_the_last_bit(harm: str, candle_store: CandleStore):
    cases = [Case(f"lines {mode} {length}", {
        "strategy": LINES, "symbol": "BTC-USDT", "timeframe": "1h", "warm_up_candles": 120, "mode": mode,
        "data_routes": [("BTC-USDT", "4h")], "hyperparameters": {"length": length, "harm": harm}},
        "2023-05-01", "2023-05-15") for mode, length in (("fast", 20), ("step", 12))]
    outputs = set()
    for outcome in compared(local_pool(), candle_store, cases):
        assert not outcome.differences, (outcome.case.name, outcome.differences)
        assert outcome.trades > 3
        outputs.add(outcome.plain.value.output)
    assert len(outputs) == len(cases)
    assert all(output.count("\n") > 5 for output in outputs)


class TestTheMemory:
    """What it answers, and from where: a function that counts stands in for an indicator."""

    @pytest.fixture
    def counted(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Have the lengths that Jesse's own function was asked for noted."""
        indicators, asked = jesse_module("jesse.indicators"), []
        own = indicators.zscore.__globals__
        original = own["get_candle_source"]

        def noted(source: np.ndarray, *arguments: Any, **options: Any) -> Any:
            asked.append(len(source))
            return original(source, *arguments, **options)

        monkeypatch.setitem(own, "get_candle_source", noted)
        return asked

    def test_computes_the_whole_once(self, counted: list[int]):
        whole, filled = drawn_candles(1), drawn_candles(1)
        with indicator_memory() as memory:
            memory.serve(filled, whole[:100], whole[100:])
            for count in range(100, CANDLES):
                line = jesse_module("jesse.indicators").zscore(filled[:count], 20, sequential=True)
                assert len(line) == count
                line[:] = 0  # a copy of its own
        # At first, then where the number of candles has doubled.
        assert counted == [100, CANDLES, 200]

    @pytest.mark.parametrize("given", [
        lambda filled: filled[10:150], lambda filled: filled[:150].copy(), lambda filled: filled[:300:2],
        lambda filled: filled[:150, :5],
    ])
    def test_leaves_what_is_not_the_beginning_to_jesse(self, given: Any, counted: list[int]):
        whole, filled = drawn_candles(1), drawn_candles(1)
        with indicator_memory() as memory:
            memory.serve(filled, whole)
            for _ in range(3):
                jesse_module("jesse.indicators").zscore(given(filled), 20, sequential=True)
        assert counted == [len(given(filled))] * 3

    def test_sees_that_a_candle_was_changed(self, counted: list[int]):
        whole, filled = drawn_candles(1), drawn_candles(1)
        indicators = jesse_module("jesse.indicators")
        with indicator_memory() as memory:
            memory.serve(filled, whole)
            before = indicators.zscore(filled[:150], 20, sequential=True)
            filled[140, 2] *= 2
            after = indicators.zscore(filled[:150], 20, sequential=True)
        assert counted == [150, CANDLES, 150]
        assert after[140] != before[140]

    def test_goes_by_the_kind_of_a_value(self, counted: list[int]):
        whole, filled = drawn_candles(1), drawn_candles(1)
        indicators = jesse_module("jesse.indicators")
        with indicator_memory() as memory:
            memory.serve(filled, whole)
            for nbdev in (1, 1.0, True, np.float64(1)):
                indicators.zscore(filled[:150], 20, nbdev=nbdev, sequential=True)
        assert counted == [150, CANDLES] * 4

    def test_is_gone_with_the_run(self):
        indicators = jesse_module("jesse.indicators")
        before = {name: vars(indicators)[name] for name in CAUSAL}
        with indicator_memory():
            assert all(vars(indicators)[name] is not function for name, function in before.items())
        assert all(vars(indicators)[name] is function for name, function in before.items())
