"""The research record in a notebook: named on the line, listed, opened, compared."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.exceptions import InputError
from tests.magics.conftest import demo, demo_store, notebook, run, shell  # noqa: F401 - fixtures

LINE = "TrendFollower -s BTC-USDT -t 1h --start 2023-01-12 --end 2023-02-12"


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
    assert "No results with this" in str(shell.run_line_magic("results", "--week 2020-W01"))
    assert "Deleted" in str(shell.run_line_magic("results", "--forget dear both"))
    assert shell.run_line_magic("results", "").to_frame()["name"].tolist() == ["first"]


def test_what_is_wrong_is_said_before_anything_runs(shell, notebook, demo, kept):  # noqa: F811
    run(shell, "from jesse_nb.quickstart import TrendFollower")
    with pytest.raises((UsageError, InputError), match="name is 'a/b'"):
        run(shell, f"%backtest {LINE} --name a/b")
    with pytest.raises((UsageError, InputError), match=r"--week is 'next'. It is this, last"):
        shell.run_line_magic("results", "--week next")
    with pytest.raises((UsageError, InputError), match="Give two"):
        run(shell, "%compare")
    assert jn.results().empty
