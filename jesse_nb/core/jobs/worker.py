"""The worker process: set up once, then one simulation after another, in children.

Workers are forked from a server that has imported Jesse (see ``preload``). They never
run a strategy: a child does (see ``isolation``), so every run starts from the same clean
state: each in one of its own, unless a run is proved to leave nothing behind (``shared_runs``).
A task answers with data in every case: an exception's object might not survive the way back,
its description does.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.jobs.isolation import CAN_FORK, Ended, run_in_child
from jesse_nb.core.jobs.isolation.chance import seed_chance
from jesse_nb.core.jobs.isolation.child import die_with_parent, end_child, end_with_child
from jesse_nb.core.jobs.isolation.files import installed_places
from jesse_nb.core.jobs.isolation.shared_runs import answer_shared, end_shared
from jesse_nb.core.jobs.isolation.witness import Witness
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.fast import prepare_series
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import StepsNeeded, simulate_once, versions
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.spec import Route
from jesse_nb.core.simulator.strategies.crash_advice import crash_advice, place_in_jesse
from jesse_nb.core.simulator.strategies.local_modules import forget_local_modules, is_local_module, none_imported_yet
from jesse_nb.core.simulator.strategies.own_values import default_hyperparameters, on_route
from jesse_nb.core.simulator.strategies.strategy import StrategyCode
from jesse_nb.exceptions import JesseNbError

__all__ = ["Answer", "Description", "describe", "initialize", "run"]

_MOST_FRAMES = 60


@dataclass(frozen=True)
class Description:
    """What a strategy says of itself: its declared hyperparameters and its own values of them."""

    hyperparameters: list[dict[str, Any]]
    defaults: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a task gave: a value, or why there is none.

    Attributes
    ----------
    failure
        ``died`` when the process that ran it ended without an answer, ``jesse`` when Jesse failed by itself.
    message
        What happened; of a process that died, how it ended: ``by signal SIGKILL``, ``with exit code 9``.
    details
        The strategy's part of the traceback, as text.
    hint
        What to do about it; may be empty.
    exit_code
        Of a process that died, as in ``multiprocessing``: minus the signal's number, or what it ended itself with.
    """

    value: Any = None
    failure: Literal["", "crash", "jesse", "memory", "refused", "died"] = ""
    message: str = ""
    details: str = ""
    hint: str = ""
    exit_code: int | None = None


def initialize(scratch: str) -> None:
    """Prepare a fresh worker.

    Parameters
    ----------
    scratch
        Folder under which the worker makes its own working directory: Jesse writes into it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt goes to the whole process group
    if CAN_FORK:
        end_with_child()
    _die_with_kernel()
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # Jesse behaves otherwise under pytest,
    sys.argv[:1] = ["jesse-nb-worker"]  # of which the kernel's command tells, too
    os.environ["TZ"] = "UTC"  # Jesse passes daily samples through local time
    if hasattr(time, "tzset"):
        time.tzset()
    os.chdir(tempfile.mkdtemp(dir=scratch))
    jesse_module("jesse.research.backtest")
    forget_local_modules()
    versions(), installed_places()  # looked up once
    gc.collect()
    gc.freeze()  # as in preload: a child that looked at these objects would get copies of their memory


def run(simulation: Simulation, memory_limit: int | None = None) -> Answer:
    """Run one simulation; the answer's value is a :class:`~jesse_nb.core.simulator.record.RunRecord`.

    ``memory_limit`` is bytes of private memory; mapped candles do not count. Linux only.
    """
    with contextlib.suppress(Exception):  # what is wrong with them, the run itself will say
        prepare_series(simulation)

    def simulated(one: Simulation, watching: Witness | None = None) -> Answer:
        seed_chance(one.chance or one.spec.key)
        witness = watching or (Witness(one) if CAN_FORK else None)  # which is never put away
        _limit_memory(memory_limit)

        def found() -> RunRecord | StoppedRun | StepsNeeded:
            record = simulate_once(one)
            if witness is None or isinstance(record, StepsNeeded):
                return record
            return replace(record, depends=witness.found())

        return _answered(found)

    answer = answer_shared(simulation, memory_limit, simulated) or _apart(lambda: simulated(simulation))
    if not isinstance(answer.value, StepsNeeded):
        return answer
    needed = answer.value  # apart, too: the first simulation may have left traces
    again = _apart(lambda: simulated(needed.simulation))
    return again if again.value is None else replace(again, value=needed.finish(again.value))


def describe(code: StrategyCode, route: Route | None = None) -> Answer:
    """Build a strategy and ask what it declares, on that route; the answer's value is a :class:`Description`."""

    def declared() -> Description:
        strategy = code.load()
        return Description([_jsonable(parameter) for parameter in on_route(strategy, route).hyperparameters()],
                           default_hyperparameters(strategy, route))

    return _apart(lambda: _answered(declared))


def _apart(task: Callable[[], Answer]) -> Answer:
    """Run a task in a child, where there can be one."""
    if not CAN_FORK:
        return task()
    end_shared()

    def in_child() -> Answer:
        none_imported_yet()
        return task()

    answer = run_in_child(in_child)
    if isinstance(answer, Ended):
        return Answer(failure="died", message=_how(answer.exit_code), exit_code=answer.exit_code)
    assert isinstance(answer, Answer)
    return answer


def _how(exit_code: int) -> str:
    if exit_code < 0:
        with contextlib.suppress(ValueError):
            return f"by signal {signal.Signals(-exit_code).name}"
    return f"with exit code {exit_code}"


def _limit_memory(most: int | None) -> None:
    if sys.platform == "linux":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY if most is None else most, hard))


def _answered(task: Callable[[], Any]) -> Answer:
    try:
        return Answer(task())
    except MemoryError:
        return Answer(failure="memory", message="it ran out of memory")
    except JesseNbError as error:
        return Answer(failure="refused", message=str(error))
    except BaseException as error:  # noqa: BLE001 - sys.exit() and KeyboardInterrupt of a strategy fail alone, too
        failure: Literal["crash", "jesse"] = "crash" if _own_frames(error) or not place_in_jesse(error) else "jesse"
        return Answer(failure=failure, message=_what_happened(error), details=_own_lines(error), hint=_advice(error))


def _advice(error: BaseException) -> str:
    try:
        return crash_advice(error)
    except Exception:  # noqa: BLE001 - a strategy's exceptions may be anything; what happened is told all the same
        return ""


def _what_happened(error: BaseException) -> str:
    text = " ".join(str(error).split())[:500]
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = _own_frames(error)
    if not frames:
        place = place_in_jesse(error)
        return f"{message} (in {place})" if place else message
    line = f": `{frames[-1].line}`" if frames[-1].line else ""
    return f"{message} (in {frames[-1].name}, line {frames[-1].lineno}{line})"


def _own_lines(error: BaseException) -> str:
    lines = traceback.format_list(_own_frames(error)) + traceback.format_exception_only(type(error), error)
    return "".join(lines)[-4000:]


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames of the user's code, outermost first; of a deep recursion the innermost ones."""
    modules = {getattr(module, "__file__", None): module for module in tuple(sys.modules.values())}
    frames = traceback.extract_tb(error.__traceback__, limit=-_MOST_FRAMES)
    return [frame for frame in frames
            if frame.filename not in modules or is_local_module(modules[frame.filename])]


def _jsonable(parameter: dict[str, Any]) -> dict[str, Any]:
    """Name the type: Jesse declares it as a class."""
    kind = parameter.get("type")
    return {**parameter, "type": kind.__name__ if isinstance(kind, type) else kind}


def _die_with_kernel() -> None:
    """End when the kernel ends, however it ends."""
    if sys.platform == "linux":
        # The server that forked us ends with the kernel, unless we hold the pipe by which it notices.
        from multiprocessing.forkserver import _forkserver

        server = os.getppid()
        held = getattr(_forkserver, "_forkserver_alive_fd", None)
        if held is not None:
            os.close(held)
        die_with_parent(server, signal.SIGTERM)
    kernel = multiprocessing.parent_process()
    if kernel is not None:
        threading.Thread(target=_end_after, args=(kernel.sentinel,), daemon=True, name="jesse-nb-kernel-watch").start()


def _end_after(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    end_child()
    os._exit(70)
