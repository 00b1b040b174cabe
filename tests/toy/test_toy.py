"""A tool of one declaration and one drawer works on every surface: no other file knows of it."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest

import jesse_nb as jn
from jesse_nb.cli.commands import main
from jesse_nb.core.jobs.job import jobs
from jesse_nb.core.tools.declaration.parameter import PYTHON
from jesse_nb.core.tools.registry import TOOLS
from jesse_nb.exceptions import InputError
from jesse_nb.widgets.live.live_texts import snapshot
from tests.magics.conftest import demo, demo_store, eventually, notebook, run, shell  # noqa: F401 - fixtures
from tests.toy.declaration import COUNT_DAYS

SAID = "Days of BTC-USDT on Demo (synthetic)"


@pytest.fixture(autouse=True)
def toy(monkeypatch, demo, tmp_path):  # noqa: F811
    """The one thing that is done to add it: its entry in the list of tools."""
    monkeypatch.setitem(TOOLS, COUNT_DAYS.name, COUNT_DAYS)
    monkeypatch.setenv("JESSE_NB_JOBS", str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    yield
    for name in ("count_days", "DayCount"):  # what the package has looked up once
        vars(jn).pop(name, None)


def completions(shell, line):  # noqa: F811
    with pytest.warns(None):  # IPython calls its own completion provisional
        return {each.text for each in shell.Completer.completions(line, len(line))}


def test_it_is_a_function_and_its_signature_is_declared():
    result = jn.count_days("BTC-USDT")
    assert isinstance(result, jn.DayCount)
    assert {"count_days", "DayCount"} <= set(dir(jn))
    assert str(result).splitlines()[0] == SAID
    assert str(result).endswith("59 days are stored, enough.")
    assert set(inspect.signature(inspect.unwrap(jn.count_days)).parameters) == {one.name for one in
                                                                                COUNT_DAYS.on(PYTHON)}
    with pytest.raises(InputError, match=r"least is 0\. It is a whole number of days from 1 to 10,000\."):
        jn.count_days("BTC-USDT", least=0)


def test_its_report_is_a_page(tmp_path):
    page = jn.count_days("BTC-USDT", least=90).to_html(tmp_path / "days.html").read_text()
    assert f"<title>{SAID}</title>" in page
    assert "too few" in page
    assert "SYNTHETIC DATA" in page
    assert ">Counted</h3>" in page


def test_it_is_a_magic_with_help_completion_and_jobs(shell, notebook):  # noqa: F811
    run(shell, "%count_days -s BTC-USDT --least 60 -o counted")
    assert shell.user_ns["counted"].least == 60
    assert any("too few" in (sent.text or "") for sent in notebook.sent)
    magic = shell.find_line_magic("count_days")
    assert "Nothing is simulated" in magic.__doc__
    assert "How many there should be (30)." in magic.__doc__
    assert {"--least", "--symbol", "--output"} <= completions(shell, "%count_days --")
    assert "BTC-USDT" in completions(shell, "%count_days -s ")
    with pytest.raises(InputError, match=r"--least is 0\. It is a whole number of days from 1 to 10,000\."):
        run(shell, "%count_days -s BTC-USDT --least 0")
    job = jobs()[-1]
    assert job.id.startswith("count_days-")
    assert snapshot(job)["title"].startswith("Counting: BTC-USDT")
    listed = shell.run_line_magic("jobs", "")
    assert job.id in str(listed)


def test_what_config_sets_is_taken(shell):  # noqa: F811
    run(shell, "%config JesseNb.symbol = 'ETH-USDT'")
    run(shell, "%count_days -o counted")
    assert shell.user_ns["counted"].series.symbol == "ETH-USDT"


def test_it_is_a_form(shell, notebook):  # noqa: F811
    assert "count_days" in completions(shell, "%panel ")
    panel = shell.run_line_magic("panel", "count_days -s BTC-USDT --least 60")
    form = panel.parts
    assert form.form.reason == ""
    assert form.cell().partition(" ")[0] == "%count_days"
    assert set(panel.parts._arguments.fields) == {"exchange", "symbol", "output", "least"}
    form.field("least").control.set_state({"value": "0"})
    assert form.field("least").error == "Least is 0. It is a whole number of days from 1 to 10,000."
    form.field("least").control.set_state({"value": "59"})
    form.run()
    eventually(lambda: form.job is not None and form.form.next_buttons, 60)
    assert shell.user_ns["counted"].days == 59
    eventually(lambda: "Counted" in form.report)
    assert form.send_on("backtest").field("symbol").words == ["BTC-USDT"]


def test_it_is_a_command(capsys, tmp_path):
    assert main(["count-days", "-s", "BTC-USDT", "--least", "60", "-o", "days.html"]) == 0
    assert "too few" in capsys.readouterr().out
    assert SAID in (tmp_path / "days.html").read_text()
    assert main(["count-days", "-s", "BTC-USDT", "--least", "0"]) == 2
    assert "--least is 0." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "count the days of stored candles" in capsys.readouterr().out


def test_it_is_in_the_reference():
    home = Path(__file__).parents[2] / ".ci/site/reference.py"
    spec = importlib.util.spec_from_file_location("reference", home)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    page = reference.options()
    assert "## `count_days`" in page
    assert "Also `%count_days` and `jesse-nb count-days`." in page
    assert "| `--least` N | `least` | How many there should be (30). |" in page
    assert {"count_days"} <= set(reference.names_by_page()["functions"])
