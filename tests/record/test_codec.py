"""Whatever results are made of comes back equal to the last bit; what is no data is refused, and nothing is run."""

from __future__ import annotations

import datetime
import math
import pickle
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import NamedTuple

import msgpack
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from hypothesis.extra import pandas as pdst

from jesse_nb.core.record import classes
from jesse_nb.core.record.codec import decoded, encoded
from jesse_nb.core.record.lost_code import LostCode
from jesse_nb.core.simulator.spec import Account
from jesse_nb.exceptions import MetricError, StorageError

HERE = {__name__}


@dataclass(frozen=True)
class Part:
    """A part of a result of a tool from outside."""

    name: str
    values: tuple[float, ...] = ()
    later: int = 7


class Pair(NamedTuple):
    """Two of something."""

    left: object
    right: object


def back(value):
    return decoded(encoded(value), HERE)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=100),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@settings(max_examples=50)
@given(plain)
def test_plain_values_come_back(value):
    assert repr(back(value)) == repr(value)


@settings(max_examples=50)
@given(npst.arrays(st.sampled_from(["f8", "f4", "i8", "u1", "?", "M8[ns]", "m8[us]", "<U5", "c16"]),
                   npst.array_shapes(min_dims=0, max_dims=3, min_side=0), fill=None), st.sampled_from("CF"))
def test_arrays_come_back_in_their_order(array, order):
    array = np.asarray(array, order=order)
    found = back(array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    assert found.flags.f_contiguous == array.flags.f_contiguous
    assert found.flags.writeable


columns = [pdst.column("a", dtype="f8"), pdst.column("b", dtype="i8"),
           pdst.column("c", elements=st.text(), dtype=object), pdst.column("d", dtype="M8[ns]"),
           pdst.column("e", dtype="?")]


@settings(max_examples=25)
@given(st.lists(st.sampled_from(columns), unique_by=lambda one: one.name), st.data())
def test_frames_come_back(chosen, data):
    frame = data.draw(pdst.data_frames(chosen))
    pd.testing.assert_frame_equal(back(frame), frame, check_exact=True)


@pytest.mark.parametrize("index", [
    pd.date_range("2024-01-01", periods=3, freq="D", tz="UTC"), pd.date_range("2024-01-01", periods=3, freq="h"),
    pd.date_range("2024-03-30", periods=3, freq="D", tz="Europe/Berlin"), pd.to_timedelta([1, 2, 3], unit="s"),
    pd.RangeIndex(5, 11, 2, name="trial"), pd.Index([1.5, np.nan, -0.0]), pd.Index(["a", None, 3], dtype=object),
    pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["one", None]),
    pd.CategoricalIndex(["low", "high", "low"], categories=["low", "high"], ordered=True),
    pd.DatetimeIndex(["2024-01-01", pd.NaT, "2024-01-03"], tz="UTC"),
], ids=lambda index: type(index).__name__)
def test_every_index_comes_back(index):
    series = pd.Series([1.0, -0.0, math.nan], index=index, name=("two", "parts"))
    found = back(series)
    pd.testing.assert_series_equal(found, series, check_exact=True, check_freq=True, check_names=True)
    pd.testing.assert_index_equal(found.index, index, exact=True)
    assert getattr(found.index, "freq", None) == getattr(index, "freq", None)


def test_sums_have_the_same_last_bit():
    random = np.random.default_rng(1)
    frame = pd.DataFrame(random.normal(size=(1_000, 7)) * 10.0 ** random.integers(-8, 8, (1_000, 7)))
    for each in (frame, frame.T, pd.DataFrame(dict(frame.items()))):
        assert (back(each).mean() == each.mean()).all()
        assert (back(each).sum(axis=1) == each.sum(axis=1)).all()


def test_moments_paths_and_scalars_come_back():
    values = [pd.Timestamp("2024-01-31 12:00:00.123456789", tz="UTC"), pd.Timestamp("1969-12-31").as_unit("s"),
              pd.Timedelta("3 days 00:00:00.5"), datetime.datetime(2024, 1, 31, 12, tzinfo=datetime.timezone.utc),
              datetime.date(2024, 1, 31), Path("a") / "b", np.float64(-0.0), np.int32(7), np.bool_(True), 2**80,
              {1, 2}, frozenset("ab"), Part("x", (0.1,)), Pair(1, Part("y")), Account(leverage=3)]
    found = back(values)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]
    assert [one.unit for one in found[:2]] == ["ns", "s"]
    assert back([pd.NaT])[0] is pd.NaT


def test_what_is_shared_is_written_once_and_shared_again():
    part, text = Part("z" * 1_000), "source\n" * 500
    found = back([part] * 50 + [text] * 50)
    assert all(one is found[0] for one in found[:50])
    assert len(encoded([part] * 50 + [text] * 50)) < 6_000


def test_functions_are_not_kept_and_say_so():
    found = back({"by": math.hypot, "own": lambda run: 1})
    assert found == {"by": LostCode("hypot"), "own": LostCode("<lambda>")}
    with pytest.raises(MetricError, match="keeps no code"):
        found["by"](None)


@pytest.mark.parametrize("value", [object(), iter([1]), np.array([object()]), 1 + 1j, slice(3)],
                         ids=lambda value: type(value).__name__)
def test_what_is_no_data_is_refused_in_a_line(value):
    with pytest.raises(StorageError, match="no data that a record can keep") as refused:
        encoded([value])
    assert "\n" not in str(refused.value)


def record_of(home, fields=None):
    return msgpack.packb([[["object", home, fields or {}]], ["at", 0]])


@pytest.mark.parametrize("home", [
    "subprocess:Popen", "os:system", "builtins:eval", "jesse_nb.core.jobs.store.run_store:StoredRun",
    "jesse_nb.core.simulator.strategies.strategy:StrategyCode", "jesse_nb.core.study.metric:resolve_metric",
    "jesse_nb.core.study.metric:Metric.read", "jesse_nb.core.tools.registry:TOOLS", f"{__name__}:back",
    "jesse_nb.core.study.nowhere:Trial", "jesse_nb.core.study.trial:Nothing", "", ":",
    "jesse_nb.core.study..trial:Trial",
])
def test_only_what_results_are_made_of_is_made(home):
    with pytest.raises(StorageError, match=r"nothing that results are made of|not in this version"):
        decoded(record_of(home, {"args": "touch /tmp/ran"}), HERE)


@pytest.mark.parametrize("content", [
    b"", b"\x80\x04K\x01.", pickle.dumps([1]), msgpack.packb([[], ["at", 0]]), msgpack.packb([[["at", 0]], ["at", 0]]),
    msgpack.packb([[], ["array", "|O", [1], "C", b"12345678"]]), msgpack.packb([[], ["array", "<f8", [9], "C", b"1"]]),
    msgpack.packb([[], ["odd", 1]]), b"\x92\x90" + b"\x91" * 5_000 + b"\xc0",
    record_of("jesse_nb.core.study.trial:Trial"),
])
def test_bytes_that_are_no_record_are_refused_in_a_line(content):
    with pytest.raises(StorageError) as refused:
        decoded(content)
    assert "\n" not in str(refused.value)


def test_a_later_class_reads_what_this_one_wrote(monkeypatch):
    written = encoded([Part("a", (1.0,), 3)])
    grown = make_dataclass("Part", [("name", str), ("colour", str, "red")], frozen=True)
    monkeypatch.setitem(globals(), "Part", grown)
    classes.known_class.cache_clear()
    assert decoded(written, HERE) == [grown("a", "red")]
    monkeypatch.setitem(globals(), "Renamed", grown)
    monkeypatch.delitem(globals(), "Part")
    monkeypatch.setitem(classes.MOVED, f"{__name__}:Part", f"{__name__}:Renamed")
    classes.known_class.cache_clear()
    assert decoded(written, HERE) == [grown("a", "red")]
    needed = make_dataclass("Renamed", [("name", str), ("size", int)], frozen=True)
    monkeypatch.setitem(globals(), "Renamed", needed)
    classes.known_class.cache_clear()
    with pytest.raises(StorageError, match="size"):
        decoded(written, HERE)
    classes.known_class.cache_clear()
