from __future__ import annotations

import html
import json
import os
from dataclasses import replace

import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.core.jobs import noting
from jesse_nb.core.jobs.journal import Journal, JournalEntry
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.exceptions import JobError
from jesse_nb.magics.launches import MagicCall, launch_of
from jesse_nb.magics.running import run_tool

from .conftest import MARKET, STRATEGY, Kernel, eventually, run
from .test_completion import complete
from .test_running import Tool, started

CALL = MagicCall("optimize", "-t 1h", "class Trend: ...")


@pytest.fixture
def tool():
    made = Tool()
    yield made
    if hasattr(made, "job"):
        made.job.cancel()
        assert made.job.wait(5)


def left(tag="dead", **changes):
    """An entry of the journal, as a kernel that is gone left it."""
    from pathlib import Path

    from jesse_nb.core.jobs.store import default_store

    made = JournalEntry("optimize-70000", "optimize", "Trend BTC-USDT 1h", "optimize", "-t 1h", "class Trend: ...",
                        "%%x", {}, str(Path.cwd()), str(default_store()), done=3, total=10, tag=tag,
                        process_started=1.0)
    made = replace(made, **changes)
    Journal().write(made)
    return made


def rows(shell, line="%jobs"):
    return run(shell, line).to_frame().set_index("job")


def test_the_list_has_this_kernels_jobs_and_what_others_left(shell, tool):
    run_tool(shell, started(tool, 2), {}, background=True, call=CALL)
    eventually(lambda: tool.job.progress.done == 2)
    left("dead")
    left("live", process=os.getpid(), process_started=JournalEntry("", "", "").process_started)
    left("done", state="finished")
    found = rows(shell)
    assert found.loc[tool.job.id, ["state", "done", "of"]].tolist() == ["running", 2, 3]
    assert found["state"].reindex(["optimize-70000-dead", "optimize-70000-live"]).tolist() == [
        "interrupted", "running in another kernel"]
    assert "optimize-70000-done" not in found.index
    assert "optimize-70000-done" in rows(shell, "%jobs --all").index
    listed = jn.jobs()
    assert tool.job in listed
    assert repr(tool.job.id)[1:-1] in repr(listed)
    assert "<table" in listed._repr_html_()


def test_a_failed_job_is_listed_with_its_reason(shell, tool, monkeypatch):
    monkeypatch.setattr(noting, "FIRST_ENTRY", 0.0)
    monkeypatch.setattr(noting, "OUTLIVED", 0.2)
    run_tool(shell, started(tool, 2), {}, background=True, call=CALL)
    eventually(Journal().entries)
    assert not rows(shell).loc[tool.job.id].get("reason", "")
    tool.error = JobError("The <disk> is full.")
    started(tool, 1)
    assert tool.job.wait(5)
    (entry,) = eventually(lambda: [one for one in Journal().entries() if one.state == "failed" and one.just_ended])
    assert (entry.standing(), replace(entry, process_started=1.0).standing()) == ("failed", "interrupted")
    (entry,) = eventually(lambda: [one for one in Journal().entries() if not one.just_ended])
    assert (entry.reason, replace(entry, process_started=1.0).standing()) == ("The <disk> is full.", "failed")
    left("dead", state="failed", reason="No memory.")
    left("last", state="failed", reason="The workers were stopped.", just_ended=True)
    found = rows(shell)
    assert found.loc[[tool.job.id, "optimize-70000-dead", "optimize-70000-last"], "reason"].tolist() == [
        "The <disk> is full.", "No memory.", ""]
    assert found.loc["optimize-70000-last", "state"] == "interrupted"
    assert "The &lt;disk&gt; is full." in run(shell, "%jobs")._repr_html_() + jn.jobs()._repr_html_()
    assert {"%jobs resume optimize-70000-dead", "%jobs resume optimize-70000-last"} <= set(
        complete(shell, "%jobs resume optimize-7"))


def test_names_are_escaped(shell):
    left("dead", title="<script>x</script>", best="<b>")
    assert "<script" not in run(shell, "%jobs")._repr_html_()


def test_show_shows_a_running_job_here_as_well(shell, notebook, tool):
    run_tool(shell, tool, {}, background=True, call=CALL)
    notebook.enter_cell("second")
    run(shell, f"%jobs show {tool.job.id}")
    eventually(lambda: {message.cell for message in notebook.sent} == {"first", "second"})
    started(tool)
    eventually(lambda: [message.text for message in notebook.sent].count("'the result'") == 2)
    notebook.enter_cell("third")
    run(shell, f"%jobs show {tool.job.id}")
    assert [(message.cell, message.text) for message in notebook.sent[-1:]] == [("third", "'the result'")]


def test_a_class_that_was_redefined_meanwhile_is_said(shell, notebook, tool, monkeypatch):
    monkeypatch.setattr("jesse_nb.core.tools.changes.changed_strategies", lambda refs: ("Trend",))
    run_tool(shell, tool, {}, background=True)
    run(shell, f"%jobs show {tool.job.id}")
    assert eventually(lambda: [m for m in notebook.sent if "Trend was changed since" in (m.text or "")])


def test_the_same_again_in_the_background_is_the_job_that_runs(shell, notebook, tool):
    run_tool(shell, tool, {"metric": ["a"]}, background=True, output="job", call=CALL)
    first = tool.job
    notebook.enter_cell("second")
    run_tool(shell, tool, {"metric": ["a"]}, background=True, output="again", call=CALL)
    assert shell.user_ns["again"] is first is tool.job
    assert any(f"running already as {first.id}" in (message.text or "") for message in notebook.sent)
    for arguments, call in (({"metric": ["b"]}, CALL), ({"metric": ["a"]}, replace(CALL, line="-t 4h"))):
        run_tool(shell, tool, arguments, background=True, call=call)
        assert tool.job is not first
        tool.job.cancel()
    first.cancel()
    run_tool(shell, tool, {"metric": ["a"]}, background=True, output="new", call=CALL)
    assert shell.user_ns["new"] is not first


def test_the_journal_follows_a_job_that_lasts(shell, tool, monkeypatch):
    monkeypatch.setattr(noting, "FIRST_ENTRY", 0.05)
    monkeypatch.setattr(noting, "_OFTEN", 0.05)
    run(shell, "%config JesseNb.fee = 0.002")
    left("dead", settings={"fee": 0.002})
    run_tool(shell, started(tool, 1), {}, background=True, call=CALL)
    (entry,) = eventually(lambda: [one for one in Journal().entries() if one.done == 1 and one.tag != "dead"])
    assert (entry.magic, entry.line, entry.cell, entry.settings) == ("optimize", "-t 1h", "class Trend: ...",
                                                                    {"fee": 0.002})
    assert (entry.job, entry.state, entry.of_this_process) == (tool.job.id, "running", True)
    assert eventually(lambda: len(Journal().entries()) == 1)  # it goes on with the one that was left
    started(tool, 2)
    assert eventually(lambda: Journal().entries()[0].state == "finished")


def test_a_journal_that_cannot_be_written_harms_no_job(shell, tool, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JESSE_NB_JOBS", str(tmp_path / "file"))
    monkeypatch.setattr(noting, "FIRST_ENTRY", 0.0)
    run_tool(shell, tool, {}, background=True)
    assert eventually(lambda: "not in the journal" in caplog.text)
    assert started(tool).job.result(5) == "the result"


def test_what_plain_python_started_is_placed_for_the_user_to_run(shell, notebook):
    left("dead", magic="", line="", cell=None, source="jn.optimize(Trend)")
    placed = []
    shell.set_next_input = placed.append
    run(shell, "%jobs resume optimize-70000")
    assert placed == ["jn.optimize(Trend)"]
    assert "placed below" in notebook.sent[-1].text


def test_show_of_an_ended_job_runs_nothing(shell, notebook):
    left("done", state="finished", cell="open('/tmp/ran', 'w')", title="Harmless")
    before = len(jn.jobs())
    shown = run(shell, "%jobs show optimize-70000")
    assert shown.to_frame()["state"].tolist() == ["finished"]
    assert len(jn.jobs()) == before
    assert "open('/tmp/ran', 'w')" in notebook.sent[-1].text
    assert "%jobs resume optimize-70000-done shows its report" in notebook.sent[-1].text


def test_resume_shows_what_it_runs_before_it_does(shell, notebook):
    left("dead", line="-t 1h --trials zero")
    with pytest.raises(UsageError):
        run(shell, "%jobs resume optimize-70000")
    assert any(message.text.endswith("is run again with:\n%%optimize -t 1h --trials zero\nclass Trend: ...")
               for message in notebook.sent)


def test_a_note_that_others_could_write_is_refused(shell):
    left("dead")
    (file,) = Journal().folder.glob("*.json")
    file.chmod(0o666)
    assert rows(shell).loc["optimize-70000-dead", "state"] == "refused"
    assert f"chmod go-w {file}" in repr(run(shell, "%jobs"))
    for action in ("show", "resume"):
        with pytest.raises(JobError, match="chmod go-w"):
            run(shell, f"%jobs {action} optimize-70000-dead")


def test_a_damaged_note_is_listed_with_its_path_and_what_to_do(shell):
    left("dead")
    (file,) = Journal().folder.glob("*.json")
    content = json.loads(file.read_text())
    del content["checksum"]
    file.write_text(json.dumps(content))
    found = rows(shell)
    assert found.loc["optimize-70000-dead", "state"] == "damaged"
    assert str(file) in found.loc["optimize-70000-dead", "reason"]
    listing = run(shell, "%jobs")
    for text in (repr(listing), listing._repr_html_()):
        assert f"{file} is damaged" in text, "whole, however long"
        assert "jesse-nb jobs remove optimize-70000-dead" in text
        assert "<NA>" not in html.unescape(text)
    for action in ("show", "resume", "cancel"):
        with pytest.raises(JobError, match="is damaged"):
            run(shell, f"%jobs {action} optimize-70000")


def test_show_offers_only_what_resume_does(shell, notebook, tmp_path):
    """Whatever resume refuses, show says so, and why."""
    left("away", folder=str(tmp_path / "gone"))
    left("runs", store="/somewhere/runs.sqlite")
    left("evil", magic="system", line="touch /tmp/x", cell=None)
    left("odd", settings={"market": "options"})
    left("none", magic="", source="")
    left("done", folder=str(tmp_path / "gone"), state="finished")
    left("told", folder=str(tmp_path / "gone"), state="finished", detached=True, magic="")
    for tag, reason in (("away", "not there any more"), ("runs", "JESSE_NB_STORE"), ("evil", "no magic that runs jobs"),
                        ("odd", "settings that are not allowed"), ("none", "Nobody noted the cell"),
                        ("done", "not there any more"), ("told", "not there any more")):
        run(shell, f"%jobs show optimize-70000-{tag}")
        said = notebook.sent[-1].text
        assert reason in said, tag
        assert f"%jobs resume optimize-70000-{tag}" not in said
        assert "jn.load" not in said
        with pytest.raises(JobError, match=reason):
            run(shell, f"%jobs resume optimize-70000-{tag}")
    left("dead")
    run(shell, "%jobs show optimize-70000-dead")
    assert "%jobs resume optimize-70000-dead goes on with it" in notebook.sent[-1].text
    left("cell", magic="", line="", cell=None, source="jn.optimize(Trend)")
    run(shell, "%jobs show optimize-70000-cell")
    assert "places below what started it" in notebook.sent[-1].text
    left("far", magic="", source="!jesse-nb optimize s.py", detached=True, host="elsewhere")
    run(shell, "%jobs show optimize-70000-far")
    assert "on elsewhere" in notebook.sent[-1].text
    assert "%jobs cancel" not in notebook.sent[-1].text


@pytest.mark.parametrize(
    ("line", "error", "expected"),
    [
        ("show", UsageError, "needs the id"),
        ("resume", UsageError, "needs the id"),
        ("show a b", UsageError, "takes one id"),
        ("sho x", UsageError, "Did you mean 'show'"),
        ("cancel optimize-70000-dea", JobError, "Did you mean 'optimize-70000-dead'"),
        ("cancel optimize-70000-dead", JobError, "it is interrupted. %jobs show optimize-70000-dead"),
        ("cancel optimize-70000-live", JobError, "runs in another kernel"),
        ("resume optimize-70000-live", JobError, "runs in another kernel"),
        ("resume optimize-70000", JobError, "Several earlier jobs"),
        ("resume optimize-70000-away", JobError, "%cd /usr"),
        ("resume optimize-70000-runs", JobError, "JESSE_NB_STORE"),
        ("resume optimize-70000-evil", JobError, "no magic that runs jobs"),
        ("resume optimize-70000-odd", JobError, "settings that are not allowed"),
        ("resume optimize-70000-none", JobError, "Nobody noted the cell"),
    ],
)
def test_bad_input_gives_one_line(shell, line, error, expected):
    left("dead")
    left("live", process_started=JournalEntry("", "", "").process_started)
    left("away", folder="/usr")
    left("runs", store="/somewhere/runs.sqlite")
    left("evil", magic="system", line="touch /tmp/x", cell=None)
    left("odd", settings={"market": "options"})
    left("none", magic="", source="")
    with pytest.raises(error) as caught:
        run(shell, f"%jobs {line}")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_completion(shell, tool):
    run_tool(shell, tool, {}, background=True, call=CALL)
    left("dead")
    assert complete(shell, "%jobs re") == ["%jobs resume"]
    assert complete(shell, "%jobs resume optimize-7000") == ["%jobs resume optimize-70000-dead"]
    assert f"%jobs cancel {tool.job.id}" in complete(shell, "%jobs cancel o")
    assert "%jobs show optimize-70000-dead" in complete(shell, "%jobs show optimize-70000")


def test_a_cancelled_job_is_resumed_with_its_line_cell_and_settings(shell, demo):
    run(shell, "%config JesseNb.fee = 0.002")
    run(shell, f"%%optimize {MARKET} --trials 4000 --background -o job\n{STRATEGY}")
    job = shell.user_ns["job"]
    eventually(lambda: job.progress.done >= 3)
    run(shell, f"%jobs cancel {job.id}")
    assert job.wait(5)
    done = {trial.key for trial in job.partial_result().trials}
    run(shell, "%config JesseNb.fee = 0.001")
    run(shell, f"%jobs resume {job.id}")
    again = shell.user_ns["job"]
    assert again is not job
    assert launch_of(again.id).settings["fee"] == 0.002
    assert run(shell, "%config JesseNb.fee") == 0.001
    eventually(lambda: again.progress.done > len(done))
    again.cancel()
    assert again.wait(5)
    trials = again.partial_result().trials
    assert done <= {trial.key for trial in trials}
    assert all(trial.reused for trial in trials if trial.key in done)
    assert again.partial_result().spec.account.fee == 0.002


def test_a_killed_kernels_job_is_resumed_and_nothing_finished_is_simulated_again(
    shell, tmp_path, demo_store, monkeypatch
):
    kernel = Kernel(tmp_path, demo_store.root)
    kernel.run("%load_ext jesse_nb")
    kernel.run(f"%%optimize {MARKET} --trials 3000 --seed 3 --background -o job\n{STRATEGY}")
    kernel.run("import time\nwhile job.progress.done < 8: time.sleep(0.05)")
    journal = Journal(tmp_path / "jobs")
    eventually(journal.entries)
    kernel.kill()
    assert eventually(lambda: [one.standing() for one in journal.entries()] == ["interrupted"])

    # the next kernel, in the same folder
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JESSE_NB_CANDLES", str(demo_store.root))
    monkeypatch.setenv("JESSE_NB_STORE", str(tmp_path / "runs.sqlite"))
    monkeypatch.setenv("JESSE_NB_JOBS", str(journal.folder))
    store = RunStore()
    finished_at = dict(store._storage.read("SELECT key, finished_at FROM runs"))
    stored = len(finished_at)
    (left_behind,) = [job_id for job_id, state in rows(shell)["state"].items() if state == "interrupted"]
    run(shell, f"%jobs resume {left_behind}")
    job = shell.user_ns["job"]
    eventually(lambda: job.progress.done > stored + 5)
    assert eventually(lambda: "interrupted" not in set(rows(shell)["state"]))  # the new one stands in its place
    job.cancel()
    assert job.wait(5)
    trials = job.partial_result().trials
    reused = sum(trial.reused for trial in trials)
    assert stored >= 8
    assert reused >= stored - 1  # the baseline with the strategy's own values is no trial
    now = dict(store._storage.read("SELECT key, finished_at FROM runs"))
    assert len(now) > stored
    assert finished_at.items() <= now.items()  # none of these ran again
    assert job.progress.failed == 0
    store.close()


def test_what_the_end_of_a_kernel_does_to_its_jobs_is_not_taken_for_theirs(tmp_path, demo_store):
    kernel = Kernel(tmp_path, demo_store.root)
    kernel.run("%load_ext jesse_nb")
    kernel.run(f"%%optimize {MARKET} --trials 3000 --background\n{STRATEGY}")
    kernel.begin(f"%%optimize {MARKET} --trials 3000 --seed 3\n{STRATEGY}")
    entries = Journal(tmp_path / "jobs").entries
    eventually(lambda: len(entries()) == 2)
    kernel.leave()  # the cell is interrupted, and the workers are stopped, so that the other job fails
    assert [one.state for one in entries()] == ["failed", "cancelled"]
    assert [one.standing() for one in entries()] == ["interrupted", "interrupted"]


def test_no_password_of_an_address_is_written_down(shell, notebook, tool):
    secret = "postgresql://me:very-secret@127.0.0.1:1/runs"
    run(shell, f"%config JesseNb.store = {secret!r}")
    settings = shell.configurables[-1] if hasattr(shell.configurables[-1], "store") else next(
        one for one in shell.configurables if type(one).__name__ == "JesseNb")
    assert settings.store == "postgresql://me@127.0.0.1:1/runs"
    call = MagicCall("optimize", f"-t 1h --store {secret}", f"store = '{secret}'  # ☃")
    run_tool(shell, started(tool, 2), {}, background=True, call=call)
    eventually(lambda: list(Journal().folder.glob("*.json")))
    written = "".join(file.read_text(encoding="utf-8") for file in Journal().folder.glob("*.json"))
    assert "very-secret" not in written
    assert "postgresql://me@127.0.0.1:1/runs" in written
    run(shell, "%config JesseNb.store = None")
