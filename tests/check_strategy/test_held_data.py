"""What counts as data of a strategy's own, however it is written."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import interp1d

from jesse_nb.core.simulator.own_data.held_data import Held, readers_unseen, words_of, written_data
from jesse_nb.core.times import to_ms

START, END = to_ms("2023-02-01", "start"), to_ms("2023-03-01", "end")
SIGNS = np.random.default_rng(0).choice([-1, 0, 1], 300)


def words(content: Any) -> str:
    return words_of(Held("DATA", content, None), START, END)


@pytest.mark.parametrize("content", [
    SIGNS.tolist(), tuple(SIGNS.tolist()), dict(enumerate(SIGNS.tolist())), SIGNS,
    "".join("-0+"[sign + 1] for sign in SIGNS), " ".join(map(str, SIGNS)),
    ", ".join(f"{sign / 7:.3f}" for sign in SIGNS),
    (SIGNS + 1).astype(np.uint8).tobytes(), int("".join(str(sign + 1) for sign in SIGNS), 3),
    SimpleNamespace(signs=SIGNS.tolist()), interp1d(np.arange(300), SIGNS), [SIGNS.tolist(), "of hours"],
], ids=["list", "tuple", "dict", "array", "letters", "numbers", "decimals", "bytes", "integer", "namespace", "library",
        "within"])
def test_a_table_is_data_in_whatever_it_is_written(content: Any) -> None:
    assert words(content).startswith("DATA (")
    assert int(words(content).split(" of ")[1].split()[0].replace(",", "")) >= 300


@pytest.mark.parametrize("content", [
    None, 7, -2.5, True, "a name", "A sentence of what the strategy does, with 2 or 3 numbers in it. " * 20,
    "SELECT change FROM changes WHERE time = ? AND symbol = ?", b"key", [1, 2, 3], 2**63 - 1, logging.getLogger("any"),
    {"fast": 12, "slow": 26}, np.arange(5), "https://example.org/a/path",
], ids=str)
def test_settings_and_words_are_none(content: Any) -> None:
    assert words(content) == ""


def test_what_is_written_out_in_a_function_is_found() -> None:
    table = repr(tuple(SIGNS.tolist()))
    letters = "".join("-0+"[sign + 1] for sign in SIGNS)
    numbers = repr(dict(enumerate((SIGNS / 7).round(3).tolist())))
    source = f"""
def helper(index):
    return {table}[index]

class Any:
    def should_long(self):
        return helper(self.index) > 0
    def should_short(self):
        return {letters!r}[self.index] == '-'
    def price_of(self):
        return {numbers}[self.index]
    def go_long(self):
        '''Buys at 1 of 2 prices, by what the last 14 or 28 candles did.'''
        self.buy = 1, self.price * 0.99
"""
    names: dict[str, Any] = {"__name__": "jesse_nb_strategy_any"}
    exec(source, names)
    found = written_data(names["Any"], START, END)
    assert sorted(line.partition("(")[0] for line in found) == ["helper", "price_of", "should_short"]


@pytest.mark.parametrize(("text", "said"), [
    ("import gc\ndef look(): return gc.get_objects()", "get_objects (reads memory without being seen)"),
    ("def look():\n    import ctypes\n    return ctypes.string_at(1)", "ctypes (reads memory without being seen)"),
    ("import pyarrow\ndef look(): return pyarrow", "pyarrow (reads files without being seen)"),
    ("import gc\ndef look(): return gc.collect()", ""),
])
def test_what_reads_unseen_is_named(text: str, said: str) -> None:
    names: dict[str, Any] = {"__name__": "jesse_nb_strategy_any"}
    exec(f"{text}\nclass Any:\n    def should_long(self):\n        return look()\n", names)
    assert readers_unseen(names["Any"]) == ([said] if said else [])


def test_a_table_in_a_module_of_the_users_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_signals.py").write_text(f"def ahead(index):\n    return {tuple(SIGNS.tolist())!r}[index]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    names: dict[str, Any] = {"__name__": "jesse_nb_strategy_any"}
    exec("import my_signals\nclass Any:\n    def should_long(self):\n        return my_signals.ahead(self.index) > 0\n",
         names)
    assert [line.partition("(")[0] for line in written_data(names["Any"], START, END)] == ["ahead"]
