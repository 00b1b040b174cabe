"""Figures by name: the mapping that they were made of, to the last bit."""

from __future__ import annotations

import math
import pickle
import random
import struct
from typing import Any

import pytest

from jesse_nb.core.study.figures import Figures


def drawn(seed: int) -> dict[str, Any]:
    draw = random.Random(seed)
    kinds = [lambda: draw.uniform(-1e9, 1e9), lambda: draw.choice([math.inf, -math.inf, 5e-324, -0.0]),
             lambda: draw.randint(-9, 2**70), lambda: draw.choice([None, True, "text", "", 0])]
    names = draw.sample("abcdefghij", draw.randint(0, 10))
    return {name: draw.choice(kinds)() for name in names}


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_mapping_that_it_was_made_of(seed: int) -> None:
    given = drawn(seed)
    figures = Figures(given)
    for told in (figures, pickle.loads(pickle.dumps(figures)), Figures(figures)):
        assert list(told.items()) == list(given.items())
        assert repr(told) == repr(given)  # kinds and signs of zero, too
        assert told == given
        assert len(told) == len(given)
    assert figures.get("nobody") is None
    with pytest.raises(KeyError, match="nobody"):
        figures["nobody"]


def test_the_same_names_with_other_kinds_are_kept_apart() -> None:
    first, second = Figures({"a": 1.0, "b": 2}), Figures({"a": 1, "b": 2.0})
    assert dict(first) == {"a": 1.0, "b": 2}
    assert type(second["a"]) is int
    assert type(first["a"]) is float


def test_an_undefined_figure_keeps_its_bits() -> None:
    undefined = struct.unpack("d", struct.pack("Q", 0x7FF8000000000ABC))[0]
    assert struct.pack("d", Figures({"a": undefined})["a"]) == struct.pack("d", undefined)
