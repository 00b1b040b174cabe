"""One tree of errors, each one line, and hints that name what was meant."""

from __future__ import annotations

import pickle
import re

import pytest

from jesse_nb import exceptions
from jesse_nb.core.tools.registry import ANALYZE_RESULTS
from jesse_nb.exceptions import InputError, JesseNbError, JobInterruptedError, StrategyCrashError, did_you_mean

ERRORS = [value for value in vars(exceptions).values() if isinstance(value, type) and issubclass(value, Exception)]


def test_the_tree_is_drawn_as_it_is():
    drawn, path = {}, []
    for line in exceptions.__doc__.splitlines():
        if found := re.match(r"^ {4}([│├└─ ]*)(\w+Error)\b", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else "Exception"
    assert drawn == {error.__name__: error.__mro__[1].__name__ for error in ERRORS}


def test_all_are_public_and_have_one_root():
    assert {error.__name__ for error in ERRORS} | {"did_you_mean", "hide_passwords", "shown"} == set(exceptions.__all__)
    assert all(issubclass(error, JesseNbError) and error.__doc__ for error in ERRORS)


@pytest.mark.parametrize("error", ["InputError", "InvalidCandlesError"])
def test_wrong_input_is_a_value_error_too(error):
    assert issubclass(getattr(exceptions, error), ValueError)


def test_what_is_not_found_is_a_lookup_error_too():
    assert issubclass(exceptions.CandlesNotFoundError, LookupError)


@pytest.mark.parametrize("error", [error for error in ERRORS if error is not JobInterruptedError])
def test_message_and_hint_make_one_line_and_survive_pickling(error):
    raised = pickle.loads(pickle.dumps(error("It is wrong.", "Do it right.")))
    assert str(raised) == "It is wrong. Do it right."
    assert (raised.message, raised.hint) == ("It is wrong.", "Do it right.")
    assert raised._render_traceback_() == [f"{error.__name__}: It is wrong. Do it right."]
    assert str(error("It is wrong.")) == "It is wrong."


@pytest.mark.parametrize("raised", [
    JesseNbError("store is 'postgresql://me:secret@host/runs'\nor so.", "Not postgres:/me:secret@host?"),
    JesseNbError.of("store", "is 'postgresql://me:secret@host/runs'.").call("--store"),
    JesseNbError(f"store is {exceptions.shown('postgresql://me@host/runs?password=secret')}."),
])
def test_a_message_is_one_line_without_a_password(raised):
    assert "secret" not in str(raised)
    assert "\n" not in str(raised)
    assert "host" in str(raised)


def test_a_value_that_raises_when_it_is_looked_at_is_refused_by_its_arguments_name():
    class Unusual:
        def refuse(self, *_, **__):
            raise RuntimeError("no")

        __eq__ = __hash__ = __str__ = __repr__ = __bool__ = __iter__ = __len__ = refuse

    with pytest.raises(InputError, match=r"^ruin is of type Unusual, which cannot be looked at\. RuntimeError was"):
        ANALYZE_RESULTS.parameter("ruin").read(Unusual())


def test_a_crash_keeps_its_details_and_an_interrupt_its_job():
    assert StrategyCrashError("It raised.", details="line 3").details == "line 3"
    job = object()
    assert JobInterruptedError("Stopped.", job=job).job is job


@pytest.mark.parametrize(("name", "known", "hint"), [
    ("sharp", ["sharpe", "sortino", "calmar"], "Did you mean 'sharpe'?"),
    ("SHARPE", ["sharpe"], "Did you mean 'sharpe'?"),
    ("btc-usdt", ["BTC-USDT", "ETH-USDT"], "Did you mean 'BTC-USDT' or 'ETH-USDT'?"),
    ("xyz", ["b", "a"], "Known: a, b."),
    ("zzz", [f"k{number:02d}" for number in range(15)],
     "Known: k00, k01, k02, k03, k04, k05, k06, k07, k08, k09, k10, k11, and 3 more."),
    ("anything", [], ""),
])
def test_hints_name_close_matches_or_what_is_known(name, known, hint):
    assert did_you_mean(name, known) == hint


def test_no_more_close_matches_than_asked_for():
    assert did_you_mean("aab", ["aaa", "aac", "aad", "aae"], limit=2).count("'") == 4
