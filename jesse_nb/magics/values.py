"""What an expression on a magic's line stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["evaluate"]


def evaluate(expression: str, namespace: Mapping[str, Any], argument: str) -> Any:
    """Return the value of an expression over the user's variables, ``study.best_params`` for example.

    Parameters
    ----------
    expression
        The user's own words.
    namespace
        The user's variables.
    argument
        What it is given for, for the error.

    Raises
    ------
    InputError
        When it cannot be evaluated.
    """
    try:
        return eval(expression, dict(namespace))  # noqa: S307 - the user's own words, in the user's own kernel
    except Exception as error:
        hint = did_you_mean(expression, namespace) if isinstance(error, NameError) and namespace else ""
        raise InputError.of(argument, f"is {shown(expression)}, which cannot be evaluated: {error}.", hint) from error
