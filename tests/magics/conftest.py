"""A shell in this process, a notebook's front end that records what it is sent, and a real kernel."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import KernelManager
from traitlets.config import Config

from jesse_nb.core.candles import CandleStore, install_demo
from jesse_nb.core.jobs.journal import process_start

#: On the demo market below: a month, with enough candles before it to warm up.
MARKET = "-s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20"

STRATEGY = """
class Crossing(Strategy):
    def hyperparameters(self):
        return [
            {"name": "fast", "type": int, "min": 5, "max": 30, "default": 10},
            {"name": "slow", "type": int, "min": 31, "max": 120, "default": 50},
        ]
    def rising(self):
        return ta.ema(self.candles, self.hp["fast"]) > ta.ema(self.candles, self.hp["slow"])
    def should_long(self):
        return self.rising()
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price), self.price
    def update_position(self):
        if not self.rising():
            self.liquidate()
"""


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> CandleStore:
    """Two months of the demo market's first two symbols. Do not write to it."""
    store = CandleStore(tmp_path_factory.mktemp("demo_candles"))
    install_demo(store, ["BTC-USDT", "ETH-USDT"], "2023-01-01", "2023-03-01")
    return store


@pytest.fixture
def demo(demo_store: CandleStore, monkeypatch: pytest.MonkeyPatch) -> CandleStore:
    """Make the demo candles this test's stored candles."""
    monkeypatch.setenv("JESSE_NB_CANDLES", str(demo_store.root))
    return demo_store


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank_pictures: None) -> Iterator[InteractiveShell]:
    """An IPython shell with the extension loaded and no worker started. Kernels, as in `test_kernel.py`, draw."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the shell puts its own there
    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.JesseNb.warm_up = False
    made = InteractiveShell.instance(config=config)
    made.run_line_magic("load_ext", "jesse_nb")
    yield made
    made.run_line_magic("unload_ext", "jesse_nb")
    InteractiveShell.clear_instance()
    atexit.unregister(made.atexit_operations)  # which keeps every shell, and looks through all memory for each at exit


@dataclass
class Sent:
    """One display message, as a front end gets it."""

    kind: str
    text: str | None
    display_id: str
    cell: str
    data: dict[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)


class Notebook:
    """Stands in for the kernel's connection to a notebook: the one seam that is faked here."""

    topic = b"display_data"
    pub_socket = None

    def __init__(self, shell: InteractiveShell) -> None:
        self.session = self
        self.sent: list[Sent] = []
        self.enter_cell("first")
        shell.get_parent = lambda: self.parent
        shell.display_pub = _Publisher(self)

    def enter_cell(self, name: str, *, allow_stdin: bool = True, msg_type: str = "execute_request") -> None:
        """What runs from now on belongs to this cell."""
        self.parent = {
            "header": {"msg_id": name, "msg_type": msg_type},
            "content": {"allow_stdin": allow_stdin},
        }

    def send(self, socket: Any, kind: str, content: dict[str, Any], parent: Any, ident: bytes) -> None:
        self.sent.append(
            Sent(
                kind,
                content["data"].get("text/plain"),
                content["transient"].get("display_id", ""),
                parent["msg_id"],
                content["data"],
            )
        )

    @property
    def displays(self) -> list[Sent]:
        """Messages that begin a new output."""
        return [message for message in self.sent if message.kind == "display_data"]


class _Publisher(DisplayPublisher):
    def __init__(self, notebook: Notebook) -> None:
        super().__init__()
        self._notebook = notebook
        self.session, self.pub_socket, self.topic = notebook, notebook.pub_socket, notebook.topic

    def publish(
        self, data: Any, metadata: Any = None, *, transient: Any = None, update: bool = False, **kwargs: Any
    ) -> None:
        self._notebook.send(
            None,
            "update_display_data" if update else "display_data",
            {"data": data, "transient": transient or {}},
            self._notebook.parent["header"],
            b"",
        )


@pytest.fixture
def notebook(shell: InteractiveShell) -> Notebook:
    """Make the shell believe that a notebook is in front of it."""
    return Notebook(shell)


def run(shell: InteractiveShell, cell: str) -> Any:
    """Run a cell and return its value; raise what it raised."""
    result = shell.run_cell(cell, store_history=True)
    result.raise_error()
    return result.result


def eventually(happened: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = happened()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"did not happen within {seconds} s")


class Kernel:
    """A real IPython kernel, driven as a notebook front end drives it."""

    def __init__(self, folder: Path, candles: Path) -> None:
        self._manager = KernelManager()
        self._manager.kernel_spec.argv = [
            sys.executable,
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
        env |= {
            "JESSE_NB_CANDLES": str(candles),
            "JESSE_NB_STORE": str(folder / "runs.sqlite"),
            "JESSE_NB_JOBS": str(folder / "jobs"),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        self._manager.start_kernel(cwd=str(folder), env=env)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def run(
        self,
        cell: str,
        *,
        allow_stdin: bool = True,
        interrupt_when: str = "",
        until: Callable[[list[dict[str, Any]]], bool] | None = None,
    ) -> Ran:
        """Run a cell; interrupt it once ``interrupt_when`` was shown; listen until idle (and ``until``)."""
        request = self._client.execute(cell, allow_stdin=allow_stdin)
        messages: list[dict[str, Any]] = []
        interrupted = idle = 0.0
        deadline = time.monotonic() + 120
        while not (idle and (until is None or until(messages))):
            assert time.monotonic() < deadline, messages[-3:]
            try:
                message = self._client.get_iopub_msg(timeout=0.2)
            except Exception:  # noqa: BLE001 - an empty queue is told in several ways
                continue
            if message["msg_type"] == "status":
                own = message["parent_header"].get("msg_id") == request
                idle = idle or (
                    time.monotonic() if own and message["content"]["execution_state"] == "idle" else 0.0
                )
                continue
            messages.append(message)
            text = message["content"].get("data", {}).get("text/plain", "")
            if interrupt_when and interrupt_when in text and not interrupted:
                self._manager.interrupt_kernel()
                interrupted = time.monotonic()
        return Ran(request, messages, idle - interrupted if interrupted else 0.0)

    def begin(self, cell: str) -> None:
        """Run a cell and hear nothing of it."""
        self._begun = self._client.execute(cell)

    def complete(self, code: str) -> list[str]:
        """Return what Tab offers at the end of ``code``."""
        reply = self._client.complete(code, len(code), reply=True, timeout=30)
        return list(reply["content"]["matches"])

    def leave(self) -> None:
        """Let the kernel end itself, as ``exit()`` in a cell does, after an interrupt; wait until it has."""
        self._manager.interrupt_kernel()
        while self._client.get_shell_msg(timeout=30)["parent_header"].get("msg_id") != self._begun:
            pass  # until the cell has ended: what is asked for before would be dropped
        self.begin("exit()")
        self._client.stop_channels()
        deadline = time.monotonic() + 30
        while process_start(self._manager.provisioner.pid) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self._manager.cleanup_resources()

    def kill(self) -> None:
        """End the kernel's process by SIGKILL."""
        self._client.stop_channels()
        os.kill(self._manager.provisioner.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel()


@dataclass
class Ran:
    """What a kernel sent while a cell ran."""

    request: str
    messages: list[dict[str, Any]]
    seconds_after_interrupt: float

    def texts(self, *kinds: str) -> list[str]:
        """Plain texts of display messages of these kinds."""
        return [
            message["content"]["data"].get("text/plain", "")
            for message in self.messages
            if message["msg_type"] in kinds
        ]

    @property
    def printed(self) -> str:
        """What was printed."""
        return "".join(m["content"]["text"] for m in self.messages if m["msg_type"] == "stream")

    @property
    def error(self) -> dict[str, Any] | None:
        """The error's name, value and traceback."""
        return next((m["content"] for m in self.messages if m["msg_type"] == "error"), None)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory, demo_store: CandleStore) -> Iterator[Kernel]:
    """A real kernel with the extension loaded and the demo market stored."""
    started = Kernel(tmp_path_factory.mktemp("kernel"), demo_store.root)
    started.run("%load_ext jesse_nb")
    yield started
    started.stop()
