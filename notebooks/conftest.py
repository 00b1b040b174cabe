"""How the example notebooks are tested: each cell runs again, and its plain-text output must be the stored one."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any


def pytest_collectstart(collector: Any) -> None:
    """Compare text, not pictures; keep the notebooks' candles and runs out of the user's folders."""
    if type(collector).__name__ != "IPyNbFile":
        return
    # HTML reports hold pictures, which differ by a pixel from one matplotlib to the next.
    collector.skip_compare += ("text/html",)
    if "JESSE_NB_NOTEBOOK_TEST" not in os.environ:
        folder = tempfile.mkdtemp(prefix="jesse-nb-notebooks-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["JESSE_NB_NOTEBOOK_TEST"] = folder
        os.environ["JESSE_NB_CANDLES"] = os.path.join(folder, "candles")  # noqa: PTH118
        os.environ["JESSE_NB_STORE"] = os.path.join(folder, "runs.sqlite")  # noqa: PTH118
