"""Which strategies are proved to leave nothing behind, and which are not."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jesse_nb.quickstart
from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
from jesse_nb.core.simulator.strategies.plain import is_plain_class, why_not_plain
from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
from tests.jobs.planted_state import CLEAN, MARKED, PATCHES, planted
from tests.jobs.strategies import CROSSING
from tests.simulator.both_paths import bundled_strategies
from tests.simulator.strategies.plain.sneaks import AROUND, SNEAKS, STRATEGY

#: What people write, and does no harm.
HARMLESS = """
x = self.candles[:, 2]
x = self.get_candles(self.exchange, self.symbol, "4h")[-3:, 1]
x = [row[2] for row in self.candles[-3:] if row[5] > 0]
x = {"a": ta.bollinger_bands(self.candles, 20).upperband, "b": self.hp.get("fast", 3)}
count = 0; count += 1
count = 1.5; count *= count / (2 + len(self.seen)); count -= self.price
for number in range(3): number += 1
while self.count < 0: self.count += 1
self.count += 1 if self.is_long else -1
self.seen.append(self.price); self.seen[0] = 1; self.seen.pop()
seen = []; seen.extend(line[-3:]); seen[0] = 1
self.vars["last"] = self.price
first, (second, third) = 1, (2, 3)
x = np.mean(line[-5:], axis=0) + np.maximum(line, 0)[-1] + np.clip(line, 0, 1)[-1] + np.pi + line.mean(axis=0)
x = math.sqrt(abs(min(self.price, self.high, default=0)) + math.pi)
x = f"{self.price:.2f} and {self.count + 1}"
x = self.position.pnl_percentage if self.trade is None and not self.is_open else -1
x = sum(row.qty for row in self.orders) + self.factor * LIMIT
x: float = 1.5
x = all(value > 0 for value in sorted(line[-3:], reverse=True))
self.stop_loss = self.position.qty, self.average_entry_price - 3 * ta.atr(self.candles)
""".strip().splitlines()


def with_statement(statement: str, around: str = "{}") -> str:
    lines = textwrap.indent(around.format(statement.replace("\\n", "\n")), " " * 8)
    return STRATEGY.replace("        # here", lines)


def test_the_usual_strategies_are_plain() -> None:
    for source in (CROSSING, STRATEGY, inspect.getsource(jesse_nb.quickstart)):
        assert why_not_plain(source) == ""
    assert sum(not why_not_plain(source) for source in bundled_strategies().values()) > 100


@pytest.mark.parametrize("statement", HARMLESS)
def test_what_people_write_is_plain(statement: str) -> None:
    assert why_not_plain(with_statement(statement)) == ""


@pytest.mark.parametrize("statement", SNEAKS)
def test_what_sneaks_past_is_refused(statement: str) -> None:
    source = with_statement(statement)
    assert why_not_plain(source) != "", source


@pytest.mark.parametrize("which", AROUND)
def test_what_stands_elsewhere_is_refused(which: str) -> None:
    before, after = AROUND[which]
    source = STRATEGY.replace(before, after)
    assert source != STRATEGY
    ast.parse(source)
    assert why_not_plain(source) != ""


@pytest.mark.parametrize("kind", [*CLEAN, *MARKED, *PATCHES])
def test_every_kind_of_state_is_refused(kind: str) -> None:
    patch = PATCHES.get(kind)
    source = planted(f"{patch}\nreturn 0.1") if patch else MARKED[kind][0] if kind in MARKED else CLEAN[kind]
    assert why_not_plain(source) != ""
    # Not for its imports alone: without them, and the function beside the class, it is refused all the same.
    class_ = source[source.index("class Planted"):]
    if kind not in {"its user", "a timer"} and "import" not in class_:
        assert why_not_plain(f"from jesse.strategies import Strategy\n{class_}") != ""


@given(statement=st.sampled_from([one for one in SNEAKS if "\\n" not in one and not one.startswith(("for ", "with "))]),
       before=st.lists(st.sampled_from(HARMLESS), max_size=3),
       around=st.sampled_from(["{}", "if line[-1] > 0:\n    {}", "for _ in range(2):\n    {}",
                               "if line[-1] > 0:\n    pass\nelse:\n    while True:\n        {}"]))
def test_no_surroundings_hide_it(statement: str, before: list[str], around: str) -> None:
    first = "\n".join(before)
    assert why_not_plain(with_statement(f"{first}\n" + around.replace("{}", statement))) != ""


def in_a_cell(source: str, number: int, **names: Any) -> type[Any]:
    file = f"<plain cell {number} {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    cell: dict[str, Any] = {"__name__": "__main__", "Strategy": strategy_class(), "np": np, "LIMIT": 0.5,
                            "ta": jesse_module("jesse.indicators"), "utils": jesse_module("jesse.utils"),
                            "math": __import__("math"), **names}
    exec(compile(source, file, "exec", dont_inherit=True), cell)
    made: type[Any] = cell["Sneaking"]
    return made


CELL = "\n\n" + STRATEGY[STRATEGY.index("class Sneaking"):]


def test_a_class_of_a_notebook_is_plain_if_its_text_is_what_it_does() -> None:
    assert resolve_strategy(in_a_cell(CELL, 1)).is_plain
    assert resolve_strategy(jesse_nb.quickstart.TrendFollower).is_plain
    for name, other in {"ta": jesse_module("jesse.helpers"), "LIMIT": [0.5], "utils": CELL.__class__}.items():
        assert not resolve_strategy(in_a_cell(CELL, 2, **{name: other})).is_plain


def changed(what: str) -> type[Any]:
    strategy = in_a_cell(CELL, 3)

    def should_long(self: Any, extra: int = 1) -> bool:
        return bool(self.price > extra)

    if what == "a method":
        strategy.should_long = should_long
    elif what == "one more method":
        strategy.more = should_long
    elif what == "a constant":
        strategy.factor = []
    elif what == "one more attribute":
        strategy.more = {}
    elif what == "a default":
        strategy.should_long.__defaults__ = ([],)
    elif what == "an attribute of a method":
        strategy.should_long.kept = []
    elif what == "a property":
        strategy.should_long = property(strategy.should_long)
    return strategy


@pytest.mark.parametrize("what", ["a method", "one more method", "a constant", "one more attribute", "a default",
                                  "an attribute of a method", "a property"])
def test_a_class_that_was_changed_is_not_plain(what: str) -> None:
    strategy = changed(what)
    source = CELL.strip() + "\n"
    assert is_plain_class(in_a_cell(CELL, 4), source)
    assert not is_plain_class(strategy, source)
