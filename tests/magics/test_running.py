from __future__ import annotations

import itertools
import signal
import sys
import threading
import time
from dataclasses import dataclass

import pytest

import jesse_nb.report  # noqa: F401 - or an interrupt could come while it is imported
from jesse_nb.core.jobs.job import Job, jobs, run_blocking
from jesse_nb.core.rendering import Shown
from jesse_nb.exceptions import InputError, StrategyCrashError
from jesse_nb.magics.running import CellStoppedError, run_tool
from jesse_nb.widgets.live.display import Note, progress_html, progress_text

from .conftest import eventually, run


class Tool:
    """A tool whose work the test steps through; its job is a real one."""

    def __init__(self, result="the result", error=None, n_steps=3):
        self.go_on = threading.Semaphore(0)
        self.result, self.error, self.n_steps = result, error, n_steps
        self.arguments = None

    def __call__(self, *, background, **arguments):
        self.arguments = arguments
        if arguments.get("wrong"):
            raise InputError("wrong is wrong.")
        self.job = Job("optimize", "nothing", self._work).start()
        return self.job if background else run_blocking(self.job)

    def load(self):
        return self

    def flag_of(self, argument, surface):
        return argument

    def _work(self, control):
        done = 0
        control.partial(lambda: f"{done} done" if done else None)
        control.update(phase="stepping", total=self.n_steps)
        while done < self.n_steps and not control.cancelled:
            if self.go_on.acquire(timeout=0.02):
                done += 1
                control.update(done=done)
        if self.error:
            raise self.error
        return self.result if done == self.n_steps else None


@pytest.fixture
def tool():
    return Tool()


def started(tool, count=3):
    for _ in range(count):
        tool.go_on.release()
    return tool


@pytest.fixture
def interrupt_soon():
    """Raise KeyboardInterrupt in the waiting main thread, as a kernel's interrupt does, while the test lasts."""
    over, threads = threading.Event(), []

    def interrupt():
        while not any(job.awaited for job in jobs()):  # before, a slow machine may still be importing
            if over.wait(0.02):
                return
        if not over.wait(0.3):
            signal.raise_signal(signal.SIGINT)

    def soon():
        threads.append(threading.Thread(target=interrupt))
        threads[-1].start()

    yield soon
    over.set()
    for thread in threads:
        thread.join()


def test_the_result_replaces_the_progress_line(shell, notebook, tool):
    threading.Timer(0.5, lambda: started(tool)).start()
    run_tool(shell, tool, {"x": 1}, output="study")
    assert tool.arguments == {"x": 1}
    assert shell.user_ns["study"] == "the result"
    assert [message.kind for message in notebook.sent[:2]] == ["display_data", "update_display_data"]
    assert len(notebook.displays) == 1
    assert len({message.display_id for message in notebook.sent}) == 1
    assert notebook.sent[0].text.startswith("stepping 0/3")
    assert notebook.sent[-1].text == "'the result'"


def test_updates_are_at_most_five_a_second_and_only_when_something_changed(shell, notebook, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)  # with widgets, the line beneath the live view is slower
    monkeypatch.delitem(sys.modules, "jesse_nb.widgets.live.live_view", raising=False)
    tool = Tool(n_steps=100)
    threading.Thread(target=lambda: [(time.sleep(0.01), tool.go_on.release()) for _ in range(100)]).start()
    run_tool(shell, tool, {})
    lines = notebook.sent[:-1]
    gaps = [later.at - sooner.at for sooner, later in itertools.pairwise(lines)]
    assert len(lines) >= 4
    assert min(gaps) > 0.15
    assert len({message.text for message in lines}) == len(lines)


def test_nothing_comes_after_the_end(shell, notebook, tool):
    run_tool(shell, started(tool), {})
    count = len(notebook.sent)
    time.sleep(0.5)
    assert len(notebook.sent) == count


def test_without_a_name_the_result_is_the_last_value(shell, notebook, tool):
    shell.user_ns["go"] = lambda: run_tool(shell, started(tool), {})
    run(shell, "go()")
    assert run(shell, "_") == "the result"
    assert run(shell, "Out[1]") == "the result"


@pytest.mark.parametrize("how", ["setting", "no stdin", "comm message"])
def test_without_somebody_watching_there_is_one_single_display(shell, notebook, tool, monkeypatch, how):
    if how == "setting":
        monkeypatch.setenv("JESSE_NB_NONINTERACTIVE", "1")
    elif how == "no stdin":
        notebook.enter_cell("first", allow_stdin=False)
    else:
        notebook.enter_cell("first", msg_type="comm_msg")
    threading.Timer(0.5, lambda: started(tool)).start()
    run_tool(shell, tool, {})
    assert [(message.kind, message.text, message.display_id) for message in notebook.sent] == [
        ("display_data", "'the result'", "")
    ]


@dataclass(frozen=True)
class Counted(Shown):
    done: int

    def __str__(self):
        return f"{self.done} counted"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": str(self)}


class CountingTool(Tool):
    """One whose result is a result, as those of all real tools are; it can take long to be put together."""

    def _work(self, control):
        super()._work(control)
        control.partial(self._count)

    def _count(self):
        self.quick.wait(30)
        return Counted(self.job.progress.done)

    quick = threading.Event()
    quick.set()


def test_a_stopped_cell_shows_and_binds_what_finished_and_says_how_to_go_on(shell, notebook, interrupt_soon, capsys):
    tool = started(CountingTool(), 2)
    shell.user_ns["go"] = lambda: run_tool(shell, tool, {}, output="study")
    interrupt_soon()
    ran = shell.run_cell("go()")
    assert isinstance(ran.error_in_exec, CellStoppedError)  # so that a run of all cells ends here
    assert not any(capsys.readouterr())
    study = eventually(lambda: shell.user_ns["study"] is not tool.job and shell.user_ns["study"])
    assert study == Counted(2)
    assert study.job is tool.job
    assert Counted(2).job is None
    assert shell.user_ns["_"] is study
    assert eventually(lambda: "2 counted" in [message.text for message in notebook.sent])
    assert [message.text for message in notebook.displays][1:] == [
        "Stopped while stepping, 2 of 3 done. study is the result of what had finished, study.job the job. "
        "Run the cell again to go on."
    ]


def test_what_takes_long_to_put_together_is_bound_when_it_is_there(shell, notebook, interrupt_soon):
    tool = started(CountingTool(), 2)
    tool.quick = threading.Event()
    interrupt_soon()
    with pytest.raises(CellStoppedError, match="study is the result of what had finished"):
        run_tool(shell, tool, {}, output="study")
    assert shell.user_ns["study"] is tool.job
    tool.quick.set()
    assert eventually(lambda: shell.user_ns["study"] == Counted(2))


def test_an_interrupt_before_anything_finished_leaves_no_report(shell, notebook, tool, interrupt_soon):
    shell.push({"study": "of yesterday"})
    interrupt_soon()
    with pytest.raises(CellStoppedError, match=r"0 of 3 done. study is what it was before. Run the cell again"):
        run_tool(shell, tool, {}, output="study")
    assert eventually(lambda: None in [message.text for message in notebook.sent])
    assert shell.user_ns["study"] == "of yesterday"


def test_an_interrupt_with_nobody_watching(shell, notebook, tool, monkeypatch, interrupt_soon):
    notebook.enter_cell("first", allow_stdin=False)
    started(tool, 1)
    interrupt_soon()
    with pytest.raises(CellStoppedError) as caught:
        run_tool(shell, tool, {})
    assert [message.text for message in notebook.sent] == ["'1 done'", str(caught.value)]


def test_a_cancel_from_elsewhere_is_an_interrupt(shell, notebook, tool):
    started(tool, 1)
    threading.Timer(0.3, lambda: tool.job.cancel()).start()
    with pytest.raises(CellStoppedError):
        run_tool(shell, tool, {}, output="study")
    assert eventually(lambda: shell.user_ns["study"] == "1 done")


def test_a_handler_of_the_users_own_stays(shell, tool, interrupt_soon, capsys):
    shell.run_line_magic("unload_ext", "jesse_nb")
    assert shell.custom_exceptions == ()
    shell.set_custom_exc((KeyError,), lambda *_: None)
    shell.run_line_magic("load_ext", "jesse_nb")
    assert shell.custom_exceptions == (KeyError,)
    shell.user_ns["go"] = lambda: run_tool(shell, tool, {}, output="study")
    interrupt_soon()
    shell.run_cell("go()")
    assert "CellStoppedError: Stopped while" in capsys.readouterr().out


def test_a_failure_before_anything_finished_leaves_an_earlier_result_alone(shell, notebook):
    shell.push({"study": "of yesterday"})
    with pytest.raises(StrategyCrashError):
        run_tool(shell, Tool(error=StrategyCrashError("It raised."), n_steps=0), {}, output="study")
    assert shell.user_ns["study"] == "of yesterday"
    some = started(Tool(error=StrategyCrashError("It raised."), n_steps=1), 1)
    with pytest.raises(StrategyCrashError):
        run_tool(shell, some, {}, output="study")
    assert shell.user_ns["study"] is some.job


def test_a_failure_binds_the_job_and_clears_the_line(shell, notebook):
    tool = started(Tool(error=StrategyCrashError("The strategy raised.")))
    with pytest.raises(StrategyCrashError):
        run_tool(shell, tool, {}, output="study")
    assert shell.user_ns["study"] is tool.job
    assert [message.text for message in notebook.sent[-1:]] in (
        [],
        [None],
    )  # no line was drawn, or it was emptied
    assert "'the result'" not in [message.text for message in notebook.sent]


def test_a_wrong_argument_leaves_the_name_alone(shell, notebook, tool):
    shell.user_ns["study"] = "older"
    with pytest.raises(InputError):
        run_tool(shell, tool, {"wrong": True}, output="study")
    assert shell.user_ns["study"] == "older"
    assert notebook.sent == []


def test_the_background_shows_everything_in_the_launching_cell(shell, notebook, tool):
    run_tool(shell, tool, {}, output="job", background=True)
    assert shell.user_ns["job"] is tool.job
    notebook.enter_cell("second")
    started(tool)
    eventually(lambda: notebook.sent and notebook.sent[-1].text == "'the result'")
    assert {message.cell for message in notebook.sent} == {"first"}
    assert len(notebook.displays) == 1
    assert shell.user_ns["job"].result() == "the result"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StrategyCrashError("It raised."), "StrategyCrashError: It raised."),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_a_failure_in_the_background_is_shown_there(shell, notebook, error, expected, caplog):
    run_tool(shell, started(Tool(error=error)), {}, background=True)
    eventually(lambda: notebook.sent and notebook.sent[-1].text == expected)


def test_a_cancelled_background_job_shows_what_finished(shell, notebook, tool):
    run_tool(shell, started(tool, 1), {}, output="job", background=True)
    eventually(lambda: tool.job.progress.done == 1)
    shell.user_ns["job"].cancel()
    eventually(lambda: notebook.sent[-1].text == "'1 done'")


def test_a_background_job_cancelled_before_anything_finished(shell, notebook, tool):
    run_tool(shell, tool, {}, background=True)
    tool.job.cancel()
    eventually(lambda: "was cancelled" in (notebook.sent[-1].text or ""))


def test_the_background_without_somebody_watching_says_how_to_wait(shell, notebook, tool):
    notebook.enter_cell("first", allow_stdin=False)
    run_tool(shell, tool, {}, output="job", background=True)
    started(tool)
    tool.job.wait(5)
    time.sleep(0.3)
    assert [message.text for message in notebook.sent] == [
        "optimize runs in the background: job.result() waits for it, job.cancel() ends it."
    ]


def test_a_python_call_shows_progress_that_disappears(shell, notebook, tool):
    threading.Timer(0.5, lambda: started(tool)).start()
    shell.user_ns["tool"] = tool
    assert run(shell, "tool(background=False)") == "the result"
    eventually(lambda: notebook.sent[-1].text is None)
    assert notebook.sent[0].text.startswith(("stepping", "optimize"))
    assert len(notebook.displays) == 1


def test_a_python_call_without_somebody_watching_shows_nothing(shell, notebook, tool):
    notebook.enter_cell("first", allow_stdin=False)
    tool(background=True)
    started(tool).job.wait(5)
    time.sleep(0.3)
    assert notebook.sent == []


def test_outside_a_notebook_the_report_is_printed(shell, tool, capsys):
    run_tool(shell, started(tool), {})
    assert "the result" in capsys.readouterr().out


def test_a_terminal_overwrites_its_line(shell, tool, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    threading.Timer(0.6, lambda: started(tool)).start()
    run_tool(shell, tool, {})
    written = capsys.readouterr()
    assert "\rstepping 0/3" in written.err
    assert written.err.endswith("\r")
    assert "the result" in written.out


def test_capturing_a_cell_captures_the_report_once(shell, notebook, tool):
    shell.user_ns["go"] = lambda: run_tool(shell, started(tool), {})
    run(shell, "%%capture captured\ngo()")
    assert [output.data["text/plain"] for output in shell.user_ns["captured"].outputs] == ["'the result'"]
    assert notebook.sent == []


def test_a_note_is_escaped():
    bundle = Note("<script>")._repr_mimebundle_()
    assert bundle == {"text/plain": "<script>", "text/html": "<p>&lt;script&gt;</p>"}


def test_progress_as_text_and_html():
    from jesse_nb.core.jobs.progress import Progress

    begun = Progress("optimize-1", "optimize")
    assert progress_text(begun) == "optimize 0 · 0 s"
    assert "value=" not in progress_html(begun)
    middle = Progress(
        "optimize-1",
        "optimize",
        phase="optimizing",
        done=37,
        total=100,
        failed=2,
        reused=5,
        best=1.84,
        best_label="<b>sharpe</b> 1.84",
        elapsed=20,
        rate=4.0,
        eta=190,
        message="slow disk",
    )
    assert progress_text(middle) == (
        "optimizing 37/100 · best <b>sharpe</b> 1.84 · 2 failed · 5 known already · "
        "4.0/s · 3 min 10 s left · slow disk"
    )
    assert 'value="0.3700"' in progress_html(middle)
    assert "<b>" not in progress_html(middle)
    slow = Progress("optimize-1", "optimize", phase="optimizing", done=1, total=9, rate=0.05, eta=8_100)
    assert progress_text(slow) == "optimizing 1/9 · 20 s each · 2 h 15 min left"
