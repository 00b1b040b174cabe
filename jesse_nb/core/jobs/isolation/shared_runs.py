"""Runs that differ by nothing but their hyperparameters, of a strategy that is proved to leave nothing behind.

They go to one child, one after the other. Whatever else happens, and every run that does not come to its end, is done
again in a process of its own: so a result never depends on what its process did before.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

from jesse_nb.core.jobs.isolation import CAN_FORK, Ended
from jesse_nb.core.jobs.isolation.shared_child import SharedChild, SharedState
from jesse_nb.core.jobs.isolation.witness import Witness
from jesse_nb.core.simulator.dependencies import NOTHING
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.fast.series import known_series
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import StepsNeeded
from jesse_nb.core.simulator.simulation import Simulation

__all__ = ["answer_shared", "end_shared"]

#: Runs of one child: what Jesse itself keeps of a run must not add up.
_MOST_RUNS = 100

#: Whether the child goes on after a run, ends with it, or has given an answer that only a new process may give.
_State = Literal["unharmed", "last", "void"]


class _Answer(Protocol):
    @property
    def failure(self) -> str:
        """Empty when there is a value."""

    @property
    def value(self) -> Any:
        """What came of the run."""


_Any = TypeVar("_Any", bound=_Answer)


@dataclass
class _Shared:
    kind: Any
    child: SharedChild
    runs: int = 0


_shared: _Shared | None = None


def answer_shared(
    simulation: Simulation, memory_limit: int | None, simulated: Callable[[Simulation, Witness], _Any]
) -> _Any | None:
    """Run a simulation in a child that others of its kind have used, or will.

    Parameters
    ----------
    simulation
        What to run.
    memory_limit
        Of its process.
    simulated
        Runs it there, with the child's witness.

    Returns
    -------
    Answer or None
        None where it must be run in a process of its own.
    """
    global _shared
    kind = _kind(simulation, memory_limit)
    if _shared is not None and (_shared.kind != kind or _shared.runs >= _MOST_RUNS):
        end_shared()
    if kind is None:
        return None
    if _shared is None:
        _shared = _Shared(kind, SharedChild(_server(simulation, simulated)))
    _shared.runs += 1
    first = _shared.runs == 1
    said = _shared.child.ask(pickle.dumps(simulation, pickle.HIGHEST_PROTOCOL))
    if isinstance(said, Ended):
        end_shared()
        return None
    answer: _Any
    state: _State
    answer, state = said
    if state != "unharmed":
        end_shared()
    return answer if first or state != "void" else None


def end_shared() -> None:
    """End the child, if there is one."""
    global _shared
    if _shared is not None:
        shared, _shared = _shared, None
        shared.child.end()


def _kind(simulation: Simulation, memory_limit: int | None) -> Any:
    """Return what runs of one child have in common; None for one that gets a process of its own."""
    usual = simulation.observe is None and not simulation.recorded and simulation.spec.pipeline is None
    if not (CAN_FORK and usual and all(code.is_plain for code in simulation.codes)):
        return None
    alike = replace(simulation, spec=replace(simulation.spec, hyperparameters={}), stop=None, progress="", chance="")
    return alike, memory_limit


def _server(
    first: Simulation, simulated: Callable[[Simulation, Witness], _Any]
) -> Callable[[bytes], tuple[_Any, _State]]:
    made: list[tuple[Witness, SharedState]] = []

    def serve(message: bytes) -> tuple[_Any, _State]:
        simulation: Simulation = pickle.loads(message)  # noqa: S301 - of our own parent
        if not made:
            made.append((Witness(first), SharedState(known_series(first.candles))))
        witness, shared = made[0]
        answer = simulated(simulation, witness)
        harmless = not answer.failure and shared.is_unchanged() and witness.found() == NOTHING
        if harmless and isinstance(answer.value, RunRecord):
            return answer, "unharmed"
        return answer, "last" if harmless and isinstance(answer.value, StoppedRun | StepsNeeded) else "void"

    return serve
