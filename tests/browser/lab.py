"""A real JupyterLab, isolated from the user's own, with three ipykernels to choose from."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import platformdirs
from filelock import FileLock

#: The ipykernels that the package promises to work on; the environment has one of them.
IPYKERNELS = ("6.31", "7.3", "7.4")

#: Seconds a server may take to answer for the first time.
_START_TIMEOUT = 120

_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": False,
    },
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/completer-extension/manager": {"providerTimeout": 10_000},
}


class Lab:
    """One JupyterLab server and the folder it serves.

    Parameters
    ----------
    folder
        Everything of it lies in here.
    candles
        The candle store that its kernels see.
    """

    def __init__(self, folder: Path, candles: Path) -> None:
        self.root = folder / "notebooks"
        self.token = secrets.token_hex(16)
        self._folder = folder
        self._environment = _isolated_environment(folder, candles)
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Start the server; returns when it answers."""
        self.root.mkdir(parents=True)
        for name, content in _SETTINGS.items():
            file = self._folder / "config" / "lab" / "user-settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content))
        for wanted in IPYKERNELS:
            _write_kernelspec(self._folder / "data" / "kernels" / kernel_name(wanted), wanted)
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser",
                   "--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={self.token}",
                   "--JupyterNotebookApp.expose_app_in_browser=True",
                   f"--ServerApp.root_dir={self.root}", "--LabApp.extension_manager=readonly"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True, cwd=self.root
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and every kernel and worker that it started."""
        if self._process is None:
            return
        for kernel in self._get("/api/kernels", default=[]):
            self._request(f"/api/kernels/{kernel['id']}", method="DELETE")
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._kill_what_is_left()

    def url(self, workspace: str) -> str:
        """Address of the page with an own arrangement of tabs, ``workspace``."""
        return f"http://127.0.0.1:{self.port}/lab/workspaces/{workspace}?token={self.token}"

    def write_notebook(self, name: str, *sources: str, ipykernel: str = "7.4") -> str:
        """Write a notebook with code cells; returns its path for the page."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        kernel = kernel_name(ipykernel)
        notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        nbformat.write(notebook, self.root / f"{name}.ipynb")
        return f"{name}.ipynb"

    def read_notebook(self, path: str) -> nbformat.NotebookNode:
        """Return a notebook as it is on disk."""
        return nbformat.read(self.root / path, as_version=4)

    def end_kernel_of(self, path: str) -> None:
        """End a notebook's session, kernel and all."""
        for session in self._get("/api/sessions"):
            if session["path"] == path:
                self._request(f"/api/sessions/{session['id']}", method="DELETE")

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        information = self._folder / "runtime" / f"jpserver-{self._process.pid}.json"
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            if information.is_file() and (text := information.read_text()).endswith("}"):
                self.port = json.loads(text)["port"]
                if self._get("/api/status", default=None) is not None:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{self._log.read_text()[-4000:]}")

    def _kill_what_is_left(self) -> None:
        import psutil

        mark = f"JUPYTER_RUNTIME_DIR={self._folder / 'runtime'}"
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if mark in [f"{key}={value}" for key, value in process.environ().items()]:
                    process.kill()

    def _get(self, path: str, **default: Any) -> Any:
        try:
            return json.loads(self._request(path))
        except (urllib.error.URLError, OSError):
            if "default" in default:
                return default["default"]
            raise

    def _request(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"token {self.token}"}, method=method
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bytes(answer.read())


def kernel_name(ipykernel: str) -> str:
    """Name of the registered kernel with that ipykernel."""
    return f"ipykernel-{ipykernel.replace('.', '-')}"


def _isolated_environment(folder: Path, candles: Path) -> dict[str, str]:
    """Everything from the surrounding environment but the user's notebooks, settings, candles and runs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "IPYTHON", "JPY_", "PYTEST", "COV_", "JESSE_NB"))
    }
    return kept | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JESSE_NB_CANDLES": str(candles),
        "JESSE_NB_STORE": str(folder / "store"),
        "JESSE_NB_JOBS": str(folder / "jobs"),
    }


def _write_kernelspec(folder: Path, wanted: str) -> None:
    search_path = os.pathsep.join(filter(None, [_folder_of_ipykernel(wanted), os.environ.get("PYTHONPATH", "")]))
    folder.mkdir(parents=True)
    specification = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": folder.name,
        "language": "python",
        "env": {"PYTHONPATH": search_path} if search_path else {},
    }
    (folder / "kernel.json").write_text(json.dumps(specification))


def _folder_of_ipykernel(wanted: str) -> str:
    """Install an ipykernel beside the environment's own, once a machine; "" when it is the environment's own."""
    if version("ipykernel").startswith(f"{wanted}."):
        return ""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(platformdirs.user_cache_dir("jesse_nb")) / "test_kernels" / f"ipykernel-{wanted}-python-{python}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            scratch = Path(f"{folder}.new")
            shutil.rmtree(scratch, ignore_errors=True)
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check",
                       "--target", str(scratch), f"ipykernel=={wanted}.*"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise RuntimeError(f"ipykernel {wanted} could not be installed: {done.stderr}")
            scratch.rename(folder)
    return str(folder)
