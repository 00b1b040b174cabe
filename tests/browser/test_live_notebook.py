"""Long runs in a real JupyterLab, seen and stopped as a trader does it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from .lab import IPYKERNELS, Lab
from .notebook_page import PATIENCE, NotebookPage, Run

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"

STRATEGY = """
class Crossing(Strategy):
    def rising(self):
        return ta.ema(self.candles, self.hp["fast"]) > ta.ema(self.candles, self.hp["slow"])
    def should_long(self):
        return self.rising()
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price), self.price
    def update_position(self):
        if not self.rising():
            self.liquidate()

space = dict(fast=(2, 30), slow=(31, 120))
"""

#: Many minutes of work: what is stopped has not ended by itself. The bar moves with each hundredth of it.
ENDLESS = "%%optimize -s BTC-USDT -t 15m --start 2023-01-20 --end 2023-02-20 --trials 3000 -o study"

#: A name that runs a script wherever it is taken for markup.
HOSTILE_NAMES = """
hostile = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'
def count(run):
    return float(run.metrics["total"])
count.__name__ = hostile
"""

#: Lets the store know every simulation, by the records of those that ran: trials as fast as they can be.
ANSWER_AT_ONCE = """
import itertools
from jesse_nb.core.jobs.store import RunStore
answering, records, ask, file = False, [], RunStore.get, RunStore.put
def put(self, spec, record, **options):
    records.append(record)
    file(self, spec, record, **options)
turn = itertools.count()
RunStore.put = put
RunStore.get = lambda self, key: records[next(turn) % len(records)] if answering else ask(self, key)
"""

#: Notes in the kernel when each job ends, in milliseconds since 1970.
WATCH_ENDS = """
import time
from jesse_nb.core.jobs.job import add_watcher
ends = {}
def note_end(job):
    def hear(progress):
        if progress.state != "running":
            ends[job.id] = (progress.state, 1000 * time.time())
    job.subscribe(hear)
add_watcher(note_end)
"""

#: As on a busy machine: a live view opens after the notebook was saved and closed.
SLOW_TO_OPEN_VIEWS = """
import threading
from jesse_nb.widgets.live.display import JobView
go_on, open_view = threading.Event(), JobView._open_live_view
def open_later(self):
    go_on.wait(0.2)
    return open_view(self) if go_on.is_set() else True
JobView._open_live_view = open_later
"""


def small_quickstart() -> list[str]:
    """The cells of the quickstart up to its optimization, that one on less data."""
    sources = [cell.source for cell in nbformat.read(QUICKSTART, as_version=4).cells if cell.cell_type == "code"]
    magic, body = sources[2].split("\n", 1)
    assert magic.startswith("%%optimize")
    small = "%%optimize -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20 --metric sharpe --trials 40 -o study"
    return [sources[0], "%candles", f"{small}\n{body}"]


def test_the_quickstart_shows_progress_and_its_report_needs_neither_kernel_nor_trust(lab: Lab, open_notebook):
    path = lab.write_notebook("quickstart", *small_quickstart())
    notebook = open_notebook(path)
    optimization = notebook.begin_all()
    seen = [optimization.wait_for_progress()]
    optimization.shown("[role=progressbar]").wait_for()
    notebook.screenshot("quickstart_running")
    seen.append(optimization.wait_for_progress(above=seen[0]))
    optimization.wait()
    assert "Optimization: TrendFollower" in optimization.html
    optimization.see("Top trials")
    assert seen[0] < seen[1] <= 1

    notebook.theme("Dark")
    notebook.screenshot("quickstart_report_dark")
    notebook.theme("Light")
    notebook.screenshot("quickstart_report_light")

    assert {"--trials", "--timeframe", "--test-ratio"} <= set(notebook.complete("%%optimize --t"))
    notebook.run("best = study.best_params")
    assert {"fast", "slow", "stop"} <= {re.match(r"\w*", offer)[0] for offer in notebook.complete('best["')}

    notebook.save()
    notebook.page.close()
    lab.end_kernel_of(path)
    assert_only_reports(lab.read_notebook(path))

    again = open_notebook(path)
    expect_report(again, 2, "Optimization: TrendFollower")
    lab.end_kernel_of(path)

    saved = lab.read_notebook(path)
    saved.metadata["title"] = "changed elsewhere, so not signed here"
    nbformat.write(saved, lab.root / "untrusted.ipynb")
    untrusted = open_notebook("untrusted.ipynb")
    assert untrusted.page.evaluate("labHelpers.panel.content.model.cells.get(2).trusted") is False
    expect_report(untrusted, 2, "Optimization: TrendFollower")
    untrusted.screenshot("untrusted")
    lab.end_kernel_of("untrusted.ipynb")


def test_names_and_values_run_no_script(lab: Lab, open_notebook):
    path = lab.write_notebook("hostile", "%load_ext jesse_nb\nimport jesse_nb as jn", HOSTILE_NAMES)
    notebook = open_notebook(path)
    notebook.begin_all().wait()
    line = "%%optimize -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-10 -o study --test-ratio 0"
    body = STRATEGY.replace(
        "        return self.rising()",
        "        if self.hp['fast'] % 4 == 0: raise RuntimeError(self.hp['mode'])\n        return self.rising()",
    )
    first = notebook.begin(f"{line} --trials 30{body}space['mode'] = [hostile, 'plain ' + hostile]")
    first.wait_for_progress()
    first.wait()
    first.see("onerror=")  # as text
    period = "'1h', '2023-01-20', '2023-02-10'"
    for call in (
        f"jn.optimize(Crossing, 'BTC-USDT', {period}, space=space, metric=count, n_trials=4)",
        f"jn.optimize(Crossing, 'BTC-USDT', {period}, space=space | {{hostile: (1, 3)}}, n_trials=4)",
        f"jn.optimize(Crossing, hostile, {period}, space=space, n_trials=4)",
        f"jn.optimize(Crossing, 'BTC-USDT', {period}, exchange=hostile, space=space, n_trials=4)",
        "jn.backtest_batch(Crossing, 'BTC-USDT', '1h', [('2023-01-20', '2023-02-10')], params=[study.best_params, "
        "study.best_params | {'mode': hostile}])",
        "%jobs",
        "%runs",
    ):
        notebook.run(call)
    notebook.page.wait_for_timeout(200)  # an image that is not there is heard of a moment later
    assert notebook.page.evaluate("window.pwned ?? null") is None
    assert notebook.page.locator("img[src=x]").count() == 0
    notebook.screenshot("hostile")
    notebook.save()
    notebook.page.close()
    lab.end_kernel_of(path)


@pytest.mark.parametrize("ipykernel", IPYKERNELS)
def test_everything_that_stops_does_so_within_a_second(lab: Lab, open_notebook, ipykernel: str):
    path = lab.write_notebook(f"stop-{ipykernel}", "%load_ext jesse_nb", WATCH_ENDS, ipykernel=ipykernel)
    notebook = open_notebook(path)
    notebook.begin_all().wait()
    assert notebook.ask("__import__('ipykernel').__version__").startswith(f"{ipykernel}.")

    optimization = notebook.begin(ENDLESS + STRATEGY)
    optimization.wait_for_progress()
    notebook.page.locator("[data-jp-item-name=interrupt]").locator("visible=true").click()
    assert_stopped_in_time(notebook, f"toolbar, ipykernel {ipykernel}", optimization)
    assert "Stopped while optimizing" in optimization.text
    assert "Error" not in optimization.text
    assert notebook.ask("study.job.state") == "cancelled"

    optimization = notebook.begin_again(optimization.index)
    optimization.wait_for_progress()
    optimization.shown(".jesse-nb-bar").wait_for()
    notebook.screenshot(f"live_blocking_{ipykernel}")
    optimization.shown(".jesse-nb-stop").click()
    assert_stopped_in_time(notebook, f"Stop in a blocking cell, ipykernel {ipykernel}", optimization)

    background = notebook.run(f"{ENDLESS} --background{STRATEGY}")
    background.wait_for_progress()
    background.shown(".jesse-nb-bar").wait_for()
    notebook.screenshot(f"live_background_{ipykernel}")
    background.shown(".jesse-nb-stop").click()
    assert_stopped_in_time(notebook, f"Stop of a background job, ipykernel {ipykernel}")
    assert "Error" not in background.text

    optimization.see("Optimization: Crossing")
    notebook.screenshot(f"stopped_{ipykernel}")
    lab.end_kernel_of(path)


def test_two_thousand_fast_trials_do_not_slow_the_page(lab: Lab, open_notebook):
    path = lab.write_notebook("fast", "%load_ext jesse_nb", ANSWER_AT_ONCE)
    notebook = open_notebook(path)
    line = "%%optimize -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-10 --sampler random --test-ratio 0 -o study"
    notebook.begin_all().wait()
    notebook.run(f"{line} --trials 10{STRATEGY}")  # really simulated; loads what is loaded once
    heap, messages, size = notebook.heap(), notebook.messages, notebook.message_bytes

    notebook.run("answering = True")
    many = notebook.begin(f"{line} --trials 2000 --seed 3{STRATEGY}")
    slowest_frame = notebook.slowest_frame_until(many)
    grown, seconds = notebook.heap() - heap, notebook.ask("study.elapsed")
    rate, received = (notebook.messages - messages) / seconds, notebook.message_bytes - size
    print(f"\n2,000 trials in {seconds:.1f} s: {rate:.1f} messages/s, {received / 1e6:.2f} MB, "
          f"heap +{grown / 1e6:.1f} MB, slowest frame {slowest_frame:.0f} ms")
    assert notebook.ask("len(study.trials)") == 2000
    assert notebook.messages - messages <= 10 * seconds + 40  # ten updates a second; a cell and questions come on top
    assert received <= 4_000_000
    assert grown <= 20_000_000
    lab.end_kernel_of(path)


def test_the_same_cell_twice_and_two_views_of_one_job(lab: Lab, open_notebook):
    path = lab.write_notebook("twice", "%load_ext jesse_nb", WATCH_ENDS)
    notebook = open_notebook(path)
    notebook.begin_all().wait()
    first = notebook.run(f"{ENDLESS} --background{STRATEGY}")
    first.wait_for_progress()
    notebook.command("notebook:create-output-view")
    mirror = notebook.page.locator(".jp-LinkedOutputView").locator("progress, [role=progressbar]")
    mirror.first.wait_for()
    second = notebook.begin_again(first.index)  # does not start the same work a second time
    second.wait()
    second.see("running already")
    second.shown(".jesse-nb-stop").wait_for()
    mirror.and_(notebook.page.locator(".jesse-nb-bar")).first.wait_for()
    notebook.screenshot("two_views_of_one_job")
    notebook.run("study.cancel()")
    notebook.wait_until_answer("ends")
    assert [state for state, _ in notebook.ask("list(ends.values())")] == ["cancelled"]
    second.see("Optimization: Crossing")
    mirror.first.wait_for(state="detached")

    third = notebook.begin_again(first.index)
    third.wait()
    third.shown(".jesse-nb-stop").wait_for()
    notebook.wait_until_answer("__import__('jesse_nb.core.jobs.journal').core.jobs.journal.Journal().entries()")
    notebook.page.evaluate("labHelpers.panel.sessionContext.session.kernel.restart()")
    third.see("Its kernel has ended, and with it this job.")
    assert notebook.page.locator(".jesse-nb-stop").and_(notebook.page.locator(":visible")).count() == 0
    notebook.screenshot("kernel_restarted")
    notebook.run("%load_ext jesse_nb")
    assert "interrupted" in notebook.run("%jobs").text
    lab.end_kernel_of(path)


def test_a_tab_closed_in_mid_run_can_be_come_back_to(lab: Lab, open_notebook):
    path = lab.write_notebook("closed", "%load_ext jesse_nb", WATCH_ENDS, SLOW_TO_OPEN_VIEWS)
    notebook = open_notebook(path, workspace="closed")
    notebook.begin_all().wait()
    background = notebook.run(f"{ENDLESS} --background{STRATEGY}")
    background.wait_for_progress()
    notebook.save()
    notebook.page.close()
    assert "jesse-nb-view-" in json.dumps(lab.read_notebook(path).cells[background.index].outputs)

    again = open_notebook(path, workspace="closed")
    assert again.ask("study.state") == "running"  # the very kernel, and the job in it
    again.ask("go_on.set()")
    assert "running" in again.run("%jobs").text
    come_back = again.cell(background.index)
    come_back.shown(".jesse-nb-stop").wait_for(timeout=PATIENCE)  # of a view that was opened meanwhile
    again.page.close()

    again = open_notebook(path, workspace="closed")
    come_back = again.cell(background.index)
    come_back.shown(".jesse-nb-stop").wait_for(timeout=PATIENCE)  # of one that was there
    again.screenshot("come_back")
    come_back.shown(".jesse-nb-stop").click()
    again.wait_until_answer("len(ends) == 1")
    come_back.see("Optimization: Crossing")
    assert again.ask("len(study.partial_result().trials)") > 0
    in_notebook = "index => labHelpers.html(index).includes('Optimization: Crossing')"
    again.page.wait_for_function(in_notebook, arg=background.index)
    again.save()  # the page knows no display id of the output, and yet the report is in the notebook
    outputs = lab.read_notebook(path).cells[background.index].outputs
    assert len(outputs) == 1
    assert "Stopped early" in outputs[0].data["text/html"]
    assert outputs[0].data["text/plain"].startswith("Optimization of Crossing")
    lab.end_kernel_of(path)


def test_a_form_in_a_tab_that_was_closed_keeps_its_report_in_the_notebook(lab: Lab, open_notebook):
    imports = "%load_ext jesse_nb\nfrom jesse import utils, indicators as ta\nfrom jesse.strategies import Strategy"
    path = lab.write_notebook("closed_form", f"{imports}\n{STRATEGY}",
                              "%panel backtest -s BTC-USDT -t 4h --hyperparameters fast=5 slow=40")
    notebook = open_notebook(path, workspace="closed_form")
    notebook.begin_all().wait()
    notebook.page.locator(".jesse-nb-panel-form").wait_for(timeout=PATIENCE)
    notebook.save()
    notebook.page.close()

    again = open_notebook(path, workspace="closed_form")
    again.page.get_by_role("button", name="Run", exact=True).click(timeout=PATIENCE)
    again.page.locator(".jesse-nb-panel-output").get_by_text("Result card").wait_for(timeout=PATIENCE)
    again.page.wait_for_function("labHelpers.html(1).includes('Backtest: Crossing')", timeout=PATIENCE)
    assert again.page.locator(".jesse-nb-panel-form").count() == 1
    again.save()
    lab.end_kernel_of(path)
    again.page.close()

    alone = open_notebook(path, workspace="closed_form")
    alone.cell(1).see("Backtest: Crossing")


def test_a_running_job_keeps_its_candles_and_its_class_and_its_end_is_announced(lab: Lab, open_notebook):
    demo = "%candles demo -s SOL-USDT --start 2023-01-01 --end 2023-02-21"
    announced_early = "from jesse_nb.widgets.live import live_view\nlive_view.LONG = 0.1"
    # A refresh may see the end before the view is told of it: the page then hears of it twice.
    announced_early += """
end = live_view.LiveView.end
live_view.LiveView.end = lambda view, find_report: (view.refresh(), end(view, find_report))"""
    path = lab.write_notebook("changes", "%load_ext jesse_nb", WATCH_ENDS, announced_early, demo)
    notebook = open_notebook(path)
    notebook.begin_all().wait()
    line = "%%optimize -s SOL-USDT -t 15m --start 2023-01-20 --end 2023-02-20 -o study"
    background = notebook.run(f"{line} --trials 150 --background{STRATEGY}")
    background.wait_for_progress()
    notebook.run("class Crossing(Strategy):\n    def should_long(self):\n        raise RuntimeError('the new class')")
    # It says that it was deleted, and lists it no more.
    assert notebook.run("%candles delete SOL-USDT --yes").text.count("SOL-USDT") == 1
    assert notebook.ask("study.state") == "running"
    toast = notebook.page.locator(".jesse-nb-toast")
    toast.get_by_text("Finished in").wait_for(timeout=PATIENCE)
    assert "Optimization: Crossing SOL-USDT 15m" in toast.inner_text()
    notebook.screenshot("toast")
    toast.get_by_role("button", name="Dismiss").click()
    toast.wait_for(state="detached")
    assert notebook.ask("(len(study.result().trials), {trial.state for trial in study.result().trials})") == (
        150, {"finished"})
    background.see("Optimization: Crossing")

    again = notebook.run(f"{line} --trials 2{STRATEGY}")
    assert "SOL-USDT" in again.text  # what is missing, in one message
    assert "Traceback" not in again.text
    assert notebook.page.locator(".jesse-nb-toast").count() == 0
    lab.end_kernel_of(path)


def assert_stopped_in_time(notebook: NotebookPage, what: str, cell: Run | None = None) -> None:
    clicked = notebook.milliseconds_of_last_click()
    if cell:
        cell.wait()
    notebook.wait_until_answer(f"any(ended > {clicked} for _, ended in ends.values())")
    state, ended = notebook.ask("list(ends.values())[-1]")
    times = {"job": ended - clicked} | ({"cell": cell.milliseconds_of_end - clicked} if cell else {})
    print(f"\n{what}: " + ", ".join(f"{name} ended {took:.0f} ms after the click" for name, took in times.items()))
    assert state == "cancelled"
    assert all(0 < took <= 1000 for took in times.values()), times


def assert_only_reports(saved: nbformat.NotebookNode) -> None:
    """No output of a saved notebook needs a kernel, or hides a model that is gone."""
    for cell in saved.cells:
        for output in cell.get("outputs", []):
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
    assert "model not found" not in json.dumps(saved).lower()


def expect_report(notebook: NotebookPage, cell: int, title: str) -> None:
    notebook.cell(cell).see(title)
    assert "model not found" not in notebook.page.locator("body").inner_text().lower()
