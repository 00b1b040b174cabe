"""What a user calls a result, and who is told when it is there: how whoever starts a tool says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jesse_nb.exceptions import InputError, shown

if TYPE_CHECKING:
    from jesse_nb.core.record.entry import ResultEntry

__all__ = ["LABEL_WORDS", "Labels", "labelled", "labels_now", "labels_of", "labels_of_words"]

#: Arguments of lines that no tool takes, as they only say what its result is called.
LABEL_WORDS = ("name", "tags", "note", "notify")

#: As many characters a name and a note may have.
_LONGEST = 1_000
#: How the file of a record ends, and how folders begin: :func:`~jesse_nb.core.tools.record.finding.load` takes both.
_OF_FILES = ("/", "\\", ".result")


@dataclass(frozen=True)
class Labels:
    """What a user calls a result; what is empty stays as it is. ``notify`` is who is told when its job has ended."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    notify: str = ""

    def on(self, entry: ResultEntry) -> ResultEntry:
        """Return an entry that is called so; tags are added."""
        return replace(entry, name=self.name or entry.name, note=self.note or entry.note,
                       tags=tuple(dict.fromkeys((*entry.tags, *self.tags))))


_NONE = Labels()
_labels: ContextVar[Labels] = ContextVar("jesse_nb_labels", default=_NONE)


@contextmanager
def labelled(labels: Labels) -> Iterator[None]:
    """Have the results of all that is started inside kept under these labels."""
    token = _labels.set(labels)
    try:
        yield
    finally:
        _labels.reset(token)


def labels_now() -> Labels:
    """Return what the result of a tool is called that is started now."""
    return _labels.get()


def labels_of(name: str = "", tags: str | Iterable[str] = (), note: str = "") -> Labels:
    """Return checked labels.

    Raises
    ------
    InputError
        When one is no text or too long, a name could be a file's, or a tag is more than a word.

    Examples
    --------
    >>> labels_of("first try", "trend").tags
    ('trend',)
    """
    given = (tags,) if isinstance(tags, str) else tuple(tags)
    for what, text in (("name", name), ("note", note), *(("tags", tag) for tag in given)):
        if not isinstance(text, str) or len(text) > _LONGEST or not text.isprintable():
            raise InputError.of(what, f"is {shown(text)}.", f"It is one line of at most {_LONGEST:,} characters.")
    if any(not tag or any(sign.isspace() or sign == "," for sign in tag) for tag in given):
        raise InputError.of("tags", f"is {shown(given)}.", "Each tag is one word without commas.")
    if any(sign in name for sign in _OF_FILES[:2]) or name.endswith(_OF_FILES[2]):
        raise InputError.of("name", f"is {shown(name)}.", "It is no file's: no slash, and no .result at its end.")
    return Labels(name.strip(), given, note.strip())


def labels_of_words(words: Mapping[str, list[str]], otherwise: str | None = None) -> Labels:
    """Return what a line calls its result, by default as the variable that it names.

    Raises
    ------
    InputError
        As :func:`labels_of`.
    """
    name, note = (" ".join(words.get(label, ())) for label in ("name", "note"))
    labels = labels_of(name or otherwise or "", words.get("tags", ()), note)
    if "notify" not in words:
        return labels
    from jesse_nb.core.jobs.notices import check_notice  # which brings an HTTP client

    return replace(labels, notify=check_notice(words["notify"][0]))
