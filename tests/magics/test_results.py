"""The research record in a notebook: named on the line, listed, opened, compared."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.exceptions import InputError, StrategyError
from tests.magics.conftest import demo, demo_store, notebook, run, shell  # noqa: F401 - fixtures

LINE = "TrendFollower -s BTC-USDT -t 1h --start 2023-01-12 --end 2023-02-12"


def form_opens_compares_tags_and_deletes(shell):  # noqa: F811
    parts = jn.panel("results", sort="name").parts
    names = [line.split(" · ")[0] for line, _ in parts.rows_list.options]
    assert names == ["both", "dear", "first"]
    assert parts.cell() == "%results --sort name"
    key = dict(zip(names, (key for _, key in parts.rows_list.options), strict=True))
    parts.rows_list.value = (key["first"],)
    assert parts.compare_button.disabled
    parts.name.value = "again"
    parts.open_button.click()
    assert shell.user_ns["again"].equity.equals(shell.user_ns["first"].equity)
    assert "Backtest: TrendFollower" in parts.report
    parts.rows_list.value = (key["dear"], key["first"])
    parts.compare_button.click()
    assert len(shell.user_ns["comparison"].names) == 2
    parts.rows_list.value = (key["dear"],)
    parts.tags.value = "costly, slow"
    parts.tag_button.click()
    parts.field("tags").fill(["costly"])
    parts.run()
    assert [key for _, key in parts.rows_list.options] == [key["dear"]]
    assert jn.results(tags="slow")["name"].tolist() == ["dear"]
    parts.field("tags").fill([])
    parts.field("verdict").fill(["no such"])
    parts.run()
    assert "Verdicts are: denied by its scenarios, " in parts.form.reason
    parts.field("verdict").fill(["holds up"])
    parts.field("week").fill(["last"])
    parts.run()
    assert parts.rows_list.options == ()
    assert parts.form.reason == ""
    parts.field("week").fill([])
    assert parts.delete_button.disabled
    parts.field("verdict").fill([])
    parts.field("metric").fill(["sharpe >> 1"])
    assert parts.form.run_button.disabled
    parts.field("metric").fill([])
    parts.run()
    copy = jn.keep(shell.user_ns["again"], "<b>slip").key
    parts.run()
    parts.rows_list.value = (copy,)
    parts.delete_button.click()
    parts.no_button.click()
    assert len(jn.results(text="slip")) == 1
    parts.delete_button.click()
    assert "cannot be undone" in parts._asked.value
    parts.yes_button.click()
    assert jn.results(text="slip").empty
    jn.keep(shell.user_ns["again"], "<b>slip")
    parts.run()
    assert "<b>slip" not in jn.panel("results")._repr_mimebundle_()["text/html"]
    jn.forget("<b>slip")


def test_results_are_kept_under_what_the_line_says(shell, notebook, demo, kept):  # noqa: F811
    run(shell, "from jesse_nb.quickstart import TrendFollower")
    run(shell, f'%backtest {LINE} -o first --tags trend "--note" "before the <b>stop</b>"')
    run(shell, f"%backtest {LINE} --fee 0.002 -o second --name dear")
    listed = shell.run_line_magic("results", "")
    assert listed.to_frame()["name"].tolist() == ["dear", "first"]
    assert "before the <b>stop</b>" in str(listed)
    assert "&lt;b&gt;stop" in listed._repr_html_()
    assert shell.run_line_magic("results", "--tag trend --sort sharpe").to_frame()["name"].tolist() == ["first"]
    assert jn.load("first").equity.equals(shell.user_ns["first"].equity)
    run(shell, "%compare first dear -o both")
    assert shell.user_ns["both"].names == ("first", "dear")
    assert jn.load("both").settings.loc["fee"].tolist() == ["0.001", "0.002"]
    nothing = shell.run_line_magic("results", "--week 2020-W01")
    assert str(nothing).startswith("Kept from 2019-12-30 to the end of 2020-01-05, UTC.\nNo results with this")
    assert "<p>Kept from 2019-12-30" in nothing._repr_html_()
    form_opens_compares_tags_and_deletes(shell)
    with pytest.raises(StrategyError, match=r"first is a result of TrendFollower, and no strategy\. Write "
                                            r"TrendFollower -s BTC-USDT -t 1h --start 2023-01-12 --end 2023-02-12\.$"):
        run(shell, "%check first -s BTC-USDT -t 1h --start 2023-01-12 --end 2023-02-12")
    shell.user_ns["study"] = SimpleNamespace(spec=shell.user_ns["first"].spec, best_params={"fast": 3})
    with pytest.raises(StrategyError, match=r"--param study\.best_params\.$"):
        run(shell, f"%backtest study {LINE.removeprefix('TrendFollower ')}")
    for name in ("first", "dear", "second", "study"):
        shell.user_ns.pop(name, None)
    run(shell, "%compare first dear -o again")
    assert shell.user_ns["again"].names == ("first", "dear")
    with pytest.raises((UsageError, InputError), match=r"is 'frist', which is neither a variable nor a kept result\. "
                                                       r"Did you mean 'first'\?"):
        run(shell, "%compare frist dear")
    with pytest.raises((UsageError, InputError), match=r"RESULT cannot be 'first' alone\. Give two results"):
        run(shell, "%compare first")
    shell.user_ns["first"] = 5
    key = jn.results("first").loc[0, "key"][:8]
    behind = rf"that of this name is given by its key, {key}, or in Python as jn\.load\('first'\)\."
    with pytest.raises((UsageError, InputError), match=rf"RESULT cannot be first, which holds 5: .*{behind}"):
        run(shell, "%compare first dear")
    with pytest.raises((UsageError, InputError), match=rf"first is int, which is no result\. .*{behind}"):
        run(shell, "%var first")
    with pytest.raises((UsageError, InputError), match=behind):
        run(shell, "%correlation first dear")
    run(shell, f"%compare {key} dear -o by_key")
    assert shell.user_ns["by_key"].names == (key, "dear")
    jn.forget("by_key")
    del shell.user_ns["first"]
    run(shell, "%var first -o risk")
    assert shell.user_ns["risk"].run.equity.equals(jn.load("first").equity)
    with pytest.raises(UsageError, match=r"No variable is called 'frist', and no kept result\. Did you mean 'first'"):
        run(shell, "%var frist")
    with pytest.raises((UsageError, InputError), match="first has 31, from 2023-01-12"):  # it was read
        run(shell, "%correlation first dear")
    jn.forget("again", "risk")
    assert "Deleted" in str(shell.run_line_magic("results", "--forget dear both comparison"))
    assert shell.run_line_magic("results", "").to_frame()["name"].tolist() == ["first"]


def test_what_is_wrong_is_said_before_anything_runs(shell, notebook, demo, kept):  # noqa: F811
    run(shell, "from jesse_nb.quickstart import TrendFollower")
    with pytest.raises((UsageError, InputError), match="name is 'a/b'"):
        run(shell, f"%backtest {LINE} --name a/b")
    with pytest.raises((UsageError, InputError), match=r"--week is 'next'. It is this, last"):
        shell.run_line_magic("results", "--week next")
    with pytest.raises((UsageError, InputError), match=r"--verdict is 'lukc'. Did you mean 'luck'\? Verdicts are: "):
        shell.run_line_magic("results", "--verdict lukc")
    with pytest.raises((UsageError, InputError), match="Give two"):
        run(shell, "%compare")
    assert jn.results().empty
