"""`%explore`: what it opens, and what it says when it cannot."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from IPython.core.error import UsageError

import jesse_nb.magics.explore as explore_module
from jesse_nb.core.simulator.result import BacktestResult

from .conftest import run
from .test_completion import complete


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was handed to the explorer, which has tests of its own."""
    calls: list[Any] = []
    monkeypatch.setattr(explore_module, "explore", lambda result, **options: calls.append((result, options)))
    return calls


def result_of(name: str) -> Any:
    made = object.__new__(BacktestResult)
    object.__setattr__(made, "metrics", {"name": name})
    return made


def test_a_name_an_expression_or_the_last_one(shell: Any, opened: list[Any]) -> None:
    one, other = result_of("one"), result_of("other")
    shell.push({"one": one, "pair": [other], "_": other})
    run(shell, "%explore one")
    run(shell, "%explore pair[0] --trial-timeout 60")
    run(shell, "%explore")
    assert [call[0] for call in opened] == [one, other, other]
    assert [call[1] for call in opened] == [{}, {"trial_timeout": 60.0}, {}]
    assert complete(shell, "%explore ")[0].endswith("one")


@pytest.mark.parametrize(("line", "message"), [
    ("one two", "opens one result at a time"), ("onn", r"No variable is called 'onn'.*'one'"),
    ("trades", r"trades is a table\. %explore needs the result"), ("number", "number is int, which is no result"),
])
def test_what_it_refuses(shell: Any, opened: list[Any], line: str, message: str) -> None:
    shell.push({"one": result_of("one"), "trades": pd.DataFrame({"pnl": [1.0]}), "number": 3})
    with pytest.raises(UsageError, match=message):
        run(shell, f"%explore {line}")
    assert opened == []
