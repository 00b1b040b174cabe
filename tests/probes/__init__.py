"""Coverage by probes: before Python 3.12, to trace makes all that is pure Python take nearly twice the time.

pytest-cov begins, combines and reports as ever. Only what ran is told to it by SlipCover, whose probes stand in the
package's own functions and leave once they were reached, where a tracer is called for each line of each library.
What is run otherwise than by an import has no probes, so the figure is rather too small.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from slipcover import FileMatcher, ImportManager, Slipcover

PACKAGE = Path(__file__).resolve().parents[2] / "jesse_nb"


class Probes:
    """A pytest plugin; made before the package is imported."""

    def __init__(self) -> None:
        self._probes = Slipcover()
        ImportManager(self._probes, FileMatcher(sources=[str(PACKAGE)])).__enter__()

    @pytest.hookimpl(trylast=True)  # a worker of xdist begins to trace in this hook
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._coverage = session.config.pluginmanager.getplugin("_cov").cov_controller.cov
        self._coverage.stop()

    @pytest.hookimpl(hookwrapper=True, trylast=True)  # within pytest-cov's own, which files what there is
    def pytest_runtestloop(self) -> Iterator[None]:
        yield
        files = self._probes.get_coverage()["files"]
        self._coverage.get_data().add_lines(
            {str(Path(name).resolve()): measured["executed_lines"] for name, measured in files.items()})
