"""A run in an interpreter of its own, which knows nothing of the pool's: sets have another order there.

There the strategy runs twice without being built anew in between, so that what it keeps on a class or a module shows.
It takes the seconds of Jesse's import, so it is for checks only.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from jesse_nb.core.simulator.simulation import Simulation

__all__ = ["run_twice"]


def run_twice(
    simulation: Simulation, *, hash_seed: str, timeout: float | None, cancelled: Callable[[], bool]
) -> Any:
    """Run a simulation twice in one new process.

    Parameters
    ----------
    simulation
        What to run.
    hash_seed
        ``PYTHONHASHSEED`` of the process: what order sets have there. The pool's own is 0.
    timeout
        Seconds for each of the two runs; None for no limit.
    cancelled
        Whether nobody wants the answer any more.

    Returns
    -------
    list of Answer
        Of the first and the second run; one with failure ``died`` where the process ended without an answer.

    Raises
    ------
    TimeoutError
        When it took longer.
    """
    from jesse_nb.core.jobs.worker import Answer

    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    with tempfile.TemporaryDirectory(prefix="jesse-nb-check-") as folder, tempfile.TemporaryFile() as answers:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
            [sys.executable, "-B", "-c", f"from {__name__} import main; main()"], cwd=folder, env=environment,
            stdin=subprocess.PIPE, stdout=answers, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin as there:
                pickle.dump((simulation, tuple(sys.path)), there)
            end = None if timeout is None else time.monotonic() + 2 * timeout + 60
            while process.poll() is None:
                if cancelled():
                    return [Answer(failure="died", message="as it was cancelled")]
                if end is not None and time.monotonic() > end:
                    raise TimeoutError
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
        answers.seek(0)
        try:
            return pickle.load(answers)  # noqa: S301 - of our own process, through a file without a name
        except (EOFError, pickle.UnpicklingError):
            return [Answer(failure="died", message=f"with exit code {process.returncode}",
                           exit_code=process.returncode)]


def main() -> None:
    """Answer one request; the process' own output is given away, so that nothing a strategy writes is taken for it."""
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
    simulation, sys.path[:] = pickle.load(sys.stdin.buffer)  # noqa: S301 - of our own parent
    from jesse_nb.core.jobs import preload, worker
    from jesse_nb.core.jobs.isolation.chance import seed_chance
    from jesse_nb.core.simulator import run
    from jesse_nb.core.simulator.strategies.strategy import load_strategies

    assert preload
    worker.initialize(os.getcwd())  # noqa: PTH109
    built: dict[str, Any] = {}

    def load_once(codes: Any) -> dict[str, Any]:
        if not built:
            built.update(load_strategies(codes))
        return built

    run.__dict__["load_strategies"] = load_once
    given = []
    for _ in range(2):
        seed_chance(simulation.chance or simulation.spec.key)
        given.append(worker._answered(lambda: run.simulate(simulation)))
    pickle.dump(given, answers)
    answers.flush()
    os._exit(0)
