"""The live view's kernel side: what is sent, how often, how much, and what a message from the page does."""

from __future__ import annotations

import html
import itertools
import json
import re
import threading
import time
from pathlib import Path

import pytest

from jesse_nb.core.jobs.board import Convergence, Matrix, Scale, windows_board
from jesse_nb.core.jobs.job import Job, run_blocking
from jesse_nb.exceptions import JobCancelledError
from jesse_nb.widgets.live import display, live_texts, live_view
from jesse_nb.widgets.live.live_texts import snapshot
from jesse_nb.widgets.live.live_view import LiveView
from tests.magics.conftest import Notebook, eventually, notebook, shell  # noqa: F401 - fixtures

SCRIPT = Path(live_view.__file__).with_suffix(".js").read_text()
HOSTILE = '<img src=x onerror="alert(1)">'


class Steps:
    """A job that the test steps through."""

    def __init__(self, title="TrendFollower BTC-USDT 1h", kind="optimize", total=2_000):
        self.go_on = threading.Event()
        self.board = Convergence(Scale(HOSTILE if "<" in title else "Sharpe ratio", "ratio", "maximize"), total)
        self.total = total
        self.name = title
        self.job = Job(kind, title, self._work)

    def _work(self, control):
        control.board(self.board.snapshot)
        control.update(phase=self.name, total=self.total, workers=2)
        while not self.go_on.wait(0.01):
            if control.cancelled:
                raise JobCancelledError("Cancelled.")
        return "done"


@pytest.fixture
def steps():
    made = Steps()
    yield made
    made.go_on.set()
    made.job.cancel()


@pytest.fixture
def sent(monkeypatch):
    """What each view sends to the page: the states of its updates, and its own messages."""
    messages = []

    def keep(view, message, buffers=None):
        messages.append((view, time.monotonic(), message.get("state", message.get("content"))))

    monkeypatch.setattr(LiveView, "_send", keep)
    return messages


def test_an_update_is_one_message_and_nothing_new_is_none(steps, sent):
    steps.job.start()
    eventually(lambda: steps.job.progress.total)
    view = LiveView(steps.job)
    sent.clear()
    steps.board.add(0, 1.0, {"fast": 5})
    steps.job.awaited = True
    view.refresh()
    assert len(sent) == 1
    assert set(sent[0][2]) == {"snapshot", "blocking"}
    now = snapshot(steps.job)["facts"]
    view.refresh()
    assert len(sent) == (1 if snapshot(steps.job)["facts"] == now else 2)


def test_messages_are_of_one_size_after_two_and_after_two_thousand_trials(steps, sent):
    steps.job.start()
    view = LiveView(steps.job)
    sizes = {}
    for number in range(2_000):
        steps.board.add(number, float(number), {"fast": number % 30, "slow": number})
        if number in (250, 1_999):
            view.refresh()
            sizes[number] = len(json.dumps(sent[-1][2], allow_nan=False))
    assert sizes[1_999] < 12_000
    assert sizes[1_999] < 1.5 * sizes[250] + 2_000


def test_the_page_hears_at_most_five_times_a_second(shell, notebook, steps, sent):  # noqa: F811
    with display.shown_by_its_launcher():
        steps.job.start()
    view = display.JobView(steps.job, display.LaunchingCell(shell))
    view.start()
    eventually(lambda: view._live_view is not None)
    began, number = time.monotonic(), 0
    sent.clear()
    while time.monotonic() - began < 1.5:
        steps.board.add(number, float(number), {"x": number})
        number += 1
        time.sleep(0.0005)
    assert 2 <= len(sent) <= 9  # a busy machine tells less often
    assert min(b[1] - a[1] for a, b in itertools.pairwise(sent)) > 0.15
    assert len(notebook.displays) == 1
    assert len(notebook.sent) <= 4  # the line beneath is for saved notebooks, so it is slow
    view.close()
    assert sent[-1][2]["snapshot"]["state"] == "cancelled"  # nobody is left who would tell of the rest


def test_stop_cancels_and_is_seen_in_every_view(steps, sent):
    steps.job.start()
    first, second = LiveView(steps.job), LiveView(steps.job)
    assert first.view_class != second.view_class
    first._handle_custom_msg({"type": "stop"}, [])
    assert steps.job.cancelling
    second.refresh()
    assert second.snapshot["stopping"]
    assert steps.job.wait(2)
    second.refresh()
    assert second.snapshot["state"] == "cancelled"
    assert second.snapshot["outcome"].startswith("Stopped while ")


def test_blocking_is_true_only_while_the_main_thread_waits(steps):
    steps.job.start()
    view = LiveView(steps.job)
    assert not view.blocking
    waiting = threading.Thread(target=run_blocking, args=(steps.job,))
    waiting.start()
    eventually(lambda: steps.job.awaited)
    view.refresh()
    assert view.blocking
    steps.go_on.set()
    waiting.join()
    view.refresh()
    assert not view.blocking


@pytest.mark.parametrize(("awaited", "seconds", "announced"), [(False, 0.0, True), (True, 0.0, False),
                                                               (False, 99.0, False)])
def test_only_the_end_of_a_long_job_in_the_background_is_announced_and_once(
    steps, monkeypatch, awaited, seconds, announced
):
    monkeypatch.setattr(live_view, "LONG", seconds)
    steps.job.start()
    steps.job.awaited = awaited
    views = [LiveView(steps.job), LiveView(steps.job)]
    steps.go_on.set()
    steps.job.wait(2)
    for view in views:
        view.end(dict)
    said = [view.snapshot["announcement"] for view in views if "announcement" in view.snapshot]
    assert len(said) == announced
    assert all(one["text"].startswith("Finished in ") for one in said)


def test_a_page_that_missed_the_end_gets_the_report_when_it_asks(steps, sent):
    steps.job.start()
    view = LiveView(steps.job)
    view._handle_custom_msg({"type": "report"}, [])
    sent.clear()
    steps.go_on.set()
    steps.job.wait(2)
    view.end(lambda: {"text/html": "<p>The report</p>", "text/plain": "The report"})
    reports = [message for _, _, message in sent if message.get("type") == "report"]
    assert reports == [
        {"type": "report", "data": {"text/html": "<p>The report</p>", "text/plain": "The report"}}
    ]
    view._handle_custom_msg({"type": "report"}, [])
    assert sent[-1][2]["data"]["text/html"] == "<p>The report</p>"


def test_so_many_ended_views_stay_open(steps):
    steps.job.start()
    views = [LiveView(steps.job) for _ in range(live_view._KEPT + 3)]
    for view in views:
        view.end(dict)
    assert [view.comm is None for view in views] == [True] * 3 + [False] * live_view._KEPT


def test_messages_of_a_strange_shape_are_ignored(steps):
    steps.job.start()
    view = LiveView(steps.job)
    for content in ({}, {"type": "drop"}, {"type": ["stop"]}, [], "stop", None):
        view._answer(view, content, [])
    assert not steps.job.cancelling


def test_html_in_names_and_values_stays_text(shell, notebook):  # noqa: F811
    steps = Steps(title=HOSTILE)
    steps.board.add(0, 1.0, {HOSTILE: HOSTILE})
    steps.job.start()
    eventually(lambda: steps.job.progress.total)
    steps.job._update({"best_label": HOSTILE, "message": HOSTILE})
    shown = json.dumps(LiveView(steps.job).snapshot)
    assert shown.count("<img") >= 6  # as data it is untouched: the page places it with textContent
    line = display._ProgressLine(steps.job.progress, "place", blocking=False, view=None)._repr_mimebundle_()
    assert "<img" not in line["text/html"]
    assert html.escape(HOSTILE) in line["text/html"]
    steps.go_on.set()


def test_every_kind_of_board_reaches_the_page_as_texts_and_shares():
    steps = Steps()
    matrix = Matrix(Scale("Fees", "currency", "minimize"), {"params": [HOSTILE, "b"], "symbol": ["A", "B"]},
                    ("params",), ("symbol",))
    matrix.add({"params": 0, "symbol": 0}, 1.0, failed=False)
    matrix.add({"params": 0, "symbol": 1}, 3.0, failed=False)
    matrix.add({"params": 1, "symbol": 1}, 0.0, failed=True)
    steps.job._board = matrix.snapshot
    board = snapshot(steps.job)["board"]
    assert board["cells"] == [[["1.00", "", 1.0], ["3.00", "", 0.0]], [["", "waiting", None], ["failed", "", None]]]
    rows = [{"number": 0, "period": "a to b", "state": "in-sample", "values": [1.5, None]}]
    steps.job._board = lambda: windows_board(
        Scale("Sharpe ratio", "ratio", "maximize"), "window", ("In-sample", "Out-of-sample"), rows)
    board = snapshot(steps.job)["board"]
    assert board["rows"] == [["0", "a to b", "in-sample", "1.50", "–"]]
    assert board["states"] == [["in-sample", "Window 0, a to b: in-sample", None]]


def test_the_script_makes_no_markup_of_data():
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", SCRIPT)
    assert SCRIPT.count("parseFromString") == 1  # the finished report, and scripts are taken out of it


@pytest.mark.parametrize(("allow_stdin", "setting"), [(False, ""), (True, "1")])
def test_nothing_is_live_where_nobody_watches(
    shell, notebook, steps, monkeypatch, allow_stdin, setting  # noqa: F811
):
    monkeypatch.setenv(display.NON_INTERACTIVE_SETTING, setting)
    notebook.enter_cell("cell", allow_stdin=allow_stdin)
    with display.shown_by_its_launcher():
        steps.job.start()
    view = display.JobView(steps.job, display.LaunchingCell(shell))
    view.start()
    time.sleep(display.LIVE_VIEW_AFTER + 0.3)
    assert view._live_view is None
    assert notebook.sent == []


def test_where_widgets_must_be_shown_the_output_is_the_widget_with_the_line_as_its_text(
    shell, notebook, steps  # noqa: F811
):
    shell.user_ns["__vsc_ipynb_file__"] = "notebook.ipynb"
    notebook.enter_cell("cell")
    with display.shown_by_its_launcher():
        steps.job.start()
    view = display.JobView(steps.job, display.LaunchingCell(shell))
    view.start()
    eventually(lambda: view._live_view is not None and len(notebook.sent) > 1)
    bundle = notebook.sent[-1].data
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}


def test_the_place_of_the_view_is_in_the_output_before_the_view_is_there(
    shell, notebook, steps, sent, monkeypatch  # noqa: F811
):
    monkeypatch.setattr(display, "LIVE_VIEW_AFTER", 3600)
    with display.shown_by_its_launcher():
        steps.job.start()
    view = display.JobView(steps.job, display.LaunchingCell(shell))
    view.start()
    eventually(lambda: notebook.sent)
    shown = notebook.sent[0].data["text/html"]  # as a notebook has it that is saved now
    assert view._open_live_view()
    assert f'<div class="{view._live_view.view_class}">' in shown
    view.close()


@pytest.mark.parametrize("blocking", [False, True])
def test_a_saved_line_says_how_to_stop_what_a_cell_waits_for(steps, blocking):
    line = display._ProgressLine(steps.job.progress, "place", blocking=blocking, view=None)._repr_mimebundle_()
    assert ("Interrupt the kernel" in line["text/html"]) is blocking


def test_the_best_of_many_trials_is_no_spike_at_the_axis():
    board = {"kind": "convergence", "label": "Sharpe ratio", "unit": "ratio", "trials": 357, "total": 3_000, "top": [],
             "points": [(1, 0.05), (20, 0.9), (59, 1.0944)]}
    drawn = live_texts._convergence(board)
    assert [share for share, _ in drawn["steps"]][-2:] == pytest.approx([0.5113, 0.7343], abs=1e-3)  # log of 60, of 358
    assert [text for _, text in drawn["ticks"]] == ["10", "100"]
    few = live_texts._convergence(board | {"total": 80, "trials": 59})
    assert (few["steps"][-1][0], few["ticks"]) == (59 / 80, [])
