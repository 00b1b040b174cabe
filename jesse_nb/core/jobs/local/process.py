"""One worker process and the pipe to it, both ends of which are here.

Each worker has a pipe of its own and shares nothing else with anybody: whoever kills it at
whatever moment breaks that pipe and nothing more. A queue that several processes read from
needs a lock that they share, and one that is killed between taking and releasing that lock
stops all the others.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import tempfile
import threading
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

from jesse_nb.core.jobs import worker
from jesse_nb.core.jobs.failures import WorkerLostError
from jesse_nb.core.jobs.server import context, end_server, start_server
from jesse_nb.core.jobs.worker_process import ProcessWithoutMain

__all__ = ["WorkerProcess", "WorkerStartError"]

#: Seconds in which a process must start, and then say that it is ready.
_START_SECONDS = 120.0

#: Seconds of a wait that are counted at once. What a wait takes longer is not counted: this process was stopped.
_TICK = 1.0

_READY, _OTHER_SEED = "ready", "the server has another hash seed"


class WorkerStartError(Exception):
    """A worker process could not be started, or ended before it was ready; the text says why."""


class WorkerProcess:
    """A worker as seen from here. One thread asks it; others may only :meth:`kill` it.

    Parameters
    ----------
    scratch
        Folder under which it makes its working directory.

    Raises
    ------
    WorkerStartError
        When it cannot be started.
    """

    def __init__(self, scratch: str) -> None:
        self._killed = False
        self._line = threading.Lock()  # held while the connection is closed, so that nobody uses a number given anew
        self._connection, theirs = context.Pipe()
        self._process = ProcessWithoutMain(target=serve, args=(theirs, scratch), name="jesse-nb-worker")
        watch = threading.Timer(_START_SECONDS, end_server)
        watch.daemon = True
        watch.start()
        try:
            start_server()  # it may have been killed
            self._process.start()
        except (OSError, EOFError, ValueError) as error:  # the last when a server that was killed left half a word
            self._connection.close()
            raise WorkerStartError(_why_not(error)) from error
        finally:
            watch.cancel()
            theirs.close()
        self._await_ready()

    @property
    def lives(self) -> bool:
        """False once it has ended or was killed."""
        return not self._killed and not wait([self._process.sentinel], 0)

    def ask(self, task: bytes, timeout: float | None) -> bytes:
        """Let it run a pickled ``(function, arguments)`` and return the pickled answer.

        Parameters
        ----------
        task
            What to run.
        timeout
            Seconds in which the answer must come; time for which this process was stopped does not count.

        Raises
        ------
        WorkerLostError
            When it ends meanwhile.
        concurrent.futures.TimeoutError
            When no answer came in time; the worker is killed.
        """
        try:
            self._connection.send_bytes(task)
            in_time = self._await_answer(math.inf if timeout is None else timeout)
            if in_time:
                return self._connection.recv_bytes()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            self.kill()
            raise WorkerLostError(self._ending()) from None
        self.kill()
        raise FutureTimeoutError

    def kill(self) -> None:
        """End it at once, whatever it does; whoever waits for its answer learns that it is lost."""
        self._killed = True
        with contextlib.suppress(ValueError):  # it was given back already
            if self._process.is_alive():  # otherwise its number may be another process's by now
                self._process.terminate()  # which ends what the strategy has started, too
        self._hang_up()

    def end(self) -> None:
        """Kill it, and give back what it needed of this process. Nobody may use it any more."""
        self.kill()
        self._process.join(_TICK)
        with contextlib.suppress(ValueError):
            if self._process.is_alive():  # it hears of nothing: stopped by somebody, or in the middle of a long call
                self._process.kill()
                self._process.join(_TICK)
        with self._line:
            self._connection.close()
        with contextlib.suppress(ValueError):  # not dead yet: the operating system takes its time
            self._process.close()

    def _await_ready(self) -> None:
        problem = f"no sign of life in {_START_SECONDS:g} s"
        try:
            if wait([self._connection, self._process.sentinel], _START_SECONDS):
                problem = self._connection.recv()
        except (EOFError, OSError):
            self._hang_up()
            problem = f"it ended {self._ending()}"
        if problem != _READY:
            self.end()
            if problem == _OTHER_SEED:
                end_server()
            raise WorkerStartError(problem)

    def _await_answer(self, left: float) -> bool:
        both = [self._connection, self._process.sentinel]
        while not (come := wait(both, None if left == math.inf else min(left, _TICK))):
            left -= _TICK
            if left <= 0:
                return False
        if self._connection not in come:
            self._hang_up()  # a process that the strategy started may hold the other end: nothing more comes
        return True

    def _hang_up(self) -> None:
        """Let reads return what is there and then end, even when somebody else holds the other end."""
        if sys.platform == "win32":
            return
        with (self._line, contextlib.suppress(OSError),
              socket.socket(fileno=os.dup(self._connection.fileno())) as line):
            line.shutdown(socket.SHUT_RDWR)

    def _ending(self) -> str:
        self._process.join(_TICK)
        code = self._process.exitcode
        if code is None:
            return "without a word"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"by signal {signal.Signals(-code).name}"
        return f"with exit code {code}"


def _why_not(error: Exception) -> str:
    if "AF_UNIX path too long" in str(error):
        return (f"the path of the temporary folder {tempfile.gettempdir()} is too long for a socket: "
                "TMPDIR can name another")
    return f"{type(error).__name__}: {error}"


def serve(connection: Connection[Any, Any], scratch: str) -> NoReturn:
    """Run one task after another: what a worker process does until its pipe ends."""
    try:
        connection.send(_prepared(scratch))
        while True:
            _answer(connection)
    except (EOFError, OSError):
        pass
    finally:
        os._exit(0)  # tearing down all of Jesse's imports would take seconds


def _prepared(scratch: str) -> str:
    if context.get_start_method() == "forkserver" and os.environ.get("PYTHONHASHSEED") != "0":
        return _OTHER_SEED  # started anew by multiprocessing itself, after a kill: it would add up in another order
    try:
        worker.initialize(scratch)
    except Exception as error:  # noqa: BLE001 - a worker that cannot be prepared says why
        return f"{type(error).__name__}: {error}"
    return _READY


def _answer(connection: Connection[Any, Any]) -> None:
    message = connection.recv_bytes()
    try:
        function, arguments = context.reducer.ForkingPickler.loads(message)
        answer = context.reducer.ForkingPickler.dumps(function(*arguments))
    except Exception as error:  # noqa: BLE001 - a task that cannot be read, an answer that cannot be sent
        answer = context.reducer.ForkingPickler.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    connection.send_bytes(answer)
