"""Asking the user before something of theirs is replaced; where nobody can be asked, only an argument allows it."""

from __future__ import annotations

from collections.abc import Callable

from jesse_nb.exceptions import InputError

__all__ = ["check_allowed", "use_asker"]

#: Returns the answer, or None where nobody can be asked.
Asker = Callable[[str], bool | None]

_asker: Asker | None = None


def use_asker(asker: Asker | None) -> Callable[[], None]:
    """Let a front end ask from now on; what is returned ends that."""
    global _asker  # one front end a process
    before, _asker = _asker, asker

    def end() -> None:
        global _asker
        _asker = before

    return end


def check_allowed(question: str, *, argument: str, said: str) -> None:
    """Ask a question, and go on only after a yes.

    Parameters
    ----------
    question
        That can be answered with yes.
    argument
        Which argument allows it without a question.
    said
        What stands in the way.

    Raises
    ------
    InputError
        When the answer is no, or nobody can be asked.
    """
    answer = _asker(question) if _asker is not None else None
    if answer is None:
        raise InputError.of(argument, f"is not set, and {said}.", "Nobody can be asked here whether it may be "
                            "replaced, so nothing was written.")
    if not answer:
        raise InputError(f"You said no, and {said}.", "Nothing was written.")
