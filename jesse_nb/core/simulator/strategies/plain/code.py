"""Whether a source text that defines a strategy is plain."""

from __future__ import annotations

import ast
from functools import lru_cache

from jesse_nb.core.simulator.strategies.plain.methods import check_class
from jesse_nb.core.simulator.strategies.plain.names import NotPlainError, names_at_the_top

__all__ = ["why_not_plain"]


@lru_cache(maxsize=64)
def why_not_plain(source: str) -> str:
    """Return what in a source text cannot be proved to be harmless, and its line; empty where all can.

    Examples
    --------
    >>> why_not_plain("import os")
    'not one class (line 0)'
    """
    try:
        names, class_ = names_at_the_top(ast.parse(source))
        check_class(class_, names)
    except (NotPlainError, SyntaxError, ValueError, RecursionError) as error:
        return str(error) or type(error).__name__
    return ""
