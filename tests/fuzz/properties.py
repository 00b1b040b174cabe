"""The property tests of all rooms, with examples that the tests have not drawn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
#: Times the examples of each property: a round takes a minute or two.
_TIMES = "5"


class Campaign:
    """Every test with @given: other examples in every round."""

    def __init__(self, folder: Path) -> None:
        tests = sorted((ROOT / "tests").rglob("test_*.py"))
        self._files = [str(path) for path in tests if re.search(r"^@given\(", path.read_text(), re.MULTILINE)]
        self._folder = folder

    def draw(self, random: Random) -> str:
        """Run all of them once; what fails is shrunk and printed by Hypothesis."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "hypothesis",
             "--hypothesis-profile=fuzz", f"--hypothesis-seed={random.getrandbits(32)}",
             f"--basetemp={self._folder / 'pytest'}", "--timeout=1800", *self._files],
            cwd=ROOT, env={**os.environ, "JESSE_NB_FUZZ": _TIMES}, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout[-8_000:], done.stderr[-2_000:])
            raise AssertionError("a property does not hold")
        return "rounds of " + done.stdout.splitlines()[-1].partition(",")[0]
