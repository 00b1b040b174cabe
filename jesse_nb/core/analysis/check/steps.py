"""The steps of two runs through one candle compared: the line where they part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jesse_nb.core.simulator.observing import Step

__all__ = ["Parting", "first_parting"]


class Parting(NamedTuple):
    """Where two runs of the same code part.

    ``line`` is that of the code that computed something else: ``name`` became ``first`` in one run and ``second`` in
    the other; all three are empty where only the way through the code differs.
    """

    file: str
    function: str
    line: int
    name: str = ""
    first: str = ""
    second: str = ""


def first_parting(first: Sequence[Step], second: Sequence[Step]) -> Parting | None:
    """Return where the steps of two runs part, or None where they are the same.

    What a step tells of variables was computed by the line before it in the same function.

    Examples
    --------
    >>> same = Step("s.py", "should_long", 4, ())
    >>> one, other = (Step("s.py", "should_long", 5, (("ahead", text),)) for text in ("1.0", "2.0"))
    >>> first_parting([same, one], [same, other])
    Parting(file='s.py', function='should_long', line=4, name='ahead', first='1.0', second='2.0')
    """
    for place, (mine, theirs) in enumerate(zip(first, second, strict=False)):
        if mine == theirs:
            continue
        before = _before(first, place)
        if (mine.file, mine.function, mine.line) == (theirs.file, theirs.function, theirs.line):
            ours, others = dict(mine.values), dict(theirs.values)
            name = next(name for name in [*ours, *others] if ours.get(name) != others.get(name))
            line = mine.line if name == "return" else before.line
            return Parting(mine.file, mine.function, line, name, ours.get(name, "-"), others.get(name, "-"))
        return Parting(before.file, before.function, before.line)
    if len(first) != len(second) and min(len(first), len(second)):
        last = (first if len(first) < len(second) else second)[-1]
        return Parting(last.file, last.function, last.line)
    return None


def _before(steps: Sequence[Step], place: int) -> Step:
    """Return the step before one in the same function, or the one itself where it is the function's first."""
    here = steps[place]
    return next((step for step in reversed(steps[:place])
                 if (step.file, step.function) == (here.file, here.function)), steps[max(place - 1, 0)])
