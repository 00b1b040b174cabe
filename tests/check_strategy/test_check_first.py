"""The check before a study, on the real simulator: once for each code, first in the headline, ended by Stop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import jesse_nb.core.tools.check.check_strategy as check_module
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import Job
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.check.check_first import is_first_study
from jesse_nb.core.tools.check.observed_runs import ObservedRuns
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
from jesse_nb.exceptions import JobCancelledError
from jesse_nb.report.html import fragment
from jesse_nb.report.results import text
from tests.check_strategy import planted
from tests.jobs.strategies import CROSSING, SPACE

PHASE = "checking the strategy"
#: One that reads the future, and has a threshold to search.
READER = planted.FRAMES.replace("0.002", "self.hp['least']").replace("    def whole(self):", """\
    def hyperparameters(self):
        return [{"name": "least", "type": float, "min": 0.001, "max": 0.003, "default": 0.002}]

    def whole(self):""")
LINE = next(number for number, line in enumerate(READER.splitlines(), 1) if "return loop._candles" in line)
CALM = {"neighbours": 0, "parity": False}


def phases_of(job: Job[Any]) -> tuple[Any, list[str]]:
    """Return the job's result, and the phases it went through."""
    seen: list[str] = []
    job.subscribe(lambda progress: seen.append(progress.phase))
    return job.result(), list(dict.fromkeys(seen))


@pytest.fixture
def where(candle_store: CandleStore, tmp_path: Path) -> dict[str, Any]:
    return {"candles": candle_store, "store": tmp_path / "runs.sqlite"}


@pytest.mark.usefixtures("blank_pictures")
def test_a_failed_check_stands_first_on_every_study_and_is_made_once(where: dict[str, Any]) -> None:
    market = ("BTC-USDT", "1h", "2023-02-01", "2023-02-15")
    study, phases = phases_of(optimize(READER, *market, n_trials=2, check_first=True, background=True, **CALM, **where))
    assert PHASE in phases
    assert len(study.trials) == 2
    said = f"failed check: reads the future, line {LINE}"
    assert study.verdict.outcome == "failed check"
    assert study.verdict.line.startswith(said)
    assert f"In whole, line {LINE}: return loop._candles" in study.verdict.note
    assert f"\n\nF{said[1:]}" in text(study)
    assert '<strong class="outcome">Failed check</strong>' in fragment(study)
    assert "it failed look-ahead; nothing wrong with" in text(study).replace("\n", " ")

    again, phases = phases_of(optimize(READER, *market, n_trials=1, check_first=True, background=True, **CALM, **where))
    assert PHASE not in phases
    assert again.first_check == study.first_check
    assert again.verdict.line.startswith(said)

    days = {"in_sample_period": 7, "out_sample_period": 7, "step_forward": 7}
    walk = walk_forward(READER, *market, n_trials=1, check_first=True, **days, **where)
    paths = walk_forward(READER, *market, n_trials=1, check_first=True, split="cpcv", groups=2, test_groups=1, **where)
    for found in (walk, paths):
        assert found.verdict.outcome == "failed check"
        assert found.verdict.sentences[0].startswith(f"F{said[1:]}")
        assert f"F{said[1:]}" in text(found)
        assert '<strong class="outcome">Failed check</strong>' in fragment(found)

    plain = optimize(READER, *market, n_trials=2, **CALM, **where)
    assert plain.first_check is None
    assert plain.verdict.outcome != "failed check"


def test_nothing_is_said_over_a_sound_strategy(where: dict[str, Any]) -> None:
    found = walk_forward(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-15", space=SPACE, n_trials=1,
                         check_first=True, in_sample_period=7, out_sample_period=7, step_forward=7, **where)
    assert found.first_check is not None
    assert not found.first_check.failed
    assert found.verdict.outcome != "failed check"
    assert any(note.startswith("The strategy was checked before the first trial: nothing wrong with look-ahead")
               for note in found.notes)


def test_it_takes_the_time_of_ten_runs_at_most(where: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    least = check_module._LEAST_SECONDS
    monkeypatch.setattr(check_module, "_LEAST_SECONDS", 0.0)
    allow, allowed = ObservedRuns.allow, []

    def allow_nothing_more(runs: ObservedRuns, seconds: float) -> None:  # how long a run takes is chance
        allowed.append(seconds)
        allow(runs, 0.0 if len(allowed) == 2 else seconds)

    monkeypatch.setattr(ObservedRuns, "allow", allow_nothing_more)
    found = optimize(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-05", space=SPACE, n_trials=1, check_first=True,
                     test_ratio=0, **CALM, **where)
    left = [one for one in found.first_check.findings if one.level == "not checked"]
    assert "look_ahead" in [one.check for one in left]
    assert len(allowed) == 2
    assert 0 < allowed[1] < least, "some of these runs"
    assert all(one.summary == "The check had taken the time of 10 runs." for one in left)
    assert any("not checked was" in note for note in found.notes)


def test_stop_ends_it(where: dict[str, Any]) -> None:
    slow = CROSSING.replace("    def should_long(self):\n", "    def should_long(self):\n        time.sleep(0.2)\n")
    job = optimize(slow, "BTC-USDT", "1h", "2023-02-01", "2023-03-01", space=SPACE, n_trials=2, check_first=True,
                   background=True, **where)
    assert isinstance(job, Job)
    deadline = time.monotonic() + 60
    while job.progress.phase != PHASE and time.monotonic() < deadline:
        time.sleep(0.05)
    began = time.monotonic()
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(30)
    assert time.monotonic() - began < 3
    assert job.state == "cancelled"


def test_one_that_cannot_be_checked_is_said_to_be_so(where: dict[str, Any]) -> None:
    crashing = CROSSING.replace("    def should_long(self):\n", "    def should_long(self):\n"
                                "        if self.hp['fast'] == 8:\n            raise ValueError('eight')\n")
    found = optimize(crashing, "BTC-USDT", "1h", "2023-02-01", "2023-02-20", space={"fast": (2, 4)}, n_trials=2,
                     check_first=True, **CALM, **where)
    assert any(note.startswith("The strategy could not be checked before the first trial: ") and "eight" in note
               for note in found.notes)
    assert len(found.trials) == 2


def test_the_first_study_of_a_code_is_known(where: dict[str, Any]) -> None:
    study = optimize(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-10", space=SPACE, n_trials=1, **CALM, **where)
    other = CROSSING.replace("0.9", "0.8")
    ref = study.spec.routes[0].strategy
    store = RunStore(where["store"])
    try:
        assert not is_first_study(store, [ref])
        changed = optimize.plan(other, "BTC-USDT", "1h", "2023-02-01", "2023-02-10", space=SPACE, **where)
        assert is_first_study(store, changed.strategies)
    finally:
        store.close()
