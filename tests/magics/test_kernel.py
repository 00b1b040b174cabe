"""What a notebook sees, with a real kernel and the real engine."""

from __future__ import annotations

import re

import pytest

from .conftest import MARKET, STRATEGY

SPACE = "space = dict(fast=(5, 30), slow=(31, 60))\n"


def test_one_progress_line_becomes_the_report(kernel):
    ran = kernel.run(f"%%optimize {MARKET} --trials 8 -o study\n{STRATEGY}{SPACE}")
    assert ran.error is None
    assert len(ran.texts("display_data")) == 1
    assert ran.texts("update_display_data")[-1].startswith("Optimization of Crossing")
    ids = {m["content"]["transient"]["display_id"] for m in ran.messages if "transient" in m["content"]}
    assert len(ids) == 1
    assert kernel.run("len(study.trials), _ is study").texts("execute_result") == ["(8, True)"]


def test_without_stdin_there_is_exactly_one_display(kernel):
    ran = kernel.run(f"%%optimize {MARKET} --trials 8 -o study\n{STRATEGY}{SPACE}", allow_stdin=False)
    assert [m["msg_type"] for m in ran.messages if m["msg_type"] != "execute_input"] == ["display_data"]
    assert "text/html" in ran.messages[-1]["content"]["data"]
    again = kernel.run(f"%%optimize {MARKET} --trials 8 -o study\n{STRATEGY}{SPACE}", allow_stdin=False)
    assert again.texts("display_data") == ran.texts("display_data")  # what nbval compares


def test_an_interrupt_ends_the_cell_within_a_second_and_keeps_what_finished(kernel):
    ran = kernel.run(
        f"%%optimize {MARKET} --trials 5000 --seed 4 -o study\n{STRATEGY}{SPACE}",
        interrupt_when="best",
        until=lambda messages: (
            "Optimization of" in messages[-1]["content"].get("data", {}).get("text/plain", "")
        ),
    )
    assert ran.seconds_after_interrupt < 1.0
    assert ran.error is None
    assert ran.texts("display_data")[-1].startswith("Stopped while optimizing")
    assert "stopped: interrupted" in ran.texts("update_display_data")[-1]
    assert kernel.run("len(study.trials) >= 1, study.job.state").texts("execute_result") == ["(True, 'cancelled')"]


def test_a_background_job_reports_in_its_own_cell(kernel):
    launched = kernel.run(f"%%optimize {MARKET} --trials 40 --seed 5 --background -o job\n{STRATEGY}{SPACE}")
    assert launched.error is None
    later = kernel.run(
        "import time\nfor second in range(4):\n    print('tick', second); time.sleep(0.2)",
        until=lambda messages: any(
            "Optimization of" in m["content"].get("data", {}).get("text/plain", "") for m in messages
        ),
    )
    assert later.printed.split("\n")[:4] == [f"tick {second}" for second in range(4)]
    for message in later.messages:
        expected = launched.request if message["msg_type"] == "update_display_data" else later.request
        assert message["parent_header"]["msg_id"] == expected
    assert kernel.run("len(job.result().trials)").texts("execute_result") == ["40"]


def test_plain_python_shows_progress_and_its_value_once(kernel):
    kernel.run("import jesse_nb as jn")
    ran = kernel.run(
        "jn.optimize(Crossing, 'BTC-USDT', '1h', '2023-01-20', '2023-02-20', n_trials=8, seed=6)"
    )
    reports = [
        text for text in ran.texts("display_data", "update_display_data", "execute_result") if "Optim" in text
    ]
    assert reports == ran.texts("execute_result")
    assert len(reports) == 1
    assert len(ran.texts("display_data")) == 1  # the progress line, emptied at the end


def test_an_error_stops_the_notebook_with_one_message(kernel):
    ran = kernel.run("%optimize Crossing -s BTC-USDT -t 1h --start 2023-01-20 --end 2022-01-20")
    assert ran.error["ename"] == "PeriodError"
    assert len(ran.error["traceback"]) == 1
    usage = kernel.run("%optimize --nonsense")
    assert "UsageError" in usage.printed


def test_the_users_error_has_the_cells_line_numbers(kernel):
    ran = kernel.run(f"%%backtest {MARKET}\nx = 1\n\nx / 0")
    shown = re.sub(r"\x1b\[[\d;]*m", "", "".join(ran.error["traceback"]))
    assert ran.error["ename"] == "ZeroDivisionError"
    assert "line 4" in shown
    assert "run_cell_magic" not in shown


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("%%optimize --tria", "--trials"), ("%%optimize -s BT", "BTC-USDT"), ("%backtest Cros", "Crossing")],
)
def test_tab(kernel, typed, offered):
    assert offered in kernel.complete(typed)
