"""How often a project had looked at the same days; what tools make of it is tested with them."""

from __future__ import annotations

from pathlib import Path

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.prior_runs import PriorRuns
from tests.analysis.results import make_spec


def test_a_store_that_cannot_be_read_is_said_and_counts_nothing(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    looks = PriorRuns(store, make_spec())
    assert looks.count(()) == (0, [])
    store.close()
    looks.pin_first_run("study", ["what decides it"])  # what cannot be noted is left
    count, (remark,) = looks.count(())
    assert count == 0
    assert remark.startswith("How often this project had looked at the same data could not be counted: Cannot read")
