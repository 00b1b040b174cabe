"""What a check looks at while a run is under way: every order as it is taken in, and what one candle's code computed.

The run itself is not changed, unless it is asked to be: with ``late``, a strategy sees its candles one later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
from jesse_nb.core.simulator.fast.replacing import Replacement, replaced
from jesse_nb.core.simulator.own_data.emptied_data import emptied
from jesse_nb.core.simulator.own_data.held_data import (
    held_by_class,
    held_by_instance,
    readers_unseen,
    words_of,
    written_data,
)
from jesse_nb.core.simulator.past.kept_past import PastKeeper, Repainted
from jesse_nb.core.simulator.simulation import Observe
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.simulator.strategies.local_modules import is_local_module

__all__ = ["Observation", "OrderEvent", "Step", "observed"]

_MOST_STEPS = 20_000
_MOST_LETTERS = 120
#: What a strategy asks for, which stands in no variable.
_ORDERED = ("buy", "sell", "stop_loss", "take_profit")
#: Code that is in no file, and yet the user's: a strategy's source text, and cells.
_TYPED = ("<strategy ", "<ipython", "<stdin>")


class OrderEvent(NamedTuple):
    """Something that happened to an order.

    ``time`` is milliseconds UTC; ``event`` is ``submitted``, ``filled`` or ``cancelled``; ``qty`` is signed, in the
    base currency, and ``price`` in the quote currency (None for a market order that is not filled yet). ``closing``
    says whether it may only make a position smaller.
    """

    time: int
    event: str
    exchange: str
    symbol: str
    side: str
    type: str
    qty: float
    price: float | None
    closing: bool = False


class Step(NamedTuple):
    """One step of a strategy's own code: where it was, and what was new there.

    ``values`` holds names of variables with their values as short text; of a function that returned, ``return``.
    """

    file: str
    function: str
    line: int
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Observation:
    """What was seen.

    Attributes
    ----------
    events
        All that happened to orders, in the order of time.
    steps
        What the strategies' own code did at the traced candle.
    held
        What data the strategies' code holds beside the candles, in words.
    emptied
        Which of it was made worthless before the first candle.
    repainted
        With ``keep_past``: whose past changed.
    """

    events: tuple[OrderEvent, ...]
    steps: tuple[Step, ...] = ()
    held: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    repainted: tuple[Repainted, ...] = ()


@dataclass
class _Observer:
    start: int
    end: int
    submitted: list[tuple[Any, OrderEvent]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    classes: dict[type[Any], None] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    keeper: PastKeeper | None = None

    def observation(self) -> Observation:
        events = []
        for order, taken_in in self.submitted:
            events.append(taken_in)
            for event, time in (("filled", order.executed_at), ("cancelled", order.canceled_at)):
                if time is not None:
                    events.append(taken_in._replace(time=int(time), event=event, price=_number(order.price)))
        # Sorting is stable: what happens at one moment stays in the order in which Jesse did it.
        return Observation(tuple(sorted(events, key=lambda event: event.time)), tuple(self.steps),
                           self._all_held(), tuple(dict.fromkeys(self.emptied)),
                           tuple(self.keeper.changed) if self.keeper else ())

    def _all_held(self) -> tuple[str, ...]:
        """Return what is held, by classes now: what is filled in during a run is seen as well."""
        known = list(self.held)
        for strategy in self.classes:
            known += [words for held in held_by_class(strategy) if (words := words_of(held, self.start, self.end))]
            known += [*written_data(strategy, self.start, self.end), *readers_unseen(strategy)]
        return tuple(dict.fromkeys(known))

    def begin(self, strategy: Any, *, empty: bool) -> None:
        """Note what a strategy's instance holds before its first candle; ``empty`` makes it worthless."""
        self.classes[type(strategy)] = None
        self.held += [words for held in held_by_instance(strategy)
                      if (words := words_of(held, self.start, self.end))]
        if empty:
            for held in [*held_by_class(type(strategy)), *held_by_instance(strategy)]:
                words = words_of(held, self.start, self.end)
                if words and emptied(held):
                    self.emptied.append(words)


@contextmanager
def observed(observe: Observe, spec: BacktestSpec) -> Iterator[_Observer]:
    """Observe the one run that Jesse simulates meanwhile; ask for ``observation()`` afterwards.

    Parameters
    ----------
    observe
        What to look at.
    spec
        What is simulated.
    """
    sources = dict.fromkeys(route.strategy.source for route in spec.routes)
    observer = _Observer(spec.start, spec.end, keeper=PastKeeper(sources) if observe.keep_past else None)
    with replaced([*_noting_orders(observer), _noting_classes(observer, observe.empty),
                   *_tracing(observe.trace_at, observer), *(_following(observer.keeper) if observer.keeper else []),
                   *(_late_candles() if observe.late else [])]):
        yield observer


def _noting_orders(observer: _Observer) -> list[Replacement]:
    state = jesse_module("jesse.store.state_orders").OrdersState
    add_order, store = state.add_order, jesse_module("jesse.store").store

    def noted(state: Any, order: Any) -> None:
        now = store.app.time if order.created_at is None else order.created_at  # a liquidation's has no time
        observer.submitted.append((order, OrderEvent(
            int(now), "submitted", str(order.exchange), str(order.symbol), str(order.side),
            str(order.type), float(order.qty), _number(order.price), bool(order.reduce_only))))
        add_order(state, order)

    return [Replacement(state, "add_order", noted)]


def _noting_classes(observer: _Observer, empty: bool) -> Replacement:
    strategy = strategy_class()
    begin = strategy._init_objects

    def begun(strategy: Any) -> None:
        observer.begin(strategy, empty=empty)
        if observer.keeper is not None:
            observer.keeper.wrap(strategy)
        begin(strategy)

    return Replacement(strategy, "_init_objects", begun)


def _following(keeper: PastKeeper) -> list[Replacement]:
    strategy = strategy_class()
    execute = strategy._execute

    def followed(strategy: Any) -> None:
        keeper.follow(strategy)
        execute(strategy)

    return [Replacement(strategy, "_execute", followed), *keeper.replacements()]


def _late_candles() -> list[Replacement]:
    strategy = strategy_class()
    get_candles = strategy.get_candles

    def late(strategy: Any, exchange: str, symbol: str, timeframe: str) -> Any:
        found = get_candles(strategy, exchange, symbol, timeframe)
        return found[:-1] if len(found) > 1 else found

    candles = property(lambda strategy: late(strategy, strategy.exchange, strategy.symbol, strategy.timeframe))
    return [Replacement(strategy, "get_candles", late), Replacement(strategy, "candles", candles)]


def _tracing(moment: int, observer: _Observer) -> list[Replacement]:
    if not moment:
        return []
    strategy = strategy_class()
    execute, store = strategy._execute, jesse_module("jesse.store").store

    def traced(strategy: Any) -> None:
        if int(store.app.time) != moment:
            execute(strategy)
            return
        tracer = _Tracer(observer.steps)
        before = sys.gettrace()
        sys.settrace(tracer.enter)
        try:
            execute(strategy)
        finally:
            sys.settrace(before)

    return [Replacement(strategy, "_execute", traced)]


class _Tracer:
    """Notes the steps of code that is neither Jesse's nor of an installed package."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self._others = {file for module in tuple(sys.modules.values())
                        if (file := getattr(module, "__file__", None)) and not is_local_module(module)}
        self._known: dict[FrameType, dict[str, str]] = {}

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._step if self._is_own(frame.f_code) else None

    def _is_own(self, code: CodeType) -> bool:
        file = code.co_filename
        return file not in self._others and (not file.startswith("<") or file.startswith(_TYPED))

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if len(self._steps) >= _MOST_STEPS:
            return None
        if event in ("line", "return"):
            known = self._known.setdefault(frame, {})
            now = {name: text for name, value in frame.f_locals.items() if (text := _text(value))}
            strategy = frame.f_locals.get("self")
            now |= {f"self.{name}": repr(value)[:_MOST_LETTERS] for name in _ORDERED
                    if (value := getattr(strategy, "__dict__", {}).get(name)) is not None}
            if event == "return" and (text := _text(argument)):
                now["return"] = text
            new = tuple((name, text) for name, text in now.items() if known.get(name) != text)
            known.update(now)
            self._steps.append(Step(frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno, new))
        return self._step


def _text(value: Any) -> str:
    """Return a value as text that is alike where the value is; empty for what cannot be compared so."""
    if isinstance(value, bool | int | float | str | np.generic) or value is None:
        return repr(value)[:_MOST_LETTERS]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return f"array of {value.shape}, last {value.reshape(-1)[-1]!r}" if value.size else "empty array"
    if isinstance(value, tuple | list) and len(value) <= 8:
        return "(" + ", ".join(_text(part) or "?" for part in value) + ")"
    return ""


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
