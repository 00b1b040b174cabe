"""Every error that jesse_nb raises on purpose.

All of them derive from `JesseNbError`, so one ``except`` clause catches whatever
the package means to say. The message is one line: what is wrong with which
value, what is allowed, and what to try. An error about an argument names it in
``argument``, so that each surface can point at its own flag or field::

    JesseNbError
    ├── InputError                 an argument is wrong (also a ValueError)
    │   ├── CallError              an argument that there is not, or none that is needed (also a TypeError)
    │   ├── PeriodError            a start, end or timeframe cannot be used
    │   ├── SpaceError             a parameter space contradicts itself
    │   ├── MetricError            an unknown or unusable metric
    │   └── StrategyError          a strategy cannot be found, read or built
    ├── CandlesError               something about stored candles
    │   ├── CandlesNotFoundError   nothing is stored under that name or period
    │   ├── ExchangeError          an exchange did not give what it was asked for
    │   ├── InvalidCandlesError    data refused at the door; nothing was written
    │   └── WarmUpError            too few candles before the start
    ├── SimulationError            one backtest failed
    │   ├── StrategyCrashError     the strategy raised
    │   ├── WorkerDiedError        the process that ran it ended
    │   ├── TrialTimeoutError      it ran longer than allowed
    │   └── TrialMemoryError       it wanted more memory than allowed
    ├── JobError                   a long run as a whole
    │   ├── AllTrialsFailedError   no simulation of the job succeeded
    │   ├── JobCancelledError      it was cancelled before it had a result
    │   └── JobInterruptedError    it was interrupted; the job holds what finished
    ├── ClusterError               a Ray cluster cannot be reached, or not be used
    ├── StorageError               the disk or a store could not be used
    │   └── DatabaseError          the project's PostgreSQL could not be used
    └── MissingPartError           an optional package is not installed
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "AllTrialsFailedError",
    "CallError",
    "CandlesError",
    "CandlesNotFoundError",
    "ClusterError",
    "DatabaseError",
    "ExchangeError",
    "InputError",
    "InvalidCandlesError",
    "JesseNbError",
    "JobCancelledError",
    "JobError",
    "JobInterruptedError",
    "MetricError",
    "MissingPartError",
    "PeriodError",
    "SimulationError",
    "SpaceError",
    "StorageError",
    "StrategyCrashError",
    "StrategyError",
    "TrialMemoryError",
    "TrialTimeoutError",
    "WarmUpError",
    "WorkerDiedError",
    "did_you_mean",
    "hide_passwords",
    "shown",
]


#: Letters of a value that an error repeats.
_LONGEST_SHOWN = 80

# Wider than any address that can be read, as what is written down may be mistyped.
_PASSWORDS = (re.compile(r"(\bpostg[\w+.-]*:?//?[^\s:/@]*):\S*(?=@)", re.IGNORECASE),
              re.compile(r"(\bpostg[\w+.-]*:?//?\S*?[?&](?:ssl)?password=)[^\s&'\"]*", re.IGNORECASE))


def hide_passwords(text: str) -> str:
    """Return a text in which no address of a database has a password.

    Examples
    --------
    >>> hide_passwords("store is 'postgresql://me:secret@host/runs'.")
    "store is 'postgresql://me@host/runs'."
    """
    for pattern in _PASSWORDS:
        text = pattern.sub(r"\1", text)
    return text


def _one_line(text: str) -> str:
    return hide_passwords(" ".join(text.splitlines()))


class JesseNbError(Exception):
    """Root of every error that the package raises on purpose. It repeats no password of an address.

    Parameters
    ----------
    message
        One line: what is wrong, with which value.
    hint
        What is allowed and what to try next; appended to the message.
    argument
        The argument it is about, by its name in Python; empty for none or several.

    Attributes
    ----------
    argument
        As given.
    """

    argument = ""
    _said = ""

    def __init__(self, message: str, hint: str = "", *, argument: str = "") -> None:
        self.message, self.hint = _one_line(message), _one_line(hint)
        if argument:
            self.argument = argument
        super().__init__(f"{self.message} {self.hint}".strip())

    @classmethod
    def of(cls, argument: str, said: str, hint: str = "") -> Self:
        """Return an error that begins with its argument's name, which :meth:`call` can replace.

        Parameters
        ----------
        argument
            Its name in Python.
        said
            What follows the name: ``is 0.``
        hint
            As above.
        """
        error = cls(f"{argument} {said}", hint, argument=argument)
        error._said = _one_line(said)
        return error

    def call(self, name: str) -> Self:
        """Give the argument the name that it has for the reader, a flag or a field's label; return the error."""
        if self._said:
            self.message = f"{name} {self._said}"
            self.args = (f"{self.message} {self.hint}".strip(),)
        return self

    def _render_traceback_(self) -> list[str]:
        """Show one clean message in IPython in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class InputError(JesseNbError, ValueError):
    """An argument is wrong."""


class CallError(InputError, TypeError):
    """A call names an argument that there is not, or leaves out one that is needed."""


class PeriodError(InputError):
    """A start, an end or a timeframe cannot be used."""


class SpaceError(InputError):
    """A parameter space is empty or contradicts itself."""

    argument = "space"


class MetricError(InputError):
    """A metric is unknown or cannot be computed."""

    argument = "metric"


class StrategyError(InputError):
    """A strategy cannot be found, read or built."""

    argument = "strategy"


class CandlesError(JesseNbError):
    """Something about stored candles."""


class CandlesNotFoundError(CandlesError, LookupError):
    """Nothing is stored under that exchange, symbol or period."""


class ExchangeError(CandlesError):
    """An exchange could not be reached, or did not give what it was asked for; what had come was stored."""


class InvalidCandlesError(CandlesError, ValueError):
    """Data was refused at the door; nothing was written."""


class WarmUpError(CandlesError):
    """There are too few candles before the start for the strategy's indicators."""


class SimulationError(JesseNbError):
    """One backtest failed; others are not touched by it."""


class StrategyCrashError(SimulationError):
    """The strategy, or Jesse on its behalf, raised an exception.

    ``details`` holds the traceback as text, cut to the strategy's own lines.
    """

    def __init__(self, message: str, hint: str = "", details: str = "") -> None:
        super().__init__(message, hint)
        self.details = details


class WorkerDiedError(SimulationError):
    """The process that ran the simulation ended without an answer."""


class TrialTimeoutError(SimulationError):
    """One simulation ran longer than ``trial_timeout`` allows."""


class TrialMemoryError(SimulationError):
    """One simulation wanted more memory than its worker is allowed."""


class JobError(JesseNbError):
    """A long run failed as a whole."""


class AllTrialsFailedError(JobError):
    """No simulation of the job succeeded; the message names the commonest reason."""


class JobCancelledError(JobError):
    """The job was cancelled before it had anything to give."""


class JobInterruptedError(JobError):
    """The user interrupted a blocking call; ``job``, a `Job`, holds what had finished."""

    def __init__(self, message: str, hint: str = "", *, job: Any) -> None:
        super().__init__(message, hint)
        self.job = job


class ClusterError(JesseNbError):
    """A Ray cluster cannot be reached, or its machines cannot be used."""


class StorageError(JesseNbError):
    """The disk or a store on it could not be read or written."""


class DatabaseError(StorageError):
    """The PostgreSQL of a Jesse project could not be reached or did not do what it was asked for.

    Its message never holds a password.
    """


class MissingPartError(JesseNbError):
    """An optional package is needed for this and is not installed."""


def did_you_mean(name: str, known: Iterable[str], *, limit: int = 3) -> str:
    """Return a hint that names the close matches of a mistyped name.

    Parameters
    ----------
    name
        What the user wrote.
    known
        What would have been accepted.
    limit
        How many close matches are named at the most.

    Returns
    -------
    str
        ``"Did you mean 'sharpe'?"``; with no close match, a list of what is
        known (cut after twelve); empty when nothing is known.
    """
    names = sorted(set(known))
    if not names:
        return ""
    name = name[:_LONGEST_SHOWN] if isinstance(name, str) else ""
    folded = {other.casefold(): other for other in names}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=limit, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(repr(folded[match]) for match in close)}?"
    shown = ", ".join(names[:12]) + (f", and {len(names) - 12} more" if len(names) > 12 else "")
    return f"Known: {shown}."


def shown(value: Any) -> str:
    """Return a value as an error repeats it: on one line, and cut where it is long.

    Examples
    --------
    >>> shown("BTC"), shown("a" * 10_000)[-5:]
    ("'BTC'", 'aa...')
    """
    try:
        short = value[: 2 * _LONGEST_SHOWN] if isinstance(value, str | bytes) else value
        text = hide_passwords(" ".join(repr(short).split()))
    except Exception:  # noqa: BLE001 - of whatever was given
        text = f"of type {type(value).__name__}"
    return f"{text[: _LONGEST_SHOWN - 3]}..." if len(text) > _LONGEST_SHOWN else text
