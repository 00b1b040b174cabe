"""A spec says everything that a run depends on, refuses nonsense, and has one key."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jesse_nb.core.simulator.market_data import CandleSlice, Funding
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.spec import (
    Account,
    BacktestSpec,
    DataRoute,
    Route,
    StrategyRef,
)
from jesse_nb.core.times import TIMEFRAME_MINUTES
from jesse_nb.exceptions import InputError, PeriodError
from tests.simulator.helpers import TREND_REF, make_spec, run_python

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SYMBOLS = ("BTC-USDT", "ETH-USDT", "A-USDT")
TIMEFRAME = st.sampled_from(list(TIMEFRAME_MINUTES))
VALUE = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT)
REF = st.builds(StrategyRef, TEXT, st.sampled_from(["notebook", "source", "project"]), TEXT, TEXT)
ACCOUNT = st.one_of(
    st.builds(Account, st.floats(1, 1e9), st.floats(0, 0.09), st.just("futures"), st.integers(1, 125),
              st.sampled_from(["cross", "isolated"])),
    st.builds(Account, st.integers(1, 10**6), st.just(0), st.just("spot")),
    st.builds(Account, fee=st.fixed_dictionaries({name: st.floats(0, 0.09) for name in SYMBOLS})),
)


@st.composite
def specs(draw) -> BacktestSpec:
    symbols = draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True))
    start = draw(st.integers(0, 10**8))
    return BacktestSpec(
        routes=tuple(Route("Binance", symbol, draw(TIMEFRAME), draw(REF)) for symbol in symbols),
        start=start * 60_000,
        end=(start + draw(st.integers(1, 10**6))) * 60_000,
        account=draw(ACCOUNT),
        data_routes=tuple(draw(st.lists(st.builds(DataRoute, st.just("Binance"), TEXT, TIMEFRAME), max_size=2))),
        hyperparameters=draw(st.dictionaries(TEXT, VALUE, max_size=4)),
        warm_up_candles=draw(st.integers(0, 1000)),
        mode=draw(st.sampled_from(["fast", "step"])),
        gaps=draw(st.sampled_from(["fill", "keep"])),
        candles=tuple(draw(st.lists(st.builds(CandleSlice, TEXT, TEXT, st.integers(), st.integers(), TEXT,
                                              st.integers()), max_size=2))),
        jesse_version=draw(TEXT),
        pipeline=draw(st.one_of(st.none(), st.builds(
            CandlePipeline, st.just("gaussian_resampler"), st.dictionaries(st.sampled_from(["mu", "sigma"]),
                                                                           st.floats(0, 9)),
            st.integers(2, 10**6), st.integers(0, 2**32 - 1)))),
    )


@given(specs())
def test_json_round_trip(spec):
    again = BacktestSpec.from_json(spec.to_json())
    assert again == spec
    assert hash(again) == hash(spec)
    assert again.key == spec.key
    assert again.to_json() == spec.to_json()
    assert BacktestSpec.from_dict(spec.to_dict()) == spec
    assert pickle.loads(pickle.dumps(spec)).key == spec.key


def test_the_key_is_the_same_in_every_process():
    spec = make_spec()
    code = f"from tests.simulator.helpers import make_spec; print(make_spec().key, hash({spec.key!r}))"
    printed = {tuple(run_python(code, PYTHONHASHSEED=seed).split()) for seed in ("0", "1", "random")}
    assert {key for key, _ in printed} == {spec.key}
    assert len({seeded for _, seeded in printed}) > 1


def test_the_key_is_what_it_was_before_there_were_pipelines():
    """A key that changed would have everything in the run stores simulated again."""
    assert make_spec().key == "e619154c9496c48557b401ea298ebd01"
    assert "pipeline" not in make_spec().to_dict()


def test_the_order_of_hyperparameters_does_not_matter():
    items = [("a", 1), ("b", 2.5), ("c", "x"), ("d", None)]
    keys = set()
    for seed in range(5):
        random.Random(seed).shuffle(items)
        keys.add(make_spec(hyperparameters=dict(items)).key)
    assert len(keys) == 1


OTHER = {
    "exchange": "Bybit", "symbol": "SUI-USDT", "timeframe": "2h", "hash": "ff", "balance": 1.0, "fee": 0.002,
    "leverage": 3, "leverage_mode": "isolated", "maintenance_margin": 0.01, "slippage_bps": 5.0,
    "start": 1_700_000_100_000, "end": 1_700_086_500_000,
    "fingerprint": "bb", "missing": 2, "warm_up_candles": 10, "mode": "step", "gaps": "keep", "jesse_version": "3.5.4",
    "pipeline": CandlePipeline(), "funding": (Funding("Binance Spot", "BTC-USDT", 0.0001, 3),),
    "hyperparameters": {"fast": 6, "stop": 1.5, "side": "long"},
}


def changed_specs():
    """One spec for each field of each part, with only that field changed."""
    for field in dataclasses.fields(BacktestSpec):
        if field.name not in ("routes", "data_routes", "account", "candles"):
            yield field.name, make_spec(**{field.name: OTHER[field.name]})
    for name, pipeline in (("seed", CandlePipeline(seed=1)), ("block", CandlePipeline(settings={"block": 60})),
                           ("batch", CandlePipeline("gaussian_resampler", batch_size=60)),
                           ("name", CandlePipeline("gaussian_resampler")),
                           ("settings", CandlePipeline("gaussian_resampler", {"mu": 0}))):
        yield f"pipeline {name}", make_spec(pipeline=pipeline)
    base = make_spec(data_routes=())
    for field in dataclasses.fields(Route):
        if field.name != "strategy":
            yield f"route {field.name}", dataclasses.replace(
                base, routes=(dataclasses.replace(base.routes[0], **{field.name: OTHER[field.name]}),))
    other = dataclasses.replace(TREND_REF, hash="ff")
    yield "strategy hash", make_spec(routes=(Route("Binance", "BTC-USDT", "1h", other),))
    yield "one more route", make_spec(routes=(*base.routes, Route("Binance", "SUI-USDT", "1h", TREND_REF)))
    for field in ("symbol", "timeframe"):
        part = dataclasses.replace(make_spec().data_routes[0], **{field: OTHER[field]})
        yield f"data route {field}", make_spec(data_routes=(part,))
    yield "no data route", base
    for field in dataclasses.fields(Account):
        if field.name != "market":
            yield f"account {field.name}", make_spec(
                account=dataclasses.replace(Account(leverage=2), **{field.name: OTHER[field.name]}))
    yield "futures, no leverage", make_spec(account=Account())
    yield "spot, no leverage", make_spec(account=Account(market="spot"))
    for field in dataclasses.fields(CandleSlice):
        if not field.compare:
            continue
        part = dataclasses.replace(make_spec().candles[0], **{field.name: OTHER[field.name]})
        yield f"candles {field.name}", make_spec(candles=(part,))


def test_the_key_changes_with_every_field():
    keys = {name: spec.key for name, spec in changed_specs()}
    assert len(keys) == 36
    assert len({*keys.values(), make_spec().key}) == len(keys) + 1
    assert all(len(key) == 32 for key in keys.values())


def test_the_key_is_of_content_not_of_names():
    """The same code from a cell or from a file gives the same result."""
    other = StrategyRef("Trend", "source", TREND_REF.hash, "other layout")
    assert make_spec(routes=(Route("Binance", "BTC-USDT", "1h", other),)).key == make_spec().key


def test_where_candles_came_from_is_kept_but_does_not_count():
    """The same candles from a file and from a database give the same result."""
    part = dataclasses.replace(make_spec().candles[0], sources=("Jesse's database jesse_db",))
    spec = make_spec(candles=(part,))
    assert (spec, spec.key) == (make_spec(), make_spec().key)
    assert BacktestSpec.from_json(spec.to_json()).candles[0].sources == part.sources


def test_equal_specs_hash_equally():
    one, two = make_spec(hyperparameters={"fast": 10}), make_spec(hyperparameters={"fast": 10.0})
    assert one == two
    assert hash(one) == hash(two)
    assert len({one, two, make_spec()}) == 2


def test_numpy_values_become_pythons_own():
    class Side(str, enum.Enum):
        LONG = "long"

    class Level(enum.IntEnum):
        HIGH = 3

    given_values = {"i": np.int64(3), "f": np.float64(0.1), "b": np.bool_(True), "s": np.str_("x"), "z": np.array(7),
                    "e": Side.LONG, "l": Level.HIGH, np.str_("name"): 1}
    spec = make_spec(hyperparameters=given_values, warm_up_candles=np.int32(5), start=np.int64(1_700_000_040_000),
                     account=Account(np.int64(5_000), np.float32(0), leverage=np.int16(2)))
    assert spec.hyperparameters == {"i": 3, "f": 0.1, "b": True, "s": "x", "z": 7, "e": "long", "l": 3, "name": 1}
    kinds = [type(value) for value in spec.hyperparameters.values()]
    assert kinds == [int, float, bool, str, int, str, int, int]
    assert BacktestSpec.from_json(spec.to_json()) == spec
    assert (type(spec.warm_up_candles), type(spec.start), type(spec.account.leverage)) == (int, int, int)
    assert spec.key == make_spec(hyperparameters={**spec.hyperparameters}, warm_up_candles=5,
                                 account=Account(5_000, 0, leverage=2)).key


def test_other_hyperparameters_leave_the_rest():
    spec = make_spec().with_hyperparameters({"fast": 9})
    assert spec.hyperparameters == {"fast": 9}
    assert dataclasses.replace(spec, hyperparameters=make_spec().hyperparameters) == make_spec()


def route(symbol="BTC-USDT", exchange="Binance", timeframe="1h"):
    return Route(exchange, symbol, timeframe, TREND_REF)


@pytest.mark.parametrize(("build", "words"), [
    (lambda: Account(balance="much"), "balance must be a number"),
    (lambda: Account(balance=True), "balance must be a number"),
    (lambda: Account(balance=0), "above zero, not 0.0"),
    (lambda: Account(balance=float("nan")), "above zero, not nan"),
    (lambda: Account(balance=float("inf")), "above zero, not inf"),
    (lambda: Account(fee=None), "fee is None, not a fraction"),
    (lambda: Account(fee=-0.1), "fee is -0.1, not"),
    (lambda: Account(fee=0.1), "0.1 % is 0.001"),
    (lambda: Account(fee=float("nan")), "fee is nan, not"),
    (lambda: Account(market="margin"), "'futures' or 'spot', not 'margin'"),
    (lambda: Account(leverage=0), "from 1 up, not 0"),
    (lambda: Account(leverage=1.5), "whole number"),
    (lambda: Account(leverage=True), "whole number"),
    (lambda: Account(leverage_mode="hedged"), "'cross' or 'isolated', not 'hedged'"),
    (lambda: Account(market="spot", leverage=2), "no leverage, but leverage is 2"),
    (lambda: make_spec(routes=()), "at least one route"),
    (lambda: make_spec(routes=(route(timeframe="60m"),)), "Unknown timeframe '60m'"),
    (lambda: make_spec(data_routes=(DataRoute("Binance", "ETH-USDT", "4H"),)), "Did you mean '4h'"),
    (lambda: make_spec(routes=(route(), route(timeframe="4h"))), "one route only"),
    (lambda: make_spec(routes=(route(), route("ETH-USDT", "Bybit"))), r"one exchange, not \['Binance', 'Bybit'\]"),
    (lambda: make_spec(data_routes=(DataRoute("Bybit", "ETH-USDT", "4h"),)), r"watched too, must be on one"),
    (lambda: make_spec(routes=(route(), route("ETH-BTC"))), r"quote currency, not \['BTC', 'USDT'\]"),
    (lambda: make_spec(end=1_700_000_040_000), "must come after the start"),
    (lambda: make_spec(end=1_600_000_020_000), "must come after the start"),
    (lambda: make_spec(start=1_700_000_040_001), "whole minutes"),
    (lambda: make_spec(start=1.7e12), "whole minutes"),
    (lambda: make_spec(end="2024-01-01"), "whole minutes"),
    (lambda: make_spec(warm_up_candles=-1), "from 0 up, not -1"),
    (lambda: make_spec(warm_up_candles=2.0), "from 0 up, not 2.0"),
    (lambda: make_spec(warm_up_candles=True), "from 0 up, not True"),
    (lambda: make_spec(mode="quick"), "'fast' or 'step', not 'quick'"),
    (lambda: make_spec(pipeline="noise"), "pipeline is 'noise'"),
    (lambda: make_spec(gaps="drop"), "'fill' or 'keep', not 'drop'"),
    (lambda: make_spec(hyperparameters={"fast": [1]}), r"'fast' is \[1\]"),
    (lambda: make_spec(hyperparameters={"fast": float("nan")}), "'fast' is nan"),
    (lambda: make_spec(hyperparameters={"fast": np.float64("inf")}), "'fast' is inf"),
    (lambda: make_spec(hyperparameters={"fast": np.array([1, 2])}), "'fast' is array"),
    (lambda: BacktestSpec.from_json("{"), "not JSON"),
    (lambda: BacktestSpec.from_json("[]"), "a JSON object is expected"),
    (lambda: BacktestSpec.from_json("{}"), "not a backtest spec: 'routes'"),
    (lambda: BacktestSpec.from_json(make_spec().to_json().replace('"mode"', '"speed"')), "speed"),
    (lambda: BacktestSpec.from_dict({**make_spec().to_dict(), "routes": 5}), "not a backtest spec"),
    (lambda: BacktestSpec.from_dict({**make_spec().to_dict(), "account": {"bonus": 5}}), "bonus"),
])
def test_nonsense_is_refused_in_one_line(build, words):
    with pytest.raises(InputError, match=words) as refused:
        build()
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, PeriodError) == any(
        word in words for word in ("timeframe", "4h", "after the start", "whole minutes"))


def test_json_holds_plain_values_only():
    assert json.loads(make_spec().to_json()) == make_spec().to_dict()


def test_json_and_key_are_those_of_the_plain_content_whatever_was_shared() -> None:
    source = 'class A:\n    """Says "hyperparameters":{} and {"hyperparameters":{}}."""'
    first = make_spec(routes=(Route("Binance", "BTC-USDT", "1h", StrategyRef("A", "source", "ab", source)),))
    for values in ({}, {"b": 2, "a": '"hyperparameters":{}'}, {"x": 1.5, "y": None, "z": True}):
        one = first.with_hyperparameters(values)
        assert one.to_json() == json.dumps(one.to_dict(), sort_keys=True, separators=(",", ":"))
        assert BacktestSpec.from_json(one.to_json()) == one
        fresh = BacktestSpec.from_dict(one.to_dict())
        assert (fresh.key, fresh.to_json()) == (one.key, one.to_json())
        content = one.to_dict()
        content["routes"][0]["strategy"] = "ab"
        for part in content["candles"]:
            del part["sources"]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        assert one.key == hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        assert "_texts" not in vars(pickle.loads(pickle.dumps(one)))
