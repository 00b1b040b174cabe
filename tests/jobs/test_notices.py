"""Notices at the end of a job: to a command, and to a real HTTP server."""

from __future__ import annotations

import http.server
import shlex
import sys
import threading
from collections.abc import Iterator

import pytest

from jesse_nb.core.jobs.job import Job
from jesse_nb.core.jobs.notices import check_notice, notify_at_end, send_notice
from jesse_nb.core.record.labels import labelled, labels_of_words
from jesse_nb.core.tools.plan import Plan
from jesse_nb.exceptions import InputError, JesseNbError, JobCancelledError

WRITES = "import os, sys; open(sys.argv[1], 'w').write(os.environ['JESSE_NB_TITLE'] + '|' + sys.stdin.read())"


class Takes(http.server.BaseHTTPRequestHandler):
    taken: list[tuple[str, str]]
    code = 200

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.taken.append((self.headers["Title"], text))
        self.send_response(self.code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[Takes]]]:
    handler = type("Handler", (Takes,), {"taken": []})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/topic?token=hidden", handler
        running.shutdown()


def writing(path) -> str:
    return shlex.join([sys.executable, "-c", WRITES, str(path)])


def ended(work, target: str) -> Job:
    with labelled(labels_of_words({"notify": [target]})):
        job = Plan("count", 'Trend; "$(rm x)" <b>', work).start()
    job.wait()
    for thread in threading.enumerate():
        if thread.name == f"jesse-nb-notice-{job.id}":
            thread.join(10)
    return job


def test_a_command_gets_title_and_text(tmp_path):
    path = tmp_path / "a file; touch x"
    ended(lambda control: control.update(phase="counting", total=4, done=4, best_label="sharpe 1.2"), writing(path))
    title, _, text = path.read_text().partition("|")
    assert title == "jesse_nb: count finished"
    assert text.splitlines() == ['Trend; "$(rm x)" <b>: finished after 0 min 0 s.', "4 of 4 done.",
                                 "Best: sharpe 1.2."]
    assert list(tmp_path.iterdir()) == [path], "no shell read any of it"


def test_failures_and_stops_are_told_too(tmp_path):
    def fail(control):
        raise InputError("It failed.")

    ended(fail, writing(tmp_path / "told"))
    assert (tmp_path / "told").read_text().startswith("jesse_nb: count failed|")
    begun = threading.Event()

    def wait(control):
        begun.set()
        while not control.cancelled:
            pass
        raise JobCancelledError("It was stopped.")

    job = Job("count", "stopped", wait).start()
    thread = notify_at_end(job, writing(tmp_path / "stopped"))
    assert begun.wait(10)
    job.cancel()
    thread.join(20)
    assert (tmp_path / "stopped").read_text().startswith("jesse_nb: count cancelled|stopped: cancelled after")


def test_an_address_gets_a_post(server):
    address, handler = server
    ended(lambda control: 1, address)
    ((title, text),) = handler.taken
    assert title == "jesse_nb: count finished"
    assert text.startswith('Trend; "$(rm x)" <b>: finished')


def test_what_is_not_taken_is_a_warning_without_secrets(server, recwarn):
    address, handler = server
    handler.code = 500
    with pytest.raises(JesseNbError, match=r"not taken by 127\.0\.0\.1: HTTP 500") as refused:
        send_notice(address, "title", "text")
    assert "hidden" not in str(refused.value)
    with pytest.raises(JesseNbError, match=r"not sent to 127\.0\.0\.1: ") as refused:
        send_notice("http://127.0.0.1:1/?token=hidden", "title", "text")
    assert "hidden" not in str(refused.value)
    with pytest.raises(JesseNbError, match="ended with exit code 3"):
        send_notice(shlex.join([sys.executable, "-c", "raise SystemExit(3)"]), "title", "text")


@pytest.mark.parametrize("wrong", ["", "no-such-program-anywhere x", "https://", "'open", "a\nb", 5])
def test_what_cannot_be_is_refused_before_the_run(wrong):
    with pytest.raises(InputError, match="notify is"):
        check_notice(wrong)
