"""Values and options as they are written on a command line."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from jesse_nb.core.jobs.ray_address import RAY_ADDRESSES, check_address
from jesse_nb.core.study.literal import literal
from jesse_nb.exceptions import InputError, did_you_mean

__all__ = ["bytes_of_megabytes", "jobs_of", "naming_flags"]

_MEGABYTE = 1024**2
#: The least and the most megabytes that a simulation's memory can be limited to.
_LEAST_MEGABYTES, _MOST_MEGABYTES = 256, 2**30


def bytes_of_megabytes(text: str) -> int:
    """Return the bytes of a limit on memory that an option gives in megabytes; for argparse's ``type``."""
    size = literal(text)
    whole = isinstance(size, int | float) and size == size // 1
    if not whole or not _LEAST_MEGABYTES <= size <= _MOST_MEGABYTES:  # type: ignore[operator]  # whole: a number
        raise argparse.ArgumentTypeError(f"whole megabytes from {_LEAST_MEGABYTES} up are expected, not {text!r}")
    return int(size) * _MEGABYTE  # type: ignore[arg-type]


def jobs_of(text: str) -> int | str:
    """Return a number of simulations at once, or a Ray cluster's address; for argparse's ``type``."""
    number = literal(text)
    if isinstance(number, int | float) and not isinstance(number, bool) and number % 1 == 0:
        return int(number)
    if number != text:
        raise argparse.ArgumentTypeError(f"a whole number is expected, or ray, not {text!r}")
    try:
        check_address(text)
    except InputError:
        hint = did_you_mean(text, RAY_ADDRESSES)
        raise argparse.ArgumentTypeError(f"a whole number is expected, or ray, not {text!r}. {hint}") from None
    return text


@contextlib.contextmanager
def naming_flags(parser: argparse.ArgumentParser | None) -> Iterator[None]:
    """Let errors about an argument name its flag, too, where that is called otherwise: ``--trials`` is ``n_trials``.

    Raises
    ------
    InputError
        The one that came up.
    """
    try:
        yield
    except InputError as error:
        about = error.message.partition(" ")[0]
        actions = parser._actions if parser else []
        flags = next((action.option_strings for action in actions if action.dest == about), [])
        flag = next((flag for flag in flags if flag.startswith("--")), "")
        if flag and flag != "--" + about.replace("_", "-"):
            error.hint = f"{error.hint} Its flag is {flag}.".strip()
            error.args = (f"{error.message} {error.hint}",)
        raise
